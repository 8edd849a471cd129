"""Lab 00, the tour: the network of a number, the forms, the six names, the run to read from, the rule to break.

`mipflow.course` finds this file by the number of the lab.

A teacher may change all of it; the notebook's text is in labs/source/00_tour.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from html import escape
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.arguments import number as numbers
from mipflow.course import notebook
from mipflow.course.exercises.exercise import Exercise, Share, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, last_failed
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Prediction, Question, prediction
from mipflow.lab.panels import panel
from mipflow.lab.panels.first_picture import FirstPicture
from mipflow.lab.scenarios import figure1, figure2
from mipflow.lab.world import World
from mipflow.sim.clock import seconds
from mipflow.sim.trace import LOST, Trace
from mipflow.view.drawing.picture import html_table
from mipflow.view.story.words import interface_kind
from mipflow.view.story.words import network as network_name
from mipflow.wire.mobility import MobilityMessage

# --- The network of a number ------------------------------------------------------------------------------------------

APART_MS = 12
"""How far the two tests' round trips are apart at least: who mixes them up reads another number."""


class Mine(NamedTuple):
    """The choices of a student's number: delays of links, the flows' ports at MN, and the run to read from."""

    links: dict[str, mf.Link]
    call_port: int
    video_port: int
    flow: str = "video"
    moment: float = 4.0

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {link.delay_ms:g} ms" for name, link in self.links.items())
        return f"links: {told or 'as in the patent’s figure'}; ports: call {self.call_port}, video {self.video_port}"


SPANS_MS = {
    "wlan0": (6, 30), "AR2-Internet": (6, 24), "cell0": (50, 100), "AR3-Internet": (10, 40), "Internet-HA": (12, 80),
    "cn1": (8, 40),
}  # fmt: skip
"""Delays from and to, in half milliseconds."""


def network(student: Student) -> Mine:
    """The network of a number; without one, that of the patent's figure, which all have who practise."""
    if not student.ids:
        return Mine({}, 49152, 49153)
    random = student.random("00 network")
    while True:
        delays = {name: random.randrange(*span) / 2 for name, span in SPANS_MS.items()}
        home = delays["wlan0"] + delays["AR2-Internet"] + 2 * delays["Internet-HA"]
        if 2 * abs(home - delays["cell0"] - delays["AR3-Internet"]) >= APART_MS:
            break
    links = {name: mf.Link(delay_ms=delay, rate_bps=20_000_000) for name, delay in delays.items()}
    ports = random.sample(range(20_000, 60_000), 2)
    return Mine(links, *ports, random.choice(("call", "video")), random.randrange(41, 60) / 10)


def begin(mine: Mine, figure: Callable[..., World], seconds: float) -> tuple[World, dict[str, Any]]:
    """As the notebook's `begin`."""
    world = figure(seed=7, links=mine.links, reuse_tokens=False)
    flows = {
        "call": world.mn.open(world.cn1, mf.apps.Voice(start_s=3), local_port=mine.call_port),
        "video": world.mn.open(world.cn1, mf.apps.Video(start_s=3), local_port=mine.video_port),
    }
    return world.run(seconds), flows


def story(mine: Mine, figure: Callable[..., World], flow: str, interface: str, moment: float) -> World:
    """As the notebook's `story`."""
    world, flows = begin(mine, figure, moment)
    world.mn.handover(flows[flow], interface)
    return world.run(2)


@cache
def run_of(student: Student) -> World:
    """The run that a student reads from: their flow moves at their moment."""
    mine = network(student)
    return story(mine, mf.figure2, mine.flow, "cell0", mine.moment)


# --- The forms of the tour: predict, move one flow, read what happened, predict again, take the address away ------------

Figure = Callable[..., World]
Story = Callable[[Figure, str, str, float], World]

BEFORE_S, AFTER_S = 0.3, 0.7
"""The time that the animation shows before and after the handover, in seconds of virtual time."""
COMPARED = (("CN1", "binding cache"), ("HA", "binding cache"), ("MN", "flow mapping table"))
"""The tables that are compared, by node."""

MOMENTS_S = numbers(3.2, 60, "a second")
"""The moments of a handover: call and video begin at 3 s, and the network is built anew for each run."""


class Choice(NamedTuple):
    """The learner's choice: which flow to move, to where, and when (seconds of virtual time)."""

    flow: str
    interface: str
    moment: float

    def __str__(self) -> str:
        return f"the {self.flow} to {network_name(self.interface)} at {self.moment:.1f} s"


