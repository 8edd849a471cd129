"""Still pictures for the labs' texts, drawn as SVG from the same graph and in the same looks as the animations.

Each public function gives one picture; labs/build.py puts it where a source says `![words](picture:name)`.
They stand on an opaque card: the page behind may be white or black.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

import mipflow as mf
from mipflow.view.style import CARD, EDGE, HIGHLIGHT, INK, QUIET_CARD, SANS, FlowStyle, flow_styles

Point = tuple[float, float]

FLOWS = {1: "call", 2: "video"}
CAPTIONS = {
    "MN": ("MN", "mobile node"),
    "AR2": ("WLAN", ""),
    "AR3": ("cellular", ""),
    "Internet": ("Internet", ""),
    "HA": ("HA", "home agent"),
    "CN1": ("CN1", "correspondent"),
}
WIDTH, HEIGHT, HALF = 960, 372, 480
DASHES = {"solid": "", "dash": "11 7"}
APART = 11
"""How far two flows on one link stand apart, in pixels."""


def idea() -> str:
    """The whole idea: two flows to one node over one network; then one binding changes, and one flow moves."""
    looks = flow_styles(FLOWS)
    over_wlan, over_cellular = ("MN", "AR2", "Internet", "CN1"), ("MN", "AR3", "Internet", "CN1")
    halves = [
        _half(0, "Before: call and video both over the WLAN", looks, {1: over_wlan, 2: over_wlan}, moved=None),
        _half(HALF, "One binding changes: only the video moves", looks, {1: over_wlan, 2: over_cellular}, moved=2),
    ]
    arrow = f'<path d="M {HALF - 14} 304 l 30 0 l -10 -9 m 10 9 l -10 9" fill="none" stroke="{INK}" stroke-width="3"/>'
    return _svg(WIDTH, HEIGHT, [*halves, arrow], "One binding update moves one of two flows to another network")


def _svg(width: int, height: int, parts: Iterable[str], title: str) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{SANS}">',
            f"<title>{escape(title)}</title>",
            _box(1, 1, width - 2, height - 2, CARD, EDGE, 10),
            *parts,
            "</svg>\n",
        ]
    )


def _half(
    left: float, title: str, looks: dict[int, FlowStyle], roads: dict[int, Sequence[str]], moved: int | None
) -> str:
    graph = mf.figure2().network.graph
    places = {name: (left + 56 + graph.nodes[name]["x"] * 60, 170 - graph.nodes[name]["y"] * 57) for name in CAPTIONS}
    parts = [_text(left + 24, 30, title, 17, bold=True, anchor="start")]
    parts += [
        f'<path d="{_path([places[a], places[b]])}" stroke="{EDGE}" stroke-width="2"/>'
        for a, b in graph.edges
        if a in places and b in places
    ]
    # The flows in the order of their lanes from above, so that they do not cross where both come from one link.
    for flow, road in roads.items():
        parts.append(_road([places[node] for node in road], looks[flow], APART if flow == 2 else -APART))
    parts += [_node(places[node], *CAPTIONS[node]) for node in places]
    parts += _legend(left + 24, looks)
    parts += _table(left + 222, looks, moved)
    return "\n".join(parts)


def _road(points: Sequence[Point], look: FlowStyle, aside: float) -> str:
    """One flow's way, with its letter on each stretch; a dark edge lets a bright colour stand out from white."""
    lane = [(x, y + aside) for x, y in points]
    dash = f' stroke-dasharray="{DASHES[look.dash]}"' if DASHES[look.dash] else ""
    path = f'<path d="{_path(lane)}" fill="none" stroke-linejoin="round"'
    marks = [_mark((x1 + x2) / 2, (y1 + y2) / 2, look) for (x1, y1), (x2, y2) in pairwise(lane)]
    return "\n".join(
        [
            f'{path} stroke="{INK}" stroke-width="6.5"{dash}/>',
            f'{path} stroke="{look.colour}" stroke-width="4"{dash}/>',
            *marks,
        ]
    )


def _mark(x: float, y: float, look: FlowStyle) -> str:
    shape = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{look.colour}" stroke="{INK}"/>'
        if look.symbol == "circle"
        else f'<rect x="{x - 8.5:.1f}" y="{y - 8.5:.1f}" width="17" height="17" fill="{look.colour}" stroke="{INK}"/>'
    )
    return shape + _text(x, y + 4, look.letter, 12, look.letter_colour, bold=True)


def _node(place: Point, name: str, role: str) -> str:
    (x, y), width, height = place, max(len(name) * 9.5, len(role) * 6.4) + 18, 40 if role else 28
    box = _box(x - width / 2, y - height / 2, width, height, CARD if role else QUIET_CARD, INK if role else EDGE)
    if not role:
        return box + _text(x, y + 5, name, 14)
    return box + _text(x, y - 2, name, 15, bold=True) + _text(x, y + 13, role, 12)


def _legend(left: float, looks: dict[int, FlowStyle]) -> list[str]:
    parts = []
    for row, (flow, look) in enumerate(looks.items()):
        y = 312 + 26 * row
        parts += [_mark(left + 10, y, look), _text(left + 28, y + 5, f"{look.word}, from H@{flow}", 14, anchor="start")]
    return parts


def _table(left: float, looks: dict[int, FlowStyle], moved: int | None) -> list[str]:
    """CN1's binding cache: where to send what is for a home address."""
    top, width, row = 274, 236, 26
    parts = [
        _box(left, top - 20, width, 3 * row + 28, CARD, INK),
        _text(left + 10, top, "CN1's binding cache", 14, bold=True, anchor="start"),
    ]
    for number, flow in enumerate(looks):
        y = top + 10 + number * row
        if flow == moved:
            parts.append(_box(left + 4, y, width - 8, row - 2, HIGHLIGHT, INK))
        where = "cellular" if flow == moved else "WLAN"
        parts.append(_text(left + 12, y + 17, f"H@{flow} → {where} address", 14, anchor="start", bold=flow == moved))
    note = "changed by one binding update" if moved else "two home addresses, one place"
    return [*parts, _text(left + 12, top + 10 + 2 * row + 17, note, 12, anchor="start")]


def _path(points: Sequence[Point]) -> str:
    return "M " + " L ".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _box(x: float, y: float, width: float, height: float, fill: str, edge: str, radius: float = 4) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}"'
        f' fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'
    )


def _text(
    x: float, y: float, text: str, size: float, colour: str = INK, *, bold: bool = False, anchor: str = "middle"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )
