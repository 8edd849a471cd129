"""The data flow redirector (the seed, pages 12 to 16, Figures 4, 5 and 6): which home address and care-of address for
a flow?

Pure: it reads and changes the two tables and returns the changes. What has to be sent for them is `flow.stack`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.sim.trace import Change
from mipflow.wire.address import Address

Assign = Callable[["FlowMappingEntry", "HomeAddressTable", "FlowMappingTable"], "Address | None"]
"""Which home address for a new flow? None asks for a new one. A learner puts their own in: `assign=my_function`."""


@dataclass(slots=True, frozen=True)
class AssignmentRules:
    """How Figure 6 is tuned.

    never_primary: flows that the mobile node opens never use the primary (page 13, the stricter rule); together: names
    flows that are to share a home address (page 14): equal words share, None for a flow of its own; optimistic: a
    correspondent counts as route-optimising before its first acknowledgement; one_address: everything on the primary,
    as without the seed (Figure 1).
    """

    never_primary: bool = False
    together: Callable[[FlowMappingEntry], str | None] | None = None
    optimistic: bool = False
    one_address: bool = False


class DataFlowRedirector:
    """Assigns home addresses to flows. `optimises(cn)`: does this correspondent hold bindings of ours?"""

    def __init__(
        self, homes: HomeAddressTable, flows: FlowMappingTable, optimises: Callable[[Address], bool],
        rules: AssignmentRules | None = None, assign: Assign | None = None,
    ) -> None:
        self.homes = homes
        self.flows = flows
        self.rules = rules or AssignmentRules()
        self.barred: set[Address] = set()
        """Home addresses that somebody else has (RFC 6275 section 11.7.1): no flow gets them."""
        self._optimises = optimises
        self._assign = assign or self.assign

    def outgoing(self, flow: FlowMappingEntry) -> list[Change]:
        """Figure 4 for a flow that the separator calls new (steps 22 and 23): give it a home address, if there is one.

        Where the flow's `home_address` is still None after this, a new one has to be allocated (Figure 6, step 43).
        """
        home_address = self._assign(flow, self.homes, self.flows)
        return [] if home_address is None else self.flows.change(flow, home_address=home_address)

    def incoming(self, flow: FlowMappingEntry, destination: Address) -> list[Change]:
        """Figure 5 for a new flow (step 30): it keeps the address that the correspondent used."""
        return self.flows.change(flow, home_address=destination)

    def assign(self, flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        """Figure 6: the last home address that has no flow to the same correspondent node, or None for a new one."""
        if self.rules.one_address:
            return homes.primary
        together = self._together(flow)
        if together is not None:
            return together
        for entry in reversed(homes):  # steps 35, 41, 42: from the last to the first
            is_kept = self.rules.never_primary and entry.home_address == homes.primary
            if not is_kept and not self.is_taken(entry.home_address, flow.cn):  # steps 36, 37, 38, 44
                return entry.home_address  # step 39
        return None  # step 43

    def is_taken(self, home_address: Address, cn: Address) -> bool:
        """True if a flow uses this home address with this correspondent; those without route optimisation count as
        one.
        """
        if home_address in self.barred:
            return True
        if self._optimises(cn):
            return bool(self.flows.of_pair(home_address, cn))
        return any(not self._optimises(other) for other in self.flows.correspondents(home_address))

    def _together(self, flow: FlowMappingEntry) -> Address | None:
        rule = self.rules.together
        word = None if rule is None else rule(flow)
        if rule is None or word is None:
            return None
        others = (other for other in self.flows if other is not flow and rule(other) == word)
        return next((other.home_address for other in others if other.home_address), None)

    def sharing(self, flow: FlowMappingEntry) -> list[FlowMappingEntry]:
        """The flows that one handover moves: those of the same binding, this one included.

        With route optimisation a binding is one (home address, correspondent node); in a tunnel it is the home address.
        """
        if flow.home_address is None:
            return [flow]
        if self._optimises(flow.cn):
            return self.flows.of_pair(flow.home_address, flow.cn)
        return [other for other in self.flows.of_home_address(flow.home_address) if not self._optimises(other.cn)]

    def is_unused(self, home_address: Address) -> bool:
        """True if no flow has this home address (page 14)."""
        return not self.flows.correspondents(home_address)
