"""The tour's forms: predict, move one flow, read what happened, take the second home address away.

Takes the learner's `story(figure, flow, interface, moment)`, a function that gives a world in which one flow was handed
over; gives widgets for labs/00_tour. Only that notebook uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import ipywidgets
from IPython.display import display

from mipflow.lab.predictions import Answer, Prediction, Question
from mipflow.lab.scenarios import figure1, figure2
from mipflow.lab.world import World
from mipflow.sim.trace import LOST, Trace
from mipflow.view.picture import Picture, html_table

Story = Callable[[Callable[..., World], str, str, float], World]

BEFORE_S, AFTER_S = 0.3, 0.7
"""How much the animation shows before and after the handover, in seconds of virtual time."""

QUESTION = Question(
    "00-call",
    "You move only the video to the cellular network. What will the call do?",
    {
        "A": Answer(
            "It moves as well: a handover moves the whole mobile node.",
            "Not yet: the binding update named one home address, H@2, and CN1 changed that row and no other. Where a"
            " node has one home address for all its flows you are right: see the last section.",
            "M15",
        ),
        "B": Answer(
            "It stays: the update names the video's port numbers, so only the video moves.",
            "It did stay, but not for that reason: there are no ports in CN1's binding cache. A row is found by the"
            " home address, and only the video uses H@2. The last section shows what happens without it.",
            "M16",
        ),
        "C": Answer(
            "It uses both networks from now on, because both are switched on.",
            "Not yet: a second network alone spreads nothing. Packets for a home address go to the one place in its"
            " row, and the row of the call's home address, H@1, has not changed.",
            "M17",
        ),
        "D": Answer(
            "It stays: the call has a home address of its own, and the update does not name that one.",
            "So it was: the update named H@2 only. The row of H@1 has not changed, and the call noticed nothing.",
        ),
    },
)


class Choice(NamedTuple):
    """What the learner chose to move, to where, and when (seconds of virtual time)."""

    flow: str
    interface: str
    moment: float


@dataclass(slots=True)
class Account:
    """What the trace says about one flow: packets at its ends, both ways; interfaces before and after a moment."""

    flow: str
    home_address: str
    before: str = ""
    after: str = ""
    sent: int = 0
    arrived: int = 0
    lost: int = 0

    def row(self) -> dict[str, object]:
        """As plain named values; what is neither is on its way when the clock stops."""
        return {
            "flow": self.flow, "home address": self.home_address, "before": self.before, "after": self.after,
            "packets sent": self.sent, "arrived": self.arrived, "lost": self.lost,
            "still on their way": self.sent - self.arrived - self.lost,
        }  # fmt: skip


def accounts(world: World, moment: float) -> list[Account]:
    """One account per flow, from the packet-hops and the drops in the trace."""
    trace, mobile = world.trace, world.mn.name
    ends, now = {mobile, *(cn.name for cn in world.cns)}, world.network.clock.now
    words, names = world.flow_names(), world.names()
    found = {
        flow.id: Account(words[flow.id], "none" if flow.home_address is None else names[flow.home_address])
        for flow in world.flows()
    }
    for number, packet in enumerate(trace.packets):
        account = found.get(packet.innermost().flow)
        if account is None:
            continue
        name, arrived = trace.channels[trace.channel[number]], trace.arrived[number]
        account.sent += name.sender in ends
        account.arrived += name.receiver in ends and arrived != LOST and arrived <= now
        if mobile in (name.sender, name.receiver):
            interface = name.sender_interface if name.sender == mobile else name.receiver_interface
            account.after = interface
            if trace.sent[number] <= moment * 1e9:
                account.before = interface
    for drop in trace.drops():
        account = found.get(drop.packet.innermost().flow)
        if account is not None:
            account.lost += 1
            account.arrived -= drop.node in ends
    return list(found.values())


def landing_s(trace: Trace, node: str, moment: float) -> float | None:
    """When the binding cache of `node` changed first after `moment`, in seconds; None if it did not."""
    times = (
        each.t_ns / 1e9 for each in trace.changes()
        if each.node == node and each.change.table == "binding cache" and each.t_ns >= moment * 1e9
    )  # fmt: skip
    return next(times, None)


class Tour:
    """The forms of one notebook; each method gives one to show, and what one of them stores unlocks the next."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.prediction = Prediction(QUESTION)
        self.choice: Choice | None = None
        self.world: World | None = None
        """The world of the last move."""
        self._when_moved: list[Callable[[], None]] = []

    def ask(self) -> ipywidgets.VBox:
        """The question that unlocks the move."""
        return self.prediction.form()

    def move(self) -> ipywidgets.VBox:
        """Choose a flow, a network and a moment; run the world again; watch."""
        flow = ipywidgets.Dropdown(options=["video", "call"], description="Move the")
        interface = ipywidgets.Dropdown(
            options=[("cellular network (cell0)", "cell0"), ("WLAN (wlan0)", "wlan0")], description="to the"
        )
        moment = ipywidgets.FloatSlider(
            value=4.0, min=3.5, max=6.0, step=0.1, description="at second", readout_format=".1f",
            continuous_update=False,
        )  # fmt: skip
        button = _button("Run", "Builds the world again and moves the flow")
        said = ipywidgets.HTML("Locked: store your prediction first.")
        picture = ipywidgets.Output()

        def unlocked() -> None:
            button.disabled = False
            said.value = "Unlocked: choose, then press Run."

        def pressed(_: object) -> None:
            choice = Choice(flow.value, interface.value, moment.value)
            world = self._run(figure2, choice, said, picture)
            if world is not None:
                self.world, self.choice = world, choice
                for callback in self._when_moved:
                    callback()

        button.on_click(pressed)
        self.prediction.when_stored(unlocked)
        return ipywidgets.VBox([ipywidgets.HBox([flow, interface, moment, button], layout=_WRAP), said, picture])

    def outcome(self) -> ipywidgets.VBox:
        """What the trace says after the move: packets by flow, the tables before and after, and the prediction."""
        said = ipywidgets.HTML("Nothing yet: run the move above.")
        tables = ipywidgets.Output()

        def moved() -> None:
            assert self.world is not None and self.choice is not None
            said.value = _paragraph(self._about_prediction()) + _counted(self.world, self.choice)
            tables.clear_output(wait=True)
            with tables:
                _show(self.world.tables(at=self.choice.moment), self.world.tables())

        self._when_moved.append(moved)
        return ipywidgets.VBox([said, tables])

    def _about_prediction(self) -> str:
        assert self.choice is not None
        asked = self.choice.flow == "video" and self.choice.interface == "cell0"
        return self.prediction.feedback() if asked else "Your prediction was about the video and the cellular network."

    def take_away(self) -> ipywidgets.VBox:
        """One button: the same move in a world where both flows have one home address."""
        button = _button("Take away the second home address", "The same click, with one home address for both flows")
        said = ipywidgets.HTML("Locked: run the move above first.")
        picture, counted = ipywidgets.Output(), ipywidgets.HTML()

        def moved() -> None:
            button.disabled = False
            said.value = f"Ready: the same click again ({self._click()}), with H@1 for both flows."

        def pressed(_: object) -> None:
            assert self.choice is not None
            world = self._run(figure1, self.choice, said, picture)
            counted.value = "" if world is None else _counted(world, self.choice)

        button.on_click(pressed)
        self._when_moved.append(moved)
        return ipywidgets.VBox([ipywidgets.HBox([button, said], layout=_WRAP), picture, counted])

    def _click(self) -> str:
        assert self.choice is not None
        return f"the {self.choice.flow} to {self.choice.interface} at {self.choice.moment:.1f} s"

    def _run(
        self, figure: Callable[..., World], choice: Choice, said: ipywidgets.HTML, picture: ipywidgets.Output
    ) -> World | None:
        """Run the story and show it; a story that fails says so in one line."""
        said.value = "Running ..."
        try:
            world = self.story(figure, *choice)
            film = world.animate(max(0.0, choice.moment - BEFORE_S), choice.moment + AFTER_S)
        except Exception as error:  # the story is the learner's to change: whatever goes wrong in it is theirs to read
            said.value = f"Not yet. {type(error).__name__}: {escape(str(error))}"
            picture.clear_output()
            return None
        said.value = _what_moved(world, choice)
        picture.clear_output(wait=True)
        with picture:
            _show(film)
        return world


_WRAP = {"flex_flow": "row wrap", "align_items": "center"}


def _show(*pictures: Picture) -> None:
    display(*pictures)  # type: ignore[no-untyped-call]


def _button(words: str, hint: str) -> ipywidgets.Button:
    return ipywidgets.Button(
        description=words, tooltip=hint, button_style="primary", disabled=True, layout={"width": "auto"}
    )  # fmt: skip


def _what_moved(world: World, choice: Choice) -> str:
    landed = landing_s(world.trace, world.cn1.name, choice.moment)
    if landed is None:
        return f"Nothing to do: the {choice.flow} is on {choice.interface} already, so no message is sent."
    return (
        f"Done: CN1 changed one row at {landed:.3f} s, {(landed - choice.moment) * 1000:.0f} ms after the click."
        " Press <b>Play</b> and watch that row."
    )


def _counted(world: World, choice: Choice) -> str:
    caption = f"Counted in the trace up to {world.now:.1f} s, both directions (handover at {choice.moment:.1f} s)"
    return html_table([account.row() for account in accounts(world, choice.moment)], caption)


def _paragraph(text: str) -> str:
    return f"<p style='max-width: 60em; line-height: 1.4'>{escape(text)}</p>"
