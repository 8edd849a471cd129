"""The mobile node's side of the return routability procedure: test inits leave, Home Test and Care-of Test are checked,
their tokens kept (RFC 6275 sections 5.2.5, 11.6.1, 11.6.2 and 11.8). Pure: `now` in, steps out.

`mip6.exchange` says which tokens it lacks (`ask`), and sends the binding updates that have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from mipflow.mip6.binding_update_list import RateLimit
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS, MAX_TOKEN_LIFETIME_NS
from mipflow.mip6.registration_events import Changed, Heard, Ignored, Pair, SendTestInit, SetTimer, Step, Timers
from mipflow.mip6.return_routability import RoutabilityTest, TestKey
from mipflow.mip6.routability_tests import RoutabilityEvent, RoutabilityState, RoutabilityTests
from mipflow.wire.mobility import BindingAcknowledgement, CareOfTestInit, HomeTest, HomeTestInit


class RoutabilityProcedure:
    """Drives `tests`. `cookies` is a random stream; `waiting(key)` gives the registrations that wait for a token."""

    def __init__(self, cookies: Random, waiting: Callable[[TestKey], Sequence[object]]) -> None:
        self._cookies, self._waiting = cookies, waiting
        self.tests = RoutabilityTests()
        self.askers: dict[TestKey, dict[Pair, None]] = {}
        """Tests -> the registrations that have asked for their token: nobody else has to be looked at when it comes."""
        self.in_turn: dict[TestKey, int] = {}
        """Test inits that leave as soon as MAX_UPDATE_RATE allows it -> which attempt it is."""
        self._rate = RateLimit()

    # --- test inits (sections 11.6.1 and 11.8) -----------------------------------------------------------------------

    def ask(self, key: TestKey, now: int) -> list[Step]:
        """Begin a test, unless an init message for the same token has just left (section 5.2.7)."""
        test = self.tests.get(key)
        is_due = test is None or self.tests.is_idle(key) or now - test.sent_ns >= INITIAL_BINDACK_TIMEOUT_NS
        return self._send_init(key, 1, now) if is_due else []

    def repeat(self, key: TestKey, now: int) -> list[Step]:
        """A test init was not answered: send another one."""
        return self._send_init(key, self.unanswered(key) + 1, now)

    def has_its_turn(self, key: TestKey, now: int) -> list[Step]:
        """MAX_UPDATE_RATE lets a test init leave."""
        return self._init_leaves(key, self.in_turn.pop(key), now)

    def _send_init(self, key: TestKey, attempt: int, now: int) -> list[Step]:
        if key in self.in_turn:
            return []
        due = self._rate.reserve(key[:2], now)
        if due == now:
            return self._init_leaves(key, attempt, now)
        self.in_turn[key] = attempt
        return [SetTimer((Timers.TEST_INIT, key), due)]

    def _init_leaves(self, key: TestKey, attempt: int, now: int) -> list[Step]:
        """A new cookie for each (section 11.6.1)."""
        if not self._waiting(key):
            self.askers.pop(key, None)
            return self.end(key, RoutabilityEvent.GIVE_UP)
        cookie = self._cookies.randbytes(8)
        begun = Changed(self.tests.begin(key, cookie, now, attempt))
        init = HomeTestInit if key[0] is RoutabilityTest.HOME else CareOfTestInit
        return [begun, SendTestInit(key, init(cookie)), SetTimer((Timers.TEST, key), self.tests.repeated_ns(key))]

    # --- tests (section 11.6.2) --------------------------------------------------------------------------------------

    def heard(self, event: Heard, now: int) -> tuple[TestKey | None, list[Step]]:
        """Check a Home Test or Care-of Test and take its token: gives whose it is, or None."""
        message = event.message
        assert not isinstance(message, BindingAcknowledgement)
        kind = RoutabilityTest.HOME if isinstance(message, HomeTest) else RoutabilityTest.CARE_OF
        key: TestKey = (kind, event.source, event.destination)
        if kind is RoutabilityTest.HOME and not event.through_home:
            return None, [Ignored("home test that did not come through the home agent")]
        if not self.tests.is_expected(key, message.cookie):
            return None, [Ignored(f"{kind.value} test with a cookie that was not sent")]
        received = Changed(self.tests.receive(key, message, now))
        return key, [received, SetTimer((Timers.TEST, key), now + MAX_TOKEN_LIFETIME_NS)]

    def unanswered(self, key: TestKey) -> int:
        """How many test inits have been sent for a token that has not come; 0 where nothing is under way."""
        test = self.tests.get(key)
        return test.attempts if test is not None and test.state is RoutabilityState.UNDER_WAY else 0

    def end(self, key: TestKey, event: RoutabilityEvent) -> list[Step]:
        """A test ends without a token, or its token does."""
        ended: list[Step] = [Changed(self.tests.end(key, event))]
        return ended if key in self.tests else [*ended, SetTimer((Timers.TEST, key), None)]
