"""The processor's time in parts: what a hop costs, what the two ends of a packet, the trace and mobility.

Nothing is taken apart for it. Runs that differ in one thing alone are subtracted: chains of two links and of ten, a
packet that never arrives and one that does, the trace off and on, mobility-aware nodes and plain ones, trains and none.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from heapq import heapify
from statistics import median
from time import process_time

from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Mode

from .compared import BARE_EVENTS
from .peers.ours import chain, spent_s
from .peers.work import FLOWS, LINKS, Link
from .reference import START_S, bare_heap, mobile_world

LENGTH_S, ROUNDS, CALLS = 10, 7, 500_000
SHORT, LONG, SLICES = 2, 10, 25
CALL, HEAP = "an empty Python call", "an event of the bare heap"
SENT, HOP = "a packet sent: timer, socket, first link", "a hop: arrival at a router, next link"
ARRIVED, TRACED = "a packet's arrival at its application", "the trace of a hop"
MOBILITY = "mobility at both ends of a packet"
TRAIN_HOP, TRAIN_ENDS = "a hop in a train", "a packet's two ends in a train"
QUICK, ENDLESS = Link(1_000_000_000, 2), Link(1_000_000_000, 1_000_000)
"""A link on which packets of both flows never wait, and one from which none arrives within the run."""
PACKETS = sum(LENGTH_S * 1_000_000 // flow.interval_us for flow in FLOWS)


def per_packet_ns(links: list[Link], trace: Mode = "off", trains: bool = False) -> float:
    """Processor time of one packet over these links, in nanoseconds."""
    network = chain(links, LENGTH_S, trace, trains)
    return spent_s(network, LENGTH_S) / PACKETS * 1e9


def sent_ns() -> float:
    """Processor time of sending one packet, in nanoseconds.

    What is under way is taken off the heap from time to time: a heap of thousands would cost more than sending does.
    """
    network, spent = chain([ENDLESS, QUICK], LENGTH_S, "off", False), 0.0
    heap = network.clock.heap
    for _ in range(SLICES):
        begin = process_time()
        network.run_until(network.clock.now + LENGTH_S * NS_PER_S // SLICES)
        spent += process_time() - begin
        heap[:] = [event for event in heap if event[0] < network.clock.now + NS_PER_S]
        heapify(heap)
    return spent / PACKETS * 1e9


def mobile_ns() -> float:
    """Processor time of one packet between mobility-aware nodes, route-optimised, over the links of the work."""
    network, _ = mobile_world("route_optimisation", "off")
    network.run_until(round(START_S * NS_PER_S) - 1)
    begin = process_time()
    network.run_until(round((START_S + LENGTH_S) * NS_PER_S))
    return (process_time() - begin) / PACKETS * 1e9


def call_ns() -> float:
    """Processor time of calling a Python function that does nothing, its loop included."""

    def nothing() -> None:
        pass

    begin = process_time()
    for _ in range(CALLS):
        nothing()
    return (process_time() - begin) / CALLS * 1e9


def heap_ns() -> float:
    """Processor time of an event of the bare heap."""
    events, spent = bare_heap(BARE_EVENTS)
    return spent / events * 1e9


def parts_of_a_packet() -> dict[str, list[float]]:
    """Measure the parts, in nanoseconds, once for each of the rounds in which all runs take turns."""
    works: dict[str, Callable[[], float]] = {
        "call": call_ns,
        "heap": heap_ns,
        "sent": sent_ns,
        "short": lambda: per_packet_ns([QUICK] * SHORT),
        "long": lambda: per_packet_ns([QUICK] * LONG),
        "short, trace": lambda: per_packet_ns([QUICK] * SHORT, "all"),
        "long, trace": lambda: per_packet_ns([QUICK] * LONG, "all"),
        "work": lambda: per_packet_ns(list(LINKS)),
        "mobile": mobile_ns,
        "short, trains": lambda: per_packet_ns([QUICK] * SHORT, trains=True),
        "long, trains": lambda: per_packet_ns([QUICK] * LONG, trains=True),
    }
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        spent = {}
        for name, run in works.items():
            gc.collect()
            spent[name] = run()
        rounds.append(_parts(spent))
    return {part: [one[part] for one in rounds] for part in rounds[0]}


def _parts(spent: dict[str, float]) -> dict[str, float]:
    """Subtract the runs of one round."""
    between = LONG - SHORT
    hop = (spent["long"] - spent["short"]) / between
    train_hop = (spent["long, trains"] - spent["short, trains"]) / between
    return {
        CALL: spent["call"],
        HEAP: spent["heap"],
        SENT: spent["sent"],
        HOP: hop,
        ARRIVED: spent["short"] - spent["sent"] - (SHORT - 1) * hop,
        TRACED: (spent["long, trace"] - spent["short, trace"]) / between - hop,
        MOBILITY: spent["mobile"] - spent["work"],
        TRAIN_HOP: train_hop,
        TRAIN_ENDS: spent["short, trains"] - SHORT * train_hop,
    }


def lines(parts: dict[str, list[float]]) -> list[tuple[str, str, str]]:
    """Return a line for each part."""
    return [(part, f"{median(times):,.0f} ns", "") for part, times in parts.items()]
