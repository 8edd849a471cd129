"""Packets as values: sizes, copies, equality."""

from __future__ import annotations

import pytest
from hypothesis import given

from mipflow.errors import WireError
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoRequest
from mipflow.wire.mobility import AlternateCareOfAddress, BindingUpdate, NonceIndices
from mipflow.wire.packet import (
    TCP,
    UDP,
    DestinationOptions,
    Header,
    HomeAddressOption,
    Marks,
    Packet,
    RoutingHeaderType2,
    UnknownOption,
    packet_of,
)
from tests.wire.strategies import packets

MN, CN, HOME = Address("2001:db8:2::10"), Address("2001:db8:c1::1"), Address("2001:db8:1::10")
VOICE = UDP(5004, 5004, bytes(160))


def test_sizes_are_those_that_the_rfcs_tell() -> None:
    plain = Packet(MN, CN, VOICE)
    assert plain.size == 40 + 8 + 160
    assert (
        Packet(MN, CN, VOICE, extensions=(DestinationOptions((HomeAddressOption(HOME),)),)).size
        == plain.size + 24
    )
    assert Packet(CN, MN, VOICE, extensions=(RoutingHeaderType2(HOME),)).size == plain.size + 24
    assert Packet(MN, CN, plain).size == plain.size + 40
    assert TCP(1, 2, 3, syn=True, maximum_segment_size=1220, window_scale=7).size == 28
    assert BindingUpdate(1, options=(NonceIndices(1, 2),)).size == 24
    assert BindingUpdate(1, options=(AlternateCareOfAddress(MN),)).size == 32


@given(packets())
def test_a_copy_is_equal_and_apart(packet: Packet) -> None:
    twin = packet.copy()
    assert twin == packet
    assert twin.size == packet.size
    twin.hop_limit ^= 1
    assert twin != packet
    if isinstance(twin.payload, Packet):
        twin.innermost().hop_limit ^= 1
        assert twin.innermost() != packet.innermost()


def test_labels_are_copied_but_not_compared() -> None:
    packet = Packet(MN, CN, VOICE, label=-3, sent_ns=17)
    twin = packet.copy()
    assert (twin.flow, twin.upward, twin.sent_ns) == (3, False, 17)
    assert packet == Packet(MN, CN, VOICE)


def test_packets_with_one_header_are_those_that_are_built_whole() -> None:
    marks = Marks(4, 5, (RoutingHeaderType2(HOME),))
    header = Header(CN, MN, marks, label=-3)
    whole = Packet(CN, MN, VOICE, 64, marks.extensions, 4, 5, -3, 17)
    one, other = packet_of(header, VOICE, 17), packet_of(header, VOICE, 18)
    assert one.header is other.header and one == whole
    assert (one.size, one.label, one.sent_ns) == (whole.size, whole.label, whole.sent_ns)
    assert packet_of(header, UDP(1, 2, bytes(3000)), 0).size == 40 + 24 + 3008


def test_a_field_of_the_header_that_is_set_is_set_for_one_packet_alone() -> None:
    one, other = (packet_of(Header(MN, CN, label=3), VOICE, 0) for _ in range(2))
    other.header = one.header
    one.source, one.label = HOME, 4  # type: ignore[misc]  # properties
    assert (one.source, one.destination, one.label) == (HOME, CN, 4)
    assert (other.source, other.destination, other.label) == (MN, CN, 3)


@pytest.mark.parametrize("marks", [Marks(256), Marks(-1), Marks(0, 1 << 20), Marks(0, -1)])
def test_a_traffic_class_or_flow_label_that_does_not_fit_is_refused(marks: Marks) -> None:
    with pytest.raises(WireError, match=r"Packet (traffic_class|flow_label) .*expected 0 to"):
        Header(MN, CN, marks)


def test_a_packet_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(Packet(MN, CN, VOICE))


def test_innermost_and_home_address() -> None:
    inner = Packet(HOME, CN, EchoRequest(1, 2))
    assert Packet(MN, CN, Packet(MN, CN, inner)).innermost() is inner
    assert DestinationOptions((UnknownOption(5), HomeAddressOption(HOME))).home_address == HOME
    assert DestinationOptions(()).home_address is None


def test_a_packet_tells_what_it_is() -> None:
    text = repr(Packet(MN, CN, VOICE, extensions=(RoutingHeaderType2(HOME),)))
    assert text.startswith("<Packet 2001:db8:2::10 > 2001:db8:c1::1 hop_limit=64 RoutingHeaderType2(")
