"""Lab 08, one flow moves: its stories, wrong versions and what is said of each, questions, blocks, and the runs.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/08_one_flow_moves.py. In stories of 8.4 and 8.5 capitals are flows that MN begins, small letters those that a
correspondent begins, A and a with the first one, B and b with the second; ">2": flow 2 goes to the other network.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course import notebook
from mipflow.course.exercises.checks import is_stub
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.in_node import FlowRow
from mipflow.course.exercises.own_node import WAYS, FlowPacket, OwnNode, OwnNodeView, Row
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Story, Wrong
from mipflow.course.exercises.trial import Trial, ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.errors import FunctionFailed, MipflowError, class_name, shown
from mipflow.flow.applications.flows import Flow
from mipflow.lab.panels.panel import button, frame, show_in
from mipflow.lab.replay.recording import Recording, read
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.trace import LOST, TableChanged
from mipflow.view.drawing.picture import Picture, html_table
from mipflow.view.story.words import series
from mipflow.wire.mobility import BindingUpdate, CareOfTest, CareOfTestInit, HomeTest
from mipflow.wire.packet import UDP

WLAN, CELL = "CoA wlan0", "CoA cell0"
NODES = ("CN1", "CN2", "CN3")


def nodes(student: Student) -> dict[str, str]:
    """Letters to correspondent nodes in stories about functions, by the student's number; in runs they are CN1 and CN2."""
    if not student.ids:
        return {"A": "CN1", "B": "CN2"}
    return dict(zip("AB", student.random("08 nodes").sample(NODES, 2), strict=True))


# --- 8.1 and 8.2: Figures 4 and 5, and programs that are not ----------------------------------------------------------


def figure6(cn: str | None, rows: Sequence[tuple[Any, Any]], homes: list[str]) -> str:
    """Figure 6 on (correspondent node, home address): the last one that has no flow to this node, else a new one."""
    for home in reversed(homes):
        if (cn, home) not in rows:
            return home
    homes.append(f"H@{len(homes) + 1}")
    return homes[-1]


def assign(flow: FlowRow, homes: list[str], flows: list[FlowRow], allocate: Callable[[], str]) -> str:
    """Figure 6, as lab 07 asks for it."""
    for home in reversed(homes):
        if all((other.cn, other.home) != (flow.cn, home) for other in flows):
            return home
    homes.append(allocate())
    return homes[-1]


@ours
def figure4(packet: FlowPacket, mn: OwnNodeView) -> tuple[str, str]:
    """Figure 4: home address and care-of address of a packet that leaves."""
    number = mn.separate(packet)  # 21
    if number not in mn.flows:  # 22
        mn.flows[number] = Row(packet.destination, mn.assign(packet.destination), mn.choose())  # 23
    return mn.flows[number].home, mn.flows[number].care_of  # 24, 25


@ours
def figure5(packet: FlowPacket, mn: OwnNodeView) -> None:
    """Figure 5: a packet comes in."""
    number = mn.separate(packet)  # 28
    if number not in mn.flows:  # 29
        mn.flows[number] = Row(packet.source, packet.destination, mn.choose())  # 30
    mn.up(packet)  # 31


def _down(home: Callable[[FlowPacket, OwnNodeView], str], enters: bool = True) -> Callable[..., Any]:
    """A program that gives a new flow this home address."""

    def outgoing(packet: FlowPacket, mn: OwnNodeView) -> tuple[str, str]:
        number, made = mn.separate(packet), None
        if number not in mn.flows:
            made = Row(packet.destination, home(packet, mn), mn.choose())
            if enters:
                mn.flows[number] = made
        row = made or mn.flows[number]
        return row.home, row.care_of

    return outgoing


def _assigned(packet: FlowPacket, mn: OwnNodeView) -> str:
    return mn.assign(packet.destination)


not_entered = _down(_assigned, enters=False)
always_primary = _down(lambda packet, mn: "H@1")


def each_packet_new(packet, mn):  # type: ignore[no-untyped-def]
    """Assigns before it knows whether the flow is new."""
    number = mn.separate(packet)
    mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of


def care_of_twice(packet, mn):  # type: ignore[no-untyped-def]
    """Gives the care-of address as the name."""
    _, care_of = _down(_assigned)(packet, mn)
    return care_of, care_of


def swapped(packet, mn):  # type: ignore[no-untyped-def]
    """Gives both the wrong way round."""
    home, care_of = _down(_assigned)(packet, mn)
    return care_of, home


def asks_again(packet, mn):  # type: ignore[no-untyped-def]
    """Asks for the network at each packet."""
    return _down(_assigned)(packet, mn)[0], mn.choose()


def by_correspondent(packet, mn):  # type: ignore[no-untyped-def]
    """Finds a row by its correspondent node."""
    for row in mn.flows.values():
        if row.cn == packet.destination:
            return row.home, row.care_of
    return _down(_assigned)(packet, mn)


def by_correspondent_entered(packet, mn):  # type: ignore[no-untyped-def]
    """As above, and the table agrees."""
    number = mn.separate(packet)
    if number not in mn.flows:
        same = [row for row in mn.flows.values() if row.cn == packet.destination]
        home = same[0].home if same else mn.assign(packet.destination)
        mn.flows[number] = Row(packet.destination, home, mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of


def first_stays(packet, mn):  # type: ignore[no-untyped-def]
    """Enters the row, and does not send the first packet."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.destination, mn.assign(packet.destination), mn.choose())
        return None
    return mn.flows[number].home, mn.flows[number].care_of


def later_stay(packet, mn):  # type: ignore[no-untyped-def]
    """Sends the first packet alone."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.destination, mn.assign(packet.destination), mn.choose())
        return mn.flows[number].home, mn.flows[number].care_of
    return None


def source_as_cn(packet, mn):  # type: ignore[no-untyped-def]
    """Writes the packet's source as the correspondent node."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.source, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of


def source_asked(packet, mn):  # type: ignore[no-untyped-def]
    """Asks and writes with the packet's source."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.source, home=mn.assign(packet.source), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of


def _up(home: Callable[[FlowPacket, OwnNodeView], Any], each_time: bool = False) -> Callable[..., Any]:
    """A program that gives a caller's flow this home address."""

    def incoming(packet: FlowPacket, mn: OwnNodeView) -> None:
        number = mn.separate(packet)
        if each_time or number not in mn.flows:
            mn.flows[number] = Row(packet.source, home(packet, mn), mn.choose())
        mn.up(packet)

    return incoming


def _asked(packet: FlowPacket, mn: OwnNodeView) -> str:
    return packet.destination


by_figure6 = _up(lambda packet, mn: mn.assign(str(packet.source)))
care_of_as_home = _up(lambda packet, mn: packet.came_by)
callers_at_primary = _up(lambda packet, mn: "H@1")
row_each_time = _up(_asked, each_time=True)


def follows_the_road(packet, mn):  # type: ignore[no-untyped-def]
    """Writes the road of each packet into its row."""
    _up(_asked)(packet, mn)
    mn.flows[mn.separate(packet)].care_of = packet.came_by


def no_row(packet, mn):  # type: ignore[no-untyped-def]
    """Hands up, and enters nothing."""
    mn.up(packet)


def never_up(packet, mn):  # type: ignore[no-untyped-def]
    """Enters, and hands nothing up."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.source, packet.destination, mn.choose())


def only_first_up(packet, mn):  # type: ignore[no-untyped-def]
    """Hands up the first packet of a flow."""
    if mn.separate(packet) not in mn.flows:
        _up(_asked)(packet, mn)


def first_not_up(packet, mn):  # type: ignore[no-untyped-def]
    """Hands up all but the first packet of a flow."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(packet.source, packet.destination, mn.choose())
    else:
        mn.up(packet)


def own_end_as_cn(packet, mn):  # type: ignore[no-untyped-def]
    """Writes the packet's destination as the correspondent node."""
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.destination, home=packet.destination, care_of=mn.choose())
    mn.up(packet)


# --- 8.1 and 8.2: stories ---------------------------------------------------------------------------------------------
# "o1 A": a packet of flow 1 leaves for A; "i1 A H@1 wlan0": one comes in; "m1": flow 1 goes to cell0 (its row is changed)

LETTERS = {1: "A", 2: "A", 3: "B"}
"""The correspondent node of each flow."""
MOST_PACKETS = 4


