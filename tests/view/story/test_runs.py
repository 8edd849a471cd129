"""Runs of flows over one interface, their delays and their losses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.sim.trace import LOST, Trace
from mipflow.view.story.runs import Run, delays, losses, runs
from mipflow.view.story.streams import Stream
from mipflow.view.story.trips import trips
from tests.sim.boxes import add_channel
from tests.view.told import CALL, MS, VIDEO, S, handover

STORY, AT = handover()
TRACE = STORY.trace()


def used(start_ns: int = 11 * S) -> list[Run]:
    """Return the runs of the flows: the interface that each used, and when."""
    return runs(TRACE, start_ns, 14 * S, "MN")


def test_runs_say_when_a_flow_used_which_interface() -> None:
    found = used()
    assert {(run.flow, run.upward) for run in found} == {(CALL, True), (VIDEO, True)}
    video = [run for run in found if run.flow == VIDEO]
    assert [(run.interface, run.tunnelled) for run in video] == [("wlan0", False), ("wlan0", True), ("cell0", False)]
    assert AT.update_sent < video[1].from_ns <= AT.update_sent + 4 * MS
    assert AT.acknowledged < video[2].from_ns <= AT.acknowledged + 4 * MS
    assert {run.interface for run in found if run.flow == CALL} == {"wlan0"}


def test_runs_have_the_packets_that_the_trips_have() -> None:
    """The witness looks at each trip by itself."""
    for run in used():
        label = run.flow if run.upward else -run.flow
        own = [trip for trip in trips(TRACE, 11 * S, 14 * S) if trip.packet.label == label]
        inside = [trip for trip in own if run.from_ns <= trip.started_ns <= run.to_ns]
        assert list(run.sent.firsts) == [trip.numbers[0] for trip in inside] and run.packets == len(inside)
        assert {(trip.interface, trip.tunnelled) for trip in inside} == {(run.interface, run.tunnelled)}


def test_of_two_directions_that_with_most_packets_counts() -> None:
    trace = Trace()
    for name in TRACE.channels:
        add_channel(trace, name)
    for number, hop in enumerate(TRACE):
        if TRACE.packets[number].unsealed().label <= 0:
            trace.hop(TRACE.packets[number], TRACE.channel[number], hop.sent_ns, hop.started_ns, hop.arrived_ns)
    (run,) = runs(trace, 11 * S, 14 * S, "MN")
    assert not run.upward
    began = min(trip.legs[-1].started_ns for trip in trips(trace, 11 * S, 14 * S) if trip.started_ns >= 11 * S)
    assert run.from_ns == began  # as they come, not as they leave


def test_delays_are_those_of_packets_that_arrived() -> None:
    found = {flow: set(delays(run for run in used() if run.flow == flow).delay_ns) for flow in (CALL, VIDEO)}
    assert found == {CALL: {24 * MS}, VIDEO: {24 * MS, 44 * MS, 45 * MS}}
    lost = [len(run.delays.delay_ns) - run.packets for run in used() if run.flow == VIDEO]
    assert lost == [0, 0, -2]


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3) | st.just(LOST)), max_size=8), max_size=3))
def test_delays_come_by_when_the_packets_were_made(sent: list[list[tuple[int, int]]]) -> None:
    found = []
    for own in sent:
        stream = Stream.empty()
        stream.made_ns.extend(made for made, _ in own)
        stream.ended_ns.extend(made + took if took != LOST else LOST for made, took in own)
        found.append(Run(1, True, "wlan0", False, 0, 9, stream))
    came = [(made, took) for own in sent for made, took in own if took != LOST]
    assert list(zip(*delays(found), strict=True)) == sorted(came, key=lambda each: each[0])


def test_losses_belong_to_flows() -> None:
    lost = losses(TRACE, 11 * S, 14 * S)
    assert [record.packet.flow for record in lost] == [VIDEO, VIDEO]
    assert losses(TRACE, 11 * S, 12 * S) == []
