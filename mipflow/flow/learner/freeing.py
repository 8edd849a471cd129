"""Free a home address by the steps of a learner's `free`, each of which waits for the one before.

The pool of home addresses frees by the patent's page 14 where there is no such function. It is called as free(address,
primary, rows) and gives steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mipflow.errors import FunctionFailed
from mipflow.flow.bindings.address_pool import AddressPool
from mipflow.mip6.mobile_node import MobileNode
from mipflow.wire.address import Address

STRIKE_OUT, FORGET_KEYS = "strike out", "forget keys"


class Held(NamedTuple):
    """A row at a peer: a home address that it knows."""

    home: Address
    peer: Address


Step = Held | str
"""A row that is to be deleted, or one of the two words."""
Free = Callable[[Address, Address, "list[Held]"], Sequence[Step]]


def wrong_steps(result: object, address: Address, primary: Address, rows: list[Held]) -> str:
    """Say what is wrong with the result of a learner's `free`; empty where nothing is."""
    known = (STRIKE_OUT, FORGET_KEYS, *rows)
    is_list = isinstance(result, list | tuple)
    return "" if is_list and all(each in known for each in result) else "expected a list of rows and the two words"  # type: ignore[attr-defined]


class Freeing:
    """The steps of `function` for each home address that is to be freed, done in their order."""

    def __init__(self, node: MobileNode, pool: AddressPool, function: Free) -> None:
        self._node, self._pool, self._function = node, pool, function
        self._steps: dict[Address, list[Step]] = {}
        self._is_at_work = False

    def begin(self, home_address: Address) -> None:
        """Ask for the steps, and do the first."""
        node = self._node
        rows = [Held(entry.home_address, entry.peer) for entry in node.binding_updates]
        try:
            self._steps[home_address] = list(self._function(home_address, node.primary_home_address, rows))
        except FunctionFailed as error:
            node.decided("function failed", str(error))
            return
        self.go_on()

    def is_freeing(self, home_address: Address) -> bool:
        """Return True while there are steps to be done."""
        return home_address in self._steps

    def go_on(self) -> None:
        """Do the steps that waited for a registration that has changed."""
        if self._is_at_work:
            return
        self._is_at_work = True
        try:
            for home_address, steps in list(self._steps.items()):
                while steps and self._is_done(home_address, steps[0]):
                    del steps[0]
                if not steps:
                    del self._steps[home_address]
                    self._over(home_address)
        finally:
            self._is_at_work = False

    def _is_done(self, home_address: Address, step: Step) -> bool:
        if isinstance(step, Held):
            self._node.registrar.deregister(step.peer, step.home)
            return (step.peer, step.home) not in self._node.binding_updates
        self._node.decided("freeing", f"{home_address}: {step}")
        if step == STRIKE_OUT:
            self._pool.strike(home_address)
        else:
            self._node.ip_security.disown(home_address)
        return True

    def _over(self, home_address: Address) -> None:
        """Give an address up once all steps are done; one that a peer still knows is a ghost, and stays ours."""
        if not self._node.binding_updates.of_home_address(home_address):
            self._node.own_home_addresses.discard(home_address)
            self._node.node.forget_roads()
            self._pool.allocation.free(home_address)
