"""Ready worlds: Figures 1 and 2 of the patent. Each is a function of about thirty lines; write yours beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, Literal, cast, get_args

from mipflow.arguments import (
    FLAG,
    PATH,
    SECONDS,
    Expected,
    check,
    check_keywords,
    make,
    mapping,
    one_of,
    optional,
    whole,
)
from mipflow.errors import DatasetError, ProtocolMisuse, TopologyError, shown
from mipflow.flow.allocation.allocation import DiscoveredAllocation, Form, GeneratedAllocation, wrong_formed
from mipflow.flow.allocation.dhcpv6_client import Dhcpv6Allocation
from mipflow.flow.allocation.dhcpv6_relay import Dhcpv6Relay
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server, Leases
from mipflow.flow.learner.guard import guarded
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy.policies import ByOperator, ByRequest, Policies
from mipflow.flow.policy.rules import RuleSet, load_rules
from mipflow.flow.protocols.address_protocol import AddressBook, AddressGranter, AddressProtocolAllocation
from mipflow.flow.protocols.policy_server import PolicyClient, PolicyServer
from mipflow.flow.redirector import AssignmentRules
from mipflow.lab.interception import Interception
from mipflow.lab.replay.play import play
from mipflow.lab.replay.play import replay as replay_capture
from mipflow.lab.world import World
from mipflow.mip6 import discovery
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced.cga import AddressOwner
from mipflow.mip6.enhanced.correspondent_node import EnhancedCorrespondent
from mipflow.mip6.enhanced.registrations import EnhancedRegistrations
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.security.key_exchange import KeyExchange
from mipflow.node.host import Host
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.link import LINK, Link
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.wire.address import UNSPECIFIED, Address, Prefix

HOME, WLAN, CELLULAR, POLICY = (Prefix.parse(f"2001:db8:{net}::/64") for net in ("100", "200", "300", "400"))
FIRST_CN_NETWORK, MOST_CNS = 0xA, 64
"""CN1 is on 2001:db8:a::/64, CN2 on 2001:db8:b::/64, and so on."""
POLICY_SERVER, DHCP_SERVER, FIRST_LEASE, FIRST_GRANT = 0x9, 0x99, 0xD00, 0x1000
DHCP_SERVER_DUID = b"\0\3\0\1\2\0\0\0\0\x99"
"""DUID-LL with the server's link-layer address (RFC 8415 section 11.4)."""
Mechanism = Literal["stateless", "dhcpv6", "request"]
"""The three ways to allocate home addresses of the patent's pages 8 and 9."""
MOST_HOME_AGENTS = 8
MOBILE_NODE, HOME_AGENT, CNS = 0x10, 0x7, (0x5, 0x6, *range(0x8, 0x8 + MOST_CNS))
"""Interface identifiers; 5, 6 and 7 are the numbers of the patent's figures."""

HOME_PLACES = (3.0, 2.6), (1.7, 2.6)
MORE_HOME_PLACES = (3.2, 3.8), (2.0, 3.8), (0.8, 3.8), (1.2, 3.0), (0.0, 2.6), (4.1, 3.2), (5.2, 3.8)
"""Where further home agents stand in pictures, two of them or more: no line from the first one is under a card."""
HOME_ADVERTISEMENTS_S = 0.5, 0.9
"""Between router advertisements of several home agents: they know each other when a mobile node first asks."""

LINKS: dict[str, Link] = {
    "wlan0": Link(delay_ms=5, rate_bps=20_000_000), "cell0": Link(delay_ms=35, rate_bps=6_000_000),
    "AR2-Internet": Link(delay_ms=5, rate_bps=1_000_000_000),
    "AR3-Internet": Link(delay_ms=10, rate_bps=1_000_000_000),
    "Internet-HA": Link(delay_ms=10, rate_bps=1_000_000_000), "home": Link(delay_ms=1, rate_bps=1_000_000_000),
    "cn1": Link(delay_ms=10, rate_bps=100_000_000), "cn2": Link(delay_ms=15, rate_bps=100_000_000),
}
"""The links of the figures where nothing else is asked for."""

_INTERVALS = Expected("two numbers of seconds", lambda it: len(it) == 2 and all(SECONDS.fits(each) for each in it))
_MECHANISM = one_of(None, *get_args(Mechanism))
_ALLOCATE = Expected(f"{_MECHANISM.words}, or a function", lambda it: callable(it) or _MECHANISM.fits(it))
_MAKERS = mapping(Expected("", callable), 'what makes them, such as {"CN2": Host}')
_LINKS = mapping(LINK, 'links, such as {"wlan0": mf.Link(delay_ms=5)}')
_RULES = Expected("rules, or a file of them", lambda rules: isinstance(rules, RuleSet) or PATH.fits(rules))
_KEYWORDS = mapping(Expected("", lambda value: True), "keywords of lab.replay.play.replay")
_OWN = {"home_agent", "home_address", "home_prefix", "operator"}


