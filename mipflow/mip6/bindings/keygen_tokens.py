"""Keygen tokens, with the binding key and authenticators made of them (RFC 6275 sections 5.2 and 6.2.7). Pure.

A correspondent node keeps no more than its `Nonces`. A mobile node gets tokens by the tests of
`mip6.registrations.return_routability`, where a Home Test is checked too; `mip6.registrations.exchange` uses them.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import TypeVar

from mipflow.mip6.constants import MAX_NONCE_LIFETIME_NS, NONCE_INTERVAL_NS
from mipflow.wire.address import Address
from mipflow.wire.codec import authenticated_part
from mipflow.wire.mobility import BindingAcknowledgement, BindingAuthorizationData, BindingUpdate

AUTHENTICATOR_SIZE = 12
VALID_NONCES = MAX_NONCE_LIFETIME_NS // NONCE_INTERVAL_NS


def binding_management_key(home_token: bytes, care_of_token: bytes | None) -> bytes:
    """Return Kbm = SHA1(home keygen token | care-of keygen token), without the latter to delete a binding (5.2.5)."""
    return hashlib.sha1(home_token + (care_of_token or b"")).digest()


def authenticator(key: bytes, care_of_address: Address, correspondent: Address, message: bytes) -> bytes:
    """Return the first 96 bits of HMAC_SHA1(Kbm, care-of address | correspondent | MH data) (section 6.2.7).

    `message`: the Mobility Header with checksum zero, up to where the authenticator stands. To delete a binding the
    home address takes the care-of address's place.
    """
    return hmac.digest(key, care_of_address.packed + correspondent.packed + message, "sha1")[:AUTHENTICATOR_SIZE]


Message = TypeVar("Message", BindingUpdate, BindingAcknowledgement)


def proved(message: Message, key: bytes, signed: Address, correspondent: Address) -> Message:
    """Add authorization data behind the options of a message; `signed`: its care-of address (see `authenticator`)."""
    plain = replace(message, options=(*message.options, BindingAuthorizationData(bytes(AUTHENTICATOR_SIZE))))
    proof = authenticator(key, signed, correspondent, authenticated_part(plain))
    return replace(message, options=(*message.options, BindingAuthorizationData(proof)))


def is_proved(message: Message, key: bytes, signed: Address, correspondent: Address) -> bool:
    """True where a message ends in the right authorization data."""
    proof = message.options[-1] if message.options else None
    if not isinstance(proof, BindingAuthorizationData):
        return False
    expected = authenticator(key, signed, correspondent, authenticated_part(message))
    return hmac.compare_digest(proof.authenticator, expected)


class Nonces:
    """The key Kcn of a correspondent node and its nonces: a new one every 30 s, the last eight accepted (section
    5.2.7).

    A nonce is made from its index and a secret when asked for, so nothing is stored.
    """

    def __init__(self, random: Random) -> None:
        self.node_key = random.randbytes(20)
        self._secret = random.randbytes(20)
        self._count = 0
        """The number of nonces before the current one. An index comes again after 65 535 of them, a nonce never."""

    def index(self, now: int) -> int:
        """Return the index of the nonce given out at `now` nanoseconds: 16 bits, never zero (RFC 4866 section 4.1)."""
        self._count = now // NONCE_INTERVAL_NS
        return self._count % 0xFFFF + 1

    def nonce(self, index: int) -> bytes:
        """Return the eight octets of the newest nonce with an index."""
        count = self._count - (self._count + 1 - index) % 0xFFFF
        return hmac.digest(self._secret, count.to_bytes(8, "big", signed=True), "sha1")[:8]

    def is_valid(self, index: int, now: int) -> bool:
        """True for the current nonce and the seven before it."""
        age = (self.index(now) - index) % 0xFFFF
        return 0 < index <= 0xFFFF and age < VALID_NONCES and age <= now // NONCE_INTERVAL_NS

    def home_token(self, home_address: Address, index: int) -> bytes:
        """Return the home keygen token of an address under one nonce (section 5.2.5): the first 64 bits of
        HMAC_SHA1(Kcn, home address | nonce | 0).
        """
        return hmac.digest(self.node_key, home_address.packed + self.nonce(index) + b"\x00", "sha1")[:8]

    def care_of_token(self, care_of_address: Address, index: int) -> bytes:
        """Return the care-of keygen token of an address under one nonce (section 5.2.5): the first 64 bits of
        HMAC_SHA1(Kcn, care-of address | nonce | 1).
        """
        return hmac.digest(self.node_key, care_of_address.packed + self.nonce(index) + b"\x01", "sha1")[:8]


class RoutabilityTest(Enum):
    """The two tests: through the home agent, and straight (section 5.2.5)."""

    HOME = "home"
    CARE_OF = "care-of"


TestKey = tuple[RoutabilityTest, "Address", "Address"]
"""(kind, correspondent node, home or care-of address): a care-of token serves every home address (section 5.2.7)."""


@dataclass(slots=True, frozen=True)
class Token:
    """A keygen token with its nonce index and the time at which it came, in nanoseconds."""

    nonce_index: int
    value: bytes
    received_ns: int
