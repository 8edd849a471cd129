"""axe-core on all that a learner sees of ours: a saved page, two worlds, the panel, the tour. It fetches nothing.

In JupyterLab outputs alone are looked at; what stands around them is not ours.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

import mipflow as mf
from mipflow.lab.world import World
from mipflow.view.drawing.page import save
from tests.browser.test_tour import Tour

GRAVE = ("serious", "critical")
OUTPUT = ".jp-OutputArea-output"


@pytest.fixture
def faults(browser_page: Any) -> Callable[..., list[str]]:
    """Return a function that gives the serious faults of a page, or of what a selector finds in it."""
    axe = files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text(encoding="utf-8")

    def found(within: str = "html") -> list[str]:
        browser_page.wait_for_timeout(500)
        browser_page.evaluate(axe)
        assert browser_page.locator(within).count()
        told = browser_page.evaluate(
            "(within) => axe.run({ include: [[within]] }, { resultTypes: ['violations'] })", within
        )
        assert any(each["nodes"] for each in told["passes"]), "it has looked at something"
        return [
            f"{fault['id']} ({fault['impact']}): {node['target']} {node['html'][:200]}"
            for fault in told["violations"] if fault["impact"] in GRAVE for node in fault["nodes"]
        ]  # fmt: skip

    return found


@pytest.fixture(scope="module")
def pages(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a saved page, and one of two worlds on one clock."""
    folder = tmp_path_factory.mktemp("pages")
    world.save(folder / "world.html")
    before = mf.figure1(seed=7)
    before.mn.open(before.cn1, mf.apps.Voice())
    video = before.mn.open(before.cn1, mf.apps.Video())
    before.run(6)
    before.mn.handover(video, "cell0")
    save(folder / "two.html", [mf.compare(world, before.run(2))], "Two home addresses or one")
    return {name: (folder / f"{name}.html").as_uri() for name in ("world", "two")}


@pytest.mark.parametrize(("name", "scheme", "width"), [
    ("world", "light", 1280), ("world", "dark", 1280), ("world", "light", 390), ("two", "light", 1280),
    ("two", "dark", 390),
])  # fmt: skip
def test_a_page(
    browser_page: Any, faults: Callable[..., list[str]], pages: dict[str, str], name: str, scheme: Any, width: int
) -> None:
    """At the beginning, in the moment in which a road turns, and with a packet's card open."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.set_viewport_size({"width": width, "height": 720})
    browser_page.goto(pages[name])
    browser_page.locator(".mipflow-driven").first.wait_for()
    assert faults() == []
    browser_page.get_by_role("button", name="Play from before the change").first.click()
    browser_page.get_by_role("button", name="Next event").first.click()
    browser_page.get_by_role("button", name="Look inside").first.click()
    browser_page.locator(".mipflow-inspector table").first.wait_for()
    for twin in browser_page.locator("details").all():
        twin.evaluate("(each) => { each.open = true; }")
    assert faults() == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_panel_in_jupyterlab(
    open_notebook: Callable[[str], Any], served_folder: Path, faults: Callable[..., list[str]], theme: str
) -> None:
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [v4.new_code_cell("import mipflow as mf\nmf.panel()"), v4.new_code_cell("mf.state_machines()")]
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, served_folder / "labs" / "axe.ipynb")
    page = open_notebook("labs/axe.ipynb")
    tour = Tour(page)
    tour.menu("Settings", "Theme", theme)
    tour.menu("Run", "Run All Cells")
    run = page.locator(".mipflow-panel").get_by_role("button", name="Run", exact=True)
    run.click()
    page.locator(".mipflow-driven").wait_for()
    folds = page.locator(".mipflow-panel button").filter(has_text="▸")
    for _ in range(folds.count()):  # each that opens is none any more
        folds.first.click()
    assert faults(OUTPUT) == []


def test_the_tour_in_jupyterlab(open_notebook: Callable[[str], Any], faults: Callable[..., list[str]]) -> None:
    tour = Tour(open_notebook("labs/00_tour.ipynb"))
    tour.run_all()
    tour.predict("B")
    tour.move("video", "cellular")
    tour.watched()
    assert faults(OUTPUT) == []
