"""The packets of flows in columns: for each flow and direction its trips, by their starts.

One light pass over the packet-hops of a trace finds them, and is kept: a later look reads on from the first packet that
was still under way. So a picture of a long time costs little for each packet, and nothing for each hop.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import compress, count, groupby
from operator import add
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

from mipflow.sim.trace import Trace
from mipflow.view.story.trips import BARE, Kept, read_before
from mipflow.view.story.words import NS_PER_S
from mipflow.wire.packet import TCP, Packet


class Stream(NamedTuple):
    """The trips of a flow in one direction, as columns."""

    firsts: array[int]
    """The numbers of their first hops in the trace, in order."""
    lasts: array[int]
    """The numbers of their last hops."""
    made_ns: array[int]
    """When an upper layer made the packet, in nanoseconds."""
    ended_ns: array[int]
    """When it arrived where it ended, or LOST."""
    ways: array[int]
    """Twice the number of the channel at the mobile node's end, and 1 more where the packet is in a tunnel there."""

    @classmethod
    def empty(cls) -> Self:
        """Return a stream without trips."""
        return cls(array("I"), array("I"), array("q"), array("q"), array("I"))

    def chosen(self, places: Iterable[int]) -> Stream:
        """Return the trips at some places of the columns."""
        places = list(places)
        return Stream(*(array(column.typecode, [column[place] for place in places]) for column in self))

    def piece(self, first: int, end: int) -> Stream:
        """Return the trips from one place to before another."""
        return Stream(*(column[first:end] for column in self))

    def between(self, trace: Trace, start_ns: int, end_ns: int, *, under_way: bool = False) -> Stream:
        """Return the trips that began between two times (nanoseconds); those that were under way at the first too."""
        sent, started = trace.sent, trace.started
        early, first = (
            bisect_left(self.firsts, t_ns, key=sent.__getitem__) for t_ns in (start_ns - NS_PER_S, start_ns)
        )
        found = self.piece(first, bisect_right(self.firsts, end_ns, first, key=sent.__getitem__))

        def is_in(place: int) -> bool:
            hop = self.lasts[place] if under_way else self.firsts[place]
            return started[hop] >= start_ns or (under_way and self.ended_ns[place] >= start_ns)

        waited = self.chosen(filter(is_in, range(early, first)))
        return Stream(*map(add, waited, found)) if waited.firsts else found


class Streams(dict[int, Stream]):
    """The streams of a trace: label (flow id, negative on the way to the mobile node) -> trips."""

    def __init__(self) -> None:
        super().__init__()
        self.over_tcp: set[int] = set()
        """The labels of streams in which there is TCP."""
        self._read = self._over = 0
        """Hops that have been read, and those before which no packet set out that was still under way then."""

    def read_on(self, trace: Trace) -> None:
        """Read the hops that are new, and once more those of packets that were under way."""
        if self._read == len(trace):
            return
        for stream in self.values():
            place = bisect_left(stream.firsts, self._over)
            for column in stream:
                del column[place:]
        self._over = self._read_from(trace, self._over)
        self._read = len(trace)

    def _read_from(self, trace: Trace, begin: int) -> int:
        """Read the hops from one on; return the first of a packet that is still under way."""
        sent, _, arrived, channel, _ = trace.read_columns()
        senders, receivers = ([name[place] for name in trace.channels] for place in (1, 3))
        inside = [packet if type(packet.payload) in BARE else packet.unsealed() for packet in trace.packets[begin:]]
        firsts, lasts, ends = list[int](), list[int](), list[str]()
        latest: dict[int, int] = {}
        """Identity of a packet -> the number of its trip."""
        hops: Iterable[tuple[int, int, int]] = zip(count(begin), map(id, inside), channel[begin:], strict=False)
        if begin:
            done = self._done_since(trace, begin)
            hops = (hop for hop in hops if hop[0] > done.get(hop[1], -1))
        for number, key, link in hops:
            at = latest.get(key)
            if at is None or ends[at] != senders[link]:
                latest[key] = len(firsts)
                firsts.append(number)
                lasts.append(number)
                ends.append(receivers[link])
            else:
                lasts[at] = number
                ends[at] = receivers[link]
        labels = [inside[number - begin].label for number in firsts]
        order = sorted(range(len(labels)), key=labels.__getitem__)
        for label, own in groupby(order, labels.__getitem__):
            if label:  # signalling has none
                places = list(own)
                of = [firsts[at] for at in places], [lasts[at] for at in places]
                self._add(trace, label, of, [inside[number - begin] for number in of[0]])
        is_under_way = map(sent[-1].__le__, map(arrived.__getitem__, lasts))
        return next(compress(firsts, is_under_way), len(trace))

    def _done_since(self, trace: Trace, begin: int) -> dict[int, int]:
        """Return the packets that set out before a hop and came to their ends after it: identity -> last hop."""
        lasts = (hop for stream in self.values() for hop in compress(stream.lasts, map(begin.__le__, stream.lasts)))
        return {id(trace.packets[hop].unsealed()): hop for hop in lasts}

    def _add(self, trace: Trace, label: int, hops: tuple[list[int], list[int]], packets: list[Packet]) -> None:
        """Add trips to a stream: their first and last hops, and their packets."""
        near, (_, _, arrived, channel, _), carried = hops[label < 0], trace.read_columns(), trace.packets
        ways = [2 * channel[hop] + (carried[hop] is not packet) for hop, packet in zip(near, packets, strict=True)]
        made, ended = [packet.sent_ns for packet in packets], [arrived[hop] for hop in hops[1]]
        stream = self.setdefault(label, Stream.empty())
        for column, new in zip(stream, (*hops, made, ended, ways), strict=True):
            column.extend(array(column.typecode, new))
        if any(type(packet.payload) is TCP for packet in packets):
            self.over_tcp.add(label)


_KEPT: Kept[Streams] = WeakKeyDictionary()


def streams(trace: Trace) -> Streams:
    """Return the trips of all flows; a later call reads on."""
    kept = read_before(_KEPT, trace, Streams)
    kept.read_on(trace)
    return kept
