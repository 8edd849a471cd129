"""The targets of the fuzzer: `decode`, and each role behind its port, with bindings in its tables.

`probe` holds for any octets: no exception, nothing malformed of our own comes out, and no table changes unless the
octets are a message that may change it. Whether they are is judged by `tests.fuzz.mutation` and the standard library.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import mipflow as mf
from mipflow.errors import WireError
from mipflow.sim.trace import TableChanged
from mipflow.wire import codec
from mipflow.wire.address import Address
from tests.fuzz.mutation import (
    DESTINATION,
    HOP_BY_HOP,
    ICMP,
    IPV6,
    MOBILITY,
    Piece,
    Script,
    is_summed,
    mutate,
    option,
    parse,
)
from tests.fuzz.mutation import authenticator as authenticator_of
from tests.mip6 import octets as by_hand
from tests.mip6.seams import (
    CARE_OF,
    CN,
    HA,
    HOME,
    OTHER_CARE_OF,
    OTHER_HOME,
    ROUTER,
    AllOthers,
    AwayPeer,
    CorrespondentSeam,
    HomeAgentSeam,
    MobilePeer,
    MobileSeam,
    Seam,
)
from tests.oracles import packet_faults
from tests.peer import S, octets_of
from tests.wire.strategies import one_of_each

CAPTURE = Path(__file__).resolve().parents[2] / "datasets" / "captures" / "real-mobile-node.pcap"
POOL = [
    octets_of(text) for text in (
        HA, CN, HOME, OTHER_HOME, CARE_OF, OTHER_CARE_OF, ROUTER, "::", "::1", "ff02::1", "ff02::2", "ff02::1:ff00:77",
        "fe80::77", "2001:db8:100::", "2001:db8:999::1",
    )
]  # fmt: skip
RENAMED = {
    # in the real capture
    "2001:db8:1::1": HA, "2001:db8:2::1": CN, "2001:db8:1::777": HOME, "2001:db8:d:0:50ba:5aff:fe62:f39": CARE_OF,
    "fe80::d4b0:80ff:fe7e:d4fd": ROUTER,
    # in one_of_each
    "2001:db8:2::10": CARE_OF, "2001:db8:1::10": HOME,
    # in Figure 2
    "2001:db8:100::10": HOME,
}  # fmt: skip


class Role:
    """One of our nodes, which has talked already: `said` is what it was told, and is told each new twin again."""

    def __init__(
        self, name: str, address: str, make: Callable[[], Seam], said: list[tuple[int, int, bytes]], now: int,
        key: bytes,
    ) -> None:  # fmt: skip
        self.name = name
        self.address = octets_of(address)
        self.make = make
        self.said = said
        self.now = now
        self.key = key
        """Kbm of a binding update that would be accepted."""

    def twin(self) -> Seam:
        """Build a new one in the state that all the talk has led to."""
        seam = self.make()
        for t_ns, at, octets in self.said:
            seam.line.ports[at].receive_octets(octets, t_ns)
        for port in seam.line.ports:
            port.poll(self.now)
        return seam

    def may_change(self, seam: Seam, octets: bytes) -> bool:
        """Return True where octets are a message that may change the role's tables."""
        pieces = parse(octets)
        if not pieces or not is_summed(pieces):
            return False
        judge = {"correspondent node": _binds, "home agent": _registers, "mobile node": _concerns}[self.name]
        return judge(seam, pieces)


def _update(pieces: list[Piece]) -> bytes:
    """Return the octets of a binding update behind a Home Address option, or nothing."""
    last = bytes(pieces[-1].octets)
    has_home = any(piece.number == DESTINATION and option(piece.octets, 2, 0xC9) for piece in pieces)
    return last if pieces[-1].number == MOBILITY and len(last) >= 16 and last[2] == 5 and has_home else b""


