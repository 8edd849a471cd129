"""The page about the seed is what its table and the tests make of it."""

from __future__ import annotations

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


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.seed writes it anew"
