"""Tables at a moment are the replay of the changes."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.view.tables import tables
from tests.view.story import FLOWS, HOME2, NAMES, handover

STORY, AT = handover()
TRACE = STORY.trace()


def care_of(at_ns: int) -> object:
    """The care-of address in CN1's row of the second home address."""
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
    assert "CN1, binding cache: H@1 → WLAN address seq 1; H@2 → cellular address seq 7." in picture.describe()


def test_before_anything_happened_all_tables_are_empty() -> None:
    picture = tables(TRACE, 0, names=NAMES)
    assert picture.rows() == []
    assert "All tables are empty." in picture.describe()


def test_there_is_no_time_before_zero() -> None:
    with pytest.raises(ProtocolMisuse):
        tables(TRACE, -1, names=NAMES)
