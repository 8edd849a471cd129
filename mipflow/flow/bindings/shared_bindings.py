"""Keep flows together that share a binding, and so a road (page 14).

The flow mapping table knows which flows share one (`FlowMappingTable.sharing`). Here it is told what correspondents
say; a flow follows the others of its binding, and all of them move to where one has wished to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mipflow.flow.redirector import DataFlowRedirector
from mipflow.flow.tables import BY_ID, FlowMappingEntry, listed
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.mobile_node import MobileNode
from mipflow.sim.trace import Change
from mipflow.wire.address import Address


class Moves(Protocol):
    """Moves flows, and registers what follows from that."""

    def assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """Go on with a flow whose network has changed, or what is known of it."""

    def move(self, entry: FlowMappingEntry, interface: str) -> None:
        """Move a flow and those of the same binding."""

    def wish(self, flow: FlowMappingEntry) -> str | None:
        """Return the network where a flow would be for itself."""


class SharedBindings:
    """Knows which flows one binding moves.

    With route optimisation a flow shares with those of the same home address and correspondent. A correspondent counts
    as optimising until it shows otherwise (`AssignmentRules.optimistic`): it does not know Mobile IPv6, or it refuses.
    Then its flows go where the home agent has bound their home address, with all others of which the same is true.
    """

    def __init__(self, node: MobileNode, moves: Moves, redirector: DataFlowRedirector) -> None:
        self._node, self._registrar, self._moves = node, node.registrar, moves
        self._flows, self._rules = redirector.flows, redirector.rules

    # --- what correspondents say -------------------------------------------------------------------------------------

    def mark(self, cn: Address) -> None:
        """Write into the flow mapping table whether a correspondent holds bindings of ours, or is taken to."""
        rules, bindings = self._rules, self._registrar.list
        if self._node.mode != "route_optimisation" or self._registrar.has_ceased(cn):
            self._flows.mark(cn, False)
        elif rules.optimistic or rules.one_address or any(entry.registered for entry in bindings.of_peer(cn)):
            self._flows.mark(cn, True)
        else:
            self._flows.mark(cn, None)

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """Let flows share with others, or no longer, as a correspondent has acknowledged, refused or lost a
        registration.

        One that has refused a binding does not optimise until it holds it.
        """
        flows, home_address, cn = self._flows, entry.home_address, entry.peer
        was_in_tunnel = flows.takes_tunnel(home_address, cn)
        self.mark(cn)
        if (cn, home_address) not in self._registrar.list or entry.registered is not None:
            flows.mark_pair(home_address, cn, is_refused=False)
        elif entry.state is State.REFUSED:
            flows.mark_pair(home_address, cn, is_refused=True)
        is_in_tunnel = flows.takes_tunnel(home_address, cn)
        if is_in_tunnel and not was_in_tunnel and not self._registrar.has_ceased(cn):  # of that all flows are told
            self.turned_out(flows.of_pair(home_address, cn))
        elif was_in_tunnel and not is_in_tunnel:
            for peer in dict.fromkeys(flow.cn for flow in flows.of_home_address(home_address)):
                self.settle(home_address, peer)

    def turned_out(self, flows: list[FlowMappingEntry]) -> None:
        """Send flows whose correspondent does not optimise where the home agent's binding says, with all others that
        have the same: a binding that is to be in two places would move for ever.
        """
        for flow in flows:
            self._moves.assigned(flow, [])
        for home_address, cn in dict.fromkeys((flow.home_address, flow.cn) for flow in flows):
            together = list(self._flows.of_binding(home_address, cn))
            if len({flow.cn for flow in together}) > 1:
                named = [str(flow.flow_id) for flow in together[:8]] + ["..."] * (len(together) > 8)
                why = f"flows {', '.join(named)} share the home agent's binding of {home_address} until they end"
                self._node.decided("shared binding", f"{why}: {cn} does not optimise")

    # --- where they go -----------------------------------------------------------------------------------------------

    def follow(self, entry: FlowMappingEntry) -> None:
        """Let a flow go where the others of its binding are, while its wish waits; unless a wish comes before: then all
        go there. Others that have a care-of address come first.
        """
        home_address, cn = entry.home_address, entry.cn
        others: Iterator[FlowMappingEntry] = (
            each for each in self._flows.of_binding(home_address, cn) if each is not entry
        )
        if self._flows.as_one or (home_address is not None and self._flows.takes_tunnel(home_address, cn)):
            others = iter(sorted(others, key=lambda each: each.cn == cn))  # those of its own may be new there too
        other = next(others, None)
        if other is not None and other.care_of_address is None:
            other = next((each for each in others if each.care_of_address), other)
        where = entry.interface if other is None else other.interface
        if where == entry.interface and entry.requested in (None, where):
            return
        if not self.settle(home_address, cn, where) and other is not None and where != entry.interface:
            why = f"flow {entry.flow_id} goes over {where} with flow {other.flow_id}, whose binding it shares"
            waits = "" if entry.requested in (None, where) else f"; {entry.requested} has to wait"
            self._node.decided("shared binding", why + waits)
            changes = self._flows.change(entry, interface=where, care_of_address=other.care_of_address)
            self._node.record(changes)

    def settle(self, home_address: Address | None, cn: Address, where: str | None = None) -> bool:
        """Move flows of one binding, which are at `where`, to the usable network that the earliest of them wishes, the
        one with the smallest id; any wish comes before none. Return True if they moved.
        """
        together = sorted(self._flows.of_binding(home_address, cn), key=BY_ID)
        for flow in together:
            wish = None if flow.home_address in self._node.addresses else self._moves.wish(flow)
            if wish is None or not self._node.interface(wish).is_usable:
                continue
            if wish == (where or flow.interface):
                return False
            how = "as it wishes" if flow.interface == wish else "for which it has waited"
            why = f"flow {flow.flow_id} goes over {wish}, {how}, with all that share its binding"
            others = [each for each in together if each.requested not in (None, wish)]
            waits = listed([f"flow {each.flow_id} has to wait for {each.requested}" for each in others])
            self._node.decided("shared binding", f"{why}; {waits}" if waits else why)
            self._moves.move(flow, wish)
            return True
        return False
