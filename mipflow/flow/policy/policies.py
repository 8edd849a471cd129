"""Policies: each names the network that a flow should go over (the patent, pages 8 and 12). Pure.

A policy takes facts of a flow and the state of the networks, and gives the name of a network, or (name, reason), or
None for no opinion; so a learner's plain function is one too. `Policies` asks several in order of priority and gives
the first network that is usable, with the reason. `flow.policy.networks` puts the choice to work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from mipflow.arguments import FLAG, TEXT, WORD, Checked, Expected, check, fits, mapping, number, optional, several
from mipflow.errors import ProtocolMisuse, shown
from mipflow.flow.conversations import Traits
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.policy.rules import RuleSet

__all__ = [
    "ByApplication", "ByCost", "ByLoad", "ByOperator", "ByRequest", "BySignal", "ByUser", "Choice", "FlowFacts",
    "HomeBindings", "NetworkState", "Policies", "Request", "Wish",
]  # fmt: skip


@dataclass(slots=True, frozen=True)
class NetworkState:
    """The state of an access network, as the mobile node finds it just now.

    name: that of its interface, such as "wlan0"; usable: up and with a care-of address; load: the part of its rate that
    is in use, above 1 where more is wanted; cost: per megabyte, in any unit; signal: from 0 to 1, 1 for a cable;
    rate_bps: None where it is not known; flows: the number of flows over it.
    """

    name: str
    usable: bool = True
    load: float = 0.0
    cost: float = 0.0
    signal: float = 1.0
    delay_ms: float = 0.0
    rate_bps: float | None = None
    flows: int = 0


class FlowFacts(NamedTuple):
    """The facts that a policy is told of a flow.

    traits: those of its first packet; word: the separator's word for it; interface: the one it goes over now, None for
    a new flow; requested: the network that its application asks for, or None.
    """

    traits: Traits
    word: str = ""
    interface: str | None = None
    requested: str | None = None


class Wish(NamedTuple):
    """The network that a policy wants, with the reason in words."""

    network: str
    reason: str


PART = number(0, 1000)
POLICY = Expected("a policy, as mf.policies.ByLoad(), or a function", lambda it: callable(it) and type(it) is not type)
Policy = Callable[[FlowFacts, Sequence[NetworkState]], "str | tuple[str, str] | None"]


class Choice(NamedTuple):
    """The network for a flow, the reason, and the name of the policy that decided, empty where none did."""

    network: str
    reason: str
    policy: str


# --- policies ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ByApplication(Checked):
    """Application configuration (page 8): the network that the application asks for, else the one set for its name."""

    networks: Annotated[
        Mapping[str, str], mapping(TEXT, 'names of interfaces by application, such as {"call": "wlan0"}')
    ] = field(default_factory=dict)

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Return the application's network; None where it asks for none and is not known by name or word."""
        if flow.requested is not None:
            return Wish(flow.requested, f"the application asks for {flow.requested}")
        name = next((name for name in (flow.traits.application, flow.word) if name in self.networks), None)
        return None if name is None else Wish(self.networks[name], f"{name!r} is to go over {self.networks[name]}")


RULES = Expected("rules, such as mf.load_rules(path)", lambda it: isinstance(it, RuleSet))


@dataclass(frozen=True)
class ByOperator(Checked):
    """Operator rules (page 8), which the mobile node got from its operator beforehand."""

    rules: Annotated[RuleSet, RULES]

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Follow the first rule that matches and names a network."""
        return _ruled(self.rules, flow, "the operator's")


@dataclass
class Request(Checked):
    """The network's request at run time: `rules` are those that a policy server sent last, None before."""

    rules: Annotated[RuleSet | None, optional(RULES)] = None


REQUEST = Expected("a Request", lambda it: isinstance(it, Request))


