"""The timeline: for each flow which interface it used, its one-way delay, and what it lost, over time."""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.sim.trace import Dropped, Trace
from mipflow.view import style as look
from mipflow.view.events import flow_sentences
from mipflow.view.picture import Picture
from mipflow.view.style import Dict, FlowStyle
from mipflow.view.usage import Delay, Run, delays, leading, losses, main_direction, runs
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, check_span, seconds

MOST_POINTS = 2000
"""Points of one curve at most: more cannot be seen, and cost."""
_LANE_HEIGHT = 26


def timeline(
    trace: Trace, *, mobile: str = "MN", flows: Mapping[int, str], start_ns: int, end_ns: int
) -> Picture:
    """Interface, delay and loss of each flow between two times (nanoseconds), in the direction of most of its packets.

    Of more than `style.MOST_FLOWS` flows those are drawn that changed their way, then those with most packets.

    flows: flow id -> word; mobile: the mobile node's name. Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    found = runs(trace, mobile, start_ns, end_ns)
    shown = leading(flows, found, look.MOST_FLOWS)
    direction = {flow: upward for flow, upward in main_direction(found).items() if flow in shown}
    own = [run for run in found if direction.get(run.flow) == run.upward]
    curves = delays(trace, mobile, direction, start_ns, end_ns, MOST_POINTS)
    lost = [record for record in losses(trace, start_ns, end_ns) if record.packet.innermost().flow in flows]
    title = f"Flows from {seconds(start_ns)} to {seconds(end_ns)}"

    def sentences() -> list[str]:
        lines = flow_sentences(trace, Words({}, flows), mobile, start_ns, end_ns)
        return lines + [_delay_sentence(flows[flow], curve) for flow, curve in sorted(curves.items()) if curve]

    def rows() -> list[dict[str, object]]:
        return [
            {
                "flow": flows[run.flow], "direction": "up" if run.upward else "down", "interface": run.interface,
                "tunnelled": run.tunnelled, "from_s": run.from_ns / NS_PER_S, "to_s": run.to_ns / NS_PER_S,
                "packets": run.packets, "mean_delay_ms": _mean_ms(curves[run.flow], run),
                "lost": sum(each.packet.innermost().flow == run.flow and _during(each.t_ns, run, own) for each in lost),
            }
            for run in own
        ]  # fmt: skip

    styles = look.flow_styles({flow: flows[flow] for flow in shown})
    figure = _figure(title, styles, own, curves, lost, start_ns, end_ns)
    return Picture(title, sentences, rows, figure=figure)


def _mean_ms(curve: list[Delay], run: Run) -> float | None:
    inside = [each.delay_ns for each in curve if run.from_ns <= each.linked_ns <= run.to_ns]
    return round(sum(inside) / len(inside) / NS_PER_MS, 3) if inside else None


def _during(t_ns: int, run: Run, own: list[Run]) -> bool:
    """Whether a moment belongs to a run: from its start to the start of the flow's next one."""
    later = [other.from_ns for other in own if other.flow == run.flow and other.from_ns > run.from_ns]
    first = not any(other.flow == run.flow and other.from_ns < run.from_ns for other in own)
    return (first or run.from_ns <= t_ns) and t_ns < min(later, default=t_ns + 1)


def _delay_sentence(word: str, curve: list[Delay]) -> str:
    values = [each.delay_ns / NS_PER_MS for each in curve]
    return f"{word}: one-way delay {min(values):.1f} to {max(values):.1f} ms, mean {sum(values) / len(values):.1f} ms."


