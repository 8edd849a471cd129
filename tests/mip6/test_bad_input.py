"""Bad input, as bytes to each role: dropped with a reason, never an exception, never a changed table.

And what only looks bad: reserved bits, unknown options, extension headers in any order are processed as valid.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest
from scapy.layers.inet6 import (
    HAO,
    HBHOptUnknown,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
    MIP6OptUnknown,
)

from tests.fuzz.mutation import (
    EXTENSIONS,
    FRAGMENT,
    ICMP,
    IPV6,
    MOBILITY,
    ROUTING,
    Piece,
    chain,
    joined,
    lengthen,
    parse,
    pseudo,
    sign,
    sum_up,
    total,
)
from tests.fuzz.roles import Role, check_departed, roles, seeds
from tests.mip6 import octets as by_hand
from tests.mip6.seams import CARE_OF, CN, HA, HOME, OTHER_CARE_OF, AllOthers, AwayPeer, MobilePeer
from tests.peer import (
    MIP6MH_BA,
    ICMPv6ParamProblem,
    Layer,
    echo,
    home_update,
    octets_of,
    packet,
    signed,
    update,
)

NAMES = ["correspondent node", "home agent", "mobile node"]
each_role = pytest.mark.parametrize("number", range(3), ids=NAMES)


class Desk:
    """One role that gets packet after packet at the same instant; a new twin when its tables changed."""

    def __init__(self, number: int) -> None:
        self.role: Role = roles()[number]
        self.seam: Any = self.role.twin()

    def get(self, octets: bytes) -> tuple[list[bytes], list[str]]:
        """Return the answers and the reasons of drops. Tables stay unless they may change."""
        trace = self.seam.network.trace
        before, reasons = self.seam.tables(), len(list(trace.drops()))
        departed = self.seam.line.ports[0].receive_octets(octets, self.role.now)
        for each in departed:
            check_departed(self.seam, each, [(0, octets)])
        drops = [drop.reason for drop in trace.drops()][reasons:]
        if self.seam.tables() != before:
            assert self.role.may_change(self.seam, octets), octets.hex()
            self.seam = self.role.twin()
        return departed, drops


def kinds(role: Role, numbers: tuple[int, ...] = (MOBILITY, ICMP)) -> dict[object, list[Piece]]:
    """Return a valid packet to a role of each Mobility Header type and ICMPv6 type, with the octets in front."""
    found: dict[object, list[Piece]] = {}
    for octets in seeds():
        pieces = parse(octets)
        if len([piece for piece in pieces if piece.number == IPV6]) > 1 or pieces[-1].number not in numbers:
            continue
        if octets[24] != 0xFF:
            pieces[0].octets[24:40] = role.address
        kind = pieces[-1].octets[2 if pieces[-1].number == MOBILITY else 0]
        found.setdefault((pieces[-1].number, kind, len(pieces)), right(pieces, role))
    return found


def right(pieces: list[Piece], role: Role) -> list[Piece]:
    chain(pieces)
    lengthen(pieces)
    sign(pieces, role.key, octets_of(CN))
    sum_up(pieces)
    return pieces


def copied(pieces: list[Piece]) -> list[Piece]:
    return [Piece(piece.number, bytearray(piece.octets)) for piece in pieces]


# --- what is bad -----------------------------------------------------------------------------------------------------


@each_role
@pytest.mark.slow
def test_every_message_cut_at_every_length_is_dropped(number: int) -> None:
    """RFC 6275 section 9.2, RFC 4443, RFC 8200: as it is cut, with a length that says so, and with a new checksum."""
    desk = Desk(number)
    for kind, pieces in kinds(desk.role).items():
        octets = joined(pieces)
        for length in range(len(octets)):
            assert len(desk.get(octets[:length])[1]) == 1
            if length < 40:
                continue
            shorter = octets[:4] + (length - 40).to_bytes(2, "big") + octets[6:length]
            again = parse(shorter)
            if pieces[-1].number == MOBILITY:
                departed, drops = desk.get(shorter)
                assert drops and departed == [], (kind, length)
            if again[-1].number == pieces[-1].number:
                sum_up(again)
                departed, drops = desk.get(joined(again))
                assert drops or pieces[-1].number == ICMP, (kind, length)


@each_role
@pytest.mark.slow
def test_every_octet_of_every_message_may_be_anything(number: int) -> None:
    """Every field out of its range, the checksum right, and the authenticator where the octet is not in it."""
    desk = Desk(number)
    for pieces in kinds(desk.role, (MOBILITY,)).values():
        for place, piece in enumerate(pieces):
            for at in range(len(piece.octets)):
                for value in {0, 0xFF, piece.octets[at] ^ 1, piece.octets[at] ^ 0x80} - {piece.octets[at]}:
                    changed = copied(pieces)
                    changed[place].octets[at] = value
                    sum_up(changed)
                    desk.get(joined(changed))


@each_role
def test_a_wrong_checksum_is_dropped_in_silence(number: int) -> None:
    """RFC 6275 section 9.2, RFC 4443 section 2.3, RFC 4861 section 7.1."""
    desk = Desk(number)
    for pieces in kinds(desk.role).values():
        wrong = copied(pieces)
        at = 4 if wrong[-1].number == MOBILITY else 2
        wrong[-1].octets[at] ^= 0x10
        assert total(pseudo(wrong) + bytes(wrong[-1].octets)) != 0xFFFF
        departed, drops = desk.get(joined(wrong))
        assert departed == [] and len(drops) == 1 and "wrong checksum" in drops[0]


@each_role
def test_tunnels_nested_deep_are_dropped(number: int) -> None:
    """RFC 2473 section 4.1: nobody has to open more than it can; a stack of them must not be a stack of calls."""
    desk = Desk(number)
    inner = joined(kinds(desk.role)[MOBILITY, 5, 3])
    for depth in range(1, 37):
        inner = bytes(IPv6(src=CARE_OF, dst=address_of(desk.role), nh=41) / inner)
        _, drops = desk.get(inner)
        assert drops, depth


def address_of(role: Role) -> str:
    return {"correspondent node": CN, "home agent": HA, "mobile node": CARE_OF}[role.name]


@each_role
def test_extension_headers_cut_or_malformed_are_dropped(number: int) -> None:
    """RFC 8200 sections 4.2, 4.4, 4.5: each type at every length, and with an option that runs over its end."""
    desk = Desk(number)
    header = bytearray(bytes(packet(CARE_OF, address_of(desk.role), b"")))
    for kind in EXTENSIONS:
        header[6] = kind
        whole = bytes(8) if kind == FRAGMENT else bytes([59, 2, 2, 1, 0, 0, 0, 0]) + octets_of(HOME)
        for length in range(1, len(whole)):
            header[4:6] = length.to_bytes(2, "big")
            _, drops = desk.get(bytes(header) + whole[:length])
            assert len(drops) == 1, (kind, length)
        header[4:6] = bytes([0, 8])
        _, drops = desk.get(bytes(header) + bytes([59, 0, 0x1E, 200, 0, 0, 0, 0]))
        assert drops or kind == FRAGMENT, kind


@pytest.mark.parametrize("home", ["::", "::1", "ff02::1", "ff0e::77", "fe80::77"])
def test_a_home_address_that_is_no_unicast_routable_one_is_never_bound(home: str) -> None:
    """RFC 6275 sections 6.3, 9.3.1, 9.5.1: the home address MUST be a unicast routable address."""
    mobile = MobilePeer()
    indices, _ = mobile.test()
    nonces = mobile.seam.node.nonces
    tokens = (
        by_hand.home_token(nonces.node_key, octets_of(home), nonces.nonce(indices[0])),
        by_hand.care_of_token(nonces.node_key, octets_of(CARE_OF), nonces.nonce(indices[1])),
    )
    key = hashlib.sha1(b"".join(tokens)).digest()
    mobile.line.send(packet(CARE_OF, CN, signed(update(1, indices), key, CARE_OF, CN), home=home))
    assert mobile.seam.bound == [] and mobile.seam.drops
    away = AwayPeer()
    away.send(home_update(1, CARE_OF), home=home)
    away.line.wait(2)
    assert away.seam.bound == []


@pytest.mark.parametrize("care_of", ["::", "::1", "ff02::1", "ff0e::77", "fe80::77"])
def test_a_care_of_address_that_is_no_unicast_routable_one_is_never_bound(care_of: str) -> None:
    """RFC 6275 section 6.1.7: the care-of address MUST be a unicast routable address (in the option, or the source)."""
    away = AwayPeer()
    away.send(home_update(1, care_of))
    away.line.wait(2)
    assert away.seam.bound == []


@pytest.mark.parametrize("source", ["::", "ff0e::77"])
def test_no_error_goes_to_a_source_that_is_not_one_node(source: str) -> None:
    """RFC 4443 section 2.4 e, RFC 6275 section 9.3.3."""
    for seam, address in ((AwayPeer(), HA), (MobilePeer(), CN)):
        before = len(seam.line.heard)
        seam.line.send(packet(source, address, bytes([59, 0, 99, 0, 0, 0, 0, 0])))
        seam.line.send(packet(source, address, echo(), home=HOME))
        seam.line.send(IPv6(src=source, dst=address, nh=200) / b"what")
        seam.line.send(packet(source, address, home_update(1, CARE_OF), home=HOME))
        assert [heard for heard in seam.line.heard[before:] if heard.layer.dst == source] == []


# --- what only looks bad ---------------------------------------------------------------------------------------------

SKIP = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1E, optlen=3, optdata=b"any")])
DONE = IPv6ExtHdrRouting(type=253, segleft=0, addresses=[])
WHOLE = IPv6ExtHdrFragment(offset=0, m=0, id=7)
AT_HOME = IPv6ExtHdrDestOpt(options=[HAO(hoa=HOME)])
ORDERS = [
    order for count in range(4) for order in itertools.permutations([SKIP, DONE, WHOLE, AT_HOME], count + 1)
    if AT_HOME in order
]  # fmt: skip


def in_order(source: str, destination: str, order: tuple[Layer, ...], message: bytes, home: str) -> bytes:
    """Put a message behind extension headers, summed up by hand: scapy's own sum looks at some orders only."""
    whole: Layer = IPv6(src=source, dst=destination)
    for header in order:
        whole /= header.copy()
    pieces = [*parse(bytes(whole)), Piece(MOBILITY, bytearray(message))]
    chain(pieces)
    lengthen(pieces)
    sum_up(pieces)
    return joined(pieces)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(type(header).__name__[10:] for header in order))
