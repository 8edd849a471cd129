"""Draws the house of docs/architecture.md from the imports of the package, and makes the table of its rooms.

`python -m docs.house` writes docs/house.svg, and the table into docs/architecture.md between its two marks. An arrow is
drawn where no way through others says the same (a transitive reduction); beside it stands how many imports it is.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

import networkx as nx

from tests.house import CORE, DOORS, LAYERS, PACKAGE, code_lines, imports, layer_of, modules

HERE = Path(__file__).resolve().parent
PICTURE, PAGE = HERE / "house.svg", HERE / "architecture.md"
BEGIN, END = "<!-- rooms: made by python -m docs.house -->", "<!-- end of rooms -->"
FLOORS = ("doors", "course", "lab", "flow", "mip6", "node", "sim", "wire")
"""The layers from the top down."""
ASIDE, STOREYS = "view", ("flow", "mip6", "node")
"""A layer that stands beside others, and which those are: they know nothing of each other."""
BESIDE = ("errors", "arguments", "files")
WIDTH, MARGIN, HEAD, BOX, BETWEEN, STOREY = 960, 16, 30, 46, 6, 34
LINES_OF_A_PIXEL = 6.6
WING = 250
STYLE = """
text{font:14px system-ui,sans-serif;fill:#1f2328}.name{font-weight:600;font-size:16px}.small{fill:#59636e}
.floor{fill:#f6f8fa;stroke:#d1d9e0}.core{fill:#cfe5f7;stroke:#0072b2}.door{fill:#fff;stroke:#818b98}
.arrow{stroke:#59636e;fill:none}.tip{fill:#59636e}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.floor{fill:#151b23;stroke:#3d444d}
.core{fill:#123a57;stroke:#3d9bd6}.door{fill:#0d1117;stroke:#818b98}.arrow{stroke:#9198a1}.tip{fill:#9198a1}}
"""


class Room(NamedTuple):
    """A folder of the package, or one module that is a door of its own."""

    name: str
    layer: str
    modules: int
    lines: int
    is_core: bool
    about: str


@cache
def rooms() -> list[Room]:
    """All rooms, those of the core first in each layer."""
    lines, count, about = Counter[str](), Counter[str](), dict[str, str]()
    for module, path in modules(PACKAGE).items():
        name, source = room_of(module, path), path.read_text(encoding="utf-8")
        lines[name] += code_lines(source)
        count[name] += path.name != "__init__.py"
        if path.name == "__init__.py" or module == name:
            about[name] = first_sentence(source)
    found = [Room(name, layer_of_room(name), count[name], lines[name], is_core(name), about[name]) for name in lines]
    return sorted(found, key=lambda room: (not room.is_core, room.name))


def room_of(module: str, path: Path) -> str:
    """The room of a module: its folder, but for a module that is a door, and those of the package's own folder."""
    if module in DOORS or module in BESIDE:
        return module
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def layer_of_room(name: str) -> str:
    """The layer of a room; the package's own folder, where the command line is, is "doors"."""
    return layer_of(name) or "doors"


def is_core(room: str) -> bool:
    return layer_of(room) in CORE and room not in DOORS


def first_sentence(source: str) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = " ".join((ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.?]) ", text)[0].rstrip(".")


@cache
def arrows() -> dict[tuple[str, str], int]:
    """(layer, layer that it imports) -> how many imports that is, without arrows that others imply."""
    count = Counter[tuple[str, str]]()
    for each in imports(PACKAGE):
        importer, target = (named if (named := layer_of(name)) in LAYERS else "doors" for name in each[:2])
        if importer != target and not {importer, target} & set(BESIDE):
            count[importer, target] += 1
    kept: nx.DiGraph[str] = nx.transitive_reduction(nx.DiGraph(count.keys()))
    return {edge: count[edge] for edge in sorted(kept.edges)}


# --- the picture -----------------------------------------------------------------------------------------------------


class Floor(NamedTuple):
    """A layer in the picture: its place, and its rooms with theirs."""

    layer: str
    x: float
    y: float
    width: float
    height: float
    boxes: list[tuple[Room, float, float, float]]  # room, x, y, width


def floors() -> list[Floor]:
    """All layers with their places, from the top down; `ASIDE` is as tall as those that it stands beside."""
    inside = {layer: [room for room in rooms() if room.layer == layer] for layer in (*FLOORS, ASIDE)}
    placed, y, whole = list[Floor](), float(MARGIN), WIDTH - 2 * MARGIN
    for layer in FLOORS:
        floor = _floor(layer, inside[layer], MARGIN, y, whole - (WING + STOREY if layer in STOREYS else 0))
        placed.append(floor)
        y += floor.height + STOREY
    beside = [floor for floor in placed if floor.layer in STOREYS]
    wing = _floor(ASIDE, inside[ASIDE], WIDTH - MARGIN - WING, beside[0].y, WING)
    return [*placed, wing._replace(height=beside[-1].y + beside[-1].height - wing.y)]


def _floor(layer: str, inside: list[Room], x: float, y: float, width: float) -> Floor:
    boxes, left, top = list[tuple[Room, float, float, float]](), x + BETWEEN, y + HEAD
    for room in inside:
        wide = max(room.lines / LINES_OF_A_PIXEL, 16 + 8 * max(len(_short(room)), 5))
        if left + wide > x + width - BETWEEN and left > x + BETWEEN:
            left, top = x + BETWEEN, top + BOX + BETWEEN
        boxes.append((room, left, top, wide))
        left += wide + BETWEEN
    return Floor(layer, x, y, width, top + BOX + BETWEEN - y, boxes)


def _short(room: Room) -> str:
    return room.name.rpartition(".")[2] or "cli"


def picture() -> str:
    """The house as SVG: a floor for each layer, with rooms as wide as their code is long."""
    placed = floors()
    parts = [part for floor in placed for part in _drawn(floor)] + _arrows({floor.layer: floor for floor in placed})
    bottom = max(floor.y + floor.height for floor in placed) + 26
    words = "Boxes are as wide as their code is long. Blue: the core; white beside it: doors, which it does not import."
    parts.append(f'<text class="small" x="{MARGIN}" y="{bottom}">{words}</text>')
    size = f'width="{WIDTH}" height="{bottom + 14}" viewBox="0 0 {WIDTH} {bottom + 14}"'
    title = "<title>The layers of mipflow, their rooms, and who imports whom</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{title}<style>{STYLE}</style>'
    return "\n".join([head, *parts, "</svg>", ""])


def _drawn(floor: Floor) -> list[str]:
    lines = sum(room.lines for room, *_ in floor.boxes)
    place = f'x="{floor.x:.0f}" y="{floor.y:.0f}" width="{floor.width:.0f}" height="{floor.height:.0f}"'
    parts = [
        f'<rect class="floor" rx="6" {place}/>',
        f'<text x="{floor.x + 10:.0f}" y="{floor.y + 21:.0f}"><tspan class="name">{floor.layer}</tspan>'
        f'<tspan class="small" dx="8">{lines:,}</tspan></text>',
    ]
    for room, x, y, width in floor.boxes:
        kind, middle = "core" if room.is_core else "door", x + width / 2
        parts += [
            f'<rect class="{kind}" rx="4" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{BOX}"/>',
            f'<text text-anchor="middle" x="{middle:.0f}" y="{y + 18:.0f}">{escape(_short(room))}</text>',
            f'<text class="small" text-anchor="middle" x="{middle:.0f}" y="{y + 36:.0f}">{room.lines:,}</text>',
        ]
    return parts


def _arrows(floor_of: dict[str, Floor]) -> list[str]:
    """Arrows straight down, in the middle of the width that both floors share."""
    parts = []
    for (importer, target), count in arrows().items():
        above, below = floor_of[importer], floor_of[target]
        left, right = max(above.x, below.x), min(above.x + above.width, below.x + below.width)
        x = (left + right) / 2
        top, bottom = above.y + above.height, below.y
        parts += [
            f'<path class="arrow" stroke-width="2" d="M{x:.0f} {top:.0f}V{bottom - 8:.0f}"/>',
            f'<path class="tip" d="M{x - 6:.0f} {bottom - 9:.0f}h12l-6 9z"/>',
            f'<text class="small" x="{x + 10:.0f}" y="{top + 20:.0f}">{count} imports</text>',
        ]
    return parts


# --- the page --------------------------------------------------------------------------------------------------------


def table() -> str:
    """The map of rooms, as Markdown."""
    rows = ["| room | modules | lines | about |", "|---|---|---|---|"]
    order = [*reversed(FLOORS), *BESIDE]
    order.insert(order.index("lab"), ASIDE)
    for room in sorted(rooms(), key=lambda room: order.index(room.layer)):
        where = "mipflow/" + room.name.replace(".", "/") if room.name else "mipflow"
        path = where if (PACKAGE.parent / where).is_dir() else f"{where}.py"
        mark = " (core)" if room.is_core else ""
        rows.append(f"| [{path}](../{path}){mark} | {room.modules} | {room.lines:,} | {room.about} |")
    core = sum(room.lines for room in rooms() if room.is_core)
    return "\n".join([*rows, "", f"The core has {core:,} lines of code: no blank lines, comments or docstrings."])


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
