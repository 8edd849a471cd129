"""The notebook around a check: its names, and how something is shown in it."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

MARK = "__mipflow__"


def shell() -> Any:
    """IPython's shell; None outside of one."""
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def names() -> dict[str, Any]:
    """The names that the learner's cells have made."""
    running = shell()
    found: dict[str, Any] = vars(sys.modules["__main__"]) if running is None else running.user_ns
    return found


def show(html: str, text: str) -> None:
    """Show something below the cell; outside a notebook its text is printed."""
    html, text = (each.encode("utf-8", "backslashreplace").decode() for each in (html, text))
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def keep(ours: dict[str, Any]) -> None:
    """Give names of ours their meaning back before each cell, where a cell has given them another one."""
    running = shell()
    if running is None or getattr(running, MARK, False):
        return
    setattr(running, MARK, True)

    def restore(*_: object) -> None:
        for name, function in ours.items():
            if name in running.user_ns and running.user_ns[name] is not function:
                running.user_ns[name] = function
                show_words(f"`{name}` is a name of the lab, and a cell gave it another meaning. It is the lab's again.")

    running.events.register("pre_run_cell", restore)


def show_words(words: str) -> None:
    """Show a sentence."""
    show(f"<p>{escape(words)}</p>", words)
