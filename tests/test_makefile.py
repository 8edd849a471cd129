"""Makefile: the lowest versions that `make lowest` installs are those that pyproject.toml allows."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def test_every_lowest_version_is_pinned_and_nothing_else_is_said(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").touch()  # the environment is there already
    done = subprocess.run(
        ["make", f"VENV={tmp_path}", f"{tmp_path}/lowest.txt"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["dev"], *extras["classroom"]]
    floors = [re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<.+)?", line) for line in asked]
    pins = {f"{floor[1]}=={floor[2]}" for floor in floors if floor is not None}
    assert set((tmp_path / "lowest.txt").read_text().split()) == pins
    others = [line for line, floor in zip(asked, floors, strict=True) if floor is None]
    assert others == ["mipflow[classroom]", "types-networkx"]
