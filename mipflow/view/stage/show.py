"""A show: one stage or several on one clock, controls and boards, that player.js plays.

Takes parts (a trace with its graph and words each); gives a picture whose outputs are the figures, then the controls,
then the board. Controls and board are HTML written here: the script only fills and listens, and where none runs, what
stands there is the end of the film.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import count as counting
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from mipflow.sim.trace import Trace
from mipflow.view.drawing import style as look
from mipflow.view.drawing.drawing import in_rows
from mipflow.view.drawing.picture import Picture, figure_bundle, packed, script
from mipflow.view.drawing.style import Dict, escape
from mipflow.view.stage.board import Board
from mipflow.view.stage.film import Film, Span, around
from mipflow.view.stage.follow import cards
from mipflow.view.stage.stage import NS_PER_US, Part, Stage
from mipflow.view.story.moment import joined
from mipflow.view.story.spine import Caption, Spine, spine
from mipflow.view.story.words import check_span, seconds
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

BEND_MS = 900
"""How long a road takes to bend, in playing milliseconds: who steps to such a moment sees it bent."""
BEFORE_MS = 2500
"""How much is seen before the change when it is played from there, in playing milliseconds."""
SPEEDS = {"0.25": "¼×", "0.5": "½×", "1": "1×", "2": "2×", "4": "4×"}
BEGIN = "Press play, or step from event to event."
UNTOLD = "No event here: only packets pass."
HOW = "space plays; ← → a little; , . from packet to packet; Page Up and Page Down next and previous event; Home, End"
KEYS = {
    " ": ["play"], ",": ["step", -1], ".": ["step", 1], "ArrowRight": ["by", 250], "ArrowLeft": ["by", -250],
    "ArrowUp": ["event", 1], "ArrowDown": ["event", -1], "PageUp": ["event", 1], "PageDown": ["event", -1],
    "Home": ["by", -1e9], "End": ["by", 1e9],
}  # fmt: skip
"""Key -> the act of player.js that it does, and how far (playing milliseconds) or which way."""
TWIN = ("part", "time_s", "what", "node", "to", "message", "detail")
"""The columns of the text twin's table."""
TOLD = ("ms", "stop", "us", "stage", "key", "brief", "hops")
"""Fields of an event that player.js gets."""
UNKNOWN = "This picture stands still at its end: it does not know the plotly of this page."
BARS = {"wide": 660, "middle": 450, "narrow": 280}
"""How wide the bar is at least, in pixels, on a screen, on a tablet and on a phone (player.css)."""
MARK, MERGED = 25, 46
"""Room of a number on the bar in pixels, and of a mark for several events."""
MOST_ROWS = 4
"""Rows of numbers below the bar of a phone; where there are more, neighbors share a mark."""
PANEL = (
    "<section popover id='{id}-panel' class='mipflow-inspector' aria-label='What was clicked'>"
    "<p class='mipflow-title' tabindex='-1' autofocus></p><button type='button' class='mipflow-close'"
    " popovertarget='{id}-panel' popovertargetaction='hide'>Close</button><div></div></section>"
)
"""The place of what a click opens: the browser shows it above the page, and closes it on Escape."""
_NUMBERS = counting(1)


def animate(
    trace: Trace, graph: networkx.Graph[str], *, names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, slow: Sequence[Span] = (), mobile: str = "MN", max_packets: int = 240,
    title: str = "The network at work", wishes: Mapping[int, str] | None = None,
) -> Show:  # fmt: skip
    """Play the network between two times (nanoseconds): packets moving, rows changing, roads bending.

    names: address -> short word; flows: flow id -> word; slow: the spans in slow motion, where none is given around
    what is told; mobile: the mobile node's name; max_packets: most data packets drawn (all signalling is); wishes: flow
    id -> the interface over which it is wished, drawn as an empty lane. Raises ProtocolMisuse where time does not go
    forward.
    """
    return Show([Part(trace, graph, names, flows, mobile, title, wishes)], start_ns, end_ns, slow, title, max_packets)


