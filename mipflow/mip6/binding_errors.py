"""Binding errors that a node of Mobile IPv6 sends (RFC 6275 section 9.3.3): an unknown binding, an unknown message.

Those that a mobile node receives are heard in `registrations.peer_reports`.
"""

from __future__ import annotations

from mipflow.node.node import Arrival, Node
from mipflow.node.token_bucket import TokenBucket
from mipflow.wire.address import UNSPECIFIED
from mipflow.wire.mobility import BindingError, BindingErrorStatus, UnknownMobilityMessage
from mipflow.wire.packet import DestinationOptions, Packet


class BindingErrors:
    """Sends the binding errors of `node`, limited in rate as ICMPv6 errors are."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.limit = TokenBucket()
        node.handlers[UnknownMobilityMessage] = self._unknown_message

    def tell(self, arrival: Arrival, status: BindingErrorStatus) -> None:
        """Tell the source of a packet that its binding, or its message type, is not known.

        The addresses are those on the wire: the source, and the home address of the option or the unspecified one.
        """
        packet, source = arrival.packet, arrival.packet.source
        options = [header for header in packet.extensions if isinstance(header, DestinationOptions)]
        if packet.destination.is_multicast or source.is_multicast or source == UNSPECIFIED:
            return
        if self.limit.take(self._node.clock.now):
            home_address = next((header.home_address for header in options if header.home_address), UNSPECIFIED)
            self._node.send_direct(Packet(packet.destination, source, BindingError(status, home_address)))

    def _unknown_message(self, arrival: Arrival) -> None:
        message: UnknownMobilityMessage = arrival.payload
        self._node.drop(arrival.packet, f"Mobility Header type {message.type} is not known")
        self.tell(arrival, BindingErrorStatus.UNRECOGNIZED_MOBILITY_HEADER)
