"""The event spine: the short list of what matters in a window of a trace, which every picture and every sentence reads.

Takes a trace, words and the flows that are shown; gives moments in order (handovers, messages end to end, rows that
change, losses, addresses, ends), each with its sentence, the packet-hops and the table rows that belong to it, and the
phases that handovers go through. It costs what the window costs, however long the trace is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import merge
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from mipflow.sim.trace import LOST, Decided, Dropped, Record, TableChanged, Trace
from mipflow.view.focus import TABLE, Focus
from mipflow.view.trips import Trip, is_message, trips
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, bound, count, flow_ids, long, network, seconds, short
from mipflow.wire.mobility import (
    BindingAcknowledgement,
    BindingUpdate,
    CareOfTest,
    CareOfTestInit,
    HomeTest,
    HomeTestInit,
    Status,
)
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    import networkx

Kind = Literal[
    "handover", "HoTI", "CoTI", "HoT", "CoT", "BU", "row", "BA", "road", "lost", "address", "ended", "message",
    "decision",
]  # fmt: skip
PhaseName = Literal["movement", "home registration", "tests", "correspondent registration"]
CACHE, HOMES = "binding cache", "home address table"
SHOWN = (CACHE, TABLE)
"""The tables that pictures show."""
TOGETHER_NS = NS_PER_MS
"""What belongs together and happens within this time is one caption, in nanoseconds."""
MOST_JOINED = 3
"""Sentences of one caption."""
_TOGETHER: dict[str, str] = {"HoTI": "tests", "CoTI": "tests", "HoT": "answers", "CoT": "answers"}


@dataclass(slots=True, frozen=True, eq=False)
class Moment:
    """One thing that matters, from `t_ns` to `until_ns` (nanoseconds; a message: when it arrives), in a sentence."""

    t_ns: int
    until_ns: int
    kind: Kind
    sentence: str
    """In a learner's words, without its full stop."""
    brief: str
    """The same in a few words, for a chip or a label."""
    nodes: tuple[str, ...]
    """The nodes that it concerns, a message's sender first and its receiver last."""
    hops: tuple[int, ...] = ()
    """The numbers of its packet-hops in the trace."""
    rows: tuple[TableChanged, ...] = ()
    """The rows that change in this moment."""
    flows: tuple[int, ...] = ()
    """Ids of the flows that it concerns."""
    is_key: bool = False
    """True for the row by which flows take another road: at a correspondent or, where that has none, the home agent."""
    is_told: bool = True
    """False for what only rows() has: the mobile node's own book-keeping, and what concerns flows that are not shown.
    """
    count: int = 1
    """How often it happened: equal losses within a second are one moment."""
    values: tuple[tuple[str, object], ...] = ()
    """What else `row()` says, by name."""

    def row(self) -> dict[str, object]:
        """The moment as plain values."""
        row = {"time_s": self.t_ns / NS_PER_S, "what": self.kind, "node": self.nodes[0], "sentence": self.sentence}
        return {**row, **dict(self.values), "count": self.count}


class Phase(NamedTuple):
    """A phase of a handover, in nanoseconds; `handover_ns` is when that handover began."""

    name: PhaseName
    start_ns: int
    end_ns: int
    handover_ns: int


class Caption(NamedTuple):
    """What is said at a time (nanoseconds): one moment, or several that belong together, the first told in `brief`."""

    t_ns: int
    sentence: str
    brief: str
    moments: tuple[Moment, ...]

    @property
    def is_key(self) -> bool:
        """Whether flows take another road."""
        return any(moment.is_key for moment in self.moments)


@dataclass(frozen=True, eq=False)
class Spine:
    """Moments by their time, and phases by their start, of a window of a trace."""

    start_ns: int
    end_ns: int
    moments: list[Moment]
    phases: list[Phase]

    @cached_property
    def captions(self) -> list[Caption]:
        """The moments that are told, those that belong together as one."""
        groups: list[list[Moment]] = []
        latest: dict[object, list[Moment]] = {}
        for moment in self.moments:
            if not moment.is_told:
                continue
            family = moment if moment.is_key else (_TOGETHER.get(moment.kind, moment.kind), moment.nodes[0])
            group = latest.get(family)
            if group is None or moment.t_ns - group[0].t_ns > TOGETHER_NS:
                group = latest[family] = []
                groups.append(group)
            group.append(moment)
        return [_caption(group) for group in groups]

    def sentences(self) -> list[str]:
        """The captions with their times, and how many moments are not told."""
        lines = [f"{seconds(caption.t_ns)}: {caption.sentence}{_times(caption)}." for caption in self.captions]
        left = sum(not moment.is_told for moment in self.moments)
        why = "of other flows or rows that pictures do not show"
        return lines + [f"{count(left, 'more event')}, {why}: rows() has them."] * (left > 0)

    def rows(self) -> list[dict[str, object]]:
        """All moments as plain values."""
        return [moment.row() for moment in self.moments]