def test_extension_headers_are_accepted_in_any_order(order: tuple[Layer, ...]) -> None:
    """RFC 8200 section 4.1: nodes must accept and attempt to process extension headers in any order.

    A home address that is not bound is let in directly in front of a Mobility Header only (RFC 6275 section 9.3.1).
    """
    mobile = MobilePeer()
    if order[-1] is not AT_HOME:
        mobile.bind(1)
    indices, key = mobile.test()
    message = bytes(signed(update(2, indices), key, CARE_OF, CN))
    answer = mobile.line.ask(in_order(CARE_OF, CN, order, message, HOME), MIP6MH_BA)
    assert (answer[MIP6MH_BA].status, answer[MIP6MH_BA].seq) == (0, 2) and mobile.reaches(HOME) == CARE_OF
    away = AwayPeer()
    if order[-1] is not AT_HOME:
        away.register()
    away.line.send(in_order(CARE_OF, HA, order, bytes(home_update(2, CARE_OF)), HOME))
    away.line.wait(2)
    assert away.line.all(MIP6MH_BA)[-1][MIP6MH_BA].seq == 2
    assert away.intercepted(HOME) == (HA, CARE_OF)


def unknown(kind: int, size: int) -> Layer:
    return MIP6OptUnknown(otype=kind, olen=size, odata=bytes(range(size)))


