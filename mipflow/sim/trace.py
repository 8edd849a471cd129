"""The trace, the one log of a network: every packet-hop in columns, everything else as small typed records.

It takes the reports of links and nodes; it gives hops by number, records in order, tables at any past moment and a
digest. Animation, ladder, timeline, tables, captures and checks all read it.
"""

from __future__ import annotations

import hashlib
import warnings
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral
from struct import Struct
from sys import byteorder
from typing import Any, Literal, NamedTuple, Protocol, get_args

from mipflow.arguments import check, number, one_of
from mipflow.errors import ProtocolMisuse, shown
from mipflow.sim.clock import Unique
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import ESP, SIGNALLING_PORTS, TCP, UDP, Opaque, Packet

Mode = Literal["all", "control", "off"]
LOST = -1
"""`arrived_ns` of a hop whose packet the link lost."""
WARN_AT_HOPS = 5_000_000

ROW = Struct("<qqqIB")

Row = Mapping[str, object]
"""A table row as plain named values: numbers, text, addresses as text."""
Tables = dict[str, dict[str, dict[str, Row]]]
"""Node -> table -> key -> row."""
KEEP_EVERY = 4096
"""Records between two states of the tables that are kept."""


class Change(NamedTuple):
    """One table operation: `before` is None for a new row, `after` is None for a removed one."""

    table: str
    key: str
    before: Row | None
    after: Row | None


class ChannelName(NamedTuple):
    """The name of one direction of a link: segment, and both ends with their interfaces."""

    segment: str
    sender: str
    sender_interface: str
    receiver: str
    receiver_interface: str


class Hop(NamedTuple):
    """One packet on one link. Times in nanoseconds: handed to the link, first bit sent, arrived (LOST if it did not).
    """

    number: int
    sent_ns: int
    started_ns: int
    arrived_ns: int
    channel: ChannelName
    hop_limit: int
    packet: Packet


class TableChanged(NamedTuple):
    """A change of a table of `node`: a row came, changed or went."""

    t_ns: int
    node: str
    change: Change

    def apply(self, tables: Tables) -> None:
        """Bring `tables` up to date."""
        rows = tables.setdefault(self.node, {}).setdefault(self.change.table, {})
        if self.change.after is None:
            rows.pop(self.change.key, None)
        else:
            rows[self.change.key] = self.change.after


class Dropped(NamedTuple):
    """A packet that `node`, or the link of that name, dropped, and the reason."""

    t_ns: int
    node: str
    reason: str
    packet: Packet


class Decided(NamedTuple):
    """A decision of `node` that no table shows; `what` is one of a few words, `why` a sentence."""

    t_ns: int
    node: str
    what: str
    why: str


Record = TableChanged | Dropped | Decided


class Promise(Protocol):
    """Packets of hops that are made when somebody reads them."""

    def make(self, packets: list[Packet], first: int, end: int) -> None:
        """Put its packets from place `first` to before `end` of the trace where nothing is yet."""

    def alike(self, first: int, end: int) -> Iterable[tuple[list[range], range]]:
        """Give trips that are wholly among these hops, those together that are alike but for their times: the numbers
        of their first hops, of their second ones and so on, and when their packets were sent (nanoseconds). It gives
        none where no hop is from number `first` to before `end`.
        """


def _column(number: int) -> Any:
    """Make a column of a trace, for reading: new rows are put into the columns before."""
    return property(lambda trace: trace.read_columns()[number])


