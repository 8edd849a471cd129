"""Test ICMPv6 errors about packets that a binding sent on their way."""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import UDP, Packet, RoutingHeaderType2
from tests.mip6.correspondents import HOME, Desk
from tests.mip6.worlds import S, instant, world
from tests.node.nodes import listen

# --- unreachable care-of addresses of a correspondent node (section 9.3.4) -------------------------------------------


def unreachable(
    desk: Desk, every_s: float, count: int, kind: int = 1, care_of: Address | None = None, code: int = 0
) -> None:
    """Send ICMPv6 errors about packets that the correspondent node sent by its binding, made by hand."""
    care_of = care_of or desk.asker.address
    invoking = codec.encode(
        Packet(desk.cn.address, care_of, UDP(9, 5, b"x"), extensions=(RoutingHeaderType2(HOME),))
    )
    for _ in range(count):
        desk.asker.send_direct(Packet(desk.asker.address, desk.cn.address, IcmpError(kind, code, 0, invoking)))
        desk.world.run(every_s)


def test_errors_that_go_on_end_the_binding() -> None:
    desk = Desk()
    desk.ask(desk.update(1))
    unreachable(desk, 1, 5)
    assert len(desk.held) == 1, "not yet persistent"
    unreachable(desk, 1, 2)
    assert desk.held == []
    assert [d.what for d in desk.world.trace.decisions() if d.node == "CN1"] == ["care-of address unreachable"]


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        (0, True), (1, True), (3, True), (6, True), (7, True),  # no way to the care-of address, or none that we know of
        (2, False), (5, False),  # about our own address: it would fare no better by the home agent
        (4, False),  # the mobile node was reached
    ],
)  # fmt: skip
def test_only_codes_that_speak_of_the_way_to_the_care_of_address_end_a_binding(code: int, counts: bool) -> None:
    desk = Desk()
    desk.ask(desk.update(1))
    unreachable(desk, 1, 8, code=code)
    assert (desk.held == []) is counts


def test_port_unreachable_breaks_a_row_of_errors() -> None:
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=400))
    unreachable(desk, 1, 4)
    unreachable(desk, 1, 1, code=4)
    unreachable(desk, 1, 5)
    assert len(desk.held) == 1, "five seconds since it was reached are not over"
    unreachable(desk, 1, 2)
    assert desk.held == []


def test_a_stream_to_a_closed_port_of_a_mobile_node_leaves_its_binding_alone() -> None:
    """It is answered by port unreachable for as long as it lasts: proof that the care-of address is right."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    assert flow.home_address is not None
    heard = listen(made.cn1, IcmpError)
    socket = made.cn1.udp(7, (flow.home_address, 4444))
    for number in range(120):
        made.network.clock.at(made.network.clock.now + number * S // 4, lambda _: socket.send(b"x"))
    made.run(31)
    assert len(heard) == 120 and all(arrival.payload.is_port_unreachable for arrival in heard)
    assert [str(b.care_of_address) for b in made.cn1.bindings] == [str(made.mn.care_of_address("wlan0"))]
    assert not [d for d in made.trace.decisions() if d.what == "care-of address unreachable"]


@pytest.mark.parametrize("how", ["too far apart", "other kind", "other care-of address", "refreshed meanwhile"])
def test_errors_that_come_and_go_do_not_end_the_binding(how: str) -> None:
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=400))
    if how == "refreshed meanwhile":
        unreachable(desk, 1, 4)
        desk.ask(desk.update(2, lifetime_s=400))
        unreachable(desk, 1, 4)
    else:
        kind, care_of = 3 if how == "other kind" else 1, Address("2001:db8:200::9") if "care-of" in how else None
        unreachable(desk, 6 if how == "too far apart" else 1, 10, kind, care_of)
    assert len(desk.held) == 1


@pytest.mark.parametrize("invoking", [b"", bytes(39), bytes(47), bytes(60)])
def test_an_error_with_hardly_anything_in_it_is_no_harm(invoking: bytes) -> None:
    desk = Desk()
    desk.ask(desk.update(1))
    desk.asker.send_direct(Packet(desk.asker.address, desk.cn.address, IcmpError(1, 0, 0, invoking)))
    desk.world.run(1)
    assert len(desk.held) == 1


# --- errors from inside a home agent's tunnel (section 9.3.4, RFC 2473 section 8) -------------------------------------


def tunnel_error(made: World, payload: Any, kind: int, cut: int = 2000, agent: Address | None = None) -> list[Packet]:
    """Send an ICMPv6 error back about a packet that the home agent tunnelled. Return the errors that CN1 hears."""
    heard = listen(made.cn1, IcmpError)
    inner = Packet(made.cn1.address, made.mn.primary_home_address, payload)
    outer = Packet(agent or made.ha.home_agent_address, made.mn.care_of_address("wlan0"), inner)
    router = made.network.segments["wlan0"].ports[0].node  # type: ignore[attr-defined]
    error = IcmpError(kind, 0, 0, codec.encode(outer)[:cut])
    router.send(Packet(router.address, made.ha.home_agent_address, error))
    made.run(1)
    return [arrival.packet for arrival in heard]


@pytest.mark.parametrize("kind", [1, 3])
def test_an_error_from_inside_the_tunnel_is_told_to_who_sent_the_packet(kind: int) -> None:
    made = world()
    made.run(5)
    (packet,) = tunnel_error(made, UDP(7, 8, b"hello"), kind)
    error = packet.payload
    assert isinstance(error, IcmpError) and (error.type, error.code) == (1, 3), "address unreachable"
    assert error.invoking[8:24] == made.cn1.address.packed and error.invoking[-5:] == b"hello"


@pytest.mark.parametrize(
    ("payload", "kind", "cut", "agent"),
    [
        (IcmpError(1, 0, 0, bytes(40)), 1, 2000, None),  # about an error nothing is said
        (UDP(7, 8), 1, 60, None),  # too little to know who sent it
        (UDP(7, 8), 4, 2000, None), (UDP(7, 8), 1, 2000, Address("2001:db8:a::99")),  # not a tunnel of ours
    ],
)  # fmt: skip
def test_other_errors_from_inside_the_tunnel_are_not_passed_on(
    payload: Any, kind: int, cut: int, agent: Address | None
) -> None:
    made = world()
    made.run(5)
    assert tunnel_error(made, payload, kind, cut, agent) == []


def test_a_tunnel_that_is_too_narrow_is_reported_to_whoever_sends_into_it() -> None:
    """RFC 2473 section 7.1: the home agent learns the path to the care-of address and tells the correspondent node."""
    links = instant() | {"wlan0": mf.Link(delay_ms=5, rate_bps=None, mtu=1400)}
    made = world(links=links, mode="tunnel")
    made.run(5)
    got = listen(made.mn, UDP)
    for _ in range(5):
        made.cn1.send(Packet(made.cn1.address, made.mn.primary_home_address, UDP(7, 8, bytes(1380))))
        made.run(1)
    assert len(got) >= 2 and all(len(a.packet.payload.payload) == 1380 for a in got)  # type: ignore[attr-defined]
    assert made.cn1.path_mtu == {made.mn.primary_home_address: 1360}
