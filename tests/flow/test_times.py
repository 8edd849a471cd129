"""The time of a handover, to the nanosecond: the closed forms (A), (A1), (A2), (B) and (C) on random links.

From `handover()` to the first data packet that reaches the mobile node at its new care-of address n; a is the care-of
address that the home agent holds. w, from the binding update's arrival to the sender's next packet, follows from the
sender's schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.scenarios import LINKS
from mipflow.lab.world import World
from mipflow.wire.packet import UDP, Packet, RoutingHeaderType2

MS = 1_000_000
PERIOD_MS = 7.013
"""The period of the downlink sender."""


@dataclass
class Delays:
    """One-way delays of a world's links in nanoseconds; a is wlan0, n is cell0."""

    wlan0: int
    cell0: int
    ar2: int
    ar3: int
    ha: int
    cn1: int

    @classmethod
    def random(cls, seed: int) -> Delays:
        """In odd seeds the home agent is near and the new access network slow: the care-of test dominates."""
        r = Random(seed)
        far, near = (80, 200), (1, 15)
        slow = seed % 2 == 1

        def draw(low: int, high: int) -> int:
            return r.randrange(low * MS, high * MS, 1000) | 1

        return cls(
            draw(*near), draw(*(far if slow else near)), draw(*near), draw(*near),
            draw(*(near if slow else far)), draw(*near),
        )  # fmt: skip

    def links(self) -> dict[str, mf.Link]:
        own = {
            "wlan0": self.wlan0, "cell0": self.cell0, "AR2-Internet": self.ar2, "AR3-Internet": self.ar3,
            "Internet-HA": self.ha, "cn1": self.cn1,
        }  # fmt: skip
        return {name: mf.Link(delay_ms=own.get(name, 1001) / MS, rate_bps=None) for name in LINKS}

    # One-way delays.

    @property
    def n_cn(self) -> int:
        return self.cell0 + self.ar3 + self.cn1

    @property
    def n_ha(self) -> int:
        return self.cell0 + self.ar3 + self.ha

    @property
    def a_ha(self) -> int:
        return self.wlan0 + self.ar2 + self.ha

    @property
    def ha_cn(self) -> int:
        return self.ha + self.cn1


def prepared(delays: Delays, seed: int, before_s: float = 6.0, **keywords: object) -> tuple[World, Flow]:
    """Return a world with a call from CN1 whose packets come at a known period."""
    world = mf.figure2(seed=seed, links=delays.links(), **keywords)
    call = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=PERIOD_MS, payload_bytes=40))
    world.run(before_s)
    assert call.stats.down.received > 100
    return world, call


def next_packet(world: World, after_ns: int) -> int:
    """Return when CN1 sends its next packet, by its schedule."""
    period = round(PERIOD_MS * MS)
    first = next(hop.sent_ns for hop in world.trace if hop.channel.sender == "CN1" and hop.packet.innermost().flow)
    return first - (first - after_ns) // period * period


def first_at(world: World, interface: str, since_ns: int) -> int:
    """Return when the first data packet for the care-of address of an interface arrives there."""
    care_of = world.mn.care_of_address(interface)
    for hop in world.trace:
        packet = hop.packet
        if hop.channel.receiver != "MN" or hop.arrived_ns < since_ns or packet.destination != care_of:
            continue
        if isinstance(packet.innermost().payload, UDP) and hop.channel.receiver_interface == interface:
            is_optimised = any(isinstance(header, RoutingHeaderType2) for header in packet.extensions)
            assert is_optimised or isinstance(packet.payload, Packet)
            if is_optimised or world.mn.mobility.mode == "tunnel":
                return hop.arrived_ns
    raise AssertionError(f"nothing came over {interface}")


def measured(world: World, call: Flow, interface: str = "cell0", **keywords: bool) -> tuple[int, int]:
    """Return when handover() was called, and how long it took, in nanoseconds."""
    start = world.network.clock.now
    world.mn.handover(call, interface, **keywords)
    world.run(4)
    return start, first_at(world, interface, start) - start


