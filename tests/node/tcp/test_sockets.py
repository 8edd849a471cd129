"""Test TCP as a host runs it, over links that lose, reorder and double."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.sim.link import Link
from mipflow.wire import codec
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import TCP, Packet
from tests.node.nodes import Pair, Path, inject


@pytest.mark.parametrize("case", ["our SYN", "another SYN", "no port", "open"])
def test_port_unreachable_ends_only_a_connection_that_waits_for_its_syn(case: str) -> None:
    """RFC 9293 section 3.9.2.2 has it a hard error; RFC 5927 section 5.2 why an open connection does not heed it."""
    pair = Pair()
    if case == "open":
        Tcp.of(pair.b).listen(80, lambda socket: None)
        socket = Tcp.of(pair.a).connect(5, (pair.b.address, 80))
        pair.run(1)
    else:
        pair.segment.set_up(False)
        socket = Tcp.of(pair.a).connect(5, (pair.b.address, 80))
    sent = socket.connection.sender.initial_sequence + (case == "another SYN")
    about = codec.encode(Packet(pair.a.address, pair.b.address, TCP(5, 80, sent & 0xFFFF_FFFF, syn=True)))
    inject(pair.a, Packet(pair.b.address, pair.a.address, IcmpError(1, 3 if case == "no port" else 4, 0, about)))
    assert socket.connection.error == ("refused by the peer" if case == "our SYN" else None)


class Transfer:
    """`octets` from a to b over TCP; `got` is what arrived."""

    def __init__(self, pair: Pair, octets: int, port: int = 5) -> None:
        self.content = hashlib.shake_256(b"%d" % octets).digest(octets)
        self.got = bytearray()
        self.ended = False
        Tcp.of(pair.b).listen(port + 75, self.accept)
        self.socket = Tcp.of(pair.a).connect(port, (pair.b.address, port + 75), flow=1)
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


def test_a_closed_port_is_silent_for_ever() -> None:
    """A socket that its application has closed sends nothing more: no retransmission, no answer from a timer."""
    pair = Pair(Link(delay_ms=10))
    transfer = Transfer(pair, 50_000)
    pair.run(0.025)
    pair.a.close_port(5)
    pair.b.close_port(80)
    before = pair.network.clock.now
    pair.run(300)
    late = [hop for hop in pair.network.trace if hop.sent_ns > before + 30_000_000]
    assert late == [] and not transfer.ended
