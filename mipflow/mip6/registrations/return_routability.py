"""The mobile node's side of the return routability procedure (RFC 6275 sections 5.2.5, 5.2.7, 11.6.1, 11.6.2 and 11.8).
Pure: `now` in, steps out.

A test for each (kind, correspondent, address) has a row in a table and a state machine. `RoutabilityProcedure` sends
test inits, checks Home Test and Care-of Test, and keeps their tokens. `mip6.registrations.exchange` says which tokens
it lacks (`ask`), and sends the binding updates that have them; `mip6.bindings.keygen_tokens` says how tokens are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from mipflow.mip6.bindings.binding_update_list import RateLimit, back_off_ns
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest, TestKey, Token
from mipflow.mip6.bindings.table import Entry, Table, follow
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS, MAX_TOKEN_LIFETIME_NS
from mipflow.mip6.registrations.events import Pair, Timers
from mipflow.mip6.registrations.steps import Changed, Ignored, SendTestInit, SetTimer, Step
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.mobility import CareOfTest, CareOfTestInit, HomeTest, HomeTestInit


class RoutabilityState(Enum):
    """The state of one test."""

    NO_TOKEN = "no token"
    UNDER_WAY = "test init sent"
    TOKEN = "token received"


class RoutabilityEvent(Enum):
    """Events of a test."""

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
    """One test: the cookie that was sent last, when it was sent, and the token that came."""

    columns = "kind correspondent address state".split()
    kind: RoutabilityTest
    correspondent: Address
    address: Address
    state: RoutabilityState = RoutabilityState.NO_TOKEN
    cookie: bytes = b""
    sent_ns: int = 0
    attempts: int = 0
    """The number of test inits since the test began: it sets the back-off."""
    token: Token | None = None


class RoutabilityTests(Table[TestKey, RoutabilityTestEntry]):
    """All tests that are under way or have given a token, by (kind, correspondent, home or care-of address)."""

    name = "return routability"

    def begin(self, key: TestKey, cookie: bytes, now: int, attempts: int = 1) -> list[Change]:
        """Note that a test init leaves with a new cookie; an earlier one counts no more (section 11.8)."""
        changes = [] if key in self else self._put(key, RoutabilityTestEntry(*key))
        values = {"cookie": cookie, "sent_ns": now, "attempts": attempts, "token": None}
        return changes + self._step(key, RoutabilityEvent.SEND, **values)

    def of(self, kind: RoutabilityTest, correspondent: Address) -> list[TestKey]:
        """List the tests of one kind at one correspondent."""
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
        """Return a token younger than MAX_TOKEN_LIFETIME that came at `not_before` or later, or None (section 5.2.7).
        """
        test = self.get(key)
        token = None if test is None else test.token
        if token is None or now - token.received_ns >= MAX_TOKEN_LIFETIME_NS or token.received_ns < not_before:
            return None
        return token

    def end(self, key: TestKey, event: RoutabilityEvent) -> list[Change]:
        """End a test without a token, or end its token. No change where the event cannot happen."""
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


class RoutabilityProcedure:
    """Drives `tests`. `cookies` is a random stream; `waiting(key)` gives the registrations that wait for a token."""

    def __init__(self, cookies: Random, waiting: Callable[[TestKey], Sequence[object]]) -> None:
        self._cookies, self._waiting = cookies, waiting
        self.tests = RoutabilityTests()
        self.askers: dict[TestKey, dict[Pair, None]] = {}
        """Tests -> the registrations that asked for the token: only they are looked at when it comes."""
        self.in_turn: dict[TestKey, int] = {}
        """Test inits that leave as soon as MAX_UPDATE_RATE allows it -> the number of the attempt."""
        self.rate = RateLimit()
        """The limit for each kind of message: test inits, and binding updates beside them."""

    # --- test inits (sections 11.6.1 and 11.8) -----------------------------------------------------------------------

    def ask(self, key: TestKey, now: int) -> list[Step]:
        """Begin a test, unless a test init for the same token has just left (section 5.2.7)."""
        test = self.tests.get(key)
        is_due = test is None or not self.unanswered(key) or now - test.sent_ns >= INITIAL_BINDACK_TIMEOUT_NS
        return self._send_init(key, 1, now) if is_due else []

    def repeat(self, key: TestKey, now: int) -> list[Step]:
        """Send another test init in the place of one that was not answered."""
        return self._send_init(key, self.unanswered(key) + 1, now)

    def has_its_turn(self, key: TestKey, now: int) -> list[Step]:
        """Send the test init that has waited for MAX_UPDATE_RATE."""
        return self._init_leaves(key, self.in_turn.pop(key), now)

    def _send_init(self, key: TestKey, attempt: int, now: int) -> list[Step]:
        if key in self.in_turn:
            return []
        due = self.rate.reserve(key[:2], now)
        if due == now:
            return self._init_leaves(key, attempt, now)
        self.in_turn[key] = attempt
        return [SetTimer((Timers.TEST_INIT, key), due)]

    def _init_leaves(self, key: TestKey, attempt: int, now: int) -> list[Step]:
        """Send a test init with a new cookie (section 11.6.1), if a registration still waits for the token."""
        if not self._waiting(key):
            self.askers.pop(key, None)
            return self.end(key, RoutabilityEvent.GIVE_UP)
        cookie = self._cookies.randbytes(8)
        begun = Changed(self.tests.begin(key, cookie, now, attempt))
        init = HomeTestInit if key[0] is RoutabilityTest.HOME else CareOfTestInit
        again = SetTimer((Timers.TEST, key), now + back_off_ns(attempt))  # section 11.8
        return [begun, SendTestInit(key, init(cookie)), again]

    # --- tests (section 11.6.2) --------------------------------------------------------------------------------------

    def judge(self, key: TestKey, test: HomeTest | CareOfTest, through_home: bool, now: int) -> tuple[bool, list[Step]]:
        """Check a Home Test or Care-of Test and take its token; return whether it is the answer to a test."""
        if key[0] is RoutabilityTest.HOME and not through_home:
            return False, [Ignored("home test that did not come through the home agent")]
        if not self.tests.is_expected(key, test.cookie):
            return False, [Ignored(f"{key[0].value} test that nobody waits for, or with another cookie")]
        received = Changed(self.tests.receive(key, test, now))
        return True, [received, SetTimer((Timers.TEST, key), now + MAX_TOKEN_LIFETIME_NS)]

    def unanswered(self, key: TestKey) -> int:
        """Count the test inits sent for a token that has not come; 0 where none is under way."""
        test = self.tests.get(key)
        return test.attempts if test is not None and test.state is RoutabilityState.UNDER_WAY else 0

    def end(self, key: TestKey, event: RoutabilityEvent) -> list[Step]:
        """End a test without a token, or end its token."""
        ended: list[Step] = [Changed(self.tests.end(key, event))]
        return ended if key in self.tests else [*ended, SetTimer((Timers.TEST, key), None)]
