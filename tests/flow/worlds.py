"""Readers of what flows do in a world, for tests of flows."""

from __future__ import annotations

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.mobility import BindingAcknowledgement
from tests.mip6.worlds import S, data_hops

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


def occupied(made: World, *identifiers: int) -> None:
    """Put hosts on the home link that have these addresses."""
    for identifier in identifiers:
        Host(made.network, f"host {identifier:x}").settle(made.network.segments["home"], identifier)
