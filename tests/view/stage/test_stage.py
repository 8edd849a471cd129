"""The stage's figure and flights: each packet lies where the trace says, roads follow rows, marks cover no card."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import combinations
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.trace import LOST
from mipflow.view.drawing.picture import script
from mipflow.view.stage.show import Show, animate
from mipflow.view.stage.stage import MESSAGE, Layer, Stage, most_at_once, spots
from tests.view import told as by_hand
from tests.view.told import FLOWS, MS, S, Story, handover
from tests.view.worlds import NAMES, film

PHONE, DESK = 270, 700
WIDTHS = (PHONE, 400, DESK, 1000)


@cache
def world(name: str = "figure 2", length_s: float = 2) -> World:
    """Return a call and a video; at 4.1 s the video is to move to the cellular network."""
    made = {
        "figure 1": mf.figure1, "plain": mf.plain_mobile_ipv6,
        "home router": lambda **more: mf.figure2(home_agents=3, home_router=True, **more),
        "servers": lambda **more: mf.figure2(allocate="dhcpv6", policy_server=True, **more),
        "security": lambda **more: mf.figure2(security=True, **more),
        "eight": lambda **more: mf.figure2(cns=8, **more),
        "host": lambda **more: mf.figure2(correspondents={"CN1": Host}, **more),
    }.get(name, mf.figure2)(seed=7, reuse_tokens=False)  # fmt: skip
    made.mn.open(made.cn1, mf.apps.Voice(start_s=3))
    video = made.mn.open(made.cn1, mf.apps.Video(start_s=3))
    made.run(4.1)
    made.mn.handover(video, "cell0")
    return made.run(length_s)


def told(story: Story, **more: Any) -> Show:
    """Return the show of a story between 10 and 14 s."""
    span = {"start_ns": 10 * S, "end_ns": 14 * S}
    return animate(story.trace(), story.graph, names=by_hand.NAMES, flows=FLOWS, **span, **more)


@cache
def show(name: str = "figure 2", start: float = 3.9, end: float = 4.8) -> Show:
    shown = world(name).animate(start, end)
    assert isinstance(shown, Show)
    return shown


def stage() -> Stage:
    return show().stages[0]


# --- where the trace says --------------------------------------------------------------------------------------------


@given(st.floats(0, 1), st.sampled_from([PHONE, DESK]))
def test_each_drawn_packet_lies_where_the_trace_says(share: float, width: int) -> None:
    """Worked out anew from the trace's columns: on which link, and how much of it is gone, within 1 %."""
    this, film = stage(), show().film
    t_ns, trace = film.time(share * film.length_ms), world().trace
    for layer in this.layers[:-1]:
        for flight in layer.flights:
            (alone,) = spots(this.scene, Layer("", layer.size, [flight]), t_ns, width) or [None]
            hops = hops_of(flight.hop)
            under_way = trace.started[hops[0]] < t_ns <= trace.arrived[hops[-1]]
            assert (alone is not None) == under_way or trace.arrived[hops[-1]] == LOST
            if alone is None:
                continue
            hop = hops[max(0, bisect_right([trace.started[each] for each in hops], t_ns) - 1)]
            name = trace.channels[trace.channel[hop]]
            assert alone.link == (name.sender, name.receiver)
            gone = min(1.0, (t_ns - trace.started[hop]) / (trace.arrived[hop] - trace.started[hop]))
            number = list(zip(flight.way.nodes, flight.way.nodes[1:], strict=False)).index(alone.link)
            (ax, ay), (bx, by) = this.scene.legs(flight.way, layer.margin, width)[number]
            length = abs(bx - ax) + abs(by - ay)
            assert abs(ax + (bx - ax) * gone - alone.x) + abs(ay + (by - ay) * gone - alone.y) <= 0.01 * length + 1e-6


@cache
def hops_of(first: int) -> list[int]:
    """Return the hops of the packet that began with one, found by the packet's time and label, or its innermost value.
    """
    trace = world().trace
    inner, hops = trace.packets[first].unsealed(), [first]
    for number in range(first + 1, min(len(trace), first + 3000)):
        other, name = trace.packets[number].unsealed(), trace.channels[trace.channel[number]]
        same = other is inner or (not inner.label and not other.label and other.payload == inner.payload)
        if same and name.sender == trace.channels[trace.channel[hops[-1]]].receiver:
            hops.append(number)
    return hops


