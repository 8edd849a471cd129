"""Put a learner's functions into a mobile node: each is guarded, and its results are looked at before they are used.

The door between `flow.mobile_node`, which takes these functions as keywords, and the parts of the flow layer, which
take plain callables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mipflow.arguments import WORD, fits, several
from mipflow.errors import FunctionFailed
from mipflow.flow.bindings.stateless import Allocation, Granted, Immediate, Refused
from mipflow.flow.learner import answers
from mipflow.flow.learner.freeing import wrong_steps
from mipflow.flow.learner.guard import Guarded, guarded, wrong_truth
from mipflow.flow.learner.packet_keys import wrong_key
from mipflow.flow.redirector import AssignmentRules
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.mip6.mobile_node import MobileNode
from mipflow.wire.address import ADDRESS, Address, Prefix


def wrong_home(result: object, flow: object, homes: HomeAddressTable, flows: object) -> str:
    """Say what is wrong with the result of a learner's `assign`; empty where nothing is."""
    if result is None or (isinstance(result, Address) and result in homes):
        return ""
    return "expected a home address of `homes`, or None for a new one"


def wrong_group(result: object, flow: object) -> str:
    """Say what is wrong with the result of a learner's `together`; empty where nothing is."""
    return "" if result is None or fits(result, WORD) else "expected a word, or None for a flow of its own"


def wrong_word(result: object, traits: object) -> str:
    """Say what is wrong with the result of a learner's `separator`; empty where nothing is."""
    return "" if result is None or fits(result, WORD) else "expected a word, '' for a flow of its own, or None"


def wrong_move(result: object, flow: object, care_of: object, flows: FlowMappingTable) -> str:
    """Say what is wrong with the result of a learner's `handover`; empty where nothing is."""
    rows, updates = result if isinstance(result, tuple) and len(result) == 2 else (None, None)
    homes = {each.home_address for each in flows}
    if isinstance(rows, dict) and all(each in flows and fits(where, ADDRESS) for each, where in rows.items()):
        told: list[Any] = updates if isinstance(updates, list) else [None]
        if all(fits(each, several(ADDRESS, "")) and len(each) == 3 and each[1] in homes for each in told):
            return ""
    return "expected ({flow id: care-of address}, [(peer, home address of a flow, care-of address)])"


def wrong_new(result: object, prefix: Prefix, taken: list[Address]) -> str:
    """Say what is wrong with the result of a learner's `allocate`; empty where nothing is."""
    if isinstance(result, Address) and result in prefix and result not in taken and not prefix.is_anycast(result):
        return ""
    return f"expected an Address in {prefix} that is not in `taken`, and no anycast address"


FUNCTIONS: dict[str, tuple[str, Callable[..., str]]] = {
    "assign": ("flow, homes, flows", wrong_home), "handover": ("flow, care_of, flows", wrong_move),
    "answered": (answers.PARAMETERS, answers.wrong_word), "free": ("address, primary, rows", wrong_steps),
    "allocate": ("prefix, taken", wrong_new), "separator": ("traits", wrong_word),
    "is_over": ("flow, now", wrong_truth), "key": ("packet", wrong_key),
}  # fmt: skip
"""Keyword of the mobile node -> parameters of the function, and what says what is wrong with a result."""
OURS_TOO = ("allocate", "separator", "is_over", "key")
"""Functions that are guarded even where mipflow's own."""


def guards(**functions: Callable[..., Any] | None) -> dict[str, Any]:
    """Return the functions guarded, by their keywords; None where there is none. Raises FunctionFailed for a function
    that does not take its parameters.
    """
    return {
        name: None if each is None else (Guarded if name in OURS_TOO else guarded)(name, each, *FUNCTIONS[name])
        for name, each in functions.items()
    }


def guarded_rules(rules: AssignmentRules | None) -> AssignmentRules | None:
    """Return the rules with their `together` guarded."""
    if rules is None or rules.together is None or isinstance(rules.together, Guarded):
        return rules
    return replace(rules, together=Guarded("together", rules.together, "flow", wrong_group))


def is_for_guard(is_for: Callable[[FlowMappingEntry], bool]) -> Callable[[FlowMappingEntry], bool]:
    """Return a learner's `is_for` guarded: for which flows a home address is kept."""
    return Guarded("is_for", is_for, "flow", wrong_truth)


class FunctionAllocation(Immediate):
    """Has a learner's function, called as allocate(prefix, taken), make an address of the prefix that is not taken."""

    def __init__(self, node: MobileNode, function: Callable[[Prefix, list[Address]], Address]) -> None:
        self._node, self._function = node, function
        self._collided: list[Address] = []

    def make(self) -> Address:
        """Call the learner's function. Raises FunctionFailed."""
        taken = [*self._node.home_addresses_in_order(), *self._collided]
        try:
            return self._function(Prefix.around(self._node.primary_home_address, 64), taken)
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            raise

    def collided(self, address: Address) -> None:
        """Tell the learner's function from now on that this address is taken."""
        self._collided.append(address)


class GuardedAllocation:
    """A mechanism that a learner wrote: its `allocate` is guarded, everything else is as it is."""

    def __init__(self, of: Allocation) -> None:
        self._of = of

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address. Raises FunctionFailed."""
        Guarded("allocate", self._of.allocate, "granted, refused", lambda *_: "")(granted, refused)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)
