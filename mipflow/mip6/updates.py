"""The mobile node's binding updates and the proof in their acknowledgements (RFC 6275 sections 6.2.7, 11.7). Pure."""

from __future__ import annotations

from mipflow.mip6.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.return_routability import Token, binding_management_key, is_proved, proved
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import LIFETIME_UNIT_S, AlternateCareOfAddress, BindingUpdate, NonceIndices


def home_update(entry: BindingUpdateEntry, sequence: int, lifetime_s: int, keys_survive: bool) -> BindingUpdate:
    """What asks a home agent to bind an entry, or with lifetime 0 to delete it; K says `keys_survive` (section 11.7.1).
    """
    units, option = lifetime_s // LIFETIME_UNIT_S, AlternateCareOfAddress(entry.care_of_address)
    return BindingUpdate(
        sequence, home_registration=True, key_management=keys_survive, lifetime_units=units, options=(option,)
    )


def correspondent_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None = None
) -> tuple[BindingUpdate, bytes]:
    """What asks a correspondent to bind an entry, with the key Kbm that proves it; `care_of` None deletes (11.7.2)."""
    indices = NonceIndices(home.nonce_index, 0 if care_of is None else care_of.nonce_index)
    lifetime_units = 0 if care_of is None else lifetime_s // LIFETIME_UNIT_S
    key = binding_management_key(home.value, None if care_of is None else care_of.value)
    update = BindingUpdate(sequence, lifetime_units=lifetime_units, options=(indices,))
    return proved(update, key, _signed(entry), entry.peer), key


def is_authentic(answer: mobility.BindingAcknowledgement, entry: BindingUpdateEntry) -> bool:
    """True where an acknowledgement ends in the right authorization data, made with the key of the last update."""
    return is_proved(answer, entry.key, _signed(entry), entry.peer)


def _signed(entry: BindingUpdateEntry) -> Address:
    """The address in the authenticator: the home address when the binding is to be deleted (section 6.2.7)."""
    return entry.home_address if entry.state is State.DELETING else entry.care_of_address
