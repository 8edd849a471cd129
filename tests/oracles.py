"""Judges that know nothing of mipflow: a check of Mobile IPv6 captures in plain Python, and tshark.

`mobility_faults` reads the pcap bytes itself, with the standard library only, so that a misreading of the RFC in
mipflow or a fault of scapy cannot hide in it.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

ALIGNMENT = {
    2: (2, 0),
    3: (8, 6),
    4: (2, 0),
    5: (8, 2),
}  # mobility option -> (unit, start): RFC 6275 section 6.2
LENGTH = {2: 2, 3: 16, 4: 4, 5: 12, 11: 0, 15: 0, 16: 8}
FIXED = {0: 8, 1: 16, 2: 16, 3: 24, 4: 24, 5: 12, 6: 12, 7: 24}  # octets before the options: section 6.1


def mobility_faults(path: str | Path) -> list[str]:
    """Return one line for every wrong checksum, length, padding or alignment of Mobility Headers and Home Address
    options.
    """
    data = Path(path).read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    (link,) = struct.unpack_from(order + "I", data, 20)
    at, number, faults = 24, 0, []
    while at < len(data):
        (kept,) = struct.unpack_from(order + "I", data, at + 8)
        number += 1
        packet = data[at + 16 : at + 16 + kept]
        if link == 1:
            packet = packet[14:] if packet[12:14] == b"\x86\xdd" else b""
        faults += [f"{number}: {fault}" for fault in packet_faults(packet)]
        at += 16 + kept
    return faults


def packet_faults(packet: bytes) -> list[str]:
    """Return the faults of one IPv6 packet and of those inside it."""
    if not packet or packet[0] >> 4 != 6:
        return []
    source, destination, kind, at, faults = packet[8:24], packet[24:40], packet[6], 40, []
    while kind in (0, 43, 44, 60):
        header = packet[at : at + (8 if kind == 44 else 8 * (packet[at + 1] + 1))]
        if (kind == 43 and header[2] != 2 and header[3]) or (kind == 44 and any(header[2:4])):
            return faults  # for other nodes, or a fragment
        if kind == 43 and header[3]:
            destination = header[8:24]
        if kind in (0, 60):
            for option, start, value in options(header, 2):
                if option == 0xC9:
                    source = value
                    faults += [f"Home Address option at {start}, not 8n+6"] * (start % 8 != 6 or len(value) != 16)
        kind, at = header[0], at + len(header)
    if kind == 41:
        return faults + packet_faults(packet[at:])
    return faults + (mobility_header_faults(packet[at:], source, destination) if kind == 135 else [])


def mobility_header_faults(header: bytes, source: bytes, destination: bytes) -> list[str]:
    """Return the faults of one Mobility Header between the two addresses of its pseudo-header."""
    pseudo = source + destination + struct.pack(">I3xB", len(header), 135)
    total = sum(struct.unpack(f">{(len(pseudo) + len(header)) // 2}H", pseudo + header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    faults = [] if total == 0xFFFF else ["checksum"]
    faults += ["payload proto"] * (header[0] != 59) + ["length"] * (8 * (header[1] + 1) != len(header))
    found = list(options(header, FIXED.get(header[2], len(header))))
    for place, (kind, start, value) in enumerate(found):
        unit, offset = ALIGNMENT.get(kind, (1, 0))
        faults += [f"option {kind} at {start}, not {unit}n+{offset}"] * (start % unit != offset)
        faults += [f"option {kind} of {len(value)}"] * (len(value) != LENGTH.get(kind, len(value)))
        faults += ["authenticator not last"] * (kind == 5 and place != len(found) - 1)
        faults += ["padding not zero"] * (kind == 1 and any(value))
    return faults


def options(header: bytes, at: int) -> list[tuple[int, int, bytes]]:
    """(type, start, data) of the options from octet `at` of a header on."""
    found = []
    while at < len(header):
        end = at + 1 if header[at] == 0 else at + 2 + header[at + 1]
        assert end <= len(header), "an option runs over its header"
        found.append((header[at], at, header[at + 2 : end]))
        at = end
    return found


COMPLAINTS = (
    "_ws.malformed || mip6.bogus_header_length || udp.checksum.status==0 || tcp.checksum.status==0"
    " || icmpv6.checksum.status==0 || ((mipv6 || ipv6.routing.type==2 || ipv6.opt.mipv6.home_address)"
    " && _ws.expert.severity>=0x600000)"
)


def tshark_complaints(path: str | Path, tshark: str = "tshark", *preferences: str) -> list[str]:
    """Return tshark's complaints about a capture, a line for each packet: none for a good one.

    `preferences` such as "tcp.analyze_sequence_numbers:FALSE" are tshark's own.
    """
    command = [
        tshark,
        "-n",
        "-r",
        str(path),
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
    ]
    for preference in preferences:
        command += ["-o", preference]
    command += ["-Y", COMPLAINTS, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return done.stdout.splitlines()
