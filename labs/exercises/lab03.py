"""Lab 03, return routability and attackers: the grids, programs and stories with what is said of each, questions, and
the runs to look at.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/03_return_routability.py. In stories "1wA" is an update: H@1 is at the WLAN, said to CN1; "2cB": H@2 is at
the cellular network, said to CN2; "+60": 60 seconds pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from html import escape
from itertools import pairwise, product
from math import isfinite
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, last_failed
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.course.progress import progress
from mipflow.errors import MipflowError, shown
from mipflow.lab.panels.panel import button, choice, frame, show_in
from mipflow.lab.studies.attackers import Liar
from mipflow.lab.studies.attacks import Attack, attack
from mipflow.lab.world import World
from mipflow.sim.trace import TableChanged
from mipflow.view.story.words import short
from mipflow.wire.mobility import CareOfTest, CareOfTestInit, HomeTest, HomeTestInit

# --- The attacks ------------------------------------------------------------------------------------------------------

PLACES = "off the path", "MN's access", "HA-CN path", "CN's access"
LIES = {"steal": "steal at the correspondent", "flood": "flood"}
BEGINS_S = {"steal": 6.0, "flood": 4.0}
"""When the attacker begins, in seconds."""
VICTIMS = {
    "CN2": "a stranger's server (CN2)", "Laptop": "a laptop in your WLAN", "Printer": "a printer in your home network",
}  # fmt: skip
NEAR = {"CN2": None, "Laptop": "MN's access", "Printer": "HA-CN path"}
"""The place, beside CN's access, whose ears are on the way from CN1 to the victim."""


def victim_of(student: Student) -> str:
    """Return the name of the node that is flooded."""
    return str(student.random("03 victim").choice(list(VICTIMS))) if student.ids else "Laptop"


@lru_cache(maxsize=32)
def played(lie: str, place: str, esp: bool = True, victim: str = "CN2") -> Attack:
    """One lie from one place, where CN1 tests."""
    defence = "return routability and ESP" if esp else "return routability"
    made = attack(LIES[lie], place, defence, 1, victim=victim)
    about = VICTIMS[victim] if lie == "flood" else "H@1"
    made.world.title = f"The attacker ({place}) lies about {about}; ESP is {'on' if esp else 'off'}"
    return made


def believed_s(made: Attack) -> float | None:
    """When CN1 first believed the attacker, in seconds; None where it never did."""
    begun_ns = min(BEGINS_S.values()) * 1e9
    return next((
        record.t_ns / 1e9 for record in made.world.trace.records
        if isinstance(record, TableChanged) and record.node == "CN1" and record.change.table == "binding cache"
        and record.t_ns > begun_ns and made.succeeds and record.change.after is not None
    ), None)  # fmt: skip


def passes_s(made: Attack, link: str, kind: type = HomeTest) -> float | None:
    """When the first half of a kind passes a link after the attacker has begun, in ESP or not, in seconds."""
    begun_ns = min(BEGINS_S.values()) * 1e9
    return next((
        hop.sent_ns / 1e9 for hop in made.world.trace
        if hop.sent_ns > begun_ns and hop.channel.segment == link and isinstance(hop.packet.unsealed().carried, kind)
    ), None)  # fmt: skip


def film_of(made: Attack, lie: str) -> Any:
    """The film of a lie, until it is refused, or the mobile node has its row back, or the victim is flooded."""
    begins = BEGINS_S[lie]
    is_theft = lie == "steal" and made.succeeds
    end = begins + (0.65 if is_theft else 0.54 if lie == "steal" or not made.succeeds else 0.3)
    slow = [(begins - 0.01, begins + 0.12), (begins + 0.48, end)] if end > begins + 0.5 else [(begins - 0.01, end)]
    return made.world.animate(begins - 0.1, end, slow)


def told_of(made: Attack, is_asked: bool = True) -> str:
    """In a sentence, what an attack came to."""
    at_s = believed_s(made)
    if not is_asked:
        back = [record.t_ns / 1e9 for record in made.world.trace.records if isinstance(record, TableChanged)
                and record.node == "CN1" and record.change.table == "binding cache"][-1]  # fmt: skip
        return f"CN1 believes the attacker at {at_s:.3f} s, and at {back:.3f} s the phone again."
    held = made.held
    kinds = " and ".join(f"{kind} (since {since:.3f} s)" for kind, since in sorted(held.items())) or "none"
    if at_s is None:
        return f"True halves in the attacker's box: {kinds}. It guesses the other one, and CN1 refuses."
    return f"True halves in the attacker's box: {kinds}. CN1 believes it at {at_s:.3f} s."


class Play:
    """An attacker's place, and where CN1 tests whether there is ESP: what it does from there.

    cells: both lies may be chosen, once 3.2 has been tried; is_asked: whether CN1 tests.
    """

    def __init__(self, student: Student, is_asked: bool = True, cells: bool = False) -> None:
        self._student, self._is_asked, self._cells = student, is_asked, cells
        lies = list(LIES) if cells else ["steal"]
        places = {(f"{lie}, {place}" if cells else place): (lie, place) for lie in lies for place in PLACES}
        self._where = choice("cell" if cells else "place", "the cell" if cells else "the attacker is", places)
        self._esp = choice("esp", "ESP around the home half", {"on": True, "off": False})
        self._run = button("Attack", "Lets the attacker lie from there")
        self._said, self._output = ipywidgets.HTML(), ipywidgets.Output()
        self._run.on_click(lambda _: self.run(*self._where.widget.value, self._esp.widget.value))
        controls = [self._where.widget, *([self._esp.widget] if is_asked else []), self._run]
        row = ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center"})
        self.output = frame(row, self._said, self._output)
        self._say("Choose, and attack.")

    def run(self, lie: str, place: str, esp: bool = True) -> None:
        """Attack, say what came of it, show it."""
        if self._cells and not progress("03").attempts("3.2"):
            self._say("First fill in both grids, finger first, and check them once. Then you can play every cell.")
            return
        self._run.disabled = True
        try:
            if self._is_asked:
                made = played(lie, place, esp, victim_of(self._student))
            else:
                made = attack(LIES[lie], place, "none", 1, tests=False)
                made.world.title = f"The attacker ({place}) lies to a CN1 that believes everybody"
            self._say(escape(told_of(made, self._is_asked)))
            show_in(self._output, film_of(made, lie))
        except MipflowError as failed:
            self._say(escape(f"{failed}."))
        finally:
            self._run.disabled = False

    def _say(self, html: str) -> None:
        self._said.value = f"<p role='status'>{html}</p>"

    def bundles(self) -> list[dict[str, Any]]:
        """It as something that stands below a film."""
        return [self._repr_mimebundle_()]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = self.output._repr_mimebundle_()
        return bundle | {"text/plain": "An attacker's place and a button: what it does from there."}


def predicted(student: Student) -> World:
    """The world of the prediction: an attacker in the WLAN, and ESP."""
    return played("steal", "MN's access").world


def film_of_it(student: Student) -> Any:
    """Its film."""
    return film_of(played("steal", "MN's access"), "steal")


