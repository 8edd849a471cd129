"""A learner's function that fails, answers nonsense or never ends: one line says so, and the caller goes on."""

from __future__ import annotations

import gc
import linecache
import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import LONGEST, FunctionFailed
from mipflow.flow.learner import guard as learner
from mipflow.flow.learner.guard import TWO_SECONDS, Guarded
from mipflow.flow.policy.policies import ByLoad
from mipflow.flow.tables import HomeAddressTable
from mipflow.sim.clock import check_unasked
from mipflow.wire.address import Address

LIMIT_S = 0.05
CELL = "<cell of a notebook>"


class Clock:
    """A clock that goes on while somebody sleeps, and by a tick when somebody looks: no test depends on the machine's
    speed.
    """

    def __init__(self) -> None:
        self.naps_s: list[float] = []
        self.sleep = self.naps_s.append  # written in C, as that of the standard library
        self.tick_s = 0.0

    def monotonic(self) -> float:
        self.sleep(self.tick_s)
        return sum(self.naps_s)


time = Clock()


def anything(result: object, *arguments: object) -> str:
    return ""


def looking(result: Any) -> str:
    """A check that asks all that checks ask."""
    is_word = isinstance(result, str) or result in ["a word"] or (hasattr(result, "encode") and result.encode() is None)
    return "" if is_word else "expected a word"


def written(source: str, name: str = "assign") -> Any:
    """Text that a learner typed into a cell, whose lines are known without looking at it."""
    linecache.cache[CELL] = (len(source), None, source.splitlines(keepends=True), CELL)
    cell: dict[str, Any] = {"__name__": "__main__", "time": time}
    exec(compile(source, CELL, "exec"), cell)
    return cell[name]


def said(function: Callable[..., Any], *arguments: object, check: Callable[..., str] = anything) -> str:
    """Return the one line about a call that fails."""
    parameters = ", ".join(f"argument{number}" for number in range(len(arguments)))
    with pytest.raises(FunctionFailed) as caught:
        Guarded("assign", function, parameters, check, LIMIT_S)(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "monotonic", time.monotonic)
    time.naps_s.clear()


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "tick_s", LIMIT_S / 100)


@pytest.fixture(autouse=True)
def tracer() -> Iterator[Callable[..., None]]:
    """Somebody else's trace function, as of a debugger, which is there after every test as before."""

    def trace(frame: FrameType, event: str, value: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    yield trace
    after = sys.gettrace()
    sys.settrace(before)
    assert after is trace
    check_unasked("nothing may be held after a test")


# --- answers and arguments --------------------------------------------------------------------------------------------


@given(st.lists(st.integers(), max_size=4))
def test_a_function_gets_what_the_node_gives_and_its_answer_comes_back_as_the_same_object(given_: list[int]) -> None:
    names = ", ".join("abcd"[: len(given_)])
    guarded = Guarded("assign", lambda *arguments: arguments, names, anything)
    answer = guarded(*given_)
    assert answer == tuple(given_) and guarded(answer, 1)[0] is answer


def test_an_answer_that_cannot_be_is_shown_with_what_was_expected() -> None:
    expected = "expected a home address of this node, or None for a new one"

    def check(result: object, flow: object, homes: object) -> str:
        return "" if result is None or (isinstance(homes, list) and result in homes) else expected

    assign = Guarded("assign", lambda flow, homes: flow, "flow, homes", check)
    assert assign(None, ["H1"]) is None and assign("H1", ["H1"]) == "H1"
    with pytest.raises(FunctionFailed) as caught:
        assign("H2", ["H1"])
    assert str(caught.value) == f"your assign() gave 'H2'; {expected}" and caught.value.value == "H2"


def test_an_endless_answer_is_cut() -> None:
    line = said(lambda: "x\n" * 10_000, check=lambda result: "expected less")
    assert line.startswith(r"your assign() gave 'x\nx") and line.endswith("...; expected less")
    assert len(line) < LONGEST + 50


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (lambda flow: None, "1 argument"),
        (lambda: None, "0 arguments"),
        (lambda flow, homes, flows, further: None, "4 arguments"),
        (lambda flow, homes, *, flows: None, "3 arguments"),
    ],
)
def test_a_wrong_number_of_parameters_is_said_before_the_first_call(function: Any, takes: str) -> None:
    with pytest.raises(FunctionFailed) as caught:
        Guarded("assign", function, "flow, homes, flows", anything)
    assert str(caught.value) == f"your assign() takes {takes}; it is called as assign(flow, homes, flows)"


