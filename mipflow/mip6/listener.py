"""Told by a mobile node to whoever moves flows on top of it, and asked there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
    from mipflow.node.interface import Interface
    from mipflow.wire.address import Address


class Listener:
    """Hears what happens at a mobile node, and says where to bind; this one does nothing, and leaves it to the node."""

    # --- interfaces: what the mobile node has bound moves between "changing" and what follows it ---------------------

    def interface_changing(self, interface: Interface) -> None:
        """An interface went up or down, or has lost its last care-of address: what is bound there is about to move."""

    def interface_changed(self, interface: Interface) -> None:
        """All that was bound there has moved."""

    def care_of_changing(self, interface: Interface) -> None:
        """An interface has a care-of address: what waits for one is about to be bound."""

    def care_of_ready(self, interface: Interface) -> None:
        """The mobile node is binding there what it binds by itself."""

    # --- home addresses ----------------------------------------------------------------------------------------------

    def came_home(self, home_address: Address) -> None:
        """It is ours on the home link, where packets go straight."""

    def left_home(self) -> None:
        """Home addresses of an interface are not at home any more, if it had any."""

    def home_address_taken(self, home_address: Address) -> None:
        """Somebody else has it (RFC 6275 section 11.7.1)."""

    def home_address_ended(self, home_address: Address) -> None:
        """Its prefix is not valid any more (section 11.4.3)."""

    def primary_changed(self, former: Address) -> None:
        """Another home address is the primary now, for the prefix of the former one is deprecated."""

    # --- home agent and correspondents -------------------------------------------------------------------------------

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """A peer has acknowledged, refused or lost a registration."""

    def registration_refused(self, entry: BindingUpdateEntry, status: int) -> None:
        """A peer has refused one with `status`, 128 or more, but not because somebody else has the home address."""

    def peer_without_mobility(self, peer: Address) -> None:
        """A correspondent does not know Mobile IPv6 (section 11.3.5)."""

    def home_prefixes_told(self) -> None:
        """Mobile prefix discovery has told of the home prefixes (section 11.4.3)."""

    # --- where to bind; None leaves it to the mobile node ------------------------------------------------------------

    def home_interface(self) -> Interface | None:
        """The interface at which the primary home address is to be bound."""
        return None

    def care_of_for(self, entry: BindingUpdateEntry) -> Address | None:
        """The care-of address for a registration whose one cannot be reached any more."""
        return None
