"""The pictures of README and labs, drawn as SVG from the traces of two runs: one home address, and one for each flow.

`PICTURES` names them; labs/build.py writes each that README or a lab shows. Roads, times, rows and addresses are the
traces'; only places and words stand here. An SVG stands still in its last moment, which tells the story alone; its
style sheet sets it in motion, but not for who has asked for reduced motion. Light and dark are two palettes of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from typing import NamedTuple

import mipflow as mf
from mipflow.lab.world import World
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.view.drawing.style import HIGHLIGHT, INK, SANS, FlowStyle, flow_styles
from mipflow.view.story.trips import Trip, messages, trips
from mipflow.view.story.words import Words, short

Point = tuple[float, float]
Frames = list[tuple[float, str]]
"""Seconds of playing, and what holds from there on in CSS, or is reached by then."""

WIDTH, HEIGHT = 800, 440
LASTS_S, PLAYS = 12.0, 3
"""One playing, and how often it plays before it rests: what moves for ever cannot be read beside."""
PALETTES = {  # class: (property, light, dark)
    "page": ("fill", "#FFFFFF", "#101418"), "line": ("stroke", "#767676", "#8B949E"),
    "ink": ("fill", INK, "#F1F3F5"), "quiet": ("fill", "#505860", "#AAB4BE"), "edge": ("stroke", INK, "#F1F3F5"),
    "pipe": ("stroke", "#F1F3F5", "#1A2026"), "soft": ("fill", "#F1F3F5", "#1A2026"),
    "pill": ("fill", INK, "#F1F3F5"), "pilled": ("fill", "#FFFFFF", INK),
    "way1": ("stroke", "#0072B2", "#3D9BD6"), "way2": ("stroke", "#A86C00", "#E69F00"),
    "tip1": ("fill", "#0072B2", "#3D9BD6"), "tip2": ("fill", "#A86C00", "#E69F00"),
    "new": ("fill", HIGHLIGHT, HIGHLIGHT), "marked": ("fill", INK, INK), "strike": ("stroke", INK, INK),
}  # fmt: skip
NAMES = {
    "MN": "mobile node", "CN1": "correspondent node", "HA": "home agent", "AR2": "WLAN router",
    "AR3": "cellular router", "Internet": "Internet",
}  # fmt: skip
ICONS = {
    "MN": '<rect x="-6.5" y="-12" width="13" height="24" rx="3"/><path d="M-2 8h4"/>',
    "CN1": '<rect x="-9" y="-9" width="18" height="13" rx="2"/><path d="M-12 8h24"/>',
    "AR2": '<path d="M-10 -1a14 14 0 0 1 20 0M-6 3a8.5 8.5 0 0 1 12 0M-1.5 7h3"/>',
    "AR3": '<path d="M-8 8v-3M-3 8v-7M2 8v-11M7 8v-15" stroke-width="3"/>',
}
CALL, VIDEO = 1, 2
LOOKS = flow_styles({CALL: "call", VIDEO: "video"})
ASIDE = {CALL: -10.0, VIDEO: 10.0}
"""How far each flow's lane lies below the middle of the road."""
QUESTION = "You move only the video to the cellular network. What will the call do?"


# --- two runs --------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """The handover of the video as a trace has it: who is under way when, and what stands in CN1's binding cache."""

    world: World
    packets: list[Trip]
    """The packets of both flows on their way to the mobile node."""
    update: Trip
    landing_ns: int
    """When the binding update arrives at CN1."""

    def rows(self, at_ns: int) -> list[tuple[str, str]]:
        """Home address and care-of address of each row at CN1, in words."""
        words = Words(self.world.names(), {})
        rows = self.world.trace.tables(at_ns)["CN1"]["binding cache"].values()
        return [(words.address(row["home_address"]), words.address(row["care_of_address"])) for row in rows]

    def homes(self) -> dict[int, str]:
        """Flow -> the word of its home address."""
        words = Words(self.world.names(), {})
        return {flow.id: words.address(flow.home_address) for flow in self.world.flows()}


