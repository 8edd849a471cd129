"""Features of the networks around: router advertisements, the operator's wishes, recorded traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from mipflow.arguments import PATH, SECONDS, Expected, check, check_keywords, fits, mapping, optional
from mipflow.errors import DatasetError
from mipflow.flow.policy.policies import ByOperator, ByRequest, Policies, Policy, policies_of
from mipflow.flow.policy.rules import RuleSet, load_rules
from mipflow.flow.protocols.policy_server import PolicyClient, PolicyServer
from mipflow.lab.features.feature import feature
from mipflow.lab.replay.play import play
from mipflow.lab.replay.play import replay as replay_capture
from mipflow.lab.world import World
from mipflow.node.interface import Interface
from mipflow.node.router import AccessRouter
from mipflow.sim.link import Link
from mipflow.wire.address import Prefix

POLICY, POLICY_SERVER = Prefix.parse("2001:db8:400::/64"), 0x9
POLICY_LINK = Link(delay_ms=10, rate_bps=100_000_000)

INTERVALS = Expected("two numbers of seconds", lambda it: len(it) == 2 and all(fits(each, SECONDS) for each in it))
RULES = Expected("rules, or a file of them", lambda rules: isinstance(rules, RuleSet) or PATH.fits(rules))
KEYWORDS = mapping(Expected("", lambda value: True), "keywords of lab.replay.play.replay")


def _access(world: World) -> Iterator[tuple[AccessRouter, Interface]]:
    """Yield the access routers where the mobile node is, each with its interface there."""
    for own in world.mn.interfaces.values():
        for port in () if own.segment is None else own.segment.ports:
            if isinstance(port, Interface) and isinstance(port.node, AccessRouter):
                yield port.node, port


@feature(before=("home_agents",))
def with_advertisements(world: World, advertisements: tuple[float, float] = (0.5, 1.5)) -> None:
    """Have access routers and home agents advertise without being asked, at random intervals between two numbers of
    seconds. Raises ProtocolMisuse for what RFC 4861 section 6.2.1 and RFC 6275 section 7.5 do not allow.
    """
    check(INTERVALS, advertisements=advertisements)
    at_home = ((agent, agent.home_link) for agent in world.home_agents)
    for router, interface in (*at_home, *_access(world)):
        router.neighbor.advertise_every(interface, *advertisements)


@feature()
def with_policy_server(world: World) -> None:
    """Put "PS" into the network, which sends rules to the mobile node (pages 11 and 12):
    `world.policy_server.indicate(home_address, text)`. Where no policy was given, its networks are those asked for.
    """
    network, mn = world.network, world.mn
    segment = network.add_segment("policy", POLICY_LINK, POLICY)
    world.internet.serve(segment)
    world.policy_server = PolicyServer(network, "PS", 3.6, -1.2)
    world.policy_server.settle(segment, POLICY_SERVER)
    key = network.random("MN/PS/shared key").randbytes(32)
    world.policy_server.share_key(mn.primary_home_address, key)
    PolicyClient(mn, world.policy_server.address, key, mn.network_asks)
    _follow(world, 10, ByRequest())


@feature()
def with_operator(world: World, operator: RuleSet | str | PathLike[str]) -> None:
    """Give the mobile node the network operator's rules, or a file of them (see datasets/rules). Where no policy was
    given, they say the networks too, after the policy server. Raises DatasetError for what cannot be followed.
    """
    check(RULES, DatasetError, operator=operator)
    rules = operator if isinstance(operator, RuleSet) else load_rules(operator)
    world.mn.stack.operator_rules.rules = rules
    _follow(world, 20, ByOperator(rules))


def _follow(world: World, priority: int, policy: Policy) -> None:
    """Have the mobile node choose networks by one more policy, unless it was made with some."""
    if world.made is None or "policy" not in world.made.keywords:
        world.policies.append((priority, policy))
        world.mn.networks.policies = policies_of(Policies(world.policies))


@feature()
def with_traffic(world: World, traffic: str | PathLike[str], replay: Mapping[str, Any] | None = None) -> None:
    """Replay a capture: the world runs until all its flows are bound, which is the capture's time zero. So all other
    features come before.

    replay: keywords of `lab.replay.play.replay`. Raises DatasetError for a file that is no capture.
    """
    check(PATH, DatasetError, traffic=traffic)
    check_replay(replay)
    cns = len(world.cns) if world.made is None else world.made.keywords.get("cns", len(world.cns))
    replay_capture(world, traffic, **{"cns": cns, **(replay or {})})


def check_replay(replay: Mapping[str, Any] | None) -> None:
    """Raise ProtocolMisuse for what are no keywords of a replay."""
    check(optional(KEYWORDS), replay=replay)
    check_keywords(replay or {}, "replay", replay_capture, play)
