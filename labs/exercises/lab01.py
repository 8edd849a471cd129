"""Lab 01, addresses and TCP: its pairs, stories and wrong versions with what is said of each, questions, and the run to
read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/01_moving_breaks.py. In stories "A1" is a segment from host A, its port 1, to CN's port 80, "A1s" to port
443, "A1b" to CN's second address, "A1m" is from port 80 to what is A's port in "A1"; the first one of a kind opens the connection. "A!" is a move of host A.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from ipaddress import IPv6Address
from itertools import combinations, pairwise, product
from typing import Any, NamedTuple

import ipywidgets

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, show_words, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.errors import MipflowError
from mipflow.flow.learner.guard import wrong_truth
from mipflow.lab.panels.panel import button, choice, frame, show_in
from mipflow.lab.plain import SERVER, PlainWorld
from mipflow.node.host import Host
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.node.tcp.table import ConnectionRow, Segment
from mipflow.sim.trace import Dropped
from mipflow.wire.packet import TCP

# --- 1.1: programs that compare addresses -----------------------------------------------------------------------------


def _bits(address: str, plen: int) -> int:
    return int(IPv6Address(address)) >> (128 - plen)


def _groups(address: str, count: int) -> list[str]:
    return IPv6Address(address).exploded.split(":")[:count]


def _digits(address: str, count: int) -> str:
    return IPv6Address(address).exploded.replace(":", "")[:count]


def _letters(address: str, count: int) -> str:
    return IPv6Address(address).exploded[:count]


def _machine(address: str, plen: int) -> int:
    return int(IPv6Address(address)) & (1 << (128 - plen)) - 1


@ours
def same_prefix(a: str, b: str, plen: int) -> bool:
    """The addresses agree in their first bits."""
    return _bits(a, plen) == _bits(b, plen)


class Pair(NamedTuple):
    """Two addresses and a prefix length; `kind`: about which of the points it is."""

    a: str
    b: str
    plen: int
    kind: str

    @property
    def name(self) -> str:
        """The event of its story."""
        return f"{self.a} {self.b} {self.plen} {self.kind}"


def own_networks(student: Student) -> tuple[str, str]:
    """The two prefixes of a student's pairs and stories, as text: those of the two links for practice."""
    if not student.ids:
        return "2001:db8:200", "2001:db8:300"
    one, other = student.random("01 networks").sample(range(0x111, 0xFFF), 2)
    return f"2001:db8:{one:x}", f"2001:db8:{other:x}"


@cache
def pairs(student: Student) -> list[Pair]:
    """Pairs that tell the known versions apart, in order, and then some that nobody has seen."""
    one, other = own_networks(student)
    digits = one.rpartition(":")[2]
    long = "0" * (4 - len(digits)) + digits
    known = [
        (f"{one}::10", f"{one}::1", 64, "plain"), (f"{one}::10", f"{other}::10", 64, "plain"),
        (f"2001:db8:{digits[0]}::1", f"2001:db8:{digits[0]}0::1", 64, "spelling"),
        (f"{one}::10", f"2001:0db8:{long}:0000:0000:0000:0000:0020", 64, "spelling"),
        (f"{one}:1200::1", f"{one}:12ff::1", 56, "length"), (f"{one}:1200::1", f"{one}:1300::1", 56, "length"),
        (f"{one}:1200::1", f"{one}:1300::1", 64, "length"),
        (f"{one}:0:4000::1", f"{one}:0:c000::1", 65, "length"), (f"{one}::1", f"{one}:1::1", 63, "length"),
        (f"{one}::1", f"{one}:1::1", 64, "plain"), (f"{one}::10", f"{one}:0:8000::10", 64, "plain"),
        (f"{one}::11", f"{one}::12", 127, "length"), (f"{one}::10", f"{one}::11", 127, "length"),
        (f"{one}::10", f"{one}::10", 64, "plain"),
    ]  # fmt: skip
    random = student.random("01 pairs")
    for _ in range(20):
        plen, address = random.randrange(20, 129), random.getrandbits(128)
        flipped = min(128, max(1, plen + random.choice((0, 1))))  # the last bit of the prefix, or the first behind it
        both = [IPv6Address(each) for each in (address, address ^ 1 << (128 - flipped))]
        known.append((str(both[0]), random.choice((both[1].exploded, str(both[1]))), plen, "length"))
    return [Pair(*each) for each in known]


