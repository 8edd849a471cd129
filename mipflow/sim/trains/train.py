"""A train: the packets of one direction of a flow, sent at a constant rate along one way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from operator import sub
from typing import Any

from mipflow.sim.boarding import NEVER
from mipflow.sim.clock import Callback
from mipflow.sim.meter import Meter
from mipflow.sim.trace import is_control
from mipflow.sim.trains.answers import Departure, Forward, Nodes, Sink, passed_on
from mipflow.sim.trains.lane import Stop, happened, sent_ns
from mipflow.sim.trains.order import Event, Order, Sender, later
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, Packet, RoutingHeaderType2

MOST_HOPS = 64


class Way:
    """The way of a packet like those of a departure, as the nodes on it say; `answers` is empty where they do not.

    nodes: the names of all that were asked; addresses: all that stand in its headers anywhere; it is equal to another
    while nothing has changed.
    """

    sink: Sink

    def __init__(self, departure: Departure, nodes: Nodes) -> None:
        self.departure = departure
        self.answers: list[Forward | Sink] = []
        self.sizes: list[tuple[int, int]] = []
        """The octets and the hop limit of the packet on each link."""
        self.nodes = [departure.channel.sender.owner]
        self.addresses: set[Address] = set()
        packet, channel = departure.make(0), departure.channel
        for _ in range(MOST_HOPS):
            is_logged = channel.trace.mode == "control" and is_control(packet)
            is_plain = channel.is_quick and channel.queue_ns == NEVER  # all that fits arrives, one after the other
            if not is_plain or packet.size > channel.mtu or is_logged:
                break
            self._note(packet)
            self.nodes.append(channel.receiver.owner)
            answer = nodes.plan(channel.receiver, packet)
            if answer is None:
                break
            self.answers.append(answer)
            if isinstance(answer, Sink):
                self.sink, self.labels = answer, {departure.label, answer.label} - {0}
                return
            packet, channel = passed_on(packet, answer.change), answer.channel
        self.answers.clear()

    def _note(self, packet: Packet) -> None:
        self.sizes.append((packet.size, packet.hop_limit))
        inside: object = packet
        while isinstance(inside, Packet):
            self.addresses |= {inside.source, inside.destination}
            for header in inside.extensions:
                if isinstance(header, DestinationOptions | RoutingHeaderType2) and header.home_address is not None:
                    self.addresses.add(header.home_address)
            inside = inside.payload

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Way):
            return NotImplemented
        return (self.departure, self.answers, self.sizes) == (other.departure, other.answers, other.sizes)

    __hash__ = None  # type: ignore[assignment]


class Train(Sender):
    """A train of the packets that `tick` would send; sends: says what it sends now; end_ns: none is sent then."""

    __slots__ = (
        "_arrivals", "_asked", "_made", "_order", "_told", "delivered_ns", "end_ns", "received", "sends", "sent",
        "stops", "tick", "way",
    )  # fmt: skip

    def __init__(
        self, way: Way, sends: Callable[[], Any], tick: Callback, root_ns: int, mark: int,
        interval_ns: int, end_ns: int, order: Order, meters: Mapping[int, Meter],
    ) -> None:  # fmt: skip
        super().__init__(root_ns, mark, interval_ns)
        self.way, self.sends, self.tick, self.end_ns = way, sends, tick, end_ns
        self._order = order
        self.stops: list[Stop] = []
        self.sent = meters[way.departure.label] if way.departure.label else None
        self.received = meters[way.sink.label] if way.sink.label else None
        self.delivered_ns = root_ns
        """When the last packet that has arrived was sent."""
        self._arrivals: tuple[list[int], list[int]] = [], []
        """When packets arrived as it was last brought up to date, and after how long."""
        self._made: dict[int, list[Packet]] = {}
        """Time at which a packet was sent -> the packet at each stop that it has entered, where somebody needs it."""
        self._asked = Counter[int]()
        """Time at which a packet was sent -> how many of its rows have asked for it."""
        self._told = [root_ns] * (len(way.answers) + 1)
        """For each stop: when the last packet was sent of those that the trace has from there."""

    @property
    def lag_ns(self) -> int:
        """How long a packet is under way at the least."""
        return sum(stop.lag_ns for stop in self.stops)

    def depart(self, until_ns: int, items: list[Event]) -> None:
        """Send what is due before a time, and at that very time before the event of the heap under way."""
        first, interval, rank, end = self.following_ns, self.interval_ns, self.rank, min(until_ns, self.end_ns)
        order, stop = self._order, self.stops[0]
        order.note_sendings(self, end)
        if until_ns < self.end_ns and (until_ns - first) % interval == 0:
            sending = until_ns, (until_ns - interval, rank)
            if order.has_happened(sending):
                self.marks[until_ns] = order.marks[order.place(sending)]
                end = until_ns + 1
        times = range(first, end, interval)
        if times:
            items += [(t, (t - interval, rank), stop) for t in times]
            self._count_sent(len(times), times[-1])

    def _count_sent(self, count: int, last_ns: int) -> None:
        self.following_ns = last_ns + self.interval_ns
        if self.following_ns >= self.end_ns:
            self.following_ns = NEVER
        if self.sent is not None:
            self.sent.sent += count
        for take in self.way.departure.takes:
            take.add(count, self.way.departure.octets, last_ns)

    def arrive(self, until_ns: int) -> None:
        """Count what has arrived before a time, as `depart` does."""
        waiting, interval = self.stops[-1].waiting, self.interval_ns
        cut = happened(waiting, until_ns, self._order) if waiting and waiting[0][0] <= until_ns else 0
        times = [item[0] for item in waiting[:cut]]
        del waiting[:cut]
        first, self.delivered_ns = self.delivered_ns + interval, self.delivered_ns + cut * interval
        delays = list(map(sub, times, range(first, self.delivered_ns + 1, interval)))
        self._arrivals = times, delays
        if times:
            if self.received is not None:
                self.received.arrived_in_order(times, delays)
            for take in self.way.sink.takes:
                take.add(cut, self.way.departure.octets, times[-1])

    def repeat(self, count: int, period_ns: int) -> None:
        """Send and count `count` times more what was sent and has arrived in the last period."""
        by_ns, (times, delays), waiting = count * period_ns, self._arrivals, self.stops[-1].waiting
        waiting[:] = [later(item, by_ns) for item in waiting]
        if self.following_ns < NEVER:
            self._order.note_sendings(self, self.following_ns + by_ns)
            self._count_sent(by_ns // self.interval_ns, self.following_ns - self.interval_ns + by_ns)
        if times:
            self.delivered_ns += by_ns
            if self.received is not None:
                self.received.arrived_in_order([t_ns + period_ns for t_ns in times], delays, count, period_ns)
            for take in self.way.sink.takes:
                take.add(count * len(times), self.way.departure.octets, times[-1] + by_ns)

    # --- packets -----------------------------------------------------------------------------------------------------

    def packet(self, item: Event) -> Packet:
        """Return the packet of an item, as it came over the link before."""
        return self._packet(sent_ns(item), item[1][2].place)

    def tell(self, stop: Stop, count: int) -> int:
        """Count packets that entered a stop, for the trace; return when the first of them was sent (nanoseconds)."""
        sent_ns = self._told[stop.place] + self.interval_ns
        self._told[stop.place] += count * self.interval_ns
        return sent_ns

    def entered(self, stop: Stop, sent_ns: int) -> Packet:
        """Return the packet that was sent at a time as it entered a stop, for the trace, which asks once for each."""
        packet = self._packet(sent_ns, stop.place)
        self._asked[sent_ns] += 1
        if self._asked[sent_ns] == len(self.stops) - 1 and sent_ns <= self.delivered_ns:
            del self._made[sent_ns], self._asked[sent_ns]
        return packet

    def _packet(self, sent_ns: int, place: int) -> Packet:
        made = self._made.get(sent_ns)
        if made is None:
            made = self._made[sent_ns] = [self.way.departure.make(sent_ns)]
        for stop in self.stops[len(made) : place + 1]:
            made.append(passed_on(made[-1], stop.change))
        return made[place]
