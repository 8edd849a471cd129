"""The values of exercises: `Exercise`, of which a lab's file has a list, `Verdict` of its judge, `Result` of a check.

A lab's texts, stories and wrong versions stand beside the lab, in labs/exercises/labNN.py; that file makes the
exercises, and `course.exercises.checks` finds them by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mipflow.course.identity import Student

Status = Literal["passed", "not attempted", "wrong", "error"]
MOST_WORDS = 60
"""The most words of a feedback: what happened with your numbers, why a reasonable person thinks so, where to look."""


class Step(NamedTuple):
    """One event of a story, with the outcome of a learner's answer beside the one that is due in the same situation.

    got, due: all that counts, state included, as hashable values; answer: the value that was returned; values: words
    that a feedback may quote; row: the step as a row of a table, without `due`.
    """

    told: str
    answer: Hashable
    got: Any
    due: Any
    values: Mapping[str, Any]
    row: dict[str, object]

    @property
    def is_right(self) -> bool:
        """True where answer and state are as due."""
        return bool(self.got == self.due)


class Share(NamedTuple):
    """A part of an exercise's points: its words, the points earned, of how many, and the story that lost it."""

    words: str
    earned: int
    of: int
    steps: Sequence[Step] = ()


@dataclass(slots=True, frozen=True)
class Verdict:
    """The judgement on one answer. `steps`: the story that shows it, whose last step is the one that goes wrong."""

    status: Status
    points: int
    feedback: str
    misconception: str | None = None
    steps: Sequence[Step] = ()
    shares: Sequence[Share] = ()
    matched: str = ""
    """The name of the known wrong version that behaves so; empty for none."""


Judge = Callable[[Any, Student], Verdict]


@dataclass(slots=True, frozen=True, kw_only=True)
class Exercise:
    """One exercise. `number`: as in "7.3"; `answer`: the name that the learner gives the answer in their notebook.

    judge: gives the verdict on an answer; is_empty: True for the value in the notebook before an answer; film: a
    picture of the learner's function at work, given that function or None, the student and the steps of the last check;
    also: further names, where several things are one answer.
    """

    number: str
    answer: str
    points: int
    judge: Judge
    is_empty: Callable[[Any], object] = lambda answer: answer is None or answer is ...
    hints: tuple[str, ...] = ()
    film: Callable[[Any, Student, Sequence[Step]], Any] | None = None
    also: tuple[str, ...] = ()

    def taken(self, names: Mapping[str, Any]) -> Any:
        """Return the answer by its name in the notebook, or a tuple if there are further names; None where missing."""
        found = tuple(names.get(each) for each in (self.answer, *self.also))
        return found if self.also else found[0]


@dataclass(slots=True, frozen=True)
class Result:
    """The result of `check`: `status`, `points` of `of`, `feedback`, `misconception`; `evidence`: the steps as rows."""

    number: str
    status: Status
    points: int
    of: int
    feedback: str
    misconception: str | None = None
    evidence: list[dict[str, object]] = field(default_factory=list)
    shares: Sequence[Share] = ()
    next_hint: str = ""
    """A sentence about how to open a hint; empty where there is none left."""

    def __repr__(self) -> str:
        return f"check {self.number}: {self.status}, {self.points} of {self.of} points"


def passed(points: int, feedback: str, shares: Sequence[Share] = ()) -> Verdict:
    """Return the verdict on a right answer."""
    return Verdict("passed", points, feedback, shares=shares)


def wrong(feedback: str, points: int = 0, misconception: str | None = None, **more: Any) -> Verdict:
    """Return the verdict on an answer that does not hold."""
    return Verdict("wrong", points, feedback, misconception, **more)


def error(feedback: str) -> Verdict:
    """Return the verdict on an answer that cannot be judged: of another kind, or one that raises."""
    return Verdict("error", 0, feedback)


def failed(why: object, steps: Sequence[Step] = ()) -> Verdict:
    """Return the verdict on an answer that stopped, with the reason."""
    words = str(why)
    return Verdict("error", 0, f"Not yet: {words}" + ("" if words.endswith(".") else "."), steps=steps)
