"""The data flow separator (the seed, page 11): to which flow does a packet belong? Pure.

It stands above IP security and below UDP and TCP (Figure 3). It classifies on protocol, local port, correspondent node
and remote port, without the source: a flow's home address is chosen after it is known which flow it is.
"""

from __future__ import annotations

from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import TCP, UDP


class DataFlowSeparator:
    """Classifies by header fields."""

    def __init__(self, flows: FlowMappingTable) -> None:
        self._find = flows.find

    def outgoing(self, payload: object, cn: Address) -> FlowMappingEntry | None:
        """The flow of what is sent to `cn`, or None for a new one."""
        # A plain tuple finds what a FlowInformation entered, at a third of the price: this is done for every packet.
        kind = type(payload)
        if kind is UDP or kind is TCP:
            return self._find((_PROTOCOL[kind], payload.source_port, cn, payload.destination_port, ""))  # type: ignore[attr-defined]
        if kind is EchoRequest or kind is EchoReply:
            return self._find(("ICMPv6", payload.identifier, cn, 0, ""))  # type: ignore[attr-defined]
        return None

    def incoming(self, payload: object, cn: Address) -> FlowMappingEntry | None:
        """The same for what has come from `cn`: both directions have one flow id."""
        kind = type(payload)
        if kind is UDP or kind is TCP:
            return self._find((_PROTOCOL[kind], payload.destination_port, cn, payload.source_port, ""))  # type: ignore[attr-defined]
        return self.outgoing(payload, cn)

    def information(self, payload: object, cn: Address, outgoing: bool) -> FlowInformation | None:
        """What classifies a UDP datagram, a TCP segment or an echo of a new flow; None for anything else."""
        if isinstance(payload, UDP | TCP):
            near, far = payload.source_port, payload.destination_port
            if not outgoing:
                near, far = far, near
            return FlowInformation(_PROTOCOL[type(payload)], near, cn, far)
        if isinstance(payload, EchoRequest | EchoReply):
            return FlowInformation("ICMPv6", payload.identifier, cn, 0)
        return None


_PROTOCOL: dict[type, str] = {UDP: "UDP", TCP: "TCP"}
