"""The trains of a network: which flows board, when they are brought up to date, when they end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key
from heapq import heapify, heappop, heappush
from itertools import pairwise, repeat
from operator import itemgetter

from mipflow.sim.boarding import Boarding, Departure, Forward
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Callback
from mipflow.sim.link import Channel
from mipflow.sim.meter import Meter
from mipflow.sim.network import Network
from mipflow.sim.trace import ROW
from mipflow.sim.trains.lane import NEVER, Lane, Stop, rows_of, sent_ns
from mipflow.sim.trains.order import Event, Order
from mipflow.sim.trains.train import Train, Way
from mipflow.sim.trains.watch import Watch
from mipflow.wire.address import Address
from mipflow.wire.packet import Packet

LONGEST_NS = 200 * NS_PER_MS
"""The longest interval of a train: what is sent more seldom gains nothing."""
LEAST_SENDINGS = 50
"""How many packets a flow must have to send in this run before it boards."""
PATIENCE = 10
"""How many packets of a flow are sent by events after it could not board."""
BEFORE_ALL, BEAT = -2, -3
"""The orders of two events of our own, which no other event has."""
MANY, MANY_EACH = 512, 8
"""Events of the heap, and so many more for each train, after which it is weighed whether trains are worth it: the log
takes time for each event.
"""
CALM_NS = 200 * NS_PER_MS
"""How long after a flow has boarded nothing is weighed: its last packets from before are still events."""
READ = ("_columns", "packets", "read_columns")
"""Names of the trace by which its hops are read."""
HOPS = ("packet_events",)
BATCH, BATCH_EACH = 20_000, 40
"""About how many items are computed at once, and so many more for each train: they fit the processor's caches."""
CLOSED_NS = 32 * NS_PER_S
"""How long no flow boards at first where trains were not worth it; each time twice as long."""
CAUSED = itemgetter(1)
DEEPEST = 40 * LONGEST_NS
"""How long the log goes back."""


