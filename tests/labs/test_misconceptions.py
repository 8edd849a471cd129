"""The catalogue of misconceptions: each is used in the labs that it names, and none that is used is missing."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest

from mipflow.course.exercises.stories import Stories
from mipflow.course.predictions import GAP
from mipflow.course.source import called, exercises_of

REPOSITORY = Path(__file__).resolve().parents[2]
EXERCISES = REPOSITORY / "labs" / "exercises"
LABS = sorted(path.stem[3:] for path in EXERCISES.glob("lab*.py"))
ASKING = [*LABS, "pre", "post"]
SPLIT = "M03 M06 M07 M08 M23 M26".split()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


def catalogue() -> list[dict[str, str]]:
    """The rows: `labs` are those that ask for the belief, there or to come."""
    with (REPOSITORY / "datasets" / "misconceptions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def used(lab: str) -> set[str]:
    """The ids that a lab's file of exercises has: in its questions, its wrong versions and its judges. The post-test's
    are those of the pre-test.
    """
    tree = ast.parse((EXERCISES / f"{called(lab).replace('post', 'pre')}.py").read_text(encoding="utf-8"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if re.fullmatch(r"M\d\d[a-z]?", word)}


def test_ids_are_there_once_and_each_row_says_what_is_believed_and_where_it_is_asked() -> None:
    rows = catalogue()
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    for row in rows:
        assert row["belief"] and re.fullmatch(r"\d\d( \d\d)*", row["labs"]), row


@pytest.mark.parametrize("row", catalogue(), ids=lambda row: row["id"])
def test_a_misconception_is_used_by_the_labs_that_it_names_and_are_there(row: dict[str, str]) -> None:
    for lab in set(row["labs"].split()) & set(LABS):
        assert row["id"] in used(lab), f"{row['id']} is in no question or check of lab {lab}"


@pytest.mark.parametrize("lab", ASKING)
def test_what_a_lab_uses_is_in_the_catalogue(lab: str) -> None:
    assert used(lab) <= {row["id"] for row in catalogue()}


@pytest.mark.parametrize("lab", ASKING)
def test_what_answers_and_wrong_versions_are_tied_to_is_among_what_a_lab_uses(lab: str) -> None:
    """By another way: from the values that the course gets."""
    module = exercises_of(lab)
    found = {
        answer.misconception for question in module.QUESTIONS.values() for answer in question.answers.values()
    } | {
        wrong.misconception for each in module.EXERCISES if isinstance(each.judge, Stories)
        for wrong in each.judge.wrong
    }  # fmt: skip
    assert found - {None, GAP} <= used(lab)


def test_who_holds_two_beliefs_is_two_rows() -> None:
    ids = {row["id"] for row in catalogue()}
    for split in SPLIT:
        assert split not in ids and {f"{split}a", f"{split}b"} <= ids


def test_each_question_has_one_right_answer() -> None:
    for lab in ASKING:
        for question in exercises_of(lab).QUESTIONS.values():
            assert [answer.misconception for answer in question.answers.values()].count(None) == 1, question.name
