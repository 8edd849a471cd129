"""The show: what player.js is told, the HTML around the stage, and what is left where no script runs."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import PLOTLY_MIME, packed
from mipflow.view.stage.show import BARS, BEND_MS, MOST_ROWS, Show, _pace, animate
from mipflow.view.stage.stage import PARKED, Part
from mipflow.view.story.words import seconds
from tests.view.drawing.test_page import unpacked
from tests.view.stage.test_stage import show, told, world
from tests.view.told import FLOWS, NAMES, S, Story, handover

MOST_LINES, MOST_LINES_OF_A_SNAPSHOT, MOST_LETTERS = 350, 60, 120


def part(name: str) -> Part:
    of = world(name)
    return Part(of.trace, of.network.graph, of.names(), of.flow_names(), of.mn.name, of.title)


def test_captions_are_told_in_order_and_can_be_read() -> None:
    plain = show().plain()
    captions = plain["slots"][-2]
    starts = [at for at, _ in captions]
    assert all(b - a >= 1500 - 1 for a, b in pairwise(starts[1:]))
    texts = [text for _, text in captions]
    assert texts[0] == "Press play, or step from event to event."
    (turn,) = [text for text in texts[:-1] if "now sends the video to the cellular address" in text]
    assert turn.endswith(": CN1 now sends the video to the cellular address. H@1 unchanged: the call stays.")
    assert texts[-1] == "CN1 now sends the video to the cellular address. H@1 unchanged: the call stays."


def test_time_stands_at_the_moment_that_the_film_is_about() -> None:
    plain = show().plain()
    (event,) = [event for event in plain["events"] if "key" in event]
    video, messages = 5, 8  # of plotly's traces
    assert event["stop"] == event["ms"] + BEND_MS and event["key"]["lit"] == [video, 8] and event["key"]["leg"] == 1
    assert [plain["stages"][0]["lines"][video - 1][name] for name in ("trace", "kind")] == [video, "road"]
    assert plain["stages"][0]["layers"][2]["trace"] == messages
    assert event["key"]["row"].startswith("CN1|") and event["key"]["row"] in show().boards[0].html()
    (pace,) = [text for at, text in plain["slots"][-1] if at == event["ms"]]
    assert pace == "time stands"
    assert 0 < plain["before"] < event["ms"]


def test_what_is_told_is_plain_and_small() -> None:
    plain = show().plain()
    assert json.loads(json.dumps(plain)) == json.loads(json.dumps(show().plain()))
    assert len(packed(plain)) < 25_000


def test_outputs_are_figures_then_controls_then_board() -> None:
    bundles = show().bundles()
    assert [PLOTLY_MIME in bundle for bundle in bundles] == [True, False, False]
    assert bundles[0][PLOTLY_MIME]["layout"]["meta"]["show"] == show().id
    assert "class='mipflow-controls mathjax_ignore'" in bundles[1]["text/html"]
    assert bundles[2]["text/plain"] == show().describe()
    assert unpacked(bundles[2]["text/html"]) == [json.loads(json.dumps(show().plain()))]


def test_without_a_script_the_end_of_the_film_tells_the_story() -> None:
    html = re.sub(r"<(script|style).*?</\1>", "", "".join(each["text/html"] for each in show().bundles()[1:]))
    assert "CN1 now sends the video to the cellular address. H@1 unchanged: the call stays." in html
    assert "<del>WLAN</del> → <ins>cellular</ins>" in html
    assert "unchanged: the call stays" in html
    assert "<details" in html and "mipflow-changed" in html
    road, ghost = show().figures[0]["data"][5], show().figures[0]["data"][3]
    (y,) = {place for name, (_, place) in show().stages[0].scene.places.items() if name == "AR3"}
    assert min(abs(each - y) for each in road["y"] if each is not None) < 0.5, "the road is bent"
    assert PARKED not in ghost["x"] and len(ghost["x"]) >= 4, "and where it was is seen"


def test_controls_have_names_and_one_group_of_speeds() -> None:
    html = show().controls()
    for name in ("Previous event", "Step back", "Play", "Step on", "Next event", "Full screen", "Time", "Events"):
        assert f"aria-label='{name}'" in html
    assert len(set(re.findall(r"type='radio' name='([^']+)'", html))) == 1 and "<legend>Speed</legend>" in html
    assert "aria-live='polite'" in html
    assert html.count("data-act='mark'") == len(show().told)


def test_two_worlds_play_on_one_clock() -> None:
    both = Show([part("figure 2"), part("figure 1")], round(3.9 * S), round(4.8 * S), [], "Two or one")
    plain = both.plain()
    assert len(both.figures) == len(plain["stages"]) == 2
    assert [figure["layout"]["meta"]["stage"] for figure in both.figures] == [0, 1]
    assert {event["stage"] for event in plain["events"]} == {0, 1}
    assert [event["ms"] for event in plain["events"]] == sorted(event["ms"] for event in plain["events"])
    texts = [text for _, text in plain["slots"][-2]]
    assert texts[-1] == (
        "A: CN1 now sends the video to the cellular address. H@1 unchanged: the call stays."
        " B: CN1 now sends the call and the video to the cellular address."
    )
    assert any("A: CN1 now sends the video" in text for text in texts)
    assert any("B: CN1 now sends the call and the video" in text for text in texts)
    numbers = [int(each) for each in re.findall(r"data-slot='(\d+)'", both.board() + both.controls())]
    assert sorted(numbers) == list(range(len(plain["slots"])))
    assert {row["part"] for row in both.rows()} == {"A", "B"}
    assert "A: " in both.describe() and "B: " in both.describe()


def test_words_and_rows_tell_who_sent_what_and_which_row_changed() -> None:
    text = show().describe()
    assert "in slow motion from" in text
    assert "CN1 now sends the video to the cellular address" in text
    assert "call: over the WLAN throughout; 0 lost." in text
    rows = [row for row in show().rows() if row["what"] == "row" and row["node"] == "CN1"]
    assert [row["key"] for row in rows] == ["H@2"]


def test_hostile_words_are_no_markup() -> None:
    story, _ = handover()
    bad = "</script><script>alert(1)</script>\u202e🦝" + "x" * 200
    shown = animate(
        story.trace(), story.graph, names=NAMES, flows={1: "call", 2: bad}, start_ns=10 * S, end_ns=14 * S, title=bad
    )  # fmt: skip
    html = "".join(bundle["text/html"] for bundle in shown.bundles())
    assert "<script>alert" not in html
    assert bad.replace("\u202e", "\ufffd") in shown.describe()


def test_nothing_to_show_is_said() -> None:
    empty = animate(Trace(), Story().graph, names={}, flows={}, start_ns=0, end_ns=S)
    assert empty.figure is not None and empty.rows() == [] and empty.describe().startswith("The network at work.")
    assert "No event here" in empty.controls() and "Before the change" not in empty.controls()
    story, _ = handover()
    quiet = animate(story.trace(), story.graph, names=NAMES, flows=FLOWS, start_ns=90 * S, end_ns=91 * S)
    assert all(not layer.flights for layer in quiet.stages[0].layers)


def test_time_must_go_forward() -> None:
    with pytest.raises(ProtocolMisuse):
        animate(Trace(), Story().graph, names={}, flows={}, start_ns=2 * S, end_ns=S)


def test_times_that_are_asked_for_are_slow() -> None:
    story, at = handover()
    shown = told(story, slow=[(at.asked, at.asked + 100_000_000)])
    assert "in slow motion from 12.000 s to 12.1" in shown.describe()


def test_one_script_drives_and_is_short() -> None:
    """The other one draws a file of what is seen: it moves nothing, listens to nothing and knows no film."""
    folder = Path(__file__).resolve().parents[3] / "mipflow" / "view"
    lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in folder.rglob("*.js")}
    assert set(lines) == {"player.js", "snapshot.js"} and len(lines["player.js"]) <= MOST_LINES
    assert len(lines["snapshot.js"]) <= MOST_LINES_OF_A_SNAPSHOT
    assert not re.search("told|mipflowPlayer|Listener|requestAnimation", "".join(lines["snapshot.js"]))
    assert [line for each in lines.values() for line in each if len(line) > MOST_LETTERS] == []


def test_a_film_in_which_nothing_is_told_says_so_and_the_keys_stand_below() -> None:
    of = world("figure 2")
    calm = of.animate(3.4, 3.6)
    assert isinstance(calm, Show) and not calm.events
    assert calm.plain()["slots"][-2] == [(0, "No event here: only packets pass.")]
    assert "No event here" in calm.controls()
    keys = {"ArrowLeft": "←", "ArrowRight": "→", "PageUp": "Page Up", "PageDown": "Page Down", "Home": "Home"}
    for key, name in keys.items():
        assert key in calm.plain()["keys"] and name in calm.controls().split("mipflow-keys")[1]


def test_where_a_step_leads_the_clock_says_what_the_caption_says() -> None:
    film = show()
    for event in film.events:
        assert seconds(film.film.time(event["stop"])) == event["at"]


@pytest.mark.parametrize("number", [1, 28, 60, 300])
def test_numbers_on_the_bar_stand_at_their_times(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events: each is in one mark, in order; no two marks of a row share a place; the rows are few."""
    film = show()
    stops = [film.film.length_ms * (n + 1) // (number + 1) for n in range(number)]
    events = [{"stop": stop, "at": "", "brief": ""} for stop in stops]
    monkeypatch.setitem(film.__dict__, "events", events)
    html, rows = film._marks()
    monkeypatch.undo()
    numbered = re.compile(r"--(\w+):(\d+)")
    marks = [
        (int(first), int(last or first), float(at), {name: int(row) for name, row in numbered.findall(more)})
        for first, last, at, more in re.findall(r"data-by='(\d+)'(?: data-to='(\d+)')?.*?--at:([\d.]+)(.*?)'", html)
    ]
    assert [n for first, last, _, _ in marks for n in range(first, last + 1)] == list(range(number))
    for name, pixels in BARS.items():
        ends: dict[int, float] = {}
        for first, last, at, where in marks:
            assert at == pytest.approx(stops[first] / film.film.length_ms, abs=1e-4)
            width = 24 if first == last else 44
            row = where.get(name, 0)
            assert ends.get(row, -100) <= at * pixels - width / 2 + 0.1
            ends[row] = at * pixels + width / 2
        assert f"--{name}:{len(ends)}" in rows and len(ends) <= MOST_ROWS + 2


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(1, "as in life"), (1e-3, "1000 times slower"), (1e-9, "time all but stands"), (0, "time stands")],
)
def test_a_pace_is_a_number_that_one_can_read(ratio: float, words: str) -> None:
    assert _pace(ratio).startswith(words)
