"""Which interface of the mobile node each flow used, and what it lost: read from the hops and drops of the trace."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mipflow.sim.trace import LOST, Dropped, Trace
from mipflow.view.trips import LOOK_AHEAD_NS, trips
from mipflow.view.words import NS_PER_MS
from mipflow.wire.packet import FragmentHeader, Packet


@dataclass(slots=True)
class Run:
    """A time in which one direction of a flow used one interface, in a tunnel or not. Times in nanoseconds.

    `first` is the packet-hop on the mobile node's own link that began it, `packets` how many there were.
    """

    flow: int
    upward: bool
    interface: str
    tunnelled: bool
    from_ns: int
    to_ns: int
    first: int
    packets: int = 0

    @property
    def way(self) -> tuple[int, str, bool]:
        """Flow, interface, and whether in a tunnel."""
        return self.flow, self.interface, self.tunnelled


def runs(trace: Trace, mobile: str, start_ns: int, end_ns: int) -> list[Run]:
    """All runs between two times (nanoseconds), by their start."""
    sends: dict[int, tuple[bool, str]] = {}
    for number, name in enumerate(trace.channels):
        if name.sender == mobile:
            sends[number] = (True, name.sender_interface)
        elif name.receiver == mobile:
            sends[number] = (False, name.receiver_interface)
    first, last = bisect_left(trace.sent, start_ns), bisect_right(trace.sent, end_ns)
    found: list[Run] = []
    current: dict[tuple[int, bool], Run] = {}
    packets, started = trace.packets, trace.started
    for number, channel in enumerate(trace.channel[first:last], first):
        if channel not in sends:
            continue
        outer = packets[number]
        inner = outer.payload if isinstance(outer.payload, Packet) else outer
        if not inner.label:
            continue
        flow = inner.flow
        upward, interface = sends[channel]
        tunnelled = inner is not outer
        run = current.get((flow, upward))
        if run is None or run.interface != interface or run.tunnelled != tunnelled:
            now = started[number]
            run = Run(flow, upward, interface, tunnelled, now, now, number)
            current[flow, upward] = run
            found.append(run)
        run.to_ns = started[number]
        run.packets += 1
    return found


def main_direction(found: list[Run]) -> dict[int, bool]:
    """Flow -> whether most of its packets go upward (from the mobile node to the correspondent node)."""
    balance: Counter[int] = Counter()
    for run in found:
        balance[run.flow] += run.packets if run.upward else -run.packets
    return {flow: value >= 0 for flow, value in balance.items()}


def leading(flows: Iterable[int], found: list[Run], most: int) -> list[int]:
    """At most `most` flows to draw: first those that changed their way, then those with most packets."""
    ways: dict[int, set[tuple[int, str, bool]]] = {}
    packets: Counter[int] = Counter()
    for run in found:
        ways.setdefault(run.flow, set()).add(run.way)
        packets[run.flow] += run.packets
    ranked = sorted(flows, key=lambda flow: (-len(ways.get(flow, ())), -packets[flow], flow))
    return sorted(ranked[:most])


def road(trace: Trace, run: Run) -> list[str]:
    """The nodes on the way of the packet that began a run, first and last included."""
    sent = trace.sent[run.first]
    span = 500 * NS_PER_MS
    wanted = trace.packets[run.first].innermost()
    window = (sent, sent + span) if run.upward else (sent - span, sent)
    for trip in trips(trace, *window, look_back_ns=0, look_ahead_ns=0, only=wanted):
        return trip.nodes
    return []


class Delay(NamedTuple):
    """A packet that arrived: made when, how long under way, when on the mobile node's link (nanoseconds)."""

    sent_ns: int
    delay_ns: int
    linked_ns: int


def delays(
    trace: Trace, mobile: str, direction: dict[int, bool], start_ns: int, end_ns: int, most: int
) -> dict[int, list[Delay]]:
    """Flow -> delays of its packets that arrived, at most `most` of them, evenly taken.

    direction: flow -> whether its packets go upward, as `main_direction` says.
    """
    first, last = bisect_left(trace.sent, start_ns), bisect_right(trace.sent, end_ns)
    ours = {number for number, name in enumerate(trace.channels) if mobile in (name.sender, name.receiver)}
    packets = trace.packets
    seen: dict[int, list[int]] = {flow: [] for flow in direction}
    for number, channel in enumerate(trace.channel[first:last], first):
        if channel in ours:
            inner = packets[number].innermost()
            if inner.label and direction.get(inner.flow) == inner.upward:
                seen[inner.flow].append(number)
    final: dict[int, int] = {}
    for flow, own in seen.items():
        seen[flow] = own[:: max(1, -(-len(own) // most))]
        final.update((id(packets[number].innermost()), -1) for number in seen[flow])
    for number in range(first, bisect_right(trace.sent, end_ns + LOOK_AHEAD_NS)):
        outer = packets[number]
        inner = outer.payload if isinstance(outer.payload, Packet) else outer
        if id(inner) in final:
            final[id(inner)] = number
    return {
        flow: _arrivals(trace, [(number, final[id(packets[number].innermost())]) for number in own])
        for flow, own in seen.items()
    }


def _arrivals(trace: Trace, own: list[tuple[int, int]]) -> list[Delay]:
    """Those of a flow's packets (hop on the mobile node's link, last hop) that came to where most of them go."""
    ends = Counter(trace.channels[trace.channel[last]].receiver for _, last in own)
    goal = ends.most_common(1)[0][0] if ends else ""
    found = []
    for number, last in own:
        sent = trace.packets[number].innermost().sent_ns
        if trace.arrived[last] != LOST and trace.channels[trace.channel[last]].receiver == goal:
            found.append(Delay(sent, trace.arrived[last] - sent, trace.started[number]))
    return found


def losses(trace: Trace, start_ns: int, end_ns: int) -> list[Dropped]:
    """The drops of packets that belong to a flow, between two times (nanoseconds); a cut datagram is one."""
    seen: set[tuple[int, int]] = set()
    found = []
    for record in trace.drops():
        inner = record.packet.innermost()
        if not (start_ns <= record.t_ns <= end_ns and inner.label):
            continue
        pieces = [header.identification for header in inner.extensions if isinstance(header, FragmentHeader)]
        if pieces and (inner.flow, pieces[0]) in seen:
            continue
        seen.update((inner.flow, piece) for piece in pieces)
        found.append(record)
    return found
