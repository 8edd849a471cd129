"""Sockets: the thin shells between applications and a host. TCP's logic is in `node.tcp.connection`; here it gets a
clock and a road.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mipflow.node.node import Arrival, Transmit
from mipflow.node.seam import FlowSeam, Remote
from mipflow.node.tcp.connection import Connection
from mipflow.sim.clock import Clock, Timer
from mipflow.sim.network import Network
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, IcmpError
from mipflow.wire.packet import ESP, NO_MARKS, TCP, UDP, Marks, Opaque


class SocketHost(Protocol):
    """The host of a socket, as the socket sees it."""

    name: str
    clock: Clock
    network: Network
    transmit: Transmit
    flow_seam: FlowSeam

    def maximum_segment_size(self) -> int:
        """Return the octets of TCP payload that pass every road of the host."""


@dataclass(slots=True, eq=False)
class UdpSocket:
    """A UDP port of a host. A socket that hears everybody answers whoever spoke last."""

    host: SocketHost
    port: int
    remote: Remote
    label: int
    marks: Marks = NO_MARKS
    """Marks for the IPv6 headers of all that it sends."""
    local: Address | None = None
    """The address that it sends from; None lets the host choose."""
    on_datagram: Callable[[bytes], None] = lambda data: None
    """Called with the payload of each datagram that arrives."""
    on_error: Callable[[IcmpError], None] = lambda error: None
    """Called with each ICMPv6 error about a datagram that was sent."""
    hears_everybody: bool = field(init=False)
    _datagram: UDP | None = None

    def __post_init__(self) -> None:
        self.hears_everybody = self.remote[0] is None

    def send(self, payload: bytes) -> None:
        """Send one datagram to the remote end; one that is sent again and again is one value."""
        datagram = self._datagram
        if datagram is None or datagram.payload is not payload:
            datagram = self._datagram = UDP(self.port, self.remote[1], payload)
        remote = self.remote[0]
        if remote is not None:
            self.host.transmit(datagram, self.local, remote, self.label, self.marks)

    def receive(self, datagram: UDP, arrival: Arrival) -> None:
        """A datagram has arrived."""
        if self.hears_everybody and (self.remote[0] != arrival.source or self.remote[1] != datagram.source_port):
            self.remote = (arrival.source, datagram.source_port)
            self.local = arrival.destination
            self._datagram = None
        self.on_datagram(datagram.payload)


class TcpSocket:
    """One TCP connection of a host."""

    def __init__(self, host: SocketHost, port: int, remote: Remote, label: int, local: Address | None = None) -> None:
        self.host = host
        self.port = port
        self.remote = remote
        self.label = label
        self.local = local
        self.marks = NO_MARKS
        self.on_data: Callable[[bytes], None] = lambda data: None
        """Called with bytes that arrived in order."""
        self.on_open: Callable[[], None] = lambda: None
        """Called once when the connection is established."""
        self.on_end: Callable[[], None] = lambda: None
        """Called once when the other end has sent all."""
        self._opened = self._ended = False
        self.is_forgotten = False
        """True once its port was closed."""
        stream = host.network.random(f"{host.name}/tcp/{port}/{remote[1]}/{abs(label)}")
        first, most = stream.getrandbits(32), host.maximum_segment_size()
        self.connection = Connection(port, remote[1], initial_sequence=first, maximum_segment_size=most)
        self._timer = Timer(host.clock, lambda: self._do(self.connection.timeout))

    def connect(self) -> None:
        """Send the SYN, from the address that the connection keeps."""
        remote = self.remote[0]
        if self.local is None and remote is not None:
            self.local = self.host.flow_seam.address_towards(remote)
        self._do(self.connection.connect)

    def accept(self, syn: TCP) -> None:
        """Answer the SYN that a listener heard."""
        self._do(self.connection.accept, syn)

    def write(self, data: bytes) -> None:
        """Send bytes, in order and surely."""
        self._do(self.connection.write, data)

    def close(self) -> None:
        """No more will be written."""
        self._do(self.connection.close)

    def abort(self) -> None:
        """Reset the connection."""
        self._do(self.connection.abort)

    def forget(self) -> None:
        """Its port was closed: send nothing more, not even again."""
        self.is_forgotten = True
        self._timer.stop()

    def receive(self, segment: TCP) -> None:
        """A segment has arrived."""
        self._do(self.connection.receive, segment)

    def refused(self, sequence: int) -> None:
        """An ICMPv6 error says that nobody is on the port to which a segment with this number went."""
        self._do(self.connection.refused, sequence)

    def _do(self, act: Callable[..., object], *given: object) -> None:
        """Let the connection act, send what it wants to send, set its timer, tell the application what is new."""
        connection, host = self.connection, self.host
        act(*given, host.clock.now)
        remote = self.remote[0]
        assert remote is not None
        data = connection.read()  # first: the acknowledgement announces the window that this opens
        for segment in connection.take_segments():
            host.transmit(segment, self.local, remote, self.label, self.marks)
        if connection.timer_ns is None:
            self._timer.stop()
        elif connection.timer_ns != self._timer.due_ns:
            self._timer.set(connection.timer_ns)
        if connection.is_open and not self._opened:
            self._opened = True
            self.on_open()
        if data:
            self.on_data(data)
        if connection.at_end and not self._ended:
            self._ended = True
            self.on_end()


@dataclass(slots=True, eq=False)
class EchoSocket:
    """Echo requests with one identifier."""

    host: SocketHost
    identifier: int
    remote: Address
    label: int
    marks: Marks = NO_MARKS
    on_reply: Callable[[int, bytes], None] = lambda number, data: None
    """Called with sequence number and data of each reply."""

    def send(self, sequence: int, data: bytes) -> None:
        """Send one request."""
        request = EchoRequest(self.identifier, sequence & 0xFFFF, data)
        self.host.transmit(request, None, self.remote, self.label, self.marks)

    def receive(self, reply: EchoReply) -> None:
        """A reply has arrived."""
        self.on_reply(reply.sequence, reply.data)


@dataclass(slots=True, eq=False)
class EspSocket:
    """ESP that ends beyond this host (RFC 4303): octets under an SPI in each direction. Without a remote end it answers
    whoever spoke last.
    """

    host: SocketHost
    spi: int
    remote_spi: int
    remote: Address | None
    label: int
    marks: Marks = NO_MARKS
    local: Address | None = None
    on_octets: Callable[[bytes], None] = lambda data: None
    """Called with the octets that follow SPI and sequence number in each packet."""
    _sequence: int = 0

    def send(self, octets: bytes) -> None:
        """Send one packet: SPI, sequence number, and these octets."""
        self._sequence += 1
        header = self.remote_spi.to_bytes(4, "big") + self._sequence.to_bytes(4, "big")
        if self.remote is not None:
            payload = Opaque(ESP, header + octets)
            self.host.transmit(payload, self.local, self.remote, self.label, self.marks)

    def receive(self, arrival: Arrival) -> None:
        """A packet with our SPI has arrived."""
        if self.remote is None or self.local is not None:
            self.remote, self.local = arrival.source, arrival.destination
        self.on_octets(arrival.payload.data[8:])
