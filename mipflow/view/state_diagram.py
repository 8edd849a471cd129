"""State machines as diagrams, drawn from the same tables that the protocol runs on; the present state is lit.

Takes `{(state, event): next state}` of two Enums; gives a Picture: states on a ring in the order of their Enum, an
arrow for each pair of states with the events that take it. What leads to one state from nearly everywhere stands in the
card of that state, and so does what leaves a state as it is: few arrows are left, and they can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from html import escape
from itertools import chain, permutations
from itertools import count as counting
from math import cos, dist, hypot, pi, sin
from textwrap import wrap
from typing import NamedTuple

from mipflow.errors import ProtocolMisuse
from mipflow.view.drawing.drawing import Drawing, style, width_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.stage.scene import Box
from mipflow.view.story.words import cut

Point = tuple[float, float]
Curve = tuple[Point, Point, Point]
"""Tail, bend and tip of an arrow."""
Table = Mapping[tuple[Enum, Enum], Enum]
Present = Mapping[str, Sequence[str]]
"""The value of a state -> what is in it now."""
WIDTH, EDGE, LINE = 1000, 10, 18
"""Pixels: the width of a diagram, around a card's words, and for a line of words."""
LETTERS, ON_ARROW = 26, 20
"""Letters of a line in a card, and on an arrow."""
FOLDED = 3
"""An event that leads to one state from so many others stands in the card of that state."""
MOST_PRESENT = 5
"""Names of entries in a state now, at most."""
MOST_DOWN, ABOVE = 360, 30
"""Half of the height of the ring of cards, at most, and what is left above it; in pixels."""
BENDS = (0.2, 0.4, -0.3, 0.6, -0.6, 0.9, -0.9)
"""Bends of an arrow away from the straight line, as shares of its length: the first that crosses no card is taken.

To the right of its way at first, so that the two directions stay apart.
"""
MOST_TRIED = 8
"""With fewer other states than so many, every order of them is tried."""
ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
"""Places of events on an arrow, from 0 at its tail to 1: the first around which nothing is covered."""
NEAR = 16
"""Pixels: points of two arrows in one square of this size are too near to each other."""
MOST_HIDDEN = 13
"""Points of 21 along an arrow that its events may cover."""
_NUMBERS = counting(1)


