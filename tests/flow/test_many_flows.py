"""The cost of a flow does not depend on how many there are: counted in calls of functions, which no machine changes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import mipflow as mf

FEW, MANY = 12, 60
SILENT = mf.apps.Voice(start_s=1e6)
"""An application that opens its sockets, and sends nothing that would count for the flow."""


def calls_of(act: Callable[[], object]) -> Counter[str]:
    """Return how often each function, built-in ones too, is called while something is done."""
    calls = Counter[str]()

    def count(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            calls[frame.f_code.co_qualname + " in " + frame.f_code.co_filename] += 1
        elif event == "c_call":
            calls[f"{argument.__qualname__} called by {frame.f_code.co_qualname}"] += 1

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


def calls_per_flow(flows: int, pause_s: float, cns: int, settings: dict[str, Any]) -> dict[str, float]:
    """Return the calls of each function for each of so many flows, opened `pause_s` apart until all are bound, and
    closed until all are gone.
    """
    world = mf.figure2(seed=7, cns=cns, trace="off", **settings)
    world.run(5)
    opened: list[mf.Flow] = []

    def live() -> None:
        for number in range(flows):
            opened.append(world.mn.open(world.cns[number % cns], SILENT))
            world.run(pause_s)
        world.run(6 + flows / 3)
        assert all(flow.wait_ms is not None for flow in opened)
        for flow in opened:
            world.mn.close(flow)
            world.run(pause_s)
        world.run(6 + flows / 3)

    calls = calls_of(live)
    assert len(world.mn.flows) == 0 and len(world.mn.home_addresses) == 1 + world.mn.pool.size
    return {function: number / flows for function, number in calls.items()}


SETTINGS: list[dict[str, Any]] = [
    {}, {"mode": "tunnel"}, {"pool": 2, "hold_down_s": 2}, {"reuse_tokens": False},
    {"rules": mf.AssignmentRules(method="home address per flow")},
    {"rules": mf.AssignmentRules(method="care-of address per flow")},
    {"rules": mf.AssignmentRules(together=lambda flow: "one group")},
    {"rules": mf.AssignmentRules(avoid_primary=False, optimistic=True)},
]  # fmt: skip


@pytest.mark.parametrize("pause_s, cns, settings", [
    pytest.param(pause_s, cns, settings, marks=[pytest.mark.slow] if number or pause_s else [])
    for number, settings in enumerate(SETTINGS) for pause_s, cns in ((0.0, 1), (0.4, 2))
])  # fmt: skip
def test_a_flow_costs_the_same_among_many(pause_s: float, cns: int, settings: dict[str, Any]) -> None:
    """No function is called five times as often for each of five times as many flows; a heap's depth may show."""
    calls_per_flow(2, pause_s, cns, settings)  # what is made once in a process
    few, many = (calls_per_flow(flows, pause_s, cns, settings) for flows in (FEW, MANY))
    grown = [what for what, calls in many.items() if calls > 2 * few.get(what, 0) + 3]
    assert {what: (few.get(what, 0.0), many[what]) for what in grown} == {}
