"""Trips of packets, and the messages made of them."""

from __future__ import annotations

import mipflow as mf
from mipflow.sim.trace import LOST, ChannelName, Trace
from mipflow.view.story.trips import is_message, messages, trips
from mipflow.wire.mobility import BindingUpdate, HomeTestInit
from tests.sim.boxes import add_channel
from tests.view.told import CELL, CN1, HOME2, MS, S, handover, message

STORY, AT = handover()
TRACE = STORY.trace()


def test_a_trip_goes_through_routers_and_tunnel() -> None:
    (trip,) = [each for each in trips(TRACE, AT.asked - 1, AT.end) if isinstance(each.packet.payload, HomeTestInit)]
    assert trip.nodes == ["MN", "AR2", "Internet", "HA", "Internet", "CN1"]
    assert [leg.tunnelled for leg in trip.legs] == [True, True, True, False, False]
    assert (trip.started_ns, trip.arrived_ns) == (AT.asked, AT.asked + 44 * MS)


def test_hops_through_routers_are_one_message_and_a_tunnel_is_one() -> None:
    sent = messages(trips(TRACE, AT.asked, AT.end), STORY.graph, AT.asked, AT.end)
    seen = [(type(each.packet.payload).__name__, each.sender, each.receiver, each.tunnelled) for each in sent]
    assert seen == [
        ("HomeTestInit", "MN", "HA", True),
        ("CareOfTestInit", "MN", "CN1", False),
        ("HomeTestInit", "HA", "CN1", False),
        ("HomeTest", "CN1", "HA", False),
        ("CareOfTest", "CN1", "MN", False),
        ("HomeTest", "HA", "MN", True),
        ("BindingUpdate", "MN", "CN1", False),
        ("BindingAcknowledgement", "CN1", "MN", False),
    ]


def test_a_message_that_was_read_from_its_bytes_on_the_way_is_one_trip() -> None:
    trace = Trace()
    first, second = (add_channel(trace, ChannelName(*"link a if b if".split())) for _ in range(2))
    trace.channels[second] = ChannelName(*"link b if c if".split())
    update = message(CELL, CN1, BindingUpdate(7), HOME2)
    trace.hop(update, first, 0, 0, 5)
    trace.hop(update.copy(), second, 5, 5, 9)
    assert [trip.nodes for trip in trips(trace, 0, 10)] == [["a", "b", "c"]]


def test_a_trip_that_begins_inside_is_followed_to_its_end() -> None:
    whole = [trip for trip in trips(TRACE, 10 * S, 10 * S + 5 * MS) if trip.packet.upward]
    assert {trip.nodes[-1] for trip in whole} == {"CN1"}


def test_a_lost_packet_has_no_arrival() -> None:
    lost = [trip for trip in trips(TRACE, AT.acknowledged, AT.acknowledged + 200 * MS) if trip.arrived_ns == LOST]
    assert len(lost) == 2
    assert {trip.nodes[-1] for trip in lost} == {"Internet"}


def test_signalling_alone_is_found_again_and_again_as_among_all_packets() -> None:
    world = mf.figure2(seed=7, security=True)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=2.5))
    world.run(2.4)
    for start_s, end_s in ((0, 9), (2.5, 2.6), (0, 9), (3, 9), (0, 9), (2.7, 2.71)):
        world.run(0.11)
        found = (trips(world.trace, round(start_s * S), round(end_s * S), data=data) for data in (False, True))
        alone, among = ([trip.numbers for trip in own if is_message(trip)] for own in found)
        assert alone == among and (alone or start_s > 2)
