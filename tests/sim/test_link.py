"""Links against closed forms: delay, serialisation, the queue, loss, jitter, up and down."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import TopologyError
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import LOST, ChannelName
from tests.sim.boxes import HEADERS, Box, Wire, datagram

MS = 1_000_000
SLOW = Link(delay_ms=3, rate_bps=8_000_000)
"""An octet takes a microsecond."""


def test_delay_and_serialisation() -> None:
    wire = Wire(Link(delay_ms=2.5, rate_bps=1_000_000))
    wire.send(7, 125)
    assert wire.run().b.times == [7 + MS + 2_500_000]


def test_without_a_rate_there_is_the_delay_alone() -> None:
    wire = Wire(Link(delay_ms=2.5, rate_bps=None))
    wire.send(0, 1500)
    wire.send(0, 1500)
    assert wire.run().b.times == [2_500_000, 2_500_000]
    assert wire.order == [1, 2]


def test_serialisation_rounds_to_the_nearest_nanosecond() -> None:
    wire = Wire(Link(delay_ms=0, rate_bps=3_000_000))
    wire.send(0, 100)
    assert wire.run().b.times == [round(100 * 8 / 3e6 * 1e9)]


arrivals = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(HEADERS, 1500)), min_size=1, max_size=60)


@given(arrivals)
def test_the_queue_is_lindleys(packets: list[tuple[int, int]]) -> None:
    wire, t, schedule = Wire(SLOW), 0, []
    for gap, size in packets:
        t += gap
        schedule.append((t, size))
        wire.send(t, size)
    wait, expected = 0, []
    for number, (t, size) in enumerate(schedule):
        if number:
            before, size_before = schedule[number - 1]
            wait = max(0, wait + size_before * 1000 - (t - before))
        expected.append(t + wait + size * 1000 + 3 * MS)
    assert wire.run().b.times == expected
    assert wire.order == list(range(1, len(packets) + 1))
    trace = wire.network.trace
    assert list(trace.arrived) == expected
    assert [hop.started_ns - hop.sent_ns for hop in trace] == [
        done - 3 * MS - size * 1000 - t for (t, size), done in zip(schedule, expected, strict=True)
    ]


@given(arrivals, st.integers(0, 6000))
def test_the_queue_limit_is_in_octets_still_to_be_sent(packets: list[tuple[int, int]], limit: int) -> None:
    wire, t = Wire(Link(delay_ms=3, rate_bps=8_000_000, queue_bytes=limit)), 0
    backlog, last, expected = 0.0, 0, []  # octets that are still to be sent, one a microsecond
    for number, (gap, size) in enumerate(packets, start=1):
        t += gap
        wire.send(t, size)
        backlog, last = max(0.0, backlog - (t - last) / 1000), t
        if backlog <= limit:
            expected.append(number)
            backlog += size
    wire.run()
    assert wire.order == expected
    assert wire.drops == ["queue full"] * (len(packets) - len(expected))


@pytest.mark.parametrize("rate", [3_000_000, 7_000_000, 2_000_003])
def test_a_queue_of_one_packet_holds_one_packet_at_any_rate(rate: int) -> None:
    wire = Wire(Link(delay_ms=0, rate_bps=rate, queue_bytes=1000))
    for _ in range(3):
        wire.send(0, 1000)
    assert wire.run().order == [1, 2]


def test_each_direction_has_its_own_queue() -> None:
    wire = Wire(SLOW)
    wire.send(0, 1500)
    wire.send(0, 100, backwards=True)
    wire.run()
    assert wire.b.times == [1500_000 + 3 * MS] and wire.a.times == [100_000 + 3 * MS]


def test_a_packet_that_does_not_fit_goes_back_to_the_sender_and_takes_no_time() -> None:
    wire = Wire(Link(delay_ms=1, rate_bps=8_000_000, mtu=1280))
    wire.send(0, 1281)
    wire.send(0, 1280)
    wire.run()
    assert [(packet.size, mtu) for packet, mtu in wire.a.refused] == [(1281, 1280)]
    assert wire.b.times == [1280_000 + MS]


@pytest.mark.parametrize("loss", [0.01, 0.1, 0.5])
def test_loss_is_a_ratio_and_takes_the_time_of_sending(loss: float) -> None:
    count = 20_000
    wire = Wire(Link(delay_ms=1, rate_bps=8_000_000, loss=loss))
    for number in range(count):
        wire.send(number * 100_000, 100)
    wire.run()
    lost = wire.drops.count("lost on the link")
    assert abs(lost - count * loss) < 5 * math.sqrt(count * loss * (1 - loss))
    assert len(wire.b.arrived) == count - lost
    assert list(wire.network.trace.arrived).count(LOST) == lost
    # Losses are independent: the number of losses right after a loss is as it should be.
    flags = [t == LOST for t in wire.network.trace.arrived]
    pairs = sum(a and b for a, b in itertools.pairwise(flags))
    assert abs(pairs - count * loss**2) < 6 * math.sqrt(count * loss**2)
    gaps = {b - a for a, b in zip(wire.network.trace.started, list(wire.network.trace.started)[1:], strict=False)}
    assert gaps == {100_000}


def test_everything_is_lost_at_one_and_nothing_at_zero() -> None:
    for loss, arrived in ((1.0, 0), (0.0, 50)):
        wire = Wire(Link(loss=loss))
        for number in range(50):
            wire.send(number)
        assert len(wire.run().b.arrived) == arrived


@given(st.lists(st.integers(0, 400_000), min_size=2, max_size=80), st.floats(0.1, 30))
def test_jitter_never_reorders_and_stays_in_its_bounds(gaps: list[int], jitter_ms: float) -> None:
    wire, t = Wire(Link(delay_ms=5, rate_bps=None, jitter_ms=jitter_ms)), 0
    sent = []
    for gap in gaps:
        t += gap
        sent.append(t)
        wire.send(t)
    wire.run()
    assert wire.order == list(range(1, len(gaps) + 1))
    for t, arrived in zip(sent, wire.b.times, strict=True):
        assert t + 5 * MS <= arrived
    assert max(wire.b.times) <= sent[-1] + 5 * MS + math.ceil(jitter_ms * MS)


def test_jitter_reorders_where_that_is_asked_for_and_is_uniform() -> None:
    count = 5000
    wire = Wire(Link(delay_ms=5, rate_bps=None, jitter_ms=10, reorder=True))
    for number in range(count):
        wire.send(number * MS)
    wire.run()
    assert wire.order != sorted(wire.order) and sorted(wire.order) == list(range(1, count + 1))
    extra = sorted(
        arrived - 5 * MS - (number - 1) * MS for arrived, number in zip(wire.b.times, wire.order, strict=True)
    )
    assert extra[0] >= 0 and extra[-1] <= 10 * MS
    assert all(abs(extra[count * k // 10] / MS - k) < 0.4 for k in range(10))


def test_no_reordering_when_jitter_is_taken_away() -> None:
    wire = Wire(Link(delay_ms=5, rate_bps=None, jitter_ms=50), seed=3)
    for number in range(20):
        wire.send(number)
    wire.network.run_until(MS)
    wire.segment.configure(Link(delay_ms=5, rate_bps=None, jitter_ms=0.001))
    wire.send(2 * MS)
    wire.run()
    assert wire.order == list(range(1, 22))


def test_duplication() -> None:
    count = 4000
    wire = Wire(Link(delay_ms=1, duplication=0.25))
    for number in range(count):
        wire.send(number * MS)
    wire.run()
    extra = len(wire.b.arrived) - count
    assert abs(extra - count * 0.25) < 5 * math.sqrt(count * 0.25 * 0.75)
    assert set(wire.order) == set(range(1, count + 1))
    assert len({id(packet) for _, packet in wire.b.arrived}) == len(wire.b.arrived), (
        "a packet is in one place at a time"
    )


# --- up, down, taps --------------------------------------------------------------------------------------------------


def test_a_link_that_goes_down_drops_new_packets_and_delivers_those_under_way() -> None:
    wire = Wire(Link(delay_ms=10))
    wire.send(0)
    wire.network.clock.at(5 * MS, lambda _: wire.segment.set_up(False))
    wire.send(6 * MS)
    wire.network.clock.at(7 * MS, lambda _: wire.segment.set_up(True))
    wire.send(8 * MS)
    wire.run()
    assert wire.order == [1, 3]
    assert wire.drops == ["link down"]


@pytest.mark.parametrize("end", ["a", "b"])
def test_a_port_that_is_down(end: str) -> None:
    wire = Wire()
    getattr(wire, end).up = False
    wire.segment.refresh()
    wire.send(0)
    wire.run()
    assert wire.order == [] and wire.drops == ["link down"]


def test_a_tap_sees_and_may_drop() -> None:
    wire, seen = Wire(), []

    def tap(packet: object, now: int) -> str | None:
        seen.append(now)
        return "eaten" if now == 5 else None

    wire.segment.tap(tap)
    for t in (3, 5, 9):
        wire.send(t)
    wire.run()
    assert seen == [3, 5, 9] and wire.order == [1, 3] and wire.drops == ["eaten"]


def test_new_properties_of_a_link_count_for_later_packets() -> None:
    wire = Wire(Link(delay_ms=10, rate_bps=None))
    wire.send(0)
    wire.network.clock.at(1, lambda _: wire.segment.configure(Link(delay_ms=20, rate_bps=None)))
    wire.send(2)
    assert wire.run().b.times == [10 * MS, 20 * MS + 2]


def test_packets_are_counted_in_meters_where_they_are_lost() -> None:
    wire = Wire(Link(loss=1.0))
    wire.send(0)
    wire.run()
    assert wire.network.meters[1].lost == 1


# --- ends and bad calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"delay_ms": -1}, "delay_ms=-1"), ({"rate_bps": 0}, "rate_bps=0"),
        ({"rate_bps": -5}, "rate_bps=-5"), ({"mtu": 1279}, "mtu=1279"),
        ({"loss": 1.5}, "probabilities"), ({"duplication": 2.0}, "probabilities"),
        ({"queue_bytes": -1}, "queue_bytes=-1"),
        ({"jitter_ms": -0.1}, "jitter_ms=-0.1"), ({"loss": float("nan")}, "loss=nan"),
        ({"delay_ms": float("inf")}, "delay_ms=inf"),
    ],
)  # fmt: skip
def test_impossible_links_are_refused(wrong: dict[str, float], word: str) -> None:
    with pytest.raises(TopologyError, match=word):
        Link(**wrong)  # type: ignore[arg-type]


def test_a_port_is_on_a_segment_once_and_channels_are_between_its_ports() -> None:
    wire = Wire()
    with pytest.raises(TopologyError, match="on wire already"):
        wire.segment.attach(wire.a)
    wire.segment.detach(wire.b)
    with pytest.raises(TopologyError, match="not on wire"):
        wire.segment.detach(wire.b)
    with pytest.raises(TopologyError, match=r"no way from a.eth0 to b.eth0"):
        wire.segment.channel(wire.a, wire.b)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.booleans()), max_size=30))
def test_each_direction_has_the_number_of_its_name_whoever_came_and_went(steps: list[tuple[int, int, bool]]) -> None:
    """The names, made when they are read, are those that would be written down whenever a port joins."""
    network = Network()
    boxes = [Box(f"box{number}", network) for number in range(5)]
    segments = [network.add_segment(name, Link()) for name in ("one", "two")]
    written, newest = [], {}
    for number, (on, who, is_read) in enumerate(steps):
        segment, box = segments[on], boxes[who]
        if box in segment.ports:
            segment.detach(box)
        else:
            for other in segment.ports:
                for sender, receiver in ((box, other), (other, box)):
                    newest[segment, sender, receiver] = len(written)
                    written.append(ChannelName(segment.name, sender.owner, "eth0", receiver.owner, "eth0"))
            segment.attach(box)
        for segment in segments if is_read or number == len(steps) - 1 else ():
            for sender, receiver in itertools.permutations(segment.ports, 2):
                assert segment.channel(sender, receiver).number == newest[segment, sender, receiver]
            assert network.trace.channels == written


def test_one_link_does_not_touch_the_randomness_of_another() -> None:
    """The packets that link one loses are the same, whatever happens on link two."""

    def lost_on_one(loss_on_two: float) -> list[int]:
        wire = Wire(Link(loss=0.3))
        two = wire.network.add_segment("two", Link(loss=loss_on_two))
        ends = (wire.a, wire.b)
        for port in ends:
            two.attach(port)
        for number in range(200):
            wire.send(number * MS)
            packet = datagram(100, 1000 + number)
            wire.network.clock.at(number * MS, lambda _, packet=packet: two.channel(*ends).send(packet))
        wire.run()
        return [number for number in wire.order if number < 1000]

    assert lost_on_one(0.0) == lost_on_one(0.9)


def test_packets_under_way_to_a_port_that_leaves_are_lost_and_its_own_still_arrive() -> None:
    wire = Wire(Link(delay_ms=10, rate_bps=None))
    wire.send(0)
    wire.send(0, backwards=True)
    wire.network.clock.at(5_000_000, lambda _: wire.segment.detach(wire.b))
    wire.run()
    assert (len(wire.a.arrived), len(wire.b.arrived)) == (1, 0)
    assert wire.drops == ["b has left the link"]
