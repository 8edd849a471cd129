"""Bind the flows of a mobile node: from a flow's home address to the registrations that it needs.

The shell around the two tables, the redirector and the pool of home addresses. `flow.stack` puts packets into flows;
here each flow gets a home address and its bindings, and `flow.bindings.handovers` moves it. The mobile node below tells
what happens and asks where to bind (`mip6.parts.Listener`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.bindings.address_pool import AddressPool
from mipflow.flow.bindings.handovers import ChoosesNetworks, Handovers, Says
from mipflow.flow.bindings.shared_bindings import SharedBindings
from mipflow.flow.bindings.stateless import Allocation
from mipflow.flow.bindings.waiting_room import WaitingRoom
from mipflow.flow.redirector import Assign, AssignmentRules, DataFlowRedirector
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.parts import Listener
from mipflow.mip6.registrations.updates import named
from mipflow.node.interface import Interface
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix
from mipflow.wire.mobility import Status


class Decides(Protocol):
    """Says what becomes of a further home address, in the place of RFC 6275 section 11.7.3."""

    def decide(self, home_address: Address, status: int) -> bool:
        """Decide about an address that the home agent has answered about; return True where that is done already."""


class FlowBinder(Listener):
    """Binds the flows of `node`. handover: see `Handovers`; networks: makes the part that chooses networks, called
    with the mobile node, this binder and the redirector; for all else see `flow.mobile_node.FlowMobileNode`.
    """

    def __init__(
        self, node: MobileNode, home_prefix: Prefix, rules: AssignmentRules | None, assign: Assign | None,
        handover: Says | None, allocation: Allocation, pool: int, hold_down_s: float,
        networks: Callable[[MobileNode, FlowBinder, DataFlowRedirector], ChoosesNetworks],
    ) -> None:  # fmt: skip
        primary = node.primary_home_address
        if primary not in home_prefix:
            raise ProtocolMisuse(f"home_address={primary}; expected one of {home_prefix}", primary)
        self._node, self._registrar = node, node.registrar
        self.home_addresses = HomeAddressTable(primary)
        self.record(self.home_addresses.entered())
        self.flows = FlowMappingTable(network=node.network)
        self.redirector = DataFlowRedirector(self.home_addresses, self.flows, rules, assign, node.own_home_addresses)
        self.waiting = WaitingRoom(node.host)
        self.pool = AddressPool(node, self, self.redirector, allocation, pool, hold_down_s)
        self.networks = networks(node, self, self.redirector)
        self.handovers = Handovers(node, self.flows, self.pool, self.networks, self.proceed, handover)
        self.shared = SharedBindings(node, self, self.redirector)
        self._callers: list[tuple[str, Callable[[Address], None]]] = []
        """Names of kept home addresses, and callbacks that wait until those are bound."""
        self._failed: dict[Interface, list[FlowMappingEntry]] = {}
        """An interface that has failed -> its flows, while what was bound there moves."""
        self.answers: Decides | None = None
        """Says what becomes of a further home address, where a learner does."""
        self.move, self.wish = self.handovers.move, self.networks.wish
        node.listener = self

    # --- from a flow's home address to its bindings ------------------------------------------------------------------

    def assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """Take note of the home address that the redirector gave a new flow, and go on with it."""
        self.record(changes)
        if entry.home_address is not None:
            self.pool.taken(entry.home_address)
        self.shared.follow(entry)
        self.proceed(entry)

    def record(self, changes: list[Change]) -> None:
        """Put changes of the tables into the trace; packets of flows may go another way from now on."""
        self._node.record(changes)
        self._node.network.trains.changed(self._node.name)

    def refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """Let the packets of a flow wait no longer: it has no home address that it can use."""
        if entry.refused != why:
            self._node.decided("flow refused", f"flow {entry.flow_id}: {why}")
        entry.refused = why
        self._node.network.trains.changed(self._node.name)
        self.waiting.turn_away(entry.flow_id, why)

    def proceed(self, entry: FlowMappingEntry) -> None:
        """Do the next thing that a flow needs: a home address, its home binding, its correspondent binding."""
        home_address, care_of = entry.home_address, entry.care_of_address
        if home_address in self._node.addresses:  # at home, where packets go straight (RFC 6275 section 11.3.1)
            interface = self._node.addresses[home_address].name
            self.record(self.flows.change(entry, interface=interface, care_of_address=home_address))
            self.make_ready(entry)
        elif care_of is not None and home_address is None:
            self.find_home_address(entry)
        elif care_of is not None and home_address is not None and self._is_bound_at_home(entry, home_address, care_of):
            self.make_ready(entry)
            self._bind_correspondent(entry, home_address)

    def _is_bound_at_home(self, entry: FlowMappingEntry, home_address: Address, care_of: Address) -> bool:
        """Have a flow's home address bound where that is needed; return True once its packets may leave."""
        registered = self._node.registered_at_home(home_address)
        self.record(self.flows.change(entry, registered_at_ha=registered))
        if registered is None:
            self.bind_anew(home_address, entry)
            return False
        is_at_home_agent = self.flows.as_one or self.flows.takes_tunnel(home_address, entry.cn)
        if registered != care_of and is_at_home_agent and self.handovers.says is None:
            self.handovers.bind_home(home_address, care_of)
            return entry.ready  # else the home agent would drop what comes from there (RFC 6275 section 10.4.5)
        return True

    def _bind_correspondent(self, entry: FlowMappingEntry, home_address: Address) -> None:
        """Tell a flow's correspondent of its care-of address, unless it knows already."""
        care_of, is_optimising = entry.care_of_address, self._node.mode == "route_optimisation"
        if care_of is None or not is_optimising or self.handovers.waits_for_home(home_address, entry.cn):
            return
        binding = self._registrar.list.get((entry.cn, home_address))
        differs = binding is not None and binding.care_of_address != care_of and self.handovers.says is None
        if binding is None or differs or binding.state is State.DELETING:
            self._registrar.register_correspondent(entry.cn, home_address, care_of)
        else:
            self.record(self.flows.change(entry, registered_at_cn=binding.registered))

    def find_home_address(self, entry: FlowMappingEntry, may_ask: bool = True) -> None:
        """Find a home address in the table, by the redirector, or ask for a new one (Figure 6, step 43)."""
        try:
            changes = self.redirector.give(entry)
            if entry.home_address is not None:
                self.assigned(entry, changes)
            elif may_ask and entry.care_of_address is not None:
                self.pool.request(entry)
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            self.refuse_flow(entry, str(error))

    def make_ready(self, entry: FlowMappingEntry) -> None:
        """Let a flow send from its home address."""
        if not entry.ready:
            entry.ready, entry.refused, entry.ready_ns = True, "", self._node.clock.now
            self.waiting.release(entry)
            self.pool.fill()

    # --- home addresses and their care-of addresses at the home agent (page 13) --------------------------------------

    def home_care_of(self, home_address: Address, flow: FlowMappingEntry | None) -> Address | None:
        """Return the care-of address under which a home address is to be bound at the home agent: as `home_bindings`
        says, else that of its flow, else the primary's.
        """
        interface = self.networks.home_interface(self.pool.kept_for(home_address))
        if interface is not None:
            return interface.address
        return flow.care_of_address if flow is not None else self._node.registered_at_home(self.home_addresses.primary)

    def home_interface(self) -> Interface | None:
        """Return the interface where `home_bindings` wants the primary bound; None where it does not say."""
        return self.networks.home_interface()

    def bind_anew(self, home_address: Address, flow: FlowMappingEntry | None = None) -> None:
        """Bind a home address, for a flow or ahead, if it is known where and it is not being bound already."""
        care_of = self.home_care_of(home_address, flow)
        if care_of is not None and self._node.home_registration(home_address) is None:
            self._node.bind(home_address, care_of)

    def rebind(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address elsewhere, if it is bound."""
        entry = self._node.home_registration(home_address)
        if entry is not None and entry.care_of_address != care_of:
            self._node.bind(home_address, care_of)

    def keep_home_address(self, name: str, is_for: Callable[[FlowMappingEntry], bool]) -> None:
        """See `FlowMobileNode.keep_home_address`."""
        if name in self.redirector.keeping:
            raise ProtocolMisuse(f"name={name!r}; expected one under which no home address is kept yet", name)
        self.redirector.keeping[name] = is_for
        self.pool.fill()

    def when_kept(self, name: str) -> Callable[[Callable[[Address], None]], None]:
        """Return a function that takes a callback and calls it with the home address kept under this name once that is
        bound, at once where it is. Raises ProtocolMisuse for a name under which none is kept.
        """
        if name not in self.redirector.keeping:
            kept = ", ".join(map(shown, self.redirector.keeping)) or "none, call keep_home_address first"
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

    # --- interfaces that come and go ---------------------------------------------------------------------------------

    def interface_changing(self, interface: Interface) -> None:
        """Select other networks for the flows of an interface that has failed, each where it is best (page 12)."""
        if not interface.is_usable:
            self._failed[interface] = self.networks.failed(interface)

    def interface_changed(self, interface: Interface) -> None:
        """Let the flows of an interface that failed follow the home bindings, which are on their way."""
        for flow in self._failed.pop(interface, ()):
            self.proceed(flow)
        if interface.is_usable:
            self.networks.reconsider(f"{interface.name} is up")

    def care_of_changing(self, interface: Interface) -> None:
        """Let flows of an interface that is down choose anew, for another has a care-of address."""
        self.networks.rescue(interface)

    def care_of_ready(self, interface: Interface) -> None:
        """Let the flows of an interface that has a care-of address go on, and those bound elsewhere meanwhile come
        back.
        """
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
        """Return where a registration goes whose interface has failed: with its flow, a home registration as policy
        says.
        """
        if entry.home_registration:
            return self.home_care_of(entry.home_address, next(self.flows.of_home_address(entry.home_address), None))
        return next((flow.care_of_address for flow in self.flows.of_pair(entry.home_address, entry.peer)), None)

    # --- what peers say ----------------------------------------------------------------------------------------------

    def peer_without_mobility(self, peer: Address) -> None:
        """Let all flows of a correspondent that does not know Mobile IPv6 depend on the home agent's binding."""
        self.shared.mark(peer)
        self.shared.turned_out(self.flows.of_correspondent(peer))

    def home_prefixes_told(self) -> None:
        """Let the allocation go on that waits for a prefix, for mobile prefix discovery has told of some."""
        self.pool.allocation.primary_bound()

    def came_home(self, home_address: Address) -> None:
        """Let the flows of a home address that is at home go on without a binding."""
        interface = self._node.addresses[home_address]
        self.pool.acknowledged(home_address)
        self._home_bound(home_address, home_address)
        for flow in [flow for flow in self.flows if flow.care_of_address is None and flow.interface == interface.name]:
            self.record(self.flows.change(flow, care_of_address=interface.address))
            self.proceed(flow)

    def left_home(self) -> None:
        """Let the flows of home addresses that have left home wait for a care-of address."""
        for flow in self.flows:
            if flow.care_of_address == flow.home_address and flow.home_address not in self._node.addresses:
                self.record(self.flows.change(flow, care_of_address=None))

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """Write a registration that a peer has acknowledged or lost into the tables, and go on with its flows."""
        home_address = entry.home_address
        if not entry.home_registration:
            self.shared.registration_changed(entry)
            if not self.pool.continue_freeing(home_address):
                self._correspondent_changed(entry)
            return
        if self.pool.continue_freeing(home_address) or home_address in self._node.addresses:
            return
        if entry.registered is not None:
            if self._is_decided(home_address, int(self._registrar.machine.awaits_prefixes)):
                return
            self.pool.acknowledged(home_address)
            self.handovers.home_bound(home_address)
        self._home_bound(home_address, entry.registered)
        if entry.registered == entry.care_of_address:
            self.handovers.home_moved(home_address)

    def _home_bound(self, home_address: Address, care_of: Address | None) -> None:
        """Write the care-of address that the home agent holds for a home address into the tables; None where it holds
        none.
        """
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
        """Let the flows of an address that a home agent does not bind wait for the next try, but not their packets."""
        if entry.home_registration and self._is_decided(entry.home_address, status):
            return
        for flow in list(self.flows.of_home_address(entry.home_address)) if entry.home_registration else ():
            if not flow.ready:
                self.refuse_flow(flow, f"the home agent does not bind {entry.home_address}: {named(status)}")

    def home_address_taken(self, home_address: Address) -> None:
        """Get another home address for the flows of one that somebody else has (RFC 6275 section 11.7.1)."""
        if self._is_decided(home_address, Status.DUPLICATE_ADDRESS_DETECTION_FAILED):
            return
        waiting = list(self.flows.of_home_address(home_address))
        for flow in waiting:
            self.record(self.flows.strip(flow))
        one_address = self.redirector.rules.one_address
        again = self.pool.collided(home_address) and not one_address
        for flow in waiting:
            if again:
                self.proceed(flow)
            else:
                refuse = self.refuse_flow if one_address else self.pool.refuse
                refuse(flow, "no home address could be allocated: all that were tried are in use")

    def _is_decided(self, home_address: Address, status: int) -> bool:
        """Return True where a learner's function has said what becomes of an address, and that is done."""
        return self.answers is not None and self.answers.decide(home_address, status)

    def primary_changed(self, former: Address) -> None:
        """Make further home addresses from the prefix of the new primary."""
        primary = self._node.primary_home_address
        self.pool.allocation.lead_with(primary)
        self.record(self.home_addresses.lead(primary, self._node.registered_at_home(primary)))
        self.pool.lead(primary, former)

    def home_address_ended(self, home_address: Address) -> None:
        """Get another home address for the flows of one that is not valid any more."""
        if home_address == self.home_addresses.primary:
            self.home_address_taken(home_address)
        else:
            self.pool.ended(home_address)
