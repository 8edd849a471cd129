"""The home agent's part of mobile prefix discovery (RFC 6275 sections 10.6 and 6.8): tells what prefixes the home has.

A shell around `HomePrefixes` and `PrefixDeliveries`: takes solicitations, and what is changed on the home link.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mipflow.mip6.discovery.home_prefixes import HomePrefix
from mipflow.mip6.discovery.prefix_deliveries import PrefixDeliveries
from mipflow.sim.clock import Timer
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from mipflow.wire.packet import Packet, RoutingHeaderType2

if TYPE_CHECKING:
    from collections.abc import Callable

    from mipflow.mip6.bindings.binding_cache import BindingCache
    from mipflow.mip6.home_link import HomeLink
    from mipflow.node.node import Arrival, Node
    from mipflow.wire.address import Address


class PrefixAdvertiser:
    """Advertises the home prefixes to mobile nodes that are away, unless `enabled` is False (section 8.4)."""

    def __init__(self, node: Node, home: HomeLink, bindings: BindingCache, limit_bindings: Callable[[], None]) -> None:
        self._node, self._home, self._bindings, self._limit_bindings = node, home, bindings, limit_bindings
        self.enabled = True
        self.deliveries = PrefixDeliveries(node.network.random(f"{node.name}/mobile prefixes"))
        self._end = Timer(node.clock, self._reconsider)
        node.handlers[MobilePrefixSolicitation] = self._solicitation

    # --- what changes ------------------------------------------------------------------------------------------------

    def changed(self, entry: HomePrefix) -> None:
        """A prefix of the home link is new, or its lifetimes or flags are: all mobile nodes are to hear of it."""
        self._node.record(self._home.prefixes.put(entry))
        self._reconsider()
        for binding in self._bindings:
            self._note(self.deliveries.changed, binding.home_address)

    def heard(self, entry: HomePrefix) -> None:
        """Another home agent advertises a prefix: mobile nodes are told those of all home agents (section 10.6.1)."""
        known, now = self._home.prefixes.get(entry.prefix), self._node.clock.now
        is_ours = known is not None and known.home_agent is not None
        if not is_ours and (known is None or abs(known.valid_s(now) - entry.valid_s(now)) > 1):
            self.changed(replace(entry, home_agent=None))

    def registered(self, home_address: Address) -> None:
        """A binding update for a home address was accepted."""
        self._note(self.deliveries.registered, home_address)

    def _note(self, happened: Callable[[Address, int, int], int | None], home_address: Address) -> None:
        if self.enabled:
            now = self._node.clock.now
            self._at(happened(home_address, self._preferred_s(home_address), now), home_address)

    def _preferred_s(self, home_address: Address) -> int:
        entry = self._home.prefixes.of(home_address)
        return 0 if entry is None else entry.preferred_s(self._node.clock.now)

    def _reconsider(self) -> None:
        """Lifetimes are others, or have ended: bindings end with the valid one of their prefix (section 10.3.1)."""
        home, now = self._home, self._node.clock.now
        for entry in home.prefixes.ended(now):
            home.withdraw(entry)
        self._limit_bindings()
        moment = home.prefixes.next_moment_ns(now)
        if moment is not None:
            self._end.set(moment)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _solicitation(self, arrival: Arrival) -> None:
        """With a Home Address option it has passed the check of section 9.3.1: that address is bound to the source."""
        message, home_address = arrival.packet.payload, arrival.source
        assert isinstance(message, MobilePrefixSolicitation)
        if not self.enabled or home_address not in self._bindings or home_address == arrival.packet.source:
            self._node.drop(arrival.packet, "mobile prefix solicitation that is not from a mobile node with a binding")
            return
        due_ns = self.deliveries.asked(home_address, message.identifier, arrival.packet.source, self._node.clock.now)
        self._at(due_ns, home_address)

    def _at(self, due_ns: int | None, home_address: Address) -> None:
        if due_ns is not None:
            self._node.clock.at(due_ns, self._deliver, home_address)

    def _deliver(self, home_address: Address) -> None:
        """Tell a mobile node the whole list, from the address that it has registered at (section 10.6.3)."""
        home, now, binding = self._home, self._node.clock.now, self._bindings.get(home_address)
        if not self.enabled or binding is None or not self.deliveries.is_due(home_address, now):
            return
        sent, due_ns = self.deliveries.take(home_address, self._preferred_s(home_address), now)
        self._at(due_ns, home_address)
        if sent is not None:
            options = tuple(entry.information(now) for entry in home.prefixes)
            served = home.relay is not None
            message = MobilePrefixAdvertisement(sent[0], managed=served, other=served, options=options)
            source, care_of = binding.home_agent or home.address, sent[1] or binding.care_of_address
            self._node.send_direct(Packet(source, care_of, message, extensions=(RoutingHeaderType2(home_address),)))
