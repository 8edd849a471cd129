"""Interrupts: an event is done whole or not at all, and a handler of somebody else's is asked."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from types import FrameType

import pytest

from mipflow.errors import MipflowError, Stopped
from mipflow.sim import interrupts
from mipflow.sim.clock import NS_PER_S, Clock

FOR = 100


def interrupt(_: object = None) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def as_python_does() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler, "who came before is there again"


def ticking(seen: list[int]) -> Clock:
    clock = Clock()

    def tick(_: object) -> None:
        seen.append(clock.now)
        clock.after(NS_PER_S, tick)

    clock.at(0, tick)
    return clock


def test_the_event_under_way_is_finished_and_the_run_goes_on_from_there() -> None:
    seen: list[object] = []
    clock = Clock()

    def event(_: object) -> None:
        interrupt()
        seen.append("to its end")

    clock.at(3, event)
    clock.at(3, seen.append, "the next")
    with pytest.raises(Stopped, match=r"^stopped at 0\.000 s; run\(\) goes on from there$") as caught:
        clock.run_until(10)
    assert seen == ["to its end"] and clock.now == 3
    assert isinstance(caught.value, KeyboardInterrupt) and not isinstance(caught.value, MipflowError)
    assert caught.value.__suppress_context__ and caught.value._render_traceback_() == [str(caught.value)]
    clock.run_until(10)
    assert seen == ["to its end", "the next"] and clock.now == 10 and clock.heap == []


def test_a_stop_in_the_last_event_or_when_all_is_done_leaves_nothing_behind() -> None:
    clock, seen = Clock(), []
    clock.at(10, interrupt)
    with pytest.raises(Stopped):
        clock.run_until(10)
    assert clock.now == 10 and clock.heap == []
    clock.at(20, seen.append)
    clock.run_until(30)
    assert seen == [None]


def test_a_stop_that_is_left_behind_ends_nothing_and_turns_no_time_back() -> None:
    for is_reached in (None, lambda: False):
        seen: list[int] = []
        clock = ticking(seen)
        clock.run_until(5 * NS_PER_S)
        clock._pause()
        clock.now += 1
        clock.run_until(9 * NS_PER_S, is_reached)
        assert seen == [second * NS_PER_S for second in range(10)]
        assert clock.now == 9 * NS_PER_S


@pytest.mark.parametrize("where", ["line", "call", "return"])
def test_at_any_step_of_the_loop_time_goes_forward_and_no_event_is_lost(where: str) -> None:
    """Interrupt at each step of the loop itself, also between taking an event off the heap and playing it."""
    held = sys.exception()  # Python may keep one of a learner's function that another test has stopped
    for step in range(60):
        seen: list[int] = []
        clock, count = ticking(seen), [0]

        def trace(
            frame: FrameType, event: str, _: object, count: list[int] = count, step: int = step
        ) -> Callable | None:
            if not frame.f_globals["__name__"].startswith("mipflow."):
                return None  # Python's own are not made for interrupts at any opcode
            frame.f_trace_opcodes = True
            if event in (where, "opcode"):
                count[0] += 1
                if count[0] == step * 7:
                    interrupt()
            return trace

        before, stopped_at = sys.gettrace(), -1
        sys.settrace(trace)
        try:
            clock.run_until(FOR * NS_PER_S)
        except KeyboardInterrupt:
            stopped_at = clock.now
        finally:
            sys.settrace(before)
        assert stopped_at == -1 or seen[-1:] <= [stopped_at]
        clock.run_until(FOR * NS_PER_S)
        assert seen == [second * NS_PER_S for second in range(FOR + 1)], step
        assert clock.now == FOR * NS_PER_S and not clock._is_busy
        assert sys.exception() is held


def test_a_second_interrupt_breaks_off_an_event_that_does_not_end_and_says_the_price() -> None:
    clock, count, begun_s = Clock(), list[int](), monotonic()

    def endless(_: object) -> None:
        while True:
            interrupt()
            count.append(0)

    clock.at(2 * NS_PER_S, endless)
    with pytest.raises(KeyboardInterrupt) as caught:
        clock.run_until(5 * NS_PER_S)
    assert not isinstance(caught.value, Stopped), "where it hung is worth a traceback"
    assert "endless" in [entry.name for entry in caught.traceback]
    assert len(count) > 2 and monotonic() > begun_s + interrupts.ONE_S, "two at once are one"
    (note,) = caught.value.__notes__
    assert "an event at 2.000 s was broken off: this world may be wrong from there on; make another" in note
    clock.run_until(6 * NS_PER_S)
    assert clock.now == 6 * NS_PER_S


def test_a_world_inside_an_event_of_another_lets_both_finish_theirs() -> None:
    outer, inner, seen = Clock(), Clock(), []

    def event(_: object) -> None:
        inner.run_until(9)
        seen.append("outer")

    def inside(_: object) -> None:
        interrupt()
        seen.append("inner")

    inner.at(4, inside)
    inner.at(8, seen.append, "inner to its end")
    outer.at(1, event)
    outer.at(2, seen.append, "later")
    with pytest.raises(Stopped):
        outer.run_until(3)
    assert seen == ["inner", "inner to its end", "outer"] and inner.now == 9
    outer.run_until(3)
    assert seen[-1] == "later"


def test_another_handler_is_asked_between_two_events_and_may_let_the_run_go_on() -> None:
    clock, seen = Clock(), []

    def event(number: object) -> None:
        interrupt()
        seen.append(number)

    def mine(number: int, _: FrameType | None) -> None:
        seen.append("asked")

    for t in (1, 2):
        clock.at(t, event, t)
    before = signal.signal(signal.SIGINT, mine)
    try:
        clock.run_until(3)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1, "asked", 2, "asked"] and clock.now == 3


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_interrupts_that_are_ignored_or_end_the_process_still_do(handler: signal.Handlers) -> None:
    clock, seen = Clock(), []
    clock.at(1, lambda _: seen.append(signal.getsignal(signal.SIGINT)))
    before = signal.signal(signal.SIGINT, handler)
    try:
        clock.run_until(2)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [handler]


def test_in_another_thread_the_clock_runs_as_well() -> None:
    clock, seen, before = Clock(), [], signal.getsignal(signal.SIGINT)
    clock.at(1, lambda _: seen.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=lambda: seen.append(clock.run_until(5)))
    thread.start()
    thread.join()
    assert seen == [before, True] and clock.now == 5


def test_without_signals_an_interrupt_breaks_an_event_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "signal", None)
    clock = Clock()

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    clock.at(1, stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        clock.run_until(2)
    assert "broken off" in caught.value.__notes__[0]
    clock.run_until(2)


def test_an_error_of_an_event_comes_through_with_an_interrupt_beside_it() -> None:
    clock = Clock()

    def fail(_: object) -> None:
        interrupt()
        raise ZeroDivisionError

    clock.at(1, fail)
    with pytest.raises(ZeroDivisionError):
        clock.run_until(2)
    clock.run_until(2)
    assert clock.now == 2


def test_a_clock_stops_before_the_moment_after_the_one_at_which_something_is_reached() -> None:
    seen: list[int] = []
    clock = ticking(seen)
    assert clock.run_until(50 * NS_PER_S, lambda: len(seen) >= 3)
    assert clock.now == 2 * NS_PER_S and len(seen) == 3
    assert not clock.run_until(4 * NS_PER_S, lambda: False)
    assert clock.now == 4 * NS_PER_S
    assert not Clock().run_until(NS_PER_S, lambda: False), "nothing is due"


def test_a_wait_for_something_is_interrupted_between_events_too() -> None:
    seen: list[int] = []
    clock = ticking(seen)

    def is_reached() -> bool:
        if len(seen) == 3:
            seen.append(-1)
            interrupt()
        return False

    with pytest.raises(Stopped):
        clock.run_until(9 * NS_PER_S, is_reached)
    assert clock.now <= 3 * NS_PER_S
    clock.run_until(9 * NS_PER_S)
    assert seen == [0, NS_PER_S, 2 * NS_PER_S, -1, *(second * NS_PER_S for second in range(3, 10))]
