"""The tour's forms: predict, move one flow, read what happened, take the second home address away.

Takes the learner's `story(figure, flow, interface, moment)`, a function that gives a world in which one flow was handed
over; gives widgets for labs/00_tour. Only that notebook uses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape
from typing import NamedTuple

import ipywidgets
from IPython.display import HTML, display

from mipflow.lab.predictions import Answer, Prediction, Question
from mipflow.lab.scenarios import figure1, figure2
from mipflow.lab.world import World
from mipflow.sim.clock import seconds
from mipflow.sim.trace import LOST, Trace
from mipflow.view.picture import Picture, html_table

Figure = Callable[..., World]
Story = Callable[[Figure, str, str, float], World]

BEFORE_S, AFTER_S = 0.3, 0.7
"""How much the animation shows before and after the handover, in seconds of virtual time."""
SHOWN = (("CN1", "binding cache"), ("HA", "binding cache"), ("MN", "flow mapping table"))
"""The tables that are compared."""

QUESTION = Question("00-call", "You move only the video to the cellular network. What will the call do?", {
    "A": Answer(
        "It moves as well: a handover moves the whole mobile node.",
        "Not yet: the binding update named one home address, H@2, and CN1 changed that row and no other. Where a node"
        " has one home address for all its flows you are right: see the last section.", "M15"),
    "B": Answer(
        "It stays: the update names the video's port numbers, so only the video moves.",
        "It did stay, but not for that reason: there are no ports in CN1's binding cache. A row is found by the home"
        " address, and only the video uses H@2. The last section shows what happens without it.", "M16"),
    "C": Answer(
        "It uses both networks from now on, because both are switched on.",
        "Not yet: a second network alone spreads nothing. Packets for a home address go to the one place in its row,"
        " and the row of the call's home address, H@1, has not changed.", "M17"),
    "D": Answer(
        "It stays: the call has a home address of its own, and the update does not name that one.",
        "So it was: the update named H@2 only. The row of H@1 has not changed, and the call noticed nothing."),
})  # fmt: skip


class Choice(NamedTuple):
    """What the learner chose to move, to where, and when (seconds of virtual time)."""

    flow: str
    interface: str
    moment: float

    def __str__(self) -> str:
        return f"the {self.flow} to {self.interface} at {self.moment:.1f} s"


def accounts(world: World, moment: float) -> list[dict[str, object]]:
    """For each flow what the trace says: packets at its ends, both ways; interfaces before and after a moment (s)."""
    trace, mobile, now = world.trace, world.mn.name, world.network.clock.now
    ends, words, names = {mobile, *(cn.name for cn in world.cns)}, world.flow_names(), world.names()
    sent, arrived, lost = Counter[int](), Counter[int](), Counter[int]()
    before: dict[int, str] = {}
    after: dict[int, str] = {}
    for number, packet in enumerate(trace.packets):
        flow, name, arrived_ns = packet.innermost().flow, trace.channels[trace.channel[number]], trace.arrived[number]
        sent[flow] += name.sender in ends
        arrived[flow] += name.receiver in ends and arrived_ns != LOST and arrived_ns <= now
        if mobile in (name.sender, name.receiver):
            after[flow] = name.sender_interface if name.sender == mobile else name.receiver_interface
            if trace.sent[number] <= moment * 1e9:
                before[flow] = after[flow]
    for drop in trace.drops():
        flow = drop.packet.innermost().flow
        lost[flow] += 1
        arrived[flow] -= drop.node in ends
    return [
        {
            "flow": word, "home address": names[home] if home else "none", "interface before": before.get(flow, ""),
            "interface after": after.get(flow, ""), "sent": sent[flow], "arrived": arrived[flow], "lost": lost[flow],
            "on the way at the end": sent[flow] - arrived[flow] - lost[flow],
        }
        for flow, word, home in ((one.id, words[one.id], one.home_address) for one in world.flows())
    ]  # fmt: skip


def landing_s(trace: Trace, node: str, moment: float) -> float | None:
    """When the binding cache of `node` changed first after `moment`, in seconds; None if it did not."""
    times = (one.t_ns / 1e9 for one in trace.changes() if (one.node, one.change.table) == (node, "binding cache"))
    return next((t_s for t_s in times if t_s >= moment), None)


def before_and_after(world: World, moment: float) -> list[dict[str, object]]:
    """Where each binding and each flow points just before `moment` and at the end, by the words of the world."""
    names, flows = {str(address): name for address, name in world.names().items()}, world.flow_names()
    then, now = (world.trace.tables(t_ns) for t_ns in (seconds(moment) - 1, world.network.clock.now))
    rows: list[dict[str, object]] = []
    for node, table in SHOWN:
        for key, row in now.get(node, {}).get(table, {}).items():
            earlier = then.get(node, {}).get(table, {}).get(key, {})
            was, is_ = (names.get(str(each.get("care_of_address")), "none") for each in (earlier, row))
            name = flows[int(str(row["flow_id"]))] if "flow_id" in row else names.get(key, key)
            changed = "" if was == is_ else "← changed"
            rows.append({"table": f"{node}: {table}", "row": name, "before": was, "after": is_, "": changed})
    return rows


class Tour:
    """The forms of one notebook; each method gives one to show, and what one of them stores unlocks the next."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.prediction = Prediction(QUESTION)
        self.choice: Choice | None = None
        """The last move; None before the first."""
        self._when_moved: list[Callable[[World, Choice], None]] = []

    def ask(self) -> ipywidgets.VBox:
        """The question that unlocks the move."""
        return self.prediction.form()

    def move(self) -> ipywidgets.VBox:
        """Choose a flow, a network and a moment; run the world again; watch."""
        networks = [("cellular network (cell0)", "cell0"), ("WLAN (wlan0)", "wlan0")]
        flow = ipywidgets.Dropdown(options=["video", "call"], description="Move the", **_wide(150))
        interface = ipywidgets.Dropdown(options=networks, description="to the", **_wide(240))
        span = {"value": 4.0, "min": 3.5, "max": 6.0, "step": 0.1, "readout_format": ".1f", "continuous_update": False}
        moment = ipywidgets.FloatSlider(description="at second", **span, **_wide(280))
        button = _button("Run", "Builds the network again and moves the flow")
        said, picture = ipywidgets.HTML("Locked: store your prediction first."), ipywidgets.Output()

        def unlocked() -> None:
            button.disabled = False
            said.value = "Unlocked: choose, then press Run."

        def pressed(_: object) -> None:
            choice = Choice(flow.value, interface.value, moment.value)
            world = self._run(figure2, choice, said, picture)
            if world is not None:
                self.choice = choice
                for callback in self._when_moved:
                    callback(world, choice)

        button.on_click(pressed)
        self.prediction.when_stored(unlocked)
        return ipywidgets.VBox([ipywidgets.HBox([flow, interface, moment, button], layout=_ROW), said, picture])

    def outcome(self) -> ipywidgets.VBox:
        """What the trace says after the move: packets by flow, the tables before and after, and the prediction."""
        said, found = ipywidgets.HTML("Nothing yet: run the move above."), ipywidgets.Output()

        def moved(world: World, choice: Choice) -> None:
            words = self.prediction.feedback() if choice[:2] == ("video", "cell0") else f"You moved {choice}."
            said.value = f"<p style='max-width: 60em; line-height: 1.4'>{escape(words)}</p>"
            _show(found, _tables(world, choice))

        self._when_moved.append(moved)
        return ipywidgets.VBox([said, found])

    def take_away(self) -> ipywidgets.VBox:
        """One button: the same move in a world where both flows have one home address."""
        button = _button("Take away the second home address", "The same move, with one home address for both flows")
        said = ipywidgets.HTML("Locked: run the move above first.")
        picture, found = ipywidgets.Output(), ipywidgets.Output()

        def moved(_: World, choice: Choice) -> None:
            button.disabled = False
            said.value = f"Ready: the same move ({choice}), with H@1 for both flows."
            picture.clear_output()
            found.clear_output()

        def pressed(_: object) -> None:
            assert self.choice is not None
            world = self._run(figure1, self.choice, said, picture)
            if world is not None:
                _show(found, _tables(world, self.choice))

        button.on_click(pressed)
        self._when_moved.append(moved)
        return ipywidgets.VBox([ipywidgets.HBox([button, said], layout=_ROW), picture, found])

    def _run(self, figure: Figure, choice: Choice, said: ipywidgets.HTML, picture: ipywidgets.Output) -> World | None:
        """Run the story and show it; a story that fails says so in one line."""
        said.value = "Running ..."
        try:
            world = self.story(figure, *choice)
            film = world.animate(max(0.0, choice.moment - BEFORE_S), choice.moment + AFTER_S)
        except Exception as error:  # the story is the learner's to change: whatever goes wrong in it is theirs to read
            said.value = f"Not yet. {type(error).__name__}: {escape(str(error))}"
            picture.clear_output()
            return None
        except KeyboardInterrupt:
            said.value = "Stopped: press the button again, and the network is built anew."
            return None
        said.value = _what_changed(world, choice)
        _show(picture, film)
        return world


