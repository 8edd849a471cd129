"""Results of running many worlds: kept for the next time, and made anew where the file cannot be trusted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse, Stopped
from mipflow.lab.studies import attacks, found
from mipflow.view.drawing.picture import Picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(found, "cache_folder", lambda: tmp_path / "mipflow")
    return tmp_path / "mipflow"


class Runs:
    """Three runs that count themselves."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, given: object = 1) -> list[object]:
        return found.found("squares", given, 3, self._run())

    def _run(self) -> Iterator[object]:
        for number in range(3):
            self.count += 1
            yield [number * number, 1 / 3]


WANTED = [[0, 1 / 3], [1, 1 / 3], [4, 1 / 3]]


def test_results_are_kept_for_the_same_question_only(folder: Path) -> None:
    runs = Runs()
    assert [runs(), runs(), runs(1)] == [WANTED] * 3 and runs.count == 3
    assert runs(2) == WANTED and runs.count == 6
    assert len(list(folder.iterdir())) == 2


def test_another_version_of_any_module_finds_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs()
    runs()
    monkeypatch.setattr(found, "_source", lambda: "another")
    assert runs() == WANTED and runs.count == 6


def test_the_source_is_all_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = found._source.__wrapped__
    before = digest()
    assert before == digest()
    copy = tmp_path / "mipflow" / "lab"
    copy.mkdir(parents=True)
    monkeypatch.setattr(found, "__file__", str(copy / "found.py"))
    (copy / "found.py").write_text("a = 1\n")
    one = digest()
    (copy.parent / "deep.py").write_text("")
    assert len({before, one, digest()}) == 3


@pytest.mark.parametrize("damage", ["", "x", "[]", None, "cut", "turned", "binary", "list"])
def test_a_file_that_is_not_as_it_was_written_is_made_anew(damage: str | None, folder: Path) -> None:
    runs = Runs()
    runs()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    if damage is None:
        path.unlink()
        path.mkdir()
    else:
        digest, text = whole.split(b"\n", 1)
        made = {"cut": whole[:-3], "turned": digest + b"\n" + text.replace(b"4", b"5"), "binary": os.urandom(300)}
        made["list"] = digest + b"\n{}"
        path.write_bytes(made.get(damage, damage.encode()))
    assert runs() == WANTED and runs.count == 6
    if damage is not None:
        assert path.read_bytes() == whole
        assert runs() == WANTED and runs.count == 6


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "file" / "mipflow", Path("/proc/mipflow"), Path("relative")):
        monkeypatch.setattr(found, "cache_folder", lambda place=place: place)
        runs = Runs()
        assert [runs(), runs()] == [WANTED] * 2 and runs.count == 6
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nor is anything left in the learner's folder"


def test_a_few_results_of_a_function_are_kept(folder: Path) -> None:
    runs = Runs()
    for given in range(30):
        runs(given)
    assert len(list(folder.iterdir())) == found.MOST_KEPT
    runs(29)
    assert runs.count == 90


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/mipflow"), ("linux", {"HOME": "/h"}, "/h/.cache/mipflow"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/mipflow"), ("win32", {"LOCALAPPDATA": "/l"}, "/l/mipflow"),
    ],
)  # fmt: skip
def test_the_folder_is_the_platforms(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found.sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert found_folder() == Path(expected)


found_folder = found.cache_folder
"""The real one: tests have another."""


def test_an_interrupt_says_how_far_it_came_and_keeps_nothing(folder: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def results() -> Iterator[int]:
        for number in range(5):
            world = mf.figure2(seed=number)
            if number == 3:
                world.network.clock.at(10**9, lambda _: signal.raise_signal(signal.SIGINT))
            yield world.run(2).hops

    try:
        with pytest.raises(Stopped) as caught:
            found.found("hops", 1, 5, results())
    finally:
        signal.signal(signal.SIGINT, before)
    assert str(caught.value) == "hops was stopped after 3 of 5 runs; called again, it begins anew"
    assert not folder.exists()


TABLES = [mf.attack_table, mf.baseline_table, lambda: mf.latency_table(2), mf.exhaustion_table]


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_a_kept_table_is_the_same_and_runs_nothing(
    table: Callable[[], Picture], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table()
    with monkeypatch.context() as patch:
        patch.setattr("mipflow.sim.clock.Clock.run_until", None)
        kept = table()
    assert (kept.rows(), kept.describe(), kept.html) == (made.rows(), made.describe(), made.html)


@pytest.mark.parametrize("table", ["attack_table", "baseline_table", "latency_table", "exhaustion_table"])
@pytest.mark.parametrize("seed", [None, 1.5, True, "7", 2**70])
def test_a_bad_seed_is_refused_before_anything_is_kept(table: str, seed: object, folder: Path) -> None:
    with pytest.raises(ProtocolMisuse, match="seed"):
        getattr(mf, table)(seed=seed)
    assert not folder.exists()


def test_rows_that_a_learner_adds_are_run_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLACES", "ATTACKS", "DEFENCES"):
        monkeypatch.setattr(attacks, name, dict([*getattr(attacks, name).items()][:1]))
    assert len(mf.attack_table().rows()) == 1
    monkeypatch.setitem(attacks.DEFENCES, "mine", {"enhanced": True})
    assert [row["defence"] for row in mf.attack_table().rows()] == ["none", "mine"]
