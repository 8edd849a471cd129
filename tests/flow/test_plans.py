"""The answers of nodes to trains, held against the packets that really went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow import plans
from mipflow.mip6.bindings.binding_cache import BindingState
from mipflow.node.applications.apps import Voice
from mipflow.node.sockets import Sending
from mipflow.sim.trains.answers import Sink, passed_on
from mipflow.wire.packet import Packet
from tests.node.nodes import Path

FLOW = 1


def called(**keywords: Any) -> mf.World:
    """A world without trains in which a call goes both ways."""
    world = mf.figure2(trains=False, **keywords)
    world.mn.open(world.cn1, Voice())
    return world.run(4)


def sending(world: mf.World, is_up: bool = True) -> Sending:
    """The socket of the call at one of its ends, and the payload that it sends."""
    flow = world.mn.flows[FLOW]
    _, port, cn, cn_port = next(iter(flow.conversations))
    socket = world.mn._udp[port, (cn, cn_port)] if is_up else world.cn1._udp[cn_port]
    assert socket.datagram is not None
    return socket, socket.datagram.payload


def foretold(world: mf.World, is_up: bool, sent_ns: int) -> list[tuple[str, Any]]:
    """Each link's receiver of the packet that is sent at a time, with its fields there; then how it ends."""
    departure = plans.departure(sending(world, is_up))
    assert departure is not None
    packet, channel, links = departure.make(sent_ns), departure.channel, []
    while True:
        links.append((channel.receiver.owner, packet.copy().fields()))
        answer = plans.plan(channel.receiver, packet)
        if answer is None or isinstance(answer, Sink):
            return [*links, ("ends", answer if answer is None else answer.label)]
        packet, channel = passed_on(packet, answer.change), answer.channel


def went(world: mf.World, is_up: bool, sent_ns: int) -> list[tuple[str, Any]]:
    """The same of the packet that was sent then, as the trace has it."""
    label = FLOW if is_up else -FLOW
    hops = [hop for hop in world.network.trace if innermost(hop.packet).label == label]
    return [(h.channel.receiver, h.packet.fields()) for h in hops if innermost(h.packet).sent_ns == sent_ns]


def innermost(packet: Packet) -> Packet:
    return packet.innermost()


def last_sent(world: mf.World, is_up: bool) -> int:
    label = FLOW if is_up else -FLOW
    sent = [innermost(h.packet).sent_ns for h in world.network.trace if innermost(h.packet).label == label]
    return max(at for at in sent if at < world.network.clock.now - 5 * 10**8)


@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize("mode", ["route_optimisation", "triangular", "tunnel"])
def test_packets_go_as_the_nodes_say(mode: str, is_up: bool) -> None:
    world = called(mode=mode)
    sent_ns = last_sent(world, is_up)
    said = foretold(world, is_up, sent_ns)
    assert said[:-1] == went(world, is_up, sent_ns)
    assert said[-1] == ("ends", FLOW if is_up else -FLOW)


@pytest.mark.parametrize("mode", ["route_optimisation", "triangular", "tunnel"])
def test_asking_does_nothing(mode: str) -> None:
    asked, other = called(mode=mode), called(mode=mode)
    first = [foretold(asked, is_up, 0) for is_up in (True, False)]
    assert [foretold(asked, is_up, 0) for is_up in (True, False)] == first
    assert asked.network.clock.packet_events == other.network.clock.packet_events
    assert asked.run(2).network.trace.digest() == other.run(2).network.trace.digest()


def ending(world: mf.World, is_up: bool = True) -> object:
    return foretold(world, is_up, 0)[-1][1]


def down(world: mf.World) -> None:
    world.cn1.interfaces["eth0"].listens = False


def heard_by_another(world: mf.World) -> None:
    sending(world, False)[0].on_datagram = print


def handled_by_another(world: mf.World) -> None:
    world.cn1.hear_port(7, print)


def refused(world: mf.World) -> None:
    world.mn.flows[FLOW].refused = "a reason"


@pytest.mark.parametrize("change", [down, heard_by_another, handled_by_another], ids=lambda change: change.__name__)
def test_what_does_more_than_to_count_is_no_end(change: Callable[[mf.World], None]) -> None:
    world = called()
    assert ending(world) == FLOW
    change(world)
    assert ending(world) is None


def test_a_refused_flow_neither_departs_nor_arrives() -> None:
    world = called()
    refused(world)
    assert plans.departure(sending(world)) is None
    assert ending(world, is_up=False) is None


def test_a_packet_that_asks_for_a_refresh_is_an_event() -> None:
    world = called()
    bindings = world.cn1.bindings._entries
    assert plans.departure(sending(world, is_up=False)) is not None
    bindings.update({key: replace(binding, state=BindingState.EXPIRING) for key, binding in bindings.items()})
    assert plans.departure(sending(world, is_up=False)) is None


def test_each_packet_that_earns_credit_is_an_event() -> None:
    assert ending(called(enhanced=True)) is None


def test_a_home_agent_that_does_more_passes_nothing_on() -> None:
    world = called(mode="tunnel")
    assert ending(world, is_up=False) == -FLOW
    world.ha.intercept = print
    assert ending(world, is_up=False) is None
    assert ending(called(mode="tunnel", security=True), is_up=False) is None


def test_a_hop_limit_ends_at_a_router() -> None:
    path = Path()
    socket = path.a.udp(9, (path.b.address, 9))
    socket.send(b"octets")
    packet = path.network.trace[0].packet
    port = path.routers[0].interfaces["A's"]
    assert plans.plan(port, packet) is not None
    packet.hop_limit = 1
    assert plans.plan(port, packet) is None


def test_a_socket_that_answers_whom_it_hears_has_no_departure_before_it_has_heard() -> None:
    assert plans.departure((Path().b.udp(9), b"x")) is None
