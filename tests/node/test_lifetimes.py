"""Lifetimes of addresses, after RFC 4862 sections 5.5.3 e and 5.5.4, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.node.lifetimes import INFINITE_S, AddressLifetimes
from mipflow.wire.address import Address

S, HOUR = 1_000_000_000, 3600
HERE = Address("2001:db8::1")


def valid_after(first_s: int, then_s: int, at_s: int) -> int:
    """Seconds of validity that are left at `at_s`, when `then_s` is told after `first_s` was told at 0."""
    lifetimes = AddressLifetimes()
    lifetimes.hear(HERE, 0, first_s, 0)
    lifetimes.hear(HERE, 0, then_s, at_s * S)
    end = lifetimes.next_ns(at_s * S)
    assert end is not None
    return end // S - at_s


@pytest.mark.parametrize(
    ("first_s", "then_s", "left_s"),
    [
        (10 * HOUR, 3 * HOUR, 3 * HOUR),  # more than two hours: taken
        (600, 700, 700),  # more than is left: taken
        (10 * HOUR, 60, 2 * HOUR),  # less than two hours, more is left: two hours
        (10 * HOUR, 0, 2 * HOUR),
        (HOUR, 60, HOUR),  # no more than two hours are left: ignored
    ],
)
def test_a_valid_lifetime_is_never_cut_below_two_hours(first_s: int, then_s: int, left_s: int) -> None:
    """RFC 4862 section 5.5.3 e."""
    assert valid_after(first_s, then_s, 0) == left_s


def test_the_preferred_lifetime_is_always_taken_as_told() -> None:
    """RFC 4862 section 5.5.3 e, last paragraph."""
    lifetimes = AddressLifetimes()
    lifetimes.hear(HERE, HOUR, 10 * HOUR, 0)
    assert lifetimes.is_preferred(HERE, HOUR * S - 1) and not lifetimes.is_preferred(HERE, HOUR * S)
    lifetimes.hear(HERE, 0, 60, 0)
    assert not lifetimes.is_preferred(HERE, 0) and lifetimes.ended(60 * S) == []


def test_an_address_ends_with_its_valid_lifetime() -> None:
    """RFC 4862 section 5.5.4."""
    lifetimes = AddressLifetimes()
    lifetimes.hear(HERE, 10, 20, 0)
    assert lifetimes.next_ns(0) == 10 * S and lifetimes.next_ns(10 * S) == 20 * S and lifetimes.next_ns(20 * S) is None
    assert lifetimes.ended(20 * S - 1) == [] and lifetimes.ended(20 * S) == [HERE]
    lifetimes.forget(HERE)
    assert lifetimes.ended(99 * S) == [] and lifetimes.is_preferred(HERE, 99 * S), "an address nobody told of lasts"


def test_all_ones_never_end() -> None:
    """RFC 4861 section 4.6.2."""
    lifetimes = AddressLifetimes()
    lifetimes.hear(HERE, INFINITE_S, INFINITE_S, 0)
    assert lifetimes.next_ns(0) is None and lifetimes.is_preferred(HERE, 1 << 60) and lifetimes.ended(1 << 60) == []


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 3 * HOUR)), min_size=1))
def test_nobody_takes_an_address_away_within_two_hours(told: list[tuple[int, int]]) -> None:
    """RFC 4862 section 5.5.3 e: an address is valid for the least of two hours and what was promised."""
    lifetimes, now, promised = AddressLifetimes(), 0, 0
    for wait_s, valid_s in told:
        now += wait_s * S
        if promised <= now:
            lifetimes.forget(HERE)
        promised = max(min(promised, now + 2 * HOUR * S), now + valid_s * S)
        lifetimes.hear(HERE, 0, valid_s, now)
        assert (lifetimes.next_ns(now) or now) == promised
