"""A router: forwards by shortest path, lowers the hop limit, advertises its prefixes, reports what it cannot forward.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.node.interface import Interface
from mipflow.node.neighbor import NeighborDiscovery
from mipflow.node.node import Node
from mipflow.node.road import Road
from mipflow.sim.link import Link, Segment
from mipflow.sim.network import Network, Role
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import DESTINATION_UNREACHABLE, TIME_EXCEEDED
from mipflow.wire.packet import Packet

ROUTER_IDENTIFIER = 1
"""Interface identifier of a router where nothing else is asked for: its addresses end in ::1."""

Forward = Callable[["Packet"], None]


class Router(Node):
    """A node that forwards."""

    role: Role = "router"
    forwards = True

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, role: Role | None = None) -> None:
        super().__init__(network, name, x, y, role)
        self.neighbor = NeighborDiscovery(self)
        self._forward: dict[Address, Forward] = {}

    def serve(self, segment: Segment, interface_identifier: int = ROUTER_IDENTIFIER) -> Interface:
        """Be the router of a segment: join it, and take an address of its prefix."""
        return self.live_on(segment, interface_identifier, segment.name)

    def receiver(self, interface: Interface) -> Callable[[Packet], None]:
        """The quick way: a destination whose way out is known."""
        known = self._forward.get

        def receive(packet: Packet) -> None:
            forward = known(packet.destination)
            if forward is not None and packet.hop_limit > 1 and interface.listens:
                packet.hop_limit -= 1
                forward(packet)
            else:
                self.receive(packet, interface)

        return receive

    def pass_on(self, packet: Packet) -> None:
        """Forward a packet, or tell its source why not."""
        if packet.hop_limit <= 1:
            self.drop(packet, "hop limit exceeded")
            self.send_error(packet, TIME_EXCEEDED, 0, 0)
            return
        forward = self._forward.get(packet.destination) or self.find_forward(packet.destination)
        if forward is None or packet.destination.is_link_local:
            self.drop(packet, f"no route to {packet.destination}")
            segment = self.network.segment_of(packet.destination)
            self.send_error(packet, DESTINATION_UNREACHABLE, 0 if segment is None else 3, 0)
            return
        self._forward[packet.destination] = forward
        packet.hop_limit -= 1
        forward(packet)

    def find_forward(self, destination: Address) -> Forward | None:
        """How packets for `destination` are passed on; a home agent puts its tunnels in here."""
        channel = self.network.way(self.name, destination)
        return None if channel is None else channel.send

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """A router sends its own packets by its routes, whatever their source."""
        channel = self.network.way(self.name, destination)
        return None if channel is None else Road("direct", channel, self.mtu_towards(destination, channel.mtu))

    def forget_roads(self) -> None:
        """A binding, route or interface has changed: work all ways out anew."""
        super().forget_roads()
        self._forward.clear()


def join_routers(network: Network, one: Router, other: Router, link: Link) -> Segment:
    """A link between two routers."""
    # Routers that only connect routers need an address too: without one they could not report an error (RFC 4443 2.2).
    prefix = Prefix.parse(f"2001:db8:ffff:{len(network.segments):x}::/64")
    segment = network.add_segment(f"{one.name}-{other.name}", link, prefix)
    one.serve(segment)
    other.serve(segment, ROUTER_IDENTIFIER + 1)
    return segment
