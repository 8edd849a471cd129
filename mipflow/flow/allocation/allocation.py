"""Mechanisms that make further home addresses without a server (the patent, pages 8 and 9).

`GeneratedAllocation` makes them from a key, `DiscoveredAllocation` of a prefix that mobile prefix discovery told.
`flow.bindings.stateless` says what a mechanism does, and counts addresses up where a scenario puts in no other one. The
other two ways of page 9 are `flow.allocation.dhcpv6_client` and `flow.protocols.address_protocol`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mipflow.errors import FunctionFailed, MipflowError
from mipflow.flow.bindings.stateless import Allocation, Granted, Immediate, Refused, following
from mipflow.wire.address import Address, Prefix

if TYPE_CHECKING:
    from mipflow.mip6.enhanced.cga import AddressOwner
    from mipflow.mip6.mobile_node import MobileNode


class GeneratedAllocation(Immediate):
    """Makes addresses of the home prefix from the key of their `owner` (RFC 3972)."""

    def __init__(self, prefix: Prefix, owner: AddressOwner) -> None:
        self.prefix = prefix
        self._owner = owner
        self._next: list[Address] = []
        """Addresses that take the place of duplicates."""

    def make(self) -> Address:
        """Make an address that a key proves, and that this node has not tried yet."""
        return self._next.pop() if self._next else self._owner.generate(self.prefix)

    def lead_with(self, home_address: Address) -> None:
        """Make further addresses of its prefix."""
        self.prefix = Prefix.around(home_address, 64)
        self._next.clear()

    def collided(self, address: Address) -> None:
        """Make the next address with another collision count: the modifier found stays good (section 4, step 8)."""
        following = self._owner.after_collision(address)
        if following is not None:
            self._next.append(following)


class HasMobileNode(Protocol):
    """A host that has a mobile node."""

    mobility: MobileNode


class AsksLearner(HasMobileNode, Protocol):
    """A host with a mobile node that runs functions of a learner's."""

    def function_failed(self, error: MipflowError) -> None:
        """Record in the trace that a learner's function failed."""


class Advert(NamedTuple):
    """A mobile prefix advertisement, as a function that forms an address sees it.

    prefix: as its option has it, with the home agent's own address in it where the R bit is set (section 7.2).
    """

    source: Address
    destination: Address
    prefix: Address
    length: int


Form = Callable[[Advert, "list[Address]"], Address]


class DiscoveredAllocation(Allocation):
    """Makes addresses of a prefix that mobile prefix discovery told (page 8; RFC 6275 sections 6.7, 6.8 and 11.4.2).

    It solicits once; prefix discovery keeps the answer up to date. At home a router advertises the prefix. form: a
    learner's function in place of counting up, called as form(advert, taken).
    """

    def __init__(self, node: AsksLearner, form: Form | None = None) -> None:
        self._host, self._node, self._form = node, node.mobility, form
        self._identifier = node.mobility.primary_home_address.interface_identifier
        """The interface identifier that was tried last."""
        self.refused: list[Address] = []
        """Addresses that somebody else has, which a learner's function is told as taken."""
        self._waiting: list[tuple[Granted, Refused]] = []

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Give an address at once where a prefix is known, else after a solicitation and its answer."""
        self._waiting.append((granted, refused))
        self.primary_bound()

    def primary_bound(self) -> None:
        """Solicit a prefix, or give addresses of the one that is known."""
        node, now, primary = self._node, self._node.clock.now, self._node.primary_home_address
        preferred = [entry.prefix for entry in node.home_prefixes if entry.preferred_s(now)]
        if not preferred and primary in node.addresses:
            preferred = [Prefix.around(primary, 64)]
        if self._waiting and not preferred:
            if node.registered_at_home(primary) is not None:
                node.prefixes.solicit(primary)
            return
        while self._waiting:
            prefix = next((each for each in preferred if primary in each), preferred[0])
            granted, refused = self._waiting.pop(0)
            if self._form is not None:
                self._formed(prefix, granted, refused)
                continue
            address = following(prefix, self._identifier)
            self._identifier = address.interface_identifier
            granted(address)

    def _formed(self, prefix: Prefix, granted: Granted, refused: Refused) -> None:
        """Have the learner's function form an address of the advertised prefix."""
        assert self._form is not None
        node, told = self._node, self._node.home_prefixes.get(prefix)
        whole = prefix.network if told is None or told.home_agent is None else told.home_agent
        care_of = node.registered_at_home(node.primary_home_address) or node.primary_home_address
        advert = Advert(node.home_agent, care_of, whole, prefix.length)
        try:
            address = self._form(advert, [*node.home_addresses_in_order(), *self.refused])
        except FunctionFailed as error:
            self._host.function_failed(error)
            refused(str(error))
        else:
            granted(address)

    def collided(self, address: Address) -> None:
        """Tell the learner's function from now on that this address is taken."""
        self.refused.append(address)


def wrong_formed(result: object, advert: Advert, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `form`; empty where nothing is. The node checks more of it."""
    return "" if isinstance(result, Address) else "expected an Address, which has 128 bits"
