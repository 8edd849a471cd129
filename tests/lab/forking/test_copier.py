"""The copier: what is copied, what is shared, what is refused."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, partial
from itertools import count
from random import Random
from struct import Struct
from types import FunctionType
from typing import Any, NamedTuple
from weakref import ref

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.forking.copier import Copier
from mipflow.wire.address import Address


def copied(one: Any) -> Any:
    return Copier().copy(one)


def ours(function: Any) -> Any:
    """Return a function of a test as if it were of the package's own."""
    assert isinstance(function, FunctionType)
    function.__module__ = "mipflow.of_a_test"
    return function


class Slotted:
    __slots__ = ("__hidden", "empty", "other")

    def __init__(self, other: Any) -> None:
        self.other = other
        self.__hidden = [other]

    def hidden(self) -> list[Any]:
        return self.__hidden


class Below(Slotted):
    def __init__(self, other: Any) -> None:
        super().__init__(other)
        self.more: list[Any] = []

    @cached_property
    def worked_out(self) -> list[int]:
        return [1]


@dataclass(frozen=True, slots=True)
class Value:
    inside: Any
    name: str = "x"


@dataclass(frozen=True)
class Loose:
    inside: Any


class Pair(NamedTuple):
    one: Any
    other: Any


class Colour(Enum):
    RED = 1


class Named(dict[str, int]):
    """It has a name besides."""

    name: list[str]


def test_containers_are_copied_with_all_in_them() -> None:
    inner = [1, "two"]
    given = {
        "list": inner, "again": inner, "dict": {1: inner}, "set": {1, 2}, "deque": deque([inner], maxlen=3),
        "ordered": OrderedDict(b=1, a=2), "counter": Counter("abca"), "bytes": bytearray(b"x"),
        "default": defaultdict(list, {1: inner}), "pair": Pair(inner, 2), "frozen": frozenset({1, 2}),
    }  # fmt: skip
    made = copied(given)
    assert made == given and [type(each) for each in made.values()] == [type(each) for each in given.values()]
    assert made["list"] is made["again"] is made["dict"][1] is made["deque"][0] is made["pair"].one is not inner
    assert made["deque"].maxlen == 3 and list(made["ordered"]) == ["b", "a"]
    made["default"][2].append(1)
    inner.append(3)
    made["bytes"] += b"y"
    assert 2 not in given["default"] and made["list"] == [1, "two"] and given["bytes"] == b"x"


def test_objects_with_slots_and_without_are_copied() -> None:
    one = Below([])
    one.more, one.other = one.worked_out, one
    made = copied(one)
    assert type(made) is Below and made.other is made and made.more is made.worked_out is not one.more
    assert made.hidden() == [[]] and made.hidden()[0] is not one.hidden()[0] and not hasattr(made, "empty")
    named = Named(a=1)
    named.name = ["n"]
    twin = copied(named)
    assert (twin, twin.name) == (named, named.name) and twin.name is not named.name


def test_what_never_changes_is_shared() -> None:
    values = (7, 10**30, 1.5, "word", b"octets", None, ..., Address(1), Colour.RED, mf.Link(), Struct("<q"), range(3),
              re.compile("x"), Pair(1, "x"), Value((1, mf.Link())), Loose("x"), list, len, copied)  # fmt: skip
    for value in values:
        assert copied(value) is value
        assert copied([value])[0] is value
    changing = Value([1]), Loose([1]), Pair([1], 2), (1, [2])
    assert all(copied(each) == each and copied(each) is not each for each in changing)


def test_keys_are_whole_before_they_are_looked_up() -> None:
    """A frozen value is filled at once: a dictionary asks it for its hash, which is made of what is in it."""
    holder = Below(None)
    for key in (Value(Value(holder)), Loose(holder), Pair(holder, 1), (holder, Value(holder))):
        holder.more = [{key: "found"}, {key}]
        made = copied(holder)
        ((found, value),) = made.more[0].items()
        assert value == "found" and found != key and type(found) is type(key)
        assert made.more[0][found] == "found" and found in made.more[1]


def test_a_circle_however_long_is_copied() -> None:
    first: list[Any] = []
    last = first
    for number in range(100_000):
        last = [number, last]
    first.append(last)
    made = copied(last)
    steps, at = 0, made
    while at is not made or not steps:
        steps, at = steps + 1, at[-1]
    assert steps == 100_001 and made is not last


