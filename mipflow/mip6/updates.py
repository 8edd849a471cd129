"""The mobile node's binding updates and the proof in their acknowledgements (RFC 6275 sections 6.2.7, 11.7). Pure."""

from __future__ import annotations

import hmac
from dataclasses import replace

from mipflow.mip6.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.return_routability import AUTHENTICATOR_SIZE, Token, authenticator, binding_management_key
from mipflow.wire.address import Address
from mipflow.wire.codec import authenticated_part
from mipflow.wire.mobility import (
    LIFETIME_UNIT_S,
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingAuthorizationData,
    BindingUpdate,
    NonceIndices,
)


def home_update(entry: BindingUpdateEntry, sequence: int, lifetime_s: int) -> BindingUpdate:
    """What asks a home agent to bind an entry, or with lifetime 0 to delete it (section 11.7.1)."""
    return BindingUpdate(
        sequence, home_registration=True, lifetime_units=lifetime_s // LIFETIME_UNIT_S,
        options=(AlternateCareOfAddress(entry.care_of_address),),
    )  # fmt: skip


def correspondent_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None
) -> tuple[BindingUpdate, bytes]:
    """What asks a correspondent to bind an entry, with the key Kbm that proves it; `care_of` None deletes (11.7.2)."""
    indices = NonceIndices(home.nonce_index, 0 if care_of is None else care_of.nonce_index)
    plain = BindingUpdate(
        sequence, lifetime_units=0 if care_of is None else lifetime_s // LIFETIME_UNIT_S,
        options=(indices, BindingAuthorizationData(bytes(AUTHENTICATOR_SIZE))),
    )  # fmt: skip
    key = binding_management_key(home.value, None if care_of is None else care_of.value)
    proof = authenticator(key, _signed(entry), entry.peer, authenticated_part(plain))
    return replace(plain, options=(indices, BindingAuthorizationData(proof))), key


def is_authentic(answer: BindingAcknowledgement, entry: BindingUpdateEntry) -> bool:
    """True where an acknowledgement ends in the right authorization data, made with the key of the last update."""
    proof = answer.options[-1] if answer.options else None
    if not isinstance(proof, BindingAuthorizationData):
        return False
    expected = authenticator(entry.key, _signed(entry), entry.peer, authenticated_part(answer))
    return hmac.compare_digest(proof.authenticator, expected)


def _signed(entry: BindingUpdateEntry) -> Address:
    """The address in the authenticator: the home address when the binding is to be deleted (section 6.2.7)."""
    return entry.home_address if entry.state is State.DELETING else entry.care_of_address
