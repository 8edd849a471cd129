"""What waits until a flow's home address is bound: its first packets, and callbacks such as a TCP connection's begin.

Takes packets by flow id; gives them back when the flow is ready, or drops them with their reason.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.mip6.constants import MAX_BINDACK_TIMEOUT_NS
from mipflow.sim.clock import NS_PER_S, Clock
from mipflow.wire.packet import Packet

MAX_HELD = 64
"""Packets that a flow holds while its home address is being allocated; further ones are dropped."""
MAX_HOLD_NS = MAX_BINDACK_TIMEOUT_NS
"""How long it holds one: until the home agent has been asked as seldom as it ever is, which is no short outage."""


class WaitingRoom:
    """`drop(packet, reason)` ends a packet that waits no longer."""

    def __init__(self, clock: Clock, drop: Callable[[Packet, str], None]) -> None:
        self._clock = clock
        self._drop = drop
        self._packets: dict[int, list[Packet]] = {}
        self._callbacks: dict[int, list[Callable[[], None]]] = {}

    def hold(self, flow_id: int, packet: Packet) -> None:
        """Keep a packet, for at most MAX_HOLD_NS."""
        held = self._packets.setdefault(flow_id, [])
        if len(held) >= MAX_HELD:
            self._drop(packet, f"{MAX_HELD} packets wait for a home address already")
            return
        held.append(packet)
        self._clock.after(MAX_HOLD_NS, self._held_too_long, (flow_id, packet))

    def _held_too_long(self, waiting: tuple[int, Packet]) -> None:
        flow_id, packet = waiting
        held = self._packets.get(flow_id, [])
        left = [other for other in held if other is not packet]
        if len(left) < len(held):
            self._packets[flow_id] = left
            self._drop(packet, f"it waited {MAX_HOLD_NS // NS_PER_S} s for a home address")

    def call(self, flow_id: int, callback: Callable[[], None]) -> None:
        """Keep a callback."""
        self._callbacks.setdefault(flow_id, []).append(callback)

    def release(self, flow_id: int) -> tuple[list[Packet], list[Callable[[], None]]]:
        """All that waits for a flow, in order; nothing does any more."""
        return self._packets.pop(flow_id, []), self._callbacks.pop(flow_id, [])

    def turn_away(self, flow_id: int, reason: str) -> None:
        """Drop the packets of a flow; callbacks wait on, for another home address may come."""
        for packet in self._packets.pop(flow_id, []):
            self._drop(packet, reason)
