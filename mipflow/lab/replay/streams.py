"""The writes of both ends of a TCP connection, made out from its segments.

Takes the packets heard of a connection, one by one in order; writes the script of `node.applications.recorded`.
Captures are rarely whole: octets that are missing are zeros, a connection may have begun before, what was sent again
counts once, and the octet of a keep-alive not at all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mipflow.lab.replay.headers import ACK, FIN, PSH, RST, SYN, Heard
from mipflow.node.applications.recorded import End, Script
from mipflow.wire.captures.spool import BLOCK, Rows, Spool, room, temporary_file

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


class Streams:
    """Both directions of a connection, whose segments come one by one; `near` is the address of the near end.

    Each may have been captured late, so all SYNs and FINs are told to `expect` before the segments are taken. Counts
    those that are left out in `skipped`.
    """

    def __init__(self, near: str, begun_ns: int, skipped: Counter[str], lack: Lack) -> None:
        self._near = near
        self._skipped = skipped
        steps = Spool()
        self._up, self._down = (_Half(begun_ns, lack, Rows(steps)) for _ in range(2))
        self._reset: tuple[_Half, _Half, int] | None = None
        self._begun_ns = self._syn_ns = begun_ns
        self._is_accepted = False

    def expect(self, packet: Heard) -> None:
        """Let a SYN or FIN tell where its direction begins or ends."""
        half, _ = self._halves(packet)
        if packet.flags & SYN and not packet.flags & RST:
            half.begin(packet.sequence + 1)
        if packet.flags & FIN and not packet.flags & RST:
            half.fin = (packet.sequence + bool(packet.flags & SYN) + packet.octets) & _MASK

    def take(self, packet: Heard) -> None:
        """Take the next segment."""
        half, other = self._halves(packet)
        if packet.flags & (SYN | ACK | RST) == SYN and not self._is_accepted:
            self._syn_ns = packet.time_ns
        elif not packet.flags & RST:
            self._is_accepted = True
        if packet.flags & RST:
            self._reset = self._reset or (half, other, packet.time_ns)
            return
        if packet.flags & SYN:
            self._reset = None  # who was refused tries again
        if left_out := half.take(packet, other):
            self._skipped[left_out] += 1

    def _halves(self, packet: Heard) -> tuple[_Half, _Half]:
        """Return the direction of a segment, and the other one."""
        return (self._up, self._down) if packet.way.ends[0][0] == self._near else (self._down, self._up)

    @property
    def opened_ns(self) -> int:
        """When it opened: with the last SYN before it was accepted; one that never was, with the first segment."""
        return self._syn_ns if self._is_accepted else self._begun_ns

    def write(self, script: Script) -> int:
        """Write the script, once all is taken; return how many of its octets are zeros because the capture does not
        have them.
        """
        up, down = self._up, self._down
        if self._reset is not None:
            half, other, now = self._reset
            if not (up.ended and down.ended and half.heard == other.next):  # else nobody minds
                half.add(other, now, end="reset")
        return up.write(script, upward=True) + down.write(script, upward=False)


class Text:
    """The octets of one direction: where some come twice the first ones count, and those that never come are zeros."""

    def __init__(self) -> None:
        self._file = temporary_file()
        self._at = 0
        """The position in the file: to look for the place where it is already would empty its buffer."""
        self._new = bytearray()
        """Octets that follow there, and are not written yet."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        """The spans that have come, in order; none touches the next."""

    def put(self, start: int, octets: bytes) -> None:
        """Take octets, of which the first is at position `start`."""
        at, end = start, start + len(octets)
        if self._ends and start == self._ends[-1]:  # as most octets come
            self._write(start, octets)
            self._ends[-1] = end
        elif octets:
            first, behind = bisect_left(self._ends, start), bisect_right(self._starts, end)
            spans = [*zip(self._starts[first:behind], self._ends[first:behind], strict=True)]
            for there, its_end in [*spans, (end, end)]:
                if at < there:
                    self._write(at, octets[at - start : there - start])
                at = max(at, its_end)
            self._starts[first:behind] = [min(start, spans[0][0]) if spans else start]
            self._ends[first:behind] = [max(end, spans[-1][1]) if spans else end]

    def _write(self, at: int, octets: bytes) -> None:
        """Write octets at a position, together with those before and behind them."""
        if at != self._at + len(self._new) or len(self._new) >= BLOCK:
            self._flush(at)
        self._new += octets

    def _flush(self, at: int) -> None:
        """Write what is not written yet, and go to a position."""
        with room():
            self._at += self._file.write(self._new)
            if at != self._at:
                self._at = self._file.seek(at)
        self._new.clear()

    def count(self) -> int:
        """Return how many octets have come."""
        return sum(self._ends) - sum(self._starts)

    def read(self) -> Callable[[int], bytes]:
        """Return a function that gives the octets from the first on, so many each time."""
        self._flush(0)
        read = self._file.read
        return lambda size: read(size).ljust(size, b"\0")

    def close(self) -> None:
        """Forget the octets."""
        self._file.close()


@dataclass(slots=True)
class _Half:
    """One direction of the connection. Positions count octets from the first that was written; a FIN counts as one."""

    acted_ns: int
    """The time at which the capture saw the sender's last step."""
    lack: Lack
    steps: Rows
    """The sender's steps: octets of the other end that it waits for, pause, end, octets to write."""
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
    waited: int = 0
    """The octets of the other end that the sender's last step waits for."""
    text: Text = field(default_factory=Text)
    reached: deque[tuple[int, int]] = field(default_factory=deque)
    """Pairs (position, time): when the capture had seen the direction up to there, as far as the other end had not
    heard it.
    """

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
            if other.base is None:
                other.begin(packet.acknowledgement)
            position = other.catch_up(packet.acknowledgement, self, now)
            if position is None:
                return _MISFIT
            self.heard = max(self.heard, position if position < other.next else other.next)
            while other.reached and other.reached[0][0] < self.heard:
                other.reached.popleft()
        if not (octets or packet.flags & FIN):
            return ""
        start = self.catch_up(packet.sequence + is_syn, other, now)
        if start is None or (self.ended and start + octets >= self.next):
            return _MISFIT
        return self._keep(packet, other, start, octets)

    def _keep(self, packet: Heard, other: _Half, start: int, octets: int) -> str:
        """Keep the octets of a segment, the first at position `start`; return why they are left out, or nothing."""
        now, new = packet.time_ns, start + octets - self.next
        if octets != len(packet.data):
            cut_off = min(octets - len(packet.data), max(new, 0))
            filled = self.fill(cut_off)
            elsewhere = min(packet.elsewhere, filled)
            new, self.lack.elsewhere = new - cut_off + filled, self.lack.elsewhere + elsewhere
            self.lack.cut_off += filled - elsewhere
        self.text.put(max(start, 0), packet.data[max(-start, 0) :])
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
        is_behind = self.fin is not None and self.is_behind(sequence)
        octets = self.position(sequence - is_behind) - self.next
        if octets <= 0:
            return self.next + octets + is_behind
        if octets > MOST_MISSING and not self.ended:
            return None
        if not self.ended and (filled := self.fill(octets)):
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
        if self.heard > self.waited:
            ready = max(ready, other.reached[0][1] + (self.reaction_ns or 0))
        self.steps.add((self.heard, max(now - ready, 0), end, octets, b""))
        self.waited = self.heard
        self.ended |= end == "close"
        self.next += octets + (end == "close")
        self.acted_ns = now
        self.reached.append((self.next, now))

    def write(self, script: Script, upward: bool) -> int:
        """Write all steps; return how many of their octets are zeros that never came."""
        read = self.text.read()
        for heard, pause_ns, end, octets, _ in self.steps:
            script.add_write(upward, heard, pause_ns, end, read(octets))
        self.text.close()
        return self.next - self.ended - self.text.count()
