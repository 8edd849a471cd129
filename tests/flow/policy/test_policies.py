"""Policies: each alone, all together, and no flow goes to and fro."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mipflow.errors import FunctionFailed, ProtocolMisuse
from mipflow.flow.conversations import Traits
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.policy.policies import (
    ByApplication,
    ByCost,
    ByLoad,
    ByOperator,
    ByRequest,
    BySignal,
    ByUser,
    Choice,
    FlowFacts,
    HomeBindings,
    NetworkState,
    Policies,
    Policy,
    Request,
    Wish,
    wrong_with,
)
from mipflow.flow.policy.rules import Rule, RuleSet
from mipflow.wire.address import Address

NAMES = ("wlan0", "cell0", "eth0")
CALL = Traits("UDP", 5004, Address("2001:db8:2::1"), 5004, application="call")
FLOW = FlowFacts(CALL)
WLAN, CELL = NetworkState("wlan0", load=0.2, cost=0.0), NetworkState("cell0", load=0.1, cost=2.0, signal=0.6)
DOWN = NetworkState("wlan0", usable=False)

shares = st.integers(0, 120).map(lambda percent: percent / 100)
signals = st.integers(0, 100).map(lambda percent: percent / 100)
margins = st.integers(0, 30).map(lambda percent: percent / 100)
states = st.tuples(
    *(st.builds(NetworkState, st.just(name), st.booleans(), shares, st.integers(0, 3), signals) for name in NAMES)
)
interfaces_or_none = st.sampled_from([None, *NAMES])
flows = st.builds(FlowFacts, st.just(CALL), st.just("talk"), interfaces_or_none, interfaces_or_none)


def rules(name: str, network: str | None, port: int = CALL.remote_port) -> RuleSet:
    """Make one rule for a port of the correspondent node: that of the call, or another."""
    return RuleSet((Rule(name, 0, flow="calls", network=network, remote_ports=(port, port)),))


@dataclass(frozen=True)
class Constant:
    """A policy that always wants the same network, or none."""

    network: str | None
    name: str = "Constant"

    def __call__(self, flow: FlowFacts, networks: Sequence[NetworkState]) -> str | None:
        return self.network


# --- each policy alone ------------------------------------------------------------------------------------------------


def test_an_application_is_asked_first_then_its_name_then_its_word() -> None:
    policy = ByApplication({"call": "wlan0", "backup": "cell0"})
    assert policy(FLOW, ()) == Wish("wlan0", "'call' is to go over wlan0")
    assert policy(FlowFacts(CALL, "backup"), ()) == Wish("wlan0", "'call' is to go over wlan0")
    assert policy(FlowFacts(CALL._replace(application=""), "backup"), ()) == Wish(
        "cell0", "'backup' is to go over cell0"
    )
    assert policy(FLOW._replace(requested="eth0"), ()) == Wish("eth0", "the application asks for eth0")
    assert policy(FlowFacts(CALL._replace(application="web")), ()) is None


def test_the_operator_rules_and_the_network_asks() -> None:
    calls = rules("calls over wlan", "wlan0")
    assert ByOperator(calls)(FLOW, ()) == Wish("wlan0", "the operator's rule 'calls over wlan' says wlan0")
    assert ByOperator(rules("web", "wlan0", port=80))(FLOW, ()) is None
    assert ByOperator(rules("separates only", None))(FLOW, ()) is None
    request = Request()
    policy = ByRequest(request)
    assert policy(FLOW, ()) is None
    request.rules = calls
    assert policy(FLOW, ()) == Wish("wlan0", "the network's rule 'calls over wlan' says wlan0")
    request.rules = rules("evening", "cell0")
    assert policy(FLOW, ()) == Wish("cell0", "the network's rule 'evening' says cell0")


def test_the_user_prefers() -> None:
    policy = ByUser(["wlan0", "cell0"])
    assert policy(FLOW, (CELL, WLAN)) == Wish("wlan0", "wlan0 is preferred")
    assert policy(FLOW, (CELL, DOWN)) == Wish("cell0", "cell0 is preferred after wlan0, not usable")
    assert policy(FLOW, (DOWN,)) == Wish("cell0", "cell0 is preferred after wlan0, not usable")  # unknown, and said so
    assert ByUser(["wlan0"])(FLOW, (CELL, DOWN)) is None


def test_load_and_signal_speak_only_while_a_network_is_bad() -> None:
    full, weak = NetworkState("wlan0", load=0.93), NetworkState("wlan0", signal=0.12)
    on_wlan = FLOW._replace(interface="wlan0")
    assert ByLoad()(on_wlan, (full, CELL)) == Wish("cell0", "wlan0 carries 0.93 of its rate, cell0 0.10")
    assert BySignal()(on_wlan, (weak, CELL)) == Wish("cell0", "the signal of wlan0 is 0.12, of cell0 0.60")
    assert ByLoad()(on_wlan, (WLAN, CELL)) is BySignal()(on_wlan, (WLAN, CELL)) is None
    assert ByLoad()(on_wlan, (full, NetworkState("cell0", load=0.85))) == Wish(
        "wlan0", "wlan0 carries 0.93 of its rate, cell0 0.85"
    )
    assert ByLoad()(on_wlan, (full, NetworkState("cell0", usable=False))) == Wish(
        "wlan0", "wlan0 carries 0.93 of its rate"
    )


def test_a_network_that_was_left_has_to_get_clearly_better() -> None:
    on_cell = FLOW._replace(interface="cell0")
    for load, network in ((0.81, "cell0"), (0.79, "cell0"), (0.71, "cell0"), (0.69, None)):
        wish = ByLoad(most=0.8, margin=0.1)(on_cell, (NetworkState("wlan0", load=load), CELL))
        assert (wish and wish.network) == network, load
    for signal, network in ((0.29, "cell0"), (0.39, "cell0"), (0.41, None)):
        wish = BySignal(least=0.3, margin=0.1)(on_cell, (NetworkState("wlan0", signal=signal), CELL))
        assert (wish and wish.network) == network, signal


@given(states, flows)
def test_the_cheapest_is_no_dearer_than_any_and_a_flow_moves_only_to_save(
    networks: tuple[NetworkState, ...], flow: FlowFacts
) -> None:
    wish = ByCost()(flow, networks)
    costs = {network.name: network.cost for network in networks if network.usable}
    assert (wish is None) == (not costs)
    if wish is not None:
        assert costs[wish.network] == min(costs.values())
        assert flow.interface not in costs or wish.network == flow.interface or (
            costs[wish.network] < costs[flow.interface]
        )  # fmt: skip


# --- together ---------------------------------------------------------------------------------------------------------


def policies_of(wishes: Sequence[tuple[int, str | None]]) -> Policies:
    return Policies([(priority, Constant(wish)) for priority, wish in wishes])


@example((WLAN, CELL), FLOW._replace(interface="cell0"), [])
@given(states, flows, st.lists(st.tuples(st.integers(0, 5), interfaces_or_none)))
def test_the_first_by_priority_that_is_for_a_usable_network_decides(
    networks: tuple[NetworkState, ...], flow: FlowFacts, wishes: list[tuple[int, str | None]]
) -> None:
    choice = policies_of(wishes).choose(flow, networks)
    usable = [network.name for network in networks if network.usable]
    # The other way: strike out what cannot be followed, then look for the smallest (priority, place).
    can = [(priority, place) for place, (priority, wish) in enumerate(wishes) if wish in usable]
    if not usable:
        assert choice is None
    elif not can:
        stays = flow.interface if flow.interface in usable else usable[0]
        assert choice is not None and choice.network == stays and choice.policy == ""
    else:
        priority, place = min(can)
        assert choice is not None and choice.network == wishes[place][1] and choice.policy == "Constant"
        assert choice.reason.startswith(f"Constant (priority {priority}): {choice.network}")
        passed = [p for at, (p, wish) in enumerate(wishes) if (p, at) < (priority, place) and wish is not None]
        assert choice.reason.count("which is not usable") == len(passed)


ALL: list[Policy] = [
    ByApplication({"call": "cell0"}),
    ByOperator(rules("a rule", "eth0")),
    ByRequest(Request(rules("a request", "wlan0"))),
    ByUser(["eth0", "wlan0"]),
    ByLoad(),
    ByCost(),
    BySignal(),
]


@given(states, flows, st.permutations(ALL), st.integers(0, len(ALL)))
def test_a_choice_is_usable_and_there_is_one_where_a_network_is(
    networks: tuple[NetworkState, ...], flow: FlowFacts, policies: list[Policy], count: int
) -> None:
    choice = Policies(list(enumerate(policies[:count]))).choose(flow, networks)
    usable = [network.name for network in networks if network.usable]
    assert choice is None if not usable else choice is not None and choice.network in usable


def test_a_reason_says_who_what_and_who_was_passed_over() -> None:
    flow = FLOW._replace(interface="wlan0")
    policies = Policies([(40, ByLoad()), (10, ByApplication({"call": "eth0"}))])
    networks = (NetworkState("wlan0", load=0.93), CELL, NetworkState("eth0", usable=False))
    passed = "ByApplication (priority 10) is for eth0, which is not usable"
    assert policies.choose(flow, networks) == Choice(
        "cell0", f"ByLoad (priority 40): wlan0 carries 0.93 of its rate, cell0 0.10; {passed}", "ByLoad"
    )
    assert policies.choose(flow, (WLAN, CELL, networks[2])) == Choice(
        "wlan0", f"no rule decides, so it stays on wlan0; {passed}", ""
    )


def test_a_learners_function_is_a_policy_guarded_or_not() -> None:
    def mine(flow: FlowFacts, networks: Sequence[NetworkState]) -> str | None:
        return "cell0" if flow.traits.application == "call" else None

    guarded = Guarded("policy", mine, "flow, networks", wrong_with)
    assert Policies([(1, mine)]).choose(FLOW, (WLAN, CELL)) == Choice("cell0", "mine (priority 1): cell0", "mine")
    choice = Policies([(1, guarded)]).choose(FLOW, (WLAN, CELL))
    assert choice == Choice("cell0", "policy (priority 1): cell0", "policy")
    with pytest.raises(FunctionFailed) as caught:
        Policies([(1, guarded)]).choose(FLOW, (WLAN,))
    assert str(caught.value) == "your policy() gave 'cell0'; expected one of wlan0, or None for no opinion"


@pytest.mark.parametrize("wish", ["wlan9", 5, [], ("wlan9", "why"), ("wlan0", "why", "further"), WLAN])
def test_a_network_that_does_not_exist_is_misuse_and_those_that_do_are_named(wish: object) -> None:
    with pytest.raises(ProtocolMisuse) as caught:
        Policies([(7, Constant(wish))]).choose(FLOW, (WLAN, CELL))  # type: ignore[arg-type]
    expected = "expected one of wlan0, cell0, or None for no opinion"
    assert str(caught.value) == f"Constant (priority 7) gave {wish!r}; {expected}" and caught.value.value is wish


def test_an_unknown_preference_is_found_out() -> None:
    with pytest.raises(ProtocolMisuse, match=r"^ByUser \(priority 1\) gave .*'wlan9'.*; expected one of wlan0, cell0"):
        Policies([(1, ByUser(["wlan9", "wlan0"]))]).choose(FLOW, (WLAN, CELL))


# --- no flow goes to and fro ------------------------------------------------------------------------------------------


def way(policies: Policies, flow: FlowFacts, networks: tuple[NetworkState, ...], times: int = 6) -> list[str | None]:
    """Return the interfaces of a flow about which the policies are asked again and again."""
    interfaces = [flow.interface]
    for _ in range(times):
        choice = policies.choose(flow._replace(interface=interfaces[-1]), networks)
        interfaces.append(choice and choice.network)
    return interfaces


def changes(interfaces: Sequence[str | None]) -> int:
    return sum(one != other for one, other in pairwise(interfaces))


@given(states, flows, margins, interfaces_or_none, st.booleans())
def test_while_nothing_changes_a_flow_moves_once_at_most(
    networks: tuple[NetworkState, ...], flow: FlowFacts, margin: float, otherwise: str | None, by_load: bool
) -> None:
    policy: Policy = ByLoad(0.8, margin) if by_load else BySignal(0.3, margin)
    assert changes(way(Policies([(1, policy), (2, Constant(otherwise))]), flow, networks)) <= 1
    assert changes(way(Policies([(1, policy), (2, ByCost())]), flow, networks)) <= 1


@given(
    st.lists(st.integers(0, 120), min_size=2, max_size=3), st.integers(0, 20), st.integers(0, 20),
    interfaces_or_none, st.sampled_from(["wlan0", "cell0"]),
)  # fmt: skip
def test_a_flow_no_larger_than_the_margin_comes_to_rest_although_it_takes_its_load_along(
    others: list[int], share: int, further: int, otherwise: str | None, start: str
) -> None:
    """The loads are those of the others in percent, and the flow's own where it goes."""
    margin = (share + further) / 100 + 1e-9
    otherwise = otherwise if otherwise in NAMES[: len(others)] else None
    policies = Policies([(1, ByLoad(0.8, margin)), (2, Constant(otherwise))])
    interfaces: list[str] = [start]
    for _ in range(8):
        networks = tuple(
            NetworkState(name, load=(load + share * (name == interfaces[-1])) / 100)
            for name, load in zip(NAMES, others, strict=False)
        )
        choice = policies.choose(FLOW._replace(interface=interfaces[-1]), networks)
        assert choice is not None
        interfaces.append(choice.network)
    # One move for the policy below, where nothing is full, may come before the one that load asks for.
    assert changes(interfaces) <= 2 and changes(interfaces[3:]) == 0


# --- home bindings ----------------------------------------------------------------------------------------------------


def test_an_anchor_on_every_usable_interface_only_where_anchors_are_wanted() -> None:
    usable = {"wlan0": True, "cell0": True, "eth0": False}
    assert HomeBindings(anchors=True).lacking((), usable) == ["wlan0", "cell0"]
    assert HomeBindings(anchors=True).lacking(["wlan0"], usable) == ["cell0"]
    assert HomeBindings().lacking((), usable) == []
