"""Many mobile nodes on many access networks: what it takes to build them, to register all, and to let each make a call.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from heapq import heappop, heappush
from itertools import count, pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random
from resource import getpagesize
from statistics import median
from time import process_time

from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.applications.apps import Voice
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import Prefix

from .crowds import prepare_for_crowds

Line = tuple[str, str, str]
"""The measured thing, its value, and the value to reach."""

SIZES = ((10, 10), (100, 100), (1_000, 100), (10_000, 100))
"""Mobile nodes and access networks: as many networks as nodes up to a hundred, then more and more nodes on each."""
ROUNDS = 3
MANY = 10_000
"""From so many mobile nodes on one round is enough."""
LEAST = 100
"""More mobile nodes than that should take as much each as a tenth of them do."""
QUICK = Link(delay_ms=5, rate_bps=None)
HOME, FAR = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:a::/64")
REGISTERED_S, BOUND_S, TALKED_S, INTERVAL_MS = 6, 10, 11, 20.0
STEPS = ("building", "registering", "binding", "calling for a second")
BARE = "a bare heap as full"
HOPS, WAITING, TOUCHED = 8, 7, 40
"""Events of a call's packets there and back, further ones of a mobile node that are due later, and objects that an
event of the bare heap touches: with its entry about the 55 lines that an event of a thousand calls does not find in the
second-level cache of 2 MB (valgrind's count).
"""


def crowd(
    nodes: int, networks: int, network: Network | None = None, access: Link = QUICK
) -> tuple[Network, list[FlowMobileNode], CorrespondentNode]:
    """Build mobile nodes spread over access networks, with one home agent and one correspondent node."""
    network = network or prepare_for_crowds(Network(trace="off"))
    internet, agent = Router(network, "Internet"), HomeAgent(network, "HA")
    join_routers(network, internet, agent, QUICK)
    agent.serve_home(network.add_segment("home", QUICK, HOME), 7)
    far = network.add_segment("far", QUICK, FAR)
    internet.serve(far)
    cn = CorrespondentNode(network, "CN")
    cn.settle(far, 5)
    segments = []
    for number in range(networks):
        router = AccessRouter(network, f"AR{number}")
        join_routers(network, router, internet, QUICK)
        prefix = Prefix.parse(f"2001:db8:{0x1000 + number:x}::/64")
        segments.append(network.add_segment(f"access {number}", access, prefix))
        router.serve(segments[-1])
    known = {"home_agent": agent.home_agent_address, "home_prefix": HOME}
    mobiles = []
    for number in range(nodes):
        mobile = FlowMobileNode(network, f"MN{number}", home_address=HOME.address(0x1000 + number), **known)
        mobile.visit("wlan0", segments[number % networks])
        mobiles.append(mobile)
    return network, mobiles, cn


def steps_of(nodes: int, networks: int) -> tuple[list[float], float]:
    """Processor seconds of each step, and megabytes at most, of a process that does nothing else."""
    network, mobiles, cn = crowd(1, 1)
    mobiles[0].open(cn, Voice())
    network.run_until(REGISTERED_S * NS_PER_S)  # imports what is imported late
    before, times = resident_kb(), [process_time()]
    network, mobiles, cn = crowd(nodes, networks)
    times.append(process_time())
    network.run_until(REGISTERED_S * NS_PER_S)
    assert all(home.care_of_address is not None for mobile in mobiles for home in mobile.home_addresses)
    times.append(process_time())
    for number, mobile in enumerate(mobiles):
        mobile.open(cn, Voice(INTERVAL_MS, start_s=BOUND_S - REGISTERED_S + number * INTERVAL_MS / nodes / 1000))
    network.run_until(BOUND_S * NS_PER_S)
    assert all(flow.registered_at_cn is not None for mobile in mobiles for flow in mobile.flows)
    times.append(process_time())
    network.run_until(TALKED_S * NS_PER_S)
    assert sum(meter.received for meter in network.meters.values()) > 40 * nodes
    times.append(process_time())
    return [after - start for start, after in pairwise(times)], (resident_kb() - before) / 1000


def bare_heap_s(nodes: int) -> float:
    """Processor seconds of a heap with as many events for as many nodes as a second of calls has. An event touches
    objects of its own and is due again in 20 ms: what more nodes cost for the machine's memory alone.
    """
    heap: list[tuple[int, int, list[bytes]]] = []
    order, interval_ns = count(), round(INTERVAL_MS * 1e6)
    objects = [bytes(40) for _ in range(nodes * HOPS * TOUCHED)]
    Random(1).shuffle(objects)  # as those that belong to a packet lie here and there
    for number in range(nodes * HOPS):
        own = objects[number * TOUCHED : (number + 1) * TOUCHED]
        heappush(heap, (number * interval_ns // (nodes * HOPS), next(order), own))
    for _ in range(nodes * WAITING):
        heappush(heap, (NS_PER_S * NS_PER_S, next(order), []))
    gc.collect()
    gc.disable()
    begin = process_time()
    for _ in range(round(nodes * HOPS * 1000 / INTERVAL_MS)):
        now, _, own = heappop(heap)
        deque(own, 0)
        heappush(heap, (now + interval_ns, next(order), own))
    return process_time() - begin


def resident_kb() -> float:
    """Return the kilobytes of memory that this process has now: the most that it ever had counts its parent's, too."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * getpagesize() / 1000


def growth() -> Iterator[Line]:
    """Yield what each step takes for a mobile node, by their number, and what ten times as many take of it."""
    few: list[float] = []
    for nodes, networks in SIZES:
        rounds = []
        for _ in range(1 if nodes >= MANY else ROUNDS):
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                times, megabytes = fresh.submit(steps_of, nodes, networks).result()
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                times.append(fresh.submit(bare_heap_s, nodes).result())
            rounds.append([*(1000 * time / nodes for time in times), 1000 * megabytes / nodes])
        many = [median(values) for values in zip(*rounds, strict=True)]
        for place, (name, value) in enumerate(zip((*STEPS, BARE, "memory"), many, strict=True)):
            ratio = f", x{value / few[place]:.2f}" if few else ""
            unit = "kB" if name == "memory" else "ms"
            reach = "x1" if nodes > LEAST and name != BARE else ""
            yield f"{name}, each of {nodes:,} on {networks} links", f"{value:.2f} {unit}{ratio}", reach
        few = many
