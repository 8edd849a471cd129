"""Every scenario of the package whose picture is another one, at work: flows to the correspondents, and one moves."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mipflow as mf
from mipflow.lab.world import World
from mipflow.node.host import Host


def figure2(**how: Any) -> Callable[..., World]:
    return lambda **more: mf.figure2(**how, **more)


SCENARIOS: dict[str, Callable[..., World]] = {
    "figure 1": mf.figure1, "figure 2": mf.figure2, "plain": mf.plain_mobile_ipv6,
    **{f"{count} correspondents": figure2(cns=count) for count in (3, 4, 5, 6, 8)},
    **{f"{count} home agents": figure2(home_agents=count) for count in (2, 3, 4, 8)},
    "home router": figure2(home_router=True), "home router, 3 home agents": figure2(home_router=True, home_agents=3),
    "home router, 8 home agents": figure2(home_router=True, home_agents=8),
    "servers": figure2(allocate="dhcpv6", policy_server=True),
    "servers, 8 correspondents": figure2(allocate="dhcpv6", policy_server=True, cns=8),
    "all of it": figure2(allocate="dhcpv6", policy_server=True, cns=8, home_agents=8, home_router=True),
    "addresses on request": figure2(allocate="request"), "security": figure2(security=True),
    "tunnel": figure2(mode="tunnel"), "triangular": figure2(mode="triangular"),
    "host": figure2(correspondents={"CN1": Host}),
}  # fmt: skip
NAMES = list(SCENARIOS)
START_S, END_S = 4.8, 5.6
"""A film of it: the handover is asked for at 5 s."""


@cache
def at_work(name: str, flows: int = 2) -> World:
    """Calls to CN1, and one to each of three others where there are any; at 5 s the second of CN1's is to move."""
    world = SCENARIOS[name](seed=7)
    opened = [world.mn.open(world.cn1, mf.apps.Voice(start_s=3)) for _ in range(flows)]
    for other in world.cns[2:5]:
        world.mn.open(other, mf.apps.Voice(start_s=3))
    world.run(5)
    world.mn.handover(opened[1], "cell0")
    return world.run(1)


@cache
def film(name: str, flows: int = 2) -> Any:
    return at_work(name, flows).animate(START_S, END_S)
