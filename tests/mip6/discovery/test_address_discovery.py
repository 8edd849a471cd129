"""Dynamic home agent address discovery, with several home agents (RFC 6275 sections 10.1, 10.5 and 11.4.1)."""

from __future__ import annotations

import struct
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

import mipflow as mf
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.discovery.address_discovery import (
    MAX_ADDRESSES,
    HomeAgentEntry,
    HomeAgentsList,
    home_agents_anycast,
)
from mipflow.node.node import Arrival
from mipflow.wire import codec
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.icmpv6 import (
    HomeAgentAddressDiscoveryReply,
    HomeAgentAddressDiscoveryRequest,
    HomeAgentInformation,
    NeighborOption,
    PrefixInformation,
    RouterAdvertisement,
)
from mipflow.wire.packet import Packet
from tests.mip6.worlds import S, world
from tests.node.nodes import inject, listen
from tests.oracles import tshark_complaints

ANYCAST = Address("2001:db8:100:0:fdff:ffff:ffff:fffe")
ONE, TWO = Address("fe80::1"), Address("fe80::2")
OWN = HomeAgentEntry(Address("fe80::7"), 5, 0, {Address("2001:db8:100::7"): 0})
FIRST, SECOND, THIRD = (HOME.address(identifier) for identifier in (0x7, 0x17, 0x27))


def asked(made: World, identifier: int = 5, destination: Address = ANYCAST) -> list[Arrival]:
    """Send a request from CN2, which is anybody: nothing tells who asks (section 15.5). Return the answers."""
    seen = listen(made.cn2, HomeAgentAddressDiscoveryReply)
    made.cn2.send_direct(Packet(made.cn2.address, destination, HomeAgentAddressDiscoveryRequest(identifier)))
    made.run(0.5)
    return seen


def discovery(made: World, kind: type) -> list[tuple[float, Packet]]:
    """Return the requests or replies that left their first sender, with the time in s."""
    found = [hop for hop in made.trace if isinstance(hop.packet.payload, kind) and hop.hop_limit == 64]
    return [(hop.sent_ns / S, hop.packet) for hop in found]


# --- the home agents list (sections 10.1 and 10.5.1) ------------------------------------------------------------------


def advertisement(*options: NeighborOption, home_agent: bool = True, lifetime_s: int = 60) -> RouterAdvertisement:
    return RouterAdvertisement(home_agent=home_agent, router_lifetime_s=lifetime_s, options=options)


def address(text: str, valid_s: int = 1000) -> PrefixInformation:
    return PrefixInformation(Address(text), router_address=True, valid_lifetime_s=valid_s)


def rows(agents: HomeAgentsList) -> list[tuple[Address, int, float, str]]:
    return [(e.link_local, e.preference, e.expires_at_s, e.addresses) for e in agents]


def test_a_router_without_the_home_agent_bit_is_not_listed_and_its_entry_is_deleted() -> None:
    """Section 10.5.1, first step."""
    agents = HomeAgentsList()
    assert agents.hear(advertisement(home_agent=False), ONE, 0) == []
    agents.hear(advertisement(), ONE, 0)
    assert len(agents) == 1
    agents.hear(advertisement(home_agent=False), ONE, S)
    assert len(agents) == 0


def test_preference_and_lifetime_come_from_the_option_else_zero_and_the_router_lifetime() -> None:
    """Sections 7.4, 10.1, 10.5.1."""
    agents = HomeAgentsList()
    agents.hear(advertisement(address("2001:db8:100::1")), ONE, S)
    agents.hear(advertisement(HomeAgentInformation(9, 20), address("2001:db8:100::2")), TWO, S)
    assert rows(agents) == [(ONE, 0, 61.0, "2001:db8:100::1"), (TWO, 9, 21.0, "2001:db8:100::2")]
    agents.hear(advertisement(HomeAgentInformation(3, 50)), TWO, 10 * S)
    assert rows(agents)[1] == (TWO, 3, 60.0, "2001:db8:100::2"), "reset; addresses stay"


@pytest.mark.parametrize("gone", [advertisement(lifetime_s=0), advertisement(HomeAgentInformation(0, 0))])
def test_a_lifetime_of_zero_deletes_the_entry_and_makes_none(gone: RouterAdvertisement) -> None:
    agents = HomeAgentsList()
    assert agents.hear(gone, ONE, 0) == []
    agents.hear(advertisement(), ONE, 0)
    agents.hear(gone, ONE, S)
    assert len(agents) == 0


