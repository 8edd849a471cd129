"""Mobility messages read and authenticated by hand: the standard library and RFC 6275, nothing of the package."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from ipaddress import IPv6Address

NAMES = {0: "BRR", 1: "HoTI", 2: "CoTI", 3: "HoT", 4: "CoT", 5: "BU", 6: "BA", 7: "BE"}


@dataclass
class Message:
    """One Mobility Header as it was on the wire."""

    name: str
    source: bytes
    destination: bytes
    home: bytes | None
    """From a Home Address option or a type 2 routing header."""
    tunnel: tuple[bytes, bytes] | None
    octets: bytes
    t_ns: int = 0
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return f"{self.name} {IPv6Address(self.source)} > {IPv6Address(self.destination)}"

    # Fields at their places in RFC 6275 sections 6.1.3 to 6.1.8, counted from the Payload Proto octet.

    @property
    def cookie(self) -> bytes:
        return self.octets[8:16]

    @property
    def nonce_index(self) -> int:
        return int(struct.unpack_from("!H", self.octets, 6)[0])

    @property
    def token(self) -> bytes:
        return self.octets[16:24]

    @property
    def sequence(self) -> int:
        return int(struct.unpack_from("!H", self.octets, 6 if self.name == "BU" else 8)[0])

    @property
    def lifetime_s(self) -> int:
        return 4 * int(struct.unpack_from("!H", self.octets, 10)[0])

    @property
    def flags(self) -> int:
        return self.octets[8]

    @property
    def status(self) -> int:
        return self.octets[6]

    @property
    def authenticator(self) -> bytes:
        return self.options[5]

    @property
    def indices(self) -> tuple[int, int]:
        home, care_of = struct.unpack("!HH", self.options[4])
        return home, care_of


def read(packet: bytes, t_ns: int = 0, tunnel: tuple[bytes, bytes] | None = None) -> Message | None:
    """Read the Mobility Header in the octets of an IPv6 packet; None where there is none."""
    next_header, source, destination = packet[6], packet[8:24], packet[24:40]
    position, home = 40, None
    while next_header in (60, 43):
        length = 8 * (packet[position + 1] + 1)
        if next_header == 43:
            assert packet[position + 2] == 2 and packet[position + 3] == 1
            home = packet[position + 8 : position + 24]
        else:
            at = position + 2
            while at < position + length:
                kind = packet[at]
                if kind == 0xC9:
                    assert packet[at + 1] == 16 and at % 8 == 6, "alignment 8n+6"
                    home = packet[at + 2 : at + 18]
                at += 1 if kind == 0 else 2 + packet[at + 1]
        next_header, position = packet[position], position + length
    if next_header == 41:
        return read(packet[position:], t_ns, (source, destination))
    if next_header != 135:
        return None
    octets = packet[position:]
    assert octets[0] == 59 and len(octets) == 8 * (octets[1] + 1)
    name = NAMES[octets[2]]
    message = Message(name, source, destination, home, tunnel, octets, t_ns)
    at = {"BU": 12, "BA": 12, "HoTI": 16, "CoTI": 16}.get(name, 24)
    while at < len(octets):
        kind = octets[at]
        if kind > 1:
            message.options[kind] = octets[at + 2 : at + 2 + octets[at + 1]]
        at += 1 if kind == 0 else 2 + octets[at + 1]
    return message


def mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha1).digest()


def home_token(kcn: bytes, home: bytes, nonce: bytes) -> bytes:
    """Compute First (64, HMAC_SHA1 (Kcn, (home address | nonce | 0))) of section 5.2.5."""
    return mac(kcn, home, nonce, b"\0")[:8]


def care_of_token(kcn: bytes, care_of: bytes, nonce: bytes) -> bytes:
    """Compute First (64, HMAC_SHA1 (Kcn, (care-of address | nonce | 1))) of section 5.2.5."""
    return mac(kcn, care_of, nonce, b"\1")[:8]


def authenticator(kbm: bytes, care_of: bytes, correspondent: bytes, message: Message) -> bytes:
    """Compute First (96, HMAC_SHA1 (Kbm, care-of address | correspondent | MH Data)) of section 6.2.7."""
    data = message.octets
    assert data[-14:-12] == b"\x05\x0c", "binding authorization data is last and has no trailing padding"
    return mac(kbm, care_of, correspondent, data[:4] + b"\0\0" + data[6:-12])[:12]
