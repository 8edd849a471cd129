"""A train: the packets of one direction of a flow, sent at a constant rate along one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import sub
from typing import cast

from mipflow.sim.boarding import Departure, Forward, Planner, Sink, passed_on
from mipflow.sim.clock import Callback
from mipflow.sim.meter import Meter
from mipflow.sim.trace import is_control
from mipflow.sim.trains.lane import Stop, happened, sent_ns
from mipflow.sim.trains.order import Event, Order, Sender
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, Packet, RoutingHeaderType2

MOST_HOPS = 64


class Way:
    """The way of a packet like those of a departure, as the nodes on it say; `answers` is empty where they do not.

    nodes: the names of all that were asked; addresses: all that stand in its headers anywhere; it is equal to another
    while nothing has changed.
    """

    sink: Sink

    def __init__(self, departure: Departure) -> None:
        self.departure = departure
        self.answers: list[Forward | Sink] = []
        self.sizes: list[tuple[int, int]] = []
        """The octets and the hop limit of the packet on each link."""
        self.nodes = [departure.channel.sender.owner]
        self.addresses: set[Address] = set()
        packet, channel = departure.make(0), departure.channel
        for _ in range(MOST_HOPS):
            is_logged = channel.trace.mode == "control" and is_control(packet)
            if not channel.is_plain or packet.size > channel.mtu or is_logged:
                break
            self._note(packet)
            self.nodes.append(channel.receiver.owner)
            answer = cast(Planner, channel.receiver).plan(packet)
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
    """A train of the packets that `tick` would send; asked: says how they depart now; end_ns: none is sent then."""

    __slots__ = ("_delivered", "_is_traced", "_order", "asked", "end_ns", "received", "sent", "stops", "tick", "way")

    def __init__(
        self, way: Way, asked: Callable[[], Departure | None], tick: Callback, root_ns: int, mark: int,
        interval_ns: int, end_ns: int, order: Order, meters: Mapping[int, Meter],
    ) -> None:  # fmt: skip
        super().__init__(root_ns, mark, interval_ns)
        self.way, self.asked, self.tick, self.end_ns = way, asked, tick, end_ns
        self._order, self._is_traced = order, way.departure.channel.trace.mode == "all"
        self.stops: list[Stop] = []
        self.sent = meters[way.departure.label] if way.departure.label else None
        self.received = meters[way.sink.label] if way.sink.label else None
        self._delivered = root_ns
        """When the last packet that has arrived was sent."""

    @property
    def first_arrival_ns(self) -> int:
        """The time at which the first packet arrives at the earliest."""
        return self.root_ns + self.interval_ns + sum(stop.lag_ns for stop in self.stops)

    def depart(self, until_ns: int, items: list[Event]) -> None:
        """Send what is due before a time, and at that very time before the event of the heap under way."""
        first, interval, rank, end = self.following_ns, self.interval_ns, self.rank, min(until_ns, self.end_ns)
        self._order.note_sendings(self, end)
        if until_ns < self.end_ns and (until_ns - first) % interval == 0:
            sending = (until_ns, (until_ns - interval, rank))
            place = self._order.place(sending)
            if place < len(self._order.times):
                self.marks[until_ns] = self._order.marks[place]
                end = until_ns + 1
        times = range(first, end, interval)
        if not times:
            return
        stop, departure = self.stops[0], self.way.departure
        if self._is_traced:
            make = departure.make
            items += [(t, (t - interval, rank), stop, make(t)) for t in times]
        else:
            items += [(t, (t - interval, rank), stop) for t in times]
        count, last = len(times), times[-1]
        self.following_ns = last + interval
        if self.following_ns >= self.end_ns:
            self.following_ns = 1 << 62
        if self.sent is not None:
            self.sent.sent += count
        for take in departure.takes:
            take.add(count, departure.octets, last)

    def arrive(self, until_ns: int) -> None:
        """Count what has arrived before a time, as `depart` does."""
        waiting = self.stops[-1].waiting
        if not waiting or waiting[0][0] > until_ns:
            return
        cut = happened(waiting, until_ns, self._order)
        arrived = waiting[:cut]
        del waiting[:cut]
        if not arrived:
            return
        if self._is_traced:
            for item in arrived:
                item[3].hop_limit = item[1][2].limit
        times, count = [item[0] for item in arrived], len(arrived)
        first, interval = self._delivered + self.interval_ns, self.interval_ns
        self._delivered += count * interval
        if self.received is not None:
            delays = list(map(sub, times, range(first, self._delivered + 1, interval)))
            self.received.arrived_in_order(times, delays)
        for take in self.way.sink.takes:
            take.add(count, self.way.departure.octets, times[-1])

    def packet(self, item: Event) -> Packet:
        """Return the packet of an item, as it came over the link before."""
        came: Stop = item[1][2]
        packet: Packet
        if self._is_traced:
            packet = item[3]
            packet.hop_limit = came.limit
            return packet
        packet = self.way.departure.make(sent_ns(item))
        for stop in self.stops[1 : self.stops.index(came) + 1]:
            packet = passed_on(packet, stop.change)
        return packet
