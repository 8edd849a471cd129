"""The timeline: which interface each flow used over time, its one-way delay, what it lost, how far its TCP came.

Handovers are lines through all of it, and what each of their phases took is shaded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import Dropped, Trace
from mipflow.view.drawing.drawing import Drawing, in_rows, width_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.style import MOST_FLOWS, FlowStyle, escape, flow_styles
from mipflow.view.story.runs import Run, delays, flow_sentences, leading, losses, reasons, runs
from mipflow.view.story.spine import Spine, spine
from mipflow.view.story.streams import streams
from mipflow.view.story.words import NS_PER_MS, NS_PER_S, check_span, count, cut, interface_kind, seconds, where_lost
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP

if TYPE_CHECKING:
    import networkx

WIDTH, RIGHT, LANE, CURVE, TOP = 760, 24, 28, 170, 30
"""Pixels: of the time axis, right of it, for a lane, for a panel with a curve, and above the first lane."""
MOST_POINTS = 2 * WIDTH
"""Points of one curve at most: where there are more, the least and the most of each pixel are drawn."""
MOST_LETTERS = 28
"""Letters of a flow's name beside its lane."""
NEAR = 3
"""Losses of a flow so near to each other, in pixels, are one cross."""
GAP, GAP_FACTOR = 12, 3
"""A curve is cut where no point is for so many pixels, and for so many times what nine in ten gaps are at most."""
Point = tuple[float, float]


class Curve(NamedTuple):
    """The points of a flow in a panel: times (nanoseconds, in order) and values, `unit` of which are 1 on the axis; and
    those that are marked.
    """

    flow: int
    unit: int
    points: tuple[Sequence[int], Sequence[int]]
    marked: tuple[Sequence[int], Sequence[int]] = ((), ())


def timeline(
    trace: Trace, graph: networkx.Graph[str], *, names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, mobile: str = "MN",
) -> Picture:  # fmt: skip
    """Draw interface, delay and loss of each flow between two times (nanoseconds), in the direction of most of its
    packets.

    Of more than `style.MOST_FLOWS` flows those are drawn that changed their way, then those with most packets.

    names: address -> short word; flows: flow id -> word; mobile: the mobile node's name. Raises ProtocolMisuse where
    time does not go forward.
    """
    check_span(start_ns, end_ns)
    found = runs(trace, start_ns, end_ns, mobile)
    story = spine(trace, graph, names, flows, start_ns, end_ns, mobile=mobile)
    words, focus = story.words, story.focus
    shown = leading(flows, found, MOST_FLOWS, focus.moved)
    own = [run for run in found if run.flow in shown]
    came = {flow: delays(run for run in own if run.flow == flow) for flow in shown}
    lost = [record for record in losses(trace, start_ns, end_ns) if record.packet.innermost().flow in flows]
    untraced = "" if trace.mode == "all" else f"packets of flows are not in this trace (trace={trace.mode!r})"

    def sentences() -> list[str]:
        ways = {flow: [(start_ns, untraced)] for flow in flows if untraced}
        for run in found:
            ways.setdefault(run.flow, []).append((run.from_ns, run.way))
        lines = flow_sentences(words, focus, ways, lost)
        for flow in shown:
            if took := came[flow].delay_ns:
                least, most = min(took) / NS_PER_MS, max(took) / NS_PER_MS
                span = f"{least:.1f} to {most:.1f} ms, mean {came[flow].mean_ms:.1f} ms"
                lines.append(f"{words.flows[flow]}: one-way delay {span}.")
        return lines + [f"{line}." for line in handover_sentences(story)]

    def rows() -> list[dict[str, object]]:
        return [_row(run, words.flows[run.flow], own, lost) for run in own]

    title = f"Flows from {seconds(start_ns)} to {seconds(end_ns)}"
    if not own and not lost:
        why = "no flow was opened" if not flows else untraced or "no flow sent anything"
        return Picture(title, sentences, rows, drawing=f"<p>{escape(title)}: {why}.</p>")
    styles = flow_styles({flow: cut(words.flows[flow], MOST_LETTERS) for flow in shown})
    left_out = f"not drawn: {count(len(flows) - len(shown), 'flow')}" if len(flows) > len(shown) else ""
    curves = [Curve(flow, NS_PER_MS, came[flow]) for flow in shown]
    span_s = (start_ns / NS_PER_S, end_ns / NS_PER_S)
    chart = _Chart(styles, span_s, story, own, lost, "not traced" if untraced else "nothing sent")
    sent = [curve for flow in shown for curve in _sequences(trace, flow, start_ns, end_ns)]
    return Picture(title, sentences, rows, drawing=chart.html(title, curves, sent, left_out))


