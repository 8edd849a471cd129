"""Forms: one kind of value and its layer in scapy, described in a line. A form writes, checks and reads.

Takes values and gives scapy layers, and back. How wide a field is and how it is read is scapy's knowledge. Left alone,
scapy would cut a number that is too large to its low bits, or fail with an error that names no field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar, dataclass_transform

from mipflow.errors import WireError
from mipflow.wire import layers
from mipflow.wire.address import Address

Kind = TypeVar("Kind", bound="Value")


@contextmanager
def only_wire_errors(what: str, value: object) -> Iterator[None]:
    """Raise nothing but WireError, whatever scapy makes of a `value`, which is never an exception to a node; what: what
    does not go then, with {} for the value.
    """
    try:
        yield
    except WireError:
        raise
    except Exception as error:  # of scapy's many kinds
        raise WireError(f"{what.format(value)}: {error}", value) from error


def number(value: object, name: str, bits: int) -> int:
    """Return the number in a field of a value. Raises WireError where it does not fit: port 70000."""
    given = getattr(value, name)
    if not isinstance(given, int) or not 0 <= given < 1 << bits:
        raise WireError(f"{type(value).__name__} {name} {given!r}; expected 0 to {(1 << bits) - 1}", given)
    return int(given)


def octets(value: object, name: str, lengths: range) -> bytes:
    """Return the octets in a field of a value. Raises WireError where there are too few or too many: a cookie of 7."""
    given = getattr(value, name)
    if not isinstance(given, bytes) or len(given) not in lengths:
        shown = f"of {len(given)} octets" if isinstance(given, bytes) else repr(given)
        wanted = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else str(lengths[0])
        steps = f" in steps of {lengths.step}" if lengths.step > 1 else ""
        raise WireError(f"{type(value).__name__} {name} {shown}; expected {wanted} octets{steps}", given)
    return given


def packed(value: object, name: str, addresses: Sequence[Address]) -> bytes:
    """Return the octets of the addresses in a field of a value. Raises WireError for anything else in it."""
    for address in addresses:
        if not isinstance(address, Address):
            raise WireError(f"{type(value).__name__} {name} {address!r}; expected an Address", address)
    return b"".join(address.packed for address in addresses)


def unpacked(data: bytes) -> tuple[Address, ...]:
    """Return the addresses in these octets, in so far as they are whole."""
    return tuple(Address(data[at : at + 16]) for at in range(0, len(data) - 15, 16))


def regrouped(numbers: Sequence[int], widths: Sequence[int], new_widths: Sequence[int]) -> list[int]:
    """Return the bits of all numbers, the first the highest, cut into numbers of other widths."""
    word = 0
    for given, width in zip(numbers, widths, strict=True):
        word = word << width | given
    cut = []
    for width in reversed(new_widths):
        cut.append(word & (1 << width) - 1)
        word >>= width
    return cut[::-1]


NUMBERS: dict[str, Callable[[int], int]] = {"int": int, "bool": bool}
"""Type of a field that shares bits with others -> its maker from a number."""
OCTETS: dict[str, Callable[[bytes], object]] = {"bytes": bytes, "Address": Address, "tuple[Address, ...]": unpacked}
"""Type of a field that has whole octets -> its maker from them."""


class Form:
    """The place of the values of one class in one of scapy's layers.

    `fields` pairs the fields of the value with those of the layer: "sequence=seq cookie". Where several share bits, the
    highest stands first: "managed,other=flags". "payload" is what follows the layer. `lengths` has the form whose
    octets or addresses vary: they stand behind its `fixed` octets. `constants` are fields of the layer.
    """

    def __init__(
        self, value: type[Any], layer: str, fields: str = "", lengths: range | None = None, **constants: object
    ) -> None:
        self.value = value
        self.fixed: int = value.fixed
        self._layer_name = layer
        pairs = [pair.partition("=") for pair in fields.split()]
        self._pairs = [(ours.split(","), (theirs or ours).split(",")) for ours, _, theirs in pairs]
        self._lengths = lengths
        few, many = (lengths[0], lengths[-1]) if lengths else (0, 0)
        self.sizes = range(self.fixed + few, self.fixed + many + 1)
        """Octets that such a value can have."""
        self._constants = constants
        self._types: dict[str, str] = value.__init__.__annotations__

    @cached_property
    def _layer(self) -> Any:
        name = self._layer_name
        return getattr(layers.inet6, name, None) or getattr(layers if name in layers.__all__ else layers.dhcp6, name)

    @cached_property
    def _scapy(self) -> dict[str, Any]:
        return {field.name: field for field in self._layer.fields_desc}

    def _widths(self, ours: list[str], theirs: list[str]) -> tuple[list[int], list[int]]:
        """Return the bits of the numbers of a pair: a flag has one, the one number that is no flag what they leave."""
        flags = [self._types[name] == "bool" for name in ours]
        widths = [int(8 * self._scapy[name].sz) for name in theirs]
        return [1 if flag else sum(widths) - sum(flags) for flag in flags], widths

    def write(self, value: Any, **structure: object) -> layers.Layer:
        """Return the layer of a value; `structure` are fields that only its surroundings know: next headers, options.

        Lengths of options are never left to scapy: some of its defaults are wrong. Raises WireError, with the field's
        name and what was given, for a value that has no bytes.
        """
        reserved = dict.fromkeys(self._scapy.keys() & {"res", "res2"}, 0)
        # Of an option's length field: it does not count the type, as long as itself, nor itself.
        places = self._scapy.keys() & {"olen", "optlen"}
        lengths = {place: value.size - 2 * int(self._scapy[place].sz) for place in places}
        layer: layers.Layer = self._layer(**reserved | lengths | self._constants | structure)
        for ours, theirs in self._pairs:
            if self._types[ours[0]] in NUMBERS:
                widths, new_widths = self._widths(ours, theirs)
                found = regrouped([number(value, *each) for each in zip(ours, widths, strict=True)], widths, new_widths)
            else:
                found = self._written(value, ours[0], layer, theirs[0])
            for name, content in zip(theirs, found, strict=False):
                layer.setfieldval(name, content)
        return layer

    def _written(self, value: object, name: str, layer: layers.Layer, place: str) -> list[Any]:
        """Return the content of a field of whole octets; none for an empty payload."""
        field: Any = self._scapy.get(place)
        given = getattr(value, name)
        if self._types[name] != "bytes":
            given = packed(value, name, given if self._lengths else (given,))
        elif self._lengths:
            return [octets(value, name, self._lengths)] if given or place != "payload" else []
        else:
            given = octets(value, name, range(int(field.sz), int(field.sz) + 1))
        return [field.getfield(layer, given)[1]]

    def read(self, data: bytes, **known: object) -> Any:
        """Return the value in these octets; `known` are the fields of it that this form does not pair."""
        layer = self._layer(data[: self.fixed])
        for ours, theirs in self._pairs:
            kind = self._types[ours[0]]
            if kind in NUMBERS:
                new_widths, widths = self._widths(ours, theirs)
                numbers = regrouped([int(layer.getfieldval(name)) for name in theirs], widths, new_widths)
                known |= {name: NUMBERS[self._types[name]](found) for name, found in zip(ours, numbers, strict=True)}
            elif self._lengths:
                known[ours[0]] = OCTETS[kind](data[self.fixed :])
            else:
                field = self._scapy[theirs[0]]
                known[ours[0]] = OCTETS[kind](field.addfield(layer, b"", layer.getfieldval(field.name)))
        return self.value(**known)


ANYWHERE = (1, 0)
"""The alignment of an option that may start at any octet."""


class Value:
    """An option or a message: a part of a packet that is known by its number in a `family`.

    It has `fixed` octets, and behind them those that vary. An option with `alignment` (x, y) starts at x*n + y octets
    of its header; one that came elsewhere has ANYWHERE of its own, and is written where it came.
    """

    __slots__ = ()
    family: ClassVar[str]
    forms: ClassVar[dict[int | None, Form]]
    number: ClassVar[int | None]
    fixed: ClassVar[int]
    alignment: ClassVar[tuple[int, int]]

    def __init_subclass__(cls, family: str = "") -> None:
        if family:
            cls.family, cls.forms = family, {}

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self.fixed

    @classmethod
    def find(cls, kind: int | None, size: int = 0) -> Form:
        """Return the form of a number; the `size` in octets counts only in a family that says so."""
        return cls.forms.get(kind, cls.forms[None])

    @property
    def form(self) -> Form:
        """The form in which this value is written. Raises WireError where its number is another value's."""
        kind = getattr(self, "type", self.number)
        form = self.find(kind, self.size)
        if form.value is not type(self):
            raise WireError(f"{self.family} {kind} is {form.value.__name__}, not {type(self).__name__}", self)
        return form


