"""Nodes of Mobile IPv6 without discovery and IP security: the parts that they begin with do nothing, and are enough."""

from __future__ import annotations

import pytest

from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.parts import AnycastAnswers, HomeAgentSearch, PrefixNews, PrefixSearch, Security
from mipflow.node.host import Host
from mipflow.node.router import AccessRouter, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire import icmpv6
from mipflow.wire.address import Prefix
from mipflow.wire.packet import Packet
from tests.mip6.worlds import S

HOME, ACCESS = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:200::/64")
OWN = HOME.address(0x10)


class Bare:
    """A home agent and a mobile node on an access network, with no part put into them."""

    def __init__(self) -> None:
        self.network = network = Network(3, wire=True)
        self.ha, router = HomeAgent(network, "HA"), AccessRouter(network, "AR")
        self.link = join_routers(network, router, self.ha, Link(delay_ms=10, rate_bps=None))
        self.ha.serve_home(network.add_segment("home", Link(delay_ms=1, rate_bps=None), HOME), 7)
        access = network.add_segment("wlan0", Link(delay_ms=1, rate_bps=None), ACCESS)
        router.serve(access)
        self.mobile = MobileNode(Host(network, "MN"), home_agent=self.ha.home_agent_address, home_address=OWN)
        self.mobile.visit("wlan0", access)

    def run(self, until_s: float) -> list[str]:
        """Run up to a time. Return the reasons of all drops so far, with the node."""
        self.network.run_until(round(until_s * S))
        return [f"{drop.node}: {drop.reason}" for drop in self.network.trace.drops()]


@pytest.fixture
def bare() -> Bare:
    return Bare()


def test_every_node_begins_with_parts_that_do_nothing(bare: Bare) -> None:
    mobile, ha = bare.mobile, bare.ha
    assert [type(part) for part in (mobile.ip_security, mobile.address_discovery, mobile.prefixes)] == [
        Security, HomeAgentSearch, PrefixSearch,
    ]  # fmt: skip
    assert [type(part) for part in (ha.ip_security, ha.address_discovery, ha.prefixes)] == [
        Security, AnycastAnswers, PrefixNews,
    ]  # fmt: skip


def test_a_bare_mobile_node_registers_and_its_tunnel_carries_packets_as_they_are(bare: Bare) -> None:
    assert bare.run(5) == [] and OWN in bare.ha.bindings
    assert bare.mobile.registered_at_home(OWN) == ACCESS.address(0x10)
    heard: list[Packet] = []
    bare.mobile.host.handlers[icmpv6.EchoReply] = lambda arrival: heard.append(arrival.packet)
    bare.mobile.host.send(Packet(OWN, bare.ha.home_agent_address, icmpv6.EchoRequest(1, 1, b"")))
    assert bare.run(6) == [] and len(heard) == 1


def test_a_bare_home_agent_answers_no_question_about_prefixes_and_home_agents(bare: Bare) -> None:
    bare.run(5)
    for question in (icmpv6.MobilePrefixSolicitation(1), icmpv6.HomeAgentAddressDiscoveryRequest(1)):
        bare.mobile.host.send_direct(Packet(ACCESS.address(0x10), bare.ha.home_agent_address, question))
    assert len(bare.run(6)) == 2


def test_a_bare_mobile_node_stays_with_a_home_agent_that_is_silent(bare: Bare) -> None:
    bare.link.set_up(False)
    bare.run(300)
    assert bare.mobile.home_agent == bare.ha.home_agent_address and OWN not in bare.ha.bindings
    bare.link.set_up(True)
    bare.run(340)
    assert OWN in bare.ha.bindings
