"""Flows that share a binding: which they are, where they go, and the fate of the networks that were asked for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.address import Address
from tests.flow.bindings.worlds import PRIMARY, SECOND, TALK, agree, made
from tests.flow.worlds import CALL, cache_changes, interfaces
from tests.mip6.worlds import messages, world

SELDOM = mf.apps.Voice(interval_ms=5000)


def updates_to(w: World, peer: Address, since_s: float = 0.0) -> list[Address]:
    """Return the care-of addresses of the binding updates to a peer, in order."""
    sent = [m for m in messages(w, "MN", since_s) if m.name == "BU" and m.destination == peer.packed]
    return [Address(int.from_bytes(m.source)) for m in sent]


def said(w: World, what: str) -> list[str]:
    return [decision.why for decision in w.trace.decisions() if decision.what == what]


@pytest.mark.parametrize("begun_s", [0, 5])
@pytest.mark.parametrize("optimistic", [True, False])
def test_in_figure_1_each_correspondent_has_its_own_care_of_address_from_the_first_flow_on(
    begun_s: float, optimistic: bool
) -> None:
    """Pages 3, 6 and 7, for flows that are opened in the same instant; with one address for all nobody is careful."""
    w = world(rules=mf.AssignmentRules(method="care-of address per flow", optimistic=optimistic)).run(begun_s)
    one, two = w.mn.open(w.cn1, CALL), w.mn.open(w.cn2, CALL, interface="cell0")
    third = w.mn.open(w.cn2, CALL)
    assert (one.interface, two.interface) == ("wlan0", "cell0")
    w.run(4)
    wlan, cell = w.mn.care_of_address("wlan0"), w.mn.care_of_address("cell0")
    assert {flow.home_address for flow in (one, two, third)} == {PRIMARY} and third.interface == "cell0" and agree(w)
    assert (updates_to(w, w.cn1.address), updates_to(w, w.cn2.address)) == ([wlan], [cell])
    assert [binding.care_of_address for node in (w.ha, w.cn1, w.cn2) for binding in node.bindings] == [wlan, wlan, cell]
    assert said(w, "shared binding") == [
        "flow 3 goes over cell0 with flow 2, whose binding it shares"
    ] and w.mn.handover(third, "wlan0") == [2, 3]


def test_two_correspondents_share_a_home_address_at_once_as_figure_6_says_and_move_alone() -> None:
    for optimistic, addresses in ((True, {PRIMARY}), (False, {PRIMARY, SECOND})):
        w = world(rules=mf.AssignmentRules(optimistic=optimistic))
        one, two = w.mn.open(w.cn1, CALL), w.mn.open(w.cn2, CALL, interface="cell0")
        w.run(6)
        assert {one.home_address, two.home_address} == addresses and agree(w)
        assert (one.interface, two.interface) == ("wlan0", "cell0")
        assert w.mn.handover(one, "cell0") == [one.id] and w.mn.handover(two, "wlan0") == [two.id]
        w.run(4)
        assert (one.interface, two.interface) == ("cell0", "wlan0") and agree(w)


@pytest.mark.parametrize("hosts", [("CN1",), ("CN2",), ("CN1", "CN2")])
def test_flows_whose_correspondents_turn_out_not_to_optimise_share_one_road_until_they_end(
    hosts: tuple[str, ...]
) -> None:
    """The price of the default. A wish is remembered: it holds as soon as no earlier one is in the way."""
    w = world(correspondents=dict.fromkeys(hosts, Host))
    one, two = w.mn.open(w.cn1, CALL, interface="wlan0"), w.mn.open(w.cn2, CALL, interface="cell0")
    w.run(6)
    assert one.home_address == two.home_address == PRIMARY and one.interface == "wlan0"
    if len(hosts) == 1:  # only one of them depends on the home agent's binding
        assert two.interface == "cell0" and not said(w, "shared binding")
        at_home = w.mn.care_of_address("wlan0" if hosts == ("CN1",) else "cell0")
        assert w.mn.registered_at_home(PRIMARY) == at_home
        return
    assert two.interface == "wlan0" and said(w, "shared binding") == [
        "flow 2 goes over wlan0 with flow 1, whose binding it shares; cell0 has to wait",
        f"flows 1, 2 share the home agent's binding of {PRIMARY} until they end: {w.cn2.address} does not optimise",
    ]
    w.run(5)
    since_s = w.now
    w.mn.close(one)
    w.run(4)
    assert two.interface == "cell0" and w.mn.registered_at_home(PRIMARY) == w.mn.care_of_address("cell0")
    assert said(w, "shared binding")[2:] == [
        "flow 2 goes over cell0, for which it has waited, with all that share its binding"
    ]
    (update,) = [m for m in messages(w, "MN", since_s) if m.name == "BU"]
    assert update.destination == w.ha.home_agent_address.packed


def test_a_correspondent_that_refuses_a_binding_does_not_optimise_until_it_holds_one() -> None:
    """Status 130, for both: their flows share the home agent's binding; the second is accepted seven minutes later."""
    w = world(wire=False, trace="control")
    w.cn1.bindings.max_bindings = w.cn2.bindings.max_bindings = 0
    one, two = w.mn.open(w.cn1, SELDOM, interface="wlan0"), w.mn.open(w.cn2, SELDOM, interface="cell0")
    w.run(20)
    assert one.home_address == two.home_address == PRIMARY and one.interface == two.interface
    at_home = len(updates_to(w, w.ha.home_agent_address))
    w.run(20)
    assert at_home == len(updates_to(w, w.ha.home_agent_address)) <= 3, "the home binding is not pulled to and fro"
    w.cn2.bindings.max_bindings = 1
    w.run(450)
    cell = w.mn.care_of_address("cell0")
    assert two.interface == "cell0" and two.care_of_address == two.registered_at_cn == cell
    assert (one.interface, one.registered_at_cn) == ("wlan0", None)


