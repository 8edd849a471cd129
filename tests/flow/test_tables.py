"""The two tables: their indexes agree with what is in them, and their changes replay to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.wire.address import Address

PRIMARY, CARE_OF = Address("2001:db8:100::10"), Address("2001:db8:200::10")
CNS = [Address(f"2001:db8:a::{n}") for n in range(1, 4)]
HOMES = [None, PRIMARY, Address(PRIMARY + 1), Address(PRIMARY + 2)]


def flow(number: int, cn: Address = CNS[0]) -> FlowMappingEntry:
    return FlowMappingEntry(number, cn, FlowInformation("UDP", number, cn, 9), "wlan0")


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "move", "drop"]), st.integers(1, 8), st.sampled_from(CNS), st.sampled_from(HOMES)
        ),
        max_size=40,
    )
)
def test_indexes_and_changes(script: list[tuple[str, int, Address, Address | None]]) -> None:
    table, replay = FlowMappingTable(), {}
    for what, number, cn, home in script:
        if what == "add" and number not in table:
            changes = table.add(flow(number, cn))
        elif what == "move" and number in table:
            changes = table.change(table[number], home_address=home)
        elif what == "drop" and number in table:
            changes = table.remove(number)
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
            assert set(table.correspondents(address)) == {f.cn for f in everything if f.home_address == address}
            for one in CNS:
                pair = [f.flow_id for f in table.of_pair(address, one)]
                assert sorted(pair) == [
                    f.flow_id
                    for f in sorted(everything, key=lambda f: f.flow_id)
                    if (f.home_address, f.cn) == (address, one)
                ]


def test_wrong_calls() -> None:
    table = FlowMappingTable()
    table.add(flow(1))
    with pytest.raises(ProtocolMisuse, match=r"no flow 7; open flows: 1") as caught:
        table[7]
    assert caught.value.value == 7
    twin = flow(2)
    twin.flow_information = flow(1).flow_information
    with pytest.raises(ProtocolMisuse, match="is a flow already"):
        table.add(twin)
    with pytest.raises(ProtocolMisuse, match="open flows: none"):
        FlowMappingTable()[1]


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
    assert bound.after == {"home_address": str(PRIMARY), "care_of_address": str(CARE_OF)}
    assert table.bound(PRIMARY, CARE_OF) == [] and table.bound(Address(5), CARE_OF) == []
    entry = table.get(PRIMARY)
    assert entry is not None and entry.care_of_address == CARE_OF