def accounts(world: World, moment: float) -> list[dict[str, object]]:
    """Count for each flow its packets in the trace, both ways, and name its networks before and after a moment (s)."""
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
    """Return when the binding cache of `node` changed first after `moment`, in seconds, or None."""
    times = (one.t_ns / 1e9 for one in trace.changes() if (one.node, one.change.table) == (node, "binding cache"))
    return next((t_s for t_s in times if t_s >= moment), None)


def before_and_after(world: World, moment: float) -> list[dict[str, object]]:
    """Return rows of where each binding and flow points just before `moment` and at the end, by names of the world."""
    names, flows = {str(address): name for address, name in world.names().items()}, world.flow_names()
    then, now = (world.trace.tables(t_ns) for t_ns in (seconds(moment) - 1, world.network.clock.now))
    rows: list[dict[str, object]] = []
    for node, table in COMPARED:
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
        where = network_name(choice.interface)
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
    """Return the names of the flows whose packets take another interface at the end than before a moment (s)."""
    return [
        str(each["flow"]) for each in accounts(world, moment)
        if each["network before"] and each["network before"] != each["network after"]
    ]  # fmt: skip


def why(world: World, moment: float) -> str:
    """Explain a move at `moment` seconds from the trace; empty where no row changed at the correspondent node."""
    if landing_s(world.trace, world.cn1.name, moment) is None:
        return ""
    home = [row for row in before_and_after(world, moment) if row["table"] == f"{world.ha.name}: binding cache"]
    return WHY + AT_HOME * (not any(row[""] for row in home))


def network_before(world: World, choice: Choice) -> str:
    """Return the name of the network that the chosen flow was on before the move; empty where it was on none."""
    own = next(each for each in accounts(world, choice.moment) if each["flow"] == choice.flow)
    kinds = {interface_kind(each): network_name(each) for each in ("wlan0", "cell0")}
    return kinds.get(str(own["network before"]), "")


class Tour:
    """The forms of the tour: each method gives one to show, and an answer or a run in one unlocks the next."""

    def __init__(self, story: Story) -> None:
        self.story = story
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
            ready=UNLOCKED, locked=LOCKED_MOVE,
        )  # fmt: skip
        self.again = panel.Panel(
            [], lambda: (self.story(figure1, *self._last), self._last), self._taken_away,
            lambda: _python("figure1", self._last),
            go=TAKE_AWAY, locked=LOCKED[True, True],
        )  # fmt: skip
        self.panel.results.append(self.again.output)
        self.prediction.when_stored(self.panel.unlock)
        self.second.when_stored(self._voted)

    def ask(self) -> ipywidgets.VBox:
        """Show the question that unlocks the move."""
        return self.prediction.form()

    def move(self) -> panel.Panel:
        """Show the panel where one chooses a flow, a network and a moment, runs the world again and watches."""
        return self.panel

    def ask_again(self) -> ipywidgets.VBox:
        """Show the question that unlocks the last move."""
        return self.second.form()

    def take_away(self) -> panel.Panel:
        """Show the button that makes the same move in a world where both flows have one home address."""
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
            self.again.lock(STILL)
        fits = is_move and choice[:2] == ("video", "cell0")
        watch = WATCH if is_move else NOTHING
        return self._shown(*ran, watch, self.prediction if fits else None)

    def _taken_away(self, ran: tuple[World, Choice]) -> list[Any]:
        return self._shown(*ran, WATCH_AGAIN, self.second)

    def _shown(self, world: World, chosen: Choice, watch: str, asked: Prediction | None) -> list[Any]:
        """Show a hint where to look, the film, and folded below it the outcome."""
        film = world.animate(*_span(chosen))
        said = f"<p><b>{escape(verdict(world, chosen))}</b></p>{asked.told(world, film) if asked else ''}"
        said += f"<p>{why(world, chosen.moment)}</p>{_tables(world, chosen)}"
        return [watch.format(chosen), film, notebook.fold(WATCHED, said)]

    def _voted(self) -> None:
        """Unlock the last move at the first vote; a second one clears no film."""
        if self.again.button.disabled:
            self._ready()

    def _ready(self) -> None:
        """Lock the last move until there are a first one and a prediction; else begin it anew for the choice made."""
        missing = self.choice is None, self.second.chosen is None
        if any(missing):
            self.again.lock(LOCKED[missing])
        else:
            self.again.reset(READY.format(self.choice))


def _python(figure: str, chosen: Choice) -> str:
    begin, end = _span(chosen)
    return (
        f'world = story(mf.{figure}, "{chosen.flow}", "{chosen.interface}", {chosen.moment})\n'
        f"world.animate({begin:.10g}, {end:.10g})"
    )