class Card(NamedTuple):
    """A state as it is drawn: the lines of its name, of what leads here or stays, and what is in it now."""

    name: list[str]
    more: list[str]
    now: list[str]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, in pixels."""
        bold = max(width_of(line, bold=True) for line in self.name)
        wide = max([bold, *(width_of(line) for line in self.more), *(width_of(line, bold=True) for line in self.now)])
        return wide + 2 * EDGE, LINE * (len(self.name) + len(self.more) + len(self.now)) + 2 * EDGE


def state_diagrams(title: str, machines: Mapping[str, Table], present: Mapping[str, Present]) -> Picture:
    """Draw several state machines as one picture, of which one is chosen; `present`: title of a machine -> what is lit.
    """
    if not machines or not all(machines.values()):
        raise ProtocolMisuse("a state machine without transitions has no diagram", machines)

    def rows() -> list[dict[str, object]]:
        return [
            {"machine": name, "state": state.value, "event": event.value, "next": following.value}
            for name, table in machines.items() for (state, event), following in table.items()
        ]  # fmt: skip

    def sentences() -> list[str]:
        lines = []
        for name, table in machines.items():
            lines += [f"{name}:"] * (len(machines) > 1)
            for state in _states(table):
                leads = [f"{e.value} leads to {to.value}" for (from_, e), to in table.items() if from_ is state]
                now = ", ".join(present.get(name, {}).get(str(state.value), ()))
                lines.append(f"{state.value}: {'; '.join(leads)}.{f' Now: {now}.' if now else ''}")
        return lines

    drawn = [_drawing(name, table, present.get(name, {})) for name, table in machines.items()]
    return Picture(title, sentences, rows, drawing=drawn[0] if len(drawn) == 1 else _chooser(list(machines), drawn))


def _chooser(names: Sequence[str], drawn: Sequence[str]) -> str:
    """Make radio buttons that show one of several drawings, without a script; all are shown if no style is kept."""
    group = f"mipflow-choice-{next(_NUMBERS)}"
    buttons = "".join(
        f'<label><input type="radio" name="{group}" data-lm-suppress-shortcuts="true"{" checked" * (number == 0)}>'
        f" {escape(name)}</label>" for number, name in enumerate(names)
    )  # fmt: skip
    panels = "".join(f'<div class="mipflow-panel">{each}</div>' for each in drawn)
    panels = panels.replace(f"<style>{style()}</style>", "")
    chosen, panel = ".mipflow-chooser:has(label:nth-of-type({0}) :checked)", ".mipflow-panel:nth-of-type({0})"
    shown = "".join(f"{chosen} > {panel} {{{{ display: block }}}}".format(n) for n in range(1, len(drawn) + 1))
    form = f"<fieldset><legend>Which machine</legend>{buttons}</fieldset>"
    return f'<style>{style()}{shown}</style><div class="mipflow-drawing mipflow-chooser">{form}{panels}</div>'


def _states(table: Table) -> list[Enum]:
    return list(type(next(iter(table))[0]))


def _drawing(title: str, table: Table, present: Present) -> str:
    states, folded = _states(table), _folded(table)
    arrows: dict[tuple[Enum, Enum], list[Enum]] = {}
    for (state, event), following in table.items():
        if state is following or (event, following) not in folded:
            arrows.setdefault((state, following), []).append(event)
    cards = {state: _card(state, states, arrows.get((state, state), []), folded, present) for state in states}
    moves = {pair: events for pair, events in arrows.items() if pair[0] is not pair[1]}
    boxes = _places(cards, list(moves))
    curves: dict[tuple[Enum, Enum], Curve] = {}
    for start, end in moves:
        curves[start, end] = _bent(boxes[start], boxes[end], list(boxes.values()), curves.values())
    lines, labels, whole = Drawing(), Drawing(), Drawing()
    taken = [*boxes.values(), *(Box(*end, 26, 26) for tail, _, tip in curves.values() for end in (tail, tip))]
    for pair in sorted(curves, key=lambda pair: dist(*curves[pair][::2])):  # short ones have least room
        others = [point for each in curves if each != pair for point in _points(curves[each])]
        taken.append(_arrow(lines, labels, curves[pair], moves[pair], taken, others))
    for state, card in cards.items():
        _draw_card(labels, boxes[state], card)
    whole.parts = lines.parts + labels.parts
    seen = [*taken, *(point for curve in curves.values() for point in _points(curve))]
    top = min(box.y - box.height / 2 for box in seen) - EDGE
    height = max(box.y + box.height / 2 for box in seen) + EDGE - top
    return whole.html(title, WIDTH, height, top=top)


def _folded(table: Table) -> dict[tuple[Enum, Enum], list[Enum]]:
    """Return (event, next state) -> the other states from which it leads there, if these are many."""
    sources: dict[tuple[Enum, Enum], list[Enum]] = {}
    for (state, event), following in table.items():
        if state is not following:
            sources.setdefault((event, following), []).append(state)
    return {key: found for key, found in sources.items() if len(found) >= FOLDED}


def _card(
    state: Enum, states: Sequence[Enum], stays: Sequence[Enum], folded: Mapping[tuple[Enum, Enum], list[Enum]],
    present: Present,
) -> Card:  # fmt: skip
    more = []
    for (event, following), found in folded.items():
        if following is state:
            missing = [str(other.value) for other in states if other not in found and other is not state]
            where = "any other state" if not missing else " or ".join(str(each.value) for each in found)
            but = f"any state but {' and '.join(missing)}"
            where = but if missing and len(but) < len(where) else where
            more += wrap(f"→ {event.value}, from {where}", LETTERS)
    if stays:
        more += wrap(f"stays: {'; '.join(str(event.value) for event in stays)}", LETTERS)
    names = present.get(str(state.value), ())
    now = [line for name in names[:MOST_PRESENT] for line in wrap(f"now: {cut(name, 2 * LETTERS)}", LETTERS)]
    now += [f"and {len(names) - MOST_PRESENT} more"] if len(names) > MOST_PRESENT else []
    return Card(wrap(str(state.value), LETTERS), more, now)


def _places(cards: Mapping[Enum, Card], arrows: Sequence[tuple[Enum, Enum]]) -> dict[Enum, Box]:
    """Place the cards on a ring that is as high as they need to stand apart, in the order in which arrows are shortest.
    """
    first, *others = cards

    def length(order: Sequence[Enum]) -> int:
        number = {state: place for place, state in enumerate(order)}
        apart = (abs(number[a] - number[b]) for a, b in arrows)
        return sum(min(steps, len(order) - steps) ** 2 for steps in apart)

    ring = min(permutations(others), key=lambda order: length([first, *order])) if len(others) < MOST_TRIED else others
    sizes = {state: card.size for state, card in cards.items()}
    wide, high = (max(size[axis] for size in sizes.values()) for axis in (0, 1))
    across, down = (WIDTH - wide) / 2 - 2, high
    while True:
        angles = {state: pi / 2 - 2 * pi * number / len(cards) for number, state in enumerate([first, *ring])}
        boxes = {
            state: Box(WIDTH / 2 + across * cos(angle), down + high / 2 + 4 - down * sin(angle), *sizes[state])
            for state, angle in angles.items()
        }
        grown = [Box(box.x, box.y, box.width + 60, box.height + 90) for box in boxes.values()]
        if down > MOST_DOWN or not any(a.overlap(b) for n, a in enumerate(grown) for b in grown[n + 1 :]):
            top = min(box.y - box.height / 2 for box in boxes.values()) - ABOVE
            return {state: box._replace(y=box.y - top) for state, box in boxes.items()}
        down += 10


def _draw_card(labels: Drawing, box: Box, card: Card) -> None:
    kind, inside = "lit" if card.now else "card", " on-lit" if card.now else ""
    left, y = box.x - box.width / 2, box.y - box.height / 2
    labels.rect(kind, left, y, box.width, box.height, rx=6, style="stroke-width:2px")
    for lines, look in ((card.name, "strong"), (card.more, "" if card.now else "quiet"), (card.now, "strong")):
        for line in lines:
            labels.text(f"{look}{inside}".strip(), left + EDGE, y + EDGE + LINE / 2, line)
            y += LINE


def _bent(start: Box, end: Box, cards: Sequence[Box], others: Iterable[Curve]) -> Curve:
    """Return the curve between two cards that is nearest to a straight line among those that cross the least."""
    near = {(point.x // NEAR, point.y // NEAR) for curve in others for point in _points(curve)}

    def cost(curve: Curve) -> float:
        points = _points(curve)
        on_cards = sum(point.overlap(card) for point in points for card in cards if card not in (start, end))
        outside = sum(not EDGE < point.x < WIDTH - EDGE for point in points)
        return on_cards + 64 * outside + 16 * sum((point.x // NEAR, point.y // NEAR) in near for point in points)

    return min((_curve(start, end, share) for share in BENDS), key=cost)


def _curve(start: Box, end: Box, share: float) -> Curve:
    dx, dy = end.x - start.x, end.y - start.y
    bend = ((start.x + end.x) / 2 + dy * share, (start.y + end.y) / 2 - dx * share)
    return _edge(start, bend), bend, _edge(end, bend)


@lru_cache(maxsize=256)
def _points(curve: Curve) -> list[Box]:
    """Return small boxes along a curve."""
    return [Box(*_on_curve(*curve, part / 20), 14, 14) for part in range(21)]


def _arrow(
    lines: Drawing, labels: Drawing, curve: Curve, events: Sequence[Enum], taken: Sequence[Box], others: Sequence[Box]
) -> Box:
    """Draw a bent line between two cards, its head, and its events; return where these stand. taken: what nothing may
    cover; others: points of other arrows.
    """
    tail, bend, tip = curve
    lines.add("path", "signal", d="M{:.0f} {:.0f}Q{:.0f} {:.0f} {:.0f} {:.0f}".format(*tail, *bend, *tip))
    lines.path("signal-tip", _head(bend, tip))
    words = wrap("; ".join(str(event.value) for event in events), ON_ARROW)
    best = _free(curve, words, taken, others)
    top = best.y - best.height / 2
    labels.rect("blank", best.x - best.width / 2, top, best.width, best.height)
    for number, line in enumerate(words):
        labels.text("middle", best.x, top + LINE * (number + 0.5), line)
    return best


def _head(bend: Point, tip: Point) -> list[Point]:
    """Return the corners of an arrow's head."""
    length = hypot(tip[0] - bend[0], tip[1] - bend[1]) or 1
    along = ((tip[0] - bend[0]) / length, (tip[1] - bend[1]) / length)
    back = (tip[0] - along[0] * 12, tip[1] - along[1] * 12)
    return [tip, *((back[0] - along[1] * side, back[1] + along[0] * side) for side in (5, -5))]


