"""The timeline: for each flow which interface it used, its one-way delay, and what it lost, over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mipflow.sim.trace import Dropped, Trace
from mipflow.view import style as look
from mipflow.view.focus import Focus
from mipflow.view.picture import Picture
from mipflow.view.style import Dict, FlowStyle
from mipflow.view.trips import Run, Trip, arrived, leading, losses, runs, trips
from mipflow.view.words import NS_PER_MS, NS_PER_S, Words, check_span, count, seconds

MOST_POINTS = 2000
"""Points of one curve at most: more cannot be seen, and cost."""
_LANE_HEIGHT = 26


def timeline(trace: Trace, *, mobile: str = "MN", flows: Mapping[int, str], start_ns: int, end_ns: int) -> Picture:
    """Interface, delay and loss of each flow between two times (nanoseconds), in the direction of most of its packets.

    Of more than `style.MOST_FLOWS` flows those are drawn that changed their way, then those with most packets.

    flows: flow id -> word; mobile: the mobile node's name. Raises ProtocolMisuse where time does not go forward.
    """
    check_span(start_ns, end_ns)
    found = runs(trace, [trip for trip in trips(trace, start_ns, end_ns) if trip.started_ns >= start_ns], mobile)
    curves = arrived(found)
    focus = Focus(trace, flows, start_ns=start_ns, end_ns=end_ns)
    shown = leading(flows, found, look.MOST_FLOWS, focus.moved)
    left_out = f"not drawn: {count(len(flows) - len(shown), 'flow')}" if len(flows) > len(shown) else ""
    own = [run for run in found if run.flow in shown]
    lost = [record for record in losses(trace, start_ns, end_ns) if record.packet.innermost().flow in flows]
    title = f"Flows from {seconds(start_ns)} to {seconds(end_ns)}"

    def sentences() -> list[str]:
        lines = flow_sentences(Words({}, flows), focus, found, lost, start_ns)
        for flow in shown:
            values = [_delay_ms(trip) for trip in curves.get(flow, ())]
            if values:
                span = f"{min(values):.1f} to {max(values):.1f} ms, mean {sum(values) / len(values):.1f} ms"
                lines.append(f"{flows[flow]}: one-way delay {span}.")
        return lines

    def rows() -> list[dict[str, object]]:
        return [_row(run, flows[run.flow], own, curves, lost) for run in own]

    styles = look.flow_styles({flow: flows[flow] for flow in shown})
    figure = _figure(title, styles, own, curves, lost, (start_ns / NS_PER_S, end_ns / NS_PER_S), left_out)
    return Picture(title, sentences, rows, figure=figure)


def _delay_ms(trip: Trip) -> float:
    return (trip.arrived_ns - trip.packet.sent_ns) / NS_PER_MS


def _row(
    run: Run, word: str, own: list[Run], curves: Mapping[int, list[Trip]], lost: list[Dropped]
) -> dict[str, object]:
    """A run as plain values; a loss belongs to the run in which the moment lies, up to the start of the next."""
    starts = [other.from_ns for other in own if other.flow == run.flow]
    until = min((start for start in starts if start > run.from_ns), default=None)
    since = 0 if run.from_ns == starts[0] else run.from_ns
    times = [record.t_ns for record in lost if record.packet.innermost().flow == run.flow]
    came = set(curves[run.flow])
    delays = [_delay_ms(trip) for trip in run.trips if trip in came]
    return {
        "flow": word, "direction": "up" if run.upward else "down", "interface": run.interface,
        "tunnelled": run.tunnelled, "from_s": run.from_ns / NS_PER_S, "to_s": run.to_ns / NS_PER_S,
        "packets": len(run.trips), "mean_delay_ms": round(sum(delays) / len(delays), 3) if delays else None,
        "lost": sum(since <= t_ns and (until is None or t_ns < until) for t_ns in times),
    }  # fmt: skip


def _figure(
    title: str, styles: Mapping[int, FlowStyle], own: list[Run], curves: Mapping[int, list[Trip]], lost: list[Dropped],
    span_s: tuple[float, float], left_out: str,
) -> Dict:  # fmt: skip
    interfaces = sorted({run.interface for run in own})
    lanes = [(flow, interface) for flow in styles for interface in interfaces]
    height = 300 + max(1, len(lanes)) * _LANE_HEIGHT
    share = round((300 - 90) / (height - 90), 3)
    axis: Dict = {
        "linecolor": look.EDGE, "gridcolor": "#DDDDDD", "tickfont": look.font(12), "showline": True, "zeroline": False,
    }  # fmt: skip
    below = f"virtual time (s){', ' * bool(left_out)}{left_out}"
    time, delay = ({"text": what, "font": look.font(12)} for what in (below, "one-way delay (ms)"))
    words = [look.literal(f"{styles[flow].word}, {interface}") for flow, interface in lanes]
    layout = look.base_layout(
        title, height, paper_bgcolor=look.CARD, plot_bgcolor=look.CARD, margin={"l": 110, "r": 20, "t": 44, "b": 46},
        xaxis={**axis, "title": time, "range": list(span_s), "anchor": "y"},
        yaxis={**axis, "title": delay, "domain": [0, share - 0.04], "rangemode": "tozero"},
        yaxis2={
            **axis, "domain": [share, 1], "range": [len(lanes) - 0.4, -0.6], "anchor": "x", "fixedrange": True,
            "tickvals": list(range(len(lanes))), "ticktext": words,
        },
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": look.font(12)},
    )  # fmt: skip
    data = [_band(styles[run.flow], lanes.index((run.flow, run.interface)), run) for run in own]
    data += [_curve(style, curves.get(flow, [])) for flow, style in styles.items()]
    for flow, style in styles.items():
        data.append(_crosses(style, [each for each in lost if each.packet.innermost().flow == flow]))
    return {"data": data, "layout": layout, "config": {**look.CONFIG, "displayModeBar": "hover"}}


def _band(style: FlowStyle, lane: int, run: Run) -> Dict:
    """A bar for a run; a hollow one where the flow was in the tunnel."""
    from_s, to_s = run.from_ns / NS_PER_S, run.to_ns / NS_PER_S
    ys = [y for side in ((-0.22, 0.22) if run.tunnelled else (0.0,)) for y in (lane + side, lane + side, None)]
    text = f"{look.literal(run.way)}, {seconds(run.from_ns)} to {seconds(run.to_ns)}, {len(run.trips)} packets"
    line = {"color": look.line_colour(style.colour), "width": 3 if run.tunnelled else 14}
    return look.scatter(
        "lines", [from_s, to_s, None] * (len(ys) // 3), ys, yaxis="y2", showlegend=False, line=line, hoverinfo="text",
        text=text, name=look.literal(style.word),
    )  # fmt: skip


def _curve(style: FlowStyle, trips_in_time: list[Trip]) -> Dict:
    drawn = trips_in_time[:: max(1, -(-len(trips_in_time) // MOST_POINTS))]
    return look.scatter(
        "lines+markers", [round(trip.packet.sent_ns / NS_PER_S, 4) for trip in drawn],
        [round(_delay_ms(trip), 2) for trip in drawn], hoverinfo="x+y",
        name=look.literal(f"{style.letter}: {style.word}, delay"),
        line={"color": look.line_colour(style.colour), "width": 1.5, "dash": style.dash},
        marker={**look.marker(style.symbol, 6, style.colour, width=0.5), "maxdisplayed": 40},
    )  # fmt: skip


def _crosses(style: FlowStyle, lost: list[Dropped]) -> Dict:
    drawn = lost[:: max(1, -(-len(lost) // MOST_POINTS))]
    return look.scatter(
        "markers", [round(each.t_ns / NS_PER_S, 4) for each in drawn] or [None], [0] * len(drawn) or [None],
        name=look.literal(f"{style.word}: {len(lost)} lost"), marker=look.marker("x", 10, look.VERMILION, look.INK, 1),
        cliponaxis=False, hoverinfo="text",
        text=[look.literal(f"{style.word}: {each.node}, {each.reason}") for each in drawn] or [""],
    )  # fmt: skip


def flow_sentences(words: Words, focus: Focus, found: list[Run], lost: list[Dropped], start_ns: int) -> list[str]:
    """For each flow that is shown: which interface it used when, from `start_ns` (nanoseconds) on, and what it lost."""
    lines: list[str] = []
    losses: dict[int, Counter[str]] = {}
    for record in lost:
        losses.setdefault(record.packet.innermost().flow, Counter())[f"{record.node}: {record.reason}"] += 1
    used: dict[int, list[Run]] = {}
    for run in found:
        if run.to_ns >= start_ns:
            used.setdefault(run.flow, []).append(run)
    for flow in focus.shown:
        own = used.get(flow, [])
        changes = "".join(f", from {seconds(run.from_ns)} {run.way}" for run in own[1:]) or " throughout"
        way, lost_why = own[0].way + changes if own else "no packet", _reasons(losses.pop(flow, Counter()))
        lines.append(f"{words.flows[flow]}: {way}; {lost_why}.")
    if focus.hidden:
        rest = _reasons(sum(losses.values(), Counter()))
        lines.append(f"{count(focus.hidden, 'other flow')}, of which nothing more is told; {rest}.")
    return lines


def _reasons(losses: Counter[str]) -> str:
    """How many packets were lost, and where and why, the most frequent first."""
    whys = ", ".join(f"{number} {why}" for why, number in losses.most_common())
    return f"{losses.total()} lost{f' ({whys})' if whys else ''}"
