"""Allocate further home addresses (the patent, pages 8 and 9), by a mechanism that the mobile node is given.

`Allocation` says what a mechanism does: two operations, allocate and free, and three things that it is told. Stateless
allocation stands here: addresses made from the home prefix, which the home agent then looks for duplicates of. The
other two ways are `flow.allocation.dhcpv6_client` and `flow.protocols.address_protocol`.
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
    """One mechanism of page 9, on the mobile node; where a mechanism says nothing else, nothing is done."""

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address; call one of the two, now or later, `refused` with the reason in words."""

    def free(self, address: Address) -> None:
        """Give an address back that is de-registered at all peers."""
        return

    def collided(self, address: Address) -> None:
        """Never use an address again: the home agent found that somebody else has it (RFC 6275 section 11.7.1)."""
        return

    def primary_bound(self) -> None:
        """Let leave what waits for the tunnel of the primary home address, which is bound."""
        return

    def lead_with(self, home_address: Address) -> None:
        """Take note that another home address is the primary from now on (RFC 6275 section 11.4.3)."""
        return


class Immediate(Allocation):
    """A mechanism that asks nobody: a subclass makes an address at once."""

    def make(self) -> Address:
        """Make a home address that this node has not tried yet. Raises MipflowError where there is none."""
        raise NotImplementedError

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Give an address at once; the home agent will say whether it is unique."""
        try:
            address = self.make()
        except MipflowError as error:
            refused(str(error))
        else:
            granted(address)


class StatelessAllocation(Immediate):
    """Makes addresses of the home prefix, each interface identifier once, counting up from the primary's."""

    def __init__(self, prefix: Prefix, primary: Address) -> None:
        self._prefix = prefix
        self._identifier = primary.interface_identifier

    def make(self) -> Address:
        """Make the address that follows the last one."""
        address = following(self._prefix, self._identifier)
        self._identifier = address.interface_identifier
        return address

    def lead_with(self, home_address: Address) -> None:
        """Make further addresses of its prefix, counting on from it."""
        self._prefix, self._identifier = Prefix.around(home_address, 64), home_address.interface_identifier


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


class FunctionAllocation(Immediate):
    """Has a learner's function, called as allocate(prefix, taken), make an address of the prefix that is not taken."""

    def __init__(self, node: AsksLearner, function: Callable[[Prefix, list[Address]], Address]) -> None:
        self._node = node
        self._function = function
        self._collided: list[Address] = []

    def make(self) -> Address:
        """Call the learner's function. Raises FunctionFailed."""
        taken = [*self._node.mobility.home_addresses_in_order(), *self._collided]
        try:
            return self._function(Prefix.around(self._node.mobility.primary_home_address, 64), taken)
        except FunctionFailed as error:
            self._node.function_failed(error)
            raise

    def collided(self, address: Address) -> None:
        """Tell the learner's function from now on that this address is taken."""
        self._collided.append(address)


def wrong_new(result: object, prefix: Prefix, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `allocate`; empty where nothing is."""
    if isinstance(result, Address) and result in prefix and result not in taken and not prefix.is_anycast(result):
        return ""
    return f"expected an Address in {prefix} that is not in `taken`, and no anycast address"


def wrong_formed(result: object, advert: Advert, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `form`; empty where nothing is. The node checks more of it."""
    return "" if isinstance(result, Address) else "expected an Address, which has 128 bits"


def following(prefix: Prefix, identifier: int) -> Address:
    """Return the next address of a prefix after an interface identifier; after the last comes the first.

    Anycast addresses are passed over.
    """
    address = prefix.address(identifier + 1)
    while prefix.is_anycast(address):
        address = prefix.address(address.interface_identifier + 1)
    return address
