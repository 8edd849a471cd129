"""The tour's forms: predict, move one flow, read what happened, predict again, take the second home address away.

Takes the learner's `story(figure, flow, interface, moment)`, a function that gives a world in which one flow was handed
over; gives panels and forms for labs/00_tour. Only that notebook uses it. What is to be looked for stands above a
film; what came of it is folded below, and opens when the film was watched. What they say stands in the lab's own file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

import ipywidgets

from mipflow.arguments import number as numbers
from mipflow.course import notebook
from mipflow.course.predictions import Prediction, prediction
from mipflow.course.source import exercises_of
from mipflow.lab.panels import panel
from mipflow.lab.scenarios import figure1, figure2
from mipflow.lab.world import World
from mipflow.sim.clock import seconds
from mipflow.sim.trace import LOST, Trace
from mipflow.view.drawing.picture import html_table
from mipflow.view.story.words import interface_kind, network

Figure = Callable[..., World]
Story = Callable[[Figure, str, str, float], World]

BEFORE_S, AFTER_S = 0.3, 0.7
"""How much the animation shows before and after the handover, in seconds of virtual time."""
SHOWN = (("CN1", "binding cache"), ("HA", "binding cache"), ("MN", "flow mapping table"))
"""The tables that are compared."""

MOMENTS_S = numbers(3.2, 60, "a second")
"""Call and video begin at 3 s, and the network is built anew for each run."""


class Choice(NamedTuple):
    """The learner's choice: which flow to move, to where, and when (seconds of virtual time)."""

    flow: str
    interface: str
    moment: float

    def __str__(self) -> str:
        return f"the {self.flow} to {network(self.interface)} at {self.moment:.1f} s"