def test_a_wish_that_waits_is_honoured_when_its_network_comes_back_unless_it_failed_since() -> None:
    w = made(mode="tunnel", rules=mf.AssignmentRules(method="care-of address per flow"))
    one, two = w.mn.open(w.cn1, TALK, interface="wlan0"), w.mn.open(w.cn2, TALK, interface="cell0")
    w.run(2)
    w.mn.interface("cell0").set_up(False)
    w.mn.close(one)
    w.run(2)
    assert two.interface == "wlan0", "where it wishes to be there is nothing"
    w.mn.interface("cell0").set_up(True)
    w.run(4)
    assert two.interface == "cell0" and w.mn.registered_at_home(PRIMARY) == two.care_of_address
    w.mn.interface("cell0").set_up(False)
    w.run(2)
    w.mn.interface("cell0").set_up(True)
    w.run(4)
    assert two.interface == "wlan0", "without a policy it stays where it went"


def test_among_flows_with_other_wishes_the_first_is_asked_and_one_without_goes_along() -> None:
    w = mf.figure1(seed=1)
    wishes = ["wlan0", "cell0", None, "cell0", "wlan0"]
    flows = [w.mn.open(w.cn1, TALK, interface=wish) for wish in wishes]
    w.run(4)
    assert {flow.interface for flow in flows} == {"wlan0"}
    w.mn.close(flows[0])
    w.run(3)
    assert {flow.interface for flow in flows[1:]} == {"cell0"}, "the third has not asked to be elsewhere"
    assert said(w, "shared binding")[-1].endswith("with all that share its binding; flow 5 has to wait for wlan0")
    w.mn.close(flows[2])
    w.run(1)
    assert {flow.interface for flow in (flows[1], flows[3])} == {"cell0"}
    assert [b.care_of_address for b in w.cn1.bindings] == [w.mn.care_of_address("cell0")]


WISHES = st.lists(st.sampled_from([None, "wlan0", "cell0"]), min_size=2, max_size=4)


@given(WISHES, st.permutations([0, 1, 2, 3]), st.permutations([10, 40, 70, 100]), st.sampled_from([0, 0.3, 5]))
@settings(max_examples=60)
@example(["cell0", None], [0, 1, 2, 3], [10, 10, 10, 10], 0)  # the wish of the first was dropped
@example(["cell0", "wlan0", "cell0", "wlan0"], [0, 1, 2, 3], [10, 10, 10, 10], 0)
@example([None, "cell0"], [0, 1, 2, 3], [10, 10, 10, 10], 5)  # nobody asked for where both stayed
def test_a_wish_comes_before_none_and_the_earlier_before_the_later_whoever_answers_first(
    wishes: list[str | None], order: list[int], delays_ms: list[int], pause_s: float
) -> None:
    """Correspondents that do not optimise say so at different times, which must not matter."""
    names = [f"CN{number + 1}" for number in range(4)]
    slow = {name.lower(): mf.Link(delay_ms=delay) for name, delay in zip(names, delays_ms, strict=True)}
    w = mf.figure2(seed=1, cns=4, correspondents=dict.fromkeys(names, Host), links=slow, trace="control")
    flows = []
    for wish, number in zip(wishes, order, strict=False):
        flows.append(w.mn.open(w.cns[number], SELDOM, interface=wish))
        w.run(pause_s)
    w.run(8)
    expected = next(filter(None, wishes), "wlan0")
    assert {flow.interface for flow in flows} == {expected}
    assert w.mn.registered_at_home(PRIMARY) == w.mn.care_of_address(expected)
    waiting = {flow.id for flow, wish in zip(flows, wishes, strict=True) if wish not in (None, expected)}
    told = re.split("; |, ", "; ".join(said(w, "shared binding")))
    for flow in waiting:
        at_once = [line for line in said(w, "shared binding") if line.startswith(f"flow {flow} ") and "wait" in line]
        assert at_once or [part for part in told if part.startswith(f"flow {flow} has to wait for ")], told


