"""Hunts for worlds that differ with trains of packets and without, with fresh seeds, and makes what fails small.

    python -m tests.random_worlds --seeds 1..20 --minutes 10
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from random import Random
from time import monotonic

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from tests.random_worlds.difference import differs, script
from tests.random_worlds.drawing import KINDS, specs
from tests.random_worlds.worlds import Spec, bold


def hunt(seed: int, kinds: tuple[str, ...] = KINDS, examples: int = 40) -> Spec | None:
    """Look for a spec that differs, with a seed of its own; return the smallest."""
    phases = (Phase.generate, Phase.shrink)
    how = settings(max_examples=examples, database=None, deadline=None, phases=phases,
                   suppress_health_check=list(HealthCheck), derandomize=False)

    def fails(spec: Spec) -> bool:
        return bool(differs(spec))

    try:
        return find(specs(kinds), fails, settings=how, random=Random(seed))
    except NoSuchExample:
        return None


def main(arguments: list[str]) -> int:
    """Hunt, and print what fails as a program, with the first difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.random_worlds", description=main.__doc__)
    parser.add_argument("--seeds", default="1..10", help="first and last seed, as 1..10")
    parser.add_argument("--minutes", type=float, default=5.0, help="after so long no further seed begins")
    parser.add_argument("--kinds", default="", help=f"only these kinds, of {', '.join(dict.fromkeys(KINDS))}")
    parser.add_argument("--bold", action="store_true", help="have trains board whenever they can")
    parser.add_argument("--into", default="", help="a folder for the programs")
    given = parser.parse_args(arguments)
    first, last = map(int, given.seeds.split(".."))
    kinds = tuple(given.kinds.split(",")) if given.kinds else KINDS
    until, failed, seed = monotonic() + 60 * given.minutes, 0, first
    while seed <= last and monotonic() < until:
        with bold() if given.bold else nullcontext():
            spec = hunt(seed, kinds)
        if spec is not None:
            failed += 1
            lines = [f"seed {seed}", *differs(spec).splitlines()]
            text = "".join(f"# {line}\n" for line in lines) + script(spec)
            print(text, flush=True)
            if given.into:
                Path(given.into, f"seed{seed}.py").write_text(text)
        seed += 1
    print(f"{seed - first} seeds, {failed} of them failed")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
