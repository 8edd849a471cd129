"""Link headers of captured frames, with their tags, labels and sessions: where the IP packet behind them begins.

Takes octets; gives the octet at which an IP packet begins, or in words why there is none. All is read by slices. A
frame that ends too early raises IndexError or struct.error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct

IPV4, IPV6, ETHERNET, PPP, PPPOE, MPLS = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8864, 0x8847
"""Ethertypes. Those of Ethernet and PPP serve in tunnels (RFC 1701, RFC 2637)."""
IP_TYPES = {IPV4, IPV6}
LEAST_TYPE = 0x600
"""The smallest ethertype. Less is the length of a frame with an LLC header (IEEE 802.3)."""
LLC = 0
VLAN_TAGS = {0x8100, 0x88A8, 0x9100, 0x9200}
PPP_TYPES = {0x21: IPV4, 0x57: IPV6, 0x281: MPLS, 0x283: MPLS}
"""Protocol field of PPP -> ethertype (RFC 1332, RFC 5072, RFC 3032)."""
TYPE_AT = {1: (12, 14), 104: (2, 4), 113: (14, 16), 138: (16, 18), 242: (40, 44), 276: (0, 20)}
"""Link type -> octet at which the ethertype stands, octet behind the link header: Ethernet, Cisco HDLC, Linux cooked,
Apple's IEEE 1394, InfiniBand, Linux cooked 2.
"""
LINKTYPE_RAW = 101
UNTYPED = {0: 4, 108: 4, 109: 12, 12: 0, 14: 0, LINKTYPE_RAW: 0, 228: 0, 229: 0}
"""Link type -> octet at which the packet begins: loopback, OpenBSD's IPsec, and raw IP under its several numbers."""
MOST_LINKS = 4
"""The most link headers in front of each other that are read."""
_NUMBERS: dict[str, Iterable[int]] = {
    "USB": (189, 220, 249, 266, 288, 293, 294, 295), "Bluetooth": (187, 201, 251, 254, 255, 256, 272), "vsock": (271,),
    "IEEE 802.15.4": (195, 215, 230, 283), "CAN": (190, 227), "Netlink": (253,), "D-Bus": (231,), "DOCSIS": (143,),
    "Frame Relay": (107,), "ATM": (123,), "Fibre Channel": (122, 224), "InfiniBand": (247,), "ISDN": (177, 203),
    "SS7": (139, 140, 141), "AX.25": (3, 202), "ARCNET": (7, 129), "LocalTalk": (114,), "IrDA": (144,), "LoRa": (270,),
    "Endace ERF": (197,), "Solaris IPNET": (226,), "BACnet": (165,), "NFC": (245,), "somebody's own": range(147, 163),
    "PDUs that Wireshark exported": (252,),
}  # fmt: skip
NAMES = {number: name for name, numbers in _NUMBERS.items() for number in numbers}
"""Link types that are not read -> their names."""
ADVICE = "record at a network interface instead (tcpdump -i any -w FILE)"

_word, _long = Struct(">H").unpack_from, Struct(">I").unpack_from
_little_word, _little_long = Struct("<H").unpack_from, Struct("<I").unpack_from


def past_link(link_type: int, data: bytes, at: int = 0, depth: int = 0) -> int | str:
    """Return the octet at which an IP packet begins in a frame at octet `at`, behind `depth` link headers; or why there
    is none.
    """
    if link_type in TYPE_AT:
        type_at, start = TYPE_AT[link_type]
        return past_type(_word(data, at + type_at)[0], data, at + start)
    if link_type in UNTYPED:
        return at + UNTYPED[link_type]
    reader = READERS.get(link_type)
    if reader is None:
        return f"link type {link_type} ({NAMES.get(link_type, 'unknown')}), not read: {ADVICE}"
    found = reader(data, at)
    if not isinstance(found, tuple):
        return found
    link_type, at = found
    return f"more than {MOST_LINKS} link headers" if depth == MOST_LINKS else past_link(link_type, data, at, depth + 1)


def past_type(kind: int, data: bytes, at: int) -> int | str:
    """Return the octet at which an IP packet begins, where `kind` is the ethertype of what begins at octet `at`."""
    while kind not in IP_TYPES:
        if kind in VLAN_TAGS:
            kind, at = _word(data, at + 2)[0], at + 4
        elif kind == ETHERNET:
            kind, at = _word(data, at + 12)[0], at + 14
        elif kind == PPPOE:  # RFC 2516 section 4
            kind, at = PPP, at + 6
        elif kind == PPP:
            at += 2 * (data[at : at + 2] == b"\xff\x03")  # address and control (RFC 1662 section 3.1)
            size = 1 if data[at] & 1 else 2  # a compressed field has an odd octet (RFC 1661 section 6.5)
            protocol = int.from_bytes(data[at : at + size], "big")
            if protocol not in PPP_TYPES:
                return f"PPP protocol 0x{protocol:04x}, not IP"
            kind, at = PPP_TYPES[protocol], at + size
        elif kind in (MPLS, MPLS + 1):
            while not data[at + 2] & 1:  # until the bottom of the stack (RFC 3032 section 2.1)
                at += 4
            at += 4
            inside = data[at] >> 4
            if inside in (4, 6):
                return at
            # A control word begins with zeros too (RFC 4385 section 3): there is one if behind it all is well known.
            has_word = inside == 0 and _word(data, at + 16)[0] in IP_TYPES | VLAN_TAGS | {MPLS, PPPOE}
            kind, at = ETHERNET, at + 4 * has_word
        elif kind < LEAST_TYPE and data[at : at + 3] == b"\xaa\xaa\x03":  # SNAP (RFC 1042)
            kind, at = _word(data, at + 6)[0], at + 8
            if kind < LEAST_TYPE:
                return "IEEE 802.3 frame, not IP"
        else:
            return f"ethertype 0x{kind:04x}, not IP" if kind >= LEAST_TYPE else "IEEE 802.3 frame, not IP"
    return at


