"""Captures: every container and link type that is read, damage, and what is written."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from mipflow.errors import DatasetError, ProtocolMisuse, WireError
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.captures import containers
from mipflow.wire.captures.capture import PER_RECORD, Capture, read, write
from mipflow.wire.captures.frames import Frame
from mipflow.wire.captures.links import ADVICE
from mipflow.wire.captures.template import MOST_TEMPLATES, Encoder
from mipflow.wire.codec import decode, encode
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import (
    TCP,
    UDP,
    DestinationOptions,
    HomeAddressOption,
    Opaque,
    Packet,
    RoutingHeaderType2,
)
from tests.oracles import mobility_faults, tshark_complaints
from tests.wire.strategies import one_of_each, packets

CAPTURES = Path(__file__).resolve().parents[3] / "datasets" / "captures"
REAL = CAPTURES / "real-mobile-node.pcap"

MN, CN, HOME = Address("2001:db8:2::10"), Address("2001:db8:c1::1"), Address("2001:db8:1::10")
IPV6 = encode(Packet(MN, CN, UDP(5004, 5004, bytes(20))))
IPV4 = bytes.fromhex("4500001c00010000401100000a0000010a000002") + bytes(8)
SECOND = 1_000_000_000


# --- containers, written here by hand


def pcap(
    records: list[tuple[int, int, bytes, int]], link_type: int = 101, order: str = "<", ns: bool = False
) -> bytes:
    """Build a pcap file of (seconds, fraction, data, original length)."""
    magic = 0xA1B23C4D if ns else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)]
    for seconds, fraction, data, original in records:
        parts += [struct.pack(order + "IIII", seconds, fraction, len(data), original), data]
    return b"".join(parts)


def one(data: bytes, link_type: int) -> bytes:
    return pcap([(1, 2, data, len(data))], link_type)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link_type: int = 101, options: bytes = b"", order: str = "<", snap_length: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snap_length) + options, order)


def enhanced(number: int, ticks: int, data: bytes, order: str = "<", original: int | None = None) -> bytes:
    original = len(data) if original is None else original
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), original)
    return block(6, head + data + bytes(-len(data) % 4) + option(2, bytes(4), order) + bytes(4), order)


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[object]:
    """Return a function that opens these octets as a capture file."""

    def open_(octets: bytes, name: str = "x.pcap") -> Capture:
        path = tmp_path / name
        path.write_bytes(octets)
        return read(path)

    yield open_


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ns", [False, True])
def test_pcap_in_both_byte_orders_and_resolutions(capture, order: str, ns: bool) -> None:
    octets = pcap([(7, 1500, IPV6, len(IPV6)), (8, 0, IPV4, len(IPV4))], order=order, ns=ns)
    found = list(capture(octets))
    assert found == [
        Frame(7 * SECOND + (1500 if ns else 1_500_000), IPV6, len(IPV6)),
        Frame(8 * SECOND, IPV4, len(IPV4)),
    ]
    assert [frame.data[0] >> 4 for frame in found] == [6, 4]


def test_compressed(capture) -> None:
    assert len(list(capture(gzip.compress(pcap([(1, 2, IPV6, len(IPV6))] * 3)), "named_anyhow"))) == 3
    assert len(list(capture(gzip.compress(section() + interface() + enhanced(0, 5, IPV6))))) == 1


def test_what_may_have_no_end_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for wrong in (path, "/dev/zero"):
        with pytest.raises(DatasetError, match="it is no ordinary file; expected a pcap"):
            read(wrong)


def test_what_nobody_waits_for_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole is records of no octets, without end; blocks that hold no packet are none either."""
    path = tmp_path / "hole.pcap"
    with path.open("wb") as hole:
        hole.write(one(IPV6, 101))
        hole.truncate(1 << 36)
    monkeypatch.setattr("mipflow.wire.captures.capture.MOST_READ", 100 * PER_RECORD)
    opened = read(path)
    assert [frame.data for frame in opened] == [IPV6] and opened.skipped.total() == 98
    assert opened.cut_off == f"{path} is read up to record 99: what follows is too much"
    blocks = section() + interface() + enhanced(0, 5, IPV6) + b"\5\0\0\0\x0c\0\0\0\x0c\0\0\0" * 1000
    path.write_bytes(blocks + enhanced(0, 6, IPV6))
    assert [frame.data for frame in read(path)] == [IPV6] * 2
    monkeypatch.setattr("mipflow.wire.captures.containers.MOST_OCTETS", 10_000)
    opened = read(path)
    assert [frame.data for frame in opened] == [IPV6]
    assert "behind record 1: more than 10000 octets of blocks without packets" in str(opened.cut_off)


