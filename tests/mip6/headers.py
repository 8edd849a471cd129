"""Whole packets of Mobile IPv6 made, taken apart and changed by hand: `struct`, `hmac`, `hashlib` and RFCs alone."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass

MOBILITY, ROUTING, DESTINATION_OPTIONS, FRAGMENT, ICMPV6 = 135, 43, 60, 44, 58
HOTI, COTI, HOT, COT, BU, BA, BE = range(1, 8)


def checksum(source: bytes, destination: bytes, message: bytes, next_header: int) -> bytes:
    """Return the Internet checksum over pseudo-header and message, whose checksum field is zero."""
    data = source + destination + struct.pack("!I3xB", len(message), next_header) + message + bytes(len(message) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def options_of(*wanted: tuple[int, bytes], at: int, closed: bool = True) -> bytes:
    """Lay out options (type, data) from octet `at` on, aligned by Pad1 and PadN (section 6.2); closed: to 8n."""
    aligned = {2: (2, 0), 3: (8, 6), 4: (2, 0), 5: (8, 2)}
    out = b""
    for kind, data in wanted:
        unit, start = aligned.get(kind, (1, 0))
        out += padding((start - at - len(out)) % unit) + bytes([kind, len(data)]) + data
    return out + (padding(-(at + len(out)) % 8) if closed else b"")


def padding(size: int) -> bytes:
    return b"\0" * size if size < 2 else bytes([1, size - 2]) + bytes(size - 2)


def mobility_header(kind: int, body: bytes, *options: tuple[int, bytes], reserved: int = 0) -> bytes:
    """Make a Mobility Header with checksum zero; `body` is its fixed part behind the checksum (section 6.1.1)."""
    data = body + options_of(*options, at=6 + len(body))
    assert (6 + len(data)) % 8 == 0
    return struct.pack("!BBBBH", 59, (6 + len(data)) // 8 - 1, kind, reserved, 0) + data


def signed(message: bytes, kbm: bytes, care_of: bytes, correspondent: bytes) -> bytes:
    """Sign a message whose last option is blank authorization data, as section 6.2.7 says."""
    assert message[-14:-12] == b"\x05\x0c" and message[4:6] == b"\0\0"
    proof = hmac.new(kbm, care_of + correspondent + message[:-12], hashlib.sha1).digest()[:12]
    return message[:-12] + proof


BLANK = (5, bytes(12))


def packet(
    source: bytes, destination: bytes, message: bytes, home: bytes | None = None, routing: bytes | None = None,
    next_header: int = MOBILITY,
) -> bytes:  # fmt: skip
    """Make an IPv6 packet, checksum set; `home`: in a Home Address option, `routing`: in a type 2 routing header."""
    at = {MOBILITY: 4, 17: 6, ICMPV6: 2}.get(next_header)
    if at is not None:
        total = checksum(home or source, routing or destination, message, next_header)
        message = message[:at] + total + message[at + 2 :]
    if home is not None:
        message = bytes([next_header, 2, 1, 2, 0, 0, 0xC9, 16]) + home + message
        next_header = DESTINATION_OPTIONS
    if routing is not None:
        message = bytes([next_header, 2, 2, 1, 0, 0, 0, 0]) + routing + message
        next_header = ROUTING
    return ipv6(source, destination, next_header, message)


def ipv6(source: bytes, destination: bytes, next_header: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + source + destination + payload


@dataclass
class Part:
    """One header of a packet: its number, and its octets (of the last one all that follows)."""

    number: int
    octets: bytes


def chain(octets: bytes) -> list[Part]:
    """Return the headers of a packet, the IPv6 header (number 41) first; a tunnelled packet continues the list."""
    found, number, at = [Part(41, octets[:40])], octets[6], 40
    while number in (0, ROUTING, FRAGMENT, DESTINATION_OPTIONS):
        size = 8 if number == FRAGMENT else 8 * (octets[at + 1] + 1)
        found.append(Part(number, octets[at : at + size]))
        number, at = octets[at], at + size
    rest = octets[at:]
    return found + (chain(rest) if number == 41 else [Part(number, rest)])


def home_address(part: Part) -> bytes | None:
    """Return the address in the Home Address option of a destination options header."""
    at = 2
    while part.number == DESTINATION_OPTIONS and at < len(part.octets):
        kind = part.octets[at]
        if kind == 0xC9:
            return part.octets[at + 2 : at + 18]
        at += 1 if kind == 0 else 2 + part.octets[at + 1]
    return None


def changed(octets: bytes, change: Callable[[bytes], bytes], header: Callable[[bytes], bytes] = bytes) -> bytes:
    """Change the Mobility Header of a packet, at any depth of tunnels, and set its checksum right again.

    `header` may change a type 2 routing header on the way.
    """
    source, destination, number, at = octets[8:24], octets[24:40], octets[6], 40
    kept = b""
    while number in (0, ROUTING, DESTINATION_OPTIONS):
        size = 8 * (octets[at + 1] + 1)
        part = octets[at : at + size]
        if number == ROUTING and part[2] == 2:
            destination, part = part[8:24], header(part)
        source = home_address(Part(number, part)) or source
        kept, number, at = kept + part, part[0], at + size
    rest = octets[at:]
    if number == 41:
        rest = changed(rest, change, header)
    elif number == MOBILITY:
        rest = change(rest[:4] + b"\0\0" + rest[6:])
        rest = rest[:4] + checksum(source, destination, rest, MOBILITY) + rest[6:]
    return octets[:4] + struct.pack("!H", len(kept + rest)) + octets[6:40] + kept + rest
