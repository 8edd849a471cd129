"""Meters: packets of a flow that were sent, received, lost or are in flight."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mipflow.node.fragments import cut
from mipflow.sim.link import Link
from mipflow.sim.meter import Meter
from mipflow.wire.packet import UDP, FragmentHeader, Packet
from tests.sim.boxes import A, B, Wire


def packet(sent_ns: int = 0, fragment: int | None = None) -> Packet:
    headers = () if fragment is None else (FragmentHeader(0, True, fragment),)
    return Packet(A, B, UDP(1, 2), extensions=headers, label=1, sent_ns=sent_ns)


def test_a_new_meter_counts_nothing_and_has_no_delays() -> None:
    meter = Meter()
    assert (meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms) == (None, None, None)
    meter.arrived(packet(), 1_000_000)
    assert (meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms) == (1.0, 1.0, None)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8)), min_size=2, max_size=40))
def test_delays_and_gaps_by_definition(arrivals: list[tuple[int, int]]) -> None:
    arrivals.sort()
    meter = Meter()
    for arrived, delay in arrivals:
        meter.arrived(packet(arrived - delay), arrived)
    delays = [delay for _, delay in arrivals]
    times = [arrived for arrived, _ in arrivals]
    assert meter.received == len(arrivals)
    assert abs(meter.mean_delay_ms - sum(delays) / len(delays) / 1e6) < 1e-9  # type: ignore[operator]
    assert meter.worst_delay_ms == max(delays) / 1e6
    assert meter.longest_gap_ms == max(b - a for a, b in itertools.pairwise(times)) / 1e6


def test_fragments_of_one_datagram_are_lost_once() -> None:
    meter = Meter()
    for number in (1, 1, 1, 2):
        meter.dropped(packet(fragment=number), "R1: queue full")
    meter.dropped(Packet(A, B, packet(fragment=2)), "R1: link down")  # another piece of the second one, in a tunnel
    meter.dropped(packet(), "R2: no route to ::1")
    assert meter.lost == 3 and meter.lost_why == {"R1: queue full": 2, "R2: no route to ::1": 1}


def test_a_piece_that_is_cut_once_more_belongs_to_its_datagram() -> None:
    """A tunnel may cut a fragment again: the pieces have numbers of their own, and nobody looks into their octets."""
    meter = Meter()
    for number in (1, 2):
        whole = Packet(A, B, UDP(1, 2, bytes(2600)), label=1)
        for place, piece in enumerate(cut(whole, 1280, number)):
            for outer in cut(Packet(B, A, piece, label=1), 1280, 10 * number + place):
                meter.dropped(outer, "link: queue full")
    assert meter.lost == 2


def test_in_flight() -> None:
    meter = Meter()
    meter.sent = 5
    meter.arrived(packet(), 1)
    meter.dropped(packet(), "MN: wlan0 is down")
    assert meter.in_flight == 3


def test_a_packet_that_the_network_doubles_is_one_packet() -> None:
    """Received never exceeds sent, and a packet that is neither received nor lost is in flight."""
    wire = Wire(Link(delay_ms=1, duplication=0.5, loss=0.3))
    meter = wire.network.meters[1]
    count = 1000
    for number in range(count):
        wire.send(number * 1_000_000)
    meter.sent = count
    wire.run()
    for arrived, received in wire.b.arrived:
        if received.label:
            meter.arrived(received, arrived)
    assert len(wire.b.arrived) > meter.received, "copies do arrive"
    assert meter.received + meter.lost == count and meter.in_flight == 0


@given(st.lists(st.integers(0, 99), min_size=1, max_size=9), st.integers(1, 5))
def test_packets_that_arrive_again_count_like_those_that_arrive_one_by_one(offsets: list[int], count: int) -> None:
    times = [1000 + offset for offset in sorted(offsets)]
    delays = [offset * 7 % 50 for offset in offsets]
    quick, slow = Meter(), Meter()
    quick.arrived_in_order(times, delays)
    quick.arrived_in_order([t + 100 for t in times], delays, count, 100)
    for number in range(count + 1):
        for t, delay in zip(times, delays, strict=True):
            slow.arrived(packet(t + 100 * number - delay), t + 100 * number)
    for name in Meter.__slots__:
        assert getattr(quick, name) == getattr(slow, name), name
