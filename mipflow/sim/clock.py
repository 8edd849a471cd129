"""The virtual clock: a heap of events in integer nanoseconds.

It gives time and order, and knows nothing of packets. Ties break by insertion order, so a run repeats to the
nanosecond.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NoReturn, SupportsIndex

from mipflow.arguments import YEAR_S, fits, number
from mipflow.errors import ProtocolMisuse, Stopped, shown, uncopied
from mipflow.sim.interrupts import Interrupts

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

Callback = Callable[[Any], object]
Event = tuple[int, Any, Callback, Any]
"""Time, what tells the order of events of one time (a number, if not of `sim.trains`), callback and argument."""


_TIME = number(-200 * YEAR_S, 200 * YEAR_S, "a number of seconds")
"""The range of a trace, which has nanoseconds in 64 bits."""


def seconds(value: float) -> int:
    """Return `value` seconds in nanoseconds. Raises ProtocolMisuse for anything but a number of seconds."""
    if not fits(value, _TIME):
        raise ProtocolMisuse(f"{shown(value)} is no time; expected {_TIME.words}", value)
    return int(round(value * NS_PER_S))  # noqa: RUF046  # a number of numpy's stays one


AFTER_ALL = 1 << 62
"""An order that no event reaches: an event with it comes after all others of the same time."""
BEFORE_ALL = -1
_HALF = "may be wrong from there on; make another with the same arguments and seed"


class _End(Exception):
    """The clock has run as far as it was asked to."""


def _stop(argument: object) -> None:
    raise _End(argument)


class Unique:
    """A part of a running world, its tables, their lines and its trace included. It is not copied by itself: packets
    under way would still be the original's, and a change of the copy would be one of the original.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse copy.copy, copy.deepcopy and pickle, which all ask here. Raises ProtocolMisuse."""
        raise uncopied(self)


