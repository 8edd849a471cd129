"""Fragments, cut at the source and put together at the destination (RFC 8200 section 4.5). Pure; `now` is an argument.
"""

from __future__ import annotations

from typing import NamedTuple

from mipflow.errors import WireError
from mipflow.sim.clock import NS_PER_S
from mipflow.wire import codec
from mipflow.wire import packet as headers
from mipflow.wire.address import Address
from mipflow.wire.packet import IPV6_HEADER, ExtensionHeader, FragmentHeader, Opaque, Packet, Sized

REASSEMBLY_TIMEOUT_NS = 60 * NS_PER_S
MAX_WAITING = 64
"""Datagrams that may wait for their fragments at once; the oldest goes when there are more."""


def per_fragment(extensions: tuple[ExtensionHeader, ...]) -> tuple[ExtensionHeader, ...]:
    """Return the headers that stand in front of each fragment, because routers look at them: those up to the last
    routing header, or else hop-by-hop options (RFC 8200 section 4.5).
    """
    routing_headers = headers.RoutingHeader | headers.RoutingHeaderType2
    routing = [n for n, header in enumerate(extensions) if isinstance(header, routing_headers)]
    hop_by_hop = bool(extensions) and isinstance(extensions[0], headers.HopByHopOptions)
    return extensions[: routing[-1] + 1 if routing else int(hop_by_hop)]


def cut(packet: Packet, mtu: int, identification: int) -> list[Packet]:
    """Cut `packet` into fragments of at most `mtu` octets, labelled like it."""
    octets, leading = codec.encode(packet), per_fragment(packet.extensions)
    start = IPV6_HEADER + sum(header.size for header in leading)
    next_header, data = octets[start - leading[-1].size if leading else 6], octets[start:]
    datagram = packet.datagram() or (packet.source, identification)
    room = (mtu - start - FragmentHeader.size) & ~7
    pieces = []
    for offset in range(0, len(data), room):
        header = FragmentHeader(offset // 8, offset + room < len(data), identification, datagram)
        piece = Opaque(next_header, data[offset : offset + room])
        rest = (packet.traffic_class, packet.flow_label, packet.label, packet.sent_ns)
        pieces.append(Packet(packet.source, packet.destination, piece, packet.hop_limit, (*leading, header), *rest))
    return pieces


def misfit(header: FragmentHeader, piece: Sized, position: int) -> int | None:
    """Return the octet at which a packet is wrong for its piece of a datagram, or None for a good one.

    It is the payload length, where more pieces follow and it is no multiple of eight, or the offset, where the piece
    ends beyond 65,535 octets (RFC 8200 section 4.5). `position` is that of the fragment header.
    """
    if header.more and piece.size % 8:
        return 4
    return position + 2 if header.offset * 8 + piece.size > 65535 else None


class _Waiting(NamedTuple):
    since_ns: int
    pieces: dict[int, tuple[bool, Opaque]]
    """Offset in octets -> (more follow, piece)."""
    sample: Packet


class Reassembly:
    """Fragments that wait for the rest of their datagram."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Address, Address, int], _Waiting] = {}

    def add(
        self, packet: Packet, header: FragmentHeader, source: Address, destination: Address, now: int
    ) -> tuple[Packet | None, list[tuple[Packet, str]]]:
        """Take a fragment from `source` to `destination`, home addresses where there are such.

        Gives the whole packet, with the extension headers in front, where this was its last piece, and the packets to
        drop, with reasons.
        """
        dropped = self._expire(now)
        if not isinstance(packet.payload, Opaque):
            # A first and only fragment is whole (RFC 8200 section 4.5, "atomic fragment").
            extensions = tuple(each for each in packet.extensions if each is not header)
            whole = Packet(packet.source, packet.destination, packet.payload, packet.hop_limit, extensions)
            return _labelled(whole, packet), dropped
        key = (source, destination, header.identification)
        waiting = self._waiting.setdefault(key, _Waiting(now, {}, packet))
        start = header.offset * 8
        piece = (header.more, packet.payload)
        if waiting.pieces.get(start) != piece and _overlaps(waiting.pieces, start, packet.payload):
            del self._waiting[key]
            return None, [*dropped, (packet, "overlapping fragments")]
        waiting.pieces[start] = piece
        data = _joined(waiting.pieces)
        if data is None:
            return None, dropped
        del self._waiting[key]
        before = packet.extensions[: packet.extensions.index(header)]
        payload = Opaque(waiting.pieces[0][1].next_header, data)
        read, wrong = _read(Packet(packet.source, packet.destination, payload, packet.hop_limit, before))
        if read is None:
            return None, [*dropped, (packet, wrong)]
        return _labelled(read, packet), dropped

    def _expire(self, now: int) -> list[tuple[Packet, str]]:
        late = [key for key, waiting in self._waiting.items() if now - waiting.since_ns > REASSEMBLY_TIMEOUT_NS]
        if not late and len(self._waiting) > MAX_WAITING:
            late = [next(iter(self._waiting))]
        return [(self._waiting.pop(key).sample, "fragments are missing") for key in late]


def _read(whole: Packet) -> tuple[Packet | None, str]:
    """Read the payload of a packet that was put together; None where it cannot be read, and why."""
    try:
        return codec.decode(codec.encode(whole)), ""
    except WireError as error:
        front = sum(header.size for header in whole.extensions)
        more = f"; headers in front of its fragments, such as a Home Address option, take {front}" if front else ""
        return None, f"reassembled packet: {error}{more}"


def _overlaps(pieces: dict[int, tuple[bool, Opaque]], start: int, piece: Opaque) -> bool:
    """True if a new piece covers octets of another one: then the datagram is not to be trusted (RFC 5722)."""
    end = start + len(piece.data)
    return any(start < other + len(there.data) and other < end for other, (_, there) in pieces.items())


def _joined(pieces: dict[int, tuple[bool, Opaque]]) -> bytes | None:
    """Join the octets of all pieces; None while one is missing."""
    data = b""
    while (piece := pieces.get(len(data))) and piece[1].data:
        data += piece[1].data
        if not piece[0]:
            return data
    return None


def _labelled(whole: Packet, fragment: Packet) -> Packet:
    inner: object = whole
    while isinstance(inner, Packet):
        inner.label, inner.sent_ns = fragment.label, fragment.sent_ns  # type: ignore[misc]  # a property
        inner = inner.payload
    return whole
