"""tests/benchmarks/record.py: a part that is measured anew takes its old place, and the others stay."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import record


def test_a_part_replaces_itself_and_leaves_others(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    for part, value in (("one", "1"), ("two", "2"), ("one", "3")):
        record.add(path, part, time.time() - 5, [("a thing", value, "at most 4")], {"rows": value})
    kept = json.loads(path.read_text("utf-8"))
    assert list(kept) == ["one", "two"]
    assert kept["one"]["lines"] == [["a thing", "3", "at most 4"]] and kept["one"]["rows"] == {"rows": "3"}
    assert kept["two"]["lines"] == [["a thing", "2", "at most 4"]]
    assert 5 <= kept["one"]["took_s"] < 60 and kept["one"]["machine"]["cores"] > 0


def test_without_names_a_file_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.json"
    shown = {name: lambda name=name: benchmarks.show(name, "1", "") for name in ("old", "new")}
    monkeypatch.setattr(benchmarks, "PARTS", shown)
    monkeypatch.setattr(benchmarks, "OF_THE_PAGE", ["new"])

    def measured(*arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["benchmarks", "--json", str(path), *arguments])
        benchmarks.main()
        return list(json.loads(path.read_text("utf-8")))

    assert measured("old") == ["old"]
    assert measured("new") == ["old", "new"]
    assert measured() == ["new"]


def test_a_part_that_is_not_there_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "--json", str(tmp_path / "kept.json"), "memory", "speeed"])
    with pytest.raises(SystemExit):
        benchmarks.main()
    assert "'speeed' is not a part; expected one of engine, peers" in capsys.readouterr().err
    assert not (tmp_path / "kept.json").exists()
