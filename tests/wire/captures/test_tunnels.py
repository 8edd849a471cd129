"""Packets inside packets: each kind of tunnel as tshark reads it too, and what only looks like one."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.ppp import PPP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from mipflow.wire.captures.frames import Frame
from mipflow.wire.captures.tunnels import OVER_UDP, inside
from tests.wire.captures.test_capture import pcap

IPV4, IPV6 = (
    header / UDP(sport=40123, dport=40124) / Raw(b"how far does it go?")
    for header in (IP(src="192.0.2.1", dst="198.51.100.7"), IPv6(src="2001:db8::1", dst="2001:db8::2"))
)
OUTER_4, OUTER_6 = IP(src="203.0.113.1", dst="203.0.113.2"), IPv6(src="2001:db8:f::1", dst="2001:db8:f::2")
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def over(port: int, *octets: bytes | Packet) -> Packet:
    return OUTER_4 / UDP(sport=50000, dport=port) / Raw(b"".join(map(bytes, octets)))


def gre(kind: int, *octets: bytes | Packet, flags: int = 0, words: int = 0) -> Packet:
    return OUTER_4 / Raw(struct.pack(">HH", flags, kind) + bytes(4 * words) + b"".join(map(bytes, octets)))


def teredo(authentication: bytes = b"", origin: bytes = b"") -> Packet:
    return over(3544, authentication, origin, IPV6)


TUNNELS: dict[str, tuple[str, Packet]] = {
    "6in4": ("IPv6 in IP", OUTER_4 / IPV6),
    "4in4": ("IPv4 in IP", OUTER_4 / IPV4),
    "6in6": ("IPv6 in IP", OUTER_6 / IPV6),
    "4in6": ("IPv4 in IP", OUTER_6 / IPV4),
    "GRE": ("GRE", OUTER_4 / GRE() / IPV4),
    "GRE over IPv6": ("GRE", OUTER_6 / GRE() / IPV6),
    "GRE with all fields": ("GRE", OUTER_4 / GRE(chksum_present=1, key_present=1, key=7, seqnum_present=1) / IPV6),
    "GRE with Ethernet": ("GRE", OUTER_4 / GRE(key_present=1, key=7, proto=0x6558) / ETHER / Dot1Q(vlan=5) / IPV4),
    "GRE with MPLS": ("GRE", OUTER_4 / GRE(proto=0x8847) / MPLS(label=5, s=1) / IPV4),
    "PPTP": ("GRE", gre(0x880B, PPP(proto=0x21), IPV4, flags=0x3081, words=3)),
    "ERSPAN": ("GRE", gre(0x88BE, b"\x10\0\0\0\0\0\0\0", ETHER / IPV4, flags=0x1000, words=1)),
    "EtherIP": ("EtherIP", OUTER_4 / Raw(b"\x30\0" + bytes(ETHER / IPV6))),
    "MPLS in IP": ("MPLS in IP", OUTER_4 / Raw(bytes(MPLS(label=5, s=1)) + bytes(IPV4))),
    "Teredo": ("Teredo", teredo()),
    "Teredo with both headers": ("Teredo", teredo(bytes([0, 1, 2, 3]) + b"id" + b"val" + bytes(9), bytes(8))),
    "VXLAN": ("VXLAN", OUTER_4 / UDP(sport=50000) / VXLAN(vni=5, flags=8) / ETHER / Dot1Q(vlan=3) / IPV6),
    "VXLAN, as Linux has it": ("VXLAN", over(8472, VXLAN(vni=5, flags=8) / ETHER / IPV4)),
    "Geneve": ("Geneve", over(6081, bytes.fromhex("0000 6558 000005 00"), ETHER / IPV4)),
    "Geneve with options": ("Geneve", over(6081, bytes.fromhex("0200 0800 000005 00 0102 8001 00000000"), IPV4)),
    "GTP-U": ("GTP-U", over(2152, struct.pack(">BBHI", 0x30, 255, len(IPV4), 7), IPV4)),
    "GTP-U with more": (
        "GTP-U", over(2152, struct.pack(">BBHIHBBBBBB", 0x34, 255, len(IPV6) + 8, 7, 0, 0, 0x85, 1, 0, 9, 0), IPV6),
    ),
}  # fmt: skip
for name, number in (("PPTP", 47), ("ERSPAN", 47), ("EtherIP", 97), ("MPLS in IP", 137)):
    TUNNELS[name][1].proto = number


def found(packet: Packet, cut: int = 9999) -> tuple[str, Frame] | str | None:
    data = bytes(packet)
    start, protocol = (20, data[9]) if data[0] >> 4 == 4 else (40, data[6])
    return inside(Frame(5, data[:cut], len(data)), protocol, start)


@pytest.mark.parametrize("name", TUNNELS)
def test_the_packet_in_a_tunnel(name: str) -> None:
    kind, packet = TUNNELS[name]
    carried = next(bytes(each) for each in (IPV4, IPV6) if bytes(packet).endswith(bytes(each)))
    assert found(packet) == (kind, Frame(5, carried, len(carried)))
    cut = len(bytes(packet)) - 9
    assert found(packet, cut) == (kind, Frame(5, carried[:-9], len(carried))), "a snap length hides nothing"


def test_as_tshark_reads_them(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "tunnels.pcap"
    packets = [bytes(packet) for _, packet in TUNNELS.values()]
    path.write_bytes(pcap([(k, 0, octets, len(octets)) for k, octets in enumerate(packets)]))
    options = ["-d", "udp.port==8472,vxlan", "-E", "occurrence=l"]
    fields = ["-T", "fields", "-e", "udp.srcport", "-e", "udp.dstport", "-e", "_ws.malformed"]
    done = subprocess.run([tshark, "-n", "-r", path, *options, *fields], capture_output=True, text=True, check=True)
    seen = dict(zip(TUNNELS, done.stdout.splitlines(), strict=True))
    assert {name: line for name, line in seen.items() if line != "40123\t40124\t"} == {}


NO_TUNNELS = {
    "zeros to Teredo's port": over(3544, bytes(60)),
    "text to Teredo's port": over(3544, b"\x45hello" + bytes(60)),
    "VXLAN's port, other flags": over(4789, b"\x0c" + bytes(7), ETHER / IPV4),
    "Geneve's port, another version": over(6081, bytes.fromhex("8000 6558 000005 00"), ETHER / IPV4),
    "GTP's echo request": over(2152, struct.pack(">BBHIHH", 0x32, 1, 4, 0, 7, 0)),
    "GTP with no packet": over(2152, struct.pack(">BBHI", 0x30, 255, 4, 7), b"text"),
    "GTP, a header of no length": over(2152, struct.pack(">BBHIHBBBBBB", 0x34, 255, 8, 7, 0, 0, 0x85, 0, 0, 9, 0)),
    "a name server's answer to VXLAN's port": OUTER_4 / UDP(sport=53, dport=4789) / VXLAN(flags=8) / ETHER / IPV4,
    "any octets to Teredo's port": over(3544, bytes(IPV6)[:-1]),
    "any octets to GTP's port": over(2152, struct.pack(">BBHI", 0x30, 255, 4, 7), bytes(IPV4) + b"more"),
    "other ports": over(5000, IPV6),
    "another protocol": OUTER_4 / Raw(bytes(40)),
}


NO_TUNNELS |= {
    f"port {port}, {size} octets": over(port, start[:size])
    for port in OVER_UDP for start in (b"\x08\0\0\0\0\0\0\0", b"\x34\xff") for size in (0, 1, 2, 4)
}  # fmt: skip


@pytest.mark.parametrize("name", NO_TUNNELS)
def test_what_only_looks_like_a_tunnel_is_none(name: str) -> None:
    assert found(NO_TUNNELS[name]) is None


WITHOUT_PACKET = {
    "ethertype 0x0806, not IP, in VXLAN": over(4789, VXLAN(vni=5, flags=8) / ETHER / ARP()),
    "GRE without a packet, in GRE": gre(0x880B, flags=0x2081, words=2),
    "GRE with a source route, in GRE": gre(0x0800, bytes(40), flags=0x4000),
    "ethertype 0x2000, not IP, in GRE": gre(0x2000, bytes(40)),
    "IP version 0, in IPv6 in IP": OUTER_4 / Raw(bytes(60)),
    "cut off before the IP header, in IPv4 in IP": OUTER_4 / Raw(b""),
}
for name, packet in WITHOUT_PACKET.items():
    if not packet.haslayer(UDP):
        packet.proto = {"IPv6 in IP": 41, "IPv4 in IP": 4}.get(name.split(", in ")[-1], 47)


@pytest.mark.parametrize("reason", WITHOUT_PACKET)
def test_a_tunnel_without_an_ip_packet_says_so(reason: str) -> None:
    assert found(WITHOUT_PACKET[reason]) == reason


@given(st.binary(max_size=120), st.sampled_from(sorted(OVER_UDP)))
def test_datagrams_at_random_are_no_tunnel(payload: bytes, port: int) -> None:
    """Programs get these ports by chance."""
    datagram = struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload
    assert inside(Frame(0, bytes(20) + datagram, 28 + len(payload)), 17, 20) is None