def _figure(
    title: str,
    styles: Mapping[int, FlowStyle],
    own: list[Run],
    curves: Mapping[int, list[Delay]],
    lost: list[Dropped],
    start_ns: int,
    end_ns: int,
) -> Dict:
    interfaces = sorted({run.interface for run in own})
    lanes = [(flow, interface) for flow in styles for interface in interfaces]
    band = max(1, len(lanes)) * _LANE_HEIGHT
    height = 300 + band
    share = round((300 - 90) / (height - 90), 3)
    axis: Dict = {"linecolor": look.EDGE, "gridcolor": "#DDDDDD", "tickfont": look.font(12), "showline": True}
    axis["zeroline"] = False
    layout = look.base_layout(
        title, height, paper_bgcolor=look.CARD, plot_bgcolor=look.CARD, margin={"l": 110, "r": 20, "t": 44, "b": 46},
        xaxis={
            **axis, "range": [start_ns / NS_PER_S, end_ns / NS_PER_S], "anchor": "y",
            "title": {"text": "virtual time (s)", "font": look.font(12)},
        },
        yaxis={
            **axis, "domain": [0, share - 0.04], "rangemode": "tozero",
            "title": {"text": "one-way delay (ms)", "font": look.font(12)},
        },
        yaxis2={
            **axis, "domain": [share, 1], "range": [len(lanes) - 0.4, -0.6], "tickvals": list(range(len(lanes))),
            "ticktext": [f"{styles[flow].word}, {interface}" for flow, interface in lanes], "anchor": "x",
            "fixedrange": True,
        },
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": look.font(12)},
    )  # fmt: skip
    data = [
        _band(styles[flow], number, [run for run in own if run.way == (flow, interface, inside)])
        for number, (flow, interface) in enumerate(lanes)
        for inside in (False, True)
    ]
    data += [_curve(styles[flow], curve) for flow, curve in sorted(curves.items())]
    data += [_crosses(styles[flow], [each for each in lost if each.packet.innermost().flow == flow]) for flow in styles]
    return {"data": data, "layout": layout, "config": {**look.CONFIG, "displayModeBar": "hover"}}


def _band(style: FlowStyle, lane: int, own: list[Run]) -> Dict:
    """A bar for each run; a hollow one where the flow was in the tunnel."""
    tunnelled = any(run.tunnelled for run in own)
    sides = (-0.22, 0.22) if tunnelled else (0.0,)
    bars = [(run, lane + side) for side in sides for run in own]
    return {
        "type": "scatter", "mode": "lines", "yaxis": "y2", "showlegend": False, "name": style.word,
        "x": [x for run, _ in bars for x in (run.from_ns / NS_PER_S, run.to_ns / NS_PER_S, None)] or [None],
        "y": [y for _, height in bars for y in (height, height, None)] or [None],
        "line": {"color": look.line_colour(style.colour), "width": 3 if tunnelled else 14},
        "hoverinfo": "text", "text": [text for run, _ in bars for text in (_hover(run), _hover(run), "")],
    }  # fmt: skip


def _hover(run: Run) -> str:
    way = f"over {run.interface}{' in the tunnel' if run.tunnelled else ''}"
    return f"{way}, {seconds(run.from_ns)} to {seconds(run.to_ns)}, {run.packets} packets"


def _curve(style: FlowStyle, curve: list[Delay]) -> Dict:
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{style.letter}: {style.word}, delay",
        "x": [round(each.sent_ns / NS_PER_S, 4) for each in curve],
        "y": [round(each.delay_ns / NS_PER_MS, 2) for each in curve],
        "line": {"color": look.line_colour(style.colour), "width": 1.5, "dash": style.dash},
        "marker": {
            "symbol": style.symbol, "size": 6, "color": style.colour, "line": {"color": look.EDGE, "width": 0.5},
            "maxdisplayed": 40,
        },
    }  # fmt: skip


def _crosses(style: FlowStyle, lost: list[Dropped]) -> Dict:
    shown = lost[:: max(1, -(-len(lost) // MOST_POINTS))]
    return {
        "type": "scatter", "mode": "markers", "name": f"{style.word}: {len(lost)} lost",
        "x": [round(each.t_ns / NS_PER_S, 4) for each in shown] or [None], "y": [0] * len(shown) or [None],
        "marker": {"symbol": "x", "size": 10, "color": look.VERMILION, "line": {"color": look.INK, "width": 1}},
        "cliponaxis": False, "hoverinfo": "text",
        "text": [f"{style.word}: {each.node}, {each.reason}" for each in shown] or [""],
    }  # fmt: skip