def test_only_prefix_information_with_the_r_bit_gives_addresses() -> None:
    agents = HomeAgentsList()
    plain = PrefixInformation(Address("2001:db8:100::"))
    agents.hear(advertisement(plain, address("2001:db8:100::1"), address("2001:db8:101::1")), ONE, 0)
    assert rows(agents)[0][3] == "2001:db8:100::1, 2001:db8:101::1"


def test_entries_end_with_their_lifetime_and_addresses_with_their_prefix() -> None:
    """Section 10.1: both MUST be deleted."""
    agents = HomeAgentsList()
    agents.hear(advertisement(address("2001:db8:100::1"), address("2001:db8:101::1", 30)), ONE, 0)
    assert agents.next_end_ns() == 30 * S
    assert agents.expire(29 * S) == []
    agents.expire(30 * S)
    assert rows(agents) == [(ONE, 0, 60.0, "2001:db8:100::1")] and agents.next_end_ns() == 60 * S
    agents.hear(advertisement(address("2001:db8:100::1", 0)), ONE, 31 * S)
    assert rows(agents) == [(ONE, 0, 91.0, "")], "a valid lifetime of zero ends it at once"
    (change,) = agents.expire(91 * S)
    assert change.after is None and agents.next_end_ns() is None


def test_a_reply_lists_the_most_preferable_first_and_equals_in_random_order() -> None:
    """Section 10.5.1: equal preference is randomized every time, several addresses of one home agent too."""
    agents = HomeAgentsList()
    both = address("2001:db8:100::1"), address("2001:db8:101::1")
    agents.hear(advertisement(HomeAgentInformation(9, 60), *both), ONE, 0)
    agents.hear(advertisement(HomeAgentInformation(5, 60), address("2001:db8:100::2")), TWO, 0)
    random = Random(1)
    seen = Counter(tuple(str(a)[9:] for a in agents.by_preference(OWN, random)) for _ in range(400))
    assert len(seen) == 4, "two orders of the first's addresses times two of the equals"
    assert {frozenset(order[:2]) for order in seen} == {frozenset({"100::1", "101::1"})}
    assert all(60 < count < 140 for count in seen.values())


def test_a_reply_fits_the_minimum_mtu_and_keeps_the_most_preferable() -> None:
    """Section 10.5.1: 40 octets of IPv6, 8 of ICMPv6, 16 for each address, 1280 together."""
    agents = HomeAgentsList()
    for number in range(100):
        told = HomeAgentInformation(number, 60), address(f"2001:db8:100::{number:x}")
        agents.hear(advertisement(*told), Address(f"fe80::1:{number:x}"), 0)
    found = agents.by_preference(OWN, Random(1))
    assert len(found) == MAX_ADDRESSES == 77 and 40 + 8 + 16 * 77 <= 1280 < 40 + 8 + 16 * 78
    assert found[0] == Address("2001:db8:100::63") and min(int(a) & 0xFF for a in found) == 100 - 77


# --- the home agent's side (section 10.5.1) ---------------------------------------------------------------------------


def test_the_anycast_address_is_that_of_rfc_2526() -> None:
    """RFC 2526 section 2: all ones but the universal/local bit, then 0x7e for Mobile IPv6 home agents (section 3)."""
    identifier = (0xFDFF_FFFF_FFFF_FF80 | 0x7E).to_bytes(8, "big")
    assert home_agents_anycast(HOME.address(0x10)).packed == HOME.network.packed[:8] + identifier == ANYCAST.packed


@pytest.mark.parametrize("home_router", [False, True])
def test_one_home_agent_answers_for_the_anycast_address_of_its_home_link(home_router: bool) -> None:
    """Sections 6.5, 8.4, 10.5.1: straight to the source, from a unicast address of its own, the identifier copied."""
    made = world(home_agents=3, home_router=home_router).run(3)
    (arrival,) = asked(made, identifier=0xBEEF)
    reply = arrival.packet
    assert isinstance(reply.payload, HomeAgentAddressDiscoveryReply)
    assert reply.source in (FIRST, SECOND, THIRD) and reply.destination == made.cn2.address
    octets = codec.encode(reply)
    assert octets[40:42] == b"\x91\0" and struct.unpack_from("!HH", octets, 44) == (0xBEEF, 0)
    assert octets[48:] == FIRST.packed + SECOND.packed + THIRD.packed, "in order of decreasing preference"


