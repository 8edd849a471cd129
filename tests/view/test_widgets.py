"""The panel: controls in, picture out, one run at a time."""

from __future__ import annotations

from typing import Any

from mipflow.errors import ProtocolMisuse
from mipflow.view.picture import Picture
from mipflow.view.widgets import choice, number, panel


def drawn(**values: object) -> Picture:
    """A picture that says what it was built with."""
    return Picture(str(values), list, list, html="<p></p>")


def buttons(widget: Any) -> list[Any]:
    """The buttons of a panel."""
    return [child for child in widget.children[0].children if hasattr(child, "click")]


def test_a_click_builds_with_what_the_controls_say() -> None:
    controls = {"flow": choice("flow", {"the call": 1, "the video": 2}), "moment": number("at", 0, 10, 5)}
    shown = panel(drawn, controls)
    assert shown.picture is None
    controls["flow"].value = 2
    (again,) = buttons(shown.widget)
    assert again.description == "Run again"
    again.click()
    assert shown.picture is not None
    assert shown.picture.title == "{'flow': 2, 'moment': 5.0}"


def test_a_button_may_say_something_else() -> None:
    shown = panel(drawn, {}, {"Run": {}, "Take away the second home address": {"addresses": 1}})
    buttons(shown.widget)[1].click()
    assert shown.picture is not None
    assert shown.picture.title == "{'addresses': 1}"


def test_buttons_are_off_while_it_runs() -> None:
    seen: list[bool] = []

    def build() -> Picture:
        seen.append(shown.locked)
        return drawn()

    shown = panel(build, {})
    shown.run()
    assert seen == [True]
    assert not shown.locked


def test_an_error_is_one_line() -> None:
    def build() -> Picture:
        raise ProtocolMisuse("there is no flow <3>", 3)

    shown = panel(build, {})
    shown.run()
    assert shown.widget.children[1].value == "ProtocolMisuse: there is no flow &lt;3&gt;"
    assert not shown.locked


def test_every_control_has_a_name_for_those_who_cannot_see_it() -> None:
    assert choice("flow", ["a"]).tooltip == "flow"
    assert number("at", 0, 1, 0).description == "at"
