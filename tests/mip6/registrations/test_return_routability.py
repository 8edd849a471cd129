"""The procedure that sends test inits, checks tests and keeps tokens, without a node (RFC 6275 sections 5.2.7,
11.6)."""

from __future__ import annotations

from random import Random

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest, TestKey
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS, MAX_TOKEN_LIFETIME_NS, MAX_UPDATE_RATE
from mipflow.mip6.registrations.events import Timers
from mipflow.mip6.registrations.return_routability import (
    ROUTABILITY_TRANSITIONS,
    RoutabilityEvent,
    RoutabilityProcedure,
    RoutabilityState,
    RoutabilityTests,
)
from mipflow.mip6.registrations.steps import Ignored, SendTestInit, SetTimer, Step
from mipflow.wire.address import Address
from mipflow.wire.mobility import HomeTest
from tests.mip6.worlds import S

CN = Address("2001:db8:a::5")
KEYS: list[TestKey] = [(RoutabilityTest.HOME, CN, Address(f"2001:db8:100::1{n}")) for n in range(5)]
KEY = KEYS[0]
HOME = KEY[2]


def inits(steps: list[Step]) -> list[SendTestInit]:
    return [step for step in steps if isinstance(step, SendTestInit)]


def answer(to: SendTestInit, cookie: bytes | None = None) -> HomeTest:
    return HomeTest(3, to.message.cookie if cookie is None else cookie, b"token   ")


# --- the procedure: inits leave, answers are judged ------------------------------------------------------------------


def test_a_token_is_asked_for_once_until_an_answer_is_overdue() -> None:
    procedure = RoutabilityProcedure(Random(1), lambda key: [key])
    (first,) = inits(procedure.ask(KEY, 0))
    assert procedure.ask(KEY, INITIAL_BINDACK_TIMEOUT_NS - 1) == [] and procedure.unanswered(KEY) == 1
    (second,) = inits(procedure.repeat(KEY, INITIAL_BINDACK_TIMEOUT_NS))
    assert first.message.cookie != second.message.cookie and procedure.unanswered(KEY) == 2


def test_only_the_newest_cookie_through_the_home_agent_brings_the_token() -> None:
    procedure = RoutabilityProcedure(Random(1), lambda key: [key])
    (init,) = inits(procedure.ask(KEY, 0))
    for wrong, through_home in ((answer(init, b"another "), True), (answer(init), False)):
        is_answer, steps = procedure.judge(KEY, wrong, through_home, 1)
        assert not is_answer and isinstance(steps[0], Ignored) and procedure.tests.token(KEY, 1) is None
    is_answer, steps = procedure.judge(KEY, answer(init), True, S)
    assert is_answer and steps[-1] == SetTimer((Timers.TEST, KEY), S + MAX_TOKEN_LIFETIME_NS)
    token = procedure.tests.token(KEY, S)
    assert token is not None and (token.nonce_index, token.value) == (3, b"token   ")
    assert procedure.unanswered(KEY) == 0 and isinstance(procedure.judge(KEY, answer(init), True, S)[1][0], Ignored)


def test_inits_of_one_kind_to_one_correspondent_leave_at_max_update_rate() -> None:
    procedure = RoutabilityProcedure(Random(1), lambda key: [key])
    asked = [procedure.ask(key, 0) for key in KEYS]
    assert [len(inits(steps)) for steps in asked] == [1] * MAX_UPDATE_RATE + [0] * (len(KEYS) - MAX_UPDATE_RATE)
    late = KEYS[MAX_UPDATE_RATE]
    assert asked[MAX_UPDATE_RATE] == [SetTimer((Timers.TEST_INIT, late), S)] and late in procedure.in_turn
    assert procedure.ask(late, 1) == [], "it has its turn already"
    assert len(inits(procedure.has_its_turn(late, S))) == 1


