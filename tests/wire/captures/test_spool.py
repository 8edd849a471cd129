"""Rows on disk: they come back as they were, in their order or sorted, and memory holds few of them."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import DatasetError
from mipflow.wire.captures import spool
from mipflow.wire.captures.spool import Bins, Ordered, Row, Rows, Spool

FIELDS = st.tuples(st.integers(-5, 5), st.integers(0, 1 << 70), st.sampled_from(["2001:db8::1", "ä"]), st.booleans())
VALUES = st.lists(st.tuples(FIELDS, st.binary(max_size=9)), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Let blocks, runs and what needs no file be small."""
    with patch.multiple(spool, IN_MEMORY=300, PER_ROW=4, BLOCK=12, SORTED=30):
        yield


@given(VALUES, VALUES)
def test_two_that_share_a_spool_give_back_each_its_rows(
    one: list[tuple[Row, bytes]], other: list[tuple[Row, bytes]]
) -> None:
    kept = Spool()
    both = [(Rows(kept), one), (Rows(kept), other)]
    for number in range(max(len(one), len(other))):
        for rows, given_ in both:
            for fields, octets in given_[number : number + 1]:
                rows.add((*fields, octets))
    readers = [iter(rows) for rows, _ in both]
    found: list[list[Row]] = [[], []]
    for turn in count():  # read in turns, which moves the place in the file
        piece = [*islice(readers[turn % 2], 2)]
        found[turn % 2] += piece
        if not piece and next(readers[not turn % 2], None) is None:
            break
    for rows, given_ in both:
        assert [*rows] == [(*fields, octets) for fields, octets in given_], "and once more from the beginning"
    shorter = min(len(one), len(other))
    assert [row[:-1] for row in found[0]][:shorter] == [fields for fields, _ in one][:shorter]


@given(VALUES)
def test_rows_in_order_are_those_that_sorting_gives(values: list[tuple[Row, bytes]]) -> None:
    ordered, rows = Ordered(Spool()), []
    for number, (fields, octets) in enumerate(values):
        rows.append((fields[0], number, *fields, octets))
        ordered.add(rows[-1])
    assert [*ordered] == [*ordered] == sorted(rows)


@given(st.lists(st.tuples(st.integers(0, 3), FIELDS, st.binary(max_size=9)), max_size=40))
def test_a_bin_gives_back_its_rows_in_the_order_of_coming(values: list[tuple[int, Row, bytes]]) -> None:
    bins = Bins(Spool())
    for number, fields, octets in values:
        bins.add(number, (*fields, octets))
    for _ in range(2):  # as often as somebody asks
        for number in range(5):
            assert [*bins.read(number)] == [(*fields, octets) for which, fields, octets in values if which == number]


def test_what_is_in_order_already_is_one_run() -> None:
    ordered = Ordered(Spool())
    for number in range(100):
        ordered.add((number, b""))
    assert [*ordered] == [(number, b"") for number in range(100)] and len(ordered._runs) == 1


@pytest.mark.parametrize("kind", [Rows, Ordered])
def test_memory_does_not_grow_with_the_rows(kind: type[Rows] | type[Ordered]) -> None:
    used = []
    for rows in (2_000, 20_000):
        gc.collect()
        tracemalloc.start()
        with patch.multiple(spool, PER_ROW=100, BLOCK=600, SORTED=100_000):
            kept = kind(Spool())
            for number in range(rows):
                kept.add((number // 50 * 50 - number % 50, number, bytes(100)))
        assert sum(1 for _ in kept) == rows
        used.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert used[1] < used[0] + 20_000 * 10, "of 200 octets a row"


def test_memory_does_not_grow_with_the_rows_of_bins() -> None:
    used = []
    for rows in (2_000, 20_000):
        gc.collect()
        tracemalloc.start()
        with patch.multiple(spool, PER_ROW=100, SORTED=100_000):
            bins = Bins(Spool())
            for number in range(rows):
                bins.add(number % 3, (number, bytes(100)))
        assert sum(1 for number in range(3) for _ in bins.read(number)) == rows
        used.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert used[1] < used[0] + 20_000 * 10, "of 200 octets a row"


def test_a_reading_that_has_ended_stays_at_its_end() -> None:
    rows = Rows(Spool())
    rows.add((1, b""))
    reading = iter(rows)
    assert [*reading] == [(1, b"")] and [*reading] == [*reading] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SpooledTemporaryFile", lambda _: Path("/dev/full").open("r+b", 0))  # noqa: SIM115
    rows = Rows(Spool())
    with pytest.raises(DatasetError, match=r"cannot be written in \S+: No space left on device; make room there, or"):
        for number in range(10):
            rows.add((number, bytes(9)))
