"""The order in which events of one instant happen, for packets of trains and for events of the heap alike.

The heap takes events by time, and those of one time in the order in which they were put there. An event is put there
while another happens, its cause; so of two events of one time that comes first whose cause came first, and the order
goes back, cause by cause, to times that differ. What a train does has no place in the heap, but it has causes: a packet
that enters a link was caused by its entering the link before, and the first of these by the sending of the packet
before it. So a train's event is a tuple, (time, cause, ...), and nested tuples compare by time, cause, cause of the
cause. Two sendings of one time and one interval compare by the ranks of their trains: each causes the next in an order
that never changes.

An event of the heap has a number in the place of its cause: it was drawn from one count as it was put there. While
there are trains the start of every such event draws a number too, its mark. What was put into the heap before a train's
event has a number below the mark of the first event of the heap after it; what was put there later has a number above.
An event that a train has turned into has a `Placed` in the place of a number, which compares in both ways.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

from mipflow.sim.clock import Clock

Event = tuple[Any, ...]
"""(time, cause, ...) of what a train does; (time, rank) of a sending that is a cause, where the cause before follows
from the interval of the train.
"""


class Placed:
    """The place in the heap's order of a train's event. mark: of the first event of the heap after its cause."""

    __slots__ = ("_order", "event", "mark")

    def __init__(self, mark: int, event: Event, order: Order) -> None:
        self.mark, self.event, self._order = mark, event, order

    def __lt__(self, other: int | Placed) -> bool:
        if not isinstance(other, Placed):
            return self.mark <= other
        is_even = self.mark == other.mark
        return self._order.is_earlier(self.event, other.event) if is_even else self.mark < other.mark

    def __gt__(self, other: int | Placed) -> bool:
        return other < self if isinstance(other, Placed) else other < self.mark


Number = int | Placed


def later(event: Event, by_ns: int) -> Event:
    """Return a train's event as it comes again after a time, with all that caused it."""
    return (event[0] + by_ns, event[1] if len(event) == 2 else later(event[1], by_ns), *event[2:])


class Sender:
    """A train as the order sees it. rank: among trains of one interval that send at the same times; root_ns: of its
    first sending, which an event of the heap did; marks: after sendings at times at which the heap had events, too.
    """

    __slots__ = ("following_ns", "interval_ns", "marks", "rank", "root_ns")

    def __init__(self, root_ns: int, mark: int, interval_ns: int) -> None:
        self.rank = 0.0
        self.root_ns, self.interval_ns = root_ns, interval_ns
        self.following_ns = root_ns + interval_ns
        self.marks = {root_ns: mark}


