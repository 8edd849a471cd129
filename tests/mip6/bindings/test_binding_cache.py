"""The binding cache: its state machine, room, and the order of sequence numbers."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.mip6.bindings.binding_cache import (
    IN_FORCE,
    TRANSITIONS,
    Binding,
    BindingCache,
    BindingEvent,
    BindingState,
    is_newer,
)
from mipflow.wire.address import Address

HOME, CARE_OF = Address("2001:db8:100::10"), Address("2001:db8:200::10")
numbers = st.integers(0, 65535)


def bound(number: int, expires_ns: int = 100) -> Binding:
    return Binding(Address(HOME + number), CARE_OF, 1, expires_ns)


# --- sequence numbers ------------------------------------------------------------------------------------------------


def test_the_example_of_section_9_5_1() -> None:
    """With 15 last accepted, 0 to 15 and 32783 to 65535 are not newer; all others are."""
    newer = [n for n in range(65536) if is_newer(n, 15)]
    assert newer == list(range(16, 32783))


@given(numbers, numbers, st.integers(0, 65535))
def test_newer_moves_with_the_window(number: int, last: int, shift: int) -> None:
    assert is_newer(number, last) == is_newer((number + shift) & 0xFFFF, (last + shift) & 0xFFFF)
    assert not is_newer(last, last) and is_newer((last + 1) & 0xFFFF, last) and not is_newer((last - 1) & 0xFFFF, last)


# --- the state machine -----------------------------------------------------------------------------------------------


def test_every_state_can_be_reached_and_left() -> None:
    reached, new = {BindingState.NONE}, {BindingState.NONE}
    while new:
        new = {following for (state, _), following in TRANSITIONS.items() if state in reached} - reached
        reached |= new
    assert reached == set(BindingState) == {state for state, _ in TRANSITIONS}
    assert {event for _, event in TRANSITIONS} == set(BindingEvent)


def test_an_accepted_update_always_leads_to_bound_and_stops_asking_for_a_refresh() -> None:
    """Section 9.5.5: the correspondent node MUST stop retransmitting when it receives a binding update."""
    assert {TRANSITIONS[state, BindingEvent.ACCEPT] for state in BindingState} == {BindingState.BOUND}


def test_an_event_that_cannot_be_names_itself_and_the_state() -> None:
    with pytest.raises(ProtocolMisuse, match="ASK cannot happen to a binding that is 'none'"):
        BindingCache().step(BindingEvent.ASK, bound(1))


events = st.sampled_from(list(BindingEvent))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), events), max_size=40))
def test_against_a_dictionary_and_its_changes(script: list[tuple[int, int, BindingEvent]]) -> None:
    cache, model, replay = BindingCache(), {}, {}
    for number, expires, event in script:
        binding = bound(number, expires)
        home, old = binding.home_address, model.get(binding.home_address)
        following = TRANSITIONS.get((old.state if old else BindingState.NONE, event))
        if following is None:
            with pytest.raises(ProtocolMisuse):
                cache.step(event, binding)
            continue
        for change in cache.step(event, binding):
            assert change.before == replay.get(change.key)
            replay[change.key] = change.after
        model[home] = replace(binding, state=following)
        if following is BindingState.NONE:
            del model[home]
    in_force = {home: binding for home, binding in model.items() if binding.state in IN_FORCE}
    assert {binding.home_address: binding for binding in cache} == in_force and len(cache) == len(in_force)
    assert {key: row for key, row in replay.items() if row} == {str(h): b.row() for h, b in in_force.items()}
    for number in range(4):
        home = Address(HOME + number)
        assert cache.entry(home) == model.get(home) and cache.get(home) == in_force.get(home)
        assert (home in cache) == (home in in_force)


def test_an_entry_that_is_not_in_force_is_remembered_and_in_no_table() -> None:
    cache = BindingCache()
    cache.step(BindingEvent.ACCEPT, bound(0))
    (change,) = cache.step(BindingEvent.DELETE, replace(bound(0), sequence=7))
    assert change.after is None and HOME not in cache and cache.get(HOME) is None and list(cache) == []
    kept = cache.entry(HOME)
    assert kept is not None and (kept.state, kept.sequence) == (BindingState.REMEMBERED, 7)
    assert cache.step(BindingEvent.FORGET, kept) == [] and cache.entry(HOME) is None


def test_room_is_for_entries_of_any_state_and_known_addresses_keep_theirs() -> None:
    cache = BindingCache(max_bindings=2)
    cache.step(BindingEvent.PROBE, bound(0))
    assert cache.has_room(bound(1).home_address)
    cache.step(BindingEvent.DELETE, bound(1))
    assert cache.has_room(bound(0).home_address) and cache.has_room(bound(1).home_address)
    assert not cache.has_room(bound(2).home_address)
    cache.step(BindingEvent.FORGET, bound(1))
    assert cache.has_room(bound(2).home_address)


def test_rows_and_seconds() -> None:
    binding = Binding(HOME, CARE_OF, 7, 2_500_000_000, True)
    assert binding.expires_at_s == 2.5
    assert binding.row() == {
        "home_address": "2001:db8:100::10", "care_of_address": "2001:db8:200::10", "sequence": 7, "state": "bound",
        "expires_at_s": 2.5, "home_registration": True,
    }  # fmt: skip
    assert HOME not in BindingCache() and BindingCache().get(HOME) is None


# --- many bindings ---------------------------------------------------------------------------------------------------


class CountedAddress(Address):
    """An address that counts how often it is compared, as a search would do."""

    comparisons: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        CountedAddress.comparisons += 1
        return int(self) == other

    __hash__ = Address.__hash__


@pytest.mark.parametrize("count", [100, 10_000])
def test_a_lookup_takes_as_long_among_ten_thousand_as_among_a_hundred(count: int) -> None:
    cache = BindingCache()
    for number in range(count):
        cache.step(BindingEvent.ACCEPT, bound(number))
    CountedAddress.comparisons = 0
    for number in range(0, count, 7):
        assert cache.get(CountedAddress(HOME + number)) is not None
        assert cache.get(CountedAddress(CARE_OF + number)) is None
    assert CountedAddress.comparisons <= 4 * (count / 7 + 1), "one each, and a few for addresses of equal hash"


def test_a_binding_takes_at_most_a_kilobyte() -> None:
    count = 5000
    tracemalloc.start()
    try:
        cache = BindingCache()
        for number in range(count):
            home, care_of = Address(HOME + number), Address(CARE_OF + number)
            accepted_ns, expires_ns = 10**11 + number, 10**12 + number
            cache.step(BindingEvent.ACCEPT, Binding(home, care_of, 300 + number, expires_ns, accepted_ns=accepted_ns))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count < 1000
