"""From an IPv4 or IPv6 packet of a capture to what a replay needs of its headers. Pure.

Takes frames; gives what was heard of TCP, UDP and echo, or in words why a frame is left out. The headers are read by
slices: scapy takes a hundred times as long. Checksums are not looked at, because with checksum offload they are wrong
in every frame that the recording host sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mipflow.wire.frames import Frame

Key = tuple[bytes, bytes, int, bytes]

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_FRAGMENT, _AUTHENTICATION = 44, 51
_EXTENSIONS = {0, 43, 60, _FRAGMENT, _AUTHENTICATION}
_ECHO = {_ICMP: (8, 0), _ICMPV6: (128, 129)}
"""Protocol -> types of echo request and reply."""
_NAMES = {
    2: "IGMP", 4: "IPv4 in a tunnel", 41: "IPv6 in a tunnel", 47: "GRE", 50: "ESP", 59: "nothing in an IP packet",
    89: "OSPF", 132: "SCTP", 135: "Mobility Header",
}  # fmt: skip


@dataclass(slots=True)
class Heard:
    """One packet. Addresses as 4 or 16 octets; for an echo both ports are its identifier.

    `octets` counts the payload as it was sent, `data` is what was kept of a TCP segment's. `flags` are TCP's; an echo
    request has SYN, a reply has none.
    """

    time_ns: int
    source: bytes
    destination: bytes
    protocol: str
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
        self._fragmented: dict[Key, Heard] = {}

    def read(self, frame: Frame) -> Heard | str:
        """What was heard, or why the frame is left out."""
        data = frame.data
        if frame.version == 4:
            return self._version_4(frame, data)
        return self._version_6(frame, data)

    def _version_4(self, frame: Frame, data: bytes) -> Heard | str:
        start = (data[0] & 15) * 4
        if start < 20 or len(data) < start:
            return "cut off in the IP header"
        source, destination = data[12:16], data[16:20]
        if destination[0] >= 224:
            return "to a group (multicast or broadcast)"
        if source[0] == 0:
            return "from no address"
        fragment = int.from_bytes(data[6:8], "big") & 0x3FFF
        if fragment:
            key = (source, destination, data[9], data[4:6])
            return self._fragment(frame, key, start, (fragment & 0x1FFF) * 8)
        return _upper(frame, source, destination, data[9], start)

    def _version_6(self, frame: Frame, data: bytes) -> Heard | str:
        if len(data) < 40:
            return "cut off in the IP header"
        protocol, source, destination, start = data[6], data[8:24], data[24:40], 40
        if destination[0] == 0xFF:
            return "ICMPv6 that is no echo" if protocol == _ICMPV6 else "to a group (multicast or broadcast)"
        while protocol in _EXTENSIONS:
            header = data[start : start + 8]
            if len(header) < 8:
                return "cut off in the IP header"
            kind, protocol = protocol, header[0]
            if kind == _FRAGMENT:
                start += 8
                word = int.from_bytes(header[2:4], "big")
                if word & 0xFFF9:
                    return self._fragment(frame, (source, destination, protocol, header[4:8]), start, word & 0xFFF8)
            else:
                start += (header[1] + 2) * 4 if kind == _AUTHENTICATION else (header[1] + 1) * 8
        if not any(source):
            return "from no address"
        return _upper(frame, source, destination, protocol, start)

    def _fragment(self, frame: Frame, key: Key, start: int, offset: int) -> Heard | str:
        """A piece of a packet: `start` is where it begins in the frame, `offset` where it belongs, in octets."""
        source, destination, protocol, _ = key
        if protocol == _TCP:
            return "fragment of a TCP segment"
        if offset == 0:
            heard = _upper(frame, source, destination, protocol, start, is_first=True)
            if isinstance(heard, Heard):
                self._fragmented[key] = heard
            return heard
        first = self._fragmented.get(key)
        if first is None:
            return "fragment without the first of its packet"
        first.octets = max(first.octets, offset + frame.original_length - start - 8)
        return "further fragment, counted with the first"


def _upper(
    frame: Frame, source: bytes, destination: bytes, protocol: int, start: int, is_first: bool = False
) -> Heard | str:
    """TCP, UDP or echo, which begins at octet `start`; `is_first` of several fragments."""
    data = frame.data
    length = frame.original_length - start
    header = data[start : start + 20]
    if len(header) < (20 if protocol == _TCP else 8) and protocol in (_TCP, _UDP, *_ECHO):
        return "cut off in the header of TCP, UDP or ICMP"
    first, second = int.from_bytes(header[:2], "big"), int.from_bytes(header[2:4], "big")
    if protocol == _TCP:
        size = (header[12] >> 4) * 4
        if not 20 <= size <= length:
            return f"TCP header of {size} octets"
        sequence, acknowledgement = int.from_bytes(header[4:8], "big"), int.from_bytes(header[8:12], "big")
        return Heard(
            frame.time_ns, source, destination, "TCP", first, second, length - size, header[13], sequence,
            acknowledgement, data[start + size : start + length],
        )  # fmt: skip
    if protocol == _UDP:
        claimed = int.from_bytes(header[4:6], "big")
        if claimed >= 8 and (claimed <= length or is_first):
            length = claimed  # what follows was padding, or is in the other fragments
        return Heard(frame.time_ns, source, destination, "UDP", first, second, length - 8)
    if protocol in _ECHO:
        request, reply = _ECHO[protocol]
        name = "ICMPv6" if protocol == _ICMPV6 else "ICMP"
        if header[0] not in (request, reply):
            return f"{name} that is no echo"
        identifier, sequence = int.from_bytes(header[4:6], "big"), int.from_bytes(header[6:8], "big")
        flags = SYN if header[0] == request else 0
        return Heard(frame.time_ns, source, destination, "ICMPv6", identifier, identifier, length - 8, flags, sequence)
    return _NAMES.get(protocol, f"IP protocol {protocol}")
