"""mf.panel() in JupyterLab in Chromium: redraws quickly, is worked by keyboard, can be stopped, greys what is old."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.learner import shoot

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code", "id": "panel", "metadata": {}, "execution_count": None, "outputs": [],
            "source": "import mipflow as mf\nmf.panel()",
        },
        {"cell_type": "markdown", "id": "end", "metadata": {}, "source": "The end."},
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip
WRITE = """async ([path, content]) => {
  const token = (document.cookie.match(/_xsrf=([^;]+)/) || [])[1];
  const body = JSON.stringify({ type: "notebook", format: "json", content });
  const done = await fetch(`/api/contents/${path}`, { method: "PUT", body, headers: { "X-XSRFToken": token } });
  return done.status;
}"""


class Panel:
    """The panel in a page."""

    def __init__(self, page: Any, troubles: list[str]) -> None:
        self.page, self.troubles = page, troubles
        self.box = page.locator(".mipflow-panel")
        self.run = self.box.get_by_role("button", name="Run", exact=True)

    def unfold(self, group: str) -> None:
        self.box.get_by_role("button", name=f"▸ {group}").click()
        self.box.get_by_role("button", name=f"▾ {group}").wait_for()

    def type(self, label: str, value: object) -> None:
        field = self.box.get_by_label(label, exact=True)
        field.fill(str(value))
        field.press("Tab")

    def shoot(self, name: str) -> None:
        shoot(self.page, f"panel-{name}")


@pytest.fixture
def panel(jupyter_server: str, browser_page: Any, open_notebook: Callable[[str], Any]) -> Panel:
    troubles: list[str] = []
    browser_page.on("pageerror", lambda error: troubles.append(str(error)))
    browser_page.on("console", lambda message: troubles.extend([message.text] if message.type == "error" else []))
    browser_page.goto(f"{jupyter_server}/tree")
    assert browser_page.evaluate(WRITE, ["panel.ipynb", NOTEBOOK]) in (200, 201)
    page = open_notebook("panel.ipynb")
    troubles.clear()
    page.locator(".jp-CodeCell .cm-content").click()
    page.keyboard.press("Control+Enter")
    found = Panel(page, troubles)
    found.run.wait_for()
    return found


def test_a_redraw_draws_each_table_once(panel: Panel) -> None:
    flow = panel.box.locator("select").first
    for number in range(8):
        flow.select_option(["call", "video"][number % 2])
        panel.page.wait_for_timeout(150)
        panel.run.click()
        panel.page.wait_for_timeout(300)
    panel.shoot("run")
    panel.box.locator(".mipflow-grid").wait_for()
    assert panel.box.locator(".mipflow-plates").count() == 1, "JupyterLab draws a board twice, its tables stand once"
    assert panel.troubles == []


def test_the_keyboard_is_enough(panel: Panel) -> None:
    page = panel.page
    panel.box.locator("select").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("At 6 s: ")).wait_for()
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("▸ Network")
    page.keyboard.press("Enter")
    panel.box.get_by_label("WLAN: loss, 0 to 1").wait_for()
    panel.box.get_by_label("WLAN: loss, 0 to 1").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("b")
    page.keyboard.press("Tab")
    page.get_by_text("A choice has changed").wait_for()
    panel.shoot("old")
    assert panel.box.locator(".mipflow-old").count() == 1
    assert page.locator(".jp-Cell").count() == len(NOTEBOOK["cells"])  # type: ignore[arg-type]


def test_the_python_can_be_read_and_bad_values_are_sentences(panel: Panel) -> None:
    panel.unfold("Network")
    panel.unfold("The Python")
    panel.type("WLAN: loss, 0 to 1", 0.25)
    panel.box.get_by_text('links={"wlan0": mf.Link(delay_ms=5, rate_bps=20_000_000, loss=0.25)}').wait_for()
    panel.type("WLAN: loss, 0 to 1", 25)
    panel.run.click()
    panel.page.get_by_text("Not yet. ProtocolMisuse: wlan_loss=25.0").wait_for()
    panel.shoot("bad")
    assert panel.page.get_by_text("Traceback").count() == 0 and panel.troubles == []


def test_a_long_run_shows_how_far_it_is_and_stops(panel: Panel) -> None:
    panel.run.click()
    panel.page.get_by_text("At 6 s: ").wait_for()
    panel.box.locator(".js-plotly-plot").wait_for()
    panel.unfold("When, and what to see")
    panel.type("seconds after that", 2000)
    panel.run.click()
    stop = panel.box.get_by_role("button", name="Stop")
    stop.wait_for()
    panel.page.wait_for_function("parseFloat(document.querySelector('.mipflow-panel .progress-bar').style.width) > 1")
    panel.shoot("under-way")
    stop.click()
    panel.page.get_by_text(re.compile("Stopped at [0-9]+%")).wait_for()
    stop.wait_for(state="hidden")
    assert panel.box.locator(".mipflow-old .js-plotly-plot").count() == 1, "the old picture is there, and grey"
    panel.type("seconds after that", 2)
    panel.page.get_by_text("At 6 s: ").wait_for()
    assert panel.box.locator(".mipflow-old").count() == 0
    assert panel.troubles == []
