"""Crowds beside ordinary links: the same packets arrive at the same times, and the same are dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.node.applications.apps import Voice
from mipflow.node.host import Host
from mipflow.node.router import AccessRouter
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link, Port, Segment
from mipflow.sim.network import Network
from mipflow.wire.packet import Packet
from tests.benchmarks.crowds import Crowd, prepare_for_crowds
from tests.benchmarks.growth import FAR, QUICK, crowd
from tests.sim.boxes import Box, datagram

MS = 1_000_000


class Listener(Box):
    """A port that hears multicasts of some sizes only, and writes what all hear into one log."""

    def __init__(self, owner: str, network: Network, log: list[object]) -> None:
        super().__init__(owner, network)
        self.log, self.heard = log, 0

    def ignores(self, packet: Packet) -> bool:
        return self.up and packet.size % 3 != self.heard % 3

    def receive(self, packet: Packet) -> None:
        if not self.ignores(packet):
            self.heard += 1
            self.log.append((self.network.clock.now, self.owner, packet.size, packet.payload))


class Hall(Crowd):
    """A link that asks these ports."""

    def is_usual(self, port: Port) -> bool:
        return False

    def ignores(self, port: Port, packet: Packet) -> bool:
        assert isinstance(port, Listener)
        return port.ignores(packet)


LINKS = (
    Link(rate_bps=None), Link(delay_ms=3, rate_bps=8_000_000), Link(delay_ms=0, rate_bps=1_000_000),
    Link(queue_bytes=300), Link(loss=0.3),
)  # fmt: skip


@given(
    st.sampled_from(LINKS),
    st.lists(st.tuples(
        st.sampled_from(["multicast", "multicast", "multicast", "send", "join or leave", "up or down", "configure"]),
        st.integers(0, 4), st.integers(0, 4), st.sampled_from([0, 0, 1_000, 300_000, 3 * MS]),
    ), max_size=40),
)  # fmt: skip
def test_a_multicast_arrives_as_on_an_ordinary_link_whatever_else_goes_on(
    link: Link, steps: list[tuple[str, int, int, int]]
) -> None:
    """Times, order, drops and counts; on an ordinary link each copy has a channel and an event of its own."""

    def run(kind: type[Segment]) -> list[object]:
        log: list[object] = []
        network = Network(3, "off")
        network.segment_type = kind
        segment = network.add_segment("crowd", link)
        boxes = [Listener(f"box{number}", network, log) for number in range(5)]
        for box in boxes[:4]:
            segment.attach(box)
        for number, (what, one, other, wait_ns) in enumerate(steps):
            network.run_until(network.clock.now + wait_ns)
            ends, packet = (boxes[one], boxes[other]), datagram(100 + number, number)
            if what == "join or leave":
                (segment.detach if boxes[one] in segment.ports else segment.attach)(boxes[one])
            elif what == "up or down":
                boxes[one].up = not boxes[one].up
                segment.refresh()
            elif what == "configure":
                segment.configure(replace(segment.link, delay_ms=other))
            elif boxes[one] in segment.ports and what == "multicast":
                segment.multicast(boxes[one], packet)
            elif one != other and all(box in segment.ports for box in ends):
                segment.channel(*ends).send(packet)
        network.run_until(network.clock.now + 1000 * MS)
        drops = [(drop.t_ns, drop.reason, drop.packet.payload) for drop in network.trace.drops()]
        return [log, drops, network.clock.packet_events]

    assert run(Hall) == run(Segment)


@pytest.mark.parametrize("rate_bps", [None, 2_000_000])
def test_mobile_nodes_register_talk_and_move_as_on_ordinary_links(rate_bps: int | None) -> None:
    """Records, meters and counts, with nodes that take the same address, and that leave while a multicast comes."""

    def run(kind: type[Segment]) -> list[object]:
        network = Network(5, "off")
        network.segment_type = kind
        _, mobiles, cn = crowd(24, 2, network, Link(delay_ms=5, rate_bps=rate_bps))
        first, second = (network.segments[f"access {number}"] for number in (0, 1))
        for twin in (mobiles[2], mobiles[9]):  # one beside it, one on the link that it moves to
            twin.interfaces["wlan0"].interface_identifier = mobiles[0].interfaces["wlan0"].interface_identifier
        network.run_until(3 * NS_PER_S)
        for mobile in mobiles[:6]:
            mobile.open(cn, Voice())
        network.run_until(5 * NS_PER_S)
        for mobile, segment in zip(mobiles[:8], (second, first) * 4, strict=True):
            mobile.visit("wlan0", segment)
            network.run_until(network.clock.now + 3 * MS)
        network.run_until(9 * NS_PER_S)
        meters = [(label, meter.sent, meter.received, meter.lost) for label, meter in sorted(network.meters.items())]
        assert any(received for _, _, received, _ in meters)
        records = list(map(repr, network.trace.records))
        for word in ("duplicate address", "has left the link", "movement detected"):
            assert any(word in record for record in records), word
        return [records, meters, network.clock.packet_events, network.clock.scheduled]

    assert run(Crowd) == run(Segment)


def test_questions_to_hosts_and_routers_are_answered_as_on_ordinary_links() -> None:
    """A router that came late, an address that nobody asked for before, and one that three have."""

    def run(kind: type[Segment]) -> list[object]:
        network = Network(5, "off")
        network.segment_type = kind
        segment = network.add_segment("hall", QUICK, FAR)
        hosts = [Host(network, f"host{number}") for number in range(6)]
        for number, host in enumerate(hosts):
            host.settle(segment, 10 + number)
        AccessRouter(network, "AR").serve(segment)
        near, *others = (host.interfaces[next(iter(host.interfaces))] for host in hosts)
        told: list[object] = []
        for interface in others[1:3]:
            interface.add_address(hosts[1].address, shared=True)
        hosts[0].neighbor.on_advertisement.append(lambda *heard: told.append((network.clock.now, heard[1])))
        for address in (hosts[1].address, hosts[5].address, others[3].link_local, FAR.address(99)):
            hosts[0].neighbor.detect_duplicate(
                address, near, lambda is_unique, address=address: told.append((network.clock.now, address, is_unique))
            )
        hosts[0].neighbor.solicit(near)
        network.run_until(2 * NS_PER_S)
        return [*told, network.clock.packet_events, network.clock.scheduled]

    assert run(Crowd) == run(Segment)
    assert len(run(Segment)) == 7


def test_a_network_with_links_or_with_a_trace_of_copies_is_refused() -> None:
    network = prepare_for_crowds(Network(trace="off"))
    assert isinstance(network.add_segment("hall", Link()), Crowd)
    for wrong in (network, Network(), mf.figure2().network):
        with pytest.raises(ProtocolMisuse, match=r"expected a network without links and with trace=\"off\""):
            prepare_for_crowds(wrong)
