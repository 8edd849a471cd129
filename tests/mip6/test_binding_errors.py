"""Test which packets are answered by binding errors."""

from __future__ import annotations

import pytest

from mipflow.node.node import Arrival
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingError, UnknownMobilityMessage
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Opaque, Packet
from tests.mip6.correspondents import HOME, UNROUTABLE, Desk, sent
from tests.node.nodes import inject, listen


def heard(desk: Desk) -> list[Arrival]:
    """Return the UDP arrivals at the correspondent node, which fills as they come."""
    desk.cn.udp(9)
    return listen(desk.cn, UDP)


def test_a_home_address_option_needs_its_binding() -> None:
    desk = Desk()
    got = heard(desk)
    desk.send(UDP(5, 9, b"x"))
    assert got == []
    (error,) = desk.errors
    assert (error.packet.payload.status, error.packet.payload.home_address) == (1, HOME)  # type: ignore[attr-defined]
    desk.ask(desk.update(1))
    desk.send(UDP(5, 9, b"x"))
    (arrival,) = got
    assert arrival.source == HOME and arrival.packet.source == desk.asker.address
    desk.send(UDP(5, 9, b"x"), home=Address("2001:db8:100::78"))
    assert len(got) == 1 and len(desk.errors) == 2


def test_ip_security_may_pass_without_a_binding() -> None:
    desk = Desk()
    for protocol in (50, 51):
        desk.send(Opaque(protocol, bytes(16)))
    assert desk.errors == []


def test_binding_errors_are_limited_in_rate() -> None:
    """Section 9.3.3: a flood of such packets is not a flood of errors."""
    desk = Desk()
    option = DestinationOptions((HomeAddressOption(HOME),))
    for _ in range(50):
        desk.asker.send_direct(Packet(desk.asker.address, desk.cn.address, UDP(5, 9), extensions=(option,)))
    desk.world.run(1)
    assert 1 <= len(desk.errors) <= 10


def test_an_unknown_mobility_message_is_answered_with_status_2() -> None:
    desk = Desk()
    desk.send(UnknownMobilityMessage(99, bytes(2)), home=None)
    (error,) = desk.errors
    assert error.packet.payload.status == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", UNROUTABLE)
def test_a_home_address_that_cannot_be_routed_is_dropped_and_told_by_a_binding_error(text: str) -> None:
    """Sections 9.5.1 and 9.3.1: the packet is dropped "due to the above tests", and the drop is told."""
    desk = Desk()
    since = len(desk.world.trace)
    desk.send(desk.update(1), home=Address(text))
    assert desk.held == [] and desk.answers == []
    (packet,) = sent(desk, since)
    assert isinstance(packet.payload, BindingError) and packet.payload.status == 1
    assert packet.payload.home_address == Address(text) and packet.destination == desk.asker.address


@pytest.mark.parametrize("text", ["ff02::1", "ff0e::1", "::"])
def test_no_binding_error_to_an_address_that_is_not_unicast(text: str) -> None:
    """Section 9.3.3."""
    desk = Desk()
    since, option = len(desk.world.trace), DestinationOptions((HomeAddressOption(HOME),))
    inject(desk.cn, Packet(Address(text), desk.cn.address, UDP(5, 9), extensions=(option,)))
    inject(desk.cn, Packet(Address(text), desk.cn.address, UnknownMobilityMessage(99, bytes(2))))
    desk.world.run(1)
    assert sent(desk, since) == []
