"""Discovery: how a mobile node finds its home agent, and learns the prefixes of its home link, while it is away.

`address_discovery` finds home agents by their anycast address (RFC 6275 sections 10.5 and 11.4.1). Mobile prefix
discovery stands at the home agent in `prefix_advertiser` (10.6), at the mobile node in `prefix_discovery` (11.4.2 and
11.4.3). Read them in this order.

The core imports none of it. A scenario puts it into nodes with the two functions below; each takes a node and puts what
it makes in the places of `mip6.parts` there. Without them a mobile node stays with the home agent and the prefix that
it was configured with. Put IP security in afterwards: it covers the messages that have a handler then.
"""

from __future__ import annotations

from mipflow.mip6.discovery.address_discovery import AddressDiscoveryService, HomeAgentDiscovery
from mipflow.mip6.discovery.prefix_advertiser import PrefixAdvertiser
from mipflow.mip6.discovery.prefix_discovery import PrefixDiscovery
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode


def of_home_agent(home_agent: HomeAgent) -> None:
    """Let a home agent answer who serves its home link, and tell mobile nodes of the home prefixes."""
    home_agent.prefixes = advertiser = PrefixAdvertiser(home_agent)
    home_agent.address_discovery = AddressDiscoveryService(home_agent, advertiser.heard)


def of_mobile_node(mobile_node: MobileNode) -> None:
    """Let a mobile node find a home agent where none is configured, and follow the prefixes of its home link."""
    mobile_node.address_discovery = HomeAgentDiscovery(mobile_node)
    mobile_node.prefixes = PrefixDiscovery(mobile_node)