class Trace(Unique):
    """The log of a network: `len(trace)` hops; `trace[n]` is a Hop with a copy of its packet as it was on that link."""

    def __init__(self, mode: Mode = "all") -> None:
        check(one_of(*get_args(Mode)), trace=mode)
        self.mode = mode
        self._columns = (array("q"), array("q"), array("q"), array("I"), array("B"))
        self.new_rows = bytearray()
        """The hops since the columns were last read, each packed by ROW: one call for five columns, which is quick."""
        self.unmade: list[Packet] = []
        """The packet of each hop, some of them promised only: None is in their places yet."""
        self.promises: list[Promise] = []
        """The makers of packets that are not made yet, in order."""
        self._channels: list[ChannelName] = []
        self._unread: list[Callable[[], Iterable[ChannelName]]] = []
        self._promised = 0
        """Directions whose names are not read yet."""
        self.records: list[Record] = []
        self._states: list[tuple[int, Tables]] = []
        """Pairs of a number of records and the tables after them, for `tables`."""
        self._warned = False

    # --- writing -----------------------------------------------------------------------------------------------------

    def add_channels(self, count: int, names: Callable[[], Iterable[ChannelName]]) -> int:
        """Return the number of the first of `count` new directions. Their `names` are asked for when somebody reads
        them: a crowd on a link has a direction for each two of it.
        """
        first = len(self._channels) + self._promised
        self._unread.append(names)
        self._promised += count
        return first

    def hop(self, packet: Packet, channel: int, sent_ns: int, started_ns: int, arrived_ns: int) -> None:
        """Record one packet on one link (times in nanoseconds)."""
        if self.mode == "control" and not is_control(packet):
            return
        self.new_rows += ROW.pack(sent_ns, started_ns, arrived_ns, channel, packet.hop_limit)
        self.unmade.append(packet)

    def warn_if_large(self) -> None:
        """Say once that the trace grows beyond what a notebook should hold."""
        if len(self) > WARN_AT_HOPS and not self._warned:
            self._warned = True
            size = f"{len(self)} packet-hops (about {len(self) // 16_000} MB)"
            warnings.warn(f"the trace holds {size}; trace='control' keeps signalling only", stacklevel=3)

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def channels(self) -> list[ChannelName]:
        """The names of all directions of links, by number."""
        if self._unread:
            made = [*self._channels, *(name for names in self._unread for name in names())]
            self._channels, self._unread, self._promised = made, [], 0  # all at once, or nothing
        return self._channels

    @property
    def packets(self) -> list[Packet]:
        """The packet of each hop, as it is now: it has gone on since."""
        if self.promises:
            self.carried(0, len(self.unmade))
            self.promises.clear()
        return self.unmade

    def packet(self, number: int) -> Packet:
        """Return the packet of one hop."""
        return self.unmade[number] or self.carried(number, number + 1)[0]

    def carried(self, first: int, end: int) -> list[Packet]:
        """Return the packets of the hops from one to before another; no others are made."""
        for promise in self.promises:
            promise.make(self.unmade, first, end)
        return self.unmade[first:end]

    def read_columns(self) -> tuple[array[int], ...]:
        """Return all columns, in the order of ROW."""
        rows = self.new_rows
        if not rows:
            return self._columns
        first, known = 0, len(self.unmade) - len(rows) // ROW.size
        for column in self._columns:
            del column[known:]  # of a reading that was interrupted
            # Octet by octet of all rows at once: twenty times as quick as unpacking row by row.
            width = column.itemsize
            octets = bytearray(len(rows) // ROW.size * width)
            for place in range(width):
                octets[place if byteorder == "little" else width - 1 - place :: width] = rows[first + place :: ROW.size]
            column.frombytes(octets)
            first += width
        rows.clear()
        return self._columns

    sent: array[int] = _column(0)
    """The time at which each hop's packet was handed to its link, in nanoseconds."""
    started: array[int] = _column(1)
    """The time at which its first bit left, in nanoseconds."""
    arrived: array[int] = _column(2)
    """The time at which it arrived, in nanoseconds, or LOST."""
    channel: array[int] = _column(3)
    """The number of its direction of a link, into `channels`."""
    hop_limit: array[int] = _column(4)
    """The packet's hop limit on that link."""

    def forget(self, first: int = 0) -> None:
        """Forget all hops, and those of the records from number `first` on that tell of drops: who needs them has read
        them. A network that runs on traces on.
        """
        for column in self.read_columns():
            del column[:]
        self.packets.clear()
        self.records[first:] = [each for each in self.records[first:] if not isinstance(each, Dropped)]
        self._states = [kept for kept in self._states if kept[0] <= first]

    def __len__(self) -> int:
        return len(self.read_columns()[0])

    def __getitem__(self, number: int) -> Hop:
        if not (isinstance(number, Integral) and 0 <= number < len(self)):
            held = f"0 to {len(self) - 1}" if len(self) else "none: run the world first, with trace='all'"
            raise ProtocolMisuse(f"there is no packet-hop {shown(number)}; the trace holds {held}", number)
        packet = self.packet(number).copy()
        sent, started, arrived, channel, packet.hop_limit = (column[number] for column in self.read_columns())
        return Hop(number, sent, started, arrived, self.channels[channel], packet.hop_limit, packet)

    def __iter__(self) -> Iterator[Hop]:
        return (self[number] for number in range(len(self)))

    def drops(self) -> Iterator[Dropped]:
        """Give every dropped packet, in order."""
        return (record for record in self.records if isinstance(record, Dropped))

    def changes(self) -> Iterator[TableChanged]:
        """Give every table change, in order."""
        return (record for record in self.records if isinstance(record, TableChanged))

    def decisions(self) -> Iterator[Decided]:
        """Give every recorded decision, in order."""
        return (record for record in self.records if isinstance(record, Decided))

    def between(self, start_ns: int, end_ns: int) -> list[Record]:
        """Return the records between two times (nanoseconds, both included), in order."""
        check(number(0), start_ns=start_ns, end_ns=end_ns)
        first = bisect_left(self.records, start_ns, key=_time)
        return self.records[first : bisect_right(self.records, end_ns, lo=first, key=_time)]

    def tables(self, at_ns: int) -> Tables:
        """Return the state of all tables at `at_ns` nanoseconds, node -> table -> key -> row, by replaying the changes.

        States on the way are kept, so that a later one costs no replay from the start.
        """
        check(number(0), at_ns=at_ns)
        end = bisect_right(self.records, at_ns, key=_time)
        place = bisect_right(self._states, end, key=lambda kept: kept[0]) - 1
        start, state = self._states[place] if place >= 0 else (0, {})
        state = _copied(state)
        for count, record in enumerate(self.records[start:end], start + 1):
            if isinstance(record, TableChanged):
                record.apply(state)
            if count >= (self._states[-1][0] if self._states else 0) + KEEP_EVERY:
                self._states.append((count, _copied(state)))
        return state

    def digest(self) -> str:
        """Return SHA-256 over all columns, packets and records: two runs are the same if and only if it is."""
        total = hashlib.sha256()
        channel = self.channel if len(self.channels) > 1 << 16 else array("H", self.channel)
        for column in (self.sent, self.started, self.arrived, channel, self.hop_limit):
            total.update(column.tobytes())
        for name in self.channels:
            total.update(repr(name).encode())
        seen: dict[int, int] = {}
        for packet in self.packets:
            number = seen.get(id(packet))
            if number is None:
                seen[id(packet)] = number = len(seen)
                total.update(repr((packet.fields(), packet.label, packet.sent_ns)).encode())
            total.update(number.to_bytes(8, "big"))
        for record in self.records:
            total.update(repr(record).encode())
        return total.hexdigest()


def _time(record: Record) -> int:
    return record.t_ns


def _copied(tables: Tables) -> Tables:
    return {node: {table: dict(rows) for table, rows in of_node.items()} for node, of_node in tables.items()}


def is_control(packet: Packet) -> bool:
    """True for signalling: Mobility Header, ICMPv6 but for echo, and UDP of signalling ports, in a tunnel or ESP too.

    All else is data, ESP of a flow too.
    """
    payload = (inner := packet.innermost()).payload
    if type(payload) is UDP:
        return payload.destination_port in SIGNALLING_PORTS
    is_data = isinstance(payload, TCP | EchoRequest | EchoReply)
    return not is_data and (not isinstance(payload, Opaque) or (payload.next_header == ESP and not inner.label))
