"""A road: the way of packets from one address to another just now.

It is worked out once, applied to every packet, forgotten when a binding, route or interface changes. It is a plain
value: which channel, which addresses and extension headers in front, or which tunnel around.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mipflow.node.fragments import cut, per_fragment
from mipflow.sim.link import Channel
from mipflow.wire.address import Address
from mipflow.wire.packet import TUNNEL_OVERHEAD, ExtensionHeader, Packet


@dataclass(slots=True, eq=False, repr=False)
class Road:
    """One way for packets.

    kind: "direct", "route optimisation", "tunnel" or "triangular"; channel: the first link; mtu: octets of the largest
    packet that the path takes, and once the road is made, of the largest that `send` takes; source, destination:
    replace those of the packet (None keeps them); extensions: put in front; tunnel: (source, destination) of an outer
    header (RFC 2473).
    """

    kind: str
    channel: Channel
    mtu: int
    source: Address | None = None
    destination: Address | None = None
    extensions: tuple[ExtensionHeader, ...] = ()
    tunnel: tuple[Address, Address] | None = None
    overhead: int = field(init=False)
    """Octets that the road adds to a packet."""

    def __post_init__(self) -> None:
        self.overhead = sum(header.size for header in self.extensions) + (TUNNEL_OVERHEAD if self.tunnel else 0)
        self.mtu -= self.overhead

    def send(self, packet: Packet) -> None:
        """Send `packet` (of at most `mtu` octets) this way; it is changed, not copied."""
        if self.tunnel is not None:
            packet = Packet(self.tunnel[0], self.tunnel[1], packet, 64, (), 0, 0, packet.label, packet.sent_ns)
        elif self.extensions:
            packet.extensions = self._in_front(packet.extensions) if packet.extensions else self.extensions
            packet.size += self.overhead
            if self.source is not None:
                packet.source = self.source
            if self.destination is not None:
                packet.destination = self.destination
        self.channel.send(packet)

    def _in_front(self, own: tuple[ExtensionHeader, ...]) -> tuple[ExtensionHeader, ...]:
        """Put the road's extensions among a packet's own: after the headers that each router looks at, before a
        fragment header (RFC 6275 sections 6.3 and 6.4).
        """
        first = len(per_fragment(own))
        return own[:first] + self.extensions + own[first:]

    def send_in_fragments(self, packet: Packet, identification: int) -> None:
        """Cut the tunnel packet of one that is larger than the tunnel's MTU, but no larger than every link must carry
        (RFC 2473 section 7.1 b), and send the pieces.
        """
        assert self.tunnel is not None
        outer = Packet(self.tunnel[0], self.tunnel[1], packet, 64, (), 0, 0, packet.label, packet.sent_ns)
        for piece in cut(outer, self.mtu + self.overhead, identification):
            self.channel.send(piece)

    def __repr__(self) -> str:
        return f"<Road {self.kind} {self.channel.sender.owner}.{self.channel.sender.name}>"
