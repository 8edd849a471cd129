"""The home agent of RFC 6275 section 10: a router on the home link that stands in for mobile nodes that are away.

It is the patent's unchanged home agent: nothing here knows of flows, and one home address is like another. It takes
binding updates, and packets for home addresses; gives acknowledgements, tunnels and changes of its binding cache.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mipflow.mip6.binding_keeper import BindingKeeper
from mipflow.mip6.bindings.binding_cache import Binding, BindingEvent, BindingState, is_newer
from mipflow.mip6.constants import HOME_BINDING_LIFETIME_S, MAX_DELETE_BCE_TIMEOUT_NS
from mipflow.mip6.home_link import HomeLink
from mipflow.mip6.home_prefixes import HomePrefix
from mipflow.mip6.icmp_errors import tell_sender
from mipflow.mip6.parts import AnycastAnswers, PrefixNews, Security
from mipflow.node.interface import LINK_LOCAL, Interface
from mipflow.node.node import MIN_MTU, Arrival
from mipflow.node.road import Road
from mipflow.node.router import Forward, Router
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Segment
from mipflow.sim.network import Network, Role
from mipflow.wire import icmpv6, mobility
from mipflow.wire.address import Address, Prefix
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, Status
from mipflow.wire.packet import Packet


class HomeAgent(Router):
    """A home agent; `serve_home(segment)` puts it on its home link."""

    role: Role = "home agent"
    offered_names = ("bindings", "home_agent_address", "interfaces", "name")

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        lasts = {BindingEvent.DELETE: MAX_DELETE_BCE_TIMEOUT_NS, BindingEvent.EXPIRE: 0}  # section 10.3.2
        self.keeper, self.home = BindingKeeper(self, self.binding_update, lasts, self._stand_down), HomeLink(self)
        self.bindings, self.unbind = self.keeper.bindings, self.keeper.unbind
        self.ip_security, self.address_discovery, self.prefixes = Security(), AnycastAnswers(), PrefixNews()
        self.max_lifetime_s = HOME_BINDING_LIFETIME_S
        """The longest lifetime that is granted, in seconds."""
        self.refresh_advice_s: int | None = None
        """Seconds after which mobile nodes are advised to refresh, if any (section 10.3.1)."""
        self.prohibited: set[Address] = set()
        """Home addresses that are refused with status 129."""
        self._detecting: dict[Address, tuple[Arrival, BindingUpdate, set[Address]]] = {}
        """Home address under duplicate detection -> its newest update, and the addresses not found unique yet."""
        self.intercept: Forward | None = None
        """A function that forwards every packet, in place of the binding cache; None to look there."""
        self.handlers[Packet] = self.tunnel_exit
        self.error_listeners.append(partial(tell_sender, self, self.home))

    @property
    def home_link(self) -> Interface:
        """The interface on the home link. Raises TopologyError before `serve_home`."""
        return self.home.interface

    @property
    def home_agent_address(self) -> Address:
        """The address to which binding updates go, and at which tunnels end."""
        return self.home.address

    def serve_home(self, segment: Segment, interface_identifier: int) -> Interface:
        """Become a router and the home agent of a segment, the home link. Return the interface there."""
        home = self.home.serve(segment, interface_identifier)
        self.address_discovery.claim()
        return home

    def announce(self, interface: Interface, prefix: Prefix, valid_s: int, preferred_s: int) -> None:
        """Advertise a prefix with these lifetimes, which run down from now on on the home link."""
        super().announce(interface, prefix, valid_s, preferred_s)
        if interface is self.home.place:
            address = prefix.address(interface.interface_identifier)
            if address not in self.addresses:
                interface.add_address(address)
            self.record(self.home.prefixes.put(HomePrefix(prefix, address, valid_s, preferred_s, self.clock.now)))
            self.prefixes.changed()
            self.address_discovery.claim()

    def advertisement(self, interface: Interface) -> icmpv6.RouterAdvertisement | None:
        """Build the advertisement for an interface; on the home link it says that this is a home agent."""
        said = super().advertisement(interface)
        return said if said is None or interface is not self.home.place else self.home.advertisement(said)

    def _is_for_link(self, destination: Address, interface: Interface) -> bool:
        return self.address_discovery.serves(destination) or super()._is_for_link(destination, interface)

    # --- binding updates (section 10.3) ------------------------------------------------------------------------------

    def binding_update(self, arrival: Arrival) -> None:
        """Check an update as section 10.3.1 asks; then bind, detect duplicates first, or delete the binding."""
        update, home_address = arrival.payload, arrival.source
        if not self.keeper.is_well_formed(arrival, update):
            return
        is_bound = home_address in self.bindings
        if not update.home_registration and not is_bound:
            self.drop(arrival.packet, "binding update that no tests here could prove, and no home registration")
            return
        if update.lifetime_units and home_address == arrival.packet.source:
            self.drop(arrival.packet, "home registration without a Home Address option (RFC 6275 section 10.3.1)")
            return
        status, sequence = self._judge(update, home_address, self.keeper.care_of_address(arrival, update))
        if status is not Status.ACCEPTED:
            self.keeper.acknowledge(arrival, BindingAcknowledgement(status, sequence))
        elif update.lifetime_units == 0:
            self._deregister(arrival, update)
        elif is_bound:
            self._accept(arrival, update)
        else:
            self._detect(arrival, update)

    def _judge(self, update: BindingUpdate, home_address: Address, care_of: Address) -> tuple[Status, int]:
        """Return the status of an update, and the sequence number to send with it."""
        entry, prefix = self.bindings.entry(home_address), self.home.prefixes.of(home_address)
        if entry is not None and not is_newer(update.sequence, entry.sequence):
            return Status.SEQUENCE_NUMBER_OUT_OF_WINDOW, entry.sequence
        is_valid = prefix is not None and prefix.valid_s(self.clock.now) >= LIFETIME_UNIT_S
        is_ours = home_address in self.addresses or self._is_anycast(home_address)
        refusals = {
            Status.REGISTRATION_TYPE_CHANGE_DISALLOWED: not update.home_registration,
            Status.NOT_HOME_SUBNET: not is_valid or is_ours,
            Status.ADMINISTRATIVELY_PROHIBITED: home_address in self.prohibited,
            Status.NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE: entry is None and not update.lifetime_units,
            Status.INVALID_CARE_OF_ADDRESS: update.lifetime_units > 0 and self._is_impossible(home_address, care_of),
            Status.INSUFFICIENT_RESOURCES: not self.bindings.has_room(home_address),
        }  # fmt: skip
        return next((status for status, is_so in refusals.items() if is_so), Status.ACCEPTED), update.sequence

    def _is_impossible(self, home_address: Address, care_of: Address) -> bool:
        """Return whether nothing could be sent to a care-of address: tunnels between home addresses could go round."""
        is_ours = self._is_anycast(care_of) or care_of in self.bindings
        return is_ours or self.keeper.is_impossible(home_address, care_of)

    def _is_anycast(self, address: Address) -> bool:
        """Return whether an address is an anycast address of the home link, so a router's and no mobile node's."""
        prefix = self.home.prefixes.of(address)
        return prefix is not None and prefix.prefix.is_anycast(address)

    def _detect(self, arrival: Arrival, update: BindingUpdate) -> None:
        """Ask on the home link whether anybody has the address; a newer update takes the place of the one before."""
        home_address = arrival.source
        before, binding = self.bindings.entry(home_address), self._binding(arrival, update, update.lifetime_units)
        self.keeper.step(BindingEvent.PROBE, binding)
        if before is not None and before.state is BindingState.PROBING and before.link_local == update.link_local:
            self._detecting[home_address] = (arrival, update, self._detecting[home_address][2])
            return
        self._detecting[home_address] = (arrival, update, set(_defended(binding)))
        self.decided("uniqueness test", f"{home_address} on the home link")
        for address in _defended(binding):
            self.neighbor.detect_duplicate(address, self.home_link, partial(self._detected, home_address, address))

    def _detected(self, home_address: Address, address: Address, is_unique: bool) -> None:
        if home_address not in self._detecting:
            return
        arrival, update, waiting = self._detecting[home_address]
        waiting.discard(address)
        if is_unique and waiting:
            return
        del self._detecting[home_address]
        if is_unique:
            self.decided("unique address", f"{home_address} on the home link")
            self._accept(arrival, update)
        else:
            self.decided("duplicate address", f"{address} is in use on the home link")
            self._give_up(arrival, update, Status.DUPLICATE_ADDRESS_DETECTION_FAILED)

    def _give_up(self, arrival: Arrival, update: BindingUpdate, status: Status) -> None:
        """Refuse what was to be bound after the detection."""
        entry = self.bindings.entry(arrival.source)
        if entry is not None and entry.state is BindingState.PROBING:
            self.keeper.step(BindingEvent.REFUSE, entry)
        self.keeper.acknowledge(arrival, BindingAcknowledgement(status, update.sequence))

    def _accept(self, arrival: Arrival, update: BindingUpdate) -> None:
        prefix, now = self.home.prefixes.of(arrival.source), self.clock.now
        lifetimes_s = (0, 0) if prefix is None else (prefix.valid_s(now), prefix.preferred_s(now))
        units, status = granted(update.lifetime_units, self.max_lifetime_s, *lifetimes_s)
        if units == 0:  # the prefix ended during the detection
            self._give_up(arrival, update, Status.NOT_HOME_SUBNET)
            return
        known, binding = self.bindings.get(arrival.source), self._binding(arrival, update, units)
        if known is None:
            self.bind(binding)
            self._stand_in(binding)
        else:
            self.bind(replace(binding, link_local=known.link_local))  # no other address was probed for
        self._acknowledge(arrival, update, status, units)

    def _acknowledge(self, arrival: Arrival, update: BindingUpdate, status: Status, units: int) -> None:
        """Acknowledge an update that was carried out, with advice when to refresh where that is due before the end."""
        advice: tuple[mobility.MobilityOption, ...] = ()
        if self.refresh_advice_s is not None and self.refresh_advice_s // LIFETIME_UNIT_S < units:
            advice = (mobility.BindingRefreshAdvice(self.refresh_advice_s // LIFETIME_UNIT_S),)
        keys_survive = update.key_management and self.ip_security.keys_survive_movement
        self.keeper.acknowledge(arrival, BindingAcknowledgement(status, update.sequence, units, keys_survive, advice))

    def _binding(self, arrival: Arrival, update: BindingUpdate, lifetime_units: int) -> Binding:
        care_of, addressed = self.keeper.care_of_address(arrival, update), arrival.packet.destination
        expires_ns = self.clock.now + lifetime_units * LIFETIME_UNIT_S * NS_PER_S
        return Binding(arrival.source, care_of, update.sequence, expires_ns, True, update.link_local, addressed)

    def bind(self, binding: Binding) -> None:
        """Put a binding into the cache."""
        self.keeper.bind(binding)
        self.prefixes.registered(binding.home_address)

    def _deregister(self, arrival: Arrival, update: BindingUpdate) -> None:
        """End a binding, also one that has ended already or is under detection (section 10.3.2)."""
        entry = self.bindings.entry(arrival.source)
        assert entry is not None
        self.keeper.end(replace(entry, sequence=update.sequence), BindingEvent.DELETE)  # an older update may still come
        if entry.state is BindingState.PROBING:
            del self._detecting[arrival.source]
            self._give_up(arrival, update, Status.NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE)
        else:
            self._acknowledge(arrival, update, Status.ACCEPTED, 0)

    # --- standing in for a mobile node (section 10.4) ----------------------------------------------------------------

    def _stand_in(self, binding: Binding) -> None:
        """Answer for a home address on the home link from now on, and tell everybody there (section 10.4.1)."""
        interface, segment = self.home_link, self.home_link.segment
        assert segment is not None
        for address in _defended(binding):
            owner = segment.neighbors.get(address, interface)
            if owner is not interface:  # it came home before this binding, which will end: it answers again then
                segment.claims[address] = owner
            segment.neighbors[address] = interface
            self.neighbor.announce(address, interface)
        self.network.changed()

    def _stand_down(self, binding: Binding) -> None:
        """Answer for a home address no longer: its binding has ended."""
        segment = self.home_link.segment
        for address in _defended(binding):
            if segment is not None and segment.neighbors.get(address) is self.home_link:
                del segment.neighbors[address]
                self.network.changed()

    def pass_on(self, packet: Packet) -> None:
        """Forward a packet; drop one for a mobile node's link-local address, which is not tunnelled (10.4.2)."""
        home = self.home.place
        segment = None if home is None else home.segment
        if packet.destination.is_link_local and segment and segment.neighbors.get(packet.destination) is home:
            self.drop(packet, f"{packet.destination} is link-local: not tunnelled to the mobile node that has it")
            self.send_error(packet, icmpv6.DESTINATION_UNREACHABLE, 3, 0)
        else:
            super().pass_on(packet)

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """Return a router's road, but to the home link for link-local addresses and nodes that are there (10.3.2)."""
        home, channel = self.home.place, None
        if home is not None and home.segment is not None:
            owners = (p for p in home.segment.ports if isinstance(p, Interface) and destination in p.addresses)
            owner = next(owners, home)
            if owner is not home:  # it has the address, even where we still answer for it
                channel = home.segment.channel(home, owner)
            elif destination.is_link_local:
                channel = home.channel_to(destination)
        return super().direct_road(source, destination) if channel is None else Road("direct", channel, channel.mtu)

    def find_forward(self, destination: Address) -> Forward | None:
        """Return how packets are passed on: for a home address that is bound into its tunnel (10.4.1, 10.4.2)."""
        if self.intercept is not None:
            return self.intercept
        binding = self.bindings.get(destination)
        if binding is None:
            return self.route(destination)
        return self.tunnel(binding.home_agent or self.home_agent_address, binding.care_of_address)

    def route(self, destination: Address) -> Forward | None:
        """Return how a router without bindings passes packets on."""
        return super().find_forward(destination)

    def tunnel(self, source: Address, destination: Address) -> Forward | None:
        """Return how packets are passed on inside others with these addresses; None where there is no way."""
        road = self.road("tunnel", source, destination, tunnel=(source, destination))
        if road is None:
            return None
        send = self.ip_security.tunnel_sender(road)
        return send if is_wide(road) else self._narrow(road, send)

    def _narrow(self, road: Road, forward: Forward) -> Forward:
        """Return how packets go into a tunnel that is narrower further on: senders are told (RFC 2473 section 7.1)."""

        def send(packet: Packet) -> None:
            if packet.size <= road.mtu:
                forward(packet)
            elif packet.size <= MIN_MTU:
                road.send_in_fragments(packet, self.next_identification())
            else:
                self.drop(packet, f"{packet.size} octets do not fit the tunnel's {road.mtu}")
                self.send_error(packet, icmpv6.PACKET_TOO_BIG, 0, max(road.mtu, MIN_MTU))

        return send

    def tunnel_exit(self, arrival: Arrival) -> None:
        """Forward what a mobile node tunnelled, if it came from where that home address is bound (section 10.4.5)."""
        inner: Packet = arrival.packet.payload  # type: ignore[assignment]  # the handlers' table says so
        if self.home.relay is not None and self.home.relay.takes(inner):
            self.home.relay.from_client(arrival)  # link-local, so it finds the binding by the tunnel (section 10.4.4)
            return
        binding, destination = self.bindings.get(inner.header.source), inner.header.destination
        is_registered = binding is not None and binding.care_of_address == arrival.packet.header.source
        if not is_registered and not self.ip_security.proves(arrival.packet):
            self.drop(arrival.packet, "reverse tunnel from an address that is not the registered care-of address")
            return
        # What is forwarded already is neither.
        if destination not in self._forward and (destination.is_multicast or destination.is_link_local):
            self.drop(arrival.packet, f"{destination} in a reverse tunnel: only unicast goes on from here")
            return
        # A trace holds the tunnelled packet as it came, while routers ahead change the one that goes on.
        arrival.interface.receive(inner if self.network.trace.mode == "off" else inner.copy())


def is_wide(road: Road) -> bool:
    """True for a tunnel that takes all that its first link does."""
    return road.mtu + road.overhead >= road.channel.mtu and road.mtu >= MIN_MTU


def granted(asked_units: int, most_s: int, valid_s: int, preferred_s: int) -> tuple[int, Status]:
    """Return the lifetime of a home registration in units of four seconds, and its status (section 10.3.1).

    valid_s, preferred_s: what is left of the lifetimes of its prefix.
    """
    valid_units, preferred_units = valid_s // LIFETIME_UNIT_S, preferred_s // LIFETIME_UNIT_S
    units = min(asked_units, most_s // LIFETIME_UNIT_S, valid_units)
    changes = preferred_units < units or valid_units == units
    return units, Status.ACCEPTED_BUT_PREFIX_DISCOVERY_NECESSARY if changes else Status.ACCEPTED


def _defended(binding: Binding) -> list[Address]:
    """Return the addresses to probe for and defend: with the L bit a link-local one too (section 10.3.1)."""
    link_local = LINK_LOCAL.address(binding.home_address.interface_identifier)
    return [binding.home_address, link_local] if binding.link_local else [binding.home_address]
