"""A story as slides: a sentence and a table for each step, with buttons for back and on, and all of it in words below.

Slides show what is no packet under way: a finger that climbs a list, a program that reads its tables.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import ipywidgets

from mipflow.course.identity import ROSTER
from mipflow.lab.panels.panel import button, frame
from mipflow.view.drawing.picture import html_table


class Slide(NamedTuple):
    """One step: a sentence, and rows of a table."""

    told: str
    rows: Sequence[dict[str, object]]


class Slides:
    """Slides one after the other; in a notebook they show themselves."""

    def __init__(self, slides: Sequence[Slide] = ()) -> None:
        self.slides: list[Slide] = list(slides)
        self.at = 0
        """The index of the slide that is shown."""
        self._back = button("◀ Back", "The step before")
        self._on = button("Step ▶", "The next step")
        self._shown, self._words = ipywidgets.HTML(), ipywidgets.HTML()
        self._back.on_click(lambda _: self.go(self.at - 1))
        self._on.on_click(lambda _: self.go(self.at + 1))
        row = ipywidgets.HBox([self._back, self._on], layout={"flex_flow": "row wrap"})
        self.output = frame(row, self._shown, self._words)
        self.go(0)

    def show(self, slides: Sequence[Slide], at: int = 0) -> None:
        """Show other slides, from one of them on."""
        self.slides = list(slides)
        self.go(at)

    def go(self, at: int) -> None:
        """Show the slide at an index, the nearest one where there is none."""
        last = len(self.slides) - 1
        self.at = max(0, min(at, last))
        self._back.disabled, self._on.disabled = self.at <= 0, self.at >= last
        if not self.slides:
            return
        told, rows = self.slides[self.at]
        place = f"{self.at + 1} of {last + 1}: "  # a step is one of the figure's
        self._shown.value = f"<p role='status'>{escape(place + told)}</p>{html_table(rows)}"
        lines = "".join(f"<li>{escape(each.told)}</li>" for each in self.slides)
        self._words.value = f"<details><summary>All steps in words</summary><ol>{lines}</ol></details>"

    def describe(self) -> str:
        """Return all steps in sentences, one a line."""
        return "\n".join(each.told for each in self.slides)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        if os.environ.get(ROSTER, "").strip():  # a page of feedback may have no script that shows forms
            items = "".join(f"<li>{escape(told)}{html_table(rows)}</li>" for told, rows in self.slides)
            return {"text/html": f"<ol>{items}</ol>", "text/plain": self.describe()}
        bundle: dict[str, Any] = self.output._repr_mimebundle_()
        return bundle | {"text/plain": self.describe()}
