"""The ladder: one arrow a leg, tunnels marked, phases bracketed, words that can be read."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.ladder import MOST_MESSAGES, MOST_NOTES, ladder
from mipflow.wire.mobility import BindingUpdate
from tests.view.svg import HOSTILE, check_words, drawing, texts
from tests.view.told import CELL, CELL_WAY, CN1, FLOWS, HOME2, MS, NAMES, S, Story, handover, message

STORY, AT = handover()
TRACE = STORY.trace()
SCALES = ("even", "time")


def made(**more: Any) -> Picture:
    """Draw the ladder of the handover."""
    span = {"start_ns": AT.asked - MS, "end_ns": AT.acknowledged + MS}
    return ladder(TRACE, STORY.graph, **({"names": NAMES, "flows": FLOWS} | span | more))


def arrows(picture: Picture) -> list[ElementTree.Element]:
    """Return the arrows of a drawing."""
    return [each for each in drawing(picture).iter("g") if each.get("class") == "mipflow-arrow"]


def shaft(arrow: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the two ends of an arrow's line."""
    line = [each for each in arrow.iter("line") if each.get("class") != "tube"][-1]
    x1, y1, x2, y2 = (float(line.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    return x1, y1, x2, y2


def lifelines(picture: Picture) -> dict[str, float]:
    """Node -> where its lifeline stands."""
    heads = [text for text in drawing(picture).iter("text") if "strong" in text.get("class", "")]
    return {"".join(head.itertext()): float(head.get("x", "")) for head in heads if float(head.get("y", "")) == 23}


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """Worlds with much on their ladders."""
    made = [mf.figure2(seed=7), mf.plain_mobile_ipv6(seed=7), mf.figure2(seed=7, allocate="dhcpv6", security=True)]
    for world in made:
        world.mn.open(world.cn1, mf.apps.Voice())
        world.mn.open(world.cn2, mf.apps.Video())
        world.run(5)
        world.mn.handover_all("cell0", break_first=True)
        world.run(2)
    return made


def test_hops_through_plain_routers_are_one_arrow_and_a_tunnel_is_one_between_its_ends() -> None:
    picture = made()
    x = lifelines(picture)
    assert list(x) == ["MN", "HA", "CN1"] and sorted(x.values()) == list(x.values())
    ends = [(shaft(each)[0], shaft(each)[2]) for each in arrows(picture)]
    assert len(ends) == 8 and all(min(abs(at - end) for at in x.values()) <= 7 for pair in ends for end in pair)
    inside = [shaft(each) for each in arrows(picture) if any(line.get("class") == "tube" for line in each.iter("line"))]
    assert [(round(line[0]), round(line[2])) for line in inside] == [
        (round(x["MN"]), round(x["HA"] - 7)), (round(x["HA"]), round(x["MN"] + 7)),
    ]  # fmt: skip


def test_each_arrow_leads_to_its_packet_hops_and_its_moment() -> None:
    numbers = {int(each.get("data-hop", "")) for each in arrows(made())}
    assert len(numbers) == 8
    for each in arrows(made()):
        hops = [int(number) for number in each.get("data-hops", "").split()]
        assert int(each.get("data-hop", "")) in hops
        assert TRACE.started[int(each.get("data-hop", ""))] == int(each.get("data-ns", ""))


@pytest.mark.parametrize("scale", SCALES)
def test_messages_are_named_with_their_key_fields(scale: str) -> None:
    words = texts(made(scale=scale))
    assert {"BU H@2 at cellular address", "HoTI from H@2", "BA H@2, accepted", "HoT to H@2"} <= set(words)
    assert {"H@2 → cellular address", "video H@2 → cellular address ✓"} <= set(words)
    assert "The mobile node is asked to move the video to the cellular network" in words
    assert ("sequence number 7, for 420 s" in words) == (scale == "even")


def test_time_is_evenly_spaced_or_to_scale() -> None:
    assert all(line[1] == line[3] for line in map(shaft, arrows(made())))
    heights: list[tuple[int, float]] = []
    for each in arrows(made(scale="time")):
        number, (_, top, _, bottom) = int(each.get("data-hop", "")), shaft(each)
        heights.append((TRACE.started[number], top))
        assert bottom > top
    (first, top), (last, bottom) = min(heights), max(heights)
    for t_ns, y in heights:
        assert y == pytest.approx(top + (bottom - top) * (t_ns - first) / (last - first), abs=0.2)


def test_a_pause_in_which_nothing_is_under_way_is_cut_to_scale() -> None:
    picture = made(scale="time", start_ns=0, end_ns=AT.end)
    assert any("s in which nothing is sent" in text for text in texts(picture))
    assert float(drawing(picture).get("height", "")) < 2000


@pytest.mark.parametrize("scale", SCALES)
def test_every_arrow_ends_inside_the_picture_and_no_note_of_a_changed_road_lies_on_one(
    scale: str, worlds: list[World]
) -> None:
    for picture in (made(scale=scale), *(world.ladder(4.9, 6, scale=scale) for world in worlds)):  # type: ignore[arg-type]
        height, ways = float(drawing(picture).get("height", "")), list(map(shaft, arrows(picture)))
        assert all(bottom < height for *_, bottom in ways)
        lit = [each for each in drawing(picture).iter("rect") if each.get("class") == "lit"]
        assert lit
        for each in lit:
            left, top, width, high = (float(each.get(name, "")) for name in ("x", "y", "width", "height"))
            for x, y, to_x, to_y in ways:
                places = [(x + (to_x - x) * part / 50, y + (to_y - y) * part / 50) for part in range(51)]
                assert not any(left < x < left + width and top < y < top + high for x, y in places)


@pytest.mark.parametrize("scale", SCALES)
def test_words_neither_cover_each_other_nor_are_cut(scale: str, worlds: list[World]) -> None:
    pictures = [made(scale=scale), made(scale=scale, data=True), made(scale=scale, start_ns=0, end_ns=AT.end)]
    pictures += [world.ladder(scale=scale) for world in worlds]  # type: ignore[arg-type]
    for picture in pictures:
        check_words(picture)


def test_phases_are_bracketed_with_what_they_take(worlds: list[World]) -> None:
    words = texts(made())
    assert [words[words.index(name) + 1] for name in ("tests", "correspondent registration")] == ["90 ms", "90 ms"]
    assert "home registration" in texts(worlds[1].ladder(4.9, 6))
    brackets = [each for each in drawing(made()).iter("path") if each.get("class") == "bracket"]
    (tests, registration) = [sorted({float(n) for n in re.findall(r" (\d+\.?\d*)", b.get("d", ""))}) for b in brackets]
    update = next(shaft(each)[1] for each in arrows(made()) if int(each.get("data-ns", "")) == AT.update_sent)
    assert tests[0] < tests[-1] < update and registration[0] < update < registration[-1]
    assert tests[-1] >= update - 20, "the last answer arrives as the update is sent, not where that answer is sent"


def test_above_eight_notes_those_that_change_no_road_are_folded(worlds: list[World]) -> None:
    picture = worlds[0].ladder()
    words, notes = texts(picture), [g for g in drawing(picture).iter("g") if g.get("class") == "mipflow-note"]
    assert any(re.fullmatch(r"\d+ rows change", word) for word in words)
    assert "CN1 now sends the call to the cellular address" in ElementTree.tostring(drawing(picture), "unicode")
    told = re.search(r"All (\d+) notes", picture.html)
    assert told is not None and int(told[1]) > MOST_NOTES and len(notes) < int(told[1])
    assert not any("rows change" in word for word in texts(made())) and "notes</summary>" not in made().html


def test_data_is_drawn_on_request_and_the_rest_is_counted() -> None:
    assert len(arrows(made(data=True))) > 40
    picture = made(data=True, end_ns=AT.acknowledged + S)
    assert len(arrows(picture)) <= MOST_MESSAGES
    assert "later messages not drawn.</p>" in picture.html
    assert picture.describe().endswith("later messages not drawn.")


def test_a_lost_message_ends_half_way() -> None:
    story = Story()
    update = message(CELL, CN1, BindingUpdate(7, lifetime_units=105), HOME2)
    story.send(CELL_WAY, update, S, lose_at=1)
    picture = ladder(story.trace(), story.graph, names=NAMES, flows=FLOWS, start_ns=0, end_ns=2 * S)
    assert "BU H@2 at cellular address (lost)" in texts(picture)
    x = lifelines(picture)
    assert list(x) == ["MN", "CN1"] and shaft(arrows(picture)[0])[2] == pytest.approx((x["MN"] + x["CN1"]) / 2, abs=8)


def test_nothing_sent_says_so() -> None:
    nothing = ladder(Trace(), STORY.graph, names={}, flows={}, start_ns=0, end_ns=S)
    for picture in (made(start_ns=9 * S, end_ns=10 * S), nothing):
        assert "No message was sent, and no row changed" in picture.html and "<svg" not in picture.html
        assert "No message was sent." in picture.describe() and picture.rows() == []


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_somebody_gave_stay_words(name: str) -> None:
    flows = {1: "call", 2: name}
    picture = made(flows=flows, names={**NAMES, next(iter(NAMES)): name}, data=True)
    assert "<script>" not in picture.html and "onload='" not in picture.html.replace("&#x27;", "")
    assert drawing(picture) is not None and max(map(len, texts(picture))) < 120


def test_rows_hold_plain_values() -> None:
    update = next(row for row in made().rows() if row.get("message") == "binding update")
    assert update == {
        "time_s": 12.09, "what": "BU", "node": "MN", "from": "MN", "to": "CN1", "interface": "cell0",
        "message": "binding update", "detail": "H@2 at cellular address, sequence number 7, for 420 s",
        "tunnelled": False,
        "arrived_s": 12.135, "hop": update["hop"], "count": 1,
        "sentence": "The mobile node tells CN1 that H@2 is now at the cellular address (BU)",
    }  # fmt: skip
