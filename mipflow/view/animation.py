"""The animation: packets on their links, tables beside their nodes, played, paused and scrubbed in the browser.

Takes a trace, a graph and words; gives a plotly figure with key frames as plain values. plotly moves marks in straight
lines between key frames; what a frame says in letters shows from the start of the move to it. So each table change has
two key frames at one virtual time, before and after: the picture rests there, and the row changes as the message lands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mipflow.sim.trace import Trace
from mipflow.view import style as look
from mipflow.view.board import Board, Version
from mipflow.view.film import FRAME_MS, HOLD_FRAMES, Film, bursts
from mipflow.view.flight import CONTROL, MESSAGE_TUNNEL, TUNNEL, Flight, Spot
from mipflow.view.focus import Focus
from mipflow.view.picture import Picture
from mipflow.view.scene import BOTTOM, HEIGHT, TOP, WIDTH, Scene
from mipflow.view.spine import spine
from mipflow.view.style import Dict
from mipflow.view.timeline import flow_sentences
from mipflow.view.trips import Run, Trip, leading, losses, messages, runs, trips
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, check_span, count, seconds
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

CONTROLS = 74
"""Height of the strip with the buttons and the slider, in pixels."""
MOST_STEPS = 60
LOSS_TICKS = 8
LEGEND_LINES = 2
LANE = 11
"""Distance between the lanes of two flows on one link, in units."""
MOST_LETTERS = 132
PARKED = -99
"""Where marks wait out of sight: a plotly trace without any point would keep the points it had."""


def animate(
    trace: Trace, graph: networkx.Graph[str], *, names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, slow: Sequence[tuple[int, int]] = (), mobile: str = "MN", max_packets: int = 240,
    title: str = "The network at work",
) -> Picture:  # fmt: skip
    """The network between two times (nanoseconds): packets moving, tables changing; play, pause and scrub.

    names: address -> short word; flows: flow id -> word; slow: the times (from, to) in slow motion, where none
    is given around each Mobility Header message; mobile: the mobile node's name; max_packets: most data packets drawn
    (all signalling is). Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    words = Words(names, flows)
    found = trips(trace, max(0, start_ns - NS_PER_S), end_ns)
    sent, focus = messages(found, graph, start_ns, end_ns), Focus(trace, flows, start_ns=start_ns, end_ns=end_ns)
    moments = (each.started_ns for each in sent if focus.has_packet(each.packet))
    film = Film(start_ns, end_ns, slow or bursts(moments, start_ns, end_ns))
    story = spine(trace, graph, words, focus, start_ns, end_ns, mobile=mobile, found=found)
    used = runs(trace, found, mobile)
    drawn = [trip for trip in found if focus.has_packet(trip.packet)]
    cutter = Cutter(trace, graph, words, film, drawn, used, focus, Scene(graph, trace.channels, mobile), max_packets)
    lines = sorted(
        (film.tick(t_ns), bool(moments[0].rows), f"{seconds(t_ns)}   {sentence}"[:MOST_LETTERS])
        for t_ns, sentence, _, moments in story.captions
    )  # fmt: skip

    def sentences() -> list[str]:
        span = f"From {seconds(start_ns)} to {seconds(end_ns)} of virtual time, {film.in_words()}."
        lost = losses(trace, start_ns, end_ns)
        return [span, *story.sentences(), *flow_sentences(words, focus, used, lost, start_ns)]

    return Picture(title, sentences, story.rows, figure=cutter.figure(title, lines))


