"""A learner's `free`: the node does its steps, each once the one before is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow.learner.freeing import FORGET_KEYS, STRIKE_OUT, Held
from mipflow.lab.world import World
from mipflow.sim.trace import TableChanged

Steps = list[Any]
FIRST = mf.Address("2001:db8:100::11")
HA = mf.Address("2001:db8:100::7")


def right(address: object, primary: object, rows: list[Held]) -> Steps:
    if address == primary:
        return []
    mine = [row for row in rows if row.home == address]
    last = sorted(mine, key=lambda row: row.peer == HA)
    return [STRIKE_OUT, *last, FORGET_KEYS]


def freed(free: Callable[..., Steps], run_s: float = 3) -> tuple[World, dict[tuple[str, str], float]]:
    """Play a call at the primary, a video and a page at H@2 that end; return when each row of H@2 went, from then."""
    world = mf.figure2(allocate="stateless", security=True, free=free).run(2.5)
    flows = []
    for cn in (world.cn1, world.cn1, world.cn2):
        flows.append(world.mn.open(cn, mf.apps.Voice(interval_ms=100)))
        world.run(2)
    assert [flow.home_address for flow in flows[1:]] == [FIRST, FIRST]
    since = world.now
    for flow in flows[1:]:
        world.mn.close(flow)
    world.run(run_s)
    gone = {
        (record.node, record.change.table): round(record.t_ns / 1e9 - since, 3) for record in world.trace.records
        if isinstance(record, TableChanged) and record.change.key == str(FIRST) and record.change.after is None
    }  # fmt: skip
    return world, gone


def test_steps_are_done_one_after_the_other() -> None:
    world, gone = freed(right)
    rows = [gone["CN1", "binding cache"], gone["CN2", "binding cache"], gone["HA", "binding cache"]]
    assert gone["MN", "home address table"] == 0 and rows == [0.02, 0.065, 0.111]
    assert gone["HA", "security association database"] == gone["MN", "security association database"] == 0.131
    assert FIRST not in world.mn.own_home_addresses and not world.mn.pool.is_freeing(FIRST)
    assert list(world.mn.binding_updates.of_home_address(FIRST)) == []


def test_where_the_home_agent_goes_first_no_correspondent_is_told() -> None:
    def free(address: object, primary: object, rows: list[Held]) -> Steps:
        steps = right(address, primary, rows)
        return [steps[0], steps[-2], *steps[1:-2], steps[-1]]

    world, gone = freed(free, run_s=20)
    assert gone["HA", "binding cache"] == 0.02 and FIRST in world.cn1.bindings
    assert ("CN1", "binding cache") not in gone
    world.run(430)
    assert FIRST not in world.cn1.bindings, "its lifetime is over"


def test_keys_that_go_early_are_made_anew_to_say_goodbye() -> None:
    def free(address: object, primary: object, rows: list[Held]) -> Steps:
        steps = right(address, primary, rows)
        return [*steps[:-2], steps[-1], steps[-2]]

    world, _ = freed(free)
    made = [
        record for record in world.trace.records if isinstance(record, TableChanged) and record.node == "HA"
        and record.change.table == "security association database" and record.change.key == str(FIRST)
        and record.change.before is None
    ]  # fmt: skip
    assert len(made) == 2


@pytest.mark.parametrize("left", [0, 1, 3, 4])
def test_a_step_that_is_left_out_is_not_done(left: int) -> None:
    def free(address: object, primary: object, rows: list[Held]) -> Steps:
        steps = right(address, primary, rows)
        return steps[:left] + steps[left + 1 :]

    world, gone = freed(free)
    cache, keys = "binding cache", "security association database"
    places = [("MN", "home address table"), ("CN1", cache), ("HA", cache), ("HA", keys)]
    assert [place in gone for place in places] == [number != left for number in (0, 1, 3, 4)]
    assert (FIRST in world.mn.own_home_addresses) == (left in (1, 3)), "a peer that was not told still knows it"


def test_a_row_of_another_address_goes_too_if_the_learner_says_so() -> None:
    world, _ = freed(lambda address, primary, rows: [STRIKE_OUT, *(row for row in rows if row.peer != HA)], run_s=0.03)
    assert world.mn.primary_home_address not in world.cn1.bindings


@pytest.mark.parametrize("steps", [None, ["strike"], [1], "strike out", [[]]])
def test_what_is_no_list_of_steps_is_said_and_nothing_is_done(steps: Any) -> None:
    world, gone = freed(lambda *_: steps)
    assert gone == {} and any(decision.what == "function failed" for decision in world.trace.decisions())
