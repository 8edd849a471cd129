"""The board beside the stage: what stands in the tables, which way each flow goes, what it has lost; as HTML over time.

Takes a stage; gives HTML as it is at the end of the film, and for each place in it that changes what stands there from
which time on. Binding caches stand on the stage, beside their nodes, where that is wide enough: they are its plates.
"""

from __future__ import annotations

import re
from html import escape as quoted
from itertools import pairwise
from typing import NamedTuple

from mipflow.sim.trace import Change, Row, TableChanged
from mipflow.view.drawing.picture import opens
from mipflow.view.drawing.style import FlowStyle, escape, line_colour
from mipflow.view.stage.scene import PLATE_WIDTH, TOP, Way
from mipflow.view.stage.stage import Stage, changes
from mipflow.view.story.focus import TABLE
from mipflow.view.story.moment import TOKENS
from mipflow.view.story.runs import flow_sentences
from mipflow.view.story.words import count, network, over, seconds

MOST_COUNTS = 30
"""The number of times that the losses of a flow, and the rows that are not shown, are counted anew."""

SIGNS = {
    "several": ("<b class='mipflow-several'>×2</b>", "so many packets close together"),
    "message": ("<b class='mipflow-message'>BU</b>", "a message, by its name"),
    "tunnel": ("<b class='mipflow-tunnel'></b>", "in a tunnel"),
    "lost": ("<b class='mipflow-cross'>✕</b>", "lost"),
    "ghost": (
        "<svg class='mipflow-sample' viewBox='0 0 32 22' aria-hidden='true'><path d='M2 11h30'"
        " stroke='currentColor' stroke-width='3' stroke-dasharray='0 7' stroke-linecap='round'/></svg>",
        "where a road was before",
    ),
    "row": ("<b class='mipflow-mark'></b>", "the row by which a road turned"),
    "test": ("<b class='mipflow-ring' style='--done:60%'></b>", "a home address under test, until the ring is full"),
}  # fmt: skip
"""Signs of the legend beside those of the flows: each stands in it where the film shows it at some time."""
WISH = (
    "<svg class='mipflow-sample' viewBox='0 0 32 22' aria-hidden='true'><path d='M0 4h32M0 18h32' stroke='{}'"
    " stroke-width='1.5' stroke-dasharray='5 4'/></svg>"
)
"""The lane where a flow is wished, in a colour."""
ROLES = ("mobile node", "home agent", "correspondent node", "policy server")
"""Roles that the legend calls by their whole names."""
DASHES = {"solid": "", "dash": "9 7", "dot": "4 4", "dashdot": "9 4 4 4", "longdash": "14 6", "longdashdot": "14 4 4 4"}
"""The dashes of plotly in SVG."""
TAKEN_MS = 3000
"""Playing milliseconds for which an address that was refused stays."""
NOT_ASKED = "not asked, so it stays"
SHAPES = {
    "circle": "border-radius:50%", "square": "border-radius:2px",
    "diamond": "clip-path:polygon(50% 0,100% 50%,50% 100%,0 50%)",
    "pentagon": "clip-path:polygon(50% 0,100% 38%,81% 100%,19% 100%,0 38%)",
    "hexagon": "clip-path:polygon(50% 0,93% 25%,93% 75%,50% 100%,7% 75%,7% 25%)",
    "star-square": "clip-path:polygon(0 0,50% 14%,100% 0,86% 50%,100% 100%,50% 86%,0 100%,14% 50%)",
}
"""plotly's symbols, which fly on the roads, as CSS: a flow has one shape in its film."""
TIE = (
    "<svg class='mipflow-tie' aria-hidden='true'><path/><marker id='mipflow-dot' viewBox='0 0 8 8' refX='4' refY='4'"
    " markerWidth='8' markerHeight='8' markerUnits='userSpaceOnUse'><circle cx='4' cy='4' r='4'/></marker></svg>"
)
"""The leader from a row to its road: a thin line that ends in a dot."""

Rows = dict[str, Row]
Version = tuple[int, str]
"""Microseconds from the start of the film, and the HTML that stands there from then on."""


class Tested(NamedTuple):
    """A home address that a home agent tests: from when to when, and how long it is seen (microseconds)."""

    node: str
    home: str
    us: int
    end_us: int
    gone_us: int


