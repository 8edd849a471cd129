"""The mobile node's part of mobile prefix discovery (RFC 6275 sections 11.4.2, 11.4.3): asks, believes, reconfigures.

A shell around `HomePrefixes`: a new home prefix gives a new home address, one that ends takes its home addresses.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from mipflow.mip6.bindings.binding_update_list import State, back_off_ns
from mipflow.mip6.constants import INITIAL_SOLICIT_TIMER_NS
from mipflow.mip6.discovery.home_prefixes import HomePrefix, HomePrefixes
from mipflow.mip6.registrations.events import PrefixesLearned, Shortened
from mipflow.sim.clock import Timer
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from mipflow.wire.mobility import LIFETIME_UNIT_S
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

if TYPE_CHECKING:
    from mipflow.mip6.discovery.home_prefixes import HomeAddresses
    from mipflow.mip6.registrations.registrar import Registrar
    from mipflow.node.node import Arrival, Node
    from mipflow.wire.address import Address, Prefix


class Solicitation:
    """A solicitation that is not answered yet. `identifier` is that of the one sent last."""

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.identifier = self.attempts = 0


class HasHomeAddresses(Protocol):
    """A mobile node's home addresses."""

    own_home_addresses: HomeAddresses
    primary_home_address: Address

    def registered_at_home(self, home_address: Address) -> Address | None:
        """The care-of address that the home agent holds for one."""

    def home_agent_of(self, home_address: Address) -> Address:
        """The home agent's address for one."""


class Reconfigures(Protocol):
    """Does what is learned."""

    def take_home_address(self, home_address: Address) -> None:
        """The home link has a new prefix."""

    def lead_with(self, home_address: Address) -> None:
        """Another home address is the primary."""

    def drop_home_address(self, home_address: Address) -> None:
        """The prefix of a home address is not valid any more."""

    def home_prefixes_told(self) -> None:
        """All that the home agent said has been learned."""


