"""The catalogue of misconceptions: each is used by a check or a question of a lab, and none is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from mipflow.course.source import exercises_of
from mipflow.course.stories import Stories

REPOSITORY = Path(__file__).resolve().parents[2]
LABS = sorted(path.stem[3:] for path in (REPOSITORY / "labs" / "exercises").glob("lab*.py"))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


def used() -> Iterator[str | None]:
    """What the wrong answers of questions and the wrong versions of exercises are tied to."""
    for lab in LABS:
        module = exercises_of(lab)
        for question in module.QUESTIONS.values():
            yield from (answer.misconception for answer in question.answers.values())
        for each in module.EXERCISES:
            if isinstance(each.judge, Stories):
                yield from (wrong.misconception for wrong in each.judge.wrong)


def test_every_misconception_is_used_and_every_one_that_is_used_is_there() -> None:
    with (REPOSITORY / "datasets" / "misconceptions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = [row["id"] for row in rows]
    assert len(set(known)) == len(known) and all(row["belief"] for row in rows)
    assert set(known) == {each for each in used() if each is not None}


def test_each_question_has_one_right_answer() -> None:
    for lab in LABS:
        for question in exercises_of(lab).QUESTIONS.values():
            assert [answer.misconception for answer in question.answers.values()].count(None) == 1, question.name
