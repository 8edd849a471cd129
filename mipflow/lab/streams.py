"""From the segments of one TCP connection to what each end wrote, and after what. Pure.

Takes what was heard of a connection, in order; gives the script of `node.recorded`. Captures are rarely whole: octets
that are missing are zeros, a connection may have begun before, and what was sent again counts once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from mipflow.lab.headers import ACK, FIN, RST, SYN
from mipflow.node.recorded import Write

if TYPE_CHECKING:
    from mipflow.lab.headers import Heard

MOST_MISSING = 1 << 24
"""Octets. A sequence number further ahead than this is taken for nonsense, not for a gap in the capture."""
_MASK = (1 << 32) - 1
_HALF = 1 << 31


@dataclass(slots=True)
class Stream:
    """What one connection comes to: `script` as `Recorded` takes it; `remarks` finish a sentence about the flow.

    `sent_again` counts segments, `missing` octets that the capture did not see.
    """

    script: tuple[Write, ...]
    refused: bool
    sent_again: int
    missing: int
    remarks: tuple[str, ...]


def stream(packets: Iterable[Heard], near: bytes) -> Stream:
    """Put together the connection of `packets`, which are in order; `near` is the address of the near end."""
    connection = _Connection()
    for packet in packets:
        connection.take(packet, packet.source == near)
    return connection.result()


@dataclass(slots=True)
class _Hole:
    """Octets that were missed: where they are in the sequence space, and which step stands for them."""

    start: int
    end: int
    step: int
    data: bytearray | None = None


@dataclass(slots=True)
class _Half:
    """One direction of the connection. Positions count octets from the first that was written; a FIN counts as one."""

    upward: bool
    base: int | None = None
    """The sequence number of position 0; None while nothing tells."""
    next: int = 0
    """Where what follows is written."""
    heard: int = 0
    """Octets of the other direction that its sender had received."""
    ended: bool = False
    reaction_ns: int = 0
    """From a packet that passes the capture to what its receiver sends at once: the round trip beyond the capture."""
    acted_ns: int | None = None
    """When the capture saw the sender's last step."""
    steps: list[Write] = field(default_factory=list)
    holes: list[_Hole] = field(default_factory=list)
    reached: list[tuple[int, int]] = field(default_factory=list)
    """(position, time) at which the capture had seen that much."""

    def position(self, sequence: int) -> int:
        """The place of a sequence number, which wraps around; the nearest to `next`."""
        ahead = sequence - (self.base or 0) - self.next
        return self.next + ((ahead + _HALF) & _MASK) - _HALF

    def add(
        self, other: _Half, time_ns: int, octets: int = 0, data: bytes = b"", end: Literal["", "close", "reset"] = ""
    ) -> None:
        """The sender's next step, seen at `time_ns`."""
        ready = time_ns if self.acted_ns is None else self.acted_ns
        if self.heard > (self.steps[-1].heard if self.steps else 0):
            index = bisect_left(other.reached, (self.heard, 0))
            if index < len(other.reached):
                ready = max(ready, other.reached[index][1] + self.reaction_ns)
        self.steps.append(Write(self.upward, self.heard, max(time_ns - ready, 0), octets, data, end))
        self.next += octets + (end == "close")
        self.acted_ns = time_ns
        if octets or end == "close":
            self.reached.append((self.next, time_ns))

    def miss(self, other: _Half, position: int, time_ns: int) -> bool:
        """All before `position` was written by `time_ns`, and the capture did not see it; False if that is nonsense."""
        octets = position - self.next
        if octets > MOST_MISSING:
            return False
        if octets > 0:
            self.holes.append(_Hole(self.next, position, len(self.steps)))
            self.add(other, time_ns, octets)
        return True

    def fill(self, start: int, data: bytes) -> None:
        """Octets that came late, perhaps into a hole."""
        for hole in self.holes:
            low, high = max(start, hole.start), min(start + len(data), hole.end)
            if low < high:
                hole.data = hole.data or bytearray(hole.end - hole.start)
                hole.data[low - hole.start : high - hole.start] = data[low - start : high - start]

    def whole(self) -> list[Write]:
        """All steps, with what was found of the holes' octets."""
        for hole in self.holes:
            if hole.data is not None:
                self.steps[hole.step] = replace(self.steps[hole.step], data=bytes(hole.data))
        return self.steps


