"""Features that say how the mobile node gets home addresses (the patent, pages 8 and 9; RFC 4866 for generated ones).

Each puts its servers into the network and another mechanism into the mobile node's pool. Where `figure2` was given an
`allocation=` of its own, or home addresses are generated from a key, the mechanism stays and only the servers come in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mipflow.arguments import FUNCTION, check
from mipflow.flow.allocation.allocation import DiscoveredAllocation, Form, wrong_formed
from mipflow.flow.allocation.dhcpv6_client import Dhcpv6Allocation
from mipflow.flow.allocation.dhcpv6_relay import Dhcpv6Relay
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server, Leases
from mipflow.flow.bindings.stateless import Allocation
from mipflow.flow.learner.answers import Answers
from mipflow.flow.learner.guard import guarded
from mipflow.flow.learner.put_in import FunctionAllocation, guards
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.protocols.address_protocol import AddressBook, AddressGranter, AddressProtocolAllocation
from mipflow.lab.features.feature import feature
from mipflow.lab.world import World
from mipflow.wire.address import Address

DHCP_SERVER, FIRST_LEASE, FIRST_GRANT = 0x99, 0xD00, 0x1000
DHCP_SERVER_DUID = b"\0\3\0\1\2\0\0\0\0\x99"
"""DUID-LL with the server's link-layer address (RFC 8415 section 11.4)."""
MECHANISMS = "prefix_discovery", "dhcpv6", "address_protocol", "allocation"


@feature(before=("collision",), unlike=MECHANISMS)
def with_prefix_discovery(world: World, form: Form | None = None) -> None:
    """Have the mobile node make home addresses of the prefix that mobile prefix discovery tells it (page 8).

    form: a learner's function that forms them, called as form(advert, taken). Raises FunctionFailed for no function.
    """
    formed = None if form is None else guarded("form", form, "advert, taken", wrong_formed)
    _allocate(world, partial(DiscoveredAllocation, form=formed))


@feature(before=("collision",), unlike=MECHANISMS)
def with_dhcpv6(world: World) -> None:
    """Put a DHCPv6 server on the home link, from which the mobile node leases home addresses through a home agent as
    relay (page 8; RFC 6275 section 10.4.4).
    """
    home = world.network.segments["home"]
    leases = Leases(DHCP_SERVER_DUID, world.ha.home.prefix, FIRST_LEASE)
    server = Dhcpv6Server(world.network, "DHCP", 5.6, 3.1 if len(world.home_agents) > 3 else 2.6, leases=leases)
    server.settle(home, DHCP_SERVER)
    for agent in world.home_agents:
        agent.home.relay = Dhcpv6Relay(agent, server.address)
    _allocate(world, Dhcpv6Allocation)


@feature(before=("collision",), unlike=MECHANISMS)
def with_address_protocol(world: World) -> None:
    """Have the mobile node ask the home agents for home addresses by a protocol of our own, for which both are adapted
    (page 9).
    """
    world.address_book = AddressBook(world.ha.home.prefix, FIRST_GRANT)
    key = world.network.random("MN/home addresses").randbytes(32)
    for agent in world.home_agents:
        AddressGranter(agent, world.address_book).share_key(world.mn.primary_home_address, key)
    _allocate(world, partial(AddressProtocolAllocation, key=key))


@feature(before=("collision",), unlike=MECHANISMS)
def with_allocation(world: World, allocate: Callable[..., Address]) -> None:
    """Have a learner's function make home addresses, called as allocate(prefix, taken), also in the place of generated
    ones. Raises FunctionFailed for a function that does not take that.
    """
    check(FUNCTION, allocate=allocate)
    world.mn.pool.allocation = FunctionAllocation(world.mn.mobility, guards(allocate=allocate)["allocate"])


def _allocate(world: World, make: Callable[[FlowMobileNode], Allocation]) -> None:
    """Put a mechanism into the mobile node, unless it was made with one."""
    made: dict[str, Any] = {} if world.made is None else world.made.keywords
    if "allocation" not in made and not made.get("enhanced"):
        world.mn.pool.allocation = mechanism = make(world.mn)
        answers = world.mn.binder.answers
        if isinstance(mechanism, DiscoveredAllocation) and isinstance(answers, Answers):
            mechanism.refused = answers.refused