def _row(run: Run, word: str, own: list[Run], lost: list[Dropped]) -> dict[str, object]:
    """Return a run as plain values; a loss belongs to the run in which the moment lies, up to the start of the next."""
    starts = [other.from_ns for other in own if other.flow == run.flow]
    until = min((start for start in starts if start > run.from_ns), default=None)
    since = 0 if run.from_ns == starts[0] else run.from_ns
    times = [record.t_ns for record in lost if record.packet.innermost().flow == run.flow]
    mean_ms = round(run.delays.mean_ms, 3) if run.delays.made_ns else None
    return {
        "flow": word, "direction": "up" if run.upward else "down", "interface": run.interface,
        "tunnelled": run.tunnelled, "from_s": run.from_ns / NS_PER_S, "to_s": run.to_ns / NS_PER_S,
        "packets": run.packets, "mean_delay_ms": mean_ms,
        "lost": sum(since <= t_ns and (until is None or t_ns < until) for t_ns in times),
    }  # fmt: skip


def _sequences(trace: Trace, flow: int, start_ns: int, end_ns: int) -> Iterator[Curve]:
    """Yield how many octets a flow has sent over TCP, in the direction of most of them; what is sent again is marked.
    """
    found, started = streams(trace, start_ns, end_ns), trace.started
    most, times, segments = 0, list[int](), list[TCP]()
    for label in sorted({flow, -flow} & found.over_tcp):
        firsts = found[label].between(trace, start_ns, end_ns, under_way=True).firsts
        packets = map(trace.packet, firsts)
        inside = [each if type(each.payload) is TCP else each.unsealed() for each in packets]
        own = [each.payload for each in inside if type(each.payload) is TCP]
        if (total := sum([len(each.payload) for each in own])) > most:
            over_tcp = [type(each.payload) is TCP for each in inside]
            most, times, segments = total, [started[hop] for hop in compress(firsts, over_tcp)], own
    if not segments:
        return
    first: dict[tuple[int, int], int] = {}
    highest: dict[tuple[int, int], int] = {}
    points, marked = (list[int](), list[int]()), (list[int](), list[int]())
    for place in sorted(range(len(times)), key=times.__getitem__):
        segment = segments[place]
        if not segment.payload:
            continue
        key = (segment.source_port, segment.destination_port)
        done = (segment.sequence - first.setdefault(key, segment.sequence) + (1 << 31)) % (1 << 32) - (1 << 31)
        end, before = done + len(segment.payload), highest.get(key, 0)
        sent = points if end > before else marked
        sent[0].append(times[place])
        sent[1].append(end)
        highest[key] = max(end, before)
    yield Curve(flow, 1000, points, marked)


