"""The layers of the animation as plotly wants them: marks with stable names, buttons, and the slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mipflow.view.film import FRAME_MS
from mipflow.view.flight import Spot
from mipflow.view.style import CARD, EDGE, Dict, FlowStyle, font
from mipflow.view.words import NS_PER_S

PARKED = -99
"""Where marks wait out of sight: a plotly trace without any point would keep the points it had."""


def packets(style: FlowStyle) -> Dict:
    """The packets of one flow."""
    return {
        **marks(style.symbol, 19, style.colour, EDGE, 1.5), "mode": "markers+text",
        "textfont": font(11, style.letter_colour, bold=True),
    }  # fmt: skip


def marks(symbol: str, size: int, colour: str, edge: str = EDGE, width: float = 1.5) -> Dict:
    """Marks without letters; the first waits out of sight."""
    return {
        "type": "scatter", "mode": "markers", "x": [PARKED], "y": [PARKED], "ids": ["0"], "hoverinfo": "skip",
        "textposition": "middle center",
        "marker": {
            "symbol": symbol, "size": size, "color": colour, "opacity": 1, "line": {"color": edge, "width": width},
        },
    }  # fmt: skip


def points(spots: Sequence[Spot]) -> Dict:
    """What a frame says of marks: where each is, by its name."""
    return {
        "x": [PARKED, *(spot.x for spot in spots)], "y": [PARKED, *(spot.y for spot in spots)],
        "ids": ["0", *(spot.ident for spot in spots)],
    }  # fmt: skip


def lettered(spots: Sequence[Spot]) -> Dict:
    """The same with letters."""
    return {**points(spots), "text": [" ", *(spot.text for spot in spots)]}


def put(layer: Dict, payload: Mapping[str, Any]) -> None:
    """Merge what a frame says into a layer."""
    for name, value in payload.items():
        if isinstance(value, dict):
            put(layer.setdefault(name, {}), value)
        else:
            layer[name] = value


def _playing(frame_ms: int) -> Dict:
    return {
        "frame": {"duration": frame_ms, "redraw": False}, "transition": {"duration": frame_ms, "easing": "linear"},
        "fromcurrent": True, "mode": "immediate",
    }  # fmt: skip


def buttons() -> Dict:
    """Play, half speed and pause."""
    still = {"frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}, "mode": "immediate"}
    return {
        "type": "buttons", "direction": "right", "showactive": False, "x": 0.012, "xanchor": "left", "y": 0,
        "yanchor": "top", "pad": {"t": 24}, "bgcolor": CARD, "bordercolor": EDGE, "font": font(14),
        "buttons": [
            {"label": "▶ Play", "method": "animate", "args": [None, _playing(FRAME_MS)]},
            {"label": "Half speed", "method": "animate", "args": [None, _playing(2 * FRAME_MS)]},
            {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
        ],
    }  # fmt: skip


def slider(steps: list[tuple[str, int]]) -> Dict:
    """A slider over (frame name, virtual time in nanoseconds)."""
    at_once = {"frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}, "mode": "immediate"}
    return {
        "x": 0.36, "len": 0.62, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 8, "b": 4},
        "bgcolor": EDGE, "bordercolor": EDGE, "activebgcolor": "#0072B2", "ticklen": 4, "tickcolor": EDGE,
        "minorticklen": 3, "font": font(11), "transition": {"duration": 0},
        "currentvalue": {"prefix": "time ", "suffix": " s", "font": font(13), "xanchor": "left"},
        "steps": [
            {"label": f"{t_ns / NS_PER_S:.3f}", "method": "animate", "args": [[name], at_once]} for name, t_ns in steps
        ],
    }  # fmt: skip