@cache
def run(figure: Callable[..., World]) -> Run:
    """Call and video from CN1 over the WLAN; at 4 s the video is to move. A frame of the video is one packet."""
    world = figure(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3, interval_ms=10, payload_bytes=92))
    video = mf.apps.Video(start_s=3.005, rate_bps=800_000, frames_per_s=100, group=1, key_frame_factor=1)
    moved = world.mn.open(world.cn1, video)
    world.run(4)
    world.mn.handover(moved, "cell0")
    world.run(1)
    found = trips(world.trace, 3 * NS_PER_S, 5 * NS_PER_S)
    asked = messages(found, world.network.graph, 4 * NS_PER_S, 5 * NS_PER_S)
    update = next(each for each in asked if short(each.packet) == "BU" and each.receiver == "CN1")
    return Run(world, [each for each in found if -each.packet.label in LOOKS], update, update.arrived_ns)


class Clock(NamedTuple):
    """Virtual time (ns) against playing time (s): it stands while the row changes."""

    begin_s: float
    leave_s: float
    land_s: float
    go_s: float
    end_s: float
    left_ns: int
    landed_ns: int

    @property
    def pace(self) -> float:
        """Nanoseconds of virtual time in one second of playing."""
        return (self.landed_ns - self.left_ns) / (self.land_s - self.leave_s)

    def plays(self, t_ns: float) -> float:
        """When a moment plays, in seconds; the landing, when time stands."""
        since = self.land_s if t_ns <= self.landed_ns else self.go_s
        return since + (t_ns - self.landed_ns) / self.pace

    def virtual(self, at_s: float) -> float:
        """Return the moment that plays then."""
        stood = min(max(at_s - self.land_s, 0.0), self.go_s - self.land_s)
        return self.landed_ns + (at_s - self.land_s - stood) * self.pace


FIRST, SECOND = (0.0, 1.6, 3.1, 3.9, 5.7), (5.7, 7.4, 8.9, 9.78, LASTS_S)
"""When each act begins, its binding update leaves and lands, time goes on, and the act ends."""


def clock(of: Run, times: tuple[float, float, float, float, float]) -> Clock:
    """Return the clock of an act."""
    return Clock(*times, of.update.started_ns, of.landing_ns)


# --- places ----------------------------------------------------------------------------------------------------------

ROADS = ("CN1", "Internet", "AR2", "MN"), ("CN1", "Internet", "AR3", "MN")
"""From CN1 over either network: the ways of the packets that are drawn."""
PLATE = 438.0, 296.0, 348.0, 130.0
"""Left, top, width and height of CN1's binding cache."""
HOMES = 14.0, 306.0, 204.0, 120.0
"""The same of the mobile node's home addresses."""
LETTER = 8.4
"""Width of a letter of 15 pixels in the widest of the fonts that a system may have, on average."""


def row_y(number: int) -> float:
    """Return the middle of a row of CN1's binding cache."""
    return PLATE[1] + 56 + 36 * number


def home_y(number: int) -> float:
    """Return the middle of a row of the mobile node's home addresses."""
    return HOMES[1] + 54 + 36 * number


@cache
def places() -> dict[str, Point]:
    """Return the places of the nodes, by the coordinates of their network."""
    nodes = run(mf.figure2).world.network.graph.nodes
    return {name: (96 + 96 * nodes[name]["x"], 214 - 54 * nodes[name]["y"]) for name in NAMES}


def road(nodes: Iterable[str], aside: float = 0.0) -> list[Point]:
    """Return the corners of a way, on a lane."""
    return [(places()[node][0], places()[node][1] + aside) for node in nodes]