def lies(student: Student) -> Words:
    """The two lies, with the student's victim."""
    rows: list[dict[str, object]] = [
        {"the lie": "steal", "the attacker says": "“H@1”, your phone's, “is now at my address.”"},
        {
            "the lie": "flood", "the attacker says":
            f"It orders a stream from CN1 under a home address of its own; then: “I am now at {VICTIMS[victim_of(student)]}.”",
        },
    ]  # fmt: skip
    return words_of("", rows, "Two lies")


# --- 3.2: the grids ---------------------------------------------------------------------------------------------------

HALVES = "none", "home", "care-of", "both"
Grid = Mapping[str, str]


def grid(victim: str) -> tuple[dict[str, str], dict[str, str], tuple[str, str]]:
    """The true halves that the attacker holds, by place, with ESP: to steal, to flood; the cell that changes without."""
    steal = {place: "both" if place in PLACES[2:] else "care-of" for place in PLACES}
    flood = {place: "both" if place in (NEAR[victim], PLACES[3]) else "home" for place in PLACES}
    return steal, flood, ("steal", "MN's access")


GRID_WRONG = {
    "words": "Not yet. Your cell “{cell}” says “{said}”. Say what it *holds*: none, home, care-of or both. How does the outcome"
    " follow?",
    "everybody": "Not yet. You wrote “both” everywhere, as if CN1 asked for nothing. Sit off the path and steal: by which link"
    " would H@1's half come to you?",
    "nobody": "Not yet. You wrote “both” nowhere. The test shows that somebody *reads* at two addresses, not who. Play"
    " “steal, CN's access”: at {at} s, which half does not pass?",
    "own": "Not yet. “{cell}”: you wrote “{said}”. One address in the lie is the attacker's own. Which half comes there, and"
    " need that be overheard?",
    "esp": "Not yet. “{cell}”: you wrote “{said}”; it hears every bit, after all. The home half passes these ears at {at} s."
    " Open that packet: do you find a token?",
    "flood": "Not yet. “{cell}”: you wrote “{said}”. This care-of half goes to {victim}, not to the phone. Walk there from"
    " CN1. Do you touch these ears?",
    "changed": "Nearly. Eight cells are right; for ESP you named “{said}”. ESP wraps one half on one stretch of road. Whose ears"
    " are on it, and in which lie do they need that half?",
    "other": "Not yet. “{cell}”: you wrote “{said}”, and the box says something else. Where does each half go, and does it"
    " pass these ears in the clear?",
    "empty": "Not yet. “{cell}” is still empty. Which halves does the attacker end up with there?",
}  # fmt: skip
BELIEFS = {"nobody": "M10", "esp": "M06c"}


def diagnose(steal: Grid, flood: Grid, changed: tuple[str, str], victim: str) -> tuple[str, str, tuple[str, str] | None]:
    """Return which version a grid is, its text, and the cell that it speaks of; all empty for a right one."""
    off, access, path, cn = PLACES
    want_steal, want_flood, want_changed = grid(victim)
    cells = {("steal", place): steal[place] for place in PLACES} | {("flood", place): flood[place] for place in PLACES}
    due = {("steal", place): want_steal[place] for place in PLACES} | {("flood", place): want_flood[place] for place in PLACES}
    bad = [cell for cell, said in cells.items() if said != due[cell]]
    strange = next((cell for cell, said in cells.items() if said not in (*HALVES, "")), None)
    near = ("flood", NEAR[victim] or off)
    swapped = next((cell for cell, said in ((("steal", off), "home"), (("flood", off), "care-of")) if cells[cell] == said), None)
    free = next((cell for cell in (("steal", off), ("flood", off)) if cells[cell] == "none"), None)
    missed = [cell for cell in bad if cell[0] == "flood"]
    found: list[tuple[object, str, str, tuple[str, str] | None]] = [
        (strange, "words", "words", strange),
        (set(cells.values()) == {"both"}, "everybody", "everybody", None),
        ("" in cells.values(), "empty", "empty", next((cell for cell, said in cells.items() if not said), None)),
        ("both" not in cells.values(), "nobody", "nobody", None),
        (free, "nothing is free", "own", free),
        (swapped, "free halves swapped", "own", swapped),
        (steal[access] == "both", "the tunnel hides nothing", "esp", ("steal", access)),
        (steal[path] == "home", "path: home only", "own", ("steal", path)),
        (steal[cn] == "home", "CN's access: home only", "own", ("steal", cn)),
        ("both" not in flood.values(), "no flood at all", "flood", missed[0] if missed else None),
        (NEAR[victim] and cells[near] == "home", "victim's own link forgotten", "flood", near),
        (("flood", access) in bad and flood[access] == "both", "flood from the WLAN", "flood", ("flood", access)),
        (("flood", path) in bad and flood[path] == "both", "flood on the phone's roads", "flood", ("flood", path)),
        (bad, "another cell", "other", bad[0] if bad else None),
        (changed != want_changed, "another cell for ESP", "changed", None),
    ]  # fmt: skip
    return next(((name, text, cell) for is_so, name, text, cell in found if is_so), ("", "", None))


def _word(value: str) -> str:
    word = value.strip().lower().replace("_", "-").replace(" ", "-")
    return "care-of" if word in ("careof", "care-of") else word


def judge_grids(answer: Any, student: Student) -> Verdict:
    """A point for each cell, two for the one that ESP changes; one word everywhere earns nothing."""
    steal, flood, changed = answer
    for name, given in (("steal", steal), ("flood", flood)):
        if not isinstance(given, Mapping) or {*given} != {*PLACES} or not all(isinstance(each, str) for each in given.values()):
            return error(f"{name} is no grid; expected a word for each of {', '.join(PLACES)}.")
    if not isinstance(changed, tuple | list) or len(changed) != 2 or not all(isinstance(each, str) for each in changed):
        return error('changed is no pair of words; expected the lie and the place, such as ("flood", "off the path").')
    steal, flood = ({place: _word(given[place]) for place in PLACES} for given in (steal, flood))
    pair = (changed[0].strip().lower(), changed[1].strip())
    victim = victim_of(student)
    due = grid(victim)
    name, text, cell = diagnose(steal, flood, pair, victim)
    if not name:
        return passed(10, "Ten of ten. In each lie one half comes by itself; the other is a question of ears. Now play the cell"
                      f" that ESP changes, with ESP off: CN1 believes it at {believed_s(played(*pair, False)):.3f} s.")
    right = sum(given[place] == one[place] for given, one in ((steal, due[0]), (flood, due[1])) for place in PLACES)
    points = (right + 2 * (pair == due[2])) * (len({*steal.values(), *flood.values()}) > 1)
    said = (steal if cell[0] == "steal" else flood)[cell[1]] if cell else ", ".join(each or "…" for each in pair)
    at = {"nobody": ("CN's access", "cn1"), "esp": ("MN's access", "wlan0")}.get(text)
    at_s = passes_s(played("steal", at[0]), at[1]) if at else None
    words = GRID_WRONG[text].format(
        cell=", ".join(cell or ()), said=said[:20] if cell else said[:40], victim=VICTIMS[victim], at=f"{at_s or 0:.3f}"
    )
    return wrong(words, min(points, 9), BELIEFS.get(text), matched=name)


