"""The mobile node's binding updates and the proof in their acknowledgements (RFC 6275 sections 6.2.7, 11.7). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, Unanswered
from mipflow.mip6.bindings.keygen_tokens import Message, Token, binding_management_key, is_proved, proved
from mipflow.wire import mobility
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingUpdate, Status


def home_update(entry: BindingUpdateEntry, sequence: int, lifetime_s: int, flags: Mapping[str, bool]) -> BindingUpdate:
    """Ask a home agent to bind an entry, or with lifetime 0 to delete it; flags: L and K (section 11.7.1)."""
    units, option = lifetime_s // LIFETIME_UNIT_S, mobility.AlternateCareOfAddress(entry.care_of_address)
    return BindingUpdate(sequence, home_registration=True, lifetime_units=units, options=(option,), **flags)


def correspondent_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None = None
) -> tuple[BindingUpdate, bytes]:
    """Ask a correspondent to bind an entry: the update and the key Kbm that proves it; `care_of` None deletes (11.7.2).

    Then an Alternate Care-of Address option names the home address: some correspondents check the authenticator with
    the care-of address of the update, where section 6.2.7 has the home address. With it the two are one.
    """
    indices = mobility.NonceIndices(home.nonce_index, 0 if care_of is None else care_of.nonce_index)
    lifetime_units = 0 if care_of is None else lifetime_s // LIFETIME_UNIT_S
    key = binding_management_key(home.value, None if care_of is None else care_of.value)
    options = (*deleting(entry, care_of is None), indices)
    update = BindingUpdate(sequence, lifetime_units=lifetime_units, options=options)
    # To delete, the home address is signed (section 6.2.7).
    return proved(update, key, entry.home_address if care_of is None else entry.care_of_address, entry.peer), key


def deleting(entry: BindingUpdateEntry, deletes: bool) -> tuple[mobility.MobilityOption, ...]:
    """The option that an update to a correspondent begins with where it deletes: see `correspondent_update`."""
    return (mobility.AlternateCareOfAddress(entry.home_address),) if deletes else ()


def is_authentic(message: Message, entry: BindingUpdateEntry, update: Unanswered) -> bool:
    """True where a message ends in the right authorization data, made with the key of an update of the entry."""
    signed = entry.home_address if update.deletes else update.care_of_address
    return is_proved(message, update.key, signed, entry.peer)


def is_well_formed(answer: mobility.BindingAcknowledgement) -> bool:
    """True where nothing follows binding authorization data, if there is any (section 11.7.3)."""
    return not any(isinstance(option, mobility.BindingAuthorizationData) for option in answer.options[:-1])


def named(status: int) -> str:
    """A status in words: "status 130 (insufficient resources)" (section 6.1.8)."""
    known = status in Status.__members__.values()
    return f"status {status} ({Status(status).name.lower().replace('_', ' ')})" if known else f"status {status}"
