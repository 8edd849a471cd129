"""Further home addresses of a mobile node: asked for, kept ahead for flows to come, held down, freed (page 9).

The shell around an `Allocation` and the home address table: it has addresses registered and de-registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mipflow.arguments import SECONDS, fits, whole
from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.learner import Guarded
from mipflow.flow.tables import FlowMappingEntry
from mipflow.sim.clock import NS_PER_S, Timer, seconds
from mipflow.wire.address import Address, Prefix

if TYPE_CHECKING:
    from mipflow.flow.allocation import Allocation
    from mipflow.flow.binder import FlowBinder

MAX_COLLISIONS = 3
"""Duplicates in a row after which no further address is tried."""


MOST_AHEAD = 1000
"""Home addresses that a pool may keep: each takes a second of detection and a binding."""


class Cost(NamedTuple):
    """What the pool and the hold-down have cost: how many home addresses were allocated ahead, how often a flow got one
    that stood ready, and for how many seconds such addresses stood unused at the home agent, all together.
    """

    ahead: int
    used: int
    idle_s: float


@dataclass(slots=True, eq=False)
class Request:
    """An address that was asked for: for which flows, and under which name it is kept ("" where any flow may use it).
    """

    kept_for: str = ""
    flows: list[FlowMappingEntry] = field(default_factory=list)


class AddressPool:
    """The further home addresses of `node`; `size` unused ones are kept allocated ahead, and one that is not needed any
    more is freed only after `hold_down_s` seconds in which no flow wanted it.
    """

    def __init__(self, node: FlowBinder, allocation: Allocation, size: int, hold_down_s: float) -> None:
        if not (fits(size, whole(0, MOST_AHEAD)) and fits(hold_down_s, SECONDS)):
            given = f"pool={shown(size)}, hold_down_s={shown(hold_down_s)}"
            raise ProtocolMisuse(f"{given}; expected zero or more, a pool of {MOST_AHEAD} at most", (size, hold_down_s))
        self._node = node
        self.allocation = allocation
        self.size = size
        self._hold_down_ns = seconds(hold_down_s)
        self._requests: dict[Request, None] = {}
        self._asking: set[int] = set()
        """Ids of the flows for which an address has been asked."""
        self._ahead: dict[Address, Request] = {}
        """Addresses without flows that the home agent has not acknowledged yet."""
        self._freeing: set[Address] = set()
        self._resting: dict[Address, Timer] = {}
        """Addresses that are held down."""
        self._refused: dict[int, FlowMappingEntry] = {}
        """Flows that could not have an address, by id: one that falls free is theirs."""
        self._collisions = 0
        self._idle: dict[Address, int] = {}
        """Addresses in the table without flows -> since when, in nanoseconds."""
        self._idle_ns = self._allocated_ahead = self._used = 0

    def is_freeing(self, home_address: Address) -> bool:
        """True for an address that is being freed: what arrives there is late, and begins nothing."""
        return home_address in self._freeing

    @property
    def under_way(self) -> int:
        """Home addresses that are being allocated ahead or freed, which are not in the table."""
        return len(self._ahead) + len(self._freeing)

    @property
    def cost(self) -> Cost:
        """What it has cost until now."""
        now = self._node.clock.now
        idle_ns = self._idle_ns + sum(now - since for since in self._idle.values())
        return Cost(self._allocated_ahead, self._used, idle_ns / NS_PER_S)

    def kept_for(self, home_address: Address) -> str:
        """The name under which a home address is kept, bound or not; empty where any flow may use it."""
        entry = self._node.home_addresses.get(home_address) or self._ahead.get(home_address)
        return "" if entry is None else entry.kept_for

    # --- asking (Figure 6, step 43) ----------------------------------------------------------------------------------

    def request(self, flow: FlowMappingEntry) -> None:
        """A flow needs a new home address: it gets one that is on its way, where it can share that with those for which
        it was asked, or another is asked for.
        """
        redirector, kept_for = self._node.redirector, self._node.redirector.kept_for(flow)
        if flow.flow_id in self._asking:
            return
        for address, request in self._ahead.items():
            if request.kept_for == kept_for:
                del self._ahead[address]
                self._enter(address, request, [flow])
                return
        for request in reversed(self._requests):
            if request.kept_for == kept_for and all(redirector.may_share(flow, other) for other in request.flows):
                request.flows.append(flow)
                self._asking.add(flow.flow_id)
                return
        self._asking.add(flow.flow_id)
        self._ask(Request(kept_for, [flow]))

    def fill(self) -> None:
        """Allocate what is to be kept and is not there (any more), and allocate ahead; such an address enters the
        table, where flows are given it, once the home agent holds it.
        """
        node = self._node
        if node.registered_at_home(node.primary_home_address) is not None:
            for name, _ in [*node.redirector.keeping]:
                under_way = name in [request.kept_for for request in (*self._requests, *self._ahead.values())]
                if not under_way and name not in node.home_addresses.kept:
                    self._ask(Request(name))
            if self.size:
                asked = sum(not request.flows and not request.kept_for for request in self._requests)
                for _ in range(self.size - len(self._unused()) - len(self._ahead) - asked):
                    self._allocated_ahead += 1
                    self._ask(Request())

    def _ask(self, request: Request) -> None:
        self._requests[request] = None
        ask: Callable[..., object] = self.allocation.allocate
        if not type(self.allocation).__module__.startswith("mipflow."):
            ask = Guarded("allocate", ask, "granted, refused", lambda *_: "")
        try:
            with self._node.clock.held():
                ask(partial(self._granted, request), partial(self._refuse, request))
        except FunctionFailed as error:
            self._node.function_failed(error)
            self._refuse(request, str(error))

    def _answered(self, request: Request) -> None:
        del self._requests[request]
        self._asking.difference_update(flow.flow_id for flow in request.flows)

    def _granted(self, request: Request, address: Address) -> None:
        node, wrong = self._node, self._wrong(address)
        if request not in self._requests:  # it has been answered
            return
        if wrong:
            expected = f"expected a new address of {Prefix.around(node.primary_home_address, 64)}"
            self._refuse(request, f"{shown(address, str)} was allocated, but {wrong}; {expected}")
            return
        self._answered(request)
        node.own_home_addresses.add(address)
        flows = [flow for flow in request.flows if flow.flow_id in node.flows and flow.home_address is None]
        if flows:
            self._enter(address, request, flows)
            return
        self._ahead[address] = request
        self._bind_ahead()

    def _wrong(self, address: object) -> str:
        """Why something that was allocated can be no home address of this node; empty where it can."""
        node = self._node
        if not isinstance(address, Address):
            return "it is no Address"
        if not node.is_of_home_link(address):
            return "it has no home prefix"
        if Prefix.around(address, 64).is_anycast(address):
            return "it is an anycast address"
        if address == node.home_agent_of(address):
            return "it is the home agent's"
        is_barred = address in node.redirector.barred or address in self._freeing
        return "it is in use" if is_barred or address in node.own_home_addresses else ""

    def _bind_ahead(self) -> None:
        """Addresses without flows are bound as soon as it is known where."""
        node = self._node
        for address in list(self._ahead):
            care_of = node.home_care_of(address, None)
            if care_of is not None and node.home_registration(address) is None:
                node.bind(address, care_of)

    def _enter(self, address: Address, request: Request, flows: list[FlowMappingEntry]) -> None:
        """An address is that of these flows from now on."""
        node = self._node
        node.record(node.home_addresses.add(address, request.kept_for))
        if not request.kept_for:
            self._idle[address] = node.clock.now
        for flow in sorted(flows, key=lambda flow: flow.flow_id):  # the first that was opened chooses the road
            node.assigned(flow, node.flows.change(flow, home_address=address))

    def _refuse(self, request: Request, why: str) -> None:
        if request not in self._requests:
            return
        self._answered(request)
        self._node.decided("no home address", why)
        for flow in request.flows:
            if flow.flow_id in self._node.flows:
                self.refuse(flow, why)

    def refuse(self, flow: FlowMappingEntry, why: str) -> None:
        """A flow cannot have an address now."""
        self._refused[flow.flow_id] = flow
        self._node.refuse_flow(flow, why)

    # --- what becomes of an address ----------------------------------------------------------------------------------

    def acknowledged(self, home_address: Address) -> None:
        """The home agent holds an address: one that was allocated ahead can be given to flows now."""
        node = self._node
        self._collisions = 0
        if home_address == node.primary_home_address:
            self.allocation.primary_bound()
            self._bind_ahead()
        request = self._ahead.pop(home_address, None)
        if request is not None:
            self._enter(home_address, request, [])
            self.free_unused()  # the flow for which it was asked may be over

    def taken(self, home_address: Address) -> None:
        """A flow has got an address of the table."""
        since = self._idle.pop(home_address, None)
        if since is not None and since != self._node.clock.now:
            self._idle_ns += self._node.clock.now - since
            self._used += 1
        if home_address in self._resting:
            self._resting.pop(home_address).stop()

    def collided(self, home_address: Address) -> bool:
        """Somebody at home has the address: it is never used again. True if another try is worth it."""
        node = self._node
        node.disown(home_address)
        self._ahead.pop(home_address, None)
        if home_address == node.primary_home_address:  # it stays in the table, for nobody
            return True
        if home_address in node.home_addresses:
            self._strike(home_address)
        self.allocation.collided(home_address)
        self._collisions += 1
        if self._collisions < MAX_COLLISIONS:
            self.fill()
            return True
        self._collisions = 0  # a flow that is opened later tries anew
        return False

    def _strike(self, home_address: Address) -> None:
        """An address leaves the table."""
        node = self._node
        node.record(node.home_addresses.remove(home_address))
        if home_address in self._resting:
            self._resting.pop(home_address).stop()
        self._idle_ns += node.clock.now - self._idle.pop(home_address, node.clock.now)

    # --- freeing (page 14) -------------------------------------------------------------------------------------------

    def _unused(self) -> list[Address]:
        """Further addresses that no flow has and that are kept for nothing, the oldest first."""
        homes = self._node.home_addresses
        numbers = {entry.home_address: entry.number for entry in map(homes.get, self._idle) if entry is not None}
        return sorted(numbers, key=numbers.__getitem__)

    def left(self, home_address: Address) -> None:
        """A flow does not have this address any more."""
        entry, flows = self._node.home_addresses.get(home_address), self._node.flows
        is_further = home_address != self._node.primary_home_address
        if entry is not None and is_further and not entry.kept_for and not flows.is_used(home_address):
            self._idle.setdefault(home_address, self._node.clock.now)

    def lead(self, home_address: Address, former: Address) -> None:
        """An address is the primary in the place of a former one, which may be one that no flow has."""
        now = self._node.clock.now
        self._idle_ns += now - self._idle.pop(home_address, now)
        self.left(former)

    def free_unused(self) -> None:
        """A flow has ended: its address goes to a flow that has none, or is held down, or is freed; not the primary,
        those that are kept, and the pool.
        """
        self._offer()
        for address in [address for address in self._unused()[self.size :] if address not in self._resting]:
            if self._hold_down_ns:
                self._resting[address] = Timer(self._node.clock, partial(self._rested, address))
                self._resting[address].set(self._node.clock.now + self._hold_down_ns)
            else:
                self.free(address)

    def _rested(self, address: Address) -> None:
        del self._resting[address]
        if address in self._unused()[self.size :]:
            self.free(address)

    def _offer(self) -> None:
        """Flows that were refused an address have another try."""
        flows = self._node.flows
        self._refused = {n: flow for n, flow in self._refused.items() if n in flows and flow.home_address is None}
        for flow in list(self._refused.values()):
            self._node.find_home_address(flow, may_ask=False)

    def free(self, home_address: Address) -> None:
        """Free an address. Raises ProtocolMisuse for the primary, one in use, or one that is none of ours."""
        node = self._node
        users = [flow.flow_id for flow in node.flows.of_home_address(home_address)]
        if users and home_address != node.primary_home_address:
            raise ProtocolMisuse(f"{home_address} is in use by flows {users}; close them first", home_address)
        if home_address != node.primary_home_address and home_address not in node.home_addresses:
            known = ", ".join(str(entry.home_address) for entry in node.home_addresses)
            why = f"{home_address} is no home address of {node.name}; expected one of {known}"
            raise ProtocolMisuse(why, home_address)
        self._strike(home_address)
        self._freeing.add(home_address)
        self.continue_freeing(home_address)

    def give_up(self, home_address: Address) -> None:
        """Free an address, and keep none in its place. Raises ProtocolMisuse as `free` does."""
        name = self.kept_for(home_address)
        self.free(home_address)
        keeping = self._node.redirector.keeping
        keeping[:] = [(each, is_for) for each, is_for in keeping if each != name or not name]
        self.fill()

    def ended(self, home_address: Address) -> None:
        """An address can be used no longer: it is freed, and its flows get another."""
        node = self._node
        if home_address in self._ahead:
            node.record(node.home_addresses.add(home_address, self._ahead.pop(home_address).kept_for))
        if home_address not in node.home_addresses:
            return
        flows = list(node.flows.of_home_address(home_address))
        for flow in flows:
            flow.ready = False
            node.record(node.flows.change(flow, home_address=None, registered_at_cn=None, registered_at_ha=None))
        self.free(home_address)
        for flow in flows:
            node.proceed(flow)

    def continue_freeing(self, home_address: Address) -> bool:
        """De-register at the correspondents, which takes a home token, then at the home agent, then forget the address
        and its security associations. False for an address that is not being freed.
        """
        if home_address not in self._freeing:
            return False
        node = self._node
        entries = node.binding_updates.of_home_address(home_address)
        at_correspondents = [entry for entry in entries if not entry.home_registration]
        for entry in at_correspondents or entries:
            node.registrar.deregister(entry.peer, home_address)
        if not entries:
            self._freeing.discard(home_address)
            node.disown(home_address)
            self.allocation.free(home_address)
            node.forget_roads()
        return True
