"""The home agent as DHCPv6 relay agent, for mobile nodes that are away (RFC 6275 section 10.4.4, RFC 8415 section 19).

A client's message to its link comes through the mobile node's tunnel, and the answer goes back through the same. The
relay keeps nothing: the interface identifier option of each message names the tunnel by its home address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.errors import WireError
from mipflow.wire import dhcpv6
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.packet import UDP, Packet

if TYPE_CHECKING:
    from mipflow.mip6.home_agent import HomeAgent
    from mipflow.node.node import Arrival


class Dhcpv6Relay:
    """Relays between the mobile nodes of a home agent and the DHCPv6 server at an address."""

    def __init__(self, node: HomeAgent, server: Address) -> None:
        self._node = node
        self._server = server
        node.hear_port(dhcpv6.SERVER_PORT, self._from_server)

    def takes(self, inner: Packet) -> bool:
        """Return True for a client's message to its link."""
        destinations = (dhcpv6.ALL_RELAY_AGENTS_AND_SERVERS, self._node.home_link.link_local)
        is_for_server = isinstance(inner.payload, UDP) and inner.payload.destination_port == dhcpv6.SERVER_PORT
        return is_for_server and inner.source.is_link_local and inner.destination in destinations

    def from_client(self, arrival: Arrival) -> None:
        """Relay a message that `takes` accepts, with the tunnel that it came through."""
        node, inner, care_of = self._node, arrival.payload, arrival.packet.source
        said: bytes = inner.payload.payload
        binding = next((binding for binding in node.bindings if binding.care_of_address == care_of), None)
        if binding is None or not isinstance(_read(said), dhcpv6.ClientMessage):
            node.drop(arrival.packet, "DHCPv6 through a tunnel that is no mobile node's, or not from a client")
            return
        options = dhcpv6.InterfaceIdentifier(binding.home_address.packed), dhcpv6.RelayMessage(said)
        relayed = dhcpv6.RelayForward(0, node.home_agent_address, inner.source, options)
        datagram = UDP(dhcpv6.SERVER_PORT, dhcpv6.SERVER_PORT, dhcpv6.encode_dhcpv6(relayed))
        node.transmit(datagram, node.home_agent_address, self._server)

    def _from_server(self, arrival: Arrival) -> None:
        """Send an answer of the server into the tunnel that it names."""
        node = self._node
        if arrival.destination.is_multicast:
            return  # of a mobile node at home, whom the server on the link hears itself
        message = _read(arrival.payload.payload) if arrival.source == self._server else None
        if not isinstance(message, dhcpv6.RelayReply):
            node.drop(arrival.packet, "no answer of the DHCPv6 server", is_received=True)
            return
        tunnel, inner = message.option(dhcpv6.InterfaceIdentifier), message.option(dhcpv6.RelayMessage)
        home_address = Address(tunnel.identifier) if tunnel and len(tunnel.identifier) == 16 else UNSPECIFIED
        forward = node.find_forward(home_address) if home_address in node.bindings else None
        if forward is None or inner is None:
            node.drop(arrival.packet, "a DHCPv6 answer for a mobile node that is not away")
            return
        answer = UDP(dhcpv6.SERVER_PORT, dhcpv6.CLIENT_PORT, inner.message)
        forward(Packet(node.home_link.link_local, message.peer_address, answer, sent_ns=node.clock.now))


def _read(octets: bytes) -> object:
    """Return the message in the octets of a datagram, or None."""
    try:
        return dhcpv6.decode_dhcpv6(octets)
    except WireError:
        return None