SEEDS = range(10)


def test_the_care_of_test_dominates_in_some() -> None:
    longer = [d.n_cn * 2 > d.a_ha * 2 + d.ha_cn * 2 for d in map(Delays.random, SEEDS)]
    assert 3 <= sum(longer) <= 7


@pytest.mark.parametrize("seed", SEEDS)
def test_a_no_token(seed: int) -> None:
    d = Delays.random(seed)
    world, call = prepared(d, seed, reuse_tokens=False)
    start, took = measured(world, call)
    tests = max(2 * d.a_ha + 2 * d.ha_cn, 2 * d.n_cn)
    update = start + tests + d.n_cn
    w = next_packet(world, update) - update
    assert 0 <= w < PERIOD_MS * MS
    assert took == tests + d.n_cn + w + d.n_cn
    (home,) = world.ha.bindings
    assert home.care_of_address == world.mn.care_of_address("wlan0"), "no home binding moved"


@pytest.mark.parametrize("seed", SEEDS)
def test_a1_home_token_fresh(seed: int) -> None:
    d = Delays.random(seed)
    world, call = prepared(d, seed)
    start, took = measured(world, call)
    update = start + 2 * d.n_cn + d.n_cn
    assert took == 3 * d.n_cn + (next_packet(world, update) - update) + d.n_cn


@pytest.mark.parametrize("seed", [0, 1])
def test_a1_ends_with_the_home_token(seed: int) -> None:
    """After 210 s the home token is too old, and it is (A) again."""
    d = Delays.random(seed)
    world, call = prepared(d, seed, before_s=220.0)
    start, took = measured(world, call)
    tests = max(2 * d.a_ha + 2 * d.ha_cn, 2 * d.n_cn)
    update = start + tests + d.n_cn
    assert took == tests + d.n_cn + (next_packet(world, update) - update) + d.n_cn


@pytest.mark.parametrize("seed", SEEDS)
def test_a2_both_tokens_fresh(seed: int) -> None:
    d = Delays.random(seed)
    world, call = prepared(d, seed)
    for interface in ("cell0", "wlan0"):  # there and back, so that there is a care-of token for cell0
        world.mn.handover(call, interface)
        world.run(3)
    start, took = measured(world, call)
    update = start + d.n_cn
    assert took == d.n_cn + (next_packet(world, update) - update) + d.n_cn


@pytest.mark.parametrize("seed", SEEDS)
def test_b_home_binding_first(seed: int) -> None:
    d = Delays.random(seed)
    world, call = prepared(d, seed, reuse_tokens=False)
    start, took = measured(world, call, home_follows=True)
    before = 2 * d.n_ha + max(2 * d.n_ha + 2 * d.ha_cn, 2 * d.n_cn)
    update = start + before + d.n_cn
    assert took == before + d.n_cn + (next_packet(world, update) - update) + d.n_cn
    (home,) = world.ha.bindings
    assert home.care_of_address == world.mn.care_of_address("cell0")


