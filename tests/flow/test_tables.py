"""The two tables: their indexes agree with what is in them, and their changes replay to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.flow.conversations import Conversation
from mipflow.flow.tables import FlowMappingTable, HomeAddressTable
from mipflow.wire.address import Address
from tests.flow.entries import flow

PRIMARY, CARE_OF = Address("2001:db8:100::10"), Address("2001:db8:200::10")
CNS = [Address(f"2001:db8:a::{n}") for n in range(1, 4)]
HOMES = [None, PRIMARY, Address(PRIMARY + 1), Address(PRIMARY + 2)]


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "move", "drop", True, False, None, "refuse", "accept"]), st.integers(1, 8),
            st.sampled_from(CNS), st.sampled_from(HOMES),
        ),
        max_size=40,
    )
)
def test_indexes_and_changes(script: list[tuple[str | bool | None, int, Address, Address | None]]) -> None:
    """A word is done to the table; True, False and None are the knowledge about a correspondent."""
    table, replay = FlowMappingTable(), {}
    known: dict[Address, bool | None] = {}
    refused: set[tuple[Address | None, Address]] = set()
    for what, number, cn, home in script:
        if what == "add" and number not in table:
            changes = table.add(flow(number, cn))
        elif what == "move" and number in table:
            changes = table.change(table[number], home_address=home)
        elif what == "drop" and number in table:
            changes = table.remove(number)
        elif what in (True, False, None):
            known[cn], changes = what, []  # type: ignore[assignment]
            table.mark(cn, known[cn])
        elif home is not None and what in ("refuse", "accept"):
            (refused.add if what == "refuse" else refused.discard)((home, cn))
            changes = []
            table.mark_pair(home, cn, what == "refuse")
        else:
            continue
        for change in changes:
            assert change.before == replay.get(change.key)
            replay[change.key] = change.after
        replay = {key: row for key, row in replay.items() if row is not None}
        everything = list(table)
        assert replay == {str(f.flow_id): f.row() for f in everything} and len(table) == len(everything)
        for address in HOMES[1:]:
            assert address is not None
            assert {f.flow_id for f in table.of_home_address(address)} == {
                f.flow_id for f in everything if f.home_address == address
            }
            of_it = [f for f in everything if f.home_address == address]
            assert (address in table.used) == bool(of_it)
            for one in CNS:
                assert {f.flow_id for f in table.of_correspondent(one)} == {
                    f.flow_id for f in everything if f.cn == one and f.home_address is not None
                }
                in_doubt = {f.cn for f in of_it if not known.get(f.cn) or (address, f.cn) in refused}
                in_the_way = [f for f in of_it if f.cn == one or (not known.get(one) and f.cn in in_doubt)]
                assert (address in table.taken(one)) == bool(in_the_way)
                pair = [f.flow_id for f in table.of_pair(address, one)]
                assert (address in table.used_with(one)) == bool(pair)
                assert table.groups_in_the_way(address, one) == {f.group for f in in_the_way}
                assert sorted(pair) == [
                    f.flow_id
                    for f in sorted(everything, key=lambda f: f.flow_id)
                    if (f.home_address, f.cn) == (address, one)
                ]
        for one in everything:
            of_it = [f for f in everything if f.home_address == one.home_address is not None]
            in_tunnel = {f.cn for f in of_it if known.get(f.cn) is False or (f.home_address, f.cn) in refused}
            expected = {f.flow_id for f in of_it if f.cn == one.cn or {f.cn, one.cn} <= in_tunnel} | {one.flow_id}
            assert {f.flow_id for f in table.sharing(one)} == expected


def test_wrong_calls() -> None:
    table = FlowMappingTable()
    table.add(flow(1, CNS[0]))
    with pytest.raises(ProtocolMisuse, match=r"no flow 7; open flows: 1") as caught:
        table[7]
    assert caught.value.value == 7
    with pytest.raises(ProtocolMisuse, match=r"is flow 1 already; end it first"):
        table.add(flow(2, CNS[0], local_port=1))
    assert len(table) == 1
    with pytest.raises(ProtocolMisuse, match="open flows: none"):
        FlowMappingTable()[1]
    for number in range(2, 3001):
        table.add(flow(number, CNS[0], local_port=number))
    with pytest.raises(ProtocolMisuse, match=r"open flows: 1, 2, .*, 39, 40 and 2960 more$") as caught:
        table[0]
    assert len(str(caught.value)) < 300


def test_home_addresses_in_the_order_of_their_allocation() -> None:
    table = HomeAddressTable(PRIMARY)
    for number in (1, 2):
        table.add(Address(PRIMARY + number))
    assert [e.home_address - PRIMARY for e in table] == [0, 1, 2]
    assert [e.home_address - PRIMARY for e in reversed(table)] == [2, 1, 0]
    assert table.primary == PRIMARY and len(table) == 3 and PRIMARY in table
    with pytest.raises(ProtocolMisuse, match="never freed") as caught:
        table.remove(PRIMARY)
    assert caught.value.value == PRIMARY
    with pytest.raises(ProtocolMisuse, match="already"):
        table.add(Address(PRIMARY + 1))
    (removed,) = table.remove(Address(PRIMARY + 1))
    assert removed.after is None and len(table) == 2


def test_what_the_home_agent_holds() -> None:
    table = HomeAddressTable(PRIMARY)
    (entered,) = table.entered()
    (bound,) = table.bound(PRIMARY, CARE_OF)
    assert entered.before is None and bound.before == entered.after
    assert bound.after == {"home_address": str(PRIMARY), "care_of_address": str(CARE_OF), "kept_for": ""}
    assert table.bound(PRIMARY, CARE_OF) == [] and table.bound(Address(5), CARE_OF) == []
    entry = table.get(PRIMARY)
    assert entry is not None and entry.care_of_address == CARE_OF


def test_a_flow_lasts_until_its_last_conversation_ends() -> None:
    table = FlowMappingTable()
    one = flow(1, CNS[0], word="web")
    table.add(one)
    first, second = one.flow_information.first, Conversation("TCP", 40000, CNS[0], 443)
    table.join(one, second)
    assert table.find(first) is table.find(second) is table.named("web", CNS[0]) is one
    assert table.named("web", CNS[1]) is None
    assert table.part(first) is None and table.find(first) is None
    assert table.part(second) is one and table.part(second) is None
    table.remove(1)
    assert table.named("web", CNS[0]) is None and len(table) == 0


def test_with_one_binding_for_all_every_flow_moves() -> None:
    table = FlowMappingTable(as_one=True)
    for number, cn in enumerate(CNS, start=1):
        table.add(flow(number, cn))
    assert {f.flow_id for f in table.sharing(table[1])} == {1, 2, 3}
