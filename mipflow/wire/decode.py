"""From bytes to packet values: every length is checked, then scapy reads the fields, a header at a time.

Takes octets; gives a Packet, or raises WireError with the reason. Checksums are verified over the addresses
that the two ends see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mipflow.errors import WireError
from mipflow.wire import checksum, layers
from mipflow.wire.address import Address
from mipflow.wire.decode_control import read_icmp, read_mobility
from mipflow.wire.encode import MAX_EXTENSIONS, MAX_TUNNELS
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
from mipflow.wire.padding import read_options, without_padding

if TYPE_CHECKING:
    from collections.abc import Callable

    from mipflow.wire.packet import ExtensionHeader, Sized


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
    if (extensions and checksum.hides_payload(extensions[-1])) or number not in _KNOWN:
        payload = Opaque(number, rest)
    elif number == 41:
        payload = decode(rest, depth + 1, pointer + position)
    else:
        ends = checksum.pseudo_header_addresses(source, destination, extensions)
        payload = _upper_layer(number, rest, ends, pointer + position)
    return Packet(source, destination, payload, header.hlim, extensions, header.tc, header.fl)


# --- extension headers --------------------------------------------------------------------------------------


class _Extensions(NamedTuple):
    headers: tuple[ExtensionHeader, ...]
    next_header: int
    end: int


def _extensions(data: bytes, number: int) -> _Extensions:
    """Walk the extension headers: in any order, but hop-by-hop options only directly behind the IPv6 header.

    Anywhere else their number 0 is an unrecognised next header (RFC 8200 section 4).
    """
    headers: list[ExtensionHeader] = []
    position = 40
    while number in _READERS and (number or not headers):
        if len(headers) == MAX_EXTENSIONS:
            raise WireError(f"more than {MAX_EXTENSIONS} extension headers", number)
        if len(data) < position + 8:
            raise WireError(f"extension header {number} cut off at octet {len(data)}", number)
        size = 8 if number == 44 else 8 * (data[position + 1] + 1)
        octets = data[position : position + size]
        if len(octets) < size:
            raise WireError(f"extension header {number} of {size} octets; {len(octets)} are there", number)
        header = _READERS[number](octets)
        headers.append(header)
        number = octets[0]
        position += size
        if checksum.hides_payload(header):
            break
    return _Extensions(tuple(headers), number, position)


def _destination_options(octets: bytes) -> DestinationOptions:
    return DestinationOptions(_options(octets))


def _hop_by_hop_options(octets: bytes) -> HopByHopOptions:
    options = _options(octets)
    for option in options:
        if isinstance(option, HomeAddressOption):
            raise WireError("a Home Address option among hop-by-hop options (RFC 6275 section 6.3)", option)
    return HopByHopOptions(tuple(option for option in options if isinstance(option, UnknownOption)))


def _options(octets: bytes) -> tuple[HomeAddressOption | UnknownOption, ...]:
    options = [_option(octets) for octets in read_options(octets[2:])]
    return tuple(without_padding(options, 2, UnknownOption))


def _option(octets: bytes) -> HomeAddressOption | UnknownOption:
    if octets[0] != 0xC9:
        return UnknownOption(octets[0], octets[2:])
    if len(octets) != 18:
        raise WireError(f"a Home Address option of {len(octets) - 2} octets; expected 16", octets)
    return HomeAddressOption(Address(layers.inet6.HAO(octets).hoa))


def _routing_header(octets: bytes) -> RoutingHeaderType2 | RoutingHeader:
    if octets[2] == 2:
        if len(octets) != 24:
            raise WireError(f"a type 2 routing header of {len(octets)} octets; expected 24", octets)
        layer = layers.inet6.IPv6ExtHdrRouting(octets)
        return RoutingHeaderType2(Address(layer.addresses[0]), layer.segleft)
    other = layers.RoutingHeaderOctets(octets)
    return RoutingHeader(other.type, other.segleft, other.data)


def _fragment_header(octets: bytes) -> FragmentHeader:
    header = layers.inet6.IPv6ExtHdrFragment(octets)
    return FragmentHeader(header.offset, bool(header.m), header.id)


_READERS: dict[int, Callable[[bytes], ExtensionHeader]] = {
    0: _hop_by_hop_options,
    43: _routing_header,
    44: _fragment_header,
    60: _destination_options,
}

# --- what a packet carries ----------------------------------------------------------------------------------

_KNOWN = {6: 20, 17: 8, 41: 40, 58: 4, 135: 8}
"""Next header -> the least octets of what it announces."""


def _upper_layer(number: int, data: bytes, ends: tuple[Address, Address], pointer: int) -> Sized:
    if len(data) < _KNOWN[number]:
        raise WireError(
            f"{len(data)} octets of next header {number}; expected at least {_KNOWN[number]}", data
        )
    if (checksum.pseudo_header_sum(*ends, len(data), number) + checksum.octet_sum(data)) % 65535:
        raise WireError(f"wrong checksum of next header {number} between {ends[0]} and {ends[1]}", data)
    if number == 17:
        return _udp(data)
    if number == 6:
        return _tcp(data)
    return read_icmp(data) if number == 58 else read_mobility(data, pointer)


def _udp(data: bytes) -> UDP:
    header = layers.inet.UDP(data[:8])
    if header.chksum == 0:
        raise WireError("a UDP datagram without checksum, which IPv6 forbids (RFC 8200 section 8.1)", data)
    if header.len != len(data):
        raise WireError(f"UDP length {header.len}, but {len(data)} octets are there", header.len)
    return UDP(header.sport, header.dport, data[8:])


def _tcp(data: bytes) -> TCP:
    size = (data[12] >> 4) * 4
    if not 20 <= size <= len(data):
        raise WireError(f"a TCP header of {size} octets in a segment of {len(data)}", size)
    no_options = bytes([0x50 | data[12] & 0x0F])  # a data offset of 20 octets: the options are cut below
    header = layers.inet.TCP(data[:12] + no_options + data[13:20])
    flags = int(header.flags) | header.reserved << 9
    segment = TCP(
        header.sport, header.dport, header.seq, header.ack, syn=bool(flags & 2), ack=bool(flags & 16),
        fin=bool(flags & 1), rst=bool(flags & 4), psh=bool(flags & 8), window=header.window,
        payload=data[size:], options=data[20:size], other_flags=flags & ~0x1F, urgent_pointer=header.urgptr,
    )  # fmt: skip
    starts = _tcp_option_starts(segment.options)
    if segment.syn:
        _take_syn_options(segment, starts)
    return segment


def _tcp_option_starts(options: bytes) -> list[int]:
    """Where each option starts, up to an end-of-list option. Raises WireError for one that is cut off."""
    starts = []
    position = 0
    while position < len(options) and options[position] != 0:
        starts.append(position)
        if options[position] == 1:
            position += 1
            continue
        size = options[position + 1] if position + 1 < len(options) else 0
        if size < 2 or position + size > len(options):
            raise WireError(
                f"TCP option {options[position]} of {size} octets at octet {20 + position}", options
            )
        position += size
    return starts


def _take_syn_options(segment: TCP, starts: list[int]) -> None:
    """Move a leading maximum segment size and a trailing window scale out of the options to their fields."""
    options = segment.options
    if options[-4:-1] == b"\x01\x03\x03" and len(options) - 3 in starts and len(options) - 4 in starts:
        segment.window_scale = options[-1]
        options = options[:-4]
    if options[:2] == b"\x02\x04":
        segment.maximum_segment_size = int.from_bytes(options[2:4], "big")
        options = options[4:]
    segment.options = options
