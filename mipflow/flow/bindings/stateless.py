"""Stateless allocation of further home addresses, the mechanism that asks no server (the patent, pages 8 and 9).

`Allocation` is what the pool needs of any mechanism: two operations, allocate and free, and three things that it is
told. `StatelessAllocation` counts up from the primary home address; the home agent then looks for duplicates. All other
mechanisms are in `flow.allocation` and `flow.protocols`, and a scenario puts them in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from mipflow.errors import MipflowError
from mipflow.wire.address import Address, Prefix

Granted = Callable[["Address"], None]
Refused = Callable[[str], None]


@runtime_checkable
class Allocation(Protocol):
    """One mechanism of page 9, on the mobile node; where a mechanism says nothing else, nothing is done."""

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address; call one of the two, now or later, `refused` with the reason in words."""

    def free(self, address: Address) -> None:
        """Give an address back that is de-registered at all peers."""
        return

    def collided(self, address: Address) -> None:
        """Never use an address again: the home agent found that somebody else has it (RFC 6275 section 11.7.1)."""
        return

    def primary_bound(self) -> None:
        """Let leave what waits for the tunnel of the primary home address, which is bound."""
        return

    def lead_with(self, home_address: Address) -> None:
        """Take note that another home address is the primary from now on (RFC 6275 section 11.4.3)."""
        return


class Immediate(Allocation):
    """A mechanism that asks nobody: a subclass makes an address at once."""

    def make(self) -> Address:
        """Make a home address that this node has not tried yet. Raises MipflowError where there is none."""
        raise NotImplementedError

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Give an address at once; the home agent will say whether it is unique."""
        try:
            address = self.make()
        except MipflowError as error:
            refused(str(error))
        else:
            granted(address)


class StatelessAllocation(Immediate):
    """Makes addresses of the home prefix, each interface identifier once, counting up from the primary's."""

    def __init__(self, prefix: Prefix, primary: Address) -> None:
        self._prefix = prefix
        self._identifier = primary.interface_identifier

    def make(self) -> Address:
        """Make the address that follows the last one."""
        address = following(self._prefix, self._identifier)
        self._identifier = address.interface_identifier
        return address

    def lead_with(self, home_address: Address) -> None:
        """Make further addresses of its prefix, counting on from it."""
        self._prefix, self._identifier = Prefix.around(home_address, 64), home_address.interface_identifier


def following(prefix: Prefix, identifier: int) -> Address:
    """Return the next address of a prefix after an interface identifier; after the last comes the first.

    Anycast addresses are passed over.
    """
    address = prefix.address(identifier + 1)
    while prefix.is_anycast(address):
        address = prefix.address(address.interface_identifier + 1)
    return address
