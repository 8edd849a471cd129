"""The network: names, prefixes, shortest paths, random streams, bytes at every link."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import TopologyError
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import RouterSolicitation
from mipflow.wire.packet import UDP, Packet
from tests.sim.boxes import A, B, Box, Wire

NEAR, FAR, WIDE = (Prefix.parse(text) for text in ("2001:db8:1::/64", "2001:db8:2::/64", "2001:db8::/32"))


def square(seed: int = 1) -> tuple[Network, Host, Host]:
    """near - R1 - R2 - R4 - far, 1 + 1 ms between R1 and R4, and 5 ms straight from R1 to R4."""
    network = Network(seed)
    r1, r2, r4 = (Router(network, name) for name in ("R1", "R2", "R4"))
    for one, other, delay in ((r1, r2, 1), (r2, r4, 1), (r1, r4, 5)):
        join_routers(network, one, other, Link(delay_ms=delay))
    hosts = []
    for name, router, prefix in (("near", r1, NEAR), ("far", r4, FAR)):
        segment = network.add_segment(name, Link(), prefix)
        router.serve(segment)
        host = Host(network, f"{name} host")
        host.settle(segment, 5)
        hosts.append(host)
    return network, hosts[0], hosts[1]


def test_the_way_is_the_shortest_by_delay() -> None:
    network, near, far = square()
    ways = {name: network.way(name, far.address) for name in ("R1", "R2", "R4")}
    assert {name: way.receiver.owner for name, way in ways.items() if way} == {"R1": "R2", "R2": "R4", "R4": "far host"}
    back = network.way("R4", near.address)
    assert back is not None and back.receiver.owner == "R2"


def test_no_way_to_an_unknown_prefix_or_an_unknown_neighbor() -> None:
    network, near, _ = square()
    assert network.way("R1", Address("2001:db8:9::1")) is None
    assert network.way("R1", NEAR.address(99)) is None
    assert network.segment_of(NEAR.address(99)) is network.segment_of(near.address)


def test_hosts_do_not_carry_transit() -> None:
    """A host on two links is no shortcut between them."""
    network, near, far = square()
    both = near.add_interface("second", 5)
    both.join(network.segments["far"])
    way = network.way("R1", far.address)
    assert way is not None and way.receiver.owner == "R2"


def test_the_longest_prefix_wins() -> None:
    network = Network()
    wide, near = network.add_segment("wide", Link(), WIDE), network.add_segment("near", Link(), NEAR)
    assert network.segment_of(NEAR.address(1)) is near
    assert network.segment_of(FAR.address(1)) is wide
    assert network.segment_of(Address("2001:db9::1")) is None
    assert network.prefix_of(near) == NEAR


def test_a_way_that_goes_away_is_replaced_when_an_interface_leaves() -> None:
    network, _, far = square()
    r2 = network.segments["R1-R2"]
    for port in list(r2.ports):
        port.leave()  # type: ignore[attr-defined]
    way = network.way("R1", far.address)
    assert way is not None and way.receiver.owner == "R4"
    assert not network.graph.has_edge("R1", "R2")


@pytest.mark.parametrize(
    ("name", "x"), [("\ud800", 0), ("", 0), (" ", 0), (7, 0), ([], 0), ("R9", math.nan), ("R9", math.inf), ("R9", "x")]
)
def test_a_node_of_no_name_or_no_place_is_refused(name: Any, x: Any) -> None:
    """No picture could show it."""
    network, _, _ = square()
    nodes = list(network.graph)
    with pytest.raises(TopologyError, match=r"(name|x)=.*; expected (text|a number)"):
        Router(network, name, x, 0.0)
    assert list(network.graph) == nodes


def test_names_and_prefixes_are_given_once() -> None:
    network, _, _ = square()
    with pytest.raises(TopologyError, match="two nodes named 'R1'"):
        Router(network, "R1")
    with pytest.raises(TopologyError, match="two links named 'far'"):
        network.add_segment("far", Link())
    with pytest.raises(TopologyError, match="is on far already"):
        network.add_segment("other", Link(), FAR)


def test_a_prefix_with_bits_of_a_host_is_refused_since_no_look_up_would_find_it() -> None:
    network = Network()
    segment = network.add_segment("near", Link())
    with pytest.raises(TopologyError, match="2001:db8:1::7/64 has bits behind its length; expected 2001:db8:1::/64"):
        network.add_prefix(Prefix(NEAR.address(7), 64), segment)
    assert network.prefixes_of(segment) == []


def test_coordinates_roles_and_delays_are_in_the_graph() -> None:
    network = Network()
    router = Router(network, "R", 3.0, 4.0)
    host = Host(network, "H", 1.0, 2.0)
    segment = network.add_segment("link", Link(delay_ms=7), NEAR)
    router.serve(segment)
    host.settle(segment, 5)
    assert network.graph.nodes["R"] == {"x": 3.0, "y": 4.0, "role": "router", "forwards": True}
    assert network.graph.nodes["H"]["role"] == "host" and not network.graph.nodes["H"]["forwards"]
    assert network.graph.edges["R", "H"] == {"segment": "link", "delay_ms": 7}


def test_streams_depend_on_seed_and_name_alone() -> None:
    draws = {(seed, name): Network(seed).random(name).random() for seed in (1, 2) for name in ("a", "b")}
    assert len(set(draws.values())) == 4
    network = Network(1)
    network.random("something else").random()
    assert network.random("a").random() == draws[1, "a"]


def test_with_wire_a_control_packet_is_read_from_its_bytes_at_each_link() -> None:
    for wire_mode in (True, False):
        wire = Wire(wire=wire_mode)
        packet = Packet(A, B, RouterSolicitation(), hop_limit=255, sent_ns=77)
        data = Packet(A, B, UDP(1, 2), label=-5)
        channel = wire.segment.channel(wire.a, wire.b)
        channel.send(packet)
        channel.send(data)
        wire.run()
        (_, control), (_, other) = wire.b.arrived
        assert (control is packet) is not wire_mode
        assert control == packet and control.sent_ns == 77
        assert other is data


def test_wire_does_not_change_a_run() -> None:
    """A packet that is written and read back is the one that was sent: the same hops with and without it."""

    def run(wire: bool) -> list[tuple[object, ...]]:
        import mipflow as mf

        world = mf.figure2(seed=3, wire=wire)
        flow = world.mn.open(world.cn1, mf.apps.Voice())
        world.run(4)
        world.mn.handover(flow, "cell0")
        world.run(1)
        return [(hop.sent_ns, hop.arrived_ns, hop.packet.label, *hop.packet.fields()) for hop in world.trace]

    assert run(True) == run(False)


def test_a_drop_is_in_the_trace_and_in_the_meter_of_its_flow() -> None:
    network = Network()
    network.drop(Packet(A, B, UDP(1, 2), label=-4), "why", "R9")
    network.drop(Packet(A, B, UDP(1, 2)), "why", "R9")
    outer = Packet(A, B, Packet(A, B, UDP(1, 2), label=4), label=4)
    network.drop(outer, "why", "R9")
    assert [(drop.node, drop.reason) for drop in network.trace.drops()] == [("R9", "why")] * 3
    assert {label: meter.lost for label, meter in network.meters.items()} == {-4: 1, 4: 1}


def test_channel_between_needs_a_common_link() -> None:
    network, _, _ = square()
    assert network.channel_between("R1", "R2").sender.owner == "R1"
    with pytest.raises(TopologyError, match="near host and far host share no link"):
        network.channel_between("near host", "far host")
    assert isinstance(Box("x", network).times, list)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the nodes from which shortest paths are computed from now on, in order."""
    import networkx

    searched: list[str] = []
    find = networkx.single_source_dijkstra

    def search(graph: Any, source: str, **how: Any) -> Any:
        searched.append(source)
        return find(graph, source, **how)

    monkeypatch.setattr(networkx, "single_source_dijkstra", search)
    return searched


