"""The notebook around a check: its names, and how something is shown in it."""

from __future__ import annotations

import inspect
import linecache
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from html import escape
from symtable import symtable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from mipflow.errors import MipflowError
from mipflow.view.drawing.picture import html_table

MARK = "__mipflow__"
STOPPED = "You stopped this. Nothing is lost: run the cell again when you like."
STYLE = "<style>.mipflow-check :where(td, th) { padding: .2em .6em; text-align: left !important }</style>"
"""JupyterLab sets the words of a table to the right; a page of nbgrader's feedback leaves no room between them."""
GIVES = re.compile(r"^(?:async +)?(?:def|class) +(\w+)|^([\w ,*]+?)(?: *:[^=\n]*)?=(?!=)", re.MULTILINE)
"""A line that gives names a value, in a cell that is no Python."""
_unmade: dict[str, Any] = {}
"""Name that a cell was to make when it stopped with an error -> what it was before, `MARK` where it was nothing."""
P = ParamSpec("P")
R = TypeVar("R")


def shell() -> Any:
    """IPython's shell; None outside of one."""
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def names() -> dict[str, Any]:
    """The names that the learner's cells have made."""
    running = shell()
    found: dict[str, Any] = vars(sys.modules["__main__"]) if running is None else running.user_ns
    return found


def unmade(wanted: Iterable[str]) -> list[str]:
    """Those of some names that the learner's last cell with them did not make: it stopped with an error before."""
    now = names()
    return [name for name in wanted if name in _unmade and now.get(name, MARK) is _unmade[name]]


def gives(source: str) -> set[str]:
    """The names that the source of a cell gives a value, as far as one can tell where it is no Python."""
    try:
        found = symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {name for line in GIVES.finditer(source) for name in re.findall(r"\w+", line[1] or line[2])}
    return {each.get_name() for each in found.get_symbols() if each.is_assigned()}


def show(html: str, text: str) -> None:
    """Show something below the cell; outside a notebook its text is printed."""
    html, text = (each.encode("utf-8", "backslashreplace").decode() for each in (html, text))
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html + STYLE, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


class Words:
    """A piece of HTML with its text, as a part of a lab gives it."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return f"<div class='mipflow-check'>{self.html}</div>{STYLE}"

    def __repr__(self) -> str:
        return self.text


def lines(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Rows of a table, each as a line of text."""
    return [", ".join(f"{name} {value}" for name, value in row.items()) for row in rows]


def words_of(text: str = "", rows: Sequence[dict[str, object]] = (), caption: str = "", code: str = "") -> Words:
    """A sentence, a piece of Python, a table with its caption: those that there are."""
    html = (f"<p>{escape(text)}</p>" if text else "") + (f"<pre>{escape(code)}</pre>" if code else "")
    return Words(html + html_table(rows, caption), "\n".join(filter(None, [text or caption, code, *lines(rows)])))


def program(function: Callable[..., Any], name: str) -> Words:
    """The text of a function of a lab's, which a learner is to read under another name."""
    text = inspect.getsource(function).replace("  # type: ignore[no-untyped-def]", "")
    return words_of(code=re.sub(r"\A(\s*def )\w+", rf"\g<1>{name}", text))


def keep(ours: dict[str, Any]) -> None:
    """Give names of ours their meaning back, where a cell has given them another one: before the next cell, and where
    this one stumbles over it, in place of Python's words; what comes after it runs.
    """
    running = shell()
    if running is None or getattr(running, MARK, False):
        return
    setattr(running, MARK, True)
    excused: list[BaseException] = []
    before: dict[str, Any] = {}

    def remember(*_: object) -> None:
        before.clear()
        before.update(running.user_ns)

    def taken() -> list[str]:
        return [name for name, function in ours.items() if running.user_ns.get(name, function) is not function]

    def restore(*_: object) -> None:
        for name in taken():
            running.user_ns[name] = ours[name]
            show_words(f"`{name}` is a name of the lab, and a cell gave it another meaning. It is the lab's again.")

    def stumbled(_: Any, kind: type, error: BaseException, way: TracebackType, tb_offset: int | None = None) -> None:
        while way.tb_next is not None and way.tb_frame.f_globals is not running.user_ns:
            way = way.tb_next
        line = linecache.getline(way.tb_frame.f_code.co_filename, way.tb_lineno)
        if any(re.search(rf"\b{name}\(", line) for name in taken()):
            excused.append(error)
            restore()
        else:
            running.showtraceback((kind, error, error.__traceback__), tb_offset=tb_offset)

    def excuse(result: Any) -> None:
        if result.error_in_exec in excused:
            result.error_in_exec = None
        excused.clear()
        for name in gives(running.transform_cell(result.info.raw_cell or "")):
            _unmade.pop(name, None)
            if not result.success:
                _unmade[name] = before.get(name, MARK)

    running.events.register("pre_run_cell", restore)
    running.events.register("pre_run_cell", remember)
    running.set_custom_exc((TypeError, AttributeError), stumbled)
    running.events.register("post_run_cell", excuse)


def in_words(function: Callable[P, R]) -> Callable[P, R | None]:
    """A function of ours whose errors are shown as a sentence, below the cell that called it: no traceback, and Run All
    goes on. It gives None then.
    """

    @wraps(function)
    def speaks(*arguments: P.args, **named: P.kwargs) -> R | None:
        try:
            return function(*arguments, **named)
        except MipflowError as error:
            show_words(f"{error}.")
        except KeyboardInterrupt:
            show_words(STOPPED)
        return None

    return speaks


def broken(words: str) -> str:
    """Words as HTML, their lines below each other."""
    return escape(words).replace("\n", "<br>")


def fold(words: str, html: str) -> str:
    """Words about a film as HTML, for below it: folded, since read first they would answer for the film."""
    return f"<details class='mipflow-fold'><summary>{escape(words)}</summary>{html}</details>"


def show_words(words: str) -> None:
    """Show a sentence."""
    show(f"<p>{broken(words)}</p>", words)
