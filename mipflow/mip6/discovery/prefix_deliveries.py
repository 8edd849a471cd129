"""When a home agent tells which mobile node of its home prefixes (RFC 6275 section 10.6.2). Pure: events and `now` in,
times and what is to be sent out.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from mipflow.mip6 import constants
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address


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
        self.min_interval_s = constants.MIN_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S
        self.max_interval_s = constants.MAX_MOBILE_PREFIX_ADVERTISEMENT_INTERVAL_S
        self._deliveries: dict[Address, Delivery] = {}

    def registered(self, home_address: Address, preferred_s: int, now: int) -> int | None:
        """A binding update was accepted: one that has not been told is, one that was told in vain is told again."""
        delivery = self._deliveries.get(home_address)
        if delivery is None:
            return self.changed(home_address, preferred_s, now)
        if delivery.attempts <= constants.PREFIX_ADV_RETRIES:
            return None
        delivery.attempts = 0
        return self._set(delivery, now)

    def changed(self, home_address: Address, preferred_s: int, now: int) -> int | None:
        """The prefixes have changed: an advertisement that is on its way, or repeated, will tell what is true then."""
        delivery = self._deliveries.setdefault(home_address, Delivery())
        if delivery.scheduled:
            return None
        delivery.attempts = 0
        spread = max(abs(min(self.max_interval_s, preferred_s) - self.min_interval_s), 1)
        return self._set(delivery, now + (self.min_interval_s + self._random.randrange(spread)) * NS_PER_S)

    def asked(self, home_address: Address, identifier: int, source: Address, now: int) -> int:
        """A solicitation: it acknowledges what was sent, and is answered right away."""
        delivery = self._deliveries.setdefault(home_address, Delivery())
        delivery.asked = (identifier, source)
        return self._set(delivery, now)

    def forget(self, home_address: Address) -> None:
        """The registration has ended: nothing is sent any more."""
        self._deliveries.pop(home_address, None)

    def take(self, home_address: Address, preferred_s: int, now: int) -> tuple[tuple[int, Address | None] | None, int]:
        """Identifier and destination of what is to be sent at `now`, None for nothing; and when to `take` again."""
        delivery = self._deliveries[home_address]
        if not delivery.scheduled:
            return None, self.changed(home_address, preferred_s, now) or now
        answer, delivery.last_ns = delivery.asked or (0, None), now
        delivery.scheduled = not delivery.asked and delivery.attempts < constants.PREFIX_ADV_RETRIES
        wait_ns = self.max_interval_s * NS_PER_S
        if delivery.scheduled:
            wait_ns = constants.PREFIX_ADV_TIMEOUT_NS << delivery.attempts
        delivery.attempts = 0 if delivery.asked else delivery.attempts + 1
        delivery.asked, delivery.due_ns = None, now + wait_ns
        return answer, delivery.due_ns

    def is_due(self, home_address: Address, now: int) -> bool:
        """False where the time was changed, or the registration has ended."""
        delivery = self._deliveries.get(home_address)
        return delivery is not None and delivery.due_ns == now

    def _set(self, delivery: Delivery, due_ns: int) -> int:
        """No mobile node is sent more than one advertisement a second (section 6.8)."""
        delivery.scheduled, delivery.due_ns = True, max(due_ns, delivery.last_ns + NS_PER_S)
        return delivery.due_ns
