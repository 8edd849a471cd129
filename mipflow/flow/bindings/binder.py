"""Flows of a mobile node have bindings of their own: from a flow's home address to the registrations that it needs.

The shell around the two tables, the redirector and the pool of home addresses. `flow.stack` puts packets into flows;
here each flow gets a home address and its bindings, and is handed over. The mobile node below tells what happens and
asks where to bind (`mip6.listener`); `flow.policy.networks` chooses where a flow goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mipflow.arguments import FLAG, TEXT, check, fits, optional, several
from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.allocation.allocation import Allocation, StatelessAllocation
from mipflow.flow.bindings.address_pool import AddressPool
from mipflow.flow.bindings.shared_bindings import SharedBindings
from mipflow.flow.bindings.waiting_room import WaitingRoom
from mipflow.flow.flows import Flow
from mipflow.flow.journal import Journal
from mipflow.flow.learner.guard import Guarded, wrong_truth
from mipflow.flow.policy.networks import ANCHOR, NetworkChooser
from mipflow.flow.policy.policies import HomeBindings, Policies
from mipflow.flow.redirector import Assign, AssignmentRules, DataFlowRedirector
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable, flows_named
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.listener import Listener
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.registrations.steps import WAITS
from mipflow.mip6.registrations.updates import named
from mipflow.node.interface import Interface
from mipflow.sim.trace import Change
from mipflow.wire.address import ADDRESS, Address, Prefix
from mipflow.wire.mobility import Status

if TYPE_CHECKING:
    from mipflow.flow.learner.answers import Answers

Says = Callable[
    [FlowMappingEntry, Address, FlowMappingTable], tuple[dict[int, Address], list[tuple[Address, Address, Address]]]
]
"""Which rows change in a handover, and which binding updates are sent: flow id -> care-of address; (peer, home address,
care-of address), in order. Called with the flow that is to move, where to, and all flows.
"""


def wrong_move(result: object, flow: object, care_of: object, flows: FlowMappingTable) -> str:
    """Say what is wrong with the result of a function that tells what a handover is; empty where nothing is."""
    rows, updates = result if isinstance(result, tuple) and len(result) == 2 else (None, None)
    homes = {each.home_address for each in flows}
    if isinstance(rows, dict) and all(each in flows and fits(where, ADDRESS) for each, where in rows.items()):
        told: list[Any] = updates if isinstance(updates, list) else [None]
        if all(fits(each, several(ADDRESS, "")) and len(each) == 3 and each[1] in homes for each in told):
            return ""
    return "expected ({flow id: care-of address}, [(peer, home address of a flow, care-of address)])"


class FlowBinder(Listener):
    """Binds and moves single flows of `node`; for further keywords see `flow.mobile_node.FlowMobileNode`."""

    def __init__(
        self, node: MobileNode, *, home_prefix: Prefix, rules: AssignmentRules | None, assign: Assign | None, pool: int,
        hold_down_s: float, allocation: Allocation | None, policies: Policies | None, home_bindings: HomeBindings,
        reconsider_every_s: float | None, handover: Says | None = None,
    ) -> None:  # fmt: skip
        primary = node.primary_home_address
        if primary not in home_prefix:
            raise ProtocolMisuse(f"home_address={primary}; expected one of {home_prefix}", primary)
        self._node, self.journal = node, Journal(node)
        self._registrar, self.record = node.registrar, node.record
        self.home_addresses = HomeAddressTable(primary)
        self.record(self.home_addresses.entered())
        self.flows = FlowMappingTable(network=node.network)
        self.redirector = DataFlowRedirector(self.home_addresses, self.flows, rules, assign, node.own_home_addresses)
        self.waiting = WaitingRoom(node.host)
        made = StatelessAllocation(home_prefix, primary) if allocation is None else allocation
        tables = self.redirector, self.journal
        self.pool = AddressPool(node, self, *tables, made, pool, hold_down_s)
        self.networks = NetworkChooser(node, self, *tables, policies, home_bindings, reconsider_every_s)
        self.shared = SharedBindings(node, node.registrar, self, *tables)
        self._says = handover
        """Where there is one, nothing is sent in a handover but what it says, and what differs afterwards stays so."""
        self.after_home: dict[Address, list[tuple[Address, Address]]] = {}
        """Home address -> correspondents that it says are to be told, and what, once the home agent has answered."""
        self._callers: list[tuple[str, Callable[[Address], None]]] = []
        """Names of kept home addresses, and callbacks that wait until those are bound."""
        self._failed: dict[Interface, list[FlowMappingEntry]] = {}
        """An interface that has failed -> its flows, while what was bound there moves."""
        self._follow_home: set[tuple[Address | None, Address]] = set()
        """(home address, correspondent) whose correspondent binding waits for the home binding to move first."""
        self.answers: Answers | None = None
        """Says what becomes of a further home address, where a learner does."""
        node.listener = self

    # --- from a flow's home address to its bindings ------------------------------------------------------------------

    def assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """A new flow has what the redirector gave it."""
        self.record(changes)
        if entry.home_address is not None:
            self.pool.taken(entry.home_address)
        self.shared.follow(entry)
        self.proceed(entry)

    def refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow has no home address that it can use: its packets wait no longer."""
        if entry.refused != why:
            self._node.decided("flow refused", f"flow {entry.flow_id}: {why}")
        entry.refused = why
        self.waiting.turn_away(entry.flow_id, why)

    def proceed(self, entry: FlowMappingEntry) -> None:
        """Do what a flow needs next: a home address, its home binding, its correspondent binding."""
        home_address = entry.home_address
        if home_address in self._node.addresses:  # at home, where packets go straight (RFC 6275 section 11.3.1)
            interface = self._node.addresses[home_address].name
            self.record(self.flows.change(entry, interface=interface, care_of_address=home_address))
            self.make_ready(entry)
            return
        if entry.care_of_address is None:
            return
        if home_address is None:
            self.find_home_address(entry)
            return
        registered = self._node.registered_at_home(home_address)
        self.record(self.flows.change(entry, registered_at_ha=registered))
        if registered is None:
            care_of = self.home_care_of(home_address, entry)
            if care_of is not None and self._node.home_registration(home_address) is None:
                self._node.bind(home_address, care_of)
            return
        is_at_home_agent = self.flows.as_one or self.flows.takes_tunnel(home_address, entry.cn)
        if registered != entry.care_of_address and is_at_home_agent and self._says is None:
            self._bind_home(home_address, entry.care_of_address)
            if not entry.ready:  # meanwhile the home agent would drop what comes from there (RFC 6275 section 10.4.5)
                return
        self.make_ready(entry)
        if self._node.mode == "route_optimisation" and (home_address, entry.cn) not in self._follow_home:
            binding = self._registrar.list.get(entry.cn, home_address)
            differs = binding is not None and binding.care_of_address != entry.care_of_address and self._says is None
            if binding is None or differs or binding.state is State.DELETING:
                self._registrar.register_correspondent(entry.cn, home_address, entry.care_of_address)
            else:
                self.record(self.flows.change(entry, registered_at_cn=binding.registered))

    def find_home_address(self, entry: FlowMappingEntry, may_ask: bool = True) -> None:
        """By the redirector, which finds one in the table, or by asking for a new one (Figure 6, step 43)."""
        try:
            changes = self.redirector.give(entry)
            if entry.home_address is not None:
                self.assigned(entry, changes)
            elif may_ask and entry.care_of_address is not None:
                self.pool.request(entry)
        except FunctionFailed as error:
            self.journal.function_failed(error)
            self.refuse_flow(entry, str(error))

    def make_ready(self, entry: FlowMappingEntry) -> None:
        """A flow may send from its home address."""
        if not entry.ready:
            entry.ready, entry.refused, entry.ready_ns = True, "", self._node.clock.now
            self.waiting.release(entry)
            self.pool.fill()

    # --- home addresses and their care-of addresses at the home agent (page 13) --------------------------------------

    def home_care_of(self, home_address: Address, flow: FlowMappingEntry | None) -> Address | None:
        """The care-of address under which a home address is to be bound at the home agent: as `home_bindings` says,
        else that of its flow, else the primary's.
        """
        interface = self.networks.home_interface(self.pool.kept_for(home_address))
        if interface is not None:
            return interface.address
        return flow.care_of_address if flow is not None else self._node.registered_at_home(self.home_addresses.primary)

    def home_interface(self) -> Interface | None:
        """Where the primary is bound, if `home_bindings` says so."""
        return self.networks.home_interface()

    def bind_unused(self, home_address: Address) -> None:
        """Bind a home address without flows, if it is known where."""
        care_of = self.home_care_of(home_address, None)
        if care_of is not None and self._node.home_registration(home_address) is None:
            self._node.bind(home_address, care_of)

    def rebind(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address elsewhere, if it is bound."""
        entry = self._node.home_registration(home_address)
        if entry is not None and entry.care_of_address != care_of:
            self._node.bind(home_address, care_of)

    def keep_home_address(self, name: str, is_for: Callable[[FlowMappingEntry], bool]) -> None:
        """See `FlowMobileNode.keep_home_address`."""
        check(TEXT, name=name)
        if name in [known for known, _ in self.redirector.keeping]:
            raise ProtocolMisuse(f"name={name!r}; expected one under which no home address is kept yet", name)
        self.redirector.keeping.append((name, Guarded("is_for", is_for, "flow", wrong_truth)))
        self.pool.fill()

    def when_kept(self, name: str) -> Callable[[Callable[[Address], None]], None]:
        """Give what calls `callback(home address)` once the one kept under this name is bound, at once where it is.
        Raises ProtocolMisuse for a name under which none is kept.
        """
        known = [each for each, _ in self.redirector.keeping]
        if name not in known:
            kept = ", ".join(map(shown, known)) or "none, call keep_home_address first"
            raise ProtocolMisuse(f"to={shown(name)}; expected a name under which a home address is kept: {kept}", name)

        def tell(callback: Callable[[Address], None]) -> None:
            self._callers.append((name, callback))
            self._tell_callers()

        return tell

    def _tell_callers(self) -> None:
        for name, callback in [*self._callers]:
            home_address = self.home_addresses.kept.get(name)
            if home_address is not None and self._node.registered_at_home(home_address) is not None:
                self._callers.remove((name, callback))
                callback(home_address)

    # --- handover of a flow (the patent, page 13) --------------------------------------------------------------------

    def handover(
        self, flow: object = None, interface: str | None = None, *, home_follows: bool | None = None,
        alone: bool = False,
    ) -> list[int]:  # fmt: skip
        """See `FlowMobileNode.handover`."""
        if flow is None or interface is None:
            known = f"open flows: {self.flows.listed()}; interfaces: {', '.join(self._node.interfaces)}"
            why = f"handover() of {shown(flow)} to {shown(interface)}; expected a flow and an interface; {known}"
            raise ProtocolMisuse(why)
        check(optional(FLAG), home_follows=home_follows)
        check(FLAG, alone=alone)
        entry = self.flows[self.flow_id(flow)]
        care_of = self._node.care_of_address(interface)
        if entry.home_address in self._node.addresses:
            raise ProtocolMisuse(f"flow {entry.flow_id} is at home and has no binding to move; leave home first", entry)
        if self._says is not None:
            return self._move_as_said(entry, interface, care_of)
        together = self.flows.sharing(entry)
        ids = [other.flow_id for other in together]
        if alone and len(ids) > 1:
            raise ProtocolMisuse(f"flows {ids} share a binding; leave out alone=True to move them all", ids)
        others = [each for each in ids if each != entry.flow_id]
        along = f"; {flows_named(others)} bound by the same row" if others else ""
        self._node.decided("handover", f"{flows_named([entry.flow_id])} to move to {interface}{along}")
        for other in together:
            other.requested = interface  # what policies of a higher priority may overrule
        follows = self.networks.home_follows if home_follows is None else home_follows
        self._move(together, interface, care_of, follows or self.flows.as_one)
        return ids

    def _move_as_said(self, entry: FlowMappingEntry, interface: str, care_of: Address) -> list[int]:
        """Have a learner's function say which rows change and which updates are sent, and do no more than that.

        What it tells a correspondent of a home address that the home agent is told of before waits for the answer, for
        the test of the home address goes where the home agent's row says.
        """
        self._node.decided("handover", f"{flows_named([entry.flow_id])} to move to {interface}")
        assert self._says is not None
        try:
            rows, updates = self._says(entry, care_of, self.flows)
            names = {each.address: name for name, each in self._node.interfaces.items()}
            if strange := [where for where in rows.values() if where not in names]:
                raise FunctionFailed(f"{strange[0]} is no care-of address of this node", strange[0])
        except FunctionFailed as error:
            self.journal.function_failed(error)
            return []
        for number, where in rows.items():
            self.record(self.flows.change(self.flows[number], interface=names[where], care_of_address=where))
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
        if interface is None:
            known = ", ".join(self._node.interfaces)
            raise ProtocolMisuse(f"handover_all() to None; expected an interface, one of {known}", interface)
        check(FLAG, break_first=break_first)
        node, care_of = self._node, self._node.care_of_address(interface)
        away = [flow for flow in self.flows if flow.home_address not in node.addresses]
        node.decided("handover", f"everything is to move to {interface}")
        for flow in away:
            flow.requested = interface
        self._move(away, interface, care_of, True)
        for home_address in node.home_addresses_in_order():
            is_away = home_address not in node.addresses and not self.pool.is_freeing(home_address)
            is_bound = is_away and node.home_registration(home_address) is not None
            if is_bound and not self.pool.kept_for(home_address).startswith(ANCHOR):
                self._bind_home(home_address, care_of)
        for other in [each for each in node.interfaces.values() if break_first and each.name != interface]:
            other.set_up(False)
        return [flow.flow_id for flow in away]

    def bind(self, peer: Address, interface: str | None) -> list[int]:
        """See `FlowMobileNode.bind`. The flows that follow the row are moved in the table too: what differs from it
        would be taken back.
        """
        if interface is None:
            known = ", ".join(self._node.interfaces)
            raise ProtocolMisuse(f"bind() at None; expected an interface, one of {known}", interface)
        node, home_address, care_of = self._node, self._node.primary_home_address, self._node.care_of_address(interface)
        if home_address in node.addresses:
            raise ProtocolMisuse(f"{home_address} is at home and has no binding to change; leave home first", peer)
        if self.flows.as_one:
            why = "here all peers are told the same care-of address; expected handover_all(interface), or mf.figure1()"
            raise ProtocolMisuse(why, peer)
        is_agent = peer == node.home_agent_of(home_address)
        if not is_agent and (node.mode != "route_optimisation" or self._registrar.has_ceased(peer)):
            node.decided("binds", f"sends {peer} no update: it keeps no rows")
            return []
        own = [*self.flows.of_home_address(home_address)] if is_agent else self.flows.of_pair(home_address, peer)
        moved = [flow for flow in own if self.flows.takes_tunnel(home_address, flow.cn) is is_agent]
        node.decided("binds", f"tells {peer} alone that {home_address} is at {care_of}")
        for flow in moved:
            flow.requested = interface
            self.record(self.flows.change(flow, interface=interface, care_of_address=care_of))
        if is_agent:
            self._bind_home(home_address, care_of)
        else:
            self._follow_home.discard((home_address, peer))
            self._registrar.register_correspondent(peer, home_address, care_of)
        return [flow.flow_id for flow in moved]

    def move(self, entry: FlowMappingEntry, interface: str) -> None:
        """Move a flow and those of the same binding, as a policy says; nobody has asked for it."""
        care_of = self._node.interfaces[interface].address
        self._move(self.flows.sharing(entry), interface, care_of, self.networks.home_follows or self.flows.as_one)

    def wish(self, flow: FlowMappingEntry) -> str | None:
        """Where a flow would be for itself; None where nothing says."""
        return self.networks.wish(flow)

    def _move(self, together: Sequence[FlowMappingEntry], name: str, care_of: Address | None, follows: bool) -> None:
        """Select a network for flows, and have registered what follows from that: the pairs one after the other."""
        for other in together:
            self.record(self.flows.change(other, interface=name, care_of_address=care_of))
        for entry in {(other.home_address, other.cn): other for other in together}.values():
            home_address = entry.home_address
            self._follow_home.discard((home_address, entry.cn))
            goes_first = follows or self._takes_tunnel(entry)
            if goes_first and home_address and care_of and not self._is_placed(home_address, care_of):
                self._bind_home(home_address, care_of)
                if self._registrar.machine.takes_home_test(entry.cn, home_address):
                    self._follow_home.add((home_address, entry.cn))
                    self._node.decided(WAITS, f"{home_address} at {entry.cn}: the home binding, which goes first")
                    continue
            self.proceed(entry)
        for other in [each for each in together if not each.ready]:  # it may have had no care-of address until now
            self.proceed(other)

    def _takes_tunnel(self, entry: FlowMappingEntry) -> bool:
        """True for a flow whose care-of address is the home agent's to know: its correspondent does not optimise, or
        has left too many attempts unanswered.
        """
        if entry.home_address is None:
            return False
        binding = self._registrar.list.get(entry.cn, entry.home_address)
        has_failed = binding is not None and binding.state is State.FALLBACK
        return has_failed or self.flows.takes_tunnel(entry.home_address, entry.cn)

    def _is_placed(self, home_address: Address, care_of: Address) -> bool:
        """True where a home address is bound to this care-of address, and no other is under way; or not bound yet."""
        entry = self._node.home_registration(home_address)
        return entry is None or entry.registered is None or {entry.registered, entry.care_of_address} == {care_of}

    def _bind_home(self, home_address: Address, care_of: Address) -> None:
        """Have a home address bound at the home agent, where that is not so, or under way, already."""
        entry = self._node.home_registration(home_address)
        if entry is None or entry.care_of_address != care_of or entry.state not in (State.UPDATING, State.BOUND):
            self._node.bind(home_address, care_of)

    def flow_id(self, flow: object) -> int:
        """The id of a Flow, a FlowMappingEntry or an id. Raises ProtocolMisuse for anything else, and for a flow of
        another world.
        """
        if isinstance(flow, Flow | FlowMappingEntry):
            entry = flow.entry if isinstance(flow, Flow) else flow
            self._node.network.check_own(flow, entry.network)
            return entry.flow_id
        if not isinstance(flow, int) or isinstance(flow, bool):
            raise ProtocolMisuse(f"{shown(flow)} is no flow; expected what open() returned, or a flow id", flow)
        return flow

    # --- interfaces that come and go ---------------------------------------------------------------------------------

    def interface_changing(self, interface: Interface) -> None:
        """An interface went up or down: the flows of one that failed go, by policy, each where it is best (page 12)."""
        if not interface.is_usable:
            self._failed[interface] = self.networks.failed(interface)

    def interface_changed(self, interface: Interface) -> None:
        """Home bindings are on their way: the flows of an interface that failed follow."""
        for flow in self._failed.pop(interface, ()):
            self.proceed(flow)
        if interface.is_usable:
            self.networks.reconsider(f"{interface.name} is up")

    def care_of_changing(self, interface: Interface) -> None:
        """An interface has a care-of address: flows of one that is down choose anew."""
        self.networks.rescue(interface)

    def care_of_ready(self, interface: Interface) -> None:
        """An interface has a care-of address: its flows go on, those bound elsewhere meanwhile come back."""
        for entry in [flow for flow in self.flows if flow.interface == interface.name]:
            is_first = entry.care_of_address is None
            self.record(self.flows.change(entry, care_of_address=interface.address))
            if is_first:
                self.shared.follow(entry)
            if entry.home_address is not None or not entry.refused:
                self.proceed(entry)
        if interface.address == self._node.registered_at_home(self._node.primary_home_address):
            self.pool.allocation.primary_bound()  # there is a tunnel again, without a word of the home agent
        self.networks.bind_home_addresses(interface)
        for entry in [flow for flow in self.flows if flow.requested == interface.name != flow.interface]:
            self.shared.settle(entry.home_address, entry.cn)
        self.networks.reconsider(f"{interface.name} has a care-of address")

    def care_of_for(self, entry: BindingUpdateEntry) -> Address | None:
        """Where a registration goes whose interface has failed: with its flow, a home registration as policy says."""
        if entry.home_registration:
            return self.home_care_of(entry.home_address, next(self.flows.of_home_address(entry.home_address), None))
        return next((flow.care_of_address for flow in self.flows.of_pair(entry.home_address, entry.peer)), None)

    # --- what peers say ----------------------------------------------------------------------------------------------

    def peer_without_mobility(self, peer: Address) -> None:
        """A correspondent does not know Mobile IPv6: all its flows depend on the home agent's binding."""
        self.shared.mark(peer)
        self.shared.turned_out(self.flows.of_correspondent(peer))

    def home_prefixes_told(self) -> None:
        """Mobile prefix discovery has told of prefixes: what waits for one goes on."""
        self.pool.allocation.primary_bound()

    def came_home(self, home_address: Address) -> None:
        """A home address is at home: its flows need no binding."""
        interface = self._node.addresses[home_address]
        self.pool.acknowledged(home_address)
        self._home_bound(home_address, home_address)
        for flow in [flow for flow in self.flows if flow.care_of_address is None and flow.interface == interface.name]:
            self.record(self.flows.change(flow, care_of_address=interface.address))
            self.proceed(flow)

    def left_home(self) -> None:
        """Flows of home addresses that have left home wait for a care-of address."""
        for flow in self.flows:
            if flow.care_of_address == flow.home_address and flow.home_address not in self._node.addresses:
                self.record(self.flows.change(flow, care_of_address=None))

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """A peer has acknowledged or lost a registration: write it into the tables, and go on."""
        home_address = entry.home_address
        if not entry.home_registration:
            self.shared.registration_changed(entry)
        is_at_home = entry.home_registration and home_address in self._node.addresses
        if self.pool.continue_freeing(home_address) or is_at_home:
            return
        if not entry.home_registration:
            self._correspondent_changed(entry)
            return
        if entry.registered is not None:
            if self._is_decided(home_address, int(self._registrar.machine.awaits_prefixes)):
                return
            self.pool.acknowledged(home_address)
            self._follow_home = {pair for pair in self._follow_home if pair[0] != home_address}
        self._home_bound(home_address, entry.registered)
        if self.after_home and entry.registered == entry.care_of_address:
            for peer, care_of in self.after_home.pop(home_address, ()):
                self._registrar.register_correspondent(peer, home_address, care_of)

    def _home_bound(self, home_address: Address, care_of: Address | None) -> None:
        """The home agent holds this care-of address for a home address now; None when it holds none."""
        self.record(self.home_addresses.bound(home_address, care_of))
        for flow in list(self.flows.of_home_address(home_address)):
            self.record(self.flows.change(flow, registered_at_ha=care_of))
            if care_of is not None:
                self.proceed(flow)
        if care_of is not None:
            self._tell_callers()
            self.pool.fill()

    def _correspondent_changed(self, entry: BindingUpdateEntry) -> None:
        is_gone = (entry.peer, entry.home_address) not in self._registrar.list
        was_deleted = is_gone and (entry.state is State.DELETING or entry.lifetime_s == 0)
        for flow in self.flows.of_pair(entry.home_address, entry.peer):
            self.record(self.flows.change(flow, registered_at_cn=entry.registered))
            if was_deleted:  # a flow was opened meanwhile
                self.proceed(flow)

    def registration_refused(self, entry: BindingUpdateEntry, status: int) -> None:
        """A home agent does not bind an address: its flows wait for the next try, but their packets do not."""
        if entry.home_registration and self._is_decided(entry.home_address, status):
            return
        for flow in list(self.flows.of_home_address(entry.home_address)) if entry.home_registration else ():
            if not flow.ready:
                self.refuse_flow(flow, f"the home agent does not bind {entry.home_address}: {named(status)}")

    def home_address_taken(self, home_address: Address) -> None:
        """Somebody else has this home address (RFC 6275 section 11.7.1): flows that waited for it get another."""
        if self._is_decided(home_address, Status.DUPLICATE_ADDRESS_DETECTION_FAILED):
            return
        waiting = list(self.flows.of_home_address(home_address))
        for flow in waiting:
            flow.ready = False
            self.record(self.flows.change(flow, home_address=None, registered_at_ha=None))
        one_address = self.redirector.rules.one_address
        again = self.pool.collided(home_address) and not one_address
        for flow in waiting:
            if again:
                self.proceed(flow)
            else:
                refuse = self.refuse_flow if one_address else self.pool.refuse
                refuse(flow, "no home address could be allocated: all that were tried are in use")

    def _is_decided(self, home_address: Address, status: int) -> bool:
        """Whether a learner's function has said what becomes of an address, and that is done."""
        return self.answers is not None and self.answers.decide(home_address, status)

    def primary_changed(self, former: Address) -> None:
        """Another home address is the primary: further ones are made from its prefix."""
        primary = self._node.primary_home_address
        self.pool.allocation.lead_with(primary)
        self.record(self.home_addresses.lead(primary, self._node.registered_at_home(primary)))
        self.pool.lead(primary, former)

    def home_address_ended(self, home_address: Address) -> None:
        """A home address is not valid any more: its flows get another."""
        if home_address == self.home_addresses.primary:
            self.home_address_taken(home_address)
        else:
            self.pool.ended(home_address)
