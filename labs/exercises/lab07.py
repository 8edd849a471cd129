"""Lab 07, Figure 6: its stories, wrong versions and what is said of each, questions, blocks, and the run to read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/07_figure_six.py. Letters in stories are new flows, A to the first correspondent node and so on; "-2" ends
flow 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course.exercises.checks import TRIES, steps_of
from mipflow.course.exercises.exercise import MOST_WORDS, Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.in_node import PARAMETERS, FlowRow, Fresh, InNode, Own, wrong_name
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.course.progress import progress
from mipflow.course.slides import Slide, Slides
from mipflow.errors import shown
from mipflow.flow.applications.flows import Flow
from mipflow.flow.redirector import DataFlowRedirector
from mipflow.lab.panels.panel import button
from mipflow.lab.world import World
from mipflow.sim.trace import TableChanged
from mipflow.view.drawing.picture import html_table
from mipflow.view.story.words import count, series
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate
from mipflow.wire.packet import DestinationOptions

MOST_EVENTS = 6
NODES = ("CN1", "CN2", "CN3")
PORTS = (80, 443, 443, 80)
"""Ports of flows, in turn: some flows to one correspondent have the same, and not every other one."""
TOLERANCE_MS = 2
"""How near an answer has to be to what the packets say."""
MOST_WAIT_MS = 30
"""How long a packet of a run waits at most between Internet and home agent."""
DRAWS = 20
NO_FLOW = {"IndexError", "StopIteration", "UnboundLocalError", "ValueError", "AttributeError", "TypeError", "KeyError"}
"""How a program stumbles that compares with the first flow of an address that has none."""


REMEMBERS = (
    "Not yet. In one and the same situation your function gave {first}, and later {then}: it keeps something from call"
    " to call, or draws lots. A record of your own does not hear which flows have ended. What counts now stands in the"
    " arguments."
)
"""Said of a function that answers one question in two ways."""


# --- Figure 6, and programs that are not ------------------------------------------------------------------------------


def _taken(home: str, flow: FlowRow, flows: Sequence[FlowRow]) -> bool:
    return any(other.home == home and other.cn == flow.cn for other in flows)


@ours
def figure6(flow: FlowRow, homes: list[str], flows: list[FlowRow], allocate: Callable[[], str]) -> str:
    """Figure 6: the last home address that has no flow to the same correspondent node, else a new one."""
    for home in reversed(homes):
        if not _taken(home, flow, flows):
            return home
    homes.append(allocate())
    return homes[-1]


def _at(home: str, flows: Sequence[FlowRow]) -> list[FlowRow]:
    return [other for other in flows if other.home == home]


def _new(homes: list[str], allocate: Callable[[], str]) -> str:
    homes.append(allocate())
    return homes[-1]


def _first_that(free: Callable[[str, FlowRow, list[FlowRow]], bool], last_first: bool = True) -> Callable[..., str]:
    """A program that takes the first address that it holds to be free."""

    def assign(flow: FlowRow, homes: list[str], flows: list[FlowRow], allocate: Callable[[], str]) -> str:
        for home in homes[:: -1 if last_first else 1]:
            if free(home, flow, flows):
                return home
        return _new(homes, allocate)

    return assign


primary_first = _first_that(lambda home, flow, flows: not _taken(home, flow, flows), last_first=False)
stumbles = _first_that(lambda home, flow, flows: _at(home, flows)[0].cn != flow.cn)
idle_is_taken = _first_that(lambda home, flow, flows: bool(_at(home, flows)) and not _taken(home, flow, flows))
looks_at_the_first = _first_that(lambda home, flow, flows: not _at(home, flows) or _at(home, flows)[0].cn != flow.cn)
looks_at_the_last = _first_that(lambda home, flow, flows: not _at(home, flows) or _at(home, flows)[-1].cn != flow.cn)
some_differs = _first_that(
    lambda home, flow, flows: not _at(home, flows) or any(other.cn != flow.cn for other in _at(home, flows))
)
never_taken = _first_that(lambda home, flow, flows: True)
compares_ports = _first_that(
    lambda home, flow, flows: not any(each.cn == flow.cn and each.port == flow.port for each in _at(home, flows))
)
one_for_each = _first_that(lambda home, flow, flows: not _at(home, flows))
idle_is_taken_but_first = _first_that(
    lambda home, flow, flows: not flows or (bool(_at(home, flows)) and not _taken(home, flow, flows))
)
blind_to_the_latest = _first_that(lambda home, flow, flows: not _taken(home, flow, flows[:-1]))
the_latest_decides = _first_that(lambda home, flow, flows: not _taken(home, flow, flows[-1:]))
the_oldest_decides = _first_that(lambda home, flow, flows: not _taken(home, flow, flows[:1]))
friends_together = _first_that(lambda home, flow, flows: all(other.cn == flow.cn for other in _at(home, flows)))
friends_only = _first_that(_taken)
friends_first = _first_that(lambda home, flow, flows: not _at(home, flows) or _taken(home, flow, flows))


def always_the_primary(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The first of the list, whatever runs."""
    return homes[0]


