"""Captures made by hand: scapy builds the packets, a few lines write them as pcap, with a snap length if asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

LAPTOP, WEB, MEDIA, OTHER = "2001:db8:10::10", "2001:db8:20::80", "2001:db8:30::50", "2001:db8:40::1"
LAPTOP_4, WEB_4 = "192.0.2.10", "192.0.2.150"
START_S = 1_700_000_000
OFFICE = Path(__file__).resolve().parents[2] / "datasets" / "captures" / "office.pcap"

Frame = tuple[float, Packet | bytes]


def write(path: Path, frames: Sequence[Frame], snap: int = 65535) -> Path:
    """Write a pcap of Ethernet frames: (milliseconds, network-layer packet, or the octets of a whole frame)."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1))
        for at_ms, packet in frames:
            data = packet if isinstance(packet, bytes) else bytes(ethernet(packet))
            at_ns = START_S * 10**9 + round(at_ms * 1e6)
            out.write(struct.pack("<IIII", *divmod(at_ns, 10**9), min(len(data), snap), len(data)) + data[:snap])
    return path


def ethernet(packet: Packet) -> Packet:
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet


def ip(source: str, destination: str) -> Packet:
    return IPv6(src=source, dst=destination) if ":" in source else IP(src=source, dst=destination)


def udp(source: str, port: int, destination: str, to_port: int, octets: int = 10) -> Packet:
    return ip(source, destination) / UDP(sport=port, dport=to_port) / Raw(bytes(octets))


def ping(source: str, destination: str, identifier: int, number: int, octets: int = 56, reply: bool = False) -> Packet:
    if ":" in source:
        kind = ICMPv6EchoReply if reply else ICMPv6EchoRequest
        return ip(source, destination) / kind(id=identifier, seq=number, data=bytes(octets))
    return ip(source, destination) / ICMP(type=0 if reply else 8, id=identifier, seq=number) / Raw(bytes(octets))


class Connection:
    """The segments of a TCP connection; `up` is from the first end. Positions count octets written, from `isn` + 1."""

    def __init__(
        self,
        near: tuple[str, int] = (LAPTOP, 40000),
        far: tuple[str, int] = (WEB, 80),
        isn: tuple[int, int] = (1000, 5000),
    ) -> None:
        self.ends, self.isn = (near, far), isn

    def segment(
        self, up: bool, at: int, text: bytes = b"", ack: int | None = 0, flags: str = "", **more: int
    ) -> Packet:
        (source, port), (destination, to_port) = self.ends if up else self.ends[::-1]
        own, other = self.isn if up else self.isn[::-1]
        letters = flags + ("A" if ack is not None else "")
        header = TCP(
            sport=port, dport=to_port, seq=(own + 1 + at) & 0xFFFFFFFF, flags=letters,
            ack=0 if ack is None else (other + 1 + ack) & 0xFFFFFFFF, **more,
        )  # fmt: skip
        return ip(source, destination) / header / Raw(text)

    def handshake(self, at_ms: float, there_ms: float = 20, here_ms: float = 1) -> list[Frame]:
        """Open it; the far end is `there_ms` of round trip from the capture, the near end `here_ms`."""
        return [
            (at_ms, self.segment(True, -1, ack=None, flags="S")),
            (at_ms + there_ms, self.segment(False, -1, ack=0, flags="S")),
            (at_ms + there_ms + here_ms, self.segment(True, 0)),
        ]
