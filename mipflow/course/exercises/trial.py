"""The conditions under which a check calls a learner's function: within a time, in silence, without our own version.

`flow.learner.guard`, which is used here, stops a call that does not end and says in one line what went wrong.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import wraps
from io import TextIOBase
from pathlib import Path
from time import monotonic, process_time
from typing import Any, NoReturn, ParamSpec, TypeVar

from mipflow.course import notebook
from mipflow.errors import FunctionFailed
from mipflow.flow.learner.guard import Guarded

CALL_S, LEAST_LINES, CHECK_S, PATIENCE = 1.0, 1000, 5.0, 4
"""Limits: the seconds of one call that runs more lines than these; the processor time of all calls of one check; how
many times as long they may take while they sleep or the machine is busy elsewhere.
"""
ROOM_OCTETS = 1 << 29
"""The memory that a learner's function may take, where the system enforces it."""
THAT_IS_OURS = "that is ours, write yours"
NOBODY_ANSWERS = "nobody answers here; what your function needs, it gets as arguments"

listener: Callable[[bool], object] | None = None
"""Called when a call of a learner's function begins (True) and ends (False); see `course.exercises.apart`."""
_under_way = 0

P = ParamSpec("P")
R = TypeVar("R")


def ours(function: Callable[P, R]) -> Callable[P, R]:
    """Make a version of ours answer "that is ours, write yours" to a learner's function that calls it."""

    @wraps(function)
    def watched(*arguments: P.args, **named: P.kwargs) -> R:
        if _under_way:
            raise FunctionFailed(THAT_IS_OURS)
        return function(*arguments, **named)

    return watched


class Trial:
    """A learner's function under the guard for one check. Raises FunctionFailed, also once the time of all is over.

    parameters: the names of its arguments; check: says what is wrong with a result, as in `Guarded`; withheld:
    attributes of ours that refuse while it runs; sets_up: it may open flows in a world.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str],
        withheld: Sequence[tuple[Any, str]] = (), sets_up: bool = False,
    ) -> None:  # fmt: skip
        guarded = Guarded(name, function, parameters, check, CALL_S, LEAST_LINES)
        self._guarded: Callable[..., Any] = guarded.set_up if sets_up else guarded
        self._withheld, self._name, self._function = withheld, name, function
        self._took_s = self._worked_s = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Call the learner's function and return its answer."""
        if self._worked_s > CHECK_S or self._took_s > PATIENCE * CHECK_S:
            why = f"your {self._name}() is slow: its stories took more than {CHECK_S:g} s in all"
            raise FunctionFailed(why, self._function)
        begun_s, before_s = monotonic(), process_time()
        try:
            if listener is not None:
                listener(True)
            with _learner(self._withheld):
                return self._guarded(*arguments)
        finally:
            if listener is not None:
                listener(False)
            self._took_s += monotonic() - begun_s
            self._worked_s += process_time() - before_s


@contextmanager
def _learner(withheld: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """Let versions of ours refuse while a learner's function runs."""
    global _under_way
    _under_way += 1
    try:
        with _instead((owner, name, _refuse) for owner, name in withheld):
            yield
    finally:
        _under_way -= 1


def _refuse(*_: object, **__: object) -> NoReturn:
    raise FunctionFailed(THAT_IS_OURS)


@contextmanager
def _instead(others: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Give attributes of objects other values meanwhile."""
    kept = []
    try:
        for owner, name, value in others:
            kept.append((owner, name, vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, was in reversed(kept):
            setattr(owner, name, was)


class Deaf(TextIOBase):
    """A stream that keeps nothing; `heard` is True once it was given anything."""

    heard = False

    def write(self, text: str) -> int:
        self.heard = True
        return len(text)


class Dark:
    """A publisher for a notebook that shows nothing."""

    def publish(self, *_: object, **__: object) -> None: ...

    clear_output = publish


def _nobody_answers(*_: object) -> NoReturn:
    raise EOFError(NOBODY_ANSWERS)


def _does_not_end(*_: object) -> NoReturn:
    raise SystemExit("this would end the notebook; a function ends with return")


def _stays_as_it_is(*_: object) -> None:
    """Let calls inside calls end where Python ends them: a million of them take seconds to leave again."""


@contextmanager
def silence() -> Iterator[Deaf]:
    """Swallow all that is printed or shown meanwhile: words on stderr would cost the learner their marks.

    `input()` and `exit()` fail, and memory and the depth of calls are bounded.
    """
    heard, shell = Deaf(), notebook.shell()
    others: list[tuple[Any, str, Any]] = [
        (builtins, "input", _nobody_answers), (sys, "setrecursionlimit", _stays_as_it_is),
    ]  # fmt: skip
    for name, instead in (("display_pub", Dark()), ("ask_exit", _does_not_end)):
        if hasattr(shell, name):
            others.append((shell, name, instead))
    deep = sys.getrecursionlimit()
    try:
        with redirect_stdout(heard), redirect_stderr(Deaf()), _instead(others), _room(ROOM_OCTETS):
            yield heard
    finally:
        sys.setrecursionlimit(deep)


@contextmanager
def _room(octets: int) -> Iterator[None]:
    """Bound the memory that this process may take in addition: a list without end is a MemoryError."""
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        before = soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = min((each for each in (soft, hard) if each != resource.RLIM_INFINITY), default=taken + octets)
        resource.setrlimit(resource.RLIMIT_AS, (min(most, taken + octets), hard))
    except (ImportError, OSError, ValueError):  # not on this system
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