_ROW = {"flex_flow": "row wrap", "align_items": "center"}


def _wide(pixels: int) -> dict[str, object]:
    return {"style": {"description_width": "initial"}, "layout": {"width": f"{pixels}px", "margin": "2px 12px 2px 2px"}}


def _button(words: str, hint: str) -> ipywidgets.Button:
    layout = {"width": "auto"}
    return ipywidgets.Button(description=words, tooltip=hint, button_style="primary", disabled=True, layout=layout)


def _show(output: ipywidgets.Output, thing: Picture | HTML) -> None:
    output.clear_output(wait=True)
    with output:
        display(thing)  # type: ignore[no-untyped-call]


def _what_changed(world: World, choice: Choice) -> str:
    landed = landing_s(world.trace, world.cn1.name, choice.moment)
    if landed is None:
        return f"Nothing to do: the {choice.flow} is on {choice.interface} already, so no message is sent."
    when = f"at {landed:.3f} s, {(landed - choice.moment) * 1000:.0f} ms after the word to move"
    return f"Done: one row of CN1's binding cache changes, {when}. Press <b>Play</b> and watch it."


def _tables(world: World, choice: Choice) -> HTML:
    """Packets by flow, and the rows that matter, before and after."""
    caption = f"Packets both ways, counted in the trace up to {world.now:.1f} s; handover at {choice.moment:.1f} s"
    counted = html_table(accounts(world, choice.moment), caption)
    rows = html_table(before_and_after(world, choice.moment), "Where the tables say that the packets go")
    made: HTML = HTML(counted + rows)  # type: ignore[no-untyped-call]
    return made