def spine(
    trace: Trace, graph: networkx.Graph[str], words: Words, focus: Focus, start_ns: int, end_ns: int, *,
    mobile: str = "MN", found: Iterable[Trip] | None = None,
) -> Spine:  # fmt: skip
    """What matters between two times (nanoseconds, both included), in order.

    focus: of which flows is told; mobile: the mobile node's name; found: the trips of that time, where somebody has
    them already.
    """
    if found is None:
        found = trips(trace, start_ns, end_ns, data=False)
    sent = [trip for trip in found if is_message(trip) and start_ns <= trip.started_ns <= end_ns]
    teller = _Teller(trace, graph, words, focus, mobile, start_ns)
    # A row comes before the message that it gives rise to, and a message is told with the rows of its time.
    told = merge(
        _between(trace.records, start_ns, end_ns),
        sent,
        key=lambda each: each.started_ns if isinstance(each, Trip) else each.t_ns,
    )
    for each in told:
        teller.tell(each)
    return Spine(start_ns, end_ns, teller.moments, _phases(teller.moments, mobile))


def _between(records: Sequence[Record], start_ns: int, end_ns: int) -> Sequence[Record]:
    """The records of a window: they stand in the order of their times."""
    first = bisect_left(records, start_ns, key=lambda record: record.t_ns)
    return records[first : bisect_right(records, end_ns, lo=first, key=lambda record: record.t_ns)]


def _caption(group: list[Moment]) -> Caption:
    """Several moments as one: what their sentences begin with alike is said once."""
    first = group[0]
    told, briefs = list(dict.fromkeys(each.sentence for each in group)), dict.fromkeys(each.brief for each in group)
    begin = told[0].split()
    sentence = told[0]
    for other in told[1:MOST_JOINED]:
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(begin, other.split(), strict=False)))
        sentence += ", and " + " ".join(other.split()[alike:])
    more = len(told) - MOST_JOINED
    sentence += f", and {more} more like it" if more > 0 else ""
    return Caption(first.t_ns, sentence, ", ".join(briefs), tuple(group))


def _phases(moments: Sequence[Moment], mobile: str) -> list[Phase]:
    """The phases of each handover, from the messages that follow it."""
    return []


