"""Test the flows of a mobile node: they wait, get addresses, survive movements, and end; the trace says all of it."""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.bindings.waiting_room import MAX_HELD
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.node.tcp.sockets import Tcp
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP, Packet
from tests.flow.worlds import CALL, interfaces, occupied
from tests.mip6.worlds import S, data_hops, world


def with_a_call() -> World:
    """Return a world with a call to CN1 on the primary: a second flow to CN1 waits for a further home address."""
    made = world(wire=False).run(5)
    made.mn.open(made.cn1, CALL)
    return made


# --- waiting and closing ---------------------------------------------------------------------------------------------


def test_triangular_replies_go_straight_from_the_home_address() -> None:
    made = world(wire=False, mode="triangular")
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    up = [hop for hop in data_hops(made, call.id, 5 * S) if hop.channel.sender == "MN"]
    assert up and all(hop.packet.source == call.home_address and not hop.packet.extensions for hop in up)
    down = [hop for hop in data_hops(made, call.id, 5 * S) if hop.channel.receiver == "MN"]
    assert down and all(isinstance(hop.packet.payload, Packet) for hop in down)


def test_a_flow_waits_for_its_address_and_holds_its_packets() -> None:
    made = world(wire=False)
    made.run(5)
    first = made.mn.open(made.cn1, CALL)
    assert first.home_address == made.mn.primary_home_address and first.wait_ms == 0
    second = made.mn.open(made.cn1, CALL)
    assert second.home_address not in (None, made.mn.primary_home_address) and second.wait_ms is None
    made.run(5)
    assert second.wait_ms is not None and 1000 < second.wait_ms < 1100
    assert second.stats.up.lost == 0, "fifty packets fit"
    assert second.stats.up.worst_delay_ms > 1000  # type: ignore[operator]
    hold_end = second.ready_ns
    assert hold_end is not None
    burst = [
        hop.sent_ns for hop in data_hops(made, second.id) if hop.channel.sender == "MN" and hop.sent_ns == hold_end
    ]
    assert len(burst) == 1000 // 20 + 2 or len(burst) in range(50, 54), "all at once, in order"


def test_only_so_many_packets_are_held() -> None:
    made = with_a_call()
    fast = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=1))
    made.run(3)
    dropped = [d for d in made.trace.drops() if "wait for a home address" in d.reason]
    assert fast.wait_ms is not None
    assert abs(len(dropped) - (fast.wait_ms - MAX_HELD)) <= 2
    assert fast.stats.up.lost == len(dropped)
    assert fast.stats.up.sent == fast.stats.up.received + fast.stats.up.lost + fast.stats.up.in_flight
    assert fast.stats.up.in_flight < 60


def test_tcp_delays_its_syn_until_its_flow_has_an_address() -> None:
    made = with_a_call()
    transfer = made.mn.open(made.cn1, mf.apps.FileTransfer(10_000))
    made.run(5)
    syns = [
        hop
        for hop in data_hops(made, transfer.id)
        if isinstance(hop.packet.innermost().payload, TCP) and hop.channel.sender == "MN"
    ]
    assert syns[0].sent_ns == transfer.ready_ns
    assert transfer.running is not None and transfer.running.is_complete
    assert sum(hop.packet.innermost().payload.syn for hop in syns) == 1  # type: ignore[attr-defined]


def test_a_flow_opened_before_there_is_a_care_of_address() -> None:
    made = world(wire=False)
    call = made.mn.open(made.cn1, CALL, interface="cell0")
    assert call.care_of_address is None
    made.run(6)
    assert call.care_of_address == call.registered_at_cn == made.mn.care_of_address("cell0")
    assert interfaces(made, call, 5 * S) == {"cell0"}


def test_closing_frees_the_address_and_the_primary_stays() -> None:
    made = world(wire=False)
    call, video = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(5)
    freed, primary = video.home_address, call.home_address
    assert freed is not None and primary is not None
    made.mn.close(video)
    assert freed not in made.mn.home_addresses and video.id not in made.mn.flows, "out of the tables at once"
    assert not video.is_open and video.home_address == freed
    made.run(3)
    assert freed not in made.ha.bindings and freed not in made.cn1.bindings
    made.mn.close(call)
    made.run(3)
    assert primary not in made.cn1.bindings and primary in made.ha.bindings
    assert len(made.mn.flows) == 0 and len(made.mn.home_addresses) == 1