@dataclass(frozen=True)
class ByRequest(Checked):
    """Network request (page 8): the network selects (page 12), and may select anew while flows run."""

    request: Annotated[Request, REQUEST] = field(default_factory=Request)

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Follow the first rule that matches and names a network; None as long as there are no rules."""
        return _ruled(self.request.rules, flow, "the network's")


@dataclass(frozen=True)
class ByUser(Checked):
    """User preferences (page 8): the networks in the order in which the user wants them."""

    order: Annotated[Sequence[str], several(TEXT, 'names of interfaces, such as ["wlan0", "cell0"]')]

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Return the first network that is usable, or that is unknown, so that it is reported as a mistake."""
        cannot = [network.name for network in networks if not network.usable]
        name = next((name for name in self.order if name not in cannot), None)
        if name is None:
            return None
        before = self.order[: self.order.index(name)]
        return Wish(name, f"{name} is preferred" + (f" after {', '.join(before)}, not usable" if before else ""))


@dataclass(frozen=True)
class ByLoad(Checked):
    """Load balancing (page 3): leave a network whose load is above `most` for the least loaded one.

    The other has to be better by `margin`, and a network that a flow does not use counts as full down to `margin` below
    `most`: a flow no larger than `margin` does not go to and fro, although it takes its load along.
    """

    most: Annotated[float, PART] = 0.8
    margin: Annotated[float, PART] = 0.1

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Return the network to go to or stay on while a network is full; None while none is."""
        told = "{} carries {:.2f} of its rate", "{} {:.2f}"
        return _leaving(flow, networks, lambda network: network.load, self.most, self.margin, told)


@dataclass(frozen=True)
class BySignal(Checked):
    """Terminal decision (page 8): leave a network whose signal is below `least` for the strongest one.

    `margin` works as in `ByLoad`.
    """

    least: Annotated[float, PART] = 0.3
    margin: Annotated[float, PART] = 0.1

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Return the network to go to or stay on while a network is weak; None while none is."""
        told = "the signal of {} is {:.2f}", "of {} {:.2f}"
        return _leaving(flow, networks, lambda network: -network.signal, -self.least, self.margin, told)


@dataclass(frozen=True)
class ByCost:
    """Cost (page 3): take the cheapest usable network, and stay on one that costs as little."""

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Wish | None:
        """Return the cheapest network; None where none is usable."""
        usable = [network for network in networks if network.usable]
        best = min(usable, key=lambda network: (network.cost, network.name != flow.interface), default=None)
        costs = ", ".join(f"{network.name} {network.cost:g}" for network in usable)
        return None if best is None else Wish(best.name, f"{best.name} is cheapest; per megabyte: {costs}")


def _ruled(rules: RuleSet | None, flow: FlowFacts, whose: str) -> Wish | None:
    rule = None if rules is None else rules.network_of(flow.traits)
    if rule is None or rule.network is None:
        return None
    return Wish(rule.network, f"{whose} rule {rule.name!r} says {rule.network}")


def _leaving(
    flow: FlowFacts, networks: Sequence[NetworkState], badness: Callable[[NetworkState], float], most: float,
    margin: float, told: tuple[str, str],
) -> Wish | None:  # fmt: skip
    """Return the network to go to or stay on while some usable network is bad; None while none is.

    Bad is a badness above `most`, or above `most - margin` for a network that the flow does not use.
    """
    usable = [network for network in networks if network.usable]
    here = next((network for network in usable if network.name == flow.interface), None)
    if not any(badness(network) > (most if network is here else most - margin) for network in usable):
        return None
    chosen = min(usable, key=badness)
    if here is not None and (badness(here) <= most or badness(here) <= badness(chosen) + margin):
        chosen = here
    first, further = told
    facts = ((further if place else first, network) for place, network in enumerate(usable))
    return Wish(chosen.name, ", ".join(form.format(network.name, abs(badness(network))) for form, network in facts))


# --- who has the last word --------------------------------------------------------------------------------------------


def wrong_with(wish: object, flow: FlowFacts, networks: Sequence[NetworkState]) -> str:
    """Say what is wrong with the result of a policy; empty where nothing is."""
    network, reason = wish if isinstance(wish, tuple) and len(wish) == 2 else (wish, "")
    names = [known.name for known in networks]
    is_known = network is None or (isinstance(network, str) and network in names)
    return "" if is_known and fits(reason, WORD) else f"expected one of {', '.join(names)}, or None for no opinion"


