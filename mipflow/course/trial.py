"""A learner's function at work for a check: within a time, in silence, and without our own version of it.

Stands beside `flow.learner`, whose guard stops what does not end and says in one line what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import wraps
from io import StringIO
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from mipflow.errors import FunctionFailed
from mipflow.flow.learner import Guarded

CALL_S, LEAST_LINES, CHECK_S = 1.0, 1000, 10.0
"""How long one call may take, in seconds, where it runs more lines than these; and all calls of one check."""
THAT_IS_OURS = "that is ours, write yours"

_under_way = 0


P = ParamSpec("P")
R = TypeVar("R")


def ours(function: Callable[P, R]) -> Callable[P, R]:
    """A version of ours, which answers "that is ours, write yours" to a learner's function that calls it."""

    @wraps(function)
    def watched(*arguments: P.args, **named: P.kwargs) -> R:
        if _under_way:
            raise FunctionFailed(THAT_IS_OURS)
        return function(*arguments, **named)

    return watched


class Trial:
    """A learner's function under the guard for one check: raises FunctionFailed, and once the time of all is over, too.

    `parameters`: what it is called with; `check`: what is wrong with a result, as in `Guarded`; `withheld`: attributes
    of ours that refuse while it runs.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str],
        withheld: Sequence[tuple[Any, str]] = (),
    ) -> None:  # fmt: skip
        self._guarded = Guarded(name, function, parameters, check, CALL_S, LEAST_LINES)
        self._withheld, self._name, self._function = withheld, name, function
        self._took_s = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Call the learner's function and give its answer."""
        if self._took_s > CHECK_S:
            why = f"your {self._name}() is slow: its stories took more than {CHECK_S:g} s in all"
            raise FunctionFailed(why, self._function)
        begun_s = monotonic()
        try:
            with _learner(self._withheld):
                return self._guarded(*arguments)
        finally:
            self._took_s += monotonic() - begun_s


@contextmanager
def _learner(withheld: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """While a learner's function runs: ours refuses."""
    global _under_way
    kept = [(owner, name, vars(owner)[name]) for owner, name in withheld]
    _under_way += 1
    try:
        for owner, name in withheld:
            setattr(owner, name, _refuse)
        yield
    finally:
        for owner, name, was in kept:
            setattr(owner, name, was)
        _under_way -= 1


def _refuse(*_: object, **__: object) -> None:
    raise FunctionFailed(THAT_IS_OURS)


@contextmanager
def silence() -> Iterator[StringIO]:
    """Swallow all that is printed meanwhile: what a check writes to stderr would cost the learner their marks."""
    heard = StringIO()
    with redirect_stdout(heard), redirect_stderr(StringIO()):
        yield heard
