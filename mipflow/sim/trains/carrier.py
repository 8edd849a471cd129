"""The trains of a network: which flows board, when they are brought up to date, when they end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from graphlib import TopologicalSorter
from heapq import heapify, heappop, heappush
from itertools import pairwise, repeat
from math import lcm
from typing import Any, NamedTuple

from mipflow.sim.boarding import NEVER, Boarding
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Callback
from mipflow.sim.link import Channel
from mipflow.sim.network import Network
from mipflow.sim.trains.answers import Forward, Nodes
from mipflow.sim.trains.lane import Lane, Stop, sent_ns
from mipflow.sim.trains.order import Event, Order
from mipflow.sim.trains.rows import Rows
from mipflow.sim.trains.standing import Standing
from mipflow.sim.trains.train import Train, Way
from mipflow.sim.trains.watch import Watch
from mipflow.sim.trains.worth import Worth
from mipflow.wire.address import Address

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
BEAT_NS = 8 * NS_PER_S
"""How often everything is brought up to date where trains leap, so that the log stays short; else after each batch."""
READ = ("carried", "packet", "packets", "read_columns")
"""Names of the trace by which its hops are read."""
HOPS = ("packet_events",)
SENT, RECEIVED = ("sent",), ("received", "_delay_ns", "_gap_ns", "_last_ns", "_worst_ns")
"""The counts of a meter that change as packets are sent, and as they are received."""
BATCH, BATCH_EACH = 20_000, 40
"""About how many items are computed at once, and so many more for each train: they fit the processor's caches."""
LONGEST_PERIOD_NS = NS_PER_S
"""The longest time after which trains are looked at whether they do again what they did."""
LEAST_PERIODS, TRIES = 4, 4
"""How many of these times must be left for a look, and how many looks are taken: each time is twice that before."""
DEEPEST = 40 * LONGEST_NS
"""How long the log goes back."""


class Survey(NamedTuple):
    """All that follows from which trains there are.

    lanes: each after those that feed it; batch_ns: how long about as many items as fit the caches take; period_ns:
    after so long, or a multiple, trains may do again what they did, or NEVER; steady_ns: not before this time, since
    the order of events may go back to when a flow boarded.
    """

    lanes: list[Lane]
    batch_ns: int
    period_ns: int
    steady_ns: int


