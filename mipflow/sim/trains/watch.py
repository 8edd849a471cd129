"""A watch over things, which brings them up to date before anybody reads them."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any


class Watch:
    """Calls `settle` before each look at an attribute of what it watches.

    It does so by giving the thing a class that differs in nothing else, so that whatever is not watched costs nothing.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._kinds: dict[type, type] = {}
        self._watched: dict[int, list[Any]] = {}
        """Identity -> the thing, its class, and how many asked for it."""

    def add(
        self, thing: object, names: Container[str] | None = None, without: Mapping[str, Callable[..., Any]] = {}
    ) -> None:  # fmt: skip
        """Watch a thing from now on, or only its attributes of these names; `without`: methods that are no looks."""
        known = self._watched.get(id(thing))
        if known is not None:
            known[2] += 1
            return
        kind = type(thing)
        if kind not in self._kinds:
            self._kinds[kind] = _settling(kind, self._settle, names, without)
        self._watched[id(thing)] = [thing, kind, 1]
        thing.__class__ = self._kinds[kind]

    def remove(self, thing: object) -> None:
        """Watch a thing no longer, once all who asked have said so."""
        known = self._watched[id(thing)]
        known[2] -= 1
        if not known[2]:
            del self._watched[id(thing)]
            thing.__class__ = known[1]
            if not self._watched:
                self._kinds.clear()  # they call this `settle`; a fork of the network has another


def _settling(
    kind: type, settle: Callable[[], None], names: Container[str] | None, without: Mapping[str, Callable[..., Any]]
) -> type:
    def read(self: object, name: str) -> Any:
        if names is None or name in names:
            settle()
        return kind.__getattribute__(self, name)  # type: ignore[call-arg, arg-type]  # of the class, not of `type`

    members = {"__slots__": (), "__getattribute__": read, "__module__": kind.__module__, **without}
    return type(kind.__name__, (kind,), members)