class Show(Picture):
    """Parts between two times (nanoseconds) on one clock. Raises ProtocolMisuse where time does not go forward."""

    def __init__(
        self, parts: Sequence[Part], start_ns: int, end_ns: int, slow: Sequence[Span], title: str,
        max_packets: int = 240,
    ) -> None:  # fmt: skip
        check_span(start_ns, end_ns)
        self.parts = parts
        self.spines: list[Spine] = [spine(*part[:4], start_ns, end_ns, mobile=part.mobile) for part in parts]
        told = [(number, caption) for number, each in enumerate(self.spines) for caption in each.captions]
        self.told: list[tuple[int, Caption]] = sorted(told, key=lambda each: (each[1].t_ns, not each[1].is_key))
        """(number of the part, caption), in the order in which they are told."""
        captions = [(caption.t_ns, caption.is_key) for _, caption in self.told]
        self.film = Film(start_ns, end_ns, slow or around(t_ns for t_ns, _ in captions), captions)
        told_of = zip(parts, self.spines, strict=True)
        self.stages = [Stage(part, story, self.film, max_packets=max_packets) for part, story in told_of]
        self.boards: list[Board] = []
        for stage in self.stages:
            stage.turns = sorted({caption.t_ns for _, caption in self.told if caption.is_key})
            self.boards.append(Board(stage, sum(len(board.slots) for board in self.boards)))
        self.id = f"show{next(_NUMBERS)}"
        self.figures = [stage.figure(title) for stage in self.stages]
        for number, figure in enumerate(self.figures):
            height = figure["layout"]["height"]
            if len(parts) > 1:
                letter = f"<b>{'ABCDEFGH'[number]}</b>"
                corner: Dict = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"}
                figure["layout"]["annotations"].append(look.label(0, 1, letter, 18, **corner))
            figure["layout"]["meta"] = {**figure["layout"]["meta"], "show": self.id, "stage": number, "height": height}
        super().__init__(title, self._sentences, self._rows, figure=self.figures[0])

    # --- words -------------------------------------------------------------------------------------------------------

    def _label(self, number: int) -> str:
        return f"{'ABCDEFGH'[number]}: " if len(self.parts) > 1 else ""

    def _sentences(self) -> list[str]:
        start, end = self.film.corners[0][1], self.film.corners[-1][1]
        lines = [f"From {seconds(start)} to {seconds(end)} of virtual time, {self.film.in_words()}."]
        for number, (each, board) in enumerate(zip(self.spines, self.boards, strict=True)):
            lines += [self._label(number) + line for line in (*each.sentences(), *board.sentences())]
        return lines

    def _rows(self) -> list[dict[str, object]]:
        if len(self.parts) == 1:
            return self.spines[0].rows()
        return [{"part": "ABCDEFGH"[number], **row} for number, each in enumerate(self.spines) for row in each.rows()]

    def _twin_rows(self) -> list[dict[str, object]]:
        """Return rows of what is told, without what the sentences above say already; rows() has everything."""
        told = [moment.row() for each in self.spines for moment in each.moments if moment.is_told]
        told = told if len(self.spines) == 1 else self.rows()
        return [{name: row[name] for name in TWIN if name in row} for row in told]

    @cached_property
    def events(self) -> list[Dict]:
        """The captions as player.js has them: when each is told, where a step to it leads, what belongs to it."""
        events = []
        for (number, caption), ms in zip(self.told, self.film.told_ms, strict=True):
            stage, board = self.stages[number], self.boards[number]
            hops = [hop for moment in caption.moments for hop in moment.hops]
            text = self._label(number) + caption.sentence
            event: Dict = {"ms": ms, "stop": ms, "us": stage.us(caption.t_ns), "stage": number}
            if caption.is_key:
                rows = [record for moment in caption.moments for record in moment.rows]
                flows = {flow for moment in caption.moments for flow in moment.flows}
                lit = [stage.road_of(flow) for flow in stage.flows if flow in flows]
                text = ". ".join([text, *(note for t_ns, note in board.notes if t_ns == caption.t_ns)])
                key = {"row": f"{rows[0].node}|{rows[0].change.key}", "leg": stage.leg_led(flows, caption.t_ns)}
                key["lit"] = [*lit, stage.first_layer + len(stage.flows)]  # and the messages
                event |= {"stop": ms + BEND_MS, "key": key, "moved": any(record.change.before for record in rows)}
                event["handover"] = self.spines[number].handover_of(caption.t_ns)
            events.append({**event, "at": seconds(caption.t_ns), "brief": caption.brief, "text": text, "hops": hops})
        return events

    def plain(self) -> Dict:
        """Return everything that player.js needs, as plain values."""
        start, keys = self.film.corners[0][1], [event for event in self.events if "key" in event]
        return {
            "id": self.id, "start": start // 1000, "length": self.film.length_ms, "bend": BEND_MS,
            "clock": [[ms, (t_ns - start) // 1000] for ms, t_ns in self.film.corners],
            "keys": KEYS, "before": max(0, self._turn["ms"] - BEFORE_MS) if keys else 0,
            "events": [{name: each[name] for name in TOLD if name in each} for each in self.events],
            "slots": [*self._slots(), self._captions(), self._paces()],
            "cards": [cards(stage, part.names) for stage, part in zip(self.stages, self.parts, strict=True)],
            "stages": [stage.told() for stage in self.stages],
        }  # fmt: skip

    def _slots(self) -> list[list[tuple[float, str]]]:
        """Return for each place of the boards the HTML that stands there, and from which playing time on."""
        start, ms = self.film.corners[0][1], self.film.ms
        slots = [slot for board in self.boards for slot in board.slots]
        return [[(round(ms(start + us * NS_PER_US), 1), html) for us, html in slot] for slot in slots]

    @property
    def _turn(self) -> Dict:
        """The moment that the film is about: the last in which a road bends, else the last in which one begins."""
        keys = [event for event in self.events if "key" in event]
        return next((event for event in reversed(keys) if event["moved"]), keys[-1] if keys else {})

    def _captions(self) -> list[tuple[int, str]]:
        """Return the captions as HTML, each with the playing time that it begins at: at the end, how it came out."""
        said = [(0, BEGIN if self.events else UNTOLD)]
        said += [(each["ms"], f"{n}. {each['at']}: {each['text']}.") for n, each in enumerate(self.events, 1)]
        ends: dict[object, dict[int, list[str]]] = {}
        for each in self.events:
            if each.get("moved"):
                ends.setdefault(each["stage"], {}).setdefault(each["handover"], []).append(each["text"])
        last = [joined([*own.values()][-1]) for own in ends.values()]
        said += [(self.film.length_ms, f"{'. '.join(last)}.")] if last else []
        return [(at, escape(text)) for at, text in said]

    def _paces(self) -> list[tuple[int, str]]:
        """Say how fast it plays, and from which playing time on."""
        paces = [(a, _pace((t - s) / 1e6 / (b - a or 1))) for (a, s), (b, t) in pairwise(self.film.corners)]
        firsts = [next(own) for _, own in groupby(paces, key=lambda each: each[1])]
        return [*firsts, (self.film.length_ms, "the end")]

    # --- HTML --------------------------------------------------------------------------------------------------------

    def _buttons(self) -> str:
        before = _button("before", 0, "Play from before the change", "", "Before the change")
        buttons = [
            _button("event", -1, "Previous event", "", "‹ Event") if self.events else "",
            _button("step", -1, "Step back", "back"), _button("play", 0, "Play", "play"),
            _button("step", 1, "Step on", "on"),
            _button("event", 1, "Next event", "", "Event ›") if self.events else "", before if self._turn else "",
            _button("full", 0, "Full screen", "full"),
            _button("look", 0, "Look inside the packet of this event", "", "Look inside"),
            *(_button("save", n, f"Save what is seen as {kind}", "", kind) for n, kind in enumerate(("SVG", "PNG"))),
        ]  # fmt: skip
        return "".join(buttons)

    def controls(self) -> str:
        """Return buttons, speeds, the bar with the events as numbered marks, and the caption."""
        name = f"name='{self.id} speed'"
        speeds = "".join(
            f"<label><input type='radio' {name} value='{value}'{' checked' * (value == '1')}> {word}</label>"
            for value, word in SPEEDS.items()
        )
        marks, rows = self._marks()
        number, last = sum(len(board.slots) for board in self.boards), self._captions()[-1][1]
        above = (
            f"<div class='mipflow-buttons'>{self._buttons()}<span class='mipflow-clock'></span>"
            f"<span class='mipflow-pace' data-slot='{number + 1}'></span>"
            f"<fieldset class='mipflow-speeds'><legend>Speed</legend>{speeds}</fieldset></div>"
            f"<div class='mipflow-rail'><input type='range' min='0' max='{self.film.length_ms}' step='1'"
            f" value='0' aria-label='Time'>"
            f"<div class='mipflow-marks' role='group' aria-label='Events' style='{rows}'>{marks}</div></div>"
        )
        below = (
            f"<p class='mipflow-unknown' role='status'>{UNKNOWN}</p>"
            f"<p class='mipflow-keys'>Keys, once a button here has the focus: {HOW}</p>"
            "<button type='button' data-act='back' hidden>Back to where you came from</button>"
        )
        return (
            f"<div class='mipflow-controls mathjax_ignore' data-show='{self.id}' role='group'"
            f" aria-label='{escape(self.title)}: player'>{_for_script(above)}"
            f"<p class='mipflow-caption' aria-live='polite' data-slot='{number}'>{last}</p>{_for_script(below)}</div>"
        )

    def _marks(self) -> tuple[str, str]:
        """Return the numbers of the events below the bar, each at its time, and how many rows they take there.

        In each of `BARS` those that would overlap stand in rows; where that makes too many rows, in one mark.
        """
        shares = [each["stop"] / self.film.length_ms for each in self.events]
        least = MERGED / MOST_ROWS / BARS["narrow"]
        groups: list[list[int]] = []
        for number, share in enumerate(shares):
            if len(shares) * MARK > MOST_ROWS * BARS["narrow"] and groups and share - shares[groups[-1][0]] < least:
                groups[-1].append(number)
            else:
                groups.append([number])
        sizes = [(shares[group[0]], MARK if len(group) == 1 else MERGED) for group in groups]
        rows = {name: _rows_of(sizes, pixels) for name, pixels in BARS.items()}
        parts = []
        for place, (first, *_, last) in enumerate((*group, group[-1]) for group in groups):
            text = f"{first + 1}–{last + 1}" if last > first else str(first + 1)
            name = f"Event {text}, {self.events[first]['at']}"
            row = "".join(f";--{name}:{own[place]}" for name, own in rows.items() if own[place])
            until = f" data-to='{last}'" * (last > first)
            parts.append(
                f"<button type='button' data-act='mark' data-by='{first}'{until} tabindex='-1'"
                f" style='--at:{shares[first]:.4f}{row}' aria-label='{name}'>{text}</button>"
            )
        return "".join(parts), ";".join(f"--{name}:{max(own, default=-1) + 1}" for name, own in rows.items())

    def board(self) -> str:
        """Return legend, tables, chips, and the text twin; then what the script reads, and the script."""
        places = []
        for number, board in enumerate(self.boards):
            name = escape(f"{self._label(number)}{self.parts[number].title}")
            heading = f"<p class='mipflow-name'>{name}</p>" if len(self.parts) > 1 else ""
            where = f"data-show='{self.id}' data-stage='{number}'"
            places.append(f"<section {where} aria-label='{name}: tables'>{heading}{board.html(where)}</section>")
        chips = "".join(
            f"<li><button type='button' tabindex='-1' data-act='mark' data-by='{number}'>{number + 1}."
            f"<span> {escape(each['brief'])}</span></button></li>"
            for number, each in enumerate(self.events)
        )
        look = f"class='mipflow-chips' tabindex='0' aria-label='Events'{' hidden' * (not chips)}"
        chips = _for_script(f"<ol {look}>{chips}</ol>")
        return (
            f"<div class='mipflow-board mathjax_ignore' data-show='{self.id}'>{''.join(places)}"
            f"{chips}{self.twin()}{_for_script(PANEL.format(id=self.id))}</div>"
            f"<script type='text/plain'>{packed(self.plain())}</script>{script()}"
        )

    def bundles(self) -> list[dict[str, Any]]:
        """Return the figures, the controls and the board, each an output of its own."""
        figures = [figure_bundle(figure, self.title) for figure in self.figures]
        board = {"text/html": self.board(), "text/plain": self.describe()}
        return [*figures, {"text/html": self.controls(), "text/plain": ""}, board]


def _for_script(html: str) -> str:
    """Wrap HTML that is nothing without the script, which puts it there: where none runs there are no dead buttons."""
    return f"<script type='text/html'>{html}</script>"


def _button(act: str, by: int, name: str, sign: str, text: str = "") -> str:
    signs = [sign, "pause"] if sign == "play" else [sign] if sign else []
    drawn = [f"<svg viewBox='0 0 16 16' aria-hidden='true'><path d='{SIGNS[each]}'/></svg>" for each in signs]
    inside = escape(text) + "".join(drawn)
    return f"<button type='button' data-act='{act}' data-by='{by}' title='{name}' aria-label='{name}'>{inside}</button>"


# Signs as paths: not every font has them.
SIGNS = {
    "back": "M11 3 5 8l6 5z", "on": "M5 3l6 5-6 5z", "play": "M4 2l10 6-10 6z",
    "pause": "M4 2h3v12H4zM9 2h3v12H9z", "full": "M2 2h5v2H4v3H2zM14 14H9v-2h3V9h2z",
}  # fmt: skip


def _rows_of(marks: Sequence[tuple[float, float]], pixels: float) -> list[int]:
    """Return the row of each mark (share of the bar, width in pixels): the first in which none before it is in its way.
    """
    begins = [max(0, min(share * pixels - width / 2, pixels - width)) for share, width in marks]
    return in_rows((begin, begin + width) for begin, (_, width) in zip(begins, marks, strict=True))


STANDS = 1e-6
"""A pace at which a screen shows no difference from standing: a microsecond in each second."""


def _pace(ratio: float) -> str:
    """Say how fast virtual time goes by."""
    factor = max(ratio, 1 / ratio) if ratio else 0.0
    rounded = f"{float(f'{factor:.2g}'):.0f}" if factor >= 3 else f"{factor:.1f}"
    if 0.95 < ratio < 1.05:
        return "as in life"
    if 0 < ratio < STANDS:
        return "time all but stands"
    return f"{rounded} times {'slower' if ratio < 1 else 'faster'}" if ratio else "time stands"
