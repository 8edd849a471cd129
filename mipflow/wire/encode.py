"""From packet values to bytes: scapy layers with every length, padding and checksum given.

Takes a packet value; gives a scapy packet whose bytes are final. Nothing is left to scapy's defaults: some
are wrong (option lengths, binding update flags), and its checksum sees a Home Address option only where it is
alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mipflow.errors import WireError
from mipflow.wire import checksum, layers
from mipflow.wire.bounds import check
from mipflow.wire.encode_control import icmp_layer, mobility_layer
from mipflow.wire.icmpv6 import IcmpMessage
from mipflow.wire.mobility import NEXT_HEADER, MobilityMessage
from mipflow.wire.packet import (
    TCP,
    UDP,
    DestinationOptions,
    FragmentHeader,
    HomeAddressOption,
    HopByHopOptions,
    Opaque,
    Packet,
    RoutingHeader,
    RoutingHeaderType2,
    UnknownOption,
)
from mipflow.wire.padding import with_padding

if TYPE_CHECKING:
    from mipflow.wire.layers import Layer
    from mipflow.wire.packet import ExtensionHeader

MAX_TUNNELS = 8
"""Packets inside a packet that are written and read (RFC 2473 section 4.1.1: a sender may limit them)."""
MAX_EXTENSIONS = 32
"""Extension headers of one packet that are written and read."""


def to_scapy(packet: Packet, depth: int = 0) -> Layer:
    """The packet as scapy layers; `bytes()` of it are final. Raises WireError for what has no bytes."""
    check(packet)
    if depth > MAX_TUNNELS:
        raise WireError(f"more than {MAX_TUNNELS} packets inside each other", depth)
    if packet.size - 40 > 65535:
        raise WireError(f"a packet of {packet.size} octets; expected at most 65575", packet.size)
    _check_order(packet)
    numbers = [*(_next_header(header) for header in packet.extensions), _next_header(packet.payload)]
    whole: Layer = layers.inet6.IPv6(
        src=str(packet.source), dst=str(packet.destination), hlim=packet.hop_limit, tc=packet.traffic_class,
        fl=packet.flow_label, nh=numbers[0], plen=packet.size - 40,
    )  # fmt: skip
    last = whole
    for header, number in zip(packet.extensions, numbers[1:], strict=True):
        layer = _extension(header, number)
        last.add_payload(layer)
        last = layer
    last.add_payload(_payload(packet, numbers[-1], depth))
    return whole


def _next_header(value: object) -> int:
    match value:
        case UDP():
            return 17
        case TCP():
            return 6
        case Packet():
            return 41
        case Opaque():
            return value.next_header
        case DestinationOptions():
            return 60
        case HopByHopOptions():
            return 0
        case RoutingHeaderType2() | RoutingHeader():
            return 43
        case FragmentHeader():
            return 44
    if isinstance(value, MobilityMessage):
        return NEXT_HEADER
    if isinstance(value, IcmpMessage):
        return 58
    raise WireError(f"{value!r} is nothing that an IPv6 packet can carry", value)


def _check_order(packet: Packet) -> None:
    """Refuse what could not be read back: misplaced headers (RFC 8200 section 4.1), values in fragments."""
    if len(packet.extensions) > MAX_EXTENSIONS:
        raise WireError(f"{len(packet.extensions)} extension headers; expected at most {MAX_EXTENSIONS}")
    for position, header in enumerate(packet.extensions):
        if isinstance(header, HopByHopOptions) and position:
            raise WireError("hop-by-hop options are the first extension header or not there", header)
        if checksum.hides_payload(header):
            last = position == len(packet.extensions) - 1
            if not (last and isinstance(packet.payload, Opaque)):
                raise WireError(f"only Opaque octets can follow {header!r}", packet.payload)


# --- extension headers --------------------------------------------------------------------------------------


def _extension(header: ExtensionHeader, number: int) -> Layer:
    check(header)
    units = header.size // 8 - 1
    if units > 255:
        raise WireError(f"an extension header of {header.size} octets; expected at most 2048", header)
    match header:
        case DestinationOptions():
            return layers.inet6.IPv6ExtHdrDestOpt(nh=number, len=units, autopad=0, options=_options(header))
        case HopByHopOptions():
            return layers.inet6.IPv6ExtHdrHopByHop(nh=number, len=units, autopad=0, options=_options(header))
        case RoutingHeaderType2(address, left):
            return layers.inet6.IPv6ExtHdrRouting(
                nh=number, len=units, type=2, segleft=left, addresses=[str(address)]
            )
        case RoutingHeader(kind, left, data):
            if kind == 2:
                raise WireError("routing header type 2 has its own value, RoutingHeaderType2", header)
            built: Layer = layers.RoutingHeaderOctets(
                nh=number, len=units, type=kind, segleft=left, data=data
            )
            return built
        case FragmentHeader(offset, more, identification):
            return layers.inet6.IPv6ExtHdrFragment(nh=number, offset=offset, m=int(more), id=identification)


def _options(header: DestinationOptions | HopByHopOptions) -> list[Layer]:
    return [_option(option) for option in with_padding(header.options, 2, UnknownOption)]


def _option(option: HomeAddressOption | UnknownOption) -> Layer:
    check(option)
    match option:
        case HomeAddressOption(address):
            return layers.inet6.HAO(optlen=16, hoa=str(address))
        case UnknownOption(0):
            return layers.inet6.Pad1()
        case UnknownOption(1, data):
            return layers.inet6.PadN(optlen=len(data), optdata=data)
        case UnknownOption(0xC9):
            raise WireError("option 0xC9 has its own value, HomeAddressOption", option)
        case UnknownOption(kind, data):
            return layers.inet6.HBHOptUnknown(otype=kind, optlen=len(data), optdata=data)


# --- what a packet carries ----------------------------------------------------------------------------------


def _payload(packet: Packet, number: int, depth: int) -> Layer:
    """The payload as a layer, its checksum over the pseudo-header of the packet that carries it."""
    payload = packet.payload
    check(payload)
    layer: Layer
    match payload:
        case Packet():
            return to_scapy(payload, depth + 1)
        case Opaque():
            return layers.Raw(payload.data)
        case UDP():
            layer = _carrying(
                layers.inet.UDP(
                    sport=payload.source_port, dport=payload.destination_port, len=payload.size, chksum=0
                ),
                payload.payload,
            )
        case TCP():
            layer = _tcp(payload)
        case _ if isinstance(payload, MobilityMessage):
            layer = mobility_layer(payload)
        case _ if isinstance(payload, IcmpMessage):
            layer = icmp_layer(payload)
    octets = bytes(layer)
    source, destination = checksum.pseudo_header_addresses(
        packet.source, packet.destination, packet.extensions
    )
    total = checksum.pseudo_header_sum(source, destination, len(octets), number) + checksum.octet_sum(octets)
    value = checksum.checksum(total)
    if number == 17:
        value = value or 0xFFFF  # zero would say "no checksum", which IPv6 forbids (RFC 8200 section 8.1)
    layer.setfieldval("chksum" if number in (6, 17) else "cksum", value)
    return layer


def _tcp(segment: TCP) -> Layer:
    if not segment.syn and (segment.maximum_segment_size is not None or segment.window_scale is not None):
        raise WireError(
            "maximum segment size and window scale go on a SYN only (RFC 9293, RFC 7323)", segment
        )
    if segment.other_flags & 0x1F:
        raise WireError(f"TCP other_flags {segment.other_flags:#x}; expected bits from 0x20 up", segment.other_flags)
    if segment.header_size > 60:
        raise WireError(f"a TCP header of {segment.header_size} octets; expected at most 60", segment)
    options = b""
    if segment.maximum_segment_size is not None:
        options += b"\x02\x04" + segment.maximum_segment_size.to_bytes(2, "big")
    options += segment.options
    if segment.window_scale is not None:
        options += b"\x01\x03\x03" + segment.window_scale.to_bytes(1, "big")
    flags = segment.other_flags | (
        segment.fin | segment.syn << 1 | segment.rst << 2 | segment.psh << 3 | segment.ack << 4
    )
    layer = layers.inet.TCP(
        sport=segment.source_port, dport=segment.destination_port, seq=segment.sequence,
        ack=segment.acknowledgement, dataofs=segment.header_size // 4, reserved=flags >> 9,
        flags=flags & 0x1FF, window=segment.window, chksum=0, urgptr=segment.urgent_pointer,
        options=_tcp_options(options),
    )  # fmt: skip
    return _carrying(layer, segment.payload)


def _carrying(layer: Layer, data: bytes) -> Layer:
    if data:
        layer.add_payload(layers.Raw(data))
    return layer


def _tcp_options(octets: bytes) -> object:
    """The options by name, to be read by people; the plain octets where scapy would write other ones."""
    field: Any = layers.inet.TCPOptionsField("options", b"")
    try:
        named = field.m2i(None, octets)
        return named if field.i2m(None, named) == octets else layers.RawVal(octets)
    except Exception:  # any failure of scapy to name them: the octets stand
        return layers.RawVal(octets)
