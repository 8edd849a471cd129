"""The lifetimes of addresses that a host made from router advertisements (RFC 4862 sections 5.5.3, 5.5.4). Pure."""

from __future__ import annotations

from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address

INFINITE_S = 0xFFFF_FFFF
"""A lifetime that never ends (RFC 4861 section 4.6.2)."""
FOREVER_NS = 1 << 62
TWO_HOURS_NS = 7200 * NS_PER_S


class AddressLifetimes:
    """The lifetimes of the addresses of one interface. An address that was never told of lasts for ever."""

    def __init__(self) -> None:
        self._ends: dict[Address, tuple[int, int]] = {}
        """Address -> when it ceases to be preferred, and to be valid, in nanoseconds."""

    def hear(self, address: Address, preferred_s: int, valid_s: int, now: int) -> None:
        """Take over the lifetimes that an advertisement tells; it ends none within two hours (5.5.3 e)."""
        valid_ns = end_ns(valid_s, now)
        if address in self._ends:
            before_ns = self._ends[address][1]
            if valid_ns <= now + TWO_HOURS_NS and valid_ns <= before_ns:
                valid_ns = min(before_ns, now + TWO_HOURS_NS)
        self._ends[address] = (end_ns(preferred_s, now), valid_ns)

    def is_preferred(self, address: Address, now: int) -> bool:
        """True until an address is deprecated."""
        return now < self._ends.get(address, (FOREVER_NS, FOREVER_NS))[0]

    def ended(self, now: int) -> list[Address]:
        """Return the addresses that are not valid any more."""
        return [address for address, (_, valid_ns) in self._ends.items() if valid_ns <= now]

    def forget(self, address: Address) -> None:
        """Forget an address that is gone."""
        self._ends.pop(address, None)

    def next_ns(self, now: int) -> int | None:
        """Return when the next lifetime ends after `now`, in nanoseconds; None where none does."""
        ends = [end for pair in self._ends.values() for end in pair if now < end < FOREVER_NS]
        return min(ends, default=None)


def end_ns(lifetime_s: int, now: int) -> int:
    """Return when a lifetime that began `now` ends, in nanoseconds."""
    return FOREVER_NS if lifetime_s == INFINITE_S else now + lifetime_s * NS_PER_S
