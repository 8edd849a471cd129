"""The parts of a node of Mobile IPv6 that only some worlds have.

Those here do nothing, and every node begins with them. `mip6.discovery` and `mip6.security` derive theirs from them and
put them in; the core imports neither.
"""

from __future__ import annotations

from collections.abc import Callable

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
