"""A saved notebook as one page: figures play there, nothing is executed, nothing is asked of a network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

import mipflow as mf
from mipflow import cli
from mipflow.errors import DatasetError
from mipflow.lab.panels.export import export
from mipflow.view.drawing.picture import Picture

VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
BROKEN = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"state": {"children": 7}}}}}}
HOSTILE = "</script><script>document.title = 'taken'</script>"


def cell(source: str, *bundles: dict[str, Any]) -> Any:
    """Make a code cell with these outputs."""
    return v4.new_code_cell(source, outputs=[v4.new_output("display_data", data=bundle) for bundle in bundles])


def notebook(path: Path, *cells: Any, **metadata: Any) -> Path:
    nbformat.write(v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    world = mf.figure2(seed=7)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(6)
    world.mn.handover(flow, "cell0")
    world.run(2)
    return [world.animate(5.9, 6.2), world.ladder(5.9, 7), world.timeline(), world.tables(), world.inspect(17)]


def film() -> Picture:
    """Run a world in which one flow moves."""
    world = mf.figure2(seed=7)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(6)
    world.mn.handover(flow, "cell0")
    return world.run(1).animate(5.9, 6.5)


@pytest.fixture
def saved(tmp_path: Path, pictures: list[Picture]) -> Path:
    """Make a notebook as it is after a run, with a widget, an error and a picture from the network."""
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a slider"}
    state = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": {}}}
    return notebook(
        tmp_path / "lab.ipynb", v4.new_markdown_cell("# A lab\n\n![no](https://example.org/picture.png)"),
        *(cell("world.picture()", *picture.bundles()) for picture in pictures), cell("slider", widget),
        cell("'hostile'", {"application/vnd.plotly.v1+json": {"data": [], "layout": {"title": {"text": HOSTILE}}}}),
        widgets=state,
    )  # fmt: skip


def figures(pictures: list[Picture]) -> int:
    """Count the figures of plotly's in the notebook, the hostile one included."""
    return 1 + sum(not picture.html for picture in pictures)


def test_a_page_beside_the_notebook(saved: Path, pictures: list[Picture], capsys: pytest.CaptureFixture[str]) -> None:
    before = saved.read_bytes()
    assert cli.main(["export", str(saved)]) == 0
    page = saved.with_suffix(".html")
    assert str(page) in capsys.readouterr().out and saved.read_bytes() == before
    html = page.read_text(encoding="utf-8")
    assert html.count("plotly.js v") == 1 and page.stat().st_size < 5_500_000
    assert len(re.findall(r"class=.mipflow-figure.", html)) == figures(pictures) and "<svg" in html
    assert "a slider" in html and "widget-view" not in html
    assert HOSTILE not in html
    assert not re.findall(r"<(?:script|link|iframe)[^>]+(?:src|href)=[\"']?(?!data:)", html)


def test_it_plays_without_a_network(saved: Path, pictures: list[Picture], browser_page: Any) -> None:
    page, troubles, refused = export(saved), [], []
    browser_page.on("pageerror", lambda error: troubles.append(str(error)))
    browser_page.on("requestfinished", lambda request: troubles.append(request.url))
    browser_page.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    browser_page.goto(page.as_uri())
    browser_page.locator(".js-plotly-plot").nth(figures(pictures) - 1).wait_for(state="attached")
    assert troubles == [page.as_uri()] and browser_page.title() == "lab"
    assert refused == [("https://example.org/picture.png", "csp")]  # the browser itself does not ask
    assert browser_page.locator(".js-plotly-plot").count() == figures(pictures)
    assert browser_page.get_by_text("in words").first.is_visible()


def test_a_film_that_a_widget_has_caught_plays(pictures: list[Picture], tmp_path: Path, browser_page: Any) -> None:
    """Widgets as the forms of the labs have them: an Output widget in a box, saved with the notebook's widgets."""
    caught = [v4.new_output("display_data", data=bundle) for bundle in film().bundles()]
    state = {
        "box": {"model_name": "VBoxModel", "state": {"children": ["IPY_MODEL_out", "IPY_MODEL_box"]}},
        "out": {"model_name": "OutputModel", "state": {"outputs": caught}},
    }
    widgets = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": state}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "box"}, "text/plain": "VBox(...)"}
    lost = {"application/vnd.jupyter.widget-view+json": {"model_id": "gone"}, "text/plain": "VBox(children=(HTML()))"}
    path = notebook(tmp_path / "lab.ipynb", cell("form()", view), cell("other()", lost), widgets=widgets)
    browser_page.goto(export(path).as_uri())
    browser_page.locator(".mipflow-driven").wait_for()
    browser_page.get_by_role("button", name="Next event").click()
    assert browser_page.locator(".mipflow-clock").inner_text() == "6.000 s"
    assert browser_page.get_by_text("A form, which works in the notebook alone.").is_visible()
    assert browser_page.evaluate("getComputedStyle(document.querySelector('.mipflow-table td')).textAlign") == "left"
    assert not browser_page.get_by_text("VBox").count()


def test_only_plain_values_and_words_are_taken(tmp_path: Path) -> None:
    """The code is not correct, so nothing can have been executed."""
    path = notebook(tmp_path / "lab.ipynb", cell("this is no Python", {"text/plain": "what it said"}))
    assert "what it said" in export(path, tmp_path / "other.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("not JSON", "is no notebook"),
        ("[]", "is no notebook"),
        (json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 7}), "is no notebook"),
        (nbformat.writes(v4.new_notebook(cells=[cell("", VIEW)], metadata=BROKEN)), "is no notebook"),
        (nbformat.writes(v4.new_notebook()), "no saved outputs: run all its cells"),
        (nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell("1 + 1")])), "no saved outputs: run all its cells"),
    ],  # nbformat gives cells random names: a test's own name must not hold them.
    ids=["missing", "words", "list", "number", "damaged", "empty", "not run"],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lab.ipynb"
    if content is not None:
        path.write_text(content)
    assert cli.main(["export", str(path)]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1 and not path.with_suffix(".html").exists()


def test_the_notebook_is_not_written_over(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = saved.read_bytes()
    assert cli.main(["export", str(saved), "--html", str(saved.parent / "." / saved.name)]) == 2
    assert "is the notebook itself" in capsys.readouterr().err and saved.read_bytes() == before
    assert cli.main(["export", str(saved.parent)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_page_that_cannot_be_written(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be written"):
        export(saved, tmp_path / "no folder" / "page.html")
    with pytest.raises(DatasetError, match="expected the name of a file"):
        export(7)  # type: ignore[arg-type]
    for folder in ("/", "."):
        with pytest.raises(DatasetError, match="is no ordinary file; expected a notebook"):
            export(folder)
