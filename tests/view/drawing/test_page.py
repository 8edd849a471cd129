"""Pictures show themselves, and go into one file."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import IPython.display
import pytest

from mipflow.errors import DatasetError
from mipflow.view.drawing.page import page, save
from mipflow.view.drawing.picture import PLOTLY_MIME, Picture, cell, html_table


def picture(title: str = "A picture", figure: dict[str, Any] | None = None, html: str = "") -> Picture:
    """Draw a small picture."""
    return Picture(title, lambda: ["It says <this>."], lambda: [{"a": 1, "b_c": None}], figure=figure, html=html)


def unpacked(text: str) -> list[Any]:
    """Return the values that stand packed in the scripts of a page, as player.js unpacks them."""
    found = re.findall("<script type='text/plain'>([^<]*)</script>", text)
    return [json.loads(gzip.decompress(b64decode(each))) for each in found]


FIGURE: dict[str, Any] = {"data": [{"type": "scatter", "x": [1], "y": [2], "text": ["</script>"]}], "layout": {}}


def test_a_page_is_one_file_with_plotly_once() -> None:
    text = page([picture("One", FIGURE), picture("Two", FIGURE), picture("Three", html="<p>table</p>")], "All")
    assert text.count("* plotly.js v") == 1
    assert text.count("window.mipflowPlayer = {") == 1
    assert text.count("<details class='mipflow-twin'>") == 3
    assert text.count("class='mipflow-figure'") == 2
    assert " src=" not in text.replace("<script>", "")[: text.index("plotly.js v")]
    assert "<link" not in text[: text.index("plotly.js v")]
    assert unpacked(text) == [FIGURE, FIGURE]


def test_a_page_of_tables_needs_no_plotly() -> None:
    text = page([picture(html="<p>table</p>")], "Tables")
    assert "plotly.js v" not in text
    assert "It says &lt;this&gt;." in text


def test_save_writes_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    assert save(target, [picture()], "A picture") == target
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [each.name for each in tmp_path.iterdir()] == ["out.html"]


def test_save_follows_no_link_that_somebody_laid_at_a_temporary_name(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in (".out.html.part", "out.html.part", ".out.html.tmp"):
        (tmp_path / name).symlink_to(precious)
    save(tmp_path / "out.html", [picture()], "A picture")
    assert precious.read_text() == "precious" and not (tmp_path / "out.html").is_symlink()


@pytest.mark.parametrize("name", ["missing/out.html", "."])
def test_save_names_a_path_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="cannot be written"):
        save(tmp_path / name, [picture()], "A picture")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_the_words() -> None:
    assert repr(picture()) == "A picture.\nIt says <this>."


def test_a_notebook_gets_the_figure_and_its_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: shown.append(bundle))
    picture(figure=FIGURE)._ipython_display_()
    assert [set(bundle) for bundle in shown] == [{PLOTLY_MIME, "text/plain", "text/html"}, {"text/plain", "text/html"}]
    assert "mipflow export" in shown[0]["text/html"], "where no plotly is, a sentence stands in its place"
    assert shown[0][PLOTLY_MIME] is FIGURE
    assert "It says &lt;this&gt;." in shown[1]["text/html"]
    assert shown[1]["text/html"].count("window.mipflowPlayer = {") == 1
    shown.clear()
    picture(html="<p>table</p>")._ipython_display_()
    assert [set(bundle) for bundle in shown] == [{"text/plain", "text/html"}]
    assert shown[0]["text/html"].startswith("<div class='mathjax_ignore'><h3>A picture</h3><p>table</p>")


def test_words_and_rows_are_made_once_and_only_when_asked_for() -> None:
    calls: list[str] = []

    def sentences() -> list[str]:
        calls.append("sentences")
        return ["One."]

    def rows() -> list[dict[str, object]]:
        calls.append("rows")
        return []

    lazy = Picture("Lazy", sentences, rows)
    assert calls == []
    for _ in range(2):
        lazy.describe()
        lazy.rows()
    assert calls == ["sentences", "rows"]


def test_tables_in_html() -> None:
    assert html_table([]) == ""
    text = html_table([{"a": "<", "b": {"c_d": 1.5}}, {"e": True}], "Title")
    assert "<caption>Title</caption>" in text
    assert "<td>&lt;</td><td>c d 1.5</td><td></td>" in text
    assert "<td></td><td></td><td>yes</td>" in text
    assert "2 more rows are not shown" in html_table([{"a": 1}] * 302)
    assert [cell(value) for value in (None, 0.25, 2.0, False)] == ["", "0.25", "2", "no"]
