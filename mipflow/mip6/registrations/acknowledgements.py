"""Binding acknowledgements as a mobile node judges them (RFC 6275 section 11.7.3). Pure."""

from __future__ import annotations

from collections.abc import Callable

from mipflow.mip6.bindings.binding_cache import is_newer
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State, Unanswered
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest
from mipflow.mip6.registrations.updates import is_well_formed
from mipflow.wire.mobility import BindingAcknowledgement, Status

ANSWER_DUE = (State.UPDATING, State.FALLBACK, State.DELETING)
"""States in which an update may be without its answer."""
EXPIRED_NONCES: dict[int, tuple[RoutabilityTest, ...]] = {
    Status.EXPIRED_HOME_NONCE_INDEX: (RoutabilityTest.HOME,),
    Status.EXPIRED_CARE_OF_NONCE_INDEX: (RoutabilityTest.CARE_OF,),
    Status.EXPIRED_NONCES: (RoutabilityTest.HOME, RoutabilityTest.CARE_OF),
}
"""Which tests a status says are to be made anew."""
NOTHING_HELD = (
    Status.NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE, Status.NOT_HOME_SUBNET, Status.HOME_REGISTRATION_NOT_SUPPORTED,
)  # fmt: skip
"""With these a home agent says that it has nothing to delete; another refusal leaves what it has."""

Proof = Callable[[BindingUpdateEntry, BindingAcknowledgement, Unanswered], bool]


def answered_update(
    entry: BindingUpdateEntry | None, answer: BindingAcknowledgement, is_authentic: Proof
) -> Unanswered | str:
    """The outstanding update that an acknowledgement is about; a word on why it is to be ignored."""
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
    proved = (update for update in updates if not needs_proof or is_authentic(entry, answer, update))
    found = next(proved, None)
    return found if found is not None and is_well_formed(answer) else "binding authorization data is wrong"