class Order:
    """The log of the heap's events since there are trains: their times, numbers and marks, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.times: list[int] = []
        self.numbers: list[Number] = []
        self.marks: list[int] = []
        self._instants: set[int] = set()
        self._known = 0
        """How many of the times are among the instants."""
        self.senders: dict[float, Sender] = {}
        self._classes: dict[tuple[int, int], list[Sender]] = {}
        self._highest = 0.0

    def draw(self) -> int:
        """Draw a mark, which counts for no packet."""
        self._clock.scheduled += 1
        return next(self._clock.order)

    # --- places ------------------------------------------------------------------------------------------------------

    def place(self, event: Event) -> int:
        """Return where in the log the first event of the heap stands that happened after a train's event."""
        place = bisect_left(self.times, event[0])
        end = bisect_right(self.times, event[0], place)
        if place < end:
            key = self.placed(event)
            while place < end and self.numbers[place] < key:
                place += 1
        return place

    def placed(self, event: Event) -> Placed:
        """Return the place of a train's event among those of its time in the heap."""
        return Placed(self.mark(event[1]), event, self)

    def mark(self, event: Event) -> int:
        """Return the mark of the first event of the heap after a train's event."""
        if len(event) == 2:
            known = self.senders[event[1]].marks.get(event[0])
            if known is not None:
                return known
            place = bisect_right(self.times, event[0])
        else:
            place = self.place(event)
        return self.marks[place]

    def has_happened(self, event: Event) -> bool:
        """Return whether a train's event comes at this instant, and before the event of the heap that is under way."""
        return event[0] == self._clock.now and self.place(event) < len(self.times)

    def note_sendings(self, sender: Sender, until_ns: int) -> None:
        """Note the marks after sendings from the following one on, before `until_ns`, that share their times with
        events of the heap.
        """
        if self._known < len(self.times):
            self._instants.update(self.times[self._known :])
            self._known = len(self.times)
        interval_ns = sender.interval_ns
        for t_ns in sorted(self._instants.intersection(range(sender.following_ns, until_ns, interval_ns))):
            sender.marks[t_ns] = self.marks[self.place((t_ns, (t_ns - interval_ns, sender.rank)))]

    def forget(self, before_ns: int) -> int:
        """Forget what happened before a time, and return how many events of the log that were."""
        count = bisect_left(self.times, before_ns)
        del self.times[:count], self.numbers[:count], self.marks[:count]
        self._instants, self._known = set(self.times), len(self.times)
        for sender in self.senders.values():
            sender.marks = {t_ns: mark for t_ns, mark in sender.marks.items() if t_ns >= before_ns}
        return count

    # --- comparing ---------------------------------------------------------------------------------------------------

    def is_earlier(self, one: Event, other: Event) -> bool:
        """Return whether one of two train's events happened before the other."""
        try:
            return one < other
        except TypeError:  # a rank met a cause
            return self.compare(one, other) < 0

    def compare(self, one: Event, other: Event) -> int:
        """Return less than 0 where one event happened before the other, more where after it: causes are followed beyond
        the sendings that tuples hold. Where one sending caused both, the packet came before the next sending.
        """
        while one[0] == other[0]:
            first, second = self._sender(one), self._sender(other)
            if first and second and first.interval_ns == second.interval_ns:
                is_later = len(one) == 2 if first is second else first.rank > second.rank
                return 1 if is_later else -1
            if any(sender is not None and sender.root_ns == one[0] for sender in (first, second)):
                return self.mark(one) - self.mark(other)
            one, other = self._cause(one, first), self._cause(other, second)
        return int(one[0] > other[0]) - int(one[0] < other[0])

    def _sender(self, event: Event) -> Sender | None:
        """Return the train of a sending, None for a packet that comes from another link."""
        rank = event[1] if len(event) == 2 else event[1][1]
        return self.senders.get(rank) if isinstance(rank, float) else None

    def _cause(self, event: Event, sender: Sender | None) -> Event:
        return event[1] if sender is None else (event[0] - sender.interval_ns, sender.rank)

    # --- ranks -------------------------------------------------------------------------------------------------------

    def enter(self, sender: Sender) -> bool:
        """Give a train that sends just now its rank among those that send at the same times; False where no number is
        left for it.
        """
        t_ns, interval_ns = sender.root_ns, sender.interval_ns
        peers = self._classes.setdefault((interval_ns, t_ns % interval_ns), [])
        for peer in peers:
            self.note_sendings(peer, t_ns)
        place = len(peers)
        while place and not self._sends_before(peers[place - 1], t_ns):
            place -= 1
        if place == len(peers):
            self._highest += 1.0
            rank = self._highest
        else:
            above = peers[place].rank
            rank = below = peers[place - 1].rank if place else above - 1.0
            while rank in self.senders:
                rank = (rank + above) / 2
            if not below < rank < above:
                return False
        sender.rank = rank
        peers.insert(place, sender)
        self.senders[rank] = sender
        return True

    def leave(self, sender: Sender) -> None:
        """Rank no further trains beside one."""
        self._classes[sender.interval_ns, sender.root_ns % sender.interval_ns].remove(sender)

    def _sends_before(self, sender: Sender, t_ns: int) -> bool:
        is_new = sender.root_ns == t_ns
        return is_new or self.has_happened((t_ns, (t_ns - sender.interval_ns, sender.rank)))
