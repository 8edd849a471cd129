"""Neighbor discovery: duplicate address detection both ways, solicitation and advertisement of routers."""

from __future__ import annotations

import pytest

from mipflow.node.host import Host
from mipflow.node.router import Router
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import ALL_NODES, Address, Prefix
from mipflow.wire.icmpv6 import (
    NeighborAdvertisement,
    NeighborSolicitation,
    PrefixInformation,
    RouterAdvertisement,
    RouterSolicitation,
)
from mipflow.wire.packet import Packet
from tests.node.nodes import LEFT, Pair, inject, listen

S = 1_000_000_000


class Asker(Pair):
    """Host A asks whether an address is unique; `said` holds (time in ns, outcome)."""

    def __init__(self, link: Link | None = None) -> None:
        super().__init__(link)
        self.said: list[tuple[int, bool]] = []

    def ask(self, address: Address, host: Host | None = None) -> None:
        asker = host or self.a
        asker.neighbor.detect_duplicate(
            address, asker.interfaces["eth0"], lambda unique: self.said.append((self.network.clock.now, unique))
        )


def test_unique_after_a_second() -> None:
    world = Asker()
    world.ask(LEFT.address(0x77))
    world.run()
    assert world.said == [(S, True)]
    (hop,) = [hop for hop in world.network.trace if isinstance(hop.packet.payload, NeighborSolicitation)]
    assert hop.packet.source == 0 and str(hop.packet.destination) == "ff02::1:ff00:77" and hop.hop_limit == 255


def test_a_duplicate_is_known_after_a_round_trip() -> None:
    world = Asker(Link(delay_ms=7, rate_bps=None))
    seen = listen(world.a, NeighborAdvertisement)
    world.ask(world.b.address)
    world.run()
    assert world.said == [(14_000_000, False)]
    (arrival,) = seen
    advertisement = arrival.packet.payload
    assert isinstance(advertisement, NeighborAdvertisement)
    assert arrival.destination == ALL_NODES and advertisement.override and not advertisement.solicited


def test_two_that_ask_at_once_are_both_refused() -> None:
    world = Asker(Link(delay_ms=5, rate_bps=None))
    world.ask(LEFT.address(0x77))
    world.run(0.1)
    world.ask(LEFT.address(0x77), world.b)
    world.run()
    assert world.said == [(105_000_000, False), (S + 100_000_000, True)], "the first hears the second's probe"


def test_asked_again_the_first_question_is_replaced() -> None:
    """Advertisements to all nodes may come twice within a second: no timer of the first probe may stay behind."""
    world = Asker(Link(delay_ms=400, rate_bps=None))
    world.ask(world.b.address)
    world.run(0.1)
    world.ask(world.b.address)
    world.run()
    assert world.said == [(800_000_000, False)]


def test_an_answer_for_another_address_says_nothing() -> None:
    world = Asker()
    world.ask(LEFT.address(0x77))
    world.b.neighbor.advertise(LEFT.address(0x78), world.b.interfaces["eth0"])
    world.run()
    assert world.said == [(S, True)]


def test_a_solicitation_from_an_address_is_answered_to_it() -> None:
    world = Asker(Link(delay_ms=5))
    seen = listen(world.a, NeighborAdvertisement)
    world.a.interfaces["eth0"].multicast(
        Packet(
            world.a.interfaces["eth0"].link_local,
            world.b.address.solicited_node(),
            NeighborSolicitation(world.b.address),
            255,
        )
    )
    world.run(1)
    assert [(arrival.destination, arrival.packet.payload.solicited) for arrival in seen] == [  # type: ignore[attr-defined]
        (world.a.interfaces["eth0"].link_local, True)
    ]


# --- routers ---------------------------------------------------------------------------------------------------------


class Visitor:
    """A host on an access link, and what prefixes it hears of."""

    def __init__(self, with_router: bool = True, link: Link | None = None) -> None:
        self.network = Network(1, wire=True)
        self.segment = self.network.add_segment("access", link or Link(delay_ms=5, rate_bps=None), LEFT)
        if with_router:
            self.router = Router(self.network, "AR")
            self.router.serve(self.segment)
        self.host = Host(self.network, "H")
        self.interface = self.host.add_interface("eth0", 5)
        self.interface.join(self.segment)
        self.heard: list[tuple[int, Prefix]] = []
        self.host.neighbor.on_prefix = lambda _, prefix: self.heard.append((self.network.clock.now, prefix))

    def run(self, seconds: float = 60) -> Visitor:
        self.network.run_until(self.network.clock.now + round(seconds * S))
        return self

    def asked(self) -> list[int]:
        return [hop.sent_ns for hop in self.network.trace if isinstance(hop.packet.payload, RouterSolicitation)]


def test_solicited_advertisement_gives_router_and_prefix() -> None:
    world = Visitor()
    world.host.neighbor.solicit(world.interface)
    world.run()
    assert world.heard == [(10_000_000, LEFT)]
    assert world.interface.router is world.router.interfaces["access"]
    assert world.asked() == [0], "the answer ends the asking"


def test_without_an_answer_three_solicitations_four_seconds_apart() -> None:
    world = Visitor(with_router=False)
    other = Host(world.network, "other")
    other.settle(world.segment, 6)
    world.host.neighbor.solicit(world.interface)
    assert world.run().asked() == [0, 4 * S, 8 * S]


def test_an_advertisement_from_beyond_the_link_is_dropped() -> None:
    world = Visitor()
    advertisement = RouterAdvertisement(options=(PrefixInformation(LEFT.network),))
    for source, limit in (("fe80::1", 254), ("2001:db8:1::1", 255)):
        inject(world.host, Packet(Address(source), ALL_NODES, advertisement, hop_limit=limit))
    assert world.heard == []
    assert [drop.reason for drop in world.network.trace.drops()] == ["router advertisement from beyond the link"] * 2


@pytest.mark.parametrize("option", [{"autonomous": False}, {"prefix_length": 48}])
def test_prefixes_that_are_not_for_addresses(option: dict[str, object]) -> None:
    world = Visitor()
    advertisement = RouterAdvertisement(options=(PrefixInformation(LEFT.network, **option),))  # type: ignore[arg-type]
    inject(world.host, Packet(Address("fe80::1"), ALL_NODES, advertisement, hop_limit=255))
    assert world.heard == []


def test_a_router_lifetime_of_zero_is_no_default_router() -> None:
    """RFC 4861 section 6.3.4: such a router is not, or no longer, a default router; its prefixes count all the same."""
    world = Visitor()
    options = (PrefixInformation(LEFT.network),)
    link_local = world.router.interfaces["access"].link_local
    for lifetime, router in ((0, None), (1800, world.router.interfaces["access"]), (0, None)):
        message = RouterAdvertisement(router_lifetime_s=lifetime, options=options)
        inject(world.host, Packet(link_local, ALL_NODES, message, hop_limit=255))
        assert world.interface.router is router
    assert len(world.heard) == 3


def test_a_router_on_a_link_without_a_prefix_says_nothing() -> None:
    network = Network(1)
    segment = network.add_segment("bare", Link())
    router, host = Router(network, "R"), Host(network, "H")
    router.serve(segment)
    host.add_interface("eth0", 5).join(segment)
    seen = listen(host, RouterAdvertisement)
    host.neighbor.solicit(host.interfaces["eth0"], attempt=3)
    network.run_until(S)
    assert seen == []
