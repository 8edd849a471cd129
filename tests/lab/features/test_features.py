"""Features of a world: the function and the keyword do the same; a wrong moment and a wrong order are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import DatasetError, FunctionFailed, ProtocolMisuse
from mipflow.lab.features.feature import FEATURES
from mipflow.lab.world import World

DATASETS = Path(__file__).resolve().parents[3] / "datasets"
RULES, OFFICE = DATASETS / "rules/operator.json", DATASETS / "captures/office.pcap"
Feature = Callable[[World], World]


def forwards(packet: Any, cache: Any, now: Any) -> Any:
    """Send on what came."""
    return packet


def allocates(prefix: Any, taken: Any) -> Any:
    return next(each for each in map(prefix.address, range(0x5000, 0x6000)) if each not in taken)


PAIRS: dict[str, tuple[dict[str, Any], list[Feature]]] = {
    "advertisements": ({"advertisements": (1, 3)}, [lambda world: mf.with_advertisements(world, (1, 3))]),
    "home agents": ({"home_agents": 3}, [lambda world: mf.with_home_agents(world, 3)]),
    "many home agents": (
        {"home_agents": 8, "home_router": True}, [mf.with_home_router, lambda world: mf.with_home_agents(world, 8)],
    ),
    "home router": ({"home_router": True}, [mf.with_home_router]),
    "ingress filtering": ({"ingress_filtering": True, "mode": "triangular"}, [mf.with_ingress_filtering]),
    "enhanced": ({"enhanced": True}, [mf.with_enhanced]),
    "security": ({"security": True}, [mf.with_security]),
    "manual keys": ({"security": "manual"}, [lambda world: mf.with_security(world, manual=True)]),
    "stateless": ({"allocate": "stateless"}, [mf.with_prefix_discovery]),
    "dhcpv6": ({"allocate": "dhcpv6"}, [mf.with_dhcpv6]),
    "request": ({"allocate": "request"}, [mf.with_address_protocol]),
    "own": ({"allocate": allocates}, [lambda world: mf.with_allocation(world, allocates)]),
    "policy server": ({"policy_server": True}, [mf.with_policy_server]),
    "operator": ({"operator": RULES}, [lambda world: mf.with_operator(world, RULES)]),
    "interception": ({"intercept": forwards}, [lambda world: mf.with_interception(world, forwards)]),
    "collision": ({"collision": True, "allocate": "dhcpv6"}, [mf.with_dhcpv6, mf.with_collision]),
    "traffic": (
        {"traffic": OFFICE, "replay": {"packets": 300}},
        [lambda world: mf.with_traffic(world, OFFICE, {"packets": 300})],
    ),
    "everything": (
        {"home_agents": 2, "allocate": "request", "operator": RULES, "security": True, "policy_server": True,
         "enhanced": True},
        [lambda world: mf.with_home_agents(world, 2), mf.with_address_protocol,
         lambda world: mf.with_operator(world, RULES), mf.with_security, mf.with_policy_server, mf.with_enhanced],
    ),
}  # fmt: skip
"""The feature of a keyword of `figure2` -> its keywords, and the functions that do the same."""


def played(world: World) -> str:
    """Three flows, one of which is handed over."""
    if world.replay is None:
        for cn, app in ((world.cn1, mf.apps.Voice()), (world.cn1, mf.apps.Video()), (world.cn2, mf.apps.Echo())):
            world.mn.open(cn, app)
    world.run(4)
    for entry in [*world.mn.flows][:1]:
        world.mn.handover(entry.flow_id, "cell0")
    return world.run(2).trace.digest()


@pytest.mark.parametrize("name", PAIRS)
def test_a_feature_does_what_its_keyword_does(name: str) -> None:
    keywords, features = PAIRS[name]
    mode = {"mode": keywords["mode"]} if "mode" in keywords else {}
    world = mf.figure2(seed=5, **mode)
    for put_in in features:
        assert put_in(world) is world
    by_keyword = mf.figure2(seed=5, **keywords)
    assert world.spec == by_keyword.spec
    assert played(world) == played(by_keyword)


def test_what_a_learner_says_of_duplicates_is_known_to_a_mechanism_that_comes_later() -> None:
    """An `answered` that the mobile node was made with keeps the refused addresses that the mechanism has to avoid."""
    told = mf.with_collision(mf.with_prefix_discovery(mf.figure2(answered=lambda status, *rest: "another")))
    kept = told.mn.binder.answers.refused  # type: ignore[union-attr]
    assert told.mn.pool.allocation.refused is kept  # type: ignore[attr-defined]


def test_every_feature_has_a_keyword() -> None:
    put_in = {name for keywords, _ in PAIRS.values() for name in mf.figure2(**keywords).features}
    assert put_in == set(FEATURES)
    assert {name for name in mf.__all__ if name.startswith("with_")} == {
        *(f"with_{name}" for name in FEATURES), "with_enhanced", "with_home_router", "with_ingress_filtering",
    }  # fmt: skip


@pytest.mark.parametrize("put_in", [mf.with_security, mf.with_policy_server, mf.with_enhanced, mf.with_home_router])
def test_a_world_that_has_run_takes_no_feature(put_in: Feature) -> None:
    world = mf.figure2().run(0.5)
    with pytest.raises(ProtocolMisuse, match=r"^with_\w+\(\) at 0.5 s; expected a world that has not run yet$"):
        put_in(world)


@pytest.mark.parametrize(
    ("keywords", "put_in", "why"),
    [
        ({"security": True}, mf.with_security, "with_security() after with_security(), which does the same job"),
        ({"enhanced": True}, mf.with_enhanced, "with_enhanced() for the second time"),
        ({"allocate": "stateless"}, mf.with_dhcpv6, "with_dhcpv6() after with_prefix_discovery(), which does the same"),
        ({"allocate": allocates}, mf.with_address_protocol, "after with_allocation(), which does the same job"),
        ({"security": True}, mf.with_home_agents, "after with_security(), which builds on it; call it before"),
        ({"home_agents": 2}, mf.with_advertisements, "after with_home_agents(), which builds on it"),
        ({"collision": True}, mf.with_dhcpv6, "with_dhcpv6() after with_collision(), which builds on it"),
    ],
)  # fmt: skip
def test_what_excludes_or_precedes_one_another_says_so(keywords: dict[str, Any], put_in: Feature, why: str) -> None:
    world = mf.figure2(**keywords)
    before = world.spec
    with pytest.raises(ProtocolMisuse, match=re.escape(why)):
        put_in(world)
    assert world.spec == before


def test_what_is_no_world_takes_no_feature() -> None:
    for wrong in (None, mf.plain_hosts(), mf.figure2):
        with pytest.raises(ProtocolMisuse, match=r"expected a world at time 0, such as mf.figure2\(\)"):
            mf.with_security(wrong)  # type: ignore[arg-type]


def test_arguments_of_features_are_checked() -> None:
    with pytest.raises(ProtocolMisuse, match="home_agents=9; expected home agents from 2 to 8"):
        mf.with_home_agents(mf.figure2(), 9)
    with pytest.raises(DatasetError, match="No such file"):
        mf.with_operator(mf.figure2(), "nowhere.json")
    with pytest.raises(FunctionFailed, match="intercept"):
        mf.with_interception(mf.figure2(), lambda: None)
    with pytest.raises(ProtocolMisuse, match="replay has no keyword 'mobil'"):
        mf.with_traffic(mf.figure2(), OFFICE, {"mobil": "::1"})


CHANGES: dict[str, Callable[[World], object]] = {
    "a flow": lambda world: world.mn.open(world.cn1, mf.apps.Voice()),
    "a link": lambda world: world.network.segments["wlan0"].configure(mf.Link()),
    "a node": lambda world: world.port("wlan0"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_world_in_which_something_was_done_is_not_made_anew(change: str) -> None:
    world = mf.figure2()
    CHANGES[change](world)
    with pytest.raises(ProtocolMisuse, match="makes all nodes anew, and flows, links or nodes of this world were"):
        mf.with_enhanced(world)


def test_a_world_that_was_built_by_hand_takes_features_but_is_not_made_anew() -> None:
    world = mf.figure2()
    by_hand = World(world.network, world.mn, world.ha, world.cns, world.internet, "by hand")
    assert "security" in mf.with_security(by_hand).features
    with pytest.raises(ProtocolMisuse, match="built by hand"):
        mf.with_enhanced(by_hand)


def test_a_world_that_is_made_anew_keeps_its_scenario_its_keywords_and_its_features() -> None:
    world = mf.with_home_router(mf.with_security(mf.figure1(seed=9, mode="tunnel")))
    assert world.title == mf.figure1().title
    assert world.spec == mf.figure1(seed=9, mode="tunnel", security=True, home_router=True).spec
    assert "HR" in world.network.graph and world.mn.network is world.network and world.trace is world.network.trace
