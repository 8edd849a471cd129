"""Enhanced route optimisation (RFC 4866): the messages, binding and credit that both ends have in common. Pure.

A binding update proves its home address by the key that made it, once; from then on by a permanent home keygen token.
Takes messages, addresses and `now`; gives messages, judgements and the credit of a mobile node.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.mip6.bindings.keygen_tokens import AUTHENTICATOR_SIZE, Token, binding_management_key, proved
from mipflow.mip6.enhanced.cga import AddressOwner, CgaParameters, proves
from mipflow.mip6.registrations.updates import deleting
from mipflow.sim.clock import NS_PER_S
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.codec import encode_mobility
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, NonceIndices

MAX_CGA_BINDING_LIFETIME_S = 86400
CREDIT_AGING_INTERVAL_NS = 5 * NS_PER_S
KEPT, OF = 7, 8
"""CreditAgingFactor (RFC 4866 section 7), as a fraction of integers."""
NO_TOKEN = bytes(8)
"""The care-of keygen token of an early binding update (section 4.1)."""
TOKEN_OF_OPTION = 0xFFFF
"""Care-of nonce index of a complete update whose token came in a Care-of Test option: the option has no room for an
index (section 5.5), and section 4.1 asks for one that is not zero. A correspondent node remembers the nonce.
"""
PIECE = 255
"""Octets of the CGA Parameters in one option (section 5.1)."""

Message = TypeVar("Message", BindingUpdate, BindingAcknowledgement)


def with_proof(
    message: Message, owner: AddressOwner, address: Address, care_of: Address, correspondent: Address,
    behind: tuple[mobility.MobilityOption, ...] = (),
) -> Message:  # fmt: skip
    """Add to a message without authorization data the proof that `address` is its owner's (section 4.5).

    CGA parameters and signature stand behind its options, which are signed too, and in front of those `behind`.
    """
    data = owner.parameters[address].encode()
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    front: list[mobility.MobilityOption] = list(map(mobility.CgaParametersOption, pieces))
    # The draft is as long as the message will be: the length in its header is signed too.
    blank = mobility.SignatureOption(bytes(len(owner.key.sign(b""))))
    end = mobility.BindingAuthorizationData(bytes(AUTHENTICATOR_SIZE))
    draft = replace(message, options=(*message.options, *front, blank, *behind, end))
    signature = mobility.SignatureOption(owner.key.sign(mobility_data(draft, care_of, correspondent)))
    return replace(message, options=(*message.options, *front, signature, *behind))


def mobility_data(message: BindingUpdate | BindingAcknowledgement, care_of: Address, correspondent: Address) -> bytes:
    """Return the octets that are signed: two addresses, the message up to its last CGA Parameters option (4.5)."""
    end = max(at + one.size for at, one in message.placed() if isinstance(one, mobility.CgaParametersOption))
    return care_of.packed + correspondent.packed + encode_mobility(message)[:end]


def signature_in(message: BindingUpdate | BindingAcknowledgement) -> bytes | None:
    """Return the signature directly behind the last of the CGA parameters, which stand one after another, all but the
    last with 255 octets; None where it is not so (sections 4.2 and 5.1).
    """
    options = message.options
    places = [at for at, option in enumerate(options) if isinstance(option, mobility.CgaParametersOption)]
    are_whole = all(options[at].size == 2 + PIECE for at in places[:-1])
    if not places or places[-1] - places[0] != len(places) - 1 or not are_whole:
        return None
    behind = (*options, None)[places[-1] + 1]
    return behind.data if isinstance(behind, mobility.SignatureOption) else None


def judged(
    message: BindingUpdate | BindingAcknowledgement, address: Address, care_of: Address, correspondent: Address
) -> CgaParameters | None:
    """Return the CGA parameters of a message if they and its signature prove its sender's `address` (4.6), else None.
    """
    parameters = b"".join(option.data for option in message.options if isinstance(option, mobility.CgaParametersOption))
    signature = signature_in(message)
    if signature is None:
        return None
    return proves(address, parameters, mobility_data(message, care_of, correspondent), signature)


class Credit:
    """The credit that a mobile node has earned by sending from verified addresses: octets that may be sent to an
    address that is not verified yet (sections 3.6, 4.10 and 4.11). It loses an eighth every five seconds.
    """

    __slots__ = ("_interval", "_octets")

    def __init__(self) -> None:
        self._octets = self._interval = 0

    def octets(self, now: int) -> int:
        """Return the credit in octets at `now` nanoseconds."""
        interval = now // CREDIT_AGING_INTERVAL_NS
        if interval != self._interval:
            times = min(interval - self._interval, 1000)  # nothing is left of any credit by then
            self._octets, self._interval = self._octets * KEPT**times // OF**times, interval
        return self._octets

    def earn(self, size: int, now: int) -> None:
        """Add a payload packet of `size` octets that came from a verified care-of address."""
        self._octets = self.octets(now) + size

    def spend(self, size: int, now: int) -> bool:
        """Pay for a packet to an unverified care-of address; return False, and take nothing, where that is too much."""
        if self.octets(now) < size:
            return False
        self._octets -= size
        return True


@dataclass(slots=True, frozen=True)
class EnhancedBinding(Binding):
    """A binding that may come before the test of its care-of address."""

    columns = [*Binding.columns, "care_of_verified"]
    care_of_verified: bool = True
    """False for a care-of address in UNVERIFIED state (section 4.2)."""
    permanent_token: bytes | None = None
    """The permanent home keygen token of its mobile node, or None where that proved itself by home tests."""
    care_of_nonce: int = 0
    """The index of the nonce of the token that a Care-of Test option gave to the mobile node; 0 for none."""
    credit: Credit = field(default_factory=Credit, compare=False)
    """Shared by all bindings that follow one another."""


def enhanced_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None,
    owner: AddressOwner | None = None,
) -> tuple[BindingUpdate, bytes]:  # fmt: skip
    """Build a binding update to a correspondent, with its key (section 4.1): an early one where there is no care-of
    token yet, one that deletes where `lifetime_s` is 0.

    `home` is a permanent home keygen token, or that of a home test; then `owner` proves the home address by its key.
    """
    deletes = lifetime_s == 0
    care_of_token = None if deletes else NO_TOKEN if care_of is None else care_of.value
    key = binding_management_key(home.value, care_of_token)
    indices = NonceIndices(home.nonce_index, 0 if deletes or care_of is None else care_of.nonce_index)
    early = (mobility.CareOfTestInitOption(),) if care_of_token == NO_TOKEN else ()
    options = (*deleting(entry, deletes), *early, indices)
    signed = entry.home_address if deletes else entry.care_of_address
    update = BindingUpdate(sequence, lifetime_units=lifetime_s // LIFETIME_UNIT_S)
    if owner is None:
        update = replace(update, options=options)
    else:
        update = with_proof(update, owner, entry.home_address, signed, entry.peer, options)
    return proved(update, key, signed, entry.peer), key
