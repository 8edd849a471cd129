"""A lane: one direction of a link as trains use it, on which packets are computed in batches.

An item is a packet that is about to enter a lane, as a tuple: when it does, the item or sending that caused it, and its
`Stop`. Items compare as `order` says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from mipflow.sim.boarding import NEVER
from mipflow.sim.link import Channel
from mipflow.sim.trains.order import Event, Order, later
from mipflow.wire.packet import Packet


class Stop:
    """One place on the way of a train: the lane that its packets enter there, None at the end.

    place: how many stops are before it; serialisation_ns: of each packet; limit: their hop limit on that lane;
    change: makes the packet that enters the lane from the one that came (None lowers its hop limit); arrives: what
    takes a packet that comes there by an event.
    """

    __slots__ = (
        "arrives", "change", "following", "lag_ns", "lane", "limit", "number", "place", "put", "serialisation_ns",
        "train", "waiting",
    )  # fmt: skip

    following: Stop

    def __init__(
        self, train: Any, place: int, lane: Lane | None, serialisation_ns: int = 0, limit: int = 0,
        change: Callable[[Packet], Packet] | None = None, arrives: Callable[[Packet], None] | None = None,
    ) -> None:  # fmt: skip
        self.train, self.place, self.lane, self.serialisation_ns = train, place, lane, serialisation_ns
        self.limit, self.change, self.arrives = limit, change, arrives
        self.lag_ns, self.number = (0, 0) if lane is None else (serialisation_ns + lane.delay_ns, lane.number)
        """From the first bit to the arrival, and the number of the channel in the trace."""
        self.waiting: list[Event] = [] if lane is None else lane.waiting
        """The items that are about to come here: of all trains of a lane, but at the end of each train by itself."""
        self.put = self.waiting.append


class Lane:
    """A lane of `channel`, which it uses as its own until `close`. bring: called with the time to bring it up to."""

    def __init__(self, channel: Channel, order: Order, bring: Callable[[Lane, int], None]) -> None:
        self.channel, self.delay_ns, self.number = channel, channel.delay_ns, channel.number
        self._order, self._bring = order, bring
        self.waiting: list[Event] = []
        self.trains: list[Any] = []
        """The trains that begin here."""
        self.users = 0
        """How many trains come here."""
        self.feeders: dict[Lane, int] = {}
        """The lanes that packets come from -> how many trains do."""
        self.feeds = 0
        """How many trains go on from here to another lane."""
        self.due_ns = NEVER
        """No packet of a train enters before."""
        self.busy_ns = channel.set_quick({})
        channel.send_slowly = self.send  # type: ignore[method-assign]

    def close(self) -> None:
        """Give the channel back."""
        del self.channel.send_slowly
        self.channel.set_quick(self.channel.times, self.busy_ns)

    def send(self, packet: Packet, now: int, start: int) -> int:
        """Send an ordinary packet among those of trains, as the channel does by itself."""
        if now >= self.due_ns:
            self._bring(self, now)
        channel, size = self.channel, packet.size
        start = self.busy_ns if self.busy_ns > now else now
        if size > channel.mtu:
            channel.sender.too_big(packet, channel.mtu)
            self.busy_ns = start  # an error that went back over this link takes no time, as on a channel by itself
            return start
        self.busy_ns = done = start + channel.serialisation_ns(size)
        channel.leave(packet, now, start, done + self.delay_ns)
        return done

    # --- packets of trains -------------------------------------------------------------------------------------------

    def entering(self, until_ns: int) -> list[Event]:
        """Take the items that enter before a time, in their order; if that is now, those of this instant too that come
        before the event of the heap under way.
        """
        items = self.waiting[:]
        self.waiting.clear()
        for train in self.trains:
            if train.following_ns <= until_ns:
                train.depart(until_ns, items)
        if not items:
            return items
        try:
            items.sort()
        except TypeError:
            items.sort(key=cmp_to_key(self._order.compare))
        if items[-1][0] >= until_ns:
            cut = happened(items, until_ns, self._order)
            self.waiting.extend(items[cut:])
            del items[cut:]
        return items

    def carry(self, items: list[Event], left: list[Event]) -> None:
        """Let items enter, one after the other, put each before its next stop, and add it to what has left lanes."""
        busy, delay, add = self.busy_ns, self.delay_ns, left.append
        for item in items:
            entered, _, stop = item
            busy = (busy if busy > entered else entered) + stop.serialisation_ns
            following = stop.following
            arriving = busy + delay, item, following
            following.put(arriving)
            add(arriving)
        self.busy_ns = busy

    def repeat(self, by_ns: int, is_used: bool) -> None:
        """Be as a while later, if what has happened comes again until then."""
        self.waiting[:] = [later(item, by_ns) for item in self.waiting]
        if is_used:
            self.busy_ns += by_ns

    def expect(self) -> None:
        """Work out before when no packet of a train enters."""
        due = min((item[0] for item in self.waiting), default=NEVER)
        for train in self.trains:
            due = min(due, train.following_ns)
        for feeder in self.feeders:
            due = min(due, feeder.due_ns + feeder.delay_ns)
        self.due_ns = due


def happened(items: list[Event], until_ns: int, order: Order) -> int:
    """Return how many of the items, which are in order, come before a time, or at that very time before the event of
    the heap under way.
    """
    cut = bisect_left(items, (until_ns,))
    while cut < len(items) and items[cut][0] == until_ns and order.has_happened(items[cut]):
        cut += 1
    return cut


def sent_ns(item: Event) -> int:
    """Return when the train sent the packet of an item."""
    while len(item[1]) != 2:
        item = item[1]
    time: Any = item[0]
    return int(time)
