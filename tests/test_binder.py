"""binder/: what the public service builds, built here in a clean environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BINDER = REPOSITORY / "binder"


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[=<>~! ]", line)[0] for line in requirements if line and not line.startswith("#")}


def contents(folder: Path) -> dict[Path, bytes]:
    """Everything in it, what git would ignore too."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pins = (BINDER / "requirements.txt").read_text().splitlines()
    assert names(project["dependencies"]) <= names(pins)
    assert all("==" in line for line in pins if not line.startswith("#"))
    assert "notebook" in names(pins), "the service brings one of its own, for another JupyterLab"


def test_the_badge_opens_the_start_page() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (badge,) = re.findall(r"https://mybinder.org/v2/\S+?urlpath=lab/tree/([^)\s]+)", readme)
    assert badge == "labs/index.ipynb" and (REPOSITORY / badge).exists()


def test_the_service_reads_what_is_there() -> None:
    assert (BINDER / "runtime.txt").read_text() == "python-3.11\n"
    assert os.access(BINDER / "postBuild", os.X_OK)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.notebook
def test_the_tour_runs_in_a_clean_environment(tmp_path: Path) -> None:
    if not (REPOSITORY / "labs" / "00_tour.ipynb").exists():
        pytest.skip("labs/00_tour.ipynb is not built")
    checkout = tmp_path / "checkout"
    ours = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "tests")
    shutil.copytree(REPOSITORY, checkout, ignore=ours)
    environment = tmp_path / "environment"
    programs = environment / "bin"
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    clean |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path / "home")}

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=checkout, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(sys.executable, "-m", "venv", "--without-pip", environment)
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet")
    run(*pip, "pip", "notebook==7.4.7")  # as the service brings it: it wants JupyterLab below 4.5
    run(*pip, "-r", "binder/requirements.txt")
    run("python", "-m", "pip", "check")
    before = contents(checkout)
    run("binder/postBuild")
    assert contents(checkout) == before
    assert (environment / "etc/jupyter/labconfig/default_setting_overrides.json").exists()
    assert str(environment) in run("python", "-P", "-c", "import mipflow; print(mipflow.__file__)")
    execute = ("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", tmp_path)
    for name in ("index.ipynb", "00_tour.ipynb"):
        run(*execute, f"labs/{name}")
        assert (tmp_path / name).exists()
