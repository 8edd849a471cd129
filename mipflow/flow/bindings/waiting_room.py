"""Hold the first packets of a flow until its home address is bound, and callbacks such as a TCP connection's begin.

Takes packets by flow id; lets them go when the flow is ready, or drops them with their reason.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.constants import MAX_BINDACK_TIMEOUT_NS
from mipflow.node.node import Node
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.packet import Packet

MAX_HELD = 64
"""Packets that a flow holds while its home address is being allocated; further ones are dropped."""
MAX_HOLD_NS = MAX_BINDACK_TIMEOUT_NS
"""How long it holds one: as long as the longest pause between two questions to the home agent, which is no short
outage.
"""


class WaitingRoom:
    """The packets of `node` that wait: it sends those whose flow is ready, and drops those that wait no longer."""

    def __init__(self, node: Node) -> None:
        self._node, self._clock = node, node.clock
        self._packets: dict[int, list[Packet]] = {}
        self._callbacks: dict[int, list[Callable[[], None]]] = {}

    def hold(self, flow_id: int, packet: Packet) -> None:
        """Keep a packet, for at most MAX_HOLD_NS."""
        held = self._packets.setdefault(flow_id, [])
        if len(held) >= MAX_HELD:
            self._node.drop(packet, f"{MAX_HELD} packets wait for a home address already")
            return
        held.append(packet)
        self._clock.after(MAX_HOLD_NS, self._held_too_long, (flow_id, packet))

    def _held_too_long(self, waiting: tuple[int, Packet]) -> None:
        flow_id, packet = waiting
        held = self._packets.get(flow_id, [])
        left = [other for other in held if other is not packet]
        if len(left) < len(held):
            self._packets[flow_id] = left
            self._node.drop(packet, f"it waited {MAX_HOLD_NS // NS_PER_S} s for a home address")

    def call(self, flow_id: int, callback: Callable[[], None]) -> None:
        """Keep a callback."""
        self._callbacks.setdefault(flow_id, []).append(callback)

    def release(self, flow: FlowMappingEntry) -> None:
        """Send the packets of a flow that is ready, in order and from its home address, then call its callbacks."""
        packets, callbacks = self._packets.pop(flow.flow_id, []), self._callbacks.pop(flow.flow_id, [])
        for packet in packets:
            assert flow.home_address is not None
            packet.source = flow.home_address  # type: ignore[misc]  # a property
            self._node.send(packet)
        for callback in callbacks:
            callback()

    def forget(self, flow_id: int, reason: str) -> None:
        """Drop the packets and forget the callbacks of a flow that is over."""
        self.turn_away(flow_id, reason)
        self._callbacks.pop(flow_id, None)

    def turn_away(self, flow_id: int, reason: str) -> None:
        """Drop the packets of a flow; its callbacks wait on, for another home address may come."""
        for packet in self._packets.pop(flow_id, []):
            self._node.drop(packet, reason)