def test_a_request_for_another_address_is_not_answered() -> None:
    made = world().run(2)
    assert asked(made, destination=FIRST) == []
    assert any("not for the anycast address" in drop.reason for drop in made.trace.drops())


def test_only_the_home_prefix_has_the_anycast_address() -> None:
    made = world().run(2)
    elsewhere = home_agents_anycast(Address("2001:db8:a::1"))
    assert asked(made, destination=elsewhere) == []


def test_a_home_agent_advertises_itself_with_the_h_bit_its_address_and_its_preference() -> None:
    """Sections 7.1, 7.2, 7.4: the information option only where it says more than the defaults."""
    made = world()
    alone = made.ha.advertisement(made.ha.home_link)
    assert alone is not None and alone.home_agent and not alone.managed and not alone.other
    assert alone.options == (PrefixInformation(FIRST, router_address=True),)
    made.ha.home.preference, made.ha.home.lifetime_s = 7, 99
    assert made.ha.advertisement(made.ha.home_link).options[-1] == HomeAgentInformation(7, 99)  # type: ignore[union-attr]
    upstream = next(i for i in made.ha.interfaces.values() if i is not made.ha.home_link)
    elsewhere = made.ha.advertisement(upstream)
    assert elsewhere is not None and not elsewhere.home_agent, "a home agent on its home link only"


def test_home_agents_know_each_other_by_their_advertisements() -> None:
    """Sections 10.1, 10.5.1: a list for the home link, of all others."""
    made = world(home_agents=2).run(3)
    first, second = made.home_agents
    ((heard,), (back,)) = list(first.address_discovery.agents), list(second.address_discovery.agents)
    assert (heard.addresses, heard.preference) == (str(SECOND), 1)
    assert (back.addresses, back.preference) == (str(FIRST), 2)
    assert heard.link_local == second.home_link.link_local


def test_who_falls_silent_leaves_the_list_and_another_answers_the_anycast_address() -> None:
    """Section 10.1: when its lifetime ends; the lifetime is three of the longest intervals, 3 s here."""
    made = world(home_agents=2, home_router=True).run(3)
    first, second = made.home_agents
    for gone in (second, first):  # whichever answers now, take it away: the other is asked next
        if made.network.segments["home"].neighbors[ANYCAST] is gone.home_link:
            break
    other = next(agent for agent in (first, second) if agent is not gone)
    gone.home_link.set_up(False)
    made.run(5)
    assert list(other.address_discovery.agents) == []
    (arrival,) = asked(made)
    assert arrival.packet.source == other.home_agent_address
    assert arrival.packet.payload == HomeAgentAddressDiscoveryReply(5, (other.home_agent_address,))


def test_what_is_no_home_agent_is_not_listed() -> None:
    made = world(home_router=True).run(1)
    gateway = next(port for port in made.network.segments["home"].ports if port.owner == "HR")
    advertisement = RouterAdvertisement(options=(PrefixInformation(HOME.address(1), router_address=True),))
    made.ha.neighbor.on_advertisement[-1](made.ha.home_link, advertisement, gateway.link_local)  # type: ignore[attr-defined]
    assert list(made.ha.address_discovery.agents) == []


# --- the mobile node's side (section 11.4.1) --------------------------------------------------------------------------


def test_a_mobile_node_without_a_home_agent_asks_and_takes_the_first_of_the_reply() -> None:
    made = world(home_agents=2, home_router=True).run(6)
    ((asked_s, request),) = discovery(made, HomeAgentAddressDiscoveryRequest)
    care_of = made.mn.care_of_address("wlan0")
    assert (request.source, request.destination, request.extensions) == (care_of, ANYCAST, ())
    assert 1 < asked_s < 1.1, "as soon as it has a care-of address"
    assert made.mn.home_agent == FIRST and made.mn.mobility.address_discovery.home_agents == (FIRST, SECOND)
    (binding,) = made.ha.bindings
    assert binding.care_of_address == care_of and not list(made.home_agents[1].bindings)
    assert not [drop for drop in made.trace.drops() if drop.node == "MN"]


