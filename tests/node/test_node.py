"""The work of every node: header chains, unknown options, errors, echo, roads."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import TopologyError
from mipflow.node.host import Host
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire import codec
from mipflow.wire.address import ALL_NODES, UNSPECIFIED, Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest, IcmpError, UnknownIcmp
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import (
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
from tests.node.nodes import Pair, Path, inject, listen

HOME = Address("2001:db8::77")
HARMLESS = UnknownOption(0x1E, b"\0\0")


def heard(pair: Pair, packet: Packet) -> tuple[bool, list[IcmpError]]:
    """Did UDP see the packet at b, and which errors came back to a?"""
    got: list[bytes] = []
    pair.b.udp(9).on_datagram = got.append
    errors = listen(pair.a, IcmpError)
    pair.a.send(packet)
    pair.run(1)
    return bool(got), [arrival.packet.payload for arrival in errors]  # type: ignore[misc]


HEADERS = [
    HopByHopOptions((HARMLESS,)), DestinationOptions((HARMLESS,)), RoutingHeader(0, 0, bytes(4)),
    RoutingHeaderType2(Address("2001:db8::9"), 0), FragmentHeader(0, False, 7),
]  # fmt: skip


@pytest.mark.parametrize("headers", list(itertools.permutations(HEADERS[1:4], 3)))
def test_extension_headers_in_any_order(headers: tuple[object, ...]) -> None:
    pair = Pair()
    packet = Packet(pair.a.address, pair.b.address, UDP(5, 9, b"x"), extensions=(HEADERS[0], *headers))  # type: ignore[arg-type]
    assert heard(pair, packet) == (True, [])


def test_headers_behind_an_atomic_fragment_header_are_processed() -> None:
    """RFC 8200 section 4.5: a fragment header with offset 0 and no more fragments is no fragment."""
    refused = DestinationOptions((UnknownOption(0x40, b""),))
    for behind, arrives in (((HEADERS[1],), True), ((refused,), False), ((), True)):
        pair = Pair()
        packet = Packet(pair.a.address, pair.b.address, UDP(5, 9, b"x"), extensions=(HEADERS[4], *behind))
        assert heard(pair, packet) == (arrives, [])


@pytest.mark.parametrize("header", [HopByHopOptions, DestinationOptions])
@pytest.mark.parametrize(
    ("kind", "arrives", "error"), [(0x1E, True, False), (0x5E, False, False), (0x9E, False, True), (0xDE, False, True)]
)
def test_unknown_options_by_their_top_bits(header: type, kind: int, arrives: bool, error: bool) -> None:
    pair = Pair()
    option = UnknownOption(kind, b"ab")
    packet = Packet(pair.a.address, pair.b.address, UDP(5, 9, b"x"), extensions=(header((HARMLESS, option)),))
    got, errors = heard(pair, packet)
    assert got is arrives
    assert [(e.type, e.code) for e in errors] == ([(4, 2)] if error else [])
    assert len(pair.drops) == (not arrives)


def test_a_parameter_problem_points_at_the_option() -> None:
    """RFC 4443 section 3.4: the pointer is the octet of the invoking packet at which the option type stands."""
    pair = Pair()
    headers = (
        HopByHopOptions((HARMLESS,)),
        DestinationOptions((UnknownOption(0x1E, b"abcd"), UnknownOption(0xDE, b""))),
    )
    _, (error,) = heard(pair, Packet(pair.a.address, pair.b.address, UDP(5, 9, b"x"), extensions=headers))
    assert error.invoking[error.parameter] == 0xDE


def test_an_unknown_option_on_a_multicast_is_told_of_with_top_bits_10_only() -> None:
    """RFC 8200 section 4.2: 10 "regardless of whether or not", 11 "only if" the destination was no multicast."""
    for option, told in ((UnknownOption(0x9E, b""), 1), (UnknownOption(0xDE, b""), 0), (HomeAddressOption(HOME), 0)):
        pair = Pair()
        packet = Packet(pair.a.address, ALL_NODES, UDP(5, 9), extensions=(DestinationOptions((option,)),))
        seen = listen(pair.a, IcmpError)
        inject(pair.b, packet)
        pair.run(1)
        assert [(a.packet.payload.type, a.packet.payload.code) for a in seen] == [(4, 2)] * told  # type: ignore[attr-defined]
        assert len(pair.drops) == 1


@pytest.mark.parametrize(("segments_left", "arrives"), [(0, True), (1, False)])
def test_a_routing_header_of_another_type(segments_left: int, arrives: bool) -> None:
    pair = Pair()
    if segments_left:
        packet = Packet(
            pair.a.address, pair.b.address, Opaque(17, bytes(8)), extensions=(RoutingHeader(9, 1, bytes(4)),)
        )
    else:
        packet = Packet(pair.a.address, pair.b.address, UDP(5, 9, b"x"), extensions=(RoutingHeader(9, 0, bytes(4)),))
    got, errors = heard(pair, packet)
    assert got is arrives
    assert [(e.type, e.code, e.parameter) for e in errors] == ([] if arrives else [(4, 0, 42)])


@pytest.mark.parametrize("payload", [UDP(5, 9), BindingUpdate(1)])
def test_a_node_without_mobile_ip_knows_no_home_address_option(payload: object) -> None:
    pair = Pair()
    option = DestinationOptions((HomeAddressOption(Address("2001:db8::77")),))
    packet = Packet(pair.a.address, pair.b.address, payload, extensions=(option,))  # type: ignore[arg-type]
    got, errors = heard(pair, packet)
    assert not got
    (error,) = errors
    assert (error.type, error.code) == (4, 2)
    assert error.invoking[error.parameter] == 0xC9, "the pointer is at the option's type"


def test_a_node_without_mobile_ip_knows_no_mobility_header() -> None:
    """RFC 4443 section 3.4 code 1: the pointer is at the next header field that nobody knows."""
    pair = Pair()
    _, errors = heard(pair, Packet(pair.a.address, pair.b.address, BindingUpdate(1)))
    assert [(e.type, e.code) for e in errors] == [(4, 1)]
    assert errors[0].invoking[errors[0].parameter] == 135


def test_a_node_without_tunnels_knows_no_packet_in_a_packet() -> None:
    """RFC 4443 section 3.4 code 1: next header 41 is one that it does not recognise. The flow's meter counts a loss."""
    pair = Pair()
    inner = Packet(HOME, pair.b.address, UDP(5, 9, b"x"), label=3)
    got, errors = heard(pair, Packet(pair.a.address, pair.b.address, inner, label=3))
    assert not got and [(e.type, e.code) for e in errors] == [(4, 1)]
    assert errors[0].invoking[errors[0].parameter] == 41
    assert pair.network.meters[3].lost == 1


