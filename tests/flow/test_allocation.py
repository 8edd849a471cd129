"""Stateless allocation: every address of the home prefix once; three duplicates in a row are enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.flow.allocation import MAX_COLLISIONS, StatelessAllocation
from mipflow.wire.address import Prefix

HOME = Prefix.parse("2001:db8:100::/64")


@given(st.integers(1, 1 << 40), st.integers(1, 50))
def test_each_address_once_and_never_the_primary(identifier: int, count: int) -> None:
    primary = HOME.address(identifier)
    made = [StatelessAllocation(HOME, primary).allocate()]
    allocation = StatelessAllocation(HOME, primary)
    made = [allocation.allocate() for _ in range(count)]
    assert len({*made, primary}) == count + 1 and all(address in HOME for address in made)


@given(st.lists(st.booleans(), max_size=30))
def test_duplicates_in_a_row(outcomes: list[bool]) -> None:
    allocation, row = StatelessAllocation(HOME, HOME.address(1)), 0
    for unique in outcomes:
        allocation.allocate()
        if unique:
            allocation.succeeded()
            row = 0
        else:
            row += 1
            assert allocation.collided(HOME.address(1)) is (row < MAX_COLLISIONS)
        assert allocation.collisions == row