def _free(curve: Curve, words: Sequence[str], taken: Sequence[Box], others: Sequence[Box]) -> Box:
    """Return a box for words on a curve, or as near to it as one covers nothing else and leaves half of it to be seen.
    """
    size, own = (max(map(width_of, words)) + 6, LINE * len(words)), _points(curve)
    around = (
        Box(x + far * cos(turn * pi / 4), y + far * sin(turn * pi / 4), *size)
        for far in range(0, 300, 6) for x, y in (_on_curve(*curve, share) for share in ALONG) for turn in range(8)
    )  # fmt: skip
    free = (box for box in around if size[0] / 2 < box.x < WIDTH - size[0] / 2 and not any(map(box.overlap, taken)))
    first = next(free, Box(*_on_curve(*curve, 0.5), *size))
    clear = (box for box in chain([first], free) if not any(map(box.overlap, others)))
    return next((box for box in clear if sum(box.overlap(point) > 0 for point in own) <= MOST_HIDDEN), first)


def _on_curve(tail: Point, bend: Point, tip: Point, share: float) -> Point:
    parts = ((1 - share) ** 2, 2 * share * (1 - share), share**2)
    x, y = (sum(part * point[axis] for part, point in zip(parts, (tail, bend, tip), strict=True)) for axis in (0, 1))
    return x, y


def _edge(box: Box, towards: Point) -> Point:
    """Return the point at which the line from the middle of a card towards another point leaves the card."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    scale = min(half / abs(d) if d else 99.0 for half, d in ((box.width / 2, dx), (box.height / 2, dy)))
    return box.x + dx * scale, box.y + dy * scale
