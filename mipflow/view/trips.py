"""Whole trips of packets, put together from the packet-hops of the trace.

A trip is one packet from where it was made to where it ended, through routers and tunnels; its legs are the hops.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from mipflow.sim.trace import LOST, Trace, is_control
from mipflow.view.words import NS_PER_MS, is_tunnelled
from mipflow.wire.packet import Packet

LOOK_BACK_NS = 1_000 * NS_PER_MS
"""A packet on its way at the start of a picture was sent at most this long before."""
LOOK_AHEAD_NS = 1_000 * NS_PER_MS
"""A packet that starts in a picture is followed for at most this long after its end."""


class Leg(NamedTuple):
    """One packet-hop: when its first bit left and when it arrived (LOST if it did not), between which nodes."""

    number: int
    started_ns: int
    arrived_ns: int
    sender: str
    interface: str
    receiver: str
    segment: str
    tunnelled: bool


class Trip:
    """A packet's way; `packet` is the innermost packet, `legs` are in order."""

    __slots__ = ("control", "legs", "packet")

    def __init__(self, packet: Packet, control: bool, leg: Leg) -> None:
        self.packet = packet
        self.control = control
        self.legs = [leg]

    @property
    def started_ns(self) -> int:
        """When the first bit left the first node, in nanoseconds."""
        return self.legs[0].started_ns

    @property
    def arrived_ns(self) -> int:
        """When the packet arrived where it ended (LOST if a link lost it), in nanoseconds."""
        return self.legs[-1].arrived_ns

    @property
    def nodes(self) -> list[str]:
        """The nodes on the way, first and last included."""
        return [self.legs[0].sender, *(leg.receiver for leg in self.legs)]

    def stretches(self, through: Callable[[str], bool]) -> Iterator[list[Leg]]:
        """The trip as end-to-end stretches: hops through plain routers belong together, a tunnel's end parts them."""
        legs: list[Leg] = []
        for leg in self.legs:
            if legs and (leg.tunnelled != legs[-1].tunnelled or not through(leg.sender)):
                yield legs
                legs = []
            legs.append(leg)
        yield legs


def trips(
    trace: Trace,
    start_ns: int,
    end_ns: int,
    *,
    data: bool = True,
    only: Packet | None = None,
    look_back_ns: int = LOOK_BACK_NS,
    look_ahead_ns: int = LOOK_AHEAD_NS,
) -> list[Trip]:
    """The trips that were under way between `start_ns` and `end_ns` (nanoseconds), by their start.

    data: with user data too, not control packets only; only: the trip of this innermost packet alone.
    """
    first = bisect_left(trace.sent, start_ns - look_back_ns)
    last = bisect_right(trace.sent, end_ns + look_ahead_ns)
    within = bisect_right(trace.sent, end_ns)
    found: list[Trip] = []
    by_identity: dict[int, Trip] = {}
    waiting: dict[tuple[str, int], list[Trip]] = {}
    channels, packets = trace.channels, trace.packets
    numbers: Iterable[int] = range(first, last)
    if not data:
        # Signalling belongs to no flow: looking at the label first leaves out nearly all hops at once.
        numbers = [first + ahead for ahead, packet in enumerate(packets[first:last]) if not packet.label]
    for number in numbers:
        outer = packets[number]
        inner = outer.innermost()
        if only is not None and inner is not only:
            continue
        trip = by_identity.get(id(inner))
        if trip is None and (number >= within and packets[number].label):
            continue
        if trip is None and not (data or is_control(inner)):
            continue
        name = channels[trace.channel[number]]
        leg = Leg(
            number, trace.started[number], trace.arrived[number], name.sender, name.sender_interface, name.receiver,
            name.segment, is_tunnelled(outer),
        )  # fmt: skip
        if trip is None or trip.legs[-1].receiver != leg.sender:
            # A packet that was read from its bytes on the way is another value: know it by place, time and content.
            here = waiting.get((leg.sender, trace.sent[number]), ())
            trip = next((each for each in here if _same(each.packet, inner)), None)
        if trip is None and number >= within:
            continue
        if trip is None:
            trip = Trip(inner, is_control(inner), leg)
            found.append(trip)
        else:
            trip.legs.append(leg)
        by_identity[id(inner)] = trip
        if leg.arrived_ns != LOST and trip.control:
            waiting.setdefault((leg.receiver, leg.arrived_ns), []).append(trip)
    return [trip for trip in found if max(trip.legs[-1].started_ns, trip.arrived_ns) >= start_ns]


def _same(one: Packet, other: Packet) -> bool:
    ends = (one.source, one.destination) == (other.source, other.destination)
    return one is not other and ends and one.payload == other.payload
