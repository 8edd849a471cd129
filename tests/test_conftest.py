"""tests/conftest.py: with MIPFLOW_REQUIRE_ALL=1 nothing is skipped in silence, and workers share no module."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mipflow
from tests.conftest import imports_a_library

TOOL = """
import pytest

def test_asks_for_a_tool():
    pytest.skip("no such tool")

@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    assert False
"""

PAGE = """
import pytest

class Page:
    def locator(self, names):
        self.names = names
        return self

    def all_inner_texts(self):
        return ["Run", ""] if "button" in self.names else ["Not yet.", "Ready."]

@pytest.fixture
def browser_page():
    return Page()

def test_looks(browser_page):
    assert False
"""


def a_suite(folder: Path) -> Path:
    """Make a folder of tests with this conftest.py, and no test yet."""
    there = folder / "tests"
    there.mkdir()
    for name in ("conftest.py", "durations.py", "longer.txt"):
        shutil.copy(Path(__file__).with_name(name), there)
    return there


@pytest.mark.parametrize(
    ("require_all", "outcome"),
    [("0", {"skipped": 2, "xfailed": 1}), ("1", {"failed": 1, "error": 1, "xfailed": 1})],
)
def test_a_skip_fails_where_all_is_required(
    tmp_path: Path, require_all: str, outcome: dict[str, int]
) -> None:
    there = a_suite(tmp_path)
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


def test_a_failure_in_a_page_tells_what_the_page_said(tmp_path: Path) -> None:
    """The browser may be another machine's, where nobody looks."""
    (a_suite(tmp_path) / "test_page.py").write_text(PAGE)
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "What the page said" in done.stdout and "\nNot yet.\nReady.\nRun\n" in done.stdout, done.stdout


def test_rooms_that_import_a_library_are_told_from_those_that_do_not() -> None:
    package = Path(mipflow.__file__).parent
    rooms = {str(path.parent.relative_to(package)) for path in package.rglob("*.py")}
    pure = {room for room in rooms if not imports_a_library(package / room)}
    assert {"flow", "node/tcp", "mip6", "mip6/bindings", "sim/trains"} <= pure
    assert not pure & {".", "wire", "sim", "view", "view/stage", "lab/panels", "mip6/enhanced", "mip6/security"}
    assert imports_a_library(package / "no room")


WHO = """
import os
import time
from pathlib import Path
import pytest

@pytest.fixture
def jupyter_server():
    return ""

MARK
@pytest.mark.parametrize("number", range(10))
def test_says_who_runs_it(number):
    time.sleep(0.02)  # so that the other worker takes its part
    with Path("ran.txt").open("a") as file:
        file.write(f"{Path(__file__).stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
SERVED = '@pytest.mark.usefixtures("jupyter_server")'


def test_one_worker_has_a_module_and_one_has_all_that_ask_for_the_server(tmp_path: Path) -> None:
    there = a_suite(tmp_path)
    marks = {"a": "", "b": "", "c": SERVED, "d": SERVED, "e": "@pytest.mark.slow"}
    for name, mark in marks.items():
        (there / f"test_{name}.py").write_text(WHO.replace("MARK", mark))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    ran = [line.split() for line in (tmp_path / "ran.txt").read_text().splitlines()]
    workers = {name: {who for module, who in ran if module == f"test_{name}"} for name in marks}
    assert len(ran) == 10 * len(marks) and all(len(each) == 1 for each in workers.values())
    assert workers["c"] == workers["d"] != workers["e"], "those are begun first, and next to them what is slow"
