"""Lab 05, separating flows: its conversations, wrong versions and what is said of each, questions, and runs to read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/05_separating_flows.py. A packet in a story is written as in "UDP 40000>5004 CN1 wlan0": protocol, the
phone's port, ">" for what the phone sends and "<" for what it gets, the correspondent's port, correspondent, network.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, last_failed
from mipflow.course.exercises.stories import Criterion, Stories, Wrong, outcome
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Question, prediction
from mipflow.errors import shown
from mipflow.flow.learner.is_over import FlowState
from mipflow.flow.learner.packet_keys import Seen, wrong_key
from mipflow.flow.policy.rules import read_rules
from mipflow.lab.panels.panel import button, show_in
from mipflow.lab.world import World
from mipflow.node.applications.recorded import Datagram, Recorded
from mipflow.view.drawing.picture import Picture, html_table
from mipflow.view.lanes import Laned, is_clean, lanes, sort
from mipflow.view.story.words import series
from mipflow.wire.packet import UDP, Opaque, Packet

CARE_OF = {"wlan0": "2001:db8:200::10", "cell0": "2001:db8:300::10"}
PEER = {"CN1": "2001:db8:a::5", "CN2": "2001:db8:b::6"}
NAMES = {address: name for name, address in PEER.items()} | {
    address: "WLAN" if name == "wlan0" else "cellular" for name, address in CARE_OF.items()
}
FIELDS = ("protocol", "phone's port", "correspondent's port", "correspondent", "direction", "network")
NO_KEY = "no key"


class Fields(NamedTuple):
    """A packet in a story's words."""

    protocol: str
    near: int
    far: int
    cn: str = "CN1"
    outgoing: bool = True
    network: str = "wlan0"
    label: int = 0

    @property
    def conversation(self) -> tuple[str, int, int, str]:
        """The truth about it."""
        return self.protocol, self.near, self.far, self.cn

    @property
    def seen(self) -> Seen:
        """As it passes the phone's interface."""
        us, them = CARE_OF[self.network], PEER[self.cn]
        if self.outgoing:
            return Seen(True, us, them, self.protocol, self.near, self.far, self.label)
        return Seen(False, them, us, self.protocol, self.far, self.near, self.label)

    def __str__(self) -> str:
        label = f", label {self.label}" if self.label else ""
        return f"{self.protocol} {self.near}{'>' if self.outgoing else '<'}{self.far} {self.cn}{label}"


class Variant(NamedTuple):
    """All that a student's number sets: the phone's port, CN's for calls and for the film, when those to CN1 move."""

    port: int
    far: int
    film: int
    moment: float
    delay_ms: float
    extra: str
    spi_to_cn: int
    spi_to_mn: int
    sentences: int


EXTRAS = ("", "third call", "second call to CN2", "game")


@cache
def variant(student: Student) -> Variant:
    """The variant of a student."""
    random = student.random("05 conversations")
    return Variant(
        40000 + 2 * random.randrange(4500), 5000 + 2 * random.randrange(40), 5100 + random.randrange(90),
        5 + random.randrange(10) / 10, 4 + random.randrange(9), random.choice(EXTRAS),
        0x3000 + random.randrange(0x1000), 0x8000 + random.randrange(0x1000), 10 + random.randrange(8),
    )  # fmt: skip


def conversations(student: Student) -> dict[str, Fields]:
    """The conversations of the student's run, by name."""
    v = variant(student)
    call = Fields("UDP", v.port, v.far)
    extra = {
        "third call": call._replace(near=v.port + 4), "second call to CN2": call._replace(near=v.port + 4, cn="CN2"),
        "game": call._replace(near=v.port + 4, far=v.far + 1),
    }  # fmt: skip
    return {
        "call": call, "second call": call._replace(near=v.port + 2), "video": call._replace(far=v.film),
        "file": call._replace(protocol="TCP"), "call to CN2": call._replace(cn="CN2"),
    } | ({v.extra: extra[v.extra]} if v.extra else {})  # fmt: skip


# --- The run of one's own ---------------------------------------------------------------------------------------------


def _both_ways(name: str, port: int, start_s: float) -> Recorded:
    """A call of six seconds; two of them may go to one port of a correspondent."""
    script = tuple(
        Datagram(20_000_000 * n + late, up, 172) for n in range(300) for up, late in ((True, 0), (False, 5_000_000))
    )
    return Recorded("UDP", script, port=port, name=name, start_s=start_s)


def in_world(key: Callable[[Seen], Hashable], student: Student) -> World:
    """The student's conversations with a learner's key in the phone, which has one home address, as in lab 04."""
    v = variant(student)
    wlan, cellular = (mf.Link(delay_ms=delay, rate_bps=6_000_000, queue_bytes=100_000) for delay in (v.delay_ms, 35))
    links = {"wlan0": wlan, "cell0": cellular}
    world = mf.figure1(seed=1, reuse_tokens=False, links=links, key=key).run(2.5)
    for number, (name, fields) in enumerate(conversations(student).items()):
        app: Any = _both_ways(name, fields.far, 0.5 + number / 10)
        if name == "video":
            app = mf.apps.Video(start_s=0.5)
        elif name == "file":
            app = mf.apps.FileTransfer(size=3_000_000, start_s=0.5)
        cn = world.cn1 if fields.cn == "CN1" else world.cn2
        world.mn.open(cn, app, local_port=fields.near, remote_port=fields.far)
    world.run(v.moment - world.now)
    world.mn.handover(world.flows()[0], "cell0")
    return world.run(3)


@cache
def packets_of(student: Student) -> list[Laned]:
    """All packets of the student's run, each with its header as its key."""
    return _laned(in_world(lambda packet: packet, student))


def _laned(world: World) -> list[Laned]:
    keys = world.mn.packet_keys
    assert keys is not None
    return [Laned(each.t_ns, each.flow, each.packet.outgoing, each.key) for each in keys.packets]


def sorted_by(key: Callable[[Seen], Hashable], student: Student) -> list[Laned]:
    """The packets of the student's run with another key."""
    return [packet._replace(key=key(packet.key)) for packet in packets_of(student)]  # type: ignore[arg-type]


def _picture(packets: Sequence[Laned], student: Student, title: str = "") -> Picture:
    flows = dict(enumerate(conversations(student), start=1))
    moved_ns = round(variant(student).moment * 1e9)
    return lanes(packets, flows=flows, names=NAMES, moved_ns=moved_ns, title=title)


# --- 5.1: the key, and keys that are not ------------------------------------------------------------------------------


def turned(packet: Seen) -> tuple[str, str, int, int]:
    """The phone's address, the correspondent, the phone's port, the correspondent's port."""
    if packet.outgoing:
        return packet.source, packet.destination, packet.source_port, packet.destination_port
    return packet.destination, packet.source, packet.destination_port, packet.source_port


def key_of(packet: Seen) -> tuple[Hashable, ...]:
    """Seen from the phone: the protocol, both ports, whose is whose, and the correspondent."""
    _, cn, near, far = turned(packet)
    return packet.protocol, near, cn, far


def one_lane(packet: Seen) -> Hashable:
    """The same for every packet."""
    return 1


