"""Addresses and prefixes: integers that print as addresses."""

from __future__ import annotations

import ipaddress
import pickle

import pytest
from hypothesis import given

from mipflow.errors import ProtocolMisuse
from mipflow.wire.address import ALL_NODES, UNSPECIFIED, Address, Prefix
from tests.wire.strategies import addresses, bits

HOME = Prefix.parse("2001:db8:1::/64")


@given(addresses)
def test_text_bytes_and_number_give_the_same_address(address: Address) -> None:
    assert Address(str(address)) == Address(address.packed) == Address(int(address)) == address
    assert str(address) == str(ipaddress.IPv6Address(int(address)))
    assert hash(address) == hash(int(address))
    assert pickle.loads(pickle.dumps(address)) == address


def test_it_reads_well() -> None:
    address = Address("2001:DB8:0:0::1")
    assert str(address) == "2001:db8::1"
    assert repr(address) == "Address('2001:db8::1')"
    assert f"{address:>14}" == "   2001:db8::1"


@pytest.mark.parametrize("wrong", ["", "2001:db8::g", "192.0.2.1", b"short", -1, 1 << 128, None, 1.5])
def test_anything_else_is_refused_with_its_value(wrong: object) -> None:
    with pytest.raises(ProtocolMisuse) as refusal:
        Address(wrong)  # type: ignore[arg-type]
    assert refusal.value.value == wrong
    assert "\n" not in str(refusal.value)


@given(addresses)
def test_kinds_of_addresses_are_those_of_the_standard_library(address: Address) -> None:
    judge = ipaddress.IPv6Address(int(address))
    assert address.is_multicast == judge.is_multicast
    assert address.is_link_local == judge.is_link_local


def test_solicited_node_multicast() -> None:
    # The example of RFC 4291 section 2.7.1.
    assert Address("4037::01:800:200e:8c6c").solicited_node() == Address("ff02::1:ff0e:8c6c")
    assert ALL_NODES.is_multicast
    assert not UNSPECIFIED


@given(addresses, bits(64))
def test_a_prefix_holds_what_it_makes(address: Address, identifier: int) -> None:
    made = HOME.address(identifier)
    assert made in HOME
    assert made.interface_identifier == identifier
    assert (address in HOME) == (ipaddress.IPv6Address(int(address)) in ipaddress.IPv6Network(str(HOME)))


def test_a_prefix_reads_and_prints() -> None:
    assert str(HOME) == "2001:db8:1::/64"
    assert Address("2001:db8:1::5") in Prefix.parse("::/0")
    assert "2001:db8:1::5" not in HOME  # text is no address


@pytest.mark.parametrize("wrong", ["2001:db8::1/64", "2001:db8::/129", "home", ""])
def test_what_is_no_prefix_is_refused(wrong: str) -> None:
    with pytest.raises(ProtocolMisuse, match="expected such as"):
        Prefix.parse(wrong)


def test_the_anycast_addresses_of_a_subnet() -> None:
    """RFC 4291 section 2.6.1: no identifier at all; RFC 2526 section 2: the last 128, with the universal bit as in
    EUI-64, where the identifier has 64 bits, without it where it has not.
    """
    reserved = [0, *range(0xFDFF_FFFF_FFFF_FF80, 0xFE00_0000_0000_0000)]
    others = [1, 0xFF, 0xFDFF_FFFF_FFFF_FF7F, 0xFE00_0000_0000_0000, (1 << 64) - 1, 1 << 63]
    assert [HOME.is_anycast(HOME.address(n)) for n in reserved + others] == [True] * 129 + [False] * 6
    assert not HOME.is_anycast(Address("2001:db8:2::"))
    wide = Prefix.parse("2001:db8::/56")
    top = (1 << 72) - 1
    assert [wide.is_anycast(wide.address(n)) for n in (0, top, top - 127, top - 128, 1)] == [True] * 3 + [False] * 2
    assert not wide.is_anycast(wide.address(0xFDFF_FFFF_FFFF_FFFE))
