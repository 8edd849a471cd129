"""Prefixes of the home link: their lifetimes, and their prefix information options."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.node.lifetimes import FOREVER_NS, INFINITE_S
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import PrefixInformation

S = 1_000_000_000
HOME, NEW = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:101::/64")
AGENT = HOME.address(7)


def test_lifetimes_run_down_from_when_they_were_set() -> None:
    entry = HomePrefix(HOME, AGENT, 100, 40, since_ns=10 * S)
    assert [(entry.valid_s(t * S), entry.preferred_s(t * S)) for t in (10, 20, 50, 110, 500)] == [
        (100, 40), (90, 30), (60, 0), (0, 0), (0, 0),
    ]  # fmt: skip
    assert [entry.end_ns(lifetime_s) for lifetime_s in (40, 100)] == [50 * S, 110 * S]


def test_lifetimes_that_stand_still_or_never_end() -> None:
    still, endless = HomePrefix(HOME, AGENT, 100, 40), HomePrefix(HOME, AGENT, INFINITE_S, INFINITE_S, since_ns=0)
    assert (still.valid_s(10**15), still.preferred_s(10**15), still.end_ns(40)) == (100, 40, FOREVER_NS)
    assert (endless.valid_s(10**15), endless.preferred_s(10**15)) == (INFINITE_S, INFINITE_S)
    assert endless.end_ns(INFINITE_S) == FOREVER_NS


def test_the_r_bit_carries_the_home_agents_whole_address() -> None:
    """RFC 6275 section 7.2."""
    option = HomePrefix(HOME, AGENT, 100, 40, since_ns=0).information(30 * S)
    assert option == PrefixInformation(AGENT, 64, True, True, True, 70, 10)
    heard = HomePrefix.told(option, 5 * S)
    assert (heard.prefix, heard.home_agent, heard.since_ns) == (HOME, AGENT, 5 * S)
    without = HomePrefix(HOME).information(0)
    assert (without.prefix, without.router_address) == (HOME.network, False)
    assert HomePrefix.told(without, 0).home_agent is None


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 128), st.booleans(), st.integers(0, INFINITE_S), st.booleans())
def test_what_is_told_is_said_again(address: int, length: int, router: bool, valid_s: int, autonomous: bool) -> None:
    prefix = Prefix.around(Address(address), length)
    said = Address(address) if router else prefix.network
    option = PrefixInformation(said, length, True, autonomous, router, valid_s, valid_s // 2)
    heard = HomePrefix.told(option, 77)
    assert heard.information(77) == option
    assert Address(address) in heard.prefix and int(heard.prefix.network) % (1 << 128 - length) == 0


def test_the_table_finds_the_prefix_of_an_address() -> None:
    table = HomePrefixes()
    first = HomePrefix(HOME, AGENT, 100, 40, since_ns=0)
    (change,) = table.put(first)
    assert change.after == {
        "prefix": "2001:db8:100::/64", "valid_lifetime_s": 100, "preferred_lifetime_s": 40, "home_agent": str(AGENT),
    }  # fmt: skip
    table.put(replace(first, prefix=NEW, valid_lifetime_s=60))
    assert table.of(HOME.address(0x99)) is table.get(HOME) and table.of(Address("2001:db8::1")) is None
    table.remove(NEW)
    assert table.of(NEW.address(1)) is None
