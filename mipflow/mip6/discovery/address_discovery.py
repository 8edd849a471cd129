"""Dynamic home agent address discovery (RFC 6275 sections 10.1, 10.5 and 11.4.1).

`HomeAgentsList` is pure: it takes advertisements and `now`, and gives changes and the addresses of a reply. Around it,
`AddressDiscoveryService` answers at a home agent, and `HomeAgentDiscovery` asks at a mobile node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from types import MappingProxyType

from mipflow.mip6.bindings.table import Entry, Table
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS, MAX_BINDACK_TIMEOUT_NS
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.home_prefixes import HomePrefix
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.parts import AnycastAnswers, HomeAgentSearch
from mipflow.mip6.registrations.events import HomeAgentChanged
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.sim.trace import Change
from mipflow.wire import icmpv6
from mipflow.wire.address import UNSPECIFIED, Address, Prefix
from mipflow.wire.icmpv6 import HomeAgentInformation, RouterAdvertisement
from mipflow.wire.packet import Packet

INITIAL_DHAAD_TIMEOUT_NS, DHAAD_RETRIES = 3 * NS_PER_S, 4
"""Protocol constants (section 12)."""
MAX_ADDRESSES = (1280 - 40 - 8) // 16
"""Addresses of a reply that fits the minimum IPv6 MTU (section 10.5.1)."""
HOME_AGENTS = 0xFDFF_FFFF_FFFF_FFFE
"""Interface identifier of the Mobile IPv6 Home-Agents anycast address (RFC 2526 sections 2 and 3)."""


def home_agents_anycast(address: Address) -> Address:
    """Return the Home-Agents anycast address of the 64-bit prefix that an address has."""
    return Prefix.around(address, 64).address(HOME_AGENTS)


# --- the home agents list (section 10.1) ------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class HomeAgentEntry(Entry):
    """A home agent on the home link, until `expires_ns`; `valid_until_ns` has its global addresses and their ends."""

    columns = "link_local preference expires_at_s addresses".split()
    link_local: Address
    preference: int
    expires_ns: int
    valid_until_ns: Mapping[Address, int]

    @property
    def expires_at_s(self) -> float:
        """The end of the entry, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    @property
    def addresses(self) -> str:
        """The global addresses as text."""
        return ", ".join(map(str, self.valid_until_ns))


def heard(
    advertisement: RouterAdvertisement, source: Address, now: int, known: Mapping[Address, int] = MappingProxyType({})
) -> HomeAgentEntry | None:
    """Read a router's advertisement as a home agent's; None where it is no home agent, or is one no longer.

    `known`: the addresses that it has told so far, with their ends in nanoseconds.
    """
    told = next((option for option in advertisement.options if isinstance(option, HomeAgentInformation)), None)
    preference, lifetime_s = (told.preference, told.lifetime_s) if told else (0, advertisement.router_lifetime_s)
    if not advertisement.home_agent or lifetime_s == 0:
        return None
    until_ns = {
        option.prefix: now + option.valid_lifetime_s * NS_PER_S
        for option in advertisement.prefixes if option.router_address
    }  # fmt: skip
    return HomeAgentEntry(source, preference, now + lifetime_s * NS_PER_S, _valid({**known, **until_ns}, now))


def _valid(until_ns: Mapping[Address, int], now: int) -> dict[Address, int]:
    return {address: end for address, end in until_ns.items() if end > now}


class HomeAgentsList(Table[Address, HomeAgentEntry]):
    """The other home agents of one home link, by link-local address. Iterates over its entries."""

    name = "home agents list"

    def hear(self, advertisement: RouterAdvertisement, source: Address, now: int) -> list[Change]:
        """Take what a router of the home link advertises from the link-local address `source`."""
        known = self._entries[source].valid_until_ns if source in self else {}
        entry = heard(advertisement, source, now, known)
        return self._take(source) if entry is None else self._put(source, entry)

    def expire(self, now: int) -> list[Change]:
        """Delete home agents whose lifetime has ended, and addresses whose prefix has."""
        changes = []
        for entry in self:
            left = _valid(entry.valid_until_ns, now)
            if entry.expires_ns <= now:
                changes += self._take(entry.link_local)
            elif left != entry.valid_until_ns:
                changes += self._put(entry.link_local, replace(entry, valid_until_ns=left))
        return changes

    def next_end_ns(self) -> int | None:
        """Return when the next entry or address ends, in nanoseconds; None for an empty list."""
        return min((end for entry in self for end in (entry.expires_ns, *entry.valid_until_ns.values())), default=None)

    def by_preference(self, own: HomeAgentEntry | None, random: Random) -> tuple[Address, ...]:
        """Return all addresses, ours too, as a reply lists them: the most preferable first, equals in random order."""
        entries = [*self] if own is None else [own, *self]
        random.shuffle(entries)
        entries.sort(key=lambda entry: -entry.preference)
        found = [random.sample(list(entry.valid_until_ns), len(entry.valid_until_ns)) for entry in entries]
        return tuple(chain.from_iterable(found))[:MAX_ADDRESSES]


# --- at a home agent (section 10.5) -----------------------------------------------------------------------------------