def test_all_signalling_flies_by_name_from_start_to_end() -> None:
    messages = stage().layers[-2]
    assert messages.size == MESSAGE
    assert {"HoTI", "CoTI", "HoT", "CoT", "BU", "BA"} <= {flight.text for flight in messages.flights}
    (update,) = [flight for flight in messages.flights if flight.text == "BU"]
    assert update.way.nodes == ("MN", "AR3", "Internet", "CN1")
    assert len(update.times) == 2 * 3 and update.way.tunnel == ()
    (home_init,) = [flight for flight in messages.flights if flight.text == "HoTI"]
    assert home_init.way.nodes == ("MN", "AR2", "Internet", "HA", "Internet", "CN1")
    assert home_init.way.tunnel == (0, 1, 2), "the legs to the home agent are in the tunnel"


def test_packets_are_under_way_on_both_roads_at_the_end() -> None:
    this = stage()
    ends = [spots(this.scene, layer, show().film.corners[-1][1]) for layer in this.layers[:2]]
    assert {spot.link for spot in ends[0]} & {("AR2", "MN"), ("MN", "AR2"), ("Internet", "AR2"), ("CN1", "Internet")}
    assert {spot.link for spot in ends[1]} & {("AR3", "MN"), ("Internet", "AR3"), ("CN1", "Internet")}


def test_a_thinned_stream_has_a_mark_at_the_end_too_whenever_a_run_ends() -> None:
    made = mf.figure2(seed=7)
    made.mn.open(made.cn1, mf.apps.Voice())
    video = made.mn.open(made.cn1, mf.apps.Video(rate_bps=1_500_000))
    made.run(6)
    made.mn.handover(video, "cell0")
    for ms in (2000, 7, 6, 7):
        stage = made.run(ms / 1000).animate().stages[0]  # type: ignore[union-attr]
        assert max(stage.every.values()) > 1
        for layer in stage.layers[:2]:
            assert spots(stage.scene, layer, made.network.clock.now, DESK), f"{layer.name} after {ms} ms"


def test_a_burst_is_one_mark_that_says_how_many() -> None:
    this = stage()
    seen = [spot for t_ms in range(3900, 4800, 5) for spot in spots(this.scene, this.layers[1], t_ms * MS)]
    assert any(spot.packets > 2 and spot.said == f"v×{spot.packets}" for spot in seen)
    for layer in this.layers:
        for t_ms in range(3900, 4800, 5):
            now = spots(this.scene, layer, t_ms * MS)
            for number, one in enumerate(now):
                for other in now[:number]:
                    assert one.link != other.link or not one.box.overlap(other.box)


def test_every_mark_that_is_ever_seen_is_a_point_of_the_figure() -> None:
    this, figure = stage(), show().figures[0]
    for number, layer in enumerate(this.layers):
        points = figure["data"][this.told()["layers"][number]["trace"]]
        moments = sorted({t_ns for flight in layer.flights for t_ns in flight.times})
        most = max((len(spots(this.scene, layer, t_ns)) for t_ns in moments), default=1)
        assert len(points["x"]) == len(points["y"]) == len(points["text"]) == most_at_once(layer.flights) >= most
        assert all(points["text"]), "plotly makes no letters of an empty text"
    assert "frames" not in figure


def test_lost_packets_get_half_way_to_their_cross() -> None:
    story, _ = handover()
    this = told(story).stages[0]
    lost = [flight for flight in this.layers[1].flights if flight.way.last == (0.0, 0.5)]
    crosses = this.layers[-1].flights
    assert len(lost) == len(crosses) == 2
    for flight, cross in zip(lost, crosses, strict=True):
        (gone,) = spots(this.scene, Layer("", (20, 20), [flight]), flight.times[-1])
        (stands,) = spots(this.scene, Layer("", (20, 20), [cross]), cross.times[-1])
        assert abs(gone.x - stands.x) + abs(gone.y - stands.y) < 23, "beside it, on its side of the lane"


# --- roads -----------------------------------------------------------------------------------------------------------


