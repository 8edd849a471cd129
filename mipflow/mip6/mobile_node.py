"""The mobile node of RFC 6275 section 11: the part that gives a host home addresses, registered from wherever it is.

A thin shell of addresses and roads. It takes packets and what its interfaces and its registrar tell; it chooses the
road of each (home address, correspondent) pair, and restores home addresses on what comes in. Registrations are made
in `mip6.registrations`, attachments to access networks in `mip6.attachment`; a `Listener` hears what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mipflow.arguments import FLAG, MILLISECONDS, TEXT, check, one_of, whole
from mipflow.errors import ProtocolMisuse, shown
from mipflow.mip6.attachment import Attachment
from mipflow.mip6.binding_errors import BindingErrors
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.constants import HOME_BINDING_LIFETIME_S, MAX_RR_BINDING_LIFETIME_S
from mipflow.mip6.home_prefixes import HomeAddresses, HomePrefixes
from mipflow.mip6.parts import HomeAgentSearch, Listener, PrefixSearch, Security
from mipflow.mip6.registrations.events import Lost, Reachable
from mipflow.mip6.registrations.peer_reports import PeerReports
from mipflow.mip6.registrations.registrar import Registrar
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.mip6.registrations.steps import News
from mipflow.mip6.registrations.surroundings import Settings
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival, Mobility
from mipflow.node.road import Road
from mipflow.sim.clock import NS_PER_MS, Timer
from mipflow.sim.link import Segment
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import RouterAdvertisement
from mipflow.wire.mobility import LIFETIME_UNIT_S, Status
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet, RoutingHeaderType2

DataMode = Literal["triangular", "tunnel", "route_optimisation"]
LIFETIME_S = whole(LIFETIME_UNIT_S, 65535 * LIFETIME_UNIT_S, "a lifetime in seconds")
DATA_MODES: tuple[DataMode, ...] = ("triangular", "tunnel", "route_optimisation")


class MobileNode(Mobility):
    """The part of `host` that makes it a mobile node.

    home_agent: address of its home agent, the unspecified one to discover it (section 11.4.1); home_address: its
    primary; mode: "route_optimisation" (RFC 6275 section 11.3.1), "tunnel" (bidirectional, the same section) or
    "triangular" (the patent, page 2: replies go straight, from the home address); reuse_tokens: use tokens younger
    than 210 s again (section 5.2.7), else test before every update; registrations: makes the machine of its
    registrations; link_hints: whether its link layers report movements, or it is left to notice them by router
    advertisements (section 11.5.1). Raises ProtocolMisuse for a mode, lifetime or home address that cannot be.
    """

    def __init__(
        self, host: Host, *, home_agent: Address, home_address: Address, mode: DataMode = "route_optimisation",
        reuse_tokens: bool = True, home_lifetime_s: int = HOME_BINDING_LIFETIME_S,
        binding_lifetime_s: int = MAX_RR_BINDING_LIFETIME_S,
        registrations: Callable[..., Registrations] = Registrations, link_hints: bool = True,
    ) -> None:  # fmt: skip
        check(one_of(*DATA_MODES), mode=mode)
        _check_home_address(home_address)
        check(FLAG, reuse_tokens=reuse_tokens, link_hints=link_hints)
        check(LIFETIME_S, home_lifetime_s=home_lifetime_s, binding_lifetime_s=binding_lifetime_s)
        super().__init__(host)
        self.host, self.network, self.clock, self.name = host, host.network, host.clock, host.name
        self.interfaces, self.addresses, self.neighbor = host.interfaces, host.addresses, host.neighbor
        self.decided, self.record, self.drop = host.decided, host.record, host.drop
        self.home_agent = home_agent
        self.home_agents: dict[Prefix, Address] = {}
        """Prefixes of the home link that came while we were away -> the home agent's address in them."""
        self.home_prefixes = HomePrefixes()
        """The prefixes of the home link that the home agent has told (section 11.4.3)."""
        self.mode = mode
        self.own_home_addresses = HomeAddresses([home_address])
        """Home addresses whose packets this node accepts."""
        self.primary_home_address = home_address
        self.link_hints = link_hints
        self.listener = Listener()
        self.attachments: dict[Interface, Attachment] = {}
        self._arrivals: dict[Interface, Timer] = {}
        self._unbound: dict[Address, None] = {}
        """Home addresses that left home and wait for a care-of address."""
        self.ip_security, self.address_discovery, self.prefixes = Security(), HomeAgentSearch(), PrefixSearch()
        BindingErrors(host)
        how = Settings(reuse_tokens, home_lifetime_s, binding_lifetime_s)
        self.registrar = Registrar(host, self, self.home_test_road, registrations, how)
        self.binding_updates, self.duplicates = self.registrar.list, self.registrar.machine.duplicates
        """The binding update list (section 11.1); home addresses that somebody else has (section 11.7.1)."""
        PeerReports(host, self.registrar)
        self._take_places()

    def _take_places(self) -> None:
        """Hear what arrives at the host, what changes at its interfaces, and the news of the registrar."""
        host = self.host
        host.mobility, host.knows_mobility, host.interface_changed = self, True, self.interface_changed
        host.neighbor.on_advertisement[:] = [self.advertised]
        host.handlers[Packet] = self.tunnel_exit
        self.registrar.hears = {
            News.CHANGED: self.registration_changed, News.REFUSED: self.registration_refused,
            News.WITHOUT_MOBILITY: lambda peer: self.listener.peer_without_mobility(peer),
            News.PREFIXES_WANTED: lambda: self.prefixes.solicit(self.primary_home_address),
            News.SILENT: lambda: self.address_discovery.failed(self.home_agent),
            News.NO_HOME_AGENT: lambda: self.address_discovery.discover(),
        }  # fmt: skip

    def why_not_own(self, address: object) -> str:
        """Return why something cannot be a further home address of this node; an empty text where it can."""
        if not isinstance(address, Address):
            return "it is no Address"
        if not self.is_of_home_link(address):
            return "it has no home prefix"
        if Prefix.around(address, 64).is_anycast(address):
            return "it is an anycast address"
        if address == self.home_agent_of(address):
            return "it is the home agent's"
        return "it is in use" if address in self.duplicates or address in self.own_home_addresses else ""

    # --- interfaces and care-of addresses (section 11.5) -------------------------------------------------------------

    def visit(self, interface_name: str, segment: Segment, handoff_ms: float = 0.0) -> Interface:
        """Move an interface (made when new) to a network; for `handoff_ms` it is on none. Return the interface.

        With `link_hints` its link layer tells of it, and a router is solicited at once (section 11.5.1). Raises
        ProtocolMisuse for a segment of another network.
        """
        check(TEXT, interface_name=interface_name)
        check(MILLISECONDS, handoff_ms=handoff_ms)
        self.network.check_segment(segment)
        interface = self.interfaces.get(interface_name)
        if interface is None:
            interface = self.host.add_interface(interface_name, self.primary_home_address.interface_identifier)
            self.attachments[interface] = Attachment(self.host, interface, self, self, self.registrar)
        is_told = self.link_hints or self.attachments[interface].detection.router is None
        interface.is_arriving = is_told
        if interface.segment is not None:
            if is_told:
                self.leave_home(interface)
            interface.leave(is_noticed=is_told)
        if interface in self._arrivals:
            self._arrivals[interface].stop()  # it goes elsewhere now
        self._arrivals[interface] = Timer(self.clock, lambda: self._arrive(interface, segment, is_told))
        if handoff_ms:
            self._arrivals[interface].set(self.clock.now + round(handoff_ms * NS_PER_MS))
        else:
            self._arrive(interface, segment, is_told)
        return interface

    def _arrive(self, interface: Interface, segment: Segment, is_told: bool) -> None:
        interface.join(segment)
        if is_told:
            self.clock.at(self.clock.now, lambda _: self.attachments[interface].link_changed())

    def interface(self, name: str) -> Interface:
        """Return the interface of a name. Raises ProtocolMisuse, with the names that there are, for an unknown one."""
        if isinstance(name, Interface):
            self.network.check_own(name, name.network)
        if not isinstance(name, str) or name not in self.interfaces:
            known = ", ".join(self.interfaces)
            raise ProtocolMisuse(f"{self.name} has no interface {shown(name)}; expected one of {known}", name)
        return self.interfaces[name]

    def care_of_address(self, interface_name: str) -> Address:
        """Return the care-of address of an interface. Raises ProtocolMisuse where it is down, at home or has none."""
        interface = self.interface(interface_name)
        address = interface.address
        if address is None or not interface.is_usable or address in self.own_home_addresses:
            why = "has no care-of address yet" if address is None else "is down"
            why = "is on the home link" if address in self.own_home_addresses else why
            raise ProtocolMisuse(f"{interface_name} {why}; choose another, or run the world on first", interface_name)
        return address

    @property
    def reached_at(self) -> Address:
        """The primary home address."""
        return self.primary_home_address

    def advertised(self, interface: Interface, message: RouterAdvertisement, source: Address) -> None:
        """Detect movement and make addresses from a router's advertisement (sections 11.5.1 and 11.5.3)."""
        self.attachments[interface].advertised(message, source)

    def interface_changed(self, interface: Interface) -> None:
        """Move what is bound at an interface that went down or has no care-of address left; go on where it went up."""
        self.listener.interface_changing(interface)
        self.attachments[interface].up_changed(self.link_hints)
        if interface.is_usable and interface.address is not None:
            self.registrar.tell(Reachable(interface.address))
            self.care_of_ready(interface)
        elif not interface.is_usable:
            self.leave_home(interface)
            other = next((i for i in self.interfaces.values() if i.is_usable), None)
            if other is not None:
                self.decided("interface failed", f"what was bound over {interface.name} moves to {other.name}")
                self.care_of_ready(other)
        self.listener.interface_changed(interface)

    def care_of_ready(self, interface: Interface) -> None:
        """Bind what is to be bound at an interface that has another care-of address, or one again."""
        self.listener.care_of_changing(interface)
        self._bind_at(interface)
        self.listener.care_of_ready(interface)

    def _bind_at(self, interface: Interface) -> None:
        """Register the primary if this is the first interface that is up; bind here what was bound to its former
        care-of address, or where nothing arrives any more.
        """
        care_of, primary = interface.address, self.primary_home_address
        if care_of is None or care_of in self.own_home_addresses:
            return
        first = self.home_registration(primary)
        is_lost = first is None or not self.is_reachable(first.care_of_address)
        is_first = interface is self.home_interface() and primary not in self.addresses
        to_bind = {primary: None} if is_first and is_lost else {}
        left = [e for e in self.binding_updates if self.addresses.get(e.care_of_address) is interface]
        left = [e for e in left if e.care_of_address != care_of and e.state is not State.DELETING]
        to_bind |= {entry.home_address: None for entry in left if entry.home_registration} | self._unbound
        for home_address in [each for each in to_bind if not self._is_at_home(each)]:
            self._unbound.pop(home_address, None)
            self.registrar.register_home(home_address, care_of)
        for entry in left:
            if not entry.home_registration:
                self.registrar.register_correspondent(entry.peer, entry.home_address, care_of)
        self.registrar.tell(Lost(care_of))

    def _is_at_home(self, home_address: Address) -> bool:
        """Return whether a home address is ours on the home link, or is being tested there for being nobody's."""
        detecting = (self.neighbor.is_detecting(home_address, each) for each in self.interfaces.values())
        return home_address in self.addresses or any(detecting)

    def is_own(self, address: Address) -> bool:
        """Return whether an address is ours: a home address too, wherever this node is."""
        return address in self.own_home_addresses or super().is_own(address)

    def is_reachable(self, address: Address) -> bool:
        """Return whether an address belongs to an interface that is up, on a link that is up."""
        interface = self.addresses.get(address)
        return interface is not None and interface.is_usable

    def is_home_ready(self, home_address: Address) -> bool:
        """Return whether packets to a home address surely arrive: it is at home, or its home agent knows where it is.

        A home agent drops what is tunnelled from any other care-of address; only in ESP does it not look (section
        10.4.5), so there a test need not wait for the acknowledgement.
        """
        entry = self.home_registration(home_address)
        if home_address in self.addresses or entry is None or entry.registered is None:
            return home_address in self.addresses
        return self.is_reachable(entry.registered) and (not entry.is_in_doubt or self.ip_security.is_on)

    # --- home and away (section 11.5.5) ------------------------------------------------------------------------------

    def home_addresses_in_order(self) -> list[Address]:
        """Return all home addresses of this node, the primary first."""
        return sorted(self.own_home_addresses, key=lambda address: (address != self.primary_home_address, address))

    def is_of_home_link(self, address: Address) -> bool:
        """Return whether an address has a prefix of the home link, as far as this node knows them (section 11.4.3)."""
        return address in Prefix.around(self.primary_home_address, 64) or self.home_prefixes.of(address) is not None

    def bind(self, home_address: Address, care_of: Address) -> None:
        """Make a home address usable: on the home link itself if this node is there, else bound to `care_of`."""
        if not self._come_home():
            self.registrar.register_home(home_address, care_of)

    def _come_home(self) -> bool:
        """Take the home addresses to the home link if an interface is there; return whether one is."""
        home = next((place for place in self.attachments.values() if place.interface.up and place.is_home), None)
        if home is not None:
            home.come_home()
        return home is not None

    def home_address_taken(self, home_address: Address) -> None:
        """Use a home address no more: somebody else has it (section 11.7.1)."""
        self.duplicates.add(home_address)
        self.listener.home_address_taken(home_address)

    def came_home(self, home_address: Address) -> None:
        """Announce on the home link that a home address is here, and nobody else's (section 11.5.5)."""
        interface = self.addresses[home_address]
        self.decided("at home", f"{home_address} on {interface.name}")
        self.neighbor.announce(home_address, interface)
        if home_address == self.primary_home_address:
            self.neighbor.announce(interface.link_local, interface)
        self.listener.came_home(home_address)

    def leave_home(self, interface: Interface) -> None:
        """Take the home addresses from an interface that is not on the home link: they go to another that is, or are
        registered anew from elsewhere.
        """
        ours, neighbor = self.home_addresses_in_order(), self.neighbor
        left = [each for each in ours if each in interface.addresses or neighbor.stop_detecting(each, interface)]
        for address in [each for each in left if each in interface.addresses]:
            interface.remove_address(address)
        self._unbound |= dict.fromkeys(left)
        if left:
            self._come_home()
        usable = [other for other in self.interfaces.values() if other is not interface and other.is_usable]
        if left and usable:
            self.care_of_ready(usable[0])
        self.listener.left_home()

    def first_interface(self) -> Interface | None:
        """Return the first interface that is up and on an access network, or None."""
        return next((i for i in self.interfaces.values() if i.up and i.segment is not None), None)

    def home_interface(self) -> Interface | None:
        """Return the interface from which the primary is registered: the listener's choice, or the first that is up."""
        return self.listener.home_interface() or self.first_interface()

    def care_of_for(self, entry: BindingUpdateEntry, care_of: Address) -> Address:
        """Return the care-of address for a registration whose own is lost: the listener's choice, or `care_of`."""
        chosen = self.listener.care_of_for(entry)
        return chosen if chosen is not None and self.is_reachable(chosen) else care_of

    # --- roads (sections 11.3.1, 11.3.2) -----------------------------------------------------------------------------

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Return the road of packets: straight from a care-of address or at home, else as the bindings are just now."""
        if source not in self.own_home_addresses or source in self.addresses:
            return self.node.direct_road(source, destination)
        if self.mode == "triangular":
            care_of = self.registered_at_home(source)
            return None if care_of is None else self.node.road("triangular", care_of, destination)
        entry = self.binding_updates.get((destination, source))
        if entry is not None and entry.is_usable and self.mode == "route_optimisation":
            assert entry.registered is not None
            if self.is_reachable(entry.registered):
                return self.optimised_road(source, entry.registered, destination)
        road = self.tunnel_road(source)
        if road is not None:
            road.mtu = self.node.mtu_towards(destination, road.mtu)  # behind the tunnel there may be less room
        return road

    def source_for(self, destination: Address, prefers_care_of: bool = False) -> Address | None:
        """Return the address from which to talk to `destination` by default (RFC 6724 section 5).

        That is a home address at home or bound; a care-of address where one is asked for (section 11.3.1) or there is
        no other.
        """
        now, first = self.clock.now, self.first_interface()
        usable = [a for a in self.home_addresses_in_order() if a in self.addresses or self.registered_at_home(a)]
        candidates = usable + [a for a, i in self.addresses.items() if a not in usable and i.is_usable]

        def worth(address: Address) -> tuple[bool, bool, bool, bool, int]:
            interface = self.addresses.get(address)
            place = None if interface is None else self.attachments.get(interface)
            is_preferred = place is None or place.lifetimes.is_preferred(address, now)  # rule 3
            is_wanted_kind = (address in self.own_home_addresses) is not prefers_care_of  # rule 4
            in_common = 128 - (address ^ destination).bit_length()  # rule 8
            return (address == destination, is_preferred, is_wanted_kind, interface is first, in_common)  # rules 1, 5

        return max(candidates, key=worth, default=None)

    def optimised_road(self, home_address: Address, care_of: Address, destination: Address) -> Road | None:
        """Return the road straight from a care-of address, with a Home Address option."""
        option = DestinationOptions((HomeAddressOption(home_address),))
        return self.node.road("route optimisation", care_of, destination, source=care_of, extensions=(option,))

    def tunnel_road(self, home_address: Address, care_of: Address | None = None) -> Road | None:
        """Return the road through the home agent, from the care-of address that it holds for this home address (section
        10.4.5), or from another that is named.

        Where an update stays without an answer, it or its acknowledgement may be what was lost. The home agent drops
        what comes from the wrong one of the two addresses, so every second attempt tries the one that was asked for.
        """
        entry = self.home_registration(home_address)
        if care_of is None and entry is not None:
            care_of, wanted = entry.registered, entry.care_of_address
            is_turn = entry.is_in_doubt and entry.attempts > 0 and entry.attempts % 2 == 0
            if care_of is not None and is_turn and self.is_reachable(wanted):
                care_of = wanted
        home_agent = self.home_agent_of(home_address)
        return None if care_of is None else self.node.road("tunnel", care_of, home_agent, tunnel=(care_of, home_agent))

    def valid_s(self, home_address: Address, most_s: int) -> int:
        """Return for how many seconds a home address is valid: at most `most_s`, at least one unit of 4 s."""
        entry = self.home_prefixes.of(home_address)
        left_s = most_s if entry is None else entry.valid_s(self.clock.now)
        return max(min(left_s, most_s), LIFETIME_UNIT_S)

    def update_flags(self, home_address: Address, care_of: Address) -> dict[str, bool]:
        """Return the bits of an update: L where the interface's link-local address has the identifier of the home
        address, K where the keys survive movements (section 11.7.1).
        """
        interface = self.addresses.get(care_of)
        same = interface is not None and interface.link_local.interface_identifier == home_address.interface_identifier
        return {"link_local": same, "key_management": self.ip_security.keys_survive_movement}

    def home_test_road(self, home_address: Address) -> Road | None:
        """Return the tunnel for home test inits; in ESP from a new care-of address as soon as its update has left.

        In ESP no home agent looks at the outer source (sections 10.4.5 and 11.6.3).
        """
        entry = self.home_registration(home_address)
        if not self.ip_security.is_on or entry is None or entry.unacknowledged == home_address:
            return self.tunnel_road(home_address)
        return self.tunnel_road(home_address, entry.unacknowledged)

    def disown(self, home_address: Address) -> None:
        """Give a home address up: its packets are no longer accepted, its security associations go."""
        self.own_home_addresses.discard(home_address)
        self._unbound.pop(home_address, None)
        if home_address in self.addresses:  # at home
            self.addresses[home_address].remove_address(home_address)
        for interface in self.interfaces.values():
            self.neighbor.stop_detecting(home_address, interface)
        self.ip_security.disown(home_address)
        self.node.forget_roads()

    def let_go(self, home_address: Address) -> bool:
        """Bring a home address to an end: de-register it at the correspondents, which takes a home token, then at the
        home agent; disown it when nobody holds it. Return whether that is done; else call again when a registration
        has changed.
        """
        entries = self.binding_updates.of_home_address(home_address)
        at_correspondents = [entry for entry in entries if not entry.home_registration]
        for entry in at_correspondents or entries:
            self.registrar.deregister(entry.peer, home_address)
        if entries:
            return False
        self.disown(home_address)
        return True

    def registered_at_home(self, home_address: Address) -> Address | None:
        """Return the care-of address that the home agent has acknowledged for a home address, or None."""
        entry = self.home_registration(home_address)
        return None if entry is None else entry.registered

    def home_registration(self, home_address: Address) -> BindingUpdateEntry | None:
        """Return the entry of a home address at its home agent, or None."""
        return self.binding_updates.get((self.home_agent_of(home_address), home_address))

    def home_agent_of(self, home_address: Address) -> Address:
        """Return the home agent's address for a home address: the one that came with its prefix, else the known one."""
        if not self.home_agents:
            return self.home_agent
        return next((agent for prefix, agent in self.home_agents.items() if home_address in prefix), self.home_agent)

    # --- what arrives (sections 11.3.3, 6.4) -------------------------------------------------------------------------

    def routing_header_type_2(self, header: RoutingHeaderType2, arrival: Arrival) -> bool:
        """Restore the home address of a packet; drop it where that is not ours."""
        if header.home_address not in self.own_home_addresses or header.segments_left != 1:
            self.drop(arrival.packet, f"type 2 routing header with {header.home_address}, not a home address of ours")
            return False
        arrival.destination = header.home_address
        return True

    def tunnel_exit(self, arrival: Arrival) -> None:
        """Take out what the home agent tunnelled; for a Home Test this is the first check (section 11.6.2)."""
        inner: Packet = arrival.packet.payload  # type: ignore[assignment]  # the handlers' table says so
        destination = inner.header.destination
        if arrival.packet.header.source != self.home_agent_of(destination) or arrival.tunnel is not None:
            self.drop(arrival.packet, "tunnelled, but not by the home agent")
        elif destination not in self.own_home_addresses and destination != arrival.interface.link_local:
            self.drop(arrival.packet, f"{destination} in the tunnel is not a home address of ours")
        else:
            self.node.local(inner, arrival.interface, arrival.packet)

    # --- what peers say ----------------------------------------------------------------------------------------------

    def registration_changed(self, entry: BindingUpdateEntry) -> None:
        """Go on after a peer has acknowledged, refused or lost a registration."""
        home_address = entry.home_address
        is_released = entry.lingers_until_ns or self.binding_updates.get((entry.peer, home_address)) is not entry
        if entry.home_registration and is_released and home_address in self.addresses:
            self.came_home(home_address)
        if entry.home_registration:
            self.prefixes.reconsider()
        self.listener.registration_changed(entry)

    def registration_refused(self, entry: BindingUpdateEntry, status: int) -> None:
        """Go on after a peer has refused a registration with `status`, 128 or more: another home agent may accept it,
        unless somebody else has the home address.
        """
        if entry.home_registration and status == Status.DUPLICATE_ADDRESS_DETECTION_FAILED:
            self.home_address_taken(entry.home_address)
            return
        if entry.home_registration:
            self.address_discovery.failed(entry.peer)
        self.listener.registration_refused(entry, status)


def _check_home_address(home_address: Address) -> None:
    """Refuse an address that neither a Home Address option nor a type 2 routing header may hold (6.3 and 6.4)."""
    if not home_address.is_unicast_routable or Prefix.around(home_address, 64).is_anycast(home_address):
        raise ProtocolMisuse(f"home_address={home_address}; expected a routable unicast address", home_address)
