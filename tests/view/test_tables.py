"""Tables at a moment are the replay of the changes."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import TableChanged
from mipflow.view.tables import tables
from tests.view.told import CELL, FLOWS, HOME2, NAMES, WLAN, S, Story, handover

STORY, AT = handover()
TRACE = STORY.trace()


def care_of(at_ns: int) -> object:
    """Return the care-of address in CN1's row of the second home address."""
    rows = tables(TRACE, at_ns, names=NAMES, flows=FLOWS).rows()
    (row,) = [row for row in rows if row["node"] == "CN1" and row["home_address"] == "H@2"]
    return row["care_of_address"]


def test_the_row_changes_when_the_update_lands() -> None:
    assert care_of(AT.update_lands - 1) == "WLAN address"
    assert care_of(AT.update_lands) == "cellular address"


def test_the_picture_is_a_table_with_words_and_addresses() -> None:
    picture = tables(TRACE, AT.update_lands, names=NAMES, flows=FLOWS)
    assert picture.figure is None
    assert f"H@2 ({HOME2})" in picture.html
    assert "<caption>CN1: binding cache</caption>" in picture.html
    assert "2 (video)" in picture.html
    rows = "H@1 → WLAN address, sequence number 1; H@2 → cellular address, sequence number 7"
    assert f"CN1, binding cache: {rows}." in picture.describe()


def test_before_anything_happened_all_tables_are_empty() -> None:
    picture = tables(TRACE, 0, names=NAMES)
    assert picture.rows() == []
    assert "All tables are empty." in picture.describe()


def test_there_is_no_time_before_zero() -> None:
    with pytest.raises(ProtocolMisuse):
        tables(TRACE, -1, names=NAMES)


def test_what_has_changed_since_is_marked() -> None:
    """The witness: the changes that the trace has between the two moments."""
    picture = tables(TRACE, AT.end, names=NAMES, flows=FLOWS, since_ns=AT.asked - 1)
    marked = {(row["node"], row["table"]) for row in picture.rows() if row["since"] == "changed"}
    changes = TRACE.between(AT.asked - 1, AT.end)
    assert marked == {(r.node, r.change.table) for r in changes if isinstance(r, TableChanged)}
    assert "WLAN address" in picture.html and f"WLAN address ({WLAN}) → cellular address ({CELL})" in picture.html
    assert "H@2 → cellular address, sequence number 7 (changed)" in picture.describe()
    assert "<td>changed</td></tr>" in picture.html and "'></button>" not in picture.html, "rows keep their names"
    assert "Nothing has changed since 9.000 s." in tables(TRACE, 10 * S, names=NAMES, since_ns=9 * S).describe()


def test_rows_that_came_and_went_are_marked() -> None:
    story, row = Story(), {"home_address": str(HOME2), "care_of_address": str(WLAN)}
    story.table(S, "HA", "binding cache", HOME2, None, row)
    story.table(3 * S, "HA", "binding cache", HOME2, row, None)
    for at, since, mark in ((2 * S, 0, "new"), (4 * S, 2 * S, "gone")):
        (only,) = tables(story.trace(), at, names=NAMES, since_ns=since).rows()
        assert only["since"] == mark
    assert tables(story.trace(), 4 * S, names=NAMES, since_ns=0).rows() == []