def test_hop_by_hop_options_anywhere_but_first_are_an_unrecognised_next_header() -> None:
    """RFC 8200 section 4.1: they stand directly behind the IPv6 header; section 4: else parameter problem, code 1."""
    octets = bytearray(codec.encode(Packet(Pair().a.address, Pair().b.address, UDP(5, 9), extensions=(HEADERS[1],))))
    octets[40] = 0  # behind the destination options: "hop-by-hop options"
    pair = Pair()
    got, errors = heard(pair, codec.decode(bytes(octets)))
    assert not got and [(e.type, e.code, e.parameter) for e in errors] == [(4, 1, 40)]


# --- errors about errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "destination", "payload"),
    [
        (UNSPECIFIED, None, UDP(1, 2)), (None, ALL_NODES, UDP(1, 2)), (None, None, IcmpError(1, 0, 0, bytes(48))),
        (ALL_NODES, None, UDP(1, 2)), (None, None, UnknownIcmp(100, 0, b"")), (None, None, UnknownIcmp(137, 0, b"")),
    ],
)  # fmt: skip
def test_no_error_about_errors_multicast_or_nobody(
    source: Address | None, destination: Address | None, payload: object
) -> None:
    pair = Pair()
    seen = listen(pair.a, IcmpError)
    packet = Packet(pair.a.address if source is None else source, destination or pair.b.address, payload)  # type: ignore[arg-type]
    pair.b.send_error(packet, 1, 0, 0)
    pair.run(1)
    assert seen == []


def test_a_packet_too_big_may_be_about_a_multicast() -> None:
    """RFC 4443 section 2.4 (e.3): path MTU discovery is for multicast too."""
    pair = Pair()
    seen = listen(pair.a, IcmpError)
    pair.b.send_error(Packet(pair.a.address, Address("ff0e::1"), UDP(1, 2)), 2, 0, 1280)
    pair.run(1)
    assert len(seen) == 1


