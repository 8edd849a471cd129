"""The packets of flows in columns. The witness reads the trace packet by packet (`trips`)."""

from __future__ import annotations

from random import Random

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.sim.trace import Trace
from mipflow.view.story.streams import Stream, Streams, streams
from mipflow.view.story.trips import Trip, trips
from tests.sim.boxes import add_channel
from tests.view.told import CALL, MS, VIDEO, S, handover

Rows = list[tuple[int, ...]]


def rows(stream: Stream) -> Rows:
    """Return a stream trip by trip."""
    return list(zip(*stream, strict=True))


def witness(trace: Trace, found: list[Trip]) -> dict[int, Rows]:
    """Return what the columns should say of some trips."""
    said: dict[int, Rows] = {}
    for trip in found:
        if label := trip.packet.label:
            near = trip.legs[0 if label > 0 else -1]
            way = 2 * trace.channel[near.number] + near.tunnelled
            row = (trip.numbers[0], trip.numbers[-1], trip.packet.sent_ns, trip.arrived_ns, way)
            said.setdefault(label, []).append(row)
    return said


def busy(mode: str = "route_optimisation") -> World:
    """Return a world with a call, a video that moves, and a file over a link that loses packets."""
    world = mf.figure2(seed=7, mode=mode, links={"cell0": mf.Link(20, rate_bps=3_000_000, loss=0.03)})
    world.mn.open(world.cn1, mf.apps.Voice(start_s=2.5))
    world.mn.open(world.cn2, mf.apps.Video(start_s=2.5))
    world.mn.open(world.cn1, mf.apps.FileTransfer(start_s=2.5))
    return world.run(3)


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_the_columns_say_what_each_trip_says(mode: str) -> None:
    world = busy(mode)
    world.mn.handover(2, "cell0")
    world.run(1)
    found = streams(world.trace)
    said = witness(world.trace, trips(world.trace, 0, 4 * S))
    assert {label: rows(stream) for label, stream in found.items()} == said
    assert len(said) == 6 and found.over_tcp == {3, -3}


def test_reading_on_finds_what_reading_at_once_finds() -> None:
    world = busy("tunnel")
    for step in range(40):
        if step == 20:
            world.mn.handover(3, "cell0")
        world.run(0.0137)
        at_once = Streams()
        at_once.look(world.trace, 0, len(world.trace))
        read_on = streams(world.trace)
        assert {label: rows(stream) for label, stream in read_on.items()} == {
            label: rows(stream) for label, stream in at_once.items()
        }


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_a_look_at_a_window_finds_what_a_look_at_all_finds_and_no_more(mode: str) -> None:
    world = busy(mode)
    world.mn.handover(2, "cell0")
    trace, whole, kept = world.run(1).trace, Streams(), Streams()
    whole.look(trace, 0, len(trace))
    random, known = Random(7), range(0)
    for first, end in [sorted(random.choices(range(len(trace) + 1), k=2)) for _ in range(60)] + [(0, len(trace))]:
        kept.look(trace, first, end)
        touches = first <= known.stop and end >= known.start
        known = range(min(first, known.start), max(end, known.stop)) if touches else range(first, end)
        for label, stream in whole.items():
            own = [row for row in rows(stream) if row[0] in known]
            assert rows(kept.get(label, Stream.empty())) == own


