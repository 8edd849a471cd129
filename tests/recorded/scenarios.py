"""The scenarios: every figure, mode and option, each a function from a random seed to a world that has run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mipflow as mf
from mipflow.lab.scenarios import LINKS
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.address import Prefix
from tests.lab.frames import OFFICE
from tests.mip6.faults import faulty

Scenario = Callable[[int], World]
SEEDS = (1, 7)
CALL = mf.apps.Voice(interval_ms=100)
OFTEN = (0.05, 1.5)


def _traffic(world: World) -> list[mf.Flow]:
    """A call and a video to one correspondent, a file and a ping to the other."""
    mn, one, other = world.mn, world.cn1, world.cn2
    apps = CALL, mf.apps.Video(rate_bps=300_000), mf.apps.FileTransfer(60_000, "down"), mf.apps.Echo(interval_ms=300)
    return [mn.open(cn, app) for cn, app in zip((one, one, other, other), apps, strict=True)]


def _moves(make: Callable[..., World], *, home_follows: bool | None = None, **keywords: Any) -> Scenario:
    """Flows to both correspondents go to the other interface one by one, one of them returns, one is closed."""

    def play(seed: int) -> World:
        world = make(seed=seed, **keywords)
        flows = _traffic(world)
        world.run(6)
        for flow in flows[:3]:
            world.mn.handover(flow, "cell0", home_follows=home_follows)
            world.run(0.4)
        world.mn.handover(flows[1], "wlan0", home_follows=home_follows)
        world.run(2)
        world.mn.close(flows[0])
        world.run(1)
        world.mn.open(world.cn1, CALL, "cell0")
        return world.run(3)

    return play


def _early(seed: int) -> World:
    """Flows are opened before anything is registered, moved before anything is bound."""
    world = mf.figure2(seed=seed)
    flows = _traffic(world)
    world.run(1.1)
    world.mn.handover(flows[1], "cell0")
    world.run(0.8)
    world.mn.handover(flows[1], "wlan0")
    world.mn.close(flows[2])
    return world.run(5)


def _everything(seed: int, break_first: bool) -> World:
    world = mf.figure2(seed=seed)
    _traffic(world)
    world.run(5)
    world.mn.handover_all("cell0", break_first=break_first)
    return world.run(4)


def _failing(seed: int, **keywords: Any) -> World:
    """An interface fails and comes back, then the other one fails."""
    world = mf.figure2(seed=seed, **keywords)
    _traffic(world)
    world.run(5)
    for name, up in (("wlan0", False), ("wlan0", True), ("cell0", False)):
        world.mn.interface(name).set_up(up)
        world.run(3)
    return world


def _roaming(seed: int, **keywords: Any) -> World:
    """To the home link, and away again."""
    world = mf.figure2(seed=seed, **keywords)
    world.mn.interface("cell0").set_up(False)
    world.mn.open(world.cn1, CALL)
    world.run(5)
    for segment in ("home", "wlan0", "cell0"):
        world.mn.visit("wlan0", world.network.segments[segment])
        world.run(5)
    return world


def _called(seed: int, redirect: bool) -> World:
    """A correspondent begins two calls; one of them is handed over."""
    world = mf.figure2(seed=seed)
    world.run(3)
    calls = [world.mn.accept(cn, CALL, redirect=redirect) for cn in (world.cn1, world.cn2)]
    world.run(4)
    world.mn.handover(calls[0], "cell0")
    return world.run(3)


def _grouped(seed: int) -> World:
    """Flows of one word share a home address; they move together."""
    world = mf.figure2(seed=seed)
    flows = [world.mn.open(world.cn1, CALL, word=word) for word in ("meeting", "meeting", "")]
    world.run(5)
    world.mn.handover(flows[0], "cell0")
    return world.run(3)


def _kept(seed: int) -> World:
    """A home address that only one correspondent's flows get, and one that is freed by hand from the pool."""
    world = mf.figure2(seed=seed, pool=1)
    world.mn.keep_home_address("for CN2", lambda entry: entry.cn == world.cn2.address)
    world.run(3)
    flows = _traffic(world)
    world.run(4)
    for flow in flows:
        world.mn.close(flow)
    return world.run(6)


def _by_load(seed: int) -> World:
    policy = mf.policies.Policies([(10, mf.policies.ByRequest()), (20, mf.policies.ByLoad())])
    world = mf.figure2(seed=seed, policy=policy, reconsider_every_s=1.0)
    _traffic(world)
    return world.run(10)


