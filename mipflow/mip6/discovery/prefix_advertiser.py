"""Mobile prefix discovery at a home agent (RFC 6275 sections 6.8 and 10.6): it tells mobile nodes of the home prefixes.

`PrefixDeliveries` is pure: it takes events and `now`, and says when each mobile node is told. `PrefixAdvertiser` takes
solicitations and what changes on the home link, sends the advertisements, and ends bindings with their prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from mipflow.mip6.bindings.binding_cache import BindingEvent
from mipflow.mip6.constants import REFRESH_AT
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.mip6.parts import PrefixNews
from mipflow.node.lifetimes import FOREVER_NS
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from mipflow.wire.packet import Packet, RoutingHeaderType2

PREFIX_ADV_TIMEOUT_NS, PREFIX_ADV_RETRIES = 3 * NS_PER_S, 3
"""Protocol constants (section 12)."""
MIN_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S, MAX_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S = 600, 86_400
"""Configuration variables (section 13)."""


def nears_end_ns(entry: HomePrefix) -> int:
    """Return when most of a prefix's valid lifetime is over, in nanoseconds; FOREVER_NS where it does not end."""
    since_ns, ends_ns = entry.since_ns or 0, entry.end_ns(entry.valid_lifetime_s)
    return ends_ns if ends_ns == FOREVER_NS else since_ns + round((ends_ns - since_ns) * REFRESH_AT)


def next_moment_ns(prefixes: HomePrefixes, now: int) -> int | None:
    """Return when the next prefix is deprecated, nears its end or ends after `now`, in nanoseconds; None for never."""
    ends_ns = {e.end_ns(lifetime_s) for e in prefixes for lifetime_s in (e.preferred_lifetime_s, e.valid_lifetime_s)}
    moments = ends_ns | {nears_end_ns(entry) for entry in prefixes}
    return min((moment for moment in moments if now < moment < FOREVER_NS), default=None)


@dataclass(slots=True)
class Delivery:
    """How far one mobile node has been told."""

    due_ns: int = 0
    scheduled: bool = False
    """An advertisement leaves at `due_ns`; else the next one is scheduled then."""
    attempts: int = 0
    """Unsolicited advertisements since the mobile node was last heard of."""
    last_ns: int = -NS_PER_S
    asked: tuple[int, Address] | None = None
    """Identifier and source of the solicitation that is to be answered."""


