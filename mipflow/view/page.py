"""One self-contained HTML page of pictures: opens without a network, a notebook or a kernel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from mipflow.view.picture import Picture, script
from mipflow.view.style import Dict
from mipflow.wire.files import AnyPath, written_whole

ALONE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src \'unsafe-inline\'; '
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:\">"
)
"""In a page's head: whatever is in the page, no browser asks a network for anything."""
_STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #111111; --line: #767676; --head: #f1f3f5 }
@media (prefers-color-scheme: dark) { :root { --page: #111111; --ink: #f1f3f5; --head: #2b2f33 } }
body { background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, Arial, sans-serif; margin: 0 auto;
  max-width: 1240px; padding: 4px 16px 40px }
h1 { font-size: 22px; margin: 6px 0 } h2 { font-size: 18px; margin: 14px 0 4px }
table { border-collapse: collapse; margin: 8px 0; font-size: 14px } th { background: var(--head) }
caption { text-align: left; font-weight: bold; padding: 4px 0 }
th, td { border: 1px solid var(--line); padding: 2px 8px; text-align: left; vertical-align: top }
details p { margin: 2px 0 } summary { cursor: pointer; padding: 4px 0 } pre { overflow-x: auto; font-size: 14px }
"""
_DRAW = """
for (const div of document.querySelectorAll(".mipflow-figure"))
  Plotly.newPlot(div, JSON.parse(div.nextElementSibling.textContent));
"""


def page(pictures: Sequence[Picture], title: str) -> str:
    """Pictures as one HTML page, plotly.js in it once, each picture with its text twin."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for picture in pictures:
        heading = "" if picture.title == title else f"<h2>{escape(picture.title)}</h2>"
        parts.append(f"<section>{heading}{picture.html}")
        if picture.figure is not None:
            parts.append(place_of(picture.figure))
        parts.append(f"{picture.twin()}</section>")
    if any(picture.figure is not None for picture in pictures):
        parts.append(drawing())
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>{ALONE}<title>{escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width, initial-scale=1'><style>{_STYLE}</style></head>\n"
        f"<body>{''.join(parts)}{script()}</body></html>\n"
    )


def place_of(figure: Dict) -> str:
    """The place of a plotly figure in a page, with its values: `drawing()` draws it there."""
    # "<" could end the script element; JSON knows another way to write it.
    data = json.dumps(figure, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return f"<div class='mipflow-figure'></div><script type='application/json'>{data}</script>"


def drawing() -> str:
    """plotly.js and what draws every figure of a page with it: once, at the page's end."""
    library = files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    return f"<script>{library}</script><script>{_DRAW}</script>"


def save(path: AnyPath, pictures: Sequence[Picture], title: str) -> Path:
    """Write `page(pictures, title)`; the file is there whole or not at all. Returns its path.

    Raises DatasetError where it cannot be written.
    """
    with written_whole(path) as stream:
        stream.write(page(pictures, title).encode(errors="replace"))
    return Path(path)