# --- link headers of their own ---------------------------------------------------------------------------------------


def _past_wlan(data: bytes, at: int, unit: int = 1) -> int | str:
    """Step over an IEEE 802.11 data frame (section 9.3.2). Some cards pad its header to a multiple of `unit` octets."""
    first, flags = data[at], data[at + 1]
    kind, subtype = first >> 2 & 3, first >> 4
    if kind != 2 or subtype & 4:
        return "IEEE 802.11 frame without data"
    if flags & 0x40:
        return "IEEE 802.11 frame, encrypted: record at the station's own interface, or decrypt it first (airdecap-ng)"
    size = 24 + 6 * (flags & 3 == 3)
    if subtype & 8:
        if data[at + size] & 0x80:
            return "IEEE 802.11 frame with several packets (A-MSDU): record at the station's own interface"
        size += 2 + 4 * (flags >> 7)
    if _little_word(data, at + 22)[0] & 15:
        return "IEEE 802.11 fragment without the first of its frame"
    return past_type(LLC, data, at + size + -size % unit)


def _past_radiotap(data: bytes, at: int) -> int | str:
    """Step over radiotap's fields, of which the flags matter (www.radiotap.org), and the IEEE 802.11 frame behind."""
    present, flags = _little_long(data, at + 4)[0], 0
    if present & 2:
        place = 4
        while _little_long(data, at + place)[0] & 1 << 31:
            place += 4
        place += 4
        flags = data[at + place + (-place % 8 + 8) * (present & 1)]
    if flags & 0x40:
        return "IEEE 802.11 frame with a wrong check sequence"
    return _past_wlan(data, at + _little_word(data, at + 2)[0], 4 if flags & 0x20 else 1)


def _past_prism(data: bytes, at: int) -> int | str:
    """Step over a Prism header in its host's order, or an AVS header, which begins with 0x802110, to IEEE 802.11."""
    unpack = _long if data[at] in (0, 0x80) else _little_long
    return _past_wlan(data, at + unpack(data, at + 4)[0])


def _past_pktap(data: bytes, at: int) -> tuple[int, int] | str:
    """Read Apple's PKTAP, in its host's order: its length, whether a packet follows, and of what link type."""
    unpack = _little_long if data[at] else _long
    size, follows, link_type = (unpack(data, at + each)[0] for each in (0, 4, 8))
    return (link_type, at + size) if follows else "PKTAP record without a packet"


def _past_nflog(data: bytes, at: int) -> int | str:
    """Find the packet in Linux's NFLOG: attributes in its host's order, of which number 9 is the packet."""
    for unpack in Struct("<HH").unpack_from, Struct(">HH").unpack_from:
        place = at + 4
        while place + 4 <= len(data):
            size, kind = unpack(data, place)
            if kind & 0x7FFF == 9 and size >= 4:
                return place + 4
            if not 4 <= size <= len(data) - place:
                break
            place += size + -size % 4
    return "NFLOG record without a packet"


READERS: dict[int, Callable[[bytes, int], int | str | tuple[int, int]]] = {
    # Token ring: a source route stands behind the addresses where the source has its highest bit set (IEEE 802.5).
    6: lambda data, at: past_type(LLC, data, at + 14 + (data[at + 14] & 31) * (data[at + 8] >> 7)),
    9: lambda data, at: past_type(PPP, data, at),
    10: lambda data, at: past_type(LLC, data, at + 13),  # FDDI
    50: lambda data, at: (104 if data[at] in (0x0F, 0x8F) else 9, at),  # PPP in HDLC framing, or Cisco's
    51: lambda data, at: past_type(PPPOE, data, at),
    100: lambda data, at: past_type(LLC, data, at),  # ATM (RFC 2684)
    105: _past_wlan,
    117: lambda data, at: at + data[at] + -data[at] % 4,  # the log of the BSDs' packet filter
    119: _past_prism,
    127: _past_radiotap,
    163: _past_prism,
    166: lambda data, at: (9, at + 2),  # pppd's: the direction and 3 in the place of address and control
    192: lambda data, at: (_little_long(data, at + 4)[0], at + _little_word(data, at + 2)[0]),  # per-packet information
    204: lambda data, at: (9, at + 1),  # PPP behind the direction
    239: _past_nflog,
    258: _past_pktap,
}
"""Link type -> its reader, which gives the octet at which an IP packet begins, why there is none, or another link type
and the octet at which its frame begins.
"""
