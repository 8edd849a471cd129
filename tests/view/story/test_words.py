"""Packets, rows and times in words."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Change
from mipflow.view.story.words import Words, check_span, cut, field_name, long, series, short, the_flow, tidy
from mipflow.wire.icmpv6 import IcmpError, NeighborSolicitation
from mipflow.wire.mobility import (
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingUpdate,
    HomeTest,
    HomeTestInit,
    UnknownMobilityMessage,
)
from mipflow.wire.packet import Opaque, Packet
from tests.view.told import CALL, CELL, CN1, FLOWS, HA, HOME2, NAMES, WLAN, data, mapping, message

WORDS = Words(NAMES, FLOWS)


def test_a_message_is_named_inside_its_tunnel_too() -> None:
    inner = message(HOME2, CN1, HomeTestInit(bytes(8)))
    assert (short(inner), long(inner)) == ("HoTI", "home test init")
    assert short(Packet(WLAN, HA, inner)) == "HoTI"


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (
            message(CELL, CN1, BindingUpdate(7, lifetime_units=105), HOME2),
            "H@2 at cellular address, sequence number 7, for 420 s",
        ),
        (
            message(WLAN, HA, BindingUpdate(8, lifetime_units=9, options=(AlternateCareOfAddress(CELL),)), HOME2),
            "H@2 at cellular address, sequence number 8, for 36 s",
        ),
        (message(CELL, CN1, BindingUpdate(9), HOME2), "forget H@2, sequence number 9"),
        (message(CN1, CELL, BindingAcknowledgement(0, 7), HOME2), "H@2, accepted, sequence number 7"),
        (
            message(CN1, CELL, BindingAcknowledgement(135, 7), HOME2),
            "H@2, sequence number out of window, sequence number 7",
        ),
        (message(CN1, CELL, BindingAcknowledgement(77, 7)), "status 77, sequence number 7"),
        (message(CN1, HOME2, HomeTest(3, bytes(8), bytes(8))), "to H@2, nonce index 3"),
        (Packet(WLAN, CN1, NeighborSolicitation(HOME2)), "H@2"),
        (Packet(WLAN, CN1, IcmpError(2, 0, 1280, b"")), "packet too big, code 0"),
        (data(CALL, WLAN, 0), "call, 232 octets"),
    ],
)
def test_the_key_fields_of_a_message(packet: Packet, words: str) -> None:
    assert WORDS.detail(packet) == words


def test_what_has_no_words_is_still_named() -> None:
    assert long(Packet(WLAN, CN1, UnknownMobilityMessage(99, b""))) == "unknown mobility message"
    assert long(Packet(WLAN, CN1, Opaque(50, bytes(8)))) == "ESP packet"
    assert long(Packet(WLAN, CN1, Opaque(99, bytes(8)))) == "packet"
    assert WORDS.address("2001:db8::99") == "2001:db8::99"


def test_the_flow_mapping_row_says_whether_the_correspondent_node_knows() -> None:
    assert WORDS.row("flow mapping table", mapping(2, HOME2, CELL, WLAN)) == "video H@2 → cellular address …"
    assert WORDS.row("flow mapping table", mapping(2, HOME2, CELL, CELL)) == "video H@2 → cellular address ✓"


def test_a_change_names_what_is_different() -> None:
    before, after = mapping(2, HOME2, WLAN, WLAN), mapping(2, HOME2, CELL, WLAN)
    changed = WORDS.change("MN", Change("flow mapping table", "2", before, after))
    assert changed == "MN's flow mapping table, row video: care-of address WLAN address → cellular address"
    assert "gains the row video" in WORDS.change("MN", Change("flow mapping table", "2", None, after))
    assert "loses the row video" in WORDS.change("MN", Change("flow mapping table", "2", before, None))
    assert WORDS.change("MN", Change("flow mapping table", "2", before, before)).endswith("refreshed")


def test_field_names_in_words() -> None:
    assert [field_name(name) for name in ("care_of_address", "registered_at_cn", "expires_at_s")] == [
        "care-of address", "known at CN", "expires at (s)",
    ]  # fmt: skip


@pytest.mark.parametrize("span", [(-1, 5), (5, 5), (6, 5)])
def test_time_goes_forward(span: tuple[int, int]) -> None:
    with pytest.raises(ProtocolMisuse, match="later end"):
        check_span(*span)


def test_a_name_that_somebody_gave_is_one_short_line() -> None:
    assert tidy("call") == "call"
    assert tidy("a\nb\t c") == "a b c"
    assert tidy("x" * 200) == "x" * 159 + "…" and cut("call", 4) == "call" and cut("video", 4) == "vid…"
    assert tidy(" \n") == "unnamed"
    assert Words({}, {1: "x" * 200}).flows_named([1]) == "the " + "x" * 159 + "…"


def test_a_series_of_words_is_part_of_a_sentence() -> None:
    assert [series(range(number)) for number in range(4)] == ["none", "0", "0 and 1", "0, 1 and 2"]
    assert series([], none="nothing") == "nothing" and series("ab", "or") == "a or b"
    assert WORDS.flows_named([]) == "", "who asks has their own word for none"


def test_a_flow_with_a_number_has_no_article() -> None:
    said = [the_flow(word) for word in ("call", "call 2", "6 TCP 5202", "flow 7")]
    assert said == ["the call", "call 2", "flow 6 TCP 5202", "flow 7"]
