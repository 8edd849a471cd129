"""Packets to bytes: each header becomes a scapy layer, with every length and checksum set.

Takes packet values; gives layers and octets. The way back stands in `decode`, whose names are here too. Scapy is
imported at first use, not with this module. Lengths, padding and checksums are given to it: its own checksum sees a
Home Address option only where it is alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from mipflow.errors import WireError
from mipflow.wire import chain, icmpv6, layers
from mipflow.wire import packet as values
from mipflow.wire.decode import FORMS, MAX_EXTENSIONS, NEXT_HEADERS, decode, decode_beginning, decode_leniently
from mipflow.wire.forms import number, octets, only_wire_errors
from mipflow.wire.icmpv6 import IcmpMessage
from mipflow.wire.mobility import BindingAuthorizationData, MobilityMessage
from mipflow.wire.options import write_options
from mipflow.wire.packet import ESP, TCP, UDP, Opaque, Packet

__all__ = [
    "authenticated_part", "decode", "decode_beginning", "decode_leniently", "encode", "encode_mobility", "to_scapy",
]  # fmt: skip
AUTHENTICATOR = 12
MOST_WRITTEN = 64
"""The most packets inside a packet that are written: more than are read, or than a tunnel loop gets into 1500 octets.
"""


def to_scapy(packet: Packet) -> layers.Layer:
    """Build the packet as scapy layers, every length and checksum set.

    Raises WireError, naming field and value, for a packet that has no bytes: port 70000, a cookie of 7
    octets.
    """
    with only_wire_errors("{!r} cannot be written", packet):  # a value of a wrong type fails somewhere in scapy
        return _packet(packet)


def encode(packet: Packet) -> bytes:
    """Return the octets of an IPv6 packet (RFC 8200), as long as `packet.size` says.

    `decode(encode(packet)) == packet`. Raises WireError, naming field and value, for a packet that has no
    bytes.
    """
    octets = bytes(to_scapy(packet))
    if len(octets) != packet.size:
        raise WireError(f"size is {packet.size} but {len(octets)} octets came out: was the packet changed?", packet)
    return octets


def encode_mobility(message: MobilityMessage) -> bytes:
    """Return the octets of a Mobility Header, padding included, its checksum field zero (RFC 6275 section 6.1.1).

    Raises WireError for a message that has no bytes.
    """
    return bytes(_mobility(message))


def authenticated_part(message: MobilityMessage) -> bytes:
    """Return the octets that the authenticator covers, behind the two addresses: "MH Data" of RFC 6275 section 6.2.7.

    It is the whole Mobility Header but the authenticator, its checksum field zero. The binding authorization
    data option must be there, as the last one, with 12 octets of anything. Raises WireError where it is not.
    """
    options = getattr(message, "options", ())
    if not options or not isinstance(options[-1], BindingAuthorizationData):
        raise WireError(f"{type(message).__name__} does not end in binding authorization data", message)
    return encode_mobility(message)[:-AUTHENTICATOR]


# --- from values to layers ----------------------------------------------------------------------------------


def _packet(packet: Packet, depth: int = 0) -> layers.Layer:
    if depth > MOST_WRITTEN:
        raise WireError(f"more than {MOST_WRITTEN} packets inside each other", depth)
    if packet.size - 40 > 65535:
        raise WireError(f"a packet of {packet.size} octets; expected at most 65575", packet.size)
    if len(packet.extensions) > MAX_EXTENSIONS:
        raise WireError(f"{len(packet.extensions)} extension headers; expected at most {MAX_EXTENSIONS}")
    parts: tuple[Any, ...] = (*packet.extensions, packet.payload)
    whole = FORMS[Packet].write(packet, nh=next_header(parts[0]), plen=packet.size - 40)
    for header, following in pairwise(parts):
        whole.add_payload(_extension(header, following))
    whole.add_payload(_payload(packet, depth))
    return whole


def next_header(value: object) -> int:
    """Return the number that announces a header or payload (RFC 8200 section 4). Raises WireError for what has none."""
    if isinstance(value, Opaque):
        return number(value, "next_header", 8)
    for kind, next_header in NEXT_HEADERS.items():
        if isinstance(value, kind):
            return next_header
    raise WireError(f"{value!r} is nothing that an IPv6 packet can carry", value)


def _extension(header: values.ExtensionHeader, following: object) -> layers.Layer:
    """Build an extension header. Raises WireError for one that could not be read back: hop-by-hop options elsewhere
    than at the beginning (RFC 8200 section 4.1), values in fragments.
    """
    if isinstance(following, values.HopByHopOptions):
        raise WireError("hop-by-hop options are the first extension header or not there", following)
    if chain.hides_payload(header) and not isinstance(following, Opaque):
        raise WireError(f"only Opaque octets can follow {header!r}", following)
    if isinstance(header, values.RoutingHeader) and header.type == 2:
        raise WireError("routing header type 2 is RoutingHeaderType2, not RoutingHeader", header)
    structure = {} if isinstance(header, values.FragmentHeader) else _structure(header)
    return FORMS[type(header)].write(header, nh=next_header(following), **structure)


def _structure(header: values.ExtensionHeader | MobilityMessage) -> dict[str, object]:
    """Return the fields for the length of a header, in units of eight octets behind the first, and for its options."""
    if header.size > 2048:
        raise WireError(f"{type(header).__name__} of {header.size} octets; expected at most 2048", header)
    structure: dict[str, object] = {"len": header.size // 8 - 1}
    if isinstance(header, values.WithOptions):
        structure["options"] = write_options(header.options, header.fixed)
    return structure


def _payload(packet: Packet, depth: int) -> layers.Layer:
    """Build the payload's layer, with its checksum over the pseudo-header of the packet that carries it."""
    payload: Any = packet.payload
    announced = next_header(payload)
    match payload:
        case Packet():
            return _packet(payload, depth + 1)
        case Opaque():
            if announced == ESP and payload.size >= 8:
                return cast(layers.Layer, layers.ipsec.ESP(payload.data))
            return FORMS[Opaque].write(payload)
        case UDP():
            layer = FORMS[UDP].write(payload, len=payload.size)
        case TCP():
            layer = _tcp(payload)
        case _:
            layer = _icmp(payload) if isinstance(payload, IcmpMessage) else _mobility(payload)
    ends = chain.pseudo_header_addresses(packet.source, packet.destination, packet.extensions)
    # Zero is the same as all ones; to UDP it would say that there is no checksum (RFC 8200 section 8.1).
    value = -chain.upper_sum(ends, announced, bytes(layer)) % 65535 or (0xFFFF if announced == 17 else 0)
    layer.setfieldval("chksum" if announced in (6, 17) else "cksum", value)
    return layer


