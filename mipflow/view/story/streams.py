"""The packets of flows in columns: for each flow and direction its trips, by their starts.

One light pass over the packet-hops of a window of a trace finds them, and is kept: a later look at a longer window
reads on, from the first packet that was still under way. So a picture costs what its window costs, however long the
trace is, and the next one of a long window little for each packet and nothing for each hop. Of trips that are alike
(`Promise.alike`) one packet is looked at.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, compress, groupby
from operator import add, gt
from sys import maxsize
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

from mipflow.sim.trace import Trace
from mipflow.view.story.trips import BARE, Kept, T, read_before
from mipflow.view.story.words import NS_PER_S
from mipflow.wire.packet import TCP, Packet

Hops = tuple[Iterable[int], list[Packet], Iterable[int]]
"""Some hops: their numbers, innermost packets and channels."""
_OPEN = re.compile(b"\1+(?:\0{1,64}\1+)*")
"""Hops that are open, whose packets are made together."""


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
        before, key = (start_ns - NS_PER_S, start_ns), sent.__getitem__
        early, first = (bisect_left(self.firsts, t_ns, key=key) for t_ns in before)
        found = self.piece(first, bisect_right(self.firsts, end_ns, first, key=sent.__getitem__))

        def is_in(place: int) -> bool:
            hop = self.lasts[place] if under_way else self.firsts[place]
            return started[hop] >= start_ns or (under_way and self.ended_ns[place] >= start_ns)

        waited = self.chosen(filter(is_in, range(early, first)))
        return Stream(*map(add, waited, found)) if waited.firsts else found


class Streams(dict[int, Stream]):
    """The streams of a stretch of a trace: label (flow id, negative on the way to the mobile node) -> trips."""

    def __init__(self) -> None:
        super().__init__()
        self.over_tcp: set[int] = set()
        """The labels of streams in which there is TCP."""
        self._length = self._first = self._end = self._over = 0
        """Hops of the trace when it was read; those between which begin the trips that are known; the first of a trip
        that was still under way then.
        """

    def look(self, trace: Trace, first: int, end: int) -> None:
        """Know the trips that begin from one hop to before another. A stretch that touches what is known is read on
        from there; of any other one no more is known afterwards than that stretch.
        """
        if self._length != len(trace):  # it has gone on
            known = max(self._first, min(self._over, self._end))
            self._cut(known)
            self._end, self._over, self._length = known, len(trace), len(trace)
        if first > self._end or end < self._first:
            self._cut(0)
            self._first, self._end, self._over = first, first, len(trace)
        if first < self._first:
            self._read(trace, first, self._first)
            self._first = first
        if end > self._end:
            self._read(trace, self._end, end)
            self._end = end

    def _cut(self, known: int) -> None:
        """Forget the trips that begin at a hop or later."""
        for stream in self.values():
            place = bisect_left(stream.firsts, known)
            for column in stream:
                del column[place:]

    def _read(self, trace: Trace, first: int, end: int) -> None:
        """Read the trips that begin from one hop to before another, to their ends."""
        (sent, _, arrived, _, _), unmade = trace.read_columns(), trace.unmade
        senders, receivers = ([name[place] for name in trace.channels] for place in (1, 3))
        is_open = self._read_alike(trace, first, end)
        parts = [_open(trace, is_open, first, end)]
        if first:  # no packet has been on a link before it was made: from there on it is known who goes on here
            made = min([packet.sent_ns for packet in parts[0][1] if packet.header.label], default=sent[first])
            parts.insert(0, _open(trace, is_open, bisect_left(sent, made, hi=first), first))
        firsts, lasts, ends, packets = list[int](), list[int](), list[str](), list[Packet]()
        latest: dict[int, int] = {}
        """Identity of a packet -> the number of its trip."""
        inside: dict[int, list[int]] = {}
        """When packets were made that set out in a tunnel -> their trips: its end may pass a copy on."""
        at, stop, begun = first, end, -1
        while parts:
            for number, packet, link in chain.from_iterable(zip(*part, strict=True) for part in parts):
                trip = latest.get(id(packet))
                if trip is None or ends[trip] != senders[link]:
                    for trip in inside.get(packet.sent_ns, ()):
                        if ends[trip] == senders[link] and packets[trip].payload == packet.payload:
                            break
                    else:
                        trip = len(firsts)
                        firsts.append(number)
                        lasts.append(number)
                        ends.append("")
                        packets.append(packet)
                        if unmade[number] is not packet:
                            inside.setdefault(packet.sent_ns, []).append(trip)
                    latest[id(packet)] = trip
                lasts[trip] = number
                ends[trip] = receivers[link]
            begun = len(firsts) if begun < 0 else begun
            came = arrived[first:end] if at == first else [arrived[hop] for hop in lasts[:begun] if hop >= at]
            at, stop = stop, bisect_right(sent, max(came, default=0))
            parts = [_open(trace, is_open, at, stop)] if at < stop else []
        own = slice(bisect_left(firsts, first), begun)
        self._enter(trace, firsts[own], lasts[own], packets[own])
        for label, stream in self.items() if trace.promises else ():
            if any(map(gt, stream.firsts, stream.firsts[1:])):
                self[label] = stream.chosen(sorted(range(len(stream.firsts)), key=stream.firsts.__getitem__))

    def _read_alike(self, trace: Trace, first: int, end: int) -> bytearray:
        """Read those of these trips that are alike. Return 1 for each hop of the trace, and 0 where such a trip has it;
        nothing where no packet is promised.
        """
        is_open, packets = bytearray(b"\1") * (len(trace) * bool(trace.promises)), trace.unmade
        for promise in trace.promises:
            for whole, sent_ns in promise.alike(first, end):
                for hops in whole:
                    promise.make(packets, hops[0], hops[0] + 1)
                if label := packets[whole[0][0]].unsealed().label:
                    for hops in whole:
                        is_open[hops.start : hops.stop : hops.step] = bytes(len(hops))
                    some = slice(bisect_left(whole[0], first), bisect_left(whole[0], end))
                    begun, ended, near = whole[0][some], whole[-1][some], whole[-1 if label < 0 else 0][0]
                    ways = [2 * trace.channel[near] + (packets[near].unsealed() is not packets[near])] * len(begun)
                    came = trace.arrived[ended.start : ended.stop : ended.step]
                    self._add(label, begun, ended, sent_ns[some], came, ways)
        return is_open

    def _enter(self, trace: Trace, firsts: list[int], lasts: list[int], packets: list[Packet]) -> None:
        """Add trips to their streams: their first and last hops, and their packets."""
        sent, _, arrived, channel, _ = trace.read_columns()
        labels = [packet.header.label for packet in packets]
        for label, own in groupby(sorted(range(len(labels)), key=labels.__getitem__), labels.__getitem__):
            if label:  # signalling has none
                places = list(own)
                begun, ended = [firsts[at] for at in places], [lasts[at] for at in places]
                inner = [packets[at] for at in places]
                near = zip(ended if label < 0 else begun, inner, strict=True)
                ways = [2 * channel[hop] + (trace.unmade[hop] is not packet) for hop, packet in near]
                made, came = [packet.sent_ns for packet in inner], [arrived[hop] for hop in ended]
                self._add(label, begun, ended, made, came, ways)
                if TCP in {type(packet.payload) for packet in inner}:
                    self.over_tcp.add(label)
        is_under_way = map(sent[-1].__le__, map(arrived.__getitem__, lasts))
        self._over = min(self._over, next(compress(firsts, is_under_way), len(trace)))

    def _add(self, label: int, *columns: Sequence[int]) -> None:
        """Add trips to a stream, as columns."""
        stream = self.setdefault(label, Stream.empty())
        place = bisect_left(stream.firsts, columns[0][0]) if columns[0] else 0
        for column, new in zip(stream, columns, strict=True):
            column[place:place] = array(column.typecode, new)


def _open(trace: Trace, is_open: bytearray, first: int, end: int) -> Hops:
    """Return the hops from one to before another that are open; all of them where `is_open` is empty."""
    own = is_open[first:end]
    for some in _OPEN.finditer(own):
        trace.carried(first + some.start(), first + some.end())
    packets = [each if type(each.payload) in BARE else each.unsealed() for each in _some(trace.unmade[first:end], own)]
    return _some(range(first, end), own), packets, _some(trace.channel[first:end], own)


def _some(values: Iterable[T], own: bytearray) -> Iterable[T]:
    return compress(values, own) if own else values


_KEPT: Kept[Streams] = WeakKeyDictionary()


def streams(trace: Trace, start_ns: int = 0, end_ns: int = maxsize) -> Streams:
    """Return the trips of all flows that begin between two times (nanoseconds), and those that `Stream.between` looks
    for before; maybe others.
    """
    kept, sent = read_before(_KEPT, trace, Streams), trace.sent
    kept.look(trace, bisect_left(sent, start_ns - NS_PER_S), bisect_right(sent, end_ns))
    return kept
