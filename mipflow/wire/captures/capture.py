"""Captures in, captures out: pcap or pcapng becomes a stream of network-layer frames, packets become pcap.

Takes paths; gives frames, and a file that tshark reads.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from mipflow.errors import ProtocolMisuse
from mipflow.files import AnyPath, written_whole
from mipflow.wire.captures.containers import NS, Damage, open_records
from mipflow.wire.captures.frames import Frame, network_layer
from mipflow.wire.captures.links import LINKTYPE_RAW
from mipflow.wire.captures.template import Encoder
from mipflow.wire.packet import Packet

NANOSECOND_MAGIC = 0xA1B23C4D
MOST_READ, PER_RECORD = 1 << 32, 2048
"""The most octets that are read of one capture, and those that each record counts beside its own: a file of holes, or
one packed by gzip, can hold more than anybody waits for.
"""


class Capture(Iterable[Frame], AbstractContextManager["Capture"]):
    """An open capture: iterate over its frames, once.

    `skipped` counts the records that hold no IPv4 or IPv6 packet, by reason. `cut_off` is None, or after the last
    frame one line that says where the file was damaged or cut off, or became too long; the frames before are whole.
    """

    def __init__(self, path: AnyPath) -> None:
        self._stream, self._records = open_records(path)
        self.path = Path(path)
        self.skipped: Counter[str] = Counter()
        self.cut_off: str | None = None
        self._frames = self._read()

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Iterating to the end does it too."""
        self._frames.close()
        self._stream.close()

    def _read(self) -> Generator[Frame, None, None]:
        count = octets = 0
        with self._stream:
            try:
                for record in self._records:
                    octets += PER_RECORD + len(record[2])
                    if octets > MOST_READ:
                        self.cut_off = f"{self.path} is read up to record {count}: what follows is too much"
                        break
                    count += 1
                    frame = network_layer(record)
                    if isinstance(frame, str):
                        self.skipped[frame] += 1
                    else:
                        yield frame
            except Damage as damage:
                self.cut_off = f"{self.path} is cut off or damaged behind record {count}: {damage}"


def read(path: AnyPath) -> Capture:
    """Open a pcap or pcapng file, compressed with gzip or not, and read it frame by frame.

    Raises DatasetError at once where there is no capture to read. A file that is cut off later gives its whole
    frames, and says so in `Capture.cut_off`.
    """
    return Capture(path)


def write(path: AnyPath, packets: Iterable[tuple[int, Packet]]) -> int:
    """Write (time in ns, packet) pairs as a pcap file of nanosecond resolution; how many there were.

    The link type is raw IP, the one that needs no invented link addresses and that every reader of pcap knows. The
    file appears whole or not at all. Raises DatasetError where it cannot be written, and WireError for a packet that
    has no bytes.
    """
    encode, header, count = Encoder().encode, struct.Struct("<IIII").pack, 0
    with written_whole(path) as stream:
        stream.write(struct.pack("<IHHIIII", NANOSECOND_MAGIC, 2, 4, 0, 0, 262144, LINKTYPE_RAW))
        write = stream.write
        for count, (time_ns, packet) in enumerate(packets, 1):  # the last count is the result
            octets = encode(packet)
            size = len(octets)
            try:
                write(header(time_ns // NS, time_ns % NS, size, size) + octets)
            except struct.error:
                expected = "expected 0 to 2**32 seconds, as pcap has them"
                raise ProtocolMisuse(f"time {time_ns} ns of packet {count}; {expected}", time_ns) from None
    return count
