"""Running a world until what it opened is bound: the moment from which the time of replayed traffic counts.

Takes a world and flows; lets virtual time pass, event by event, and gives sentences about what could not be bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mipflow.errors import TopologyError
from mipflow.sim.clock import NS_PER_S

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.lab.world import World

PATIENCE_S = 60
"""Seconds of virtual time to wait, and 2 more for each flow: a correspondent gets at most three updates a second."""


def wait_for_home(world: World) -> None:
    """Run until the mobile node's primary home address is registered. Raises TopologyError where that does not come."""
    mn = world.mn
    if not _run_until(world, lambda: mn.registered_at_home(mn.primary_home_address) is not None, PATIENCE_S):
        raise TopologyError(
            f"{mn.name} has no home registration after {PATIENCE_S} s; bring its links and {world.ha.name}'s up",
            mn.name,
        )


def wait_for_flows(world: World, flows: Sequence[Flow], progress: Callable[[str], None] | None = None) -> list[str]:
    """Run until every flow is bound: at the home agent and, with route optimisation, at its correspondent.

    Gives a sentence for each flow that could not be bound, or not in a minute or so.
    """
    waiting = list(flows)[::-1]

    def all_are_settled() -> bool:
        while waiting and (is_bound(world, waiting[-1]) or has_given_up(world, waiting[-1])):
            waiting.pop()
            if progress is not None:
                progress(f"binding: {len(flows) - len(waiting)} of {len(flows)} flows")
        return not waiting

    _run_until(world, all_are_settled, PATIENCE_S + 2 * len(flows))
    return [f"flow {flow.id} {_why_unbound(world, flow)}" for flow in flows if not is_bound(world, flow)]


def is_bound(world: World, flow: Flow) -> bool:
    """Whether a flow's home address is registered wherever the mobile node's mode asks for it."""
    mn, home_address = world.mn, flow.home_address
    if home_address is None or mn.registered_at_home(home_address) is None:
        return False
    if mn.mode != "route_optimisation":
        return True
    binding = mn.binding_updates.get(flow.cn.address, home_address)
    return binding is not None and binding.registered is not None


def has_given_up(world: World, flow: Flow) -> bool:
    """Whether nothing more is tried for a flow that is not bound."""
    home_address = flow.home_address
    if home_address is None:
        return True  # three duplicates in a row
    is_home = world.mn.registered_at_home(home_address) is not None
    return is_home and world.mn.binding_updates.get(flow.cn.address, home_address) is None


def _why_unbound(world: World, flow: Flow) -> str:
    if flow.home_address is None:
        return "got no home address: its packets are not sent"
    if world.mn.registered_at_home(flow.home_address) is None:
        return "is not registered at the home agent: its packets wait"
    return f"has no binding at {flow.cn.name}: its packets go through the home agent"


def _run_until(world: World, is_reached: Callable[[], bool], most_s: int) -> bool:
    """Let moment after moment pass until something is reached; False after `most_s` seconds, or where nothing moves."""
    clock = world.network.clock
    end_ns = clock.now + most_s * NS_PER_S
    while not is_reached():
        if not clock.heap or clock.heap[0][0] > end_ns:
            return False
        world.network.run_until(clock.heap[0][0])
    return True
