"""The prefixes of a home link and how long they last, as a home agent has them and a mobile node learns them. Pure.

Takes what was configured, or prefix information options; gives lifetimes that are left, and changes of the table.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from mipflow.mip6.bindings.table import Entry, Table
from mipflow.mip6.constants import REFRESH_AT
from mipflow.node.lifetimes import FOREVER_NS, end_ns
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import PrefixInformation


@dataclass(slots=True, frozen=True)
class HomePrefix(Entry):
    """A prefix of the home link, its lifetimes in seconds from `since_ns` on; where that is None they stand still.

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
        lifetimes = (option.valid_lifetime_s, option.preferred_lifetime_s)
        return cls(prefix, home_agent, *lifetimes, now, option.autonomous)

    def information(self, now: int) -> PrefixInformation:
        """The prefix information option that says this at `now`: with a home agent's address, the R bit (section 7.2).
        """
        said = self.prefix.network if self.home_agent is None else self.home_agent
        return PrefixInformation(
            said, self.prefix.length, True, self.autonomous, self.home_agent is not None,
            self.valid_s(now), self.preferred_s(now),
        )  # fmt: skip

    def valid_s(self, now: int) -> int:
        """Whole seconds of valid lifetime that are left."""
        return self._left_s(self.valid_lifetime_s, now)

    def preferred_s(self, now: int) -> int:
        """Whole seconds of preferred lifetime that are left; with none the prefix is deprecated (RFC 4862 5.5.4)."""
        return self._left_s(self.preferred_lifetime_s, now)

    def _left_s(self, lifetime_s: int, now: int) -> int:
        ends_ns = self._end_ns(lifetime_s)
        return lifetime_s if ends_ns == FOREVER_NS else max((ends_ns - now) // NS_PER_S, 0)

    def _end_ns(self, lifetime_s: int) -> int:
        return FOREVER_NS if self.since_ns is None else end_ns(lifetime_s, self.since_ns)

    @property
    def ends_ns(self) -> int:
        """When its valid lifetime ends, in nanoseconds; FOREVER_NS where it does not."""
        return self._end_ns(self.valid_lifetime_s)

    @property
    def nears_end_ns(self) -> int:
        """When most of its valid lifetime is over, in nanoseconds."""
        since_ns = self.since_ns or 0
        return self.ends_ns if self.ends_ns == FOREVER_NS else since_ns + round((self.ends_ns - since_ns) * REFRESH_AT)

    def moments_ns(self) -> list[int]:
        """When it is deprecated, when most of its valid lifetime is over, when it ends: in so far as any is to come."""
        moments = (self._end_ns(self.preferred_lifetime_s), self.nears_end_ns, self.ends_ns)
        return [moment for moment in moments if moment != FOREVER_NS]


class HomePrefixes(Table[Prefix, HomePrefix]):
    """The prefixes of one home link (RFC 6275 section 10.6.1). Iterates over its entries."""

    name = "home prefixes"

    def __init__(self) -> None:
        super().__init__()
        self.get = self._entries.get
        """get(prefix): its entry, or None."""

    def of(self, address: Address) -> HomePrefix | None:
        """The entry whose prefix an address has, or None."""
        return next((entry for entry in self._entries.values() if address in entry.prefix), None)

    def put(self, entry: HomePrefix) -> list[Change]:
        """Enter a prefix, or say anew how long it lasts."""
        return self._put(entry.prefix, entry)

    def remove(self, prefix: Prefix) -> list[Change]:
        """Take a prefix out."""
        return self._take(prefix)

    def ended(self, now: int) -> list[HomePrefix]:
        """Prefixes that are not valid any more at `now` nanoseconds."""
        return [entry for entry in self if entry.valid_s(now) == 0]

    def next_moment_ns(self, now: int) -> int | None:
        """When the next lifetime ends after `now`, in nanoseconds; None where none does."""
        return min((moment for entry in self for moment in entry.moments_ns() if moment > now), default=None)


class HomeAddresses(set[Address]):
    """Home addresses of a mobile node; looks one up by its prefix in logarithmic time."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        super().__init__(addresses)
        self._in_order = sorted(self)

    def add(self, address: Address) -> None:
        """Take one more."""
        if address not in self:
            super().add(address)
            insort(self._in_order, address)

    def discard(self, address: object) -> None:
        """Give one up."""
        if isinstance(address, Address) and address in self:
            super().discard(address)
            del self._in_order[bisect_left(self._in_order, address)]

    def has(self, prefix: Prefix) -> bool:
        """True where one of them has this prefix."""
        place = bisect_left(self._in_order, prefix.network)
        return place < len(self._in_order) and self._in_order[place] in prefix
