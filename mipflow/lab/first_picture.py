"""The first picture of a lab, which is where "Run All" leaves its reader.

JupyterLab makes the last cell the active one when all are run, and scrolls there. Takes a picture; gives it with a few
lines of script that bring the reader back, and make its cell the active one, unless they have done something
themselves.
"""

from __future__ import annotations

from typing import Any

from mipflow.view.picture import Picture

_BACK = """<span class="mipflow-here"></span><script>(() => {
  const cell = [...document.querySelectorAll(".mipflow-here")].pop().closest(".jp-Cell");
  const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")];
  if (!cell || !cells.at(-1).matches(".jp-mod-active")) return;
  let isOver = false;
  for (const name of ["wheel", "pointerdown", "touchstart", "keydown"])
    window.addEventListener(name, () => { isOver = true; }, { capture: true, once: true });
  // What stands above is measured as it comes into view, so once is not enough.
  for (const ms of [0, 100, 300, 600, 1000, 1500, 2000, 3000]) setTimeout(() => {
    if (isOver) return;
    if (document.activeElement.matches("body, .jp-Notebook, .jp-Cell")) cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "start" });
  }, ms);
})()</script>"""


class FirstPicture:
    """Shows itself as the picture does."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def bundles(self) -> list[dict[str, Any]]:
        """Those of the picture, the last with the script."""
        *others, last = self.picture.bundles()
        return [*others, last | {"text/html": last["text/html"] + _BACK}]

    def __repr__(self) -> str:
        return repr(self.picture)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for bundle in self.bundles():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]