def go_link(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
    """One pair is one step."""
    a, b, length, kind = event.split()
    plen = int(length)
    due = same_prefix(a, b, plen)
    answer, failed, why = outcome(function, a, b, plen)
    values = {
        "a": a, "b": b, "plen": plen, "got": failed.removeprefix(RAISED) or answer, "due": due, "why": why, "kind": kind,
        "down": plen // 16 * 16, "up": -(-plen // 16) * 16, "digits": plen // 4 * 4,
        "letters": plen // 4, "seen": 4 * len(_letters(a, plen // 4).replace(":", "")), "parts": _parting(a, b),
    }  # fmt: skip
    row: dict[str, object] = {"a": a, "b": b, "plen": plen, "yours": values["got"]}
    return (None if failed else ()), Step(f"{a} and {b}, plen {plen}", answer, failed or answer, due, values, row)


def _parting(a: str, b: str) -> int:
    """The number of the first bit in which two addresses differ; 129 for equal ones."""
    return 129 - (int(IPv6Address(a)) ^ int(IPv6Address(b))).bit_length()


def _is_next_bit(step: Step) -> bool:
    """Whether one bit more or less makes the difference, and the spelling none."""
    is_near = step.values["parts"] == step.values["plen"] + bool(step.due)
    return is_near and all(str(IPv6Address(step.values[name])) == step.values[name] for name in "ab")


def _of(plen: int, due: bool) -> Callable[[Step], bool]:
    return lambda step: step.values["plen"] == plen and step.due is due


LINK_WRONG = (
    Wrong(
        "constant",
        "Not yet. {got} for every pair fits many links, and no one of them. What ought {a} and {b} to be?",
        (lambda a, b, plen: True, lambda a, b, plen: False),
    ),
    Wrong(
        "text before the colons",
        "Not yet. {a} and {b} are on one link; you said {got}. They look different, for an address has many spellings."
        " What of it has only one?",
        (lambda a, b, plen: a.split("::")[0] == b.split("::")[0],), None, lambda step: len(step.values["b"]) == 39,
    ),
    Wrong(
        "beginning of a text",
        "Not yet. You put {a} and {b} on one link ({got}): the texts begin alike. Write both with all their zeros, four"
        " digits a group: where do they part?",
        (lambda a, b, plen: b.startswith(a.split("::")[0]),), None, lambda step: step.values["kind"] == "spelling",
    ),
    Wrong(
        "always 64",
        "Not yet. With plen {plen}, {a} and {b} agree; you said {got}. Most links have 64 bits, so 64 nearly always works."
        " This link has {plen}. Who tells you?",
        (lambda a, b, plen: _bits(a, 64) == _bits(b, 64),), None, _of(56, True),
    ),
    Wrong(
        "whole groups, too few bits",
        "Not yet. With plen {plen} you compared {down} bits: {a} and {b} differ in a later one, and you said {got}. Colons"
        " are for the eye. Must a prefix end between groups?",
        (lambda a, b, plen: _groups(a, plen // 16) == _groups(b, plen // 16),), None, _of(56, False),
    ),
    Wrong(
        "whole groups, too many",
        "Not yet. With plen {plen} you compared {up} bits: {a} and {b} differ behind the prefix, and you said {got}."
        " Colons are for the eye. Must a prefix end between groups?",
        (lambda a, b, plen: _groups(a, -(-plen // 16)) == _groups(b, -(-plen // 16)),), None, _of(56, True),
    ),
    Wrong(
        "whole digits",
        "Nearly. With plen {plen} you compared {digits} bits of {a} and {b}, and said {got}. A digit has four bits, and a"
        " prefix may end inside one.",
        (lambda a, b, plen: _digits(a, plen // 4) == _digits(b, plen // 4),), None, _of(65, False),
    ),
    Wrong(
        "colons counted as digits",
        "Not yet. With plen {plen} you took {letters} letters of {a} and {b}, and said {got}. Some of them are colons: {seen} bits"
        " are in the others. What of an address has no colons?",
        (lambda a, b, plen: _letters(a, plen // 4) == _letters(b, plen // 4),), None, _of(56, False),
    ),
    Wrong(
        "the wrong half",
        "Not yet. {a} and {b} share a link; you said {got}. You compared the end, which looks like the part that matters:"
        " it says which machine. What says which link?",
        (lambda a, b, plen: _machine(a, plen) == _machine(b, plen),), None, lambda step: step.due is True,
    ),
    Wrong(
        "equal addresses only",
        "Not yet. {a} and {b} are two machines on one link, and you said {got}. Their addresses have to differ, or nobody"
        " could tell them apart. How many of their first bits agree?",
        (lambda a, b, plen: IPv6Address(a) == IPv6Address(b), lambda a, b, plen: a == b), None, lambda step: step.due is True,
    ),
    Wrong(
        "one bit too many or too few",
        "Nearly. {a} and {b} first differ in bit {parts}; plen is {plen}, and you said {got}. Does bit {parts} count? How many"
        " bits do you throw away, and how many are there in all?",
        (
            lambda a, b, plen: _bits(a, min(plen + 1, 128)) == _bits(b, min(plen + 1, 128)),
            lambda a, b, plen: _bits(a, max(plen - 1, 0)) == _bits(b, max(plen - 1, 0)),
        ), None, _is_next_bit,
    ),
)  # fmt: skip


def _kind(kind: str) -> Callable[[Step], bool | None]:
    return lambda step: step.is_right if step.values["kind"] == kind else None


LINK = Stories(
    name="same_link", parameters="a, b, plen", check=lambda result, *_: wrong_truth(result, None),
    tell=lambda student: [((), (pair.name,)) for pair in pairs(student)], begin=lambda start, student: (), go=go_link,
    points=3, wrong=LINK_WRONG,
    criteria=(
        Criterion("tells links apart", 1, _kind("plain")), Criterion("in any spelling", 1, _kind("spelling")),
        Criterion("at any length", 1, _kind("length")),
    ),
    unknown="Not yet. The first pair that goes wrong: {a} and {b}, plen {plen}; you said {got}. Write both in bits, and"
    " draw a line after bit {plen}.",
    passed=lambda function, student: "Three of three: your function looks at bits, and at no more than it is told.",
)  # fmt: skip


# --- 1.3: programs that look a connection up --------------------------------------------------------------------------

class Table(list[ConnectionRow]):
    """CN's table as the function gets it: what it does to it is seen."""


def _near(row: ConnectionRow) -> tuple[str, int]:
    return row.local, row.local_port


def _far(row: ConnectionRow) -> tuple[str, int]:
    return row.remote, row.remote_port


def _to(segment: Segment) -> tuple[str, int]:
    return segment.destination, segment.destination_port


def _from(segment: Segment) -> tuple[str, int]:
    return segment.source, segment.source_port


def _row_where(fits: Callable[[ConnectionRow, Segment], bool]) -> Callable[[Table, Segment], ConnectionRow | None]:
    """A program that gives the first row that it holds to fit."""
    return lambda table, segment: next((row for row in table if fits(row, segment)), None)


@ours
def four_numbers(table: Table, segment: Segment) -> ConnectionRow | None:
    """The row whose four numbers are those of the segment (RFC 9293 section 3.3.1)."""
    return next((row for row in table if (_far(row), _near(row)) == (_from(segment), _to(segment))), None)


_found = _row_where(lambda row, s: (_far(row), _near(row)) == (_from(s), _to(s)))
port_only = _row_where(lambda row, s: row.local_port == s.destination_port)
both_ports = _row_where(lambda row, s: (row.local_port, row.remote_port) == (s.destination_port, s.source_port))
source_ignored = _row_where(lambda row, s: (_near(row), row.remote_port) == (_to(s), s.source_port))
source_port_ignored = _row_where(lambda row, s: (_near(row), row.remote) == (_to(s), s.source))
addresses_only = _row_where(lambda row, s: (row.local, row.remote) == (s.destination, s.source))
service_ignored = _row_where(lambda row, s: (_far(row), row.local) == (_from(s), s.destination))
own_address_ignored = _row_where(lambda row, s: (_far(row), row.local_port) == (_from(s), s.destination_port))
sides_swapped = _row_where(lambda row, s: (_near(row), _far(row)) == (_from(s), _to(s)))
visitor_only = _row_where(lambda row, s: _far(row) == _from(s))
half_an_address = _row_where(
    lambda row, s: (_near(row), _machine(row.remote, 64), row.remote_port)
    == (_to(s), _machine(s.source, 64), s.source_port)
)


def follows_the_move(table, segment):  # type: ignore[no-untyped-def]
    """Writes the new address into the row."""
    row = _found(table, segment)
    if row is None and not segment.syn:
        row = source_ignored(table, segment)
        if row is not None:
            row.remote = segment.source
    return row


class Conversation(NamedTuple):
    """The four numbers of a connection that CN holds, its own end first."""

    local: str
    local_port: int
    remote: str
    remote_port: int

    @property
    def told(self) -> str:
        """The other end of the connection, and its service."""
        return f"the row of {self.remote} port {self.remote_port} (to {self.local} port {self.local_port})"


class State(NamedTuple):
    """The state of a story: the rows, which hosts have moved, what is open, what has happened since the last step."""

    rows: tuple[Conversation, ...] = ()
    moved: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    number: int = 0


TOKENS = "A1", "A1s", "A1b", "A2", "B1", "A!"
MOST_EVENTS = 4
EVENT = re.compile(r"([A-C])(?:!|([1-9])([sbm]?))")


def cn_addresses(student: Student) -> tuple[str, str]:
    """CN's two addresses."""
    net = "a" if not student.ids else f"{student.random('01 server').randrange(0x10, 0xFF):x}"
    return f"2001:db8:{net}::5", f"2001:db8:{net}::6"


def first_port(student: Student) -> int:
    """To which a conversation's number is added: the port that its host chose."""
    return student.random("01 ports").randrange(400, 640) * 100 if student.ids else 40_000


@cache
def stories() -> list[tuple[tuple[()], tuple[str, ...]]]:
    """The stories of at most four events in order of length: nobody moves before anything, or last, or twice."""
    told = []
    for length in range(1, MOST_EVENTS + 1):
        for events in product(TOKENS, repeat=length):
            is_told = length < MOST_EVENTS or events[0] == "A1"  # of the longest, those that begin alike
            if is_told and events[0] != "A!" != events[-1] and events.count("A!") < 2:
                told.append(((), events))
        if length == 2:
            told.append(((), ("A1m", "A1")))  # ports that changed sides: another conversation
    return told


def segment_of(state: State, event: str, student: Student) -> Segment:
    """The segment of an event."""
    host, digit, kind = _parts(event)
    old, new = own_networks(student)
    source = f"{new if host in state.moved else old}::{host.lower()}"
    here = cn_addresses(student)[kind == "b"]
    ports = ports_of(kind, first_port(student) + int(digit))
    return Segment(source, ports[0], here, ports[1], event not in state.opened)


def ports_of(kind: str, own: int) -> tuple[int, int]:
    """The ports of a conversation: the host's, and CN's. `own`: the one that a host chooses."""
    return (80, own) if kind == "m" else (own, 443 if kind == "s" else 80)


def _parts(event: str) -> tuple[str, str, str]:
    found = EVENT.fullmatch(event)
    assert found is not None
    return found[1], found[2] or "", found[3] or ""


def wrong_find(result: object, table: Table, segment: Segment) -> str:
    """Say what is wrong with a result of `tcp_lookup`; yes and no are answers that a feedback speaks of."""
    return "" if result is None or isinstance(result, bool | ConnectionRow) else "expected one of the rows of table, or None"


def go_lookup(
    function: Callable[..., Any], state: State, event: str, student: Student
) -> tuple[State | None, Step | None]:
    """One event; a segment is a step. A row that was written into is put right again."""
    if event.endswith("!"):
        return state._replace(moved=(*state.moved, event[0]), since=(*state.since, event)), None
    segment = segment_of(state, event, student)
    table = Table(ConnectionRow(*row) for row in state.rows)
    due = next((row for row in state.rows if row == (*_to(segment), *_from(segment))), None)
    rows = list(table)
    found, failed, why = outcome(function, table, segment)
    after = tuple(Conversation(row.local, row.local_port, row.remote, row.remote_port) for row in table)
    is_touched = after != state.rows
    row = next((state.rows[place] for place, each in enumerate(rows) if each is found), None)
    own = "a row that is not in the table" if isinstance(found, ConnectionRow) else str(found)
    answer = own if row is None else row.told
    number = state.number + 1
    told = f"{event}: {segment.source} port {segment.source_port} to {segment.destination} port {segment.destination_port}"
    moves = "".join(f"{each[0]} moves; " for each in state.since)
    values = {
        "event": event, "events": (*state.since, event), "n": number, "got": failed.removeprefix(RAISED) or answer,
        "source": segment.source, "port": segment.source_port, "here": segment.destination,
        "service": segment.destination_port, "due": "None" if due is None else due.told, "row": row, "why": why,
        "rows": state.rows, "has_moved": event[0] in state.moved, "is_touched": is_touched, "segment": segment,
    }  # fmt: skip
    shown: dict[str, object] = {
        "segment": number, "from": f"{moves}{segment.source} port {segment.source_port}",
        "to": f"{segment.destination} port {segment.destination_port}",
        "CN's rows": "; ".join(f"{each.remote} port {each.remote_port} ↔ {each.local} port {each.local_port}" for each in state.rows)
        or "none", "yours": values["got"] + " (and the table is another)" * is_touched,
    }  # fmt: skip
    step = Step(moves + told, answer, failed or (answer, is_touched), ("None" if due is None else due.told, False), values, shown)
    if failed:
        return None, step
    if event in state.opened:
        return state._replace(since=(), number=number), step
    begun = Conversation(*_to(segment), *_from(segment))
    return State((*state.rows, begun), state.moved, (*state.opened, event), (), number), step


def _is_row(agrees: Callable[[Conversation, Segment], bool]) -> Callable[[Step], bool]:
    """Steps in which a row of somebody else's was given that agrees so far."""

    def shows(step: Step) -> bool:
        row = step.values["row"]
        return row is not None and agrees(row, step.values["segment"])

    return shows


def _missing(step: Step) -> bool:
    return step.answer == "None"


LOOKUP_WRONG = (
    Wrong(
        "yes or no",
        "Nearly. You gave back {got}. The comparison may well be right, but TCP needs more than yes or no: which connection"
        " gets the bytes?",
        (lambda table, s: _found(table, s) is not None,), None, lambda step: step.answer == "True",
    ),
    Wrong(
        "touches the table",
        "Nearly. Segment {n} of {source} found {got}, and that is right. But the table is another one afterwards, and the"
        " next segment comes to that. Looking something up changes nothing: which line of yours does?",
        is_it=lambda steps: steps[-1].answer == steps[-1].due[0] and bool(steps[-1].values["is_touched"]),
    ),
    Wrong(
        "sides swapped, or never finds",
        "Not yet. The second segment of {source} found {got}, though its row is there. Your function may compare fairly"
        " with the ends crossed: CN receives. At whose end does a segment begin?",
        (sides_swapped, lambda table, s: None), None, _missing,
    ),
    Wrong(
        "port only",
        "Not yet. {source} got {got}: both ask for port {service}, as all the web does. It is the number that everybody"
        " knows, so it looks like the one that counts. What else tells visitors apart?",
        (port_only, _row_where(lambda row, s: _near(row) == _to(s))), None, _is_row(lambda row, s: row.remote != s.source),
    ),
    Wrong(
        "ports, no address",
        "Not yet. {source} got {got}. Both machines chose port {port}: each numbers its own ports, so they are unique on"
        " one machine only. What is missing?",
        (both_ports, _row_where(lambda row, s: row.remote_port == s.source_port)), None, _is_row(lambda row, s: row.remote != s.source),
    ),
    Wrong(
        "source address ignored",
        "Nearly. {source} got {got}. Three numbers agree, so it looked like an old friend. MN's connection would survive a move"
        " that way; but anybody who writes the right ports could take it over. Who is speaking?",
        (source_ignored,), None, _is_row(lambda row, s: row.remote != s.source),
    ),
    Wrong(
        "source port ignored",
        "Nearly. The second connection of {source}, from port {port}, got {got}. The same two machines, the same service:"
        " two tabs of one browser. Which number keeps them apart?",
        (source_port_ignored,), None, _is_row(lambda row, s: row.remote_port != s.source_port),
    ),
    Wrong(
        "addresses only",
        "Not yet. {source} wants port {service} from its port {port}, and got {got}. Their addresses are equal, which names"
        " the two machines. What are ports for?",
        (addresses_only, _row_where(lambda row, s: row.remote == s.source)), None, _is_row(lambda row, s: row.local_port != s.destination_port),
    ),
    Wrong(
        "who, and not to whom",
        "Not yet. {source}, port {port}, wants {here} port {service}, and got {got}. You know who speaks, which is what one"
        " thinks of first. And to whom? CN has two addresses and two doors.",
        (visitor_only,), None, _is_row(lambda row, s: _near(row) != _to(s)),
        clearest=_is_row(lambda row, s: row.local != s.destination and row.local_port != s.destination_port),
    ),
    Wrong(
        "service ignored",
        "Nearly. The segment of {source}, port {port}, to port {service} got {got}. The visitor is the same, and it knocks at"
        " another door. Of four numbers you compare three. Which number names the door?",
        (service_ignored,), None, _is_row(lambda row, s: row.local_port != s.destination_port),
    ),
    Wrong(
        "own address ignored",
        "Nearly. The segment to {here} got {got}. CN has two addresses; with only one address the mistake would not show. Of"
        " four numbers you compare three. Which is missing?",
        (own_address_ignored,), None, _is_row(lambda row, s: row.local != s.destination),
    ),
    Wrong(
        "whose port is whose",
        "Nearly. {source}, port {port}, to port {service} got {got}. The same two ports, at the other ends: it looks like an"
        " answer, but CN receives. Does your comparison say whose each is?",
        (
            _row_where(lambda row, s: {row.remote, row.local} == {s.source, s.destination}
                       and {row.remote_port, row.local_port} == {s.source_port, s.destination_port}),
            _row_where(lambda row, s: (row.remote, row.local) == (s.source, s.destination)
                       and row.remote_port + row.local_port == s.source_port + s.destination_port),
        ), None, _is_row(lambda row, s: (row.remote_port, row.local_port) == (s.destination_port, s.source_port)),
    ),
    Wrong(
        "a row in any case",
        "Not yet. {source}, port {port}, to port {service} is new, and got {got}. Some row seemed better than none. CN"
        " would hand the bytes to a stranger. What does “no row” look like?",
        (
            lambda table, s: _found(table, s) or (table[0] if table else None),
            lambda table, s: _found(table, s) or (table[-1] if table else None),
        ), None, _is_row(lambda row, s: True),
    ),
    Wrong(
        "newest row only",
        "Nearly. The row of {source}, port {port}, stands before another one, and you said {got}. You looked at the last row"
        " alone. With one row in the table that is enough. How far must you look?",
        (lambda table, s: _found(table[-1:], s),), None, _missing,
    ),
    Wrong(
        "oldest row only",
        "Nearly. The row of {source}, port {port}, is not the first in the table, and you said {got}. Perhaps “not this"
        " one” already ends your search.",
        (lambda table, s: _found(table[:1], s),), None, _missing,
    ),
    Wrong(
        "half an address",
        "Nearly. After a move somebody speaks from {source}; you found {got}. The second halves agree, and look like the"
        " machine's own name. But on two links two machines may share that half.",
        (half_an_address,), None, _is_row(lambda row, s: row.remote != s.source),
    ),
    Wrong(
        "follows the move",
        "Not yet. You wrote {source} into {got}. That is kind: the host's connection would survive its move. But anybody,"
        " anywhere, could take over a connection in this way. What proves who wrote this segment? Lab 03 is about how one could"
        " know.",
        (follows_the_move,), None, lambda step: bool(step.values["is_touched"]),
    ),
)  # fmt: skip


def _differing(in_: str) -> Callable[[Step], bool | None]:
    """Is it right where all rows but the segment's own differ from it in addresses alone, or in ports alone?"""

    def holds(step: Step) -> bool | None:
        segment, others = step.values["segment"], [row for row in step.values["rows"] if row.told != step.values["due"]]
        own = (segment.source, segment.destination), (segment.source_port, segment.destination_port)
        parts = [((row.remote, row.local), (row.remote_port, row.local_port)) for row in others]
        same, other = (1, 0) if in_ == "addresses" else (0, 1)
        is_about = bool(parts) and all(each[same] == own[same] and each[other] != own[other] for each in parts)
        return step.is_right if is_about else None

    return holds


LOOKUP_CRITERIA = (
    Criterion(
        "finds its row", 1,
        lambda step: step.is_right if len(step.values["rows"]) == 1 and step.values["due"] != "None" else None,
    ),
    Criterion("both addresses", 2, _differing("addresses")),
    Criterion("both ports", 2, _differing("ports")),
    Criterion(
        "None where there is none, and the table as it was", 1,
        lambda step: step.is_right if step.values["due"] == "None" else None,
    ),
)  # fmt: skip

LOOKUP = Stories(
    name="tcp_lookup", parameters="table, segment", check=wrong_find, tell=lambda student: stories(),
    begin=lambda start, student: State(), go=go_lookup, points=6, wrong=LOOKUP_WRONG, criteria=LOOKUP_CRITERIA,
    unknown="Not yet. In the shortest story that goes wrong, segment {n}, from {source} port {port} to port {service}, got"
    " {got}. Step through the table below, number by number.",
    passed=lambda function, student: "Six of six. Your function tells every conversation from every other, and lets nobody in"
    " who only looks like one. Which of its four comparisons does a move break?",
)  # fmt: skip


def told(program: Callable[..., Any], events: Sequence[str], student: Student) -> list[Step]:
    """The steps of one story."""
    return LOOKUP.play(program, ((), tuple(events)), student)


# --- The function in the world ----------------------------------------------------------------------------------------

SHOW = ("A1", "A2", "B1", "A!", "A1")
"""The story to show when the check has found none: two connections of A, one of B, and A moves."""
BEGIN_S = 0.5
ASK, ANSWER = 100, 300
"""Octets that a client writes at each of its segments, and that the server answers."""


def in_world(lookup: Callable[..., Any], events: Sequence[str], student: Student) -> tuple[PlainWorld, str]:
    """A story in the network, where `lookup` serves CN: a second for each event; and how many answers came."""
    world = mf.plain_hosts(seed=1, lookup=lookup)
    cn, segments = world.cn, world.network.segments
    second = SERVER.address(6)
    cn.interfaces["eth0"].add_address(second)
    hosts: dict[str, Host] = {"A": world.mn}
    for place, name in enumerate(sorted({event[0] for event in events} - {"A"})):
        hosts[name] = Host(world.network, name, 0.0, 1.2 + 1.2 * place)
        hosts[name].settle(segments["wlan0"], 0xB + place)
        world.further_names[hosts[name].address] = name
    world.further_names[second] = "CN's second address"

    def accept(socket: TcpSocket) -> None:
        socket.on_data = lambda data: socket.write(bytes(ANSWER))

    Tcp.of(cn).listen(80, accept)
    Tcp.of(cn).listen(443, accept)
    world.run(BEGIN_S)
    open_, asked, got = dict[str, TcpSocket](), dict[str, int](), dict[str, int]()
    for event in events:
        host, digit, kind = _parts(event)
        if event.endswith("!"):
            if host == "A":
                world.mn.move("cell0")
            for each, socket in open_.items():
                if each[0] == host == "A":
                    socket.local = world.mn.address  # the application goes on from where it is
        elif event not in open_:
            number = len(open_) + 1
            world.mn.called[number] = f"{event} segments"
            there = second if kind == "b" else cn.address
            here, service = ports_of(kind, 40_000 + int(digit))
            if kind == "m":
                Tcp.of(cn).listen(service, accept)
            socket = Tcp.of(hosts[host]).connect(here, (there, service), number)
            open_[event], asked[event], got[event] = socket, 1, 0
            socket.on_open = lambda socket=socket: socket.write(bytes(ASK))  # type: ignore[misc]
            socket.on_data = lambda data, event=event: got.update({event: got[event] + len(data)})  # type: ignore[misc]
        else:
            asked[event] += 1
            open_[event].write(bytes(ASK))
        world.run(1)
    answers = [f"{event} {got[event] // ANSWER} of {count}" for event, count in asked.items()]
    return world, f"answers that came: {', '.join(answers)}"


def film(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's function in CN: in the story of the last check, or in one of ours."""
    if mine is None:
        words = "Write tcp_lookup first: then it serves CN."
        return words_of(words)
    events = [event for step in steps for event in step.values["events"]] or list(SHOW)
    world, answers = in_world(mine, events, student)
    failed = world.tables_of["CN"].failed
    world.title = f"Your function serves CN in “{' '.join(events)}”; {failed or answers}"
    show_words(world.title)
    return world.animate(BEGIN_S - 0.1)


# --- The run of one's own ---------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """The choices of a student's number: how often CN sends, when MN moves, the delay of the WLAN."""

    interval_ms: int = 1300
    move_s: float = 3.0
    wlan_ms: float = 5.0


def plan(student: Student) -> Plan:
    """The plan of a student; MN moves while nothing is under way."""
    if not student.ids:
        return Plan()
    random = student.random("01 run")
    interval = random.randrange(1100, 1900, 10)
    return Plan(interval, round(interval * 2.4 / 1000, 1), random.randrange(4, 40) / 2)


def begun(student: Student) -> PlainWorld:
    """The student's network, until MN moves."""
    interval, move_s, wlan_ms = plan(student)
    world = mf.plain_hosts(seed=1, links={"wlan0": mf.Link(delay_ms=wlan_ms, rate_bps=20_000_000)})
    world.mn.open(world.cn, mf.apps.Trickle(interval_ms=interval))
    return world.run(move_s)


@cache
def run_of(student: Student) -> PlainWorld:
    """The run that is read from: MN keeps its address."""
    world = begun(student)
    world.mn.move("cell0", keep=True)
    world.title = "MN moves and keeps its address"
    return world.run(17)


WLAN_ROUTER, CELLULAR_ROUTER = "WLAN router", "cellular router"


class Sent(NamedTuple):
    """A segment of CN's with text: its packet, when it left CN, its octets, where it ended and when."""

    packet: int
    sent_s: float
    sequence: int
    octets: int
    at: str
    ended_s: float


def sent_of(world: PlainWorld) -> list[Sent]:
    """All of CN's segments with text."""
    trace, found = world.trace, list[Sent]()
    drops = [(each.t_ns, each.node) for each in trace.records if isinstance(each, Dropped)]
    for number, packet in enumerate(trace.packets):
        segment = packet.payload
        if trace.channels[trace.channel[number]].sender != "CN" or not isinstance(segment, TCP) or not segment.payload:
            continue
        sent_ns = trace.sent[number]
        dropped = next((each for each in drops if 0 <= each[0] - sent_ns < 500_000_000), None)
        later = [n for n in range(number, len(trace)) if trace.packets[n] is packet] if dropped is None else []
        ended = (trace.arrived[later[-1]], "MN") if later else (dropped or (sent_ns, ""))
        where = {"AR2": WLAN_ROUTER, "AR3": CELLULAR_ROUTER}.get(ended[1], ended[1])
        found.append(Sent(number, sent_ns / 1e9, segment.sequence, len(segment.payload), where, ended[0] / 1e9))
    return found


def deaths(student: Student) -> list[Sent]:
    """The segment that dies first, and each time that it goes out again."""
    sent = sent_of(run_of(student))
    first = next(each for each in sent if each.at == WLAN_ROUTER)
    return [each for each in sent if each.sequence == first.sequence]


def segments(student: Student) -> Words:
    """CN's segments of the student's run, as a table."""
    rows: list[dict[str, object]] = [
        {
            "packet": each.packet, "sent, s": f"{each.sent_s:.3f}", "sequence number": each.sequence, "octets": each.octets,
            "ends at": each.at, "there, s": f"{each.ended_s:.3f}",
        }
        for each in sent_of(run_of(student))
    ]  # fmt: skip
    text = f"MN moves at {plan(student).move_s:.1f} s, and keeps 2001:db8:200::10."
    return words_of(text, rows, "Segments with pieces, as CN sent them")


TOLERANCE_S = 0.01


def judge_times(answer: Any, student: Student) -> Verdict:
    """When CN sent the first segment that died, and when for the fourth time: three points each."""
    is_pair = isinstance(answer, list | tuple) and len(answer) == 2
    if not is_pair or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in answer):
        return error("times_s is no list of two numbers; expected seconds, such as [1.234, 5.678].")
    own = deaths(student)
    due = own[0].sent_s, own[3].sent_s
    right = [abs(given - one) <= TOLERANCE_S for given, one in zip(answer, due, strict=True)]
    if all(right):
        waits = ", ".join(f"{b.sent_s - a.sent_s:.0f}" for a, b in pairwise(own[:4]))
        return passed(6, f"Read well: {due[0]:.3f} and {due[1]:.3f} s. In between CN waited {waits} s: twice as long each time.")
    points = 3 * sum(right)
    place = right.index(False)
    given, which = answer[place], ("first", "fourth")[place]
    if any(abs(given - 1000 * one) <= 1000 * TOLERANCE_S for one in due):
        return wrong(f"Nearly. {given:g} is in milliseconds, and the exercise asks for seconds.", points)
    if any(abs(given - each.ended_s) <= TOLERANCE_S for each in own):
        said = f"Nearly. At {given:g} s the segment dies at the WLAN router, which is what one notices. When did it leave CN?"
        return wrong(said, points)
    number = next((n for n, each in enumerate(own) if abs(given - each.sent_s) <= TOLERANCE_S), None)
    if number is not None:
        said = f"Nearly. At {given:g} s CN sent these bytes for time number {number + 1}. You were to read the {which} time."
        return wrong(said + " The first time is no retry.", points)
    if any(each.at == "MN" and abs(given - each.sent_s) <= TOLERANCE_S for each in sent_of(run_of(student))):
        return wrong(f"Not yet. The segment of {given:g} s arrives at MN. Which is the first that does not?", points)
    said = f"Not yet. You read {given:g} s for the {which} time. Find the first row that ends at the WLAN router; then the rows with"
    return wrong(f"{said} its sequence number, in column “sent”.", points)


# --- 1.4: stories to sort ---------------------------------------------------------------------------------------------


class Tale(NamedTuple):
    """A story of daily life: what it needs, and what is said of each wrong letter: the words, the belief."""

    text: str
    due: str
    said: str
    beliefs: dict[str, str]


KINDS = {"S": "same link, nothing to do", "N": "a new address is enough", "M": "Mobile IP"}
TALES = (
    Tale(
        "You call while you walk between two access points; the prefix stays.", "S",
        "The radio changed, the link did not: your same_link() says True.", {"M": "M02"},
    ),
    Tale(
        "A call goes on, from WLAN to cellular.", "M",
        "A new prefix, and the call is running. Which of the four numbers changes?", {"N": "M03c", "S": "M02"},
    ),
    Tale(
        "A laptop sleeps, wakes in a library, and opens a page.", "N",
        "Its old address does not lead here, and nothing was running. What does it need, and what not?", {"M": "M01"},
    ),
    Tale(
        "A machine on a cable is plugged into another network, during a backup.", "M",
        "There is no radio, and yet a new prefix under a running connection.", {"S": "M01", "N": "M03c"},
    ),
    Tale(
        "A passenger streams a film over the train's own WLAN.", "S",
        "The passenger's link is the train's WLAN, all the way. Fast is not the same as moving between links.", {"M": "M01"},
    ),
    Tale(
        "A sensor sends one reading an hour, each time from another network.", "N",
        "It moves a lot; but each reading is a connection of its own. What would have to survive?", {"M": "M01"},
    ),
    Tale(
        "A server moves to another network and updates DNS at once, during a download.", "M",
        "DNS is asked when a connection begins. Who asks again?", {"N": "M03b", "S": "M03b"},
    ),
    Tale(
        "The same access point changes to another radio channel.", "S",
        "A lot happens in the air. Which bit of the address changed?", {"M": "M02", "N": "M02"},
    ),
)  # fmt: skip
BELIEFS = ("MMMSMMMS", "SMMMSMMS", "SMNMSNNS", "SMNMMNMS", "SMNSSNMS", "SNNNSNNS")
"""The eight answers of somebody who believes one thing, for each belief: whatever is wireless and moves needs it; every
new network does; DNS keeps what runs; fast is mobile; without radio there is no mobility; a new address is always enough.
"""


@cache
def hands() -> list[tuple[int, ...]]:
    """All sixes of the eight that hold each letter, and at least one story for each belief."""
    due = [tale.due for tale in TALES]
    return [
        hand for hand in combinations(range(len(TALES)), 6)
        if len({due[n] for n in hand}) == 3 and all(any(each[n] != due[n] for n in hand) for each in BELIEFS)
    ]  # fmt: skip


def hand_of(student: Student) -> list[Tale]:
    """The six stories of a student, in their order."""
    if not student.ids:
        return [TALES[number] for number in hands()[0]]
    random = student.random("01 stories")
    chosen = list(random.choice(hands()))
    return [TALES[number] for number in random.sample(chosen, len(chosen))]


def tales(student: Student) -> Words:
    """The six stories as a list."""
    lines = [f"{number}. {tale.text}" for number, tale in enumerate(hand_of(student), start=1)]
    return Words("<ol>" + "".join(f"<li>{escape(tale.text)}</li>" for tale in hand_of(student)) + "</ol>", "\n".join(lines))


def judge_kinds(answer: Any, student: Student) -> Verdict:
    """A point for two stories; what is said is about the first that is sorted otherwise."""
    hand = hand_of(student)
    if not isinstance(answer, list | tuple) or not all(isinstance(each, str) for each in answer) or len(answer) != 6:
        return error('kinds is no list of six letters; expected one such as ["S", "N", "M", "S", "N", "M"].')
    given = [each.strip().upper() for each in answer]
    strange = next((each for each in given if each not in {*KINDS, ""}), None)
    if strange is not None:
        return error(f"{strange[:12]!r} is none of the three; expected S (same link), N (new address) or M (Mobile IP).")
    right = sum(letter == tale.due for letter, tale in zip(given, hand, strict=True))
    points = right // 2 if len(set(given)) > 1 else 0
    if right == len(hand):
        return passed(3, "Six of six. What counts is a prefix that changes and something that runs.")
    number, letter, tale = next((n, a, t) for n, (a, t) in enumerate(zip(given, hand, strict=True), 1) if a != t.due)
    you = f"you said {letter} ({KINDS[letter]})" if letter else "you have said nothing yet"
    return wrong(f"{right} of 6. Story {number}, “{tale.text}”: {you}. {tale.said}", points, tale.beliefs.get(letter))


# --- Break it ---------------------------------------------------------------------------------------------------------


def dealt_recent(table, segment):  # type: ignore[no-untyped-def]
    """The row of a segment; connections that talk are mostly young."""
    if not table:
        return None
    row = table[-1]
    # All four numbers, as the RFC has it.
    theirs = row.remote, row.remote_port, row.local, row.local_port
    mine = segment.source, segment.source_port, segment.destination, segment.destination_port
    return row if theirs == mine else None


def dealt_patient(table, segment):  # type: ignore[no-untyped-def]
    """The row of a segment, row by row."""
    mine = segment.source, segment.source_port, segment.destination, segment.destination_port
    for row in table:
        theirs = row.remote, row.remote_port, row.local, row.local_port
        if theirs == mine:
            return row
        # Somebody else's connection: not ours to touch.
        return None
    return None


def dealt_hosts(table, segment):  # type: ignore[no-untyped-def]
    """The row of a segment, by hosts and ports."""
    def host(address):  # type: ignore[no-untyped-def]
        # The second half of an address names the host.
        return int(IPv6Address(address)) % 2**64
    for row in table:
        ours = (row.local, row.local_port) == (segment.destination, segment.destination_port)
        theirs = (host(row.remote), row.remote_port) == (host(segment.source), segment.source_port)
        if ours and theirs:
            return row
    return None


def dealt_friendly(table, segment):  # type: ignore[no-untyped-def]
    """The row of a segment; a friend who comes from elsewhere is still a friend."""
    here = segment.destination, segment.destination_port
    rows = [row for row in table if (row.local, row.local_port) == here]
    rows = [row for row in rows if row.remote_port == segment.source_port]
    for row in rows:
        if row.remote == segment.source:
            return row
    # .syn says that it opens a connection; all others belong to one.
    if rows and not segment.syn:
        rows[0].remote = segment.source
        return rows[0]
    return None


DEALT = {
    dealt_recent: "does anybody come back here, after somebody else?",
    dealt_patient: "does anybody speak here whose row is not the first?",
    dealt_hosts: "does anybody speak from a new place here?",
    dealt_friendly: "does anybody speak from a new place here?",
}
"""Programs to be broken, each with what to ask of a story in which it holds."""


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return student.dealt("01 break", DEALT)


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return program(dealt_to(student), "tcp_lookup")


def _first_wrong(program: Callable[..., Any], events: Sequence[str], student: Student) -> Step | None:
    return next((step for step in told(program, events, student) if not step.is_right), None)


@cache
def shortest_of(program: Callable[..., Any], student: Student) -> int:
    """How many events the shortest story has in which it goes wrong."""
    return next(len(events) for _, events in stories() if _first_wrong(program, events, student))


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "A1 B1 A!".')
    events = tuple(each[:1].upper() + each[1:].lower() for each in answer.replace(",", " ").split())
    strange = next((each for each in events if not EVENT.fullmatch(each)), "")
    if strange or len(events) > 20:
        said = f"{strange[:10] or len(events)} in your story; expected A1, A1s, A1b, B2 and so on for a segment, A! for a"
        return error(f"{said} move of A, and at most 20 of them.")
    program = dealt_to(student)
    failing = _first_wrong(program, events, student)
    if failing is None:
        gave = ", ".join(str(step.answer) for step in told(program, events, student)[:4]) or "nothing"
        question = DEALT[program]
        return wrong(f"In “{answer[:40]}” both give {gave}: it holds. {question[0].upper()}{question[1:]}")
    if len(events) > shortest_of(program, student):
        said = f"It breaks: segment {failing.values['n']} gets {failing.answer}, where {failing.values['due']} is due."
        return wrong(f"{said} Three points. Can you tell it in fewer events?", 3)
    gets = f"segment {failing.values['n']} gets {failing.answer}"
    return passed(5, f"It breaks, and no story is shorter: {gets}.")


# --- What the notebook shows ------------------------------------------------------------------------------------------

PATIENCE_S, STEP_S = 130, 3
"""How long the play waits for CN to send again, and how long it runs after a move, in seconds."""


class Play:
    """Two choices and a button that moves MN; the world goes on from move to move."""

    def __init__(self, student: Student) -> None:
        self._student = student
        self._where = choice("where", "MN goes to", {"cell0 (cellular)": "cell0", "wlan0 (WLAN)": "wlan0"})
        self._keep = choice("keep", "and", {"keeps its address": True, "takes a new one": False})
        self._move, self._again = button("Move MN", "Moves MN and runs on"), button("Start again", "MN is at wlan0 again")
        self._said, self._output = ipywidgets.HTML(), ipywidgets.Output()
        self._move.on_click(lambda _: self.move(self._where.widget.value, self._keep.widget.value))
        self._again.on_click(lambda _: self.begin())
        row = ipywidgets.HBox(
            [self._where.widget, self._keep.widget, self._move, self._again],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.output = frame(row, self._said, self._output)
        self.begin()

    def begin(self) -> None:
        """MN is at wlan0, where it has its first address."""
        self.world = begun(self._student)
        pieces = len(sent_of(self.world))
        self._say(f"MN is at wlan0 with {self.world.mn.address}; {pieces} pieces have arrived. Now choose, and move MN.")
        show_in(self._output)

    def move(self, interface: str, keep: bool) -> None:
        """Move MN and run until CN has sent something."""
        world = self.world
        before, start = len(sent_of(world)), world.now
        self._move.disabled = True
        try:
            address = world.mn.move(interface, keep=keep)
            world.run(STEP_S)
            while len(sent_of(world)) == before and world.now < start + PATIENCE_S:
                world.run(1)
            new = sent_of(world)[before:]
            arrived = sum(each.at == "MN" for each in new)
            self._say(
                f"MN is at {interface} with {address}. From {start:.1f} to {world.now:.1f} s CN has sent {len(new)}"
                f" segment{'s' * (len(new) != 1)}; <b>{arrived} arrived</b>."
            )
            world.title = f"MN goes to {interface}"
            show_in(self._output, world.animate(max(0.0, start - 0.2), world.now), world.tables(since=max(0.0, start - 0.2)))
        except MipflowError as failed:
            self._say(escape(f"{failed}."))
        finally:
            self._move.disabled = False

    def _say(self, html: str) -> None:
        self._said.value = f"<p role='status'>{html}</p>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = self.output._repr_mimebundle_()
        return bundle | {"text/plain": "Two choices: where MN goes, and which address it has there."}


def shown_s(world: PlainWorld) -> tuple[float, float]:
    """From just before the move until the third retry: what the film of the prediction shows, in seconds."""
    move_s = world.handovers_s()[0]
    first = next(each for each in sent_of(world) if each.at == WLAN_ROUTER)
    again = [each for each in sent_of(world) if each.sequence == first.sequence]
    return move_s - 0.3, again[3].ended_s + 0.2


def predicted(student: Student) -> PlainWorld:
    """The world of the prediction: the student's own run."""
    return run_of(student)


def film_of_it(student: Student) -> Any:
    """Its film, until the third retry."""
    world = run_of(student)
    return world.animate(*shown_s(world))


def _asked(student: Student, attempts: Attempts) -> str:
    again = deaths(student)[2].sent_s
    words = f"At {again:.2f} s in your run CN sent to 2001:db8:200::10 again. A friend says: “MN's radio was perfect, so TCP"
    words += " must be broken.” Answer in two or three sentences, with the four numbers."
    return words + then(attempts, "1.3", "which line of your tcp_lookup would a new address fail at?")


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    own = deaths(student)
    port = next(packet.payload.source_port for packet in run_of(student).trace.packets if isinstance(packet.payload, TCP))
    return [
        (
            _asked(student, attempts),
            f"CN's row says 2001:db8:a::5 port 80 and 2001:db8:200::10 port {port}. The address was kept, so who is right;"
            " where is wrong: its first bits name the WLAN, whose router finds nobody. With a new address it is the other way.",
        ),
        (
            "When would CN have sent those bytes for the fifth time, and why then?",
            f"At {own[4].sent_s:.2f} s, {own[4].sent_s - own[3].sent_s:.0f} s after the fourth: TCP doubles its wait each time"
            " (RFC 6298 section 5.5), for silence may mean that a network is overloaded.",
        ),
        (
            "MN takes a new address instead. At which of the two ends is a number wrong, and would your tcp_lookup find the"
            " row if MN spoke from the new address?",
            "At MN: CN's row still has the old address as its remote end. No, the source differs from the row; so CN would"
            " answer with a reset.",
        ),
    ]  # fmt: skip


def _dies(world: PlainWorld) -> float | None:
    return next((each.ended_s for each in sent_of(world) if each.at == WLAN_ROUTER), None)


def _leaves(world: PlainWorld) -> float | None:
    return next((each.sent_s for each in sent_of(world) if each.at == WLAN_ROUTER), None)


QUESTIONS = {
    question.name: question
    for question in (
        Question("01", "MN has 2001:db8:200::10, given at wlan0. You carry it to cell0, and it keeps that address. CN sends"
                 " the next piece. What happens to it?", {
            "a": Answer(
                "It reaches MN: the routers have noticed where MN is now.",
                "Nobody told a router anything, though a phone seems to be found wherever it is. Each router reads the"
                " destination's first bits, and they still say wlan0. Watch {at}.", "M03a", _dies),
            "b": Answer(
                "It goes to wlan0's router, which finds nobody.",
                "So it was. That router even writes back “I cannot find it”; TCP takes that as a hint, and tries on. Watch {at}.",
                None, _dies),
            "c": Answer(
                "It waits in CN until CN has asked who has the address.",
                "“Who has this address?” is asked on one link only, among neighbors. MN is none of CN's: CN did not ask, it"
                " sent. Watch {at}.", "M30", _leaves),
            "d": Answer(
                "It reaches MN: the address is MN's name, wherever MN is.",
                "A name it is, for TCP. For routers it is a place, and MN is elsewhere. Watch {at}.", "M04", _dies),
        }),
        Question(
            "01-exit", "In another run MN keeps its address at cell0, and comes back to wlan0 at 6.0 s. CN has sent a piece"
            " at 3.92 s, and again at 4.92 s. What follows?", {
                "a": Answer(
                    "Nothing: TCP broke when the link changed.",
                    "Both ends still hold their row, and a row knows no links. Move there and back in Play: what does CN do"
                    " two seconds after its first retry?", "M02"),
                "b": Answer(
                    "The next retry arrives, and all goes on.",
                    "Yes, at 6.94 s. Nothing in the row was wrong, only the place."),
                "c": Answer(
                    "MN must connect again: CN has noticed the move.",
                    "CN noticed silence, never a move. It still has its row, and sends to it. Try it in Play.", "M03a"),
                "d": Answer(
                    "It goes on, but what was sent meanwhile is lost.",
                    "Packets are lost, bytes are not: the retry carries them. Go there and back in Play, and look at its"
                    " size.", "M36"),
            }, is_last=True),
    )
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "play": Play, "predicted": predicted, "film": film_of_it, "segments": segments, "run": run_of, "stories": tales,
    "dealt": dealt, "explain": explains("1.3", _asked, "1.R"),
}  # fmt: skip
"""The pieces that a notebook shows by `part("01", name)`."""

LINK_HINTS = (
    "Is 2001:db8:2::1 on the link of 2001:db8:20::1? How do you know?",
    "An address is one number of 128 bits: int(IPv6Address(a)), after from ipaddress import IPv6Address.",
    "Which bits do not matter? How does a number get rid of its last bits?",
)
LOOKUP_HINTS = (
    "A segment's source is whose end, seen from CN?",
    "For one row: how many comparisons must hold?",
    "Go through all rows; give back the one where all of them hold. And after the last row?",
)


def _is_blank(answer: Any) -> bool:
    return answer is None or answer is ... or (isinstance(answer, list | tuple) and not any(answer))


EXERCISES = [
    Exercise(number="1.1", answer="same_link", points=3, judge=LINK, hints=LINK_HINTS),
    Exercise(number="1.3", answer="tcp_lookup", points=6, judge=LOOKUP, hints=LOOKUP_HINTS, film=film),
    Exercise(
        number="1.R", answer="times_s", points=6, judge=judge_times,
        is_empty=lambda times: _is_blank(times) or (isinstance(times, list | tuple) and all(each is ... for each in times)),
    ),
    Exercise(number="1.4", answer="kinds", points=3, judge=judge_kinds, is_empty=_is_blank),
    Exercise(
        number="1.5", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
