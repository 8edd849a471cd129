"""The standing of all trains at an instant: where it is that of a while ago, everything since then comes again."""

from __future__ import annotations

from collections.abc import Iterable

from mipflow.sim.boarding import NEVER
from mipflow.sim.trains.lane import Lane
from mipflow.sim.trains.order import later
from mipflow.sim.trains.train import Train


class Standing:
    """Until when lanes are busy, what is under way, and where trains are, at `t_ns` nanoseconds.

    Whatever happens from now on follows from these alone, if nobody else does anything: times, and the order of what
    happens at one time, since `order` looks back no further than a few intervals.
    """

    def __init__(self, t_ns: int, lanes: Iterable[Lane], trains: Iterable[Train]) -> None:
        self._t_ns = t_ns
        self._busy = {lane: lane.busy_ns for lane in lanes}
        self._trains = [(train.following_ns, train.delivered_ns) for train in trains]
        waiting = [lane.waiting for lane in lanes] + [train.stops[-1].waiting for train in trains]
        self._items = {item for each in waiting for item in each}

    def comes_again(self, other: Standing) -> bool:
        """Return whether another standing, at a later time, is this one but for the time that has passed."""
        step_ns = other._t_ns - self._t_ns
        if len(self._items) != len(other._items):
            return False
        for (following, delivered), now in zip(self._trains, other._trains, strict=True):
            moved_ns = step_ns if following < NEVER else 0
            if now != (following + moved_ns, delivered + moved_ns):
                return False
        for lane, busy_ns in self._busy.items():
            moved_ns = other._busy[lane] - busy_ns
            if moved_ns != step_ns and (moved_ns or busy_ns > self._t_ns):
                return False
        return {later(item, step_ns) for item in self._items} == other._items

    def is_used(self, lane: Lane, other: Standing) -> bool:
        """Return whether a packet has entered a lane before another standing, at a later time."""
        return self._busy[lane] != other._busy[lane]
