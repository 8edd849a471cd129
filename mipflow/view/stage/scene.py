"""The stage as geometry: where nodes, links, ways and plates stand, in pixels, at any width.

Takes the graph with its coordinates. plotly scales places to the width that a page has, but neither cards nor letters;
so what stands beside a card is worked out in pixels, here and, by the same rules, in player.js.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise, repeat
from math import hypot, inf
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import ChannelName
from mipflow.view.drawing.style import CARD, EDGE, INK, QUIET_CARD, Dict, label, literal, scatter
from mipflow.view.story.words import cut, interface_kind

if TYPE_CHECKING:
    import networkx

WIDTH = 700
"""Width of the plotting area, in pixels, for which a figure is made; a page may give it any other."""
WIDTHS = (270, 350, 450, 700)
"""Widths for which it is worked out how far beside its links a way lies; it is between them elsewhere."""
SEEN, FURTHEST, COVERED = 10.0, 60, 10
"""Least half of what goes along a way; how far it may be pushed aside, in pixels, and how many times worse it is to
pass below a card.
"""
ROW_PX, TOP, BOTTOM = 56, 30, 30
"""Least height of a node that has others above and below it; margins above and below the nodes' middles."""
UNIT_PX = 110
"""Least height of a unit of the graph's coordinates, in pixels."""
PLATE_WIDTH, PLATE_ROW = 220, 22
"""Size of a plate and of a row in it, in pixels."""
MOST_LINES, MOST_LETTERS = 4, 18
"""Lines of a plate, of which those of two correspondents stand above each other beside their nodes; letters of a name
on a card.
"""
SIDES = {
    "right": (1, 0, 0), "left": (-1, 0, 0), "right, downwards": (1, 0, 1), "right, upwards": (1, 0, -1),
    "left, downwards": (-1, 0, 1), "left, upwards": (-1, 0, -1), "below": (0, 1, 0), "above": (0, -1, 0),
}  # fmt: skip
"""Places of plates beside their cards: across and down, and the direction in which they grow from there."""

Point = tuple[float, float]
Leg = tuple[Point, Point]
Corner = tuple[str, Sequence[tuple[int, float, float]]]
"""A corner of a line: at which node, and at each of `WIDTHS` how far across and down from its middle, in pixels."""