class _Teller:
    """Tells one event after the other, in the order of their times: it knows the rows of each moment."""

    def __init__(
        self, trace: Trace, graph: networkx.Graph[str], words: Words, focus: Focus, mobile: str, start_ns: int
    ) -> None:
        self.words, self.focus, self.mobile = words, focus, mobile
        self.roles = {node: str(data.get("role", "")) for node, data in graph.nodes(data=True)}
        self.tables = trace.tables(max(0, start_ns - 1))
        self.channels = trace.channels
        self.moments: list[Moment] = []
        self._losses: dict[str, int] = {}
        """Sentence of a loss -> the number of the latest moment that says so."""
        self.has_several_agents = sum(role == "home agent" for role in self.roles.values()) > 1

    def who(self, node: str) -> str:
        """A node in a sentence: the only mobile node and home agent by what they are, others by name."""
        role = self.roles.get(node, "")
        by_role = node == self.mobile or (role == "home agent" and not self.has_several_agents)
        return f"the {role}" if by_role and role else node

    def flows_at(self, home: object, peer: str | None) -> tuple[int, ...]:
        """The flows that use a home address now, with one correspondent node or with any."""
        rows = self.tables.get(self.mobile, {}).get(TABLE, {}).values()
        return tuple(
            int(str(row["flow_id"])) for row in rows
            if row.get("home_address") == home and (peer is None or self.words.address(row.get("cn")) == peer)
        )  # fmt: skip

    def tell(self, what: Trip | Record) -> None:
        """Add what comes next to the moments; equal losses within a second to the one that is there."""
        moment = self.message(what) if isinstance(what, Trip) else self.recorded(what)
        same = self._losses.get(moment.sentence) if moment.kind == "lost" else None
        if same is not None and moment.t_ns - self.moments[same].t_ns < NS_PER_S:
            earlier = self.moments[same]
            self.moments[same] = replace(earlier, until_ns=moment.t_ns, count=earlier.count + 1)
            return
        self._losses[moment.sentence] = len(self.moments)
        self.moments.append(moment)

    # --- messages ----------------------------------------------------------------------------------------------------

    def message(self, trip: Trip) -> Moment:
        """A message from end to end, tunnels and routers included."""
        words, packet = self.words, trip.packet
        name = short(packet)
        kind: Kind = name if name in ("HoTI", "CoTI", "HoT", "CoT", "BU", "BA") else "message"  # type: ignore[assignment]
        home = str(bound(packet.unsealed())[0])
        is_lost = trip.arrived_ns == LOST
        sender, receiver = trip.sender, self._meant(trip)
        sentence = self._said(kind, packet, sender, receiver) + " in ESP" * trip.encrypted
        sentence += f" ({name})" * (kind != "message") + ", but it is lost on the way" * is_lost
        flow = packet.innermost().flow
        flows = (flow,) if flow else self.flows_at(home, None)
        end = trip.started_ns if is_lost else trip.arrived_ns
        values = {
            "from": sender, "to": receiver, "interface": trip.interface, "message": long(packet),
            "detail": words.detail(packet), "tunnelled": trip.tunnelled, "hop": trip.numbers[0],
            "arrived_s": None if is_lost else trip.arrived_ns / NS_PER_S,
        }  # fmt: skip
        return Moment(
            trip.started_ns, end, kind, _capital(sentence), f"{name} to {receiver}", (sender, receiver),
            tuple(trip.numbers), flows=flows, is_told=self.focus.has_packet(packet), values=tuple(values.items()),
        )  # fmt: skip

    def _meant(self, trip: Trip) -> str:
        """The node that a message is for, be it lost on the way."""
        named = self.words.address(trip.packet.destination)
        return named if named in self.roles else trip.receiver

    def _said(self, kind: Kind, packet: Packet, sender: str, receiver: str) -> str:
        """What a message says, from whom to whom."""
        words, inner = self.words, packet.unsealed()
        who, whom, (home, care_of) = self.who(sender), self.who(receiver), bound(inner)
        match inner.carried:
            case HomeTestInit():
                return f"{who} tests {words.the(inner.source)} with {whom}, through the home agent"
            case CareOfTestInit():
                return f"{who} tests {words.the(inner.source)} with {whom}"
            case HomeTest():
                return f"{who} answers the test of {words.the(inner.destination)}, through the home agent"
            case CareOfTest():
                return f"{who} answers the test of {words.the(inner.destination)}"
            case BindingUpdate(lifetime_units=0):
                return f"{who} tells {whom} to forget where {words.the(home)} is"
            case BindingUpdate():
                where = f"at {words.the(care_of)}" if care_of and care_of != home else "at home"
                return f"{who} tells {whom} that {words.the(home)} is now {where}"
            case BindingAcknowledgement(status=status):
                about = f"the binding of {words.the(home)}" if home else "the binding"
                refused = "" if status < Status.REASON_UNSPECIFIED else f": {words.status(status)}"
                return f"{who} {'refuses' if refused else 'confirms'} {about}{refused}"
        name, detail = long(packet), words.detail(packet)
        article = "an" if name[0] in "aeiouI" else "a"
        return f"{who} sends {article} {name} to {whom}{f' ({detail})' if detail else ''}"

    # --- records -----------------------------------------------------------------------------------------------------

    def recorded(self, record: Record) -> Moment:
        """A record, after which the tables are as it says."""
        if isinstance(record, TableChanged):
            moment = self._changed(record)
            record.apply(self.tables)
            return moment
        return self._decided(record) if isinstance(record, Decided) else self._dropped(record)

    def _changed(self, record: TableChanged) -> Moment:
        change, words = record.change, self.words
        before, after = (None if row is None else words.plain(row) for row in (change.before, change.after))
        values = {"table": change.table, "key": words.value(change.key), "before": before, "after": after}
        is_shown = change.table in SHOWN and words.shown(change.table, change.before) != words.shown(
            change.table, change.after
        )
        kind: Kind = "row"
        told, brief, is_key = words.change(record.node, change), "", False
        flows: tuple[int, ...] = ()
        if is_shown and change.table == CACHE:
            told, brief, flows, is_key = self._bound(record)
        elif is_shown:
            kind, told, brief, flows = self._mapped(record)
        elif change.table == HOMES and change.before is None:
            home = words.value(change.key)
            kind, told, brief = "address", f"{self.who(record.node)} has the home address {home}", f"{home} is there"
        return Moment(
            record.t_ns, record.t_ns, kind, _capital(told), brief or told, (record.node,), rows=(record,), flows=flows,
            is_key=is_key, is_told=(is_shown or kind == "address") and self.focus.has(record),
            values=tuple(values.items()),
        )  # fmt: skip

    def _bound(self, record: TableChanged) -> tuple[str, str, tuple[int, ...], bool]:
        """A row of a binding cache: sentence, few words, flows, and whether they take another road."""
        words, who = self.words, self.who(record.node)
        before, after = record.change.before or {}, record.change.after or {}
        home = (after or before).get("home_address")
        is_agent = "home agent" in self.roles.get(record.node, "")
        flows = self.flows_at(home, None if is_agent else record.node)
        if is_agent:
            flows = tuple(flow for flow in flows if not self._is_bound_at_peer(flow, home))
        named, home_word = words.flows_named(flows), words.the(home)
        care_of = words.the(after.get("care_of_address"))
        moved = before.get("care_of_address") != after.get("care_of_address")
        through = " through the tunnel" if is_agent else ""
        if not after:
            rest = f"; {named} takes the way through the home agent" if flows and not is_agent else ""
            return f"{who} forgets where {home_word} is{rest}", f"{home_word} forgotten", flows, bool(flows)
        if flows and moved:
            return f"{who} now sends {named}{through} to {care_of}", f"{named} → {care_of}", flows, True
        return f"{who} now knows {home_word} at {care_of}", f"{home_word} → {care_of}", flows, False

    def _is_bound_at_peer(self, flow: int, home: object) -> bool:
        row = self.tables.get(self.mobile, {}).get(TABLE, {}).get(str(flow), {})
        peer = self.words.address(row.get("cn"))
        return any(each.get("home_address") == home for each in self.tables.get(peer, {}).get(CACHE, {}).values())

    def _mapped(self, record: TableChanged) -> tuple[Kind, str, str, tuple[int, ...]]:
        """A row of the flow mapping table."""
        words, who = self.words, self.who(record.node)
        before, after = record.change.before or {}, record.change.after or {}
        flow = int(str((after or before)["flow_id"]))
        named, peer = words.flows_named((flow,)), words.address((after or before).get("cn"))
        care_of = words.the(after.get("care_of_address"))
        if not after:
            return "ended", f"{named} has ended", f"{words.flows_named((flow,))} ended", (flow,)
        if not before:
            return "row", f"{named} to {peer} begins", f"{words.flows_named((flow,))} begins", (flow,)
        if before.get("home_address") != after.get("home_address"):
            home = words.the(after.get("home_address"))
            return "row", f"{named} has the home address {home}", f"{words.flows_named((flow,))}: {home}", (flow,)
        if before.get("care_of_address") != after.get("care_of_address"):
            told = f"{who} chooses {care_of} for {named}"
            return "row", told, f"{words.flows_named((flow,))}: {care_of} chosen", (flow,)
        if after.get("registered_at_cn") == after.get("care_of_address"):
            told = f"{who} now sends {named} straight to {peer}, from {care_of}"
            return "road", told, f"{words.flows_named((flow,))} straight to {peer}", (flow,)
        return "row", words.change(record.node, record.change), words.flows_named((flow,)), (flow,)

    def _dropped(self, record: Dropped) -> Moment:
        words, flow = self.words, record.packet.innermost().flow
        what = f"packet of {words.flows_named((flow,))}" if flow else long(record.packet)
        where = self.who(record.node) if record.node in self.roles else f"the link {record.node}"
        name = f"{words.flow(record.packet)}: " if flow else ""
        values = {"flow": words.flow(record.packet), "message": long(record.packet), "reason": record.reason}
        return Moment(
            record.t_ns, record.t_ns, "lost", _capital(f"{where} drops a {what}: {record.reason}"),
            f"{name}lost", (record.node,), flows=(flow,) if flow else (), is_told=self.focus.has(record),
            values=tuple(values.items()),
        )  # fmt: skip

    def _decided(self, record: Decided) -> Moment:
        words = self.words
        told, brief, flows = f"{self.who(record.node)}: {words.in_words(record.why)}", record.what, flow_ids(record.why)
        kind: Kind = "decision"
        if record.what == "handover":
            flows = flows or tuple(self._all_flows())
            kind, brief = "handover", "handover"
            asked = re.search(r"move to (\w+)", record.why)
            named = "everything" if "everything" in record.why else words.flows_named(flows)
            where = network(asked[1]) if asked else ""
            told = f"{self.who(record.node)} is asked to move {named} to {where}" if asked else told
        elif record.what == "care-of address":
            address, _, interface = record.why.partition(" on ")
            kind, brief = "address", words.the(address)
            told = f"{self.who(record.node)} has an address in {network(interface)}: {words.the(address)}"
        elif record.what == "flow ended":
            kind, brief = "ended", f"{words.flows_named(flows)} ended"
            told = words.in_words(record.why)
        return Moment(
            record.t_ns, record.t_ns, kind, _capital(told), brief, (record.node,), flows=flows,
            is_told=self.focus.has(record), values=(("decision", record.what), ("why", record.why)),
        )  # fmt: skip

    def _all_flows(self) -> Iterable[int]:
        return map(int, self.tables.get(self.mobile, {}).get(TABLE, {}))


def _times(caption: Caption) -> str:
    """When a message arrives, or how often something happened, where there is one only."""
    moment = caption.moments[0]
    if len(caption.moments) == 1 and moment.until_ns > moment.t_ns:
        return f" ({moment.count} times)" if moment.count > 1 else f"; it arrives at {seconds(moment.until_ns)}"
    return ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
