"""A mobile node that moves single flows: a host that has the mobile node of RFC 6275 and the flow layer's parts.

It adds names and overrides none: `flow.stack` stands between its transport and its roads (Figure 3), `flow.bindings`
hears the mobile node and says where to bind (`mip6.parts.Listener`), `flow.applications.opening` serves applications.
Mobility's own datagrams pass by all of them. Functions of a learner's come in here and are guarded here
(`flow.learner.put_in`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from mipflow.arguments import TEXT, Expected, check, instance, make, optional
from mipflow.errors import MipflowError, ProtocolMisuse, shown
from mipflow.flow.applications.opening import Opening
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.bindings.handovers import Says
from mipflow.flow.bindings.stateless import Allocation, StatelessAllocation
from mipflow.flow.conversations import Traits
from mipflow.flow.learner.answers import Answered, Answers
from mipflow.flow.learner.freeing import Free, Freeing
from mipflow.flow.learner.guard import guarded, is_ours
from mipflow.flow.learner.is_over import AskedEnding, FlowState
from mipflow.flow.learner.packet_keys import PacketKeys, Seen
from mipflow.flow.learner.put_in import FunctionAllocation, GuardedAllocation, guarded_rules, guards, is_for_guard
from mipflow.flow.policy.networks import NetworkChooser
from mipflow.flow.policy.policies import HomeBindings, Policies, Policy, policies_of
from mipflow.flow.policy.rules import RuleSet
from mipflow.flow.redirector import Assign, AssignmentRules
from mipflow.flow.stack import FlowStack
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Handler
from mipflow.sim.clock import check_unasked
from mipflow.sim.network import Network, Role
from mipflow.wire.address import ADDRESS, Address, Prefix
from mipflow.wire.packet import UDP, Packet

HOME_AGENT = "HA"
"""The home agent by its name, whichever it is."""
AllocationMaker = Callable[[Any], Allocation]
"""Makes a mechanism for this node."""


class FlowMobileNode(Host):
    """A mobile node that moves single flows. Further keywords: those of `MobileNode`.

    home_prefix: from which further home addresses are made; rules, assign: how flows get home addresses (Figure 6, or a
    function of the learner's); pool: how many unused home addresses to keep allocated ahead; hold_down_s: for how many
    seconds one is kept that no flow uses any more; allocation: makes the `Allocation` of this node; allocate: a
    learner's function in its place; separator: a learner's function that says to which flow a conversation belongs (see
    `Source.classify`); operator: the operator's rules; policy: `Policies` or a learner's function that chooses
    networks; home_bindings: where home addresses are bound at the home agent; reconsider_every_s: how often policies
    are asked again, in seconds; handover: a function that says, in the node's place, which rows change and which
    updates are sent when a flow moves (`handovers.Says`); key: a learner's function that says of every packet at an
    interface which others it belongs to, and changes nothing (see `packet_keys`); is_over: a learner's function that
    says when a flow has ended, in the place of silence, FINs and applications (`flow.endings`); answered: a learner's
    function that says what becomes of a home address once the home agent has answered (`flow.learner.answers`); free:
    one that gives the steps that free one (`flow.learner.freeing`). Raises FunctionFailed for a function that does not
    take what it is called with.
    """

    role: Role = "mobile node"

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, home_agent: Address,
        home_address: Address, home_prefix: Prefix, rules: AssignmentRules | None = None,
        assign: Assign | None = None, pool: int = 0, hold_down_s: float = 0.0,
        allocation: AllocationMaker | None = None, allocate: Callable[[Prefix, list[Address]], Address] | None = None,
        separator: Callable[[Traits], str | None] | None = None, operator: RuleSet | None = None,
        policy: Policies | Policy | None = None, home_bindings: HomeBindings | None = None,
        reconsider_every_s: float | None = None, handover: Says | None = None,
        key: Callable[[Seen], Hashable] | None = None, is_over: Callable[[FlowState, float], bool] | None = None,
        answered: Answered | None = None, free: Free | None = None,
        **settings: object,
    ) -> None:  # fmt: skip
        check(optional(instance(AssignmentRules, "mf.AssignmentRules(...)")), rules=rules)
        check(optional(instance(HomeBindings, "mf.policies.HomeBindings(...)")), home_bindings=home_bindings)
        check(optional(instance(RuleSet, "rules, such as mf.load_rules(path)")), operator=operator)
        check(optional(Expected("what makes an Allocation", callable)), allocation=allocation)
        learners = guards(
            allocate=allocate, answered=answered, free=free, assign=assign, handover=handover, separator=separator,
            is_over=is_over, key=key,
        )  # fmt: skip
        policies, places = None if policy is None else policies_of(policy), home_bindings or HomeBindings()
        chooser = partial(NetworkChooser, policies=policies, home_bindings=places, every_s=reconsider_every_s)
        super().__init__(network, name, x, y)
        self.mobility: MobileNode = MobileNode(self, home_agent=home_agent, home_address=home_address, **settings)  # type: ignore[arg-type]
        self._lend_names_of(self.mobility)
        self.control: dict[int, Handler] = {}
        """UDP ports of mobility's own protocols -> what hears them."""
        self.binder = FlowBinder(
            self.mobility, home_prefix, guarded_rules(rules), learners["assign"], learners["handover"],
            self._mechanism(home_prefix, allocation, learners["allocate"]), pool, hold_down_s, chooser,
        )  # fmt: skip
        self._put_in(operator, **learners)

    def _put_in(
        self, operator: RuleSet | None, separator: Any, is_over: Any, key: Any, answered: Any, free: Any, **others: Any
    ) -> None:
        """Make the stack and what stands on it, with a learner's functions in their places, and lend their names."""
        mobile, binder = self.mobility, self.binder
        asked = None if is_over is None else AskedEnding(is_over, self.network.meters, mobile.decided)
        self.stack = FlowStack(self, mobile, binder, self.control, operator, separator, asked)
        self.applications = Opening(self, mobile, binder, self.stack, guarded)
        self.packet_keys = None if key is None else PacketKeys(self, key, self.function_failed)
        """The answers of a learner's `key` about every packet; None without one."""
        binder.answers = None if answered is None else Answers(mobile, binder, answered)
        binder.pool.steps = None if free is None else Freeing(mobile, binder.pool, free)
        assert isinstance(binder.networks, NetworkChooser)
        self.pool, self.networks = binder.pool, binder.networks
        self.flows, self.home_addresses = binder.flows, binder.home_addresses
        self.redirector, self.separator = binder.redirector, self.stack.separator
        opening = self.applications
        self.calls, self.opened = opening.calls, opening.opened
        self.open, self.accept, self.close = opening.open, opening.accept, opening.close

    def _lend_names_of(self, mobile: MobileNode) -> None:
        self.visit, self.interface, self.care_of_address = mobile.visit, mobile.interface, mobile.care_of_address
        self.registrar, self.binding_updates = mobile.registrar, mobile.binding_updates
        self.own_home_addresses, self.duplicates = mobile.own_home_addresses, mobile.duplicates
        self.registered_at_home = mobile.registered_at_home

    def _mechanism(
        self, home_prefix: Prefix, maker: AllocationMaker | None, function: Callable[..., Address] | None
    ) -> Allocation:
        """Make the mechanism that allocates home addresses: a learner's function, what `maker` makes, or stateless."""
        if function is not None:
            return FunctionAllocation(self.mobility, function)
        if maker is None:
            return StatelessAllocation(home_prefix, self.mobility.primary_home_address)
        made: Allocation = make("allocation", maker, Allocation, self)
        return made if is_ours(type(made)) else GuardedAllocation(made)

    @property
    def home_agent(self) -> Address:
        """The address of its home agent."""
        return self.mobility.home_agent

    @property
    def primary_home_address(self) -> Address:
        """The home address that others know."""
        return self.mobility.primary_home_address

    # --- flows -------------------------------------------------------------------------------------------------------

    def handover(
        self, flow: object = None, interface: str | None = None, *, home_follows: bool | None = None,
        alone: bool = False,
    ) -> list[int]:  # fmt: skip
        """Move a flow to another interface by one binding update; return the ids of all flows that move with it.

        Those are the flows of the same binding (`flows.sharing`); `alone=True` refuses to move others. `home_follows`
        moves the home binding first (default: as `home_bindings` says). While the interface so far is up, the new
        binding is made before the old one breaks. No virtual time passes in the call, but the first messages leave:
        test inits, or the update where all tokens are there (docs/life_of_a_handover.md). Raises ProtocolMisuse for an
        unknown flow or interface, or one without a care-of address; where one is left out it names those that there
        are.
        """
        check_unasked("no flow can be moved")
        return self.binder.handovers.handover(flow, interface, home_follows=home_follows, alone=alone)

    def handover_all(self, interface: str | None = None, *, break_first: bool = False) -> list[int]:
        """Move every flow and every home binding but anchors to one interface, the vertical handover of pages 2 and 3;
        return the ids of the flows.

        `break_first` takes all other interfaces down in the same instant: without it the new bindings are made while
        the old interface still works. Raises ProtocolMisuse as `handover` does.
        """
        check_unasked("no flow can be moved")
        return self.binder.handovers.handover_all(interface, break_first=break_first)

    def bind(self, to: Host | str | None = None, interface: str | None = None) -> list[int]:
        """Tell one peer, "HA" or a correspondent node (`world.cn1`, or the name of one that a flow goes to), that the
        primary home address is at an interface: one binding update, which this node stands by. Return the ids of the
        flows that follow the row that it changes, and so move; an update to a correspondent that does not know Mobile
        IPv6 is not sent, and moves none (RFC 6275 section 11.3.5).

        No virtual time passes in the call, but the first messages leave: test inits, or the update. Raises
        ProtocolMisuse for another peer, an interface that is unknown or without a care-of address, a primary that is at
        home, and where one care-of address is for everything (plain Mobile IPv6).
        """
        check_unasked("no update can be sent")
        if isinstance(to, str) and to == HOME_AGENT:
            return self.binder.handovers.bind(self.mobility.home_agent_of(self.primary_home_address), interface)
        named = {flow.cn.name: flow.cn for flow in self.opened.values()}
        peer = named.get(to, to) if isinstance(to, str) else to
        if not isinstance(peer, Host) or peer is self:
            known = ", ".join([HOME_AGENT, *named])
            raise ProtocolMisuse(f"bind() to {shown(to)}; expected one of {known}, or a node such as world.cn1", to)
        self.network.check_own(peer, peer.network)
        return self.binder.handovers.bind(peer.address, interface)

    def network_asks(self, rules: RuleSet) -> None:
        """Follow other rules that the network has sent (page 11): they hold for conversations that begin from now on,
        and the networks that they ask for (page 12) for all flows, where policies include `ByRequest`. Raises
        ProtocolMisuse for an interface that this node has not; then nothing changes.
        """
        check_unasked("no rules can be sent")
        self.networks.asked(rules)
        self.stack.network_rules.rules = rules
        self.networks.reconsider("the network asks for it")

    # --- home addresses ----------------------------------------------------------------------------------------------

    def keep_home_address(self, name: str, is_for: Callable[[FlowMappingEntry], bool]) -> None:
        """Allocate a home address that only those flows get for which `is_for(entry)` is true, such as those of an
        application or with a correspondent (page 10). Raises ProtocolMisuse for a name that is taken.
        """
        check_unasked("no home address can be kept")
        check(TEXT, name=name)
        self.binder.keep_home_address(name, is_for_guard(is_for))

    def free_home_address(self, home_address: Address) -> None:
        """Free a home address that no flow uses (page 9). Raises ProtocolMisuse for the primary and one in use."""
        check_unasked("no home address can be freed")
        check(ADDRESS, home_address=home_address)
        self.pool.give_up(home_address)

    def lease_ended(self, home_address: Address, why: str) -> None:
        """Give up an address whose lease has ended: its flows get another."""
        self.decided("lease ended", f"{home_address}: {why}")
        self.pool.ended(home_address)

    def function_failed(self, error: MipflowError) -> None:
        """Record that a learner's function did not do what it should."""
        self.mobility.decided("function failed", str(error))

    # --- mobility's own signalling, which passes the separator by ----------------------------------------------------

    def hear_control(self, port: int, heard: Handler) -> None:
        """Call `heard` with each UDP datagram to a local port: they belong to no flow."""
        if port in self.control or self.has_port(port):
            raise ProtocolMisuse(f"UDP port {port} of {self.name} is in use; choose another", port)
        self.control[port] = heard

    def send_control(self, payload: UDP, destination: Address, source: Address | None = None) -> bool:
        """Send a datagram from the primary home address (or another source) through its tunnel, or straight at home;
        return False where the primary is not bound.
        """
        home_address = self.primary_home_address
        road = None if home_address in self.addresses else self.mobility.tunnel_road(home_address)
        if road is None and home_address not in self.addresses:
            return False
        self.send_direct(Packet(source or home_address, destination, payload), road)
        return True

    offered_names = (
        "accept", "bind", "binding_updates", "calls", "close", "flows", "handover", "handover_all",
        "home_addresses", "keep_home_address", "name", "networks", "open", "packet_keys", "pool", "visit",
    )  # fmt: skip
