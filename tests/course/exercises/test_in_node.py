"""A learner's `assign` inside the simulated mobile node, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.course.exercises.in_node import FlowRow, Fresh, InNode
from mipflow.errors import ProtocolMisuse
from mipflow.lab.world import World
from mipflow.sim.trace import Decided


def served(assign: Callable[..., Any], cns: str) -> tuple[list[str], InNode, World]:
    """Return the home addresses of flows to these correspondents, opened two seconds apart."""
    mine = InNode(assign)
    world = mf.figure2(seed=3, assign=mine).run(2.5)
    mine.cns = {cn.address: cn.name for cn in world.cns}
    for cn in cns:
        world.mn.open(world.cns[int(cn) - 1], mf.apps.Voice(interval_ms=500))
        world.run(2)
    names = world.names()
    return [names[flow.home_address] for flow in world.flows() if flow.home_address], mine, world


def figure6(flow: Any, homes: Any, flows: Any, allocate: Any) -> Any:
    for home in reversed(homes):
        if not any(other.home == home and other.cn == flow.cn for other in flows):
            return home
    homes.append(allocate())
    return homes[-1]


def test_the_figure_in_a_learners_words_does_what_the_node_does() -> None:
    got, mine, _ = served(figure6, "12212")
    assert got == ["H@1", "H@1", "H@2", "H@2", "H@3"] and mine.homes == ["H@1", "H@2", "H@3"]
    world = mf.figure2(seed=3).run(2.5)
    for cn in "12212":
        world.mn.open(world.cns[int(cn) - 1], mf.apps.Voice(interval_ms=500))
        world.run(2)
    assert [world.names()[flow.home_address] for flow in world.flows()] == got


def test_an_address_not_written_down_stays_unknown() -> None:
    def forgetful(flow: Any, homes: Any, flows: Any, allocate: Any) -> Any:
        return figure6(flow, list(homes), flows, allocate)

    got, mine, _ = served(forgetful, "1112")
    assert got == ["H@1", "H@2", "H@3", "H@1"] and mine.homes == ["H@1"]


def test_one_address_for_all_glues_them_together() -> None:
    got, _, world = served(lambda flow, homes, flows, allocate: homes[0], "11")
    assert got == ["H@1", "H@1"] and world.mn.handover(1, "cell0") == [1, 2]


def test_a_failure_is_told_in_the_learners_words() -> None:
    def failed(world: World) -> list[str]:
        return [one.why for one in world.trace.records if isinstance(one, Decided) and one.what == "function failed"]

    _, mine, world = served(lambda flow, homes, flows, allocate: 1 / 0, "1")
    assert "raised ZeroDivisionError" in mine.failed
    assert failed(world)[0].startswith("your assign() raised ZeroDivisionError in line ")
    _, _, world = served(lambda flow, homes, flows, allocate: "H@9", "1")
    assert failed(world)[0] == "your assign() gave 'H@9'; expected one of `homes`, or what allocate() gave"


def test_a_flow_cannot_be_changed_and_names_are_never_old() -> None:
    flow = FlowRow(2, "CN1", "H@1", 80)
    with pytest.raises(ProtocolMisuse, match=r"flow 2 cannot be changed here \(home\)"):
        flow.home = "H@2"
    assert repr(flow) == "flow 2 to CN1 at H@1"
    fresh = Fresh(["H@1", "H@2"])
    assert (fresh.peek(), fresh(), fresh()) == ("H@3", "H@3", "H@4")
