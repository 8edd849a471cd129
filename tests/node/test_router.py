"""Routers: forwarding, the hop limit, what cannot be forwarded."""

from __future__ import annotations

import pytest

from mipflow.node.applications.application import Ends
from mipflow.node.applications.apps import Voice
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import UDP, Packet
from tests.node.nodes import Path, listen


def test_each_router_lowers_the_hop_limit_and_the_trace_shows_it() -> None:
    path = Path(Link(), Link())
    path.b.udp(9)
    got = listen(path.b, UDP)
    path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9, b"x"), hop_limit=9))
    path.run(1)
    assert got[0].packet.hop_limit == 6
    assert [(hop.channel.sender, hop.hop_limit) for hop in path.network.trace] == [
        ("A", 9),
        ("R1", 8),
        ("R2", 7),
        ("R3", 6),
    ]
    assert [hop.packet.hop_limit for hop in path.network.trace] == [9, 8, 7, 6]


@pytest.mark.parametrize(("limit", "reporter"), [(1, "R1"), (2, "R2"), (3, "R3"), (4, None)])
@pytest.mark.parametrize("warm", [False, True])
def test_hop_limit_exceeded_is_reported_by_the_router_where_it_ends(
    limit: int, reporter: str | None, warm: bool
) -> None:
    path = Path(Link(), Link())
    path.b.udp(9)
    if warm:  # the way is in the routers' caches
        path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9)))
        path.run(1)
    errors, got = listen(path.a, IcmpError), listen(path.b, UDP)
    path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9), hop_limit=limit))
    path.run(1)
    assert len(got) == (reporter is None)
    if reporter is not None:
        (arrival,) = errors
        error = arrival.packet.payload
        assert (error.type, error.code) == (3, 0)  # type: ignore[attr-defined]
        assert arrival.source in next(r for r in path.routers if r.name == reporter).addresses
        assert path.drops[-1] == (reporter, "hop limit exceeded")


@pytest.mark.parametrize(("destination", "code"), [("2001:db8:99::1", 0), ("2001:db8:2::99", 3)])
def test_no_route_and_no_neighbor(destination: str, code: int) -> None:
    path = Path(Link())
    errors = listen(path.a, IcmpError)
    path.a.send(Packet(path.a.address, Address(destination), UDP(1, 9)))
    path.run(1)
    (arrival,) = errors
    assert (arrival.packet.payload.type, arrival.packet.payload.code) == (1, code)  # type: ignore[attr-defined]
    assert path.drops == [("R1" if code == 0 else "R2", f"no route to {destination}")]


def test_link_local_addresses_stay_on_their_link() -> None:
    path = Path()
    path.routers[0].receive(Packet(path.a.address, Address("fe80::42"), UDP(1, 9)), path.routers[0].interfaces["A's"])
    assert path.drops == [("R1", "no route to fe80::42")]


def test_too_big_is_reported_and_the_source_fragments_from_then_on() -> None:
    path = Path(Link(mtu=1300))
    path.b.udp(9)
    got, errors = listen(path.b, UDP), listen(path.a, IcmpError)
    socket = path.a.udp(5000, (path.b.address, 9))
    for _ in range(3):
        socket.send(bytes(range(256)) * 5)
        path.run(1)
    assert len(errors) == 1 and errors[0].packet.payload.parameter == 1300  # type: ignore[attr-defined]
    assert path.a.path_mtu == {path.b.address: 1300}
    assert [arrival.packet.payload.payload for arrival in got] == [bytes(range(256)) * 5] * 2  # type: ignore[attr-defined]
    sizes = {
        hop.packet.size for hop in path.network.trace if hop.channel.sender == "R1" and hop.channel.receiver == "R2"
    }
    assert max(sizes) <= 1300
    ((_, reason),) = [drop for drop in path.drops if "fit" in drop[1]]
    assert reason == "1328 octets do not fit the link's 1300"


def test_each_smaller_link_is_learned_in_turn() -> None:
    path = Path(Link(mtu=1400), Link(mtu=1300))
    got = listen(path.b, UDP)
    socket = path.a.udp(5000, (path.b.address, 9))
    for _ in range(4):
        socket.send(bytes(1440))
        path.run(1)
    assert len(got) == 2 and path.a.path_mtu == {path.b.address: 1300}


def test_a_router_is_a_node_too() -> None:
    path = Path(Link())
    replies = []
    socket = path.a.echo(7, path.routers[1].address)
    socket.on_reply = lambda number, data: replies.append(number)
    socket.send(3, b"")
    path.run(1)
    assert replies == [3]


def test_routes_are_forgotten_when_an_address_moves() -> None:
    path = Path()
    segment = path.network.segments["B's"]
    path.a.send(Packet(path.a.address, path.b.address, UDP(1, 9)))
    path.run(1)
    moved = path.b.address
    path.b.interfaces["eth0"].remove_address(moved)
    other = Host(path.network, "C")
    other.add_interface("eth0", 0xC).join(segment)
    other.interfaces["eth0"].add_address(moved)
    got = listen(other, UDP)
    path.a.send(Packet(path.a.address, moved, UDP(1, 9)))
    path.run(1)
    assert len(got) == 1


def test_the_reference_work() -> None:
    """MN - AR - R1 - R2 - R3 - CN: mean delays to a tenth of a microsecond, as another simulator measured them."""
    network = Network(seed=1)
    ar, r1, r2, r3 = (Router(network, name) for name in ("AR", "R1", "R2", "R3"))
    join_routers(network, ar, r1, Link(2, 100_000_000))
    join_routers(network, r1, r2, Link(15, 1_000_000_000))
    join_routers(network, r2, r3, Link(5, 1_000_000_000))
    hosts = []
    for name, router, link in (("MN", ar, Link(10, 2_000_000)), ("CN", r3, Link(2, 100_000_000))):
        segment = network.add_segment(f"{name} link", link, Prefix.parse(f"2001:db8:{len(hosts) + 1}::/64"))
        router.serve(segment)
        hosts.append(Host(network, name))
        hosts[-1].settle(segment, 5)
    mn, cn = hosts
    for flow, app in ((1, Voice(20.0, 500, False, duration_s=60)), (2, Voice(2.0, 160, False, duration_s=60))):
        app.start(Ends(mn, cn, 4000 + flow, 5000 + flow, flow))
    network.run_until(61_000_000_000)
    slow, fast = network.meters[1], network.meters[2]
    assert (slow.sent, slow.received, fast.sent, fast.received) == (3000, 3000, 30000, 30000)
    assert len(network.trace) == network.clock.packet_events == 165_000
    assert abs(slow.mean_delay_ms - 36.2884) < 1e-4  # type: ignore[operator]
    assert abs(fast.mean_delay_ms - 35.1902) < 1e-4  # type: ignore[operator]