MACS = bytes(12)
LINKS = {
    "Ethernet": (1, MACS + b"\x86\xdd"),
    "VLAN": (1, MACS + b"\x81\x00\x00\x05\x86\xdd"),
    "VLAN in VLAN": (1, MACS + b"\x88\xa8\x00\x07\x81\x00\x00\x05\x86\xdd"),
    "Ethernet with a check sequence": (1 | 0x2400_0000, MACS + b"\x86\xdd"),
    "cooked": (113, bytes(14) + b"\x86\xdd"),
    "cooked, VLAN": (113, bytes(14) + b"\x81\x00\x00\x05\x86\xdd"),
    "cooked 2": (276, b"\x86\xdd" + bytes(18)),
    "raw": (101, b""),
    "raw, as BSD numbers it": (12, b""),
    "IPv6": (229, b""),
    "loopback, little endian": (0, b"\x1e\0\0\0"),
    "loopback": (108, b"\0\0\0\x18"),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_types(capture, name: str) -> None:
    link_type, header = LINKS[name]
    # Four octets behind the packet, as padding or a check sequence would be.
    (frame,) = capture(one(header + IPV6 + b"\xaa" * 4, link_type))
    assert (frame.time_ns, frame.data) == (SECOND + 2000, IPV6)
    assert frame.original_length == len(frame.data) == len(IPV6)


def test_padding_of_short_ipv4_frames_is_cut(capture) -> None:
    (frame,) = capture(one(MACS + b"\x08\x00" + IPV4 + bytes(18), 1))
    assert frame.data == IPV4


def test_a_snap_length_keeps_the_original_length(capture) -> None:
    cut = MACS + b"\x86\xdd" + IPV6[:44]
    (frame,) = capture(pcap([(0, 0, cut, 14 + len(IPV6))], 1))
    assert (len(frame.data), frame.original_length) == (44, len(IPV6))
    (frame,) = capture(pcap([(0, 0, cut, 60 + len(IPV6))], 1))  # with padding that was not captured
    assert frame.original_length == len(IPV6)


def test_a_segment_too_long_for_its_length_field(capture) -> None:
    """Segmentation offload leaves the length zero."""
    octets = b"\x60\0\0\0\0\0\x06\x40" + IPV6[8:40] + bytes(70000)
    (frame,) = capture(pcap([(0, 0, octets[:100], len(octets))]))
    assert (len(frame.data), frame.original_length) == (100, 70040)


def test_what_is_no_ip_packet_is_counted(capture) -> None:
    arp, spanning_tree = MACS + b"\x08\x06" + bytes(28), MACS + b"\x00\x26" + bytes(38)
    records = [
        arp,
        arp,
        spanning_tree,
        MACS[:10],
        MACS + b"\x86\xdd",
        MACS + b"\x86\xdd\x50",
        MACS + b"\x86\xdd" + IPV6,
    ]
    opened = capture(pcap([(0, 0, data, len(data)) for data in records], 1))
    assert len(list(opened)) == 1
    assert opened.skipped == {
        "ethertype 0x0806, not IP": 2,
        "IEEE 802.3 frame, not IP": 1,
        "cut off before the IP header": 2,
        "IP version 5": 1,
    }
    assert opened.cut_off is None


def test_a_link_type_that_is_not_read_is_counted(capture) -> None:
    opened = capture(one(b"frame", 220))
    assert list(opened) == []
    assert opened.skipped == {f"link type 220 (USB), not read: {ADVICE}": 1}


# --- pcapng


def test_several_interfaces_with_their_own_clocks(capture) -> None:
    octets = (
        section()
        + interface()
        + interface(1, option(2, b"eth0") + option(9, b"\x09") + bytes(4))
        + interface(101, option(9, b"\x8a") + option(14, struct.pack("<q", 100)))
        + block(0x0BAD, b"unknown blocks are skipped")
        + enhanced(0, 7_000_005, IPV6)
        + enhanced(1, (1 << 32) + 5, MACS + b"\x86\xdd" + IPV6)
        + enhanced(2, 3 * 1024 + 512, IPV4)
    )
    assert list(capture(octets)) == [
        Frame(7_000_005_000, IPV6, len(IPV6)),
        Frame((1 << 32) + 5, IPV6, len(IPV6), interface=1),
        Frame(103_500_000_000, IPV4, len(IPV4), interface=2),
    ]


def test_simple_and_old_packet_blocks(capture) -> None:
    octets = (
        section()
        + interface(snap_length=44)
        + enhanced(0, 5, IPV4)
        + block(3, struct.pack("<I", len(IPV6)) + IPV6[:44])
        + block(2, struct.pack("<HHIIII", 0, 9, 0, 7, len(IPV4), len(IPV4)) + IPV4)
        + section()
        + interface()
        + block(3, struct.pack("<I", len(IPV6)) + IPV6)
    )
    found = list(capture(octets))
    assert [(frame.time_ns, len(frame.data), frame.original_length) for frame in found] == [
        (5000, len(IPV4), len(IPV4)), (5000, 44, len(IPV6)), (7000, len(IPV4), len(IPV4)), (7000, len(IPV6), len(IPV6)),
    ]  # fmt: skip
    assert [(frame.section, frame.is_stamped) for frame in found] == [(0, True), (0, False), (0, True), (1, False)]


def test_sections_of_both_byte_orders(capture) -> None:
    octets = b"".join(
        section(order) + interface(101, order=order) + enhanced(0, 6, IPV6, order)
        for order in ("<", ">", "<")
    )
    assert list(capture(octets)) == [Frame(6000, IPV6, len(IPV6), number) for number in range(3)]


def test_pcapng_as_tshark_reads_it(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "x.pcapng"
    fine = interface(101, option(9, b"\x09"))
    path.write_bytes(
        section() + interface(snap_length=50) + fine + enhanced(0, 1_000_001, IPV6[:50], original=len(IPV6))
        + enhanced(1, 2_000_000_003, IPV6) + block(3, struct.pack("<I", len(IPV6)) + IPV6[:50])
    )  # fmt: skip
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len"]
    seen = subprocess.run([tshark, "-n", "-r", path, *fields], capture_output=True, text=True, check=True)
    theirs = [line.split("\t") for line in seen.stdout.splitlines()]
    ours = [
        [f"{frame.time_ns / 1e9:.9f}", str(len(frame.data)), str(frame.original_length)]
        for frame in read(path)
    ]
    assert ours[:2] == theirs[:2]
    assert ours[2][1:] == theirs[2][1:]  # a simple packet block has no time


@pytest.mark.parametrize(
    "damage",
    [
        enhanced(3, 0, IPV6),
        block(6, bytes(8)),
        block(6, struct.pack("<IIIII", 0, 0, 0, 400, 400) + bytes(16)),
        block(1, bytes(4)),
        interface(101, option(9, b"")),
        interface(101, struct.pack("<HH", 9, 40)),
        struct.pack("<II", 6, 13) + bytes(16),
        struct.pack("<II", 6, 0xFFFFFFF0) + bytes(16),
        struct.pack("<III", 0x0A0D0D0A, 28, 0x12345678) + bytes(16),
    ],
)
def test_a_damaged_block_ends_the_capture(capture, damage: bytes) -> None:
    opened = capture(section() + interface() + enhanced(0, 0, IPV6) + damage + enhanced(0, 0, IPV6))
    assert len(list(opened)) == 1
    assert opened.cut_off is not None
    assert "x.pcap is cut off or damaged behind record 1: a" in opened.cut_off
    assert "\n" not in opened.cut_off


# --- damage


WHOLE = {
    "pcap": pcap([(1, 2, IPV6, len(IPV6)), (3, 4, IPV4, len(IPV4))]),
    "pcapng": section() + interface() + enhanced(0, 1, IPV6) + enhanced(0, 2, IPV4),
    "gzip": gzip.compress(pcap([(1, 2, IPV6, len(IPV6)), (3, 4, IPV4, len(IPV4))]), mtime=0),
}


@pytest.mark.parametrize("name", WHOLE)
def test_cut_off_at_every_length(capture, name: str) -> None:
    octets = WHOLE[name]
    most = 0
    for length in range(len(octets)):
        try:
            opened = capture(octets[:length])
        except DatasetError as error:
            assert "expected a pcap or pcapng capture" in str(error)
            assert "\n" not in str(error)
            assert most == 0
            continue
        found = list(opened)
        assert most <= len(found) <= 2
        most = len(found)
        # Behind a whole record, and only there, a file can end.
        assert opened.cut_off is not None or name != "gzip"
        if opened.cut_off:
            assert str(opened.path) in opened.cut_off
    opened = capture(octets)
    assert len(list(opened)) == 2
    assert opened.cut_off is None


def test_a_cut_off_file_says_so(capture) -> None:
    opened = capture(WHOLE["pcap"][:-1])
    assert [frame.data for frame in opened] == [IPV6]
    assert (
        opened.cut_off == f"{opened.path} is cut off or damaged behind record 1: 27 of 28 octets of a record"
    )


def test_a_record_of_unbelievable_length_is_damage(capture) -> None:
    opened = capture(WHOLE["pcap"] + struct.pack("<IIII", 5, 6, 0xFFFFFFFF, 0xFFFFFFFF))
    assert len(list(opened)) == 2
    assert opened.cut_off is not None


def test_damaged_compression(capture) -> None:
    octets = bytearray(
        gzip.compress(pcap([(n, n, os.urandom(9) + IPV6, 77) for n in range(3000)], 105), mtime=0)
    )
    octets[len(octets) // 2] ^= 0xFF
    opened = capture(bytes(octets))
    list(opened)
    assert opened.cut_off is not None


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\xd4\xc3", "is no capture: 2 of 4 octets of a file type"),
        (b"\x89PNG\r\n\x1a\n", "is no capture: it starts with 89 50 4e 47"),
        (pcap([])[:20], "is no capture: 16 of 20 octets of a file header"),
        (b"\x1f\x8b\x08\x00", "is no capture: file type unreadable"),
    ],
)
def test_what_is_no_capture_is_refused(capture, octets: bytes, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as refusal:
        capture(octets)
    assert "expected a pcap or pcapng capture" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pcap", tmp_path):
        with pytest.raises(DatasetError, match="expected a pcap or pcapng capture") as refusal:
            read(path)
        assert str(path) in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, octets: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(containers, "open_ordinary", lambda *_: io.BufferedReader(Broken()))
    with pytest.raises(DatasetError, match=r"is no capture: .*Input/output error; expected a pcap or pcapng"):
        read(tmp_path / "broken.pcap")


def test_a_capture_can_be_left_early(capture) -> None:
    with capture(WHOLE["pcap"]) as opened:
        assert next(iter(opened)).data == IPV6
    assert list(opened) == []


def test_the_captures_that_ship_are_read_whole() -> None:
    found = sorted(CAPTURES.glob("*.pcap"))
    assert REAL in found
    for path in found:
        opened = read(path)
        assert sum(1 for _ in opened) > 50
        assert opened.cut_off is None


# --- writing


def test_written_packets_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    sent = [(number * 1_000_000_001, packet) for number, packet in enumerate(one_of_each())]
    assert write(path, iter(sent)) == len(sent)
    opened = read(path)
    assert [(frame.time_ns, decode(frame.data)) for frame in opened] == sent
    assert opened.cut_off is None
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_run_is_an_empty_capture(tmp_path: Path) -> None:
    assert write(tmp_path / "out.pcap", []) == 0
    assert list(read(tmp_path / "out.pcap")) == []


def test_the_judges_find_nothing_in_one_of_each(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "out.pcap"
    write(path, enumerate(one_of_each()))
    assert tshark_complaints(path, tshark) == []
    assert mobility_faults(path) == []
    count = subprocess.run([tshark, "-n", "-r", path], capture_output=True, text=True, check=True)
    assert len(count.stdout.splitlines()) == len(one_of_each())


def test_the_judges_find_nothing_in_the_real_capture(tshark: str) -> None:
    assert tshark_complaints(REAL, tshark) == []
    assert mobility_faults(REAL) == []


def test_the_judges_do_complain(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "bad.pcap"
    damaged = [encode(packet) for packet in one_of_each() if not isinstance(packet.payload, Opaque)]
    damaged = [octets[:-1] + bytes([octets[-1] ^ 1]) for octets in damaged]
    path.write_bytes(pcap([(0, 0, octets, len(octets)) for octets in damaged]))
    signalling = [
        number
        for number, packet in enumerate(one_of_each(), 1)
        if isinstance(packet.innermost().payload, mobility.MobilityMessage)
    ]
    wrong_sums = [fault for fault in mobility_faults(path) if "checksum" in fault]
    assert wrong_sums == [f"{number}: checksum" for number in signalling]
    noticed = {int(line.split()[0]) for line in tshark_complaints(path, tshark)}
    assert set(range(1, len(damaged) + 1)) - noticed <= set(signalling)  # of those it checks no sum


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    path.write_bytes(b"older")

    def breaks_off() -> Iterator[tuple[int, Packet]]:
        yield 0, Packet(MN, CN, UDP(1, 2))
        yield 1, Packet(MN, CN, UDP(70000, 2))

    with pytest.raises(WireError, match="UDP source_port 70000"):
        write(path, breaks_off())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"older"


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "out.pcap", tmp_path, Path(os.devnull)):
        with pytest.raises(DatasetError) as refusal:
            write(path, [])
        assert str(path) in str(refusal.value)
        assert "give" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link.pcap").symlink_to(tmp_path / "real.pcap")
    write(tmp_path / "link.pcap", [])
    assert (tmp_path / "link.pcap").is_symlink()
    assert (tmp_path / "real.pcap").exists()


def test_a_time_that_pcap_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ProtocolMisuse, match="time -1 ns of packet 1"):
        write(tmp_path / "out.pcap", [(-1, Packet(MN, CN, UDP(1, 2)))])
    assert list(tmp_path.iterdir()) == []


# --- templates


def traffic(count: int) -> Iterator[Packet]:
    """Return packets of a call, a video and a transfer with their acknowledgements, in every mode, hop limits falling.
    """
    voice, from_home = UDP(5004, 5004, bytes(160)), (DestinationOptions((HomeAddressOption(HOME),)),)
    for number in range(count):
        to_home = (RoutingHeaderType2(HOME),)  # a new one each time, as a correspondent node makes it
        video = UDP(6004, 6006, bytes(number % 251 for _ in range(number % 1400)))
        data = TCP(
            80,
            4000,
            number * 1400 % (1 << 32),
            7,
            ack=True,
            psh=number % 9 == 0,
            payload=bytes(number % 1400),
        )
        answer = TCP(4000, 80, 7, -number * 77777 % (1 << 32), ack=True, window=number % 65536)
        ping = EchoRequest(number % 3, number, bytes(number % 99))
        hop_limit = 64 - number % 7
        yield Packet(MN, CN, voice, hop_limit, from_home)
        yield Packet(CN, MN, video, hop_limit, to_home)
        yield Packet(MN, CN, ping, hop_limit, from_home)
        yield Packet(CN, MN, Packet(CN, HOME, data, 60 - number % 3), hop_limit)
        yield Packet(
            MN, CN, Packet(HOME, CN, Packet(HOME, CN, answer, 5), 9, from_home), hop_limit, from_home
        )


def test_every_hundredth_is_what_scapy_builds() -> None:
    encoder = Encoder()
    for number, packet in enumerate(traffic(2500)):
        octets = encoder.encode(packet)
        assert len(octets) == packet.size
        if number % 101 == 0:
            assert octets == encode(packet)


@settings(max_examples=200)
@given(packets())
def test_a_template_gives_the_bytes_of_the_codec(packet: Packet) -> None:
    encoder = Encoder()
    assert encoder.encode(packet) == encode(packet)
    packet.hop_limit = 77
    packet.innermost().hop_limit = 78
    payload = packet.innermost().payload
    if isinstance(payload, TCP):
        payload.sequence, payload.acknowledgement, payload.window = 1 << 31, 0xFFFFFFFF, 65535
    if isinstance(payload, EchoRequest | EchoReply):
        packet.innermost().payload = replace(payload, identifier=0, sequence=65535)
    assert encoder.encode(packet) == encode(packet)


def test_a_wrong_value_is_named_behind_a_template_too() -> None:
    encoder = Encoder()
    packet = Packet(MN, CN, TCP(1, 2, 3))
    encoder.encode(packet)
    packet.payload.sequence = 1 << 32
    with pytest.raises(WireError, match="TCP sequence 4294967296"):
        encoder.encode(packet)
    packet.payload, packet.hop_limit = TCP(1, 2, 3), 300
    with pytest.raises(WireError, match="Packet hop_limit 300"):
        encoder.encode(packet)


def test_templates_do_not_pile_up() -> None:
    encoder = Encoder()
    encoder._templates.update(dict.fromkeys(range(MOST_TEMPLATES)))
    encoder.encode(Packet(MN, CN, UDP(1, 2)))
    assert len(encoder._templates) == 1


def test_what_packets_share_is_known_by_their_headers_and_does_not_pile_up() -> None:
    """Datagrams that are sent again and again are written once; a hop limit, a size or a payload of its own counts."""
    encoder, datagram = Encoder(), UDP(1, 2, b"again")
    packets = [Packet(MN, CN, datagram) for _ in range(MOST_TEMPLATES + 1)]
    octets = {encoder.encode(packet) for packet in packets}
    assert octets == {encode(packets[0])} and len(encoder._headers) == len(encoder._datagrams) == 1
    packet = packets[-1]
    again = encoder.encode(packet.copy())
    assert again is encoder.encode(packet)
    packet.hop_limit = 9
    assert encoder.encode(packet) == encode(packet) != again
    packet.payload = UDP(1, 2, b"other")
    assert encoder.encode(packet) == encode(packet)
    packet.size += 1
    with pytest.raises(WireError, match="size is"):
        encoder.encode(packet)
