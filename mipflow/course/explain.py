"""The explain-back of a lab: a question about the learner's own run and attempts, whose answer a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mipflow.course.identity import Student
from mipflow.course.notebook import Words, words_of
from mipflow.course.progress import progress
from mipflow.course.source import lab_of

Attempts = Mapping[str, Sequence[Mapping[str, Any]]]
"""By exercise, as the file of progress has them."""


def explains(number: str, asked: Callable[[Student, Attempts], str]) -> Callable[[Student], Words]:
    """A part of a lab that shows the question. `asked` gives it, from the attempts at an exercise."""
    return lambda student: words_of(asked(student, {number: progress(lab_of(number)).attempts(number)}))


def last_failed(
    attempts: Attempts, number: str, fits: Callable[[Mapping[str, Any]], object] = lambda attempt: attempt.get("story")
) -> tuple[int, Mapping[str, Any]] | None:
    """The last attempt at an exercise that did not pass and `fits`, by default one with a story: its place, from 1, and
    the attempt.
    """
    failed = ((place, each) for place, each in enumerate(attempts.get(number, ()), 1) if each.get("status") != "passed")
    return next((each for each in reversed([*failed]) if fits(each[1])), None)