def _refreshed(seed: int) -> World:
    """Bindings of a few seconds are refreshed over and over."""
    world = mf.figure2(seed=seed, home_lifetime_s=12, binding_lifetime_s=8)
    _traffic(world)
    return world.run(30)


def _lossy(seed: int) -> World:
    world = mf.figure2(seed=seed, links=faulty(seed))
    flows = _traffic(world)
    world.run(8)
    world.mn.handover(flows[0], "cell0")
    world.run(8)
    for name, link in LINKS.items():
        world.network.segments[name].configure(link)
    return world.run(4)


def _ceasing(seed: int) -> World:
    """A correspondent stops to understand Mobile IPv6, in the middle of a call."""
    world = mf.figure2(seed=seed)
    flows = _traffic(world)
    world.run(5)
    world.cn1.turn_off_route_optimisation()
    world.mn.handover(flows[0], "cell0")
    return world.run(8)


def _office(seed: int) -> World:
    return mf.figure2(seed=seed, traffic=OFFICE, replay={"handovers": ["8:cell0@4.31"]}).run(12)


def _learner(seed: int) -> World:
    """A learner's own functions: a home address for every second flow, networks in turn."""
    return mf.figure2(
        seed=seed, assign=lambda flow, homes, flows: list(homes)[-1].home_address if flow.flow_id % 2 else None,
        policy=lambda flow, networks: ("wlan0", "cell0")[flow.flow_id % 2],
        allocate=lambda prefix, taken: Prefix.address(prefix, 0xA00 + len(taken)),
    )  # fmt: skip


figure2 = mf.figure2
SCENARIOS: dict[str, Scenario] = {
    "figure 1": _moves(mf.figure1),
    "figure 1, tunnel": _moves(mf.figure1, mode="tunnel"),
    "plain Mobile IPv6": _moves(mf.plain_mobile_ipv6),
    "figure 2": _moves(figure2),
    "home follows": _moves(figure2, home_follows=True),
    "tunnel": _moves(figure2, mode="tunnel"),
    "triangular": _moves(figure2, mode="triangular"),
    "no reuse of tokens": _moves(figure2, reuse_tokens=False),
    "careful about correspondents": _moves(figure2, rules=mf.AssignmentRules(optimistic=False)),
    "optimistic": _moves(figure2, rules=mf.AssignmentRules(optimistic=True)),
    "home address per flow": _moves(figure2, rules=mf.AssignmentRules(method="home address per flow")),
    "never the primary": _moves(figure2, rules=mf.AssignmentRules(never_primary=True)),
    "stateless allocation": _moves(figure2, allocate="stateless"),
    "DHCPv6 allocation": _moves(figure2, allocate="dhcpv6"),
    "requested allocation": _moves(figure2, allocate="request"),
    "pool and hold-down": _moves(figure2, pool=1, hold_down_s=2.0),
    "security": _moves(figure2, security=True),
    "manual keys": _moves(figure2, security="manual", home_follows=True),
    "enhanced": _moves(figure2, enhanced=True),
    "home router": _moves(figure2, home_router=True),
    "two home agents": _moves(figure2, home_agents=2),
    "a correspondent that is a host": _moves(figure2, correspondents={"CN1": Host}),
    "only hosts": _moves(figure2, correspondents={"CN1": Host, "CN2": Host}),
    "home bindings at cell0": _moves(figure2, home_bindings=mf.policies.HomeBindings(at="cell0", anchors=True)),
    "home bindings with their flow": _moves(figure2, home_bindings=mf.policies.HomeBindings(at="its flow")),
    "before anything is bound": _early,
    "everything, make before break": partial(_everything, break_first=False),
    "everything, break before make": partial(_everything, break_first=True),
    "failing interfaces": _failing,
    "failing interfaces, tunnel": partial(_failing, mode="tunnel"),
    "home and away": _roaming,
    "home and away without hints": partial(_roaming, advertisements=OFTEN, link_hints=False),
    "called": partial(_called, redirect=False),
    "called and redirected": partial(_called, redirect=True),
    "grouped": _grouped,
    "kept and freed": _kept,
    "by load": _by_load,
    "refreshed": _refreshed,
    "lossy": _lossy,
    "a correspondent that ceases": _ceasing,
    "office": _office,
    "a learner's functions": _moves(_learner),
}
