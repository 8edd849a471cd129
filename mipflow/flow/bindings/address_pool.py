"""Keep the further home addresses of a mobile node, from asking for one until it is freed (the patent, page 9).

The shell around an `Allocation` and the home address table: it has addresses registered and de-registered, keeps some
ready for flows to come, and holds those down that were used last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

from mipflow.arguments import SECONDS, check, whole
from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.bindings.stateless import Allocation
from mipflow.flow.redirector import DataFlowRedirector
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.constants import HOME_RETRY_NS
from mipflow.mip6.mobile_node import MobileNode
from mipflow.sim.clock import NS_PER_S, Timer, seconds
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix

MAX_COLLISIONS = 3
"""Duplicates in a row after which no further address is tried."""
ANCHOR = "anchor "
"""Begins the name under which an interface's anchor is kept: a home address that never moves."""
MOST_AHEAD = 1000
"""Home addresses that a pool may keep: each takes a second of detection and a binding."""


class Cost(NamedTuple):
    """The cost of the pool and the hold-down: how many home addresses were allocated ahead, how often a flow got one
    that stood ready, and for how many seconds such addresses stood unused at the home agent, all together.
    """

    ahead: int
    used: int
    idle_s: float


@dataclass(slots=True, eq=False)
class Request:
    """An address that was asked for: its flows, and the name under which it is kept ("" where any flow may use it)."""

    kept_for: str = ""
    flows: list[FlowMappingEntry] = field(default_factory=list)


class BindsFlows(Protocol):
    """Brings flows from their home address to their bindings."""

    def bind_anew(self, home_address: Address) -> None:
        """Bind a home address, if it is known where."""

    def find_home_address(self, entry: FlowMappingEntry, may_ask: bool = True) -> None:
        """Find a home address for a flow, or ask for one."""

    def assigned(self, entry: FlowMappingEntry, changes: list[Change]) -> None:
        """Go on with a flow that has got a home address."""

    def proceed(self, entry: FlowMappingEntry) -> None:
        """Do the next thing that a flow needs."""

    def refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """Let the packets of a flow wait no longer that has no home address."""


class FreesBySteps(Protocol):
    """Frees home addresses in the pool's place, by steps of a learner's."""

    def begin(self, home_address: Address) -> None:
        """Begin to free a home address."""

    def is_freeing(self, home_address: Address) -> bool:
        """Return True while there are steps to be done for a home address."""

    def go_on(self) -> None:
        """Do the steps that waited for a registration that has changed."""


