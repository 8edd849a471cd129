"""Allocating further home addresses (the seed, pages 8 and 9): stateless, from the home prefix; the home agent does
DAD. Pure.
"""

from __future__ import annotations

from mipflow.mip6.cga import AddressOwner
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

    def collided(self, address: Address) -> bool:
        """An address was a duplicate: True if another try is worth it."""
        self.collisions += 1
        return self.collisions < MAX_COLLISIONS

    def succeeded(self) -> None:
        """The home agent has accepted an address."""
        self.collisions = 0


class GeneratedAllocation(StatelessAllocation):
    """Makes addresses of the home prefix from the key of their `owner` (RFC 3972)."""

    def __init__(self, prefix: Prefix, owner: AddressOwner) -> None:
        super().__init__(prefix, prefix.network)
        self._owner = owner
        self._next: list[Address] = []
        """What comes in the place of duplicates."""

    def allocate(self) -> Address:
        """A home address that a key proves, and that this node has not tried yet."""
        return self._next.pop() if self._next else self._owner.generate(self._prefix)

    def collided(self, address: Address) -> bool:
        """Only the collision count changes: the work that found the modifier is not lost (section 4, step 8)."""
        following = self._owner.after_collision(address)
        if following is not None:
            self._next.append(following)
        return super().collided(address) and following is not None