class Trains(Boarding):
    """Carries flows of a constant rate in `network`, in the place of what carries none; `nodes` says what nodes do."""

    def __init__(self, network: Network, nodes: Nodes) -> None:
        self._network, self._clock, self._trace, self._nodes = network, network.clock, network.trace, nodes
        self._is_traced = network.trace.mode == "all"
        self._worth = Worth(network.clock, network.trace.mode)
        self._begin()
        network.on_change(self.changed)
        network.trains = self

    def _begin(self) -> None:
        """Have no trains and a log with nothing in it, as between runs: a fork takes no watch along."""
        self._order = Order(self._clock)
        self._watch = Watch(self._settle, lambda: self._clock.now)
        self._reads = Watch(self._settle_trace, lambda: self._clock.now)
        self._rows = Rows(self._trace, self._order)
        self._lanes: dict[Channel, Lane] = {}
        self._survey: Survey | None = None
        self._trains: dict[Train, None] = {}
        self._at: defaultdict[str, dict[Train, None]] = defaultdict(dict)
        """Name of a node -> the trains that it was asked about."""
        self._labels: set[int] = set()
        self._reached_ns = 0
        """No lane was brought further than this."""
        self._stale: list[tuple[str, Address | None]] = []
        self._carried = self._boarded_ns = 0
        """Items since it was last weighed whether trains are worth it."""
        self._is_running = self._is_settling = self._has_leapt = False
        self._settled = -1
        self._marked = 0
        """How many marks of the log are counted in `Clock.scheduled`."""

    # --- boarding ----------------------------------------------------------------------------------------------------

    def board(self, sends: Callable[[], Any], tick: Callback, interval_ns: int, end_ns: int) -> int:
        """Take over what `tick` sends every `interval_ns` after now and before `end_ns`, and return 0; or return before
        which time there is no use in asking again, in nanoseconds.
        """
        now, worth, way = self._clock.now, self._worth, None
        later_ns = now + PATIENCE * interval_ns
        if interval_ns > LONGEST_NS:
            return NEVER
        if self._clock.until_ns - now < LEAST_SENDINGS * interval_ns:
            return later_ns
        if not worth.knows(tick) and (way := self._way(sends)):
            worth.note(tick, len(way.answers) * NS_PER_S / interval_ns, end_ns)
        if not self._trains and worth.knows(tick) and (opens_ns := worth.opens_ns()) > now:
            return opens_ns
        way = way or self._way(sends)
        return 0 if way and self._take(way, sends, tick, interval_ns, end_ns) else later_ns

    def _way(self, sends: Callable[[], Any]) -> Way | None:
        sending = sends()
        departure = None if sending is None else self._nodes.departure(sending)
        way = None if departure is None else Way(departure, self._nodes)
        return way if way is not None and way.answers else None

    def _take(self, way: Way, sends: Callable[[], Any], tick: Callback, interval_ns: int, end_ns: int) -> bool:
        departure = way.departure
        channels = [departure.channel, *(each.channel for each in way.answers if isinstance(each, Forward))]
        order, now = self._order, self._clock.now
        if way.labels & self._labels or self._goes_round(channels):
            return False
        train = Train(way, sends, tick, now, order.draw(), interval_ns, end_ns, order, self._network.meters)
        if not order.enter(train):
            return False
        if not self._is_running:
            self._is_running, self._reached_ns = True, now
            heappush(self._clock.heap, (now, BEFORE_ALL, self._run, None))
        self._lay(train, channels)
        self._trains[train] = None
        self._boarded_ns = now
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
            train.stops.append(Stop(train, number, lane, lane.channel.serialisation_ns(size), limit, change, arrives))
            arrives = lane.channel.receive
            lane.users += 1
            lane.due_ns = min(lane.due_ns, train.following_ns)
        train.stops.append(Stop(train, len(lanes), None, arrives=arrives))
        for stop, following in pairwise(train.stops):
            stop.following = following
        for feeder, lane in pairwise(lanes):
            lane.feeders[feeder] = lane.feeders.get(feeder, 0) + 1
            feeder.feeds += 1
        lanes[0].trains.append(train)
        self._survey = None

    def _lane(self, channel: Channel) -> Lane:
        if channel not in self._lanes:
            self._lanes[channel] = Lane(channel, self._order, self._enter)
        return self._lanes[channel]

    def _goes_round(self, channels: list[Channel]) -> bool:
        """Return whether these channels, one after the other, would close a circle of lanes."""
        if len(set(channels)) < len(channels):
            return True
        lanes = [self._lanes.get(channel) for channel in channels]
        for number, lane in enumerate(lanes):
            later = {each for each in lanes[number + 1 :] if each is not None and each.feeds}
            todo, seen = [lane] if lane is not None and later else [], set[Lane]()
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
        add_end, draw = self._rows.ends.append, clock.order.__next__
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
                    add_end(len(rows))
                    callback(argument)
                    if self._stale:
                        self._review()
                        if not self._trains:
                            break
                self._flush(clock.now)
                is_calm = clock.now > self._boarded_ns + CALM_NS
                if is_calm and not self._worth.is_enough(self._carried, many):
                    self._worth.deny()
                    break
                self._carried = 0
        finally:
            self._end()

    def _set_beat(self, argument: object = None) -> None:
        """Bring all trains and the trace up to date, and do so again in time."""
        self._flush(self._clock.now)
        self._forget()
        step_ns = BEAT_NS if self._has_leapt else self._surveyed().batch_ns
        self._has_leapt = False
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
        self._rows.forget(count)
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
        self._begin()
        self._worth.begin()

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
            self._leap(until_ns)
            self._carry_all(until_ns)
            self._settled = logged
        finally:
            self._is_settling = False

    def _carry_all(self, until_ns: int) -> None:
        """Bring all lanes and trains up to a time, in batches."""
        batch_ns = self._surveyed().batch_ns
        for t_ns in (*range(self._reached_ns + batch_ns, until_ns, batch_ns), until_ns):
            self._carry_batch(t_ns)

    def _carry_batch(self, until_ns: int) -> None:
        for lane in self._surveyed().lanes:
            self._carry(lane, until_ns)
        for train in self._trains:
            train.arrive(until_ns)
        self._reached_ns = until_ns

    def _carry(self, lane: Lane, until_ns: int) -> None:
        items = lane.entering(until_ns)
        if items:
            self._clock.scheduled -= len(items)
            self._carried += len(items)
            lane.carry(items, self._rows.left)
            if not self._is_traced:
                self._rows.left.clear()
        lane.expect()

    def _enter(self, lane: Lane, until_ns: int) -> None:
        """Bring a lane up to the event under way: an ordinary packet is about to enter it."""
        was, self._is_settling = self._is_settling, True
        survey = self._survey
        if not was and survey is not None and until_ns - self._reached_ns > LEAST_PERIODS * survey.period_ns:
            self._leap(until_ns)
        self._bring(lane, until_ns)
        self._is_settling = was

    def _bring(self, lane: Lane, until_ns: int) -> None:
        for feeder in lane.feeders:
            if feeder.due_ns + feeder.delay_ns <= until_ns:
                self._bring(feeder, until_ns)
        self._carry(lane, until_ns)
        self._reached_ns = until_ns

    def _surveyed(self) -> Survey:
        if self._survey is None:
            trains, lanes = list(self._trains), self._in_order()
            rate = sum(len(train.stops) * NS_PER_S // train.interval_ns for train in trains) or 1
            batch_ns = max((BATCH + BATCH_EACH * len(trains)) * NS_PER_S // rate, NS_PER_MS)
            period_ns, lag_ns = lcm(*(train.interval_ns for train in trains)), max(train.lag_ns for train in trains)
            period_ns = (lag_ns // period_ns + 1) * period_ns if period_ns <= LONGEST_PERIOD_NS else NEVER
            deepest = (max(len(train.stops) for train in trains) + 2) * max(train.interval_ns for train in trains)
            self._survey = Survey(lanes, batch_ns, period_ns, max(train.root_ns for train in trains) + deepest)
        return self._survey

    def _in_order(self) -> list[Lane]:
        """Return the lanes, each after those that feed it."""
        return list(TopologicalSorter({lane: lane.feeders for lane in self._lanes.values()}).static_order())

    # --- leaping -----------------------------------------------------------------------------------------------------

    def _leap(self, until_ns: int) -> None:
        """Bring all trains near a time in one step, where they stand as they did a period before: all that they have
        done since then comes again until something else happens.
        """
        survey = self._surveyed()
        lanes, trains, period_ns = survey.lanes, self._trains, survey.period_ns
        until_ns = min([until_ns, *(train.end_ns for train in trains if train.following_ns < NEVER)])
        at_ns = max(self._reached_ns + 1, survey.steady_ns)
        for _ in range(TRIES):
            count = (until_ns - at_ns) // period_ns - 1
            if count < LEAST_PERIODS - 1:
                return
            self._carry_all(at_ns)
            before, carried = Standing(at_ns, lanes, trains), self._carried
            self._rows.gather()
            at_ns += period_ns
            self._carry_batch(at_ns)
            after = Standing(at_ns, lanes, trains)
            if before.comes_again(after):
                self._rows.gather(count + 1, period_ns)
                self._carried += (more := count * (self._carried - carried))
                self._clock.scheduled -= more
                for lane in lanes:
                    lane.repeat(count * period_ns, before.is_used(lane, after))
                for train in trains:
                    train.repeat(count, period_ns)
                self._reached_ns += count * period_ns
                self._has_leapt = True
                for lane in lanes:
                    lane.expect()
                return
            period_ns *= 2

    def _merge(self) -> None:
        self._is_settling = True
        self._rows.merge()
        self._is_settling = False

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
        gone = [train for train in affected if self._way(train.sends) != train.way]
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
        self._survey = None

    def _take_off(self, train: Train) -> None:
        lanes = [stop.lane for stop in train.stops if stop.lane is not None]
        lanes[0].trains.remove(train)
        for feeder, lane in pairwise(lanes):
            feeder.feeds -= 1
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
    first_ns = train.root_ns + train.interval_ns + train.lag_ns
    for since_ns, takes in ((0, train.way.departure.takes), (first_ns, train.way.sink.takes)):
        for take in takes:
            yield take.thing, take.names, since_ns
    if train.sent is not None:
        yield train.sent, SENT, 0
    if train.received is not None:
        yield train.received, RECEIVED, first_ns
