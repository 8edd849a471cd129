"""Events in a learner's words: makes the moments of the spine from messages and records, with the rows of their time.

Flows are called by their names, addresses by what they are for, the only mobile node and home agent by their roles.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mipflow.sim.trace import LOST, Decided, Dropped, Record, Row, TableChanged, Trace
from mipflow.view.story.focus import TABLE, Focus
from mipflow.view.story.moment import CACHE, SHOWN, TOKENS, Kind, Moment
from mipflow.view.story.trips import Trip
from mipflow.view.story.words import (
    NS_PER_S,
    ON_LINK,
    Words,
    bound,
    interface_kind,
    link,
    long,
    network,
    seconds,
    short,
)
from mipflow.wire import mobility
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    import networkx

HOMES, KEYS = "home address table", "security association database"
_KINDS: dict[str, Kind] = {"HoTI": "HoTI", "CoTI": "CoTI", "HoT": "HoT", "CoT": "CoT", "BU": "BU", "BA": "BA"}
_ERRORS = mobility.BindingError, IcmpError
"""Messages about a packet each."""
_DECIDED: dict[str, Kind] = {
    "handover": "handover", "binds": "handover", "moves": "handover", "care-of address": "address",
    "address": "address", "flow ended": "ended",
}  # fmt: skip
_YOU = re.compile(r"^(you \w+)s\b")
"""A verb of somebody outside, who is called "you" (`World.port`)."""
_TESTED = {
    "uniqueness test": ("{who} asks at home, and waits a second: who has {home}", "{home} is tested"),
    "unique address": ("nobody at home has {home}", "{home} is free"),
    "duplicate address": ("somebody at home has {home}", "{home} is in use"),
}
"""Decisions of a home agent about an address that it tests, at the beginning and at both ends: long and brief. That it
is free is told just before what follows from it in the same instant.
"""
_HOW = {"received": "receives {}", "overheard": "overhears {}", "guessed": "does not hear {}, and guesses it"}
"""How an attacker comes by a keygen token."""
_DECISION: Kind = "decision"
_ROW: Kind = "row"


class Teller:
    """Tells one event after the other, in the order of their times: it knows the rows of each moment.

    `start_ns`: when the first may happen, in nanoseconds; `moments`: what has been told so far.
    """

    def __init__(
        self, trace: Trace, graph: networkx.Graph[str], words: Words, focus: Focus, mobile: str, start_ns: int
    ) -> None:
        self.trace, self.words, self.focus, self.mobile = trace, words, focus, mobile
        self.roles = {node: str(data.get("role", "")) for node, data in graph.nodes(data=True)}
        self._routers = {
            name.receiver: f"the {interface_kind(name.sender_interface)} router"
            for name in trace.channels if name.sender == mobile and self.roles.get(name.receiver) == "access router"
        }  # fmt: skip
        self.home_agents = {node for node, role in self.roles.items() if role == "home agent"}
        self._by_role = {mobile} | {node for node, role in self.roles.items() if role == "policy server"}
        self.tables = trace.tables(max(0, start_ns - 1))
        self.moments: list[Moment] = []
        self._unknown: dict[int, int] = {}
        """Flow -> since when its peer does not know its care-of address (nanoseconds)."""
        self._start_ns = start_ns
        self._losses: dict[object, int] = {}
        """Each loss, where and why -> the number of the latest moment that says so."""

    def tell(self, what: Trip | Record) -> None:
        """Add what comes next; equal losses within a second are one moment."""
        if isinstance(what, Dropped):
            self._dropped(what)
        elif isinstance(what, TableChanged):
            self.moments.append(self._changed(what))
            what.apply(self.tables)
        else:
            self.moments.append(self._decided(what) if isinstance(what, Decided) else self._message(what))

    def who(self, node: str) -> str:
        """Name a node in a sentence: the mobile node, an only home agent, a policy server and access routers by what
        they are, others by name.
        """
        if node in self._routers:
            return self._routers[node]
        by_role = node in self._by_role or {node} == self.home_agents
        return f"the {self.roles[node]}" if by_role and self.roles.get(node) else node

    # --- what the tables say at this time ----------------------------------------------------------------------------

    def _flows(self) -> Iterator[Row]:
        return iter(self.tables.get(self.mobile, {}).get(TABLE, {}).values())

    def _flows_at(self, home: object, peer: str) -> tuple[int, ...]:
        """Return the flows that use a home address, with one correspondent node; with any, where `peer` is a home
        agent.
        """
        rows = (row for row in self._flows() if home and row.get("home_address") == home)
        is_agent = peer in self.home_agents
        return tuple(_flow_of(row) for row in rows if is_agent or self.words.address(row.get("cn")) == peer)

    def _bound_at(self, node: str, home: object) -> object:
        """Return the care-of address that a binding cache has for a home address, None where it has none."""
        rows = self.tables.get(node, {}).get(CACHE, {}).values()
        return next((row.get("care_of_address") for row in rows if row.get("home_address") == home), None)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _message(self, trip: Trip) -> Moment:
        """Tell a message from end to end, tunnels and routers included."""
        words, packet, inner = self.words, trip.packet, trip.packet.unsealed()
        name, home = short(packet), bound(inner)[0]
        about = {"CoTI": inner.source, "CoT": inner.destination}.get(name, home)
        named = words.address(packet.destination)
        sender, receiver = trip.sender, named if named in self.roles else trip.receiver
        is_lost, flow = trip.arrived_ns == LOST, packet.innermost().flow
        sentence = f"{self._said(packet, sender, receiver)}{' in ESP' * trip.encrypted}"
        sentence = _YOU.sub(r"\1", sentence)
        kind = "error" if isinstance(inner.carried, _ERRORS) else _KINDS.get(name, "message")
        sentence += f" ({name})" * (kind not in ("message", "error"))
        sentence += ", but this message is lost on the way" * is_lost
        values = {
            "from": sender, "to": receiver, "interface": trip.interface, "message": long(packet),
            "detail": words.detail(packet), "tunnelled": trip.tunnelled, "hop": trip.numbers[0],
            "arrived_s": None if is_lost else trip.arrived_ns / NS_PER_S,
        }  # fmt: skip
        peer = receiver if sender == self.mobile else sender
        return Moment(
            trip.started_ns, trip.started_ns if is_lost else trip.arrived_ns, kind, _capital(sentence),
            f"{name} to {receiver}", (sender, receiver), hops=tuple(trip.numbers),
            flows=(flow,) if flow else self._flows_at(str(home), peer), is_told=self.focus.has_packet(packet),
            is_lost=is_lost, address="" if about is None else str(about), values=tuple(values.items()),
        )  # fmt: skip

    def _said(self, packet: Packet, sender: str, receiver: str) -> str:
        """Say what a message says, from whom to whom."""
        words, inner = self.words, packet.unsealed()
        who, whom, (home, care_of) = self.who(sender), self.who(receiver), bound(inner)
        match inner.carried:
            case mobility.HomeTestInit():
                return f"{who} tests {words.the(home)} with {whom}, through the home agent"
            case mobility.CareOfTestInit():
                return f"{who} tests {words.the(inner.source)} with {whom}"
            case mobility.HomeTest():
                return f"{who} answers the test of {words.the(home)}, through the home agent"
            case mobility.CareOfTest():
                return f"{who} answers the test of {words.the(inner.destination)}"
            case mobility.BindingUpdate(lifetime_units=0):
                return f"{who} tells {whom} to forget where {words.the(home)} is"
            case mobility.BindingUpdate():
                still = "still" if self._bound_at(receiver, str(home)) == str(care_of) else "now"
                where = f"at {words.the(care_of)}" if care_of and care_of != home else "at home"
                return f"{who} tells {whom} that {words.the(home)} is {still} {where}"
            case mobility.BindingAcknowledgement(status=status):
                about = f"the binding of {words.the(home)}" if home else "the binding"
                refused = f": {words.status(status)}" if status >= mobility.Status.REASON_UNSPECIFIED else ""
                return f"{who} {'refuses' if refused else 'confirms'} {about}{refused}"
        name, detail = long(packet), words.detail(packet)
        return f"{who} sends {_a(name)} to {whom}{f' ({detail})' if detail else ''}"

    # --- rows --------------------------------------------------------------------------------------------------------

    def _changed(self, record: TableChanged) -> Moment:
        change, words = record.change, self.words
        before, after = (None if row is None else words.plain(row) for row in (change.before, change.after))
        values = {"table": change.table, "key": words.value(change.key), "before": before, "after": after}
        looks = [words.shown(change.table, row) for row in (change.before, change.after)]
        is_shown, is_key = change.table in SHOWN and looks[0] != looks[1], False
        told, brief, flows, kind = words.change(record.node, change), "", tuple[int, ...](), _ROW
        has = self.focus.has(record)
        if is_shown and change.table == CACHE:
            told, brief, flows, is_key = self._bound(record)
        elif is_shown and change.table == TOKENS and change.after is not None:
            how = str(change.after["how"])
            about = f"the {change.key} token of {words.the(change.after['address'])}"
            told, brief = f"{self.who(record.node)} {_HOW[how].format(about)}", f"{change.key} token {how}"
        elif is_shown:
            kind, told, brief, flows = self._mapped(record)
            has = has and (kind != "road" or self._rode(flows[0], record.t_ns))
        elif change.table == HOMES and change.before is None:
            home = words.value(change.key)
            kind, told, brief = "address", f"{self.who(record.node)} has the home address {home}", f"{home} allocated"
        elif change.table == KEYS and record.node == self.mobile and None in (change.before, change.after):
            home, gone = words.value(change.key), change.after is None
            told = f"{self.who(record.node)} and its home agent {'forget their' if gone else 'have'} keys for {home}"
            kind, brief = "keys", f"keys for {home}{' gone' * gone}"
        return Moment(
            record.t_ns, record.t_ns, kind, _capital(told), brief or told, (record.node,), rows=(record,), flows=flows,
            is_key=is_key, is_told=bool(brief) and has, values=tuple(values.items()),
        )  # fmt: skip

    def _bound(self, record: TableChanged) -> tuple[str, str, tuple[int, ...], bool]:
        """Tell a row of a binding cache: sentence, few words, flows, and whether they take another road."""
        words, who = self.words, self.who(record.node)
        before, after = record.change.before or {}, record.change.after or {}
        home, care_of = (after or before).get("home_address"), words.the(after.get("care_of_address"))
        is_agent = record.node in self.home_agents
        flows = self._flows_at(home, record.node)
        if is_agent:  # those that a correspondent node sends straight to the mobile node do not come by
            rows = [row for row in self._flows() if _flow_of(row) in flows]
            flows = tuple(_flow_of(row) for row in rows if self._bound_at(words.address(row.get("cn")), home) is None)
        named, is_moved = words.flows_named(flows), before.get("care_of_address") != after.get("care_of_address")
        if not after:
            takes = "takes" if len(flows) == 1 else "take"
            rest = f"; {named} {takes} the way through the home agent" if flows and not is_agent else ""
            return f"{who} forgets where {words.the(home)} is{rest}", f"{words.the(home)} forgotten", flows, bool(flows)
        if flows and is_moved:
            through = " through the tunnel" if is_agent else ""
            return f"{who} now sends {named}{through} to {care_of}", f"{named} → {care_of}", flows, True
        return f"{who} now knows that {words.the(home)} is at {care_of}", f"{words.the(home)} → {care_of}", flows, False

    def _mapped(self, record: TableChanged) -> tuple[Kind, str, str, tuple[int, ...]]:
        """Tell a row of the flow mapping table: kind, sentence, few words, flows."""
        words, who = self.words, self.who(record.node)
        before, after = record.change.before or {}, record.change.after or {}
        flow = _flow_of(after or before)
        named, peer = words.flows_named((flow,)), words.address((after or before).get("cn"))
        home, care_of = words.the(after.get("home_address")), words.the(after.get("care_of_address"))
        differs = {name for name in (after or before) if before.get(name) != after.get(name)}
        if "care_of_address" in differs:
            self._unknown[flow] = record.t_ns
        if not after:
            return "ended", f"{named} has ended", f"{named} ended", (flow,)
        if not before:
            return "row", f"{named} to {peer} begins", f"{named} begins", (flow,)
        if "home_address" in differs and after.get("home_address") is None:
            lost = words.the(before.get("home_address"))
            return "row", f"{named} cannot have {lost}", f"{named} without {lost}", (flow,)
        if "home_address" in differs:
            return "row", f"{named} has the home address {home}", f"{home} for {named}", (flow,)
        if "care_of_address" in differs:
            return "row", f"{who} chooses {care_of} for {named}", f"{care_of} for {named}", (flow,)
        if after.get("registered_at_cn") == after.get("care_of_address"):
            again = " again" if before.get("registered_at_cn") else ""
            told = f"{who} sends its packets of {named} straight to {peer}{again}, no longer through the tunnel"
            return "road", told, f"{named} out of the tunnel", (flow,)
        return "row", f"{peer} does not know of {care_of} for {named} yet", f"{named} not yet known", (flow,)

    def _rode(self, flow: int, t_ns: int) -> bool:
        """Say whether the mobile node sent packets of a flow through the tunnel since its peer did not know where it
        is.
        """
        trace = self.trace
        first = bisect_left(trace.sent, max(self._unknown.get(flow, 0), self._start_ns))
        return any(
            isinstance(packet.payload, Packet) and packet.innermost().label == flow
            and trace.channels[trace.channel[number]].sender == self.mobile
            for number, packet in enumerate(trace.carried(first, bisect_left(trace.sent, t_ns)), first)
        )  # fmt: skip

    # --- losses and decisions ----------------------------------------------------------------------------------------

    def _dropped(self, record: Dropped) -> None:
        flow, t_ns = record.packet.innermost().flow, record.t_ns
        what, key = long(record.packet), (record.node, record.reason, flow or long(record.packet))
        same = self._losses.get(key)
        if same is None or t_ns - self.moments[same].t_ns >= NS_PER_S:
            same = self._losses[key] = len(self.moments)
            values = {"flow": self.words.flow(record.packet), "message": what, "reason": record.reason}
            self.moments.append(Moment(
                t_ns, t_ns, "lost", "", "", (record.node,), flows=(flow,) if flow else (), count=0,
                is_told=self.focus.has(record), values=tuple(values.items()),
            ))  # fmt: skip
        earlier = self.moments[same]
        number, hops = earlier.count + 1, earlier.hops + self._lost_hop(record)
        name, plural = (f"packet of {self.words.flows_named((flow,))}", f"{number} packets of") if flow else (what, "")
        many = f"{plural} {self.words.flows_named((flow,))}" if flow else f"{number} {what}s"
        subject = _a(name) if number == 1 else many
        is_lasting = t_ns - earlier.t_ns >= NS_PER_S // 20  # it must not read as if all were lost at once
        until = f" up to {seconds(t_ns)}" * is_lasting
        if record.node in self.roles:
            sentence = f"{self.who(record.node)} drops {subject}{until}: {self.words.in_words(record.reason)}"
        else:
            why = f": {record.reason}" * (record.reason != ON_LINK)
            sentence = f"{subject} {'is' if number == 1 else 'are'} lost on {link(record.node)}{until}{why}"
        brief = f"{number} lost" + (f" of {self.words.flows_named((flow,))}" if flow else f": {what}")
        self.moments[same] = replace(
            earlier, until_ns=t_ns, count=number, hops=hops, sentence=_capital(sentence), brief=brief,
            drops=(*earlier.drops, record),
        )

    def _lost_hop(self, record: Dropped) -> tuple[int, ...]:
        """Return the packet-hop of a packet that a link lost."""
        trace, channels = self.trace, self.trace.channels
        for number in range(bisect_left(trace.sent, record.t_ns), len(trace)):
            if trace.sent[number] != record.t_ns:
                break
            is_there = trace.arrived[number] == LOST and channels[trace.channel[number]].segment == record.node
            if is_there and trace.packet(number).innermost().label == record.packet.innermost().label:
                return (number,)
        return ()

    def _decided(self, record: Decided) -> Moment:
        kind, flows = _DECIDED.get(record.what, _DECISION), self.words.flow_ids(record.why)
        tested, t_ns = "", record.t_ns
        if record.what == "handover":
            told, brief, flows = self._asked(record, flows)
        elif record.what in _TESTED and record.node in self.home_agents:
            kind, tested, t_ns = "test", record.why.split(" ")[0], record.t_ns - (record.what == "unique address")
            values = {"who": self.who(record.node), "home": self.words.the(tested)}
            told, brief = (each.format(**values) for each in _TESTED[record.what])
        else:
            told, brief = self._found(record, flows)
        return Moment(
            t_ns, t_ns, kind, _capital(told), brief, (record.node,), flows=flows,
            is_told=self.focus.has(record), address=tested, values=(("decision", record.what), ("why", record.why)),
        )  # fmt: skip

    def _asked(self, record: Decided, flows: tuple[int, ...]) -> tuple[str, str, tuple[int, ...]]:
        """Tell a handover that is asked for: sentence, few words, and the flows that move."""
        words, (order, _, along) = self.words, record.why.partition("; ")
        named, sharing = words.flows_named(flows) if flows else "everything", self.words.flow_ids(along)
        told = f"{self.who(record.node)} is asked to move {named} to {network(order.split(' ')[-1])}"
        if sharing:
            shares = "shares" if len(sharing) == 1 else "share"
            told += f"; {words.flows_named(sharing)} {shares} {'its' if len(flows) == 1 else 'their'} row"
        return told, f"move {named}", (*flows, *sharing) or tuple(_flow_of(row) for row in self._flows())

    def _found(self, record: Decided, flows: tuple[int, ...]) -> tuple[str, str]:
        """Tell any other decision: sentence, few words."""
        words, who, told, brief = self.words, self.who(record.node), self.words.in_words(record.why), record.what
        match record.what:
            case "ears":  # of an attacker
                return f"{who} hears all that passes on {link(record.why)}", f"ears on {link(record.why)}"
            case "binds" | "moves":  # one update of a mobile node's; a host that knows nothing of mobility
                return f"{who} {told}", "one update" if record.what == "binds" else brief
            case "care-of address" | "address":
                address, _, interface = record.why.partition(" on ")
                return f"{who} has an address in {network(interface)}, {address}", words.address(address)
            case "flow ended" | "flow goes on":
                does = "has ended" if record.what == "flow ended" else "goes on"
                named, reason = words.flows_named(flows), words.in_words(record.why.partition(": ")[2])
                return f"{named} {does}: {reason}", f"{named} {does.removeprefix('has ')}"
            case "network choice":
                named, _, chosen = told.partition(" over ")
                where, _, reason = chosen.partition(": ")
                return f"{who} chooses {where} for {named}: {reason}", brief
            case "rules applied":
                number, _, other = told.removeprefix("number ").partition(" ")
                if other.startswith("to "):  # the server's own record, once the mobile node has answered
                    return f"{who} knows that its rules (message {number}) are in force", brief
                return f"{who} has new rules (message {number}) and sorts by them what begins from now on", brief
            case "handover waits":
                return f"the handover of {told.replace(': ', ' waits for ', 1)}", brief
        return f"{who}, {record.what}: {told}", brief


def _flow_of(row: Row) -> int:
    return int(str(row["flow_id"]))


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiouI' else 'a'} {name}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
