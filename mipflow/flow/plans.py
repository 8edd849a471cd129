"""The answers of nodes when trains ask what they would do with a packet of a flow (`sim.trains.answers`).

Each kind of node, and of what stands in its places, has a function of its own: those of hosts and routers first, then
what the roles of Mobile IPv6 and the patent's stack put in their place. The functions say again what the nodes do, but
they do nothing: they look. What does more than forward or count, and whatever has no function, is answered with None,
and its packets are events. A scenario gives this module to `Trains`; a node knows no trains, but for the word that
something has changed (`Network.trains.changed`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from types import MethodType
from typing import Any

from mipflow.flow.stack import HEADERS, FlowStack
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.binding_keeper import BindingKeeper
from mipflow.mip6.bindings.binding_cache import BindingState
from mipflow.mip6.correspondent_node import Correspondent
from mipflow.mip6.home_agent import HomeAgent, is_wide
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival, Handler, Mobility, Node
from mipflow.node.road import Road
from mipflow.node.router import Router
from mipflow.node.sockets import Sending
from mipflow.sim.link import Port
from mipflow.sim.trains.answers import Departure, Forward, Plan, Sink, Take, passed_on
from mipflow.wire import packet as headers
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, UDP, Header, Packet, packet_of

# --- sending ----------------------------------------------------------------------------------------------------------


def departure(sending: Sending) -> Departure | None:
    """Say what `UdpSocket.send` would do with the payload that it has just sent."""
    socket, payload = sending
    datagram, remote = socket.datagram, socket.remote[0]
    if datagram is None or datagram.payload is not payload or remote is None or socket.marks is not NO_MARKS:
        return None
    return transmitted(socket.host, datagram, socket.local, remote, socket.label)


@singledispatch
def transmitted(node: Node, payload: UDP, source: Address | None, destination: Address, label: int) -> Departure | None:
    """Say what the function that stands as `Node.transmit` would do."""
    return originated(node, payload, source, destination, label) if node.transmit == node.originate else None


def originated(
    node: Node, payload: UDP, source: Address | None, destination: Address, label: int, takes: tuple[Take, ...] = ()
) -> Departure | None:
    """Say what `Node.originate` would do."""
    source = source or node.mobility.source_for(destination) or node.address
    road = foreseen(node.mobility, source, destination)
    if type(road) is not Road or headers.IPV6_HEADER + payload.size > road.mtu:
        return None
    build = Built(payload, Header(source, destination, NO_MARKS, label), road)
    return Departure(road.channel, build, label, len(payload.payload), takes)


@singledispatch
def foreseen(mobility: Mobility, source: Address, destination: Address) -> Road | None:
    """Find the road as `Mobility.find_road` would; None where that would do more."""
    return mobility.find_road(source, destination)


class Built:
    """Builds packets with one payload, on a road; equal where the packets are."""

    def __init__(self, payload: UDP, header: Header, road: Road) -> None:
        self._payload, self._header, self._road = payload, header, road

    def __call__(self, sent_ns: int) -> Packet:
        packet = packet_of(self._header, self._payload, sent_ns)
        return self._road.dressed(packet) if self._road.overhead else packet

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Built) and self(0) == other(0) and self._header.label == other._header.label

    __hash__ = None  # type: ignore[assignment]


# --- arriving ---------------------------------------------------------------------------------------------------------


def plan(port: Port, packet: Packet) -> Plan:
    """Say what a port's `receive` would do with a packet."""
    if not isinstance(port, Interface) or not port.listens or not isinstance(node := port.node, Node):
        return None
    return local(node, packet, port) if packet.destination in node.addresses else onward(node, packet, port)


@singledispatch
def onward(node: Node, packet: Packet, interface: Interface) -> Plan:
    """Say what `Node.pass_on` would do."""
    return None


@onward.register
def _(node: Router, packet: Packet, interface: Interface) -> Plan:
    if packet.hop_limit <= 1 or packet.destination.is_link_local or not node.lets_in(packet.source, interface):
        return None
    return forward(node, packet.destination)


