"""Connections of TCP told apart: segments of one sequence space belong together (RFC 9293 section 3.4). Pure.

Takes the packets heard, one by one in order; gives connections. Flags alone do not tell: a SYN may have been captured
behind what answers it, both ends may have sent one (simultaneous open), it may be lost, repeated, or chosen anew while
nobody has answered; ports may be used again, and late segments of the connection before may still come.
"""

from __future__ import annotations

from collections.abc import Sequence

from mipflow.lab.replay.headers import ACK, FIN, RST, SYN, End, Heard

WELL_KNOWN = 1024
"""The first port that does not belong to servers."""
_MASK = (1 << 32) - 1
_LATE = 1 << 16
"""The most octets that may have been captured ahead of the SYN that they follow."""
_FAR = 1 << 24
"""Octets. A number further away than this from those of a connection does not belong to it."""
_KEPT = 1 << 30
"""Octets: the largest window (RFC 7323 section 2.3). Numbers further back are forgotten, as they wrap around."""
_CANDIDATES = 4
"""How many connections on the same ports a segment may belong to, the latest ones."""


def connection_of(packet: Heard, known: Sequence[Connection]) -> Connection | None:
    """Return the connection that a segment belongs to, of those on its ports in the order of their beginning; None
    where it begins another one. Of UDP and echo there is but one.
    """
    if packet.way.protocol != "TCP":
        return known[0] if known else None
    candidates = known[: -_CANDIDATES - 1 : -1]
    if packet.flags & (SYN | RST) == SYN:
        again = (one for one in candidates if one.has_syn(packet))
        return next(again, None) or next((one for one in candidates if one.is_opened_by(packet)), None)
    if not candidates or (len(candidates) == 1 and not candidates[0].is_over):
        return candidates[0] if candidates else None
    nearest = min(candidates, key=lambda one: max(one.distances(packet)))
    if packet.flags & RST:  # one that answers a SYN has no number of its own
        nearest = min(candidates, key=lambda one: min(one.distances(packet)))
    elif candidates[0].is_over and all(min(one.distances(packet)) > _FAR for one in candidates):
        return None  # the beginning of another one is not in the capture
    return nearest if min(nearest.distances(packet)) <= _FAR else candidates[0]


class Connection:
    """One connection: its ends, and of each end of TCP the sequence numbers that were seen. It keeps no packet."""

    def __init__(self, first: Heard) -> None:
        """Begin with this packet, which is still to be taken."""
        self.protocol, self.ends = first.way.protocol, first.way.ends
        self.opener = opener(first)
        """The end that opened it: by SYN or echo request, else by the ports."""
        self.packets = 0
        """The number of its packets."""
        self.first_ns: int | None = None
        self.last_ns = 0
        """The times of its first and last packet, once silences are cut."""
        self._has_syn = False
        self._numbers: dict[End, int] = {}
        """The sequence number of each end's SYN."""
        self._spans: dict[End, tuple[int, int]] = {}
        """The first number of an end that it used or the other acknowledged, and the distance from there to its next
        one.
        """
        self._settled: set[End] = set()
        """Ends that have gone on from their SYN, or whose SYN was acknowledged: they choose no other number."""
        self._finished: set[End] = set()
        self._is_reset = False

    @property
    def is_over(self) -> bool:
        """Whether both ends have closed it, or one has reset it."""
        return self._is_reset or len(self._finished) == 2

    def has_syn(self, syn: Heard) -> bool:
        """Return whether its end has sent this SYN before."""
        return self._numbers.get(syn.way.ends[0]) == syn.sequence

    def is_opened_by(self, syn: Heard) -> bool:
        """Return whether a SYN that was not seen before, with or without an acknowledgement, belongs to this
        connection.
        """
        near, far = syn.way.ends
        span, others = self._spans.get(near), self._spans.get(far)
        if near not in self._numbers and span is not None:  # captured behind what follows or answers it
            return (span[0] - syn.sequence) & _MASK <= _LATE
        if syn.flags & ACK:
            return near not in self._settled and others is not None and _distance(others, syn.acknowledgement) == 0
        undecided = near if near in self._numbers else far  # itself, or the other end, which did not know of it
        return undecided not in self._settled and not self._is_reset

    def distances(self, packet: Heard) -> list[int]:
        """Return how far the numbers of a segment are from those of each end that it tells of."""
        near, far = packet.way.ends
        found = [_distance(self._spans[near], packet.sequence)] if near in self._spans else []
        if packet.flags & ACK and far in self._spans:
            found.append(_distance(self._spans[far], packet.acknowledgement))
        return found or [0]

    def take(self, packet: Heard) -> None:
        """Add a segment, which comes behind all others."""
        way, flags = packet.way, packet.flags
        is_syn = flags & SYN == SYN
        if is_syn and not self._has_syn:
            self.opener, self._has_syn = opener(packet), True
        self.packets += 1
        if way.protocol != "TCP":
            return
        if flags & RST:
            self._is_reset = True
            return
        (near, far), is_fin = way.ends, flags & FIN == FIN
        if not is_syn:
            self._settled.add(near)
        elif self._numbers.setdefault(near, packet.sequence) != packet.sequence:
            self._choose_anew(near, packet.sequence)
        if is_fin:
            self._finished.add(near)
        self._reach(near, packet.sequence, packet.octets + is_syn + is_fin)
        if flags & ACK:
            self._settled.add(far)
            self._reach(far, packet.acknowledgement, 0)

    def _choose_anew(self, end: End, number: int) -> None:
        """Give an end that repeats its SYN the new number, as if it had had that from the beginning."""
        self._numbers[end] = number
        del self._spans[end]

    def sequence(self, packet: Heard) -> int:
        """Return the sequence number of a segment: that of a SYN is the one that its end chose at last."""
        is_syn = packet.way.protocol == "TCP" and packet.flags & SYN
        return self._numbers.get(packet.way.ends[0], packet.sequence) if is_syn else packet.sequence

    def _reach(self, end: End, number: int, octets: int) -> None:
        """Take in that an end has used so many numbers from `number` on."""
        first, length = self._spans.get(end, (number, 0))
        ahead = (number - first) & _MASK
        if ahead <= length + _FAR:
            length = max(length, ahead + octets)
        elif (behind := (first - number) & _MASK) <= _FAR:
            first, length = number, max(length + behind, octets)
        if length > _KEPT:
            first, length = first + length - _KEPT, _KEPT
        self._spans[end] = first, length


def opener(packet: Heard) -> End:
    """Return the end that opened a connection, of which this is the first SYN or echo request, else the first packet.
    """
    is_from_server = packet.way.ends[0][1] < WELL_KNOWN <= packet.way.ends[1][1]
    is_answer = packet.flags & ACK if packet.flags & SYN else is_from_server
    return packet.way.ends[bool(is_answer)]


def _distance(span: tuple[int, int], number: int) -> int:
    """Return how far a number is outside of a span, on its nearer side; 0 within. Numbers wrap around."""
    first, length = span
    ahead = (number - first) & _MASK
    return 0 if ahead <= length else min(ahead - length, (first - number) & _MASK)
