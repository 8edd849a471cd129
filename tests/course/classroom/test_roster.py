"""The comparison with the roster: learners missing, files without an owner, and files that stop a collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from mipflow import cli
from mipflow.course.classroom.roster import read_roster, roster
from mipflow.course.exercises.checks import check
from mipflow.course.handin import pack
from mipflow.course.identity import me
from mipflow.errors import DatasetError


def put(folder: Path, name: str, *ids: str) -> None:
    """Hand in as `ids`, under a name."""
    me(*ids)
    folder.mkdir(exist_ok=True)
    check("99.2", {"number": -1 - len([*folder.iterdir()])})
    pack("99").rename(folder / name)


def test_missing_unknown_repeated_damaged_and_foreign_files_are_named(
    nobody: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, numbers = tmp_path / "zips", tmp_path / "roster.csv"
    numbers.write_text("last;ID;mark\nA;1;\nB;2;\nC;3;\nD;a.b;\nE;5;\nF;6;\nG;S7;\nH;8;\n")
    put(folder, "1-lab99.zip", "1")
    put(folder, "1-lab99 (1).zip", "1")
    put(folder, "Doe_Ann_2-lab99.zip", "2")
    put(folder, "6-5-lab99.zip", "5", "6")
    put(folder, "a_b-lab99.zip", "a.b")
    put(folder, "s7-lab99.zip", "s7")
    put(folder, "4-lab99.zip", "4")
    put(folder, "1-4-lab99.zip", "1", "4")
    put(folder, "8-lab99.zip", "1")
    put(folder, "practice-lab99.zip")
    (folder / "3-lab99.zip").write_bytes(b"PK no zip")
    told = roster(folder, read_roster(numbers))
    assert told.words[0] == "lab99: 8 of 8 are here; missing: nobody."
    said: dict[str, str] = {}
    for row in told.rows:
        said[str(row["file"])] = said.get(str(row["file"]), "") + str(row["what"])
    assert {name: words for name, words in said.items() if name != "3-lab99.zip"} == {
        "1-lab99.zip": "one of 2 files of 1; keep one", "1-lab99 (1).zip": "one of 2 files of 1; keep one",
        "4-lab99.zip": "not of this roster", "1-4-lab99.zip": "not of this roster",
        "8-lab99.zip": "its notebook ran as 1", "practice-lab99.zip": "no number was given",
    }  # fmt: skip
    assert "no zip of a lab" in said["3-lab99.zip"]
    (folder / "8-lab99.zip").unlink()
    (folder / "3-lab99.zip").unlink()
    assert cli.main(["class", str(folder), "--roster", str(numbers)]) == 0
    out = capsys.readouterr().out
    assert "lab99: 6 of 8 are here; missing: 3 and 8." in out and out.index("The roster") < out.index("The class")


def test_a_roster_is_told_where_nothing_can_be_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "zips").mkdir()
    (tmp_path / "zips" / "7-lab99.zip").write_bytes(b"")
    (tmp_path / "who.txt").write_text("7\n\n8\n")
    assert cli.main(["class", str(tmp_path / "zips"), "--roster", str(tmp_path / "who.txt")]) == 2
    assert "missing: 8" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "\n\n", "id\n", "name,id\nAnn,\n"])
def test_a_file_that_is_no_roster_is_refused_in_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text(text)
    with pytest.raises(DatasetError, match="holds no student number; expected one a line"):
        read_roster(tmp_path / "who.csv")
    with pytest.raises(DatasetError, match="No such file"):
        read_roster(tmp_path / "gone.csv")
