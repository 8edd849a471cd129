"""Headers of captured IPv4 and IPv6 packets, as far as a replay needs them. Pure.

Takes frames; gives packets of TCP, UDP and echo, or in words why a frame is left out. The headers are read by
slices: scapy takes a hundred times as long. Checksums are not looked at, because with checksum offload they are wrong
in every frame that the recording host sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from struct import Struct, error
from typing import Literal

from mipflow.errors import WireError
from mipflow.wire.captures.frames import Frame
from mipflow.wire.captures.tunnels import OVER_UDP, TUNNELS, inside
from mipflow.wire.chain import AUTHENTICATION, EXTENSIONS, FRAGMENT, walk

End = tuple[str, int]
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_TCP, _UDP = 6, 17
_PROTOCOLS: dict[int, Literal["UDP", "TCP", "ICMPv6"]] = {_TCP: "TCP", _UDP: "UDP", 58: "ICMPv6"}
_EXTENSIONS_4, _EXTENSIONS_6 = {AUTHENTICATION}, EXTENSIONS | {AUTHENTICATION}
"""Headers that are stepped over."""
_MOST_TUNNELS = 8
"""The most packets inside a packet that are read."""
_ALL = 1 << 17
"""A number of octets that no packet has whose length is in its header."""
_ECHO = {1: (8, 0), 58: (128, 129)}
"""ICMP and ICMPv6 -> types of echo request and reply."""
_NAMES = {2: "IGMP", 50: "ESP", 55: "minimal encapsulation", 89: "OSPF", 132: "SCTP", 135: "Mobility Header"}
_BROADCAST = b"\xff" * 4
REASSEMBLY_NS = 60 * 10**9
"""The time within which fragments belong together; those further apart belong to different datagrams (RFC 8200 section
4.5).
"""
_MANY_FRAGMENTED = 4096
"""The number of fragmented datagrams from which on old ones are forgotten."""
_FURTHER = "further fragment, counted with the first"
_REPEATED = "fragment of a datagram that was whole already"
_WITHOUT_FIRST = "fragment without the first of its packet"
_VERSION_4, _VERSION_6 = Struct(">B3x2sHxB2x8s"), Struct(">6xBx32s")
_FRAGMENT, _TCP_HEADER, _UDP_HEADER, _ECHO_HEADER = map(Struct, (">2xH4s", ">4xIIBB6x", ">4xH2x", ">B3x2sH"))
_PORTS = Struct(">HH")


@dataclass(slots=True, eq=False)
class Way:
    """One direction between two ends, which all of its packets share. For an echo both ports are its identifier.

    `number` is the place among all ways of a capture; `left_out` says why its packets are nobody's, if they are.
    """

    number: int
    protocol: Literal["UDP", "TCP", "ICMPv6"]
    ends: tuple[End, End]
    """Address and port of the source, and of the destination."""
    left_out: str = ""
    is_common: bool = True
    """Whether its packets are somebody's and can hold no tunnel."""
    key: str = field(init=False)
    """A key that both ways between two ends have; a text, which knows its hash."""
    is_to_itself: bool = field(init=False)
    """Whether a host sends to itself."""

    def __post_init__(self) -> None:
        self.key = f"{self.protocol} {sorted(self.ends)}"
        self.is_to_itself = self.ends[0][0] == self.ends[1][0]


@dataclass(slots=True)
class Heard:
    """One packet that was heard.

    `octets` counts the payload as it was sent, `data` are those that were kept of a TCP segment. `flags` are TCP's; an
    echo request has SYN, a reply has none. `shift_ns` is by how much its time is later than its own stamp, `elsewhere`
    how many of its last octets were in further fragments of a tunnel's packet. More `octets` may come of a datagram of
    which fragments are missing (`may_grow`).
    """

    time_ns: int
    way: Way
    octets: int
    flags: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    shift_ns: int = 0
    elsewhere: int = 0
    data: bytes = b""
    may_grow: bool = False


