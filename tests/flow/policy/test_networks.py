"""Policies at work: each places or moves flows in a running world with a reason, and binds home addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.flow.policy.policies import (
    ByApplication,
    ByCost,
    ByLoad,
    ByOperator,
    ByRequest,
    BySignal,
    ByUser,
    FlowFacts,
    HomeBindings,
    NetworkState,
    Policies,
    Request,
)
from mipflow.flow.policy.rules import read_rules
from mipflow.lab import scenarios
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.router import AccessRouter, Forward, join_routers
from mipflow.wire.address import Address, Prefix
from tests.mip6.worlds import S, data_hops, instant, messages, world

TALK = mf.apps.Voice(interval_ms=100)
CALL = mf.apps.Voice()
CALL_BPS = (160 + 12 + 8 + 24 + 40) * 8 * 50
"""G.711 in RTP and UDP, behind an IPv6 header with a Home Address option or a routing header, 50 a second."""
PRIMARY = HOME.address(MOBILE_NODE)


def made(**keywords: Any) -> World:
    """Make Figure 2, and run it until the primary is bound."""
    return world(**{"wire": False, **keywords}).run(5)


def add_ethernet(w: World) -> World:
    """Add a third access network, the nearest of all."""
    router = AccessRouter(w.network, "AR4", 2.0, 0.0)
    join_routers(w.network, router, w.internet, mf.Link(delay_ms=4, rate_bps=None))
    segment = w.network.add_segment("eth0", mf.Link(delay_ms=1, rate_bps=None), Prefix.parse("2001:db8:500::/64"))
    router.serve(segment)
    w.mn.visit("eth0", segment)
    return w.run(3)


def choices(w: World, since_s: float = 0.0) -> list[str]:
    """Return the decisions about networks, with their reasons."""
    return [d.why for d in w.trace.decisions() if d.what == "network choice" and d.t_ns >= since_s * S]


def places(flows: Iterable[Flow]) -> list[str]:
    return [flow.interface for flow in flows]


def settled(w: World, *flows: Flow) -> bool:
    """Check that a while later each flow's data goes over the interface in the table, both ways, and no other."""
    w.run(3)
    since = w.network.clock.now
    w.run(1)
    for flow in flows:
        ours = [hop for hop in data_hops(w, flow.id, since) if "MN" in (hop.channel.sender, hop.channel.receiver)]
        assert {hop.channel.sender for hop in ours} > {"MN"}
        assert {hop.channel.segment for hop in ours} == {flow.interface}
        assert flow.registered_at_cn == w.mn.care_of_address(flow.interface)
    return True


# --- each policy -----------------------------------------------------------------------------------------------------


def test_by_application_its_network_and_before_that_what_it_asks_for() -> None:
    w = made(policy=Policies([(10, ByApplication({"call": "cell0"}))]))
    call, film, other = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, mf.apps.Video()), w.mn.open(w.cn2, TALK, "wlan0")
    assert places([call, film, other]) == ["cell0", "wlan0", "wlan0"] and settled(w, call, film, other)
    assert choices(w) == [
        "flow 1 over cell0: ByApplication (priority 10): 'call' is to go over cell0",
        "flow 2 over wlan0: no rule decides, so it takes the first that is up, wlan0",
        "flow 3 over wlan0: ByApplication (priority 10): the application asks for wlan0",
    ]


def test_by_user_the_best_that_works_and_back_when_it_works_again() -> None:
    w = made(policy=Policies([(10, ByUser(["cell0", "wlan0"]))]))
    talk = w.mn.open(w.cn1, TALK)
    assert talk.interface == "cell0" and settled(w, talk)
    w.mn.interface("cell0").set_up(False)
    assert talk.interface == "wlan0" and settled(w, talk)
    w.mn.interface("cell0").set_up(True)
    assert talk.interface == "cell0" and settled(w, talk)
    assert choices(w, 5.1) == [
        "flow 1 over wlan0: ByUser (priority 10): wlan0 is preferred after cell0, not usable (cell0 has failed)",
        "flow 1 over cell0: ByUser (priority 10): cell0 is preferred (cell0 has a care-of address)",
    ]