@dataclass_transform(frozen_default=True)
def on_wire(
    number: int | None, layer: str = "", fields: str = "", lengths: range | None = None, *, fixed: int = 2,
    alignment: tuple[int, int] = ANYWHERE, **constants: object,
) -> Callable[[type[Kind]], type[Kind]]:  # fmt: skip
    """Make a class of values a frozen dataclass, and say how it stands on the wire: its number and its form.

    number: the type in its header; None for the class of those that are not known, which has a field `type`. layer,
    fields, lengths, constants: see `Form`. fixed: octets before what varies, the two of type and length included.
    alignment: (x, y) for an option that stands at x*n + y octets. Example: option 4 is two numbers of two octets,
    `@on_wire(4, "MIP6OptNonceIndices", "home=hni care_of=coni", fixed=6, alignment=(2, 0))`.
    """

    def decorate(cls: type[Kind]) -> type[Kind]:
        cls.number, cls.fixed, cls.alignment = number, fixed, alignment
        if alignment != ANYWHERE:  # a field with a default: it counts in comparisons, as the octets differ
            cls.__annotations__ = {**cls.__annotations__, "alignment": "tuple[int, int]"}
            cls.alignment = field(default=alignment, kw_only=True, repr=False)
        made = dataclass(frozen=True)(cls)
        if layer:
            made.forms[number] = Form(made, layer, fields, lengths, **constants)
        return made

    return decorate
