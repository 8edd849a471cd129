"""Lab 04, the limit of one home address: which flows an update moves and which placements can be reached, with wrong
versions and what is said of each, questions, and the run to read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/04_one_home_address.py. A case of 4.1 is who keeps which row, one update, and the flows; one of 4.2 is each
flow's correspondent, who keeps a row, and how many interfaces there are. In stories of 4.3 "1c" is an update to CN1
that says cellular, "Hw" one to the home agent that says WLAN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from functools import cache
from html import escape
from itertools import combinations, product
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, show_words, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.errors import MipflowError, shown
from mipflow.flow.learner.guard import Guarded
from mipflow.lab.panels.panel import button, choice, frame, show_in
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.trace import LOST, TableChanged
from mipflow.view.story.trips import trips
from mipflow.view.story.words import series
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate, CareOfTest, CareOfTestInit

# --- 4.1: which flows an update moves ---------------------------------------------------------------------------------

HOME, WLAN, CELLULAR = "HA", "wlan0", "cell0"
POOL = "call", "file", "video"


class Flow(NamedTuple):
    """A flow as a learner sees it: its name, and its correspondent node."""

    name: str
    cn: str


class Update(NamedTuple):
    """A binding update as a learner sees it: to whom, where H@ is now, and the flow that MN has in mind."""

    to: str
    care_of: str
    wish: str


class Case(NamedTuple):
    """A case: the rows with their keepers, one update, and the flows."""

    rows: tuple[tuple[str, str], ...]
    update: Update
    flows: tuple[Flow, ...]


Bindings = dict[str, str]


def row_of(flow: Flow, bindings: Bindings) -> str:
    """Return the node whose row the flow's packets to MN follow."""
    return flow.cn if flow.cn in bindings else HOME


def place_of(flow: Flow, bindings: Bindings) -> str:
    """The interface by which they come."""
    return bindings[row_of(flow, bindings)]


