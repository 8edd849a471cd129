"""A small course in a folder of its own: two exercises and a question, and nobody's progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mipflow.course import identity, notebook, predictions, progress
from mipflow.course.exercises import checks

LAB = '''
from mipflow.course.exercises.exercise import Exercise, Step, passed, wrong
from mipflow.course.predictions import Answer, Question
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong
from mipflow.course.exercises.trial import ours
from mipflow.errors import FunctionFailed
from itertools import product


@ours
def total(letters):
    """Count the letters: A counts one, B two."""
    return sum(1 + (letter == "B") for letter in letters)


def go(function, state, event, student):
    state = state + event
    due = total(state)
    try:
        got = function(state)
    except FunctionFailed as failed:
        values = {"why": str(failed), "had": state}
        return None, Step(f"{event} comes", None, RAISED + "it", due, values, {"letters": state, "yours": "none"})
    values = {"why": "", "had": state, "got": got, "due": due}
    return state, Step(f"{event} comes", got, got, due, values, {"letters": state, "yours": got})


SUM = Stories(
    name="count", parameters="letters", check=lambda result, *_: "" if type(result) is int else "expected a number",
    tell=lambda student: [("", each) for length in (1, 2, 3) for each in product("AB", repeat=length)],
    begin=lambda start, student: start, go=go, points=4, passed=lambda function, student: "Four of four.",
    wrong=(
        Wrong("counts", "For {had} you gave {got}: you counted letters.", (len,), "M1"),
        Wrong("adds one", "For {had} you gave {got}: one too many.", (lambda letters: total(letters) + 1,)),
    ),
    criteria=(
        Criterion("one letter", 1, lambda step: step.is_right if len(step.values["had"]) == 1 else None),
        Criterion("A alone", 3, lambda step: step.is_right if "B" not in step.values["had"] else None),
    ),
    unknown="For {had} you gave {got}.",
)


def judge(answer, student):
    right = student.random("99").randrange(1000)
    return passed(2, "Yes.") if answer == right else wrong(f"{answer} is not it.", misconception="M2")


EXERCISES = [
    Exercise(number="99.1", answer="count", points=4, judge=SUM, hints=("Look at B.", "B counts two.")),
    Exercise(number="99.2", answer="number", points=2, judge=judge),
]
QUESTIONS = {
    "99": Question("99", "What will it be?", {
        "a": Answer("One.", "It was two, at {at}.", "M1", lambda world: world),
        "b": Answer("Two.", "So it was."),
    }),
}
BLOCKS = {
    "99.1": ("def count(letters):", {
        "A": "found = 0", "B": "for letter in letters:", "C": "    found += 1", "D": "return found",
    })
}
PARTS = {"who": lambda student: student.name}


def viva(student, attempts):
    return [(f"What did {student.name} try?", str(len(attempts)))] * 3
'''


def fresh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Change into a folder, with nobody's number, progress and answers."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(identity, "_me", identity.Student())
    for kept in (checks._steps, checks._tried, notebook._unmade, predictions._asked, progress._known):
        kept.clear()
    yield folder
    progress.forget()


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder with lab 99 beside it, and nobody's number, progress or answers."""
    labs = tmp_path / "labs"
    (labs / "exercises").mkdir(parents=True)
    (labs / "00_tour.ipynb").write_text("{}")
    (labs / "99_sums.ipynb").write_text('{"cells": []}')
    (labs / "exercises" / "lab99.py").write_text(LAB)
    yield from fresh(labs, monkeypatch)


@pytest.fixture
def shell() -> Iterator[Any]:
    """Run the test inside an IPython, which runs its cells."""
    made = InteractiveShell.instance()  # type: ignore[no-untyped-call]
    yield made
    InteractiveShell.clear_instance()  # type: ignore[no-untyped-call]
