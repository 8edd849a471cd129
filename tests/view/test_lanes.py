"""Packets in their lanes: what is merged and what is cut is said, drawn, and in the rows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.view.lanes import MOST_LANES, Laned, is_clean, lanes, sort

FLOWS = {1: "call", 2: "film"}
PACKETS = [Laned(10**9 + n * 10**8, 1 + n % 2, n % 3 > 0, n % 2) for n in range(40)]


def drawn(packets: list[Laned], **more: int) -> tuple[str, str]:
    picture = lanes(packets, flows=FLOWS, names={"2001:db8::1": "CN1"}, **more)
    return picture.describe(), picture.html


def test_a_clean_picture_has_a_lane_for_each_conversation() -> None:
    told, html = drawn(PACKETS)
    assert told.splitlines() == [
        "40 packets, 2 conversations, 2 lanes.", "Lane 1, key 0: call", "Lane 2, key 1: film",
    ]  # fmt: skip
    assert is_clean(sort(PACKETS)) and "on-lit" not in html.rpartition("</style>")[2]


def test_a_merged_lane_says_its_shapes() -> None:
    told, html = drawn([each._replace(key=1) for each in PACKETS])
    assert "Lane 1, key 1: 2 shapes: call and film" in told and ">2 shapes<" in html
    lane = re.findall(r'class="drop".*?class="(flow-\d) full"', html)
    assert set(lane) == {"flow-0", "flow-1"}, "both shapes are drawn"


def test_a_lane_of_many_shapes_names_those_that_fit_and_counts_the_others() -> None:
    flows = dict(enumerate(("call", "video", "file", "second call", "call to CN2"), 1))
    packets = [Laned(10**9 + n * 10**8, 1 + n % 5, True, 1) for n in range(40)]
    picture = lanes(packets, flows=flows, names={})
    assert ">call + video + 3 more<" in picture.html and "file and second call and call to CN2" in picture.describe()


def test_a_conversation_that_was_cut_says_into_how_many_lanes() -> None:
    told, html = drawn([each._replace(key=(each.flow, each.outgoing)) for each in PACKETS])
    assert told.count("cut into 2 lanes") == 4 and html.count(">cut into 2 lanes<") == 4


def test_names_stand_for_addresses_in_keys() -> None:
    told, _ = drawn([each._replace(key=("UDP", "2001:db8::1", ("x", 5))) for each in PACKETS])
    assert "key UDP, CN1, x, 5:" in told


def test_a_lane_for_each_packet_shows_the_first_and_counts_the_others() -> None:
    told, html = drawn([each._replace(key=number) for number, each in enumerate(PACKETS)])
    assert f"{40 - MOST_LANES} more lanes not shown." in told and html.count(">lane ") == MOST_LANES
    assert len(lanes(PACKETS, flows=FLOWS, names={}).rows()) == 2


def test_every_mark_falls_from_the_strip_into_its_lane_in_the_order_of_time() -> None:
    _, html = drawn(PACKETS, moved_ns=2 * 10**9)
    drops = re.findall(r'class="drop" style="--at:([\d.]+)s;--up:(-\d+)px"', html)
    assert len(drops) == html.count('class="come"') > 10 and all(int(up) < 0 for _, up in drops)
    assert max(float(at) for at, _ in drops) <= 9.0 and "told to move, 2.0 s" in html


@pytest.mark.parametrize("packets", [[], PACKETS[:1]])
def test_few_packets_are_a_picture_too(packets: list[Laned]) -> None:
    told, html = drawn(packets)
    assert told.startswith(f"{len(packets)} packets") and "<svg" in html


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.integers(0, 4)), max_size=60))
def test_no_packet_is_lost_and_none_is_in_two_lanes(told: list[tuple[int, bool, int]]) -> None:
    packets = [Laned(n, flow, way, key) for n, (flow, way, key) in enumerate(told)]
    found = sort(packets)
    assert sorted(each for lane in found for each in lane.packets) == sorted(packets)
    assert all({each.key for each in lane.packets} == {lane.key} for lane in found)
    assert all(sum(lane.flows.values()) == len(lane.packets) for lane in found)
    pairs = {(each.flow, each.key) for each in packets}
    both = [{a for a, _ in pairs}, {b for _, b in pairs}]
    assert is_clean(found) == (len(pairs) == len(both[0]) == len(both[1]))