def test_a_flow_is_closed_while_its_address_is_pending() -> None:
    made = with_a_call()
    call = made.mn.open(made.cn1, CALL)
    made.run(0.5)
    pending = call.home_address
    made.mn.close(call)
    held = [d for d in made.trace.drops() if d.reason == "its flow was closed"]
    assert 20 <= len(held) <= 30 and call.stats.up.lost == len(held)
    made.run(8)
    assert pending is not None and pending not in made.ha.bindings and len(made.mn.home_addresses) == 1


@pytest.mark.parametrize("port", [-1, 65536, 1.0, "5004"])
def test_a_socket_has_a_port_that_there_is(port: Any) -> None:
    """Calls that a learner's application may make while it starts."""
    mn = world(wire=False).mn
    remote = (Address("2001:db8::1"), 7)
    for ask in (
        lambda: mn.udp(port), lambda: mn.udp(7, (remote[0], port)), lambda: Tcp.of(mn).connect(port, remote),
        lambda: Tcp.of(mn).listen(port, print), lambda: mn.echo(port, remote[0]), lambda: mn.esp(-1, 300, None),
    ):  # fmt: skip
        with pytest.raises(ProtocolMisuse, match="expected a"):
            ask()
    assert not mn.has_port(7)


def test_ports_are_those_for_the_purpose_and_come_round_again() -> None:
    made = world(wire=False)
    mn = made.mn
    ports = [mn.free_port() for _ in range(65536 - 49152)]
    assert ports == sorted(set(ports)) and (ports[0], ports[-1]) == (49152, 65535)
    taken = mn.udp(49152)
    assert mn.free_port() == 49153 and taken.port == 49152
    for port in range(49153, 65536):
        mn.udp(port)
    with pytest.raises(ProtocolMisuse, match="all ports from 49152 to 65535 of MN are in use; close a flow first"):
        mn.free_port()
    with pytest.raises(ProtocolMisuse, match="no port from 65533 on is free at MN"):
        mn.free_port_from(65533)


# --- allocation ------------------------------------------------------------------------------------------------------


def test_a_pool_is_kept_full() -> None:
    made = world(wire=False, pool=2)
    made.run(6)
    assert len(made.mn.home_addresses) == 3
    flows = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    assert [flow.wait_ms for flow in flows] == [0, 0, 0]
    made.run(4)
    unused = [e for e in made.mn.home_addresses if e.home_address not in made.mn.flows.used]
    assert len([e for e in unused if e.home_address != made.mn.primary_home_address]) == 2
    for flow in flows:
        made.mn.close(flow)
    made.run(4)
    assert len(made.mn.home_addresses) == 3 == len(list(made.ha.bindings))


def test_a_collision_is_followed_by_another_address() -> None:
    made = world(wire=False)
    occupied(made, 0x11)
    made.run(5)
    made.mn.open(made.cn1, CALL)
    second = made.mn.open(made.cn1, CALL)
    assert second.home_address == HOME.address(0x11)
    made.run(6)
    assert second.home_address == HOME.address(0x12) in made.ha.bindings
    assert HOME.address(0x11) not in made.mn.own_home_addresses
    assert HOME.address(0x11) not in made.mn.home_addresses
    assert second.stats.down.received > 10


def test_three_collisions_refuse_the_flow_and_other_flows_go_on() -> None:
    """The flow says so, holds nothing back, and a flow that is opened later tries anew (RFC 6275 section 11.7.1)."""
    made = world(wire=False)
    occupied(made, 0x11, 0x12, 0x13)
    made.run(5)
    first = made.mn.open(made.cn1, CALL)
    second = made.mn.open(made.cn1, CALL)
    made.run(15)
    assert second.home_address is None
    (said,) = [d.why for d in made.trace.decisions() if d.what == "flow refused"]
    assert said == f"flow {second.id}: {second.refused}" and "no home address could be allocated" in second.refused
    assert second.stats.up.received == 0 and second.stats.up.lost == second.stats.up.sent > 0
    assert not first.refused
    assert first.stats.down.received > 700 and first.stats.up.lost == 0
    assert {e.home_address for e in made.mn.home_addresses} == {made.mn.primary_home_address}
    third = made.mn.open(made.cn1, CALL)
    made.run(5)
    assert third.home_address == HOME.address(0x14) and third.stats.down.received > 0 and not third.refused


