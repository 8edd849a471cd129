"""labs/pictures.py: the pictures of README and tour are what the traces say, and can be read by everybody."""

from __future__ import annotations

import base64
import importlib.util
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.wire.mobility import BindingUpdate

LABS = Path(__file__).resolve().parents[2] / "labs"
SVG = "{http://www.w3.org/2000/svg}"
NAMES = {"mobile node", "correspondent node", "HA, home agent", "WLAN router", "cellular router", "Internet"}
ADDRESSES = {"H@1", "H@2", "WLAN address", "cellular address"}
Frames = list[tuple[float, dict[str, str]]]


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """The module as labs/build.py finds it."""
    spec = importlib.util.spec_from_file_location("labs_pictures", LABS / "pictures.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["labs_pictures"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(pictures: ModuleType) -> dict[str, str]:
    return {name: draw() for name, draw in pictures.PICTURES.items()}


@pytest.fixture(scope="module", params=["hero", "before"])
def picture(request: pytest.FixtureRequest, drawn: dict[str, str]) -> str:
    return drawn[request.param]


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """The same two runs, made here."""
    made = []
    for figure in (mf.figure1, mf.figure2):
        world = figure(seed=7)
        world.mn.open(world.cn1, mf.apps.Voice(start_s=3, interval_ms=10, payload_bytes=92))
        rest = {"rate_bps": 800_000, "frames_per_s": 100, "group": 1, "key_frame_factor": 1}
        video = world.mn.open(world.cn1, mf.apps.Video(start_s=3.005, **rest))
        world.run(4)
        world.mn.handover(video, "cell0")
        made.append(world.run(1))
    return made


# --- a file that GitHub shows ----------------------------------------------------------------------------------------


def test_the_committed_picture_is_what_is_drawn(drawn: dict[str, str]) -> None:
    assert (LABS / "pictures" / "hero.svg").read_text(encoding="utf-8") == drawn["hero"], "run python labs/build.py"


def test_it_is_small_and_asks_nobody(picture: str) -> None:
    assert len(picture.encode()) <= 200_000
    root = ElementTree.fromstring(picture)
    assert not {each.tag for each in root.iter()} & {f"{SVG}script", f"{SVG}foreignObject", f"{SVG}image"}
    targets = [value for each in root.iter() for name, value in each.attrib.items() if name.endswith("href")]
    targets += re.findall(r"url\(([^)]*)\)", picture)
    assert targets and all(target.startswith("#") for target in targets)
    assert "@import" not in picture and "@font-face" not in picture and not re.search(r"\son\w+=", picture)
    identifiers = [each.attrib["id"] for each in root.iter() if "id" in each.attrib]
    assert len(set(identifiers)) == len(identifiers) and {target[1:] for target in targets} <= set(identifiers)


def test_it_says_in_words_what_it_shows(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    labels = root.attrib["aria-labelledby"].split()
    told = [next(each.text or "" for each in root.iter() if each.attrib.get("id") == label) for label in labels]
    assert root.attrib["role"] == "img" and [root[0].tag, root[1].tag] == [f"{SVG}title", f"{SVG}desc"]
    assert all(len(words) > 20 for words in told) and "CN1" in told[1] and "WLAN" in told[1]


def test_its_letters_are_large_enough_where_it_is_800_pixels_wide(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    assert root.attrib["viewBox"].split()[2] == "800"
    sizes = [float(each.attrib["font-size"]) for each in root.iter(f"{SVG}text")]
    assert min(sizes) >= 14


def test_names_are_those_of_the_tour(picture: str) -> None:
    words = [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert set(words) >= NAMES | {"MN", "CN1"}
    everything = " ".join(words)
    assert not re.search(r"\b(AR\d|wlan0|cell0|CoA|PS|seed|laptop|phone|access point)\b", everything)
    assert set(re.findall(r"H@\d|\w+ address\b", everything)) - {"home address"} <= ADDRESSES | {"One home address"}


def test_the_tours_first_picture_asks_and_does_not_tell(drawn: dict[str, str], pictures: ModuleType) -> None:
    root = ElementTree.fromstring(drawn["before"])
    words = [each.text or "" for each in root.iter(f"{SVG}text")]
    assert pictures.QUESTION in words
    assert pictures.QUESTION in (LABS / "exercises" / "lab00.py").read_text(encoding="utf-8"), "the tour's question"
    assert words.count("→  WLAN address") == 2 and not any("cellular address" in each for each in words)
    middle = pictures.places()["Internet"][1]
    marks = [
        (float(each.attrib["x"]), float(each.attrib["y"])) for each in root.iter(f"{SVG}use") if "x" in each.attrib
    ]
    under_way = [(x, y) for x, y in marks if y < pictures.HOMES[1]]
    assert len(under_way) >= 3 and not any(y > middle and x < pictures.places()["Internet"][0] for x, y in under_way)
    lines = [
        each.attrib["style"] for each in root.iter(f"{SVG}g") if "stroke-dashoffset" in each.attrib.get("style", "")
    ]
    assert sorted(lines) == ["stroke-dashoffset:0"] * 2 + ["stroke-dashoffset:1"] * 2


# --- colours ---------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palette(picture: str, is_dark: bool) -> dict[str, dict[str, str]]:
    """Class -> property -> colour, as the style sheet of the picture has it."""
    style = picture.split("<style>")[1].split("</style>")[0]
    dark = re.search(r"@media \(prefers-color-scheme:dark\)\{(.*)\}\n", style)
    assert dark is not None
    rules: dict[str, dict[str, str]] = {}
    for sheet in (style[: dark.start()], dark[1] if is_dark else ""):
        for name, what, colour in re.findall(r"\.(\w+)\{(\w+):(#\w{6})\}", sheet):
            rules.setdefault(name, {})[what] = colour
    return rules


def painted(picture: str, rules: dict[str, dict[str, str]], at_s: float) -> Iterator[tuple[str, str, str]]:
    """Each text that is seen then, with its colour and that of the last opaque form below it."""
    frames = moves(picture)
    root = ElementTree.fromstring(picture)
    grounds: list[tuple[float, float, float, float, str]] = []

    def colour(element: ElementTree.Element, what: str) -> str:
        own = [rules.get(name, {}).get(what, "") for name in element.attrib.get("class", "").split()]
        return next((each for each in own if each), element.attrib.get(what, ""))

    def walk(element: ElementTree.Element, x: float, y: float) -> Iterator[tuple[str, str, str]]:
        name = re.search(r"animation-name:(\w+)", element.attrib.get("style", ""))
        if name is not None and not is_seen(frames[name[1]], at_s):
            return
        moved = re.search(r"translate\((-?[\d.]+)(?:px)?[ ,](-?[\d.]+)", element.attrib.get("transform", ""))
        moved = moved or re.search(r"transform:translate\((-?[\d.]+)px,(-?[\d.]+)px\)", element.attrib.get("style", ""))
        x, y = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        number = {name: float(element.attrib.get(name, 0)) for name in ("x", "y", "width", "height", "r", "opacity")}
        left, top = x + number["x"], y + number["y"]
        fill = colour(element, "fill")
        if element.tag == f"{SVG}rect" and fill.startswith("#") and "opacity" not in element.attrib:
            grounds.append((left, top, left + number["width"], top + number["height"], fill))
        if element.tag == f"{SVG}circle":
            grounds.append((x - number["r"], y - number["r"], x + number["r"], y + number["r"], fill))
        if element.tag == f"{SVG}text":
            below = [each for each in grounds if each[0] <= left <= each[2] and each[1] <= top - 4 <= each[3]]
            yield element.text or "", fill, below[-1][4]
        for child in element:
            yield from walk(child, x, y)

    yield from walk(root, 0.0, 0.0)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_colours_can_be_told_apart(picture: str, is_dark: bool) -> None:
    rules = palette(picture, is_dark)
    for at_s in (0, 2.5, 3.9, 5.5, 6.6, 8, 9.7, 12):
        texts = list(painted(picture, rules, at_s))
        assert len(texts) > 15
        for words, ink, ground in texts:
            assert contrast(ink, ground) >= 4.5, f"{words!r}: {ink} on {ground}"
    page, pipe = rules["page"]["fill"], rules["pipe"]["stroke"]
    for name in ("line", "edge"):
        assert contrast(rules[name]["stroke"], page) >= 3
    for name in ("way1", "way2"):
        assert contrast(rules[name]["stroke"], pipe) >= 3 and contrast(rules[name]["stroke"], page) >= 3
    assert contrast(rules["strike"]["stroke"], rules["new"]["fill"]) >= 3


# --- motion ----------------------------------------------------------------------------------------------------------


def moves(picture: str) -> dict[str, Frames]:
    """Name -> key frames: seconds of playing and their declarations, in order."""
    found = {}
    for name, steps in re.findall(r"@keyframes (\w+)\{((?:[^{}]*\{[^{}]*\})*)\}", picture):
        frames = re.findall(r"([^{}]+)\{([^{}]*)\}", steps)
        found[name] = [
            (12.0 if at == "to" else float(at.rstrip("%")) * 0.12, dict(one.split(":", 1) for one in css.split(";")))
            for at, css in frames
        ]
    return found


def place(frames: Frames, at_s: float) -> tuple[float, float] | None:
    """Return the place of an element at a moment; None while it is not seen."""
    before = [each for each in frames if each[0] <= at_s][-1]
    after = next((each for each in frames if each[0] > at_s), before)
    if before[1].get("visibility") != "visible":
        return None
    one, other = (
        [float(each) for each in re.findall(r"(-?[\d.]+)px", frame["transform"])] for _, frame in (before, after)
    )
    share = 0.0 if after is before else (at_s - before[0]) / (after[0] - before[0])
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


def is_seen(frames: Frames, at_s: float) -> bool:
    """Whether an element can be seen at a moment: by half at least."""
    if "visibility" in frames[0][1]:
        return place(frames, at_s) is not None
    return "opacity" not in frames[0][1] or between(frames, "opacity", at_s) >= 0.5


def between(frames: Frames, name: str, at_s: float) -> float:
    """The value of a number that changes evenly."""
    before = [each for each in frames if each[0] <= at_s][-1]
    after = next((each for each in frames if each[0] > at_s), before)
    share = 0.0 if after is before else (at_s - before[0]) / (after[0] - before[0])
    return float(before[1][name]) * (1 - share) + float(after[1][name]) * share


def elements(picture: str, tag: str) -> Iterator[tuple[ElementTree.Element, Frames]]:
    """The elements that move, with their frames."""
    frames = moves(picture)
    for each in ElementTree.fromstring(picture).iter(SVG + tag):
        name = re.search(r"animation-name:(\w+)", each.attrib.get("style", ""))
        if name is not None:
            yield each, frames[name[1]]


def test_key_frames_are_in_order_and_whole(drawn: dict[str, str]) -> None:
    found = moves(drawn["hero"])
    assert len(found) > 50 and "@keyframes" not in drawn["before"]
    for name, frames in found.items():
        times = [at_s for at_s, _ in frames]
        assert times == sorted(times) and times[0] == 0 and times[-1] == 12 and len(set(times)) == len(times), name


def test_it_stands_still_in_its_last_moment(drawn: dict[str, str]) -> None:
    """Whoever has asked for reduced motion, or whose program plays nothing, sees how the story ends."""
    style = drawn["hero"].split("<style>")[1].split("</style>")[0]
    without = re.sub(r"@media \(prefers-reduced-motion:no-preference\)\{[^{}]*\{[^{}]*\}\}", "", style)
    assert without != style and "animation-duration" not in without and "infinite" not in style
    for tag in ("g", "use"):
        for each, frames in elements(drawn["hero"], tag):
            still = dict(one.split(":", 1) for one in each.attrib["style"].split(";"))
            assert {name: still[name] for name in frames[-1][1]} == frames[-1][1]


def test_the_frames_of_reduced_motion_show_packets_on_both_roads(drawn: dict[str, str], pictures: ModuleType) -> None:
    middle = pictures.places()["Internet"][1]
    left = [
        (each.attrib["href"], y) for each, frames in elements(drawn["hero"], "use")
        for x, y in [place(frames, 12.0) or (999.0, 0.0)] if x < 400
    ]  # fmt: skip
    assert {name for name, y in left if y < middle} == {"#p1"} and {name for name, y in left if y > middle} == {"#p2"}


def seen_in_trace(world: World, places: dict[str, tuple[float, float]], t_ns: float) -> list[tuple[int, float, float]]:
    """Flow and place of each packet on its way from CN1 to the mobile node, straight from the columns of the trace."""
    trace, found = world.trace, []
    for number, packet in enumerate(trace.packets):
        started, arrived = trace.started[number], trace.arrived[number]
        if packet.label < 0 and started <= t_ns < arrived:
            channel = trace.channels[trace.channel[number]]
            (ax, ay), (bx, by) = places[channel.sender], places[channel.receiver]
            share = (t_ns - started) / (arrived - started)
            found.append((-packet.label, ax + (bx - ax) * share, ay + (by - ay) * share))
    return sorted(found)


@pytest.mark.parametrize("at_s", [0.0, 0.7, 1.9, 3.05, 3.5, 4.2, 5.1, 5.69, 5.8, 7.0, 8.3, 9.3, 10.0, 11.0, 11.9, 12.0])
def test_packets_are_where_the_trace_says(
    drawn: dict[str, str], pictures: ModuleType, worlds: list[World], at_s: float
) -> None:
    number = 0 if at_s < 5.7 else 1
    world, time = worlds[number], pictures.acts()[number][1]
    landing = next(each.t_ns for each in world.trace.changes() if each.node == "CN1" and each.t_ns > 4e9)
    updates = [
        number for number, packet in enumerate(world.trace.packets)
        if packet.destination == world.cn1.address and isinstance(packet.carried, BindingUpdate)
    ]  # fmt: skip
    left = min(world.trace.started[each] for each in updates if world.trace.started[each] > 4e9)
    slowness = (landing - left) / (time.land_s - time.leave_s)
    played = min(at_s, time.land_s) + max(0.0, at_s - time.go_s)
    t_ns = landing + (played - time.land_s) * slowness
    places, aside = pictures.places(), {1: -10, 2: 10}
    expected = seen_in_trace(world, places, t_ns)
    shown = sorted(
        (flow, x, y - aside[flow])
        for each, frames in elements(drawn["hero"], "use")
        for flow, (x, y) in [(int(each.attrib["href"][2:]), place(frames, at_s) or (-1.0, 0.0))] if x >= 0
        if "transform" in frames[0][1] and "visibility" in frames[0][1]
    )  # fmt: skip
    # One that has just left, or is about to arrive, is under its node's card, and may be seen or not.
    ends = [places["CN1"][0], places["MN"][0]]
    far = [[each for each in packets if min(abs(each[1] - x) for x in ends) > 8] for packets in (shown, expected)]
    assert [flow for flow, _, _ in far[0]] == [flow for flow, _, _ in far[1]]
    for (_, x, y), (_, true_x, true_y) in zip(*far, strict=True):
        assert abs(x - true_x) < 3 and abs(y - true_y) < 2, "1 % of the road is 6 pixels"


def test_what_moves_is_what_the_captions_say(pictures: ModuleType, worlds: list[World]) -> None:
    """Both flows where they share a home address, the video alone where it has its own."""
    for world, expected in zip(worlds, [{1, 2}, {2}], strict=True):
        roads: dict[int, list[str]] = {}
        for number, packet in enumerate(world.trace.packets):
            channel = world.trace.channels[world.trace.channel[number]]
            if packet.label < 0 and channel.receiver == "MN":
                roads.setdefault(-packet.label, []).append(channel.receiver_interface)
        assert {flow for flow, ways in roads.items() if ways[-1] != ways[0]} == expected
    for (of, _), expected in zip(pictures.acts(), [{1, 2}, {2}], strict=True):
        assert {flow for flow in (1, 2) if len(set(pictures.ways(of, flow))) == 2} == expected
    assert "both flows move" in pictures.CAPTIONS[0][2] and "only the video moves" in pictures.CAPTIONS[1][2]


def test_row_and_road_change_while_time_stands(drawn: dict[str, str], pictures: ModuleType) -> None:
    rows = [
        frames for each, frames in elements(drawn["hero"], "g")
        if any(child.attrib.get("class") == "new edge" for child in each)
    ]  # fmt: skip
    assert len(rows) == 2
    for frames, (_, time) in zip(rows, pictures.acts(), strict=True):
        seen = next(at_s for at_s, frame in frames if frame["opacity"] == "1")
        assert time.land_s <= seen <= time.go_s
    lanes = [frames for _, frames in elements(drawn["hero"], "g") if "stroke-dashoffset" in frames[0][1]]
    assert len(lanes) == 4
    for (_, time), moved in zip(pictures.acts(), (4, 2), strict=True):
        changed = [
            [between(frames, "stroke-dashoffset", at_s) for at_s in (time.begin_s, time.go_s, time.go_s + 0.1)]
            for frames in lanes
        ]
        assert all(begin == go for begin, go, _ in changed)
        assert sum(go != later for _, go, later in changed) == moved


def test_each_sentence_can_be_read(drawn: dict[str, str]) -> None:
    spans = []
    for each, frames in elements(drawn["hero"], "g"):
        texts = [child for child in each if child.attrib.get("font-size") == "20"]
        if texts:
            seen = [at_s for at_s, frame in frames if frame["opacity"] == "1"]
            spans.append((seen[0], seen[-1], texts[0].text or ""))
    spans.sort()
    assert len(spans) == 6 and all(len(words) <= 62 for _, _, words in spans)
    assert all(end - begin >= 1.29 for begin, end, _ in spans), "and as it comes and goes: 1.5 s"
    assert all(0 < begin - end <= 0.21 for (_, end, _), (begin, _, _) in pairwise(spans))


# --- in a browser ----------------------------------------------------------------------------------------------------


def test_no_word_covers_another_or_leaves_the_picture(browser_page: Any, drawn: dict[str, str]) -> None:
    browser_page.set_viewport_size({"width": 800, "height": 440})
    browser_page.set_content(f"<body style='margin:0'>{drawn['hero']}</body>")
    for at_s in (0, 1, 2.5, 3.9, 5.5, 6.9, 8, 9.7, 11.9):
        boxes = browser_page.evaluate(_VISIBLE_TEXTS, at_s)
        assert len(boxes) > 12
        for words, left, top, right, bottom in boxes:
            assert left >= 8 and right <= 792 and top >= 4 and bottom <= 436, words
        for one, other in combinations(boxes, 2):
            across, down = min(one[3], other[3]) - max(one[1], other[1]), min(one[4], other[4]) - max(one[2], other[2])
            assert across < 1 or down < 1, f"{at_s} s: {one[0]} on {other[0]}"


_VISIBLE_TEXTS = """at => {
  document.getAnimations().forEach(each => { each.pause(); each.currentTime = at * 1000; });
  const seen = node => node.nodeName === "svg" ||
    (getComputedStyle(node).opacity > 0.5 && getComputedStyle(node).visibility === "visible" && seen(node.parentNode));
  return [...document.querySelectorAll("svg > text, svg g > text")].filter(seen).filter(each => !each.closest("defs"))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([each]) => !/^(H@. → c|binding u)/.test(each.textContent))  // what flies passes over other words
    .map(([each, box]) => [each.textContent, box.left, box.top + 2, box.right, box.bottom - 2]);
}"""


def test_github_shows_it_in_motion_and_the_dark_one_dark(browser_page: Any, drawn: dict[str, str]) -> None:
    """As the image of a page, where no script and no network is."""
    browser_page.set_viewport_size({"width": 800, "height": 440})
    source = "data:image/svg+xml;base64," + base64.b64encode(drawn["hero"].encode()).decode()
    seen = {}
    for scheme in ("light", "dark"):
        browser_page.emulate_media(color_scheme=scheme)
        browser_page.set_content(f"<body style='margin:0'><img width=800 src='{source}'></body>")
        browser_page.wait_for_function("document.images[0].complete")
        seen[scheme] = browser_page.screenshot()
        browser_page.wait_for_timeout(400)
        assert browser_page.screenshot() != seen[scheme]
    assert seen["light"] != seen["dark"]


def test_it_stands_still_for_who_asks_for_it(browser_page: Any, drawn: dict[str, str]) -> None:
    browser_page.emulate_media(reduced_motion="reduce")
    browser_page.set_content(drawn["hero"])
    assert browser_page.evaluate("document.getAnimations().length") == 0
    still = browser_page.evaluate(_STATE)
    assert len(still) > 50
    browser_page.emulate_media(reduced_motion="no-preference")
    assert browser_page.evaluate("document.getAnimations().map(each => each.finish()).length") == len(still)
    assert browser_page.evaluate(_STATE) == still, "the last moment"


_STATE = """() => [...document.querySelectorAll(".m")].map(each => getComputedStyle(each)).map(each =>
  [each.opacity, each.visibility, each.transform, each.strokeDashoffset])"""


@pytest.mark.slow
@pytest.mark.browser
def test_an_image_stands_still_too(browser: Any, chromium: str, drawn: dict[str, str]) -> None:
    """With the browser's own setting: what playwright pretends to prefer does not reach the inside of an image."""
    source = "data:image/svg+xml;base64," + base64.b64encode(drawn["hero"].encode()).decode()
    flags = ["--no-sandbox", "--disable-gpu", "--force-prefers-reduced-motion"]
    still = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = still.new_page(viewport={"width": 800, "height": 440})
    page.set_content(f"<body style='margin:0'><img width=800 src='{source}'></body>")
    page.wait_for_function("document.images[0].complete")
    shots = []
    for _ in range(3):
        page.wait_for_timeout(300)
        shots.append(page.screenshot())
    still.close()
    assert len(set(shots)) == 1
