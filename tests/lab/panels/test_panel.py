"""mipflow/lab/panels/panel.py: choices, a run, what is shown, what turns grey, Stop; worked without a browser."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator
from typing import Any
from weakref import ref

import pytest

from mipflow.arguments import number as numbers
from mipflow.errors import ProtocolMisuse
from mipflow.lab.panels.panel import Control, Panel, choice, flag, number
from mipflow.view.drawing.picture import Picture

FIVE = numbers(0, 5)


def controls() -> list[Control]:
    return [choice("flow", "Move the", {"video": 2, "call": 1}), number("loss", "loss", 0.0, FIVE, group="Network")]


def told(panel: Panel) -> str:
    """Return the sentence beside the button, without its element."""
    return str(panel.said.value).removeprefix("<span role='status'>").removesuffix("</span>")


def html(panel: Panel) -> list[str]:
    return [each["data"].get("text/html", "") for each in panel.output.outputs]


def make(run: Any = lambda **choices: choices, **more: Any) -> Panel:
    show = more.pop("show", lambda result: (f"Done: {result}.", f"<b>{result}</b>"))
    return Panel(controls(), run, show, lambda **choices: f"story({choices['flow']}, {choices['loss']})", **more)


def is_grey(widget: Any) -> bool:
    return "mipflow-old" in widget._dom_classes


def test_a_run_gets_the_choices_and_its_result_is_shown() -> None:
    panel, heard = make(), list[Any]()
    panel.when_shown.append(lambda result, choices: heard.append((result, choices)))
    panel.controls["flow"].value = 1
    panel.button.click()
    assert panel.result == {"flow": 1, "loss": 0.0}
    assert told(panel) == "Done: {'flow': 1, 'loss': 0.0}."
    assert html(panel) == ["<b>{'flow': 1, 'loss': 0.0}</b>"]
    assert heard == [(panel.result, panel.result)]


def test_the_outputs_are_those_of_the_picture() -> None:
    picture = Picture("t", lambda: ["said"], lambda: [{"a": 1}], figure={"data": [], "layout": {}})
    panel = make(show=lambda result: ("Done.", picture))
    panel.button.click()
    assert [each["data"] for each in panel.output.outputs] == picture.bundles()


def test_the_python_follows_the_choices_and_is_shown_as_text() -> None:
    panel = make()
    assert panel.python == "story(2, 0.0)"
    panel.controls["flow"].value = 1
    assert panel.python == "story(1, 0.0)" and panel.python in repr(panel)
    assert "story(1, 0.0)</pre>" in panel._text.value
    panel.controls["loss"].value = 7
    with pytest.raises(ProtocolMisuse, match="loss=7"):
        panel.python  # noqa: B018
    assert "# loss=7" in panel._text.value


def test_where_no_widget_can_be_its_text_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list[Any]()
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    panel = make()
    panel._ipython_display_()
    assert [bundle["text/plain"] for bundle in shown] == ["", repr(panel)]
    assert "application/vnd.jupyter.widget-view+json" in shown[1]


def test_two_choices_stand_in_the_open_and_no_more() -> None:
    names = [flag(name, name) for name in ("one", "two", "three")]
    Panel(names[:2], lambda **chosen: None, lambda result: ("",), lambda **chosen: "")
    with pytest.raises(ProtocolMisuse, match="one, two, three in the open; expected at most 2"):
        Panel(names, lambda **chosen: None, lambda result: ("",), lambda **chosen: "")


def test_old_results_are_grey_until_the_choice_is_back_or_run() -> None:
    panel = make()
    other = panel.said.__class__()
    panel.results.append(other)
    panel.controls["flow"].value = 1
    assert not is_grey(panel.output), "nothing is there yet"
    panel.button.click()
    done = told(panel)
    panel.controls["flow"].value = 2
    assert is_grey(panel.output) and is_grey(other)
    assert "grey" in told(panel) and "<b>Run</b>" in told(panel)
    panel.controls["flow"].value = 1
    assert not is_grey(panel.output) and not is_grey(other) and told(panel) == done
    panel.controls["loss"].value = 2
    panel.button.click()
    assert not is_grey(panel.output)


@pytest.mark.parametrize("bad", [-1.0, 6.0, float("nan"), float("inf")])
def test_a_bad_value_is_a_sentence(bad: float) -> None:
    panel = make()
    panel.controls["loss"].value = bad
    panel.button.click()
    assert told(panel).startswith(f"Not yet. ProtocolMisuse: loss={bad} (")
    assert told(panel).endswith("expected a number from 0 to 5")
    assert panel.result is None and html(panel) == [] and not panel.button.disabled


def test_no_choice_at_all_is_a_sentence_too() -> None:
    panel = make()
    panel.controls["flow"].value = None
    panel.button.click()
    assert "flow=None" in told(panel) and "one of 2, 1" in told(panel)


@pytest.mark.parametrize("error", [NameError("name 'x' <is> not"), ValueError("one\nline"), KeyboardInterrupt()])
def test_what_goes_wrong_in_a_run_or_a_picture_is_one_line(error: BaseException) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise error

    for panel in (make(run=failing), make(show=failing)):
        panel.button.click()
        assert told(panel).startswith(("Not yet. ", "Stopped. "))
        assert "\n" not in told(panel) and "<is>" not in told(panel)
        assert not panel.button.disabled


def test_after_a_failure_nothing_old_looks_new() -> None:
    worlds = iter([1])
    panel = make(run=lambda **choices: next(worlds))
    panel.button.click()
    panel.button.click()
    assert told(panel).startswith("Not yet. StopIteration")
    assert panel.result is None and html(panel) == [] and is_grey(panel.output)


def test_a_locked_panel_runs_when_it_is_unlocked() -> None:
    panel = make(locked="Locked: say first what you expect.")
    panel.button.click()
    assert panel.result is None and told(panel).startswith("Locked")
    panel.unlock()
    panel.button.click()
    assert panel.result is not None


# --- what takes longer -----------------------------------------------------------------------------------------------


def pieces(**choices: Any) -> Generator[float, None, str]:
    for share in range(10):
        yield share / 10
    return "whole"


def test_pieces_are_run_to_their_end_where_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.lab.panels.panel.AT_ONCE_S", -1)
    panel = make(run=pieces)
    panel.button.click()
    assert panel.result == "whole"


def test_pieces_leave_time_to_others_and_show_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.lab.panels.panel.AT_ONCE_S", -1)

    async def watch() -> None:
        panel = make(run=pieces)
        panel.button.click()
        seen = []
        while panel.result is None:
            seen.append((panel.progress.value, panel._waits.layout.display, panel.button.disabled))
            await asyncio.sleep(0)
        assert (0.5, "flex", True) in seen
        assert panel._waits.layout.display == "none" and not panel.button.disabled

    asyncio.run(watch())


def test_stop_is_heard_and_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.lab.panels.panel.AT_ONCE_S", -1)
    closed = []

    def endless(**choices: Any) -> Generator[float, None, str]:
        if choices["flow"] == 2:
            return "first"
        try:
            while True:
                yield 0.25
        finally:
            closed.append(True)

    async def stop() -> None:
        panel = make(run=endless)
        panel.button.click()
        assert panel.result == "first"
        panel.controls["flow"].value = 1
        panel.button.click()
        panel.button.click()  # twice is once
        await asyncio.sleep(0.02)
        panel.stop.click()
        assert panel._task is not None
        await panel._task
        assert told(panel) == "Stopped at 25%. Press <b>Run</b> to begin again."
        assert closed == [True] and html(panel) == ["<b>first</b>"] and is_grey(panel.output)
        panel.controls["flow"].value = 2
        assert not is_grey(panel.output)

    asyncio.run(stop())


# --- memory ----------------------------------------------------------------------------------------------------------


class Old:
    """A world, as far as memory knows: parts that hold each other, which only the collector gives back."""

    def __init__(self) -> None:
        self.itself = self


def test_old_worlds_are_given_back_while_somebody_looks_at_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.lab.panels.panel.REST_S", 0)
    panel = make(lambda **choices: Old(), show=lambda result: ("Done.",))

    async def twice() -> tuple[bool, bool]:
        panel.button.click()
        first = ref(panel.result)
        panel.button.click()
        was_there = first() is not None
        await asyncio.sleep(0.001)
        return was_there, first() is None

    gc.disable()  # only what the panel does counts
    try:
        assert asyncio.run(twice()) == (True, True)
    finally:
        gc.enable()


def test_nothing_is_collected_while_a_picture_is_made() -> None:
    passes = list[str]()

    def show(result: object) -> tuple[str]:
        gc.callbacks.append(lambda phase, info: passes.append(phase))
        many = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
        gc.callbacks.pop()
        return (f"Done with {len(many)}.",)

    make(show=show).button.click()
    assert passes == [] and gc.isenabled()
    show(None)
    assert passes
