"""The writes of both ends of a TCP connection, made out from its segments. Pure.

Takes the packets heard of a connection, in order; gives the script of `node.applications.recorded`. Captures are rarely
whole: octets that are missing are zeros, a connection may have begun before, what was sent again counts once, and the
octet of a keep-alive not at all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mipflow.lab.replay.headers import ACK, FIN, PSH, RST, SYN, Heard
from mipflow.node.applications.recorded import End, Write

MOST_MISSING = 1 << 24
"""Octets. A sequence number further ahead than this is taken for nonsense, not for a gap in the capture."""
_MASK, _HALF = (1 << 32) - 1, 1 << 31
_MISFIT = "TCP segment that does not fit into its connection"


@dataclass(slots=True)
class Lack:
    """Octets that a capture does not have, of all its connections together."""

    left: int
    """The number that may still be filled in with zeros."""
    in_gaps: int = 0
    """Octets of segments that were not there in their turn. Some came later."""
    cut_off: int = 0
    """Octets of segments of which the capture kept the start."""
    elsewhere: int = 0
    """Octets of segments in the first fragment of a tunnel's packet."""
    left_out: int = 0
    """Octets that are not filled in."""

    def fill(self, octets: int) -> int:
        """Return how many of so many octets are filled in."""
        filled = min(octets, self.left)
        self.left -= filled
        self.left_out += octets - filled
        return filled

    def notes(self) -> list[str]:
        """Return sentences about what a replay has in their place."""
        most = self.left + self.in_gaps + self.cut_off + self.elsewhere
        said = (
            (self.in_gaps, "were not there in their turn; what never came is zeros"),
            (self.cut_off, "are zeros: the capture kept only the start of packets (snap length)"),
            (self.elsewhere, "are zeros: they were in further fragments of packets that carried them in a tunnel"),
            (self.left_out, f"that are missing are left out; zeros stand for at most {most}"),
        )
        return [f"{octets} octets of TCP {what}" for octets, what in said if octets]


def stream(packets: Sequence[Heard], near: str, skipped: Counter[str], lack: Lack) -> tuple[list[Write], int]:
    """Put together a connection; `near` is the address of the near end. Counts segments that are left out in `skipped`.

    Gives the script, and how many of its octets are zeros because the capture does not have them.
    """
    up, down = (_Half(upward, packets[0].time_ns, lack) for upward in (True, False))
    reset: tuple[_Half, _Half, int] | None = None
    for packet in packets:  # each may have been captured late
        half = up if packet.source == near else down
        if packet.flags & SYN and not packet.flags & RST:
            half.begin(packet.sequence + 1)
        if packet.flags & FIN and not packet.flags & RST:
            half.fin = (packet.sequence + bool(packet.flags & SYN) + packet.octets) & _MASK
    for packet in packets:
        half, other = (up, down) if packet.source == near else (down, up)
        if packet.flags & RST:
            reset = reset or (half, other, packet.time_ns)
            continue
        if packet.flags & SYN:
            reset = None  # who was refused tries again
        if left_out := half.take(packet, other):
            skipped[left_out] += 1
    if reset is not None:
        half, other, now = reset
        if not (up.ended and down.ended and half.heard == other.next):  # else nobody minds
            half.add(other, now, end="reset")
    return [*up.writes(), *down.writes()], up.zeros() + down.zeros()


def opened_ns(packets: Sequence[Heard]) -> int:
    """Return when a connection opened: with the last SYN before it was accepted; one that never was, with the first."""
    last_ns = packets[0].time_ns
    for packet in packets:
        if packet.flags & (SYN | ACK | RST) == SYN:
            last_ns = packet.time_ns
        elif not packet.flags & RST:
            return last_ns
    return packets[0].time_ns


