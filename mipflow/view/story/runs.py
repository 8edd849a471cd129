"""The ways of flows: runs over one interface of the mobile node, and losses on the way; in values and in sentences.

Takes trips and a trace; gives for each flow when it used which interface, in a tunnel or not, and what it lost where
and why. The timeline and the film's board say the same by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mipflow.sim.trace import LOST, Dropped, Trace
from mipflow.view.story.focus import Focus
from mipflow.view.story.trips import Trip, is_tunnelled
from mipflow.view.story.words import Words, count, network, over, seconds, where_lost


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
        if label := trip.packet.label:
            flows.setdefault(abs(label), []).append(trip)
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
            tunnelled = is_tunnelled(trace.packets[number])
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
