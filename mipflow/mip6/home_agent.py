"""The home agent of RFC 6275 section 10: a router on the home link that stands in for mobile nodes that are away.

It is the seed's unchanged home agent: nothing here knows of flows, and one home address is like another.
"""

from __future__ import annotations

from functools import partial

from mipflow.errors import TopologyError
from mipflow.mip6.binding_cache import Binding, is_newer
from mipflow.mip6.constants import HOME_BINDING_LIFETIME_S
from mipflow.mip6.home_agents_list import HomeAgentsList
from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.mip6.keeps_bindings import KeepsBindings
from mipflow.node.interface import Interface
from mipflow.node.node import MIN_MTU, Arrival
from mipflow.node.road import Road
from mipflow.node.router import Forward, Router
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Segment
from mipflow.sim.network import Network, Role
from mipflow.wire.address import Address, Prefix
from mipflow.wire.esp import Opened
from mipflow.wire.icmpv6 import PACKET_TOO_BIG
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, NonceIndices, Status
from mipflow.wire.packet import Packet


class HomeAgent(KeepsBindings, Router):
    """A home agent; `serve_home(segment)` puts it on its home link. `max_lifetime_s`: the longest that it grants."""

    role: Role = "home agent"

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0, role: Role | None = None,
        max_lifetime_s: int = HOME_BINDING_LIFETIME_S,
    ) -> None:
        super().__init__(network, name, x, y, role)
        self.max_lifetime_s = max_lifetime_s
        self.home_agents = HomeAgentsList()
        """The other home agents on the home link (section 10.1)."""
        self.home_prefixes = HomePrefixes()
        """The prefixes of the home link and their lifetimes (section 10.6.1)."""
        self._home: Interface | None = None
        self._detecting: dict[Address, Arrival] = {}
        """Home addresses whose uniqueness is being checked -> the newest binding update for them."""
        self.handlers[Packet] = self._tunnel_exit

    def serve_home(self, segment: Segment, interface_identifier: int) -> Interface:
        """Be the router and home agent of the home link."""
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
        """The address to which binding updates go and at which tunnels end."""
        address = self.home_link.address
        assert address is not None
        return address

    @property
    def home_prefix(self) -> Prefix:
        """The prefix of the home link."""
        segment = self.home_link.segment
        prefix = None if segment is None else self.network.prefix_of(segment)
        if prefix is None:
            raise TopologyError(f"the home link of {self.name} has no prefix", self.name)
        return prefix

    # --- binding updates (section 10.3) ------------------------------------------------------------------------------

    def binding_update(self, arrival: Arrival) -> None:
        """Check, in the order of section 10.3.1; an address that is not bound yet goes through duplicate detection."""
        update, home_address = arrival.packet.payload, arrival.source
        assert isinstance(update, BindingUpdate)
        binding = self.bindings.get(home_address)
        if update.option(NonceIndices) is not None:
            self.drop(arrival.packet, "binding update with nonce indices, which belong to correspondent nodes")
            return
        if update.lifetime_units == 0:
            self._detecting.pop(home_address, None)  # what is not wanted any more is not bound when the detection ends
        status, sequence = self._judge(update, home_address, binding)
        if status is not Status.ACCEPTED or update.lifetime_units == 0:
            if status is Status.ACCEPTED:
                self.unbind(home_address)
            self.acknowledge(arrival, BindingAcknowledgement(status, sequence))
        elif binding is not None:
            self._accept(arrival)
        else:
            first = home_address not in self._detecting
            self._detecting[home_address] = arrival
            if first:
                self.neighbor.detect_duplicate(home_address, self.home_link, partial(self._detected, home_address))

    def _judge(self, update: BindingUpdate, home_address: Address, binding: Binding | None) -> tuple[Status, int]:
        """Status and the sequence number to send with it."""
        if binding is not None and not is_newer(update.sequence, binding.sequence):
            return Status.SEQUENCE_NUMBER_OUT_OF_WINDOW, binding.sequence
        if binding is not None and not update.home_registration:
            return Status.REGISTRATION_TYPE_CHANGE_DISALLOWED, update.sequence
        if not update.home_registration:
            return Status.REASON_UNSPECIFIED, update.sequence
        if home_address not in self.home_prefix or home_address in self.addresses:
            return Status.NOT_HOME_SUBNET, update.sequence
        if update.lifetime_units == 0 and binding is None:
            return Status.NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE, update.sequence
        return Status.ACCEPTED, update.sequence

    def _detected(self, home_address: Address, is_unique: bool) -> None:
        arrival = self._detecting.pop(home_address, None)
        update = None if arrival is None else arrival.packet.payload
        if arrival is None or not isinstance(update, BindingUpdate):
            return
        if is_unique:
            self._accept(arrival)
        else:
            self.decided("duplicate address", f"{home_address} is in use on the home link")
            answer = BindingAcknowledgement(Status.DUPLICATE_ADDRESS_DETECTION_FAILED, update.sequence)
            self.acknowledge(arrival, answer)

    def _accept(self, arrival: Arrival) -> None:
        update, home_address = arrival.packet.payload, arrival.source
        assert isinstance(update, BindingUpdate)
        care_of = self.care_of_address(arrival, update)
        lifetime_s = min(update.lifetime_units * LIFETIME_UNIT_S, self.max_lifetime_s)
        is_new = home_address not in self.bindings
        expires_ns = self.clock.now + lifetime_s * NS_PER_S
        self.bind(Binding(home_address, care_of, update.sequence, expires_ns, home_registration=True))
        if is_new:
            self._stand_in(home_address)
        lifetime_units = lifetime_s // LIFETIME_UNIT_S
        self.acknowledge(arrival, BindingAcknowledgement(Status.ACCEPTED, update.sequence, lifetime_units))

    # --- standing in for a mobile node (section 10.4) ----------------------------------------------------------------

    def _stand_in(self, home_address: Address) -> None:
        """Answer for the home address on the home link from now on (section 10.4.1)."""
        interface = self.home_link
        if interface.segment is not None:
            interface.segment.neighbors[home_address] = interface
            self.neighbor.advertise(home_address, interface)
            self.network.changed()

    def unbind(self, home_address: Address) -> None:
        """Take a binding out, and no longer answer for the home address."""
        super().unbind(home_address)
        segment = self.home_link.segment
        if segment is not None and segment.neighbors.get(home_address) is self.home_link:
            del segment.neighbors[home_address]
            self.network.changed()

    def find_forward(self, destination: Address) -> Forward | None:
        """Packets for a bound home address are intercepted and tunnelled (sections 10.4.1, 10.4.2)."""
        if destination not in self.bindings:
            return super().find_forward(destination)
        road = self._tunnel(destination)
        if road is None:
            return None
        send = self.tunnel_sender(road)
        return send if road.mtu + road.overhead >= road.channel.mtu else self._narrow(road, send)

    def _narrow(self, road: Road, forward: Forward) -> Forward:
        """A tunnel that is narrower further on tells those who send into it (RFC 2473 section 7.1)."""

        def send(packet: Packet) -> None:
            if packet.size <= max(road.mtu, MIN_MTU):
                forward(packet)
            else:
                self.drop(packet, f"{packet.size} octets do not fit the tunnel's {road.mtu}")
                self.send_error(packet, PACKET_TOO_BIG, 0, max(road.mtu, MIN_MTU))

        return send

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """The home agent's own packets for a bound home address take the tunnel too."""
        return self._tunnel(destination) if destination in self.bindings else self.direct_road(source, destination)

    def _tunnel(self, home_address: Address) -> Road | None:
        binding = self.bindings.get(home_address)
        if binding is None:
            return None
        own, care_of = self.home_agent_address, binding.care_of_address
        return self.road("tunnel", own, care_of, tunnel=(own, care_of))

    def _tunnel_exit(self, arrival: Arrival) -> None:
        """Forward what a mobile node tunnelled, if it came from where that home address is bound (section 10.4.5)."""
        inner = arrival.packet.payload
        assert isinstance(inner, Packet)
        binding = self.bindings.get(inner.source)
        is_registered = binding is not None and binding.care_of_address == arrival.packet.source
        if not is_registered and not isinstance(arrival.packet, Opened):  # ESP proves more than the outer address
            self.drop(arrival.packet, "reverse tunnel from an address that is not the registered care-of address")
            return
        # A trace holds the tunnelled packet as it came, while routers ahead change the one that goes on.
        arrival.interface.receive(inner if self.network.trace.mode == "off" else inner.copy())
