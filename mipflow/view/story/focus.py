"""The choice of the flows that pictures show, if there are many: those that were handed over, then the largest.

Events of the others alone, such as the signalling of their home addresses, are counted and not shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping

from mipflow.sim.trace import Change, Decided, Record, TableChanged, Trace
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, Packet, RoutingHeaderType2

TABLE = "flow mapping table"
MOST_TOLD = 24
"""Flows of which a picture tells in words."""


class Focus:
    """The flows that a picture of a trace shows between two times (nanoseconds); `flows`: flow id -> word.

    shown: their ids, at most `most`, in order; hidden: how many others there are. With `most` or fewer all are shown,
    and it costs what the window costs.
    """

    def __init__(
        self, trace: Trace, flows: Mapping[int, str], most: int = MOST_TOLD, *, start_ns: int = 0,
        end_ns: int | None = None,
    ) -> None:  # fmt: skip
        self.moved: set[int] = set()
        """Flows that were handed over: they went from one interface to another."""
        homes: dict[int, set[str]] = {}
        last_ns = trace.records[-1].t_ns if trace.records else 0
        end_ns = last_ns if end_ns is None else end_ns
        hops: Counter[int] = Counter()
        if len(flows) > most:
            for tables in trace.tables(start_ns).values():
                for row in tables.get(TABLE, {}).values():
                    homes.setdefault(int(str(row["flow_id"])), set()).add(str(row["home_address"]))
            first, last = bisect_left(trace.sent, start_ns), bisect_right(trace.sent, end_ns)
            hops.update(packet.flow for packet in trace.carried(first, last) if packet.label)
        for record in trace.between(start_ns, end_ns):
            if isinstance(record, TableChanged) and record.change.table == TABLE:
                rows = [row for row in (record.change.before, record.change.after) if row is not None]
                flow = int(record.change.key)
                if len({row.get("interface") for row in rows}) > 1:
                    self.moved.add(flow)
                homes.setdefault(flow, set()).update(str(row["home_address"]) for row in rows if row["home_address"])
        ranked = sorted(flows, key=lambda flow: (flow not in self.moved, -hops[flow], flow))
        self.shown = sorted(ranked[:most])
        self._others = set(ranked[most:])
        seen = {home for flow in self.shown for home in homes.get(flow, ())}
        self._homes = {home for flow in self._others for home in homes.get(flow, ())} - seen
        self._addresses = {Address(home) for home in self._homes}

    @property
    def hidden(self) -> int:
        """The number of flows that are not shown."""
        return len(self._others)

    def has_packet(self, packet: Packet) -> bool:
        """Return False for a packet of a flow that is not shown, and for signalling of its home address."""
        inner = packet.unsealed()
        if inner.label:
            return inner.flow not in self._others
        if not self._addresses:
            return True
        named = {inner.source, inner.destination, getattr(inner.carried, "target", None)}
        for header in inner.extensions:
            if isinstance(header, DestinationOptions | RoutingHeaderType2):
                named.add(header.home_address)
        return self._addresses.isdisjoint(named)

    def has_change(self, change: Change) -> bool:
        """Return False for a row of a flow that is not shown, or of its home address."""
        row = change.after or change.before or {}
        if "flow_id" in row:
            return row["flow_id"] not in self._others
        return row.get("home_address", row.get("address")) not in self._homes

    def has(self, record: Record) -> bool:
        """Return False for a record of a flow that is not shown."""
        if not self._others:
            return True
        if isinstance(record, TableChanged):
            return self.has_change(record.change)
        if isinstance(record, Decided):
            named = re.match(r"flow (\d+)\b", record.why)
            if named is not None:
                return int(named[1]) not in self._others
            return self._homes.isdisjoint(re.findall(r"[0-9a-f:]*::?[0-9a-f:]*[0-9a-f]", record.why))
        return self.has_packet(record.packet)
