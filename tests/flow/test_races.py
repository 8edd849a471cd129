"""Binding updates that overtake one another: in the end nobody holds what nobody lists."""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.scenarios import CELLULAR, MOBILE_NODE, WLAN
from mipflow.lab.world import World

WLAN_CARE_OF, CELLULAR_CARE_OF = WLAN.address(MOBILE_NODE), CELLULAR.address(MOBILE_NODE)
CALL = mf.apps.Voice(interval_ms=100)
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "stateless": {"allocate": "stateless"}, "dhcpv6": {"allocate": "dhcpv6"},
    "request": {"allocate": "request"}, "tunnel": {"mode": "tunnel"}, "enhanced": {"enhanced": True},
    "security": {"security": True},
}  # fmt: skip


def disagreements(world: World) -> list[str]:
    """Bindings that a peer has and the mobile node does not list, or lists with another care-of address."""
    found = []
    for peer in (*world.home_agents, *world.cns):
        address = getattr(peer, "home_agent_address", peer.address)
        for binding in getattr(peer, "bindings", ()):
            entry = world.mn.binding_updates.get(address, binding.home_address)
            if entry is None or entry.registered != binding.care_of_address:
                found.append(f"{peer.name}: {binding.home_address} at {binding.care_of_address}")
    return found


def homes(world: World) -> list[str]:
    return [str(binding.home_address) for binding in world.ha.bindings]


@pytest.mark.parametrize("way", WAYS)
def test_a_deregistration_that_overtakes_its_update_leaves_nothing_behind(way: str) -> None:
    world = mf.figure2(seed=1, **WAYS[way])
    world.run(5)
    world.mn.open(world.cn1, CALL)
    world.run(5)
    late = world.mn.open(world.cn1, CALL, interface="cell0")
    world.run(1.0 if way == "dhcpv6" else 0.005)
    world.mn.handover_all("wlan0")
    world.mn.close(late)
    world.run(60)
    assert homes(world) == [str(world.mn.primary_home_address)]
    assert disagreements(world) == []


@pytest.mark.parametrize("wait_s", [0.001, 0.005, 0.02, 0.05, 0.11, 0.25])
def test_a_flow_closed_soon_after_it_was_opened_leaves_no_binding(wait_s: float) -> None:
    world = mf.figure2(seed=1, enhanced=True)
    world.run(5)
    first = world.mn.open(world.cn1, CALL)
    world.run(5)
    world.mn.close(first)
    world.run(5)
    second = world.mn.open(world.cn1, CALL)
    world.run(wait_s)
    world.mn.close(second)
    world.run(60)
    assert list(world.cn1.bindings) == []
    assert disagreements(world) == []


@pytest.mark.parametrize("wait_s", [0.001, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("how", ["home_follows", "its flow", "tunnel"])
def test_a_flow_moved_and_moved_back_at_once_is_where_it_says(how: str, wait_s: float) -> None:
    bindings = {"home_bindings": mf.policies.HomeBindings(at="its flow")} if how == "its flow" else {}
    world = mf.figure2(seed=7, mode="tunnel" if how == "tunnel" else "route_optimisation", **bindings)
    flow = world.mn.open(world.cn1, CALL)
    world.run(10)
    follows = True if how == "home_follows" else None
    world.mn.handover(flow, "cell0", home_follows=follows)
    world.run(wait_s)
    world.mn.handover(flow, "wlan0", home_follows=follows)
    world.run(20)
    assert flow.care_of_address == WLAN_CARE_OF
    assert [binding.care_of_address for binding in world.ha.bindings] == [WLAN_CARE_OF]
    assert how == "tunnel" or [binding.care_of_address for binding in world.cn1.bindings] == [WLAN_CARE_OF]
    assert disagreements(world) == []


def going_home(wait_s: float) -> World:
    """A new flow's update to the home agent is on the slow way, when the mobile node comes home."""
    world = mf.figure2(seed=1)
    world.mn.interface("wlan0").set_up(False)
    world.run(1.2)  # the address has been made, and its first update leaves soon
    assert world.mn.care_of_address("cell0") == CELLULAR_CARE_OF
    world.run(wait_s)
    world.mn.interface("wlan0").set_up(True)
    world.mn.visit("wlan0", world.network.segments["home"])
    return world


@pytest.mark.parametrize("wait_s", [0.0, 0.01, 0.03, 0.05])
def test_a_home_agent_that_meets_ourselves_finds_no_duplicate(wait_s: float) -> None:
    world = going_home(wait_s)
    world.run(60)
    assert world.mn.primary_home_address in world.mn.addresses
    assert world.mn.primary_home_address not in world.mn.registrar.machine.duplicates
    assert list(world.ha.bindings) == []
    world.mn.visit("wlan0", world.network.segments["wlan0"])
    world.run(10)
    assert len(list(world.ha.bindings)) == 1


