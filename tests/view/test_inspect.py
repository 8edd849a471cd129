"""One packet with every header, every field and every byte; tshark says where each field is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import ChannelName, Hop, Trace
from mipflow.view.drawing.page import save
from mipflow.view.drawing.picture import Picture, packed
from mipflow.view.inspect import MOST_CARRIED, RFC, Field, Header, carried, dissect, inspect
from mipflow.view.story.words import long
from mipflow.wire import codec, decode, dhcpv6, icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.captures import capture
from mipflow.wire.forms import ANYWHERE, Value
from mipflow.wire.mobility import BindingUpdate, HomeTest, NonceIndices, UnknownMobilityOption
from mipflow.wire.packet import TCP, UDP, ExtensionOption, Opaque, Packet
from tests.lab.test_captures import STORIES
from tests.sim.boxes import add_channel
from tests.view.told import CELL, CN1, NAMES, handover
from tests.wire.strategies import packets

TRACE = handover()[0].trace()
QUICK = {"security", "enhanced", "DHCPv6"}


def number_of(kind: type, tunnelled: bool = False) -> int:
    """Return the first packet-hop of a message."""
    return next(
        number
        for number, packet in enumerate(TRACE.packets)
        if isinstance(packet.innermost().payload, kind) and isinstance(packet.payload, Packet) == tunnelled
    )


def field(picture: Picture, header: str, name: str) -> object:
    """Return the value of a field."""
    return next(row["value"] for row in picture.rows() if header in str(row["header"]) and row["field"] == name)


def alone(packet: Packet) -> Trace:
    """Return a trace of one hop."""
    trace = Trace()
    trace.hop(packet, add_channel(trace, ChannelName("link", "A", "if0", "B", "if0")), 0, 0, 1)
    return trace


def hop(packet: Packet) -> Hop:
    return alone(packet)[0]


def test_a_binding_update() -> None:
    picture = inspect(TRACE, number_of(BindingUpdate), names=NAMES)
    assert picture.title.endswith("binding update")
    assert field(picture, "IPv6", "source") == "2001:db8:300::11 (cellular address)"
    assert field(picture, "Destination Options", "home address") == "2001:db8:100::12 (H@2)"
    assert field(picture, "Binding Update", "lifetime") == "420 sec (105)"
    assert field(picture, "Binding Update", "home nonce index") == "3"
    assert field(picture, "Binding Update", "option") == "MIPv6 Option - Nonce Indices (RFC 6275 section 6.2.6)"
    assert {row["rfc"] for row in picture.rows()} == {
        "RFC 8200 section 3", "RFC 8200 section 4.6", "RFC 6275 section 6.1.7"
    }  # fmt: skip
    assert "From MN (cell0) to AR3 (air0) on MN-AR3: sent at 12.090000 s, arrived at 12.115000 s" in picture.describe()


def test_a_large_number_is_told_in_octets() -> None:
    """An authenticator of 96 bits says nothing as 29 digits; the octets are those on the wire."""
    message = BindingUpdate(1, options=(mobility.BindingAuthorizationData(bytes(range(12))),))
    picture = inspect(alone(Packet(CELL, CN1, message)), 0, names={})
    assert field(picture, "Binding Update", "authenticator") == bytes(range(12)).hex(" ")


def test_both_headers_of_a_tunnelled_packet() -> None:
    picture = inspect(TRACE, number_of(HomeTest, tunnelled=True), names=NAMES)
    starts = [(row["header"], row["first_octet"]) for row in picture.rows() if row["field"] in ("version", "message")]
    assert starts == [("IPv6", 0), ("IPv6", 40), ("IPv6 Mobility Header - Home Test", 82)]
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


def test_every_header_and_option_that_is_written_says_where_it_is_defined() -> None:
    """A new form without an entry would be shown as data."""
    families: tuple[type[Value], ...] = (
        ExtensionOption, mobility.MobilityOption, mobility.MobilityMessage, icmpv6.NeighborOption, icmpv6.IcmpMessage,
        dhcpv6.DhcpOption, dhcpv6.DhcpMessage,
    )  # fmt: skip
    forms = [*decode.FORMS.values(), *(form for family in families for form in family.forms.values())]
    assert {form._layer_name for form in forms} - {"Raw"} <= RFC.keys()


def test_an_option_without_a_section_is_shown_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RFC, "MIP6OptNonceIndices")
    said = inspect(TRACE, number_of(BindingUpdate), names=NAMES).describe()
    assert "Nonce Indices (no section known)" in said and "home nonce index" in said


# --- places ----------------------------------------------------------------------------------------------------------


def leaves(header: Header) -> list[Field]:
    """Return the fields that hold no others."""
    following = [*header.fields[1:], header.fields[0]]
    return [each for each, after in zip(header.fields, following, strict=True) if after.depth <= each.depth]


def check_places(headers: list[Header], octets: bytes) -> None:
    """The fields of all headers lie side by side and are the packet, bit for bit."""
    assert b"".join(header.octets for header in headers) == octets
    bit = 0
    for header in headers:
        assert header.first == bit // 8
        for each in leaves(header):
            assert (each.first_bit, each.bits > 0) == (bit, True), (header.name, each)
            bit += each.bits
        assert bit == 8 * (header.first + len(header.octets))


@settings(max_examples=60)
@given(packets())
def test_the_fields_of_a_packet_are_all_its_bits(packet: Packet) -> None:
    check_places(dissect(hop(packet), {}), codec.encode(packet))


SAME = {
    "source": "ipv6.src", "destination": "ipv6.dst", "hop limit": "ipv6.hlim", "next header": "nxt proto",
    "payload length": "ipv6.plen", "traffic class": "ipv6.tclass", "flow label": "ipv6.flow", "version": "ipv6.version",
    "source port": "srcport", "destination port": "dstport", "checksum": "checksum csum", "segments left": "segleft",
    "home address": "home_address haddr", "care-of address": "acoa", "home nonce index": "hni",
    "care-of nonce index": "cni", "nonce index": "nindex", "cookie": "cookie", "keygen token": "token",
    "authenticator": "bad.auth", "message": "mhtype msgtype", "status": "status", "lifetime": "lifetime",
    "sequence": "seqnr seq sequence_number esp.sequence", "A (acknowledge)": "bu.a_flag",
    "home agent": "home_agent_address",
    "H (home registration)": "bu.h_flag", "L (link-local address compatibility)": "bu.l_flag",
    "K (key management mobility capability)": "k_flag", "R (mobile router)": "r_flag", "S (SYN)": "flags.syn",
    "P (proxy registration)": "p_flag", "M (mobility anchor point)": "m_flag", "F (FIN)": "flags.fin",
    "R (RST)": "flags.reset", "P (PSH)": "flags.push", "A (ACK)": "flags.ack", "U (URG)": "flags.urg",
    "E (ECE)": "flags.ece", "C (CWR)": "flags.cwr", "acknowledgement": "tcp.ack", "window": "window_size_value",
    "data offset": "hdr_len", "urgent pointer": "urgent_pointer", "kind": "option_kind nop", "target": "target_address",
    "router lifetime": "router_lifetime", "reachable time": "reachable_time", "retransmission timer": "retrans_timer",
    "current hop limit": "cur_hop_limit", "router preference": "flag.prf", "M (managed addresses)": "flag.m",
    "O (other configuration)": "flag.o", "H (home agent)": "flag.h", "P (proxy)": "flag.p", "R (router)": "flag.r",
    "S (solicited)": "flag.s", "O (override)": "flag.o", "prefix": "opt.prefix", "prefix length": "prefix.length",
    "L (on-link)": "flag.l", "A (autonomous)": "flag.a", "R (router address)": "flag.r", "identifier": "identifier",
    "valid lifetime": "valid_lifetime", "preferred lifetime": "preferred_lifetime pref_lifetime",
    "link-layer address": "linkaddr", "advertisement interval": "advertisement_interval", "address": "iaaddr.ip",
    "preference": "preference", "security parameters index": "esp.spi", "transaction": "xid", "DUID": "duid.bytes",
    "IAID": "iaid", "T1": "t1", "T2": "t2", "hop count": "hopcount", "link address": "linkaddr", "mtu": "mtu",
    "peer address": "peeraddr", "interface identifier": "interface_id", "option type": "option.type", "code": "code",
    "data": "data payload padn pad3", "value": "mss_val shift", "offset": "offset", "more fragments": "more",
    "pointer": "pointer",
}  # fmt: skip
"""The name of a field here -> the end of its name in tshark."""
ANY = {"option", "options", "type", "length"}
"""Names that stand for several of tshark's."""
NOT_SHOWN = {
    "reserved", "flags", "unused", "N (reserved)", "R (mobile routers)", "CGA parameters", "signature",
    "permanent home keygen token", "care-of keygen token",
}  # fmt: skip
"""Fields for which tshark has none of its own, or a field of flags as wide as its octets."""
NO_FIELD = {
    ("Mobility Header", "type"), ("ESP", "data"), ("Destination Unreachable", "length"), ("Relay Message", "option"),
}  # fmt: skip
"""The same, in some headers only: options of a Mobility Header have no type in tshark, ESP and messages no octets."""


