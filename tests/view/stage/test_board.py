"""The board: which rows stand in the tables at each moment, which is marked, what is said of the others."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.studies.attacks import attack
from mipflow.view.stage.board import SIGNS, Board
from mipflow.view.stage.scene import MOST_LINES
from mipflow.view.stage.show import Show
from mipflow.view.stage.stage import spots
from mipflow.wire.mobility import BindingUpdate
from tests.view.stage.test_stage import show, told
from tests.view.told import CELL, CN1, HA, HOME1, HOME2, MS, WLAN, S, Story, binding, handover, mapping, message
from tests.view.worlds import NAMES, at_work, film


def text(html: str) -> str:
    """HTML as it reads: what is struck through in brackets."""
    marked = html.replace("<del>", "[").replace("</del>", "]").replace("</tr>", "; ")
    words = " ".join(re.sub(r"<[^>]+>", " ", marked).split())
    return words.replace(" ;", ";").replace("[ ", "[").replace(" ]", "]")


def rows(board: Board, node: str, t_ns: int) -> str:
    """Return the rows in the table of a node at a time, as HTML."""
    slot, us = board.slots[board.places[node]], board.stage.us(t_ns)
    return text(next(html for at, html in reversed(slot) if at <= us))


@pytest.fixture(scope="module")
def board() -> Board:
    return show().boards[0]


def key_ns() -> int:
    return next(caption.t_ns for _, caption in show().told if caption.is_key)


def test_the_row_changes_at_its_moment_beside_what_stood_there(board: Board) -> None:
    at = key_ns()
    assert rows(board, "CN1", at - 1000) == "c H@1 WLAN; v H@2 WLAN;"
    assert rows(board, "CN1", at) == "c H@1 WLAN; unchanged: the call stays; v H@2 [WLAN] → cellular;"


def test_row_and_road_change_at_the_same_playing_time(board: Board) -> None:
    us = board.stage.us(key_ns())
    assert us in [at for at, _ in board.slots[board.places["CN1"]]]
    road = show().stages[0].told()["lines"][-1]
    assert road["kind"] == "road" and us in [at for at, _ in road["versions"]]
    film = show().film
    assert film.ms(key_ns()) == film.told_ms[[caption.is_key for _, caption in show().told].index(True)]


@pytest.mark.parametrize("name", NAMES)
def test_in_every_scenario_roads_bend_in_the_moment_of_their_row(name: str) -> None:
    shown = film(name)
    (stage,), (board,) = shown.stages, shown.boards
    keys = [event for event in shown.events if "key" in event]
    assert keys
    for event in keys:
        rows_of = board.slots[board.places[event["key"]["row"].partition("|")[0]]]
        lit = [line for line in stage.told()["lines"] if line["trace"] in event["key"]["lit"]]
        assert event["us"] in [us for us, _ in rows_of], event["brief"]
        assert [line["kind"] for line in lit] == ["road"] * len(lit) and lit
        assert all(event["us"] in [us for us, _ in line["versions"]] for line in lit), event["brief"]
        assert abs(shown.film.time(event["ms"]) - shown.film.corners[0][1] - event["us"] * 1000) < 1000


def test_only_the_row_at_the_correspondent_is_marked(board: Board) -> None:
    for slot in board.slots[:3]:
        marked = [html for _, html in slot if "mipflow-changed" in html]
        assert bool(marked) == (slot is board.slots[board.places["CN1"]])
    assert rows(board, "HA", key_ns()) == "H@1 WLAN; H@2 WLAN; not asked, so it stays;"
    assert rows(board, "MN", key_ns()) == "call H@1 WLAN address yes; video H@2 cellular address no;"
    assert "mipflow-own" in board.html() and board.html().count("class='mipflow-plate'") == 2


def test_a_marked_row_stays_until_the_next_one_at_another_time() -> None:
    early = show("figure 2", 0, 4.8).boards[0]
    end = rows(early, "CN1", key_ns() + 500 * MS)
    assert end == "c H@1 WLAN; unchanged: the call stays; v H@2 [WLAN] → cellular;"
    assert "[" not in rows(early, "HA", key_ns())


def test_a_row_names_the_flows_that_use_it_from_when_they_do() -> None:
    early = show("figure 2", 0, 4.8).boards[0]
    begins = [at for at, html in early.slots[early.places["CN1"]] if ">v</b>" in html]
    registered = [r for r in early.stage.trace.changes() if r.node == "CN1" and r.change.table == "binding cache"]
    assert begins[0] == early.stage.us(registered[1].t_ns), "with the row, since the flow had its address before"
    assert "v H@2 WLAN;" in rows(early, "CN1", key_ns() - 1000)
    assert "c H@" not in rows(early, "HA", key_ns()), "what a correspondent sends straight does not pass by"


@pytest.mark.parametrize("asks", [False, True])
def test_a_home_agent_is_said_to_be_left_out_only_where_nobody_asked_it(asks: bool) -> None:
    story, at = handover()
    if asks:
        update = message(CELL, HA, BindingUpdate(8, lifetime_units=105), HOME2)
        story.send(["MN", "AR3", "Internet", "HA"], update, at.update_lands + 300 * MS)
    for t_ns in (at.update_lands - 1000, at.update_lands, at.end):
        said = "not asked" in rows(told(story).boards[0], "HA", t_ns)
        assert said == (not asks and t_ns >= at.update_lands)


def seen(shown: Show) -> set[str]:
    """Return the signs that a film shows, looked for at many moments of it."""
    (stage,), (board,) = shown.stages, shown.boards
    start, end = stage.spine.start_ns, stage.spine.end_ns
    times = {start + (end - start) * share // 300 for share in range(301)}
    for layer in stage.layers:
        times |= {at + by for each in layer.flights for at in each.times for by in (0, 1, MS)}
    found = set[str]()
    for at in sorted(each for each in times if start <= each <= end):
        for layer in stage.layers:
            for spot in spots(stage.scene, layer, at):
                kind = {"messages": "message", "lost": "lost"}.get(layer.name)
                found |= {each for each in (kind, "several" * (spot.packets > 1), "tunnel" * spot.tunnelled) if each}
        now = [next(way for t_ns, way in reversed(stage.roads[flow]) if t_ns <= at) for flow in stage.flows]
        found |= {"tunnel"} & {"tunnel" * bool(way and way.tunnel) for way in now}
    keys = [event["us"] for event in shown.events if "key" in event]
    turned = [(stage.us(t_ns), was) for flow in stage.flows for (_, was), (t_ns, _) in pairwise(stage.roads[flow])]
    found |= {"ghost" for us, was in turned if us in keys and was}
    marked = (html for slot in board.places.values() for _, html in board.slots[slot])
    return found | {"row" for html in marked if "mipflow-changed" in html}


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_lists_what_the_film_shows_and_nothing_else(name: str) -> None:
    shown = film(name)
    html = shown.boards[0].html().partition("</ul>")[0]
    assert {kind for kind, (sign, words) in SIGNS.items() if sign in html and f">{words}" in html} == seen(shown)


def test_the_legend_says_until_when_a_sign_is_seen_and_who_is_who() -> None:
    board = show().boards[0]
    legend = text(board.html().partition("</ul>")[0])
    assert legend.endswith("MN mobile node; HA home agent; CN1, CN2 correspondent nodes")
    until = float(re.findall(r"in a tunnel \(seen until ([\d.]+) s\)", legend)[0])
    tests = [each for each in board.stage.spine.moments if each.kind == "HoT"]
    assert tests[-1].t_ns / S < until < tests[-1].until_ns / S < 4.8
    story, _ = handover()
    assert "✕ lost" in text(told(story).boards[0].html())


@pytest.mark.parametrize("failing", [False, True])
def test_of_two_rows_that_turn_in_one_handover_none_is_said_to_stay(failing: bool) -> None:
    """One after the other, because their updates are; at the end both are marked, and both are told."""
    world = mf.figure2(seed=7)
    for app in (mf.apps.Voice(start_s=3), mf.apps.Video(start_s=3)):
        world.mn.open(world.cn1, app)
    world.run(5)
    if failing:
        world.mn.interface("wlan0").set_up(False)
    else:
        world.mn.handover_all("cell0")
    shown: Any = world.run(2).animate(4.8, 6.5)
    (board,) = shown.boards
    turned = [event["us"] for event in shown.events if event.get("moved") and event["us"] > 200_000]
    assert len(set(turned)) >= 2 or len(turned) == 1
    whole = "".join(html for slot in board.slots for _, html in slot)
    assert "unchanged" not in whole and board.notes == []
    assert rows(board, "CN1", board.stage.spine.end_ns).count("[WLAN] → cellular") == 2
    end = shown.plain()["slots"][-2][-1][1]
    assert "the call" in end and "the video" in end and "unchanged" not in end


def test_where_both_flows_share_a_row_nothing_is_said_to_stay() -> None:
    shared = show("figure 1").boards[0]
    assert rows(shared, "CN1", show("figure 1").film.corners[-1][1]) == "c v H@1 [WLAN] → cellular;"
    assert shared.notes == []


def test_ways_and_losses_are_counted_over_time() -> None:
    story, at = handover()
    board = told(story).boards[0]
    ways = [text(html) for _, html in board.slots[-1]]
    assert ways[0] == "over the WLAN; 0 lost" and ways[-1] == "over the cellular network; 2 lost, until 12.254 s"
    assert "call: over the WLAN throughout; 0 lost." in board.sentences()
    (line,) = [line for line in board.sentences() if line.startswith("video")]
    landed = f"{at.update_lands / 1e9:.3f} s"
    assert line.startswith(f"video: over the WLAN, from {landed} over the cellular network; 2 lost (")


def test_words_from_outside_are_no_markup() -> None:
    story, _ = handover()
    story.table(1, "CN1", "binding cache", "x", None, {"home_address": "<u>x", "care_of_address": "<u>'y"})
    html = told(story).boards[0].html()
    assert "<u>" not in html and "&lt;u&gt;x" in html


def test_of_many_rows_those_that_count_are_shown() -> None:
    story, at = handover()
    for number in range(40):
        home = f"2001:db8:100::{number + 99:x}"
        story.table(1, "CN1", "binding cache", home, None, {"home_address": home, "care_of_address": str(WLAN)})
    board = told(story).boards[0]
    shown = rows(board, "CN1", at.update_lands)
    assert "v H@2 [WLAN] → cellular;" in shown and "c H@1 WLAN; unchanged: the call stays;" in shown
    assert shown.endswith("… 40 more;") and board.lines["CN1"] <= MOST_LINES


def test_a_row_that_is_deleted_is_gone() -> None:
    story = Story()
    story.table(1, "CN1", "binding cache", HOME1, None, binding(HOME1, WLAN, 1))
    story.table(1, "MN", "flow mapping table", 1, None, mapping(1, HOME1, WLAN, WLAN))
    story.table(11_000 * MS, "CN1", "binding cache", HOME1, binding(HOME1, WLAN, 1), None)
    story.table(12_000 * MS, "CN1", "binding cache", HOME2, None, binding(HOME2, CELL, 1))
    board = told(story).boards[0]
    assert rows(board, "CN1", 11_500 * MS) == ""
    assert rows(board, "CN1", 12_500 * MS) == "H@2 cellular;"
    assert CN1


@pytest.fixture(scope="module")
def tested() -> Board:
    """Return a second address, of which the first that is tried is somebody's."""
    world = mf.figure2(allocate="stateless", collision=True, security=True).run(2.5)
    for _ in range(2):
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms=200))
        world.run(2)
    shown = world.animate(4.5, 6.4)
    assert isinstance(shown, Show)
    said = shown.describe()
    for words in (
        "4.560 s: The home agent asks at home, and waits a second: who has H@2.", "Somebody at home has H@2.",
        "Call 2 cannot have H@2. Call 2 has the home address H@3.", "forget their keys for H@2, and have keys for H@3",
        "5.602 s: Nobody at home has H@3.",
    ):  # fmt: skip
        assert words in said
    return shown.boards[0]