def test_a_road_bends_at_the_moment_of_its_row_and_the_other_stays() -> None:
    trace = world().trace
    (row,) = [r for r in trace.changes() if r.node == "CN1" and r.t_ns > 4 * S and r.change.table == "binding cache"]
    call, video = stage().roads.values()
    assert [way.nodes for _, way in call if way] == [("CN1", "Internet", "AR2", "MN")]
    assert [(t_ns, way.nodes) for t_ns, way in video[1:] if way] == [(row.t_ns, ("CN1", "Internet", "AR3", "MN"))]


def test_without_a_row_at_the_correspondent_the_road_goes_through_the_home_agent() -> None:
    roads = show("host", 3, 5).stages[0].roads
    first, second = (way for _, way in roads[2])
    assert first is not None and first.nodes == ("CN1", "Internet", "HA", "Internet", "AR2", "MN")
    assert first.tunnel == (2, 3, 4)
    assert second is not None and second.nodes[-2] == "AR3"


def test_before_anything_is_bound_there_is_no_road() -> None:
    roads = show("figure 2", 0, 4).stages[0].roads[1]
    assert roads[0] == (0, None)
    assert [way.tunnel != () for _, way in roads if way] == [True, False], "first by the home agent's row, then direct"


# --- nothing covers anything -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["figure 1", "figure 2", "plain", "home router", "servers", "security", "eight"])
def test_no_mark_is_under_a_card(name: str) -> None:
    """With bursts, which make the widest marks."""
    no_mark_is_under_a_card(show(name, 3.9, 4.8) if name in ("eight", "plain") else show(name, 0, 4.8))


