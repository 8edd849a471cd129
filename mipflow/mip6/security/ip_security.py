"""IP security of a node of Mobile IPv6 (RFC 3776 and RFC 4877).

It stands in front of the node's handlers, and behind what the node sends directly: messages that the policies of
`mip6.security.security` name leave in ESP, and arrive in ESP or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.errors import WireError
from mipflow.mip6.parts import Security
from mipflow.mip6.security.security import POLICIES, SecurityAssociations
from mipflow.node.node import Arrival, Handler, Node
from mipflow.node.road import Road
from mipflow.wire.address import Address
from mipflow.wire.esp import Opened
from mipflow.wire.packet import ESP, Opaque, Packet


class Establishes(Protocol):
    """A key exchange, which makes security associations with a home agent."""

    def reaches(self, address: Address) -> bool:
        """Return whether an address is the home agent's."""

    def establish(self, home_address: Address, home_agent: Address) -> None:
        """Make the associations for a home address."""

    def delete(self, home_address: Address) -> None:
        """Delete the associations for a home address."""


class IpSecurity(Security):
    """Protects the signalling of `node` with its home agent, or with its mobile nodes.

    Made when all handlers are in their places: what the policies name passes them in ESP only from then on.
    """

    is_on = True

    def __init__(self, node: Node, associations: SecurityAssociations) -> None:
        self._node, self.associations = node, associations
        self.keys_survive_movement = associations.is_dynamic
        self.key_exchanges: list[Establishes] = []
        """Key exchanges with home agents, for home addresses that have no associations yet."""
        node.send_by = self._send_protected
        self._beyond = node.handlers.get(Opaque, node.unhandled)
        """Takes ESP that ends beyond this node."""
        node.handlers[Opaque] = self._open
        for kind in (Packet, *POLICIES):
            if kind in node.handlers:
                node.handlers[kind] = self._admitting(node.handlers[kind])

    def disown(self, home_address: Address) -> None:
        """Delete the security associations for a home address that is given up."""
        for exchange in self.key_exchanges:
            exchange.delete(home_address)

    def proves(self, packet: Packet) -> bool:
        """Return whether a packet came in ESP."""
        return isinstance(packet, Opened)

    def tunnel_sender(self, road: Road) -> Callable[[Packet], None]:
        """Return the function that sends packets into a tunnel, home tests in ESP (RFC 6275 section 10.4.6)."""

        def send(packet: Packet) -> None:
            if type(packet.payload) in POLICIES:
                self._send_protected(packet, road)
            else:
                road.send(packet)

        return send

    def _send_protected(self, packet: Packet, road: Road) -> None:
        """Send in ESP what policy names; associations that are missing are asked for first (RFC 3776 section 6.17)."""
        security = self.associations
        whole = packet if road.tunnel is None else Packet(*road.tunnel, packet, sent_ns=packet.sent_ns)
        missing = security.lacks(whole)
        for exchange in self.key_exchanges:
            if missing is not None and exchange.reaches(missing.home_agent):
                exchange.establish(missing.home_address, missing.home_agent)
        try:
            sealed = security.protect(whole)
        except WireError as error:
            self._node.drop(packet, str(error))
            return
        if sealed is whole:
            road.send(packet)
        else:
            road.channel.send(sealed)

    def _open(self, arrival: Arrival) -> None:
        """Open ESP, and handle what is inside as if it had come so, its home address in its place."""
        packet = arrival.packet
        is_esp = isinstance(packet.payload, Opaque) and packet.payload.next_header == ESP
        if not is_esp or (self._node.expects(packet.payload) and not self.associations.knows(packet)):
            self._beyond(arrival)
            return
        try:
            opened = self.associations.open(packet)
        except WireError as error:
            self._node.drop(packet, str(error))
            return
        inside = Arrival(opened, arrival.interface, arrival.tunnel, arrival.source, arrival.destination)
        if all(self._node.process_extension(header, inside) for header in opened.extensions[len(packet.extensions) :]):
            self._node.handlers.get(type(opened.payload), self._node.unhandled)(inside)

    def _admitting(self, handler: Handler) -> Handler:
        """Return a handler that hands on to `handler` what the policies let through."""

        def admit(arrival: Arrival) -> None:
            packet, tunnel = arrival.packet, arrival.tunnel
            policy = POLICIES.get(type(packet.payload))
            if tunnel is not None and policy is not None and policy.in_tunnel_mode:
                # It may have come in fragments, of which the tunnel's end did not see what they are.
                packet = tunnel if isinstance(tunnel, Opened) else Packet(tunnel.source, tunnel.destination, packet)
            try:
                self.associations.check_admitted(packet)
            except WireError as error:
                self._node.drop(arrival.packet, str(error))
            else:
                handler(arrival)

        return admit
