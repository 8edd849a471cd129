"""Guard a function that a learner wrote: say in one line, in their words, what goes wrong in it.

Takes a function and what may be expected of it; gives a callable that answers as the function does, or raises
FunctionFailed. A browser has no threads and no signals, so a trace function looks at a clock at each line of the
learner's, and not at mipflow's own, which would leave tables half changed.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable
from dis import opmap
from math import inf
from time import monotonic
from traceback import walk_stack, walk_tb
from types import CoroutineType, FrameType, TracebackType
from typing import Any

from mipflow.arguments import FUNCTION, fits
from mipflow.errors import FunctionFailed, class_name, shown
from mipflow.flow.learner.read_only import read_only
from mipflow.sim.clock import ASKED

TWO_SECONDS = 2.0
"""How long a learner's function may take for one call."""
NO_RETURN = " (None comes from a way through without return, or from what a call such as append() gives back)"
PATIENCE = 8
"""How many times as long a call may take that has run fewer than its least lines: the machine may be busy elsewhere."""

PLAIN = {
    "KeyError": "nothing is stored under this key", "IndexError": "there is no such place; the first one is 0",
    "TypeError": "a value is not of the kind that this line needs",
    "AttributeError": "a value has nothing of this name",
    "NameError": "nothing has this name yet; is it spelled right?",
    "UnboundLocalError": "on this way through the function the name was given no value",
}
"""Errors of Python as a beginner may read them."""
_SPIN = bytes((opmap["JUMP_BACKWARD"], 2 if sys.version_info >= (3, 13) else 1))
"""`while True: pass` in one line: a jump to itself, which Python calls an instruction, but not a line. (From 3.13 on it
has a cache, which is another unit to jump over.)"""


class _TooLong(BaseException):
    """Raised at a line of the learner's; `except Exception` does not catch it."""


def wrong_truth(result: object, *arguments: object) -> str:
    """Say what is wrong with the answer of a function that says yes or no; empty where nothing is."""
    return "" if isinstance(result, bool) else "expected True or False"


class Guarded:
    """A learner's function. `name`: as in "assign"; `parameters`: what it is called with, as in "flow, homes, flows".

    `check(result, *arguments)` says what is wrong with a result, as in "expected a home address of this node, or None
    for a new one", and "" where nothing is. `limit_s`: how long one call may take, in seconds, and how long it may take
    to check and to show what came of it; `least_lines`: how many lines it may run at any rate, so that a machine which
    is busy elsewhere stops nobody. Lines in Python are stopped, whatever they catch. No trace function looks into one
    call of what is written in C, such as `time.sleep(5)`, `sum(iter(int, 1))` or `10**10**10`: that is reported once it
    returns, and hangs where it never does; nor into threads of the learner's, or past a `sys.settrace` of theirs. Of
    tables and their entries the function gets views, which it cannot change (`read_only`).
    KeyboardInterrupt passes through. Raises FunctionFailed for no function, or one that does not take the parameters.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str],
        limit_s: float = TWO_SECONDS, least_lines: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self._function = function
        self._check = check
        self._limit_s = limit_s
        self._least_lines = least_lines
        self._ends_s = inf
        """The time when the present call has taken too long, on the monotonic clock; infinite while there is none."""
        self._lines = 0
        """Lines of the learner's that have run in the present call."""
        called = f"called as {name}({parameters})"
        if not fits(function, FUNCTION):
            raise FunctionFailed(f"{name} is {shown(function)}; expected a function, {called}", function)
        try:
            signature = inspect.signature(function)
        except Exception:  # some of those written in C do not tell
            return
        try:
            signature.bind(*parameters.split())
        except TypeError:
            count = len(signature.parameters)
            takes = f"takes {count} argument{'s' * (count != 1)}"
            raise FunctionFailed(f"your {name}() {takes}; it is {called}", function) from None

    def __call__(self, *arguments: Any) -> Any:
        """Call the learner's function and give its answer. Raises FunctionFailed."""
        token = ASKED.set(self.name)
        try:
            return self._answer(arguments)
        finally:
            ASKED.reset(token)

    def set_up(self, *arguments: Any) -> Any:
        """Call a function that nobody waits for: it may open flows in a world. Raises FunctionFailed."""
        return self._answer(arguments)

    def _answer(self, arguments: tuple[Any, ...]) -> Any:
        before, outer_s = sys.gettrace(), self._ends_s
        begun_s = self._allow()
        value: object = self._function
        cause, traceback, words, meaning = None, None, "", ""
        try:
            sys.settrace(self._entered)
            result = value = self._function(*read_only(arguments))
            value, told = self._judged(result, arguments, begun_s)
            if not told:
                return result
        except KeyboardInterrupt:
            raise
        except _TooLong:
            value, traceback = self._function, sys.exc_info()[2]
            told = f"took more than {self._limit_s:g} s and was stopped"
        except BaseException as error:
            self._allow()
            value, cause, traceback = error, error, sys.exc_info()[2]
            told, words = f"raised {class_name(error)}", shown(error, str)
            meaning = PLAIN.get(class_name(error), "") + _offered(error)
        finally:
            self._ends_s = outer_s
            sys.settrace(before)  # a debugger's, or that of an outer call
        told += _where(traceback) + (f": {words}" if words else "") + (f" ({meaning})" if meaning else "")
        raise FunctionFailed(f"your {self.name}() {told}", value) from cause

    def _judged(self, result: object, arguments: tuple[Any, ...], begun_s: float) -> tuple[object, str]:
        """Say what is wrong with a result, or with the time that it took, and of what value; "" where nothing is."""
        lines, took_s = self._lines, self._allow() - begun_s
        if type(result) is CoroutineType:  # of an `async def`, which nobody awaits
            result.close()
        if took_s > self._limit_s * (1 if lines >= self._least_lines else PATIENCE):
            return self._function, f"took more than {self._limit_s:g} s: {took_s:.1f} s in all"
        wrong = self._wrong(result, arguments)
        return result, f"gave {shown(result)}; {wrong}" + (NO_RETURN if result is None else "") if wrong else ""

    def _allow(self) -> float:
        """Begin to count the time; return when that was, in seconds."""
        self._ends_s = inf  # somebody may put in a clock of theirs
        self._lines = 0
        begun_s = monotonic()
        self._ends_s = begun_s + self._limit_s
        return begun_s

    def _wrong(self, result: object, arguments: tuple[Any, ...]) -> str:
        """Say what is wrong with a result; one fault may be that it cannot be compared."""
        try:
            return self._check(result, *arguments)
        except (KeyboardInterrupt, _TooLong):
            raise
        except BaseException as error:
            return f"looking at it raised {class_name(error)}"

    def _entered(self, frame: FrameType, event: str, value: Any) -> _Line | None:
        """Return the function to call at each line of a function that is entered; None where it is ours."""
        if _is_ours(frame):
            return None
        frame.f_trace_opcodes = _SPIN in frame.f_code.co_code
        return _Line(self)

    def is_over(self) -> bool:
        """Count a line; return True once the present call has taken too long."""
        self._lines += 1
        return self._lines > self._least_lines and monotonic() > self._ends_s

    def resume(self, frame: FrameType) -> None:
        """Trace again, and so in a function that was entered before."""
        if self._ends_s != inf and not _is_ours(frame):
            frame.f_trace = self._entered(frame, "call", None)
            sys.settrace(self._entered)


