"""Headers of captured packets: fragments in any order, twice or not at all, and who is a group."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.packet import Packet, Raw

from mipflow.lab.replay.headers import HeaderReader, Heard
from mipflow.lab.replay.recording import read
from mipflow.wire.captures.frames import Frame
from tests.lab.frames import LAPTOP, LAPTOP_4, MEDIA, WEB, WEB_4, ip, ping, udp, write

FURTHER, WITHOUT_FIRST = "further fragment, counted with the first", "fragment without the first of its packet"
REPEATED = "fragment of a datagram that was whole already"


def cut(version: int, octets: int, number: int = 7, is_echo: bool = False, size: int = 600) -> list[Packet]:
    """Return the fragments of a datagram with so many octets of payload, each datagram's its own."""
    content = random.Random(octets + number).randbytes(octets)
    if version == 4:
        whole = ping(LAPTOP_4, WEB_4, 5, number, octets) if is_echo else IP(src=LAPTOP_4, dst=WEB_4) / UDP() / content
        whole.id = number
        return list(fragment(whole, size))
    upper = ping(LAPTOP, MEDIA, 5, number, octets).payload if is_echo else UDP(sport=1, dport=2) / content
    return list(fragment6(IPv6(src=LAPTOP, dst=MEDIA) / IPv6ExtHdrFragment(id=number) / upper, size))


def heard(packets: Sequence[Packet | bytes], gap_ms: int = 1, snap: int = 9999) -> tuple[list[Heard], Counter[str]]:
    """Read packets: return those that are heard, and why the others are left out."""
    skipped: Counter[str] = Counter()
    reader, found = HeaderReader(skipped), []
    for k, packet in enumerate(map(bytes, packets)):
        one = reader.read(Frame(k * gap_ms * 1_000_000, packet[:snap], len(packet)))
        if isinstance(one, str):
            skipped[one] += 1
        else:
            found.append(one)
    assert sum(skipped.values()) + len(found) == len(packets), "each frame is heard or left out for one reason"
    return found, +skipped


PIECE = {4: 600, 6: 552}
"""Octets of a datagram in each fragment that `cut` makes."""
versions = pytest.mark.parametrize("version", [4, 6])


@versions
@given(st.randoms(use_true_random=False), st.booleans(), st.integers(600, 5000), st.integers(60, 9999))
def test_fragments_in_any_order_and_number(
    version: int, dice: random.Random, is_echo: bool, octets: int, snap: int
) -> None:
    """The first decides whether the datagram counts; its length is the UDP header's, of an echo the farthest octet."""
    pieces = cut(version, octets, is_echo=is_echo)
    came = [k for k in range(len(pieces)) if dice.random() < 0.8]
    # A repetition behind the whole begins a new datagram for every receiver; that has tests of its own.
    order = came + ([dice.choice(came)] if came and len(came) < len(pieces) else [])
    dice.shuffle(order)
    found, skipped = heard([pieces[k] for k in order], snap=snap)
    if 0 not in order:
        assert not found and skipped == ({WITHOUT_FIRST: len(order)} if order else {})
        return
    farthest = (max(order) + 1) * PIECE[version] - 8
    assert [one.octets for one in found] == [min(octets, farthest) if is_echo else octets]
    assert skipped == ({FURTHER: len(order) - 1} if len(order) > 1 else {})


@versions
def test_a_fragment_that_comes_again_is_no_datagram(version: int) -> None:
    first, *rest = cut(version, 3000)
    for order in ([first, first, *rest], [first, *rest, first], [first, *rest, rest[-1]], [rest[0], first, *rest]):
        found, skipped = heard(order)
        assert [one.octets for one in found] == [3000] and sum(skipped.values()) == len(rest) + 1
    assert skipped[FURTHER] == len(rest) + 1 and heard([first, *rest, first])[1][REPEATED] == 1


@versions
def test_the_same_datagram_as_a_whole_again_is_another(version: int) -> None:
    """So does a receiver see it (RFC 791 section 3.2): what is put together makes room for the next."""
    pieces = cut(version, 3000)
    for again in (pieces, pieces[::-1]):
        found, skipped = heard([*pieces, *again])
        assert [one.octets for one in found] == [3000] * 2 and skipped == {FURTHER: 2 * len(pieces) - 2}
        assert found[1].time_ns == (len(pieces) + again.index(pieces[0])) * 1_000_000, "when its first fragment came"