def position(trip: Trip, t_ns: float, aside: float) -> Point:
    """Return the place of a packet at a moment; before and after its way, an end of it."""
    for leg in trip.legs:
        if t_ns <= leg.arrived_ns:
            (ax, ay), (bx, by) = road((leg.sender, leg.receiver), aside)
            share = max(0.0, (t_ns - leg.started_ns) / (leg.arrived_ns - leg.started_ns))
            return ax + (bx - ax) * share, ay + (by - ay) * share
    return road([trip.receiver], aside)[0]


# --- motion ----------------------------------------------------------------------------------------------------------


class Motion:
    """The key frames of one picture; each element carries its last one, so that it stands so where nothing moves."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def style(self, frames: Frames) -> str:
        """Return the attributes of an element that goes through these frames."""
        steps = "".join(f"{100 * at_s / LASTS_S:.3f}".rstrip("0").rstrip(".") + f"%{{{css}}}" for at_s, css in frames)
        if frames[-1][0] < LASTS_S:
            steps += f"to{{{frames[-1][1]}}}"
        name = self._names.setdefault(steps, f"k{len(self._names)}")
        return f'class="m" style="{frames[-1][1]};animation-name:{name}"'

    def css(self) -> str:
        """Return the rules that set all in motion."""
        frames = "".join(f"@keyframes {name}{{{steps}}}\n" for steps, name in self._names.items())
        how = f".m{{animation-duration:{LASTS_S:g}s;animation-timing-function:linear;animation-fill-mode:both;"
        how += f"animation-iteration-count:{PLAYS}}}"
        return f"@media (prefers-reduced-motion:no-preference){{{how}}}\n{frames}"


def shown(*spans: tuple[float, float]) -> Frames:
    """Seen from each first second to each last, with short fades; from 0 and to the end without."""
    frames: Frames = [] if spans[0][0] <= 0 else [(0.0, "opacity:0")]
    for begin, end in spans:
        frames += [(0.0, "opacity:1")] if begin <= 0 else [(begin, "opacity:0"), (begin + 0.12, "opacity:1")]
        frames += [] if end >= LASTS_S else [(end - 0.08, "opacity:1"), (end, "opacity:0")]
    return frames


def moved(*stays: tuple[float, Point]) -> Frames:
    """At each place from its second on, after a glide of 0.4 s."""
    frames: Frames = []
    before: Point | None = None
    for at_s, place in stays:
        frames += [] if before is None else [(at_s, _at(before)), (at_s + 0.4, _at(place))]
        frames += [(0.0, _at(place))] if before is None else []
        before = place
    return frames


def _at(place: Point, scale: float = 1) -> str:
    return f"transform:translate({place[0]:.1f}px,{place[1]:.1f}px)" + (f" scale({scale:g})" if scale != 1 else "")


def flight(trip: Trip, aside: float, time: Clock) -> Frames:
    """Return a packet from its sender to its receiver, for the part that plays; empty where none does."""
    first = max(trip.started_ns, time.virtual(time.begin_s))
    last = min(trip.arrived_ns, time.virtual(time.end_s))
    if first >= last:
        return []
    corners = sorted({first, last, *(leg.arrived_ns for leg in trip.legs if first < leg.arrived_ns < last)})
    frames = [(time.plays(t_ns), _at(position(trip, t_ns, aside))) for t_ns in corners]
    if first < time.landed_ns < last:
        stands = _at(position(trip, time.landed_ns, aside))
        frames = sorted([*frames, (time.land_s, stands), (time.go_s, stands)], key=lambda frame: frame[0])
    # "visibility" is seen until the next frame is reached; a step keeps what has not set out unseen until it does.
    seen = [(at_s, f"visibility:visible;{css}") for at_s, css in frames]
    unseen = f"visibility:hidden;{frames[0][1]};animation-timing-function:step-end"
    before: Frames = [(0.0, unseen)] if frames[0][0] > 0.001 else []
    if last < trip.arrived_ns and time.end_s == LASTS_S:
        return [*before, *seen[:-1], (LASTS_S, seen[-1][1])]  # under way where all comes to rest
    return [*before, *seen, (frames[-1][0] + 0.001, f"visibility:hidden;{frames[-1][1]}")]


def front(of: Run, nodes: Sequence[str]) -> list[tuple[float, float]]:
    """Return how far CN1's first packet on a road is after how long: shares of its length by nanoseconds."""
    trip = next(each for each in of.packets if each.nodes == list(nodes))
    lengths = [((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 for (ax, ay), (bx, by) in pairwise(road(nodes))]
    shares = [sum(lengths[:number]) / sum(lengths) for number in range(len(nodes))]
    return list(zip([0.0, *(leg.arrived_ns - trip.started_ns for leg in trip.legs)], shares, strict=True))


def ways(of: Run, flow: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the roads of a flow's last packet before the landing, and of its first one after."""
    own = [each for each in of.packets if each.packet.label == -flow]
    number = bisect_left(own, of.landing_ns, key=lambda trip: trip.started_ns)
    return tuple(own[number - 1].nodes), tuple(own[number].nodes)


def lane(flow: int, nodes: tuple[str, ...]) -> Frames:
    """Return a flow's line on a road: how much of it is left out at its begin (1: all), or at its end (-1: all)."""
    frames: Frames = []
    for of, time in acts():
        before, after = ways(of, flow)
        begins = [(time.begin_s, 0 if nodes == before else 1)]
        if (nodes == before) != (nodes == after):
            begins.append((time.go_s, begins[0][1]))
            reached = [(time.go_s + since / time.pace, share) for since, share in front(of, nodes)[1:]]
            begins += [(at_s, -share if nodes == before else 1 - share) for at_s, share in reached if at_s < time.end_s]
        if frames:
            frames.append((time.begin_s - 0.001, frames[-1][1]))
        frames += [(at_s, f"stroke-dashoffset:{offset:.4f}") for at_s, offset in begins]
    return frames


@cache
def acts() -> list[tuple[Run, Clock]]:
    """Return the two runs, each with the clock by which it plays."""
    both = [(run(mf.figure1), FIRST), (run(mf.figure2), SECOND)]
    return [(of, clock(of, times)) for of, times in both]


# --- drawing ---------------------------------------------------------------------------------------------------------


def text(
    x: float, y: float, words: str, size: float = 14, kind: str = "ink", *, bold: bool = False, anchor: str = "start"
) -> str:
    """Return a line of text in a colour of the palette."""
    weight = ' font-weight="bold"' if bold else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" class="{kind}"{where}{weight}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kinds: str = "page edge", radius: float = 6) -> str:
    """Return a rectangle in colours of the palette."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" class="{kinds}"/>'


def line(points: Sequence[Point], kinds: str, width: float, more: str = "") -> str:
    """Return an open line through some points."""
    way = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="{way}" fill="none" class="{kinds}" stroke-width="{width:g}" stroke-linejoin="round"{more}/>'


def moving(motion: Motion | None, frames: Frames, *parts: str) -> str:
    """Parts that go through frames; without motion, as they stand in the end."""
    how = f'style="{frames[-1][1]}"' if motion is None else motion.style(frames)
    return f"<g {how}>{''.join(parts)}</g>"


def mark(look: FlowStyle, name: str) -> str:
    """Draw the mark of a flow's packets, to be used by its name."""
    form = '<circle r="10"' if look.symbol == "circle" else '<rect x="-9.5" y="-9.5" width="19" height="19"'
    letter = f'<text y="5" font-size="14" font-weight="bold" text-anchor="middle" fill="{look.letter_colour}">'
    return f'<g id="{name}">{form} fill="{look.colour}" class="edge"/>{letter}{look.letter}</text></g>'


def chip(flow: int, x: float, y: float) -> str:
    """Return the mark of a flow at a place."""
    return f'<use href="#p{flow}" x="{x:g}" y="{y:g}"/>'


def network() -> str:
    """Roads, routers and their names; all that does not move."""
    at = places()
    trunks = [road(way) for way in (("MN", "AR2", "Internet"), ("MN", "AR3", "Internet"), ("Internet", "CN1"))]
    (x, y), (hx, hy) = at["Internet"], at["HA"]
    cloud = f"M{x - 44} {y + 38}a28 28 0 0 1 -12 -54a36 36 0 0 1 62 -22a30 30 0 0 1 50 22a28 28 0 0 1 0 54z"
    parts = [line([(hx, hy), (x, y)], "line", 2)]
    parts += [line(way, "line", 45, ' stroke-linecap="round"') for way in trunks]
    parts += [line(way, "pipe", 42, ' stroke-linecap="round"') for way in trunks]
    parts += [f'<path d="{cloud}" class="soft line" stroke-width="1.5"/>']
    parts += [text(x + 20, y + 33, NAMES["Internet"], anchor="middle")]
    for node, below in (("AR2", -34), ("AR3", 44)):
        nx, ny = at[node][0] - 52, at[node][1] + below
        parts += [icon(node, nx, ny - 5), text(nx + 20, ny, NAMES[node], bold=True)]
    parts += [box(hx - 62, hy - 13, 124, 26, "soft line"), text(hx, hy + 5, f"HA, {NAMES['HA']}", anchor="middle")]
    return "\n".join(parts)


def station(node: str) -> str:
    """Return a router where the roads bend: packets pass over it."""
    x, y = places()[node]
    return f'<rect x="{x - 7:g}" y="{y - 17:g}" width="14" height="34" rx="7" class="page edge" stroke-width="2"/>'


def icon(node: str, x: float, y: float) -> str:
    """Draw the sign of a node's role, for readers who do not know its name."""
    return f'<g transform="translate({x:g} {y:g})" class="edge" fill="none" stroke-width="2">{ICONS[node]}</g>'


def card(node: str) -> str:
    """Return a node at which packets end; its icon stands on the outer side."""
    (x, y), width = places()[node], 14 + 8.2 * len(NAMES[node])
    side = -1 if x < WIDTH / 2 else 1
    return "".join([
        box(x - width / 2 - 15 + 15 * side, y - 23, width + 30, 46), icon(node, x + side * (width / 2 + 10), y),
        text(x, y - 3, node, 16, bold=True, anchor="middle"), text(x, y + 15, NAMES[node], anchor="middle"),
    ])  # fmt: skip


def lanes(motion: Motion | None, frames: Callable[[int, tuple[str, ...]], Frames]) -> str:
    """Return the lines of both flows on both roads, with an arrow where they reach the mobile node."""
    parts = []
    for number, (flow, nodes) in enumerate((flow, nodes) for flow in LOOKS for nodes in ROADS):
        points = road(nodes, ASIDE[flow])
        (ax, ay), (bx, by) = points[-2:]
        share = (bx + 68 - ax) / (bx - ax)
        tip = ax + (bx - ax) * share, ay + (by - ay) * share
        dash = ' stroke-dasharray="9 5"' if LOOKS[flow].dash == "dash" else ""
        slope = f"translate({tip[0]:.1f} {tip[1]:.1f}) rotate({180 - 33 * (1 if ay < by else -1)})"
        drawn = line([*points[:-1], tip], f"way{flow}", 4, dash)
        drawn += f'<path d="M-4 -7L9 0L-4 7z" transform="{slope}" class="tip{flow}"/>'
        cover = line(points, "", 20, ' stroke="#FFF" pathLength="1" stroke-dasharray="1 3"')
        cover = moving(motion, frames(flow, nodes), cover)
        parts.append(f'<mask id="l{number}" maskUnits="userSpaceOnUse" x="0" y="0" width="{WIDTH}" height="{HEIGHT}">')
        parts.append(f'{cover}</mask><g mask="url(#l{number})">{drawn}</g>')
    return "\n".join(parts)


def plates() -> str:
    """Return the cards of both tables, each tied to its node."""
    (mx, my), (cx, cy), parts = places()["MN"], places()["CN1"], []
    parts += [line([(mx, my), (mx, HOMES[1])], "edge", 1.5), line([(cx, cy), (cx, PLATE[1])], "edge", 1.5)]
    for (x, y, width, height), title in ((HOMES, "Home addresses"), (PLATE, "CN1's binding cache: who is where")):
        parts += [box(x, y, width, height), text(x + 14, y + 25, title, 15, bold=True)]
    return "\n".join(parts)


def plain_row(number: int, home: str, where: str) -> str:
    """Return a row of CN1's binding cache."""
    x, y = PLATE[0] + 16, row_y(number) + 5
    tie = line([(PLATE[0] - 24, y - 5), (PLATE[0], y - 5)], "line", 1.5)
    return tie + text(x, y, home, 15, bold=True) + text(x + 44, y, f"→  {where}", 15)


def changed_row(number: int, home: str, was: str, where: str) -> str:
    """Return the same when a binding update has changed it: the old value struck through beside the new one."""
    x, y = PLATE[0] + 16, row_y(number)
    return "".join([
        line([(PLATE[0] - 24, y), (x - 8, y)], "edge", 1.5), box(x - 8, y - 15, PLATE[2] - 16, 30, "new edge", 4),
        text(x, y + 5, home, 15, "marked", bold=True),
        text(x + 44, y + 5, "→", 15, "marked"), text(x + 68, y + 5, was, 15, "marked"),
        line([(x + 66, y), (x + 72 + LETTER * len(was), y)], "strike", 2),
        text(x + 82 + LETTER * len(was), y + 5, where, 15, "marked", bold=True),
    ])  # fmt: skip


def svg(
    title: str, story: str, parts: Iterable[str], motion: Motion | None = None, *, height: int = HEIGHT
) -> str:
    """Return the whole picture on an opaque card: the page behind may be of any colour."""
    rules = [
        "".join(f".{name}{{{what}:{value[tone]}}}" for name, (what, *value) in PALETTES.items()) for tone in (0, 1)
    ]
    style = f"{rules[0]}\n@media (prefers-color-scheme:dark){{{rules[1]}}}\n" + ("" if motion is None else motion.css())
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{escape(SANS)}"'
        ' role="img" aria-labelledby="title story">',
        f'<title id="title">{escape(title)}</title>', f'<desc id="story">{escape(story)}</desc>',
        f"<style>{style}</style>", f"<defs>{''.join(mark(look, f'p{flow}') for flow, look in LOOKS.items())}</defs>",
        box(1, 1, WIDTH - 2, height - 2, "page line", 10), *parts, "</svg>\n",
    ])  # fmt: skip


def home_row(number: int, home: str) -> str:
    """One of the mobile node's home addresses."""
    return text(HOMES[0] + 14, home_y(number) + 5, home, 15, bold=True)


def user(flow: int, place: int, number: int) -> tuple[Point, str]:
    """Return a flow beside the home address that it uses, the first or second there: where it stands, and its looks."""
    return (HOMES[0] + 70 + 72 * place, home_y(number)), chip(flow, 0, 0) + text(16, 5, LOOKS[flow].word, 15)


def before() -> str:
    """Return both flows over the WLAN, a home address and a row for each, and the question: not its answer."""
    of, _ = acts()[1]
    now_ns = of.update.started_ns - 14 * NS_PER_MS
    used, homes, rows = {flow: ways(of, flow)[0] for flow in LOOKS}, of.homes(), of.rows(now_ns)
    parts = [
        text(WIDTH / 2, 38, "Call and video both come over the WLAN.", 17, anchor="middle"),
        text(WIDTH / 2, 68, QUESTION, 18, bold=True, anchor="middle"), network(),
        lanes(None, lambda flow, nodes: [(0.0, f"stroke-dashoffset:{0 if nodes == used[flow] else 1}")]),
        station("AR2"), station("AR3"),
    ]  # fmt: skip
    for each in of.packets:
        if each.started_ns < now_ns < each.arrived_ns:
            x, y = position(each, now_ns, ASIDE[-each.packet.label])
            parts.append(chip(-each.packet.label, round(x, 1), round(y, 1)))
    parts += [plates(), card("MN"), card("CN1")]
    for number, (home, where) in enumerate(rows):
        parts += [plain_row(number, home, where), home_row(number, home)]
        for place, flow in enumerate(flow for flow in LOOKS if homes[flow] == home):
            (x, y), looks = user(flow, place, number)
            parts += [f'<g transform="translate({x:g} {y:g})">{looks}</g>', chip(flow, PLATE[0] - 24, row_y(number))]
    told = "; ".join(f"{home} at the {where}" for home, where in rows)
    story = f"Call and video come from CN1 over the WLAN to the mobile node. CN1's binding cache has two rows: {told}."
    return svg("Before the video is moved", f"{story} {QUESTION}", parts)


TABS = ("One home address", "the call moves too"), ("Two home addresses", "the call stays")
CAPTIONS = (
    "One home address: call and video share one row at CN1.", "To move the video, MN sends a binding update for {}.",
    "CN1 changes its one row: both flows move, the call too.",
), (
    "Once more with two home addresses: a row for each flow.", "To move the video, MN sends a binding update for {}.",
    "CN1 changes one row: only the video moves. The call stays.",
)  # fmt: skip


def hero() -> str:
    """Return the method in twelve seconds: with one home address both flows swing, with two only the one that is to
    move.
    """
    motion = Motion()
    both = acts()
    parts = [network(), lanes(motion, lane), station("AR2"), station("AR3")]
    for of, time in both:
        for each in of.packets:
            flow = -each.packet.label
            frames = flight(each, ASIDE[flow], time)
            if frames:
                parts.append(f'<use href="#p{flow}" {motion.style(frames)}/>')
    veil = f'<rect x="8" y="92" width="{WIDTH - 16}" height="{HEIGHT - 100}" class="page" opacity=".7"/>'
    parts.append(moving(motion, shown(*((time.land_s, time.go_s) for _, time in both)), veil))
    parts += [*(flying(motion, of, time) for of, time in both), plates(), card("MN"), card("CN1")]
    parts += [*tables(motion), *users(motion), *words(motion)]
    first, second = (f"{of.landing_ns / NS_PER_S:.3f} s" for of, _ in both)
    story = (
        f"Call and video come from CN1 over the WLAN. First with one home address: a binding update arrives at {first},"
        f" CN1's one row changes, and both flows move to the cellular network. Then with two: an update arrives at"
        f" {second}, the row of the video's home address changes, and only the video moves; the call stays on the WLAN."
    )
    return svg("A home address for each flow: one binding update moves one flow", story, parts, motion)


def words(motion: Motion) -> list[str]:
    """Return the two chapters above with their outcomes, and one sentence at a time."""
    parts = []
    for number, ((of, time), (title, outcome), told) in enumerate(zip(acts(), TABS, CAPTIONS, strict=True)):
        x, width = 14 + 391 * number, 381
        bar = [(at_s, "transform:scaleX(0)") for at_s in sorted({0.0, time.begin_s})]
        bar.append((time.end_s, "transform:scaleX(1)"))
        parts += [
            text(x + 4, 30, str(number + 1), 16, bold=True),
            text(x + 22, 30, title, 16, bold=True),
            line([(x, 44), (x + width, 44)], "line", 1.5),
            f'<g transform="translate({x} 42)">{moving(motion, bar, box(0, 0, width, 4, "pill", 2))}</g>',
            moving(motion, shown((time.go_s, LASTS_S)), text(x + width - 4, 30, outcome, 15, anchor="end")),
        ]
        spans = (time.begin_s, time.leave_s), (time.leave_s, time.land_s), (time.land_s, time.end_s)
        for sentence, span in zip(told, spans, strict=True):
            said = text(WIDTH / 2, 80, sentence.format(of.homes()[VIDEO]), 20, bold=True, anchor="middle")
            parts.append(moving(motion, shown(span), said))
    return parts


def flying(motion: Motion, of: Run, time: Clock) -> str:
    """Return the binding update from the mobile node to CN1, and, while time stands, down to the row that it changes.
    """
    home, rows = of.homes()[VIDEO], of.rows(of.landing_ns)
    number = [each for each, _ in rows].index(home)
    said = text(0, -5, "binding update", 14, "pilled", bold=True, anchor="middle")
    said += text(0, 13, f"{home} → {rows[number][1]}", 14, "pilled", anchor="middle")
    corners = [time.leave_s, time.leave_s + 0.2, *(time.plays(leg.arrived_ns) for leg in of.update.legs)]
    ways = [(at_s, position(of.update, time.virtual(at_s), 0.0)) for at_s in corners]
    ways.append((time.land_s + 0.35, (ways[-1][1][0], row_y(number))))
    frames = [(at_s, f"visibility:visible;{_at(place, 1 if at_s > time.leave_s else 0.3)}") for at_s, place in ways]
    hidden = "visibility:hidden;" + _at(ways[-1][1])
    frames = [(0.0, f"{hidden};animation-timing-function:step-end"), *frames, (frames[-1][0] + 0.001, hidden)]
    return moving(motion, frames, box(-98, -24, 196, 48, "pill", 24), said)


def tables(motion: Motion) -> list[str]:
    """Return the rows of both tables through the story: how they come and change."""
    parts: list[str] = []
    rows: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    homes: dict[str, float] = {}
    for of, time in acts():
        for number, home in enumerate(each for each in dict.fromkeys(of.homes().values())):
            if home not in homes:
                homes[home] = time.begin_s + (0.2 if time.begin_s else 0)
                parts.append(moving(motion, shown((homes[home], LASTS_S)), home_row(number, home)))
        was, now = of.rows(of.landing_ns - 1), dict(of.rows(of.landing_ns))
        for number, (home, where) in enumerate(was):
            since = time.begin_s if (number, home, where) in rows or not time.begin_s else time.begin_s + 0.6
            changes = now[home] != where
            until = time.land_s + 0.35 if changes else time.end_s
            rows.setdefault((number, home, where), []).append((since, until))
            if changes:
                parts.append(moving(motion, shown((until, time.end_s)), changed_row(number, home, where, now[home])))
            elif len(was) > 1:
                note = text(PLATE[0] + 206, row_y(number) + 5, "unchanged", 15, "ink")
                parts.append(moving(motion, shown((time.go_s, time.end_s)), note))
    for (number, home, where), spans in rows.items():
        parts.append(moving(motion, shown(*spans), plain_row(number, home, where)))
    return parts


def users(motion: Motion) -> list[str]:
    """Return the marks of the flows beside the addresses that they use, at the mobile node and at CN1."""
    parts, stays = [], {flow: [] for flow in LOOKS}
    for of, time in acts():
        homes = of.homes()
        order = list(dict.fromkeys(homes.values()))
        for flow in LOOKS:
            place = [one for one in LOOKS if homes[one] == homes[flow]].index(flow)
            at_s = time.begin_s + 0.5 if time.begin_s else 0.0
            beside = sum(homes[one] == homes[flow] for one in LOOKS) - 1 - place
            stays[flow].append((at_s, place, beside, order.index(homes[flow])))
    for flow, own in stays.items():
        here = [(at_s, user(flow, place, number)[0]) for at_s, place, _, number in own]
        there = [(at_s, (PLATE[0] - 24 - 26 * beside, row_y(number))) for at_s, _, beside, number in own]
        parts += [moving(motion, moved(*here), user(flow, 0, 0)[1]), moving(motion, moved(*there), chip(flow, 0, 0))]
    return parts


PICTURES: dict[str, Callable[[], str]] = {"before": before, "hero": hero}
