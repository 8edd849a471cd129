"""The stage as geometry: nothing covers anything else, and what is drawn can be told apart on white and on black."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise, product
from math import dist, hypot
from typing import Any

import networkx
import pytest

import mipflow as mf
from mipflow.sim.trace import ChannelName
from mipflow.view.drawing import style
from mipflow.view.stage.scene import PLATE_WIDTH, Box, Scene, Way
from tests.view.told import handover
from tests.view.worlds import END_S, NAMES, at_work, film

STORY, _ = handover()
SCENE = Scene(STORY.graph, STORY.trace().channels, "MN")
PHONE, TABLET, DESK = 270, 400, 700
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [PHONE, TABLET, DESK, 1000])
def test_cards_cover_no_card_and_no_link_of_others(name: str, width: int) -> None:
    scene = film(name).stages[0].scene
    for one, other in combinations(scene.places, 2):
        assert scene.box(one, width).overlap(scene.box(other, width)) == 0, (one, other)
    for node in scene.places:
        for a, b in scene.drawn:
            if node not in (a, b):
                inside = scene.box(node, width).length_inside(scene.at(a, width), scene.at(b, width))
                assert inside == 0, (node, a, b)


@pytest.mark.parametrize("width", [TABLET, 500, DESK, 1000])
@pytest.mark.parametrize("flows", [2, 4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_plates_stand_at_their_nodes_and_cover_nothing(name: str, flows: int, width: int) -> None:
    """With all lines that they have at any time of the film."""
    plates_stand_well(film(name, flows), width)


@pytest.mark.parametrize("flows", [2, 4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_plates_cover_nothing_while_addresses_are_tested_either(name: str, flows: int) -> None:
    """From the beginning: an address that is tested has a line, where another time a row stands."""
    shown = at_work(name, flows).animate(0, END_S)
    for width in (TABLET, 500, DESK, 1000):
        plates_stand_well(shown, width)


@cache
def full_tables() -> Any:
    """Six flows to each of two correspondents, of which one moves: a plate is as long as it gets at both."""
    world = mf.figure2(seed=7)
    opened = [world.mn.open(cn, mf.apps.Voice(start_s=3)) for cn in (world.cn1, world.cn2) for _ in range(6)]
    world.run(9)
    world.mn.handover(opened[5], "cell0")
    return world.run(1).animate(8.8, 9.6)


@pytest.mark.parametrize("width", [TABLET, 500, DESK, 1000])
def test_full_plates_of_two_correspondents_cover_nothing(width: int) -> None:
    assert min(full_tables().boards[0].lines[node] for node in ("CN1", "CN2")) >= 4
    plates_stand_well(full_tables(), width)
    assert full_tables().board().count("<ins>cellular</ins>") >= 1, "whatever else is left out, what changed is there"


def plates_stand_well(shown: Any, width: int) -> None:
    scene, rows = shown.stages[0].scene, shown.boards[0].lines
    plates = {node: scene.plate(node, side, rows[node], width) for node, side in scene.plate_sides(rows).items()}
    assert set(plates) == set(rows) and plates
    for one, other in combinations(plates, 2):
        assert plates[one].overlap(plates[other]) == 0, (one, other)
    for node, plate in plates.items():
        assert hypot(plate.x - scene.at(node, width)[0], plate.y - scene.at(node, width)[1]) < PLATE_WIDTH
        assert plate.y - plate.height / 2 >= -31 and plate.y + plate.height / 2 <= scene.height - 29, "on the stage"
        assert plate.x - plate.width / 2 >= -scene.edge
        assert plate.x + plate.width / 2 <= width + scene.edge + PLATE_WIDTH
        for other in scene.places:
            assert plate.overlap(scene.box(other, width)) == 0, (node, other)
        assert sum(plate.length_inside(scene.at(a, width), scene.at(b, width)) for a, b in scene.drawn) == 0, node


def test_of_a_link_of_many_nodes_those_lines_are_drawn_that_lead_on() -> None:
    scene = film("8 home agents").stages[0].scene
    assert sum(segment == "home" for segment in scene.links.values()) == 28
    assert [pair for pair in scene.drawn if scene.links[pair] == "home"] == [("HA", f"HA{n}") for n in range(2, 9)]
    behind = film("home router, 8 home agents").stages[0].scene
    assert all("HR" in pair for pair in behind.drawn if behind.links[pair] == "home")


def test_both_directions_of_a_link_share_a_lane_and_keep_to_the_right_of_it() -> None:
    for a, b in SCENE.links:
        ways = Way((a, b), (12,)), Way((b, a), (-12,))
        (there,), (back,) = (SCENE.legs(way, (0, 0)) for way in ways)
        assert there[0] == pytest.approx(back[1]) and there[1] == pytest.approx(back[0])
        (there,), (back,) = (SCENE.legs(way._replace(keep=(20, 9)), (-99, -99)) for way in ways)
        (x, y), (over, down) = back[1], ((there[1][at] - there[0][at]) / dist(*there) for at in (0, 1))
        apart = hypot(there[0][0] - x, there[0][1] - y)
        assert apart == pytest.approx(40 * abs(down) + 18 * abs(over), abs=0.2), "as far as what goes there is wide"
        (ax, ay), (bx, by) = there
        # In pixels that grow downwards, the right hand of (dx, dy) is (-dy, dx).
        side = (back[1][0] - ax) * (ay - by) + (back[1][1] - ay) * (bx - ax)
        assert side < 0, "the other direction is at the left"


def test_a_way_ends_where_marks_touch_the_cards() -> None:
    ((start, end),) = SCENE.legs(Way(("Internet", "CN1")), (10, 10))
    for node, (x, y) in (("Internet", start), ("CN1", end)):
        assert SCENE.box(node).overlap(Box(x, y, 20, 20)) == pytest.approx(0, abs=1e-6)
        assert SCENE.box(node).overlap(Box(x, y, 21, 21)) > 0


def test_the_last_leg_may_be_gone_in_part_and_a_node_alone_is_a_place_above_it() -> None:
    ((start, end),) = SCENE.legs(Way(("Internet", "CN1")), (10, 10))
    ((_, half),) = SCENE.legs(Way(("Internet", "CN1"), last=(0.0, 0.5)), (10, 10))
    assert half == pytest.approx(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    (((x, y), _),) = SCENE.legs(Way(("CN1",)), (10, 10))
    assert (x, y) == (SCENE.at("CN1")[0], SCENE.at("CN1")[1] - 15 - 10)


def test_paths_go_through_routers_only() -> None:
    assert SCENE.path("CN1", "AR3") == ("CN1", "Internet", "AR3")
    assert SCENE.path("AR2", "AR3") == ("AR2", "Internet", "AR3"), "not through the mobile node"
    assert SCENE.path("CN1", "nowhere") == ()


@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
@pytest.mark.parametrize("lane", [-18, 0, 18])
def test_a_road_is_one_line_from_card_to_card(width: int, lane: float) -> None:
    for nodes in (("MN", "AR2", "Internet", "CN1"), ("MN", "AR3", "Internet", "HA", "Internet", "CN1")):
        way = Way(nodes, (lane,) * (len(nodes) - 1))
        road, legs = SCENE.road(way, width), SCENE.legs(way, (0, 0), width)
        assert road[0][0] == SCENE.at("MN", width) and road[-1][1] == SCENE.at("CN1", width)
        assert all(one[1] == other[0] for one, other in pairwise(road)) and len(road) == 3 * len(legs)
        for leg, ((ax, ay), (bx, by)) in zip(legs, road[1::3], strict=True):
            length = hypot(bx - ax, by - ay)
            for x, y in leg:  # on the lane that packets keep to
                assert abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length < 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_no_road_pokes_out_of_its_lane_or_beyond_a_card(name: str, width: int) -> None:
    """With four flows: no corner is further from all links of its way than the lane is on a slanting one."""
    stage = film(name, 4).stages[0]
    for flow in stage.flows:
        for _, way in stage.roads[flow]:
            nodes = [stage.scene.at(node, width) for node in way.nodes] if way else []
            for corner in (each for leg in (stage.scene.road(way, width) if way else ()) for each in leg):
                assert min(far_from(corner, *link) for link in pairwise(nodes)) < max(map(abs, way.lanes)) * 2**0.5 + 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [PHONE, 310, DESK])
def test_no_road_passes_below_a_card_of_others(name: str, width: int) -> None:
    """On the narrowest phone the cards of HA and CN1 nearly touch: a road that ends at one may meet the other."""
    stage = film(name, 4).stages[0]
    ways = {way for flow in stage.flows for _, way in stage.roads[flow] if way}
    for way, node in product(ways, stage.scene.places):
        if node not in way.nodes:
            inside = sum(stage.scene.box(node, width).length_inside(*leg) for leg in stage.scene.road(way, width))
            assert inside < (20 if width == PHONE else 1), (way, node)


def far_from(point: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return how far a point is from a link."""
    (x, y), (ax, ay), (bx, by) = point, a, b
    length = hypot(bx - ax, by - ay)
    along = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length**2))
    return hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def test_a_place_in_pixels_has_its_place_in_units() -> None:
    for node, place in SCENE.places.items():
        assert SCENE.units(SCENE.at(node, 345), 345) == pytest.approx(place)


def test_one_node_is_a_scene() -> None:
    graph: networkx.Graph[str] = networkx.Graph()
    graph.add_node("MN", x=1.0, y=1.0, role="mobile node", forwards=False)
    scene = Scene(graph, [ChannelName("link", "MN", "wlan0", "MN", "wlan0")], "MN")
    assert scene.at("MN") == (0, 0) and scene.node_labels()[0]["x"] == 1.0


def test_the_interfaces_of_the_mobile_node_are_known_by_their_links() -> None:
    assert SCENE.interfaces == {"wlan0": "AR2", "cell0": "AR3"}
    assert (SCENE.words["AR2"], SCENE.words["AR3"]) == ("WLAN router", "cellular router")


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
