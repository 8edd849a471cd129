"""Interfaces: joining and leaving, addresses, up and down."""

from __future__ import annotations

import pytest

from mipflow.errors import TopologyError
from mipflow.sim.link import Link
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet
from tests.node.nodes import LEFT, Pair, Path, inject, listen


def test_addresses_are_made_of_prefix_and_identifier() -> None:
    pair = Pair()
    interface = pair.a.interfaces["eth0"]
    assert str(interface.address) == "2001:db8:1::a" and str(interface.link_local) == "fe80::a"
    assert pair.a.addresses == {interface.address: interface}
    interface.add_address(LEFT.address(0x99))
    assert interface.address == LEFT.address(0x99), "the newest"
    assert pair.a.address == LEFT.address(0xA), "the oldest"


def test_an_address_is_used_once_on_a_link() -> None:
    pair = Pair()
    with pytest.raises(TopologyError, match="2001:db8:1::a is in use on link already") as caught:
        pair.b.interfaces["eth0"].add_address(pair.a.address)
    assert caught.value.value == pair.a.address


def test_off_the_link_nothing_stays() -> None:
    pair = Pair()
    interface, was = pair.a.interfaces["eth0"], pair.a.address
    with pytest.raises(TopologyError, match="is on link; leave it first"):
        interface.join(pair.segment)
    interface.leave()
    assert pair.a.addresses == {} and interface.router is None and was not in pair.segment.neighbors
    assert interface.link_local not in pair.segment.neighbors
    with pytest.raises(TopologyError, match="is on no segment"):
        interface.leave()
    with pytest.raises(TopologyError, match="can have no address"):
        interface.add_address(was)
    interface.join(pair.segment)
    interface.add_address(was)
    got = listen(pair.a, UDP)
    pair.b.send(Packet(pair.b.address, was, UDP(1, 2)))
    pair.run(1)
    assert len(got) == 1


def test_packets_that_arrive_after_leaving_are_lost() -> None:
    pair = Pair(Link(delay_ms=10))
    pair.b.send(Packet(pair.b.address, pair.a.address, UDP(1, 2), label=1))
    pair.run(0.005)
    pair.a.interfaces["eth0"].leave()
    pair.run(1)
    assert pair.drops == [("link", "A has left the link")] and pair.network.meters[1].lost == 1


def test_down_and_up_again() -> None:
    pair = Pair()
    got = listen(pair.b, UDP)
    pair.b.udp(2)
    interface = pair.a.interfaces["eth0"]
    assert interface.is_usable
    for up in (True, False, True):
        interface.set_up(up)
        assert interface.is_usable is up
        pair.a.send(Packet(pair.a.address, pair.b.address, UDP(1, 2)))
        pair.run(1)
    assert len(got) == 2 and pair.drops == [("link", "link down")]
    pair.segment.set_up(False)
    assert not interface.is_usable


def test_neighbors_go_straight_and_others_by_the_router() -> None:
    path = Path(Link())
    interface = path.a.interfaces["eth0"]
    straight = interface.channel_to(path.routers[0].interfaces["A's"].address)  # type: ignore[arg-type]
    assert straight is not None and straight.receiver.owner == "R1"
    by_router = interface.channel_to(path.b.address)
    assert by_router is not None and by_router.receiver is path.routers[0].interfaces["A's"]
    assert interface.channel_to(LEFT.address(0x1234)) is None, "on the link, but nobody answers"
    assert interface.channel_to(Address("fe80::1234")) is None
    assert interface.channel_to(path.a.address) is None, "it is our own"


def test_multicast_reaches_all_others_with_copies() -> None:
    pair = Pair()
    got = listen(pair.b, UDP)
    mine = listen(pair.a, UDP)
    packet = Packet(pair.a.address, Address("ff02::1"), UDP(1, 2))
    pair.a.interfaces["eth0"].multicast(packet)
    pair.run(1)
    assert len(got) == 1 and mine == [] and got[0].packet is not packet


def test_link_local_addresses_are_of_one_interface() -> None:
    pair = Pair()
    got = listen(pair.b, UDP)
    inject(pair.b, Packet(pair.a.address, pair.b.interfaces["eth0"].link_local, UDP(1, 2)))
    inject(pair.b, Packet(pair.a.address, Address("fe80::1"), UDP(1, 2)))
    assert len(got) == 1 and len(pair.drops) == 1 + 1  # the second, and the first finds no listener
