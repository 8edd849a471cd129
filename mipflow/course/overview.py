"""The table of the start page: how far a reader is in each lab, from the files beside the labs."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from mipflow.course.notebook import Words, in_words, lines, words_of
from mipflow.course.progress import Progress
from mipflow.course.source import exercises_of
from mipflow.errors import DatasetError
from mipflow.view.drawing.picture import html_table

TITLE = re.compile(r'"# ([^"\\]+)')


@in_words
def how_far() -> Words:
    """Return a table of the labs in this folder with the exercises passed, points earned and questions answered.

    The files are read anew each time, since other notebooks write them.
    """
    here = Path.cwd()
    books = sorted(here.glob("[0-9][0-9]_*.ipynb"))
    rows = [_row(book, here) for book in books]
    if not rows:
        return words_of(f"There is no lab in {here}; expected files such as 00_tour.ipynb.")
    html = html_table(rows, "Your progress, from the best of your attempts")
    for book, row in zip(books, rows, strict=True):  # a front end makes it a link to the lab
        word = escape(str(row["lab"]))
        html = html.replace(f"<td>{word}</td>", f"<td><a href='{escape(book.name)}'>{word}</a></td>", 1)
    return Words(html, "\n".join(lines(rows)))


def _row(book: Path, here: Path) -> dict[str, object]:
    lab = book.name[:2]
    title = TITLE.search(book.read_text(encoding="utf-8", errors="replace"))
    kept = Progress(lab, here)
    try:
        tasks, asked = exercises_of(lab).EXERCISES, exercises_of(lab).QUESTIONS
    except DatasetError:
        tasks, asked = [], {}
    tries = [kept.attempts(task.number) for task in tasks]
    passed = sum(any(each.get("status") == "passed" for each in one) for one in tries)
    earned = sum(max((_whole(each.get("points")) for each in one), default=0) for one in tries)
    answered = sum(bool(kept.predictions(name)) for name in asked)
    times = [str(each.get("at", "")) for one in (*tries, *map(kept.predictions, asked)) for each in one]
    return {
        "lab": f"{lab} {title[1] if title else book.stem}", "passed": f"{passed} of {len(tasks)}",
        "points": f"{earned} of {sum(task.points for task in tasks)}", "predicted": f"{answered} of {len(asked)}",
        "last": max(times, default="")[:10] or "not begun", **({"note": kept.note} if kept.note else {}),
    }  # fmt: skip


def _whole(points: object) -> int:
    """Return points as they were kept; 0 where a learner has edited the file."""
    return points if isinstance(points, int) else 0
