"""The resources that an attacker uses up, without and with the bound, and the mobile node's own flows meanwhile."""

from __future__ import annotations

import pytest

from mipflow.lab.scenarios import HOME, figure2
from mipflow.lab.studies.attackers import Forger, Hoarder
from mipflow.lab.studies.attacks import MALLORY, settle
from mipflow.lab.studies.exhaustion import EXHAUSTIONS, SMALL_CACHE, exhaustion_table
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.node.applications.apps import Voice
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

EXPECTED = {
    # The old binding, renewed after 80 % of 420 s, lasts for 172 s more; the failover itself takes tests and an update.
    "binding errors (status 2) in a failover": ((171, 173), (0.3, 0.6)),
    # Fifteen updates before it in the queue, three a second, and then some of those come round again.
    "binding errors (status 1) about 15 other bindings": ((4, 11), (0.3, 0.6)),
    # A token bucket of ten and ten a second lets 10 + 5 * 10 pass in five seconds.
    "500 datagrams to an open port": ((500, 500), (59, 60)),
    "300 home registrations": ((300, 300), (0, 0)),
    # One place of the cache is the mobile node's own.
    "300 home registrations, without IP security": ((300, 300), (SMALL_CACHE - 1, SMALL_CACHE - 1)),
    "300 times tests and an update without proof": ((300, 300), (0, 0)),
    "80 true bindings of an attacker's own": ((80, 80), (SMALL_CACHE, SMALL_CACHE)),
}


@pytest.mark.parametrize("what", EXHAUSTIONS)
def test_the_bound_is_what_keeps_the_count_down(what: str) -> None:
    (low, high), (bounded_low, bounded_high) = EXPECTED[what]
    run = EXHAUSTIONS[what].run
    assert low <= run(0, False) <= high
    assert bounded_low <= run(0, True) <= bounded_high


@pytest.mark.slow
def test_the_table_says_in_words_and_rows_what_the_runs_came_to() -> None:
    picture = exhaustion_table()
    assert [row["attack"] for row in picture.rows()] == list(EXPECTED)
    assert (
        "300 home registrations: 0 bindings at the home agent, where it would be 300 without the bound (IP security)."
        in picture.describe()
    )


def hoarded(world: World, count: int) -> None:
    """Let an attacker bind `count` home addresses of its own at CN1."""
    world.cn1.bindings.max_bindings = SMALL_CACHE
    hoarder = Hoarder(world.network, "Mallory")
    settle(world, hoarder.settle, 0x666)
    for number in range(count):
        hoarder.hoard(world.cn1.address, MALLORY.address(0x10000 + number))
        world.run(0.01)


def test_a_full_cache_of_a_correspondent_costs_a_flow_its_short_way_and_no_packet() -> None:
    world = figure2()
    world.run(5)
    hoarded(world, 80)
    flow = world.mn.open(world.cn1, Voice())
    world.run(5)
    assert flow.home_address is not None and flow.registered_at_cn is None
    entry = world.mn.binding_updates.get((world.cn1.address, flow.home_address))
    assert entry is not None and entry.state is State.REFUSED
    assert [d.why for d in world.trace.decisions() if "insufficient resources" in d.why]
    assert flow.stats.up.lost == flow.stats.down.lost == 0 and flow.stats.down.received > 200


def test_a_binding_at_a_correspondent_stays_and_is_refreshed_in_a_full_cache() -> None:
    world = figure2(binding_lifetime_s=20)
    flow = world.mn.open(world.cn1, Voice())
    world.run(5)
    hoarded(world, 80)
    world.run(60)
    assert flow.registered_at_cn == flow.care_of_address and flow.stats.down.lost == 0
    assert len(world.cn1.bindings) == SMALL_CACHE


def test_a_full_cache_of_a_home_agent_refuses_further_home_addresses_and_keeps_its_own() -> None:
    world = figure2()
    world.ha.bindings.max_bindings = SMALL_CACHE
    flow = world.mn.open(world.cn1, Voice())
    world.run(5)
    forger, care_of = Forger(world.network, "Mallory"), MALLORY.address(0x666)
    settle(world, forger.settle, 0x666)
    update = BindingUpdate(1, home_registration=True, lifetime_units=900)
    for number in range(80):
        option = DestinationOptions((HomeAddressOption(HOME.address(0x10000 + number)),))
        forger.forge(Packet(care_of, world.ha.home_agent_address, update, extensions=(option,)))
    world.run(3)
    other, since, before = world.mn.open(world.cn1, Voice()), world.network.clock.now, flow.stats.down.received
    world.run(5)
    assert "status 130" in other.refused and other.stats.up.received == 0
    assert flow.stats.down.received - before > 200 and flow.stats.down.lost == 0
    assert not [d for d in world.trace.drops() if d.packet.flow == flow.id and d.t_ns > since - 3 * NS_PER_S]
