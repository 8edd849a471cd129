"""The file of what was measured, from which docs/performance.md is made.

A part that is measured anew takes its old place, with its own date, so that a file can be filled part by part.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def machine() -> dict[str, Any]:
    """Describe what is measured on: processor, system, versions, and how busy it was in the last minute."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{_system()}, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": _installed("numpy"),
        "load": round(os.getloadavg()[0], 1),
    }


def add(path: Path, part: str, begin_s: float, lines: Sequence[Sequence[str]], rows: Any = None) -> None:
    """Enter a part: the lines that were printed, and what they were made from where a picture is drawn of it."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[part] = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": _commit(),
        "took_s": round(time.time() - begin_s),
        "machine": machine(),
        "lines": [list(line) for line in lines],
        **({} if rows is None else {"rows": rows}),
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _field(path: str, name: str) -> str:
    """Return a field of one of Linux's files of lines "name : value"; "" where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    """Return the commit that is measured, with "+" where code differs from it; "" outside of a repository."""
    if shutil.which("git") is None:
        return ""

    def git(*asked: str) -> str:
        return subprocess.run(["git", "-C", str(REPOSITORY), *asked], capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + "+" * bool(git("status", "--porcelain", "mipflow", "tests"))
