"""The machine of registrations by itself: events in, steps out, with no clock and no node."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest
from mipflow.mip6.constants import MAX_RO_FAILURE
from mipflow.mip6.registrations.events import AtHome, Due, Heard, Reachable, RegistrationEvent, Timers, Unwant, Want
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.mip6.registrations.steps import News, Notify, SendTestInit, SendUpdate, SetTimer, Step
from mipflow.mip6.registrations.surroundings import Settings
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, CareOfTest, HomeTest
from mipflow.wire.packet import Packet
from tests.mip6.octets import read
from tests.mip6.worlds import S

HOME, HOME_AGENT, CN = map(Address, ("2001:db8:100::10", "2001:db8:100::7", "2001:db8:a::5"))
ONE, OTHER = map(Address, ("2001:db8:200::10", "2001:db8:300::10"))
HOME_TOKEN, CARE_OF_TOKEN = b"hometokn", b"careoftk"


class Still:
    """A node that is away, with both its care-of addresses in reach."""

    def is_home_ready(self, home_address: Address) -> bool:
        return True

    def is_reachable(self, address: Address) -> bool:
        return True

    def home_agent_of(self, home_address: Address) -> Address:
        return HOME_AGENT

    def care_of_for(self, entry: BindingUpdateEntry, care_of: Address) -> Address:
        return care_of

    def valid_s(self, home_address: Address, most_s: int) -> int:
        return most_s

    def update_flags(self, home_address: Address, care_of: Address) -> dict[str, bool]:
        return {}


def machine() -> Registrations:
    return Registrations(Still(), Random(1), Random(2), Settings())


def sent(steps: Iterable[Step]) -> list[SendUpdate | SendTestInit]:
    return [step for step in steps if isinstance(step, SendUpdate | SendTestInit)]


def answered(made: Registrations, now: int) -> list[Step]:
    """Have both tests asked for and answer them; return the steps that follow."""
    inits = sent(made.handle(Want(HOME, ONE, CN), now))
    steps: list[Step] = []
    for init in inits:
        assert isinstance(init, SendTestInit)
        answer = {
            RoutabilityTest.HOME: HomeTest(7, init.message.cookie, HOME_TOKEN),
            RoutabilityTest.CARE_OF: CareOfTest(8, init.message.cookie, CARE_OF_TOKEN),
        }[init.key[0]]
        steps += made.handle(Heard(answer, CN, init.key[2], True), now + 1)
    return steps


def test_from_a_wish_to_the_acknowledgement_at_home() -> None:
    made = machine()
    (update,) = sent(steps := made.handle(Want(HOME, ONE), 0))
    assert isinstance(update, SendUpdate) and update.message.home_registration
    assert [step.t_ns for step in steps if isinstance(step, SetTimer)] == [1.5 * S], "INITIAL_BINDACK_TIMEOUT_FIRST_REG"
    answer = BindingAcknowledgement(0, update.message.sequence, 900)
    steps = made.handle(Heard(answer, HOME_AGENT, HOME, True), S // 10)
    (entry,) = made.list
    assert (entry.state, entry.registered, entry.expires_at_s) == (State.BOUND, ONE, 3600)
    assert steps[-1] == Notify(News.CHANGED, (entry,)) and sent(steps) == []


def test_tests_then_an_update_that_proves_itself() -> None:
    (update,) = sent(answered(machine(), 0))
    assert isinstance(update, SendUpdate)
    octets = codec.encode(Packet(ONE, CN, update.message))
    message = read(octets, 0)
    assert message is not None
    kbm = hashlib.sha1(HOME_TOKEN + CARE_OF_TOKEN).digest()
    header = octets[40:]
    covered = header[:4] + b"\0\0" + header[6:-12]
    assert message.authenticator == hmac.digest(kbm, ONE.packed + CN.packed + covered, "sha1")[:12]


def test_silence_is_answered_by_growing_pauses() -> None:
    made, now, pauses = machine(), 0, []
    steps = made.handle(Want(HOME, ONE), now)
    for _ in range(8):
        (timer,) = [step for step in steps if isinstance(step, SetTimer)]
        assert timer.t_ns is not None
        pauses.append((timer.t_ns - now) / S)
        now = timer.t_ns
        steps = made.handle(Due((Timers.REGISTRATION, (HOME_AGENT, HOME))), now)
        assert len(sent(steps)) == 1
    assert pauses == [1.5, 3, 6, 12, 24, 32, 32, 32]


EVENTS = st.one_of(
    st.sampled_from([ONE, OTHER]).map(lambda care_of: Want(HOME, care_of)),
    st.sampled_from([ONE, OTHER]).map(lambda care_of: Want(HOME, care_of, CN)),
    st.sampled_from([HOME_AGENT, CN]).map(lambda peer: Unwant(peer, HOME)),
    st.sampled_from([ONE, OTHER]).map(Reachable),
    st.builds(lambda status, number: Heard(BindingAcknowledgement(status, number, 9), HOME_AGENT, HOME, True),
              st.sampled_from([0, 1, 128, 133, 134, 135]), st.integers(0, 65535)),
)  # fmt: skip


@given(st.lists(st.tuples(EVENTS, st.integers(0, 20 * S)), max_size=30))
def test_the_same_events_give_the_same_steps_and_only_what_is_due_is_set(
    script: list[tuple[RegistrationEvent, int]],
) -> None:
    one, other, now = machine(), machine(), 0
    for event, wait_ns in script:
        now += wait_ns
        steps = one.handle(event, now)
        assert [repr(step) for step in steps] == [repr(step) for step in other.handle(event, now)]
        assert all(step.t_ns is None or step.t_ns >= now for step in steps if isinstance(step, SetTimer))


def test_a_number_out_of_its_window_is_corrected_in_each_attempt_at_home() -> None:
    """After MAX_RO_FAILURE corrections it waits; the next attempt may correct again (RFC 6275 section 11.7.3)."""
    made, now, number = machine(), 0, 0
    steps = made.handle(Want(HOME, ONE), now)
    for _ in range(2):
        for corrections in range(MAX_RO_FAILURE + 1):
            (update,) = sent(steps)
            assert isinstance(update, SendUpdate)
            number = (update.message.sequence + 100) % 65536
            now += S
            steps = made.handle(Heard(BindingAcknowledgement(135, number, 0), HOME_AGENT, HOME, True), now)
            assert len(sent(steps)) <= (corrections < MAX_RO_FAILURE)
        now = max(step.t_ns or 0 for step in steps if isinstance(step, SetTimer))
        steps = made.handle(Due((Timers.REGISTRATION, (HOME_AGENT, HOME))), now)
    assert len(sent(steps)) == 1


def test_a_refusal_of_an_older_update_does_not_end_a_refused_deregistration() -> None:
    """The home agent holds the first binding still: neither refusal has changed that (RFC 6275 section 11.7.3)."""
    made = machine()

    def number(event: RegistrationEvent, now: int) -> int:
        (step,) = sent(made.handle(event, now))
        assert isinstance(step, SendUpdate)
        return step.message.sequence

    def heard(status: int, sequence: int, now: int) -> None:
        made.handle(Heard(BindingAcknowledgement(status, sequence, 900), HOME_AGENT, HOME, True), now)

    heard(0, number(Want(HOME, ONE), 0), 1)
    late, deletes = number(Want(HOME, OTHER), 10 * S), number(Unwant(HOME_AGENT, HOME), 10 * S + 1)
    heard(129, deletes, 10 * S + 2)
    heard(129, late, 10 * S + 3)
    (entry,) = made.list
    assert entry.state is State.DELETING
    heard(0, number(Due((Timers.REGISTRATION, (HOME_AGENT, HOME))), entry.lingers_until_ns), entry.lingers_until_ns + 1)
    assert list(made.list) == []


def test_a_deregistration_that_was_refused_is_made_at_home_too() -> None:
    """Refused from abroad, then the node comes home: the home agent still stands in for the address."""
    made = machine()
    (first,) = sent(made.handle(Want(HOME, ONE), 0))
    assert isinstance(first, SendUpdate)
    made.handle(Heard(BindingAcknowledgement(0, first.message.sequence, 900), HOME_AGENT, HOME, True), 1)
    (deletes,) = sent(made.handle(Unwant(HOME_AGENT, HOME), 10 * S))
    assert isinstance(deletes, SendUpdate)
    made.handle(Heard(BindingAcknowledgement(129, deletes.message.sequence, 0), HOME_AGENT, HOME, True), 10 * S + 1)
    (again,) = sent(made.handle(AtHome(HOME), 11 * S))
    assert isinstance(again, SendUpdate) and again.message.lifetime_units == 0
    assert again.entry.care_of_address == HOME