def test_a_look_at_a_window_reads_on_when_the_trace_has_grown() -> None:
    world, kept, random = busy("tunnel"), Streams(), Random(7)
    for _ in range(40):
        world.run(0.0137)
        trace, at_once = world.trace, Streams()
        at_once.look(trace, 0, len(trace))
        first, end = sorted(random.choices(range(len(trace) * 9 // 10, len(trace) + 1), k=2))
        kept.look(trace, first, end)
        for label, stream in at_once.items():
            assert [row for row in rows(stream) if first <= row[0] < end] == [
                row for row in rows(kept.get(label, Stream.empty())) if first <= row[0] < end
            ]


def test_a_packet_that_lost_its_label_meanwhile_is_of_no_flow() -> None:
    """A link that duplicates takes the label off one of the two, which earlier hops have recorded already."""
    story, _ = handover()
    whole, part = story.trace(), Trace()
    for name in whole.channels:
        add_channel(part, name)
    begun = next(trip for trip in trips(whole, 11 * S, 12 * S) if trip.packet.label == CALL)
    for number, hop in enumerate(whole):
        if number == begun.numbers[1]:
            assert begun.packet.sent_ns in streams(part)[CALL].made_ns
            begun.packet.unlabel()
        part.hop(whole.packets[number], whole.channel[number], hop.sent_ns, hop.started_ns, hop.arrived_ns)
        if number > begun.numbers[1] + 200:
            break
    assert begun.packet.sent_ns not in streams(part)[CALL].made_ns


def calls(mode: str = "route_optimisation") -> World:
    """Return a world with calls that are computed as trains, and a handover."""
    world = mf.figure2(seed=7, mode=mode)
    flows = [world.mn.open(world.cn1, mf.apps.Voice(interval_ms)) for interval_ms in (20, 20, 30)]
    world.run(8)
    world.mn.handover(flows[0], "cell0")
    return world.run(6.321)


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_trips_that_are_alike_are_found_without_making_their_packets(mode: str) -> None:
    trace = calls(mode).trace
    found = {label: rows(stream) for label, stream in streams(trace).items()}
    unmade = sum(packet is None for packet in trace.unmade)
    assert unmade > len(trace) / 2
    assert found == witness(trace, trips(trace, 0, 15 * S)) and len(found) == 6


def test_trips_that_are_alike_are_found_in_windows_and_as_the_trace_grows() -> None:
    world, random, kept = calls("tunnel"), Random(7), Streams()
    for step in range(12):
        if step == 6:
            assert None not in world.trace.packets, "all are made: there is nothing alike any more"
        trace, whole = world.run(1.437).trace, Streams()
        first, end = sorted(random.choices(range(len(trace) + 1), k=2))
        kept.look(trace, first, end)
        looked = {label: [row for row in rows(stream) if first <= row[0] < end] for label, stream in kept.items()}
        whole.look(trace, 0, len(trace))
        expected = {label: [row for row in rows(stream) if first <= row[0] < end] for label, stream in whole.items()}
        assert {label: own for label, own in looked.items() if own} == {
            label: own for label, own in expected.items() if own
        }
    assert {label: rows(stream) for label, stream in whole.items()} == witness(trace, trips(trace, 0, 60 * S))


@pytest.mark.parametrize("start_ms", [11_000, 11_990, 12_001, 12_135])
@pytest.mark.parametrize("length_ms", [0, 1, 40, 700])
def test_what_began_between_two_times(start_ms: int, length_ms: int) -> None:
    story, _ = handover()
    trace, start_ns, end_ns = story.trace(), start_ms * MS, (start_ms + length_ms) * MS
    found = trips(trace, start_ns, end_ns)
    for under_way in (False, True):
        own = [trip for trip in found if under_way or trip.started_ns >= start_ns]
        between = ((label, each.between(trace, start_ns, end_ns, under_way=under_way)) for label, each in
                   streams(trace).items())  # fmt: skip
        assert {label: rows(each) for label, each in between if each.firsts} == witness(trace, own)
    assert {CALL, VIDEO} <= {abs(label) for label in streams(trace)}


def test_a_trace_that_has_forgotten_its_hops_is_read_anew() -> None:
    world = busy()
    assert len(streams(world.trace)[1].firsts) > 20
    world.trace.forget()
    assert not streams(world.trace) and trips(world.trace, 0, 9 * S, data=False) == []
    world.run(0.5)
    assert {label: rows(stream) for label, stream in streams(world.trace).items()} == witness(
        world.trace, trips(world.trace, 0, 9 * S)
    )


@pytest.mark.parametrize("trains", [True, False], ids=["trains", "events"])
@pytest.mark.parametrize("mode", ["route_optimisation", "triangular", "tunnel"])
def test_each_packet_that_a_meter_counts_is_one_trip_of_that_delay(mode: str, trains: bool) -> None:
    """The end of a tunnel passes a copy on, in a trace: it is the same packet, on its way to where it ends."""
    world = mf.figure2(mode=mode, trains=trains).run(3)
    for app in (mf.apps.Voice(duration_s=4), mf.apps.Video(duration_s=4), mf.apps.FileTransfer(100_000)):
        world.mn.open(world.cn1, app)
    world.run(9)
    found = streams(world.trace)
    assert len(found) == 6
    for label, stream in found.items():
        meter, delays = world.network.meters[label], [b - a for _, _, a, b, _ in rows(stream)]
        assert (meter.in_flight, meter.lost, meter.received) == (0, 0, len(delays))
        assert meter.mean_delay_ms == pytest.approx(sum(delays) / len(delays) / MS, rel=1e-12)
        assert meter.worst_delay_ms == max(delays) / MS


def test_copies_that_arrive_at_one_instant_are_told_apart() -> None:
    """Datagrams that are alike, made and handed on at one time, which nothing but their order tells apart."""
    links = {name: mf.Link(5, rate_bps=None) for name in ("wlan0", "AR2-Internet", "Internet-HA", "home", "cn1")}
    world = mf.figure2(mode="tunnel", links=links, trains=False).run(3)
    flow = world.mn.open(world.cn1, mf.apps.Voice(duration_s=0.01))
    world.run(4)
    _, port, cn, cn_port = next(iter(flow.conversations))
    socket, payload = world.mn._udp[port, (cn, cn_port)], bytes(100)
    before = world.network.clock.now
    for _ in range(5):
        socket.send(payload)
    world.run(1)
    alike = [trip for trip in trips(world.trace, before, 9 * S) if trip.packet.label == flow.id]
    assert [trip.receiver for trip in alike] == ["CN1"] * 5
    assert len({number for trip in alike for number in trip.numbers}) == sum(len(trip.numbers) for trip in alike)
    found = streams(world.trace)[flow.id].between(world.trace, before, 9 * S)
    assert len(found.firsts) == 5 and len(set(found.lasts)) == 5
