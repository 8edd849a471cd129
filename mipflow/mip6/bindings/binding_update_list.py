"""The mobile node's binding update list (RFC 6275 section 11.1). Pure: `now` in, changes out; its state machine is a
table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mipflow.mip6 import constants
from mipflow.mip6.bindings.binding_cache import is_newer
from mipflow.mip6.bindings.table import Entry, Table, follow
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS as FIRST_REGISTRATION_NS
from mipflow.mip6.constants import (
    INITIAL_BINDACK_TIMEOUT_NS,
    MAX_BINDACK_TIMEOUT_NS,
    MAX_DELETE_BCE_TIMEOUT_NS,
    MAX_UPDATE_RATE,
)
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address


class State(Enum):
    """Where the registration of one home address at one peer stands."""

    IDLE = "idle"
    WAITING = "waiting for the home registration or for tokens"
    UPDATING = "binding update sent"
    BOUND = "bound"
    FALLBACK = "no answer: in the tunnel, still trying"
    REFUSED = "refused: tried again later"
    DELETING = "de-registering"


class EntryEvent(Enum):
    """Events of an entry. (Those of the machine of all registrations: `registration_events`.)"""

    WANT = "wanted, but something is missing"
    UPDATE = "binding update goes out"
    OLDER = "an older binding update acknowledged"
    ACCEPT = "acknowledged"
    REFUSE = "refused"
    FAIL = "MAX_RO_FAILURE attempts were not answered"
    EXPIRE = "lifetime ended"
    DELETE = "no longer wanted"


_FOLLOWING = {
    State.IDLE: {EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.REFUSE: State.REFUSED},
    State.WAITING: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.REFUSE: State.REFUSED,
        EntryEvent.FAIL: State.FALLBACK, EntryEvent.EXPIRE: State.WAITING, EntryEvent.DELETE: State.DELETING,
    },
    State.UPDATING: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.ACCEPT: State.BOUND,
        EntryEvent.REFUSE: State.REFUSED, EntryEvent.FAIL: State.FALLBACK, EntryEvent.EXPIRE: State.UPDATING,
        EntryEvent.DELETE: State.DELETING,
    },
    State.BOUND: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.REFUSE: State.REFUSED,
        EntryEvent.EXPIRE: State.IDLE, EntryEvent.DELETE: State.DELETING,
    },
    State.FALLBACK: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.FALLBACK, EntryEvent.ACCEPT: State.BOUND,
        EntryEvent.REFUSE: State.REFUSED, EntryEvent.FAIL: State.FALLBACK, EntryEvent.DELETE: State.DELETING,
    },
    State.REFUSED: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.REFUSE: State.REFUSED,
        EntryEvent.EXPIRE: State.REFUSED, EntryEvent.DELETE: State.DELETING,
    },
    State.DELETING: {
        EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.DELETING, EntryEvent.ACCEPT: State.IDLE,
        EntryEvent.REFUSE: State.IDLE, EntryEvent.DELETE: State.DELETING,
    },
}
for _state in (State.WAITING, State.UPDATING, State.FALLBACK, State.DELETING):
    _FOLLOWING[_state][EntryEvent.OLDER] = _state
TRANSITIONS = {(state, event): following for state, row in _FOLLOWING.items() for event, following in row.items()}
"""The registration state machine. A home registration goes from IDLE to UPDATING; a correspondent's waits for the home
registration and for tokens, which `mip6.registrations.return_routability` has its own machine for.
"""


class Unanswered(NamedTuple):
    """A binding update that left and has no answer yet. `lifetime_s` is what it asked for."""

    sequence: int
    care_of_address: Address
    sent_ns: int
    lifetime_s: int
    key: bytes
    """Kbm, of an update to a correspondent node: its acknowledgement proves itself with it."""

    @property
    def deletes(self) -> bool:
        """True for one that asked to delete."""
        return self.lifetime_s == 0

    @property
    def ends_ns(self) -> int:
        """When what it asked for is over, in nanoseconds."""
        return self.sent_ns + self.lifetime_s * NS_PER_S

    def may_bind(self, now: int) -> bool:
        """True while it may still arrive at the peer, late and behind others, and bind there."""
        return not self.deletes and now < self.sent_ns + MAX_DELETE_BCE_TIMEOUT_NS


@dataclass(slots=True)
class BindingUpdateEntry(Entry):
    """One line of the list: what this mobile node asked of `peer` for `home_address`, and what it got.

    `care_of_address` is the one wanted, `registered` the one that the peer acknowledged; they differ during a handover.
    """

    columns = "peer home_address care_of_address registered sequence state expires_at_s home_registration".split()
    peer: Address
    home_address: Address
    care_of_address: Address
    home_registration: bool
    state: State = State.IDLE
    registered: Address | None = None
    sequence: int = 0
    lifetime_s: int = 0
    expires_ns: int = 0
    sent_ns: int = 0
    """When the last binding update left."""
    tests_since_ns: int = 0
    """When the tests for the wanted registration began."""
    refresh_s: int = 0
    """The home agent's advice to refresh after so many seconds (section 6.2.4); 0 for none."""
    retry_ns: int = 0
    """While refused: when to try again."""
    attempts: int = 0
    """Binding updates sent since the last progress: they set the back-off."""
    corrections: int = 0
    """Refusals in a row that the next update was to correct (statuses 135 to 138)."""
    unanswered: tuple[Unanswered, ...] = ()
    """The updates that may still be answered, the last one last."""
    held: Address | None = None
    """The care-of address that a peer held when it fell silent, or refused to delete its binding."""
    lingers_until_ns: int = 0
    """While deleting: no update leaves until then. An older one may still bind, or the peer refused to delete."""
    waits_for_its_turn: bool = False
    """An update is ready to leave as soon as MAX_UPDATE_RATE allows it."""
    waits_for: str = ""
    """The reason for which its update waits, in words, as it was said last."""
    key: bytes = b""
    """Kbm of the last update to a correspondent node; its acknowledgement proves itself with it."""

    @property
    def expires_at_s(self) -> float:
        """When the registration ends, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    @property
    def is_usable(self) -> bool:
        """True while the peer surely holds `registered`: no update that says otherwise is on its way."""
        return self.registered is not None and not self.is_in_doubt and self.state is not State.DELETING

    @property
    def unacknowledged(self) -> Address | None:
        """A care-of address that the peer may or may not hold: of an update that has no answer, or when it fell silent.
        """
        addresses = [self.held, *(update.care_of_address for update in self.unanswered)]
        return next((address for address in addresses if address not in (None, self.registered)), addresses[-1])

    @property
    def may_be_held(self) -> bool:
        """True where the peer holds it, or may still hold it while it is asked to delete it."""
        return self.registered is not None or self.state is State.DELETING

    @property
    def is_unknown_to_peer(self) -> bool:
        """True where the peer surely holds nothing of it: no update left that may have reached it."""
        return self.registered is None and self.unacknowledged is None

    def may_last(self, now: int) -> bool:
        """True while the peer may hold it: some lifetime is left of what it acknowledged, or may have."""
        return not self.is_unknown_to_peer and now < self.last_ns()

    @property
    def is_in_doubt(self) -> bool:
        """True once an update for another address than `registered` left: until an answer the peer may hold either."""
        return self.unacknowledged not in (None, self.registered)

    def last_ns(self) -> int:
        """When a binding that the peer may hold has surely ended, in nanoseconds."""
        return max([self.expires_ns, *(update.ends_ns for update in self.unanswered)])

    def without(self, update: Unanswered | None) -> tuple[Unanswered, ...]:
        """The unanswered updates but one."""
        return tuple(one for one in self.unanswered if one is not update)

    def with_sent(self, update: Unanswered) -> tuple[Unanswered, ...]:
        """The unanswered updates with one more. Of those too old to arrive, the last for each care-of address is kept:
        it may have arrived, and only its acknowledgement been lost.
        """
        later: set[tuple[Address, bool]] = {(update.care_of_address, update.deletes)}
        kept: list[Unanswered] = [update]
        for one in reversed(self.unanswered):
            if one.may_bind(update.sent_ns) or (one.care_of_address, one.deletes) not in later:
                kept.append(one)
            later.add((one.care_of_address, one.deletes))
        return tuple(reversed(kept))

    def refresh_ns(self) -> int:
        """When to refresh it, in nanoseconds: as the home agent advised, and well before it ends (section 11.7.3)."""
        lasts_ns = self.expires_ns - self.sent_ns
        after_ns = round(lasts_ns * constants.REFRESH_AT)
        advised_ns = self.refresh_s * NS_PER_S
        return self.sent_ns + (min(after_ns, advised_ns) if 0 < advised_ns < lasts_ns else after_ns)

    def timeout_ns(self) -> int:
        """How long to wait for an answer to the update that was sent last."""
        is_first = self.home_registration and self.registered is None and self.state is not State.DELETING
        return back_off_ns(self.attempts, FIRST_REGISTRATION_NS if is_first else INITIAL_BINDACK_TIMEOUT_NS)


Key = tuple["Address", "Address"]


class BindingUpdateList(Table[Key, BindingUpdateEntry]):
    """All registrations, by (peer, home address). Iterates over its entries."""

    name = "binding update list"

    def __init__(self) -> None:
        super().__init__()
        self._sequences: dict[Address, int] = {}
        self._of: dict[Address, dict[Key, BindingUpdateEntry]] = {}
        """The entries of a peer, and those of a home address: no address is both."""

    def get(self, peer: Address, home_address: Address) -> BindingUpdateEntry | None:
        """The entry for a home address at a peer, or None."""
        return self._entries.get((peer, home_address))

    def of_peer(self, peer: Address) -> list[BindingUpdateEntry]:
        """All entries at one peer."""
        return list(self._of.get(peer, {}).values())

    def of_home_address(self, home_address: Address) -> list[BindingUpdateEntry]:
        """All entries of one home address."""
        return list(self._of.get(home_address, {}).values())

    def left_s(self, peer: Address, home_address: Address, now: int) -> int:
        """Whole seconds that are left of a registration, but never less than one unit of lifetimes, 4 s."""
        entry = self.get(peer, home_address)
        return max(0 if entry is None else (entry.expires_ns - now) // NS_PER_S, 4)

    def next_sequence(self, peer: Address, start: int) -> int:
        """The next sequence number towards a peer: one counter across all home addresses (section 11.7.2)."""
        number = self._sequences[peer] = (self._sequences.get(peer, start) + 1) & 0xFFFF
        return number

    def skip_sequence(self, peer: Address, last_accepted: int) -> None:
        """Move the counter past what a peer reported with status 135; never back, so that no number is used twice."""
        if is_newer(last_accepted, self._sequences.get(peer, last_accepted)):
            self._sequences[peer] = last_accepted

    def want(self, peer: Address, home_address: Address, care_of: Address, home_registration: bool) -> list[Change]:
        """Enter or change what is wanted of a peer."""
        key, entry = (peer, home_address), self.get(peer, home_address)
        if entry is None:
            entry = BindingUpdateEntry(peer, home_address, care_of, home_registration)
            for address in key:
                self._of.setdefault(address, {})[key] = entry
            return self._put(key, entry)
        return self._set(key, entry, care_of_address=care_of)

    def step(self, entry: BindingUpdateEntry, event: EntryEvent, **values: object) -> list[Change]:
        """Take one transition of the state machine and set fields of the entry with it.

        Raises ProtocolMisuse for an event that the table does not know in this state.
        """
        following = follow(TRANSITIONS, entry.state, event, "a registration")
        return self._set((entry.peer, entry.home_address), entry, state=following, **values)

    def remove(self, entry: BindingUpdateEntry) -> list[Change]:
        """Take an entry out."""
        key = (entry.peer, entry.home_address)
        for address in key:
            self._of.get(address, {}).pop(key, None)
        return self._take(key)

    def _text(self, key: Key) -> str:
        return f"{key[1]} at {key[0]}"


def back_off_ns(attempts: int, first_ns: int = INITIAL_BINDACK_TIMEOUT_NS) -> int:
    """How long to wait for an answer after so many messages: doubling, at most 32 s (section 11.8)."""
    return min(first_ns << min(max(attempts - 1, 0), 6), MAX_BINDACK_TIMEOUT_NS)


class RateLimit:
    """MAX_UPDATE_RATE messages of one kind a second (section 11.8), or `most`: says when the next may leave. Pure."""

    def __init__(self, most: int = MAX_UPDATE_RATE) -> None:
        self._most = most
        self._sent: dict[object, list[int]] = {}

    def due(self, kind: object, now: int) -> int:
        """The earliest time, in nanoseconds, at which one more message of this kind may leave."""
        recent = self._sent.get(kind, [])
        return now if len(recent) < self._most else max(now, recent[-self._most] + NS_PER_S)

    def reserve(self, kind: object, now: int) -> int:
        """The same; it is taken."""
        due, recent = self.due(kind, now), self._sent.setdefault(kind, [])
        recent.append(due)
        del recent[: -self._most]
        return due