class HeaderReader:
    """Reads frames in order; it remembers fragmented datagrams, whose fragments come in any order, twice or never.

    `skipped` counts the frames that are left out, by what `read` says of them; of fragments it is put right as more is
    known of their datagram. `tunnels` counts the packets that were found inside others, by tunnel.
    """

    def __init__(self, skipped: Counter[str] | None = None) -> None:
        self._skipped = Counter() if skipped is None else skipped
        self.tunnels: Counter[str] = Counter()
        self.ways: list[Way] = []
        """The ways of all packets heard, by number."""
        self._ways: dict[int, dict[bytes, Way]] = {protocol: {} for protocol in _PROTOCOLS}
        """Protocol -> addresses and ports, as octets -> the way."""
        self._tcp, self._udp = self._ways[_TCP], self._ways[_UDP]
        self._fragmented: dict[object, _Datagram] = {}
        self._most_fragmented = _MANY_FRAGMENTED

    def read(self, frame: Frame) -> Heard | str:
        """Read the headers of a frame: the packet heard, or why the frame is left out."""
        data = frame.data
        try:
            if data[0] >> 4 == 6 and data[6] in (_TCP, _UDP):  # most packets are so: spare them the way below
                heard = self._upper(frame, data[6], data[8:40], 40)
                if isinstance(heard, str) or heard.way.is_common:
                    return heard
            return self._read(frame)
        except (error, IndexError, WireError):
            return "cut off in its headers"

    def notes(self) -> list[str]:
        """Return sentences about the tunnels that were read through."""
        return [f"{count} packets are taken out of tunnels: {name}" for name, count in self.tunnels.items()]

    def _read(self, frame: Frame, depth: int = 0) -> Heard | str:
        data = frame.data
        ends, protocol, start, body, offset, more, key = _past_headers(data)
        is_fragment, may_carry = offset or more, protocol in TUNNELS
        if is_fragment and protocol == _TCP:
            return "fragment of a TCP segment"
        heard = None if offset or may_carry else self._upper(frame, protocol, ends, start)
        if isinstance(heard, str):
            return heard
        if protocol == _UDP and heard is not None:
            may_carry = not heard.way.is_common
        if may_carry and not offset:
            carried = inside(frame._replace(original_length=_ALL) if more else frame, protocol, start)
            if carried is not None:
                if more:
                    self._fragmented[key] = _Datagram(frame.time_ns, 0, is_given=True)
                cut_off = frame.original_length - len(data)
                return carried if isinstance(carried, str) else self._carried(*carried, depth + 1, cut_off)
        if left_out := _left_out(ends) if heard is None else heard.way.left_out:
            return left_out
        if heard is not None and not is_fragment:
            return heard
        content = 0 if heard is None else hash(data[body:])
        datagram = self._datagram(key, frame.time_ns, content)
        if heard is not None and datagram.heard is None:
            datagram.heard, datagram.content, datagram.ahead = heard, content, start - body + 8
            if protocol == _UDP and (claimed := _UDP_HEADER.unpack_from(data, start)[0]) >= 8:
                datagram.said = claimed - 8
        datagram.add(offset, offset + frame.original_length - body, is_last=not more)
        return self._fate(datagram)

    def _upper(self, frame: Frame, protocol: int, ends: bytes, start: int) -> Heard | str:
        """Read TCP, UDP or echo, which begins at octet `start`; `ends` are both addresses."""
        data, length = frame.data, frame.original_length - start
        if protocol == _TCP:
            sequence, acknowledgement, words, flags = _TCP_HEADER.unpack_from(data, start)
            size = (words >> 4) * 4
            if not 20 <= size <= length:
                return f"TCP header of {size} octets"
            ends += data[start : start + 4]
            way, kept = self._tcp.get(ends) or self._way(_TCP, ends), data[start + size : start + length]
            return Heard(frame.time_ns, way, length - size, flags, sequence, acknowledgement, 0, 0, kept)
        if protocol == _UDP:
            (claimed,) = _UDP_HEADER.unpack_from(data, start)
            octets = claimed if 8 <= claimed <= length else length  # what follows was padding
            ends += data[start : start + 4]
            return Heard(frame.time_ns, self._udp.get(ends) or self._way(_UDP, ends), octets - 8)
        if protocol in _ECHO:
            kind, identifier, sequence = _ECHO_HEADER.unpack_from(data, start)
            if kind not in _ECHO[protocol]:
                return "ICMP that is no echo" if protocol == 1 else "ICMPv6 that is no echo"
            flags, way = SYN * (kind == _ECHO[protocol][0]), self._way(58, ends + identifier + identifier)
            return Heard(frame.time_ns, way, length - 8, flags, sequence)
        return _NAMES.get(protocol, f"IP protocol {protocol}")

    def _way(self, protocol: int, ends: bytes) -> Way:
        """Return the way between two addresses, behind which both ports stand."""
        known = self._ways[protocol]
        way = known.get(ends)
        if way is None:
            size, ports, left_out = len(ends) // 2 - 2, _PORTS.unpack(ends[-4:]), _left_out(ends[:-4])
            near, far = (str(ip_address(host)) for host in (ends[:size], ends[size:-4]))
            is_common = not (left_out or (protocol == _UDP and OVER_UDP.keys() & ports))
            both = (near, ports[0]), (far, ports[1])
            way = Way(len(self.ways), _PROTOCOLS[protocol], both, left_out, is_common)
            self.ways.append(way)
            known[ends] = way
        return way

    def _carried(self, tunnel: str, frame: Frame, depth: int, cut_off: int) -> Heard | str:
        """Read the packet inside another one, of whose octets the capture has cut off so many."""
        if depth > _MOST_TUNNELS:
            return f"more than {_MOST_TUNNELS} packets inside each other"
        self.tunnels[tunnel] += 1
        found = self._read(frame, depth)
        if isinstance(found, Heard):  # what is not there for another reason than the snap length
            found.elsewhere = max(found.elsewhere, frame.original_length - len(frame.data) - cut_off)
        return found

    def _datagram(self, key: object, now_ns: int, content: int) -> _Datagram:
        """Return the datagram that a fragment belongs to: a new one where the one with its identification is whole or
        old, or has another first fragment (`content`, 0 for no first one).
        """
        datagram, repeated = self._fragmented.get(key), 0
        if datagram is not None and abs(now_ns - datagram.begun_ns) <= REASSEMBLY_NS:
            if not datagram.is_whole and content in (0, datagram.content or content):
                return datagram
            repeated = datagram.content if datagram.is_whole else 0
        if len(self._fragmented) >= self._most_fragmented:  # forget those that are too old for any fragment
            young = {key: one for key, one in self._fragmented.items() if abs(now_ns - one.begun_ns) <= REASSEMBLY_NS}
            self._fragmented, self._most_fragmented = young, max(2 * len(young), _MANY_FRAGMENTED)
        datagram = self._fragmented[key] = _Datagram(now_ns, repeated)
        return datagram

    def _fate(self, datagram: _Datagram) -> Heard | str:
        """Return what is heard now that a fragment was added, or why it is left out."""
        if datagram.is_given:
            return _FURTHER
        heard = datagram.heard
        if heard is None or (datagram.content == datagram.repeated and not datagram.is_whole):
            why = _REPEATED if datagram.repeated else _WITHOUT_FIRST
            datagram.waiting[why] += 1
            return why
        datagram.is_given = True
        self._skipped[_FURTHER] += datagram.waiting.total()
        self._skipped -= datagram.waiting
        heard.may_grow = not datagram.is_whole
        return heard


