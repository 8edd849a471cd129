"""Neighbor discovery: duplicate address detection both ways, solicitation and advertisement of routers."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.router import Router
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import ALL_NODES, ALL_ROUTERS, Address, Prefix
from mipflow.wire.codec import encode
from mipflow.wire.icmpv6 import (
    AdvertisementInterval,
    NeighborAdvertisement,
    NeighborSolicitation,
    PrefixInformation,
    RouterAdvertisement,
    RouterSolicitation,
)
from mipflow.wire.packet import Packet, Sized
from tests.node.nodes import LEFT, RIGHT, Pair, inject, listen

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


def test_a_link_layer_address_goes_with_what_is_said_but_not_from_the_unspecified_address() -> None:
    """RFC 4861 sections 4.1 to 4.4, RFC 6275 sections 7.5 and 10.4.1: source or target option, read from the octets."""
    world = Visitor()
    world.host.neighbor.solicit(world.interface)
    world.run(1)
    world.interface.add_address(LEFT.address(5))
    world.router.neighbor.detect_duplicate(LEFT.address(5), world.router.interfaces["access"], lambda unique: None)
    world.run(1)
    said = {}
    for hop in world.network.trace:
        octets = encode(hop.packet)[40:]
        said[octets[0]] = octets[{133: 8, 134: 16, 135: 24, 136: 24}[octets[0]] :]
    host, router = bytes.fromhex("020000000005"), bytes.fromhex("020000000001")
    assert (said[133], said[134][-8:]) == (b"\1\1" + host, b"\1\1" + router)
    assert (said[135], said[136]) == (b"", b"\2\1" + host)


# --- routers ---------------------------------------------------------------------------------------------------------


class Visitor:
    """A host on an access link, and what prefixes it hears of."""

    def __init__(self, with_router: bool = True, link: Link | None = None, seed: int = 1) -> None:
        self.network = Network(seed, wire=True)
        self.segment = self.network.add_segment("access", link or Link(delay_ms=5, rate_bps=None), LEFT)
        if with_router:
            self.router = Router(self.network, "AR")
            self.router.serve(self.segment)
        self.host = Host(self.network, "H")
        self.interface = self.host.add_interface("eth0", 5)
        self.interface.join(self.segment)
        self.heard: list[tuple[int, Prefix]] = []
        self.host.neighbor.on_advertisement.append(self.hear)

    def hear(self, interface: Interface, message: RouterAdvertisement, source: Address) -> None:
        for option in message.options:
            if isinstance(option, PrefixInformation):
                self.heard.append((self.network.clock.now, Prefix.around(option.prefix, option.prefix_length)))

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


def test_one_advertisement_answers_all_who_solicit_at_the_same_instant() -> None:
    """RFC 4861 section 6.2.6: a single advertisement is sent in response to multiple solicitations."""
    world = Visitor()
    other = Host(world.network, "other")
    beside = other.add_interface("eth0", 6)
    beside.join(world.segment)
    for host, interface, times in ((world.host, world.interface, 1), (other, beside, 1), (other, beside, 2)):
        for _ in range(times):
            host.neighbor.solicit(interface)
        if host is other:
            world.run(1)
    told = [hop for hop in world.network.trace if isinstance(hop.packet.payload, RouterAdvertisement)]
    assert [(hop.sent_ns, hop.channel.receiver) for hop in told] == [
        (5_000_000, "H"), (5_000_000, "other"), (1_005_000_000, "H"), (1_005_000_000, "other"),
    ]  # fmt: skip
    assert world.interface.router is beside.router is world.router.interfaces["access"]


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
    assert [drop.reason for drop in world.network.trace.drops()] == [
        "RouterAdvertisement from beyond the link", "RouterAdvertisement from an address that is not link-local",
    ]  # fmt: skip


@pytest.mark.parametrize("message", [RouterSolicitation(), NeighborSolicitation(LEFT.address(1))])
def test_solicitations_from_beyond_the_link_are_dropped(message: Sized) -> None:
    """RFC 4861 sections 6.1.1 and 7.1.1."""
    world = Visitor()
    inject(world.router, Packet(Address("fe80::5"), ALL_ROUTERS, message, hop_limit=254), "access")
    world.run(1)
    assert [d.reason for d in world.network.trace.drops()] == [f"{type(message).__name__} from beyond the link"]
    assert len(world.network.trace) == 0, "nothing was answered"


# --- routers that advertise without being asked (RFC 4861 section 6.2, RFC 6275 section 7) ----------------------------


def advertised(world: Visitor, min_s: float, max_s: float, run_s: float) -> list[tuple[int, RouterAdvertisement]]:
    """When which advertisements left, where the router advertises without being asked."""
    world.router.neighbor.advertise_every(world.router.interfaces["access"], min_s, max_s)
    world.run(run_s)
    messages = [(hop.sent_ns, hop.packet) for hop in world.network.trace]
    assert all(packet.destination == ALL_NODES and packet.source.is_link_local for _, packet in messages)
    return [(t, packet.payload) for t, packet in messages if isinstance(packet.payload, RouterAdvertisement)]


@pytest.mark.parametrize(("min_s", "max_s"), [(1.0, 3.0), (0.05, 1.5), (0.03, 0.07)])
def test_advertisements_come_at_random_intervals_between_the_two(min_s: float, max_s: float) -> None:
    """RFC 4861 section 6.2.4 with the intervals that RFC 6275 section 7.5 allows."""
    times = [t for t, _ in advertised(Visitor(link=Link(delay_ms=0, rate_bps=None)), min_s, max_s, 500 * max_s)]
    gaps = [(after - before) / S for before, after in zip([0, *times], times, strict=False)]
    assert min_s <= min(gaps) and max(gaps) <= max_s
    assert abs(sum(gaps) / len(gaps) - (min_s + max_s) / 2) < 0.05 * (max_s - min_s), "uniformly between them"
    assert len(set(gaps)) > 0.9 * len(gaps)


@pytest.mark.parametrize(
    ("max_s", "option_ms", "lifetime_s"), [(0.07, 90, 1), (0.19, 210, 1), (0.2, 200, 1), (3, 3000, 9)]
)
def test_the_advertisement_interval_option_says_the_longest_interval(
    max_s: float, option_ms: int, lifetime_s: int
) -> None:
    """RFC 6275 sections 7.3 and 7.5: MaxRtrAdvInterval in ms, 20 ms more below 200; the lifetime at least a second."""
    (_, message), *_ = advertised(Visitor(), 0.03, max_s, max_s)
    assert [o.interval_ms for o in message.options if isinstance(o, AdvertisementInterval)] == [option_ms]
    assert message.router_lifetime_s == lifetime_s


def test_the_first_three_advertisements_are_at_most_sixteen_seconds_apart() -> None:
    """RFC 4861 section 6.2.4: MAX_INITIAL_RTR_ADVERTISEMENTS of MAX_INITIAL_RTR_ADVERT_INTERVAL."""
    times = [t for t, _ in advertised(Visitor(link=Link(delay_ms=0, rate_bps=None)), 200, 600, 2000)]
    assert times[:3] == [16 * S, 32 * S, 48 * S] and times[3] - times[2] >= 200 * S


def test_a_solicited_advertisement_waits_at_random_and_for_the_rate_limit() -> None:
    """RFC 4861 section 6.2.6: up to MAX_RA_DELAY_TIME, and MIN_DELAY_BETWEEN_RAS after the one before."""
    delays = []
    for seed in range(20):
        world = Visitor(link=Link(delay_ms=0, rate_bps=None), seed=seed)
        world.router.neighbor.advertise_every(world.router.interfaces["access"], 200, 600)
        world.host.neighbor.solicit(world.interface)
        world.host.neighbor.solicit(world.interface)
        world.run(1)
        (first,) = [t for t, _ in world.heard]  # one answers both
        delays.append(first)
        assert 0 <= first <= S / 2
        world.host.neighbor.solicit(world.interface)
        _, second = [t for t, _ in world.run(9).heard]
        assert 3 * S <= second - first <= 3.5 * S
        world.host.neighbor.solicit(world.interface)
        assert 0 <= world.run(1).heard[2][0] - 10 * S <= S / 2
    assert len(set(delays)) == len(delays)


@pytest.mark.parametrize("intervals", [(0.02, 0.07), (0.03, 0.06), (1, 1.2), (100, 1801), (-1, 3)])
def test_intervals_that_cannot_be(intervals: tuple[float, float]) -> None:
    """RFC 6275 section 7.5, RFC 4861 section 6.2.1."""
    world = Visitor()
    with pytest.raises(ProtocolMisuse, match=f"advertisements every {intervals[0]} to {intervals[1]} s; expected 0.03"):
        world.router.neighbor.advertise_every(world.router.interfaces["access"], *intervals)


def test_a_router_that_is_told_nothing_advertises_only_when_asked() -> None:
    """RFC 6275 section 7.5: such intervals MUST NOT be the default."""
    world = Visitor()
    assert len(world.run(10_000).network.trace) == 0


def test_each_prefix_has_the_routers_whole_address_in_it_and_the_r_bit() -> None:
    """RFC 6275 sections 7.2 and 8.3, by octets: the same in every advertisement."""
    world = Visitor()
    world.router.neighbor.advertise_every(world.router.interfaces["access"], 1, 3)
    world.run(60)
    told = [encode(hop.packet)[40:] for hop in world.network.trace]
    options = {message[16:48] for message in told if message[0] == 134}
    (option,) = options
    assert option[:4] == bytes([3, 4, 64, 0x80 | 0x40 | 0x20]) and option[16:] == LEFT.address(1).packed
    assert len(told) > 20


def test_an_announced_prefix_is_advertised_with_its_lifetimes() -> None:
    """RFC 4861 section 6.2.1: AdvValidLifetime and AdvPreferredLifetime of each prefix."""
    world = Visitor()
    world.router.announce(world.router.interfaces["access"], LEFT, 7200, 0)
    world.router.announce(world.router.interfaces["access"], RIGHT, 100, 50)
    seen = listen(world.host, RouterAdvertisement)
    world.host.neighbor.solicit(world.interface)
    world.run(1)
    told = [o for o in seen[0].packet.payload.options if isinstance(o, PrefixInformation)]  # type: ignore[attr-defined]
    options = [(o.prefix, o.valid_lifetime_s, o.preferred_lifetime_s) for o in told]
    assert options == [(LEFT.address(1), 7200, 0), (RIGHT.address(1), 100, 50)]
    assert RIGHT.address(1) in world.router.addresses
    assert not any(isinstance(o, AdvertisementInterval) for o in seen[0].packet.payload.options), "it was not told to"  # type: ignore[attr-defined]


# --- is the neighbor still there? -------------------------------------------------------------------------------------


def test_a_neighbor_that_is_there_answers_a_probe() -> None:
    """RFC 4861 section 7.3.3: a unicast neighbor solicitation, answered with the Solicited flag set."""
    world = Visitor()
    said: list[tuple[int, bool]] = []
    there = world.router.interfaces["access"]
    world.host.neighbor.probe(
        there.link_local, there, world.interface, lambda answer: said.append((world.network.clock.now, answer))
    )
    world.run(3)
    assert said == [(10_000_000, True)]
    (question, answer) = [hop.packet for hop in world.network.trace]
    assert question.destination == there.link_local and question.source == world.interface.link_local
    assert isinstance(answer.payload, NeighborAdvertisement) and answer.payload.solicited


def test_on_another_link_the_same_link_local_address_does_not_answer_for_the_old_router() -> None:
    """RFC 6275 section 11.5.1: link-local addresses of routers are not globally unique."""
    world = Visitor()
    there = world.router.interfaces["access"]
    world.interface.leave()
    other = world.network.add_segment("other", Link(), RIGHT)
    Router(world.network, "AR2").serve(other)
    world.interface.join(other)
    said: list[tuple[int, bool]] = []
    world.host.neighbor.probe(
        there.link_local, there, world.interface, lambda answer: said.append((world.network.clock.now, answer))
    )
    world.run(3)
    assert said == [(S, False)]


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
