"""From bytes to packet values: every length is checked, then scapy reads the fields, a header at a time.

Takes octets; gives a Packet, or raises WireError with the reason. Checksums are verified over the addresses
that the two ends see.
"""

from __future__ import annotations

from mipflow.errors import WireError
from mipflow.wire import checksum, layers, packet
from mipflow.wire.address import Address
from mipflow.wire.control import read_icmp, read_mobility
from mipflow.wire.headers import FORMS, LEAST, MAX_EXTENSIONS, MAX_TUNNELS
from mipflow.wire.options import cut, read_options
from mipflow.wire.packet import TCP, UDP, ExtensionHeader, Opaque, Packet, Sized

EXTENSIONS = (0, 43, 44, 60)


def decode(data: bytes, depth: int = 0, pointer: int = 0) -> Packet:
    """The packet that `data` is. It lies inside `depth` others, at octet `pointer` of the outermost."""
    if depth > MAX_TUNNELS:
        raise WireError(f"more than {MAX_TUNNELS} packets inside each other", depth)
    if len(data) < 40:
        raise WireError(f"{len(data)} octets; expected an IPv6 header of 40", data)
    header = layers.inet6.IPv6(data[:40])
    if header.version != 6:
        raise WireError(f"version {header.version}; expected 6", header.version)
    if header.plen != len(data) - 40:
        raise WireError(f"payload length {header.plen}, but {len(data) - 40} octets are there", header.plen)
    extensions, number, position = _extensions(data, header.nh)
    source, destination = Address(header.src), Address(header.dst)
    rest = data[position:]
    payload: Sized
    if (extensions and checksum.hides_payload(extensions[-1])) or number not in LEAST:
        payload = Opaque(number, rest)
    elif number == 41:
        payload = decode(rest, depth + 1, pointer + position)
    else:
        ends = checksum.pseudo_header_addresses(source, destination, extensions)
        payload = _upper_layer(number, rest, ends, pointer + position)
    return Packet(source, destination, payload, header.hlim, extensions, header.tc, header.fl)


def _extensions(data: bytes, number: int) -> tuple[tuple[ExtensionHeader, ...], int, int]:
    """The extension headers, the next header behind them, and the octet at which it begins.

    They stand in any order, but hop-by-hop options only directly behind the IPv6 header: anywhere else their number 0
    is an unrecognised next header (RFC 8200 section 4).
    """
    headers: list[ExtensionHeader] = []
    position = 40
    while number in EXTENSIONS and (number or not headers):
        if len(headers) == MAX_EXTENSIONS:
            raise WireError(f"more than {MAX_EXTENSIONS} extension headers", number)
        if len(data) < position + 8:
            raise WireError(f"extension header {number} cut off at octet {len(data)}", number)
        size = 8 if number == 44 else 8 * (data[position + 1] + 1)
        octets = data[position : position + size]
        if len(octets) < size:
            raise WireError(f"extension header {number} of {size} octets; {len(octets)} are there", number)
        headers.append(_extension(number, octets))
        number = octets[0]
        position += size
        if checksum.hides_payload(headers[-1]):
            break
    return tuple(headers), number, position


def _extension(number: int, octets: bytes) -> ExtensionHeader:
    if number in (0, 60):
        options = read_options(packet.ExtensionOption, octets, 2)
        if number == 60:
            return packet.DestinationOptions(options)
        if any(isinstance(option, packet.HomeAddressOption) for option in options):
            raise WireError("a Home Address option among hop-by-hop options (RFC 6275 section 6.3)", octets)
        return packet.HopByHopOptions(options)
    kind: type[ExtensionHeader] = packet.FragmentHeader
    if number == 43:
        kind = packet.RoutingHeaderType2 if octets[2] == 2 else packet.RoutingHeader
    if kind is packet.RoutingHeaderType2 and len(octets) != 24:
        raise WireError(f"a type 2 routing header of {len(octets)} octets; expected 24", octets)
    header: ExtensionHeader = FORMS[kind].read(octets)
    return header


def _upper_layer(number: int, data: bytes, ends: tuple[Address, Address], pointer: int) -> Sized:
    if len(data) < LEAST[number]:
        raise WireError(f"{len(data)} octets of next header {number}; expected at least {LEAST[number]}", data)
    if (checksum.pseudo_header_sum(*ends, len(data), number) + checksum.octet_sum(data)) % 65535:
        raise WireError(f"wrong checksum of next header {number} between {ends[0]} and {ends[1]}", data)
    match number:
        case 6:
            return _tcp(data)
        case 17:
            return _udp(data)
        case 58:
            return read_icmp(data)
        case _:
            return read_mobility(data, pointer)


def _udp(data: bytes) -> UDP:
    if data[6:8] == b"\0\0":
        raise WireError("a UDP datagram without checksum, which IPv6 forbids (RFC 8200 section 8.1)", data)
    length = int.from_bytes(data[4:6], "big")
    if length != len(data):
        raise WireError(f"UDP length {length}, but {len(data)} octets are there", length)
    datagram: UDP = FORMS[UDP].read(data)
    return datagram


def _tcp(data: bytes) -> TCP:
    size = (data[12] >> 4) * 4
    if not 20 <= size <= len(data):
        raise WireError(f"a TCP header of {size} octets in a segment of {len(data)}", size)
    segment: TCP = FORMS[TCP].read(data[:20] + data[size:], options=data[20:size])
    pieces = cut(segment.options, "TCP option", _tcp_option_size)
    if segment.syn:
        _take_syn_options(segment, pieces)
    return segment


def _tcp_option_size(rest: bytes) -> int:
    """Octets of the first option; behind an end-of-list option all the rest belongs to it (RFC 9293 section 3.1)."""
    if rest[0] == 0:
        return len(rest) - 1
    return 1 if rest[0] == 1 else rest[1] * (rest[1] >= 2)


def _take_syn_options(segment: TCP, pieces: list[bytes]) -> None:
    """Move a leading maximum segment size and a trailing window scale out of the options to their fields."""
    if pieces[-2:-1] == [b"\x01"] and pieces[-1][:2] == b"\x03\x03":
        segment.window_scale = pieces[-1][2]
        del pieces[-2:]
    if pieces and pieces[0][:2] == b"\x02\x04":
        segment.maximum_segment_size = int.from_bytes(pieces.pop(0)[2:], "big")
    segment.options = b"".join(pieces)
