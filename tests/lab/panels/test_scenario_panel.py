"""mipflow/lab/panels/scenario_panel.py: the text for every choice, run by itself, gives what the panel gave."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.panels import scenario_panel
from mipflow.lab.panels.scenario_panel import ALL, INTERVALS, NONE, panel, perform, pieces
from tests.lab.panels.test_panel import html, is_grey, told

REPOSITORY = Path(__file__).resolve().parents[3]


def copied(text: str) -> mf.World:
    """Run a text as a learner does who copied it."""
    space: dict[str, Any] = {}
    exec(text, space)
    world: mf.World = space["world"]
    return world


CHOSEN: list[dict[str, Any]] = [
    {},
    {"flow": ALL, "network": "cell0", "wlan_loss": 0.05, "cell_delay_ms": 80.0, "seed": -3},
    {"advertisements": (1.0, 3.0), "mode": "tunnel", "flow_3": "call with CN1", "flow": "call 2"},
    {"policy": "mf.policies.ByCost()", "wlan_cost": 3.0, "flow": NONE, "picture": "ladder"},
    {"policy": "mf.policies.BySignal()", "wlan_signal": 0.1, "flow": NONE, "picture": "timeline"},
    {"method": "care-of address per flow", "never_primary": True, "optimistic": False, "picture": "tables"},
    {"flow_1": "file from CN2", "flow_2": "ping to CN1", "flow": "file", "start_s": 0.0, "reuse_tokens": False},
    {"flow_1": NONE, "flow_2": NONE, "flow": NONE, "moment_s": 0.0, "then_s": 0.0, "picture": "tables"},
]


@pytest.mark.parametrize("chosen", CHOSEN)
def test_the_text_gives_the_same_trace_as_the_button(chosen: dict[str, Any]) -> None:
    made = panel(**chosen)
    made.button.click()
    assert made.result is not None, told(made)
    assert copied(made.python).trace.digest() == made.result.world.trace.digest()
    assert len(html(made)) >= 1


def test_the_text_runs_in_a_python_of_its_own() -> None:
    made = panel(wlan_loss=0.1)
    made.button.click()
    code = f"{made.python}\nprint(world.trace.digest())"
    said = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert said.stdout.split()[-1] == made.result.world.trace.digest()


@pytest.mark.slow
def test_every_option_of_every_choice_can_be_run() -> None:
    """One choice changed at a time; what the protocol refuses is a sentence."""
    made = panel(moment_s=2.5, then_s=0.2)
    for widget in made.controls.values():
        before = widget.value
        for option in dict(getattr(widget, "_options_full", ())).values():
            widget.value = option
            made.button.click()
            assert made.result is not None, (widget.description, option, told(made))
        widget.value = before


def test_choices_can_be_mixed() -> None:
    """Each mixture of choices runs as its text runs, or is refused in one line."""
    draw = random.Random(7)
    made = panel(moment_s=0.5, then_s=0.1)
    for _ in range(30):
        for name, widget in made.controls.items():
            options = list(dict(getattr(widget, "_options_full", ())).values())
            if options:
                widget.value = draw.choice([widget.value, *options])
            elif isinstance(widget.value, bool):
                widget.value = draw.random() < 0.5
            elif draw.random() < 0.2 and not name.endswith("_s"):
                widget.value = draw.choice([0, 1])
        made.button.click()
        compile(made.python, "<text>", "exec")
        assert "\n" not in told(made)
        if made.result is None:
            assert told(made).startswith("Not yet. ")
        else:
            assert copied(made.python).trace.digest() == made.result.world.trace.digest()


def test_what_is_chosen_does_something() -> None:
    """Links, policy and rules of the text are those of the world."""
    made = panel(cell_delay_ms=123.0, wlan_loss=0.25, ha_delay_ms=7.0, advertisements=INTERVALS[list(INTERVALS)[1]])
    world = copied(made.python)
    segments = world.network.segments
    assert segments["cell0"].link.delay_ms == 123 and segments["wlan0"].link.loss == 0.25
    assert "link_hints=False" in made.python
    assert [world.mn.flows[flow].interface for flow in (1, 2)] == ["wlan0", "cell0"]
    cheap = copied(panel(policy="mf.policies.ByCost()", wlan_cost=1.0, flow=NONE).python)
    assert [entry.interface for entry in cheap.mn.flows] == ["cell0", "cell0"]
    strict = copied(panel(never_primary=True).python)
    assert len(list(strict.mn.home_addresses)) == 3


def test_the_sentence_says_where_the_flows_are() -> None:
    made = panel()
    made.button.click()
    assert told(made) == "At 6 s: call over the WLAN, 0 lost; video over the cellular network, 0 lost."


def test_what_can_be_moved_is_what_there_is() -> None:
    made = panel()
    flow = made.controls["flow"]
    made.controls["flow_3"].value = "video from CN2"
    assert flow.options == ("call", "video", "video 2", ALL, NONE) and flow.value == "video"
    made.controls["flow_2"].value = NONE
    assert flow.options == ("call", "video", ALL, NONE)
    for place in (1, 3):
        made.controls[f"flow_{place}"].value = NONE
    assert flow.value == NONE
    made.button.click()
    assert told(made) == "At 6 s: no flow."


def test_a_change_makes_the_picture_old() -> None:
    made = panel()
    made.button.click()
    made.controls["cell_loss"].value = 0.5
    assert is_grey(made.output)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": 0.1}, "no choice is called 'loss'; expected some of flow, network"),
        ({"open": ("flow", "speed")}, "no choice is called 'speed'"),
        ({"open": ("flow", "network", "seed")}, "expected at most 2"),
        ({"open": "flow"}, "expected names of choices"),
        ({"mode": "fast"}, "mode='fast' .* expected one of"),
        ({"wlan_loss": 2}, "wlan_loss=2 .* from 0 to 1"),
        ({"wlan_loss": "0.1"}, "wlan_loss='0.1'"),
        ({"flow": "film"}, "flow='film' .* expected one of"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"never_primary": 1}, "never_primary=1 .* True or False"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolMisuse, match=said):
        panel(**given)


def test_the_protocol_has_the_last_word_in_one_line() -> None:
    made = panel(flow_1=NONE, flow_2="video from CN2", moment_s=1e7)
    made.controls["moment_s"].value = 1e300
    made.button.click()
    assert told(made).startswith("Not yet. ProtocolMisuse: moment_s=1e+300")


def test_pieces_are_the_run_itself() -> None:
    """The pieces end anywhere, whatever the time of day."""
    whole, cut = mf.figure2(seed=3), mf.figure2(seed=3)
    for world in (whole, cut):
        world.mn.open(world.cn1, mf.apps.Video(start_s=1))
    whole.run(4)
    shares = [share for duration in (1.5, 0.0, 2.5) for share in pieces(cut, duration)]
    assert cut.now == 4 and cut.trace.digest() == whole.trace.digest()
    assert all(0 < one <= 1 for one in shares) and shares.count(1) == 2
    assert all(one < other for one, other in itertools.pairwise(pieces(cut, 3)))


CHANGES: list[tuple[str, Any]] = [
    ("network", "wlan0"), ("flow", "call"), ("picture", "ladder"), ("moment_s", 3.5), ("then_s", 1.0),
    ("network", "cell0"), ("wlan_cost", 2.0), ("flow", ALL), ("seed", 8), ("flow", "video"), ("moment_s", 3.0),
    ("wlan_loss", 0.1), ("flow", "call"),
]  # fmt: skip


def test_a_text_that_begins_alike_goes_on_from_a_fork_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two changes the learner does what they like with the world of the picture."""
    run: list[float] = []

    def counted(world: mf.World, lasts: float) -> Any:
        run.append(lasts)
        return pieces(world, lasts)

    monkeypatch.setattr(scenario_panel, "WORTH_S", 0.0)
    monkeypatch.setattr(scenario_panel, "pieces", counted)
    made = panel(then_s=0.5)
    made.button.click()
    for name, value in CHANGES:
        made.result.world.mn.handover_all("cell0")
        made.result.world.run(0.1)
        made.controls[name].value = value
        run.clear()
        made.button.click()
        assert copied(made.python).trace.digest() == made.result.world.trace.digest(), (name, value)
        assert len(run) == (2 if name in ("moment_s", "seed", "wlan_loss") else 1), (name, value)


def test_a_run_that_takes_no_time_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for worth_s, expected in ((1e9, 0), (0.0, 1)):
        monkeypatch.setattr(scenario_panel, "WORTH_S", worth_s)
        kept: scenario_panel.Kept = {}
        for text in (panel().python, panel(network="wlan0").python, panel(seed=3).python):
            list(perform(text, kept))
            assert len(kept) == expected and all(text.startswith(each) for each in kept)


def test_progress_is_of_the_whole_text() -> None:
    shares = []
    work = perform(panel(moment_s=3.0, then_s=1.0).python)
    try:
        while True:
            shares.append(next(work))
    except StopIteration as end:
        assert end.value.world.now == 4
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1) and any(0.7 < share <= 0.76 for share in shares)