@pytest.mark.parametrize("kind", [6, 7, 8, 12, 99, 128, 200, 255])
@pytest.mark.parametrize("size", [0, 1, 5, 16, 100])
def test_unknown_mobility_options_are_skipped_and_the_message_processed(kind: int, size: int) -> None:
    """RFC 6275 section 6.2.1: quietly ignored."""
    mobile = MobilePeer()
    assert mobile.bind(1, more=(unknown(kind, size), unknown(kind, size)))[MIP6MH_BA].status == 0
    assert mobile.reaches(HOME) == CARE_OF
    away = AwayPeer()
    message = home_update(1, CARE_OF)
    message.options = [unknown(kind, size), *message.options, unknown(kind, size)]
    away.send(message)
    away.line.wait(2)
    assert away.intercepted(HOME) == (HA, CARE_OF)


@pytest.mark.parametrize(("at", "bits"), [(3, 0xFF), (8, 0x08), (8, 0x07), (9, 0xFF)])
def test_reserved_bits_of_a_binding_update_are_ignored(at: int, bits: int) -> None:
    """RFC 6275 sections 6.1.1 and 6.1.7: MUST be ignored by the receiver (an authenticator covers them all the same).

    Of the flags, those that no other RFC has given away.
    """
    mobile = MobilePeer()
    indices, key = mobile.test()
    octets = bytearray(bytes(signed(update(1, indices), key, CARE_OF, CN)))
    octets[at] |= bits
    pieces = [*parse(bytes(IPv6(src=CARE_OF, dst=CN) / AT_HOME)), Piece(MOBILITY, octets)]
    chain(pieces)
    lengthen(pieces)
    sign(pieces, key, octets_of(CN))
    sum_up(pieces)
    answer = mobile.line.ask(joined(pieces), MIP6MH_BA)
    assert answer[MIP6MH_BA].status == 0 and mobile.reaches(HOME) == CARE_OF
    away = AwayPeer()
    octets = bytearray(bytes(home_update(1, CARE_OF)))
    octets[at] |= bits
    away.line.send(in_order(CARE_OF, HA, (AT_HOME,), bytes(octets), HOME))
    away.line.wait(2)
    assert away.intercepted(HOME) == (HA, CARE_OF)


