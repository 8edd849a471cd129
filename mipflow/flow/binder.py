"""A mobile node whose flows have bindings of their own: from a flow's home address to the registrations that it needs.

The shell around the two tables, the redirector and the pool of home addresses. `flow.stack` puts packets into flows;
here each flow gets a home address and its bindings, and hears what peers say; `flow.networks` chooses where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mipflow.arguments import FLAG, TEXT, check, make, optional
from mipflow.errors import FunctionFailed, MipflowError, ProtocolMisuse, shown
from mipflow.flow.address_pool import AddressPool
from mipflow.flow.allocation import Allocation, StatelessAllocation
from mipflow.flow.flows import Flow
from mipflow.flow.learner import Guarded, wrong_truth
from mipflow.flow.networks import ANCHOR, NetworkChooser
from mipflow.flow.policies import HomeBindings, Policies
from mipflow.flow.redirector import Assign, AssignmentRules, DataFlowRedirector
from mipflow.flow.shared_bindings import SharedBindings
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable, flows_named
from mipflow.mip6.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.handover_waits import WAITS
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.updates import named
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival
from mipflow.sim.network import Network
from mipflow.sim.trace import Change
from mipflow.wire.address import ADDRESS, Address, Prefix
from mipflow.wire.mobility import Status
from mipflow.wire.packet import UDP, Packet

AllocationMaker = Callable[[Any], Allocation]
"""Makes a mechanism for this node."""


class FlowBinder(MobileNode):
    """A mobile node that binds and moves single flows; for its keywords see `flow.stack.FlowMobileNode`."""

    def __init__(
        self, network: Network, name: str, x: float, y: float, *, home_agent: Address, home_address: Address,
        home_prefix: Prefix, rules: AssignmentRules | None, assign: Assign | None, pool: int, hold_down_s: float,
        allocation: AllocationMaker | None, policies: Policies | None, home_bindings: HomeBindings,
        reconsider_every_s: float | None, **settings: object,
    ) -> None:  # fmt: skip
        if home_address not in home_prefix:
            raise ProtocolMisuse(f"home_address={home_address}; expected one of {home_prefix}", home_address)
        super().__init__(network, name, x, y, home_agent=home_agent, home_address=home_address, **settings)  # type: ignore[arg-type]
        self.control: dict[int, Callable[[Arrival], None]] = {}
        """UDP ports of mobility's own protocols -> what hears them."""
        self.home_addresses = HomeAddressTable(home_address)
        self.record(self.home_addresses.entered())
        self.flows = FlowMappingTable()
        self.redirector = DataFlowRedirector(self.home_addresses, self.flows, rules, assign)
        made = StatelessAllocation(home_prefix, home_address)
        if allocation is not None:
            made = make("allocation", allocation, Allocation, self)
        self.pool = AddressPool(self, made, pool, hold_down_s)
        self.networks = NetworkChooser(self, policies, home_bindings, reconsider_every_s)
        self.shared = SharedBindings(self)
        self._follow_home: set[tuple[Address | None, Address]] = set()
        """(home address, correspondent) whose correspondent binding waits for the home binding to move first."""

    # --- what `flow.stack` overrides ---------------------------------------------------------------------------------

    def refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow has no home address that it can use: its packets wait no longer."""
        if entry.refused != why:
            self.decided("flow refused", f"flow {entry.flow_id}: {why}")
        entry.refused = why

    def flow_ready(self, entry: FlowMappingEntry) -> None:
        """A flow's home address is bound: its packets may leave."""

    # --- mobility's own signalling, which passes the separator by ----------------------------------------------------

    def hear_control(self, port: int, heard: Callable[[Arrival], None]) -> None:
        """Call `heard` with each UDP datagram to a local port: they belong to no flow."""
        if port in self.control or self.has_port(port):
            raise ProtocolMisuse(f"UDP port {port} of {self.name} is in use; choose another", port)
        self.control[port] = heard

    def send_control(self, payload: UDP, destination: Address, source: Address | None = None) -> bool:
        """Send a datagram from the primary home address (or another source) through its tunnel, or straight at home;
        False where the primary is not bound.
        """
        home_address = self.primary_home_address
        road = None if home_address in self.addresses else self.tunnel_road(home_address)
        if road is None and home_address not in self.addresses:
            return False
        self.send_direct(Packet(source or home_address, destination, payload), road)
        return True

    # --- from a flow's home address to its bindings ------------------------------------------------------------------

    def function_failed(self, error: MipflowError) -> None:
        """A learner's function, or a policy, did not do what it should: say so, and go on."""
        self.decided("function failed", str(error))

    def assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """A new flow has what the redirector gave it."""
        self.record(changes)
        if entry.home_address is not None:
            self.pool.taken(entry.home_address)
        self.shared.follow(entry)
        if entry.requested not in (None, entry.interface):
            self.shared.let_go(entry.home_address, entry.cn)
        self.proceed(entry)

    def proceed(self, entry: FlowMappingEntry) -> None:
        """Do what a flow needs next: a home address, its home binding, its correspondent binding."""
        if entry.care_of_address is None:
            return
        if entry.home_address is None:
            self.find_home_address(entry)
            return
        home_address = entry.home_address
        if home_address in self.addresses:  # at home, where packets go straight (RFC 6275 section 11.3.1)
            interface = self.addresses[home_address].name
            self.record(self.flows.change(entry, interface=interface, care_of_address=home_address))
            self._is_ready(entry)
            return
        registered = self.registered_at_home(home_address)
        self.record(self.flows.change(entry, registered_at_ha=registered))
        if registered is None:
            care_of = self.home_care_of(home_address, entry)
            if care_of is not None and self.home_registration(home_address) is None:
                self.bind(home_address, care_of)
            return
        is_at_home_agent = self.flows.as_one or self.flows.takes_tunnel(home_address, entry.cn)
        if registered != entry.care_of_address and is_at_home_agent:
            self.registrar.register_home(home_address, entry.care_of_address)
            if not entry.ready:  # meanwhile the home agent would drop what comes from there (RFC 6275 section 10.4.5)
                return
        self._is_ready(entry)
        if self.mode == "route_optimisation" and (home_address, entry.cn) not in self._follow_home:
            binding = self.binding_updates.get(entry.cn, home_address)
            if binding is None or binding.care_of_address != entry.care_of_address or binding.state is State.DELETING:
                self.registrar.register_correspondent(entry.cn, home_address, entry.care_of_address)
            else:
                self.record(self.flows.change(entry, registered_at_cn=binding.registered))

    def find_home_address(self, entry: FlowMappingEntry, may_ask: bool = True) -> None:
        """By the redirector, which finds one in the table, or by asking for a new one (Figure 6, step 43)."""
        try:
            with self.clock.held():
                changes = self.redirector.outgoing(entry)
                if entry.home_address is not None:
                    self.assigned(entry, changes)
                elif may_ask and entry.care_of_address is not None:
                    self.pool.request(entry)
        except FunctionFailed as error:
            self.function_failed(error)
            self.refuse_flow(entry, str(error))

    def _is_ready(self, entry: FlowMappingEntry) -> None:
        if not entry.ready:
            entry.ready, entry.refused = True, ""
            self.flow_ready(entry)
            self.pool.fill()

    # --- home addresses and their care-of addresses at the home agent (page 13) --------------------------------------

    def home_care_of(self, home_address: Address, flow: FlowMappingEntry | None) -> Address | None:
        """The care-of address under which a home address is to be bound at the home agent: as `home_bindings` says,
        else that of its flow, else the primary's.
        """
        interface = self.networks.home_interface(self.pool.kept_for(home_address))
        if interface is not None:
            return interface.address
        return flow.care_of_address if flow is not None else self.registered_at_home(self.primary_home_address)

    def home_interface(self) -> Interface | None:
        """Where the primary is bound: as `home_bindings` says, else the first interface that is up."""
        return self.networks.home_interface() or super().home_interface()

    def keep_home_address(self, name: str, is_for: Callable[[FlowMappingEntry], bool]) -> None:
        """Allocate a home address that only those flows get for which `is_for(entry)` is true, such as those of an
        application or with a correspondent (page 10). Raises ProtocolMisuse for a name that is taken.
        """
        check(TEXT, name=name)
        if name in [known for known, _ in self.redirector.keeping]:
            raise ProtocolMisuse(f"name={name!r}; expected one under which no home address is kept yet", name)
        self.redirector.keeping.append((name, Guarded("is_for", is_for, "flow", wrong_truth)))
        self.pool.fill()

    def free_home_address(self, home_address: Address) -> None:
        """Free a home address that no flow uses (page 9). Raises ProtocolMisuse for the primary and one in use."""
        check(ADDRESS, home_address=home_address)
        self.pool.give_up(home_address)

    def lease_ended(self, home_address: Address, why: str) -> None:
        """An address is not ours any more: its flows get another."""
        self.decided("lease ended", f"{home_address}: {why}")
        self.pool.ended(home_address)

    # --- handover of a flow (the seed, page 13) ----------------------------------------------------------------------

    def handover(
        self, flow: object = None, interface: str | None = None, *, home_follows: bool | None = None,
        alone: bool = False,
    ) -> list[int]:  # fmt: skip
        """Move a flow to another interface by one binding update: gives the ids of all flows that move with it.

        Those are the flows of the same binding (`flows.sharing`); `alone=True` refuses to move others. `home_follows`
        moves the home binding first (default: as `home_bindings` says). While the interface so far is up, the new
        binding is made before the old one breaks. Raises ProtocolMisuse for an unknown flow or interface, or one
        without a care-of address; where one is left out it names those that there are.
        """
        if flow is None or interface is None:
            known = f"open flows: {self.flows.listed()}; interfaces: {', '.join(self.interfaces)}"
            why = f"handover() of {shown(flow)} to {shown(interface)}; expected a flow and an interface; {known}"
            raise ProtocolMisuse(why)
        check(optional(FLAG), home_follows=home_follows)
        check(FLAG, alone=alone)
        entry = self.flows[self.flow_id(flow)]
        care_of = self.care_of_address(interface)
        if entry.home_address in self.addresses:
            raise ProtocolMisuse(f"flow {entry.flow_id} is at home and has no binding to move; leave home first", entry)
        together = self.flows.sharing(entry)
        ids = [other.flow_id for other in together]
        if alone and len(ids) > 1:
            raise ProtocolMisuse(f"flows {ids} share a binding; leave out alone=True to move them all", ids)
        self.decided("handover", f"{flows_named(ids)} to move to {interface}")
        for other in together:
            other.requested = interface  # what policies of a higher priority may overrule
        follows = self.networks.home_follows if home_follows is None else home_follows
        self._move(together, interface, care_of, follows or self.flows.as_one)
        return ids

    def handover_all(self, interface: str, *, break_first: bool = False) -> list[int]:
        """The vertical handover of everything (pages 2 and 3): every flow and every home binding goes to one interface,
        but for anchors; gives the ids of the flows.

        `break_first` takes all other interfaces down in the same instant: without it the new bindings are made while
        the old interface still works. Raises ProtocolMisuse as `handover` does.
        """
        check(FLAG, break_first=break_first)
        care_of = self.care_of_address(interface)
        away = [flow for flow in self.flows if flow.home_address not in self.addresses]
        self.decided("handover", f"everything is to move to {interface}")
        for flow in away:
            flow.requested = interface
        self._move(away, interface, care_of, True)
        for home_address in self.home_addresses_in_order():
            is_away = home_address not in self.addresses and not self.pool.is_freeing(home_address)
            is_bound = is_away and self.home_registration(home_address) is not None
            if is_bound and not self.pool.kept_for(home_address).startswith(ANCHOR):
                self._bind_home(home_address, care_of)
        for other in [each for each in self.interfaces.values() if break_first and each.name != interface]:
            other.set_up(False)
        return [flow.flow_id for flow in away]

    def move(self, entry: FlowMappingEntry, interface: str) -> None:
        """Move a flow and those of the same binding, as a policy says; nobody has asked for it."""
        care_of = self.interfaces[interface].address
        self._move(self.flows.sharing(entry), interface, care_of, self.networks.home_follows or self.flows.as_one)

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
                if self.registrar.machine.takes_home_test(entry.cn, home_address):
                    self._follow_home.add((home_address, entry.cn))
                    self.decided(WAITS, f"{home_address} at {entry.cn}: the home binding, which goes first")
                    continue
            self.proceed(entry)

    def _takes_tunnel(self, entry: FlowMappingEntry) -> bool:
        """True for a flow whose care-of address is the home agent's to know: its correspondent does not optimise, or
        has left too many attempts unanswered.
        """
        if entry.home_address is None:
            return False
        binding = self.binding_updates.get(entry.cn, entry.home_address)
        has_failed = binding is not None and binding.state is State.FALLBACK
        return has_failed or self.flows.takes_tunnel(entry.home_address, entry.cn)

    def _is_placed(self, home_address: Address, care_of: Address) -> bool:
        """True where a home address is bound to this care-of address, and no other is under way; or not bound yet."""
        entry = self.home_registration(home_address)
        return entry is None or entry.registered is None or {entry.registered, entry.care_of_address} == {care_of}

    def _bind_home(self, home_address: Address, care_of: Address) -> None:
        """Have a home address bound at the home agent, where that is not so, or under way, already."""
        entry = self.home_registration(home_address)
        if entry is None or entry.care_of_address != care_of or entry.state not in (State.UPDATING, State.BOUND):
            self.registrar.register_home(home_address, care_of)

    def flow_id(self, flow: object) -> int:
        """The id of a Flow, a FlowMappingEntry or an id. Raises ProtocolMisuse for anything else, and for a flow of
        another world.
        """
        if isinstance(flow, Flow | FlowMappingEntry):
            entry = flow.entry if isinstance(flow, Flow) else flow
            self.network.check_own(flow, entry.network)
            return entry.flow_id
        if not isinstance(flow, int) or isinstance(flow, bool):
            raise ProtocolMisuse(f"{shown(flow)} is no flow; expected what open() returned, or a flow id", flow)
        return flow

    # --- interfaces that come and go ---------------------------------------------------------------------------------

    def interface_changed(self, interface: Interface) -> None:
        """An interface went up or down: the flows of one that failed go, by policy, each where it is best (page 12)."""
        moved = [] if interface.is_usable else self.networks.failed(interface)
        super().interface_changed(interface)
        for flow in moved:
            self.proceed(flow)
        if interface.is_usable:
            self.networks.reconsider(f"{interface.name} is up")

    def care_of_ready(self, interface: Interface) -> None:
        """An interface has a care-of address: flows that wait for it go on."""
        self.networks.rescue(interface)
        super().care_of_ready(interface)
        for entry in self.flows:
            if entry.interface == interface.name and (entry.care_of_address != interface.address or not entry.ready):
                is_first, care_of = entry.care_of_address is None, interface.address
                self.record(self.flows.change(entry, care_of_address=care_of))
                if is_first:
                    self.shared.follow(entry)
                if entry.home_address is not None or not entry.refused:
                    self.proceed(entry)
        self.networks.bind_home_addresses(interface)
        for entry in [flow for flow in self.flows if flow.requested == interface.name != flow.interface]:
            self.shared.let_go(entry.home_address, entry.cn)
        self.networks.reconsider(f"{interface.name} has a care-of address")

    def care_of_for(self, entry: BindingUpdateEntry, care_of: Address) -> Address:
        """Where a registration goes whose interface has failed: with its flow, a home registration as policy says."""
        home_address = entry.home_address
        if entry.home_registration:
            flow = next(self.flows.of_home_address(home_address), None)
            chosen = self.home_care_of(home_address, flow)
        else:
            chosen = next((flow.care_of_address for flow in self.flows.of_pair(home_address, entry.peer)), None)
        return chosen if chosen is not None and self.is_reachable(chosen) else care_of

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
        super().came_home(home_address)
        self.pool.acknowledged(home_address)
        self._home_bound(home_address, home_address)

    def leave_home(self, interface: Interface) -> None:
        """Flows of home addresses that have left home wait for a care-of address."""
        super().leave_home(interface)
        for flow in self.flows:
            if flow.care_of_address == flow.home_address and flow.home_address not in self.addresses:
                self.record(self.flows.change(flow, care_of_address=None))

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """A peer has acknowledged or lost a registration: write it into the tables, and go on."""
        super().registration_changed(entry)
        home_address = entry.home_address
        if not entry.home_registration:
            self.shared.registration_changed(entry)
        if self.pool.continue_freeing(home_address) or (entry.home_registration and home_address in self.addresses):
            return
        if not entry.home_registration:
            self._correspondent_changed(entry)
            return
        if entry.registered is not None:
            self.pool.acknowledged(home_address)
            self._follow_home = {pair for pair in self._follow_home if pair[0] != home_address}
        self._home_bound(home_address, entry.registered)

    def _home_bound(self, home_address: Address, care_of: Address | None) -> None:
        """The home agent holds this care-of address for a home address now; None when it holds none."""
        self.record(self.home_addresses.bound(home_address, care_of))
        for flow in list(self.flows.of_home_address(home_address)):
            self.record(self.flows.change(flow, registered_at_ha=care_of))
            if care_of is not None:
                self.proceed(flow)
        if care_of is not None:
            self.pool.fill()

    def _correspondent_changed(self, entry: BindingUpdateEntry) -> None:
        is_gone = (entry.peer, entry.home_address) not in self.binding_updates
        was_deleted = is_gone and (entry.state is State.DELETING or entry.lifetime_s == 0)
        for flow in self.flows.of_pair(entry.home_address, entry.peer):
            self.record(self.flows.change(flow, registered_at_cn=entry.registered))
            if was_deleted:  # a flow was opened meanwhile
                self.proceed(flow)

    def registration_refused(self, entry: BindingUpdateEntry, status: int) -> None:
        """A home address is a duplicate: never use it again, try another (RFC 6275 section 11.7.1).

        With any other status of a home agent its flows wait for the next try, but their packets do not.
        """
        super().registration_refused(entry, status)
        if not entry.home_registration:
            return
        if status == Status.DUPLICATE_ADDRESS_DETECTION_FAILED:
            self.home_address_taken(entry.home_address)
            return
        for flow in list(self.flows.of_home_address(entry.home_address)):
            if not flow.ready:
                self.refuse_flow(flow, f"the home agent does not bind {entry.home_address}: {named(status)}")

    def home_address_taken(self, home_address: Address) -> None:
        """Flows that waited for this home address get another."""
        self.redirector.barred.add(home_address)
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

    def lead_with(self, home_address: Address) -> None:
        """Another home address is the primary: further ones are made from its prefix."""
        former = self.primary_home_address
        super().lead_with(home_address)
        self.pool.allocation.lead_with(home_address)
        self.record(self.home_addresses.lead(home_address, self.registered_at_home(home_address)))
        self.pool.lead(home_address, former)

    def drop_home_address(self, home_address: Address) -> None:
        """A home address is not valid any more: its flows get another."""
        super().drop_home_address(home_address)
        if home_address == self.primary_home_address:
            self.home_address_taken(home_address)
        else:
            self.pool.ended(home_address)
