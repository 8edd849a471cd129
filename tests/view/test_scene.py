"""The stage: nothing covers anything else, and what is drawn can be told apart on white and on black."""

from __future__ import annotations

from itertools import combinations

import pytest

from mipflow.view import style
from mipflow.view.board import Board
from mipflow.view.film import Film
from mipflow.view.focus import Focus
from mipflow.view.scene import BOTTOM, HEIGHT, TOP, WIDTH, Box, Scene
from mipflow.view.words import Words
from tests.view.story import FLOWS, NAMES, S, handover

STORY, _ = handover()
TRACE = STORY.trace()
SCENE = Scene(STORY.graph, TRACE.channels, "MN")


def test_table_cards_cover_no_node_and_no_other_card() -> None:
    board = Board(TRACE, Words(NAMES, FLOWS), Film(10 * S, 14 * S, []), FLOWS, Focus(TRACE, FLOWS))
    cards = SCENE.table_places(board.sizes())
    assert set(cards) == {"MN", "HA", "CN1"}
    boxes = [*cards.values(), *(SCENE.box(node) for node in SCENE.places)]
    assert sum(one.overlap(other) for one, other in combinations(boxes, 2)) == 0
    for box in boxes:
        assert box.width / 2 <= box.x <= WIDTH - box.width / 2
        assert box.y - box.height / 2 >= BOTTOM
        assert box.y + box.height / 2 <= HEIGHT - TOP


def test_both_directions_of_a_link_use_one_lane() -> None:
    for a, b in SCENE.links:
        there, back = SCENE.lane(a, b, 6), SCENE.lane(b, a, 6)
        assert there[0] == pytest.approx(back[1])
        assert there[1] == pytest.approx(back[0])


def test_a_message_rests_before_the_card() -> None:
    x, y = SCENE.edge("CN1", SCENE.places["Internet"], 18)
    box = SCENE.box("CN1")
    assert box.x - x == pytest.approx(box.width / 2 + 18)
    assert y == pytest.approx(box.y)


def test_the_interfaces_of_the_mobile_node_are_known_by_their_links() -> None:
    assert SCENE.interfaces == {"wlan0": "AR2", "cell0": "AR3"}


def test_length_inside_a_box() -> None:
    box = Box(0, 0, 10, 10)
    assert box.length_inside((-20, 0), (20, 0)) == pytest.approx(10)
    assert box.length_inside((-20, 6), (20, 6)) == 0
    assert box.length_inside((0, 0), (0, 3)) == pytest.approx(3)


def luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2.2)."""
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#FFFFFF", "#111111"])
def test_lines_and_outlines_stand_out_on_both_pages(page: str) -> None:
    flows = style.flow_styles(dict(enumerate("abcdef", start=1)))
    lines = [style.EDGE, style.PURPLE, style.VERMILION, *(style.line_colour(each.colour) for each in flows.values())]
    assert min(contrast(colour, page) for colour in lines) >= 3


def test_letters_can_be_read() -> None:
    flows = style.flow_styles(dict(enumerate("abcdef", start=1)))
    assert min(contrast(each.letter_colour, each.colour) for each in flows.values()) >= 4.5
    assert contrast(style.INK, style.HIGHLIGHT) >= 4.5
    assert contrast(style.INK, style.QUIET_CARD) >= 4.5


def test_flows_differ_in_colour_shape_dash_and_letter() -> None:
    flows = list(style.flow_styles({1: "call", 2: "chat", 3: "c", 4: "video"}).values())
    assert [each.letter for each in flows] == ["c", "h", "3", "v"]
    for what in ("colour", "symbol", "dash", "letter"):
        assert len({getattr(each, what) for each in flows}) == len(flows)
