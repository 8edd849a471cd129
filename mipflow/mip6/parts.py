"""The parts of a node of Mobile IPv6 that only some worlds have.

Those here do nothing, and every node begins with them. The flow layer puts its own `Listener` into a mobile node;
`mip6.discovery` and `mip6.security` put theirs into mobile nodes and home agents. The core imports none of the three.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.node.interface import Interface
from mipflow.node.road import Road
from mipflow.wire.address import Address
from mipflow.wire.packet import Packet


class Security:
    """IP security between a mobile node and its home agent (RFC 6275 section 5.1), at either of them."""

    is_on = False
    keys_survive_movement = False
    """The K bit: security associations come from a key exchange that movements leave alone (section 6.1.7)."""

    def tunnel_sender(self, road: Road) -> Callable[[Packet], None]:
        """Return the function that sends packets into a tunnel."""
        return road.send

    def proves(self, packet: Packet) -> bool:
        """Return whether a packet came in ESP, which proves more than its outer source address (section 10.4.5)."""
        return False

    def disown(self, home_address: Address) -> None:
        """Delete the security associations for a home address."""


class AnycastAnswers:
    """Dynamic home agent address discovery at a home agent (sections 10.5 and 8.4)."""

    def serves(self, address: Address) -> bool:
        """Return whether an address is the Home-Agents anycast address of the home link."""
        return False

    def claim(self) -> None:
        """Answer for the anycast addresses of the home link from now on."""


class PrefixNews:
    """Mobile prefix discovery at a home agent (section 10.6)."""

    def changed(self) -> None:
        """Tell all mobile nodes that the home prefixes have changed, and end what they no longer carry."""

    def registered(self, home_address: Address) -> None:
        """Tell a mobile node of the home prefixes in due time: its binding update was accepted (section 10.6.2)."""


class HomeAgentSearch:
    """Dynamic home agent address discovery at a mobile node (section 11.4.1)."""

    def discover(self) -> None:
        """Find a home agent: none is known."""

    def failed(self, home_agent: Address) -> None:
        """Find another home agent: this one refuses or does not answer."""


class PrefixSearch:
    """Mobile prefix discovery at a mobile node (sections 11.4.2 and 11.4.3)."""

    def solicit(self, home_address: Address) -> None:
        """Ask the home agent of a home address about the home prefixes."""

    def reconsider(self) -> None:
        """Renumber the home addresses as the home prefixes say: a home registration has changed."""


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
