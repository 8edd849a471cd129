"""What every node of Mobile IPv6 does: it signals past its bindings, makes roads of them, and sends binding errors.
With `secure()` what its security policies name leaves in ESP, and arrives in ESP or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mipflow.errors import WireError
from mipflow.mip6.security import POLICIES, Mode, SecurityAssociations
from mipflow.node.node import Arrival, Handler, Node
from mipflow.node.road import Road
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.network import Network
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.esp import Opened
from mipflow.wire.mobility import BindingError, BindingErrorStatus, UnknownMobilityMessage
from mipflow.wire.packet import ESP, DestinationOptions, Opaque, Packet


class Establishes(Protocol):
    """Makes security associations with a home agent."""

    def reaches(self, address: Address) -> bool:
        """True for an address of the home agent."""

    def establish(self, home_address: Address, home_agent: Address) -> None:
        """Make those for a home address."""

    def delete(self, home_address: Address) -> None:
        """Delete those for a home address."""


class MobilityNode(Node):
    """A node of Mobile IPv6."""

    knows_mobility = True

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        self.security: SecurityAssociations | None = None
        """What protects signalling between mobile node and home agent; None where nothing does."""
        self._beyond: Handler = self.unhandled
        """What takes ESP that ends beyond this node."""
        self.key_exchanges: list[Establishes] = []
        """What makes security associations with home agents, for home addresses that have none yet."""
        super().__init__(network, name, x, y)
        self.binding_error_limit = TokenBucket()
        """Binding errors are limited in rate as ICMPv6 errors are (RFC 6275 section 9.3.3)."""
        self.handlers[UnknownMobilityMessage] = self._unknown_message

    def binding_error(self, arrival: Arrival, status: BindingErrorStatus) -> None:
        """Tell where a packet came from that its binding is not known, or its message type (RFC 6275 section 9.3.3).

        The addresses are those on the wire: the source, and the home address of the option or the unspecified one.
        """
        packet, source = arrival.packet, arrival.packet.source
        options = [header for header in packet.extensions if isinstance(header, DestinationOptions)]
        if packet.destination.is_multicast or source.is_multicast or source == UNSPECIFIED:
            return
        if self.binding_error_limit.take(self.clock.now):
            home_address = next((header.home_address for header in options if header.home_address), UNSPECIFIED)
            self.send_direct(Packet(packet.destination, source, BindingError(status, home_address)))

    def _unknown_message(self, arrival: Arrival) -> None:
        message: UnknownMobilityMessage = arrival.payload
        self.drop(arrival.packet, f"Mobility Header type {message.type} is not known")
        self.binding_error(arrival, BindingErrorStatus.UNRECOGNIZED_MOBILITY_HEADER)

    def send_direct(self, packet: Packet, road: Road | None = None) -> None:
        """Send signalling by a road, or straight to its destination, whatever is bound (sections 9.3.2, 9.4.3)."""
        packet.sent_ns = self.clock.now
        road = road or self.direct_road(packet.source, packet.destination)
        if road is None:
            self.drop(packet, f"no way to {packet.destination}")
        elif self.security is None:
            road.send(packet)
        else:
            self._send_protected(packet, road)

    def road(self, kind: str, near: Address, far: Address, **how: Any) -> Road | None:
        """A `Road` that begins as the straight one between two addresses; None where there is no way."""
        direct = self.direct_road(near, far)
        return None if direct is None else Road(kind, direct.channel, direct.mtu, **how)

    # --- IP security (RFC 3776, RFC 4877) ----------------------------------------------------------------------------

    def secure(self, security: SecurityAssociations) -> None:
        """From now on send and take what the policies name in ESP only; all handlers are in their places."""
        self.security = security
        self._beyond = self.handlers.get(Opaque, self.unhandled)
        self.handlers[Opaque] = self._open
        for kind in (Packet, *POLICIES):
            if kind in self.handlers:
                self.handlers[kind] = self._admitting(self.handlers[kind])

    def securities(self) -> SecurityAssociations:
        """The security associations, which must be there."""
        assert self.security is not None
        return self.security

    @property
    def keys_survive_movement(self) -> bool:
        """What bit K of a binding update says: associations come from an exchange that movements leave alone."""
        return self.security is not None and self.security.is_dynamic

    def tunnel_sender(self, road: Road) -> Callable[[Packet], None]:
        """How packets are put into a tunnel: home tests in ESP where policy asks for it (RFC 6275 section 10.4.6)."""
        if self.security is None:
            return road.send

        def send(packet: Packet) -> None:
            if type(packet.payload) in POLICIES:
                self._send_protected(packet, road)
            else:
                road.send(packet)

        return send

    def _send_protected(self, packet: Packet, road: Road) -> None:
        """Send in ESP what policy names; associations that are missing are asked for first (RFC 3776 section 6.17)."""
        security = self.securities()
        whole = packet if road.tunnel is None else Packet(*road.tunnel, packet, sent_ns=packet.sent_ns)
        missing = security.lacks(whole)
        for exchange in self.key_exchanges:
            if missing is not None and exchange.reaches(missing.home_agent):
                exchange.establish(missing.home_address, missing.home_agent)
        try:
            sealed = security.protect(whole)
        except WireError as error:
            self.drop(packet, str(error))
            return
        if sealed is whole:
            road.send(packet)
        else:
            road.channel.send(sealed)

    def _open(self, arrival: Arrival) -> None:
        """Open ESP, and handle what is inside as if it had come so, its home address in its place."""
        packet = arrival.packet
        is_esp = isinstance(packet.payload, Opaque) and packet.payload.next_header == ESP
        if not is_esp or (self.expects(packet.payload) and not self.securities().knows(packet)):
            self._beyond(arrival)
            return
        try:
            opened = self.securities().open(packet)
        except WireError as error:
            self.drop(packet, str(error))
            return
        inside = Arrival(opened, arrival.interface, arrival.tunnel)
        inside.source, inside.destination = arrival.source, arrival.destination
        if all(self._extension(header, inside) for header in opened.extensions[len(packet.extensions) :]):
            self.handlers.get(type(opened.payload), self.unhandled)(inside)

    def _admitting(self, handler: Handler) -> Handler:
        """A handler of messages, of those that policy lets through."""

        def admit(arrival: Arrival) -> None:
            packet, tunnel = arrival.packet, arrival.tunnel
            policy = POLICIES.get(type(packet.payload))
            if tunnel is not None and policy is not None and policy.mode is Mode.TUNNEL:
                # It may have come in fragments, of which the tunnel's end did not see what they are.
                packet = tunnel if isinstance(tunnel, Opened) else Packet(tunnel.source, tunnel.destination, packet)
            try:
                self.securities().check_admitted(packet)
            except WireError as error:
                self.drop(arrival.packet, str(error))
            else:
                handler(arrival)

        return admit
