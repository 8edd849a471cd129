"""The headers that are no signalling: their numbers as next headers, and how they stand on the wire."""

from __future__ import annotations

from mipflow.wire import packet
from mipflow.wire.forms import Form
from mipflow.wire.icmpv6 import IcmpMessage
from mipflow.wire.mobility import MobilityMessage

MAX_TUNNELS = 8
"""Packets inside a packet that are written and read (RFC 2473 section 4.1.1: a sender may limit them)."""
MAX_EXTENSIONS = 32
"""Extension headers of one packet that are written and read."""

NEXT_HEADERS: dict[type, int] = {
    packet.HopByHopOptions: 0, packet.TCP: 6, packet.UDP: 17, packet.Packet: 41, packet.RoutingHeader: 43,
    packet.RoutingHeaderType2: 43, packet.FragmentHeader: 44, IcmpMessage: 58, packet.DestinationOptions: 60,
    MobilityMessage: 135,
}  # fmt: skip
"""Value -> the next header that announces it. Opaque octets have their own."""
LEAST = {6: 20, 17: 8, 41: 40, 58: 4, 135: 8}
"""Next headers of what a packet carries -> the octets that must be there."""

PORTS = "source_port=sport destination_port=dport"
NUMBERS = "sequence=seq acknowledgement=ack window urgent_pointer=urgptr other_flags,ack,psh,rst,syn,fin=reserved,flags"
FORMS: dict[type, Form] = {
    form.value: form
    for form in (
        Form(packet.Packet, "IPv6", "source=src destination=dst hop_limit=hlim traffic_class=tc flow_label=fl"),
        Form(packet.UDP, "UDP", f"{PORTS} payload", range(65528), chksum=0),
        Form(packet.TCP, "TCP", f"{PORTS} {NUMBERS} payload", range(65516), chksum=0),
        Form(packet.Opaque, "Raw", "data=load", range(65536)),
        Form(packet.HopByHopOptions, "IPv6ExtHdrHopByHop", autopad=0),
        Form(packet.DestinationOptions, "IPv6ExtHdrDestOpt", autopad=0),
        Form(packet.RoutingHeaderType2, "IPv6ExtHdrRouting", "segments_left=segleft home_address=addresses", type=2),
        Form(packet.RoutingHeader, "RoutingHeaderOctets", "type segments_left=segleft data", range(4, 2045, 8)),
        Form(packet.FragmentHeader, "IPv6ExtHdrFragment", "offset more=m identification=id"),
    )
}
