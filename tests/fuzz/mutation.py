"""Octets of valid packets, changed with a knowledge of their structure. Standard library only.

A packet is cut into pieces: IPv6 headers, extension headers, what they carry. A script of octets (from hypothesis, or
from atheris) says what is done to the pieces; then next headers, lengths and checksums are made right again, or not, as
the script says. What is right is said here by the texts of RFC 8200 and RFC 6275, not by the package under test.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

IPV6, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, ICMP, UDP, TCP, MOBILITY = 41, 0, 43, 44, 60, 58, 17, 6, 135
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION)
CHECKSUM_AT = {ICMP: 2, UDP: 6, TCP: 16, MOBILITY: 4}
MOST_PIECES = 40


@dataclass
class Piece:
    """One header, or all that stands behind the last one. `number` is the next header that announces it."""

    number: int
    octets: bytearray


@dataclass
class Script:
    """Octets that are read as choices; when they run out, every further choice is 0."""

    octets: bytes
    at: int = field(default=0)

    def below(self, count: int) -> int:
        """Draw a number from 0 to count - 1."""
        size = 1 if count <= 256 else 2
        taken = self.octets[self.at : self.at + size]
        self.at += size
        return int.from_bytes(taken, "big") % count if count else 0

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.octets)

    def some(self, most: int) -> bytes:
        """Draw up to `most` octets."""
        return bytes(self.below(256) for _ in range(self.below(most + 1)))


def parse(octets: bytes) -> list[Piece]:
    """Cut a packet into its pieces, as far as they can be told apart."""
    pieces: list[Piece] = []
    number, at = IPV6, 0
    while at < len(octets):
        rest = octets[at:]
        if number == IPV6 and len(rest) >= 40:
            size, following = 40, rest[6]
        elif number in EXTENSIONS and len(rest) >= 8:
            size, following = 8 if number == FRAGMENT else 8 * (rest[1] + 1), rest[0]
            if hides_rest(number, rest):
                pieces.append(Piece(number, bytearray(rest[:size])))
                pieces.append(Piece(-following - 1, bytearray(rest[size:])))  # of a number, but not to be read
                return pieces
        else:
            size, following = len(rest), -1
        pieces.append(Piece(number, bytearray(rest[:size])))
        number, at = following, at + size
    return pieces


def hides_rest(number: int, header: bytes) -> bool:
    """Return whether a piece is of a fragment, or is what only the nodes on a list may read."""
    if number == FRAGMENT:
        return bool(int.from_bytes(header[2:4], "big") & 0xFFF9)
    return number == ROUTING and header[2] != 2 and header[3] > 0


def joined(pieces: Sequence[Piece]) -> bytes:
    return b"".join(bytes(piece.octets) for piece in pieces)


# --- making it right again -------------------------------------------------------------------------------------------


def chain(pieces: Sequence[Piece]) -> None:
    """Let every next header field announce what follows."""
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        number = 59 if following is None else following.number
        number = -number - 1 if number < 0 else number
        if piece.number == IPV6 and len(piece.octets) >= 40:
            piece.octets[6] = number
        elif piece.number in EXTENSIONS and piece.octets:
            piece.octets[0] = number


def lengthen(pieces: Sequence[Piece]) -> None:
    """Let every length field say how long its header, and each packet, is."""
    for position, piece in enumerate(pieces):
        if piece.number == IPV6 and len(piece.octets) >= 40:
            behind = sum(len(other.octets) for other in pieces[position + 1 :])
            piece.octets[4:6] = min(behind, 65535).to_bytes(2, "big")
        elif piece.number in (HOP_BY_HOP, DESTINATION, ROUTING, MOBILITY) and len(piece.octets) >= 2:
            piece.octets += bytes(-len(piece.octets) % 8)
            piece.octets[1] = min(len(piece.octets) // 8 - 1, 255)
        elif piece.number == UDP and len(piece.octets) >= 6:
            piece.octets[4:6] = min(len(piece.octets), 65535).to_bytes(2, "big")


def ends(pieces: Sequence[Piece]) -> tuple[bytes, bytes]:
    """Return source and destination in the pseudo-header of the last piece: home addresses count (RFC 6275 section
    6.1.1).
    """
    source = destination = bytes(16)
    for piece in pieces:
        if piece.number == IPV6:
            source, destination = bytes(piece.octets[8:24]), bytes(piece.octets[24:40])
        elif piece.number == ROUTING and len(piece.octets) >= 24 and piece.octets[2] == 2 and piece.octets[3]:
            destination = bytes(piece.octets[8:24])
        elif piece.number == DESTINATION:
            home = option(piece.octets, 2, 0xC9)
            source = home if home is not None and len(home) == 16 else source
    return source, destination


def option(octets: bytes | bytearray, at: int, wanted: int) -> bytes | None:
    """Return the data of the first option of a type, from octet `at` of a header on."""
    while at < len(octets):
        if octets[at] == wanted and at + 1 < len(octets):
            return bytes(octets[at + 2 : at + 2 + octets[at + 1]])
        at += 1 if octets[at] == 0 else 2 + (octets[at + 1] if at + 1 < len(octets) else 0)
    return None


def total(data: bytes) -> int:
    """Return the one's complement sum of RFC 1071."""
    data += bytes(len(data) % 2)
    value = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def pseudo(pieces: Sequence[Piece]) -> bytes:
    last = pieces[-1]
    return b"".join(ends(pieces)) + len(last.octets).to_bytes(4, "big") + bytes([0, 0, 0, last.number])