class _Connection:
    def __init__(self) -> None:
        self._up, self._down = _Half(True), _Half(False)
        self._began_before = False
        self._synchronised: dict[bool, int] = {}
        """Upward -> when the SYN of that direction was seen."""
        self._opener: bool | None = None
        self._is_open = False
        self._reset: tuple[bool, int] | None = None
        self._refused = False
        self._sent_again = 0
        self._nonsense = 0

    def take(self, packet: Heard, upward: bool) -> None:
        """The next segment, from the near end (`upward`) or from the far one."""
        half, other = (self._up, self._down) if upward else (self._down, self._up)
        flags = packet.flags
        if flags & RST:
            self._take_reset(half, other, packet.time_ns)
            return
        if half.base is None:
            half.base = packet.sequence + bool(flags & SYN)
            self._began_before |= not flags & SYN and other.base is None
        if flags & ACK and other.base is None:
            other.base = packet.acknowledgement
        self._handshake(half, other, packet)
        if flags & ACK:
            position = other.position(packet.acknowledgement)
            if not other.ended and not other.miss(half, position, packet.time_ns):
                self._nonsense += 1
                return
            half.heard = max(half.heard, min(position, other.next))
        if packet.octets or flags & FIN:
            self._text(half, other, packet)

    def _handshake(self, half: _Half, other: _Half, packet: Heard) -> None:
        """How far the ends are from the capture, by the times of SYN, SYN and ACK, ACK."""
        if self._is_open:
            return
        now = packet.time_ns
        if packet.flags & SYN:
            if not packet.flags & ACK:
                self._opener = half.upward
            else:
                self._opener = other.upward
                if half.upward not in self._synchronised:
                    half.reaction_ns = now - self._synchronised.get(other.upward, now)
            self._synchronised[half.upward] = now
            half.acted_ns = other.acted_ns = now
        elif self._opener in (None, half.upward):
            self._is_open = True
            half.reaction_ns = now - self._synchronised.get(other.upward, now)
            half.acted_ns, other.acted_ns = now, now + other.reaction_ns

    def _text(self, half: _Half, other: _Half, packet: Heard) -> None:
        start = half.position(packet.sequence + bool(packet.flags & SYN))
        end = start + packet.octets
        if (half.ended and end > half.next - 1) or not half.miss(other, start, packet.time_ns):
            self._nonsense += 1
            return
        known = half.next - start
        if known > 0:
            half.fill(start, packet.data)
        if packet.octets > max(known, 0):
            if self._reset is not None and self._reset[0] == half.upward:
                self._reset = None  # who goes on after a reset has not sent it
            half.add(other, packet.time_ns, packet.octets - known, packet.data[known:])
        elif packet.octets:
            self._sent_again += 1
        if packet.flags & FIN and not half.ended:
            half.add(other, packet.time_ns, end="close")
            half.ended = True

    def _take_reset(self, half: _Half, other: _Half, now: int) -> None:
        if half.base is None and other.upward in self._synchronised and not other.next:
            self._refused = True
        elif self._reset is None and half.base is not None:
            has_closed = half.ended and other.ended and half.heard == other.next
            self._reset = None if has_closed else (half.upward, now)

    def result(self) -> Stream:
        """What it all comes to."""
        remarks = []
        if self._began_before:
            remarks.append("began before the capture, and gets a handshake")
        if self._refused:
            remarks.append("was refused")
            return Stream((), True, self._sent_again, 0, tuple(remarks))
        if self._up.base is None or self._down.base is None:
            remarks.append("was not answered in the capture; here it is")
        elif self._reset is not None:
            upward, now = self._reset
            half, other = (self._up, self._down) if upward else (self._down, self._up)
            under_way = other.next - other.ended - half.heard
            half.add(other, now, end="reset")
            detail = f" with {under_way} octets under way to it; they are delivered first" if under_way > 0 else ""
            remarks.append(f"is reset by the {'mobile node' if upward else 'remote host'}{detail}")
        elif not (self._up.ended and self._down.ended):
            remarks.append("is open at the end of the capture")
        if self._nonsense:
            remarks.append(f"has {self._nonsense} segments that do not fit in, left out")
        missing = sum(hole.end - hole.start for half in (self._up, self._down) for hole in half.holes)
        script = (*self._up.whole(), *self._down.whole())
        return Stream(script, False, self._sent_again, missing, tuple(remarks))