class PrefixDeliveries:
    """Deliveries by home address. Each method gives the time at which to `take`, or None where that stays as it is.

    `min_interval_s`, `max_interval_s`: MinMobPfxAdvInterval and MaxMobPfxAdvInterval; `preferred_s`: what is left of
    the preferred lifetime of the home address's prefix.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self.min_interval_s = MIN_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S
        self.max_interval_s = MAX_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S
        self._deliveries: dict[Address, Delivery] = {}

    def registered(self, home_address: Address, preferred_s: int, now: int) -> int | None:
        """Tell a mobile node whose update was accepted, if it has not been told yet, or was told in vain."""
        delivery = self._deliveries.get(home_address)
        if delivery is None:
            return self.changed(home_address, preferred_s, now)
        if delivery.attempts <= PREFIX_ADV_RETRIES:
            return None
        delivery.attempts = 0
        return self._set(delivery, now)

    def changed(self, home_address: Address, preferred_s: int, now: int) -> int | None:
        """Tell of changed prefixes; an advertisement that is due already will tell what is true then."""
        delivery = self._deliveries.setdefault(home_address, Delivery())
        if delivery.scheduled:
            return None
        delivery.attempts = 0
        spread = max(abs(min(self.max_interval_s, preferred_s) - self.min_interval_s), 1)
        return self._set(delivery, now + (self.min_interval_s + self._random.randrange(spread)) * NS_PER_S)

    def asked(self, home_address: Address, identifier: int, source: Address, now: int) -> int:
        """Answer a solicitation right away; it also acknowledges what was sent."""
        delivery = self._deliveries.setdefault(home_address, Delivery())
        delivery.asked = (identifier, source)
        return self._set(delivery, now)

    def take(self, home_address: Address, preferred_s: int, now: int) -> tuple[tuple[int, Address | None] | None, int]:
        """Return identifier and destination of what is to be sent at `now`, None for nothing; and when to `take` again.
        """
        delivery = self._deliveries[home_address]
        if not delivery.scheduled:
            return None, self.changed(home_address, preferred_s, now) or now
        answer, delivery.last_ns = delivery.asked or (0, None), now
        delivery.scheduled = not delivery.asked and delivery.attempts < PREFIX_ADV_RETRIES
        wait_ns = self.max_interval_s * NS_PER_S
        if delivery.scheduled:
            wait_ns = PREFIX_ADV_TIMEOUT_NS << delivery.attempts
        delivery.attempts = 0 if delivery.asked else delivery.attempts + 1
        delivery.asked, delivery.due_ns = None, now + wait_ns
        return answer, delivery.due_ns

    def is_due(self, home_address: Address, now: int) -> bool:
        """Return False where the time was changed, or nothing is to be told."""
        delivery = self._deliveries.get(home_address)
        return delivery is not None and delivery.due_ns == now

    def _set(self, delivery: Delivery, due_ns: int) -> int:
        """Schedule an advertisement, no more than one a second for one mobile node (section 6.8)."""
        delivery.scheduled, delivery.due_ns = True, max(due_ns, delivery.last_ns + NS_PER_S)
        return delivery.due_ns


class PrefixAdvertiser(PrefixNews):
    """Advertises the home prefixes to mobile nodes that are away, unless `enabled` is False (section 8.4)."""

    def __init__(self, node: HomeAgent) -> None:
        self._node, self._home, self._bindings = node, node.home, node.bindings
        self.enabled = True
        self.deliveries = PrefixDeliveries(node.network.random(f"{node.name}/mobile prefixes"))
        self._end = Timer(node.clock, self._reconsider)
        node.handlers[MobilePrefixSolicitation] = self._solicitation

    # --- what changes ------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Tell all mobile nodes that a home prefix is new, or has other lifetimes or flags."""
        self._reconsider()
        for binding in self._bindings:
            self._note(self.deliveries.changed, binding.home_address)

    def heard(self, entry: HomePrefix) -> None:
        """Tell of a prefix that another home agent advertises: mobile nodes hear those of all (section 10.6.1)."""
        known, now = self._home.prefixes.get(entry.prefix), self._node.clock.now
        is_ours = known is not None and known.home_agent is not None
        if not is_ours and (known is None or abs(known.valid_s(now) - entry.valid_s(now)) > 1):
            self._node.record(self._home.prefixes.put(replace(entry, home_agent=None)))
            self.changed()

    def registered(self, home_address: Address) -> None:
        """Tell a mobile node in due time: its binding update was accepted (section 10.6.2)."""
        self._note(self.deliveries.registered, home_address)

    def _note(self, happened: Callable[[Address, int, int], int | None], home_address: Address) -> None:
        if self.enabled:
            now = self._node.clock.now
            self._at(happened(home_address, self._preferred_s(home_address), now), home_address)

    def _preferred_s(self, home_address: Address) -> int:
        entry = self._home.prefixes.of(home_address)
        return 0 if entry is None else entry.preferred_s(self._node.clock.now)

    def _reconsider(self) -> None:
        """Withdraw prefixes that have ended, and bindings with them: none outlives its prefix (section 10.3.1)."""
        node, prefixes, now = self._node, self._home.prefixes, self._node.clock.now
        for entry in prefixes:
            if entry.valid_s(now) == 0:
                self._withdraw(entry)
        for binding in self._bindings:
            prefix = prefixes.of(binding.home_address)
            until_ns = now + (0 if prefix is None else prefix.valid_s(now)) * NS_PER_S
            if until_ns <= now:
                node.keeper.end(binding, BindingEvent.EXPIRE)
            elif until_ns < binding.expires_ns:
                node.bind(replace(binding, expires_ns=until_ns))
        moment = next_moment_ns(prefixes, now)
        if moment is not None:
            self._end.set(moment)

    def _withdraw(self, entry: HomePrefix) -> None:
        """Take a prefix off the home link, and our address in it unless that is the last one."""
        node = self._node
        node.record(self._home.prefixes.remove(entry.prefix))
        node.network.remove_prefix(entry.prefix)
        if entry.home_agent in node.addresses and len(node.home_link.addresses) > 1:
            node.home_link.remove_address(entry.home_agent)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _solicitation(self, arrival: Arrival) -> None:
        """Answer; with a Home Address option it has passed section 9.3.1: that address is bound to the source."""
        message, home_address = arrival.payload, arrival.source
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
