"""The mobile node's binding update list (RFC 6275 section 11.1). Pure: `now` in, changes out.

The state machine of a registration is a table (`TRANSITIONS`), from which its diagram is drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mipflow.mip6 import constants
from mipflow.mip6.bindings.binding_cache import is_newer
from mipflow.mip6.bindings.table import Entry, Table, follow, in_order
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address


class State(Enum):
    """The state of the registration of one home address at one peer."""

    IDLE = "idle"
    WAITING = "waiting for the home registration or for tokens"
    UPDATING = "binding update sent"
    BOUND = "bound"
    FALLBACK = "no answer: in the tunnel, still trying"
    REFUSED = "refused: tried again later"
    DELETING = "de-registering"


class EntryEvent(Enum):
    """Events of one entry. `mip6.registrations.events` has those of the machine of all registrations."""

    WANT = "wanted, but something is missing"
    UPDATE = "binding update goes out"
    ACCEPT = "acknowledged"
    REFUSE = "refused"
    FAIL = "MAX_RO_FAILURE attempts were not answered"
    EXPIRE = "lifetime ended"
    DELETE = "no longer wanted"
    OLDER = "an older binding update acknowledged"


_WISHED = {EntryEvent.WANT: State.WAITING, EntryEvent.UPDATE: State.UPDATING, EntryEvent.REFUSE: State.REFUSED}
_PRESENT = {**_WISHED, EntryEvent.DELETE: State.DELETING}
_FOLLOWING = {
    State.IDLE: _WISHED,
    State.WAITING: {**_PRESENT, EntryEvent.FAIL: State.FALLBACK, EntryEvent.EXPIRE: State.WAITING},
    State.UPDATING: {
        **_PRESENT, EntryEvent.ACCEPT: State.BOUND, EntryEvent.FAIL: State.FALLBACK,
        EntryEvent.EXPIRE: State.UPDATING,
    },
    State.BOUND: {**_PRESENT, EntryEvent.EXPIRE: State.IDLE},
    State.FALLBACK: {
        **_PRESENT, EntryEvent.UPDATE: State.FALLBACK, EntryEvent.ACCEPT: State.BOUND,
        EntryEvent.FAIL: State.FALLBACK,
    },
    State.REFUSED: {**_PRESENT, EntryEvent.EXPIRE: State.REFUSED},
    State.DELETING: {
        **_PRESENT, EntryEvent.UPDATE: State.DELETING, EntryEvent.ACCEPT: State.IDLE, EntryEvent.REFUSE: State.IDLE,
    },
}  # fmt: skip
for _state in (State.WAITING, State.UPDATING, State.FALLBACK, State.DELETING):
    _FOLLOWING[_state][EntryEvent.OLDER] = _state
TRANSITIONS = in_order(_FOLLOWING, EntryEvent)
"""The registration state machine. A home registration goes from IDLE to UPDATING; a correspondent's waits for the home
registration and for tokens, for which `mip6.registrations.return_routability` has its own machine.
"""


class Unanswered(NamedTuple):
    """A binding update that left and has no answer yet. `lifetime_s` is the lifetime that it asked for."""

    sequence: int
    care_of_address: Address
    sent_ns: int
    lifetime_s: int
    key: bytes
    """Kbm of an update to a correspondent node, which proves its acknowledgement."""

    @property
    def deletes(self) -> bool:
        """True for an update that asked to delete."""
        return self.lifetime_s == 0

    @property
    def ends_ns(self) -> int:
        """The end of the lifetime that it asked for, in nanoseconds."""
        return self.sent_ns + self.lifetime_s * NS_PER_S

    def may_bind(self, now: int) -> bool:
        """True while it may still arrive at the peer, late and behind others, and bind there."""
        return not self.deletes and now < self.sent_ns + constants.MAX_DELETE_BCE_TIMEOUT_NS


@dataclass(slots=True)
class BindingUpdateEntry(Entry):
    """One line of the list: the binding that this mobile node wants of `peer` for `home_address`, and the one it has.

    `care_of_address` is wanted, `registered` is the one that the peer acknowledged; they differ during a handover.
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
    """The time at which the last binding update left."""
    tests_since_ns: int = 0
    """The time at which the tests for the wanted registration began."""
    refresh_s: int = 0
    """The home agent's advice to refresh after so many seconds (section 6.2.4); 0 for none."""
    retry_ns: int = 0
    """While refused: the time to try again."""
    attempts: int = 0
    """The number of binding updates since the last progress: it sets the back-off."""
    corrections: int = 0
    """The number of refusals in a row that the next update was to correct (statuses 135 to 138)."""
    unanswered: tuple[Unanswered, ...] = ()
    """The updates that may still be answered, the last one last."""
    held: Address | None = None
    """The care-of address that a peer held when it fell silent, or refused to delete its binding."""
    lingers_until_ns: int = 0
    """While deleting: the time before which no update leaves; an older one may bind, or the peer refused to delete."""
    waits_for: str = ""
    """The reason, in words, that was traced last for its update to wait."""

    @property
    def expires_at_s(self) -> float:
        """The end of the registration, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    @property
    def is_usable(self) -> bool:
        """True while the peer surely holds `registered`: no update that says otherwise is on its way."""
        return self.registered is not None and not self.is_in_doubt and self.state is not State.DELETING

    @property
    def unacknowledged(self) -> Address | None:
        """The care-of address that the peer may or may not hold: that of an update without an answer, or the one it
        held when it fell silent.
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
        """Return when a binding that the peer may hold has surely ended, in nanoseconds."""
        return max([self.expires_ns, *(update.ends_ns for update in self.unanswered)])

    def without(self, update: Unanswered | None) -> tuple[Unanswered, ...]:
        """Return the unanswered updates but one."""
        return tuple(one for one in self.unanswered if one is not update)

    def with_sent(self, update: Unanswered) -> tuple[Unanswered, ...]:
        """Return the unanswered updates with one more. Of those too old to arrive, the last for each care-of address is
        kept: it may have arrived, and only its acknowledgement been lost.
        """
        later: set[tuple[Address, bool]] = {(update.care_of_address, update.deletes)}
        kept: list[Unanswered] = [update]
        for one in reversed(self.unanswered):
            if one.may_bind(update.sent_ns) or (one.care_of_address, one.deletes) not in later:
                kept.append(one)
            later.add((one.care_of_address, one.deletes))
        return tuple(reversed(kept))

    def refresh_ns(self) -> int:
        """Return when to refresh it, in nanoseconds: as the home agent advised, well before its end (section
        11.7.3)."""
        lasts_ns = self.expires_ns - self.sent_ns
        after_ns = round(lasts_ns * constants.REFRESH_AT)
        advised_ns = self.refresh_s * NS_PER_S
        return self.sent_ns + (min(after_ns, advised_ns) if 0 < advised_ns < lasts_ns else after_ns)

    def timeout_ns(self) -> int:
        """Return how long to wait for an answer to the update that was sent last, in nanoseconds."""
        if self.home_registration and self.registered is None and self.state is not State.DELETING:
            return back_off_ns(self.attempts, constants.INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS)
        return back_off_ns(self.attempts)


