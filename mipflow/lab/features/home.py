"""Features of the home link: further home agents, IP security, a learner's function there, a printer in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mipflow.arguments import FLAG, check, whole
from mipflow.flow.bindings.stateless import following
from mipflow.lab.features.addresses import FIRST_GRANT, FIRST_LEASE
from mipflow.lab.features.feature import feature
from mipflow.lab.interception import Interception
from mipflow.lab.world import World
from mipflow.mip6 import discovery
from mipflow.mip6.discovery.address_discovery import HomeAgentDiscovery
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.security.key_exchange import KeyExchange
from mipflow.node.host import Host
from mipflow.sim.network import Network
from mipflow.wire.address import UNSPECIFIED, Address

MOST_HOME_AGENTS = 8
PLACES = (3.0, 2.6), (1.7, 2.6)
MORE_PLACES = (3.2, 3.8), (2.0, 3.8), (0.8, 3.8), (1.2, 3.0), (0.0, 2.6), (4.1, 3.2), (5.2, 3.8)
"""The places of many further home agents in pictures: no line from the first one is under a card."""
IDENTIFIERS_APART = 16
"""The difference between the interface identifiers of home agents."""
ADVERTISEMENTS_S = 0.5, 0.9
"""Seconds between router advertisements of several home agents, who know each other when a mobile node first asks."""


@feature(before=("security", "interception", "dhcpv6", "address_protocol"))
def with_home_agents(world: World, home_agents: int = 2) -> None:
    """Put further home agents on the home link, `home_agents` in all, "HA" the most preferable: the mobile node has to
    discover one (RFC 6275 section 11.4.1). Raises ProtocolMisuse for fewer than 2 or more than 8.
    """
    check(whole(2, MOST_HOME_AGENTS, "home agents"), home_agents=home_agents)
    network, home, agents = world.network, world.network.segments["home"], world.home_agents
    nodes, is_crowded = network.graph.nodes, home_agents > len(PLACES) + 1
    if is_crowded and "HR" in nodes:
        nodes["HA"].update(x=6.0, y=2.6)
        nodes["HR"].update(y=2.0)
    for number, place in enumerate((MORE_PLACES if is_crowded else PLACES)[: home_agents - 1], start=1):
        agents.append(HomeAgent(network, f"HA{number + 1}", *place))
        agents[-1].serve_home(home, world.ha.home_link.interface_identifier + IDENTIFIERS_APART * number)
        discovery.of_home_agent(agents[-1])
    asked = world.features.get("advertisements")
    for number, agent in enumerate(agents):
        agent.home.preference = home_agents - number
        if agent.home_link not in agent.neighbor.advertising:
            intervals_s = ADVERTISEMENTS_S if asked is None else asked["advertisements"]
            agent.neighbor.advertise_every(agent.home_link, *intervals_s)
    world.mn.mobility.home_agent = UNSPECIFIED
    world.mn.mobility.address_discovery = HomeAgentDiscovery(world.mn.mobility)


@feature()
def with_security(world: World, manual: bool = False) -> None:
    """Put ESP between mobile node and home agents, with keys that an exchange makes, or `manual` ones (RFC 4877)."""
    check(FLAG, manual=manual)
    for agent in world.home_agents:
        KeyExchange(world.mn.mobility, agent, is_dynamic=not manual)


@feature()
def with_interception(world: World, intercept: Callable[..., Any]) -> None:
    """Have home agents forward by a learner's function, called as intercept(packet, cache, now), with what
    `lab.interception` says. Raises FunctionFailed for no function.
    """
    world.interceptions = [Interception(agent, intercept) for agent in world.home_agents]


@feature()
def with_collision(world: World) -> None:
    """Put somebody on the home link who has the first further home address already, whichever way it comes."""
    home = world.ha.home.prefix
    first = {"dhcpv6": FIRST_LEASE, "address_protocol": FIRST_GRANT}
    taken = [home.address(number) for name, number in first.items() if name in world.features]
    following_ours = following(home, world.mn.primary_home_address.interface_identifier)
    somebody_at_home(world.network, taken or [following_ours])


def somebody_at_home(network: Network, addresses: Sequence[Address], interface_identifier: int | None = None) -> Host:
    """Put a printer on the home link that has these addresses, by hand: no server and no home agent knows of it."""
    printer = Host(network, "Printer", 2.4, 2.6)
    identifier = addresses[0].interface_identifier if interface_identifier is None else interface_identifier
    interface = printer.settle(network.segments["home"], identifier)
    for address in addresses:
        if address not in interface.addresses:
            interface.add_address(address)
    return printer
