"""What every node of Mobile IPv6 does: it signals past its bindings, makes roads of them, says what it decided, and
sends binding errors.
"""

from __future__ import annotations

from typing import Any

from mipflow.node.node import Arrival, Node
from mipflow.node.road import Road
from mipflow.sim.clock import NS_PER_MS
from mipflow.sim.network import Network, Role
from mipflow.sim.trace import Change
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.mobility import BindingError, BindingErrorStatus, UnknownMobilityMessage
from mipflow.wire.packet import DestinationOptions, Packet

ERROR_INTERVAL_NS = 100 * NS_PER_MS
"""Time between two binding errors to one address: they are limited in rate (RFC 6275 section 9.3.3)."""
MAX_ERROR_SOURCES = 1000


class MobilityNode(Node):
    """A node of Mobile IPv6."""

    knows_mobility = True

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, role: Role | None = None) -> None:
        super().__init__(network, name, x, y, role)
        self._next_error_ns: dict[Address, int] = {}
        self.handlers[UnknownMobilityMessage] = self._unknown_message

    def binding_error(self, arrival: Arrival, status: BindingErrorStatus) -> None:
        """Tell where a packet came from that its binding is not known, or its message type (RFC 6275 section 9.3.3).

        The addresses are those on the wire: the source, and the home address of the option or the unspecified one.
        """
        packet, now = arrival.packet, self.clock.now
        source, options = packet.source, [h for h in packet.extensions if isinstance(h, DestinationOptions)]
        if packet.destination.is_multicast or source.is_multicast or source == UNSPECIFIED:
            return
        if self._next_error_ns.get(source, 0) <= now:
            if len(self._next_error_ns) > MAX_ERROR_SOURCES:
                self._next_error_ns.clear()
            self._next_error_ns[source] = now + ERROR_INTERVAL_NS
            home_address = next((header.home_address for header in options if header.home_address), UNSPECIFIED)
            self.send_direct(Packet(packet.destination, source, BindingError(status, home_address)))

    def _unknown_message(self, arrival: Arrival) -> None:
        message = arrival.packet.payload
        assert isinstance(message, UnknownMobilityMessage)
        self.drop(arrival.packet, f"Mobility Header type {message.type} is not known")
        self.binding_error(arrival, BindingErrorStatus.UNRECOGNIZED_MOBILITY_HEADER)

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
