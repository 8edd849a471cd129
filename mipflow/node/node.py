"""The IPv6 node under every host and router: packets come in through their header chains and go out along roads.

Whoever handles a kind of payload stands in `Node.handlers`; the roles of Mobile IPv6 put their own handlers there. A
bad packet is a traced drop with its reason, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from mipflow.errors import TopologyError, WireError
from mipflow.node.fragments import Reassembly, cut, misfit
from mipflow.node.interface import Interface
from mipflow.node.resets import reset_for
from mipflow.node.road import Line, Road
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.clock import Unique
from mipflow.sim.link import DOWN, Segment
from mipflow.sim.network import Network, Role
from mipflow.sim.trace import Change, Decided, TableChanged
from mipflow.wire import codec, icmpv6, mobility
from mipflow.wire import packet as headers
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.packet import NO_MARKS, Header, HomeAddressOption, Marks, Opaque, Packet, Sized, packet_of

MIN_MTU = 1280
UNANSWERED = (*range(128), 137)
"""ICMPv6 types about which no error is sent: errors, known or not, and redirects (RFC 4443 section 2.4 e)."""
ABOUT_MULTICAST = ((icmpv6.PACKET_TOO_BIG, 0), (icmpv6.PARAMETER_PROBLEM, 2))
"""Types and codes of errors that may be about a multicast."""


def offset_of(packet: Packet, target: object) -> int:
    """Return the octet of the packet at which one of its extension headers, or an option in one, starts."""
    position = headers.IPV6_HEADER
    for header in packet.extensions:
        if header is target:
            break
        for inside, option in header.placed() if isinstance(header, headers.WithOptions) else ():
            if option is target:
                return position + inside
        position += header.size
    return position


@dataclass(slots=True, eq=False)
class Arrival:
    """A packet at its destination: `source` and `destination` as the upper layers see them (home addresses restored).

    `tunnel` is the outer packet that it came in, or None.
    """

    packet: Packet
    interface: Interface
    tunnel: Packet | None
    source: Address
    destination: Address

    @property
    def payload(self) -> Any:
        """The packet's contents: of the type for which a handler is in the table."""
        return self.packet.payload


Handler = Callable[[Arrival], None]


