"""The timeline: bars, delays, losses, handovers with their phases, TCP."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.lab.world import World
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.timeline import MOST_POINTS, WIDTH, ticks, timeline
from mipflow.wire.packet import TCP
from tests.view.svg import HOSTILE, check_words, drawing, of_class, texts
from tests.view.told import FLOWS, NAMES, S, handover

STORY, AT = handover()
TRACE = STORY.trace()


def made(start_ns: int = 11 * S, end_ns: int = 14 * S, **more: Any) -> Picture:
    """Draw the timeline of the handover."""
    span: dict[str, Any] = {"names": NAMES, "flows": FLOWS, "start_ns": start_ns, "end_ns": end_ns}
    return timeline(TRACE, STORY.graph, **(span | more))


def seconds_at(picture: Picture, x: float) -> float:
    """Return the time at a place, by two marks of the time axis."""
    marks = [each for each in drawing(picture).iter("text") if re.fullmatch(r"[\d.]+", each.text or "")]
    low = max(float(each.get("y", "")) for each in marks)
    (a, t_a), *_, (b, t_b) = [(float(m.get("x", "")), float(m.text or "")) for m in marks if m.get("y") == f"{low:g}"]
    return t_a + (x - a) / (b - a) * (t_b - t_a)


@pytest.fixture(scope="module")
def transfer() -> World:
    """Return a file that is moved to a link which loses packets, and a call beside it."""
    world = mf.figure2(seed=7, links={"cell0": mf.Link(20, rate_bps=3_000_000, loss=0.03)})
    world.mn.open(world.cn1, mf.apps.Voice(start_s=2.5))
    file = world.mn.open(world.cn1, mf.apps.FileTransfer(start_s=2.5))
    world.run(2.8)
    world.mn.handover(file, "cell0")
    world.run(5)
    return world


def test_rows_say_which_interface_when() -> None:
    rows = made().rows()
    seen = [(row["flow"], row["interface"], row["tunnelled"], row["lost"]) for row in rows]
    assert seen == [
        ("call", "wlan0", False, 0),
        ("video", "wlan0", False, 0),
        ("video", "wlan0", True, 0),
        ("video", "cell0", False, 2),
    ]
    assert [row["mean_delay_ms"] for row in rows] == [24, 24, 44, 45]


def test_a_lane_for_each_flow_and_interface_with_bars_where_it_was_used() -> None:
    picture = made()
    assert [text for text in texts(picture) if ": " in text] == ["call: WLAN", "video: WLAN", "video: cellular"]
    bars = [next(each.iter("rect")) for each in of_class(picture, "mipflow-run")]
    spans = [(seconds_at(picture, float(bar.get("x", ""))), float(bar.get("width", ""))) for bar in bars]
    assert [row["from_s"] for row in picture.rows()] == pytest.approx([start for start, _ in spans], abs=0.005)
    assert ["hollow" in bar.get("class", "") for bar in bars] == [False, False, True, False]


def test_losses_are_marked_where_they_happened_and_counted() -> None:
    picture = made()
    marks = of_class(picture, "mipflow-lost")
    assert sum(int(re.search(r"(\d+) lost", "".join(each.itertext()))[1]) for each in marks) == 2  # type: ignore[index]
    assert all("on the link AR3-Internet" in "".join(each.itertext()) for each in marks)
    assert "✕ lost: 2 of video" in picture.html


def test_handovers_are_marked_and_what_their_phases_took_is_shaded() -> None:
    picture = made()
    (line,) = of_class(picture, "asked")
    assert seconds_at(picture, float(line.get("x1", ""))) == pytest.approx(12.0, abs=0.002)
    assert "move the video" in texts(picture)
    shades = of_class(picture, "shade")
    starts = [seconds_at(picture, float(shade.get("x", ""))) for shade in shades]
    ends = [seconds_at(picture, float(shade.get("x", "")) + float(shade.get("width", ""))) for shade in shades]
    moments = [AT.asked, AT.update_sent, AT.update_sent, AT.acknowledged]
    assert [starts[0], ends[0], starts[1], ends[1]] == pytest.approx([each / S for each in moments], abs=0.002)
    told = "12.000 s: The mobile node is asked to move the video to the cellular network; tests 90 ms,"
    assert f"{told} correspondent registration 90 ms." in picture.describe()


def test_of_many_packets_the_least_and_the_most_of_each_pixel_are_drawn() -> None:
    story, _ = handover(start_s=1, asked_s=30, end_s=61)
    picture = timeline(story.trace(), story.graph, names=NAMES, flows=FLOWS, start_ns=S, end_ns=61 * S)
    curves = [each.get("d", "").count("L") + 1 for each in of_class(picture, "curve")]
    assert 700 < max(curves) <= MOST_POINTS + 10
    assert "the least and the most of each pixel are drawn" in picture.html and "each pixel" not in made().html


def test_tcp_has_a_panel_of_its_own_where_there_is_some(transfer: World) -> None:
    """The witness: all first sendings of octets, added up."""
    picture = transfer.timeline(2)
    assert "sent over TCP (kB); × sent again" in texts(picture) and "TCP" not in "".join(texts(made()))
    seen: set[tuple[int, int]] = set()
    again = 0
    for number, packet in enumerate(transfer.trace.packets):
        segment, name = packet.innermost().payload, transfer.trace.channels[transfer.trace.channel[number]]
        if isinstance(segment, TCP) and segment.payload and name.sender in ("MN", "CN1"):
            key = (segment.sequence, len(segment.payload))
            again += key in seen
            seen.add(key)
    marks = [mark for mark in of_class(picture, "mipflow-lost") if "sent again" in "".join(mark.itertext())]
    assert again > 0 and len(marks) == again
    check_words(picture)


def test_a_curve_is_cut_where_nothing_arrived() -> None:
    world = mf.plain_mobile_ipv6(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    world.run(5)
    world.mn.handover_all("cell0", break_first=True)
    world.run(1)
    assert len(of_class(world.timeline(4), "curve")) == 2 and len(of_class(made(), "curve")) == 2


def test_the_words_say_the_same_and_do_not_cover_each_other() -> None:
    text = made().describe()
    tunnelled = "through the home agent, in a tunnel over the WLAN"
    ways = f"video: over the WLAN, from 12.093 s {tunnelled}, from 12.181 s over the cellular network"
    assert f"{ways}; 2 lost (2 on the link AR3-Internet)." in text
    assert "call: one-way delay 24.0 to 24.0 ms, mean 24.0 ms." in text
    check_words(made())


def test_nothing_sent_is_said_in_the_place_of_the_picture() -> None:
    for flows, why in ((FLOWS, "no flow sent anything"), ({}, "no flow was opened")):
        picture = timeline(Trace(), STORY.graph, names={}, flows=flows, start_ns=0, end_ns=S)
        assert picture.rows() == [] and "<svg" not in picture.html
        assert f"from 0.000 s to 1.000 s: {why}." in picture.html
    assert "call: no packet; 0 lost." in timeline(
        Trace(), STORY.graph, names={}, flows=FLOWS, start_ns=0, end_ns=S
    ).describe()
    assert "silent: nothing sent" in texts(made(flows={**FLOWS, 3: "silent"}))


def test_of_packets_that_are_not_traced_nobody_says_that_there_were_none() -> None:
    world = mf.figure2(seed=7, trace="control")
    world.mn.open(world.cn1, mf.apps.Voice())
    picture = world.run(3).timeline()
    assert "call: packets of flows are not in this trace (trace='control') throughout; 39 lost" in picture.describe()
    assert "call: not traced" in texts(picture) and "nothing sent" not in picture.html
    for mode in ("control", "off"):
        empty = timeline(Trace(mode), STORY.graph, names={}, flows=FLOWS, start_ns=0, end_ns=S)
        assert f"packets of flows are not in this trace (trace={mode!r})." in empty.html


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_somebody_gave_stay_words(name: str) -> None:
    picture = made(flows={1: "call", 2: name})
    assert "<script>" not in picture.html and "onload='" not in picture.html.replace("&#x27;", "")
    check_words(picture)


@given(st.floats(0, 1e5), st.floats(1e-3, 1e5))
def test_marks_of_an_axis_are_round_and_few(low: float, length: float) -> None:
    marks = ticks(low, low + length, 8)
    assert 1 <= len(marks) <= 10 and marks == sorted(set(marks))
    assert low - 1e-6 <= marks[0] and marks[-1] <= low + length + 1e-6
    assert WIDTH / len(marks) > 60
