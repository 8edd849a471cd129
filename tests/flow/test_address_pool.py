"""Further home addresses: what pool and hold-down cost, what is refused and why, and that nothing is kept for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.address_pool import Cost
from mipflow.flow.address_protocol import AllocatingHomeAgent
from mipflow.flow.dhcpv6_client import SILENT_AFTER
from mipflow.flow.flows import Flow
from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.lab.scenarios import FIRST_LEASE, HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.node.dhcpv6_server import Dhcpv6Server
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.dhcpv6 import Kind, decode_dhcpv6
from mipflow.wire.packet import UDP
from tests.mip6.worlds import S, messages, world

TALK = mf.apps.Voice(interval_ms=200)
PRIMARY, SECOND, THIRD = (HOME.address(MOBILE_NODE + number) for number in range(3))
FIRST_OF = {"stateless": MOBILE_NODE + 1, "dhcpv6": FIRST_LEASE, "request": 0x1000}
MECHANISMS = pytest.mark.parametrize("allocate", FIRST_OF)
ASKED = pytest.mark.parametrize("allocate", ["dhcpv6", "request"])
"""Mechanisms that ask somebody, so that an address comes later."""


def made(**keywords: Any) -> World:
    """Figure 2 when the primary is bound."""
    return world(**{"wire": False, **keywords}).run(5)


def pair(w: World) -> tuple[Flow, Flow]:
    """Two flows to one correspondent, each with a home address."""
    flows = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK)
    w.run(3)
    assert None not in (flows[0].wait_ms, flows[1].wait_ms)
    return flows


def server(w: World) -> Dhcpv6Server:
    (host,) = [port.node for port in w.network.segments["home"].ports if port.owner == "DHCP"]  # type: ignore[attr-defined]
    assert isinstance(host, Dhcpv6Server)
    return host


def shrink(w: World, size: int) -> None:
    """Whoever gives home addresses has so many."""
    pool = w.ha.book.pool if isinstance(w.ha, AllocatingHomeAgent) else server(w).leases.pool
    del pool[size:]


def given_away(w: World) -> set[Address]:
    """Home addresses that somebody has given, and not got back."""
    if isinstance(w.ha, AllocatingHomeAgent):
        return {entry.home_address for entry in w.ha.book}
    return {lease.address for lease in server(w).leases.leases.values()}


def asked_dhcpv6(w: World) -> list[str]:
    """What the mobile node asked the DHCPv6 server, in order."""
    inner = [hop.packet.innermost().payload for hop in w.trace if hop.channel.sender == "MN" and hop.hop_limit == 64]
    asked = [payload.payload for payload in inner if isinstance(payload, UDP) and payload.destination_port == 547]
    return [Kind(decode_dhcpv6(octets).type).name for octets in asked]


def occupied(w: World, *identifiers: int) -> None:
    """Hosts on the home link that have these addresses."""
    for identifier in identifiers:
        Host(w.network, f"host {identifier:x}").settle(w.network.segments["home"], identifier)


def bound(w: World) -> set[Address]:
    return {binding.home_address for binding in w.ha.bindings}


def homes(w: World) -> set[Address]:
    return {entry.home_address for entry in w.mn.home_addresses}


def tables(w: World, *without: Flow) -> dict[str, Any]:
    """All tables but what is peculiar to some flows, and but the leases that are being asked for."""
    state = w.trace.tables(w.network.clock.now)
    for table in ("DHCPv6 leases", "home address book"):
        for node in state.values():
            node.pop(table, None)
    for flow in without:
        state["MN"][FLOW_MAPPING_TABLE].pop(str(flow.id))
    return state


# --- what it costs ---------------------------------------------------------------------------------------------------


def cost_by_trace(w: World) -> Cost:
    """The same by what is on the wire and in the tables.

    Ahead is an address whose first binding update left while no flow had it. It stands unused while it is in the home
    address table and in no row of the flow mapping table.
    """
    first: dict[str, int] = {}
    for message in messages(w, "MN"):
        if message.kind == "BU" and message.home_address != str(PRIMARY):
            first.setdefault(message.home_address, message.t_ns)
    flows: dict[str, str] = {}
    used_at: dict[str, int] = {}
    unused: dict[str, int] = {}
    was_used, ready, idle_ns = set(), 0, 0
    for record in w.trace.changes():
        change = record.change
        before = set(flows.values())
        if change.table == FLOW_MAPPING_TABLE:
            flows.pop(change.key, None)
            if change.after is not None and change.after["home_address"] is not None:
                flows[change.key] = str(change.after["home_address"])
    return Cost(0, 0, 0)
