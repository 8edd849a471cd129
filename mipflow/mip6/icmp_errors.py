"""ICMPv6 errors about packets that a binding sent on their way (RFC 6275 section 9.3.4)."""

from __future__ import annotations

from mipflow.mip6.binding_keeper import BindingKeeper
from mipflow.mip6.constants import PERSISTENT_ERRORS_NS
from mipflow.mip6.home_link import HomeLink
from mipflow.node.node import MIN_MTU, Arrival, Node
from mipflow.wire import icmpv6
from mipflow.wire.address import Address
from mipflow.wire.packet import IPV6_HEADER, TUNNEL_OVERHEAD, Packet

IPV6_IN_IPV6, ROUTING_HEADER, ICMPV6 = 41, 43, 58
ABOUT_THE_SOURCE = (icmpv6.BEYOND_SCOPE, icmpv6.FAILED_POLICY)
"""Codes of Destination Unreachable that blame our own address: packets to the home address would fare no better."""


class UnreachableCareOfAddresses:
    """Ends a correspondent node's binding whose care-of address has been unreachable for five seconds."""

    def __init__(self, keeper: BindingKeeper) -> None:
        self._keeper = keeper
        self._since: dict[Address, tuple[int, int]] = {}
        """Home address -> first and last time of errors in a row."""
        keeper.node.error_listeners.append(self._heard)

    def forget(self, home_address: Address) -> None:
        """Forget the errors about the care-of address of a home address: it is another one, or is reached again."""
        self._since.pop(home_address, None)

    def _heard(self, arrival: Arrival) -> None:
        error, now = arrival.payload, self._keeper.node.clock.now
        binding = self._keeper.bindings.get(_behind_routing_header(error.invoking))
        if error.type != icmpv6.DESTINATION_UNREACHABLE or binding is None or error.code in ABOUT_THE_SOURCE:
            return
        if binding.care_of_address.packed != error.invoking[24:40]:
            return
        if error.is_port_unreachable:
            self.forget(binding.home_address)  # the mobile node itself has said so
            return
        first, last = self._since.get(binding.home_address, (now, now))
        if now - last > PERSISTENT_ERRORS_NS:
            first = now
        self._since[binding.home_address] = (first, now)
        if now - first >= PERSISTENT_ERRORS_NS:
            about = f"{binding.care_of_address} of {binding.home_address}"
            self._keeper.node.decided("care-of address unreachable", about)
            self._keeper.unbind(binding.home_address)


def tell_sender(node: Node, home: HomeLink, arrival: Arrival) -> None:
    """Tell who sent a packet into a home agent's tunnel what became of it there (RFC 2473 section 8)."""
    error = arrival.payload
    outer, inner = error.invoking[:IPV6_HEADER], error.invoking[IPV6_HEADER:]
    is_ours = len(inner) >= IPV6_HEADER and outer[6] == IPV6_IN_IPV6 and Address(outer[8:24]) in node.addresses
    is_error = inner[6:7] == bytes([ICMPV6]) and inner[IPV6_HEADER : IPV6_HEADER + 1] < b"\x80"
    told = None
    if error.type in (icmpv6.DESTINATION_UNREACHABLE, icmpv6.TIME_EXCEEDED):
        told = icmpv6.IcmpError(icmpv6.DESTINATION_UNREACHABLE, 3, 0, inner)
    elif error.type == icmpv6.PACKET_TOO_BIG:  # what the tunnel has room for (RFC 2473 sections 7.1 a and 8)
        told = icmpv6.IcmpError(icmpv6.PACKET_TOO_BIG, 0, max(error.parameter - TUNNEL_OVERHEAD, MIN_MTU), inner)
    if told is not None and is_ours and not is_error and node.error_limit.take(node.clock.now):
        node.send(Packet(home.address, Address(inner[8:24]), told))


def _behind_routing_header(packet: bytes) -> Address:
    """Return the home address in a type 2 routing header at the front of a packet's octets, else its destination."""
    has_routing_header = len(packet) >= 64 and packet[6] == ROUTING_HEADER and packet[42] == 2
    return Address(packet[48:64] if has_routing_header else packet[24:40].ljust(16, b"\0"))
