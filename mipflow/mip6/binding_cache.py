"""The binding cache of a home agent or correspondent node (RFC 6275 section 9.1). Pure: `now` in, changes out."""

from __future__ import annotations

from dataclasses import dataclass

from mipflow.mip6.table import Entry, Table
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address


@dataclass(slots=True, frozen=True)
class Binding(Entry):
    """A home address and the care-of address that stands for it, until `expires_ns` (nanoseconds)."""

    columns = "home_address care_of_address sequence expires_at_s home_registration".split()
    home_address: Address
    care_of_address: Address
    sequence: int
    expires_ns: int
    home_registration: bool = False

    @property
    def expires_at_s(self) -> float:
        """When the binding ends, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S


def is_newer(sequence: int, last: int) -> bool:
    """True if a sequence number follows the last accepted one, modulo 2**16 (section 9.5.1)."""
    return 0 < (sequence - last) & 0xFFFF < 0x8000


class BindingCache(Table[Address, Binding]):
    """Bindings by home address. Iterates over its entries."""

    name = "binding cache"

    def __init__(self) -> None:
        super().__init__()
        self.get = self._entries.get
        """get(home_address): its binding, or None."""

    def update(self, binding: Binding) -> list[Change]:
        """Put a binding in, in the place of an older one."""
        return self._put(binding.home_address, binding)

    def remove(self, home_address: Address) -> list[Change]:
        """Take a binding out; no change where there is none."""
        return self._take(home_address)

    def expired(self, now: int) -> list[Address]:
        """Home addresses whose binding has ended at `now` nanoseconds."""
        return [binding.home_address for binding in self if binding.expires_ns <= now]

    def next_expiry_ns(self) -> int | None:
        """When the next binding ends, in nanoseconds; None where there is none."""
        return min((binding.expires_ns for binding in self), default=None)
