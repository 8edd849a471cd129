"""From a world to its spec, over JSON, and back: the same world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.world import World
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.node.host import Host

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
OPERATOR = DATASETS / "rules/operator.json"
LINKS = st.builds(mf.Link, delay_ms=st.sampled_from([1, 7.5]), loss=st.sampled_from([0.0, 0.125]))
FLAGS = "home_router", "ingress_filtering", "enhanced", "policy_server", "collision", "reuse_tokens", "link_hints"
POLICY = mf.policies.Policies([
    (10, mf.policies.ByApplication({"video": "cell0"})), (20, mf.policies.ByUser(["cell0", "wlan0"])),
    (30, mf.policies.ByLoad(most=0.5)),
])  # fmt: skip
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FLAGS, st.booleans()),
    "wire": st.booleans(), "cns": st.integers(1, 4), "trace": st.sampled_from(["all", "control"]),
    "links": st.dictionaries(st.sampled_from(["wlan0", "cell0", "home"]), LINKS),
    "correspondents": st.sampled_from([None, {"CN2": Host}]), "home_agents": st.integers(1, 4),
    "advertisements": st.sampled_from([None, (0.5, 1.5)]), "security": st.sampled_from([False, True, "manual"]),
    "allocate": st.sampled_from([None, "stateless", "dhcpv6", "request"]),
    "operator": st.sampled_from([None, OPERATOR, mf.load_rules(OPERATOR)]),
    "pool": st.integers(0, 2), "hold_down_s": st.sampled_from([0.0, 2.5]),
    "mode": st.sampled_from(["triangular", "tunnel", "route_optimisation"]),
    "home_bindings": st.sampled_from([mf.policies.HomeBindings("cell0"), mf.policies.HomeBindings(anchors=True)]),
    "policy": st.sampled_from([None, POLICY]), "reconsider_every_s": st.sampled_from([None, 1]),
}  # fmt: skip
RULES = st.builds(mf.AssignmentRules, avoid_primary=st.booleans(), never_primary=st.booleans())


def there_and_back(world: Any) -> Any:
    """Build another world of the text of a spec."""
    text = json.dumps(world.spec)
    twin = mf.build(json.loads(text))
    assert type(twin) is type(world) and json.dumps(twin.spec) == text and twin.title == world.title
    return twin


def played(world: World) -> str:
    world.mn.open(world.cn1, mf.apps.Voice(interval_ms=100))
    world.mn.open(world.cns[-1], mf.apps.Echo())
    return world.run(2.5).trace.digest()


@settings(max_examples=12)
@given(
    scenario=st.sampled_from([mf.figure2, mf.figure1, mf.plain_mobile_ipv6]), seed=st.integers(-5, 5), rules=RULES,
    keywords=st.fixed_dictionaries({}, optional=KEYWORDS),
)  # fmt: skip
def test_a_world_of_a_spec_does_the_same(
    scenario: Any, seed: int, rules: mf.AssignmentRules, keywords: dict[str, Any]
) -> None:
    own = {"rules": rules} if scenario is mf.figure2 else {}
    world = scenario(seed=seed, **own, **keywords)
    assert played(there_and_back(world)) == played(world)


@settings(max_examples=5)
@given(seed=st.integers(-5, 5), links=st.dictionaries(st.sampled_from(["wlan0", "cn1"]), LINKS))
def test_plain_hosts_of_a_spec_do_the_same(seed: int, links: dict[str, mf.Link]) -> None:
    digests = []
    world = mf.plain_hosts(seed=seed, links=links)
    for each in (there_and_back(world), world):
        each.mn.open(each.cn, mf.apps.FileTransfer(20_000))
        each.run(0.2)
        each.mn.move("cell0")
        digests.append(each.run(0.5).trace.digest())
    assert digests[0] == digests[1]


def test_a_replay_of_a_spec_does_the_same() -> None:
    capture = DATASETS / "captures/office.pcap"
    world = mf.figure2(seed=2, traffic=capture, replay={"packets": 300, "handovers": ["1:cell0@0.1"]})
    twin = there_and_back(world)
    assert world.run(1).trace.digest() == twin.run(1).trace.digest() and twin.replay.moves


def test_a_spec_says_what_is_not_as_usual() -> None:
    world = mf.figure2(seed=7, links={"wlan0": mf.Link(delay_ms=9)}, cns=2, pool=1)
    mf.with_security(mf.with_dhcpv6(world))
    assert world.spec == {
        "scenario": "figure2", "seed": 7, "links": {"wlan0": {"kind": "Link", "delay_ms": 9}}, "pool": 1,
        "features": {"dhcpv6": {}, "security": {"manual": False}},
    }  # fmt: skip
    assert mf.plain_hosts().spec == {"scenario": "plain_hosts", "seed": 0}
    assert world.run(1).spec == mf.build(world.spec).spec, "it says how the world was made, whatever it did since"


def together(flow: Any) -> str:
    return "all"


def test_functions_are_in_a_spec_by_name_and_do_not_come_back() -> None:
    worlds = {
        "together": mf.figure2(rules=mf.AssignmentRules(together=together)),
        "<lambda>": mf.figure2(key=lambda packet: 1), "allocates": mf.with_allocation(mf.figure2(), allocates),
        "Own": mf.figure2(policy=mf.policies.Policies([(1, Own())])), "Mine": mf.figure2(registrations=Mine),
    }  # fmt: skip
    for name, world in worlds.items():
        assert f'{{"function": "{name}"}}' in json.dumps(world.spec)
        with pytest.raises(ProtocolMisuse, match=f"made with your function '{name}', which does not travel in a spec"):
            mf.build(world.spec)


def allocates(prefix: Any, taken: Any) -> Any:
    return prefix.address(0x77)


class Own:
    """A policy of a learner's."""

    def __call__(self, flow: Any, networks: Any) -> None:
        return None


class Mine(Registrations):
    """Registrations of a learner's."""


WRONG: list[tuple[Any, str]] = [
    ({}, "expected a dict such as world.spec, with one of figure1"),
    ({"scenario": "figure3"}, "expected a dict such as world.spec"),
    ({"scenario": "figure2", "sed": 1}, "a world has no keyword 'sed'"),
    ({"scenario": "plain_hosts", "sed": 1}, "plain_hosts() of a spec: got an unexpected keyword argument 'sed'"),
    ({"scenario": "figure2", "features": {"secrecy": {}}}, "expected features by name, each with its arguments"),
    ({"scenario": "figure2", "features": ["security"]}, "expected features by name"),
    ({"scenario": "figure2", "features": {"security": {"x": 1}}}, "with_security() of a spec: got an unexpected"),
    ({"scenario": "figure2", "links": {"wlan0": {"kind": "Lnk"}}}, "'Lnk' in a spec; expected one of Link"),
    ({"scenario": "figure2", "links": {"wlan0": {"kind": "Link", "dela": 1}}}, "Link() of a spec: got an unexpected"),
    ({"scenario": "figure2", "seed": "x"}, "seed='x'"),
]


@pytest.mark.parametrize(("spec", "why"), WRONG)
def test_a_wrong_spec_is_refused_in_a_line(spec: Any, why: str) -> None:
    with pytest.raises(ProtocolMisuse) as refused:
        mf.build(spec)
    assert why in str(refused.value)


def test_a_world_that_was_built_by_hand_has_no_spec() -> None:
    world = mf.figure2()
    with pytest.raises(ProtocolMisuse, match="was built by hand and has no spec"):
        World(world.network, world.mn, world.ha, world.cns, world.internet, "by hand").spec  # noqa: B018
