"""Many flows: what it takes to assign a home address to a new one, and to carry the packets of all."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import process_time

import mipflow as mf
from mipflow.flow.redirector import DataFlowRedirector
from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.flow.traits import Traits
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.wire.address import Address, Prefix

HOME, FAR = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:a::/64")
HOMES, PER_CN, ROUNDS, ASSIGNED = 16, 5, 9, 4_000
"""Home addresses where their number is fixed; flows of each correspondent node; assignments of one measurement."""
FLOWS = (10, 100, 1_000, 10_000, 100_000)
SETTLE_S, SLICE_S, SLICES = 12, 0.25, 12


def new(number: int, cn: Address) -> FlowMappingEntry:
    """A flow that is in no table yet."""
    return FlowMappingEntry(number, cn, FlowInformation(Traits("UDP", number, cn, 9)), "wlan0")


class Filled:
    """The two tables with `flows` flows, `per_cn` with each correspondent node, of the first `homes` home addresses.

    All correspondents optimise, so the flows of one have a home address each, the last ones of the table.
    """

    def __init__(self, flows: int, homes: int = HOMES, per_cn: int = PER_CN) -> None:
        self.homes, self.flows = HomeAddressTable(HOME.address(1)), FlowMappingTable()
        for number in range(2, homes + 1):
            self.homes.add(HOME.address(number))
        self.redirector = DataFlowRedirector(self.homes, self.flows)
        self.next = 0
        self.cns = [FAR.address(number) for number in range(1, flows // per_cn + 1)]
        for cn in self.cns:
            self.flows.mark(cn, True)
            for _ in range(per_cn):
                self.assign(cn)

    def assign(self, cn: Address) -> FlowMappingEntry:
        """A new flow: enter it and give it a home address (Figure 4, steps 22 and 23, by Figure 6)."""
        self.next += 1
        entry = new(self.next, cn)
        self.flows.add(entry)
        self.redirector.outgoing(entry)
        return entry

    def spent(self, count: int = ASSIGNED, near: int | None = None) -> float:
        """Processor seconds of one assignment; the flows go again, which is not counted. `near`: to how many
        correspondents.
        """
        cns, total = self.cns[:near], 0.0
        for start in range(0, count, 10):
            chosen = [cns[(start + step) * 7919 % len(cns)] for step in range(10 if len(cns) >= 10 else len(cns))]
            begin = process_time()
            entries = [self.assign(cn) for cn in chosen]
            total += (process_time() - begin) / len(chosen)
            for entry in entries:
                self.flows.remove(entry.flow_id)
        return total * 10 / count


def assignment() -> Iterator[tuple[str, str, str]]:
    """The home address of a new flow, among few and among many flows, and with few and many home addresses."""
    filled = [Filled(flows) for flows in FLOWS]
    rounds = [[each.spent() for each in filled] for _ in range(ROUNDS)]
    for flows, *times in zip(FLOWS, *rounds, strict=True):
        yield f"home address of a new flow among {flows:,}", f"{median(times) * 1e6:.1f} us", ""
    ratio = median(max(times) / min(times) for times in rounds)
    yield "  the largest of these divided by the smallest", f"{ratio:.2f}", "at most 2, aim 1.2"
    rounds = [[filled[-1].spent(near=2), filled[0].spent()] for _ in range(ROUNDS)]
    ratio = median(many / few for many, few in rounds)
    yield "  100,000 divided by 10, both to two correspondents", f"{ratio:.2f}", ""
    for homes in (10, 30, 100, 300, 1_000):
        full = Filled(10 * (homes - 1), homes, homes - 1)
        times = [full.spent(1_000) for _ in range(ROUNDS)]
        yield f"  where {homes - 1} of {homes:,} home addresses are taken", f"{median(times) * 1e6:.1f} us", ""


def busy(flows: int, cns: int) -> World:
    """Figure 2 with that many flows, evenly over that many correspondent nodes and both interfaces, all bound."""
    fast = {name: mf.Link(delay_ms=link.delay_ms, rate_bps=None) for name, link in mf_links().items()}
    world = mf.figure2(trace="off", links=fast)
    for number in range(len(world.cns), cns):
        segment = world.network.add_segment(f"cn{number + 1}", fast["cn2"], Prefix.parse(f"2001:db8:{0x1000 + number:x}::/64"))
        world.internet.serve(segment)
        cn = CorrespondentNode(world.network, f"CN{number + 1}")
        cn.settle(segment, 5)
        world.cns.append(cn)
    for number in range(flows):
        start_s = SETTLE_S - 1 + number % 20 / 1000
        world.mn.open(world.cns[number % cns], mf.apps.Voice(start_s=start_s), ("wlan0", "cell0")[number // cns % 2])
    world.run(SETTLE_S)
    assert all(flow.registered_at_cn is not None for flow in world.mn.flows)
    return world


def mf_links() -> dict[str, mf.Link]:
    from mipflow.lab.scenarios import LINKS

    return LINKS


def carrying() -> Iterator[tuple[str, str, str]]:
    """Packet-hops of a thousand flows against those of ten, in turn slice by slice."""
    few, many = busy(10, 3), busy(1_000, 300)
    rates: list[list[float]] = [[], []]
    for _ in range(SLICES):
        for world, kept, length_s in ((few, rates[0], SLICE_S * 40), (many, rates[1], SLICE_S)):
            before, begin = world.hops, process_time()
            world.run(length_s)
            kept.append((world.hops - before) / (process_time() - begin))
    for what, kept in zip(("10 flows over 3 correspondents", "1,000 flows over 300 correspondents"), rates, strict=True):
        yield what, f"{median(kept):,.0f} hops/s", ""
    yield "  divided by those of ten", f"{median(m / f for f, m in zip(*rates, strict=True)):.2f}", "at least 0.5"


if __name__ == "__main__":
    for part in (assignment, carrying):
        for line in part():
            print(*line, sep="   ", flush=True)