def sum_up(pieces: Sequence[Piece]) -> None:
    """Let the checksum of what is carried be right."""
    last = pieces[-1]
    at = CHECKSUM_AT.get(last.number)
    if at is not None and len(last.octets) >= at + 2:
        last.octets[at : at + 2] = bytes(2)
        last.octets[at : at + 2] = (0xFFFF - total(pseudo(pieces) + bytes(last.octets)) or 0xFFFF).to_bytes(2, "big")


def is_summed(pieces: Sequence[Piece]) -> bool:
    """Return True where what is carried has a right checksum."""
    last = pieces[-1]
    return last.number in CHECKSUM_AT and total(pseudo(pieces) + bytes(last.octets)) == 0xFFFF


def sign(pieces: Sequence[Piece], key: bytes, correspondent: bytes) -> None:
    """Put the right authenticator behind a Mobility Header that ends in one (RFC 6275 section 6.2.7)."""
    last = pieces[-1].octets
    carried = any(piece.number == IPV6 for piece in pieces)
    if carried and pieces[-1].number == MOBILITY and len(last) >= 26 and last[-14:-12] == b"\x05\x0c":
        last[-12:] = authenticator(pieces, key, correspondent)


def authenticator(pieces: Sequence[Piece], key: bytes, correspondent: bytes) -> bytes:
    """Compute the authenticator of the Mobility Header at the end, about the care-of address that it names or comes
    from.
    """
    last = bytes(pieces[-1].octets)
    carrier = next(piece for piece in reversed(pieces) if piece.number == IPV6)
    at = 24 if last[2] == 6 else 8  # an acknowledgement goes to the care-of address, an update comes from it
    care_of = option(last, 12, 3) or bytes(carrier.octets[at : at + 16])
    data = last[:4] + bytes(2) + last[6:-12]
    return hmac.new(key, care_of + correspondent + data, hashlib.sha1).digest()[:12]


# --- what is done to the pieces --------------------------------------------------------------------------------------

INTERESTING = (0, 1, 2, 4, 5, 6, 7, 8, 16, 0x3B, 0x7F, 0x80, 0xC9, 0xFE, 0xFF)


