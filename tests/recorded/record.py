"""A run in a few lines: for each second of virtual time a digest of its packet-hops, its drops and its tables.

Left out is what may change without a change of behaviour: names of states, reasons and other words, the numbers of
channels and records.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.lab.world import World
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.captures.template import Encoder
from tests.recorded.scenarios import SCENARIOS, SEEDS

FILE = Path(__file__).with_name("recorded.txt")
TABLES = FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE, "binding cache"
WORDS = {"state"}
"""Columns that hold words of ours."""


def recorded(world: World) -> dict[str, list[str]]:
    """Part -> a short digest for each second; "hops" and "drops" of what began in it, "tables" as they stand at its
    end.
    """
    trace, encode = world.trace, Encoder().encode
    seconds = world.network.clock.now // NS_PER_S + 1
    totals = {part: [hashlib.sha256() for _ in range(seconds)] for part in ("hops", "drops", "tables")}
    for number in sorted(range(len(trace)), key=lambda number: (trace.sent[number], number)):
        hop = trace[number]
        seen = hop.sent_ns, hop.started_ns, hop.arrived_ns, tuple(hop.channel), encode(hop.packet).hex()
        totals["hops"][hop.sent_ns // NS_PER_S].update(repr(seen).encode())
    for drop in trace.drops():
        seen_there = drop.t_ns, drop.node, encode(drop.packet).hex()
        totals["drops"][drop.t_ns // NS_PER_S].update(repr(seen_there).encode())
    changes, state = list(trace.changes()), {}
    for second in range(seconds):
        while changes and changes[0].t_ns < (second + 1) * NS_PER_S:
            changes.pop(0).apply(state)
        rows = [
            (node, table, key, sorted((column, str(value)) for column, value in row.items() if column not in WORDS))
            for node, tables in sorted(state.items()) for table in TABLES
            for key, row in sorted(tables.get(table, {}).items())
        ]  # fmt: skip
        totals["tables"][second].update(repr(rows).encode())
    return {part: [one.hexdigest()[:6] for one in digests] for part, digests in totals.items()}


def lines(name: str, seed: int) -> list[str]:
    """The lines of `recorded.txt` for one run."""
    return [f"{name} | {seed} | {part} | {' '.join(row)}" for part, row in recorded(SCENARIOS[name](seed)).items()]


def main() -> None:
    """Play all scenarios and write the file."""
    FILE.write_text("".join(f"{line}\n" for name in SCENARIOS for seed in SEEDS for line in lines(name, seed)))
