"""Lanes: packets of trains among ordinary ones on one link, first in first out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mipflow.sim.clock import Clock
from mipflow.sim.trains.lane import Lane, Stop, happened, sent_ns
from mipflow.sim.trains.order import Order
from mipflow.wire.packet import UDP, Packet
from tests.node.nodes import Path


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.integers(1, 9))
def test_items_leave_as_a_queue_lets_them(times: list[int], serialisation_ns: int) -> None:
    channel = SimpleNamespace(delay_ns=100, number=0, trace=SimpleNamespace(mode="off"), set_quick=lambda times: 7)
    lane = Lane(channel, Order(Clock()), lambda lane, now: None)  # type: ignore[arg-type]
    end = Stop(None, 1, None)
    stop = Stop(None, 0, lane, serialisation_ns)
    stop.following = end
    stop.waiting += [(t, (t - number - 1, 1.0), stop) for number, t in enumerate(times)]
    left: list[Any] = []
    lane.carry(lane.entering(41), left)
    assert left == end.waiting
    busy, expected = 7, []
    for t in sorted(times):
        busy = max(busy, t) + serialisation_ns
        expected.append(busy + 100)
    assert [item[0] for item in end.waiting] == expected
    assert sorted(sent_ns(item) for item in end.waiting) == sorted(times)


def test_an_ordinary_packet_on_a_lane_goes_as_without_it() -> None:
    def hops(with_lane: bool) -> list[Any]:
        path = Path()
        channel = path.a.mobility.find_road(path.a.address, path.b.address).channel  # type: ignore[union-attr]
        lane = Lane(channel, Order(path.network.clock), lambda lane, now: None) if with_lane else None
        for size in (10, 500, 3):
            path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9, bytes(size))))
        path.run(1)
        if lane is not None:
            lane.close()
        path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9, b"after")))
        path.run(2)
        return [(hop.sent_ns, hop.started_ns, hop.arrived_ns, hop.channel) for hop in path.network.trace]

    assert hops(True) == hops(False)


def test_what_enters_at_the_end_of_the_time_asked_for_has_not_happened() -> None:
    order: Any = SimpleNamespace(has_happened=lambda item: item[2] == "before")
    items: list[Any] = [(1, 0, "x"), (5, 0, "before"), (5, 1, "after")]
    assert happened(items, 5, order) == 2
    assert happened(items, 6, order) == 3
