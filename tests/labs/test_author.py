"""`python labs/build.py --new 12_name`: a lab that works at once, and what is refused, in words."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from mipflow import cli
from mipflow.course.identity import Student
from mipflow.course.source import exercises_of
from tests.labs.learner import verdict
from tests.labs.test_build import build
from tests.labs.test_every_lab import functions, short, unknown
from tests.labs.test_links import cited_alone, names_of_the_kit
from tests.labs.test_notebooks import complaints, execute

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "12_how_long_it_lasts"

__all__ = ["build"]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's labs with what stands around them, without what is built."""
    leave_out = shutil.ignore_patterns("*.ipynb", "[0-9][0-9]_*.py", "lab[1-9][0-9].py", "__pycache__")
    for folder in ("labs", "docs"):
        shutil.copytree(REPOSITORY / folder, tmp_path / "kit" / folder, ignore=leave_out)
    shutil.copy(REPOSITORY / "README.md", tmp_path / "kit")
    source = REPOSITORY / "labs" / "source" / "00_tour.py"
    shutil.copy(source, tmp_path / "kit" / "labs" / "source")
    (tmp_path / "kit" / "labs" / "00_tour.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path / "kit")
    return tmp_path / "kit" / "labs"


def new(build: ModuleType, labs: Path, name: str = NAME) -> int:
    status: int = build.main(["--new", name, "--labs", str(labs)])
    return status


def test_a_new_lab_is_built_known_and_judged(
    build: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(build, copy) == 0
    said = capsys.readouterr().out
    for path in re.findall(r"(?:tests/)?(?:labs|docs)/[\w./-]+\w", said):
        assert (REPOSITORY / path).exists() or (copy.parent / path).exists(), f"{path}, which is told of next"
    assert build.main(["--check", "--labs", str(copy)]) == 0
    book = json.loads((copy / f"{NAME}.ipynb").read_text())
    assert "".join(book["cells"][0]["source"]).startswith("# How long it lasts\n")
    read = nbformat.read(copy / f"{NAME}.ipynb", as_version=4)
    named, imported = names_of_the_kit(read)
    assert not cited_alone(read) and named <= imported and "predict" in named
    rows = [line for line in (copy.parent / "README.md").read_text().splitlines() if line.startswith("| [")]
    numbers = [row[3:5] for row in rows if row[3:5].isdigit()]
    assert "12" in numbers and numbers == sorted(numbers)
    assert f"| [{NAME}](labs/{NAME}.ipynb), 25 minutes, 20 of them core | TODO: what one does in it |" in rows
    assert f"| [{NAME}](labs/{NAME}.ipynb), 25 minutes, 20 of them core | TODO: what one does in it |" in rows
    page = (copy.parent / "docs" / "teaching.md").read_text()
    assert "| 12 | [How long it lasts](../labs/12_how_long_it_lasts.ipynb) | 25 (20) |" in page
    assert "| 12 | page 1 | RFC 6275 section 6.1.7 |" in page
    assert "| 12 | 4 | 3 | 0 | 2 | 3 | 12 | 33 % |" in page

    assert short("lab12") == []
    source = copy / "source" / f"{NAME}.py"
    source.write_text(source.read_text().replace("return age_s < 4 * field", "return True").replace("1070.0", "99"))
    assert [re.split(" of |:", line)[0] for line in short("lab12")] == ["12.1 gets 0", "12.R gets 0"]

    for student in (Student(), Student(("1",)), Student(("2", "3"))):
        for task, judge in functions("lab12"):
            assert len(judge.wrong) == 3
            assert [line for known in judge.wrong for line in unknown(task.number, task.points, known, student)] == []
        lab = exercises_of("12")
        assert verdict("12.1", lambda field, age_s: age_s < 4 * field, student).status == "passed"
        assert verdict("12.1", lambda field, age_s: False, student).points == 0
        assert verdict("12.R", lab.waited(student), student).points == 3
        assert verdict("12.R", lab.waited(student) / 1000, student).matched == "seconds"
        assert {verdict("12.2", (f, a), student).points for f in range(4) for a in range(20)} == {0, 2}
        assert len(lab.viva(student, {})) == 3
    assert lab.waited(Student(("1",))) != lab.waited(Student(("2",))), "a neighbor's number is another"
    for number in range(60):
        said = verdict("12.R", lab.waited(Student()), Student((str(number),)))
        assert said.points == 0, f"practice's number is that of {number}"
    for answer in ("long", True, None):
        assert verdict("12.R", answer).points == 0 == verdict("12.2", answer).points


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("00_mine", "lab 00 is there, or is to come: .*choose another number, such as 12_mine"),
        ("07_mine", "lab 07 is there, or is to come"),
        ("3_mine", "'3_mine' is no name of a lab; expected two digits, then words in small letters, such as 12_my_lab"),
        ("12", "is no name"), ("12_Mine", "is no name"), ("12_", "is no name"), ("../12_x", "is no name"),
        ("12_mine.py", "is no name"), ("", "is no name"), ("１２_mine", "is no name"),
    ],
)  # fmt: skip
def test_what_is_there_or_has_a_bad_name_is_refused(
    build: ModuleType, copy: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in copy.parent.rglob("*") if path.is_file()}
    assert new(build, copy, name) == 2
    said = capsys.readouterr().err
    assert re.search(words, said) and said.startswith("labs/build.py: ") and said.count("\n") == 1
    assert before == {path: path.read_bytes() for path in copy.parent.rglob("*") if path.is_file()}


