"""Ports without a node, so that links can be tested alone: two boxes and a link in three lines."""

from __future__ import annotations

from mipflow.sim.link import Link, Segment
from mipflow.sim.network import Network
from mipflow.sim.trace import ChannelName, Trace
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet

A, B = Address("2001:db8::a"), Address("2001:db8::b")
HEADERS = 48
"""Octets of IPv6 and UDP header."""


def add_channel(trace: Trace, name: ChannelName) -> int:
    """Return a number for a new direction of a link."""
    return trace.add_channels(1, lambda: (name,))


class Box:
    """A port that notes what arrives and when."""

    def __init__(self, owner: str, network: Network) -> None:
        self.owner = owner
        self.name = "eth0"
        self.up = True
        self.network = network
        self.arrived: list[tuple[int, Packet]] = []
        self.refused: list[tuple[Packet, int]] = []

    def receive(self, packet: Packet) -> None:
        self.arrived.append((self.network.clock.now, packet))

    def too_big(self, packet: Packet, mtu: int) -> None:
        self.refused.append((packet, mtu))

    @property
    def times(self) -> list[int]:
        return [t for t, _ in self.arrived]


class Wire:
    """Two boxes on a link: `send(t_ns, size)` hands a packet of `size` octets over at a time."""

    def __init__(self, link: Link | None = None, seed: int = 1, **network: object) -> None:
        self.network = Network(seed, **network)  # type: ignore[arg-type]
        self.segment: Segment = self.network.add_segment("wire", link or Link())
        self.a, self.b = Box("a", self.network), Box("b", self.network)
        self.segment.attach(self.a)
        self.segment.attach(self.b)
        self.count = 0

    def send(self, t_ns: int, size: int = 100, backwards: bool = False) -> None:
        ends = (self.b, self.a) if backwards else (self.a, self.b)
        self.count += 1
        packet = datagram(size, self.count)
        self.network.clock.at(t_ns, lambda _: self.segment.channel(*ends).send(packet))

    def run(self, seconds: float = 1000.0) -> Wire:
        self.network.run_until(self.network.clock.now + round(seconds * 1e9))
        return self

    @property
    def drops(self) -> list[str]:
        return [drop.reason for drop in self.network.trace.drops()]

    @property
    def order(self) -> list[int]:
        """Numbers of the packets in the order of their arrival at b."""
        return [packet.payload.source_port for _, packet in self.b.arrived]  # type: ignore[attr-defined]


def datagram(size: int, number: int = 1) -> Packet:
    """A UDP packet of `size` octets in all, numbered by its source port."""
    return Packet(A, B, UDP(number & 0xFFFF, 9, bytes(size - HEADERS)), label=1)
