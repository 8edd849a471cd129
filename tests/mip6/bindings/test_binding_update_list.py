"""The binding update list: the state machine, timeouts, sequence numbers, the rate limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.mip6.bindings.binding_update_list import (
    TRANSITIONS,
    BindingUpdateEntry,
    BindingUpdateList,
    EntryEvent,
    RateLimit,
    State,
    Unanswered,
)
from mipflow.wire.address import Address

CN, HOME, A, B = (Address(f"2001:db8:{n}::10") for n in ("a", "100", "200", "300"))
S = 1_000_000_000


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", EntryEvent)
def test_a_step_is_one_of_the_table_or_refused(state: State, event: EntryEvent) -> None:
    table = BindingUpdateList()
    table.want(CN, HOME, A, False)
    entry = table.get((CN, HOME))
    assert entry is not None
    entry.state = state
    if (state, event) in TRANSITIONS:
        changes = table.step(entry, event, sequence=9)
        assert entry.state is TRANSITIONS[state, event] and changes[0].after["sequence"] == 9  # type: ignore[index]
    else:
        with pytest.raises(ProtocolMisuse, match="cannot happen") as caught:
            table.step(entry, event)
        assert caught.value.value is event and entry.state is state


def test_wanting_enters_and_changes() -> None:
    table = BindingUpdateList()
    (entered,) = table.want(CN, HOME, A, False)
    assert entered.before is None and entered.after["care_of_address"] == str(A)  # type: ignore[index]
    assert table.want(CN, HOME, A, False) == []
    (changed,) = table.want(CN, HOME, B, False)
    assert changed.after["care_of_address"] == str(B)  # type: ignore[index]
    assert len(table) == 1 and table.of_peer(CN) == table.of_home_address(HOME) == list(table)


@pytest.mark.parametrize(
    ("home", "registered", "first"), [(True, None, 1.5), (True, A, 1), (False, None, 1), (False, A, 1)]
)
def test_timeouts_double_up_to_32_seconds(home: bool, registered: Address | None, first: float) -> None:
    entry = BindingUpdateEntry(CN, HOME, A, home, registered=registered)
    waits = []
    for attempt in range(1, 9):
        entry.attempts = attempt
        waits.append(entry.timeout_ns() / S)
    assert waits == [min(first * 2**n, 32) for n in range(8)]


def test_an_entry_is_usable_only_while_the_peer_surely_holds_its_binding() -> None:
    entry = BindingUpdateEntry(CN, HOME, B, False, registered=A)
    assert entry.is_usable
    refresh, change = (Unanswered(number, care_of, 0, 420, b"") for number, care_of in ((1, A), (2, B)))
    entry.unanswered = (refresh,)
    assert entry.is_usable, "a refresh says nothing else"
    for entry.unanswered in ((refresh, change), (change, refresh)):
        assert not entry.is_usable and entry.is_in_doubt and entry.unacknowledged == B
    entry.unanswered, entry.state = (), State.DELETING
    assert not entry.is_usable
    entry.state, entry.registered, entry.held = State.FALLBACK, None, A
    assert entry.is_in_doubt and not entry.is_unknown_to_peer, "it has fallen silent, and may hold it still"
    assert not BindingUpdateEntry(CN, HOME, A, False).is_usable


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.booleans(), st.integers(0, 8)), min_size=1, max_size=40))
def test_unanswered_updates_are_kept_that_may_arrive_or_are_the_last_for_their_address(
    script: list[tuple[Address, bool, int]],
) -> None:
    entry, now, sent = BindingUpdateEntry(CN, HOME, A, False), 0, []
    for number, (care_of, deletes, wait_s) in enumerate(script):
        now += wait_s * S
        sent.append(Unanswered(number, care_of, now, 0 if deletes else 420, b""))
        entry.unanswered = entry.with_sent(sent[-1])
    young = [one for one in sent if not one.deletes and one.sent_ns > now - 10 * S]
    last = {(one.care_of_address, one.deletes): one for one in sent}.values()
    assert {one.sequence for one in entry.unanswered} == {one.sequence for one in (*young, *last)}
    assert [one.sequence for one in entry.unanswered] == sorted(one.sequence for one in entry.unanswered)


@given(st.lists(st.tuples(st.sampled_from([CN, A]), st.integers(0, 65535)), max_size=40))
def test_numbers_rise_per_peer_whatever_the_start(script: list[tuple[Address, int]]) -> None:
    table, last = BindingUpdateList(), {}
    for peer, start in script:
        number = table.next_sequence(peer, start)
        assert number == (last.get(peer, start) + 1) & 0xFFFF
        last[peer] = number


@given(st.lists(st.integers(0, 2 * S), min_size=1, max_size=40), st.sampled_from([1, 3]))
def test_the_rate_limit_allows_so_many_a_second_and_delays_none_longer(waits: list[int], most: int) -> None:
    limit, now, sent = RateLimit() if most == 3 else RateLimit(most), 0, []
    for wait in waits:
        now += wait
        earliest = max([now] + ([sent[-most] + S] if len(sent) >= most else []))
        assert limit.due("kind", now) == limit.due("kind", now) == limit.reserve("kind", now) == earliest
        sent.append(earliest)
    assert all(b - a >= S for a, b in zip(sent, sent[most:], strict=False))
    assert limit.reserve("another kind", now) == now
