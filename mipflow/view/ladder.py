"""The ladder: a message sequence chart. Lifelines side by side, time downwards, each leg of a message an arrow.

Hops of one packet through plain routers are one arrow; the way inside a tunnel is one of its own, in a tube. Rows that
change stand as notes on their lifelines, phases of handovers as brackets at the left. Time is evenly spaced, so that
each event has a line of its own, or to scale, with the pauses in which nothing happens cut out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from mipflow.sim.trace import LOST, Trace
from mipflow.view.drawing.drawing import Drawing, in_rows, width_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.style import escape, flow_styles
from mipflow.view.stage.scene import Box
from mipflow.view.story.focus import Focus
from mipflow.view.story.moment import SHOWN, Moment, Phase
from mipflow.view.story.spine import spine
from mipflow.view.story.trips import Trip, messages, trips
from mipflow.view.story.words import NS_PER_MS, NS_PER_S, Words, check_span, count, cut, seconds, short
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

Scale = Literal["even", "time"]
MOST_MESSAGES = 120
MOST_LETTERS = 40
"""Letters of a flow's name on an arrow; a handover has twice as many."""
MOST_NOTES = 8
"""Notes beside the arrows; where there are more, those that change no flow's road are folded into counts."""
AFTER_NS = 2 * NS_PER_S
"""How long after a handover its messages come before others, in nanoseconds."""
LEFT, HEAD, TIME, LANE, LEAST_GAP = 12, 50, 74, 14, 150
"""Pixels: the edge, above the first event, for a time, for a bracket, between two lifelines."""
LINE, SECOND_LINE, NOTE = 34, 16, 24
"""Pixels down for an arrow with its words, for a second line of words, for a note."""
SCALED, PAUSE_NS, CUT = 40, 200 * NS_PER_MS, 60
"""To scale: pixels for each event on an average, from which time on a pause is cut, and pixels for one that is."""


_REST = re.compile(r", (?=sequence |nonce index )")
"""The end of a message's essence."""


class Event(NamedTuple):
    """An event on the ladder: an arrow (`leg`), or a note of one moment or, folded, of several on a lifeline."""

    t_ns: int
    moments: tuple[Moment, ...]
    leg: Trip | None = None
    ends: tuple[str, ...] = ()
    """The lifelines of an arrow, be it lost on the way; none for a note."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The lifelines that it needs."""
        return self.ends or (self.node,)

    @property
    def node(self) -> str:
        """The lifeline of a note."""
        return self.moments[0].nodes[0]

    @property
    def is_asked(self) -> bool:
        """Whether it is a handover that begins: a line across."""
        return self.leg is None and self.moments[0].kind == "handover"


