"""Ready worlds: Figures 1 and 2 of the seed. Each is a function of about thirty lines; write yours beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from typing import Any, Literal

from mipflow.errors import ProtocolMisuse, TopologyError
from mipflow.flow.allocation import GeneratedAllocation
from mipflow.flow.redirector import AssignmentRules
from mipflow.flow.stack import FlowMobileNode
from mipflow.lab.replay import replay as replay_capture
from mipflow.lab.world import World
from mipflow.mip6.cga import AddressOwner
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced_correspondent_node import EnhancedCorrespondentNode
from mipflow.mip6.enhanced_registrar import EnhancedRegistrar
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.key_exchange import KeyExchange
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.wire.address import UNSPECIFIED, Prefix

HOME, WLAN, CELLULAR = (Prefix.parse(f"2001:db8:{net}::/64") for net in ("100", "200", "300"))
FIRST_CN_NETWORK, MOST_CNS = 0xA, 64
"""CN1 is on 2001:db8:a::/64, CN2 on 2001:db8:b::/64, and so on."""
MOBILE_NODE, HOME_AGENT, CNS = 0x10, 0x7, (0x5, 0x6, *range(0x8, 0x8 + MOST_CNS))
"""Interface identifiers; 5, 6 and 7 are the numbers of the seed's figures."""

HOME_ADVERTISEMENTS_S = 0.5, 0.9
"""Between router advertisements of several home agents: they know each other when a mobile node first asks."""

LINKS: dict[str, Link] = {
    "wlan0": Link(delay_ms=5, rate_bps=20_000_000), "cell0": Link(delay_ms=35, rate_bps=6_000_000),
    "AR2-Internet": Link(delay_ms=5, rate_bps=1_000_000_000),
    "AR3-Internet": Link(delay_ms=10, rate_bps=1_000_000_000),
    "Internet-HA": Link(delay_ms=10, rate_bps=1_000_000_000), "home": Link(delay_ms=1, rate_bps=1_000_000_000),
    "cn1": Link(delay_ms=10, rate_bps=100_000_000), "cn2": Link(delay_ms=15, rate_bps=100_000_000),
}
"""What the links of the figures are like where nothing else is asked for."""