class _Chart:
    """Panels under each other over one time axis; `span_s`: its ends, in seconds."""

    def __init__(
        self, styles: Mapping[int, FlowStyle], span_s: tuple[float, float], story: Spine, own: list[Run],
        lost: list[Dropped], silent: str,
    ) -> None:  # fmt: skip
        self.styles, self.span, self.story, self.own, self.lost, self.silent = styles, span_s, story, own, lost, silent
        self.kinds = {flow: f"flow-{number % MOST_FLOWS}" for number, flow in enumerate(styles)}
        self.lanes = [(flow, name) for flow in styles for name in self._interfaces(flow)]
        self.left = max([90.0, *(width_of(self._lane_name(*lane)) + 20 for lane in self.lanes)])
        self.asked = [moment for moment in story.moments if moment.kind == "handover" and moment.is_told]
        self.thinned = False

    def _interfaces(self, flow: int) -> list[str]:
        return list(dict.fromkeys(run.interface for run in self.own if run.flow == flow)) or [""]

    def _lane_name(self, flow: int, interface: str) -> str:
        return f"{self.styles[flow].word}: {cut(interface_kind(interface or self.silent), MOST_LETTERS)}"

    def _x(self, t_s: float) -> float:
        start, end = self.span
        return self.left + (min(max(t_s, start), end) - start) / (end - start) * WIDTH

    def html(self, title: str, delays: list[Curve], sequences: list[Curve], left_out: str) -> str:
        """Draw the whole chart."""
        back, front = Drawing(), Drawing()
        top = TOP + self._handovers(front)
        y = self._flows(front, top)
        if any(curve.points[0] for curve in delays):
            y = self._panel(front, y, "one-way delay (ms)", delays)
        if sequences:
            y = self._panel(front, y, "sent over TCP (kB); × sent again", sequences)
        self._phases(back, top, y)
        self._time_axis(back, top, y)
        numbers = Counter(record.packet.innermost().flow for record in self.lost)
        each = ", ".join(f"{numbers[flow]} of {style.word}" for flow, style in self.styles.items() if numbers[flow])
        told = [f"✕ lost{': ' * bool(each)}{each}", "hollow: in the tunnel", "– – handover"]
        told += [left_out] * bool(left_out)
        told += ["where packets are many, the least and the most of each pixel are drawn"] * self.thinned
        phases = dict.fromkeys(phase.name for phase in self.story.phases)
        shades = "".join(f"<bdi><span class='{_kind(name)}'></span>{name}</bdi> " for name in phases)
        lines = "".join(f"<li>{escape(line)}</li>" for line in handover_sentences(self.story))
        head = f"<p>{escape('; '.join(told))}</p>" + (f"<p class='mipflow-key'>{shades}</p>" if shades else "")
        whole = Drawing()
        whole.parts = back.parts + front.parts
        width = self.left + WIDTH + RIGHT
        return whole.html(title, width, y + 40, head, f"<ul>{lines}</ul>" if lines else "")

    # --- what lies under everything ----------------------------------------------------------------------------------

    def _handovers(self, front: Drawing) -> float:
        """Draw the words of handovers, in as many rows as they need; return the height of these rows."""
        told = [(self._x(moment.t_ns / NS_PER_S), cut(moment.brief, MOST_LETTERS)) for moment in self.asked]
        lefts = [min(x, self.left + WIDTH + RIGHT - width_of(text) - 4) for x, text in told]
        rows = in_rows((left, left + width_of(text) + 12) for left, (_, text) in zip(lefts, told, strict=True))
        for left, row, (_, text) in zip(lefts, rows, told, strict=True):
            front.text("", left, 14 + row * 20, text)
        return (max(rows, default=-1) + 1) * 20.0

    def _phases(self, back: Drawing, top: float, bottom: float) -> None:
        for phase in self.story.phases:
            x, to_x = self._x(phase.start_ns / NS_PER_S), self._x(phase.end_ns / NS_PER_S)
            shade = Drawing()
            shade.rect(_kind(phase.name), x, top - 8, max(to_x - x, 2), bottom - top + 8)
            back.group("mipflow-phase", shade, f"{phase.name} {phase.took}")
        for moment in self.asked:
            x = self._x(moment.t_ns / NS_PER_S)
            back.line("asked", x, top - 20, x, bottom, data_ns=moment.t_ns)

    def _time_axis(self, back: Drawing, top: float, bottom: float) -> None:
        for t_s in ticks(*self.span, 8):
            back.line("grid", self._x(t_s), top - 8, self._x(t_s), bottom)
            back.text("middle quiet", self._x(t_s), bottom + 12, f"{t_s:g}")
        back.text("middle quiet", self.left + WIDTH / 2, bottom + 30, "virtual time (s)")

    # --- panels ------------------------------------------------------------------------------------------------------

    def _flows(self, front: Drawing, top: float) -> float:
        """Draw a lane for each flow and interface: bars where it was used, crosses where packets were lost."""
        places = {lane: top + LANE * (number + 0.5) for number, lane in enumerate(self.lanes)}
        for lane, y in places.items():
            front.text("end", self.left - 10, y, self._lane_name(*lane))
        for run in self.own:
            x, to_x = self._x(run.from_ns / NS_PER_S), self._x(run.to_ns / NS_PER_S)
            bar, y = Drawing(), places[run.flow, run.interface]
            kind = f"{self.kinds[run.flow]} {'hollow' if run.tunnelled else 'full'}"
            bar.rect(kind, x, y - 7, max(to_x - x, 3), 14)
            word = self.styles[run.flow].word
            way = f"{word} {run.way}, {seconds(run.from_ns)} to {seconds(run.to_ns)}"
            front.group("mipflow-run", bar, f"{way}, {count(run.packets, 'packet')}")
        marks: dict[tuple[float, int, float], Counter[str]] = {}
        for record in self.lost:
            flow = record.packet.innermost().flow
            if flow in self.styles:
                x = round(self._x(record.t_ns / NS_PER_S) / NEAR) * NEAR
                place = (x, flow, places[flow, self._interface(flow, record.t_ns)])
                marks.setdefault(place, Counter())[where_lost(record.node, record.reason)] += 1
        for (x, flow, y), whys in marks.items():
            self._cross(front, x, y, f"{self.styles[flow].word}: {reasons(whys)}")
        return top + LANE * len(self.lanes) + 10

    def _interface(self, flow: int, t_ns: int) -> str:
        """Return the interface that a flow used last before a time."""
        used = [run.interface for run in self.own if run.flow == flow and run.from_ns <= t_ns]
        return used[-1] if used else self._interfaces(flow)[0]

    def _cross(self, front: Drawing, x: float, y: float, words: str) -> None:
        cross = Drawing()
        cross.path("lost", [(x - 5, y - 5), (x + 5, y + 5)])
        cross.path("lost", [(x - 5, y + 5), (x + 5, y - 5)])
        front.group("mipflow-lost", cross, words)

    def _panel(self, front: Drawing, top: float, title: str, curves: Sequence[Curve]) -> float:
        """Draw curves over time, each with its letter at its end; return where the next panel begins."""
        top += 30
        values = ((each, curve.unit) for curve in curves for _, each in (curve.points, curve.marked) if each)
        most = max((max(own) / unit for own, unit in values), default=0)
        marks = ticks(0, most or 1, 4)
        high = max(marks[-1], most) or 1

        def height(value: float) -> float:
            return top + CURVE - value / high * CURVE

        front.text("strong", self.left, top - 14, title)
        for value in marks:
            front.line("grid", self.left, height(value), self.left + WIDTH, height(value))
            front.text("end quiet", self.left - 10, height(value), f"{value:g}")
        for curve in curves:
            unit, kind, points = curve.unit, self.kinds[curve.flow], self._thin(*curve.points)
            points = [(x, height(value / unit)) for x, value in points]
            if points:
                for piece in _pieces(points):
                    front.path(f"{kind} curve", piece)
                for x, y in points if len(points) < 60 else points[-1:]:
                    front.add("circle", f"{kind} full", cx=x, cy=y, r=3)
                x, y = points[-1]
                front.text(f"{kind} letter", min(x + 6, self.left + WIDTH + 8), y, self.styles[curve.flow].letter)
            for x, value in self._thin(*curve.marked):
                self._cross(front, x, height(value / unit), f"{self.styles[curve.flow].word}: sent again")
        return top + CURVE + 10

    def _thin(self, times_ns: Sequence[int], values: Sequence[int]) -> list[Point]:
        """Return points, the time in pixels; of many, the least and the most of each pixel, in order."""
        kept: Iterable[int] = range(len(times_ns))
        if len(times_ns) > MOST_POINTS:
            self.thinned = True
            kept = self._extremes(times_ns, values)
        return [(self._x(times_ns[at] / NS_PER_S), values[at]) for at in kept]

    def _extremes(self, times_ns: Sequence[int], values: Sequence[int]) -> Iterator[int]:
        """Yield the places of the least and the most value of each pixel."""

        def pixel(at: int) -> int:
            return floor(self._x(times_ns[at] / NS_PER_S))

        first, (start, end) = 0, self.span
        while first < len(times_ns):
            here = pixel(first)
            edge_ns = round((start + (here + 1 - self.left) / WIDTH * (end - start)) * NS_PER_S)
            until = bisect_left(times_ns, edge_ns, first)
            while until < len(times_ns) and pixel(until) == here:  # rounding, by a few
                until += 1
            while pixel(until - 1) != here:
                until -= 1
            own = values[first:until]
            yield from sorted({first + own.index(min(own)), first + own.index(max(own))})
            first = until


