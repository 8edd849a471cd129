"""A learner in front of a lab in JupyterLab: finds cells by what they say, writes, runs, looks.

JupyterLab shows the first line only of a folded cell, and takes cells that are far away out of the page; so a cell is
found by its place in the notebook.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat

RUN = "[data-command='notebook:run-cell-and-select-next']"
LABS = Path(__file__).resolve().parents[2] / "labs"
STEPS, STEP_PX = 60, 500
"""How far a learner scrolls to find a cell."""
SETTLES_MS = 700
"""How long JupyterLab takes to scroll to the next cell."""


def watched(place: Any) -> Any:
    """Open by keyboard what is told below a film, which is folded until somebody asks; gives it."""
    fold = place.locator("details.mipflow-fold")
    fold.wait_for()
    assert fold.get_attribute("open") is None and not fold.locator("p").first.is_visible()
    fold.locator("summary").focus()
    fold.page.keyboard.press("Enter")
    fold.locator("p").first.wait_for()
    return fold


def save(page: Any) -> None:
    """File > Save Notebook, to the end: what is not saved as it ran makes no file to hand in."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Save Notebook").first.click()
    page.get_by_text("Saving completed").wait_for()


def shoot(page: Any, name: str) -> None:
    """Make a screenshot in the folder that MIPFLOW_SCREENSHOTS names, if it names one: nothing is checked by it."""
    if folder := os.environ.get("MIPFLOW_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(300)
        page.screenshot(path=Path(folder, f"{name}.png"))


class Learner:
    """`page` shows the notebook labs/`name`.ipynb; screenshots are made where MIPFLOW_SCREENSHOTS names a folder."""

    def __init__(self, page: Any, name: str) -> None:
        self.page, self._name = page, name
        cells = nbformat.read(LABS / f"{name}.ipynb", as_version=4).cells
        self._cells = [cell.source if cell.cell_type == "code" else "" for cell in cells]

    def run_all(self) -> None:
        """Run > Run All Cells, to the end."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
        self.page.get_by_role("button", name="Make the file to hand in").wait_for()
        assert self.page.get_by_text("Traceback").count() == 0

    def cell(self, says: str) -> Any:
        """Return the first code cell that says so, in view."""
        place = next(n for n, source in enumerate(self._cells) if says in source)
        found = self.page.locator(f".jp-Cell[data-windowed-list-index='{place}']")
        notebook = self.page.locator(".jp-WindowedPanel-outer").first
        for step in range(STEPS):
            if found.count():
                break
            notebook.evaluate(f"it => {{ it.scrollTop = {STEP_PX * step} }}")
            self.page.wait_for_timeout(50)
        found.scroll_into_view_if_needed()
        return found

    def see(self, says: str, selector: str) -> Any:
        """Wait until something is to be seen below a cell, and go back to it where JupyterLab leads elsewhere."""
        for _ in range(STEPS):
            found = self.cell(says).locator(selector).first
            if found.is_visible():
                return found
            self.page.wait_for_timeout(SETTLES_MS)
        raise AssertionError(f"{selector} is not to be seen below {says}")

    def answer(self, says: str, choice: str) -> Any:
        """Store an answer to the question of a cell: `choice` is how it begins. Gives the form."""
        form = self.cell(says)
        form.get_by_role("radio", name=choice).click()
        form.get_by_role("button", name="Store my").click()
        form.get_by_text(f"Stored: {choice[0]}.").wait_for()
        return form

    def predict(self, says: str, choice: str) -> Any:
        """Store a prediction and stay with it, so that its picture is shown. Gives the form."""
        form = self.answer(says, choice)
        self.page.get_by_role("button", name="I stay with my answer: show me").click()
        return form

    def run(self, says: str) -> Any:
        """Run a cell; gives it."""
        found = self.cell(says)
        found.locator(".jp-InputPrompt").click()
        return self._ran(says)

    def write(self, says: str, source: str) -> Any:
        """Write a cell anew and run it; gives it."""
        found = self.cell(says)
        found.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self._cells[next(n for n, each in enumerate(self._cells) if says in each)] = source
        return self._ran(source)

    def _ran(self, says: str) -> Any:
        """Run the chosen cell; the next one is chosen then, which may take this one out of the page."""
        self.page.locator(RUN).first.click()
        self.page.wait_for_timeout(SETTLES_MS)
        return self.cell(says)

    def shoot(self, name: str, place: Any) -> None:
        """Bring a place into view, and make a screenshot of it where one is asked for."""
        from playwright.sync_api import Error

        with suppress(Error):  # a new picture may just take its place
            place.scroll_into_view_if_needed()
        shoot(self.page, f"lab{self._name[:2]}-{name}")
