"""The binding cache: entries, expiry, and which sequence number is newer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.binding_cache import Binding, BindingCache, is_newer
from mipflow.wire.address import Address

HOME, CARE_OF = Address("2001:db8:100::10"), Address("2001:db8:200::10")
numbers = st.integers(0, 65535)


def test_the_example_of_section_9_5_1() -> None:
    """With 15 last accepted, 0 to 15 and 32783 to 65535 are not newer; all others are."""
    newer = [n for n in range(65536) if is_newer(n, 15)]
    assert newer == list(range(16, 32783))


@given(numbers, numbers, st.integers(0, 65535))
def test_newer_moves_with_the_window(number: int, last: int, shift: int) -> None:
    assert is_newer(number, last) == is_newer((number + shift) & 0xFFFF, (last + shift) & 0xFFFF)
    assert not is_newer(last, last) and is_newer((last + 1) & 0xFFFF, last) and not is_newer((last - 1) & 0xFFFF, last)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from(["update", "remove"])), max_size=30))
def test_against_a_dictionary_and_its_changes(script: list[tuple[int, int, str]]) -> None:
    cache, model, replay = BindingCache(), {}, {}
    for key, expires, what in script:
        home = Address(key)
        changes = cache.update(Binding(home, CARE_OF, 1, expires)) if what == "update" else cache.remove(home)
        model[home] = expires
        if what == "remove":
            del model[home]
        for change in changes:
            assert change.before == replay.get(change.key)
            if change.after is None:
                del replay[change.key]
            else:
                replay[change.key] = change.after
    assert {b.home_address: b.expires_ns for b in cache} == model
    assert set(replay) == {str(home) for home in model} and len(cache) == len(model)
    assert cache.next_expiry_ns() == min(model.values(), default=None)
    for now in range(10):
        assert set(cache.expired(now)) == {home for home, expires in model.items() if expires <= now}


def test_rows_and_seconds() -> None:
    binding = Binding(HOME, CARE_OF, 7, 2_500_000_000, True)
    assert binding.expires_at_s == 2.5
    assert binding.row() == {
        "home_address": "2001:db8:100::10", "care_of_address": "2001:db8:200::10", "sequence": 7, "expires_at_s": 2.5,
        "home_registration": True,
    }  # fmt: skip
    assert HOME not in BindingCache() and BindingCache().get(HOME) is None


@pytest.mark.parametrize("absent", [HOME])
def test_removing_nothing_changes_nothing(absent: Address) -> None:
    assert BindingCache().remove(absent) == []
