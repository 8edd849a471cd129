"""The resources of others that an attacker off the path can use up, with and without a bound: found by running it.

Each row is two worlds that differ in the bound only. RFC 4225 section 3.3 and RFC 6275 sections 9.6, 11.3.6 and 15 name
what is to be bounded; sizes are small, so that a run takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from mipflow.arguments import SEED, check
from mipflow.lab.scenarios import HOME, figure2
from mipflow.lab.studies.attackers import Forger, Hoarder, update_packet
from mipflow.lab.studies.attacks import DEFENCES, MALLORY, settle
from mipflow.lab.studies.found import found
from mipflow.lab.studies.study import Row, table
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import RateLimit
from mipflow.mip6.registrations.events import Ceased, Doubted, RegistrationEvent
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.mip6.registrations.steps import Step
from mipflow.node.applications.apps import Voice
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.view.drawing.picture import Picture
from mipflow.wire import mobility
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import UDP, Packet

NOBODY = Prefix.parse("2001:db8:dead::/64")
"""The prefix of forged sources: nobody has an address of it."""
PORT = 7000
BOUNDLESS = 10**9
SMALL_CACHE = 50
"""The size of a binding cache that a run is to fill; otherwise it has room for 100 000 entries."""


class Believer(Registrations):
    """Registrations that believe every binding error at once, as section 11.3.6 says to the letter."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._unproved = RateLimit(BOUNDLESS)

    def handle(self, event: RegistrationEvent, now: int) -> list[Step]:
        """Handle a doubt as a fact: give route optimisation up, whatever the peer has proved."""
        return super().handle(Ceased(event.peer, event.why) if isinstance(event, Doubted) else event, now)


class Exhaustion(NamedTuple):
    """An attack on resources of others: what is counted, the bound, and the text that asks for it."""

    counted: str
    bound: str
    source: str
    run: Callable[[int, bool], float]
    """run(seed, bounded) returns the count."""


def _forge(world: World, count: int, seconds: float, make: Callable[[int], Packet]) -> None:
    """Have `count` forged packets leave in the next `seconds`, evenly."""
    forger = Forger(world.network, "Mallory", 4.0, -2.0)
    settle(world, forger.settle, 0x666)
    for number in range(count):
        t_ns = world.network.clock.now + round(number * seconds * NS_PER_S / count)
        world.network.clock.at(t_ns, forger.forge, make(number))


def _failover(status: mobility.BindingErrorStatus, others: int, seed: int, bounded: bool) -> float:
    """Let the interface of a flow fail while forged binding errors of its correspondent say that it has lost the
    bindings of `others` on another interface, or that it does not know Mobile IPv6.
    """
    registrations = Registrations if bounded else Believer
    world = figure2(seed, home_router=True, trace="control", registrations=registrations)
    flow, cn = world.mn.open(world.cn1, Voice(interval_ms=100)), world.cn1.address
    beside = [world.mn.open(world.cn1, Voice(interval_ms=2000), interface="cell0") for _ in range(others)]
    world.run(250)  # by now the keygen tokens are too old to be used again
    care_of, homes = world.mn.care_of_address("cell0"), [other.home_address or Address(0) for other in beside]
    heard: list[int] = []

    def listen(packet: Packet, now: int) -> None:
        if packet.innermost().label == -flow.id:
            heard.append(now)

    def error(number: int) -> Packet:
        return Packet(cn, care_of, mobility.BindingError(status, homes[number % others] if others else Address(0)))

    world.network.segments["cell0"].tap(listen)
    _forge(world, 100 * (5 + others), 5 + others, error)
    world.run(others / 10)
    heard[:] = [world.network.clock.now]
    world.mn.interface("wlan0").set_up(False)
    world.run(200 if others == 0 else 20)
    silences = pairwise([*heard, world.network.clock.now])
    return round(max(later - earlier for earlier, later in silences) / NS_PER_S, 1)


def _open_port(seed: int, bounded: bool) -> float:
    """Send datagrams from everywhere to a port at which the mobile node serves everybody."""
    world = figure2(seed, home_router=True, trace="control")
    world.run(5)
    world.mn.udp(PORT)
    if not bounded:
        strangers = world.mn.calls.strangers
        strangers.most, strangers.limit = BOUNDLESS, TokenBucket(BOUNDLESS, BOUNDLESS)
    home = world.mn.primary_home_address
    _forge(world, 500, 5, lambda n: Packet(NOBODY.address(n), home, UDP(9, PORT)))
    world.run(6)
    return len(world.mn.flows)


def _bindings_of_others(world: World, node: str) -> int:
    """Count the entries of a binding cache that are not the mobile node's."""
    tables: dict[str, Any] = world.trace.tables(world.network.clock.now).get(node, {})
    ours = {str(address) for address in world.mn.own_home_addresses}
    return len(set(tables.get("binding cache", {})) - ours)


