"""The first picture of a lab, which is where "Run All" leaves its reader.

JupyterLab makes the last cell the active one when all are run, and scrolls there. Takes a picture; gives it with a few
lines of script that bring the reader back, and make its cell the active one, unless they have done something
themselves. `building()` in an earlier cell does so as soon as the run begins, and sends an empty figure ahead: a page
takes half a second and more to make plotly ready, and does so while the kernel builds the network.
"""

from __future__ import annotations

from importlib.resources import files
from time import sleep
from typing import Any

from mipflow.view.drawing.picture import PLOTLY_MIME, Picture

AHEAD = "mipflow-first-picture"
"""The empty figure's display id; it goes when the first picture is there."""
SEEN_S = 0.05
"""The seconds that a page has to draw the words before it is busy with plotly."""

class FirstPicture:
    """A picture that brings the reader back to its cell."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def bundles(self) -> list[dict[str, Any]]:
        """Return those of the picture, the last with the script."""
        *others, last = self.picture.bundles()
        return [*others, last | {"text/html": last["text/html"] + _back(0)}]

    def __repr__(self) -> str:
        return repr(self.picture)

    def _ipython_display_(self) -> None:
        from IPython.display import display, update_display

        for bundle in self.bundles():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]
        update_display({"text/plain": ""}, raw=True, display_id=AHEAD)  # type: ignore[no-untyped-call]


def building(ahead: int) -> None:
    """Bring the reader to the cell of the first picture, so many cells ahead, and say there that it is on its way."""
    from IPython.display import display

    display({"text/html": _back(ahead), "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
    sleep(SEEN_S)
    figure = {"data": [], "layout": {"width": 10, "height": 10}}
    display({PLOTLY_MIME: figure, "text/plain": ""}, raw=True, display_id=AHEAD)  # type: ignore[no-untyped-call]


def _back(ahead: int) -> str:
    code = files(__package__).joinpath("first_picture.js").read_text(encoding="utf-8")
    return f"<span class='mipflow-here' data-ahead='{ahead}'></span><script>{code}</script>"
