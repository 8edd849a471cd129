"""Programs of blocks: their check is that of typed programs."""

from __future__ import annotations

from typing import Any

import pytest

from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film
from mipflow.course.progress import progress


@pytest.mark.parametrize("letters", ["A B C D", "abcd", "A, B, C, D"])
def test_blocks_make_a_program_and_print_it(letters: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = blocks("99.1", letters)
    assert count is not None and count("AAB") == 3
    assert (
        "def count(letters):\n    found = 0\n    for letter in letters:\n        found += 1" in capsys.readouterr().out
    )
    assert check("99.1", {"count": count}).feedback == "For B you gave 1: you counted letters."


@pytest.mark.parametrize("letters", ["A X", "A A", 7, None, "A-B", "1", ["A"]])
def test_letters_that_are_none_are_answered_in_words(letters: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = blocks("99.1", letters)
    said = capsys.readouterr()
    assert "expected letters of blocks, each once at most, from A B C D" in said.out and said.err == ""
    assert _one_thing(said.out, made)


def _one_thing(said: str, made: Any) -> bool:
    """Return True where the check repeats the words below the cell and counts no answer yet."""
    result = check("99.1", {"count": made})
    return (result.status, result.points) == ("error", 0) and result.feedback == said.strip()


@pytest.mark.parametrize("number", ["99.2", "98.1", "x", None])
def test_an_exercise_without_blocks(number: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert blocks(number, "A") is None and capsys.readouterr().out


def test_a_program_that_python_cannot_read_is_answered_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    made = blocks("99.1", "A B D")
    program, _, said = capsys.readouterr().out.partition("\n\n")
    assert program.endswith("return found") and "needs one below it that stands further right" in said
    assert _one_thing(said, made)
    assert [each["status"] for each in progress("99").attempts("99.1")] == ["error"]
    assert film("99.1", {"count": made}) is None and "99.1 has no film" in capsys.readouterr().out


def test_no_blocks_are_no_answer() -> None:
    assert blocks("99.1", "") is None and check("99.1", {"count": None}).status == "not attempted"
