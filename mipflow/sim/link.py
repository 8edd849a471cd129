"""The links between interfaces, with one event per packet-hop.

`Link` is a value, the properties of a link; `Segment` is a link in a network, with the ports on it; `Channel` is one
direction between two of its ports, first in first out and analytic: the arrival is known when the packet is handed
over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from heapq import heappush
from random import Random
from typing import Annotated, Protocol

from mipflow.arguments import FLAG, MILLISECONDS, check, check_fields, function, instance, number, optional, whole
from mipflow.errors import TopologyError
from mipflow.sim.boarding import NEVER, Boarding
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Clock, Unique
from mipflow.sim.trace import LOST, ROW, ChannelName, Trace
from mipflow.wire.address import Address
from mipflow.wire.packet import Packet

LEFT, DOWN = "{} has left the link", "{} is down"
"""The reasons why packets under way to a node, or to an interface, are not heard there."""
Tap = Callable[["Packet", int], str | None]
"""Sees each packet that enters a segment, with the time in nanoseconds; a text is the reason to drop it."""

PROBABILITY = number(0, 1, "a number, as probabilities are,")


@dataclass(slots=True, frozen=True)
class Link:
    """The properties of a link, each direction by itself.

    delay_ms: one-way propagation; rate_bps: bits per second, None for no serialisation time; mtu: octets;
    queue_bytes: a packet is dropped that finds more octets than this still to be sent; loss: probability 0 to 1;
    duplication: probability; jitter_ms: each packet waits a further uniform 0 to jitter_ms, in order unless `reorder`.
    Raises TopologyError for values that no link can have.
    """

    delay_ms: Annotated[float, MILLISECONDS] = 1.0
    rate_bps: Annotated[int | None, optional(number(1, 10**15, "a number of bits per second"))] = 100_000_000
    mtu: Annotated[int, whole(1280, 2**32 - 1, "octets, as IPv6 needs them (RFC 8200 section 5),")] = 1500
    queue_bytes: Annotated[int | None, optional(whole(0, 2**62))] = None
    loss: Annotated[float, PROBABILITY] = 0.0
    duplication: Annotated[float, PROBABILITY] = 0.0
    jitter_ms: Annotated[float, MILLISECONDS] = 0.0
    reorder: Annotated[bool, FLAG] = False

    def __post_init__(self) -> None:
        check_fields(self, TopologyError)
        if self.rate_bps is not None:  # 6e6 is one too; times are counted with integers
            object.__setattr__(self, "rate_bps", round(self.rate_bps))


LINK = instance(Link, "a link, such as mf.Link(delay_ms=5)")


class Port(Protocol):
    """One end of a segment: an interface of a node."""

    name: str
    up: bool
    receive: Callable[[Packet], None]
    """Called with each packet that arrives."""

    @property
    def owner(self) -> str:
        """Name of the node."""

    def too_big(self, packet: Packet, mtu: int) -> None:
        """Drop a packet that was handed over and does not fit the link."""


class Surroundings(Protocol):
    """The network of a segment, as the segment sees it (`sim.network`)."""

    clock: Clock
    trace: Trace
    check: Callable[[Packet], Packet] | None
    """Called with each packet that enters a link; gives the packet that goes on in its place."""
    trains: Boarding
    """The part that carries packets without events, where there is one."""

    @property
    def name(self) -> str:
        """A name that tells it from all other networks."""

    quick_way: Callable[[Channel], QuickWay]
    """Makes what channels send by (`quick_ways`)."""

    def random(self, name: str) -> Random:
        """Return the random stream of this name."""

    def drop(self, packet: Packet, reason: str, where: str) -> None:
        """Drop a packet at the link or node named `where`."""

    def segment_changed(self, segment: Segment) -> None:
        """Take note that the properties of a segment have changed."""


class Channel(Unique):
    """One direction of a link between two ports. `send(packet)` takes a packet over: it arrives at the other port or
    is dropped.
    """

    def __init__(self, segment: Segment, sender: Port, receiver: Port, number: int) -> None:
        network = segment.network
        self.segment, self.sender, self.receiver, self.number = segment, sender, receiver, number
        self.receive, self.clock, self.trace = receiver.receive, network.clock, network.trace
        self.last_ns = 0
        self.send, self.set_quick = network.quick_way(self)
        """`send` takes packets over, and `set_quick` says which sizes go the quick way there (`quick_ways`)."""
        self.configure(segment.link)

    def configure(self, link: Link) -> None:
        """Be like `link` from now on; packets under way arrive as they would have."""
        self.link = link
        self.mtu = link.mtu
        self.delay_ns = round(link.delay_ms * NS_PER_MS)
        # The backlog of a first-in-first-out queue in octets is its time to drain times the rate.
        unlimited = link.queue_bytes is None or link.rate_bps is None
        self.queue_ns = NEVER if unlimited else self.serialisation_ns(link.queue_bytes or 0)
        self.refresh()

    def refresh(self) -> None:
        """Work out whether the quick way of `send` is allowed: it is for sizes that have gone the slow way once on such
        a link.
        """
        self.segment.network.trains.recall(self)
        link, segment = self.link, self.segment
        is_looked_at = segment.taps or segment.network.check
        faulty = link.loss or link.duplication or link.jitter_ms or is_looked_at or not self.is_up
        self.is_quick = not faulty
        self.times = {} if faulty else _times(link.rate_bps, link.mtu)
        self.set_quick(self.times)

    def serialisation_ns(self, size: int) -> int:
        """Return the nanoseconds that `size` octets take to send: exact."""
        rate = self.link.rate_bps
        return 0 if rate is None else (size * 8 * NS_PER_S + rate // 2) // rate

    @cached_property
    def random(self) -> Random:
        """The random stream of this direction: made when first used, since most links have no faults."""
        segment, one, other = self.segment, self.sender, self.receiver
        return segment.network.random(f"{segment.name}/{one.owner}.{one.name}>{other.owner}.{other.name}")

    @property
    def is_up(self) -> bool:
        """True while the segment and both ports are up."""
        return self.segment.up and self.sender.up and self.receiver.up

    def send_slowly(self, packet: Packet, now: int, start: int) -> int:
        """Send the slow way: a link with faults or taps, one that is down, a packet too large or the first of its size.
        Gives the time in nanoseconds until which the link is busy.
        """
        segment, link = self.segment, self.link
        if packet.size > self.mtu:
            self.sender.too_big(packet, self.mtu)
            return start
        if not self.is_up:
            segment.drop(packet, "link down")
            return start
        for tap in segment.taps:
            reason = tap(packet, now)
            if reason is not None:
                segment.drop(packet, reason)
                return start
        if segment.network.check is not None:
            packet = segment.network.check(packet)
        done = start + self.serialisation_ns(packet.size)
        if link.duplication and self.random.random() < link.duplication:
            # One of the two counts for the flow's meter: the first that is not lost.
            lost = self._is_lost()
            twin = packet.copy()
            (packet if lost else twin).unlabel()
            self.leave(packet, now, start, done + self.delay_ns, lost)
            packet = twin
        self.leave(packet, now, start, done + self.delay_ns, self._is_lost())
        if self.is_quick:
            self.times[packet.size] = done - start
        return done

    def _is_lost(self) -> bool:
        return self.link.loss > 0 and self.random.random() < self.link.loss

    def leave(self, packet: Packet, now: int, start: int, arrived: int, lost: bool = False) -> None:
        """Let a packet that was handed over at `now` and began at `start` (nanoseconds) arrive, unless it is lost."""
        link = self.link
        if link.jitter_ms:
            arrived += round(self.random.random() * link.jitter_ms * NS_PER_MS)
            if not link.reorder:
                self.last_ns = arrived = max(arrived, self.last_ns)
        if lost:
            arrived = LOST
            self.segment.drop(packet, "lost on the link")
        else:
            heappush(self.clock.heap, (arrived, next(self.clock.order), self.receive, packet))
        if self.trace.mode != "off":
            self.trace.hop(packet, self.number, now, start, arrived)


QuickWay = tuple[Callable[[Packet], None], Callable[..., int]]


@lru_cache(256)
def _times(rate_bps: int | None, mtu: int) -> dict[int, int]:
    """Return the sizes of packets that have passed links of a rate and MTU -> nanoseconds to send one: kept once for
    all such links, and so in the processor's cache.
    """
    return {}


def quick_ways(clock: Clock, trace: Trace) -> Callable[[Channel], QuickWay]:
    """Make the function that makes `send` and `set_quick` of a channel; all channels of a network share its values, so
    that these are in the processor's cache.

    Every packet-hop of every run goes through `send`. As a closure it reaches its values without a look into an object
    each time, which is a quarter of the speed of the whole simulator.
    """
    heap, order = clock.heap, clock.order
    traced, selective = trace.mode == "all", trace.mode == "control"
    rows, pack, add_packet = trace.new_rows, ROW.pack, trace.packets.append

    def quick_way(channel: Channel) -> QuickWay:
        receive, number = channel.receive, channel.number
        busy = queue = delay = 0
        times: dict[int, int] = {}  # size -> nanoseconds to send it, of those that may take the quick way

        def send(packet: Packet) -> None:
            nonlocal busy, rows
            now = start = clock.now
            if busy > now:
                start = busy
                if start - now > queue:
                    channel.segment.drop(packet, "queue full")
                    return
            try:
                busy = start + times[packet.size]
            except KeyError:
                busy = channel.send_slowly(packet, now, start)
                return
            arrived = busy + delay
            heappush(heap, (arrived, next(order), receive, packet))
            if traced:  # the body of Trace.hop
                rows += pack(now, start, arrived, number, packet.hop_limit)
                add_packet(packet)
            elif selective:
                trace.hop(packet, number, now, start, arrived)

        def set_quick(quick: dict[int, int], busy_ns: int = 0) -> int:
            """Send as the channel is now, sizes of `quick` the quick way; the link is busy until then at the least."""
            nonlocal busy, queue, delay, times
            busy, queue, delay, times = max(busy, busy_ns), channel.queue_ns, channel.delay_ns, quick
            return busy

        return send, set_quick

    return quick_way


def _names(segment: str, port: Port, ports: list[Port], before: int) -> Iterator[ChannelName]:
    """Give the names of the directions that a port brings: to and from each of the first `before` ports of a list."""
    for other in ports[:before]:
        for sender, receiver in ((port, other), (other, port)):
            yield ChannelName(segment, sender.owner, sender.name, receiver.owner, receiver.name)


class Segment(Unique):
    """A link in a network: every port on it reaches every other directly.

    `neighbors` has the port that answers for an address here, a proxy's included. It stands for the neighbor cache that
    address resolution (RFC 4861 section 7.2) would fill; duplicate address detection is real and sends its packets.
    """

    def __init__(self, name: str, link: Link, network: Surroundings) -> None:
        self.name, self.link, self.network, self.up = name, link, network, True
        self.taps: list[Tap] = []
        self.ports: list[Port] = []
        """The ports on it, in order of coming. A list is only added to: without one that leaves it is another.
        """
        self.neighbors: dict[Address, Port] = {}
        self.claims: dict[Address, Port] = {}
        """Address -> the port that claims it while another still answers for it, as a home agent may.
        """
        self.elsewhere: Port | None = None
        """The port that answers for all other addresses, where there is one (`sim.port`)."""
        self._joined: dict[Port, tuple[int, int, list[Port]]] = {}
        """Port -> the number of its first channel, and how many ports there were before it, which begin the list."""
        self._channels: dict[tuple[Port, Port], Channel] = {}
        """The channels, each made when first used."""

    def attach(self, port: Port) -> None:
        """Put a port on the segment."""
        if port in self._joined:
            raise TopologyError(f"{port.owner}.{port.name} is on {self.name} already", port)
        before = len(self.ports)
        first = self.network.trace.add_channels(2 * before, partial(_names, self.name, port, self.ports, before))
        self._joined[port] = first, before, self.ports
        self.ports.append(port)

    def detach(self, port: Port) -> None:
        """Take a port off the segment: it hears nothing more of it, and its addresses are unknown here from now on."""
        if port not in self._joined:
            raise TopologyError(f"{port.owner}.{port.name} is not on {self.name}", port)
        self.network.trains.recall()
        heap, missed = self.network.clock.heap, partial(self.drop, reason=LEFT.format(port.owner))
        for place, (t_ns, order, callback, packet) in enumerate(heap):
            if callback == port.receive:  # under way to it
                heap[place] = (t_ns, order, missed, packet)
        del self._joined[port]
        self.ports = [other for other in self.ports if other is not port]
        for other in self.ports:
            self._channels.pop((port, other), None)
            self._channels.pop((other, port), None)
        self.neighbors = {address: owner for address, owner in self.neighbors.items() if owner is not port}
        self.claims = {address: owner for address, owner in self.claims.items() if owner is not port}

    def neighbor(self, address: Address) -> Port | None:
        """Return the port that answers for an address here, or None."""
        return self.neighbors.get(address) or self.claims.get(address) or self.elsewhere

    def channel(self, sender: Port, receiver: Port) -> Channel:
        """Return the direction from one port to another. Raises TopologyError where one of them is not here."""
        ends = sender, receiver
        if ends not in self._channels:
            self._channels[ends] = Channel(self, sender, receiver, self._number(sender, receiver))
        return self._channels[ends]

    def _number(self, sender: Port, receiver: Port) -> int:
        """Return the number of a channel: one of those that the later of the two brought with it (`_names`)."""
        if sender is receiver or sender not in self._joined or receiver not in self._joined:
            why = f"no way from {sender.owner}.{sender.name} to {receiver.owner}.{receiver.name}"
            raise TopologyError(why, self.name)
        one, other = self._joined[sender], self._joined[receiver]
        if one[:2] > other[:2]:
            return one[0] + 2 * one[2].index(receiver)
        return other[0] + 2 * other[2].index(sender) + 1

    def multicast(self, sender: Port, packet: Packet) -> None:
        """Send a copy from one port to every other."""
        for port in list(self.ports):
            if port is not sender:
                self.channel(sender, port).send(packet.copy())

    def configure(self, link: Link) -> None:
        """Be like `link` from now on, in every direction."""
        check(LINK, TopologyError, link=link)
        self.link = link
        for channel in self._channels.values():
            channel.configure(link)
        self.network.segment_changed(self)

    def set_up(self, up: bool) -> None:
        """Take the segment up or down; packets under way still arrive."""
        check(FLAG, up=up)
        self.up = up
        self.refresh()
        self.network.segment_changed(self)

    def refresh(self) -> None:
        """Take over that a port or a tap has changed."""
        for channel in self._channels.values():
            channel.refresh()

    def tap(self, tap: Tap) -> None:
        """Show every packet that enters to `tap`, which may drop it by returning a reason."""
        check(function("packet, now"), tap=tap)
        self.taps.append(tap)
        self.refresh()

    def drop(self, packet: Packet, reason: str) -> None:
        """Drop a packet here, for a reason in words."""
        self.network.drop(packet, reason, self.name)

    def __repr__(self) -> str:
        return f"<Segment {self.name}>"


SEGMENT = instance(Segment, 'a link of the network, such as world.network.segments["wlan0"]')
