"""Checks of arguments: one that a call does not expect is refused in one line, before anything has been done.

Stands beside all layers, with `errors`. A public call begins with `check(SECONDS, duration_s=duration_s)`; a frozen
value declares the same beside its fields, `delay_ms: Annotated[float, MILLISECONDS]`, and is `Checked`. Nothing here is
called for a packet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from inspect import signature
from math import inf
from numbers import Real
from typing import Any, NamedTuple, get_type_hints

from mipflow.errors import MipflowError, ProtocolMisuse, shown


class Expected(NamedTuple):
    """An expectation of an argument, in words and as a test. A test that raises means no, so it may take any value."""

    words: str
    fits: Callable[[Any], object]


def number(least: float, most: float = inf, what: str = "a number") -> Expected:
    """Expect a finite number in a range; no bool, and no text that looks like one."""

    def fits(value: Any) -> bool:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        return is_number and least <= value <= most and value < inf

    return Expected(f"{what} from {least}" + ("" if most == inf else f" to {most}"), fits)


def whole(least: int, most: int, what: str = "an integer") -> Expected:
    """Expect an int in a range; no bool."""

    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Expected(f"{what} from {least} to {most}", fits)


def one_of(*choices: object) -> Expected:
    """Expect one of some words, numbers or None."""
    fits = lambda value: any(type(value) is type(choice) and value == choice for choice in choices)  # noqa: E731
    return Expected(f"one of {', '.join(map(repr, choices))}", fits)


def instance(kind: type | tuple[type, ...], words: str) -> Expected:
    """Expect a value of a class; the class itself is none."""
    return Expected(words, lambda value: isinstance(value, kind))


def optional(expected: Expected) -> Expected:
    """Expect the same, or None."""
    return Expected(f"{expected.words}, or None", lambda value: value is None or expected.fits(value))


def several(expected: Expected, words: str) -> Expected:
    """Expect a list or tuple of such values."""
    return Expected(words, lambda value: isinstance(value, list | tuple) and all(map(expected.fits, value)))


def function(parameters: str) -> Expected:
    """Expect a function, no class, that can be called with these parameters, as in "packet, now"."""

    def fits(value: Any) -> bool:
        try:
            takes = signature(value)
        except ValueError:  # some of those written in C do not tell
            return FUNCTION.fits(value) is True
        takes.bind(*parameters.split())
        return not isinstance(value, type)

    return Expected(f"a function, called with ({parameters})", fits)


def _is_text(value: str) -> bool:
    return _is_word(value) and value.strip() != ""


def _is_word(value: str) -> bool:
    return isinstance(value, str) and value.encode() is not None


def _is_path(value: str | os.PathLike[str]) -> bool:
    name = os.fspath(value)
    return isinstance(name, str) and name != "" and "\0" not in name and bool(os.fsencode(name))


def mapping(expected: Expected, words: str) -> Expected:
    """Expect a dict from words to such values."""
    return Expected(words, lambda value: _is_mapping(value) and all(map(expected.fits, value.values())))


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


YEAR_S = 366 * 86_400
"""The longest time that a call takes; a clock of nanoseconds in 64 bits goes on for 292 of them."""
SECONDS = number(0, YEAR_S, "a number of seconds")
MILLISECONDS = number(0, 1000 * YEAR_S, "a number of milliseconds")
FLAG = Expected("True or False", lambda value: isinstance(value, bool))
TEXT = Expected("text that is not empty", _is_text)
WORD = Expected("a word", _is_word)
FUNCTION = Expected("a function", lambda value: callable(value) and not isinstance(value, type))
PATH = Expected("the name of a file", _is_path)
SEED = whole(-(2**63), 2**63 - 1)
PORT = whole(0, 65535, "a port")


def fits(value: object, expected: Expected) -> bool:
    """True for a value that is as expected."""
    try:
        return bool(expected.fits(value))
    except Exception:
        return False


def check(expected: Expected, error: type[MipflowError] = ProtocolMisuse, /, **arguments: object) -> None:
    """Raise `error` for an argument that is not as expected, with its name."""
    for name, value in arguments.items():
        if not fits(value, expected):
            raise error(f"{name}={shown(value)}; expected {expected.words}", value)


def make(name: str, maker: Callable[..., Any], kind: Any, *given: Any) -> Any:
    """Return the value that `maker`, the argument of this name, makes of what is given. Raises ProtocolMisuse for a
    maker that raises, or makes a value of another kind.
    """
    expected = f"expected what makes a {kind.__name__} of {len(given)} arguments"
    try:
        value = maker(*given)
    except MipflowError:
        raise
    except Exception as error:
        why = f"{name}={shown(maker)} raised {type(error).__name__}: {shown(error, str)}; {expected}"
        raise ProtocolMisuse(why, maker) from error
    if not isinstance(value, kind):
        raise ProtocolMisuse(f"{name}={shown(maker)} made {shown(value)}; {expected}", maker)
    return value


def check_keywords(
    given: Iterable[str], of: str, *functions: Callable[..., Any], without: Collection[str] = ()
) -> None:
    """Raise ProtocolMisuse for a keyword that none of the `functions` has; `of` is the call that passes it on to them.
    The keywords `without` are not offered.
    """
    parameters = [each for function in functions for each in signature(function).parameters.values()]
    known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in without]
    for name in given:
        if name not in known:
            raise ProtocolMisuse(f"{of} has no keyword {shown(name)}; expected one of {', '.join(known)}", name)


def check_fields(value: object, error: type[MipflowError] = ProtocolMisuse) -> None:
    """Check the fields of a dataclass that declare an `Expected`. Raises `error`, with the name of the class."""
    kind: Any = type(value)
    for name, expected in _fields(kind).items():
        given = getattr(value, name)
        if not fits(given, expected):
            why = f"{kind.__name__}({name}={shown(given)}); expected {expected.words}"
            raise error(why, given)


class Checked:
    """A dataclass that checks its fields when one is made. Raises ProtocolMisuse."""

    __slots__ = ()

    def __post_init__(self) -> None:
        check_fields(self)


@cache
def _fields(kind: type) -> dict[str, Expected]:
    hints = get_type_hints(kind, include_extras=True)
    declared = ((name, part) for name, hint in hints.items() for part in getattr(hint, "__metadata__", ()))
    return {name: part for name, part in declared if isinstance(part, Expected)}


def need_cryptography(purpose: str) -> None:
    """Raise ProtocolMisuse where the package `cryptography` cannot be imported, as in most browsers; `purpose` says in
    a learner's words what needs it.
    """
    try:
        import cryptography.hazmat.primitives.ciphers  # noqa: F401
    except ImportError as error:
        why = f"{purpose} needs the package cryptography, which is not here ({error})"
        raise ProtocolMisuse(f"{why}: pip install cryptography, or do without", purpose) from error