@dataclass(slots=True)
class _Half:
    """One direction of the connection. Positions count octets from the first that was written; a FIN counts as one."""

    upward: bool
    acted_ns: int
    """The time at which the capture saw the sender's last step."""
    lack: Lack
    base: int | None = None
    """The sequence number of position 0; None while nothing tells."""
    perhaps: int | None = None
    """A guess at that number, while nothing tells: that or the one before it. A keep-alive has no octet or one of
    garbage, and a number that was acknowledged before (RFC 1122 section 4.2.3.6).
    """
    fin: int | None = None
    """The sequence number of its FIN, if the capture has one anywhere: there the direction ends."""
    next: int = 0
    """The position at which the next octet is written."""
    heard: int = 0
    """Octets of the other direction that its sender had received."""
    ended: bool = False
    synchronised_ns: int | None = None
    """The time at which the capture saw its SYN."""
    reaction_ns: int | None = None
    """The round trip beyond the capture: from a packet that passes it to the answer that its receiver sends at once."""
    steps: list[tuple[int, int, int, End]] = field(default_factory=list)
    """The sender's steps: (octets of the other end that it waits for, pause, octets to write, end)."""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    reached: list[tuple[int, int]] = field(default_factory=list)
    """Pairs (position, time): when the capture had seen the direction up to there."""

    def take(self, packet: Heard, other: _Half) -> str:
        """Take the sender's next segment; return why it is left out, or nothing."""
        now, is_syn = packet.time_ns, bool(packet.flags & SYN)
        octets = 0 if packet.sequence == self.fin else packet.octets
        if self.reaction_ns is None and packet.flags & ACK and (is_syn or other.synchronised_ns is not None):
            # What answers a SYN that was captured behind it was no time on its way.
            self.reaction_ns = 0 if other.synchronised_ns is None else now - other.synchronised_ns
            self.acted_ns, other.acted_ns = now, now + (other.reaction_ns or 0)
        if is_syn:
            self.synchronised_ns = now
        if self.base is None:
            is_clear = octets > 1 or packet.flags & (SYN | FIN | PSH)
            if not is_clear and self.perhaps in (None, packet.sequence):
                self.perhaps, octets = packet.sequence, 0
            else:
                self.begin(packet.sequence + is_syn)
        if packet.flags & ACK:
            other.begin(packet.acknowledgement)
            position = other.catch_up(packet.acknowledgement, self, now)
            if position is None:
                return _MISFIT
            self.heard = max(self.heard, min(position, other.next))
        if not (octets or packet.flags & FIN):
            return ""
        start = self.catch_up(packet.sequence + is_syn, other, now)
        if start is None or (self.ended and start + octets >= self.next):
            return _MISFIT
        return self._keep(packet, other, start, octets)

    def _keep(self, packet: Heard, other: _Half, start: int, octets: int) -> str:
        """Keep the octets of a segment, the first at position `start`; return why they are left out, or nothing."""
        now, new = packet.time_ns, start + octets - self.next
        cut_off = min(octets - len(packet.data), max(new, 0))
        filled = self.fill(cut_off)
        elsewhere = min(packet.elsewhere, filled)
        new, self.lack.elsewhere = new - cut_off + filled, self.lack.elsewhere + elsewhere
        self.lack.cut_off += filled - elsewhere
        self.pieces.append((max(start, 0), packet.data[max(-start, 0) :]))
        if new > 0:
            self.add(other, now, new)
        if packet.flags & FIN and not self.ended:
            self.add(other, now, end="close")
        return "TCP segment sent again" if octets and new <= 0 else ""

    def begin(self, sequence: int) -> None:
        """Let a number tell where the direction begins, if nothing has told so far."""
        if self.base is None:
            sequence -= self.is_behind(sequence)
            is_behind_keep_alive = self.perhaps is None or (sequence - self.perhaps) & _MASK == 1
            self.base = sequence if is_behind_keep_alive else self.perhaps

    def is_behind(self, sequence: int) -> bool:
        """Return whether a number is the one behind the FIN, which may not have come yet; no octet is in between."""
        return self.fin is not None and (sequence - self.fin) & _MASK == 1

    def position(self, sequence: int) -> int:
        """Return the place of a sequence number, which wraps around; the nearest to `next`."""
        ahead = sequence - (self.base or 0) - self.next
        return self.next + ((ahead + _HALF) & _MASK) - _HALF

    def catch_up(self, sequence: int, other: _Half, now: int) -> int | None:
        """Return the place of a sequence number, or None if it is nonsense. All before it was written by `now`, and the
        capture did not see it.
        """
        octets = self.position(sequence - self.is_behind(sequence)) - self.next
        if octets > MOST_MISSING and not self.ended:
            return None
        if octets > 0 and not self.ended and (filled := self.fill(octets)):
            self.lack.in_gaps += filled
            self.add(other, now, filled)
        return self.position(sequence)

    def fill(self, octets: int) -> int:
        """Return how many of the next octets are filled in with zeros; over the others the numbers close up."""
        filled = self.lack.fill(octets)
        self.base = (self.base or 0) + octets - filled
        return filled

    def add(self, other: _Half, now: int, octets: int = 0, end: End = "") -> None:
        """Add the sender's next step, seen at `now`."""
        ready = self.acted_ns
        if self.heard > (self.steps[-1][0] if self.steps else 0):
            _, passed = other.reached[bisect_left(other.reached, (self.heard, 0))]
            ready = max(ready, passed + (self.reaction_ns or 0))
        self.steps.append((self.heard, max(now - ready, 0), octets, end))
        self.ended |= end == "close"
        self.next += octets + (end == "close")
        self.acted_ns = now
        self.reached.append((self.next, now))

    def zeros(self) -> int:
        """Return how many octets of the direction no piece has."""
        lacking = reach = 0
        for start, piece in sorted(self.pieces):
            lacking, reach = lacking + max(start - reach, 0), max(reach, start + len(piece))
        return lacking + self.next - self.ended - reach

    def writes(self) -> Iterator[Write]:
        """Yield all steps, with what the capture kept of their octets: where it has some twice, those that came first.
        """
        text = bytearray(self.next - self.ended)
        for start, piece in reversed(self.pieces):
            text[start : start + len(piece)] = piece
        start = 0
        for heard, pause_ns, octets, end in self.steps:
            yield Write(self.upward, heard, pause_ns, bytes(text[start : start + octets]), end)
            start += octets
