"""Crowds: links on which hundreds of hosts hear the multicasts of each other, in a network without a trace.

Takes a network to which no link has been added; its links then give an event only to those who would do something with
a multicast. Times, order, drops and counts are those of ordinary links, where each copy has a direction and an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from heapq import heappush
from typing import Any

from mipflow.errors import ProtocolMisuse
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.router import Router
from mipflow.sim.clock import Callback
from mipflow.sim.link import LEFT, Channel, Port, Segment
from mipflow.sim.network import Network
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
    receivers: list[tuple[int, Port]]
    lost: list[tuple[int, Callback]] = field(default_factory=list)
    """The calls that drop it in the place of receivers that have left the link."""


class Crowd(Segment):
    """A link on which a multicast gives events only to ports that would do something with it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last: dict[Port, Multicast] = {}
        """Port -> its last multicast to ports to which it has no channel."""

    def multicast(self, sender: Port, packet: Packet) -> None:
        """Send a copy to every other port: the first gets it over a channel, those without a channel share an event."""
        link, last, now = self.link, self._last.get(sender), self.network.clock.now
        is_faulty = link.loss or link.duplication or link.jitter_ms or self.taps or self.check
        is_shared = self.up and sender.up and packet.size <= link.mtu and link.queue_bytes is None and not is_faulty
        is_shared = is_shared and (last is None or last.until_ns <= now)
        receivers: list[tuple[int, Port]] = []
        channel: Channel | None = None
        for port in self.ports:
            if channel and is_shared and port.up and port is not sender and (sender, port) not in self._channels:
                receivers.append((next(self.network.clock.order), port))
            elif port is not sender:
                channel = self.channel(sender, port)
                channel.send(packet.copy())
        if channel and receivers:
            until_ns = now + channel.serialisation_ns(packet.size)
            self._last[sender] = shared = Multicast(packet, until_ns, receivers)
            place = until_ns + channel.delay_ns, receivers[0][0]
            heappush(self.network.clock.heap, (*place, self._arrived, shared))

    def _arrived(self, shared: Multicast) -> None:
        packet, heap, now = shared.packet, self.network.clock.heap, self.network.clock.now
        heard = [(place, port.receive) for place, port in shared.receivers if not self.ignores(port, packet)]
        shared.receivers.clear()
        for place, receive in heard + shared.lost:
            heappush(heap, (now, place, receive, packet.copy()))

    def detach(self, port: Port) -> None:
        """Take a port off: what is under way to it is lost, in a multicast too."""
        super().detach(port)
        self._last.pop(port, None)
        arrived, missed = self._arrived, partial(self.drop, reason=LEFT.format(port.owner))
        for shared in [argument for _, _, callback, argument in self.network.clock.heap if callback == arrived]:
            shared.lost += [(place, missed) for place, other in shared.receivers if other is port]
            shared.receivers[:] = [each for each in shared.receivers if each[1] is not port]

    def channel(self, sender: Port, receiver: Port) -> Channel:
        """Return the direction from one port to another, busy with the multicast that is being sent."""
        is_new, last = (sender, receiver) not in self._channels, self._last.get(sender)
        channel = super().channel(sender, receiver)
        if is_new and last is not None and any(port is receiver for _, port in last.receivers):
            # Until when a channel is busy is known to its `send` alone: let one packet go that takes so long.
            channel.send_slowly = lambda packet, now, start: last.until_ns  # type: ignore[method-assign]
            channel.send(last.packet)
            del channel.send_slowly
        return channel


    def ignores(self, port: Port, packet: Packet) -> bool:
        """True for a solicitation that would change nothing if it arrived at a port now: of an address that is not its
        own, or of routers where there is none.
        """
        payload, is_usual = packet.payload, packet.hop_limit == 255 and not (packet.extensions or packet.label)
        if not (is_usual and isinstance(port, Interface) and port.listens and isinstance(port.node, Host | Router)):
            return False
        if type(payload) is NeighborSolicitation:
            return not (port.node.neighbor.is_detecting(payload.target, port) or port.answers_for(payload.target))
        return type(payload) is RouterSolicitation and not port.node.forwards
