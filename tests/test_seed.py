"""The page about the patent is what its table and the tests make of it."""

from __future__ import annotations

import re

from tests.requirements import existing_tests
from tests.seed import PAGE, PAGES, page, statements

ROWS = statements()


def test_every_page_has_statements_in_order() -> None:
    assert [row.page for row in ROWS] == sorted(row.page for row in ROWS)
    assert {row.page for row in ROWS} == set(PAGES)
    assert len({row.statement for row in ROWS}) == len(ROWS)


def test_every_test_that_is_named_is_there() -> None:
    there = existing_tests()
    assert [test for row in ROWS for test in row.tests if test not in there] == []


def test_what_no_test_shows_has_a_reason() -> None:
    unshown = [row.answer.partition(": ") for row in ROWS if not row.tests]
    assert {kind for kind, _, _ in unshown} <= {"deviation", "left out"}
    assert all(len(reason.split()) > 3 for _, _, reason in unshown) and len(unshown) < len(ROWS) / 20


def test_every_step_of_the_figures_has_a_row() -> None:
    """Steps 20 to 44 of Figures 4 to 6: 41 to 44 come after 40, where the figure ends."""
    numbers: list[int] = []
    for row in ROWS:
        match = re.match(r"Figure [456], steps? (\d+)(?: and (\d+))?", row.statement)
        numbers += [int(number) for number in match.groups() if number] if match else []
    assert numbers == list(range(20, 45))


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.seed writes it anew"
