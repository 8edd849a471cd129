"""Many flows: what it takes to give a new one its home address, and to carry the packets of all."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from itertools import pairwise
from operator import truediv
from statistics import median
from time import process_time
from typing import Any

import mipflow as mf
from mipflow.flow.conversations import FlowInformation, Traits
from mipflow.flow.redirector import DataFlowRedirector
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.lab.scenarios import LINKS
from mipflow.lab.world import World
from mipflow.mip6.constants import MAX_UPDATE_RATE
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.mobile_node import DataMode
from mipflow.wire.address import Address, Prefix

from .ways import WAYS, finish

Line = tuple[str, str, str]
"""The measured thing, its value, and the value to reach."""

HOME, FAR = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:a::/64")
FLOWS, HOMES = (10, 100, 1_000, 10_000, 100_000), (10, 30, 100, 300, 1_000)
FEW_HOMES, PER_CN = 16, 5
"""Home addresses where their number is fixed, and flows of each correspondent node then."""
ROUNDS, ASSIGNED, AT_ONCE, RUNS = 9, 2_000, 10, 3
FAR_STEPS, NEAR_STEPS, WALKED, TURNS = 400_000, 4_000, 200_000, 7
"""Places of a list that is larger than a core's caches, and of one that fits; steps of a walk, and walks."""
WAITED = "a step that waits for a line from beyond the second-level cache"
TOUCHED = 2
"""Lines that a step of a walk touches: a place of the list, and the number there."""
WORDS = {False: "no trains", True: "trains"}
SETTLE_S, SLICES = 12, 12
FEW, MANY = 10, 1_000
GROWING = ((10, 3), (100, 30), (1_000, 300), (3_000, 900))
"""Calls and correspondent nodes."""
LENGTH_S, LEAST = 4.0, 100
"""Virtual seconds of every run, since trains weigh, board and look whether they may leap once in each, however long it
is; and how many calls have enough packets in one run, where fewer have several runs in a row.
"""


