"""Whole trips of packets, put together from the packet-hops of the trace.

A trip is one packet from where it was made to where it ended, through routers and tunnels; its legs are the hops. One
pass over the trace finds them; messages, ways of flows, delays and the packets of the animation are read from them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from mipflow.sim.trace import Trace, is_control
from mipflow.view.story.words import NS_PER_S
from mipflow.wire.icmpv6 import NeighborAdvertisement, NeighborSolicitation, RouterAdvertisement, RouterSolicitation
from mipflow.wire.packet import TCP, UDP, Packet

if TYPE_CHECKING:
    import networkx

_NEIGHBOR_DISCOVERY = (RouterSolicitation, RouterAdvertisement, NeighborSolicitation, NeighborAdvertisement)

BARE = (UDP, TCP)
"""Payloads in which no other packet can be: most have one."""


class Leg(NamedTuple):
    """One packet-hop: when its first bit left and when it arrived (LOST if it did not), between which nodes."""

    number: int
    started_ns: int
    arrived_ns: int
    sender: str
    receiver: str
    tunnelled: bool


class Trip:
    """A packet's way, or a stretch of it; `packet` is the innermost packet, `numbers` are its hops in the trace."""

    __slots__ = ("arrived_ns", "numbers", "packet", "receiver", "started_ns", "trace")

    def __init__(self, trace: Trace, packet: Packet, numbers: list[int]) -> None:
        self.trace, self.packet, self.numbers = trace, packet, numbers
        _, started, arrived, channel, _ = trace.read_columns()
        self.started_ns = started[numbers[0]]
        """When the first bit left the first node, in nanoseconds."""
        self.arrived_ns = arrived[numbers[-1]]
        """When the packet arrived where it ended (LOST if a link lost it), in nanoseconds."""
        self.receiver = trace.channels[channel[numbers[-1]]].receiver
        """The node that it came to, or would have."""

    @property
    def sender(self) -> str:
        """The node that sent it first."""
        return self.trace.channels[self.trace.channel[self.numbers[0]]].sender

    @property
    def interface(self) -> str:
        """The interface that it was sent on first."""
        return self.trace.channels[self.trace.channel[self.numbers[0]]].sender_interface

    @property
    def tunnelled(self) -> bool:
        """Whether it set out in a tunnel (RFC 2473), be it one of ESP."""
        return is_tunnelled(self.trace.packet(self.numbers[0]))

    @property
    def encrypted(self) -> bool:
        """Whether it set out in ESP (RFC 4303)."""
        first = self.trace.packet(self.numbers[0])
        return first.carried is not first.payload

    @property
    def nodes(self) -> list[str]:
        """The nodes on the way, first and last included."""
        return [self.sender, *(leg.receiver for leg in self.legs)]

    @property
    def legs(self) -> list[Leg]:
        """The hops in order."""
        trace, legs = self.trace, []
        for number in self.numbers:
            name, tunnelled = trace.channels[trace.channel[number]], is_tunnelled(trace.packet(number))
            times = trace.started[number], trace.arrived[number]
            legs.append(Leg(number, *times, name.sender, name.receiver, tunnelled))
        return legs

    def stretches(self, graph: networkx.Graph[str]) -> list[Trip]:
        """Return the trip end to end: hops through plain routers belong together, a tunnel's end parts them."""
        parts: list[list[int]] = []
        inside = False
        for leg in self.legs:
            through = leg.sender in graph and graph.nodes[leg.sender].get("forwards", False)
            if not parts or leg.tunnelled != inside or not through:
                parts.append([])
            parts[-1].append(leg.number)
            inside = leg.tunnelled
        return [Trip(self.trace, self.packet, part) for part in parts]