class Transmit(Protocol):
    """The way in which upper layers send; see `Node.originate`."""

    def __call__(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send a payload."""


class Mobility(Unique):
    """Home addresses and bindings, as a node without Mobile IPv6 sees them: it knows none. A node of Mobile IPv6 has a
    part that knows better in this place (`Node.mobility`).
    """

    counts_arrivals = False
    """True where each packet with a home address changes something, so that none may be taken for another."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def reached_at(self) -> Address:
        """The address under which others reach the node: a mobile node's primary home address."""
        return self.node.address

    def is_own(self, address: Address) -> bool:
        """True for a global address of the node."""
        return address in self.node.addresses

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Find the road of packets from `source` to `destination` just now."""
        return self.node.direct_road(source, destination)

    def source_for(self, destination: Address, prefers_care_of: bool = False) -> Address | None:
        """Choose the address from which to talk to `destination` where nobody says: the first."""
        return next(iter(self.node.addresses), None)

    def home_address_option(self, option: HomeAddressOption, arrival: Arrival) -> bool:
        """Refuse the option, unknown without Mobile IPv6 (RFC 8200 section 4.2, top bits 11); False, as ever."""
        return self.node.refuse(arrival, option, "Home Address option", not arrival.packet.destination.is_multicast)

    def routing_header_type_2(self, header: headers.RoutingHeaderType2, arrival: Arrival) -> bool:
        """Refuse the header, of a type unknown without Mobile IPv6, while it has segments left (RFC 8200 section 4.4).
        """
        return header.segments_left == 0 or self.node.refuse(arrival, header, "routing header of type 2")


class Node:
    """An IPv6 node at the coordinates (x, y) of the pictures."""

    __reduce_ex__ = Unique.__reduce_ex__

    role: Role = "host"
    forwards = False
    knows_mobility = False
    """True for nodes of Mobile IPv6: they know next header 135."""

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        self.network = network
        self.clock = network.clock
        self._meters = network.meters
        self.name = name
        self.interfaces: dict[str, Interface] = {}
        self.addresses: dict[Address, Interface] = {}
        """The node's own global addresses -> the interface of each."""
        self.path_mtu: dict[Address, int] = {}
        """Address -> octets of the largest packet towards it, where a Packet Too Big said so (RFC 8201)."""
        self.error_limit = TokenBucket()
        """The limit of ICMPv6 errors (RFC 4443 section 2.4 f)."""
        self.handlers: dict[type, Handler] = {
            icmpv6.EchoRequest: self._echo_request, icmpv6.IcmpError: self._icmp_error,
            headers.UDP: self.no_listener, headers.TCP: self.no_listener,
        }  # fmt: skip
        """Payload type -> its handler."""
        self.error_listeners: list[Handler] = []
        """Functions to call with each ICMPv6 error that has arrived, in order."""
        self.transmit: Transmit = self.originate
        """The function with which upper layers send; see `Host.put_between`."""
        self.send_by: Callable[[Packet, Road], None] = lambda packet, road: road.send(packet)
        """Puts signalling on its road; IP security stands here."""
        self.mobility = Mobility(self)
        self.interface_changed: Callable[[Interface], None] = lambda interface: None
        """Called with an interface that went up or down, or has lost its last address."""
        self._roads: dict[tuple[Address, Address], Road] = {}
        self.lines: dict[object, Line] = {}
        """Label of packets that we send, or destination of those without -> how the last one went; (destination, label)
        -> how the last one of both went: mobile nodes give their flows the same numbers.
        """
        self._restored: dict[Header, tuple[Address, Address]] = {}
        """Headers of packets that have arrived -> source and destination as upper layers see them."""
        self.local = self._processor()
        """local(packet, interface, tunnel=None, fragment=None) processes a packet that is for this node: its extension
        headers in order, then what it carries. The headers in front of the `fragment` that made it whole have been
        processed with that.
        """
        self._reassembly = Reassembly()
        self._fragment_identification = 0
        network.add_node(name, x, y, self.role, self.forwards)

    def add_interface(self, name: str, interface_identifier: int) -> Interface:
        """Add an interface, on no segment yet. Raises TopologyError for a name that is taken."""
        if name in self.interfaces:
            raise TopologyError(f"{self.name} has an interface {name!r} already", name)
        interface = self.interfaces[name] = Interface(self, name, interface_identifier)
        return interface

    def live_on(self, segment: Segment, interface_identifier: int, name: str) -> Interface:
        """Add an interface that joins a segment for good, with a fixed address of its prefix."""
        self.network.check_segment(segment)
        interface = self.add_interface(name, interface_identifier)
        interface.join(segment)
        if (prefix := self.network.prefix_of(segment)) is not None:
            interface.add_address(prefix.address(interface_identifier))
        return interface

    @property
    def address(self) -> Address:
        """The node's first global address. Raises TopologyError when it has none yet."""
        for address in self.addresses:
            return address
        raise TopologyError(f"{self.name} has no global address yet", self.name)

    def advertisement(self, interface: Interface) -> icmpv6.RouterAdvertisement | None:
        """Make the advertisement that a router sends on a link; a host sends none (RFC 4861 section 6.2.4)."""
        return None

    def drop(self, packet: Packet, reason: str, is_received: bool = False) -> None:
        """Drop a packet here, for a reason in words. `is_received`: its flow's meter has counted it as received, so it
        does not count as lost.
        """
        self.network.drop(packet, reason, self.name, is_received)

    def hear_port(self, port: int, heard: Handler) -> None:
        """Give UDP datagrams to a port to `heard`, and all others to the handler of UDP until now."""
        others = self.handlers[headers.UDP]

        def either(arrival: Arrival) -> None:
            (heard if arrival.payload.destination_port == port else others)(arrival)

        self.handlers[headers.UDP] = either
        self.network.trains.changed(self.name)

    # --- sending -----------------------------------------------------------------------------------------------------

    def originate(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send an upper layer's payload. `source` None lets the node choose; `label` is the trace's (see `Packet`)."""
        if source is None:
            source = self.mobility.source_for(destination) or self.address
        if label:
            self._meters[label].sent += 1
        line = self.lines.get(label or destination)
        if line is None or line[0] is not source or line[1] is not destination or line[2] is not marks:
            line = self.line(source, destination, label, marks)
        line[3](payload)

    def line(self, source: Address, destination: Address, label: int, marks: Marks) -> Line:
        """Return how payloads go from a source that was chosen, and keep it among the `lines` while there is a way."""
        line = self.lines.get((destination, label))
        if line is None or line[:3] != (source, destination, marks):
            header, road = Header(source, destination, marks, label), self._road(source, destination)
            if road is None:
                return source, destination, marks, lambda payload: self.send(packet_of(header, payload, self.clock.now))
            line = self.lines[destination, label] = source, destination, marks, road.line(header, self.clock, self.send)
        line = self.lines[label or destination] = source, destination, marks, line[3]
        return line

    def _road(self, source: Address, destination: Address) -> Road | None:
        """Return the road between two addresses as it is now; None where there is no way."""
        road = self._roads.get((source, destination))
        if road is None and (road := self.mobility.find_road(source, destination)) is not None:
            self.network.on_change(self.forget_roads, once=True)
            self._roads[source, destination] = road
        return road

    def send(self, packet: Packet) -> None:
        """Send a packet of our own along its road; one that is too large is cut into fragments (RFC 8200 section 4.5).
        """
        road = self._road(packet.source, packet.destination)
        if road is None:
            self.drop(packet, f"no way to {packet.destination}")
            return
        if packet.size <= road.mtu:
            road.send(packet)
            return
        mtu = road.mtu if road.tunnel is None else max(road.mtu, MIN_MTU)
        for piece in [packet] if packet.size <= mtu else cut(packet, mtu, self.next_identification()):
            if piece.size <= road.mtu:
                road.send(piece)
            else:
                road.send_in_fragments(piece, self.next_identification())

    def send_direct(self, packet: Packet, road: Road | None = None) -> None:
        """Send signalling by a road, or straight to its destination, whatever is bound."""
        packet.sent_ns = self.clock.now
        road = road or self.direct_road(packet.source, packet.destination)
        if road is None:
            self.drop(packet, f"no way to {packet.destination}")
        else:
            self.send_by(packet, road)

    def next_identification(self) -> int:
        """Return the number of the next packet that is cut (RFC 8200 section 4.5)."""
        self._fragment_identification += 1
        return self._fragment_identification

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """Find the road straight out of the interface that owns `source`; None where there is no way."""
        interface = self.addresses.get(source)
        channel = None if interface is None else interface.channel_to(destination)
        return None if channel is None else Road("direct", channel, self.mtu_towards(destination, channel.mtu))

    def road(self, kind: str, near: Address, far: Address, **how: Any) -> Road | None:
        """Make a `Road` that begins as the straight one between two addresses; None where there is no way."""
        direct = self.direct_road(near, far)
        return None if direct is None else Road(kind, direct.channel, direct.mtu, **how)

    def mtu_towards(self, destination: Address, link_mtu: int) -> int:
        """Return the octets of the largest packet towards `destination` that is known to pass."""
        return min(link_mtu, self.path_mtu.get(destination, link_mtu))

    def forget_roads(self, about: Address | None = None) -> None:
        """Work the roads out anew: a binding, route or interface has changed; `about` is the address of a binding."""
        self._roads.clear()
        self.lines.clear()
        self._restored.clear()
        self.network.trains.changed(self.name, about)

    # --- receiving ---------------------------------------------------------------------------------------------------

    def receiver(self, interface: Interface) -> Callable[[Packet], None]:
        """Make the function that a link calls with each packet that arrives at an interface of ours."""
        addresses, local = self.addresses, self.local

        def receive(packet: Packet) -> None:
            if interface.listens and packet.header.destination in addresses:
                local(packet, interface)
            else:
                self.receive(packet, interface)

        return receive

    def receive(self, packet: Packet, interface: Interface) -> None:
        """Take a packet that has arrived at an interface."""
        if not interface.listens:
            self.drop(packet, DOWN.format(interface.name))
        elif packet.destination in self.addresses or self._is_for_link(packet.destination, interface):
            self.local(packet, interface)
        else:
            self.pass_on(packet)

    def pass_on(self, packet: Packet) -> None:
        """Drop a packet for another node; a router forwards it."""
        self.drop(packet, f"{packet.destination} is not an address of {self.name}")

    def _is_for_link(self, destination: Address, interface: Interface) -> bool:
        return destination.is_multicast or destination == interface.link_local

    def _processor(self) -> Callable[..., None]:
        """Make `local`, a closure as a link's `send` is: nodes of all classes run the same code, in which each look
        into `self` would be a search.
        """
        restored, meters, clock, handlers = self._restored, self._meters, self.clock, self.handlers

        def local(
            packet: Packet, interface: Interface, tunnel: Packet | None = None, fragment: Arrival | None = None
        ) -> None:
            header = packet.header
            arrival = Arrival(packet, interface, tunnel, header.source, header.destination)
            if header.extensions:
                ends = restored.get(header)
                if ends is not None:
                    arrival.source, arrival.destination = ends
                elif not self._process_extensions(arrival, fragment):
                    return
            kind, label = type(packet.payload), header.label
            if label and kind is not Packet:
                meters[label].arrived(packet, clock.now)
            handler = handlers.get(kind)
            if handler is None:
                self.unhandled(arrival)
            else:
                handler(arrival)

        return local

    def unhandled(self, arrival: Arrival) -> None:
        """Drop a packet whose payload has no handler here; multicast that does not concern this node is no drop."""
        packet, payload = arrival.packet, arrival.packet.payload
        if isinstance(payload, Opaque) and self._is_malformed(packet, payload):
            return
        if packet.destination.is_multicast:
            return
        is_received = not isinstance(payload, Packet)  # no meter has counted what is in a tunnel
        self.drop(packet, f"{type(payload).__name__} is not handled by {self.name}", is_received)
        is_mobility = isinstance(payload, mobility.MobilityMessage) and not self.knows_mobility
        is_unknown = isinstance(payload, Opaque) and payload.next_header != headers.NO_NEXT_HEADER
        if is_mobility or is_unknown or isinstance(payload, Packet):
            # The next header field that nobody knows (RFC 4443 section 3.4): the last header's first octet, or the
            # IPv6 one's.
            pointer = offset_of(packet, packet.extensions[-1]) if packet.extensions else 6
            self.send_error(packet, icmpv6.PARAMETER_PROBLEM, 1, pointer)

    def no_listener(self, arrival: Arrival) -> None:
        """Drop a packet for a port that nobody is on, and tell its sender, over TCP by a reset (RFC 4443 section 3.1,
        RFC 9293 section 3.10.7.1). Multicast that does not concern this node is no drop.
        """
        packet, payload = arrival.packet, arrival.payload
        if arrival.destination.is_multicast:
            return
        self.drop(packet, f"nobody listens on port {payload.destination_port} of {self.name}", is_received=True)
        if isinstance(payload, headers.UDP):
            self.send_error(packet, icmpv6.DESTINATION_UNREACHABLE, icmpv6.PORT_UNREACHABLE, 0, arrival)
        elif self._is_somebody(arrival.source):
            for reset in reset_for(payload):
                self.transmit(reset, arrival.destination, arrival.source, -packet.label)

    def _is_malformed(self, packet: Packet, payload: Opaque) -> bool:
        """Drop a packet whose octets are not what its headers say; tell its source where RFC 6275 section 9.2 asks for
        it. True where it was one.
        """
        if payload.next_header == mobility.NEXT_HEADER and not self.knows_mobility:
            return False  # to such a node it is a header that nobody knows
        try:
            codec.decode(codec.encode(packet))
        except WireError as error:
            self.drop(packet, str(error), is_received=True)
            if error.pointer is not None and self.knows_mobility:
                self.send_error(packet, icmpv6.PARAMETER_PROBLEM, 0, error.pointer)
            return True
        return False

    def expects(self, payload: object) -> bool:
        """True where somebody here hears such a payload, which only a host's sockets do."""
        return False

    # --- extension headers (RFC 8200 section 4) ----------------------------------------------------------------------

    def _process_extensions(self, arrival: Arrival, fragment: Arrival | None) -> bool:
        """Process all extension headers; False where the packet ends there.

        A data packet whose headers have passed shows what all others of its flow with the same `Header` come to, until
        a binding or an address of ours changes (`forget_roads`).
        """
        packet, extensions = arrival.packet, arrival.packet.extensions
        if fragment is not None:
            arrival.source, arrival.destination = fragment.source, fragment.destination
            before = fragment.packet.extensions
            extensions = extensions[next(n for n, h in enumerate(before) if type(h) is headers.FragmentHeader) :]
        if not all(self.process_extension(each, arrival) for each in extensions):
            return False
        if packet.label and type(packet.payload) in (headers.UDP, headers.TCP) and not self.mobility.counts_arrivals:
            self._restored[packet.header] = arrival.source, arrival.destination
        return True

    def process_extension(self, header: object, arrival: Arrival) -> bool:
        """Process one extension header; False where the packet ends here."""
        if type(header) is headers.DestinationOptions or type(header) is headers.HopByHopOptions:
            return all(self._process_option(option, arrival) for option in header.options)  # type: ignore[arg-type]
        if type(header) is headers.RoutingHeaderType2:
            return self.mobility.routing_header_type_2(header, arrival)
        if isinstance(header, headers.RoutingHeader):
            return header.segments_left == 0 or self.refuse(arrival, header, f"routing header of type {header.type}")
        if isinstance(header, headers.FragmentHeader):
            self._reassemble(header, arrival)
        return False

    def _process_option(self, option: HomeAddressOption | headers.UnknownOption, arrival: Arrival) -> bool:
        """Process one option, an unknown one as the two top bits of its type say (RFC 8200 section 4.2); False where
        the packet ends here.
        """
        if isinstance(option, HomeAddressOption):
            return self.mobility.home_address_option(option, arrival)
        action = option.type >> 6
        if option.type <= 1 or action == 0:
            return True
        is_told = action == 2 or (action == 3 and not arrival.packet.destination.is_multicast)
        return self.refuse(arrival, option, f"option {option.type:#04x}", is_told)

    def refuse(self, arrival: Arrival, part: object, what: str, is_told: bool = True) -> bool:
        """Drop a packet for an option or routing header that is not known here, and tell its source where that stands;
        False, as ever.
        """
        self.drop(arrival.packet, f"{what} is not known here")
        if is_told:
            # The error points at the type of an option (code 2) or a routing header (code 0): RFC 8200 4.2, 4.4.
            code, beyond = (2, 0) if isinstance(part, headers.ExtensionOption) else (0, 2)
            self.send_error(arrival.packet, icmpv6.PARAMETER_PROBLEM, code, offset_of(arrival.packet, part) + beyond)
        return False

    def _reassemble(self, header: headers.FragmentHeader, arrival: Arrival) -> None:
        pointer = misfit(header, arrival.packet.payload, offset_of(arrival.packet, header))
        if pointer is not None:
            self.drop(arrival.packet, "a fragment of a wrong length")
            self.send_error(arrival.packet, icmpv6.PARAMETER_PROBLEM, 0, pointer)
            return
        ends = (arrival.source, arrival.destination)
        whole, dropped = self._reassembly.add(arrival.packet, header, *ends, self.clock.now)
        for packet, reason in dropped:
            self.drop(packet, reason)
        if whole is not None:
            self.local(whole, arrival.interface, arrival.tunnel, arrival)

    # --- errors (RFC 4443) -------------------------------------------------------------------------------------------

    def too_big(self, packet: Packet, mtu: int) -> None:
        """Drop a packet that the next link cannot carry and tell its source, where a tunnel begins the inner packet's.
        """
        if isinstance(packet.payload, Packet) and packet.source in self.addresses:
            # RFC 2473 section 7.1: the tunnel's MTU is reported to whoever sent into it.
            packet, mtu = packet.payload, mtu - 40
        self.drop(packet, f"{packet.size} octets do not fit the link's {mtu}")
        self.send_error(packet, icmpv6.PACKET_TOO_BIG, 0, max(mtu, MIN_MTU))

    def send_error(self, packet: Packet, kind: int, code: int, parameter: int, arrival: Arrival | None = None) -> None:
        """Send an ICMPv6 error about `packet`, where one may be sent (RFC 4443 section 2.4 e and f).

        It goes from the packet's destination, if that is ours, to its source (section 2.2): those on the wire, or those
        that the upper layers see where its `arrival` is given.
        """
        payload, ends = packet.payload, packet if arrival is None else arrival
        source, destination = ends.source, ends.destination
        if isinstance(payload, icmpv6.IcmpError | icmpv6.UnknownIcmp) and payload.type in UNANSWERED:
            return
        if destination.is_multicast and (kind, code) not in ABOUT_MULTICAST:
            return
        if not (self._is_somebody(source) and self.addresses and self.error_limit.take(self.clock.now)):
            return
        error = icmpv6.IcmpError(kind, code, parameter, codec.encode(packet)[: icmpv6.MAX_INVOKING])
        if source.is_link_local and destination.is_link_local and arrival is not None:
            self.send_link_local(error, destination, source, arrival.interface)
        else:
            self.send(Packet(destination if self.mobility.is_own(destination) else self.address, source, error))

    def _is_somebody(self, source: Address) -> bool:
        """True where an answer to `source` reaches one node, and another one (RFC 4443 section 2.4 e.6)."""
        return (source.is_unicast_routable or source.is_link_local) and not self.mobility.is_own(source)

    def _icmp_error(self, arrival: Arrival) -> None:
        error: icmpv6.IcmpError = arrival.payload
        if error.type == icmpv6.PACKET_TOO_BIG and len(error.invoking) >= 40:
            destination = Address(error.invoking[24:40])
            self.path_mtu[destination] = min(self.path_mtu.get(destination, 65535), max(error.parameter, MIN_MTU))
            self.decided("path MTU", f"{error.parameter} octets towards {destination}")
            self.forget_roads()
        for hear in self.error_listeners:
            hear(arrival)

    def _echo_request(self, arrival: Arrival) -> None:
        request: icmpv6.EchoRequest = arrival.payload
        source = None if arrival.destination.is_multicast else arrival.destination
        reply = icmpv6.EchoReply(request.identifier, request.sequence, request.data)
        self.transmit(reply, source, arrival.source, -arrival.packet.label)

    def send_link_local(self, payload: Sized, source: Address, destination: Address, interface: Interface) -> None:
        """Send neighbor discovery on one segment; its hop limit of 255 proves that no router passed it on (RFC 4861).

        The sender's link-layer address goes with it (sections 4.1 to 4.4), but not from the unspecified address.
        """
        if isinstance(payload, icmpv6.WithNeighborOptions) and source != UNSPECIFIED:
            is_target = isinstance(payload, icmpv6.NeighborAdvertisement)
            own = icmpv6.LinkLayerAddress(interface.link_layer_address, is_target)
            payload = replace(payload, options=(*payload.options, own))  # type: ignore[type-var]
        packet = Packet(source, destination, payload, hop_limit=255, sent_ns=self.clock.now)
        if destination.is_multicast:
            interface.multicast(packet)
        elif (channel := interface.channel_to(destination)) is not None:
            channel.send(packet)
        else:
            self.drop(packet, f"no neighbor {destination} on this link")

    # --- the trace ---------------------------------------------------------------------------------------------------

    def record(self, changes: list[Change]) -> None:
        """Put changes of our tables into the trace."""
        self.network.trace.records += [TableChanged(self.clock.now, self.name, change) for change in changes]

    def decided(self, what: str, why: str) -> None:
        """Put a decision that no table shows into the trace."""
        self.network.trace.records.append(Decided(self.clock.now, self.name, what, why))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    offered_names: ClassVar[tuple[str, ...]] = ("address", "addresses", "interfaces", "name")
    """The members that tab completion offers, because a learner needs them. All others can be typed."""

    def __dir__(self) -> tuple[str, ...]:
        return self.offered_names
