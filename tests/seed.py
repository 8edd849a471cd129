"""The detailed description of the patent WO 2004/057826, page by page, with the tests that show it: make docs/seed.md.

    python -m tests.seed        write the page anew

`seed.csv` has a row for each statement of pages 6 to 17, in our own words. Its answer is a test (or several, joined by
" + "), "deviation: " or "left out: " with the reason.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATEMENTS = HERE / "seed.csv"
PAGE = HERE.parent / "docs" / "seed.md"
PAGES = range(6, 18)

HEAD = """\
# The patent, page by page

What the detailed description of WO 2004/057826 (pages 6 to 17) states, sentence by sentence and step by step, in our
words, and the test that shows it, or why there is none. Made by `python -m tests.seed` from `tests/seed.csv`; a test
holds both, and the names of the tests, together. Where a statement is written against a draft of Mobile IPv6 before
-20, what is shown is RFC 6275: there is no D bit; the H bit of an update for an address without a binding asks for
duplicate address detection.

To see it with your own eyes: `mf.figure1()`, `mf.figure2()`, `mf.plain_mobile_ipv6()`, [baselines.md](baselines.md).
"""


@dataclass(frozen=True)
class Statement:
    """A row."""

    page: int
    statement: str
    answer: str

    @property
    def tests(self) -> list[str]:
        """The tests that show it, as "path::name"; none for what is not shown."""
        return self.answer.split(" + ") if self.answer.startswith("tests/") else []


def statements() -> list[Statement]:
    """Return all rows, in the order of the pages."""
    with STATEMENTS.open(encoding="utf-8", newline="") as file:
        return [Statement(int(row["page"]), row["statement"], row["answer"]) for row in csv.DictReader(file)]


def page() -> str:
    """docs/seed.md."""
    parts = [HEAD.rstrip()]
    for number in PAGES:
        rows = [row for row in statements() if row.page == number]
        parts += ["", f"## Page {number}", "", "| statement | shown by |", "| --- | --- |"]
        for row in rows:
            named = [test.partition("::") for test in row.tests]
            links = [f"[{name.removeprefix('test_')}](../{path})" for path, _, name in named]
            kind, _, reason = row.answer.partition(": ")
            parts.append(f"| {row.statement} | {'<br>'.join(links) or f'**{kind}**: {reason}'} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
