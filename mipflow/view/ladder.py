"""The ladder: a message sequence chart. Lifelines side by side, time downwards, each message an arrow end to end.

Hops of one packet through plain routers are one arrow; a tunnel is one arrow too, and says so. Time is not to scale
where nothing happens: the times stand at the left edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mipflow.sim.trace import LOST, TableChanged, Trace
from mipflow.view import events
from mipflow.view import style as look
from mipflow.view.board import SHOWN
from mipflow.view.events import Message
from mipflow.view.picture import Picture
from mipflow.view.scene import Box
from mipflow.view.style import Dict
from mipflow.view.trips import trips
from mipflow.view.words import NEIGHBOR_DISCOVERY, NS_PER_MS, Words, check_span, count, seconds, short
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

WIDTH, LEFT, RIGHT = 830, 250, 165
"""Units across, and where the first and the last lifeline stand from the edges. A unit is about one pixel."""
HEAD, LEAST_STEP, MOST_STEP, PER_MS = 44, 22, 70, 2.0
"""Units: above the first message; between two moments at least, at most, and for each millisecond."""
MOST_MESSAGES = 120


def ladder(
    trace: Trace,
    graph: networkx.Graph[str],
    *,
    names: Mapping[Address, str],
    flows: Mapping[int, str],
    start_ns: int,
    end_ns: int,
    data: bool = False,
    neighbor_discovery: bool = False,
) -> Picture:
    """Who sent which message to whom, between two times (nanoseconds).

    names: address -> short word; flows: flow id -> word; data: draw user data too; neighbor_discovery: router and
    neighbor solicitations and advertisements too. At most `MOST_MESSAGES` are drawn, the picture says how many are not;
    `rows()` has all signalling. Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    words = Words(names, flows)
    sent = events.signalling(trace, graph, start_ns, end_ns, neighbor_discovery=neighbor_discovery)
    drawn = sent
    if data:
        found = [
            trip
            for trip in trips(trace, start_ns, end_ns)
            if neighbor_discovery or not isinstance(trip.packet.payload, NEIGHBOR_DISCOVERY)
        ]
        drawn = [each for each in events.messages(found, graph) if start_ns <= each.sent_ns <= end_ns]
    left_out = max(0, len(drawn) - MOST_MESSAGES)
    changes = [
        record
        for record in trace.changes()
        if start_ns <= record.t_ns <= end_ns and record.change.table in SHOWN and _visible(record, words)
    ]
    title = f"Messages from {seconds(start_ns)} to {seconds(end_ns)}"
    chart = _Chart(graph, words, drawn[:MOST_MESSAGES], changes, left_out)
    story = events.story(trace, graph, words, start_ns, end_ns, sent)

    def sentences() -> list[str]:
        more = [f"{count(left_out, 'later message')} not drawn."] if left_out else []
        return [*events.sentences(story), *more] or ["No message was sent."]

    return Picture(title, sentences, lambda: [event.row for event in story], figure=chart.figure(title))


def _visible(record: TableChanged, words: Words) -> bool:
    change = record.change
    texts = [None if row is None else words.row(change.table, row) for row in (change.before, change.after)]
    return texts[0] != texts[1]


