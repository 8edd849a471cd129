"""The mobile node with separator and redirector: flows open, wait, move alone, share, close; addresses come and go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed, ProtocolMisuse, TopologyError
from mipflow.flow.applications.flows import Flow
from mipflow.flow.bindings.waiting_room import MAX_HELD
from mipflow.flow.policy.rules import Rule, RuleSet
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.node.applications.application import Ends, Running
from mipflow.node.host import Host
from mipflow.node.tcp.sockets import Tcp
from mipflow.sim.trace import Hop
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement
from mipflow.wire.packet import TCP, UDP, Packet, RoutingHeaderType2
from tests.mip6.worlds import S, data_hops, world

CALL = mf.apps.Voice()


def cache_changes(made: World, since_s: float) -> list[tuple[str, str]]:
    """Return (node, home address) of every binding cache change since then."""
    return [
        (c.node, c.change.key)
        for c in made.trace.changes()
        if c.change.table == "binding cache" and c.t_ns >= since_s * S
    ]


def interfaces(made: World, flow: Flow, since_ns: int, until_ns: int = 1 << 62) -> set[str]:
    """Return the access networks on which data of a flow was, by the mobile node's interface."""
    return {
        hop.channel.sender_interface if hop.channel.sender == "MN" else hop.channel.receiver_interface
        for hop in data_hops(made, flow.id, since_ns)
        if "MN" in (hop.channel.sender, hop.channel.receiver) and hop.sent_ns < until_ns
    }


def acknowledged_ns(made: World, since_ns: int) -> int:
    """Return when the last binding acknowledgement since then reached the mobile node."""
    return max(
        hop.arrived_ns for hop in made.trace
        if hop.sent_ns >= since_ns and hop.channel.receiver == "MN"
        and isinstance(hop.packet.payload, BindingAcknowledgement)
    )  # fmt: skip


def under_way(hops: Iterable[Hop], t_ns: int) -> int:
    return sum(hop.sent_ns <= t_ns < hop.arrived_ns for hop in hops)


# --- one flow moves --------------------------------------------------------------------------------------------------


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


def test_triangular_replies_go_straight_from_the_home_address() -> None:
    made = world(wire=False, mode="triangular")
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    up = [hop for hop in data_hops(made, call.id, 5 * S) if hop.channel.sender == "MN"]
    assert up and all(hop.packet.source == call.home_address and not hop.packet.extensions for hop in up)
    down = [hop for hop in data_hops(made, call.id, 5 * S) if hop.channel.receiver == "MN"]
    assert down and all(isinstance(hop.packet.payload, Packet) for hop in down)


def test_home_follows_moves_the_home_binding_too_and_first() -> None:
    made = world(wire=False)
    call, video = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(6)
    made.mn.handover(video, "cell0", home_follows=True)
    made.run(4)
    assert cache_changes(made, 6) == [("HA", str(video.home_address)), ("CN1", str(video.home_address))]
    assert call.interface == "wlan0" and interfaces(made, call, 0) == {"wlan0"}


def test_to_where_it_is_already_nothing_is_sent() -> None:
    made = world(wire=False)
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    made.mn.handover(call, "wlan0")
    made.run(3)
    assert cache_changes(made, 6) == []


def test_wrong_handovers() -> None:
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


# --- flows that share ------------------------------------------------------------------------------------------------

TOGETHER = mf.AssignmentRules(together=lambda flow: "all")


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


def test_figure_1_moves_all() -> None:
    made = mf.figure1(seed=1)
    flows = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    made.run(5)
    assert made.mn.handover(flows[1], "cell0") == [1, 2, 3] and len(made.mn.home_addresses) == 1


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_a_flow_that_joins_a_binding_goes_where_the_others_go(mode: str) -> None:
    """Two selected care-of addresses for one binding would have it moved to and fro for ever."""
    made = world(wire=False, rules=TOGETHER, mode=mode)
    one = made.mn.open(made.cn1, CALL, interface="wlan0")
    made.run(5)
    two = made.mn.open(made.cn1, CALL, interface="cell0")
    made.run(60)
    assert one.interface == two.interface == "wlan0"
    assert interfaces(made, one, 0) == interfaces(made, two, 0) == {"wlan0"}
    assert cache_changes(made, 5) == []
    assert any(d.what == "shared binding" for d in made.trace.decisions())


