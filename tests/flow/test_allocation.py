"""Making home addresses: every address of the home prefix once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.flow.allocation import StatelessAllocation
from mipflow.wire.address import Prefix

HOME = Prefix.parse("2001:db8:100::/64")


@given(st.integers(1, 1 << 40), st.integers(1, 50))
def test_each_address_once_and_never_the_primary(identifier: int, count: int) -> None:
    primary = HOME.address(identifier)
    allocation = StatelessAllocation(HOME, primary)
    made = [allocation.make() for _ in range(count)]
    assert len({*made, primary}) == count + 1 and all(address in HOME for address in made)
