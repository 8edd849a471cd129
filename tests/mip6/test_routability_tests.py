"""The mobile node's tests and their tokens: cookies, ages, the state machine (RFC 6275 sections 5.2.7 and 11.6.2)."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.mip6.return_routability import RoutabilityTest, TestKey
from mipflow.mip6.routability_tests import (
    ROUTABILITY_TRANSITIONS,
    RoutabilityEvent,
    RoutabilityState,
    RoutabilityTests,
)
from mipflow.wire.address import Address
from mipflow.wire.mobility import HomeTest
from tests.mip6.worlds import S

HOME, CN = Address("2001:db8:100::10"), Address("2001:db8:a::5")
KEY: TestKey = (RoutabilityTest.HOME, CN, HOME)


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
