"""docs/house.py: the picture and the table show rooms and arrows of today, with lines not far off."""

from __future__ import annotations

import re

from docs import house

ROOM = re.compile(r'>([a-z0-9_]+)</text>\n<text class="small" [^>]*>([\d,]+)</text>')
ROW = re.compile(r"\| \[mipflow/?([a-z0-9_/]*?)(?:\.py)?\]\(.*\| ([\d,]+) \|[^|]+\|")


def shown(found: list[tuple[str, str]]) -> dict[str, int]:
    return {name: int(lines.replace(",", "")) for name, lines in found}


def near(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return True where both have the same rooms, none of which differs by more than a tenth and 20 lines."""
    return one.keys() == other.keys() and all(abs(one[name] - other[name]) <= 20 + one[name] // 10 for name in one)


def test_the_picture_shows_the_rooms_and_arrows_of_today() -> None:
    kept, today = house.PICTURE.read_text("utf-8"), house.picture()
    assert len(ROOM.findall(today)) == len(house.rooms()) - len(house.BESIDE)
    assert near(shown(ROOM.findall(kept)), shown(ROOM.findall(today))), "make it anew: python -m docs.house"
    assert kept.count('class="arrow"') == today.count('class="arrow"') == len(house.arrows())


def test_the_table_names_the_rooms_of_today() -> None:
    kept, today = house.PAGE.read_text("utf-8"), house.table()
    assert len(ROW.findall(today)) == len(house.rooms())
    assert near(shown(ROW.findall(kept)), shown(ROW.findall(today))), "make it anew: python -m docs.house"


def test_no_room_reaches_beyond_its_floor() -> None:
    placed = house.floors()
    assert {floor.layer for floor in placed} == {*house.FLOORS, house.ASIDE}
    for floor in placed:
        for room, x, y, width in floor.boxes:
            assert floor.x < x and x + width < floor.x + floor.width, room.name
            assert floor.y < y and y + house.BOX < floor.y + floor.height, room.name


def test_an_arrow_stands_for_what_no_others_imply() -> None:
    """By hand: the doors reach the wire through five others, so no arrow leads there from them."""
    edges = house.arrows()
    assert ("flow", "mip6") in edges and ("mip6", "flow") not in edges
    assert not any(importer == "doors" and target != "course" for importer, target in edges)
