"""The film: which moment of virtual time is seen when, slow around what matters and quick between.

Takes the slow spans and the captions; gives corners (playing milliseconds, virtual nanoseconds) with straight lines
between them. Each caption has `CAPTION_MS` before the next; where flows take another road, time stands for `HOLD_MS`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from mipflow.view.story.words import NS_PER_MS, NS_PER_S, count, seconds

CAPTION_MS = 1500
"""Least playing time from one caption to the next, in milliseconds."""
HOLD_MS = 3600
"""Milliseconds for which time stands where flows take another road."""
QUICK_PLAY_MS = 2000
"""Most playing time between two slow spans, in milliseconds, where nothing is told there."""
SLOW_PLAY_S = 26
"""Aim for the playing time of all slow spans together, in seconds."""
_FACTORS = (1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 250, 500, 1000)
_SLOW = 2
"""Slower than life by this factor, single packets can be followed."""

Span = tuple[int, int]


class Film:
    """Virtual time (nanoseconds) from `start_ns` to `end_ns` as it is played.

    slow: spans in slow motion; captions: when each is told, in order, and whether time stands there.
    """

    def __init__(
        self, start_ns: int, end_ns: int, slow: Iterable[Span], captions: Sequence[tuple[int, bool]] = ()
    ) -> None:
        windows = _merged((max(a, start_ns), min(b, end_ns)) for a, b in slow)
        told = [(t_ns, stands) for t_ns, stands in captions if start_ns <= t_ns <= end_ns]
        edges = sorted({start_ns, end_ns, *(t for t, _ in told), *(t for window in windows for t in window)})
        self.corners: list[tuple[int, int]] = [(0, start_ns)]
        """(playing milliseconds, virtual nanoseconds), both never less than before."""
        self.spans: list[Span] = []
        """The spans that play so slowly that single packets can be followed, in nanoseconds."""
        self.told_ms: list[int] = []
        """The playing milliseconds at which the captions are told."""
        at, length_ms = 0.0, _lengths(windows, start_ns, end_ns)
        starts = [(start_ns, None), *told]
        for (begin, stands), (end, _) in pairwise([*starts, (end_ns, None)]):
            least = 0
            if stands is not None:
                self.told_ms.append(round(at))
                least = 0 if stands else CAPTION_MS
            if stands:
                at += HOLD_MS
                self.corners.append((round(at), begin))
            times = edges[bisect_left(edges, begin) : bisect_right(edges, end)]
            at = self._add([(a, b, length_ms(a, b)) for a, b in pairwise(times)], at, least)
            if len(times) < 2 and least:  # told at the time of the next one, or at the very end, it is still to be read
                at += least
                self.corners.append((round(at), end))
        self.spans = _merged(self.spans)
        self._at = [ms for ms, _ in self.corners]
        self._times = [t_ns for _, t_ns in self.corners]

    def _add(self, pieces: Sequence[tuple[int, int, float]], at: float, least: int) -> float:
        """Play pieces of time, each with its length, from `at` on for at least so long (ms); return when they end."""
        stretch = max(1.0, least / (sum(length for _, _, length in pieces) or 1))
        for a, b, length in pieces:
            at += length * stretch
            self.corners.append((round(at), b))
            if length * stretch * NS_PER_MS >= _SLOW * (b - a):
                self.spans.append((a, b))
        return at

    @property
    def length_ms(self) -> int:
        """The playing time of the whole, in milliseconds."""
        return self._at[-1]

    def ms(self, t_ns: int) -> float:
        """Return the playing millisecond at which a moment (nanoseconds) is seen first."""
        after = min(max(bisect_left(self._times, t_ns), 1), len(self._times) - 1)
        (a, s), (b, t) = self.corners[after - 1 : after + 1]
        return a + (b - a) * min(1.0, max(0.0, (t_ns - s) / ((t - s) or 1)))

    def time(self, ms: float) -> int:
        """Return the virtual time in nanoseconds that is seen at a playing time (milliseconds)."""
        after = min(max(bisect_right(self._at, ms), 1), len(self._at) - 1)
        (a, s), (b, t) = self.corners[after - 1 : after + 1]
        return s + round((t - s) * min(1.0, max(0.0, (ms - a) / ((b - a) or 1))))

    def in_words(self) -> str:
        """Name the parts that are in slow motion."""
        parts = " and ".join(f"from {seconds(a)} to {seconds(b)}" for a, b in self.spans[:3])
        more = f" and in {count(len(self.spans) - 3, 'other span')}" if len(self.spans) > 3 else ""
        return f"in slow motion {parts}{more}" if parts else "as fast as life, or faster"


def _lengths(windows: Sequence[Span], start_ns: int, end_ns: int) -> Callable[[int, int], float]:
    """Return a function for the playing time of a piece of time, before captions ask for more: slow in the windows."""
    slowly = sum(b - a for a, b in windows)
    factor = max((each for each in _FACTORS if each * slowly <= SLOW_PLAY_S * NS_PER_S), default=1)
    gaps = list(zip([start_ns, *(b for _, b in windows)], [*(a for a, _ in windows), end_ns], strict=True))

    def length_ms(a: int, b: int) -> float:
        within = next((gap for gap in gaps if gap[0] <= a and b <= gap[1]), None)
        if within is None:
            return (b - a) * factor / NS_PER_MS
        return (b - a) * min(1 / NS_PER_MS, QUICK_PLAY_MS / (within[1] - within[0]))

    return length_ms


def around(moments: Iterable[int]) -> list[Span]:
    """Return slow spans around moments (nanoseconds) with something to see: some time before, more after."""
    return _merged((t - 60 * NS_PER_MS, t + 200 * NS_PER_MS) for t in moments)


def _merged(windows: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for a, b in sorted(windows):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        elif b > a:
            merged.append((a, b))
    return merged