class _Chart:
    """Places of lifelines, moments, arrows and labels."""

    def __init__(
        self,
        graph: networkx.Graph[str],
        words: Words,
        drawn: Sequence[Message],
        changes: Sequence[TableChanged],
        left_out: int,
    ) -> None:
        self.words, self.left_out = words, left_out
        nodes = {node for each in drawn for node in (each.sender, each.receiver) if node in graph}
        self.nodes = sorted(nodes, key=lambda node: (graph.nodes[node]["x"], -graph.nodes[node]["y"]))
        gap = (WIDTH - LEFT - RIGHT) / max(1, len(self.nodes) - 1)
        self.drawn = [each for each in drawn if each.sender in nodes and each.receiver in nodes]
        self.x = {node: round(LEFT + gap * number, 1) for number, node in enumerate(self.nodes)}
        self.changes = [record for record in changes if record.node in self.x]
        self.y = self._moments()
        self.bottom = min(self.y.values(), default=-HEAD) - 26
        self.taken = [Box(40, y, 80, 18) for y in self.y.values()]
        self.taken += [Box(x, (self.bottom - HEAD) / 2, 6, -self.bottom) for x in self.x.values()]

    def _moments(self) -> dict[int, float]:
        times = {t for each in self.drawn for t in (each.sent_ns, each.arrived_ns)} - {LOST}
        times |= {record.t_ns for record in self.changes}
        y, places, before = -float(HEAD), {}, None
        for t_ns in sorted(times):
            if before is not None:
                y -= min(MOST_STEP, max(LEAST_STEP, (t_ns - before) / NS_PER_MS * PER_MS))
            places[t_ns] = round(y, 1)
            before = t_ns
        return places

    def figure(self, title: str) -> Dict:
        """The whole figure."""
        lines = {
            "type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"color": look.EDGE, "width": 2},
            "x": [value for x in self.x.values() for value in (x, x, None)],
            "y": [value for _ in self.x for value in (-18, self.bottom, None)],
        }  # fmt: skip
        edge = {"bordercolor": look.INK, "borderwidth": 2}
        heads = [look.label(x, -14, f"<b>{node}</b>", 13, **edge) for node, x in self.x.items()]
        moments = [look.label(4, y, seconds(t_ns), 11, xanchor="left", borderpad=1) for t_ns, y in self.y.items()]
        changed = [self._changed(record) for record in self.changes]
        labels = [self._labelled(each) for each in self.drawn]
        end = f"{count(self.left_out, 'later message')} not drawn" if self.left_out else ""
        foot = [look.label(WIDTH / 2, self.bottom - 14, end)] if end else []
        height = round(-self.bottom + 30)
        return {
            "data": [lines, *self._arrows()],
            "layout": look.base_layout(
                title, height, margin={"l": 0, "r": 0, "t": 0, "b": 0}, xaxis=look.bare_axis(0, WIDTH),
                yaxis=look.bare_axis(-height, 0), annotations=[*moments, *changed, *labels, *heads, *foot],
            ),
            "config": look.CONFIG,
        }  # fmt: skip

    def _arrows(self) -> list[Dict]:
        """One plotly trace for each look: signalling, signalling in a tunnel, each flow's data, what was lost."""
        looks: dict[tuple[str, str], list[Message]] = {}
        styles = look.flow_styles(self.words.flows)
        for each in self.drawn:
            style = styles.get(each.packet.flow)
            colour = look.line_colour(style.colour if style else look.PURPLE if each.tunnelled else look.VERMILION)
            looks.setdefault((colour, "dash" if each.tunnelled else "solid"), []).append(each)
        return [_arrow_layer(colour, dash, [(self._ends(each), self._hover(each)) for each in group])
                for (colour, dash), group in looks.items()]  # fmt: skip

    def _ends(self, message: Message) -> tuple[float, float, float, float, bool]:
        x, y = self.x[message.sender], self.y[message.sent_ns]
        to = self.x[message.receiver]
        if message.arrived_ns == LOST:
            return x, y, (x + to) / 2, y - LEAST_STEP / 2, True
        return x, y, to, self.y[message.arrived_ns], False

    def _hover(self, message: Message) -> str:
        return f"{self._text(message)}<br>packet-hop {message.numbers[0]}, {message.packet.size} octets"

    def _text(self, message: Message) -> str:
        flow = self.words.flow(message.packet)
        name = flow or short(message.packet)
        tunnelled = " (tunnelled)" if message.tunnelled else ""
        return f"<b>{name}</b>{tunnelled} {'' if flow else self.words.detail(message.packet)}".strip()

    def _labelled(self, message: Message) -> Dict:
        text = self._text(message)
        x, y, to_x, to_y, _ = self._ends(message)
        width = (len(text) - 7) * 5.9 + 12
        boxes = [
            Box(x + (to_x - x) * share, y + (to_y - y) * share, width, 18)
            for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
        ]
        box = self._free(boxes)
        return look.label(round(box.x, 1), round(box.y, 1), text, 11, borderpad=1)

    def _changed(self, record: TableChanged) -> Dict:
        change = record.change
        row = change.after or change.before or {}
        text = f"<b>{' '.join(self.words.row(change.table, row).split())}</b>{'' if change.after else ' goes'}"
        x, y = self.x[record.node], self.y[record.t_ns]
        width = (len(text) - 7) * 6.4 + 12
        side = {self.nodes[-1]: 1, self.nodes[0]: -1}.get(record.node)
        boxes = [
            Box(x + each * (width / 2 + 8), y - down, width, 18)
            for down in ((0, 18, -18, 36) if side else (16, -16, 32))
            for each in ((side,) if side else (1, -1))
        ]
        box = self._free(boxes)
        return look.label(round(box.x, 1), round(box.y, 1), text, 11, bgcolor=look.HIGHLIGHT, borderpad=1)

    def _free(self, boxes: Iterable[Box]) -> Box:
        """The first place that is free, or the one where least is covered."""
        best = min(boxes, key=lambda box: sum(box.overlap(other) for other in self.taken))
        self.taken.append(best)
        return best


def _arrow_layer(colour: str, dash: str, arrows: Sequence[tuple[tuple[float, float, float, float, bool], str]]) -> Dict:
    xs: list[float | None] = []
    ys: list[float | None] = []
    symbols: list[str] = []
    texts: list[str] = []
    for (x, y, to_x, to_y, lost), text in arrows:
        xs += [x, to_x, None]
        ys += [y, to_y, None]
        symbols += ["circle", "x" if lost else "arrow", "circle"]
        texts += [text, text, ""]
    return {
        "type": "scatter", "mode": "lines+markers", "x": xs, "y": ys, "text": texts, "hoverinfo": "text",
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {
            "color": colour, "symbol": symbols, "size": [12 if symbol != "circle" else 5 for symbol in symbols],
            "angleref": "previous", "opacity": 1,
        },
    }  # fmt: skip
