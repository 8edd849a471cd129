"""A lab's file of exercises, whichever lab: `-k lab12` for one. Each wrong version that it knows gets its own feedback,
points and names are those of the notebook, and texts are as short as they have to be.

What only one lab has is held by its own test file; those that have none are judged quickly here.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import nbformat
import pytest

from mipflow import course
from mipflow.course.exercises.exercise import MOST_WORDS, Exercise
from mipflow.course.exercises.stories import Stories, Wrong
from mipflow.course.identity import Student
from mipflow.course.source import exercises_of, file_of
from tests.labs.learner import verdict

REPOSITORY = Path(__file__).resolve().parents[2]
LABS = sorted(path.stem for path in (REPOSITORY / "labs" / "exercises").glob("lab[0-9][0-9].py"))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


def functions(lab: str) -> list[tuple[Exercise, Stories]]:
    """The exercises whose answer is a function, with what judges them."""
    tasks = exercises_of(lab.removeprefix("lab")).EXERCISES
    return [(task, task.judge) for task in tasks if isinstance(task.judge, Stories)]


def unknown(number: str, points: int, known: Wrong, student: Student) -> list[str]:
    """Complaints about what is said of the programs of a wrong version; none where each gets its own feedback."""
    found = []
    for program in known.programs:
        said = verdict(number, program, student)
        if said.status == "not attempted":
            continue  # a version that does nothing, which is also what the notebook holds at first
        place = f"{number}, {known.name!r}"
        if said.matched != known.name:
            found.append(f"{place} gets the feedback of {said.matched or said.status!r}: {said.feedback}")
        if said.status == "passed" or said.points >= points:
            found.append(f"{place} gets {said.points} points")
        if len(said.feedback.split()) > MOST_WORDS or re.search(r"\{\w*\}", said.feedback):
            found.append(f"{place} takes more than {MOST_WORDS} words, or a name that is not there: {said.feedback}")
    return found


def cells(lab: str) -> list[Any]:
    """The cells of a lab's notebook."""
    (path,) = (REPOSITORY / "labs").glob(f"{lab.removeprefix('lab')}_*.ipynb")
    return list(nbformat.read(path, as_version=4).cells)


def module(lab: str) -> ModuleType:
    return exercises_of(lab.removeprefix("lab"))


def solved(lab: str) -> dict[str, Any]:
    """Return the names that the solutions in a lab's source define."""
    number = lab.removeprefix("lab")
    (path,) = (file_of(number).parents[1] / "source").glob(f"{number}_*.py")
    made: dict[str, Any] = {name: getattr(course, name) for name in course.__all__}
    for cell in jupytext.read(path).cells:
        if any(tag.startswith("answer:") for tag in cell.metadata.get("tags", [])):
            exec(cell.source, made)
    return made


def short(lab: str) -> list[str]:
    """Complaints about the solutions of a lab; none where each gets all points."""
    made, found = solved(lab), []
    for task in module(lab).EXERCISES:
        said = verdict(task.number, task.taken(made)) if task.points else None
        if said is not None and (said.status, said.points) != ("passed", task.points):
            found.append(f"{task.number} gets {said.points} of {task.points}: {said.feedback}")
    return found


def marks(lab: str) -> list[pytest.MarkDecorator]:
    """Slow where the lab has a test file of its own."""
    return [pytest.mark.slow] * (Path(__file__).parent / f"test_{lab}.py").exists()


def of_each() -> list[Any]:
    """A wrong version of a lab that has no test file of its own, as a parameter; of lab 01 where none is without."""
    without = [lab for lab in LABS if not marks(lab)] or ["lab01"]
    return [
        pytest.param(task.number, task.points, known, id=f"{lab}-{task.number}-{known.name}", marks=marks(lab))
        for lab in without for task, judge in functions(lab) for known in judge.wrong if known.programs
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "points", "known"), of_each())
def test_a_wrong_version_gets_its_own_feedback(number: str, points: int, known: Wrong) -> None:
    found = unknown(number, points, known, Student())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lab", [pytest.param(lab, marks=marks(lab)) for lab in LABS])
def test_the_solutions_get_all_points(lab: str) -> None:
    found = short(lab)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lab", LABS)
def test_a_function_has_three_wrong_versions_or_more_that_are_told_apart(lab: str) -> None:
    for task, judge in functions(lab):
        names = [known.name for known in judge.wrong]
        assert len(names) >= 3 and len(set(names)) == len(names), task.number
        assert len({known.feedback for known in judge.wrong}) == len(names), task.number
        assert sum(each.points for each in judge.criteria) == task.points == judge.points, task.number


@pytest.mark.parametrize("lab", LABS)
def test_points_and_parts_are_those_of_the_notebook(lab: str) -> None:
    tasks = {task.number: task.points for task in module(lab).EXERCISES}
    code = [cell for cell in cells(lab) if cell.cell_type == "code"]
    graded = {
        found[1]: cell.metadata.nbgrader.points for cell in code
        if cell.metadata.get("nbgrader", {}).get("grade") and (found := re.search(r'check\("([\w.]+)"\)', cell.source))
    }  # fmt: skip
    assert graded == {number: points for number, points in tasks.items() if points}
    number = lab.removeprefix("lab")
    for cell in code:
        assert set(re.findall(rf'part\("{number}", "([^"]+)"\)', cell.source)) <= set(module(lab).PARTS)
        assert set(re.findall(r'(?:ask|reveal)\("([^"]+)"', cell.source)) <= set(module(lab).QUESTIONS)


@pytest.mark.parametrize("lab", LABS)
def test_three_oral_questions_have_answers_whatever_was_tried(lab: str) -> None:
    for student in (Student(), Student(("1",))):
        asked = module(lab).viva(student, {})
        assert len(asked) == 3 and all(question and answer for question, answer in asked)
