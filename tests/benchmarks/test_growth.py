"""The cost of a mobile node on a full link beside that on an empty one, in calls and octets, which repeat."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

from mipflow.sim.clock import NS_PER_S
from tests.benchmarks.growth import REGISTERED_S, crowd

FEW, MANY = 8, 64
"""Mobile nodes on the link."""


def cost_of_one(nodes: int) -> tuple[float, float]:
    """Calls of our functions, and octets, for each mobile node on one link until all are registered."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    gc.collect()
    tracemalloc.start()
    sys.setprofile(count)
    try:
        network, mobiles, _ = crowd(nodes, 1)
        network.run_until(REGISTERED_S * NS_PER_S)
    finally:
        sys.setprofile(None)
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert all(home.care_of_address is not None for mobile in mobiles for home in mobile.home_addresses)
    return calls / nodes, used / nodes


def test_a_mobile_node_costs_about_the_same_in_a_crowd() -> None:
    """Each hears the multicasts of all others on its link; where each copy is an event, that is six times the calls."""
    cost_of_one(1)  # imports what is imported late
    (calls, octets), (calls_of_many, octets_of_many) = cost_of_one(FEW), cost_of_one(MANY)
    assert calls_of_many < 1.5 * calls and octets_of_many < 1.2 * octets
