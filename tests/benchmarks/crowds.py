"""Crowds: links on which hundreds of hosts hear the multicasts of each other, in a network without a trace.

Takes a network to which no link has been added; its links then give an event only to those who would do something with
a multicast. Times, order, drops and counts are those of ordinary links, where each copy has a direction and an event.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import heappush
from itertools import islice
from operator import itemgetter
from typing import Any

from mipflow.errors import ProtocolMisuse
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.router import Router
from mipflow.sim.clock import Callback
from mipflow.sim.link import LEFT, Channel, Port, Segment
from mipflow.sim.network import Network
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import NeighborSolicitation, RouterSolicitation
from mipflow.wire.packet import Packet


def prepare_for_crowds(network: Network) -> Network:
    """Let the links of a network be those of crowds. Raises ProtocolMisuse for one that has links, or lists each copy.
    """
    if network.segments or network.trace.mode != "off":
        why = f"{network.name} has {len(network.segments)} links and trace={network.trace.mode!r}"
        raise ProtocolMisuse(f'{why}; expected a network without links and with trace="off"', network)
    network.segment_type = Crowd
    return network


@dataclass(slots=True, eq=False)
class Multicast:
    """A multicast under way to ports that share one event until it arrives. Each has its place among the events of that
    time: the number that its own event would have.
    """

    packet: Packet
    until_ns: int
    """The time at which it is sent, in nanoseconds: the directions to its receivers are busy until then."""
    ports: list[Port]
    count: int
    """The first so many of the ports were there when it was sent: a list of ports only grows."""
    others: set[Port]
    """The sender, ports that are reached over channels, and ports that have left: they do not share the event."""
    first: int
    sender_at: int
    """The place of the first port of the list, and where in the list the sender is, which has no place."""
    lost: list[tuple[int, Callback]] = field(default_factory=list)
    """The calls that drop it in the place of receivers that have left the link."""

    def receivers(self) -> Iterator[tuple[int, Port]]:
        """Yield the ports that share the event, and the place of each."""
        for at, port in enumerate(self.ports[: self.count]):
            if port not in self.others:
                yield self._place(at), port

    def among(self, ports: Iterable[Port]) -> Iterator[tuple[int, Port]]:
        """Yield those of some ports that share the event, and the place of each."""
        known = self.ports[: self.count]
        return ((self._place(known.index(port)), port) for port in ports if port in known and port not in self.others)

    def _place(self, at: int) -> int:
        return self.first + at - (at > self.sender_at)


class Crowd(Segment):
    """A link on which a multicast gives events only to ports that would do something with it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last: dict[Port, Multicast] = {}
        """Port -> its last multicast to ports to which it has no channel."""
        self._reached: defaultdict[Port, dict[Port, None]] = defaultdict(dict)
        """Port -> those to which it has a channel."""
        self._asking: defaultdict[Address, dict[Port, None]] = defaultdict(dict)
        """Address -> the ports that have asked for it here."""
        self._routers: dict[Port, None] = {}
        self._is_up = self._is_usual = True
        """Whether all ports are up, and are usual ones."""

    def multicast(self, sender: Port, packet: Packet) -> None:
        """Send a copy to every other port: the first gets it over a channel, those without a channel share an event."""
        link, last, clock = self.link, self._last.get(sender), self.network.clock
        if type(packet.payload) is NeighborSolicitation:
            self._asking[packet.payload.target][sender] = None
        ports, count, now = self.ports, len(self.ports), clock.now
        is_faulty = link.loss or link.duplication or link.jitter_ms or self.taps or self.network.check
        is_shared = self.up and self._is_up and packet.size <= link.mtu and link.queue_bytes is None and not is_faulty
        if not is_shared or count < 3 or (last is not None and last.until_ns > now):
            super().multicast(sender, packet)
            return
        channel = self.channel(sender, ports[ports[0] is sender])
        places = {port: ports.index(port) for port in (sender, *self._reached[sender])}
        until_ns, first = now + channel.serialisation_ns(packet.size), clock.packet_events + clock.scheduled
        shared = Multicast(packet, until_ns, ports, count, set(places), first, places.pop(sender))
        drawn = 0
        for port, at in sorted(places.items(), key=itemgetter(1)):
            before = at - (at > shared.sender_at)
            _skip(clock.order, before - drawn)
            self.channel(sender, port).send(packet.copy())
            drawn = before + 1
        _skip(clock.order, count - 1 - drawn)
        if len(shared.others) < count:
            self._last[sender] = shared
            place, _ = next(shared.receivers())
            heappush(clock.heap, (until_ns + channel.delay_ns, place, self._arrived, shared))

    def _arrived(self, shared: Multicast) -> None:
        packet, heap, now, hearing = shared.packet, self.network.clock.heap, self.network.clock.now, None
        if self._is_usual and self._is_up and is_usual(packet):
            hearing = self._hearing(packet.payload)
        pairs = shared.receivers() if hearing is None else shared.among(hearing)
        heard = [(place, port.receive) for place, port in pairs if not self.ignores(port, packet)]
        for place, receive in heard + shared.lost:
            heappush(heap, (now, place, receive, packet.copy()))

    def _hearing(self, payload: object) -> Iterable[Port] | None:
        """Return the ports that may do something with a payload; None for any."""
        if type(payload) is RouterSolicitation:
            return self._routers
        if type(payload) is not NeighborSolicitation or payload.target in self.claims:
            return None
        owner = self.neighbors.get(payload.target)
        return self._asking.get(payload.target, {}) | ({} if owner is None else {owner: None})

    def attach(self, port: Port) -> None:
        """Put a port on the link."""
        super().attach(port)
        self._is_up, self._is_usual = self._is_up and port.up, self._is_usual and self.is_usual(port)
        if isinstance(port, Interface) and port.node.forwards:
            self._routers[port] = None

    def detach(self, port: Port) -> None:
        """Take a port off: what is under way to it is lost, in a multicast too."""
        super().detach(port)
        self._last.pop(port, None)
        self._routers.pop(port, None)
        self._reached.pop(port, None)
        for reached in self._reached.values():
            reached.pop(port, None)
        self._look()
        arrived, missed = self._arrived, partial(self.drop, reason=LEFT.format(port.owner))
        for shared in [argument for _, _, callback, argument in self.network.clock.heap if callback == arrived]:
            shared.lost += [(place, missed) for place, _ in shared.among([port])]
            shared.others.add(port)

    def refresh(self) -> None:
        """Take over that a port or a tap has changed."""
        super().refresh()
        self._look()

    def _look(self) -> None:
        self._is_up, self._is_usual = all(port.up for port in self.ports), all(map(self.is_usual, self.ports))

    def channel(self, sender: Port, receiver: Port) -> Channel:
        """Return the direction from one port to another, busy with the multicast that is being sent."""
        is_new, last = (sender, receiver) not in self._channels, self._last.get(sender)
        channel = super().channel(sender, receiver)
        if is_new:
            self._reached[sender][receiver] = None
            if last is not None and any(last.among([receiver])):
                channel.set_quick(channel.times, last.until_ns)
        return channel

    def is_usual(self, port: Port) -> bool:
        """True for an interface of a host or a router, which does what `ignores` foresees."""
        return isinstance(port, Interface) and isinstance(port.node, Host | Router)

    def ignores(self, port: Port, packet: Packet) -> bool:
        """True for a solicitation that would change nothing if it arrived at a port now: of an address that is not its
        own, or of routers where there is none.
        """
        payload = packet.payload
        if not (is_usual(packet) and self.is_usual(port)):
            return False
        assert isinstance(port, Interface) and isinstance(port.node, Host | Router)
        if not port.listens:
            return False
        if type(payload) is NeighborSolicitation:
            return not (port.node.neighbor.is_detecting(payload.target, port) or port.answers_for(payload.target))
        return type(payload) is RouterSolicitation and not port.node.forwards


def is_usual(packet: Packet) -> bool:
    """True for a packet as neighbor discovery sends it."""
    return packet.hop_limit == 255 and not (packet.extensions or packet.label)


def _skip(numbers: Iterator[int], count: int) -> None:
    """Draw so many numbers."""
    deque(islice(numbers, count), maxlen=0)
