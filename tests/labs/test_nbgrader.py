"""A class with lab 07 and nbgrader: what is released, what is handed in, and what it earns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from mipflow import cli
from mipflow.course import progress
from mipflow.course.identity import ROSTER, Student
from mipflow.course.source import exercises_of

REPOSITORY = Path(__file__).resolve().parents[2]
NAME, STUDENT = "07_figure_six.ipynb", "4711"
GRADED = {"7.2": 5, "7.3": 10, "7.R": 5, "7.4": 5, "7.5": 5}

pytest.importorskip("nbgrader", reason="nbgrader is not installed; pip install 'mipflow[classroom]'")
pytestmark = [pytest.mark.slow, pytest.mark.notebook]

PASSED = [{"at": "2026-01-01", "answer": "x", "status": "passed", "points": 10, "said": "", "story": []}]
EDITED = {"form": 1, "lab": "07", "attempts": dict.fromkeys(GRADED, PASSED), "predictions": {}, "hints": {}}
"""A file of progress as a learner would like it to be."""
BY_FIGURE = """def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        if all(other.home != home or other.cn != flow.cn for other in flows):
            return home
    homes.append(allocate())
    return homes[-1]"""
RELEASE = """def release(flow, homes, flows):
    if flow.home not in [homes[0], *(other.home for other in flows)]:
        homes.remove(flow.home)"""


def nbgrader(folder: Path, *arguments: str) -> None:
    own = {
        name: str(folder / name.lower()) for name in
        ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, f"--CourseDirectory.root={folder}"],
        cwd=folder, env=os.environ | own | {"PYTHONPATH": str(REPOSITORY), ROSTER: STUDENT}, capture_output=True,
        text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def right_answers() -> dict[str, str]:
    """Those of the student with the number of the roster, worked out by the lab's own stories."""
    lab, student = exercises_of("07"), Student((STUDENT,))
    trace = [step.answer for step in lab.told(lab.figure6, lab.trace_of(student), student)]
    program = lab.dealt_to(student)
    story = next(s[1] for s in lab.stories() if s[0] == ("H@1",) and lab._first_wrong(program, s[1], student))
    return {
        "trace = ": f"trace = {trace}",
        "def assign(": BY_FIGURE,
        "waited_ms = ": f"waited_ms = {lab.waits_ms(lab.run_of(student))['H@2']}",
        "def release(": RELEASE,
        "story = ": f"story = {' '.join(story)!r}",
    }


def handed_in() -> dict[str, dict[str, str]]:
    """Who hands in what: cells written anew, by how they begin; all else is as it was released."""
    right = right_answers()
    return {
        "right": right,
        "partly": right | {
            "trace = ": right["trace = "] + "\ntrace[-1] = 'H@9'",
            "def assign(": BY_FIGURE.replace("homes.append(allocate())\n    return homes[-1]", "return allocate()"),
            "def release(": "def release(flow, homes, flows):\n    x = 1",
            "story = ": right["story = "][:-1] + " C'",
        },
        "wrong": {
            "trace = ": "trace = ['H@1'] * 5",
            "def assign(": "def assign(flow, homes, flows, allocate):\n    return homes[0]",
            "waited_ms = ": "waited_ms = 1000",
            "def release(": "def release(flow, homes, flows):\n    homes.clear()",
            "story = ": "story = 'A'",
        },
        "blank": {},
        "loops": right | {
            "def assign(": "def assign(flow, homes, flows, allocate):\n    while True:\n        pass",
            "def release(": "def release(flow, homes, flows):\n    return sum(range(10**12))",
        },
        "takes": right | {
            "def assign(": "class check:\n    points = 10\n    def __init__(self, number): pass",
            "waited_ms = ": "from mipflow.course import me\nme('somebody else')\n" + right["waited_ms = "],
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of nbgrader's in which lab 07 is released, handed in and marked."""
    folder = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "path", list(sys.path))
        patched.chdir(REPOSITORY)
        assert cli.main(["solutions", str(folder / "source"), "07"]) == 0
        # nbgrader calls alembic by its name.
        patched.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        nbgrader(folder, "generate_assignment", "lab07", "--create")
        for who, answers in handed_in().items():
            notebook = nbformat.read(folder / "release" / "lab07" / NAME, as_version=4)
            for begins, text in answers.items():
                next(cell for cell in notebook.cells if cell.source.startswith(begins)).source = text
            place = folder / "submitted" / who / "lab07"
            place.mkdir(parents=True)
            nbformat.write(notebook, place / NAME)
        (folder / "submitted" / "blank" / "lab07" / "progress-lab07.json").write_text(json.dumps(EDITED))
        nbgrader(folder, "autograde", "lab07", "--create")
        yield folder
    progress.forget()


def marks(folder: Path, who: str) -> dict[str, float]:
    """The marks of one of them, by exercise."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        found = book.find_submission_notebook(NAME.removesuffix(".ipynb"), "lab07", who)
        earned = {grade.cell.name: grade.auto_score for grade in found.grades}
    return {number: earned[f"check-{number.replace('.', '-')}"] for number in GRADED}


def test_what_is_released_holds_no_solution_and_no_output(classroom: Path) -> None:
    notebook = nbformat.read(classroom / "release" / "lab07" / NAME, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    for word in ("SOLUTION", "reversed(homes):\n        if not any", "5908.4", "homes.remove", "A A -2 A", "0 retells"):
        assert word not in text, word
    locked = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert sum(cell.metadata.nbgrader.points for cell in locked) == sum(GRADED.values()) + 3
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_right_answers_earn_all_points(classroom: Path) -> None:
    assert marks(classroom, "right") == GRADED


def test_partly_right_answers_earn_a_part(classroom: Path) -> None:
    earned = marks(classroom, "partly")
    assert earned["7.2"] == 4 and earned["7.R"] == 5 and earned["7.5"] == 3
    assert 0 < earned["7.3"] < 10 and 0 <= earned["7.4"] < 5


def test_wrong_answers_earn_nothing(classroom: Path) -> None:
    assert marks(classroom, "wrong") == dict.fromkeys(GRADED, 0)


def test_a_blank_notebook_earns_nothing_whatever_its_file_of_progress_says(classroom: Path) -> None:
    assert marks(classroom, "blank") == dict.fromkeys(GRADED, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="no process is copied here")
def test_what_loops_earns_nothing_and_the_rest_its_points(classroom: Path) -> None:
    assert marks(classroom, "loops") == GRADED | {"7.3": 0, "7.4": 0}


def test_who_takes_our_names_earns_what_the_answers_are_worth(classroom: Path) -> None:
    assert marks(classroom, "takes") == GRADED | {"7.3": 0}