class Board:
    """The board of one stage. `notes`: (nanoseconds, sentence) of rows that did not change as others did.

    first: how many slots the boards before it in the same show have.
    """

    def __init__(self, stage: Stage, first: int = 0) -> None:
        self.stage, self.words, self.focus, self._first = stage, stage.words, stage.focus, first
        self.slots: list[list[Version]] = []
        self.notes: list[tuple[int, str]] = []
        self._state: dict[str, Rows] = {}
        """Node -> the rows of its binding cache; those of the mobile node's flow mapping table under its name."""
        self._old: dict[tuple[str, str], str] = {}
        """(node, key) of each marked row -> the care-of address that stood there before."""
        self._same: dict[tuple[str, str], str] = {}
        self._marked_at = -1
        """The handover that the marks are about (nanoseconds)."""
        self._us = 0
        """The time of which the tables are written, in microseconds."""
        self._own_flows: set[int] = set()
        """The flows of the mobile node, or of a plain host, in contrast to those between others."""
        self._tests = self._tested()
        self._begin()
        self._play()
        self._sides = stage.scene.plate_sides(self.lines)
        self._flow_places = {flow: self._slot(self._ways(flow)) for flow in stage.flows}

    # --- tables ------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Take the rows as they stand when the film begins."""
        stage = self.stage
        tables = stage.trace.tables(stage.spine.start_ns)
        for node in stage.scene.places:
            self._state[node] = dict(tables.get(node, {}).get(stage.table_of(node), {}))
        self._own_flows = {int(key) for key in self._state[stage.mobile]}
        self._own_flows |= {flow for flow, roads in stage.roads.items() if any(way for _, way in roads)}

    def _play(self) -> None:
        """Write down what stands in each table from which time on, and how many lines it takes at most."""
        stage = self.stage
        versions: dict[str, list[Version]] = {node: [(0, self._rows(node))] for node in self._state}
        turning = [record for moment in stage.spine.moments if moment.is_key for record in moment.rows]
        keys = {id(record) for record in turning}
        self._turned = {(stage.spine.handover_of(each.t_ns), each.node, each.change.key) for each in turning}
        stale, step = dict[str, int](), stage.us(stage.spine.end_ns) // MOST_COUNTS
        own = [each for each in changes(stage.spine) if each.change.table == stage.table_of(each.node)]
        steps: list[tuple[int, str, TableChanged | None]] = [(stage.us(each.t_ns), each.node, each) for each in own]
        steps += [(us, test.node, None) for test in self._tests for us in test[2:]]  # player.js closes the rings
        for us, node, record in sorted(steps, key=lambda each: each[0]):
            self._us, touched = us, {node}
            if record:
                self._apply(record)
                touched |= self._named_at(record)
                if not self.focus.has(record):  # it is only counted, now and then
                    stale[node] = us
                    if us - versions[node][-1][0] < step:
                        continue
                elif id(record) in keys:
                    touched |= self._mark(record)
            for each in touched:
                stale.pop(each, None)
                html = self._rows(each)
                if html != versions[each][-1][1]:
                    versions[each] = [one for one in versions[each] if one[0] < us] + [(us, html)]
        for node, self._us in stale.items():
            versions[node].append((self._us, self._rows(node)))
        lines = {node: max(html.count("<tr") for _, html in own) for node, own in versions.items()}
        self.lines = {node: number for node, number in lines.items() if number and node != stage.mobile}
        self.places = {node: self._slot(versions[node]) for node, number in lines.items() if number}
        """Node -> the slot with the rows of its table."""

    def _apply(self, record: TableChanged) -> None:
        """Change a row as the record says."""
        node, change = record.node, record.change
        if change.table == TABLE:
            self._own_flows.add(int(change.key))
        if self._care_of(change.before) != self._care_of(change.after):
            self._same.pop((node, change.key), None)
        if change.after is None:
            self._state[node].pop(change.key, None)
        else:
            self._state[node][change.key] = change.after

    def _tested(self) -> list[Tested]:
        """Find the home addresses that home agents test in this film: ghosts, until a row of their own stands there."""
        film, spine, found = self.stage.film, self.stage.spine, list[Tested]()
        told = [moment for moment in spine.moments if moment.kind == "test" and moment.is_told]
        for begin in told:
            if dict(begin.values)["decision"] != "uniqueness test":
                continue
            end = next((each for each in told if each.address == begin.address and each.t_ns > begin.t_ns), None)
            until = spine.end_ns if end is None else end.t_ns + (dict(end.values)["decision"] == "unique address")
            is_taken = end is not None and dict(end.values)["decision"] == "duplicate address"
            gone = film.time(film.ms(until) + TAKEN_MS) if is_taken else until + (end is None)
            begun, *times = (self.stage.us(each) for each in (begin.t_ns, until, gone))
            begun -= begun % 1000  # those that begin together are one version
            found.append(Tested(begin.nodes[0], self.words.value(begin.address), begun, *times))
        return found

    def _ghosts(self, node: str) -> list[str]:
        """Return the rows of addresses that are tested at a node, or have just been refused."""
        rows = []
        for test in self._tests:
            if test.node == node and test.us <= self._us < test.gone_us:
                home = escape(test.home)
                ring = f"<b class='mipflow-ring' data-from='{test.us}' data-to='{test.end_us}'></b> tested"
                cells = (home, ring) if self._us < test.end_us else (f"<del>{home}</del>", "✕ 134: in use")
                rows.append(f"<tr class='mipflow-tested'><th>{cells[0]}</th><td>{cells[1]}</td></tr>")
        return rows

    def _mark(self, record: TableChanged) -> set[str]:
        """Mark a row by which flows take another road, and say of its neighbors that they did not change; return the
        nodes whose tables look otherwise then.
        """
        node, change, touched = record.node, record.change, set[str]()
        handover = self.stage.spine.handover_of(record.t_ns)
        if handover != self._marked_at:  # what was marked before is another story
            touched = {each for each, _ in (*self._old, *self._same)}
            self._old.clear()
            self._same.clear()
            self._marked_at = handover
        self._old[node, change.key] = self._care_of(change.before)
        if change.before is not None and change.after is not None:
            self._mark_others(record, handover)
        return touched | {each for each, _ in self._same}

    def _mark_others(self, record: TableChanged, handover: int) -> None:
        node, change = record.node, record.change
        for key, row in self._state[node].items():
            flows = self._flows(node, key)
            if flows and (handover, node, key) not in self._turned:
                stays = f"{self.words.flows_named(flows)} {'stays' if len(flows) == 1 else 'stay'}"
                self._same[node, key] = f"unchanged: {stays}"
                self.notes.append((record.t_ns, f"{self.words.value(row['home_address'])} unchanged: {stays}"))
        for agent in [each for each, role in self.stage.scene.roles.items() if role == "home agent" and each != node]:
            kept = self._state[agent].get(change.key)
            if kept and self._care_of(kept) != self._care_of(change.after) and self._is_not_asked(record, agent):
                self._same[agent, change.key] = NOT_ASKED

    def _is_not_asked(self, record: TableChanged, agent: str) -> bool:
        """Say whether nobody tells a home agent of an address between the handover before a row's change and the next
        one.
        """
        moments, home = self.stage.spine.moments, record.change.key
        asked = [moment.t_ns for moment in moments if moment.kind == "handover"]
        begin = max((t_ns for t_ns in asked if t_ns <= record.t_ns), default=None)
        end = min((t_ns for t_ns in asked if t_ns > record.t_ns), default=self.stage.spine.end_ns)
        told = [each for each in moments if each.kind == "BU" and each.nodes[-1] == agent and each.address == home]
        return begin is not None and not any(begin <= each.t_ns <= end for each in told)

    def _named_at(self, record: TableChanged) -> set[str]:
        """Return the nodes at whose rows the flow of a changed row of the mobile node is named."""
        change, is_named = record.change, record.node == self.stage.mobile and self.focus.has(record)
        both = (change.before, change.after) if is_named else ()
        return {self.words.address(row.get("cn")) for row in both if row} & self._state.keys()

    def _flows(self, node: str, home: str) -> list[int]:
        """Return the flows whose packets follow a row of a binding cache."""
        is_agent, shown = self.stage.scene.roles[node] == "home agent", self.stage.flows
        own = [row for row in self._state[self.stage.mobile].values() if row.get("home_address") == home]
        own = [row for row in own if is_agent or self.words.address(row.get("cn")) == node]
        return [int(str(row["flow_id"])) for row in own if row["flow_id"] in shown]

    def _care_of(self, row: Row | None) -> str:
        """Name a care-of address by its network alone: a plate has no room for more."""
        return "" if row is None else re.sub(r" address( \d+)?$", r"\1", self.words.value(row.get("care_of_address")))

    def _shown(self, node: str) -> list[tuple[str, Row]]:
        """Choose the rows of a table that there is room for: what changed, what is said to stay, flows that are drawn.
        """
        table = self.stage.table_of(node)
        state, has = self._state[node], self.focus.has_change
        rows = [(key, row) for key, row in state.items() if has(Change(table, key, None, row))]
        if table == TABLE:
            rows = [(key, row) for key, row in rows if row.get("flow_id") in self.stage.flows]
        most = self._room(node)
        if len(self._state[node]) > most:
            first = sorted(rows, key=lambda each: (
                (node, each[0]) not in self._old, (node, each[0]) not in self._same, not self._flows(node, each[0])))
            most -= 1 + (self.stage.scene.has_room and any(where == node for where, _ in self._same))
            kept = {key for key, _ in first[:most]}
            rows = [each for each in rows if each[0] in kept]
        return rows

    def _room(self, node: str) -> int:
        """Return the most lines that the rows of a table may take; a line is left to addresses that are tested."""
        scene = self.stage.scene
        room = {self.stage.mobile: 99}.get(node, scene.agent_room if scene.roles[node] == "home agent" else scene.room)
        return room - bool(self._ghosts(node))

    def _noted(self, node: str, lines: int, shown: list[tuple[str, Row]]) -> list[str]:
        """Choose the rows below which there is room to say that they did not change."""
        room = (self._room(node) - lines) * self.stage.scene.has_room
        return [key for key, _ in shown if (node, key) in self._same][: max(0, room)]

    def _rows(self, node: str) -> str:
        """Return the rows of a table as HTML."""
        lines, shown = [], self._shown(node)
        more = len(self._state[node]) - len(shown)
        noted = self._noted(node, len(shown) + (more > 0), shown)
        for key, row in shown:
            where = f"data-row='{quoted(f'{node}|{key}')}'"
            if node == self.stage.mobile:
                lines.append(f"<tr {where}>{self._mapping(row)}</tr>")
                continue
            if "how" in row:  # a keygen token of an attacker's
                how = f"{'? ' * (row['how'] == 'guessed')}{row['how']}"
                lines.append(f"<tr {where}><th scope='row'>{opens(escape(key))}</th><td>{escape(how)}</td></tr>")
                continue
            old, same = self._old.get((node, key)), self._same.get((node, key))
            cell = escape(self._care_of(row))
            if old is not None:
                cell = (f"<del>{escape(old)}</del> → " if old else "") + f"<ins>{cell}</ins>"
            mark = " class='mipflow-changed'" * (old is not None) + " class='mipflow-same'" * (same is not None)
            home = escape(self.words.value(row["home_address"]))
            is_agent = self.stage.scene.roles[node] == "home agent"  # flows may pass by it
            used = "".join(f"{sign(self.stage.flows[flow])} " for flow in self._flows(node, key)) * (not is_agent)
            lines.append(f"<tr {where}{mark}><th scope='row'>{used}{opens(home)}</th><td>{cell}</td></tr>")
            if same is not None and key in noted:
                lines.append(f"<tr class='mipflow-note'><td colspan='2'>{escape(same)}</td></tr>")
        if more and node != self.stage.mobile:
            lines.append(f"<tr><td colspan='2'>… {more} more</td></tr>")
        ghosts, left = self._ghosts(node), self._room(node) + 1 - len(lines)
        if len(ghosts) > left:
            ghosts[left - 1 :] = [f"<tr><td colspan='2'>… {len(ghosts) - left + 1} more tested</td></tr>"]
        return "".join(lines + ghosts)

    def _mapping(self, row: Row) -> str:
        """Return a row of the flow mapping table as HTML: flow, home address, care-of address, whether its peer knows.
        """
        care_of = row.get("care_of_address")
        known = "" if care_of is None else "yes" if row.get("registered_at_cn") == care_of else "no"
        flow = self.stage.flows[int(str(row["flow_id"]))].word
        cells = (self.words.value(row.get("home_address")), self.words.value(care_of) if care_of else "", known)
        return f"<th scope='row'>{opens(escape(flow))}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)

    # --- flows -------------------------------------------------------------------------------------------------------

    def _ways(self, flow: int) -> list[Version]:
        """Return the road of a flow and its losses over time."""
        stage = self.stage
        lost = [record.t_ns for record in stage.lost if record.packet.innermost().flow == flow]
        counted = {*lost[:: -(-len(lost) // MOST_COUNTS) or 1], *lost[-1:]}
        moments = {t_ns for t_ns, _ in stage.roads[flow]} | counted
        versions: list[Version] = []
        for t_ns in sorted(moments):
            gone = [at for at in lost if at <= t_ns]
            until = f", until {seconds(gone[-1])}" if gone else ""
            told = f"{escape(self._way(flow, t_ns))}; {len(gone)}\N{NO-BREAK SPACE}lost{until}"
            versions.append((stage.us(t_ns), told))
        return versions

    def _way(self, flow: int, t_ns: int) -> str:
        """Name the road of a flow at a time (nanoseconds)."""
        ways = [way for at_ns, way in self.stage.roads[flow] if at_ns <= t_ns]
        way = ways[-1]
        if way is None and flow not in self._own_flows:
            return "between others"
        if way is None:
            return "no road any more" if any(ways) else "no road yet"
        if self.stage.scene.roles[way.nodes[-1]] == "attacker":
            return f"to {way.nodes[-1]}"
        return over(self._leads_to(way), tunnelled=bool(way.tunnel))

    def _leads_to(self, way: Way) -> str:
        """Name the network by which a way ends."""
        found = (network(each) for each, node in self.stage.scene.interfaces.items() if node == way.nodes[-2])
        return next(found, way.nodes[-2])

    # --- HTML --------------------------------------------------------------------------------------------------------

    def _slot(self, versions: list[Version]) -> int:
        self.slots.append(versions)
        return self._first + len(self.slots) - 1

    def _final(self, slot: int) -> str:
        return self.slots[slot - self._first][-1][1]

    def html(self, where: str = "") -> str:
        """Return the board at the end of the film. where: attributes that name the show and the stage of its rows."""
        flows = [
            f"<li>{sign(style)}{sample(style)} <span data-flow='{flow}'>{escape(style.word)}: <span data-slot='{slot}'>"
            f"{self._final(slot)}</span></span></li>"
            for (flow, style), slot in zip(self.stage.flows.items(), self._flow_places.values(), strict=True)
        ]
        tables = "".join(self._table(node, slot) for node, slot in self.places.items() if node != self.stage.mobile)
        own = "".join(self._table(node, slot) for node, slot in self.places.items() if node == self.stage.mobile)
        notes = "".join(f"<p class='mipflow-quiet'>{escape(note)}.</p>" for note in self.sampled())
        dense = "" if self.stage.scene.has_room else " mipflow-dense"
        room = f"--room:{PLATE_WIDTH + 2 * self.stage.scene.edge:g}px"
        plates = f"<div class='mipflow-plates{dense}' {where} style='{room}'>{tables}{TIE}</div>"
        return f"<ul class='mipflow-legend'>{''.join(flows)}{self._marks()}</ul>{notes}{plates}{own}"

    def _marks(self) -> str:
        """Explain the other signs in the legend: whatever occurs in this film, and what the nodes' names mean."""
        stage, end_us = self.stage, self.stage.us(self.stage.spine.end_ns)
        seen = stage.seen()
        if self._tests:
            seen["test"] = max(test.gone_us for test in self._tests)
        wished = [stage.flows[flow] for flow in stage.wished]
        signs = [(WISH.format(line_colour(it.colour)), f"the lane wished for the {escape(it.word)}") for it in wished]
        until = {kind: _until(us, stage.spine.start_ns, end_us) for kind, us in seen.items()}
        signs += [(sign, words + until[kind]) for kind, (sign, words) in SIGNS.items() if kind in seen]
        told = [f"<li><span class='mipflow-kind'>{sign}</span><span>{words}</span></li>" for sign, words in signs]
        named = []
        for role in ROLES:
            nodes = [node for node, own in stage.scene.roles.items() if own == role]
            if nodes:
                few = nodes if len(nodes) < 4 else [nodes[0], "…", nodes[-1]]
                named.append(f"<b>{escape(', '.join(few))}</b> {role}{'s' * (len(nodes) > 1)}")
        return f"{''.join(told)}<li class='mipflow-roles'>{'; '.join(named)}</li>"

    def _table(self, node: str, slot: int) -> str:
        own, name = node == self.stage.mobile, f"{self.stage.scene.words[node]}: {self.stage.table_of(node)}"
        heads = ["flow"] * own + ["home address", "care-of address"] + [f"known at {self._peer()}"] * own
        heads = ["token", "how"] if self.stage.table_of(node) == TOKENS else heads
        head = "".join(f"<th scope='col'>{each}</th>" for each in heads)
        look = "class='mipflow-own'" if own else f"class='mipflow-plate' style='{self._style(node)}'"
        return (
            f"<table {look}><caption>{escape(name)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody data-slot='{slot}'>{self._final(slot)}</tbody></table>"
        )

    def _style(self, node: str) -> str:
        """Return the CSS that puts a plate beside its node, however wide the stage is (player.css)."""
        scene = self.stage.scene
        (x, _), (_, down) = scene.places[node], scene.at(node)
        right, below, before, above = scene.plate_at(node, self._sides[node])
        share = (x - scene.left) / (scene.right - scene.left or 1)
        across, top = scene.edge + right, TOP + down + below
        return f"--x:{share:.4g};--left:{across:.1f}px;--top:{top:.1f}px;--move:{before}% {above}%"

    def _peer(self) -> str:
        """Name the peer of the mobile node's flows: one correspondent node, or any."""
        peers = {self.words.address(row.get("cn")) for row in self._state[self.stage.mobile].values()}
        return peers.pop() if len(peers) == 1 else "its CN"

    def sentences(self) -> list[str]:
        """Tell the roads of each flow with their times, its losses with place and reason, and where it was wished."""
        ways = {flow: [(t_ns, self._way(flow, t_ns)) for t_ns, _ in roads] for flow, roads in self.stage.roads.items()}
        told = flow_sentences(self.words, self.focus, ways, self.stage.lost)
        return told + [self._wished(flow, way) for flow, way in self.stage.wished.items()]

    def _wished(self, flow: int, wish: Way) -> str:
        """Say when a flow was where it is wished."""
        end, roads = self.stage.spine.end_ns, self.stage.roads[flow]
        spans = [(t_ns, way, until) for (t_ns, way), (until, _) in pairwise([*roads, (end, None)])]
        there = [(t_ns, until) for t_ns, way, until in spans if way and way.nodes[-2] == wish.nodes[-2]]
        when = " and ".join(f"from {seconds(t_ns)} to {seconds(until)}" for t_ns, until in there) or "never"
        where = over(self._leads_to(wish), tunnelled=False)
        return f"{self.words.flows[flow]}: wished {where}; it goes there {when}."

    def sampled(self) -> list[str]:
        """Name the flows that are not drawn, and those of which not every packet is."""
        stage = self.stage
        lines = [f"Not drawn: {count(stage.hidden, 'flow')}"] if stage.hidden else []
        return lines + [
            f"{stage.flows[flow].word}: one packet in {each} is drawn" for flow, each in stage.every.items() if each > 1
        ]


def _until(last_us: int, start_ns: int, end_us: int) -> str:
    """Say until when a sign is seen, if not until the end."""
    return "" if last_us >= end_us else f" (seen until {seconds(start_ns + 1000 * last_us)})"


def sign(style: FlowStyle) -> str:
    """Draw the mark of a flow as HTML: its colour, its shape, its letter."""
    look = f"background:{line_colour(style.colour)};color:{style.letter_colour};{SHAPES[style.symbol]}"
    return f"<b class='mipflow-sign' style='{look}' title='{escape(style.word)}'>{escape(style.letter)}</b>"


def sample(style: FlowStyle) -> str:
    """Draw a piece of the line of a flow's road."""
    look = f"stroke='{line_colour(style.colour)}' stroke-width='4' stroke-dasharray='{DASHES[style.dash]}'"
    return f"<svg class='mipflow-sample' viewBox='0 0 32 22' aria-hidden='true'><path d='M0 11h32' {look}/></svg>"
