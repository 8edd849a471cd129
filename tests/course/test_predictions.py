"""Predictions: an answer with its confidence and reason, a second one after talking, and pictures that wait for it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.identity import me
from mipflow.course.predictions import CONFIDENCE, GAP, Answer, Prediction, Question, ask, predict, prediction, reveal
from mipflow.course.progress import forget, progress
from mipflow.errors import ProtocolMisuse
from mipflow.view.drawing.picture import Picture


def test_an_answer_is_kept_with_confidence_and_reason() -> None:
    said = prediction("99").store("a", "certain", "I guess")
    assert said == "Stored: a. Talk to your neighbor; you may answer once more."
    kept = progress("99").predictions("99")[0]
    assert {name: kept[name] for name in ("answer", "misconception", "confidence", "why")} == {
        "answer": "a", "misconception": "M1", "confidence": "certain", "why": "I guess",
    }  # fmt: skip


def test_a_question_that_was_rewritten_is_the_one_that_is_asked(nobody: Path) -> None:
    """An author changes the lab and runs the cell again in the same kernel."""
    assert "What will it be?" in ask("99").children[0].value
    path = nobody / "exercises" / "lab99.py"

    def rewrite(old: str, new: str) -> None:
        later = path.stat().st_mtime_ns + 10**9  # the clock of files may stand still between two writes
        path.write_text(path.read_text().replace(old, new))
        os.utime(path, ns=(later, later))

    rewrite("What will it be?", "What now?")
    rewrite('"b": Answer', '"c": Answer')
    form = ask("99")
    assert "What now?" in form.children[0].value and [letter for _, letter in form.children[1].options] == ["a", "c"]
    predict("99", "c")
    assert prediction("99").votes == ["c"] and prediction("99") is prediction("99")
    rewrite('"c": Answer', '"d": Answer')
    assert prediction("99").chosen is None, "an answer that is no longer there decides nothing"


def test_one_may_answer_twice_and_both_are_kept() -> None:
    asked = prediction("99")
    asked.store("a")
    assert "Both are kept." in asked.store("b") and asked.votes == ["a", "b"] and asked.chosen == "b"
    with pytest.raises(ProtocolMisuse, match="you answered a and then b"):
        asked.store("a")
    forget()
    assert prediction("99").votes == ["a", "b"], "a new kernel reads them"


@pytest.mark.parametrize("bad", ["c", "", None, 1, ["a"], "ab"])
def test_another_letter_is_refused(bad: Any) -> None:
    with pytest.raises(ProtocolMisuse, match="expected one of 'a', 'b'"):
        prediction("99").store(bad)
    with pytest.raises(ProtocolMisuse, match="guessing"):
        prediction("99").store("a", "70 percent")
    assert prediction("99").chosen is None


def test_without_the_mouse(capsys: pytest.CaptureFixture[str], nobody: Path) -> None:
    predict("99", "a", confidence="guessing", why="so")
    predict("99", "a", confidence="guessing", why="so")  # the cell is run once more
    assert prediction("99").votes == ["a"]
    predict("99", "q")
    predict("98", "a")
    predict("99-other", "a")
    said = capsys.readouterr()
    assert said.err == "" and "expected one of 'a', 'b'" in said.out and "lab 98" in said.out


def revealed(form: Any) -> str:
    return " ".join(each["data"].get("text/html", "") for each in form.children[0].outputs)


def test_a_picture_waits_until_the_learner_stays_with_an_answer() -> None:
    picture = Picture("Sums", lambda: ["One and one."], lambda: [{"sum": 2}], html="<table></table>")
    form = reveal("99", 4.25, picture)
    stay = form.children[1].children[0]
    assert "Waits for your answer" in revealed(form) and "One and one" not in revealed(form)
    assert stay.layout.display == "none"
    prediction("99").store("a")
    assert "Talk to your neighbor first" in revealed(form) and "One and one" not in revealed(form) + picture.note
    assert stay.layout.display == "" and stay.description == "I stay with my answer: show me"
    stay.click()
    before, folded = revealed(form).split("<details class='mipflow-fold'><summary>")
    assert "One and one" in before and "It was two" not in before, "below the picture, and folded"
    assert folded.startswith("I have watched it") and "It was two, at 4.250 s." in folded
    assert "data-ns='4250000000'>Go to 4.250 s</button>" in revealed(form) and stay.layout.display == "none"
    assert picture.describe().endswith("\n4.250 s: here the run parts from your answer a: One.")
    again = reveal("99", 4.25, picture)
    assert "One and one" in revealed(again) and again.children[1].children[0].layout.display == "none", "run once more"
    prediction("99").store("b")
    assert "So it was." in revealed(form) and "Go to" not in revealed(form)
    assert picture.describe().endswith("One and one.")


def test_a_second_answer_reveals_at_once() -> None:
    form = reveal("99", 4.25, Picture("Sums", lambda: ["One and one."], lambda: [{"sum": 2}], html="<table></table>"))
    predict("99", "a")
    assert "One and one" not in revealed(form)
    predict("99", "a", why="still")
    assert "One and one" in revealed(form) and form.children[1].children[0].layout.display == "none"


def test_a_form_stores_what_was_chosen() -> None:
    form = ask("99")
    choice, (sure, why), (store, said) = form.children[1], form.children[2].children, form.children[3].children
    assert store.disabled
    choice.value, sure.value, why.value = "b", CONFIDENCE[1], "because"
    store.click()
    assert "Stored: b." in said.value and store.description == "Store my second answer"
    store.click()
    assert store.disabled and prediction("99").votes == ["b", "b"]
    assert store.description == "Both answers are stored"


def test_after_a_restart_a_form_says_what_is_stored() -> None:
    prediction("99").store("a")
    forget()
    (store, said) = ask("99").children[3].children
    assert store.description == "Store my second answer" and said.value == "Stored: a."
    prediction("99").store("b")
    forget()
    (store, said) = ask("99").children[3].children
    assert store.disabled and store.description == "Both answers are stored" and said.value == "Stored: a and then b."


def test_what_is_said_of_an_answer_stands_below_it() -> None:
    asked = Prediction(replace(prediction("99").question, is_last=True))
    form = asked.form()
    form.children[1].value = "b"
    store, said = form.children[3].children
    store.click()
    assert said.value.startswith("You answered b, “Two.”:<br>So it was. Stored: b.")
    assert "You answered b, “Two.”:<br>So it was." in asked.told(None)


def test_a_callback_is_called_at_once_where_there_is_an_answer() -> None:
    told: list[str] = []
    prediction("99").store("a")
    Prediction(prediction("99").question).when_stored(lambda: told.append("now"))
    assert told == ["now"]


def test_after_two_wrong_answers_the_right_one_is_told() -> None:
    asked = prediction("99")
    asked.store("a")
    assert "Right is" not in asked.feedback(4.25), "the neighbor has not been asked yet"
    asked.store("a")
    right = asked.question.answers["b"]
    assert asked.feedback(4.25).endswith(f"\nRight is b, “{right.text}”:\n{right.said(4.25)}")


def test_a_test_says_nothing_of_an_answer_and_asks_how_sure_one_is() -> None:
    answers = {"a": Answer("One.", "Told.", "M1"), "b": Answer("Two.", "Told."), "x": Answer("Not yet.", "", GAP)}
    asked = Prediction(Question("99-T1", "What?", answers, is_test=True))
    form = asked.form()
    choice, (sure,), (store, said) = form.children[1], form.children[2].children, form.children[3].children
    choice.value = "a"
    assert store.disabled, "how sure?"
    choice.value = "x"
    assert not store.disabled, "who does not know cannot be sure"
    choice.value, sure.value = "a", "certain"
    store.click()
    assert said.value == "It is kept." and store.description == "Stored" and store.disabled
    with pytest.raises(ProtocolMisuse, match="you answered a; that is kept"):
        asked.store("b")
    assert [(each["answer"], each["confidence"]) for each in progress("99").predictions("99-T1")] == [("a", "certain")]


def test_a_test_has_an_order_of_answers_for_each_learner_with_the_gap_at_the_end() -> None:
    answers = {letter: Answer(f"{letter}?", "", None if letter == "b" else letter) for letter in "abcd"}
    asked = Prediction(Question("99-T1", "What?", answers | {"x": Answer("x?", "", GAP)}, is_test=True))

    def order(who: str) -> str:
        me(who)
        return "".join(letter for _, letter in asked.form().children[1].options)

    orders = {order(str(number)) for number in range(30)}
    assert len(orders) > 10 and all(sorted(each) == list("abcdx") and each[-1] == "x" for each in orders)
    assert order("7") == order("7")