@ours
def flows_that_move(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    """The flows that follow the row which the update changes (RFC 6275 sections 9.5.1 and 10.3.1)."""
    return _move(bindings, update, flows)


def _move(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    return {f.name for f in flows if row_of(f, bindings) == update.to and bindings[update.to] != update.care_of}


@cache
def cases(student: Student) -> list[Case]:
    """All cases with up to three flows, the shortest first: flows, then rows. The first flow of practice goes to CN1; a
    number chooses what correspondents, interfaces and flows are called.
    """
    cns, places, pool = ("CN1", "CN2"), (WLAN, CELLULAR), list(POOL)
    if student.ids:
        random = student.random("04 cases")
        cns, places = random.choice([cns, cns[::-1]]), random.choice([places, places[::-1]])
        pool = random.sample(pool, len(pool))
    found = []
    for count in (1, 2, 3):
        for others in product(cns, repeat=count - 1):
            flows = tuple(Flow(name, cn) for name, cn in zip(pool, (cns[0], *others), strict=False))
            for ha, one, two in product(places, (None, *places), (None, *places)):
                rows = ((HOME, ha), *((cn, place) for cn, place in zip(cns, (one, two), strict=True) if place))
                for to, care_of, wish in product((HOME, *cns), places[::-1], pool[:count]):
                    found.append(Case(rows, Update(to, care_of, wish), flows))
    wished = {name: number for number, name in enumerate(pool)}

    def length(case: Case) -> tuple[int, int, int, int]:
        moved = sum(place == places[1] for _, place in case.rows)
        return len(case.flows), wished[case.update.wish], len(case.rows), moved

    return sorted(found, key=length)


def names_in(answer: object, flows: Sequence[Flow]) -> frozenset[str] | None:
    """An answer as a set of names of these flows; None for anything else."""
    if isinstance(answer, Set | list | tuple) and all(isinstance(each, str) for each in answer):
        given = frozenset(answer)
        return given if given <= {flow.name for flow in flows} else None
    return None


def _words(names: Collection[str], flows: Sequence[Flow]) -> str:
    return ", ".join(flow.name for flow in flows if flow.name in names) or "nothing"


def go_update(function: Callable[..., Any], case: Case, event: str, student: Student) -> tuple[Any, Step]:
    """A case is one step. A table that was written into is put right again."""
    given, flows, update = dict(case.rows), list(case.flows), case.update
    bindings: Bindings = dict(case.rows)
    due = _move(bindings, update, flows)
    answer, failed, why = outcome(function, given, update, flows)
    found, flows = names_in(answer, case.flows), list(case.flows)
    is_touched = given != bindings
    strange = re.sub(r" at 0x[0-9a-f]+", "", shown(answer))
    said = failed.removeprefix(RAISED) or (strange if found is None else _words(found, flows))
    extra = [flow for flow in flows if found and flow.name in found - due]
    missed = [flow for flow in flows if found is not None and flow.name in due - found]
    stranger = min(extra or flows, key=lambda flow: (flow.cn == update.to, flow.cn not in bindings))
    orphan = next((flow for flow in missed if flow.cn not in bindings), flows[0])
    rows = ", ".join(f"{who} {place}" for who, place in case.rows)
    named = ", ".join(f"{flow.name} → {flow.cn}" for flow in flows)
    absent = [cn for cn in ("CN1", "CN2") if cn not in bindings and cn in (update.to, *(flow.cn for flow in flows))]
    values = {
        "to": update.to, "care_of": update.care_of, "wish": update.wish, "got": said, "why": why,
        "due": _words(due, flows), "extra": _words([flow.name for flow in extra], flows), "rows": rows, "flows": named,
        "missed": _words([flow.name for flow in missed], flows), "stranger": stranger.name, "cn": stranger.cn,
        "row": place_of(stranger, bindings), "orphan": orphan.name, "orphan_cn": orphan.cn, "found": found,
        "absent": absent[0] if absent else "somebody", "is_new": bindings.get(update.to, update.care_of) != update.care_of,
        "is_kept": update.to in bindings, "extras": extra, "missing": missed, "bindings": bindings, "case": case,
        "is_strange": found is None and not failed, "is_touched": is_touched, "before": bindings.get(update.to, ""), "is_all": found == {flow.name for flow in flows},
    }  # fmt: skip
    values["ask"] = _asks(values)
    got = failed or (said, is_touched)
    row: dict[str, object] = {
        "rows": rows, "update": f"{update.to}: {update.care_of}, wish: {update.wish}", "flows": named,
        "yours": said + " (and the table is another)" * is_touched,
    }  # fmt: skip
    told = f"rows {rows}; update to {update.to}: {update.care_of}; flows {named}"
    return (None if failed else ()), Step(told, said, got, (_words(due, flows), False), values, row)


def _asks(values: dict[str, Any]) -> str:
    """A word about what goes wrong in a case, whoever made the mistake."""
    if values["extras"]:
        if not values["is_kept"]:
            return "{to} keeps no row that could change.".format_map(values)
        if not values["is_new"]:
            return "Does {to}'s row say anything new afterwards?".format_map(values)
        return "The {stranger} comes from {cn}: whose row does it follow?".format_map(values)
    return "Whose row do the packets of {missed} follow?".format_map(values) if values["missing"] else ""


def _one_alone(step: Step) -> bool:
    return len(step.values["found"] or ()) == 1 and bool(step.values["missing"])


def _stumbles(step: Step) -> bool:
    """It stopped at a row that is not there, or without a value that only such a row would have given."""
    is_row = step.got == f"{RAISED}KeyError" and step.values["absent"] in step.values["why"]
    return bool(is_row or step.got == f"{RAISED}UnboundLocalError")


def _more_than_the_row(step: Step) -> bool:
    """A flow was moved that follows the row of another correspondent than the one that was told."""
    values = step.values
    return any(flow.cn in values["bindings"] and flow.cn != values["to"] for flow in values["extras"])


def _first_and_last(place: int) -> Callable[..., Any]:
    return lambda b, u, flows: [flow.name for flow in flows if flow.name in _move(b, u, flows)][place:][:1]


def _elsewhere(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    """All flows that are not where the update says."""
    return {flow.name for flow in flows if place_of(flow, bindings) != update.care_of}


def _a_row_is_made(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    after = {**bindings, update.to: update.care_of}
    return {flow.name for flow in flows if place_of(flow, bindings) != place_of(flow, after)}


def _swings(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    old = bindings.get(update.to)
    return {flow.name for flow in flows if old not in (None, update.care_of) and place_of(flow, bindings) == old}


def _home_hears_too(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    told = (update.to, HOME) if update.to in bindings else ()
    return {f.name for f in flows if row_of(f, bindings) in told and place_of(f, bindings) != update.care_of}


def _writes_down(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    names = _move(bindings, update, flows)
    if update.to in bindings:
        bindings[update.to] = update.care_of
    return names


def _writes_what_is_there(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    _writes_down(bindings, update, flows)
    return _move(bindings, update, flows)


def _writes_first(bindings: Bindings, update: Update, flows: Sequence[Flow]) -> set[str]:
    bindings[update.to] = update.care_of
    return _move(bindings, update, flows)


MOVED_WRONG = (
    Wrong(
        "no set of names",
        "Not yet. You gave back {got}. Wanted are names of flows, in a set: one inside, many, or none.",
        (
            lambda b, u, flows: [flow for flow in flows if flow.name in _move(b, u, flows)],
            lambda b, u, flows: {flow.cn for flow in flows if flow.name in _move(b, u, flows)},
            lambda b, u, flows: len(_move(b, u, flows)),
        ),
        is_it=lambda steps: bool(steps[-1].values["is_strange"]),
    ),
    Wrong(
        "stumbles over a row that is not there",
        "Not yet. Your function stopped with {got}: {absent} keeps no row. What then does an update to it change? And a flow"
        " from it, whose row does that follow?",
        (
            lambda b, u, flows: {f.name for f in flows if f.cn == u.to and b[f.cn] != u.care_of},
            lambda b, u, flows: {f.name for f in flows if b[f.cn] != u.care_of and u.to in (f.cn, HOME)},
            lambda b, u, flows: {f.name for f in flows if b[u.to] != u.care_of and row_of(f, b) == u.to},
        ),
        is_it=lambda steps: _stumbles(steps[-1]),
    ),
    Wrong(
        "writes into the table",
        "Nearly. You moved {got}, and that is right. But the table is another one than before you ran. Who asks twice gets"
        " two answers. Do you need to write at all?",
        (_writes_down,),
        is_it=lambda steps: steps[-1].answer == steps[-1].due[0] and bool(steps[-1].values["is_touched"]),
    ),
    Wrong(
        "one flow alone",
        "Not yet. Update to {to}, {care_of}: you moved {got}, and not {missed}. Perhaps you go by .wish; perhaps you keep only"
        " the first or the last that fits. The wish is in MN's head. Open the update in the inspector: which field names a"
        " flow?",
        (
            lambda b, u, flows: {f.name for f in flows if f.name == u.wish and place_of(f, b) != u.care_of},
            lambda b, u, flows: {f.name for f in flows if f.name == u.wish},
            lambda b, u, flows: {name for name in _move(b, u, flows) if name == u.wish},
            lambda b, u, flows: {u.wish} if b.get(u.to, u.care_of) != u.care_of else set(),
            _first_and_last(0), _first_and_last(-1), lambda b, u, flows: _move(b, u, flows[:1]),
        ), "M16", _one_alone,
    ),
    Wrong(
        "everything",
        "Not yet. Update to {to}, {care_of}: you moved {got}. The {stranger} goes to {cn}, whose row still says {row}. Whose"
        " cache did the update reach?",
        (
            lambda b, u, flows: {f.name for f in flows}, _elsewhere,
            lambda b, u, flows: {f.name for f in flows if b.get(u.to, u.care_of) != u.care_of},
            lambda b, u, flows: {f.name for f in flows if b.get(u.to) != u.care_of},
        ), "M15",
        lambda step: _more_than_the_row(step) and len(step.values["found"]) > 1,
    ),
    Wrong(
        "the home agent moves all",
        "Not yet. Update to HA, {care_of}: you moved {got}, though {cn} keeps a row of its own, {row}. The home agent seems to"
        " be in charge. But do packets from {cn} pass it at all?",
        (
            lambda b, u, flows: _elsewhere(b, u, flows) if u.to == HOME else _move(b, u, flows),
            lambda b, u, flows: {f.name for f in flows if u.to in (HOME, f.cn) and b.get(u.to, u.care_of) != u.care_of},
        ), "M18b",
        lambda step: _more_than_the_row(step) and step.values["to"] == HOME,
    ),
    Wrong(
        "correspondents have no say",
        "Not yet. Update to {to}, {care_of}: you moved nothing. {to} sends straight to the address in its own row, and asks"
        " nobody. In the film of your prediction, whose cache changed when two flows swung?",
        (
            lambda b, u, flows: set() if u.to != HOME else _elsewhere(b, u, flows),
            lambda b, u, flows: set() if u.to != HOME else _move(b, u, flows),
            lambda b, u, flows: {f.name for f in flows if u.to == HOME and b[HOME] != u.care_of},
        ), "M18b", lambda step: step.answer == "nothing" and step.values["to"] != HOME,
    ),
    Wrong(
        "nothing ever moves",
        "Not yet. Update to {to}, {care_of}: you moved {got}. Either nothing is ever put into your set, or you write the update"
        " into bindings before you compare, so that old and new are equal. In the film something did move.",
        (lambda b, u, flows: set(), _writes_first, _writes_what_is_there), None, lambda step: step.answer == "nothing",
    ),
    Wrong(
        "only flows whose correspondent is told",
        "Not yet. Update to HA, {care_of}: you moved {got}. {orphan_cn} keeps no row here, so the {orphan} is sent to the home"
        " address. Who catches it there, and by which row is it sent on?",
        (
            lambda b, u, flows: {f.name for f in flows if f.cn == u.to and b.get(f.cn, u.care_of) != u.care_of},
            lambda b, u, flows: {f.name for f in flows if f.cn == u.to},
            lambda b, u, flows: {f.name for f in flows if f.cn == u.to and b.get(f.cn) != u.care_of},
            lambda b, u, flows: {f.name for f in flows if f.cn == u.to and place_of(f, b) != u.care_of},
        ), None, lambda step: step.values["to"] == HOME and bool(step.values["missing"]),
    ),
    Wrong(
        "old news moves flows",
        "Nearly. {to}'s row said {before} before, and the update says {care_of} again. Such renewals are common. You moved"
        " {got}: from where to where?",
        (
            lambda b, u, flows: {f.name for f in flows if row_of(f, b) == u.to},
            lambda b, u, flows: {f.name for f in flows if row_of(f, b) == u.to and (u.to == HOME or b[u.to] != u.care_of)},
            lambda b, u, flows: {f.name for f in flows if row_of(f, b) == u.to and (u.to != HOME or b[u.to] != u.care_of)},
        ), None,
        lambda step: step.values["before"] == step.values["care_of"] and bool(step.values["extras"]),
    ),
    Wrong(
        "an update makes a row",
        "Nearly. {to} is not in bindings, and you moved {got} after an update to it. Many would write a row; this one answers"
        " MN's tests with an error. Which row do its packets follow now?",
        (
            _a_row_is_made,
            lambda b, u, flows: {
                f.name for f in flows
                if (f.cn == u.to and b.get(f.cn) != u.care_of) or (u.to == HOME and f.cn not in b and b[HOME] != u.care_of)
            },
            lambda b, u, flows: {
                f.name for f in flows if f.cn == u.to or (u.to == HOME and f.cn not in b and b[HOME] != u.care_of)
            },
        ), None, lambda step: not step.values["is_kept"] and bool(step.values["extras"]),
    ),
    Wrong(
        "moves a bystander too",
        "Not yet. Update to {to}, {care_of}: you moved {got}. The {stranger} goes to {cn}. Perhaps you took it along because it"
        " came by {row} as well, perhaps because it follows HA's row. But {to} passes nothing on. How many rows changed?",
        (_swings, _home_hears_too), "M15",
        lambda step: step.values["to"] != HOME and any(flow.cn != step.values["to"] for flow in step.values["extras"]),
    ),
)  # fmt: skip


def _held(about: Callable[[dict[str, Any]], bool], part: str) -> Callable[[Step], bool | None]:
    """Is nothing in the named part, where the step is about it?"""

    def holds(step: Step) -> bool | None:
        values = dict(step.values)
        if values["is_strange"]:
            return False
        return (values["found"] is not None and not values[part]) if about(values) else None

    return holds


MOVED_CRITERIA = (
    Criterion(
        "all flows of a correspondent's row", 3, _held(lambda v: bool(v["is_new"] and v["to"] != HOME), "missing")
    ),
    Criterion("nobody else", 3, _held(lambda v: bool(v["is_new"]), "extras")),
    Criterion("those that follow the home agent's row", 2, _held(lambda v: bool(v["is_new"] and v["to"] == HOME), "missing")),
    Criterion("an update that says nothing new", 1, _held(lambda v: bool(v["is_kept"] and not v["is_new"]), "extras")),
    Criterion("one to somebody without a row", 1, _held(lambda v: not v["is_kept"], "extras")),
)  # fmt: skip


def _most_moved(student: Student) -> str:
    flows = ("no", "one", "two", "three")[len(moved_in(run_of(student)))]
    return f"Ten of ten. In your run one update moved {flows} flows, whatever the wish."


MOVED = Stories(
    name="moved", parameters="bindings, update, flows", check=lambda result, *_: "",
    tell=lambda student: [(case, ("U",)) for case in cases(student)], begin=lambda case, student: case, go=go_update,
    points=10, wrong=MOVED_WRONG, criteria=MOVED_CRITERIA,
    unknown="Not yet. The smallest case that goes wrong: rows {rows}, update {to} {care_of}, flow {flows}. You gave {got}. {ask}"
    " Step through it below, a finger on the row that changes.",
    passed=lambda function, student: _most_moved(student),
    sort=lambda step: "all" if step.values["is_all"] else "none" if step.values["found"] == frozenset() else step.answer,
)  # fmt: skip


# --- The case in the network ------------------------------------------------------------------------------------------


def app(name: str, kind: type[Any] = mf.apps.Voice, **how: Any) -> Any:
    """An application under a name of ours."""
    return type(name, (kind,), {"name": name})(**how)


def came_by(world: World, start_s: float, end_s: float) -> dict[int, str]:
    """By which interface the last packet of each flow came to MN in a time."""
    trace, found = world.trace, dict[int, str]()
    for number, packet in enumerate(trace.packets):
        channel = trace.channels[trace.channel[number]]
        if channel.receiver == "MN" and start_s * 1e9 <= trace.arrived[number] <= end_s * 1e9:
            inner = packet.innermost()
            if inner.label < 0:
                found[inner.flow] = channel.segment
    return found


def in_world(case: Case) -> tuple[World, list[str]]:
    """A case in the network: the world, and the flows that took another interface."""
    rows = dict(case.rows)
    keeps_none = {cn: Host for cn in ("CN1", "CN2") if cn not in rows}
    world = mf.figure1(seed=1, correspondents=keeps_none).run(2.5)
    nodes: dict[str, Any] = {HOME: HOME, "CN1": world.cn1, "CN2": world.cn2}
    for flow in case.flows:
        world.mn.open(nodes[flow.cn], app(flow.name, interval_ms=100))
        world.run(0.5)
    for who, place in rows.items():
        if who != HOME or place != WLAN:
            world.mn.bind(nodes[who], place)
            world.run(0.5)
    start = world.run(0.5).now
    world.mn.bind(nodes[case.update.to], case.update.care_of)
    world.run(1.2)
    before, after = came_by(world, start - 0.4, start), came_by(world, world.now - 0.4, world.now)
    moved = [flow.name for number, flow in enumerate(case.flows, 1) if before[number] != after[number]]
    return world, moved


SHOW = Case(
    ((HOME, WLAN), ("CN1", WLAN)), Update("CN1", CELLULAR, "call"), (Flow("call", "CN1"), Flow("file", "CN1"), Flow("video", "CN2"))
)
"""The case to show when the check has found none that goes wrong."""


def film(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The case of the last check in the network, or one of ours, beside what the learner's function says of it."""
    if mine is None:
        words = "Write moved first: then its answer stands beside what happens."
        return words_of(words)
    case = steps[-1].values["case"] if steps else SHOW
    guarded = Guarded("moved", mine, "bindings, update, flows", lambda result, *_: "")
    yours = go_update(guarded, case, "U", student)[1].answer
    world, moved = in_world(case)
    start = world.handovers_s()[-1]
    world.title = f"Yours says {yours}; in the network moved {_words(moved, case.flows)}"
    show_words(world.title)
    wished = next(flow.id for flow, known in zip(world.flows(), case.flows, strict=True) if known.name == case.update.wish)
    return world.animate(start - 0.1, start + 0.5, wishes={wished: case.update.care_of})


# --- 4.2: which placements can be reached -----------------------------------------------------------------------------


class Deal(NamedTuple):
    """Each flow's correspondent, in the order of POOL, and who keeps a row."""

    cns: tuple[str, str, str]
    keepers: frozenset[str]


DEALS = [
    Deal((cns[0], cns[1], cns[2]), frozenset(keepers))
    for cns in (("CN1", "CN1", "CN2"), ("CN1", "CN2", "CN1"), ("CN2", "CN1", "CN1"))
    for keepers in (("CN1", "CN2"), ("CN1",), ("CN2",))
]
LETTERS = {"w": "WLAN", "c": "cellular"}
ALL = {"".join(each) for each in product("wc", repeat=3)}
TOGETHER = {"www", "ccc"}


def deal_of(student: Student) -> Deal:
    """The story of a student."""
    return student.dealt("04 placements", DEALS) if student.ids else Deal(("CN1", "CN2", "CN1"), frozenset({"CN1"}))


def reachable(deal: Deal) -> set[str]:
    """The placements that one home address reaches, as letters in the order of POOL."""
    follows = [cn if cn in deal.keepers else HOME for cn in deal.cns]
    rows = sorted(set(follows))
    return {
        "".join(dict(zip(rows, places, strict=True))[row] for row in follows) for places in product("wc", repeat=len(rows))
    }


def story(student: Student) -> Words:
    """The student's flows and rows, as a table."""
    deal = deal_of(student)
    rows: list[dict[str, object]] = [
        {"flow": name, "comes from": cn, "which keeps": "a row" if cn in deal.keepers else "no row"}
        for name, cn in zip(POOL, deal.cns, strict=True)
    ]
    return words_of("MN keeps HA informed as well.", rows, "Your three flows")


def _tied(deal: Deal) -> list[tuple[str, str]]:
    """The two flows that have one correspondent."""
    flows = zip(POOL, deal.cns, strict=True)
    return [(one[0], other[0]) for one, other in combinations(flows, 2) if one[1] == other[1]]


def _torn(placement: str, deal: Deal) -> tuple[int, int]:
    """Two flows of one row that a placement has in two places."""
    return next((a, b) for a, b in combinations(range(3), 2) if deal.cns[a] == deal.cns[b] and placement[a] != placement[b])


def judge_reached(answer: Any, student: Student) -> Verdict:
    """A point for each placement that can be, one off for each that cannot; none for those that everybody names."""
    deal = deal_of(student)
    right = reachable(deal)
    if not isinstance(answer, Set | list | tuple) or not all(isinstance(each, str) for each in answer):
        return error('reached is no list of words; expected placements such as ["wwc"], a letter for each flow.')
    given = {each.strip().lower() for each in answer}
    strange = next((each for each in answer if each.strip().lower() not in ALL), None)
    if strange is not None:
        return error(f"“{strange[:12]}” is no placement: three letters, each w (WLAN) or c (cellular).")
    points = max(0, len(given & right) - len(given - right)) if given & right - TOGETHER else 0
    one, other = _tied(deal)[0]
    if given == right:
        return passed(4, f"Four of four. {one.capitalize()} and {other} always go together.")
    if given == TOGETHER:
        said = "Not yet. www and ccc: all together, as in plain Mobile IPv6. Must all rows say the same here? Send one update in"
        return wrong(f"{said} Play, and look.", points, "M13")
    if given == ALL - right:
        said = f"Not yet. Your {len(given)} are those that no update brings about, the gap in Figure 1. Wanted are the others."
        return wrong(said, points)
    pairs = {pair: TOGETHER | _with_together(pair) for pair in combinations(range(3), 2)}
    for (a, b), placements_of_pair in pairs.items():
        if given == placements_of_pair:
            said = f"Not yet. You keep {POOL[a]} and {POOL[b]} together. A shared row ties flows. Which two have the same"
            return wrong(f"{said} correspondent in your story?", points)
    if given - right:
        placement = min(given - right)
        a, b = _torn(placement, deal)
        where = f"puts {POOL[a]} on {LETTERS[placement[a]]} and {POOL[b]} on {LETTERS[placement[b]]}"
        said = f"Not yet. “{placement}” {where}; both come from {deal.cns[a]}. What would the row that they follow have to say?"
        return wrong(said, points, "M16" if given == ALL else None)
    said = f"Nearly. All of yours ({len(given)}) can be, and there are more. From www, send each of the six updates and note"
    return wrong(f"{said} where you land. Again from there.", points)


def _with_together(pair: tuple[int, int]) -> set[str]:
    """The placements in which two flows are together and the third is elsewhere."""
    return {each for each in ALL - TOGETHER if each[pair[0]] == each[pair[1]]}


class Counted(NamedTuple):
    """Each flow's correspondent, who keeps a row, how many interfaces there are."""

    cns: tuple[str, ...]
    keepers: tuple[str, ...]
    interfaces: int


def rows_followed(case: Counted) -> set[str]:
    """The rows that some flow follows."""
    return {cn if cn in case.keepers else HOME for cn in case.cns}


@cache
def counts() -> list[Counted]:
    """All with up to three flows to three correspondents, the shortest first."""
    cns = "CN1", "CN2", "CN3"
    found = [
        Counted(flows, keepers, interfaces)
        for count in (1, 2, 3) for flows in product(cns, repeat=count)
        for kept in range(4) for keepers in combinations(cns, kept) for interfaces in (2, 3)
    ]  # fmt: skip
    return sorted(found, key=lambda case: (len(case.cns), len(case.keepers), case.interfaces))


@ours
def placements_of(cns: Sequence[str], keepers: Collection[str], interfaces: int) -> int:
    """Interfaces to the power of the rows that somebody follows."""
    return int(interfaces ** len({cn if cn in keepers else HOME for cn in cns}))


def _flows_to(cns: Sequence[str]) -> str:
    """Flows by their correspondents, in words."""
    told = [f"{NUMBERS[cns.count(cn)]} to {cn}" for cn in dict.fromkeys(cns)]
    first, _, to = told[0].partition(" ")
    return series([f"{first} flow{'s' * (first != 'one')} {to}", *told[1:]])


NUMBERS = "no", "one", "two", "three"


def _keepers(kept: Sequence[str]) -> str:
    if not kept:
        return "nobody keeps a row"
    return f"{' and '.join(kept)} {'keeps a row' if len(kept) == 1 else 'keep rows'}"


def wrong_count(result: object, *_: object) -> str:
    """Say what is wrong with a result of `placements`; empty where nothing is."""
    return "" if isinstance(result, int) and not isinstance(result, bool) else "expected a whole number"


def go_count(function: Callable[..., Any], case: Counted, event: str, student: Student) -> tuple[Any, Step]:
    """A case is one step."""
    followed = rows_followed(case)
    due = case.interfaces ** len(followed)
    answer, failed, why = outcome(function, list(case.cns), set(case.keepers), case.interfaces)
    got = failed.removeprefix(RAISED) or answer
    listed = "[" + ", ".join(f'"{cn}"' for cn in case.cns) + "]"
    told = f"{listed}, {_keepers(case.keepers)}, {case.interfaces} interfaces"
    values = {
        "interfaces": case.interfaces, "got": got, "due": due, "why": why,
        "case": f"{_flows_to(case.cns)}, where {_keepers(case.keepers)}, and {NUMBERS[case.interfaces]} interfaces",
        "rows": len(followed), "idle": next((cn for cn in case.keepers if cn not in case.cns), ""), "followed": followed,
        "flows": case.cns, "kept": case.keepers,
    }  # fmt: skip
    row: dict[str, object] = {
        "cns": listed, "keepers": ", ".join(case.keepers) or "nobody", "interfaces": case.interfaces, "yours": got
    }
    return (None if failed else ()), Step(told, got, failed or answer, due, values, row)


def _own_rows(step: Step) -> int:
    return len(set(step.values["flows"]) & set(step.values["kept"]))


COUNT_WRONG = (
    Wrong(
        "every flow by itself", "Not yet. For {case} you gave {got}. All these flows follow one row. What can be set by itself?",
        (
            lambda cns, keepers, n: n ** len(cns),
            lambda cns, keepers, n: n ** (len(set(cns) & set(keepers)) + sum(cn not in keepers for cn in cns)),
        ), "M16",
        lambda step: len(step.values["flows"]) > 1 and len(set(step.values["flows"])) == 1,
    ),
    Wrong(
        "all as one", "Not yet. For {case} you gave {got}. Do all of them follow the same row?",
        (lambda cns, keepers, n: n,), "M13", lambda step: step.values["rows"] > 1,
    ),
    Wrong(
        "every correspondent has a row", "Not yet. For {case} you gave {got}. Which row does each flow follow?",
        (lambda cns, keepers, n: n ** len(set(cns)),), None,
        lambda step: not _own_rows(step) and len(set(step.values["flows"])) > 1,
    ),
    Wrong(
        "forgets the home agent's row", "Not yet. For {case} you gave {got}. A flow whose correspondent keeps no row follows one as well. Whose?",
        (
            lambda cns, keepers, n: n ** len(set(cns) & set(keepers)),
            lambda cns, keepers, n: n ** sum(cn in keepers for cn in cns),
        ), None, lambda step: HOME in step.values["followed"],
    ),
    Wrong(
        "the home agent's row always counts", "Not yet. For {case} you gave {got}. Which of these flows follows the home agent's row?",
        (
            lambda cns, keepers, n: n ** (len(set(cns) & set(keepers)) + 1), lambda cns, keepers, n: n ** (len(set(cns)) + 1)
        ), None,
        lambda step: HOME not in step.values["followed"],
    ),
    Wrong(
        "counts rows that nobody follows", "Not yet. For {case} you gave {got}. Which flow does the row of {idle} move?",
        (
            lambda cns, keepers, n: n ** (len(keepers) + any(cn not in keepers for cn in cns)),
            lambda cns, keepers, n: n ** len(keepers),
            lambda cns, keepers, n: n ** (len(keepers) + 1),
        ), None, lambda step: bool(step.values["idle"]),
    ),
    Wrong(
        "times, or the other way round",
        "Not yet. For {case} you gave {got}. {rows} rows are followed: for each choice of the first, how many choices has the"
        " second?",
        (
            lambda cns, keepers, n: n * len({cn if cn in keepers else HOME for cn in cns}),
            lambda cns, keepers, n: len({cn if cn in keepers else HOME for cn in cns}) ** n,
            lambda cns, keepers, n: n * len(set(cns)),
        ), None, lambda step: step.values["rows"] > 1,
    ),
    Wrong(
        "always two interfaces", "Not yet. For {case} you gave {got}. One row is followed. How many interfaces may it name?",
        (lambda cns, keepers, n: 2 ** len({cn if cn in keepers else HOME for cn in cns}),), None,
        lambda step: step.values["interfaces"] > 2 and step.values["rows"] == 1,
    ),
)  # fmt: skip


def _about(fits: Callable[[Step], object]) -> Callable[[Step], bool | None]:
    return lambda step: step.is_right if fits(step) else None


COUNT = Stories(
    name="placements", parameters="cns, keepers, interfaces", check=wrong_count,
    tell=lambda student: [(case, ("N",)) for case in counts()], begin=lambda case, student: case, go=go_count, points=4,
    wrong=COUNT_WRONG,
    criteria=(
        Criterion("flows of one row count once", 1, _about(
            lambda step: len(step.values["flows"]) > len(set(step.values["flows"])) and _own_rows(step) == step.values["rows"] > 1)),
        Criterion("the home agent's row", 1, _about(
            lambda step: HOME in step.values["followed"] and _own_rows(step) and step.values["interfaces"] == 2)),
        Criterion("no row that nobody follows", 1, _about(lambda step: step.values["idle"] and step.values["rows"] == 2)),
        Criterion("any number of interfaces", 1, _about(lambda step: step.values["interfaces"] > 2)),
    ),
    unknown="Not yet. The smallest case that goes wrong: for {case} you gave {got}. Which rows does some flow follow?",
    passed=lambda function, student: "Four of four. And what MN sends has other ways out: this is about packets to MN.",
)  # fmt: skip


# --- The run of one's own ---------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """Delays of links in milliseconds, and when MN sends its update."""

    wlan: float = 5
    cellular: float = 35
    access: float = 10
    cn: float = 10
    move_s: float = 7.0


def plan(student: Student) -> Plan:
    """The plan of a student."""
    if not student.ids:
        return Plan()
    random = student.random("04 run")
    delays = Plan()[:4]
    while sum(delays[1:]) == sum(Plan()[1:4]):  # the time that is read off would be that of practice
        delays = random.randrange(3, 9), random.randrange(26, 52), random.randrange(6, 17), random.randrange(6, 17)
    return Plan(*delays, round(random.randrange(68, 78) / 10, 1))


FILE_OCTETS = 40_000_000
"""More than the WLAN carries while somebody looks."""


def begun(student: Student, keeps: bool = True) -> World:
    """The student's network with call, file and video, all by WLAN, until something is to be moved."""
    own = plan(student)
    links = {
        "wlan0": mf.Link(delay_ms=own.wlan, rate_bps=20_000_000), "cell0": mf.Link(delay_ms=own.cellular, rate_bps=6_000_000),
        "AR3-Internet": mf.Link(delay_ms=own.access, rate_bps=1_000_000_000),
        "cn1": mf.Link(delay_ms=own.cn, rate_bps=100_000_000),
    }  # fmt: skip
    world = mf.figure1(seed=1, links=links, correspondents={} if keeps else {"CN2": Host}).run(2)
    world.mn.open(world.cn1, mf.apps.Voice())
    world.run(own.move_s - 1.5 - world.now)
    world.mn.open(world.cn1, mf.apps.FileTransfer(size=FILE_OCTETS))
    world.run(0.5)
    world.mn.open(world.cn2, mf.apps.Video())
    return world.run(own.move_s - world.now)


AFTER_S = 2.5
"""How long the own run goes on after the update."""
FILE = 2
"""The file's flow."""


@cache
def run_of(student: Student) -> World:
    """The run that is read from: for the call's sake MN tells CN1 "cellular"."""
    world = begun(student)
    world.mn.bind("CN1", CELLULAR)
    world.title = "One update, to CN1, for the call"
    return world.run(AFTER_S)


def film_of_it(student: Student) -> Any:
    """Its film, with the lane in which the file was to stay."""
    move = plan(student).move_s
    return run_of(student).animate(move - 0.1, move + 0.6, wishes={FILE: WLAN})


def moved_in(world: World) -> list[int]:
    """The flows that came by cellular at its end."""
    return [flow for flow, place in came_by(world, world.now - 0.5, world.now).items() if place == CELLULAR]


def delays_ms(student: Student) -> tuple[float, float]:
    """The mean delay of the call's packets to MN in the last half a second before the update, and of the run."""
    world, move = run_of(student), plan(student).move_s
    found = []
    for end in (move, world.now):
        rode = trips(world.trace, int((end - 0.9) * 1e9), int((end - 0.4) * 1e9))
        took = [trip.arrived_ns - trip.started_ns for trip in rode if trip.packet.label == -1 and trip.arrived_ns != LOST]
        found.append(sum(took) / len(took) / 1e6)
    return found[0], found[1]


def worth(student: Student) -> str:
    """Whether it was worth it for the call, as HTML."""
    before, after = delays_ms(student)
    told = f"Was it worth it? The call's packets took {before:.0f} ms to MN; now they take {after:.0f} ms. The file came along, to"
    return f"<p>{told} a slower link.</p>"


class Hop(NamedTuple):
    """A packet on one of MN's links: sent and arrived there, in milliseconds; of which flow, 0 for none."""

    number: int
    message: str
    link: str
    sent_ms: float
    arrived_ms: float
    flow: int
    is_up: bool


MESSAGES = {BindingUpdate: "Binding Update", BindingAcknowledgement: "Binding Acknowledgement", CareOfTestInit: "Care-of Test Init",
            CareOfTest: "Care-of Test"}  # fmt: skip


def hops(student: Student) -> Iterator[Hop]:
    """Yield the packet-hops that MN sends and receives on its own links, from the wish for the update on."""
    world = run_of(student)
    trace, called = world.trace, world.flow_names()
    for number, packet in enumerate(trace.packets):
        channel = trace.channels[trace.channel[number]]
        if "MN" not in (channel.sender, channel.receiver) or trace.arrived[number] == LOST:
            continue
        sent_ms, inner = trace.sent[number] / 1e6, packet.innermost()
        if sent_ms >= plan(student).move_s * 1000:
            message = called.get(inner.flow) or MESSAGES.get(type(packet.payload), "")
            up = channel.sender == "MN"
            yield Hop(number, message, channel.segment, sent_ms, trace.arrived[number] / 1e6, inner.flow if inner.label else 0, up)


@cache
def landmarks(student: Student) -> dict[str, Hop]:
    """The packets that one may look at, by what they are: of each kind of message the first; of call and file the last to
    MN by wlan0 before those by cell0, and the first two of these.
    """
    found: dict[str, Hop] = {}
    for hop in hops(student):
        name = hop.message if hop.flow == 0 else f"{hop.message} by {hop.link}"
        if hop.flow in (1, FILE) and not hop.is_up and hop.link == WLAN:
            if f"{hop.message} by {CELLULAR}" not in found:
                found[name] = hop
        elif (hop.flow == 0 and name) or (hop.flow in (1, FILE) and not hop.is_up):
            if name in found:
                found.setdefault(f"second {name}", hop)
            found.setdefault(name, hop)
    return {name: hop for name, hop in found.items() if not (name.startswith("second") and hop.flow == 0)}


def packets(student: Student) -> Words:
    """The packets of the student's run among which the two are that they look for."""
    rows: list[dict[str, object]] = [
        {
            "packet": hop.number, "sent, ms": f"{hop.sent_ms:.1f}", "arrived, ms": f"{hop.arrived_ms:.1f}", "link": hop.link,
            "way": "from MN" if hop.is_up else "to MN", "what": hop.message,
        }
        for hop in sorted(landmarks(student).values(), key=lambda hop: hop.sent_ms)
    ]  # fmt: skip
    text = f"MN decides at {plan(student).move_s * 1000:.1f} ms. Times are those of MN's own links."
    return words_of(text, rows, "Some packets of your run, at MN")


TOLERANCE_MS = 1
"""Less than between the acknowledgement and the file, which follow each other closely."""


def came_along(student: Student) -> float:
    """From the update to CN1, sent, to the file's first packet by cellular, arrived, in milliseconds."""
    known = landmarks(student)
    return known["file by cell0"].arrived_ms - known["Binding Update"].sent_ms


def judge_came_along(answer: Any, student: Student) -> Verdict:
    """How long after the update the file came along, read off the student's own packets."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return error("came_along_ms is no number; expected milliseconds, such as 123.4.")
    known, due = landmarks(student), came_along(student)
    update, file, call = known["Binding Update"], known["file by cell0"], known["call by cell0"]
    if abs(answer - due) <= TOLERANCE_MS:
        return passed(5, f"Read well: {due:.1f} ms. Half of it the update travels, half of it the file; no field of the update names it.")
    slips = {
        "You took seconds.": due / 1000,
        "That is until the file's packet left the router for MN; when did it arrive?": file.sent_ms - update.sent_ms,
        "That is from when the update reached the router; when did MN send it?": file.arrived_ms - update.arrived_ms,
        "That is the call's first packet. Which one came along?": call.arrived_ms - update.sent_ms,
        "That is from MN's wish; first it had its address tested. When did the update go?": file.arrived_ms - plan(student).move_s * 1000,
        "That is until the answer to the update. The file needs no answer.": known["Binding Acknowledgement"].arrived_ms - update.sent_ms,
        "That packet came by wlan0. Which was the first by cell0?": known["file by wlan0"].arrived_ms - update.sent_ms,
        "That is the moment at which it came. How long after the update?": file.arrived_ms,
        "The file came after the update, so the difference is more than zero.": -due,
    }  # fmt: skip
    words, nearest = min(slips.items(), key=lambda each: abs(answer - each[1]))
    if abs(answer - nearest) <= (0.01 if words.startswith("You took seconds") else TOLERANCE_MS):
        return wrong(f"Nearly. You read {answer:g}. {words}")
    return wrong(
        f"Not yet. You read {answer:g} ms. Find the Binding Update, and when MN sent it; then the file's first row to MN by"
        " cell0, and when that arrived."
    )


# --- 4.3: break it ----------------------------------------------------------------------------------------------------


class Setting(NamedTuple):
    """The correspondent that keeps a row and sends call and file; the network in which all begin."""

    keeper: str = "1"
    start: str = "w"

    @property
    def other(self) -> str:
        """The correspondent that keeps none, from which the video comes."""
        return "2" if self.keeper == "1" else "1"


Told = Sequence[tuple[str, str]]
UPDATES = [who + place for who in "H12" for place in "cw"]
MOST_UPDATES = 20
HEAD = '''
def where(story):
    """Which flow is where after these updates, such as [("KEEPER", "c"), ("H", "w")]."""
'''
TAIL = '''
    at_cn = rows.get("KEEPER", rows["H"])
    return {"call": at_cn, "file": at_cn, "video": rows["H"]}
'''
DEALT = {
    "saves rows": (
        HEAD + '''
    rows = {"H": "START", "KEEPER": "START"}
    for to, place in story:
        if to == "H":
            rows["H"] = place
        elif to == "KEEPER" and place == rows["H"]:
            # The home agent's row says the same: a second one is not needed.
            rows.pop("KEEPER", None)
        elif to == "KEEPER":
            rows["KEEPER"] = place
''' + TAIL,
        "You told CNKEEPER something here, or nobody. Does anything change at HA after that?",
    ),
    "drops on return": (
        HEAD + '''
    rows = {"H": "START", "KEEPER": "START"}
    for to, place in story:
        was = rows.get(to, place)
        if to == "KEEPER" and place != was and place == rows["H"]:
            # Back where the home agent has it: the row has done its work.
            del rows["KEEPER"]
        elif to in ("H", "KEEPER"):
            rows[to] = place
''' + TAIL,
        "You move things away; does this program ever come back? And who moves then?",
    ),
    "skips what is known": (
        HEAD + '''
    rows = {"H": "START", "KEEPER": "START"}
    for to, place in story:
        if to == "KEEPER" and place == rows["H"]:
            # The home agent knows that already: no news.
            continue
        if to in rows:
            rows[to] = place
''' + TAIL,
        "Is CNKEEPER ever told what HA has already?",
    ),
    "skips repeats": (
        HEAD + '''
    rows, last = {"H": "START", "KEEPER": "START"}, None
    for to, place in story:
        # The same address twice running is a retransmission.
        if to in rows and place != last:
            rows[to] = place
        last = place
''' + TAIL,
        "Do two updates in a row ever say the same here?",
    ),
    "the first wins": (
        HEAD + '''
    rows = {}
    # From the newest update back: what is found is kept.
    for to, place in reversed(story):
        rows[to] = place
    rows = {"H": "START", "KEEPER": "START", **rows}
''' + TAIL,
        "Is anybody told twice here, and not the same?",
    ),
}  # fmt: skip
"""Programs to be broken, each with what to ask of a story in which it holds."""


def setting_of(student: Student) -> Setting:
    """Return for a student who keeps a row, and where all begin."""
    return Setting(*student.dealt("04 break", ("1w", "2w", "1c", "2c"))) if student.ids else Setting()


def dealt_name(student: Student) -> str:
    """The wrong program for a student, by its name."""
    return student.dealt("04 program", DEALT)


def _as_set(text: str, own: Setting) -> str:
    return text.replace("KEEPER", own.keeper).replace("START", own.start)


def source_of(name: str, own: Setting) -> str:
    """The text of a program to be broken."""
    return _as_set(DEALT[name][0], own).strip().replace('"""\n\n', '"""\n')


@cache
def program_of(name: str, own: Setting) -> Callable[[Told], dict[str, str]]:
    """A program to be broken."""
    names: dict[str, Any] = {}
    exec(source_of(name, own), names)
    found: Callable[[Told], dict[str, str]] = names["where"]
    return found


def where(story: Told, own: Setting) -> dict[str, str]:
    """Return the network of each flow after some updates."""
    rows = {"H": own.start, own.keeper: own.start}
    for to, place in story:
        if to in rows:
            rows[to] = place
    return {"call": rows[own.keeper], "file": rows[own.keeper], "video": rows["H"]}


def dealt(student: Student) -> Words:
    """The program to be broken, and in which story."""
    own = setting_of(student)
    text = f"All begins on {LETTERS[own.start]}. Call and file come from CN{own.keeper}, which keeps a row; the video from"
    return words_of(f"{text} CN{own.other}, which keeps none.", code=source_of(dealt_name(student), own))


def goes_wrong(name: str, told: Sequence[str], own: Setting) -> bool:
    """Whether a program is wrong after the last of some updates."""
    pairs = [(each[0], each[1]) for each in told]
    return program_of(name, own)(pairs) != where(pairs, own)


@cache
def shortest_of(name: str, own: Setting) -> tuple[str, ...]:
    """A shortest story in which a program goes wrong."""
    every = (story for length in range(1, 5) for story in product(UPDATES, repeat=length))
    return next(story for story in every if goes_wrong(name, story, own))


def _told(places: dict[str, str]) -> str:
    return ", ".join(f"{flow} {place}" for flow, place in places.items())


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "1c Hw".')
    told = tuple(each[:1].upper() + each[1:].lower() for each in answer.replace(",", " ").split())
    strange = next((each for each in told if each not in UPDATES), "")
    if strange or len(told) > MOST_UPDATES:
        said = f"{strange[:10] or len(told)} in your story; expected Hc, Hw, 1c, 1w, 2c or 2w for each update"
        return error(f"{said}, at most {MOST_UPDATES} of them.")
    own, name = setting_of(student), dealt_name(student)
    wrong_at = next((n for n in range(1, len(told) + 1) if goes_wrong(name, told[:n], own)), None)
    pairs = [(each[0], each[1]) for each in told[:wrong_at]]
    here, due = _told(program_of(name, own)(pairs)), _told(where(pairs, own))
    if wrong_at is None:
        return wrong(f"In “{answer[:40]}” both say {here}: it holds. {_as_set(DEALT[name][1], own)}")
    if len(told) > len(shortest_of(name, own)):
        return wrong(f"It breaks after update {wrong_at}: it says {here}, and due is {due}. Three points. Can you tell it in fewer?", 3)
    return passed(5, f"It breaks, and no story is shorter: it says {here}, and due is {due}.")


# --- What the notebook shows ------------------------------------------------------------------------------------------

STEP_S = 1.2
"""How long Play runs after an update."""
OFFERS = {
    f"{who}: {LETTERS[place[0]]}": (who, place) for who in (HOME, "CN1", "CN2") for place in (CELLULAR, WLAN)
}  # fmt: skip


class Play:
    """Two choices and a button that sends one binding update; the world goes on from one to the next."""

    def __init__(self, student: Student) -> None:
        self._student = student
        self._update = choice("update", "tell", OFFERS)
        self._keeps = choice("keeps", "CN2 keeps a row", {"yes": True, "no": False})
        self._send, self._again = button("Send", "Sends this binding update"), button("Start again", "All flows are on WLAN")
        self._said, self._output = ipywidgets.HTML(), ipywidgets.Output()
        self._send.on_click(lambda _: self.send(*self._update.widget.value))
        self._again.on_click(lambda _: self.begin())
        self._keeps.widget.observe(lambda _: self.begin(), "value")
        row = ipywidgets.HBox(
            [self._update.widget, self._send, self._keeps.widget, self._again],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.output = frame(row, self._said, self._output)
        self.begin()

    def begin(self) -> None:
        """All flows are on WLAN."""
        self.world = begun(self._student, self._keeps.widget.value)
        self._sent = 0
        self._say("Call and file come from CN1, the video from CN2; all three by WLAN. Now choose, and send.")
        show_in(self._output)

    def send(self, to: str, interface: str) -> None:
        """Send an update, and say where the flows come from then on."""
        world, start = self.world, self.world.now
        self._send.disabled = True
        try:
            told = len(world.trace.records)
            world.mn.bind(to, interface)
            is_sent = any(isinstance(each, TableChanged) for each in world.trace.records[told:]) or to == HOME
            world.run(STEP_S)
            self._sent += is_sent
            places = came_by(world, world.now - 0.6, world.now)
            by = {place: [] for place in (WLAN, CELLULAR)}  # type: dict[str, list[str]]
            for flow, name in world.flow_names().items():
                by[places.get(flow, WLAN)].append(name)
            now = "; ".join(f"by {LETTERS[place[0]]}: {', '.join(names) or 'nothing'}" for place, names in by.items())
            what = f"{to} was told {LETTERS[interface[0]]}" if is_sent else f"{to} keeps no row, and gets no update"
            self._say(f"{what} (updates so far: {self._sent}). Now <b>{now}</b>. {self._judged(places)}")
            world.title = f"{to}: {LETTERS[interface[0]]}"
            begin = max(0.0, start - 0.1)
            film = world.animate(begin, start + 0.6, wishes={1: CELLULAR, FILE: WLAN})
            show_in(self._output, film, world.tables(since=begin))
        except MipflowError as failed:
            self._say(escape(f"{failed}."))
        finally:
            self._send.disabled = False

    def _judged(self, places: dict[int, str]) -> str:
        """Whether a wish came true."""
        if places.get(3) == CELLULAR and {places.get(1), places.get(FILE)} == {WLAN}:
            return "The video moved alone."
        return "Call and file still go together." if places.get(1) == places.get(FILE) else ""

    def _say(self, html: str) -> None:
        self._said.value = f"<p role='status'>{html}</p>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = self.output._repr_mimebundle_()
        return bundle | {"text/plain": "Two choices: which binding update MN sends, and whether CN2 keeps a row."}


@cache
def plain(student: Student) -> World:
    """Plain Mobile IPv6, asked to move the video."""
    world = mf.plain_mobile_ipv6(seed=1).run(2.5)
    for name, cn in (("call", world.cn1), ("file", world.cn1), ("video", world.cn2)):
        world.mn.open(cn, app(name, interval_ms=50))
        world.run(0.5)
    world.run(0.5)
    world.mn.handover(world.flows()[2], CELLULAR)
    world.title = "Plain Mobile IPv6: the video is to move"
    return world.run(1)


def plain_film(student: Student) -> Any:
    """Its film, with the lanes in which call and file were to stay."""
    return plain(student).animate(4.4, 4.9, wishes={1: WLAN, FILE: WLAN})


def updates_of(world: World) -> list[str]:
    """To whom MN sent a binding update from its last handover on."""
    trace, names, start = world.trace, world.names(), world.handovers_s()[-1] * 1e9
    return [
        names[packet.destination] for number, packet in enumerate(trace.packets)
        if isinstance(packet.payload, BindingUpdate) and trace.channels[trace.channel[number]].sender == "MN"
        and trace.sent[number] >= start
    ]  # fmt: skip


@cache
def called(student: Student) -> World:
    """CN1 calls while it keeps no row yet, and MN wants calls by cellular."""
    world = mf.figure1(seed=1, policy=mf.policies.ByApplication({"call": CELLULAR})).run(2.5)
    world.mn.accept(world.cn1, mf.apps.Voice())
    world.title = "CN1 calls, and keeps no row yet"
    return world.run(0.6)


def early(world: World) -> int:
    """How many packets of the call came by WLAN."""
    trace = world.trace
    links = [trace.channels[trace.channel[n]] for n, packet in enumerate(trace.packets) if packet.innermost().label == -1]
    return sum(each.receiver == "MN" and each.segment == WLAN for each in links)


def calls(student: Student) -> Any:
    """The messages while CN1 calls."""
    world = called(student)
    show_words(f"Of this call {early(world)} packets came by WLAN, one every 20 ms, before CN1 knew better.")
    return world.ladder(2.5, 2.8)


def _asked(student: Student, attempts: Attempts) -> str:
    words = f"In your run the file arrived {came_along(student):.0f} ms after an update that was sent for the call. A friend says:"
    words += " “Easy: put the call's port number into the update.” Answer in two or three sentences: what would CN1 do with it"
    words += " today, and who would have to be changed?"
    return words + then(attempts, "4.1", "which part of your moved says that a row knows no flows?")


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    deal = deal_of(student)
    one, other = _tied(deal)[0]
    cannot = min(ALL - reachable(deal))
    before, after = delays_ms(student)
    return [
        (
            _asked(student, attempts),
            "CN1 looks its row up by H@ alone, so it would have to refuse the number or to overlook it. Every correspondent, and"
            " the home agent, would have to learn to keep rows for flows (pages 4 and 5).",
        ),
        (
            f"Why is {cannot} not among your placements (call, file, video in order), and what would make it possible?",
            f"{one.capitalize()} and {other} come from one correspondent and follow one row, which says one address. A second home"
            " address: a second row.",
        ),
        (
            f"The call's packets took {before:.0f} ms before the update, and {after:.0f} ms after it. Why did it get worse?",
            "The file shares the call's row, came along, and fills the slower link.",
        ),
    ]  # fmt: skip


def _file_came(world: World) -> float | None:
    """When the first of the file's packets came by cellular, in seconds."""
    trace = world.trace
    arrived = (
        trace.arrived[n] for n, packet in enumerate(trace.packets)
        if trace.channels[trace.channel[n]].segment == CELLULAR and trace.channels[trace.channel[n]].receiver == "MN"
        and packet.innermost().label == -FILE and trace.arrived[n] != LOST
    )  # fmt: skip
    return next((t_ns / 1e9 for t_ns in arrived), None)


def _row_changed(world: World) -> float | None:
    """When CN1's row came to say cellular, in seconds."""
    return next((
        each.t_ns / 1e9 for each in reversed(world.trace.records)
        if isinstance(each, TableChanged) and each.node == "CN1" and each.change.table == "binding cache"
    ), None)  # fmt: skip


QUESTIONS = {
    question.name: question
    for question in (
        Question("04", "For the call's sake MN sends one binding update, to CN1: “H@ is now at my cellular address”. What arrives"
                 " by cellular two seconds later?", {
            "a": Answer(
                "The call: the update was sent for it.",
                "It was sent for the call, but CN1 cannot know: no field says so. The file came along. Watch {at}.",
                "M16", _file_came),
            "b": Answer(
                "Call and file: CN1 has one row, and sends both by it.",
                "So it was: one row changed at {at}, and call and file swung together. The dashed lane stays empty.",
                None, _row_changed),
            "c": Answer(
                "All three: MN's address has changed.",
                "An address that changes sounds like one for everybody. But the video ran on by WLAN: nobody had told CN2. At"
                " {at} its row keeps still.", "M15", _row_changed),
            "d": Answer(
                "Nothing: the home agent's row still says WLAN, and the home agent decides.",
                "HA was there first, and its row says WLAN even now. Yet both came by cellular: CN1 goes by its own row. Watch"
                " {at}.", "M18b", _row_changed),
        }),
        Question("04-plain", "In plain Mobile IPv6, the way that page 2 tells, you ask for the video to move. What moves?", {
            "a": Answer(
                "The video.",
                "So it sounds. But this vertical handover (to another kind of network) sends three updates: to HA, CN1 and CN2."
                " Look at the two dashed lanes.", "M13"),
            "b": Answer("Everything.", "Yes. Page 2 says so, page 3 says why: one care-of address goes into all rows."),
        }),
        Question(
            "04-exit", "A laptop has one home address, three flows to CN1 and one to CN2, all by cable. HA, CN1 and CN2 each keep"
            " a row. It sends two updates: to CN2 “WLAN”, then to HA “WLAN”. What now arrives by WLAN?", {
                "a": Answer(
                    "All four.", "The home agent's row did change. Which of the four flows follows it?", "M18b"),
                "b": Answer(
                    "The flow to CN2.", "Yes: it follows CN2's row. HA's row changed too, and nobody follows it."),
                "c": Answer(
                    "The flow to CN2 and one to CN1.",
                    "Nothing in an update chooses one of three, and CN1 was told nothing. Whose row do they follow?", "M16"),
                "d": Answer(
                    "Nothing, until CN1 knows as well.", "CN2 goes by its own row, and needs no consent. Who told CN2?", "M18a"),
            }, is_last=True),
    )
}  # fmt: skip

BLOCKS = {
    "4.1": ("def moved(bindings, update, flows):", {
        "A": "return names",
        "B": "    if flow.cn == update.to:",
        "C": "        row = flow.cn",
        "D": "names = set()",
        "E": "        names.add(flow.name)",
        "F": "    if row == update.to and bindings[row] != update.care_of:",
        "G": "    if flow.name == update.wish:",
        "H": "    if flow.cn in bindings:",
        "I": "for flow in flows:",
        "J": '    row = "HA"',
        "K": "    row = update.to",
    }),
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "play": Play, "predicted": run_of, "film": film_of_it, "worth": worth, "plain": plain, "plain film": plain_film, "story": story,
    "run": run_of, "packets": packets, "dealt": dealt, "calls": calls, "explain": explains("4.1", _asked, "4.R"),
}  # fmt: skip
"""The pieces that a notebook shows by `part("04", name)`."""

MOVED_HINTS = (
    "One finger on the row that the update changes, one on the row that a flow's packets follow. Do they meet?",
    "For each flow you need two answers: whose row does it follow, and does the update make that row say something else?",
    "Begin each flow with the home agent's row. When must you take another? Then compare: that row with update.to, and what it"
    " says with update.care_of.",
)
COUNT_HINTS = (
    "Which rows does somebody follow? Write them down for three flows; each row once.",
    "Each of these rows may say any of the interfaces, whatever the others say.",
)

EXERCISES = [
    Exercise(number="4.1", answer="moved", points=10, judge=MOVED, hints=MOVED_HINTS, film=film),
    Exercise(
        number="4.2a", answer="reached", points=4, judge=judge_reached,
        is_empty=lambda reached: reached is None or reached is ... or (isinstance(reached, list) and not reached),
    ),
    Exercise(number="4.2b", answer="placements", points=4, judge=COUNT, hints=COUNT_HINTS),
    Exercise(number="4.R", answer="came_along_ms", points=5, judge=judge_came_along),
    Exercise(
        number="4.3", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