@dataclass(slots=True)
class _Datagram:
    """One fragmented datagram so far. Positions count octets behind the headers that each fragment has."""

    begun_ns: int
    repeated: int
    """The first fragment of a whole datagram that had this identification shortly before; 0 for none. One with the same
    first fragment is a repetition, unless it comes as a whole as well.
    """
    content: int = 0
    """A fingerprint of its first fragment, 0 while that is not there."""
    heard: Heard | None = None
    ahead: int = 0
    """Octets in front of the payload."""
    said: int | None = None
    """The length of the payload by the UDP header."""
    reach: int = 0
    """The end of the farthest fragment so far."""
    covered: int = 0
    """A bit for each eight octets that are there."""
    has_last: bool = False
    is_whole: bool = False
    is_given: bool = False
    waiting: Counter[str] = field(default_factory=Counter)
    """Reasons why its fragments were left out before it was given."""

    def add(self, start: int, end: int, is_last: bool) -> None:
        """Add the octets of a fragment."""
        start, end = start // 8, min(end, _ALL)
        self.covered |= (1 << -(-end // 8)) - (1 << start) if end > 8 * start else 0
        self.reach, self.has_last = max(self.reach, end), self.has_last or is_last
        if self.heard is None:
            return
        self.is_whole = self.has_last and self.covered == (1 << -(-self.reach // 8)) - 1
        there = self.reach - self.ahead
        self.heard.may_grow &= not self.is_whole
        self.heard.octets = there if self.said is None else min(self.said, there) if self.is_whole else self.said


def _past_headers(data: bytes) -> tuple[bytes, int, int, int, int, int, object]:
    """Step over an IP header and its extension headers, up to those of another fragment.

    Gives both addresses, the number and first octet of what follows, the first octet that belongs to a fragment,
    its offset, whether more come (0: no), and a key that the fragments of one datagram share.
    """
    number, offset, more = b"", 0, 0
    if data[0] >> 4 == 4:
        first, number, fragment, protocol, ends = _VERSION_4.unpack_from(data)
        body = start = max(first & 15, 5) * 4
        offset, more, of_what, extensions = (fragment & 0x1FFF) * 8, fragment & 0x2000, protocol, _EXTENSIONS_4
    else:
        protocol, ends = _VERSION_6.unpack_from(data)
        body, start, of_what, extensions = 40, 40, 0, _EXTENSIONS_6
    may_walk = protocol in extensions and not offset  # most packets have no such header: spare them the walk
    for header in walk(data, protocol, start, extensions, extensions) if may_walk else ():
        start, protocol = header.end, header.following
        if header.number == FRAGMENT:
            word, number = _FRAGMENT.unpack_from(data, header.start)
            body, offset, more = start, word & 0xFFF8, word & 1
            if offset:
                break
    # The protocol tells IPv4 datagrams apart too (RFC 791 section 3.2), not those of IPv6 (RFC 8200 section 4.5).
    return ends, protocol, start, body, offset, more, (ends, number, of_what)


def _left_out(ends: bytes) -> str:
    """Return why nobody's packets are between two addresses; nothing where they are between two hosts."""
    to, from_ = _nobody(ends[len(ends) // 2 :]), _nobody(ends[: len(ends) // 2])
    return f"to {to}" if to else f"from {from_}" if from_ else ""


def _nobody(address: bytes) -> str:
    """Return words for an address that is not one host's; nothing for one that is."""
    is_group = 224 <= address[0] < 240 or address == _BROADCAST if len(address) == 4 else address[0] == 255
    return "a group (multicast or broadcast)" if is_group else "" if any(address) else "no address"