def test_an_address_that_is_tested_is_a_ghost_until_it_is_bound_or_refused(tested: Board) -> None:
    def at(ms: int) -> str:
        return rows(tested, "HA", ms * MS)

    assert at(4550) == "H@1 WLAN;"
    assert at(4561) == "H@1 WLAN; H@2 tested;"
    assert at(4563) == "H@1 WLAN; [H@2] ✕ 134: in use;"
    assert at(5590) == "H@1 WLAN; H@3 tested;", "the refused one is gone"
    assert at(5604) == "H@1 WLAN; H@3 WLAN;"
    slot = tested.slots[tested.places["HA"]]
    ring = next(html for _, html in slot if "H@3</th>" in html)
    begin, end = map(int, re.findall("data-[a-z]+='([0-9]+)'", ring)[-2:])
    assert end - begin == pytest.approx(1_000_000, abs=1000), "its ring closes in a second"


def test_of_many_addresses_that_are_tested_at_once_those_without_room_are_counted() -> None:
    (board,) = at_work("figure 2", 6).animate(0, 5.6).boards  # type: ignore[attr-defined]
    assert rows(board, "HA", 1500 * MS) == "H@1 tested; H@2 tested; … 4 more tested;"
    assert rows(board, "HA", 2500 * MS) == "H@1 WLAN; H@2 WLAN; … 4 more;"


