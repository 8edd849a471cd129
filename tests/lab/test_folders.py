"""mipflow/lab/folders.py: the folders that ship beside the package are found from anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from mipflow.errors import DatasetError
from mipflow.lab import folders
from mipflow.lab.folders import find_folder


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a current folder below which there is nothing, with a package that has nothing beside it."""
    here = tmp_path / "home" / "deep" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setattr(folders, "_BESIDE_PACKAGE", tmp_path / "package")
    return here


def make(parent: Path, name: str, content: str) -> Path:
    (parent / name / content).mkdir(parents=True)
    return parent / name


def test_the_nearest_folder_above_wins(nowhere: Path) -> None:
    make(nowhere.parents[1], "datasets", "captures")
    nearest = make(nowhere.parent, "datasets", "captures")
    assert find_folder("datasets") == nearest


def test_the_folder_beside_the_package_comes_last(nowhere: Path, tmp_path: Path) -> None:
    beside = make(tmp_path / "package", "labs", "00_tour.ipynb")
    assert find_folder("labs") == beside
    above = make(tmp_path, "labs", "00_tour.ipynb")
    assert find_folder("labs") == above


def test_another_folder_of_the_same_name_is_passed_by(nowhere: Path, tmp_path: Path) -> None:
    make(nowhere, "datasets", "holidays")
    ours = make(tmp_path, "datasets", "captures")
    assert find_folder("datasets") == ours


def test_a_missing_folder_is_one_line_that_says_where_it_looked(nowhere: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        find_folder("labs")
    assert caught.value.value == "labs"
    text = str(caught.value)
    assert "labs/" in text and str(nowhere) in text and str(tmp_path / "package") in text
    assert "\n" not in text
