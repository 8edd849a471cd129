"""The listener that a mobile node tells what happens, and asks where to bind: the place of whatever moves flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
    from mipflow.node.interface import Interface
    from mipflow.wire.address import Address


class Listener:
    """A listener that does nothing, and leaves it to the mobile node where to bind."""

    # --- interfaces: what the mobile node has bound moves between "changing" and what follows it ---------------------

    def interface_changing(self, interface: Interface) -> None:
        """Hear that an interface went up or down, or lost its care-of address: what is bound there is about to move."""

    def interface_changed(self, interface: Interface) -> None:
        """Hear that all that was bound at the interface has moved."""

    def care_of_changing(self, interface: Interface) -> None:
        """Hear that an interface has a care-of address: what waits for one is about to be bound."""

    def care_of_ready(self, interface: Interface) -> None:
        """Hear that the mobile node has begun to bind at the interface what it binds by itself."""

    # --- home addresses ----------------------------------------------------------------------------------------------

    def came_home(self, home_address: Address) -> None:
        """Hear that a home address is ours on the home link, where packets go straight."""

    def left_home(self) -> None:
        """Hear that an interface is not on the home link, nor the home addresses that it had there."""

    def home_address_taken(self, home_address: Address) -> None:
        """Hear that somebody else has a home address (RFC 6275 section 11.7.1)."""

    def home_address_ended(self, home_address: Address) -> None:
        """Hear that the prefix of a home address is not valid any more (section 11.4.3)."""

    def primary_changed(self, former: Address) -> None:
        """Hear that another home address is the primary now: the prefix of the former one is deprecated."""

    # --- home agent and correspondents -------------------------------------------------------------------------------

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """Hear that a peer has acknowledged, refused or lost a registration."""

    def registration_refused(self, entry: BindingUpdateEntry, status: int) -> None:
        """Hear that a peer has refused one with `status`, 128 or more; not because somebody has the home address."""

    def peer_without_mobility(self, peer: Address) -> None:
        """Hear that a correspondent does not know Mobile IPv6 (section 11.3.5)."""

    def home_prefixes_told(self) -> None:
        """Hear that mobile prefix discovery has told of the home prefixes (section 11.4.3)."""

    # --- where to bind; None leaves it to the mobile node ------------------------------------------------------------

    def home_interface(self) -> Interface | None:
        """Return the interface at which the primary home address is to be bound."""
        return None

    def care_of_for(self, entry: BindingUpdateEntry) -> Address | None:
        """Return the care-of address for a registration whose own cannot be reached any more."""
        return None