@pytest.mark.parametrize("seed", SEEDS)
def test_c_tunnel(seed: int) -> None:
    """w counts from the update's arrival at the home agent to the sender's next packet there."""
    d = Delays.random(seed)
    world, call = prepared(d, seed, mode="tunnel")
    start, took = measured(world, call)
    update = start + d.n_ha
    w = next_packet(world, update - d.ha_cn) + d.ha_cn - update
    assert took == d.n_ha + w + d.n_ha
    assert list(world.cn1.bindings) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_a_with_serialisation_accounted_for_exactly(seed: int) -> None:
    """Every link at its rate, idle but for the handover: each message adds its octets on each link."""
    d = Delays.random(seed)
    rates = {"wlan0": 20_000_000, "cell0": 5_000_000}
    links = {
        name: mf.Link(delay_ms=link.delay_ms, rate_bps=rates.get(name, 100_000_000)) for name, link in d.links().items()
    }
    world = mf.figure2(seed=seed, links=links, reuse_tokens=False)
    call = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=3000, payload_bytes=40))
    world.run(7)
    start, took = measured(world, call)

    def wire(octets: int, *names: str) -> int:
        return sum((octets * 8 * 10**9 + links[n].rate_bps // 2) // links[n].rate_bps for n in names)  # type: ignore[operator]

    a, n, cn, ha = ("wlan0", "AR2-Internet"), ("cell0", "AR3-Internet"), ("cn1",), ("Internet-HA",)
    home_init, care_of_init, home_test, care_of_test, update, data = 56, 56, 64, 64, 40 + 24 + 32, 40 + 24 + 48
    home = (
        2 * d.a_ha
        + 2 * d.ha_cn
        + (
            wire(home_init + 40, *a, *ha)
            + wire(home_init, *ha, *cn)
            + wire(home_test, *cn, *ha)
            + wire(home_test + 40, *ha, *a)
        )
    )
    care_of = 2 * d.n_cn + wire(care_of_init, *n, *cn) + wire(care_of_test, *cn, *n)
    tests = max(home, care_of)
    arrives = start + tests + d.n_cn + wire(update, *n, *cn)
    first = next(hop.sent_ns for hop in world.trace if hop.channel.sender == "CN1" and hop.packet.innermost().flow)
    period = 3000 * MS
    following = first - (first - arrives) // period * period
    assert start + took == following + d.n_cn + wire(data, *cn, *n)


@pytest.mark.parametrize("seed", SEEDS)
def test_back_on_the_shorter_way_the_update_overtakes_what_is_under_way(seed: int) -> None:
    """Packets that left over the longer way in the last n - a before the update come after it, from a care-of address
    that is no longer bound: the correspondent drops them (RFC 6275 section 9.3.1). The other way round nothing is lost.
    """
    d = Delays.random(seed)
    world, call = prepared(d, seed)
    longer = d.n_cn - (d.wlan0 + d.ar2 + d.cn1)
    if longer < 0:
        d.wlan0, d.cell0, d.ar2, d.ar3 = d.cell0, d.wlan0, d.ar3, d.ar2
        world, call, longer = *prepared(d, seed), -longer
    lost = [call.stats.up.lost, call.stats.down.lost]
    world.mn.handover(call, "cell0")
    world.run(3)
    assert [call.stats.up.lost, call.stats.down.lost] == lost and call.interface == "cell0"
    start, period = world.network.clock.now, round(PERIOD_MS * MS)
    world.mn.handover(call, "wlan0")  # with fresh tokens: the update leaves now
    world.run(3)
    sent = [hop.sent_ns for hop in world.trace if hop.channel.sender == "MN" and hop.packet.innermost().flow]
    overtaken = (max(t_ns for t_ns in sent if t_ns < start) - (start - longer)) // period + 1
    assert [call.stats.up.lost, call.stats.down.lost] == [lost[0] + overtaken, lost[1]]
    assert overtaken > 0 or longer < period
    drops = [drop for drop in world.trace.drops() if drop.t_ns > start and drop.packet.innermost().flow == call.id]
    assert [drop.node for drop in drops] == ["CN1"] * overtaken
    assert all(drop.reason == "Home Address option without a matching binding" for drop in drops)
    assert all(start < drop.t_ns < start + d.n_cn for drop in drops)


def test_in_figure_2_as_it_is_that_is_what_35_ms_hold() -> None:
    """The number of the README: a call of 50 packets a second and twelve seconds, back from cell0 to wlan0."""
    lost = {}
    for interval_ms in (20, 5):
        world = mf.figure2(seed=7)
        call = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=interval_ms, duration_s=12), "cell0")
        world.run(6)
        before = call.stats.up.lost
        world.mn.handover(call, "wlan0")
        world.run(10)
        lost[call.stats.up.sent] = call.stats.up.lost - before
        assert call.stats.down.lost == 0
    assert lost == {600: 2, 2400: 8}