def _binds(seam: Any, pieces: list[Piece]) -> bool:
    """Return whether this is a binding update with the authenticator that our tokens make (RFC 6275 section 9.5.1)."""
    update, nonces = _update(pieces), seam.node.nonces
    indices = option(update, 12, 4)
    if indices is None or len(indices) != 4:
        return False
    home_index, care_of_index = struct.unpack("!HH", indices)
    home = next(found for piece in pieces if piece.number == DESTINATION and (found := option(piece.octets, 2, 0xC9)))
    source = bytes(pieces[0].octets[8:24])
    care_of = option(update, 12, 3) or source
    of_home = by_hand.home_token(nonces.node_key, home, nonces.nonce(home_index))
    of_care_of = by_hand.care_of_token(nonces.node_key, care_of, nonces.nonce(care_of_index))
    for parts, about in ((of_home + of_care_of, None), (of_home, home)):
        key = by_hand.hashlib.sha1(parts).digest()
        signed = [*pieces[:-1], Piece(MOBILITY, bytearray(update))]
        if about is not None:
            signed = [Piece(IPV6, bytearray(8) + about + bytes(16)), signed[-1]]
        if authenticator_of(signed, key, octets_of(CN)) == update[-12:]:
            return True
    return False


def _registers(seam: Any, pieces: list[Piece]) -> bool:
    """Return whether this is a binding update with H set (RFC 6275 section 10.3.1), or a router advertisement from the
    link itself (10.5.1).
    """
    update, first, last = _update(pieces), pieces[0].octets, pieces[-1]
    if last.number == ICMP and last.octets[0] == 134:
        is_from_link = first[7] == 255 and first[8:10] == b"\xfe\x80"
        return is_from_link and sum(piece.number == IPV6 for piece in pieces) == 1
    return bool(update and update[8] & 0x40)


def _concerns(seam: Any, pieces: list[Piece]) -> bool:
    """Say whether a mobile node acts on a packet: its peers' messages, ICMPv6, data that may open a flow."""
    return pieces[-1].number != MOBILITY or pieces[-1].octets[2] in (0, 3, 4, 6, 7)


def _talks(seam: MobileSeam) -> MobileSeam:
    """Open two flows at fixed times, so that a twin does the same."""
    for number, t_s in ((1000, 6), (2000, 9)):
        socket = seam.node.udp(number, (Address(CN), 7))
        seam.network.clock.at(t_s * S, lambda _, socket=socket: socket.send(b"data"))
    return seam


@cache
def roles() -> list[Role]:
    """Build the three roles."""
    mobile = MobilePeer()
    mobile.bind(1, HOME)
    mobile.bind(2, OTHER_HOME)
    _, key = mobile.test()
    away = AwayPeer()
    away.register(HOME)
    away.register(OTHER_HOME, OTHER_CARE_OF)
    others = AllOthers()
    _talks(others.seam)
    others.line.wait(16)
    assert len(others.bound) == 4
    return [
        Role("correspondent node", CN, CorrespondentSeam, mobile.line.said, mobile.line.now, key),
        Role("home agent", HA, HomeAgentSeam, away.line.said, away.line.now, key),
        Role("mobile node", CARE_OF, lambda: _talks(MobileSeam()), others.line.said, others.line.now, key),
    ]


# --- where to start from ---------------------------------------------------------------------------------------------


@cache
def seeds() -> list[bytes]:
    """Return valid packets: those that the roles were sent, a real capture, a simulated run, one of each kind."""
    found = [octets for role in roles() for _, _, octets in role.said]
    found += [renamed(octets) for octets in [*captured(CAPTURE), *simulated()]]
    found += [renamed(codec.encode(packet)) for packet in one_of_each()]
    return sorted(set(found), key=lambda octets: (len(octets), octets))


def captured(path: Path) -> Iterable[bytes]:
    """Read the IPv6 packets in a pcap file of Ethernet frames."""
    data, at = path.read_bytes(), 24
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    while at < len(data):
        (size,) = struct.unpack_from(order + "I", data, at + 8)
        frame = data[at + 16 : at + 16 + size]
        if frame[12:14] == b"\x86\xdd":
            yield frame[14:]
        at += 16 + size


