"""Figures 4, 5 and 6 of WO 2004/057826 in our own words, drawn as SVG: the steps keep the numbers of pages 14 to 16.

A chart is its steps on a grid and the ways between them, as data; `ways` is walked by tests as a program is.
labs/build.py draws one where a lab shows it by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from pictures import Point, box, line, svg, text

MIDDLE = 400
ACROSS, DOWN, TOP = 268, 58, 34
"""From column to column, from row to row, and the middle of the first row."""
HALF_W, HALF_H = 110, 20


class Step(NamedTuple):
    """A step: column (0 is the middle), row, words; a question where the words end in "?"."""

    column: int
    row: int
    words: str

    @property
    def place(self) -> Point:
        """Its middle."""
        return MIDDLE + ACROSS * self.column, TOP + DOWN * self.row


class Chart(NamedTuple):
    """Steps by number, and the ways from each: to which step on which answer ("" without a question)."""

    title: str
    steps: dict[int, Step]
    ways: dict[int, dict[str, int]]


FIGURES = {
    "figure4": Chart(
        "Figure 4: a packet goes out",
        {
            20: Step(0, 0, "A packet is to go out"), 21: Step(0, 1, "Ask which flow it is of"),
            22: Step(0, 2, "Is the flow new?"), 23: Step(1, 2, "Assign a home address"),
            24: Step(0, 3, "Look up both addresses"), 25: Step(0, 4, "Send it with them"), 26: Step(0, 5, "End"),
        },
        {20: {"": 21}, 21: {"": 22}, 22: {"yes": 23, "no": 24}, 23: {"": 24}, 24: {"": 25}, 25: {"": 26}},
    ),
    "figure5": Chart(
        "Figure 5: a packet comes in",
        {
            27: Step(0, 0, "A packet has come in"), 28: Step(0, 1, "Ask which flow it is of"),
            29: Step(0, 2, "Is the flow new?"), 30: Step(1, 2, "Its H@: the destination"),
            31: Step(0, 3, "Hand it to its program"), 32: Step(0, 4, "End"),
        },
        {27: {"": 28}, 28: {"": 29}, 29: {"yes": 30, "no": 31}, 30: {"": 31}, 31: {"": 32}},
    ),
    "figure6": Chart(
        "Figure 6: a new flow gets its home address",
        {
            33: Step(0, 0, "A new flow begins"), 34: Step(0, 1, "Note which CN it goes to"),
            35: Step(0, 2, "Finger on the last H@"), 36: Step(0, 3, "Take the first flow there"),
            37: Step(0, 4, "Is its CN the same?"), 38: Step(0, 5, "More flows at this H@?"),
            39: Step(0, 6, "The new flow gets it"), 40: Step(0, 7, "End"),
            41: Step(1, 4, "An H@ before this one?"), 42: Step(1, 3, "Climb to the H@ before"),
            43: Step(1, 5, "Get a new H@"), 44: Step(-1, 5, "Take the next flow there"),
        },
        {
            33: {"": 34}, 34: {"": 35}, 35: {"": 36}, 36: {"": 37}, 37: {"yes": 41, "no": 38},
            38: {"yes": 44, "no": 39}, 39: {"": 40}, 41: {"yes": 42, "no": 43}, 42: {"": 36},
            43: {"": 39}, 44: {"": 37},
        },
    ),
}  # fmt: skip


def _edge(place: Point, toward: Point) -> Point:
    """Return the point at which a way leaves a step, straight toward a point on its row or column."""
    (x, y), (to_x, to_y) = place, toward
    sign_x, sign_y = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
    return x + HALF_W * sign_x, y + HALF_H * sign_y


def _way(begin: Step, end: Step, answer: str) -> Iterator[str]:
    """Yield an arrow along row or column; round a corner it leaves its step up or down."""
    (x, y), (to_x, to_y) = begin.place, end.place
    corner = [(x, to_y)] if x != to_x and y != to_y else []
    points = [_edge(begin.place, (corner or [end.place])[0]), *corner, _edge(end.place, (corner or [begin.place])[0])]
    (from_x, from_y), (tip_x, tip_y) = points[-2:]
    along, down = (tip_x > from_x) - (tip_x < from_x), (tip_y > from_y) - (tip_y < from_y)
    wings = [(tip_x - 7 * along + side * 5 * down, tip_y - 7 * down + side * 5 * along) for side in (1, -1)]
    yield line(points, "edge", 1.8) + line([wings[0], (tip_x, tip_y), wings[1]], "edge", 1.8)
    middle_x, middle_y = ((a + b) / 2 for a, b in zip(*points[:2], strict=True))
    if answer and down:
        yield text(middle_x + 7, middle_y + 5, answer, bold=True)
    elif answer:
        yield text(middle_x, middle_y - 6, answer, bold=True, anchor="middle")


def _card(number: int, step: Step, is_end: bool) -> Iterator[str]:
    x, y = step.place
    kinds = "soft edge" if step.words.endswith("?") else "page edge"
    yield box(x - HALF_W, y - HALF_H, 2 * HALF_W, 2 * HALF_H, kinds, HALF_H if is_end else 5)
    yield text(x - HALF_W + 10, y + 5, str(number), 14, "quiet", bold=True)
    yield text(x - HALF_W + 34, y + 5, step.words, 14.5)


def chart(name: str) -> str:
    """Return a figure as SVG."""
    title, steps, ways = FIGURES[name]
    told = []
    for number, step in steps.items():
        to = ", ".join(f"{answer}: to {end}" if answer else f"to {end}" for answer, end in ways.get(number, {}).items())
        told.append(f"{number} {step.words}" + (f" ({to})" if to else ""))
    arrows = ((steps[begin], steps[end], answer) for begin, to in ways.items() for answer, end in to.items())
    parts = [part for arrow in arrows for part in _way(*arrow)]
    for number, step in steps.items():
        parts += _card(number, step, number not in ways or number == min(steps))
    height = 2 * TOP + DOWN * max(step.row for step in steps.values())
    return svg(title, "; ".join(told) + ".", parts, height=height)


CHARTS: dict[str, Callable[[], str]] = {name: partial(chart, name) for name in FIGURES}
