"""The frame of a panel: choices, a button that runs with them, the outcome, and the Python that does the same.

Stands above the pictures, with ipywidgets. Takes callables and knows no scenario; labs and `lab.panels.scenario_panel`
compose theirs of it:

    Panel([choice("flow", "Move the", {"video": 2, "call": 1})], run=story,
          show=lambda world: ("Done.", world.ladder()), python=lambda flow: f"story({flow})")
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from inspect import isgenerator
from time import monotonic
from typing import Any, NamedTuple

import ipywidgets

from mipflow.arguments import FLAG, Expected, fits, one_of
from mipflow.errors import MipflowError, ProtocolMisuse, shown
from mipflow.sim.clock import Uncollected
from mipflow.view.drawing.picture import Picture, script

MOST_OPEN = 2
"""The most choices that stand in the open; all others are folded, by their groups."""
AT_ONCE_S = 0.4
"""Seconds after which a run shows its progress, and can be stopped."""
TURN_S = 0.005
"""Seconds in which the kernel hears other requests, between two pieces of a run."""
REST_S = 0.5
"""Seconds after a picture, in which it has gone out, before the memory of the worlds before is given back."""
PYTHON = "The Python that does the same"
OLD = "A choice has changed: what is grey below belongs to the old one. Press {} to run the new one."


class Control(NamedTuple):
    """A choice: `name` is the keyword by which `run` gets its value; those without a `group` stand in the open."""

    name: str
    widget: ipywidgets.DOMWidget
    expected: Expected
    group: str = ""

    def check(self, value: object) -> None:
        """Raise ProtocolMisuse for what cannot be chosen."""
        if not fits(value, self.expected):
            told = f"{self.name}={shown(value)} ({self.widget.description!r}); expected {self.expected.words}"
            raise ProtocolMisuse(told, value)


def choice(name: str, words: str, options: Mapping[str, object], value: object = None, group: str = "") -> Control:
    """Make a choice of one of several, in words; without `value` the first is chosen."""
    chosen = next(iter(options.values())) if value is None else value
    made = ipywidgets.Dropdown(options=list(options.items()), value=chosen, description=words, **_wide("max-content"))
    # What there is to choose from may change.
    known = Expected(
        f"one of {', '.join(map(repr, options.values()))}", lambda value: one_of(*_options(made)).fits(value)
    )
    return Control(name, made, known, group)


def number(name: str, words: str, value: float, expected: Expected, group: str = "", step: float = 1) -> Control:
    """Make a field for a number, whole where `value` is an int."""
    kind = ipywidgets.IntText if isinstance(value, int) else ipywidgets.FloatText
    return Control(name, kind(value=value, step=step, description=words, **_wide("20em")), expected, group)


def flag(name: str, words: str, value: bool = False, group: str = "") -> Control:
    """Make a box to tick."""
    made = ipywidgets.Checkbox(value=value, description=words, indent=False, **_wide("max-content"))
    return Control(name, made, FLAG, group)


def _options(dropdown: ipywidgets.Dropdown) -> list[object]:
    return [each[1] if isinstance(each, tuple) else each for each in dropdown.options]


def button(words: str, hint: str, **more: object) -> ipywidgets.Button:
    """Make a button as wide as its words."""
    return ipywidgets.Button(description=words, tooltip=hint, layout={"width": "auto", "max_width": "100%"}, **more)


def frame(*children: ipywidgets.DOMWidget) -> ipywidgets.VBox:
    """Put widgets below each other, as all forms look: text of 14 px, nothing wider than the page."""
    code = files(__package__).joinpath("panel.css").read_text(encoding="utf-8")
    style = ipywidgets.HTML(f"<style>{code}</style>", layout={"display": "none"})
    box = ipywidgets.VBox([*children, style])
    box.add_class("mipflow-panel")
    return box


def show_in(output: ipywidgets.Output, *things: Picture | str) -> None:
    """Put pictures and pieces of HTML into an output, in place of what was there; at once, so that nothing jumps."""
    bundles = [each for thing in things for each in (_html(thing) if isinstance(thing, str) else thing.bundles())]
    output.outputs = tuple({"output_type": "display_data", "data": data, "metadata": {}} for data in bundles)


class Panel:
    """Choices, a button that runs, and the outcome; in a notebook it shows itself.

    run: called with the choices as keywords; a generator gives, piece by piece, the share that is done (0 to 1), and
    returns the result: that one shows its progress and can be stopped. show: called with the result; a sentence, and
    then pictures or pieces of HTML. python: called as `run` is; the text that does the same, to be copied.
    locked: why nothing can be run yet, until `unlock()`. Raises ProtocolMisuse for more than two choices in the open.
    """

    def __init__(
        self, controls: Sequence[Control], run: Callable[..., Any],
        show: Callable[[Any], Sequence[Any]], python: Callable[..., str], *, go: str = "Run",
        ready: str = "Choose, then press Run.", locked: str = "",
    ) -> None:  # fmt: skip
        in_open = [control.name for control in controls if not control.group]
        if len(in_open) > MOST_OPEN:
            names = ", ".join(in_open)
            raise ProtocolMisuse(f"{names} in the open; expected at most {MOST_OPEN}, the others with a group", names)
        self._controls = tuple(controls)
        self.controls = {control.name: control.widget for control in controls}
        """The widgets by the names of their choices."""
        self.result: Any = None
        """The last run's result; None before the first, and after one that failed."""
        self.when_shown: list[Callable[[Any, dict[str, Any]], object]] = []
        """Callbacks that get the result and its choices, once they are shown."""
        self._run, self._show, self._python, self._ready = run, show, python, ready
        self._shown: tuple[dict[str, Any], str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._rest: asyncio.TimerHandle | None = None
        self._build(go, locked)
        self._write_python()

    def _build(self, go: str, locked: str) -> None:
        """Make the widgets and put them below each other."""
        hint = "Builds everything again, with these choices"
        self.button = button(go, hint, button_style="primary", disabled=bool(locked))
        self.said = ipywidgets.HTML(_status(locked or self._ready))
        self.output = ipywidgets.Output()
        self.results: list[ipywidgets.DOMWidget] = [self.output]
        """Widgets that turn grey when a choice has changed; others may be added."""
        self.stop = button("Stop", "Ends the run", button_style="warning")
        self.progress = ipywidgets.FloatProgress(min=0.0, max=1.0, layout={"width": "16em", "max_width": "60%"})
        self._text = ipywidgets.HTML()
        self._waits = ipywidgets.HBox([self.progress, self.stop], layout=_HIDDEN)
        folds: dict[str, list[ipywidgets.DOMWidget]] = {}
        for control in self._controls:
            control.widget.observe(self._changed, "value")
            folds.setdefault(control.group, []).append(control.widget)
        first = ipywidgets.HBox([*folds.pop("", []), self.button], layout=_ROW)
        folds[PYTHON] = [self._text]
        self.box = frame(first, *_folds(folds), self.said, self._waits, self.output)
        self.button.on_click(self._pressed)
        self.stop.on_click(self._stop_pressed)

    @property
    def choices(self) -> dict[str, Any]:
        """The present choices, by name."""
        return {name: widget.value for name, widget in self.controls.items()}

    @property
    def python(self) -> str:
        """The Python that does the same as the button. Raises ProtocolMisuse for what cannot be chosen."""
        return self._python(**self._checked())

    def _checked(self) -> dict[str, Any]:
        for control in self._controls:
            control.check(control.widget.value)
        return self.choices

    def say(self, sentence: str) -> None:
        """Say a sentence, as HTML, beside the button."""
        self.said.value = _status(sentence)

    def unlock(self) -> None:
        """Let the button run from now on; where it does already, the words beside it stay."""
        if self.button.disabled:
            self.button.disabled = False
            self.say(self._ready)

    def reset(self, sentence: str) -> None:
        """Be as before the first run, and ready for it."""
        self.lock("")
        self._ready = sentence
        self.unlock()

    def lock(self, why: str) -> None:
        """Be as before the first run, and not to be run until `unlock()` or `reset()`."""
        self._forget()
        self.button.disabled = True
        self.say(why)

    def _forget(self) -> None:
        self.result = self._shown = None
        show_in(self.output)

    def __repr__(self) -> str:
        return f"A panel, for a notebook. {PYTHON} as its button:\n{self.python}"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        # Where no widget can be, in a terminal or a saved page, its text stands.
        form = self.box._repr_mimebundle_() | {"text/plain": repr(self)}
        for bundle in ({"text/html": script(), "text/plain": ""}, form):
            display(bundle, raw=True)  # type: ignore[no-untyped-call]

    # --- a choice changes --------------------------------------------------------------------------------------------

    def _changed(self, _: object) -> None:
        self._write_python()
        if self._shown is not None and not self.button.disabled:
            self.said.value = self._shown[1]
            self._compare()

    def _compare(self) -> None:
        """Turn old results grey, and say how to get new ones."""
        is_old = self._shown is None or self.choices != self._shown[0]
        for widget in self.results:
            (widget.add_class if is_old else widget.remove_class)("mipflow-old")
        if is_old and self._shown is not None:
            self.say(OLD.format(self._press))

    def _write_python(self) -> None:
        try:
            text = self.python
        except MipflowError as error:
            text = f"# {error}"
        copy = "navigator.clipboard.writeText(this.nextElementSibling.textContent)"
        self._text.value = f"<button onclick='{copy}'>Copy</button><pre tabindex='0'>{escape(text)}</pre>"

    # --- a run -------------------------------------------------------------------------------------------------------

    def _pressed(self, _: object) -> None:
        """Run at once where that does not take long, else in pieces, between which Stop is heard."""
        if self.button.disabled:  # pressed twice
            return
        work, begun = self._work(self.choices), monotonic()
        for _share in work:
            if monotonic() - begun > AT_ONCE_S:
                try:
                    self._task = asyncio.get_running_loop().create_task(self._go_on(work))
                except RuntimeError:  # nobody waits: a script, a test
                    continue
                return

    async def _go_on(self, work: Generator[float]) -> None:
        self._is_stopped = False
        self._waits.layout.display = "flex"
        for share in work:
            self.progress.value = share
            await asyncio.sleep(TURN_S)
            if self._is_stopped:
                work.close()
                self.say(f"Stopped at {share:.0%}. Press {self._press} to begin again.")

    def _stop_pressed(self, _: object) -> None:
        self._is_stopped = True

    def _work(self, choices: dict[str, Any]) -> Generator[float]:
        """Run and show; an error is shown to the learner in one line."""
        self.button.disabled = True
        self.say("Running ...")
        try:
            result = self._run(**self._checked())
            if isgenerator(result):
                result = yield from result
            with Uncollected():
                sentence, *things = self._show(result)
                show_in(self.output, *things)
            self.result, self._shown = result, (choices, _status(sentence))
            self.said.value = _status(sentence)
            self._compare()
            for each in self.when_shown:
                each(result, choices)
        except KeyboardInterrupt:
            self.say(f"Stopped. Press {self._press} to begin again.")
        except Exception as error:
            self._forget()
            self._compare()
            self.say(f"Not yet. {type(error).__name__}: {escape(shown(error, str))}")
        finally:
            self.button.disabled = False
            self._waits.layout.display = "none"
            self._collect_at_rest()

    def _collect_at_rest(self) -> None:
        """Give the memory of old worlds back while somebody looks at the picture; else the next one waits for it."""
        if self._rest is not None:
            self._rest.cancel()
        with suppress(RuntimeError):  # nobody looks: a script, a test
            self._rest = asyncio.get_running_loop().call_later(REST_S, gc.collect)

    @property
    def _press(self) -> str:
        return f"<b>{escape(self.button.description)}</b>"


# --- how it looks ----------------------------------------------------------------------------------------------------

_ROW = {"flex_flow": "row wrap", "align_items": "center"}
_HIDDEN = {"display": "none", "align_items": "center"}


def _wide(width: str) -> dict[str, object]:
    layout = {"width": width, "max_width": "100%", "margin": "2px 12px 2px 2px"}
    return {"style": {"description_width": "initial"}, "layout": layout}


def _html(words: str) -> list[dict[str, str]]:
    return [{"text/html": words, "text/plain": ""}]


def _status(sentence: str) -> str:
    """Mark up a sentence that a screen reader reads out when it comes."""
    return f"<span role='status'>{sentence}</span>"


def _folds(groups: Mapping[str, Sequence[ipywidgets.DOMWidget]]) -> list[ipywidgets.DOMWidget]:
    """Make a row of buttons that unfold one group each; ipywidgets' own folds cannot be reached by keyboard."""
    switches, boxes = [], []
    for title, widgets in groups.items():
        box = ipywidgets.HBox(list(widgets), layout={**_ROW, "display": "none"})
        switch = ipywidgets.ToggleButton(description=f"▸ {title}", layout={"width": "auto", "max_width": "100%"})

        def turned(change: Any, box: Any = box, title: str = title) -> None:
            box.layout.display = "flex" if change.new else "none"
            change.owner.description = f"{'▾' if change.new else '▸'} {title}"

        switch.observe(turned, "value")
        switches.append(switch)
        boxes.append(box)
    return [ipywidgets.HBox(switches, layout=_ROW), *boxes]