def figure2(
    seed: int = 0, traffic: str | PathLike[str] | None = None, links: Mapping[str, Link] | None = None,
    trace: Mode = "all", wire: bool = False, replay: Mapping[str, Any] | None = None, cns: int = 2,
    correspondents: Mapping[str, Callable[..., Any]] | None = None, home_router: bool = False, home_agents: int = 1,
    advertisements: tuple[float, float] | None = None, security: bool | Literal["manual"] = False,
    ingress_filtering: bool = False, enhanced: bool = False, **mobile_node: Any,
) -> World:
    """The seed's Figure 2: mobile node, WLAN (2), cellular network (3), Internet (4), CN1 (5), CN2 (6) and HA (7).

    seed: of every random stream; traffic: a capture to replay, with `replay` as keywords of `lab.replay.replay`: the
    world then stands at the capture's time zero, all its flows bound, and `run` plays them;
    links: other links by name (see `LINKS`); trace: "all", "control" or "off"; wire: re-parse control packets from
    bytes; cns: how many correspondent nodes there are, at least the two of the seed, or share the capture's hosts;
    correspondents: what they are, where not `CorrespondentNode`: {"CN2": Host} knows nothing of Mobile IPv6;
    home_router: a router of its own stands between the Internet and the home link, and the home agent only on that;
    home_agents: how many stand on the home link, "HA" the most preferable; of several the mobile node discovers one;
    advertisements: least and most seconds between unasked router advertisements on the access links and the home link;
    ingress_filtering: whether access routers drop what has another source than an address of their link;
    security: ESP between mobile node and home agent, with keys that an exchange makes, or "manual" ones;
    enhanced: home addresses are generated from a key, and all know enhanced route optimisation (RFC 4866);
    further keywords go to `FlowMobileNode` (mode, rules, assign, pool, reuse_tokens). Raises TopologyError for an
    unknown link and ProtocolMisuse for a number of correspondent nodes that cannot be.
    """
    if not 1 <= cns <= MOST_CNS:
        raise ProtocolMisuse(f"cns={cns}; expected 1 to {MOST_CNS} correspondent nodes", cns)
    spec = _links(links, cns)
    network = Network(seed, trace, wire)
    internet = Router(network, "Internet", 4.0, 0.0)
    ha = HomeAgent(network, "HA", 4.0, 2.0)
    wlan = AccessRouter(network, "AR2", 2.0, 1.2)
    cellular = AccessRouter(network, "AR3", 2.0, -1.2)
    for router, name in ((wlan, "AR2-Internet"), (cellular, "AR3-Internet")):
        join_routers(network, router, internet, spec[name])
    home = network.add_segment("home", spec["home"], HOME)
    if home_router:
        gateway = Router(network, "HR", 5.0, 1.2)
        gateway.serve(home)
    else:
        gateway = ha
    join_routers(network, internet, gateway, spec["Internet-HA"])
    agents = [ha, *(HomeAgent(network, f"HA{number}", 3.0 + number / 2, 2.6) for number in range(2, home_agents + 1))]
    for number, agent in enumerate(agents):
        agent.serve_home(home, HOME_AGENT + 16 * number)
        if home_agents > 1:
            agent.preference = home_agents - number
            agent.neighbor.advertise_every(agent.home_link, *(advertisements or HOME_ADVERTISEMENTS_S))
    kinds, total, home_address = dict(correspondents or {}), max(cns, 2), HOME.address(MOBILE_NODE)
    if enhanced:
        owner = AddressOwner(network.random("MN/generated addresses"))
        home_address = owner.generate(HOME)
        kinds = {f"CN{number}": EnhancedCorrespondentNode for number in range(1, total + 1)} | kinds
        registrar, allocation = partial(EnhancedRegistrar, owner=owner), GeneratedAllocation(HOME, owner)
        mobile_node = {"registrar": registrar, "allocation": allocation, **mobile_node}
    peers = [_correspondent(network, internet, spec, kinds, number, total) for number in range(total)]
    known = ha.home_agent_address if home_agents == 1 else UNSPECIFIED
    mn = FlowMobileNode(
        network, "MN", 0.0, 0.0, home_agent=known, home_address=home_address, home_prefix=HOME, **mobile_node
    )  # fmt: skip
    for agent in agents if security else ():
        KeyExchange(mn, agent, is_dynamic=security != "manual")
    for interface, router, prefix in (("wlan0", wlan, WLAN), ("cell0", cellular, CELLULAR)):
        segment = network.add_segment(interface, spec[interface], prefix)
        router.serve(segment, ingress_filtering=ingress_filtering)
        mn.visit(interface, segment)
    if advertisements is not None:
        for advertising, link in ((wlan, "wlan0"), (cellular, "cell0"), (ha, "home")):
            advertising.neighbor.advertise_every(advertising.interfaces[link], *advertisements)
    world = World(network, mn, ha, peers, internet, "A home address for each flow (the seed's Figure 2)")
    world.home_agents = agents
    if traffic is not None:
        replay_capture(world, traffic, **{"cns": cns, **(replay or {})})
    return world


def figure1(seed: int = 0, **keywords: Any) -> World:
    """The seed's Figure 1, the way before: one home address, so all flows to one correspondent node share one binding.

    The same nodes, classes and links as `figure2`, whose keywords it takes; only the rules for home addresses differ.
    """
    world = figure2(seed, rules=AssignmentRules(one_address=True), **keywords)
    world.title = "One home address, one care-of address per correspondent (the seed's Figure 1)"
    return world


SCENARIOS = {"figure1": figure1, "figure2": figure2}


def _correspondent(
    network: Network, internet: Router, spec: Mapping[str, Link], kinds: Mapping[str, Callable[..., CorrespondentNode]],
    number: int, total: int,
) -> CorrespondentNode:
    """Correspondent node `number` (from 0) of `total`, spread down the right side of the picture."""
    name = f"CN{number + 1}"
    prefix = Prefix.parse(f"2001:db8:{FIRST_CN_NETWORK + number:x}::/64")
    segment = network.add_segment(name.lower(), spec[name.lower()], prefix)
    internet.serve(segment)
    top = min(1.0 + 0.25 * (total - 2), 2.0)
    make = kinds.get(name, CorrespondentNode)
    cn = make(network, name, 6.0, top - 2 * top * number / (total - 1))
    cn.settle(segment, CNS[number])
    return cn


def _links(changes: Mapping[str, Link] | None, cns: int) -> dict[str, Link]:
    """All links by name; those of further correspondent nodes are like that of the second."""
    known = {**LINKS, **{f"cn{number}": LINKS["cn2"] for number in range(3, cns + 1)}}
    unknown = sorted(set(changes or {}) - set(known))
    if unknown:
        raise TopologyError(f"there is no link {unknown[0]!r}; expected one of {', '.join(known)}", unknown)
    return {**known, **(changes or {})}