def test_what_is_no_function_is_said() -> None:
    with pytest.raises(FunctionFailed, match=r"^assign is 5; expected a function, called as assign\(flow\)$"):
        Guarded("assign", 5, "flow", anything)  # type: ignore[arg-type]


def test_a_class_is_no_function() -> None:
    """A class takes two arguments by chance, and its instance was meant."""
    with pytest.raises(FunctionFailed, match=r"^policy is <class .*>; expected a function"):
        Guarded("policy", ByLoad, "flow, networks", anything)


def test_methods_partial_functions_and_those_written_in_c_are_functions_too() -> None:
    assert Guarded("assign", "a,b".split, "separator", anything)(",") == ["a", "b"]
    assert Guarded("assign", partial(divmod, 7), "divisor", anything)(2) == (3, 1)
    assert Guarded("assign", max, "one, other", anything)(1, 2) == 2  # max has no signature
    assert said(partial(divmod, 7), 0).startswith("your assign() raised ZeroDivisionError: ")


# --- errors -----------------------------------------------------------------------------------------------------------


class Silent:
    """A value that cannot be shown, compared or asked whether it is true."""

    def __repr__(self) -> str:
        raise GeneratorExit

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __bool__ = __str__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class SilentError(Exception):
    def __str__(self) -> str:
        raise ValueError("it cannot be told")


def _raising(error: BaseException) -> Any:
    def assign(flow: object) -> None:
        raise error

    return assign


@pytest.mark.parametrize(
    "error", [GeneratorExit(), CancelledError(), BaseException("own"), StopIteration(), SilentError(), SystemExit(1)]
)
def test_whatever_is_raised_stays_inside(error: BaseException) -> None:
    assert said(_raising(error), None).startswith(f"your assign() raised {type(error).__name__} in line ")


def test_only_the_learner_may_stop_everything() -> None:
    with pytest.raises(KeyboardInterrupt):
        Guarded("assign", _raising(KeyboardInterrupt()), "flow", anything)(None)


@pytest.mark.parametrize("check", [lambda result, flow: "expected another", lambda result, flow: str(result in ["a"])])
def test_a_result_that_cannot_be_told_or_compared_stays_inside(check: Any) -> None:
    with pytest.raises(FunctionFailed, match=r"^your assign\(\) gave a value of Silent, which does not say what it"):
        Guarded("assign", lambda flow: Silent(), "flow", check)(None)


def test_an_error_is_told_with_its_line() -> None:
    assign = written("def assign(flow):\n    # a comment\n    raise ValueError('no such home')\n")
    raised = "your assign() raised ValueError in line 3, `raise ValueError('no such home')`: no such home"
    assert said(assign, None) == raised


def test_without_the_source_the_line_number_remains() -> None:
    assign = written("def assign(flow):\n    return {}['H2']\n")
    del linecache.cache[CELL]
    assert said(assign, None) == "your assign() raised KeyError in line 2: 'H2' (nothing is stored under this key)"


def test_an_error_without_words_and_one_of_many_lines() -> None:
    assert said(written("def assign():\n    raise ValueError\n")).endswith("ValueError in line 2, `raise ValueError`")
    assert said(written("def assign():\n    raise ValueError('a\\n  b')\n")).endswith(": a b")


def test_the_line_is_the_learners_last_not_one_of_what_it_calls() -> None:
    homes = HomeAddressTable(Address("2001:db8::1"))
    source = "def helper(homes):\n    homes.add(homes.primary)\n\ndef assign(homes):\n    return helper(homes)\n"
    line = said(written(source), homes)
    assert line.startswith("your assign() raised ProtocolMisuse in line 2, `homes.add(homes.primary)`: the home")
    source = "import json\n\ndef assign(text):\n    return json.loads(text)\n"
    assert " JSONDecodeError in line 4, `return json.loads(text)`: " in said(written(source), "{")


