"""A mobile node's binding updates: how each is built, and which one an acknowledgement answers (RFC 6275 sections 6.2.7
and 11.7). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mipflow.mip6.bindings import keygen_tokens
from mipflow.mip6.bindings.binding_cache import is_newer
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State, Unanswered
from mipflow.mip6.bindings.keygen_tokens import Message, RoutabilityTest, Token
from mipflow.wire import mobility
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, Status

ANSWER_DUE = (State.UPDATING, State.FALLBACK, State.DELETING)
"""States in which an update may be without its answer."""
EXPIRED_NONCES: dict[int, tuple[RoutabilityTest, ...]] = {
    Status.EXPIRED_HOME_NONCE_INDEX: (RoutabilityTest.HOME,),
    Status.EXPIRED_CARE_OF_NONCE_INDEX: (RoutabilityTest.CARE_OF,),
    Status.EXPIRED_NONCES: (RoutabilityTest.HOME, RoutabilityTest.CARE_OF),
}
"""Statuses that ask for new tests -> the tests to make anew."""
NOTHING_HELD = (
    Status.NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE, Status.NOT_HOME_SUBNET, Status.HOME_REGISTRATION_NOT_SUPPORTED,
)  # fmt: skip
"""Refusals by which a home agent says that it has nothing to delete; after another refusal it keeps what it has."""

KeyedUpdate = tuple[BindingUpdate, bytes]
"""An update, and its key Kbm, which proves its acknowledgement; to a home agent it has none."""
Proof = Callable[[BindingUpdateEntry, BindingAcknowledgement, Unanswered], bool]


def home_update(entry: BindingUpdateEntry, sequence: int, lifetime_s: int, flags: Mapping[str, bool]) -> BindingUpdate:
    """Build the update that binds an entry at a home agent, or deletes it with lifetime 0; flags: L and K (section
    11.7.1).
    """
    units, option = lifetime_s // LIFETIME_UNIT_S, mobility.AlternateCareOfAddress(entry.care_of_address)
    return BindingUpdate(sequence, home_registration=True, lifetime_units=units, options=(option,), **flags)


def correspondent_update(
    entry: BindingUpdateEntry, sequence: int, lifetime_s: int, home: Token, care_of: Token | None = None
) -> KeyedUpdate:
    """Build the update that binds an entry at a correspondent, with its key Kbm; `care_of` None deletes (11.7.2).

    To delete, an Alternate Care-of Address option names the home address: some correspondents check the authenticator
    with the care-of address of the update, where section 6.2.7 has the home address. With the option the two are one.
    """
    indices = mobility.NonceIndices(home.nonce_index, 0 if care_of is None else care_of.nonce_index)
    lifetime_units = 0 if care_of is None else lifetime_s // LIFETIME_UNIT_S
    key = keygen_tokens.binding_management_key(home.value, None if care_of is None else care_of.value)
    options = (*deleting(entry, care_of is None), indices)
    update = BindingUpdate(sequence, lifetime_units=lifetime_units, options=options)
    signed = entry.home_address if care_of is None else entry.care_of_address  # section 6.2.7
    return keygen_tokens.proved(update, key, signed, entry.peer), key


def deleting(entry: BindingUpdateEntry, deletes: bool) -> tuple[mobility.MobilityOption, ...]:
    """Return the option that an update to a correspondent begins with where it deletes: see `correspondent_update`."""
    return (mobility.AlternateCareOfAddress(entry.home_address),) if deletes else ()


def is_authentic(message: Message, entry: BindingUpdateEntry, update: Unanswered) -> bool:
    """True where a message ends in the right authorization data, made with the key of an update of the entry."""
    signed = entry.home_address if update.deletes else update.care_of_address
    return keygen_tokens.is_proved(message, update.key, signed, entry.peer)


def answered_update(
    entry: BindingUpdateEntry | None, answer: BindingAcknowledgement, proves: Proof
) -> Unanswered | str:
    """Find the update that an acknowledgement answers, or say why the acknowledgement is ignored (section 11.7.3)."""
    if entry is None or entry.state not in (*ANSWER_DUE, State.WAITING) or not entry.unanswered:
        return "binding acknowledgement that nobody waits for"
    if answer.status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW:
        # It tells the number that the peer has, not the one that it refuses.
        is_old = is_newer(entry.sequence, answer.sequence) or entry.state is State.WAITING
        updates = () if is_old else entry.unanswered[::-1]
    else:
        updates = tuple(update for update in entry.unanswered if update.sequence == answer.sequence)
    if not updates:
        return "binding acknowledgement of an older binding update"
    needs_proof = not entry.home_registration and answer.status not in EXPIRED_NONCES  # section 9.5.4
    found = next((update for update in updates if not needs_proof or proves(entry, answer, update)), None)
    # Nothing may follow binding authorization data.
    is_last = not any(isinstance(option, mobility.BindingAuthorizationData) for option in answer.options[:-1])
    return found if found is not None and is_last else "binding authorization data is wrong"


def named(status: int) -> str:
    """Say a status in words: "status 130 (insufficient resources)" (section 6.1.8)."""
    known = status in Status.__members__.values()
    return f"status {status} ({Status(status).name.lower().replace('_', ' ')})" if known else f"status {status}"
