"""The router that a home agent is on its home link: its prefixes and addresses there, and what it advertises (RFC 6275
sections 7.1, 7.2, 7.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from mipflow.errors import TopologyError
from mipflow.mip6.home_agents_list import HomeAgentsList
from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival
from mipflow.node.router import Router
from mipflow.sim.link import Segment
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import HomeAgentInformation, NeighborOption, PrefixInformation, RouterAdvertisement
from mipflow.wire.packet import Packet


class Relay(Protocol):
    """Serves DHCPv6 to mobile nodes."""

    def takes(self, inner: Packet) -> bool:
        """True for what came through a tunnel for it."""

    def from_client(self, arrival: Arrival) -> None:
        """It has come."""


class HomeLinkRouter(Router):
    """A router on a home link, which says there that it is a home agent.

    preference, home_agent_lifetime_s: what its home agent information option says; without both there is none (section
    7.4). relay: what serves DHCPv6 to mobile nodes, which the M and O bits say.
    """

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self.preference = 0
        self.home_agent_lifetime_s: int | None = None
        self.relay: Relay | None = None
        self.home_agents = HomeAgentsList()
        """The other home agents on the home link (section 10.1)."""
        self.home_prefixes = HomePrefixes()
        """The prefixes of the home link and their lifetimes (section 10.6.1)."""
        self._home: Interface | None = None

    def serve_home(self, segment: Segment, interface_identifier: int) -> Interface:
        """Be a router and home agent of the home link."""
        self._home = self.serve(segment, interface_identifier)
        self.record(self.home_prefixes.put(HomePrefix(self.home_prefix, self.home_agent_address)))
        return self._home

    @property
    def home_link(self) -> Interface:
        """The interface on the home link. Raises TopologyError before `serve_home`."""
        if self._home is None:
            raise TopologyError(f"{self.name} serves no home link yet; call serve_home(segment)", self.name)
        return self._home

    @property
    def home_agent_address(self) -> Address:
        """The address to which binding updates go and at which tunnels end: the oldest on the home link."""
        return self.home_link.addresses[0]

    @property
    def home_prefix(self) -> Prefix:
        """The first prefix of the home link."""
        segment = self.home_link.segment
        prefix = None if segment is None else self.network.prefix_of(segment)
        if prefix is None:
            raise TopologyError(f"the home link of {self.name} has no prefix", self.name)
        return prefix

    def advertisement(self, interface: Interface) -> RouterAdvertisement | None:
        """On the home link with the H bit, our whole address in each prefix of ours, and how preferable we are."""
        said = super().advertisement(interface)
        if said is None or interface is not self._home:
            return said
        now = self.clock.now
        options: list[NeighborOption] = [entry.information(now) for entry in self.home_prefixes if entry.home_agent]
        options += [option for option in said.options if not isinstance(option, PrefixInformation)]
        if self.preference or self.home_agent_lifetime_s is not None:
            lifetime_s = said.router_lifetime_s if self.home_agent_lifetime_s is None else self.home_agent_lifetime_s
            if lifetime_s == 0:  # it is none, then; a lifetime of zero is never sent (section 7.4)
                return said
            options.append(HomeAgentInformation(self.preference, lifetime_s))
        served = self.relay is not None
        return replace(said, home_agent=True, managed=served, other=served, options=tuple(options))

    def withdraw(self, entry: HomePrefix) -> None:
        """A prefix of the home link is not valid any more; our address in it goes, but for the last one."""
        self.record(self.home_prefixes.remove(entry.prefix))
        self.network.remove_prefix(entry.prefix)
        if entry.home_agent in self.addresses and len(self.home_link.addresses) > 1:
            self.home_link.remove_address(entry.home_agent)
