"""A host: a node with sockets at local ports, above which applications run.

It has fixed addresses, or makes them from router advertisements. TCP is put in from `node.tcp` for whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

from mipflow.arguments import PORT, check, instance, whole
from mipflow.errors import ProtocolMisuse, WireError
from mipflow.node.interface import Interface
from mipflow.node.neighbor import NeighborDiscovery
from mipflow.node.node import Arrival, Handler, Node
from mipflow.node.seam import EVERYBODY, FlowSeam, NoFlows, Remote, UpperSeam
from mipflow.node.sockets import EchoSocket, EspSocket, UdpSocket
from mipflow.sim.link import Segment
from mipflow.sim.network import Network
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.chain import hides_payload, pseudo_header_addresses
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, IcmpError, RouterAdvertisement
from mipflow.wire.packet import ESP, TCP, UDP, Opaque

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
        self._udp: dict[int | tuple[int, Remote], UdpSocket] = {}
        """UDP sockets by port where they hear everybody, else by port and remote end."""
        self._echo: dict[int, EchoSocket] = {}
        self._esp: dict[int, EspSocket] = {}
        self._claims: dict[int, dict[Remote, dict[str, Callable[[], object]]]] = {}
        """Port -> other end -> "UDP", "TCP" or another word -> called when the port is closed."""
        self.promised_ports: set[int] = set()
        """Local ports at which somebody is going to listen."""
        self._next_port = FIRST_EPHEMERAL_PORT
        self._taken_to: dict[int, int] = {}
        """Port -> from here on every second port is to be looked at; those before are in use."""
        self.parts: dict[type, Any] = {}
        """Class -> the part of that class that was put into this host, such as its TCP."""
        self.take_segment: Handler = self.no_listener
        """Handles TCP segments."""
        self.on_error: dict[int, Callable[[int, Remote, IcmpError, bytes], None]] = {17: self._datagram_error}
        """Next header -> called with local port, other end, error and octets of a packet that an error is about."""
        self.error_listeners.append(self._tell_socket)
        self.handlers |= {
            UDP: self.datagram, TCP: lambda arrival: self.take_segment(arrival),
            EchoReply: self._echo_reply, Opaque: self._protected,
        }  # fmt: skip

    def settle(self, segment: Segment, interface_identifier: int, name: str = "eth0") -> Interface:
        """Live on a segment for good: a fixed address of its prefix, its router as default router."""
        interface = self.live_on(segment, interface_identifier, name)
        interface.router = next(iter(self.network.routers_on(segment)), None)
        return interface

    def advertised(self, interface: Interface, message: RouterAdvertisement, source: Address) -> None:
        """Take the router that advertised for the default router, with a lifetime of zero no longer (RFC 4861 section
        6.3.4).
        """
        router = None if interface.segment is None else interface.segment.neighbor(source)
        is_router = message.router_lifetime_s > 0
        if is_router != (interface.router is router):
            interface.router = router if is_router else None
            self.network.changed()

    def put_between(self, seam: UpperSeam) -> None:
        """Put a seam between transport and roads, which knows the flows of this host."""
        self.flow_seam, self.transmit = seam, seam.outgoing
        for kind in (UDP, TCP, EchoRequest, EchoReply, Opaque):
            self.handlers[kind] = seam.incoming(self.handlers[kind])

    # --- ports -------------------------------------------------------------------------------------------------------

    def free_port(self) -> int:
        """Return a free local port of those for connections that do not name one (RFC 6335 section 6). Raises
        ProtocolMisuse where all are in use.
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
        """Return the first of every second port from `first` on that is free. Raises ProtocolMisuse where none is."""
        ports = range(self._taken_to.get(first, first), 65536, 2)
        port = next((port for port in ports if not self.has_port(port)), None)
        if port is None:
            raise ProtocolMisuse(f"no port from {first} on is free at {self.name}; choose another", first)
        self._taken_to[first] = port
        return port

    def has_port(self, port: int) -> bool:
        """True where a socket or listener is on this local port, or it is promised."""
        return port in self._claims or port in self.promised_ports

    def check_unheard(self, protocol: str, port: int, remote: Remote = EVERYBODY) -> None:
        """Raise ProtocolMisuse where somebody hears already what `remote` sends to a local port."""
        if protocol in self._claims.get(port, {}).get(remote, ()):
            raise ProtocolMisuse(f"{protocol} port {port} of {self.name} is in use; choose another", port)

    def take_port(self, protocol: str, port: int, remote: Remote, release: Callable[[], object]) -> None:
        """Take a local port for a protocol and another end; call `release` once it is closed."""
        self._claims.setdefault(port, {}).setdefault(remote, {})[protocol] = release

    def close_port(self, port: int, remote: Remote | None = None) -> None:
        """Forget the sockets, listeners and echo identifier of a local port, or only those for one `remote`."""
        claims = self._claims.get(port, {})
        for each in list(claims) if remote is None else [remote]:
            for release in claims.pop(each, {}).values():
                release()
        if not claims:
            self._claims.pop(port, None)
        for first, to in self._taken_to.items():
            if port in range(first, to, 2):
                self._taken_to[first] = port
        if port in self._echo and (remote is None or remote[0] == self._echo[port].remote):
            del self._echo[port]
        self.network.trains.changed(self.name)

    # --- sockets -----------------------------------------------------------------------------------------------------

    def udp(self, port: int, remote: Remote = EVERYBODY, flow: int = 0, upward: bool = True) -> UdpSocket:
        """Open a UDP socket on a local port; `flow` and `upward` label the packets that it sends. Raises ProtocolMisuse
        when it is taken.
        """
        check(PORT, port=port, remote_port=remote[1])
        for each in (EVERYBODY, remote):
            self.check_unheard("UDP", port, each)
        key = port if remote == EVERYBODY else (port, remote)
        self.take_port("UDP", port, remote, partial(self._udp.pop, key))
        socket = self._udp[key] = UdpSocket(self, port, remote, flow if upward else -flow)
        self.flow_seam.flow_named(socket.label, "UDP", port, remote)
        return socket

    def echo(self, identifier: int, remote: Address, flow: int = 0) -> EchoSocket:
        """Open a socket for echo requests with an identifier of its own (RFC 4443 section 4.1)."""
        check(PORT, identifier=identifier)
        self.flow_seam.flow_named(flow, "ICMPv6", identifier, (remote, 0))
        socket = self._echo[identifier] = EchoSocket(self, identifier, remote, flow)
        return socket

    def esp(self, spi: int, remote_spi: int, remote: Address | None, label: int = 0) -> EspSocket:
        """Open a socket for ESP that ends beyond this host: it gets what has `spi` (RFC 4303 section 2.1)."""
        check(SPI, spi=spi, remote_spi=remote_spi)
        self.check_unheard("ESP", spi)
        self.take_port("ESP", spi, EVERYBODY, partial(self._esp.pop, spi))
        socket = self._esp[spi] = EspSocket(self, spi, remote_spi, remote, label)
        return socket

    # --- arrivals ----------------------------------------------------------------------------------------------------

    def expects(self, payload: object) -> bool:
        """True where somebody here hears a datagram, segment or echo: late packets of what was closed are nobody's."""
        if isinstance(payload, UDP | TCP):
            return self.has_port(payload.destination_port)
        if isinstance(payload, Opaque):
            return payload.next_header == ESP and int.from_bytes(payload.data[:4], "big") in self._esp
        return not isinstance(payload, EchoReply) or payload.identifier in self._echo

    def datagram(self, arrival: Arrival) -> None:
        """Give a datagram that has arrived to its socket."""
        datagram: UDP = arrival.packet.payload  # type: ignore[assignment]  # the handlers' table says so
        port = datagram.destination_port
        remote = arrival.source, datagram.source_port
        socket = self._udp.get(port) or self._udp.get((port, remote))
        if socket is None:
            self.no_listener(arrival)
            return
        if socket.hears_everybody and socket.remote != remote:
            socket.turn_to(remote, arrival.destination)
        socket.on_datagram(datagram.payload)

    def _protected(self, arrival: Arrival) -> None:
        if self.expects(arrival.payload):
            self._esp[int.from_bytes(arrival.payload.data[:4], "big")].receive(arrival)
        else:
            self.unhandled(arrival)

    def _echo_reply(self, arrival: Arrival) -> None:
        reply: EchoReply = arrival.payload
        socket = self._echo.get(reply.identifier)
        if socket is None:
            why = f"nobody on {self.name} sent echo requests with identifier {reply.identifier}"
            self.drop(arrival.packet, why, is_received=True)
        else:
            socket.receive(reply)

    def _tell_socket(self, arrival: Arrival) -> None:
        """Tell the socket whose packet an error is about, where there is one (RFC 4443 section 2.4 d)."""
        error: IcmpError = arrival.payload
        try:
            packet = codec.decode_beginning(error.invoking)
            source, destination = pseudo_header_addresses(packet.source, packet.destination, packet.extensions)
        except WireError:
            return
        payload: Opaque = packet.payload  # type: ignore[assignment]  # of a beginning it is nothing else
        hear, is_whole = self.on_error.get(payload.next_header), not any(map(hides_payload, packet.extensions))
        if hear is not None and is_whole and self.mobility.is_own(source):
            port, remote_port = (int.from_bytes(payload.data[at : at + 2], "big") for at in (0, 2))
            hear(port, (destination, remote_port), error, payload.data)

    def hearing(self, port: int, remote: Remote) -> UdpSocket | None:
        """Return the UDP socket that hears what a remote end sends to a port."""
        return self._udp.get(port) or self._udp.get((port, remote))

    def _datagram_error(self, port: int, remote: Remote, error: IcmpError, beginning: bytes) -> None:
        socket = self.hearing(port, remote)
        if socket is not None and socket.remote == remote:
            socket.on_error(error)


HOST = instance(Host, "a host, such as world.cn1")
