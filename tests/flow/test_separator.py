"""The separator: both directions of a flow have one id, whatever the addresses of this node; its sources in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.flow.conversations import Conversation, Traits, traits_of
from mipflow.flow.separator import (
    FRAGMENTS_NS,
    ApplicationWord,
    DataFlowSeparator,
    Source,
    by_headers,
)
from mipflow.flow.tables import FlowMappingTable
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, RouterSolicitation
from mipflow.wire.packet import (
    NO_MARKS,
    TCP,
    UDP,
    DestinationOptions,
    FragmentHeader,
    HopByHopOptions,
    Marks,
    Opaque,
    RoutingHeader,
    UnknownOption,
)
from tests.flow.entries import flow

CN, OTHER = Address("2001:db8:a::5"), Address("2001:db8:b::6")
ports = st.integers(0, 65535)


def table_with(protocol: str, local: int, remote: int) -> DataFlowSeparator:
    flows = FlowMappingTable()
    flows.add(flow(1, CN, local, protocol=protocol, remote_port=remote))
    return DataFlowSeparator(flows)


@given(ports, ports, st.sampled_from([("UDP", UDP), ("TCP", TCP)]), ports, ports, st.sampled_from([CN, OTHER]))
def test_by_protocol_ports_and_correspondent(
    local: int, remote: int, kind: tuple[str, type], source: int, destination: int, cn: Address
) -> None:
    protocol, make = kind
    separator = table_with(protocol, local, remote)
    arguments = (0,) if make is TCP else ()
    up, down = make(source, destination, *arguments), make(destination, source, *arguments)
    is_it = (source, destination, cn) == (local, remote, CN)
    for found in (separator.outgoing(up, cn), separator.incoming(down, cn)):
        assert (found is not None) == is_it
    right = make(local, remote, *arguments)
    assert separator.outgoing(right, CN) is not None
    other = {"UDP": TCP(local, remote, 0), "TCP": UDP(local, remote)}[protocol]
    assert separator.outgoing(other, CN) is None


@given(ports)
def test_echo_by_its_identifier_both_ways(identifier: int) -> None:
    separator = table_with("ICMPv6", identifier, 0)
    for message in (EchoRequest(identifier, 1), EchoReply(identifier, 9)):
        assert separator.outgoing(message, CN) is separator.incoming(message, CN) is not None
        assert separator.outgoing(message, OTHER) is None


def test_the_conversations_of_packets() -> None:
    separator = table_with("UDP", 1, 2)
    assert separator.conversation(RouterSolicitation(), CN, True) is None
    assert separator.conversation(UDP(3, 4), CN, True) == Conversation("UDP", 3, CN, 4)
    assert separator.conversation(UDP(3, 4), CN, False) == Conversation("UDP", 4, CN, 3)
    assert separator.conversation(Opaque(132, b"sctp"), CN, True) == Conversation("132", 0, CN, 0)
    esp = Opaque(50, bytes.fromhex("00012345 00000001") + bytes(8))
    assert separator.conversation(esp, CN, True) == Conversation("ESP", 0x12345, CN, 0)
    assert separator.conversation(esp, CN, False) == Conversation("ESP", 0, CN, 0x12345)


# --- ESP that ends beyond the mobile node ----------------------------------------------------------------------------


def esp_traits(outgoing: bool, spi: int, cn: Address = CN) -> Traits:
    return Traits("ESP", spi if outgoing else 0, cn, 0 if outgoing else spi, outgoing, spi=spi)


def test_the_two_directions_of_esp_are_paired_by_correspondent_and_home_address() -> None:
    flows = FlowMappingTable()
    separator = DataFlowSeparator(flows)
    one, two = flow(1, CN, 0x111, protocol="ESP", remote_port=0), flow(2, CN, 0x222, protocol="ESP", remote_port=0)
    home, second = Address("2001:db8:100::10"), Address("2001:db8:100::11")
    for entry, address in ((one, home), (two, second)):
        flows.add(entry)
        flows.change(entry, home_address=address)
    back = esp_traits(False, 0x999)
    assert separator.counterpart(back, second) is two and separator.counterpart(back, home) is one
    assert separator.counterpart(back, None) is None, "two could be meant"
    assert separator.counterpart(esp_traits(False, 0x999, OTHER), home) is None
    assert separator.counterpart(esp_traits(True, 0x333), home) is None, "both have their outgoing SPI"
    flows.join(two, Conversation("ESP", 0, CN, 0x999))
    assert separator.counterpart(back, second) is None, "it has both ways now"
    assert separator.counterpart(back, None) is one
    assert separator.counterpart(Traits("UDP", 1, CN, 2), home) is None


# --- fragments -------------------------------------------------------------------------------------------------------


def fragment(offset: int, identification: int, more: bool = True) -> Marks:
    return Marks(extensions=(FragmentHeader(offset, more, identification),))


def test_later_fragments_follow_their_first() -> None:
    flows = FlowMappingTable()
    flows.add(flow(1, CN, 700, remote_port=800))
    separator = DataFlowSeparator(flows)
    first = Opaque(17, (700).to_bytes(2, "big") + (800).to_bytes(2, "big") + bytes(60))
    later = Opaque(17, (1).to_bytes(2, "big") + (2).to_bytes(2, "big") + bytes(60))
    assert separator.outgoing(later, CN, fragment(8, 5), 0) is None, "its first has not been seen"
    known = separator.outgoing(first, CN, fragment(0, 5), 10)
    assert known is flows[1]
    assert separator.outgoing(later, CN, fragment(8, 5), 10 + FRAGMENTS_NS) is known
    assert separator.outgoing(later, CN, fragment(8, 5), 11 + FRAGMENTS_NS) is None
    assert separator.outgoing(later, CN, fragment(8, 6), 10) is None, "another packet's"
    assert separator.outgoing(later, OTHER, fragment(8, 5), 10) is None, "to another correspondent"


# --- the four sources (the patent, page 11) --------------------------------------------------------------------------


@given(st.permutations([10, 20, 30, 40]), st.lists(st.sampled_from([None, "", "word"]), min_size=4, max_size=4))
def test_the_first_source_in_order_of_priority_that_has_an_opinion(
    priorities: list[int], opinions: list[str | None]
) -> None:
    says = [lambda traits, word=word: word for word in opinions]
    sources = [Source(priorities[number], f"source {number}", said) for number, said in enumerate(says)]
    separator = DataFlowSeparator(FlowMappingTable(), sources)
    found = separator.classify(Traits("UDP", 1, CN, 2))
    said = [(priority, number) for number, priority in enumerate(priorities) if opinions[number] is not None]
    if said:
        number = min(said)[1]
        assert (found.word, found.source) == (opinions[number], f"source {number}")
    else:
        assert (found.word, found.source) == ("", "headers")
    assert found.first == Conversation("UDP", 1, CN, 2)


def test_the_applications_word_names_a_socket() -> None:
    words = ApplicationWord()
    words.say("UDP", 5004, "meeting")
    assert words.classify(Traits("UDP", 5004, CN, 9)) == words.classify(Traits("UDP", 5004, OTHER, 7)) == "meeting"
    assert words.classify(Traits("TCP", 5004, CN, 9)) is words.classify(Traits("UDP", 5005, CN, 9)) is None


def test_headers_tell_conversations_apart_and_flow_labels_join_them() -> None:
    assert by_headers(Traits("UDP", 1, CN, 2)) == ""
    ours, theirs = (by_headers(Traits("UDP", 1, CN, 2, way, flow_label=0xABC)) for way in (True, False))
    assert ours and theirs and ours != theirs, "each end chooses its own labels"
    assert by_headers(Traits("TCP", 7, CN, 8, flow_label=0xABC)) == ours
    assert by_headers(Traits("UDP", 1, CN, 2, flow_label=0xABD)) != ours


def test_a_learners_function_is_a_source() -> None:
    seen: list[Traits] = []
    source = Source(1, "your separator", lambda traits: seen.append(traits) or "mine")
    separator = DataFlowSeparator(FlowMappingTable(), [source])
    assert separator.classify(Traits("UDP", 1, CN, 2)).word == "mine" and seen == [Traits("UDP", 1, CN, 2)]


def test_what_can_be_seen_of_a_packet() -> None:
    options = HopByHopOptions((UnknownOption(5, b"\0\0"),)), DestinationOptions((UnknownOption(0x1E, b"x"),))
    marks = Marks(46 << 2 | 1, 0x12345, (*options, RoutingHeader(3, 0, bytes(4))))
    traits = traits_of(Conversation("UDP", 1, CN, 2), True, marks, "call")
    names = ("hop-by-hop options", "option 5", "destination options", "option 30", "routing header")
    assert traits == Traits("UDP", 1, CN, 2, True, 46, 0x12345, 0, names, "call")
    assert traits_of(Conversation("ESP", 0, CN, 77), False, NO_MARKS).spi == 77
