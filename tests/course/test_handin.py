"""Handing in: notebook and progress there and back again."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check
from mipflow.course.handin import EMPTY, hand_in, pack, restore
from mipflow.course.identity import me
from mipflow.course.progress import progress
from mipflow.errors import DatasetError


def test_a_server_that_is_culled_takes_nothing_away(nobody: Path, tmp_path: Path) -> None:
    me("7", "8")
    check("99.2", {"number": -1})
    packed = pack("99")
    assert packed.name == "7-8-lab99.zip"
    kept = tmp_path / "kept.zip"
    packed.rename(kept)
    (nobody / "99_sums.ipynb").write_text("an empty one")
    progress("99").path.unlink()
    assert sorted(path.name for path in restore(kept) or ()) == ["99_sums.ipynb", "progress-lab99.json"]
    assert (nobody / "99_sums.ipynb").read_text() == '{"cells": []}'
    assert [path.read_text() for path in nobody.glob("99_sums.before-*")] == ["an empty one"]
    assert len(progress("99").attempts("99.2")) == 1


def test_the_notebook_that_runs_is_taken(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nobody / "99_sums-Copy1.ipynb").write_text("mine")
    monkeypatch.setenv("JPY_SESSION_NAME", "labs/99_sums-Copy1.ipynb")
    with zipfile.ZipFile(pack("99")) as packed:
        assert packed.read("99_sums-Copy1.ipynb") == b"mine"


def test_a_zip_reaches_no_other_folder(nobody: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.writestr("../../99_out.ipynb", "x")
        bad.writestr("..\\other.json", "y")
        bad.writestr("run.py", "z")
    assert sorted(path.parent for path in restore(tmp_path / "bad.zip") or ()) == [nobody, nobody]
    assert not (nobody / "run.py").exists()


def refusal(call: Callable[[Path], object], path: Path) -> str:
    """Return the words with which a zip is refused, which a notebook shows and the shell raises."""
    with redirect_stdout(StringIO()) as said:
        try:
            call(path)
        except DatasetError as error:
            return str(error)
    return said.getvalue()


def test_anything_in_the_way_of_a_restored_file_is_put_aside(nobody: Path, tmp_path: Path) -> None:
    packed = tmp_path / "some.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("progress-lab99.json", "{}")
    (nobody / "progress-lab99.json").symlink_to("progress-lab99.json")
    restore(packed)
    assert (nobody / "progress-lab99.json").read_text() == "{}"
    (nobody / "progress-lab99.json").unlink()
    (nobody / "progress-lab99.json").mkdir()
    restore(packed)
    assert (nobody / "progress-lab99.json").read_text() == "{}"


def test_anything_but_a_zip_of_a_lab_is_refused_in_a_line(nobody: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK no zip")
    for call in (restore, viva):
        assert "no zip" in refusal(call, bad)
        assert "none.zip: No such file or directory; expected the zip" in refusal(call, tmp_path / "none.zip")
    with zipfile.ZipFile(bad, "w") as empty:
        empty.writestr("readme.txt", "x")
    assert "no notebook" in refusal(restore, bad)
    with pytest.raises(DatasetError, match="holds no progress"):
        viva(bad)
    with pytest.raises(DatasetError, match="no notebook of lab 98"):
        pack("98")


def test_a_zip_that_is_damaged_anywhere_is_refused_in_a_line(tmp_path: Path) -> None:
    """Damage each octet of a zip: of its names, its packed content, its list of contents."""
    me("7")
    check("99.2", {"number": -1})
    whole, path = pack("99").read_bytes(), tmp_path / "bad.zip"
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        for call in (restore, viva):
            refused += bool(refusal(call, path))
    assert refused > len(whole)


def test_one_button_makes_the_file() -> None:
    form = hand_in("99")
    make, said = form.children[0].children[0], form.children[1]
    make.click()
    told = said.outputs[0]["data"]["text/html"]
    assert "download='practice-lab99.zip'" in told and "nobody will know that it is yours" in told
    me("7")
    make.click()
    assert "nobody will know" not in said.outputs[0]["data"]["text/html"]


def test_a_notebook_that_is_not_saved_as_it_ran_makes_no_file(nobody: Path, shell: Any) -> None:
    def saved(*sources: str, words: str = "Hm.") -> None:
        essay = {"source": [words], "metadata": {"nbgrader": {"grade_id": "essay-99-3"}}}
        cells = [{"source": each.splitlines(keepends=True), "metadata": {}} for each in sources]
        heading = {"source": ["## 99.3 Explain it back (5 minutes; your teacher reads this one)"], "metadata": {}}
        (nobody / "99_sums.ipynb").write_text(json.dumps({"cells": [*cells, heading, essay]}))

    def pressed() -> str:
        form.children[0].children[0].click()
        return str(form.children[1].outputs[0]["data"]["text/html"])

    form, mine, me_is = hand_in("99"), "number = -1\nprint(number)", 'from mipflow.course import me\n\nme("7")'
    saved("me()", "# your turn")
    assert "Download" in pressed(), "nothing has run"
    shell.run_cell("import math\nprint(math.pi)", store_history=True)
    shell.run_cell(mine, store_history=True)
    shell.run_cell(me_is, store_history=True)
    told = pressed()
    assert "99.2, me(): the saved notebook does not hold what you ran. Choose File &gt; Save Notebook" in told
    assert "Download" not in told and not list(nobody.glob("*.zip"))[1:]
    saved(me_is, mine + "\n")
    assert "Download 7-lab99.zip</a> It holds the notebook as saved just now. It is" in pressed()
    shell.run_cell("number = nothing", store_history=True)
    shell.run_cell("number = (", store_history=True)
    assert "99.2: the saved" in pressed()
    saved(me_is, "number = (", words=f"Why?\n\n{EMPTY}")
    assert "At “99.3 Explain it back” nothing is written: if you" in pressed()
    os.utime(nobody / "99_sums.ipynb", (time.time() - 180,) * 2)
    assert "as saved 3 min ago" in pressed()
