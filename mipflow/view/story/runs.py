"""The ways of flows: runs over one interface of the mobile node, and losses on the way; in values and in sentences.

Takes a trace; gives for each flow when it used which interface, in a tunnel or not, and what it lost where and why. The
timeline and the film's board say the same by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, groupby
from operator import gt, sub
from typing import NamedTuple

from mipflow.sim.trace import LOST, Dropped, Trace
from mipflow.view.story.focus import Focus
from mipflow.view.story.streams import Stream, streams
from mipflow.view.story.words import NS_PER_MS, Words, count, network, over, seconds, where_lost


class Delays(NamedTuple):
    """The packets that arrived: when each was made, and its one-way delay; nanoseconds."""

    made_ns: Sequence[int]
    delay_ns: Sequence[int]

    @property
    def mean_ms(self) -> float:
        """The mean, in milliseconds."""
        return sum(self.delay_ns) / len(self.delay_ns) / NS_PER_MS


@dataclass
class Run:
    """A time in which a flow used one interface of the mobile node, in a tunnel or not; nanoseconds on that link.

    sent: the trips of its packets; one that did not come to where most of the flow's packets go counts as LOST.
    """

    flow: int
    upward: bool
    interface: str
    tunnelled: bool
    from_ns: int
    to_ns: int
    sent: Stream

    @property
    def packets(self) -> int:
        """The number of packets."""
        return len(self.sent.firsts)

    @cached_property
    def delays(self) -> Delays:
        """The delays of its packets, as they came by on the mobile node's link."""
        made, ended = self.sent.made_ns, self.sent.ended_ns
        if LOST in ended:
            came = [t_ns != LOST for t_ns in ended]
            return Delays(list(compress(made, came)), list(map(sub, compress(ended, came), compress(made, came))))
        return Delays(made, list(map(sub, ended, made)))

    @property
    def way(self) -> str:
        """The road in words."""
        return over(network(self.interface), tunnelled=self.tunnelled)


def runs(trace: Trace, start_ns: int, end_ns: int, mobile: str) -> list[Run]:
    """Return the runs of each flow between two times (nanoseconds) by their start, in the direction in which most of
    its packets go.
    """
    found = {flow: each.between(trace, start_ns, end_ns) for flow, each in streams(trace, start_ns, end_ns).items()}
    flows: dict[int, list[Stream]] = {}
    for label, stream in sorted(found.items(), key=lambda each: each[1].firsts[:1]):
        if stream.firsts:
            flows[abs(label)] = [found.get(number, Stream.empty()) for number in (abs(label), -abs(label))]
    result: list[Run] = []
    for flow, (up, down) in flows.items():
        upward = len(up.firsts) >= len(down.firsts)
        result += _runs(trace, flow, upward, up if upward else down, mobile)
    return sorted(result, key=lambda run: run.from_ns)


def _runs(trace: Trace, flow: int, upward: bool, stream: Stream, mobile: str) -> Iterator[Run]:
    """Yield the runs of a flow in one direction, in order."""
    roads: dict[int, tuple[str, bool] | None] = {}
    for way in set(stream.ways):
        node, interface = trace.channels[way // 2][1:3] if upward else trace.channels[way // 2][3:5]
        roads[way] = (interface, way % 2 == 1) if node == mobile else None
    if None in roads.values():
        stream = stream.chosen(place for place, way in enumerate(stream.ways) if roads[way])
    if not upward and any(map(gt, stream.lasts, stream.lasts[1:])):
        stream = stream.chosen(sorted(range(len(stream.lasts)), key=stream.lasts.__getitem__))
    stream = _to_goal(trace, stream)
    near, first = stream.firsts if upward else stream.lasts, 0
    for road, group in groupby(map(roads.__getitem__, stream.ways)):
        end = first + len(list(group))
        assert road is not None
        times = trace.started[near[first]], trace.started[near[end - 1]]
        yield Run(flow, upward, *road, *times, stream.piece(first, end))
        first = end


def _to_goal(trace: Trace, stream: Stream) -> Stream:
    """Return a stream in which LOST is also what came elsewhere than most."""
    column, goals = trace.channel, Counter[str]()
    channels = [column[hop] for hop in stream.lasts]
    if len({trace.channels[channel].receiver for channel in set(channels)}) < 2:
        return stream
    for channel, number in Counter(channels).items():
        goals[trace.channels[channel].receiver] += number
    ((goal, _),) = goals.most_common(1)
    is_stray, ended = [name.receiver != goal for name in trace.channels], stream.ended_ns[:]
    for place in compress(range(len(ended)), map(is_stray.__getitem__, channels)):
        ended[place] = LOST
    return stream._replace(ended_ns=ended)


def leading(flows: Iterable[int], found: list[Run], most: int, moved: Container[int] = ()) -> list[int]:
    """Choose at most `most` flows to draw: first those of `moved`, then others that changed their way, then those with
    most packets.
    """
    ways, packets = Counter(flow for flow, _ in {(run.flow, run.way) for run in found}), Counter[int]()
    for run in found:
        packets[run.flow] += run.packets
    return sorted(sorted(flows, key=lambda flow: (flow not in moved, -ways[flow], -packets[flow], flow))[:most])


def losses(trace: Trace, start_ns: int, end_ns: int) -> list[Dropped]:
    """Return the drops of packets that belong to a flow, between two times (nanoseconds); a cut datagram is one."""
    found: dict[tuple[int, object], Dropped] = {}
    for number, record in enumerate(trace.between(start_ns, end_ns)):
        if isinstance(record, Dropped) and (inner := record.packet.innermost()).label:
            found.setdefault((inner.label, inner.datagram() or number), record)
    return list(found.values())


def delays(found: Iterable[Run]) -> Delays:
    """Return the delays of the packets of runs of one flow, by when these were made; in one moment, as they came by."""
    made, took = list[int](), list[int]()
    for run in found:
        made += run.delays.made_ns
        took += run.delays.delay_ns
    if (in_order := sorted(made)) != made:
        places = sorted(range(len(made)), key=made.__getitem__)
        made, took = in_order, [took[place] for place in places]
    return Delays(made, took)


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
