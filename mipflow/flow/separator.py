"""The data flow separator (the seed, page 11): to which flow does a packet belong? Pure.

It stands above IP security and below UDP and TCP (Figure 3). It classifies on protocol, local port, correspondent node and
remote port, without the source: a flow's home address is chosen after it is known which flow it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.flow.tables import FlowInformation
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import TCP, UDP

if TYPE_CHECKING:
    from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable
    from mipflow.wire.address import Address


class DataFlowSeparator:
    """Classifies by header fields."""

    def __init__(self, flows: FlowMappingTable) -> None:
        self._flows = flows

    def outgoing(self, payload: object, cn: Address) -> tuple[FlowMappingEntry | None, FlowInformation | None]:
        """The flow of what is sent to `cn` (None for a new one) and what classifies it (None where nothing does)."""
        information = self.information(payload, cn, outgoing=True)
        return (None if information is None else self._flows.find(information)), information

    def incoming(self, payload: object, cn: Address) -> tuple[FlowMappingEntry | None, FlowInformation | None]:
        """The same for what has come from `cn`: both directions have one flow id."""
        information = self.information(payload, cn, outgoing=False)
        return (None if information is None else self._flows.find(information)), information

    def information(self, payload: object, cn: Address, outgoing: bool) -> FlowInformation | None:
        """What classifies a UDP datagram, a TCP segment or an echo; None for anything else."""
        if isinstance(payload, UDP | TCP):
            protocol = "UDP" if isinstance(payload, UDP) else "TCP"
            if outgoing:
                return FlowInformation(protocol, payload.source_port, cn, payload.destination_port)
            return FlowInformation(protocol, payload.destination_port, cn, payload.source_port)
        if isinstance(payload, EchoRequest | EchoReply):
            return FlowInformation("ICMPv6", payload.identifier, cn, 0)
        return None
