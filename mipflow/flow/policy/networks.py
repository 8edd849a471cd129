"""The policies at work in a mobile node (the patent, pages 12 and 13).

`NetworkChooser` is the shell around `flow.policy.policies`: it looks at the interfaces, asks the policies, traces every
decision with its reason, and has flows moved and home addresses bound.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mipflow.arguments import YEAR_S, check, fits, number, optional
from mipflow.errors import MipflowError, ProtocolMisuse, TopologyError, shown
from mipflow.flow.bindings.address_pool import ANCHOR
from mipflow.flow.policy.policies import ByRequest, Choice, FlowFacts, HomeBindings, NetworkState, Policies
from mipflow.flow.tables import BY_ID, FlowMappingEntry
from mipflow.sim.clock import NS_PER_S, seconds

if TYPE_CHECKING:
    from mipflow.flow.policy.rules import RuleSet
    from mipflow.flow.redirector import DataFlowRedirector
    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.node.interface import Interface
    from mipflow.wire.address import Address


class Moves(Protocol):
    """The part of a mobile node that registers what was chosen."""

    def move(self, entry: FlowMappingEntry, interface: str) -> None:
        """Move a flow and all others of the same binding."""

    def rebind(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address elsewhere, if it is bound."""

    def keep_home_address(self, name: str, is_for: Callable[[FlowMappingEntry], bool]) -> None:
        """Allocate a home address for certain flows alone."""


