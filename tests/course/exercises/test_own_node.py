"""A learner's Figures 4 and 5 and handover inside the mobile node, which does as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.course.exercises.own_node import OwnNode, OwnNodeView, Row, wrong_updates, wrong_way
from mipflow.lab.world import World


def assign(flow: Any, homes: list[str], flows: list[Any], allocate: Callable[[], str]) -> str:
    for home in reversed(homes):
        if all((other.cn, other.home) != (flow.cn, home) for other in flows):
            return home
    homes.append(allocate())
    return homes[-1]


def outgoing(packet: Any, mn: OwnNodeView) -> Any:
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.destination, mn.assign(packet.destination), mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of


def incoming(packet: Any, mn: OwnNodeView) -> None:
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.source, packet.destination, mn.choose())
    mn.up(packet)


def handover(flow: Row, care_of: str, flows: list[Row]) -> list[Any]:
    flow.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def phone(**functions: Callable[..., Any]) -> tuple[OwnNode, World]:
    """Run a call and a video with CN1 on these functions until they are bound."""
    usual: dict[str, Any] = {"assign": assign, "outgoing": outgoing, "incoming": incoming, "handover": handover}
    own = OwnNode(**{**usual, **functions})
    world = mf.figure2(seed=7, reuse_tokens=False, assign=own.assign, handover=own.handover)
    own.join(world)
    return own, opened(world)


def opened(world: World) -> World:
    world.run(2.5)
    for app in (mf.apps.Voice(), mf.apps.Video()):
        world.mn.open(world.cn1, app)
        world.run(2)
    return world


def sent_lost(world: World, number: int) -> tuple[int, int]:
    """Return how many packets of a flow the mobile node sends in a second from now, and how many of them are lost."""
    up = world.flows()[number - 1].stats.up
    before = up.sent, up.lost
    world.run(1)
    return up.sent - before[0], up.lost - before[1]


def test_right_functions_change_no_packet() -> None:
    own, world = phone()
    usual = opened(mf.figure2(seed=7, reuse_tokens=False))
    for each in (world, usual):
        each.mn.handover(2, "cell0")
        each.run(2)
        flow = each.mn.accept(each.cn2, mf.apps.Voice())
        each.run(2)
        assert flow.home_address == each.mn.primary_home_address
    assert world.trace.digest() == usual.trace.digest() and own.failed == ""
    assert [row.values for row in own.mn.flows.values()] == [
        ("CN1", "H@1", "CoA wlan0"), ("CN1", "H@2", "CoA cell0"), ("CN2", "H@1", "CoA wlan0"),
    ]  # fmt: skip


def test_an_address_not_written_down_is_asked_for_again() -> None:
    own, world = phone(assign=lambda flow, homes, flows, allocate: "H@1" if not flows else allocate())
    assert own.homes == ["H@1"] and own.mn.flows[2].home == "H@2" and world.flows()[1].home_address is not None


def test_packets_leave_as_the_table_says_and_a_correspondent_drops_unknown_senders() -> None:
    def told_and_not_written(flow: Row, care_of: str, flows: list[Row]) -> list[Any]:
        return [(flow.cn, flow.home, care_of)]

    _, world = phone(handover=told_and_not_written)
    world.mn.handover(2, "cell0")
    world.run(1)
    sent, lost = sent_lost(world, 2)
    assert sent == lost > 0  # the video's reports leave by wlan0, where CN1 has no row for H@2 any more
    assert sent_lost(world, 1)[1] == 0


def test_a_packet_that_is_not_handed_up_is_dropped_with_that_reason() -> None:
    own, world = phone(incoming=lambda packet, mn: mn.up(packet) if mn.separate(packet) == 1 else None)
    reasons = {drop.reason for drop in world.trace.drops()}
    assert reasons == {"your incoming() did not hand it up"} == {own.failed}
    assert {drop.packet.innermost().flow for drop in world.trace.drops()} == {2} and sent_lost(world, 1)[1] == 0


def test_a_packet_that_is_not_sent_is_dropped_with_that_reason() -> None:
    own, world = phone(outgoing=lambda packet, mn: outgoing(packet, mn) if len(mn.went_up) < 1 else None)
    assert own.failed == "your outgoing() did not send it"
    assert own.failed in {drop.reason for drop in world.trace.drops()}


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("outgoing", lambda packet, mn: 1 / 0, "your outgoing() raised ZeroDivisionError"),
        ("outgoing", lambda packet, mn: ("CoA wlan0", "CoA wlan0"), "gave 'CoA wlan0' as home address"),
        ("outgoing", lambda packet, mn: 5, "expected a home address and a care-of address"),
        ("outgoing", lambda packet, mn: setattr(mn, "flows", None), "mn.flows is None; it is the table"),
        ("incoming", lambda packet, mn: mn.flows.update({1: 7}), "mn.flows[1] is 7; expected Row("),
        ("handover", lambda flow, care_of, flows: 5, "expected a list of updates"),
        ("handover", lambda flow, care_of, flows: [("CN9", flow.home, care_of)], "nobody can be told ('CN9', 'H@2', "),
        ("handover", lambda flow, care_of, flows: [(flow.cn, care_of, flow.home)], "told ('CN1', 'CoA cell0', 'H@2')"),
        ("assign", lambda flow, homes, flows, allocate: "H@9", "your outgoing() raised FunctionFailed"),
    ],
)  # fmt: skip
def test_a_failure_is_told_once_and_the_world_runs_on(name: str, function: Any, words: str) -> None:
    own, world = phone(**{name: function})
    world.mn.handover(2, "cell0")
    world.run(1)
    assert words in own.failed
    assert own.failed.count("your ") <= 2


def test_a_table_without_the_flow_has_nothing_to_move() -> None:
    own, world = phone(outgoing=lambda packet, mn: ("H@1", mn.choose()), incoming=lambda packet, mn: mn.up(packet))
    assert world.mn.handover(1, "cell0") == []
    assert own.failed == "your table has no row for flow 1: there is nothing to move"


@pytest.mark.parametrize(
    "bad", [5, ("H@1",), ("H@1", 5), ("H@1", "CoA wlan0", "CN1"), "H@1", [None, None], {"H@1": "CoA wlan0"}]
)
def test_a_way_is_two_names(bad: object) -> None:
    view = OwnNodeView({}, str, str)
    assert "expected a home address and a care-of address" in wrong_way(bad, None, view)
    assert wrong_way(None, None, view) == wrong_way(["H@1", "CoA wlan0"], None, view) == ""


@pytest.mark.parametrize("number", [True, "1", 1.0, None])
def test_a_row_stands_under_the_number_of_its_flow(number: Any) -> None:
    view = OwnNodeView({number: Row("CN1", "H@1", "CoA wlan0")}, str, str)
    assert view.wrong() == f"mn.flows has a row {number!r}; expected the number that mn.separate(packet) gives"


@pytest.mark.parametrize("bad", [5, "CN1", [5], [("CN1", "H@1")], [("CN1", "H@1", 5)], ["abc"], {"CN1": 1}])
def test_updates_are_triples_of_names(bad: object) -> None:
    assert "expected a list of updates" in wrong_updates(bad, None, None, [])
    assert wrong_updates(None, None, None, []) == wrong_updates([["HA", "H@1", "CoA wlan0"]], None, None, []) == ""
