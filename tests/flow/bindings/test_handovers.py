"""Test handovers: of one flow, of the flows of one binding, of everything, and those that a function says."""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.packet import RoutingHeaderType2
from tests.flow.bindings.worlds import agree, bound, made
from tests.flow.worlds import CALL, acknowledged_ns, cache_changes, interfaces
from tests.mip6.worlds import S, data_hops, world

TOGETHER = mf.AssignmentRules(together=lambda flow: "all")


def test_a_handover_changes_one_binding_at_one_correspondent_and_none_at_home() -> None:
    made = world(wire=False)
    call, video, other = (made.mn.open(cn, CALL) for cn in (made.cn1, made.cn1, made.cn2))
    made.run(6)
    assert other.home_address == call.home_address != video.home_address, "two correspondents share one (Figure 6)"
    start = made.network.clock.now
    assert made.mn.handover(video, "cell0") == [video.id]
    made.run(4)
    assert cache_changes(made, 6) == [("CN1", str(video.home_address))]
    assert interfaces(made, video, acknowledged_ns(made, start) + 200_000_000) == {"cell0"}
    assert interfaces(made, call, 0) == interfaces(made, other, 0) == {"wlan0"}
    assert (video.interface, call.interface) == ("cell0", "wlan0")
    assert video.care_of_address == video.registered_at_cn == made.mn.care_of_address("cell0")
    for flow in (call, video, other):
        assert flow.stats.down.lost == 0


def test_in_the_tunnel_a_handover_changes_one_binding_at_home_and_none_at_correspondents() -> None:
    made = world(wire=False, mode="tunnel")
    call, video, other = (made.mn.open(cn, CALL) for cn in (made.cn1, made.cn1, made.cn2))
    made.run(6)
    assert len({flow.home_address for flow in (call, video, other)}) == 3, "all correspondents count as one"
    start = made.network.clock.now
    made.mn.handover(video, "cell0")
    made.run(4)
    assert cache_changes(made, 6) == [("HA", str(video.home_address))]
    assert interfaces(made, video, acknowledged_ns(made, start) + 200_000_000) == {"cell0"}
    assert interfaces(made, call, 0) == interfaces(made, other, 0) == {"wlan0"}
    assert not any(
        isinstance(h, RoutingHeaderType2) for hop in data_hops(made, video.id) for h in hop.packet.extensions
    )


def test_home_follows_moves_the_home_binding_too_and_first() -> None:
    made = world(wire=False)
    call, video = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(6)
    made.mn.handover(video, "cell0", home_follows=True)
    made.run(4)
    assert cache_changes(made, 6) == [("HA", str(video.home_address)), ("CN1", str(video.home_address))]
    assert call.interface == "wlan0" and interfaces(made, call, 0) == {"wlan0"}


def test_a_handover_to_where_the_flow_is_already_sends_nothing() -> None:
    made = world(wire=False)
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    made.mn.handover(call, "wlan0")
    made.run(3)
    assert cache_changes(made, 6) == []


def test_wrong_handovers_are_refused() -> None:
    made = world(wire=False)
    call = made.mn.open(made.cn1, CALL)
    with pytest.raises(ProtocolMisuse, match=r"cell0 has no care-of address yet.*run the world on"):
        made.mn.handover(call, "cell0")
    made.run(5)
    with pytest.raises(ProtocolMisuse, match=r"no interface 'eth7'; expected one of wlan0, cell0") as caught:
        made.mn.handover(call, "eth7")
    assert caught.value.value == "eth7"
    with pytest.raises(ProtocolMisuse, match=r"no flow 99; open flows: 1"):
        made.mn.handover(99, "cell0")
    with pytest.raises(ProtocolMisuse, match="is no flow"):
        made.mn.handover("video", "cell0")  # type: ignore[arg-type]
    video = made.mn.open(made.cn2, mf.apps.Video())
    state = made.trace.digest()
    for arguments in ((), (None, "cell0"), (video,), (call, None)):
        with pytest.raises(ProtocolMisuse) as caught:
            made.mn.handover(*arguments)
        end = "; expected a flow and an interface; open flows: 1 (call), 2 (video); interfaces: wlan0, cell0"
        assert str(caught.value).startswith("handover() of ") and str(caught.value).endswith(end)
        assert caught.value.value is None and "\n" not in str(caught.value)
    assert made.trace.digest() == state
    made.mn.close(video)
    made.mn.interface("cell0").set_up(False)
    with pytest.raises(ProtocolMisuse, match="cell0 is down"):
        made.mn.handover(call, "cell0")
    made.mn.close(call)
    with pytest.raises(ProtocolMisuse, match="no flow 1"):
        made.mn.handover(call, "wlan0")
    with pytest.raises(ProtocolMisuse, match="no flow 1"):
        made.mn.close(call)


