"""mipflow/lab/panels/first_picture.py: the picture's own outputs, and the way back; tests/browser/test_tour.py goes
it."""

from __future__ import annotations

from typing import Any

import pytest

from mipflow.lab.panels.first_picture import FirstPicture, building
from mipflow.view.drawing.picture import PLOTLY_MIME, Picture


def test_it_is_the_picture_with_a_script_at_its_end() -> None:
    picture = Picture("t", lambda: ["said"], lambda: [{"a": 1}], figure={"data": [], "layout": {}})
    *others, last = FirstPicture(picture).bundles()
    *same, before = picture.bundles()
    assert others == same and {**last, "text/html": ""} == {**before, "text/html": ""}
    assert last["text/html"].startswith(before["text/html"]) and "scrollIntoView" in last["text/html"]
    assert repr(FirstPicture(picture)) == repr(picture)


def test_a_cell_before_it_leads_there_at_once_and_has_the_page_make_plotly_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[dict[str, Any], str | None]] = []
    monkeypatch.setattr(
        "IPython.display.display", lambda bundle, raw, display_id=None: sent.append((bundle, display_id))
    )
    building(2)
    (words, no_id), (ahead, display_id) = sent
    assert "data-ahead='2'" in words["text/html"] and "is being built" in words["text/html"] and no_id is None
    assert ahead[PLOTLY_MIME]["data"] == []

    gone: list[tuple[dict[str, Any], str]] = []
    monkeypatch.setattr(
        "IPython.display.update_display", lambda bundle, raw, display_id: gone.append((bundle, display_id))
    )
    FirstPicture(Picture("t", lambda: ["said"], lambda: [], figure={"data": [], "layout": {}}))._ipython_display_()
    assert gone == [({"text/plain": ""}, display_id)], "the empty figure goes when the first picture is there"