def test_the_cause_is_kept_for_who_wants_all_of_it() -> None:
    with pytest.raises(FunctionFailed) as caught:
        Guarded("assign", lambda: [][1], "", anything)()
    assert isinstance(caught.value.__cause__, IndexError) and caught.value.value is caught.value.__cause__


def test_endless_recursion_is_an_error_like_others() -> None:
    line = said(written("def assign(): return assign()\n"))
    assert line.startswith("your assign() raised RecursionError in line 1, `def assign(): return assign()`: ")


def test_leaving_the_interpreter_is_refused_but_the_user_may_interrupt() -> None:
    line = said(written("import sys\ndef assign():\n    sys.exit(3)\n"))
    assert line == "your assign() raised SystemExit in line 3, `sys.exit(3)`: 3"
    with pytest.raises(KeyboardInterrupt):
        Guarded("assign", written("def assign():\n    raise KeyboardInterrupt\n"), "", anything)()


@pytest.mark.parametrize("error", ["GeneratorExit", "SystemExit", "Unnamed", "CancelledError", "BaseException"])
@pytest.mark.parametrize("method", ["__eq__(self, other)", "__class__(self)", "encode(self)", "__repr__(self)"])
def test_whatever_a_result_raises_while_it_is_checked_or_shown_stays_inside(method: str, error: str) -> None:
    source = (
        "from asyncio import CancelledError\nclass Meta(type):\n __name__ = property(lambda cls: 1 // 0)\n"
        f"class Unnamed(Exception, metaclass=Meta): pass\nclass Result:\n def {method}: raise {error}\n"
        f"{' __class__ = property(__class__)' if '__class__' in method else ''}\ndef assign(): return Result()\n"
    )
    assert said(written(source), check=looking).startswith("your assign() gave ")


def test_an_error_whose_class_does_not_tell_its_name_is_told() -> None:
    source = (
        "class Meta(type):\n __name__ = property(lambda cls: 1 // 0)\nclass Unnamed(Exception, metaclass=Meta):\n"
        " __traceback__ = property(lambda self: 1 // 0)\n def __str__(self): raise SystemExit\n"
        "def assign(): raise Unnamed\n"
    )
    assert said(written(source)) == (
        "your assign() raised Unnamed in line 6, `def assign(): raise Unnamed`: a value of Unnamed, which does not say "
        "what it is"
    )


def test_the_learner_may_stop_the_check_of_a_result() -> None:
    source = "class Result:\n def __eq__(self, other): raise KeyboardInterrupt\ndef assign(): return Result()\n"
    with pytest.raises(KeyboardInterrupt):
        Guarded("assign", written(source), "", looking)()


@pytest.mark.filterwarnings("error")
def test_an_asynchronous_function_gives_nonsense_and_no_warning() -> None:
    line = said(written("async def assign(): return 1\n"), check=looking)
    assert line.startswith("your assign() gave <coroutine object assign at ") and line.endswith("; expected a word")
    gc.collect()


# --- time -------------------------------------------------------------------------------------------------------------

