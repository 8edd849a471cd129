"""Plots as SVG that can be read on light and on dark ground: rates as dots on a logarithmic axis, curves over growing
numbers, and a sum of parts as one bar. docs/performance.py draws with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, ROW, MARGIN = 960, 26, 16
LABELS, VALUES = 400, 150
"""Widths beside the dots: of their names on the left, and of their values on the right."""
PANEL_HEIGHT, LEFT, RIGHT, HEAD, FOOT, BETWEEN_NAMES = 300, 88, 190, 36, 44, 17
DOT = 5
STYLE = """
text{font:14px system-ui,sans-serif;fill:#1f2328}.small{font-size:13px;fill:#59636e}.title{font-weight:600}
.grid{stroke:#d1d9e0;fill:none}.c0{fill:#0072b2;stroke:#0072b2}.c1{fill:#d55e00;stroke:#d55e00}
.c2{fill:#009e73;stroke:#009e73}.c3{fill:#a3509b;stroke:#a3509b}.c4{fill:#8a6d00;stroke:#8a6d00}
.c5{fill:#59636e;stroke:#59636e}.line{fill:none;stroke-width:2}.range{stroke-width:2}text[class^=c]{stroke:none}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.grid{stroke:#3d444d}
.c0{fill:#56b4e9;stroke:#56b4e9}.c1{fill:#ff9d5c;stroke:#ff9d5c}.c2{fill:#3fd0a0;stroke:#3fd0a0}
.c3{fill:#e39bd8;stroke:#e39bd8}.c4{fill:#f0e442;stroke:#f0e442}.c5{fill:#9198a1;stroke:#9198a1}.line{fill:none}}
"""
COLOURS = 6


class Dot(NamedTuple):
    """A row of a plot of dots: the middle of some runs, with the lowest and the highest of them."""

    name: str
    middle: float
    lowest: float
    highest: float
    colour: int = 0


class Panel(NamedTuple):
    """Curves on one pair of axes. `curves`: name -> points (x, y); x is drawn logarithmic, y from 0."""

    title: str
    curves: Mapping[str, Sequence[tuple[float, float]]]
    across: str


def drawing(title: str, height: float, parts: Iterable[str]) -> str:
    """Put parts into a picture."""
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return "\n".join([f"{head}<style>{STYLE}</style>", *parts, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Draw words."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def dots(title: str, unit: str, rows: Sequence[Dot]) -> str:
    """Draw rows of dots, each with a line from its lowest to its highest run, over powers of ten."""
    low, high = floor(log10(min(row.lowest for row in rows))), ceil(log10(max(row.highest for row in rows)))
    left, right = MARGIN + LABELS, WIDTH - MARGIN - VALUES
    bottom = MARGIN + ROW * len(rows)

    def x_of(value: float) -> float:
        return left + (log10(value) - low) / (high - low) * (right - left)

    parts = []
    for power in range(low, high + 1):
        x = x_of(10**power)
        parts += [f'<path class="grid" d="M{x:.1f} {MARGIN}V{bottom}"/>']
        parts += [text(x, bottom + 20, f"{10**power:,}", "small", "middle")]
    for number, row in enumerate(rows):
        y, kind = MARGIN + ROW * (number + 0.5), f"c{row.colour % COLOURS}"
        parts += [
            text(left - 14, y + 5, row.name, anchor="end"),
            f'<path class="{kind} range" d="M{x_of(row.lowest):.1f} {y}H{x_of(row.highest):.1f}"/>',
            f'<circle class="{kind}" cx="{x_of(row.middle):.1f}" cy="{y}" r="{DOT}"/>',
            text(right + 16, y + 5, f"{row.middle:,.0f}"),
        ]
    return drawing(title, bottom + 48, [*parts, text((left + right) / 2, bottom + 40, unit, "small", "middle")])


def panels(title: str, shown: Sequence[Panel]) -> str:
    """Draw panels one below the other."""
    parts = [part for number, panel in enumerate(shown) for part in _panel(panel, number * PANEL_HEIGHT)]
    return drawing(title, PANEL_HEIGHT * len(shown), parts)


def _panel(panel: Panel, above: float) -> list[str]:
    points = [point for curve in panel.curves.values() for point in curve]
    first, last = log10(min(x for x, _ in points)), log10(max(x for x, _ in points))
    step = nice(max(y for _, y in points) / 4)
    most = step * ceil(max(y for _, y in points) / step)
    top, bottom, left, right = above + HEAD, above + PANEL_HEIGHT - FOOT, LEFT, WIDTH - RIGHT

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (log10(x) - first) / (last - first) * (right - left), bottom - y / most * (bottom - top)

    parts = [text(MARGIN, above + 20, panel.title, "title"), text(right + 32, bottom + 20, panel.across, "small")]
    for number in range(round(most / step) + 1):
        y = place(10**first, number * step)[1]
        parts += [f'<path class="grid" d="M{left} {y:.1f}H{right}"/>']
        parts += [text(left - 8, y + 5, f"{number * step:,.10g}", "small", "end")]
    for x in sorted({x for x, _ in points}):
        parts += [text(place(x, 0)[0], bottom + 20, f"{x:,.0f}", "small", "middle")]
    for number, curve in enumerate(panel.curves.values()):
        kind, placed = f"c{number % COLOURS}", [place(*point) for point in curve]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts += [f'<path class="{kind} line" d="M{line}"/>']
        parts += [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{DOT - 1}"/>' for x, y in placed]
    ends = {name: place(*curve[-1]) for name, curve in panel.curves.items()}
    heights = apart([y for _, y in ends.values()], BETWEEN_NAMES)
    for number, (name, y) in enumerate(zip(ends, heights, strict=True)):
        parts += [text(right + 14, y + 5, name, f"c{number % COLOURS}")]
    return parts


def nice(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 and so on that is at least `value`."""
    power: float = 10 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def apart(heights: Sequence[float], least: float) -> list[float]:
    """Move heights apart, as little as it takes going upward from the lowest place, so that names do not overlap."""
    moved = list(heights)
    limit = float("inf")
    for place in sorted(range(len(heights)), key=lambda each: -heights[each]):
        moved[place] = limit = min(heights[place], limit - least)
    return moved


def bars(title: str, unit: str, rows: Mapping[str, Sequence[tuple[str, float]]]) -> str:
    """Draw sums as bars, each of parts one after the other with their names in a legend below."""
    names = list(dict.fromkeys(name for parts in rows.values() for name, _ in parts))
    most = max(sum(size for _, size in parts) for parts in rows.values())
    left, right, tall = MARGIN + 210, WIDTH - MARGIN - 100, 30
    parts = []
    for number, (row, sizes) in enumerate(rows.items()):
        x, y = float(left), MARGIN + number * (tall + 14)
        parts += [text(left - 12, y + 20, row, anchor="end")]
        for name, size in sizes:
            kind, width = f"c{names.index(name) % COLOURS}", size / most * (right - left)
            parts += [f'<rect class="{kind}" x="{x + 1:.1f}" y="{y}" width="{max(width - 2, 1):.1f}" height="{tall}"/>']
            x += width
        parts += [text(x + 8, y + 20, f"{sum(size for _, size in sizes):,.0f} {unit}")]
    bottom = MARGIN + len(rows) * (tall + 14) + 10
    for number, name in enumerate(names):
        x, y = left + number % 2 * 330, bottom + number // 2 * 24
        parts += [f'<rect class="c{number % COLOURS}" x="{x}" y="{y}" width="14" height="14"/>']
        parts += [text(x + 22, y + 12, name)]
    return drawing(title, bottom + ceil(len(names) / 2) * 24 + MARGIN, parts)