# --- what the trace says is what is there ----------------------------------------------------------------------------


def test_replay_of_the_trace_is_the_state() -> None:
    made = world(wire=False)
    flows = [made.mn.open(cn, CALL) for cn in (made.cn1, made.cn1, made.cn2)]
    for flow, interface in ((flows[0], "cell0"), (flows[1], "cell0"), (flows[0], "wlan0")):
        made.run(4)
        made.mn.handover(flow, interface)
    made.mn.close(flows[1])
    for _ in range(5):
        made.run(0.7)
        tables = made.trace.tables(made.network.clock.now)
        for cn in made.cns:
            assert tables.get(cn.name, {}).get("binding cache", {}) == {
                str(b.home_address): b.row() for b in cn.bindings
            }
        assert tables["HA"]["binding cache"] == {str(b.home_address): b.row() for b in made.ha.bindings}
        mn = tables["MN"]
        assert mn["flow mapping table"] == {str(f.flow_id): f.row() for f in made.mn.flows}
        assert mn["home address table"] == {str(h.home_address): h.row() for h in made.mn.home_addresses}
        assert list(mn["binding update list"].values()) == [e.row() for e in made.mn.binding_updates]


# --- movement --------------------------------------------------------------------------------------------------------


def test_flows_of_a_failed_interface_take_the_tunnel_or_wait_and_nothing_is_raised() -> None:
    made = world(wire=False)
    call, other = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(5)
    made.mn.handover(other, "cell0")
    made.run(2)
    made.mn.interface("cell0").set_up(False)
    made.run(2)
    assert interfaces(made, other, 7 * S + 1) == {"wlan0"}, "the home agent holds wlan0 for it: it takes the tunnel"
    assert interfaces(made, call, 0) == {"wlan0"}


def test_when_the_interface_of_the_home_bindings_fails_they_move_first() -> None:
    made = world(wire=False)
    call, other = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(5)
    made.mn.handover(other, "cell0")
    made.run(2)
    made.mn.interface("wlan0").set_up(False)
    made.run(5)
    cell = made.mn.care_of_address("cell0")
    assert {b.care_of_address for b in made.ha.bindings} == {cell}
    assert {b.care_of_address for b in made.cn1.bindings} == {cell} and call.stats.down.received > 0


def test_a_flow_that_joins_a_binding_knows_what_its_correspondent_holds() -> None:
    made = mf.figure1()
    first = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    second = made.mn.open(made.cn1, mf.apps.Video())
    assert second.registered_at_cn == first.registered_at_cn is not None


def test_flows_opened_before_there_is_a_care_of_address_share_as_later_ones_do() -> None:
    """Two flows to each of two correspondents need two home addresses (Figure 6), whenever they are opened."""
    made = mf.figure2()
    flows = [made.mn.open(cn, mf.apps.Voice()) for cn in (made.cn1, made.cn1, made.cn2, made.cn2)]
    made.run(6)
    assert len(made.mn.home_addresses) == 2
    assert {flow.home_address for flow in flows[:2]} == {flow.home_address for flow in flows[2:]}


def test_where_somebody_has_the_primary_its_flows_get_a_further_home_address() -> None:
    """RFC 6275 section 11.7.1: never that address again; the others go on."""
    made = world(wire=False)
    occupied(made, 0x10)
    call = made.mn.open(made.cn1, CALL)
    made.run(8)
    assert call.home_address == HOME.address(0x11) and call.stats.down.received > 0
    assert made.mn.primary_home_address not in made.ha.bindings
    again = made.mn.open(made.cn1, CALL)
    made.run(4)
    assert again.home_address == HOME.address(0x12) and again.stats.down.received > 0


