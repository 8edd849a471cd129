"""Allocating further home addresses (the patent, pages 8 and 9): two operations, allocate and free, whoever does it.

Stateless allocation stands here: addresses made from the home prefix, which the home agent then looks for duplicates
of. The other two ways are `flow.allocation.dhcpv6_client` and `flow.protocols.address_protocol`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from mipflow.errors import FunctionFailed, MipflowError
from mipflow.wire.address import Address, Prefix

if TYPE_CHECKING:
    from mipflow.mip6.enhanced.cga import AddressOwner
    from mipflow.mip6.mobile_node import MobileNode

Granted = Callable[["Address"], None]
Refused = Callable[[str], None]


@runtime_checkable
class Allocation(Protocol):
    """One mechanism of page 9, on the mobile node."""

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address: calls one of the two, now or later; `refused` with the reason in words."""

    def free(self, address: Address) -> None:
        """An address is de-registered at all peers: give it back."""

    def collided(self, address: Address) -> None:
        """The home agent found that somebody else has it: it must not be used again (RFC 6275 section 11.7.1)."""

    def primary_bound(self) -> None:
        """The primary home address is bound: what waits for its tunnel may leave."""

    def lead_with(self, home_address: Address) -> None:
        """Another home address is the primary from now on (RFC 6275 section 11.4.3)."""


class Immediate:
    """A mechanism that asks nobody: a subclass makes an address at once."""

    def make(self) -> Address:
        """A home address that this node has not tried yet."""
        raise NotImplementedError

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Give one at once; whether it is unique the home agent will say."""
        try:
            address = self.make()
        except MipflowError as error:
            refused(str(error))
        else:
            granted(address)

    def free(self, address: Address) -> None:
        """Nobody is to be told."""

    def collided(self, address: Address) -> None:
        """No address is made twice."""

    def primary_bound(self) -> None:
        """Nothing waits."""

    def lead_with(self, home_address: Address) -> None:
        """Nothing depends on it."""


class StatelessAllocation(Immediate):
    """Makes addresses of the home prefix, each interface identifier once, counting up from the primary's."""

    def __init__(self, prefix: Prefix, primary: Address) -> None:
        self._prefix = prefix
        self._identifier = primary.interface_identifier

    def make(self) -> Address:
        """A home address that this node has not tried yet."""
        address = following(self._prefix, self._identifier)
        self._identifier = address.interface_identifier
        return address

    def lead_with(self, home_address: Address) -> None:
        """Further addresses have its prefix."""
        self._prefix, self._identifier = Prefix.around(home_address, 64), home_address.interface_identifier


class GeneratedAllocation(Immediate):
    """Makes addresses of the home prefix from the key of their `owner` (RFC 3972)."""

    def __init__(self, prefix: Prefix, owner: AddressOwner) -> None:
        self.prefix = prefix
        self._owner = owner
        self._next: list[Address] = []
        """Addresses that take the place of duplicates."""

    def make(self) -> Address:
        """A home address that a key proves, and that this node has not tried yet."""
        return self._next.pop() if self._next else self._owner.generate(self.prefix)

    def lead_with(self, home_address: Address) -> None:
        """Further addresses have its prefix."""
        self.prefix = Prefix.around(home_address, 64)
        self._next.clear()

    def collided(self, address: Address) -> None:
        """Only the collision count changes: the work that found the modifier is not lost (section 4, step 8)."""
        following = self._owner.after_collision(address)
        if following is not None:
            self._next.append(following)


class HasMobileNode(Protocol):
    """A host that a mobile node has been made of."""

    mobility: MobileNode


class AsksLearner(HasMobileNode, Protocol):
    """The same, as far as a learner's function is concerned."""

    def function_failed(self, error: MipflowError) -> None:
        """Say so in the trace."""


class Advert(NamedTuple):
    """A mobile prefix advertisement, as a function that forms an address sees it.

    prefix: as its option has it, with the home agent's own address in it where the R bit is set (section 7.2).
    """

    source: Address
    destination: Address
    prefix: Address
    length: int


Form = Callable[[Advert, "list[Address]"], Address]


class DiscoveredAllocation(Immediate):
    """Stateless, from a prefix that mobile prefix discovery told (page 8; RFC 6275 sections 6.7, 6.8 and 11.4.2): asks
    once, and keeps what it is told up to date with it. At home a router advertises the prefix.

    form: a learner's function in place of counting up, called as form(advert, taken).
    """

    def __init__(self, node: AsksLearner, form: Form | None = None) -> None:
        self._host, self._node, self._form = node, node.mobility, form
        self._identifier = node.mobility.primary_home_address.interface_identifier
        """The last that was tried."""
        self.refused: list[Address] = []
        """Addresses that somebody else has, for a learner's function."""
        self._waiting: list[tuple[Granted, Refused]] = []

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """At once where a prefix is known; else after a solicitation and its answer."""
        self._waiting.append((granted, refused))
        self.primary_bound()

    def primary_bound(self) -> None:
        """Solicit, or go on with what was told."""
        node, now, primary = self._node, self._node.clock.now, self._node.primary_home_address
        preferred = [entry.prefix for entry in node.prefixes.known if entry.preferred_s(now)]
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
        """Have the learner's function form an address of what was advertised."""
        assert self._form is not None
        node, told = self._node, self._node.prefixes.known.get(prefix)
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
        """It is among those that are taken, from now on."""
        self.refused.append(address)


class FunctionAllocation(Immediate):
    """A learner's function: called as allocate(prefix, taken), gives an address of the prefix that is not taken."""

    def __init__(self, node: AsksLearner, function: Callable[[Prefix, list[Address]], Address]) -> None:
        self._node = node
        self._function = function
        self._collided: list[Address] = []

    def make(self) -> Address:
        """Call the function for a new home address. Raises FunctionFailed."""
        taken = [*self._node.mobility.home_addresses_in_order(), *self._collided]
        try:
            return self._function(Prefix.around(self._node.mobility.primary_home_address, 64), taken)
        except FunctionFailed as error:
            self._node.function_failed(error)
            raise

    def collided(self, address: Address) -> None:
        """It is among those that are taken, from now on."""
        self._collided.append(address)


def wrong_new(result: object, prefix: Prefix, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `allocate`; empty where nothing is."""
    if isinstance(result, Address) and result in prefix and result not in taken and not prefix.is_anycast(result):
        return ""
    return f"expected an Address in {prefix} that is not in `taken`, and no anycast address"


def wrong_formed(result: object, advert: Advert, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `form`, of which the node says more; empty where nothing is."""
    return "" if isinstance(result, Address) else "expected an Address, which has 128 bits"


def following(prefix: Prefix, identifier: int) -> Address:
    """The address of a prefix that comes behind an interface identifier, but for anycast ones; after the last come the
    first.
    """
    address = prefix.address(identifier + 1)
    while prefix.is_anycast(address):
        address = prefix.address(address.interface_identifier + 1)
    return address
