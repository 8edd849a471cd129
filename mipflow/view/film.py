"""The film: virtual time cut into key frames of equal playing time, slow around a handover and quick between.

plotly counts an array of durations from where playing starts, not from the first frame, so that after a pause
irregular durations would hit the wrong frames: every key frame here plays for the same `FRAME_MS`, and what differs is
how much virtual time passes in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mipflow.view.words import NS_PER_MS, NS_PER_S, seconds

FRAME_MS = 115
"""Playing time of every key frame, in milliseconds: a pause takes at most this long to come to rest.

A little less than seven pictures of a screen with sixty a second: plotly begins the next frame with the first picture
after this time, and 120 would let the marks stand still for a picture in every eight.
"""
SLOW_PLAY_S = 26
"""Aim for the playing time of all slow parts together, in seconds."""
QUICK_PLAY_S = 2
"""Most playing time of one quick part, in seconds."""
HOLD_FRAMES = 7
"""How many key frames a picture rests when a table changes in a slow part."""
_FACTORS = (1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 250, 500, 1000)


class Part(NamedTuple):
    """A part of the film: virtual time in nanoseconds, the number of the first tick, how many ticks, slow or quick."""

    start_ns: int
    end_ns: int
    first: int
    ticks: int
    slow: bool

    @property
    def speed(self) -> str:
        """How fast it plays, in words."""
        ratio = (self.end_ns - self.start_ns) / (self.ticks * FRAME_MS * NS_PER_MS)
        if 0.9 < ratio < 1.1:
            return "as fast as life"
        factor = max(ratio, 1 / ratio)
        rounded = f"{factor:.0f}" if factor >= 3 else f"{factor:.1f}".removesuffix(".0")
        return f"slow motion, {rounded} times slower" if ratio < 1 else f"quick, {rounded} times faster"


class Film:
    """Ticks of virtual time, in order; `parts` say how fast it plays where."""

    def __init__(self, start_ns: int, end_ns: int, slow: Sequence[tuple[int, int]]) -> None:
        windows = _merged((max(a, start_ns), min(b, end_ns)) for a, b in slow)
        whole = sum(b - a for a, b in windows)
        factor = max((each for each in _FACTORS if each * whole <= SLOW_PLAY_S * NS_PER_S), default=1)
        self.parts: list[Part] = []
        self.ticks: list[int] = []
        """Virtual time of each tick, in nanoseconds."""
        self._pinned: set[int] = set()
        at = start_ns
        for a, b in windows:
            self._add(at, a, 1, QUICK_PLAY_S * 1000 // FRAME_MS)
            self._add(a, b, factor, None)
            at = b
        self._add(at, end_ns, 1, QUICK_PLAY_S * 1000 // FRAME_MS)
        self.ticks.append(end_ns)

    def _add(self, start_ns: int, end_ns: int, factor: int, most: int | None) -> None:
        length = end_ns - start_ns
        if length > 0:
            ticks = max(2, round(length * factor / (FRAME_MS * NS_PER_MS)))
            ticks = ticks if most is None else min(ticks, most)
            self.parts.append(Part(start_ns, end_ns, len(self.ticks), ticks, most is None))
            self.ticks.extend(start_ns + length * tick // ticks for tick in range(ticks))

    def part(self, tick: int) -> Part:
        """The part that a tick lies in."""
        return self.parts[bisect_right(self.parts, tick, key=lambda part: part.first) - 1]

    def tick(self, t_ns: int) -> int:
        """The tick nearest to a virtual time (nanoseconds)."""
        after = min(max(bisect_right(self.ticks, t_ns), 1), len(self.ticks) - 1)
        return after - 1 if t_ns - self.ticks[after - 1] <= self.ticks[after] - t_ns else after

    def pin(self, t_ns: int) -> int:
        """Move the nearest tick to a virtual time (nanoseconds) at which a key frame must stand; gives its number."""
        tick = self.tick(t_ns)
        if 0 < tick < len(self.ticks) - 1 and tick not in self._pinned:
            self.ticks[tick] = t_ns
            self._pinned.add(tick)
        return tick

    def in_words(self) -> str:
        """How fast which part plays, in words."""
        return ", then ".join(f"to {seconds(part.end_ns)} {part.speed}" for part in self.parts)


def bursts(moments: Iterable[int], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Slow parts around moments (nanoseconds) at which something is to be seen: some before, more after."""
    before, after = 60 * NS_PER_MS, 200 * NS_PER_MS
    return _merged((max(start_ns, t - before), min(end_ns, t + after)) for t in moments if start_ns <= t <= end_ns)


def _merged(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for a, b in sorted(windows):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        elif b > a:
            merged.append((a, b))
    return merged
