"""A copy of a whole graph of objects, closures and bound methods included, which Python's own `copy` leaves shared.

Takes any object; gives one like it that shares nothing with it that can change. Objects that lead to each other in a
circle, however long, are no difficulty: each is made empty, and filled later from a list. Nobody's `__init__`,
`__setattr__` or `__reduce_ex__` is called.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache, partial
from itertools import count
from random import Random
from re import Pattern
from struct import Struct, calcsize
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    EllipsisType,
    FunctionType,
    GenericAlias,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any
from weakref import ref

from mipflow.errors import ProtocolMisuse, class_name, shown
from mipflow.flow.learner.guard import is_ours
from mipflow.sim.clock import Unique
from mipflow.wire.captures.spool import Spool

_VALUES = (
    int, float, complex, str, bytes, NoneType, EllipsisType, Enum, range, type, GenericAlias, ModuleType, CodeType,
    Struct, Pattern, ContextVar, Spool,
)  # fmt: skip
"""Classes of objects that never change, nor hold what does, or whose contents never do: both share them."""


class Copier:
    """Copies objects: of each there is one copy, in all that one copier copies.

    Raises ProtocolMisuse for what cannot be copied, such as a generator or an open file.
    """

    def __init__(self) -> None:
        self.memo: dict[int, Any] = {}
        """The identity of an object -> its copy."""
        self.makers: dict[type, Maker | None] = {**_MAKERS}
        """Class -> how its objects are copied, or None where they are shared; some learnt on the way."""
        self._waiting: list[tuple[Fill, Any, Any]] = []
        """How each copy is filled that is empty yet, with its original and itself."""

    def copy(self, original: Any) -> Any:
        """Return a copy."""
        made, waiting = self(original), self._waiting
        while waiting:
            fill, one, other = waiting.pop()
            fill(self, one, other)
        return made

    def __call__(self, one: Any) -> Any:
        """Return a copy that may be filled later only; the object itself where it can never change."""
        kind = type(one)
        try:
            maker = self.makers[kind]
        except KeyError:
            maker = self.makers[kind] = _maker(kind)  # type: ignore[arg-type]
        if maker is None:
            return one
        found = self.memo.get(id(one))
        return maker(self, one) if found is None else found

    def noted(self, one: Any, other: Any) -> Any:
        """Take `other` for the copy of `one`; return it."""
        self.memo[id(one)] = other
        return other

    def later(self, one: Any, other: Any, fill: Fill, after_all: bool = False) -> Any:
        """Take `other` for the copy of `one`, to be filled later, or even after all others; return it."""
        self.memo[id(one)] = other
        self._waiting.insert(0 if after_all else len(self._waiting), (fill, one, other))
        return other


Maker = Callable[[Copier, Any], Any]
Fill = Callable[[Copier, Any, Any], None]

# --- objects that are made empty -------------------------------------------------------------------------------------


def _fill_dict(copier: Copier, one: dict[Any, Any], other: dict[Any, Any]) -> None:
    for key, value in one.items():
        other[copier(key)] = copier(value)


def _fill_defaultdict(copier: Copier, one: defaultdict[Any, Any], other: defaultdict[Any, Any]) -> None:
    other.default_factory = copier(one.default_factory)
    _fill_dict(copier, one, other)


def _fill_list(copier: Copier, one: Iterable[Any], other: Any) -> None:
    other.extend(map(copier, one))


def _fill_set(copier: Copier, one: set[Any], other: set[Any]) -> None:
    other.update(map(copier, one))


def _fill_cell(copier: Copier, one: CellType, other: CellType) -> None:
    try:
        other.cell_contents = copier(one.cell_contents)
    except ValueError:  # nothing is in it
        return


_BASES: dict[type, Fill | None] = {
    object: None, list: _fill_list, dict: _fill_dict, OrderedDict: _fill_dict, defaultdict: _fill_defaultdict,
    set: _fill_set, deque: _fill_list,
}  # fmt: skip
"""Classes from which a class can be derived -> how their contents are filled in."""


@lru_cache(1024)
def _maker(kind: type) -> Maker | None:
    """Return how objects of a class are copied that is not among `_MAKERS`; None for values."""
    if issubclass(kind, _VALUES) or kind.__module__.startswith("cryptography."):  # its keys never change
        return None
    if issubclass(kind, tuple | Random):
        return _tuple if issubclass(kind, tuple) else _random
    base: Any = next(each for each in kind.__mro__ if each in _BASES)
    parts = [each for part in kind.__mro__ for each in vars(part).values()]
    slots = [(each.__get__, each.__set__) for each in parts if type(each) is MemberDescriptorType]
    pointers = len(slots) + (kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0)
    if kind.__basicsize__ > base.__basicsize__ + pointers * calcsize("P"):  # C keeps something besides
        return _refused
    fill_base, new, has_dict = _BASES[base], partial(base.__new__, kind), bool(kind.__dictoffset__)

    def fill(copier: Copier, one: Any, other: Any) -> None:
        for get, put in slots:
            try:
                value = get(one)
            except AttributeError:  # nothing is in it
                continue
            put(other, copier(value))
        if has_dict:
            _fill_dict(copier, one.__dict__, other.__dict__)
        if fill_base is not None:
            fill_base(copier, one, other)

    def later(copier: Copier, one: Any) -> Any:
        return copier.later(one, new(), fill)

    def at_once(copier: Copier, one: Any) -> Any:
        """Make a copy that can be a key: no circle leads through frozen objects and tuples alone."""
        other = new()
        fill(copier, one, other)
        pairs = [(get(one), get(other)) for get, _ in slots]
        pairs += zip(one.__dict__.values(), other.__dict__.values(), strict=True) if has_dict else ()
        return copier.noted(one, one if all(a is b for a, b in pairs) else other)

    return at_once if getattr(getattr(kind, "__dataclass_params__", None), "frozen", False) else later


# --- objects that are made whole -------------------------------------------------------------------------------------


def _tuple(copier: Copier, one: tuple[Any, ...]) -> Any:
    items = [copier(each) for each in one]
    is_same = all(item is each for item, each in zip(items, one, strict=True))
    return copier.noted(one, one if is_same else tuple.__new__(type(one), items))


def _builtin(copier: Copier, one: BuiltinFunctionType) -> Any:
    owner = copier(one.__self__)
    return one if owner is one.__self__ else copier.noted(one, getattr(owner, one.__name__))


def _partial(copier: Copier, one: partial[Any]) -> Any:
    named = {name: copier(value) for name, value in one.keywords.items()}
    return copier.noted(one, partial(copier(one.func), *map(copier, one.args), **named))


def _function(copier: Copier, one: FunctionType) -> Any:
    """Copy a function of mipflow's own with the values that it closes over; anybody else's is shared."""
    closure, defaults, named = one.__closure__ or (), one.__defaults__ or (), one.__kwdefaults__ or {}
    if not is_ours(one):
        _check_strange(one, [*closure, *defaults, *named.values()])
    elif closure or defaults or named:
        cells = tuple(map(copier, closure)) or None
        other = FunctionType(one.__code__, one.__globals__, one.__name__, copier(defaults), cells)
        other.__kwdefaults__ = {name: copier(each) for name, each in named.items()}
        return copier.noted(one, other)
    return one


def _check_strange(function: FunctionType, held: Iterable[Any]) -> None:
    """Refuse a function of somebody's that closes over a part of a world, which it would go on to use in the fork."""
    for each in held:
        each = each.cell_contents if isinstance(each, CellType) else each
        kind: Any = type(getattr(each, "__self__", each))
        if kind.__reduce_ex__ is Unique.__reduce_ex__:
            told = f"{shown(function)} holds a {kind.__name__} of this world, which the fork would use as well"
            raise ProtocolMisuse(f"the world cannot be forked: {told}; let it take such things as arguments", function)