def _span(chosen: Choice) -> tuple[float, float]:
    return max(0.0, chosen.moment - BEFORE_S), chosen.moment + AFTER_S


def _tables(world: World, chosen: Choice) -> str:
    """Show the packets by flow, and the rows that matter before and after, as HTML."""
    caption = f"Packets both ways, counted in the trace up to {world.now:.1f} s; told to move at {chosen.moment:.1f} s"
    counted = html_table(accounts(world, chosen.moment), caption)
    return counted + html_table(before_and_after(world, chosen.moment), "Where the tables say that the packets go")


# --- The films and the forms: the learner's `world` and `story` where the notebook has them, else ours -----------------


def first(student: Student) -> FirstPicture:
    """The first film: nothing but packets."""
    world = notebook.names().get("world")
    if not isinstance(world, World) or world.now < LAST_S or world.trace.mode == "off":
        world, _ = begin(network(student), mf.figure2, 4)
    return FirstPicture(world.animate(FIRST_S, LAST_S, slow=[(FIRST_S, LAST_S)]))


FIRST_S, LAST_S = 3.4, 3.6

_forms: dict[tuple[str, ...], Tour] = {}


def forms(student: Student, anew: bool = False) -> Tour:
    """The forms of the tour, which unlock each other; the first of them begins anew."""
    if anew or student.ids not in _forms:
        _forms.clear()
        _forms[student.ids] = Tour(partial(_told_by_the_learner, student))
    return _forms[student.ids]


def _told_by_the_learner(student: Student, *choice: Any) -> World:
    """Whatever `story` is when Run is pressed."""
    theirs = notebook.names().get("story")
    world: World = theirs(*choice) if callable(theirs) else story(network(student), *choice)
    return world


# --- 0.1: six names ---------------------------------------------------------------------------------------------------

ROLES = {
    "MN": ("mn", "mobile node", "phone"),
    "CN1": ("cn1", "cn", "correspondent node"),
    "HA": ("ha", "home agent"),
    "router": ("router", "wlan router", "ar2"),
    "H@": ("h@", "h@1", "home address"),
    "CoA": ("coa", "care-of address", "care of address", "wlan address"),
}
"""The six names, each with what else a learner may write for it."""
CLUES = {
    "MN": (
        "I am in two networks at once.", "I keep the flow mapping table.", "I began both flows, and I may move.",
    ),
    "CN1": (
        "I am the other end of both flows, and I stay where I am.", "I send the video.",
        "My table has two rows, and the video comes from me.",
    ),
    "HA": (
        "I keep a row for each home address too, and yet nothing of call and video passes me in your film.",
        "I stay at home, and send on what arrives there for MN.",
        "I am a router at home, and I know where MN is.",
    ),
    "router": (
        "All of call and video passes me in your film, and I keep no row about it.",
        "I am MN's neighbor as long as it is on the WLAN, and I never ask who it talks to.",
        "I pass packets between the WLAN and the Internet, whoever they are for.",
    ),
    "H@": (
        "I am {home}. The call keeps me wherever MN goes.", "I am {home}, and I say who.",
        "I am {home}: in CN1's table I stand in front, and name a row.",
    ),
    "CoA": (
        "I am {care_of}. MN has me only as long as it is on the WLAN.", "I am {care_of}, and I say where.",
        "I am {care_of}: in CN1's table I stand in both rows, behind.",
    ),
}  # fmt: skip
"""The words of each about itself, in three ways: a number chooses one of them, and the order."""
HOME, CARE_OF = "2001:db8:100::10", "2001:db8:200::10"
PAIRS = {
    "the two ends, MN and CN1": ("MN", "CN1"), "who passes on, HA and the router": ("HA", "router"),
    "the two addresses, H@ and CoA": ("H@", "CoA"),
}  # fmt: skip
"""Two points for each pair that is told apart."""


def clues(student: Student) -> dict[str, str]:
    """Role -> what it says, in the order of the exercise."""
    random = student.random("00 clues")
    roles = random.sample(list(ROLES), len(ROLES))
    return {role: random.choice(CLUES[role]).format(home=HOME, care_of=CARE_OF) for role in roles}


def who_says(student: Student) -> Words:
    """The six sentences of 0.1."""
    said = list(clues(student).values())
    lines = [f"{number}. {each}" for number, each in enumerate(said, start=1)]
    return Words(f"<ol>{''.join(f'<li>{escape(each)}</li>' for each in said)}</ol>", "\n".join(lines))


