"""All works by all engines, run by run in turn: ours with trains of packets and without, with the trace and without,
and the other simulators that are here.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import NamedTuple

from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Mode

from .peers import ours
from .peers.side_by_side import check, here
from .peers.work import LENGTH_S, Measured
from .reference import HALF_S, REFERENCE, START_S, Works, bare_heap, mobile_world
from .reference import MIXED as MIXED_WORK
from .ways import WAYS, finish, made_s

ROUNDS = 5
MODES: tuple[Mode, ...] = ("off", "all")
BARE_EVENTS = 200_000
PLAIN, MOBILE = "constant rate, plain nodes", "constant rate, mobility-aware nodes"
MIXED = "a call, a video and a file by TCP"
OF_THE_HEAP = {(MOBILE, False): "at least 0.28", (MOBILE, True): "at least 0.22"}
"""Work and whether it is traced -> rate to reach without trains, divided by the bare heap's."""
BY_TRAINS = {(MOBILE, False): "at least 5", (MOBILE, True): "at least 2.5"} | {
    (MIXED, traced): "at least 1" for traced in (False, True)
}
"""Work and whether it is traced -> rate to reach with trains, divided by that without."""
OF_OTHERS = {"ns-3": "at least 3", "ns.py": "at least 8"}
"""Simulator -> how many times as fast mobility-aware nodes have to be without trains, traced or not."""


class Row(NamedTuple):
    """A work done by an engine in one of its ways, and what came out in each round."""

    who: str
    work: str
    trains: bool | None
    trace: bool | None
    runs: list[Measured]

    @property
    def rates(self) -> list[float]:
        """Packet-hops of each run for a second of the processor; events, for the bare heap."""
        return [run.hops / run.spent_s for run in self.runs]

    @property
    def made(self) -> list[float]:
        """Rates with the time that making all packets of the trace takes, where they are not made before."""
        return [run.hops / (run.spent_s + run.made_s) for run in self.runs] if self.trains and self.trace else []


def mobile(works: Works, trace: Mode, trains: bool) -> Measured:
    """Do a work between mobility-aware nodes: half in the tunnel, half route-optimised, a flow handed over in each."""
    hops, spent_s, making_s, delays = 0, 0.0, 0.0, list[float]()
    for mode in ("tunnel", "route_optimisation"):
        network, mn = mobile_world(mode, trace, works, trains)  # type: ignore[arg-type]
        network.run_until(round(START_S * NS_PER_S) - 1)
        before, begin = network.clock.packet_events, process_time()
        network.run_until(round((START_S + HALF_S / 2) * NS_PER_S))
        mn.handover(1, "cell0")
        network.run_until(round((START_S + HALF_S) * NS_PER_S))
        finish(network)
        spent_s += process_time() - begin
        making_s += made_s(network)
        hops += network.clock.packet_events - before
        delays += [meter.mean_delay_ms for _, meter in sorted(network.meters.items()) if meter.received]
    return Measured(hops, spent_s, tuple(delays), making_s)


def heap() -> Measured:
    """Run the bare heap."""
    return Measured(*bare_heap(BARE_EVENTS), ())


def rows() -> Iterator[tuple[Row, Callable[[], Measured]]]:
    """Yield each row with what does its work once."""
    yield Row("bare heap", "", None, None, []), heap
    works = {PLAIN: partial(ours.run, LENGTH_S), MOBILE: partial(mobile, REFERENCE), MIXED: partial(mobile, MIXED_WORK)}
    for work, run in works.items():
        for trains in WAYS:
            for trace in MODES:
                yield Row("mipflow", work, trains, trace == "all", []), partial(run, trace=trace, trains=trains)
    for each in here():
        yield Row(each.title, PLAIN, None, None, []), partial(each.run, LENGTH_S)


def compare(rounds: int = ROUNDS) -> list[Row]:
    """Let all do their work so often in turn. Raises AssertionError where one has other delays than it should, or
    other hops than in another round or way.
    """
    headers = {each.title: each.header for each in here()}
    every = list(rows())
    for _ in range(rounds):
        for row, run in every:
            gc.collect()
            row.runs.append(run())
    results: dict[tuple[str, str], tuple[object, ...]] = {}
    for row, _ in every:
        for run in row.runs:
            found = run.hops, run.delays_ms
            assert results.setdefault((row.who, row.work), found) == found, f"{row} differs from another way or round"
            if row.work == PLAIN:
                check(row.who, run, headers.get(row.who, 0))
    return [row for row, _ in every]


def ratios(row: Row, other: Row) -> list[float]:
    """Divide the rates of two rows, round by round."""
    return [one / two for one, two in zip(row.rates, other.rates, strict=True)]


def lines(compared: list[Row]) -> Iterator[tuple[str, str, str]]:
    """Yield lines for each row: its rate divided by the bare heap's, and by others' where that has a bound."""
    bare = next(row for row in compared if row.who == "bare heap")
    for row in compared:
        kind = row.work, bool(row.trace)
        name = ", ".join(filter(None, (row.who, row.work, told(row))))
        reach = "" if row.trains else OF_THE_HEAP.get(kind, "")
        yield name, f"{median(ratios(row, bare)):.3f} of the bare heap, {median(row.rates):,.0f}/s", reach
        for other in compared:
            if row.trains and other[:4] == (row.who, row.work, False, row.trace):
                yield "  divided by no trains", f"{median(ratios(row, other)):.2f}", BY_TRAINS.get(kind, "")
                if row.made:
                    made = median(one / two for one, two in zip(row.made, other.rates, strict=True))
                    yield "  with all packets of the trace made, divided by no trains", f"{made:.2f}", ""
            elif row.work == MOBILE and not row.trains and (due := OF_OTHERS.get(other.who.split()[0])):
                yield f"  divided by {other.who}", f"{median(ratios(row, other)):.2f}", due


def kept(row: Row) -> dict[str, object]:
    """Return what docs/performance.json keeps of a row."""
    measured = row.runs[0]
    about = {"who": row.who, "work": row.work, "trains": row.trains, "trace": row.trace, "hops": measured.hops}
    rates = {"rates": [round(rate) for rate in row.rates], "made": [round(rate) for rate in row.made]}
    return {**about, "delays_ms": measured.delays_ms, **rates}


def told(row: Row) -> str:
    """Say in which way a row's engine ran."""
    switches = {"trains": row.trains, "trace": row.trace}
    return ", ".join(f"{name} {'on' if state else 'off'}" for name, state in switches.items() if state is not None)
