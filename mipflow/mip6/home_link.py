"""A home agent's place on its home link (RFC 6275 sections 7.1, 7.2 and 7.4).

It has the prefixes and the home agent's addresses there, and builds the advertisement that says that this is one.
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
    """A relay that serves DHCPv6 to mobile nodes."""

    def takes(self, inner: Packet) -> bool:
        """Return whether a packet out of a tunnel is for it."""

    def from_client(self, arrival: Arrival) -> None:
        """Take a message of a client."""


class HomeLink:
    """The home link of `router`.

    preference, lifetime_s: of its home agent information option, which is left out without both (section 7.4). relay:
    serves DHCPv6 to mobile nodes, which the M and O bits say; None for no service.
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
        """Become the router of a segment. Return the interface there."""
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
        """Turn what any router says into what a home agent says: with the H bit, its whole address in each prefix of
        its own, and how preferable it is.
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
