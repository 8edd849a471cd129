"""A progress bar: there while something goes on, gone after it, and never on standard error."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mipflow.view.drawing import bar
from mipflow.view.drawing.bar import Bar


def test_where_nobody_looks_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    with Bar("a table", 3) as shown:
        for _ in range(3):
            shown.step()
    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_it_fills_and_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bar, "SHOWN_EVERY_S", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with Bar("a table", 2) as shown:
        shown.step()
        shown.step()
    out, err = capsys.readouterr()
    lines = out.split("\r\x1b[K")
    assert lines[1:] == [
        f"[{'.' * 30}] a table: 0 of 2", f"[{'#' * 15}{'.' * 15}] a table: 1 of 2", f"[{'#' * 30}] a table: 2 of 2", "",
    ]  # fmt: skip
    assert err == "" and "\n" not in out


def test_it_is_gone_after_an_error_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(ZeroDivisionError), Bar("a table", 2):
        raise ZeroDivisionError
    assert capsys.readouterr().out.endswith("\r\x1b[K")


def test_in_a_notebook_it_is_one_output_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython

    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=None))
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw, display_id: shown.append(bundle) or handle)
    monkeypatch.setattr(bar, "SHOWN_EVERY_S", 0.0)
    with Bar("<b>", 2) as it:
        it.step()
        it.step()
    assert [one["text/plain"] for one in shown] == ["<b>: 0 of 2"] * 2 + ["<b>: 1 of 2", "<b>: 2 of 2", ""]
    assert all("<b>" not in one["text/html"] for one in shown)
    assert "<progress max='2' value='1'" in shown[2]["text/html"] and shown[-1]["text/html"] == ""


def test_it_is_shown_ten_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(bar, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with Bar("a table", 1000) as shown:
        for _ in range(1000):
            now[0] += 0.001
            shown.step()
    assert capsys.readouterr().out.count("a table") <= 11
