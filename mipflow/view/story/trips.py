"""Whole trips of packets, put together from the packet-hops of the trace; and what they say about the flows.

A trip is one packet from where it was made to where it ended, through routers and tunnels; its legs are the hops. One
pass over the trace finds them; messages, ways of flows, delays and the packets of the animation are read from them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import LOST, Dropped, Trace, is_control
from mipflow.view.story.focus import Focus
from mipflow.view.story.words import NS_PER_S, Words, count, network, over, seconds, where_lost
from mipflow.wire.icmpv6 import NeighborAdvertisement, NeighborSolicitation, RouterAdvertisement, RouterSolicitation
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    import networkx

_NEIGHBOR_DISCOVERY = (RouterSolicitation, RouterAdvertisement, NeighborSolicitation, NeighborAdvertisement)


class Leg(NamedTuple):
    """One packet-hop: when its first bit left and when it arrived (LOST if it did not), between which nodes."""

    number: int
    started_ns: int
    arrived_ns: int
    sender: str
    receiver: str
    tunnelled: bool


class Trip:
    """A packet's way, or a stretch of it; `packet` is the innermost packet, `numbers` are its hops in the trace."""

    __slots__ = ("numbers", "packet", "trace")

    def __init__(self, trace: Trace, packet: Packet, numbers: list[int]) -> None:
        self.trace, self.packet, self.numbers = trace, packet, numbers

    @property
    def started_ns(self) -> int:
        """When the first bit left the first node, in nanoseconds."""
        return self.trace.started[self.numbers[0]]

    @property
    def arrived_ns(self) -> int:
        """When the packet arrived where it ended (LOST if a link lost it), in nanoseconds."""
        return self.trace.arrived[self.numbers[-1]]

    @property
    def sender(self) -> str:
        """The node that sent it first."""
        return self.trace.channels[self.trace.channel[self.numbers[0]]].sender

    @property
    def interface(self) -> str:
        """The interface that it was sent on first."""
        return self.trace.channels[self.trace.channel[self.numbers[0]]].sender_interface

    @property
    def receiver(self) -> str:
        """The node that it came to, or would have."""
        return self.trace.channels[self.trace.channel[self.numbers[-1]]].receiver

    @property
    def tunnelled(self) -> bool:
        """Whether it set out in a tunnel (RFC 2473), be it one of ESP."""
        return _tunnelled(self.trace.packets[self.numbers[0]])

    @property
    def encrypted(self) -> bool:
        """Whether it set out in ESP (RFC 4303)."""
        first = self.trace.packets[self.numbers[0]]
        return first.carried is not first.payload

    @property
    def nodes(self) -> list[str]:
        """The nodes on the way, first and last included."""
        return [self.sender, *(leg.receiver for leg in self.legs)]

    @property
    def legs(self) -> list[Leg]:
        """The hops in order."""
        trace, legs = self.trace, []
        for number in self.numbers:
            name, tunnelled = trace.channels[trace.channel[number]], _tunnelled(trace.packets[number])
            legs.append(
                Leg(number, trace.started[number], trace.arrived[number], name.sender, name.receiver, tunnelled)
            )
        return legs

    def stretches(self, graph: networkx.Graph[str]) -> list[Trip]:
        """Return the trip end to end: hops through plain routers belong together, a tunnel's end parts them."""
        parts: list[list[int]] = []
        inside = False
        for leg in self.legs:
            through = leg.sender in graph and graph.nodes[leg.sender].get("forwards", False)
            if not parts or leg.tunnelled != inside or not through:
                parts.append([])
            parts[-1].append(leg.number)
            inside = leg.tunnelled
        return [Trip(self.trace, self.packet, part) for part in parts]


def trips(trace: Trace, start_ns: int, end_ns: int, *, data: bool = True) -> list[Trip]:
    """Return the trips that were under way between two times (nanoseconds), by their start; each to its end.

    A packet is looked for up to a second before and after. data: those of flows too.
    """
    sent, started, arrived, channel, packets = trace.sent, trace.started, trace.arrived, trace.channel, trace.packets
    first, within = bisect_left(sent, start_ns - NS_PER_S), bisect_right(sent, end_ns)
    ends = [(name.sender, name.receiver) for name in trace.channels]
    found: list[Trip] = []
    latest: dict[int, Trip] = {}
    waiting: dict[tuple[str, int], list[Trip]] = {}
    for number in range(first, bisect_right(sent, end_ns + NS_PER_S)):
        if packets[number].label and not data:
            continue
        inner = packets[number].unsealed()
        sender, receiver = ends[channel[number]]
        trip = latest.get(id(inner))
        if trip is None or ends[channel[trip.numbers[-1]]][1] != sender:
            # Control packets are read from their bytes on each link: another value, known by place, time and content.
            here = waiting.get((sender, sent[number]), ())
            trip = next((each for each in here if _same(each.packet, inner)), None)
        if trip is not None:
            trip.numbers.append(number)
        elif number < within:
            trip = Trip(trace, inner, [number])
            found.append(trip)
        else:
            continue
        latest[id(inner)] = trip
        if not inner.label:
            waiting.setdefault((receiver, arrived[number]), []).append(trip)
    return [trip for trip in found if max(started[trip.numbers[-1]], arrived[trip.numbers[-1]]) >= start_ns]


def _tunnelled(packet: Packet) -> bool:
    return isinstance(packet.carried, Packet)


def _same(one: Packet, other: Packet) -> bool:
    ends = (one.source, one.destination) == (other.source, other.destination)
    return one is not other and ends and one.payload == other.payload


