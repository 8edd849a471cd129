"""Packets sorted into lanes: in the order in which they passed, then each in the lane of its key.

Takes values: when each packet passed, of which conversation it is, and its key. A lane with two shapes holds what could
only be moved together; a shape in two lanes has been cut. It stands at its end, and plays when somebody asks for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import cos, pi, sin
from typing import Any, NamedTuple

from mipflow.view.drawing.drawing import Drawing, width_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.style import MOST_FLOWS
from mipflow.view.story.words import NS_PER_S, count

LEFT, RIGHT, WIDTH = 256, 590, 840
"""Pixels: the left and the right end of the lanes' time, and the whole width."""
TOP, STRIP, LANE = 34, 46, 44
"""Heights of the legend, of the strip of what passes, and of a lane, in pixels."""
MOST_LANES, MARKS = 10, 90
ROOM = 0.85
"""Share of a width for bold words, which are wider than they are reckoned."""
PLAY_S = 9.0
"""How long it plays, in seconds; a packet falls for one more."""
CORNERS = ((24, 0.0), (4, 0.5), (4, 0.0), (5, 0.0), (6, 0.0), (10, 0.0))
"""Corners of each shape, and how far it is turned, in shares of the angle between two."""


class Laned(NamedTuple):
    """A packet: when it passed, in nanoseconds; its conversation; whether it was sent here; its key."""

    t_ns: int
    flow: int
    outgoing: bool
    key: Hashable


class Lane(NamedTuple):
    """One lane: its number from 1, its key, its packets, how many there are of each conversation, and into how many
    lanes the most cut of them goes.
    """

    number: int
    key: Hashable
    packets: list[Laned]
    flows: Counter[int]
    cut: int

    @property
    def faults(self) -> list[str]:
        """The faults of the lane, in few words; none where it holds one whole conversation."""
        several, cut = len(self.flows) > 1, self.cut > 1
        return [f"{len(self.flows)} shapes"] * several + [f"cut into {self.cut:,} lanes"] * cut


def sort(packets: Iterable[Laned]) -> list[Lane]:
    """Sort packets into lanes, in the order in which the first packets of the lanes passed."""
    found: dict[Hashable, list[Laned]] = defaultdict(list)
    for packet in packets:
        found[packet.key].append(packet)
    counted = [Counter(each.flow for each in inside) for inside in found.values()]
    cut = Counter(flow for flows in counted for flow in flows)
    return [
        Lane(number, key, inside, flows, max(cut[flow] for flow in flows))
        for number, ((key, inside), flows) in enumerate(zip(found.items(), counted, strict=True), start=1)
    ]


def is_clean(lanes: Sequence[Lane]) -> bool:
    """Say whether each lane has one conversation, and each conversation one lane."""
    return not any(lane.faults for lane in lanes)


def lanes(
    packets: Sequence[Laned], *, flows: Mapping[int, str], names: Mapping[str, str], moved_ns: int | None = None,
    title: str = "",
) -> Picture:  # fmt: skip
    """Draw the packets in their lanes. flows: conversation -> its word; names: words in keys -> shorter ones, such as
    those of addresses; moved_ns: when something moved, in nanoseconds.
    """
    sorted_in, found = sort(packets), len({each.flow for each in packets})
    told = title or f"{len(packets):,} packets, {count(found, 'conversation')}, {count(len(sorted_in), 'lane')}"

    def sentences() -> list[str]:
        shown = sorted_in[:MOST_LANES]
        told = [f"Lane {lane.number}, key {_key(lane.key, names)}: {_holds(lane, flows)}" for lane in shown]
        return told + _more(sorted_in)

    def rows() -> list[dict[str, object]]:
        return [
            {
                "lane": lane.number, "key": _key(lane.key, names),
                "packets": ", ".join(f"{many} of {flows[flow]}" for flow, many in lane.flows.items()),
            }
            for lane in sorted_in
        ]  # fmt: skip

    return Picture(told, sentences, rows, drawing=_drawn(sorted_in, flows, names, moved_ns, told))


def _more(sorted_in: Sequence[Lane]) -> list[str]:
    left = len(sorted_in) - MOST_LANES
    return [f"{left:,} more lane{'s' * (left != 1)} not shown."] if left > 0 else []


def _key(key: Hashable, names: Mapping[str, str]) -> str:
    parts: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
    told = [_key(each, names) if isinstance(each, tuple) else names.get(str(each), str(each)) for each in parts]
    return ", ".join(told) or "nothing"


def _holds(lane: Lane, flows: Mapping[int, str]) -> str:
    words = " and ".join(flows[flow] for flow in lane.flows)
    told = f"{len(lane.flows)} shapes: {words}" if len(lane.flows) > 1 else words
    return told + f", cut into {lane.cut:,} lanes" * (lane.cut > 1)


