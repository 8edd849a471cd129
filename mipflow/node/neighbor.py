"""Neighbor discovery: router solicitation and advertisement, duplicate address detection (RFC 4861, RFC 4862).

Address resolution is not simulated: a segment knows who answers for an address (`Segment.neighbors`).
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.node.interface import Interface
from mipflow.node.node import Arrival, Node
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.wire import icmpv6
from mipflow.wire.address import ALL_NODES, ALL_ROUTERS, UNSPECIFIED, Address, Prefix

RETRANS_TIMER_NS = NS_PER_S
"""RetransTimer (RFC 4861 section 10): with one probe (DupAddrDetectTransmits 1) the time that detection takes."""
RTR_SOLICITATION_INTERVAL_NS = 4 * NS_PER_S
MAX_RTR_SOLICITATIONS = 3


class NeighborDiscovery:
    """The neighbor discovery of one node: gives its node handlers, and probes for it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._probes: dict[Address, tuple[Timer, Callable[[bool], None]]] = {}
        self.on_prefix: Callable[[Interface, Prefix], None] | None = None
        """Called with each prefix for autonomous configuration that a router advertises."""
        self._solicitations: dict[str, Timer] = {}
        node.handlers[icmpv6.NeighborSolicitation] = self._neighbor_solicitation
        node.handlers[icmpv6.NeighborAdvertisement] = self._neighbor_advertisement
        if node.forwards:
            node.handlers[icmpv6.RouterSolicitation] = self._router_solicitation
        else:
            node.handlers[icmpv6.RouterAdvertisement] = self._router_advertisement

    # --- duplicate address detection (RFC 4862 section 5.4) ----------------------------------------------------------

    def detect_duplicate(self, address: Address, interface: Interface, done: Callable[[bool], None]) -> None:
        """Ask on the interface's link whether anybody has `address`; `done(is_unique)` follows, after a second if it
        is.
        """
        if address in self._probes:
            self._probes[address][0].stop()  # asked anew: the older question is not answered any more
        timer = Timer(self._node.clock, lambda: self._detected(address, True))
        self._probes[address] = (timer, done)
        question = icmpv6.NeighborSolicitation(address)
        self._node.send_link_local(question, UNSPECIFIED, address.solicited_node(), interface)
        timer.set(self._node.clock.now + RETRANS_TIMER_NS)

    def _detected(self, address: Address, is_unique: bool) -> None:
        timer, done = self._probes.pop(address)
        timer.stop()
        done(is_unique)

    def _neighbor_solicitation(self, arrival: Arrival) -> None:
        solicitation = arrival.packet.payload
        assert isinstance(solicitation, icmpv6.NeighborSolicitation)
        interface, target = arrival.interface, solicitation.target
        if target in self._probes:
            if arrival.source == UNSPECIFIED:  # somebody else probes for the same address
                self._detected(target, False)
        elif interface.segment is not None and interface.segment.neighbors.get(target) is interface:
            to = ALL_NODES if arrival.source == UNSPECIFIED else arrival.source
            self.advertise(target, interface, to)

    def advertise(self, target: Address, interface: Interface, destination: Address = ALL_NODES) -> None:
        """Answer for `target`, our own or proxied (RFC 4861 section 7.2.4, RFC 6275 section 10.4.1)."""
        is_own = target in self._node.addresses or target == interface.link_local
        is_asked = destination != ALL_NODES
        advertisement = icmpv6.NeighborAdvertisement(target, self._node.forwards, is_asked, is_own)
        self._node.send_link_local(advertisement, interface.link_local, destination, interface)

    def _neighbor_advertisement(self, arrival: Arrival) -> None:
        advertisement = arrival.packet.payload
        assert isinstance(advertisement, icmpv6.NeighborAdvertisement)
        if advertisement.target in self._probes:
            self._detected(advertisement.target, False)

    # --- routers and prefixes (RFC 4861 section 6, RFC 4862 section 5.5) ---------------------------------------------

    def solicit(self, interface: Interface, attempt: int = 1) -> None:
        """Ask the routers of the link for an advertisement, up to three times, four seconds apart."""
        self._node.send_link_local(icmpv6.RouterSolicitation(), interface.link_local, ALL_ROUTERS, interface)
        if attempt < MAX_RTR_SOLICITATIONS:
            timer = Timer(self._node.clock, lambda: self.solicit(interface, attempt + 1))
            self._solicitations[interface.name] = timer
            timer.set(self._node.clock.now + RTR_SOLICITATION_INTERVAL_NS)

    def _router_solicitation(self, arrival: Arrival) -> None:
        segment = arrival.interface.segment
        prefix = None if segment is None else self._node.network.prefix_of(segment)
        if prefix is not None:
            option = icmpv6.PrefixInformation(prefix.network, prefix.length)
            advertisement, interface = icmpv6.RouterAdvertisement(options=(option,)), arrival.interface
            self._node.send_link_local(advertisement, interface.link_local, ALL_NODES, interface)

    def _router_advertisement(self, arrival: Arrival) -> None:
        advertisement, interface = arrival.packet.payload, arrival.interface
        assert isinstance(advertisement, icmpv6.RouterAdvertisement)
        if arrival.packet.hop_limit != 255 or not arrival.source.is_link_local:
            self._node.drop(arrival.packet, "router advertisement from beyond the link")
            return
        timer = self._solicitations.pop(interface.name, None)
        if timer is not None:
            timer.stop()
        router = None if interface.segment is None else interface.segment.neighbors.get(arrival.source)
        if advertisement.router_lifetime_s or interface.router is router:
            # With a lifetime of zero it is no default router any more (RFC 4861 section 6.3.4).
            interface.router = router if advertisement.router_lifetime_s else None
            self._node.network.changed()
        for option in advertisement.options:
            if not isinstance(option, icmpv6.PrefixInformation) or not option.autonomous or self.on_prefix is None:
                continue
            if option.prefix_length == 64:  # what fits a 64-bit interface identifier (RFC 4862 section 5.5.3 d)
                self.on_prefix(interface, Prefix(option.prefix, option.prefix_length))