def role_of(word: str) -> str:
    """The name that a learner's word means; empty for none."""
    plain = " ".join(word.casefold().replace("the ", "").split())
    return next((role for role, words in ROLES.items() if plain in words), "")


def _swapped(a: str, b: str) -> Callable[[dict[str, str]], bool]:
    return lambda given: given[a] == b and given[b] == a


class WrongName(NamedTuple):
    """Names that are mixed up: `is_it` knows it by role -> name given; `of`: the clue that the feedback quotes."""

    name: str
    is_it: Callable[[dict[str, str]], bool]
    of: str
    feedback: str
    misconception: str | None = None


WRONG_NAMES = (
    WrongName(
        "home address and care-of address swapped", _swapped("H@", "CoA"), "H@",
        "Not yet. You took {gave} for what says “{clue}” Both are MN's, so they are easily mixed up. One goes with MN"
        " everywhere, the other MN got from the network where it is just now. Look at CN1's rows: which of the two stands"
        " in both?", "M04"),
    WrongName(
        "home agent and correspondent swapped", _swapped("HA", "CN1"), "HA",
        "Not yet. You took {gave} for what says “{clue}” Both keep a binding cache, that is why. But only one of them"
        " talks with MN: follow one packet of the video in your film to its other end."),
    WrongName(
        "home agent and router swapped", _swapped("HA", "router"), "router",
        "Not yet. You took {gave} for what says “{clue}” Both pass packets on. Follow one packet of the call in your"
        " film: which of the two does it pass? And which of the two keeps rows?"),
    WrongName(
        "the two ends swapped", _swapped("MN", "CN1"), "MN",
        "Not yet. You took {gave} for what says “{clue}” Both flows have these same two ends, fair enough. Only one of"
        " them has two interfaces, wlan0 and cell0: find it in the picture."),
    WrongName(
        "the router for the address", _swapped("router", "CoA"), "CoA",
        "Not yet. You took {gave} for what says “{clue}” The address begins like the WLAN's other addresses, so it"
        " smells of the router. But CN1 writes down with it where *MN* is. Whose address is it, then?", "M04"),
    WrongName(
        "the home agent for the home address", _swapped("HA", "H@"), "H@",
        "Not yet. You took {gave} for what says “{clue}” Both have “home” in their name. One is a machine that stays"
        " there; the other is a number, and the call has it. Which of the two can a packet carry in its header?"),
    WrongName(
        "a node for its address", lambda given: _swapped("MN", "H@")(given) or _swapped("MN", "CoA")(given), "MN",
        "Not yet. You took {gave} for what says “{clue}” We often say “the phone” and mean its number. Here they part:"
        " MN is one machine and has several addresses, some for who, some for where. Which of the six sentences can an"
        " address say?", "M04"),
)  # fmt: skip


def judge_names(answer: Any, student: Student) -> Verdict:
    """Two points for each pair of names that is told apart."""
    if not isinstance(answer, list | tuple) or len(answer) != len(ROLES):
        return error(
            f'names is no list of {len(ROLES)}; expected one name for each sentence, such as names = ["MN", ...].'
        )
    if strange := next(
        (each for each in answer if each != "" and (not isinstance(each, str) or not role_of(each))), None
    ):
        return error(f"{str(strange)[:20]!r} is none of the six names; expected {', '.join(ROLES)}.")
    if "" in answer:
        return error(f"Sentence {list(answer).index('') + 1} has no name yet; expected {', '.join(ROLES)}.")
    told = clues(student)
    given = {role: role_of(word) for role, word in zip(told, answer, strict=True)}
    shares = [Share(words, 2 * all(given[role] == role for role in pair), 2) for words, pair in PAIRS.items()]
    points = sum(share.earned for share in shares)
    if points == 6:
        return passed(6, "Six of six. You know who is who; now watch what one message does to them.")
    found = next((each for each in WRONG_NAMES if each.is_it(given)), None)
    if found is not None:
        said = found.feedback.format(gave=given[found.of], clue=told[found.of])
        return wrong(said, points, found.misconception, shares=shares, matched=found.name)
    twice = next((name for name in ROLES if list(given.values()).count(name) > 1), "")
    if twice:
        said = f"Not yet. You gave {twice} {list(given.values()).count(twice)} times; each name is there once."
        return wrong(
            f"{said} Begin with the two addresses: they are the ones that look like numbers.", points, shares=shares
        )
    role = next(role for role in told if given[role] != role)
    number = list(told).index(role) + 1
    return wrong(
        f"Not yet. Sentence {number} says “{told[role]}” You gave {given[role]}. Go through your film once with this"
        " sentence in mind: who in it could say so? The list “Who is who” above has all six.", points, shares=shares,
    )  # fmt: skip


