"""Bytes of many packets, fast: scapy builds one packet of each shape, the others are patched copies.

Takes packets one after the other; gives the same bytes as `codec.encode`, some hundred times as fast. The part that the
packets of a flow share is the template; patched are hop limits, lengths, the numbers of TCP segments and of echo
messages, the data, and the checksum, which is a sum and so needs only what was patched (RFC 1624).
"""

from __future__ import annotations

import struct
from dataclasses import fields
from operator import attrgetter
from typing import NamedTuple

from mipflow.wire.chain import octet_sum, pseudo_header_addresses, upper_sum
from mipflow.wire.codec import encode, next_header
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import TCP, UDP, Header, Packet

MOST_TEMPLATES = 4096
"""The most templates that are kept: one for each shape of data packet, and one for each distinct control packet."""
BLANKS = {17: range(4, 8), 6: (*range(4, 12), *range(14, 18)), 58: range(2, 8)}
"""Next header -> octets of the header that are patched."""
ECHO = EchoRequest, EchoReply

_PATCHED = {"sequence", "acknowledgement", "window", "payload"}
_KEPT = [each.name for each in fields(TCP) if each.name not in _PATCHED]
_SHAPES = {UDP: attrgetter("source_port", "destination_port"), TCP: attrgetter(*_KEPT)}
"""Type of a payload -> what gives the fields that are not patched."""

_put_16 = struct.Struct(">H").pack_into
_put_16_16 = struct.Struct(">HH").pack_into
_put_32_32 = struct.Struct(">II").pack_into


class _Template(NamedTuple):
    """Headers with everything that is patched left zero, all but the octets of IPv6 headers."""

    headers: bytes
    starts: tuple[int, ...]  # octets at which the IPv6 headers start
    upper: int  # octet at which UDP, TCP or an echo message starts
    total: int  # of all that the checksum covers, but for what is patched


class Encoder:
    """Encodes packets, remembering the shapes that it has seen. One serves a whole capture."""

    def __init__(self) -> None:
        self._templates: dict[object, _Template] = {}
        self._alike: dict[object, Header] = {}
        """Source, destination and marks -> the first header that had them."""
        self._headers: dict[Header, Header] = {}
        """Headers, which many packets share -> the first one like each."""
        self._datagrams: dict[Header, tuple[UDP, int, bytes]] = {}
        """Header -> the last datagram behind it, with its hop limit and octets: many are sent again and again."""

    def encode(self, packet: Packet) -> bytes:
        """Return the octets of the packet, as `codec.encode` gives them. Raises WireError as that does."""
        header, payload, hop_limit = packet.header, packet.payload, packet.hop_limit
        last = self._datagrams.get(header)
        if last is not None and last[0] is payload and last[1] == hop_limit and len(last[2]) == packet.size:
            return last[2]
        try:
            key = self._shape(packet)
            template = self._templates.get(key)
            if template is None:
                if len(self._templates) >= MOST_TEMPLATES:
                    self._templates.clear()
                template = self._templates[key] = _template(packet)
            octets = _patched(template, packet)
        except (TypeError, ValueError, OverflowError, struct.error):  # a field that does not fit: encode names it
            return encode(packet)
        if len(octets) != packet.size:
            return encode(packet)
        if type(payload) is UDP:
            self._datagrams[header] = payload, hop_limit, octets
        return octets

    def _shape(self, packet: Packet) -> tuple[object, ...]:
        """Return the values that packets share whose bytes differ only where `_patched` writes."""
        header, payload = packet.header, packet.payload
        first = self._headers.get(header)
        if first is None:
            if len(self._headers) >= MOST_TEMPLATES:
                for known in (self._alike, self._headers, self._datagrams):
                    known.clear()
            key = header.source, header.destination, header.marks
            first = self._headers[header] = self._alike.setdefault(key, header)
        kind = type(payload)
        shape: object = payload  # a control message is its own shape
        if kind in _SHAPES:
            shape = _SHAPES[kind](payload)
        elif isinstance(payload, Packet):
            shape = self._shape(payload)
        elif kind in ECHO:
            shape = None
        return first, kind, shape


def _template(packet: Packet) -> _Template:
    octets = bytearray(encode(packet))
    starts = []
    upper = 0
    inner: object = packet
    while isinstance(inner, Packet):
        carrier = inner
        starts.append(upper)
        upper += carrier.size - carrier.payload.size
        inner = carrier.payload
    if type(inner) not in (UDP, TCP, *ECHO):
        return _Template(bytes(octets), tuple(starts), upper, 0)
    del octets[upper + (inner.header_size if isinstance(inner, TCP) else 8) :]
    number = next_header(inner)
    for place in BLANKS[number]:
        octets[upper + place] = 0
    ends = pseudo_header_addresses(carrier.source, carrier.destination, carrier.extensions)
    headers = bytes(octets[upper:])
    return _Template(bytes(octets), tuple(starts), upper, upper_sum(ends, number, headers) - len(headers))


def _patched(template: _Template, packet: Packet) -> bytes:
    headers, starts, upper, total = template
    octets = bytearray(headers)
    payload: object = packet
    for start in starts:
        assert type(payload) is Packet
        octets[start + 7] = payload.hop_limit
        _put_16(octets, start + 4, payload.size - 40)
        payload = payload.payload
    if type(payload) is UDP:
        data = payload.payload
        length = 8 + len(data)
        total += 2 * length + octet_sum(data)
        _put_16_16(octets, upper + 4, length, -total % 65535 or 0xFFFF)
    elif type(payload) is TCP:
        data = payload.payload
        sequence, acknowledgement, window = payload.sequence, payload.acknowledgement, payload.window
        total += len(octets) - upper + len(data) + sequence + acknowledgement + window + octet_sum(data)
        _put_32_32(octets, upper + 4, sequence, acknowledgement)
        _put_16_16(octets, upper + 14, window, -total % 65535)
    elif isinstance(payload, ECHO):
        data = payload.data
        total += 8 + len(data) + payload.identifier + payload.sequence + octet_sum(data)
        _put_16(octets, upper + 2, -total % 65535)
        _put_16_16(octets, upper + 4, payload.identifier, payload.sequence)
    else:
        return bytes(octets)
    return b"".join((octets, data))
