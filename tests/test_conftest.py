"""tests/conftest.py: with MIPFLOW_REQUIRE_ALL=1 nothing is skipped in silence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = """
import pytest

def test_asks_for_a_tool():
    pytest.skip("no such tool")

@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    assert False
"""


@pytest.mark.parametrize(
    ("require_all", "outcome"),
    [("0", {"skipped": 2, "xfailed": 1}), ("1", {"failed": 1, "error": 1, "xfailed": 1})],
)
def test_a_skip_fails_where_all_is_required(
    tmp_path: Path, require_all: str, outcome: dict[str, int]
) -> None:
    there = tmp_path / "tests"
    there.mkdir()
    for name in ("conftest.py", "durations.py", "longer.txt"):
        shutil.copy(Path(__file__).with_name(name), there)
    (there / "test_tool.py").write_text(TOOL)
    (there / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    command = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MIPFLOW_REQUIRE_ALL": require_all, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    last = done.stdout.splitlines()[-1]
    assert {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last)} == outcome, done.stdout
