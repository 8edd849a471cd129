"""Padding between options: what is written by itself, and what is kept as a value because it would not be.

Takes options with their alignment; gives them with padding as explicit values, or without the padding that
follows from alignment. The same rules serve the options headers of IPv6 (RFC 8200 section 4.2) and of Mobile
IPv6 (RFC 6275 6.2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from mipflow.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAD1, PADN = 0, 1


class Aligned(Protocol):
    """An option: it starts at x*n + y octets from the start of its header, where `alignment` is (x, y)."""

    alignment: ClassVar[tuple[int, int]]

    @property
    def size(self) -> int: ...


Option = TypeVar("Option", bound=Aligned)


def padding(gap: int, make: Callable[[int, bytes], Option]) -> list[Option]:
    """The one option that fills a gap of 0 to 7 octets: Pad1, or PadN of zeros; `make` takes type, data."""
    if gap == 0:
        return []
    return [make(PAD1, b"")] if gap == 1 else [make(PADN, bytes(gap - 2))]


def with_padding(
    options: Sequence[Option], position: int, make: Callable[[int, bytes], Option]
) -> list[Option]:
    """The options, the first at octet `position`, with the padding that aligns them and fills the last 8."""
    laid_out: list[Option] = []
    for option in options:
        unit, start = option.alignment
        gap = (start - position) % unit
        laid_out += [*padding(gap, make), option]
        position += gap + option.size
    return laid_out + padding(-position % 8, make)


def without_padding(
    options: Sequence[Option], position: int, make: Callable[[int, bytes], Option]
) -> list[Option]:
    """The inverse: drops the padding that `with_padding` writes again, and keeps any other as values.

    Raises WireError for an option that is not where its alignment wants it.
    """
    kept: list[Option] = []
    run: list[Option] = []
    for option in options:
        if getattr(option, "type", None) in (PAD1, PADN):
            run.append(option)
            continue
        unit, start = option.alignment
        position = _end_run(kept, run, position, unit, start, make)
        if position % unit != start:
            name = type(option).__name__
            raise WireError(
                f"{name} at octet {position} of its header; expected at {unit}n+{start}", position
            )
        kept.append(option)
        position += option.size
    _end_run(kept, run, position, 8, 0, make)
    return kept


def _end_run(
    kept: list[Option],
    run: list[Option],
    position: int,
    unit: int,
    start: int,
    make: Callable[[int, bytes], Option],
) -> int:
    """Drop or keep the padding that has gathered in `run` from `position` on; the position behind it."""
    end = position + sum(pad.size for pad in run)
    if run != padding((start - position) % unit, make):
        kept += run
    run.clear()
    return end


def read_options(data: bytes) -> list[bytes]:
    """Cut `data` into options, type and length included. Raises WireError where one runs over the end."""
    found = []
    position = 0
    while position < len(data):
        size = (
            1
            if data[position] == PAD1
            else 2 + (data[position + 1] if position + 1 < len(data) else len(data))
        )
        if position + size > len(data):
            raise WireError(f"option {data[position]} runs over the end of its header", data[position:])
        found.append(data[position : position + size])
        position += size
    return found
