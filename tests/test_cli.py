"""mipflow/cli.py: arguments, one line for every error, doctor, and JupyterLab at the start page."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import types
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mipflow.lab
from mipflow import cli
from mipflow.course.handin import pack
from mipflow.errors import ProtocolMisuse
from mipflow.lab import folders


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """Collect the arguments that `mipflow run` hands over, in place of a run."""
    handed_over: list[argparse.Namespace] = []

    def run(arguments: argparse.Namespace) -> int:
        handed_over.append(arguments)
        return 0

    stand_in = types.SimpleNamespace(run=run)
    monkeypatch.setitem(sys.modules, "mipflow.lab.command", stand_in)
    monkeypatch.setattr(mipflow.lab, "command", stand_in, raising=False)
    return handed_over


def test_run_hands_its_arguments_over(received: list[argparse.Namespace]) -> None:
    line = "run figure2 --traffic a.pcap --handover 1:cell0@5 --handover 2:wlan0@7.5 --html o.html"
    more = "--pcap o.pcap --seed 7 --mobile 192.0.2.1 --cns 3 --min-packets 1 --packets 50 --mode tunnel"
    assert cli.main([*line.split(), *more.split(), "--duration", "2.5"]) == 0
    (given,) = received
    assert given.scenario == "figure2"
    assert (given.traffic, given.html, given.pcap) == (Path("a.pcap"), Path("o.html"), Path("o.pcap"))
    assert given.handover == ["1:cell0@5", "2:wlan0@7.5"]
    assert (given.seed, given.cns, given.min_packets, given.packets) == (7, 3, 1, 50)
    assert (given.mobile, given.mode, given.duration) == ("192.0.2.1", "tunnel", 2.5)


def test_run_has_the_defaults_of_the_scenario(received: list[argparse.Namespace]) -> None:
    assert cli.main(["run", "figure2"]) == 0
    (given,) = received
    assert (given.traffic, given.html, given.pcap, given.mode, given.duration) == (None,) * 5
    assert (given.handover, given.mobile) == ([], None)
    assert (given.seed, given.cns, given.min_packets, given.packets) == (0, 2, 3, 100_000)


def test_an_error_of_ours_is_one_line_and_status_2(
    received: list[argparse.Namespace], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def misuse(arguments: argparse.Namespace) -> int:
        raise ProtocolMisuse("no flow 9: there are 1 to 3", 9)

    monkeypatch.setattr(sys.modules["mipflow.lab.command"], "run", misuse)
    assert cli.main(["run", "figure2"]) == 2
    assert capsys.readouterr() == ("", "mipflow: no flow 9: there are 1 to 3\n")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "COMMAND"),
        ("fly", "'fly'"),
        ("run", "scenario"),
        ("run figure2 --seed seven", "'seven'"),
        ("run figure2 --speed 3", "--speed"),
        ("lab --port 99999", "'99999'"),
        ("lab --port http", "'http'"),
    ],
)
def test_a_bad_call_is_one_line_and_status_2(
    line: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("mipflow: ") and text.count("\n") == 1 and named in text


def test_lab_without_labs_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folders, "_BESIDE_PACKAGE", tmp_path / "package")
    assert cli.main(["lab"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("mipflow: ") and text.count("\n") == 1 and str(tmp_path) in text


def test_doctor_is_content_with_what_the_labs_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labs" / "00_tour.ipynb").mkdir(parents=True)
    (tmp_path / "datasets" / "captures").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda tool: None)
    assert cli.main(["doctor"]) == 0
    table, _, verdict = capsys.readouterr().out.partition("\n\n")
    assert verdict == "All that the labs need is here.\n"
    rows = {line.split()[1]: line for line in table.splitlines()}
    assert set(rows) >= {"python", *cli._PACKAGES, "labs/", "datasets/", "tshark", "chromium"}
    assert all(rows[package].startswith("ok") for package in cli._PACKAGES)
    assert rows["tshark"].startswith("absent") and "apt install tshark" in rows["tshark"]


def test_doctor_says_how_to_get_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_PACKAGES", ("no-such-package",))
    assert cli.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "MISSING  no-such-package" in text and "pip install no-such-package" in text


def test_the_door_opens_without_the_heavy_packages() -> None:
    heavy = "{'jupyterlab', 'scapy', 'plotly', 'networkx', 'ipywidgets', 'IPython'}"
    source = f"import sys, mipflow.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "[]"


def fetch(address: str) -> tuple[str, Any]:
    """Return the address that answered in the end, and what it said."""
    with urllib.request.urlopen(address, timeout=600) as answer:
        return answer.url, answer.read()


def test_lab_serves_the_start_page(jupyter_server: str) -> None:
    where, page = fetch(f"{jupyter_server}/")
    assert where == f"{jupyter_server}/lab/tree/labs/index.ipynb"
    assert b"JupyterLab" in page
    _, notebook = fetch(f"{jupyter_server}/api/contents/labs/index.ipynb")
    assert json.loads(notebook)["type"] == "notebook"


def test_lab_asks_nothing_about_news(jupyter_server: str) -> None:
    _, answer = fetch(f"{jupyter_server}/lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert json.loads(answer)["schema"]["properties"]["fetchNews"]["default"] == "false"


def test_the_tour_opens_in_a_browser(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook("labs/00_tour.ipynb")
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_text("Jupyter news").count() == 0


def test_viva_asks_three_questions_with_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIPFLOW_STUDENT", "7")
    monkeypatch.chdir(tmp_path)
    kept = {"form": 1, "lab": "07", "who": ["7"], "attempts": {}, "predictions": {}, "hints": {}}
    for name in ("07_figure_six.ipynb", "progress-lab07.json"):
        (tmp_path / name).write_text(json.dumps(kept))
    assert cli.main(["viva", str(pack("07", tmp_path))]) == 0
    said = capsys.readouterr().out
    assert [f"\n{number}. " in f"\n{said}" for number in (1, 2, 3)] == [True] * 3 and said.count("Answer: ") == 3
    assert cli.main(["viva", str(tmp_path / "none.zip")]) == 2


def test_a_reader_who_has_seen_enough_ends_it_without_a_word() -> None:
    """As in `mipflow ... | head`: what is left to write has nowhere to go."""
    source = "import sys; from mipflow import cli; sys.exit(cli.main(['doctor']))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", source], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_a_letter_gets_its_number(tmp_path: Path) -> None:
    """Names of files, and quotation marks in the words of labs, are not everybody's letters."""
    page = tmp_path / "caf\xe9.html"
    source = f"import sys; from mipflow import cli; cli._findings = lambda: [({str(page)!r}, 'here', False, '')]"
    source += "; sys.exit(cli.main(['doctor']))"
    plain = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=plain)
    assert (done.returncode, done.stderr) == (0, "") and "caf\\xe9.html  here\n" in done.stdout
