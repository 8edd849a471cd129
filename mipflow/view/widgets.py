"""A panel: controls, a button that builds a picture again with what they say, and the picture under it.

Takes ipywidgets controls by the names of `build`'s keywords; gives a widget. ipywidgets comes in with the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from mipflow.errors import MipflowError
from mipflow.view.picture import Picture

_LABEL = {"description_width": "initial"}


def choice(label: str, options: Sequence[str] | Mapping[str, object]) -> Any:
    """A dropdown; a mapping shows its keys and gives their values."""
    import ipywidgets

    pairs = list(options.items()) if isinstance(options, Mapping) else list(options)
    return ipywidgets.Dropdown(options=pairs, description=label, tooltip=label, style=_LABEL)


def number(label: str, low: float, high: float, value: float, step: float = 0.1) -> Any:
    """A slider that tells its value when it is let go."""
    import ipywidgets

    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=label, tooltip=label, style=_LABEL, readout_format=".1f",
        continuous_update=False,
    )  # fmt: skip


class Panel:
    """What `panel()` returns: `widget` to compose with others, `picture` as it was built last (None before).

    It shows itself in a notebook. While `run()` is under way all buttons are off, so that an impatient click is not a
    second run.
    """

    def __init__(
        self, build: Callable[..., Picture], controls: Mapping[str, Any], buttons: Mapping[str, Mapping[str, object]]
    ) -> None:
        import ipywidgets

        self.picture: Picture | None = None
        self._build = build
        self._controls = dict(controls)
        self._said = ipywidgets.HTML("")
        self._output = ipywidgets.Output()
        self._buttons = []
        for label, changes in buttons.items():
            button = ipywidgets.Button(description=label, tooltip=label, layout={"width": "auto"})
            button.on_click(lambda _, changes=changes: self.run(**changes))
            self._buttons.append(button)
        row = ipywidgets.HBox([*self._controls.values(), *self._buttons], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([row, self._said, self._output])

    @property
    def locked(self) -> bool:
        """True while the buttons are off."""
        return any(button.disabled for button in self._buttons)

    @locked.setter
    def locked(self, locked: bool) -> None:
        for button in self._buttons:
            button.disabled = locked

    def run(self, **changes: object) -> None:
        """Build the picture from the controls, `changes` before them, and show it; an error shows as one line."""
        from IPython.display import display

        self.locked = True
        self._said.value = "Running ..."
        try:
            values = {name: control.value for name, control in self._controls.items()}
            self.picture = self._build(**{**values, **changes})
            self._output.clear_output(wait=True)
            with self._output:
                display(self.picture)  # type: ignore[no-untyped-call]
            self._said.value = ""
        except MipflowError as error:
            self._said.value = f"{type(error).__name__}: {escape(str(error))}"
        finally:
            self.locked = False

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)  # type: ignore[no-untyped-call]


def panel(
    build: Callable[..., Picture],
    controls: Mapping[str, Any],
    buttons: Mapping[str, Mapping[str, object]] | None = None,
) -> Panel:
    """A panel that calls `build(**values)`, a picture-making function, with the values of `controls` by name.

    buttons: text of each button -> keywords that it sets whatever the controls say; by default one, "Run again".
    """
    return Panel(build, controls, {"Run again": {}} if buttons is None else buttons)