class _Line:
    """A trace function for one function of the learner's, called at each line: raises at every one once the time is
    over.

    The interpreter puts tracing away when a trace function raises: first as a whole, then that of the function. It has
    the only reference to that one, which therefore ends before any line of the learner's that catches the exception,
    and its end begins to trace again.
    """

    __slots__ = ("_has_raised", "_of")

    def __init__(self, of: Guarded) -> None:
        self._of = of
        self._has_raised = False

    def __call__(self, frame: FrameType, event: str, value: Any) -> _Line:
        if event in ("line", "opcode") and self._of.is_over() and frame.f_lineno is not None and not _imports(frame):
            self._has_raised = True
            del self  # the exception keeps what is known here
            raise _TooLong
        return self

    def __del__(self) -> None:
        if self._has_raised:
            self._of.resume(sys._getframe(1))


def guarded(name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str]) -> Callable[..., Any]:
    """Return a learner's function guarded, and one of mipflow's own as it is."""
    return function if is_ours(function) else Guarded(name, function, parameters, check)


def is_ours(thing: object) -> bool:
    """Return True for a function or class of mipflow's own."""
    return str(getattr(thing, "__module__", None)).startswith("mipflow.")


def _offered(error: BaseException) -> str:
    """Return the names of a value that was asked for one that it has not; empty where there are none to tell."""
    if type(error) is not AttributeError:
        return ""
    try:
        names = type.__getattribute__(type(error.obj), "__match_args__")  # those of a tuple or of a dataclass
        return f": it has {', '.join(names)}"
    except (AttributeError, TypeError):
        return ""


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.startswith("mipflow.")


def _imports(frame: FrameType) -> bool:
    """Return True within an import: one that is broken off leaves modules half made, for the whole process."""
    return any(each.f_code.co_filename.startswith("<frozen importlib") for each, _ in walk_stack(frame))


def _where(traceback: TracebackType | None) -> str:
    """Return the last line of the learner's own that an exception went through, as " in line 3, `return 1 / 0`"."""
    outside = [(frame, number) for frame, number in walk_tb(traceback) if not _is_ours(frame)]
    own = [(frame, number) for frame, number in outside if frame.f_globals is outside[0][0].f_globals]
    if not own:
        return ""
    frame, number = own[-1]
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f" in line {number}" + (f", `{source}`" if source else "")
