"""A home agent's place on its home link: its prefixes and addresses there, and what it advertises (RFC 6275 sections
7.1, 7.2, 7.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from mipflow.errors import TopologyError
from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival
from mipflow.node.router import Router
from mipflow.sim.link import Segment
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import HomeAgentInformation, NeighborOption, PrefixInformation, RouterAdvertisement
from mipflow.wire.packet import Packet


class Relay(Protocol):
    """Serves DHCPv6 to mobile nodes."""

    def takes(self, inner: Packet) -> bool:
        """True for what came through a tunnel for it."""

    def from_client(self, arrival: Arrival) -> None:
        """It has come."""


class HomeLink:
    """The home link of `router`, which says there that it is a home agent.

    preference, lifetime_s: what its home agent information option says; without both there is none (section 7.4).
    relay: what serves DHCPv6 to mobile nodes, which the M and O bits say.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self.preference = 0
        self.lifetime_s: int | None = None
        self.relay: Relay | None = None
        self.prefixes = HomePrefixes()
        """The prefixes of the home link and their lifetimes (section 10.6.1)."""
        self.place: Interface | None = None
        """The router's interface there, once it has one."""

    def serve(self, segment: Segment, interface_identifier: int) -> Interface:
        """Be its router and home agent."""
        self.place = self._router.serve(segment, interface_identifier)
        self._router.record(self.prefixes.put(HomePrefix(self.prefix, self.address)))
        return self.place

    @property
    def interface(self) -> Interface:
        """The interface on the home link. Raises TopologyError before `serve`."""
        if self.place is None:
            name = self._router.name
            raise TopologyError(f"{name} serves no home link yet; call serve_home(segment)", name)
        return self.place

    @property
    def address(self) -> Address:
        """The address to which binding updates go and at which tunnels end: the oldest on the home link."""
        return self.interface.addresses[0]

    @property
    def prefix(self) -> Prefix:
        """The first prefix of the home link."""
        segment = self.interface.segment
        prefix = None if segment is None else self._router.network.prefix_of(segment)
        if prefix is None:
            raise TopologyError(f"the home link of {self._router.name} has no prefix", self._router.name)
        return prefix

    def advertisement(self, said: RouterAdvertisement) -> RouterAdvertisement:
        """In the place of what any router says: with the H bit, our whole address in each prefix of ours, and how
        preferable we are.
        """
        now = self._router.clock.now
        options: list[NeighborOption] = [entry.information(now) for entry in self.prefixes if entry.home_agent]
        options += [option for option in said.options if not isinstance(option, PrefixInformation)]
        if self.preference or self.lifetime_s is not None:
            lifetime_s = said.router_lifetime_s if self.lifetime_s is None else self.lifetime_s
            if lifetime_s == 0:  # it is none, then; a lifetime of zero is never sent (section 7.4)
                return said
            options.append(HomeAgentInformation(self.preference, lifetime_s))
        served = self.relay is not None
        return replace(said, home_agent=True, managed=served, other=served, options=tuple(options))