def always_new(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """A new address for every flow."""
    return _new(homes, allocate)


def always_new_but_first(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The primary for the very first flow, and a new address for every other."""
    return _new(homes, allocate) if flows else homes[0]


def strict(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Never the primary (page 13)."""
    for home in reversed(homes[1:]):
        if not _taken(home, flow, flows):
            return home
    return _new(homes, allocate)


def strict_once_there_are_two(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The primary only while it stands alone."""
    for home in reversed(homes[1:] or homes):
        if not _taken(home, flow, flows):
            return home
    return _new(homes, allocate)


def strict_but_for_the_first(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The primary for the very first flow alone."""
    for home in reversed(homes[1:] if flows else homes):
        if not _taken(home, flow, flows):
            return home
    return _new(homes, allocate)


def leaves_out_the_last(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Begins one too far up."""
    for home in reversed(homes[:-1]):
        if not _taken(home, flow, flows):
            return home
    return _new(homes, allocate)


def climbs_from_a_friend(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Begins above the highest address that a flow to this correspondent has."""
    there = [homes.index(other.home) for other in flows if other.cn == flow.cn]
    above = min(there, default=len(homes))
    return homes[above - 1] if above else _new(homes, allocate)


def climbs_from_the_lowest_friend(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Begins above the lowest address that a flow to this correspondent has."""
    there = [homes.index(other.home) for other in flows if other.cn == flow.cn]
    for home in reversed(homes[: max(there, default=len(homes))]):
        if not _taken(home, flow, flows):
            return home
    return _new(homes, allocate)


def anywhere_new(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """A flow to this correspondent anywhere: a new address."""
    if any(other.cn == flow.cn for other in flows):
        return _new(homes, allocate)
    return homes[-1]


def gives_up(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Looks at the last address alone."""
    return homes[-1] if not _taken(homes[-1], flow, flows) else _new(homes, allocate)


def not_written(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Right, but the new address is not in the list."""
    return next((home for home in reversed(homes) if not _taken(home, flow, flows)), None) or allocate()


def in_front(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Right, but the new address stands first."""
    found = next((home for home in reversed(homes) if not _taken(home, flow, flows)), None)
    if found is None:
        found = allocate()
        homes.insert(0, found)
    return found


def asks_first(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """Asks for a new address, then looks."""
    fresh = allocate()
    for home in reversed(homes):
        if not _taken(home, flow, flows):
            return home
    homes.append(fresh)
    return fresh


def dealt_counting(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The home address of a new flow, by counting those to its correspondent."""
    same = [other for other in flows if other.cn == flow.cn]
    # As many flows there, as many addresses are taken.
    if len(same) < len(homes):
        return homes[len(homes) - 1 - len(same)]
    homes.append(allocate())
    return homes[-1]


# --- Stories ----------------------------------------------------------------------------------------------------------

Story = tuple[tuple[str, ...], tuple[str, ...]]
"""The home addresses at the beginning, and the events."""


def histories(most: int, running: tuple[int, ...] = (), begun: int = 0, letters: int = 0) -> Iterator[tuple[str, ...]]:
    """All histories of at most so many events; the first correspondent node is always A, the second B."""
    yield ()
    if most == 0:
        return
    for letter in range(min(letters + 1, len(NODES))):
        for rest in histories(most - 1, (*running, begun + 1), begun + 1, max(letters, letter + 1)):
            yield ("ABC"[letter], *rest)
    for number in running:
        left = tuple(each for each in running if each != number)
        for rest in histories(most - 1, left, begun, letters):
            yield (f"-{number}", *rest)


@cache
def stories(ends: bool = False) -> list[Story]:
    """All stories in order of length, and a few that begin with an idle second address. `ends`: those with an end."""
    told = sorted(filter(None, histories(MOST_EVENTS)), key=len)
    if ends:
        return [(("H@1",), each) for each in told if each[-1].startswith("-")]
    idle = [(("H@1", "H@2"), each) for each in told if len(each) <= 2 and each[-1] in "ABC"]
    return sorted([*((("H@1",), each) for each in told), *idle], key=lambda story: len(story[1]))


def nodes(student: Student) -> dict[str, str]:
    """Letters to correspondent nodes, by the student's number."""
    return dict(zip("ABC", student.random("07 nodes").sample(NODES, len(NODES)), strict=True))


def _row(words: Sequence[object]) -> str:
    return ", ".join(map(str, words)) or "none"


def _text(homes: Sequence[str]) -> str:
    """A list as the learner writes it."""
    return json.dumps(list(homes))


class State(NamedTuple):
    """The state of a story: the list, the names that were given, the flows that run, how many began, what ended."""

    homes: tuple[str, ...]
    given: tuple[str, ...]
    flows: tuple[FlowRow, ...] = ()
    begun: int = 0
    ended: str = ""

    def next(self, event: str, student: Student) -> FlowRow:
        """The flow that begins."""
        return FlowRow(self.begun + 1, nodes(student)[event], None, PORTS[self.begun % len(PORTS)])


def begin(start: Any, student: Student) -> State:
    """The state at the beginning of a story; the primary was never asked for."""
    return State(start, start)


def go_assign(
    function: Callable[..., Any], state: State, event: str, student: Student
) -> tuple[State | None, Step | None]:
    """One event; a flow that begins is a step."""
    if event.startswith("-"):
        left = tuple(each for each in state.flows if each.number != int(event[1:]))
        return state._replace(flows=left, ended=f"{state.ended}flow {event[1:]} ends; "), None
    flow, flows = state.next(event, student), list(state.flows)
    due_homes, due_fresh, homes, fresh = Own(state.homes), Fresh(state.given), Own(state.homes), Fresh(state.given)
    home = figure6(flow, due_homes, flows, due_fresh)
    due = home, tuple(due_homes), len(due_fresh.given), True
    mine = Own(flows)
    answer, failed, why = outcome(function, flow, homes, mine, fresh)
    told = f"{state.ended}flow {flow.number} to {flow.cn} begins"
    row = {
        "event": told,
        "homes": _row(state.homes),
        "flows": _row(flows),
        "yours": answer or ("no answer" if failed.endswith(" nothing") else failed or "None"),
    }
    if not all(type(each) is str for each in homes):
        why = why or f"your assign() left {shown(list(homes))} in homes; expected home addresses, as words"
        failed, homes = failed or RAISED + "another list", Own(state.homes)
    values = _values(state, flow, answer, homes, fresh) | {"due": home, "why": why, "changed": mine.changed(_to)}
    if failed:
        return None, Step(told, None, failed, due, {**values, "got": failed.removeprefix(RAISED)}, row)
    row["homes afterwards"] = _row(homes)
    # Who gave nothing is taken at what they asked for, or was due: what comes after is theirs again.
    meant = answer or (fresh.given[-1] if values["asked"] else home)
    after = State(tuple(homes), tuple(fresh.given), (*flows, flow.at(meant)), flow.number)
    step = Step(told, answer, (answer, after.homes, len(fresh.given), mine == flows), due, values, row)
    return after if homes else None, step  # without any address no story goes on


def wrong_answer(result: object, *given: Any) -> str:
    """Say what is wrong with a result; None has its own words (`_nothing`)."""
    return "" if result is None else wrong_name(result, *given)


def _values(state: State, flow: FlowRow, got: Any, homes: Own[str], fresh: Fresh) -> dict[str, Any]:
    """Return the values of a step that a feedback may quote."""
    flows, there = state.flows, _at(got, state.flows)
    same = next((other for other in there if other.cn == flow.cn), None)
    free = [home for home in state.homes if not _taken(home, flow, flows)]
    return {
        "event": flow, "n": flow.number, "cn": flow.cn, "port": flow.port, "flows": flows, "homes": list(state.homes),
        "got": got, "had": _text(state.homes), "after": _text(homes), "free": free, "either": series(free, "or"), "last": state.homes[-1],
        "is_new": got is not None and got not in state.homes, "asked": len(fresh.given) - len(state.given),
        "there": there, "same": same, "carried": series(list(map(_to, there))), "equal": _to(same) if same else "",
        "other": same.number if same else 0, "port_other": same.port if same else 0,
        "differs": next((_to(other) for other in there if other.cn != flow.cn), ""),
        "fault": _fault(same, free, got, state.homes),
        "elsewhere": next((str(other.home) for other in flows if other.cn == flow.cn), ""),
    }  # fmt: skip


def _fault(same: FlowRow | None, free: Sequence[str], got: Any, homes: Sequence[str]) -> str:
    """Why a choice is not what is due, in half a sentence."""
    if same is not None:
        return f"where {_to(same)} is already"
    return f"though {series(free, 'or')} was free" if got not in homes else f"while {series(free)} were free"


def _to(flow: FlowRow) -> str:
    return f"flow {flow.number} to {flow.cn}"


# --- 7.3: what is said of a program -----------------------------------------------------------------------------------


def _clash(step: Step) -> bool:
    """An address that a flow to the same correspondent has."""
    return step.values["same"] is not None


def _asked_in_vain(step: Step) -> bool:
    return bool(step.values["is_new"]) and bool(step.values["free"])


def _after(step: Step) -> tuple[Any, ...]:
    """The list of home addresses after a step; empty where the function came to no answer."""
    found: tuple[Any, ...] = step.got[1] if isinstance(step.got, tuple) else ()
    return found


def _is_in_vain(step: Step) -> bool:
    """Was an address asked for, and one that was free given all the same?"""
    return step.values["asked"] == 1 and step.answer in step.values["free"]


def _is_rightly_new(step: Step) -> bool:
    return bool(step.values["is_new"]) and step.answer == step.values["due"]


def _is_rearranged(step: Step) -> bool:
    before, after = step.values["homes"], _after(step)
    return isinstance(step.got, tuple) and list(dict.fromkeys(home for home in after if home in before)) != before


def _is_doubled(step: Step) -> bool:
    return any(_after(step).count(home) > 1 for home in (*step.values["homes"], step.answer))


def _is_stumbling(steps: Sequence[Step]) -> bool:
    got = steps[-1].got
    is_idle = not any(flow.home == home for home in steps[-1].values["homes"] for flow in steps[-1].values["flows"])
    words = str(steps[-1].values["why"])
    in_none = "NoneType" in words or not str(got).endswith(("AttributeError", "TypeError"))
    return len(steps) == 1 and is_idle and str(got).removeprefix(RAISED) in NO_FLOW and in_none


def _is_stopped(step: Step) -> bool:
    return str(step.got).removeprefix(RAISED) in NO_FLOW and "NoneType" not in str(step.values["why"])


WRONG = (
    Wrong(
        "stumbles over an address without flows",
        "Not yet. The very first flow found {got}: H@1 has no flow to compare with. You followed the figure to the letter,"
        " and the figure forgets this case. An address that nobody uses: is it taken?",
        is_it=_is_stumbling,
    ),
    Wrong(
        "stops where all are taken",
        "Not yet. For flow {n} to {cn} {why}. All were taken then: your climb goes on where nothing is left. How"
        " does your program notice that it has touched every address?",
        is_it=lambda steps: _is_stopped(steps[-1]) and bool(steps[-1].values["flows"]) and not steps[-1].values["free"],
    ),
    Wrong(
        "gives a place",
        "Not yet. For flow {n} to {cn} {why}. A number is a place in the list, or a count; the node wants the home address"
        " itself, a word such as {last}. Which address did you mean by it?",
        is_it=lambda steps: bool(re.search(r"\bgave (-?\d|True|False)", str(steps[-1].values["why"]))),
    ),
    Wrong(
        "never takes an idle address",
        "Not yet. Flow {n} got {got}, though {due} carries nothing. An address without flows never counts as free for"
        " you: perhaps you ask for some flow that fits, and among none there is none. What has an idle address that"
        " forbids it?",
        (idle_is_taken, idle_is_taken_but_first), None,
        lambda step: _asked_in_vain(step) and not _at(step.values["due"], step.values["flows"]),
    ),
    Wrong(
        "never the primary",
        "Not yet. Flow {n} got {got}, though {due}, the primary, was free. In no story do you ever give it: either your"
        " climb ends one address too early, or you spare the primary, which is page 13's stricter rule. Last is not never."
        " Where does your climb end?",
        (strict,), None, _asked_in_vain,
    ),
    Wrong(
        "primary first",
        "Not yet. Flow {n} to {cn} could have {either}; you gave it {got}. “Search the list” on page 12 allows that. Figure"
        " 6 begins with the last, so that the primary stays free. Which end do you start from?",
        (primary_first,), "M27", lambda step: step.values["free"][:1] == [step.answer],
    ),
    Wrong(
        "lets the first flow decide",
        "Not yet. {got} carries {carried}; you gave it flow {n} to {cn} too. The oldest flow alone decided: perhaps you"
        " answer once one flow looks harmless, or look at no other. How many flows must agree? Step 44 is the place.",
        (looks_at_the_first, the_oldest_decides), None, _clash,
    ),
    Wrong(
        "lets the last flow decide",
        "Not yet. {got} carries {carried}; you gave it flow {n} to {cn} too. The newest flow alone decided: either you look"
        " at no other, or a later flow took back what an earlier one had found. {equal} was found, and then?",
        (looks_at_the_last, the_latest_decides), None, _clash,
    ),
    Wrong(
        "enough that some flow differs",
        "Not yet. Flow {n} to {cn} got {got}, where {differs} differs from it and {equal} does not. One that differs is no"
        " permission: one that is equal is a veto. Which word is in your test, any or all?",
        (some_differs,), None, _clash,
    ),
    Wrong(
        "always the primary",
        "Not yet. Flows {other} and {n} both go to {cn} and both got {got}. Either you never leave the first address, or"
        " your test never says “taken”: whose .home and .cn do you compare? In {cn} both sit in one row: move one, and the other goes with it.",
        (always_the_primary, never_taken), None,
        lambda step: _clash(step) and step.answer in (step.values["homes"][0], step.values["last"]),
    ),
    Wrong(
        "compares ports as well",
        "Not yet. Flows {other} and {n} go to {cn}, ports {port_other} and {port}, and both got {got}. Two conversations,"
        " yes. But look into {cn}'s binding cache: is there a column for ports? What exactly would one update move?",
        (compares_ports,), "M16", lambda step: _clash(step) and step.values["port_other"] != step.values["port"],
    ),
    Wrong(
        "a new one for every flow",
        "Not yet. Flow {n} to {cn} got {got} while {due} had nothing with {cn}. It is right to keep flows apart, but each address"
        " costs a second and bindings to keep alive. When can two flows share one and still move alone?",
        (always_new, always_new_but_first), "M23a", _asked_in_vain,
    ),
    Wrong(
        "any flow makes it taken",
        "Not yet. Flow {n} to {cn} got {got}, while {due} had flows, but none to {cn}. Either one flow at an address is enough"
        " for you, or your test always holds: does a loop of yours take the name flow? Then flow.cn is"
        " compared with itself. When can two flows share an address and still move alone?",
        (one_for_each,), "M23a", lambda step: _asked_in_vain(step) and bool(_at(step.values["due"], step.values["flows"])),
    ),
    Wrong(
        "one address per correspondent",
        "Not yet. Flow {n} to {cn} got {got} because flow {other} to {cn} has it. Keeping friends together is the opposite"
        " of what we need: those two are exactly the ones that one binding would tie. Turn the test round.",
        (friends_together, friends_first, friends_only), "M23b", _clash,
    ),
    Wrong(
        "a flow to this CN anywhere: new",
        "Not yet. For flow {n} to {cn} you asked for {got}. True, {cn} has a flow, but at {elsewhere}; {due} has none. Do"
        " you look at all flows at once, or at those of the address under your finger?",
        (anywhere_new,), None, lambda step: _asked_in_vain(step) and bool(step.values["elsewhere"]),
    ),
    Wrong(
        "gives up after the last address",
        "Not yet. Flow {n} to {cn} got {got} although {due} was free for it. You tried {last} and asked for a new one at"
        " once. Either your “none left” stands inside the climbing, or what you noted of {last} still holds one further up.",
        (gives_up,), None, _asked_in_vain,
    ),
    Wrong(
        "the primary only while it is alone",
        "Not yet. Flow {n} to {cn} got {got} although {due}, the primary, was free for it. Last does not mean never: that"
        " is page 13's stricter rule. It stays free as long as another will do. Where does your climb end?",
        (strict_once_there_are_two, strict_but_for_the_first), None, _asked_in_vain,
    ),
    Wrong(
        "leaves out the last",
        "Not yet. Flow {n} to {cn} got {got} although {due}, the last of {had}, was free for it. Your finger begins one"
        " address too far up, or the last one never counts. At which place does a list of one begin?",
        (leaves_out_the_last,), None, _asked_in_vain,
    ),
    Wrong(
        "climbs from where the correspondent is",
        "Not yet. Flow {n} to {cn} got {got} although {due} was free for it. {cn} has a flow at {elsewhere}, and you began"
        " to climb there: what stands behind it in the list, you never touched. Where does the figure put your finger first?",
        (climbs_from_a_friend, climbs_from_the_lowest_friend), None, _asked_in_vain,
    ),
    Wrong(
        "does not see the latest flow",
        "Not yet. Flow {other} to {cn} runs at {got}, and you gave flow {n} to {cn} the same. You looked at all flows but"
        " the last of them. Perhaps you took it for the new one: that is not in flows yet. Whom do you leave out?",
        (blind_to_the_latest,), None, _clash,
    ),
    Wrong(
        "counts flows",
        "Not yet. Flow {n} to {cn} got {got}, {fault}. All your answers look as if you counted the flows to the CN, and"
        " climbed so many places from the last. That goes well while nobody ends and all stand in order. Which flow sits"
        " where? Only .home says so.",
        (dealt_counting,), None,
    ),
    Wrong(
        "writes into a flow",
        "Not yet: for flow {n} {why}. The node enters the address and the flow in its table itself (step 39). So neither"
        " write into a flow, nor put one into flows. What is left for you to do?",
        is_it=lambda steps: "cannot be changed here" in str(steps[-1].values["why"]),
    ),
    Wrong(
        "changes flows",
        "Not yet. When flow {n} to {cn} began, your function changed flows: {changed}. The node enters flows (step 39) and"
        " takes them out itself, and what you change there misleads the next climb. Which of your lines touches flows, other"
        " than to look?",
        is_it=lambda steps: isinstance(steps[-1].got, tuple) and not steps[-1].got[3],
    ),
    Wrong(
        "changes the list while it looks",
        "Not yet. homes was {had}, and after flow {n} it is {after}: your search itself changed the list, and every later"
        " climb takes another way. Some words only look at a list from its end; others turn it round or take out of it.",
        is_it=lambda steps: _is_rearranged(steps[-1]),
    ),
    Wrong(
        "asks at each address",
        "Not yet. For flow {n} to {cn} you called allocate() {asked} times, and {asked} addresses were taken: you ask at each"
        " one that is, on your way up. Each call is a new address and a second of checking. When do you know that none is"
        " left?",
        is_it=lambda steps: 1 < steps[-1].values["asked"] == len(steps[-1].values["homes"]) - len(steps[-1].values["free"]),
    ),
    Wrong(
        "asks twice",
        "Not yet. For flow {n} you called allocate() {asked} times. Each call is a new address and a second of checking; the"
        " list has {after}, and the flow got {got}. How do you keep what one call gave you?",
        is_it=lambda steps: steps[-1].values["asked"] > 1,
    ),
    Wrong(
        "writes it down twice",
        "Nearly. Flow {n} got {got}, but the list reads {after} now: one address stands there twice. The climb will look at"
        " it twice, and no end of a flow clears both. Which addresses are not in the list yet?",
        is_it=lambda steps: _is_doubled(steps[-1]),
    ),
    Wrong(
        "does not write it down",
        "Nearly. Flow {n} got {got}, and that is right. But homes is still {after}: nobody will find {got} again. Every"
        " further flow to {cn} waits a second again. Who writes into the list?",
        (not_written,), is_it=lambda steps: _is_rightly_new(steps[-1]) and steps[-1].answer not in _after(steps[-1]),
    ),
    Wrong(
        "writes it in front",
        "Nearly. The address is right, the list now reads {after}. The first place is the primary's. From now on your"
        " climb ends at the wrong address. (In a list of one, “before the last” is in front.) Where do newcomers stand?",
        (in_front,), is_it=lambda steps: _is_rightly_new(steps[-1]) and _after(steps[-1])[:1] == (steps[-1].answer,),
    ),
    Wrong(
        "writes it in between",
        "Nearly. Flow {n} got {got}, and that is right. But the list reads {after} now: the newcomer is not at its end, and"
        " your climb begins elsewhere from now on. Where do newcomers stand?",
        is_it=lambda steps: _is_rightly_new(steps[-1]) and steps[-1].answer in _after(steps[-1])[1:-1],
    ),
    Wrong(
        "asks, and gives another",
        "Not yet. For flow {n} to {cn} all were taken; you asked for a new address, as is due, and then gave {got}, where"
        " {equal} is. The list is {after} now. What allocate() gives, where does it go in your program?",
        is_it=lambda steps: steps[-1].values["asked"] == 1 and not steps[-1].values["free"] and _clash(steps[-1]),
    ),
    Wrong(
        "writes down what nobody gets",
        "Not yet. You called allocate() for flow {n}, wrote the fresh address down, and gave {got}. homes is {after} now, and"
        " grows though {got} was free. Each address costs a second and bindings. When do you know that you need one?",
        is_it=lambda steps: _is_in_vain(steps[-1]) and len(_after(steps[-1])) > len(steps[-1].values["homes"]),
    ),
    Wrong(
        "asks first, looks later",
        "Nearly. You called allocate() for flow {n}, and then gave it {got}. The fresh address is lost, and a real network"
        " spent a second checking it. When do you know that you need one?",
        (asks_first,), is_it=lambda steps: _is_in_vain(steps[-1]),
    ),
)  # fmt: skip


NEED, LAST, SEES, NEW, LIST = PARTS_OF_73 = (
    "spends no address without need", "last first", "sees every flow that is in the way", "a new one when all are taken",
    "writes it down",
)  # fmt: skip


def _costs(step: Step) -> str:
    """The part of the points that a step costs: that of the first thing that goes wrong in it."""
    values, got = step.values, step.answer
    if got is None:
        return NEED if values["free"] else NEW
    if _clash(step):  # seen to be taken, where a new one was asked for
        is_end = not values["free"] and (values["asked"] or len(values["there"]) == 1)
        return NEW if is_end else SEES
    if values["asked"] > (not values["free"]):
        return NEED
    if got != values["due"]:
        return LAST
    return LIST if _after(step) != step.due[1] else ""


def _shows(step: Step) -> Iterator[str]:
    """The parts of the points that a step does right."""
    values, got, homes, after = step.values, step.answer, step.values["homes"], list(_after(step))
    free, asked, is_new = values["free"], values["asked"], values["is_new"]
    among = [_at(home, values["flows"]) for home in homes]
    if got in free and not asked:
        yield NEED
    if len(free) > 1 and got == values["due"]:
        yield LAST
    is_seen = got == values["due"] or (is_new and not free)
    if is_seen and any(len(at) > 1 and any(each.cn == values["cn"] for each in at) for at in among):
        yield SEES
    if is_new and asked:
        yield NEW
    if asked == 1 and after[:-1] == homes:
        yield LIST


def _part(words: str, points: int) -> Criterion:
    """A part of the points, which is lost by its own mistakes alone."""
    return Criterion(words, points, lambda step: False if _costs(step) == words else words in _shows(step) or None)


CRITERIA = tuple(map(_part, PARTS_OF_73, (2, 2, 3, 2, 1)))


def _served(function: Callable[..., Any], student: Student) -> str:
    steps = told(function, (*trace_of(student), "A"), student)
    shared = f"{len(steps[-1].got[1])} addresses"
    return (
        f"Ten of ten. Your six flows of 7.2, and one more to {steps[-1].values['cn']}, get by with {shared}. Could anybody"
        " do it with fewer?"
    )


KINDS = (
    Wrong(
        "an address that a flow to the same correspondent has",
        "Not yet. Flow {n} to {cn} got {got}, where {equal} is already. In {cn} both sit in one row: move one, and the other"
        " goes with it. Go through the story below: by which test did {equal} escape you?",
        shows=_clash,
    ),
    Wrong(
        "a new address in vain",
        "Not yet. Flow {n} to {cn} got the new {got}, though {either} had nothing with {cn}. A new one is for when all are"
        " taken. Go through the story below, finger on the table: why did you refuse {due}?",
        shows=_asked_in_vain,
    ),
    Wrong(
        "another of those that are free",
        "Not yet. Flow {n} to {cn} could have {either}; you gave it {got}. Figure 6 looks from the last of the list up, and"
        " takes the first that has nothing with {cn}. By which rule did you choose?",
        shows=lambda step: step.answer in step.values["free"],
    ),
    Wrong(
        "another list",
        "Nearly. Flow {n} got {got}, and that is right. But homes was {had} and is {after} now. What ought to stand there"
        " when you are done?",
        shows=lambda step: step.answer == step.values["due"],
    ),
)
"""The faults that a step can have, whatever the cause."""

# --- 7.3: the rule that all answers follow ----------------------------------------------------------------------------

Test = Callable[[str, Sequence[str], FlowRow, Sequence[FlowRow]], object]
"""Is an address taken? Told it, the list, the new flow and those that run."""
Order = Callable[[Sequence[str], FlowRow, Sequence[FlowRow]], Sequence[str]]
"""The addresses that are looked at, in turn."""
End = Callable[[Sequence[str]], str | None]
"""The address that is given where all are taken; None for a new one."""
Pick = Callable[[str, Sequence[str]], str | None]
"""The address that is given where one was found."""


def _here(test: Callable[[FlowRow, list[FlowRow]], object]) -> Test:
    """A test of the flows of an address alone."""
    return lambda home, homes, flow, flows: test(flow, _at(home, flows))


def _some(flow: FlowRow, among: Sequence[FlowRow]) -> bool:
    return any(each.cn == flow.cn for each in among)


TESTS: dict[str, Test] = {
    "": lambda home, homes, flow, flows: _taken(home, flow, flows),
    "when any flow is there, or one to the same CN runs anywhere: half of your condition is enough":
        lambda home, homes, flow, flows: bool(_at(home, flows)) or _some(flow, flows),
    "when a flow to the same CN is at another address":
        lambda home, homes, flow, flows: any(each.home != home and each.cn == flow.cn for each in flows),
    "when a flow to the same CN runs anywhere": lambda home, homes, flow, flows: _some(flow, flows),
    "only when every flow that runs is there and goes to the same CN (all, and not any)":
        lambda home, homes, flow, flows: flows and all(each.home == home and each.cn == flow.cn for each in flows),
    "when every flow that runs is there and goes to the same CN, or none runs (all, and not any)":
        lambda home, homes, flow, flows: all(each.home == home and each.cn == flow.cn for each in flows),
    "only when all its flows go to the same CN": _here(lambda flow, at: at and all(each.cn == flow.cn for each in at)),
    "when any flow is there, whatever its CN": _here(lambda flow, at: at),
    "when a flow to another CN is there": _here(lambda flow, at: any(each.cn != flow.cn for each in at)),
    "when no flow to the same CN is there": _here(lambda flow, at: not _some(flow, at)),
    "when its flows go elsewhere": _here(lambda flow, at: at and not _some(flow, at)),
    "when it has no flow, or one to the same CN": _here(lambda flow, at: not at or _some(flow, at)),
    "when its first flow goes to the same CN; the others are not asked": _here(lambda flow, at: _some(flow, at[:1])),
    "when its newest flow goes to the same CN; a later one outweighs those before": _here(lambda flow, at: _some(flow, at[-1:])),
    "by its flows but the first": _here(lambda flow, at: _some(flow, at[1:])),
    "by its flows but the last": _here(lambda flow, at: _some(flow, at[:-1])),
    "only when two flows to the same CN are there": _here(lambda flow, at: sum(each.cn == flow.cn for each in at) > 1),
    "when it has two flows, whatever their CN": _here(lambda flow, at: len(at) > 1),
    "when it has three flows, whatever their CN": _here(lambda flow, at: len(at) > 2),
    "by the port, whatever the CN": _here(lambda flow, at: any(each.port == flow.port for each in at)),
    "only when CN and port are the same":
        _here(lambda flow, at: any(each.cn == flow.cn and each.port == flow.port for each in at)),
    "when CN or port is the same": _here(lambda flow, at: any(each.cn == flow.cn or each.port == flow.port for each in at)),
    "without a look at the first of flows": lambda home, homes, flow, flows: _taken(home, flow, flows[1:]),
    "without a look at the last of flows": lambda home, homes, flow, flows: _taken(home, flow, flows[:-1]),
    "by the first of flows alone": lambda home, homes, flow, flows: _taken(home, flow, flows[:1]),
    "by the last of flows alone": lambda home, homes, flow, flows: _taken(home, flow, flows[-1:]),
    "when the newest flow of all goes to the same CN": lambda home, homes, flow, flows: _some(flow, flows[-1:]),
    "when the oldest flow of all goes to the same CN": lambda home, homes, flow, flows: _some(flow, flows[:1]),
    "by the primary's flows, whatever address is under your finger":
        lambda home, homes, flow, flows: _taken(homes[0], flow, flows),
    "by the last address's flows, whatever address is under your finger":
        lambda home, homes, flow, flows: _taken(homes[-1], flow, flows),
    "by the flows of this address and of all behind it: what you noted there still holds":
        lambda home, homes, flow, flows: any(_taken(each, flow, flows) for each in homes[homes.index(home) :]),
    "by the flows of this address and of all before it: what you noted there still holds":
        lambda home, homes, flow, flows: any(_taken(each, flow, flows) for each in homes[: homes.index(home) + 1]),
    "only when the newest flow to the same CN is there; older ones are not asked":
        lambda home, homes, flow, flows: [each.home for each in flows if each.cn == flow.cn][-1:] == [home],
    "only when the oldest flow to the same CN is there; later ones are not asked":
        lambda home, homes, flow, flows: [each.home for each in flows if each.cn == flow.cn][:1] == [home],
    "by the first of flows alone, and called it taken when none runs":
        lambda home, homes, flow, flows: not flows or _taken(home, flow, flows[:1]),
    "by the last of flows alone, and called it taken when none runs":
        lambda home, homes, flow, flows: not flows or _taken(home, flow, flows[-1:]),
    "when it has no flow, or its first goes to the same CN; the others are not asked":
        _here(lambda flow, at: not at or at[0].cn == flow.cn),
    "when it has no flow, or its newest goes to the same CN; a later one outweighs those before":
        _here(lambda flow, at: not at or at[-1].cn == flow.cn),
    "when no flow to another CN is there; one that differs is enough for you":
        _here(lambda flow, at: all(each.cn == flow.cn for each in at)),
    "only when there is more than one address": lambda home, homes, flow, flows: len(homes) > 1 and _taken(home, flow, flows),
    "never called an address taken": lambda home, homes, flow, flows: False,
    "called every address taken": lambda home, homes, flow, flows: True,
}  # fmt: skip


def _by_flows(homes: Sequence[str], flows: Sequence[FlowRow], least: bool) -> list[str]:
    return sorted(homes, key=lambda home: len(_at(home, flows)) * (1 if least else -1))


def _without_first(homes: Sequence[str], flows: Sequence[FlowRow], last: bool = False) -> list[str]:
    up = homes[::-1]
    return sorted(up, key=lambda home: bool(_at(home, flows)) != last)


def _friends(homes: Sequence[str], flow: FlowRow, flows: Sequence[FlowRow]) -> list[int]:
    return [homes.index(str(each.home)) for each in flows if each.cn == flow.cn and each.home in homes]


ORDERS: dict[str, Order] = {
    "": lambda homes, flow, flows: homes[::-1],
    "from the first to the last": lambda homes, flow, flows: homes,
    "from the last up, but never at the primary": lambda homes, flow, flows: homes[:0:-1],
    "from the last up, and at the primary only while it is alone": lambda homes, flow, flows: homes[:0:-1] or homes,
    "from the last up, and at the primary only when nothing runs":
        lambda homes, flow, flows: homes[:0:-1] if flows else homes[::-1],
    "from the second to the last, and never at the primary": lambda homes, flow, flows: homes[1:],
    "from the second to the last, and then at the primary": lambda homes, flow, flows: [*homes[1:], homes[0]],
    "from the last but one up": lambda homes, flow, flows: homes[:-1][::-1],
    "from the last but one up, unless there is only one": lambda homes, flow, flows: homes[:-1][::-1] or homes,
    "from the first to the last but one": lambda homes, flow, flows: homes[:-1],
    "only at the last": lambda homes, flow, flows: homes[-1:],
    "only at the primary": lambda homes, flow, flows: homes[:1],
    "only at the last two": lambda homes, flow, flows: homes[:-3:-1],
    "only at the last and the primary": lambda homes, flow, flows: [homes[-1], homes[0]],
    "at the primary first, and then from the last up": lambda homes, flow, flows: [homes[0], *homes[:0:-1]],
    "at the last first, and then from the first down": lambda homes, flow, flows: [homes[-1], *homes[:-1]],
    "at the primary first when nothing runs, and else from the last up":
        lambda homes, flow, flows: homes[::-1] if flows else homes,
    "at the primary first for flow 1, and else from the last up":
        lambda homes, flow, flows: homes[::-1] if flow.number > 1 else homes,
    "at every second one, from the last up": lambda homes, flow, flows: homes[::-2],
    "at those with the fewest flows first": lambda homes, flow, flows: _by_flows(homes[::-1], flows, True),
    "at those with the fewest flows first, from the first down": lambda homes, flow, flows: _by_flows(homes, flows, True),
    "at those with the most flows first": lambda homes, flow, flows: _by_flows(homes[::-1], flows, False),
    "at those with the most flows first, from the first down": lambda homes, flow, flows: _by_flows(homes, flows, False),
    "at those without flows first": lambda homes, flow, flows: _without_first(homes, flows),
    "at those with flows first": lambda homes, flow, flows: _without_first(homes, flows, last=True),
    "only at those that have flows": lambda homes, flow, flows: [home for home in homes[::-1] if _at(home, flows)],
    "only above the highest address that has a flow to this CN":
        lambda homes, flow, flows: homes[: min(_friends(homes, flow, flows), default=len(homes))][::-1],
    "only above the lowest address that has a flow to this CN":
        lambda homes, flow, flows: homes[: max(_friends(homes, flow, flows), default=len(homes))][::-1],
    "only behind the address that has a flow to this CN":
        lambda homes, flow, flows: homes[max(_friends(homes, flow, flows), default=-1) + 1 :],
    "only from the address of the newest flow up":
        lambda homes, flow, flows: homes[: homes.index(flows[-1].home) + 1][::-1] if flows and flows[-1].home in homes else homes[::-1],
}  # fmt: skip
ENDS: dict[str, End] = {
    "": lambda homes: None,
    "you gave the primary, and asked for none": lambda homes: homes[0],
    "you gave the last of the list, and asked for none": lambda homes: homes[-1],
    "you asked while there was one address, and later gave the last": lambda homes: homes[-1] if len(homes) > 1 else None,
    "you asked while there was one address, and later gave the primary": lambda homes: homes[0] if len(homes) > 1 else None,
    "you asked up to three addresses, and then gave the last": lambda homes: homes[-1] if len(homes) > 2 else None,
    "you asked up to three addresses, and then gave the primary": lambda homes: homes[0] if len(homes) > 2 else None,
}  # fmt: skip
PICKS: dict[str, Pick] = {
    "": lambda home, homes: home,
    "the last of the list": lambda home, homes: homes[-1],
    "the primary": lambda home, homes: homes[0],
    "the one above it": lambda home, homes: homes[max(homes.index(home) - 1, 0)],
    "the one before it, counted round": lambda home, homes: homes[homes.index(home) - 1],
    "the one behind it": lambda home, homes: homes[min(homes.index(home) + 1, len(homes) - 1)],
    "the one behind it, counted round": lambda home, homes: homes[(homes.index(home) + 1) % len(homes)],
    "a new one": lambda home, homes: None,
}
Whole = Callable[[Sequence[str], FlowRow, Sequence[FlowRow]], str | None]
"""A choice without any test of addresses; None for a new one."""


def _place(count: Callable[[FlowRow, Sequence[FlowRow]], int], way: int, is_round: bool) -> Whole:
    """The address at a place that is counted from the last up, or the first down; a new one beyond the list."""

    def chosen(homes: Sequence[str], flow: FlowRow, flows: Sequence[FlowRow]) -> str | None:
        place = count(flow, flows)
        if is_round:
            place %= len(homes)
        return homes[::way][place] if place < len(homes) else None

    return chosen


def _enough(count: Callable[[FlowRow, Sequence[FlowRow]], int], at: int) -> Whole:
    """One address whatever it carries, as long as the list is longer than a count."""
    return lambda homes, flow, flows: homes[at] if count(flow, flows) < len(homes) else None


def _seen_before(flow: FlowRow, flows: Sequence[FlowRow]) -> int:
    called = list(dict.fromkeys(each.cn for each in flows))
    return called.index(flow.cn) if flow.cn in called else len(called)


def _beside(newest: bool, step: int) -> Whole:
    """The address beside that of a flow to the same correspondent; the last where there is none."""

    def chosen(homes: Sequence[str], flow: FlowRow, flows: Sequence[FlowRow]) -> str | None:
        there = _friends(homes, flow, flows)
        place = there[-newest] + step if there else len(homes) - 1
        return homes[place] if 0 <= place < len(homes) else None

    return chosen


def _busiest(least: bool, way: int) -> Whole:
    return lambda homes, flow, flows: _by_flows(homes[::way], flows, least)[0]


COUNTS: dict[str, Callable[[FlowRow, Sequence[FlowRow]], int]] = {
    "the flows to the CN": lambda flow, flows: sum(each.cn == flow.cn for each in flows),
    "the flows to other CNs": lambda flow, flows: sum(each.cn != flow.cn for each in flows),
    "all flows": lambda flow, flows: len(flows),
    "the CNs that have flows": lambda flow, flows: len({each.cn for each in flows}),
    "the addresses with flows to the CN": lambda flow, flows: len({each.home for each in flows if each.cn == flow.cn}),
    "the addresses with flows": lambda flow, flows: len({each.home for each in flows}),
    "the flows that ever began": lambda flow, flows: flow.number - 1,
    "the CNs, each with a place of its own": _seen_before,
}
WHOLES: dict[str, Whole] = {
    f"you counted {words} and went so many places {where}{'' if not is_round else ', and round again'}": _place(count, way, is_round)
    for words, count in COUNTS.items()
    for where, way in (("up from the last", -1), ("down from the first", 1))
    for is_round in (False, True)
} | {
    f"you counted {words}, gave {where} while the list is longer, and else a new one": _enough(count, at)
    for words, count in COUNTS.items()
    for where, at in (("the last", -1), ("the primary", 0))
}  # fmt: skip
WHOLES |= {
    f"you gave the address {words} that of the {which} flow to the CN, whatever it carries, and a new one beyond the list":
        _beside(which == "newest", step)
    for which in ("oldest", "newest") for words, step in (("above", -1), ("behind", 1))
} | {
    f"you gave the address with the {which} flows, {where} of them, whatever their CNs": _busiest(which == "fewest", way)
    for which in ("fewest", "most") for where, way in (("the last", -1), ("the first", 1))
} | {
    "you gave the newest flow's address, whatever its CN": lambda homes, flow, flows: flows[-1].home if flows else homes[-1],
    "you gave the address of a flow to the same CN, and else the last": lambda homes, flow, flows: next(
        (each.home for each in flows if each.cn == flow.cn), homes[-1]),
    "you gave the address of a flow to another CN, whatever else it carries, and else a new one": lambda homes, flow, flows: next(
        (each.home for each in flows if each.cn != flow.cn), None if flows else homes[-1]),
    "you gave the address of a flow to another CN, whatever else it carries, and a new one where none runs": lambda homes, flow, flows: next(
        (each.home for each in flows if each.cn != flow.cn), None),
    "you gave the address of the newest flow to another CN, whatever else it carries, and else a new one":
        lambda homes, flow, flows: next((each.home for each in flows[::-1] if each.cn != flow.cn), None if flows else homes[-1]),
}  # fmt: skip
ASKED = (
    "Say your test aloud for one address: when must the finger climb?", "Which addresses does your finger touch, in which order?",
    "What is due when nothing is left to climb to?", "Which address do you give back at step 39?",
    "Which flow is where? Only .home says so.",
)  # fmt: skip
"""Questions that say where to look: the test, the order, the end, what is given, and no address looked at."""


def _rule(test: str, order: str, end: str, pick: str) -> Whole:
    """The choice by a test, an order, an end and what is given."""
    is_taken, ordered, ends, picks = TESTS[test], ORDERS[order], ENDS[end], PICKS[pick]

    def chosen(homes: Sequence[str], flow: FlowRow, flows: Sequence[FlowRow]) -> str | None:
        for home in ordered(homes, flow, flows):
            if not is_taken(home, homes, flow, flows):
                return picks(home, homes)
        return ends(homes)

    return chosen


@cache
def rules() -> list[list[tuple[str, int, Whole]]]:
    """Each rule in words, where to look, and its choice: those with one thing that is odd, then those with two."""
    told = ("you {}", "you looked {}", "where all were taken {}", "where you found one free, you gave {}")
    odd: list[list[tuple[str, int, Whole]]] = [[], []]
    for parts in product(TESTS, ORDERS, ENDS, PICKS):
        strange = [number for number, part in enumerate(parts) if part]
        if 1 <= len(strange) <= 2:
            words = ", and ".join(told[number].format(_clause(parts[number])) for number in strange)
            odd[len(strange) - 1].append((words, strange[0], _rule(*parts)))
    odd[0] += [(words, 4, whole) for words, whole in WHOLES.items()]
    return odd


def _clause(words: str) -> str:
    begins = {"when ": "called an address taken ", "only when": "called an address taken ", "by ": "tested addresses ",
              "without": "tested addresses "}  # fmt: skip
    return next((begun for first, begun in begins.items() if words.startswith(first)), "") + words


def explained(plays: Sequence[Sequence[Step]], failing: Step) -> Wrong | None:
    """Find what all answers of a program have in common: where it gives nothing, else the rule that gives each of them.

    Judged by each step for itself, so that a fault of the list does not hide the choice.
    """
    steps = list({id(step): step for steps in plays for step in steps}.values())
    if any(step.answer is None for step in steps):
        return _nothing(steps, failing)
    if failing.answer == failing.due[0]:
        return None
    given = [
        (step.values["homes"], step.values["event"], step.values["flows"], None if step.values["is_new"] else step.answer)
        for step in sorted(steps, key=lambda step: step.is_right)  # what goes wrong tells more
    ]
    for few in rules():
        found = [
            (words, ask) for words, ask, chosen in few
            if all(chosen(homes, flow, flows) == answer for homes, flow, flows, answer in given)
        ]  # fmt: skip
        if found:
            begun, ask = "Not yet. Flow {n} to {cn} got {got}, {fault}. All your answers look", " " + ASKED[found[0][1]]
            one, *others = (words for words, _ in found[:2])
            forms = [f"{begun} as if {one}.{ask}", f"{begun} as if {one}."]
            if others:  # two that do the same
                both = f"{begun} as if either {one}, or {others[0]}."
                which = ask if found[1][1] == found[0][1] else " Which of the two do you find in your program?"
                forms = [both + which, both, *forms]
            said = next((form for form in forms if len(form.format_map(failing.values).split()) <= MOST_WORDS), forms[-1])
            return Wrong("rule: " + one, said, shows=lambda step: step.answer != step.due[0])
    return None


def _nothing(steps: Sequence[Step], failing: Step) -> Wrong:
    """Of a program that gives None: in which steps it does."""
    none = [bool(step.values["free"]) for step in steps if step.answer is None]
    some = [bool(step.values["free"]) for step in steps if step.answer is not None]
    step = next(step for step in steps if step.answer is None)
    when = "that is so in some flows, and not in others"
    if not some:
        when = "that is so in every flow"
    elif not any(none) and all(some):
        when = "that is so whenever all are taken, and only then"
    elif all(none) and not any(some):
        when = "that is so whenever one is free, and only then"
    elif not any(none):
        when = "that is so only where all are taken"
    elif all(none):
        when = "that is so only where one is free"
    fresh = sorted(set(_after(step)) - set(step.values["homes"]))
    if fresh:
        why = f" {fresh[0]} was asked for and stands in homes: the address is there, but nothing gives it back. append() only writes; what it gives is None."
    elif step.values["asked"]:
        why = " A new address was asked for, and nothing gives it back."
    else:
        why = " Your function came to its end on a way without return, or gave back what is None: a new flow's .home, or what print() or append() gives."
    return Wrong(
        "gives nothing", f"Not yet. Flow {{n}} to {{cn}} got None, no address; {when}.{why} Which line is the last that runs then?",
        shows=lambda step: step.answer is None,
    )  # fmt: skip


ASSIGN = Stories(
    remembers=REMEMBERS, name="assign", parameters=PARAMETERS, check=wrong_answer, tell=lambda student: stories(),
    explains=explained,
    begin=begin, go=go_assign, points=10, wrong=WRONG, criteria=CRITERIA, passed=_served,
    withheld=((DataFlowRedirector, "assign"),), kinds=KINDS,
    unknown="Not yet. The shortest story that goes wrong is below: flow {n} to {cn} got {got}, and homes was {had};"
    " {got} carries {carried}. Go through it step by step, finger on the table.",
)  # fmt: skip


def told(function: Callable[..., Any], events: Iterable[str], student: Student) -> list[Step]:
    """The steps of one story."""
    return ASSIGN.play(function, (("H@1",), tuple(events)), student)


# --- 7.2: by hand -----------------------------------------------------------------------------------------------------


def _tells(steps: Sequence[Step]) -> bool:
    """Is there a share, a climb and a new address in a story?"""
    climbs = any(not step.values["is_new"] and step.answer != step.values["last"] for step in steps)
    return climbs and any(step.values["there"] for step in steps) and any(step.values["is_new"] for step in steps)


@cache
def traces() -> list[list[tuple[str, ...]]]:
    """Stories of six flows that tell something, those together that have the same answers."""
    found: dict[tuple[Any, ...], list[tuple[str, ...]]] = {}
    for events in product("ABC", repeat=6):
        if "ABC".startswith("".join(dict.fromkeys(events))) and _tells(steps := told(figure6, events, Student())):
            found.setdefault(tuple(step.answer for step in steps), []).append(events)
    return [*found.values()]


@cache
def trace_of(student: Student) -> tuple[str, ...]:
    """The six flows of 7.2, for paper; all answers are equally likely, so that few neighbors share theirs."""
    random = student.random("07 trace")
    return random.choice(random.choice(traces()))


@cache
def run_story(student: Student) -> tuple[str, ...]:
    """The five flows of the student's own run."""
    good = [events for events in product("AB", repeat=5) if _tells(told(figure6, events, student))]
    return student.random("07 stories").sample(good, len(good))[1]


def judge_trace(answer: Any, student: Student) -> Verdict:
    """One point for each slot after the first; one after a slip is judged from the learner's own tables."""
    if not isinstance(answer, list | tuple) or not all(isinstance(each, str) for each in answer):
        return error('trace is no list of words; expected one such as ["H@1", "H@2", ...], one for each flow.')
    given = [re.sub(r"^(?:H@?)?(?=\d)", "H@", "".join(each.split()).upper()) for each in answer]
    events, called = trace_of(student), nodes(student)
    if len(given) != len(events):
        return error(f"trace has {len(given)} entries; expected {len(events)}, one for each flow, in order.")
    strange = next((number for number, each in enumerate(given) if each and not re.fullmatch(r"H@[1-9]\d?", each)), None)
    if strange is not None:
        return error(f"{shown(answer[strange])} for flow {strange + 1} is no home address; expected one such as H@1.")
    homes, fresh, flows = Own(["H@1"]), Fresh(["H@1"]), list[FlowRow]()
    points, said = 0, ""
    for number, (event, home) in enumerate(zip(events, given, strict=True), start=1):
        flow, before = FlowRow(number, called[event]), list(homes)
        due = figure6(flow, Own(homes), flows, Fresh(fresh.given))
        if home == due:
            points += number > 1
        elif not said:
            said = _slipped(flow, home, before, flows, fresh.peek())
        kept = home if home in homes or home == fresh.peek() else due
        if kept not in homes:
            homes.append(fresh())
        flows.append(flow.at(kept))
    if len(set(given)) == 1:
        return wrong(said, 0)
    return passed(5, "Five of five: your finger went where Figure 6 goes.") if not said else wrong(said, min(points, 4))


def _slipped(flow: FlowRow, home: str, homes: list[str], flows: Sequence[FlowRow], new: str) -> str:
    """Say where the finger went astray for one flow: from the last address up, as far as the learner has been wrong."""
    goes = f"Flow {flow.number} goes to {flow.cn}"
    if not home:
        return f"{goes} and has no address yet. Finger on {homes[-1]}: what is there?"
    goes = f"Not yet. {goes}; you gave it {home}"
    there = next((_to(other) for other in _at(home, flows) if other.cn == flow.cn), "")
    if there:
        return f"{goes}, where {there} is already: an update about {home} would move both. What does the finger do there?"
    if home not in homes and home != new:
        return f"{goes}. The list is {_row(homes)} then, and a new address would be {new}. Finger on {homes[-1]}: what is there?"
    place, refused = len(homes) - 1, list[str]()
    while place and _taken(homes[place], flow, flows):
        refused.append(next(f"{_to(other)} is at {homes[place]}" for other in _at(homes[place], flows) if other.cn == flow.cn))
        place -= 1
    whose = sorted({each.cn for each in _at(homes[place], flows)})
    where = f"whose flows go to {series(whose)}" if whose else "which has no flow"
    asks = f"Does one of them go to {flow.cn}?" if whose else "Is it taken?"
    if refused:
        return f"{goes}. F{series(refused)[1:]}: climb. And {homes[place]}, {where}: {asks[0].lower()}{asks[1:]}"
    return f"{goes}. The finger begins at {homes[place]}, {where}. {asks}"


# --- The run of one's own ---------------------------------------------------------------------------------------------


def in_world(
    assign: Callable[..., Any], events: Sequence[str], student: Student, draw: int = 0, homes: Sequence[str] = ("H@1",)
) -> tuple[World, InNode]:
    """A story in a node with delays of the student's own, flows two seconds apart: a new address costs a second. Where
    something goes wrong in the function, the story ends. draw: other waits of single packets; homes: what the node has
    at the beginning.
    """
    random, mine = student.random("07 links"), InNode(assign, homes)
    # Ways to the home agent differ by more than one can misread; there and back in half a second, or updates are sent
    # again. Each packet waits a little besides, so that no two home addresses take equally long.
    way_ms = 15 + (TOLERANCE_MS + 0.1) * random.randrange(95)
    near_ms, middle_ms = (round(way_ms * random.uniform(0.2, 0.35), 1) for _ in "12")
    delays = {"wlan0": near_ms, "AR2-Internet": middle_ms, "Internet-HA": way_ms - near_ms - middle_ms}
    waits = {"Internet-HA": MOST_WAIT_MS}
    links = {
        name: mf.Link(delay_ms=delay_ms, rate_bps=20_000_000, jitter_ms=waits.get(name, 0)) for name, delay_ms in delays.items()
    }
    # No address is given back: 7.4 comes later.
    world = mf.figure2(
        seed=random.randrange(1000) + 1000 * draw, cns=len(NODES), links=links, assign=mine, hold_down_s=3600
    ).run(2.5)
    world.title = "Which home address each new flow gets"
    if len(homes) > 1:
        world.mn.pool.size = len(homes) - 1
        world.mn.pool.fill()
        world.run(2)
        world.mn.pool.size = 0
    mine.cns = {cn.address: cn.name for cn in world.cns}
    called, cns, opened = nodes(student), {cn.name: cn for cn in world.cns}, list[Flow]()
    for event in events:
        if event.startswith("-"):
            world.mn.close(opened[int(event[1:]) - 1])
        else:
            opened.append(world.mn.open(cns[called[event]], mf.apps.Voice(interval_ms=100)))
        if mine.failed:
            break  # it would be asked again and again
        world.mn.pool.size = mine.lost  # an address that nobody wrote down is asked for all the same
        world.mn.pool.fill()
        world.run(2)
    return world, mine


@cache
def run_of(student: Student) -> World:
    """The run that the student reads from: their five flows, with Figure 6. No two of its home addresses wait so nearly
    alike that one could be taken for the other.
    """
    runs = (in_world(figure6, run_story(student), student, draw)[0] for draw in range(DRAWS))
    return next(run for run in runs if _tells_apart(waits_ms(run)))


def _tells_apart(waits: dict[str, float]) -> bool:
    return all(abs(one - other) > 2 * TOLERANCE_MS for one, other in combinations(waits.values(), 2))


class Hop(NamedTuple):
    """A binding update or acknowledgement at the mobile node: `home` as in "H@2", empty in one for the primary's."""

    number: int
    sent_ms: float
    arrived_ms: float
    source: str
    destination: str
    message: BindingUpdate | BindingAcknowledgement
    home: str


def bindings_of(world: World) -> list[Hop]:
    """All binding updates that the mobile node has sent, and the acknowledgements that it got, in order."""
    trace, names, mn, found = world.trace, world.names(), world.mn.name, list[Hop]()
    for number, outer in enumerate(trace.packets):
        channel, packet = trace.channels[trace.channel[number]], outer.innermost()
        message = packet.payload
        if not isinstance(message, BindingUpdate | BindingAcknowledgement) or mn not in (
            channel.sender,
            channel.receiver,
        ):
            continue
        options = (each.home_address for each in packet.extensions if isinstance(each, DestinationOptions))
        home = next((names.get(each, "") for each in options if each is not None), "")
        source, destination = (names.get(each, str(each)) for each in (packet.source, packet.destination))
        times = trace.sent[number] / 1e6, trace.arrived[number] / 1e6
        found.append(Hop(number, *times, source, destination, message, home))
    return found


def registrations(world: World) -> dict[str, tuple[Hop, Hop]]:
    """The first binding update of each home address to the home agent, and its acknowledgement."""
    sent, found = dict[int, Hop](), dict[str, tuple[Hop, Hop]]()
    for hop in bindings_of(world):
        if isinstance(hop.message, BindingAcknowledgement):
            asked = sent.get(hop.message.sequence)
            if asked is not None:
                found.setdefault(asked.home, (asked, hop))
        elif hop.message.home_registration:
            sent.setdefault(hop.message.sequence, hop)
    return found


def waits_ms(world: World) -> dict[str, float]:
    """How long each home address waited between its first binding update to the home agent and the acknowledgement."""
    return {home: reply.arrived_ms - asked.sent_ms for home, (asked, reply) in registrations(world).items()}


def messages(student: Student) -> Words:
    """The packets of the student's run among which the two are that they look for."""
    world = run_of(student)
    rows: list[dict[str, object]] = [
        {
            "packet": hop.number, "sent, ms": f"{hop.sent_ms:.1f}", "arrived, ms": f"{hop.arrived_ms:.1f}", "from": hop.source,
            "to": hop.destination,
            "message": "Binding Update" if isinstance(hop.message, BindingUpdate) else "Binding Acknowledgement",
        }
        for hop in bindings_of(world)
    ]  # fmt: skip
    address = next(address for address, name in world.names().items() if name == "H@2")
    text = f"In your run H@2 is {address}. What MN sends “arrives” here at its first router, on the way to the home agent."
    return words_of(text, rows, "Binding updates and acknowledgements at MN")


def judge_waited(answer: Any, student: Student) -> Verdict:
    """The wait of H@2, read off the student's own packets."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return error("waited_ms is no number; expected milliseconds, such as 1234.5.")
    found = registrations(run_of(student))
    waits, (asked, reply) = waits_ms(run_of(student)), found["H@2"]
    if abs(answer - waits["H@2"]) <= TOLERANCE_MS:
        return passed(
            5, f"Read well: {waits['H@2']:.1f} ms. For a second of it the home agent asked on its link"
            " whether anybody else has this address (duplicate address detection); then it bound it and answered.",
        )  # fmt: skip
    if abs(answer * 1000 - waits["H@2"]) <= TOLERANCE_MS:
        return wrong(f"Nearly. {answer:g} is in seconds, and the exercise asks for milliseconds.")
    slips = {
        "when each was sent": reply.sent_ms - asked.sent_ms, "when each arrived": reply.arrived_ms - asked.arrived_ms,
        "when the update arrived and the answer was sent": reply.sent_ms - asked.arrived_ms,
    }  # fmt: skip
    others = [
        *((abs(answer - waits[home]), f"That is the wait of {home}. Open the updates with run.inspect(...): in the one you"
           " want, the Home Address option holds H@2's address.") for home in waits if home != "H@2"),
        *((abs(answer - ms), f"You took the right two packets, and {words}. MN waits from the moment the update is sent to"
           " the moment the answer has arrived.") for words, ms in slips.items()),
    ]  # fmt: skip
    nearest = min(others)
    if nearest[0] <= TOLERANCE_MS:
        return wrong(f"Nearly. You read {answer:g} ms. {nearest[1]}")
    if 0 <= answer < 900:
        return wrong(
            f"Not yet. {answer:g} ms is a round trip, to a correspondent perhaps. Look at the destination: the update you"
            " want goes to the home agent, and its acknowledgement comes from there."
        )
    return wrong(
        f"Not yet. You read {answer:g} ms. Find the first binding update to HA whose Home Address option is H@2's address;"
        " run.inspect(...) shows it, and its sequence number. The answer from HA with the same number ends the wait."
    )


# --- 7.4: when a flow ends --------------------------------------------------------------------------------------------


@ours
def figure_release(flow: FlowRow, homes: list[str], flows: list[FlowRow]) -> None:
    """An address goes when no flow uses it any more; the primary never goes (pages 13 and 14)."""
    if flow.home != homes[0] and not _at(str(flow.home), flows):
        homes.remove(str(flow.home))


FLOWS = "flows changed"
"""Ends `Step.got` of a release that changed the flows that it was given to look at."""


def go_release(
    function: Callable[..., Any], state: State, event: str, student: Student
) -> tuple[State | None, Step | None]:
    """One event; a flow that ends is a step, and where it goes wrong the story is over."""
    if not event.startswith("-"):
        flow, homes, fresh = state.next(event, student), Own(state.homes), Fresh(state.given)
        home = figure6(flow, homes, list(state.flows), fresh)
        return State(tuple(homes), tuple(fresh.given), (*state.flows, flow.at(home)), flow.number), None
    ended = next(each for each in state.flows if each.number == int(event[1:]))
    flows = [each for each in state.flows if each is not ended]
    due, homes, mine = Own(state.homes), Own(state.homes), Own(flows)
    figure_release(ended, due, flows)
    _, failed, why = outcome(function, ended, homes, mine)
    users = [_to(each) for each in _at(str(ended.home), flows)]
    text = f"flow {ended.number} to {ended.cn} at {ended.home} ends"
    values: dict[str, Any] = {
        "n": ended.number, "cn": ended.cn, "home": ended.home, "homes": list(state.homes), "why": why, "users": users,
        "user": series(users), "primary": state.homes[0], "had": _text(state.homes), "after": _text(homes), "due": _row(due),
        "left": _row(homes) if homes else "empty", "changed": mine.changed(_to), "is_right": homes == due,
    }  # fmt: skip
    gone = tuple(each for each in state.homes if each not in homes)
    row: dict[str, object] = {
        "event": text,
        "homes": _row(state.homes),
        "flows": _row(flows),
        "homes afterwards": _row(homes),
    }
    step = Step(text, gone, failed or (*homes, *[FLOWS] * bool(values["changed"])), tuple(due), values, row)
    return state._replace(homes=tuple(homes), flows=tuple(flows)) if step.is_right else None, step


def _frees_unless_primary(flow, homes, flows):  # type: ignore[no-untyped-def]
    if flow.home != homes[0]:
        homes.remove(flow.home)


def _frees_always(flow, homes, flows):  # type: ignore[no-untyped-def]
    homes.remove(flow.home)


def _frees_the_primary(flow, homes, flows):  # type: ignore[no-untyped-def]
    if not _at(flow.home, flows):
        homes.remove(flow.home)


def _never_frees(flow, homes, flows):  # type: ignore[no-untyped-def]
    return None


RELEASE = Stories(
    remembers=REMEMBERS, name="release", parameters="flow, homes, flows", check=lambda *_: "", tell=lambda student: stories(ends=True),
    begin=begin, go=go_release, points=5,
    wrong=(
        Wrong(
            "never frees",
            "Not yet. Flow {n} ended and {home} is still listed, with no flow. The next flow to {cn} gets it again, so"
            " nothing looks wrong. Either you free nothing, or you look before the flow has gone. The home agent goes on"
            " defending it. Is there anybody left who needs it?",
            (_never_frees,),
        ),
        Wrong(
            "frees too soon",
            "Not yet. You struck out {home} while {user} uses it. That flow has just lost its home address, in the"
            " middle of a sentence. Who else might be at this address?",
            (_frees_unless_primary, _frees_always), None, lambda step: bool(step.values["users"]),
        ),
        Wrong(
            "frees the primary",
            "Not yet. The last flow at {home} ended, and the list is {left} now. Nobody can call this phone at {primary} now."
            " Which address must outlive every flow?",
            (_frees_the_primary,), None, lambda step: step.values["home"] == step.values["primary"],
        ),
        Wrong(
            "changes flows",
            "Nearly. When flow {n} at {home} ended, your function changed flows: {changed}. The flow is out of flows already, and"
            " the node keeps that table. Only homes is yours to write into. Which of your lines touches flows, other than to"
            " look?",
            is_it=lambda steps: steps[-1].got == (*steps[-1].due, FLOWS),
        ),
    ),
    criteria=(
        Criterion("frees what nobody needs", 2, lambda step: step.values["is_right"] if len(step.due) < len(step.values["homes"]) else None),
        Criterion("keeps what somebody needs", 2, lambda step: step.values["is_right"] if step.values["users"] else None),
        Criterion("keeps the primary", 1, lambda step: step.values["is_right"] if step.values["home"] == step.values["primary"] else None),
    ),
    passed=lambda function, student: "Five of five: an address goes with its last flow, and the primary stays.",
    unknown="Not yet. Flow {n} at {home} ended; homes was {had} and is {after}. Who still uses {home}? Go through the story"
    " below, finger on the table.",
)  # fmt: skip


# --- Break it ---------------------------------------------------------------------------------------------------------


def dealt_newest(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The home address of a new flow, newest address first."""
    for home in reversed(homes):
        users = [other for other in flows if other.home == home]
        # Nobody there, or somebody else's: the new flow fits in.
        if not users or users[0].cn != flow.cn:
            return home
    fresh = allocate()
    homes.append(fresh)
    return fresh


def dealt_latest(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The home address of a new flow, by who came to an address last."""
    latest = {}
    for other in flows:
        latest[other.home] = other.cn
    # An address is good where its latest flow goes elsewhere.
    for home in reversed(homes):
        if latest.get(home) != flow.cn:
            return home
    homes.append(allocate())
    return homes[-1]


def dealt_quick(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The home address of a new flow; the last address is the likeliest."""
    home = homes[-1]
    busy = {other.cn for other in flows if other.home == home}
    if flow.cn not in busy:
        return home
    # The last one is taken, so it is time for another.
    homes.append(allocate())
    return homes[-1]


def dealt_mixed(flow, homes, flows, allocate):  # type: ignore[no-untyped-def]
    """The home address of a new flow: one where it meets somebody else."""
    for home in reversed(homes):
        others = {other.cn for other in flows if other.home == home}
        # Empty is fine, and so is company from another correspondent.
        if not others or others - {flow.cn}:
            return home
    homes.append(allocate())
    return homes[-1]


DEALT = {
    dealt_newest: "At which flows of an address does this program look? Tell a story in which another one of them matters.",
    dealt_latest: "For each address this program remembers one flow. Which? Tell a story in which another one matters.",
    dealt_quick: "How many addresses does this program look at? Tell a story in which another one would have been free.",
    dealt_counting: "This program counts. Tell a story in which the count misleads: flows end, or begin in another order.",
    dealt_mixed: "What does this program do with an address that has flows to the same correspondent and to another one?",
}
"""Programs to be broken, each with what to ask of a story in which it holds."""
EVENT = re.compile(r"[ABC]|-[1-9]\d?")


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return student.dealt("07 break", DEALT)


@cache
def shortest_of(program: Callable[..., Any], student: Student) -> int:
    """How many events the shortest story has in which it goes wrong."""
    return next(len(story[1]) for story in stories() if len(story[0]) == 1 and _first_wrong(program, story[1], student))


def _first_wrong(program: Callable[..., Any], events: tuple[str, ...], student: Student) -> Step | None:
    return next((step for step in told(program, events, student) if not step.is_right), None)


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "A B -1 A".')
    events = tuple(answer.upper().replace(",", " ").split())
    strange = next((each for each in events if not EVENT.fullmatch(each)), "")
    if strange or len(events) > 20:
        return error(
            f"{strange[:10] or len(events)} in your story; expected A, B or C for a new flow, -2 for the end of flow 2."
        )
    begun, over = 0, set[int]()
    for each in events:
        begun += each in "ABC"
        if each[0] == "-":
            if not 1 <= int(each[1:]) <= begun or int(each[1:]) in over:
                return error(
                    f"{each} ends a flow that does not run; number flows in the order in which they begin, from 1."
                )
            over.add(int(each[1:]))
    program = dealt_to(student)
    failing = _first_wrong(program, events, student)
    if failing is None:
        gave = [str(step.answer) for step in told(program, events, student)]
        return wrong(
            f"In “{answer[:40]}” both give {_row(gave)}: it holds. {DEALT[program]}"
        )
    if len(events) > shortest_of(program, student):
        return wrong(
            f"It breaks: {failing.told}, and it gives {failing.answer}, Figure 6 {failing.values['due']}. Three points. Can"
            " you tell it in fewer events?", 3,
        )  # fmt: skip
    return passed(
        5, f"It breaks, and no story is shorter: {failing.told}, and it gives {failing.answer}. {_noticed(failing)}"
    )


def _noticed(step: Step) -> str:
    """Say what a person notices of a wrong address."""
    if _clash(step):
        told = f"who moves flow {step.values['n']} to another network moves {step.values['equal']} with it."
    elif _asked_in_vain(step):
        told = "this flow begins a second late, for an address that nobody needed."
    else:
        told = "nothing yet; but the primary is no longer kept free for those who call."
    return f"Compare with your sentence: {told}"


# --- What the notebook shows ------------------------------------------------------------------------------------------


def film(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's function in the node: in the story of the last check, or in the five flows of their run."""
    if mine is None:
        return words_of("Write assign first: then it runs in the node.")
    events = [event for step in steps for event in _events(step, student)] or list(run_story(student))
    begins = steps[0].values["homes"] if steps else ["H@1"]
    world, node = in_world(mine, events, student, homes=begins)
    homes = [world.names()[flow.home_address] for flow in world.flows() if flow.home_address is not None]
    world.title = f"Your function served {count(len(homes), 'flow')} with {series(sorted({*homes}))}"
    if node.lost:
        world.title += f"; {node.lost} more {'was' if node.lost == 1 else 'were'} asked for, and no flow has it"
    if node.failed:
        world.title += f"; {node.failed}"
    if steps and node.homes != list(dict.fromkeys([*begins, *homes])):
        world.title += f"; your list reads {_row(node.homes)}"
    if len(begins) > 1:
        world.title += f"; {series(begins)} were there before"
    first = 2.4 + 2 * (len(begins) > 1)
    return world.animate(first if steps else world.now - 4.1)  # of five flows the last two begin in it


def _events(step: Step, student: Student) -> list[str]:
    letters = {name: letter for letter, name in nodes(student).items()}
    ended = [f"-{number}" for number in re.findall(r"flow (\d+) ends", step.told)]
    return [*ended, letters[step.values["cn"]]]


def _climb(flow: FlowRow, homes: Sequence[str], flows: Sequence[FlowRow]) -> Iterator[Slide]:
    """The finger on its way up the list for one flow, by the numbers of Figure 6."""
    who = f"Flow {flow.number} to {flow.cn}"
    for home in reversed(homes):
        same = next((other for other in _at(home, flows) if other.cn == flow.cn), None)
        if same is None:
            yield Slide(f"{who}: nothing at {home} goes there. Take it (39).", _rows(homes, flows, home))
            return
        why = f"flow {same.number} goes to {flow.cn} as well (37). Climb (42)."
        yield Slide(f"{who}: at {home}, {why}", _rows(homes, flows, home))
    yield Slide(f"{who}: nothing left to climb to. A new address (43).", _rows(homes, flows, ""))


def slides(events: Sequence[str], student: Student) -> list[Slide]:
    """A finger climbs the list of home addresses, from the last up; the figure and its numbers come later."""
    called, homes, fresh, flows, number = nodes(student), Own(["H@1"]), Fresh(["H@1"]), list[FlowRow](), 0
    found = [Slide("The list holds the primary alone.", _rows(homes, flows, ""))]
    for event in events:
        if event.startswith("-"):
            ended = next(each for each in flows if each.number == int(event[1:]))
            flows.remove(ended)
            figure_release(ended, homes, flows)
            found.append(Slide(f"Flow {ended.number} ends.", _rows(homes, flows, "")))
            continue
        number += 1
        flow = FlowRow(number, called[event], None)
        found += (Slide(re.sub(r" \(\d+\)", "", told), rows) for told, rows in _climb(flow, homes, flows))
        flows.append(flow.at(figure6(flow, homes, flows, fresh)))
        home = str(flows[-1].home)
        found.append(Slide(f"Flow {number} to {flow.cn} has {home}.", _rows(homes, flows, home)))
    return found


def finger(student: Student) -> Slides | Words:
    """The story that the last check of 7.3 found, with a finger on the list; where it goes wrong the finger climbs from
    the second attempt on only.
    """
    steps, found = steps_of("7.3"), list[Slide]()
    if not steps:
        waits = "Here the finger climbs, once a check of 7.3 has found a story that goes wrong."
        return words_of(waits)
    tries = len(progress("07").attempts("7.3"))
    for step in steps:
        flow, homes, flows = step.values["event"], step.values["homes"], step.values["flows"]
        who, got = f"Flow {flow.number} to {flow.cn}", step.answer or "no address"
        if step is not steps[-1]:
            found += _climb(flow, homes, flows)
            found.append(Slide(f"{who} has {got}: yours and the figure's.", _rows(homes, [*flows, flow.at(got)], got)))
            continue
        begun = f"{who} begins. Finger on {homes[-1]}: which flows are there, and where do they go?"
        found.append(Slide(begun, _rows(homes, flows, homes[-1])))
        if tries >= TRIES:
            found += _climb(flow, homes, flows)
        found.append(Slide(f"Yours gave {got}{_beside(step)}", _rows(_after(step) or homes, flows, str(got))))
    return Slides(found)


def _beside(step: Step) -> str:
    """Say what goes wrong in a step, after the address that was given; where that is right, what was done besides."""
    if step.answer != step.values["due"] or not isinstance(step.got, tuple):
        return ". Here it goes wrong."
    _, after, _, is_left = step.got
    if after != step.due[1]:
        return f", and that is right. But the list reads {_row(after)} now: here it goes wrong."
    if is_left:
        return f", and that is right. But allocate() was called {count(step.values['asked'], 'time')}: here it goes wrong."
    return f", and that is right. But flows was changed ({step.values['changed']}): here it goes wrong."


def _rows(homes: Sequence[str], flows: Sequence[FlowRow], finger: str) -> list[dict[str, object]]:
    return [
        {
            "finger": "☞" if home == finger else "", "home address": home + (" (primary)" if home == homes[0] else ""),
            "its flows": ", ".join(f"{each.number} → {each.cn}" for each in _at(home, flows)),
        }
        for home in homes
    ]  # fmt: skip


GOAL = 3
"""How many addresses the list is to have in Play."""


def play(student: Student) -> ipywidgets.VBox:
    """Buttons and the list: how long can you make it?"""
    shown, events = Slides(slides((), student)), list[str]()
    called, clicks = nodes(student), ipywidgets.HTML("0 clicks")
    first, second = (button(f"New flow to {called[letter]}", "Begins a flow") for letter in "AB")
    end, again = button("End the last flow", "Ends the flow that began last"), button("Start again", "Empties the list")
    fewest = next(len(each) for start, each in stories() if len(start) == 1 and _length(each, student) == GOAL)

    def add(event: str) -> None:
        running = [number for number in range(1, sum(e in "ABC" for e in events) + 1) if f"-{number}" not in events]
        if event == "end" and not running:
            return
        before = len(slides(events, student))
        events.append(f"-{running[-1]}" if event == "end" else event)
        shown.show(slides(events, student), before)
        clicks.value = count(len(events), "click")
        if _length(events, student) >= GOAL:
            fewer = "Fewer are not possible." if len(events) == fewest else "Can you do it with fewer? Start again."
            clicks.value += f". <b>Step on: with this flow the list gets {GOAL} addresses long.</b> {fewer}"

    def empty(_: object) -> None:
        events.clear()
        shown.show(slides((), student))
        clicks.value = "0 clicks"

    first.on_click(lambda _: add("A"))
    second.on_click(lambda _: add("B"))
    end.on_click(lambda _: add("end"))
    again.on_click(empty)
    row = ipywidgets.HBox([first, second, end, again, clicks], layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([row, shown.output])


def _length(events: Sequence[str], student: Student) -> int:
    """How long the list of home addresses is after a story."""
    return len(slides(events, student)[-1].rows)


def flows_of(student: Student) -> Words:
    """The six flows of 7.2."""
    told = ", ".join(nodes(student)[each] for each in trace_of(student))
    return Words(f"<p>Your six flows go, in this order, to <b>{told}</b>.</p>", f"Your six flows go to {told}.")


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return program(dealt_to(student), "assign")


def _last_climb(student: Student) -> tuple[Step, str]:
    """The last flow that was refused at H@1, and H@1's flow that refused it."""
    steps = told(figure6, run_story(student), student)
    found = steps[-1]
    for step in steps:
        if step.answer != "H@1" and any(
            _at("H@1", [each]) and each.cn == step.values["cn"] for each in step.values["flows"]
        ):
            found = step
    refused = next((e for e in _at("H@1", found.values["flows"]) if e.cn == found.values["cn"]), None)
    return found, "" if refused is None else f"flow {refused.number} to {refused.cn}"


def _asked(student: Student, attempts: Attempts) -> str:
    step, _ = _last_climb(student)
    there = count(len(_at("H@1", step.values["flows"])), "flow")
    words = (
        f"In your run (its flows stand below) flow {step.values['n']} to {step.values['cn']} got {step.answer}. A friend"
        f" says: “H@1 has only {there}, why not that one?” Answer in two or three sentences, with the numbers of the flows"
        " that stood in the way."
    )
    return words + then(attempts, "7.3", "which part of your program says so?", "where")


def _run_rows(student: Student) -> list[dict[str, object]]:
    """The flows of the student's own run."""
    return [
        {"flow": step.values["n"], "goes to": step.values["cn"], "home address": step.answer}
        for step in told(figure6, run_story(student), student)
    ]


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    step, refused = _last_climb(student)
    waits = waits_ms(run_of(student))
    cn = step.values["cn"]
    return [
        (_asked(student, attempts), f"{refused or 'A flow'} is at H@1: {cn} has one row for H@1, so both would move together."),
        (
            f"How long did H@2 wait at the home agent in your run, and for what? What if {cn} had no flow at all?",
            f"{waits['H@2']:.1f} ms: a second of duplicate address detection and the way there and back. {_without(cn, student)}",
        ),
        (
            f"Now flow 1 to {nodes(student)[run_story(student)[0]]} ends, and a new flow goes to the same node. Which address"
            " does it get?", _after_end(student),
        ),
    ]  # fmt: skip


def _without(cn: str, student: Student) -> str:
    """Name the addresses that the student's run would need without the flows to a correspondent."""
    others = [event for event in run_story(student) if nodes(student)[event] != cn]
    homes = sorted({str(step.answer) for step in told(figure6, others, student)})
    still = "two flows to one node never share, so H@2 is waited for all the same" if "H@2" in homes else "nobody waits for H@2"
    return f"Without flows to {cn} the other {len(others)} get {series(homes)}: {still}."


def _after_end(student: Student) -> str:
    events = (*run_story(student), "-1", run_story(student)[0])
    last = told(figure6, events, student)[-1]
    return f"{last.answer}: free for it were {last.values['either']}, and the finger begins at the last."


def predicted() -> World:
    """The world of the prediction: a call, a video and a page, and then a file to CN2."""
    world = mf.figure2(seed=7).run(2.5)
    for name, cn in (("call", world.cn1), ("video", world.cn1), ("page", world.cn2), ("file", world.cn2)):
        world.mn.open(cn, type(name, (mf.apps.Voice,), {"name": name})(interval_ms=100))
        world.run(2)
    world.title = "A file to CN2: which home address?"
    return world


def climbed() -> str:
    """The finger's way up the list for the file, as a table."""
    world = predicted()
    names, called = world.names(), world.flow_names()
    *others, file = world.flows()
    homes = list(dict.fromkeys(names[each.home_address] for each in others))
    rows: list[dict[str, object]] = []
    for home in reversed(homes):
        there = [each for each in others if names[each.home_address] == home]
        same = [called[each.id] for each in there if each.cn is file.cn]
        so = f"{series(same)} goes to {file.cn.name} as well: climb" if same else f"nothing goes to {file.cn.name}: take it"
        rows.append({
            "finger on": home, "its flows": ", ".join(f"{called[each.id]} → {each.cn.name}" for each in there), "so": so,
        })  # fmt: skip
        if not same:
            break
    return html_table(rows, f"The finger's way for the {called[file.id]}")


def _file_got(world: World) -> float | None:
    changes = (
        one for one in world.trace.records if isinstance(one, TableChanged) and one.change.table == "flow mapping table"
    )
    return next((one.t_ns / 1e9 for one in changes if one.change.key == "4" and one.change.after), None)


QUESTIONS = {
    question.name: question
    for question in (
        Question("07", "MN begins one more flow: a file to CN2. Which home address does it get, and why?", {
            "a": Answer(
                "A new one, H@3: H@1 and H@2 are both in use.",
                "H@1 carries the call, and still it could take the file. What counts is not whether an address is busy, but"
                " with whom: CN1's binding for H@1 and CN2's are two rows in two machines. Watch the flow mapping table below the film at {at}.",
                "M23a", _file_got),
            "b": Answer(
                "H@2: the page goes to CN2 as well, so the two belong together.",
                "Sharing sounds tidy. But CN2 keeps one row for H@2: page and file would sit in it together, and no update"
                " could move one without the other. That is the knot that this method unties. Watch {at}.",
                "M23b", _file_got),
            "c": Answer(
                "H@1: the primary is always tried first.",
                "The address is right, the reason is not: the finger touched H@2 first and climbed. Where an address behind"
                " H@1 is free as well, “primary first” and the figure part ways. Watch {at}.",
                "M27", _file_got),
            "d": Answer(
                "H@1: H@2 has a flow to CN2 already, and H@1 has none.",
                "So it was: H@2 refused because of one flow of its two, and H@1 has nothing with CN2.", None, _file_got),
        }),
        Question(
            "07-exit", "Your phone begins seven flows: four to CN1, two to CN2, one to CN3. It has two interfaces. How many"
            " home addresses?", {
                "a": Answer(
                    "7", "One for each flow is safe, but flows to different correspondents never meet in one row. Look at"
                    " 7.2, where two of yours share one.", "M23a"),
                "b": Answer(
                    "3, one for each correspondent", "Then CN1's four flows share one row, and move as one. What did you want to"
                    " do with them?", "M23b"),
                "c": Answer(
                    "2, one for each interface", "Interfaces give care-of addresses. Home addresses say who, and the four"
                    " flows to CN1 need four.", "M22"),
                "d": Answer("4", "Yes: CN1 has the most. The other three flows ride along for free."),
            }, is_last=True),
    )
}  # fmt: skip

BLOCKS = {
    "7.3": ("def assign(flow, homes, flows, allocate):", {
        "A": "for home in reversed(homes):",
        "B": "for home in homes:",
        "C": "    taken = False",
        "D": "    for other in flows:",
        "E": "        if other.home == home and other.cn == flow.cn:",
        "F": "        if other.cn == flow.cn:",
        "G": "    if not taken: return home",
        "H": "home = allocate()",
        "I": "homes.append(home)",
        "J": "return home",
        "K": "            taken = True",
    }),
}  # fmt: skip

PARTS = {
    "play": play, "flows": flows_of, "dealt": dealt, "explain": explains("7.3", _asked, rows=_run_rows, caption="Your run"), "messages": messages, "run": run_of,
    "predicted": lambda student: predicted(), "climbed": lambda student: climbed(), "finger": finger,
}  # fmt: skip
"""The pieces that a notebook shows by `part("07", name)`."""

HINTS = (
    "Say it aloud with your finger: for one address, what would make you climb? Is one good flow enough, or must every flow"
    " be good?",
    "You need a loop in a loop: outside over addresses, from the last; inside over flows. You know that an address may be"
    " taken only after the inner loop. And you know that a new one is needed only after the outer loop.",
    "For one address: set taken = False; go through flows; where .home and .cn both match, set it to True. What comes"
    " directly after that loop? And what, one step further left, after the outer one?",
)

EXERCISES = [
    Exercise(
        number="7.2", answer="trace", points=5, judge=judge_trace,
        is_empty=lambda trace: trace is None or (isinstance(trace, list | tuple) and not any(trace[1:])),
    ),
    Exercise(number="7.3", answer="assign", points=10, judge=ASSIGN, hints=HINTS, film=film),
    Exercise(number="7.R", answer="waited_ms", points=5, judge=judge_waited),
    Exercise(number="7.4", answer="release", points=5, judge=RELEASE),
    Exercise(
        number="7.5", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
