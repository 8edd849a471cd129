"""A picture: a plotly figure as plain values, or a table, always with its text twin.

`describe()` says it in sentences, `rows()` in plain values; in a notebook it shows itself, in a terminal it prints.
"""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from html import escape as quoted
from importlib.resources import files
from itertools import zip_longest
from typing import Any

from mipflow.view.drawing.drawing import as_figure
from mipflow.view.drawing.style import Dict, escape, legible

PLOTLY_MIME = "application/vnd.plotly.v1+json"
MOST_ROWS = 300
"""Rows of a table; the rest is counted."""

MOST_LINES, MOST_TWIN_ROWS = 150, 40
"""Sentences and rows of the text twin; the rest is counted. A page has several, and each takes a while to be read."""


class Picture:
    """The result of a view.

    figure: a plotly figure as a dict of plain values; or `drawing`: a picture as HTML; or `html`: a table, which is its
    own rows. The sentences and the rows are worked out when they are first asked for.
    """

    def __init__(
        self, title: str, sentences: Callable[[], Sequence[str]], rows: Callable[[], list[dict[str, object]]], *,
        figure: Dict | None = None, drawing: str = "", html: str = "",
    ) -> None:  # fmt: skip
        self.title, self.html, self._figure, self._is_table = title, drawing or html, figure, bool(html)
        self._make_sentences, self._make_rows = cache(sentences), cache(rows)
        self.note = ""
        """A last sentence for the text twin, of who shows the picture."""

    @property
    def figure(self) -> Dict | None:
        """The picture as a plotly figure, of a drawing too; None for a table. What has `html` is shown as that."""
        return self._figure if self._is_table or not self.html else as_figure(self.title, self.html)

    def describe(self) -> str:
        """Return the picture in sentences, one a line."""
        lines = filter(None, [self.title + ".", *self._make_sentences(), self.note])
        return "\n".join(legible(" ".join(line.splitlines())) for line in lines)

    def rows(self) -> list[dict[str, object]]:
        """Return the picture as plain values: numbers, text, None."""
        return self._make_rows()

    def _twin_rows(self) -> list[dict[str, object]]:
        """Return the rows of the text twin's table."""
        return self.rows()

    def twin(self) -> str:
        """Return the picture in words and as a table, as a piece of HTML that opens on request."""
        lines = self.describe().split("\n")
        left = len(lines) - MOST_LINES
        lines[MOST_LINES:] = [f"{left} more lines are not shown; describe() has them all."] if left > 0 else []
        text = "".join(f"<p>{_TIME.sub(_way, escape(line))}</p>" for line in lines)
        table = "" if self._is_table else html_table(self._twin_rows(), most=MOST_TWIN_ROWS)
        table = table.replace("<table", "<table tabindex='0'", 1)  # it scrolls where it is too wide
        summary = f"{self.title}: in words{' and as a table' if table else ''}"
        return f"<details class='mipflow-twin'><summary>{escape(summary)}</summary>{text}{table}</details>"

    def __repr__(self) -> str:
        return self.describe()

    def bundles(self) -> list[dict[str, Any]]:
        """Return MIME bundles, one for each output of the cell: a front end shows only the richest form of one, and the
        text twin belongs beside the figure.
        """
        # Elsewhere JupyterLab's MathJax takes what stands between two "$" for a formula.
        html = f"<h3>{escape(self.title)}</h3>{self.html}" * bool(self.html) + self.twin()
        words = {"text/plain": self.describe(), "text/html": f"<div class='mathjax_ignore'>{html}</div>{script()}"}
        figure = None if self.html else self.figure
        return [words] if figure is None else [figure_bundle(figure, self.title), words]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for bundle in self.bundles():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]


ACTS = "role='button' tabindex='0'"
"""Of what acts by the script and reads as words without it."""
_TIME = re.compile(r"^((?:[A-H]: )?)(\d+\.\d{3}) s(?=: )")


def _way(found: re.Match[str]) -> str:
    """Return the time that a line begins with as a button that leads to the film of the page (player.js)."""
    ns = int(found[2].replace(".", "")) * 10**6
    return f"{found[1]}<span {ACTS} class='mipflow-way' data-ns='{ns}'>{found[2]} s</span>"


def figure_bundle(figure: Dict, title: str) -> dict[str, Any]:
    """Return a figure as an output: for plotly, and as HTML for where there is none."""
    return {PLOTLY_MIME: figure, "text/html": place_of(figure), "text/plain": legible(title)}


def place_of(figure: Dict) -> str:
    """Return the place of a plotly figure in a page with its values, packed: player.js draws it where plotly.js is."""
    title = figure.get("layout", {}).get("meta", {}).get("title", "A picture")
    sentence = f"{escape(title)}: to see this picture here, make the page with <code>mipflow export</code>."
    return f"<div class='mipflow-figure'><p>{sentence}</p></div><script type='text/plain'>{packed(figure)}</script>"


def packed(value: object) -> str:
    """Return a plain value for player.js to unpack: JSON, as gzip in base64, which is a tenth of its size."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return b64encode(gzip.compress(text.encode(errors="replace"), 6, mtime=0)).decode("ascii")


def html_table(
    rows: Sequence[dict[str, object]], caption: str = "", names_of: Sequence[str] = (), most: int = MOST_ROWS
) -> str:
    """Return rows as an HTML table with a header; nested values in one cell. names_of: how a film's board names each
    row, so that it opens its history.
    """
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th scope='col'>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = ""
    for row, name_of in zip_longest(rows[:most], names_of[:most]):
        first, *others = (escape(cell(row.get(name))) for name in names)
        cells = "".join(f"<td>{each}</td>" for each in (opens(first) if name_of else first, *others))
        body += f"<tr data-row='{quoted(name_of)}'>{cells}</tr>" if name_of else f"<tr>{cells}</tr>"
    left = len(rows) - most
    more = f"<p>{left} more rows are not shown; rows() of this picture has them all.</p>" if left > 0 else ""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table class='mipflow-table'>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def opens(name: str) -> str:
    """Return the name of a row, which is HTML, as a button for who has no mouse: a row opens its history."""
    return f"<span {ACTS} class='mipflow-row' title='Its history'>{name}</span>"


def cell(value: object) -> str:
    """Return a plain value as the text of a table cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {cell(each)}" for name, each in value.items())
    return str(value)


@cache
def script() -> str:
    """Return the styles and the script, which acts once in a page, however often it goes out."""
    names = ("player.css", "inspector.css", "snapshot.js", "player.js")
    style, own_style, *scripts = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in names)
    return f"<style>{style}{own_style}</style><script>{''.join(scripts)}</script>"
