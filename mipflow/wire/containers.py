"""The container formats of captures: pcap and pcapng, compressed with gzip or not.

Takes a path; gives an open file and its records: time, link type, octets, original length. What follows a damaged
record is not guessed at.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple

from mipflow.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

NS = 1_000_000_000
MOST_OCTETS = 1 << 26
"""A record or block that claims more is damage: it would be read into memory at once."""


class Damage(Exception):
    """What is wrong with the record behind the last whole one."""


class Record(NamedTuple):
    """One captured frame: time since 1970 in ns, link type, what was kept of it, octets that it had."""

    time_ns: int
    link_type: int
    data: bytes
    original_length: int


def open_records(path: Path) -> tuple[IO[bytes], Iterator[Record]]:
    """Open a capture and read its header.

    Raises DatasetError, in one line, for a file that is not there, is empty, or is no capture.
    """
    expected = (
        "expected a pcap or pcapng capture (as tcpdump and Wireshark write), compressed with gzip or not"
    )
    try:
        stream = _unpacked(path.open("rb"))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}; {expected}", path) from error
    try:
        magic = _exactly(stream, 4, "file type", end_allowed=True)
        if magic == b"\x0a\x0d\x0d\x0a":
            return stream, _pcapng_records(stream)
        if magic in _PCAP_MAGICS:
            return stream, _pcap_records(stream, *_PCAP_MAGICS[magic], _exactly(stream, 20, "file header"))
        found = f"is no capture: it starts with {magic.hex(' ')}" if magic else "is empty"
    except Damage as damage:
        found = f"is no capture: {damage}"
    stream.close()
    raise DatasetError(f"{path} {found}; {expected}", path)


def _unpacked(stream: BufferedReader) -> IO[bytes]:
    """The stream itself, or what gzip has packed into it. It only looks ahead, so a pipe will do."""
    if stream.peek(2)[:2] != b"\x1f\x8b":
        return stream
    unpacked = gzip.GzipFile(fileobj=stream)
    unpacked.myfileobj = stream  # type: ignore[assignment]  # closed together with it, as gzip.open does
    return unpacked  # type: ignore[return-value]  # reads as IO[bytes] does


def _exactly(stream: IO[bytes], count: int, what: str, end_allowed: bool = False) -> bytes:
    """The next `count` octets; none where the file may end here and does. Raises Damage where some are missing."""
    try:
        data = stream.read(count)
    except (EOFError, OSError, zlib.error) as error:  # EOFError: a gzip stream without its end
        raise Damage(f"{what} unreadable ({str(error).rstrip('.').lower()})") from error
    if len(data) < count and not (end_allowed and not data):
        raise Damage(f"{len(data)} of {count} octets of a {what}")
    return data


# --- pcap ----------------------------------------------------------------------------------------------------

_PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""First four octets -> byte order, nanoseconds in a unit of the fraction."""


def _pcap_records(stream: IO[bytes], order: str, unit_ns: int, header: bytes) -> Iterator[Record]:
    link_type = (
        struct.unpack(order + "16xI", header)[0] & 0xFFFF
    )  # the upper bits tell of a frame check sequence
    unpack = struct.Struct(order + "IIII").unpack
    while octets := _exactly(stream, 16, "record header", end_allowed=True):
        seconds, fraction, captured, original = unpack(octets)
        _check_length(captured)
        data = _exactly(stream, captured, "record")
        yield Record(seconds * NS + fraction * unit_ns, link_type, data, original)


def _check_length(count: int) -> None:
    if count > MOST_OCTETS:
        raise Damage(f"a record that claims {count} octets")


# --- pcapng --------------------------------------------------------------------------------------------------

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_IF_TSRESOL, _IF_TSOFFSET = 9, 14


class _Interface(NamedTuple):
    link_type: int
    snap_length: int  # 0: no limit
    ticks_per_s: int
    offset_s: int


def _pcapng_records(stream: IO[bytes]) -> Iterator[Record]:
    """The records of all sections; the file type has been read already."""
    order = _byte_order(stream)
    interfaces: list[_Interface] = []
    time_ns = 0
    while head := _exactly(stream, 8, "block header", end_allowed=True):
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            order = _byte_order(stream, head[4:])
            interfaces.clear()
            continue
        kind, size = struct.unpack(order + "II", head)
        body = _body(stream, size)
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind in (_ENHANCED_PACKET, _OLD_PACKET):
            record = _packet(body, order, kind, interfaces)
            time_ns = record.time_ns
            yield record
        elif kind == _SIMPLE_PACKET:  # has no time of its own, and is of the first interface
            yield _simple_packet(body, order, time_ns, interfaces)


def _byte_order(stream: IO[bytes], size: bytes = b"") -> str:
    """Skip a section header; the order in which the section's numbers are written. `size` is its length field."""
    size = size or _exactly(stream, 4, "section header")
    magic = _exactly(stream, 4, "section header")
    order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(magic)
    if order is None:
        raise Damage(f"a section header with byte order {magic.hex()}")
    _body(stream, struct.unpack(order + "I", size)[0] - 4)
    return order


def _body(stream: IO[bytes], size: int) -> bytes:
    """What stands between the two length fields of a block; `size` counts its header and both."""
    if size < 12 or size % 4:
        raise Damage(f"a block that claims {size} octets")
    _check_length(size)
    return _exactly(stream, size - 8, "block")[:-4]


def _interface(body: bytes, order: str) -> _Interface:
    link_type, snap_length = _fields(order + "HxxI", body)
    options = dict(_options(body[8:], order))
    resolution = options.get(_IF_TSRESOL, b"\x06")[0]
    ticks_per_s = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    offset = options.get(_IF_TSOFFSET, bytes(8))
    return _Interface(link_type, snap_length, ticks_per_s, struct.unpack(order + "q", offset)[0])


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, position)
        if code == 0:
            return
        value = data[position + 4 : position + 4 + size]
        if len(value) < size or (code, size) in ((_IF_TSRESOL, 0), (_IF_TSOFFSET, 0)):
            raise Damage(f"an interface option {code} of {size} octets")
        yield code, value
        position += 4 + (size + 3 & ~3)


def _packet(body: bytes, order: str, kind: int, interfaces: list[_Interface]) -> Record:
    shape = "IIIII" if kind == _ENHANCED_PACKET else "HxxIIII"  # the old form counts drops in the gap
    number, high, low, captured, original = _fields(order + shape, body)
    if number >= len(interfaces):
        raise Damage(f"a packet of interface {number}, which is not described")
    link_type, _, ticks_per_s, offset_s = interfaces[number]
    data = body[20 : 20 + captured]
    if len(data) < captured:
        raise Damage(f"a packet of {captured} octets in a block of {len(body)}")
    time_ns = (high << 32 | low) * NS // ticks_per_s + offset_s * NS
    return Record(time_ns, link_type, data, original)


def _simple_packet(body: bytes, order: str, time_ns: int, interfaces: list[_Interface]) -> Record:
    if not interfaces:
        raise Damage("a packet before any interface is described")
    (original,) = _fields(order + "I", body)
    captured = min(original, interfaces[0].snap_length or original, len(body) - 4)
    return Record(time_ns, interfaces[0].link_type, body[4 : 4 + captured], original)


def _fields(shape: str, body: bytes) -> tuple[int, ...]:
    if len(body) < struct.calcsize(shape):
        raise Damage(f"a block of {len(body)} octets that needs {struct.calcsize(shape)}")
    return struct.unpack_from(shape, body)
