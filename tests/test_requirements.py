"""The page about RFC 6275 is what the RFC's text and the tests make of it: rows, keywords, answers, tests named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.requirements import (
    KINDS,
    PAGE,
    ROLES,
    Requirement,
    existing_tests,
    keywords,
    keywords_of,
    page,
    requirements,
)

ROWS = requirements()
WORDS_OF_A_REASON = 3


def named(row: Requirement) -> str:
    return f"{row.section} ({row.ordinal})"


def test_there_is_a_row_for_each_keyword_in_the_order_of_the_text() -> None:
    expected = [
        (section, ordinal, keyword)
        for section, words in keywords().items()
        for ordinal, keyword in enumerate(words, 1)
    ]
    assert [(row.section, row.ordinal, row.keyword) for row in ROWS] == expected


def test_the_number_of_musts_and_shoulds_of_each_section() -> None:
    """The same by counting alone: what issue and page speak of."""
    of_rows = Counter((row.section, row.keyword.split()[0]) for row in ROWS)
    of_text = Counter((section, word.split()[0]) for section, words in keywords().items() for word in words)
    assert of_rows == of_text
    assert sum(of_rows.values()) == len(ROWS) > 500


def test_the_keywords_are_those_of_the_text() -> None:
    """Counted anew where MIPFLOW_RFC6275 names the text's file, which is not ours to ship."""
    path = os.environ.get("MIPFLOW_RFC6275")
    if path:
        assert keywords_of(Path(path).read_text(encoding="utf-8")) == keywords()


def test_what_counts_as_a_keyword() -> None:
    text = """
1.  Before

   It MUST not count.

6.  Six

6.1.  First

   The node MUST
   NOT do this, and SHOULD do that.  A MUSTARD is none, nor is a must.



Perkins, et al.              Standards Track                    [Page 2]
\f
RFC 6275                Mobility Support in IPv6               July 2011


   A page ends here: it SHOULD

Perkins, et al.              Standards Track                    [Page 3]
\f
RFC 6275                Mobility Support in IPv6               July 2011

   NOT matter.

   8.5.  This is no heading and MUST not be one.

11.8.  Last

   MUST.

Appendix A.  Future

   It MUST not count.
"""
    assert keywords_of(text) == {"6.1": ["MUST NOT", "SHOULD", "SHOULD NOT", "MUST"], "11.8": ["MUST"]}


def test_every_row_has_an_answer() -> None:
    assert [named(row) for row in ROWS if row.kind not in KINDS] == []
    assert [named(row) for row in ROWS if row.kind != "test" and len(row.reason.split()) < WORDS_OF_A_REASON] == []
    assert [named(row) for row in ROWS if not row.requirement or not set(row.role.split()) <= set(ROLES)] == []


def test_every_test_that_is_named_exists() -> None:
    there = existing_tests()
    assert len(there) > 500
    assert [f"{named(row)}: {test}" for row in ROWS for test in row.tests if test not in there] == []


def test_the_page_is_what_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROWS), "run: python -m tests.requirements"


def test_how_many_rows_a_test_stands_for(record_property: Callable[[str, object], None]) -> None:
    """A test that answers for many rows deserves a second look; said in the report, refused only beyond reason."""
    most = Counter(test for row in ROWS for test in row.tests).most_common(10)
    for test, count in most:
        record_property(test, count)
    assert most[0][1] <= 30
