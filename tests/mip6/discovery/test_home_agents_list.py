"""The home agents list: heard, expired, ordered (RFC 6275 sections 10.1 and 10.5.1)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from mipflow.mip6.discovery.home_agents_list import MAX_ADDRESSES, HomeAgentEntry, HomeAgentsList
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import HomeAgentInformation, NeighborOption, PrefixInformation, RouterAdvertisement

S = 1_000_000_000
ONE, TWO = Address("fe80::1"), Address("fe80::2")
OWN = HomeAgentEntry(Address("fe80::7"), 5, 0, {Address("2001:db8:100::7"): 0})


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
