"""The notebook around a lab: the names of its cells, and the way in which words are shown below them."""

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
"""Styles for tables: JupyterLab sets their words to the right, a page of nbgrader's leaves no room between them."""
GIVES = re.compile(r"^(?:async +)?(?:def|class) +(\w+)|^([\w ,*]+?)(?: *:[^=\n]*)?=(?!=)", re.MULTILINE)
"""A line that gives names a value, in a cell that Python cannot parse."""
_unmade: dict[str, Any] = {}
"""Name that a cell was to make when it stopped with an error -> its value before, `MARK` where it had none."""
P = ParamSpec("P")
R = TypeVar("R")


def shell() -> Any:
    """Return IPython's shell, or None outside of IPython."""
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def names() -> dict[str, Any]:
    """Return the names that the learner's cells have made, with their values."""
    running = shell()
    found: dict[str, Any] = vars(sys.modules["__main__"]) if running is None else running.user_ns
    return found


def unmade(wanted: Iterable[str]) -> list[str]:
    """Return those of the wanted names whose last cell stopped with an error before it made them."""
    now = names()
    return [name for name in wanted if name in _unmade and now.get(name, MARK) is _unmade[name]]


def gives(source: str) -> set[str]:
    """Return the names that the source of a cell gives a value; a guess, where the source is no Python."""
    try:
        found = symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {name for line in GIVES.finditer(source) for name in re.findall(r"\w+", line[1] or line[2])}
    return {each.get_name() for each in found.get_symbols() if each.is_assigned()}


def show(html: str, text: str) -> None:
    """Show HTML below the cell; outside a notebook print the text instead."""
    html, text = (each.encode("utf-8", "backslashreplace").decode() for each in (html, text))
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html + STYLE, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


class Words:
    """A piece of HTML with its text, which shows itself in a cell."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return f"<div class='mipflow-check'>{self.html}</div>{STYLE}"

    def __repr__(self) -> str:
        return self.text


def lines(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the rows of a table, each as a line of text."""
    return [", ".join(f"{name} {value}" for name, value in row.items()) for row in rows]


def words_of(text: str = "", rows: Sequence[dict[str, object]] = (), caption: str = "", code: str = "") -> Words:
    """Return a sentence, a piece of Python and a table with its caption as `Words`; empty ones are left out."""
    html = (f"<p>{escape(text)}</p>" if text else "") + (f"<pre>{escape(code)}</pre>" if code else "")
    return Words(html + html_table(rows, caption), "\n".join(filter(None, [text or caption, code, *lines(rows)])))


def program(function: Callable[..., Any], name: str) -> Words:
    """Return the source of a function of a lab as `Words`, for a learner to read under another name."""
    text = inspect.getsource(function).replace("  # type: ignore[no-untyped-def]", "")
    return words_of(code=re.sub(r"\A(\s*def )\w+", rf"\g<1>{name}", text))


def keep(ours: dict[str, Any]) -> None:
    """Give names of ours their meaning back where a cell has given them another one.

    It is done before the next cell, and where a cell stumbles over such a name, in place of Python's words; the cells
    after it run.
    """
    running = shell()
    if running is not None and not getattr(running, MARK, False):
        setattr(running, MARK, True)
        _Keeper(running, ours)


class _Keeper:
    """Keeps `ours`, names with their values, in the IPython that is `running`."""

    def __init__(self, running: Any, ours: dict[str, Any]) -> None:
        self._running, self._ours = running, ours
        self._excused: list[BaseException] = []
        self._before: dict[str, Any] = {}
        running.events.register("pre_run_cell", self._restore)
        running.events.register("pre_run_cell", self._remember)
        running.set_custom_exc((TypeError, AttributeError), self._stumbled)
        running.events.register("post_run_cell", self._excuse)

    def _taken(self) -> list[str]:
        now = self._running.user_ns
        return [name for name, value in self._ours.items() if now.get(name, value) is not value]

    def _restore(self, *_: object) -> None:
        for name in self._taken():
            self._running.user_ns[name] = self._ours[name]
            show_words(f"`{name}` is a name of the lab, and a cell gave it another meaning. It is the lab's again.")

    def _remember(self, *_: object) -> None:
        self._before = dict(self._running.user_ns)

    def _stumbled(
        self, _: Any, kind: type, error: BaseException, way: TracebackType, tb_offset: int | None = None
    ) -> None:
        """Excuse an error in a line that calls a name of ours with another meaning; show any other as usual."""
        while way.tb_next is not None and way.tb_frame.f_globals is not self._running.user_ns:
            way = way.tb_next
        line = linecache.getline(way.tb_frame.f_code.co_filename, way.tb_lineno)
        if any(re.search(rf"\b{name}\(", line) for name in self._taken()):
            self._excused.append(error)
            self._restore()
        else:
            self._running.showtraceback((kind, error, error.__traceback__), tb_offset=tb_offset)

    def _excuse(self, result: Any) -> None:
        """Let the next cells run after an excused error, and note the names that a cell did not come to make."""
        if result.error_in_exec in self._excused:
            result.error_in_exec = None
        self._excused.clear()
        for name in gives(self._running.transform_cell(result.info.raw_cell or "")):
            _unmade.pop(name, None)
            if not result.success:
                _unmade[name] = self._before.get(name, MARK)


def in_words(function: Callable[P, R]) -> Callable[P, R | None]:
    """Make a function show its errors as a sentence below the cell: no traceback, and Run All goes on.

    It returns None after an error.
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
    """Return words as HTML, their lines below each other."""
    return escape(words).replace("\n", "<br>")


def fold(words: str, html: str) -> str:
    """Return HTML to stand below a film, folded under some words: read first, it would answer for the film."""
    return f"<details class='mipflow-fold'><summary>{escape(words)}</summary>{html}</details>"


def show_words(words: str) -> None:
    """Show a sentence."""
    show(f"<p>{broken(words)}</p>", words)
