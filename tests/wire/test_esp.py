"""ESP against octets made by hand: layout, padding, integrity check value, and everything that must not open."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import WireError
from mipflow.wire import codec, esp
from mipflow.wire.address import Address
from mipflow.wire.esp import EspKeys
from mipflow.wire.mobility import (
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingUpdate,
    HomeTestInit,
)  # fmt: skip
from mipflow.wire.packet import (
    UDP,
    DestinationOptions,
    HomeAddressOption,
    Opaque,
    Packet,
    RoutingHeaderType2,
)  # fmt: skip
from tests.mip6.esp import seal, unseal
from tests.oracles import mobility_header_faults

HOME, CARE_OF, AGENT, PEER = map(Address, ("2001:db8:100::10", "2001:db8:200::10", "2001:db8:100::7", "2001:db8:a::5"))
KEY, IV = bytes(range(16)), bytes(range(100, 116))
INTEGRITY = {"SHA2-256-128": (bytes(range(50, 82)), "sha256"), "HMAC-SHA1-96": (bytes(range(50, 70)), "sha1")}


def keys(encryption: str = "AES-CBC", integrity: str = "SHA2-256-128", spi: int = 0x1234) -> EspKeys:
    return EspKeys(spi, KEY if encryption == "AES-CBC" else b"", INTEGRITY[integrity][0], encryption, integrity)


def update() -> Packet:
    option = DestinationOptions((HomeAddressOption(HOME),))
    message = BindingUpdate(7, home_registration=True, lifetime_units=900, options=(AlternateCareOfAddress(CARE_OF),))
    return Packet(CARE_OF, AGENT, message, extensions=(option,))


def acknowledgement() -> Packet:
    return Packet(AGENT, CARE_OF, BindingAcknowledgement(0, 7, 900), extensions=(RoutingHeaderType2(HOME),))


def tunnelled() -> Packet:
    return Packet(CARE_OF, AGENT, Packet(HOME, PEER, HomeTestInit(b"cookie!!")))


@pytest.mark.parametrize("integrity", esp.INTEGRITY)
@pytest.mark.parametrize("encryption", esp.ENCRYPTION)
@pytest.mark.parametrize("make", [update, acknowledgement, tunnelled])
def test_octets_are_those_made_by_hand(make: Any, encryption: str, integrity: str) -> None:
    """RFC 4303 section 2: SPI, sequence number, IV, encrypted payload with its trailer, ICV over all before it."""
    clear, own = make(), keys(encryption, integrity)
    iv = IV if encryption == "AES-CBC" else b""
    protected = esp.protect(clear, own, 9, iv)
    octets = codec.encode(clear)
    front = len(octets) - clear.payload.size
    number = 41 if make is tunnelled else 135
    key, digest = INTEGRITY[integrity]
    expected = seal(0x1234, 9, own.encryption_key, key, iv, number, octets[front:], digest)
    assert protected.payload == Opaque(50, expected)
    written = codec.encode(protected)
    assert written[front:] == expected and written[40:front] == b"\x32" * (front > 40) + octets[41:front], (
        "extension headers stay in front, the last one announces ESP"
    )
    assert struct.unpack_from(">H", written, 4)[0] == len(written) - 40
    opened = esp.open_protected(codec.decode(written), own)
    assert opened == clear and isinstance(opened, esp.Opened)


@pytest.mark.parametrize(("make", "ends"), [(update, (HOME, AGENT)), (acknowledgement, (AGENT, HOME))])
def test_the_checksum_inside_is_over_the_home_address(make: Any, ends: tuple[Address, Address]) -> None:
    """RFC 6275 sections 6.1.1, 11.3.2: the home address stands for the care-of address, as upper layers see it."""
    protected = esp.protect(make(), keys(), 1, IV)
    _, _, number, message = unseal(protected.payload.data, KEY, keys().integrity_key)  # type: ignore[attr-defined]
    assert number == 135 and mobility_header_faults(message, *(end.packed for end in ends)) == []


def test_tunnel_mode_has_a_whole_packet_inside() -> None:
    """RFC 3776 section 3.2: outer header, ESP, and the packet from the home address as next header 41."""
    protected = esp.protect(tunnelled(), keys(), 1, IV)
    assert (protected.source, protected.destination, protected.extensions) == (CARE_OF, AGENT, ())
    _, _, number, inner = unseal(protected.payload.data, KEY, keys().integrity_key)  # type: ignore[attr-defined]
    assert number == 41 and inner == codec.encode(Packet(HOME, PEER, HomeTestInit(b"cookie!!")))


@given(st.integers(0, 200), st.sampled_from(sorted(esp.ENCRYPTION)), st.sampled_from(sorted(esp.INTEGRITY)))
def test_the_size_is_that_of_the_octets(length: int, encryption: str, integrity: str) -> None:
    """RFC 4303 section 2.4: padding to whole blocks, to 4 octets at least; lengths are counted either way."""
    packet = Packet(HOME, PEER, UDP(1, 2, bytes(length)))
    protected = esp.protect(packet, keys(encryption, integrity), 1, IV if encryption == "AES-CBC" else b"")
    assert protected.size == len(codec.encode(protected))


def test_a_binding_update_grows_by_56_octets() -> None:
    """8 + 16 (IV) + 2 to whole blocks (32 + 2 are 34, so 14 more) + 16 (ICV) = 56 by hand."""
    assert update().payload.size == 32
    assert esp.protect(update(), keys(), 1, IV).size - update().size == 8 + 16 + 2 + 14 + 16


def sealed(octets: bytes) -> Packet:
    return Packet(CARE_OF, AGENT, Opaque(50, octets), extensions=update().extensions)


def test_truncated_at_every_length_it_does_not_open() -> None:
    """RFC 4303 section 3.4.4.1: what fails the integrity check is discarded."""
    octets = esp.protect(update(), keys(), 1, IV).payload.data  # type: ignore[attr-defined]
    for length in range(len(octets)):
        packet = codec.decode(codec.encode(sealed(octets[:length])))
        with pytest.raises(WireError):
            esp.spi_and_sequence(packet)
            esp.open_protected(packet, keys())


@pytest.mark.parametrize("encryption", esp.ENCRYPTION)
def test_with_any_bit_changed_it_does_not_open(encryption: str) -> None:
    """RFC 4303 section 2.8: the ICV covers everything before it."""
    octets = esp.protect(update(), keys(encryption), 1, IV if encryption == "AES-CBC" else b"").payload.data  # type: ignore[attr-defined]
    for bit in range(32, 8 * len(octets), 5):  # the SPI in front is what keys are found by
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError, match="integrity"):
            esp.open_protected(sealed(bytes(changed)), keys(encryption))


def test_with_another_key_it_does_not_open() -> None:
    """RFC 4303 section 3.4.4."""
    protected = esp.protect(update(), keys(), 1, IV)
    with pytest.raises(WireError, match="integrity"):
        esp.open_protected(protected, EspKeys(0x1234, KEY, bytes(32)))


def by_hand(inside: bytes, number: int = 135, **trailer: Any) -> Packet:
    return sealed(seal(0x1234, 1, KEY, keys().integrity_key, IV, number, inside, **trailer))


def test_authentic_nonsense_is_refused_with_a_reason() -> None:
    """RFC 4303 sections 2.4, 2.6: padding counts up from 1 and fits; what is inside must be a packet that can be read.
    """
    message = codec.encode(update())[-32:]
    assert esp.open_protected(by_hand(message), keys()) == update()
    for packet, reason in (
        (by_hand(message, padding=bytes(14)), "padding"),
        (by_hand(message, padding=bytes(range(1, 15)), pad_length=200), "padding"),
        (by_hand(message[:-8]), "checksum"),
        (by_hand(message[:4] + b"\0\0" + message[6:]), "checksum"),
        (by_hand(b"", 135), "octets"),
        (by_hand(message[:20], 41), "octets"),
    ):
        with pytest.raises(WireError, match=reason):
            esp.open_protected(packet, keys())


@given(st.binary(max_size=120))
def test_any_octets_open_or_raise_a_wire_error(octets: bytes) -> None:
    packet = sealed(octets)
    codec.encode(packet)
    with pytest.raises(WireError):
        esp.spi_and_sequence(packet)
        esp.open_protected(packet, keys(spi=struct.unpack_from(">I", octets)[0]))


@pytest.mark.parametrize(
    "wrong", [EspKeys(1, KEY[:9], bytes(32)), EspKeys(1, KEY, bytes(20)), EspKeys(1, KEY, bytes(32), "DES-EDE3")]
)
def test_bad_keys_are_named(wrong: EspKeys) -> None:
    with pytest.raises(WireError, match="expected"):
        esp.protect(update(), wrong, 1, IV)
