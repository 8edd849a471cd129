"""The copy of the process in which a learner's function is tried: nothing of it reaches the notebook."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from threading import get_native_id
from typing import Any

import pytest

from mipflow.course.exercises import apart, trial
from mipflow.course.exercises.apart import why_not
from mipflow.course.exercises.checks import check, film

linux = pytest.mark.skipif(sys.platform != "linux", reason="no process is copied here")


def made(body: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(f"def count(letters):\n    {body}", names)
    return names


def children() -> set[str]:
    """Return the processes that this thread began, ended or not: other tests may have left a server here. A kernel that
    does not tell is an error, and not none.
    """
    return set(Path(f"/proc/self/task/{get_native_id()}/children").read_text(encoding="ascii").split())


@linux
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return sum(range(10**12))", "does not come back from one call in line 2"),
        ("return max(iter(int, 1))", "does not come back from one call in line 2"),
        ("import time; time.sleep(10**6)", "does not come back from one call in line 2"),
        ("import os; os._exit(3)", "ended Python itself"),
        ("import ctypes; ctypes.string_at(0)", "ended Python itself"),
        ("import os; os.abort()", "ended Python itself"),
    ],
)
def test_a_call_that_nothing_can_stop_is_told_in_words(
    body: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SILENT_S", 0.5)
    names = made(body)
    result = check("99.1", names)
    assert (result.status, result.points) == ("error", 0) and words in result.feedback
    film("99.1", names)
    said = capsys.readouterr()
    assert result.feedback in said.out and said.err == ""


@linux
def test_nothing_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SILENT_S", 0.2)
    before = children()
    check("99.1", made("return sum(range(10**12))"))
    assert children() <= before


@linux
def test_a_process_that_is_left_would_be_seen() -> None:
    before = children()
    if not (left := os.fork()):
        os._exit(0)
    assert children() - before == {str(left)}
    os.waitpid(left, 0)
    assert children() == before


@linux
def test_our_own_work_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SILENT_S", 0.1)
    assert why_not(lambda: time.sleep(0.4), "count", None) == ""


@linux
def test_a_machine_that_is_busy_elsewhere_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is stopped here in place of starved by a busy machine: either way it neither works nor sleeps."""
    monkeypatch.setattr(apart, "SILENT_S", 0.1)
    waits, goes_on = os.pipe()
    looks = 10 * apart.PATIENCE
    stopped: list[int] = []

    def starved(copy: int) -> tuple[float, bool]:
        if len(stopped) < looks:
            os.kill(copy, signal.SIGSTOP)
            stopped.append(copy)
            if len(stopped) == looks:
                os.write(goes_on, bytes(10_000))  # one for each call
                os.kill(copy, signal.SIGCONT)
        return told(copy)

    told = apart._spent
    monkeypatch.setattr(apart, "_spent", starved)
    right = f"import os; os.read({waits}, 1); return sum({{'A': 1, 'B': 2}}[letter] for letter in letters)"
    result = check("99.1", made(right))
    os.close(waits)
    os.close(goes_on)
    assert len(stopped) == looks and result.status == "passed"


@linux
def test_work_that_raises_is_no_reason() -> None:
    assert why_not(lambda: 1 / 0, "count", None) == ""
    assert trial.listener is None


@linux
def test_the_square_stops_a_check_and_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apart, "_listen", pressed)
    before = children()
    result = check("99.1", made("return sum(range(10**12))"))
    assert result.status == "error" and "You stopped this" in result.feedback
    assert children() <= before


def test_where_no_process_is_copied_the_guard_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "fork", None)
    assert "was stopped" in check("99.1", made("while True: pass")).feedback
