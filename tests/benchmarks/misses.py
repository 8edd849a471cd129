"""Misses of the caches in a packet-hop: those of ten flows and those of a thousand, counted by valgrind.

`python -m tests.benchmarks misses` plays both worlds on valgrind's model of a processor: `callgrind` counts what goes
past a first-level and a second-level cache of the sizes below, and in a second run, with pages in the place of lines,
past the tables that translate addresses. Setting the worlds up is not counted, nor is the first turn of the packets.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import process_time

from .flows import Line, busy

WORLDS = ((10, 3, 1.0), (1_000, 300, 0.1))
"""Calls, correspondent nodes, and the virtual seconds that are counted, in which each call sends several packets."""
CACHES = "--I1=32768,8,64", "--D1=49152,12,64", "--LL=2097152,16,64"
TABLES = "--I1=524288,4,4096", "--D1=393216,6,4096", "--LL=8388608,16,4096"
"""Octets, ways, octets of a line: caches and tables of a core of Intel's Sapphire Rapids; all share a third level."""
FAR, NEAR, STEPS, ROUNDS = 400_000, 4_000, 200_000, 7
TOUCHED = 2
"""Lines that a step of `miss_ns` touches: a place of the list, and the number there."""


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


def miss_ns() -> float:
    """Measure what a line takes that is in no cache of the core where the next step waits for it: by walks at random
    through a long list and a short one.
    """
    walks: list[list[int]] = []
    spent: list[list[float]] = [[], []]
    for length in (FAR, NEAR):
        order = random.Random(1).sample(range(length), length)
        onward = dict(pairwise([*order, order[0]]))
        walks.append([onward[place] + FAR for place in range(length)])  # a number of its own for each place
    for _ in range(ROUNDS):
        for walk, times in zip(walks, spent, strict=True):
            place, begin = 0, process_time()
            for _ in range(STEPS):
                place = walk[place] - FAR
            times.append(process_time() - begin)
    far, near = map(median, spent)
    return (far - near) / STEPS / TOUCHED * 1e9


def misses() -> Iterator[Line]:
    """Yield what a packet-hop takes among ten flows and among a thousand, and what a miss takes here."""
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
        yield f"{what}, a hop of 10 and of 1,000 flows", " and ".join(f"{count:,.1f}" for count in counts), ""
    yield "a line that is not in the second-level cache", f"{miss_ns():.0f} ns", ""


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
