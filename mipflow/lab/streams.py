"""From the segments of one TCP connection to what each end wrote, and after what. Pure.

Takes what was heard of a connection, in order; gives the script of `node.recorded`. Captures are rarely whole: octets
that are missing are zeros, a connection may have begun before, and what was sent again counts once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mipflow.lab.headers import ACK, FIN, RST, SYN, Heard
from mipflow.node.recorded import End, Write

MOST_MISSING = 1 << 24
"""Octets. A sequence number further ahead than this is taken for nonsense, not for a gap in the capture."""
_MASK, _HALF = (1 << 32) - 1, 1 << 31
_MISFIT = "TCP segment that does not fit into its connection"


def stream(packets: Sequence[Heard], near: str, skipped: Counter[str]) -> tuple[list[Write], int]:
    """Put together a connection; `near` is the address of the near end. Counts segments that are left out in `skipped`.

    Gives the script, and how many octets were not there in their turn: those that came never are zeros.
    """
    up, down = _Half(True, packets[0].time_ns), _Half(False, packets[0].time_ns)
    reset: tuple[_Half, _Half, int] | None = None
    for packet in packets:
        half, other = (up, down) if packet.source == near else (down, up)
        if packet.flags & RST:
            reset = reset or (half, other, packet.time_ns)
        elif left_out := half.take(packet, other):
            skipped[left_out] += 1
    if reset is not None:
        half, other, now = reset
        if not (up.ended and down.ended and half.heard == other.next):  # else nobody minds
            half.add(other, now, end="reset")
    return [*up.writes(), *down.writes()], up.missing + down.missing


@dataclass(slots=True)
class _Half:
    """One direction of the connection. Positions count octets from the first that was written; a FIN counts as one."""

    upward: bool
    acted_ns: int
    """When the capture saw the sender's last step."""
    base: int | None = None
    """The sequence number of position 0; None while nothing tells."""
    next: int = 0
    """Where what follows is written."""
    heard: int = 0
    """Octets of the other direction that its sender had received."""
    ended: bool = False
    missing: int = 0
    synchronised_ns: int | None = None
    """When the capture saw its SYN."""
    reaction_ns: int | None = None
    """From a packet that passes the capture to what its receiver sends at once: the round trip beyond the capture."""
    steps: list[tuple[int, int, int, End]] = field(default_factory=list)
    """(octets of the other end that it waits for, pause, octets to write, end)."""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    reached: list[tuple[int, int]] = field(default_factory=list)
    """(position, time) at which the capture had seen that much."""

    def take(self, packet: Heard, other: _Half) -> str:
        """The sender's next segment; gives why it is left out, or nothing."""
        now, is_syn, octets = packet.time_ns, bool(packet.flags & SYN), packet.octets
        if self.reaction_ns is None and other.synchronised_ns is not None:
            self.reaction_ns = now - other.synchronised_ns
            self.acted_ns, other.acted_ns = now, now + (other.reaction_ns or 0)
        if is_syn:
            self.synchronised_ns = now
        if self.base is None:
            self.base = packet.sequence + is_syn
        if packet.flags & ACK:
            if other.base is None:
                other.base = packet.acknowledgement
            position = other.position(packet.acknowledgement)
            if not other.ended and not other.catch_up(position, self, now):
                return _MISFIT
            self.heard = max(self.heard, min(position, other.next))
        if not (octets or packet.flags & FIN):
            return ""
        start = self.position(packet.sequence + is_syn)
        new = start + octets - self.next
        if (self.ended and new >= 0) or not self.catch_up(start, other, now):
            return _MISFIT
        new = start + octets - self.next
        self.pieces.append((max(start, 0), packet.data[max(-start, 0) :]))
        if new > 0:
            self.add(other, now, new)
        if packet.flags & FIN and not self.ended:
            self.add(other, now, end="close")
        return "TCP segment sent again" if octets and new <= 0 else ""

    def position(self, sequence: int) -> int:
        """The place of a sequence number, which wraps around; the nearest to `next`."""
        ahead = sequence - (self.base or 0) - self.next
        return self.next + ((ahead + _HALF) & _MASK) - _HALF

    def catch_up(self, position: int, other: _Half, now: int) -> bool:
        """All before `position` was written by `now`, and the capture did not see it; False if that is nonsense."""
        octets = position - self.next
        if 0 < octets <= MOST_MISSING:
            self.missing += octets
            self.add(other, now, octets)
        return octets <= MOST_MISSING

    def add(self, other: _Half, now: int, octets: int = 0, end: End = "") -> None:
        """The sender's next step, seen at `now`."""
        ready = self.acted_ns
        if self.heard > (self.steps[-1][0] if self.steps else 0):
            _, passed = other.reached[bisect_left(other.reached, (self.heard, 0))]
            ready = max(ready, passed + (self.reaction_ns or 0))
        self.steps.append((self.heard, max(now - ready, 0), octets, end))
        self.ended |= end == "close"
        self.next += octets + (end == "close")
        self.acted_ns = now
        self.reached.append((self.next, now))

    def writes(self) -> Iterator[Write]:
        """All steps, with what the capture kept of their octets: where it has some twice, those that came first."""
        text = bytearray(self.next - self.ended)
        for start, piece in reversed(self.pieces):
            text[start : start + len(piece)] = piece
        start = 0
        for heard, pause_ns, octets, end in self.steps:
            yield Write(self.upward, heard, pause_ns, bytes(text[start : start + octets]), end)
            start += octets