def trips(trace: Trace, start_ns: int, end_ns: int, *, data: bool = True) -> list[Trip]:
    """Return the trips that were under way between two times (nanoseconds), by their start; each to its end.

    A packet is looked for up to a second before and after. data: those of flows too.
    """
    sent, started, arrived, channel, _ = trace.read_columns()
    first, within = bisect_left(sent, start_ns - NS_PER_S), bisect_right(sent, end_ns)
    last = bisect_right(sent, end_ns + NS_PER_S)
    if data:
        looked: Iterable[tuple[int, Packet]] = enumerate(trace.carried(first, last), first)
    else:
        numbers = read_before(_KEPT, trace, _Unlabelled).between(trace, first, last)
        looked = [(number, trace.packet(number)) for number in numbers]
    ends = [(name.sender, name.receiver) for name in trace.channels]
    found: list[tuple[Packet, list[int]]] = []
    reached: list[str] = []
    latest: dict[int, int] = {}
    """Identity of a packet -> its place in `found`, and in `reached`, which has the node that it came to."""
    waiting: dict[tuple[str, int], list[int]] = {}
    for number, packet in looked:
        inner = packet if type(packet.payload) in BARE else packet.unsealed()
        sender, receiver = ends[channel[number]]
        place = latest.get(id(inner))
        if place is None or reached[place] != sender:
            # Control packets are read from their bytes on each link, and the end of a tunnel may pass a copy on:
            # another value, known by place, time and content.
            here = (each for each in waiting.get((sender, sent[number]), ()) if reached[each] == sender)
            place = next((each for each in here if _same(found[each][0], inner)), None)
        if place is not None:
            found[place][1].append(number)
            reached[place] = receiver
        elif number < within:
            place = len(found)
            found.append((inner, [number]))
            reached.append(receiver)
        else:
            continue
        latest[id(inner)] = place
        if not inner.label or inner is not packet:
            waiting.setdefault((receiver, arrived[number]), []).append(place)
    return [Trip(trace, *own) for own in found if max(arrived[own[1][-1]], started[own[1][-1]]) >= start_ns]


class _Unlabelled:
    """The hops of packets without a label, signalling that is, of a trace: `numbers`, up to hop `over`.

    A link that duplicates takes the label off a packet that is under way, so those of the last second are read again.
    """

    def __init__(self) -> None:
        self.numbers = array("I")
        self.over = 0

    def between(self, trace: Trace, first: int, end: int) -> Sequence[int]:
        """Return those from one hop to before another; read on where that is not more work than to look at each."""
        packets, numbers = trace.unmade, self.numbers  # those that are not made yet are of flows
        if end - first < len(packets) - self.over:
            new = enumerate(packets[first:end], first)
            return [number for number, packet in new if packet and not packet.header.label]
        del numbers[bisect_left(numbers, self.over) :]
        new = enumerate(packets[self.over :], self.over)
        numbers.extend([number for number, packet in new if packet and not packet.header.label])
        self.over = bisect_left(trace.sent, trace.sent[-1] - NS_PER_S) if packets else 0
        return numbers[bisect_left(numbers, first) : bisect_left(numbers, end)]


T = TypeVar("T")
Kept = WeakKeyDictionary[Trace, tuple[Packet | None, T]]
"""Trace -> its first packet, and what has been read of it."""
_KEPT: Kept[_Unlabelled] = WeakKeyDictionary()


def read_before(kept: Kept[T], trace: Trace, make: Callable[[], T]) -> T:
    """Return what has been read of a trace; anew where that was nothing, or has been forgotten (`Trace.forget`)."""
    first, known = trace.packet(0) if len(trace) else None, kept.get(trace)
    if known is None or known[0] is not first:
        known = kept[trace] = first, make()
    return known[1]


def is_tunnelled(packet: Packet) -> bool:
    """Say whether a packet carries another one (RFC 2473), be it in ESP."""
    return isinstance(packet.carried, Packet)


def _same(one: Packet, other: Packet) -> bool:
    same = (one.source, one.destination, one.sent_ns) == (other.source, other.destination, other.sent_ns)
    return one is not other and same and one.payload == other.payload


def is_message(trip: Trip, *, data: bool = False) -> bool:
    """Return True for signalling, or user data too; not for router and neighbor solicitations and advertisements."""
    wanted = data or (not trip.packet.label and is_control(trip.packet))
    return wanted and not isinstance(trip.packet.payload, _NEIGHBOR_DISCOVERY)


def messages(
    found: Iterable[Trip], graph: networkx.Graph[str], start_ns: int, end_ns: int, *, data: bool = False
) -> list[Trip]:
    """Return the stretches of trips that were sent between two times (nanoseconds), in order; signalling, or user data
    too.

    Router and neighbor solicitations and advertisements are left out.
    """
    parts = (part for trip in found if is_message(trip, data=data) for part in trip.stretches(graph))
    return sorted((part for part in parts if start_ns <= part.started_ns <= end_ns), key=lambda part: part.started_ns)
