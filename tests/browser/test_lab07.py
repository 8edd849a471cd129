"""labs/07_figure_six in JupyterLab in Chromium, as a learner goes through it: predict, write it wrong, read, mend.

Screenshots go into pytest's temporary folder, or where MIPFLOW_SCREENSHOTS says.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.learner import watched

RUN = "[data-command='notebook:run-cell-and-select-next']"
LAB = "labs/07_figure_six.ipynb"
ONE_FLOW = """def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        there = [other for other in flows if other.home == home]
        if not there or there[0].cn != flow.cn:
            return home
    homes.append(allocate())
    return homes[-1]"""
RIGHT = ONE_FLOW.replace("not there or there[0].cn != flow.cn", "all(other.cn != flow.cn for other in there)")


def cell(page: Any, begins: str) -> Any:
    return page.locator(".jp-CodeCell").filter(has_text=begins).first


def write(page: Any, begins: str, source: str) -> None:
    """Write a cell anew and run it."""
    cell(page, begins).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.locator(RUN).first.click()


def run(page: Any, begins: str) -> None:
    cell(page, begins).locator(".jp-InputPrompt").click()
    page.locator(RUN).first.click()


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any], tmp_path: Path) -> None:
    page = open_notebook(LAB)
    folder = Path(os.environ.get("MIPFLOW_SCREENSHOTS", tmp_path))

    def shoot(name: str, place: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        place.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"lab07-{name}.png")

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
    page.get_by_role("button", name="Make the file to hand in").wait_for()
    assert page.get_by_text("Traceback").count() == 0

    # Play: a finger climbs.
    play = cell(page, 'part("07", "play")')
    for _ in range(3):
        play.get_by_role("button", name="New flow to CN1").click()
    play.get_by_text("3 clicks").wait_for()
    play.get_by_text("Fewer are not possible.").wait_for()
    play.get_by_role("button", name="Step ▶").click()
    shoot("1-play", play)

    # Predict: the film waits.
    film = cell(page, 'part("07", "predicted")')
    film.scroll_into_view_if_needed()
    film.get_by_text("Waits for your answer").wait_for()
    assert film.locator(".js-plotly-plot").count() == 0
    form = cell(page, 'ask("07")')
    form.get_by_role("radio", name="b.  H@2").click()
    form.get_by_role("button", name="Store my prediction").click()
    form.get_by_text("Stored: b.").wait_for()
    film.locator(".js-plotly-plot").first.wait_for()
    film.locator(".mipflow-driven").wait_for()
    told = watched(film)
    told.get_by_text("Sharing sounds tidy.").wait_for()
    told.get_by_role("button", name="Go to 8.500 s").click()
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith("8.5")
    shoot("2-predicted", film)

    # Write it wrong, read, open a hint, write it right.
    write(page, "def assign(", ONE_FLOW)
    check = cell(page, 'check("7.3").points')
    run(page, 'check("7.3").points')
    check.get_by_text("flow alone decided").wait_for()
    check.get_by_text("The shortest story that goes wrong, in 3 steps").wait_for()
    shoot("3-not-yet", check)
    run(page, 'film("7.3")')
    cell(page, 'film("7.3")').locator(".js-plotly-plot").first.wait_for()
    shoot("4-in-the-node", cell(page, 'film("7.3")'))
    write(page, "def assign(", RIGHT)
    run(page, 'check("7.3").points')
    check.get_by_text("Ten of ten.").wait_for()
    shoot("5-passed", check)
    run(page, 'film("7.3")')
    film = cell(page, 'film("7.3")')
    film.get_by_text("served 5 flows").first.wait_for()
    assert film.locator(".mipflow-legend li").filter(has_text="call 5:").is_visible()
    both = film, cell(page, 'part("07", "predicted")')
    edge, other = (each.locator(".js-plotly-plot").first.bounding_box() for each in both)
    assert abs(edge["x"] - other["x"]) < 4, "both stand where the cells' own outputs do"
    shoot("5b-five-flows", film.locator(".mipflow-legend").first)
    shoot("5d-explain", cell(page, 'part("07", "explain")'))
    shoot("6-read-off", cell(page, 'part("07", "run")'))
    shoot("7-break", cell(page, 'part("07", "dealt")'))

    # Hand in.
    hand = cell(page, 'hand_in("07")')
    hand.get_by_role("button", name="Make the file to hand in").click()
    with page.expect_download() as download:
        hand.get_by_role("link", name="Download practice-lab07.zip").click()
    assert zipfile.is_zipfile(download.value.path())
    shoot("8-hand-in", hand)
