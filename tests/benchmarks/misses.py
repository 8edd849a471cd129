"""Misses of the caches in a packet-hop: those of ten flows and those of a thousand, counted by valgrind.

`python -m tests.benchmarks misses` plays both worlds on valgrind's model of a processor: `callgrind` counts what goes
past a first-level and a second-level cache of the sizes below, and in a second run, with pages in the place of lines,
past the tables that translate addresses. Setting the worlds up is not counted, nor is the first turn of the packets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .flows import Line, busy

WORLDS = ((10, 3, 1.0), (1_000, 300, 0.1))
"""Calls, correspondent nodes, and the virtual seconds that are counted, in which each call sends several packets."""
CACHES = "--I1=32768,8,64", "--D1=49152,12,64", "--LL=2097152,16,64"
TABLES = "--I1=524288,4,4096", "--D1=393216,6,4096", "--LL=8388608,16,4096"
"""Octets, ways, octets of a line: caches and tables of a core of Intel's Sapphire Rapids; all share a third level."""


def counted(flows: int, cns: int, length_s: float, model: tuple[str, ...]) -> dict[str, float]:
    """Return callgrind's counts for one packet-hop by their names, such as Ir, D1mr and DLmw."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        how = "--tool=callgrind", "--instr-atstart=no", "--cache-sim=yes", f"--callgrind-out-file={out}", *model
        play = sys.executable, "-m", __name__, str(flows), str(cns), str(length_s)
        told = subprocess.run(["valgrind", *how, *play], check=True, capture_output=True, text=True).stdout
        counts = out.with_name("counts.1").read_text(encoding="utf-8")
    events, summary = (re.search(rf"^{name}: (.*)$", counts, re.MULTILINE) for name in ("events", "summary"))
    hops = re.search(r"^hops (\d+)$", told, re.MULTILINE)
    assert events and summary and hops
    return {name: int(count) / int(hops[1]) for name, count in zip(events[1].split(), summary[1].split(), strict=True)}


def misses() -> Iterator[Line]:
    """Yield what a packet-hop takes among ten flows and among a thousand, without trains."""
    if shutil.which("valgrind") is None:
        yield "what goes past the caches", "not counted", "needs valgrind: apt install valgrind"
        return
    few, many = (counted(*world, CACHES) for world in WORLDS)
    few_pages, many_pages = (counted(*world, TABLES) for world in WORLDS)
    for what, one, other, names in (
        ("instructions", few, many, ("Ir",)),
        ("lines not in a first-level cache of 48 kB", few, many, ("D1mr", "D1mw")),
        ("lines not in a second-level cache of 2 MB", few, many, ("DLmr", "DLmw")),
        ("pages not in a table of 96", few_pages, many_pages, ("D1mr", "D1mw")),
        ("pages not in a table of 2,048", few_pages, many_pages, ("DLmr", "DLmw")),
    ):
        counts = [sum(each[name] for name in names) for each in (one, other)]
        yield f"{what}, of 10 and of 1,000 flows", " and ".join(f"{count:,.1f}" for count in counts), ""


def play(flows: int, cns: int, length_s: float) -> None:
    """Let a world be counted by the valgrind that this process runs in, and say how many hops that was."""

    def tell(*words: str) -> None:
        subprocess.run(["callgrind_control", *words, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)

    world = busy(flows, cns, trains=False)
    tell("--instr=on")
    world.run(length_s)  # fills the caches of the model
    tell("--zero")
    before = world.hops
    world.run(length_s)
    tell("--dump")
    print("hops", world.hops - before, flush=True)
    os._exit(0)  # what Python does at its end would be counted, too


if __name__ == "__main__":
    play(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