def accounts(world: World, moment: float) -> list[dict[str, object]]:
    """For each flow what the trace says: packets at its ends, both ways; networks before and after a moment (s)."""
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
            own = name.sender_interface if name.sender == mobile else name.receiver_interface
            after[flow] = interface_kind(own)
            if trace.sent[number] <= moment * 1e9:
                before[flow] = after[flow]
    for drop in trace.drops():
        flow = drop.packet.innermost().flow
        lost[flow] += 1
        arrived[flow] -= drop.node in ends
    return [
        {
            "flow": word, "home address": names[home] if home else "none", "network before": before.get(flow, ""),
            "network after": after.get(flow, ""), "sent": sent[flow], "arrived": arrived[flow], "lost": lost[flow],
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


def verdict(world: World, choice: Choice) -> str:
    """Say what moved, which rows CN1 has, and when: in a sentence or two, read from the trace."""
    landed, moved = landing_s(world.trace, world.cn1.name, choice.moment), moved_flows(world, choice.moment)
    if landed is None:
        where = network(choice.interface)
        if where == network_before(world, choice):
            return f"Nothing moved: the {choice.flow} is on {where} already, so no message is sent."
        return f"Nothing moved up to {world.now:.1f} s: no binding update changed a row at {world.cn1.name}."
    when = f"at {landed:.3f} s, {(landed - choice.moment) * 1000:.0f} ms after the word to move"
    cached = [
        row for row in before_and_after(world, choice.moment) if row["table"] == f"{world.cn1.name}: binding cache"
    ]
    changed = " and ".join(str(row["row"]) for row in cached if row[""])
    stayed = [str(row["row"]) for row in cached if not row[""]]
    if not stayed:
        who = {0: "Nothing moved", 1: f"The {moved[0]} moved", 2: "Both moved"}.get(len(moved), "All moved")
        return f"{who}: CN1 has one row, {changed}, for {'both' if len(moved) == 2 else 'all'}. It changed {when}."
    who = f"Only the {moved[0]} moved" if len(moved) == 1 else f"{len(moved)} flows moved"
    calm = f"The row of {' and '.join(stayed)} stayed as it was."
    return f"{who}: CN1 changed one of its {len(cached)} rows, {changed}, {when}. {calm}"


def moved_flows(world: World, moment: float) -> list[str]:
    """The flows whose packets take another interface at the end than before a moment (s), by their words."""
    return [
        str(each["flow"]) for each in accounts(world, moment)
        if each["network before"] and each["network before"] != each["network after"]
    ]  # fmt: skip


def why(world: World, moment: float) -> str:
    """Explain a move at `moment` seconds from the trace; empty where no row changed at the correspondent node."""
    if landing_s(world.trace, world.cn1.name, moment) is None:
        return ""
    home = [row for row in before_and_after(world, moment) if row["table"] == f"{world.ha.name}: binding cache"]
    said = exercises_of("00")
    return str(said.WHY + said.AT_HOME * (not any(row[""] for row in home)))


def network_before(world: World, choice: Choice) -> str:
    """The network that the chosen flow was on before the move, as a sentence names it; empty where it was on none."""
    own = next(each for each in accounts(world, choice.moment) if each["flow"] == choice.flow)
    kinds = {interface_kind(each): network(each) for each in ("wlan0", "cell0")}
    return kinds.get(str(own["network before"]), "")


class Tour:
    """The forms of one notebook; each method gives one to show, and what one of them stores unlocks the next."""

    def __init__(self, story: Story) -> None:
        self.story, self.says = story, exercises_of("00")
        self.prediction, self.second = prediction("00-call"), prediction("00-shared")
        self.choice: Choice | None = None
        """The last move; None before the first, and after one that moved nothing."""
        networks = {"cellular network (cell0)": "cell0", "WLAN (wlan0)": "wlan0"}
        self.panel = panel.Panel(
            [
                panel.choice("flow", "Move the", {"video": "video", "call": "call"}),
                panel.choice("interface", "to the", networks),
                panel.number("moment", "at second", 4.0, MOMENTS_S, "When", 0.1),
            ],
            lambda **chosen: (self.story(figure2, *chosen.values()), Choice(**chosen)), self._moved,
            lambda **chosen: _python("figure2", Choice(**chosen)),
            ready=self.says.UNLOCKED, locked=self.says.LOCKED_MOVE,
        )  # fmt: skip
        self.again = panel.Panel(
            [], lambda: (self.story(figure1, *self._last), self._last), self._taken_away,
            lambda: _python("figure1", self._last),
            go=self.says.TAKE_AWAY, locked=self.says.LOCKED[True, True],
        )  # fmt: skip
        self.panel.results.append(self.again.output)
        self.prediction.when_stored(self.panel.unlock)
        self.second.when_stored(self._voted)

    def ask(self) -> ipywidgets.VBox:
        """The question that unlocks the move."""
        return self.prediction.form()

    def move(self) -> panel.Panel:
        """Choose a flow, a network and a moment; run the world again; watch."""
        return self.panel

    def ask_again(self) -> ipywidgets.VBox:
        """The question that unlocks the last move."""
        return self.second.form()

    def take_away(self) -> panel.Panel:
        """One button: the same move in a world where both flows have one home address."""
        return self.again

    @property
    def _last(self) -> Choice:
        return self.choice or Choice("video", "cell0", 4.0)

    def _moved(self, ran: tuple[World, Choice]) -> list[Any]:
        world, choice = ran
        is_move = landing_s(world.trace, world.cn1.name, choice.moment) is not None
        self.choice = choice if is_move else None
        self._ready()
        if not is_move and self.second.chosen is not None:
            self.again.lock(self.says.STILL)
        fits = is_move and choice[:2] == ("video", "cell0")
        watch = self.says.WATCH if is_move else self.says.NOTHING
        return self._shown(*ran, watch, self.prediction if fits else None)

    def _taken_away(self, ran: tuple[World, Choice]) -> list[Any]:
        return self._shown(*ran, self.says.WATCH_AGAIN, self.second)

    def _shown(self, world: World, chosen: Choice, watch: str, asked: Prediction | None) -> list[Any]:
        """A hint where to look, the film, and folded below it what came of it."""
        film = world.animate(*_span(chosen))
        said = f"<p><b>{escape(verdict(world, chosen))}</b></p>{asked.told(world, film) if asked else ''}"
        said += f"<p>{why(world, chosen.moment)}</p>{_tables(world, chosen)}"
        return [watch.format(chosen), film, notebook.fold(self.says.WATCHED, said)]

    def _voted(self) -> None:
        """A second vote clears no film."""
        if self.again.button.disabled:
            self._ready()

    def _ready(self) -> None:
        """The last move waits for the first one and for a prediction; what it gave before is of an older choice."""
        missing = self.choice is None, self.second.chosen is None
        if any(missing):
            self.again.lock(self.says.LOCKED[missing])
        else:
            self.again.reset(self.says.READY.format(self.choice))


def _python(figure: str, chosen: Choice) -> str:
    begin, end = _span(chosen)
    return (
        f'world = story(mf.{figure}, "{chosen.flow}", "{chosen.interface}", {chosen.moment})\n'
        f"world.animate({begin:.10g}, {end:.10g})"
    )


def _span(chosen: Choice) -> tuple[float, float]:
    return max(0.0, chosen.moment - BEFORE_S), chosen.moment + AFTER_S


def _tables(world: World, chosen: Choice) -> str:
    """Packets by flow, and the rows that matter, before and after."""
    caption = f"Packets both ways, counted in the trace up to {world.now:.1f} s; told to move at {chosen.moment:.1f} s"
    counted = html_table(accounts(world, chosen.moment), caption)
    return counted + html_table(before_and_after(world, chosen.moment), "Where the tables say that the packets go")
