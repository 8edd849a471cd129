"""Films in a real JupyterLab beside its file browser: plates at their nodes, and keys go where they belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

CELLS = (
    "import mipflow as mf\nimport ipywidgets\nworld = mf.figure2(seed=7)\n"
    "call, video = world.mn.open(world.cn1, mf.apps.Voice()), world.mn.open(world.cn1, mf.apps.Video())\n"
    "world.run(6)\nworld.mn.handover(video, 'cell0')\nlast = world.run(1)",
    "world.animate(5.9, 6.5)",
    "place, ask = ipywidgets.Output(), ipywidgets.Button(description='Run it')\n"
    "def run(_):\n    with place:\n        place.clear_output()\n        display(world.animate(5.9, 6.5))\n"
    "ask.on_click(run)\nipywidgets.VBox([ask, place])",
    "1 + 1",
)
# How far each plate of a film reaches over its edges, in pixels.
OVER = """(grid) => [...grid.querySelectorAll(".mipflow-plates table")].map((each) => {
  const [a, b] = [each, grid].map((one) => one.getBoundingClientRect());
  return Math.round(Math.max(0, b.left - a.left, a.right - b.right));
})"""


@pytest.fixture
def page(jupyter_server: str, open_notebook: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = next(path for path in tmp_path_factory.getbasetemp().iterdir() if (path / "labs").is_dir())
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = v4.new_notebook(cells=list(map(v4.new_code_cell, CELLS)), metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "labs" / "film.ipynb")
    page = open_notebook(str(Path("labs") / "film.ipynb"))
    if not page.locator(".jp-DirListing").is_visible():
        page.keyboard.press("Control+Shift+F")
    page.locator(".jp-DirListing").wait_for()
    page.get_by_role("menuitem", name="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".mipflow-driven").wait_for()
    page.get_by_role("button", name="Run it").wait_for()
    return page


def test_keys_of_the_notebook_live_beside_films(page: Any) -> None:
    cells, film = page.locator(".jp-Cell"), page.locator(".mipflow-grid").first
    count = cells.count()
    last = page.locator(".jp-CodeCell").filter(has_text="1 + 1")
    last.locator(".cm-content").click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.wait_for_function("(count) => document.querySelectorAll('.jp-Cell').length === count", arg=count + 1)
    last.locator(".cm-content").click()
    page.keyboard.press("End")
    page.keyboard.type(" + 4000000")
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output").filter(has_text="4000002").wait_for()
    film.scroll_into_view_if_needed()
    bar, active = film.get_by_role("slider", name="Time"), page.locator(".jp-Cell.jp-mod-active")
    film.locator(".mipflow-caption").click()
    where = active.inner_text()
    bar.focus()
    before = bar.input_value()
    for key in ("ArrowDown", "b", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    assert bar.input_value() != before and cells.count() == count + 1
    assert active.count() == 1 and active.inner_text().split("\n")[0] == where.split("\n")[0]
    said = "all => all.filter((each) => !each.matches('button, input, select, summary, a[href], [tabindex]')).length"
    assert page.locator("[data-lm-suppress-shortcuts]").evaluate_all(said) == 0
    assert page.locator(".jp-Cell[data-lm-suppress-shortcuts], .jp-Notebook[data-lm-suppress-shortcuts]").count() == 0


# JupyterLab's renderer may draw anew what the kernel sent, with that one's margins, while no size changes.
DRAW_ANEW = """async (grid) => {
  for (const graph of grid.querySelectorAll(".js-plotly-plot")) {
    graph.layout.margin.r = graph.layout.margin.l;
    graph._fullLayout.width = 0;
  }
  const graph = grid.querySelector(".js-plotly-plot");
  const drawn = new Promise((done) => graph.once("plotly_afterplot", () => done(graph._fullLayout._size.r)));
  window.dispatchEvent(new Event("resize"));
  return await drawn;
}"""


def test_plates_stand_within_their_film(page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Run it").click()
    page.locator(".mipflow-grid").nth(1).wait_for()
    for number in range(2):
        film = page.locator(".mipflow-grid").nth(number)
        film.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        places = "all => all.map((each) => getComputedStyle(each).position)"
        assert film.locator(".mipflow-plates table").evaluate_all(places) == ["absolute"] * 2, "beside their nodes"
        for times in range(3):
            page.wait_for_timeout(1000)
            over = film.evaluate(OVER)
            assert len(over) == 2 and max(over) <= 1, (number, times, over)
            assert film.evaluate(DRAW_ANEW) < 100
            assert film.evaluate(OVER) == over, "never cut off, not even then"
