"""What every node of Mobile IPv6 does: it signals past its bindings, makes roads of them, and says what it decided."""

from __future__ import annotations

from typing import Any

from mipflow.node.node import Node
from mipflow.node.road import Road
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.packet import Packet


class MobilityNode(Node):
    """A node of Mobile IPv6."""

    knows_mobility = True

    def send_direct(self, packet: Packet, road: Road | None = None) -> None:
        """Send signalling by a road, or straight to its destination, whatever is bound (sections 9.3.2, 9.4.3)."""
        packet.sent_ns = self.clock.now
        road = road or self.direct_road(packet.source, packet.destination)
        if road is None:
            self.drop(packet, f"no way to {packet.destination}")
        else:
            road.send(packet)

    def road(self, kind: str, near: Address, far: Address, **how: Any) -> Road | None:
        """A `Road` that begins as the straight one between two addresses; None where there is no way."""
        direct = self.direct_road(near, far)
        return None if direct is None else Road(kind, direct.channel, direct.mtu, **how)

    def record(self, changes: list[Change]) -> None:
        """Put changes of our tables into the trace."""
        self.network.record(self.name, changes)

    def decided(self, what: str, why: str) -> None:
        """Put a decision that no table shows into the trace."""
        self.network.trace.decided(self.clock.now, self.name, what, why)
