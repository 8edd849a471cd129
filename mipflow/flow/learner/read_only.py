"""Show the mobile node's tables to a learner's function as views, to look at and not to change. Pure.

`flow.learner.guard` hands them out. A view costs the same however many flows there are: nothing is copied, and what is
looked up in a view is a view too. There is one view of one thing while the call lasts, so that `is` tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from mipflow.errors import ProtocolMisuse, shown
from mipflow.flow.tables import FlowMappingEntry, HomeAddressEntry
from mipflow.mip6.bindings.table import Entry, Table

CHANGING = frozenset(
    "add bound change clear discard join lead mark mark_pair part pop popitem remove setdefault strip update".split()
)
"""Methods of tables, and of dictionaries and sets in them, that change something."""


def read_only(arguments: tuple[Any, ...]) -> list[Any]:
    """Return a function's arguments with views in the place of tables and entries; a list is a copy, which it may sort.
    """
    views: dict[int, View] = {}
    given = [list(each) if type(each) is list else each for each in arguments]
    return [_seen(each, views) if isinstance(each, Entry | Table) else each for each in given]


def _seen(value: Any, views: dict[int, View]) -> Any:
    """Return a value as it may be handed out."""
    if type(value) is View:
        return value
    if isinstance(value, Entry | Table | dict):
        view = views.get(id(value))
        return views.setdefault(id(value), View(value, views)) if view is None else view
    if isinstance(value, set):
        return frozenset(value)
    if type(value) is list:
        return [_seen(each, views) for each in value]
    if isinstance(value, Iterator):
        return (_seen(each, views) for each in value)
    return _call(value, views) if callable(value) and not isinstance(value, type) else value


def _call(method: Callable[..., Any], views: dict[int, View]) -> Callable[..., Any]:
    return lambda *arguments, **named: _seen(method(*arguments, **named), views)


class View:
    """An entry, a table or a dictionary of one, read only: raises ProtocolMisuse where it would be changed."""

    __slots__ = ("_of", "_views")

    def __init__(self, of: Any, views: dict[int, View]) -> None:
        object.__setattr__(self, "_of", of)
        object.__setattr__(self, "_views", views)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # for isinstance
        return type(self._of)

    def __getattr__(self, name: str) -> Any:
        if name in CHANGING and hasattr(self._of, name):
            _refuse(self._of, f"{name}()")
        if name.startswith("_"):
            raise AttributeError(f"{name} of {_named(self._of)} is not for you; look at what has no underscore")
        return _seen(getattr(self._of, name), self._views)

    def __setattr__(self, name: str, value: object) -> None:
        _refuse(self._of, name)

    def __delattr__(self, name: str) -> None:
        _refuse(self._of, f"del {name}")

    def __getitem__(self, key: Any) -> Any:
        return _seen(self._of[key], self._views)

    def __setitem__(self, key: object, value: object) -> None:
        _refuse(self._of, f"[{shown(key)}]")

    def __delitem__(self, key: object) -> None:
        _refuse(self._of, f"del [{shown(key)}]")

    def __iter__(self) -> Iterator[Any]:
        return (_seen(each, self._views) for each in self._of)

    def __reversed__(self) -> Iterator[Any]:
        return (_seen(each, self._views) for each in reversed(self._of))

    def __len__(self) -> int:
        return len(self._of)

    def __bool__(self) -> bool:
        return bool(self._of)

    def __contains__(self, key: object) -> bool:
        return key in self._of

    def __eq__(self, other: object) -> bool:
        return bool(self._of == (other._of if type(other) is View else other))

    def __repr__(self) -> str:
        return repr(self._of)


def _named(of: object) -> str:
    if isinstance(of, Table):
        return f"the {of.name}"
    if isinstance(of, FlowMappingEntry):
        return f"flow {of.flow_id}"
    return str(of.home_address) if isinstance(of, HomeAddressEntry) else "a table"


def _refuse(of: object, change: str) -> NoReturn:
    raise ProtocolMisuse(f"{_named(of)} cannot be changed here ({change}); return your answer instead", of)
