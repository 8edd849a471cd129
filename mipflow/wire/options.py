"""Options in a row, with the padding between them.

Takes options and gives layers; takes octets and gives options. Padding that writing would not put there by itself is
kept as values. The same rules of padding serve the options headers of
IPv6 (RFC 8200 section 4.2) and of Mobile IPv6 (RFC 6275 section 6.2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from mipflow.errors import WireError
from mipflow.wire import layers
from mipflow.wire.forms import ANYWHERE, Value
from mipflow.wire.packet import UnknownOption

PAD1, PADN = 0, 1


def cut(data: bytes, name: str, size_of: Callable[[bytes], int]) -> list[bytes]:
    """Cut `data` into options, whose size `size_of` reads at their start. Raises WireError for one that is cut off."""
    found = []
    position = 0
    while position < len(data):
        rest = data[position:]
        size = size_of(rest + b"\xff")  # of a lone last octet it reads a size that is not there
        if not 0 < size <= len(rest):
            raise WireError(f"{name} {rest[0]} of {size} octets; {len(rest)} are there", rest)
        found.append(rest[:size])
        position += size
    return found


def write_options(options: Sequence[Value], position: int) -> list[layers.Layer]:
    """Return the layers of options, the first at octet `position` of its header, with their padding."""
    return [_write(option) for option in with_padding(options, position, UnknownOption)]


def _write(option: Value) -> layers.Layer:
    if not _is_padding(option):
        return option.form.write(option)
    is_long, data = option.type == PADN, option.data
    return layers.inet6.PadN(optlen=len(data), optdata=data) if is_long else layers.inet6.Pad1()


def read_options(family: type[Value], data: bytes, position: int) -> tuple[Any, ...]:
    """Read the options in a header from octet `position` on; no rule for receivers asks for their alignment."""
    pieces = cut(data[position:], family.family, lambda rest: 1 if rest[0] == PAD1 else 2 + rest[1])
    options, at = [], position
    for octets in pieces:
        option = _read(family, octets)
        unit, start = option.alignment
        options.append(option if at % unit == start else replace(option, alignment=ANYWHERE))
        at += len(octets)
    kept = [option for option in options if not _is_padding(option)]
    is_usual = with_padding(kept, position, family.forms[None].value) == options
    return tuple(kept if is_usual else options)


def _read(family: type[Value], octets: bytes) -> Any:
    kind = octets[0]
    if kind not in family.forms:
        return family.forms[None].value(kind, octets[2:])
    form = family.find(kind)
    if len(octets) not in form.sizes:
        raise WireError(f"{family.family} {kind} of {len(octets)} octets; expected {form.sizes[0]}", octets)
    return form.read(octets)


def _is_padding(option: Value) -> TypeGuard[UnknownOption]:
    return isinstance(option, UnknownOption) and option.type in (PAD1, PADN)


def with_padding(options: Sequence[Value], position: int, make: type[UnknownOption]) -> list[Value]:
    """Return the options with the padding that aligns them and fills the last eight octets."""
    laid_out: list[Value] = []
    for option in options:
        unit, start = option.alignment
        gap = (start - position) % unit
        laid_out += [*_padding(gap, make), option]
        position += gap + option.size
    return laid_out + _padding(-position % 8, make)


def _padding(gap: int, make: type[UnknownOption]) -> list[Value]:
    """Return the option that fills a gap of up to seven octets, Pad1 or PadN of zeros; none where there is no gap."""
    return [make(PADN, bytes(gap - 2))] if gap > 1 else [make(PAD1)] * gap
