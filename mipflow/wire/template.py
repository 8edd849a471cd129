"""Bytes of many packets, fast: scapy builds one packet of each shape, the others are patched copies.

Takes packets one after the other; gives the same bytes as `codec.encode`, some hundred times as fast. What the
packets of a flow share is the template; patched are hop limits, lengths, the numbers of TCP segments and of echo
messages, the data, and the checksum, which is a sum and so needs only what was patched (RFC 1624).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from mipflow.wire.checksum import octet_sum, pseudo_header_addresses, pseudo_header_sum
from mipflow.wire.codec import encode
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import TCP, UDP, Packet

MOST_TEMPLATES = 4096
"""Templates that are kept: one for each shape of data packet, and one for each distinct control packet."""
ECHO = (EchoRequest, EchoReply)

_put_16 = struct.Struct(">H").pack_into
_put_16_16 = struct.Struct(">HH").pack_into
_put_32_32 = struct.Struct(">II").pack_into


class _Template(NamedTuple):
    """Headers with everything that is patched left zero."""

    headers: bytes
    address_sum: int  # of all that the checksum covers, but for what is patched
    start: int  # octet at which UDP or TCP starts


class Encoder:
    """Encodes packets, remembering the shapes that it has seen. One serves a whole capture."""

    def __init__(self) -> None:
        self._templates: dict[object, _Template] = {}

    def encode(self, packet: Packet) -> bytes:
        """The octets of the packet, as `codec.encode` gives them. Raises WireError as that does."""
        try:
            key = _shape(packet)
            octets = _patched(self._templates.get(key) or self._learn(key, packet), packet)
            return octets if len(octets) == packet.size else encode(packet)
        except (
            TypeError,
            ValueError,
            OverflowError,
            struct.error,
        ):  # a field that does not fit: encode names it
            return encode(packet)

    def _learn(self, key: object, packet: Packet) -> _Template:
        if len(self._templates) >= MOST_TEMPLATES:
            self._templates.clear()
        template = self._templates[key] = _template(packet)
        return template


def _shape(packet: Packet) -> tuple[object, ...]:
    """What a packet must share with another for their bytes to differ only where `_patched` writes."""
    payload = packet.payload
    shape: object
    if type(payload) is UDP:
        shape = (payload.source_port, payload.destination_port)
    elif type(payload) is TCP:
        shape = (
            payload.source_port, payload.destination_port, payload.syn, payload.ack, payload.fin, payload.rst,
            payload.psh, payload.maximum_segment_size, payload.window_scale, payload.options,
            payload.other_flags, payload.urgent_pointer,
        )  # fmt: skip
    elif type(payload) is Packet:
        shape = _shape(payload)
    elif type(payload) in ECHO:
        shape = None
    else:
        shape = payload  # a control message is its own shape
    return (
        packet.source, packet.destination, packet.extensions, packet._first_word, type(payload), shape,
    )  # fmt: skip


def _template(packet: Packet) -> _Template:
    octets = bytearray(encode(packet))
    start = 0
    inner: object = packet
    while isinstance(inner, Packet):
        carrier = inner
        start += 40 + sum(header.size for header in carrier.extensions)
        inner = carrier.payload
    if isinstance(inner, UDP):
        number, end = 17, start + 8
        octets[start + 4 : start + 8] = bytes(4)
    elif isinstance(inner, TCP):
        number, end = 6, start + inner.header_size
        octets[start + 4 : start + 12] = bytes(8)
        octets[start + 14 : start + 18] = bytes(4)
    elif isinstance(inner, ECHO):
        number, end = 58, start + 8
        octets[start + 2 : start + 8] = bytes(6)
    else:
        return _Template(bytes(octets), 0, start)
    ends = pseudo_header_addresses(carrier.source, carrier.destination, carrier.extensions)
    headers = bytes(octets[:end])
    return _Template(headers, pseudo_header_sum(*ends, 0, number) + octet_sum(headers[start:]), start)


def _patched(template: _Template, packet: Packet) -> bytes:
    octets = bytearray(template.headers)
    octets[7] = packet.hop_limit
    _put_16(octets, 4, packet.size - 40)
    payload: object = packet.payload
    if type(payload) is Packet:
        payload = _patch_tunnelled(octets, packet)
    start = template.start
    if type(payload) is UDP:
        data = payload.payload
        length = 8 + len(data)
        total = template.address_sum + 2 * length + octet_sum(data)
        _put_16_16(octets, start + 4, length, -total % 65535 or 0xFFFF)
        octets += data
    elif type(payload) is TCP:
        data = payload.payload
        sequence, acknowledgement, window = payload.sequence, payload.acknowledgement, payload.window
        length = len(octets) - start + len(data)
        total = template.address_sum + length + sequence + acknowledgement + window + octet_sum(data)
        _put_32_32(octets, start + 4, sequence, acknowledgement)
        _put_16_16(octets, start + 14, window, -total % 65535)
        octets += data
    elif isinstance(payload, ECHO):
        _patch_echo(octets, template, payload)
    return bytes(octets)


def _patch_tunnelled(octets: bytearray, packet: Packet) -> object:
    """Write the hop limits and lengths of the packets inside `packet`; what the innermost carries."""
    position = 0
    payload: object = packet.payload
    while type(payload) is Packet:
        position += 40
        for header in packet.extensions:
            position += header.size
        packet = payload
        octets[position + 7] = packet.hop_limit
        _put_16(octets, position + 4, packet.size - 40)
        payload = packet.payload
    return payload


def _patch_echo(octets: bytearray, template: _Template, message: EchoRequest | EchoReply) -> None:
    identifier, sequence, data = message.identifier, message.sequence, message.data
    total = template.address_sum + 8 + len(data) + identifier + sequence + octet_sum(data)
    _put_16(octets, template.start + 2, -total % 65535)
    _put_16_16(octets, template.start + 4, identifier, sequence)
    octets += data
