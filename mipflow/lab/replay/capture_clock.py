"""One clock for the packets of a capture, whatever its time stamps do. Pure.

Takes stamps one by one, in the order of the file; gives times on one clock, and where it was set back or cut. Where a
clock was set back, time goes on; silences are cut later, when it is known which packets are replayed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

from mipflow.sim.clock import NS_PER_S

Placed = tuple[int, int]
"""A packet's time on the one clock, in ns, and by how much that is later than its own stamp."""


class SetBack(NamedTuple):
    """The setting back of a clock by `by_ns`, when it had shown `at_ns`."""

    at_ns: int
    by_ns: int


class OneClock:
    """Places the packets of a capture on one clock, one after the other.

    A stamp more than a second behind the latest of its interface tells that the clock was set back: the interface is
    shifted from there on, so that this packet follows at once. A smaller step stays, to be sorted. Sections, and the
    interfaces of one, overlay by their stamps: their blocks may stand behind each other, their clocks may differ. A
    packet without a stamp takes the time of the one before it in its section, else of the one behind it, else of its
    neighbor in the file. The ones behind are known to a clock that is given the `heads` of another, which has placed
    all packets; one without them `is_unsure` where it needed them.
    """

    def __init__(self, heads: Mapping[int, Placed | None] | None = None) -> None:
        self.heads: dict[int, Placed | None] = dict(heads or {})
        """Section -> the place of its first packet with a stamp, None where none has one, in the order of the file."""
        self._knows_heads = heads is not None
        self.is_unsure = False
        self.zero_ns: int | None = None
        """The earliest place of a packet with a stamp so far."""
        self.steps: list[SetBack] = []
        self._latest: dict[tuple[int, int], Placed] = {}
        self._before: dict[int, Placed] = {}
        """Section -> the place of its last packet, once one of its packets is known to have a stamp."""
        self._last: Placed | None = None

    def place(self, section: int, interface: int, stamp_ns: int | None) -> Placed:
        """Place the next packet, with a stamp in nanoseconds or without."""
        if stamp_ns is None:
            self._last = here = self._among_others(section)
            return here
        of = section, interface
        latest_ns, shift_ns = self._latest.get(of) or (stamp_ns, 0)
        time_ns = stamp_ns + shift_ns
        if time_ns < latest_ns - NS_PER_S:
            self.steps.append(SetBack(latest_ns - shift_ns, latest_ns - time_ns))
            time_ns, shift_ns = latest_ns, latest_ns - stamp_ns
        here = time_ns, shift_ns
        if time_ns >= latest_ns:
            self._latest[of] = here
        if self.heads.get(section) is None:
            self.heads[section] = here
        self._before[section] = self._last = here
        self.zero_ns = time_ns if self.zero_ns is None or time_ns < self.zero_ns else self.zero_ns
        return here

    def _among_others(self, section: int) -> Placed:
        """Place a packet without a stamp."""
        here = self._before.get(section) or self.heads.setdefault(section, None)
        if here is not None:
            self._before[section] = here
            return here
        self.is_unsure = not self._knows_heads
        return self._last or next(filter(None, self.heads.values()), (0, 0))


class Silences:
    """Cuts every gap between packets, which come in the order of their times, to `longest_ns`. Time zero is 0, or the
    first packet, where that comes more than a silence later. All in nanoseconds.
    """

    def __init__(self, longest_ns: int) -> None:
        self._longest_ns = longest_ns
        self._before_ns = 0
        self.cuts: list[tuple[int, int]] = []
        """Pairs: the time at which something was cut, and how much."""
        self.ahead_ns = 0
        """The time that was cut before the first packet."""
        self._gone: list[tuple[int, int]] = []
        """Pairs: a packet's time, and what was cut up to there."""
        self.offsets: list[tuple[int, int]] = []
        """Pairs: from this time on, by how much the own clock of the packets is ahead."""

    def cut(self, time_ns: int, shift_ns: int) -> int:
        """Return the time of the next packet that is left, for the place that it has."""
        if not self._gone:
            self._before_ns, self.ahead_ns = time_ns, time_ns if time_ns > self._longest_ns else 0
            self._gone.append((time_ns, self.ahead_ns))
        gone_ns, too_long_ns = self._gone[-1][1], time_ns - self._before_ns - self._longest_ns
        if too_long_ns > 0:
            self.cuts.append((self._before_ns - gone_ns, too_long_ns))
            gone_ns += too_long_ns
            self._gone.append((time_ns, gone_ns))
        self._before_ns = time_ns
        if not self.offsets or self.offsets[-1][1] != gone_ns - shift_ns:
            self.offsets.append((time_ns - gone_ns, gone_ns - shift_ns))
        return time_ns - gone_ns

    def left(self, time_ns: int) -> int:
        """Return what `cut` has made of the time of a packet."""
        from_ns, gone_ns = self._gone[-1]
        if time_ns < from_ns:
            gone_ns = self._gone[bisect_right(self._gone, time_ns, key=itemgetter(0)) - 1][1]
        return time_ns - gone_ns