class Box(NamedTuple):
    """A rectangle by its centre and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Return the area that two boxes share."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        up = (self.height + other.height) / 2 - abs(self.y - other.y)
        return across * up if across > 0 and up > 0 else 0.0

    def length_inside(self, start: Point, end: Point) -> float:
        """Return the length of the part of a straight way that lies inside, in pixels."""
        low, high = 0.0, 1.0
        sides = ((start[0], end[0], self.x, self.width), (start[1], end[1], self.y, self.height))
        for begin, stop, middle, size in sides:
            step = stop - begin or 1e-9
            near, far = sorted(((middle - size / 2 - begin) / step, (middle + size / 2 - begin) / step))
            low, high = max(low, near), min(high, far)
        return max(0.0, high - low) * hypot(end[0] - start[0], end[1] - start[1])


class Way(NamedTuple):
    """A way along nodes, beside the middle of its links, and past the cards of other nodes.

    lanes: how far to the left of each of its links, and more on a slanting one, where it is not in the middle; keep:
    half of what goes there, across and up: it goes so far to the right that what comes towards it passes beside it;
    tunnel: which of its legs are in a tunnel; last: from which to which share its last leg is gone. Distances in
    pixels.
    """

    nodes: tuple[str, ...]
    lanes: tuple[float, ...] = ()
    keep: Point = (0.0, 0.0)
    tunnel: tuple[int, ...] = ()
    last: tuple[float, float] = (0.0, 1.0)


class Scene:
    """Places of nodes, links and plates. `mobile`: the mobile node's name."""

    def __init__(self, graph: networkx.Graph[str], channels: Iterable[ChannelName], mobile: str) -> None:
        self.mobile = mobile
        self.places: dict[str, Point] = {name: (float(it["x"]), float(it["y"])) for name, it in graph.nodes(data=True)}
        self.links = {(a, b): str(data.get("segment", "")) for a, b, data in graph.edges(data=True)}
        self.interfaces: dict[str, str] = {}
        """Interface of the mobile node -> the neighbor that it leads to, also where it has left that network since."""
        for name in channels:
            if name.sender == mobile:
                self.interfaces.setdefault(name.sender_interface, name.receiver)
            if (name.receiver, name.sender) not in self.links:
                self.links.setdefault((name.sender, name.receiver), name.segment)
        self.drawn = self._drawn()
        """The links that are drawn: of a link of many nodes those to the node that leads on, and not each to each."""
        self.roles = {name: str(data.get("role", "")) for name, data in graph.nodes(data=True)}
        self._forwards = {name for name, does in graph.nodes(data="forwards") if does}
        self.path, self.legs, self.side = cache(self._path), cache(self._legs), cache(self._side)  # few, and often
        self._lines = {name: [cut(name, MOST_LETTERS)] for name in self.places}
        for interface, neighbor in self.interfaces.items():
            if self.roles.get(neighbor) == "access router":
                self._lines[neighbor] = [cut(interface_kind(interface), MOST_LETTERS), "router"]
        self.words = {name: " ".join(lines) for name, lines in self._lines.items()}
        """Node -> what its card says."""
        self.halves = {name: (max(map(len, of)) * 4.7 + 9, 6.0 + 9 * len(of)) for name, of in self._lines.items()}
        """Node -> half the size of its card, in pixels."""
        xs, ys = zip(*self.places.values(), strict=True)
        self.left, self.right, self.low, self.high = min(xs), max(xs), min(ys), max(ys)
        self.edge = max((self.halves[name][0] for name, (x, _) in self.places.items() if x in (self.left, self.right)))
        self.edge += 18
        """Margin beside the outermost nodes, in pixels."""
        rows = max(sum(abs(x - other) < 0.9 for other in xs) for x in xs)
        self.height = TOP + BOTTOM + max(356, ROW_PX * (rows - 1), round(UNIT_PX * (self.high - self.low)))
        peers = sorted(self.at(name)[1] for name, role in self.roles.items() if role == "correspondent node")
        apart = min((low - high for high, low in pairwise(peers)), default=self.height)
        self.has_room = len(peers) < 5
        """Whether plates have room above each other for their headings and notes."""
        self.room = min(MOST_LINES, int((apart - 4) / PLATE_ROW) - self.has_room)
        """Lines of one plate; where there are more rows, its last line counts them."""
        self.agent_room = min(self.room, MOST_LINES - 1)
        """The same at a home agent, at the height of whose plate others begin."""

    def _drawn(self) -> list[tuple[str, str]]:
        ends, elsewhere = dict[str, set[str]](), Counter[str]()
        for (a, b), segment in self.links.items():
            ends.setdefault(segment, set()).update((a, b))
        for nodes in ends.values():
            elsewhere.update(nodes)
        hubs = {segment: max(sorted(nodes), key=elsewhere.__getitem__) for segment, nodes in ends.items()}
        return [pair for pair, segment in self.links.items() if hubs[segment] in pair]

    # --- pixels ------------------------------------------------------------------------------------------------------

    def _scale(self, width: float) -> tuple[float, float]:
        """Return the pixels for one unit, across and down."""
        return width / (self.right - self.left or 1), (self.height - TOP - BOTTOM) / (self.high - self.low or 1)

    def at(self, node: str, width: float = WIDTH) -> Point:
        """Return the middle of a node in pixels of the plotting area, from its left and top."""
        (x, y), (across, down) = self.places[node], self._scale(width)
        return (x - self.left) * across, (self.high - y) * down

    def units(self, point: Point, width: float = WIDTH) -> Point:
        """Return a point of the plotting area in the units of the axes."""
        across, down = self._scale(width)
        return round(self.left + point[0] / across, 3), round(self.high - point[1] / down, 3)

    def box(self, node: str, width: float = WIDTH) -> Box:
        """Return the card of a node as a box."""
        across, up = self.halves[node]
        return Box(*self.at(node, width), across * 2, up * 2)

    def _legs(self, way: Way, margin: Point, width: float = WIDTH) -> list[Leg]:
        """Return the legs of a way, from card to card, each cut by `margin` (pixels across and up) before the cards."""
        (share, until), made = way.last, []
        for number, (a, b) in enumerate(zip(way.nodes, way.nodes[1:], strict=False)):
            (ax, ay), (bx, by) = self.at(a, width), self.at(b, width)
            length = hypot(bx - ax, by - ay) or 1.0
            ux, uy = (bx - ax) / length, (by - ay) / length
            side = between(self.sides(way)[number], width)
            ox, oy = uy * side, -ux * side
            begin = self._leaves(a, (ox, oy), (ux, uy), margin)
            end = length - self._leaves(b, (ox, oy), (-ux, -uy), margin)
            if begin > end:
                begin = end = (begin + end) / 2
            if number == len(way.nodes) - 2:
                begin, end = begin + (end - begin) * share, begin + (end - begin) * until
            made.append(((ax + ox + ux * begin, ay + oy + uy * begin), (ax + ox + ux * end, ay + oy + uy * end)))
        if not made:  # at a node: above its card
            x, y = self.at(way.nodes[0], width)
            made = [((x, y - self.halves[way.nodes[0]][1] - margin[1]),) * 2]
        return made

    def sides(self, way: Way) -> list[list[tuple[int, float]]]:
        """Return how far to the left of each leg a way lies, at each of `WIDTHS`, in pixels."""
        legs = zip(pairwise(way.nodes), way.lanes or repeat(0.0), strict=False)
        return [[(width, self.side(*ends, lane, way.keep, width)) for width in WIDTHS] for ends, lane in legs]

    def _side(self, a: str, b: str, lane: float, keep: Point, width: float) -> float:
        """Return how far to the left of a link a lane lies: no further aside than where it passes beside other cards.
        """
        (ax, ay), (bx, by) = self.at(a, width), self.at(b, width)
        length = hypot(bx - ax, by - ay) or 1.0
        u = ux, uy = (bx - ax) / length, (by - ay) / length
        wanted = lane * (abs(ux) + abs(uy)) - keep[0] * abs(uy) - keep[1] * abs(ux)
        room = max(keep[0], SEEN), max(keep[1], SEEN)
        boxes = [self.box(node, width) for node in self.places if node not in (a, b)]
        others = [box._replace(width=box.width + 2 * room[0], height=box.height + 2 * room[1]) for box in boxes]

        def covered(side: float) -> float:
            ox, oy = uy * side, -ux * side
            far = self._leaves(a, (ox, oy), u, room), length - self._leaves(b, (ox, oy), (-ux, -uy), room)
            start, end = ((ax + ox + ux * each, ay + oy + uy * each) for each in far)
            return sum(box.length_inside(start, end) for box in others) if far[0] < far[1] else 0.0

        tries = range(-FURTHEST, FURTHEST + 1, 2) if covered(wanted) else [0]
        return round(wanted + min(tries, key=lambda by: COVERED * covered(wanted + by) + abs(by)), 1)

    def is_steep(self, link: tuple[str, ...], width: float = WIDTH) -> bool:
        """Say whether a link goes further up or down than across."""
        (ax, ay), (bx, by) = self.at(link[0], width), self.at(link[-1], width)
        return abs(by - ay) > abs(bx - ax)

    def corners(self, way: Way) -> list[Corner]:
        """Return the corners of a way's road."""
        nodes, found = [way.nodes[0], *(node for a, b in pairwise(way.nodes) for node in (a, b, b))], []
        for width in WIDTHS:
            legs, middles = self.road(way, width), [self.at(node, width) for node in nodes]
            points = zip([legs[0][0], *(end for _, end in legs)], middles, strict=True)
            found.append([(width, round(x - ax, 1), round(y - ay, 1)) for (x, y), (ax, ay) in points])
        return list(zip(nodes, zip(*found, strict=True), strict=True))

    def road(self, way: Way, width: float = WIDTH) -> list[Leg]:
        """Return a way as one line: beside each link from card to card, and from there to the middle of the card, which
        covers its turns; where two legs cross before a card, it turns there. A lane that passes a card by leads into it
        on a slant.
        """
        middles = [self.at(node, width) for node in way.nodes]
        legs = list(map(_slanted, self.legs(way, (0.0, 0.0), width), middles, middles[1:] or middles))
        points = [middles[0], legs[0][0]]
        for (before, after), middle in zip(pairwise(legs), middles[1:], strict=False):
            met = _crossing(before, after)
            points += [before[1], middle, after[0]] if met is None else [met, met, met]
        return list(pairwise([*points, legs[-1][1], middles[-1]]))

    def _leaves(self, node: str, off: Point, towards: Point, margin: Point) -> float:
        """Return the distance from a card's middle at which a way beside it leaves the card."""
        sides = zip(self.halves[node], margin, off, towards, strict=True)
        ways = [(half + more) / abs(u) - o / u if u else inf for half, more, o, u in sides]
        return max(0.0, min(ways))

    # --- ways --------------------------------------------------------------------------------------------------------

    def _path(self, start: str, end: str) -> tuple[str, ...]:
        """Find the shortest way between two nodes through routers; empty if there is none."""
        before: dict[str, str] = {start: ""}
        waiting = deque([start])
        while waiting and end not in before:
            here = waiting.popleft()
            if here != start and here not in self._forwards:
                continue
            for a, b in self.links:
                for one, other in ((a, b), (b, a)):
                    if one == here and other not in before:
                        before[other] = one
                        waiting.append(other)
        found = [end] if end in before else []
        while found and found[-1] != start:
            found.append(before[found[-1]])
        return tuple(reversed(found))

    # --- plates ------------------------------------------------------------------------------------------------------

    def plate_sides(self, rows: Mapping[str, int], width: float = WIDTH) -> dict[str, str]:
        """Choose the side of its card on which each plate stands. rows: node -> lines of its plate."""
        sides: dict[str, str] = {}
        taken = [self.box(node, width) for node in self.places]
        ways = [(self.at(a, width), self.at(b, width)) for a, b in self.drawn]
        order = {node: (self.roles[node] != "home agent", -self.at(node, width)[0]) for node in rows}
        for node, number in sorted(rows.items(), key=lambda each: order[each[0]]):

            def cost(side: str, node: str = node, number: int = number) -> float:
                box = self.plate(node, side, number, width)
                top, bottom = box.y - box.height / 2, box.y + box.height / 2
                outside = box.x - box.width / 2 < -self.edge or top < -TOP - 1 or bottom > self.height - TOP + 1
                crossed = sum(box.length_inside(*ends) for ends in ways)
                return sum(box.overlap(other) for other in taken) * 9 + crossed * 30 + outside * 1e6

            sides[node] = min(SIDES, key=cost)
            taken.append(self.plate(node, sides[node], number, width))
        return sides

    def plate_at(self, node: str, side: str) -> tuple[float, float, int, int]:
        """Return the place of a plate from its node's middle (pixels across and down), and the share of it before there
        (%).

        Beside the lanes of links that go up or down, and at the top of the stage it grows downwards.
        """
        (across, down, grows), (half, up) = SIDES[side], self.halves[node]
        is_free = self.places[node][0] == self.right or self.roles[node] == "correspondent node"
        gap = 6 if is_free or not across else 36
        x, y, before, above = across * (half + gap), down * (up + 6) - grows * up, (across - 1) * 50, (down - 1) * 50
        return (x, -TOP, before, 0) if self.at(node)[1] < 1 and across else (x, y, before, above + grows * 50)

    def plate(self, node: str, side: str, rows: int, width: float = WIDTH) -> Box:
        """Return the plate of a node on a side of its card, as a box."""
        (x, y), (right, below, before, above) = self.at(node, width), self.plate_at(node, side)
        height = (rows + self.has_room) * PLATE_ROW + 4
        left, top = x + right + PLATE_WIDTH * before / 100, y + below + height * above / 100
        return Box(left + PLATE_WIDTH / 2, top + height / 2, PLATE_WIDTH, height)

    # --- what does not move ------------------------------------------------------------------------------------------

    def link_line(self) -> Dict:
        """Draw all links as one line with gaps."""
        ends = [(self.places[a], self.places[b]) for a, b in self.drawn]
        xs = [x for (ax, _), (bx, _) in ends for x in (ax, bx, None)]
        ys = [y for (_, ay), (_, by) in ends for y in (ay, by, None)]
        return scatter("lines", xs, ys, line={"color": EDGE, "width": 2})

    def node_labels(self) -> list[Dict]:
        """Draw the cards of the nodes."""
        labels = []
        for name in self.words:
            quiet = "router" in self.roles[name]
            edge: Dict = {"bordercolor": EDGE if quiet else INK, "borderwidth": 1 if quiet else 2}
            text, (across, up) = "<br>".join(f"<b>{literal(line)}</b>" for line in self._lines[name]), self.halves[name]
            size: Dict = {"width": across * 2 - 8, "height": up * 2 - 8}
            note = label(0, 0, text, 15, bgcolor=QUIET_CARD if quiet else CARD, **size, **edge)
            labels.append({**note, "x": self.places[name][0], "y": self.places[name][1]})
        return labels


