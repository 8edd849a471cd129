"""Packets and callbacks of flows that wait for a home address."""

from __future__ import annotations

import pytest

from mipflow.flow.bindings.waiting_room import MAX_HELD, MAX_HOLD_NS, WaitingRoom
from mipflow.flow.conversations import FlowInformation, Traits
from mipflow.flow.tables import FlowMappingEntry
from mipflow.sim.clock import Clock
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet


class Sender:
    """A stand-in for a node that keeps the packets that it is to send or drop."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[Packet] = []
        self.dropped: list[tuple[Packet, str]] = []

    def send(self, packet: Packet) -> None:
        self.sent.append(packet)

    def drop(self, packet: Packet, reason: str) -> None:
        self.dropped.append((packet, reason))


HOME = Address("2001:db8::7")


def flow(number: int = 7) -> FlowMappingEntry:
    traits = Traits("UDP", 1, Address("2001:db8::2"), 2)
    return FlowMappingEntry(number, traits.cn, FlowInformation(traits), HOME, interface="wlan0")


def room() -> tuple[Sender, WaitingRoom]:
    node = Sender()
    return node, WaitingRoom(node)  # type: ignore[arg-type]


def packet() -> Packet:
    return Packet(Address("2001:db8::1"), Address("2001:db8::2"), UDP(1, 2, b"x"))


def test_packets_and_callbacks_come_back_in_order_and_once() -> None:
    node, waiting = room()
    packets, called = [packet() for _ in range(3)], []
    for each in packets:
        waiting.hold(7, each)
    for number in range(2):
        waiting.call(7, lambda number=number: called.append((number, len(node.sent))))  # type: ignore[misc]
    for _ in range(2):
        waiting.release(flow())
        assert [id(each) for each in node.sent] == [id(each) for each in packets] and called == [(0, 3), (1, 3)]
    assert {each.source for each in packets} == {HOME} and not node.dropped


def test_more_packets_than_fit_are_dropped_and_those_that_wait_too_long_by_themselves() -> None:
    node, waiting = room()
    clock, dropped = node.clock, node.dropped
    for _ in range(MAX_HELD + 1):
        waiting.hold(7, packet())
    assert [reason for _, reason in dropped] == [f"{MAX_HELD} packets wait for a home address already"]
    clock.run_until(1)
    clock.run_until(MAX_HOLD_NS - 1)
    assert len(dropped) == 1
    clock.run_until(MAX_HOLD_NS)
    waiting.release(flow())
    assert len(dropped) == 1 + MAX_HELD and node.sent == []


def test_of_equal_packets_the_one_that_has_waited_too_long_is_dropped() -> None:
    node, waiting = room()
    clock, dropped = node.clock, node.dropped
    old, new = packet(), packet()
    waiting.hold(7, old)
    clock.run_until(MAX_HOLD_NS // 2)
    waiting.hold(7, new)
    clock.run_until(MAX_HOLD_NS)
    assert old == new and dropped[0][0] is old
    waiting.release(flow())
    assert [id(each) for each in node.sent] == [id(new)]


def test_packets_turned_away_are_dropped_with_the_reason_and_callbacks_wait_on() -> None:
    node, waiting = room()
    called: list[str] = []
    waiting.hold(7, packet())
    waiting.call(7, lambda: called.append("called"))
    waiting.turn_away(7, "no address could be had")
    assert [reason for _, reason in node.dropped] == ["no address could be had"]
    waiting.release(flow())
    assert called == ["called"] and node.sent == []


def test_of_a_flow_that_is_over_nothing_waits() -> None:
    node, waiting = room()
    waiting.hold(7, packet())
    waiting.call(7, lambda: pytest.fail("called"))
    waiting.forget(7, "closed")
    waiting.release(flow())
    assert [reason for _, reason in node.dropped] == ["closed"] and node.sent == []