NAME_HINTS = (
    "Two of the six are addresses, four are machines. Sort them first.",
    "Of the four machines, two are ends of the call and the video, and two pass packets on. Play the film: whom does"
    " nothing pass?",
    "Of the two addresses, one is in both rows of CN1's table. That one says where MN is. Of the two ends, one stands by"
    " two routers.",
)


# --- 0.R: read it off the packets -------------------------------------------------------------------------------------

TOLERANCE_MS = 2


class Seen(NamedTuple):
    """A message as somebody who captures at MN sees it: `at_ms` is when it leaves or reaches MN."""

    number: int
    at_ms: float
    source: str
    destination: str
    name: str


def seen_at_mn(world: World, since_s: float) -> list[Seen]:
    """The mobility messages that MN has sent and got since a moment, in order, with Wireshark's names."""
    trace, names, mn, found = world.trace, world.names(), world.mn.name, list[Seen]()
    for number, outer in enumerate(trace.packets):
        channel, packet = trace.channels[trace.channel[number]], outer.innermost()
        if mn not in (channel.sender, channel.receiver) or not isinstance(packet.payload, MobilityMessage):
            continue
        at_ns = trace.sent[number] if channel.sender == mn else trace.arrived[number]
        if at_ns >= since_s * 1e9:
            ends = (names.get(each, str(each)) for each in (packet.source, packet.destination))
            found.append(
                Seen(number, at_ns / 1e6, *ends, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(packet.payload).__name__))
            )
    return sorted(found, key=lambda each: each.at_ms)


def trips_ms(student: Student) -> dict[str, float]:
    """How long each question of the student's run waited for its answer, in milliseconds, by the question's name."""
    at: dict[str, float] = {}
    for each in seen_at_mn(run_of(student), network(student).moment):
        at.setdefault(each.name, each.at_ms)
    answers = {
        "Home Test Init": "Home Test",
        "Care Of Test Init": "Care Of Test",
        "Binding Update": "Binding Acknowledgement",
    }
    return {question: at[answer] - at[question] for question, answer in answers.items()}


def packets(student: Student) -> Words:
    """The packets of the student's run among which the two are that they look for."""
    mine = network(student)
    rows: list[dict[str, object]] = [
        {"packet": each.number, "time, ms": f"{each.at_ms:.1f}", "source": each.source, "destination": each.destination,
         "info": each.name.replace("Care Of", "Care-of")}
        for each in seen_at_mn(run_of(student), mine.moment)
    ]  # fmt: skip
    text = f"Your run: the {mine.flow} moves to the cellular network at {mine.moment:.1f} s. run.inspect({rows[0]['packet']})"
    text += f" in a new cell opens packet {rows[0]['packet']}."
    return words_of(text, rows, "Captured at MN, both interfaces")