class PrefixDiscovery:
    """One mobile node's knowledge of its home link, and how it learns more."""

    def __init__(
        self, node: Node, homes: HasHomeAddresses, does: Reconfigures, registrar: Registrar
    ) -> None:
        self._node, self._homes, self._does, self._registrar = node, homes, does, registrar
        self._random = node.network.random(f"{node.name}/mobile prefixes")
        self._moment = Timer(node.clock, self.reconsider)
        self._asked: dict[Address, Solicitation] = {}
        self.known = HomePrefixes()
        self._home_agents: dict[Prefix, Address] = {}
        """Prefixes that came while we were away -> the home agent's address in them."""
        self.managed = self.other = False
        """The M and O bits: the home agent relays DHCPv6 for addresses, for other configuration (section 6.8)."""
        node.handlers[MobilePrefixAdvertisement] = self._advertisement

    # --- what is known -----------------------------------------------------------------------------------------------

    def home_agent_of(self, home_address: Address) -> Address | None:
        """The home agent's address that came with the prefix of a home address, or None."""
        return next((agent for prefix, agent in self._home_agents.items() if home_address in prefix), None)

    def valid_s(self, home_address: Address, most_s: int) -> int:
        """Seconds left of the valid lifetime of a home address's prefix, `most_s` at most, one unit of 4 s at least."""
        entry = self.known.of(home_address)
        left_s = most_s if entry is None else entry.valid_s(self._node.clock.now)
        return max(min(left_s, most_s), LIFETIME_UNIT_S)

    def forget(self) -> None:
        """Another home agent serves from now on: what the one before said does not count."""
        self._home_agents.clear()
        for entry in self.known:
            self._node.record(self.known.remove(entry.prefix))

    # --- asking (section 11.4.2) -------------------------------------------------------------------------------------

    def solicit(self, home_address: Address) -> None:
        """Ask the home agent of a home address about its prefixes until it answers, unless that is under way."""
        if home_address not in self._asked:
            self._asked[home_address] = Solicitation(Timer(self._node.clock, partial(self._send, home_address)))
            self._send(home_address)

    def _send(self, home_address: Address) -> None:
        asked, care_of = self._asked[home_address], self._homes.registered_at_home(home_address)
        if care_of is None:  # no binding, so no answer: the next registration says whether one is needed
            del self._asked[home_address]
            return
        asked.identifier = self._random.randrange(1, 1 << 16)  # 0 is in unsolicited ones
        asked.attempts += 1
        asked.timer.set(self._node.clock.now + back_off_ns(asked.attempts, INITIAL_SOLICIT_TIMER_NS))
        home_agent, message = self._homes.home_agent_of(home_address), MobilePrefixSolicitation(asked.identifier)
        option = DestinationOptions((HomeAddressOption(home_address),))
        self._node.send_direct(Packet(care_of, home_agent, message, extensions=(option,)))

    # --- believing (section 11.4.3) ----------------------------------------------------------------------------------

    def _advertisement(self, arrival: Arrival) -> None:
        message, home_address, packet = arrival.packet.payload, arrival.destination, arrival.packet
        assert isinstance(message, MobilePrefixAdvertisement)
        if home_address == packet.destination:
            self._node.drop(packet, "mobile prefix advertisement without a type 2 routing header")
            return
        if packet.source != self._homes.home_agent_of(home_address):
            self._node.drop(packet, "mobile prefix advertisement, but not from our home agent")
            return
        asked = self._asked.get(home_address)
        if asked is None or asked.identifier != message.identifier:
            self._node.drop(packet, "mobile prefix advertisement that was not asked for: now it is")
            self.solicit(home_address)
            return
        asked.timer.stop()
        del self._asked[home_address]
        self.managed, self.other = message.managed, message.other
        for option in message.prefixes:
            if option.makes_addresses:
                self._learn(HomePrefix.told(option, self._node.clock.now))
        self._registrar.tell(PrefixesLearned())
        self.reconsider()
        self._does.home_prefixes_told()

    def _learn(self, entry: HomePrefix) -> None:
        """A prefix of the home link. The two hours of RFC 4862 section 5.5.3 e do not count: this word is authentic."""
        node, agent = self._node, entry.home_agent
        node.record(self.known.put(entry))
        if agent and not self._own(entry):
            self._home_agents[entry.prefix] = agent
        for held in self._registrar.list:
            is_bound = held.state is State.BOUND and held.home_address in entry.prefix
            if is_bound and held.expires_ns > entry.ends_ns:
                self._registrar.tell(Shortened(held.peer, held.home_address, entry.ends_ns))

    # --- reconfiguring -----------------------------------------------------------------------------------------------

    def reconsider(self) -> None:
        """A lifetime has ended, or an address is registered: take home addresses up, lead with one that is preferred,
        and let those go whose prefix is not valid any more.
        """
        node, homes, now = self._node, self._homes, self._node.clock.now
        preferred = [entry for entry in self.known if entry.preferred_s(now)]
        for entry in preferred:
            if not self._own(entry):
                self._does.take_home_address(entry.prefix.address(homes.primary_home_address.interface_identifier))
        if preferred and not any(homes.primary_home_address in entry.prefix for entry in preferred):
            ready = [own for entry in preferred for own in self._own(entry) if homes.registered_at_home(own)]
            if ready:
                self._does.lead_with(ready[0])
        for entry in self.known:
            if entry.valid_s(now) == 0:
                node.record(self.known.remove(entry.prefix))
                for address in self._own(entry):
                    self._does.drop_home_address(address)
            elif entry.nears_end_ns <= now:
                for address in self._own(entry)[:1]:
                    self.solicit(address)
        moment = self.known.next_moment_ns(now)
        if moment is not None:
            self._moment.set(moment)

    def _own(self, entry: HomePrefix) -> list[Address]:
        """Our home addresses in a prefix."""
        return sorted(address for address in self._homes.own_home_addresses if address in entry.prefix)