def between(values: Sequence[tuple[int, float]], width: float) -> float:
    """Return at a width what is known at several."""
    (a, before), (b, after) = next((pair for pair in pairwise(values) if width <= pair[1][0]), values[-2:])
    return before + (after - before) * min(1.0, max(0.0, (width - a) / (b - a)))


def _slanted(leg: Leg, begin: Point, end: Point) -> Leg:
    """Return a leg that ends so early that it is as far before the middle of a card as beside it, at least."""
    (ax, ay), (bx, by) = leg
    length = hypot(bx - ax, by - ay) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    cuts = []
    for (x, y), (mx, my) in zip(leg, (begin, end), strict=True):
        before, beside = abs((x - mx) * ux + (y - my) * uy), abs((x - mx) * uy - (y - my) * ux)
        cuts.append(min(max(0.0, beside - before), length / 3))
    return (ax + ux * cuts[0], ay + uy * cuts[0]), (bx - ux * cuts[1], by - uy * cuts[1])


def _crossing(one: Leg, other: Leg) -> Point | None:
    """Return the point at which two legs cross, or None."""
    ((ax, ay), (bx, by)), ((cx, cy), (dx, dy)) = one, other
    (ux, uy), (vx, vy) = (bx - ax, by - ay), (dx - cx, dy - cy)
    turn = ux * vy - uy * vx or 1e-9
    along = ((cx - ax) * vy - (cy - ay) * vx) / turn, ((cx - ax) * uy - (cy - ay) * ux) / turn
    return (ax + ux * along[0], ay + uy * along[0]) if all(0 < share < 1 for share in along) else None