def test_by_cost_all_flows_leave_a_network_that_becomes_dear() -> None:
    w = made(policy=Policies([(10, ByCost())]))
    flows = [w.mn.open(cn, TALK) for cn in (w.cn1, w.cn1, w.cn2)]
    w.run(4)
    assert places(flows) == ["wlan0"] * 3
    w.mn.networks.report("wlan0", cost=2.5)
    assert places(flows) == ["cell0"] * 3 and settled(w, *flows)
    why = "ByCost (priority 10): cell0 is cheapest; per megabyte: wlan0 2.5, cell0 0 (wlan0 was reported on)"
    assert choices(w, 6) == [f"flow {number} over cell0: {why}" for number in (1, 2, 3)]
    w.mn.networks.report("cell0", cost=2.5)
    assert places(flows) == ["cell0"] * 3, "nothing is saved by going back"


def test_by_signal_a_weak_network_is_left_and_taken_again_only_when_it_is_clearly_better() -> None:
    w = made(policy=Policies([(10, BySignal(least=0.3, margin=0.1)), (20, ByUser(["wlan0"]))]))
    talk = w.mn.open(w.cn1, TALK)
    w.run(3)
    for signal, interface in ((0.31, "wlan0"), (0.2, "cell0"), (0.35, "cell0"), (0.41, "wlan0")):
        w.mn.networks.report("wlan0", signal=signal)
        assert talk.interface == interface and settled(w, talk), signal
    assert choices(w, 5.1) == [
        "flow 1 over cell0: BySignal (priority 10): the signal of wlan0 is 0.20, of cell0 1.00 (wlan0 was reported on)",
        "flow 1 over wlan0: ByUser (priority 20): wlan0 is preferred (wlan0 was reported on)",
    ]


def rules(**networks: str) -> str:
    """Make a rule for each application port: {"5004": "cell0"} under the name "p5004"."""
    made_of = enumerate(networks.items())
    return json.dumps({"rules": [
        {"name": name, "priority": number, "protocol": "UDP", "remote_ports": int(name[1:]), "network": network}
        for number, (name, network) in made_of
    ]})  # fmt: skip


def test_by_operator_its_rules_place_new_flows() -> None:
    operator = read_rules(rules(p5004="cell0"), "a test")
    w = made(operator=operator, policy=Policies([(10, ByOperator(operator))]))
    call, film = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, mf.apps.Video())
    assert places([call, film]) == ["cell0", "wlan0"] and settled(w, call, film)
    assert choices(w)[0] == "flow 1 over cell0: ByOperator (priority 10): the operator's rule 'p5004' says cell0"


def test_by_request_the_policy_server_moves_flows_that_run() -> None:
    w = made(policy_server=True, policy=Policies([(10, ByRequest(Request()))]))
    call, film = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, mf.apps.Video())
    w.run(4)
    assert w.policy_server is not None and places([call, film]) == ["wlan0", "wlan0"]
    w.policy_server.indicate(PRIMARY, rules(p5010="cell0"))
    w.run(0.2)
    assert places([call, film]) == ["wlan0", "cell0"] and settled(w, call, film)
    said = "ByRequest (priority 10): the network's rule 'p5010' says cell0 (the network asks for it)"
    assert choices(w, 6) == [f"flow 2 over cell0: {said}"]
    w.policy_server.indicate(PRIMARY, rules(p5004="cell0", p5010="wlan0"))
    w.run(0.2)
    assert places([call, film]) == ["cell0", "wlan0"] and settled(w, call, film)
    assert w.mn.open(w.cn2, TALK, remote_port=5004).interface == "cell0", "those that begin now too"