@versions
def test_an_identification_comes_again_with_another_datagram(version: int) -> None:
    one = cut(version, 3000)
    other = bytearray(bytes(one[0]))
    other[len(other) - PIECE[version] + 1] = 77  # another source port
    found, _ = heard([one[0], bytes(other), *one[1:]])
    assert [each.octets for each in found] == [3000] * 2, "what was lost of the first is not looked for in the second"
    found, skipped = heard([one[0], one[-1]], gap_ms=61_000)
    assert len(found) == 1 and skipped == {WITHOUT_FIRST: 1}, "a receiver waits for 60 s (RFC 8200 section 4.5)"


def test_overlapping_fragments_have_the_length_of_their_datagram() -> None:
    pieces = cut(4, 1500)
    overlapping = pieces[1].copy()
    overlapping.frag -= 10
    overlapping.payload = Raw(bytes(80) + bytes(pieces[1].payload))
    overlapping.len = None
    assert [one.octets for one in heard([pieces[0], overlapping, *pieces[2:]])[0]] == [1500]


def test_a_datagram_of_fragments_without_end_takes_no_longer_for_each() -> None:
    first, second, *_ = cut(4, 3000)
    octets = bytearray(bytes(second))
    pieces = [bytes(first)]
    for k in range(30_000):
        octets[6:8] = (0x2000 | 75 + k % 8000).to_bytes(2, "big")
        pieces.append(bytes(octets))
    found, skipped = heard(pieces, gap_ms=0)
    assert [one.octets for one in found] == [3000] and skipped == {FURTHER: 30_000}


@versions
@pytest.mark.parametrize(("claimed", "counts"), [(0, 2000), (7, 2000), (1008, 1000), (9999, 2000)])
def test_a_udp_length_that_lies_is_believed_no_further_than_the_whole_datagram(
    version: int, claimed: int, counts: int
) -> None:
    pieces = cut(version, 2000)
    octets = bytearray(bytes(pieces[0]))
    start = len(octets) - PIECE[version]
    octets[start + 4 : start + 6] = claimed.to_bytes(2, "big")
    assert [one.octets for one in heard([bytes(octets), *pieces[1:]])[0]] == [counts]


def test_headers_in_front_of_a_fragmented_payload_do_not_count() -> None:
    request = ping(LAPTOP, MEDIA, 1, 1, 2000).payload
    echo = IPv6(src=LAPTOP, dst=MEDIA) / IPv6ExtHdrFragment(id=3) / IPv6ExtHdrDestOpt() / request
    assert [one.octets for one in heard(fragment6(echo, 1280))[0]] == [2000]


@versions
def test_fragments_to_a_group_are_left_out_as_that(version: int) -> None:
    pieces = cut(version, 3000)
    for piece in pieces:
        piece.dst = "239.1.2.3" if version == 4 else "ff05::1"
    assert heard(pieces) == ([], {"to a group (multicast or broadcast)": len(pieces)})


# --- tunnels


def tunnelled(packet: Packet, depth: int) -> Packet:
    for k in range(depth):
        packet = (IP(src="203.0.113.1", dst="203.0.113.2") if k % 2 else IPv6(src=WEB, dst=MEDIA)) / packet
    return packet


def test_what_is_heard_is_the_innermost_packet(tmp_path: Path) -> None:
    for depth in range(9):
        found, _ = heard([tunnelled(udp(LAPTOP, 1, WEB, 2, 33), depth)])
        assert [(*one.way.ends, one.octets) for one in found] == [((LAPTOP, 1), (WEB, 2), 33)]
    assert heard([tunnelled(udp(LAPTOP, 1, WEB, 2), 9)]) == ([], {"more than 8 packets inside each other": 1})
    mixed = [tunnelled(udp(LAPTOP, 1, WEB, 2), 1), udp(LAPTOP, 1, WEB, 2), tunnelled(udp(LAPTOP_4, 1, WEB_4, 2), 2)]
    notes = read(write(tmp_path / "x.pcap", [(k, packet) for k, packet in enumerate(mixed)])).notes
    assert notes[:2] == [
        "2 packets are taken out of tunnels: IPv6 in IP", "1 packets are taken out of tunnels: IPv4 in IP",
    ]  # fmt: skip


