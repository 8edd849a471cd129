"""player.js on a saved page in a real browser: it plays, steps and scrubs; row and road change as the message lands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mipflow.lab.world import World
from mipflow.view.drawing.page import save
from mipflow.view.stage.scene import Box
from mipflow.view.stage.show import Show
from mipflow.view.stage.stage import Part, spots
from tests.view.stage.test_stage import show, told, world
from tests.view.told import S, handover
from tests.view.worlds import film as film_of

SEEN = "(all) => all.filter(({ style }) => style.display !== 'none').length"
SHOW = "[...mipflowPlayer.shows][0]"
# Where the marks of each layer are seen, and what they say; where a line's path goes.
MARKS = f"""() => {SHOW}.stages.map((stage) => stage.layers.map(({{ points, texts }}) => points
  .map((node, k) => [node, texts[k]]).filter(([node]) => getComputedStyle(node).display !== "none")
  .map(([node, text]) => [...node.getAttribute("transform").match(/-?\\d[\\d.]*(e-?\\d+)?/g).map(Number),
    text.textContent.replace(/^(×\\d+)(.+)/, "$2$1"),
    ...text.getAttribute("transform").match(/-?\\d[\\d.]*(e-?\\d+)?/g).map(Number)])))"""
LINES = "{}.stages[0].lines.filter(({{ kind }}) => kind === '{}').map(({{ path }}) => path.getAttribute('d'))"
ROADS, GHOSTS = LINES.format(SHOW, "road"), LINES.format(SHOW, "ghost")
BOXES = """() => {
  const box = (each) => ["left", "top", "right", "bottom"].map((side) => each.getBoundingClientRect()[side]);
  const letters = ({ childNodes }) => [...childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const small = (each) => each.checkVisibility() && letters(each) && parseFloat(getComputedStyle(each).fontSize) < 14;
  const grid = document.querySelector(".mipflow-grid"), find = (what) => [...grid.querySelectorAll(what)].map(box);
  return { cards: find(".annotation-text-g"), plates: find(".mipflow-plate"), buttons: find("button, input, legend"),
    parts: [...grid.querySelectorAll(".js-plotly-plot, .mipflow-controls, .mipflow-board > section")].map(box),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...grid.querySelectorAll("*")].filter(small).map((each) => each.outerHTML) };
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def opened(browser_page: Any, folder: Path) -> Iterator[Callable[[Show], Any]]:
    """Saves a picture as a page and opens it. Any error or request, and any word on the console, is a failure."""
    troubles: list[str] = []

    def open_(picture: Show) -> Any:
        address = save(folder / f"{picture.id}.html", [picture], "One flow moves").as_uri()
        browser_page.on("pageerror", lambda error: troubles.append(str(error)))
        browser_page.on("console", lambda said: troubles.append(said.text))
        browser_page.on("request", lambda asked: troubles.extend([] if asked.url == address else [asked.url]))
        browser_page.goto(address)
        for number in range(len(picture.figures)):
            browser_page.locator(".mipflow-grid .mipflow-driven").nth(number).wait_for()
        browser_page.wait_for_timeout(400)  # until plotly knows how wide the grid lets it be
        return browser_page

    yield open_
    assert troubles == []


def ms(page: Any) -> float:
    return float(page.evaluate(f"{SHOW}.ms"))


def go(page: Any, to_ms: float) -> None:
    page.evaluate(f"{SHOW}.go({to_ms})")


def key_event() -> dict[str, Any]:
    return next(event for event in show().events if "key" in event)


# --- it moves --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "width"), [("two", 1280), ("two", 390), ("8 correspondents", 430)])
def test_each_mark_is_seen_where_the_stage_says_to_one_pixel(
    opened: Any, browser_page: Any, name: str, width: int
) -> None:
    """The alarm for a new plotly, too: every mark has its node, and a seek to any moment is exact; also where lanes are
    pushed aside by cards.
    """
    browser_page.set_viewport_size({"width": width, "height": 720})
    shown = show() if name == "two" else film_of(name, 4)
    page, this, film = opened(shown), shown.stages[0], shown.film
    checked = 0
    for number in range(60):
        if number == 30:  # plotly draws anew, with other nodes
            browser_page.set_viewport_size({"width": width - 60, "height": 720})
            page.wait_for_timeout(500)
        area = page.evaluate(f"{SHOW}.stages[0].graph._fullLayout.xaxis._length")
        at = film.length_ms * ((number * 37) % 60) / 59
        go(page, at)
        t_ns = page.evaluate(f"{SHOW}.told.start") * 1000 + round(film.time(at) - film.corners[0][1])
        for layer, (seen) in zip(this.layers, page.evaluate(MARKS)[0], strict=True):
            due = spots(this.scene, layer, t_ns, area)
            if len(seen) != len(due):  # within the millisecond in which one leaves or comes
                assert abs(len(seen) - len(due)) <= 1
                continue
            for (x, y, text, text_x, text_y), spot in zip(seen, due, strict=True):
                assert abs(x - spot.x) < 1 and abs(y - spot.y) < 1, (at, layer.name)
                assert (text_x, text_y) == (x, y) and text == spot.said
                checked += 1
    assert checked > 150
    assert page.evaluate(f"{SHOW}.stages[0].ok")


def test_row_and_road_change_in_the_same_picture_as_the_message_lands(opened: Any) -> None:
    page, event = opened(show()), key_event()
    plate = page.locator("table:has(caption:text-is('CN1: binding cache')) tr:has(th:has-text('H@2'))")
    go(page, event["ms"] - 5)
    before = page.evaluate(ROADS)
    assert plate.inner_text().split() == ["v", "H@2", "WLAN"]
    go(page, event["ms"] + 450)
    bending = page.evaluate(ROADS)
    assert bending[0] == before[0], "the call's road stays"
    assert bending[1] != before[1], "the video's bends"
    assert plate.locator("del").inner_text() == "WLAN" and plate.locator("ins").inner_text() == "cellular"
    assert page.locator(".mipflow-held").count() == 1
    assert page.locator(".mipflow-tie path").get_attribute("d"), "a line joins row and road"
    assert page.get_by_text("unchanged: the call stays", exact=True).is_visible()
    clock = page.locator(".mipflow-clock").inner_text()
    go(page, event["ms"] + 3000)
    assert page.locator(".mipflow-clock").inner_text() == clock == "4.265 s", "time stands"
    assert page.locator(".mipflow-pace").inner_text() == "time stands"
    bent = page.evaluate(ROADS)[1]
    go(page, event["ms"] + 5000)
    assert page.evaluate(ROADS)[1] == bent and page.locator(".mipflow-held").count() == 0


def test_the_last_still_tells_the_story(opened: Any) -> None:
    page = opened(show())
    page.get_by_role("slider", name="Time").focus()
    page.keyboard.press("End")
    assert page.locator(".mipflow-caption").inner_text() == (
        "CN1 now sends the video to the cellular address. H@1 unchanged: the call stays."
    )
    call, video = page.evaluate(MARKS)[0][:2]
    assert call and video, "packets are under way on both roads"
    assert page.locator(".mipflow-tie path").get_attribute("d")
    assert {text.rstrip("0123456789×") for *_, text, _, _ in call + video} == {"c", "v"}, "each has its letter"
    assert page.locator(".mipflow-changed").count() == 1
    notes = page.locator(".mipflow-note:visible").all_inner_texts()
    assert notes == ["not asked, so it stays", "unchanged: the call stays"], "at the home agent and at CN1"


def test_the_road_before_a_change_stays_as_a_ghost_until_the_next(opened: Any) -> None:
    page, event = opened(show()), key_event()
    nowhere = "M-99,-99L-98,-99"
    go(page, event["ms"] - 5)
    before = page.evaluate(ROADS)[1]
    assert page.evaluate(GHOSTS) == [nowhere, nowhere]
    for at in (event["ms"] + 450, show().film.length_ms):
        go(page, at)
        call, video = page.evaluate(GHOSTS)
        assert call == nowhere, "the call's road is the same"
        assert video.startswith("M") and video.partition("L")[2] in before, "a part of the road that was"
    go(page, 0)
    assert page.evaluate(GHOSTS) == [nowhere, nowhere]


# --- controls --------------------------------------------------------------------------------------------------------


def test_nothing_plays_by_itself_and_pause_holds(opened: Any) -> None:
    page = opened(show())
    page.wait_for_timeout(400)
    assert ms(page) == 0
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Pause").click()
    held = ms(page)
    page.wait_for_timeout(300)
    assert 200 < held == ms(page)
    page.get_by_role("radio", name="4×").check()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(500)
    assert ms(page) - held > 1000


def test_all_can_be_done_with_keys_in_the_order_seen(opened: Any) -> None:
    page = opened(show())
    names = []
    focused = "(({ ariaLabel, title, value }) => ariaLabel || title || value)(document.activeElement)"
    for _ in range(16):
        page.keyboard.press("Tab")
        names.append(page.evaluate(focused).split(" of")[0])
    assert names == [
        *["Its history"] * 4, "Previous event", "Step back", "Play", "Step on", "Next event",
        "Play from before the change", "Full screen", "Look inside the packet", "Save what is seen as SVG",
        "Save what is seen as PNG", "1", "Time",
    ], "the rows of the plates, then the controls"  # fmt: skip
    rail, stops = page.get_by_role("slider", name="Time"), [event["stop"] for event in show().events]
    assert rail.get_attribute("aria-valuetext") == "3.900 s, the beginning"
    for key, due in (
        ("ArrowUp", stops[0]), ("PageUp", stops[1]), ("ArrowDown", stops[0]), ("ArrowRight", stops[0] + 250),
        ("ArrowLeft", stops[0]), ("End", show().film.length_ms), ("Home", 0),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert ms(page) == pytest.approx(due), key
    page.keyboard.press(".")
    assert 0 < ms(page) < 1000
    page.keyboard.press(",")
    assert ms(page) < 1
    page.keyboard.press(" ")
    page.wait_for_timeout(300)
    page.keyboard.press(" ")
    assert ms(page) > 100
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{SHOW}.speed") == 2, "one tab stop, arrows choose the speed"


def test_the_bar_and_its_numbers_lead_to_each_event(opened: Any) -> None:
    page = opened(show())
    for number, event in enumerate(show().events):
        page.locator(".mipflow-marks button").nth(number).click()
        assert ms(page) == event["stop"] and page.locator(".mipflow-clock").inner_text() == event["at"]
        seen = page.locator(".points > path").evaluate_all(SEEN)
        assert seen or not event["hops"], "and what is told has left its node"
        caption = page.locator(".mipflow-caption").inner_text()
        assert caption == f"{number + 1}. {event['at']}: {event['text']}."
        assert page.locator(".mipflow-chips [data-now]").inner_text() == f"{number + 1}. {event['brief']}"
    told = [f"{number}. {event['brief']}" for number, event in enumerate(show().events, 1)]
    for number, event in enumerate(show().events):
        go(page, event["stop"])
        later = [f"{other}." for other in range(number + 2, len(told) + 1)]
        assert page.locator(".mipflow-chips button").all_inner_texts() == [*told[: number + 1], *later]
    go(page, 0)
    assert not any(each["brief"] in page.locator(".mipflow-chips").inner_text() for each in show().events if each["ms"])
    box = page.locator(".mipflow-rail input").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert ms(page) == pytest.approx(show().film.length_ms / 2, rel=0.02)
    value = page.get_by_role("slider", name="Time").get_attribute("aria-valuetext")
    assert value is not None and " s, " in value


@pytest.mark.parametrize("size", [(390, 800), (640, 360), (1280, 720)])
def test_each_number_stands_below_the_thumb_of_its_time_and_on_no_other(
    opened: Any, browser_page: Any, size: tuple[int, int]
) -> None:
    browser_page.set_viewport_size({"width": size[0], "height": size[1]})
    film = show("figure 2", 0, 4.8)
    page = opened(film)
    assert 20 <= len(film.events) <= 40
    rail = page.locator(".mipflow-rail input").bounding_box()
    boxes = [each.bounding_box() for each in page.locator(".mipflow-marks button").all()]
    thumb = 16
    for event, box in zip(film.events, boxes, strict=True):
        at = rail["x"] + thumb / 2 + (rail["width"] - thumb) * event["stop"] / film.film.length_ms
        half = box["width"] / 2
        at = min(max(at, rail["x"] + half), rail["x"] + rail["width"] - half)  # whole, at the ends as well
        assert abs(box["x"] + box["width"] / 2 - at) <= 1, event["brief"]
    assert overlaps([[box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]] for box in boxes]) < 1
    caption = page.locator(".mipflow-caption").bounding_box()
    assert max(box["y"] + box["height"] for box in boxes) <= caption["y"]


def test_who_wants_less_motion_gets_steps(opened: Any, browser_page: Any) -> None:
    browser_page.emulate_media(reduced_motion="reduce")
    page = opened(show())
    page.get_by_role("button", name="Play", exact=True).click()
    places = set()
    for _ in range(20):
        places.add(ms(page))
        page.wait_for_timeout(50)
    assert len(places) <= 2 and max(places) == show().events[0]["stop"]


def test_a_click_on_a_mark_and_on_a_row_opens_what_was_clicked(opened: Any) -> None:
    page = opened(show())
    update = next(event for event in show().events if event["brief"].startswith("BU"))
    go(page, update["stop"] + 800)
    (x, y, text, *_) = page.evaluate(MARKS)[0][-2][0]
    plot = page.locator(".js-plotly-plot").first.evaluate("""(graph) => {
      const { left, top } = graph.getBoundingClientRect(), { l, t } = graph.layout.margin;
      return [left + l, top + t]; }""")
    page.mouse.move(plot[0] + x, plot[1] + y)
    page.wait_for_timeout(100)
    page.mouse.click(plot[0] + x, plot[1] + y)
    heading = page.locator(".mipflow-inspector .mipflow-title")
    heading.wait_for()
    assert text == "BU" and heading.inner_text() == f"Packet {update['hops'][0]}: binding update"
    page.keyboard.press("Escape")
    beyond = None
    for at in range(0, show().film.length_ms, 7):
        go(page, at)
        beyond = beyond or next(((x, y) for x, y, *_ in page.evaluate(MARKS)[0][0] if x < -8), None)
        if beyond:
            break
    assert beyond, "a packet of the call leaves beside the outermost node"
    page.mouse.click(plot[0] + beyond[0], plot[1] + beyond[1])
    heading.wait_for()
    assert heading.inner_text().startswith("Packet")
    page.keyboard.press("Escape")
    assert not heading.is_visible()
    page.evaluate("""() => new MutationObserver(() => document.querySelector(".dragcover")?.remove())
      .observe(document.body, { childList: true })""")  # then the browser tells of the click, too
    go(page, update["stop"] + 800)
    page.mouse.click(plot[0] + x, plot[1] + y)
    heading.wait_for()
    page.wait_for_timeout(300)
    assert heading.is_visible(), "the click that opened it does not close it"
    page.keyboard.press("Escape")
    page.locator(".mipflow-plate tr[data-row]").first.click()
    heading.wait_for()
    assert heading.inner_text() == "HA: binding cache, H@1"


# --- how it looks ----------------------------------------------------------------------------------------------------


def overlaps(boxes: list[list[float]]) -> float:
    """Return the largest area that two rectangles share."""
    made = [Box((a + c) / 2, (b + d) / 2, c - a, d - b) for a, b, c, d in boxes]
    return max((one.overlap(other) for k, one in enumerate(made) for other in made[:k]), default=0.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 800), (640, 360), (860, 720), (1280, 720)])
