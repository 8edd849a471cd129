"""Packets and callbacks of flows that wait for a home address."""

from __future__ import annotations

from mipflow.flow.waiting_room import MAX_HELD, MAX_HOLD_NS, WaitingRoom
from mipflow.sim.clock import Clock
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet


def room() -> tuple[Clock, WaitingRoom, list[tuple[Packet, str]]]:
    clock = Clock()
    dropped: list[tuple[Packet, str]] = []
    return clock, WaitingRoom(clock, lambda packet, reason: dropped.append((packet, reason))), dropped


def packet() -> Packet:
    return Packet(Address("2001:db8::1"), Address("2001:db8::2"), UDP(1, 2, b"x"))


def test_packets_and_callbacks_come_back_in_order_and_once() -> None:
    _, waiting, dropped = room()
    packets, callbacks = [packet() for _ in range(3)], [lambda: None, lambda: None]
    for each in packets:
        waiting.hold(7, each)
    for callback in callbacks:
        waiting.call(7, callback)
    held, called = waiting.release(7)
    assert [id(each) for each in held] == [id(each) for each in packets] and called == callbacks
    assert waiting.release(7) == ([], []) and not dropped


def test_more_packets_than_fit_are_dropped_and_those_that_wait_too_long_by_themselves() -> None:
    clock, waiting, dropped = room()
    for _ in range(MAX_HELD + 1):
        waiting.hold(7, packet())
    assert [reason for _, reason in dropped] == [f"{MAX_HELD} packets wait for a home address already"]
    clock.run_until(1)
    clock.run_until(MAX_HOLD_NS - 1)
    assert len(dropped) == 1
    clock.run_until(MAX_HOLD_NS)
    assert len(dropped) == 1 + MAX_HELD and waiting.release(7)[0] == []


def test_of_equal_packets_the_one_that_has_waited_too_long_is_dropped() -> None:
    clock, waiting, dropped = room()
    old, new = packet(), packet()
    waiting.hold(7, old)
    clock.run_until(MAX_HOLD_NS // 2)
    waiting.hold(7, new)
    clock.run_until(MAX_HOLD_NS)
    assert old == new and dropped[0][0] is old
    assert [id(each) for each in waiting.release(7)[0]] == [id(new)]


def test_who_is_turned_away_is_dropped_with_the_reason_and_callbacks_wait_on() -> None:
    _, waiting, dropped = room()
    waiting.hold(7, packet())
    waiting.call(7, print)
    waiting.turn_away(7, "no address could be had")
    assert [reason for _, reason in dropped] == ["no address could be had"]
    assert waiting.release(7) == ([], [print])
