"""Click and follow in a real JupyterLab: a packet opens, keys are its own, an arrow of the ladder leads to the film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

CELLS = (
    "import mipflow as mf\nworld = mf.figure2(seed=7)\nvideo = world.mn.open(world.cn1, mf.apps.Video())\n"
    "world.run(6)\nworld.mn.handover(video, 'cell0')\nlast = world.run(1)",
    "world.animate(5.9, 6.5)",
    "world.ladder(5.9, 6.5)",
)


def test_a_packet_opens_and_keeps_its_keys(
    jupyter_server: str, open_notebook: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = next(path for path in tmp_path_factory.getbasetemp().iterdir() if (path / "labs").is_dir())
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = v4.new_notebook(cells=list(map(v4.new_code_cell, CELLS)), metadata={"kernelspec": kernel})
    path = Path("labs") / "inspector.ipynb"
    nbformat.write(notebook, folder / path)
    page = open_notebook(str(path))
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.get_by_role("menuitem", name="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    film = page.locator(".mipflow-grid")
    film.locator(".mipflow-driven").wait_for()
    page.locator(".mipflow-arrow").first.wait_for()
    film.locator(".mipflow-chips button", has_text="BU to CN1").last.click()
    film.get_by_role("button", name="Look inside").press("Enter")
    film.locator(".mipflow-inspector").wait_for()
    cells = page.locator(".jp-Cell").count()
    film.locator(".mipflow-inspector tr[data-f='0'] input").focus()
    for key in ("ArrowDown", "b", "a", "ArrowDown"):  # "b" and "a" add cells where JupyterLab hears them
        page.keyboard.press(key)
    row = page.locator(".mipflow-inspector tr:focus-within")
    assert row.inner_text().startswith("flow label") and page.locator(".jp-Cell").count() == cells
    page.keyboard.press("Escape")
    assert not film.locator(".mipflow-inspector").is_visible()
    arrow = page.locator(".mipflow-arrow").first
    arrow.scroll_into_view_if_needed()
    arrow.dispatch_event("click")
    assert film.locator(".mipflow-caption").inner_text().startswith("2. 6.000 s: The mobile node tests")
    plates = film.locator(".mipflow-plates").bounding_box()
    stage = film.locator(".mipflow-driven").bounding_box()
    assert stage["width"] > 500 and plates["width"] > 0  # the stage has the width of its column
    assert troubles == []