def test_nothing_overlaps_and_nothing_is_small(
    opened: Any, browser_page: Any, size: tuple[int, int], scheme: Any
) -> None:
    """Also at 640 by 360: that is 1280 by 720 at 200 %."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.set_viewport_size({"width": size[0], "height": size[1]})
    page = opened(show())
    for at in (0, key_event()["stop"], show().film.length_ms):
        go(page, at)
        page.wait_for_timeout(50)
        found = page.evaluate(BOXES)
        assert len(found["cards"]) == 7 and len(found["plates"]) == 2
        assert overlaps([*found["cards"], *found["plates"]]) < 1
        assert max(right for _, _, right, _ in found["plates"]) <= size[0] - 8, "plates stand on the stage"
        assert overlaps(found["buttons"]) < 1
        assert overlaps(found["parts"]) < 1
        assert found["small"] == [] and found["wide"] <= 0


def test_at_1280_the_board_stands_beside_the_stage_and_all_is_on_the_screen(opened: Any) -> None:
    page = opened(show())
    stage, controls, board = (
        page.locator(each).first.bounding_box()
        for each in (".js-plotly-plot", ".mipflow-controls", ".mipflow-board > section")
    )
    assert board["x"] > stage["x"] + stage["width"] and abs(board["y"] - stage["y"]) < 60
    assert controls["y"] >= stage["y"] + stage["height"] and controls["y"] + controls["height"] <= 720


def test_no_table_is_wider_than_its_place_beside_the_stage(opened: Any, browser_page: Any) -> None:
    """From where they stand side by side: there they have least room."""
    page = opened(film_of("figure 2", 4))
    over = """() => [...document.querySelectorAll(".mipflow-board table:not(details *)")].map((table) =>
      table.getBoundingClientRect().right - table.closest("section").getBoundingClientRect().right)"""
    beside = "document.querySelector('.mipflow-board').offsetLeft > 300"
    sides = set()
    for width in (1060, 1096, 1104, 1130, 1160, 1280):
        browser_page.set_viewport_size({"width": width, "height": 720})
        page.wait_for_timeout(200)
        sides.add(page.evaluate(beside))
        assert max(page.evaluate(over)) < 1, width
    assert sides == {False, True}


@pytest.mark.parametrize("name", [
    "figure 1", "4 correspondents", "8 correspondents", "8 home agents", "home router, 8 home agents", "servers",
    "tunnel", "host", "all of it",
])  # fmt: skip
@pytest.mark.parametrize("width", [390, 1280])
def test_in_every_scenario_nothing_overlaps(opened: Any, browser_page: Any, name: str, width: int) -> None:
    """With four flows, so that plates are as long as they get."""
    browser_page.set_viewport_size({"width": width, "height": 720})
    shown = film_of(name, 4)
    page = opened(shown)
    for at in (0, *(event["stop"] for event in shown.events if "key" in event), shown.film.length_ms):
        go(page, at)
        page.wait_for_timeout(50)
        found = page.evaluate(BOXES)
        assert len(found["cards"]) == len(shown.stages[0].scene.places) and found["plates"]
        assert overlaps([*found["cards"], *found["plates"]]) < 1
        assert overlaps(found["parts"]) < 1 and found["small"] == [] and found["wide"] <= 0


def test_two_worlds_play_on_one_clock(opened: Any) -> None:
    def part(of: World) -> Part:
        return Part(of.trace, of.network.graph, of.names(), of.flow_names(), of.mn.name, of.title)

    both = Show([part(world("figure 2")), part(world("figure 1"))], round(3.9 * S), round(4.8 * S), [], "Two or one")
    page = opened(both)
    left, right = (page.locator(".js-plotly-plot").nth(number).bounding_box() for number in (0, 1))
    assert left["x"] + left["width"] <= right["x"] and left["y"] == right["y"]
    go(page, both.film.length_ms)
    corners = f"{SHOW}.stages.map(({{ lines }}) => lines.slice(-2).map(({{ seen: [road] }}) => road.length))"
    assert page.evaluate(corners) == [[10, 10], [10, 10]]
    for what in (".mipflow-lit", ".mipflow-tie path[d]", ".mipflow-changed"):  # each tells its last still
        assert all(page.locator(".mipflow-stage").nth(number).locator(what).count() for number in (0, 1)), what
    assert page.locator("[class*=undefined]").count() == 0
    assert overlaps(page.evaluate(BOXES)["cards"]) < 1


def test_where_the_plotly_is_another_the_end_stands_still_and_a_sentence_says_so(opened: Any) -> None:
    page = opened(show())
    page.evaluate(f"""() => {{ const {{ graph }} = {SHOW}.stages[0];
      graph.querySelectorAll(".textpoint").forEach((each) => each.remove());
      {SHOW}.stages[0].find(); {SHOW}.seek(500); }}""")
    assert page.get_by_role("status").filter(has_text="stands still").is_visible()


def test_a_story_with_losses_shows_crosses(opened: Any) -> None:
    story, _ = handover()
    shown = told(story)
    page = opened(shown)
    cross = shown.stages[0].layers[-1].flights[0]
    go(page, shown.film.ms(cross.times[0]) + 100)
    assert page.evaluate(MARKS)[0][-1]