class Trains(Boarding):
    """Carries flows of a constant rate in `network`, in the place of what carries none."""

    def __init__(self, network: Network) -> None:
        self._network, self._clock, self._trace = network, network.clock, network.trace
        self._is_traced = network.trace.mode == "all"
        self._worth = 2 if self._is_traced else 1
        self._not_before: dict[Callback, int] = {}
        """`tick` of a flow that did not board -> when it is asked again, in nanoseconds."""
        self._closed_until_ns, self._closes_ns = 0, CLOSED_NS
        """Until when no flow boards because others have too many packets, and for how long the next time."""
        self._begin()
        network.on_change(self.changed)
        network.trains = self

    def _begin(self) -> None:
        """Have no trains and a log with nothing in it, as between runs: a fork takes no watch along."""
        self._order = Order(self._clock)
        self._watch = Watch(self._settle, lambda: self._clock.now)
        self._reads = Watch(self._settle_trace, lambda: self._clock.now)
        self._rows_at: list[int] = []
        """For each event of the order's log: how many octets of rows the trace had when it began."""
        self._lanes: dict[Channel, Lane] = {}
        self._sorted: list[Lane] = []
        self._trains: dict[Train, None] = {}
        self._at: defaultdict[str, dict[Train, None]] = defaultdict(dict)
        """Name of a node -> the trains that it was asked about."""
        self._labels: set[int] = set()
        self._rows: list[Event] = []
        """The items that left lanes since the trace was brought up to date."""
        self._merged = 0
        """How many events of the log the trace has."""
        self._stale: list[tuple[str, Address | None]] = []
        self._carried = self._boarded_ns = 0
        """Items since it was last weighed whether trains are worth it."""
        self._is_running = self._is_settling = False
        self._settled = -1
        self._marked = 0
        """How many marks of the log are counted in `Clock.scheduled`."""

    # --- boarding ----------------------------------------------------------------------------------------------------

    def board(
        self, asked: Callable[[], Departure | None], tick: Callback, interval_ns: int, end_ns: int
    ) -> bool:
        """Take over what `tick` sends every `interval_ns` after now and before `end_ns`; return whether that is done.
        """
        now = self._clock.now
        if interval_ns > LONGEST_NS or self._clock.until_ns - now < LEAST_SENDINGS * interval_ns:
            return False
        if now < self._closed_until_ns or now < self._not_before.get(tick, 0):
            return False
        self._not_before[tick] = now + PATIENCE * interval_ns
        way = self._way(asked)
        return way is not None and self._take(way, asked, tick, interval_ns, end_ns)

    def _way(self, asked: Callable[[], Departure | None]) -> Way | None:
        departure = asked()
        way = None if departure is None else Way(departure)
        return way if way is not None and way.answers else None

    def _take(
        self, way: Way, asked: Callable[[], Departure | None], tick: Callback, interval_ns: int, end_ns: int
    ) -> bool:
        departure = way.departure
        channels = [departure.channel, *(each.channel for each in way.answers if isinstance(each, Forward))]
        order, now = self._order, self._clock.now
        if way.labels & self._labels or self._goes_round(channels):
            return False
        train = Train(way, asked, tick, now, order.draw(), interval_ns, end_ns, order, self._network.meters)
        if not order.enter(train):
            return False
        if not self._is_running:
            self._is_running = True
            heappush(self._clock.heap, (now, BEFORE_ALL, self._run, None))
        self._lay(train, channels)
        self._trains[train] = None
        self._boarded_ns = now
        self._not_before.pop(tick, None)
        self._labels |= way.labels
        for node in way.nodes:
            self._at[node][train] = None
        for counted in _counted(train):
            self._watch.add(*counted)
        return True

    def _lay(self, train: Train, channels: list[Channel]) -> None:
        """Put a train on its lanes."""
        lanes, arrives, change = [self._lane(channel) for channel in channels], None, None
        sizes = train.way.sizes
        for number, lane in enumerate(lanes):
            size, limit = sizes[number]
            change = train.way.answers[number - 1].change if number else None  # type: ignore[union-attr]
            train.stops.append(Stop(train, lane, lane.channel.serialisation_ns(size), limit, change, arrives))
            arrives = lane.channel.receive
            lane.users += 1
            lane.due_ns = min(lane.due_ns, train.following_ns)
        train.stops.append(Stop(train, None, arrives=arrives))
        for stop, following in pairwise(train.stops):
            stop.following = following
        for feeder, lane in pairwise(lanes):
            lane.feeders[feeder] = lane.feeders.get(feeder, 0) + 1
        lanes[0].trains.append(train)
        self._sorted.clear()

    def _lane(self, channel: Channel) -> Lane:
        if channel not in self._lanes:
            self._lanes[channel] = Lane(channel, self._order, self._bring)
        return self._lanes[channel]

    def _goes_round(self, channels: list[Channel]) -> bool:
        """Return whether these channels, one after the other, would close a circle of lanes."""
        if len(set(channels)) < len(channels):
            return True
        for number, channel in enumerate(channels):
            lane = self._lanes.get(channel)
            todo, seen = [] if lane is None else [lane], set[Lane]()
            later = {self._lanes[each] for each in channels[number + 1 :] if each in self._lanes}
            while todo:
                upstream = todo.pop()
                if upstream in later:
                    return True
                fresh = upstream.feeders.keys() - seen
                seen |= fresh
                todo += fresh
        return False

    # --- the loop ----------------------------------------------------------------------------------------------------

    def _run(self, argument: object) -> None:
        """Take the heap's events as the clock does, and keep the log of them, until no train is left or time is up."""
        clock, order, heap, rows = self._clock, self._order, self._clock.heap, self._trace.new_rows
        add_time, add_number, add_mark = order.times.append, order.numbers.append, order.marks.append
        add_rows, draw = self._rows_at.append, clock.order.__next__
        self._trace.read_columns()
        self._reads.add(self._trace, READ)
        self._watch.add(clock, HOPS)
        self._set_beat()
        try:
            while self._trains:
                many = MANY + MANY_EACH * len(self._trains)
                for _ in repeat(None, many):
                    clock.now, number, callback, argument = heappop(heap)
                    add_time(clock.now)
                    add_number(number)
                    add_mark(draw())
                    add_rows(len(rows))
                    callback(argument)
                    if self._stale:
                        self._review()
                        if not self._trains:
                            break
                self._flush(clock.now)
                is_calm = clock.now > self._boarded_ns + CALM_NS
                if is_calm and self._carried < self._worth * many:
                    self._closed_until_ns = clock.now + self._closes_ns
                    self._closes_ns *= 2
                    break
                self._carried = 0
        finally:
            self._end()

    def _set_beat(self, argument: object = None) -> None:
        """Bring all trains and the trace up to date, which makes a batch, and do so again in time."""
        self._flush(self._clock.now)
        self._forget()
        rate = sum(len(train.stops) * NS_PER_S // train.interval_ns for train in self._trains) or 1
        step_ns = max((BATCH + BATCH_EACH * len(self._trains)) * NS_PER_S // rate, NS_PER_MS)
        self._beat = (self._clock.now + step_ns, BEAT, self._set_beat, None)
        heappush(self._clock.heap, self._beat)

    def _forget(self) -> None:
        oldest = self._clock.now - DEEPEST
        for lane in self._lanes.values():
            for item in lane.waiting[:1]:
                oldest = min(oldest, sent_ns(item) - DEEPEST)
        if self._is_traced:
            self._merge()
        count = self._order.forget(oldest)
        del self._rows_at[:count]
        self._merged -= count
        self._marked -= count

    def _end(self) -> None:
        """Turn everything into events: a run is over, or no train is left."""
        self._flush(self._clock.now)
        self._leave(list(self._trains))
        if self._is_traced:
            self._merge()
        self._reads.remove(self._trace, READ)
        self._watch.remove(self._clock, HOPS)
        if self._beat in self._clock.heap:
            self._clock.heap.remove(self._beat)
            heapify(self._clock.heap)
        self._not_before = {tick: t_ns for tick, t_ns in self._not_before.items() if t_ns > self._clock.now}
        self._begin()

    # --- bringing up to date -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Bring everything up to date for somebody who looks."""
        if not self._is_settling and self._settled != len(self._order.times):
            self._flush(self._clock.now)

    def _settle_trace(self) -> None:
        """Bring the trace up to date, too."""
        if self._is_traced and not self._is_settling:
            self._settle()
            self._merge()

    def _flush(self, until_ns: int) -> None:
        """Bring all trains up to the event under way, which happens at `until_ns`."""
        logged = len(self._order.times)
        self._clock.scheduled += logged - self._marked  # their marks are no packets
        self._marked = logged
        if self._is_settling or not self._trains:
            return
        self._is_settling = True
        try:
            for lane in self._in_order():
                self._carry(lane, until_ns)
            for train in self._trains:
                train.arrive(until_ns)
            self._settled = logged
        finally:
            self._is_settling = False

    def _carry(self, lane: Lane, until_ns: int) -> None:
        items = lane.entering(until_ns)
        if items:
            self._clock.scheduled -= len(items)
            self._carried += len(items)
            if self._is_traced:
                lane.carry_traced(items, self._rows)
            else:
                lane.carry(items)
        lane.expect()

    def _bring(self, lane: Lane, until_ns: int) -> None:
        """Bring a lane up to the event under way: an ordinary packet is about to enter it."""
        was, self._is_settling = self._is_settling, True
        for feeder in lane.feeders:
            if feeder.due_ns + feeder.delay_ns <= until_ns:
                self._bring(feeder, until_ns)
        self._carry(lane, until_ns)
        self._is_settling = was

    def _in_order(self) -> list[Lane]:
        """Return the lanes, each after those that feed it."""
        if not self._sorted:
            left = {lane: len(lane.feeders) for lane in self._lanes.values()}
            fed = defaultdict(list)
            for lane in self._lanes.values():
                for feeder in lane.feeders:
                    fed[feeder].append(lane)
            self._sorted = [lane for lane, count in left.items() if not count]
            for lane in self._sorted:
                for each in fed[lane]:
                    left[each] -= 1
                    if not left[each]:
                        self._sorted.append(each)
        return self._sorted

    def _merge(self) -> None:
        """Put the rows of trains among those of other packets."""
        self._is_settling = True
        trace, order, rows = self._trace, self._order, self._rows
        for train in self._trains:
            for stop in train.stops[1:]:
                for item in stop.waiting:
                    item[3].hop_limit = item[1][2].limit
        if rows:
            try:
                rows.sort(key=CAUSED)
            except TypeError:
                exact: Callable[[Event, Event], int] = lambda one, other: order.compare(one[1], other[1])  # noqa: E731
                rows.sort(key=cmp_to_key(exact))
            self._interleave(trace.new_rows, trace.packets)
            rows.clear()
        trace.read_columns()
        if order.times:
            self._merged = len(order.times) - 1
            self._rows_at[-1] = 0
        self._is_settling = False

    def _interleave(self, written: bytearray, packets: list[Packet]) -> None:
        """Put the rows of trains before those that later events of the heap have written."""
        rows, at, times, numbers = self._rows, 0, self._order.times, self._order.numbers
        others, ends = bytes(written), [*self._rows_at[self._merged + 1 :], len(written)]
        of_others = packets[len(packets) - len(others) // ROW.size :]
        del packets[len(packets) - len(of_others) :]
        written.clear()
        for place, end in enumerate(ends, self._merged):
            first = self._rows_at[place] if place < len(times) else 0
            if first == end:
                continue
            begin, t_ns = at, times[place]
            while at < len(rows) and rows[at][1][0] <= t_ns:
                item = rows[at][1]
                if item[0] == t_ns and not self._order.placed(item) < numbers[place]:
                    break
                at += 1
            written += rows_of(rows[begin:at]) + others[first:end]
            packets += [left[3] for left in rows[begin:at]]
            packets += of_others[first // ROW.size : end // ROW.size]
        written += rows_of(rows[at:])
        packets += [left[3] for left in rows[at:]]

    # --- leaving -----------------------------------------------------------------------------------------------------

    def changed(self, node: str = "", about: Address | None = None) -> None:
        """Ask a node again after the event under way, about all its trains or those with an address; all nodes where
        none is named.
        """
        if self._trains:
            self._stale.append((node, about))

    def recall(self, channel: Channel | None = None) -> None:
        """Turn the trains on a channel, or all, into events: the link is about to change."""
        if channel is None or channel in self._lanes:
            lane = None if channel is None else self._lanes[channel]
            self._flush(self._clock.now)
            self._leave([t for t in self._trains if lane is None or any(stop.lane is lane for stop in t.stops)])

    def _review(self) -> None:
        """Turn the trains for which nodes answer otherwise now into events."""
        stale, self._stale, self._is_settling = self._stale, [], True
        affected = {
            train: None
            for node, about in stale
            for train in (self._at[node] if node else self._trains)
            if about is None or about in train.way.addresses
        }
        gone = [train for train in affected if self._way(train.asked) != train.way]
        self._is_settling = False
        if gone:
            self._flush(self._clock.now)
            self._leave(gone)

    def _leave(self, trains: Iterable[Train]) -> None:
        """Turn trains that are up to date into the events that they stand for."""
        gone = dict.fromkeys(trains)
        heap, order, back = self._clock.heap, self._order, list[Event]()
        for train in gone:
            if train.following_ns < NEVER:
                sending = train.following_ns, (train.following_ns - train.interval_ns, train.rank)
                heappush(heap, (train.following_ns, order.placed(sending), train.tick, None))
            back += train.stops[-1].waiting
        for lane in {stop.lane: None for train in gone for stop in train.stops[:-1]}:
            assert lane is not None
            back += [item for item in lane.waiting if item[2].train in gone]
            lane.waiting[:] = [item for item in lane.waiting if item[2].train not in gone]
        for item in back:
            heappush(heap, (item[0], order.placed(item), item[2].arrives, item[2].train.packet(item)))
        for train in gone:
            self._take_off(train)
        self._sorted.clear()

    def _take_off(self, train: Train) -> None:
        lanes = [stop.lane for stop in train.stops if stop.lane is not None]
        lanes[0].trains.remove(train)
        for feeder, lane in pairwise(lanes):
            lane.feeders[feeder] -= 1
            if not lane.feeders[feeder]:
                del lane.feeders[feeder]
        for lane in lanes:
            lane.users -= 1
            if not lane.users:
                lane.close()
                del self._lanes[lane.channel]
        del self._trains[train]
        for node in train.way.nodes:
            self._at[node].pop(train, None)
        self._labels -= train.way.labels
        for counted in _counted(train):
            self._watch.remove(*counted)
        self._order.leave(train)


def _counted(train: Train) -> Iterator[tuple[object, tuple[str, ...], int]]:
    """Give what changes as a train goes: things, their attributes, and from when on."""
    first_ns = train.first_arrival_ns
    for since_ns, takes in ((0, train.way.departure.takes), (first_ns, train.way.sink.takes)):
        for take in takes:
            yield take.thing, take.names, since_ns
    if train.sent is not None:
        yield train.sent, Meter.of_sent, 0
    if train.received is not None:
        yield train.received, Meter.of_received, first_ns
