"""The IP packet in a captured frame.

Takes a record; gives a Frame, or the reason why there is none.
"""

from __future__ import annotations

from struct import error
from typing import NamedTuple

from mipflow.wire.captures.containers import Record
from mipflow.wire.captures.links import LINKTYPE_RAW, past_link


class Frame(NamedTuple):
    """One captured IPv4 or IPv6 packet.

    `time_ns` counts from 1970. `data` are the octets captured of the packet, from its IP header on, without a link's
    padding. `original_length` is the length in octets that the packet had; more than that of `data` where the capture
    kept only the start. `section` is that of the file, from 0 on; where not `is_stamped` the time is that of the packet
    before, 0 where none had one. `interface` is that of the section, from 0 on: each has a clock.
    """

    time_ns: int
    data: bytes
    original_length: int
    section: int = 0
    is_stamped: bool = True
    interface: int = 0


_PLAIN = {b"\x08\x00", b"\x86\xdd"}


def network_layer(record: Record) -> Frame | str:
    """Return the IP packet in a captured frame, or in words why there is none."""
    time_ns, link_type, data, original_length, section, is_stamped, interface = record
    start: int | str = 0 if link_type == LINKTYPE_RAW else 14
    if start and (link_type != 1 or data[12:14] not in _PLAIN):
        try:
            start = past_link(link_type, data)
        except (error, IndexError):
            start = len(data)
    if isinstance(start, str):
        return start
    return packet(time_ns, data[start:], original_length - start, section, is_stamped, interface)


def packet(
    time_ns: int, data: bytes, original_length: int, section: int = 0, is_stamped: bool = True, interface: int = 0
) -> Frame | str:
    """Return the packet at the start of `data`, without what a link may have added behind it."""
    if not data:
        return "cut off before the IP header"
    version = data[0] >> 4
    if version not in (4, 6):
        return f"IP version {version}"
    least, length = (41 if version == 6 else 20), claimed_length(data)
    # An unbelievable length is that of a jumbogram, or of a segment that the network card was to cut; or it is cut off.
    if not least <= length <= original_length:
        length = max(original_length, len(data))
    # As Frame() does it, in half the time.
    return tuple.__new__(Frame, (time_ns, data[:length], length, section, is_stamped, interface))


def claimed_length(data: bytes) -> int:
    """Return the octets of a packet, as its IP header says; 0 where that is cut off."""
    if data[0] >> 4 == 6:
        return 40 + (data[4] << 8 | data[5]) if len(data) > 5 else 0
    return data[2] << 8 | data[3] if len(data) > 3 else 0