class AddressDiscoveryService(AnycastAnswers):
    """Answers requests to the anycast address of the home link.

    `prefix_heard` takes the prefixes of other home agents; `agents` is the home agents list.
    """

    def __init__(self, node: HomeAgent, prefix_heard: Callable[[HomePrefix], None]) -> None:
        self._node, self._home, self._prefix_heard = node, node.home, prefix_heard
        self.agents = HomeAgentsList()
        self._random = node.network.random(f"{node.name}/home agent address discovery")
        self._expiry = Timer(node.clock, self._expire)
        node.neighbor.on_advertisement.append(self._advertised)
        node.handlers[icmpv6.HomeAgentAddressDiscoveryRequest] = self._request
        self.claim()

    def serves(self, address: Address) -> bool:
        """Return whether an address is the anycast address of a prefix of the home link (section 8.4)."""
        return address.interface_identifier == HOME_AGENTS and self._home.prefixes.of(address) is not None

    def claim(self) -> None:
        """Answer for the anycast addresses of the home link from now on, in the place of another home agent."""
        home = self._home.place
        if home is not None and home.segment is not None and home.listens:
            for entry in self._home.prefixes:
                home.segment.neighbors[home_agents_anycast(entry.prefix.network)] = home
            self._node.network.changed()

    def _advertised(self, interface: Interface, advertisement: RouterAdvertisement, source: Address) -> None:
        """List another router of the home link if it is a home agent; take over its prefixes (10.5.1, 10.6.1)."""
        now = self._node.clock.now
        if interface is not self._home.interface:
            return
        self._node.record(self.agents.hear(advertisement, source, now))
        self._wait()
        for option in advertisement.prefixes if advertisement.home_agent else ():
            if option.prefix_length == 64:
                self._prefix_heard(HomePrefix.told(option, now))

    def _wait(self) -> None:
        end = self.agents.next_end_ns()
        if end is not None:
            self._expiry.set(end)

    def _expire(self) -> None:
        """Take over the anycast addresses from a home agent that is gone: RFC 4861 section 7.3 has neighbors do so."""
        self._node.record(self.agents.expire(self._node.clock.now))
        self.claim()
        self._wait()

    def _request(self, arrival: Arrival) -> None:
        """Answer straight to where the request came from, from a unicast address of ours (sections 6.5, 10.5.1)."""
        node, home = self._node, self._home
        if not self.serves(arrival.destination):
            node.drop(arrival.packet, "home agent address discovery, but not for the anycast address of the home link")
            return
        said = node.advertisement(home.interface)
        own = None if said is None else heard(said, home.interface.link_local, node.clock.now)
        found = self.agents.by_preference(own, self._random)
        reply = icmpv6.HomeAgentAddressDiscoveryReply(arrival.payload.identifier, found)
        node.transmit(reply, home.address, arrival.source)


# --- at a mobile node (section 11.4.1) --------------------------------------------------------------------------------


class HomeAgentDiscovery(HomeAgentSearch):
    """Asks for home agents, and takes the next one where one fails, unless one was configured.

    `home_agents`: those of the last reply, in its order; kept for when the one in use fails.
    """

    def __init__(self, mobile: MobileNode) -> None:
        self._mobile, self._node = mobile, mobile.host
        self._is_configured = mobile.home_agent != UNSPECIFIED
        self._random = mobile.network.random(f"{mobile.name}/home agent address discovery")
        self._timer, self._next = Timer(mobile.clock, self._send), Timer(mobile.clock, self._use_next)
        self._soonest_ns = 0
        """When an update may go to another home agent: InitialBindackTimeoutFirstReg after the one before."""
        self._identifier = self._attempts = 0
        self.home_agents: tuple[Address, ...] = ()
        self._following: tuple[Address, ...] = ()
        self._node.handlers[icmpv6.HomeAgentAddressDiscoveryReply] = self._reply

    def discover(self) -> None:
        """Ask who serves the home link, unless that is under way."""
        if self._timer.due_ns is None:
            self._attempts = 0
            self._send()

    def _send(self) -> None:
        """Send a request, the same one again up to DHAAD_RETRIES times, then begin anew with another."""
        if self._attempts in (0, DHAAD_RETRIES + 1):
            self._identifier, self._attempts = self._random.getrandbits(16), 0
        self._timer.set(self._node.clock.now + (INITIAL_DHAAD_TIMEOUT_NS << self._attempts))
        self._attempts += 1
        interface = self._mobile.first_interface()
        if interface is not None and interface.address is not None:
            anycast = home_agents_anycast(self._mobile.primary_home_address)
            request = icmpv6.HomeAgentAddressDiscoveryRequest(self._identifier)
            self._node.send_direct(Packet(interface.address, anycast, request))

    def _reply(self, arrival: Arrival) -> None:
        reply: icmpv6.HomeAgentAddressDiscoveryReply = arrival.payload
        usable = tuple(address for address in reply.home_agents if address.is_unicast_routable)
        if self._timer.due_ns is None or reply.identifier != self._identifier:
            self._node.drop(arrival.packet, "home agent address discovery reply that nobody waits for")
        elif not usable:
            self._node.drop(arrival.packet, "home agent address discovery reply without a home agent")
        else:
            self._timer.stop()
            self.home_agents = usable
            self._node.decided("home agents", ", ".join(map(str, usable)))
            self._use(usable[0])

    def failed(self, home_agent: Address) -> None:
        """Try the next home agent of the list after one that refuses or is silent; behind the last, ask anew later."""
        if self._is_configured:
            return
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
        """Register every home address at this home agent from now on, the primary at least; what the former one said
        does not count.
        """
        mobile = self._mobile
        self._next.stop()
        self._soonest_ns = self._node.clock.now + INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS
        self._node.decided("home agent", str(home_agent))
        mobile.home_agent = home_agent
        mobile.home_agents.clear()
        for entry in mobile.home_prefixes:
            mobile.record(mobile.home_prefixes.remove(entry.prefix))
        mobile.registrar.tell(HomeAgentChanged(home_agent))
