"""The reference work, two constant-rate flows over five links, and a mixed work on the same network: through real
nodes, with a tunnel and a per-flow handover.

A mobile node with two access routers, three routers, a home agent and a correspondent node. Half of the virtual time
runs in tunnel mode, half route-optimised; in each half one flow is handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from time import process_time

from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import DataMode
from mipflow.node.applications.application import Application
from mipflow.node.applications.apps import FileTransfer, Video, Voice
from mipflow.node.router import Router, join_routers
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.wire.address import Prefix

from .ways import set_way

HALF_S = 30
START_S = 4.0
"""When both flows are bound and begin to send."""
SLOW, FAST = Voice(20.0, 500, False, START_S), Voice(2.0, 160, False, START_S)
"""548 and 208 octets of IPv6 packet without mobility's own headers, 50 and 500 a second."""
Works = tuple[Application, ...]
REFERENCE: Works = (SLOW, FAST)
MIXED: Works = (Voice(start_s=START_S), Video(start_s=START_S), FileTransfer(20_000_000, start_s=START_S))
"""A call, a film and a file over TCP at once: the file takes what the others leave of the access link."""


def mobile_world(
    mode: DataMode, trace: Mode, works: Works = REFERENCE, trains: bool = False
) -> tuple[Network, FlowMobileNode]:
    """MN - AR - R1 - R2 - R3 - CN, the home agent at R1, and a second access router."""
    network = set_way(Network(seed=1, trace=trace), trains)
    home, wlan, cell, far = (Prefix.parse(f"2001:db8:{number}::/64") for number in ("100", "200", "300", "a"))
    r1, r2, r3 = (Router(network, name) for name in ("R1", "R2", "R3"))
    ha = HomeAgent(network, "HA")
    ar1, ar2 = Router(network, "AR1"), Router(network, "AR2")
    for router in (ar1, ar2):
        join_routers(network, router, r1, Link(2, 100_000_000))
    join_routers(network, r1, r2, Link(15, 1_000_000_000))
    join_routers(network, r2, r3, Link(5, 1_000_000_000))
    join_routers(network, r1, ha, Link(5, 1_000_000_000))
    ha.serve_home(network.add_segment("home", Link(1, 1_000_000_000), home), 7)
    segment = network.add_segment("far", Link(2, 100_000_000), far)
    r3.serve(segment)
    cn = CorrespondentNode(network, "CN")
    cn.settle(segment, 5)
    mn = FlowMobileNode(
        network, "MN", home_agent=ha.home_agent_address, home_address=home.address(0x10), home_prefix=home, mode=mode
    )
    for name, router, prefix in (("wlan0", ar1, wlan), ("cell0", ar2, cell)):
        segment = network.add_segment(name, Link(10, 2_000_000), prefix)
        router.serve(segment)
        mn.visit(name, segment)
    for application in works:
        mn.open(cn, application)
    return network, mn


def run_reference(trace: Mode, works: Works = REFERENCE) -> Iterator[tuple[int, float]]:
    """Yield the work in slices of a virtual second: packet-hops and processor seconds of each."""
    for mode in ("tunnel", "route_optimisation"):
        network, mn = mobile_world(mode, trace, works)  # type: ignore[arg-type]
        network.run_until(round(START_S * NS_PER_S) - 1)
        for second in range(1, HALF_S + 1):
            if second == HALF_S // 2:
                mn.handover(1, "cell0")
            before, begin = network.clock.packet_events, process_time()
            network.run_until(round((START_S + second) * NS_PER_S))
            yield network.clock.packet_events - before, process_time() - begin


def bare_heap(events: int = 6_000, waiting: int = 64) -> tuple[int, float]:
    """Events and processor seconds of a heap that does nothing but call an empty function, `waiting` entries in it."""
    heap: list[tuple[int, int, object, object]] = []
    order = count()

    def nothing(argument: object) -> None:
        del argument

    for number in range(waiting):
        heappush(heap, (number, next(order), nothing, None))
    begin = process_time()
    for number in range(events):
        _, _, callback, argument = heappop(heap)
        callback(argument)  # type: ignore[operator]
        heappush(heap, (number + waiting, next(order), nothing, None))
    return events, process_time() - begin


def measure(works: Works = REFERENCE) -> dict[str, float]:
    """Rates of the bare heap and of a work without and with its trace, in turn slice by slice, and ratios."""
    totals = {"bare heap": [0, 0.0], "trace off": [0, 0.0], "trace on": [0, 0.0]}
    runs = run_reference("off", works), run_reference("all", works)
    for off, on in zip(*runs, strict=True):
        for name, (number, spent) in (("bare heap", bare_heap()), ("trace off", off), ("trace on", on)):
            totals[name][0] += number
            totals[name][1] += spent
    rates = {name: number / spent for name, (number, spent) in totals.items()}
    bare = rates["bare heap"]
    return rates | {f"{name} / bare heap": rates[name] / bare for name in ("trace off", "trace on")}
