"""labs/build.py: notebooks are what their sources give, in the form that learners, teachers and tools expect."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

LABS = Path(__file__).resolve().parents[2] / "labs"

TITLE = "# %% [markdown]\n# # A lab\n"
SOLVED = (
    TITLE
    + """
# %% tags=["answer:9.1"]
def double(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tags=["check:9.1:2"]
double(2)

# %% [markdown] tags=["essay:9.2:3"]
# Why?
#
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION

# %% tags=["hide"]
double
"""
)


@pytest.fixture(scope="module")
def build() -> Iterator[ModuleType]:
    """The builder as a module; it looks beside itself for the pictures."""
    spec = importlib.util.spec_from_file_location("labs_build", LABS / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder of labs with one source."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "99_test.py").write_text(SOLVED)
    return tmp_path


def made(build: ModuleType, lab: Path, source: str, solutions: bool = False) -> list[dict[str, Any]]:
    path = lab / "source" / "99_test.py"
    path.write_text(source)
    cells: list[dict[str, Any]] = json.loads(build.notebook(path, solutions=solutions))["cells"]
    return cells


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


# --- what is committed -----------------------------------------------------------------------------------------------


def test_the_committed_notebooks_are_what_the_sources_give() -> None:
    done = subprocess.run([sys.executable, LABS / "build.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", sorted(LABS.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_committed_notebook_opens_without_a_question(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3", "JupyterLab asks for a kernel where none is named"
    ids = [cell.id for cell in notebook.cells]
    if path.name[:2].isdigit():
        assert ids == [f"lab{path.name[:2]}-{number:02}" for number in range(1, len(ids) + 1)]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_the_first_cell_shows_a_picture_without_a_kernel() -> None:
    first = nbformat.read(LABS / "00_tour.ipynb", as_version=4).cells[0].source
    found = re.search(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="([^"]+)"', first)
    assert found is not None
    assert found[1].endswith("what will the call do?"), "it asks, and gives no answer away"
    assert "Run > Run All Cells" in first


@pytest.mark.parametrize("path", sorted(LABS.glob("0*.ipynb")), ids=lambda path: path.name)
def test_where_a_lab_asks_for_words_there_is_a_place_for_them(path: Path) -> None:
    """A cell of its own with dots, and the word how to get into it; lab 08 takes a sentence in a cell of code."""
    asks = re.compile(r"(?i)in one line[:,]|one sentence(?! without code behind `notice`)|minutes you needed")
    book = nbformat.read(path, as_version=4)
    cells = [" ".join(cell.source.split()) for cell in book.cells if cell.cell_type == "markdown"]
    assert sum("Minutes you needed" in each for each in cells) == 1
    for each in filter(asks.search, cells):
        assert re.search(r"[Dd]ouble-click here, .*‹…›$", each), each


# --- what the builder does -------------------------------------------------------------------------------------------


def test_two_builds_are_the_same(build: ModuleType, lab: Path) -> None:
    assert build.built(lab, lab) == build.built(lab, lab)


def test_learners_get_a_stub_for_every_solution(build: ModuleType, lab: Path) -> None:
    _, answer, _, essay, _ = made(build, lab, SOLVED)
    assert text(answer).endswith('"""Twice x."""\n    raise NotImplementedError("your turn")')
    assert text(essay) == "Why?\n\n*Double-click here, and write in place of these words.*"
    top = made(build, lab, SOLVED.replace("double(2)", "x = 1").replace("    ###", "###").replace("    return", "y ="))
    assert text(top[1]).endswith("\n# your turn"), "an exception there would end Run All, and a value would be shown"


def test_solutions_keep_their_marks(build: ModuleType, lab: Path) -> None:
    cells = made(build, lab, SOLVED, solutions=True)
    assert "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION" in text(cells[1])
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in made(build, lab, SOLVED)]


def test_a_cell_brings_what_it_calls_of_the_course(build: ModuleType, lab: Path) -> None:
    def first_line(source: str) -> str:
        return text(made(build, lab, f"{TITLE}\n# %%\n{source}\n")[1]).split("\n")[0]

    assert first_line('check("9.1").points') == "from mipflow.course import check"
    assert first_line('# assign = blocks("9.1", "A")\nhint("9.1")') == "from mipflow.course import blocks, hint"
    for alone in ("tour.ask()", "recheck(3)", "from mipflow.course import me\nme()", "part = 3", "checks(1)"):
        assert first_line(alone) == alone.split("\n")[0]
    folded = made(build, lab, f'{TITLE}\n# %% tags=["hide"]\nask("99")\n')[1]
    assert text(folded) == 'from mipflow.course import ask; ask("99")', "its first line is all that is seen"


def test_tags_become_the_metadata_of_nbgrader_and_jupyterlab(build: ModuleType, lab: Path) -> None:
    title, answer, check, essay, drawing = (cell["metadata"] for cell in made(build, lab, SOLVED))
    common = {"schema_version": 3, "task": False}
    assert title == {}
    assert drawing == {"jupyter": {"source_hidden": True}}
    assert answer == {
        "nbgrader": {
            **common, "cell_type": "code", "grade": False, "grade_id": "answer-9-1", "locked": False, "solution": True,
        },
        "tags": ["raises-exception"],
    }  # fmt: skip
    assert check["nbgrader"] == {
        **common, "cell_type": "code", "grade": True, "grade_id": "check-9-1", "locked": True, "points": 2,
        "solution": False,
    }  # fmt: skip
    assert essay["nbgrader"] == {
        **common, "cell_type": "markdown", "grade": True, "grade_id": "essay-9-2", "locked": False, "points": 3,
        "solution": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (SOLVED.replace("    ### END SOLUTION", ""), r"cell 2: '### BEGIN SOLUTION' has no '### END SOLUTION'"),
        (SOLVED.replace("### BEGIN", "### END"), r"cell 2: '### END SOLUTION' where '### BEGIN SOLUTION' is due"),
        (SOLVED.replace('tags=["answer:9.1"]', ""), r"cell 2: a solution in a cell without the tag answer:ID"),
        (SOLVED.replace('"hide"', '"hidden"'), r"cell 5: tag 'hidden'; expected one of hide"),
        (SOLVED.replace("check:9.1:2", "check:9.1"), r"cell 3: tag 'check:9.1'; expected its points"),
        (SOLVED.replace("answer:9.1", "answer:9.1:2"), r"cell 2: tag 'answer:9.1:2'; only check and essay have points"),
        (SOLVED.replace("[markdown] tags=[\"essay:9.2:3", "[markdown] tags=[\"check:9.2:3"), r"belongs to a code cell"),
        (SOLVED + '\n# %% tags=["check:9.1:2"]\n1\n', r"cell 6: 'check-9-1' is there twice"),
        (SOLVED.replace("# # A lab", "# A lab"), r"cell 1: expected text that begins with the title"),
        (SOLVED.replace("# Why?", "# ### Why?"), r"cell 4: heading '###'; expected one '#'"),
        (TITLE + "\n# %%\n" + "x = 1\n" * 16, r"cell 2: 16 lines; at most 15"),
        (TITLE + "\n# %%\nx = 1\n" * 13, r"99_test.py: 13 visible code cells; at most 12"),
        (TITLE + "#\n# ![ ](https://example.org/a.png)\n", r"cell 1: an image without words"),
        (TITLE + "#\n# [a sky](word:sky)\n", r"cell 1: word:sky is not in glossary.py; give it a cell there"),
        (TITLE + "#\n# ![a sky](picture:sky)\n", r"cell 1: there is no picture 'sky'; expected before or hero"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_named_in_one_line(
    build: ModuleType, lab: Path, source: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "source" / "99_test.py").write_text(source)
    assert build.main(["--labs", str(lab)]) == 2
    said = capsys.readouterr().err
    assert re.search(complaint, said), said
    assert said.startswith("labs/build.py: 99_test.py")
    assert said.count("\n") == 1
    assert not list(lab.glob("*.ipynb"))


def test_a_check_is_no_cell_to_read(build: ModuleType, lab: Path) -> None:
    cells = "".join(f'\n# %% tags=["check:99.{number}:1"]\ncheck("99.{number}").points\n' for number in range(13))
    (lab / "source" / "99_test.py").write_text(TITLE + cells)
    assert build.main(["--labs", str(lab)]) == 0


WORDS = """# %% [markdown]
# # Words
#
# %% [markdown]
# ## Care-of address
#
# Where.
"""


def test_links_lead_to_words_and_to_the_labs_that_are_there(build: ModuleType, lab: Path) -> None:
    (lab / "source" / "glossary.py").write_text(WORDS)
    source = TITLE + "#\n# An [address](word:care-of-address), [lab 99](lab:99) and [lab\n# 98](lab:98).\n"
    (cell,) = made(build, lab, source)
    assert text(cell).endswith(
        "An [address](glossary.ipynb#cell-id=care-of-address), [lab 99](99_test.ipynb) and lab\n98 (to come)."
    )
    glossary = json.loads(build.built(lab, lab)[lab / "glossary.ipynb"])
    assert [cell["id"] for cell in glossary["cells"]] == ["glossary-01", "care-of-address"]
    (lab / "source" / "98_more.py").write_text(TITLE)
    (cell,) = made(build, lab, source)
    assert text(cell).endswith("[lab\n98](98_more.ipynb).")


def test_a_word_that_is_explained_twice_is_refused(
    build: ModuleType, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = WORDS[WORDS.index("# %%", 1) :]
    (lab / "source" / "glossary.py").write_text(WORDS + word.replace("Care-of", "Octet") + word)
    assert build.main(["--labs", str(lab)]) == 2
    assert capsys.readouterr().err == "labs/build.py: glossary.py, cell 4: 'care-of-address' is there twice\n"


def test_the_map_is_read_from_the_labs_and_the_plan(build: ModuleType, lab: Path) -> None:
    (lab / "plan.csv").write_text("lab,title,core,minutes,needs\n97,Rivals,50,70,99\n99,A plan,1,2,97\n")
    told = "#\n# **Core (play, 9.1) 40\n# minutes; all of it 60.** You need lab 97 and\n# lab 98. See lab 11.\n"
    (lab / "source" / "98_tour.py").write_text("# %% [markdown]\n# # A tour\n#\n# About 20 minutes.\n")
    (lab / "source" / "index.py").write_text("# %% [markdown]\n# # Labs\n#\n# [map](map:labs)\n")
    (lab / "source" / "99_test.py").write_text(TITLE + told)
    (lab / "source" / "pre_test.py").write_text("# %% [markdown]\n# # Before\n#\n# Takes 10 minutes.\n")
    (cell,) = json.loads(build.built(lab, lab)[lab / "index.ipynb"])["cells"]
    assert text(cell).split("\n")[4:] == [
        "|  | [Before](pre_test.ipynb) | 10 |  |  |",
        "| 97 | Rivals (to come) | 70 | 50 | 99 |",
        "| 98 | [A tour](98_tour.ipynb) | 20 |  |  |",
        "| 99 | [A lab](99_test.ipynb) | 60 | 40 | 97, 98 |",
    ]


def test_no_lab_that_stands_is_said_to_come() -> None:
    standing = {each.name[:2] for each in (LABS / "source").glob("[0-9][0-9]_*.py")}
    with (LABS / "plan.csv").open(encoding="utf-8", newline="") as file:
        planned = {row["lab"] for row in csv.DictReader(file)}
    assert not standing & planned
    said = [each.name for each in (LABS / "source").glob("*.py") if "still to come" in each.read_text(encoding="utf-8")]
    assert planned or not said, said


def test_a_name_and_a_folder_that_cannot_be(build: ModuleType, lab: Path, tmp_path: Path) -> None:
    (lab / "source" / "99_test.py").rename(lab / "source" / "Test.py")
    with pytest.raises(build.SourceError, match=r"Test.py: expected a name such as 07_figure_six.py"):
        build.built(lab, lab)
    with pytest.raises(build.SourceError, match=r"no lab: .*source holds no NN_name.py"):
        build.built(tmp_path / "nowhere", tmp_path)


def test_check_writes_nothing_and_names_what_differs(
    build: ModuleType, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--check", "--labs", str(lab)]) == 1
    assert capsys.readouterr().err == "99_test.ipynb is missing; run python labs/build.py\n"
    assert build.main(["--labs", str(lab)]) == 0
    assert build.main(["--check", "--labs", str(lab)]) == 0
    notebook = lab / "99_test.ipynb"
    notebook.write_text(notebook.read_text().replace("Twice", "Double"))
    (lab / "98_stray.ipynb").write_text("{}")
    before = notebook.read_text()
    assert build.main(["--check", "--labs", str(lab)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(";")[0] for line in lines] == [
        "99_test.ipynb is not what its source gives",
        "98_stray.ipynb has no source",
    ]
    assert notebook.read_text() == before


def test_every_lab_whose_checks_offer_hints_imports_what_opens_them() -> None:
    for source in sorted((LABS / "source").glob("0*.py")):
        line = next(line for line in source.read_text().splitlines() if line.startswith("from mipflow.course import"))
        assert "check" in line and " hint," in line, source.name
