"""One clock for the packets of a capture, whatever its time stamps do. Pure.

Takes stamps in the order of the file; gives times on one clock, and where it was set back or cut. Where a clock was set
back, time goes on; silences are cut later, when it is known which packets are replayed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from mipflow.sim.clock import NS_PER_S

Stamp = tuple[int, int, int | None]
"""The section of a file in which a packet stands, the interface of that section, from 0 on, and the time stamp in
nanoseconds; None where there is none.
"""


class Placed(NamedTuple):
    """A packet's time on the one clock, in ns, and by how much that is later than its own stamp."""

    time_ns: int
    shift_ns: int


class SetBack(NamedTuple):
    """The setting back of a clock by `by_ns`, when it had shown `at_ns`."""

    at_ns: int
    by_ns: int


NOWHERE = Placed(0, 0)


def one_clock(stamps: Sequence[Stamp]) -> tuple[list[Placed], list[SetBack]]:
    """Place each packet on one clock.

    A stamp more than a second behind the latest of its interface tells that the clock was set back: the interface is
    shifted from there on, so that this packet follows at once. A smaller step stays, to be sorted. Sections, and the
    interfaces of one, overlay by their stamps: their blocks may stand behind each other, their clocks may differ. A
    packet without a stamp takes the time of the one before it in its section, else of the one behind it, else of its
    neighbor in the file.
    """
    placed: list[Placed | None] = []
    steps: list[SetBack] = []
    latest: dict[tuple[int, int], Placed] = {}
    for section, interface, stamp_ns in stamps:
        if stamp_ns is None:
            placed.append(None)
            continue
        known = latest.get((section, interface), Placed(stamp_ns, 0))
        now = Placed(stamp_ns + known.shift_ns, known.shift_ns)
        if now.time_ns < known.time_ns - NS_PER_S:
            steps.append(SetBack(known.time_ns - known.shift_ns, known.time_ns - now.time_ns))
            now = Placed(known.time_ns, known.time_ns - stamp_ns)
        placed.append(now)
        latest[section, interface] = max(known, now)
    if None in placed:
        _take_neighbors(placed, [section for section, *_ in stamps])
        _take_neighbors(placed, [0] * len(stamps))
    return [each or NOWHERE for each in placed], steps


def _take_neighbors(placed: list[Placed | None], rooms: Sequence[Hashable]) -> None:
    """Put whoever has no place where the one before is in the same room, else where the next one is."""
    for order in (range(len(placed)), reversed(range(len(placed)))):
        last: dict[Hashable, Placed] = {}
        for number in order:
            here = placed[number]
            if here is None:
                placed[number] = last.get(rooms[number])
            else:
                last[rooms[number]] = here


class Cut(NamedTuple):
    """The result of cutting silences, in nanoseconds: the times that are left, and where how much was cut.

    `ahead_ns` was cut before the first packet; `offsets` are pairs (from this time on, by how much the own clock of the
    packets is ahead).
    """

    times_ns: list[int]
    cuts: list[tuple[int, int]]
    ahead_ns: int
    offsets: list[tuple[int, int]]


def cut_silences(placed: Sequence[Placed], longest_ns: int) -> Cut:
    """Cut every gap between packets, which are in the order of their times, to `longest_ns`. Time zero is 0, or the
    first packet, where that comes more than a silence later.
    """
    first_ns = placed[0].time_ns if placed else 0
    cut = Cut([], [], first_ns if first_ns > longest_ns else 0, [])
    before_ns, gone_ns = first_ns, cut.ahead_ns
    for time_ns, shift_ns in placed:
        too_long_ns = time_ns - before_ns - longest_ns
        if too_long_ns > 0:
            cut.cuts.append((before_ns - gone_ns, too_long_ns))
            gone_ns += too_long_ns
        before_ns = time_ns
        cut.times_ns.append(time_ns - gone_ns)
        if not cut.offsets or cut.offsets[-1][1] != gone_ns - shift_ns:
            cut.offsets.append((time_ns - gone_ns, gone_ns - shift_ns))
    return cut
