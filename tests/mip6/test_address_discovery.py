"""Dynamic home agent address discovery: both sides, with several home agents (RFC 6275 sections 10.5, 11.4.1)."""

from __future__ import annotations

import struct

import pytest

from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.address_discovery import home_agents_anycast
from mipflow.node.node import Arrival
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import (
    HomeAgentAddressDiscoveryReply,
    HomeAgentAddressDiscoveryRequest,
    HomeAgentInformation,
    PrefixInformation,
    RouterAdvertisement,
)
from mipflow.wire.packet import Packet
from tests.mip6.worlds import S, world
from tests.node.nodes import listen

ANYCAST = Address("2001:db8:100:0:fdff:ffff:ffff:fffe")
FIRST, SECOND, THIRD = (HOME.address(identifier) for identifier in (0x7, 0x17, 0x27))


def asked(made: World, identifier: int = 5, destination: Address = ANYCAST) -> list[Arrival]:
    """What CN2 is answered when it sends a request: it is anybody, since nothing tells who asks (section 15.5)."""
    seen = listen(made.cn2, HomeAgentAddressDiscoveryReply)
    made.cn2.send_direct(Packet(made.cn2.address, destination, HomeAgentAddressDiscoveryRequest(identifier)))
    made.run(0.5)
    return seen


def discovery(made: World, kind: type) -> list[tuple[float, Packet]]:
    """Requests or replies that left their first sender, with the time in s."""
    found = [hop for hop in made.trace if isinstance(hop.packet.payload, kind) and hop.hop_limit == 64]
    return [(hop.sent_ns / S, hop.packet) for hop in found]


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
    made.ha.preference, made.ha.home_agent_lifetime_s = 7, 99
    assert made.ha.advertisement(made.ha.home_link).options[-1] == HomeAgentInformation(7, 99)  # type: ignore[union-attr]
    upstream = next(i for i in made.ha.interfaces.values() if i is not made.ha.home_link)
    elsewhere = made.ha.advertisement(upstream)
    assert elsewhere is not None and not elsewhere.home_agent, "a home agent on its home link only"


def test_home_agents_know_each_other_by_their_advertisements() -> None:
    """Sections 10.1, 10.5.1: a list for the home link, of all others."""
    made = world(home_agents=2).run(3)
    first, second = made.home_agents
    ((heard,), (back,)) = list(first.home_agents), list(second.home_agents)
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
    assert list(other.home_agents) == []
    (arrival,) = asked(made)
    assert arrival.packet.source == other.home_agent_address
    assert arrival.packet.payload == HomeAgentAddressDiscoveryReply(5, (other.home_agent_address,))


def test_what_is_no_home_agent_is_not_listed() -> None:
    made = world(home_router=True).run(1)
    gateway = next(port for port in made.network.segments["home"].ports if port.owner == "HR")
    advertisement = RouterAdvertisement(options=(PrefixInformation(HOME.address(1), router_address=True),))
    made.ha.neighbor.on_advertisement[-1](made.ha.home_link, advertisement, gateway.link_local)  # type: ignore[attr-defined]
    assert list(made.ha.home_agents) == []
