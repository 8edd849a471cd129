"""The reading of submissions: files that are refused, the owner by a file's name, and the oral questions."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mipflow import cli
from mipflow.course.classroom.submissions import named, viva
from mipflow.course.exercises.checks import check
from mipflow.course.handin import pack
from mipflow.course.identity import ROSTER, Student, me
from mipflow.course.progress import progress
from mipflow.errors import DatasetError


def refusal(path: Path) -> str:
    """Return the words with which a submission is refused."""
    with pytest.raises(DatasetError) as raised:
        viva(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("{", "cannot be read: Expecting"), ("[]", "holds no progress"), ('{"form": 9, "kit": "2.0"}', "a newer kit"),
        ('{"form": 1, "attempts": {}, "predictions": {}, "hints": {}}', "does not say whose it is"),
        ('{"form": 1, "attempts": {}, "predictions": {}, "hints": {}, "who": 5, "lab": "99"}', "does not say whose"),
        ('{"form": 1, "attempts": {}, "predictions": {}, "hints": {}, "who": ["7"], "lab": 99}', "is no exercise"),
        ('{"form": 1, "attempts": {}, "predictions": {}, "hints": {}, "who": ["7"], "lab": "98"}', "lab 98 has no ex"),
        ('{"form": 1, "attempts": [], "predictions": {}, "hints": {}, "who": ["7"], "lab": "99"}', "cannot be read"),
    ],
)  # fmt: skip
def test_progress_that_somebody_has_edited_is_refused_in_a_line(kept: str, said: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as file:
        file.writestr("progress-lab99.json", kept)
    told = refusal(tmp_path / "odd.zip")
    assert said in told and told.count("\n") == 0


def test_attempts_that_somebody_has_edited_are_refused_in_a_line(nobody: Path) -> None:
    path = nobody / "exercises" / "lab99.py"
    path.write_text(path.read_text().replace("str(len(attempts))", 'attempts["99.2"][0]["story"][-1]'))
    check("99.2", {"number": -1})
    assert "the attempts in" in refusal(pack("99"))


def test_a_lab_without_oral_questions_is_said_so(nobody: Path) -> None:
    path = nobody / "exercises" / "lab99.py"
    path.write_text(path.read_text().partition("def viva")[0])
    check("99.2", {"number": -1})
    assert refusal(pack("99")) == "lab 99 has no oral questions"


def test_three_questions_about_what_was_handed_in() -> None:
    me("7")
    check("99.2", {"number": -1})
    asked = viva(pack("99"))
    assert len(asked) == 3 and asked[0] == ("What did 7 try?", "1")
    assert viva(progress("99").path) == asked, "as nbgrader has it, beside the notebook"


def test_oral_questions_follow_the_roster_or_the_zips_name_and_another_number_is_told(
    nobody: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    me("7")
    check("99.2", {"number": -1})
    renamed = pack("99").rename(tmp_path / "8-lab99 (1).zip")
    capsys.readouterr()
    assert cli.main(["viva", str(renamed)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The zip is named after 8, and its notebook ran as 7: these are 8's questions.\n")
    assert "What did 8 try?" in said
    folder = nobody / "submitted" / "9" / "lab99"
    folder.mkdir(parents=True)
    inside = progress("99").path.rename(folder / "progress-lab99.json")
    assert viva(inside)[0] == ("What did 9 try?", "1"), "nbgrader's folder bears the number of the roster"
    monkeypatch.setenv(ROSTER, "1+2")
    assert cli.main(["viva", str(renamed)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{ROSTER} says 1-2, and the notebook ran as 7: these are 1-2's questions.\n")


@pytest.mark.parametrize("number", ["7", "s2210101", "anna.muster", "x-1", "a_2"])
@pytest.mark.parametrize("around", ["%s-lab99.zip", "%s-lab99 (1).zip", "Doe, Ann_12_%s-lab99-2.zip"])
def test_additions_of_browsers_and_course_servers_to_a_name_change_no_owner(
    number: str, around: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me(number)
    check("99.2", {"number": -1})
    cli.main(["viva", str(pack("99").rename(tmp_path / (around % Student((number,)).name)))])
    assert "ran as" not in capsys.readouterr().out


def test_a_prefix_is_taken_off_a_name_where_a_number_follows() -> None:
    names = ("7-lab99.zip", "1-2-lab99 (1).zip", "Muster_Anna_s221-lab99.zip", "anna_muster-lab99.zip", "x.zip")
    assert [named(Path(each))[0] for each in names] == ["7", "1-2", "s221", "anna_muster", ""]
