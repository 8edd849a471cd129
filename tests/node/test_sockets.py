"""Sockets: UDP, echo, and TCP as a host runs it: every byte over links that lose, reorder and double."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.node.sockets import TcpSocket
from mipflow.sim.link import Link
from mipflow.wire.packet import TCP, UDP, Packet
from tests.node.nodes import Pair, Path, inject


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


def test_before_anybody_spoke_there_is_nobody_to_answer() -> None:
    pair = Pair()
    pair.b.udp(9).send(b"to whom?")
    pair.run(1)
    assert len(pair.network.trace) == 0


def test_ports_are_taken_once_and_free_again_after_closing() -> None:
    pair = Pair()
    pair.a.udp(9)
    pair.a.tcp_listen(80, lambda socket: None)
    pair.a.tcp_connect(5, (pair.b.address, 80))
    for again in (
        lambda: pair.a.udp(9),
        lambda: pair.a.tcp_listen(80, print),
        lambda: pair.a.tcp_connect(5, (pair.b.address, 80)),
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


def test_nobody_listens() -> None:
    pair = Pair()
    pair.a.udp(5, (pair.b.address, 9)).send(b"x")
    pair.a.echo(7, pair.b.address)
    pair.run(1)
    assert pair.drops == [("B", "nobody listens on port 9 of B")]


class Transfer:
    """`octets` from a to b over TCP; `got` is what arrived."""

    def __init__(self, pair: Pair, octets: int, port: int = 5) -> None:
        self.content = hashlib.shake_256(b"%d" % octets).digest(octets)
        self.got = bytearray()
        self.ended = False
        pair.b.tcp_listen(port + 75, self.accept)
        self.socket = pair.a.tcp_connect(port, (pair.b.address, port + 75), flow=1)
        self.socket.write(self.content)
        self.socket.close()

    def accept(self, socket: TcpSocket) -> None:
        def end() -> None:
            self.ended = True
            socket.close()

        socket.on_data, socket.on_end = self.got.extend, end

    def check(self) -> None:
        assert bytes(self.got) == self.content
        assert self.ended


@pytest.mark.parametrize("octets", [1, 1400, 200_000])
def test_every_octet_over_a_clean_path(octets: int) -> None:
    path = Path(Link(delay_ms=20, rate_bps=10_000_000))
    transfer = Transfer(path, octets)
    path.run(120)
    transfer.check()
    assert path.drops == []


@settings(max_examples=12)
@given(
    st.floats(0, 0.15),
    st.floats(0, 0.2),
    st.floats(0, 8),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from([None, 4000, 20000]),
)
def test_every_octet_over_links_that_lose_double_and_reorder(
    loss: float, duplication: float, jitter_ms: float, reorder: bool, seed: int, queue: int | None
) -> None:
    link = Link(
        5, 5_000_000, queue_bytes=queue, loss=loss, duplication=duplication, jitter_ms=jitter_ms, reorder=reorder
    )
    path = Path(link, seed=seed)
    transfer = Transfer(path, 60_000)
    path.run(900)
    transfer.check()


def test_two_connections_share_a_link_fairly_enough_and_both_end() -> None:
    path = Path(Link(delay_ms=10, rate_bps=2_000_000, queue_bytes=30_000))
    one, other = Transfer(path, 150_000, 5), Transfer(path, 150_001, 6)
    path.run(60)
    one.check()
    other.check()


def test_a_connection_to_nobody_is_reset() -> None:
    pair = Pair()
    socket = pair.a.tcp_connect(5, (pair.b.address, 80))
    pair.run(1)
    assert not socket.connection.is_open
    assert [type(hop.packet.payload).__name__ for hop in pair.network.trace] == ["TCP", "TCP"]
    assert pair.network.trace[1].packet.payload.rst  # type: ignore[attr-defined]


def test_a_closed_port_is_silent_for_ever() -> None:
    """What an application has closed sends nothing more: no retransmission, no answer from a timer."""
    pair = Pair(Link(delay_ms=10))
    transfer = Transfer(pair, 50_000)
    pair.run(0.025)
    pair.a.close_port(5)
    pair.b.close_port(80)
    before = pair.network.clock.now
    pair.run(300)
    late = [hop for hop in pair.network.trace if hop.sent_ns > before + 30_000_000]
    assert late == [] and not transfer.ended


def test_nonsense_segments_are_answered_or_dropped() -> None:
    pair = Pair()
    for segment in (TCP(1, 2, 0, rst=True), TCP(1, 2, 5, ack=True), TCP(1, 2, 5, fin=True, syn=True, ack=True)):
        inject(pair.b, Packet(pair.a.address, pair.b.address, segment))
    inject(pair.b, Packet(pair.a.address, pair.b.address, UDP(1, 2)))
    pair.run(1)
    assert len([drop for drop in pair.drops if drop[0] == "B"]) == 4
