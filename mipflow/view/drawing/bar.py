"""A progress bar, in a notebook or on a terminal; nothing elsewhere, and nothing on standard error.

Takes a title and how many steps there are; gives an object to be told of each.
"""

from __future__ import annotations

import sys
from html import escape
from time import monotonic
from types import TracebackType
from typing import Any

SHOWN_EVERY_S = 0.1
_WIDTH = 30


class Bar:
    """A bar of `total` steps that is there within a `with`, and gone after it."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, total, 0
        self._due_s = 0.0
        self._handle: Any = None
        """IPython's handle of the display, in a notebook."""

    def __enter__(self) -> Bar:
        if _is_notebook():
            from IPython.display import display

            self._handle = display(self._bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._show()
        return self

    def step(self) -> None:
        """Count a step as done."""
        self.done += 1
        if monotonic() >= self._due_s:
            self._show()

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)
        elif sys.stdout.isatty():
            print("\r\x1b[K", end="", flush=True)

    def _show(self) -> None:
        self._due_s = monotonic() + SHOWN_EVERY_S
        if self._handle is not None:
            self._handle.update(self._bundle(), raw=True)
        elif sys.stdout.isatty():
            filled = _WIDTH * self.done // self.total
            print(f"\r\x1b[K[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._words()}", end="", flush=True)

    def _words(self) -> str:
        return f"{self.title}: {self.done} of {self.total}"

    def _bundle(self) -> dict[str, str]:
        words = self._words()
        bar = f"<progress max='{self.total}' value='{self.done}' aria-label='{escape(self.title)}'></progress>"
        return {"text/plain": words, "text/html": f"<div class='mipflow-bar'>{bar} {escape(words)}</div>"}


def _is_notebook() -> bool:
    """Say whether cells are run here; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