def ladder(
    trace: Trace, graph: networkx.Graph[str], *, names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, data: bool = False, scale: Scale = "even", mobile: str = "MN",
) -> Picture:  # fmt: skip
    """Draw which messages went from whom to whom, between two times (nanoseconds).

    names: address -> short word; flows: flow id -> word; data: draw user data too; scale: "even" for a line for each
    event, "time" for time to scale; mobile: the mobile node's name. At most `MOST_MESSAGES` are drawn, the picture says
    how many are not; `rows()` has all signalling. Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    found = trips(trace, start_ns, end_ns, data=data)
    story = spine(trace, graph, names, flows, start_ns, end_ns, mobile=mobile, found=found)
    drawn = messages(found, graph, start_ns, end_ns, data=data)
    asked = [moment.t_ns for moment in story.moments if moment.kind == "handover"]
    chosen, left_out = _chosen(story.focus, drawn, asked)
    title = f"Messages from {seconds(start_ns)} to {seconds(end_ns)}"
    notes = [Event(m.t_ns, (m,)) for m in story.moments if m.is_told and _is_note(m)]
    if left_out and chosen:
        notes = [each for each in notes if any(0 <= each.t_ns - leg.started_ns < AFTER_NS for leg in chosen)]
    whose = {hop: moment for moment in story.moments for hop in moment.hops if moment.kind != "lost"}

    def event(leg: Trip) -> Event:
        moments = (whose[leg.numbers[0]],) if leg.numbers[0] in whose else ()
        named = story.words.address(trace.packet(leg.numbers[-1]).destination)
        meant = leg.receiver if leg.arrived_ns != LOST else named if named in graph else mobile
        return Event(leg.started_ns, moments, leg, (leg.sender, meant))

    legs = [event(leg) for leg in chosen]

    def sentences() -> list[str]:
        return [*story.sentences(), *[left_out + "."] * bool(left_out)] or ["No message was sent."]

    if not legs and not notes:
        html = f"<p>No message was sent, and no row changed, from {seconds(start_ns)} to {seconds(end_ns)}.</p>"
        return Picture(title, sentences, story.rows, drawing=html)
    known = {address: cut(name, MOST_LETTERS) for address, name in names.items()}
    brief = Words(known, {flow: cut(name, MOST_LETTERS) for flow, name in story.words.flows.items()})
    chart = _Chart(graph, brief, _folded(legs, notes), story.phases, scale)
    return Picture(title, sentences, story.rows, drawing=chart.html(title, left_out, notes))


def _is_note(moment: Moment) -> bool:
    """Say whether a moment stands beside the arrows: a row that changes, or a handover that begins."""
    return moment.kind == "handover" or any(record.change.table in SHOWN for record in moment.rows)


def _chosen(focus: Focus, drawn: list[Trip], asked: Sequence[int]) -> tuple[list[Trip], str]:
    """Choose at most `MOST_MESSAGES` to draw, and say how many are left out: those after a handover first, then the
    earliest; of many flows those that are shown.
    """
    own = [each for each in drawn if focus.has_packet(each.packet)]
    others = len(drawn) - len(own)
    if len(own) <= MOST_MESSAGES:
        return own, f"{count(others, 'message')} of other flows not drawn" * bool(others)
    first = sorted(own, key=lambda each: not any(0 <= each.started_ns - t_ns < AFTER_NS for t_ns in asked))
    chosen = sorted(first[:MOST_MESSAGES], key=lambda each: each.started_ns)
    is_start = chosen == own[:MOST_MESSAGES]
    return chosen, f"{count(len(drawn) - MOST_MESSAGES, 'later message' if is_start else 'other message')} not drawn"


def _folded(legs: list[Event], notes: list[Event]) -> list[Event]:
    """Return arrows and notes in order; above `MOST_NOTES`, notes that stand together on a lifeline are one."""
    events = sorted([*notes, *legs], key=lambda event: (event.t_ns, event.leg is not None))
    if len(notes) <= MOST_NOTES:
        return events
    folded: list[Event] = []
    for alone, group in groupby(events, lambda event: _stands_alone(event) or event.node):
        several = list(group)
        if isinstance(alone, str) and len(several) > 1:
            several = [Event(several[0].t_ns, tuple(each.moments[0] for each in several))]
        folded += several
    return folded


def _stands_alone(event: Event) -> bool:
    return event.leg is not None or event.is_asked or event.moments[0].is_key


class _Chart:
    """Places of lifelines, events, brackets and words."""

    def __init__(
        self, graph: networkx.Graph[str], words: Words, events: list[Event], phases: Sequence[Phase], scale: Scale
    ) -> None:
        self.words, self.styles = words, flow_styles(words.flows)
        nodes = {node for each in events for node in each.nodes if node in graph}
        self.nodes = sorted(nodes, key=lambda node: (graph.nodes[node]["x"], -graph.nodes[node]["y"]))
        self.events = [each for each in events if set(each.nodes) <= nodes]
        self.phases = [each for each in phases if self._inside(each)]
        lanes = in_rows((each.start_ns, each.end_ns) for each in self.phases)  # brackets of one time: side by side
        self.lanes = dict(zip(self.phases, lanes, strict=True))
        first = LEFT + TIME + max(30.0, width_of(cut(self.nodes[0], MOST_LETTERS), bold=True) / 2 if self.nodes else 0)
        self.x = {node: first + self._gap() * number for number, node in enumerate(self.nodes)}
        self.to_scale = scale == "time"
        self.cuts: list[tuple[float, int]] = []
        self.y = self._scaled() if self.to_scale else self._even()
        self.bottom = max([*(self.at if self.to_scale else self.y).values(), HEAD]) + LINE
        self.taken: list[Box] = []
        self.shafts = [
            Box(x + (to_x - x) * part / 20, y + (to_y - y) * part / 20, 4, 4) for part in range(21)
            for x, y, to_x, to_y in map(self._way, range(len(self.events))) if x != to_x and self.to_scale
        ]  # fmt: skip
        """Points along the arrows, to scale: notes keep clear of them where they can."""

    def _way(self, number: int) -> tuple[float, float, float, float]:
        """Return where an arrow begins and ends; a note begins and ends at its lifeline."""
        event, y = self.events[number], self.y[number]
        x, to_x = self.x[event.nodes[0]], self.x[event.nodes[-1]]
        if event.leg is None:
            return x, y, x, y
        is_lost = event.leg.arrived_ns == LOST
        to_y = y if not self.to_scale else y + 8 if is_lost else self.at[max(event.leg.arrived_ns, event.t_ns)]
        return x, y, (x + to_x) / 2 if is_lost else to_x, to_y

    def _inside(self, phase: Phase) -> list[int]:
        return [number for number, each in enumerate(self.events) if phase.start_ns <= each.t_ns < phase.end_ns]

    def _gap(self) -> float:
        """Return the pixels between two lifelines, so that the words of each arrow have room between its ends."""
        order, gap = {node: number for number, node in enumerate(self.nodes)}, float(LEAST_GAP)
        for event in self.events:
            if event.leg is not None:
                span = abs(order[event.ends[1]] - order[event.ends[0]]) or 1
                name, essence, rest = self._said(event.leg)
                wide = max(width_of(name, bold=True) + width_of(f" {essence}"), width_of(rest))
                gap = max(gap, (wide + 30) / span)
        return gap

    # --- down --------------------------------------------------------------------------------------------------------

    def _even(self) -> dict[int, float]:
        """Return the height of each event, by its number: a line for each."""
        places, y = {}, float(HEAD)
        for number, event in enumerate(self.events):
            has_rest = event.leg is not None and bool(self._said(event.leg)[2])
            y += NOTE if event.leg is None else LINE
            places[number] = y
            y += SECOND_LINE * has_rest
        return places

    def _scaled(self) -> dict[int, float]:
        """Return the height of each event by its time, pauses cut."""
        spans = [(e.t_ns, e.t_ns if e.leg is None else max(e.leg.arrived_ns, e.t_ns)) for e in self.events]
        times = sorted({t_ns for span in spans for t_ns in span})
        busy = [any(a < later and b > t_ns for a, b in spans) for t_ns, later in pairwise(times)]
        kept = sum(b - a for (a, b), is_busy in zip(pairwise(times), busy, strict=True) if is_busy or b - a < PAUSE_NS)
        per_ns = SCALED * len(self.events) / max(kept, NS_PER_MS)
        self.at = dict.fromkeys(times[:1], float(HEAD + 2 * NOTE))
        for (before, t_ns), is_busy in zip(pairwise(times), busy, strict=True):
            is_cut = not is_busy and t_ns - before >= PAUSE_NS
            self.at[t_ns] = self.at[before] + (CUT if is_cut else (t_ns - before) * per_ns)
            self.cuts += [(self.at[before] + CUT / 2, t_ns - before)] * is_cut
        return {number: self.at[each.t_ns] for number, each in enumerate(self.events)}

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def html(self, title: str, foot: str, notes: Sequence[Event]) -> str:
        """Draw the whole chart, with `foot` and, where they are folded, all notes below it."""
        lines, marks, labels = Drawing(), Drawing(), Drawing()
        for y, length_ns in self.cuts:
            lines.line("cut", LEFT, y, max(self.x.values()) + 40, y, stroke_dasharray="1 5")
            words = f"{length_ns / NS_PER_S:.3g} s in which nothing is sent"
            labels.text("quiet", self.x[self.nodes[0]] + 10, y, words)
            self.taken.append(Box(self.x[self.nodes[0]] + 10 + width_of(words) / 2, y, width_of(words), 16))
        said = ""
        for number, event in enumerate(self.events):
            y, time = self.y[number], seconds(event.t_ns)
            if time != said and not self._covers(Box(LEFT + TIME / 2, y, TIME, 16)):
                labels.text("end quiet", LEFT + TIME - 8, y, time)
                self.taken.append(Box(LEFT + TIME / 2, y, TIME, 16))
                said = time
            if event.leg is not None:
                self._arrow(marks, labels, event, number)
            elif event.is_asked:
                self._asked(lines, labels, event, y)
            else:
                self._note(marks, labels, event, y)
        bottom = max(self.bottom, *(box.y + 20 for box in self.taken)) if self.taken else self.bottom
        whole = self._lifelines(bottom)
        whole.parts += [*lines.parts, *marks.parts, *labels.parts]
        width = max([max(self.x.values()) + 60, *(box.x + box.width / 2 + 10 for box in self.taken)])
        width = self._brackets(whole, width)
        told = f"<p>{escape(foot)}.</p>" if foot else ""
        if len(notes) > MOST_NOTES:
            items = "".join(f"<li>{seconds(each.t_ns)}: {escape(each.moments[0].sentence)}.</li>" for each in notes)
            told += f"<details><summary>All {len(notes)} notes</summary><ul>{items}</ul></details>"
        key = "arrows: signalling; in a tube: inside a tunnel; yellow: a row by which a flow takes another road"
        return whole.html(title, width, bottom + 10, f"<p>{key}</p>", told)

    def _lifelines(self, bottom: float) -> Drawing:
        lines = Drawing()
        for node, x in self.x.items():
            lines.line("life", x, HEAD - 16, x, bottom)
            word = cut(node, MOST_LETTERS)
            width = width_of(word, bold=True) + 20
            lines.rect("card", x - width / 2, 10, width, 26, rx=4)
            lines.text("middle strong", x, 23, word)
        return lines

    def _said(self, leg: Trip) -> tuple[str, str, str]:
        """Return the words above an arrow, its name and its essence, and the words below."""
        flow = self.words.flow(leg.packet)
        essence, *rest = [""] if flow else _REST.split(self.words.detail(leg.packet), 1)
        return flow or short(leg.packet), essence + " (ESP)" * leg.encrypted, "".join(rest)

    def _arrow(self, marks: Drawing, labels: Drawing, event: Event, number: int) -> None:
        assert event.leg is not None
        leg, is_lost = event.leg, event.leg.arrived_ns == LOST
        x, y, to_x, to_y = self._way(number)
        name, essence, rest = self._said(leg)
        arrow = self._line(leg, (x, y), (to_x, to_y))
        arrived = "it is lost" if is_lost else f"it arrives at {seconds(leg.arrived_ns)}"
        sentence = event.moments[0].sentence if event.moments else f"{name} {essence}"
        said = f"{sentence}; {arrived} (packet-hop {leg.numbers[0]}, {leg.packet.size} octets)"
        hops = event.moments[0].hops if event.moments else leg.numbers
        marks.group(
            "mipflow-arrow", arrow, said, data_hop=leg.numbers[0], data_hops=" ".join(map(str, hops)),
            data_ns=event.t_ns,
        )  # fmt: skip
        more = f" {essence}" * bool(essence) + " (lost)" * is_lost
        shares = (0.5, 0.38, 0.62, 0.28, 0.72, 0.2, 0.8)
        clear = 0 if self.to_scale else 14 if leg.tunnelled else 11
        points = [(x + (to_x - x) * share, y + (to_y - y) * share - clear) for share in shares]
        box = self._place(points, width_of(name, bold=True) + width_of(more), 18, labels)
        inside = f'<tspan class="strong">{escape(name)}</tspan>{escape(more)}'
        labels.add("text", "middle", inside, x=box.x, y=box.y, dy=".35em")
        if rest and not self.to_scale:
            labels.text("middle quiet", box.x, y + clear, rest)
            self.taken.append(Box(box.x, y + clear, width_of(rest), 16))

    def _line(self, leg: Trip, start: tuple[float, float], end: tuple[float, float]) -> Drawing:
        """Draw the line of an arrow with its tip, or with a cross where the message is lost."""
        (x, y), (to_x, to_y), style = start, end, self.styles.get(leg.packet.flow)
        kind = "tunnel" if leg.tunnelled else f"flow-{style.letter}" if style else "signal"
        arrow, side = Drawing(), 1 if to_x >= x else -1
        if leg.tunnelled:
            arrow.line("tube", x + 10 * side, y, to_x - 10 * side, to_y)
        colour = {"style": f"stroke:{style.colour};stroke-width:2px"} if style and not leg.tunnelled else {}
        arrow.line(kind, x, y, to_x - 7 * side, to_y, **colour)
        if leg.arrived_ns == LOST:
            arrow.path(kind, [(to_x - 6, to_y - 6), (to_x + 6, to_y + 6)], **colour)
            arrow.path(kind, [(to_x - 6, to_y + 6), (to_x + 6, to_y - 6)], **colour)
        else:
            tip = [(to_x, to_y), (to_x - 10 * side, to_y - 5), (to_x - 10 * side, to_y + 5)]
            fill = {"style": f"fill:{style.colour};stroke:none"} if style and not leg.tunnelled else {}
            arrow.path(f"{kind}-tip", tip, **fill)
        return arrow

    def _asked(self, lines: Drawing, labels: Drawing, event: Event, y: float) -> None:
        """Draw a handover that begins, across all lifelines."""
        text = cut(event.moments[0].sentence, 2 * MOST_LETTERS)
        lines.line("asked", LEFT + TIME, y, max(self.x.values()) + 50, y)
        middle = self.x[self.nodes[0]] + 12 + width_of(text) / 2
        box = self._place([(middle, y - 13 * self.to_scale)], width_of(text), 20, labels)
        labels.text("middle", box.x, box.y, text)

    def _note(self, marks: Drawing, labels: Drawing, event: Event, y: float) -> None:
        """Draw a row that changes, or several, beside a lifeline."""
        moment, x = event.moments[0], self.x[event.node]
        kind = "lit" if moment.is_key else "card"
        text = self._row(moment) if len(event.moments) == 1 else f"{len(event.moments)} rows change"
        width = width_of(text, bold=moment.is_key) + 12
        sides = (-1, 1) if event.node == self.nodes[-1] and len(self.nodes) > 1 and not self.to_scale else (1,)
        downs = (0, -14, 14, -25, 25, -36, 36) if self.to_scale else (0, 22, 44)
        places = [(x + side * (width / 2 + 12), y + down) for down in downs for side in sides]
        clear = [place for place in places if not any(Box(*place, width, 22).overlap(each) for each in self.shafts)]
        box, note = self._place([*clear, *places], width, 22, labels), Drawing()
        note.add("circle", kind, cx=x, cy=y, r=4)
        if box.y != y:
            note.line("life", x, y, box.x - width / 2 if box.x > x else box.x + width / 2, box.y)
        note.rect(kind, box.x - width / 2, box.y - 11, width, 22, rx=3)
        note.text(f"middle{' strong on-lit' if moment.is_key else ''}", box.x, box.y, text)
        said = "; ".join(each.sentence for each in event.moments)
        labels.group("mipflow-note", note, said, data_ns=moment.t_ns)

    def _row(self, moment: Moment) -> str:
        change = moment.rows[0].change
        line = " ".join(self.words.row(change.table, change.after or change.before or {}).split())
        return line if change.after else f"{line} goes"

    def _brackets(self, whole: Drawing, right: float) -> float:
        """Draw the phases of handovers, from `right` on, each with its name and its duration; return the whole width.
        """
        low, names = 0.0, right + LANE * (max(self.lanes.values(), default=-1) + 1)
        for phase in self.phases:
            inside, x = self._inside(phase), right + LANE * self.lanes[phase]
            if self.to_scale:
                top, bottom = self._height(phase.start_ns), self._height(phase.end_ns)
            else:
                top, bottom = self.y[inside[0]] - 14, self._end(phase, inside[-1])
            whole.path("bracket", [(x - 6, top), (x, top), (x, bottom), (x - 6, bottom)])
            y = low = max((top + bottom) / 2, low + 40)
            whole.text("", names, y - 8, phase.name)
            whole.text("quiet", names, y + 9, phase.took)
        return max([right, *(names + width_of(each.name) + 8 for each in self.phases)])

    def _end(self, phase: Phase, last: int) -> float:
        """Return the height at which a phase ends, evenly spaced: below its last message, which stands where it is
        sent.
        """
        y, sent_ns = self.y[last], self.events[last].t_ns
        if last + 1 == len(self.events):
            return y + 14
        share = min(1.0, (phase.end_ns - sent_ns) / max(self.events[last + 1].t_ns - sent_ns, 1))
        return max(y + 14, y + (self.y[last + 1] - y) * share - 18)

    def _height(self, t_ns: int) -> float:
        """Return the height of a time, to scale, between the times of events."""
        times = list(self.at)
        after = min(max(bisect_left(times, t_ns), 1), len(times) - 1)
        a, b = times[after - 1], times[after]
        return self.at[a] + (self.at[b] - self.at[a]) * min(max((t_ns - a) / (b - a), 0), 1)

    # --- places ------------------------------------------------------------------------------------------------------

    def _covers(self, box: Box) -> bool:
        return any(box.overlap(other) for other in self.taken)

    def _place(self, points: Iterable[tuple[float, float]], width: float, height: float, labels: Drawing) -> Box:
        """Reserve a blank for words at the first free point; if none is free, move down until one is."""
        boxes = [Box(x, y, width, height) for x, y in points]
        best = next((box for box in boxes if not self._covers(box)), boxes[0])
        while self._covers(best):
            best = best._replace(y=best.y + 6)
        self.taken.append(best)
        labels.rect("blank", best.x - width / 2 - 1, best.y - height / 2 + 1, width + 2, height - 2)
        return best
