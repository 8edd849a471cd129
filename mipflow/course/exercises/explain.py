"""The explain-back of a lab: a question about the learner's own run and attempts, whose answer a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mipflow.course.identity import Student
from mipflow.course.notebook import Words, words_of
from mipflow.course.progress import progress
from mipflow.course.source import lab_of
from mipflow.view.story.words import series

Attempts = Mapping[str, Sequence[Mapping[str, Any]]]
"""Exercise -> its attempts, as the file of progress has them."""
Rows = Sequence[dict[str, object]]


def explains(
    number: str, asked: Callable[[Student, Attempts], str], *quoted: str,
    rows: Callable[[Student], Rows] = lambda student: (), caption: str = "",
) -> Callable[[Student], Words]:  # fmt: skip
    """Return a part of a lab that shows the question, which `asked` makes of the attempts, with rows below it.

    It waits for an attempt at that exercise and at those whose answers are `quoted`: Run All would give them away.
    """

    def part(student: Student) -> Words:
        kept = progress(lab_of(number))
        if untried := [each for each in (number, *quoted) if not kept.attempts(each)]:
            return words_of(
                f"The question comes once you have tried {series(untried)}: it speaks of what you found there. Then run"
                " this cell again (Shift+Enter). A wrong attempt costs nothing."
            )
        return words_of(asked(student, {number: kept.attempts(number)}), rows(student), caption)

    return part


def last_failed(
    attempts: Attempts, number: str, fits: Callable[[Mapping[str, Any]], object] = lambda attempt: attempt.get("story")
) -> tuple[int, Mapping[str, Any]] | None:
    """Return the last attempt at an exercise that did not pass and `fits`, with its place from 1, or None.

    By default an attempt with a story fits.
    """
    failed = ((place, each) for place, each in enumerate(attempts.get(number, ()), 1) if each.get("status") != "passed")
    return next((each for each in reversed([*failed]) if fits(each[1])), None)


def then(attempts: Attempts, number: str, otherwise: str, joins: str = "for") -> str:
    """Return the end of a question, which asks for the change after the last failed attempt; `otherwise`: for none."""
    failed = last_failed(attempts, number)
    if failed is None:
        return f" Then: {otherwise}"
    place, attempt = failed
    gave = "gave no answer that counts" if attempt.get("status") == "error" else f"gave {attempt.get('gave')}"
    does = "did" if place < len(attempts[number]) else "would"
    return f" Then: attempt {place} of {number} {gave} {joins} {attempt['story'][-1]}. What {does} you change?"
