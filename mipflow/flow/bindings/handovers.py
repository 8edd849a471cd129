"""Hand flows over: move them from one interface to another, with the bindings that this takes (the patent, page 13).

A handover changes the care-of address in a row of the flow mapping table, and binding updates follow: to the
correspondent node, or to the home agent where that one's binding is what counts. `flow.bindings.binder` has them sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mipflow.arguments import FLAG, check, optional
from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.bindings.address_pool import ANCHOR, AddressPool
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, flows_named
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.registrations.steps import WAITS
from mipflow.node.interface import Interface
from mipflow.wire.address import Address

Says = Callable[
    [FlowMappingEntry, Address, FlowMappingTable], tuple[dict[int, Address], list[tuple[Address, Address, Address]]]
]
"""Says which rows change in a handover, and which binding updates are sent: flow id -> care-of address; (peer, home
address, care-of address), in order. Called with the flow that is to move, where to, and all flows.
"""


class ChoosesNetworks(Protocol):
    """Chooses the network of each flow (page 12), and says where home addresses are bound at the home agent (page 13).
    """

    @property
    def policies(self) -> object | None:
        """The policies; None where there are none."""

    def choose(self, flow: FlowMappingEntry, default: str | None) -> str:
        """Return the network of a new flow. Raises TopologyError where no interface is up."""

    def wish(self, flow: FlowMappingEntry) -> str | None:
        """Return the network where a flow would be for itself; None where nothing says."""

    def reconsider(self, why: str) -> list[int]:
        """Move the flows that are better elsewhere by now; return their ids."""

    def failed(self, interface: Interface) -> list[FlowMappingEntry]:
        """Select other networks for the flows of an interface that cannot be used any more; return these flows."""

    def rescue(self, interface: Interface) -> None:
        """Select networks for flows whose interface is down, now that another one has a care-of address."""

    @property
    def home_follows(self) -> bool:
        """True where a home binding goes with its flow."""

    def home_interface(self, kept_for: str = "") -> Interface | None:
        """Return the interface at which a home address is to be bound; None where its flow decides."""

    def bind_home_addresses(self, interface: Interface) -> None:
        """Bind what is to be bound at an interface that has a care-of address."""


class Handovers:
    """Moves the flows of `node`. proceed: does the next thing that a flow needs, such as telling its correspondent;
    says: a function that says what a handover is. Where there is one, nothing is sent in a handover but that, and
    rows and bindings that differ afterwards stay so.
    """

    def __init__(
        self, node: MobileNode, flows: FlowMappingTable, pool: AddressPool, networks: ChoosesNetworks,
        proceed: Callable[[FlowMappingEntry], None], says: Says | None,
    ) -> None:  # fmt: skip
        self._node, self._registrar, self._record = node, node.registrar, node.record
        self._flows, self._pool, self._networks, self._proceed, self.says = flows, pool, networks, proceed, says
        self.after_home: dict[Address, list[tuple[Address, Address]]] = {}
        """Home address -> correspondents that `says` has told, and what, once the home agent has answered."""
        self._follow_home: set[tuple[Address | None, Address]] = set()
        """(home address, correspondent) whose correspondent binding waits for the home binding to move first."""

    def waits_for_home(self, home_address: Address, cn: Address) -> bool:
        """Return True for a correspondent binding that waits for the home binding."""
        return (home_address, cn) in self._follow_home

    def home_bound(self, home_address: Address) -> None:
        """Let correspondent bindings wait no longer for a home binding."""
        self._follow_home = {pair for pair in self._follow_home if pair[0] != home_address}

    def home_moved(self, home_address: Address) -> None:
        """Tell correspondents what was to be told after the home agent."""
        for peer, care_of in self.after_home.pop(home_address, ()):
            self._registrar.register_correspondent(peer, home_address, care_of)

    def handover(
        self, flow: object = None, interface: str | None = None, *, home_follows: bool | None = None,
        alone: bool = False,
    ) -> list[int]:  # fmt: skip
        """See `FlowMobileNode.handover`."""
        if flow is None or interface is None:
            known = f"open flows: {self._flows.listed()}; interfaces: {', '.join(self._node.interfaces)}"
            why = f"handover() of {shown(flow)} to {shown(interface)}; expected a flow and an interface; {known}"
            raise ProtocolMisuse(why)
        check(optional(FLAG), home_follows=home_follows)
        check(FLAG, alone=alone)
        entry = self._flows[self.flow_id(flow)]
        care_of = self._node.care_of_address(interface)
        if entry.home_address in self._node.addresses:
            raise ProtocolMisuse(f"flow {entry.flow_id} is at home and has no binding to move; leave home first", entry)
        if self.says is not None:
            return self._move_as_said(self.says, entry, interface, care_of)
        together = self._flows.sharing(entry)
        ids = [other.flow_id for other in together]
        if alone and len(ids) > 1:
            raise ProtocolMisuse(f"flows {ids} share a binding; leave out alone=True to move them all", ids)
        others = [each for each in ids if each != entry.flow_id]
        along = f"; {flows_named(others)} bound by the same row" if others else ""
        self._node.decided("handover", f"{flows_named([entry.flow_id])} to move to {interface}{along}")
        for other in together:
            other.requested = interface  # what policies of a higher priority may overrule
        follows = self._networks.home_follows if home_follows is None else home_follows
        self._move(together, interface, care_of, follows)
        return ids

    def _move_as_said(self, says: Says, entry: FlowMappingEntry, interface: str, care_of: Address) -> list[int]:
        """Have a learner's function say which rows change and which updates are sent, and do no more than that.

        An update to a correspondent that follows one to the home agent about the same home address waits for its
        answer: the test of the home address goes where the home agent's row says.
        """
        self._node.decided("handover", f"{flows_named([entry.flow_id])} to move to {interface}")
        try:
            rows, updates = says(entry, care_of, self._flows)
            names = {each.address: name for name, each in self._node.interfaces.items()}
            if strange := [where for where in rows.values() if where not in names]:
                raise FunctionFailed(f"{strange[0]} is no care-of address of this node", strange[0])
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            return []
        for number, where in rows.items():
            self._record(self._flows.change(self._flows[number], interface=names[where], care_of_address=where))
        for peer, home_address, where in updates:
            if peer == self._node.home_agent:
                if not self._is_placed(home_address, where):
                    self.after_home.setdefault(home_address, [])
                self._node.bind(home_address, where)
            elif home_address in self.after_home:
                self.after_home[home_address].append((peer, where))
            else:
                self._registrar.register_correspondent(peer, home_address, where)
        return list(rows)

    def handover_all(self, interface: str | None = None, *, break_first: bool = False) -> list[int]:
        """See `FlowMobileNode.handover_all`."""
        check(FLAG, break_first=break_first)
        node, (interface, care_of) = self._node, self._place(interface, "handover_all() to")
        away = [flow for flow in self._flows if flow.home_address not in node.addresses]
        node.decided("handover", f"everything is to move to {interface}")
        for flow in away:
            flow.requested = interface
        self._move(away, interface, care_of, True)
        for home_address in node.home_addresses_in_order():
            is_away = home_address not in node.addresses and not self._pool.is_freeing(home_address)
            is_bound = is_away and node.home_registration(home_address) is not None
            if is_bound and not self._pool.kept_for(home_address).startswith(ANCHOR):
                self.bind_home(home_address, care_of)
        for other in [each for each in node.interfaces.values() if break_first and each.name != interface]:
            other.set_up(False)
        return [flow.flow_id for flow in away]

    def bind(self, peer: Address, interface: str | None) -> list[int]:
        """See `FlowMobileNode.bind`. The flows that follow the row are moved in the table too: a row that differs from
        the table would be taken back.
        """
        interface, care_of = self._place(interface, "bind() at")
        node, home_address = self._node, self._node.primary_home_address
        if home_address in node.addresses:
            raise ProtocolMisuse(f"{home_address} is at home and has no binding to change; leave home first", peer)
        if self._flows.as_one:
            why = "here all peers are told the same care-of address; expected handover_all(interface), or mf.figure1()"
            raise ProtocolMisuse(why, peer)
        is_agent = peer == node.home_agent_of(home_address)
        if not is_agent and (node.mode != "route_optimisation" or self._registrar.has_ceased(peer)):
            node.decided("binds", f"sends {peer} no update: it keeps no rows")
            return []
        own = [*self._flows.of_home_address(home_address)] if is_agent else self._flows.of_pair(home_address, peer)
        moved = [flow for flow in own if self._flows.takes_tunnel(home_address, flow.cn) is is_agent]
        node.decided("binds", f"tells {peer} alone that {home_address} is at {care_of}")
        for flow in moved:
            flow.requested = interface
            self._record(self._flows.change(flow, interface=interface, care_of_address=care_of))
        if is_agent:
            self.bind_home(home_address, care_of)
        else:
            self._follow_home.discard((home_address, peer))
            self._registrar.register_correspondent(peer, home_address, care_of)
        return [flow.flow_id for flow in moved]

    def move(self, entry: FlowMappingEntry, interface: str) -> None:
        """Move a flow and those of the same binding, as a policy says and nobody has asked for."""
        care_of = self._node.interfaces[interface].address
        self._move(self._flows.sharing(entry), interface, care_of, self._networks.home_follows)

    def _move(self, together: Sequence[FlowMappingEntry], name: str, care_of: Address | None, follows: bool) -> None:
        """Select a network for flows, and register what follows from that, one (home address, correspondent) after the
        other.
        """
        for other in together:
            self._record(self._flows.change(other, interface=name, care_of_address=care_of))
        for entry in {(other.home_address, other.cn): other for other in together}.values():
            home_address = entry.home_address
            self._follow_home.discard((home_address, entry.cn))
            goes_first = follows or self._flows.as_one or self._takes_tunnel(entry)
            if goes_first and home_address and care_of and not self._is_placed(home_address, care_of):
                self.bind_home(home_address, care_of)
                if self._registrar.machine.takes_home_test(entry.cn, home_address):
                    self._follow_home.add((home_address, entry.cn))
                    self._node.decided(WAITS, f"{home_address} at {entry.cn}: the home binding, which goes first")
                    continue
            self._proceed(entry)
        for other in [each for each in together if not each.ready]:  # it may have had no care-of address until now
            self._proceed(other)

    def _place(self, interface: str | None, call: str) -> tuple[str, Address]:
        """Return an interface and its care-of address. Raises ProtocolMisuse for None, and one without an address."""
        if interface is None:
            known = ", ".join(self._node.interfaces)
            raise ProtocolMisuse(f"{call} None; expected an interface, one of {known}", interface)
        return interface, self._node.care_of_address(interface)

    def _takes_tunnel(self, entry: FlowMappingEntry) -> bool:
        """Return True for a flow whose care-of address is the home agent's to know: its correspondent does not
        optimise, or has left too many attempts unanswered.
        """
        if entry.home_address is None:
            return False
        binding = self._registrar.list.get((entry.cn, entry.home_address))
        has_failed = binding is not None and binding.state is State.FALLBACK
        return has_failed or self._flows.takes_tunnel(entry.home_address, entry.cn)

    def _is_placed(self, home_address: Address, care_of: Address) -> bool:
        """Return True where a home address is bound to this care-of address and to no other, or is not bound yet."""
        entry = self._node.home_registration(home_address)
        return entry is None or entry.registered is None or {entry.registered, entry.care_of_address} == {care_of}

    def bind_home(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address at the home agent, unless it is bound so, or is being bound so, already."""
        entry = self._node.home_registration(home_address)
        if entry is None or entry.care_of_address != care_of or entry.state not in (State.UPDATING, State.BOUND):
            self._node.bind(home_address, care_of)

    def flow_id(self, flow: object) -> int:
        """Return the id of a Flow, a FlowMappingEntry or an id. Raises ProtocolMisuse for anything else, and for a flow
        of another world.
        """
        entry = getattr(flow, "entry", flow)
        if isinstance(entry, FlowMappingEntry):
            self._node.network.check_own(flow, entry.network)
            return entry.flow_id
        if not isinstance(flow, int) or isinstance(flow, bool):
            raise ProtocolMisuse(f"{shown(flow)} is no flow; expected what open() returned, or a flow id", flow)
        return flow
