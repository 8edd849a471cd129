"""Sockets: the thin shells between applications and a host, for UDP, echo and ESP. TCP has its own (`node.tcp`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mipflow.node.node import Arrival, Node
from mipflow.node.seam import Remote
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, IcmpError
from mipflow.wire.packet import ESP, NO_MARKS, UDP, Marks, Opaque


@dataclass(slots=True, eq=False)
class UdpSocket:
    """A UDP port of a host. A socket that hears everybody answers whoever spoke last."""

    host: Node
    port: int
    remote: Remote
    label: int
    marks: Marks = NO_MARKS
    """Marks for the IPv6 headers of all that it sends."""
    local: Address | None = None
    """The address that it sends from; None lets the host choose."""
    on_datagram: Callable[[bytes], None] = lambda data: None
    """Called with the payload of each datagram that arrives."""
    counts: tuple[Callable[[bytes], None], tuple[Any, ...]] | None = None
    """An `on_datagram` that does no more than to count, and what it counts; None without one."""
    on_error: Callable[[IcmpError], None] = lambda error: None
    """Called with each ICMPv6 error about a datagram that was sent."""
    hears_everybody: bool = field(init=False)
    datagram: UDP | None = None

    def __post_init__(self) -> None:
        self.hears_everybody = self.remote[0] is None

    def send(self, payload: bytes) -> None:
        """Send one datagram to the remote end; one that is sent again and again is one value."""
        datagram = self.datagram
        if datagram is None or datagram.payload is not payload:
            datagram = self.datagram = UDP(self.port, self.remote[1], payload)
        remote = self.remote[0]
        if remote is not None:
            self.host.transmit(datagram, self.local, remote, self.label, self.marks)

    def turn_to(self, remote: Remote, local: Address) -> None:
        """Answer whoever spoke last, from the address to which it spoke."""
        self.remote, self.local, self.datagram = remote, local, None


Sending = tuple[UdpSocket, bytes]
"""A socket, and a payload that it sends again and again."""


@dataclass(slots=True, eq=False)
class EchoSocket:
    """Echo requests with one identifier."""

    host: Node
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
        """Take a reply that has arrived."""
        self.on_reply(reply.sequence, reply.data)


@dataclass(slots=True, eq=False)
class EspSocket:
    """ESP that ends beyond this host (RFC 4303): octets under an SPI in each direction. Without a remote end it answers
    whoever spoke last.
    """

    host: Node
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
        """Take a packet that has arrived with our SPI."""
        if self.remote is None or self.local is not None:
            self.remote, self.local = arrival.source, arrival.destination
        self.on_octets(arrival.payload.data[8:])
