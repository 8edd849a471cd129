"""The part that keeps a binding cache, which home agents and correspondent nodes have alike (RFC 6275 section 9).

It takes binding updates, packets with a Home Address option and the passing of time; gives acknowledgements, changes of
the cache, and the roads of the node's own packets to what is bound. Each of the two checks updates in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mipflow.mip6.binding_errors import BindingErrors
from mipflow.mip6.bindings.binding_cache import Binding, BindingCache, BindingEvent, BindingState
from mipflow.node.node import Arrival, Handler, Mobility, Node
from mipflow.node.road import Road
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Opaque, Packet, RoutingHeaderType2

ESP, AUTHENTICATION_HEADER = 50, 51


class BindingKeeper(Mobility):
    """Keeps the `bindings` of `node`.

    heard: takes binding updates; remembered_ns: for how long the number of a binding is remembered after it was deleted
    or expired, from its last update on; ended: called with a binding that is no longer in force.
    """

    def __init__(
        self, node: Node, heard: Handler, remembered_ns: Mapping[BindingEvent, int],
        ended: Callable[[Binding], None] = lambda binding: None,
    ) -> None:  # fmt: skip
        super().__init__(node)
        self.bindings = BindingCache()
        self._remembered_ns, self._ended = remembered_ns, ended
        self._errors = BindingErrors(node)
        node.mobility, node.knows_mobility = self, True
        node.handlers[BindingUpdate] = heard

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Return the road straight to the care-of address of a destination that is bound (sections 9.3.2, 10.4.2)."""
        binding = self.bindings.get(destination)
        if binding is None:
            return self.node.direct_road(source, destination)
        care_of, extensions = binding.care_of_address, (RoutingHeaderType2(destination),)
        return self.node.road("route optimisation", source, care_of, destination=care_of, extensions=extensions)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def home_address_option(self, option: HomeAddressOption, arrival: Arrival) -> bool:
        """Restore the home address, if (home address, care-of address) is bound (section 9.3.1).

        Without that binding only a Mobility Header or a packet under IP security may pass. A second option, which
        section 6.3 forbids, ends the packet.
        """
        home_address, source = option.home_address, arrival.packet.header.source
        if arrival.source != source:
            self.node.drop(arrival.packet, "a second Home Address option")
            return False
        binding = self.bindings.get(home_address)
        is_bound = binding is not None and binding.care_of_address == source
        if not is_bound and not (home_address.is_unicast_routable and _may_pass_unbound(option, arrival.packet)):
            self.node.drop(arrival.packet, "Home Address option without a matching binding")
            self._errors.tell(arrival, mobility.BindingErrorStatus.UNKNOWN_BINDING)
            return False
        arrival.source = home_address
        return True

    def routing_header_type_2(self, header: RoutingHeaderType2, arrival: Arrival) -> bool:
        """Drop the packet: only a mobile node may get such a header (section 8.2)."""
        self.node.drop(arrival.packet, "a type 2 routing header at a node that is no mobile node")
        return False

    # --- binding updates (sections 9.5.1, 9.5.4) ---------------------------------------------------------------------

    def care_of_address(self, arrival: Arrival, update: BindingUpdate) -> Address:
        """Return the care-of address that an update is about: the alternate one, or its source (section 9.5.1)."""
        alternate = update.option(mobility.AlternateCareOfAddress)
        return arrival.packet.source if alternate is None else alternate.care_of_address

    def is_well_formed(self, arrival: Arrival, update: BindingUpdate) -> bool:
        """Return whether an update may be answered; drop it where not (sections 6.1.7, 9.5.1 and 9.5.4)."""
        addresses = {
            "source": arrival.packet.source, "home": arrival.source, "care-of": self.care_of_address(arrival, update),
        }  # fmt: skip
        for what, address in addresses.items():
            if not address.is_unicast_routable:
                self.node.drop(arrival.packet, f"{what} address {address} of a binding update is not unicast routable")
                return False
        if update.home_registration and update.option(mobility.NonceIndices) is not None:
            self.node.drop(arrival.packet, "home registration with nonce indices, which belong to correspondent nodes")
            return False
        return True

    def is_impossible(self, home_address: Address, care_of: Address) -> bool:
        """Return whether nothing could be sent to a care-of address: it would come round to here, or to itself."""
        return care_of == home_address or care_of in self.node.addresses

    def acknowledge(self, arrival: Arrival, acknowledgement: BindingAcknowledgement) -> None:
        """Send an acknowledgement to where the update came from, behind a type 2 routing header (section 9.5.4)."""
        packet, home_address = arrival.packet, arrival.source
        extensions = () if home_address == packet.source else (RoutingHeaderType2(home_address),)
        self.node.send_direct(Packet(packet.destination, packet.source, acknowledgement, extensions=extensions))

    # --- the cache ---------------------------------------------------------------------------------------------------

    def step(self, event: BindingEvent, binding: Binding) -> None:
        """Take a transition of the cache, put it into the trace and into effect."""
        self.node.record(self.bindings.step(event, binding))
        self.node.forget_roads(binding.home_address)
        entry = self.bindings.entry(binding.home_address)
        if entry is not None and entry.state is not BindingState.PROBING:  # whose end neighbor discovery tells
            self.node.clock.at(max(entry.due_ns, self.node.clock.now), self._wake, entry)

    def bind(self, binding: Binding) -> None:
        """Put a binding into the cache."""
        self.step(BindingEvent.ACCEPT, replace(binding, accepted_ns=self.node.clock.now))

    def unbind(self, home_address: Address) -> None:
        """Take the binding of a home address out of the cache, if there is one."""
        binding = self.bindings.get(home_address)
        if binding is not None:
            self.end(binding, BindingEvent.DELETE)

    def end(self, binding: Binding, event: BindingEvent) -> None:
        """Take a binding out of force; its number is remembered as long as an older update could come."""
        now = self.node.clock.now
        last = now if event is BindingEvent.DELETE else binding.accepted_ns
        until = max(last + self._remembered_ns[event], now)
        self.step(event, replace(binding, expires_ns=until, wakes_ns=None))
        if until == now:
            self.step(BindingEvent.FORGET, binding)
        self._ended(binding)

    def binding_due(self, binding: Binding) -> None:
        """Do what is due about an entry: it ends, or is forgotten."""
        if binding.state is BindingState.REMEMBERED:
            self.step(BindingEvent.FORGET, binding)
        else:
            self.node.decided("binding expired", f"lifetime of {binding.home_address} ended")
            self.end(binding, BindingEvent.EXPIRE)

    def _wake(self, binding: Binding) -> None:
        """Do what is due about an entry, if no step has put another in its place."""
        if self.bindings.entry(binding.home_address) is binding:
            self.binding_due(binding)


def _may_pass_unbound(option: HomeAddressOption, packet: Packet) -> bool:
    """Return whether a Mobility Header or IP security stands directly behind the header with the option."""
    last, payload = packet.extensions[-1], packet.payload
    if not isinstance(last, DestinationOptions) or option not in last.options:
        return False
    if isinstance(payload, Opaque):
        return payload.next_header in (ESP, AUTHENTICATION_HEADER, mobility.NEXT_HEADER)
    return isinstance(payload, mobility.MobilityMessage)
