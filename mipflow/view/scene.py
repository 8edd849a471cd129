"""The stage of the animation: where nodes, links, tables and the words around them stand.

Takes the graph with its coordinates; gives places in a picture of `WIDTH` by `HEIGHT` units. One unit is one pixel in
height, and at least about one in width: the figure is stretched to the width it is given, cards and letters are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import hypot
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import ChannelName
from mipflow.view.style import CARD, EDGE, INK, QUIET_CARD, Dict, card, font, label

if TYPE_CHECKING:
    import networkx

WIDTH, HEIGHT = 830, 486
TOP, BOTTOM = 64, 34
"""Heights of the strips for clock and flows above, and for the sentence below."""
ROW, LETTER = 17, 7.3
"""Height of a table row and width of a letter in it, in units."""
LANE = 11
"""Distance between the lanes of two flows on one link."""

Point = tuple[float, float]


class Box(NamedTuple):
    """A rectangle by its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def grown(self, by: float) -> Box:
        """The same box, so much wider and higher."""
        return Box(self.x, self.y, self.width + by, self.height + by)

    def overlap(self, other: Box) -> float:
        """The area that two boxes share."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        up = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(0.0, across) * max(0.0, up)

    def length_inside(self, start: Point, end: Point) -> float:
        """How much of a straight way lies inside, in units."""
        low, high = 0.0, 1.0
        sides = ((start[0], end[0], self.x, self.width), (start[1], end[1], self.y, self.height))
        for begin, stop, middle, size in sides:
            step = stop - begin
            one, other = middle - size / 2 - begin, middle + size / 2 - begin
            if step == 0:
                if one > 0 or other < 0:
                    return 0.0
                continue
            near, far = sorted((one / step, other / step))
            low, high = max(low, near), min(high, far)
            if low >= high:
                return 0.0
        return (high - low) * hypot(end[0] - start[0], end[1] - start[1])


class Scene:
    """Places of nodes, links and table cards."""

    def __init__(self, graph: networkx.Graph[str], channels: Iterable[ChannelName], mobile: str) -> None:
        self.mobile = mobile
        self.roles: dict[str, str] = {name: str(data.get("role", "")) for name, data in graph.nodes(data=True)}
        xs = [float(data["x"]) for _, data in graph.nodes(data=True)]
        ys = [float(data["y"]) for _, data in graph.nodes(data=True)]
        across, up = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
        left, right, low, high = 60, WIDTH - 72, BOTTOM + 42, HEIGHT - TOP - 34
        self.places: dict[str, Point] = {
            name: (
                left + (float(data["x"]) - min(xs)) / across * (right - left),
                low + (float(data["y"]) - min(ys)) / up * (high - low),
            )
            for name, data in graph.nodes(data=True)
        }
        self.links: dict[tuple[str, str], str] = {}
        for a, b, data in graph.edges(data=True):
            self.links[a, b] = str(data.get("segment", ""))
        self.interfaces: dict[str, str] = {}
        """Interface of the mobile node -> the neighbor that it leads to, also where it has left that network since."""
        for name in channels:
            if name.sender == mobile:
                self.interfaces.setdefault(name.sender_interface, name.receiver)
            if (name.sender, name.receiver) not in self.links and (name.receiver, name.sender) not in self.links:
                self.links[name.sender, name.receiver] = name.segment

    def box(self, node: str) -> Box:
        """The card of a node."""
        x, y = self.places[node]
        second = self._second_line(node)
        width = max(len(node) * 8.6, len(second) * 6.2) + 16
        return Box(x, y, max(width, 44), 38 if second else 26)

    def _second_line(self, node: str) -> str:
        role = self.roles[node]
        return "" if role == "router" else role

    def lane(self, sender: str, receiver: str, offset: float) -> tuple[Point, Point]:
        """The two ends of a straight way between two nodes, `offset` units beside the link."""
        (ax, ay), (bx, by) = self.places[sender], self.places[receiver]
        dx, dy = bx - ax, by - ay
        length = hypot(dx, dy) or 1.0
        # Both directions of a link use the same lane: the normal always points up, or to the left on a vertical link.
        side = offset if (dx, dy) > (0, 0) else -offset
        nx, ny = -dy / length * side, dx / length * side
        return (ax + nx, ay + ny), (bx + nx, by + ny)

    def edge(self, node: str, towards: Point, margin: float) -> Point:
        """Where the way from `towards` meets the card of a node, `margin` units before it."""
        x, y = self.places[node]
        dx, dy = towards[0] - x, towards[1] - y
        box = self.box(node)
        reach_x = (box.width / 2 + margin) / abs(dx) if dx else 9e9
        reach_y = (box.height / 2 + margin) / abs(dy) if dy else 9e9
        share = min(reach_x, reach_y, 1.0)
        return x + dx * share, y + dy * share

    def middle(self, where: str) -> Point:
        """A place beside a node, or in the middle of a link, by its name."""
        if where in self.places:
            x, y = self.places[where]
            return round(x, 1), round(y + self.box(where).height / 2 + 12, 1)
        for (a, b), segment in self.links.items():
            if segment == where:
                (ax, ay), (bx, by) = self.places[a], self.places[b]
                return round((ax + bx) / 2, 1), round((ay + by) / 2, 1)
        return WIDTH / 2, HEIGHT / 2

    # --- what does not move ------------------------------------------------------------------------------------------

    def link_line(self) -> Dict:
        """All links as one line with gaps."""
        xs: list[float | None] = []
        ys: list[float | None] = []
        for a, b in self.links:
            (ax, ay), (bx, by) = self.places[a], self.places[b]
            xs += [round(ax, 1), round(bx, 1), None]
            ys += [round(ay, 1), round(by, 1), None]
        return {
            "type": "scatter", "mode": "lines", "x": xs, "y": ys, "hoverinfo": "skip",
            "line": {"color": EDGE, "width": 2},
        }  # fmt: skip

    def node_labels(self, hover: Mapping[str, str]) -> list[Dict]:
        """The cards of the nodes; `hover` holds what the pointer shows at a node."""
        labels = []
        for name, (x, y) in self.places.items():
            box = self.box(name)
            second = self._second_line(name)
            text = f"<b>{name}</b>" + (f"<br><span style='font-size:10px'>{second}</span>" if second else "")
            router = "router" in self.roles[name]
            labels.append(
                label(
                    round(x, 1), round(y, 1), text, 13, width=box.width - 8, height=box.height - 8,
                    bgcolor=QUIET_CARD if router else CARD, bordercolor=EDGE if router else INK,
                    borderwidth=1 if router else 2, hovertext=hover.get(name, ""),
                )
            )  # fmt: skip
        return labels

    def interface_labels(self) -> list[Dict]:
        """The names of the mobile node's interfaces beside their links."""
        labels = []
        for interface, neighbor in self.interfaces.items():
            side = 1 if self.places[neighbor][1] > self.places[self.mobile][1] else -1
            (lx, ly), (mx, my) = self.lane(self.mobile, neighbor, side * 27)
            labels.append(label(round(lx + (mx - lx) * 0.5, 1), round(ly + (my - ly) * 0.5, 1), f"<b>{interface}</b>"))
        return labels

    def table_places(self, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Box]:
        """Where the table card of each node stands: beside the node, off nodes and links. Sizes: letters, rows."""
        taken = [self.box(node) for node in self.places]
        taken += [
            Box(annotation["x"], annotation["y"], 50, 24) for annotation in self.interface_labels()
        ]
        ways = [(self.places[a], self.places[b]) for a, b in self.links]
        placed: dict[str, Box] = {}
        for node, (letters, rows) in sizes.items():
            width, height = letters * LETTER + 12, rows * ROW + 8
            best = min(
                self._candidates(node, width, height),
                key=lambda box: (
                    sum(box.overlap(other) for other in taken) * 40
                    + sum(box.grown(44).length_inside(*ends) for ends in ways) * 30
                    + hypot(box.x - self.places[node][0], box.y - self.places[node][1])
                ),
            )
            taken.append(best)
            placed[node] = best
        return placed

    def _candidates(self, node: str, width: float, height: float) -> Iterable[Box]:
        x, y = self.places[node]
        own = self.box(node)
        for gap in (10, 24, 60, 110):
            for across in (0.0, -0.5, 0.5, -1.0, 1.0):
                for up in (-1, 1, 0):
                    if up == 0 and abs(across) < 1:
                        continue
                    cx = x + across * (width + own.width + (2 * gap if up == 0 else 0)) / 2
                    cy = y + up * ((height + own.height) / 2 + gap)
                    yield Box(
                        round(min(max(cx, width / 2 + 4), WIDTH - width / 2 - 4), 1),
                        round(min(max(cy, BOTTOM + height / 2 + 2), HEIGHT - TOP - height / 2 - 2), 1),
                        width,
                        height,
                    )


def table_card(box: Box) -> Dict:
    """The card that a table stands on."""
    return card(box.x, box.y, (-box.width / 2, -box.height / 2, box.width / 2, box.height / 2))


def row_places(box: Box, rows: int) -> list[Point]:
    """The middle of each row of a table, the title first."""
    top = box.y + box.height / 2 - 4 - ROW / 2
    return [(box.x, round(top - row * ROW, 1)) for row in range(rows)]


def words_at(points: Iterable[Point], texts: list[str], size: int, bold: bool = False) -> Dict:
    """Text that changes while the film runs, to the right of points."""
    xs, ys = zip(*points, strict=True)
    return {
        "type": "scatter", "mode": "text", "x": list(xs), "y": list(ys), "text": texts, "hoverinfo": "skip",
        "textposition": "middle right", "textfont": font(size, bold=bold),
    }  # fmt: skip