def packet_stories(
    most: int, homes: tuple[str, ...], begun: tuple[str, ...] = (), moved: tuple[int, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """All stories of at most so many events; `begun`: with what each flow began, "" for those that MN begins."""
    yield ()
    if most == 0:
        return
    new = len(begun) + 1
    following: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = []
    if new in LETTERS:
        following.append((f"o{new} {LETTERS[new]}", (*begun, ""), moved))
        following += [(f"i{new} {LETTERS[new]} {home} wlan0", (*begun, home), moved) for home in homes]
    for number, home in enumerate(begun, start=1):
        following.append((f"o{number} {LETTERS[number]}", begun, moved))
        roads = ("cell0", "wlan0") if number in moved else ("wlan0",)
        following += [(f"i{number} {LETTERS[number]} {home or '*'} {road}", begun, moved) for road in roads]
        if number not in moved:
            following.append((f"m{number}", begun, (*moved, number)))
    for event, flows, gone in following:
        for rest in packet_stories(most - 1, homes, flows, gone):
            yield (event, *rest)


@cache
def stories_of(way: str) -> list[Story]:
    """The stories whose last event asks, in order of length; `way`: "o" for 8.1, "i" for 8.2."""
    told = [
        (homes, each) for homes in (("H@1",), ("H@1", "H@2"))
        for each in packet_stories(MOST_PACKETS, homes) if each and each[-1][0] == way
    ]  # fmt: skip
    return sorted(told, key=lambda story: len(story[1]))


class Line(NamedTuple):
    """A row of the flow mapping table as a value."""

    number: int
    cn: Any
    home: Any
    care_of: Any

    def __str__(self) -> str:
        return f"{self.home} → {self.cn} at {self.care_of}"


class Table(NamedTuple):
    """The state of a story: the home addresses, the rows, and for each flow how many packets came in and went on."""

    homes: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    passed: tuple[tuple[int, int, int], ...] = ()
    before: str = ""
    """The events since the function was asked, in words."""

    def line(self, number: int) -> Line | None:
        """The row of a flow."""
        return next((each for each in self.lines if each.number == number), None)

    def rows(self) -> dict[int, Row]:
        """The rows as a learner gets them."""
        return {each.number: Row(*each[1:]) for each in self.lines}

    def view(self) -> tuple[OwnNodeView, list[str]]:
        """The mobile node in this state, and its list of home addresses."""
        homes = list(self.homes)

        def assigned(cn: str | None) -> str:
            return figure6(cn, [(row.cn, row.home) for row in mn.flows.values()], homes)

        mn = OwnNodeView(self.rows(), assigned, lambda: WLAN)
        return mn, homes


def _lines(rows: Mapping[int, Row]) -> tuple[Line, ...]:
    words = {
        number: [each if isinstance(each, str | None) else str(each) for each in row.values]
        for number, row in rows.items()
    }
    return tuple(Line(number, *words[number]) for number in sorted(words))


def begin_packets(start: Any, student: Student) -> Table:
    """The state at the beginning of a story."""
    return Table(start)


def _go(own: str) -> Callable[..., Any]:
    """How one event is played where `own` events, "o" or "i", ask the learner's function."""

    def go(function: Callable[..., Any], state: Table, event: str, student: Student) -> tuple[Table | None, Step | None]:
        kind, number, *words = event[0], int(event[1]), *event.split()[1:]
        if kind == "m":
            lines = tuple(each._replace(care_of=CELL) if each.number == number else each for each in state.lines)
            return state._replace(lines=lines, before=f"{state.before}flow {number} is moved to cell0; "), None
        cn = nodes(student)[words[0]]
        line = state.line(number)
        home = (line.home if line else "H@1") if words[1:2] == ["*"] else (words[1:2] or [""])[0]

        def packet() -> FlowPacket:
            return FlowPacket(number, None, cn) if kind == "o" else FlowPacket(number, cn, home, f"CoA {words[2]}")

        mn, homes = state.view()
        went_up = mn.went_up
        if kind != own:
            (figure4 if kind == "o" else figure5)(packet(), mn)
            begun = f"{'MN' if kind == 'o' else cn} begins flow {number}; " if line is None else ""
            return Table(tuple(homes), _lines(mn.flows), state.passed, state.before + begun), None
        due, due_homes = state.view()
        due_way = (figure4 if kind == "o" else figure5)(packet(), due)
        due_got = due_way, _lines(due.flows), tuple(due_homes), tuple(due.went_up)
        way, failed, why = None, "", ""
        try:
            way = function(packet(), mn)
            way = tuple(way) if isinstance(way, list) else way
        except FunctionFailed as raised:
            failed, why = RAISED + (class_name(raised.__cause__) if raised.__cause__ else "nothing"), str(raised)
        told = state.before + _told(number, cn, kind, home, words)
        if failed:
            row = _shown_row(told, state, failed.removeprefix(RAISED), ())
            nothing = _packet_values(state, state, number, cn, home, None, due_way, (number, 0, 0), kind)
            return None, Step(told, None, failed, due_got, {**nothing, "why": why}, row)
        way = way if kind == "o" else None
        lines = _lines(mn.flows)
        entered, out = next(((a, b) for n, a, b in state.passed if n == number), (0, 0))
        went_on = went_up.count(number) if kind == "i" else int(way is not None)
        counts = (number, entered + 1, out + went_on)
        after = Table(tuple(homes), lines, (*(each for each in state.passed if each[0] != number), counts))
        values = _packet_values(state, after, number, cn, home, way, due_way, counts, kind)
        answer = way if kind == "o" else (after.line(number), tuple(went_up))
        wanting = [each for each in due_got[1] if each not in lines] or [each for each in due_got[1] if each.number == number]
        rows = " and ".join(f"the row {each.number}: {each}" for each in wanting)
        due_words = f"{_way_text(due_way)}, with {rows}" if kind == "o" else f"{rows}, handed up"
        shown_way = _way_text(way) if kind == "o" else ("handed up" if went_up else "not handed up")
        if homes != due_homes:  # where that alone goes wrong, all else looks right
            due_words += f"; home addresses {series(due_homes)}"
            shown_way += f"; home addresses {series(homes)}"
            values["row"] = f"{values['row']}, with home addresses {series(homes)}"
        values |= {"told": told, "due": due_words}
        got = way, lines, tuple(homes), tuple(went_up)
        return after, Step(told, answer, got, due_got, values, _shown_row(told, state, shown_way, lines))

    return go


def _told(number: int, cn: str, kind: str, home: str, words: Sequence[str]) -> str:
    if kind == "o":
        return f"a packet of flow {number} leaves for {cn}"
    return f"a packet of flow {number} comes from {cn} to {home} by {words[2]}"


def _way_text(way: Any) -> str:
    return "nothing" if way is None else f"{way[0]}, {way[1]}"


def _shown_row(told: str, state: Table, yours: str, lines: Sequence[Line]) -> dict[str, object]:
    def table(rows: Sequence[Line]) -> str:
        return "; ".join(f"{each.number}: {each}" for each in rows) or "no row"

    return {"event": told, "table": table(state.lines), "yours": yours, "table afterwards": table(lines)}


def _packet_values(
    state: Table, after: Table, number: int, cn: str, home: str, way: Any, due: Any, counts: tuple[int, int, int],
    kind: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the values of a step that a feedback may quote."""
    before, row = state.line(number), after.line(number)
    named = way[0] if way else (row.home if row else None)
    other = next(
        (each for each in state.lines if each.number != number and each.cn == cn and each.home == named), None
    )
    return {
        "n": number, "cn": cn, "called": home, "way": _way_text(way), "got": named, "got_care": way[1] if way else None,
        "is_new": before is None, "had": before.home if before else None, "had_care": before.care_of if before else None,
        "row": "no row" if row is None else f"the row {row}", "has_row": row is not None, "row_cn": row.cn if row else None,
        "row_home": row.home if row else None, "row_care": row.care_of if row else None, "other": other.number if other else 0,
        "entered": f"{counts[1]} packet{'s' * (counts[1] != 1)}", "out": counts[2], "lacks": counts[2] < counts[1], "way_is": way is not None, "kind": kind,
        "figure": "Figure 4" if kind == "o" else "Figure 5",
    }  # fmt: skip


def _came(step: Step) -> bool:
    """True where the function came to an answer."""
    return isinstance(step.got, tuple)


def _names_place(step: Step) -> bool:
    return str(step.values.get("got")).startswith("CoA")


NAME_IS_PLACE = (
    "Not yet. Where the home address belongs you have {got}, a care-of address. It is on the outside of the packet; but move"
    " once, and it is no longer yours. Which address do both applications know?"
)
STAYS_BEHIND = (
    "Not yet. {entered} of flow {n} entered your figure, {out} came out. The table is right, so nothing looks"
    " wrong; somebody hears silence. Each way ends in step 25 or 31. Which of yours does not?"
)
NOT_ENTERED = (
    "Not yet. The packet of flow {n} passed, but the table holds no row: nothing for a move to change, and MN's next packet"
    " may leave from another home address. In {figure} a new flow passes one more step than a known one. Does a line of yours"
    " do it, and is it reached?"
)
UNKNOWN = (
    "Not yet. The shortest story that fails is below: {told}. You gave {way} and {row}; {figure} gives {due}. Step through"
    " it, finger on the figure."
)

OUTGOING = Stories(
    name="outgoing", parameters=WAYS["outgoing"][0], check=WAYS["outgoing"][1], tell=lambda student: stories_of("o"),
    begin=begin_packets, go=_go("o"), points=3,
    wrong=(
        Wrong(
            "a new address for each packet",
            "Not yet. Flow {n} sent two packets, as {had} and as {got}: two strangers to {cn}. You assign before you know"
            " whether the flow is new. Who passes step 22 without a stop at 23?",
            (each_packet_new,), None, lambda step: not step.values["is_new"] and step.values["got"] != step.values["had"],
        ),
        Wrong(
            "the flow is not entered", NOT_ENTERED, (not_entered,), None, lambda step: not step.values["has_row"],
        ),
        Wrong("care-of address as the name", NAME_IS_PLACE, (care_of_twice, swapped), "M14", _names_place),
        Wrong(
            "asks the network each time",
            "Nearly. Flow {n} was moved: its row says {had_care}. Its next packet left by {got_care}, for you asked again"
            " what MN likes. Whose word counts once there is a row?",
            (asks_again,), None, lambda step: step.values["had_care"] == CELL != step.values["got_care"],
        ),
        Wrong(
            "glued",
            "Not yet. Flows {other} and {n} to {cn} both left as {got}; in the film they move as one. Either you found a row"
            " by correspondent, or took the primary without asking. Step 21 gave you a number; who is asked at 23?",
            (by_correspondent, by_correspondent_entered, always_primary), "M16",
            lambda step: step.values["other"] > 0,
        ),
        Wrong(
            "a packet stays behind", STAYS_BEHIND, (first_stays, later_stay), None,
            lambda step: not step.values["way_is"],
        ),
        Wrong(
            "wrong correspondent",
            "Nearly. The addresses fit, but row {n} says that its correspondent is {row_cn}. A packet has two ends. At which"
            " is CN when you send?",
            (source_as_cn, source_asked), None, lambda step: step.values["row_cn"] != step.values["cn"],
        ),
    ),
    criteria=(
        Criterion("a flow's first packet", 1, lambda step: step.is_right if step.values["is_new"] else None),
        Criterion("its later packets", 2, lambda step: None if step.values["is_new"] else step.is_right),
    ),
    passed=lambda function, student: "Three of three: each flow keeps its home address, and each packet reads its row.",
    unknown=UNKNOWN,
)  # fmt: skip

INCOMING = Stories(
    name="incoming", parameters=WAYS["incoming"][0], check=WAYS["incoming"][1], tell=lambda student: stories_of("i"),
    begin=begin_packets, go=_go("i"), points=3,
    wrong=(
        Wrong(
            "Figure 6 for a caller",
            "Not yet. {cn} wrote to {called}; you entered {row_home}. Then MN answers from {row_home}, which {cn} never called:"
            " TCP resets, 0 bytes get through. Who chose the address here?",
            (by_figure6,), None, lambda step: step.values["is_new"] and step.values["row_home"] != step.values["called"],
        ),
        Wrong("care-of address as the name", NAME_IS_PLACE, (care_of_as_home,), "M14", _names_place),
        Wrong(
            "every caller at the primary",
            "Nearly. Most callers use it (page 10). This one wrote to {called}, and the row says {row_home}. Where can you"
            " read whom it called?",
            (callers_at_primary,), "M27", lambda step: step.values["called"] != "H@1",
        ),
        Wrong(
            "a late packet pulls back",
            "Nearly. Flow {n} was at cell0; a late packet came by wlan0, and the row says {row_care} again. Either you write"
            " a row for each packet, or follow its road. Which packets may touch the table?",
            (row_each_time, follows_the_road), None,
            lambda step: step.values["had_care"] == CELL and step.values["row_care"] == WLAN,
        ),
        Wrong(
            "the flow is not entered", NOT_ENTERED, (no_row,), None, lambda step: not step.values["has_row"],
        ),
        Wrong(
            "a packet stays behind", STAYS_BEHIND, (never_up, only_first_up, first_not_up), None,
            lambda step: step.values["lacks"],
        ),
        Wrong(
            "wrong correspondent",
            "Nearly. The home address fits, but row {n} says that its correspondent is {row_cn}. A packet has two ends. At"
            " which is CN when one comes in?",
            (own_end_as_cn,), None, lambda step: step.values["row_cn"] != step.values["cn"],
        ),
    ),
    criteria=(
        Criterion("the right home address", 2, lambda step: _came(step) and step.got[1:3] == step.due[1:3]),
        Criterion("handed up", 1, lambda step: _came(step) and step.got[3] == step.due[3]),
    ),
    passed=lambda function, student: "Three of three: who calls chooses the home address, and every packet goes up.",
    unknown=UNKNOWN,
)  # fmt: skip


# --- 8.3: one flow moves ----------------------------------------------------------------------------------------------


@ours
def move(flow: Row, care_of: str, flows: list[Row]) -> list[tuple[Any, str, str]]:
    """The rows that hang on the binding learn the new place, and the correspondent node is told once."""
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def _places(flow: Row, care_of: str, flows: list[Row], also: Callable[[Row], bool] = lambda row: False) -> None:
    for other in flows:
        if (other.cn, other.home) == (flow.cn, flow.home) or also(other):
            other.care_of = care_of


def with_home_agent(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells the home agent first: right, and one more than this move needs."""
    _places(flow, care_of, flows)
    return [("HA", flow.home, care_of), (flow.cn, flow.home, care_of)]


def home_agent_alone(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells the home agent, and nobody else."""
    _places(flow, care_of, flows)
    return [("HA", flow.home, care_of)]


def every_cn(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells each correspondent node."""
    _places(flow, care_of, flows)
    return [(cn, flow.home, care_of) for cn in sorted({each.cn for each in flows})]


def everybody(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells the home agent and each correspondent node."""
    return [("HA", flow.home, care_of), *every_cn(flow, care_of, flows)]


def every_cn_of_home(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells each correspondent node that knows the home address."""
    _places(flow, care_of, flows)
    return [(cn, flow.home, care_of) for cn in sorted({each.cn for each in flows if each.home == flow.home})]


def every_cn_and_rows(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """As above, and the table agrees."""
    _places(flow, care_of, flows, lambda row: row.home == flow.home)
    return [(cn, flow.home, care_of) for cn in sorted({each.cn for each in flows if each.home == flow.home})]


def every_home(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Moves each home address that the correspondent node knows."""
    _places(flow, care_of, flows)
    return [(flow.cn, home, care_of) for home in sorted({each.home for each in flows if each.cn == flow.cn})]


def everything_at_cn(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """As above, and the table agrees."""
    _places(flow, care_of, flows, lambda row: row.cn == flow.cn)
    return [(flow.cn, home, care_of) for home in sorted({each.home for each in flows if each.cn == flow.cn})]


def all_homes_at_ha(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Moves each home address at the home agent."""
    _places(flow, care_of, flows)
    told = [("HA", home, care_of) for home in sorted({each.home for each in flows})]
    return [*told, (flow.cn, flow.home, care_of)]


def new_home(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Takes the care-of address for the home address."""
    flow.home = flow.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def fresh_home(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Gives the flow a home address of its own."""
    flow.home = f"H@{len({each.home for each in flows}) + 1}"
    flow.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def table_forgotten(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Leaves the table as it is."""
    return [(flow.cn, flow.home, care_of)]


def tells_nobody(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Changes the table alone."""
    _places(flow, care_of, flows)
    return []


def own_row_only(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Changes the flow's row alone."""
    flow.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def rows_from_here(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Changes the rows from the flow's on."""
    _places(flow, care_of, flows[flows.index(flow) :])
    return [(flow.cn, flow.home, care_of)]


def one_companion(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Changes one more row."""
    flow.care_of = care_of
    for each in flows:
        if each is not flow and (each.cn, each.home) == (flow.cn, flow.home):
            each.care_of = care_of
            break
    return [(flow.cn, flow.home, care_of)]


def primary_named(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Names the first row's home address."""
    _places(flow, care_of, flows)
    return [(flow.cn, flows[0].home, care_of)]


def first_home_named(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Names the home address of the first row to this correspondent node."""
    _places(flow, care_of, flows)
    return [(flow.cn, next(each.home for each in flows if each.cn == flow.cn), care_of)]


def old_care_of(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Tells where the flow has been."""
    old = flow.care_of
    _places(flow, care_of, flows)
    return [(flow.cn, flow.home, old)]


def rows_of_cn(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Moves all rows to this correspondent node."""
    _places(flow, care_of, flows, lambda row: row.cn == flow.cn)
    return [(flow.cn, flow.home, care_of)]


def rows_of_home(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Moves all rows of this home address."""
    _places(flow, care_of, flows, lambda row: row.home == flow.home)
    return [(flow.cn, flow.home, care_of)]


def addresses_swapped(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Has the two addresses the wrong way round."""
    _places(flow, care_of, flows)
    return [(flow.cn, care_of, flow.home)]


def one_for_each_row(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Sends an update for each row."""
    _places(flow, care_of, flows)
    return [(flow.cn, flow.home, care_of) for each in flows if (each.cn, each.home) == (flow.cn, flow.home)]


def known_already(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Sends nothing where the correspondent node knows the care-of address."""
    known = any(each.cn == flow.cn and each.care_of == care_of for each in flows)
    _places(flow, care_of, flows)
    return [] if known else [(flow.cn, flow.home, care_of)]


def never_back(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Sends nothing on the way back."""
    _places(flow, care_of, flows)
    return [(flow.cn, flow.home, care_of)] if care_of == CELL else []


MOST_ROWS = 3


@cache
def move_stories() -> list[Story]:
    """All tables of a few rows, as (letter, home address), with each move of one of them, and two moves in a row of the
    smaller ones; by how much there is to look at. Rows of three flows to one binding are among them.
    """
    lines = [(letter, home) for letter in "AB" for home in ("H@1", "H@2")]
    tables = [
        rows for count in range(1, MOST_ROWS + 1) for rows in product(lines, repeat=count)
        if rows[0][0] == "A" and (rows[0][1] == "H@1" or "H@1" in {home for _, home in rows})
    ]  # fmt: skip
    told: list[Story] = []
    for rows in tables:
        numbers = range(1, len(rows) + 1)
        told += [(rows, (f"{number} cell0",)) for number in numbers]
        if len(rows) < MOST_ROWS:
            told += [(rows, (f"{n} cell0", f"{m} {'wlan0' if m == n else 'cell0'}")) for n in numbers for m in numbers]
    return sorted(told, key=lambda story: (len(story[0]) + len(story[1]) * 2, story[1]))  # type: ignore[arg-type]


def begin_moves(start: Any, student: Student) -> Table:
    """The table at the beginning of a story: all on wlan0."""
    called = nodes(student)
    lines = [Line(number, called[letter], home, WLAN) for number, (letter, home) in enumerate(start, start=1)]
    return Table(("H@1", "H@2"), tuple(lines))


def _updates(given: Any) -> list[tuple[str, str, str]]:
    return sorted(tuple(each) for each in given or ())


def go_move(
    function: Callable[..., Any], state: Table, event: str, student: Student
) -> tuple[Table | None, Step | None]:
    """One move."""
    number, care_of = int(event.split()[0]), f"CoA {event.split()[1]}"
    due_rows, rows = state.rows(), state.rows()
    for table in (due_rows, rows):
        for key, row in table.items():
            row.number = key
    due = _updates(move(due_rows[number], care_of, list(due_rows.values())))
    line = state.line(number)
    assert line is not None
    told = f"flow {number} moves to {care_of.removeprefix('CoA ')}"
    table = "; ".join(f"{each.number}: {each}" for each in state.lines)
    given, failed, why = None, "", ""
    try:
        given = function(rows[number], care_of, list(rows.values()))
    except FunctionFailed as raised:
        failed, why = RAISED + (class_name(raised.__cause__) if raised.__cause__ else "nothing"), str(raised)
    if failed:
        row: dict[str, object] = {"event": told, "table": table, "yours": failed.removeprefix(RAISED)}
        nothing = _move_values(state, state.lines, line, care_of, [])
        return None, Step(told, None, failed, due, {**nothing, "why": why}, row)
    updates, lines = _updates(given), _lines(rows)
    counted = list(updates)
    if {("HA", line.home, care_of), (line.cn, line.home, care_of)} <= set(counted):  # a remark, and no loss
        counted.remove(("HA", line.home, care_of))
    values = _move_values(state, lines, line, care_of, updates)
    row = {"event": told, "table": table, "yours": values["updates"], "table afterwards": "; ".join(f"{each.number}: {each}" for each in lines)}
    due_values = f"{_said(due)}, and {'; '.join(f'{each.number}: {each}' for each in _lines(due_rows))}"
    got = tuple(counted), lines
    step = Step(told, tuple(updates), got, (tuple(due), _lines(due_rows)), values | {"due": due_values, "told": told}, row)
    return state._replace(lines=lines), step


def _said(updates: Sequence[Sequence[str]]) -> str:
    return "; ".join(f"to {to}: {home} is at {where}" for to, home, where in updates) or "no update"


def _move_values(
    state: Table, lines: tuple[Line, ...], line: Line, care_of: str, updates: list[tuple[str, str, str]]
) -> dict[str, Any]:
    """Return the values of a move that a feedback may quote."""
    mates = [each for each in state.lines if each[1:3] == line[1:3]]
    after = {each.number: each for each in lines}
    own = after.get(line.number, line)
    to_cn = [each for each in updates if each[0] == line.cn]
    strangers = sorted({to for to, _, _ in updates if to not in ("HA", line.cn)})
    wrong_homes = sorted({home for _, home, _ in updates if home != line.home})
    behind = [each for each in mates if after.get(each.number, each).care_of != care_of]
    extra = [each for each in state.lines if each not in mates and after.get(each.number, each)[1:] != each[1:]]
    return {
        "n": line.number, "home": line.home, "cn": line.cn, "old": line.care_of, "care_of": care_of, "updates": _said(updates),
        "rows": "; ".join(f"{each.number}: {each}" for each in state.lines), "tos": [to for to, _, _ in updates],
        "strangers": strangers, "stranger": series(strangers), "wrong_homes": wrong_homes, "wrong_home": series(wrong_homes),
        "own_home": own.home, "own_care": own.care_of, "told_home": to_cn[0][1] if to_cn else None,
        "told_care": to_cn[0][2] if to_cn else None, "times": len(to_cn), "mates": series([each.number for each in mates]),
        "n_mates": len(mates), "behind": [each.number for each in behind], "mate": behind[0].number if behind else 0,
        "mate_care": behind[0].care_of if behind else None, "extra": [each.number for each in extra],
        "extra_n": extra[0].number if extra else 0, "extra_row": f"{extra[0].home} → {extra[0].cn}" if extra else "",
        "changed": tuple(each.number for each in state.lines if after.get(each.number) != each),
        "bystander": next((each.number for each in state.lines if each.cn in strangers and each.home == line.home), 0),
    }  # fmt: skip


MOVES = Stories(
    name="handover", parameters=WAYS["handover"][0], check=WAYS["handover"][1], tell=lambda student: move_stories(),
    begin=begin_moves, go=go_move, points=8, sort=lambda step: (step.answer, step.values["changed"]),
    wrong=(
        Wrong(
            "tells the home agent alone",
            "Not yet. HA's row of {home} changed, {cn}'s did not; flow {n} still comes by {old}. HA introduces you;"
            " afterwards {cn} sends straight. Into whose row does it look?",
            (home_agent_alone,), "M18b", lambda step: step.values["tos"] == ["HA"],
        ),
        Wrong(
            "tells every correspondent",
            "Not yet. {stranger} was told of {home} as well; it does not send this flow. Either you told everybody, or all"
            " who know {home}, and what they send there jumped too. Who sends what you move?",
            (every_cn, everybody, every_cn_of_home, every_cn_and_rows), "M15",
            lambda step: bool(step.values["strangers"]), lambda steps: bool(steps[-1].values["strangers"]),
        ),
        Wrong(
            "moves the other home address too",
            "Not yet. {wrong_home} was told to somebody, and you were asked to move flow {n}, which is {home}. That is"
            " one home address too many. Which does this flow carry?",
            (every_home, everything_at_cn, all_homes_at_ha), "M13", lambda step: bool(step.values["wrong_homes"]),
        ),
        Wrong(
            "gives the flow a new name",
            "Not yet. Flow {n} was {home} and is {own_home}. A new place does bring a new address, of the other kind. TCP at"
            " {cn} resets. What must stay the same?",
            (new_home, fresh_home), "M21", lambda step: step.values["own_home"] != step.values["home"],
        ),
        Wrong(
            "the table keeps the old address",
            "Nearly. The update is right, the row still says {own_care}. Figure 4 reads it for each packet, so your two"
            " directions part. Page 13 of the patent moves a flow by changing one field. Which?",
            (table_forgotten,), None,
            lambda step: step.values["own_care"] == step.values["old"] and step.values["told_care"] == step.values["care_of"],
        ),
        Wrong(
            "tells nobody",
            "Not yet. Your table says {own_care}, but you sent no update. {cn} cannot see your table. What must it hear?",
            (tells_nobody,), None, lambda step: not step.values["tos"],
        ),
        Wrong(
            "forgets who shares the binding",
            "Nearly. Flows {mates} are all {home} at {cn}, so all of them have moved; row {mate} still says {mate_care}."
            " Which rows hang on {cn}'s one row?",
            (own_row_only, rows_from_here, one_companion), "M16",
            lambda step: step.values["n"] not in step.values["behind"] and bool(step.values["behind"]),
        ),
        Wrong(
            "names another home address",
            "Not yet. You moved flow {n} ({home}), the update says {told_home}: another flow jumped. It is the primary, or"
            " the first row's to {cn}. Whose home address belongs there?",
            (primary_named, first_home_named), None, lambda step: step.values["told_home"] != step.values["home"],
        ),
        Wrong(
            "sends the old care-of address",
            "Nearly. Right receiver, right home address, but {told_care} is where the flow is already. Perhaps you read the row"
            " before it changed. What is the news?",
            (old_care_of,), None,
            lambda step: (step.values["told_home"], step.values["told_care"]) == (step.values["home"], step.values["old"]),
        ),
        Wrong(
            "the table moves more than the update",
            "Nearly. The update moves {home} at {cn}; your table moved row {extra_n} too, {extra_row}. Same machine or same"
            " home address is not enough. What makes two flows share a row?",
            (rows_of_cn, rows_of_home), "M15", lambda step: bool(step.values["extra"]),
        ),
        Wrong(
            "the two addresses are swapped",
            "Nearly. You said “{told_home} is at {told_care}”. Which of them says who, which where?",
            (addresses_swapped,), "M14", lambda step: str(step.values["told_home"]).startswith("CoA"),
        ),
        Wrong(
            "the same update twice",
            "Nearly. Flows {mates} share one row at {cn}, and it was told {times} times. A row moves, not a flow. Does the"
            " sending stand inside the loop?",
            (one_for_each_row,), "M16", lambda step: step.values["times"] > 1,
        ),
        Wrong(
            "saves an update too many",
            "Not yet. No update left when flow {n} moved to {care_of}, and {cn}'s row of {home} still says {old}. Perhaps you"
            " send none where another flow has told {cn} of {care_of}, or none on the way back to wlan0. What does the row of"
            " {home} say?",
            (known_already, never_back), None, lambda step: not step.values["tos"],
        ),
    ),
    criteria=(
        Criterion(
            "the right receiver", 3,
            lambda step: step.values["cn"] in step.values["tos"] and not step.values["strangers"],
        ),
        Criterion(
            "the right row", 2,
            lambda step: (step.values["told_home"], step.values["told_care"], step.values["times"])
            == (step.values["home"], step.values["care_of"], 1),
        ),
        Criterion(
            "nothing else moves", 2,
            lambda step: _came(step) and not (step.values["wrong_homes"] or step.values["extra"] or step.values["strangers"]),
        ),
        Criterion("the table tells the truth", 1, lambda step: _came(step) and step.got[1] == step.due[1]),
    ),
    passed=lambda function, student: _passed_move(function, student),
    unknown="Not yet. The shortest case is below: {told}, with {rows}. You gave {updates}. Which row changes then, in which"
    " machine?",
)  # fmt: skip


for _each in (OUTGOING, INCOMING, MOVES):
    _each.kinds = _each.wrong  # a program that nobody wrote before reads of what it does in the shortest story


def _passed_move(function: Callable[..., Any], student: Student) -> str:
    step = MOVES.play(function, ((("A", "H@1"), ("A", "H@2")), ("2 cell0",)), student)[0]
    if "HA" in step.values["tos"]:
        return (
            f"Eight of eight. One more than this move needs; needed when wlan0 goes down or {step.values['cn']} has no"
            " binding."
        )
    return "Eight of eight. One message, one row, one stream."


BLOCKS = {
    "8.3": ("def handover(flow, care_of, flows):", {
        "A": "for other in flows:",
        "B": "    if other.cn == flow.cn and other.home == flow.home:",
        "C": "        other.care_of = care_of",
        "D": "    if other.cn == flow.cn:",
        "E": "    if other.home == flow.home:",
        "F": "updates = []",
        "G": "updates.append((flow.cn, flow.home, care_of))",
        "H": 'updates.append(("HA", flow.home, care_of))',
        "I": "for cn in {each.cn for each in flows}:\n    updates.append((cn, flow.home, care_of))",
        "J": "return updates",
        "K": "flow.home = care_of",
    }),
}  # fmt: skip


# --- Runs of one's own ------------------------------------------------------------------------------------------------


class Page(mf.apps.Voice):
    """A page that goes on loading: as regular as a call, under another name."""

    name = "page"


FIRST_S, APART_S, MOVED_S, AFTER_S = 2.5, 2.0, 9.0, 1.5
"""When the first flow is opened, how long after it the next one, when the video moves at the earliest, and how long a run
lasts after that, in seconds. A new home address costs one second, so flows begin two seconds apart.
"""
TOLERANCE_MS = 2


def links(student: Student) -> dict[str, mf.Link]:
    """Delays of the student's own; without a number those of Figure 2. The cellular road is always the slower one."""
    if not student.ids:
        return {}
    random = student.random("08 links")
    spans = {
        "wlan0": (6, 20, 20_000_000), "AR2-Internet": (10, 30, 10**9), "cell0": (60, 130, 6_000_000),
        "AR3-Internet": (30, 80, 10**9), "Internet-HA": (*random.choice([(6, 40), (80, 150)]), 10**9),
        "cn1": (16, 40, 10**8),
    }  # fmt: skip
    return {name: mf.Link(delay_ms=random.randrange(a, b) / 2, rate_bps=rate) for name, (a, b, rate) in spans.items()}


def opened(student: Student, own: OwnNode | None = None, **keywords: Any) -> World:
    """A call and a video with CN1, and a page with CN2, bound and on wlan0, half a second before a move; in `own` if given.
    """
    if own is not None:
        keywords |= {"assign": own.assign, "handover": own.handover}
    world = mf.figure2(seed=7, reuse_tokens=False, links=links(student), **keywords)
    if own is not None:
        own.join(world)
    world.run(FIRST_S)
    for cn, app in ((world.cn1, mf.apps.Voice()), (world.cn1, mf.apps.Video()), (world.cn2, Page())):
        world.mn.open(cn, app)
        world.run(APART_S)
    return world


@cache
def run_of(student: Student) -> World:
    """The run that a student reads from: the video moves, at a moment that leaves some of its packets on the old road."""
    random = student.random("08 moment")
    moments = [MOVED_S, *(MOVED_S + random.randrange(1, 30) / 100 for _ in range(12))]
    for moment in moments[bool(student.ids) :]:
        world = opened(student)
        world.run(moment - world.now)
        world.mn.handover(2, "cell0")
        world.run(AFTER_S)
        world.title = "The video moves: which rows change?"
        if late_of(world):
            break
    return world


def changed_s(world: World, node: str = "CN1", after_s: float = 0.0) -> float | None:
    """When the binding cache of a node changed first after the move, in seconds."""
    times = (
        one.t_ns / 1e9 for one in world.trace.records
        if isinstance(one, TableChanged) and (one.node, one.change.table) == (node, "binding cache")
    )  # fmt: skip
    begin = max(world.handovers_s()[0], after_s) if world.handovers_s() else after_s
    return next((t_s for t_s in times if t_s >= begin), None)


def arrivals(world: World, flow: int) -> list[tuple[float, str]]:
    """When packets of a flow came in at the mobile node, in seconds, and by which interface."""
    trace, found = world.trace, []
    for number, packet in enumerate(trace.packets):
        channel, arrived = trace.channels[trace.channel[number]], trace.arrived[number]
        if channel.receiver == "MN" and packet.innermost().flow == flow and arrived != LOST:
            found.append((arrived / 1e9, channel.receiver_interface))
    return found


def late_of(world: World) -> int:
    """How many packets of the video came by wlan0 after CN1's row had changed."""
    changed = changed_s(world)
    return sum(at_s > changed and by == "wlan0" for at_s, by in arrivals(world, 2)) if changed is not None else 0


def last_sent_ms(world: World, kind: type) -> float:
    """When the mobile node sent its last message of a kind, in milliseconds."""
    trace, found = world.trace, 0.0
    for number, packet in enumerate(trace.packets):
        if isinstance(packet.innermost().payload, kind) and trace.channels[trace.channel[number]].sender == "MN":
            found = max(found, trace.sent[number] / 1e6)
    return found


def asked_of(world: World) -> float:
    """Milliseconds between the last Care-of Test Init and the last Binding Update, both as they leave MN."""
    return last_sent_ms(world, BindingUpdate) - last_sent_ms(world, CareOfTestInit)


def last_token(world: World) -> str:
    """Return the kind of the token that reached the mobile node last."""
    trace, came = world.trace, dict[str, int]()
    for number, packet in enumerate(trace.packets):
        message, channel = packet.innermost().payload, trace.channels[trace.channel[number]]
        if isinstance(message, HomeTest | CareOfTest) and channel.receiver == "MN":
            kind = "HoT" if isinstance(message, HomeTest) else "CoT"
            came[kind] = max(came.get(kind, 0), trace.arrived[number])
    return max(came, key=lambda kind: came[kind])


def judge_read(given: tuple[Any, Any], student: Student) -> Verdict:
    """The wait between two messages, read off the student's own capture, and which token came last."""
    asked, last = given
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return error("asked_ms is no number; expected milliseconds, such as 123.4.")
    if last not in (None, ...) and not isinstance(last, str):
        return error('last is no word; expected "HoT" or "CoT".')
    world = run_of(student)
    due, token = asked_of(world), last_token(world)
    word = re.sub("[^A-Z]", "", "" if last in (None, ...) else last.upper()).replace("HOMETEST", "HOT").replace("CAREOFTEST", "COT")
    is_read, is_token = abs(asked - due) <= TOLERANCE_MS, word == token.upper()
    if is_read and is_token:
        return passed(5, f"Read well: {due:.1f} ms, and {token} came last. Both tests run at once, and the"
                      " update waits for the later token: the slower road alone decides.")
    if is_read and word not in ("", "HOT", "COT"):
        return wrong(f'Nearly. The time is read well. last is {shown(last)}; expected "HoT" or "CoT", the token that came last.', 4)
    if is_read:
        return wrong("Nearly. The time is read well. Which token reached MN last? An arrow is dated by its"
                     " sending; look at the moments at which both came in.", 4)
    if abs(asked * 1000 - due) <= TOLERANCE_MS:
        return wrong(f"Nearly. {asked:g} is in seconds, and the exercise asks for milliseconds.")
    round_trip = (changed_s(world) or 0) - world.handovers_s()[0]
    if abs(asked - round_trip * 1000) <= TOLERANCE_MS:
        return wrong(f"Not yet. {asked:g} ms ends when CN1's row changes. The update left MN before that: both moments are MN's.")
    return wrong(
        f"Not yet. You read {asked:g} ms. Take the last Care-of Test Init and the last Binding Update of your capture, and the"
        " moments at which they leave MN."
    )  # the token alone earns nothing: it is one of two


# --- Play, and when one update is not enough --------------------------------------------------------------------------

TROUBLES = {"none": "none", "wlan0 falls silent": "silent", "CN1 keeps no bindings": "plain"}


def moved_s(student: Student) -> float:
    """When the video moves in the student's run, in seconds; so it does in all other worlds of theirs."""
    return run_of(student).handovers_s()[0]


def troubled(student: Student, trouble: str, own: OwnNode | None = None, **keywords: Any) -> World:
    """The three flows, and a trouble that begins about half a second before the move."""
    plain = {"correspondents": {"CN1": Host}} if trouble == "plain" else {}
    world = opened(student, own, **plain, **keywords)
    if trouble == "silent":
        world.network.segments["wlan0"].configure(mf.Link(loss=1.0))
    return world.run(moved_s(student) - world.now)


class Play:
    """Move one flow after the other in one world: how many packets did it cost?"""

    def __init__(self, student: Student) -> None:
        self.student, self.world = student, None
        self.flow = ipywidgets.Dropdown(
            options=[("call", 1), ("video", 2), ("page", 3)], description="Move the", layout={"width": "14em"}
        )
        self.trouble = ipywidgets.Dropdown(options=list(TROUBLES.items()), description="Trouble", layout={"width": "23em"})
        go = button("Move it to the other network", "Moves the flow, and shows the second around it", button_style="primary")
        self.said, self.shown = ipywidgets.HTML("All three are on wlan0."), ipywidgets.Output()
        go.on_click(lambda _: self.move())
        self.trouble.observe(lambda _: self.again(), "value")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.form = frame(ipywidgets.HBox([self.flow, self.trouble, go], layout=row), self.said, self.shown)

    world: World | None

    def again(self) -> None:
        """Begin anew with another trouble."""
        self.world, self.said.value = None, "A new world: all three are on wlan0."
        show_in(self.shown)

    def move(self) -> None:
        """Move the chosen flow, and say what it cost."""
        world = self.world = self.world or troubled(self.student, self.trouble.value)
        flow = world.flows()[self.flow.value - 1]
        to = "cell0" if flow.interface == "wlan0" else "wlan0"
        lost, at_s = moved(world, flow, to)
        costs = [f"the {name} {count}" for name, count in zip(world.flow_names().values(), lost, strict=True)]
        words = f"The {flow.app.name} goes to {to}. Packets lost in this move: {', '.join(costs)}. {told_of(world, at_s)}"
        self.said.value = f"<b>{escape(words)}</b>"
        show_in(self.shown, world.animate(at_s - 0.1, at_s + 0.6))


def moved(world: World, flow: Flow, to: str) -> tuple[list[int], float]:
    """Move a flow and let a second pass; gives what each flow lost meanwhile, and when the word to move came."""
    before, at_s = [lost_of(each) for each in world.flows()], world.now
    world.mn.handover(flow, to)
    world.run(1.0)
    return [lost_of(each) - was for each, was in zip(world.flows(), before, strict=True)], at_s


def told_of(world: World, since_s: float) -> str:
    """Say to whom the mobile node sent binding updates since a moment; else which of the two tokens never came."""
    trace, names, told, came = world.trace, world.names(), list[str](), set[type]()
    for number, packet in enumerate(trace.packets):
        inner, channel = packet.innermost(), trace.channels[trace.channel[number]]
        if trace.sent[number] / 1e9 < since_s:
            continue
        if channel.sender == "MN" and isinstance(inner.payload, BindingUpdate):
            told.append(names[inner.destination])
        if channel.receiver == "MN" and trace.arrived[number] != LOST:
            came.add(type(inner.payload))
    if told:
        return f"MN sent binding updates to {series(dict.fromkeys(told))}."
    tests = {"Home Test": HomeTest in came, "Care-of Test": CareOfTest in came}
    never = " or ".join(name for name, has_come in tests.items() if not has_come)
    return f"MN sent no binding update: of its two tokens no {never} ever came."


def lost_of(flow: Flow) -> int:
    """Packets of a flow that were lost, both ways."""
    return sum(meter.lost for meter in flow.stats)


@cache
def most_lost(student: Student) -> int:
    """The most packets that one move costs the call, there and back."""
    world = troubled(student, "none")
    return max(moved(world, world.flows()[0], to)[0][0] for to in ("cell0", "wlan0"))


def judge_lost(answer: Any, student: Student) -> Verdict:
    """The most that one move cost the call, as the learner saw it; no marks."""
    if isinstance(answer, bool) or not isinstance(answer, int):
        return error("lost is no whole number; expected how many packets one move cost the call, such as 7.")
    due = most_lost(student)
    if answer == due:
        return passed(0, f"Yes, {due}, on the way back. The update takes the faster road and overtakes packets; CN1 drops what"
                      " comes from an address that no row holds any more.")  # fmt: skip
    if answer == 0 < due:
        return wrong("Not yet: there it costs nothing. Have you moved the call back, too?")
    return wrong(f"Not yet. You saw {answer}. Move the call there and back, with trouble at none, and read the line below.")


TELLS = {"CN1 alone": ("CN1",), "HA, then CN1": ("HA", "CN1")}


@cache
def after_move(student: Student, trouble: str, tells: tuple[str, ...]) -> tuple[float | None, float | None]:
    """How long after the word to move the video's row changes, at CN1 and at HA, in milliseconds; None for never."""

    def told(flow: Row, care_of: str, flows: list[Row]) -> list[tuple[Any, str, str]]:
        move(flow, care_of, flows)
        return [(to, flow.home, care_of) for to in tells]

    world = troubled(student, trouble, OwnNode(outgoing=figure4, incoming=figure5, handover=told, assign=assign))
    world.mn.handover(2, "cell0")
    world.run(2)
    begin = world.handovers_s()[0]
    times = [changed_s(world, node) for node in ("CN1", "HA")]
    cn1, home_agent = (None if t_s is None else (t_s - begin) * 1000 for t_s in times)
    return cn1, home_agent


def troubles(student: Student) -> Words:
    """A table of three troubles and two ways to tell."""

    def told(trouble: str, tells: tuple[str, ...]) -> str:
        cn1, home_agent = after_move(student, trouble, tells)
        if trouble == "plain":
            return "no row to change" if home_agent is None else f"HA's row after {home_agent:.0f} ms"
        return "never" if cn1 is None else f"CN1's row after {cn1:.0f} ms"

    rows: list[dict[str, object]] = [
        {"trouble": words, **{name: told(trouble, tells) for name, tells in TELLS.items()}}
        for words, trouble in TROUBLES.items()
    ]
    return words_of(rows=rows, caption="The video moves to cell0, in your run")


# --- The learner's phone beside ours ----------------------------------------------------------------------------------


def answers_of(names: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """The functions for the phone of a notebook: theirs where they wrote one, else ours."""
    usual: dict[str, Callable[..., Any]] = {
        "outgoing": figure4, "incoming": figure5, "handover": move, "assign": assign,
    }  # fmt: skip
    return {
        name: names[name] if callable(names.get(name)) and not is_stub(names[name]) else function
        for name, function in usual.items()
    }


def film(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """Two phones on one clock: ours, and one that runs on what the learner wrote, right or wrong."""
    if mine is None:
        return words_of("Write handover first: then your phone runs on it, beside ours.")
    written = answers_of({**notebook.names(), "handover": mine})
    theirs = [name for name in ("assign", "outgoing", "incoming", "handover") if written[name].__module__ != __name__]
    own = OwnNode(**written)
    yours, our = (troubled(student, "none", each) for each in (own, None))
    for world in (our, yours):
        world.mn.handover(2, "cell0")
        world.run(1)
    names = ("ours", f"yours, by your {series(theirs)}")
    at_s = moved_s(student)
    shown = mf.compare(our, yours, at_s - 0.1, at_s + 0.6, names=names)
    return Told(f"In your phone something failed: {own.failed}.", shown) if own.failed else shown


class Told:
    """A sentence above a picture."""

    def __init__(self, words: str, picture: Picture) -> None:
        self.words, self.picture = words, picture

    def _ipython_display_(self) -> None:
        notebook.show_words(self.words)
        self.picture._ipython_display_()

    def __repr__(self) -> str:
        return f"{self.words}\n{self.picture.describe()}"


# --- 8.5: break it ----------------------------------------------------------------------------------------------------


def dealt_friends(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow; everybody who knows its name has to hear of it."""
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    # The name is what counts: all that use it are told where it is.
    concerned = {other.cn for other in flows if other.home == flow.home}
    return [(cn, flow.home, care_of) for cn in sorted(concerned)]


def dealt_thrifty(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow, and save an update that brings no news."""
    known = {other.care_of for other in flows if other.cn == flow.cn}
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    # Who has heard of this care-of address needs no second word.
    if care_of in known:
        return []
    return [(flow.cn, flow.home, care_of)]


def dealt_first(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow, by the name that its correspondent knows."""
    names = [other.home for other in flows if other.cn == flow.cn]
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    # The correspondent got to know this node under its first name.
    return [(flow.cn, names[0], care_of)]


def dealt_homing(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow; on the way back everything is as it was."""
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    # wlan0 is where all began, so nobody needs to be told of it.
    if care_of == "CoA wlan0":
        return []
    return [(flow.cn, flow.home, care_of)]


def dealt_onward(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow, with those that came to its binding after it."""
    place = flows.index(flow)
    # Rows before this one were there first, and keep their place.
    for other in flows[place:]:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    return [(flow.cn, flow.home, care_of)]


def dealt_pair(flow, care_of, flows):  # type: ignore[no-untyped-def]
    """Move one flow, and the one that shares its binding."""
    flow.care_of = care_of
    for other in flows:
        if other is not flow and (other.cn, other.home) == (flow.cn, flow.home):
            other.care_of = care_of
            break  # found it
    return [(flow.cn, flow.home, care_of)]


DEALT: dict[Callable[..., Any], str] = {
    dealt_friends: "Both told {tos}, and nobody else. Who else could know this home address?",
    dealt_thrifty: "Does anybody hear of the same care-of address twice here?",
    dealt_first: "With whom could this flow be confused?",
    dealt_homing: "Does any flow go there and back?",
    dealt_onward: "Does anything share a row here, and which of the two moves?",
    dealt_pair: "How many flows share a row here?",
}
"""Programs to be broken, each with what to ask of a story in which it holds."""
MOST_EVENTS = 5
EVENT = re.compile(r"[ABab]|>[1-9]\d?")


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return student.dealt("08 break", DEALT)


class Played(NamedTuple):
    """The outcome of a story: the binding caches of the correspondent nodes, the table, and the updates sent."""

    caches: dict[str, dict[str, str]]
    lines: tuple[Line, ...]
    updates: list[tuple[str, str, str]]


def played(function: Callable[..., Any], events: Sequence[str]) -> Played:
    """Play a story: home addresses by Figures 5 and 6, moves by the function."""
    rows, homes, told = dict[int, Row](), ["H@1"], list[tuple[str, str, str]]()
    caches: dict[str, dict[str, str]] = {"CN1": {}, "CN2": {}}
    for event in events:
        if event[0] == ">":
            flow = rows[int(event[1:])]
            care_of = CELL if flow.care_of == WLAN else WLAN
            for to, home, where in function(flow, care_of, list(rows.values())):
                told.append((to, home, where))
                caches.setdefault(to, {})[home] = where
            continue
        cn = "CN1" if event in "Aa" else "CN2"
        home = "H@1" if event.islower() else figure6(cn, [(row.cn, row.home) for row in rows.values()], homes)
        where = next((row.care_of for row in rows.values() if (row.cn, row.home) == (cn, home)), WLAN)
        number = len(rows) + 1
        rows[number] = Row(cn, home, where)
        rows[number].number = number
        caches[cn].setdefault(home, where)
    return Played(caches, _lines(rows), told)


def first_wrong(function: Callable[..., Any], events: Sequence[str]) -> str:
    """Say where a program first does not do in a story what ours does; "" if it does throughout.

    Judged after each event: what a later move puts right has been wrong all the same.
    """
    for count in range(1, len(events) + 1):
        theirs, due = played(function, events[:count]), played(move, events[:count])
        if theirs != due:
            return f"after {events[count - 1]}, {_difference(theirs, due)}"
    return ""


def move_histories(length: int, begun: int = 0) -> Iterator[tuple[str, ...]]:
    """All stories of so many events, whose first move comes after a flow."""
    if length == 0:
        yield ()
        return
    for event in ("A", "B", "a", "b", *(f">{number}" for number in range(1, begun + 1))):
        for rest in move_histories(length - 1, begun + (event[0] != ">")):
            yield (event, *rest)


@cache
def shortest_of(program: Callable[..., Any]) -> tuple[str, ...]:
    """A shortest story in which a program goes wrong."""
    return next(
        events for length in range(1, MOST_EVENTS + 1) for events in move_histories(length)
        if first_wrong(program, events)
    )  # fmt: skip


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "A B >1 >1".')
    events = tuple(answer.replace(",", " ").split())
    strange = next((each for each in events if not EVENT.fullmatch(each)), "")
    if strange or len(events) > 20:
        return error(
            f"{strange[:10] or len(events)} in your story; expected A, B, a or b for a new flow, >2 to move flow 2, and no"
            " more than 20 events."
        )
    begun = 0
    for each in events:
        begun += each[0] != ">"
        if each[0] == ">" and int(each[1:]) > begun:
            return error(f"{each} moves a flow that is not there yet; number flows in the order in which they begin, from 1.")
    program = dealt_to(student)
    where = first_wrong(program, events)
    if not where:
        updates, story = played(move, events).updates, answer[:40]
        why = DEALT[program].format(tos=series(sorted({to for to, _, _ in updates})))
        if not updates:
            return wrong(f"In “{story}” no flow moves, so nothing is asked of it: it holds. Which flow could move there?")
        return wrong(f"In “{story}” it does what is due at each move ({_said(updates)[:120]}): it holds. {why}")
    if len(events) > len(shortest_of(program)):
        return wrong(f"It breaks: {where}. Three points. Can you tell it in fewer events?", 3)
    return passed(5, f"It breaks, and no story is shorter: {where}. The person finds a stream on another"
                      " network than they asked for.")


def _difference(theirs: Played, due: Played) -> str:
    """Say where a program went wrong."""
    for cn, rows in due.caches.items():
        for home, where in rows.items():
            had = theirs.caches.get(cn, {}).get(home)
            if had != where:
                return f"{cn}'s row of {home} says {had} where it should say {where}"
    for number, (line, right) in enumerate(zip(theirs.lines, due.lines, strict=True), 1):
        if line != right:
            return f"row {number} of MN's table says {line.care_of} where it should say {right.care_of}"
    more = [each for each in theirs.updates if each not in due.updates]
    return f"it has told {_said(more)}, and nobody there needs to hear it"


# --- 8.4: when the correspondent begins -------------------------------------------------------------------------------

SECONDS, THIRDS, FOURTHS = (
    ("a A", "a b", "a b A"), ("A a", "a a b", "A a b"), ("A A a", "a A a", "a A A"),
)  # fmt: skip


def stories_to(student: Student) -> list[str]:
    """The four stories of 8.4."""
    random = student.random("08 stories")
    dealt = [random.choice(each) for each in (SECONDS, THIRDS, FOURTHS)] if student.ids else ["a A", "A a", "A A a"]
    return ["a a", *dealt]


def along(story: str) -> list[int]:
    """The flows that move with flow 1: those of the same home address to the same correspondent node."""
    rows, homes = list[tuple[str, str]](), ["H@1"]
    for event in story.split():
        cn = f"CN{'AB'.index(event.upper()) + 1}"
        rows.append((cn, "H@1" if event.islower() else figure6(cn, rows, homes)))
    return [number for number, row in enumerate(rows, 1) if row == rows[0]]


def judge_moves(answer: Any, student: Student) -> Verdict:
    """One point for each story."""
    stories = stories_to(student)
    if not isinstance(answer, list | tuple) or len(answer) != len(stories):
        return error(f"moves is no list of {len(stories)}; expected one list of flow numbers for each story.")
    for story, each in zip(stories, answer, strict=True):
        most = len(story.split())
        strange = [n for n in each if type(n) is not int or not 1 <= n <= most] if isinstance(each, list | tuple | set) else [each]
        if strange:
            return error(f"{shown(strange[0])} for “{story}”; expected a list of its flows by their numbers, 1 to {most}, such as [1, 2].")
    given = [sorted(set(each)) for each in answer]
    right = [one == along(story) for one, story in zip(given, stories, strict=True)]
    if all(right):
        return passed(4, "Four of four: who stands in one row, moves as one.")
    place = right.index(False)
    feedback = _moves_said(stories[place], given[place])
    points = sum(right)
    if len({tuple(each) for each in given}) == 1:
        points, feedback = 0, f"{feedback} (One and the same answer for all four earns no points.)"
    return wrong(feedback, points, "M16" if len(given[place]) < len(along(stories[place])) else "M15")


def _moves_said(story: str, given: list[int]) -> str:
    events = story.split()
    if 1 not in given:
        return f"Not yet. In “{story}” flow 1 is the one that moves, so 1 is among the numbers. Who goes along?"
    if any(events[n - 1].upper() == "B" for n in given) and events[0].upper() == "A":
        return (
            f"Not yet. In “{story}” you have CN2's flow go along. The same home address, yes. But CN2 heard nothing. Whose"
            " row changed?"
        )
    if events[0] == "a" and len(given) < len(along(story)):
        return (
            f"Not yet. In “{story}” you say {given}. All callers wrote to H@1; CN1 has one row for it, which knows no calls."
            " What would tell them apart?"
        )
    if events[0] == "A" and len(given) < len(along(story)):
        return (
            f"Not yet. In “{story}” you say {given}. Your flow came first and got the idle primary; then CN1 called that very"
            " address. Why has page 13 a stricter rule?"
        )
    return (
        f"Not yet. In “{story}” you say {given}. Write the home address of each flow beside it: capitals by Figure 6, small"
        " letters at H@1. Which stand in CN1's one row with flow 1?"
    )


def wrong_calls(result: object, world: World) -> str:
    """Say what is wrong with the result of `two_calls`; empty where nothing is."""
    if isinstance(result, tuple | list) and len(result) == 2 and all(isinstance(each, Flow) for each in result):
        return "" if result[0] is not result[1] else "expected two flows, and this is one twice"
    return "expected both flows, as in `return first, second`"


def calling_world(student: Student) -> World:
    """The world of 8.4b: all is bound, nothing is opened."""
    return mf.figure2(seed=7, reuse_tokens=False, links=links(student)).run(3)


def heard_s(world: World, flow: Flow) -> float | None:
    """When the first packet of a flow that a correspondent began came in, in seconds."""
    trace = world.trace
    for number, packet in enumerate(trace.packets):
        inner, channel = packet.innermost(), trace.channels[trace.channel[number]]
        if inner.flow == flow.id and isinstance(inner.payload, UDP) and channel.receiver == "MN":
            return float(trace.arrived[number]) / 1e9
    return None


@cache
def waits_of(student: Student) -> tuple[float, float]:
    """How long a redirected caller waits, and one that knows an address that is kept already, in milliseconds."""
    waits = []
    for kept in (False, True):
        world = calling_world(student)
        if kept:
            world.mn.keep_home_address("calls", lambda flow: flow.flow_information.traits.application == "call")
            world.run(3)
        begin = world.now
        flow = world.mn.accept(world.cn1, mf.apps.Voice(), **({"to": "calls"} if kept else {"redirect": True}))
        world.mn.accept(world.cn1, mf.apps.Video())
        world.run(3)
        waits.append(((heard_s(world, flow) or begin) - begin) * 1000)
    return waits[0], waits[1]


def judge_calls(function: Any, student: Student) -> Verdict:
    """Two points where two flows that CN1 began can move alone."""
    world = calling_world(student)
    try:
        first, second = Trial("two_calls", function, "world", wrong_calls, sets_up=True)(world)
    except FunctionFailed as failed:
        return error(f"Not yet: {failed}.")
    if world.now > 60:
        return error("Not yet: your two_calls() lets a minute pass. Return both flows at once; the check runs the world.")
    world.run(4)
    by_cn1 = [
        flow for flow in (first, second)
        if flow.cn is world.cn1 and (flow.invitation is not None or not flow.entry.flow_information.traits.outgoing)
    ]  # fmt: skip
    if len(by_cn1) < 2:
        number = 1 if first not in by_cn1 else 2
        return wrong(
            f"Not yet. It moves alone, but you began flow {number}, or CN2 did. The hard case is two callers in one place.")
    if first.entry.home_address is None or second.entry.home_address is None:
        return wrong("Not yet. After four seconds one of the two has no home address: its caller never came. Who told it where?")
    gone = world.mn.handover(first, "cell0")
    if gone != [first.id]:
        return wrong(
            f"Not yet. Both still share: handover answered {gone}. If you kept an address, nobody told CN1 of it. How does a"
            " caller learn a new home address?", 0, "M16")
    kept_at = world.mn.home_addresses.kept
    for flow, words in ((first, "first"), (second, "second")):
        name = next((name for name, home in kept_at.items() if home == flow.entry.home_address), "")
        if world.mn.redirector.kept_for(flow.entry) != name:
            app = flow.entry.flow_information.traits.application
            return wrong(
                f"Nearly. It moves alone. But the {words} flow ({app}) came to “{name}”, and your is_for says that this"
                f" address is not for it. What is its flow_information.traits.application?", 1,
            )  # fmt: skip
    return passed(2, _parted(first, second, bool(kept_at), student))


def _parted(first: Flow, second: Flow, is_kept: bool, student: Student) -> str:
    """Say what parting two callers cost, by the way that was taken."""
    told = [flow for flow in (first, second) if flow.invitation is not None]
    redirected, kept = waits_of(student)
    if len(told) == 2:
        return (
            f"Alone. You redirected both, and each caller waited a second ({redirected:.0f} ms) for a home address of its own. One at"
            " H@1 and one elsewhere are parted, too. Which would you spare the wait?"
        )
    if is_kept:
        how = "its caller was redirected there" if told else "CN1 knew it from the start"
        return (
            f"Alone. You kept an address, and {how}. Once an address is kept, such a caller waits {kept:.0f} ms, a redirected"
            f" one without it {redirected:.0f}. What does keeping cost while nobody calls?"
        )
    return (
        f"Alone. You redirected the {'first' if told == [first] else 'second'} caller: it waited {redirected:.0f} ms for its"
        f" new home address; at an address that is kept it would have been {kept:.0f}. What would keeping cost?"
    )


# --- What the notebook shows ------------------------------------------------------------------------------------------


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return program(dealt_to(student), "handover")


def stories_shown(student: Student) -> Words:
    """The four stories of 8.4."""
    told = [f"{number}: {story}" for number, story in enumerate(stories_to(student), start=1)]
    lines = "".join(f"<li><code>{story}</code></li>" for story in stories_to(student))
    return Words(f"<p>Your four stories:</p><ol>{lines}</ol>", "Your four stories: " + "; ".join(told))


def _asked_back(student: Student, attempts: Attempts) -> str:
    world = run_of(student)
    changed, late = changed_s(world), late_of(world)
    assert changed is not None
    words = (
        f"In your run CN1's row changed at {changed:.3f} s, and still {late} packets of the video came by wlan0. A friend"
        " says: “So the move had not worked yet.” Answer in two or three sentences, with your numbers. What did the call do"
        " meanwhile?"
    )
    return words + then(attempts, "8.3", "which line of your handover keeps the call where it is?", "where")


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    world = run_of(student)
    changed, began = changed_s(world), world.handovers_s()[0]
    assert changed is not None
    story = stories_to(student)[-1]
    return [
        (
            _asked_back(student, attempts),
            f"The {late_of(world)} packets were under way before {changed:.3f} s, and MN still listens on wlan0. The call is"
            " H@1, another row.",
        ),
        (
            f"In your run {asked_of(world):.1f} ms passed between the Care-of Test Init and the Binding Update. Which road"
            " decided, and why not the sum of both?",
            f"{last_token(world)} came last: both tests run at once, and the update waits for the slower one. CN1's row"
            f" changed {(changed - began) * 1000:.0f} ms after the word to move.",
        ),
        (
            f"In the story “{story}” flow 1 moves. Who goes along, and how could they be parted?",
            f"{series(along(story)[1:]) if along(story)[1:] else 'Nobody'}: who has the same home address at the same"
            " correspondent node goes along. Tell one of the callers another address: a redirection, or one that is kept and"
            " known.",
        ),
    ]  # fmt: skip


# --- A capture of one's own -------------------------------------------------------------------------------------------

LEAST_PACKETS = 3
"""Flows of fewer packets share a home address in a replay."""
MOST_OCTETS, MOST_READ, LONGEST_S = 50_000_000, 20_000, 120.0
"""Of a capture: its size, the packets that are read, and how long what is read may last, in seconds."""


class Capture:
    """A learner's own capture: see its flows, and move one."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.recording: Recording | None = None
        self.upload = ipywidgets.FileUpload(accept=".pcap,.pcapng,.cap,.gz", description="Upload a capture", layout={"width": "auto"})
        self.where = ipywidgets.Text(description="or a path:", placeholder="(empty)", layout={"width": "30em"})
        self.look = button("See its flows", "Reads the capture")
        self.flow = ipywidgets.Dropdown(options=[], description="Move flow", layout={"width": "34em"})
        self.go = button("Move it to cell0", "Plays the capture, and moves this flow in its middle", disabled=True, button_style="primary")
        self.said, self.shown = ipywidgets.HTML("Nothing leaves this machine."), ipywidgets.Output()
        self.upload.observe(lambda _: self.uploaded(), "value")
        self.look.on_click(lambda _: self.read(self.where.value))
        self.go.on_click(lambda _: self.move())
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.form = frame(
            ipywidgets.HBox([self.upload, self.where, self.look], layout=row),
            ipywidgets.HBox([self.flow, self.go], layout=row), self.said, self.shown,
        )  # fmt: skip

    def uploaded(self) -> None:
        """Keep what was uploaded in a file of its own, and read it."""
        for each in self.upload.value:
            folder = Path(tempfile.mkdtemp(prefix="mipflow-"))
            path = folder / (re.sub(r"[^\w.-]", "_", str(each["name"]))[-60:] or "capture")
            path.write_bytes(bytes(each["content"]))
            self.read(str(path))

    def read(self, path: str) -> None:
        """Read a capture and show its flows, or say in a sentence why not."""
        self.recording, self.go.disabled, self.flow.options = None, True, []
        show_in(self.shown)
        if not path.strip():
            self.say("Nothing is chosen yet: upload a capture, or write the path of one, such as datasets/captures/office.pcap.")
            return
        try:
            found = _found(path)
            recording = read(found, packets=MOST_READ)
        except (MipflowError, OSError, ValueError) as failed:
            self.say(f"{failed}." if isinstance(failed, MipflowError) else f"{path[:80]} cannot be read ({failed}).")
            return
        if recording.duration_ns > LONGEST_S * 1e9:
            lasts = f"{recording.name} lasts {recording.duration_ns / 1e9:.0f} s; expected at most {LONGEST_S:.0f}"
            self.say(f"{lasts}. Cut a piece out of it with Wireshark or editcap.")
            return
        self.path, self.recording, self.go.disabled = found, recording, False
        names = [(self._named(each.number), each.number) for each in recording.flows]
        self.flow.options = names
        self.flow.value = names[0][1]
        rows: list[dict[str, object]] = [
            {
                "flow": each.number, "protocol": each.app.protocol, "from": f"{each.mobile} port {each.mobile_port}",
                "to": f"{each.remote} port {each.remote_port}", "from, s": f"{each.first_ns / 1e9:.2f}",
                "to, s": f"{each.last_ns / 1e9:.2f}", "packets": each.packets,
            }
            for each in recording.flows
        ]  # fmt: skip
        self.say(f"{recording.name}: {len(rows)} flows of {series(recording.mobile)}.")
        show_in(self.shown, html_table(rows, "Its flows"))

    def _named(self, number: int) -> str:
        assert self.recording is not None
        each = self.recording.flows[number - 1]
        return f"{number}: {each.app.protocol} to {each.remote} port {each.remote_port}"

    def say(self, words: str) -> None:
        """Show a sentence."""
        self.said.value = escape(words)

    def move(self) -> None:
        """Play the capture, move the chosen flow in its middle, and show who went along."""
        assert self.path is not None and self.recording is not None
        number, recorded = self.flow.value, self.recording.flows[self.flow.value - 1]
        self.say("Playing it ...")
        try:
            world = mf.figure2(seed=7, traffic=self.path, replay={"packets": MOST_READ, "min_packets": LEAST_PACKETS}, reuse_tokens=False)
            played = world.replay
            assert played is not None
            played.handover(number, "cell0", (recorded.first_ns + recorded.last_ns) / 2e9)
            played.run(self.recording.duration_ns / 1e9 + 1)
        except MipflowError as failed:
            self.say(f"{failed}.")
            return
        gone = played.moves[0].together if played.moves else ()
        mine = played.flows[number - 1]
        words = (
            f"Flow {number} is {world.names().get(mine.home_address, 'without home address')} to {mine.cn.name}; the move took"
            f" flow {series(gone)}{' alone' if len(gone) == 1 else ' together'}."
            if mine.home_address else f"Flow {number} got no home address."
        )
        rows: list[dict[str, object]] = [
            {
                "flow": each.id, "correspondent": each.cn.name, "home address": world.names().get(each.home_address, "none"),
                "moved": "yes" if each.id in gone else "",
            }
            for each in played.flows if each.home_address is not None
        ]  # fmt: skip
        small = [each.number for each in self.recording.flows if each.packets < LEAST_PACKETS]
        why = f"Flow {series(small)}: fewer than {LEAST_PACKETS} packets. Such flows to one correspondent share an address (page 14)."
        few = [f"<p>{why}</p>"] if len(small) > 1 else []
        self.say(words)
        show_in(self.shown, world.timeline(), html_table(rows, "Which flows share a row: the same home address and correspondent"), *few)


def _found(path: str) -> Path:
    """A capture by its path, as it is or from where the labs are."""
    here = Path(path.strip()).expanduser()
    beside = Path(__file__).resolve().parents[2] / here
    found = here if here.exists() or not beside.exists() else beside
    if not found.is_file():
        raise OSError("there is no such file")
    if found.stat().st_size > MOST_OCTETS:
        raise OSError(f"it has more than {MOST_OCTETS} octets; cut a piece out of it with Wireshark or editcap")
    return found


# --- Questions --------------------------------------------------------------------------------------------------------


def _after_change(world: World) -> float | None:
    changed = changed_s(world)
    return None if changed is None else changed + 0.2


def _asked_home(world: World) -> float | None:
    """When the home agent passed the question of the move on."""
    begin, trace = world.handovers_s()[0], world.trace
    for number, packet in enumerate(trace.packets):
        name = type(packet.innermost().payload).__name__
        if name == "HomeTestInit" and trace.channels[trace.channel[number]].sender == "HA" and trace.sent[number] / 1e9 >= begin:
            return float(trace.sent[number]) / 1e9
    return None


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "08", "MN moves the video to cell0, and tells nobody more than it must. How many of the five rows change, and why?", {
                "a": Answer(
                    "Three: all rows of H@2, for a home address is in one place only.",
                    "It can be in two places: at cell0 for CN1, at wlan0 for CN2. Each believes its own row. At {at} the page"
                    " has not stirred.", "M15", _after_change),
                "b": Answer(
                    "Two: CN1's row of H@2, and the home agent's, which must agree first.",
                    "The home agent helped: one question went through it at {at}. But its own rows never changed, and it was"
                    " not asked whether MN may.", "M18b", _asked_home),
                "c": Answer(
                    "Two: both rows of CN1, which now knows MN by its cellular address.",
                    "CN1 does not file by phone but by home address: two names, two rows. Watch row H@1 at {at}: it stays.",
                    "M13", changed_s),
                "d": Answer(
                    "One: CN1's row of H@2. Nobody else sends the video.", "So it was: one row, at {at}.", None, changed_s),
            }),
        Question(
            "08-exit", "Call → CN1 as H@1, film → CN1 as H@2, file → CN2 as H@1, all well on wlan0. You move the call to"
            " cell0. What do you send?", {
                "a": Answer(
                    "H@1 at cell0, to HA, CN1 and CN2", "Then the file jumps too: CN2 believed you. Who sends the call?",
                    "M15"),
                "b": Answer(
                    "To CN1, a new home address from the cellular network",
                    "That is a place, not a name: CN1 does not know who speaks.", "M21"),
                "c": Answer(
                    "To CN1, H@1 at cell0, with the call's ports",
                    "A row has no column for ports, and needs none: the film is H@2.", "M16"),
                "d": Answer("To CN1, H@1 at cell0", "Yes. Even the file stays, for its row is CN2's."),
            }, is_last=True),
    )
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "play": lambda student: Play(student).form, "run": run_of, "troubles": troubles, "dealt": dealt,
    "explain": explains("8.3", _asked_back, "8.R"),
    "stories": stories_shown, "capture": lambda student: Capture().form,
}  # fmt: skip
"""The pieces that a notebook shows by `part("08", name)`."""

HINTS_81 = (
    "Both figures ask one question in the middle. Which, and of whom?",
    "What is done for every packet, and what only for the first of a flow?",
    "No row of this number: make one. Then, out of the if: down, read the row; up, hand up. Which address did the caller"
    " write?",
)
HINTS_83 = (
    "Who puts the video's packets on a road? Into whose row does that machine look?",
    "CN1 finds a row by home address. Which rows of your table hang on that one row?",
    "Same correspondent and same home address: those rows learn the new place. However many they are, how many updates leave?",
)


def _is_unwritten(words: object) -> bool:
    return words is None or words is ... or words in ("", "...")


EXERCISES = [
    Exercise(number="8.0", answer="lost", points=0, judge=judge_lost),
    Exercise(number="8.1", answer="outgoing", points=3, judge=OUTGOING, hints=HINTS_81),
    Exercise(number="8.2", answer="incoming", points=3, judge=INCOMING, hints=HINTS_81),
    Exercise(number="8.3", answer="handover", points=8, judge=MOVES, hints=HINTS_83, film=film),
    Exercise(
        number="8.R", answer="asked_ms", also=("last",), points=5, judge=judge_read,
        is_empty=lambda given: given[0] is None or given[0] is ...,
    ),
    Exercise(
        number="8.4", answer="moves", points=4, judge=judge_moves,
        is_empty=lambda moves: moves is None or (isinstance(moves, list | tuple) and not any(moves)),
    ),
    Exercise(number="8.4b", answer="two_calls", points=2, judge=judge_calls),
    Exercise(number="8.5", answer="story", points=5, judge=judge_story, is_empty=_is_unwritten),
]  # fmt: skip
