"""The animation as plain values: key frames, names, places, sizes, words."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Trace
from mipflow.view.animation import animate
from mipflow.view.film import FRAME_MS, HOLD_FRAMES, Film, bursts
from mipflow.view.picture import Picture
from mipflow.view.style import HIGHLIGHT
from tests.view.story import FLOWS, MS, NAMES, Moments, S, Story, handover

Dict = dict[str, Any]


def made(story: Story, start_ns: int, end_ns: int, **more: Any) -> Picture:
    """The animation of a story."""
    return animate(
        story.trace(), story.graph, names=NAMES, flows=FLOWS, start_ns=start_ns, end_ns=end_ns, **more
    )  # fmt: skip


@pytest.fixture(scope="module")
def told() -> tuple[Picture, Moments]:
    """Four seconds around a handover, and its moments."""
    story, at = handover()
    return made(story, 10 * S, 14 * S), at


def played(figure: Dict) -> list[list[Dict]]:
    """What all layers show after each frame, played from the first."""
    layers: list[Dict] = [dict(layer) for layer in figure["data"]]
    shown = []
    for frame in figure["frames"]:
        for number, said in zip(frame["traces"], frame["data"], strict=True):
            layers[number] = merged(layers[number], said)
        shown.append(list(layers))
    return shown


def merged(layer: Dict, said: Dict) -> Dict:
    """A layer after a frame."""
    twin = dict(layer)
    for name, value in said.items():
        twin[name] = merged(twin.get(name, {}), value) if isinstance(value, dict) else value
    return twin


def texts(layers: list[Dict]) -> list[str]:
    """All the words on the stage."""
    return [text for layer in layers for text in layer.get("text", []) if isinstance(text, str)]


def unpadded(text: str) -> str:
    """A line of a table without the spaces behind it."""
    return re.sub(r" +(?=</b>$|$)", "", text)


def clock(layers: list[Dict]) -> str:
    """What the clock says."""
    return next(text for text in texts(layers) if text.startswith("t = "))


def test_at_each_table_change_two_key_frames_stand_at_one_time(told: tuple[Picture, Moments]) -> None:
    picture, at = told
    assert picture.figure is not None
    shown = played(picture.figure)
    new_row = "H@2 → cellular address"
    after = next(number for number, layers in enumerate(shown) if f"<b>{new_row}</b>" in map(unpadded, texts(layers)))
    before = after - 1
    assert clock(shown[before]) == clock(shown[after]) == f"t = {at.update_lands / S:.3f} s"
    assert [unpadded(text) for text in texts(shown[before])].count("H@2 → WLAN address") == 2, "at CN1 and HA"
    # Only words differ: what is on its way stands still, so nothing slides while the row changes.
    for one, other in zip(shown[before], shown[after], strict=True):
        assert (one["x"], one["y"], one.get("ids")) == (other["x"], other["y"], other.get("ids"))
    # The binding update is there, before the card of CN1, in both.
    (messages,) = [layer for layer in shown[before] if "BU" in layer.get("text", [])]
    position = messages["text"].index("BU")
    gone = [layer["text"] for layer in shown[after + HOLD_FRAMES] if "BU" in layer.get("text", [])]
    assert messages["x"][position] > 600
    assert gone == []
    # The row is marked in the second, and the picture rests.
    (rows,) = [layer for layer in shown[after] if layer.get("marker", {}).get("symbol") == "line-ew"]
    colours = rows["marker"]["line"]["color"]
    lit = [text for text, colour in zip(rows["text"], colours, strict=True) if colour == HIGHLIGHT]
    assert [unpadded(text) for text in lit] == ["<b>video H@2 → cellular address …</b>", f"<b>{new_row}</b>"]
    assert {clock(layers) for layers in shown[before : after + HOLD_FRAMES]} == {clock(shown[before])}


def test_a_changed_row_stays_marked_until_its_table_changes_again(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    layers = played(told[0].figure)[-1]
    (rows,) = [layer for layer in layers if layer.get("marker", {}).get("symbol") == "line-ew"]
    assert [unpadded(text) for text in rows["text"] if "<b>" in text] == [
        "<b>video H@2 → cellular address ✓</b>", "<b>H@2 → cellular address</b>",
    ]  # fmt: skip


def test_before_anything_has_happened_the_strip_says_what_to_do(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    shown = played(told[0].figure)
    assert "Press Play" in texts(shown[0])
    assert "So far no message, and no change of a table" in texts(shown[1])
    assert "Press Play" not in texts(shown[-1])


def test_access_routers_are_captioned_with_their_network(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    notes = " ".join(note["text"] for note in told[0].figure["layout"]["annotations"])
    assert "access router, wlan0" in notes and "access router, cell0" in notes


def test_each_change_of_a_shown_row_has_its_pair(told: tuple[Picture, Moments]) -> None:
    picture, at = told
    assert picture.figure is not None
    shown = played(picture.figure)
    clocks = [clock(layers) for layers in shown]
    pairs = {one for one, other in pairwise(clocks) if one == other}
    assert pairs == {f"t = {t_ns / S:.3f} s" for t_ns in (at.asked, at.update_lands, at.acknowledged)}


def test_all_frames_play_for_the_same_time(told: tuple[Picture, Moments]) -> None:
    """plotly counts a list of durations from where playing starts, so one duration is right after a pause too."""
    assert told[0].figure is not None
    (menu,) = told[0].figure["layout"]["updatemenus"]
    play = menu["buttons"][0]["args"]
    assert play[0] is None
    assert play[1]["frame"] == {"duration": FRAME_MS, "redraw": False}
    assert play[1]["transition"] == {"duration": FRAME_MS, "easing": "linear"}
    assert play[1]["fromcurrent"] is True
    assert FRAME_MS <= 250


def test_a_mark_keeps_its_name_and_no_name_is_there_twice(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    for layers in played(told[0].figure):
        for layer in layers:
            ids = layer.get("ids")
            if ids is not None:
                assert len(ids) == len(set(ids)) == len(layer["x"]) == len(layer["y"])
                assert ids[0] == "0"
                assert layer["x"][0] < 0, "one mark always waits out of sight, or plotly forgets to draw"


def test_marks_move_a_little_at_a_time(told: tuple[Picture, Moments]) -> None:
    """A mark that is under way never leaps: the longest link takes 8 ms, that is four ticks."""
    assert told[0].figure is not None
    shown = played(told[0].figure)
    for one, other in pairwise(shown):
        for was, now in zip(one, other, strict=True):
            if "ids" not in was:
                continue
            places = {ident: (x, y) for ident, x, y in zip(was["ids"], was["x"], was["y"], strict=True)}
            for ident, x, y in zip(now["ids"], now["x"], now["y"], strict=True):
                if ident in places:
                    assert abs(x - places[ident][0]) + abs(y - places[ident][1]) < 170


def test_coordinates_are_rounded(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    for frame in told[0].figure["frames"]:
        for said in frame["data"]:
            for value in [*said.get("x", []), *said.get("y", [])]:
                assert value == round(value, 3)


def test_frames_that_the_slider_reaches_say_everything(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    figure = told[0].figure
    names = [step["args"][0][0] for step in figure["layout"]["sliders"][0]["steps"]]
    whole = {frame["name"]: frame for frame in figure["frames"]}
    everything = set(whole["0"]["traces"])
    assert all(set(whole[name]["traces"]) == everything for name in names)
    assert names[0] == "0"
    assert names[-1] == figure["frames"][-1]["name"]
    assert 20 <= len(names) <= 80


def test_the_figure_starts_as_its_first_frame(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    figure = told[0].figure
    assert played(figure)[0] == figure["data"]


def test_each_flow_is_drawn_in_its_own_way(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    looks = {}
    for layers in played(told[0].figure):
        for layer in layers:
            if layer.get("mode") == "markers+text" and "ids" in layer:
                for text in layer["text"]:
                    if text in ("c", "v"):
                        looks[text] = (layer["marker"]["symbol"], layer["marker"]["color"])
    assert looks == {"c": ("circle", "#0072B2"), "v": ("square", "#E69F00")}


def test_all_signalling_flies_by_name(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    seen = {text for layers in played(told[0].figure) for text in texts(layers)}
    assert {"HoTI", "CoTI", "HoT", "CoT", "BU", "BA"} <= seen


def test_the_counters_read_the_trace(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    shown = played(told[0].figure)
    first, last = texts(shown[0]), texts(shown[-1])
    assert " <b>call: 0 lost</b>, over wlan0" in first
    assert " <b>video: 0 lost</b>, over wlan0" in first
    assert " <b>call: 0 lost</b>, over wlan0" in last
    assert " <b>video: 2 lost</b>, over cell0" in last


def test_a_lost_packet_flies_half_way_to_its_cross(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    shown = played(told[0].figure)
    crosses = [layer for layer in shown[0] if layer.get("marker", {}).get("symbol") == "x"]
    place = shown[0].index(crosses[0])
    first = next(layers for layers in shown if len(layers[place]["ids"]) > 1)
    x, y = first[place]["x"][1], first[place]["y"][1]
    (video,) = [layer for layer in first if layer.get("marker", {}).get("symbol") == "square" and "v" in layer["text"]]
    assert min(abs(x - at_x) + abs(y - at_y) for at_x, at_y in zip(video["x"], video["y"], strict=True)) < 20


def test_the_factor_stands_on_the_screen(told: tuple[Picture, Moments]) -> None:
    assert told[0].figure is not None
    seen = {text for layers in played(told[0].figure) for text in texts(layers)}
    assert any(text.startswith("slow motion, ") and text.endswith(" times slower") for text in seen)


def test_a_minute_around_a_handover_is_small() -> None:
    story, _ = handover(start_s=1, asked_s=30, end_s=61)
    figure = made(story, 1 * S, 61 * S).figure
    assert len(json.dumps(figure, separators=(",", ":"), ensure_ascii=False).encode()) < 400_000


def test_dense_traffic_is_sampled_and_says_so() -> None:
    story, _ = handover()
    figure = made(story, 10 * S, 14 * S, max_packets=30).figure
    assert figure is not None
    notes = " ".join(annotation["text"] for annotation in figure["layout"]["annotations"])
    assert re.search(r"one packet in \d+ to \d+ drawn", notes)
    marks = {ident for frame in figure["frames"] for said in frame["data"] for ident in said.get("ids", [])}
    assert len(marks) < 60


def test_times_that_are_asked_for_are_slow() -> None:
    story, at = handover()
    picture = made(story, 10 * S, 14 * S, slow=[(at.asked, at.asked + 100 * MS)])
    assert "to 12.000 s as fast as life, then to 12.100 s slow motion" in picture.describe()


def test_an_empty_trace_makes_a_picture() -> None:
    picture = animate(Trace(), Story().graph, names={}, flows={}, start_ns=0, end_ns=S)
    assert picture.figure is not None
    assert picture.rows() == []
    assert picture.describe().startswith("The network at work.")


def test_time_must_go_forward() -> None:
    with pytest.raises(ProtocolMisuse):
        made(Story(), 2 * S, S)


def test_words_and_rows_tell_who_sent_what_and_which_row_changed(told: tuple[Picture, Moments]) -> None:
    picture, at = told
    text = picture.describe()
    assert "The mobile node tells CN1 that H@2 is now at the cellular address (BU); it arrives at 12.135 s." in text
    assert "CN1 now sends the video to the cellular address." in text
    assert "call: over wlan0 throughout; 0 lost." in text
    (row,) = [row for row in picture.rows() if row["what"] == "row" and row["node"] == "CN1"]
    assert row["time_s"] == at.update_lands / S
    assert row["key"] == "H@2"


class TestFilm:
    def test_slow_parts_get_most_of_the_playing_time(self) -> None:
        film = Film(0, 60 * S, [(30 * S, 30 * S + 400 * MS)])
        assert [part.slow for part in film.parts] == [False, True, False]
        assert film.parts[1].ticks > 150
        assert film.parts[0].ticks <= 20
        assert film.ticks == sorted(film.ticks)
        assert (film.ticks[0], film.ticks[-1]) == (0, 60 * S)

    def test_the_tick_of_a_time_is_the_nearest(self) -> None:
        film = Film(0, 10 * S, [(5 * S, 6 * S)])
        for t_ns in (0, 4 * S + 1, 5 * S, 5 * S + 333 * MS, 6 * S, 10 * S):
            nearest = min(range(len(film.ticks)), key=lambda tick: abs(film.ticks[tick] - t_ns))
            assert abs(film.ticks[film.tick(t_ns)] - t_ns) == abs(film.ticks[nearest] - t_ns)

    def test_near_moments_are_one_burst(self) -> None:
        assert bursts([S, S + 100 * MS, 5 * S], 0, 10 * S) == [
            (S - 60 * MS, S + 300 * MS), (5 * S - 60 * MS, 5 * S + 200 * MS),
        ]  # fmt: skip

    def test_overlapping_windows_outside_and_inside(self) -> None:
        film = Film(S, 3 * S, [(0, S // 2), (2 * S, 5 * S), (2 * S + 1, 4 * S)])
        assert [part[:2] for part in film.parts] == [(S, 2 * S), (2 * S, 3 * S)]
        assert [part.slow for part in film.parts] == [False, True]

    def test_a_pinned_moment_has_a_tick_of_its_own(self) -> None:
        film = Film(0, 10 * S, [(5 * S, 6 * S)])
        tick = film.pin(5 * S + 333_333_333)
        assert film.ticks[tick] == 5 * S + 333_333_333
        assert film.pin(5 * S + 333_333_334) == tick
        assert film.ticks[tick] == 5 * S + 333_333_333
        assert film.ticks == sorted(film.ticks)


def test_rows_that_changed_before_the_slow_motion_are_not_marked_in_it() -> None:
    """In a film from the start, the home agent's rows are news while they register, and old when the video moves."""
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    world.run(4)
    world.mn.handover(video, "cell0")
    world.run(1)
    boards = [
        list(zip(piece["text"], piece["marker"]["line"]["color"], strict=True))
        for frame in world.animate().figure["frames"]
        for piece in frame["data"]
        if isinstance(piece.get("marker", {}).get("line", {}).get("color"), list) and "text" in piece
    ]
    lit = [[line for line, colour in board if not colour.endswith("00")] for board in boards]
    assert any("H@1" in line for rows in lit for line in rows)
    assert [line.split(">")[-1] for line in lit[-1]], "the moved rows stay marked"
    assert all("cellular" in line for line in lit[-1])