class Filled:
    """The two tables with `flows` flows, `per_cn` with each correspondent node.

    All correspondents optimise, so the flows of one have a home address each, the last ones of the table.
    """

    def __init__(self, flows: int, homes: int = FEW_HOMES, per_cn: int = PER_CN) -> None:
        self.homes, self.flows = HomeAddressTable(HOME.address(1)), FlowMappingTable()
        for number in range(2, homes + 1):
            self.homes.add(HOME.address(number))
        self.redirector = DataFlowRedirector(self.homes, self.flows)
        self.number = 0
        self.cns = [FAR.address(number) for number in range(1, flows // per_cn + 1)]
        for cn in self.cns:
            self.flows.mark(cn, True)
            for _ in range(per_cn):
                self.assign(cn)

    def assign(self, cn: Address) -> FlowMappingEntry:
        """Enter a new flow and give it a home address (Figure 4, steps 22 and 23, by Figure 6)."""
        self.number += 1
        entry = FlowMappingEntry(self.number, cn, FlowInformation(Traits("UDP", self.number, cn, 9)), interface="wlan0")
        self.flows.add(entry)
        self.redirector.give(entry)
        return entry

    def spent_us(self, count: int = ASSIGNED, near: int | None = None) -> float:
        """Processor time of one assignment, to one of the first `near` correspondents or of all; the flows are taken
        out again, which is not counted.
        """
        cns, total, done = self.cns[:near], 0.0, 0
        while done < count:
            chosen = [cns[(done + step) * 7919 % len(cns)] for step in range(min(AT_ONCE, len(cns)))]
            begin = process_time()
            entries = [self.assign(cn) for cn in chosen]
            total += process_time() - begin
            done += len(chosen)
            for entry in entries:
                self.flows.remove(entry.flow_id)
        return total / done * 1e6


def assignment() -> Iterator[Line]:
    """Yield the home address of a new flow: among few and many flows, and with few and many home addresses."""
    filled = [Filled(flows) for flows in FLOWS]
    rounds = [[*(each.spent_us() for each in filled), filled[-1].spent_us(near=2)] for _ in range(ROUNDS)]
    *middle, near = (median(times) for times in zip(*rounds, strict=True))
    for flows, time in zip(FLOWS, middle, strict=True):
        yield f"home address of a new flow among {flows:,}", f"{time:.1f} us", ""
    yield "  the largest of these divided by the smallest", f"{max(middle) / min(middle):.2f}", "at most 2, aim 1.2"
    yield "  100,000 divided by 10, to two correspondents both", f"{near / middle[0]:.2f}", "1"
    for homes in HOMES:
        full = Filled(10 * (homes - 1), homes, homes - 1)
        time = median(full.spent_us(500) for _ in range(ROUNDS))
        yield f"  where {homes - 1} of {homes:,} home addresses are taken", f"{time:.1f} us", ""


def busy(flows: int, cns: int, interval_ms: float = 20.0, trains: bool = True) -> World:
    """Figure 2 with calls evenly over that many correspondent nodes and over both interfaces, all bound and talking."""
    fast = {name: mf.Link(delay_ms=link.delay_ms, rate_bps=None) for name, link in LINKS.items()}
    world = mf.figure2(trace="off", links=fast, trains=trains)
    for number in range(len(world.cns), cns):
        prefix = Prefix.parse(f"2001:db8:{0x1000 + number:x}::/64")
        segment = world.network.add_segment(f"cn{number + 1}", fast["cn2"], prefix)
        world.internet.serve(segment)
        cn = CorrespondentNode(world.network, f"CN{number + 1}")
        cn.settle(segment, 5)
        world.cns.append(cn)
    for number in range(flows):
        call = mf.apps.Voice(interval_ms, start_s=SETTLE_S - 1 + number * interval_ms / flows / 1000)
        world.mn.open(world.cns[number % cns], call, ("wlan0", "cell0")[number // cns % 2])
    world.run(SETTLE_S)
    assert all(flow.registered_at_cn is not None for flow in world.mn.flows)
    return world


def calls_per_hop(world: World, length_s: float) -> float:
    """Functions of ours that are called for one packet-hop: what has to be done, whatever the processor makes of it."""
    called, before = 0, world.hops

    def count(frame: object, event: str, argument: Any) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    world.run(length_s)
    sys.setprofile(None)
    return called / (world.hops - before)


def carrying() -> Iterator[Line]:
    """Packet-hops of a thousand flows and of ten without trains, in turn slice by slice; a thousand of the same calls
    have a hundred times the packets under way, so ten also run with the packets of the thousand, and the thousand with
    those of ten.
    """
    worlds = {"ten flows over 3 correspondents": (busy(10, 3, trains=False), 10.0),
              "ten flows with the packets of a thousand": (busy(10, 3, 0.2, trains=False), 0.1),
              "a thousand flows over 300 correspondents": (busy(1_000, 300, trains=False), 0.1),
              "a thousand flows with the packets of ten": (busy(1_000, 300, 2_000.0, trains=False), 10.0)}  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in worlds}
    for _ in range(SLICES):
        for name, (world, length_s) in worlds.items():
            before, begin = world.hops, process_time()
            world.run(length_s)
            rates[name].append((world.hops - before) / (process_time() - begin))
    for name, (world, length_s) in worlds.items():
        yield name, f"{median(rates[name]):,.0f} hops/s", f"{calls_per_hop(world, length_s):.2f} calls each"
    few, dense, many, sparse = rates.values()
    for name, ours, others, reach in (
        ("a thousand divided by ten", many, few, "at least 0.5"),
        ("  both with the packets of a thousand", many, dense, ""),
        ("  both with the packets of ten", sparse, few, ""),
    ):
        ratio = median(one / other for one, other in zip(ours, others, strict=True))
        yield f"  {name}", f"{ratio:.2f}", reach


def miss_ns() -> float:
    """Measure what a line takes that is in no cache of the core where the next step waits for it: by walks at random
    through a long list and a short one.
    """
    walks: list[list[int]] = []
    spent: list[list[float]] = [[], []]
    for length in (FAR_STEPS, NEAR_STEPS):
        order = random.Random(1).sample(range(length), length)
        onward = dict(pairwise([*order, order[0]]))
        walks.append([onward[place] + FAR_STEPS for place in range(length)])  # a number of its own for each place
    for _ in range(TURNS):
        for walk, times in zip(walks, spent, strict=True):
            place, begin = 0, process_time()
            for _ in range(WALKED):
                place = walk[place] - FAR_STEPS
            times.append(process_time() - begin)
    far, near = map(median, spent)
    return (far - near) / WALKED / TOUCHED * 1e9


def growing() -> Iterator[Line]:
    """Packet-hops of more and more calls, with trains and without, in turn: all for the same virtual time."""
    middle: dict[tuple[bool, int], float] = {}
    for flows, cns in GROWING:
        worlds = {trains: busy(flows, cns, trains=trains) for trains in WAYS}
        rates: dict[bool, list[float]] = {trains: [] for trains in WAYS}
        for _ in range(RUNS):
            for trains, world in worlds.items():
                before, begin = world.hops, process_time()
                for _ in range(max(LEAST // flows, 1)):
                    world.run(LENGTH_S)
                    finish(world.network)
                rates[trains].append((world.hops - before) / (process_time() - begin))
        for trains, found in rates.items():
            middle[trains, flows] = median(found)
            yield f"{WORDS[trains]}, {flows:,} flows over {cns} correspondents", f"{median(found):,.0f} hops/s", ""
        ratio = median(map(truediv, rates[True], rates[False]))
        yield f"  {flows:,} flows: trains divided by none", f"{ratio:.2f}", "at least 3" if flows <= MANY else ""
    for trains in WAYS:
        ratio = middle[trains, MANY] / middle[trains, FEW]
        yield f"  {MANY:,} flows divided by {FEW}: {WORDS[trains]}", f"{ratio:.2f}", "at least 0.5"
    yield WAITED, f"{miss_ns():.0f} ns", ""


def set_up_ms(flows: int, mode: DataMode) -> tuple[float, float]:
    """Processor time for each of so many flows over 64 correspondent nodes, from opening it until it is bound; and how
    much of it the garbage collector took.
    """
    world = mf.figure2(cns=64, mode=mode)
    world.run(3)
    gc.collect()
    collected = 0.0

    def passes(phase: str, info: dict[str, int]) -> None:
        nonlocal collected
        collected += process_time() if phase == "stop" else -process_time()

    gc.callbacks.append(passes)
    begin = process_time()
    opened = [world.mn.open(world.cns[number % 64], mf.apps.Voice(start_s=1e6)) for number in range(flows)]
    world.run(3 + flows / 64 / MAX_UPDATE_RATE)
    spent = process_time() - begin
    gc.callbacks.remove(passes)
    assert all(flow.wait_ms is not None for flow in opened)
    assert mode == "tunnel" or all(flow.registered_at_cn is not None for flow in opened)
    return spent / flows * 1000, collected / flows * 1000


def setting_up() -> Iterator[Line]:
    """Measure the cost of a flow until it is bound, among a hundred, a thousand and three thousand."""
    modes: tuple[DataMode, ...] = ("route_optimisation", "tunnel")
    for mode in modes:
        rounds = [[set_up_ms(flows, mode) for _ in range(runs)] for flows, runs in ((100, 5), (1_000, 3), (3_000, 1))]
        few, some, many = (median(spent for spent, _ in each) for each in rounds)
        least, _, most = (median(spent - collected for spent, collected in each) for each in rounds)
        yield f"setting up one of 3,000 flows, {mode}", f"{many:.2f} ms", ""
        yield "  divided by one of 100", f"{many / few:.2f}", "at most 1.5 (garbage collection)"
        yield "  divided by one of 1,000", f"{many / some:.2f}", "1"
        yield "  divided by one of 100, without the garbage collector's passes", f"{most / least:.2f}", "1"
