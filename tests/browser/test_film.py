"""Films in a real JupyterLab beside its file browser: plates at their nodes, and keys go where they belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from mipflow.view.stage.stage import spots

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


def test_films_in_a_notebook(page: Any) -> None:
    """In one JupyterLab, as it takes far longer to open than both to look at."""
    keys_of_the_notebook_live_beside_films(page)
    plates_stand_within_their_film(page)
    a_film_needs_no_box_that_scrolls(page)


def keys_of_the_notebook_live_beside_films(page: Any) -> None:
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


# What lies uppermost at the left edge of each button of a film, where it is not the button.
COVERED = """(grid) => [...grid.querySelectorAll(".mipflow-buttons button")].filter((button) => {
  const { left, top, height } = button.getBoundingClientRect();
  return [2, 12].some((x) => !button.contains(document.elementFromPoint(left + x, top + height / 2)));
}).map((button) => button.title)"""


def test_nothing_of_the_notebook_lies_over_a_film(page: Any) -> None:
    page.get_by_role("button", name="Run it").click()
    page.locator(".mipflow-driven").nth(1).wait_for()
    for number in range(2):  # one at the edge of its cell, one in a panel
        film = page.locator(".mipflow-grid").nth(number)
        film.locator(".mipflow-buttons").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert film.locator(".mipflow-buttons button").count() > 5
        assert film.evaluate(COVERED) == []


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


def plates_stand_within_their_film(page: Any) -> None:
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
            page.wait_for_timeout(300)
            over = film.evaluate(OVER)
            assert len(over) == 2 and max(over) <= 1, (number, times, over)
            assert film.evaluate(DRAW_ANEW) < 100
            assert film.evaluate(OVER) == over, "never cut off, not even then"


def a_film_needs_no_box_that_scrolls(page: Any) -> None:
    """JupyterLab puts a cell's outputs into a low box when asked, Notebook 7 by itself where they are tall."""
    film = page.locator(".mipflow-grid").first
    page.locator(".jp-CodeCell:has(.mipflow-grid) .jp-InputPrompt").first.click(button="right")
    page.get_by_role("menuitem", name="Enable Scrolling for Outputs").click()
    page.locator(".jp-mod-outputsScrolled .mipflow-grid").wait_for()
    film.locator(".mipflow-buttons").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    assert film.evaluate(COVERED) == []
    assert film.evaluate("(grid) => grid.scrollHeight - grid.clientHeight") <= 1, "nothing of it has to be scrolled to"


DENSE = """import mipflow as mf
world = mf.figure2(seed=7)
for number in range(3):
    world.mn.open(world.cn1, mf.apps.Voice(interval_ms=4))
video = world.mn.open(world.cn1, mf.apps.Video())
world.run(6)
world.mn.handover(video, 'cell0')
world.run(1)
film = world.animate(6.05, 6.15)
film"""
# What is seen at a playing time: where each mark of each layer is, and how many packets it stands for.
SEEN_AT = """([ms]) => {
  const [show] = [...mipflowPlayer.shows], [stage] = show.stages, width = stage.graph._fullLayout.xaxis._length;
  show.go(ms);
  const place = (point) => point.getAttribute("transform").match(/-?[0-9.]+(e-?[0-9]+)?/g).map(Number);
  const isSeen = ({ point }) => getComputedStyle(point).display !== "none";
  return [stage.ok, width, stage.layers.map(({ points, texts, known }) => [points.length, texts.length, known.length,
    points.map((point, k) => ({ point, text: texts[k].textContent.replace(/^(×\\d+)(.+)/, "$2$1") })).filter(isSeen)
      .map(({ point, text }) => [...place(point), text])])];
}"""


def test_a_film_with_thirty_packets_in_flight_is_exact_and_asks_no_network(
    jupyter_server: str, browser_page: Any, open_notebook: Callable[[str], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """How smooth it looks is measured by `python -m tests.benchmarks`; here nothing depends on the time."""
    here: dict[str, Any] = {}
    exec(DENSE, here)
    film, (stage,) = here["film"], here["film"].stages
    troubles: list[str] = []
    browser_page.on("pageerror", lambda error: troubles.append(str(error)))
    browser_page.on("console", lambda said: troubles.extend([said.text] if said.type == "error" else []))
    own = (jupyter_server, jupyter_server.replace("http", "ws", 1), "data:", "blob:")
    browser_page.on("request", lambda asked: troubles.extend([] if asked.url.startswith(own) else [asked.url]))
    folder = next(path for path in tmp_path_factory.getbasetemp().iterdir() if (path / "labs").is_dir())
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = v4.new_notebook(cells=[v4.new_code_cell(DENSE)], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "labs" / "dense.ipynb")
    page = open_notebook(str(Path("labs") / "dense.ipynb"))
    troubles.clear()
    page.get_by_role("menuitem", name="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".mipflow-driven").wait_for()
    page.wait_for_timeout(1000)  # until plotly knows how wide the grid lets it be
    most = checked = 0
    for number in range(40):
        at = film.film.length_ms * number / 39
        is_ok, width, layers = page.evaluate(SEEN_AT, [at])
        assert is_ok
        t_ns, in_flight = film.film.time(at), 0
        for layer, (points, texts, known, seen) in zip(stage.layers, layers, strict=True):
            assert points == texts == known, "every mark has its node"
            due = spots(stage.scene, layer, t_ns, width)
            in_flight += sum(spot.packets for spot in due)
            if len(seen) != len(due):  # within the microsecond in which one leaves or comes
                assert abs(len(seen) - len(due)) <= 1
                continue
            for (x, y, text), spot in zip(seen, due, strict=True):
                assert abs(x - spot.x) < 1 and abs(y - spot.y) < 1 and text == spot.said
                checked += 1
        most = max(most, in_flight)
    assert most >= 30 and checked > 200
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Pause", exact=True).click()
    assert troubles == []


def test_no_picture_is_on_its_way_where_a_cell_before_it_fails(
    jupyter_server: str, open_notebook: Callable[[str], Any], served_folder: Path,
) -> None:  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    ahead = "from mipflow.lab.panels.first_picture import building\nbuilding(2)"
    fails = "import pathlib, time\nwhile not pathlib.Path('seen').exists(): time.sleep(0.05)\n1 / 0"
    cells = (ahead, fails, "1", "2")
    notebook = v4.new_notebook(cells=list(map(v4.new_code_cell, cells)), metadata={"kernelspec": kernel})
    nbformat.write(notebook, served_folder / "labs" / "ahead.ipynb")
    page = open_notebook("labs/ahead.ipynb")
    page.get_by_role("menuitem", name="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".mipflow-building").wait_for()
    (served_folder / "labs" / "seen").touch()
    page.locator(".jp-OutputArea").get_by_text("ZeroDivisionError").first.wait_for()
    page.locator(".mipflow-building").wait_for(state="detached", timeout=3000)