def judge_trip(answer: Any, student: Student) -> Verdict:
    """The home test's round trip, read off the student's own packets."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return error("home_ms is no number; expected milliseconds, such as 123.4.")
    trips, run = (
        trips_ms(student),
        {each.name: each.at_ms for each in seen_at_mn(run_of(student), network(student).moment)},
    )
    due, care_of = trips["Home Test Init"], trips["Care Of Test Init"]

    def reads(value: float) -> bool:
        return abs(answer - value) <= TOLERANCE_MS

    if reads(due):
        longer = "the home test" if due > care_of else "the care-of test"
        return passed(
            3, f"Read well: {due:.1f} ms. The update had to wait for the slower of the two: here for {longer}."
        )
    if reads(care_of):
        return wrong(
            f"Not yet. {answer:g} ms is the trip of the other question: by the cellular network, and CoT back. (BU and BA take as"
            " long, by the same road.) The one you want goes by way of the home agent. Which two messages have the same Home"
            " Init Cookie?",
            matched="the care-of test",
        )
    if abs(answer * 1000 - due) <= TOLERANCE_MS:
        return wrong(f"Nearly. {answer:g} is in seconds, and the exercise asks for milliseconds.", matched="in seconds")
    if reads(run["Binding Acknowledgement"] - run["Home Test Init"]):
        return wrong(
            f"Not yet. {answer:g} ms is the whole exchange, from the first question to “done”. The exercise asks for one"
            " question and its answer: HoTI and HoT.",
            matched="the whole exchange",
        )
    if reads(due / 2):
        return wrong(
            f"Not yet. {answer:g} ms is one way only. HoT has to come back as well: take the time at which it reaches MN.",
            matched="one way",
        )
    return wrong(
        f"Not yet. You read {answer:g} ms. In the table above find the line with “Home Test Init” and the one with “Home"
        " Test”: how far are their times apart?")  # fmt: skip


# --- 0.2: break it ----------------------------------------------------------------------------------------------------


def moves(flows: Sequence[str], told: int) -> list[int]:
    """Return the numbers of the flows that move: those that have the home address of the one that is told to."""
    return [number for number, home in enumerate(flows, start=1) if home == flows[told - 1]]


def only_the_one(flows, told):  # type: ignore[no-untyped-def]
    """The order names one flow, so one flow moves."""
    return [told]


def all_of_them(flows, told):  # type: ignore[no-untyped-def]
    """A handover moves the phone, and whatever runs on it goes along."""
    return list(range(1, len(flows) + 1))


def not_the_primary(flows, told):  # type: ignore[no-untyped-def]
    """H@1 belongs to home, so whoever has it stays."""
    home = flows[told - 1]
    if home == "H@1":
        return []
    return [number for number in range(1, len(flows) + 1) if flows[number - 1] == home]


def shared_is_locked(flows, told):  # type: ignore[no-untyped-def]
    """A row that two flows share cannot be changed for one of them, so nothing happens."""
    home = flows[told - 1]
    if list(flows).count(home) > 1:
        return []
    return [told]


def the_one_before(flows, told):  # type: ignore[no-untyped-def]
    """The flow that began just before may have the same home address: then it moves as well."""
    moving = [told]
    if told > 1 and flows[told - 2] == flows[told - 1]:
        moving.insert(0, told - 1)
    return moving


def at_most_two(flows, told):  # type: ignore[no-untyped-def]
    """Those that share a row move together: the one that was told, and its companion."""
    moving = [told]
    for number in range(1, len(flows) + 1):
        if number != told and flows[number - 1] == flows[told - 1] and len(moving) < 2:
            moving.append(number)
    return sorted(moving)


DEALT = {
    only_the_one: "Does any other flow have that home address here?",
    all_of_them: "Does every flow have that home address here?",
    not_the_primary: "Which home address did you not try yet?",
    shared_is_locked: "Do two flows share a home address here?",
    the_one_before: "Which neighbor does this rule not look at?",
    at_most_two: "How many can share one row?",
}  # fmt: skip
"""Rules to be broken, each with what to ask of a story in which it holds."""
STORY = re.compile(r"((?:H@[1-9][\s,;]+)+)move\s+(\d)", re.IGNORECASE)
MOST_FLOWS = 6


def dealt_to(student: Student) -> Callable[..., list[int]]:
    """The wrong rule for a student."""
    return student.dealt("00 break", DEALT)


def breaks(rule: Callable[..., list[int]], flows: Sequence[str], told: int) -> bool:
    """True where a rule goes wrong."""
    return rule(flows, told) != moves(flows, told)


@cache
def fewest(rule: Callable[..., list[int]]) -> int:
    """How few flows break a rule: all stories are tried, in order of length."""
    for count in range(1, MOST_FLOWS + 1):
        for code in range(count**count):
            flows = [f"H@{code // count**place % count + 1}" for place in range(count)]
            if any(breaks(rule, flows, told) for told in range(1, count + 1)):
                return count
    raise AssertionError(f"{rule.__name__} is right")


def dealt(student: Student) -> Words:
    """The rule to be broken, as text."""
    return program(dealt_to(student), "moves")


def judge_story(answer: Any, student: Student) -> Verdict:
    """Two points for an example in which the dealt rule goes wrong, a third where none with fewer flows does.

    One that is longer by more than a flow earns nothing: a single long example breaks all rules there are.
    """
    found = STORY.fullmatch(answer.strip()) if isinstance(answer, str) else None
    if found is None:
        return error(
            'example is no example yet; expected the flows\' home addresses and who is told, such as "H@1 H@2, move 2".'
        )
    flows, told, rule = re.findall(r"H@\d", found[1].upper()), int(found[2]), dealt_to(student)
    if not 1 <= told <= len(flows) <= MOST_FLOWS:
        return error(
            f"move {told} of {len(flows)} flows; expected at most {MOST_FLOWS} flows, and the number of one of them."
        )
    said, true = (_flows(each) for each in (rule(flows, told), moves(flows, told)))
    if not breaks(rule, flows, told):
        return wrong(f"In “{answer.strip()[:40]}” the rule says {said}, and so it is: it holds. {DEALT[rule]}")
    more = len(flows) - fewest(rule)
    if more == 1:
        return wrong(f"It breaks: the rule says {said}; in truth {true}. Two points. Which flow can you leave out?", 2)
    if more:
        return wrong(f"It breaks: the rule says {said}; in truth {true}. But so long an example breaks many rules."
                     " Which flow can you leave out?")  # fmt: skip
    return passed(3, f"It breaks, and with fewer flows it would not: the rule says {said}; in truth {true}.")


def _flows(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no flow moves"
    told = " and ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))
    return f"flow{'s' * (len(numbers) > 1)} {told} move{'s' * (len(numbers) == 1)}"


# --- Explain it back, and the three oral questions --------------------------------------------------------------------


def _landed(student: Student) -> tuple[str, str, float]:
    """The home address and the row's moment (s) of the student's run, and which flow stayed."""
    mine, world = network(student), run_of(student)
    home = "H@1" if mine.flow == "call" else "H@2"
    at = row_changes(world)
    assert at is not None
    return home, "video" if mine.flow == "call" else "call", at


def _asked(student: Student, attempts: Attempts) -> str:
    mine = network(student)
    port = mine.call_port if mine.flow == "call" else mine.video_port
    _, stayed, at = _landed(student)
    words = (
        f"In your run you moved the {mine.flow} at {mine.moment:.1f} s. Between update and acknowledgement, at {at:.3f} s, CN1"
        f" changed a row: the {mine.flow} took the other road, the {stayed} did not. A friend says: “Of course: the update"
        f" named the {mine.flow}'s port, {port}.” Answer in two or three sentences, with the row that changed and the one"
        " that did not."
    )
    failed = last_failed(attempts, "0.1", lambda attempt: attempt.get("status") == "wrong")
    if failed is None:
        return words + " Then: which of the six sentences of 0.1 could a friend mix up, and how would you explain it?"
    number, attempt = failed
    return f"{words} Then: your attempt {number} at 0.1 was {attempt.get('gave')}. What had you mixed up?"


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    mine, trips = network(student), trips_ms(student)
    home, stayed, at = _landed(student)
    other = "H@2" if home == "H@1" else "H@1"
    home_ms, care_of_ms = trips["Home Test Init"], trips["Care Of Test Init"]
    slower = "home test" if home_ms > care_of_ms else "care-of test"
    return [
        (_asked(student, attempts), f"There is no port in CN1's rows. The update named {home}, which only the {mine.flow}"
         f" has; the row of {other}, the {stayed}'s, did not change. Had both had {home}, both would have moved."),
        ("Which of the two questions did the update wait for in your run, and why that one?",
         f"The {slower}: {home_ms:.1f} ms by way of the home agent, {care_of_ms:.1f} ms by the cellular network. It needs both"
         " tokens."),
        (f"At {at:.3f} s packets of the {mine.flow} were under way to the WLAN address. What became of them?",
         "They arrived: MN still listened there. Only what CN1 sent after that moment took the other road."),
    ]  # fmt: skip


# --- Questions --------------------------------------------------------------------------------------------------------


def _told(world: World, kind: str, node: str) -> float | None:
    """When the film first tells of such a moment, after the last handover was asked for (s)."""
    asked = world.handovers_s()[-1]
    rows = world.animate(asked, world.now).rows()
    return next((float(str(row["time_s"])) for row in rows if (row["what"], row["node"]) == (kind, node)
                 and row.get("table", "binding cache") == "binding cache"), None)  # fmt: skip


def row_changes(world: World) -> float | None:
    """When CN1's row changes (s)."""
    return _told(world, "row", "CN1")