TICKS: dict[str, Callable[[Seen], Hashable]] = {
    "protocol": lambda p: p.protocol, "phone's port": lambda p: turned(p)[2],
    "correspondent's port": lambda p: turned(p)[3], "correspondent": lambda p: turned(p)[1],
    "care-of address": lambda p: turned(p)[0], "flow label": lambda p: p.label,
}  # fmt: skip


@cache
def pairs(student: Student) -> dict[str, tuple[Fields, Fields]]:
    """Stories of two packets; those that differ in fewer things come first."""
    v = variant(student)
    p = Fields("UDP", v.port, v.far)
    answer = p._replace(outgoing=False)
    labelled = p._replace(label=81)
    return {
        "again": (p, p),
        "both ways": (p, answer),
        "the move": (p, p._replace(network="cell0")),
        "the move, coming in": (answer, answer._replace(network="cell0")),
        "phone's port": (p, p._replace(near=v.port + 2)),
        "phone's port, coming in": (answer, answer._replace(near=v.port + 2)),
        "correspondent's port": (p, p._replace(far=v.film)),
        "correspondent's port, coming in": (answer, answer._replace(far=v.film)),
        "correspondent": (p, p._replace(cn="CN2")),
        "correspondent, coming in": (answer, answer._replace(cn="CN2")),
        "protocol": (p, p._replace(protocol="TCP")),
        "protocol, coming in": (answer, answer._replace(protocol="TCP")),
        "label": (p, labelled),
        "label, the other way": (labelled, answer._replace(label=82)),
        "ports the other way round": (p, p._replace(near=v.far, far=v.port)),
        "both ways and the move": (p, answer._replace(network="cell0")),
        "sum of ports": (p, p._replace(near=v.port + 2, far=v.far - 2)),
        "mirror": (p, answer._replace(near=v.far, far=v.port)),
    }


def differing(one: Fields, other: Fields) -> list[str]:
    """In which of the six fields two packets differ."""
    return [name for name, a, b in zip(FIELDS, one, other, strict=False) if a != b]


def in_words(key: Any) -> str:
    """A key as a learner reads it."""
    parts = key if type(key) is tuple else (key,)
    return shown(", ".join(NAMES.get(each, str(each)) if isinstance(each, Hashable) else shown(each) for each in parts), str)


