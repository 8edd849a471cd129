"""ICMPv6 of neighbor discovery and Mobile IPv6 against octets written by hand from RFC 4861 and RFC 6275."""

from __future__ import annotations

import struct

import pytest

from mipflow.wire.address import Address
from mipflow.wire.codec import decode, encode
from mipflow.wire.icmpv6 import (
    AdvertisementInterval,
    HomeAgentAddressDiscoveryReply,
    HomeAgentAddressDiscoveryRequest,
    HomeAgentInformation,
    IcmpMessage,
    LinkLayerAddress,
    MobilePrefixAdvertisement,
    MobilePrefixSolicitation,
    NeighborAdvertisement,
    NeighborOption,
    NeighborSolicitation,
    PrefixInformation,
    RouterAdvertisement,
    UnknownNeighborOption,
)
from mipflow.wire.packet import Packet
from tests.mip6.headers import ICMPV6, chain, packet

HERE, THERE = Address("fe80::1"), Address("fe80::2")
ROUTER, OTHER = Address("2001:db8:100::7"), Address("2001:db8:100::8")


def parts(*values: tuple[str, tuple[object, ...]]) -> bytes:
    return b"".join(struct.pack("!" + form, *fields) for form, fields in values)


PREFIX = PrefixInformation(ROUTER, 64, True, False, True, 4_000_000_000, 7)
OPTIONS: list[tuple[NeighborOption, bytes, bytes]] = [
    # value, its octets, the bits that are reserved
    (AdvertisementInterval(70_000), parts(("BBHI", (7, 1, 0, 70_000))), parts(("BBHI", (0, 0, 0xFFFF, 0)))),
    (HomeAgentInformation(9, 1801), parts(("BBHHH", (8, 1, 0, 9, 1801))), parts(("BBHHH", (0, 0, 0xFFFF, 0, 0)))),
    (PREFIX, parts(("BBBBIII", (3, 4, 64, 0x80 | 0x20, 4_000_000_000, 7, 0))) + ROUTER.packed,
     parts(("BBBBIII", (0, 0, 0, 0x1F, 0, 0, 0xFFFFFFFF))) + bytes(16)),
    (LinkLayerAddress(b"\2\0\0\0\0\7"), b"\1\1\2\0\0\0\0\7", bytes(8)),
    (LinkLayerAddress(b"\2\0\0\0\0\7", target=True), b"\2\1\2\0\0\0\0\7", bytes(8)),
]  # fmt: skip
MESSAGES: list[tuple[IcmpMessage, bytes, bytes]] = [
    (RouterAdvertisement(64, True, False, True, 9, 1, 2), parts(("BBHBBHII", (134, 0, 0, 64, 0x80 | 0x20, 9, 1, 2))),
     parts(("BBHBBHII", (0, 0, 0, 0, 0x07, 0, 0, 0)))),
    (NeighborSolicitation(ROUTER), parts(("BBHI", (135, 0, 0, 0))) + ROUTER.packed,
     parts(("BBHI", (0, 0, 0, 0xFFFFFFFF))) + bytes(16)),
    (NeighborAdvertisement(ROUTER, True, False, True), parts(("BBHI", (136, 0, 0, 0xA0000000))) + ROUTER.packed,
     parts(("BBHI", (0, 0, 0, 0x1FFFFFFF))) + bytes(16)),
    (HomeAgentAddressDiscoveryRequest(0xABCD), parts(("BBHHH", (144, 0, 0, 0xABCD, 0))),
     parts(("BBHHH", (0, 0, 0, 0, 0xFFFF)))),
    (HomeAgentAddressDiscoveryReply(0xABCD, (ROUTER, OTHER)),
     parts(("BBHHH", (145, 0, 0, 0xABCD, 0))) + ROUTER.packed + OTHER.packed,
     parts(("BBHHH", (0, 0, 0, 0, 0xFFFF))) + bytes(32)),
    (MobilePrefixSolicitation(0xABCD), parts(("BBHHH", (146, 0, 0, 0xABCD, 0))),
     parts(("BBHHH", (0, 0, 0, 0, 0xFFFF)))),
    (MobilePrefixAdvertisement(0xABCD, True, False), parts(("BBHHH", (147, 0, 0, 0xABCD, 0x8000))),
     parts(("BBHHH", (0, 0, 0, 0, 0x3FFF)))),
]  # fmt: skip


def on_wire(message: IcmpMessage) -> bytes:
    """Return the octets of a message, the checksum field zero."""
    octets = chain(encode(Packet(HERE, THERE, message, hop_limit=255)))[-1].octets
    return octets[:2] + bytes(2) + octets[4:]


def read(octets: bytes) -> object:
    return decode(packet(HERE.packed, THERE.packed, octets, next_header=ICMPV6)).payload


def soiled(octets: bytes, reserved: bytes) -> bytes:
    return bytes(one | other for one, other in zip(octets, reserved, strict=True))


def test_bits_of_router_advertisements_are_where_the_rfc_has_them() -> None:
    """RFC 6275 section 7.1: behind M and O comes H."""
    assert on_wire(RouterAdvertisement(home_agent=True))[5] == 0x20


@pytest.mark.parametrize(("option", "octets", "reserved"), OPTIONS, ids=lambda value: type(value).__name__)
def test_options_by_hand(option: NeighborOption, octets: bytes, reserved: bytes) -> None:
    """RFC 4861 section 4.6, RFC 6275 sections 7.2 to 7.4: reserved bits are zero when sent and not looked at."""
    message = RouterAdvertisement(options=(option,))
    assert on_wire(message)[16:] == octets and len(octets) == 8 * octets[1]
    assert read(on_wire(message)[:16] + soiled(octets, reserved)) == message


@pytest.mark.parametrize(("message", "octets", "reserved"), MESSAGES, ids=lambda value: type(value).__name__)
def test_messages_by_hand(message: IcmpMessage, octets: bytes, reserved: bytes) -> None:
    """RFC 4861 section 4, RFC 6275 sections 6.5 to 6.8 and 7.1: unused bits are zero when sent and not looked at."""
    assert on_wire(message) == octets
    assert read(soiled(octets, reserved)) == message


@pytest.mark.parametrize("kind", [MobilePrefixSolicitation, MobilePrefixAdvertisement])
def test_options_of_prefix_discovery_have_the_form_of_neighbor_discovery(kind: type) -> None:
    """RFC 6275 sections 6.7 and 6.8: type, length in units of 8 octets, data; one that is not known is stepped over."""
    unknown, known = bytes([99, 2]) + bytes(14), OPTIONS[2][1]
    head = parts(("BBHHH", (146 if kind is MobilePrefixSolicitation else 147, 0, 0, 7, 0)))
    message = read(head + unknown + known)
    assert message == kind(7, options=(UnknownNeighborOption(99, bytes(14)), PREFIX))
    assert on_wire(kind(7, options=(PREFIX,))) == head + known