class Policies:
    """Policies in order: pairs (priority, policy), the lowest number first, those of equal priority as given."""

    def __init__(self, policies: Collection[tuple[int, Policy]] = ()) -> None:
        pair = Expected("", lambda each: len(each) == 2 and fits(each[0], number(-(10**9), 10**9)))
        check(several(pair, "pairs (priority, policy)"), policies=policies)
        for _, policy in policies:
            check(POLICY, policy=policy)
        self.ordered = sorted(policies, key=lambda pair: pair[0])

    def choose(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> Choice | None:
        """Return the choice of the first policy that names a usable network; None where no network is usable.

        Without such a policy a flow stays on its network, or takes the first usable one. The reason says which policies
        were passed over. Raises ProtocolMisuse for a network that does not exist.
        """
        usable = [network.name for network in networks if network.usable]
        if not usable:
            return None
        passed: list[str] = []
        for priority, policy in self.ordered:
            name = getattr(policy, "name", getattr(policy, "__name__", type(policy).__name__))
            wish = policy(flow, networks)
            wrong = wrong_with(wish, flow, networks)
            if wrong:
                raise ProtocolMisuse(f"{name} (priority {priority}) gave {shown(wish)}; {wrong}", wish)
            network, reason = wish if isinstance(wish, tuple) else (wish, "")
            if network in usable:
                said = f"{name} (priority {priority}): {reason or network}"
                return Choice(network, "; ".join([said, *passed]), name)
            if network is not None:
                passed.append(f"{name} (priority {priority}) is for {network}, which is not usable")
        stays = flow.interface in usable
        network = flow.interface if stays and flow.interface is not None else usable[0]
        said = f"no rule decides, so it {'stays on' if stays else 'takes the first that is up,'} {network}"
        return Choice(network, "; ".join([said, *passed]), "")


def policies_of(policy: Policies | Policy) -> Policies:
    """Return `Policies` of one policy or of several, every learner's function guarded.

    The application's own wish is asked first, unless a `ByApplication` among them has another place.
    """
    if not isinstance(policy, Policies):
        policy = Policies([(10, Guarded("policy", policy, "flow, networks", wrong_with))])
    policy = Policies([(priority, _guarded(each)) for priority, each in policy.ordered])
    if any(isinstance(each, ByApplication) for _, each in policy.ordered):
        return policy
    first = min((priority for priority, _ in policy.ordered), default=0) - 1
    return Policies([(first, ByApplication()), *policy.ordered])


def _guarded(policy: Policy) -> Policy:
    """Return a policy under guard if a learner wrote it; a network's request is copied, so no two nodes share it."""
    if isinstance(policy, ByRequest):
        return ByRequest(Request(policy.request.rules))
    if isinstance(policy, Guarded) or type(policy).__module__ == __name__:
        return policy
    name = getattr(policy, "__name__", type(policy).__name__)
    return Guarded(name, policy, "flow, networks", wrong_with)


# --- where home addresses are bound -----------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class HomeBindings(Checked):
    """The interface over which home addresses are bound at the home agent.

    "Any of the available Care-of Addresses can be chosen" (page 13). at: "first flow" keeps a home address where the
    first flow that needed it went, "its flow" takes it along with its flow, anything else is an interface's name.
    anchors: keep a home address that never moves bound on every interface, because a home agent with one tunnel for
    each care-of address may go on using the old one when the new one is new to it.
    """

    at: Annotated[str, TEXT] = "first flow"
    anchors: Annotated[bool, FLAG] = False

    def lacking(self, anchored: Collection[str], usable: Mapping[str, bool]) -> list[str]:
        """Return the usable interfaces that need an anchor; those in `anchored` have one."""
        return [name for name, is_usable in usable.items() if self.anchors and is_usable and name not in anchored]