def update_leaves(world: World) -> float | None:
    """When the binding update leaves (s)."""
    return _told(world, "BU", "MN")


def is_confirmed(world: World) -> float | None:
    """When CN1 confirms (s)."""
    return _told(world, "BA", "CN1")


CALL = Question("00-call", "You move only the video to the cellular network. What will the call do?", {
    "A": Answer(
        "It moves as well: a handover moves the whole mobile node.",
        "Not quite: the binding update named one home address, the video's, and at {at} CN1 changed that row and no other."
        " Where a node has one home address for all its flows you are right: see the next section.", "M15", row_changes),
    "B": Answer(
        "It stays: the update names the video's port numbers, so only the video moves.",
        "It did stay, but not for that reason. Look inside the update that leaves at {at}: a home address, and no port. A"
        " row of CN1's binding cache is found by the home address, and only the video has H@2.", "M16", update_leaves),
    "C": Answer(
        "It uses both networks from now on, because both are switched on.",
        "Not quite: a second network alone spreads nothing. At {at} CN1 says “done”, and the row of the call's home"
        " address, H@1, is still at the WLAN: all of the call goes there.", "M17", is_confirmed),
    "D": Answer(
        "It stays: the call has a home address of its own, and the update does not name that one.",
        "So it was: the update named H@2 only, and at {at} that row changed. The row of H@1 did not, and the call noticed"
        " nothing.", None, row_changes),
})  # fmt: skip


