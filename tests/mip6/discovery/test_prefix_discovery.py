"""Mobile prefix discovery at a mobile node, with renumbering (RFC 6275 sections 11.4.2 and 11.4.3)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import mipflow as mf
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import (
    MobilePrefixAdvertisement,
    MobilePrefixSolicitation,
    PrefixInformation,
    UnknownNeighborOption,
)
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet, RoutingHeaderType2
from tests.mip6.worlds import S, messages, world
from tests.node.nodes import inject
from tests.oracles import tshark_complaints

NEW = Prefix.parse("2001:db8:101::/64")
AGENT, NEW_AGENT = HOME.address(7), NEW.address(7)
OLD_HOME, NEW_HOME = HOME.address(0x10), NEW.address(0x10)


def solicitations(made: World) -> list[tuple[float, Packet]]:
    """Return the solicitations that left the mobile node, with the time in s."""
    found = [hop for hop in made.trace if isinstance(hop.packet.payload, MobilePrefixSolicitation)]
    return [(hop.sent_ns / S, hop.packet) for hop in found if hop.channel.sender == "MN"]


class Asker:
    """A registered mobile node; its home agent answers nothing by itself."""

    def __init__(self) -> None:
        self.world = world()
        self.world.ha.prefixes.enabled = False
        self.world.run(4)
        self.mn = self.world.mn

    def solicit(self) -> int:
        """Ask for the prefixes. Return the identifier of the solicitation."""
        self.mn.mobility.prefixes.solicit(OLD_HOME)
        return solicitations(self.world)[-1][1].payload.identifier  # type: ignore[attr-defined,no-any-return]

    def answer(
        self, identifier: int, *options: object, source: Address = AGENT, routed: bool = True, **flags: bool
    ) -> None:
        message = MobilePrefixAdvertisement(identifier, options=options, **flags)  # type: ignore[arg-type]
        care_of = self.mn.care_of_address("wlan0")
        extensions = (RoutingHeaderType2(OLD_HOME),) if routed else ()
        inject(self.mn, Packet(source, care_of, message, extensions=extensions), "wlan0")

    @property
    def known(self) -> list[Prefix]:
        return [entry.prefix for entry in self.mn.mobility.home_prefixes]


def told(prefix: Prefix, valid_s: int = 1000, preferred_s: int = 500, **fields: object) -> PrefixInformation:
    return PrefixInformation(prefix.network, valid_lifetime_s=valid_s, preferred_lifetime_s=preferred_s, **fields)  # type: ignore[arg-type]


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_solicitation_has_care_of_address_home_address_option_and_random_identifier() -> None:
    """Sections 6.7, 11.4.2."""
    asker = Asker()
    asker.solicit()
    ((_, packet),) = solicitations(asker.world)
    assert (packet.source, packet.destination) == (asker.mn.care_of_address("wlan0"), AGENT)
    assert packet.extensions == (DestinationOptions((HomeAddressOption(OLD_HOME),)),)
    others = {Asker().solicit() for _ in range(1)} | {asker.solicit()}
    assert 0 not in others


def test_it_is_repeated_with_doubled_waits_up_to_32_s_until_it_is_answered() -> None:
    """Section 11.8: INITIAL_SOLICIT_TIMER 3 s, MAX_BINDACK_TIMEOUT 32 s; every one has its own random identifier."""
    asker = Asker()
    asker.solicit()
    asker.world.run(110)
    times = [when for when, _ in solicitations(asker.world)]
    assert [round(later - earlier, 6) for earlier, later in pairwise(times)] == [3, 6, 12, 24, 32, 32]
    identifiers = [packet.payload.identifier for _, packet in solicitations(asker.world)]  # type: ignore[attr-defined]
    assert len(set(identifiers)) == 7
    asker.answer(identifiers[-1], told(HOME))
    asker.world.run(100)
    assert len(solicitations(asker.world)) == 7


def test_status_1_in_an_acknowledgement_makes_it_ask() -> None:
    """Section 11.7.3."""
    made = world().run(4)
    made.ha.announce(made.ha.home_link, HOME, 100_000, 0)
    made.mn.registrar.register_home(OLD_HOME, made.mn.care_of_address("cell0"))
    made.run(1)
    assert len(solicitations(made)) == 1
    known = made.mn.mobility.home_prefixes.get(HOME)
    assert known is not None and known.preferred_s(made.network.clock.now) == 0


# --- believing -------------------------------------------------------------------------------------------------------


def test_an_answer_is_believed_once() -> None:
    """Section 11.4.3: the identifier of the most recent solicitation, and no other advertisement received for it."""
    asker = Asker()
    identifier = asker.solicit()
    asker.answer(identifier, told(HOME), managed=True)
    assert asker.known == [HOME] and asker.mn.mobility.prefixes.managed and not asker.mn.mobility.prefixes.other
    asker.answer(identifier, told(NEW))
    assert asker.known == [HOME] and len(solicitations(asker.world)) == 2


@pytest.mark.parametrize("wrong", ["source", "routing header", "identifier"])
def test_what_fails_a_test_is_discarded(wrong: str) -> None:
    """Section 11.4.3; only what might be unsolicited is answered by a solicitation."""
    asker = Asker()
    identifier = asker.solicit()
    source = asker.world.cn1.address if wrong == "source" else AGENT
    asker.answer(identifier ^ (wrong == "identifier"), told(NEW), source=source, routed=wrong != "routing header")
    assert asker.known == [] and NEW_HOME not in asker.mn.own_home_addresses
    assert "mobile prefix advertisement" in list(asker.world.trace.drops())[-1].reason
    asker.answer(identifier, told(HOME))
    assert asker.known == [HOME]


def test_an_unsolicited_advertisement_is_discarded_and_answered_by_a_solicitation() -> None:
    """Section 11.4.3."""
    asker = Asker()
    asker.answer(0, told(NEW))
    assert asker.known == [] and len(solicitations(asker.world)) == 1


def test_options_that_make_no_address_are_passed_over() -> None:
    """Section 6.8 and RFC 4862 section 5.5.3 a to d."""
    asker = Asker()
    asker.answer(
        asker.solicit(), UnknownNeighborOption(99, bytes(6)), told(NEW, autonomous=False), told(NEW, 10, 20),
        told(NEW, prefix_length=48), told(NEW, prefix_length=200), told(Prefix.parse("fe80::/64")), told(HOME),
    )  # fmt: skip
    assert asker.known == [HOME]


def test_a_prefix_about_to_end_is_asked_about_in_time() -> None:
    """Section 11.4.2: a home address that is about to become invalid."""
    asker = Asker()
    asker.answer(asker.solicit(), told(HOME, 100, 100))
    asker.world.run(75)
    assert len(solicitations(asker.world)) == 1
    asker.world.run(10)
    assert len(solicitations(asker.world)) > 1


def test_a_shortened_lifetime_reaches_home_agent_and_correspondents() -> None:
    """Section 11.4.2: correspondents whose bindings would outlive the prefix MUST be updated; it limits lifetimes."""
    made = world()
    made.mn.open(made.cn1, mf.apps.Voice())
    made.run(6)
    assert next(iter(made.cn1.bindings)).expires_at_s > 400
    since_s = made.now
    made.ha.announce(made.ha.home_link, HOME, 60, 30)
    made.mn.mobility.prefixes.solicit(OLD_HOME)
    made.run(2)
    assert next(iter(made.cn1.bindings)).expires_at_s <= since_s + 60 + 0.1
    (update,) = [m for m in messages(made, "MN", since_s) if m.name == "BU"]
    assert update.destination == made.cn1.address.packed and update.lifetime_s <= 60
    made.run(50)
    assert made.mn.binding_updates.get((AGENT, OLD_HOME)).expires_at_s <= since_s + 60  # type: ignore[union-attr]
    assert {m.lifetime_s > 60 for m in messages(made, "MN", since_s) if m.name == "BU"} == {False}


# --- renumbering -----------------------------------------------------------------------------------------------------


def renumbered(made: World, valid_s: int = 120) -> World:
    """Announce a new prefix on the home link; the old one is deprecated at once and ends after `valid_s`."""
    deliveries = made.ha.prefixes.deliveries
    deliveries.min_interval_s, deliveries.max_interval_s = 2, 10
    made.run(6)
    made.ha.announce(made.ha.home_link, NEW, 10_000, 5_000)
    made.ha.announce(made.ha.home_link, HOME, valid_s, 0)
    return made


def test_a_mobile_node_away_learns_the_new_prefix_and_registers_a_new_home_address() -> None:
    """Sections 10.6 and 11.4.3: unsolicited advertisement, solicitation, answer, new home address, registration."""
    made = renumbered(world()).run(20)
    assert made.mn.primary_home_address == NEW_HOME and {OLD_HOME, NEW_HOME} == made.mn.own_home_addresses
    bindings = {b.home_address: b for b in made.ha.bindings}
    assert set(bindings) == {OLD_HOME, NEW_HOME}
    assert {b.care_of_address for b in bindings.values()} == {made.mn.care_of_address("wlan0")}
    assert bindings[NEW_HOME].home_agent == NEW_AGENT, "registered at the home agent's address in the new prefix"
    new = [h for h in made.trace if isinstance(h.packet.payload, BindingUpdate) and h.packet.destination == NEW_AGENT]
    assert new and made.mn.mobility.home_agent_of(OLD_HOME) == AGENT


def test_the_old_home_address_goes_with_its_prefix_and_flows_move_to_the_new_one() -> None:
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    renumbered(made, valid_s=60).run(30)
    assert flow.home_address == OLD_HOME, "deprecated is not invalid: what is under way goes on"
    later = made.mn.open(made.cn2, mf.apps.Voice())
    made.run(80)
    assert made.mn.own_home_addresses == {NEW_HOME} | {flow.home_address, later.home_address}
    assert all(address in NEW for address in made.mn.own_home_addresses)
    assert {b.home_address for b in made.ha.bindings} == made.mn.own_home_addresses
    before = flow.stats.up.received, flow.stats.down.received, later.stats.up.received
    made.run(2)
    after = flow.stats.up.received, flow.stats.down.received, later.stats.up.received
    assert all(now > then for now, then in zip(after, before, strict=True))
    assert {row["home_address"] for row in (e.row() for e in made.mn.home_addresses)} >= {str(NEW_HOME)}
    assert made.mn.home_addresses.primary == NEW_HOME


@pytest.mark.parametrize("security", [False, True])
def test_after_the_renumbering_it_still_moves(security: bool) -> None:
    """Sections 5.4 and 11.4.3: under IP security too, whose associations are for each address of the home agent."""
    made = renumbered(world(security=security), valid_s=40).run(60)
    made.mn.registrar.register_home(NEW_HOME, made.mn.care_of_address("cell0"))
    made.run(2)
    (binding,) = made.ha.bindings
    assert (binding.home_address, binding.care_of_address) == (NEW_HOME, made.mn.care_of_address("cell0"))


def test_tshark_finds_nothing_wrong_with_a_renumbering(tmp_path: Path, tshark: str) -> None:
    made = renumbered(world(), valid_s=40).run(60)
    made.pcap(tmp_path / "renumbering.pcap")
    assert tshark_complaints(tmp_path / "renumbering.pcap", tshark) == []
