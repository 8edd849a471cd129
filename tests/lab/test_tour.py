"""mipflow/lab/tour.py: the tour's forms, worked without a browser, and what they read from the trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.tour import QUESTION, Tour, accounts, before_and_after, landing_s


def story(figure: Callable[..., mf.World], flow: str, interface: str, moment: float) -> mf.World:
    """What labs/00_tour defines."""
    world = figure(seed=7, reuse_tokens=False)
    flows = {
        "call": world.mn.open(world.cn1, mf.apps.Voice(start_s=3)),
        "video": world.mn.open(world.cn1, mf.apps.Video(start_s=3)),
    }
    world.run(moment)
    world.mn.handover(flows[flow], interface)
    return world.run(2)


@pytest.fixture
def tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tour:
    monkeypatch.chdir(tmp_path)
    return Tour(story)


class Form:
    """The widgets of `Tour.move()`."""

    def __init__(self, tour: Tour) -> None:
        row, self.said, self.picture = tour.move().children
        self.flow, self.interface, self.moment, self.button = row.children

    def run(self, flow: str = "video", interface: str = "cell0", moment: float = 4.0) -> str:
        self.flow.value, self.interface.value, self.moment.value = flow, interface, moment
        self.button.click()
        said: str = self.said.value
        return said


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
    columns = ("home address", "interface before", "interface after", "lost")
    assert [call[column] for column in columns] == ["H@1", "wlan0", "wlan0", 0]
    assert [video[column] for column in columns] == ["H@2", "wlan0", "cell0", 0]
    changed = [(row["table"], row["row"]) for row in before_and_after(world, 4.0) if row[""]]
    assert changed == [("CN1: binding cache", "H@2"), ("MN: flow mapping table", "video")]


def test_with_one_home_address_both_move() -> None:
    world = story(mf.figure1, "video", "cell0", 4.0)
    assert [(each["home address"], each["interface after"]) for each in accounts(world, 4.0)] == [("H@1", "cell0")] * 2
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


# --- the forms -------------------------------------------------------------------------------------------------------


def test_every_wrong_answer_names_a_misconception() -> None:
    assert [answer.misconception for answer in QUESTION.answers.values()] == ["M15", "M16", "M17", None]


def test_the_run_is_locked_until_a_prediction_is_stored(tour: Tour) -> None:
    form = Form(tour)
    assert form.button.disabled
    assert form.said.value == "Locked: store your prediction first."
    tour.prediction.store("B")
    assert not form.button.disabled


def test_a_run_says_what_changed_and_tells_about_the_prediction(tour: Tour) -> None:
    form, (said, _) = Form(tour), tour.outcome().children
    tour.prediction.store("B")
    assert said.value == "Nothing yet: run the move above."
    assert "at 4.165 s, 165 ms after" in form.run()
    assert "You predicted B" in said.value
    assert "no ports in CN1" in said.value
    form.run("call")
    assert said.value.endswith("You moved the call to cell0 at 4.0 s.</p>")


def test_a_move_to_where_the_flow_is_already_is_no_move(tour: Tour) -> None:
    form = Form(tour)
    tour.prediction.store("D")
    assert form.run("call", "wlan0") == "Nothing to do: the call is on wlan0 already, so no message is sent."


def test_the_second_home_address_is_taken_away_after_a_move_only(tour: Tour) -> None:
    form, (row, _, _) = Form(tour), tour.take_away().children
    button, said = row.children
    tour.prediction.store("D")
    assert button.disabled
    form.run(moment=4.5)
    assert not button.disabled
    assert "the video to cell0 at 4.5 s" in said.value
    button.click()
    assert said.value.startswith("Done: one row of CN1's binding cache changes, at 4.665 s")


@pytest.mark.parametrize("error", [ProtocolMisuse("run(-1.0) would go back in time"), NameError("name 'x' <is> not")])
def test_a_story_that_fails_says_so_in_one_line(tour: Tour, error: Exception) -> None:
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
