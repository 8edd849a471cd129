"""Click and follow, in a saved page: packets open, rows show their history, times lead to the film and back."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.view.drawing.page import save
from mipflow.view.stage.follow import MOST_CHANGES, SEQUENCE, cards, histories
from mipflow.view.stage.show import animate
from mipflow.wire.mobility import BindingUpdate
from tests.view.told import FLOWS, HOME2, MS, NAMES, S, handover

STORY, AT = handover()
TRACE = STORY.trace()
SHOW = animate(TRACE, STORY.graph, names=NAMES, flows=FLOWS, start_ns=11 * S, end_ns=14 * S)
ROW = f"CN1|{HOME2}"


# --- as plain values -------------------------------------------------------------------------------------------------


def test_each_mark_of_the_film_leads_to_a_card() -> None:
    """To its own, or to that of a packet like it: of the same flow, from and to the same address."""
    (stage,) = SHOW.stages
    carried, numbers, alike, _ = cards(stage, NAMES)
    hops = {flight.hop for layer in stage.layers for flight in layer.flights if flight.hop >= 0}
    assert hops and {str(hop) for hop in hops} <= numbers.keys() and len(carried) < 50
    for hop in hops:
        title, html = carried[numbers[str(hop)]]
        own = int(re.findall(r"Packet (\d+)", title)[0])
        packet, shown = TRACE.packets[hop], TRACE.packets[own]
        assert packet is shown or hop in alike
        assert (packet.label, packet.source, packet.destination) == (shown.label, shown.source, shown.destination)
        assert str(packet.source) in html
    assert not any(TRACE.packets[hop].innermost().flow == 0 for hop in alike)


def test_what_happened_to_a_row() -> None:
    (stage,) = SHOW.stages
    told = histories(stage)
    name, versions = told[ROW]
    assert name == "CN1: binding cache, H@2"
    began = next(record.t_ns for record in TRACE.changes() if (record.node, record.change.key) == ("CN1", str(HOME2)))
    assert versions == [
        ((began - 11 * S) // 1000, f"new: H@2 → WLAN address, sequence number 2{SEQUENCE}"),
        (0, "when the film begins: H@2 → WLAN address, sequence number 2"),
        ((AT.update_lands - 11 * S) // 1000, "care-of address WLAN address → cellular address, sequence number 2 → 7"),
    ]
    lengths = {row.replace(str(HOME2), "H@2"): len(each[1]) for row, each in told.items()}
    assert lengths["CN1|H@2"] == 3 and lengths["HA|H@2"] == 2 and (lengths["MN|1"], lengths["MN|2"]) == (2, 4)


def test_the_history_of_a_row_is_that_of_its_life_wherever_the_film_begins() -> None:
    """The witness: all changes of the trace, told by a film of the whole run."""
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(6)
    world.mn.handover(video, "cell0")
    world.run(3)
    keys = ("binding cache", "flow mapping table")
    changed = Counter(
        f"{each.node}|{each.change.key}" for each in world.trace.changes()
        if each.change.table == keys[each.node == "MN"] and each.node in ("MN", "HA", "CN1")
    )  # fmt: skip
    for start, end in ((0.5, 9), (6.3, 6.5), (8, 9)):
        film: Any = world.animate(start, end)
        told = {row: versions for row, (_, versions) in histories(film.stages[0]).items()}
        own = {row: [us for us, text in each if not text.startswith("when the film")] for row, each in told.items()}
        until = {row: [us for us in times if us <= (9 - start) * 1e6] for row, times in own.items()}
        early = sum(each.t_ns > end * S for each in world.trace.changes())
        assert sum(map(len, until.values())) + early * (end < 9) >= sum(changed.values())
        if end == 9:
            assert {row: len(times) for row, times in own.items()} == changed
        assert all(times == sorted(times) for times in own.values())
        assert start < 1 or all(times[0] < 0 for times in own.values()), "before the film"


def test_a_long_history_is_cut_to_its_end() -> None:
    story, _ = handover()
    row = {"home_address": str(HOME2), "care_of_address": "::", "sequence": 0}
    for number in range(100):
        story.table(13 * S + number * MS, "CN1", "binding cache", HOME2, row, row | {"sequence": number})
    show = animate(story.trace(), story.graph, names=NAMES, flows=FLOWS, start_ns=12 * S, end_ns=14 * S)
    assert len(histories(show.stages[0])[ROW][1]) == MOST_CHANGES


# --- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "world.html"
    world.save(path)
    return path


@pytest.fixture
def opened(browser_page: Any, saved: Path) -> Any:
    """Return the saved page, its troubles in `page.troubles`."""
    browser_page.troubles = []
    browser_page.on("pageerror", lambda error: browser_page.troubles.append(str(error)))
    browser_page.on("request", lambda request: browser_page.troubles.append(request.url))
    browser_page.goto(saved.as_uri())
    browser_page.locator(".mipflow-driven").wait_for()
    return browser_page


SVG = "{http://www.w3.org/2000/svg}"
MARK = """([name]) => {
  const [stage] = [...mipflowPlayer.shows][0].stages;
  for (const { seen, points, texts } of stage.layers) for (let k = 0; k < seen.length; k += 1)
    if (texts[k].textContent === name) {
      const { x, y, width, height } = points[k].getBoundingClientRect();
      return [x + width / 2, y + height / 2, seen[k].hop];
    }
}"""


def to_update(page: Any) -> None:
    """Step to where the binding update to CN1 is under way."""
    page.locator(".mipflow-chips button", has_text="BU to CN1").last.click()


def panel(page: Any) -> Any:
    return page.locator(".mipflow-inspector")


def test_a_saved_page_is_one_small_file_without_a_network(saved: Path, opened: Any) -> None:
    assert saved.stat().st_size < 5_500_000
    assert opened.troubles == [saved.as_uri()]
    for words in ("binding cache", "Messages from", "Flows from", "state"):
        assert opened.get_by_text(words).first.count()
    assert opened.get_by_text("The call as MN hears it").first.count()
    opened.wait_for_function("document.querySelector('audio').duration > 3")


def test_a_page_of_many_flows_is_no_larger(tmp_path: Path) -> None:
    world = mf.figure2(cns=6)
    for cn in world.cns:
        for _ in range(6):
            world.mn.open(cn, mf.apps.Voice(interval_ms=200))
    world.run(8)
    world.mn.handover_all("cell0")
    world.run(2).save(tmp_path / "many.html")
    assert (tmp_path / "many.html").stat().st_size < 5_500_000


@pytest.mark.parametrize("width", [390, 640, 1280])
def test_nothing_is_wider_than_the_page(opened: Any, width: int) -> None:
    """Wide tables and drawings scroll by themselves."""
    opened.set_viewport_size({"width": width, "height": 720})
    opened.wait_for_timeout(300)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_no_road_of_the_end_stands_while_the_film_is_elsewhere(opened: Any) -> None:
    """plotly draws a path for each leg of a road; all legs are in the first, and no other is left."""
    roads = "all => all.map(trace => trace.querySelectorAll('path.js-line').length).slice(1)"
    paths = opened.locator(".mipflow-driven .trace").evaluate_all(roads)
    assert max(paths) == 1 and sum(paths) >= 3


def test_a_packet_of_the_film_opens(world: World, opened: Any) -> None:
    to_update(opened)
    opened.locator(".mipflow-driven").scroll_into_view_if_needed()
    opened.wait_for_timeout(400)
    x, y, hop = opened.evaluate(MARK, ["BU"])
    opened.mouse.move(x - 1, y)
    opened.mouse.move(x, y)
    opened.wait_for_timeout(200)
    opened.mouse.click(x, y)
    panel(opened).wait_for()
    assert isinstance(world.trace.packets[hop].payload, BindingUpdate)
    assert panel(opened).locator(".mipflow-title").inner_text() == f"Packet {hop}: binding update"
    row = panel(opened).locator("tr", has_text="home nonce index")
    row.hover()
    colour = "getComputedStyle(e).backgroundColor === 'rgb(240, 228, 66)'"
    marked = f"all => all.filter(e => {colour}).map(e => e.textContent)"
    found = panel(opened).locator("[data-f]").evaluate_all(marked)
    octets = world.inspect(hop).rows()
    place = next(each for each in octets if each["field"] == "home nonce index")
    assert found[0].startswith("– home nonce index") and len(found[1].split()) == place["octets"] == 2
    opened.keyboard.press("Escape")
    assert not panel(opened).is_visible() and opened.troubles == [opened.url]


def test_the_same_by_keyboard(opened: Any) -> None:
    to_update(opened)
    before = opened.evaluate("[scrollX, scrollY]")
    opened.get_by_role("button", name="Look inside").press("Enter")
    panel(opened).wait_for()
    box = panel(opened).bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 721, "what was opened is in sight, and so is the film"
    for _ in range(8):  # the panel's buttons, and the fold of the first header
        if opened.evaluate("document.activeElement.type") != "radio":
            opened.keyboard.press("Tab")
    for _ in range(3):
        opened.keyboard.press("ArrowDown")
    assert "payload length" in opened.evaluate("document.activeElement.closest('tr').textContent")
    opened.keyboard.press("Escape")
    assert opened.evaluate("document.activeElement.textContent") == "Look inside"
    assert opened.evaluate("[scrollX, scrollY]") == before, "back where it was"


def test_before_the_first_message_there_is_nothing_to_look_into_and_a_sentence_says_so(opened: Any) -> None:
    opened.locator("[type=range]").first.press("Home")
    opened.locator("[data-act=look]").first.press("Enter")
    assert panel(opened).locator(".mipflow-title").inner_text().startswith("No message has been sent yet")
    assert "Go on to an event with a message" in panel(opened).inner_text()


def test_a_row_shows_its_history_and_each_moment_of_it(opened: Any) -> None:
    to_update(opened)
    row = opened.locator(".mipflow-plates [data-row^='CN1|']", has_text="H@2").locator(".mipflow-row")
    row.press("Enter")
    items = panel(opened).locator("li")
    assert items.count() >= 2 and "WLAN address → cellular address" in items.last.inner_text()
    box, size = items.last.bounding_box(), opened.viewport_size
    assert box["y"] + box["height"] <= size["height"], "no history below the fold"
    items.last.locator("button").click()
    assert "CN1 now sends the video to the cellular address" in opened.locator(".mipflow-caption").inner_text()
    time = items.last.locator("button").inner_text()
    assert opened.locator(".mipflow-clock").inner_text() == time
    assert opened.troubles == [opened.url]


def test_a_row_of_the_tables_shows_its_history_in_the_film(opened: Any) -> None:
    table = opened.locator("table", has=opened.locator("caption", has_text=re.compile("^CN1: binding cache$"))).last
    table.locator("tr", has_text="H@2").locator(".mipflow-row").press("Enter")
    assert panel(opened).locator(".mipflow-title").inner_text() == "CN1: binding cache, H@2"
    homes = opened.locator("table", has=opened.locator("caption", has_text="home address table")).last
    assert homes.locator("tr").count() > 1 and homes.locator("[data-row]").count() == 0  # no film has them


def test_an_arrow_of_the_ladder_leads_to_the_film_and_back(opened: Any) -> None:
    arrow = opened.locator(".mipflow-arrow", has_text="BU").last
    opened.locator(".mipflow-arrow[data-hops]").last.scroll_into_view_if_needed()
    arrow = opened.locator(".mipflow-arrow").nth(3)
    arrow.scroll_into_view_if_needed()
    arrow.dispatch_event("click")
    hops = {int(hop) for hop in arrow.get_attribute("data-hops").split()}
    number = opened.evaluate("[...mipflowPlayer.shows][0].number")
    event = opened.evaluate("([k]) => [...mipflowPlayer.shows][0].told.events[k].hops", [number])
    assert hops & set(event)
    assert opened.locator(".mipflow-driven").bounding_box()["y"] < 720
    assert "mipflow-here" in arrow.get_attribute("class")
    opened.get_by_role("button", name="Back to where you came from").click()
    box = arrow.bounding_box()
    assert -box["height"] < box["y"] < 720
    assert opened.troubles == [opened.url]


def test_a_time_of_the_words_leads_to_the_film(opened: Any) -> None:
    """The way of who has no mouse: the ladder's words."""
    twin = opened.locator(".mipflow-twin", has_text="Messages from").last
    twin.locator("summary").first.click()
    way = twin.locator(".mipflow-way").last
    way.press("Enter")
    assert abs(float(way.inner_text()[:-2]) - float(opened.locator(".mipflow-clock").inner_text()[:-2])) <= 0.4
    assert opened.get_by_role("button", name="Back to where you came from").count() == 1


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_seen_becomes_a_file(opened: Any, tmp_path: Path, width: int, is_dark: bool) -> None:
    """The file needs no style of the page: words can be read, roads are whole, the rest is dim while time stands."""
    opened.emulate_media(color_scheme="dark" if is_dark else "light")
    opened.set_viewport_size({"width": width, "height": 800})
    opened.wait_for_timeout(600)  # until plotly knows how wide it may be
    opened.locator(".mipflow-chips button", has_text="the video → the cellular address").last.click()
    for kind in ("svg", "png"):
        with opened.expect_download() as download:
            opened.get_by_role("button", name=f"Save what is seen as {kind.upper()}").click()
        download.value.save_as(tmp_path / f"seen.{kind}")
        assert re.fullmatch(rf"mipflow [\d.]+ s\.{kind}", download.value.suggested_filename)
    root = ElementTree.parse(tmp_path / "seen.svg").getroot()
    said = " ".join(" ".join(root.itertext()).split())
    assert "CN1 now sends the video to the cellular address." in said and "v H@2 WLAN → cellular" in said
    octets = (tmp_path / "seen.png").read_bytes()
    assert octets.startswith(b"\x89PNG") and len(octets) > 20_000
    width, height = (int.from_bytes(octets[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    assert opened.troubles == [opened.url]

    texts, rects = list(root.iter(f"{SVG}text")), list(root.iter(f"{SVG}rect"))
    assert rects[0].attrib["fill"] == ("rgb(17, 17, 17)" if is_dark else "rgb(255, 255, 255)")
    (caption,) = [each for each in texts if each.text == "sends"]
    assert ("rgb(241, 243, 245)" if is_dark else "rgb(17, 17, 17)") in caption.attrib["style"]
    struck = {each.text for each in texts if "line-through" in each.attrib["style"]}
    assert struck == {"WLAN"}
    lit = next(each for each in rects if "rgb(240, 228, 66)" in each.attrib.get("style", ""))
    new = next(each for each in texts if each.text == "cellular" and "font:700" in each.attrib["style"])
    top = float(lit.attrib["y"])
    assert top < float(new.attrib["y"]) < top + float(lit.attrib["height"]), "in the row that has changed"
    roads = [each for each in root.iter(f"{SVG}path") if each.attrib.get("class") == "js-line"]
    assert roads and all("clip-path: none" in each.attrib["style"] for each in roads)
    dim = [each for each in root.iter(f"{SVG}g") if "opacity: 0.3" in each.attrib.get("style", "")]
    assert dim, "all but the road that bends"


def test_two_worlds_on_one_clock(browser_page: Any, world: World, tmp_path: Path) -> None:
    other = mf.figure1(seed=7)
    flows = [other.mn.open(other.cn1, app) for app in (mf.apps.Voice(), mf.apps.Video())]
    other.run(6)
    other.mn.handover(flows[1], "cell0")
    other.run(1)
    page, troubles = browser_page, list[str]()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(save(tmp_path / "two.html", [mf.compare(world, other, 5.8, 7)], "Two").as_uri())
    page.locator(".mipflow-driven").nth(1).wait_for()
    assert page.get_by_text("The handover at 6.000 s moves the video in A").first.is_visible()
    page.locator(".mipflow-chips button", has_text="the call and the video → the cellular").first.click()
    rows = page.locator(".mipflow-plates").nth(1).locator("tr.mipflow-changed")
    assert "H@1" in rows.first.inner_text()
    page.locator("[data-act=look]").click()  # the binding update of the second world
    panel(page).wait_for()
    hop = int(re.findall(r"Packet (\d+): binding update", panel(page).inner_text())[0])
    assert other.trace[hop].packet.payload == other.trace.packets[hop].payload
    assert f"sent at {other.trace[hop].started_ns / S:.6f} s" in panel(page).inner_text()
    page.get_by_role("slider", name="Time").press("Home")
    page.locator("[data-act=play]").click()
    before = page.locator(".mipflow-clock").inner_text()
    page.wait_for_timeout(900)
    assert page.locator(".mipflow-clock").inner_text() != before and troubles == []


def test_a_time_that_no_film_shows_says_so(browser_page: Any, world: World, tmp_path: Path) -> None:
    browser_page.goto(save(tmp_path / "ladder.html", [world.ladder(5.9, 6.3)], "A ladder").as_uri())
    browser_page.locator(".mipflow-arrow").first.dispatch_event("click")
    title = browser_page.locator("[aria-disabled=true]").get_attribute("title")
    assert title == "No film in this page shows this time."


def test_a_ladder_of_another_world_leads_to_its_time_at_least(browser_page: Any, world: World, tmp_path: Path) -> None:
    """Its packets have numbers that the film's have at other times."""
    other = mf.figure2(seed=7)
    flow = other.mn.open(other.cn1, mf.apps.Voice(interval_ms=100))
    other.run(6.5)
    other.mn.handover(flow, "cell0")
    other.run(0.5)
    pictures = [world.animate(0, 7), other.ladder(6.4, 7)]
    browser_page.goto(save(tmp_path / "other.html", pictures, "Two worlds").as_uri())
    browser_page.locator(".mipflow-driven").wait_for()
    browser_page.locator(".mipflow-arrow").first.dispatch_event("click")
    assert 6.4 < float(browser_page.locator(".mipflow-clock").inner_text()[:-2]) < 7
