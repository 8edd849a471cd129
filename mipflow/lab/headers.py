"""From an IPv4 or IPv6 packet of a capture to what a replay needs of its headers. Pure.

Takes frames; gives what was heard of TCP, UDP and echo, or in words why a frame is left out. The headers are read by
slices: scapy takes a hundred times as long. Checksums are not looked at, because with checksum offload they are wrong
in every frame that the recording host sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from struct import Struct, error
from typing import Literal

from mipflow.wire.frames import Frame

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_TCP, _UDP, _FRAGMENT, _AUTHENTICATION = 6, 17, 44, 51
_EXTENSIONS = {0, 43, 60, _FRAGMENT, _AUTHENTICATION}
_ECHO = {1: (8, 0), 58: (128, 129)}
"""ICMP and ICMPv6 -> types of echo request and reply."""
_NAMES = {2: "IGMP", 4: "IPv4 in a tunnel", 41: "IPv6 in a tunnel", 47: "GRE", 50: "ESP", 135: "Mobility Header"}
_FIRST_GROUP = {4: 224, 6: 255}
"""IP version -> the least first octet of an address of many."""
_VERSION_4, _VERSION_6 = Struct(">B3x2sHxB2x4s4s"), Struct(">6xBx16s16s")
_EXTENSION, _TCP_HEADER, _UDP_HEADER, _ECHO_HEADER = map(Struct, (">BBH4s", ">HHIIBB6x", ">HHH2x", ">B3xHH"))


@dataclass(slots=True)
class Heard:
    """One packet. For an echo both ports are its identifier.

    `octets` counts the payload as it was sent, `data` is what was kept of a TCP segment's. `flags` are TCP's; an echo
    request has SYN, a reply has none.
    """

    time_ns: int
    source: str
    destination: str
    protocol: Literal["UDP", "TCP", "ICMPv6"]
    source_port: int
    destination_port: int
    octets: int
    flags: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    data: bytes = b""


class HeaderReader:
    """Reads frames in order; it remembers fragmented datagrams, whose length is in all of their fragments together."""

    def __init__(self) -> None:
        self._fragmented: dict[tuple[bytes, bytes, bytes], Heard] = {}

    def read(self, frame: Frame) -> Heard | str:
        """What was heard, or why the frame is left out."""
        try:
            return self._read(frame)
        except error:
            return "cut off in its headers"

    def _read(self, frame: Frame) -> Heard | str:
        data, fragment, number, offset = frame.data, 0, b"", 0
        if frame.version == 4:
            first, number, fragment, protocol, source, destination = _VERSION_4.unpack_from(data)
            start = max(first & 15, 5) * 4
            fragment, offset = fragment & 0x3FFF, (fragment & 0x1FFF) * 8
        else:
            protocol, source, destination = _VERSION_6.unpack_from(data)
            start = 40
            while protocol in _EXTENSIONS and not offset:
                kind = protocol
                protocol, size, word, identification = _EXTENSION.unpack_from(data, start)
                if kind == _FRAGMENT:
                    size, fragment, number, offset = 0, word & 0xFFF9, identification, word & 0xFFF8
                start += (size + 2) * 4 if kind == _AUTHENTICATION else (size + 1) * 8
        if fragment and protocol == _TCP:
            return "fragment of a TCP segment"
        key = (source, destination, number)
        if offset:
            begun = self._fragmented.get(key)
            if begun is None:
                return "fragment without the first of its packet"
            begun.octets = max(begun.octets, offset + frame.original_length - start - 8)
            return "further fragment, counted with the first"
        heard = _upper(frame, source, destination, protocol, start)
        if isinstance(heard, Heard):
            if destination[0] >= _FIRST_GROUP[frame.version]:
                return "to a group (multicast or broadcast)"
            if not any(source):
                return "from no address"
            if fragment:
                self._fragmented[key] = heard
        return heard


def _upper(frame: Frame, source: bytes, destination: bytes, protocol: int, start: int) -> Heard | str:
    """TCP, UDP or echo, which begins at octet `start`."""
    data, length = frame.data, frame.original_length - start
    ends = frame.time_ns, _text(source), _text(destination)
    if protocol == _TCP:
        near, far, sequence, acknowledgement, words, flags = _TCP_HEADER.unpack_from(data, start)
        size = (words >> 4) * 4
        if not 20 <= size <= length:
            return f"TCP header of {size} octets"
        kept = data[start + size : start + length]
        return Heard(*ends, "TCP", near, far, length - size, flags, sequence, acknowledgement, kept)
    if protocol == _UDP:
        near, far, claimed = _UDP_HEADER.unpack_from(data, start)
        octets = claimed if 8 <= claimed <= length else length  # what follows was padding
        return Heard(*ends, "UDP", near, far, octets - 8)
    if protocol in _ECHO:
        kind, identifier, sequence = _ECHO_HEADER.unpack_from(data, start)
        if kind not in _ECHO[protocol]:
            return "ICMP that is no echo" if protocol == 1 else "ICMPv6 that is no echo"
        flags = SYN if kind == _ECHO[protocol][0] else 0
        return Heard(*ends, "ICMPv6", identifier, identifier, length - 8, flags, sequence)
    return _NAMES.get(protocol, f"IP protocol {protocol}")


@lru_cache(4096)
def _text(address: bytes) -> str:
    return str(ip_address(address))