def told_by_tshark(path: Path, tshark: str) -> Iterator[set[tuple[str, int, int]]]:
    """For each packet (name, first bit, bits) of every field. A pattern like `.1.. ....` says which bits."""
    command = [tshark, "-n", "-r", str(path), "-T", "pdml"]
    pdml = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
    for packet in ElementTree.fromstring(pdml).iter("packet"):
        yield {place for each in packet.iter("field") for place in bits_of(each.attrib)}


def bits_of(told: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    name, first, bits = told["name"], 8 * int(told.get("pos", 0)), 8 * int(told.get("size", 0))
    pattern = re.match(r"[01.]+(?: [01.]+)* = ", told.get("showname", ""))
    if pattern:
        shown = pattern[0].removesuffix(" = ").replace(" ", "")
        if name.startswith("tcp.flags."):  # twelve bits, which end with the second octet
            first = first // 16 * 16 + 4
        first += len(shown) - len(shown.lstrip("."))
        bits = len(shown.strip("."))
    if bits:
        yield name, first, bits


@pytest.mark.parametrize(
    "story", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STORIES]
)
def test_each_field_is_where_tshark_sees_it(story: str, tmp_path: Path, tshark: str) -> None:
    """Name and place to the bit, of one packet of each shape that the story has."""
    world = STORIES[story]()
    shapes: dict[Any, int] = {}
    for number, packet in enumerate(world.trace.packets):
        shapes.setdefault(shape(packet), number)
    hops = [world.trace[number] for number in shapes.values()]
    capture.write(tmp_path / "shapes.pcap", [(each.started_ns, each.packet) for each in hops])
    compared = 0
    for each, theirs in zip(hops, told_by_tshark(tmp_path / "shapes.pcap", tshark), strict=True):
        headers = dissect(each, world.names())
        check_places(headers, codec.encode(each.packet))
        for header in headers:
            for ours in header.fields:
                names = {name for name, *place in theirs if place == [ours.first_bit, ours.bits]}
                if ours.name in NOT_SHOWN or any(h in header.name and ours.name == f for h, f in NO_FIELD):
                    continue
                compared += 1
                ends = () if ours.name in ANY else tuple(SAME[ours.name].split())
                assert names and (not ends or any(name.endswith(ends) for name in names)), (header.name, ours, names)
    assert compared > 100


