"""Programs put together from blocks, for learners who are new to Python; check and marks are the same."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Collection
from html import escape
from typing import Any, NamedTuple

from mipflow.arguments import Expected, check, one_of
from mipflow.course import notebook
from mipflow.course.source import exercises_of, lab_of
from mipflow.errors import MipflowError


class NoProgram(NamedTuple):
    """The answer for blocks that make no program, with the reason, which the check shows too."""

    why: str
    of: object


@notebook.in_words
def blocks(number: str, letters: str) -> Callable[..., Any] | NoProgram | None:
    """Make the program of an exercise from its blocks, print it, and return its function.

    As in `assign = blocks("7.3", "A C D")`. Letters of no block, and a program that Python cannot read, are answered in
    words; without letters the answer is None, which counts as not attempted.
    """
    known = exercises_of(lab_of(number)).BLOCKS
    check(one_of(*known), number=number)
    head, pieces = known[number]
    try:
        check(_letters(pieces), letters=letters)
    except MipflowError as error:
        return _none(f"{error}.", letters)
    chosen = [letter for letter in letters.upper() if letter.isalpha()]
    if not chosen:
        return None
    lines = (line for letter in chosen for line in pieces[letter].split("\n"))
    program = "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"
    notebook.show(f"<pre>{escape(program)}</pre>", program)
    return _made(program)


def _letters(pieces: Collection[str]) -> Expected:
    def fits(text: str) -> bool:
        chosen = [letter for letter in text.upper() if letter.isalpha()]
        return set(chosen) <= set(pieces) and len(set(chosen)) == len(chosen) and not re.search(r"[^\w\s,.]|\d", text)

    return Expected(f"letters of blocks, each once at most, from {' '.join(pieces)}", fits)


def _none(why: str, of: object) -> NoProgram:
    notebook.show_words(why)
    return NoProgram(why, of)


def _made(program: str) -> Callable[..., Any] | NoProgram:
    name = "<your blocks>"
    linecache.cache[name] = len(program), None, program.splitlines(keepends=True), name
    made: dict[str, Any] = {"__name__": "your_blocks"}
    try:
        exec(compile(program, name, "exec"), made)
    except SyntaxError as error:
        line = (error.text or "").strip() or "the last one"
        return _none(
            f"Python cannot read this: look at the line “{line}” and the one before it. A line that ends in a colon"
            " needs one below it that stands further right.", program,
        )  # fmt: skip
    function: Callable[..., Any] = next(each for name, each in made.items() if name[:2] != "__")
    return function
