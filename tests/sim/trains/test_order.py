"""The order of events of one instant, against a heap in which every event is real."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mipflow.sim.clock import AFTER_ALL, BEFORE_ALL, Clock
from mipflow.sim.trains.order import Order, Placed, Sender

SENDERS = st.lists(
    st.tuples(st.integers(1, 4), st.lists(st.integers(0, 4), max_size=4)), min_size=1, max_size=4
)  # interval and delays of the links of each


def all_real(senders: list[tuple[int, list[int]]], until: int) -> list[tuple[int, int, int, int]]:
    """All events as a heap takes them: (time, sender, link, when it was sent); every sender begins at 0."""
    heap: list[Any] = []
    order, done = count(), []
    for number, _ in enumerate(senders):
        heappush(heap, (0, next(order), number, 0, 0))
    while heap:
        t, _, number, link, sent = heappop(heap)
        if t > until:
            break
        interval, delays = senders[number]
        if t or link:
            done.append((t, number, link, sent))
        if link < len(delays):
            heappush(heap, (t + delays[link], next(order), number, link + 1, sent))
        if link == 0:
            heappush(heap, (t + interval, next(order), number, 0, t + interval))
    return done


@given(SENDERS)
def test_the_order_is_that_of_a_heap_in_which_every_event_is_real(senders: list[tuple[int, list[int]]]) -> None:
    clock, until = Clock(), 12
    order = Order(clock)
    events: list[tuple[Any, tuple[int, int, int, int]]] = []
    for number, (interval, delays) in enumerate(senders):
        sender = Sender(0, order.draw(), interval)
        assert order.enter(sender)
        for sent in range(interval, until + 1, interval):
            event: Any = (sent, (sent - interval, sender.rank), "stop")
            events.append((event, (sent, number, 0, sent)))
            for link, delay in enumerate(delays, 1):
                event = (event[0] + delay, event, "stop")
                events.append((event, (event[0], number, link, sent)))
    expected = [each for each in all_real(senders, until) if each[3] > 0]
    events = [each for each in events if each[1][0] <= until]
    found: list[Any] = []
    for event, named in events:  # one by one before the first that is later
        place = next((at for at, (other, _) in enumerate(found) if order.is_earlier(event, other)), len(found))
        found.insert(place, (event, named))
    assert [named for _, named in found] == expected


def test_an_event_comes_after_what_was_put_into_the_heap_before_its_cause() -> None:
    clock = Clock()
    order = Order(clock)
    sender = Sender(0, order.draw(), 10)
    assert order.enter(sender)
    early, sending = next(clock.order), (10, (0, sender.rank), "stop")
    for t, number in ((5, early), (10, 0), (10, 77)):
        order.times.append(t)
        order.numbers.append(number)
        order.marks.append(order.draw())
    assert order.place(sending) == 1, "its root has mark 0, so nothing of the heap at 10 was put there before"
    assert not order.has_happened(sending), "its time has not come"
    clock.now = 10
    assert order.has_happened(sending)
    arrival = (10, (5, (0, sender.rank), "stop"), "stop")
    assert order.mark((5, sender.rank)) == order.marks[1]
    assert order.place(arrival) == 2, "the first at 10 was put there before 5, the second after"


def test_what_was_turned_into_an_event_compares_with_numbers_and_its_like() -> None:
    order = Order(Clock())
    sender = Sender(0, order.draw(), 10)
    assert order.enter(sender)
    one = Placed(5, (10, (0, sender.rank), "stop"), order)
    assert one < 5 and one < 6 and one > 4 and not one < 4 and not one > 5
    assert BEFORE_ALL < one < AFTER_ALL
    packet = Placed(5, (10, (0, (-10, sender.rank), "stop"), "stop"), order)
    assert packet < one and one > packet, "the packet of a sending comes before the next sending"
    assert one < Placed(6, (10, (4, sender.rank), "stop"), order)


def test_what_is_over_is_forgotten() -> None:
    order = Order(Clock())
    for t in range(5):
        order.times.append(t)
        order.numbers.append(t)
        order.marks.append(order.draw())
    assert order.forget(3) == 3 and order.times == [3, 4] and len(order.marks) == len(order.numbers) == 2
