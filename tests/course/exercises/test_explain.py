"""The explain-back quotes the last attempt that failed."""

from __future__ import annotations

from mipflow.course.exercises.checks import check
from mipflow.course.exercises.explain import explains, last_failed, then
from mipflow.course.identity import Student
from tests.labs.learner import tried


def test_the_last_attempt_that_failed_is_found_with_its_place() -> None:
    failed, passed = {"status": "wrong", "story": ["A"]}, {"status": "passed", "story": []}
    assert last_failed({"1.1": [failed, passed]}, "1.1") == (1, failed)
    assert last_failed({"1.1": [passed, failed, failed, {"status": "error", "story": []}]}, "1.1") == (3, failed)
    assert last_failed({"1.1": [failed, passed]}, "1.2") is None and last_failed({"1.1": [passed]}, "1.1") is None
    assert last_failed({"1.1": [passed, failed]}, "1.1", lambda attempt: not attempt["story"]) is None


def test_it_waits_for_an_attempt_at_each_exercise_whose_answers_it_quotes() -> None:
    asks = explains("99.1", lambda student, attempts: "CN1 says both", "99.2", rows=lambda student: [{"flow": 1}])
    assert "once you have tried 99.1 and 99.2" in repr(asks(Student())) and "both" not in repr(asks(Student()))
    tried("99.2")
    assert "once you have tried 99.1:" in repr(asks(Student())) and "flow" not in repr(asks(Student()))
    tried("99.1")
    assert repr(asks(Student())) == "CN1 says both\nflow 1"


def test_a_part_asks_about_the_attempts_that_were_made() -> None:
    asks = explains("99.1", lambda student, attempts: f"{student.name} tried {len(attempts['99.1'])} & lost")
    check("99.1", {"count": lambda letters: 5})
    assert repr(asks(Student())) == "practice tried 1 & lost"
    assert "practice tried 1 &amp; lost" in asks(Student())._repr_html_()


def test_a_question_ends_with_what_was_changed_or_is_to_be() -> None:
    failed = {"status": "wrong", "gave": "H@2", "story": ["flow 1 begins", "flow 2 begins"]}
    stopped, good = failed | {"status": "error", "gave": "None"}, {"status": "passed"}
    assert then({"7.3": [good]}, "7.3", "why?") == then({}, "7.3", "why?") == " Then: why?"
    assert then({"7.3": [failed, good]}, "7.3", "", "where").endswith(
        "attempt 1 of 7.3 gave H@2 where flow 2 begins. What did you change?"
    )
    assert then({"7.3": [good, stopped]}, "7.3", "").endswith(
        "attempt 2 of 7.3 gave no answer that counts for flow 2 begins. What would you change?"
    )
