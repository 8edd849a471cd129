"""Ready worlds: Figures 1 and 2 of the patent. What else a world can have is put in by `lab.features`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from mipflow.arguments import FLAG, PATH, Expected, check, check_keywords, make, mapping, one_of, optional, whole
from mipflow.errors import DatasetError, ProtocolMisuse, TopologyError, shown
from mipflow.flow import plans
from mipflow.flow.allocation.allocation import GeneratedAllocation
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.redirector import AssignmentRules, Method
from mipflow.lab.features import addresses, home, networks
from mipflow.lab.views import Made
from mipflow.lab.world import World
from mipflow.mip6 import discovery
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced.cga import AddressOwner
from mipflow.mip6.enhanced.correspondent_node import EnhancedCorrespondent
from mipflow.mip6.enhanced.registrations import EnhancedRegistrations
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.link import LINK, Link, Segment
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.sim.trains.carrier import Trains
from mipflow.wire.address import Prefix

HOME, WLAN, CELLULAR = (Prefix.parse(f"2001:db8:{net}::/64") for net in ("100", "200", "300"))
FIRST_CN_NETWORK, MOST_CNS = 0xA, 64
"""CN1 is on 2001:db8:a::/64, CN2 on 2001:db8:b::/64, and so on."""
ACCESS = {"wlan0": ("AR2", WLAN, 1.2), "cell0": ("AR3", CELLULAR, -1.2)}
"""Interface -> its access router, the prefix of its link, and how high that stands in pictures."""
MOBILE_NODE, HOME_AGENT, CNS = 0x10, 0x7, (0x5, 0x6, *range(0x8, 0x8 + MOST_CNS))
"""Interface identifiers; 5, 6 and 7 are the numbers of the patent's figures."""

LINKS: dict[str, Link] = {
    "wlan0": Link(delay_ms=5, rate_bps=20_000_000), "cell0": Link(delay_ms=35, rate_bps=6_000_000),
    "AR2-Internet": Link(delay_ms=5, rate_bps=1_000_000_000),
    "AR3-Internet": Link(delay_ms=10, rate_bps=1_000_000_000),
    "Internet-HA": Link(delay_ms=10, rate_bps=1_000_000_000), "home": Link(delay_ms=1, rate_bps=1_000_000_000),
    "cn1": Link(delay_ms=10, rate_bps=100_000_000), "cn2": Link(delay_ms=15, rate_bps=100_000_000),
}
"""The links of the figures where nothing else is asked for."""
LINKS_BY_NAME = mapping(LINK, 'links, such as {"wlan0": mf.Link(delay_ms=5)}')
T = TypeVar("T")
Maker = Callable[..., CorrespondentNode]


# --- Figure 2 --------------------------------------------------------------------------------------------------------


def figure2(
    seed: int = 0, links: Mapping[str, Link] | None = None, trace: Mode = "all", wire: bool = False, cns: int = 2,
    correspondents: Mapping[str, Callable[..., Any]] | None = None, home_router: bool = False,
    ingress_filtering: bool = False, enhanced: bool = False, trains: bool = True, **more: Any,
) -> World:  # fmt: skip
    """Build the patent's Figure 2: mobile node, WLAN (2), cellular network (3), Internet (4), CN1 (5), CN2 (6), HA (7).

    seed: of every random stream; links: other links by name (see `LINKS`); trace: "all", "control" or "off"; wire:
    re-parse control packets from bytes; cns: how many correspondent nodes there are, at least the two of the patent, or
    share a replayed capture's hosts; correspondents: what they are, where not `CorrespondentNode`: {"CN2": Host} knows
    nothing of Mobile IPv6; home_router, ingress_filtering, enhanced: see `mf.with_home_router` and the like; trains:
    whether flows of a constant rate are computed in batches (`sim.trains`): the results are the same, and come sooner.

    Further keywords put features in, as the functions `mf.with_...` do: advertisements, home_agents, security (True or
    "manual"), allocate ("stateless", "dhcpv6", "request" or a function) with form, operator, policy_server, intercept,
    collision, and traffic with replay. All others go to `FlowMobileNode` (mode, rules, assign, separator, policy,
    home_bindings, pool, hold_down_s, reuse_tokens). Raises TopologyError for an unknown link, DatasetError for a file
    of rules that cannot be followed, and ProtocolMisuse for a number of nodes or a word that cannot be.
    """
    own = {
        "seed": seed, "links": links, "trace": trace, "wire": wire, "cns": cns, "correspondents": correspondents,
        "home_router": home_router, "ingress_filtering": ingress_filtering, "enhanced": enhanced,
        "trains": trains,
    }  # fmt: skip
    settings = _check(own, more)
    like_the_second = {f"cn{number}": LINKS["cn2"] for number in range(3, cns + 1)}
    check(optional(LINKS_BY_NAME), TopologyError, links=links)
    spec, total = changed("link", {**LINKS, **like_the_second}, links), max(cns, 2)
    usual: Maker = partial(CorrespondentNode, part=EnhancedCorrespondent) if enhanced else CorrespondentNode
    makers = changed("correspondent", {f"CN{number}": usual for number in range(1, total + 1)}, correspondents)
    network = Network(seed, trace, wire)
    if trains:
        Trains(network, plans)
    internet = Router(network, "Internet", 4.0, 0.0)
    ha = _home_agent(network, internet, spec, home_router)
    peers = [_correspondent(network, internet, spec, *each, total) for each in enumerate(makers.values())]
    known = {"home_agent": ha.home_agent_address, "home_address": HOME.address(MOBILE_NODE), "home_prefix": HOME}
    generated = _generated(network) if enhanced else {}
    mn = FlowMobileNode(network, "MN", 0.0, 0.0, **{**known, **generated, **settings})
    discovery.of_mobile_node(mn.mobility)
    for interface in ACCESS:
        mn.visit(interface, access_network(network, internet, spec, interface, ingress_filtering))
    mn.networks.check()
    world = World(network, mn, ha, peers, internet, "A home address for each flow (the patent's Figure 2)")
    world.made = Made.by(figure2, **own, **settings)
    return _put_in(world, more)


