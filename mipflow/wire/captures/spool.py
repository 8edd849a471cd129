"""Rows on disk: what is read of a long capture, or made of it, need not fit into memory.

A row is a tuple of numbers and texts, with octets at its end. A spool keeps rows in a temporary file that has no name
and goes with it; few of them need no file. In memory are a block of rows for whoever writes or reads some, and where
each block begins.
"""

from __future__ import annotations

import marshal
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from heapq import merge
from itertools import chain
from tempfile import SpooledTemporaryFile, gettempdir
from typing import Any, NoReturn, SupportsIndex
from weakref import finalize

from mipflow.errors import DatasetError, uncopied

Row = tuple[Any, ...]
IN_MEMORY = 1 << 20
"""The octets of a temporary file up to which it is none."""
PER_ROW = 256
"""The octets that a row counts beside those at its end."""
BLOCK, SORTED = 1 << 15, 1 << 20
"""The octets that make a block, and those that are sorted at once."""


def temporary_file() -> SpooledTemporaryFile[bytes]:
    """Open a file without a name, which is none before it grows."""
    return SpooledTemporaryFile(IN_MEMORY)


@contextmanager
def room() -> Iterator[None]:
    """Raise DatasetError where a temporary file cannot grow."""
    try:
        yield
    except OSError as error:
        why = f"a temporary file cannot be written in {gettempdir()}: {error.strerror}"
        raise DatasetError(f"{why}; make room there, or set TMPDIR to a folder on another disk") from error


class Spool:
    """Blocks of rows, which never change."""

    def __init__(self) -> None:
        self._file = temporary_file()
        self._end = 0
        self._is_at_end = True
        finalize(self, self._file.close)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse copy.copy, copy.deepcopy and pickle: the file is one. Raises ProtocolMisuse."""
        raise uncopied(self)

    def add(self, rows: list[Row]) -> int:
        """Keep a block; return its place."""
        place, octets = self._end, marshal.dumps(rows)
        with room():
            if not self._is_at_end:  # else a look for the place would empty the file's buffer
                self._file.seek(place)
            self._file.write(len(octets).to_bytes(8, "big") + octets)
        self._end += 8 + len(octets)
        self._is_at_end = True
        return place

    def read(self, place: int) -> list[Row]:
        """Return the block at a place."""
        self._is_at_end = False
        with room():
            self._file.seek(place)  # which writes what waited for that
        rows: list[Row] = marshal.loads(self._file.read(int.from_bytes(self._file.read(8), "big")))
        return rows


class Rows(Iterable[Row]):
    """Rows of a spool, in the order in which they were added."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._places = array("q")
        self._last: list[Row] = []
        self._octets = 0

    def add(self, row: Row) -> None:
        """Add a row at the end."""
        self._last.append(row)
        self._octets += PER_ROW + len(row[-1])
        if self._octets >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Hold no row in memory."""
        if self._last:
            self._places.append(self._spool.add(self._last))
            self._last, self._octets = [], 0

    def block(self, number: int) -> list[Row]:
        """Return a block; the last one has no rows."""
        return self._spool.read(self._places[number]) if number < len(self._places) else self._last

    def __iter__(self) -> Iterator[Row]:
        self.flush()
        return _Reading(self)


class _Reading(Iterator[Row]):
    """Reads rows; no generator, because a world that is forked copies those that it has begun to read."""

    __slots__ = ("_at", "_block", "_number", "_rows")

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._number = self._at = 0
        self._block: list[Row] = []

    def __next__(self) -> Row:
        at = self._at
        if at == len(self._block):
            self._block, self._number, self._at = self._rows.block(self._number), self._number + 1, 0
            at = 0
            if not self._block:
                raise StopIteration
        self._at = at + 1
        return self._block[at]


class Ordered(Iterable[Row]):
    """Rows in the order of their values, in whatever order they were added. No two begin with the same two values."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._runs: list[array[int]] = []
        """The places of the blocks of each run that is in order."""
        self._highest: Row = ()
        self._rows: list[Row] = []
        self._octets = 0

    def add(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(row)
        self._octets += PER_ROW + len(row[-1])
        if self._octets >= SORTED:
            self._sort()

    def _sort(self) -> None:
        """Put the rows in memory into a run that is in order: the last one where they follow it, else a new one."""
        if rows := sorted(self._rows):
            if not self._runs or rows[0] < self._highest:
                self._runs.append(array("q"))
            step = BLOCK * len(rows) // self._octets or 1
            self._runs[-1].extend(self._spool.add(rows[first : first + step]) for first in range(0, len(rows), step))
            self._highest, self._rows, self._octets = rows[-1], [], 0

    def __iter__(self) -> Iterator[Row]:
        self._sort()
        runs = [chain.from_iterable(map(self._spool.read, places)) for places in self._runs]
        return merge(*runs) if len(runs) > 1 else iter(*runs or ((),))


class Bins:
    """Rows in bins by number, those of each in the order in which they were added."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._places: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._last: defaultdict[int, list[Row]] = defaultdict(list)
        self._octets = 0

    def add(self, number: int, row: Row) -> None:
        """Add a row to a bin."""
        self._last[number].append(row)
        self._octets += PER_ROW + len(row[-1])
        if self._octets >= SORTED:
            for number, rows in self._last.items():
                self._places[number].append(self._spool.add(rows))
            self._last, self._octets = defaultdict(list), 0

    def read(self, number: int) -> Iterator[Row]:
        """Return the rows of a bin."""
        blocks = map(self._spool.read, self._places.get(number, ()))
        return chain(chain.from_iterable(blocks), self._last.get(number, ()))