@pytest.mark.parametrize("wishes", [[None, "cell0"], [None, None, "cell0", "wlan0"], ["cell0", "wlan0"]])
@pytest.mark.parametrize("pause_s", [0, 0.3, 5])
@pytest.mark.parametrize("make", [mf.figure1, mf.plain_mobile_ipv6])
def test_where_nobody_wants_the_road_so_far_a_wish_does_not_wait(make: Any, wishes: list[Any], pause_s: float) -> None:
    w = make(seed=1)
    flows = []
    for wish in wishes:
        flows.append(w.mn.open(w.cn1, SELDOM, interface=wish))
        w.run(pause_s)
    w.run(5)
    assert {flow.interface for flow in flows} == {"cell0"}
    assert [b.care_of_address for b in w.cn1.bindings] == [w.mn.care_of_address("cell0")]


def test_a_policys_choice_waits_as_a_wish_does() -> None:
    w = mf.figure1(policy=lambda flow, networks: "cell0" if flow.traits.cn == w.cn2.address else "wlan0", mode="tunnel")
    one, two = w.mn.open(w.cn1, TALK), w.mn.open(w.cn2, TALK)
    w.run(4)
    assert one.interface == two.interface == "wlan0"
    w.mn.close(one)
    w.run(4)
    assert two.interface == "cell0"


def test_flows_of_a_group_that_wait_for_one_address_share_its_road() -> None:
    """By DHCPv6 both wait, and get the same address: one binding, one interface, that of the first."""
    w = made(allocate="dhcpv6", rules=mf.AssignmentRules(never_primary=True, together=lambda flow: "all"))
    one, two = w.mn.open(w.cn1, TALK, interface="cell0"), w.mn.open(w.cn1, TALK, interface="wlan0")
    assert one.home_address is two.home_address is None
    w.run(5)
    assert one.home_address == two.home_address is not None and one.interface == two.interface == "cell0" and agree(w)


def test_plain_mobile_ipv6_has_one_care_of_address_wherever_its_first_flow_wishes_to_be() -> None:
    """Pages 1 to 3: home agent and correspondents have the same."""
    w = mf.plain_mobile_ipv6(seed=1)
    flows = [w.mn.open(w.cn1, TALK, interface="cell0"), w.mn.open(w.cn2, TALK, interface="wlan0")]
    w.run(6)
    cell = w.mn.care_of_address("cell0")
    assert {flow.interface for flow in flows} == {"cell0"}
    assert {binding.care_of_address for node in (w.ha, w.cn1, w.cn2) for binding in node.bindings} == {cell}
    w.mn.close(flows[0])
    w.run(4)
    wlan = w.mn.care_of_address("wlan0")
    assert {binding.care_of_address for node in (w.ha, w.cn2) for binding in node.bindings} == {wlan}


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, "wlan0", "cell0"])), min_size=1, max_size=8))
@settings(max_examples=25)
def test_figure_1_with_any_flows_opened_in_one_instant(opened: list[tuple[int, str | None]]) -> None:
    """The first wish with each correspondent is its road. Its first flow ends; those that are left are asked again."""
    w = mf.figure1(cns=3, trace="control")
    flows = [w.mn.open(w.cns[number], SELDOM, interface=wish) for number, wish in opened]
    w.run(5)
    for _ in range(2):
        for cn in w.cns:
            both = zip(flows, opened, strict=True)
            own = [(flow, wish) for flow, (_, wish) in both if flow.cn is cn and flow.is_open]
            if not own:
                continue
            over = {next((wish for _, wish in own if wish), own[0][0].interface)}
            (binding,) = cn.bindings
            assert {flow.interface for flow, _ in own} == over
            assert binding.care_of_address == w.mn.care_of_address(*over)
            w.mn.close(own[0][0])
        w.run(4)


@pytest.mark.parametrize("figure", [mf.figure1, mf.figure2])
@pytest.mark.parametrize("start_s", [0, 5])
def test_in_the_tunnel_a_flow_waits_for_the_road_that_it_asks_for_and_loses_nothing(figure: Any, start_s: int) -> None:
    """The home agent drops what comes from the care-of address that it holds no longer (RFC 6275 section 10.4.5)."""
    w = figure(mode="tunnel").run(start_s)
    call = w.mn.open(w.cn1, CALL if start_s else TALK, interface="cell0")  # at first it takes two seconds
    w.run(5)
    w.mn.close(call)
    w.run(1)
    assert interfaces(w, call, 0) == {"cell0"} and call.stats.up.lost == call.stats.down.lost == 0


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_a_flow_that_joins_a_binding_goes_where_the_others_go(mode: str) -> None:
    """Two selected care-of addresses for one binding would have it moved to and fro for ever."""
    made = world(wire=False, rules=mf.AssignmentRules(together=lambda flow: "all"), mode=mode)
    one = made.mn.open(made.cn1, CALL, interface="wlan0")
    made.run(5)
    two = made.mn.open(made.cn1, CALL, interface="cell0")
    made.run(60)
    assert one.interface == two.interface == "wlan0"
    assert interfaces(made, one, 0) == interfaces(made, two, 0) == {"wlan0"}
    assert cache_changes(made, 5) == []
    assert any(d.what == "shared binding" for d in made.trace.decisions())
