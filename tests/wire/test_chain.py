"""Chains of headers: the walk from header to header, which decoding and the replay of captures share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import WireError
from mipflow.wire.chain import AUTHENTICATION, EXTENSIONS, Header, walk
from mipflow.wire.codec import encode
from mipflow.wire.packet import Packet
from tests.wire.strategies import packets

OPTIONS = bytes([0, 0, 1, 4, 0, 0, 0, 0])
"""Hop-by-hop or destination options of eight octets, with one more header of number 0 behind."""


@given(packets())
def test_a_walk_comes_by_the_headers_that_a_packet_has(packet: Packet) -> None:
    octets, end = encode(packet), 40
    for header, found in zip(packet.extensions, walk(octets, octets[6], 40), strict=False):
        assert (found.start, found.end) == (end, end + header.size)
        end = found.end
    assert end == packet.size - packet.payload.size


def test_hop_by_hop_options_stand_first_unless_they_may_stand_anywhere() -> None:
    data = bytes(40) + OPTIONS * 2
    assert [*walk(data, 0, 40)] == [Header(0, 40, 48, 0)]
    assert [*walk(data, 60, 40)] == [Header(60, 40, 48, 0)], "RFC 8200 section 4: elsewhere 0 is an unrecognised header"
    with pytest.raises(WireError, match="extension header 0 cut off at octet 56"):
        list(walk(data, 60, 40, EXTENSIONS, EXTENSIONS))


def test_an_authentication_header_counts_in_units_of_four_octets() -> None:
    data = bytes([17, 4]) + bytes(22)
    assert [*walk(data, AUTHENTICATION, 0, {AUTHENTICATION})] == [Header(AUTHENTICATION, 0, 24, 17)]
    assert [*walk(data, AUTHENTICATION, 0)] == [], "of no kind that was asked for"


@given(st.integers(0, 255), st.binary(max_size=60))
def test_a_walk_through_any_octets_ends(number: int, data: bytes) -> None:
    try:
        assert all(8 <= header.end - header.start <= 2048 for header in walk(data, number, 0))
    except WireError as error:
        assert "cut off at octet" in str(error)
