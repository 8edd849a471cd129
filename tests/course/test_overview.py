"""The table of the start page: how far a reader is, from the files beside the labs, damaged or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mipflow.course.exercises.checks import check
from mipflow.course.identity import student
from mipflow.course.overview import how_far
from mipflow.course.predictions import predict

NOBODY = "passed 0 of 2, points 0 of 6, predicted 0 of 1, last not begun"


def told() -> list[str]:
    return repr(how_far()).split("\n")


def right() -> int:
    return student().random("99").randrange(1000)


def test_a_lab_that_is_not_begun_says_so() -> None:
    nothing = "passed 0 of 0, points 0 of 0, predicted 0 of 0, last not begun"
    assert told() == [f"lab 00 00_tour, {nothing}", f"lab 99 99_sums, {NOBODY}"]


def test_the_best_of_the_attempts_counts_and_is_read_anew() -> None:
    check("99.2", {"number": right()})
    check("99.2", {"number": right() + 1})
    check("99.1", {"count": len})
    predict("99", "a")
    (_, said) = told()
    assert "passed 1 of 2, points 5 of 6, predicted 1 of 1, last 20" in said


def test_each_lab_is_a_way_to_its_notebook_and_one_that_is_added_appears_by_itself(nobody: Path) -> None:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# Rivals & friends\n"]}]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (nobody / "10_rivals.ipynb").write_text(json.dumps(book, indent=1))
    assert told()[1].startswith("lab 10 Rivals & friends, passed 0 of 0")
    html = how_far()._repr_html_()
    assert "<a href='10_rivals.ipynb'>10 Rivals &amp; friends</a>" in html and "<a href='99_sums.ipynb'>" in html


@pytest.mark.parametrize(
    ("text", "said"), [("{", "damaged"), ('{"form": 99, "kit": "9"}', "newer kit"), ("[]", "damaged")]
)
def test_a_file_that_cannot_be_read_is_said_so(nobody: Path, text: str, said: str) -> None:
    (nobody / "progress-lab99.json").write_text(text)
    assert said in told()[1] and "points 0 of 6" in told()[1]


def test_points_that_somebody_wrote_do_no_harm(nobody: Path) -> None:
    check("99.2", {"number": 5000})
    path = nobody / "progress-lab99.json"
    kept = json.loads(path.read_text())
    kept["attempts"]["99.2"][0] |= {"points": "many", "status": None}
    path.write_text(json.dumps(kept))
    assert "points 0 of 6" in told()[1]


def test_an_empty_folder_is_said_so(nobody: Path) -> None:
    for book in nobody.glob("*.ipynb"):
        book.rename(book.with_suffix(".txt"))
    assert "There is no lab in" in told()[0]
