"""A learner's answers in tests of labs: a function of its text, and the verdict on an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from mipflow.course.exercises import apart
from mipflow.course.exercises.checks import judged
from mipflow.course.exercises.exercise import Verdict
from mipflow.course.identity import Student, student
from mipflow.course.progress import progress
from mipflow.course.source import exercise, lab_of


def written(head: str, body: str, **names: Any) -> Callable[..., Any]:
    """A function as a learner writes it. `head`: as in "assign(flow, homes)"; names: what cells before it made."""
    exec(f"def {head}:\n" + "\n".join("    " + line for line in body.strip("\n").split("\n")), names)
    made: Callable[..., Any] = names[head.partition("(")[0]]
    return made


def students(count: int, quick: int = 3) -> list[Any]:
    """Practice and the numbers from 1, as parameters of a test; those after the quick ones are slow."""
    return [
        pytest.param(Student((str(number),) if number else ()), marks=[pytest.mark.slow] * (number >= quick))
        for number in range(count)
    ]


def tried(*numbers: str) -> None:
    """Enter a wrong attempt at each exercise, as a check would."""
    for number in numbers:
        progress(lab_of(number)).add(student(), number, "x", status="wrong", points=0, said="", story=[], gave="x")


def verdict(number: str, answer: Any, student: Student = Student()) -> Verdict:  # noqa: B008
    """The verdict on an answer, without the copy of the process in which a check tries it first. It is printed, for a
    failure that nobody watched.
    """
    with patch.object(apart, "why_not", return_value=""):
        found = judged(exercise(number), answer, student)[0]
    print(found)
    return found
