"""The mobile node of the flow layer: it has its parts, and overrides nothing of the nodes below."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.flow.address_protocol import AllocatingHomeAgent
from mipflow.flow.binder import FlowBinder
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy_server import PolicyServer
from mipflow.flow.stack import FlowStack
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Node


def names(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("__")}


def test_it_adds_names_to_the_mobile_node_and_overrides_none() -> None:
    assert [kind.__name__ for kind in FlowMobileNode.__mro__ if issubclass(kind, Node)] == [
        "FlowMobileNode", "MobileNode", "Host", "Node",
    ]  # fmt: skip
    assert names(FlowMobileNode) & {name for kind in FlowMobileNode.__mro__[1:-1] for name in names(kind)} == set()
    assert isinstance(mf.figure2().mn, Host)


@pytest.mark.parametrize("kind", [FlowMobileNode, AllocatingHomeAgent, PolicyServer])
def test_no_node_of_the_flow_layer_overrides_a_name_of_another_layer(kind: type) -> None:
    layers = [(each.__module__.split(".")[1], names(each)) for each in kind.__mro__ if each is not object]
    ours = {name for layer, found in layers if layer == "flow" for name in found}
    assert ours & {name for layer, found in layers if layer != "flow" for name in found} == set()


def test_its_parts_are_no_nodes() -> None:
    assert [issubclass(part, Node) for part in (FlowBinder, FlowStack)] == [False, False]


def test_what_hides_a_name_of_below_is_a_slot_that_is_there_for_it() -> None:
    """`transmit` is the only one: what transport sends through."""
    mn = mf.figure2().mn
    hidden = {name for name in vars(mn) if any(name in names(kind) for kind in type(mn).__mro__)}
    assert hidden <= {"role", "knows_mobility"} and mn.transmit == mn.stack.outgoing


def test_a_mobile_node_without_the_flow_layer_has_nobody_to_tell_and_places_by_itself() -> None:
    world = mf.figure2()
    plain = MobileNode(
        world.network, "plain", home_agent=world.ha.home_agent_address, home_address=mf.Address("2001:db8:100::99")
    )
    assert (plain.listeners, plain.placement, plain.home_interface()) == ([], None, None)
    plain.visit("wlan0", world.network.segments["wlan0"])
    world.run(5)
    assert plain.home_interface() is plain.interfaces["wlan0"]
    assert plain.registered_at_home(plain.primary_home_address) == plain.interfaces["wlan0"].address
