"""Drawings as inline SVG: what needs no script to be seen, follows the page from light to dark, and prints.

Takes shapes and words in pixels from the top left; gives HTML. Colours are classes of drawing.css, so that a page can
change them; a text has a halo in the colour of the page and reads on whatever it crosses.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any
from unicodedata import east_asian_width

from mipflow.view.drawing.style import CLEAR, CONFIG, Dict, bare_axis, base_layout, escape, scatter

_NARROW, _WIDE = set("iljtfrI.,:;'|!()[] /"), set("mwMW@%…→←—")
SIZE = 14
"""Of all letters, in pixels."""


def width_of(text: str, bold: bool = False) -> float:
    """Estimate how many pixels a text is wide, rather too many than too few: in DejaVu Sans, a wide font."""
    shares = (
        0 if each in "\u2068\u2069" else 1.1 if each in "✓✕▸" or east_asian_width(each) in "WF"
        else 0.38 if each in _NARROW else 0.96 if each in _WIDE else 0.72 if each.isupper() else 0.62 for each in text
    )  # fmt: skip
    return sum(shares) * SIZE * (1.16 if bold else 1)


def in_rows(spans: Iterable[tuple[float, float]]) -> list[int]:
    """Return for each span, from where to where, the first row in which none before it reaches into it."""
    ends, rows = list[float](), list[int]()
    for begin, end in spans:
        row = next((number for number, until in enumerate(ends) if until <= begin), len(ends))
        ends[row : row + 1] = [end]
        rows.append(row)
    return rows


class Drawing:
    """A drawing that grows by what is added: each call gives the part that it has added."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def add(self, name: str, kind: str, inside: str = "", **values: Any) -> str:
        """Add an element and return it: `kind` is its class; numbers are rounded, "_" in a name stands for "-"."""
        told = "".join(f' {key.replace("_", "-")}="{_value(value)}"' for key, value in values.items())
        part = f'<{name} class="{kind}"{told}>{inside}</{name}>' if inside else f'<{name} class="{kind}"{told}/>'
        self.parts.append(part)
        return part

    def line(self, kind: str, x: float, y: float, to_x: float, to_y: float, **more: Any) -> None:
        """Add a straight line."""
        self.add("line", kind, x1=x, y1=y, x2=to_x, y2=to_y, **more)

    def rect(self, kind: str, x: float, y: float, width: float, height: float, **more: Any) -> None:
        """Add a rectangle."""
        self.add("rect", kind, x=x, y=y, width=width, height=height, **more)

    def path(self, kind: str, points: Iterable[tuple[float, float]], **more: Any) -> None:
        """Add straight lines through points."""
        told = "L".join(f"{_value(x)} {_value(y)}" for x, y in points)
        self.add("path", kind, d=f"M{told}", **more)

    def text(self, kind: str, x: float, y: float, text: str, **more: Any) -> None:
        """Add a line of words, its middle at the height `y`; "start", "middle" or "end" in `kind` says where `x` is."""
        self.add("text", kind, escape(text), x=x, y=y, dy=".35em", **more)

    def group(self, kind: str, parts: Drawing, title: str = "", **more: Any) -> None:
        """Add parts that belong together, with words for whoever points at them."""
        said = f"<title>{escape(title)}</title>" if title else ""
        self.add("g", kind, said + "".join(parts.parts), **more)

    def html(self, title: str, width: float, height: float, head: str = "", foot: str = "", top: float = 0) -> str:
        """Return the whole as HTML: it keeps its size, and scrolls sideways where there is no room. `title`: its name;
        `head` and `foot`: HTML above and below, which do not scroll; `top`: the height at which it begins.
        """
        size = f'viewBox="0 {top:.0f} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        svg = f'<svg {size} role="img" aria-label="{escape(title)}">{"".join(self.parts)}</svg>'
        scrolls = f'<div class="mipflow-scroll" tabindex="0" role="group" aria-label="{escape(title)}">{svg}</div>'
        return f'<style>{style()}</style><div class="mipflow-drawing">{head}{scrolls}{foot}</div>'


@cache
def style() -> str:
    """Return drawing.css, which goes out with every drawing."""
    return files(__package__).joinpath("drawing.css").read_text(encoding="utf-8")


def as_figure(title: str, html: str) -> Dict:
    """Return the drawings of a piece of HTML as a plotly figure, under each other: as images, in the colours of a light
    page.
    """
    images, top, width = [], 0, 1
    for svg, wide, high in re.findall(r'(<svg [^>]*width="(\d+)" height="(\d+)".*?</svg>)', html, re.DOTALL):
        whole = f'<svg xmlns="http://www.w3.org/2000/svg" class="mipflow-drawing" width="{wide}" height="{high}">'
        octets = f"{whole}<style>{style()}</style>{svg}</svg>".encode(errors="replace")
        images.append({
            "source": f"data:image/svg+xml;base64,{b64encode(octets).decode()}", "xref": "x", "yref": "y", "x": 0,
            "y": -top, "sizex": int(wide), "sizey": int(high), "layer": "below", "xanchor": "left", "yanchor": "top",
        })  # fmt: skip
        top, width = top + int(high), max(width, int(wide))
    layout = base_layout(
        title, max(top, 60), width=width, images=images, margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis=bare_axis(0, width), yaxis=bare_axis(-max(top, 60), 0),
    )  # fmt: skip
    return {"data": [scatter("markers", [0], [0], marker={"color": CLEAR})], "layout": layout, "config": CONFIG}


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, int | float) else escape(str(value))
