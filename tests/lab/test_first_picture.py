"""mipflow/lab/first_picture.py: the picture's own outputs, and the way back; tests/browser/test_tour.py goes it."""

from __future__ import annotations

import pytest

from mipflow.lab.first_picture import FirstPicture, building
from mipflow.view.picture import Picture


def test_it_is_the_picture_with_a_script_at_its_end() -> None:
    picture = Picture("t", lambda: ["said"], lambda: [{"a": 1}], figure={"data": [], "layout": {}})
    *others, last = FirstPicture(picture).bundles()
    *same, before = picture.bundles()
    assert others == same and {**last, "text/html": ""} == {**before, "text/html": ""}
    assert last["text/html"].startswith(before["text/html"]) and "scrollIntoView" in last["text/html"]
    assert repr(FirstPicture(picture)) == repr(picture)


def test_a_cell_before_it_leads_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: said.append(bundle["text/html"]))
    building(2)
    assert len(said) == 1 and "data-ahead='2'" in said[0] and "is being built" in said[0]
