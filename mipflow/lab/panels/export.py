"""The export of a saved notebook as one HTML page whose pictures go on playing, without a kernel or a network.

Takes a notebook's file; gives a page. nbconvert lays it out; plotly.js is added once. Nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from mipflow.arguments import PATH, check, optional
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.files import AnyPath, check_writable, read_text, written_whole
from mipflow.view.drawing.page import ALONE, library
from mipflow.view.drawing.picture import PLOTLY_MIME, place_of, script

MOST_OCTETS = 200_000_000
EXPECTED = "expected a notebook (.ipynb) that was saved with its outputs"
FROM_A_NETWORK = ("mathjax", "require_js", "jquery", "mermaid_js", "mermaid_layout_elk_js")
"""Scripts that nbconvert's pages would fetch."""
FORM = "A form, which works in the notebook alone."
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def export(notebook: AnyPath, html: AnyPath | None = None) -> Path:
    """Write a page of a notebook's text, code and saved outputs; return its path, by default beside the notebook.

    Widgets need a kernel: in their place stands what they have caught, where the notebook has it saved, else words.
    Raises DatasetError for a file that is no notebook, has no saved outputs or cannot be written, MipflowError where
    nbconvert is missing.
    """
    check(PATH, DatasetError, notebook=notebook)
    check(optional(PATH), DatasetError, html=html)
    try:
        import nbformat
        from nbconvert.exporters import HTMLExporter
    except ImportError as error:
        raise MipflowError(f"a notebook cannot be exported ({error}): try pip install nbconvert") from error
    text = read_text(notebook, MOST_OCTETS, EXPECTED)
    target = Path(notebook).with_suffix(".html") if html is None else Path(html)
    try:
        content = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(content)
        has_outputs = _make_still(content)
    except Exception as error:  # of nbformat's many kinds
        raise DatasetError(f"{shown(notebook, str)} is no notebook ({shown(error, str)}); {EXPECTED}") from error
    if not has_outputs:
        what = "run all its cells in JupyterLab, save it, and export it again"
        raise DatasetError(f"{shown(notebook, str)} has no saved outputs: {what}", notebook)
    if target.resolve() == Path(notebook).resolve():
        raise DatasetError(f"{shown(target, str)} is the notebook itself; expected another name for the page", target)
    check_writable(target)
    exporter = HTMLExporter(theme="light", **{f"{name}_url": "" for name in FROM_A_NETWORK})  # type: ignore[no-untyped-call]
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": Path(notebook).stem}})
    page = re.sub(r'<script src="">\s*</script>', "", page).replace("<head>", f"<head>{ALONE}", 1)
    before, end, after = page.rpartition("</body>")
    with written_whole(target) as stream:
        stream.write("".join((before, library(), script(), end, after)).encode(errors="replace"))
    return target


def _make_still(content: Any) -> bool:
    """Put HTML in place of what only a front end with its own plotly, or with a kernel, can draw; False for a notebook
    without outputs.
    """
    outputs = [output for cell in content.cells for output in cell.get("outputs", ())]
    saved = content.metadata.pop("widgets", {})  # with it the page would ask a network for what draws widgets
    widgets = saved.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for data in (output.get("data", {}) for output in outputs):
        view = data.pop(WIDGET_MIME, None)
        shown = _html(data) if PLOTLY_MIME in data else "" if view is None else _caught(view.get("model_id"), widgets)
        if view and data.get("text/plain", "").startswith("VBox("):  # no word of it is meant for a reader
            data["text/plain"] = FORM
        if shown:
            data.clear()
            data["text/html"] = shown
    return bool(outputs)


def _caught(model: str, widgets: Mapping[str, Any]) -> str:
    """Return the pictures and words that a widget, and those in it, have caught; "" where none were saved."""
    state = widgets.get(model, {}).get("state", {})
    others = {name: widget for name, widget in widgets.items() if name != model}  # none is inside itself
    inside = (_caught(str(child).removeprefix("IPY_MODEL_"), others) for child in state.get("children", ()))
    outputs = "".join(f"<div>{_html(output.get('data', {}))}</div>" for output in state.get("outputs", ()))
    return "".join(inside) + (f"<div>{outputs}</div>" if outputs else "")


def _html(data: Mapping[str, Any]) -> str:
    if PLOTLY_MIME in data:
        return place_of(data[PLOTLY_MIME])
    return str(data.get("text/html") or f"<pre>{escape(str(data.get('text/plain', '')))}</pre>")