def figure2(
    seed: int = 0, traffic: str | PathLike[str] | None = None, links: Mapping[str, Link] | None = None,
    trace: Mode = "all", wire: bool = False, replay: Mapping[str, Any] | None = None, cns: int = 2,
    correspondents: Mapping[str, Callable[..., Any]] | None = None, home_router: bool = False, home_agents: int = 1,
    advertisements: tuple[float, float] | None = None, security: bool | Literal["manual"] = False,
    ingress_filtering: bool = False, enhanced: bool = False, allocate: Mechanism | Callable[..., Address] | None = None,
    policy_server: bool = False, operator: RuleSet | str | PathLike[str] | None = None, collision: bool = False,
    form: Form | None = None, intercept: Callable[..., Any] | None = None, **mobile_node: Any,
) -> World:
    """The patent's Figure 2: mobile node, WLAN (2), cellular network (3), Internet (4), CN1 (5), CN2 (6) and HA (7).

    seed: of every random stream; traffic: a capture to replay, with `replay` as keywords of `lab.replay.play.replay`:
    the world then stands at the capture's time zero, all its flows bound, and `run` plays them; links: other links by
    name (see `LINKS`); trace: "all", "control" or "off"; wire: re-parse control packets from bytes; cns: how many
    correspondent nodes there are, at least the two of the patent, or share the capture's hosts; correspondents: what
    they are, where not `CorrespondentNode`: {"CN2": Host} knows nothing of Mobile IPv6; home_router: a router of its
    own stands between the Internet and the home link, and the home agent only on that; home_agents: how many stand on
    the home link, "HA" the most preferable; of several the mobile node discovers one; advertisements: least and most
    seconds between unasked router advertisements on the access links and the home link; ingress_filtering: whether
    access routers drop what has another source than an address of their link; security: ESP between mobile node and
    home agent, with keys that an exchange makes, or "manual" ones; enhanced: home addresses are generated from a key,
    and all know enhanced route optimisation (RFC 4866); allocate: how the mobile node gets further home addresses:
    "stateless" by mobile prefix discovery, "dhcpv6" from a server on the home link through the home agent as relay,
    "request" by a protocol of our own with a home agent that is adapted for it, or a function of the learner's, called
    as allocate(prefix, taken); without it, stateless from the home prefix that the mobile node knows from the start;
    form: a learner's function that forms home addresses, called as form(advert, taken), for "stateless"; intercept: a
    learner's function by which home agents forward, called as intercept(packet, cache, now), with what
    `lab.interception` says; collision: whether somebody on the home link has the first further home address already,
    whichever way it comes; policy_server: whether "PS" can send rules to the mobile node:
    `world.policy_server.indicate(home_address, text)`; operator: the network operator's rules, or a file of them (see
    datasets/rules); where no policy is given, networks are those that the policy server asks for, then those of the
    operator's rules; further keywords go to `FlowMobileNode` (mode, rules, assign, separator, policy, home_bindings,
    pool, hold_down_s, reuse_tokens). Raises DatasetError for a file of rules that cannot be followed, TopologyError for
    an unknown link and ProtocolMisuse for a number of correspondent nodes or a word that cannot be.
    """
    check(whole(1, MOST_CNS, "correspondent nodes"), cns=cns)
    check(whole(1, MOST_HOME_AGENTS, "home agents"), home_agents=home_agents)
    check(FLAG, wire=wire, home_router=home_router, ingress_filtering=ingress_filtering, enhanced=enhanced)
    check(FLAG, policy_server=policy_server, collision=collision)
    check(one_of(False, True, "manual"), security=security)
    check(_ALLOCATE, allocate=allocate)
    check(optional(_INTERVALS), advertisements=advertisements)
    check(optional(_MAKERS), correspondents=correspondents)
    check(optional(_LINKS), TopologyError, links=links)
    check(optional(PATH), DatasetError, traffic=traffic)
    check(optional(_RULES), DatasetError, operator=operator)
    check(optional(_KEYWORDS), replay=replay)
    check_keywords(mobile_node, "a world", FlowMobileNode, MobileNode, without=_OWN)
    check_keywords(replay or {}, "replay", replay_capture, play)
    spec, total = _links(links, cns), max(cns, 2)
    network = Network(seed, trace, wire)
    internet = Router(network, "Internet", 4.0, 0.0)
    agents = _home(network, internet, spec, home_agents, home_router, advertisements)
    knows_keys = partial(CorrespondentNode, part=EnhancedCorrespondent)
    kinds = _kinds(correspondents or {}, total, knows_keys if enhanced else CorrespondentNode)
    home_address = HOME.address(MOBILE_NODE)
    if enhanced:
        owner = AddressOwner(network.random("MN/generated addresses"))
        home_address = owner.generate(HOME)
        generated = GeneratedAllocation(HOME, owner)
        mobile_node = {
            "registrations": partial(EnhancedRegistrations, owner=owner), "allocation": lambda node: generated,
            **mobile_node,
        }  # fmt: skip
    peers = [_correspondent(network, internet, spec, maker, number, total) for number, maker in enumerate(kinds)]
    known = agents[0].home_agent_address if home_agents == 1 else UNSPECIFIED
    book = AddressBook(HOME, FIRST_GRANT) if allocate == "request" else None
    if form is not None:
        if allocate != "stateless":
            raise ProtocolMisuse(f"form= with allocate={shown(allocate)}; expected allocate='stateless'", allocate)
        form = guarded("form", form, "advert, taken", wrong_formed)
    if allocate is not None:
        mobile_node = {**_allocation(allocate, network, agents, home_address, book, form), **mobile_node}
    rules = operator if isinstance(operator, RuleSet | None) else load_rules(operator)
    if rules is not None or policy_server:
        mobile_node = {"policy": _policies(rules, policy_server), **mobile_node}
    mn = FlowMobileNode(
        network, "MN", 0.0, 0.0, home_agent=known, home_address=home_address, home_prefix=HOME, operator=rules,
        **mobile_node,
    )  # fmt: skip
    discovery.of_mobile_node(mn.mobility)
    for agent in agents if security else ():
        KeyExchange(mn.mobility, agent, is_dynamic=security != "manual")
    for interface, name, prefix, y in (("wlan0", "AR2", WLAN, 1.2), ("cell0", "AR3", CELLULAR, -1.2)):
        router = AccessRouter(network, name, 2.0, y)
        join_routers(network, router, internet, spec[f"{name}-Internet"])
        segment = network.add_segment(interface, spec[interface], prefix)
        served = router.serve(segment, ingress_filtering=ingress_filtering)
        if advertisements is not None:
            router.neighbor.advertise_every(served, *advertisements)
        mn.visit(interface, segment)
    mn.networks.check()
    world = World(network, mn, agents[0], peers, internet, "A home address for each flow (the patent's Figure 2)")
    world.home_agents, world.address_book = agents, book
    if intercept is not None:
        world.interceptions = [Interception(agent, intercept) for agent in agents]
    if policy_server:
        world.policy_server = _policy_server(network, internet, mn)
    if collision:
        first = {"dhcpv6": FIRST_LEASE, "request": FIRST_GRANT}.get(str(allocate), MOBILE_NODE + 1)
        somebody_at_home(network, [HOME.address(first)])
    if traffic is not None:
        replay_capture(world, traffic, **{"cns": cns, **(replay or {})})
    return world


