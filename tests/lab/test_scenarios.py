"""The patent's Figures 1 and 2 as worlds."""

from __future__ import annotations

from typing import Any

import networkx
import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse, TopologyError
from mipflow.lab.scenarios import LINKS, SCENARIOS
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.host import Host
from mipflow.wire.mobility import HomeTest


def test_figure_2_has_the_nodes_of_the_patent() -> None:
    world = mf.figure2()
    graph = world.network.graph
    roles = networkx.get_node_attributes(graph, "role")
    assert roles == {
        "MN": "mobile node", "HA": "home agent", "CN1": "correspondent node", "CN2": "correspondent node",
        "AR2": "access router", "AR3": "access router", "Internet": "router",
    }  # fmt: skip
    assert {frozenset(edge) for edge in graph.edges} == {
        frozenset(pair.split())
        for pair in ("MN AR2", "MN AR3", "AR2 Internet", "AR3 Internet", "Internet HA", "Internet CN1", "Internet CN2")
    }
    places = {(data["x"], data["y"]) for _, data in graph.nodes(data=True)}
    assert len(places) == len(graph), "no two nodes in one place"
    assert list(world.mn.interfaces) == ["wlan0", "cell0"]
    assert type(world.ha) is type(mf.figure1().ha) and type(world.cn1) is type(mf.figure1().cn1)


def test_links_are_replaced_by_name() -> None:
    world = mf.figure2(links={"wlan0": mf.Link(delay_ms=77)})
    assert world.network.segments["wlan0"].link.delay_ms == 77
    assert world.network.segments["cell0"].link == LINKS["cell0"]
    with pytest.raises(TopologyError, match=r"no link 'wifi'; expected one of wlan0, cell0"):
        mf.figure2(links={"wifi": mf.Link()})


def test_wrong_settings_name_the_value() -> None:
    with pytest.raises(ProtocolMisuse, match="mode='magic'"):
        mf.figure2(mode="magic")
    with pytest.raises(ProtocolMisuse, match="trace='some'"):
        mf.figure2(trace="some")  # type: ignore[arg-type]


def test_figure_1_has_one_home_address_and_figure_2_one_per_flow() -> None:
    addresses = {}
    for name, scenario in SCENARIOS.items():
        world = scenario(seed=1)
        for _ in range(3):
            world.mn.open(world.cn1, mf.apps.Voice())
        world.run(5)
        addresses[name] = len({flow.home_address for flow in world.flows()})
        assert len(world.mn.home_addresses) == addresses[name]
    assert addresses == {"plain": 1, "figure1": 1, "figure2": 3}


def test_seeds_differ_and_repeat() -> None:
    digests = [mf.figure2(seed=seed).run(3).trace.digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_behind_a_home_router_the_home_agent_intercepts_what_comes_over_the_home_link() -> None:
    world = mf.figure2(seed=3, home_router=True, wire=True)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(5)
    tests = [hop for hop in world.trace if isinstance(hop.packet.payload, HomeTest)]
    assert {hop.channel.receiver for hop in tests if hop.channel.segment == "home"} == {"HA"}
    assert flow.stats.up.received > 0 and flow.stats.down.received > 0
    assert next(iter(world.cn1.bindings)).care_of_address == flow.care_of_address


def test_a_correspondent_may_be_a_host_that_knows_nothing_of_mobile_ip() -> None:
    world = mf.figure2(seed=3, correspondents={"CN2": Host})
    flow = world.mn.open(world.cn2, mf.apps.Voice())
    world.run(5)
    assert type(world.cn1) is CorrespondentNode and type(world.cn2) is Host
    assert flow.stats.up.received > 0 and flow.stats.down.received > 0


def test_an_unknown_correspondent_and_an_impossible_number_of_home_agents_are_named() -> None:
    with pytest.raises(TopologyError, match="no correspondent 'CN9'; expected one of CN1, CN2"):
        mf.figure2(correspondents={"CN9": Host})
    with pytest.raises(ProtocolMisuse, match="home_agents=0; expected home agents from 1 to 8"):
        mf.figure2(home_agents=0)


WAITS = [("stateless", 1.080, 1.122), ("dhcpv6", 1.124, 1.251), ("request", 1.080, 1.162)]


@pytest.mark.parametrize(("allocate", "free_s", "taken_s"), WAITS)
def test_somebody_at_home_has_the_first_address_whichever_way_it_comes(
    allocate: Any, free_s: float, taken_s: float
) -> None:
    """Times from a flow's beginning to its address: the test's second, and the way of each mechanism, twice where the
    first address is refused.
    """
    for collision, wait_s in ((False, free_s), (True, taken_s)):
        world = mf.figure2(allocate=allocate, collision=collision).run(2.5)
        world.mn.open(world.cn1, mf.apps.Voice())
        world.run(2)
        flow = world.mn.open(world.cn1, mf.apps.Voice())
        world.run(2)
        assert flow.entry.ready_ns / 1e9 - 4.5 == pytest.approx(wait_s, abs=1e-3)
        refused = [each for each in world.trace.decisions() if each.what == "duplicate address"]
        assert len(refused) == collision
