"""The way of a train: what nodes answer, and when the answers are other ones."""

from __future__ import annotations

import mipflow as mf
from mipflow.flow import plans
from mipflow.node.applications.apps import Voice
from mipflow.sim.trains.train import Way


def way_of(world: mf.World) -> Way:
    """The way of the first flow's packets, as the nodes say it now."""
    flow = next(iter(world.mn.flows))
    conversation = next(iter(flow.conversations))
    socket = world.mn._udp[conversation[1], (flow.cn, conversation[3])]
    departure = plans.departure((socket, socket.datagram.payload))  # type: ignore[union-attr]
    assert departure is not None
    return Way(departure, plans)


def called(**keywords: object) -> mf.World:
    world = mf.figure2(**keywords)  # type: ignore[arg-type]
    world.mn.open(world.cn1, Voice())
    world.run(4)
    return world


def test_a_way_is_asked_for_from_node_to_node() -> None:
    way = way_of(called())
    assert way.nodes == ["MN", "AR2", "Internet", "CN1"]
    assert [limit for _, limit in way.sizes] == [64, 63, 62]
    assert len({size for size, _ in way.sizes}) == 1


def test_a_tunnel_is_left_at_the_home_agent() -> None:
    way = way_of(called(mode="tunnel"))
    assert way.nodes == ["MN", "AR2", "Internet", "HA", "Internet", "CN1"]
    assert way.sizes[0][0] == way.sizes[-1][0] + 40


def test_it_is_equal_until_something_changes() -> None:
    world = called()
    before = way_of(world)
    assert way_of(world) == before
    world.mn.handover(next(iter(world.mn.flows)).flow_id, "cell0")
    world.run(3)
    assert way_of(world) != before
    assert before != "a way"


def test_there_is_none_over_a_link_that_may_lose_packets() -> None:
    world = called(links={"cn1": mf.Link(loss=0.1)})
    assert way_of(world).answers == []


def test_a_router_that_filters_answers_for_what_it_lets_in() -> None:
    assert way_of(called(ingress_filtering=True)).nodes[-1] == "CN1"
