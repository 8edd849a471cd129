"""Type whatever the README says can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mipflow import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first Python block, as it stands; then its claims."""
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    names: dict[str, object] = {}
    exec(block[1], names)
    world, voice, video = names["world"], names["voice"], names["video"]
    assert voice.home_address != video.home_address  # type: ignore[attr-defined]
    assert (voice.interface, video.interface) == ("wlan0", "cell0")  # type: ignore[attr-defined]
    bindings = {b.home_address: b.care_of_address for b in world.cn1.bindings}  # type: ignore[attr-defined]
    assert bindings[video.home_address] == world.mn.care_of_address("cell0")  # type: ignore[attr-defined]
    assert bindings[voice.home_address] == world.mn.care_of_address("wlan0")  # type: ignore[attr-defined]
    assert (tmp_path / "handover.pcap").stat().st_size > 100_000


@pytest.mark.slow
def test_the_command_for_your_own_traffic_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`mipflow run ...` with the output files put elsewhere."""
    line = re.search(r"^    mipflow (run .*)$", README, re.MULTILINE)
    assert line is not None
    words = [str(tmp_path / word) if word.startswith("out.") else word for word in line[1].split()]
    words = [str(ROOT / word) if word.startswith("datasets/") else word for word in words]
    assert cli.main(words) == 0
    assert "cell0" in capsys.readouterr().out
    assert (tmp_path / "out.html").stat().st_size > 100_000
    assert (tmp_path / "out.pcap").stat().st_size > 100_000


def test_every_file_that_it_names_is_there() -> None:
    """Links and pictures."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), f"{target} is named in the README and is not there"


def test_every_lab_is_named() -> None:
    """With the minutes that its card says."""
    for lab in sorted((ROOT / "labs").glob("[0-9][0-9]_*.ipynb")):
        row = next((line for line in README.splitlines() if f"(labs/{lab.name})" in line), "")
        assert row.startswith("|"), f"{lab.name} is not in the README's table of labs"
        minutes = re.search(r"all of it (\d+)", lab.read_text(encoding="utf-8"))
        assert minutes is None or f", {minutes[1]} minutes" in row, f"{row}: {lab.name} says {minutes[1]} minutes"