def test_errors_are_limited_in_rate_by_a_token_bucket() -> None:
    """RFC 4443 section 2.4 (f): ten at once, then ten a second; and it can be set."""
    for bucket, most in ((None, 10 + 20), (TokenBucket(2, 1), 1 + 4)):
        pair = Pair()
        pair.b.error_limit = bucket or pair.b.error_limit
        errors = listen(pair.a, IcmpError)
        for number in range(200):
            at = number * 10_000_000
            packet = Packet(pair.a.address, pair.b.address, Opaque(200, b"12345678"))
            pair.network.clock.at(at, pair.a.send, packet)
        pair.run(3)
        assert most - 1 <= len(errors) <= most
        assert len(pair.drops) == 200, "what is not told of is dropped all the same"


def test_an_error_carries_what_invoked_it_up_to_the_minimum_mtu() -> None:
    path = Path()
    errors = listen(path.a, IcmpError)
    packet = Packet(path.a.address, Address("2001:db8:99::1"), UDP(1, 2, bytes(1400)))
    octets = codec.encode(packet)
    path.a.send(packet)
    path.run(1)
    (arrival,) = errors
    assert arrival.packet.size == 1280
    invoking = arrival.packet.payload.invoking  # type: ignore[attr-defined]
    assert invoking[:7] + invoking[8:] == octets[:7] + octets[8 : len(invoking)], "all but the hop limit"


# --- echo ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=100))
def test_echo(identifier: int, sequence: int, data: bytes) -> None:
    pair = Pair()
    replies: list[tuple[int, bytes]] = []
    socket = pair.a.echo(identifier, pair.b.address)
    socket.on_reply = lambda number, reply: replies.append((number, reply))
    socket.send(sequence, data)
    pair.run(1)
    assert replies == [(sequence, data)]


def test_echo_to_a_group_is_answered_from_an_own_address() -> None:
    pair = Pair()
    seen = listen(pair.a, EchoReply)
    pair.a.interfaces["eth0"].multicast(Packet(pair.a.address, ALL_NODES, EchoRequest(1, 2)))
    pair.run(1)
    assert [arrival.source for arrival in seen] == [pair.b.address]


# --- other things ----------------------------------------------------------------------------------------------------


def test_a_packet_for_somebody_else_is_dropped() -> None:
    pair = Pair()
    inject(pair.b, Packet(pair.a.address, Address("2001:db8::99"), UDP(1, 2)))
    assert pair.drops == [("B", "2001:db8::99 is not an address of B")]


def test_without_a_way_a_packet_is_dropped_with_its_destination() -> None:
    pair = Pair()
    pair.a.transmit(UDP(1, 2), None, Address("2001:db8:77::1"), 3)
    assert pair.drops == [("A", "no way to 2001:db8:77::1")]
    assert (pair.network.meters[3].sent, pair.network.meters[3].lost) == (1, 1)


def test_a_payload_that_nobody_handles() -> None:
    pair = Pair()
    pair.a.send(Packet(pair.a.address, pair.b.address, Opaque(200, b"12345678")))
    pair.run(1)
    ((node, reason),) = pair.drops
    assert node == "B" and "Opaque" in reason


def test_a_node_without_an_address_says_so() -> None:
    with pytest.raises(TopologyError, match="A has no global address yet"):
        Host(Network(), "A").address  # noqa: B018
    with pytest.raises(TopologyError, match="has an interface 'eth0' already"):
        Pair().a.add_interface("eth0", 1)


def test_a_packet_that_arrived_and_was_then_refused_counts_once() -> None:
    """Received and lost together never exceed sent: here nobody listens, over UDP, echo and at a router."""
    path = Path()
    meter = path.network.meters[1]
    for payload, destination in (
        (UDP(5, 9), path.b.address), (EchoReply(77, 1), path.b.address), (UDP(5, 9), path.routers[0].address),
    ):  # fmt: skip
        path.a.transmit(payload, None, destination, 1)
    path.run(1)
    assert len(path.drops) == 3, "and each is a drop in the trace"
    assert (meter.sent, meter.received + meter.lost, meter.in_flight) == (3, 3, 0)


def test_an_access_link_that_goes_down_changes_the_roads() -> None:
    """Whoever caches a road is told when a segment goes down or up, as when an interface does."""
    pair = Pair()
    told: list[str] = []
    pair.network.on_change(lambda: told.append("changed"))
    pair.segment.set_up(False)
    pair.segment.set_up(True)
    assert told == ["changed", "changed"]


def test_a_link_that_becomes_slower_changes_the_shortest_path() -> None:
    path = Path(Link(delay_ms=3))
    path.network.segments["R1-R2"].configure(Link(delay_ms=30))
    assert path.network.graph.edges["R1", "R2"]["delay_ms"] == 30