class Cutter:
    """Cuts the film: every layer of the picture is a plotly trace, and each frame says what has changed in which."""

    def __init__(
        self, trace: Trace, graph: networkx.Graph[str], words: Words, film: Film, found: Sequence[Trip],
        used: list[Run], focus: Focus, scene: Scene, max_packets: int,
    ) -> None:  # fmt: skip
        shown = leading(focus.shown, used, LEGEND_LINES * 2, focus.moved)
        self.film, self.scene = film, scene
        self.hidden = len(words.flows) - len(shown)
        self.styles = look.flow_styles({flow: words.flows[flow] for flow in shown})
        self.lanes = {flow: ((len(shown) - 1) / 2 - number) * LANE for number, flow in enumerate(shown)}
        self.board = Board(trace, words, film, shown, focus)
        letters = {flow: style.letter for flow, style in self.styles.items()}
        self.flight = Flight(found, graph, scene, film, self.lanes, letters, max_packets)
        self.runs = {flow: [run for run in used if run.flow == flow] for flow in shown}
        # A packet that a link loses gets half-way first.
        delays = {data.get("segment"): float(data.get("delay_ms", 0)) for _, _, data in graph.edges(data=True)}
        self.lost = [
            (film.tick(record.t_ns + round(delays.get(record.node, 0) / 2 * NS_PER_MS)), record)
            for record in losses(trace, film.ticks[0], film.ticks[-1])
            if focus.has(record)
        ]
        """(tick, drop) of each loss."""
        self.lines: list[tuple[int, bool, str]] = []
        self.roads: dict[int, Dict] = {}

    def figure(self, title: str, lines: list[tuple[int, bool, str]]) -> Dict:
        """The whole figure; `lines`: (tick, after the picture has changed, what the strip below says from then on)."""
        self.lines = lines
        boxes = self.scene.table_places(self.board.sizes())
        layers = self._layers(boxes)
        frames, steps = self._frames(list(layers))
        traces = list(layers.values())
        for number, payload in zip(frames[0]["traces"], frames[0]["data"], strict=True):
            _put(traces[number], payload)
        cards = [
            look.card(x, y, (-width / 2, -height / 2, width / 2, height / 2)) for x, y, width, height in boxes.values()
        ]
        return {"data": traces, "layout": self._layout(title, cards, steps), "frames": frames, "config": look.CONFIG}

    def _layers(self, boxes: Mapping[str, Any]) -> dict[str, Dict]:
        """All layers by name, as they are before the first frame."""
        styles = self.styles
        layers = {"links": self.scene.link_line()}
        for flow, style in styles.items():
            line = {"color": look.line_colour(style.colour), "width": 4, "dash": style.dash, "simplify": False}
            layers[f"road {flow}"] = look.scatter("lines", [PARKED], [PARKED], line=line)
        for flow, style in styles.items():
            letter = look.font(11, style.letter_colour, bold=True)
            layers[str(flow)] = _marks(look.marker(style.symbol, 19, style.colour), letter)
        layers[str(TUNNEL)] = _marks(look.marker("circle-open", 31, look.PURPLE, width=3))
        layers[str(MESSAGE_TUNNEL)] = _marks(look.marker("circle-open", 50, look.PURPLE, width=3))
        layers[str(CONTROL)] = _marks(look.marker("square", 34, look.CARD, look.VERMILION, 2), look.font(11, bold=True))
        layers["lost"] = _marks(look.marker("x", 17, look.VERMILION, look.INK, 1))
        layers["heads"], layers["rows"] = self.board.layers(boxes)
        right: Dict = {"textposition": "middle right"}
        layers["clock"] = look.scatter("text", [14], [HEIGHT - 21], textfont=look.font(17, bold=True), **right)
        layers["words"] = look.scatter("text", [14, 14], [HEIGHT - 46, BOTTOM / 2 - 3], textfont=look.font(13), **right)
        ys = [HEIGHT - 9 - (TOP - 12) / LEGEND_LINES * (number % LEGEND_LINES + 0.5) for number in range(len(styles))]
        xs = [266 + 168 * (number // LEGEND_LINES) for number in range(len(styles))]
        signs = look.marker([each.symbol for each in styles.values()], 18, [each.colour for each in styles.values()])
        layers["flows"] = look.scatter("markers+text", xs, ys, textfont=look.font(13), marker=signs, **right)
        layers["letters"] = look.scatter(
            "text", xs, ys, text=[f"<b>{style.letter}</b>" for style in styles.values()], textposition="middle center",
            textfont={**look.font(11), "color": [style.letter_colour for style in styles.values()]},
        )  # fmt: skip
        return layers

    # --- the frames --------------------------------------------------------------------------------------------------

    def _frames(self, layers: list[str]) -> tuple[list[Dict], list[tuple[str, int]]]:
        """The key frames, and (frame name, virtual time) of those that the slider reaches: they say everything."""
        total = len(self.film.ticks)
        stride = -(-total // MOST_STEPS)
        frames: list[Dict] = []
        steps: list[tuple[str, int]] = []
        version = self.board.changes[-1]
        said: dict[str, Dict] = {}
        for tick in range(total):
            changed = self.board.changes.get(tick)
            for after in range(1 if changed is None else 1 + HOLD_FRAMES if self.film.part(tick).slow else 3):
                version = changed if after and changed is not None else version
                whole = (after == 0 and tick % stride == 0) or after == 1 or tick == total - 1
                state = self._state(tick, version, resting=after > 0)
                told = {name: payload for name, payload in state.items() if whole or said.get(name) != payload}
                told = told or {"clock": state["clock"]}
                said, name = state, str(len(frames))
                places = sorted(told, key=layers.index)
                numbers = [layers.index(each) for each in places]
                frames.append({"name": name, "data": [told[each] for each in places], "traces": numbers})
                if whole:
                    steps.append((name, self.film.ticks[tick]))
        return frames, steps

    def _state(self, tick: int, version: Version, resting: bool) -> dict[str, Dict]:
        """What every layer shows at a tick."""
        film, spots = self.film, self.flight.spots
        state = {f"road {flow}": self._road(flow, film.ticks[tick]) for flow in self.styles}
        for layer in (*self.styles, CONTROL):
            state[str(layer)] = _points(spots[layer].get(tick, []), letters=True)
        for ring in (TUNNEL, MESSAGE_TUNNEL):
            state[str(ring)] = _points(spots[ring].get(tick, []))
        fresh = [(number, loss) for number, (when, loss) in enumerate(self.lost) if 0 <= tick - when < LOSS_TICKS]
        state["lost"] = _points([Spot(str(number + 1), *self.scene.middle(loss.node), "") for number, loss in fresh])
        state["rows"] = version.payload()
        state["clock"] = {"text": [f"t = {seconds(film.ticks[tick])}"]}
        speed = "a table changes" if resting else film.part(min(tick, len(film.ticks) - 2)).speed
        # A table change is told when the picture rests for it.
        number = bisect_right(self.lines, (tick, resting, "\uffff"))
        idle = "So far no message, and no change of a table" if tick else "Press Play"
        state["words"] = {"text": [speed, look.literal(self.lines[number - 1][2]) if number else idle]}
        state["flows"] = {"text": [self._flow_text(flow, tick) for flow in self.styles]}
        return state

    def _run(self, flow: int, t_ns: int) -> Run | None:
        number = bisect_right(self.runs[flow], t_ns, key=lambda run: run.from_ns)
        return self.runs[flow][number - 1] if number else None

    def _road(self, flow: int, t_ns: int) -> Dict:
        run = self._run(flow, t_ns)
        if run is None:
            return {"x": [PARKED], "y": [PARKED]}
        first = run.trips[0]
        number = first.numbers[0]
        if number not in self.roads:
            ends = [point for a, b in pairwise(first.nodes) for point in self.scene.lane(a, b, self.lanes[flow])]
            self.roads[number] = {"x": [round(x, 1) for x, _ in ends], "y": [round(y, 1) for _, y in ends]}
        return self.roads[number]

    def _flow_text(self, flow: int, tick: int) -> str:
        run, word = self._run(flow, self.film.ticks[tick]), self.styles[flow].word
        lost = sum(when <= tick and loss.packet.innermost().flow == flow for when, loss in self.lost)
        way = run.way if run else "nothing sent yet"
        if len(self.styles) > LEGEND_LINES:  # two columns: half the room
            word, way = word[:10], "" if run is None else "tunnel" if run.tunnelled else run.interface
        return f" <b>{look.literal(word)}: {lost} lost</b>{', ' if way else ''}{look.literal(way)}"

    # --- what does not move ------------------------------------------------------------------------------------------

    def _layout(self, title: str, cards: list[Dict], steps: list[tuple[str, int]]) -> Dict:
        across: Dict = {"xref": "paper", "xsizemode": "scaled", "x0": 0.004, "x1": 0.996}
        strips = [
            look.card(4, HEIGHT, (0, -TOP + 4, 236, -2)),
            look.card(250, HEIGHT, (250, -TOP + 4, 582, -2), xsizemode="scaled"),
            look.card(0, 0, (0, 2, 0, BOTTOM - 4), **across),
            look.card(0, 0, (0, -CONTROLS + 2, 0, -4), yref="paper", **across),
        ]
        notes = [*self.scene.node_labels(), *self.scene.interface_labels(), self._note()]
        return look.base_layout(
            title, HEIGHT + CONTROLS + 4, margin={"l": 0, "r": 0, "t": 0, "b": CONTROLS + 4},
            xaxis=look.bare_axis(0, WIDTH), yaxis=look.bare_axis(0, HEIGHT), shapes=[*strips, *cards],
            annotations=notes, updatemenus=[_buttons()], sliders=[_slider(steps)], dragmode=False, hovermode=False,
        )  # fmt: skip

    def _note(self) -> Dict:
        """What the marks mean, and how many of them are drawn."""
        lines = ["<b>▢</b> signalling  <b>◯</b> in the tunnel  <b>✕</b> lost"]
        lines += [f"not drawn: {count(self.hidden, 'flow')}"] if self.hidden else []
        every = self.flight.every
        words = {flow: look.literal(style.word) for flow, style in self.styles.items()}
        thinned = [f"{words[flow]}: one packet in {each} drawn" for flow, each in every.items() if each > 1]
        if len(thinned) > 1:
            thinned = [f"one packet in {min(every.values())} to {max(every.values())} drawn"]
        lines += thinned or ["slow motion: every packet is drawn"]
        return look.label(
            1, 1, "<br>".join(lines), align="left", borderpad=5, xref="paper", yref="paper", xanchor="right",
            yanchor="top", xshift=-4, yshift=-3,
        )  # fmt: skip


# --- pieces of plotly ------------------------------------------------------------------------------------------------


def _marks(marker: Dict, letters: Dict | None = None) -> Dict:
    """Marks that frames move by their names, with letters or without; the first waits out of sight."""
    more: Dict = {"textfont": letters} if letters else {}
    mode = "markers+text" if letters else "markers"
    return look.scatter(mode, [PARKED], [PARKED], ids=["0"], textposition="middle center", marker=marker, **more)


def _points(spots: Sequence[Spot], letters: bool = False) -> Dict:
    """What a frame says of marks: where each is, by its name."""
    payload: Dict = {
        "x": [PARKED, *(spot.x for spot in spots)], "y": [PARKED, *(spot.y for spot in spots)],
        "ids": ["0", *(spot.ident for spot in spots)],
    }  # fmt: skip
    return {**payload, "text": [" ", *(spot.text for spot in spots)]} if letters else payload


def _put(layer: Dict, payload: Mapping[str, Any]) -> None:
    """Merge what a frame says into a layer."""
    for name, value in payload.items():
        if isinstance(value, dict):
            _put(layer.setdefault(name, {}), value)
        else:
            layer[name] = value


_AT_ONCE: Dict = {"frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}, "mode": "immediate"}


def _play(word: str, frame_ms: int) -> Dict:
    how = {
        "frame": {"duration": frame_ms, "redraw": False}, "transition": {"duration": frame_ms, "easing": "linear"},
        "fromcurrent": True, "mode": "immediate",
    }  # fmt: skip
    return {"label": word, "method": "animate", "args": [None, how]}


def _buttons() -> Dict:
    """Play, half speed and pause."""
    pause = {"label": "❚❚ Pause", "method": "animate", "args": [[None], _AT_ONCE]}
    return {
        "type": "buttons", "direction": "right", "showactive": False, "x": 0.012, "xanchor": "left", "y": 0,
        "yanchor": "top", "pad": {"t": 20}, "bgcolor": look.CARD, "bordercolor": look.EDGE, "font": look.font(14),
        "buttons": [_play("▶ Play", FRAME_MS), _play("Half speed", 2 * FRAME_MS), pause],
    }  # fmt: skip


def _slider(steps: list[tuple[str, int]]) -> Dict:
    """A slider over (frame name, virtual time in nanoseconds)."""
    return {
        "x": 0.36, "len": 0.62, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 3, "b": 2},
        "bgcolor": look.EDGE, "bordercolor": look.EDGE, "activebgcolor": look.BLUE, "ticklen": 4, "font": look.font(11),
        "tickcolor": look.EDGE, "minorticklen": 3, "transition": {"duration": 0},
        "currentvalue": {"prefix": "time ", "suffix": " s", "font": look.font(13), "xanchor": "left", "offset": 5},
        "steps": [
            {"label": f"{t_ns / NS_PER_S:.3f}", "method": "animate", "args": [[name], _AT_ONCE]} for name, t_ns in steps
        ],
    }  # fmt: skip
