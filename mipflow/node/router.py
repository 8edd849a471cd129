"""A router: a node that forwards along shortest paths and advertises its prefixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mipflow.errors import TopologyError
from mipflow.node.interface import Interface
from mipflow.node.neighbor import NeighborDiscovery
from mipflow.node.node import Node
from mipflow.node.road import Road
from mipflow.sim.link import Link, Segment
from mipflow.sim.network import Network, Role
from mipflow.wire import icmpv6
from mipflow.wire.address import UNSPECIFIED, Address, Prefix
from mipflow.wire.packet import Packet

ROUTER_IDENTIFIER = 1
"""Interface identifier of a router where nothing else is asked for: its addresses end in ::1."""

Forward = Callable[[Packet], None]


class Router(Node):
    """A node that forwards."""

    role: Role = "router"
    forwards = True

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        self._filtering: set[str] = set()
        """Names of interfaces with ingress filtering."""
        super().__init__(network, name, x, y)
        self.neighbor = NeighborDiscovery(self)
        self._forward: dict[Address, Forward] = {}
        self.lifetimes_s: dict[Prefix, tuple[int, int]] = {}
        """Prefixes that are advertised with other (valid, preferred) lifetimes than RFC 4861's, in seconds."""

    def serve(
        self, segment: Segment, interface_identifier: int = ROUTER_IDENTIFIER, ingress_filtering: bool = False
    ) -> Interface:
        """Be the router of a segment: join it, and take an address of its prefix.

        ingress_filtering: forward nothing from there whose source has another prefix (BCP 38).
        """
        self.network.check_segment(segment)
        if ingress_filtering:
            self._filtering.add(segment.name)
        return self.live_on(segment, interface_identifier, segment.name)

    # --- advertising (RFC 4861 section 6.2) --------------------------------------------------------------------------

    def announce(self, interface: Interface, prefix: Prefix, valid_s: int, preferred_s: int) -> None:
        """Advertise a prefix on a link with these lifetimes from now on, a new prefix or one that is to go."""
        segment = interface.segment
        if segment is None:
            raise TopologyError(f"{self.name}.{interface.name} is on no segment", interface.name)
        if prefix not in self.network.prefixes_of(segment):
            self.network.add_prefix(prefix, segment)
            interface.add_address(prefix.address(interface.interface_identifier))
        self.lifetimes_s[prefix] = (valid_s, preferred_s)

    def advertisement(self, interface: Interface) -> icmpv6.RouterAdvertisement | None:
        """Make the advertisement of this router: its prefixes, and how often it comes (RFC 6275 sections 7.3, 7.5)."""
        prefixes = [] if interface.segment is None else self.network.prefixes_of(interface.segment)
        if not prefixes:
            return None
        options: list[icmpv6.NeighborOption] = [self.prefix_information(interface, prefix) for prefix in prefixes]
        advertising = self.neighbor.advertising.get(interface)
        if advertising is None:
            return icmpv6.RouterAdvertisement(options=tuple(options))
        interval_ms = round(advertising.max_s * 1000)
        options.append(icmpv6.AdvertisementInterval(interval_ms + (20 if interval_ms < 200 else 0)))
        lifetime_s = max(round(3 * advertising.max_s), 1)
        return icmpv6.RouterAdvertisement(router_lifetime_s=lifetime_s, options=tuple(options))

    def prefix_information(self, interface: Interface, prefix: Prefix) -> icmpv6.PrefixInformation:
        """Make the option of a prefix with its lifetimes and our address (R bit; RFC 6275 section 7.2)."""
        own = next((address for address in interface.addresses if address in prefix), None)
        option = icmpv6.PrefixInformation(own or prefix.network, prefix.length, router_address=own is not None)
        if prefix in self.lifetimes_s:
            valid_s, preferred_s = self.lifetimes_s[prefix]
            option = replace(option, valid_lifetime_s=valid_s, preferred_lifetime_s=preferred_s)
        return option

    # --- forwarding --------------------------------------------------------------------------------------------------

    def receiver(self, interface: Interface) -> Callable[[Packet], None]:
        """Make the quick way for packets that arrive: a destination whose way out is known."""
        known, addresses, local = self._forward.get, self.addresses, self.local

        def receive(packet: Packet) -> None:
            destination, left = packet.header.destination, packet.hop_limit - 1
            forward = known(destination)
            if forward is not None and left > 0 and interface.listens:
                packet.hop_limit = left
                forward(packet)
            elif interface.listens and destination in addresses:
                local(packet, interface)
            else:
                self.receive(packet, interface)

        def filtered(packet: Packet) -> None:
            """Receive behind ingress filtering: a source of another prefix goes no further (RFC 6275 section 11.3.1).
            """
            if self.lets_in(packet.source, interface):
                receive(packet)
            else:
                self.drop(packet, f"ingress filtering: {packet.source} has no prefix of {interface.name}")
                self.send_error(packet, icmpv6.DESTINATION_UNREACHABLE, icmpv6.FAILED_POLICY, 0)

        return filtered if interface.name in self._filtering else receive

    def lets_in(self, source: Address, interface: Interface) -> bool:
        """True for a packet from `source` that ingress filtering, where there is one, lets in by an interface."""
        if interface.name not in self._filtering:
            return True
        prefixes = [] if interface.segment is None else self.network.prefixes_of(interface.segment)
        return source.is_link_local or source == UNSPECIFIED or any(source in prefix for prefix in prefixes)

    def pass_on(self, packet: Packet) -> None:
        """Forward a packet, or tell its source why not."""
        if packet.hop_limit <= 1:
            self.drop(packet, "hop limit exceeded")
            self.send_error(packet, icmpv6.TIME_EXCEEDED, 0, 0)
            return
        forward = self._forward.get(packet.destination) or self.find_forward(packet.destination)
        if forward is None or packet.destination.is_link_local:
            self.give_up(packet, packet.destination)
            return
        self.network.on_change(self.forget_roads, once=True)
        self._forward[packet.destination] = forward
        packet.hop_limit -= 1
        forward(packet)

    def give_up(self, packet: Packet, destination: Address) -> None:
        """Drop a packet for which there is no way to `destination`, and tell its source (RFC 4443 section 3.1)."""
        self.drop(packet, f"no route to {destination}")
        segment = self.network.segment_of(destination)
        self.send_error(packet, icmpv6.DESTINATION_UNREACHABLE, 0 if segment is None else 3, 0)

    def find_forward(self, destination: Address) -> Forward | None:
        """Find the function that passes on packets for `destination`; a home agent puts its tunnels in here."""
        channel = self.network.way(self.name, destination)
        return None if channel is None else channel.send

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """Find the road of the router's own packets: they take its routes, whatever their source."""
        channel = self.network.way(self.name, destination)
        return None if channel is None else Road("direct", channel, self.mtu_towards(destination, channel.mtu))

    def forget_roads(self, about: Address | None = None) -> None:
        """Work all ways out anew: a binding, route or interface has changed."""
        super().forget_roads(about)
        self._forward.clear()


class AccessRouter(Router):
    """The router of a link on which mobile nodes come and go."""

    role: Role = "access router"


def join_routers(network: Network, one: Router, other: Router, link: Link) -> Segment:
    """Make a link between two routers. Raises ProtocolMisuse for a router of another network."""
    for router in (one, other):
        network.check_own(router, router.network)
    # Routers that only connect routers need an address too: without one they could not report an error (RFC 4443 2.2).
    prefix = Prefix.parse(f"2001:db8:ffff:{len(network.segments):x}::/64")
    segment = network.add_segment(f"{one.name}-{other.name}", link, prefix)
    one.serve(segment)
    other.serve(segment, ROUTER_IDENTIFIER + 1)
    return segment