# --- 3.3: how long a move takes ---------------------------------------------------------------------------------------

LINKS = {"wlan": "wlan0", "ar2": "AR2-Internet", "cell": "cell0", "ar3": "AR3-Internet", "ha": "Internet-HA", "cn1": "cn1"}
Delays = Mapping[str, int]


class Plan(NamedTuple):
    """The choices of a number for the move: the delays, in order of `LINKS` (milliseconds), and when it is."""

    delays: tuple[int, ...] = (9, 8, 60, 6, 40, 17)
    move_s: float = 4.0


def halves_ms(d: Delays) -> tuple[int, int]:
    """When each half is back, counted from the decision: home, care-of."""
    return 2 * (d["wlan"] + d["ar2"] + 2 * d["ha"] + d["cn1"]), 2 * (d["cell"] + d["ar3"] + d["cn1"])


@cache
def plan(student: Student) -> Plan:
    """The plan of a student: one half waits for the other, ten milliseconds at least."""
    if not student.ids:
        return Plan()
    random = student.random("03 delays")
    while True:
        several = (4, 6, 9, 12), (3, 5, 8), (25, 33, 45, 60), (6, 10, 14), (7, 11, 15, 28, 40), (5, 9, 13, 17)
        made = tuple(random.choice(each) for each in several)
        home, care_of = halves_ms(dict(zip(LINKS, made, strict=True)))
        if abs(home - care_of) >= 10:
            return Plan(made, 4 + random.randrange(1000) / 1000)


def delays(student: Student) -> dict[str, int]:
    """One way, in milliseconds, by the names that a formula uses."""
    return dict(zip(LINKS, plan(student).delays, strict=True))


@cache
def run_of(student: Student) -> World:
    """The run that is timed and read from: the call moves, CN1 alone is told, and no token is left over."""
    links = {name: mf.Link(delay_ms=delays(student)[key], rate_bps=RATES[key]) for key, name in LINKS.items()}
    world = mf.figure2(seed=1, reuse_tokens=False, security=True, links=links)
    call = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(plan(student).move_s)
    world.mn.handover(call, "cell0")
    world.title = "Your call moves; CN1 alone is told"
    return world.run(0.9)


RATES = {"wlan": 20_000_000, "ar2": 1_000_000_000, "cell": 6_000_000, "ar3": 1_000_000_000, "ha": 1_000_000_000, "cn1": 100_000_000}
"""Bits a second, as always."""


def first_by_cellular_ms(student: Student) -> float:
    """When CN1's first packet arrived by cellular in the run, counted from the decision."""
    world, move_ns = run_of(student), plan(student).move_s * 1e9
    return next(
        (hop.arrived_ns - move_ns) / 1e6 for hop in world.trace
        if hop.channel.receiver_interface == "cell0" and hop.channel.receiver == "MN" and hop.packet.innermost().flow
    )  # fmt: skip


def film_of_move(student: Student) -> Any:
    """The film of the run, from the decision until the first packet by cellular."""
    begin, end = plan(student).move_s, plan(student).move_s + first_by_cellular_ms(student) / 1000
    return run_of(student).animate(begin - 0.03, end + 0.03, [(begin - 0.01, end + 0.03)])


@ours
def first_packet_ms(d: Delays) -> float:
    """Both tests side by side, then the update and the packet."""
    return max(halves_ms(d)) + halves_ms(d)[1]


def _roads(d: Delays) -> tuple[int, int, int, int]:
    return d["wlan"] + d["ar2"], d["cell"] + d["ar3"], d["ha"], d["cn1"]


def home_agent_first(d: Delays) -> float:
    """The home agent is told before the tests."""
    _, new, ha, cn = _roads(d)
    return 2 * (new + ha) + max(2 * (new + 2 * ha + cn), 2 * (new + cn)) + 2 * (new + cn)


def _slower(old_part: Callable[[int, int, int], int]) -> Callable[[Delays], float]:
    """A formula whose home test takes another road, from the old road, the new one and the way to the home agent."""

    def formula(d: Delays) -> float:
        old, new, ha, cn = _roads(d)
        return max(2 * (old_part(old, new, ha) + cn), 2 * (new + cn)) + 2 * (new + cn)

    return formula


def by_wlan(d: Delays) -> float:
    """The update leaves by the old road."""
    old, new, _, cn = _roads(d)
    return max(halves_ms(d)) + (old + cn) + (new + cn)


def through_home(d: Delays) -> float:
    """The update goes through the home agent."""
    old, new, ha, cn = _roads(d)
    return max(halves_ms(d)) + (old + 2 * ha + cn) + (new + cn)


def _counts(formula: Callable[..., Any], d: Delays, at: float) -> dict[str, float]:
    """How often each link counts in a formula: what one millisecond more on it changes."""
    found = {}
    for name in LINKS:
        more, _, _ = outcome(formula, {**d, name: d[name] + 1})
        found[name] = round(more - at, 2) if isinstance(more, int | float) else 0.0
    return found


def wrong_number(result: object, d: object) -> str:
    """Say what is wrong with a result of `first_packet_ms`; empty where nothing is."""
    is_number = isinstance(result, int | float) and not isinstance(result, bool)
    return "" if is_number and isfinite(result) and abs(result) < 1e9 else "expected a number of milliseconds, such as 394"


