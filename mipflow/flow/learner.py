"""Functions that a learner wrote, called by a node: what goes wrong in them is said in one line, in their words.

Stands beside the redirector and the separator. Takes a function and what may be expected of it; gives a callable that
answers as the function does, or raises FunctionFailed. A browser has no threads and no signals, so a trace function
looks at a clock at each line of the learner's, and not at mipflow's own, which would leave tables half changed.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable
from dis import opmap
from math import inf
from time import monotonic
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from mipflow.arguments import FUNCTION, fits
from mipflow.errors import FunctionFailed, shown

TWO_SECONDS = 2.0
"""How long a learner's function may take for one call."""

_SPIN = bytes((opmap["JUMP_BACKWARD"], 1))
"""`while True: pass` in one line: a jump to itself, which Python 3.11 calls an instruction, but not a line."""

Trace = Callable[[FrameType, str, Any], Any]


class _TooLong(BaseException):
    """Raised at a line of the learner's; `except Exception` does not catch it.

    A bare `except` does, and the interpreter has put the trace function away when that raised. But whoever swallows an
    exception lets go of it, and its end is where the trace function comes back, to raise again at the next line.
    """

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume

    def __del__(self) -> None:
        self._resume()


def wrong_truth(result: object, flow: object) -> str:
    """What is wrong with the answer of a function that says yes or no; empty where nothing is."""
    return "" if isinstance(result, bool) else "expected True or False"


class Guarded:
    """A learner's function. `name`: as in "assign"; `parameters`: what it is called with, as in "flow, homes, flows".

    `check(result, *arguments)` says what is wrong with a result, as in "expected a home address of this node, or None
    for a new one", and "" where nothing is. `limit_s`: how long one call may take,
    in seconds; what sits in one call of the standard library, such as `time.sleep(5)`, cannot be stopped and is
    reported once it returns. The function gets the arguments themselves: nothing here undoes what it changes in them.
    KeyboardInterrupt passes through. Raises FunctionFailed for no function, or one that does not take the parameters.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str],
        limit_s: float = TWO_SECONDS,
    ) -> None:  # fmt: skip
        self.name = name
        self._function = function
        self._check = check
        self._limit_s = limit_s
        self._ends_s = inf
        """When the call that is under way has taken too long, on the monotonic clock; infinite while there is none."""
        self._trace: Trace = self._entered()
        called = f"called as {name}({parameters})"
        if not fits(function, FUNCTION):
            raise FunctionFailed(f"{name} is {shown(function)}; expected a function, {called}", function)
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # some of those written in C do not tell
            return
        try:
            signature.bind(*parameters.split())
        except TypeError:
            count = len(signature.parameters)
            takes = f"takes {count} argument{'s' * (count != 1)}"
            raise FunctionFailed(f"your {name}() {takes}; it is {called}", function) from None

    def __call__(self, *arguments: Any) -> Any:
        """What the learner's function gives. Raises FunctionFailed."""
        before, outer_s = sys.gettrace(), self._ends_s
        begun_s = monotonic()
        self._ends_s = begun_s + self._limit_s
        try:
            sys.settrace(self._trace)
            result = self._function(*arguments)
        except _TooLong as error:
            self._ends_s = inf  # telling it takes as long as it takes
            stopped = f"took more than {self._limit_s:g} s and was stopped{_where(error.__traceback__)}"
            raise FunctionFailed(f"your {self.name}() {stopped}", self._function) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            words = shown(error, str)  # the learner's function too, which may never end
            self._ends_s = inf
            what = f"raised {type(error).__name__}{_where(error.__traceback__)}: {words}"
            raise FunctionFailed(f"your {self.name}() {what.removesuffix(': ')}", error) from error
        finally:
            self._ends_s = outer_s
            sys.settrace(before)  # a debugger's, or that of an outer call
        took_s = monotonic() - begun_s
        if took_s > self._limit_s:
            took = f"took more than {self._limit_s:g} s: {took_s:.1f} s in all"
            raise FunctionFailed(f"your {self.name}() {took}", self._function)
        try:
            wrong = self._check(result, *arguments)
        except Exception as error:  # of a result that cannot be compared, say
            wrong = f"looking at it raised {type(error).__name__}"
        if wrong:
            raise FunctionFailed(f"your {self.name}() gave {shown(result)}; {wrong}", result)
        return result

    def _entered(self) -> Trace:
        """What is called when a function is entered; it gives what is called at each line, None where that is ours."""

        def line(frame: FrameType, event: str, value: Any) -> Any:
            if monotonic() > self._ends_s and event in ("line", "opcode"):
                raise _TooLong(self._resume)
            return line

        def entered(frame: FrameType, event: str, value: Any) -> Any:
            if _is_ours(frame):
                return None
            frame.f_trace_opcodes = _SPIN in frame.f_code.co_code
            return line

        return entered

    def _resume(self) -> None:
        """Trace again, in the functions that have been entered too."""
        if self._ends_s == inf:
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not Guarded.__call__.__code__:
            frame.f_trace = self._trace(frame, "call", None)
            frame = frame.f_back
        sys.settrace(self._trace)


def guarded(name: str, function: Callable[..., Any], parameters: str, check: Callable[..., str]) -> Callable[..., Any]:
    """A function as it is where mipflow's own, else one that is a learner's."""
    ours = str(getattr(function, "__module__", None)).startswith("mipflow.")
    return function if ours else Guarded(name, function, parameters, check)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("mipflow.")


def _where(traceback: TracebackType | None) -> str:
    """The last line of the learner's own that an exception went through, as " in line 3, `return 1 / 0`"."""
    outside = [(frame, number) for frame, number in walk_tb(traceback) if not _is_ours(frame)]
    own = [(frame, number) for frame, number in outside if frame.f_globals is outside[0][0].f_globals]
    if not own:
        return ""
    frame, number = own[-1]
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f" in line {number}" + (f", `{source}`" if source else "")