def _pieces(points: list[Point]) -> list[list[Point]]:
    """Return a curve in pixels, cut where nothing arrived for long: no line says what nobody has measured."""
    gaps = sorted(later[0] - before[0] for before, later in pairwise(points))
    most = max(GAP, GAP_FACTOR * gaps[len(gaps) * 9 // 10]) if gaps else 0
    pieces = [[points[0]]]
    for before, later in pairwise(points):
        if later[0] - before[0] > most:
            pieces.append([])
        pieces[-1].append(later)
    return pieces


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most about `most` round numbers from `low` to `high`."""
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= raw * 0.999)
    return [round(number * step, 9) for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _kind(phase: str) -> str:
    return f"shade phase-{phase.split(' ', maxsplit=1)[0]}"


def handover_sentences(story: Spine) -> list[str]:
    """Say how long each handover's phases took, without full stops."""
    by_handover: dict[int, list[str]] = {}
    for phase in story.phases:
        by_handover.setdefault(phase.handover_ns, []).append(f"{phase.name} {phase.took}")
    asked = {moment.t_ns: moment.sentence for moment in story.moments if moment.kind == "handover"}
    return [
        f"{seconds(t_ns)}: {asked.get(t_ns, 'A registration begins')}; {', '.join(own)}"
        for t_ns, own in sorted(by_handover.items())
    ]