SHARED = Question("00-shared", "Now call and video share H@1, and you give the same order again. What will move?", {
    "A": Answer(
        "Only the flow that is told to move, as before.",
        "Not quite: the update names a home address, and both flows have the same one. At {at} CN1 changes its one row for"
        " it, and that row is for both.", "M16", row_changes),
    "B": Answer(
        "Both: they share a home address, so they share CN1's row.",
        "So it was: whatever is sent to H@1 goes where its one row says, from {at} on by the other network.", None,
        row_changes),
    "C": Answer(
        "Neither: with one home address, nothing can move.",
        "Not quite: a move needs no second home address. At {at} the row of H@1 changes, and all that uses H@1 goes along."
        " The second one is for moving one flow without the other.", "M22", row_changes),
})  # fmt: skip

EXIT = Question(
    "00-exit", "A laptop is on cable and Wi-Fi and talks to one server. A download has H@1; a film and a chat share H@2. All"
    " go by the cable. You give one order: the film to Wi-Fi. What goes by Wi-Fi then?", {
        "A": Answer(
            "The film alone: the order was about the film.",
            "The order was, the update was not: it names H@2, and the chat has H@2 as well. No row knows what a film is.",
            "M16"),
        "B": Answer(
            "All three: the laptop has moved.",
            "That is plain Mobile IPv6, with one home address for all. The download has H@1, and nobody said anything"
            " about that row.", "M15"),
        "C": Answer(
            "The film and the chat.", "Yes: one update, one row, and both flows that have its home address. The download"
            " noticed nothing."),
        "D": Answer(
            "Each packet takes the faster of the two, since both are on.",
            "A row holds one place, and packets go there. Two networks that are on share nothing by themselves.", "M17"),
    }, is_last=True)  # fmt: skip

QUESTIONS = {question.name: question for question in (CALL, SHARED, EXIT)}

PARTS = {
    "first": first, "ask": lambda student: forms(student, anew=True).ask(), "move": lambda student: forms(student).move(),
    "ask again": lambda student: forms(student).ask_again(), "take away": lambda student: forms(student).take_away(),
    "network": network, "clues": who_says, "run": run_of, "packets": packets, "dealt": dealt,
    "explain": explains("0.1", _asked),
}  # fmt: skip
"""The pieces that a notebook shows by `part("00", name)`."""

EXERCISES = [
    Exercise(
        number="0.1", answer="names", points=6, judge=judge_names, hints=NAME_HINTS,
        is_empty=lambda names: names is None or names is ... or (isinstance(names, list | tuple) and not any(names)),
    ),
    Exercise(number="0.R", answer="home_ms", points=3, judge=judge_trip),
    Exercise(
        number="0.2", answer="example", points=3, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip

# --- What the forms say -----------------------------------------------------------------------------------------------

WATCH = "Ran: {}. Now press Play (▶): which message changes the row at CN1, and what do the roads do in that moment?"
WATCH_AGAIN = "Ran again with H@1 for both: {}. Now press Play (▶): which roads bend, and in which moment?"
NOTHING = "Ran: {}. Press Play (▶) and look for a message. What came of it is told below the film."
"""Hints above a film, where to look: none gives away what is to be seen there."""
WATCHED = "I have watched it: what happened?"
WHY = (
    "<b>The moment the binding update lands, CN1 changes one row,</b> and from then on sends by the other router."
    " Packets that were already on their way to the old care-of address still arrive, because MN still listens there."
    " MN itself cannot know when the update lands. Until the acknowledgement is there, it sends its own packets from"
    " that home address through the tunnel to the home agent, which sends them on to CN1: that road is never wrong."
)
AT_HOME = " The home agent's rows have not changed."
"""Explanations of a move, from the trace, for both films."""
LOCKED_MOVE = "Locked: store your prediction first."
UNLOCKED = "Unlocked: choose, then press Run."
TAKE_AWAY = "Take away the second home address"
LOCKED = {
    (True, True): "Locked: store your prediction, and run the move above.",
    (True, False): "Locked: run the move above.",
    (False, True): "Locked: store your prediction first.",
}
"""Why the last move waits, by what is missing: the move, the prediction."""
STILL = "Locked: the last run moved nothing. Move a flow to the other network above."
READY = "Ready: the same move ({}), with H@1 for both flows."
