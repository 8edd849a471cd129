"""A watch over things, which brings them up to date before anybody reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Watch:
    """Calls `settle` before each look at certain attributes of what it watches, from a time on (nanoseconds).

    It does so by giving the thing a class that differs in nothing else, so that whatever is not watched costs nothing.
    now: says the time.
    """

    def __init__(self, settle: Callable[[], None], now: Callable[[], int]) -> None:
        self._settle, self._now = settle, now
        self._kinds: dict[tuple[type, tuple[str, ...]], type] = {}
        self._watched: dict[int, tuple[object, type, tuple[str, ...]]] = {}
        """Identity -> the thing, its class, and what of it is watched."""
        self._since: dict[tuple[int, str], list[int]] = {}
        """Identity and attribute -> from when on it is not up to date, for each who asked."""

    def add(self, thing: object, names: Iterable[str], since_ns: int = 0) -> None:
        """Watch attributes of a thing, from a time on."""
        for name in names:
            self._since.setdefault((id(thing), name), []).append(since_ns)
        kind, known = type(thing), ()
        if id(thing) in self._watched:
            _, kind, known = self._watched[id(thing)]  # type: ignore[assignment]
        self._give(thing, kind, tuple(sorted({*known, *names})))

    def remove(self, thing: object, names: Iterable[str], since_ns: int = 0) -> None:
        """Take back what was asked for in the same words."""
        for name in names:
            since = self._since[id(thing), name]
            since.remove(since_ns)
            if not since:
                del self._since[id(thing), name]
        _, kind, known = self._watched[id(thing)]
        self._give(thing, kind, tuple(name for name in known if (id(thing), name) in self._since))

    def _give(self, thing: object, kind: type, names: tuple[str, ...]) -> None:
        if not names:
            del self._watched[id(thing)]
            thing.__class__ = kind
            return
        if (kind, names) not in self._kinds:
            members = {name: self._settled(kind, name) for name in names}
            module = {"__slots__": (), "__module__": kind.__module__}
            self._kinds[kind, names] = type(kind.__name__, (kind,), module | members)
        self._watched[id(thing)] = thing, kind, names
        thing.__class__ = self._kinds[kind, names]

    def _settled(self, kind: type, name: str) -> Any:
        """Return an attribute that is settled before it is read."""
        plain = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
        settle, now, since = self._settle, self._now, self._since

        def read(thing: Any) -> Any:
            if now() >= min(since[id(thing), name]):
                settle()
            return vars(thing)[name] if plain is None else plain.__get__(thing, kind)

        def write(thing: Any, value: object) -> None:
            if plain is None:
                vars(thing)[name] = value
            else:
                plain.__set__(thing, value)

        return property(read, write)
