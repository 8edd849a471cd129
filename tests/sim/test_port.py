"""The seam (design rule 12): a node behind a port is driven by octets and a clock from outside."""

from __future__ import annotations

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6ND_NA, ICMPv6ND_NS, IPv6

from mipflow.errors import ProtocolMisuse
from mipflow.node.host import Host
from mipflow.node.router import Router
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.wire.address import Address, Prefix
from tests.peer import Line, S, echo, packet

HOST, OUTSIDE = "2001:db8:1::a", "2001:db8:ffff::1"
INSTANT = Link(delay_ms=0, rate_bps=None)


def made(link: Link = INSTANT) -> tuple[Network, Host, Line]:
    """A host behind a port."""
    network = Network(1)
    segment = network.add_segment("link", link, Prefix.parse("2001:db8:1::/64"))
    port = BytePort(network, segment)
    host = Host(network, "A")
    host.settle(segment, 0xA)
    return network, host, Line(port)


def test_octets_in_octets_out() -> None:
    _, _, line = made()
    reply = line.ask(packet(OUTSIDE, HOST, echo(3)), ICMPv6EchoReply)
    assert reply.ends == (HOST, OUTSIDE)
    assert (reply[ICMPv6EchoReply].seq, reply[ICMPv6EchoReply].data) == (3, b"are you there")


def test_it_says_when_to_call_again_and_time_comes_from_outside() -> None:
    _, _, line = made(Link(delay_ms=4, rate_bps=None))
    assert line.ports[0].next_ns() is None
    assert line.send(packet(OUTSIDE, HOST, echo())) == []
    assert line.ports[0].next_ns() == 4_000_000, "the request arrives"
    assert line.ports[0].poll(3_999_999) == [] and line.ports[0].poll(4_000_000) == []
    assert line.ports[0].next_ns() == 8_000_000, "and the answer"
    assert len(line.ports[0].poll(8_000_000)) == 1
    with pytest.raises(ProtocolMisuse):
        line.ports[0].poll(7 * S // 1000)


@pytest.mark.parametrize("late", [0, 1, 999_999_999])
def test_a_caller_that_comes_late_gets_the_same_octets(late: int) -> None:
    """A caller in real time never comes on the nanosecond."""
    _, host, line = made()
    host.clock.at(2 * S, lambda _: host.echo(9, Address(OUTSIDE)).send(1, b"x"))
    (heard,) = line.ports[0].poll(2 * S + late)
    assert IPv6(heard).dst == OUTSIDE


def test_it_answers_for_every_address_that_is_not_on_our_side() -> None:
    """On link or beyond it: a TUN device has no address resolution."""
    _, host, line = made()
    sent = []
    for far in ("2001:db8:1::77", "2001:db8:9::1", "fd00::1"):
        host.udp(100 + len(sent), (Address(far), 9)).send(b"x")
        sent.append(far)
    assert [heard.layer.dst for heard in line.wait(0)] == sent


def test_neighbors_are_found_by_bytes() -> None:
    _, _, line = made()
    question = packet("fe80::1", "ff02::1:ff00:a", ICMPv6ND_NS(tgt=HOST), hop_limit=255)
    assert line.ask(question, ICMPv6ND_NA)[ICMPv6ND_NA].tgt == HOST


def test_a_router_on_our_side_gets_packets_that_no_neighbor_has_and_leads_the_way_out() -> None:
    network = Network(1)
    router = Router(network, "R")
    outer = network.add_segment("outer", INSTANT, Prefix.parse("2001:db8:1::/64"))
    inner = network.add_segment("inner", INSTANT, Prefix.parse("2001:db8:2::/64"))
    line = Line(BytePort(network, outer))
    router.serve(outer)
    router.serve(inner)
    host = Host(network, "B")
    host.settle(inner, 0xB)
    reply = line.ask(packet(OUTSIDE, "2001:db8:2::b", echo()), ICMPv6EchoReply)
    assert reply.ends == ("2001:db8:2::b", OUTSIDE) and reply.layer.hlim == 63


def test_two_ports_share_a_clock_and_each_has_its_own_octets() -> None:
    network = Network(1)
    segments = [network.add_segment(name, INSTANT, Prefix.parse(f"2001:db8:{name}::/64")) for name in "12"]
    one, other = (BytePort(network, segment, f"outside {segment.name}") for segment in segments)
    router = Router(network, "R")
    for segment in segments:
        router.serve(segment)
    assert one.receive_octets(bytes(packet(OUTSIDE, "2001:db8:2::77", echo())), 5) == []
    (through,) = other.poll(5)
    assert IPv6(through).dst == "2001:db8:2::77"


def test_octets_that_are_no_packet_are_a_traced_drop() -> None:
    network, _, line = made()
    good = bytes(packet(OUTSIDE, HOST, echo()))
    for bad in (b"", good[:39], b"\x45" + good[1:], good + b"x", good[:-1], bytes(70_000)):
        assert line.send(bad) == []
    assert [drop.node for drop in network.trace.drops()] == ["outside"] * 6
    assert line.ask(good, ICMPv6EchoReply), "and it goes on"


def test_a_wrong_checksum_is_found_by_its_destination() -> None:
    network, _, line = made()
    good = bytes(packet(OUTSIDE, HOST, UDP(sport=1, dport=2) / b"data"))
    assert line.send(good[:-1] + b"?") == []
    (drop,) = network.trace.drops()
    assert drop.node == "A" and "wrong checksum" in drop.reason


def test_a_packet_for_nobody_is_a_traced_drop() -> None:
    network, _, line = made()
    assert line.send(packet(OUTSIDE, "2001:db8:1::77", echo())) == []
    assert [(drop.node, drop.reason) for drop in network.trace.drops()] == [
        ("outside", "nobody on link has 2001:db8:1::77")
    ]


def test_a_packet_that_does_not_fit_the_link_is_a_traced_drop() -> None:
    network, _, line = made()
    assert line.send(packet(OUTSIDE, HOST, UDP(sport=1, dport=2) / bytes(1500))) == []
    assert [drop.node for drop in network.trace.drops()] == ["outside"]


def test_same_octets_same_times_same_digest() -> None:
    digests = set()
    for _ in range(2):
        network, _, line = made(Link(delay_ms=1, loss=0.3))
        for number in range(20):
            line.send(packet(OUTSIDE, HOST, echo(number)))
            line.wait(0.01)
        digests.add(network.trace.digest())
    assert len(digests) == 1