def shape(packet: Packet) -> tuple[object, ...]:
    """Packets of one shape have the same fields."""
    payload: Any = packet.payload
    kinds = [type(option) for option in getattr(payload, "options", ())] if not isinstance(payload, TCP) else []
    inside = shape(payload) if isinstance(payload, Packet) else (type(payload), *kinds, getattr(payload, "type", 0))
    size = payload.destination_port if type(payload) is UDP else payload.size
    return (*map(type, packet.extensions), *inside, size)


def test_places_in_words() -> None:
    first = dissect(TRACE[number_of(BindingUpdate)], NAMES)[0].fields
    assert [each.place for each in first[:4]] == [
        "0, bits 0 to 3", "0 to 1, bits 4 to 11", "1 to 3, bits 4 to 23", "4 to 5"
    ]  # fmt: skip


def test_a_quoted_packet_is_read_as_far_as_it_goes() -> None:
    """RFC 4443 section 3.1: as much of the invoking packet as fits."""
    invoking = codec.encode(TRACE.packets[number_of(BindingUpdate)])
    for size, last in ((len(invoking), "Binding Update"), (70, "Data"), (39, "Data")):
        error = Packet(CN1, CELL, icmpv6.IcmpError(1, 4, 0, invoking[:size]))
        headers = dissect(hop(error), NAMES)
        check_places(headers, codec.encode(error))
        assert last in headers[-1].name
        assert [header.name for header in headers].count("IPv6") == (2 if size >= 40 else 1)