def _reference(copier: Copier, one: ref[Any]) -> Any:
    other = copier(one())
    return one if other is None else copier.noted(one, ref(other, copier(one.__callback__)))


def _iterator(copier: Copier, one: Any) -> Any:
    _, (items, *_), *is_on_the_way = one.__reduce__()
    return copier.later(one, iter(copier(items)), _fill_iterator, after_all=True) if is_on_the_way else iter([])


def _fill_iterator(copier: Copier, one: Any, other: Any) -> None:
    other.__setstate__(one.__reduce__()[2])  # no place is behind the end of the list


def _random(copier: Copier, one: Random) -> Any:
    other = type(one).__new__(type(one))
    other.setstate(one.getstate())
    other.__dict__.update(one.__dict__)
    return copier.noted(one, other)


def _refused(copier: Copier, one: object) -> Any:
    told = f"{shown(one)} is a {class_name(one)}, which cannot be copied"
    raise ProtocolMisuse(f"the world cannot be forked: {told}; take it out of the world first", one)


_MAKERS: dict[type, Maker] = {
    list: lambda copier, one: copier.later(one, [], _fill_list),
    dict: lambda copier, one: copier.later(one, {}, _fill_dict),
    set: lambda copier, one: copier.later(one, set(), _fill_set),
    deque: lambda copier, one: copier.later(one, deque(maxlen=one.maxlen), _fill_list),
    CellType: lambda copier, one: copier.later(one, CellType(), _fill_cell),
    bytearray: lambda copier, one: copier.noted(one, one[:]),
    array: lambda copier, one: copier.noted(one, one[:]),
    frozenset: lambda copier, one: copier.noted(one, frozenset(map(copier, one))),
    MethodType: lambda copier, one: copier.noted(one, MethodType(copier(one.__func__), copier(one.__self__))),
    # Reading must not draw a number; count(7) says so itself, and pickling it ends with Python 3.14.
    count: lambda copier, one: copier.noted(one, count(int(repr(one)[len("count(") : -1]))),
    BuiltinFunctionType: _builtin, partial: _partial, FunctionType: _function, type(iter([])): _iterator,
    type(iter(())): _iterator, ref: _reference,
}  # fmt: skip
