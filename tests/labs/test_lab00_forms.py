"""The forms of lab 00 (labs/exercises/lab00.py), worked without a browser, and what they read from the trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.course.source import exercises_of
from mipflow.errors import ProtocolMisuse
from tests.lab.panels.test_panel import html, is_grey, told

LAB = exercises_of("00")
Choice, Tour, STILL, accounts, before_and_after = LAB.Choice, LAB.Tour, LAB.STILL, LAB.accounts, LAB.before_and_after
landing_s, verdict, why = LAB.landing_s, LAB.verdict, LAB.why


def story(figure: Callable[..., mf.World], flow: str, interface: str, moment: float) -> mf.World:
    """Run the `story` that labs/00_tour defines."""
    world = figure(seed=7, reuse_tokens=False)
    flows = {
        "call": world.mn.open(world.cn1, mf.apps.Voice(start_s=3)),
        "video": world.mn.open(world.cn1, mf.apps.Video(start_s=3)),
    }
    world.run(moment)
    world.mn.handover(flows[flow], interface)
    return world.run(2)


@pytest.fixture
def tour() -> Any:
    return Tour(story)


class Form:
    """The panel of `Tour.move()`."""

    def __init__(self, tour: Any) -> None:
        self.panel = tour.move()
        self.button = self.panel.button

    def run(self, flow: str = "video", interface: str = "cell0", moment: float = 4.0) -> str:
        for name, value in {"flow": flow, "interface": interface, "moment": moment}.items():
            self.panel.controls[name].value = value
        self.button.click()
        return told(self.panel)


# --- what is read from the trace -------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", [mf.figure1, mf.figure2])
@pytest.mark.parametrize("flow", ["call", "video"])
def test_an_account_says_what_the_meters_say(figure: Callable[..., mf.World], flow: str) -> None:
    world = story(figure, flow, "cell0", 4.0)
    for account, opened in zip(accounts(world, 4.0), world.flows(), strict=True):
        up, down = opened.stats
        assert (account["sent"], account["arrived"]) == (up.sent + down.sent, up.received + down.received)
        assert account["lost"] == up.lost + down.lost


def test_an_account_counts_losses_on_links_and_in_nodes() -> None:
    links = {"cn1": mf.Link(delay_ms=10, loss=0.2)}
    world = mf.figure2(seed=1, links=links)
    call = world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    world.run(5)
    (account,) = accounts(world, 4.0)
    assert account["lost"] == call.stats.up.lost + call.stats.down.lost > 0
    assert account["arrived"] == call.stats.up.received + call.stats.down.received


def test_only_the_video_moves_and_nothing_is_lost() -> None:
    world = story(mf.figure2, "video", "cell0", 4.0)
    call, video = accounts(world, 4.0)
    columns = ("home address", "network before", "network after", "lost")
    assert [call[column] for column in columns] == ["H@1", "WLAN", "WLAN", 0]
    assert [video[column] for column in columns] == ["H@2", "WLAN", "cellular", 0]
    changed = [(row["table"], row["row"]) for row in before_and_after(world, 4.0) if row[""]]
    assert changed == [("CN1: binding cache", "H@2"), ("MN: flow mapping table", "video")]


def test_with_one_home_address_both_move() -> None:
    world = story(mf.figure1, "video", "cell0", 4.0)
    assert [(each["home address"], each["network after"]) for each in accounts(world, 4.0)] == [("H@1", "cellular")] * 2
    cached = [row for row in before_and_after(world, 4.0) if row["table"] == "CN1: binding cache"]
    assert cached == [
        {
            "table": "CN1: binding cache", "row": "H@1", "before": "WLAN address", "after": "cellular address",
            "": "← changed",
        }
    ]  # fmt: skip


def test_the_row_changes_when_the_binding_update_lands() -> None:
    world = story(mf.figure2, "video", "cell0", 4.0)
    # Care-of test over the cellular network and back, 2 x 55 ms, then the binding update, 55 ms.
    assert landing_s(world.trace, "CN1", 4.0) == pytest.approx(4.165, abs=0.001)
    assert landing_s(world.trace, "CN2", 4.0) is None


@pytest.mark.parametrize(
    ("figure", "flow", "said"),
    [
        (mf.figure2, "video", "Only the video moved: CN1 changed one of its 2 rows, H@2, at 4.165 s, 165 ms after the"
         " word to move. The row of H@1 stayed as it was."),
        (mf.figure2, "call", "Only the call moved: CN1 changed one of its 2 rows, H@1, at 4.165 s"),
        (mf.figure1, "video", "Both moved: CN1 has one row, H@1, for both. It changed at 4.165 s, 165 ms after the"
         " word to move."),
    ],
)  # fmt: skip
def test_the_verdict_says_what_moved_and_which_row_did_it(figure: Any, flow: str, said: str) -> None:
    assert verdict(story(figure, flow, "cell0", 4.0), Choice(flow, "cell0", 4.0)).startswith(said)


def test_the_verdict_is_of_the_run_and_not_of_the_figure() -> None:
    """Back to the WLAN, and where the flow is already."""
    world = mf.figure1(seed=7, reuse_tokens=False)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3), interface="cell0")
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    world.run(4)
    world.mn.handover(video, "wlan0")
    world.run(2)
    assert verdict(world, Choice("video", "wlan0", 4.0)).startswith("Both moved: CN1 has one row, H@1, for both.")
    stays = Choice("call", "wlan0", 4.0)
    said = "Nothing moved: the call is on the WLAN already, so no message is sent."
    assert verdict(story(mf.figure2, *stays), stays) == said


# --- the forms -------------------------------------------------------------------------------------------------------


def test_every_wrong_answer_names_a_misconception(tour: Any) -> None:
    beliefs = [
        [each.misconception for each in asked.question.answers.values()] for asked in (tour.prediction, tour.second)
    ]
    assert beliefs == [["M15", "M16", "M17", None], ["M16", None, "M22"]]


def test_the_run_is_locked_until_a_prediction_is_stored(tour: Any) -> None:
    form = Form(tour)
    form.button.click()
    assert form.button.disabled and tour.choice is None
    assert told(form.panel) == "Locked: store your prediction first."
    tour.prediction.store("B")
    assert not form.button.disabled
    assert told(form.panel) == "Unlocked: choose, then press Run."


def test_the_outcome_is_folded_below_the_film_and_nothing_above_gives_it_away(tour: Any) -> None:
    form = Form(tour)
    tour.prediction.store("B")
    said = form.run()
    assert said.startswith("Ran: the video to the cellular network at 4.0 s. Now press Play") and said.endswith("?")
    *film, fold = html(form.panel)
    assert not any(word in said for word in ("Only", "moved", "stayed", "H@2", "binding update"))
    assert not any("You predicted" in each or "Only the video moved" in each for each in film)
    opening, inside = fold.split("</summary>")
    assert opening.startswith("<details") and "open" not in opening and "I have watched it" in opening
    verdict_at, feedback_at, table_at = map(inside.index, ("Only the video moved", "You predicted B", "Packets both"))
    assert verdict_at < feedback_at < table_at and "Look inside the update that leaves at 4.110 s" in inside
    assert "Go to 4.110 s" in inside
    form.run("call")
    assert "You predicted" not in html(form.panel)[-1], "the question was about the video"


@pytest.mark.parametrize("figure", [mf.figure1, mf.figure2])
def test_why_speaks_of_the_rows_at_the_home_agent_as_they_are(figure: Callable[..., mf.World]) -> None:
    world = story(figure, "video", "cell0", 4.0)
    stays = not any(row[""] for row in before_and_after(world, 4.0) if row["table"] == "HA: binding cache")
    assert ("home agent's rows have not changed" in why(world, 4.0)) == stays
    world = figure(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    world.run(4)
    world.mn.handover_all("cell0")
    world.run(2)
    assert "home agent's rows have not changed" not in why(world, 4.0)


def test_the_text_of_the_panel_gives_the_film_s_trace(tour: Any) -> None:
    form = Form(tour)
    tour.prediction.store("D")
    form.run("call", "cell0", 4.5)
    space: dict[str, Any] = {"mf": mf, "story": story}
    exec(form.panel.python, space)
    assert space["world"].trace.digest() == form.panel.result[0].trace.digest()


def test_a_changed_choice_greys_all_that_was_shown_of_the_old_one(tour: Any) -> None:
    form, again = Form(tour), tour.take_away()
    for prediction in (tour.prediction, tour.second):
        prediction.store("B")
    form.run()
    again.button.click()
    form.panel.controls["flow"].value = "call"
    assert all(map(is_grey, (form.panel.output, again.output)))
    form.run("call")
    assert not any(map(is_grey, (form.panel.output, again.output)))
    assert html(again) == [] and told(again).startswith("Ready: the same move (the call to the cellular network")


def test_a_move_to_where_the_flow_is_already_is_no_move_and_the_last_section_waits_for_one(tour: Any) -> None:
    form, again = Form(tour), tour.take_away()
    tour.prediction.store("D")
    tour.second.store("B")
    form.run("call", "wlan0")
    (inside,) = (each for each in html(form.panel) if each.startswith("<details"))
    assert "Nothing moved: the call is on the WLAN already, so no message is sent." in inside
    assert "You predicted" not in inside and "binding update lands" not in inside
    assert again.button.disabled and told(again) == STILL
    form.run()
    assert not again.button.disabled
    form.run("video", "wlan0")
    assert again.button.disabled and told(again) == STILL


def test_a_run_that_changes_no_row_at_cn1_is_not_said_to_send_nothing() -> None:
    """Asked for in the last moment: the update is under way when the run ends."""
    world = story(mf.figure2, "video", "wlan0", 4.0)
    world.mn.handover(world.flows()[1].id, "cell0")
    world.run(0.1)
    said = verdict(world, Choice("video", "cell0", 6.0))
    assert said == "Nothing moved up to 6.1 s: no binding update changed a row at CN1."


def test_a_locked_form_says_only_what_is_missing(tour: Any) -> None:
    form, again = Form(tour), tour.take_away()
    assert told(again) == "Locked: store your prediction, and run the move above."
    tour.prediction.store("D")
    form.run()
    assert told(again) == "Locked: store your prediction first."


def test_after_the_prediction_only_the_move_is_missing(tour: Any) -> None:
    again = tour.take_away()
    tour.second.store("A")
    assert told(again) == "Locked: run the move above."


@pytest.mark.parametrize("moment", [2.0, 61.0, float("nan")])
def test_a_moment_that_cannot_be_is_a_sentence(tour: Any, moment: float) -> None:
    form = Form(tour)
    tour.prediction.store("D")
    assert form.run(moment=moment).startswith(f"Not yet. ProtocolMisuse: moment={moment} (")


@pytest.mark.parametrize("first", ["the move", "the prediction"])
def test_the_second_home_address_is_taken_away_after_a_move_and_a_prediction_only(tour: Any, first: str) -> None:
    form, again = Form(tour), tour.take_away()
    tour.prediction.store("D")
    steps = [lambda: form.run(moment=4.5), lambda: tour.second.store("A")]
    for step in steps if first == "the move" else reversed(steps):
        assert again.button.disabled
        step()
    assert told(again) == "Ready: the same move (the video to the cellular network at 4.5 s), with H@1 for both flows."
    again.button.click()
    assert told(again).startswith("Ran again with H@1 for both: the video to the cellular network at 4.5 s.")
    fold = html(again)[-1]
    assert "Both moved: CN1 has one row, H@1, for both. It changed at 4.665 s" in fold and "You predicted A" in fold


def test_a_second_vote_leaves_standing_what_was_shown(tour: Any) -> None:
    form, again = Form(tour), tour.take_away()
    tour.prediction.store("A")
    said = form.run()
    tour.prediction.store("D")
    assert told(form.panel) == said and len(html(form.panel)) > 1
    tour.second.store("A")
    again.button.click()
    shown, said = html(again), told(again)
    tour.second.store("B")
    assert shown and html(again) == shown and told(again) == said
    again.button.click()
    assert "You predicted B" in html(again)[-1], "the answer that counts is the last one"


def test_no_text_of_the_lesson_stands_in_the_package(tour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson, form = exercises_of("00"), Form(tour)
    for name, words in {"WATCH": "look at {}", "WATCHED": "seen", "WHY": "so", "UNLOCKED": "go"}.items():
        monkeypatch.setattr(lesson, name, words)
    tour.prediction.store("D")
    assert form.run() == "look at the video to the cellular network at 4.0 s"
    assert "<summary>seen</summary>" in html(form.panel)[-1] and "<p>so" in html(form.panel)[-1]


@pytest.mark.parametrize("error", [ProtocolMisuse("run(-1.0) would go back in time"), NameError("name 'x' <is> not")])
def test_a_story_that_fails_says_so_in_one_line(tour: Any, error: Exception) -> None:
    def failing(*_: Any) -> mf.World:
        raise error

    form = Form(tour)
    tour.story = failing
    tour.prediction.store("D")
    said = form.run()
    assert said.startswith(f"Not yet. {type(error).__name__}: ")
    assert "\n" not in said
    assert "<is>" not in said
    assert tour.choice is None
