"""A state machine as a diagram, drawn from the same table that the protocol runs on.

Takes a title and `{(state, event): next state}` of two Enums; gives a Picture: states on a ring in the order of their
Enum, an arrow for each pair of states with the events that take it, and below a state's name what leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import cos, hypot, pi, sin
from textwrap import wrap

from mipflow.errors import ProtocolMisuse
from mipflow.view.picture import Picture
from mipflow.view.style import BLUE, CARD, CLEAR, EDGE, INK, Dict, bare_axis, base_layout, font, label, literal

Point = tuple[float, float]
RING = (1.0, 0.82)
"""Half axes of the ring on which the states stand."""
CARD_HALF = (0.23, 0.11)
"""Half width and half height of a state's card, in the units of the axes."""
LETTERS = 22
"""Letters of a state's name that fit one line of its card."""
BEND = 0.16
"""How far an arrow bends away from the straight line, as a part of its length: the two directions stay apart."""
ALONG = (0.42, 0.34, 0.5, 0.27, 0.58, 0.2, 0.66, 0.14, 0.76, 0.86)
"""Where on an arrow its events may stand, from 0 at its tail to 1: at the first place where nothing else stands."""
LABEL_HALF = (0.16, 0.045)
"""Half width and half height that the events of an arrow need."""


def state_diagram(title: str, transitions: Mapping[tuple[Enum, Enum], Enum]) -> Picture:
    """Draw a state machine. Raises ProtocolMisuse for a table without transitions."""
    if not transitions:
        raise ProtocolMisuse("a state machine without transitions has no diagram", transitions)
    states = list(type(next(iter(transitions))[0]))
    arrows: dict[tuple[Enum, Enum], list[Enum]] = {}
    for (state, event), following in transitions.items():
        arrows.setdefault((state, following), []).append(event)
    angles = {state: pi / 2 - 2 * pi * number / len(states) for number, state in enumerate(states)}
    places = {state: (RING[0] * cos(angle), RING[1] * sin(angle)) for state, angle in angles.items()}
    shapes: list[Dict] = []
    texts: list[Dict] = []
    taken = [(place, CARD_HALF) for place in places.values()]
    for (state, following), events in arrows.items():
        if state is not following:
            line, head, words = _arrow(places[state], places[following], _names(events), taken)
            shapes.append(line)
            texts += [head, words]
    for state in states:
        staying = _names(arrows.get((state, state), []))
        card, words = _state(places[state], str(state.value), staying)
        shapes.append(card)
        texts.append(words)
    layout = base_layout(
        title, 640, shapes=shapes, annotations=texts, margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis=bare_axis(-1.3, 1.3), yaxis=bare_axis(-1.05, 1.05),
    )  # fmt: skip
    # An axis needs a trace to be drawn at all.
    figure = {"data": [{"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"color": CLEAR}}]}

    def rows() -> list[dict[str, object]]:
        return [
            {"state": state.value, "event": event.value, "next": following.value}
            for (state, event), following in transitions.items()
        ]

    def sentences() -> list[str]:
        return [
            f"{state.value}: " + "; ".join(f"{row['event']} leads to {row['next']}" for row in rows()
            if row["state"] == state.value) + "."
            for state in states
        ]  # fmt: skip

    return Picture(title, sentences, rows, figure={**figure, "layout": layout})


def _names(events: list[Enum]) -> str:
    return ", ".join(event.name.lower().replace("_", " ") for event in events)


def _arrow(start: Point, end: Point, words: str, taken: list[tuple[Point, Point]]) -> tuple[Dict, Dict, Dict]:
    """A bent line between two cards, its head, and its events on it. `taken`: middles and half sizes of what stands."""
    (x0, y0), (x1, y1) = start, end
    bend = ((x0 + x1) / 2 - (y1 - y0) * BEND * 2, (y0 + y1) / 2 + (x1 - x0) * BEND * 2)
    tip, tail = _edge(end, bend), _edge(start, bend)
    spots = [_on_curve(tail, bend, tip, share) for share in ALONG]
    along = next((spot for spot in spots if not any(_overlaps(spot, *other) for other in taken)), spots[0])
    taken.append((along, LABEL_HALF))
    path = "M {:.3f} {:.3f} Q {:.3f} {:.3f} {:.3f} {:.3f}".format(*tail, *bend, *tip)
    line = {"type": "path", "path": path, "layer": "below", "line": {"color": EDGE, "width": 1.5}}
    length = hypot(bend[0] - tip[0], bend[1] - tip[1])
    before = [tip[i] + (bend[i] - tip[i]) * 0.03 / length for i in (0, 1)]
    head = {
        "x": tip[0], "y": tip[1], "ax": before[0], "ay": before[1], "axref": "x", "ayref": "y", "text": "",
        "showarrow": True, "arrowhead": 2, "arrowsize": 1.6, "arrowwidth": 1.5, "arrowcolor": EDGE,
    }  # fmt: skip
    on_it = {**label(0, 0, literal(words), 11, borderpad=1), "x": round(along[0], 3), "y": round(along[1], 3)}
    return line, head, on_it


def _on_curve(tail: Point, bend: Point, tip: Point, share: float) -> Point:
    parts = ((1 - share) ** 2, 2 * share * (1 - share), share**2)
    x, y = (sum(part * point[axis] for part, point in zip(parts, (tail, bend, tip), strict=True)) for axis in (0, 1))
    return x, y


def _overlaps(spot: Point, middle: Point, half: Point) -> bool:
    """True where a label at `spot` would touch what stands around `middle`."""
    return all(abs(spot[axis] - middle[axis]) < half[axis] + LABEL_HALF[axis] * 0.6 for axis in (0, 1))


def _edge(middle: Point, towards: Point) -> Point:
    """Where the line from the middle of a card towards a point leaves the card."""
    dx, dy = towards[0] - middle[0], towards[1] - middle[1]
    scale = min(half / abs(d) if d else 99.0 for half, d in zip(CARD_HALF, (dx, dy), strict=True))
    return middle[0] + dx * scale, middle[1] + dy * scale


def _state(place: Point, name: str, staying: str) -> tuple[Dict, Dict]:
    (x, y), (width, height) = place, CARD_HALF
    shape = {
        "type": "rect", "layer": "between", "x0": x - width, "x1": x + width, "y0": y - height, "y1": y + height,
        "fillcolor": CARD, "line": {"color": BLUE, "width": 2},
    }  # fmt: skip
    lines = [f"<b>{literal(line)}</b>" for line in wrap(name, LETTERS)]
    lines += [f"<i>{literal(line)}</i>" for line in wrap(f"stays: {staying}", LETTERS + 6)] if staying else []
    text = "<br>".join(lines)
    return shape, {"x": x, "y": y, "text": text, "showarrow": False, "font": font(11, INK), "captureevents": False}
