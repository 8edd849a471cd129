"""The seed's IP stack (Figure 3): a mobile node with a data flow separator and a data flow redirector put in.

A thin shell around the two tables. Down: application, UDP or TCP, separator, redirector, the mobile node's road. Up:
the mobile node restores the home address, separator, redirector, UDP or TCP, application.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from mipflow.errors import MipflowError, ProtocolMisuse, TopologyError
from mipflow.flow.address_pool import AddressPool
from mipflow.flow.allocation import StatelessAllocation
from mipflow.flow.flows import Flow, FlowStatistics
from mipflow.flow.redirector import Assign, AssignmentRules, DataFlowRedirector
from mipflow.flow.separator import DataFlowSeparator
from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.flow.waiting_room import WaitingRoom
from mipflow.mip6.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.updates import named
from mipflow.node.apps import Application, Ends
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival
from mipflow.sim.network import Network
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.mobility import Status
from mipflow.wire.packet import TCP, UDP, Packet, Sized


class FlowMobileNode(MobileNode):
    """A mobile node that moves single flows. Further keywords: those of `MobileNode`.

    home_prefix: from which further home addresses are made; rules, assign: how flows get home addresses (Figure 6, or a
    function of the learner's); pool: how many unused home addresses to keep allocated ahead; allocation:
    what makes them.
    """

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, home_agent: Address,
        home_address: Address, home_prefix: Prefix, rules: AssignmentRules | None = None,
        assign: Assign | None = None, pool: int = 0, allocation: StatelessAllocation | None = None, **settings: object,
    ) -> None:
        super().__init__(network, name, x, y, home_agent=home_agent, home_address=home_address, **settings)  # type: ignore[arg-type]
        self.home_addresses = HomeAddressTable(home_address)
        self.record(self.home_addresses.entered())
        self.flows = FlowMappingTable()
        self.separator = DataFlowSeparator(self.flows)
        self.redirector = DataFlowRedirector(self.home_addresses, self.flows, self.optimises, rules, assign)
        self.pool = AddressPool(self, home_prefix, pool, allocation)
        self.opened: dict[int, Flow] = {}
        """Flows that applications of ours opened, by id, closed ones included."""
        self._next_flow_id = 1
        self._waiting = WaitingRoom(self.clock, self.drop)
        self._follow_home: set[tuple[Address, Address]] = set()
        """(home address, correspondent) whose correspondent binding waits for the home binding to move first."""
        for kind in (UDP, TCP, EchoRequest, EchoReply):
            self.handlers[kind] = self._classified(self.handlers[kind])

    # --- opening and closing flows -----------------------------------------------------------------------------------

    def open(
        self, cn: Host, app: Application, interface: str | None = None, local_port: int | None = None,
        remote_port: int | None = None,
    ) -> Flow:  # fmt: skip
        """Open a flow to a correspondent node: returns at once; its packets wait until its home address is bound.

        `interface` names the access network (default: the first interface that is up). Raises ProtocolMisuse for an
        unknown interface or a port that is taken.
        """
        if not isinstance(cn, Host) or cn is self:
            raise ProtocolMisuse(f"{cn!r} is no correspondent node; expected such as world.cn1", cn)
        chosen = self.interface(interface) if interface is not None else self._default_interface()
        near = local_port if local_port is not None else self.free_port()
        far = remote_port if remote_port is not None else _free_far_port(cn, app.port)
        tail = 0 if app.protocol == "ICMPv6" else far
        information = FlowInformation(app.protocol, near & 0xFFFF, cn.address, tail)
        entry = self._enter(information, chosen.name)
        stats = FlowStatistics(self.network.meters[entry.flow_id], self.network.meters[-entry.flow_id])
        flow = self.opened[entry.flow_id] = Flow(entry, cn, app, stats, self.clock.now)
        self._assigned(entry, self.redirector.outgoing(entry))
        try:
            flow.running = app.start(Ends(self, cn, near, far, entry.flow_id))
        except MipflowError:
            self.close(flow)
            del self.opened[entry.flow_id]
            raise
        return flow

    def close(self, flow: Flow) -> None:
        """End a flow: its home address is freed if no other flow uses it (the seed, page 13). Raises ProtocolMisuse if
        ended.
        """
        entry = self.flows[self._id(flow)]
        if flow.running is not None:
            flow.running.stop()
        flow.is_open = False
        self._waiting.turn_away(entry.flow_id, "its flow was closed")
        self._waiting.release(entry.flow_id)
        self.record(self.flows.remove(entry.flow_id))
        if entry.home_address is not None:
            if not self.flows.of_pair(entry.home_address, entry.cn):
                self.registrar.deregister(entry.cn, entry.home_address)
            self.pool.free_unused()

    def _enter(self, information: FlowInformation, interface: str) -> FlowMappingEntry:
        chosen = self.interfaces[interface]
        entry = FlowMappingEntry(self._next_flow_id, information.cn, information, interface)
        entry.care_of_address = chosen.address if chosen.is_usable else None
        self.record(self.flows.add(entry))
        self._next_flow_id += 1
        return entry

    def _assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """A new flow has what the redirector gave it; one that shares a binding goes where its others go (page 14)."""
        self.record(changes)
        other = next((f for f in self.redirector.sharing(entry) if f is not entry and f.care_of_address), None)
        if other is not None and other.interface != entry.interface:
            why = f"flow {entry.flow_id} goes over {other.interface} with flow {other.flow_id}"
            self.decided("shared binding", why)
            self.record(self.flows.change(entry, interface=other.interface, care_of_address=other.care_of_address))
        self._proceed(entry)

    def _default_interface(self) -> Interface:
        interface = self.first_interface()
        if interface is None:
            raise TopologyError(f"{self.name} has no interface that is up", self.name)
        return interface

    def _id(self, flow: Flow | FlowMappingEntry | int) -> int:
        number = flow if isinstance(flow, int) else getattr(flow, "id", getattr(flow, "flow_id", None))
        if not isinstance(number, int):
            raise ProtocolMisuse(f"{flow!r} is no flow; expected what open() returned, or a flow id", flow)
        return number

    # --- the way down (Figure 4) and up (Figure 5) -------------------------------------------------------------------

    def transmit(self, payload: Sized, source: Address | None, destination: Address, label: int = 0) -> None:
        """Figure 4: classify, assign a home address to a new flow, send from the flow's home address."""
        # Step 21: the application's own word, where its socket is labelled with a flow; else the separator looks.
        entry = self.flows.get(label) or self.separator.outgoing(payload, destination)
        if entry is None:  # step 22
            information = self.separator.information(payload, destination, outgoing=True)
            if information is None or source is not None:
                # From a care-of address, or an answer to a packet of no flow, such as a reset: it begins none.
                super().transmit(payload, source, destination, label)
                return
            entry = self._enter(information, self._default_interface().name)
            self._assigned(entry, self.redirector.outgoing(entry))  # step 23
        self._meters[entry.flow_id].sent += 1
        home_address = entry.home_address or self.primary_home_address  # step 24
        packet = Packet(home_address, destination, payload, 64, (), 0, 0, entry.flow_id, self.clock.now)
        if entry.ready:
            self.send(packet)  # step 25
        elif entry.refused:
            self.drop(packet, entry.refused)
        else:
            self._waiting.hold(entry.flow_id, packet)

    def _refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow has no home address that it can use: its packets wait no longer."""
        if not entry.refused:
            self.decided("flow refused", f"flow {entry.flow_id}: {why}")
        entry.refused = why
        self._waiting.turn_away(entry.flow_id, why)

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound; at once where it is."""
        if flow not in self.flows or self.flows[flow].ready:
            callback()
        else:
            self._waiting.call(flow, callback)

    def address_of_flow(self, flow: int) -> Address:
        """The home address of a flow; the primary where it has none."""
        return (self.flows[flow].home_address if flow in self.flows else None) or self.primary_home_address

    def _classified(self, upper: Callable[[Arrival], None]) -> Callable[[Arrival], None]:
        """Figure 5 in front of an upper layer."""

        def incoming(arrival: Arrival) -> None:
            payload = arrival.packet.payload
            entry = self.separator.incoming(payload, arrival.source)  # step 28
            if entry is None and arrival.destination in self.own_home_addresses:  # step 29
                information = self.separator.information(payload, arrival.source, outgoing=False)
                if information is not None and self.expects(payload):
                    entry = self._enter(information, arrival.interface.name)
                    self._assigned(entry, self.redirector.incoming(entry, arrival.destination))  # step 30
            upper(arrival)  # step 31

        return incoming

    # --- from a flow's home address to its bindings ------------------------------------------------------------------

    def _proceed(self, entry: FlowMappingEntry) -> None:
        """Do what a flow needs next: a home address, its home binding, its correspondent binding."""
        if entry.care_of_address is None:
            return
        if entry.home_address is None:
            self.record(self.redirector.outgoing(entry))  # another flow may have brought a home address meanwhile
        if entry.home_address is None:
            address = self.pool.allocate(entry.care_of_address)
            self.record(self.home_addresses.add(address))
            self.record(self.flows.change(entry, home_address=address))
            return
        home_address = entry.home_address
        if home_address in self.addresses:  # at home, where packets go straight (RFC 6275 section 11.3.1)
            interface = self.addresses[home_address].name
            self.record(self.flows.change(entry, interface=interface, care_of_address=home_address))
            self._is_ready(entry)
            return
        registered = self.registered_at_home(home_address)
        if registered is None:
            if self.home_registration(home_address) is None:
                self.bind(home_address, entry.care_of_address)
            return
        if registered != entry.care_of_address and self._takes_tunnel(entry, State.REFUSED):
            self.registrar.register_home(home_address, entry.care_of_address)
        self._is_ready(entry)
        if self.mode == "route_optimisation" and (entry.home_address, entry.cn) not in self._follow_home:
            binding = self.binding_updates.get(entry.cn, home_address)
            if binding is None or binding.care_of_address != entry.care_of_address or binding.state is State.DELETING:
                self.registrar.register_correspondent(entry.cn, home_address, entry.care_of_address)
            else:
                self.record(self.flows.change(entry, registered_at_cn=binding.registered))

    def _takes_tunnel(self, entry: FlowMappingEntry, *states: State) -> bool:
        """True for a flow whose care-of address is the home agent's to know: its correspondent holds none of ours, or
        its registration there is in one of `states`.
        """
        binding = None if entry.home_address is None else self.binding_updates.get(entry.cn, entry.home_address)
        is_out = binding is not None and binding.registered is None and binding.state in states
        return self.mode != "route_optimisation" or is_out

    def _is_ready(self, entry: FlowMappingEntry) -> None:
        if entry.ready:
            return
        entry.ready, entry.refused = True, ""
        flow = self.opened.get(entry.flow_id)
        if flow is not None:
            flow.ready_ns = self.clock.now
        packets, callbacks = self._waiting.release(entry.flow_id)
        for packet in packets:
            assert entry.home_address is not None
            packet.source = entry.home_address
            self.send(packet)
        for callback in callbacks:
            callback()
        self.pool.fill()

    # --- handover of a flow (the seed, page 13) ----------------------------------------------------------------------

    def handover(
        self, flow: Flow | FlowMappingEntry | int, interface: str, *, home_follows: bool = False, alone: bool = False
    ) -> list[int]:
        """Move a flow to another interface by one binding update: gives the ids of all flows that move with it.

        Those are the flows of the same binding (`flows.sharing`); `alone=True` refuses to move others. `home_follows`
        moves the home binding first. Raises ProtocolMisuse for an unknown flow or interface, or one without a care-of
        address.
        """
        entry = self.flows[self._id(flow)]
        care_of = self.care_of_address(interface)
        if entry.home_address in self.addresses:
            raise ProtocolMisuse(f"flow {entry.flow_id} is at home and has no binding to move; leave home first", entry)
        together = self.redirector.sharing(entry)
        ids = [other.flow_id for other in together]
        if alone and len(ids) > 1:
            raise ProtocolMisuse(f"flows {ids} share a binding; leave out alone=True to move them all", ids)
        self.decided("handover", f"{_flows(ids)} to move to {interface}")
        for other in together:
            self.record(self.flows.change(other, interface=interface, care_of_address=care_of))
        home_address = entry.home_address
        registered = None if home_address is None else self.registered_at_home(home_address)
        home_follows = home_follows or self._takes_tunnel(entry, State.REFUSED, State.FALLBACK)
        if home_follows and home_address is not None and registered not in (None, care_of):
            self.registrar.register_home(home_address, care_of)
            if self.registrar.takes_home_test(entry.cn, home_address):
                self._follow_home.add((home_address, entry.cn))
                return ids
        self._proceed(entry)
        return ids

    def optimises(self, cn: Address) -> bool:
        """True if a correspondent holds bindings of ours, or is taken to (`AssignmentRules.optimistic`)."""
        return self.mode == "route_optimisation" and (
            self.redirector.rules.optimistic or any(e.registered is not None for e in self.binding_updates.of_peer(cn))
        )

    # --- what the mobile node reports --------------------------------------------------------------------------------

    def care_of_ready(self, interface: Interface) -> None:
        """An interface has a care-of address: flows that wait for it go on."""
        super().care_of_ready(interface)
        for entry in self.flows:
            if entry.interface != interface.name and not self.interfaces[entry.interface].up:
                self.decided("interface failed", f"{_flows([entry.flow_id])} to move to {interface.name}")
                self.record(self.flows.change(entry, interface=interface.name))
            if entry.interface == interface.name and entry.care_of_address != interface.address:
                self.record(self.flows.change(entry, care_of_address=interface.address))
                self._proceed(entry)

    def peer_without_mobility(self, peer: Address) -> None:
        """A correspondent does not know Mobile IPv6: its flows go where the home agent's binding says."""
        for entry in self.flows:
            if entry.cn == peer:
                self._proceed(entry)

    def came_home(self, home_address: Address) -> None:
        """A home address is at home: its flows need no binding."""
        super().came_home(home_address)
        self.pool.acknowledged(home_address)
        self.record(self.home_addresses.bound(home_address, home_address))
        for flow in list(self.flows.of_home_address(home_address)):
            self._proceed(flow)

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
        if self.pool.continue_freeing(home_address) or (entry.home_registration and home_address in self.addresses):
            return
        if entry.home_registration:
            if entry.registered is not None:
                self.pool.acknowledged(home_address)
            self.record(self.home_addresses.bound(home_address, entry.registered))
            if entry.registered is not None:
                self._follow_home = {pair for pair in self._follow_home if pair[0] != home_address}
                for flow in list(self.flows.of_home_address(home_address)):
                    self._proceed(flow)
                self.pool.fill()
            return
        is_gone = (entry.peer, home_address) not in self.binding_updates
        was_deleted = is_gone and (entry.state is State.DELETING or entry.lifetime_s == 0)
        for flow in self.flows.of_pair(home_address, entry.peer):
            self.record(self.flows.change(flow, registered_at_cn=entry.registered))
            if was_deleted:  # a flow was opened meanwhile
                self._proceed(flow)

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
                self._refuse_flow(flow, f"the home agent does not bind {entry.home_address}: {named(status)}")

    def home_address_taken(self, home_address: Address) -> None:
        """Flows that waited for this home address get another."""
        waiting = list(self.flows.of_home_address(home_address))
        self.redirector.barred.add(home_address)
        for flow in waiting:
            flow.ready = False
            self.record(self.flows.change(flow, home_address=None))
        again = self.pool.collided(home_address) and not self.redirector.rules.one_address
        for flow in waiting:
            if again:
                self._proceed(flow)
            else:
                self._refuse_flow(flow, "no home address could be allocated: all that were tried are in use")
        if not again:
            self.pool.allocation.succeeded()  # a flow that is opened later tries anew

    def lead_with(self, home_address: Address) -> None:
        """Another home address is the primary: further ones are made from its prefix."""
        super().lead_with(home_address)
        self.pool.lead_with(home_address)

    def drop_home_address(self, home_address: Address) -> None:
        """A home address is not valid any more: its flows get another."""
        super().drop_home_address(home_address)
        self.home_address_taken(home_address)


def _flows(ids: list[int]) -> str:
    return f"flow {ids[0]} is" if len(ids) == 1 else f"flows {', '.join(map(str, ids))} are"


def _free_far_port(cn: Host, first: int) -> int:
    return next(port for port in count(first, 2) if not cn.has_port(port))
