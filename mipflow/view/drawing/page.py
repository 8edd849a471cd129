"""One self-contained HTML page of pictures: opens without a network, a notebook or a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from mipflow.files import AnyPath, written_whole
from mipflow.view.drawing.picture import Picture, script
from mipflow.view.drawing.style import escape

ALONE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src \'unsafe-inline\'; '
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:\">"
)
"""In a page's head: whatever is in the page, no browser asks a network for anything."""
_STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #111111; --line: #767676; --head: #f1f3f5 }
@media (prefers-color-scheme: dark) { :root { --page: #111111; --ink: #f1f3f5; --head: #2b2f33 } }
body { background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, Arial, sans-serif; margin: 0 auto;
  max-width: 1240px; overflow-wrap: break-word; padding: 4px 16px 40px }
h1 { font-size: 22px; margin: 6px 0 } h2 { font-size: 18px; margin: 14px 0 4px }
table { border-collapse: collapse; margin: 8px 0; font-size: 14px } th { background: var(--head) }
caption { text-align: left; font-weight: bold; padding: 4px 0 }
th, td { border: 1px solid var(--line); padding: 2px 8px; text-align: left; vertical-align: top }
section > div:not(.mipflow-grid) > div { overflow-x: auto }
details p { margin: 2px 0 } summary { cursor: pointer; padding: 4px 0 } pre { overflow-x: auto; font-size: 14px }
"""


def page(pictures: Sequence[Picture], title: str) -> str:
    """Return pictures as one HTML page, plotly.js in it once, each picture with its text twin."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for picture in pictures:
        heading = "" if picture.title == title or picture.html else f"<h2>{escape(picture.title)}</h2>"
        outputs = "".join(f"<div>{bundle['text/html']}</div>" for bundle in picture.bundles())
        outputs = outputs.replace(f"<h3>{escape(picture.title)}</h3>", f"<h2>{escape(picture.title)}</h2>", 1)
        parts.append(f"<section aria-label='{escape(picture.title)}'>{heading}<div>{outputs}</div></section>")
    body = "".join(parts).replace(script(), "")
    if any(not picture.html for picture in pictures):
        body += library()
    return whole(body, title, script())


def whole(body: str, title: str, end: str = "") -> str:
    """Return a piece of HTML as a page that looks like ours and asks no network. end: scripts, which stand behind it.
    """
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>{ALONE}<title>{escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width, initial-scale=1'><style>{_STYLE}</style></head>\n"
        f"<body><main>{body}</main>{end}</body></html>\n"
    )


def library() -> str:
    """Return plotly.js as a script element: once, at a page's end; player.js draws the figures of the page with it."""
    code = files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    return f"<script>{code}</script>"


def save(path: AnyPath, pictures: Sequence[Picture], title: str) -> Path:
    """Write `page(pictures, title)`; the file is there whole or not at all. Returns its path.

    Raises DatasetError where it cannot be written.
    """
    with written_whole(path) as stream:
        stream.write(page(pictures, title).encode(errors="replace"))
    return Path(path)
