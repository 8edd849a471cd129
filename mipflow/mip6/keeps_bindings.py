"""What home agent and correspondent node have in common: a binding cache and the Home Address option."""

from __future__ import annotations

from mipflow.mip6.binding_cache import Binding, BindingCache
from mipflow.mip6.mobility_node import MobilityNode
from mipflow.node.node import Arrival
from mipflow.sim.clock import Timer
from mipflow.sim.network import Network, Role
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate
from mipflow.wire.packet import HomeAddressOption, Opaque, Packet, RoutingHeaderType2

ESP, AUTHENTICATION_HEADER = 50, 51


class KeepsBindings(MobilityNode):
    """A node with a binding cache (`bindings`)."""

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, role: Role | None = None) -> None:
        self.bindings = BindingCache()
        super().__init__(network, name, x, y, role)
        self._expiry = Timer(self.clock, self._expire)
        self.handlers[BindingUpdate] = self.binding_update

    def binding_update(self, arrival: Arrival) -> None:
        """Check a binding update, answer it, change the cache."""
        raise NotImplementedError

    def home_address_option(self, option: HomeAddressOption, arrival: Arrival) -> bool:
        """Restore the home address, if (home address, care-of address) is bound (RFC 6275 section 9.3.1).

        Without that binding only a Mobility Header or a packet under IP security may pass.
        """
        home_address = option.home_address
        binding = self.bindings.get(home_address)
        is_bound = binding is not None and binding.care_of_address == arrival.packet.source
        if not is_bound and not _may_pass_unbound(arrival.packet):
            self.drop(arrival.packet, "Home Address option without a matching binding")
            self.binding_error(arrival, mobility.BindingErrorStatus.UNKNOWN_BINDING)
            return False
        arrival.source = home_address
        return True

    def care_of_address(self, arrival: Arrival, update: BindingUpdate) -> Address:
        """The care-of address that an update is about: its alternate one, or where it came from (section 9.5.1)."""
        alternate = update.option(mobility.AlternateCareOfAddress)
        return arrival.packet.source if alternate is None else alternate.care_of_address

    def acknowledge(self, arrival: Arrival, acknowledgement: BindingAcknowledgement) -> None:
        """Send an acknowledgement to where the update came from, behind a type 2 routing header (section 9.5.4)."""
        packet, home_address = arrival.packet, arrival.source
        extensions = () if home_address == packet.source else (RoutingHeaderType2(home_address),)
        self.send_direct(Packet(packet.destination, packet.source, acknowledgement, extensions=extensions))

    def bind(self, binding: Binding) -> None:
        """Put a binding into the cache, into the trace, and into effect."""
        self.record(self.bindings.update(binding))
        self._cache_changed()

    def unbind(self, home_address: Address) -> None:
        """Take a binding out of the cache."""
        self.record(self.bindings.remove(home_address))
        self._cache_changed()

    def _cache_changed(self) -> None:
        self.forget_roads()
        expiry = self.bindings.next_expiry_ns()
        if expiry is None:
            self._expiry.stop()
        else:
            self._expiry.set(expiry)

    def _expire(self) -> None:
        for home_address in self.bindings.expired(self.clock.now):
            self.decided("binding expired", f"lifetime of {home_address} ended")
            self.unbind(home_address)


def _may_pass_unbound(packet: Packet) -> bool:
    payload = packet.payload
    if isinstance(payload, Opaque):
        return payload.next_header in (ESP, AUTHENTICATION_HEADER, mobility.NEXT_HEADER)
    return type(payload).__module__ == BindingUpdate.__module__
