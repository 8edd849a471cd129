"""Test that segments of no connection are answered by resets."""

from __future__ import annotations

import pytest

from mipflow.node.tcp.sockets import Tcp
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import TCP, UDP, Packet
from tests.node.nodes import Pair, Path, inject, listen


@pytest.mark.parametrize("where", ["host", "router"])
def test_tcp_to_a_closed_port_is_answered_by_a_reset_and_nothing_else(where: str) -> None:
    path = Path()
    asked = path.b.address if where == "host" else path.routers[0].address
    errors, resets = listen(path.a, IcmpError), listen(path.a, TCP)
    Tcp.of(path.a).connect(5, (asked, 80))
    path.run(10)
    assert errors == [] and [arrival.payload.rst for arrival in resets] == [True]
    assert Tcp.of(path.a).sockets[5, (asked, 80)].connection.error == "refused by the peer"


def test_a_connection_to_nobody_is_reset() -> None:
    pair = Pair()
    socket = Tcp.of(pair.a).connect(5, (pair.b.address, 80))
    pair.run(1)
    assert not socket.connection.is_open
    assert [type(hop.packet.payload).__name__ for hop in pair.network.trace] == ["TCP", "TCP"]
    assert pair.network.trace[1].packet.payload.rst  # type: ignore[attr-defined]


def test_nonsense_segments_are_answered_or_dropped() -> None:
    pair = Pair()
    for segment in (TCP(1, 2, 0, rst=True), TCP(1, 2, 5, ack=True), TCP(1, 2, 5, fin=True, syn=True, ack=True)):
        inject(pair.b, Packet(pair.a.address, pair.b.address, segment))
    inject(pair.b, Packet(pair.a.address, pair.b.address, UDP(1, 2)))
    pair.run(1)
    assert len([drop for drop in pair.drops if drop[0] == "B"]) == 4