# --- the card --------------------------------------------------------------------------------------------------------

BYTES = re.compile(r"<label data-f='([\d ]+)'><input[^>]*>([0-9a-f ]+)</label>")
ROW = re.compile(r"<tr data-f='(\d+)'")


def shown(trace: Trace, number: int, names: dict[Address, str] | None = None) -> str:
    """Return the card without its script."""
    return inspect(trace, number, names=names or {}).html


@pytest.mark.parametrize("kind", [BindingUpdate, HomeTest])
def test_every_byte_is_shown_once_and_names_its_fields(kind: type) -> None:
    number = number_of(kind, tunnelled=kind is HomeTest)
    html, octets = inspect(TRACE, number, names=NAMES).html, codec.encode(TRACE[number].packet)
    shown = [(byte, names.split()) for names, run in BYTES.findall(html) for byte in run.split()]
    assert bytes.fromhex("".join(byte for byte, _ in shown)) == octets
    fields = [each for header in dissect(TRACE[number], NAMES) for each in header.fields]
    for place, (_, names) in enumerate(shown):
        assert names == [str(n) for n, each in enumerate(fields) if place in each.octets] != []
    assert ROW.findall(html) == [str(n) for n in range(len(fields))]


def test_a_large_packet_is_cut_and_says_so() -> None:
    trace = alone(Packet(CELL, CN1, UDP(1, 2, bytes(60000))))
    html = shown(trace, 0)
    assert "57952 more octets" in html and "59960 more octets" in html and len(html) < 48_000
    (((_, small),), *_) = carried(trace, [0], names={})
    assert "59936 more octets" in small and len(small) < 10_000


def test_packets_that_a_page_carries_along() -> None:
    """Each packet once, however many links it crossed; a long window stays small."""
    numbers = [number for number, packet in enumerate(TRACE.packets) if not packet.innermost().flow]
    cards, hops, *_ = carried(TRACE, numbers, names=NAMES)
    assert list(hops) == [str(number) for number in numbers] and len(packed(cards)) < 8_000
    assert len(cards) == len({id(TRACE.packets[number]) for number in numbers}) < len(numbers)
    assert all(cards[place][0].endswith(long(TRACE.packets[int(number)])) for number, place in hops.items())
    assert cards == carried(TRACE, numbers, names=NAMES)[0]
    called = carried(TRACE, numbers, names=NAMES, nodes={"AR3": "cellular router"})[0]
    assert any("cellular router (" in html for _, html in called) and not any("AR3" in html for _, html in called)
    many, hops, *_ = carried(TRACE, range(len(TRACE)), names=NAMES)
    assert len(many) == MOST_CARRIED and len(hops) < len(TRACE)
    one = "A row", "<p>its history</p>"
    cards, hops, alike, _ = carried(TRACE, [4], {4: 4, 6: 4, 8: 5}, names=NAMES, others={"row": one})
    assert hops == {"4": 0, "6": 0, "row": 1} and alike == [6] and cards[1] == one


def test_there_is_one_tab_stop_for_the_rows_and_one_for_the_bytes_of_each_card() -> None:
    one, other = (inspect(TRACE, number_of(BindingUpdate), names=NAMES).html for _ in range(2))
    names = [set(re.findall(r"<input type='radio' name='(.*?)'>", html)) for html in (one, other)]
    assert [len(each) for each in names] == [2, 2] and not names[0] & names[1]


def test_names_are_no_markup_and_are_cut() -> None:
    hostile = "<script>alert(1)</script>'\"" + "\u202e" + "x" * 300
    html = shown(TRACE, number_of(BindingUpdate), {CELL: hostile, Address("2001:db8:100::12"): hostile})
    assert "<script" not in html and "x" * 121 not in html and "&lt;script&gt;alert(1)" in html


def test_what_is_not_read_further_is_data() -> None:
    headers = dissect(hop(Packet(CELL, CN1, Opaque(254, b"<b>&"))), {})
    assert [header.name for header in headers] == ["IPv6", "Data"]
    assert "&lt;b&gt;&amp;" in inspect(alone(Packet(CELL, CN1, Opaque(254, b"<b>&"))), 0, names={}).html


def test_there_is_no_such_hop() -> None:
    with pytest.raises(ProtocolMisuse):
        inspect(TRACE, len(TRACE), names=NAMES)


