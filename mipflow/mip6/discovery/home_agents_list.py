"""The home agents list of a home agent (RFC 6275 sections 10.1 and 10.5.1). Pure: advertisements and `now` in, changes
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from types import MappingProxyType

from mipflow.mip6.bindings.table import Entry, Table
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import HomeAgentInformation, RouterAdvertisement

MAX_ADDRESSES = (1280 - 40 - 8) // 16
"""Addresses of a reply that fits the minimum IPv6 MTU (section 10.5.1)."""


@dataclass(slots=True, frozen=True)
class HomeAgentEntry(Entry):
    """A home agent on the home link, until `expires_ns`. `valid_until_ns`: its global addresses, and how long each is
    valid.
    """

    columns = "link_local preference expires_at_s addresses".split()
    link_local: Address
    preference: int
    expires_ns: int
    valid_until_ns: Mapping[Address, int]

    @property
    def expires_at_s(self) -> float:
        """When the entry ends, in seconds of virtual time."""
        return self.expires_ns / NS_PER_S

    @property
    def addresses(self) -> str:
        """Its global addresses as text."""
        return ", ".join(map(str, self.valid_until_ns))


def heard(
    advertisement: RouterAdvertisement, source: Address, now: int, known: Mapping[Address, int] = MappingProxyType({})
) -> HomeAgentEntry | None:
    """Read a router as a home agent; None where it is none (any more). `known`: addresses of it so far."""
    told = next((option for option in advertisement.options if isinstance(option, HomeAgentInformation)), None)
    preference, lifetime_s = (told.preference, told.lifetime_s) if told else (0, advertisement.router_lifetime_s)
    if not advertisement.home_agent or lifetime_s == 0:
        return None
    until_ns = {
        option.prefix: now + option.valid_lifetime_s * NS_PER_S
        for option in advertisement.prefixes if option.router_address
    }  # fmt: skip
    return HomeAgentEntry(source, preference, now + lifetime_s * NS_PER_S, _valid({**known, **until_ns}, now))


def _valid(until_ns: Mapping[Address, int], now: int) -> dict[Address, int]:
    return {address: end for address, end in until_ns.items() if end > now}


class HomeAgentsList(Table[Address, HomeAgentEntry]):
    """The other home agents of one home link, by link-local address. Iterates over its entries."""

    name = "home agents list"

    def hear(self, advertisement: RouterAdvertisement, source: Address, now: int) -> list[Change]:
        """A router of the home link has advertised itself from the link-local address `source`."""
        known = self._entries[source].valid_until_ns if source in self else {}
        entry = heard(advertisement, source, now, known)
        return self._take(source) if entry is None else self._put(source, entry)

    def expire(self, now: int) -> list[Change]:
        """Delete home agents whose lifetime has ended, and addresses whose prefix has (section 10.1)."""
        changes = []
        for entry in self:
            left = _valid(entry.valid_until_ns, now)
            if entry.expires_ns <= now:
                changes += self._take(entry.link_local)
            elif left != entry.valid_until_ns:
                changes += self._put(entry.link_local, replace(entry, valid_until_ns=left))
        return changes

    def next_end_ns(self) -> int | None:
        """When the next entry or address ends, in nanoseconds; None for an empty list."""
        return min((end for entry in self for end in (entry.expires_ns, *entry.valid_until_ns.values())), default=None)

    def by_preference(self, own: HomeAgentEntry | None, random: Random) -> tuple[Address, ...]:
        """All addresses, ours too: the most preferable first, equals in random order, no more than fit a reply."""
        entries = [*self] if own is None else [own, *self]
        random.shuffle(entries)
        entries.sort(key=lambda entry: -entry.preference)
        found = [random.sample(list(entry.valid_until_ns), len(entry.valid_until_ns)) for entry in entries]
        return tuple(chain.from_iterable(found))[:MAX_ADDRESSES]
