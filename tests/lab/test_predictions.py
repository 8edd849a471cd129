"""mipflow/lab/predictions.py: an answer is stored, unlocks, and names the misconception behind it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.lab.predictions import Answer, Prediction, Question

QUESTION = Question(
    "99-test",
    "What will it do?",
    {"A": Answer("Move.", "Not yet: it stayed.", "M15"), "B": Answer("Stay.", "So it did.")},
)


@pytest.fixture
def prediction(tmp_path: Path) -> Prediction:
    return Prediction(QUESTION, tmp_path / "answers.json")


def test_nothing_is_said_before_an_answer(prediction: Prediction) -> None:
    assert prediction.chosen is None
    assert prediction.feedback() == ""
    assert not prediction.path.exists()


def test_an_answer_is_stored_with_its_misconception(prediction: Prediction) -> None:
    prediction.store("A")
    prediction.store("B")
    records = [json.loads(line) for line in prediction.path.read_text().splitlines()]
    assert [(each["question"], each["answer"], each["misconception"]) for each in records] == [
        ("99-test", "A", "M15"),
        ("99-test", "B", None),
    ]
    assert all(each["at"].endswith("+00:00") for each in records)
    assert prediction.feedback() == "You predicted B: “Stay.” So it did."


def test_an_answer_unlocks_what_waits_for_it(prediction: Prediction) -> None:
    unlocked: list[str] = []
    prediction.when_stored(lambda: unlocked.append("early"))
    assert unlocked == []
    prediction.store("A")
    prediction.when_stored(lambda: unlocked.append("late"))
    assert unlocked == ["early", "late"]


def test_an_unknown_answer_is_refused_with_the_ones_that_are(prediction: Prediction) -> None:
    with pytest.raises(ProtocolMisuse, match=r"no answer 'E'; expected one of A, B") as caught:
        prediction.store("E")
    assert caught.value.value == "E"
    assert prediction.chosen is None


def test_a_folder_that_cannot_be_written_keeps_no_one_from_the_run(tmp_path: Path) -> None:
    prediction = Prediction(QUESTION, tmp_path / "missing" / "answers.json")
    unlocked: list[bool] = []
    prediction.when_stored(lambda: unlocked.append(True))
    assert os.strerror(errno.ENOENT) in prediction.store("A")
    assert unlocked == [True]


def test_the_form_stores_what_is_chosen(prediction: Prediction) -> None:
    text, choice, row, _ = prediction.form().children
    button, said = row.children
    assert text.value == "<b>What will it do?</b>"
    assert [label for label, _ in choice.options] == ["A.  Move.", "B.  Stay."]
    assert choice.value is None
    assert button.disabled
    choice.value = "B"
    assert not button.disabled
    button.click()
    assert prediction.chosen == "B"
    assert said.value == "Stored: B. The run below is unlocked."


def test_the_form_says_in_one_line_that_it_could_not_keep_the_answer(tmp_path: Path) -> None:
    _, choice, row, _ = Prediction(QUESTION, tmp_path / "missing" / "answers.json").form().children
    choice.value = "A"
    row.children[0].click()
    said = row.children[1].value
    assert said.startswith("Taken: A. The run below is unlocked. Note: cannot add to answers.json")
    assert "\n" not in said
