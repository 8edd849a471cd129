"""ESP (RFC 4303) through scapy's ipsec layer: the payload of a packet is sealed, and opened again.

Takes a packet, keys, sequence number and initialisation vector; gives the packet with Opaque octets under next header
50, and back. Its extension headers stay in front: the Home Address option and the type 2 routing header are to be seen
(RFC 3776 section 3). With a packet as payload the same is tunnel mode. Nothing here is random or keeps a state.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from mipflow.arguments import need_cryptography
from mipflow.errors import WireError
from mipflow.wire import layers
from mipflow.wire.codec import decode, encode, next_header
from mipflow.wire.packet import ESP, ExtensionHeader, Opaque, Packet, Sized

Kind = TypeVar("Kind", bound=Packet)

HEADER = 8
"""Octets of SPI and sequence number."""


class Encryption(NamedTuple):
    """Octets of key, initialisation vector and block."""

    key: int
    iv: int
    block: int


class Integrity(NamedTuple):
    """Octets of key and integrity check value."""

    key: int
    icv: int


ENCRYPTION = {"AES-CBC": Encryption(16, 16, 16), "NULL": Encryption(0, 0, 4)}
"""Encryption algorithms by scapy's names: RFC 3602 with keys of 128 bits, RFC 2410."""
INTEGRITY = {"SHA2-256-128": Integrity(32, 16), "HMAC-SHA1-96": Integrity(20, 12)}
"""Integrity algorithms: RFC 4868, RFC 2404. There is no NULL: authentication is a MUST between mobile node and home
agent (RFC 6275 5.1).
"""


@dataclass(slots=True, frozen=True)
class EspKeys:
    """The keys that both ends of a security association share; `encryption` and `integrity` name their algorithms."""

    spi: int
    encryption_key: bytes
    integrity_key: bytes
    encryption: str = "AES-CBC"
    integrity: str = "SHA2-256-128"

    @property
    def iv_size(self) -> int:
        """Octets of an initialisation vector."""
        return ENCRYPTION[self.encryption].iv


class Opened(Packet):
    """A packet that came in ESP, as it was before."""

    __slots__ = ()


def protect(packet: Packet, keys: EspKeys, sequence: int, iv: bytes) -> Packet:
    """Return the packet with its payload in ESP (RFC 4303 section 3.3). Raises WireError for one that has no bytes."""
    octets = encode(packet)[packet.size - packet.payload.size :]
    clear = layers.inet6.IPv6(src="::", dst="::", nh=next_header(packet.payload)) / layers.Raw(octets)
    sealed = bytes(_association(keys).encrypt(clear, seq_num=sequence, iv=iv))[40:]
    return _with(Packet, packet, Opaque(ESP, sealed, packet.payload), packet.extensions)


def spi_and_sequence(packet: Packet) -> tuple[int, int]:
    """Return the two numbers in front of an ESP payload (RFC 4303 sections 2.1, 2.2). Raises WireError where they are
    cut off.
    """
    payload = packet.payload
    if not isinstance(payload, Opaque) or payload.next_header != ESP or payload.size < HEADER:
        raise WireError(f"{payload.size} octets are no ESP; expected at least {HEADER}", payload)
    spi, sequence = struct.unpack_from(">II", payload.data)
    return spi, sequence


def open_protected(packet: Packet, keys: EspKeys) -> Opened:
    """Return the packet as it was before `protect`: authenticated first, then decrypted and read (RFC 4303 section
    3.4).

    Raises WireError with the reason for what is cut off, not authentic, badly padded, or unreadable inside.
    """
    payload = packet.payload
    assert isinstance(payload, Opaque)
    cipher, icv = ENCRYPTION[keys.encryption], INTEGRITY[keys.integrity].icv
    encrypted = payload.size - HEADER - cipher.iv - icv
    if encrypted < cipher.block or encrypted % cipher.block:
        raise WireError(f"ESP of {payload.size} octets, which {keys.encryption} and {keys.integrity} never make")
    association, sealed = _association(keys), layers.ipsec.ESP(payload.data)
    try:
        association.auth_algo.verify(sealed, keys.integrity_key)
    except layers.ipsec.IPSecIntegrityError:
        raise WireError("ESP with a wrong integrity check value", payload) from None
    plain = association.crypt_algo.decrypt(association, sealed, keys.encryption_key, icv)
    if plain.padding != bytes(range(1, plain.padlen + 1)):
        raise WireError("ESP with padding that does not count up from 1 (RFC 4303 section 2.4)", payload)
    inside = Opaque(plain.nh, bytes(plain.data))
    read = decode(encode(Packet(packet.source, packet.destination, inside, packet.hop_limit, packet.extensions)))
    return _with(Opened, packet, read.payload, read.extensions)


def _with(kind: type[Kind], packet: Packet, payload: Sized, extensions: tuple[ExtensionHeader, ...]) -> Kind:
    """Return a packet like another one, with another payload behind other extension headers."""
    return kind(
        packet.source, packet.destination, payload, packet.hop_limit, extensions, packet.traffic_class,
        packet.flow_label, packet.label, packet.sent_ns,
    )  # fmt: skip


def _association(keys: EspKeys) -> Any:
    """Return keys as scapy wants them. Raises WireError for an algorithm that is not offered, or a key of a wrong
    length.
    """
    for algorithm, known, key in (
        (keys.encryption, ENCRYPTION, keys.encryption_key), (keys.integrity, INTEGRITY, keys.integrity_key)
    ):  # fmt: skip
        if algorithm not in known:
            raise WireError(f"algorithm {algorithm!r}; expected one of {', '.join(known)}", algorithm)
        if len(key) != known[algorithm].key:
            raise WireError(f"a key of {len(key)} octets for {algorithm}; expected {known[algorithm].key}", len(key))
    try:
        return layers.ipsec.SecurityAssociation(
            layers.ipsec.ESP, keys.spi, crypt_algo=keys.encryption, crypt_key=keys.encryption_key,
            auth_algo=keys.integrity, auth_key=keys.integrity_key,
        )  # fmt: skip
    except TypeError:  # an algorithm that scapy has only with that package
        need_cryptography("ESP")
        raise
