"""The ladder: a message sequence chart. Lifelines side by side, time downwards, each message an arrow end to end.

Hops of one packet through plain routers are one arrow; a tunnel is one arrow too, and says so. Time is not to scale
where nothing happens: the times stand at the left edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mipflow.sim.trace import LOST, TableChanged, Trace
from mipflow.view import style as look
from mipflow.view.focus import Focus
from mipflow.view.picture import Picture
from mipflow.view.scene import Box
from mipflow.view.spine import SHOWN, spine
from mipflow.view.style import Dict
from mipflow.view.trips import Trip, messages, trips
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, check_span, count, seconds, short
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

WIDTH, LEFT, RIGHT = 940, 270, 245
"""Units across, and where the first and the last lifeline stand from the edges. A unit is about one pixel."""
HEAD, LEAST_STEP, MOST_STEP, PER_MS = 44, 26, 70, 2.0
"""Units: above the first message; between two moments at least, at most, and for each millisecond."""
MOST_MESSAGES = 120
AFTER_NS = 2 * NS_PER_S
"""How long after a handover its messages come before others, in nanoseconds."""


def ladder(
    trace: Trace, graph: networkx.Graph[str], *, names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, data: bool = False,
) -> Picture:  # fmt: skip
    """Who sent which message to whom, between two times (nanoseconds).

    names: address -> short word; flows: flow id -> word; data: draw user data too. At most `MOST_MESSAGES` are drawn,
    the picture says how many are not; `rows()` has all signalling. Raises ProtocolMisuse where time does not go
    forward.
    """
    check_span(start_ns, end_ns)
    words, found = Words(names, flows), trips(trace, start_ns, end_ns, data=data)
    sent = messages(found, graph, start_ns, end_ns)
    drawn = messages(found, graph, start_ns, end_ns, data=True) if data else sent
    focus = Focus(trace, flows, start_ns=start_ns, end_ns=end_ns)
    chosen, left_out = _chosen(trace, focus, drawn)
    title = f"Messages from {seconds(start_ns)} to {seconds(end_ns)}"
    story = spine(trace, graph, words, focus, start_ns, end_ns, found=found)
    told = [
        record for moment in story.moments if moment.is_told for record in moment.rows if record.change.table in SHOWN
    ]
    if left_out and chosen:
        told = [r for r in told if any(0 <= r.t_ns - each.started_ns < AFTER_NS for each in chosen)][:MOST_MESSAGES]
    chart = _Chart(graph, words, chosen, told)

    def sentences() -> list[str]:
        return story.sentences() + [left_out + "."] * bool(left_out) or ["No message was sent."]

    return Picture(title, sentences, story.rows, figure=chart.figure(title, left_out))


def _chosen(trace: Trace, focus: Focus, drawn: list[Trip]) -> tuple[list[Trip], str]:
    """At most `MOST_MESSAGES` to draw, and how many are left out: those after a handover first, then the earliest; of
    many flows those that are shown.
    """
    own = [each for each in drawn if focus.has_packet(each.packet)]
    others = len(drawn) - len(own)
    if len(own) <= MOST_MESSAGES:
        return own, f"{count(others, 'message')} of other flows not drawn" * bool(others)
    moments = [record.t_ns for record in trace.decisions() if record.what == "handover"]
    first = sorted(own, key=lambda each: not any(0 <= each.started_ns - t_ns < AFTER_NS for t_ns in moments))
    chosen = sorted(first[:MOST_MESSAGES], key=lambda each: each.started_ns)
    is_start = chosen == own[:MOST_MESSAGES]
    return chosen, f"{count(len(drawn) - MOST_MESSAGES, 'later message' if is_start else 'other message')} not drawn"


class _Chart:
    """Places of lifelines, moments, arrows and labels."""

    def __init__(
        self, graph: networkx.Graph[str], words: Words, drawn: Sequence[Trip], changes: Sequence[TableChanged]
    ) -> None:
        self.words = words
        nodes = {node for each in drawn for node in (each.sender, each.receiver) if node in graph}
        self.nodes = sorted(nodes, key=lambda node: (graph.nodes[node]["x"], -graph.nodes[node]["y"]))
        gap = (WIDTH - LEFT - RIGHT) / max(1, len(nodes) - 1)
        self.x = {node: round(LEFT + gap * number, 1) for number, node in enumerate(self.nodes)}
        self.drawn = [each for each in drawn if each.sender in nodes and each.receiver in nodes]
        self.changes = [record for record in changes if record.node in nodes]
        times = {t for each in self.drawn for t in (each.started_ns, each.arrived_ns)} - {LOST}
        moments = sorted(times | {record.t_ns for record in self.changes})
        self.y = dict.fromkeys(moments[:1], -float(HEAD))
        for before, t_ns in pairwise(moments):
            step = min(MOST_STEP, max(LEAST_STEP, (t_ns - before) / NS_PER_MS * PER_MS))
            self.y[t_ns] = round(self.y[before] - step, 1)
        self.bottom = min(self.y.values(), default=-HEAD) - 26
        self.taken = [Box(40, y, 80, 18) for y in self.y.values()]
        self.taken += [Box(x, (self.bottom - HEAD) / 2, 6, -self.bottom) for x in self.x.values()]

    def figure(self, title: str, foot: str) -> Dict:
        """The whole figure, with a line of words below it."""
        xs = [value for x in self.x.values() for value in (x, x, None)]
        ys = [value for _ in self.x for value in (-18, self.bottom, None)]
        lifelines = look.scatter("lines", xs, ys, line={"color": look.EDGE, "width": 2})
        edge: Dict = {"bordercolor": look.INK, "borderwidth": 2}
        notes = [look.label(4, y, seconds(t_ns), 11, xanchor="left", borderpad=1) for t_ns, y in self.y.items()]
        notes += [self._changed(record) for record in self.changes]
        # The label of a long arrow has more room to give way.
        by_length = sorted(self.drawn, key=lambda each: abs(self.x[each.receiver] - self.x[each.sender]))
        notes += [self._labelled(each) for each in by_length]
        notes += [look.label(x, -14, f"<b>{look.literal(node)}</b>", 13, **edge) for node, x in self.x.items()]
        notes += [look.label(WIDTH / 2, self.bottom - 14, foot)] if foot else []
        height = round(-self.bottom + 30)
        layout = look.base_layout(
            title, height, margin={"l": 0, "r": 0, "t": 0, "b": 0}, xaxis=look.bare_axis(0, WIDTH),
            yaxis=look.bare_axis(-height, 0), annotations=notes,
        )  # fmt: skip
        return {"data": [lifelines, *self._arrows()], "layout": layout, "config": look.CONFIG}

    def _arrows(self) -> list[Dict]:
        """One plotly trace for each look: signalling, signalling in a tunnel, each flow's data."""
        layers: dict[tuple[str, str], Dict] = {}
        styles = look.flow_styles(self.words.flows)
        for each in self.drawn:
            style, dash = styles.get(each.packet.flow), "dash" if each.tunnelled else "solid"
            colour = look.line_colour(style.colour if style else look.PURPLE if each.tunnelled else look.VERMILION)
            new = look.scatter(
                "lines+markers", [], [], text=[], hoverinfo="text", line={"color": colour, "width": 2, "dash": dash},
                marker={"color": colour, "symbol": [], "size": [], "angleref": "previous", "opacity": 1},
            )  # fmt: skip
            layer = layers.setdefault((colour, dash), new)
            x, y, to_x, to_y = self._ends(each)
            text = f"{self._text(each)}<br>packet-hop {each.numbers[0]}, {each.packet.size} octets"
            layer["x"] += [x, to_x, None]
            layer["y"] += [y, to_y, None]
            layer["text"] += [text, text, ""]
            layer["marker"]["symbol"] += ["circle", "x" if each.arrived_ns == LOST else "arrow", "circle"]
            layer["marker"]["size"] += [5, 12, 5]
        return list(layers.values())

    def _ends(self, message: Trip) -> tuple[float, float, float, float]:
        x, y, to = self.x[message.sender], self.y[message.started_ns], self.x[message.receiver]
        if message.arrived_ns == LOST:
            return x, y, (x + to) / 2, y - LEAST_STEP / 2
        return x, y, to, self.y[message.arrived_ns]

    def _text(self, message: Trip) -> str:
        flow = self.words.flow(message.packet)
        tunnelled = (" (tunnelled)" if message.tunnelled else "") + (" (ESP)" if message.encrypted else "")
        detail = "" if flow else self.words.detail(message.packet)
        return f"<b>{look.literal(flow or short(message.packet))}</b>{tunnelled} {look.literal(detail)}".strip()

    def _labelled(self, message: Trip) -> Dict:
        text, (x, y, to_x, to_y) = self._text(message), self._ends(message)
        shares = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
        points = [(x + (to_x - x) * share, y + (to_y - y) * share) for share in shares]
        return self._placed(text, points, look.letters(text) * 5.9 + 12)

    def _changed(self, record: TableChanged) -> Dict:
        change = record.change
        line = self.words.line(change.table, change.after or change.before or {})
        text = f"<b>{look.literal(line)}</b>{'' if change.after else ' goes'}"
        x, y, width = self.x[record.node], self.y[record.t_ns], look.letters(text) * 6.4 + 12
        side = {self.nodes[-1]: 1, self.nodes[0]: -1}.get(record.node)
        points = [
            (x + each * (width / 2 + 8), y - down)
            for down in ((0, 18, -18, 36) if side else (16, -16, 32)) for each in ((side,) if side else (1, -1))
        ]  # fmt: skip
        return self._placed(text, points, width, bgcolor=look.HIGHLIGHT)

    def _placed(self, text: str, points: Iterable[tuple[float, float]], width: float, **more: str) -> Dict:
        """A label at the first place that is free, or the one where least is covered."""
        boxes = (Box(x, y, width, 18) for x, y in points)
        best = min(boxes, key=lambda box: sum(box.overlap(other) for other in self.taken))
        self.taken.append(best)
        return look.label(best.x, best.y, text, 11, borderpad=1, **more)
