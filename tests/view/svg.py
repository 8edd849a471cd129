"""Drawings as XML, for tests."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

from mipflow.view.drawing.drawing import width_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.state_diagram import Present, Table, state_diagrams

HOSTILE = ("<script>alert(1)</script>", "x" * 200, "שיחת וידאו", "🎬🎬 ‮evil", "\" onload='x", "")
"""Names that somebody may give."""


def state_diagram(title: str, transitions: Table, present: Present | None = None) -> Picture:
    """Draw one state machine; `present` is lit."""
    return state_diagrams(title, {title: transitions}, {title: present or {}})


def drawing(picture: Picture) -> ElementTree.Element:
    """Return the SVG of a picture, as XML."""
    found = re.search(r"<svg.*?</svg>", picture.html, re.DOTALL)
    assert found is not None, picture.html
    return ElementTree.fromstring(found[0])


def of_class(picture: Picture, kind: str) -> list[ElementTree.Element]:
    """Return the parts of a drawing of one class."""
    return [each for each in drawing(picture).iter() if kind in each.get("class", "").split()]


def texts(picture: Picture) -> list[str]:
    """Return all words of a drawing."""
    return ["".join(text.itertext()) for text in drawing(picture).iter("text")]


def check_words(picture: Picture) -> None:
    """No word covers another one, and none is cut."""
    whole, boxes = drawing(picture), []
    for text in whole.iter("text"):
        words, x, kind = "".join(text.itertext()), float(text.get("x", "")), text.get("class", "").split()
        width = width_of(words) * 0.9
        left = x - width / 2 if "middle" in kind else x - width if "end" in kind else x
        boxes.append((left, left + width, float(text.get("y", "")), words))
    _, top, right, height = map(float, whole.get("viewBox", "").split())
    assert all(box[0] >= 0 and box[1] <= right and top < box[2] < top + height for box in boxes)
    for one, other in combinations(boxes, 2):
        apart = one[1] <= other[0] or other[1] <= one[0] or abs(one[2] - other[2]) >= 13
        assert apart, (one, other)
