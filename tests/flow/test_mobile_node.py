"""The mobile node of the flow layer: a host that has its parts."""

from __future__ import annotations

import mipflow as mf
from mipflow.flow.binder import FlowBinder
from mipflow.flow.stack import FlowStack
from mipflow.mip6.listener import Listener
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Node


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
