"""Allocating further home addresses (the seed, pages 8 and 9): stateless, from the home prefix; the home agent does
DAD. Pure.
"""

from __future__ import annotations

from mipflow.wire.address import Address, Prefix

MAX_COLLISIONS = 3
"""Duplicates in a row after which no further address is tried."""


class StatelessAllocation:
    """Makes addresses of the home prefix, each interface identifier once, counting up from the primary's."""

    def __init__(self, prefix: Prefix, primary: Address) -> None:
        self._prefix = prefix
        self._identifier = primary.interface_identifier
        self.collisions = 0
        """Duplicates since the last success."""

    def allocate(self) -> Address:
        """A home address that this node has not tried yet; whether it is unique the home agent will say."""
        self._identifier += 1
        return self._prefix.address(self._identifier)

    def collided(self) -> bool:
        """The last address was a duplicate: True if another try is worth it."""
        self.collisions += 1
        return self.collisions < MAX_COLLISIONS

    def succeeded(self) -> None:
        """The home agent has accepted an address."""
        self.collisions = 0
