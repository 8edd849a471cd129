"""Trains against events: the same hops in the same order, meters and counts, in networks that are full of ties."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.flow import plans
from mipflow.node.applications.application import Ends, Running
from mipflow.node.applications.apps import Voice
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.sim.trains.carrier import Trains
from mipflow.wire.address import Prefix
from tests.benchmarks.reference import mobile_world


@dataclass(frozen=True)
class Call:
    """A flow between two hosts, by their numbers; without `steady` it pauses, and never boards."""

    near: int
    far: int
    interval_ms: int
    octets: int
    start_ms: int
    both_ways: bool
    steady: bool


@dataclass(frozen=True)
class Plan:
    """A chain of routers with a host at each, its links, its calls, and what is done on the way."""

    links: tuple[Link, ...]
    calls: tuple[Call, ...]
    cuts_ms: tuple[int, ...]
    changes: tuple[tuple[int, int, Link], ...]


class Chain:
    """Hosts H0 to H3, each at a router of its own; the routers stand in a row."""

    def __init__(self, plan: Plan, trains: bool, trace: Mode) -> None:
        self.network = Network(1, trace)
        self.trains = Trains(self.network, plans) if trains else None
        routers = [Router(self.network, f"R{number}") for number in range(4)]
        self.hosts = []
        for number, router in enumerate(routers):
            if number:
                join_routers(self.network, routers[number - 1], router, plan.links[number % len(plan.links)])
            segment = self.network.add_segment(
                f"L{number}", plan.links[-number % len(plan.links)], Prefix.parse(f"2001:db8:{number + 1}::/64")
            )
            router.serve(segment)
            host = Host(self.network, f"H{number}")
            host.settle(segment, 5)
            self.hosts.append(host)
        self.running: list[Running] = []
        for number, call in enumerate(plan.calls, 1):
            near, far = self.hosts[call.near], self.hosts[call.far]
            app = Voice(call.interval_ms, call.octets, call.both_ways, call.start_ms / 1000)
            if not call.steady:
                app = replace(app, talk_s=0.1, pause_s=0.01)
            self.running.append(app.start(Ends(near, far, 1000 + number, 2000 + number, number)))
        self.seen: list[Any] = []
        for t_ms, number, link in plan.changes:
            segment = list(self.network.segments.values())[number % len(self.network.segments)]
            self.network.clock.at(t_ms * NS_PER_MS, lambda _, segment=segment, link=link: self._change(segment, link))

    def _change(self, segment: Any, link: Link) -> None:
        self.seen.append(self._counts())
        segment.configure(link)

    def _counts(self) -> Any:
        meters = {
            label: (m.sent, m.received, m.lost, m.mean_delay_ms, m.worst_delay_ms, m.longest_gap_ms)
            for label, m in self.network.meters.items()
        }
        return self.network.clock.now, meters, [running.received_bytes for running in self.running]

    def run(self, plan: Plan) -> Any:
        for cut_ms in plan.cuts_ms:
            self.network.run_until(cut_ms * NS_PER_MS)
            self.seen += [self._counts(), self.network.clock.packet_events, len(self.network.trace)]
        self.network.run_until(2 * NS_PER_S)
        return self.network.trace.digest(), self._counts(), self.network.clock.packet_events, self.seen


LINKS = st.builds(
    Link, delay_ms=st.sampled_from([0, 1, 5, 10, 20]), rate_bps=st.sampled_from([None, None, 1_000_000, 100_000_000])
)
CALLS = st.builds(
    Call, st.integers(0, 3), st.integers(0, 3), st.sampled_from([5, 10, 20, 40]), st.sampled_from([60, 172]),
    st.sampled_from([0, 1, 5, 10]), st.booleans(), st.sampled_from([True, True, False]),
).filter(lambda call: call.near != call.far)  # fmt: skip
PLANS = st.builds(
    Plan, st.lists(LINKS, min_size=1, max_size=3).map(tuple), st.lists(CALLS, min_size=1, max_size=6).map(tuple),
    st.lists(st.integers(1, 1999), max_size=3).map(lambda cuts: tuple(sorted(cuts))),
    st.lists(st.tuples(st.integers(100, 1900), st.integers(0, 6), LINKS), max_size=2).map(tuple),
)  # fmt: skip


@pytest.mark.parametrize("trace", ["all", "off"])
@given(plan=PLANS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_trains_do_what_events_do_where_times_tie(trace: Mode, plan: Plan) -> None:
    events, trains = Chain(plan, False, trace), Chain(plan, True, trace)
    assert trains.run(plan) == events.run(plan)


@pytest.mark.parametrize("trace", ["all", "off"])
@pytest.mark.parametrize("mode", ["tunnel", "route_optimisation", "triangular"])
def test_the_reference_work_is_the_same(mode: Any, trace: Mode) -> None:
    found = []
    for trains in (False, True):
        network, mn = mobile_world(mode, trace)
        if trains:
            Trains(network, plans)
        network.run_until(6 * NS_PER_S)
        mn.handover(1, "cell0")
        network.run_until(8 * NS_PER_S)
        meters = {label: (repr(m), m.mean_delay_ms, m.longest_gap_ms) for label, m in network.meters.items()}
        found.append((network.trace.digest(), meters, network.clock.packet_events))
    assert found[0] == found[1]


def test_flows_do_board() -> None:
    world = mf.figure2()
    world.mn.open(world.cn1, mf.apps.Voice())
    world.run(3)
    before, clock = world.network.clock.packet_events, world.network.clock
    numbers = int(repr(clock.order)[len("count(") : -1])
    world.run(10)
    drawn = int(repr(clock.order)[len("count(") : -1]) - numbers
    assert world.network.clock.packet_events - before > 9 * drawn, "few packets went through the heap"


def calls(world: mf.World, seconds: float) -> int:
    """How many functions are called in so many seconds of a world."""
    called = 0

    def count(frame: object, event: str, argument: Any) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    try:
        world.run(seconds)
    finally:
        sys.setprofile(None)
    return called


@pytest.mark.parametrize("trace", ["all", "off"])
def test_what_repeats_itself_is_not_computed_again(trace: Mode) -> None:
    called = []
    for seconds in (20, 40):
        world = mf.figure2(trace=trace, cns=1)
        for interval_ms in (20, 5, 4):
            world.mn.open(world.cn1, mf.apps.Voice(interval_ms, 160))
        world.run(3)
        before = world.hops
        called.append(calls(world, seconds))
        assert world.hops - before > 2900 * seconds
    assert called[1] - called[0] < 20 * 2900 / 8, "a call of a function for many hops"


@pytest.mark.parametrize("trace", ["all", "off"])
def test_no_flow_boards_where_others_have_most_of_the_packets(trace: Mode) -> None:
    numbers = []
    for trains in (True, False):
        world = mf.figure2(trace=trace, trains=trains)
        world.mn.open(world.cn1, mf.apps.Voice())
        world.mn.open(world.cn1, mf.apps.Video(2_000_000))
        world.run(6)
        numbers.append((repr(world.network.clock.order), world.network.clock.packet_events, world.trace.digest()))
    assert numbers[0] == numbers[1], "all packets went through the heap"


def test_a_socket_whose_application_does_more_than_count_is_asked_for_each_datagram() -> None:
    world = mf.figure2()
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(3)
    socket, heard = world.cn1._udp[5004], []
    socket.on_datagram = heard.append
    world.run(5)
    counted = flow.running.received_bytes // 172
    assert len(heard) == flow.stats.up.received - counted > 200