def test_flows_wait_for_the_home_agent_to_be_found() -> None:
    made = world(home_agents=2)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(6)
    assert flow.stats.up.received > 0 and flow.stats.down.received > 0
    assert flow.registered_at_cn == made.mn.care_of_address("wlan0")


def test_requests_are_repeated_with_doubled_waits_and_the_same_identifier() -> None:
    """INITIAL_DHAAD_TIMEOUT 3 s, DHAAD_RETRIES 4; what comes after those is another request."""
    made = world(home_agents=2)
    made.network.segments["home"].set_up(False)
    made.ha.home_link.set_up(False)
    made.network.segments["Internet-HA"].set_up(False)
    made.run(150)
    sent = discovery(made, HomeAgentAddressDiscoveryRequest)
    waits = [round(when - sent[0][0], 6) for when, _ in sent]
    assert waits[:6] == [0, 3, 9, 21, 45, 93]
    identifiers = [packet.payload.identifier for _, packet in sent]  # type: ignore[attr-defined]
    assert len(set(identifiers[:5])) == 1 and identifiers[5] != identifiers[0]


@pytest.mark.parametrize("wrong", ["identifier", "late", "nobody in it", "no unicast address"])
def test_a_reply_that_does_not_match_changes_nothing(wrong: str) -> None:
    made = world(home_agents=2)
    made.run(1.02)
    (_, request), *_ = discovery(made, HomeAgentAddressDiscoveryRequest)
    identifier = request.payload.identifier  # type: ignore[attr-defined]
    home_agents = {"nobody in it": (), "no unicast address": (Address("ff02::1"), UNSPECIFIED)}.get(wrong, (THIRD,))
    if wrong == "late":
        made.run(2)
    before = made.mn.home_agent
    reply = HomeAgentAddressDiscoveryReply(identifier ^ (wrong == "identifier"), home_agents)
    inject(made.mn, Packet(FIRST, made.mn.care_of_address("wlan0"), reply), "wlan0")
    assert made.mn.home_agent == before
    assert "home agent address discovery reply" in list(made.trace.drops())[-1].reason


def test_a_home_agent_that_refuses_is_followed_by_the_next_of_the_list() -> None:
    """Each in turn, in the order of the reply, until one accepts."""
    made = world(home_agents=3)
    for agent in made.home_agents[:2]:
        agent.prohibited.add(made.mn.primary_home_address)
    made.run(8)
    assert made.mn.home_agent == THIRD
    assert [len(list(agent.bindings)) for agent in made.home_agents] == [0, 0, 1]
    assert len(discovery(made, HomeAgentAddressDiscoveryRequest)) == 1


def test_where_all_refuse_it_asks_anew_but_in_no_hurry() -> None:
    made = world(home_agents=2)
    for agent in made.home_agents:
        agent.prohibited.add(made.mn.primary_home_address)
    made.run(200)
    asked = [when for when, _ in discovery(made, HomeAgentAddressDiscoveryRequest)]
    assert 2 <= len(asked) <= 8 and all(later - earlier >= 32 for earlier, later in pairwise(asked))


def test_a_home_agent_that_falls_silent_is_replaced() -> None:
    """Section 11.4.1: a new registration is first attempted with the current one; then with another."""
    made = world(home_agents=2, home_router=True)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(6)
    first, second = made.home_agents
    first.home_link.set_up(False)
    made.mn.registrar.register_home(made.mn.primary_home_address, made.mn.care_of_address("cell0"))
    made.run(120)
    assert made.mn.home_agent == SECOND and made.mn.primary_home_address in second.bindings
    received = flow.stats.up.received
    made.run(2)
    assert flow.stats.up.received > received


def test_a_configured_home_agent_is_kept() -> None:
    made = world()
    made.ha.prohibited.add(made.mn.primary_home_address)
    made.run(60)
    assert discovery(made, HomeAgentAddressDiscoveryRequest) == [] and made.mn.home_agent == FIRST


def test_tshark_finds_nothing_wrong_with_the_discovery(tmp_path: Path, tshark: str) -> None:
    made = world(home_agents=3).run(4)
    made.pcap(tmp_path / "discovery.pcap")
    assert tshark_complaints(tmp_path / "discovery.pcap", tshark) == []
