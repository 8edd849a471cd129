"""A notebook with its saved outputs as one HTML page whose pictures go on playing, without a kernel or a network.

Takes a notebook's file; gives a page. nbconvert lays it out; plotly.js is added once. Nothing is executed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mipflow.arguments import PATH, check, optional
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.view.page import ALONE, library
from mipflow.view.picture import PLOTLY_MIME, place_of, script
from mipflow.wire.files import AnyPath, check_writable, read_text, written_whole

MOST_OCTETS = 200_000_000
EXPECTED = "expected a notebook (.ipynb) that was saved with its outputs"
FROM_A_NETWORK = ("mathjax", "require_js", "jquery", "mermaid_js", "mermaid_layout_elk_js")
"""Scripts that nbconvert's pages would fetch."""
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def export(notebook: AnyPath, html: AnyPath | None = None) -> Path:
    """Write a page of a notebook's text, code and saved outputs; gives its path, by default beside the notebook.

    Widgets need a kernel, so what they would show in words stands in their place. Raises DatasetError for a file that
    is no notebook, has no saved outputs or cannot be written, MipflowError where nbconvert is missing.
    """
    check(PATH, DatasetError, notebook=notebook)
    check(optional(PATH), DatasetError, html=html)
    try:
        import nbformat
        from nbconvert.exporters import HTMLExporter
    except ImportError as error:
        raise MipflowError(f"a notebook cannot be exported ({error}): try pip install nbconvert") from error
    target = Path(notebook).with_suffix(".html") if html is None else Path(html)
    text = read_text(notebook, MOST_OCTETS, EXPECTED)
    try:
        content = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(content)
    except Exception as error:  # of nbformat's many kinds
        raise DatasetError(f"{shown(notebook, str)} is no notebook ({shown(error, str)}); {EXPECTED}") from error
    outputs = [output for cell in content.cells for output in cell.get("outputs", ())]
    if not outputs:
        what = "run all its cells in JupyterLab, save it, and export it again"
        raise DatasetError(f"{shown(notebook, str)} has no saved outputs: {what}", notebook)
    check_writable(target)
    for output in outputs:
        _make_still(output.get("data", {}))
    content.metadata.pop("widgets", None)  # their state would be asked for from a network
    exporter = HTMLExporter(theme="light", **{f"{name}_url": "" for name in FROM_A_NETWORK})  # type: ignore[no-untyped-call]
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": Path(notebook).stem}})
    page = re.sub(r'<script src="">\s*</script>', "", page).replace("<head>", f"<head>{ALONE}", 1)
    before, end, after = page.rpartition("</body>")
    with written_whole(target) as stream:
        stream.write("".join((before, library(), script(), end, after)).encode(errors="replace"))
    return target


def _make_still(data: dict[str, Any]) -> None:
    """Put a figure's values in place of what only a front end with its own plotly can draw, and leave widgets out."""
    if PLOTLY_MIME in data:
        figure = data.pop(PLOTLY_MIME)
        data.clear()
        data["text/html"] = place_of(figure)
    data.pop(WIDGET_MIME, None)
