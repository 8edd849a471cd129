"""DHCPv6 for mobile nodes that are away: the home agent as relay agent (RFC 6275 section 10.4.4, RFC 8415 section 19).

What a client sends to its link comes through a mobile node's tunnel; the answers go back through the same. Keeps
nothing: the interface identifier option of each message names the tunnel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.errors import WireError
from mipflow.wire import dhcpv6
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet

if TYPE_CHECKING:
    from mipflow.mip6.home_agent import HomeAgent
    from mipflow.node.node import Arrival


class Dhcpv6Relay:
    """Relays between the mobile nodes of a home agent and the DHCPv6 server at an address."""

    def __init__(self, node: HomeAgent, server: Address) -> None:
        self._node = node
        self._server = server
        self._others = node.handlers[UDP]
        node.handlers[UDP] = self._from_server

    def takes(self, inner: Packet) -> bool:
        """True for a client's message to its link."""
        destinations = (dhcpv6.ALL_RELAY_AGENTS_AND_SERVERS, self._node.home_link.link_local)
        is_for_server = isinstance(inner.payload, UDP) and inner.payload.destination_port == dhcpv6.SERVER_PORT
        return is_for_server and inner.source.is_link_local and inner.destination in destinations

    def from_client(self, arrival: Arrival) -> None:
        """A message that `takes` accepts has come through a tunnel: note which, and relay it."""
        node, inner, care_of = self._node, arrival.packet.payload, arrival.packet.source
        assert isinstance(inner, Packet) and isinstance(inner.payload, UDP)
        binding = next((binding for binding in node.bindings if binding.care_of_address == care_of), None)
        message = _read(inner.payload)
        if binding is None or not isinstance(message, dhcpv6.ClientMessage):
            node.drop(arrival.packet, "DHCPv6 through a tunnel that is no mobile node's, or not from a client")
            return
        options = dhcpv6.InterfaceIdentifier(binding.home_address.packed), dhcpv6.RelayMessage(inner.payload.payload)
        relayed = dhcpv6.RelayForward(0, node.home_agent_address, inner.source, options)
        datagram = UDP(dhcpv6.SERVER_PORT, dhcpv6.SERVER_PORT, dhcpv6.encode_dhcpv6(relayed))
        node.transmit(datagram, node.home_agent_address, self._server)

    def _from_server(self, arrival: Arrival) -> None:
        node, datagram = self._node, arrival.packet.payload
        assert isinstance(datagram, UDP)
        if datagram.destination_port != dhcpv6.SERVER_PORT:
            self._others(arrival)
            return
        if arrival.destination.is_multicast:
            return  # a mobile node at home, whom the server on the link hears itself
        message = _read(datagram) if arrival.source == self._server else None
        if not isinstance(message, dhcpv6.RelayReply):
            node.discard(arrival.packet, "no answer of the DHCPv6 server")
            return
        tunnel, inner = message.option(dhcpv6.InterfaceIdentifier), message.option(dhcpv6.RelayMessage)
        home_address = Address(tunnel.identifier) if tunnel and len(tunnel.identifier) == 16 else None
        forward = node.find_forward(home_address) if home_address in node.bindings and home_address else None
        if forward is None or inner is None:
            node.drop(arrival.packet, "a DHCPv6 answer for a mobile node that is not away")
            return
        answer = UDP(dhcpv6.SERVER_PORT, dhcpv6.CLIENT_PORT, inner.message)
        forward(Packet(node.home_link.link_local, message.peer_address, answer, sent_ns=node.clock.now))


def _read(datagram: UDP) -> object:
    """The message in a datagram; None where there is none."""
    try:
        return dhcpv6.decode_dhcpv6(datagram.payload)
    except WireError:
        return None
