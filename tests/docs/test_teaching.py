"""The pages for teachers: commands are there, links lead somewhere, tables say what the notebooks say."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from mipflow import cli
from mipflow.course.classroom.submissions import named
from mipflow.course.exercises.stories import Stories
from mipflow.course.identity import Student
from mipflow.course.source import exercises_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("teaching.md", "writing-labs.md")}
TEACHING = PAGES["teaching.md"]
BOOKS = {path.name[:2]: path for path in sorted((ROOT / "labs").glob("[0-9][0-9]_*.ipynb"))}
LINES = [
    (page, line.strip())
    for page, text in PAGES.items()
    for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]+ [^`\n]+)`", text)
]
COMMANDS = ("mipflow", "nbgrader", "python", "make", "pip", "jupyter")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def commands() -> list[list[str]]:
    """Return the words of each command that a page prints, without what stands in front of it."""
    found = []
    for _, line in LINES:
        part = next((each for each in re.split(r"; (?:do )?|\$\(|=\S+ ", line) if each.split(" ")[0] in COMMANDS), None)
        if part is not None:
            found.append(part.rstrip(")").split())
    return found


def table(name: str) -> list[dict[str, str]]:
    """Return a table that is made, by the words of its head."""
    made = re.search(rf"<!-- made by labs/build\.py: {name} -->\n(.*?)<!-- end -->", TEACHING, re.DOTALL)
    assert made is not None
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in made[1].strip().split("\n"))
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_that_is_printed_is_there(words: list[str]) -> None:
    door, *rest = words
    if door == "mipflow":
        cli._parser().parse_args(rest)
    elif door == "make":
        assert f"\n{rest[0]}:" in (ROOT / "Makefile").read_text()
    elif door == "python" and rest[0] != "-m":
        assert (ROOT / rest[0]).exists()
    elif door == "nbgrader":
        apps = pytest.importorskip("nbgrader.apps")
        known = apps.NbGraderApp.subcommands
        assert rest[0] in known
        app = known[rest[0]][0]
        for option in (word[2:] for word in rest if word.startswith("--")):
            assert option in {*app().flags, *app().aliases}, option


def test_more_than_a_few_commands_were_found() -> None:
    doors = {words[0] for words in commands()}
    assert {"mipflow", "nbgrader", "python", "pip"} <= doors and len(commands()) > 12


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    prose = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", re.sub(r"`[^`\n]*`", "", prose)):
        path = (ROOT / "docs" / target).resolve() if target else ROOT / "docs" / page
        assert path.exists(), target
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings]
    for path in re.findall(r"`((?:labs|docs|datasets)/[\w/.]+)`", prose):
        assert (ROOT / path).exists() or "12" in path, path


def test_points_are_those_of_the_notebooks_and_less_than_half_are_for_code() -> None:
    rows = {row["lab"]: row for row in table("marks")}
    assert set(rows) == set(BOOKS)
    for lab, row in rows.items():
        known = {each.number: each for each in exercises_of(lab).EXERCISES}
        graded = [
            cell for cell in nbformat.read(BOOKS[lab], as_version=4).cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        ]  # fmt: skip
        assert int(row["all"]) == sum(cell.metadata.nbgrader.points for cell in graded)
        asked = [found[1] for cell in graded if (found := re.search(r'check\("([\w.]+)"\)', cell.source))]
        assert sum(known[number].points for number in asked) == int(row["all"]) - int(row["explained"])
        told = sum(known[number].points for number in asked if isinstance(known[number].judge, Stories))
        assert told <= int(row["code"]) < int(row["all"]) / 2, f"more than half of lab {lab} is for code"
        assert row["code is"] == f"{100 * int(row['code']) / int(row['all']):.0f} %"
        assert int(row["own run"]) and int(row["break it"]) and int(row["explained"]) == 3


def test_each_lab_has_its_objectives_and_sources() -> None:
    sources = {row["lab"]: row for row in table("sources")}
    for row in table("objectives"):
        if row["lab"] in BOOKS:
            assert row["one can then"].count(";") >= 2 and int(row["minutes (core)"].split()[0]), row
            assert sources[row["lab"]]["patent"] and sources[row["lab"]]["RFCs"], sources[row["lab"]]
    with (ROOT / "docs" / "teaching.csv").open(encoding="utf-8", newline="") as file:
        own = {row["lab"]: row for row in csv.DictReader(file)}
    assert all(row["rfc"] and row["textbook"] for row in own.values())
    for lab, path in ((lab, path) for lab, path in BOOKS.items() if lab in own):
        named = re.findall(r"RFC (\d+)", nbformat.read(path, as_version=4).cells[0].source)
        assert set(named) <= set(re.findall(r"RFC (\d+)", own[lab]["rfc"])), f"lab {lab} names more than teaching.csv"


def test_what_is_to_be_clicked_stands_in_the_tour() -> None:
    says = exercises_of("00")
    assert says.WATCHED in TEACHING and says.TAKE_AWAY in TEACHING
    assert "Store my second answer" in TEACHING and "‹ Event" in TEACHING


@pytest.mark.parametrize(
    "name", ["7-lab07", "1-2-lab07 (1)", "Doe_Ann_s221-lab07", "anna_muster-lab07", "a b_12_1-2-lab07-1", "1-lab077"]
)
def test_nbgrader_reads_the_name_of_a_zip_as_we_do(name: str) -> None:
    printed = re.search(r"```python\nc = get_config\(\)\n(.*?)```", TEACHING, re.DOTALL)
    assert printed is not None
    config = SimpleNamespace(FileNameCollectorPlugin=SimpleNamespace())
    exec(printed[1], {"c": config})
    found = re.match(config.FileNameCollectorPlugin.named_regexp, f"extracted/lab07/{name}/07_figure_six.ipynb")
    assert (found["student_id"] if found else "") == named(Path(f"{name}.zip"))[0]
    assert found is None or found["file_id"] == "07_figure_six"


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.skipif(sys.platform != "linux", reason="the page asks for bash")
def test_an_assignment_goes_as_the_page_prints_it(tmp_path: Path) -> None:
    pytest.importorskip("nbgrader", reason="nbgrader is not installed; pip install 'mipflow[classroom]'")
    section = TEACHING.partition("## Set lab 07 as an assignment")[2].partition("\n## ")[0]
    install, *lines = re.findall(r"^    (\S.*)$", section, re.MULTILINE)
    assert install.startswith("pip install") and "classroom" in install
    config = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert config is not None
    (tmp_path / "nbgrader_config.py").write_text(config[1])
    own = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def bash(lines: list[str]) -> None:
        done = subprocess.run(
            ["bash", "-e", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, timeout=600,
            env=os.environ | own | {"PATH": path, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    bash(lines[:2])
    archive = tmp_path / "downloaded" / "lab07" / "archive"
    archive.mkdir(parents=True)
    pair = Student(("1111", "2222"))
    waited = exercises_of("07").waits_ms(exercises_of("07").run_of(pair))["H@2"]
    for book, who, adds in (("release/lab07", "Doe_Ann_1111-2222", " (1)"), (ROOT / "labs", "33", "")):
        notebook = nbformat.read(tmp_path / book / "07_figure_six.ipynb", as_version=4)
        next(each for each in notebook.cells if each.source.startswith("waited_ms")).source = f"waited_ms = {waited}"
        with zipfile.ZipFile(archive / f"{who}-lab07{adds}.zip", "w") as packed:
            packed.writestr("07_figure_six.ipynb", nbformat.writes(notebook))
            kept = {"form": 1, "lab": "07", "who": ["1111", "2222"], "attempts": {}, "predictions": {}, "hints": {}}
            packed.writestr("progress-lab07.json", json.dumps(kept))
    (tmp_path / "roster.csv").write_text("id\n1111\n2222\n33\n")
    bash(lines[2:])
    with (tmp_path / "grades.csv").open(newline="") as file:
        assert {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)} == {"1111-2222": 5, "33": 0}
    page = (tmp_path / "feedback" / "33" / "lab07" / "07_figure_six.html").read_text()
    assert "Not yet" in page, "a borrowed number, and where the evidence is"
    assert (tmp_path / "submitted" / "33" / "lab07" / "progress-lab07.json").exists(), "explain-back quotes attempts"