class AddressPool:
    """The further home addresses of `node`; `size` unused ones are kept allocated ahead, and one that is not needed any
    more is freed only after `hold_down_s` seconds in which no flow wanted it.
    """

    def __init__(
        self, node: MobileNode, binder: BindsFlows, redirector: DataFlowRedirector, allocation: Allocation, size: int,
        hold_down_s: float,
    ) -> None:  # fmt: skip
        check(whole(0, MOST_AHEAD), pool=size)
        check(SECONDS, hold_down_s=hold_down_s)
        self._node, self._binder, self._clock = node, binder, node.clock
        self._redirector, self._homes, self._flows = redirector, redirector.homes, redirector.flows
        self.allocation = allocation
        self.size = size
        self._hold_down_ns = seconds(hold_down_s)
        self._requests: dict[Request, None] = {}
        self._asking: set[int] = set()
        """Ids of the flows for which an address has been asked."""
        self._ahead: dict[Address, Request] = {}
        """Addresses without flows that the home agent has not acknowledged yet."""
        self._freeing: set[Address] = set()
        self.steps: FreesBySteps | None = None
        """The steps by which addresses are freed, where a learner says how."""
        self._resting: dict[Address, Timer] = {}
        """Addresses that are held down."""
        self._refused: dict[int, FlowMappingEntry] = {}
        """Flows that could not have an address, by id: one that falls free is theirs."""
        self._again = Timer(node.clock, self._ask_again)
        self._collisions = 0
        self._idle: dict[Address, int] = {}
        """Addresses in the table without flows -> since when, in nanoseconds."""
        self._idle_ns = self._allocated_ahead = self._used = 0

    def is_freeing(self, home_address: Address) -> bool:
        """Return True for an address that is being freed: packets that arrive there are late, and begin nothing."""
        return home_address in self._freeing or (self.steps is not None and self.steps.is_freeing(home_address))

    @property
    def under_way(self) -> int:
        """The number of home addresses that are being allocated ahead or freed, which are not in the table."""
        return len(self._ahead) + len(self._freeing)

    @property
    def cost(self) -> Cost:
        """The cost until now."""
        now = self._clock.now
        idle_ns = self._idle_ns + sum(now - since for since in self._idle.values())
        return Cost(self._allocated_ahead, self._used, idle_ns / NS_PER_S)

    def kept_for(self, home_address: Address) -> str:
        """Return the name under which a home address is kept, bound or not; empty where any flow may use it."""
        entry = self._homes.get(home_address) or self._ahead.get(home_address)
        return "" if entry is None else entry.kept_for

    # --- asking (Figure 6, step 43) ----------------------------------------------------------------------------------

    def request(self, flow: FlowMappingEntry) -> None:
        """Get a new home address for a flow: one that is on its way, where it can share that with the flows for which
        it was asked, else another one.
        """
        kept_for = self._redirector.kept_for(flow)
        if flow.flow_id in self._asking:
            return
        for address, request in self._ahead.items():
            if request.kept_for == kept_for:
                del self._ahead[address]
                self._enter(address, request, [flow])
                return
        for request in reversed(self._requests):
            if request.kept_for == kept_for and all(self._redirector.may_share(flow, other) for other in request.flows):
                request.flows.append(flow)
                self._asking.add(flow.flow_id)
                return
        self._asking.add(flow.flow_id)
        self._ask(Request(kept_for, [flow]))

    def fill(self) -> None:
        """Allocate the addresses that are to be kept and are not there (any more), and allocate ahead; such an address
        enters the table, where flows are given it, once the home agent holds it.
        """
        if self._node.registered_at_home(self._homes.primary) is not None:
            for name in [*self._redirector.keeping]:
                under_way = name in [request.kept_for for request in (*self._requests, *self._ahead.values())]
                if not under_way and name not in self._homes.kept:
                    self._ask(Request(name))
            if self.size:
                asked = sum(not request.flows and not request.kept_for for request in self._requests)
                for _ in range(self.size - len(self._unused()) - len(self._ahead) - asked):
                    self._allocated_ahead += 1
                    self._ask(Request())

    def _ask(self, request: Request) -> None:
        self._requests[request] = None
        try:
            self.allocation.allocate(partial(self._granted, request), partial(self._refuse, request))
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            self._refuse(request, str(error))

    def _answered(self, request: Request) -> None:
        del self._requests[request]
        self._asking.difference_update(flow.flow_id for flow in request.flows)

    def _granted(self, request: Request, address: Address) -> None:
        wrong = self._node.why_not_own(address) or ("it is in use" if address in self._freeing else "")
        if request not in self._requests:  # it has been answered
            return
        if wrong:
            expected = f"expected a new address of {Prefix.around(self._homes.primary, 64)}"
            self._refuse(request, f"{shown(address, str)} was allocated, but {wrong}; {expected}")
            return
        self._answered(request)
        self._node.own_home_addresses.add(address)
        flows = [flow for flow in request.flows if flow.flow_id in self._flows and flow.home_address is None]
        if flows:
            self._enter(address, request, flows)
            return
        self._ahead[address] = request
        self._bind_ahead()

    def _bind_ahead(self) -> None:
        """Bind addresses without flows, as soon as it is known where."""
        for address in list(self._ahead):
            self._binder.bind_anew(address)

    def _enter(self, address: Address, request: Request, flows: list[FlowMappingEntry]) -> None:
        """Enter an address into the table, which these flows have from now on."""
        self._node.record(self._homes.add(address, request.kept_for))
        if not request.kept_for:
            self._idle[address] = self._clock.now
        for flow in sorted(flows, key=lambda flow: flow.flow_id):  # the first that was opened chooses the road
            self._binder.assigned(flow, self._flows.change(flow, home_address=address))

    def _refuse(self, request: Request, why: str) -> None:
        if request not in self._requests:
            return
        self._answered(request)
        self._node.decided("no home address", why)
        for flow in request.flows:
            if flow.flow_id in self._flows and flow.home_address is None:  # one may have fallen free for it meanwhile
                self.refuse(flow, why)

    def refuse(self, flow: FlowMappingEntry, why: str) -> None:
        """Refuse a flow an address for now; one is asked for again at the rate at which home agents are (11.7.1)."""
        self._refused[flow.flow_id] = flow
        self._binder.refuse_flow(flow, why)
        if self._again.due_ns is None:
            self._again.set(self._clock.now + HOME_RETRY_NS)

    # --- what becomes of an address ----------------------------------------------------------------------------------

    def acknowledged(self, home_address: Address) -> None:
        """Let flows have an address that was allocated ahead, for the home agent holds it now."""
        self._collisions = 0
        if home_address == self._homes.primary:
            self.allocation.primary_bound()
            self._bind_ahead()
        request = self._ahead.pop(home_address, None)
        if request is not None:
            self._enter(home_address, request, [])
            self.free_unused()  # the flow for which it was asked may be over

    def taken(self, home_address: Address) -> None:
        """Take note that a flow has got an address of the table."""
        self._used += self._idle_no_more(home_address) > 0

    def _idle_no_more(self, home_address: Address) -> int:
        """Count an address as unused no longer, and free it no more; return for how long it was unused, in nanoseconds.
        """
        idle_ns = self._clock.now - self._idle.pop(home_address, self._clock.now)
        self._idle_ns += idle_ns
        if home_address in self._resting:
            self._resting.pop(home_address).stop()
        return idle_ns

    def collided(self, home_address: Address) -> bool:
        """Never use an address again that somebody at home has; return True if another try is worth it."""
        self.lose(home_address)
        if home_address == self._homes.primary:
            return True
        self.allocation.collided(home_address)
        self._collisions += 1
        if self._collisions < MAX_COLLISIONS:
            self.fill()
            return True
        self._collisions = 0  # a flow that is opened later tries anew
        return False

    def lose(self, home_address: Address) -> None:
        """Give up an address that is not ours any more; the primary stays in the table, for nobody."""
        self._node.disown(home_address)
        self._ahead.pop(home_address, None)
        if home_address != self._homes.primary:
            self.strike(home_address)

    def strike(self, home_address: Address) -> None:
        """Take an address out of the table, if it is there."""
        if home_address not in self._homes:
            return
        self._node.record(self._homes.remove(home_address))
        self._idle_no_more(home_address)

    # --- freeing (page 14) -------------------------------------------------------------------------------------------

    def _unused(self) -> list[Address]:
        """Return the further addresses that no flow has and that are kept for nothing, the oldest first."""
        entries = map(self._homes.get, self._idle)
        numbers = {entry.home_address: entry.number for entry in entries if entry is not None}
        return sorted(numbers, key=numbers.__getitem__)

    def left(self, home_address: Address) -> None:
        """Take note that a flow does not have this address any more."""
        entry, is_further = self._homes.get(home_address), home_address != self._homes.primary
        if entry is not None and is_further and not entry.kept_for and home_address not in self._flows.used:
            self._idle.setdefault(home_address, self._clock.now)

    def lead(self, home_address: Address, former: Address) -> None:
        """Count an address as the primary, and the former one as a further address, which may have no flow."""
        self._idle_no_more(home_address)
        self.left(former)

    def free_unused(self) -> None:
        """Give unused addresses to flows that have none, or hold them down, or free them; not the primary, those that
        are kept, and the pool.
        """
        self._offer()
        for address in self._unused()[self.size :]:
            if address in self._resting or self.is_freeing(address):
                continue
            if self._hold_down_ns:
                self._resting[address] = Timer(self._clock, partial(self._rested, address))
                self._resting[address].set(self._clock.now + self._hold_down_ns)
            else:
                self.free(address)

    def _rested(self, address: Address) -> None:
        del self._resting[address]
        if address in self._unused()[self.size :]:
            self.free(address)

    def _offer(self, may_ask: bool = False) -> None:
        """Let flows that were refused an address try again."""
        flows = self._flows
        self._refused = {n: flow for n, flow in self._refused.items() if n in flows and flow.home_address is None}
        for flow in list(self._refused.values()):
            self._binder.find_home_address(flow, may_ask)

    def _ask_again(self) -> None:
        self._offer(may_ask=True)
        if self._refused:
            self._again.set(self._clock.now + HOME_RETRY_NS)

    def free(self, home_address: Address) -> None:
        """Free an address. Raises ProtocolMisuse for the primary, one in use, or one that is none of ours."""
        users = [flow.flow_id for flow in self._flows.of_home_address(home_address)]
        if users and home_address != self._homes.primary:
            raise ProtocolMisuse(f"{home_address} is in use by flows {users}; close them first", home_address)
        if home_address != self._homes.primary and home_address not in self._homes:
            known = ", ".join(str(entry.home_address) for entry in self._homes)
            why = f"{home_address} is no home address of {self._node.name}; expected one of {known}"
            raise ProtocolMisuse(why, home_address)
        if self.steps is not None:
            self.steps.begin(home_address)
            return
        self.strike(home_address)
        self._freeing.add(home_address)
        self.continue_freeing(home_address)

    def give_up(self, home_address: Address) -> None:
        """Free an address, and keep none in its place. Raises ProtocolMisuse as `free` does."""
        name = self.kept_for(home_address)
        self.free(home_address)
        self._redirector.keeping.pop(name, None)
        self.fill()

    def ended(self, home_address: Address) -> None:
        """Free an address that can be used no longer, and get another one for its flows."""
        if home_address in self._ahead:
            self._node.record(self._homes.add(home_address, self._ahead.pop(home_address).kept_for))
        if home_address not in self._homes:
            return
        flows = list(self._flows.of_home_address(home_address))
        for flow in flows:
            self._node.record(self._flows.strip(flow))
        self.free(home_address)
        for flow in flows:
            self._binder.proceed(flow)

    def continue_freeing(self, home_address: Address) -> bool:
        """De-register at the correspondents, which takes a home token, then at the home agent, then forget the address
        and its security associations. Return False for an address that is not being freed.
        """
        if self.steps is not None:
            is_freeing = self.steps.is_freeing(home_address)
            self.steps.go_on()
            return is_freeing
        if home_address not in self._freeing:
            return False
        if self._node.let_go(home_address):
            self._freeing.discard(home_address)
            self.allocation.free(home_address)
        return True