class NetworkChooser:
    """Chooses networks for `node`. Without policies a flow goes over the first interface that is up and stays there.

    every_s: how often the policies are asked again about running flows, in seconds, which load balancing needs; None to
    ask only when something is reported.
    """

    def __init__(
        self, node: MobileNode, moves: Moves, redirector: DataFlowRedirector, policies: Policies | None,
        home_bindings: HomeBindings, every_s: float | None,
    ) -> None:  # fmt: skip
        self._node, self._moves = node, moves
        self._redirector, self._flows = redirector, redirector.flows
        self.policies = policies
        self.home_bindings = home_bindings
        self._reports: defaultdict[str, dict[str, float]] = defaultdict(dict)
        """Network -> its cost, signal and load, where they were reported or measured."""
        self._measured_ns = node.clock.now
        if every_s is not None:
            if not fits(every_s, number(0.001, YEAR_S)):
                why = f"reconsider_every_s={shown(every_s)}; expected more than 0, a millisecond or longer, in seconds"
                raise ProtocolMisuse(why, every_s)
            self._again(seconds(every_s))

    def _again(self, every_ns: int) -> None:
        def tick(_: object) -> None:
            self.reconsider("it is time")
            self._again(every_ns)

        self._node.clock.after(every_ns, tick)

    # --- what is known of the networks -------------------------------------------------------------------------------

    def report(self, name: str, *, cost: float | None = None, signal: float | None = None) -> None:
        """Report a new cost or signal of a network, and ask the policies again.

        Raises ProtocolMisuse for an unknown interface and for values out of range.
        """
        check(optional(number(0, 10**9)), cost=cost)
        check(optional(number(0, 1)), signal=signal)
        known = self._reports[self._node.interface(name).name]
        known |= {what: told for what, told in (("cost", cost), ("signal", signal)) if told is not None}
        self.reconsider(f"{name} was reported on")

    def states(self) -> list[NetworkState]:
        """Return the state of every network, its load that of the last second at least."""
        self._measure()
        counts = Counter(flow.interface for flow in self._flows)
        return [self._state(interface, counts[name]) for name, interface in self._node.interfaces.items()]

    def _state(self, interface: Interface, flows: int) -> NetworkState:
        link = None if interface.segment is None else interface.segment.link
        delay_ms, rate_bps = (0.0, None) if link is None else (link.delay_ms, link.rate_bps)
        how = self._reports[interface.name]
        return NetworkState(
            interface.name, interface.is_usable, delay_ms=delay_ms, rate_bps=rate_bps, flows=flows, **how
        )

    def _measure(self) -> None:
        """Measure the load of each network since the last time: the octets of its flows in the busier direction."""
        now, carried = self._node.clock.now, {name: [0, 0] for name in self._node.interfaces}
        if now - self._measured_ns < NS_PER_S:
            return
        lasted_s, self._measured_ns = (now - self._measured_ns) / NS_PER_S, now
        for flow in self._flows:
            carried[flow.interface][0] += flow.sent_octets
            carried[flow.interface][1] += flow.received_octets
            flow.rate_bps = max(flow.sent_octets, flow.received_octets) * 8 / lasted_s
            flow.sent_octets = flow.received_octets = 0
        for name, octets in carried.items():
            self._reports[name]["load"] = self._part(name, max(octets) * 8 / lasted_s)

    def _part(self, name: str, rate_bps: float) -> float:
        """Return the part of a network's rate that something takes; 0 where that rate is not known."""
        segment = self._node.interfaces[name].segment
        link_bps = None if segment is None else segment.link.rate_bps
        return rate_bps / link_bps if link_bps else 0.0

    # --- choosing ----------------------------------------------------------------------------------------------------

    def choose(self, flow: FlowMappingEntry, default: str | None) -> str:
        """Return the network of a new flow; where a policy fails, the flow is refused.

        The policies decide, else the application's wish, else `default`, else the first interface that is up. Raises
        TopologyError where none is.
        """
        choice, flow.refused = self._ask(flow)
        if choice is not None:
            return self._decided(flow, choice, "")
        first = self._node.first_interface()
        named = flow.requested or default or (None if first is None else first.name)
        if named is None:
            raise TopologyError(f"{self._node.name} has no interface that is up", self._node.name)
        return named

    def _ask(self, flow: FlowMappingEntry) -> tuple[Choice | None, str]:
        """Ask the policies about a flow: return their choice or None, and why a policy failed, empty if none did."""
        if self.policies is None:
            return None, flow.refused
        information = flow.flow_information
        facts = FlowFacts(information.traits, information.word, flow.interface or None, flow.requested)
        try:
            return self.policies.choose(facts, self.states()), flow.refused
        except MipflowError as error:
            self._node.decided("function failed", str(error))
            return None, str(error)

    def _decided(self, flow: FlowMappingEntry, choice: Choice, why: str) -> str:
        """Trace a choice, and move the load of the flows along with them until it is measured again."""
        self._node.decided("network choice", f"flow {flow.flow_id} over {choice.network}: {choice.reason}{why}")
        rate_bps = sum(other.rate_bps for other in self._flows.sharing(flow)) if flow.interface else 0.0
        for name, sign in ((flow.interface, -1), (choice.network, 1)) if rate_bps else ():
            self._reports[name]["load"] = self._reports[name].get("load", 0.0) + sign * self._part(name, rate_bps)
        return choice.network

    def wish(self, flow: FlowMappingEntry) -> str | None:
        """Return the network where a flow would be by itself: that of the policies, else the one asked for, or None."""
        choice, _ = self._ask(flow)
        return flow.requested if choice is None else choice.network

    def reconsider(self, why: str) -> list[int]:
        """Ask the policies again about all flows, move those that are better elsewhere, and return their ids.

        Flows of one binding go where the first of them is best: a binding cannot be in two places.
        """
        moved: list[int] = []
        with_earlier: set[int] = set()
        for flow in sorted(self._flows, key=BY_ID) if self.policies is not None else ():
            if flow.flow_id in with_earlier or flow.home_address in self._node.addresses:
                continue
            ids = [other.flow_id for other in self._flows.sharing(flow)]
            with_earlier.update(ids)
            choice, _ = self._ask(flow)
            if choice is not None and choice.network != flow.interface:
                self._decided(flow, choice, f" ({why})")
                moved += ids
                self._moves.move(flow, choice.network)
        return moved

    def asked(self, rules: RuleSet) -> None:
        """Follow the networks that the operator's server asks for from now on.

        Raises ProtocolMisuse for an interface that this node does not have; then nothing changes.
        """
        for rule in rules.rules:
            if rule.network is not None:
                self._node.interface(rule.network)
        for _, policy in () if self.policies is None else self.policies.ordered:
            if isinstance(policy, ByRequest):
                policy.request.rules = rules

    def failed(self, interface: Interface) -> list[FlowMappingEntry]:
        """Select another network, where there is one, for each flow of an interface that failed; return these flows.

        Their bindings follow when those of the interface are rescued, home bindings first.
        """
        concerned = [flow for flow in self._flows if flow.interface == interface.name]
        for flow in concerned:
            if flow.interface == interface.name:
                self._relocate(flow, f"{interface.name} has failed")
        return concerned

    def rescue(self, interface: Interface) -> None:
        """Move flows of interfaces that are down, now that an interface has a care-of address."""
        for flow in self._flows:
            if flow.interface != interface.name and not self._node.interfaces[flow.interface].up:
                self._relocate(flow, f"{flow.interface} is down")

    def _relocate(self, flow: FlowMappingEntry, why: str) -> None:
        if flow.home_address in self._node.addresses or not any(state.usable for state in self.states()):
            return
        choice, _ = self._ask(flow)
        is_chosen = choice is not None
        usable = next(each for each in self._node.interfaces.values() if each.is_usable)
        choice = choice or Choice(usable.name, f"{usable.name} is the first that is usable", "")
        self._decided(flow, choice, f" ({why})")
        care_of = self._node.interfaces[choice.network].address
        for other in self._flows.sharing(flow):
            if other.requested == other.interface and not is_chosen:
                other.requested = None  # it stays where it goes now
            self._node.record(self._flows.change(other, interface=choice.network, care_of_address=care_of))

    # --- home bindings (page 13) -------------------------------------------------------------------------------------

    @property
    def home_follows(self) -> bool:
        """True where a home binding goes along with its flow."""
        return self.home_bindings.at == "its flow"

    def home_interface(self, kept_for: str = "") -> Interface | None:
        """Return the interface at which a home address is to be bound, by the name under which it is kept.

        None where its flow decides, or where that interface cannot be used.
        """
        name = kept_for.removeprefix(ANCHOR) if kept_for.startswith(ANCHOR) else self.home_bindings.at
        interface = self._node.interfaces.get(name)
        return interface if interface is not None and interface.is_usable else None

    def check(self) -> None:
        """Check that home addresses are to be bound at an interface that exists. Raises ProtocolMisuse otherwise."""
        expected = ["first flow", "its flow", *self._node.interfaces]
        if self.home_bindings.at not in expected:
            why = f"home bindings at {self.home_bindings.at!r}; expected one of {', '.join(expected)}"
            raise ProtocolMisuse(why, self.home_bindings.at)

    def bind_home_addresses(self, interface: Interface) -> None:
        """Bind at an interface that has a care-of address now the home addresses that belong there, and an anchor."""
        for home in self._redirector.homes:
            if interface.address and self.home_interface(home.kept_for) is interface:
                self._moves.rebind(home.home_address, interface.address)
        self._anchor(interface)

    def _anchor(self, interface: Interface) -> None:
        """Keep a home address bound at an interface that never moves, where anchors are wanted.

        A home agent with one tunnel for each care-of address may stay with the old one when a home address moves to a
        care-of address that is new to it.
        """
        anchored = [name.removeprefix(ANCHOR) for name in self._redirector.keeping if name.startswith(ANCHOR)]
        usable = {name: each.is_usable for name, each in self._node.interfaces.items()}
        if interface.name in self.home_bindings.lacking(anchored, usable):
            self._moves.keep_home_address(ANCHOR + interface.name, lambda flow: False)
