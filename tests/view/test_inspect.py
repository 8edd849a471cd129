"""One packet with every header, every field and every byte."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.view.inspect import dump, inspect
from mipflow.view.picture import Picture
from mipflow.wire import codec
from mipflow.wire.forms import ANYWHERE
from mipflow.wire.mobility import BindingUpdate, HomeTest, NonceIndices, UnknownMobilityOption
from mipflow.wire.packet import Packet
from tests.view.story import CELL, CN1, NAMES, handover

TRACE = handover()[0].trace()


def number_of(kind: type, tunnelled: bool = False) -> int:
    """The first packet-hop of a message."""
    return next(
        number
        for number, packet in enumerate(TRACE.packets)
        if isinstance(packet.innermost().payload, kind) and isinstance(packet.payload, Packet) == tunnelled
    )


def field(picture: Picture, header: str, name: str) -> object:
    """The value of a field."""
    return next(row["value"] for row in picture.rows() if header in str(row["header"]) and row["field"] == name)


def test_a_binding_update() -> None:
    picture = inspect(TRACE, number_of(BindingUpdate), names=NAMES)
    assert picture.title.endswith("binding update")
    assert field(picture, "IPv6", "source") == "2001:db8:300::11 (cellular address)"
    assert field(picture, "Destination Options", "– home address") == "2001:db8:100::12 (H@2)"
    assert field(picture, "Binding Update", "lifetime") == "420 sec (105)"
    assert field(picture, "Binding Update", "– home nonce index") == "3"
    assert "From MN (cell0) to AR3 (air0) on MN-AR3: sent at 12.090000 s, arrived at 12.115000 s" in picture.describe()


def test_both_headers_of_a_tunnelled_packet() -> None:
    picture = inspect(TRACE, number_of(HomeTest, tunnelled=True), names=NAMES)
    headers = list(dict.fromkeys((row["header"], row["first_octet"]) for row in picture.rows()))
    assert headers == [("IPv6", 0), ("IPv6", 40), ("IPv6 Mobility Header - Home Test", 80)]
    assert field(picture, "Home Test", "keygen token") == "00 01 02 03 04 05 06 07"


def test_an_option_that_is_not_aligned_is_remarked_upon() -> None:
    """Nobody refuses it (RFC 6275 section 6.2.1 asks senders only), so here is where one sees it."""
    trace, number = handover()[0].trace(), number_of(BindingUpdate)
    remark = "NonceIndices at octet 15 of its header; RFC 6275 section 6 has it at 2n+0"
    assert remark not in inspect(trace, number, names=NAMES).describe()
    options = (UnknownMobilityOption(99, b"x"), replace(NonceIndices(1, 2), alignment=ANYWHERE))
    sent = trace.packets[number]
    trace.packets[number] = Packet(CELL, CN1, replace(sent.payload, options=options), extensions=sent.extensions)
    picture = inspect(trace, number, names=NAMES)
    assert remark in picture.describe() and remark in picture.html


@pytest.mark.parametrize("kind", [BindingUpdate, HomeTest])
def test_every_byte_is_shown_once(kind: type) -> None:
    number = number_of(kind, tunnelled=kind is HomeTest)
    shown = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", inspect(TRACE, number, names=NAMES).html, re.MULTILINE)
    first = re.findall(r"<pre>[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", inspect(TRACE, number, names=NAMES).html)
    octets = sum(len(line.split()) for line in shown) + sum(len(line.split()) for line in first)
    assert octets == len(codec.encode(TRACE[number].packet)) == TRACE[number].packet.size


def test_a_dump() -> None:
    assert dump(b"AB\x00", 64) == "0040  41 42 00                                         AB."


def test_there_is_no_such_hop() -> None:
    with pytest.raises(ProtocolMisuse):
        inspect(TRACE, len(TRACE), names=NAMES)