def _home_registrations(has_security: bool, seed: int, bounded: bool) -> float:
    """Register home addresses that nobody has, for the attacker's own address."""
    world = figure2(seed, home_router=True, security=has_security and bounded)
    if not (has_security and bounded):
        world.ha.bindings.max_bindings = SMALL_CACHE if bounded else BOUNDLESS
    world.run(5)
    home_agent, care_of = world.ha.home_agent_address, MALLORY.address(0x666)
    options = (mobility.AlternateCareOfAddress(care_of),)
    update = mobility.BindingUpdate(1, home_registration=True, lifetime_units=900, options=options)
    _forge(world, 300, 3, lambda n: update_packet(HOME.address(0x10000 + n), care_of, home_agent, update))
    world.run(5)
    return _bindings_of_others(world, "HA")


def _unproved(seed: int, bounded: bool) -> float:
    """Send test inits and binding updates from forged sources, the updates with made-up proofs."""
    world = figure2(seed, home_router=True, **DEFENCES["return routability" if bounded else "none"])
    world.run(5)
    cn, care_of = world.cn1.address, MALLORY.address(0x666)
    update = mobility.BindingUpdate(1, lifetime_units=100, options=(mobility.NonceIndices(1, 1),))

    def make(number: int) -> Packet:
        home_address, which = NOBODY.address(number // 3), number % 3
        if which == 2:
            return update_packet(home_address, care_of, cn, update)
        return Packet(home_address, cn, (mobility.HomeTestInit, mobility.CareOfTestInit)[which](bytes(8)))

    _forge(world, 900, 3, make)
    world.run(5)
    return world.cn1.bindings.size


def _true_bindings(seed: int, bounded: bool) -> float:
    """Bind home addresses that the attacker has, in due form."""
    world = figure2(seed, home_router=True)
    world.cn1.bindings.max_bindings = SMALL_CACHE if bounded else BOUNDLESS
    hoarder = Hoarder(world.network, "Mallory", 4.0, -2.0)
    settle(world, hoarder.settle, 0x666)
    for number in range(80):
        ends = world.cn1.address, MALLORY.address(0x10000 + number)
        world.network.clock.at(number * 10 * NS_PER_MS, lambda ends: hoarder.hoard(*ends), ends)
    world.run(5)
    return _bindings_of_others(world, "CN1")


EXHAUSTIONS: dict[str, Exhaustion] = {
    "binding errors (status 2) in a failover": Exhaustion(
        "seconds without downlink", "who has answered lately is not doubted", "RFC 6275 11.3.6",
        partial(_failover, mobility.BindingErrorStatus.UNRECOGNIZED_MOBILITY_HEADER, 0),
    ),
    "binding errors (status 1) about 15 other bindings": Exhaustion(
        "seconds without downlink", "1 renewal a second that a peer asks for", "RFC 6275 11.3.6, 11.8",
        partial(_failover, mobility.BindingErrorStatus.UNKNOWN_BINDING, 15),
    ),
    "500 datagrams to an open port": Exhaustion(
        "flows begun", "100 begun by others at once, 10 a second", "RFC 4225 3.3.1", _open_port,
    ),
    "300 home registrations": Exhaustion(
        "bindings at the home agent", "IP security", "RFC 6275 5.1, 15.3", partial(_home_registrations, True),
    ),
    "300 home registrations, without IP security": Exhaustion(
        "bindings at the home agent", f"the cache's size, here {SMALL_CACHE}", "RFC 6275 9.6, 10.1",
        partial(_home_registrations, False),
    ),
    "300 times tests and an update without proof": Exhaustion(
        "entries at the correspondent", "nothing is kept before a proof", "RFC 6275 15.4.5", _unproved,
    ),
    "80 true bindings of an attacker's own": Exhaustion(
        "entries at the correspondent", f"the cache's size, here {SMALL_CACHE}", "RFC 4225 3.3.2, RFC 6275 9.6",
        _true_bindings,
    ),
}  # fmt: skip


def exhaustion_table(seed: int = 0) -> Picture:
    """Run every attack on resources, once without and once with its bound. Kept for the next time
    (`lab.studies.found`).
    """
    check(SEED, seed=seed)
    runs = (each.run(seed, bounded) for each in EXHAUSTIONS.values() for bounded in (False, True))
    counts = found("exhaustion_table", (seed, [*EXHAUSTIONS]), 2 * len(EXHAUSTIONS), runs)
    rows: list[Row] = [
        {
            "attack": name, "counted": each.counted, "without the bound": without, "with it": bounded,
            "the bound": each.bound, "asked for by": each.source,
        }
        for (name, each), without, bounded in zip(EXHAUSTIONS.items(), counts[::2], counts[1::2], strict=True)
    ]  # fmt: skip
    told = "{attack}: {with it} {counted}, where it would be {without the bound} without the bound ({the bound})."
    return table("What an attacker uses up, without and with a bound", rows, lambda row: [told.format(**row)])
