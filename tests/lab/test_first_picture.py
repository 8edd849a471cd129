"""mipflow/lab/first_picture.py: the picture's own outputs, and the way back; tests/browser/test_tour.py goes it."""

from __future__ import annotations

from mipflow.lab.first_picture import FirstPicture
from mipflow.view.picture import Picture


def test_it_is_the_picture_with_a_script_at_its_end() -> None:
    picture = Picture("t", lambda: ["said"], lambda: [{"a": 1}], figure={"data": [], "layout": {}})
    *others, last = FirstPicture(picture).bundles()
    *same, before = picture.bundles()
    assert others == same and {**last, "text/html": ""} == {**before, "text/html": ""}
    assert last["text/html"].startswith(before["text/html"]) and "scrollIntoView" in last["text/html"]
    assert repr(FirstPicture(picture)) == repr(picture)
