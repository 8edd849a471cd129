"""Link headers, tags, labels and sessions in front of an IP packet: each as tshark reads it too."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import LLC, SNAP, Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.packet import Packet, Raw

from mipflow.wire.captures.capture import read
from mipflow.wire.captures.containers import Record
from mipflow.wire.captures.frames import Frame, network_layer
from mipflow.wire.captures.links import ADVICE, NAMES, READERS, TYPE_AT, UNTYPED
from tests.wire.captures.test_capture import enhanced, interface, section

IPV4, IPV6 = (
    bytes(header / UDP(sport=40123, dport=40124) / Raw(b"how far does it go?"))
    for header in (IP(src="192.0.2.1", dst="198.51.100.7"), IPv6(src="2001:db8::1", dst="2001:db8::2"))
)
A, B = "02:00:00:00:00:01", "02:00:00:00:00:02"
TO_DS, FROM_DS, PROTECTED, ORDER = 1, 2, 0x40, 0x80
MACS = bytes.fromhex((A + B).replace(":", ""))
SNAP_4, SNAP_6 = (bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=kind)) for kind in (0x0800, 0x86DD))


def ether(*layers: Packet, to: bytes = IPV4) -> bytes:
    """Build an Ethernet frame with layers in front of an IP packet."""
    frame: Packet = Ether(src=A, dst=B) if layers else Ether(src=A, dst=B, type=0x0800)
    for layer in layers:
        frame /= layer
    return bytes(frame) + to


def wlan(payload: bytes = SNAP_4 + IPV4, *, pad: int = 0, **fields: object) -> bytes:
    """Build an IEEE 802.11 data frame, octets of padding behind its header."""
    header: Packet = Dot11(type=2, addr1=A, addr2=B, addr3=A, addr4=B, **fields)
    qos = b"" if fields.get("subtype", 0) != 8 else bytes(Dot11QoS())
    return bytes(header) + qos + bytes(pad) + payload


def attribute(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def nflog(order: str, family: int, packet: bytes) -> bytes:
    head = bytes([family, 0, 0, 5]) + attribute(1, b"\0\0\1\0", order) + attribute(10, b"prefix\0", order)
    return head + attribute(9, packet, order) + attribute(3, b"abcde", order)


def pktap(order: str, link_type: int, frame: bytes, follows: int = 1) -> bytes:
    return struct.pack(order + "III", 108, follows, link_type).ljust(108, b"\0") + frame


FRAMES: dict[str, tuple[int, bytes]] = {
    "VLAN": (1, ether(Dot1Q(vlan=5, type=0x0800))),
    "three tags": (1, ether(Dot1AD(vlan=5), Dot1Q(vlan=6), Dot1Q(vlan=7, type=0x86DD), to=IPV6)),
    "PPPoE": (1, ether(PPPoE(sessionid=7, len=2 + len(IPV4)), PPP(proto=0x21))),
    "PPPoE in a VLAN": (1, ether(Dot1Q(vlan=5), PPPoE(sessionid=7, len=2 + len(IPV6)), PPP(proto=0x57), to=IPV6)),
    "MPLS": (1, ether(MPLS(label=100, s=1))),
    "MPLS, three labels": (1, ether(MPLS(label=100, s=0), MPLS(label=200, s=0), MPLS(label=300, s=1), to=IPV6)),
    "MPLS multicast": (1, MACS + b"\x88\x48" + bytes(MPLS(label=100, s=1)) + IPV4),
    "MPLS, Ethernet behind a control word": (1, ether(MPLS(label=100, s=1), to=bytes(4) + ether(Dot1Q(type=0x0800)))),
    "MPLS, Ethernet": (1, ether(MPLS(label=100, s=1), to=b"\xa2" + MACS[1:] + b"\x08\x00" + IPV4)),
    "IEEE 802.3 with SNAP": (1, MACS + struct.pack(">H", len(SNAP_4 + IPV4)) + SNAP_4 + IPV4),
    "PPP": (9, bytes(PPP(proto=0x21)) + IPV4),
    "PPP with address and control": (9, bytes(HDLC() / PPP(proto=0x57)) + IPV6),
    "PPP, protocol compressed": (9, b"\x21" + IPV4),
    "PPP with MPLS": (9, bytes(PPP(proto=0x281) / MPLS(label=9, s=1)) + IPV4),
    "PPP in HDLC framing": (50, bytes(HDLC() / PPP(proto=0x21)) + IPV4),
    "Cisco HDLC": (104, b"\x0f\x00\x08\x00" + IPV4),
    "Cisco HDLC, broadcast": (50, b"\x8f\x00\x86\xdd" + IPV6),
    "PPP over Ethernet": (51, bytes(PPPoE(sessionid=7, len=2 + len(IPV4)) / PPP(proto=0x21)) + IPV4),
    "PPP of pppd": (166, b"\x01\x03\x00\x21" + IPV4),
    "PPP with direction": (204, b"\x01\xff\x03\x00\x21" + IPV4),
    "token ring": (6, b"\x10\x40" + MACS + SNAP_4 + IPV4),
    "token ring, routed": (
        6, b"\x10\x40" + MACS[:6] + b"\x82" + MACS[7:] + bytes.fromhex("061000110020") + SNAP_4 + IPV4,
    ),
    "FDDI": (10, b"\x50" + MACS + SNAP_6 + IPV6),
    "ATM": (100, SNAP_4 + IPV4),
    "IEEE 1394": (138, bytes(16) + b"\x08\x00" + IPV4),
    "IP over InfiniBand": (242, bytes(40) + b"\x08\x00\0\0" + IPV4),
    "cooked": (113, bytes.fromhex("0000 0001 0006 020000000001 0000 0800") + IPV4),
    "cooked, SNAP": (113, bytes.fromhex("0000 0001 0006 020000000001 0000 0004") + SNAP_4 + IPV4),
    "cooked 2": (276, b"\x86\xdd" + bytes(2) + b"\0\0\0\1\0\1\0\6" + bytes(8) + IPV6),
    "OpenBSD's IPsec": (109, b"\0\0\0\2" + bytes(8) + IPV4),
    "log of pf": (117, b"\x3d\x02" + bytes(62) + IPV4),
    "WLAN": (105, wlan()),
    "WLAN, to the access point": (105, wlan(FCfield=TO_DS)),
    "WLAN, QoS, from the access point": (105, wlan(SNAP_6 + IPV6, FCfield=FROM_DS, subtype=8)),
    "WLAN, between access points": (105, wlan(FCfield=TO_DS | FROM_DS)),
    "WLAN, QoS with HT control": (105, wlan(bytes(4) + SNAP_4 + IPV4, FCfield=TO_DS | ORDER, subtype=8)),
    "radiotap": (127, bytes(RadioTap(present="")) + wlan()),
    "radiotap, many fields": (
        127, bytes(RadioTap(present="TSFT+Flags+Rate+Channel", Flags="FCS")) + wlan(subtype=8) + b"fcs!",
    ),
    "radiotap, padded": (127, bytes(RadioTap(present="TSFT+Flags", Flags="pad")) + wlan(subtype=8, pad=2)),
    "radiotap, two words of bits": (
        127, bytes.fromhex("0000 1900 03000080 00000000 00000000") + bytes(8) + b"\x20" + wlan(subtype=8, pad=2),
    ),
    "Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + wlan()),
    "Prism, big endian": (119, struct.pack(">II", 0x44, 144) + bytes(136) + wlan()),
    "AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + wlan()),
    "AVS for Prism": (119, struct.pack(">II", 0x80211001, 64) + bytes(56) + wlan()),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 105) + wlan()),
    "PPI with Ethernet": (192, struct.pack("<BBHI", 0, 0, 12, 1) + b"\x63\0\0\0" + ether()),
    "PKTAP": (258, pktap("<", 1, ether())),
    "PKTAP, loopback": (258, pktap("<", 0, b"\x02\0\0\0" + IPV4)),
    "PKTAP, raw": (258, pktap("<", 12, IPV6)),
    "NFLOG": (239, nflog("<", 2, IPV4)),
    "NFLOG, IPv6": (239, nflog("<", 10, IPV6)),
    "NFLOG, big endian": (239, nflog(">", 2, IPV4)),
}  # fmt: skip
"""Name -> link type and frame, all with one of the two packets at their end."""
UNLIKE_TSHARK = {
    "NFLOG, big endian", "Prism, big endian",  # it takes them for its own machine's
    "PPP of pppd",  # it does not know the link type
    "MPLS, Ethernet", "MPLS, Ethernet behind a control word",  # it guesses: nothing in the frame tells
}  # fmt: skip


def record(link_type: int, data: bytes) -> Record:
    return (0, link_type, data, len(data), 0, True, 0)


def inside(data: bytes) -> bytes:
    return IPV6 if IPV6 in data else IPV4


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("behind", [b"", b"\xaa" * 7])
def test_the_packet_in_a_frame(name: str, behind: bytes) -> None:
    link_type, data = FRAMES[name]
    assert network_layer(record(link_type, data + behind)) == Frame(0, inside(data), len(inside(data)))


def test_as_tshark_reads_them(tmp_path: Path, tshark: str) -> None:
    """One pcapng file with an interface of each link type: the addresses and the ports behind all that stands ahead."""
    path = tmp_path / "links.pcapng"
    names = [name for name in FRAMES if name not in UNLIKE_TSHARK]
    octets = section() + b"".join(interface(FRAMES[name][0]) for name in names)
    path.write_bytes(octets + b"".join(enhanced(k, k, FRAMES[name][1]) for k, name in enumerate(names)))
    fields = ["-T", "fields", "-e", "ip.src", "-e", "ipv6.src", "-e", "udp.port", "-e", "_ws.malformed"]
    command = [tshark, "-n", "-r", path, *fields]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    want = ["\t2001:db8::1" if inside(FRAMES[name][1]) == IPV6 else "192.0.2.1\t" for name in names]
    assert {n: s for n, s, w in zip(names, seen, want, strict=True) if s != f"{w}\t40123,40124\t"} == {}
    assert [frame.data for frame in read(path)] == [inside(FRAMES[name][1]) for name in names]


LEFT_OUT = {
    "ethertype 0x0806, not IP": (1, ether(Dot1Q(vlan=4, type=0x0806), to=bytes(28))),
    "ethertype 0x8863, not IP": (1, MACS + b"\x88\x63" + bytes(30)),
    "PPP protocol 0xc021, not IP": (9, b"\xff\x03\xc0\x21\x01\x00\x00\x04"),
    "IEEE 802.3 frame, not IP": (1, MACS + b"\x00\x26\x42\x42\x03" + bytes(35)),
    "IEEE 802.11 frame without data": (127, bytes(RadioTap(present="")) + bytes(Dot11(type=0, subtype=8)) + bytes(40)),
    "IEEE 802.11 frame, encrypted: record at the station's own interface, or decrypt it first (airdecap-ng)": (
        105, wlan(FCfield=TO_DS | PROTECTED),
    ),
    "IEEE 802.11 frame with a wrong check sequence": (
        127, bytes(RadioTap(present="Flags", Flags="badFCS")) + wlan(),
    ),
    "IEEE 802.11 fragment without the first of its frame": (105, wlan(SC=0x0012)),
    "PKTAP record without a packet": (258, pktap("<", 1, b"", follows=0)),
    "NFLOG record without a packet": (239, b"\x02\0\0\x05" + attribute(10, b"prefix\0")),
    "more than 4 link headers": (258, pktap("<", 258, b"") * 4 + pktap("<", 1, ether())),
    f"link type 220 (USB), not read: {ADVICE}": (220, bytes(64)),
    f"link type 147 (somebody's own), not read: {ADVICE}": (147, bytes(64)),
    f"link type 9999 (unknown), not read: {ADVICE}": (9999, bytes(64)),
    "cut off before the IP header": (1, MACS + b"\x81\x00\x00"),
    "IP version 0": (9, b"\x21" + bytes(40)),
}  # fmt: skip


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_what_is_left_out_says_what_it_is(reason: str) -> None:
    found = network_layer(record(*LEFT_OUT[reason]))
    assert found == reason and "\n" not in reason


def test_several_packets_in_one_wireless_frame_are_said() -> None:
    several = wlan(subtype=8)
    found = network_layer(record(105, several[:24] + b"\x80\x00" + several[26:]))
    assert isinstance(found, str) and "A-MSDU" in found


def test_a_link_type_stands_in_one_place() -> None:
    places = [*NAMES, *READERS, *TYPE_AT, *UNTYPED]
    assert len(places) == len(set(places))


def test_no_octets_make_the_reader_stumble() -> None:
    """Damaged at random: a frame or a reason, and never an exception."""
    dice = random.Random(3)
    for _ in range(20_000):
        link_type, data = dice.choice(list(FRAMES.values()))
        damaged = bytearray(data[: dice.randrange(len(data) + 1)])
        for _ in range(dice.randrange(4) if damaged else 0):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        if dice.random() < 0.1:
            link_type = dice.choice([*READERS, *TYPE_AT, *UNTYPED])
        assert isinstance(network_layer(record(link_type, bytes(damaged))), Frame | str)
