"""Exercises are found beside their labs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mipflow.course.source import called, exercise, exercises_of, lab_of
from mipflow.errors import DatasetError, ProtocolMisuse


def test_a_lab_is_found_by_the_number_of_an_exercise() -> None:
    assert [lab_of(each) for each in ("7.3", "07", "99.1", "07-exit", "7.R")] == ["07", "07", "99", "07", "07"]
    assert [lab_of(each) for each in ("pre", "post", "pre-A3", "post-B10")] == ["pre", "post", "pre", "post"]
    assert [called(each) for each in ("07", "pre")] == ["lab07", "pre"]
    for no_lab in ("prefix", "pretest-1", "x", "", 7):
        with pytest.raises(ProtocolMisuse, match="is no exercise"):
            lab_of(no_lab)
    assert exercise("99.1").points == 4
    with pytest.raises(ProtocolMisuse, match=r"lab 99 has 99\.1, 99\.2"):
        exercise("99.3")


def test_a_teacher_changes_a_lesson_without_touching_the_package(nobody: Path) -> None:
    assert exercises_of("99") is exercises_of("99")
    path = nobody / "exercises" / "lab99.py"
    path.write_text(path.read_text().replace('answer="count", points=4', 'answer="count", points=5'))
    os.utime(path, ns=(1, 1))
    assert exercise("99.1").points == 5
    path.write_text("broken(")
    os.utime(path, ns=(2, 2))
    with pytest.raises(DatasetError, match=r"lab99\.py cannot be read"):
        exercise("99.1")