def somebody_at_home(network: Network, addresses: Sequence[Address], interface_identifier: int | None = None) -> Host:
    """Put a printer on the home link that has these addresses, by hand: no server and no home agent knows of it."""
    printer = Host(network, "Printer", 2.4, 2.6)
    identifier = addresses[0].interface_identifier if interface_identifier is None else interface_identifier
    interface = printer.settle(network.segments["home"], identifier)
    for address in addresses:
        if address not in interface.addresses:
            interface.add_address(address)
    return printer


def plain_mobile_ipv6(seed: int = 0, **keywords: Any) -> World:
    """Plain Mobile IPv6 (the patent, pages 1 to 3): one home address, one care-of address, all moves at once.

    The same nodes, classes and links as `figure2`, whose keywords it takes; only the rules for home addresses differ.
    """
    title = "One home address, one care-of address for everything (plain Mobile IPv6)"
    return _before(seed, AssignmentRules(method="one care-of address"), title, keywords)


def figure1(seed: int = 0, **keywords: Any) -> World:
    """The patent's Figure 1, the way before: one home address, so all flows to one correspondent share a binding.

    The same nodes, classes and links as `figure2`, whose keywords it takes; only the rules for home addresses differ.
    """
    title = "One home address, one care-of address per correspondent (the patent's Figure 1)"
    return _before(seed, AssignmentRules(method="care-of address per flow"), title, keywords)


def _before(seed: int, rules: AssignmentRules, title: str, keywords: dict[str, Any]) -> World:
    """The world of `figure2` with the rules of before."""
    if "rules" in keywords:
        given = shown(keywords["rules"])
        raise ProtocolMisuse(f"rules={given}; this world has rules of its own, expected figure2 for others", given)
    world = figure2(seed, rules=rules, **keywords)
    world.title = title
    return world


SCENARIOS = {"figure1": figure1, "figure2": figure2, "plain": plain_mobile_ipv6}