def test_the_legend_says_that_a_ring_is_a_test(tested: Board, board: Board) -> None:
    words = "a home address under test, until the ring is full"
    assert words in text(tested.html()) and words not in text(board.html())


def test_the_test_is_an_event_of_the_spine(tested: Board) -> None:
    moments = [moment for moment in tested.stage.spine.moments if moment.kind == "test"]
    told = [(moment.brief, moment.nodes, moment.is_told) for moment in moments]
    briefs = ["H@2 is tested", "H@2 is in use", "H@3 is tested", "H@3 is free"]
    assert told == [(brief, ("HA",), True) for brief in briefs]


def test_that_an_address_is_free_is_told_before_its_row(tested: Board) -> None:
    """On the film's clock too, where a row that bends a road comes first in its instant."""
    at = {caption.brief: caption.t_ns for caption in reversed(tested.stage.spine.captions)}
    assert at["H@3 is free"] < at["call 2 → the WLAN address"]


def test_the_plate_of_an_attacker_has_its_tokens_with_a_question_mark_at_guesses() -> None:
    world = attack("steal at the correspondent", "MN's access", "return routability and ESP").world
    (board,) = world.animate(5.9, 6.54).boards  # type: ignore[attr-defined]
    assert "Attacker: keygen tokens" in board.html()
    assert rows(board, "Attacker", int(6.02 * S)) == ""
    assert rows(board, "Attacker", int(6.04 * S)) == "care-of received;"
    assert rows(board, "Attacker", int(6.51 * S)) == "care-of received; home ? guessed;"
    assert rows(board, "CN1", int(6.53 * S)).startswith("c H@1 WLAN")


def test_a_stolen_call_goes_to_the_attacker_and_its_plate_names_no_addresses() -> None:
    world = attack("steal at the correspondent", "CN's access", "return routability and ESP").world
    film = world.animate(5.9, 6.3)
    (board,), (stage,) = film.boards, film.stages  # type: ignore[attr-defined]
    ways = [way.nodes for _, way in next(iter(stage.roads.values()))]
    assert ways == [("CN1", "Internet", "AR2", "MN"), ("CN1", "Internet", "Attacker")]
    assert "call: over the WLAN, from 6.030 s to Attacker;" in film.describe()
    assert rows(board, "CN1", int(6.1 * S)) == "c H@1 [WLAN] → Attacker&#x27;s;"
    head = board.html().partition("Attacker: keygen tokens")[2].partition("</thead>")[0]
    assert re.findall(r"<th scope='col'>([^<]*)</th>", head) == ["token", "how"]
