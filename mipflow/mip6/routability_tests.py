"""The mobile node's return routability tests, one per (kind, correspondent, address), and their tokens (RFC 6275
sections 5.2.5, 5.2.7, 11.1). Pure: `now` in, changes out; its state machine is a table.
`mip6.routability_procedure` makes and judges them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mipflow.mip6.binding_update_list import back_off_ns
from mipflow.mip6.constants import MAX_TOKEN_LIFETIME_NS
from mipflow.mip6.return_routability import RoutabilityTest, TestKey, Token
from mipflow.mip6.table import Entry, Table, follow
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.mobility import CareOfTest, HomeTest


class RoutabilityState(Enum):
    """Where one test stands."""

    NO_TOKEN = "no token"
    UNDER_WAY = "test init sent"
    TOKEN = "token received"


class RoutabilityEvent(Enum):
    """What can happen to a test."""

    SEND = "test init goes out"
    RECEIVE = "answered with the right cookie"
    GIVE_UP = "nobody wants the token any more"
    EXPIRE = "MAX_TOKEN_LIFETIME is over"
    FORGET = "the correspondent knows the nonce no longer"


ROUTABILITY_TRANSITIONS = {
    (RoutabilityState.NO_TOKEN, RoutabilityEvent.SEND): RoutabilityState.UNDER_WAY,
    (RoutabilityState.UNDER_WAY, RoutabilityEvent.SEND): RoutabilityState.UNDER_WAY,
    (RoutabilityState.UNDER_WAY, RoutabilityEvent.RECEIVE): RoutabilityState.TOKEN,
    (RoutabilityState.UNDER_WAY, RoutabilityEvent.GIVE_UP): RoutabilityState.NO_TOKEN,
    (RoutabilityState.TOKEN, RoutabilityEvent.SEND): RoutabilityState.UNDER_WAY,
    (RoutabilityState.TOKEN, RoutabilityEvent.EXPIRE): RoutabilityState.NO_TOKEN,
    (RoutabilityState.TOKEN, RoutabilityEvent.FORGET): RoutabilityState.NO_TOKEN,
}
"""The state machine of return routability for one correspondent and address. A test without a token has no line."""


@dataclass(slots=True)
class RoutabilityTestEntry(Entry):
    """One test: the cookie that was sent last and when, and the token that came."""

    columns = "kind correspondent address state".split()
    kind: RoutabilityTest
    correspondent: Address
    address: Address
    state: RoutabilityState = RoutabilityState.NO_TOKEN
    cookie: bytes = b""
    sent_ns: int = 0
    attempts: int = 0
    """Test init messages since the test began: they set the back-off."""
    token: Token | None = None


class RoutabilityTests(Table[TestKey, RoutabilityTestEntry]):
    """All tests that are under way or have given a token, by (kind, correspondent, home or care-of address)."""

    name = "return routability"

    def get(self, key: TestKey) -> RoutabilityTestEntry | None:
        """A test, or None where there is neither one under way nor a token."""
        return self._entries.get(key)

    def is_idle(self, key: TestKey) -> bool:
        """True where no init message for a token has left that may still be answered."""
        test = self.get(key)
        return test is None or test.state is not RoutabilityState.UNDER_WAY

    def begin(self, key: TestKey, cookie: bytes, now: int, attempts: int = 1) -> list[Change]:
        """A test init leaves with a new cookie; one that was sent before counts no more (section 11.8)."""
        changes = [] if key in self else self._put(key, RoutabilityTestEntry(*key))
        values = {"cookie": cookie, "sent_ns": now, "attempts": attempts, "token": None}
        return changes + self._step(key, RoutabilityEvent.SEND, **values)

    def repeated_ns(self, key: TestKey) -> int:
        """When a test that is under way is repeated if nothing comes, in nanoseconds (section 11.8)."""
        test = self._entries[key]
        return test.sent_ns + back_off_ns(test.attempts)

    def of(self, kind: RoutabilityTest, correspondent: Address) -> list[TestKey]:
        """All tests of one kind at one correspondent."""
        return [key for key in self._entries if key[:2] == (kind, correspondent)]

    def is_expected(self, key: TestKey, cookie: bytes) -> bool:
        """True where a test is under way and this is its cookie (section 11.6.2)."""
        test = self.get(key)
        return test is not None and test.state is RoutabilityState.UNDER_WAY and test.cookie == cookie

    def receive(self, key: TestKey, message: HomeTest | CareOfTest, now: int) -> list[Change]:
        """Take the token of an answer that `is_expected`."""
        token = Token(message.nonce_index, message.keygen_token, now)
        return self._step(key, RoutabilityEvent.RECEIVE, token=token)

    def token(self, key: TestKey, now: int, not_before: int = 0) -> Token | None:
        """A token younger than MAX_TOKEN_LIFETIME that came at `not_before` or later, or None (section 5.2.7)."""
        test = self.get(key)
        token = None if test is None else test.token
        if token is None or now - token.received_ns >= MAX_TOKEN_LIFETIME_NS or token.received_ns < not_before:
            return None
        return token

    def end(self, key: TestKey, event: RoutabilityEvent) -> list[Change]:
        """A test comes to an end without a token, or its token does. No change where the event cannot happen."""
        test = self.get(key)
        if test is None or (test.state, event) not in ROUTABILITY_TRANSITIONS:
            return []
        return self._step(key, event, token=None) + self._take(key)

    def _step(self, key: TestKey, event: RoutabilityEvent, **values: object) -> list[Change]:
        test = self._entries[key]
        following = follow(ROUTABILITY_TRANSITIONS, test.state, event, "a test")
        return self._set(key, test, state=following, **values)

    def _text(self, key: TestKey) -> str:
        return f"{key[0].value} test of {key[2]} at {key[1]}"
