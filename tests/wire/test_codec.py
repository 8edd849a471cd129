"""Packets to bytes and back: round trips, judges, bad bytes and bad values."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.errors import WireError
from mipflow.view.inspect import remarks
from mipflow.wire import decode as reader
from mipflow.wire import icmpv6, layers, mobility
from mipflow.wire.address import Address
from mipflow.wire.captures.capture import read, write
from mipflow.wire.captures.template import Encoder
from mipflow.wire.codec import authenticated_part, decode, decode_leniently, encode, encode_mobility, to_scapy
from mipflow.wire.dhcpv6 import decode_dhcpv6
from mipflow.wire.forms import ANYWHERE
from mipflow.wire.packet import (
    TCP,
    UDP,
    DestinationOptions,
    FragmentHeader,
    HomeAddressOption,
    HopByHopOptions,
    Opaque,
    Packet,
    RoutingHeader,
    RoutingHeaderType2,
    UnknownOption,
)
from tests.oracles import mobility_faults, packet_faults
from tests.wire.strategies import icmp_messages, mobility_messages, one_of_each, packets

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = REPOSITORY / "datasets" / "captures" / "real-mobile-node.pcap"

MN, CN, HOME = Address("2001:db8:2::10"), Address("2001:db8:c1::1"), Address("2001:db8:1::10")
EACH = one_of_each()


def header(number: int, payload: bytes) -> bytes:
    """Build an IPv6 packet with `payload` behind its header."""
    return (
        b"\x60\0\0\0"
        + len(payload).to_bytes(2, "big")
        + bytes([number, 64])
        + MN.packed
        + CN.packed
        + payload
    )


# --- round trips


@settings(max_examples=400)
@given(packets())
def test_what_is_written_is_read_again(packet: Packet) -> None:
    octets = encode(packet)
    assert len(octets) == packet.size
    assert decode(octets) == packet
    assert bytes(to_scapy(packet)) == octets


@settings(max_examples=200)
@given(packets())
def test_an_independent_judge_finds_no_fault(packet: Packet) -> None:
    # "authenticator not last" is the strategy's doing, not the codec's.
    assert [fault for fault in packet_faults(encode(packet)) if "not last" not in fault] == []


def test_one_of_each_is_read_again() -> None:
    for packet in EACH:
        assert decode(encode(packet)) == packet


@given(mobility_messages)
def test_a_message_alone_has_its_bytes_with_a_checksum_of_zero(message: mobility.MobilityMessage) -> None:
    octets = encode_mobility(message)
    assert len(octets) == message.size
    assert octets[4:6] == b"\0\0"
    assert encode(Packet(MN, CN, message))[46:] == octets[6:]


# --- a real mobile node


def rebuilt(value: object) -> object:
    """Return the value made again from the values of its fields."""
    if isinstance(value, tuple):
        return tuple(map(rebuilt, value))
    if isinstance(value, Packet):
        return Packet(
            value.source, value.destination, rebuilt(value.payload), value.hop_limit, rebuilt(value.extensions),
            value.traffic_class, value.flow_label,
        )  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: rebuilt(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.init
        }
        return type(value)(**fields)
    return value


def test_a_real_capture_is_built_again_byte_for_byte() -> None:
    kinds = set()
    for frame in read(REAL):
        packet = decode(frame.data)
        again = rebuilt(packet)
        assert isinstance(again, Packet)
        assert encode(again) == frame.data
        kinds.add(type(packet.innermost().payload))
        kinds.update(map(type, packet.extensions))
    assert kinds >= {
        mobility.BindingUpdate, mobility.BindingAcknowledgement, mobility.HomeTestInit, mobility.CareOfTestInit,
        mobility.HomeTest, mobility.CareOfTest, icmpv6.MobilePrefixSolicitation, icmpv6.MobilePrefixAdvertisement,
        DestinationOptions, RoutingHeaderType2,
    }  # fmt: skip


def real_packets(kind: type) -> list[Packet]:
    """Return the packets of the real capture whose innermost payload is of a kind."""
    found = [decode(frame.data).innermost() for frame in read(REAL)]
    return [packet for packet in found if isinstance(packet.payload, kind)]


def test_a_home_registration_seen_on_a_real_link() -> None:
    care_of_address = Address("2001:db8:d:0:50ba:5aff:fe62:f39")
    assert real_packets(mobility.BindingUpdate)[0] == Packet(
        care_of_address,
        Address("2001:db8:1::1"),
        mobility.BindingUpdate(
            1378,
            home_registration=True,
            lifetime_units=21598,
            options=(mobility.AlternateCareOfAddress(care_of_address),),
        ),
        extensions=(DestinationOptions((HomeAddressOption(Address("2001:db8:1::777")),)),),
        flow_label=916268,
    )


def test_the_authenticator_of_a_real_mobile_node() -> None:
    """RFC 6275 sections 5.2.5 and 6.2.7, with the tokens that the capture shows, by hashlib and hmac alone."""
    packet = real_packets(mobility.BindingUpdate)[1]
    (home_test,), (care_of_test,) = real_packets(mobility.HomeTest), real_packets(mobility.CareOfTest)
    key = hashlib.sha1(home_test.payload.keygen_token + care_of_test.payload.keygen_token).digest()
    data = packet.source.packed + packet.destination.packed + authenticated_part(packet.payload)
    authenticator = packet.payload.options[-1].authenticator
    assert hmac.digest(key, data, "sha1")[:12] == authenticator


# --- Mobility Headers by hand (RFC 6275 sections 6.1.7 and 6.2.7)

INDICES, BLANK = mobility.NonceIndices(1, 2), mobility.BindingAuthorizationData(bytes(12))
BY_HAND = bytes.fromhex("3b030500 0000 0007 8000 0069 04040001 0002 050c")


def test_the_authenticated_part_by_hand() -> None:
    update = mobility.BindingUpdate(7, lifetime_units=105, options=(INDICES, BLANK))
    assert authenticated_part(update) == BY_HAND
    signed = dataclasses.replace(
        update, options=(INDICES, mobility.BindingAuthorizationData(b"authenticate"))
    )
    assert authenticated_part(signed) == BY_HAND
    assert encode_mobility(signed) == BY_HAND + b"authenticate"


def test_the_authenticated_part_holds_the_padding_before_the_option() -> None:
    acknowledgement = mobility.BindingAcknowledgement(0, 7, 105, options=(BLANK,))
    assert authenticated_part(acknowledgement) == bytes.fromhex(
        "3b030600 0000 0000 0007 0069 01040000 0000 050c"
    )


@pytest.mark.parametrize("options", [(), (INDICES,), (BLANK, INDICES)])
def test_no_authenticated_part_without_the_option_at_the_end(
    options: tuple[mobility.MobilityOption, ...],
) -> None:
    with pytest.raises(WireError, match="does not end in binding authorization data"):
        authenticated_part(mobility.BindingUpdate(7, options=options))


# --- checksums

BESIDE = DestinationOptions((UnknownOption(0x1E, b"xyz"), HomeAddressOption(HOME), UnknownOption(0x1F)))


@pytest.mark.parametrize(
    "payload", [mobility.BindingUpdate(1), UDP(1, 2, b"odd"), TCP(1, 2, 3), icmpv6.EchoRequest(1, 2, b"x")]
)
def test_the_home_address_counts_wherever_its_option_stands(payload: object) -> None:
    octets = encode(Packet(MN, CN, payload, extensions=(BESIDE, RoutingHeaderType2(MN))))
    start = 40 + BESIDE.size + 24
    at_home = encode(Packet(HOME, MN, payload))
    assert octets[start:] == at_home[40:]


def test_a_used_up_routing_header_leaves_the_destination() -> None:
    used_up = encode(Packet(CN, HOME, UDP(1, 2, b"x"), extensions=(RoutingHeaderType2(MN, 0),)))
    assert used_up[64:] == encode(Packet(CN, HOME, UDP(1, 2, b"x")))[40:]


def test_scapy_agrees_where_it_can() -> None:
    inet, inet6 = layers.inet, layers.inet6
    option = inet6.IPv6ExtHdrDestOpt(options=[inet6.HAO(hoa=str(HOME))])
    own = inet6.IPv6(src=str(MN), dst=str(CN)) / option / inet.UDP(sport=1, dport=2) / layers.Raw(b"data")
    ours = Packet(MN, CN, UDP(1, 2, b"data"), extensions=(DestinationOptions((HomeAddressOption(HOME),)),))
    assert encode(ours) == bytes(own)


def test_a_udp_checksum_of_zero_is_sent_as_all_ones() -> None:
    plain = Packet(MN, CN, UDP(0, 0, bytes(2)))
    checksum = encode(plain)[46:48]
    packet = Packet(MN, CN, UDP(0, 0, checksum))
    octets = encode(packet)
    assert octets[46:48] == b"\xff\xff"
    assert decode(octets) == packet
    with pytest.raises(WireError, match="without checksum"):
        decode(octets[:46] + bytes(2) + octets[48:])


# --- padding


def mobility_packet(message: str) -> bytes:
    """Build a packet with the Mobility Header of these hexadecimal octets, its checksum made right."""
    octets = bytes.fromhex(message)
    total = sum(
        int.from_bytes((MN.packed + CN.packed + octets)[at : at + 2], "big")
        for at in range(0, 32 + len(octets), 2)
    )
    checksum = -(total + len(octets) + 135) % 65535
    return header(135, octets[:4] + checksum.to_bytes(2, "big") + octets[6:])


@pytest.mark.parametrize(
    ("octets", "options"),
    [
        ("3b01050000000001800000690102 0000", ()),  # canonical
        ("3b0105000000000180000069 01020001", (mobility.UnknownMobilityOption(1, b"\0\1"),)),  # not zero
        ("3b0105000000000180000069 00000000", (mobility.UnknownMobilityOption(0),) * 4),
        ("3b0105000000000180000069 0001 0100", None),  # Pad1, PadN of one octet that runs over the end
        ("3b0205000000000180000069 0106 000000000000 01020000", None),
        ("3b0205000000000180000069 0104 00000000 0000 04040001 0002 0000", None),
        ("3b0205000000000180000069 0404 0001 0002 0104 00000000", (INDICES,)),
        ("3b0205000000000180000069 0404 0001 0002 0101 00 0101 00", None),
        (
            "3b0205000000000180000069 2001 ff 0404 0001 0002 010100",
            (mobility.UnknownMobilityOption(32, b"\xff"), replace(INDICES, alignment=ANYWHERE)),
        ),
        ("3b0205000000000180000069 2001 ff 00 0404 0001 0002 0100", None),
    ],
)
def test_padding(octets: str, options: tuple[mobility.MobilityOption, ...] | None) -> None:
    octets = octets.replace(" ", "")
    size = 8 * (int(octets[2:4], 16) + 1)
    data = mobility_packet(octets[: 2 * size])
    try:
        packet = decode(data)
    except WireError:
        assert options is None
        return
    assert encode(packet) == data
    if options is not None:
        assert packet.payload == mobility.BindingUpdate(1, lifetime_units=105, options=options)


PADDING = ["00", "0100", "010100", "0102ffff"]


@given(st.lists(st.sampled_from([*PADDING, "c910" + HOME.packed.hex(), "1e01aa"]), max_size=5))
def test_any_padding_of_an_options_header_survives(options: list[str]) -> None:
    octets = bytes.fromhex("".join(options))
    octets += bytes(-(2 + len(octets)) % 8)
    data = header(60, bytes([59, (2 + len(octets)) // 8 - 1]) + octets)
    packet = decode(data)
    assert encode(packet) == data == encode(rebuilt(packet))
    assert len(remarks(packet)) == len([fault for fault in packet_faults(data) if fault.startswith("Home Address")])


@given(st.lists(st.sampled_from([*PADDING, "02020005", "0310" + HOME.packed.hex(), "040400010002", "6301aa"])))
def test_mobility_options_are_read_wherever_they_stand(options: list[str]) -> None:
    """No rule for receivers in RFC 6275 section 6.2 or 9.2 asks for alignment. What is read is written as it came."""
    octets = bytes.fromhex("".join(options))
    octets = bytes([59, 0, 5, 0, 0, 0, 0, 1, 0x80, 0, 0, 9]) + octets + bytes(-(12 + len(octets)) % 8)
    data = mobility_packet((octets[:1] + bytes([len(octets) // 8 - 1]) + octets[2:]).hex())
    packet = decode(data)
    assert encode(packet) == data == encode(rebuilt(packet)) == Encoder().encode(packet) and packet.size == len(data)
    found = packet.payload.options
    assert [kind for kind in map(type, found) if kind is not mobility.UnknownMobilityOption] == [
        KINDS[option[:2]] for option in options if option[:2] in KINDS
    ]
    faults = [fault.split(",")[0] for fault in packet_faults(data) if fault.startswith("option")]
    assert [re.sub(r"\w+ at octet", "option at", remark).split(" of")[0] for remark in remarks(packet)] == [
        re.sub(r"option \d+", "option", fault) for fault in faults
    ]
    straight = replace(packet.payload, options=tuple(replace(o, **aligned(o)) for o in found))
    assert remarks(decode(encode(Packet(MN, CN, straight)))) == [], "what is not as it came is written aligned"


KINDS = {"02": mobility.BindingRefreshAdvice, "03": mobility.AlternateCareOfAddress, "04": mobility.NonceIndices}


def aligned(option: mobility.MobilityOption) -> dict[str, object]:
    """Return the field that puts an option where it belongs."""
    usual = type(option).alignment
    return {} if option.alignment == usual else {"alignment": usual}


def test_a_care_of_address_that_is_not_aligned_as_an_analyser_reads_it(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "x.pcap"
    data = mobility_packet("3b030500000003e880000e10 0310 20010db8000200000000000000000005 0100".replace(" ", ""))
    packet = decode(data)
    assert packet.payload.option(mobility.AlternateCareOfAddress).care_of_address == Address("2001:db8:2::5")
    assert remarks(Packet(CN, MN, packet)) == [
        "AlternateCareOfAddress at octet 12 of its header; RFC 6275 section 6 has it at 8n+6"
    ]
    assert write(path, [(0, packet)]) == 1
    assert mobility_faults(path) == ["1: option 3 at 12, not 8n+6"]
    fields = ["-T", "fields", "-e", "mip6.acoa.acoa", "-e", "ipv6.plen"]
    told = subprocess.run([tshark, "-n", "-r", path, *fields], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["2001:db8:2::5", "32"]


# --- what is not known is kept


def test_the_unknown_is_kept() -> None:
    extensions = (
        HopByHopOptions((UnknownOption(0x63, b"\0\0\0\0"),)),
        RoutingHeader(4, 0, bytes(20)),
        FragmentHeader(0, False, 99),
        DestinationOptions((UnknownOption(0x9E, b"abc"),)),
    )
    for payload in (
        mobility.UnknownMobilityMessage(11, b"ab" + bytes(8)),
        mobility.BindingUpdate(1, options=(mobility.UnknownMobilityOption(35, b"\0\1\0\0"),)),
        icmpv6.UnknownIcmp(200, 3, b"abc"),
        icmpv6.RouterSolicitation((icmpv6.UnknownNeighborOption(1, bytes(14)),)),
        Opaque(50, b"sealed"),
    ):
        packet = Packet(MN, CN, payload, extensions=extensions)
        assert decode(encode(packet)) == packet


def test_hop_by_hop_options_in_a_later_place_are_an_unknown_next_header() -> None:
    late = bytes.fromhex("3b00010400000000")
    octets = header(60, bytes.fromhex("0000010400000000") + late)
    packet = decode(octets)
    assert packet.payload == Opaque(0, late)
    assert encode(packet) == octets


def test_a_real_syn_shows_its_options() -> None:
    # As Linux sends it: maximum segment size, SACK permitted, timestamps, padding, window scale.
    options = "020405a0 0402 080a 00000001 00000000 01 030307"
    packet = Packet(MN, CN, TCP(4000, 80, 1, syn=True, options=bytes.fromhex(options)))
    segment = decode(encode(packet)).payload
    assert isinstance(segment, TCP)
    assert (segment.maximum_segment_size, segment.window_scale) == (1440, 7)
    assert segment.options == bytes.fromhex("0402080a0000000100000000")
    assert encode(packet) == encode(Packet(MN, CN, segment))


# --- bad bytes


@pytest.mark.parametrize("packet", EACH, ids=lambda packet: type(packet.innermost().payload).__name__)
def test_cut_off_at_every_length(packet: Packet) -> None:
    octets = encode(packet)
    for length in range(len(octets)):
        with pytest.raises(WireError):
            decode(octets[:length])
        if length >= 40:  # and with a payload length that says so
            shortened = octets[:4] + (length - 40).to_bytes(2, "big") + octets[6:length]
            try:
                decode(shortened)
            except WireError:
                continue


@settings(max_examples=100)
@given(st.sampled_from([encode(packet) for packet in EACH]), st.integers(1, 255))
def test_one_wrong_octet_anywhere(octets: bytes, change: int) -> None:
    for position in range(len(octets)):
        damaged = bytearray(octets)
        damaged[position] ^= change
        try:
            decode(bytes(damaged))
        except WireError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("packet", EACH, ids=lambda packet: type(packet.innermost().payload).__name__)
def test_every_changed_octet_of_a_checksummed_payload_is_noticed(packet: Packet) -> None:
    if isinstance(packet.payload, Packet | Opaque):
        return
    octets = encode(packet)
    for position in range(packet.size - packet.payload.size, packet.size):
        with pytest.raises(WireError):
            decode(octets[:position] + bytes([octets[position] ^ 0x55]) + octets[position + 1 :])


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_octets_are_a_packet_or_an_error(octets: bytes) -> None:
    for candidate in (
        octets,
        header(135, octets),
        header(60, octets),
        header(58, octets),
        header(41, octets),
    ):
        try:
            packet = decode(candidate)
        except WireError:
            continue
        assert decode(encode(packet)) == packet


@settings(max_examples=300)
@given(st.integers(0, 9), st.binary(max_size=60))
def test_any_mobility_header_behind_its_checksum(kind: int, rest: bytes) -> None:
    octets = bytes([59, (len(rest) + 6) // 8 - 1 if len(rest) > 2 else 0, kind, 0, 0, 0]) + rest
    octets += bytes(max(8 - len(octets), -len(octets) % 8))
    try:
        message = reader.read_mobility(octets, 40)
    except WireError:
        return
    if octets[6:8] == b"\0\0" or not isinstance(message, mobility.HomeTestInit | mobility.CareOfTestInit):
        assert len(encode_mobility(message)) == len(octets)


@settings(max_examples=300)
@given(st.sampled_from(sorted(filter(None, icmpv6.IcmpMessage.forms))), st.binary(max_size=60))
def test_any_icmp_message_behind_its_checksum(kind: int, rest: bytes) -> None:
    try:
        message = reader.read_icmp(bytes([kind, 0, 0, 0]) + rest)
    except WireError:
        return
    assert message.size == 4 + len(rest)


@given(icmp_messages)
def test_every_icmp_message_cut_off(message: icmpv6.IcmpMessage) -> None:
    octets = encode(Packet(MN, CN, message))[40:]
    for length in range(4, len(octets)):
        try:
            reader.read_icmp(octets[:length])
        except WireError:
            continue


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "0 octets; expected an IPv6 header of 40"),
        (b"\x45" + bytes(39), "version 4; expected 6"),
        (header(59, b"")[:4] + b"\0\x08" + header(59, b"")[6:], "payload length 8, but 0 octets are there"),
        (header(17, bytes(4)), "4 octets of next header 17; expected at least 8"),
        (header(60, bytes(4)), "extension header 60 cut off at octet 44"),
        (header(60, b"\x3b\x01" + bytes(6)), "extension header 60 of 16 octets; 8 are there"),
        (header(60, b"\x3b\x00\xc9\x10" + bytes(4)), "option 201 of 18 octets; 6 are there"),
        (header(60, b"\x3b\x00\xc9\x04" + bytes(4)), "option 201 of 6 octets; expected 18"),
        (header(43, b"\x3b\x00\x02\x01" + bytes(4)), "a type 2 routing header of 8 octets; expected 24"),
        (
            header(
                60,
                (b"\x3c\x02\x01\x02\0\0\xc9\x10" + HOME.packed)
                + (b"\x3a\x02\x01\x02\0\0\xc9\x10" + HOME.packed)
                + bytes(8),
            ),
            "more than one Home Address option (RFC 6275 section 6.3)",
        ),
        (header(17, bytes(8)), "wrong checksum of next header 17 between 2001:db8:2::10 and 2001:db8:c1::1"),
        (
            mobility_packet("3a01050000000001800000690102 0000"),
            "payload proto 58 in a Mobility Header; expected 59",
        ),
        (mobility_packet("3b00050000000001"), "Mobility Header type 5 of 8 octets; expected at least 16"),
        (
            mobility_packet("3b02050000000001800000690102 0000"),
            "a Mobility Header of 24 octets, but 16 are there",
        ),
        (mobility_packet("3b010500000000018000006904020000"), "mobility option 4 of 4 octets; expected 6"),
        (mobility_packet("3b01050000000001800000690b020000"), "mobility option 11 of 4 octets; expected 2"),
        (mobility_packet("3b010600000000000001006910020000"), "mobility option 16 of 4 octets; expected 10"),
    ],
)
def test_the_reason_is_given(octets: bytes, reason: str) -> None:
    with pytest.raises(WireError) as error:
        decode(octets)
    assert str(error.value) == reason


def test_where_a_parameter_problem_should_point() -> None:
    """RFC 6275 section 9.2: at the payload proto, or at the header length."""
    for octets, pointer in (
        (mobility_packet("3a00000000000000"), 40),
        (mobility_packet("3b00050000000001"), 41),
    ):
        with pytest.raises(WireError) as error:
            decode(octets)
        assert error.value.pointer == pointer
    with pytest.raises(WireError) as error:
        decode(header(41, mobility_packet("3a00000000000000")))
    assert error.value.pointer == 80


def test_tunnels_inside_tunnels_end() -> None:
    packet = Packet(MN, CN, Opaque(59, b""))
    for _ in range(8):
        packet = Packet(MN, CN, packet)
    assert decode(encode(packet)) == packet
    with pytest.raises(WireError, match="more than 8 packets inside each other"):
        decode(header(41, encode(packet)))
    for _ in range(56):
        packet = Packet(MN, CN, packet)  # a tunnel entry that gets a deep one must not fail (RFC 2473 section 4.1)
    assert len(encode(packet)) == packet.size > 1500
    with pytest.raises(WireError, match="more than 64 packets inside each other"):
        encode(Packet(MN, CN, packet))


def test_a_router_takes_what_only_its_destination_can_find_wrong() -> None:
    wrong = header(17, bytes(8))
    packet = decode_leniently(wrong)
    assert packet == Packet(MN, CN, Opaque(17, bytes(8))) and encode(packet) == wrong
    assert decode_leniently(header(41, wrong)) == Packet(MN, CN, packet), "in a tunnel too"
    assert decode_leniently(header(41, wrong[:-1])) == Packet(MN, CN, Opaque(41, wrong[:-1]))
    good = encode(Packet(MN, CN, UDP(1, 2, b"x")))
    assert decode_leniently(good) == decode(good)
    for octets in (b"", wrong[:-1], b"\x45" + wrong[1:]):
        with pytest.raises(WireError):
            decode_leniently(octets)


def test_extension_headers_end() -> None:
    one = bytes.fromhex("3c00010400000000")
    with pytest.raises(WireError, match="more than 32 extension headers"):
        decode(header(60, one * 40))


# --- bad values


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (Packet(MN, CN, UDP(70000, 2)), "UDP source_port 70000; expected 0 to 65535"),
        (Packet(MN, CN, UDP(1, -1)), "UDP destination_port -1; expected 0 to 65535"),
        (Packet(MN, CN, UDP(1, 2), hop_limit=256), "Packet hop_limit 256; expected 0 to 255"),
        (Packet("::1", CN, UDP(1, 2)), "Packet source '::1'; expected an Address"),
        (Packet(MN, CN, UDP(1, 2, "text")), "UDP payload 'text'; expected 0 to 65527 octets"),
        (Packet(MN, CN, UDP(1, 2, bytes(65528))), "a packet of 65576 octets; expected at most 65575"),
        (Packet(MN, CN, TCP(1, 2, 1 << 32)), "TCP sequence 4294967296; expected 0 to 4294967295"),
        (
            Packet(MN, CN, TCP(1, 2, 3, syn=True, maximum_segment_size=65536)),
            "TCP maximum_segment_size 65536; expected 0 to 65535",
        ),
        (
            Packet(MN, CN, TCP(1, 2, 3, options=b"abc")),
            "TCP options of 3 octets; expected 0 to 40 octets in steps of 4",
        ),
        (
            Packet(MN, CN, TCP(1, 2, 3, window_scale=7)),
            "maximum segment size and window scale go on a SYN only (RFC 9293, RFC 7323)",
        ),
        (
            Packet(MN, CN, mobility.HomeTestInit(b"short")),
            "HomeTestInit cookie of 5 octets; expected 8 octets",
        ),
        (
            Packet(
                MN, CN, mobility.BindingUpdate(1, options=(mobility.UnknownMobilityOption(3, bytes(16)),))
            ),
            "mobility option 3 is AlternateCareOfAddress, not UnknownMobilityOption",
        ),
        (
            Packet(MN, CN, mobility.UnknownMobilityMessage(5, bytes(10))),
            "Mobility Header type 5 is BindingUpdate, not UnknownMobilityMessage",
        ),
        (Packet(MN, CN, icmpv6.UnknownIcmp(128, 0, bytes(4))), "ICMPv6 type 128 is EchoRequest, not UnknownIcmp"),
        (
            Packet(MN, CN, icmpv6.IcmpError(9, 0, 0, b"")),
            "ICMPv6 type 9 is UnknownIcmp, not IcmpError",
        ),
        (Packet(MN, CN, icmpv6.IcmpError(3, 0, 7, b"")), "parameter 7 of ICMPv6 error 3; expected 0"),
        (
            Packet(MN, CN, icmpv6.RouterSolicitation((icmpv6.LinkLayerAddress(b"mac"),))),
            "LinkLayerAddress address of 3 octets; expected 6 octets",
        ),
        (
            Packet(MN, CN, icmpv6.RouterSolicitation((icmpv6.UnknownNeighborOption(5, bytes(6)),))),
            "neighbor discovery option 5 is MtuOption, not UnknownNeighborOption",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(RoutingHeader(2, 0, bytes(4)),)),
            "routing header type 2 is RoutingHeaderType2, not RoutingHeader",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(DestinationOptions((UnknownOption(0xC9, bytes(16)),)),)),
            "option 201 is HomeAddressOption, not UnknownOption",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(DestinationOptions((HomeAddressOption(HOME),)),) * 2),
            "more than one Home Address option (RFC 6275 section 6.3)",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(DestinationOptions(()), HopByHopOptions(()))),
            "hop-by-hop options are the first extension header or not there",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(FragmentHeader(0, True, 1),)),
            "only Opaque octets can follow FragmentHeader(offset=0, more=True, identification=1)",
        ),
        (
            Packet(MN, CN, UDP(1, 2), extensions=(DestinationOptions(()),) * 33),
            "33 extension headers; expected at most 32",
        ),
    ],
)
def test_a_value_that_has_no_bytes_is_named(packet: Packet, reason: str) -> None:
    with pytest.raises(WireError) as error:
        encode(packet)
    assert str(error.value) == reason


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ({"flow_label": 1 << 20}, "Packet flow_label 1048576; expected 0 to 1048575"),
        ({"flow_label": -1}, "Packet flow_label -1; expected 0 to 1048575"),
        ({"traffic_class": 256}, "Packet traffic_class 256; expected 0 to 255"),
    ],
)
def test_two_fields_are_checked_when_a_packet_is_made(field: dict[str, int], reason: str) -> None:
    with pytest.raises(WireError) as error:
        Packet(MN, CN, UDP(1, 2), **field)
    assert str(error.value) == reason


def test_a_packet_that_was_changed_behind_its_size_is_refused() -> None:
    packet = Packet(MN, CN, UDP(1, 2, b"x"))
    packet.payload = UDP(1, 2, b"longer")
    with pytest.raises(WireError):
        encode(packet)


class _Odd:
    size = 8


def test_a_payload_of_another_kind_is_refused() -> None:
    with pytest.raises(WireError, match="is nothing that an IPv6 packet can carry"):
        encode(Packet(MN, CN, _Odd()))


# --- scapy stays out until it is needed


def test_the_codec_costs_no_scapy_until_it_is_used() -> None:
    script = """
import sys
import mipflow.wire.captures.capture, mipflow.wire.codec
assert not any(name.split('.')[0] == 'scapy' for name in sys.modules), 'scapy came in'
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet
mipflow.wire.codec.encode(Packet(Address(1), Address(2), UDP(1, 2)))
assert 'scapy.layers.inet6' in sys.modules
assert 'scapy.all' not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_of_any_kind_are_read_alike(kind: type) -> None:
    """A packet is kept, compared and hashed, so it holds bytes, whatever it was read from."""
    written = encode(one_of_each()[0])
    for read_, octets in (
        (decode, written), (decode_leniently, written), (reader.decode_beginning, written),
        (decode_dhcpv6, bytes.fromhex("01c0ffee 0001 0003 000100")),
    ):  # fmt: skip
        given, plain = read_(kind(octets)), read_(octets)
        assert given == plain and repr(given) == repr(plain)
