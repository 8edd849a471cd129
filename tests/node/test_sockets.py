"""Test sockets for UDP, echo and ESP, and the marks of all sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.node.sockets import EspSocket
from mipflow.node.tcp.sockets import Tcp
from mipflow.sim.link import Link
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import (
    ESP,
    NO_MARKS,
    TCP,
    UDP,
    FragmentHeader,
    HopByHopOptions,
    Marks,
    Opaque,
    Packet,
    UnknownOption,
)
from tests.node.nodes import Pair, Path, inject, listen


def test_udp_there_and_back() -> None:
    pair = Pair()
    far, near = pair.b.udp(9), pair.a.udp(5, (pair.b.address, 9), flow=3)
    got: list[bytes] = []
    far.on_datagram = lambda data: (got.append(data), far.send(data[::-1]))[0]
    near.on_datagram = got.append
    near.send(b"abc")
    pair.run(1)
    assert got == [b"abc", b"cba"]
    assert far.remote == (pair.a.address, 5) and far.local == pair.b.address


def test_a_socket_that_hears_everybody_answers_whoever_spoke_last() -> None:
    pair = Pair()
    far = pair.b.udp(9, flow=3, upward=False)
    answers: list[tuple[int, bytes]] = []
    far.on_datagram = lambda data: far.send(data)
    for port in (5, 6):
        socket = pair.a.udp(port, (pair.b.address, 9))
        socket.on_datagram = lambda data, port=port: answers.append((port, data))
        socket.send(b"from %d" % port)
        pair.run(1)
    assert answers == [(5, b"from 5"), (6, b"from 6")]


def test_datagrams_to_two_hosts_in_flows_of_the_same_number_share_a_header_each() -> None:
    """Each mobile node counts its flows from 1; what is kept of a header would grow with every packet otherwise."""
    path = Path(Link())
    hosts = path.b, path.routers[0]
    sockets = [path.a.udp(5 + place, (host.address, 9), flow=1) for place, host in enumerate(hosts)]
    for _ in range(3):
        for socket in sockets:
            socket.send(b"x")
    packets = [packet for packet in path.network.trace.packets if type(packet.payload) is UDP]
    assert [packet.destination for packet in packets] == [host.address for host in hosts] * 3
    assert len({packet.header for packet in packets}) == 2


def test_datagrams_of_a_socket_share_a_header_until_the_socket_says_otherwise() -> None:
    pair = Pair()
    pair.b.udp(9)
    socket = pair.a.udp(5, (pair.b.address, 9), flow=3)
    for marks in (NO_MARKS, NO_MARKS, MARKED, MARKED, NO_MARKS):
        socket.marks = marks
        socket.send(bytes(1000))
    pair.run(1)
    packets = pair.network.trace.packets
    assert packets[0].size is packets[1].size and packets[0].size == 1048  # one integer, which costs no memory
    first, second, third, fourth, last = (packet.header for packet in packets)
    assert first is second and third is fourth and len({first, third, last}) == 3
    assert [header.marks for header in (first, third, last)] == [NO_MARKS, MARKED, NO_MARKS]


def test_datagrams_of_any_size_have_the_size_of_their_octets() -> None:
    pair = Pair(Link(mtu=9000))
    got: list[int] = []
    pair.b.udp(9).on_datagram = lambda data: got.append(len(data))
    socket = pair.a.udp(5, (pair.b.address, 9))
    for octets in (0, 1999, 2000, 5000, 20_000):
        socket.send(bytes(octets))
    pair.run(1)
    assert got == [0, 1999, 2000, 5000, 20_000]
    assert all(packet.size == len(codec.encode(packet)) for packet in pair.network.trace.packets)


def test_packets_after_a_change_of_route_take_the_new_one() -> None:
    path = Path(Link())
    path.b.udp(9)
    socket = path.a.udp(5, (path.b.address, 9), flow=3)
    socket.send(b"x")
    path.run(1)
    path.a.path_mtu[path.b.address] = 1280
    path.a.forget_roads()
    socket.send(bytes(1300))
    socket.send(bytes(1300))
    path.run(1)
    left = [hop.packet for hop in path.network.trace if hop.channel.sender == "A"]
    assert [len(packet.extensions) for packet in left] == [0, 1, 1, 1, 1]  # in fragments
    assert path.network.meters[3].received == 3


def test_before_anybody_spoke_there_is_nobody_to_answer() -> None:
    pair = Pair()
    pair.b.udp(9).send(b"to whom?")
    pair.run(1)
    assert len(pair.network.trace) == 0


def test_ports_are_taken_once_and_free_again_after_closing() -> None:
    pair = Pair()
    pair.a.udp(9)
    Tcp.of(pair.a).listen(80, lambda socket: None)
    Tcp.of(pair.a).connect(5, (pair.b.address, 80))
    for again in (
        lambda: pair.a.udp(9),
        lambda: Tcp.of(pair.a).listen(80, print),
        lambda: Tcp.of(pair.a).connect(5, (pair.b.address, 80)),
    ):
        with pytest.raises(ProtocolMisuse, match="in use; choose another"):
            again()
    assert all(pair.a.has_port(port) for port in (5, 9, 80)) and not pair.a.has_port(6)
    for port in (5, 9, 80):
        pair.a.close_port(port)
        assert not pair.a.has_port(port)
    pair.a.udp(9)


def test_free_ports_are_ephemeral_and_differ() -> None:
    pair = Pair()
    ports = [pair.a.free_port() for _ in range(50)]
    assert len(set(ports)) == 50 and min(ports) >= 49152
    pair.a.udp(ports[-1] + 1)
    assert pair.a.free_port() != ports[-1] + 1, "one that was chosen by hand is not given out"


def test_a_datagram_to_a_port_without_a_listener_is_dropped() -> None:
    pair = Pair()
    pair.a.udp(5, (pair.b.address, 9)).send(b"x")
    pair.a.echo(7, pair.b.address)
    pair.run(1)
    assert pair.drops == [("B", "nobody listens on port 9 of B")]


@pytest.mark.parametrize("where", ["host", "router"])
def test_udp_to_a_closed_port_is_answered_by_port_unreachable(where: str) -> None:
    """RFC 4443 section 3.1, octet for octet; from the address that was asked (section 2.2 a)."""
    path = Path()
    asked = path.b.address if where == "host" else path.routers[0].interfaces["B's"].addresses[0]
    datagram = Packet(path.a.address, asked, UDP(5, 9, b"anybody?"))
    errors = listen(path.a, IcmpError)
    path.a.send(datagram.copy())
    path.run(1)
    ((error,),) = [errors]
    octets = codec.encode(error.packet)
    assert (error.source, error.destination) == (asked, path.a.address)
    assert octets[40:42] == bytes([1, 4]) and octets[44:48] == bytes(4)
    sent = bytearray(codec.encode(datagram))
    sent[7] -= where == "host"  # a router has passed it on
    assert octets[48:] == sent
    assert [reason for _, reason in path.drops] == [f"nobody listens on port 9 of {path.drops[0][0]}"]


@pytest.mark.parametrize("payload", [UDP(5, 9), TCP(5, 9, 1, syn=True)])
@pytest.mark.parametrize(
    ("source", "destination"),
    [(None, "ff02::1"), ("ff02::1", None), ("::", None), ("::1", None), ("own", None)],
)
def test_no_answer_where_rfc_4443_forbids_one(payload: Any, source: str | None, destination: str | None) -> None:
    """Section 2.4 (e.3, e.6), and RFC 9293 MUST-57 for resets."""
    pair = Pair()
    Tcp.of(pair.b).listen(10, lambda socket: None)
    before = len(pair.network.trace)
    of = pair.b.address if source == "own" else Address(source) if source else pair.a.address
    to = Address(destination) if destination else pair.b.address
    inject(pair.b, Packet(of, to, payload))
    inject(pair.b, Packet(of, to, TCP(5, 10, 1, syn=True))) if destination else None
    pair.run(5)
    assert len(pair.network.trace) == before


def test_answers_for_closed_ports_are_limited_in_rate() -> None:
    """RFC 4443 section 2.4 (f): ten at once, then ten a second."""
    pair = Pair()
    errors, socket = listen(pair.a, IcmpError), pair.a.udp(5, (pair.b.address, 9))
    for number in range(200):
        pair.network.clock.at(number * 10_000_000, lambda _: socket.send(b"x"))
    pair.run(3)
    assert 29 <= len(errors) <= 30 and len(pair.drops) == 200


def test_a_neighbor_is_told_from_the_link_local_address_that_it_asked() -> None:
    pair = Pair()
    near, far = pair.a.interfaces["eth0"], pair.b.interfaces["eth0"]
    errors = listen(pair.a, IcmpError)
    pair.a.send_link_local(UDP(5, 9), near.link_local, far.link_local, near)
    pair.run(1)
    assert [(error.source, error.destination) for error in errors] == [(far.link_local, near.link_local)]


@pytest.mark.parametrize("size", [1, 1400])
def test_a_socket_hears_of_the_errors_about_its_own_datagrams(size: int) -> None:
    """RFC 4443 section 2.4 (d); of a large one only the beginning comes back."""
    pair = Pair()
    mine, other, server = pair.a.udp(5, (pair.b.address, 9)), pair.a.udp(5, (pair.b.address, 10)), pair.a.udp(6)
    heard: list[tuple[str, IcmpError]] = []
    for name, socket in (("mine", mine), ("other", other), ("server", server)):
        socket.on_error = lambda error, name=name: heard.append((name, error))  # type: ignore[misc]
    mine.send(bytes(size))
    pair.run(1)
    inject(pair.a, Packet(pair.b.address, pair.a.address, UDP(7, 6)))  # from a port that is closed by now
    server.send(bytes(size))
    pair.run(1)
    assert [(name, error.is_port_unreachable) for name, error in heard] == [("mine", True), ("server", True)]


def test_no_socket_hears_errors_about_packets_that_were_not_sent() -> None:
    pair = Pair()
    socket = pair.a.udp(5, (pair.b.address, 9))
    heard: list[IcmpError] = []
    socket.on_error = heard.append
    about = codec.encode(Packet(pair.b.address, pair.b.address, UDP(5, 9)))  # not our address
    ports, header = Opaque(17, bytes([0, 5, 0, 9])), FragmentHeader(8, False, 1)
    piece = codec.encode(Packet(pair.a.address, pair.b.address, ports, extensions=(header,)))
    for octets in (about, piece, b"", about[:39], about[:40], about[:42], b"x" * 60):
        inject(pair.a, Packet(pair.b.address, pair.a.address, IcmpError(1, 4, 0, octets)))
    assert heard == []


# --- ESP that ends beyond the host ------------------------------------------------------------------------------------


def esp_pair(pair: Pair) -> tuple[EspSocket, EspSocket]:
    """A opens with SPI 0x111 towards itself and 0x222 towards B, which answers whoever speaks."""
    return pair.a.esp(0x111, 0x222, pair.b.address, 3), pair.b.esp(0x222, 0x111, None, -3)


def test_esp_there_and_back_under_another_spi_each_way_and_numbered() -> None:
    """RFC 4303 sections 2.1 and 2.2: four octets of SPI, four of sequence number, which begins with 1."""
    pair = Pair()
    near, far = esp_pair(pair)
    got: list[bytes] = []
    far.on_octets = lambda data: (got.append(data), far.send(data[::-1]))[0]
    near.on_octets = got.append
    for _ in range(2):
        near.send(b"sealed")
    pair.run(1)
    assert got == [b"sealed", b"sealed", b"delaes", b"delaes"]
    octets = [codec.encode(hop.packet) for hop in pair.network.trace]
    assert {packet[6] for packet in octets} == {50}
    assert [packet[40:48].hex() for packet in octets] == [
        "0000022200000001", "0000022200000002", "0000011100000001", "0000011100000002",
    ]  # fmt: skip
    assert far.remote == pair.a.address and far.local == pair.b.address
    assert pair.network.meters[3].received == pair.network.meters[-3].received == 2


def test_esp_answers_whoever_spoke_last_and_before_that_nobody() -> None:
    pair = Pair()
    far = pair.b.esp(0x222, 0x111, None)
    far.send(b"to whom?")
    pair.run(1)
    assert len(pair.network.trace) == 0
    third = pair.b.add_interface("eth1", 0xC).link_local
    for source in (pair.a.address, third):
        inject(pair.b, Packet(source, pair.b.address, Opaque(ESP, (0x222).to_bytes(4, "big") + bytes(12))))
        assert far.remote == source


def test_esp_with_an_spi_of_nobody_is_dropped() -> None:
    pair = Pair()
    near, _ = esp_pair(pair)
    pair.b.close_port(0x222)
    near.send(b"sealed")
    inject(pair.b, Packet(pair.a.address, pair.b.address, Opaque(ESP, b"sho")))
    pair.run(1)
    assert pair.drops == [("B", "Opaque is not handled by B")] * 2


def test_an_spi_is_taken_once_and_is_no_free_port_until_it_is_closed() -> None:
    pair = Pair()
    esp_pair(pair)
    with pytest.raises(ProtocolMisuse, match="ESP port 273 of A is in use; choose another") as caught:
        pair.a.esp(0x111, 5, None)
    assert caught.value.value == 0x111
    assert pair.a.has_port(0x111)
    pair.a.close_port(0x111)
    assert not pair.a.has_port(0x111)
    pair.a.esp(0x111, 5, None)


def test_a_host_expects_what_its_sockets_hear() -> None:
    pair = Pair()
    esp_pair(pair)
    spi = (0x111).to_bytes(4, "big")
    assert pair.a.expects(Opaque(ESP, spi + bytes(8)))
    assert not pair.a.expects(Opaque(ESP, bytes(8))) and not pair.a.expects(Opaque(132, spi)), "SCTP has no SPI"


# --- what a socket says in the IPv6 header ----------------------------------------------------------------------------

ALERT = HopByHopOptions((UnknownOption(5, b"\0\0"),))
MARKED = Marks(46 << 2 | 1, 0xABCDE, (ALERT,))


@pytest.mark.parametrize("kind", ["UDP", "TCP", "echo", "ESP"])
def test_the_marks_of_a_socket_are_in_the_octets_of_what_it_sends(kind: str) -> None:
    """RFC 8200 section 3: version, traffic class and flow label in the first word; section 4.3: next header 0."""
    pair = Pair()
    near, far = pair.a, pair.b.address
    Tcp.of(pair.b).listen(80, lambda accepted: None)
    sockets: dict[str, Callable[[], Any]] = {
        "UDP": lambda: near.udp(5, (far, 9)), "TCP": lambda: Tcp.of(near).connect(5, (far, 80)),
        "echo": lambda: near.echo(7, far), "ESP": lambda: near.esp(1, 2, far),
    }  # fmt: skip
    socket = sockets[kind]()
    pair.run(1)
    count = len(pair.network.trace)
    assert socket.marks is NO_MARKS
    assert all(codec.encode(hop.packet)[:4].hex() == "60000000" for hop in pair.network.trace)
    socket.marks = MARKED
    if kind == "TCP":
        socket.write(b"x")
    else:
        socket.send(*[1] * (kind == "echo"), b"x")
    pair.run(1)
    (octets,) = [codec.encode(hop.packet) for hop in list(pair.network.trace)[count:] if hop.channel.sender == "A"]
    assert octets[:4].hex() == "6b9abcde", "6, then 46 << 2 | 1 = 0xb9, then the flow label"
    assert octets[6] == 0 and octets[42:46].hex() == "05020000"


def test_a_socket_that_answers_has_its_own_marks() -> None:
    pair = Pair()
    far, near = pair.b.udp(9), pair.a.udp(5, (pair.b.address, 9))
    near.marks, far.on_datagram = MARKED, lambda data: far.send(data)
    near.send(b"x")
    pair.run(1)
    there, back = pair.network.trace
    assert (there.packet.traffic_class, there.packet.flow_label, there.packet.extensions) == MARKED
    assert (back.packet.traffic_class, back.packet.flow_label, back.packet.extensions) == NO_MARKS


def test_an_atomic_fragment_is_whole() -> None:
    """RFC 8200 section 4.5: a fragment header with offset zero and no more to come; ports stand behind it."""
    pair = Pair()
    got: list[bytes] = []
    pair.b.udp(9).on_datagram = got.append
    socket = pair.a.udp(5, (pair.b.address, 9))
    socket.marks = Marks(extensions=(FragmentHeader(0, False, 7),))
    socket.send(b"whole")
    pair.run(1)
    assert got == [b"whole"] and codec.encode(pair.network.trace[0].packet)[6] == 44


def test_hop_by_hop_options_stand_in_front_of_the_fragment_header_of_each_piece() -> None:
    """RFC 8200 section 4.5: they are among the per-fragment headers, and every node on the way looks at them."""
    pair = Pair(Link(mtu=1280))
    got: list[bytes] = []
    pair.b.udp(9).on_datagram = got.append
    socket = pair.a.udp(5, (pair.b.address, 9))
    socket.marks = MARKED
    socket.send(bytes(range(250)) * 10)
    pair.run(1)
    pieces = [codec.encode(hop.packet) for hop in pair.network.trace]
    assert got == [bytes(range(250)) * 10]
    assert len(pieces) == 3 and all(len(piece) <= 1280 for piece in pieces)
    assert [(piece[6], piece[40], piece[48]) for piece in pieces] == [(0, 44, 17)] * 3
