"""A road: the way of packets from one address to another just now.

It is worked out once, applied to every packet, forgotten when a binding, route or interface changes. It is a plain
value: which channel, which addresses and extension headers in front, or which tunnel around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mipflow.node.fragments import cut, per_fragment
from mipflow.sim.clock import Clock
from mipflow.sim.link import Channel
from mipflow.wire import packet as headers
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, TUNNEL_OVERHEAD, ExtensionHeader, Header, Marks, Packet, Sized, packet_of

_SIZES, _new = headers.SIZES, object.__new__
Line = tuple[Address, Address, Marks, Callable[[Sized], None]]
"""The function that sends payloads, with the source, destination and marks for which it was made."""


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
    _headers: dict[Header, Header] = field(init=False, default_factory=dict)
    """The header of packets of a flow -> their header on this road, or of the tunnel around them."""

    def __post_init__(self) -> None:
        self.overhead = sum(header.size for header in self.extensions) + (TUNNEL_OVERHEAD if self.tunnel else 0)
        self.mtu -= self.overhead

    def send(self, packet: Packet) -> None:
        """Send `packet` (of at most `mtu` octets) this way; it is changed, not copied."""
        self.channel.send(self.dressed(packet) if self.overhead else packet)

    def dressed(self, packet: Packet) -> Packet:
        """Return what enters the first link for `packet`, which is changed, not copied, on a road with an overhead."""
        header = self._headers.get(packet.header) or self._header(packet.header)
        if self.tunnel is not None:
            return packet_of(header, packet, packet.sent_ns)
        packet.header, packet.size = header, packet.size + self.overhead
        return packet

    def line(self, header: Header, clock: Clock, send: Callable[[Packet], None]) -> Callable[[Sized], None]:
        """Return the function that sends payloads in packets with `header` this way; `send` takes packets that are too
        large for it, or of no common size. It does for one flow what `packet_of`, `Node.send` and `send` here do for
        any packet.
        """
        changed = self._header(header) if self.overhead else header
        own, outer = (changed, None) if self.tunnel is None else (header, changed)
        most = min(self.mtu, len(_SIZES) - 1 - self.overhead) - header.size
        kept = own, outer, own.size, most, clock, self.channel.send  # in one place of the memory

        def send_payload(payload: Sized) -> None:
            own, outer, front, most, clock, leave = kept
            size = payload.size
            if size > most:
                send(packet_of(header, payload, clock.now))
                return
            packet = _new(Packet)
            packet.header, packet.payload, packet.hop_limit = own, payload, 64
            packet.sent_ns, packet.size = clock.now, _SIZES[front + size]
            if outer is not None:
                inner, packet = packet, _new(Packet)
                packet.header, packet.payload, packet.hop_limit = outer, inner, 64
                packet.sent_ns, packet.size = inner.sent_ns, _SIZES[inner.size + TUNNEL_OVERHEAD]
            leave(packet)

        return send_payload

    def _header(self, own: Header) -> Header:
        """Make the header on this road of packets with a header of their own; keep that of a flow.

        Extensions of the road stand among a packet's own after those that each router looks at, before a fragment
        header (RFC 6275 sections 6.3 and 6.4).
        """
        source, destination = self.tunnel or (self.source or own.source, self.destination or own.destination)
        first = len(per_fragment(own.extensions))
        extensions = own.extensions[:first] + self.extensions + own.extensions[first:]
        marks = NO_MARKS if self.tunnel else own.marks._replace(extensions=extensions)
        header = Header(source, destination, marks, own.label)
        if own.label:
            self._headers[own] = header
        return header

    def send_in_fragments(self, packet: Packet, identification: int) -> None:
        """Cut the tunnel packet of one that is larger than the tunnel's MTU, but no larger than every link must carry
        (RFC 2473 section 7.1 b), and send the pieces.
        """
        outer = packet_of(self._header(packet.header), packet, packet.sent_ns)
        for piece in cut(outer, self.mtu + self.overhead, identification):
            self.channel.send(piece)

    def __repr__(self) -> str:
        return f"<Road {self.kind} {self.channel.sender.owner}.{self.channel.sender.name}>"