def test_a_request_for_an_interface_that_is_not_there_is_refused_as_a_whole() -> None:
    w = made(policy_server=True, policy=Policies([(10, ByRequest(Request()))]))
    call = w.mn.open(w.cn1, TALK)
    w.run(3)
    assert w.policy_server is not None
    w.policy_server.indicate(PRIMARY, rules(p5004="cell0", p5010="eth9"))
    w.run(1)
    said = {d.node: d.why for d in w.trace.decisions() if d.what == "rules refused"}
    assert "MN has no interface 'eth9'; expected one of wlan0, cell0" in said["PS"] and "eth9" in said["MN"]
    assert call.interface == "wlan0" and w.mn.open(w.cn1, TALK).interface == "wlan0"


def test_a_learners_function_is_asked_again_when_something_is_reported() -> None:
    def by_ear(flow: FlowFacts, networks: Sequence[NetworkState]) -> tuple[str, str] | None:
        quiet = max(networks, key=lambda network: network.signal)
        return (quiet.name, "it sounds best") if flow.traits.application == "call" else None

    w = made(policy=by_ear)
    call, film = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, mf.apps.Video())
    w.run(3)
    w.mn.networks.report("wlan0", signal=0.9)
    assert places([call, film]) == ["cell0", "wlan0"] and settled(w, call, film)
    assert choices(w, 6) == ["flow 1 over cell0: policy (priority 10): it sounds best (wlan0 was reported on)"]


def test_bad_reports_and_intervals_are_refused() -> None:
    w = made()
    with pytest.raises(ProtocolMisuse, match="MN has no interface 'wlan7'; expected one of wlan0, cell0"):
        w.mn.networks.report("wlan7", signal=0.5)
    for every_s in (0, -1.0):
        with pytest.raises(ProtocolMisuse, match=f"reconsider_every_s={every_s}; expected more than 0"):
            world(reconsider_every_s=every_s)
    with pytest.raises(ProtocolMisuse, match=r"home bindings at 'wlan7'; expected one of .*its flow'?, wlan0"):
        world(home_bindings=HomeBindings(at="wlan7"))


# --- load ------------------------------------------------------------------------------------------------------------

MBPS = {"wlan0": mf.Link(delay_ms=5, rate_bps=1_000_000), "cell0": mf.Link(delay_ms=35, rate_bps=2_000_000)}


def loads(w: World) -> dict[str, float]:
    return {state.name: state.load for state in w.mn.networks.states()}


def on_the_wire(w: World, segment: str, since_ns: int) -> float:
    """Return the part of an access network's rate in use since a time, by every octet in its busier direction."""
    octets = {"MN": 0, "": 0}
    for hop in w.trace:
        if hop.channel.segment == segment and hop.sent_ns >= since_ns:
            octets["MN" if hop.channel.sender == "MN" else ""] += hop.packet.size
    rate_bps = w.network.segments[segment].link.rate_bps
    assert rate_bps is not None
    return max(octets.values()) * 8 * S / (w.network.clock.now - since_ns) / rate_bps


def test_measured_loads_are_those_of_the_closed_form_and_of_the_wire() -> None:
    w = made(links=instant() | MBPS, policy=Policies([(10, ByApplication())]))
    for number in range(7):
        w.mn.open(w.cns[number % 2], CALL, "wlan0" if number < 4 else "cell0")
    w.run(6)
    loads(w)
    since = w.network.clock.now
    w.run(5)
    measured = loads(w)
    for name, calls, rate_bps in (("wlan0", 4, 1e6), ("cell0", 3, 2e6)):
        assert measured[name] == pytest.approx(calls * CALL_BPS / rate_bps, rel=0.1)
        assert measured[name] == pytest.approx(on_the_wire(w, name, since), rel=0.1)
    assert loads(w) == measured, "of one moment nothing can be measured"


def test_the_load_is_that_of_the_busier_direction() -> None:
    w = made(links=instant() | MBPS, policy=Policies([(10, ByApplication())]))
    w.mn.open(w.cn1, mf.apps.Video(rate_bps=600_000))
    w.run(5)
    loads(w)
    since = w.network.clock.now
    w.run(5)
    assert loads(w)["wlan0"] == pytest.approx(on_the_wire(w, "wlan0", since), rel=0.1) and loads(w)["wlan0"] > 0.5