def test_a_number_that_only_the_exercises_have_is_taken(
    build: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "exercises" / "lab12.py").write_text("mine = True\n")
    assert new(build, copy) == 2 and "lab12.py; choose another number, such as 13_" in capsys.readouterr().err
    assert (copy / "exercises" / "lab12.py").read_text() == "mine = True\n"


@pytest.mark.slow
@pytest.mark.notebook
def test_a_new_lab_runs_for_learners_and_with_its_solutions(
    build: ModuleType, copy: Path, tmp_path: Path
) -> None:
    assert new(build, copy) == 0
    done, _ = execute(copy / f"{NAME}.ipynb", copy)
    assert complaints(done) == [] and not list(copy.glob("progress-*"))
    assert cli.main(["solutions", str(tmp_path / "source"), "12"]) == 0
    done, _ = execute(tmp_path / "source" / "lab12" / f"{NAME}.ipynb", copy)
    assert complaints(done) == []
    for cell in nbformat.from_dict(done).cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            assert cell.outputs[-1].data["text/plain"] == str(cell.metadata.nbgrader.points), cell.source


def test_the_example_of_the_page_for_authors_takes_the_place_of_the_first_one(build: ModuleType, copy: Path) -> None:
    page = (REPOSITORY / "docs" / "writing-labs.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    name = re.search(r"--new (12_\w+)", page)
    assert name is not None and new(build, copy, name[1]) == 0
    path = copy / "exercises" / "lab12.py"
    old = re.compile(r"@ours\ndef stands.*?(?=# --- 12\.R)", re.DOTALL)
    text = old.sub(lambda _: blocks[0] + "\n\n", path.read_text())
    path.write_text(text.replace('answer="lives"', 'answer="octets"').replace("judge=LIVES", "judge=OCTETS"))
    source = copy / "source" / f"{name[1]}.py"
    text = re.sub(r"def lives.*?END SOLUTION\n", lambda _: blocks[1], source.read_text(), flags=re.DOTALL)
    source.write_text(text)
    assert build.main(["--labs", str(copy)]) == 0 and short("lab12") == []
    made: dict[str, object] = {}
    exec(blocks[1], made)
    for student in (Student(), Student(("1",))):
        ((task, judge),) = functions("lab12")
        assert [line for known in judge.wrong for line in unknown(task.number, task.points, known, student)] == []
        assert verdict("12.1", made["octets"], student).status == "passed"
        assert verdict("12.1", lambda inner, tunnels: 140, student).points == 0