@singledispatch
def forward(node: Router, destination: Address) -> Plan:
    """Say what `Router.find_forward` would find."""
    channel = node.network.way(node.name, destination)
    return None if channel is None else Forward(channel)


def local(node: Node, packet: Packet, interface: Interface, tunnel: Packet | None = None) -> Plan:
    """Say what `Node.local` would do."""
    arrival = Arrival(packet, interface, tunnel, packet.source, packet.destination)
    if not all(restored(node.mobility, header, arrival) for header in packet.extensions):
        return None
    return handled(node, node.handlers.get(type(packet.payload)), arrival)


@singledispatch
def restored(mobility: Mobility, header: headers.ExtensionHeader, arrival: Arrival) -> bool:
    """Restore a home address in `arrival` as `Node.process_extension` would; False where that would do more."""
    return False


@singledispatch
def handled(node: Node, handler: Handler | None, arrival: Arrival) -> Plan:
    """Say what the handler of an arrival's payload would do, if it is one of `METHODS`."""
    if not isinstance(handler, MethodType) or handler.__func__ not in METHODS:
        return None
    return METHODS[handler.__func__](handler.__self__, arrival)


def _heard(host: Host, arrival: Arrival) -> Plan:
    """Say what `Host.datagram` would do."""
    remote = arrival.source, arrival.payload.source_port
    socket = host.hearing(arrival.payload.destination_port, remote)
    if socket is None or socket.remote != remote or socket.counts is None:
        return None
    function, takes = socket.counts
    return Sink(arrival.packet.label, takes) if function == socket.on_datagram else None


# --- correspondent node -----------------------------------------------------------------------------------------------


@foreseen.register
def _(mobility: Correspondent, source: Address, destination: Address) -> Road | None:
    binding = mobility.bindings.get(destination)
    asks_for_refresh = binding is not None and binding.state is BindingState.EXPIRING
    return None if asks_for_refresh else mobility.find_road(source, destination)


@restored.register
def _(mobility: BindingKeeper, header: headers.ExtensionHeader, arrival: Arrival) -> bool:
    """Restore the home address of a Home Address option that is alone and bound."""
    if not isinstance(header, headers.DestinationOptions) or len(header.options) != 1 or mobility.counts_arrivals:
        return False
    binding = mobility.bindings.get(header.home_address) if header.home_address else None
    is_second = arrival.source != arrival.packet.source
    if binding is None or is_second or binding.care_of_address != arrival.packet.source:
        return False
    arrival.source = binding.home_address
    return True


# --- mobile node ------------------------------------------------------------------------------------------------------


@restored.register
def _(mobility: MobileNode, header: headers.ExtensionHeader, arrival: Arrival) -> bool:
    """Restore a home address of its own from a type 2 routing header."""
    if not isinstance(header, headers.RoutingHeaderType2) or header.home_address not in mobility.own_home_addresses:
        return False
    arrival.destination = header.home_address
    return header.segments_left == 1


def _out_of_tunnel_of_home_agent(mobile: MobileNode, arrival: Arrival) -> Plan:
    """Say what `MobileNode.tunnel_exit` would do."""
    inner: Packet = arrival.payload
    is_ours = arrival.tunnel is None and inner.destination in mobile.own_home_addresses
    if not is_ours or arrival.packet.source != mobile.home_agent_of(inner.destination):
        return None
    return local(mobile.node, inner, arrival.interface, arrival.packet)


# --- home agent -------------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Along:
    """Puts packets that a router passes on into a tunnel with these ends."""

    ends: tuple[Address, Address]
    road: Road = field(compare=False)

    def __call__(self, packet: Packet) -> Packet:
        packet.hop_limit -= 1
        return self.road.dressed(packet)


