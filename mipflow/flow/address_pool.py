"""Further home addresses of a mobile node: allocated, kept ahead for flows to come, freed when the last flow has ended.

The shell around `flow.allocation` and the home address table: it has them registered and de-registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.flow.allocation import StatelessAllocation
from mipflow.wire.address import Prefix

if TYPE_CHECKING:
    from mipflow.flow.stack import FlowMobileNode
    from mipflow.wire.address import Address


class AddressPool:
    """The further home addresses of `node`; `size` unused ones are kept allocated ahead."""

    def __init__(
        self, node: FlowMobileNode, home_prefix: Prefix, size: int, allocation: StatelessAllocation | None = None
    ) -> None:
        self._node = node
        self.size = size
        self.allocation = allocation or StatelessAllocation(home_prefix, node.primary_home_address)
        self._ahead: set[Address] = set()
        """Addresses for flows to come that the home agent has not acknowledged yet."""
        self._freeing: set[Address] = set()

    def allocate(self, care_of: Address) -> Address:
        """A new home address, on its way to be bound to `care_of` (Figure 6, step 43)."""
        address = self.allocation.allocate()
        self._node.own_home_addresses.add(address)
        self._node.bind(address, care_of)
        return address

    def lead_with(self, home_address: Address) -> None:
        """Another home address is the primary: further ones have its prefix."""
        self.allocation = StatelessAllocation(Prefix.around(home_address, 64), home_address)
        care_of = self._node.registered_at_home(home_address)
        self._node.record(self._node.home_addresses.lead(home_address, care_of))

    def fill(self) -> None:
        """Allocate ahead; such an address enters the table, where flows are given it, once the home agent holds it."""
        node = self._node
        unused = [e.home_address for e in node.home_addresses if node.redirector.is_unused(e.home_address)]
        missing = self.size - len(self._ahead) - len(unused) + (node.primary_home_address in unused)
        care_of = node.registered_at_home(node.primary_home_address)
        if care_of is not None:
            self._ahead.update(self.allocate(care_of) for _ in range(missing))

    def acknowledged(self, home_address: Address) -> None:
        """The home agent holds an address: one that was allocated ahead can be given to flows now."""
        self.allocation.succeeded()
        if home_address in self._ahead:
            self._ahead.discard(home_address)
            self._node.record(self._node.home_addresses.add(home_address))

    def collided(self, home_address: Address) -> bool:
        """Somebody at home has the address: it is never used again. True if another try is worth it."""
        self._node.disown(home_address)
        self._ahead.discard(home_address)
        if home_address == self._node.primary_home_address:  # it stays in the table, for nobody
            return True
        if home_address in self._node.home_addresses:
            self._node.record(self._node.home_addresses.remove(home_address))
        return self.allocation.collided(home_address)

    def free_unused(self) -> None:
        """Free home addresses that no flow uses, the newest first, but for the primary and the pool (page 14)."""
        node = self._node
        further = [e.home_address for e in node.home_addresses if e.home_address != node.primary_home_address]
        for address in [address for address in further if node.redirector.is_unused(address)][self.size :]:
            node.record(node.home_addresses.remove(address))
            self._freeing.add(address)
            self.continue_freeing(address)

    def continue_freeing(self, home_address: Address) -> bool:
        """De-register at the correspondents, which takes a home token, then at the home agent, then forget the address.

        False for an address that is not being freed.
        """
        if home_address not in self._freeing:
            return False
        entries = self._node.binding_updates.of_home_address(home_address)
        at_correspondents = [entry for entry in entries if not entry.home_registration]
        for entry in at_correspondents or entries:
            self._node.registrar.deregister(entry.peer, home_address)
        if not entries:
            self._freeing.discard(home_address)
            self._node.disown(home_address)
            self._node.forget_roads()
        return True
