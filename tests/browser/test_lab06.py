"""labs/06_home_addresses in JupyterLab in Chromium: predict, watch an address being tested, then refused.

Screenshots go into pytest's temporary folder, or where MIPFLOW_SCREENSHOTS says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.learner import watched

LAB = "labs/06_home_addresses.ipynb"
DONE = "each => parseFloat(each.style.getPropertyValue('--done'))"
SEEK = "(range, ms) => { range.value = ms; range.dispatchEvent(new Event('input', { bubbles: true })); }"
COVERED = """stage => {
  const boxes = (what) => [...stage.querySelectorAll(what)].map((each) => each.getBoundingClientRect());
  const share = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]) > 3;
  return boxes(".mipflow-plates table").flatMap((a) => boxes(".annotation").filter((b) =>
    share(a, b, "left", "right") && share(a, b, "top", "bottom")));
}"""
"""Cards of nodes that lie under a plate."""


def test_an_address_is_tested_for_a_second(open_notebook: Callable[[str], Any], tmp_path: Path) -> None:
    page = open_notebook(LAB)
    folder = Path(os.environ.get("MIPFLOW_SCREENSHOTS", tmp_path))
    cells = page.locator(".jp-CodeCell")

    def shoot(name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"lab06-{name}.png")

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
    page.get_by_role("button", name="Make the file to hand in").wait_for()
    assert page.get_by_text("Traceback").count() == 0

    # Play: the film ends when the address is chosen.
    play = cells.filter(has_text="Home addresses by").first
    play.get_by_role("button", name="Run", exact=True).click()
    play.get_by_text("which node names all of it first?").wait_for()
    shoot("1-play")

    # Predict: film and second panel wait.
    both = cells.filter(has_text="collision").filter(has_text="Home addresses by")
    both.scroll_into_view_if_needed()
    assert both.get_by_role("button", name="Run", exact=True).is_disabled()
    form = cells.filter(has_text="which way is quickest?")
    form.get_by_role("radio", name="b.  DHCPv6").click()
    form.get_by_role("button", name="Store my prediction").click()
    film = cells.filter(has_text="I have watched it")
    film.locator(".mipflow-driven").wait_for()
    watched(film).get_by_role("button", name="Go to 4.560 s").click()
    ghost = film.locator(".mipflow-plates tr").filter(has_text="tested")
    ghost.wait_for()
    page.wait_for_timeout(1000)
    assert film.locator(".mipflow-stage").first.evaluate(COVERED) == [], "cards can be seen beside the plates"
    shoot("2-tested")

    # Its ring closes in the film's own time.
    ring = ghost.locator(".mipflow-ring")
    begun, at = ring.evaluate(DONE), film.locator(".mipflow-controls [type=range]")
    begins = float(at.input_value())
    film.locator(".mipflow-chips button").filter(has_text="H@2 is free").click()
    ghost.wait_for(state="detached")
    at.evaluate(SEEK, (begins + float(at.input_value())) / 2)
    ghost.wait_for()
    assert begun < 5 < ring.evaluate(DONE) < 100

    # Somebody at home has it.
    both.get_by_text("collision").first.click()
    both.get_by_role("button", name="Run", exact=True).click()
    both.get_by_text("The video waited 1.122 s").wait_for()
    both.locator(".mipflow-driven").wait_for()
    both.locator(".mipflow-chips button").filter(has_text="H@2 is in use").click()
    both.locator(".mipflow-plates tr").filter(has_text="134: in use").wait_for()
    shoot("3-refused")