# --- opening, waiting, closing ---------------------------------------------------------------------------------------


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
    made = world(wire=False)
    made.run(5)
    made.mn.open(made.cn1, CALL)
    fast = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=1))
    made.run(3)
    dropped = [d for d in made.trace.drops() if "wait for a home address" in d.reason]
    assert fast.wait_ms is not None
    assert abs(len(dropped) - (fast.wait_ms - MAX_HELD)) <= 2
    assert fast.stats.up.lost == len(dropped)
    assert fast.stats.up.sent == fast.stats.up.received + fast.stats.up.lost + fast.stats.up.in_flight
    assert fast.stats.up.in_flight < 60


def test_tcp_delays_its_syn() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.open(made.cn1, CALL)
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


def test_handed_over_while_its_address_is_pending() -> None:
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


def test_late_packets_of_a_closed_flow_begin_none() -> None:
    """Packets under way when a flow is closed, and data that TCP still had to send, are dropped or reset, not a new
    flow.
    """
    made = world(wire=False)
    flows = [
        made.mn.open(made.cn1, app)
        for app in (CALL, mf.apps.Video(), mf.apps.FileTransfer(5_000_000), mf.apps.Echo(interval_ms=10))
    ]
    made.run(6)
    for flow in flows:
        made.mn.close(flow)
    made.run(120)
    assert len(made.mn.flows) == 0 and len(made.mn.home_addresses) == 1
    for flow in flows:
        for meter in flow.stats:
            assert meter.in_flight == 0 and meter.received + meter.lost == meter.sent


def test_closing_while_the_address_is_pending() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.open(made.cn1, CALL)
    call = made.mn.open(made.cn1, CALL)
    made.run(0.5)
    pending = call.home_address
    made.mn.close(call)
    held = [d for d in made.trace.drops() if d.reason == "its flow was closed"]
    assert 20 <= len(held) <= 30 and call.stats.up.lost == len(held)
    made.run(8)
    assert pending is not None and pending not in made.ha.bindings and len(made.mn.home_addresses) == 1


def test_wrong_openings() -> None:
    made = world(wire=False)
    with pytest.raises(ProtocolMisuse, match="is not a correspondent node"):
        made.mn.open("cn1", CALL)  # type: ignore[arg-type]
    with pytest.raises(ProtocolMisuse, match="is not a correspondent node"):
        made.mn.open(made.mn, CALL)
    with pytest.raises(ProtocolMisuse, match="no interface 'lan'"):
        made.mn.open(made.cn1, CALL, interface="lan")
    for interface in made.mn.interfaces.values():
        interface.set_up(False)
    with pytest.raises(TopologyError, match="no interface that is up"):
        made.mn.open(made.cn1, CALL)
    assert len(made.mn.flows) == 0


class Stillborn:
    """An application of a learner's that opens its sockets, means to send a second later, and fails."""

    protocol, port, name = "UDP", 5004, "stillborn"

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or ZeroDivisionError()

    def start(self, ends: Ends) -> Running:
        near, _ = ends.udp()
        Running(ends).at(ends.clock.now + 1_000_000_000, lambda: near.send(b"late"))
        raise self.error


def test_what_an_application_gives_is_looked_at() -> None:
    made = world(wire=False)
    app = Stillborn()
    app.start = lambda ends: ends  # type: ignore[assignment,method-assign,return-value]
    with pytest.raises(FunctionFailed, match=r"^your start\(\) gave Ends.*; expected a Running"):
        made.mn.open(made.cn1, app)
    assert len(made.mn.flows) == 0


