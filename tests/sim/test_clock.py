"""The clock: order, ties, timers, the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.sim.clock import ASKED, NS_PER_S, Clock, Timer, seconds


@given(st.lists(st.integers(0, 20), max_size=60))
def test_events_come_by_time_and_ties_by_insertion(times: list[int]) -> None:
    clock, seen = Clock(), []
    for number, t in enumerate(times):
        clock.at(t, lambda what: seen.append((clock.now, what)), number)
    clock.run_until(30)
    assert seen == sorted((t, number) for number, t in enumerate(times))
    assert clock.now == 30


def test_an_event_made_now_comes_after_those_of_now_and_before_later_ones() -> None:
    clock, seen = Clock(), []
    clock.at(5, lambda _: (seen.append("first"), clock.after(0, lambda _: seen.append("made now"))))
    clock.at(5, lambda _: seen.append("second"))
    clock.at(6, lambda _: seen.append("later"))
    clock.run_until(6)
    assert seen == ["first", "second", "made now", "later"]


def test_the_end_is_included_and_nothing_after_it() -> None:
    clock, seen = Clock(), []
    clock.at(10, seen.append, "at the end")
    clock.at(11, seen.append, "after it")
    clock.run_until(10)
    assert seen == ["at the end"]
    clock.run_until(11)
    assert seen == ["at the end", "after it"]


@pytest.mark.parametrize("wrong", ["at", "run_until"])
def test_the_past_is_refused_with_the_value(wrong: str) -> None:
    clock = Clock()
    clock.run_until(2 * NS_PER_S)
    with pytest.raises(ProtocolMisuse, match=r"stands at 2\.0 s") as caught:
        clock.at(NS_PER_S, print) if wrong == "at" else clock.run_until(NS_PER_S)
    assert caught.value.value == NS_PER_S


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_off_while_running_and_as_before_after_an_exception(enabled: bool) -> None:
    clock, inside = Clock(), []

    def fail(_: object) -> None:
        inside.append(gc.isenabled())
        raise ZeroDivisionError

    clock.at(3, fail)
    clock.at(4, inside.append)
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ZeroDivisionError):
            clock.run_until(10)
        assert gc.isenabled() is enabled
        assert inside == [False]
        assert clock.now == 3
        clock.run_until(10)  # and the world goes on after it
        assert gc.isenabled() is enabled
        assert clock.now == 10 and inside == [False, None]
    finally:
        (gc.enable if was else gc.disable)()


@pytest.mark.parametrize("inner_ns", [5, 7, 10, 20])
@pytest.mark.parametrize("is_caught", [True, False])
def test_a_run_inside_a_run_is_refused_and_the_outer_one_ends_when_it_should(inner_ns: int, is_caught: bool) -> None:
    clock, seen = Clock(), []

    def again(_: object) -> None:
        try:
            clock.run_until(inner_ns)
        except ProtocolMisuse as error:
            seen.append((clock.now, error.value))
            if not is_caught:
                raise

    clock.at(5, again)
    clock.at(7, seen.append, "at 7")
    clock.at(15, seen.append, "at 15")
    if is_caught:
        clock.run_until(10)
    else:
        with pytest.raises(ProtocolMisuse, match="it runs already; return first"):
            clock.run_until(10)
        assert clock.now == 5
        clock.run_until(10)
    assert clock.now == 10 and seen == [(5, inner_ns), "at 7"]
    clock.run_until(30)
    assert seen[2:] == ["at 15"] and clock.heap == []


@contextmanager
def asked(name: str) -> Iterator[None]:
    token = ASKED.set(name)
    try:
        yield
    finally:
        ASKED.reset(token)


def test_no_clock_runs_while_a_learners_function_is_asked() -> None:
    clock, other = Clock(), Clock()
    with asked("policy"):
        with pytest.raises(ProtocolMisuse), asked("assign"):
            clock.run_until(1)
        for each in (clock, other):
            with pytest.raises(ProtocolMisuse, match=r"somebody waits for the answer of your policy\(\)"):
                each.run_until(1)
    for each in (clock, other):
        each.run_until(1)
    assert clock.now == other.now == 1
    clock.at(3, lambda _: other.run_until(9))
    clock.run_until(4)
    assert clock.now == 4 and other.now == 9


def test_seconds_round_to_the_nanosecond() -> None:
    assert seconds(0.1) == 100_000_000
    assert seconds(1e-9) == 1


def test_packet_events_are_those_that_links_push() -> None:
    clock = Clock()
    clock.at(1, print, "")
    assert clock.packet_events == 0
    next(clock.order)
    next(clock.order)
    assert clock.packet_events == 2


# --- timers ----------------------------------------------------------------------------------------------------------


class Alarm:
    def __init__(self) -> None:
        self.clock = Clock()
        self.rang: list[int] = []
        self.timer = Timer(self.clock, lambda: self.rang.append(self.clock.now))


def test_a_timer_goes_off_once() -> None:
    alarm = Alarm()
    alarm.timer.set(5)
    assert alarm.timer.due_ns == 5
    alarm.clock.run_until(20)
    assert alarm.rang == [5]
    assert alarm.timer.due_ns is None


@pytest.mark.parametrize("again", [3, 5, 9])
def test_set_again_goes_off_at_the_new_time_only(again: int) -> None:
    alarm = Alarm()
    alarm.timer.set(5)
    alarm.timer.set(again)
    alarm.clock.run_until(20)
    assert alarm.rang == [again]


def test_stopped_it_stays_silent_and_can_be_set_again() -> None:
    alarm = Alarm()
    alarm.timer.set(5)
    alarm.timer.stop()
    assert alarm.timer.due_ns is None
    alarm.clock.run_until(6)
    alarm.timer.set(8)
    alarm.clock.run_until(20)
    assert alarm.rang == [8]


def test_a_time_that_has_passed_means_now() -> None:
    alarm = Alarm()
    alarm.clock.run_until(10)
    alarm.timer.set(3)
    alarm.clock.run_until(10)
    assert alarm.rang == [10]


@given(st.lists(st.tuples(st.integers(0, 10), st.one_of(st.none(), st.integers(0, 15))), max_size=30))
def test_only_the_last_order_before_it_is_due_counts(orders: list[tuple[int, int | None]]) -> None:
    """Compare with a timer that is one variable, looked at every nanosecond."""
    alarm = Alarm()
    expected, due, now = [], None, 0
    for wait, delay in orders:
        for _ in range(wait):
            now += 1
            if due == now:
                expected.append(now)
                due = None
        alarm.clock.run_until(now)
        if delay is None:
            alarm.timer.stop()
            due = None
        else:
            alarm.timer.set(now + delay)
            due = now + delay
            if delay == 0:  # goes off when the clock next runs, before it moves
                alarm.clock.run_until(now)
                expected.append(now)
                due = None
    if due is not None:
        expected.append(due)
    alarm.clock.run_until(now + 100)
    assert alarm.rang == expected