@pytest.mark.slow
def test_load_balancing_moves_so_many_flows_as_it_takes_and_then_none() -> None:
    """Twelve calls want 1.17 of a network's rate; eight have 0.78 of it, which is less than 0.8. The four that leave
    take their load along, so not all leave at once, and none comes back.
    """
    policy = Policies([(10, ByLoad(most=0.8, margin=0.1))])
    w = made(links=instant() | MBPS, policy=policy, reconsider_every_s=2.0, trace="control")
    calls = [w.mn.open(w.cn1, CALL) for _ in range(12)]
    w.run(20)
    assert sorted(places(calls)) == ["cell0"] * 4 + ["wlan0"] * 8
    moves = choices(w, 5.1)
    assert len(moves) == 4 and all("of its rate, cell0 0." in why and why.endswith("(it is time)") for why in moves)
    assert moves[0].split("wlan0 carries ")[1].startswith(f"{12 * CALL_BPS / 1e6:.2f}"[:3])
    assert loads(w)["wlan0"] == pytest.approx(8 * CALL_BPS / 1e6, rel=0.1)
    lost = [flow.stats.down.lost for flow in calls]
    w.run(10)
    assert len(choices(w, 5.1)) == 4 and [flow.stats.down.lost for flow in calls] == lost
    assert all(flow.registered_at_cn == w.mn.care_of_address(flow.interface) for flow in calls)


def test_without_being_asked_again_load_moves_nothing() -> None:
    w = made(links=instant() | MBPS, policy=Policies([(10, ByLoad())]))
    calls = [w.mn.open(w.cn1, CALL) for _ in range(12)]
    w.run(6)
    assert places(calls) == ["wlan0"] * 12
    w.mn.networks.reconsider("a test asks")
    assert places(calls).count("cell0") == 4


# --- a network that fails --------------------------------------------------------------------------------------------


def test_the_flows_of_a_failed_network_go_each_where_it_is_best() -> None:
    """Of three networks an application has one; a flow without a policy takes the first that is usable."""
    wanted = ByApplication({"call": "cell0", "video": "eth0"})
    w = add_ethernet(made(policy=Policies([(5, ByUser(["wlan0"])), (10, wanted)])))
    apps: tuple[Any, ...] = (TALK, mf.apps.Video(), mf.apps.Echo(interval_ms=200), TALK)
    flows = [w.mn.open(cn, app) for app, cn in zip(apps, (w.cn1, w.cn1, w.cn1, w.cn2), strict=True)]
    w.run(6)
    assert places(flows) == ["wlan0"] * 4
    since_s = w.now
    w.mn.interface("wlan0").set_up(False)
    assert places(flows) == ["cell0", "eth0", "cell0", "cell0"] and settled(w, *flows)
    assert len(choices(w, since_s)) == 4 and all(why.endswith("(wlan0 has failed)") for why in choices(w, since_s))
    updates = [m for m in messages(w, "MN", since_s) if m.name == "BU" and m.destination in (
        w.cn1.address.packed, w.cn2.address.packed)]  # fmt: skip
    assert len(updates) == 4, "each moves once"
    w.mn.interface("wlan0").set_up(True)
    assert places(flows) == ["wlan0"] * 4 and settled(w, *flows)


def test_the_flows_of_a_failed_network_take_their_load_along() -> None:
    """Of two networks that are left, none is overrun while the other one is empty."""
    links = instant() | dict.fromkeys(("wlan0", "cell0"), mf.Link(delay_ms=5, rate_bps=1_000_000))
    w = made(links=links, policy=Policies([(10, ByLoad(most=0.2, margin=0.05)), (20, ByUser(["eth0"]))]))
    add_ethernet(w)
    calls = [w.mn.open(w.cn1, CALL, "eth0") for _ in range(6)]
    w.run(6)
    w.mn.networks.states()
    w.mn.interface("eth0").set_up(False)
    assert sorted(places(calls)) == ["cell0"] * 3 + ["wlan0"] * 3


