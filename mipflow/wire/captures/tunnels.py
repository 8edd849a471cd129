"""Tunnels in captured packets: the packet that another one carries by IP in IP, by GRE or over UDP.

Takes a frame and where its payload begins; gives the frame inside. About octets that only look like a tunnel it says
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error

from mipflow.wire.captures.frames import Frame, claimed_length, packet
from mipflow.wire.captures.links import ETHERNET, IP_TYPES, IPV4, IPV6, MPLS, past_type

UDP = 17
_words = Struct(">HH").unpack_from

Place = int | str | None
"""The octet at which an IP packet begins, or why there is none; None: this is no such tunnel."""


def _gre(data: bytes, at: int) -> Place:
    """Step over GRE (RFC 2784, RFC 2890; version 1 is PPTP's, RFC 2637). Mirrored frames (ERSPAN) have eight octets
    more.
    """
    flags, kind = _words(data, at)
    if flags & 0x4000:
        return "GRE with a source route"
    sizes = ((0x8000, 4), (0x2000, 4), (0x1000, 4), (0x0080 * (flags & 1), 4))
    at += 4 + sum(size for flag, size in sizes if flags & flag)
    if kind == 0x88BE:
        return past_type(ETHERNET, data, at + 8 * (flags & 0x1000 > 0))
    if at >= len(data):
        return "GRE without a packet"
    return past_type(kind, data, at)


def _teredo(data: bytes, at: int) -> Place:
    """Step over Teredo (RFC 4380 section 5.1.1): authentication and origin indication may stand in front."""
    if data[at : at + 2] == b"\x00\x01":
        at += 13 + data[at + 2] + data[at + 3]
    if data[at : at + 2] == b"\x00\x00":
        at += 8
    return at if data[at] >> 4 == 6 else None


def _vxlan(data: bytes, at: int) -> Place:
    """Step over VXLAN (RFC 7348 section 5)."""
    is_vxlan = data[at : at + 4] == b"\x08\0\0\0" and data[at + 7] == 0
    return past_type(ETHERNET, data, at + 8) if is_vxlan else None


def _geneve(data: bytes, at: int) -> Place:
    """Step over Geneve (RFC 8926 section 3.4)."""
    first, kind = _words(data, at)
    is_geneve = not first & 0xC03F and (kind == ETHERNET or kind in IP_TYPES)
    return past_type(kind, data, at + 8 + 4 * (first >> 8)) if is_geneve else None


def _gtp(data: bytes, at: int) -> Place:
    """Step over a G-PDU with its optional fields and extension headers (3GPP TS 29.281 section 5)."""
    flags = data[at]
    if flags >> 4 != 3 or data[at + 1] != 255:
        return None
    follows, at = 0, at + 8
    if flags & 7:
        follows, at = data[at + 3] * (flags >> 2 & 1), at + 4
    while follows:
        size = 4 * data[at]
        if not size:
            return None
        follows, at = data[at + size - 1], at + size
    return at


TUNNELS: dict[int, tuple[str, Callable[[bytes, int], Place]]] = {
    4: ("IPv4 in IP", lambda data, at: past_type(IPV4, data, at)),
    41: ("IPv6 in IP", lambda data, at: past_type(IPV6, data, at)),
    47: ("GRE", _gre),
    97: ("EtherIP", lambda data, at: past_type(ETHERNET, data, at + 2)),
    137: ("MPLS in IP", lambda data, at: past_type(MPLS, data, at)),
}
"""Protocol -> tunnel. UDP may carry one as well."""
OVER_UDP: dict[int, tuple[str, Callable[[bytes, int], Place]]] = {
    2152: ("GTP-U", _gtp), 3544: ("Teredo", _teredo), 4789: ("VXLAN", _vxlan), 6081: ("Geneve", _geneve),
    8472: ("VXLAN", _vxlan),
}  # fmt: skip
"""Port of an end -> tunnel."""


FILLING = {"GTP-U", "Teredo"}
"""Tunnels whose headers any octets look like: there the packet has to fill the datagram."""
WELL_KNOWN = 1024
"""The first port that is not well known: an end that talks to a well-known one may have a tunnel's port by chance."""


def inside(frame: Frame, protocol: int, start: int) -> tuple[str, Frame] | str | None:
    """Return the tunnel that begins at octet `start`, and the packet in it, or why there is none; None where none
    begins.

    Raises IndexError or struct.error where it ends too early; a datagram that does is none.
    """
    data, tunnel = frame.data, TUNNELS.get(protocol)
    if protocol == UDP:
        source, destination = _words(data, start)
        if min(source, destination) >= WELL_KNOWN:
            tunnel = OVER_UDP.get(destination) or OVER_UDP.get(source)
        start += 8
    if tunnel is None:
        return None
    name, find = tunnel
    try:
        found = find(data, start)
        if name in FILLING and isinstance(found, int):
            end = start - 8 + _words(data, start - 4)[0]
            found = found if found + claimed_length(data[found : found + 6]) == end else None
    except (IndexError, error):
        if protocol != UDP:
            raise
        found = None
    if not isinstance(found, int):
        return None if found is None or name in FILLING else f"{found}, in {name}"
    carried = packet(frame.time_ns, data[found:], frame.original_length - found)
    if isinstance(carried, str):
        return None if protocol == UDP else f"{carried}, in {name}"
    return name, carried
