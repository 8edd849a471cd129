"""The mobile node's binding updates and the proof in their acknowledgements (RFC 6275 sections 6.2.7, 11.7). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.mip6.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.return_routability import Message, Token, binding_management_key, is_proved, proved
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingUpdate, Status


def home_update(entry: BindingUpdateEntry, sequence: int, lifetime_s: int, flags: Mapping[str, bool]) -> BindingUpdate:
    """What asks a home agent to bind an entry, or with lifetime 0 to delete it; flags: L and K (section 11.7.1)."""
    units, option = lifetime_s // LIFETIME_UNIT_S, mobility.AlternateCareOfAddress(entry.care_of_address)
    return BindingUpdate(sequence, home_registration=True, lifetime_units=units, options=(option,), **flags)


def correspondent_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None = None
) -> tuple[BindingUpdate, bytes]:
    """What asks a correspondent to bind an entry, with the key Kbm that proves it; `care_of` None deletes (11.7.2)."""
    indices = mobility.NonceIndices(home.nonce_index, 0 if care_of is None else care_of.nonce_index)
    lifetime_units = 0 if care_of is None else lifetime_s // LIFETIME_UNIT_S
    key = binding_management_key(home.value, None if care_of is None else care_of.value)
    update = BindingUpdate(sequence, lifetime_units=lifetime_units, options=(indices,))
    return proved(update, key, _signed(entry), entry.peer), key


def is_authentic(message: Message, entry: BindingUpdateEntry) -> bool:
    """True where a message ends in the right authorization data, made with the key of the entry's last update."""
    return is_proved(message, entry.key, _signed(entry), entry.peer)


def is_well_formed(answer: mobility.BindingAcknowledgement) -> bool:
    """True where nothing follows binding authorization data, if there is any (section 11.7.3)."""
    return not any(isinstance(option, mobility.BindingAuthorizationData) for option in answer.options[:-1])


def named(status: int) -> str:
    """A status in words: "status 130 (insufficient resources)" (section 6.1.8)."""
    known = status in Status.__members__.values()
    return f"status {status} ({Status(status).name.lower().replace('_', ' ')})" if known else f"status {status}"


def _signed(entry: BindingUpdateEntry) -> Address:
    """The address in the authenticator: the home address when the binding is to be deleted (section 6.2.7)."""
    return entry.home_address if entry.state is State.DELETING else entry.care_of_address