ASKEW = IPv6ExtHdrDestOpt(bytes([MOBILITY, 2, 0xC9, 16]) + octets_of(HOME) + bytes([1, 2, 0, 0]))
"""A Home Address option at octet 2, not at 8n+6."""


def test_options_that_are_not_aligned_are_processed() -> None:
    """RFC 6275 sections 6.2.1 and 6.3 ask senders for alignment; none of its rules lets a receiver look at it."""
    mobile = MobilePeer()
    indices, key = mobile.test()
    update_octets = bytearray(bytes(signed(update(1, indices), key, CARE_OF, CN)))
    nonce_indices, proof = update_octets[12:18], update_octets[-14:]
    update_octets[12:] = bytes([99, 1, 7]) + nonce_indices + bytes([99, 3, 7, 7, 7]) + proof
    pieces = [*parse(bytes(IPv6(src=CARE_OF, dst=CN) / ASKEW)), Piece(MOBILITY, update_octets)]
    chain(pieces)
    lengthen(pieces)
    sign(pieces, key, octets_of(CN))
    sum_up(pieces)
    answer = mobile.line.ask(joined(pieces), MIP6MH_BA)
    assert answer[MIP6MH_BA].status == 0 and mobile.reaches(HOME) == CARE_OF
    away = AwayPeer()
    update_octets = bytearray(bytes(home_update(1, OTHER_CARE_OF)))
    update_octets[12:] = bytes([3, 16]) + octets_of(OTHER_CARE_OF) + bytes([1, 0])
    away.line.send(in_order(CARE_OF, HA, (ASKEW,), bytes(update_octets), HOME))
    away.line.wait(2)
    assert away.intercepted(HOME) == (HA, OTHER_CARE_OF), "read, not skipped"


@pytest.mark.parametrize("where", ["HA", "CN"])
def test_reserved_bits_and_unknown_options_of_what_a_mobile_node_gets_are_ignored(where: str) -> None:
    """RFC 6275 sections 6.1.1, 6.1.5, 6.1.6, 6.1.8, 6.2.1, 6.4: acknowledgements and tests, the routing header too.

    Nor is refresh advice refused that is not at 2n.
    """
    world = AllOthers()
    who = {"HA": HA, "CN": CN}[where]
    changed = []

    def loosened(answer: Layer | None) -> bytes | None:
        if answer is None:
            return None
        pieces = parse(bytes(answer))
        if pieces[-1].number == MOBILITY and bytes(pieces[0].octets[8:24]) == octets_of(who):
            last = pieces[-1].octets
            fixed = {3: 24, 4: 24, 6: 12}[last[2]]
            last[3] = 0xFF
            if last[2] == 6:
                last[7] |= 0x3F
            last[fixed:fixed] = bytes([99, 1, 7, 2, 2, 0, 9, 0] if last[2] == 6 else [99, 6, *range(6)])
            for piece in pieces:
                if piece.number == ROUTING:
                    piece.octets[4:8] = b"\xff" * 4
            chain(pieces)
            lengthen(pieces)
            key = getattr(world, "key", None)
            if last[2] == 6 and key is not None:
                sign(pieces, key, octets_of(CN))
            sum_up(pieces)
            changed.append(last[2])
        return joined(pieces)

    plain, world_signed = world.answer, world.reply

    def reply(*given: Any) -> Layer:
        world.key = given[5] if len(given) > 5 else None  # type: ignore[attr-defined]
        return world_signed(*given)

    world.reply = reply  # type: ignore[method-assign]
    world.line.answers[:] = [lambda heard: loosened(plain(heard))]
    world.arrive()
    world.talk(1000, b"one")
    assert world.bound[CN, HOME] == CARE_OF
    assert world.talk(1000, b"two") == (b"two", CARE_OF, "straight")
    assert set(changed) == {"HA": {3, 6}, "CN": {4, 6}}[where], "a home test comes out of the home agent's tunnel"


