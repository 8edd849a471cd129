"""Two worlds in one notebook: what belongs to one is refused by the other, in a line that names both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.studies.attackers import Liar, Replayer
from mipflow.lab.world import World
from mipflow.mip6.security.key_exchange import KeyExchange
from mipflow.node.applications.application import Ends
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.wire.address import Prefix

CALL = mf.apps.Voice()
PREFIX = Prefix.parse("2001:db8:77::/64")


def made(make: Callable[..., World] = mf.figure2) -> tuple[World, Any]:
    """Make a world of a call, equal to every other one."""
    world = make(seed=7)
    flow = world.mn.open(world.cn1, CALL)
    world.run(3)
    return world, flow


def _router(world: World) -> Router:
    return Router(world.network, "R", 0.0, 0.0)


# A call of world `a` that is given something of world `b`, where `flow` was opened.
FOREIGN: dict[str, Callable[[World, World, Any], object]] = {
    "open with a correspondent": lambda a, b, flow: a.mn.open(b.cn1, CALL),
    "open with a mobile node": lambda a, b, flow: a.mn.open(b.mn, CALL),
    "open over an interface": lambda a, b, flow: a.mn.open(a.cn1, CALL, interface=b.mn.interface("cell0")),
    "accept": lambda a, b, flow: a.mn.accept(b.cn1, CALL),
    "accept, redirected": lambda a, b, flow: a.mn.accept(b.cn2, CALL, redirect=True),
    "close a flow": lambda a, b, flow: a.mn.close(flow),
    "close an entry": lambda a, b, flow: a.mn.close(flow.entry),
    "close a flow that is only expected": lambda a, b, flow: a.mn.close(b.mn.accept(b.cn2, CALL)),
    "handover of a flow": lambda a, b, flow: a.mn.handover(flow, "cell0"),
    "handover of an entry": lambda a, b, flow: a.mn.handover(flow.entry, "cell0"),
    "handover to an interface": lambda a, b, flow: a.mn.handover(1, b.mn.interface("cell0")),
    "handover of everything": lambda a, b, flow: a.mn.handover_all(b.mn.interface("cell0")),
    "care-of address": lambda a, b, flow: a.mn.care_of_address(b.mn.interface("cell0")),
    "report": lambda a, b, flow: a.mn.networks.report(b.mn.interface("cell0"), signal=0.1),
    "visit": lambda a, b, flow: a.mn.visit("wlan0", b.network.segments["cell0"]),
    "visit with a new interface": lambda a, b, flow: a.mn.visit("lan0", b.network.segments["cell0"]),
    "settle": lambda a, b, flow: Host(a.network, "H").settle(b.network.segments["cn1"], 0x77),
    "serve": lambda a, b, flow: a.internet.serve(b.network.segments["cn1"], 0x77, ingress_filtering=True),
    "join routers": lambda a, b, flow: join_routers(a.network, a.internet, _router(b), mf.Link()),
    "attach": lambda a, b, flow: a.network.attach(a.mn.interface("wlan0"), b.network.segments["cn1"]),
    "attach a port": lambda a, b, flow: a.network.attach(b.mn.interface("wlan0"), a.network.segments["cn1"]),
    "detach": lambda a, b, flow: a.network.detach(b.mn.interface("wlan0"), b.network.segments["wlan0"]),
    "prefix": lambda a, b, flow: a.network.add_prefix(PREFIX, b.network.segments["cn1"]),
    "advertise": lambda a, b, flow: a.ha.neighbor.advertise_every(b.ha.home_link, 1, 3),
    "keys": lambda a, b, flow: KeyExchange(a.mn.mobility, b.ha),
    "ears": lambda a, b, flow: Replayer(a.network, "M", 0.0, 0.0).listen(b.network.segments["cn1"]),
    "a liar's ears": lambda a, b, flow: Liar(a.network, "M", 0.0, 0.0, address=PREFIX.address(7)).listen(
        b.network.segments["cn1"]),
    "which share": lambda a, b, flow: a.mn.flows.sharing(flow.entry),
    "collide": lambda a, b, flow: a.mn.flows.collide(flow.entry, a.mn.flows[1]),
    "collide, the other way": lambda a, b, flow: a.mn.flows.collide(a.mn.flows[1], flow.entry),
    "change": lambda a, b, flow: a.mn.flows.change(flow.entry, interface="cell0"),
    "join": lambda a, b, flow: a.mn.flows.join(flow.entry, flow.conversation._replace(local_port=9)),
    "add": lambda a, b, flow: a.mn.flows.add(flow.entry),
    "ends": lambda a, b, flow: CALL.start(Ends(a.mn, b.cn1, 7000, 7001, 5)),
    "world": lambda a, b, flow: World(a.network, a.mn, a.ha, b.cns, a.internet, "mixed"),
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(FOREIGN)), ids=list(FOREIGN))
def test_what_is_of_another_world_is_refused_by_the_names_of_both(number: int) -> None:
    (a, _), (b, flow) = made(), made()
    tables, flows = [list(w.mn.flows) for w in (a, b)], [w.flows() for w in (a, b)]
    with pytest.raises(ProtocolMisuse) as caught:
        list(FOREIGN.values())[number](a, b, flow)
    said = str(caught.value)
    assert a.network.name in said and b.network.name in said and a.network.name != b.network.name
    assert said.index(b.network.name) < said.index(a.network.name), "whose it is comes first"
    assert [list(w.mn.flows) for w in (a, b)] == tables and a.flows() == flows[0]


@pytest.mark.parametrize("name", [
    "open with a correspondent", "open over an interface", "accept, redirected", "close a flow", "handover of an entry",
    "handover of everything", "visit", "attach", "prefix", "ends",
])  # fmt: skip
def test_nothing_is_left_behind(name: str) -> None:
    (a, _), (b, flow), (calm, _) = made(), made(), made()
    with pytest.raises(ProtocolMisuse):
        FOREIGN[name](a, b, flow)
    later = []
    for world in (a, b, calm):
        world.mn.open(world.cn2, CALL)
        later.append(world.run(5).trace.digest())
    assert len(set(later)) == 1


def test_worlds_that_are_equal_have_names_that_differ() -> None:
    worlds = [made()[0], made()[0], made(mf.figure1)[0]]
    names = [world.network.name for world in worlds]
    assert len(set(names)) == 3
    for world, name in zip(worlds, names, strict=True):
        assert name in repr(world) and world.title in name and "seed 7" in name


def test_what_one_network_asks_for_is_not_asked_of_another() -> None:
    """The same policies in two worlds: the rules of a policy server are those of its own."""
    policies = mf.policies.Policies([(10, mf.policies.ByRequest())])
    a, b = (mf.figure2(seed=7, policy_server=True, policy=policies) for _ in range(2))
    for world in (a, b):
        world.mn.open(world.cn1, CALL)
        world.run(3)
    assert a.policy_server is not None
    asked = '{"rules": [{"name": "all", "priority": 1, "network": "cell0"}]}'
    a.policy_server.indicate(a.mn.primary_home_address, asked)
    assert [world.run(3).flows()[0].interface for world in (a, b)] == ["cell0", "wlan0"]
    b.mn.networks.reconsider("anything")
    assert b.flows()[0].interface == "wlan0"


def test_what_is_ones_own_is_taken() -> None:
    world, flow = made()
    assert world.mn.handover(flow.entry, "cell0") == [1]
    world.mn.close(flow)
    assert len(world.mn.flows) == 0
