"""DHCPv6 on the wire: octets made by hand, tshark's word, and everything malformed refused."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import WireError
from mipflow.wire.address import Address
from mipflow.wire.captures import capture
from mipflow.wire.dhcpv6 import (
    ALL_RELAY_AGENTS_AND_SERVERS,
    CLIENT_PORT,
    SERVER_PORT,
    ClientIdentifier,
    ClientMessage,
    DhcpMessage,
    DhcpOption,
    DhcpStatus,
    ElapsedTime,
    IdentityAssociation,
    InterfaceIdentifier,
    Kind,
    LeasedAddress,
    OptionRequest,
    Preference,
    RelayForward,
    RelayMessage,
    RelayReply,
    ServerIdentifier,
    StatusCode,
    UnknownDhcpOption,
    decode_dhcpv6,
    encode_dhcpv6,
)
from mipflow.wire.packet import UDP, Packet

DUID = b"\0\3\0\1\2\0\0\0\0\x10"
HOME, PEER = Address("2001:db8:100::7"), Address("fe80::10")


def by_hand(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


REPLY = ClientMessage(
    Kind.REPLY, 0xABCDEF,
    (
        ClientIdentifier(DUID), ServerIdentifier(DUID[::-1]),
        IdentityAssociation(7, 50, 80, (LeasedAddress(HOME, 100, 200, (StatusCode(0, b"ok"),)),)),
        StatusCode(DhcpStatus.NO_BINDING), ElapsedTime(100), UnknownDhcpOption(9999, b"xyz"),
        OptionRequest(b"\0\x52"), Preference(255),
    ),
)  # fmt: skip
LEASE = HOME.packed + struct.pack("!II", 100, 200) + by_hand(13, b"\0\0ok")
REPLY_OCTETS = (
    b"\x07\xab\xcd\xef" + by_hand(1, DUID) + by_hand(2, DUID[::-1])
    + by_hand(3, struct.pack("!III", 7, 50, 80) + by_hand(5, LEASE))
    + by_hand(13, b"\0\3") + by_hand(8, b"\0\x64") + by_hand(9999, b"xyz")
    + by_hand(6, b"\0\x52") + by_hand(7, b"\xff")
)  # fmt: skip
RELAYED = RelayForward(2, HOME, PEER, (InterfaceIdentifier(b"hoa"), RelayMessage(REPLY_OCTETS)))
RELAYED_OCTETS = b"\x0c\x02" + HOME.packed + PEER.packed + by_hand(18, b"hoa") + by_hand(9, REPLY_OCTETS)


@pytest.mark.parametrize(
    ("message", "octets"),
    [
        (REPLY, REPLY_OCTETS), (RELAYED, RELAYED_OCTETS), (ClientMessage(Kind.SOLICIT, 1), b"\1\0\0\1"),
        (RelayReply(0, HOME, PEER), b"\x0d\0" + HOME.packed + PEER.packed),
    ],
)  # fmt: skip
def test_messages_stand_as_rfc_8415_has_them(message: DhcpMessage, octets: bytes) -> None:
    """RFC 8415 sections 8, 9, 21."""
    assert encode_dhcpv6(message) == octets and message.size == len(octets)
    assert decode_dhcpv6(octets) == message


@pytest.mark.parametrize("octets", [REPLY_OCTETS, RELAYED_OCTETS])
def test_a_message_that_is_cut_off_is_refused_and_never_fails_otherwise(octets: bytes) -> None:
    whole = 0
    for end in range(len(octets)):
        try:
            decode_dhcpv6(octets[:end])
            whole += 1
        except WireError:
            pass
    assert whole <= 9, "only between two options is what came before a message"


@given(st.binary(max_size=120))
def test_any_octets_are_a_message_or_a_wire_error(octets: bytes) -> None:
    try:
        message = decode_dhcpv6(octets)
    except WireError:
        return
    assert encode_dhcpv6(message) == octets


addresses = st.builds(Address, st.integers(0, (1 << 128) - 1))
words = st.integers(0, 0xFFFF_FFFF)
status = st.builds(StatusCode, st.integers(0, 0xFFFF), st.binary(max_size=9))
leases = st.builds(LeasedAddress, addresses, words, words, st.tuples(status))
plain: st.SearchStrategy[DhcpOption] = st.one_of(
    status, st.builds(ClientIdentifier, st.binary(min_size=3, max_size=130)),
    st.builds(IdentityAssociation, words, words, words, st.lists(leases, max_size=2).map(tuple)),
    st.builds(RelayMessage, st.binary(max_size=40)),
    st.builds(UnknownDhcpOption, st.integers(30, 0xFFFF), st.binary(max_size=40)),
)  # fmt: skip


kinds, numbers, some = st.sampled_from(Kind), st.integers(0, 0xFF_FFFF), st.lists(plain, max_size=4).map(tuple)


@given(st.builds(ClientMessage, kinds, numbers, some))
def test_what_is_written_is_read(message: ClientMessage) -> None:
    octets = encode_dhcpv6(message)
    assert decode_dhcpv6(octets) == message and len(octets) == message.size


@pytest.mark.parametrize(
    "wrong",
    [
        ClientMessage(Kind.SOLICIT, 1 << 24), ClientMessage(12, 0), RelayForward(256, HOME, PEER),
        ClientMessage(Kind.SOLICIT, 1, (ClientIdentifier(b"x"),)),
        ClientMessage(Kind.ADVERTISE, 1, (Preference(256),)),
        ClientMessage(Kind.SOLICIT, 1, (UnknownDhcpOption(3, b""),)),
    ],
)  # fmt: skip
def test_a_value_that_has_no_octets_is_refused_by_name(wrong: DhcpMessage) -> None:
    with pytest.raises(WireError):
        encode_dhcpv6(wrong)


def test_tshark_reads_the_same(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "dhcpv6.pcap"
    client = Packet(PEER, ALL_RELAY_AGENTS_AND_SERVERS, UDP(CLIENT_PORT, SERVER_PORT, encode_dhcpv6(REPLY)))
    relay = Packet(HOME, Address("2001:db8:100::5"), UDP(SERVER_PORT, SERVER_PORT, encode_dhcpv6(RELAYED)))
    capture.write(path, [(0, client), (1, relay)])
    fields = "dhcpv6.msgtype dhcpv6.xid dhcpv6.iaid dhcpv6.iaaddr.ip dhcpv6.status_code dhcpv6.hopcount dhcpv6.peeraddr"
    options = [part for name in fields.split() for part in ("-e", name)]
    asked = [tshark, "-n", "-r", path]
    done = subprocess.run([*asked, "-T", "fields", *options], capture_output=True, text=True, check=True)
    first, second = (line.split("\t") for line in done.stdout.splitlines())
    assert first == ["7", "0xabcdef", "00000007", str(HOME), "0,3", "", ""]
    assert second[0] == "12,7" and second[5:] == ["2", str(PEER)]
    bad = subprocess.run([*asked, "-Y", "_ws.malformed"], capture_output=True, text=True, check=True)
    assert bad.stdout == ""
