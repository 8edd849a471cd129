"""The container formats of captures: pcap and pcapng, compressed with gzip or not.

Takes a path; gives an open file and its records: time, link type, octets, lengths, section, interface. What follows a
damaged record is not guessed at. The formats are read here and not by scapy, because its readers report a damaged or
cut-off file as its end, and forget clock offsets of pcapng.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import IO

from mipflow.errors import DatasetError
from mipflow.files import AnyPath, open_ordinary

NS = 1_000_000_000
MOST_OCTETS = 1 << 26
"""The most octets of a record or block, which is read into memory at once; one that claims more is damage."""


class Damage(Exception):
    """Damage to the record behind the last whole one, in words."""


Record = tuple[int, int, bytes, int, int, bool, int]
"""One captured frame: time since 1970 in ns, link type, the octets that were kept, how many it had, section of the file
(from 0 on), whether the time is its own, interface of the section (from 0 on). A time that is not its own is that of
the record before, 0 where none had one.
"""


def open_records(path: AnyPath) -> tuple[IO[bytes], Iterator[Record]]:
    """Open a capture and read its header.

    Raises DatasetError, in one line, for a file that is not there, is empty, or is no capture.
    """
    expected = "expected a pcap or pcapng capture (as tcpdump and Wireshark write), compressed with gzip or not"
    file = open_ordinary(path, expected)
    try:
        stream = _unpacked(file)
        magic = _exactly(stream, 4, "file type", end_allowed=True)
        if magic == SECTION:
            return stream, _pcapng_records(stream)
        if magic in PCAP:
            return stream, _pcap_records(stream, *PCAP[magic], _exactly(stream, 20, "file header"))
        found = f"is no capture: it starts with {magic.hex(' ')}" if magic else "is empty"
    except (Damage, OSError) as damage:
        found = f"is no capture: {damage}"
    file.close()
    raise DatasetError(f"{path} {found}; {expected}", path)


def _unpacked(stream: BufferedReader) -> IO[bytes]:
    """Return the stream itself, or a stream of what gzip has packed into it."""
    if stream.peek(2)[:2] != b"\x1f\x8b":
        return stream
    unpacked = gzip.GzipFile(fileobj=stream)
    unpacked.myfileobj = stream  # type: ignore[assignment]  # closed together with it, as gzip.open does
    return unpacked  # type: ignore[return-value]  # reads as IO[bytes] does


def _exactly(stream: IO[bytes], count: int, what: str, end_allowed: bool = False) -> bytes:
    """Read the next `count` octets; none where the file may end here and does. Raises Damage where some are missing."""
    if count > MOST_OCTETS:
        raise Damage(f"a {what} that claims {count} octets")
    try:
        data = stream.read(count)
    except (EOFError, OSError, zlib.error) as error:  # EOFError: a gzip stream without its end
        raise Damage(f"{what} unreadable ({str(error).rstrip('.').lower()})") from error
    if len(data) < count and not (end_allowed and not data):
        raise Damage(f"{len(data)} of {count} octets of a {what}")
    return data


# --- pcap ---------------------------------------------------------------------------------------------------

PCAP = {
    struct.pack(order + "I", magic): (order, unit_ns)
    for order in "<>"
    for magic, unit_ns in ((0xA1B2C3D4, 1000), (0xA1B23C4D, 1))
}
"""First four octets -> byte order, nanoseconds in a unit of the fraction."""


def _pcap_records(stream: IO[bytes], order: str, unit_ns: int, header: bytes) -> Iterator[Record]:
    link_type = struct.unpack(order + "16xI", header)[0] & 0xFFFF  # the upper bits tell of a frame check sequence
    unpack = struct.Struct(order + "IIII").unpack
    while octets := _exactly(stream, 16, "record header", end_allowed=True):
        seconds, fraction, captured, original = unpack(octets)
        data = _exactly(stream, captured, "record")
        yield seconds * NS + fraction * unit_ns, link_type, data, original, 0, True, 0


# --- pcapng -------------------------------------------------------------------------------------------------

SECTION = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 1, 2, 3, 6
PACKETS = OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET
PER_BLOCK = 32
"""Octets that each block without a packet counts beside its own."""
TICKS, OFFSET = 9, 14
"""Options of an interface: if_tsresol and if_tsoffset."""

Interface = tuple[int, int, int, int]
"""Link type, snap length (0: no limit), ticks in a second, offset of the clock in seconds."""


def _blocks(stream: IO[bytes]) -> Iterator[tuple[str, int, bytes]]:
    """Yield byte order, type and body of every block; the type of the first, a section's header, has been read already.
    """
    order = ""
    kind = SECTION
    while kind:
        size = _exactly(stream, 4, "block header")
        head = 8
        if kind == SECTION:
            magic = _exactly(stream, 4, "section header")
            if magic not in BYTE_ORDERS:
                raise Damage(f"a section header with byte order {magic.hex()}")
            order = BYTE_ORDERS[magic]
            head = 12
        length = struct.unpack(order + "I", size)[0]
        if length < head + 4 or length % 4:
            raise Damage(f"a block that claims {length} octets")
        body = _exactly(stream, length - head, "block")
        yield order, struct.unpack(order + "I", kind)[0], body[:-4]  # the length stands behind it once more
        kind = _exactly(stream, 4, "block type", end_allowed=True)


def _pcapng_records(stream: IO[bytes]) -> Iterator[Record]:
    interfaces: list[Interface] = []
    time_ns = beside = 0
    section = -1
    for order, kind, body in _blocks(stream):
        beside += 0 if kind in PACKETS else PER_BLOCK + len(body)
        if beside > MOST_OCTETS:
            raise Damage(f"more than {MOST_OCTETS} octets of blocks without packets")
        try:
            if kind == int.from_bytes(SECTION, "big"):
                interfaces, section = [], section + 1
            elif kind == INTERFACE:
                interfaces.append(_interface(body, order))
            elif kind in (ENHANCED_PACKET, OLD_PACKET):
                number, time_ns, link_type, data, original = _packet(body, order, kind, interfaces)
                yield time_ns, link_type, data, original, section, True, number
            elif kind == SIMPLE_PACKET:  # has no time of its own, and is of the first interface
                yield time_ns, *_simple_packet(body, order, interfaces[0]), section, False, 0
        except (struct.error, IndexError) as error:
            raise Damage(f"a block of type {kind} that cannot be read: {error}") from error


def _interface(body: bytes, order: str) -> Interface:
    link_type, snap_length = struct.unpack_from(order + "HxxI", body)
    ticks_per_s, offset_s = 1_000_000, 0
    position, code = 8, -1
    while position < len(body) and code:
        code, size = struct.unpack_from(order + "HH", body, position)
        if code == TICKS:
            exponent = body[position + 4]
            ticks_per_s = 1 << exponent - 0x80 if exponent & 0x80 else 10**exponent
        elif code == OFFSET:
            (offset_s,) = struct.unpack_from(order + "q", body, position + 4)
        position += 4 + size + -size % 4
    return link_type, snap_length, ticks_per_s, offset_s


def _packet(body: bytes, order: str, kind: int, interfaces: list[Interface]) -> tuple[int, int, int, bytes, int]:
    shape = "IIIII" if kind == ENHANCED_PACKET else "HxxIIII"  # the old form counts drops in the gap
    number, high, low, captured, original = struct.unpack_from(order + shape, body)
    link_type, _, ticks_per_s, offset_s = interfaces[number]
    data = body[20 : 20 + captured]
    if len(data) < captured:
        raise Damage(f"a packet of {captured} octets in a block of {len(body)}")
    return number, (high << 32 | low) * NS // ticks_per_s + offset_s * NS, link_type, data, original


def _simple_packet(body: bytes, order: str, interface: Interface) -> tuple[int, bytes, int]:
    (original,) = struct.unpack_from(order + "I", body)
    captured = min(original, interface[1] or original)
    return interface[0], body[4 : 4 + captured], original
