"""The animation: packets on their links, tables beside their nodes, played, paused and scrubbed in the browser.

Takes a trace, a graph and words; gives a plotly figure with key frames as plain values. plotly moves marks in straight
lines between key frames; what a frame says in letters shows from the start of the move to it. So each table change has
two key frames at one virtual time, before and after: the picture rests there, and the row changes as the message lands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mipflow.sim.trace import Trace
from mipflow.view import events, layers
from mipflow.view import style as look
from mipflow.view.board import SHOWN, Board, Version, of_frame
from mipflow.view.film import HOLD_FRAMES, Film, bursts
from mipflow.view.flight import CONTROL, MESSAGE_TUNNEL, TUNNEL, Flight, Spot, lanes
from mipflow.view.picture import Picture
from mipflow.view.scene import BOTTOM, HEIGHT, TOP, WIDTH, Scene, words_at
from mipflow.view.style import Dict, FlowStyle
from mipflow.view.usage import Run, leading, losses, main_direction, road, runs
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, check_span, count, seconds
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

CONTROLS = 84
"""Height of the strip with the buttons and the slider, in pixels."""
MOST_STEPS = 60
LOSS_TICKS = 8
LEGEND_LINES = 2
MOST_LETTERS = 132


def animate(
    trace: Trace,
    graph: networkx.Graph[str],
    *,
    names: Mapping[Address, str],
    flows: Mapping[int, str],
    start_ns: int,
    end_ns: int,
    slow: Sequence[tuple[int, int]] = (),
    mobile: str = "MN",
    max_packets: int = 240,
    title: str = "The network at work",
) -> Picture:
    """The network between two times (nanoseconds): packets moving, tables changing; play, pause and scrub.

    names: address -> short word; flows: flow id -> word; slow: the times (from, to) in slow motion, where none
    is given around each Mobility Header message; mobile: the mobile node's name; max_packets: most data packets drawn
    (all signalling is). Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    words = Words(names, flows)
    sent = events.signalling(trace, graph, start_ns, end_ns)
    if not slow:
        slow = bursts((each.sent_ns for each in sent), start_ns, end_ns)
    film = Film(start_ns, end_ns, slow)
    story = events.story(trace, graph, words, start_ns, end_ns, sent)
    cutter = Cutter(trace, graph, words, film, story, mobile, max_packets)

    def sentences() -> list[str]:
        return [
            f"From {seconds(start_ns)} to {seconds(end_ns)} of virtual time, {film.in_words()}.",
            *events.sentences(story),
            *events.flow_sentences(trace, words, mobile, start_ns, end_ns),
        ]

    return Picture(title, sentences, lambda: [event.row for event in story], figure=cutter.figure(title))