def _home(
    network: Network, internet: Router, spec: Mapping[str, Link], home_agents: int, home_router: bool,
    advertisements: tuple[float, float] | None,
) -> list[HomeAgent]:  # fmt: skip
    """The home link with its home agents, behind the first of them or behind a router of its own."""
    is_crowded = home_agents > len(HOME_PLACES) + 1
    first, of_router = ((6.0, 2.6), (4.0, 2.0)) if is_crowded and home_router else ((4.0, 2.0), (4.0, 1.0))
    agents = [HomeAgent(network, "HA", *first)]
    for number in range(2, home_agents + 1):
        x, y = (MORE_HOME_PLACES if is_crowded else HOME_PLACES)[number - 2]
        agents.append(HomeAgent(network, f"HA{number}", x, y))
    home = network.add_segment("home", spec["home"], HOME)
    gateway: Router = agents[0]
    if home_router:
        gateway = Router(network, "HR", *of_router)
        gateway.serve(home)
    join_routers(network, internet, gateway, spec["Internet-HA"])
    for number, agent in enumerate(agents):
        agent.serve_home(home, HOME_AGENT + 16 * number)
        discovery.of_home_agent(agent)
        if home_agents > 1:
            agent.home.preference = home_agents - number
        if home_agents > 1 or advertisements is not None:
            agent.neighbor.advertise_every(agent.home_link, *(advertisements or HOME_ADVERTISEMENTS_S))
    return agents


def _allocation(
    allocate: Mechanism | Callable[..., Address], network: Network, agents: list[HomeAgent], home_address: Address,
    book: AddressBook | None, form: Form | None,
) -> dict[str, Any]:  # fmt: skip
    """Choose the maker of further home addresses, as keywords of the mobile node; set up the servers that it takes."""
    if callable(allocate):
        return {"allocate": allocate}
    if allocate == "stateless":
        return {"allocation": partial(DiscoveredAllocation, form=form)}
    if allocate == "dhcpv6":
        leases = Leases(DHCP_SERVER_DUID, HOME, FIRST_LEASE)
        server = Dhcpv6Server(network, "DHCP", 5.6, 3.1 if len(agents) > 3 else 2.6, leases=leases)
        server.settle(network.segments["home"], DHCP_SERVER)
        for agent in agents:
            agent.home.relay = Dhcpv6Relay(agent, server.address)
        return {"allocation": Dhcpv6Allocation}
    key = network.random("MN/home addresses").randbytes(32)
    assert book is not None
    for agent in agents:
        AddressGranter(agent, book).share_key(home_address, key)
    return {"allocation": partial(AddressProtocolAllocation, key=key)}


def _policies(rules: RuleSet | None, policy_server: bool) -> Policies:
    """Where no other policy is given: what the network asks for, before what the operator's rules say."""
    asked = [(10, ByRequest())] if policy_server else []
    return Policies([*asked, *([] if rules is None else [(20, ByOperator(rules))])])


def _policy_server(network: Network, internet: Router, mn: FlowMobileNode) -> PolicyServer:
    """A node in the network whose rules the mobile node follows; both share a key."""
    segment = network.add_segment("policy", LINKS["cn1"], POLICY)
    internet.serve(segment)
    server = PolicyServer(network, "PS", 3.6, -1.2)
    server.settle(segment, POLICY_SERVER)
    key = network.random("MN/PS/shared key").randbytes(32)
    server.share_key(mn.primary_home_address, key)
    PolicyClient(mn, server.address, key, mn.network_asks)
    return server


def _kinds(
    named: Mapping[str, Callable[..., CorrespondentNode]], total: int, usual: Callable[..., CorrespondentNode]
) -> list[Callable[..., CorrespondentNode]]:
    """Choose the maker of each correspondent node. Raises TopologyError for the name of one that there is not."""
    names = [f"CN{number}" for number in range(1, total + 1)]
    unknown = sorted(set(named) - set(names))
    if unknown:
        raise TopologyError(f"there is no correspondent {unknown[0]!r}; expected one of {', '.join(names)}", unknown)
    return [named.get(name, usual) for name in names]


def _correspondent(
    network: Network, internet: Router, spec: Mapping[str, Link], maker: Callable[..., CorrespondentNode], number: int,
    total: int,
) -> CorrespondentNode:  # fmt: skip
    """Correspondent node `number` (from 0) of `total`, spread down the right side of the picture."""
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


def _links(changes: Mapping[str, Link] | None, cns: int) -> dict[str, Link]:
    """All links by name; those of further correspondent nodes are like that of the second."""
    known = {**LINKS, **{f"cn{number}": LINKS["cn2"] for number in range(3, cns + 1)}}
    unknown = sorted(set(changes or {}) - set(known))
    if unknown:
        raise TopologyError(f"there is no link {unknown[0]!r}; expected one of {', '.join(known)}", unknown)
    return {**known, **(changes or {})}