@dataclass(slots=True, frozen=True)
class Unwrapped:
    """Takes packets out of a tunnel and passes them on. copies: whether a trace holds those inside; onward: the change
    of a further tunnel.
    """

    copies: bool
    onward: Callable[[Packet], Packet] | None

    def __call__(self, packet: Packet) -> Packet:
        inner = packet.payload
        assert isinstance(inner, Packet)
        return passed_on(inner.copy() if self.copies else inner, self.onward)


@forward.register
def _(node: HomeAgent, destination: Address) -> Plan:
    if node.intercept is not None:
        return None
    binding = node.bindings.get(destination)
    if binding is None:
        return forward.dispatch(Router)(node, destination)
    ends = binding.home_agent or node.home_agent_address, binding.care_of_address
    road = node.road("tunnel", *ends, tunnel=ends)
    is_plain = road is not None and is_wide(road) and not node.ip_security.is_on
    return Forward(road.channel, Along(ends, road)) if road is not None and is_plain else None


def _out_of_reverse_tunnel(node: HomeAgent, arrival: Arrival) -> Plan:
    """Say what `HomeAgent.tunnel_exit` would do."""
    inner: Packet = arrival.payload
    binding = node.bindings.get(inner.source)
    is_registered = binding is not None and binding.care_of_address == arrival.packet.source
    if not is_registered or node.home.relay is not None or inner.destination.is_multicast:
        return None
    going_on = onward(node, inner, arrival.interface) if inner.destination not in node.addresses else None
    if not isinstance(going_on, Forward):
        return None
    return Forward(going_on.channel, Unwrapped(node.network.trace.mode != "off", going_on.change))


METHODS: dict[Callable[..., None], Callable[[Any, Arrival], Plan]] = {
    Host.datagram: _heard, HomeAgent.tunnel_exit: _out_of_reverse_tunnel,
    MobileNode.tunnel_exit: _out_of_tunnel_of_home_agent,
}  # fmt: skip
"""A method that stands as a handler -> what says what it would do, called with its object and the arrival."""

# --- the patent's stack -----------------------------------------------------------------------------------------------


@transmitted.register
def _(node: Host, payload: UDP, source: Address | None, destination: Address, label: int) -> Departure | None:
    """Say what `FlowStack.outgoing` would do, where it stands there."""
    stack = node.flow_seam
    if not isinstance(stack, FlowStack) or node.transmit != stack.outgoing:
        return transmitted.dispatch(Node)(node, payload, source, destination, label)
    flow = stack.known(label)
    if flow is None or not flow.ready or flow.refused:
        return None
    home_address = flow.home_address or node.mobility.reached_at
    return originated(node, payload, home_address, destination, flow.flow_id, (_take(flow, "sent_octets"),))


@handled.register
def _(node: Host, handler: Handler | None, arrival: Arrival) -> Plan:
    """Say what the way up of `FlowStack.incoming` would do, where it stands there."""
    stack = node.flow_seam
    if not isinstance(stack, FlowStack) or handler not in stack.uppers:
        return handled.dispatch(Node)(node, handler, arrival)
    flow = stack.separator.incoming(arrival.payload, arrival.source)
    sink = handled(node, stack.uppers[handler], arrival)
    if flow is None or flow.refused or not isinstance(sink, Sink):
        return None
    return Sink(sink.label, (*sink.takes, _take(flow, "received_octets")))


@dataclass(slots=True, frozen=True)
class Carried:
    """Counts what a flow carries in one direction, many datagrams at once, as the stack counts each."""

    flow: FlowMappingEntry
    octets: str
    """The attribute with its octets."""

    def __call__(self, count: int, octets: int, last_ns: int) -> None:
        setattr(self.flow, self.octets, getattr(self.flow, self.octets) + count * (octets + UDP.fixed + HEADERS))
        self.flow.used_ns = max(self.flow.used_ns or 0, last_ns)


def _take(flow: FlowMappingEntry, octets: str) -> Take:
    return Take(Carried(flow, octets), flow, ("used_ns", octets))