class Cutter:
    """Cuts the film: every layer of the picture is a plotly trace, and each frame says what has changed in which."""

    def __init__(
        self,
        trace: Trace,
        graph: networkx.Graph[str],
        words: Words,
        film: Film,
        story: Sequence[events.Event],
        mobile: str,
        max_packets: int,
    ) -> None:
        self.trace, self.film = trace, film
        start_ns, end_ns = film.ticks[0], film.ticks[-1]
        found = runs(trace, mobile, max(0, start_ns - NS_PER_S), end_ns)
        upward = main_direction(found)
        main = [run for run in found if run.upward == upward[run.flow]]
        shown = leading(words.flows, main, LEGEND_LINES * 2)
        self.board = Board(trace, words, film, shown)
        self.hidden = len(words.flows) - len(shown)
        self.styles = look.flow_styles({flow: words.flows[flow] for flow in shown})
        self.scene = Scene(graph, trace.channels, mobile)
        self.lanes = lanes(shown)
        letters = {flow: style.letter for flow, style in self.styles.items()}
        self.flight = Flight(trace, graph, self.scene, film, self.lanes, letters, max_packets)
        self.runs = {flow: [run for run in main if run.flow == flow] for flow in self.styles}
        self.lost = self._losses(graph, start_ns, end_ns)
        self.lines = sorted(
            (film.tick(event.t_ns), event.kind == "table", f"{seconds(event.t_ns)}   {event.brief}"[:MOST_LETTERS])
            for event in story
            if event.kind != "table" or event.row["table"] in SHOWN
        )
        self.roads: dict[int, Dict] = {}
        self.layers: dict[str, int] = {}
        self.traces: list[Dict] = []

    def _losses(self, graph: networkx.Graph[str], start_ns: int, end_ns: int) -> list[tuple[int, int, str]]:
        """(tick, flow, where) of each loss; a packet that a link loses gets half-way first."""
        delays = {data.get("segment"): float(data.get("delay_ms", 0)) for _, _, data in graph.edges(data=True)}
        return [
            (
                self.film.tick(record.t_ns + round(delays.get(record.node, 0.0) / 2 * NS_PER_MS)),
                record.packet.innermost().flow,
                record.node,
            )
            for record in losses(self.trace, start_ns, end_ns)
        ]

    # --- the layers --------------------------------------------------------------------------------------------------

    def figure(self, title: str) -> Dict:
        """The whole figure."""
        boxes = self.scene.table_places(self.board.sizes())
        cards, heads, rows = self.board.place(boxes)
        self._add("links", self.scene.link_line())
        for flow, style in self.styles.items():
            self._add(f"road {flow}", self._road_layer(style))
        for flow, style in self.styles.items():
            self._add(str(flow), layers.packets(style))
        self._add(str(TUNNEL), layers.marks("circle-open", 31, look.PURPLE, width=3))
        self._add(str(MESSAGE_TUNNEL), layers.marks("circle-open", 50, look.PURPLE, width=3))
        messages = layers.marks("square", 34, look.CARD, look.VERMILION, 2)
        self._add(str(CONTROL), {**messages, "mode": "markers+text", "textfont": look.font(11, bold=True)})
        self._add("lost", layers.marks("x", 17, look.VERMILION, look.INK, 1))
        self._add("heads", heads)
        self._add("rows", rows)
        self._add("clock", words_at([(14, HEIGHT - 21)], [""], 17, bold=True))
        self._add("words", words_at([(14, HEIGHT - 46), (14, BOTTOM / 2 - 3)], ["", ""], 13))
        self._add("flows", self._flow_layer())
        self._add("letters", self._letters())
        frames, steps = self._frames()
        for number, payload in zip(frames[0]["traces"], frames[0]["data"], strict=True):
            layers.put(self.traces[number], payload)
        return {
            "data": self.traces, "layout": self._layout(title, cards, steps), "frames": frames, "config": look.CONFIG,
        }  # fmt: skip

    def _add(self, name: str, layer: Dict) -> None:
        self.layers[name] = len(self.traces)
        self.traces.append(layer)

    def _road_layer(self, style: FlowStyle) -> Dict:
        return {
            "type": "scatter", "mode": "lines", "x": [layers.PARKED], "y": [layers.PARKED], "hoverinfo": "skip",
            "line": {"color": look.line_colour(style.colour), "width": 4, "dash": style.dash, "simplify": False},
        }  # fmt: skip

    def _flow_layer(self) -> Dict:
        line = (TOP - 12) / LEGEND_LINES
        numbers = range(len(self.styles))
        ys = [HEIGHT - 9 - line * (number % LEGEND_LINES + 0.5) for number in numbers]
        xs = [266 + 168 * (number // LEGEND_LINES) for number in numbers]
        styles = list(self.styles.values())
        return {
            "type": "scatter", "mode": "markers+text", "x": xs, "y": ys, "hoverinfo": "skip",
            "text": [""] * len(styles), "textposition": "middle right", "textfont": look.font(13),
            "marker": {
                "symbol": [style.symbol for style in styles], "size": 18, "opacity": 1,
                "color": [style.colour for style in styles], "line": {"color": look.EDGE, "width": 1.5},
            },
        }  # fmt: skip

    def _letters(self) -> Dict:
        legend = self.traces[self.layers["flows"]]
        styles = list(self.styles.values())
        return {
            "type": "scatter", "mode": "text", "x": legend["x"], "y": legend["y"], "hoverinfo": "skip",
            "text": [f"<b>{style.letter}</b>" for style in styles], "textposition": "middle center",
            "textfont": {**look.font(11), "color": [style.letter_colour for style in styles]},
        }  # fmt: skip

    # --- the frames --------------------------------------------------------------------------------------------------

    def _frames(self) -> tuple[list[Dict], list[tuple[str, int]]]:
        """The key frames, and (frame name, virtual time) of those that the slider reaches: they say everything."""
        total = len(self.film.ticks)
        stride = max(1, -(-total // MOST_STEPS))
        frames: list[Dict] = []
        steps: list[tuple[str, int]] = []
        version = self.board.first
        said: dict[str, Dict] = {}
        for tick in range(total):
            version = self.board.calm.get(tick, version)
            changed = self.board.changes.get(tick)
            for after in range(1 + (0 if changed is None else HOLD_FRAMES if self.film.part(tick).slow else 2)):
                if after and changed is not None:
                    version = changed
                whole = (after == 0 and tick % stride == 0) or after == 1 or tick == total - 1
                state = self._state(tick, version, resting=after > 0)
                told = {
                    name: payload
                    for name, payload in state.items()
                    if whole or said.get(name) != payload
                }
                said = state
                name = str(len(frames))
                frames.append(self._frame(name, told or {"clock": state["clock"]}))
                if whole:
                    steps.append((name, self.film.ticks[tick]))
        return frames, steps

    def _frame(self, name: str, told: dict[str, Dict]) -> Dict:
        numbered = sorted((self.layers[layer], payload) for layer, payload in told.items())
        return {
            "name": name, "data": [payload for _, payload in numbered],
            "traces": [number for number, _ in numbered],
        }  # fmt: skip

    def _state(self, tick: int, version: Version, resting: bool) -> dict[str, Dict]:
        """What every layer shows at a tick."""
        film, part = self.film, self.film.part(min(tick, len(self.film.ticks) - 2))
        state: dict[str, Dict] = {}
        for flow in self.styles:
            state[f"road {flow}"] = self._road(flow, film.ticks[tick])
            state[str(flow)] = layers.lettered(self.flight.spots[flow].get(tick, []))
        for ring in (TUNNEL, MESSAGE_TUNNEL):
            state[str(ring)] = layers.points(self.flight.spots[ring].get(tick, []))
        state[str(CONTROL)] = layers.lettered(self.flight.spots[CONTROL].get(tick, []))
        fresh = [(number, loss) for number, loss in enumerate(self.lost) if 0 <= tick - loss[0] < LOSS_TICKS]
        crosses = [Spot(str(number + 1), *self.scene.middle(where), "") for number, (_, _, where) in fresh]
        state["lost"] = layers.points(crosses)
        state["rows"] = of_frame(version)
        state["clock"] = {"text": [f"t = {seconds(film.ticks[tick])}"]}
        speed = "a table changes" if resting else part.speed
        state["words"] = {"text": [speed, self._sentence(tick, resting)]}
        state["flows"] = {"text": [self._flow_text(flow, tick) for flow in self.styles]}
        return state

    def _road(self, flow: int, t_ns: int) -> Dict:
        run = self._run(flow, t_ns)
        if run is None:
            return {"x": [layers.PARKED], "y": [layers.PARKED]}
        if run.first not in self.roads:
            nodes = road(self.trace, run)
            points = [
                point
                for a, b in pairwise(nodes)
                for point in self.scene.lane(a, b, self.lanes[flow])
            ]
            self.roads[run.first] = {
                "x": [round(x, 1) for x, _ in points] or [layers.PARKED],
                "y": [round(y, 1) for _, y in points] or [layers.PARKED],
            }
        return self.roads[run.first]

    def _run(self, flow: int, t_ns: int) -> Run | None:
        own = self.runs.get(flow, [])
        number = bisect_right(own, t_ns, key=lambda run: run.from_ns)
        return own[number - 1] if number else None

    def _flow_text(self, flow: int, tick: int) -> str:
        run = self._run(flow, self.film.ticks[tick])
        lost = sum(1 for when, loser, _ in self.lost if loser == flow and when <= tick)
        if len(self.styles) > LEGEND_LINES:  # two columns: half the room
            way = "" if run is None else ", tunnel" if run.tunnelled else f", {run.interface}"
            return f" <b>{self.styles[flow].word[:10]}: {lost} lost</b>{way}"
        way = "nothing sent yet" if run is None else f"over {run.interface}{' in the tunnel' if run.tunnelled else ''}"
        return f" <b>{self.styles[flow].word}: {lost} lost</b>, {way}"

    def _sentence(self, tick: int, resting: bool) -> str:
        """The last thing that happened; a table change shows when the picture rests for it."""
        number = bisect_right(self.lines, (tick, resting, "\uffff"))
        return self.lines[number - 1][2] if number else ""

    # --- what does not move ------------------------------------------------------------------------------------------

    def _layout(self, title: str, cards: list[Dict], steps: list[tuple[str, int]]) -> Dict:
        across = {"xref": "paper", "xsizemode": "scaled", "x0": 0.004, "x1": 0.996}
        strips = [
            look.card(4, HEIGHT, (0, -TOP + 4, 236, -2)),
            {**look.card(250, HEIGHT, (0, -TOP + 4, 0, -2)), "xsizemode": "scaled", "x0": 250, "x1": 582},
            {**look.card(0, 0, (0, 2, 0, BOTTOM - 4)), **across},
            {**look.card(0, 0, (0, -CONTROLS + 2, 0, -4)), **across, "yref": "paper"},
        ]  # fmt: skip
        hover = {name: f"{name}: {role}" for name, role in self.scene.roles.items()}
        return look.base_layout(
            title, HEIGHT + CONTROLS + 4, margin={"l": 0, "r": 0, "t": 0, "b": CONTROLS + 4},
            xaxis=look.bare_axis(0, WIDTH), yaxis=look.bare_axis(0, HEIGHT), shapes=[*strips, *cards],
            annotations=[*self.scene.node_labels(hover), *self.scene.interface_labels(), self._note()],
            updatemenus=[layers.buttons()], sliders=[layers.slider(steps)], dragmode=False, hovermode=False,
        )  # fmt: skip

    def _note(self) -> Dict:
        """What the marks mean, and how many of them are drawn."""
        sampled = [
            f"{self.styles[flow].word}: one packet in {every} drawn"
            for flow, every in self.flight.every.items()
            if every > 1
        ]
        key = "<b>▢</b> signalling  <b>◯</b> in the tunnel  <b>✕</b> lost"
        others = [f"not drawn: {count(self.hidden, 'flow')}"] if self.hidden else []
        numbers = sorted(self.flight.every.values())
        many = [f"one packet in {numbers[0]} to {numbers[-1]} drawn"] if len(sampled) > 1 else sampled
        lines = [key, *others, *(many or ["slow motion: every packet is drawn"])]
        return {
            "x": 1, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "right", "yanchor": "top", "xshift": -4,
            "yshift": -3, "text": "<br>".join(lines), "align": "left", "showarrow": False, "font": look.font(12),
            "bgcolor": look.CARD, "bordercolor": look.EDGE, "borderwidth": 1, "borderpad": 5,
        }  # fmt: skip