def _tcp(segment: TCP) -> layers.Layer:
    if not segment.syn and (segment.maximum_segment_size is not None or segment.window_scale is not None):
        raise WireError("maximum segment size and window scale go on a SYN only (RFC 9293, RFC 7323)", segment)
    octets(segment, "options", range(0, 41, 4))
    if segment.header_size > 60:
        raise WireError(f"a TCP header of {segment.header_size} octets; expected at most 60", segment)
    options = segment.options
    if segment.maximum_segment_size is not None:
        options = b"\x02\x04" + number(segment, "maximum_segment_size", 16).to_bytes(2, "big") + options
    if segment.window_scale is not None:
        options += b"\x01\x03\x03" + number(segment, "window_scale", 8).to_bytes(1, "big")
    return FORMS[TCP].write(segment, dataofs=segment.header_size // 4, options=_tcp_options(options))


def _tcp_options(options: bytes) -> object:
    """Return the options by name, to be read by people; the plain octets where scapy would write other ones."""
    field: Any = layers.inet.TCPOptionsField("options", b"")
    try:
        named = field.m2i(None, options)
        return named if field.i2m(None, named) == options else layers.RawVal(options)
    except Exception:  # any failure of scapy to name them: the octets stand
        return layers.RawVal(options)


def _mobility(message: MobilityMessage) -> layers.Layer:
    """Return a Mobility Header with its checksum field zero."""
    return message.form.write(message, cksum=0, **_structure(message))


def _icmp(message: IcmpMessage) -> layers.Layer:
    """Return an ICMPv6 message and its options, its checksum field zero."""
    layer = message.form.write(message, cksum=0)
    if isinstance(message, icmpv6.IcmpError) and message.parameter and message.type in icmpv6.WITHOUT_PARAMETER:
        reason = f"parameter {message.parameter} of ICMPv6 error {message.type}; expected 0"
        raise WireError(reason, message.parameter)
    for option in getattr(message, "options", ()):
        layer.add_payload(option.form.write(option, len=option.size // 8))
    return layer