def test_a_token_that_nobody_waits_for_any_more_is_not_asked_for() -> None:
    wanted = {KEY}
    procedure = RoutabilityProcedure(Random(1), lambda key: list(wanted))
    procedure.askers[KEY] = {}
    procedure.ask(KEY, 0)
    wanted.clear()
    steps = procedure.repeat(KEY, S)
    assert inits(steps) == [] and steps[-1] == SetTimer((Timers.TEST, KEY), None)
    assert KEY not in procedure.tests and KEY not in procedure.askers


# --- the table: cookies, ages, the state machine ---------------------------------------------------------------------


def begun(cookie: bytes = b"cookie 1", now: int = 0) -> RoutabilityTests:
    tests = RoutabilityTests()
    tests.begin(KEY, cookie, now)
    return tests


def test_a_token_needs_its_cookie() -> None:
    """Section 11.6.2: the cookie that was sent, for this very test, and no token yet."""
    tests = begun()
    assert not tests.is_expected(KEY, b"cookie 2")
    assert not tests.is_expected((RoutabilityTest.CARE_OF, CN, HOME), b"cookie 1")
    assert tests.is_expected(KEY, b"cookie 1")
    (change,) = tests.receive(KEY, HomeTest(3, b"cookie 1", b"12345678"), 5)
    assert change.table == "return routability" and change.after is not None
    assert (change.key, change.after["state"]) == (f"home test of {HOME} at {CN}", "token received")
    assert not tests.is_expected(KEY, b"cookie 1"), "a cookie counts once"
    token = tests.token(KEY, 6)
    assert token is not None and (token.nonce_index, token.value, token.received_ns) == (3, b"12345678", 5)


def test_a_new_cookie_ends_the_old_one_of_the_same_test_only() -> None:
    """Section 11.8: a retransmitted test init has a new cookie."""
    tests, other = begun(), (RoutabilityTest.HOME, CN, Address("2001:db8:100::11"))
    tests.begin(other, b"cookie 2", 0)
    tests.begin(KEY, b"cookie 3", 0)
    assert not tests.is_expected(KEY, b"cookie 1")
    assert tests.is_expected(KEY, b"cookie 3") and tests.is_expected(other, b"cookie 2")
    assert tests.of(RoutabilityTest.HOME, CN) == [KEY, other] and tests.of(RoutabilityTest.CARE_OF, CN) == []


def test_a_token_is_good_for_210_seconds_and_may_be_asked_to_be_newer() -> None:
    """Section 5.2.7: MAX_TOKEN_LIFETIME."""
    tests = begun()
    tests.receive(KEY, HomeTest(0, b"cookie 1", bytes(8)), 10 * S)
    assert tests.token(KEY, 220 * S - 1) is not None
    assert tests.token(KEY, 220 * S) is None
    assert tests.token(KEY, 20 * S, not_before=10 * S) is not None
    assert tests.token(KEY, 20 * S, not_before=10 * S + 1) is None


@pytest.mark.parametrize("event", [RoutabilityEvent.EXPIRE, RoutabilityEvent.FORGET])
def test_a_token_that_is_good_no_longer_leaves_nothing(event: RoutabilityEvent) -> None:
    tests = begun()
    assert tests.end(KEY, event) == [], "there is no token yet"
    tests.receive(KEY, HomeTest(0, b"cookie 1", bytes(8)), S)
    assert tests.end(KEY, RoutabilityEvent.GIVE_UP) == [], "there is one"
    assert tests.end(KEY, event)[-1].after is None
    assert KEY not in tests and tests.token(KEY, S) is None


def test_what_the_table_lacks_is_refused() -> None:
    tests = begun()
    tests.receive(KEY, HomeTest(0, b"cookie 1", bytes(8)), S)
    with pytest.raises(ProtocolMisuse, match="cannot happen to a test that is 'token received'"):
        tests.receive(KEY, HomeTest(0, b"cookie 1", bytes(8)), S)


def test_the_table_is_closed_and_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in ROUTABILITY_TRANSITIONS} == set(RoutabilityState)
    assert set(ROUTABILITY_TRANSITIONS.values()) == set(RoutabilityState)
    assert {event for _, event in ROUTABILITY_TRANSITIONS} == set(RoutabilityEvent)