def flip(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    octets = pick(pieces, script).octets
    if octets:
        octets[script.below(len(octets))] ^= 1 << script.below(8)


def put(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    octets = pick(pieces, script).octets
    if octets:
        octets[script.below(len(octets))] = INTERESTING[script.below(len(INTERESTING))]


def put_two(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    octets = pick(pieces, script).octets
    at = script.below(max(len(octets) - 1, 1))
    octets[at : at + 2] = bytes([script.below(256), script.below(256)])


def cut(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    octets = pick(pieces, script).octets
    del octets[script.below(len(octets) + 1) :]


def grow(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    pick(pieces, script).octets += script.some(24)


def delete(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    if len(pieces) > 1:
        del pieces[script.below(len(pieces))]


def double(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    at = script.below(len(pieces))
    pieces.insert(at, Piece(pieces[at].number, bytearray(pieces[at].octets)))


def swap(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    one, other = script.below(len(pieces)), script.below(len(pieces))
    pieces[one], pieces[other] = pieces[other], pieces[one]


def extend(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    """Insert a further extension header: options of any type, a routing header, a fragment header."""
    kind = script.below(5)
    if kind < 2:
        data = script.some(12)
        octets = bytes([0, 0, script.below(256), len(data)]) + data
        made = Piece((DESTINATION, HOP_BY_HOP)[kind], bytearray(octets + bytes(-len(octets) % 8)))
        made.octets[1] = len(made.octets) // 8 - 1
    elif kind == 2:
        made = Piece(ROUTING, bytearray([0, 0, script.below(5), script.below(2), 0, 0, 0, 0]))
    elif kind == 3:
        made = Piece(ROUTING, bytearray([0, 2, 2, script.below(3), 0, 0, 0, 0]) + address(script, pool))
    else:
        made = Piece(FRAGMENT, bytearray([0, 0, 0, script.below(16), 0, 0, 0, script.below(4)]))
    pieces.insert(1 + script.below(len(pieces)), made)


def wrap(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    """Put one or several tunnels around a packet."""
    for _ in range(1 + script.below(12)):
        header = bytes([0x60, 0, 0, 0, 0, 0, IPV6, 64])
        pieces.insert(0, Piece(IPV6, bytearray(header + address(script, pool) + address(script, pool))))


def readdress(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    """Write another address wherever one may stand."""
    octets = pick(pieces, script).octets
    places = [at for at in (6, 8, 10, 18, 24) if at + 16 <= len(octets)]
    if places:
        at = places[script.below(len(places))]
        octets[at : at + 16] = address(script, pool)


def insert_option(pieces: list[Piece], script: Script, pool: Sequence[bytes]) -> None:
    """Insert a mobility option, known or not, in front of or behind the others."""
    last = pieces[-1]
    if last.number == MOBILITY and len(last.octets) >= 8:
        fixed = {0: 8, 1: 16, 2: 16, 3: 24, 4: 24, 5: 12, 6: 12, 7: 24}.get(last.octets[2], 8)
        data = script.some(20)
        made = bytes([script.below(256), len(data)]) + data
        made += bytes([1, (-len(made) - 2) % 8]) + bytes((-len(made) - 2) % 8)
        at = fixed if script.below(2) else len(last.octets)
        last.octets[at:at] = made


def address(script: Script, pool: Sequence[bytes]) -> bytes:
    return pool[script.below(len(pool))]


def pick(pieces: list[Piece], script: Script) -> Piece:
    return pieces[script.below(len(pieces))]


OPERATIONS: tuple[Callable[[list[Piece], Script, Sequence[bytes]], None], ...] = (
    flip, put, put_two, cut, grow, delete, double, swap, extend, wrap, readdress, insert_option,
)  # fmt: skip


def mutate(octets: bytes, script: Script, pool: Sequence[bytes], key: bytes, correspondent: bytes) -> bytes:
    """Change a packet as the script says; `pool`: addresses to put in; `key`: what proves it to `correspondent`."""
    pieces = parse(octets)
    for _ in range(script.below(4)):
        OPERATIONS[script.below(len(OPERATIONS))](pieces, script, pool)
        del pieces[MOST_PIECES:]
    repairs = script.below(256)
    if repairs & 0x0F != 0x0F:
        chain(pieces)
    if repairs & 0x70 != 0x70:
        lengthen(pieces)
    if repairs & 0x03 != 0x03:
        sign(pieces, key, correspondent)
    if repairs < 0xF0:
        sum_up(pieces)
    return joined(pieces)
