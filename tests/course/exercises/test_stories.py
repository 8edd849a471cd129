"""Functions judged by stories: the outcome of one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mipflow.course.exercises.exercise import Step
from mipflow.course.exercises.stories import Criterion, Stories, outcome
from mipflow.course.identity import Student
from mipflow.errors import FunctionFailed


def test_an_outcome_is_an_answer_or_how_a_function_failed() -> None:
    def guarded() -> None:
        raise FunctionFailed("your assign() raised KeyError: 3") from KeyError(3)

    def gave() -> None:
        raise FunctionFailed("your assign() gave 3")

    assert outcome(max, 2, 3) == (3, "", "")
    assert outcome(guarded) == (None, "raised KeyError", "your assign() raised KeyError: 3")
    assert outcome(gave) == (None, "raised nothing", "your assign() gave 3")
    assert outcome(lambda: 1 // 0) == (None, "raised ZeroDivisionError", "")


# --- answers that are always of one sort -----------------------------------------------------------------------------


def told(**more: Any) -> Stories:
    """Stories of one number each: a right function gives it back."""

    def go(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
        answer = function(int(event))
        return (), Step(event, answer, answer, int(event), {}, {})

    return Stories(
        name="same", parameters="number", check=lambda *_: "", tell=lambda student: [((), (each,)) for each in "1234"],
        begin=lambda start, student: (), go=go, points=4, wrong=(), unknown="Not yet.", passed=lambda *_: "Right.",
        criteria=[
            Criterion("no zero", 3, lambda step: step.answer != 0), Criterion("right", 1, lambda step: step.is_right)
        ],
        **more,
    )  # fmt: skip


def test_a_lost_part_of_the_points_has_its_own_shortest_story() -> None:
    shares = {each.words: each for each in told()(lambda number: number % 3, Student()).shares}
    assert [(step.told, step.got) for step in shares["no zero"].steps] == [("3", 0)]
    assert [(step.told, step.got) for step in shares["right"].steps] == [("3", 0)]
    shares = {each.words: each for each in told()(lambda number: 0 if number == 4 else 2, Student()).shares}
    assert [step.told for step in shares["no zero"].steps] == ["4"]
    assert [step.told for step in shares["right"].steps] == ["1"]
    assert all(not each.steps for each in told()(lambda number: number, Student()).shares)


def test_an_answer_that_is_always_alike_earns_nothing() -> None:
    double = lambda number: 2 * number  # noqa: E731
    assert told()(lambda number: 7, Student()).points == 0
    assert told()(double, Student()).points == 3
    assert told(sort=lambda step: step.answer % 2)(double, Student()).points == 0, "all are even"
    assert told(sort=lambda step: step.answer % 2)(lambda number: number, Student()).points == 4