@pytest.mark.parametrize("flows", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_in_every_scenario_no_mark_is_under_a_card(name: str, flows: int) -> None:
    no_mark_is_under_a_card(film(name, flows))


def no_mark_is_under_a_card(shown: Any) -> None:
    """At every departure, arrival and event, on a phone as well; a mark may touch the two cards between which it goes.
    """
    for this in shown.stages:
        times = {t_ns for layer in this.layers for flight in layer.flights for t_ns in flight.times}
        times |= {caption.t_ns for _, caption in shown.told}
        times = {t_ns for t_ns in times if this.spine.start_ns <= t_ns <= this.spine.end_ns}
        for width in (PHONE, 310, 400, DESK):
            cards = {node: this.scene.box(node, width) for node in this.scene.places}
            for t_ns in sorted(times):
                for layer in this.layers[:-1]:
                    for spot in spots(this.scene, layer, t_ns, width):
                        for node, card in cards.items():
                            area = spot.box.overlap(card)
                            may = width == PHONE or spot.packets > 1 or area < 6
                            assert area < 1 or (node in spot.link and may), (t_ns, layer.name, width, spot, node)


@pytest.mark.parametrize("name", ["figure 1", "figure 2", "plain", "host"])
@pytest.mark.parametrize("width", WIDTHS)
def test_marks_that_meet_on_a_link_pass_beside_each_other(name: str, width: int) -> None:
    """Messages, and packets of both flows in both directions; corners of round marks may share three pixels."""
    met = 0
    for this in show(name).stages:
        flights = [flight for layer in this.layers for flight in layer.flights]
        times = {t_ns for flight in flights for t_ns in (*flight.times, sum(flight.times[:2]) // 2)}
        for t_ns in sorted(times):
            packets, messages = [], spots(this.scene, this.layers[-2], t_ns, width)
            for layer in this.layers[:-2]:
                packets += spots(this.scene, layer, t_ns, width)
            for one, other in (pair for marks in (packets, messages) for pair in combinations(marks, 2)):
                if one.link == other.link[::-1] or one.link == other.link:
                    met += one.link != other.link
                    assert one.box.overlap(other.box) < 10, (t_ns, one, other)
    assert met > 50


# --- speed and size --------------------------------------------------------------------------------------------------


def test_a_minute_around_a_handover_is_small_and_quickly_made() -> None:
    times = []
    for _ in range(3):
        begin = process_time()
        shown = world("figure 2", 60).animate(1, 61)
        times.append(process_time() - begin)
    assert min(times) < 0.2
    assert isinstance(shown, Show)
    assert octets(shown) <= 60_000


def test_a_minute_is_small_even_if_all_of_its_flows_begin_in_it() -> None:
    made = mf.figure2(seed=7)
    made.mn.open(made.cn1, mf.apps.Voice())
    video = made.mn.open(made.cn1, mf.apps.Video())
    made.run(30)
    made.mn.handover(video, "cell0")
    assert octets(made.run(30).animate()) <= 60_000


def octets(shown: Any) -> int:
    """Count what a picture sends to a page besides the script: figure, controls, board and text twin."""
    return len("".join(bundle["text/html"] for bundle in shown.bundles()).replace(script(), "").encode())


def test_it_costs_what_the_window_costs() -> None:
    long, short = world("figure 2", 60), world("figure 2", 2)

    def cost(of: World) -> float:
        of.trace.read_columns()
        times = []
        for _ in range(3):
            begin = process_time()
            of.animate(3.9, 4.8)
            times.append(process_time() - begin)
        return min(times)

    assert cost(long) < 2 * cost(short) + 0.03


def test_dense_traffic_is_sampled_and_says_so() -> None:
    story, _ = handover()
    shown = told(story, max_packets=30)
    assert sum(len(layer.flights) for layer in shown.stages[0].layers[:2]) <= 34
    assert any("is drawn" in line for line in shown.boards[0].sampled())


# --- wishes ----------------------------------------------------------------------------------------------------------


def wishing(wishes: dict[int, str], name: str = "figure 2") -> Show:
    """Return the film of the move, with wished lanes."""
    shown = world(name).animate(3.9, 4.8, wishes=wishes)
    assert isinstance(shown, Show)
    return shown


@pytest.mark.parametrize("name", ["figure 2", "figure 1", "host", "plain"])
def test_a_wished_lane_lies_around_the_road_that_a_flow_would_have(name: str) -> None:
    """At the start of the film both flows go by WLAN: so does the lane of who wishes that, to its left and right."""
    stage = wishing({1: "wlan0"}, name).stages[0]
    first = stage.roads[1][0][1]
    assert first is not None and stage.wished[1].nodes == first.nodes
    ((kind, [(_, (left, right))]),) = [each for each in stage.lines() if each[0] == "wish"]
    assert kind == "wish"
    road = stage.scene.corners(first)
    (node, here), (a, one), (b, other) = (corners[1] for corners in (road, left, right))
    assert node == a == b and one != other
    for at in (1, 2):
        assert abs(one[-1][at] + other[-1][at] - 2 * here[-1][at]) < 3


def test_wished_lanes_stand_still_and_move_no_layer() -> None:
    plain, wished = show().stages[0], wishing({1: "wlan0", 2: "wlan0"}).stages[0]
    assert [each.flights for each in wished.layers] == [each.flights for each in plain.layers]
    assert wished.roads == plain.roads and plain.wished == {}
    kinds = [line["kind"] for line in wished.told()["lines"]]
    assert kinds == [line["kind"] for line in plain.told()["lines"]] + ["wish", "wish"]
    assert {len(versions) for kind, versions in wished.lines() if kind == "wish"} == {1}
    data = wishing({1: "wlan0", 2: "wlan0"}).figures[0]["data"]
    for layer, told in zip(wished.layers, wished.told()["layers"], strict=True):
        assert "marker" in data[told["trace"]], layer.name
    assert wished.first_layer == plain.first_layer + 2 and wished.road_of(2) == plain.road_of(2)


def test_a_wish_is_told_in_words_and_in_the_legend() -> None:
    both = wishing({1: "cell0", 2: "wlan0"})
    said = both.describe()
    assert "call: wished over the cellular network; it goes there never." in said
    assert "video: wished over the WLAN; it goes there from 3.900 s to 4." in said
    assert both.board().count("the lane wished for the") == 2 and "wished" not in show().board()


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({9: "wlan0"}, "expected one of 1, 2"), ({1: "eth9"}, "'wlan0', 'cell0'"), ([1], "such as {video"),
        ({1: None}, "one of"),
    ],
)  # fmt: skip
def test_wishes_for_what_there_is_not_are_refused(wishes: Any, words: str) -> None:
    with pytest.raises(mf.errors.ProtocolMisuse) as refused:
        world().animate(3.9, 4.8, wishes=wishes)
    assert words in str(refused.value)


def test_a_flow_itself_names_its_wish_and_that_of_another_world_is_none() -> None:
    assert world().animate(3.9, 4.8, wishes={world().flows()[0]: "cell0"}).describe().count("wished") == 1
    with pytest.raises(mf.errors.ProtocolMisuse, match="is of world"):
        world("figure 1").animate(3.9, 4.8, wishes={world().flows()[0]: "cell0"})