def _counter() -> tuple[Callable[[], int], Callable[[int], None], Callable[[], object]]:
    number, me = 0, None

    def add() -> int:
        nonlocal number
        number += 1
        return number

    def put(value: int) -> None:
        nonlocal number, me
        number, me = value, put

    return ours(add), ours(put), ours(lambda: me)


def test_closures_are_rebuilt_and_share_their_variables_as_before() -> None:
    add, put, _ = _counter()
    put(4)
    made_add, made_put, made_me = copied(_counter_of(add, put))
    assert (add(), add(), made_add()) == (5, 6, 5)
    made_put(10)
    assert (made_add(), add()) == (11, 7)
    assert made_me() is made_put


def _counter_of(*functions: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return the functions, and one that reads a variable of the last."""
    *_, put = functions
    (me,) = (cell for cell, name in zip(put.__closure__, put.__code__.co_freevars, strict=True) if name == "me")  # type: ignore[attr-defined]
    return *functions, ours(lambda: me.cell_contents)


def test_defaults_of_functions_are_copied_and_empty_variables_stay_empty() -> None:
    held: list[int] = []

    def takes(one: Any = held, *, other: Any = held) -> tuple[Any, Any]:
        return one, other

    def early() -> Any:
        return late

    one, other = copied(ours(takes))()
    assert one is other is not held
    with pytest.raises(NameError):
        copied(ours(early))()
    late = 1


def test_bound_methods_partials_and_iterators_go_on_in_the_copy() -> None:
    items = ["a", "b", "c"]
    numbers, through, done, values = count(5), iter(items), iter([1]), iter((1, items))
    next(numbers), next(through), next(done), next(done, None), next(values)
    given = [items, items.append, partial(items.insert, 0), Below(items).hidden, numbers, through, done, values]
    made_items, append, insert, hidden, made_numbers, made_through, made_done, made_values = copied(given)
    append("d")
    insert("z")
    assert items == ["a", "b", "c"] and made_items == ["z", "a", "b", "c", "d"] and hidden()[0] is made_items
    assert (next(made_numbers), next(numbers), next(numbers)) == (6, 6, 7)
    assert next(through) == "b" and next(made_through) == "a" and list(made_done) == []
    assert next(made_values) is made_items and next(values) is items
    assert list(copied(made_done)) == list(copied(copied([values]))[0]) == []


def test_weak_references_lead_to_copies() -> None:
    one = Below(None)
    one.more = [ref(one), ref(Below(None))]
    made = copied(one)
    assert made.more[0]() is made and made.more[1]() is None


def test_random_streams_go_on_where_they_are() -> None:
    stream = Random(3)
    stream.gauss(0, 1)
    made = copied(stream)
    assert [made.gauss(0, 1) for _ in range(5)] == [stream.gauss(0, 1) for _ in range(5)]
    stream.random()
    assert made.random() != stream.random()


def test_a_function_of_somebody_else_is_shared_with_what_it_has() -> None:
    seen: list[int] = []

    def function(value: int) -> None:
        seen.append(value)

    assert copied(function) is function
    made = copied({"of": function, "bound": seen.append})
    made["of"](1)
    made["bound"](2)
    assert made["of"] is function and seen == [1]


def test_a_function_of_somebody_else_that_holds_a_part_of_a_world_is_refused() -> None:
    world = mf.figure2()
    held = (lambda: world), (lambda mn=world.mn: mn), (lambda *, at=world.trace: at), (run := world.run, lambda: run)[1]
    for function, name in zip(held, ("World", "FlowMobileNode", "Trace", "World"), strict=True):
        with pytest.raises(ProtocolMisuse, match=rf"^the world cannot be forked: <function .*> holds a {name} of this"):
            copied([function])


def _generated() -> Iterator[int]:
    yield 1


def test_what_nobody_can_copy_is_refused() -> None:
    with open(__file__, encoding="utf-8") as file:
        for one, name in ((_generated(), "generator"), (file, "TextIOWrapper"), (map(str, [1]), "map")):
            with pytest.raises(ProtocolMisuse, match=rf"^the world cannot be forked: <.*> is a {name}, which cannot"):
                copied({"of": [one]})


@dataclass
class Node:
    others: list[Node] = field(default_factory=list)


def test_what_is_entered_in_the_memo_first_is_taken_for_the_copy() -> None:
    one, other = Node(), Node()
    copier = Copier()
    copier.noted(one, other)
    assert copier.copy(Node([one, one])).others == [other, other] and copier(one) is other