def go_formula(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
    """One set of delays is one step."""
    d = dict(zip(LINKS, map(int, event.split()), strict=True))
    due = max(halves_ms(d)) + halves_ms(d)[1]
    answer, failed, why = outcome(function, dict(d))
    values: dict[str, Any] = {"got": failed.removeprefix(RAISED), "due": due, "why": why}
    row: dict[str, object] = {**d, "yours": values["got"]}
    told = ", ".join(f"{name} {each}" for name, each in d.items())
    if failed:
        return None, Step(told, failed, failed, due, values, row)
    home, care_of = halves_ms(d)
    mine, right = _counts(function, d, answer), _counts(lambda d: max(halves_ms(d)) + halves_ms(d)[1], d, due)
    other = next((name for name in LINKS if mine[name] != right[name]), None)
    where = f"All links count as in the film, and yet you are {round(answer - due, 3):g} ms off."
    if other is not None:
        where = f"The link {other} counts {mine[other]:g} times, in the film {right[other]:g}."
    values |= {
        "got": f"{answer:g}", "ha": f"{mine['ha']:g}", "ha_due": f"{right['ha']:g}", "leaves": f"{answer - care_of:g}",
        "short": f"{due - answer:g}", "last": "home" if home > care_of else "care-of", "where": where,
    }  # fmt: skip
    row["yours"] = values["got"]
    is_right = abs(answer - due) < 0.5
    return (), Step(told, round(answer, 3), due if is_right else round(answer, 3), due, values, row)


FORMULA_WRONG = (
    Wrong(
        "one test after the other",
        "Not yet. You get {got} ms, and it takes {due}. One test waits for the other in your formula, as one would write them"
        " down. When does each Init message leave in the film?",
        (
            lambda d: sum(halves_ms(d)) + halves_ms(d)[1], lambda d: sum(halves_ms(d)) + halves_ms(d)[1] / 2,
            lambda d: sum(halves_ms(d)), lambda d: sum(halves_ms(d)) + halves_ms(d)[1] * 3 / 2,
        ), "M11",
    ),
    Wrong(
        "no detour, or half of it",
        "Not yet. You get {got} ms, and it takes {due}. The link to HA counts {ha} times, in the film {ha_due}: in and out"
        " again, on both trips.",
        (_slower(lambda old, new, ha: old), _slower(lambda old, new, ha: old + ha)), None,
        lambda step: step.values["last"] == "home",
    ),
    Wrong(
        "home agent told, or home test by cellular",
        "Not yet. You get {got} ms, and it takes {due}. Either you tell the home agent too, or your home test goes by cellular"
        " as if you had. Only CN1 is told. Where does the tunnel still end?",
        (_slower(lambda old, new, ha: new + 2 * ha), home_agent_first),
    ),
    Wrong(
        "one way, not two",
        "Not yet. You get {got} ms, and it takes {due}. You count the way of the question. The half key is in the answer.",
        (lambda d: max(halves_ms(d)) / 2 + halves_ms(d)[1],),
    ),
    Wrong(
        "leaves without the home half",
        "Not yet. You get {got} ms, and it takes {due}. Your update leaves after {leaves} ms: either it never waits for the home half,"
        " or the first half is enough. Stop the film there. What is missing?",
        (lambda d: 2 * halves_ms(d)[1], lambda d: min(halves_ms(d)) + halves_ms(d)[1]),
    ),
    Wrong(
        "stops a leg or two early",
        "Nearly. You get {got} ms, and it takes {due}: {short} ms are missing. After the last half two things still travel, one after the"
        " other. Which did you leave out?",
        (lambda d: max(halves_ms(d)) + halves_ms(d)[1] / 2, lambda d: max(halves_ms(d))),
    ),
    Wrong(
        "waits for the acknowledgement",
        "Nearly. You get {got} ms, and it takes {due}. CN1's packet waits for the acknowledgement, which sounds polite. When does"
        " CN1's row change, and what holds the packet back then?",
        (lambda d: max(halves_ms(d)) + halves_ms(d)[1] * 3 / 2,),
    ),
    Wrong(
        "no test, or no update",
        "Not yet. You get {got} ms, and it takes {due}. Either your update leaves at once, or your packet comes without one. What"
        " does CN1 want first?",
        (lambda d: halves_ms(d)[1],),
    ),
    Wrong(
        "update by the WLAN",
        "Nearly. You get {got} ms, and it takes {due}. Your update takes the WLAN, where you still are. Look at its first link in"
        " the film.",
        (by_wlan,),
    ),
    Wrong(
        "update through the home agent",
        "Nearly. You get {got} ms, and it takes {due}. Your update goes through the home agent, as the home test did. Look at its"
        " first link in the film.",
        (through_home,),
    ),
    Wrong(
        "in seconds",
        "Nearly. You get {got}, which is in seconds; the delays are in milliseconds, and so is the answer.",
        (lambda d: (max(halves_ms(d)) + halves_ms(d)[1]) / 1000,),
    ),
)  # fmt: skip


def _last(kind: str) -> Callable[[Step], bool | None]:
    return lambda step: step.is_right if step.values.get("last", kind) == kind else None


@cache
def sets_of_delays(student: Student) -> list[tuple[tuple[()], tuple[str, ...]]]:
    """The student's own delays, some that tell the known versions apart, and some that nobody has seen."""
    random = student.random("03 more delays")
    told = [
        plan(student).delays, (4, 3, 61, 11, 7, 5), (13, 9, 26, 6, 43, 17), (6, 3, 33, 15, 5, 19), (12, 8, 25, 10, 29, 5),
        (57, 8, 19, 6, 9, 11), *(tuple(random.randrange(3, 70) for _ in LINKS) for _ in range(8)),
    ]  # fmt: skip
    return [((), (" ".join(map(str, each)),)) for each in told]


FORMULA = Stories(
    name="first_packet_ms", parameters="d", check=wrong_number, tell=sets_of_delays, begin=lambda start, student: (),
    go=go_formula, points=5, wrong=FORMULA_WRONG,
    criteria=(
        Criterion("where the care-of half comes last", 2, _last("care-of")),
        Criterion("where the home half comes last", 2, _last("home")),
        Criterion("everywhere", 1, lambda step: step.is_right),
    ),
    unknown="Not yet. You get {got} ms, and it takes {due}. {where} Follow one message at a time.",
    passed=lambda function, student: f"Five of five. Your formula says {first_packet_ms(delays(student))} ms, your run"
    f" {first_by_cellular_ms(student):.1f}: CN1's voice has a packet every 20 ms, and bits take time to send.",
)  # fmt: skip


# --- The run of one's own ---------------------------------------------------------------------------------------------


ROUTERS = {"AR2": "WLAN router", "AR3": "cellular router"}
"""Their words in films."""


class Leg(NamedTuple):
    """A message on one link: its number in the trace, from whom to whom, what one sees, when it left and arrived."""

    packet: int
    sender: str
    receiver: str
    seen: str
    left_s: float
    arrived_s: float


def legs(student: Student) -> list[Leg]:
    """All messages after the decision, link by link."""
    trace, found = run_of(student).trace, list[Leg]()
    for number, packet in enumerate(trace.packets):
        if trace.sent[number] >= plan(student).move_s * 1e9 and not packet.innermost().label:
            channel = trace.channels[trace.channel[number]]
            is_locked = packet.unsealed() is not packet
            seen = "ESP" if is_locked else short(packet)
            ends = (ROUTERS.get(each, each) for each in (channel.sender, channel.receiver))
            found.append(Leg(number, *ends, seen, trace.sent[number] / 1e9, trace.arrived[number] / 1e9))
    return found


def messages(student: Student) -> Words:
    """The messages of the student's run, as a table."""
    rows: list[dict[str, object]] = [
        {"packet": leg.packet, "from": leg.sender, "to": leg.receiver, "you see": leg.seen, "left, s": f"{leg.left_s:.4f}",
         "arrived, s": f"{leg.arrived_s:.4f}"} for leg in legs(student)
    ]  # fmt: skip
    text = f"At {plan(student).move_s:.3f} s it is decided that the call moves."
    return words_of(text, rows, "Messages of the move, link by link")


def arrivals(student: Student) -> tuple[Leg, Leg]:
    """The last links of the Home Test and of the Care-of Test."""
    trace, mine = run_of(student).trace, [leg for leg in legs(student) if leg.receiver == "MN"]
    home, care_of = (
        next(leg for leg in mine if isinstance(trace.packets[leg.packet].unsealed().carried, kind)) for kind in (HomeTest, CareOfTest)
    )
    return home, care_of


def waited(student: Student) -> float:
    """How long the half that came first waited for the other one, in milliseconds."""
    home, care_of = arrivals(student)
    return abs(home.arrived_s - care_of.arrived_s) * 1000


TOLERANCE_MS = 1.0


def judge_wait(answer: Any, student: Student) -> Verdict:
    """How long the first half waited, to the millisecond."""
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not isfinite(answer):
        return error("waited_ms is no number; expected milliseconds, such as 12.5.")
    home, care_of = arrivals(student)
    due, given = waited(student), f"{answer:g}"
    first = "care-of" if care_of.arrived_s < home.arrived_s else "home"
    if abs(answer - due) <= TOLERANCE_MS:
        return passed(5, f"Read well: the {first} half was there first, and waited {due:.1f} ms for the other. Your update"
                      " could not leave a moment earlier.")
    move_s, own = plan(student).move_s, legs(student)
    halves = {"home": home, "care-of": care_of}
    slips = [
        (due / 1000, 0.002, "Nearly. {given} is in seconds, and the exercise asks for milliseconds."),
        (-due, TOLERANCE_MS, "Nearly. {given}: you took the later from the earlier. How long did the first half wait?"),
        (
            abs(home.left_s - care_of.left_s) * 1000, TOLERANCE_MS,
            "Nearly. {given} ms lie between the moments at which the two *left* for their last link. When did each arrive?",
        ),
        *((
            (leg.arrived_s - move_s) * 1000, TOLERANCE_MS,
            f"Not yet. {{given}} ms after the decision the {kind} half arrives. For how long is the other one there, or not there,"
            " by then?",
        ) for kind, leg in halves.items()),
        *((
            leg.arrived_s, 0.002,
            f"Not yet. {{given}} is the moment at which the {kind} half arrives. How long did the first half wait?",
        ) for kind, leg in halves.items()),
    ]  # fmt: skip
    said = next((words for value, most, words in slips if abs(answer - value) <= most), "")
    both = [leg for leg in own if leg.sender == "CN1" and leg.seen in ("HoT", "CoT")]
    if not said and len(both) == 2 and abs(answer - abs(both[0].left_s - both[1].left_s) * 1000) <= TOLERANCE_MS:
        said = "Nearly. {given} ms lie between the moments at which CN1 *sent* the two. When did each reach your phone?"
    said = said or "Not yet. You read {given} ms. Find the two rows that end at MN and hold a half: one is locked up. When did each arrive?"
    return wrong(said.format(given=given))


# --- 3.5: which test must run again -----------------------------------------------------------------------------------

Test = tuple[str, str, str]
Held = Mapping[Test, float]
LIMIT_S = 210
CNS = {"A": "CN1", "B": "CN2"}
CARE_OF = {"w": "CoA wlan0", "c": "CoA cell0"}
ON_THE_ROAD = {"CoA wlan0": "WLAN", "CoA cell0": "cellular"}
UPDATES = tuple(f"{home}{road}{cn}" for home in "12" for road in "wc" for cn in "AB")
WAITS = "+60", "+150", "+210", "+300", "+420"
EVENT = re.compile(r"[12][wc][AB]|\+[0-9]{1,4}")


def _both(cn: str, home: str, care_of: str) -> tuple[Test, Test]:
    return ("home", cn, home), ("care-of", cn, care_of)


def _fresh(halves: Held, test: Test, now: float, limit: float = LIMIT_S) -> bool:
    return test in halves and now - halves[test] < limit


@ours
def needed(cn: str, home: str, care_of: str, halves: Held, now: float) -> list[Test]:
    """Both, but for those of which a half is younger than 210 s (RFC 6275 section 5.2.7)."""
    return [test for test in _both(cn, home, care_of) if not _fresh(halves, test, now)]


def _each(is_fetched: Callable[[Test, Held, float], bool]) -> Callable[..., list[Test]]:
    """A program that judges each of the two tests alone."""
    return lambda cn, home, care_of, halves, now: [
        test for test in _both(cn, home, care_of) if is_fetched(test, halves, now)
    ]


def _pair(fetches: Callable[[bool, bool], tuple[bool, bool]]) -> Callable[..., list[Test]]:
    """A program that judges the pair: from whether home and care-of half are fresh, whether to fetch each."""

    def version(cn: str, home: str, care_of: str, halves: Held, now: float) -> list[Test]:
        pair = _both(cn, home, care_of)
        wants = fetches(*(_fresh(halves, test, now) for test in pair))
        return [test for test, is_wanted in zip(pair, wants, strict=True) if is_wanted]

    return version


def _any_of(kinds: str) -> Callable[..., list[Test]]:
    """A program for which a half of these kinds is good for any address."""

    def is_fetched(test: Test, halves: Held, now: float) -> bool:
        if test[0] in kinds.split():
            return not any(kept[:2] == test[:2] and now - at < LIMIT_S for kept, at in halves.items())
        return not _fresh(halves, test, now)

    return _each(is_fetched)


def never_again(cn: str, home: str, care_of: str, halves: Held, now: float) -> list[Test]:
    """This correspondent knows me already."""
    known = any(kept[1] == cn and now - at < LIMIT_S for kept, at in halves.items())
    return [] if known else list(_both(cn, home, care_of))


def ignores_cn(cn: str, home: str, care_of: str, halves: Held, now: float) -> list[Test]:
    """A half is a half."""
    known = {(kind, address) for (kind, _, address), at in halves.items() if now - at < LIMIT_S}
    return [test for test in _both(cn, home, care_of) if (test[0], test[2]) not in known]


def old_one_both(cn: str, home: str, care_of: str, halves: Held, now: float) -> list[Test]:
    """One too old: both anew."""
    pair = _both(cn, home, care_of)
    if any(test in halves and not _fresh(halves, test, now) for test in pair):
        return list(pair)
    return [test for test in pair if test not in halves]


class State(NamedTuple):
    """The state of a story: the halves that came and when, the time, the words so far."""

    halves: tuple[tuple[Test, float], ...] = ()
    now: float = 0.0
    words: tuple[str, ...] = ()


def said_of(tests: Sequence[Test] | set[Test]) -> str:
    """Tests in a few words."""
    return ", ".join(f"{kind} {ON_THE_ROAD.get(address, address)}" for kind, _, address in sorted(tests, reverse=True)) or "nothing"


def wrong_tests(result: object, *_: object) -> str:
    """Say what is wrong with a result of `tests`; empty where nothing is."""
    expected = 'expected a list of tests, such as [("home", "CN1", "H@1")], or an empty list'
    if not isinstance(result, list | tuple | set):
        return expected
    is_one = all(
        isinstance(each, list | tuple) and len(each) == 3 and all(isinstance(word, str) for word in each) for each in result
    )
    return "" if is_one and all(each[0] in ("home", "care-of") for each in result) else expected


def update_of(word: str) -> tuple[str, str, str]:
    """Correspondent, home address and care-of address of an update."""
    return CNS[word[2]], f"H@{word[0]}", CARE_OF[word[1]]


def go_tests(function: Callable[..., Any], state: State, event: str, student: Student) -> tuple[State | None, Step | None]:
    """One word; an update is a step. What is due is run, whatever the function asks for."""
    words = (*state.words, event)
    if event.startswith("+"):
        return state._replace(now=state.now + int(event[1:]), words=words), None
    update, halves = update_of(event), dict(state.halves)
    pair = _both(*update)
    due = {test for test in pair if not _fresh(halves, test, state.now)}
    answer, failed, why = outcome(function, *update, dict(halves), state.now)
    asked = {tuple(each) for each in answer or ()}
    extra = [test for test in pair if test in asked - due] or sorted(asked - {*pair})
    missing = [test for test in pair if test in due - asked]
    ages = {test: f"{state.now - halves[test]:g}" for test in pair if test in halves}
    values: dict[str, Any] = {
        "story": " ".join(words), "word": event, "got": failed.removeprefix(RAISED) or said_of(asked), "due": said_of(due),
        "why": why, "asked": asked, "needed": due, "is_first": not halves, "pair": pair, "ages": ages, "extra": extra, "missing": missing,
        "kind": (extra or missing or [("", "", "")])[0][0], "age": ages.get((extra or missing or [("", "", "")])[0], ""),
        "lacks": missing[0][2] if missing else "", "missing_kind": missing[0][0] if missing else "", "cn": update[0],
        "other": _another(missing, halves, state.now), "other_cn": "CN2" if update[0] == "CN1" else "CN1",
        "asked_kind": next(iter(sorted(asked)), ("",))[0], "oldest": max((float(each) for each in ages.values()), default=0.0),
    }  # fmt: skip
    values["oldest"] = f"{values['oldest']:g}"
    row: dict[str, object] = {
        "update": f"{event}: {update[1]} at {ON_THE_ROAD[update[2]]}, to {update[0]}", "now, s": f"{state.now:g}",
        "halves": "; ".join(f"{kind} {ON_THE_ROAD.get(at, at)} of {cn}, {state.now - since:g} s" for (kind, cn, at), since in halves.items())
        or "none", "yours": values["got"],
    }  # fmt: skip
    kinds = {kind for kind, *_ in asked}
    told = "both" if len(kinds) == 2 else next(iter(kinds), "nothing")
    step = Step(" ".join(words), told, failed or tuple(sorted(asked)), tuple(sorted(due)), values, row)
    if failed:
        return None, step
    return State(tuple({**halves, **dict.fromkeys(due, state.now)}.items()), state.now, words), step


def _another(missing: Sequence[Test], halves: Held, now: float) -> str:
    """The address of another half of the first missing one's kind and correspondent; empty where there is none."""
    kind, cn, address = missing[0] if missing else ("", "", "")
    return next((at for (k, c, at), since in halves.items() if (k, c) == (kind, cn) and at != address and now - since < LIMIT_S), "")


def _too_much(step: Step) -> bool:
    """A fresh half is fetched again, and nothing else is wrong."""
    return bool(step.values["extra"]) and not step.values["missing"]


def _old(step: Step) -> bool:
    return bool(step.values["missing"]) and all(test in step.values["ages"] for test in step.values["missing"])


TESTS_WRONG = (
    Wrong(
        "fetches a fresh half again",
        "Not yet. For “{story}” you fetch the {kind} half again, {age} s old. Not every update is a move. When is this half still"
        " good?",
        (
            lambda cn, home, care_of, halves, now: list(_both(cn, home, care_of)),
            _pair(lambda home, care_of: (not home, True)), _pair(lambda home, care_of: (True, not care_of)),
        ), None, lambda step: _too_much(step) and step.due == (),
    ),
    Wrong(
        "a half of another address will do",
        "Not yet. In “{story}” you use the {missing_kind} half of {other}. At {lacks} nobody has answered. Which lie of 3.2 would"
        " that allow?",
        (never_again, _any_of("home"), _any_of("care-of"), _any_of("home care-of")), None, lambda step: bool(step.values["other"]),
    ),
    Wrong(
        "a half of another CN will do",
        "Not yet. In “{story}” you use halves of {other_cn}. {cn} has a secret of its own and cannot check them. What must a half"
        " agree in, besides kind and address?",
        (ignores_cn,), None, lambda step: bool(step.values["missing"]) and not step.values["ages"],
    ),
    Wrong(
        "one missing or old: both",
        "Not yet. In “{story}” you fetch both at the last word; the {kind} half is {age} s old, and for the same address."
        " Only the other half is missing or too old. Why fetch this one?",
        (
            _pair(lambda home, care_of: (True, True) if not home else (False, not care_of)),
            _pair(lambda home, care_of: (True, True) if not care_of else (not home, False)),
            _pair(lambda home, care_of: (not (home and care_of),) * 2), old_one_both,
        ), None, lambda step: _too_much(step) and len(step.due) == 1,
    ),
    Wrong(
        "no age, or another limit",
        "Not yet. In “{story}” you use halves that are {oldest} s old. Either age counts nowhere, or another limit does: 420 s is"
        " how long a *binding* may live.",
        (_each(lambda test, halves, now: test not in halves), _each(lambda test, halves, now: not _fresh(halves, test, now, 420))),
        None, _old,
    ),
    Wrong(
        "210 counts as young",
        "Nearly. In “{story}” you keep the half at exactly 210 s; at 300 you do not. “Younger than 210 s”: which comparison lets the"
        " edge in?",
        (_each(lambda test, halves, now: test not in halves or now - halves[test] > LIMIT_S),), None,
        lambda step: _old(step) and step.values["age"] == "210",
    ),
    Wrong(
        "one kind never ages",
        "Not yet. In “{story}” you renew the {asked_kind} half alone; the {missing_kind} half never grows old. Do both pass the same"
        " check?",
        (
            _each(lambda test, halves, now: test not in halves or (test[0] == "home" and not _fresh(halves, test, now))),
            _each(lambda test, halves, now: test not in halves or (test[0] == "care-of" and not _fresh(halves, test, now))),
        ), None, lambda step: _old(step) and bool(step.values["asked"]),
    ),
    Wrong(
        "one kind only",
        "Not yet. For the very first update, “{story}”, you ask for the {asked_kind} half alone. {cn} would take your word for the other"
        " address. Which lie of 3.2 is that?",
        (_pair(lambda home, care_of: (not home, False)), _pair(lambda home, care_of: (False, not care_of))), None,
        lambda step: step.values["is_first"] and bool(step.values["asked"]),
        lambda steps: steps[-1].values["is_first"] and steps[-1].answer in ("home", "care-of"),
    ),
    Wrong(
        "turned round",
        "Nearly. For the first update, “{story}”, you ask for nothing, and later for what you hold: your list names the halves that"
        " are *there*.",
        (_each(lambda test, halves, now: _fresh(halves, test, now)), _each(lambda test, halves, now: test in halves)), None,
        lambda step: step.values["is_first"] and not step.values["asked"],
    ),
)  # fmt: skip


def in_order(longest: int = 4) -> Iterator[tuple[str, ...]]:
    """All stories in order of length, begun by 1wA (the rest is the same): an update last, never two waits in a row."""
    for length in range(1, longest + 1):
        for middle in product((*UPDATES, *WAITS), repeat=length - 1):
            words = ("1wA", *middle)
            if words[-1][0] != "+" and not any(a[0] == b[0] == "+" for a, b in pairwise(words)):
                yield words


@cache
def stories(student: Student) -> list[tuple[tuple[()], tuple[str, ...]]]:
    """Return all stories of at most three words, some longer ones that tell versions apart, some never seen."""
    random = student.random("03 stories")
    told = [*in_order(3), ("1wA", "+210", "1cA", "1wA"), ("1wA", "+210", "2wA", "1wA")]
    told += [("1wA", "+150", "2wA", "+60", "2wA"), ("1wA", "+150", "1cA", "+60", "1cA")]
    told += [("1wA", "+60", *both) for both in product(UPDATES, repeat=2)]
    for _ in range(40):
        waits = [f"+{random.randrange(1, 300)}" for _ in range(2)]
        told.append(("1wA", waits[0], random.choice(UPDATES), waits[1], random.choice(UPDATES)))
    return [((), words) for words in told]


@cache
def phone() -> tuple[int, int]:
    """How many tests a real phone runs: for the video's own home address, and when the call follows it to cellular."""
    world = mf.figure2(seed=1)
    call = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(2.5)
    counts = []

    def video() -> None:
        second.append(world.mn.open(world.cn1, mf.apps.Video()))

    second: list[Any] = []
    for begin in (video, lambda: world.mn.handover(second[0], "cell0"), lambda: world.mn.handover(call, "cell0")):
        since = world.network.clock.now
        begin()
        world.run(2.5)
        counts.append(sum(
            hop.sent_ns >= since and hop.channel.sender == "MN"
            and isinstance(hop.packet.innermost().payload, HomeTestInit | CareOfTestInit) for hop in world.trace
        ))  # fmt: skip
    return counts[0], counts[2]


def _agrees(function: Callable[..., Any], student: Student) -> str:
    video, call = phone()
    return (
        f"Five of five. Your phone agrees: for the video at H@2 it ran {video} test; when the call followed it to cellular,"
        f" {call or 'none'}. Page 17 of the patent adds: H@2 gets an ESP association of its own. Without it, who could steal H@2?"
    )


TESTS = Stories(
    name="tests", parameters="cn, home, care_of, halves, now", check=wrong_tests, tell=stories,
    begin=lambda start, student: State(), go=go_tests, points=5, wrong=TESTS_WRONG,
    criteria=(
        Criterion("all that is needed", 2, lambda step: set(step.due) <= step.values["asked"]),
        Criterion("nothing more", 2, lambda step: step.values["asked"] <= set(step.due)),
        Criterion("everything right", 1, lambda step: step.is_right),
    ),
    unknown="Not yet. The shortest story that goes wrong: “{story}”. You ask for {got}; needed: {due}. This CN, this address,"
    " young enough?",
    passed=_agrees,
)  # fmt: skip


# --- Break it ---------------------------------------------------------------------------------------------------------


def dealt_home(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    # I am one phone, whatever I am called: one home half for each CN.
    at_home = [at for (kind, peer, _), at in halves.items() if (kind, peer) == ("home", cn)]
    run = [] if any(now - at < 210 for at in at_home) else [("home", cn, home)]
    last = halves.get(("care-of", cn, care_of))
    if last is None or now - last >= 210:
        run.append(("care-of", cn, care_of))
    return run


def dealt_care_of(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    last = halves.get(("home", cn, home))
    run = [("home", cn, home)] if last is None or now - last >= 210 else []
    # The care-of half says that I can be reached. I can.
    away = [at for (kind, peer, _), at in halves.items() if (kind, peer) == ("care-of", cn)]
    if not any(now - at < 210 for at in away):
        run.append(("care-of", cn, care_of))
    return run


def dealt_any_cn(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    # Kind and address make a half.
    young = {(kind, address) for (kind, _, address), at in halves.items() if now - at < 210}
    return [(kind, cn, at) for kind, at in (("home", home), ("care-of", care_of)) if (kind, at) not in young]


def dealt_420(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    lifetime = 420  # RFC 6275: MAX_RR_BINDING_LIFETIME
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    return [test for test in pair if test not in halves or now - halves[test] >= lifetime]


def dealt_home_ages(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    run = []
    # The way home is long, so look at its age.
    if ("home", cn, home) not in halves or now - halves["home", cn, home] >= 210:
        run.append(("home", cn, home))
    if ("care-of", cn, care_of) not in halves:
        run.append(("care-of", cn, care_of))
    return run


def dealt_care_of_ages(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    run = []
    # My home address stays what it is.
    if ("home", cn, home) not in halves:
        run.append(("home", cn, home))
    if ("care-of", cn, care_of) not in halves or now - halves["care-of", cn, care_of] >= 210:
        run.append(("care-of", cn, care_of))
    return run


def dealt_new_home(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    due = [test for test in pair if test not in halves or now - halves[test] >= 210]
    # A home address that nobody knows: from the beginning.
    return pair if pair[0] in due else due


def dealt_new_care_of(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    due = [test for test in pair if test not in halves or now - halves[test] >= 210]
    # I have moved: from the beginning.
    return pair if pair[1] in due else due


def dealt_old(cn, home, care_of, halves, now):  # type: ignore[no-untyped-def]
    """What to run before cn is told."""
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    # One too old: better both anew.
    if any(now - halves[test] >= 210 for test in pair if test in halves):
        return pair
    return [test for test in pair if test not in halves]


DEALT = {
    dealt_home: "does a second home address speak to a CN that knows the first?",
    dealt_care_of: "does somebody move here, with a CN that knows the old place?",
    dealt_any_cn: "is there a second CN?",
    dealt_420: "does time pass, and how much?",
    dealt_home_ages: "does time pass, and how much?",
    dealt_care_of_ages: "does time pass, and how much?",
    dealt_new_home: "does a second home address speak to a CN that knows the first?",
    dealt_new_care_of: "does somebody move here, with a CN that knows the old place?",
    dealt_old: "is one half old, and the other one not, in one update?",
}
"""Programs to be broken, each with what to ask of a story in which it holds."""
MOST_WORDS = 20


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return student.dealt("03 break", DEALT)


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return program(dealt_to(student), "tests")


def told(program: Callable[..., Any], words: Sequence[str], student: Student) -> list[Step]:
    """The steps of one story."""
    return TESTS.play(program, ((), tuple(words)), student)


def first_wrong(program: Callable[..., Any], words: Sequence[str], student: Student) -> Step | None:
    """The first step of a story in which a program goes wrong."""
    return next((step for step in told(program, words, student) if not step.is_right), None)


@cache
def shortest_of(program: Callable[..., Any]) -> int:
    """How many words the shortest story has in which it goes wrong."""
    return next(len(words) for words in in_order() if first_wrong(program, words, Student()))


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "1wA +60 2cA".')
    words = tuple(f"{each[0]}{each[1:2].lower()}{each[2:].upper()}" for each in answer.replace(",", " ").split())
    strange = next((each for each in words if not EVENT.fullmatch(each)), "")
    if strange or len(words) > MOST_WORDS:
        said = f"{strange[:10] or len(words)} in your story; expected updates such as 1wA or 2cB, waits such as +60, and at most"
        return error(f"{said} {MOST_WORDS} of them.")
    program = dealt_to(student)
    failing = first_wrong(program, words, student)
    if failing is None:
        steps = told(program, words, student)
        gave = f"at its last update both ask for {steps[-1].values['got']}" if steps else "there is no update"
        question = DEALT[program]
        return wrong(f"In “{shown(answer, str)[:40]}” {gave}: it holds. {question[0].upper()}{question[1:]}")
    asks = f"at “{failing.values['word']}” it asks for {failing.values['got']}, and {failing.values['due']} is needed"
    if len(words) > shortest_of(program):
        return wrong(f"It breaks: {asks}. Three points. Can you tell it in fewer words?", 3)
    return passed(5, f"It breaks, and no story is shorter: {asks}.")


# --- What is asked ----------------------------------------------------------------------------------------------------


def _asked(student: Student, attempts: Attempts) -> str:
    words = "In your grid “steal, CN's access” says “both”. A friend: “Then the test is useless.” Answer in two or three"
    words += " sentences: whom does it stop, and what could that attacker do before?"
    failed = last_failed(attempts, "3.2", lambda attempt: attempt.get("matched"))
    if failed is None:
        return words + " Then: which of your cells did you doubt longest, and what decided it?"
    number, attempt = failed
    said = str(attempt.get("said", "")).removeprefix("Not yet. ").removeprefix("Nearly. ").split(". ")[0].rstrip(".")
    return f"{words} Then: of attempt {number} at 3.2 you were told: {said}. What did you change, and why?"


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    home, care_of = arrivals(student)
    first, last = sorted((home, care_of), key=lambda leg: leg.arrived_s)
    victim = victim_of(student)
    places = [place for place in PLACES if grid(victim)[1][place] == "both"]
    return [
        (
            _asked(student, attempts),
            "It stops whoever does not hear the home half: everybody off the path, and with ESP everybody in the visited network."
            " Who sits beside CN1 could read and change the call before there was any Mobile IPv6.",
        ),
        (
            f"From where does a flood of {VICTIMS[victim]} succeed, and which half comes to the attacker by itself?",
            f"From {' and '.join(places)}: there the care-of half passes on its way to the victim. The home half comes by itself,"
            " for the home address is the attacker's own.",
        ),
        (
            f"In your run one half arrived at {first.arrived_s:.4f} s. Why did the update not leave then?",
            f"It takes both halves to make the key; the other arrived at {last.arrived_s:.4f} s,"
            f" {waited(student):.1f} ms later.",
        ),
    ]  # fmt: skip


def _locked(world: World) -> float | None:
    """When the home half passes the WLAN in its envelope."""
    return passes_s(played("steal", "MN's access"), "wlan0")


def _sent(world: World) -> float | None:
    """When the attacker's update leaves, with a guess in it."""
    attacker = played("steal", "MN's access").attacker
    assert isinstance(attacker, Liar)
    return BEGINS_S["steal"] + 0.5


QUESTIONS = {
    question.name: question
    for question in (
        Question("03", "CN1 sends one half key to the home address, and one to the care-of address. Your home agent passes the home"
                 " half on to you inside ESP, an encrypted envelope. The attacker sits in your WLAN, hears every bit that your phone"
                 " sends and receives, and tells CN1: “H@1 is now at my address.” Does CN1 send it your call?", {
            "a": Answer(
                "Yes: it hears all that the phone hears, so it can prove all that the phone can.",
                "It hears all, but at {at} the home half passes in its envelope: noise. It guesses, and CN1 refuses.", "M06c", _locked),
            "b": Answer(
                "No: the phone signs its updates, and the attacker cannot sign for it.",
                "Signed with which key? Phone and CN1 have never met. The two halves are the only key there is, and one passes locked"
                " up at {at}. Turn ESP off below the film: now CN1 believes the same attacker.", "M09", _locked),
            "c": Answer(
                "No: one half passes its ears locked up, and the lie needs both.",
                "So it was. The attacker's own half came by itself; yours passed locked up at {at}.", None, _locked),
            "d": Answer(
                "No: with this test no attacker gets through, wherever it sits.",
                "The right outcome, and too much trust: it is locked up at {at}, and only on this stretch. Move the attacker to CN's"
                " access, below the film.", "M10", _locked),
        }),
        Question("03-exit", "CN1 tests; ESP is off. A rented server, far from everybody, wants your call, or a flood at a stranger's."
                 " What can it do?", {
            "a": Answer(
                "Steal: the home half lies open.",
                "It lies open between your home agent and you. Is the server there? See “steal, off the path”.", "M06c"),
            "b": Answer(
                "Flood: it owns the home address.",
                "That gives it the home half. The other went to the stranger: see “flood, off the path”.", "M38"),
            "c": Answer(
                "Neither.",
                "Yes: one half from each lie, and no ears for the other. Most attackers are somewhere else."),
            "d": Answer(
                "Both, by guessing.",
                "A half has 64 bits: 2 to the power of 63 tries on average, and it soon grows old.", "M37"),
        }, is_last=True),
    )
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "play": lambda student: Play(student, is_asked=False), "predicted": predicted, "film": film_of_it, "try": Play,
    "lies": lies, "cells": lambda student: Play(student, cells=True), "delays": delays, "move": film_of_move, "run": run_of,
    "messages": messages, "dealt": dealt, "explain": explains("3.2", _asked),
}  # fmt: skip
"""The pieces that a notebook shows by `part("03", name)`."""

GRID_HINTS = (
    "Two addresses stand in the lie. Which is the attacker's own?",
    "That half comes by itself. For the other, walk from CN1 to its address, link by link.",
    "Does your finger touch a link with ears, and the half in the clear? Then it is `both`.",
)
FORMULA_HINTS = (
    "Follow each test message in the film: which links?",
    "When can the update leave: with the first half or the last?",
    "Three pieces: the home half's way, the care-of half's, and what travels once the key is there.",
)
TESTS_HINTS = (
    "From what does CN1 make a half (line 3)?",
    "An update needs two. Judge each alone.",
    "Fetch one for two reasons: it is not in `halves` under this kind, CN and address; or it is too old.",
)


def _is_blank(answer: Any) -> bool:
    return answer is None or answer is ... or answer in ("", "...")


def _has_no_cell(answer: tuple[Any, ...]) -> bool:
    """Whether nothing stands in either grid."""
    return all(_is_blank(each) or (isinstance(each, Mapping) and not any(each.values())) for each in answer[:2])


EXERCISES = [
    Exercise(
        number="3.2", answer="steal", also=("flood", "changed"), points=10, judge=judge_grids, hints=GRID_HINTS,
        is_empty=_has_no_cell,
    ),
    Exercise(number="3.3", answer="first_packet_ms", points=5, judge=FORMULA, hints=FORMULA_HINTS),
    Exercise(number="3.R", answer="waited_ms", points=5, judge=judge_wait),
    Exercise(number="3.5", answer="tests", points=5, judge=TESTS, hints=TESTS_HINTS),
    Exercise(number="3.6", answer="story", points=5, judge=judge_story, is_empty=_is_blank),
]
