"""When mobile prefix advertisements leave (RFC 6275 section 10.6.2)."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.discovery.prefix_deliveries import PrefixDeliveries
from mipflow.wire.address import Address

S = 1_000_000_000
HOME, CARE_OF = Address("2001:db8:100::10"), Address("2001:db8:200::10")
WEEK_S = 604_800


def deliveries(least_s: int = 10, most_s: int = 50) -> PrefixDeliveries:
    made = PrefixDeliveries(Random(1))
    made.min_interval_s, made.max_interval_s = least_s, most_s
    return made


def sent(made: PrefixDeliveries, due_ns: int | None, until_s: int) -> list[tuple[float, int, Address | None]]:
    """Take whatever is due up to a time: (when in s, identifier, destination)."""
    found: list[tuple[float, int, Address | None]] = []
    while due_ns is not None and due_ns <= until_s * S:
        assert made.is_due(HOME, due_ns)
        answer, following = made.take(HOME, WEEK_S, due_ns)
        if answer is not None:
            found.append((due_ns / S, *answer))
        due_ns = following
    return found


@given(st.integers(0, 700), st.integers(1, 100_000), st.integers(0, WEEK_S))
def test_the_delay_is_random_from_the_least_to_the_least_plus_the_difference(
    least_s: int, most_s: int, preferred_s: int
) -> None:
    """RAND_ADV_DELAY is MinMobPfxAdvInterval + rand % abs(MaxScheduleDelay - MinMobPfxAdvInterval)."""
    due_ns = deliveries(least_s, most_s).changed(HOME, preferred_s, 7 * S)
    assert due_ns is not None
    assert least_s <= due_ns / S - 7 <= least_s + max(abs(min(most_s, preferred_s) - least_s) - 1, 0)


def test_delays_differ() -> None:
    made = deliveries(600, 86_400)
    assert len({made.changed(Address(number), WEEK_S, 0) for number in range(50)}) > 45, "no burst"


def test_an_unsolicited_advertisement_is_repeated_three_times_with_doubled_waits() -> None:
    """PREFIX_ADV_TIMEOUT 3 s before the first, PREFIX_ADV_RETRIES 3 in all; then silence until MaxMobPfxAdvInterval."""
    made = deliveries()
    due_ns = made.registered(HOME, WEEK_S, 0)
    assert due_ns is not None
    first = due_ns / S
    waits = [when - first for when, *_ in sent(made, due_ns, int(first) + 70)]
    assert waits == [0, 3, 9, 21]


def test_a_binding_update_lets_it_begin_again() -> None:
    made = deliveries()
    due_ns = made.registered(HOME, WEEK_S, 0)
    assert due_ns is not None
    before = sent(made, due_ns, due_ns // S + 30)
    assert len(before) == 4
    now = due_ns + 35 * S
    assert made.registered(HOME, WEEK_S, now) == now
    assert made.registered(HOME, WEEK_S, now) is None, "one that is under way is not disturbed"
    assert [when - now / S for when, *_ in sent(made, now, now // S + 30)] == [0, 3, 9, 21]


def test_a_solicitation_ends_the_repetitions_and_is_answered_right_away() -> None:
    """Section 10.6.2: answer right away; to the source of the solicitation, with its identifier (6.8, 10.6.3)."""
    made = deliveries(most_s=10_000)
    due_ns = made.registered(HOME, WEEK_S, 0)
    assert due_ns is not None
    (first,) = sent(made, due_ns, due_ns // S + 1)
    assert first[1:] == (0, None)
    now = due_ns + 2 * S
    assert made.asked(HOME, 77, CARE_OF, now) == now
    assert not made.is_due(HOME, due_ns + 3 * S), "the repetition is off"
    assert sent(made, now, now // S + 9000) == [(now / S, 77, CARE_OF)]


def test_no_more_than_one_a_second_to_a_mobile_node() -> None:
    """Section 6.8."""
    made = deliveries()
    first = made.asked(HOME, 1, CARE_OF, 0)
    sent(made, first, 0)
    assert made.asked(HOME, 2, CARE_OF, S // 10) == S
    assert made.asked(HOME, 3, CARE_OF, S // 5) == S
    assert sent(made, S, 1) == [(1.0, 3, CARE_OF)], "the newest is answered"


def test_one_that_is_scheduled_already_leaves_at_its_time_and_tells_what_is_true_then() -> None:
    made = deliveries()
    assert made.changed(HOME, WEEK_S, 0) is not None
    assert made.changed(HOME, WEEK_S, S) is None


def test_after_the_longest_interval_the_next_is_scheduled() -> None:
    made = deliveries(least_s=10, most_s=50)
    (one, two, *_) = sent(made, made.asked(HOME, 1, CARE_OF, 0), 200)
    assert one[0] == 0 and 50 + 10 <= two[0] < 50 + 50


def test_an_ended_registration_cancels_what_is_scheduled() -> None:
    made = deliveries()
    due_ns = made.registered(HOME, WEEK_S, 0)
    made.forget(HOME)
    assert due_ns is not None and not made.is_due(HOME, due_ns)
