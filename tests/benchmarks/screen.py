"""From a click to the picture that it leads to, as a learner in JupyterLab waits for it: kernel, wire and browser."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import nbformat

from tests.conftest import CHROMIUM_FLAGS, serving

REDRAWS, FIRST = 24, 4
"""How often to click, and how many of the first clicks do not count: a browser compiles what it runs again."""
TWENTIETHS = 20
COLD = 5
"""How often everything begins anew."""
# Milliseconds from the click on a menu to the first film in whose place a mark can be seen.
CLOCK = """() => {
  let begin = 0;
  window.addEventListener("pointerdown", () => { begin = performance.now(); }, true);
  const look = () => {
    const isThere = begin && document.querySelector(".mipflow-driven .points path");
    if (isThere) window.pictureAfterMs = performance.now() - begin; else requestAnimationFrame(look);
  };
  look();
}"""
REDRAW = """async (button) => {
  const old = document.querySelector(".js-plotly-plot"), begin = performance.now();
  button.click();
  while (performance.now() - begin < 10000) {
    await new Promise(requestAnimationFrame);
    const now = document.querySelector(".js-plotly-plot");
    if (now && now !== old && now.querySelector(".points path")) break;
  }
  return performance.now() - begin;
}"""


@contextmanager
def keeping_bytecode() -> Iterator[None]:
    """Let Python keep what it has compiled, as it does where a learner is, whatever is said to it here."""
    before = os.environ.copy()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def first_pictures() -> Iterator[tuple[str, str, str]]:
    """Yield how long after Run All the tour's first picture is there, in a server, kernel and browser that just began.
    """
    with keeping_bytecode():
        first_picture_ms()
        times_ms = [first_picture_ms() for _ in range(COLD)]
    shown = f"{median(times_ms) / 1000:.1f} s"
    yield f"the tour's first picture after Run All, {COLD} cold starts", shown, "at most 3"
    yield "  the quickest and the slowest", f"{min(times_ms) / 1000:.1f} and {max(times_ms) / 1000:.1f} s", ""


def first_picture_ms() -> float:
    """Start everything, run all cells of the tour and wait for its first picture."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (address, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/lab/tree/labs/00_tour.ipynb?reset")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.evaluate(CLOCK)
        page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
        page.wait_for_function("window.pictureAfterMs")
        took_ms: float = page.evaluate("window.pictureAfterMs")
        browser.close()
    return took_ms


def redraws() -> Iterator[tuple[str, str, str]]:
    """Yield a panel's redraw on the screen, in the middle and for the slowest twentieth, as lines of the table."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (address, _), sync_playwright() as driver:
        panel = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import mipflow as mf\nmf.panel()")])
        panel.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        nbformat.write(panel, Path(name) / "labs" / "panel.ipynb")
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/lab/tree/labs/panel.ipynb?reset")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.locator(".jp-CodeCell .cm-content").click()
        page.keyboard.press("Control+Enter")
        box = page.locator(".mipflow-panel")
        run, flow = box.get_by_role("button", name="Run", exact=True), box.locator("select").first
        run.wait_for()
        times_ms = []
        for number in range(FIRST + REDRAWS):
            flow.select_option(["call", "video"][number % 2])
            page.wait_for_timeout(150)
            times_ms.append(run.evaluate(REDRAW))
            page.wait_for_timeout(300)
        browser.close()
    twentieths = quantiles(times_ms[FIRST:], n=TWENTIETHS)
    yield "a panel's redraw on the screen, in the middle", f"{twentieths[TWENTIETHS // 2 - 1]:.0f} ms", "at most 500"
    yield "  and 19 of 20", f"{twentieths[-1]:.0f} ms", ""
