"""tests/durations.py: which tests are long, by what they took; and the list names only tests that there are."""

from __future__ import annotations

import ast
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest, durations

ROOT = durations.LIST.parents[1]


def test_a_test_is_long_by_one_case_on_average_or_by_all_together() -> None:
    lines = ["0.0600 tests/a.py::test_long", "0.0100 tests/a.py::test_short"]
    lines += [f"0.0200 tests/a.py::test_many[{number}]" for number in range(30)]
    lines += [f"0.0200 tests/a.py::test_few[{number} [odd]]" for number in range(5)]
    assert durations.longer(lines) == ["tests/a.py::test_long", "tests/a.py::test_many"]


def test_what_was_not_measured_stays_as_it_was() -> None:
    known = ["tests/a.py::test_short", "tests/b.py::test_long"]
    assert durations.longer(["0.0100 tests/a.py::test_short"], known) == ["tests/b.py::test_long"]


@cache
def names(file: str) -> set[str]:
    """The functions of a file, those of classes as Class::function."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_test_of_the_list_is_there() -> None:
    listed = [line.split("::") for line in durations.LIST.read_text(encoding="utf-8").split()]
    gone = [(file, name) for file, *_, name in listed if not (ROOT / file).exists() or name not in names(file)]
    assert gone == [], "strike them out, or measure anew: python -m tests.durations"


@pytest.mark.parametrize("works", [True, False])
def test_the_processor_is_measured_and_not_the_clock(
    tmp_path: Path, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(durations.MEASURED, str(tmp_path))
    around = conftest.pytest_runtest_protocol(SimpleNamespace(nodeid="tests/a.py::test_one[a b]"))  # type: ignore[arg-type]
    next(around)
    if works:
        end = durations.processor_s() + 0.06
        while durations.processor_s() < end:
            pass
    else:
        time.sleep(0.06)
    with pytest.raises(StopIteration):
        around.send(True)
    (file,) = tmp_path.iterdir()
    assert durations.longer(file.read_text().splitlines()) == ["tests/a.py::test_one"] * works