def access_network(
    network: Network, internet: Router, spec: Mapping[str, Link], interface: str, ingress_filtering: bool = False
) -> Segment:
    """Build the access network of an interface: a link whose router is joined to the Internet."""
    name, prefix, y = ACCESS[interface]
    router = AccessRouter(network, name, 2.0, y)
    join_routers(network, router, internet, spec[f"{name}-Internet"])
    segment = network.add_segment(interface, spec[interface], prefix)
    router.serve(segment, ingress_filtering=ingress_filtering)
    return segment


def _home_agent(network: Network, internet: Router, spec: Mapping[str, Link], home_router: bool) -> HomeAgent:
    """Build the home link with its home agent, which is its router too, or stands behind one of its own."""
    agent = HomeAgent(network, "HA", 4.0, 2.0)
    link = network.add_segment("home", spec["home"], HOME)
    gateway: Router = Router(network, "HR", 4.0, 1.0) if home_router else agent
    if home_router:
        gateway.serve(link)
    join_routers(network, internet, gateway, spec["Internet-HA"])
    agent.serve_home(link, HOME_AGENT)
    discovery.of_home_agent(agent)
    return agent


def _correspondent(
    network: Network, internet: Router, spec: Mapping[str, Link], number: int, maker: Maker, total: int
) -> CorrespondentNode:  # fmt: skip
    """Build correspondent node `number` (from 0) of `total`; they stand down the right side of the picture."""
    name = f"CN{number + 1}"
    prefix = Prefix.parse(f"2001:db8:{FIRST_CN_NETWORK + number:x}::/64")
    segment = network.add_segment(name.lower(), spec[name.lower()], prefix)
    internet.serve(segment)
    top = min(1.0 + 0.25 * (total - 2), 2.0)
    y = top - 2 * top * number / (total - 1)
    place = 6.0 - (0.25 * y * y if total > 2 else 0), y  # on a bow: no link passes below another one's card
    cn = cast(CorrespondentNode, make(name, maker, Host, network, name, *place))  # or what it shares with a plain host
    cn.settle(segment, CNS[number])
    return cn


def _generated(network: Network) -> dict[str, Any]:
    """Return the settings of a mobile node whose home addresses are generated from a key (RFC 3972, RFC 4866)."""
    owner = AddressOwner(network.random("MN/generated addresses"))
    primary = owner.generate(HOME)
    return {
        "home_address": primary, "registrations": partial(EnhancedRegistrations, owner=owner),
        "allocation": lambda node: GeneratedAllocation(HOME, owner),
    }  # fmt: skip


def changed(what: str, known: Mapping[str, T], changes: Mapping[str, T] | None) -> dict[str, T]:
    """Return `known`, some of it changed. Raises TopologyError for a change of a name that is not known."""
    unknown = sorted(set(changes or {}) - set(known))
    if unknown:
        raise TopologyError(f"there is no {what} {unknown[0]!r}; expected one of {', '.join(known)}", unknown)
    return {**known, **(changes or {})}


# --- the keywords of figure2 -----------------------------------------------------------------------------------------

ALLOCATIONS: dict[str, Callable[..., World]] = {
    "stateless": addresses.with_prefix_discovery, "dhcpv6": addresses.with_dhcpv6,
    "request": addresses.with_address_protocol,
}  # fmt: skip
_MECHANISM = one_of(None, *ALLOCATIONS)


