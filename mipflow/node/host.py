"""A host: a node with UDP, TCP and echo sockets on top. It has fixed addresses, or makes them from router
advertisements.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from mipflow.arguments import PORT, check, instance, whole
from mipflow.errors import ProtocolMisuse, WireError
from mipflow.node.interface import Interface
from mipflow.node.neighbor import NeighborDiscovery
from mipflow.node.node import Arrival, Node
from mipflow.node.seam import EVERYBODY, FlowSeam, NoFlows, Remote, UpperSeam
from mipflow.node.sockets import EchoSocket, EspSocket, TcpSocket, UdpSocket
from mipflow.sim.link import Segment
from mipflow.sim.network import Network
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.chain import hides_payload, pseudo_header_addresses
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, IcmpError, RouterAdvertisement
from mipflow.wire.packet import ESP, IPV6_HEADER, TCP, TUNNEL_OVERHEAD, UDP, Opaque

FIRST_EPHEMERAL_PORT = 49152
"""First port for connections that do not name one (RFC 6335 section 6)."""

SPI = whole(1, 2**32 - 1, "an SPI, of which 0 is never sent (RFC 4303 section 2.1),")


class Host(Node):
    """A node with applications."""

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self.flow_seam: FlowSeam = NoFlows(self)
        self.neighbor = NeighborDiscovery(self)
        self.neighbor.on_advertisement.append(self.advertised)
        self._udp: dict[tuple[int, Remote], UdpSocket] = {}
        self._udp_hearing: dict[int, UdpSocket] = {}
        """UDP sockets that hear everybody, by port."""
        self._tcp: dict[tuple[int, Remote], TcpSocket] = {}
        self._listeners: dict[tuple[int, Remote], Callable[[TcpSocket], None]] = {}
        self._remotes: dict[int, dict[Remote, None]] = {}
        """Port -> the other ends of its UDP and TCP sockets and listeners; those that hear everybody are apart."""
        self._echo: dict[int, EchoSocket] = {}
        self._esp: dict[int, EspSocket] = {}
        self.promised_ports: set[int] = set()
        """Local ports at which somebody is going to listen."""
        self._next_port = FIRST_EPHEMERAL_PORT
        self._taken_to: dict[int, int] = {}
        """Port -> from here on every second port is to be looked at; those before are in use."""
        self.handlers[UDP] = self._datagram
        self.handlers[TCP] = self._segment
        self.handlers[EchoReply] = self._echo_reply
        self.handlers[Opaque] = self._protected

    def settle(self, segment: Segment, interface_identifier: int, name: str = "eth0") -> Interface:
        """Live on a segment for good: a fixed address of its prefix, its router as default router."""
        interface = self.live_on(segment, interface_identifier, name)
        forwards = self.network.graph.nodes(data="forwards")
        interface.router = next((port for port in segment.ports if forwards[port.owner]), None)
        return interface

    def advertised(self, interface: Interface, message: RouterAdvertisement, source: Address) -> None:
        """A router advertised: it is the default router, or with a lifetime of zero no longer (RFC 4861 section 6.3.4).
        """
        self.take_router(interface, source, message.router_lifetime_s > 0)

    def take_router(self, interface: Interface, link_local: Address, is_router: bool) -> None:
        """Let the neighbor with this link-local address be the default router of an interface, or be it no longer."""
        router = None if interface.segment is None else interface.segment.neighbor(link_local)
        if is_router != (interface.router is router):
            interface.router = router if is_router else None
            self.network.changed()

    def put_between(self, seam: UpperSeam) -> None:
        """Put something between transport and roads, which knows the flows of this host."""
        self.flow_seam, self.transmit = seam, seam.outgoing
        for kind in (UDP, TCP, EchoRequest, EchoReply, Opaque):
            self.handlers[kind] = seam.incoming(self.handlers[kind])

    # --- sockets -----------------------------------------------------------------------------------------------------

    def free_port(self) -> int:
        """A local port that nobody uses, of those for this (RFC 6335 section 6). Raises ProtocolMisuse where all are
        in use.
        """
        first, last = FIRST_EPHEMERAL_PORT, 65535
        ports = chain(range(self._next_port, last + 1), range(first, self._next_port))
        port = next((port for port in ports if not self.has_port(port)), None)
        if port is None:
            why = f"all ports from {first} to {last} of {self.name} are in use; close a flow first"
            raise ProtocolMisuse(why, self.name)
        self._next_port = port + 1
        return port

    def free_port_from(self, first: int) -> int:
        """The first of every second port from `first` on that is free. Raises ProtocolMisuse where none is."""
        ports = range(self._taken_to.get(first, first), 65536, 2)
        port = next((port for port in ports if not self.has_port(port)), None)
        if port is None:
            raise ProtocolMisuse(f"no port from {first} on is free at {self.name}; choose another", first)
        self._taken_to[first] = port
        return port

    def has_port(self, port: int) -> bool:
        """True where a socket or listener is on this local port, or it is promised."""
        taken = port in self._remotes or port in self._udp_hearing or port in self._esp
        return taken or port in self.promised_ports

    def check_unheard(self, protocol: str, port: int) -> None:
        """Raises ProtocolMisuse where what everybody sends to a local port has somebody who hears it already."""
        is_taken = {"UDP": port in self._udp_hearing, "TCP": (port, EVERYBODY) in self._listeners,
                    "ESP": port in self._esp}  # fmt: skip
        if is_taken.get(protocol):
            raise ProtocolMisuse(f"{protocol} port {port} of {self.name} is in use; choose another", port)

    def expects(self, payload: object) -> bool:
        """True where somebody here hears a datagram, segment or echo: late packets of what was closed are nobody's."""
        if isinstance(payload, UDP | TCP):
            return self.has_port(payload.destination_port)
        if isinstance(payload, Opaque):
            return payload.next_header == ESP and int.from_bytes(payload.data[:4], "big") in self._esp
        return not isinstance(payload, EchoReply) or payload.identifier in self._echo

    def udp(self, port: int, remote: Remote = EVERYBODY, flow: int = 0, upward: bool = True) -> UdpSocket:
        """A UDP socket on a local port; `flow` and `upward` label what it sends. Raises ProtocolMisuse when it is
        taken.
        """
        check(PORT, port=port, remote_port=remote[1])
        if (port, remote) in self._udp or port in self._udp_hearing:
            raise ProtocolMisuse(f"UDP port {port} of {self.name} is in use; choose another", port)
        socket = UdpSocket(self, port, remote, flow if upward else -flow)
        if remote == EVERYBODY:
            self._udp_hearing[port] = socket
        else:
            self._udp[port, remote] = socket
            self._remotes.setdefault(port, {})[remote] = None
            self.flow_seam.flow_named(socket.label, "UDP", port, remote)
        return socket

    def tcp_connect(self, port: int, remote: Remote, flow: int = 0) -> TcpSocket:
        """Open a TCP connection to `remote`; its SYN waits until the flow can be sent."""
        check(PORT, port=port, remote_port=remote[1])
        if (port, remote) in self._tcp:
            raise ProtocolMisuse(f"TCP port {port} of {self.name} is in use; choose another", port)
        socket = self._tcp[port, remote] = TcpSocket(self, port, remote, flow)
        self._remotes.setdefault(port, {})[remote] = None
        self.flow_seam.flow_named(flow, "TCP", port, remote)
        self.flow_seam.when_ready(flow, socket.connect)
        return socket

    def tcp_listen(self, port: int, accept: Callable[[TcpSocket], None], remote: Remote = EVERYBODY) -> None:
        """Call `accept(socket)` for each connection that arrives on a local port, or only for those from `remote`."""
        check(PORT, port=port)
        if (port, remote) in self._listeners:
            raise ProtocolMisuse(f"TCP port {port} of {self.name} is in use; choose another", port)
        self._listeners[port, remote] = accept
        self._remotes.setdefault(port, {})[remote] = None

    def echo(self, identifier: int, remote: Address, flow: int = 0) -> EchoSocket:
        """A socket for echo requests with an identifier of its own (RFC 4443 section 4.1)."""
        check(PORT, identifier=identifier)
        self.flow_seam.flow_named(flow, "ICMPv6", identifier, (remote, 0))
        socket = self._echo[identifier] = EchoSocket(self, identifier, remote, flow)
        return socket

    def esp(self, spi: int, remote_spi: int, remote: Address | None, label: int = 0) -> EspSocket:
        """A socket for ESP that ends beyond this host: it gets what has `spi` (RFC 4303 section 2.1)."""
        if spi in self._esp:
            raise ProtocolMisuse(f"SPI {spi} of {self.name} is in use; choose another", spi)
        check(SPI, spi=spi, remote_spi=remote_spi)
        socket = self._esp[spi] = EspSocket(self, spi, remote_spi, remote, label)
        return socket

    @property
    def tcp_sockets(self) -> list[TcpSocket]:
        """Its TCP connections, in the order in which they began."""
        return list(self._tcp.values())

    def close_port(self, port: int, remote: Remote | None = None) -> None:
        """Forget the sockets, listeners and echo identifier of a local port, or only those for one `remote`."""
        remotes = self._remotes.get(port, {})
        for each in list(remotes) if remote is None else [remote] if remote in remotes else []:
            del remotes[each]
            self._udp.pop((port, each), None)
            self._listeners.pop((port, each), None)
            if (port, each) in self._tcp:
                self._tcp.pop((port, each)).forget()
        if not remotes:
            self._remotes.pop(port, None)
        for first, to in self._taken_to.items():
            if port in range(first, to, 2):
                self._taken_to[first] = port
        if remote is None:
            self._udp_hearing.pop(port, None)
            self._esp.pop(port, None)
        if port in self._echo and (remote is None or remote[0] == self._echo[port].remote):
            del self._echo[port]

    def maximum_segment_size(self) -> int:
        """Octets of TCP payload that pass every road of this host: room is left for a tunnel, the costliest of them."""
        link = min((i.segment.link.mtu for i in self.interfaces.values() if i.segment is not None), default=1500)
        return link - TUNNEL_OVERHEAD - IPV6_HEADER - 20

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _datagram(self, arrival: Arrival) -> None:
        datagram: UDP = arrival.packet.payload  # type: ignore[assignment]  # the handlers' table says so
        port = datagram.destination_port
        socket = self._udp_hearing.get(port)
        if socket is None:
            socket = self._udp.get((port, (arrival.source, datagram.source_port)))
            if socket is None:
                self.no_listener(arrival)
                return
        socket.receive(datagram, arrival)

    def _segment(self, arrival: Arrival) -> None:
        segment: TCP = arrival.packet.payload  # type: ignore[assignment]  # the handlers' table says so
        port, remote = segment.destination_port, (arrival.source, segment.source_port)
        socket = self._tcp.get((port, remote))
        if socket is None:
            self.unconnected(arrival)
        else:
            socket.receive(segment)

    def unconnected(self, arrival: Arrival) -> None:
        """A segment of no connection: one that begins there, or it is nobody's."""
        segment: TCP = arrival.payload
        port, remote = segment.destination_port, (arrival.source, segment.source_port)
        accept = self._listeners.get((port, remote)) or self._listeners.get((port, EVERYBODY))
        if accept is None or not segment.syn or segment.ack or arrival.destination.is_multicast:
            self.no_listener(arrival)
            return
        socket = TcpSocket(self, port, remote, -arrival.packet.label, arrival.destination)
        self._tcp[port, remote] = socket
        self._remotes.setdefault(port, {})[remote] = None
        accept(socket)
        socket.accept(segment)

    def _protected(self, arrival: Arrival) -> None:
        if self.expects(arrival.payload):
            self._esp[int.from_bytes(arrival.payload.data[:4], "big")].receive(arrival)
        else:
            self.unhandled(arrival)

    def _icmp_error(self, arrival: Arrival) -> None:
        """Tell the socket whose packet an error is about, where there is one (RFC 4443 section 2.4 d)."""
        super()._icmp_error(arrival)
        error: IcmpError = arrival.payload
        try:
            packet = codec.decode_beginning(error.invoking)
            source, destination = pseudo_header_addresses(packet.source, packet.destination, packet.extensions)
        except WireError:
            return
        payload: Opaque = packet.payload  # type: ignore[assignment]  # of a beginning it is nothing else
        port, remote_port = (int.from_bytes(payload.data[at : at + 2], "big") for at in (0, 2))
        remote, is_whole = (destination, remote_port), not any(hides_payload(header) for header in packet.extensions)
        if is_whole and self.mobility.is_own(source):
            udp, tcp = self._udp.get((port, remote)) or self._udp_hearing.get(port), self._tcp.get((port, remote))
            if payload.next_header == 17 and udp is not None and udp.remote == remote:
                udp.on_error(error)
            elif payload.next_header == 6 and tcp is not None and error.is_port_unreachable:
                tcp.refused(int.from_bytes(payload.data[4:8], "big"))

    def _echo_reply(self, arrival: Arrival) -> None:
        reply: EchoReply = arrival.payload
        socket = self._echo.get(reply.identifier)
        if socket is None:
            why = f"nobody on {self.name} sent echo requests with identifier {reply.identifier}"
            self.drop(arrival.packet, why, is_received=True)
        else:
            socket.receive(reply)


HOST = instance(Host, "a host, such as world.cn1")
