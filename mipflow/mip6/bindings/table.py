"""The common base of the tables of Mobile IPv6 and of the patent: entries by key, each change given back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

from mipflow.errors import ProtocolMisuse
from mipflow.sim.clock import Unique
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix


class Entry(Unique):
    """One line of a table; `columns` names the fields that it shows."""

    __slots__ = ()
    columns: ClassVar[Sequence[str]]

    def row(self) -> dict[str, object]:
        """Return plain named values: addresses and states as text, times to the millisecond."""
        return {name: _plain(getattr(self, name)) for name in self.columns}


def _plain(value: object) -> object:
    if isinstance(value, Address | Prefix):
        return str(value)
    if isinstance(value, float):
        return round(value, 3)
    return value.value if isinstance(value, Enum) else value


S = TypeVar("S", bound=Enum)


def follow(transitions: Mapping[tuple[S, Any], S], state: S, event: Enum, what: str) -> S:
    """Return the state that follows `state` of `what`. Raises ProtocolMisuse for an event that cannot happen there."""
    following = transitions.get((state, event))
    if following is None:
        raise ProtocolMisuse(f"{event} cannot happen to {what} that is {state.value!r}", event)
    return following


V = TypeVar("V", bound=Enum)


def in_order(following: Mapping[S, Mapping[V, S]], events: type[V]) -> dict[tuple[S, V], S]:
    """Return a state machine as one table: (state, event) -> the state that follows, in the order of `events`."""
    return {(state, event): row[event] for state, row in following.items() for event in events if event in row}


K = TypeVar("K")
E = TypeVar("E", bound=Entry)


class Table(Unique, Generic[K, E]):
    """Entries by key, in the order in which they came. Iterates over its entries, also while they come and go."""

    name: ClassVar[str]
    """The table's name in a trace."""

    def __init__(self) -> None:
        self._entries: dict[K, E] = {}
        self.get = self._entries.get
        """get(key) returns the line of a key, or None."""

    def __iter__(self) -> Iterator[E]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def _put(self, key: K, entry: E) -> list[Change]:
        """Enter a line, in the place of an older one."""
        old = self._entries.get(key)
        self._entries[key] = entry
        return [Change(self.name, self._text(key), None if old is None else old.row(), entry.row())]

    def _set(self, key: K, entry: E, **values: object) -> list[Change]:
        """Set fields of a line; no change where its row stays the same."""
        if all(getattr(entry, name) == value for name, value in values.items()):
            return []
        before = entry.row()
        for name, value in values.items():
            setattr(entry, name, value)
        after = entry.row()
        return [] if before == after else [Change(self.name, self._text(key), before, after)]

    def _take(self, key: K) -> list[Change]:
        """Take a line out; no change where there is none."""
        old = self._entries.pop(key, None)
        return [] if old is None else [Change(self.name, self._text(key), old.row(), None)]

    def _text(self, key: K) -> str:
        return str(key)
