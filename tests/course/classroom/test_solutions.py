"""Notebooks with solutions: the places where they go, and the words with which others are refused."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from mipflow import cli

BUILDER = Path(__file__).resolve().parents[3] / "labs" / "build.py"
SUMS = '''# %% [markdown]
# # Sums

# %% tags=["answer:99.1"]
def count(letters):
    """Count the letters."""
    ### BEGIN SOLUTION
    return 5
    ### END SOLUTION
'''


@pytest.fixture(autouse=True)
def builder(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of labs with a builder and two sources, one of them without a solution."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    shutil.copy(BUILDER, nobody)
    (nobody / "source").mkdir()
    (nobody / "source" / "99_sums.py").write_text(SUMS)
    (nobody / "source" / "98_told.py").write_text("# %% [markdown]\n# # Told\n")
    return nobody


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert cli.main(["solutions", *map(str, words)]) == 2
    out, said = capsys.readouterr()
    assert out == "" and said.startswith("mipflow: ") and said.count("\n") == 1
    return said


def test_a_notebook_with_solutions_stands_where_nbgrader_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["solutions", str(tmp_path / "source")]) == 0
    (path,) = (each for each in (tmp_path / "source").rglob("*") if each.is_file())
    assert path == tmp_path / "source" / "lab99" / "99_sums.ipynb"
    assert "    ### BEGIN SOLUTION\n    return 5" in nbformat.read(path, as_version=4).cells[1].source
    said = capsys.readouterr().out
    assert str(path) in said and "(99.1: 2)" in said and "lab99.py" in said, "and where wrong versions stand"
    assert cli.main(["solutions", str(tmp_path / "source"), "99"]) == 0, "the same once more"


def test_a_changed_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "source" / "lab99" / "99_sums.ipynb"
    path.parent.mkdir(parents=True)
    for damage in ("mine", b"\xff".decode("latin-1")):
        path.write_text(damage, encoding="latin-1")
        assert "is not what is built" in refused(capsys, tmp_path / "source")
    path.unlink()
    path.mkdir()
    assert "is not what is built" in refused(capsys, tmp_path / "source")


def test_learners_do_not_find_them_among_the_labs(builder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for inside in (builder, builder / "answers", "."):
        assert "which learners open" in refused(capsys, inside)
    assert not list(builder.rglob("lab99/*"))


@pytest.mark.parametrize(
    ("lab", "words"),
    [("98", "lab 98 has no solutions here; labs that have: 99"), ("3", "lab 03 has no"), ("x", "expected its number")],
)
def test_a_lab_that_has_none(lab: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(capsys, tmp_path / "source", "99", lab)
    assert not (tmp_path / "source").exists(), "nothing is written then"


def test_what_cannot_be_written_or_built(
    builder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(capsys, tmp_path / "file")
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "jupytext", None)
        assert "pip install 'mipflow[classroom]'" in refused(capsys, tmp_path / "source")
    (builder / "source" / "99_sums.py").write_text(SUMS.replace("    ### END SOLUTION", ""))
    assert "99_sums.py, cell 2" in refused(capsys, tmp_path / "source")
    (builder / "build.py").unlink()
    assert "build.py is missing" in refused(capsys, tmp_path / "source")