def test_where_all_networks_fail_flows_wait_and_go_on_over_the_first_that_comes_back() -> None:
    w = made()
    talk, other = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK, "cell0")
    w.run(4)
    for name in ("cell0", "wlan0"):
        w.mn.interface(name).set_up(False)
    w.run(5)
    w.mn.interface("cell0").set_up(True)
    w.run(8)
    assert places([talk, other]) == ["cell0", "cell0"] and settled(w, talk, other)
    went = "flow {} over cell0: cell0 is the first that is usable (wlan0 is down)"
    assert choices(w)[-2:] == [went.format(1), went.format(2)]


# --- flows of one binding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_flows_of_one_binding_go_where_the_first_is_best_although_policies_want_them_apart(fails: bool) -> None:
    """Otherwise the binding would go to and fro whenever somebody asks."""
    wanted = Policies([(5, ByCost()), (10, ByApplication({"call": "cell0", "video": "eth0"}))])
    apart = Policies([(10, ByApplication({"call": "cell0", "video": "eth0"}))])
    w = add_ethernet(made(rules=mf.AssignmentRules(together=lambda flow: "all"), policy=wanted))
    for name in ("cell0", "eth0"):
        w.mn.networks.report(name, cost=1)
    call, film = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, mf.apps.Video())
    w.run(4)
    assert places([call, film]) == ["wlan0", "wlan0"]
    since_s = w.now
    w.mn.networks.policies = apart
    if fails:
        w.mn.interface("wlan0").set_up(False)
    else:
        assert w.mn.networks.reconsider("a test asks") == [call.id, film.id]
    assert places([call, film]) == ["cell0", "cell0"] and settled(w, call, film)
    assert w.mn.networks.reconsider("a test asks again") == [] and len(choices(w, since_s)) == 1
    assert w.trace.tables(w.network.clock.now)["MN"]["flow mapping table"]["2"]["interface"] == "cell0"


# --- where home addresses are bound (page 13) ------------------------------------------------------------------------


def at_home(w: World) -> dict[str, str]:
    """Return home addresses, by the name under which they are kept or by number, with their interfaces."""
    names = {w.mn.care_of_address(name): name for name in w.mn.interfaces if w.mn.interfaces[name].is_usable}
    found = {}
    for number, home in enumerate(w.mn.home_addresses, 1):
        binding = w.ha.bindings.get(home.home_address)
        assert binding is not None and binding.care_of_address == home.care_of_address
        found[home.kept_for or f"H@{number}"] = names[binding.care_of_address]
    return found


def two(w: World) -> list[Flow]:
    """Open a flow over each interface, to one correspondent."""
    flows = [w.mn.open(w.cn1, TALK, name) for name in ("wlan0", "cell0")]
    w.run(4)
    assert places(flows) == ["wlan0", "cell0"] and flows[0].home_address == PRIMARY
    return flows


def test_all_home_addresses_are_bound_at_one_interface_while_that_works() -> None:
    """Home addresses move there that were bound before it had a care-of address, and again when it is back."""
    w = made(home_bindings=HomeBindings(at="cell0"))
    assert at_home(w) == {"H@1": "cell0"}
    flows = two(w)
    assert at_home(w) == {"H@1": "cell0", "H@2": "cell0"} and settled(w, *flows)
    since_s = w.now
    w.mn.handover(flows[1], "wlan0")
    w.mn.handover(flows[0], "cell0")
    assert settled(w, *flows) and at_home(w) == {"H@1": "cell0", "H@2": "cell0"}
    agent = w.ha.home_agent_address.packed
    assert not [m for m in messages(w, "MN", since_s) if m.name == "BU" and m.destination == agent]
    w.mn.interface("cell0").set_up(False)
    assert settled(w, *flows) and at_home(w) == {"H@1": "wlan0", "H@2": "wlan0"}
    w.mn.interface("cell0").set_up(True)
    w.run(3)
    assert at_home(w) == {"H@1": "cell0", "H@2": "cell0"}


