"""labs/06_home_addresses in JupyterLab in Chromium: predict, watch an address being tested, then refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

LAB = "06_home_addresses"
DONE = "each => parseFloat(each.style.getPropertyValue('--done'))"
SEEK = "(range, ms) => { range.value = ms; range.dispatchEvent(new Event('input', { bubbles: true })); }"
COVERED = """stage => {
  const boxes = (what) => [...stage.querySelectorAll(what)].map((each) => each.getBoundingClientRect());
  const share = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]) > 3;
  return boxes(".mipflow-plates table").flatMap((a) => boxes(".annotation").filter((b) =>
    share(a, b, "left", "right") && share(a, b, "top", "bottom")));
}"""
"""Cards of nodes that lie under a plate."""


def test_an_address_is_tested_for_a_second(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook(f"labs/{LAB}.ipynb")
    learner = Learner(page, LAB)
    learner.run_all()

    # Play: the film ends when the address is chosen.
    play = learner.cell('part("06", "play")')
    play.get_by_role("button", name="Run", exact=True).click()
    play.get_by_text("which node names all of it first?").wait_for()
    learner.shoot("1-play", play)

    # Predict: film and second panel wait.
    both = learner.cell('part("06", "both")')
    assert both.get_by_role("button", name="Run", exact=True).is_disabled()
    learner.predict('ask("06")', "b.  DHCPv6")
    film = learner.cell('reveal("06"')
    film.locator(".mipflow-driven").wait_for()
    watched(film).get_by_role("button", name="Go to 4.560 s").click()
    ghost = film.locator(".mipflow-plates tr").filter(has_text="tested")
    ghost.wait_for()
    page.wait_for_timeout(1000)
    assert film.locator(".mipflow-stage").first.evaluate(COVERED) == [], "cards can be seen beside the plates"
    learner.shoot("2-tested", film)

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
    learner.shoot("3-refused", both)
