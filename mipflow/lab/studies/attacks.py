"""The attack table: whether each attack succeeds from each place against each defence, found by running it.

Every cell is a world of its own with an attacker in it; its verdict is read from that world's binding caches and links
at the end. RFC 4225 and RFC 6275 section 15 say what to expect.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from mipflow.arguments import FLAG, SEED, check
from mipflow.lab.scenarios import figure2
from mipflow.lab.studies.attackers import Liar, Replayer
from mipflow.lab.studies.found import found
from mipflow.lab.studies.study import Row, choose, sent_since, table
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.bindings.keygen_tokens import binding_management_key, proved
from mipflow.mip6.correspondent_node import Correspondent, CorrespondentNode
from mipflow.mip6.enhanced.cga import AddressOwner
from mipflow.mip6.enhanced.registrations import EnhancedRegistrations
from mipflow.node.applications.application import Ends
from mipflow.node.applications.apps import Voice
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link, Segment
from mipflow.sim.trace import TableChanged
from mipflow.view.drawing.picture import Picture
from mipflow.wire.address import Address, Prefix
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, NonceIndices, Status

MALLORY = Prefix.parse("2001:db8:bad::/64")
ATTACKER, PLACE = "Attacker", (4.0, -2.0)
"""The attacker's name, and its place in pictures."""
VERDICT = {True: "succeeds", False: "fails"}
FLOOD = 999
"""The flow id of the stream that the attacker has sent to its victim."""

CALL = Voice(interval_ms=500)
"""The call that is to be stolen; the amount of data in it does not matter."""

VICTIMS = {"CN2": None, "Laptop": ("wlan0", 0.0, 2.2), "Printer": ("home", 2.4, 2.6)}
"""Machines that can be flooded -> link and place of one that is not in the world already."""

PLACES: dict[str, str | None] = {
    "off the path": None, "MN's access": "wlan0", "HA-CN path": "Internet-HR", "CN's access": "cn1",
    "home link": "home",
}  # fmt: skip
"""Places -> the link of the world on which the attacker listens."""


class Credulous(Correspondent):
    """A correspondent that believes every binding update, as in route optimisation without any proof."""

    def binding_update(self, arrival: Arrival) -> None:
        """Bind or delete as the update says."""
        update, home_address = arrival.packet.payload, arrival.source
        assert isinstance(update, BindingUpdate)
        care_of = self.care_of_address(arrival, update)
        if update.lifetime_units:
            expires_ns = self.node.clock.now + update.lifetime_units * LIFETIME_UNIT_S * NS_PER_S
            self.bind(Binding(home_address, care_of, update.sequence, expires_ns))
        else:
            self.unbind(home_address)
        indices = update.option(NonceIndices)
        if indices is not None:  # a mobile node expects a proof in its acknowledgement
            is_kept = update.lifetime_units > 0
            home_token = self.nonces.home_token(home_address, indices.home)
            care_of_token = self.nonces.care_of_token(care_of, indices.care_of) if is_kept else None
            key, signed = binding_management_key(home_token, care_of_token), care_of if is_kept else home_address
            answer = BindingAcknowledgement(Status.ACCEPTED, update.sequence, update.lifetime_units)
            self.acknowledge(arrival, proved(answer, key, signed, arrival.packet.destination))


DEFENCES: dict[str, dict[str, Any]] = {
    "none": {"correspondents": {"CN1": partial(CorrespondentNode, part=Credulous)}},
    "return routability": {},
    "return routability and ESP": {"security": True},
    "generated addresses": {"enhanced": True},
}
"""Defences against the attacker -> keywords of `figure2`."""


class Means(NamedTuple):
    """The means of an attacker: a link to listen on, and a key of its own to generate addresses from (RFC 4866).

    victim: the machine to flood; tests: whether it does both tests, as a mobile node does, before it lies.
    """

    ears: Segment | None
    has_key: bool
    victim: str = "CN2"
    tests: bool = True


class Attack(NamedTuple):
    """An attack that was run: its world, the attacker in it, and whether it succeeded."""

    world: World
    attacker: Liar | Replayer
    succeeds: bool

    @property
    def held(self) -> dict[str, float]:
        """The true keygen tokens that a liar got: "home", "care-of" -> since when, in seconds."""
        return self.attacker.tokens.true() if isinstance(self.attacker, Liar) else {}


def _steal(world: World, means: Means) -> Attack:
    """Have CN1 send the mobile node's packets to the attacker (RFC 4225 section 3.1.1)."""
    flow = world.mn.open(world.cn1, CALL)
    world.run(6)
    assert flow.home_address is not None
    liar = _liar(world, means)
    (liar.claim if means.tests else liar.lie)(world.cn1.address, flow.home_address, liar.address)
    world.run(8)
    return Attack(world, liar, _came_to_believe(world, "CN1", flow.home_address, liar.address))


def _steal_at_home(world: World, means: Means) -> Attack:
    """Have the home agent send the mobile node's packets to the attacker (RFC 6275 section 15.3)."""
    flow = world.mn.open(world.cn1, CALL)
    world.run(6)
    assert flow.home_address is not None
    liar = _liar(world, means)
    liar.mobility.own_home_addresses.add(flow.home_address)  # an answer about the sequence number reaches it
    liar.mobility.home_agent = world.ha.home_agent_address
    liar.mobility.registrar.register_home(flow.home_address, liar.address)
    world.run(4)
    return Attack(world, liar, _came_to_believe(world, "HA", flow.home_address, liar.address))


