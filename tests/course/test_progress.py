"""The file of progress: a lab goes on, whatever is wrong with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mipflow.course.identity import Student
from mipflow.course.progress import FORM, MOST_ATTEMPTS, Progress, progress

WHO = Student(("7",))


def test_entries_are_there_again_after_reading(nobody: Path) -> None:
    kept = Progress("99", nobody)
    assert not kept.path.exists()
    assert [kept.add(WHO, "99.1", answer, status="wrong") for answer in ("x", "x", "y")] == [1, 1, 2]
    kept.open_hint(WHO, "99.1")
    kept.predict(WHO, "99", answer="a")
    again = Progress("99", nobody)
    assert [each["status"] for each in again.attempts("99.1")] == ["wrong", "wrong"]
    assert again.hints("99.1") == 1 and again.predictions("99")[0]["answer"] == "a"
    text = json.loads(kept.path.read_text())
    assert text["who"] == ["7"] and text["form"] == FORM and text["kit"]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"form": 1}', '{"form": "1"}', "\udcff", "[" * 100_000,
        '{"form": 1, "attempts": {"1": [{}]}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {"1": 5}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {}, "predictions": {"99": [{"answer": 4}]}, "hints": {}}',
        '{"form": 1, "attempts": {}, "predictions": {}, "hints": {"99.1": "x"}}',
        '{"form": 1, "attempts": {"1": [{"answer": "x", "story": 5}]}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {"1": [{"answer": "x", "story": [5]}]}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {"1": [{"answer": "x", "gave": []}]}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": [], "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {}, "predictions": {}, "hints": []}',
        '{"form": 1, "attempts": {"1": ["x"]}, "predictions": {}, "hints": {}}',
        '{"form": 1, "attempts": {}, "predictions": {"99": {"a": 1}}, "hints": {}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_put_aside_and_said(text: str, nobody: Path) -> None:
    path = nobody / "progress-lab99.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    kept = Progress("99", nobody)
    assert "is damaged" in kept.note and "marks do not depend on it" in kept.note
    assert kept.add(WHO, "99.1", "x") == 1
    assert (nobody / "progress-lab99.damaged.json").exists() and Progress("99", nobody).note == ""


def test_a_file_of_a_newer_kit_is_left_alone(nobody: Path) -> None:
    path = nobody / "progress-lab99.json"
    text = json.dumps({"form": FORM + 1, "kit": "9.9", "attempts": "a new form"})
    path.write_text(text)
    kept = Progress("99", nobody)
    assert "of a newer kit ('9.9')" in kept.note and kept.add(WHO, "99.1", "x") == 1
    assert path.read_text() == text


def test_a_folder_in_which_nothing_can_be_written(nobody: Path) -> None:
    kept = Progress("99", nobody / "gone")
    assert kept.add(WHO, "99.1", "x") == 1 and "cannot be written" in kept.note
    assert kept.add(WHO, "99.1", "y") == 2


@pytest.mark.parametrize("what", ["a folder", "a link to itself", "a device", "a pipe", "a link to nothing", "huge"])
def test_anything_but_an_ordinary_file_is_put_aside(what: str, nobody: Path) -> None:
    path = nobody / "progress-lab99.json"
    match what:
        case "a folder":
            path.mkdir()
        case "a link to itself":
            path.symlink_to(path.name)
        case "a device":
            path.symlink_to("/dev/zero")
        case "a pipe":
            os.mkfifo(path)
        case "a link to nothing":
            path.symlink_to("nothing")
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 40)
    kept = Progress("99", nobody)
    assert "is damaged" in kept.note and kept.add(WHO, "99.1", "x") == 1
    assert json.loads(path.read_text())["attempts"]["99.1"]


def test_a_link_to_a_file_is_read_and_written(nobody: Path, tmp_path: Path) -> None:
    (nobody / "progress-lab99.json").symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "elsewhere.json").write_text('{"form": 1, "attempts": {}, "predictions": {}, "hints": {}}')
    kept = Progress("99", nobody)
    assert kept.note == "" and kept.add(WHO, "99.1", "x") == 1
    assert "99.1" in (tmp_path / "elsewhere.json").read_text()


def test_attempts_have_an_end(nobody: Path) -> None:
    kept = Progress("99", nobody)
    kept._kept["attempts"]["99.1"] = [{"answer": str(each)} for each in range(MOST_ATTEMPTS)]
    kept._kept["attempts"]["99.1"][0]["status"] = "passed"
    assert kept.add(WHO, "99.1", "one more", status="passed") == MOST_ATTEMPTS
    found = kept.attempts("99.1")
    assert [found[place].get("status") for place in (0, 1, -1)] == ["passed", None, "passed"], "what passed stays"


def test_there_is_one_for_a_folder(nobody: Path) -> None:
    assert progress("99") is progress("99") and progress("99").path.parent == nobody
