"""The table of TCP connections: as the segments on the wire have it, and looked up by a function of somebody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mipflow.errors import FunctionFailed
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.node.tcp.table import CONNECTIONS, ConnectionRow, ConnectionTable, Segment
from mipflow.sim.trace import Decided, TableChanged
from mipflow.wire.packet import TCP
from tests.node.nodes import Pair


def right(table: list[ConnectionRow], segment: Segment) -> ConnectionRow | None:
    for row in table:
        ends = row.remote, row.remote_port, row.local, row.local_port
        if ends == (segment.source, segment.source_port, segment.destination, segment.destination_port):
            return row
    return None


class Served:
    """B serves on port 80 and counts what it gets; A connects."""

    def __init__(self, lookup: Callable[..., Any] | None = None) -> None:
        self.pair = Pair()
        self.table = ConnectionTable(self.pair.b, lookup)
        self.got: list[bytes] = []
        self.accepted: list[TcpSocket] = []
        Tcp.of(self.pair.b).listen(80, self.accept)

    def accept(self, socket: TcpSocket) -> None:
        self.accepted.append(socket)
        socket.on_data = self.got.append

    def connect(self, port: int) -> TcpSocket:
        socket = Tcp.of(self.pair.a).connect(port, (self.pair.b.address, 80))
        self.pair.run(1)
        return socket

    def write(self, socket: TcpSocket, data: bytes) -> None:
        socket.write(data)
        self.pair.run(1)

    @property
    def rows(self) -> list[tuple[object, ...]]:
        tables = self.pair.network.trace.tables(self.pair.network.clock.now)
        return [tuple(row.values()) for row in tables.get("B", {}).get(CONNECTIONS, {}).values()]


@pytest.mark.parametrize("lookup", [None, right])
def test_rows_are_the_four_numbers_of_the_segments(lookup: Callable[..., Any] | None) -> None:
    served = Served(lookup)
    sockets = [served.connect(port) for port in (5000, 5001)]
    for number, socket in enumerate(sockets):
        served.write(socket, b"%d" % number)
    packets = [packet for packet in served.pair.network.trace.packets if isinstance(packet.payload, TCP)]
    syns = [packet for packet in packets if packet.payload.syn and not packet.payload.ack]
    on_the_wire = [
        (0, str(p.destination), p.payload.destination_port, str(p.source), p.payload.source_port) for p in syns
    ]
    assert served.rows == on_the_wire and len(on_the_wire) == 2
    assert served.got == [b"0", b"1"] and not served.pair.drops


def test_a_connection_that_is_reset_or_closed_leaves_the_table() -> None:
    served = Served()
    one, other = served.connect(5000), served.connect(5001)
    one.abort()
    served.pair.run(1)
    assert [row[-1] for row in served.rows] == [5001] and other.connection.is_open
    served.pair.b.close_port(80)
    served.write(other, b"x")
    assert served.rows == []


def test_each_look_up_is_told_with_its_row() -> None:
    served = Served(right)
    served.connect(5000)
    told = [r.why for r in served.pair.network.trace.records if isinstance(r, Decided) and r.what == "lookup"]
    near = served.pair.a.address
    assert told == [
        f"the segment of {near}, port 5000, to port 80 gets no row",
        f"the segment of {near}, port 5000, to port 80 gets the row of {near}, port 5000, at port 80",
    ]


def test_a_function_that_finds_no_row_resets_every_connection() -> None:
    served = Served(lambda table, segment: None)
    socket = served.connect(5000)
    served.write(socket, b"x")
    assert served.got == [] and socket.connection.error == "reset by the peer"


def test_a_function_that_gives_the_first_row_mixes_two_connections() -> None:
    served = Served(lambda table, segment: table[0] if table else None)
    first, second = served.connect(5000), served.connect(5001)
    served.write(first, b"x")
    assert served.got == [b"x"] and len(served.accepted) == 1
    assert not second.connection.is_open


def test_packets_go_where_a_function_writes_into_a_row() -> None:
    def follows(table: list[ConnectionRow], segment: Segment) -> ConnectionRow | None:
        row = right(table, segment)
        if row is None and not segment.syn and table:
            row = table[0]
            row.remote = segment.source
        return row

    served = Served(follows)
    socket = served.connect(5000)
    interface = served.pair.a.interfaces["eth0"]
    interface.remove_address(served.pair.a.address)
    there = served.pair.network.prefix_of(served.pair.segment)
    assert there is not None
    interface.add_address(there.address(0xC))
    socket.local = interface.address
    served.write(socket, b"x")
    assert served.got == [b"x"] and served.rows[0][3] == str(interface.address)
    served.accepted[0].write(b"y")
    served.pair.run(1)
    assert not served.pair.drops


def test_nonsense_in_a_row_moves_nothing() -> None:
    def odd(table: list[ConnectionRow], segment: Segment) -> ConnectionRow | None:
        row = right(table, segment)
        if row is not None:
            row.remote_port, row.local = 7, "nowhere"
        return row

    served = Served(odd)
    served.connect(5000)
    served.accepted[0].write(b"y")
    served.pair.run(5)
    assert served.accepted[0].connection.error is None


def test_octets_that_are_sent_again_are_noted_in_the_trace() -> None:
    served = Served()
    socket = served.connect(5000)
    served.write(socket, b"abc")
    served.accepted[0].write(b"12345")
    served.pair.run(1)
    served.pair.segment.set_up(False)
    served.accepted[0].write(b"6789")
    served.pair.run(4)
    told = [(r.t_ns, r.why) for r in served.pair.network.trace.records if isinstance(r, Decided)]
    assert [why for _, why in told] == ["octets 6 to 9, which nobody has confirmed"] * 2
    assert round((told[1][0] - told[0][0]) / 1e9, 3) == 2.0


def test_a_function_that_fails_is_told_once_and_asked_no_more() -> None:
    asked: list[Segment] = []

    def fails(table: list[ConnectionRow], segment: Segment) -> None:
        asked.append(segment)
        raise FunctionFailed("your tcp_lookup() raised KeyError")

    served = Served(fails)
    served.connect(5000)
    served.pair.run(10)
    assert len(asked) == 1 and len(served.pair.drops) > 1
    assert {reason for _, reason in served.pair.drops} == {"your tcp_lookup() raised KeyError"}
    told = [r for r in served.pair.network.trace.records if isinstance(r, Decided) and r.what == "function failed"]
    assert len(told) == 1 and served.table.failed == told[0].why


def test_a_row_changes_in_the_trace_only_when_it_does() -> None:
    served = Served()
    socket = served.connect(5000)
    for _ in range(5):
        served.write(socket, b"x")
    changes = [r for r in served.pair.network.trace.records if isinstance(r, TableChanged)]
    assert len(changes) == 1