def go_key(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
    """Both packets of a pair are shown to the function: do they get one key?"""
    one, other = pairs(student)[event]
    told = f"{_on(one)} | {_on(other)}"
    is_one = one.conversation == other.conversation
    names = {fields.conversation: name for name, fields in conversations(student).items()}
    keys, told_keys, bad, said = [], list[str](), "", ""
    for fields in (one, other):
        key, failed, why = outcome(function, fields.seen)
        if failed:
            values = {"why": why}
            return None, Step(told, None, failed, is_one, values, _row(one, other, ["no answer"] * 2))
        is_none = bool(wrong_key(key, fields.seen))
        if is_none and not bad:
            bad, said = str(fields), shown(key)
        keys.append(key)
        told_keys.append(in_words(key) + " (no key)" * is_none)
    got: Any = NO_KEY if bad else bool(keys[0] == keys[1])
    differ = differing(one, other) + ["flow label"] * (one.label != other.label)
    values = {
        "event": event, "a": one, "b": other, "key": told_keys[0], "key_b": told_keys[1], "bad": bad, "gave": said,
        "call": names.get(one.conversation, "one"), "other": names.get(other.conversation, "another"),
        "moment": f"{variant(student).moment:g} s", "count": _Late(lambda: f"{len(packets_of(student)):,}"),
        "truth": "one conversation" if is_one else "two conversations", "got": "one key" if got else "two keys",
        "differ": f"differ in the {series(differ)} alone" if differ else "do not differ", "label": 81,
        "near": one.near, "near_b": other.near, "far": one.far, "far_b": other.far, "due": "one key" if is_one else "two keys",
    }  # fmt: skip
    return None, Step(told, NO_KEY if bad else values["got"], got, is_one, values, _row(one, other, told_keys))


class _Late:
    """A word that is worked out when it is needed."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __str__(self) -> str:
        return self._make()

    def __format__(self, how: str) -> str:
        return self._make()


def _row(one: Fields, other: Fields, keys: Sequence[str]) -> dict[str, object]:
    again = "the same once more" if one == other else _on(other)
    return {"one packet": _on(one), "another": again, "your keys": " and ".join(keys)}


def _on(packet: Fields) -> str:
    return f"{packet} on {'WLAN' if packet.network == 'wlan0' else 'cellular'}"


def _is(*events: str) -> Callable[[Step], bool]:
    """True for the step of one of these pairs."""
    return lambda step: step.values.get("event") in events


def _label_first(p: Seen) -> Hashable:
    return (p.label, turned(p)[1]) if p.label else key_of(p)


def _ends(p: Seen) -> list[tuple[str, int]]:
    return sorted([(p.source, p.source_port), (p.destination, p.destination_port)])


WRONG = (
    Wrong(
        "no key",
        "Not yet. For {bad} your function gave {gave}. Does each branch set its values and end in return? A list or a"
        " dictionary is no key either: it can change later.",
        is_it=lambda steps: steps[-1].got == NO_KEY,
    ),
    Wrong(
        "a lane for each packet",
        "Not yet. One packet, shown twice, got two keys. Something is new each time, such as a counter. What have two"
        " packets of the {call} in common?",
        is_it=lambda steps: steps[-1].values.get("event") == "again",
    ),
    Wrong(
        "one lane for all",
        "Not yet. Every packet got the key {key}. Nothing is torn apart, but a lane is what moves. Take a packet of “{call}” and"
        " one of “{other}”: what differs?",
        (one_lane,), shows=_is("phone's port"),
    ),
    Wrong(
        "the destination port",
        "Not yet. {a} and its answer got the keys {key} and {key_b}. The destination port is the correspondent's on the way out,"
        " and yours on the way in; and “call” and “second call” go to the same port of CN1. Whose port do you mean?",
        (lambda p: p.destination_port, lambda p: (p.protocol, p.destination_port)), "M19a", _is("both ways"),
    ),
    Wrong(
        "the correspondent's port alone",
        "Not yet. “{call}” and “{other}” got one key, {key}. The correspondent's port names a service, true; but these are two talks"
        " with it. How do {near}>{far} and {near_b}>{far_b} differ?",
        (lambda p: turned(p)[3], lambda p: (p.protocol, turned(p)[3])), "M19a", _is("phone's port"),
    ),
    Wrong(
        "the packet's own addresses and ports",
        "Not yet. The {call} fills four lanes: out and in, on WLAN and on cellular. You took the header as it stands. What"
        " swaps in an answer, and what changed at {moment}?",
        (lambda p: (p.protocol, p.source, p.destination, p.source_port, p.destination_port),), "M20", _is("both ways"),
    ),
    Wrong(
        "the destination is always CN",
        "Not yet. Packets from CN1 and from CN2 got one key: you take the destination for the correspondent, or never look"
        " at the source. In what comes in, the destination is you.",
        (
            lambda p: (p.protocol, p.destination, p.source_port, p.destination_port),
            lambda p: (p.protocol, p.destination, *turned(p)[2:]),
        ),
        None, _is("correspondent, coming in"),
    ),
    Wrong(
        "answers are flows of their own",
        "Not yet. {a} and its answer got two keys. There source and destination change places; seen from the phone nothing"
        " does. Which port is yours, whoever sends?",
        (
            lambda p: (p.protocol, turned(p)[1], p.source_port, p.destination_port),
            lambda p: (p.protocol, p.source_port, p.destination_port), lambda p: (p.outgoing, key_of(p)),
        ),
        "M29", _is("both ways"),
    ),
    Wrong(
        "care-of address in the key",
        "Nearly. At {moment} the {call} became another flow: the phone's own address is in your key, perhaps in a sorted"
        " pair of ends. In lab 01 it belonged there; here it says where, not who.",
        (lambda p: (*key_of(p), turned(p)[0]), lambda p: (p.protocol, *_ends(p))), "M20",
        _is("the move", "the move, coming in"),
    ),
    Wrong(
        "the flow label alone",
        "Not yet. All {count} packets of your run share a lane: nobody here sets a label. Page 11 names it, and it helps"
        " where it is set. And where it is not?",
        (lambda p: p.label,), None, _is("phone's port"),
    ),
    Wrong(
        "the flow label too",
        "Nearly, and your own run is sorted well. But {a} with label {label} and without got two keys. Each end sets its"
        " own label, or none.",
        (_label_first, lambda p: (p.label, key_of(p))), None, _is("label", "label, the other way"),
    ),
    Wrong(
        "the correspondent alone",
        "Not yet. Call, second call and video share a lane, as all go to CN1. So they can only move together: lab 04 again."
        " What tells them apart?",
        (
            lambda p: turned(p)[1], lambda p: (turned(p)[1], p.protocol), lambda p: (p.label, turned(p)[1]),
        ),
        None, _is("correspondent's port"),
    ),
    Wrong(
        "forgets the correspondent",
        "Nearly. “{call}” and “{other}” got one key: same protocol, same ports. Two correspondents may agree by chance. Who is"
        " missing?",
        (lambda p: (p.protocol, *turned(p)[2:]),), None, _is("correspondent"),
    ),
    Wrong(
        "forgets the protocol",
        "Nearly. “{call}” and “{other}” got one key: {key}, both times. UDP and TCP number their ports separately. Which field"
        " tells their packets apart?",
        (lambda p: turned(p)[1:],), None, _is("protocol"),
    ),
    Wrong(
        "forgets the phone's port",
        "Nearly. “{call}” and “{other}” got one key. A server works at one port, here {far}; what tells its visitors apart is"
        " at your end.",
        (
            lambda p: (p.protocol, turned(p)[1], turned(p)[3]),
            lambda p: (p.protocol, turned(p)[1], min(p.source_port, p.destination_port)),
        ),
        None, _is("phone's port"),
    ),
    Wrong(
        "forgets the correspondent's port",
        "Nearly. “{call}” and “{other}” got one key: both leave by your port {near}, to {far} and {far_b}. One socket may talk"
        " to two ports.",
        (lambda p: (p.protocol, *turned(p)[1:3]),), None, _is("correspondent's port"),
    ),
    Wrong(
        "ports without their order",
        "Nearly, and your own run is perfect. But {a} and {b} got one key. Sorting makes answers look alike, and strangers"
        " too. How else do you know whose port it is?",
        (
            lambda p: (p.protocol, turned(p)[1], *sorted((p.source_port, p.destination_port))),
            lambda p: (p.protocol, turned(p)[1], p.source_port + p.destination_port),
        ),
        None, _is("ports the other way round"),
    ),
)  # fmt: skip


def _right(points: int, words: str, *events: str) -> Criterion:
    """Points for some pairs, where one packet shown twice is one as well."""
    return Criterion(words, points, lambda s: s.is_right if s.values.get("event") in ("again", *events) else None)


def _with_answers(*events: str) -> tuple[str, ...]:
    return tuple(name for event in events for name in (event, f"{event}, coming in"))


CRITERIA = (
    _right(2, "both ways are one, labelled or not", "both ways", "label", "label, the other way"),
    _right(2, "the move changes nothing", *_with_answers("the move")),
    _right(2, "phone's port", *_with_answers("phone's port")),
    _right(1, "correspondent's port", *_with_answers("correspondent's port")),
    _right(
        1, "whose port is whose", "ports the other way round", "mirror", "sum of ports",
        *_with_answers("phone's port", "correspondent's port"),
    ),
    _right(1, "correspondent", *_with_answers("correspondent")),
    _right(1, "protocol", *_with_answers("protocol")),
)  # fmt: skip


def _all_sorted(function: Callable[..., Any], student: Student) -> str:
    found = len(conversations(student))
    return f"Ten of ten. {len(packets_of(student)):,} packets, {found} conversations, {found} lanes."


KEY = Stories(
    name="flow_key", parameters="packet", check=lambda *_: "", tell=lambda student: [((), (name,)) for name in pairs(student)],
    begin=lambda start, student: (), go=go_key, points=10, wrong=WRONG, criteria=CRITERIA, passed=_all_sorted,
    unknown="Not yet. The shortest story that goes wrong: {a} and {b} are {truth} and got {got}. They {differ}. Should that"
    " count?",
)  # fmt: skip


def film_key(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's function in the phone, asked of every packet."""
    if mine is None:
        return words_of("Write flow_key first: then it sorts a phone's packets.")
    world = in_world(mine, student)
    keys = world.mn.packet_keys
    assert keys is not None
    failed = keys.failed.replace("your key()", "your flow_key()")
    if not keys.packets:
        return words_of(f"It stopped at the first packet: {failed}.")
    packets = _laned(world)
    found, made = len({each.flow for each in packets}), len(sort(packets))
    title = f"Your function sorted {len(packets):,} packets of {found} conversations into {made:,} lane{'s' * (made != 1)}"
    return _picture(packets, student, title + (f"; then {failed}" if failed else ""))


# --- 5.T: by hand -----------------------------------------------------------------------------------------------------

COUNTS: dict[str, Callable[[Seen], Hashable]] = {
    "CN's port": lambda p: turned(p)[3],
    "protocol, both ports, CN": key_of,
    "these and the care-of address": lambda p: (*key_of(p), turned(p)[0]),
    "all as it stands": lambda p: (p.protocol, p.source, p.destination, p.source_port, p.destination_port),
}


@cache
def counts(student: Student) -> dict[str, int]:
    """How many lanes each key makes of the student's run."""
    return {name: len(sort(sorted_by(key, student))) for name, key in COUNTS.items()}


def judge_counts(answer: Any, student: Student) -> Verdict:
    """One point for each number of lanes."""
    if not isinstance(answer, dict) or set(answer) != set(COUNTS):
        return error("lanes has other names than the cell had; expected a number for each of the four.")
    if any(isinstance(each, bool) or not isinstance(each, int) for each in answer.values()):
        return error("lanes holds something that is no whole number; expected how many lanes there are, such as 5.")
    due = counts(student)
    slipped = next((name for name in COUNTS if answer[name] != due[name]), None)
    points = sum(answer[name] == due[name] for name in COUNTS)
    if slipped is None:
        return passed(4, "Four of four. Only the conversations that moved got a second care-of address.")
    if len(set(answer.values())) == 1:
        points = 0
    more = "more" if answer[slipped] < due[slipped] else "fewer"
    told = f"Not yet. “{slipped}”: you counted {answer[slipped]}, your run has {more}. "
    moment = f"{variant(student).moment:g} s"
    asked = {
        "CN's port": "Write down the number behind each > only. Which of them are there twice?",
        "protocol, both ports, CN": "Does any conversation agree with another in all four?",
        "these and the care-of address": f"Which of the packets have another care-of address after {moment}? And did the"
        " calls to CN2 move?",
        "all as it stands": "An answer has source and destination swapped. And which conversations moved?",
    }
    return wrong(told + asked[slipped], points)


def paper(student: Student) -> Words:
    """The conversations, for paper."""
    v = variant(student)
    rows: list[dict[str, object]] = [
        {"conversation": name, "packets of the phone": str(fields), "answers": str(fields._replace(outgoing=False))}
        for name, fields in conversations(student).items()
    ]
    text = f"All run both ways, before and after {v.moment:g} s, when those to CN1 move to cellular."
    return words_of(text, rows)


# --- Play, and the question -------------------------------------------------------------------------------------------


def play(student: Student) -> ipywidgets.VBox:
    """Tick fields of the header: the packets sort themselves by them."""
    boxes = {
        name: ipywidgets.Checkbox(description=name, indent=False, layout={"width": "auto", "margin": "0 28px 0 0"}, value=name == "correspondent")
        for name in TICKS
    }
    said, output = ipywidgets.HTML(), ipywidgets.Output()

    def ticked_by(ticks: Sequence[Callable[[Seen], Hashable]]) -> list[Laned]:
        return sorted_by(lambda p: tuple(tick(p) for tick in ticks), student)

    def draw(*_: object) -> None:
        ticked = [TICKS[name] for name, box in boxes.items() if box.value]
        packets = ticked_by(ticked)
        made = sort(packets)
        told = f"{len(ticked)} tick{'s' * (len(ticked) != 1)}, {len(made)} lane{'s' * (len(made) != 1)}."
        if is_clean(made):
            fewer = ([tick for tick in ticked if tick is not left] for left in ticked)
            can_less = any(is_clean(sort(ticked_by(few))) for few in fewer)
            told += " One lane for each shape, one shape in each lane."
            told += " Can you do it with fewer ticks?" if can_less else " None of these ticks can be left out."
        if boxes["flow label"].value and len({p.key.label for p in packets_of(student)}) == 1:  # type: ignore[attr-defined]
            told += " Nobody sets a flow label here: it is 0 in every packet."
        said.value = f"<p role='status'><b>{told}</b></p>"
        show_in(output, _picture(packets, student))

    for box in boxes.values():
        box.observe(draw, "value")
    draw()
    row = ipywidgets.HBox(list(boxes.values()), layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([ipywidgets.HTML("Which fields make the key?"), row, said, output])


RULE = {"name": "meeting", "priority": 10, "flow": "meeting", "protocol": "UDP", "remote_ports": "5004-5020"}
PUSHED = {"rules": [{"name": "each for itself", "priority": 10, "flow": "each"}]}


@dataclass(slots=True, frozen=True)
class Meeting(mf.apps.Voice):
    """The sound of a meeting, whose video is in the same flow."""

    name: ClassVar[str] = "meeting"


class Ruled(NamedTuple):
    """A meeting of sound and video, and a call that begins later."""

    world: World
    sound: Any
    film: Any
    later: Any


@cache
def ruled(is_pushed: bool = True) -> Ruled:
    """Sound and video of a meeting are one flow by the operator's rule; at 8 s the network sends another; at 10 s a
    call begins, and at 13 s the video is moved.
    """
    operator = read_rules(json.dumps({"rules": [RULE]}), "operator")
    world = mf.figure2(seed=1, operator=operator, policy_server=True).run(2.5)
    world.title = "Sound and video are one flow; then a rule comes"
    sound, film = (world.mn.open(world.cn1, app) for app in (Meeting(start_s=0.5), mf.apps.Video(start_s=0.5)))
    world.run(5.5)
    if is_pushed:
        assert world.policy_server is not None
        world.policy_server.indicate(world.mn.primary_home_address, json.dumps(PUSHED))
    world.run(2)
    later = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(3)
    world.mn.handover(film, "cell0")
    return Ruled(world.run(1), sound, film, later)


def applied_s(world: World) -> float | None:
    """When the network's rule was in force, in seconds."""
    return next((each.t_ns / 1e9 for each in world.trace.decisions() if each.what == "rules applied"), None)


def rule_rows(is_pushed: bool) -> list[dict[str, object]]:
    """Return a row for each conversation: its flow, its home address, its wait, its network."""
    world, *flows = ruled(is_pushed)
    names = world.names()
    return [
        {
            "conversation": word, "flow": flow.id, "home address": names.get(flow.home_address, ""),
            "waited for it": f"{flow.wait_ms or 0:.0f} ms", "network at 14 s": flow.interface,
        }
        for word, flow in zip(("sound", "video", "new call"), flows, strict=True)
    ]  # fmt: skip


def rule_panel() -> ipywidgets.VBox:
    """Two buttons: push the rule, or push nothing; they wait for the answer to the question."""
    output, said = ipywidgets.Output(), ipywidgets.HTML("<p>Waits for your answer to the question above.</p>")
    push = button("Send the rule at 8 s", "The network says: each conversation is a flow of its own", disabled=True)
    nothing = button("Send nothing", "The operator's rule stays alone", disabled=True)

    def pressed(is_pushed: bool) -> None:
        told = "The rule was sent at 8 s." if is_pushed else "Nothing was sent."
        show_in(output, html_table(rule_rows(is_pushed)))
        said.value = f"<p role='status'><b>{told}</b></p>"

    def unlock() -> None:
        push.disabled = nothing.disabled = False
        if "Waits" in said.value:  # a second answer takes nothing away
            said.value = "<p>Watch the film, then press one.</p>"

    push.on_click(lambda _: pressed(True))
    nothing.on_click(lambda _: pressed(False))
    prediction("05").when_stored(unlock)
    row = ipywidgets.HBox([push, nothing], layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([row, said, output])


QUESTIONS = {
    question.name: question
    for question in (
        Question("05", "At 8 s the policy server pushes its rule, at 10 s another call to CN1 begins. What becomes of the sound and the video"
            " that run?", {
            "a": Answer(
                "They are cut apart: the video becomes flow 2, with a home address of its own.",
                "That renames a conversation in mid-sentence. We tried it with a file that ran: one piece left from H@2. CN1 knew"
                " no such connection, and broke it off after 111 ms. In the film nothing jumps at {at}.",
                "M21", applied_s),
            "b": Answer(
                "They are cut apart in the phone's table, and can move alone. Both keep H@1, so nobody notices.",
                "A table can say so. But CN1 has one row for H@1. At {at} the phone moves the video: the sound goes with it."
                " Two flows under one name move as one (page 14).",
                "M16", lambda world: 13.0),
            "c": Answer(
                "They stay one flow. The new rule sorts what begins later.",
                "So it was. From {at} on the rule is in force; video and sound stay flow 1, the new call is flow 2 and waits"
                " 1.04 s for H@2.", None, applied_s),
            "d": Answer(
                "Nothing changes, now or later: the operator's rule was there first.",
                "Right for what runs. But without the new rule the new call would have joined the meeting: this kit asks the"
                " network's rule before the operator's. Watch {at}.",
                "M28", lambda world: 10.0),
        }),
        Question(
            "05-exit", "Two tabs of your browser load pages from CN1, TCP port 443. Nobody gives a word or a rule. Half-way"
            " the phone moves to cellular. How many flows did it have?", {
                "a": Answer(
                    "1", "One service, yes. But each tab has its own port at your end, as call and second call had.", "M19b"),
                "b": Answer(
                    "4: two questions, two answers",
                    "An answer swaps source and destination; for the phone nothing changes.", "M29"),
                "c": Answer("2", "Yes: one for each port at the phone, both ways, through the move."),
                "d": Answer(
                    "4: two before the move, two after", "Then no flow could ever be moved, only ended.", "M20"),
            }, is_last=True),
    )
}  # fmt: skip


# --- 5.R: a call in ESP -----------------------------------------------------------------------------------------------


@cache
def call_of(student: Student, is_protected: bool) -> World:
    """The student's call, as it is or in ESP."""
    v = variant(student)
    world = mf.figure2(seed=1).run(2.5)
    world.title = "The call in ESP" if is_protected else "The call as it is"
    app = mf.apps.Protected(start_s=0.5) if is_protected else mf.apps.Voice(start_s=0.5)
    near, far = (v.spi_to_mn, v.spi_to_cn) if is_protected else (v.port, v.far)
    world.mn.open(world.cn1, app, local_port=near, remote_port=far)
    return world.run(1.5)


def spis(world: World) -> dict[str, int]:
    """The SPIs at the phone, by direction, off the packets."""
    found = {}
    for _, way, packet in _at_phone(world):
        if isinstance(packet.payload, Opaque):
            found[way] = int.from_bytes(packet.payload.data[:4], "big")
    return found


def _at_phone(world: World) -> Iterator[tuple[int, str, Packet]]:
    """Number, direction and inside of each data packet on the phone's links."""
    trace = world.trace
    for number, packet in enumerate(trace.packets):
        channel = trace.channels[trace.channel[number]]
        if packet.flow and "MN" in (channel.sender, channel.receiver):
            yield number, "to CN1" if channel.sender == "MN" else "from CN1", packet.innermost()


def messages(student: Student, is_protected: bool) -> Words:
    """Three packets each way, where to find them, and how far the road can read them."""
    world, rows, told = call_of(student, is_protected), list[dict[str, object]](), defaultdict[str, int](int)
    for number, way, packet in _at_phone(world):
        told[way] += 1
        if told[way] in (20, 21, 22):
            payload = packet.payload
            inside = (
                f"UDP {payload.source_port} > {payload.destination_port}" if isinstance(payload, UDP)
                else f"ESP, {len(payload.data)} octets" if isinstance(payload, Opaque) else ""
            )  # fmt: skip
            rows.append({"packet": number, "sent, ms": f"{world.trace.sent[number] / 1e6:.1f}", "way": way, "holds": inside})
    return words_of(f"{world.title}: some packets on the phone's link.", rows)


WHO = {
    "a": "The routers on the road need the destination address, which is in clear. Behind the SPI, where is port {far}?",
    "b": "The home agent's keys are for its own messages with the phone, and your packet does not pass home.",
    "d": "The network's rules may speak of ports. A rule with ports matches no packet of this kind.",
}


def judge_read(answer: Any, student: Student) -> Verdict:
    """Three points for both SPIs, exactly; two for who can read the ports."""
    if not isinstance(answer, dict) or set(answer) != {"to CN1", "from CN1", "who"}:
        return error("read has other names than the cell had; expected to CN1, from CN1 and who.")
    given = {name: answer[name] for name in ("to CN1", "from CN1")}
    if any(isinstance(each, bool) or not isinstance(each, int) for each in given.values()):
        return error("An SPI is a whole number; write it as the inspector shows it, such as 0x3a51, without quotes.")
    who = answer["who"].strip().lower() if isinstance(answer["who"], str) else answer["who"]
    if who not in ("", *"abcd"):
        return error("who is one of the four letters, such as \"a\".")
    v, due = variant(student), spis(call_of(student, True))
    good = [name for name in due if given[name] == due[name]]
    points = {0: 0, 1: 1, 2: 3}[len(good)] + 2 * (who == "c")
    if points == 5:
        return passed(5, f"Five of five. Your phone's flow information has the SPI {due['to CN1']:#x} where other calls have ports: an"
            " end is the program that encrypts. The phone's own separator sees what the road sees: SPIs, one each way.")  # fmt: skip
    if given == dict(zip(due, reversed(list(due.values())), strict=True)):
        said = "You have the two the other way round. Each receiver chooses the SPI of what it gets."
    elif {v.port, v.far} & set(given.values()):
        said = "That is a port of the plain call. In ESP look for the security parameters index."
    elif len(good) < 2:
        name = next(each for each in given if each not in good)
        said = f"{name}: you read {given[name]:#x}. Open a packet {name} of the call in ESP, and find its security parameters index."
    else:
        said = WHO.get(who, "Both SPIs are right. Who can still read the ports?").format(far=v.far)
    if len(good) < 2 and who in WHO:
        said += f" And your letter: {WHO[who].format(far=v.far)}"
    return wrong(f"Not yet. {said}", points)


# --- 5.4: when is it over? --------------------------------------------------------------------------------------------

SILENCE, TIME_WAIT = {"UDP": 300, "TCP": 7440}, 240


class Case(NamedTuple):
    """A flow at a time, and whether it is over."""

    flow: FlowState
    now: float
    over: bool


def _quiet(now: float, over: bool, protocol: str = "UDP", fins: int = 0, closed: bool = False) -> Case:
    return Case(FlowState(protocol, 3, 20, 20, fins, closed), now, over)


CASES = {
    "talks": Case(FlowState("UDP", 3, 20, 20.01), 20.02, False),
    "hung up": Case(FlowState("UDP", 3, 20, 20.01, 0, True), 20.1, True),
    "closed, but no FIN yet": Case(FlowState("TCP", 3, 20, 20.01, 0, True), 20.1, True),
    "a pause of 3 s": _quiet(23, False),
    "on hold for 100 s": _quiet(120, False),
    "on hold for 200 s": _quiet(220, False),
    "forgotten for 400 s": _quiet(420, True),
    "a call of 20 minutes": Case(FlowState("UDP", 3, 1203, 1203), 1203.02, False),
    "three hours of typing": Case(FlowState("TCP", 3, 10803, 10803), 10803.02, False),
    "asks once, then listens": Case(FlowState("UDP", 3, 3, 503), 503.02, False),
    "talks, nobody answers": Case(FlowState("UDP", 3, 503, 3), 503.02, False),
    "a file comes for three hours": Case(FlowState("TCP", 3, 3, 10803), 10803.02, False),
    "a file goes for three hours": Case(FlowState("TCP", 3, 10803, 3), 10803.02, False),
    "a shell, idle for 1,000 s": _quiet(1020, False, "TCP"),
    "a shell, idle for 8,000 s": _quiet(8020, True, "TCP"),
    "one FIN, and the file still comes": Case(FlowState("TCP", 3, 5, 20, 1), 20.02, False),
    "one FIN, then 600 s of nothing": _quiet(620, False, "TCP", 1),
    "one FIN, and a file comes for three hours": Case(FlowState("TCP", 3, 5, 10803, 1), 10803.02, False),
    "one FIN, and a file goes for three hours": Case(FlowState("TCP", 3, 10803, 5, 1), 10803.02, False),
    "one FIN, then 8,000 s of nothing": _quiet(8020, True, "TCP", 1),
    "both FINs, 3 s ago": _quiet(23, False, "TCP", 2),
    "both FINs, 250 s ago": _quiet(270, True, "TCP", 2),
    "both FINs, a late segment 100 s ago": Case(FlowState("TCP", 3, 20, 320, 2), 420, False),
    "both FINs, a late segment of yours 100 s ago": Case(FlowState("TCP", 3, 320, 20, 2), 420, False),
    "hung up 400 s ago": _quiet(420, True, closed=True),
}
"""In the order in which their failures are told."""
PAUSES = ("a pause of 3 s", "on hold for 100 s", "on hold for 200 s")
LONG = ("a call of 20 minutes", "three hours of typing")
WAYS = ("asks once, then listens", "talks, nobody answers", "a file comes for three hours", "a file goes for three hours")
SHELLS = tuple(name for name in CASES if "shell" in name)
FINS = tuple(name for name in CASES if "FIN" in name and name != "closed, but no FIN yet")
TOLD = ("hung up", "closed, but no FIN yet")


def _over(
    flow: FlowState, now: float, silence: Mapping[str, float] | None = None, wait: float = TIME_WAIT, fins: int = 2
) -> bool:
    """Said by the application, or silent for long enough."""
    limit = wait if flow.fins >= fins else (silence or SILENCE)[flow.protocol]
    return flow.closed or now - max(flow.sent, flow.heard) >= limit


def _seen_only(which: Callable[[FlowState], float]) -> Callable[[FlowState, float], bool]:
    """Counts silence from another moment."""

    def is_over(flow: FlowState, now: float) -> bool:
        return flow.closed or now - which(flow) >= (TIME_WAIT if flow.fins == 2 else SILENCE[flow.protocol])

    return is_over


ASKED = (
    (TOLD, "What has the application said?"), (FINS, "How many ends have said FIN, and how long ago?"),
    (SHELLS, "How long may TCP be silent?"), (CASES, "How long has it been silent, in both directions?"),
)
"""The question to ask about a case that goes wrong in a way that nobody has described."""


class _In:
    """The answer of a function for the call with pauses; the world runs when the words are needed."""

    def __init__(self, function: Callable[..., Any], student: Student) -> None:
        self._function, self._student = function, student

    def __format__(self, how: str) -> str:
        run = paused(self._function, self._student)
        if run.flows < 2 or run.failed:
            return "Somebody who puts you on hold comes back, from a home address that CN1 does not know."
        return (
            f"In your run {run.sentences} sentences became {run.flows} flows with {run.homes} new home addresses;"
            f" {run.lost:,} of CN1's {run.sent:,} packets went to home addresses that had been given back."
        )


def go_end(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
    """One case: is it over?"""
    flow, now, due = CASES[event]
    answer, failed, why = outcome(function, flow, now)
    values: dict[str, Any] = {"event": event, "why": why, "due": due}
    row: dict[str, object] = {"flow": event, **flow._asdict(), "now": now, "yours": "no answer" if failed else answer if isinstance(answer, bool) else shown(answer)}
    if failed:
        return None, Step(event, None, failed, due, values, row)
    told = {name: outcome(function, *CASES[name][:2])[0] for name in CASES}
    values |= {
        "got": shown(answer), "sent": f"{flow.sent:g}", "heard": f"{flow.heard:g}", "fins": flow.fins, "closed": flow.closed, "now": f"{now:g}",
        "quiet": f"{now - max(flow.sent, flow.heard):g} s", "began": f"{flow.began:g}",
        "talks": shown(told["talks"]), "forgotten": shown(told["forgotten for 400 s"]),
        "ask": next(ask for events, ask in ASKED if event in events), "is_one": len({shown(each) for each in told.values()}) == 1, "run": _In(function, student),
    }  # fmt: skip
    got = answer if isinstance(answer, bool) else f"no yes or no: {shown(answer)}"
    return None, Step(event, shown(answer), got, due, values, row)


def _right_end(points: int, words: str, *events: str) -> Criterion:
    """Points for some cases, where a flow that talks goes on."""
    return Criterion(words, points, lambda s: s.is_right if s.values.get("event") in ("talks", *events) else None)


def _no_answer(steps: Sequence[Step]) -> bool:
    return bool(steps[-1].values.get("is_one")) or "no yes or no" in str(steps[-1].got)


OVER = Stories(
    name="is_over", parameters="flow, now", check=lambda *_: "", tell=lambda student: [((), (name,)) for name in CASES],
    begin=lambda start, student: (), go=go_end, points=5,
    wrong=(
        Wrong(
            "no yes or no",
            "Not yet. To a flow that talks you said {talks}, to a forgotten one {forgotten}. Does every way end in return,"
            " and with a comparison?", is_it=_no_answer,
        ),
        Wrong(
            "a pause is an end",
            "Not yet. After {quiet} of silence you said over. {run}",
            (
                lambda f, now: _over(f, now, {"UDP": 1, "TCP": 1}, 1), lambda f, now: _over(f, now, {"UDP": 60, "TCP": 7440}),
                lambda f, now: _over(f, now, {"UDP": 1, "TCP": 7440}), lambda f, now: _over(f, now, {"UDP": 240, "TCP": 240}) if f.fins == 2 else _over(f, now, {"UDP": 2, "TCP": 2}),
            ),
            None, _is(*PAUSES),
        ),
        Wrong(
            "no time-out",
            "Not yet. A UDP flow fell silent at {sent} s, and at {now} s you said {got}: not over. UDP has no goodbye, and a"
            " machine that crashes sends none. The flow's home address is kept for nobody. What is left to go by?",
            (
                lambda f, now: f.closed or f.fins == 2, lambda f, now: f.closed,
                lambda f, now: f.closed or (f.fins == 2 and now - max(f.sent, f.heard) >= TIME_WAIT),
            ),
            None, _is("forgotten for 400 s"),
        ),
        Wrong(
            "one FIN is enough",
            "Not yet. One end had said FIN, the other had not, and at {now} s you called it over. FIN is “nothing more from"
            " me”, not “I have stopped listening”.",
            (lambda f, now: _over(f, now, fins=1), lambda f, now: f.fins >= 1 or _over(f, now)), None, _is(*FINS[:2]),
        ),
        Wrong(
            "counts from the beginning",
            "Not yet. {event}: this flow spoke last at {sent} s, and was over for you at {now} s, because it began at {began} s."
            " A long one is not a dead one.",
            (
                _seen_only(lambda f: f.began), _seen_only(lambda f: f.began if f.protocol == "UDP" else max(f.sent, f.heard)),
                _seen_only(lambda f: f.began if f.protocol == "TCP" else max(f.sent, f.heard)),
            ),
            None, _is(*LONG),
        ),
        Wrong(
            "looks one way only",
            "Not yet. A flow that sent last at {sent} s and heard last at {heard} s was over for you at {now} s. A radio"
            " listens, a sensor talks: which time counts?",
            (
                _seen_only(lambda f: f.sent), _seen_only(lambda f: f.heard), _seen_only(lambda f: min(f.sent, f.heard)),
            ),
            None, _is(*WAYS),
        ),
        Wrong(
            "one limit for both protocols",
            "Not yet. A shell over TCP, idle for {quiet}, was over for you. Its connection stands at both ends; the next key"
            " pressed would come from another home address.",
            (
                lambda f, now: _over(f, now, {"UDP": 300, "TCP": 300}),
                lambda f, now: f.closed or now - max(f.sent, f.heard) >= 300,
            ),
            None, _is(SHELLS[0]),
        ),
        Wrong(
            "no wait after both FINs",
            "Nearly. Both ends had said FIN by {sent} s, and {quiet} later, at {now} s, you called the flow over already. A late copy"
            " of a segment then begins a new flow, or goes to a home address that has been given back. How long can a copy be late?",
            (lambda f, now: _over(f, now, wait=0),), None, _is("both FINs, 3 s ago"),
        ),
        Wrong(
            "does not look at FINs",
            "Nearly. Both ends said FIN at {sent} s. At {now} s, {quiet} later, your flow still runs, and will for two hours,"
            " and keeps its home address.",
            (lambda f, now: _over(f, now, fins=3),), None, _is("both FINs, 250 s ago"),
        ),
        Wrong(
            "does not listen to the application",
            "Not yet. At {now} s somebody hung up, and your flow waits for silence. Page 13 names this end first.",
            (
                lambda f, now: _over(f._replace(closed=False), now),
                lambda f, now: f.closed and now - max(f.sent, f.heard) >= SILENCE[f.protocol],
            ),
            None, _is(*TOLD),
        ),
    ),
    criteria=(
        _right_end(1, "believes the application", *TOLD),
        _right_end(1, "counts silence, not age, and bears a pause", *PAUSES, "forgotten for 400 s", *LONG),
        _right_end(1, "either direction counts", *PAUSES, "forgotten for 400 s", *WAYS),
        _right_end(1, "a limit for each protocol", *SHELLS),
        _right_end(1, "FINs", *FINS),
    ),
    passed=lambda function, student: "Five of five: a word or a long silence ends a flow, a pause does not.",
    unknown="Not yet. The first case that goes wrong: {event}. You said {got} with sent {sent}, heard {heard}, fins {fins},"
    " closed {closed}, now {now}. {ask}",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Pausing(mf.apps.Voice):
    """A call with pauses, which a film tells from one without."""

    name: ClassVar[str] = "pausing call"


@dataclass(slots=True, frozen=True)
class Short(mf.apps.Voice):
    """A call that is hung up while another pauses."""

    name: ClassVar[str] = "short call"


HANGS_UP_S = 6.9


class Paused(NamedTuple):
    """A call with pauses: its flows, home addresses beyond the one that it needs, CN1's packets that were sent and lost."""

    world: World
    sentences: int
    flows: int
    homes: int
    sent: int
    lost: int
    failed: str


def paused(is_over: Callable[..., Any], student: Student) -> Paused:
    """A call that pauses for three seconds after every two, in the phone, beside one that does not and one that is hung up
    in the first pause.
    """
    sentences = variant(student).sentences
    world = mf.figure2(seed=1, is_over=is_over).run(2.5)
    short = world.mn.open(world.cn2, Short(start_s=0.5, duration_s=3.85))
    world.mn.open(world.cn1, mf.apps.Voice(start_s=0.5))
    call = world.mn.open(world.cn1, Pausing(start_s=0.5, talk_s=2, pause_s=3, duration_s=5 * sentences - 3))
    world.run(HANGS_UP_S - world.now)
    world.mn.close(short)
    world.run(2.5 + 5 * sentences - world.now)
    changes = [each.change for each in world.trace.changes() if each.node == "MN" and each.change.after]
    flows = {each.key for each in changes if each.table == "flow mapping table"}
    homes = {each.key for each in changes if each.table == "home address table"}
    down = call.stats.down
    failed = next((each.why for each in world.trace.decisions() if each.what == "function failed"), "")
    return Paused(world, sentences, len(flows) - 2, len(homes) - 2, down.sent, down.sent - down.received, failed)


def film_end(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's function in the phone, around the first pause of a call."""
    if mine is None:
        return words_of("Write is_over first: then it decides in a phone.")
    run = paused(mine, student)
    flows = "1 flow" if run.flows == 1 else f"{run.flows} flows"
    run.world.title = (
        f"The pausing call: {run.sentences} sentences became {flows}; {run.lost:,} of CN1's {run.sent:,} packets got lost"
    )
    if run.failed:
        run.world.title += f"; {run.failed}"
    return run.world.animate(4.6, 9.6)


# --- Break it ---------------------------------------------------------------------------------------------------------


def dealt_sorted(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of, whichever way it goes."""
    cn = packet.destination if packet.outgoing else packet.source
    # Sorted, they are the same for both directions.
    low, high = sorted((packet.source_port, packet.destination_port))
    return packet.protocol, cn, low, high


def dealt_word(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of, in one word."""
    if packet.outgoing:
        cn, near, far = packet.destination, packet.source_port, packet.destination_port
    else:
        cn, near, far = packet.source, packet.destination_port, packet.source_port
    # One word is quicker to compare than four values.
    return f"{packet.protocol}{near}{far}{cn}"


def dealt_service(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of; a well-known service tells it by its number."""
    if packet.outgoing:
        cn, near, far = packet.destination, packet.source_port, packet.destination_port
    else:
        cn, near, far = packet.source, packet.destination_port, packet.source_port
    # Below 1024 the number says all.
    return (packet.protocol, cn, far) if far < 1024 else (packet.protocol, cn, near, far)


def dealt_sum(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of, whichever way it goes."""
    cn = packet.destination if packet.outgoing else packet.source
    # A sum does not care about the order.
    ports = packet.source_port + packet.destination_port
    return packet.protocol, cn, ports


def dealt_ends(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of: one between two ends."""
    one = packet.source, packet.source_port
    other = packet.destination, packet.destination_port
    # Sorted, both directions look alike.
    first, second = sorted([one, other])
    return packet.protocol, first, second


def dealt_table(packet):  # type: ignore[no-untyped-def]
    """Which flow a packet is of; the numbers fit a table of a thousand rows."""
    if packet.outgoing:
        cn, near, far = packet.destination, packet.source_port, packet.destination_port
    else:
        cn, near, far = packet.source, packet.destination_port, packet.source_port
    # A thousand rows are enough for one phone.
    return packet.protocol, cn, near % 1000, far % 1000


DEALT = {
    dealt_sorted: "does it know whose port is whose?",
    dealt_word: "where does one number end in its word, and the next begin?",
    dealt_service: "do small numbers and large ones fare alike?",
    dealt_sum: "which other numbers give the same?",
    dealt_ends: "what changes in a packet when the phone moves?",
    dealt_table: "which other numbers fall into the same row?",
}
"""Programs to be broken, each with what to ask of a story in which it holds."""
PORTS = (1, 11, 12, 112, 80, 443, 1443, 2443, 5004, 40000, 40002, 41000)
"""Ports among which shortest stories are looked for."""


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return student.dealt("05 break", DEALT)


def breaks(program: Callable[..., Any], one: Fields, other: Fields) -> bool:
    """True where a program sorts two packets wrongly."""
    return bool((program(one.seen) == program(other.seen)) != (one.conversation == other.conversation))


@cache
def fewest(program: Callable[..., Any]) -> tuple[int, tuple[Fields, Fields]]:
    """The fewest differences of two packets that a program sorts wrongly, and such two."""
    choices = [("UDP", "TCP"), PORTS, PORTS, ("CN1", "CN2"), (True, False), ("wlan0", "cell0")]
    known = {fields: program(fields.seen) for fields in itertools.starmap(Fields, itertools.product(*choices))}
    for count in range(1, len(FIELDS) + 1):
        for places in itertools.combinations(range(len(FIELDS)), count):
            for one, key in known.items():
                for values in itertools.product(*(choices[place] for place in places)):
                    fields = list(one)
                    for place, value in zip(places, values, strict=True):
                        fields[place] = value
                    other = Fields(*fields)
                    if (key == known[other]) != (one.conversation == other.conversation):
                        return len(differing(one, other)), (one, other)
    raise ValueError(f"nothing breaks {program.__name__}")


PACKET = re.compile(r"(UDP|TCP) (\d{1,5})([<>])(\d{1,5}) (CN[12]) (WLAN0|CELL0)")


def read_story(text: str) -> tuple[Fields, Fields] | str:
    """Two packets; else what cannot be read."""
    parts = [" ".join(part.upper().split()) for part in text.split("|")]
    if len(parts) != 2:
        return f"{len(parts)} packet{'s' * (len(parts) != 1)} in your story; expected two, with | between them."
    found = []
    for part in parts:
        match = PACKET.fullmatch(re.sub(r" *([<>]) *", r"\1", part))
        if match is None:
            return f"“{part[:40]}” is no packet; expected one such as UDP 40000>5004 CN1 wlan0, with CN1 or CN2, wlan0 or cell0."
        protocol, near, way, far, cn, network = match.groups()
        if not (0 < int(near) < 65536 and 0 < int(far) < 65536):
            return f"{near}{way}{far}: ports are 1 to 65535."
        found.append(Fields(protocol, int(near), int(far), cn, way == ">", network.lower()))
    return found[0], found[1]


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for two packets that the dealt program sorts wrongly, two more for fewest differences."""
    if not isinstance(answer, str):
        return error("story is no text; expected two packets in quotes, with | between them.")
    read = read_story(answer)
    if isinstance(read, str):
        return error(read)
    one, other = read
    program, differ = dealt_to(student), differing(one, other)
    is_one = one.conversation == other.conversation
    truth = "one conversation" if is_one else "two conversations"
    got = "one key" if program(one.seen) == program(other.seen) else "two keys"
    story = f"They differ in {series(differ, none='nothing')}, are {truth} and got {got}"
    if not breaks(program, one, other):
        return wrong(f"{story}: it holds. Ask of this program: {DEALT[program]}")
    if len(differ) > fewest(program)[0]:
        return wrong(f"It breaks: {story[0].lower()}{story[1:]}. Three points. Can you do it with fewer differences?", 3)
    return passed(5, f"It breaks, and with the fewest differences: {story[0].lower()}{story[1:]}.")


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return program(dealt_to(student), "flow_key")


# --- Explain back, and three questions --------------------------------------------------------------------------------


def _asked(student: Student, attempts: Attempts) -> str:
    failed = last_failed(attempts, "5.1", lambda each: each.get("status") == "wrong" and " | " in str(each.get("story")))
    if failed is None:
        return (
            "Take the program that you broke and the two packets of your story. A friend says: “It sorted every capture that"
            " I tried.” Answer in two or three sentences, with both packets. Then: what had its author believed?"
        )
    number, attempt = failed
    one, other = attempt["story"][-1].split(" | ")
    has_merged = attempt.get("gave") == "one key"
    where = "shared a lane" if has_merged else "were in two lanes"
    says = "They look much alike: why part them?" if has_merged else "They look different: why join them?"
    return (
        f"In your attempt {number} at 5.1 {one} and {other} {where}. A friend says: “{says}” Answer in two or three"
        " sentences, with both packets. Then: what did you change, and what had you believed?"
    )


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about the student's run, with their answers."""
    v, due = variant(student), counts(student)
    four, five = due["protocol, both ports, CN"], due["these and the care-of address"]
    stay = series([name for name, fields in conversations(student).items() if fields.cn == "CN2"])
    one, other = fewest(dealt_to(student))[1]
    return [
        (_asked(student, attempts), "Names both packets, the field that decides, and what could not have moved alone or was cut."),
        (
            f"With the care-of address in the key your run has {five} lanes and not {four}. Why not twice {four}?",
            f"At {v.moment:g} s only those to CN1 moved; {stay} kept the care-of address.",
        ),
        (
            "Say two packets that the program you were dealt sorts wrongly, and what a user would notice.",
            f"Such as {one} on {one.network} and {other} on {other.network}: they are"
            f" {'one conversation, which is cut at a move' if one.conversation == other.conversation else 'two, which could only move together'}.",
        ),
    ]


# --- What the notebook finds ------------------------------------------------------------------------------------------

PARTS = {
    "play": play, "conversations": paper, "rule": lambda student: rule_panel(), "ruled": lambda student: ruled().world,
    "call": lambda student: call_of(student, False), "secret": lambda student: call_of(student, True),
    "packets of the call": lambda student: messages(student, False),
    "packets of the secret": lambda student: messages(student, True), "dealt": dealt,
    "explain": explains("5.1", _asked), "packet": lambda student: pairs(student)["again"][0].seen,
}  # fmt: skip
"""The pieces that a notebook shows by `part("05", name)`."""

HINTS = (
    "Write a packet and its answer below each other. Which values are in both, in other places? Which one changes with the"
    " move?",
    "Look from the phone, not from the packet: my port, their port, their address, whoever sends. Find these first.",
    "When packet.outgoing, their address is .destination. Where is it when the packet comes in? And both ports? One address"
    " is left over; leave it.",
)

EXERCISES = [
    Exercise(
        number="5.T", answer="lanes", points=4, judge=judge_counts,
        is_empty=lambda lanes: not lanes or (isinstance(lanes, dict) and not any(lanes.values())),
    ),
    Exercise(number="5.1", answer="flow_key", points=10, judge=KEY, hints=HINTS, film=film_key),
    Exercise(
        number="5.R", answer="read", points=5, judge=judge_read,
        is_empty=lambda read: not read or (isinstance(read, dict) and not any(read.values())),
    ),
    Exercise(number="5.4", answer="is_over", points=5, judge=OVER, film=film_end),
    Exercise(
        number="5.5", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
