"""The mobile node around the machine of registrations, as far as the machine sees it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.mip6.constants import HOME_BINDING_LIFETIME_S, MAX_RR_BINDING_LIFETIME_S
from mipflow.wire.address import Address


class Settings(NamedTuple):
    """The settings of registrations: see the arguments of `MobileNode`."""

    reuse_tokens: bool = True
    home_lifetime_s: int = HOME_BINDING_LIFETIME_S
    binding_lifetime_s: int = MAX_RR_BINDING_LIFETIME_S


class Surroundings(Protocol):
    """Questions of registrations to the node that they belong to."""

    def is_home_ready(self, home_address: Address) -> bool:
        """True where packets to a home address surely reach the mobile node."""

    def is_reachable(self, address: Address) -> bool:
        """True for an address of an interface that is up, on a link that is up."""

    def home_agent_of(self, home_address: Address) -> Address:
        """Return the home agent's address for a home address; the unspecified one where none is known."""

    def care_of_for(self, entry: BindingUpdateEntry, care_of: Address) -> Address:
        """Return the care-of address for a registration whose own is out of reach; `care_of` can be reached."""

    def valid_s(self, home_address: Address, most_s: int) -> int:
        """Return for how many seconds a home address is valid, at most `most_s`."""

    def update_flags(self, home_address: Address, care_of: Address) -> dict[str, bool]:
        """Return the bits L and K of a home registration (section 11.7.1)."""
