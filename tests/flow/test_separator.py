"""The separator: both directions of a flow have one id, whatever the addresses of this node."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.flow.separator import DataFlowSeparator
from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, RouterSolicitation
from mipflow.wire.packet import TCP, UDP, Opaque

CN, OTHER = Address("2001:db8:a::5"), Address("2001:db8:b::6")
ports = st.integers(0, 65535)


def table_with(protocol: str, local: int, remote: int) -> DataFlowSeparator:
    flows = FlowMappingTable()
    flows.add(FlowMappingEntry(1, CN, FlowInformation(protocol, local, CN, remote), "wlan0"))
    return DataFlowSeparator(flows)


@given(ports, ports, st.sampled_from([("UDP", UDP), ("TCP", TCP)]), ports, ports, st.sampled_from([CN, OTHER]))
def test_by_protocol_ports_and_correspondent(
    local: int, remote: int, kind: tuple[str, type], source: int, destination: int, cn: Address
) -> None:
    protocol, make = kind
    separator = table_with(protocol, local, remote)
    arguments = (0,) if make is TCP else ()
    up, down = make(source, destination, *arguments), make(destination, source, *arguments)
    is_it = (source, destination, cn) == (local, remote, CN)
    for found in (separator.outgoing(up, cn), separator.incoming(down, cn)):
        assert (found is not None) == is_it
    right = make(local, remote, *arguments)
    assert separator.outgoing(right, CN) is not None
    other = {"UDP": TCP(local, remote, 0), "TCP": UDP(local, remote)}[protocol]
    assert separator.outgoing(other, CN) is None


@given(ports)
def test_echo_by_its_identifier_both_ways(identifier: int) -> None:
    separator = table_with("ICMPv6", identifier, 0)
    for message in (EchoRequest(identifier, 1), EchoReply(identifier, 9)):
        assert separator.outgoing(message, CN) is separator.incoming(message, CN) is not None
        assert separator.outgoing(message, OTHER) is None


def test_what_classifies_nothing() -> None:
    separator = table_with("UDP", 1, 2)
    for payload in (RouterSolicitation(), Opaque(50, bytes(8))):
        assert separator.outgoing(payload, CN) is None
        assert separator.information(payload, CN, outgoing=True) is None
    assert separator.information(UDP(3, 4), CN, outgoing=True) == FlowInformation("UDP", 3, CN, 4)
    assert separator.information(UDP(3, 4), CN, outgoing=False) == FlowInformation("UDP", 4, CN, 3)