def test_a_shortest_path_is_found_once_until_links_change(searched: list[str]) -> None:
    """Paths stay as they are when another port answers for an address, as a home agent's does for each binding."""
    world = mf.figure2(seed=7)
    first = world.network.way("AR2", world.cn1.address)
    before = len(searched)
    world.network.changed()
    assert world.network.way("AR2", world.cn1.address) is first and len(searched) == before
    segment = world.network.segments["cn1"]
    segment.configure(mf.Link(delay_ms=99))
    assert world.network.way("AR2", world.cn1.address) is first and len(searched) == before + 1


def test_hosts_that_move_cost_no_shortest_path_of_a_router(searched: list[str]) -> None:
    """A host carries no transit: wherever it is, routers reach each other as before."""
    network, near, far = square()
    routers = ("R1", "R2", "R4")
    before = {name: network.way(name, far.address) for name in routers[:2]}
    found = len(searched)
    moving = Host(network, "moving").add_interface("eth0", 9)
    for number in range(20):
        moving.join(network.segments[("near", "far")[number % 2]])
        assert {name: network.way(name, far.address) for name in before} == before
        assert [network.way(name, near.address) is None for name in routers] == [False] * 3
        moving.leave()
    assert len(searched) <= found + len(routers)


def test_a_second_link_between_routers_is_left_where_the_first_is_gone() -> None:
    network, _, far = square()
    first, spare = network.segments["R2-R4"], network.add_segment("spare", Link())
    for port in first.ports:
        port.node.add_interface("spare", 7).join(spare)  # type: ignore[attr-defined]
    for port in list(first.ports):
        port.leave()  # type: ignore[attr-defined]
    way = network.way("R2", far.address)
    assert way is not None and way.segment is spare
    assert network.graph.edges["R2", "R4"] == {"segment": "spare", "delay_ms": 1}


def test_a_graph_that_is_looked_at_late_is_that_which_was_looked_at_all_along() -> None:
    """Edges are made when somebody looks; who comes and goes, and what links become, is in them in the same order."""
    looked_at, late = (Network() for _ in range(2))
    for network in (looked_at, late):
        random = Random(7)
        links = [network.add_segment(f"link {number}", Link(number + 1)) for number in range(3)]
        nodes = [(Host if number % 3 else Router)(network, f"N{number}") for number in range(8)]
        ports = [node.add_interface(name, 5) for node in nodes for name in ("one", "two")]
        for step in range(120):
            port, link = random.choice(ports), random.choice(links)
            if port.segment is not None:
                port.leave()
            else:
                port.join(link)
            if step % 20 == 19:
                link.configure(Link(step))
            if network is looked_at:
                assert network.graph.number_of_nodes() == 8
    before, after = (
        [(node, list(network.graph.adj[node].items())) for node in network.graph] for network in (looked_at, late)
    )
    assert before == after
    assert {port.owner for port in late.routers_on(late.segments["link 1"])} <= {"N0", "N3", "N6"}


def test_who_knows_no_road_is_not_told_that_roads_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change costs as much as the nodes have sent since the last one, however many there are."""
    told: list[str] = []
    forget = Host.forget_roads
    monkeypatch.setattr(Host, "forget_roads", lambda host: (told.append(host.name), forget(host)))
    network, near, far = square()
    for _ in range(3):
        near.transmit(UDP(5, 9), None, far.address)
        near.transmit(UDP(5, 9), None, far.address)
        network.changed()
        network.changed()
    assert told == ["near host"] * 3
