"""The mobile node of the flow layer: a host that has its parts."""

from __future__ import annotations

import re
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.stack import FlowStack
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.parts import Listener
from mipflow.node.host import Host
from mipflow.node.node import Node
from mipflow.sim.trace import Decided
from mipflow.wire.mobility import BindingUpdate


def test_it_is_a_host_that_has_a_mobile_node() -> None:
    mn = mf.figure2().mn
    assert isinstance(mn, Host) and isinstance(mn.mobility, MobileNode)


def test_its_parts_are_no_nodes() -> None:
    assert [issubclass(part, Node) for part in (FlowBinder, FlowStack, MobileNode)] == [False] * 3


def test_a_mobile_node_without_the_flow_layer_has_nobody_to_tell_and_places_by_itself() -> None:
    world = mf.figure2()
    plain = MobileNode(
        Host(world.network, "plain"), home_agent=world.ha.home_agent_address,
        home_address=mf.Address("2001:db8:100::99"),
    )  # fmt: skip
    assert (type(plain.listener), plain.home_interface()) == (Listener, None)
    plain.visit("wlan0", world.network.segments["wlan0"])
    world.run(5)
    assert plain.home_interface() is plain.interfaces["wlan0"]
    assert plain.registered_at_home(plain.primary_home_address) == plain.interfaces["wlan0"].address


# --- one update to one peer ------------------------------------------------------------------------------------------

UPDATES = [(to, interface) for to in ("HA", "CN1", "CN2") for interface in ("cell0", "wlan0")]


def talking(**keywords: object) -> mf.World:
    """Return a world with a call and a film from CN1, a film from CN2, all by WLAN and one home address."""
    world = mf.figure1(seed=1, **keywords).run(2)
    for cn, app in ((world.cn1, mf.apps.Voice()), (world.cn1, mf.apps.Video()), (world.cn2, mf.apps.Video())):
        world.mn.open(cn, app)
        world.run(0.5)
    return world.run(1)


def came_by(world: mf.World, for_s: float) -> list[set[str]]:
    """Return the interfaces by which packets of each flow arrive, by the links and not by any table."""
    world.run(1)  # what was under way
    first, trace = len(world.trace), world.run(for_s).trace
    found: dict[int, set[str]] = {}
    for number in range(first, len(trace)):
        channel = trace.channels[trace.channel[number]]
        if channel.receiver == "MN" and trace.packets[number].innermost().label < 0:
            found.setdefault(trace.packets[number].innermost().flow, set()).add(channel.segment)
    return [found[flow.id] for flow in world.flows()]


@pytest.mark.parametrize("keeps_none", [(), ("CN2",), ("CN1", "CN2")], ids=str)
@pytest.mark.parametrize("stories", [UPDATES[:2], UPDATES[2:4], [*UPDATES[4:], UPDATES[0], UPDATES[2], UPDATES[1]]])
def test_an_update_moves_the_flows_of_its_row_and_no_others(
    keeps_none: tuple[str, ...], stories: list[tuple[str, str]]
) -> None:
    world = talking(correspondents=dict.fromkeys(keeps_none, Host))
    follows = ["HA" if cn in keeps_none else cn for cn in ("CN1", "CN1", "CN2")]
    rows = dict.fromkeys(follows, "wlan0")
    for to, interface in stories:
        moved = [number for number, row in enumerate(follows, 1) if row == to]
        assert world.mn.bind(to, interface) == moved
        rows[to] = interface
        assert came_by(world, 0.5) == [{rows[row]} for row in follows]


def test_the_node_stands_by_an_update_and_says_it_again_in_time() -> None:
    world = talking(binding_lifetime_s=40, correspondents={"CN2": Host})
    world.mn.bind("HA", "cell0")
    world.mn.bind("CN1", "wlan0")
    assert came_by(world, 100) == [{"wlan0"}, {"wlan0"}, {"cell0"}]
    assert {str(each.care_of_address) for each in world.ha.bindings} == {"2001:db8:300::10"}


def test_one_update_is_sent_and_the_rows_of_others_stay() -> None:
    world, sent = talking(), []
    begun = len(world.trace)
    assert world.mn.bind(world.cn1, "cell0") == [1, 2]
    world.run(1)
    for number in range(begun, len(world.trace)):
        packet, channel = world.trace.packets[number], world.trace.channels[world.trace.channel[number]]
        if isinstance(packet.payload, BindingUpdate) and channel.sender == "MN":
            sent.append(packet.destination)
    assert sent == [world.cn1.address]
    assert world.handovers_s() == [4.5] and "The mobile node tells CN1 alone that H@1" in world.ladder(4).describe()


def test_who_keeps_no_row_gets_no_update() -> None:
    world = talking(correspondents={"CN2": Host})
    begun = len(world.trace.records)
    assert world.mn.bind("CN2", "cell0") == [] and world.mn.bind(world.cn2, "wlan0") == []
    assert {record.what for record in world.trace.records[begun:] if isinstance(record, Decided)} == {"binds"}
    assert "sends CN2 no update" in world.run(1).ladder(4.4).describe()
    assert talking(mode="tunnel").mn.bind("CN1", "cell0") == []


@pytest.mark.parametrize(
    ("make", "to", "interface", "words"),
    [
        (mf.figure1, "CN9", "cell0", "expected one of HA"), (mf.figure1, None, "cell0", "bind() to None"),
        (mf.figure1, 7, "cell0", "bind() to 7"), (mf.figure1, "HA", None, "an interface, one of wlan0, cell0"),
        (mf.figure1, "HA", "eth7", "expected one of wlan0, cell0"),
        (mf.plain_mobile_ipv6, "HA", "cell0", "handover_all"),
    ],
)  # fmt: skip
def test_what_cannot_be_bound_is_refused_in_words(make: Any, to: Any, interface: Any, words: str) -> None:
    world = make().run(3)
    before = world.trace.digest()
    with pytest.raises(ProtocolMisuse, match=re.escape(words)):
        world.mn.bind(to, interface)
    assert world.trace.digest() == before


def test_a_node_of_another_world_and_one_at_home_are_refused() -> None:
    world = mf.figure1().run(3)
    with pytest.raises(ProtocolMisuse, match="is of world"):
        world.mn.bind(mf.figure1().cn1, "cell0")
    with pytest.raises(ProtocolMisuse, match="expected one of HA"):
        world.mn.bind(world.mn, "cell0")
    world.mn.visit("wlan0", world.network.segments["home"])
    with pytest.raises(ProtocolMisuse, match="leave home first"):
        world.run(4).mn.bind("HA", "cell0")