Key = tuple["Address", "Address"]


class BindingUpdateList(Table[Key, BindingUpdateEntry]):
    """The registrations of a mobile node by (peer, home address). Iterates over its entries."""

    name = "binding update list"

    def __init__(self) -> None:
        super().__init__()
        self._sequences: dict[Address, int] = {}
        self._of: dict[Address, dict[Key, BindingUpdateEntry]] = {}
        """The entries of each peer, and of each home address: no address is both."""

    def of_peer(self, peer: Address) -> list[BindingUpdateEntry]:
        """List the entries at one peer."""
        return list(self._of.get(peer, {}).values())

    def of_home_address(self, home_address: Address) -> list[BindingUpdateEntry]:
        """List the entries of one home address."""
        return list(self._of.get(home_address, {}).values())

    def next_sequence(self, peer: Address, start: int) -> int:
        """Take the next sequence number towards a peer: one counter across all home addresses (section 11.7.2)."""
        number = self._sequences[peer] = (self._sequences.get(peer, start) + 1) & 0xFFFF
        return number

    def skip_sequence(self, peer: Address, last_accepted: int) -> None:
        """Move the counter past the number that a peer reported with status 135; never back: no number is used
        twice."""
        if is_newer(last_accepted, self._sequences.get(peer, last_accepted)):
            self._sequences[peer] = last_accepted

    def want(self, peer: Address, home_address: Address, care_of: Address, home_registration: bool) -> list[Change]:
        """Enter a registration that is wanted, or change its care-of address."""
        key = (peer, home_address)
        entry = self.get(key)
        if entry is None:
            entry = BindingUpdateEntry(peer, home_address, care_of, home_registration)
            for address in key:
                self._of.setdefault(address, {})[key] = entry
            return self._put(key, entry)
        return self._set(key, entry, care_of_address=care_of)

    def step(self, entry: BindingUpdateEntry, event: EntryEvent, **values: object) -> list[Change]:
        """Take one transition of the state machine and set fields of the entry with it.

        Raises ProtocolMisuse for an event that cannot happen in this state.
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


def back_off_ns(attempts: int, first_ns: int = constants.INITIAL_BINDACK_TIMEOUT_NS) -> int:
    """Return how long to wait for an answer after so many messages, in nanoseconds: doubling, at most 32 s (11.8)."""
    return min(first_ns << min(max(attempts - 1, 0), 6), constants.MAX_BINDACK_TIMEOUT_NS)


class RateLimit:
    """The limit of MAX_UPDATE_RATE messages of one kind a second (section 11.8), or of `most`. Pure."""

    def __init__(self, most: int = constants.MAX_UPDATE_RATE) -> None:
        self._most = most
        self._sent: dict[object, list[int]] = {}

    def due(self, kind: object, now: int) -> int:
        """Return the earliest time, in nanoseconds, at which one more message of this kind may leave."""
        recent = self._sent.get(kind, [])
        return now if len(recent) < self._most else max(now, recent[-self._most] + NS_PER_S)

    def reserve(self, kind: object, now: int) -> int:
        """Return the same time as `due`, and take it for a message."""
        due, recent = self.due(kind, now), self._sent.setdefault(kind, [])
        recent.append(due)
        del recent[: -self._most]
        return due
