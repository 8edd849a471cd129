"""The stage of the animation: where nodes, links, tables and the words around them stand.

Takes the graph with its coordinates; gives places in a picture of `WIDTH` by `HEIGHT` units. One unit is one pixel in
height, and at least about one in width: the figure is stretched to the width it is given, cards and letters are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import hypot
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import ChannelName
from mipflow.view.style import CARD, EDGE, INK, QUIET_CARD, Dict, label, literal, scatter

if TYPE_CHECKING:
    import networkx

WIDTH, HEIGHT = 830, 420
TOP, BOTTOM = 64, 34
"""Heights of the strips for clock and flows above, and for the sentence below."""
ROW, LETTER = 17, 7.3
"""Height of a table row and width of a letter in it, in units."""

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
            step = stop - begin or 1e-9
            near, far = sorted(((middle - size / 2 - begin) / step, (middle + size / 2 - begin) / step))
            low, high = max(low, near), min(high, far)
        return max(0.0, high - low) * hypot(end[0] - start[0], end[1] - start[1])


class Scene:
    """Places of nodes, links and table cards."""

    def __init__(self, graph: networkx.Graph[str], channels: Iterable[ChannelName], mobile: str) -> None:
        self.mobile = mobile
        nodes = {name: (float(data["x"]), float(data["y"])) for name, data in graph.nodes(data=True)}
        xs, ys = zip(*nodes.values(), strict=True)
        left, low = 60, BOTTOM + 42
        across = (WIDTH - 72 - left) / (max(xs) - min(xs) or 1)
        up = (HEIGHT - TOP - 34 - low) / (max(ys) - min(ys) or 1)
        self.places: dict[str, Point] = {
            name: (left + (x - min(xs)) * across, low + (y - min(ys)) * up) for name, (x, y) in nodes.items()
        }
        self.links = {(a, b): str(data.get("segment", "")) for a, b, data in graph.edges(data=True)}
        self.interfaces: dict[str, str] = {}
        """Interface of the mobile node -> the neighbor that it leads to, also where it has left that network since."""
        for name in channels:
            if name.sender == mobile:
                self.interfaces.setdefault(name.sender_interface, name.receiver)
            if (name.receiver, name.sender) not in self.links:
                self.links.setdefault((name.sender, name.receiver), name.segment)
        self.roles = {name: str(data.get("role", "")) for name, data in graph.nodes(data=True)}
        self.captions = {name: "" if role == "router" else role for name, role in self.roles.items()}
        """The second line on each node's card."""
        for interface, neighbor in self.interfaces.items():
            self.captions[neighbor] += f", {interface}"

    def box(self, node: str) -> Box:
        """The card of a node."""
        caption = self.captions[node]
        return Box(*self.places[node], max(len(node) * 8.6 + 16, len(caption) * 6.2 + 16, 44), 38 if caption else 26)

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
        x, y, width, height = self.box(node)
        dx, dy = towards[0] - x, towards[1] - y
        share = min((width / 2 + margin) / (abs(dx) or 1e-9), (height / 2 + margin) / (abs(dy) or 1e-9), 1.0)
        return x + dx * share, y + dy * share

    def middle(self, where: str) -> Point:
        """A place beside a node, or in the middle of a link, by its name."""
        if where in self.places:
            x, y, _, height = self.box(where)
            return round(x, 1), round(y + height / 2 + 12, 1)
        ends = next((ends for ends, segment in self.links.items() if segment == where), (self.mobile, self.mobile))
        (ax, ay), (bx, by) = (self.places[end] for end in ends)
        return round((ax + bx) / 2, 1), round((ay + by) / 2, 1)

    # --- what does not move ------------------------------------------------------------------------------------------

    def link_line(self) -> Dict:
        """All links as one line with gaps."""
        ends = [(self.places[a], self.places[b]) for a, b in self.links]
        xs = [x for (ax, _), (bx, _) in ends for x in (round(ax, 1), round(bx, 1), None)]
        ys = [y for (_, ay), (_, by) in ends for y in (round(ay, 1), round(by, 1), None)]
        return scatter("lines", xs, ys, line={"color": EDGE, "width": 2})

    def node_labels(self) -> list[Dict]:
        """The cards of the nodes."""
        labels = []
        for name, caption in self.captions.items():
            x, y, width, height = self.box(name)
            text = f"<b>{literal(name)}</b>"
            text += f"<br><span style='font-size:10px'>{literal(caption)}</span>" if caption else ""
            quiet = "router" in self.roles[name]
            edge: Dict = {"bordercolor": EDGE if quiet else INK, "borderwidth": 1 if quiet else 2}
            fill = QUIET_CARD if quiet else CARD
            labels.append(label(x, y, text, 13, width=width - 8, height=height - 8, bgcolor=fill, **edge))
        return labels

    def interface_labels(self) -> list[Dict]:
        """The names of the mobile node's interfaces beside their links."""
        labels = []
        for interface, neighbor in self.interfaces.items():
            side = 1 if self.places[neighbor][1] > self.places[self.mobile][1] else -1
            (ax, ay), (bx, by) = self.lane(self.mobile, neighbor, side * 27)
            labels.append(label((ax + bx) / 2, (ay + by) / 2, f"<b>{literal(interface)}</b>"))
        return labels

    def table_places(self, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Box]:
        """Where the table card of each node stands: beside the node, off nodes and links. Sizes: letters, rows."""
        taken = [self.box(node) for node in self.places]
        taken += [Box(note["x"], note["y"], 50, 24) for note in self.interface_labels()]
        ways = [(self.places[a], self.places[b]) for a, b in self.links]
        placed: dict[str, Box] = {}
        for node, (letters, rows) in sizes.items():
            home = self.places[node]

            def cost(box: Box, home: Point = home) -> float:
                covered = sum(box.overlap(other) for other in taken)
                crossed = sum(box.grown(44).length_inside(*ends) for ends in ways)
                return covered * 40 + crossed * 30 + hypot(box.x - home[0], box.y - home[1])

            placed[node] = min(self._candidates(node, letters * LETTER + 12, rows * ROW + 8), key=cost)
            taken.append(placed[node])
        return placed

    def _candidates(self, node: str, width: float, height: float) -> Iterable[Box]:
        """Boxes around a node, near ones first: above, below, and at its sides."""
        x, y, own_width, own_height = self.box(node)
        right, top = WIDTH - width / 2 - 4, HEIGHT - TOP - height / 2 - 2
        for gap in (10, 24, 60, 110):
            for across, up in [(a, u) for a in (0.0, -0.5, 0.5, -1.0, 1.0) for u in (-1, 1, 0) if u or abs(a) == 1]:
                cx = x + across * (width + own_width + (0 if up else 2 * gap)) / 2
                cy = y + up * ((height + own_height) / 2 + gap)
                at = min(max(cx, width / 2 + 4), right), min(max(cy, BOTTOM + height / 2 + 2), top)
                yield Box(round(at[0], 1), round(at[1], 1), width, height)


def row_places(box: Box, rows: int) -> list[Point]:
    """The middle of each row of a table, the title first."""
    top = box.y + box.height / 2 - 4 - ROW / 2
    return [(box.x, round(top - row * ROW, 1)) for row in range(rows)]
