"""A saved page in a real browser: it plays, the row changes as the message lands, keys work, nothing overlaps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mipflow.view.animation import animate
from mipflow.view.ladder import ladder
from mipflow.view.page import save
from mipflow.view.timeline import timeline
from tests.view.story import FLOWS, MS, NAMES, Moments, S, handover


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Moments]:
    """The address of a page with an animation, a ladder and a timeline of a handover; and its moments."""
    story, at = handover()
    trace, graph = story.trace(), story.graph
    words: dict[str, Any] = {"names": NAMES, "flows": FLOWS}
    pictures = [
        animate(trace, graph, **words, start_ns=11 * S, end_ns=14 * S, title="One flow moves"),
        ladder(trace, graph, **words, start_ns=at.asked - MS, end_ns=at.acknowledged + MS),
        timeline(trace, graph, **words, start_ns=11 * S, end_ns=14 * S),
    ]
    path: Path = save(tmp_path_factory.mktemp("page") / "page.html", pictures, "One flow moves")
    return path.as_uri(), at


def opened(page: Any, address: str) -> list[str]:
    """Open the page; what goes wrong later is added to the list."""
    troubles: list[str] = []
    # plotly rejects its own promise, with nothing in it, whenever a click ends what was playing.
    page.on("pageerror", lambda error: troubles.extend([] if str(error) == "undefined" else [str(error)]))
    page.on("request", lambda request: troubles.extend([] if request.url == address else [request.url]))
    page.goto(address)
    page.locator(".updatemenu-button[role=button]").first.wait_for()
    return troubles


def button(page: Any, name: str) -> Any:
    """A button of the animation."""
    return page.locator(".updatemenu-button", has_text=name)


def clock(page: Any) -> float:
    """What the clock on the stage says, in seconds."""
    found = re.search(r"t = ([\d.]+) s", page.locator(".js-plotly-plot").first.inner_text())
    assert found is not None
    return float(found[1])


def step_to(page: Any, t_ns: int) -> None:
    """Move the slider, with the keys, to the last step before a time."""
    slider = page.locator(".slider-container[role=slider]")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(300)
    labels = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.sliders[0].steps.map(s => +s.label)")
    for _ in range(max(0, sum(label < t_ns / S for label in labels) - 1)):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)


WATCH = """
() => new Promise((done) => {
  const plot = document.querySelector(".js-plotly-plot"), seen = [], began = performance.now();
  const text = (words) => [...plot.querySelectorAll(".textpoint text")].find((each) => words(each.textContent));
  const look = (now) => {
    const row = text((t) => /^H@2 → cellular address/.test(t)) ? "new" : "old";
    const update = text((t) => t === "BU");
    const marks = [...plot.querySelectorAll(".points path.point")];
    const places = marks.map((each) => each.getAttribute("transform")).join();
    seen.push({ at: now - began, row, update: update ? +update.getAttribute("x") : null, places });
    if (now - began < %d) requestAnimationFrame(look); else done(seen);
  };
  requestAnimationFrame(look);
})
"""


def test_the_row_changes_as_the_binding_update_lands(browser_page: Any, saved: tuple[str, Moments]) -> None:
    address, at = saved
    troubles = opened(browser_page, address)
    step_to(browser_page, at.update_lands - 12 * MS)
    button(browser_page, "Play").click()
    seen = browser_page.evaluate(WATCH % 3500)
    flying = [look["update"] for look in seen if look["update"] is not None]
    first = next(number for number, look in enumerate(seen) if look["row"] == "new")
    assert seen[first - 1]["row"] == "old"
    assert flying[-1] - flying[0] > 100, "it was seen to fly"
    assert abs(seen[first]["update"] - flying[-1]) < 25, "the row changed while the binding update was on its way"
    rests = [look["update"] for look in seen[first + 20 : first + 30]]
    assert max(rests) - min(rests) < 1, "and it rests there, to be seen"
    assert troubles == []


def test_packets_move_at_thirty_frames_a_second(browser_page: Any, saved: tuple[str, Moments]) -> None:
    address, at = saved
    opened(browser_page, address)
    step_to(browser_page, at.asked + 10 * MS)
    button(browser_page, "Play").click()
    seen = browser_page.evaluate(WATCH % 5000)
    seconds = [[look for look in seen if start <= look["at"] < start + 1000] for start in range(0, 4001, 250)]
    assert max(len({look["places"] for look in second}) for second in seconds) >= 30


def test_play_pause_and_play_again(browser_page: Any, saved: tuple[str, Moments]) -> None:
    troubles = opened(browser_page, saved[0])
    assert clock(browser_page) == 11
    browser_page.wait_for_timeout(500)
    assert clock(browser_page) == 11, "nothing plays before it is asked to"
    button(browser_page, "Play").click()
    browser_page.wait_for_timeout(1500)
    button(browser_page, "Pause").click()
    browser_page.wait_for_timeout(600)
    paused = clock(browser_page)
    browser_page.wait_for_timeout(500)
    assert 11 < clock(browser_page) == paused < 14
    button(browser_page, "Half speed").click()
    browser_page.wait_for_timeout(1500)
    assert paused < clock(browser_page) < 14
    assert troubles == []


def test_all_can_be_done_with_keys(browser_page: Any, saved: tuple[str, Moments]) -> None:
    opened(browser_page, saved[0])
    names = []
    for _ in range(4):
        browser_page.keyboard.press("Tab")
        names.append(browser_page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert names == ["time", "Play", "Half speed", "Pause"]
    slider = browser_page.locator(".slider-container[role=slider]")
    slider.focus()
    browser_page.keyboard.press("End")
    browser_page.wait_for_timeout(500)
    assert clock(browser_page) == 14
    assert slider.get_attribute("aria-valuetext") == "14.000 s"
    browser_page.keyboard.press("ArrowLeft")
    browser_page.wait_for_timeout(500)
    assert clock(browser_page) < 14
    browser_page.keyboard.press("Home")
    browser_page.wait_for_timeout(500)
    button(browser_page, "Play").focus()
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_timeout(1500)
    assert clock(browser_page) > 11


def test_who_wants_less_motion_gets_steps(browser_page: Any, saved: tuple[str, Moments]) -> None:
    browser_page.emulate_media(reduced_motion="reduce")
    opened(browser_page, saved[0])
    step_to(browser_page, saved[1].asked)
    button(browser_page, "Play").click()
    seen = browser_page.evaluate(WATCH % 2500)
    assert 1 < len({look["places"] for look in seen}) <= 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [864, 1280])
def test_nothing_overlaps(browser_page: Any, saved: tuple[str, Moments], scheme: Any, width: int) -> None:
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.set_viewport_size({"width": width, "height": 720})
    opened(browser_page, saved[0])
    found = browser_page.evaluate("""() => {
      const plot = document.querySelector(".js-plotly-plot"), boxes = [];
      for (const note of plot.querySelectorAll(".annotation-text-g"))
        boxes.push([note.textContent, note.getBoundingClientRect()]);
      for (const card of plot.querySelectorAll(".shapelayer path"))
        boxes.push(["a card", card.getBoundingClientRect()]);
      const beside = (a, b) => a.right <= b.left + 2 || b.right <= a.left + 2;
      const apart = (a, b) => beside(a, b) || a.bottom <= b.top + 2 || b.bottom <= a.top + 2;
      const bad = [];
      for (const [i, [one, a]] of boxes.entries())
        for (const [other, b] of boxes.slice(i + 1))
          if (!apart(a, b)) bad.push([one, other]);
      const stage = plot.getBoundingClientRect();
      for (const [one, a] of boxes)
        if (a.left < stage.left - 1 || a.right > stage.right + 1) bad.push([one, "the edge"]);
      return { count: boxes.length, bad, height: stage.bottom };
    }""")
    assert found["count"] > 15
    assert found["bad"] == []
    assert found["height"] <= 720, "the whole stage with its buttons is on the screen"


def test_letters_stay_on_their_marks(browser_page: Any, saved: tuple[str, Moments]) -> None:
    address, at = saved
    opened(browser_page, address)
    step_to(browser_page, at.asked - 20 * MS)
    button(browser_page, "Play").click()
    astray = browser_page.evaluate("""() => new Promise((done) => {
      const plot = document.querySelector(".js-plotly-plot"), astray = new Set(), began = performance.now();
      let letters = 0;
      const look = (now) => {
        for (const trace of plot.querySelectorAll(".scatterlayer .trace")) {
          const marks = new Map();
          for (const mark of trace.querySelectorAll("path.point")) {
            const found = /translate\\(([-\\d.e]+),\\s*([-\\d.e]+)\\)/.exec(mark.getAttribute("transform") || "");
            if (mark.__data__.id !== undefined && found) marks.set(mark.__data__.id, [+found[1], +found[2]]);
          }
          for (const text of trace.querySelectorAll(".textpoint text")) {
            const { id } = text.__data__;
            if (id === undefined || id === "0" || !text.textContent.trim()) continue;
            const [x, y] = marks.get(id) || [1e6, 1e6];
            letters += 1;
            const far = Math.abs(text.getAttribute("x") - x) + Math.abs(text.getAttribute("y") - y);
            if (far > 6) astray.add(`${text.textContent} ${id} by ${Math.round(far)}`);
          }
        }
        if (now - began < 6000) requestAnimationFrame(look); else done([letters, [...astray]]);
      };
      requestAnimationFrame(look);
    })""")
    assert astray[0] > 500
    assert astray[1] == []
