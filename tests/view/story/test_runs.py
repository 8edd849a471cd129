"""Runs of flows over one interface, their delays and their losses."""

from __future__ import annotations

from mipflow.view.story.runs import Run, arrived, losses, runs
from mipflow.view.story.trips import trips
from tests.view.told import CALL, MS, VIDEO, S, handover

STORY, AT = handover()
TRACE = STORY.trace()


def used() -> list[Run]:
    """Return the runs of the flows: the interface that each used, and when."""
    return runs(TRACE, trips(TRACE, 11 * S, 14 * S), "MN")


def test_runs_say_when_a_flow_used_which_interface() -> None:
    found = used()
    assert {(run.flow, run.upward) for run in found} == {(CALL, True), (VIDEO, True)}
    video = [run for run in found if run.flow == VIDEO]
    assert [(run.interface, run.tunnelled) for run in video] == [("wlan0", False), ("wlan0", True), ("cell0", False)]
    assert AT.update_sent < video[1].from_ns <= AT.update_sent + 4 * MS
    assert AT.acknowledged < video[2].from_ns <= AT.acknowledged + 4 * MS
    assert {run.interface for run in found if run.flow == CALL} == {"wlan0"}


def test_the_road_of_a_run() -> None:
    video = [run for run in used() if run.flow == VIDEO]
    assert [run.trips[0].nodes for run in video] == [
        ["MN", "AR2", "Internet", "CN1"],
        ["MN", "AR2", "Internet", "HA", "Internet", "CN1"],
        ["MN", "AR3", "Internet", "CN1"],
    ]
    down = [trip for trip in trips(TRACE, 11 * S, 14 * S) if trip.packet.label < 0]
    (run,) = runs(TRACE, down, "MN")
    assert not run.upward
    assert run.trips[0].nodes == ["CN1", "Internet", "AR2", "MN"]


def test_delays_are_those_of_packets_that_arrived() -> None:
    found = {flow: {trip.arrived_ns - trip.packet.sent_ns for trip in own} for flow, own in arrived(used()).items()}
    assert found == {CALL: {24 * MS}, VIDEO: {24 * MS, 44 * MS, 45 * MS}}


def test_losses_belong_to_flows() -> None:
    lost = losses(TRACE, 11 * S, 14 * S)
    assert [record.packet.flow for record in lost] == [VIDEO, VIDEO]
    assert losses(TRACE, 11 * S, 12 * S) == []