def simulated() -> Iterable[bytes]:
    """Return the packets of a handover of one of two flows in Figure 2, each kind once for every pair of ends."""
    world = mf.figure2(seed=5)
    flows = [world.mn.open(world.cn1, mf.apps.Voice(interval_ms=1000)) for _ in range(2)]
    world.run(8)
    world.mn.handover(flows[1], "cell0")
    world.run(4)
    world.mn.close(flows[0])
    world.run(4)
    kinds = {}
    for hop in world.trace:
        packet = hop.packet
        kinds.setdefault((packet.source, packet.destination, type(packet.innermost().payload)), packet)
    return [codec.encode(packet) for packet in kinds.values()]


def renamed(octets: bytes) -> bytes:
    """Put the addresses of the roles in the places of others (checksums are made right by `mutate`)."""
    for old, new in RENAMED.items():
        octets = octets.replace(octets_of(old), octets_of(new))
    return octets


# --- what must hold --------------------------------------------------------------------------------------------------


def packets_of(script: bytes, role: Role) -> list[tuple[int, bytes]]:
    """Return up to four mutated packets, and the port at which each arrives."""
    reader, found = Script(script), []
    for _ in range(1 + reader.below(4)):
        at, to_role = reader.below(2), reader.below(4)
        octets = seeds()[reader.below(len(seeds()))]
        if to_role:
            octets = octets[:24] + role.address + octets[40:]
        found.append((at, mutate(octets, reader, POOL, role.key, octets_of(CN))))
        if reader.is_over:
            break
    return found


def probe(role: Role, packets: list[tuple[int, bytes]]) -> None:
    """Let a twin of a role receive octets: AssertionError where something does not hold that must for any octets."""
    seam = role.twin()
    records, excused, now = seam.network.trace.records, False, role.now

    def changes() -> int:
        return sum(isinstance(record, TableChanged) for record in records)

    for at, octets in packets:
        before, port = changes(), seam.line.ports[at % len(seam.line.ports)]
        excused = excused or role.may_change(seam, octets) or _is_piece(octets)
        for departed in port.receive_octets(octets, now):
            check_departed(seam, departed, packets)
        assert excused or changes() == before, f"{role.name}: tables changed by {octets.hex()}"
    before = changes()
    for port in seam.line.ports:
        for departed in port.poll(now + 2 * S):
            check_departed(seam, departed, packets)
    assert excused or changes() == before, f"{role.name}: tables changed after {[o.hex() for _, o in packets]}"


def _is_piece(octets: bytes) -> bool:
    """Return whether this is a fragment's piece: together with others it may be anything."""
    return any(piece.number < -1 for piece in parse(octets))


def check_departed(seam: Any, octets: bytes, arrived: list[tuple[int, bytes]]) -> None:
    """Check that our own packets are well formed, and those passed on for others as they came but for length."""
    assert len(octets) == 40 + int.from_bytes(octets[4:6], "big")
    own = {*seam.node.addresses, *(i.link_local for i in seam.node.interfaces.values())}
    is_passed_on = any(data.endswith(octets[40:]) for _, data in arrived)
    pieces = parse(octets)
    is_alone = sum(piece.number == IPV6 for piece in pieces) == 1 and not _is_piece(octets)
    if Address(octets[8:24]) in own and is_alone and not is_passed_on:
        assert is_summed(pieces), f"wrong checksum in {octets.hex()}"
        assert packet_faults(octets) == [], octets.hex()


def probe_decode(octets: bytes) -> None:
    """Check that `decode` gives a packet that is what the octets say, or WireError."""
    try:
        packet = codec.decode(octets)
    except WireError as error:
        assert "\n" not in str(error)
        return
    again = codec.encode(packet)
    assert codec.decode(again) == packet and len(again) == len(octets)
    pieces = parse(octets)
    if any(piece.number == HOP_BY_HOP and before.number != IPV6 for before, piece in pairwise(pieces)):
        return  # behind hop-by-hop options in a later place nobody reads on (RFC 8200 section 4)
    told = [fault for fault in packet_faults(octets) if "checksum" in fault or fault in ("payload proto", "length")]
    assert told == [], f"{told} was not seen in {octets.hex()}"
