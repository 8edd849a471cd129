"""The binding cache of a home agent or correspondent node (RFC 6275 section 9.1). Pure: `now` in, changes out.

The state machine of a binding is a table (`TRANSITIONS`), from which its diagram is drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from mipflow.mip6.bindings.table import Entry, Table, follow, in_order
from mipflow.mip6.constants import MAX_BINDINGS
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address


class BindingState(Enum):
    """The state of the binding of one home address."""

    NONE = "none"
    PROBING = "duplicate address detection"
    BOUND = "bound"
    EXPIRING = "about to expire"
    ASKED = "refresh requested"
    REMEMBERED = "deleted, its number remembered"


class BindingEvent(Enum):
    """Events of a binding."""

    PROBE = "home registration of an address that is not bound"
    ACCEPT = "binding update accepted"
    REFUSE = "another node has the home address, or it is no longer wanted"
    NEAR_END = "most of the lifetime is over"
    DELETE = "de-registered"
    EXPIRE = "lifetime ended"
    ASK = "still in use: binding refresh request sent"
    FORGET = "no older binding update can come any more"


_NOT_IN_FORCE = {
    BindingEvent.PROBE: BindingState.PROBING, BindingEvent.ACCEPT: BindingState.BOUND,
    BindingEvent.DELETE: BindingState.REMEMBERED,
}  # fmt: skip
_IN_FORCE = {
    BindingEvent.ACCEPT: BindingState.BOUND, BindingEvent.NEAR_END: BindingState.EXPIRING,
    BindingEvent.DELETE: BindingState.REMEMBERED, BindingEvent.EXPIRE: BindingState.REMEMBERED,
}  # fmt: skip
_FOLLOWING = {
    BindingState.NONE: _NOT_IN_FORCE,
    BindingState.PROBING: {**_NOT_IN_FORCE, BindingEvent.REFUSE: BindingState.NONE},
    BindingState.BOUND: _IN_FORCE,
    BindingState.EXPIRING: {**_IN_FORCE, BindingEvent.ASK: BindingState.ASKED},
    BindingState.ASKED: _IN_FORCE,
    BindingState.REMEMBERED: {**_NOT_IN_FORCE, BindingEvent.FORGET: BindingState.NONE},
}
TRANSITIONS = in_order(_FOLLOWING, BindingEvent)
"""The state machine of a binding. A home agent detects duplicates first; a correspondent node asks for refreshes."""
IN_FORCE = frozenset({BindingState.BOUND, BindingState.EXPIRING, BindingState.ASKED})


@dataclass(slots=True, frozen=True)
class Binding(Entry):
    """A home address with the care-of address that stands for it, until `expires_ns` (nanoseconds)."""

    columns = "home_address care_of_address sequence state expires_at_s home_registration".split()
    home_address: Address
    care_of_address: Address
    sequence: int
    expires_ns: int
    home_registration: bool = False
    link_local: bool = False
    """The L bit: the home agent also defends the link-local address of the same interface identifier (10.3.1)."""
    home_agent: Address | None = None
    """The address of the home agent that a home registration was addressed to (section 10.6.3)."""
    accepted_ns: int = 0
    """The time at which its last binding update was accepted."""
    wakes_ns: int | None = None
    """The time at which something is due before it expires, or None."""
    state: BindingState = BindingState.BOUND

    @property
    def expires_at_s(self) -> float:
        """The end of the binding, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    @property
    def due_ns(self) -> int:
        """The time at which something is to be done about it, in nanoseconds."""
        return self.expires_ns if self.wakes_ns is None else self.wakes_ns


def is_newer(sequence: int, last: int) -> bool:
    """True if a sequence number follows the last accepted one, modulo 2**16 (section 9.5.1)."""
    return 0 < (sequence - last) & 0xFFFF < 0x8000


class BindingCache(Table[Address, Binding]):
    """Bindings by home address. Iterates over those in force, and `get` gives one of them; looks up in constant time.

    It has room for `max_bindings` entries of any state. A further one is refused, and none is thrown out for it:
    section 9.6 leaves the policy open, 9.1 asks not to delete needlessly, and a home registration may not be replaced.
    """

    name = "binding cache"

    def __init__(self, max_bindings: int = MAX_BINDINGS) -> None:
        super().__init__()
        self.max_bindings = max_bindings
        self._apart: dict[Address, Binding] = {}
        """Entries that are not in force: under detection, or deleted and remembered."""

    def entry(self, home_address: Address) -> Binding | None:
        """Return the binding of a home address in any state, or None."""
        return self._entries.get(home_address) or self._apart.get(home_address)

    def has_room(self, home_address: Address) -> bool:
        """True where a home address has an entry, or may get one."""
        return self.entry(home_address) is not None or self.size < self.max_bindings

    @property
    def size(self) -> int:
        """The number of entries of any state, those not in force included."""
        return len(self._entries) + len(self._apart)

    def step(self, event: BindingEvent, binding: Binding) -> list[Change]:
        """Take one transition; `binding` is the entry from then on. The changes are about entries in force only.

        Raises ProtocolMisuse for an event that cannot happen in this state.
        """
        home_address, old = binding.home_address, self.entry(binding.home_address)
        state = BindingState.NONE if old is None else old.state
        following = follow(TRANSITIONS, state, event, "a binding")
        self._apart.pop(home_address, None)
        if following is BindingState.NONE:
            return self._take(home_address)
        binding = replace(binding, state=following)
        if following in IN_FORCE:
            return self._put(home_address, binding)
        self._apart[home_address] = binding
        return self._take(home_address)
