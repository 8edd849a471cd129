"""From a captured frame to the IP packet in it: link headers of Ethernet, Linux cooked, raw IP and loopback.

Takes a record; gives a Frame, or the reason why there is none.
"""

from __future__ import annotations

from typing import NamedTuple

from mipflow.wire.containers import Record


class Frame(NamedTuple):
    """One captured IPv4 or IPv6 packet.

    `time_ns` counts from 1970. `data` is what was captured of the packet, from its IP header on, without a link's
    padding. `original_length` is the length in octets that the packet had; more than that of `data` where the capture
    kept only the start. `section` is that of the file, from 0 on; where not `is_stamped` the time is that of the packet
    before, 0 where none had one.
    """

    time_ns: int
    data: bytes
    original_length: int
    section: int = 0
    is_stamped: bool = True

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.data[0] >> 4


IP_TYPES = {0x0800, 0x86DD}
VLAN_TAGS = {0x8100, 0x88A8, 0x9100}
TYPE_AT = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Ethernet, Linux cooked 1 and 2: octet at which the type of what follows stands, octet at which that begins."""
UNTYPED = {12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}
"""Raw IP under its several numbers, and loopback: octet at which the packet begins."""
LINK_NAMES = {9: "PPP", 105: "IEEE 802.11", 127: "IEEE 802.11 radiotap", 192: "PPI", 195: "IEEE 802.15.4", 220: "USB"}


def network_layer(record: Record) -> Frame | str:
    """The IP packet in a captured frame, or in words why there is none."""
    time_ns, link_type, data, original_length, *_ = record
    if link_type in TYPE_AT:
        type_at, start = TYPE_AT[link_type]
        kind = int.from_bytes(data[type_at : type_at + 2], "big")
        while kind in VLAN_TAGS:
            kind = int.from_bytes(data[start + 2 : start + 4], "big")
            start += 4
        if kind not in IP_TYPES and len(data) >= start:
            return f"ethertype 0x{kind:04x}, not IP" if kind >= 0x600 else "IEEE 802.3 frame, not IP"
    elif link_type in UNTYPED:
        start = UNTYPED[link_type]
    else:
        return f"link type {link_type} ({LINK_NAMES.get(link_type, 'unknown')})"
    if len(data) <= start:
        return "cut off before the IP header"
    return _frame(time_ns, data[start:], original_length - start)


def _frame(time_ns: int, data: bytes, original_length: int) -> Frame | str:
    """The packet without what a link may have added behind it."""
    version = data[0] >> 4
    if version not in (4, 6):
        return f"IP version {version}"
    least, length_at = (41, 4) if version == 6 else (20, 2)
    length = int.from_bytes(data[length_at : length_at + 2], "big") + (40 if version == 6 else 0)
    # An unbelievable length is that of a jumbogram, or of a segment that the network card was to cut; or it is cut off.
    if not least <= length <= original_length or len(data) < length_at + 2:
        return Frame(time_ns, data, max(original_length, len(data)))
    return Frame(time_ns, data[:length], length)
