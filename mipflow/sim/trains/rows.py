"""The rows of the trace that trains leave: gathered as packets leave lanes, and put among those of other packets later.

Rows that repeat themselves are kept once, as a stretch that comes several times. Packets are made when somebody looks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key, lru_cache
from operator import itemgetter
from typing import NamedTuple

from mipflow.sim.trace import ROW, Trace
from mipflow.sim.trains.lane import Stop
from mipflow.sim.trains.order import Event, Number, Order, later
from mipflow.wire.packet import Packet

CAUSED = itemgetter(1)
ENTERED: Callable[[Event], int] = lambda left: left[1][0]  # noqa: E731


class Stretch(NamedTuple):
    """Rows in order that come `times` times, each time `period_ns` later. left: what left lanes, which each row tells
    of the first time; octets: these rows; stops: which lane each packet entered; sent_ns: when the first packet was
    sent that entered each.
    """

    left: list[Event]
    octets: bytes
    stops: list[Stop]
    sent_ns: dict[Stop, int]
    times: int
    period_ns: int

    def end(self, t_ns: int, number: Number, order: Order) -> int:
        """Return how many of all its rows come before an event of the heap, which has this time and number."""
        left, whole = self.left, 0
        if self.times > 1:
            whole = min(max((t_ns - 1 - ENTERED(left[-1])) // self.period_ns + 1, 0), self.times - 1)
        by_ns = whole * self.period_ns
        place = bisect_left(left, t_ns - by_ns, key=ENTERED)
        while place < len(left):
            item = later(left[place][1], by_ns)
            if item[0] > t_ns or not order.placed(item) < number:
                break
            place += 1
        return whole * len(left) + place


class Rows:
    """Rows of trains on their way into `trace`, between those that events of the heap have written, which `order` logs.
    """

    def __init__(self, trace: Trace, order: Order) -> None:
        self._trace, self._order = trace, order
        self.left: list[Event] = []
        """The items that left lanes since rows were last gathered."""
        self.ends: list[int] = []
        """For each event of the order's log: how many octets of rows the trace had when it began."""
        self._merged = 0
        """How many events of the log the trace has."""
        self._stretches: deque[Stretch] = deque()
        self._written = 0
        """How many rows of the first stretch the trace has."""

    def gather(self, count: int = 1, period_ns: int = 0) -> None:
        """Put in order what has left lanes; it comes `count` times."""
        left = self.left
        if not left:
            return
        try:
            left.sort(key=CAUSED)
        except TypeError:
            order = self._order
            exact: Callable[[Event, Event], int] = lambda one, other: order.compare(one[1], other[1])  # noqa: E731
            left.sort(key=cmp_to_key(exact))
        stops = [item[1][2] for item in left]
        sent_ns = {stop: stop.train.tell(stop, number * count) for stop, number in Counter(stops).items()}
        self._stretches.append(Stretch(left, _rows_of(left), stops, sent_ns, count, period_ns))
        self.left = []

    def merge(self) -> None:
        """Put all rows into the trace: those of trains before those that later events of the heap have written."""
        self.gather()
        trace, order = self._trace, self._order
        if self._stretches:
            written, packets = trace.new_rows, trace.unmade
            others, ends = bytes(written), [*self.ends[self._merged + 1 :], len(written)]
            of_others = packets[len(packets) - len(others) // ROW.size :]
            del packets[len(packets) - len(of_others) :]
            written.clear()
            for place, end in enumerate(ends, self._merged):
                first = self.ends[place] if place < len(self.ends) else 0
                if first != end:
                    self._write_before(order.times[place], order.numbers[place])
                    written += others[first:end]
                    packets += of_others[first // ROW.size : end // ROW.size]
            while self._stretches:
                self._write(len(self._stretches[0].left) * self._stretches[0].times)
        trace.read_columns()
        if self.ends:
            self._merged = len(self.ends) - 1
            self.ends[-1] = 0

    def forget(self, count: int) -> None:
        """Forget the first events of the log, which the trace has."""
        del self.ends[:count]
        self._merged -= count

    def _write_before(self, t_ns: int, number: Number) -> None:
        while self._stretches:
            stretch = self._stretches[0]
            end = stretch.end(t_ns, number, self._order)
            self._write(end)
            if end < len(stretch.left) * stretch.times:
                return

    def _write(self, end: int) -> None:
        """Write the first stretch up to one of its rows."""
        stretch, begin = self._stretches[0], self._written
        if begin == end:
            return
        size, period_ns = len(stretch.left), stretch.period_ns
        first, at = divmod(begin, size)
        last, until = divmod(end, size)
        rows = self._trace.new_rows
        parts = [(at, until, first, 1)]
        if first < last:
            parts = [(at, size, first, 1), (0, size, first + 1, last - first - 1), (0, until, last, 1)]
        for row, end_row, periods, times in parts:
            rows += _later(stretch.octets[row * ROW.size : end_row * ROW.size], periods * period_ns, period_ns, times)
        told = Written(len(self._trace.unmade), begin, end, stretch.stops, stretch.sent_ns, period_ns)
        self._trace.promises.append(told)
        self._trace.unmade += [None] * (end - begin)  # type: ignore[list-item]
        self._written = end
        if end == size * stretch.times:
            self._stretches.popleft()
            self._written = 0


def _rows_of(left: Iterable[Event]) -> bytes:
    pack = ROW.pack
    return b"".join(
        [
            pack(item[0], arrived - stop.lag_ns, arrived, stop.number, stop.limit)
            for arrived, item, _ in left
            for stop in (item[2],)
        ]
    )


def _later(octets: bytes, by_ns: int, period_ns: int, count: int) -> bytes:
    """Return rows as they come later, and again after each period, `count` times. All their times, of 64 bits each, are
    added to at once, as parts of one number: none of them flows over.
    """
    if not octets or not (by_ns or count > 1):
        return octets * count
    ones = _ones(len(octets) // ROW.size)
    number, step = int.from_bytes(octets, "little") + by_ns * ones, period_ns * ones
    return b"".join([(number + place * step).to_bytes(len(octets), "little") for place in range(count)])


@lru_cache(16)
def _ones(count: int) -> int:
    """Return a number that has a one in each time of so many rows."""
    return int.from_bytes(ROW.pack(1, 1, 1, 0, 0) * count, "little")


class Written(NamedTuple):
    """Rows of a stretch that stand in the trace from hop `first` on: from number `begin` to before `end` of the rows of
    the stretch, whose `stops`, `sent_ns` and `period_ns` these are.
    """

    first: int
    begin: int
    end: int
    stops: list[Stop]
    sent_ns: dict[Stop, int]
    period_ns: int

    def make(self, packets: list[Packet], first: int, end: int) -> None:
        """Put its packets from place `first` to before `end` of the trace where nothing is yet."""
        stops, place = self.stops, self.first - self.begin
        begin, end = max(self.begin, first - place), min(self.end, end - place)
        if begin >= end:
            return
        periods, at = divmod(begin, len(stops))
        sent = {stop: t + periods * self.period_ns for stop, t in self.sent_ns.items()}
        for stop, number in Counter(stops[:at]).items():
            sent[stop] += number * stop.train.interval_ns
        for number in range(begin, end):
            stop = stops[number % len(stops)]
            if packets[place + number] is None:
                packets[place + number] = stop.train.entered(stop, sent[stop])
            sent[stop] += stop.train.interval_ns

    def alike(self, first: int, end: int) -> Iterator[tuple[list[range], range]]:
        """Give the trips that are wholly among these rows, those together of a train that begin a period apart; none
        where no row is from hop `first` to before `end`.
        """
        is_asked = self.period_ns and self.first < end and first < self.first + self.end - self.begin
        size, start, sent_ns, period_ns = len(self.stops), self.first - self.begin, self.sent_ns, self.period_ns
        places = defaultdict[Stop, list[int]](list)
        for place, stop in enumerate(self.stops if is_asked else ()):
            places[stop].append(place)
        for begins, own in places.items():
            way, step_ns = begins.train.stops[begins.place : -1], begins.train.interval_ns
            for turn in range(len(own) if begins.place == 0 and places.keys() >= set(way) else 0):
                made, rows = sent_ns[begins] + turn * step_ns, list[int]()
                for stop in way:
                    periods, at = divmod((made - sent_ns[stop]) // step_ns, len(own))
                    rows.append(periods * size + places[stop][at])
                some = range(-((rows[0] - self.begin) // size), -((rows[-1] - self.end) // size))
                if some:
                    hops = [range(start + row, start + row + size * some.stop, size)[some.start :] for row in rows]
                    yield hops, range(made, made + some.stop * period_ns, period_ns)[some.start :]
