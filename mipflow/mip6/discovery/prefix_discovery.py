"""Mobile prefix discovery at a mobile node (RFC 6275 sections 11.4.2 and 11.4.3): it learns the home prefixes.

Takes prefix advertisements and the passing of time; sends solicitations, and renumbers: a new home prefix gives a new
home address, one that ends takes its home addresses along.
"""

from __future__ import annotations

from functools import partial

from mipflow.mip6.bindings.binding_update_list import State, back_off_ns
from mipflow.mip6.discovery.prefix_advertiser import nears_end_ns, next_moment_ns
from mipflow.mip6.home_prefixes import HomePrefix
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.parts import PrefixSearch
from mipflow.mip6.registrations.events import Abandoned, PrefixesLearned, Shortened
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

INITIAL_SOLICIT_TIMER_NS = 3 * NS_PER_S
"""A protocol constant (section 12)."""


class Solicitation:
    """A solicitation that is not answered yet. `identifier` is that of the one sent last."""

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.identifier = self.attempts = 0


class PrefixDiscovery(PrefixSearch):
    """Learns the home prefixes of one mobile node."""

    def __init__(self, mobile: MobileNode) -> None:
        self._mobile, self._clock, self._registrar = mobile, mobile.clock, mobile.registrar
        self._random = mobile.network.random(f"{mobile.name}/mobile prefixes")
        self._moment = Timer(mobile.clock, self.reconsider)
        self._asked: dict[Address, Solicitation] = {}
        self.managed = self.other = False
        """The M and O bits: the home agent relays DHCPv6 for addresses, for other configuration (section 6.8)."""
        mobile.host.handlers[MobilePrefixAdvertisement] = self._advertisement

    # --- asking (section 11.4.2) -------------------------------------------------------------------------------------

    def solicit(self, home_address: Address) -> None:
        """Ask the home agent of a home address about its prefixes until it answers, unless that is under way."""
        if home_address not in self._asked:
            self._asked[home_address] = Solicitation(Timer(self._clock, partial(self._send, home_address)))
            self._send(home_address)

    def _send(self, home_address: Address) -> None:
        asked, care_of = self._asked[home_address], self._mobile.registered_at_home(home_address)
        if care_of is None:  # no binding, so no answer: the next registration says whether one is needed
            del self._asked[home_address]
            return
        asked.identifier = self._random.randrange(1, 1 << 16)  # 0 is in unsolicited ones
        asked.attempts += 1
        asked.timer.set(self._clock.now + back_off_ns(asked.attempts, INITIAL_SOLICIT_TIMER_NS))
        home_agent, message = self._mobile.home_agent_of(home_address), MobilePrefixSolicitation(asked.identifier)
        option = DestinationOptions((HomeAddressOption(home_address),))
        self._mobile.host.send_direct(Packet(care_of, home_agent, message, extensions=(option,)))

    # --- believing (section 11.4.3) ----------------------------------------------------------------------------------

    def _advertisement(self, arrival: Arrival) -> None:
        message, home_address, packet = arrival.payload, arrival.destination, arrival.packet
        if home_address == packet.destination:
            self._mobile.drop(packet, "mobile prefix advertisement without a type 2 routing header")
            return
        if packet.source != self._mobile.home_agent_of(home_address):
            self._mobile.drop(packet, "mobile prefix advertisement, but not from our home agent")
            return
        asked = self._asked.get(home_address)
        if asked is None or asked.identifier != message.identifier:
            self._mobile.drop(packet, "mobile prefix advertisement that was not asked for: now it is")
            self.solicit(home_address)
            return
        asked.timer.stop()
        del self._asked[home_address]
        self.managed, self.other = message.managed, message.other
        for option in message.prefixes:
            if option.makes_addresses:
                self._learn(HomePrefix.told(option, self._clock.now))
        self._registrar.tell(PrefixesLearned())
        self.reconsider()
        self._mobile.listener.home_prefixes_told()

    def _learn(self, entry: HomePrefix) -> None:
        """Take a home prefix; the two hours of RFC 4862 section 5.5.3 e do not count, for this word is authentic."""
        mobile = self._mobile
        mobile.record(mobile.home_prefixes.put(entry))
        if entry.home_agent and not self._own(entry):
            mobile.home_agents[entry.prefix] = entry.home_agent
        ends_ns = entry.end_ns(entry.valid_lifetime_s)
        for held in self._registrar.list:
            if held.state is State.BOUND and held.home_address in entry.prefix and held.expires_ns > ends_ns:
                self._registrar.tell(Shortened(held, ends_ns))

    # --- renumbering -------------------------------------------------------------------------------------------------

    def reconsider(self) -> None:
        """Make an address of each new prefix, lead with one that is preferred, and drop those whose prefix has ended.
        """
        mobile, now, known = self._mobile, self._clock.now, self._mobile.home_prefixes
        preferred = [entry for entry in known if entry.preferred_s(now)]
        for entry in preferred:
            if not self._own(entry):
                self._take(entry.prefix.address(mobile.primary_home_address.interface_identifier))
        if preferred and not any(mobile.primary_home_address in entry.prefix for entry in preferred):
            ready = [own for entry in preferred for own in self._own(entry) if mobile.registered_at_home(own)]
            if ready:
                self._lead_with(ready[0])
        for entry in known:
            if entry.valid_s(now) == 0:
                mobile.record(known.remove(entry.prefix))
                for address in self._own(entry):
                    self._drop(address)
            elif nears_end_ns(entry) <= now:
                for address in self._own(entry)[:1]:
                    self.solicit(address)
        moment = next_moment_ns(known, now)
        if moment is not None:
            self._moment.set(moment)

    def _own(self, entry: HomePrefix) -> list[Address]:
        """Return our home addresses in a prefix."""
        return sorted(address for address in self._mobile.own_home_addresses if address in entry.prefix)

    def _take(self, home_address: Address) -> None:
        """Take up an address of a new home prefix; the home agent has to find it unique."""
        self._mobile.own_home_addresses.add(home_address)
        care_of = self._mobile.registered_at_home(self._mobile.primary_home_address)
        if care_of is not None:
            self._registrar.register_home(home_address, care_of)

    def _lead_with(self, home_address: Address) -> None:
        """Make this home address the primary: the prefix of the one before is deprecated."""
        mobile = self._mobile
        mobile.decided("primary home address", str(home_address))
        former, mobile.primary_home_address = mobile.primary_home_address, home_address
        mobile.listener.primary_changed(former)

    def _drop(self, home_address: Address) -> None:
        """Give up a home address whose prefix has ended: no peer can hold it, none is told."""
        mobile = self._mobile
        mobile.decided("home address ended", f"the prefix of {home_address} is not valid any more")
        self._registrar.tell(Abandoned(home_address))
        mobile.disown(home_address)
        mobile.listener.home_address_ended(home_address)
