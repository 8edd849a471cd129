"""A copied answer earns no more than docs/teaching.md says."""

from __future__ import annotations

import pytest

from mipflow.course.source import exercises_of
from tests.labs.copied import copied, told
from tests.labs.nbgrader_round import ANSWERS


@pytest.mark.slow
def test_a_neighbors_answer_earns_no_more_than_the_page_says() -> None:
    """Of the lab that the page sets; `python -m tests.labs.copied` takes all, and minutes."""
    page = told()
    for number, share in copied("07").items():
        assert share <= page[number] + 0.5, number


def test_a_number_read_off_a_run_earns_nothing_for_a_neighbor_but_in_lab_05() -> None:
    """In 5.R some of what is read is a count."""
    assert all(share <= 5 for number, share in told().items() if number.endswith("R") and number != "5.R")
    assert {number[0] for number in told()} == {lab[1] for lab in ANSWERS}
    assert all(number in {each.number for each in exercises_of(f"0{number[0]}").EXERCISES} for number in told())
