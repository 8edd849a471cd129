"""The binding cache of a home agent or correspondent node (RFC 6275 section 9.1). Pure: `now` in, changes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address

TABLE = "binding cache"


@dataclass(slots=True, frozen=True)
class Binding:
    """A home address and the care-of address that stands for it, until `expires_ns` (nanoseconds)."""

    home_address: Address
    care_of_address: Address
    sequence: int
    expires_ns: int
    home_registration: bool = False

    @property
    def expires_at_s(self) -> float:
        """When the binding ends, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    def row(self) -> dict[str, object]:
        """As plain named values."""
        return {
            "home_address": str(self.home_address), "care_of_address": str(self.care_of_address),
            "sequence": self.sequence, "expires_at_s": round(self.expires_at_s, 3),
            "home_registration": self.home_registration,
        }


def is_newer(sequence: int, last: int) -> bool:
    """True if a sequence number follows the last accepted one, modulo 2**16 (section 9.5.1)."""
    return 0 < (sequence - last) & 0xFFFF < 0x8000


class BindingCache:
    """Bindings by home address. Iterates over its entries."""

    def __init__(self) -> None:
        self._bindings: dict[Address, Binding] = {}
        self.get = self._bindings.get
        """get(home_address): its binding, or None."""

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._bindings.values())

    def __len__(self) -> int:
        return len(self._bindings)

    def __contains__(self, home_address: object) -> bool:
        return home_address in self._bindings

    def update(self, binding: Binding) -> list[Change]:
        """Put a binding in, in the place of an older one."""
        old = self._bindings.get(binding.home_address)
        self._bindings[binding.home_address] = binding
        return [Change(TABLE, str(binding.home_address), None if old is None else old.row(), binding.row())]


    def remove(self, home_address: Address) -> list[Change]:
        """Take a binding out; no change where there is none."""
        old = self._bindings.pop(home_address, None)
        return [] if old is None else [Change(TABLE, str(home_address), old.row(), None)]

    def expired(self, now: int) -> list[Address]:
        """Home addresses whose binding has ended at `now` nanoseconds."""
        return [binding.home_address for binding in self if binding.expires_ns <= now]

    def next_expiry_ns(self) -> int | None:
        """When the next binding ends, in nanoseconds; None where there is none."""
        return min((binding.expires_ns for binding in self), default=None)