def is_message(trip: Trip, *, data: bool = False) -> bool:
    """Return True for signalling, or user data too; not for router and neighbor solicitations and advertisements."""
    wanted = data or (not trip.packet.label and is_control(trip.packet))
    return wanted and not isinstance(trip.packet.payload, _NEIGHBOR_DISCOVERY)


def messages(
    found: Iterable[Trip], graph: networkx.Graph[str], start_ns: int, end_ns: int, *, data: bool = False
) -> list[Trip]:
    """Return the stretches of trips that were sent between two times (nanoseconds), in order; signalling, or user data
    too.

    Router and neighbor solicitations and advertisements are left out.
    """
    parts = (part for trip in found if is_message(trip, data=data) for part in trip.stretches(graph))
    return sorted((part for part in parts if start_ns <= part.started_ns <= end_ns), key=lambda part: part.started_ns)


@dataclass(slots=True)
class Run:
    """A time in which a flow used one interface of the mobile node, in a tunnel or not; nanoseconds on that link."""

    flow: int
    upward: bool
    interface: str
    tunnelled: bool
    from_ns: int
    to_ns: int
    trips: list[Trip]

    @property
    def way(self) -> str:
        """The road in words."""
        return over(network(self.interface), tunnelled=self.tunnelled)


def runs(trace: Trace, found: Iterable[Trip], mobile: str) -> list[Run]:
    """Return the runs of each flow by their start, in the direction in which most of its packets go."""
    flows: dict[int, list[Trip]] = {}
    for trip in found:
        if trip.packet.label:
            flows.setdefault(trip.packet.flow, []).append(trip)
    result: list[Run] = []
    channels, channel, started = trace.channels, trace.channel, trace.started
    for flow, both in flows.items():
        upward = 2 * sum(trip.packet.upward for trip in both) >= len(both)
        place, run = 0 if upward else -1, None
        own = sorted((trip.numbers[place], trip) for trip in both if trip.packet.upward == upward)
        for number, trip in own:
            name, now = channels[channel[number]], started[number]
            node, interface = name[1:3] if upward else name[3:5]
            if node != mobile:
                continue
            tunnelled = _tunnelled(trace.packets[number])
            if run is None or (run.interface, run.tunnelled) != (interface, tunnelled):
                run = Run(flow, upward, interface, tunnelled, now, now, [])
                result.append(run)
            run.to_ns = now
            run.trips.append(trip)
    return sorted(result, key=lambda run: run.from_ns)


def leading(flows: Iterable[int], found: list[Run], most: int, moved: Container[int] = ()) -> list[int]:
    """Choose at most `most` flows to draw: first those of `moved`, then others that changed their way, then those with
    most packets.
    """
    ways, packets = Counter(flow for flow, _ in {(run.flow, run.way) for run in found}), Counter[int]()
    for run in found:
        packets[run.flow] += len(run.trips)
    return sorted(sorted(flows, key=lambda flow: (flow not in moved, -ways[flow], -packets[flow], flow))[:most])


def losses(trace: Trace, start_ns: int, end_ns: int) -> list[Dropped]:
    """Return the drops of packets that belong to a flow, between two times (nanoseconds); a cut datagram is one."""
    found: dict[tuple[int, object], Dropped] = {}
    for number, record in enumerate(trace.between(start_ns, end_ns)):
        if isinstance(record, Dropped) and (inner := record.packet.innermost()).label:
            found.setdefault((inner.label, inner.datagram() or number), record)
    return list(found.values())


def arrived(found: list[Run]) -> dict[int, list[Trip]]:
    """Return flow -> its trips that came to where most of them go."""
    flows: dict[int, list[Trip]] = {}
    for run in found:
        flows.setdefault(run.flow, []).extend(run.trips)
    for flow, own in flows.items():
        goal = Counter(trip.receiver for trip in own).most_common(1)[0][0]
        flows[flow] = [trip for trip in own if trip.arrived_ns != LOST and trip.receiver == goal]
    return flows


def why_lost(lost: Iterable[Dropped]) -> dict[int, Counter[str]]:
    """Return flow -> where and why its packets were lost, and how often."""
    found: dict[int, Counter[str]] = {}
    for record in lost:
        found.setdefault(record.packet.innermost().flow, Counter())[where_lost(record.node, record.reason)] += 1
    return found


def reasons(losses: Counter[str]) -> str:
    """Return how many packets were lost, and where and why, the most frequent first."""
    whys = ", ".join(f"{number} {why}" for why, number in losses.most_common())
    return f"{losses.total()} lost{f' ({whys})' if whys else ''}"


def flow_sentences(
    words: Words, focus: Focus, ways: Mapping[int, Sequence[tuple[int, str]]], lost: Iterable[Dropped]
) -> list[str]:
    """Tell for each flow that is shown which way it went from when on (nanoseconds), and what it lost where and why."""
    lines, losses = list[str](), why_lost(lost)
    for flow in focus.shown:
        own = ways.get(flow, ())
        later = "".join(f", from {seconds(t_ns)} {way}" for t_ns, way in own[1:]) or " throughout"
        way = own[0][1] + later if own else "no packet"
        lines.append(f"{words.flows[flow]}: {way}; {words.in_words(reasons(losses.pop(flow, Counter())))}.")
    if focus.hidden:
        rest = reasons(sum(losses.values(), Counter()))
        lines.append(f"{count(focus.hidden, 'other flow')}, of which nothing more is told; {rest}.")
    return lines
