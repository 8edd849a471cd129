"""Test inits leave when they should, and tests are checked, without a node (RFC 6275 sections 11.6.1, 11.6.2, 11.8)."""

from __future__ import annotations

from random import Random

from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS, MAX_TOKEN_LIFETIME_NS, MAX_UPDATE_RATE
from mipflow.mip6.registration_events import Heard, Ignored, SendTestInit, SetTimer, Step, Timers
from mipflow.mip6.return_routability import RoutabilityTest, TestKey
from mipflow.mip6.routability_procedure import RoutabilityProcedure
from mipflow.wire.address import Address
from mipflow.wire.mobility import HomeTest
from tests.mip6.worlds import S

CN = Address("2001:db8:a::5")
KEYS: list[TestKey] = [(RoutabilityTest.HOME, CN, Address(f"2001:db8:100::1{n}")) for n in range(5)]
KEY = KEYS[0]


def inits(steps: list[Step]) -> list[SendTestInit]:
    return [step for step in steps if isinstance(step, SendTestInit)]


def answer(to: SendTestInit, cookie: bytes | None = None, through_home: bool = True) -> Heard:
    test = HomeTest(3, to.message.cookie if cookie is None else cookie, b"token   ")
    return Heard(test, to.key[1], to.key[2], through_home)


def test_a_token_is_asked_for_once_until_an_answer_is_overdue() -> None:
    procedure = RoutabilityProcedure(Random(1), lambda key: [key])
    (first,) = inits(procedure.ask(KEY, 0))
    assert procedure.ask(KEY, INITIAL_BINDACK_TIMEOUT_NS - 1) == [] and procedure.unanswered(KEY) == 1
    (second,) = inits(procedure.repeat(KEY, INITIAL_BINDACK_TIMEOUT_NS))
    assert first.message.cookie != second.message.cookie and procedure.unanswered(KEY) == 2


def test_only_the_newest_cookie_through_the_home_agent_brings_the_token() -> None:
    procedure = RoutabilityProcedure(Random(1), lambda key: [key])
    (init,) = inits(procedure.ask(KEY, 0))
    for wrong in (answer(init, b"another "), answer(init, through_home=False)):
        whose, steps = procedure.heard(wrong, 1)
        assert whose is None and isinstance(steps[0], Ignored) and procedure.tests.token(KEY, 1) is None
    whose, steps = procedure.heard(answer(init), S)
    assert whose == KEY and steps[-1] == SetTimer((Timers.TEST, KEY), S + MAX_TOKEN_LIFETIME_NS)
    token = procedure.tests.token(KEY, S)
    assert token is not None and (token.nonce_index, token.value) == (3, b"token   ")
    assert procedure.unanswered(KEY) == 0 and isinstance(procedure.heard(answer(init), S)[1][0], Ignored)


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
