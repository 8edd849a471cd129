"""The data flow redirector (the patent, pages 12 to 16, Figures 4, 5 and 6): which home address and care-of address for
a flow?

Pure: it reads and changes the two tables and returns the changes. Packets are sent and passed up by `flow.stack`; what
has to be sent to peers is `flow.bindings.binder`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, get_args

from mipflow.arguments import FLAG, WORD, check_fields, fits, one_of
from mipflow.errors import FunctionFailed
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.separator import DataFlowSeparator
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressEntry, HomeAddressTable
from mipflow.node.node import Arrival
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.packet import Marks, Sized

Assign = Callable[["FlowMappingEntry", "HomeAddressTable", "FlowMappingTable"], "Address | None"]
"""Which home address for a new flow? None asks for a new one. A learner puts their own in: `assign=my_function`."""

Method = Literal["combined", "home address per flow", "care-of address per flow", "one care-of address"]
"""How flows are kept apart. The three embodiments of page 12: "combined", the preferred one, is Figure 6; with "home
address per flow" no two flows share one, whoever their correspondents are; with "care-of address per flow" all have the
primary, and since a correspondent holds one binding for it, that is one care-of address for each correspondent (Figure
1, pages 3, 4, 6 and 7). "one care-of address" is plain Mobile IPv6 (pages 1 to 3): everything moves at once.
"""


@dataclass(slots=True, frozen=True)
class AssignmentRules:
    """How flows get home addresses.

    method: see `Method`; avoid_primary: take the primary only where no other is free, which is the order of Figure 6
    (page 13); False goes from the first to the last; never_primary: flows that the mobile node opens never use it (page
    13, the stricter rule); together: names flows that are to share a home address (page 14): equal words share, None
    for a flow of its own; tunnel_as_one: correspondents without route optimisation count as one, because what they send
    goes where the home agent's binding says; optimistic: a correspondent counts as route-optimising until it shows
    otherwise, as Figure 6 has it, else only from its first acknowledgement on. The price of the default: flows to
    correspondents that turn out not to optimise share one road until they end, and the trace says so ("shared
    binding"). Raises ProtocolMisuse for an unknown method.
    """

    method: Annotated[Method, one_of(*get_args(Method))] = "combined"
    avoid_primary: Annotated[bool, FLAG] = True
    never_primary: Annotated[bool, FLAG] = False
    together: Callable[[FlowMappingEntry], str | None] | None = None
    tunnel_as_one: Annotated[bool, FLAG] = True
    optimistic: Annotated[bool, FLAG] = True

    def __post_init__(self) -> None:
        check_fields(self)
        if self.together is not None and not isinstance(self.together, Guarded):
            object.__setattr__(self, "together", Guarded("together", self.together, "flow", wrong_group))

    @property
    def one_address(self) -> bool:
        """True where all flows have the primary home address."""
        return self.method in ("care-of address per flow", "one care-of address")


class BeginsFlows(Protocol):
    """Makes new flows."""

    def begun_here(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks
    ) -> FlowMappingEntry | None:
        """The one that a packet of ours begins, if it does."""

    def begun_there(self, arrival: Arrival) -> FlowMappingEntry | None:
        """The one that a correspondent begins with a packet, if it does."""


class DataFlowRedirector:
    """Assigns home addresses to flows, by `rules` and Figure 6 or by a function of the learner's."""

    def __init__(
        self, homes: HomeAddressTable, flows: FlowMappingTable, rules: AssignmentRules | None = None,
        assign: Assign | None = None, own: Container[Address] | None = None,
    ) -> None:  # fmt: skip
        self.homes = homes
        self.flows = flows
        self.rules = rules or AssignmentRules()
        flows.as_one = self.rules.method == "one care-of address"
        self._own = homes if own is None else own
        """Home addresses that are ours: of the table's, none that somebody else has (RFC 6275 section 11.7.1)."""
        self.keeping: list[tuple[str, Callable[[FlowMappingEntry], bool]]] = []
        """Home addresses that are kept for flows (page 10): under which name, and for which flows."""
        self._assign = assign or self.assign
        self._is_learners = assign is not None
        self.stand_between(DataFlowSeparator(flows), None)

    def stand_between(self, separator: DataFlowSeparator, begins: BeginsFlows | None) -> None:
        """Take the ids of known flows from `separator`; `begins` makes new ones."""
        self._separator, self._begins = separator, begins

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks, now: int
    ) -> FlowMappingEntry | None:
        """Figure 4: the flow of an outgoing packet, with its home address; None for a packet of no flow."""
        # Step 21: the separator looks, where the application's own word is not enough: what comes from a socket that is
        # labelled with a flow does not come here (`FlowStack.outgoing`).
        flow = self._separator.outgoing(payload, destination, marks, now)
        if flow is None and self._begins is not None:  # step 22: it is new
            flow = self._begins.begun_here(payload, source, destination, label, marks)  # step 23: `give`
        # Step 24: its line has the home address, and the care-of address that was selected. Step 25: `flow.stack` sends
        # from the home address, and `MobileNode.find_road` takes the care-of address that the peer has acknowledged.
        return flow

    def incoming(self, payload: Sized, arrival: Arrival) -> FlowMappingEntry | None:
        """Figure 5: the flow of an incoming packet, by what it carries; None for a packet of no flow. Raises
        TopologyError where nobody may begin one.
        """
        flow = self._separator.incoming(payload, arrival.source)  # step 28
        if flow is None and self._begins is not None:  # step 29: it is new
            flow = self._begins.begun_there(arrival)  # step 30: `keep`
        return flow  # step 31: `flow.stack` passes the packet to the upper layers

    def give(self, flow: FlowMappingEntry) -> list[Change]:
        """Figure 4, step 23: give a new flow a home address, if there is one.

        Where the flow's `home_address` is still None after this, a new one has to be allocated (Figure 6, step 43).
        """
        home_address = self._assign(flow, self.homes, self.flows)
        if home_address is not None and home_address not in self._own:
            why = f"{home_address} was assigned, which somebody else has; expected another, or None"
            raise FunctionFailed(why, home_address)
        return [] if home_address is None else self.flows.change(flow, home_address=home_address)

    def keep(self, flow: FlowMappingEntry, destination: Address) -> list[Change]:
        """Figure 5, step 30: a new flow keeps the address that the correspondent used."""
        return self.flows.change(flow, home_address=destination)

    def group(self, flow: FlowMappingEntry) -> str | None:
        """Ask `AssignmentRules.together` about a new flow. Raises FunctionFailed."""
        return None if self.rules.together is None else self.rules.together(flow)

    def assign(self, flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        """Figure 6: the last home address that has no flow to the same correspondent node, or None for a new one."""
        if self.rules.one_address:
            return homes.primary
        together = self.of_group(flow)
        if together is not None:
            return together
        kept_for, unused = self.kept_for(flow), None
        for entry in homes.free(self.taken(flow.cn), self.rules.avoid_primary):  # steps 35 to 38, 41, 42
            home_address = entry.home_address
            if not self._may_have(entry, kept_for):
                continue  # step 44
            if home_address == homes.primary:
                return unused or home_address
            if self.flows.is_used(home_address):
                return home_address  # step 39
            unused = unused or home_address  # no figure has one without flows: a pool's come after those with flows
        return unused  # step 43 where there is none

    def taken(self, cn: Address) -> Container[Address]:
        """Home addresses that flows that there are keep from a new one to this correspondent."""
        if self.rules.method == "home address per flow":
            return self.flows.used
        return self.flows.taken(cn) if self.rules.tunnel_as_one else self.flows.used_with(cn)

    def kept_for(self, flow: FlowMappingEntry) -> str:
        """The name under which a home address is kept for such a flow; empty for none."""
        return next((name for name, is_for in self.keeping if is_for(flow)), "")

    def of_group(self, flow: FlowMappingEntry) -> Address | None:
        """A home address of the flows that this one is to share one with, where no other flow has the same binding."""
        if flow.group is None:
            return None
        kept_for = self.kept_for(flow)
        for other in self.flows.of_group(flow.group):
            home = None if other.home_address is None else self.homes.get(other.home_address)
            if other is flow or home is None or not self._may_have(home, kept_for):
                continue
            if self.flows.groups_in_the_way(home.home_address, flow.cn) <= {flow.group}:
                return home.home_address
        return None

    def _may_have(self, home: HomeAddressEntry, kept_for: str) -> bool:
        """True for a home address that no rule keeps from a flow for which those of that name are kept."""
        if home.home_address not in self._own or home.kept_for != kept_for:
            return False
        return not (self.rules.never_primary and home.home_address == self.homes.primary)

    def may_share(self, one: FlowMappingEntry, other: FlowMappingEntry) -> bool:
        """True where two flows that wait for a new home address can have the same: a flow joins a request that is
        under way as it would join the address.
        """
        if one.group is not None and one.group == other.group:
            return True
        if self._is_learners:  # it was asked, and wants a new one for each
            return False
        if self.rules.method == "home address per flow" or self.kept_for(one) != self.kept_for(other):
            return False
        return one.cn != other.cn and (not self.rules.tunnel_as_one or not self.flows.collide(one, other))


def wrong_group(result: object, flow: object) -> str:
    """Say what is wrong with the result of a learner's `together`; empty where nothing is."""
    return "" if result is None or fits(result, WORD) else "expected a word, or None for a flow of its own"


def wrong_home(result: object, flow: object, homes: HomeAddressTable, flows: object) -> str:
    """Say what is wrong with the result of a learner's `assign`; empty where nothing is."""
    if result is None or (isinstance(result, Address) and result in homes):
        return ""
    return "expected a home address of `homes`, or None for a new one"
