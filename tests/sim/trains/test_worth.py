"""The weighing of trains: flows board where they have most of the packets, and are not asked again and again."""

from __future__ import annotations

import pytest

from mipflow.sim.clock import NS_PER_S, Clock
from mipflow.sim.trace import Mode
from mipflow.sim.trains.worth import CLOSED_NS, LOOK_NS, Worth


def pass_time(clock: Clock, ns: int, hops: int) -> None:
    clock.now += ns
    for _ in range(hops):
        next(clock.order)


def opens(worth: Worth, clock: Clock) -> bool:
    return worth.opens_ns() <= clock.now


def tick(argument: object) -> None:
    """Stand for a flow."""


@pytest.mark.parametrize(
    ("trace", "hops", "allowed"), [("off", 20, True), ("off", 21, False), ("all", 15, True), ("all", 16, False)]
)
def test_a_flow_boards_once_it_is_seen_that_others_have_few_packets(trace: Mode, hops: int, allowed: bool) -> None:
    clock = Clock()
    worth = Worth(clock, trace)
    assert not worth.knows(tick)
    worth.note(tick, 10 * NS_PER_S / LOOK_NS, 1 << 62)
    assert worth.knows(tick) and not opens(worth, clock), "nothing is seen yet"
    pass_time(clock, LOOK_NS, hops)
    assert opens(worth, clock) is allowed
    assert opens(worth, clock) is allowed, "for a while"


class Watched(Clock):
    """A clock that notes when somebody looks at how many packets there are."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: set[int] = set()

    @property
    def packet_events(self) -> int:
        self.looks.add(self.now)
        return super().packet_events


def test_flows_that_were_refused_wait_twice_as_long_each_time() -> None:
    clock = Watched()
    worth = Worth(clock, "off")
    worth.note(tick, 1, 1 << 62)
    for _ in range(40):
        pass_time(clock, LOOK_NS, 1000)
        assert not opens(worth, clock)
    assert sorted(clock.looks) == [0, *(LOOK_NS << doubled for doubled in range(6))]


def test_none_boards_for_long_where_trains_were_not_worth_it_nor_for_flows_that_have_ended() -> None:
    clock = Clock()
    worth = Worth(clock, "off")
    worth.note(tick, 1000, CLOSED_NS)
    pass_time(clock, LOOK_NS, 0)
    assert opens(worth, clock)
    worth.deny()
    pass_time(clock, CLOSED_NS - 1, 0)
    assert not opens(worth, clock)
    pass_time(clock, 1, 1)
    assert not opens(worth, clock), "nobody has any packets but others"
    worth.begin()
    assert not worth.knows(tick)