def _allocate(world: World, allocate: str | Callable[..., Any], more: Mapping[str, Any]) -> World:
    if callable(allocate):
        return addresses.with_allocation(world, allocate)
    return ALLOCATIONS[allocate](world, **({"form": more["form"]} if more.get("form") is not None else {}))


FEATURE_KEYWORDS: dict[str, tuple[object, Callable[[World, Any, Mapping[str, Any]], World]]] = {
    "advertisements": (None, lambda world, it, _: networks.with_advertisements(world, it)),
    "home_agents": (1, lambda world, it, _: home.with_home_agents(world, it)),
    "allocate": (None, _allocate),
    "operator": (None, lambda world, it, _: networks.with_operator(world, it)),
    "security": (False, lambda world, it, _: home.with_security(world, manual=it == "manual")),
    "intercept": (None, lambda world, it, _: home.with_interception(world, it)),
    "policy_server": (False, lambda world, it, _: networks.with_policy_server(world)),
    "collision": (False, lambda world, it, _: home.with_collision(world)),
    "traffic": (None, lambda world, it, more: networks.with_traffic(world, it, more.get("replay"))),
}
"""Keyword of `figure2` -> its value without the feature, and the function that puts the feature in; in this order."""
_EXPECTED: dict[str, Expected] = {
    **dict.fromkeys(("wire", "trains", "home_router", "ingress_filtering", "enhanced"), FLAG),
    **dict.fromkeys(("policy_server", "collision"), FLAG),
    "cns": whole(1, MOST_CNS, "correspondent nodes"),
    "home_agents": whole(1, home.MOST_HOME_AGENTS, "home agents"), "security": one_of(False, True, "manual"),
    "allocate": Expected(f"{_MECHANISM.words}, or a function", lambda it: callable(it) or _MECHANISM.fits(it)),
    "advertisements": optional(networks.INTERVALS),
    "correspondents": optional(mapping(Expected("", callable), 'what makes them, such as {"CN2": Host}')),
    "traffic": optional(PATH), "operator": optional(networks.RULES),
}  # fmt: skip


def _put_in(world: World, more: Mapping[str, Any]) -> World:
    """Put in the features that the keywords ask for."""
    for name, (off, put_in) in FEATURE_KEYWORDS.items():
        if more.get(name, off) is not off:  # a stranger's value need not compare
            put_in(world, more[name], more)
    return world


def _check(own: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Check all keywords before anything is built; return those of the mobile node."""
    given = {**own, **more}
    for name in [name for name in _EXPECTED if name in given]:
        error = DatasetError if name in ("traffic", "operator") else ProtocolMisuse
        check(_EXPECTED[name], error, **{name: given[name]})
    networks.check_replay(more.get("replay"))
    allocate, form = more.get("allocate"), more.get("form")
    if form is not None and allocate != "stateless":
        raise ProtocolMisuse(f"form= with allocate={shown(allocate)}; expected allocate='stateless'", allocate)
    settings = {name: value for name, value in more.items() if name not in {*FEATURE_KEYWORDS, "form", "replay"}}
    own_names = {"home_agent", "home_address", "home_prefix", "operator", "allocate"}
    check_keywords(settings, "a world", FlowMobileNode, MobileNode, without=own_names)
    return settings


# --- Figure 1 and before ---------------------------------------------------------------------------------------------


def plain_mobile_ipv6(seed: int = 0, **keywords: Any) -> World:
    """Build plain Mobile IPv6 (the patent, pages 1 to 3): one home address, one care-of address, all moves at once.

    The same nodes, classes and links as `figure2`, whose keywords it takes; only the rules for home addresses differ.
    """
    title = "One home address, one care-of address for everything (plain Mobile IPv6)"
    return _before(plain_mobile_ipv6, "one care-of address", title, {"seed": seed, **keywords})


def figure1(seed: int = 0, **keywords: Any) -> World:
    """Build the patent's Figure 1, the way before: one home address, so all flows to one correspondent share a binding.

    The same nodes, classes and links as `figure2`, whose keywords it takes; only the rules for home addresses differ.
    """
    title = "One home address, one care-of address per correspondent (the patent's Figure 1)"
    return _before(figure1, "care-of address per flow", title, {"seed": seed, **keywords})


def _before(scenario: Callable[..., World], method: Method, title: str, keywords: dict[str, Any]) -> World:
    """Build the world of `figure2` with the rules of before."""
    if "rules" in keywords:
        given = shown(keywords["rules"])
        raise ProtocolMisuse(f"rules={given}; this world has rules of its own, expected figure2 for others", given)
    world = figure2(**keywords, rules=AssignmentRules(method=method))
    assert world.made is not None
    world.title, world.made = title, Made(scenario, {k: v for k, v in world.made.keywords.items() if k != "rules"})
    return world


SCENARIOS = {"figure1": figure1, "figure2": figure2, "plain": plain_mobile_ipv6}