class Endless(Running):
    def stop(self) -> None:
        raise GeneratorExit


def test_what_does_not_stop_is_closed_all_the_same() -> None:
    made = world(wire=False)
    app = Stillborn()
    app.start = lambda ends: Endless(ends)  # type: ignore[method-assign]
    flow = made.mn.open(made.cn1, app)
    with pytest.raises(FunctionFailed, match=r"^your stop\(\) raised GeneratorExit in line "):
        made.mn.close(flow)
    assert len(made.mn.flows) == 0 and not flow.is_open


def test_a_start_that_takes_nothing_is_refused_before_a_flow_begins() -> None:
    made, calm = world(wire=False), world(wire=False)
    app = Stillborn()
    app.start = lambda: None  # type: ignore[assignment,misc,method-assign]
    with pytest.raises(ProtocolMisuse, match="expected an application"):
        made.mn.open(made.cn1, app)
    assert made.run(3).trace.digest() == calm.run(3).trace.digest()


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


def test_a_port_that_another_has_stays_its_own() -> None:
    """The second application finds its port taken: the first goes on."""
    made = world(wire=False)
    first = made.mn.open(made.cn1, CALL, remote_port=7001)
    with pytest.raises(ProtocolMisuse, match="UDP port 7001 of CN1 is in use"):
        made.mn.open(made.cn1, CALL, remote_port=7001)
    made.run(4)
    assert first.stats.down.received > 90 and len(made.mn.flows) == 1


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


def test_an_application_that_cannot_start_leaves_no_flow_behind() -> None:
    made = world(wire=False)
    with pytest.raises(FunctionFailed, match=r"^your start\(\) raised ZeroDivisionError in line "):
        made.mn.open(made.cn1, Stillborn())
    with pytest.raises(KeyboardInterrupt):
        made.mn.open(made.cn1, Stillborn(KeyboardInterrupt()))
    assert len(made.mn.flows) == 0 and made.flows() == []
    made.run(5)
    assert len(made.mn.flows) == 0, "nor does what it meant to send begin one"
    made.mn.open(made.cn1, CALL, local_port=7000, remote_port=7001)
    with pytest.raises(ProtocolMisuse):
        made.mn.open(made.cn1, CALL, local_port=7000, remote_port=7001)
    assert len(made.mn.flows) == 1


# --- allocation ------------------------------------------------------------------------------------------------------


def test_a_pool_is_kept_full() -> None:
    made = world(wire=False, pool=2)
    made.run(6)
    assert len(made.mn.home_addresses) == 3
    flows = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    assert [flow.wait_ms for flow in flows] == [0, 0, 0]
    made.run(4)
    unused = [e for e in made.mn.home_addresses if not made.mn.flows.is_used(e.home_address)]
    assert len([e for e in unused if e.home_address != made.mn.primary_home_address]) == 2
    for flow in flows:
        made.mn.close(flow)
    made.run(4)
    assert len(made.mn.home_addresses) == 3 == len(list(made.ha.bindings))


def occupied(made: World, *identifiers: int) -> None:
    """Put hosts on the home link that have these addresses."""
    for identifier in identifiers:
        Host(made.network, f"host {identifier:x}").settle(made.network.segments["home"], identifier)


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


# --- a correspondent begins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
def test_a_flow_that_a_correspondent_begins_keeps_the_address_that_it_used(which: int) -> None:
    made = world(wire=False, pool=1).run(8)
    home_address = [entry.home_address for entry in made.mn.home_addresses][which]
    got: list[bytes] = []
    server = made.mn.udp(6000)
    server.on_datagram = lambda data: (got.append(data), server.send(b"answer"))[0]
    answers: list[bytes] = []
    client = made.cn1.udp(5555, (home_address, 6000))
    client.on_datagram = answers.append
    for _ in range(3):
        client.send(b"hello")
        made.run(1)
    assert got == [b"hello"] * 3 and answers == [b"answer"] * 3
    (entry,) = made.mn.flows
    assert entry.home_address == home_address and entry.cn == made.cn1.address
    assert made.mn.handover(entry, "cell0") == [entry.flow_id]
    made.run(3)
    (binding,) = made.cn1.bindings
    assert binding.home_address == home_address and binding.care_of_address == made.mn.care_of_address("cell0")


