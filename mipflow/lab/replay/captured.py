"""Packets for a capture: those of all links, or of one node or interface, with the times that they have there.

Takes a trace; gives (time in nanoseconds, packet) in the order of time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import compress, count

from mipflow.sim.link import DOWN, LEFT
from mipflow.sim.trace import LOST, Dropped, Trace
from mipflow.wire.packet import Packet

Captured = Iterator[tuple[int, Packet]]
_Fault = tuple[str, str]
"""Node or link with the reason for which it dropped a packet."""


def on_links(trace: Trace) -> Captured:
    """Yield every packet on every link, when its first bit leaves."""
    packets, limits = trace.packets, trace.hop_limit
    for t_ns, number in sorted(zip(trace.started, range(len(trace)), strict=True)):
        yield t_ns, _as_sent(packets[number], limits[number])


class AtNode:
    """The packets that a node, or one interface of it, has sent and received: when it handed them to a link, and when
    they had arrived whole. It has not received what was lost, nor what came when its interface was down or had left the
    link.

    They come piece by piece while a network runs, or all at once when it has.
    """

    def __init__(self, trace: Trace, node: str, interface: str | None = None) -> None:
        self._trace = trace
        self._node = node
        self._interface = interface
        self._faults: list[tuple[_Fault, ...] | None] = []
        """By the number of a channel: faults that keep its packets from being received here, nothing where they are
        sent from here, None where it leads elsewhere.
        """
        self._hops = self._records = self._count = 0
        """The hops and records of the trace that were read, and the packets found so far."""
        self._under_way: list[tuple[int, int, tuple[_Fault, ...], int, Packet]] = []
        """The packets that were sent and have not arrived: time, count, faults, hop limit, packet."""

    def up_to(self, now_ns: int, forget: bool = False) -> Captured:
        """Yield the packets since the last call, up to `now_ns` nanoseconds; with `forget` the trace forgets its hops
        and drops.
        """
        trace, found = self._trace, self._under_way
        self._faults += map(self._faults_on, range(len(self._faults), len(trace.channels)))
        sent, _, arrived, channel, limits = trace.read_columns()
        packets, new = trace.packets, channel[self._hops :]
        is_here = [faults is not None for faults in self._faults]
        for number in compress(count(self._hops), map(is_here.__getitem__, new)):
            faults = self._faults[channel[number]] or ()
            t_ns = arrived[number] if faults else sent[number]
            if t_ns != LOST:
                self._count += 1
                found.append((t_ns, self._count, faults, limits[number], packets[number]))
        drops = (each for each in trace.records[self._records :] if isinstance(each, Dropped))
        unheard = {(drop.t_ns, drop.node, drop.reason) for drop in drops}
        if forget:
            trace.forget(self._records)
        self._hops, self._records = len(trace), len(trace.records)
        found.sort()
        cut = bisect_right(found, (now_ns + 1,))
        self._under_way = found[cut:]
        for t_ns, _, faults, limit, packet in found[:cut]:
            if not unheard or not any((t_ns, *fault) in unheard for fault in faults):
                yield t_ns, packet if packet.hop_limit == limit else _as_sent(packet, limit)

    def _faults_on(self, channel: int) -> tuple[_Fault, ...] | None:
        name, node = self._trace.channels[channel], self._node
        if name.sender == node and self._interface in (None, name.sender_interface):
            return ()
        if name.receiver == node and self._interface in (None, name.receiver_interface):
            return (name.segment, LEFT.format(node)), (node, DOWN.format(name.receiver_interface))
        return None


def _as_sent(packet: Packet, hop_limit: int) -> Packet:
    """Return a packet with the hop limit that it had on a link."""
    if packet.hop_limit == hop_limit:
        return packet
    packet = packet.copy()
    packet.hop_limit = hop_limit
    return packet