def test_flows_of_one_binding_move_together_and_it_says_so() -> None:
    made = world(wire=False, rules=TOGETHER)
    one, two = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(5)
    assert one.home_address == two.home_address
    with pytest.raises(ProtocolMisuse, match=r"flows \[1, 2\] share a binding") as caught:
        made.mn.handover(one, "cell0", alone=True)
    assert caught.value.value == [1, 2] and one.interface == "wlan0"
    assert made.mn.handover(one, "cell0") == [1, 2]
    made.run(3)
    assert two.interface == "cell0" and two.care_of_address == two.registered_at_cn == made.mn.care_of_address("cell0")


def test_a_handover_in_figure_1_moves_all_flows() -> None:
    made = mf.figure1(seed=1)
    flows = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    made.run(5)
    assert made.mn.handover(flows[1], "cell0") == [1, 2, 3] and len(made.mn.home_addresses) == 1


def test_a_flow_that_waits_for_a_dead_network_can_be_handed_over() -> None:
    """The flow's interface never gets an address: moved to another one it goes on."""
    made = world(wire=False)
    made.network.segments["wlan0"].set_up(False)
    call = made.mn.open(made.cn1, CALL, interface="wlan0")
    second = made.mn.open(made.cn1, CALL, interface="wlan0")
    made.run(5)
    for flow in (call, second):
        made.mn.handover(flow, "cell0")
    made.run(8)
    for flow in (call, second):
        assert flow.registered_at_cn == made.mn.care_of_address("cell0")
        assert flow.stats.down.received > 10


def test_a_flow_is_handed_over_while_its_address_is_pending() -> None:
    for mode in ("route_optimisation", "tunnel"):
        made = world(wire=False, mode=mode)
        made.run(5)
        made.mn.open(made.cn1, CALL)
        call = made.mn.open(made.cn1, CALL)
        made.run(0.5)
        made.mn.handover(call, "cell0")
        made.run(4)
        assert interfaces(made, call, made.network.clock.now - S) == {"cell0"}, mode
        assert call.stats.down.received > 50


def test_a_correspondent_without_mobile_ip_is_handed_over_at_home() -> None:
    made = world(wire=False)
    plain = Host(made.network, "plain")
    plain.settle(made.network.segments["cn1"], 0x55)
    call = made.mn.open(plain, CALL)
    made.run(5)
    start = made.network.clock.now
    made.mn.handover(call, "cell0")
    made.run(5)
    assert interfaces(made, call, start + S) == {"cell0"}


def test_flows_to_a_correspondent_without_mobile_ip_move_one_by_one_at_home() -> None:
    """Each has a home address of its own, so one binding update to the home agent moves one flow and no other."""
    made = world(wire=False)
    plain = Host(made.network, "plain")
    plain.settle(made.network.segments["cn1"], 0x55)
    call, video = made.mn.open(plain, CALL), made.mn.open(plain, CALL)
    other = made.mn.open(made.cn1, CALL)
    made.run(6)
    start = made.network.clock.now
    assert made.mn.handover(video, "cell0") == [video.id]
    made.run(4)
    assert cache_changes(made, 6) == [("HA", str(video.home_address))]
    assert interfaces(made, video, acknowledged_ns(made, start) + 200_000_000) == {"cell0"}
    assert interfaces(made, call, 0) == interfaces(made, other, 0) == {"wlan0"}


def test_a_flow_that_fell_back_is_handed_over_at_home_and_at_its_correspondent_again_later() -> None:
    """Section 5.2.9 of RFC 6275: with a silent correspondent the home agent's binding is the one that moves."""
    made = world(wire=False)
    deaf = [True]
    made.network.segments["cn1"].tap(
        lambda packet, now: "taken" if deaf[0] and type(packet.payload).__name__ == "CareOfTestInit" else None
    )
    call = made.mn.open(made.cn1, CALL)
    made.run(12)
    assert any(d.what == "fallback to the tunnel" for d in made.trace.decisions()) and call.registered_at_cn is None
    start = made.network.clock.now
    made.mn.handover(call, "cell0")
    made.run(3)
    assert interfaces(made, call, start + S) == {"cell0"}
    assert made.mn.registered_at_home(call.home_address) == made.mn.care_of_address("cell0")  # type: ignore[arg-type]
    deaf[0] = False
    made.run(20)
    assert call.registered_at_cn == made.mn.care_of_address("cell0")


