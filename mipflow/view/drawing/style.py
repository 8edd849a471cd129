"""Colours, shapes and cards that all pictures share; they read on a white page and on a black one.

The page behind a picture is not known, and no grey reads on both black and white: so text stands on an opaque card,
marks have an outline, and each flow has a colour, a shape, a dash and a letter.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

Dict = dict[str, Any]
"""A piece of a plotly figure: always plain values, never plotly's own classes."""

INK = "#111111"
CARD = "#FFFFFF"
QUIET_CARD = "#F1F3F5"
EDGE = "#767676"
"""At least 3:1 on white and on #111111."""
BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00", "#CC79A7"
HIGHLIGHT = "#F0E442"
CLEAR = "rgba(0,0,0,0)"
SANS = "system-ui, 'Helvetica Neue', Arial, sans-serif"


class FlowStyle(NamedTuple):
    """How one flow is drawn everywhere."""

    word: str
    letter: str
    colour: str
    letter_colour: str
    symbol: str
    dash: str


_DARKER = {ORANGE: "#B87700", SKY: "#2A8CC7", PURPLE: "#C0609A"}
_LOOKS = [
    (BLUE, "#FFFFFF", "circle", "solid"), (ORANGE, INK, "square", "dash"), (GREEN, INK, "diamond", "dot"),
    (PURPLE, INK, "pentagon", "dashdot"), (SKY, INK, "hexagon", "longdash"),
    (VERMILION, INK, "star-square", "longdashdot"),
]  # fmt: skip
MOST_FLOWS = len(_LOOKS)
"""Flows that can be told apart in one picture."""


def line_colour(colour: str) -> str:
    """Return a colour of the palette as a line that has no outline: at least 3:1 on white and on #111111."""
    return _DARKER.get(colour, colour)


def flow_styles(flows: Mapping[int, str]) -> dict[int, FlowStyle]:
    """Return flow id -> look. Letters are the first of each word that no earlier flow has, of "call 2" its number
    before others; else the flow id.
    """
    styles: dict[int, FlowStyle] = {}
    for number, (flow, word) in enumerate(sorted(flows.items())):
        taken = {style.letter for style in styles.values()}
        first, *others = [each for each in word if each.isalnum()] or [""]
        own = [last] if (last := word.split(" ")[-1]).isdecimal() and len(last) < 3 else []
        letter = next((each for each in (first, *own, *others) if each and each not in taken), str(flow))
        styles[flow] = FlowStyle(word, letter, *_LOOKS[number % len(_LOOKS)])
    return styles


def font(size: int, colour: str = INK, bold: bool = False) -> Dict:
    """Return a font of plotly."""
    return {"size": size, "color": colour, "family": SANS, "weight": "bold" if bold else "normal"}


def scatter(mode: str, x: list[Any], y: list[Any], **more: Any) -> Dict:
    """One plotly trace; the pointer finds nothing in it unless `more` says what."""
    return {"type": "scatter", "mode": mode, "x": x, "y": y, "hoverinfo": "skip", **more}


_HIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2067\ufeff\ufffe\uffff]")
"""Letters that no SVG may hold, take no room or turn the direction of others."""
_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_LEFTWARD = re.compile(f"[{_LEFT}]([{_LEFT} 0-9'-]*[{_LEFT}])?")


def legible(text: str) -> str:
    """Return a text of the world for a reader, without hidden letters. A word that runs leftwards keeps to itself, by
    an isolate of Unicode's UAX #9, so that it does not draw the numbers beside it along.
    """
    return _LEFTWARD.sub("\u2068\\g<0>\u2069", _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def escape(text: str) -> str:
    """Return a text of the world as HTML, to be shown letter by letter."""
    return html.escape(legible(text))


_ACTS = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<>$%"})


def literal(text: object) -> str:
    """Return a text of the world for a label, to be shown letter by letter: for plotly it could hold tags, entities, a
    formula ("$") or a template ("%{"). Names, words, reasons and whatever else was not written here go through this.
    """
    return legible(str(text)).translate(_ACTS)


def label(x: float, y: float, text: str, size: int = 12, **more: Any) -> Dict:
    """Return text on an opaque card of its own, above all marks; `text` may have tags (see `literal`)."""
    return {
        "x": round(x, 1), "y": round(y, 1), "text": text, "showarrow": False, "font": font(size), "bgcolor": CARD,
        "bordercolor": EDGE, "borderwidth": 1, "borderpad": 3, "captureevents": False, **more,
    }  # fmt: skip


def bare_axis(low: float, high: float) -> Dict:
    """Return an axis that shows nothing and cannot be dragged."""
    return {"range": [low, high], "visible": False, "fixedrange": True}


def base_layout(title: str, height: int, **more: Any) -> Dict:
    """Return the layout that every figure has: a transparent page, own fonts, no legend of plotly's."""
    return {
        "height": height, "autosize": True, "showlegend": False, "hovermode": "closest", "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR, "font": font(12), "meta": {"title": legible(title)},
        "hoverlabel": {"bgcolor": CARD, "bordercolor": EDGE, "font": font(12)}, **more,
    }  # fmt: skip


CONFIG: Dict = {"displaylogo": False, "displayModeBar": False, "responsive": True}
