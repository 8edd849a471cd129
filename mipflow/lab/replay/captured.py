"""Packets for a capture: those of all links, or of one node or interface, with the times that they have there. Pure.

Takes a trace; gives (time in nanoseconds, packet) in the order of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mipflow.sim.link import DOWN, LEFT
from mipflow.sim.trace import LOST, Trace
from mipflow.wire.packet import Packet

Captured = Iterator[tuple[int, Packet]]


def on_links(trace: Trace) -> Captured:
    """Yield every packet on every link, when its first bit leaves."""
    return _in_order(trace, zip(trace.started, range(len(trace)), strict=True))


def at_node(trace: Trace, node: str, interface: str | None, now_ns: int) -> Captured:
    """Yield the packets that a node, or one interface of it, had sent and received up to `now_ns`: when it handed them
    to a link, and when they had arrived whole. It has not received what was lost, nor what came when its interface was
    down or had left the link.
    """
    names = list(enumerate(trace.channels))
    sends = {number for number, name in names if name.sender == node and interface in (None, name.sender_interface)}
    hears = {number for number, name in names if name.receiver == node and interface in (None, name.receiver_interface)}
    sent, arrived = trace.sent, trace.arrived
    unheard = {(drop.t_ns, drop.node, drop.reason) for drop in trace.drops()}

    def is_heard(arrived_ns: int, channel: int) -> bool:
        name = trace.channels[channel]
        has_left = arrived_ns, name.segment, LEFT.format(node)
        is_down = arrived_ns, node, DOWN.format(name.receiver_interface)
        return arrived_ns != LOST and arrived_ns <= now_ns and has_left not in unheard and is_down not in unheard

    def seen() -> Iterator[tuple[int, int]]:
        for number, channel in enumerate(trace.channel):
            if channel in sends:
                yield sent[number], number
            elif channel in hears and is_heard(arrived[number], channel):
                yield arrived[number], number

    return _in_order(trace, seen())


def _in_order(trace: Trace, seen: Iterable[tuple[int, int]]) -> Captured:
    """Yield the packets of (time, number) pairs, each with the hop limit that it had on that hop."""
    limits = trace.hop_limit
    for t_ns, number in sorted(seen):
        packet = trace.packets[number]
        yield t_ns, packet if packet.hop_limit == limits[number] else trace[number].packet
