"""Dynamic home agent address discovery (RFC 6275 sections 10.5 and 11.4.1): who answers at home, who asks from away.

Both are shells: `HomeAgentsList` says what a reply lists; the mobile node takes the first that accepts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mipflow.mip6.constants import (
    DHAAD_RETRIES,
    INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS,
    INITIAL_DHAAD_TIMEOUT_NS,
    MAX_BINDACK_TIMEOUT_NS,
)
from mipflow.mip6.discovery.home_agents_list import heard
from mipflow.mip6.discovery.home_prefixes import HomePrefix
from mipflow.sim.clock import Timer
from mipflow.wire import icmpv6
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from mipflow.mip6.home_link import HomeLink
    from mipflow.node.interface import Interface
    from mipflow.node.node import Arrival, Node
    from mipflow.node.router import Router

HOME_AGENTS = 0xFDFF_FFFF_FFFF_FFFE
"""Interface identifier of the Mobile IPv6 Home-Agents anycast address (RFC 2526 sections 2 and 3)."""


def home_agents_anycast(address: Address) -> Address:
    """The Home-Agents anycast address of the 64-bit prefix that an address has."""
    return Prefix.around(address, 64).address(HOME_AGENTS)


class AddressDiscoveryService:
    """The home agent's side: keeps its home agents list, and answers requests to the anycast address of its home link.
    `prefix_heard` is told the prefixes of other home agents.
    """

    def __init__(self, node: Router, home: HomeLink, prefix_heard: Callable[[HomePrefix], None]) -> None:
        self._node, self._home, self._prefix_heard = node, home, prefix_heard
        self._random = node.network.random(f"{node.name}/home agent address discovery")
        self._expiry = Timer(node.clock, self._expire)
        node.neighbor.on_advertisement.append(self._advertised)
        node.handlers[icmpv6.HomeAgentAddressDiscoveryRequest] = self._request

    def serves(self, address: Address) -> bool:
        """True for the anycast address of a prefix of the home link (section 8.4: every home agent accepts it)."""
        return address.interface_identifier == HOME_AGENTS and self._home.prefixes.of(address) is not None

    def claim(self) -> None:
        """Answer for the anycast addresses on the home link from now on, in the place of whoever did."""
        home = self._home.interface
        if home.segment is not None and home.listens:
            for entry in self._home.prefixes:
                home.segment.neighbors[home_agents_anycast(entry.prefix.network)] = home
            self._node.network.changed()

    def _advertised(self, interface: Interface, advertisement: icmpv6.RouterAdvertisement, source: Address) -> None:
        """Another router of the home link has said whether it is a home agent (section 10.5.1)."""
        node, home, now = self._node, self._home, self._node.clock.now
        if interface is not home.interface:
            return
        node.record(home.agents.hear(advertisement, source, now))
        self._wait()
        for option in advertisement.prefixes if advertisement.home_agent else ():
            if option.prefix_length == 64:
                # Mobile nodes are told the prefixes of all home agents; the address in one is that agent's, not ours.
                self._prefix_heard(HomePrefix.told(option, now))

    def _wait(self) -> None:
        end = self._home.agents.next_end_ns()
        if end is not None:
            self._expiry.set(end)

    def _expire(self) -> None:
        """A home agent is gone: its neighbors find another behind the anycast address, as RFC 4861 section 7.3 has it.
        """
        self._node.record(self._home.agents.expire(self._node.clock.now))
        self.claim()
        self._wait()

    def _request(self, arrival: Arrival) -> None:
        """Answer straight to where the request came from, from a unicast address of ours (sections 6.5, 10.5.1)."""
        node, home, request = self._node, self._home, arrival.packet.payload
        assert isinstance(request, icmpv6.HomeAgentAddressDiscoveryRequest)
        if not self.serves(arrival.destination):
            node.drop(arrival.packet, "home agent address discovery, but not for the anycast address of the home link")
            return
        said = node.advertisement(home.interface)
        own = None if said is None else heard(said, home.interface.link_local, node.clock.now)
        found = home.agents.by_preference(own, self._random)
        reply = icmpv6.HomeAgentAddressDiscoveryReply(request.identifier, found)
        node.transmit(reply, home.address, arrival.source)


class NeedsHomeAgent(Protocol):
    """A mobile node that has no home agent, or perhaps not for long."""

    primary_home_address: Address

    def first_interface(self) -> Interface | None:
        """Where to ask."""

    def change_home_agent(self, home_agent: Address) -> None:
        """Register at another one."""


class HomeAgentDiscovery:
    """The mobile node's side: asks for home agents, and takes the next one where one fails.

    `home_agents`: those of the last reply, in its order; kept for when the one in use fails.
    """

    def __init__(self, node: Node, asks: NeedsHomeAgent) -> None:
        self._node, self._asks = node, asks
        self._random = node.network.random(f"{node.name}/home agent address discovery")
        self._timer = Timer(node.clock, self._send)
        self._next = Timer(node.clock, self._use_next)
        self._soonest_ns = 0
        """When an update may go to another home agent: InitialBindackTimeoutFirstReg after the one before."""
        self._identifier = self._attempts = 0
        self.home_agents: tuple[Address, ...] = ()
        self._following: tuple[Address, ...] = ()
        node.handlers[icmpv6.HomeAgentAddressDiscoveryReply] = self._reply

    def discover(self) -> None:
        """Ask who serves the home link, unless that is under way (section 11.4.1)."""
        if self._timer.due_ns is None:
            self._attempts = 0
            self._send()

    def _send(self) -> None:
        """Send a request, the same one again up to DHAAD_RETRIES times, then begin anew with another."""
        if self._attempts in (0, DHAAD_RETRIES + 1):
            self._identifier, self._attempts = self._random.getrandbits(16), 0
        self._timer.set(self._node.clock.now + (INITIAL_DHAAD_TIMEOUT_NS << self._attempts))
        self._attempts += 1
        interface = self._asks.first_interface()
        if interface is not None and interface.address is not None:
            anycast = home_agents_anycast(self._asks.primary_home_address)
            request = icmpv6.HomeAgentAddressDiscoveryRequest(self._identifier)
            self._node.send_direct(Packet(interface.address, anycast, request))

    def _reply(self, arrival: Arrival) -> None:
        reply: icmpv6.HomeAgentAddressDiscoveryReply = arrival.payload
        if self._timer.due_ns is None or reply.identifier != self._identifier:
            self._node.drop(arrival.packet, "home agent address discovery reply that nobody waits for")
            return
        usable = [a for a in reply.home_agents if a.is_unicast_routable]
        if not usable:
            self._node.drop(arrival.packet, "home agent address discovery reply without a home agent")
            return
        self._timer.stop()
        self.home_agents = tuple(usable)
        self._node.decided("home agents", ", ".join(map(str, usable)))
        self._use(usable[0])

    def failed(self, home_agent: Address) -> None:
        """A home agent refuses or does not answer: try the next in the list's order; behind the last, ask anew later.
        """
        known = self.home_agents
        self._following = known[known.index(home_agent) + 1 :] if home_agent in known else known
        if self._following:
            self._next.set(max(self._node.clock.now, self._soonest_ns))
        elif not known:
            self.discover()
        elif self._timer.due_ns is None:
            self._attempts = 0
            self._timer.set(self._node.clock.now + MAX_BINDACK_TIMEOUT_NS)

    def _use_next(self) -> None:
        self._use(self._following[0])

    def _use(self, home_agent: Address) -> None:
        """Have every home registration at this home agent from now on, the primary's at least."""
        self._next.stop()
        self._soonest_ns = self._node.clock.now + INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS
        self._node.decided("home agent", str(home_agent))
        self._asks.change_home_agent(home_agent)