def test_without_the_seed_a_duplicate_primary_refuses_every_flow() -> None:
    """Figure 1 has one home address; when somebody else has it there is none."""
    made = mf.figure1()
    occupied(made, 0x10)
    call = made.mn.open(made.cn1, CALL)
    made.run(8)
    assert call.refused and call.stats.up.lost == call.stats.up.sent > 0


# --- what must not happen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_silence", [False, True])
def test_the_time_wait_of_a_flow_that_is_over_does_not_end_the_next_on_its_ports(by_silence: bool) -> None:
    made = world(wire=False)
    made.run(5)
    ports = {"local_port": 6000, "remote_port": 6001}
    first = made.mn.open(made.cn1, mf.apps.FileTransfer(1_000), **ports)  # type: ignore[arg-type]
    made.run(3)
    if by_silence:
        made.mn.stack.end(first.entry, "it has carried nothing")
        first.running.stop()  # type: ignore[union-attr]
    else:
        made.mn.close(first)
    made.run(236)
    second = made.mn.open(made.cn1, mf.apps.FileTransfer(1_000, start_s=20), **ports)  # type: ignore[arg-type]
    made.run(30)
    assert second.id in made.mn.flows and second.running is not None and second.running.is_complete


def test_a_renumbering_is_no_row_of_duplicates() -> None:
    """RFC 6275 section 11.4.3: as many home addresses end at once as there are, and each flow gets another."""
    made = world(wire=False)
    flows = [made.mn.open(made.cn1, CALL) for _ in range(6)]
    made.run(6)
    further = [entry.home_address for entry in made.mn.home_addresses][1:]
    for home_address in further:
        made.mn.mobility.prefixes._drop(home_address)  # type: ignore[attr-defined]
    made.run(6)
    assert not [flow.refused for flow in flows if flow.refused]
    assert len({flow.home_address for flow in flows}) == 6 and not {f.home_address for f in flows} & set(further)


def test_a_flow_whose_interface_fails_before_it_has_an_address_goes_on_over_another() -> None:
    made = world(wire=False, rules=mf.AssignmentRules(never_primary=True))
    call = made.mn.open(made.cn1, CALL, interface="wlan0")
    made.mn.interface("wlan0").set_up(False)
    made.run(7)
    assert call.home_address == HOME.address(0x11) and call.interface == "cell0" and call.stats.down.received > 50


# --- rules that meet -------------------------------------------------------------------------------------------------


def test_a_group_breaks_no_other_rule() -> None:
    made = world(wire=False, rules=mf.AssignmentRules(never_primary=True, together=lambda flow: "all"))
    made.run(5)
    arrived = made.mn.accept(made.cn1, CALL)
    made.run(1)
    opened = made.mn.open(made.cn2, CALL)
    assert arrived.home_address == made.mn.primary_home_address != opened.home_address


def test_an_assign_that_wants_a_new_address_gets_one_although_one_is_on_its_way() -> None:
    made = world(wire=False, allocate="dhcpv6", assign=lambda flow, homes, flows: None)
    made.run(5)
    flows = [made.mn.open(cn, CALL) for cn in (made.cn1, made.cn2)]
    made.run(4)
    assert len({flow.home_address for flow in flows}) == 2


def test_an_assign_that_gives_what_somebody_else_has_is_refused() -> None:
    made = world(wire=False, assign=lambda flow, homes, flows: homes.primary)
    occupied(made, 0x10)
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    assert "somebody else has" in call.refused and call.stats.up.lost > 0


def test_a_kept_home_address_is_replaced_until_it_is_freed() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.keep_home_address("calls", lambda flow: flow.flow_information.traits.application == "call")
    made.run(3)

    def kept() -> list[Address]:
        return [entry.home_address for entry in made.mn.home_addresses if entry.kept_for == "calls"]

    (first,) = kept()
    made.mn.lease_ended(first, "a test says so")
    made.mn.open(made.cn1, mf.apps.Echo())
    made.run(6)
    (second,) = kept()
    assert second != first
    made.mn.free_home_address(second)
    made.run(6)
    assert kept() == [] and made.mn.open(made.cn1, CALL).home_address is not None
