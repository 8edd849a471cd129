"""The work with our own plain nodes: a host, four routers and a host, without anything of Mobile IPv6."""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time

import mipflow as mf
from mipflow.node.applications.apps import Ends, Voice
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.wire.address import Prefix

from ..ways import finish, made_s, set_way
from .work import FLOWS, LINKS, Link, Measured

START_S, TAIL_S, HEADERS = 2, 1, 48
NEAR, FAR = Prefix.parse("2001:db8:1::/64"), Prefix.parse("2001:db8:2::/64")


def chain(links: Sequence[Link], length_s: float, trace: Mode, trains: bool) -> Network:
    """Build hosts at both ends of a chain of links, with the flows about to send for `length_s` seconds, and let time
    pass up to the nanosecond before they do.
    """
    network = set_way(Network(trace=trace), trains)
    first, *between, last = (mf.Link(link.delay_ms, link.rate_bps) for link in links)
    routers = [Router(network, f"R{number}") for number in range(len(links) - 1)]
    for link, one, other in zip(between, routers, routers[1:], strict=False):
        join_routers(network, one, other, link)
    near, far = network.add_segment("near", first, NEAR), network.add_segment("far", last, FAR)
    routers[0].serve(near)
    routers[-1].serve(far)
    mn, cn = Host(network, "MN"), Host(network, "CN")
    mn.settle(near, 5)
    cn.settle(far, 5)
    network.run_until(NS_PER_S)
    for number, flow in enumerate(FLOWS):
        app = Voice(flow.interval_us / 1000, flow.octets - HEADERS, False, START_S - 1, length_s)
        app.start(Ends(mn, cn, 6000 + number, 5000 + number, number + 1))
    network.run_until(START_S * NS_PER_S - 1)
    return network


def spent_s(network: Network, length_s: float) -> float:
    """Let time pass until all packets have arrived; return the processor time of that."""
    begin = process_time()
    network.run_until(round((START_S + length_s + TAIL_S) * NS_PER_S))
    finish(network)
    return process_time() - begin


def run(length_s: int, trace: Mode = "off", trains: bool = False) -> Measured:
    """Do the work."""
    network = chain(LINKS, length_s, trace, trains)
    before = network.clock.packet_events
    spent = spent_s(network, length_s)
    delays = tuple(network.meters[number + 1].mean_delay_ms for number in range(len(FLOWS)))
    return Measured(network.clock.packet_events - before, spent, delays, made_s(network))