class Clock(Unique):
    """Virtual time `now` (nanoseconds) and the events that are due.

    `heap` and `order` are open to `sim.link`, which pushes one event per packet-hop and must not pay for a call.
    """

    __slots__ = ("_is_busy", "heap", "now", "order", "scheduled", "until_ns")

    def __init__(self) -> None:
        self._is_busy = False
        self.now = 0
        self.heap: list[Event] = []
        self.order: Iterator[int] = count()
        self.scheduled = 0
        """The number of events that came through `at`, less the packet-hops that came through none (`sim.trains`)."""
        self.until_ns = 0
        """The end of the run that is under way, or was last."""

    def at(self, t_ns: int, callback: Callback, argument: object = None) -> None:
        """Call `callback(argument)` at `t_ns` nanoseconds. Raises ProtocolMisuse for a time in the past."""
        if t_ns < self.now:
            raise ProtocolMisuse(f"{t_ns / 1e9} s is in the past; the clock stands at {self.now / 1e9} s", t_ns)
        self.scheduled += 1
        heappush(self.heap, (t_ns, next(self.order), callback, argument))

    @property
    def packet_events(self) -> int:
        """The number of packets that links have taken over so far: all events but the scheduled ones."""
        # Reading must not draw a number; count(7) says so itself, and pickling it ends with Python 3.14.
        return int(repr(self.order)[len("count(") : -1]) - self.scheduled

    def after(self, delay_ns: int, callback: Callback, argument: object = None) -> None:
        """Call `callback(argument)` in `delay_ns` nanoseconds."""
        self.at(self.now + delay_ns, callback, argument)

    def run_until(self, end_ns: int, is_reached: Callable[[], bool] | None = None) -> bool:
        """Let everything happen that is due up to `end_ns`, then stand there; True.

        is_reached: asked before every moment; once it holds time stops there. Where nothing is due any more up to
        `end_ns` before it holds, time stops too: False.

        An interrupt (SIGINT) waits until the event under way is done, and then raises Stopped: a world is never left
        in the middle of one. A second one while that event does not end breaks it off, and a note of the
        KeyboardInterrupt says so. Packets form no cycles: the collector is off meanwhile. Raises ProtocolMisuse for a
        time in the past, and as `check_idle` does.
        """
        if end_ns < self.now:
            raise ProtocolMisuse(f"no way back to {end_ns / 1e9} s; the clock stands at {self.now / 1e9} s", end_ns)
        self.check_idle(f"the clock cannot run to {end_ns / 1e9} s", end_ns)
        heap, until_ns, is_over = self.heap, end_ns, False
        with Uncollected(), Interrupts(self._pause, lambda: self._is_busy) as interrupts:
            while not is_over:
                if is_reached is not None:
                    if is_reached():
                        return True
                    if not heap or heap[0][0] > end_ns:
                        return False
                    until_ns = max(heap[0][0], self.now)
                is_over = self._play(until_ns) and is_reached is None
                self._deliver(interrupts)
        self._deliver(interrupts)
        return True

    def _play(self, end_ns: int) -> bool:
        """Run up to `end_ns`; False where an interrupt came before."""
        heap, pop, argument = self.heap, heappop, None
        # An event that ends the loop costs less than asking before each event whether the end has come.
        end = (end_ns, AFTER_ALL, _stop, object())
        try:
            self._is_busy, self.until_ns = True, end_ns
            heappush(heap, end)
            while True:
                self.now, _, callback, argument = pop(heap)
                callback(argument)
        except _End as stopped:
            if stopped.args[0] is not end[3]:
                self.now = heap[0][0]  # nothing happens before; when the last event was is not known for certain
                return False
            return True
        except KeyboardInterrupt as error:
            error.add_note(f"an event at {self.now / NS_PER_S:.3f} s was broken off: this world {_HALF}")
            raise
        finally:
            self._is_busy = False
            if argument is not end[3] and end in heap:
                heap.remove(end)
                heapify(heap)

    def _pause(self) -> None:
        """End the loop after the event that is under way. Left behind where there is none, it ends nothing."""
        heappush(self.heap, (self.now, BEFORE_ALL, _stop, None))

    def _deliver(self, interrupts: Interrupts) -> None:
        try:
            interrupts.deliver()
        except KeyboardInterrupt:
            raise Stopped(f"stopped at {self.now / NS_PER_S:.3f} s; run() goes on from there") from None

    def check_idle(self, what: str, value: object = None) -> None:
        """Raise ProtocolMisuse inside a run, whose end another run would miss, and as `check_unasked` does; `what`
        cannot be done then, as in "the clock cannot run to 5 s", and `value` was asked for.
        """
        if self._is_busy:
            raise ProtocolMisuse(f"{what}: it runs already; return first, and do it afterwards", value)
        check_unasked(what)


class Uncollected:
    """Keep the cyclic garbage collector off: packets form no cycles, and its passes cost a third of the speed."""

    def __enter__(self) -> None:
        self._restore = gc.enable if gc.isenabled() else gc.disable
        gc.disable()

    def __exit__(self, *_: object) -> None:
        self._restore()


ASKED: ContextVar[str] = ContextVar("asked", default="")
"""The name of the learner's function that is being asked for its answer, empty for none: meanwhile time passes in no
world, and no call changes one.
"""


def check_unasked(what: str) -> None:
    """Raise ProtocolMisuse for a call inside a learner's function that is asked, as in "flow 1 cannot be closed"."""
    if name := ASKED.get():
        why = f"somebody waits for the answer of your {name}(), which may look at worlds but not drive one"
        raise ProtocolMisuse(f"{what}: {why}; return first, and do it afterwards", name)


class Timer(Unique):
    """A call that is due once, can be moved and can be stopped; a stale heap entry is known by its count."""

    __slots__ = ("_callback", "_clock", "_count", "due_ns")

    def __init__(self, clock: Clock, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._callback = callback
        self._count = 0
        self.due_ns: int | None = None
        """The time at which it goes off, in nanoseconds; None while it is stopped."""

    def set(self, t_ns: int) -> None:
        """Go off at `t_ns` nanoseconds, and at no earlier set time. A time that has passed means now."""
        self._count += 1
        self.due_ns = t_ns if t_ns > self._clock.now else self._clock.now
        self._clock.at(self.due_ns, self._fire, self._count)

    def stop(self) -> None:
        """Do not go off."""
        self._count += 1
        self.due_ns = None

    def _fire(self, number: int) -> None:
        if number == self._count:
            self.due_ns = None
            self._callback()
