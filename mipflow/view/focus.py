"""Which of many flows pictures show: those that were handed over, then the largest.

What concerns only the others, such as the signalling of their home addresses, is counted and not shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from mipflow.sim.trace import Change, Decided, Record, TableChanged, Trace
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, Packet, RoutingHeaderType2

TABLE = "flow mapping table"
MOST_TOLD = 24
"""Flows of which a picture tells in words."""


class Focus:
    """The flows that a picture of a trace shows; `flows`: flow id -> word.

    shown: their ids, at most `most`, in order; hidden: how many others there are.
    """

    def __init__(self, trace: Trace, flows: Mapping[int, str], most: int = MOST_TOLD) -> None:
        self.moved: set[int] = set()
        """Flows that were handed over: they went from one interface to another."""
        homes: dict[int, set[str]] = {}
        for record in trace.changes():
            change = record.change
            if change.table == TABLE:
                rows = [row for row in (change.before, change.after) if row is not None]
                flow = int(change.key)
                if len({row.get("interface") for row in rows}) > 1:
                    self.moved.add(flow)
                homes.setdefault(flow, set()).update(str(row["home_address"]) for row in rows if row["home_address"])
        hops = Counter(packet.flow for packet in trace.packets if packet.label) if len(flows) > most else Counter()
        ranked = sorted(flows, key=lambda flow: (flow not in self.moved, -hops[flow], flow))
        self.shown = sorted(ranked[:most])
        self._others = set(ranked[most:])
        seen = {home for flow in self.shown for home in homes.get(flow, ())}
        self._homes = {home for flow in self._others for home in homes.get(flow, ())} - seen
        self._addresses = {Address(home) for home in self._homes}

    @property
    def hidden(self) -> int:
        """How many flows are not shown."""
        return len(self._others)

    def has_packet(self, packet: Packet) -> bool:
        """False for a packet of a flow that is not shown, and for signalling of its home address."""
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
        """False for a row of a flow that is not shown, or of its home address."""
        row = change.after or change.before or {}
        if "flow_id" in row:
            return row["flow_id"] not in self._others
        return row.get("home_address", row.get("address")) not in self._homes

    def has(self, record: Record) -> bool:
        """False for what was recorded of a flow that is not shown."""
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