# --- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(browser_page: Any, tmp_path: Path) -> Any:
    """Return the card of a binding update in a page, its troubles in `page.troubles`."""
    path = save(tmp_path / "card.html", [inspect(TRACE, number_of(BindingUpdate), names=NAMES)], "A packet")
    browser_page.troubles = []
    browser_page.on("pageerror", lambda error: browser_page.troubles.append(str(error)))
    browser_page.on("requestfinished", lambda request: browser_page.troubles.append(request.url))
    browser_page.goto(path.as_uri())
    return browser_page


def found(page: Any) -> list[str]:
    """Return the marked parts of the page: first cells of rows, and bytes."""
    marked = """all => all.filter(e => getComputedStyle(e).backgroundColor === "rgb(240, 228, 66)")
      .map(e => (e.cells ? e.cells[0] : e).textContent)"""
    return [str(text) for text in page.locator("[data-f]").evaluate_all(marked)]


def test_a_field_marks_its_bytes_and_a_byte_its_field(opened: Any) -> None:
    source = ["source", "20 01 0d b8 03 00 00 00", "00 00 00 00 00 00 00 11"]
    opened.locator("tr", has_text="cellular address").hover()
    assert found(opened) == source
    opened.locator("h1").hover()
    assert found(opened) == []
    opened.locator("label[data-f]", has_text=source[2]).hover()
    assert found(opened) == [source[0], source[2]]
    opened.locator("label[data-f]").nth(1).hover()
    assert found(opened) == ["traffic class", "flow label", "00"]  # they share an octet
    opened.locator("tr", has_text="Home Address Option (RFC").hover()
    assert found(opened)[1:] == ["c9", "10", "20 01 0d b8 01 00 00 00", "00 00 00 00 00 00 00 12"]
    assert opened.troubles == [opened.url]


def test_the_same_by_keyboard(opened: Any) -> None:
    """Tab leads to the fields and on to the bytes, arrows from one to the next."""
    press = opened.keyboard.press
    for key in ("Tab", "Tab", "ArrowDown", "ArrowDown", "ArrowDown"):
        press(key)
    assert found(opened) == ["payload length", "00 30"]
    press("Tab")
    assert found(opened) == ["version", "traffic class", "60"]
    press("ArrowRight")
    assert found(opened) == ["traffic class", "flow label", "00"]
    press("Shift+Tab")
    assert found(opened) == ["payload length", "00 30"], "where the keys had been"
    press("Shift+Tab")  # out of the card: nothing is marked any more
    press("Shift+Tab")
    assert found(opened) == [] and opened.evaluate("document.activeElement.closest('tr')") is None
    assert opened.troubles == [opened.url]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_a_card_is_cut(opened: Any, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    wide = "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).length"
    assert opened.locator("pre, table").evaluate_all(wide) == 0


def test_a_card_that_is_kept_is_that_of_the_same_contents_and_words() -> None:
    def card(packet: Packet, word: str) -> str:
        trace = Trace()
        trace.hop(packet, add_channel(trace, ChannelName(*"link a if b if".split())), 0, 0, 5)
        (((_, html),), *_) = carried(trace, [0], names={CN1: word})
        return str(html)

    packet = Packet(CELL, CN1, UDP(1, 2, b"abc"))
    labelled = Packet(CELL, CN1, UDP(1, 2, b"abc"), flow_label=7)
    assert card(packet, "CN1") == card(packet.copy(), "CN1") != card(packet, "CN9")
    assert card(packet, "CN1") != card(labelled, "CN1") != card(Packet(CELL, CN1, UDP(1, 2, b"abd")), "CN1")


def test_a_class_that_was_written_anew_has_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes of one name look alike in words; their octets may not."""
    seen = list[object]()
    monkeypatch.setattr("mipflow.view.inspect.dissect", lambda hop, names: seen.append(hop.packet.payload) or [])
    for _ in range(2):

        @dataclass(frozen=True)
        class Own:
            size = 4

        trace = Trace()
        channel = add_channel(trace, ChannelName(*"link a if b if".split()))
        for _ in range(2):
            trace.hop(Packet(CELL, CN1, Own()), channel, 0, 0, 5)
        carried(trace, [0, 1], names={})
    assert len(seen) == 2 and repr(seen[0]) == repr(seen[1])
