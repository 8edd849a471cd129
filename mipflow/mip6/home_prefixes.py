"""The prefixes of a home link with their lifetimes, as home agent and mobile node know them (RFC 6275 section 10.6.1).

Pure: takes what was configured or learned, gives the lifetimes that are left and changes of the table. Discovery
(`mip6.discovery`) tells mobile nodes of them; without it they stay as they were configured.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from mipflow.mip6.bindings.table import Entry, Table
from mipflow.node.lifetimes import FOREVER_NS, end_ns
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import PrefixInformation


@dataclass(slots=True, frozen=True)
class HomePrefix(Entry):
    """A prefix of the home link; its lifetimes, in seconds, run from `since_ns` on, or stand still where that is None.

    A router may advertise either kind (RFC 4861 section 6.2.1). `home_agent` is the home agent's address in the prefix.
    """

    columns = "prefix valid_lifetime_s preferred_lifetime_s home_agent".split()
    prefix: Prefix
    home_agent: Address | None = None
    valid_lifetime_s: int = 2_592_000
    preferred_lifetime_s: int = 604_800
    since_ns: int | None = None
    autonomous: bool = True

    @classmethod
    def told(cls, option: PrefixInformation, now: int) -> HomePrefix:
        """Read a prefix information option at `now`; with the R bit it has the router's address (section 7.2)."""
        prefix = Prefix.around(option.prefix, option.prefix_length)
        home_agent = option.prefix if option.router_address else None
        lifetimes_s = (option.valid_lifetime_s, option.preferred_lifetime_s)
        return cls(prefix, home_agent, *lifetimes_s, now, option.autonomous)

    def information(self, now: int) -> PrefixInformation:
        """Build the prefix information option that says this at `now`; the R bit marks a home agent's address (7.2)."""
        said = self.prefix.network if self.home_agent is None else self.home_agent
        return PrefixInformation(
            said, self.prefix.length, True, self.autonomous, self.home_agent is not None,
            self.valid_s(now), self.preferred_s(now),
        )  # fmt: skip

    def valid_s(self, now: int) -> int:
        """Return the whole seconds of valid lifetime that are left at `now`."""
        return self._left_s(self.valid_lifetime_s, now)

    def preferred_s(self, now: int) -> int:
        """Return the whole seconds of preferred lifetime left; at 0 the prefix is deprecated (RFC 4862 5.5.4)."""
        return self._left_s(self.preferred_lifetime_s, now)

    def _left_s(self, lifetime_s: int, now: int) -> int:
        ends_ns = self.end_ns(lifetime_s)
        return lifetime_s if ends_ns == FOREVER_NS else max((ends_ns - now) // NS_PER_S, 0)

    def end_ns(self, lifetime_s: int) -> int:
        """Return when one of its lifetimes ends, in nanoseconds; FOREVER_NS where it does not."""
        return FOREVER_NS if self.since_ns is None else end_ns(lifetime_s, self.since_ns)


class HomePrefixes(Table[Prefix, HomePrefix]):
    """The prefixes of one home link. Iterates over its entries."""

    name = "home prefixes"

    def of(self, address: Address) -> HomePrefix | None:
        """Return the entry whose prefix an address has, or None."""
        return next((entry for entry in self._entries.values() if address in entry.prefix), None)

    def put(self, entry: HomePrefix) -> list[Change]:
        """Enter a prefix, or change how long it lasts."""
        return self._put(entry.prefix, entry)

    def remove(self, prefix: Prefix) -> list[Change]:
        """Take a prefix out."""
        return self._take(prefix)


class HomeAddresses(set[Address]):
    """The home addresses of a mobile node; `has` finds one by its prefix in logarithmic time."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        super().__init__(addresses)
        self._in_order = sorted(self)

    def add(self, address: Address) -> None:
        """Add one."""
        if address not in self:
            super().add(address)
            insort(self._in_order, address)

    def discard(self, address: object) -> None:
        """Remove one, if it is there."""
        if isinstance(address, Address) and address in self:
            super().discard(address)
            del self._in_order[bisect_left(self._in_order, address)]

    def has(self, prefix: Prefix) -> bool:
        """Return whether one of them has this prefix."""
        place = bisect_left(self._in_order, prefix.network)
        return place < len(self._in_order) and self._in_order[place] in prefix
