"""Measures which tests take long, so that `make quick` leaves them out: `python -m tests.durations` writes longer.txt.

A test is long by the processor time that it takes, its fixtures and programs included, not by the clock: so what else
the machine does makes no difference. Tests marked slow are not measured. `-- ARGS` go to pytest, such as a folder: then
the list is changed for the tests that have run only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

MEASURED = "MIPFLOW_DURATIONS"
"""The environment variable that names the folder into which each worker writes what its tests took."""
LIST = Path(__file__).with_name("longer.txt")
MOST_S, MOST_IN_ALL_S = 0.025, 0.4
"""Seconds of the processor for one case of a test, on average, and for all of its cases."""


def processor_s() -> float:
    """The seconds that this process and the programs that it has waited for have taken from the processor."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def record(folder: str, test: str, taken_s: float) -> None:
    """Write down the time of one case of a test."""
    with Path(folder, f"{os.getpid()}.txt").open("a", encoding="utf-8") as file:
        file.write(f"{taken_s:.4f} {test}\n")


def function_of(test: str) -> str:
    """The test without its parameters."""
    return test.partition("[")[0]


def longer(lines: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """The tests that are long, of those measured, and of those `known` that were not measured."""
    taken: dict[str, list[float]] = {}
    for line in lines:
        seconds, _, test = line.rstrip("\n").partition(" ")
        taken.setdefault(function_of(test), []).append(float(seconds))
    long = {
        test for test, each in taken.items() if sum(each) > MOST_IN_ALL_S or sum(each) / len(each) > MOST_S
    }
    return sorted(long | {test for test in known if test not in taken})


def main(arguments: list[str]) -> int:
    """Run the tests and write the list; give pytest's status."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *arguments]
        status = subprocess.run(command, env=os.environ | {MEASURED: folder}).returncode
        lines = [line for file in Path(folder).iterdir() for line in file.read_text(encoding="utf-8").splitlines()]
    known = LIST.read_text(encoding="utf-8").split() if arguments and LIST.exists() else []
    LIST.write_text("".join(f"{test}\n" for test in longer(lines, known)), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main([argument for argument in sys.argv[1:] if argument != "--"]))