def test_a_second_home_address_option_is_refused() -> None:
    """RFC 6275 section 6.3: MUST NOT appear more than once."""
    for seam, address in ((AwayPeer(), HA), (MobilePeer(), CN)):
        message = home_update(1, CARE_OF)
        seam.line.send(in_order(CARE_OF, address, (AT_HOME, AT_HOME), bytes(message), HOME))
        seam.line.wait(2)
        assert seam.seam.bound == []
        assert any("more than one Home Address option" in drop for drop in seam.seam.drops)


@pytest.mark.parametrize(("kind", "action"), [(0x1E, "skip"), (0x5E, "drop"), (0x9E, "tell"), (0xDE, "tell")])
def test_unknown_destination_options_are_treated_as_their_top_bits_say(kind: int, action: str) -> None:
    """RFC 8200 section 4.2: parameter problem code 2, pointing at the option."""
    option = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=kind, optlen=0)])
    for seam, address in ((AwayPeer(), HA), (MobilePeer(), CN)):
        before = len(seam.line.heard)
        seam.line.send(IPv6(src=OTHER_CARE_OF, dst=address) / option / echo())
        answers = seam.line.heard[before:]
        problems = [heard[ICMPv6ParamProblem] for heard in answers if ICMPv6ParamProblem in heard]
        assert len(answers) == {"skip": 1, "drop": 0, "tell": 1}[action]
        assert [(problem.code, problem.ptr) for problem in problems] == ([(2, 42)] if action == "tell" else [])


def fragments(*pieces: tuple[int, int, bytes]) -> list[Layer]:
    """Make fragments of one datagram: offset in octets, whether more follow, data."""
    return [
        IPv6(src=OTHER_CARE_OF, dst=CN) / IPv6ExtHdrFragment(nh=58, offset=at // 8, m=more, id=5) / data
        for at, more, data in pieces
    ]


def test_overlapping_fragments_are_dropped_with_all_of_their_datagram() -> None:
    """RFC 8200 section 4.5, RFC 5722."""
    mobile = MobilePeer()
    whole = bytes(packet(OTHER_CARE_OF, CN, echo()))[40:] + bytes(11)
    for each in fragments((0, 1, whole[:16]), (8, 0, whole[8:])):
        assert mobile.line.send(each) == []
    assert any("overlapping" in drop for drop in mobile.seam.drops)


@pytest.mark.parametrize(("piece", "pointer"), [((0, 1, bytes(13)), 4), ((65528, 0, bytes(16)), 42)])
def test_fragments_that_cannot_be_are_answered_by_a_parameter_problem(
    piece: tuple[int, int, bytes], pointer: int
) -> None:
    """RFC 8200 section 4.5: not a multiple of eight octets, or beyond 65,535: code 0, at the field that is wrong."""
    mobile = MobilePeer()
    (sent,) = fragments(piece)
    problem = mobile.line.ask(sent, ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (0, pointer) and len(mobile.seam.drops) == 1


def test_nothing_behind_no_next_header_is_looked_at() -> None:
    """RFC 8200 section 4.7: 59 says that nothing follows; that is no error."""
    for seam, address in ((AwayPeer(), HA), (MobilePeer(), CN)):
        before = len(seam.line.heard)
        seam.line.send(IPv6(src=CARE_OF, dst=address, nh=59) / b"whatever")
        assert seam.line.heard[before:] == []