def _drawn(
    sorted_in: Sequence[Lane], flows: Mapping[int, str], names: Mapping[str, str], moved_ns: int | None, title: str
) -> str:
    shown, drawing = sorted_in[:MOST_LANES], Drawing()
    order = {flow: number % MOST_FLOWS for number, flow in enumerate(sorted(flows))}
    times = [each.t_ns for lane in sorted_in for each in lane.packets] or [0]
    begin_ns, span_ns = min(times), max(times) - min(times) or 1
    first = TOP + STRIP + 30
    height = first + LANE * len(shown) + (24 if len(sorted_in) > len(shown) else 0)

    def x(t_ns: int) -> float:
        return LEFT + (RIGHT - LEFT) * (t_ns - begin_ns) / span_ns

    _legend(drawing, flows, order)
    strip = TOP + STRIP / 2
    drawing.rect("soft", LEFT - 14, TOP, RIGHT - LEFT + 28, STRIP, rx=6)
    drawing.text("end strong", LEFT - 22, strip, "as they pass")
    for number, lane in enumerate(shown):
        top = first + LANE * number
        middle = top + LANE / 2 - 3
        drawing.rect("card", LEFT - 14, top, RIGHT - LEFT + 28, LANE - 6, rx=6)
        drawing.text("end strong", LEFT - 22, middle - 9, f"lane {lane.number}")
        drawing.text("end quiet", LEFT - 22, middle + 9, _short(_key(lane.key, names), LEFT - 10))
        _tell(drawing, middle, lane, flows)
    if moved_ns is not None and begin_ns < moved_ns < begin_ns + span_ns:
        drawing.line("asked", x(moved_ns), TOP - 4, x(moved_ns), height - 4)
        drawing.text("middle", x(moved_ns), TOP + STRIP + 13, f"told to move, {moved_ns / NS_PER_S:.1f} s")
    for text in _more(sorted_in):
        drawing.text("start", LEFT, height - 12, text)
    for number, lane in enumerate(shown):
        middle = first + LANE * number + LANE / 2 - 3
        for packet in _chosen(lane, max(2, MARKS // max(1, len(shown)))):
            after = PLAY_S * (packet.t_ns - begin_ns) / span_ns
            _mark(drawing, order[packet.flow], x(packet.t_ns), (strip, middle), packet.outgoing, after)
    foot = "<p>Upper row of each lane: sent by the phone; lower row: received. Few packets of each kind are drawn.</p>"
    return drawing.html(title, WIDTH, height, _PLAY, foot)


def _legend(drawing: Drawing, flows: Mapping[int, str], order: Mapping[int, int]) -> None:
    at = 6.0
    for flow in sorted(flows):
        drawing.path(f"flow-{order[flow]} full", _shape(order[flow], at + 7, 14))
        drawing.text("start", at + 20, 14, flows[flow])
        at += 36 + width_of(flows[flow])


def _mark(drawing: Drawing, look: int, x: float, ys: tuple[float, float], outgoing: bool, after_s: float) -> None:
    """Draw a packet twice, in the strip and in its lane: it falls from one to the other after so many seconds."""
    strip, middle = ys
    for kind, y in (("come", strip), ("drop", middle)):
        mark = Drawing()
        size = 4.5 if kind == "come" else 7  # all are in the strip, and only its own in a lane
        mark.path(f"flow-{look} full", _shape(look, x, y + (-8 if outgoing else 8), size))
        how = f"--at:{after_s:.2f}s" + (f";--up:{strip - middle:.0f}px" if kind == "drop" else "")
        drawing.group(kind, mark, style=how)


_PLAY = (
    "<p><label class='mipflow-play'><input type='checkbox' data-lm-suppress-shortcuts='true'> Play (take the tick away"
    " and set it again to see it once more)</label></p>"
)


def _tell(drawing: Drawing, y: float, lane: Lane, flows: Mapping[int, str]) -> None:
    """Write beside a lane which shapes are in it, and what is wrong with them."""
    x = RIGHT + 24
    words, more = " + ".join(flows[flow] for flow in lane.flows), len(lane.flows)
    while width_of(words) > ROOM * (WIDTH - x) and more > 1:
        more -= 1
        words = " + ".join([*(flows[flow] for flow in [*lane.flows][:more]), f"{len(lane.flows) - more} more"])
    note = ", ".join(lane.faults)
    drawing.text("start strong" if note else "start", x, y - 9 * bool(note), _short(words, WIDTH - x))
    if note:
        drawing.rect("lit", x - 4, y + 1, width_of(note) + 10, 18, rx=4)
        drawing.text("start on-lit", x + 1, y + 10, note)


def _chosen(lane: Lane, most: int) -> list[Laned]:
    """Choose a few packets of each conversation and direction, spread over its time."""
    groups: dict[tuple[int, bool], list[Laned]] = defaultdict(list)
    for packet in lane.packets:
        groups[packet.flow, packet.outgoing].append(packet)
    each, chosen = max(2, most // len(groups)), list[Laned]()
    for number, group in enumerate(groups.values()):
        most, share = min(each, len(group)), (number + 0.5) / len(groups)
        chosen += [group[min(len(group) - 1, int((place + share) * len(group) / most))] for place in range(most)]
    return chosen


def _short(text: str, width: float) -> str:
    while width_of(text) > width and len(text) > 2:
        text = text[:-2] + "…" if not text.endswith("…") else text[:-3] + "…"
    return text


def _shape(look: int, x: float, y: float, radius: float = 7) -> list[tuple[float, float]]:
    """Return the corners of a shape; the last shape is a star."""
    corners, turned = CORNERS[look]
    points = []
    for number in range(corners + 1):
        angle = 2 * pi * (number + turned) / corners - pi / 2
        size = radius * (0.55 if look == 5 and number % 2 else 1.15 if corners < 7 else 1)
        points.append((x + size * cos(angle), y + size * sin(angle)))
    return points
