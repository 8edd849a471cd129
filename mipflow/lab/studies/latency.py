"""The time of a handover, part by part, beside published figures.

Takes the seconds between router advertisements; runs a world whose mobile node is carried from one access router to the
other and back without a hint from its links, and reads the four parts of each handover from the trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise
from statistics import fmean
from typing import NamedTuple

from mipflow.arguments import SEED, check, whole
from mipflow.lab.scenarios import figure2
from mipflow.lab.studies.found import found
from mipflow.lab.studies.study import Row, table
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.node.applications.application import Application
from mipflow.node.applications.apps import Voice
from mipflow.node.router import AccessRouter, join_routers
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link, Segment
from mipflow.sim.trace import Decided, TableChanged
from mipflow.view.drawing.picture import Picture
from mipflow.wire.address import Prefix

SHORT = Link(delay_ms=0.5, rate_bps=100_000_000)
"""The links of the measured world: those of a laboratory, as in the published figures."""
SETTLE_S = 8.0
"""Seconds between two moves: longer than any handover here takes."""

MOVES = whole(1, 10_000, "moves")

Intervals = tuple[float, float]


class Parts(NamedTuple):
    """The parts of a handover, in seconds: until there is a care-of address; until the home agent has acknowledged it;
    until the tokens are there and the binding update leaves; until the correspondent has acknowledged that.
    """

    movement_detection: float
    home_registration: float
    return_routability: float
    correspondent_registration: float

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(self)


PUBLISHED: dict[Intervals, dict[str, Parts | float]] = {
    (1.0, 3.0): {"testbed": Parts(3.288, 1.040, 0.005, 0.003), "OMNeT++": 3.659, "ns-3": 3.635},
    (0.05, 1.5): {"testbed": 3.088, "OMNeT++": 3.147, "ns-3": 3.118},
    (0.03, 0.07): {"testbed": 2.606, "OMNeT++": 2.696, "ns-3": 2.574},
}
"""Least and most seconds between router advertisements -> published figures: all four parts, or the first alone.

Yousaf et al. (SIMUTools 2008), Rana et al. (Simulation Modelling Practice and Theory 72, 2017).
"""


def handovers(advertisements: Intervals, moves: int = 40, seed: int = 0) -> Iterator[Parts]:
    """Measure the first registration, duplicate address detection at home included, then the handovers of `moves`
    moves.
    """
    yield _parts(_begun(advertisements, seed, Voice())[0], 0)
    # What is measured is signalling: a packet a second keeps the flow and its binding in use, and costs no time.
    world, other = _begun(advertisements, seed, Voice(interval_ms=1000))
    phase = world.network.random("moves")  # anywhere between two advertisements
    places = (other, world.network.segments["wlan0"])
    for number in range(moves):
        world.run(phase.uniform(0, advertisements[1]))
        moved_ns = world.network.clock.now
        world.mn.visit("wlan0", places[number % 2])
        world.run(SETTLE_S)
        yield _parts(world, moved_ns)


def _begun(advertisements: Intervals, seed: int, app: Application) -> tuple[World, Segment]:
    """Make a world in which a flow is bound; return it with its second access network."""
    names = ("wlan0", "AR2-Internet", "Internet-HA", "home", "cn1")
    world = figure2(
        seed, links=dict.fromkeys(names, SHORT), trace="control", advertisements=advertisements, link_hints=False,
        reuse_tokens=False,
    )  # fmt: skip
    other = _other_access(world, advertisements)
    world.mn.interface("cell0").set_up(False)
    world.mn.open(world.cn1, app, "wlan0")
    world.run(SETTLE_S)
    return world, other


def _other_access(world: World, advertisements: Intervals) -> Segment:
    """Add a second access network, like the first."""
    network = world.network
    router = AccessRouter(network, "AR4", 2.0, 2.4)
    join_routers(network, router, world.internet, SHORT)
    segment = network.add_segment("wlan1", SHORT, Prefix.parse("2001:db8:400::/64"))
    router.serve(segment)
    router.neighbor.advertise_every(router.interfaces["wlan1"], *advertisements)
    return segment


def _parts(world: World, since_ns: int) -> Parts:
    """Read from the trace the parts of the handover that began at `since_ns`."""
    at: dict[str, int] = {}
    for record in world.trace.records:
        if record.t_ns < since_ns or record.node != world.mn.name:
            continue
        if isinstance(record, Decided) and record.what == "care-of address":
            at.setdefault("found", record.t_ns)
        elif isinstance(record, TableChanged) and record.change.table == "binding update list" and "found" in at:
            row = record.change.after or {}
            is_done = row.get("state") == State.BOUND.value and row["registered"] == row["care_of_address"]
            if row.get("home_registration"):
                at.setdefault("home", record.t_ns) if is_done else None
            elif row.get("state") == State.UPDATING.value and "home" in at:
                at.setdefault("update", record.t_ns)
            elif is_done and "update" in at:
                at.setdefault("bound", record.t_ns)
    times = [since_ns, at["found"], at["home"], at["update"], at["bound"]]
    return Parts(*((end - begin) / NS_PER_S for begin, end in pairwise(times)))


def latency_table(moves: int = 40, seed: int = 0) -> Picture:
    """Measure the parts of a handover at the published intervals of router advertisements, and show the published
    figures beside them. Kept for the next time (`lab.studies.found`).
    """
    check(SEED, seed=seed)
    check(MOVES, moves=moves)
    total = (1 + moves) * len(PUBLISHED)
    runs = chain.from_iterable(handovers(intervals, moves, seed) for intervals in PUBLISHED)
    measured = iter(found("latency_table", (seed, moves, [*PUBLISHED]), total, runs))
    rows: list[Row] = []
    for intervals, others in PUBLISHED.items():
        first, *later = (Parts(*parts) for parts in islice(measured, 1 + moves))
        mean = Parts(*(fmean(part) for part in zip(*later, strict=True)))
        rows += [
            _row(intervals, "mipflow, first registration", first),
            _row(intervals, f"mipflow, mean of {moves} moves", mean),
        ]
        rows += [_row(intervals, who, published) for who, published in others.items()]
    return table("Time of a handover, in seconds", rows, _told)


def _told(row: Row) -> list[str]:
    who = f"{row['advertisements every']}, {row['who']}"
    return [f"{who}: movement detection {row['movement detection']} s, in all {row['total'] or 'not published'}."]


def _row(intervals: Intervals, who: str, parts: Parts | float) -> Row:
    row: Row = {"advertisements every": f"{intervals[0]:g} to {intervals[1]:g} s", "who": who}
    if not isinstance(parts, Parts):
        return row | {"movement detection": parts, "total": None}
    named = {name.replace("_", " "): round(value, 3) for name, value in parts._asdict().items()}
    return row | named | {"total": round(parts.total, 3)}