ENDLESS = {
    "one line": ("while True: pass", 2),
    "one line of more": ("while True: 1; continue", 2),
    "two lines": ("while True:\n  pass", None),
    "a comprehension": ("return [None for number in iter(int, 1)]", 2),
    "what an iterator asks": ("return sum(1 for number in iter(int, 1))", 2),
    "except Exception": ("while True:\n  try:\n   pass\n  except Exception:\n   pass", None),
    "bare except": ("n = 0\n while True:\n  try:\n   n += 1\n  except:\n   pass", None),
    "except BaseException, which keeps it": (
        "while True:\n  try:\n   time.sleep(0.001)\n  except BaseException as error:\n   kept = error", None
    ),
    "twice": ("while True:\n  try:\n   while True:\n    try: pass\n    except: pass\n  except: pass", None),
    "finally": ("while True:\n  try:\n   pass\n  finally:\n   n = 1", None),
    "a handler that keeps it and never ends": (
        "try:\n  while True: pass\n except BaseException as e:\n  while True: pass", None
    ),
    "a finally that never ends": ("try:\n  while True: pass\n finally:\n  while True: pass", None),
    "finally in finally": (
        "try:\n  try:\n   while True: pass\n  finally:\n   while True: 1\n"
        " finally:\n  try: pass\n  finally:\n   while True:\n    1", None
    ),
    "all of them kept": (
        "kept = []\n while True:\n  try:\n   while True: kept\n  except BaseException as e:\n   kept.append(e)", None
    ),
    "kept in a function that is called": (
        "kept = []\n def inner():\n  try:\n   while True: pass\n  except BaseException as e:\n   kept.append(e)\n"
        "   while True: pass\n while True:\n  try: inner()\n  except BaseException as e: kept.append(e)", None
    ),
    "a generator": (
        "def inner():\n  while True:\n   try: yield 1\n   except GeneratorExit: return\n for n in inner(): pass", None
    ),
    "suppressed": (
        "from contextlib import suppress\n while True:\n  with suppress(BaseException):\n   while True: pass", None
    ),
    "in a function that is called": (
        "def inner():\n  while True:\n   try: pass\n   except: pass\n while True:\n  try: inner()\n  except: pass", None
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_stopped(kind: str, ticking: None) -> None:
    body, number = ENDLESS[kind]
    begun_s = time.monotonic()
    line = said(written(f"def assign():\n {body}\n"))
    assert line.startswith("your assign() took more than 0.05 s and was stopped in line ")
    assert LIMIT_S < time.monotonic() - begun_s < 2 * LIMIT_S
    if number is not None:
        assert line.endswith(f" in line {number}, `{body}`")


@pytest.mark.parametrize("loop", ["while True: pass", "while True:\n   try: pass\n   except: pass"])
@pytest.mark.parametrize(
    "method", ["__eq__(self, other)", "__class__(self)", "encode(self)", "__repr__(self)", "__str__(self)"]
)
def test_a_result_that_never_ends_to_be_checked_or_shown_is_stopped(method: str, loop: str, ticking: None) -> None:
    source = (
        f"class Result(Exception):\n def {method}:\n  {loop}\n"
        f"{' __class__ = property(__class__)' if '__class__' in method else ''}\n"
        f"def assign():\n {'raise' if '__str__' in method else 'return'} Result()\n"
    )
    begun_s = time.monotonic()
    line = said(written(source), check=looking)
    assert time.monotonic() - begun_s < 3 * LIMIT_S
    if method in ("__repr__(self)", "__str__(self)"):
        assert line.startswith(("your assign() gave a value of Result", "your assign() raised Result"))
    else:
        assert line.startswith("your assign() took more than 0.05 s and was stopped in line ")


def test_a_swallowed_stop_that_returns_is_too_late_all_the_same(ticking: None) -> None:
    source = "def assign():\n try:\n  while True: pass\n except:\n  return None\n"
    assert said(written(source)).startswith("your assign() took more than 0.05 s")


def test_what_cannot_be_interrupted_is_reported_once_it_returns() -> None:
    for sleeps in (partial(time.sleep, 2 * LIMIT_S), written("def assign():\n return time.sleep(0.1)\n")):
        assert said(sleeps) == "your assign() took more than 0.05 s: 0.1 s in all"


def test_an_error_that_comes_when_the_time_is_over_is_told_all_the_same() -> None:
    late = "def assign():\n return time.sleep(0.1) or {}['H2']\n"
    raised = "your assign() raised KeyError in line 2, `return time.sleep(0.1) or {}['H2']`: 'H2'"
    assert said(written(late)) == f"{raised} (nothing is stored under this key)"
    slow = "class Slow(Exception):\n def __str__(self):\n  time.sleep(1)\n  return ''\ndef assign():\n raise Slow\n"
    assert said(written(slow)).startswith("your assign() raised Slow in line 6, `raise Slow`: ")


def test_each_call_has_the_whole_time_also_one_inside_another() -> None:
    def slow(depth: int) -> int:
        time.sleep(0.03)
        return 0 if depth == 0 else 1 + guarded(depth - 1)

    guarded = Guarded("assign", slow, "depth", anything, LIMIT_S)
    assert [guarded(0) for _ in range(4)] == [0] * 4
    with pytest.raises(FunctionFailed, match=r"^your assign\(\) took more than"):
        guarded(1)
    assert guarded(0) == 0


def test_a_call_that_has_called_itself_is_stopped_all_the_same(ticking: None) -> None:
    def slow(depth: int) -> None:
        if depth:
            guarded(depth - 1)
            ends_s = time.monotonic() + 1
            while time.monotonic() < ends_s:
                pass

    guarded = Guarded("assign", slow, "depth", anything, LIMIT_S)
    with pytest.raises(FunctionFailed, match=r"^your assign\(\) took more than 0.05 s and was stopped in line "):
        guarded(1)


def test_the_limit_is_two_seconds_unless_said_otherwise() -> None:
    guarded = Guarded("assign", lambda: time.sleep(2 * LIMIT_S), "", anything)
    assert guarded() is None and TWO_SECONDS == 2


def test_nothing_stays_behind_after_a_stop(tracer: Callable[..., None], ticking: None) -> None:
    """The trace function of its lines may live on with its frame; its end must not start tracing again."""
    kept: list[Any] = []
    keep = "import sys\ndef assign(keep):\n keep((sys._getframe(), sys._getframe().f_trace))\n while True: pass\n"
    said(written(keep), kept.extend)
    assert len(kept) == 2
    kept.clear()
    gc.collect()
    assert sys.gettrace() is tracer


def test_a_method_of_mipflow_that_is_under_way_comes_to_its_end() -> None:
    table: dict[str, Any] = {"__name__": "mipflow.flow.example", "time": time}
    exec("def change(do):\n do('half')\n time.sleep(0.1)\n do('whole')\n", table)
    done: list[str] = []
    assign = written("def assign(change, do):\n change(do)\n do('further')\n")
    assert said(assign, table["change"], done.append).endswith(" was stopped in line 3, `do('further')`")
    assert done == ["half", "whole"]


def test_an_import_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ticking: None) -> None:
    """Half a module would be in the way of everybody who imports it later."""
    monkeypatch.syspath_prepend(tmp_path)
    lines = "for n in range(10_000):\n    pass\n"
    (tmp_path / "slow_to_load.py").write_text(f"{lines}import slower_to_load\nwhole = True\n")
    (tmp_path / "slower_to_load.py").write_text(lines)
    line = said(written("def assign():\n import slow_to_load\n return 1\n"))
    assert line.endswith(" was stopped in line 3, `return 1`")
    assert sys.modules.pop("slow_to_load").whole and sys.modules.pop("slower_to_load").n


def test_a_call_of_few_lines_that_was_long_under_way_is_no_slow_one() -> None:
    def waits(wait_s: float) -> str:
        time.sleep(wait_s)
        return "done"

    guarded = Guarded("assign", waits, "wait_s", lambda *_: "", limit_s=0.02, least_lines=1000)
    assert guarded(0.05) == "done", "the machine may have been busy elsewhere"
    with pytest.raises(FunctionFailed, match=r"took more than 0.02 s: 0\.\d s in all"):
        guarded(0.3)


def test_a_machine_that_is_busy_elsewhere_stops_no_short_call(ticking: None) -> None:
    """Time that passes while few lines run is not the learner's; a loop runs past any number of lines."""

    def assign(turns: int) -> int:
        total = 0
        for number in range(turns):
            total += number
        return total

    limit_s = 0.05  # 100 readings of the clock
    guarded = Guarded("assign", assign, "turns", anything, limit_s, least_lines=1000)
    assert guarded(400) == 79800
    with pytest.raises(FunctionFailed, match="was stopped"):
        guarded(10**6)
