"""The data flow redirector (the patent WO 2004/057826, pages 12 to 16): which addresses for a flow?

Figures 4, 5 and 6 are here, each in a method of its own, with the numbers of their steps. `outgoing` is Figure 4 and
`incoming` Figure 5: `FlowStack` (`flow.stack`) calls them for packets on their way down and up. `assign` is Figure 6,
which `give` asks for the home address of a new flow. It sends nothing: it returns the changes of its tables.
`flow.new_flows` enters new flows, and `flow.bindings` allocates home addresses and has peers told of all addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, get_args

from mipflow.arguments import FLAG, Checked, function, one_of, optional
from mipflow.errors import FunctionFailed
from mipflow.flow.separator import DataFlowSeparator
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressEntry, HomeAddressTable
from mipflow.node.node import Arrival
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.packet import Marks, Sized

Assign = Callable[["FlowMappingEntry", "HomeAddressTable", "FlowMappingTable"], "Address | None"]
"""Which home address for a new flow? None asks for a new one. A learner puts their own function in:
`figure2(assign=my_function)`.
"""

Method = Literal["combined", "home address per flow", "care-of address per flow", "one care-of address"]
"""How flows are kept apart: the three embodiments of page 12, and plain Mobile IPv6.

"combined", the preferred one, is Figure 6. With "home address per flow" no two flows have the same home address,
whoever their correspondents are. With "care-of address per flow" all have the primary; a correspondent holds one
binding for it, so flows move apart only where their correspondents differ (Figure 1, pages 3, 4, 6 and 7). "one
care-of address" is plain Mobile IPv6 (pages 1 to 3): all flows move at once.
"""


@dataclass(slots=True, frozen=True)
class AssignmentRules(Checked):
    """How flows get home addresses: what changes Figure 6, and in which steps. Raises ProtocolMisuse for an unknown
    method.

    method: see `Method`.
    avoid_primary: the primary comes last (35: from the last row to the first, which is the primary; page 13). False
        goes from the first row to the last.
    never_primary: flows that the mobile node opens never have the primary (page 13, the stricter rule).
    together: names the group of a new flow; flows of equal names share a home address (page 14), before all other
        rules; None for a flow of no group.
    tunnel_as_one: in step 37 all correspondents without route optimisation count as the same one, because the home
        agent sends what comes from them to where it has the home address bound.
    optimistic: in step 37 a correspondent counts as route-optimising until it shows otherwise, as the figure has it;
        False waits for its first acknowledgement. The price of True: flows to correspondents that turn out not to
        optimise have one home address, and so one road, until they end; the trace says so ("shared binding").
    """

    method: Annotated[Method, one_of(*get_args(Method))] = "combined"
    avoid_primary: Annotated[bool, FLAG] = True
    never_primary: Annotated[bool, FLAG] = False
    together: Annotated[Callable[[FlowMappingEntry], str | None] | None, optional(function("flow"))] = None
    tunnel_as_one: Annotated[bool, FLAG] = True
    optimistic: Annotated[bool, FLAG] = True

    @property
    def one_address(self) -> bool:
        """True where all flows have the primary home address."""
        return self.method in ("care-of address per flow", "one care-of address")


class BeginsFlows(Protocol):
    """Enters new flows and has them given their home addresses."""

    def begun_here(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks
    ) -> FlowMappingEntry | None:
        """Return the flow that an outgoing packet begins, or None."""

    def begun_there(self, arrival: Arrival) -> FlowMappingEntry | None:
        """Return the flow that a correspondent begins with an incoming packet, or None."""


class DataFlowRedirector:
    """Assigns home addresses to flows, by `rules` and Figure 6 or by a function of the learner's."""

    def __init__(
        self, homes: HomeAddressTable, flows: FlowMappingTable, rules: AssignmentRules | None = None,
        assign: Assign | None = None, own: Container[Address] | None = None,
    ) -> None:  # fmt: skip
        self.homes, self.flows = homes, flows
        self.rules = rules or AssignmentRules()
        flows.as_one = self.rules.method == "one care-of address"
        self._own = homes if own is None else own
        """The home addresses that are ours. Of the table, one that duplicate address detection has found at somebody
        else's is not (RFC 6275 section 11.7.1).
        """
        self.keeping: dict[str, Callable[[FlowMappingEntry], bool]] = {}
        """Home addresses that are kept for certain flows, such as calls (page 10): name -> is it for this flow?
        `mn.keep_home_address` fills it.
        """
        self._full: tuple[Container[Address], Address, int] | None = None
        """The home addresses in the way, the primary and `given_back` when all home addresses were in the way."""
        self._youngest = -1
        """The number of the youngest of them."""
        self._assign = assign or self.assign
        self._is_learners = assign is not None
        self.stand_between(DataFlowSeparator(flows), None)

    def stand_between(self, separator: DataFlowSeparator, begins: BeginsFlows | None) -> None:
        """Take the ids of known flows from `separator`; `begins` makes new ones."""
        self._separator, self._begins = separator, begins

    # --- Figures 4 and 5 (pages 14 and 15): for each packet ----------------------------------------------------------

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks, now: int
    ) -> FlowMappingEntry | None:
        """Return the flow of an outgoing packet, with its two addresses, by Figure 4; None for a packet of no flow.

        20  begin: there is an outgoing packet
        21  get its flow id from the data flow separator
        22  is it a new flow?                                                    yes: 23   no: 24
        23  assign a home address to the new flow, by Figure 6; None while a new one is being allocated
        24  take home address and care-of address from the flow mapping table
        25  send the packet with them; 26 end
        """
        flow = self._separator.outgoing(payload, destination, marks, now)  # 21
        if flow is None and self._begins is not None:  # 22
            flow = self._begins.begun_here(payload, source, destination, label, marks)  # 23: it calls `give`
        return flow  # 24: a row of the table has both; 25: `FlowStack.outgoing` sends the packet, or holds it till then

    def incoming(self, payload: Sized, arrival: Arrival) -> FlowMappingEntry | None:
        """Return the flow of an incoming packet by Figure 5; None for a packet of no flow. Raises TopologyError where
        its sender may not begin one.

        27  begin: there is an incoming packet
        28  get its flow id from the data flow separator
        29  is it a new flow?                                                    yes: 30   no: 31
        30  assign the packet's destination address to the new flow as its home address
        31  pass the packet to the upper layers; 32 end
        """
        flow = self._separator.incoming(payload, arrival.source)  # 28
        if flow is None and self._begins is not None:  # 29
            flow = self._begins.begun_there(arrival)  # 30: it calls `keep`
        return flow  # 31: `FlowStack.incoming` passes the packet up

    def give(self, flow: FlowMappingEntry) -> list[Change]:
        """Assign a home address to a new flow (Figure 4, step 23), by Figure 6 or a learner's function.

        Where the flow's `home_address` is still None after this, a new one has to be allocated (Figure 6, step 43).
        Raises FunctionFailed for a home address that somebody else has.
        """
        home_address = self._assign(flow, self.homes, self.flows)
        if home_address is not None and home_address not in self._own:
            why = f"{home_address} was assigned, which somebody else has; expected another, or None"
            raise FunctionFailed(why, home_address)
        return [] if home_address is None else self.flows.change(flow, home_address=home_address)

    def keep(self, flow: FlowMappingEntry, destination: Address) -> list[Change]:
        """Assign the address that its correspondent used to a new flow (Figure 5, step 30)."""
        return self.flows.change(flow, home_address=destination)

    # --- Figure 6 (pages 12 to 16): the home address of a new flow ---------------------------------------------------

    def assign(self, flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        """Return a home address for a new flow by Figure 6: the last one that has no flow with the same correspondent
        node. That node has one binding for each home address, so flows that are to move apart need two. None where a
        new one is to be allocated.

        33  begin
        34  get the new flow and its correspondent node from the data flow separator
        35  ha := the last home address of the home address table (its first is the primary)
        36  f := the first flow of the flow mapping table that has the home address ha
        37  has f the same correspondent node as the new flow?             yes: ha is in the way, 41   no: 38
        38  are there more flows that have ha?                             yes: 44                     no: 39
        39  assign ha to the new flow; 40 end
        41  is there another home address in the home address table?       yes: 42                     no: 43
        42  ha := the home address before ha in the table, and back to 36
        43  allocate a new home address, ha := that one, and to 39
        44  f := the next flow that has ha, and back to 37

        Example: H@1, the primary, has flows to CN1 and CN3, and H@2 one to CN2. A new flow to CN1 gets H@2 (35, 36, 37
        no, 38 no, 39); the next one to CN1 finds both in the way and gets H@3 (43).

        The rules aside, it differs from the figure in three ways. An index of the flow mapping table has the home
        addresses that are in the way: the same result, without a walk through all flows (36, 37, 38, 44). A home
        address without any flow, which the figure does not have, comes after the others with flows and before the
        primary. And 43 takes a second of virtual time: the new flow has None until then, and others may begin.
        """
        if self.rules.one_address:
            return homes.primary  # no other is ever allocated (Figure 1)
        if (of_group := self.of_group(flow)) is not None:
            return of_group  # it is to share that one (page 14)
        free = self._free(homes, self.in_the_way(flow.cn))  # 34
        kept_for = self.kept_for(flow)
        without_flows: Address | None = None
        for ha in (home.home_address for home in free if self.may_have(home, kept_for)):  # 35, 41 and 42: see `_free`
            if ha == homes.primary:  # the last resort, after those without flows
                return without_flows or ha  # 39
            if ha in flows.used:
                return ha  # 39
            without_flows = without_flows or ha
        return without_flows  # 39; or 43: None, for which `flow.bindings.address_pool` has one allocated

    def _free(self, homes: HomeAddressTable, in_the_way: Container[Address]) -> Iterator[HomeAddressEntry]:
        """Yield the home addresses that are not in the way (36, 37, 38 and 44), from the last (35) to the one before
        (41, 42). Where all were in the way, only younger ones are looked at until one has been given back.
        """
        state = (in_the_way, homes.primary, self.flows.given_back)
        last_first = self.rules.avoid_primary
        is_full, oldest = True, self._youngest if last_first and self._full == state else -1
        for home in reversed(homes) if last_first else homes:
            if home.number <= oldest:
                break
            if home.home_address not in in_the_way:
                is_full = False
                yield home
        if is_full:
            self._full, self._youngest = state, next(reversed(homes)).number

    def in_the_way(self, cn: Address) -> Container[Address]:
        """Return the home addresses that have a flow with this correspondent node (37), or one that counts as such."""
        if self.rules.method == "home address per flow":
            return self.flows.used
        return self.flows.taken(cn) if self.rules.tunnel_as_one else self.flows.used_with(cn)

    def may_have(self, home: HomeAddressEntry, kept_for: str) -> bool:
        """Return True for a home address that is ours, is kept under this name ("" for none), and no rule bars."""
        if home.home_address not in self._own or home.kept_for != kept_for:
            return False
        return not (self.rules.never_primary and home.home_address == self.homes.primary)

    def kept_for(self, flow: FlowMappingEntry) -> str:
        """Return the name under which a home address is kept for such a flow (page 10); empty for none."""
        return next((name for name, is_for in self.keeping.items() if is_for(flow)), "")

    # --- flows that are to share a home address (page 14) ------------------------------------------------------------

    def group(self, flow: FlowMappingEntry) -> str | None:
        """Ask `AssignmentRules.together` about a new flow. Raises FunctionFailed."""
        return None if self.rules.together is None else self.rules.together(flow)

    def of_group(self, flow: FlowMappingEntry) -> Address | None:
        """Return a home address of the flow's group for which no flow outside the group has the same binding."""
        if flow.group is None:
            return None
        kept_for = self.kept_for(flow)
        groups = self.flows.groups_in_the_way
        for other in self.flows.of_group(flow.group):
            home = None if other is flow or other.home_address is None else self.homes.get(other.home_address)
            if home and self.may_have(home, kept_for) and groups(home.home_address, flow.cn) <= {flow.group}:
                return home.home_address
        return None

    def may_share(self, one: FlowMappingEntry, other: FlowMappingEntry) -> bool:
        """Return True where two flows that wait for a new home address (43) can have the same: a flow joins a request
        that is under way as it would join the address.
        """
        if one.group is not None and one.group == other.group:
            return True
        if self._is_learners:  # it was asked, and wants a new one for each
            return False
        if self.rules.method == "home address per flow" or self.kept_for(one) != self.kept_for(other):
            return False
        return one.cn != other.cn and (not self.rules.tunnel_as_one or not self.flows.collide(one, other))
