"""The rows of trains: what repeats itself is written as if it were told one by one, among the rows of other packets."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.sim.clock import Clock
from mipflow.sim.trace import ROW, Trace
from mipflow.sim.trains.order import Order, Sender, later
from mipflow.sim.trains.rows import Rows
from tests.sim.boxes import datagram

PERIOD_NS, ROOT_NS, NUMBER, LIMIT = 100, 1000, 3, 9


class Place(NamedTuple):
    """A stop as rows see it, which is also its train."""

    lag_ns: int = 30
    number: int = NUMBER
    limit: int = LIMIT
    interval_ns: int = 10

    @property
    def train(self) -> Place:
        return self

    def tell(self, stop: Place, count: int) -> int:
        return 0

    def entered(self, stop: Place, sent_ns: int) -> Any:
        return datagram(100, stop.lag_ns)


def written(offsets: list[int], periods: int, others: list[int], as_stretch: bool) -> Any:
    """Return columns and packets of a trace: of items at offsets in each period, and of the heap's events."""
    trace, order, place = Trace(), Order(Clock()), Place()
    sender = Sender(ROOT_NS, order.draw(), 10)
    assert order.enter(sender)
    rows = Rows(trace, order)
    events: list[Any] = []
    for number, offset in enumerate(offsets):
        entered = ROOT_NS + 2000 + offset
        sending = entered - 7 - number, (entered - 17 - number, sender.rank), place
        events.append((entered, sending, place))
    for t_ns in others:
        order.times.append(t_ns)
        order.numbers.append(order.draw())
        order.marks.append(order.draw())
        rows.ends.append(len(trace.new_rows))
        if t_ns % 3:  # some write nothing
            trace.new_rows += ROW.pack(t_ns, t_ns, t_ns + 1, 0, 64)
            trace.unmade.append(datagram(100, 1))
    if as_stretch:
        rows.left += [(item[0] + 30, item, place) for item in events]
        rows.gather(periods, PERIOD_NS)
    else:
        for period in range(periods):
            moved = [later(item, period * PERIOD_NS) for item in events]
            rows.left += [(item[0] + 30, item, place) for item in moved]
    rows.merge()
    columns = [list(column) for column in trace.read_columns()]
    return columns, [packet.fields() for packet in trace.packets]


OTHERS = st.lists(st.integers(ROOT_NS + 1900, ROOT_NS + 2900), max_size=8).map(sorted)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=6), st.integers(1, 8), OTHERS)
def test_a_stretch_that_repeats_itself_is_written_like_its_rows_one_by_one(
    offsets: list[int], periods: int, others: list[int]
) -> None:
    columns, packets = written(offsets, periods, others, True)
    assert (columns, packets) == written(offsets, periods, others, False)
    assert columns[0] == sorted(columns[0])
    entered = [ROOT_NS + 2000 + offset + period * PERIOD_NS for period in range(periods) for offset in offsets]
    assert sorted(t for t, channel in zip(columns[0], columns[3], strict=True) if channel == NUMBER) == sorted(entered)
    assert len(packets) == len(columns[0]) == len(entered) + sum(t % 3 > 0 for t in others)


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_packets_that_are_looked_at_here_and_there_are_those_of_all_in_order(mode: str) -> None:
    """The digest knows which hops have the same packet."""

    def played() -> Trace:
        world = mf.figure2(seed=7, mode=mode)
        calls = [world.mn.open(world.cn1, mf.apps.Voice(interval_ms)) for interval_ms in (20, 30)]
        world.run(8)
        world.mn.handover(calls[0], "cell0")
        world.run(4.321)
        return world.run(1.5).trace

    here_and_there, in_order, random = played(), played(), Random(7)
    for _ in range(50):
        first = random.randrange(len(here_and_there))
        found = here_and_there.carried(first, first + random.randrange(300))
        assert None not in found
        assert here_and_there.packet(first) is here_and_there.carried(first, first + 1)[0]
    assert sum(packet is None for packet in here_and_there.unmade) > 1000, "others are not made"
    assert here_and_there.digest() == in_order.digest()


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_trips_that_are_alike_are_whole(mode: str) -> None:
    world = mf.figure2(seed=7, mode=mode)
    for interval_ms in (20, 30):
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms))
    trace = world.run(9).trace
    found = [alike for promise in trace.promises for alike in promise.alike(0, len(trace))]
    packets = [packet.unsealed() for packet in trace.packets]
    hops_of: dict[tuple[int, int], list[int]] = {}
    for number, packet in enumerate(packets):
        hops_of.setdefault((packet.label, packet.sent_ns), []).append(number)
    for hops, sent_ns in found:
        for *own, t_ns in zip(*hops, sent_ns, strict=True):
            assert own == hops_of[packets[own[0]].label, t_ns]
    seen = [number for hops, _ in found for each in hops for number in each]
    assert len(seen) == len(set(seen)) > len(trace) / 2