def several(w: World) -> list[Flow]:
    flows = [w.mn.open(cn, CALL) for cn in (w.cn1, w.cn1, w.cn2)]
    w.run(5)
    assert {flow.interface for flow in flows} == {"wlan0"} and agree(w)
    return flows


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
@pytest.mark.parametrize("break_first", [False, True])
def test_the_handover_of_everything_moves_every_flow_and_every_home_binding(mode: str, break_first: bool) -> None:
    w = made(mode=mode)
    flows = several(w)
    assert w.mn.handover_all("cell0", break_first=break_first) == [1, 2, 3]
    w.run(6)
    cell = w.mn.care_of_address("cell0")
    assert {flow.interface for flow in flows} == {"cell0"} and agree(w)
    assert {b.care_of_address for node in (w.ha, *w.cns) for b in node.bindings} == {cell}
    assert len(bound(w)) == (3 if mode == "tunnel" else 2), "in the tunnel all correspondents count as one"
    assert w.mn.interfaces["wlan0"].up is not break_first
    since = w.network.clock.now
    w.run(1)
    used = {hop.channel.segment for hop in w.trace if hop.sent_ns >= since and "MN" in (hop.channel.sender,
            hop.channel.receiver)}  # fmt: skip
    assert used == {"cell0"}


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_make_before_break_loses_less_than_break_before_make(mode: str) -> None:
    """By the meters: while the old interface works, what is on its way to it still arrives."""
    lost = {}
    for break_first in (False, True):
        w = made(mode=mode)
        flows = several(w)
        w.mn.handover_all("cell0", break_first=break_first)
        w.run(6)
        lost[break_first] = sum(flow.stats.down.lost for flow in flows), sum(flow.stats.up.lost for flow in flows)
    assert lost[False][0] == 0 < lost[True][0] and sum(lost[False]) < sum(lost[True])
    assert lost[False][1] == 0 or mode == "tunnel", "its home agent drops what comes from the old address (10.4.5)"


def told(*tells: str, rows: bool = True) -> tuple[World, Flow, Flow]:
    """Return a world with a call and a video with CN1; the video goes to cell0, and these peers are told, one after the
    other.
    """

    def handover(flow: Any, care_of: Address, flows: Any) -> Any:
        peers = {"HA": w.mn.home_agent, "CN1": w.cn1.address}
        return {flow.flow_id: care_of} if rows else {}, [(peers[to], flow.home_address, care_of) for to in tells]

    w = made(handover=handover, reuse_tokens=False)
    call, video = w.mn.open(w.cn1, mf.apps.Voice()), w.mn.open(w.cn1, mf.apps.Video())
    w.run(4)
    assert {call.interface, video.interface} == {"wlan0"} and call.home_address != video.home_address
    assert w.mn.handover(video, "cell0") == ([video.id] if rows else [])
    return w, call, video


def rows_of(w: World, flow: Flow) -> list[str]:
    """Return the interface at which the home agent and CN1 hold a flow's home address."""
    assert flow.home_address is not None
    names = {each.address: name for name, each in w.mn.mobility.interfaces.items()}
    held = [{each.home_address: each.care_of_address for each in node.bindings} for node in (w.ha, w.cn1)]
    return [names[each[flow.home_address]] for each in held]


@pytest.mark.parametrize(
    ("tells", "held"),
    [
        ((), ["wlan0", "wlan0"]), (("HA",), ["cell0", "wlan0"]), (("CN1",), ["wlan0", "cell0"]),
        (("HA", "CN1"), ["cell0", "cell0"]), (("CN1", "HA"), ["cell0", "cell0"]),
    ],
)  # fmt: skip
def test_nothing_is_sent_but_what_a_function_says(tells: tuple[str, ...], held: list[str]) -> None:
    w, call, video = told(*tells)
    w.run(3)
    assert rows_of(w, video) == held and rows_of(w, call) == ["wlan0", "wlan0"]
    w.run(400)  # nor when bindings are refreshed
    assert rows_of(w, video) == held


def test_a_right_function_does_packet_by_packet_what_the_node_does() -> None:
    w, _, _ = told("CN1")
    w.run(2)
    usual = made(reuse_tokens=False)
    usual.mn.open(usual.cn1, mf.apps.Voice())
    flow = usual.mn.open(usual.cn1, mf.apps.Video())
    usual.run(4)
    usual.mn.handover(flow, "cell0")
    usual.run(2)
    assert w.trace.digest() == usual.trace.digest()


def test_the_home_agent_goes_first_where_it_is_named_first() -> None:
    """With the road of before silent, the test of the home address comes back by the new one only."""
    for tells, is_moved in ((("CN1",), False), (("HA", "CN1"), True)):
        w, _, video = told(*tells)
        w.network.segments["wlan0"].configure(mf.Link(delay_ms=5, loss=1.0))
        w.run(1)
        assert (rows_of(w, video)[1] == "cell0") is is_moved


def test_a_function_that_says_no_handover_moves_nothing_and_that_is_told() -> None:
    w = made(handover=lambda flow, care_of, flows: [("CN1", "H@1", "CoA cell0")])
    flow = w.mn.open(w.cn1, mf.apps.Voice())
    w.run(2)
    assert w.mn.handover(flow, "cell0") == []
    w.run(1)
    assert flow.interface == "wlan0"
    assert any("expected ({flow id: care-of address}" in str(record) for record in w.trace.records)
