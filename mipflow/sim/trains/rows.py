"""The rows of the trace that trains leave: gathered as packets leave lanes, and put among those of other packets later.

Rows that repeat themselves are kept once, as a stretch that comes several times. Packets are made when somebody looks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import cmp_to_key, lru_cache, partial
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
        if first == last:
            rows += _later(stretch.octets[at * ROW.size : until * ROW.size], first * period_ns, period_ns, 1)
        else:
            rows += _later(stretch.octets[at * ROW.size :], first * period_ns, period_ns, 1)
            rows += _later(stretch.octets, (first + 1) * period_ns, period_ns, last - first - 1)
            rows += _later(stretch.octets[: until * ROW.size], last * period_ns, period_ns, 1)
        place = len(self._trace.unmade) - begin
        self._trace.promise(end - begin, partial(_make, stretch.stops, stretch.sent_ns, period_ns, place, begin, end))
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


def _make(
    stops: list[Stop], sent_ns: dict[Stop, int], period_ns: int, place: int, begin: int, end: int,
    packets: list[Packet], first: int, last: int,
) -> None:  # fmt: skip
    """Put the packets of rows of a stretch, `begin` to before `end`, where nothing is yet among the packets of a trace:
    in places `first` to before `last`; `place` is that of the stretch's first row.
    """
    begin, end = max(begin, first - place), min(end, last - place)
    if begin >= end:
        return
    periods, at = divmod(begin, len(stops))
    before = Counter(stops[:at])
    sent = {stop: t + periods * period_ns + before[stop] * stop.train.interval_ns for stop, t in sent_ns.items()}
    for number in range(begin, end):
        stop = stops[number % len(stops)]
        if packets[place + number] is None:
            packets[place + number] = stop.train.entered(stop, sent[stop])
        sent[stop] += stop.train.interval_ns
