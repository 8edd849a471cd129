"""The table of TCP connections of a host, which a learner's function may look up.

It is put into a host beside its sockets, which do the work; a host without it finds its connections by itself. It sees
arriving and leaving segments; it writes rows for pictures into the trace, and notes when TCP sends something again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mipflow.errors import FunctionFailed, ProtocolMisuse, WireError
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.tcp.connection import State
from mipflow.node.tcp.send import SEQUENCE_MASK
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.sim.trace import Change, Row
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, TCP, Marks, Sized

CONNECTIONS = "TCP connections"
"""The name of the table in the trace."""


@dataclass(slots=True)
class ConnectionRow:
    """A connection as its host knows it (RFC 9293 section 3.3.1): addresses as text, `local` the host's own end."""

    local: str
    local_port: int
    remote: str
    remote_port: int


@dataclass(slots=True, frozen=True)
class Segment:
    """The addresses, as text, and ports of a segment that arrives. syn: it opens a connection."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    syn: bool = False


Lookup = Callable[[list[ConnectionRow], Segment], ConnectionRow | None]


class ConnectionTable:
    """The connections of a host. `lookup(table, segment)` finds the row that a segment belongs to, None for none. It
    may raise FunctionFailed and is then asked no more: segments that arrive later are dropped, with the reason.
    """

    def __init__(self, host: Host, lookup: Lookup | None = None) -> None:
        self.failed = ""
        """The failure of the function, in words."""
        self._host, self._tcp, self._lookup = host, Tcp.of(host), lookup
        self._rows: dict[TcpSocket, ConnectionRow] = {}
        self._shown: dict[str, Row] = {}
        self._sent: dict[tuple[int, Address, int], tuple[int, int]] = {}
        """Local port, remote address and port -> the number of the first octet sent there, and the count of octets."""
        self._usual, self._transmit = host.handlers[TCP], host.transmit
        host.handlers[TCP] = self._arrived
        host.transmit = self._send

    def _arrived(self, arrival: Arrival) -> None:
        if self._lookup is None:
            self._usual(arrival)
        else:
            self._look_up(arrival, self._lookup)
        self._record()

    def _look_up(self, arrival: Arrival, lookup: Lookup) -> None:
        payload: TCP = arrival.payload
        ends = str(arrival.source), payload.source_port, str(arrival.destination), payload.destination_port
        row = None
        if not self.failed:
            try:
                row = lookup(list(self._rows.values()), Segment(*ends, payload.syn))
            except FunctionFailed as error:
                self.failed = str(error)
                self._host.decided("function failed", self.failed)
        if self.failed:
            self._host.drop(arrival.packet, self.failed, is_received=True)
            return
        for socket, each in self._rows.items():
            with suppress(ProtocolMisuse, WireError):  # the function may have written into it: packets go there now
                socket.remote = Address(each.remote), each.remote_port
        found = next((socket for socket, each in self._rows.items() if each is row), None)
        whose = "no row"
        if row is not None:
            whose = f"the row of {row.remote}, port {row.remote_port}, at port {row.local_port}"
        self._host.decided("lookup", f"the segment of {ends[0]}, port {ends[1]}, to port {ends[3]} gets {whose}")
        if found is None:
            self._tcp.unconnected(arrival)
        else:
            found.receive(payload)

    def _send(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        if isinstance(payload, TCP) and payload.payload:
            ends = payload.source_port, destination, payload.destination_port
            first, sent = self._sent.get(ends, (payload.sequence, 0))
            begin = (payload.sequence - first) & SEQUENCE_MASK
            end = begin + len(payload.payload)
            if begin < sent:
                self._host.decided("sent again", f"octets {begin + 1} to {end}, which nobody has confirmed")
            self._sent[ends] = first, max(end, sent)
        self._transmit(payload, source, destination, label, marks)
        self._record()

    def _record(self) -> None:
        """Put rows that came, changed or went into the trace."""
        for each in dict.fromkeys((*self._rows, *self._tcp.sockets.values())):
            if each.is_forgotten or each.connection.state is State.CLOSED:
                self._rows.pop(each, None)
            elif each not in self._rows and each.local is not None:
                self._rows[each] = ConnectionRow(str(each.local), each.port, str(each.remote[0]), each.remote[1])
        now = {str(number): _plain(*each) for number, each in enumerate(self._rows.items(), start=1)}
        changes = [
            Change(CONNECTIONS, key, self._shown.get(key), now.get(key))
            for key in dict.fromkeys((*self._shown, *now)) if self._shown.get(key) != now.get(key)
        ]  # fmt: skip
        self._shown = now
        if changes:
            self._host.record(changes)


def _plain(socket: TcpSocket, row: ConnectionRow) -> Row:
    return {
        "flow_id": abs(socket.label), "local_address": row.local, "local_port": row.local_port,
        "remote_address": row.remote, "remote_port": row.remote_port,
    }  # fmt: skip