@pytest.mark.parametrize("at", ["first flow", "its flow"])
def test_home_addresses_are_bound_where_their_flow_began_or_where_it_is(at: str) -> None:
    w = made(home_bindings=HomeBindings(at=at))
    flows = two(w)
    assert at_home(w) == {"H@1": "wlan0", "H@2": "cell0"}
    w.mn.handover(flows[1], "wlan0")
    assert settled(w, *flows)
    assert at_home(w) == {"H@1": "wlan0", "H@2": "wlan0" if at == "its flow" else "cell0"}


# --- anchors ---------------------------------------------------------------------------------------------------------


class SharedTunnels(HomeAgent):
    """A home agent as one was seen: it has one tunnel for each care-of address. An update that moves a home address to
    a care-of address that no other has is acknowledged, and the packets stay in the tunnel where they were.
    """

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self.stale: dict[Address, Address] = {}

    def bind(self, binding: Binding) -> None:
        known, care_of = self.bindings.get(binding.home_address), binding.care_of_address
        others = {each.care_of_address for each in self.bindings if each.home_address != binding.home_address}
        moves = known is not None and known.care_of_address != care_of
        if moves and care_of not in others:
            assert known is not None
            self.stale.setdefault(binding.home_address, known.care_of_address)
        elif moves:
            self.stale.pop(binding.home_address, None)
        super().bind(binding)

    def find_forward(self, destination: Address) -> Forward | None:
        if destination not in self.stale:
            return super().find_forward(destination)
        return self.tunnel(self.home_agent_address, self.stale[destination])


@pytest.mark.parametrize("anchors", [False, True])
def test_where_a_home_agent_shares_tunnels_only_anchors_let_a_flow_move(
    monkeypatch: pytest.MonkeyPatch, anchors: bool
) -> None:
    """protocol.md, "what was seen on a real deployment": the handover is acknowledged either way."""
    monkeypatch.setattr(scenarios, "HomeAgent", SharedTunnels)
    w = made(mode="tunnel", home_bindings=HomeBindings(anchors=anchors))
    talk, other = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK)
    w.run(4)
    w.mn.handover(talk, "cell0")
    w.run(3)
    assert w.mn.registered_at_home(talk.home_address) == w.mn.care_of_address("cell0")  # type: ignore[arg-type]
    since = w.network.clock.now
    w.run(2)
    came = {hop.channel.segment for hop in data_hops(w, talk.id, since) if hop.channel.receiver == "MN"}
    assert came == {"cell0" if anchors else "wlan0"} and other.interface == "wlan0"


def test_anchors_stay_where_they_are_and_come_back_and_no_flow_gets_one() -> None:
    w = made(home_bindings=HomeBindings(anchors=True))
    anchored = {"anchor wlan0": "wlan0", "anchor cell0": "cell0"}
    assert at_home(w) == {"H@1": "wlan0", **anchored}
    flows = two(w)
    kept = {home.home_address for home in w.mn.home_addresses if home.kept_for}
    assert not kept & {flow.home_address for flow in flows}
    w.mn.handover_all("cell0")
    assert settled(w, *flows)
    assert at_home(w) == {"H@1": "cell0", "H@4": "cell0", **anchored}
    w.mn.interface("wlan0").set_up(False)
    w.run(3)
    w.mn.interface("wlan0").set_up(True)
    w.run(3)
    assert at_home(w) == {"H@1": "cell0", "H@4": "cell0", **anchored}
    for flow in flows:
        w.mn.close(flow)
    w.run(3)
    assert at_home(w) == {"H@1": "cell0", **anchored}, "and none is freed"


def test_an_address_that_is_kept_before_the_primary_is_bound_is_bound_after_it() -> None:
    w = world(wire=False)
    w.mn.keep_home_address("calls", lambda flow: flow.flow_information.traits.application == "call")
    w.run(5)
    assert at_home(w) == {"H@1": "wlan0", "calls": "wlan0"}
