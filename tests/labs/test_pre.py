"""The pre-test and the post-test: two forms of the same ten questions, and nothing said before the end."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.identity import Student, me
from mipflow.course.predictions import GAP, prediction
from mipflow.course.progress import progress
from mipflow.course.source import exercises_of

TEN = range(1, 11)
KEY = "bcbbccbcdd"
"""The right letters, as shared by both forms."""


@pytest.fixture
def pre() -> Any:
    return exercises_of("pre")


def text(output: Any) -> str:
    return " ".join(each["data"]["text/html"] for each in output.outputs)


def words(widget: Any) -> str:
    """All that a form says, with its parts."""
    own = getattr(widget, "value", "") if type(widget).__name__ == "HTML" else ""
    return own + "".join(words(child) for child in getattr(widget, "children", ()))


@pytest.mark.parametrize("test", ["pre", "post"])
@pytest.mark.parametrize("form", "AB")
def test_ten_questions_of_five_answers_with_the_key(test: str, form: str) -> None:
    asked = [exercises_of(test).QUESTIONS[f"{test}-{form}{number}"] for number in TEN]
    for question, key in zip(asked, KEY, strict=True):
        assert "".join(question.answers) == "abcdx" and question.answers["x"].misconception == GAP
        assert question.answers[key].misconception is None and question.answers[key].feedback
        assert len({each.text for each in question.answers.values()}) == 5
        assert question.is_test and len(question.text.split()) <= 60


def test_both_forms_ask_for_the_same_beliefs_in_other_words(pre: Any) -> None:
    assert len(pre.QUESTIONS) == 20
    for number in TEN:
        first, second = pre.QUESTIONS[f"pre-A{number}"], pre.QUESTIONS[f"pre-B{number}"]
        beliefs = [{name: each.misconception for name, each in one.answers.items()} for one in (first, second)]
        assert beliefs[0] == beliefs[1] and first.text != second.text
        assert (first.like, second.like) == ("", first.name)
        wrong = [belief for belief in beliefs[0].values() if belief]
        assert len(set(wrong)) == 3, "each wrong answer shows a belief of its own"


def test_half_of_a_class_begins_with_form_b_and_all_end_with_the_other(pre: Any) -> None:
    forms = [pre.form_of(Student((str(1_234_000 + number),)), "pre") for number in range(30)]
    assert forms == ["B", "A"] * 15, "as on paper: odd numbers begin with form A"
    words = [pre.form_of(Student((f"{chr(97 + k % 26)}{chr(97 + k // 26)}",)), "pre") for k in range(400)]
    assert 150 < words.count("B") < 250, "without a digit by lot"
    for number in ("7", "1234567", "1234568x", "x", "y", "z"):
        who = Student((number,))
        assert {pre.form_of(who, "pre"), pre.form_of(who, "post")} == {"A", "B"}
    assert (pre.form_of(Student(), "pre"), pre.form_of(Student(), "post")) == ("A", "B")
    # An id keeps its form in all that is to come: half a class has begun with it.
    assert "".join(pre.form_of(Student((word,)), "pre") for word in "abcdefgh") == "ABAABBAA"


def test_a_sheet_counts_and_says_nothing_of_an_answer(pre: Any, nobody: Path) -> None:
    me("2")
    sheet = pre.PARTS["questions"](Student(("2",)))
    assert "0 of 10 answers are stored" in words(sheet)
    for each, key in zip(pre.asked_of(Student(("2",)), "pre"), KEY, strict=True):
        each.store(key, "certain")
    said = words(sheet)
    assert "10 of 10 answers are stored. That is all" in said
    assert not any(item.why in said for item in pre.ITEMS)
    assert sorted(progress("pre")._kept["predictions"]) == sorted(f"pre-B{number}" for number in TEN)
    assert (nobody / "progress-pre.json").exists()


def test_the_post_test_tells_once_all_is_stored_beside_what_was_said_before() -> None:
    me("2")
    prediction("pre-B3").store("d", "certain")
    prediction("pre-B10").store("d", "certain")
    output = exercises_of("post").PARTS["answers"](Student(("2",)))
    for number, key in zip(TEN, KEY, strict=True):
        assert f"{11 - number} to go" in text(output) and "So it is" not in text(output)
        prediction(f"post-A{number}").store(key if number != 5 else "x", "guessing")
    told = text(output)
    assert told.count("So it is:") == told.count("You said:") == 10
    assert "You said: “CN&#x27;s whole packet inside another one.” (guessing): right." in told
    pre = exercises_of("pre").QUESTIONS
    for name, said in (("pre-B3", "for the way.” (certain): not so."), ("pre-B10", "(certain): right.")):
        before = next(line for line in told.split("<br>") if said in line)
        assert before.startswith(f"Before the labs: {escape(pre[name].text)} You said then: “"), "the old question, too"
    assert told.count("Before the labs:") == 2
    assert "You said: “I do not know yet.” (guessing)." in told
    assert told.count(": right.") == 10 and told.count(": not so.") == 1
    assert not any(word in told for word in ("points", "%", "of 10"))
