"""A small table: what a cell shows of one thing, as HTML or as text.

Takes a caption and rows of plain values, from whoever they come; letters that are not printed, or turn the direction
of others, are told by their numbers, and what is long is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from unicodedata import combining, east_asian_width

from mipflow.view.drawing.picture import cell, html_table

MOST_ROWS = 20
MOST_LETTERS = 72
"""Letters of one value; of a caption twice as many."""

_STYLE = "<style>.mipflow-table :is(caption, th, td) { text-align: left !important }</style>"
"""Notebooks put words at the right, as if they were numbers."""

Rows = Sequence[dict[str, object]]


@dataclass(frozen=True, slots=True)
class SmallTable:
    """The first of `total` rows under a caption; `otherwise` is said where there are none."""

    caption: str
    rows: Rows
    total: int
    otherwise: str = "none"
    most_letters: int = MOST_LETTERS

    def html(self) -> str:
        """Return the table as HTML with a caption."""
        title, rows, more = self._shown()
        table = html_table(rows or [{"": self.otherwise}], title)
        return _STYLE + f"<div class='mathjax_ignore'>{table}</div>" + (f"<p>{more}</p>" if more else "")

    def text(self) -> str:
        """Return the table as text in columns, the caption first."""
        title, rows, more = self._shown()
        lines = [title]
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row))
            columns = [[name, *(str(row.get(name, "")) for row in rows)] for name in names]
            wide = [max(map(_width, column)) for column in columns]
            for line in zip(*columns, strict=True):
                padded = (text + " " * (most - _width(text)) for text, most in zip(line, wide, strict=True))
                lines.append("  " + "  ".join(padded).rstrip())
        else:
            lines.append(f"  {self.otherwise}")
        return "\n".join([*lines, more] if more else lines)

    def _shown(self) -> tuple[str, list[dict[str, object]], str]:
        rows: list[dict[str, object]] = [
            {printed(name): printed(cell(value), self.most_letters) for name, value in row.items()}
            for row in islice(self.rows, MOST_ROWS)
        ]
        left = self.total - len(rows)
        more = f"and {left} more" if left > 0 else ""
        return printed(self.caption, 2 * MOST_LETTERS), rows, more


def small_table(caption: str, rows: Rows, otherwise: str = "none") -> SmallTable:
    """Make a small table of all rows that there are."""
    return SmallTable(caption, rows, len(rows), otherwise)


def printed(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text in one line of at most `most` letters, all of which are printed."""
    line = " ".join(text.split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return "".join(letter if letter.isprintable() or letter == "\u200d" else f"<{ord(letter):04X}>" for letter in line)


def _width(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in text)
