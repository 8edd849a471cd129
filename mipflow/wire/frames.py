"""From a captured frame to the IP packet in it: link headers of Ethernet, Linux cooked, raw IP and loopback.

Takes a record; gives a Frame, or the reason why there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mipflow.wire.containers import Record


@dataclass(slots=True, frozen=True)
class Frame:
    """One captured IPv4 or IPv6 packet.

    `time_ns` counts from 1970. `data` is what was captured of the packet, from its IP header on, without a link's
    padding. `original_length` is the length in octets that the packet had; more than `captured_length` where the
    capture kept only the start.
    """

    time_ns: int
    data: bytes
    original_length: int

    @property
    def captured_length(self) -> int:
        """Octets that were captured of the packet."""
        return len(self.data)

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.data[0] >> 4


ETHERNET, NULL, LOOP, COOKED, COOKED_2 = 1, 0, 108, 113, 276
RAW = {12, 14, 101, 228, 229}
IP_TYPES = {0x0800, 0x86DD}
VLAN_TAGS = {0x8100, 0x88A8, 0x9100}
TYPE_AT = {ETHERNET: (12, 14), COOKED: (14, 16), COOKED_2: (0, 20)}
"""Link type -> octet at which the type of what follows stands, octet at which it begins."""
LINK_NAMES = {
    9: "PPP",
    105: "IEEE 802.11",
    127: "IEEE 802.11 radiotap",
    192: "PPI",
    195: "IEEE 802.15.4",
    220: "USB",
}


def network_layer(record: Record) -> Frame | str:
    """The IP packet in a captured frame, or in words why there is none."""
    link_type, data = record.link_type, record.data
    if link_type in TYPE_AT:
        type_at, start = TYPE_AT[link_type]
        kind = int.from_bytes(data[type_at : type_at + 2], "big")
        while kind in VLAN_TAGS:
            kind = int.from_bytes(data[start + 2 : start + 4], "big")
            start += 4
        if kind not in IP_TYPES and len(data) >= start:
            return f"ethertype 0x{kind:04x}, not IP" if kind >= 0x600 else "IEEE 802.3 frame, not IP"
    elif link_type in (NULL, LOOP):
        start = 4
    elif link_type in RAW:
        start = 0
    else:
        return f"link type {link_type} ({LINK_NAMES.get(link_type, 'unknown')})"
    if len(data) <= start:
        return "cut off before the IP header"
    return _frame(record.time_ns, data[start:], record.original_length - start)


def _frame(time_ns: int, data: bytes, original_length: int) -> Frame | str:
    """The packet without what a link may have added behind it."""
    version = data[0] >> 4
    if version == 6:
        length = 40 + int.from_bytes(data[4:6], "big") if len(data) >= 6 else 0
        unknown = length == 40  # as in a jumbogram or a segment that the network card was to cut
    elif version == 4:
        length = int.from_bytes(data[2:4], "big") if len(data) >= 4 else 0
        unknown = length < 20
    else:
        return f"IP version {version}"
    if unknown or not length or length > original_length:
        return Frame(time_ns, data, max(original_length, len(data)))
    return Frame(time_ns, data[:length], length)