def _flood(world: World, means: Means) -> Attack:
    """Ask CN1 for a stream, then send it to a victim by a false care-of address (RFC 4225 section 3.2.1)."""
    liar, victim = _liar(world, means), _victim(world, means.victim)
    home_address = liar.address
    world.run(3)
    Voice(interval_ms=100).start(Ends(liar, world.cn1, 5004, 5004, FLOOD))
    world.further_flows[FLOOD] = "stream"
    world.run(1)
    if means.has_key:  # a true binding first: under its permanent token the false one can be early
        other = MALLORY.address(0x667)
        liar.interfaces["eth0"].add_address(other)
        liar.claim(world.cn1.address, home_address, other)
        world.run(3)
    (liar.claim if means.tests else liar.lie)(world.cn1.address, home_address, victim.address)
    world.run(9)
    late = sent_since(world, world.network.clock.now - NS_PER_S)  # it is no flood if it has ended by then
    comes = any(channel.receiver == victim.name and packet.innermost().flow == FLOOD for packet, channel in late)
    return Attack(world, liar, comes)


def _replay(world: World, means: Means) -> Attack:
    """Send a binding update again after the mobile node has deleted its binding (RFC 4225 section 3.1.6)."""
    replayer = Replayer(world.network, ATTACKER, *PLACE)
    settle(world, replayer.settle, 0x666)
    if means.ears is not None:
        replayer.listen(means.ears)
    flow = world.mn.open(world.cn1, CALL)
    world.run(6)
    home_address, old = flow.home_address, flow.care_of_address
    assert home_address is not None and old is not None
    world.mn.handover(flow, "cell0")
    world.run(2)
    world.mn.close(flow)
    world.run(2)
    since = world.network.clock.now
    replayer.replay(world.cn1.address)
    world.run(2)
    return Attack(world, replayer, _came_to_believe(world, "CN1", home_address, old, since))


ATTACKS: dict[str, Callable[[World, Means], Attack]] = {
    "steal at the correspondent": _steal, "steal at the home agent": _steal_at_home, "flood": _flood,
    "replay": _replay,
}  # fmt: skip


def attack(what: str, place: str, defence: str, seed: int = 0, *, victim: str = "CN2", tests: bool = True) -> Attack:
    """Run one attack; return its world, the attacker, and whether it succeeded.

    victim: the machine to flood, one of `VICTIMS`; tests: whether the attacker does both tests before it lies, or lies
    at once. Raises ProtocolMisuse for an attack, place, defence or victim that is unknown.
    """
    run, segment, keywords = choose(what, ATTACKS), choose(place, PLACES), choose(defence, DEFENCES)
    choose(victim, VICTIMS)
    check(SEED, seed=seed)
    check(FLAG, tests=tests)
    for has_key in (False, True)[: 1 + ("enhanced" in keywords)]:  # where keys count, with one and without
        world = figure2(seed, home_router=True, **keywords)
        ears = None if segment is None else world.network.segments[segment]
        made = run(world, Means(ears, has_key, victim, tests))
        if made.succeeds:
            break
    return made


def attack_table(seed: int = 0) -> Picture:
    """Run every attack from every place against every defence, and show which succeed. Kept for the next time
    (`lab.studies.found`).
    """
    check(SEED, seed=seed)
    cells = [(what, place, defence) for what in ATTACKS for defence in DEFENCES for place in PLACES]
    verdicts = found("attack_table", (seed, cells), len(cells), (attack(*cell, seed).succeeds for cell in cells))
    succeeds = dict(zip(cells, verdicts, strict=True))
    rows: list[Row] = [
        {"attack": what, "defence": defence, **{place: VERDICT[succeeds[what, place, defence]] for place in PLACES}}
        for what in ATTACKS for defence in DEFENCES
    ]  # fmt: skip

    def told(row: Row) -> list[str]:
        places = [place for place in PLACES if row[place] == VERDICT[True]]
        return [f"{row['attack']}, defence {row['defence']}: succeeds from {', '.join(places) or 'nowhere'}."]

    return table("What an attacker achieves, by where it listens", rows, told)


def settle(world: World, live: Callable[[Segment, int], object], interface_identifier: int) -> None:
    """Put an attacker on a link of its own at the Internet's edge."""
    segment = world.network.add_segment("mallory", Link(delay_ms=5), MALLORY)
    world.internet.serve(segment)
    live(segment, interface_identifier)


def _liar(world: World, means: Means) -> Liar:
    address, settings = MALLORY.address(0x666), {}
    if means.has_key:
        owner = AddressOwner(world.network.random(f"{ATTACKER}/generated addresses"))
        address, settings = owner.generate(MALLORY), {"registrations": partial(EnhancedRegistrations, owner=owner)}
    liar = Liar(world.network, ATTACKER, PLACE[0], PLACE[1], address=address, **settings)
    settle(world, liar.settle, address.interface_identifier)
    world.further_names[address] = f"{ATTACKER}'s address"
    if means.ears is not None:
        liar.listen(means.ears)
    return liar


def _victim(world: World, name: str) -> Host:
    """Return the machine to flood: an uninvolved correspondent, or a new one on a link of the mobile node."""
    placed = VICTIMS[name]
    if placed is None:
        return world.cn2
    victim = Host(world.network, name, *placed[1:])
    victim.settle(world.network.segments[placed[0]], 0x777)
    world.further_names[victim.address] = f"{name}'s address"
    return victim


def _came_to_believe(world: World, node: str, home_address: Address, care_of: Address, since_ns: int = 0) -> bool:
    """True if a node's binding cache ever held this binding."""
    wanted = {"home_address": str(home_address), "care_of_address": str(care_of)}
    return any(
        record.node == node and record.t_ns >= since_ns and wanted.items() <= (record.change.after or {}).items()
        for record in world.trace.records
        if isinstance(record, TableChanged) and record.change.table == "binding cache"
    )