def test_an_outgoing_packet_of_no_application_begins_a_flow() -> None:
    """Figure 4, step 22: the redirector gives a new flow its home address, whoever sends."""
    made = world(wire=False)
    made.run(5)
    socket = made.mn.udp(6000, (made.cn1.address, 9))
    got: list[bytes] = []
    made.cn1.udp(9).on_datagram = got.append
    socket.send(b"one")
    socket.send(b"two")
    made.run(2)
    assert got == [b"one", b"two"] and len(made.mn.flows) == 1


def test_packets_to_ports_that_nobody_hears_begin_no_flow() -> None:
    made = world(wire=False)
    made.run(5)
    for payload in (UDP(5, 4321, b"scan"), TCP(5, 4321, 1, syn=True)):
        made.cn1.transmit(payload, None, made.mn.primary_home_address)
    made.run(2)
    assert len(made.mn.flows) == 0


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


def test_an_interface_that_is_down_is_refused_by_name_and_leaves_nothing_behind() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.interface("cell0").set_up(False)
    with pytest.raises(ProtocolMisuse, match="cell0 is down; choose another") as caught:
        made.mn.open(made.cn1, CALL, interface="cell0")
    assert caught.value.value == "cell0" and len(made.mn.flows) == 0


def test_a_second_flow_of_esp_on_one_spi_leaves_nothing_behind() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.open(made.cn1, mf.apps.Protected(), local_port=700)
    with pytest.raises(ProtocolMisuse, match="is flow 1 already"):
        made.mn.open(made.cn1, mf.apps.Protected(), local_port=700)
    assert len(made.mn.flows) == 1 and len(made.mn.home_addresses) == 1


def test_what_a_correspondent_begins_keeps_its_address_though_a_word_has_another() -> None:
    """Figure 5, step 30: a TCP connection to the primary cannot be answered from H@2."""
    made = world(wire=False, operator=RuleSet((Rule("all", 1, flow="files"),)))
    made.run(5)
    made.mn.open(made.cn2, CALL)
    made.mn.open(made.cn1, mf.apps.Echo())
    made.run(3)
    (of_word,) = [flow for flow in made.mn.flows if flow.cn == made.cn1.address]
    made.mn.record(made.mn.flows.change(of_word, home_address=HOME.address(0x11)))
    arrived = made.mn.accept(made.cn1, mf.apps.FileTransfer(10_000))
    made.run(5)
    assert arrived.home_address == made.mn.primary_home_address != of_word.home_address
    assert arrived.running is not None and arrived.running.is_complete


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


def test_a_word_is_for_the_flow_that_it_was_said_of() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.close(made.mn.open(made.cn1, CALL, local_port=6000, word="a"))
    other = made.mn.open(made.cn1, CALL, local_port=7000, word="a")
    assert made.mn.open(made.cn1, CALL, local_port=6000).id != other.id


def test_closing_takes_what_handing_over_takes() -> None:
    made = world(wire=False)
    made.run(5)
    one, two, three = (made.mn.open(made.cn1, CALL) for _ in range(3))
    made.mn.close(one)
    made.mn.close(two.id)
    made.mn.close(three.entry)
    assert len(made.mn.flows) == 0 and not two.is_open
    with pytest.raises(ProtocolMisuse, match="no flow 99"):
        made.mn.close(99)
    with pytest.raises(ProtocolMisuse, match="is no flow"):
        made.mn.close("two")  # type: ignore[arg-type]


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


def test_what_is_kept_comes_back_until_it_is_given_up() -> None:
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
