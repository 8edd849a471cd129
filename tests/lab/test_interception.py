"""A learner's function in the home agent: a right one does what the node does, a wrong one what it says."""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed, ProtocolMisuse
from mipflow.lab.interception import CacheEntry, Packet
from mipflow.lab.world import World
from mipflow.sim.trace import Dropped

HA = "2001:db8:100::7"


def right(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    entry = cache.get(packet.destination)
    if entry is None or now >= entry.expires_at_s:
        return packet
    return Packet(HA, entry.care_of_address, packet)


def called(intercept: Any = None, mode: Any = "tunnel", **more: Any) -> World:
    world = mf.plain_mobile_ipv6(seed=1, mode=mode, intercept=intercept, **more)
    world.mn.open(world.cn1, mf.apps.Voice(both_ways=True))
    world.run(6).mn.handover_all("cell0")
    return world.run(4)


def drops(world: World) -> set[str]:
    return {f"{each.node}: {each.reason}" for each in world.trace.records if isinstance(each, Dropped)}


@pytest.mark.parametrize("mode", ["tunnel", "triangular", "route_optimisation"])
@pytest.mark.parametrize("more", [{}, {"security": True}, {"ingress_filtering": True}], ids=str)
def test_a_right_function_does_packet_by_packet_what_the_home_agent_does(mode: str, more: dict[str, Any]) -> None:
    assert called(right, mode, **more).trace.digest() == called(None, mode, **more).trace.digest()


def test_the_flows_go_on_by_it() -> None:
    world = called(right)
    assert world.mn.opened[1].stats.down.received > 300 and not world.interceptions[0].failed


def into_a_circle(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    return Packet(HA, packet.destination, packet) if packet.destination in cache else packet


def from_the_correspondent(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    return Packet(packet.source, "2001:db8:200::10", packet)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda packet, cache, now: packet, "HA: no route to 2001:db8:100::10"),
        (lambda packet, cache, now: None, "HA: your intercept() did not send it on"),
        (lambda packet, cache, now: cache[packet.destination] and packet, "HA: your intercept() raised KeyError"),
        (from_the_correspondent, "MN: tunnelled, but not by the home agent"),
        (into_a_circle, "HA: no route to 2001:db8:100::10"),
        (lambda packet, cache, now: 5, "HA: your intercept() gave 5; expected the packet, or a Packet with"),
        (lambda packet, cache, now: Packet(HA, "x", packet), "expected addresses as text in a packet, and"),
        (lambda packet, cache, now: Packet(HA, 5, packet), "a packet, and there is 5"),
        (lambda packet, cache, now: Packet(HA, HA, Packet(HA, HA, packet)), "expected the packet, or a Packet"),
        (lambda packet, cache, now: Packet(HA, "2001:db8:200::10", "data"), "expected the packet, or a Packet"),
    ],
)  # fmt: skip
def test_a_wrong_one_does_what_it_says(wrong: Any, reason: str) -> None:
    world = called(wrong)
    assert any(reason in each for each in drops(world)), drops(world)
    assert world.mn.opened[1].stats.down.received == 0


def test_who_writes_over_the_destination_leaves_no_home_address_in_the_packet() -> None:
    def overwrites(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
        if packet.destination in cache:
            packet.destination = cache[packet.destination].care_of_address
        return packet

    world = called(overwrites)
    last = [hop for hop in world.trace.packets if str(hop.destination) == "2001:db8:200::10" and hop.label]
    assert last and all(hop.innermost() is hop for hop in last)
    came = [hop for hop in world.trace.packets if str(hop.destination) == "2001:db8:100::10" and hop.label < 0]
    assert came, "what came to the home agent stays in the trace as it was"


def test_it_is_asked_once_only_after_it_failed() -> None:
    asked = list[float]()

    def fails(packet: Packet, cache: dict[str, CacheEntry], now: float) -> None:
        asked.append(now)
        raise ValueError("no")

    world = called(fails)
    assert len(asked) == 1 and "raised ValueError" in world.interceptions[0].failed


def test_a_row_that_is_over_stays_to_be_seen_and_one_that_was_ended_goes() -> None:
    seen = dict[float, dict[str, CacheEntry]]()

    def looks(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
        seen[now] = dict(cache)
        cache.clear()  # their own
        return right(packet, dict(seen[now]), now)

    world = mf.plain_mobile_ipv6(seed=1, mode="tunnel", intercept=looks, home_lifetime_s=12)
    home = world.mn.primary_home_address
    world.run(4)
    ask = world.cn1.echo(1, home)
    ask.send(1, b"")
    world.run(1)
    assert seen[max(seen)][str(home)].care_of_address == "2001:db8:200::10"
    for each in ("wlan0", "cell0"):
        world.mn.interface(each).set_up(False)
    world.run(30)
    assert not list(world.ha.bindings)
    ask.send(2, b"")
    world.run(1)
    assert seen[max(seen)][str(home)].expires_at_s < max(seen)
    assert any("HA: no route to" in each for each in drops(world))


@pytest.mark.parametrize("bad", [5, lambda packet: packet])
def test_what_is_no_such_function_is_refused(bad: Any) -> None:
    with pytest.raises(FunctionFailed, match="intercept"):
        mf.figure2(intercept=bad)
    with pytest.raises(ProtocolMisuse):
        mf.figure2(intercep=bad)


def test_each_of_several_home_agents_has_it() -> None:
    assert len(mf.figure2(home_agents=3, intercept=right).interceptions) == 3