def test_a_packet_in_a_fragmented_tunnel_counts_once_and_whole() -> None:
    """Its own length tells what the first fragment does not hold."""
    inner = udp(LAPTOP, 1, WEB, 2, 1400)
    pieces = fragment(IP(src="203.0.113.1", dst="203.0.113.2", id=9) / inner, 1000)
    found, skipped = heard(pieces)
    assert [one.octets for one in found] == [1400] and skipped == {FURTHER: len(pieces) - 1}
    assert heard(pieces[1:]) == ([], {WITHOUT_FIRST: len(pieces) - 1})


@pytest.mark.parametrize("snap", [9999, 500])
def test_what_is_in_further_fragments_of_a_tunnel_is_not_said_to_be_cut_off(tmp_path: Path, snap: int) -> None:
    """Each cause has its octets: 1400, of which the first fragment of 976 has 916, and 420 of those behind a snap."""
    inner = ip(LAPTOP, WEB) / TCP(sport=40000, dport=80, seq=1, flags="PA") / (bytes(range(1, 201)) * 7)
    pieces = fragment(IP(src="203.0.113.1", dst="203.0.113.2", id=9, proto=41) / Raw(bytes(inner)), 976)
    notes = read(write(tmp_path / "x.pcap", list(enumerate(pieces)), snap)).notes
    said = [int(note.split()[0]) for note in notes if "further fragments" in note]
    cut_off = [int(note.split()[0]) for note in notes if "snap length" in note]
    there = 976 - 40 - 20
    assert said == [1400 - there] and cut_off == ([] if snap > 976 else [there - (500 - 14 - 20 - 40 - 20)])


def test_an_authentication_header_is_stepped_over() -> None:
    """RFC 4302, of both versions."""
    for version, header in ((4, IP(src=LAPTOP_4, dst=WEB_4, proto=51)), (6, IPv6(src=LAPTOP, dst=WEB, nh=51))):
        packet = header / Raw(bytes([17, 4]) + bytes(22) + bytes(UDP(sport=1, dport=2) / Raw(bytes(44))))
        assert [one.octets for one in heard([packet])[0]] == [44], version


# --- groups

GROUPS = ["224.0.0.0", "224.0.0.251", "239.255.255.255", "255.255.255.255", "ff00::", "ff02::fb", "ffff::1"]
HOSTS = ["223.255.255.255", "240.0.0.0", "240.0.0.7", "255.255.255.254", "255.0.0.1", "fe80::1", "feff::1"]


@pytest.mark.parametrize("address", GROUPS + HOSTS)
def test_groups_are_class_d_the_limited_broadcast_and_ff00(address: str) -> None:
    """RFC 1112 section 4, RFC 919 section 7, RFC 4291 section 2.7; 240.0.0.0/4 is only reserved (RFC 1112)."""
    found, skipped = heard([udp(LAPTOP if ":" in address else LAPTOP_4, 1, address, 2)])
    assert len(found) == (address in HOSTS) and skipped == (
        {} if found else {"to a group (multicast or broadcast)": 1}
    )
    found, skipped = heard([udp(address, 1, WEB if ":" in address else WEB_4, 2)])
    assert len(found) == (address in HOSTS) and skipped == (
        {} if found else {"from a group (multicast or broadcast)": 1}
    ), "no host has such an address (RFC 1122 section 3.2.1.3, RFC 4291 section 2.7)"


@pytest.mark.parametrize(("nobody", "somebody"), [("0.0.0.0", WEB_4), ("::", WEB)])
def test_no_address_is_no_host(nobody: str, somebody: str) -> None:
    assert heard([udp(nobody, 1, somebody, 2), udp(somebody, 1, nobody, 2)]) == (
        [], {"from no address": 1, "to no address": 1},
    )  # fmt: skip
    assert heard([udp(nobody, 68, "255.255.255.255" if "." in nobody else "ff02::1", 67)])[1] == {
        "to a group (multicast or broadcast)": 1
    }
