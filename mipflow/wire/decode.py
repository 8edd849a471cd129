"""From bytes to packet values: every length is checked, then scapy reads the fields, a header at a time.

Takes octets; gives a Packet, or raises WireError with the reason. Checksums are verified over the addresses
that the two ends see. The numbers and forms of all headers but signalling stand here, and `codec` writes by them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mipflow.errors import WireError
from mipflow.wire import chain, icmpv6, layers, packet
from mipflow.wire.address import Address
from mipflow.wire.forms import Form, only_wire_errors
from mipflow.wire.icmpv6 import IcmpMessage, NeighborOption
from mipflow.wire.mobility import MobilityMessage, MobilityOption, UnknownMobilityMessage
from mipflow.wire.options import cut, read_options
from mipflow.wire.packet import TCP, UDP, ExtensionHeader, Opaque, Packet, Sized

UNREADABLE = "not readable as an IPv6 packet"
MAX_TUNNELS = 8
"""The most packets inside a packet that are read (RFC 2473 section 4.1.1: a sender may limit them)."""
MAX_EXTENSIONS = 32
"""The most extension headers of one packet that are written and read."""

NEXT_HEADERS: dict[type, int] = {
    packet.HopByHopOptions: 0, packet.TCP: 6, packet.UDP: 17, packet.Packet: 41, packet.RoutingHeader: 43,
    packet.RoutingHeaderType2: 43, packet.FragmentHeader: 44, IcmpMessage: 58, packet.DestinationOptions: 60,
    MobilityMessage: 135,
}  # fmt: skip
"""Type of value -> the next header that announces it. Opaque octets have their own."""
LEAST = {6: 20, 17: 8, 41: 40, 58: 4, 135: 8}
"""Next header of a payload -> the octets that must be there."""

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


def decode(data: bytes) -> Packet:
    """Return the packet that these octets are, no more and no less.

    `encode(decode(data)) == data` where reserved fields are zero, as every RFC asks of senders. Checksums are
    verified with the home address in its place (RFC 6275 sections 6.1.1 and 11.3.1). Raises WireError with
    the reason for anything malformed, cut off or with a wrong checksum.
    """
    with only_wire_errors(UNREADABLE, data):
        return _packet(bytes(data))


def decode_leniently(data: bytes) -> Packet:
    """Return the packet that these octets are; where what an IPv6 header announces is bad, that as Opaque octets.

    So do routers and tunnels take it: it is for its destination to find out. Raises WireError where the outermost
    header itself is bad.
    """
    with only_wire_errors(UNREADABLE, data):
        return _packet(bytes(data), is_lenient=True)


def decode_beginning(data: bytes) -> Packet:
    """Return the packet that these octets begin, such as those in an ICMPv6 error.

    Its payload, which may be cut off and whose checksum is not looked at, is Opaque octets. Raises WireError where
    headers are bad or missing.
    """
    with only_wire_errors(UNREADABLE, data):
        data = bytes(data)
        header = _header(data, is_whole=False)
        extensions, number, position = _extensions(data, header.nh)
        return Packet(Address(header.src), Address(header.dst), Opaque(number, data[position:]), extensions=extensions)


def _packet(data: bytes, depth: int = 0, pointer: int = 0, is_lenient: bool = False) -> Packet:
    """Return the packet that lies inside `depth` others, at octet `pointer` of the outermost."""
    header = _header(data, is_whole=True)
    ends = Address(header.src), Address(header.dst)
    try:
        extensions, payload = _contents(data, header.nh, ends, depth, pointer, is_lenient)
    except Exception:
        if not is_lenient:
            raise
        extensions, payload = (), Opaque(header.nh, data[40:])
    return Packet(*ends, payload, header.hlim, extensions, header.tc, header.fl)


def _header(data: bytes, is_whole: bool) -> layers.Layer:
    if len(data) < 40:
        raise WireError(f"{len(data)} octets; expected an IPv6 header of 40", data)
    header = layers.inet6.IPv6(data[:40])
    if header.version != 6:
        raise WireError(f"version {header.version}; expected 6", header.version)
    if is_whole and header.plen != len(data) - 40:
        raise WireError(f"payload length {header.plen}, but {len(data) - 40} octets are there", header.plen)
    return header


def _contents(
    data: bytes, number: int, ends: tuple[Address, Address], depth: int, pointer: int, is_lenient: bool
) -> tuple[tuple[ExtensionHeader, ...], Sized]:
    if depth > MAX_TUNNELS:
        raise WireError(f"more than {MAX_TUNNELS} packets inside each other", depth)
    extensions, number, position = _extensions(data, number)
    rest = data[position:]
    if (extensions and chain.hides_payload(extensions[-1])) or number not in LEAST:
        return extensions, Opaque(number, rest)
    if number == 41:
        return extensions, _packet(rest, depth + 1, pointer + position, is_lenient)
    if len(rest) < LEAST[number]:
        raise WireError(f"{len(rest)} octets of next header {number}; expected at least {LEAST[number]}", rest)
    ends = chain.pseudo_header_addresses(*ends, extensions)
    if chain.upper_sum(ends, number, rest):
        raise WireError(f"wrong checksum of next header {number} between {ends[0]} and {ends[1]}", rest)
    return extensions, read_mobility(rest, pointer + position) if number == 135 else READERS[number](rest)


def _extensions(data: bytes, number: int) -> tuple[tuple[ExtensionHeader, ...], int, int]:
    """Return the extension headers, the next header behind them, and the octet at which it begins.

    They stand in any order, but hop-by-hop options only directly behind the IPv6 header: anywhere else their number 0
    is an unrecognised next header (RFC 8200 section 4).
    """
    headers: list[ExtensionHeader] = []
    position = 40
    for kind, start, end, following in chain.walk(data, number, position):
        if len(headers) == MAX_EXTENSIONS:
            raise WireError(f"more than {MAX_EXTENSIONS} extension headers", kind)
        octets = data[start:end]
        if len(octets) < end - start:
            raise WireError(f"extension header {kind} of {end - start} octets; {len(octets)} are there", kind)
        headers.append(_extension(kind, octets))
        number, position = following, end
        if chain.hides_payload(headers[-1]):
            break
    return tuple(headers), number, position


def _extension(number: int, octets: bytes) -> ExtensionHeader:
    if number in (chain.HOP_BY_HOP, chain.DESTINATION):
        options = read_options(packet.ExtensionOption, octets, 2)
        if number == chain.DESTINATION:
            return packet.DestinationOptions(options)
        if any(isinstance(option, packet.HomeAddressOption) for option in options):
            raise WireError("a Home Address option among hop-by-hop options (RFC 6275 section 6.3)", octets)
        return packet.HopByHopOptions(options)
    kind: type[ExtensionHeader] = packet.FragmentHeader
    if number == chain.ROUTING:
        kind = packet.RoutingHeaderType2 if octets[2] == 2 else packet.RoutingHeader
    if kind is packet.RoutingHeaderType2 and len(octets) != 24:
        raise WireError(f"a type 2 routing header of {len(octets)} octets; expected 24", octets)
    return cast(ExtensionHeader, FORMS[kind].read(octets))


def read_mobility(data: bytes, pointer: int) -> MobilityMessage:
    """Return the message in a Mobility Header at octet `pointer` of its packet, checked as in RFC 6275 9.2."""
    proto, kind, size = data[0], data[2], 8 * (data[1] + 1)
    form = MobilityMessage.forms.get(kind)
    if form and proto != packet.NO_NEXT_HEADER:  # of an unknown type only that it is unknown matters
        raise WireError(f"payload proto {proto} in a Mobility Header; expected 59", proto, pointer)
    if form and size < (least := form.fixed + -form.fixed % 8):
        raise WireError(f"Mobility Header type {kind} of {size} octets; expected at least {least}", size, pointer + 1)
    if size != len(data):
        raise WireError(f"a Mobility Header of {size} octets, but {len(data)} are there", size)
    if form is None:
        return UnknownMobilityMessage(kind, data[6:])
    return cast(MobilityMessage, form.read(data, options=read_options(MobilityOption, data, form.fixed)))


def read_icmp(data: bytes) -> IcmpMessage:
    kind, code = data[0], data[1]
    form = IcmpMessage.find(kind)
    if len(data) < form.fixed:
        raise WireError(f"ICMPv6 type {kind} of {len(data)} octets; expected {form.fixed}", data)
    known: dict[str, object] = {"parameter": 0} if kind in icmpv6.WITHOUT_PARAMETER else {}
    if code and form.value not in (icmpv6.IcmpError, icmpv6.UnknownIcmp):
        raise WireError(f"ICMPv6 type {kind} with code {code}; expected 0", code)
    if issubclass(form.value, icmpv6.WithNeighborOptions):  # in units of 8 octets (RFC 4861 section 4.6)
        pieces = cut(data[form.fixed :], NeighborOption.family, lambda rest: 8 * rest[1])
        known["options"] = tuple(map(_neighbor_option, pieces))
    message: IcmpMessage = form.read(data, **known)
    if message.size != len(data):
        raise WireError(f"ICMPv6 type {kind} of {len(data)} octets; expected {message.size}", data)
    return message


def _neighbor_option(data: bytes) -> NeighborOption:
    form = NeighborOption.find(data[0], len(data))
    known = {"target": data[0] == 2} if form.value is icmpv6.LinkLayerAddress else {}
    return cast(NeighborOption, form.read(data, **known))


def _udp(data: bytes) -> UDP:
    if data[6:8] == b"\0\0":
        raise WireError("a UDP datagram without checksum, which IPv6 forbids (RFC 8200 section 8.1)", data)
    length = int.from_bytes(data[4:6], "big")
    if length != len(data):
        raise WireError(f"UDP length {length}, but {len(data)} octets are there", length)
    return cast(UDP, FORMS[UDP].read(data))


def _tcp(data: bytes) -> TCP:
    size = (data[12] >> 4) * 4
    if not 20 <= size <= len(data):
        raise WireError(f"a TCP header of {size} octets in a segment of {len(data)}", size)
    segment: TCP = FORMS[TCP].read(data[:20] + data[size:], options=data[20:size])
    pieces = cut(segment.options, "TCP option", _tcp_option_size)
    if segment.syn:  # a leading maximum segment size and a trailing window scale have fields of their own
        if pieces[-2:-1] == [b"\x01"] and pieces[-1][:2] == b"\x03\x03":
            segment.window_scale = pieces[-1][2]
            del pieces[-2:]
        if pieces and pieces[0][:2] == b"\x02\x04":
            segment.maximum_segment_size = int.from_bytes(pieces.pop(0)[2:], "big")
        segment.options = b"".join(pieces)
    return segment


READERS: dict[int, Callable[[bytes], Sized]] = {6: _tcp, 17: _udp, 58: read_icmp}
"""Next header -> its reader."""


def _tcp_option_size(rest: bytes) -> int:
    """Return the octets of the first option; behind an end-of-list option all the rest belongs to it (RFC 9293 3.1)."""
    if rest[0] == 0:
        return len(rest) - 1
    return 1 if rest[0] == 1 else rest[1] * (rest[1] >= 2)
