"""Fuzz by coverage, as long as wanted: `python -m tests.fuzz [what] [libFuzzer's own options]`.

what: decode, or a role: correspondent, home-agent, mobile-node; all in turn where none is named. Needs atheris
(`pip install atheris`); options such as -max_total_time=60 or a folder for the corpus go to libFuzzer. The starting
points are those of the suite: a real capture, a simulated run, one packet of each kind.
"""

from __future__ import annotations

import sys

try:
    import atheris
except ImportError:
    sys.exit("python -m tests.fuzz needs atheris: pip install atheris (the suite fuzzes with hypothesis alone)")

with atheris.instrument_imports(include=["mipflow"]):
    from tests.fuzz.mutation import Script, mutate
    from tests.fuzz.roles import POOL, packets_of, probe, probe_decode, roles, seeds
    from tests.mip6.seams import CN
    from tests.peer import octets_of

ROLES = ("correspondent", "home-agent", "mobile-node")


def target(what: int, script: bytes) -> None:
    """Try one example: `what` counts decode and the roles."""
    if what:
        role = roles()[what - 1]
        probe(role, packets_of(script, role))
    else:
        reader = Script(script)
        octets = seeds()[reader.below(len(seeds()))]
        probe_decode(mutate(octets, reader, POOL, roles()[0].key, octets_of(CN)))


def main() -> None:
    names = ("decode", *ROLES)
    named = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in names else []
    options = [sys.argv[0], "-max_len=160", "-len_control=0", *sys.argv[1 + len(named) :]]  # later ones win

    def one(script: bytes) -> None:
        if named:
            target(names.index(named[0]), script)
        elif script:
            target(script[0] % len(names), script[1:])

    seeds()  # built before libFuzzer counts the time of an example
    atheris.Setup(options, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
