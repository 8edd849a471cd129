"""Is an argument what a call expects? The checkers by themselves; `tests/test_bad_values.py` tries them in place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.arguments import (
    FLAG,
    FUNCTION,
    PATH,
    SECONDS,
    TEXT,
    WORD,
    YEAR_S,
    Checked,
    Expected,
    check,
    check_fields,
    check_keywords,
    fits,
    function,
    instance,
    make,
    mapping,
    number,
    one_of,
    optional,
    several,
    whole,
)
from mipflow.errors import LONGEST, MipflowError, ProtocolMisuse, TopologyError, shown
from tests.face import BAD, Silent

ALL: list[Expected] = [
    FLAG, FUNCTION, PATH, SECONDS, TEXT, WORD, number(0), whole(1, 5), one_of(1, "a", None), instance(int, "an int"),
    optional(TEXT), several(TEXT, "words"), mapping(TEXT, "words"), function("flow"), optional(several(SECONDS, "")),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ALL)))
def test_any_value_is_looked_at_without_an_error_of_another_kind(number: int) -> None:
    for value in BAD.values():
        try:
            check(ALL[number], argument=value)
        except ProtocolMisuse as error:
            assert error.value is value and str(error).startswith("argument=") and len(str(error).splitlines()) == 1
            assert str(error).endswith(f"; expected {ALL[number].words}")


@given(st.floats() | st.integers() | st.fractions() | st.booleans() | st.text(), st.integers(-5, 5), st.integers(0, 9))
def test_a_number_is_one_in_its_range(value: Any, least: int, width: int) -> None:
    """Against what the words say, put in another way."""
    expected = number(least, least + width)
    is_number = type(value) in (int, float, Fraction)
    assert fits(value, expected) == (is_number and math.isfinite(value) and least <= value <= least + width)
    assert fits(value, whole(least, least + width)) == (type(value) is int and value in range(least, least + width + 1))


def test_what_fits() -> None:
    for expected, fine, wrong in [
        (SECONDS, [0, 1.5, Fraction(1, 3), YEAR_S], [-1, YEAR_S + 1, True, "1", math.nan]),
        (TEXT, ["x", " x "], ["", " ", "\n", "\ud800", b"x"]), (WORD, ["", " "], ["\ud800", None]),
        (PATH, ["x", Path("x")], ["", "a\0b", b"x", 0, None, Path]), (FLAG, [True, False], [0, 1, "no", None]),
        (one_of(False, "manual"), [False, "manual"], [0, True, "Manual", None]),
        (FUNCTION, [print, lambda: None], [int, None]), (function("a, b"), [lambda a, b: 0, max], [lambda a: 0, int]),
        (several(FLAG, ""), [[], (True,)], [[1], {True}, "x", None]),
        (mapping(FLAG, ""), [{}, {"a": True}], [{1: True}]),
        (optional(FLAG), [None, True], [1]), (instance(int, ""), [1, True], [int, "1"]),
    ]:  # fmt: skip
        assert [fits(value, expected) for value in fine] == [True] * len(fine), expected
        assert [fits(value, expected) for value in wrong] == [False] * len(wrong), expected


@dataclass(frozen=True)
class Timer(Checked):
    after_s: Annotated[float, SECONDS] = 1.0
    name: Annotated[str | None, optional(TEXT)] = None
    free: object = None


def test_a_dataclass_checks_the_fields_that_say_what_they_expect() -> None:
    assert Timer(2, "tea", Silent).after_s == 2
    with pytest.raises(ProtocolMisuse, match=r"^Timer\(after_s=-1\); expected a number of seconds from 0 to 31622400$"):
        Timer(-1)
    timer = Timer()
    object.__setattr__(timer, "name", "")
    with pytest.raises(TopologyError, match=r"^Timer\(name=''\); expected text that is not empty, or None$"):
        check_fields(timer, TopologyError)


def test_keywords_are_known_by_their_functions() -> None:
    def one(a: int, *, b: int = 0) -> None: ...
    def other(*, c: int, **more: int) -> None: ...

    check_keywords({"c": 1}, "it", one, other)
    with pytest.raises(ProtocolMisuse, match=r"^it has no keyword 'd'; expected one of b, c$"):
        check_keywords({"b": 1, "d": 2}, "it", one, other)
    with pytest.raises(ProtocolMisuse, match=r"^it has no keyword 'b'; expected one of c$"):
        check_keywords({"b": 1}, "it", one, other, without={"b"})


def test_a_maker_makes_what_is_wanted() -> None:
    assert make("maker", int, int, "5") == 5
    with pytest.raises(ProtocolMisuse, match=r"^maker=<class 'int'> raised ValueError: .*; expected what makes a str "):
        make("maker", int, str, "x")
    with pytest.raises(ProtocolMisuse, match=r"^maker=<class 'int'> made 5; expected what makes a str of 1 arguments$"):
        make("maker", int, str, 5)


def test_a_value_is_shown_in_one_short_line() -> None:
    assert shown("a\nb") == r"'a\nb'" and shown(Silent()) == "a value of Silent, which does not say what it is"
    assert len(shown(["x"] * 1000)) == LONGEST + 3 and shown(ValueError("a\n b"), str) == "a b"
    assert shown(10**5000).startswith("a value of int") or shown(10**5000).endswith("...")
    assert str(MipflowError("a\nb\rc\u2028d")) == "a b c d"
