"""Lab 06, home addresses: its stories, wrong versions and what is said of each, questions, and the run to read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/06_home_addresses.py. Functions of a learner get addresses as `mf.Address`, which is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple, cast

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.in_node import Own
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, words_of
from mipflow.course.predictions import Answer, Question, prediction
from mipflow.errors import FunctionFailed, class_name
from mipflow.flow.allocation.allocation import Advert
from mipflow.flow.learner.answers import PARAMETERS as ANSWERED
from mipflow.flow.learner.answers import Word, wrong_word
from mipflow.flow.learner.freeing import FORGET_KEYS, STRIKE_OUT, Held
from mipflow.flow.learner.guard import Guarded
from mipflow.lab.features.home import somebody_at_home
from mipflow.lab.panels.panel import Panel, choice, flag
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.sim.trace import TableChanged
from mipflow.wire.icmpv6 import NeighborAdvertisement, NeighborSolicitation
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate

LOW = (1 << 64) - 1
HA = 0x7
FIRST = MOBILE_NODE + 1
"""The interface identifiers of the home agent, and of the first address that the mobile node tries."""
DAYS_S, SOON_S = 604_800, 3000
"""How long the home prefix is preferred, in seconds: as usual, and so briefly that home agents say so with status 1."""
CALL, VIDEO = mf.apps.Voice(interval_ms=100), mf.apps.Video(rate_bps=100_000, frames_per_s=10)


def front(address: int) -> int:
    """The first 64 bits: the network."""
    return address >> 64


def back(address: int) -> int:
    """The last 64 bits: the interface identifier."""
    return address & LOW


def glue(network: int, number: int) -> mf.Address:
    """An address of both halves."""
    return mf.Address(network << 64 | number)


def _short(address: object) -> str:
    """An address as a sentence has it: "…::11"."""
    return f"…::{back(address):x}" if isinstance(address, int) else str(address)


def _list(words: Sequence[object]) -> str:
    return ", ".join(map(str, words)) or "none"


ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth")


# --- 6.1: who chooses -------------------------------------------------------------------------------------------------

MECHANISMS = {"stateless": "stateless", "DHCPv6": "dhcpv6", "own protocol": "request"}
CHOOSERS = {"stateless": "MN", "DHCPv6": "server", "own protocol": "HA"}
WHERE = {
    ("stateless", "HA"): "Not yet. HA told MN one half only, the network; MN made up the other. Page 8: here HA has no say in"
    " it.",
    ("DHCPv6", "HA"): "Not yet. With DHCPv6 HA only carries the question on, and the answer back. Who wrote the answer?",
    ("own protocol", "MN"): "Not yet. With the patent's own protocol one question goes to HA, and a whole address comes back."
    " Who made it?",
}


def judge_chooser(answer: Any, student: Student) -> Verdict:
    """A warm-up without marks."""
    if not isinstance(answer, dict):
        return error('chooser is no dictionary; expected {"stateless": "MN", ...}, one word for each.')
    given = {name: str(answer.get(name, "")).strip() for name in CHOOSERS}
    for name, due in CHOOSERS.items():
        told = given[name]
        if told.casefold() != due.casefold():
            kind = next((each for each in ("MN", "HA", "server") if each.casefold() == told.casefold()), "")
            if not kind:
                return wrong(f'Say "MN", "HA" or "server" for {name}; run it above and watch where the address is first named.')
            unsaid = f"Not yet. Run {name} above once more: which node names the whole address first?"
            return wrong(WHERE.get((name, kind), unsaid), 0, "M24" if (name, kind) == ("stateless", "HA") else None)
    return passed(0, "So it is: MN makes it up, a server gives it out, HA decides. Who knows whether somebody else has it?")


# --- 6.2: form --------------------------------------------------------------------------------------------------------


@ours
def form(advert: Advert, taken: Sequence[int]) -> mf.Address:
    """A further home address, of the advertised network, that is not in `taken`."""
    return glue(front(advert.prefix), max(back(each) for each in taken) + 1)


class Asked(NamedTuple):
    """The state of a story of `form`: the advertisement, what is taken, how often it was asked."""

    case: str
    advert: Advert
    taken: tuple[mf.Address, ...]
    calls: int = 0


LONG = "long option"


@cache
def cases(student: Student) -> dict[str, tuple[Asked, int]]:
    """Case -> how it begins, and how often is asked."""
    random = student.random("06 addresses")
    first = MOBILE_NODE + (random.randrange(8) if student.ids else 0)
    moved = random.randrange(0x1A0, 0x1FF) if student.ids else 0x1F0
    net = front(int(HOME.address(0)))
    there = glue(0x20010DB802000000, 0x10)

    def advert(option: mf.Address) -> Advert:
        return Advert(option, there, option, 64)

    plain, whole = advert(glue(net, HA)), advert(glue(net, 0x02005EFFFE000007))
    elsewhere = Advert(glue(net, HA), there, glue(0x20010DB8_0000_0000 | moved << 16, HA), 64)

    def has(*numbers: int) -> tuple[mf.Address, ...]:
        return tuple(glue(net, number) for number in numbers)

    found = {
        "first": (plain, has(first), 1), "twice": (plain, has(first), 2),
        "freed": (plain, has(first, first + 2), 2),  # the one between was freed
        "refused late": (plain, has(first, first + 2, first + 1), 1),  # the last came back with 134
        "many": (plain, has(*range(first, 2 * first - HA + 1)), 1),
        LONG: (whole, has(first), 2), "moved": (elsewhere, has(first, first + 1), 1),
    }  # fmt: skip
    return {name: (Asked(name, told, taken), calls) for name, (told, taken, calls) in found.items()}


def _fault(given: Any, state: Asked) -> str:
    """Say what is wrong with an address; "" if nothing is. Invariants, not one answer: any free number will do."""
    advert, taken = state.advert, state.taken
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 1 << 128:
        return "no address"
    if front(given) == front(advert.destination):
        return "visited"
    if given >> 118 == 0x3FA:
        return "link-local"
    if front(given) != front(advert.prefix):
        return "other network"
    if given in (advert.source, advert.prefix):
        return "HA's own"
    if back(given) == 0:
        return "zero"
    return "the primary" if given == taken[0] else "taken" if given in taken else ""


OF = {
    "visited": "the network that you visit", "link-local": "every link at once", "other network": "another network",
    "HA's own": "HA itself, whose address the option carries whole; it would answer 132",
    "zero": "every router at home, as an anycast address; HA would answer 132",
}


TAKEN = "taken changed"
"""The fault of a function that changed the list that it was given to look at."""
GOOD = "", TAKEN


def go_form(function: Callable[..., Any], state: Asked, event: str, student: Student) -> tuple[Asked | None, Step]:
    """One more address is asked for; each that is given joins `taken`."""
    mine = Own(state.taken)
    answer, failed, why = outcome(function, state.advert, mine)
    touched = mine.changed(_short)
    fault, calls = failed or _fault(answer, state) or (TAKEN if touched else ""), state.calls + 1
    shown = str(mf.Address(answer)) if not failed and fault != "no address" else repr(answer)[:40]
    told = f"address {calls} is asked for"
    values = {
        "case": state.case, "call": calls, "fault": fault, "given": shown, "short": _short(answer), "count": len(state.taken),
        "primary": state.taken[0], "last": _short(state.taken[-1]), "option": state.advert.prefix, "why": why,
        "kind": {"str": "text", "NoneType": "nothing", "tuple": "pair"}.get(class_name(answer), class_name(answer)),
        "network": mf.Address(front(state.advert.prefix) << 64), "of": OF.get(fault, ""),
        "got": failed.removeprefix(RAISED) or shown, "due": "an address of the advertised network that is not in taken",
        "between": _short(glue(front(state.taken[0]), back(state.taken[0]) + 1)), "changed": touched,
    }  # fmt: skip
    row: dict[str, object] = {
        "asked for": f"address {calls}", "advert.prefix": str(state.advert.prefix),
        "taken": _list([_short(each) for each in state.taken]), "yours": shown if not failed else failed.removeprefix(RAISED),
    }  # fmt: skip
    step = Step(told, answer if isinstance(answer, int) else shown, fault, "", values, row)
    after = None if fault not in GOOD else state._replace(taken=(*state.taken, mf.Address(answer)), calls=calls)
    return after, step


def f_visited(advert, taken):  # type: ignore[no-untyped-def]
    """Of the network where the packet went."""
    return glue(front(advert.destination), max(map(back, taken)) + 1)


def f_link_local(advert, taken):  # type: ignore[no-untyped-def]
    """Of no network."""
    return glue(0xFE80000000000000, max(map(back, taken)) + 1)


def f_whole_option(advert, taken):  # type: ignore[no-untyped-def]
    """The option as it is."""
    return advert.prefix


def f_zero(advert, taken):  # type: ignore[no-untyped-def]
    """The network alone."""
    return glue(front(advert.prefix), 0)


def f_same_identifier(advert, taken):  # type: ignore[no-untyped-def]
    """The primary's number."""
    return glue(front(advert.prefix), back(taken[0]))


def f_always_the_same(advert, taken):  # type: ignore[no-untyped-def]
    """The one behind the primary."""
    return glue(front(advert.prefix), back(taken[0]) + 1)


def f_counts(advert, taken):  # type: ignore[no-untyped-def]
    """As many behind the primary as there are."""
    return glue(front(advert.prefix), back(taken[0]) + len(taken))


def f_option_plus(advert, taken):  # type: ignore[no-untyped-def]
    """As many behind the home agent as there are."""
    return mf.Address(advert.prefix + len(taken))


def f_last(advert, taken):  # type: ignore[no-untyped-def]
    """The one behind the last entry."""
    return glue(front(advert.prefix), back(taken[-1]) + 1)


def f_text(advert, taken):  # type: ignore[no-untyped-def]
    """Cuts at the two colons."""
    return mf.Address(f"{str(advert.prefix).split('::')[0]}::{max(map(back, taken)) + 1:x}")


def f_letters(advert, taken):  # type: ignore[no-untyped-def]
    """Cuts after the last colon."""
    return mf.Address(f"{str(advert.prefix).rpartition(':')[0]}:{max(map(back, taken)) + 1:x}")


def f_primary_network(advert, taken):  # type: ignore[no-untyped-def]
    """Of the primary's network."""
    return glue(front(taken[0]), max(map(back, taken)) + 1)


def f_hard_coded(advert, taken):  # type: ignore[no-untyped-def]
    """Of the network that it was yesterday."""
    return glue(0x20010DB801000000, max(map(back, taken)) + 1)


def f_text_result(advert, taken):  # type: ignore[no-untyped-def]
    """A text."""
    return f"2001:db8:100::{max(map(back, taken)) + 1:x}"


def _fails(*faults: str) -> Callable[[Sequence[Step]], bool]:
    return lambda steps: steps[-1].got in faults and steps[-1].values["case"] == "first"


FORM_WRONG = (
    Wrong(
        "no address",
        "Not yet. You gave {given}, a {kind}. The node wants 128 bits. What does glue give?",
        (f_text_result,), is_it=_fails("no address"),
    ),
    Wrong(
        "another network",
        "Not yet. {given} belongs to {of}: good for where you are, not for who you are. Which address in this packet speaks"
        " of home?", (f_visited, f_link_local), "M14", is_it=_fails("visited", "link-local"),
    ),
    Wrong(
        "not yours to have",
        "Not yet. {given} is {of}. The network is right. Which bits of this address are yours to choose?",
        (f_whole_option, f_zero), is_it=_fails("HA's own", "zero"),
    ),
    Wrong(
        "the primary again",
        "Not yet. {given} is your primary: same network, same number, same address, and one address has one binding. What"
        " must differ?", (f_same_identifier,), is_it=_fails("the primary"),
    ),
    Wrong(
        "cuts the text",
        "Nearly. With {option} you got {got}. Two colons stand only where zeros are left out. Which bits, not letters, are"
        " the network?", (f_letters,), None, lambda step: step.values["case"] == LONG,
        lambda steps: str(steps[-1].got).startswith(RAISED) and steps[-1].values["case"] == LONG,
    ),
    Wrong(
        "the same one each time",
        "Not yet. The first video got {short}, and so did the second. It was new once. What is the list `taken` for?",
        (f_always_the_same,), None, lambda step: step.values["case"] == "twice",
    ),
    Wrong(
        "looks at one entry",
        "Nearly. The last entry of `taken` is {last}; you formed the next one, {short}, and it is in `taken` already. The list is not in"
        " order. How many entries must you look at?", (f_last,),
    ),
    Wrong(
        "counts the list",
        "Nearly. `taken` holds {count} addresses and you formed {short}, one of them. Counting works until one is freed, as"
        " {between} was. Which numbers are safe?", (f_counts, f_option_plus),
    ),
    Wrong(
        "network by heart",
        "Nearly. Home has moved to {network}, you formed {given}. Either the network stands in your code, or you took the"
        " primary's. Who tells you where home is now?",
        (f_primary_network, f_hard_coded), None, lambda step: step.values["case"] == "moved",
    ),
    Wrong(
        "changes taken",
        "Nearly. {given} is right. But your function changed `taken`: {changed}. The node keeps that list, and enters an address"
        " itself once it was given. Which of your lines touches `taken`, other than to look?",
        is_it=lambda steps: steps[-1].got == TAKEN,
    ),
)  # fmt: skip

AFTER_FREED = ("freed", "refused late", "many")
FORM = Stories(
    name="form", parameters="advert, taken", check=lambda *_: "",
    tell=lambda student: [(name, ("N",) * calls) for name, (_, calls) in cases(student).items()],
    begin=lambda start, student: cases(student)[start][0], go=go_form, points=4, wrong=FORM_WRONG,
    criteria=(
        Criterion("right network", 2, lambda step: step.got in (*GOOD, "HA's own", "zero", "the primary", "taken")),
        Criterion("new", 1, lambda step: None if step.values["case"] in AFTER_FREED else step.got in GOOD),
        Criterion("still new after one was freed", 1, lambda step: step.got in GOOD if step.values["case"] in AFTER_FREED else None),
    ),
    passed=lambda function, student: "Four of four: HA gave you one half, you made the other. Nobody has promised that it is"
    " free: run it in the node.",
    unknown="Not yet. The shortest case that goes wrong: `taken` holds {count} addresses, the option says {option}. You gave"
    " {given}. Step through it below.",
)  # fmt: skip


# --- 6.3: an answer to an answer --------------------------------------------------------------------------------------


@ours
def answered(status: int, address: mf.Address, refused: list[mf.Address], before: int) -> Word:
    """A word for an acknowledgement; `refused` gets what must not come again."""
    if status < 128:
        return "use"
    if status != 134:
        return "later"
    refused.append(address)
    return "give up" if before == 2 else "another"


STATUS = {"A": 0, "P": 1, "D": 134, "B": 130, "S": 135, "R": 128}
"""Letters of stories: accepted, accepted with a wish, duplicate, no room, number out of its window, the first of all refusals."""
MEANS = {
    0: "accepted", 1: "accepted, look at the prefixes again", 134: "duplicate", 130: "no room", 135: "number out of window",
    128: "no, without a reason",
}  # fmt: skip
REFUSES = {130: "has no room", 135: "has seen a later number", 128: "gives no reason"}
MOST_ANSWERS = 4


class Answering(NamedTuple):
    """The state of a story of answers: what was refused, duplicates of this flow, the next number, which flow it is."""

    refused: tuple[mf.Address, ...]
    before: int
    number: int
    flow: int = 1
    earlier: int = 0
    """How many of those that were refused are of earlier flows."""


def go_answered(
    function: Callable[..., Any], state: Answering, event: str, student: Student
) -> tuple[Answering | None, Step]:
    """One acknowledgement."""
    status, address = STATUS[event], HOME.address(state.number)
    due_list, mine = Own(state.refused), Own(state.refused)
    due = answered(status, address, due_list, state.before)
    word, failed, why = outcome(function, status, address, mine, state.before)
    told = f"HA answers {status} to {_short(address)}"
    values = {
        "word": word, "status": status, "refuses": REFUSES.get(status, ""), "address": _short(address), "before": state.before,
        "nth": ORDINALS[min(state.before + 1, 6)], "count": len(mine), "earlier": state.earlier, "why": why, "due": due,
        "flow": state.flow, "letter": event, "written": tuple(mine) == tuple(due_list), "number": state.number,
    }  # fmt: skip
    row = {
        "flow": state.flow, "status": f"{status}, {MEANS[status]}", "address": _short(address), "before": state.before,
        "yours": word or failed.removeprefix(RAISED), "refused afterwards": _list([_short(each) for each in mine]),
    }  # fmt: skip
    if failed:
        return None, Step(told, None, failed, (due, tuple(due_list)), values, row)
    after = Answering(
        tuple(mine), state.before + (word == "another") if word in ("another", "later") else 0,
        state.number + (word != "later"), state.flow + (word in ("use", "give up")),
        state.earlier if word in ("another", "later") else len(mine),
    )  # fmt: skip
    return after, Step(told, word, (word, tuple(mine)), (due, tuple(due_list)), values, row)


def _answers(
    yes: Callable[[int], bool] = lambda status: status < 128,
    other: Callable[[int], str] = lambda before: "later",
    writes: Callable[[int, int], bool] = lambda status, before: status == 134,
    duplicate: Callable[[int, list[Any]], str] = lambda before, refused: "give up" if before == 2 else "another",
) -> Callable[..., str]:
    """A program of its parts: what is a yes, the word for other refusals, what is written down, the word for 134."""

    def answered(status: int, address: Any, refused: list[Any], before: int) -> str:
        if writes(status, before):
            refused.append(address)
        if yes(status):
            return "use"
        return duplicate(before, refused) if status == 134 else other(before)

    return answered


def _nothing(status: int, before: int) -> bool:
    return False


def _ends(before: int, refused: object = None) -> str:
    return "give up" if before == 2 else "another"


ANSWER_WRONG = (
    Wrong(
        "takes every answer for a yes",
        'Not yet. HA answered 134 to {address}, and you said "use". Somebody at home has that address: his packets and'
        " yours would go to one place. Which statuses are a yes, and which a no?",
        (_answers(yes=lambda status: True, writes=_nothing),), None, lambda step: step.values["status"] == 134,
    ),
    Wrong(
        "asks for the same again",
        "Not yet. {address} came back with 134 and you asked for it once more. The number was unlucky, not the moment. What"
        " else could you ask for?",
        (_answers(writes=_nothing, duplicate=lambda before, refused: "later"), _answers(duplicate=lambda before, refused: "later")),
        None, lambda step: step.values["status"] == 134,
    ),
    Wrong(
        "only 0 is a yes",
        'Not yet. Status 1 came, you said "{word}". HA has bound {address}; 1 only adds a wish. Where does the line between'
        " yes and no run?",
        (_answers(yes=lambda status: status == 0),), None, lambda step: step.values["status"] == 1,
    ),
    Wrong(
        "other refusals are a yes",
        'Not yet. Status {status} came, you said "use". HA {refuses}: nobody at home forwards for {address}. What do all'
        " refusals have in common?",
        (_answers(yes=lambda status: status != 134), _answers(yes=lambda status: status not in (134, 130)),
         _answers(yes=lambda status: status not in (134, 130, 135))),
        None, lambda step: step.values["status"] in REFUSES,
    ),
    Wrong(
        "every refusal is a collision",
        'Not yet. Status {status} came, you said "{word}". Nobody else has {address}: asked for again 32 s later, it is'
        " bound. Which refusals speak of the address, and which of the home agent?",
        (
            _answers(other=_ends, writes=lambda status, before: status >= 128), _answers(other=lambda before: "give up"),
            _answers(other=_ends), _answers(other=lambda before: "another"),
            _answers(other=lambda before: "another", writes=lambda status, before: status >= 128),
        ), None, lambda step: step.values["status"] in REFUSES,
    ),
    Wrong(
        "writes down before it looks",
        "Nearly. Status {status} is a yes, and you wrote {address} into `refused` all the same: a good address, which nobody forms"
        " again. You write before you look at the status. Which statuses say that an address is taken?",
        (_answers(writes=lambda status, before: True),), None, lambda step: step.values["status"] < 128,
    ),
    Wrong(
        "writes down every refusal",
        "Nearly. Status {status} is a refusal, and you wrote {address} into `refused`. But HA {refuses}: nobody else has that"
        " address, and it is lost for ever. Which refusals speak of the address?",
        (_answers(writes=lambda status, before: status >= 128),), None, lambda step: step.values["status"] in REFUSES,
    ),
    Wrong(
        "does not write it down",
        'Nearly. Your word "{word}" fits, but {address} is not in `refused` afterwards: the next flow may form it again. Where is'
        " it to be written that HA said 134 to it?",
        (_answers(writes=_nothing),), None, lambda step: step.answer == step.due[0],
    ),
    Wrong(
        "does not write the last one down",
        'Nearly. Your word "{word}" fits. But {address}, the {nth} duplicate of this flow, is not in `refused` afterwards: the next'
        " flow may form it again. Is an address free because this flow gives up?",
        (_answers(writes=lambda status, before: status == 134 and before != 2),), None,
        lambda step: step.values["status"] == 134 and step.values["before"] == 2,
    ),
    Wrong(
        "counts every flow's",
        "Nearly. This flow met its {nth} duplicate and you gave up. `refused` holds {count} addresses, of which {earlier} came from an"
        " earlier flow. Which argument counts for this flow alone?",
        (_answers(duplicate=lambda before, refused: "give up" if len(refused) >= 3 else "another"),),
    ),
    Wrong(
        "gives up too soon",
        "Nearly. At the {nth} duplicate you gave up, with before = {before}. One more try costs 42 ms. Is the answer in your hand"
        " counted in before?",
        (_answers(duplicate=lambda before, refused: "give up" if before else "another"),
         _answers(duplicate=lambda before, refused: "give up")),
    ),
    Wrong(
        "does not give up in time",
        "Nearly. The {nth} duplicate, and you still ask. Somebody who claims every address would keep you busy for ever. How much is"
        " before on the third?",
        (_answers(duplicate=lambda before, refused: "another"),
         _answers(duplicate=lambda before, refused: "give up" if before == 3 else "another")),
    ),
)  # fmt: skip


@cache
def answer_stories() -> list[tuple[str, tuple[str, ...]]]:
    """All stories of at most three answers, in order of length, a refusal that the lab's table does not list, and the
    stories of four in which every answer is 0 or 134.
    """
    stories = [story for most in range(1, MOST_ANSWERS) for story in product("ADPBS", repeat=most)] + [("R",)]
    return [("", story) for story in (*stories, *product("AD", repeat=MOST_ANSWERS))]


def _when(statuses: Sequence[int], word: str, before: Callable[[int], bool] = lambda before: True) -> Callable[[Step], bool | None]:
    def holds(step: Step) -> bool | None:
        is_about = step.values["status"] in statuses and before(step.values["before"])
        return bool(step.answer == word) if is_about else None

    return holds


ANSWERS = Stories(
    name="answered", parameters=ANSWERED, check=wrong_word, tell=lambda student: answer_stories(),
    begin=lambda start, student: Answering((), 0, FIRST), go=go_answered, points=5, wrong=ANSWER_WRONG,
    criteria=(
        Criterion("a yes is a yes", 1, _when((0, 1), "use")),
        Criterion("134 leads to another", 1, _when((134,), "another", lambda before: before < 2)),
        Criterion("written down, and nothing else is", 1, lambda step: bool(step.values["written"])),
        Criterion("other refusals", 1, _when(tuple(REFUSES), "later")),
        Criterion("the third", 1, _when((134,), "give up", lambda before: before >= 2)),
    ),
    passed=lambda function, student: "Five of five: yes is for the address, 134 against it, and the others are about HA.",
    unknown='Not yet. The shortest case that goes wrong: HA answers {status} to {address}, before is {before}. You gave'
    ' "{word}", and `refused` holds {count}. Step through it below.',
)  # fmt: skip


# --- 6.5: freeing -----------------------------------------------------------------------------------------------------


class Row:
    """A belief of a peer: `home`, such as "H@2", is known at `peer`, such as "CN1"."""

    __slots__ = ("home", "peer")

    def __init__(self, home: str, peer: str) -> None:
        object.__setattr__(self, "home", home)
        object.__setattr__(self, "peer", peer)

    home: str
    peer: str

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("a row is not changed here; put it among your steps, and its peer is told to delete it")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and (self.home, self.peer) == (other.home, other.peer)

    def __hash__(self) -> int:
        return hash((self.home, self.peer))

    def __repr__(self) -> str:
        return f"{self.home} at {self.peer}"


@ours
def free(address: str, primary: str, rows: Sequence[Row]) -> list[Row | str]:
    """The steps, in order, that free a home address; an empty list where it must not go."""
    if address == primary:
        return []
    mine = sorted((row for row in rows if row.home == address), key=lambda row: row.peer == "HA")
    return [STRIKE_OUT, *mine, FORGET_KEYS]


def wrong_list(result: object, address: object, primary: object, rows: Sequence[Row]) -> str:
    """Say what is wrong with a result of `free`; empty where nothing is."""
    known = (STRIKE_OUT, FORGET_KEYS, *getattr(rows, "given", rows))
    if isinstance(result, list | tuple) and all(each in known for each in result):
        return ""
    return 'expected a list of steps: rows of `rows`, "strike out", "forget keys"'


FREED = {
    "the primary": ("H@1", "H@1", "H@1 HA, H@1 CN1, H@2 HA, H@2 CN1"),
    "plain": ("H@2", "H@1", "H@1 HA, H@1 CN1, H@2 HA, H@2 CN1"),
    "no order": ("H@2", "H@1", "H@2 CN2, H@1 HA, H@2 HA, H@1 CN1, H@3 HA, H@2 CN1, H@3 CN1"),
    "unused": ("H@2", "H@1", "H@1 HA, H@2 HA"), "the third": ("H@3", "H@1", "H@3 HA, H@2 CN1, H@1 HA, H@2 HA, H@3 CN1"),
    "another primary": ("H@1", "H@2", "H@1 HA, H@2 CN1, H@1 CN1, H@2 HA"),
    "the other primary": ("H@2", "H@2", "H@1 HA, H@2 CN1, H@1 CN1, H@2 HA"),
}  # fmt: skip
"""The address that is freed, the primary, and who believes what; the unused one comes from a pool, and no
correspondent has heard of it.
"""


def rows_of(case: str, student: Student) -> list[Row]:
    """The rows of a case; the last correspondents' names are by the student's number."""
    pairs = [pair.split() for pair in FREED[case][2].split(", ")]
    names = {"CN1": "CN1", "CN2": student.random("06 rows").choice(("CN2", "CN3")) if student.ids else "CN2"}
    return [Row(home, names.get(peer, peer)) for home, peer in pairs]


def faults_of(steps: Sequence[Row | str], address: str, primary: str, rows: Sequence[Row]) -> frozenset[str]:
    """Return the faults in the steps that free an address."""
    if address == primary:
        return frozenset(["primary"] if steps else [])
    if not steps:
        return frozenset(["nothing"])
    at = {each: place for place, each in reversed(list(enumerate(steps)))}
    mine, agent = [row for row in rows if row.home == address and row.peer != "HA"], Row(address, "HA")
    own = [place for each, place in at.items() if isinstance(each, Row) and each.home == address]
    told = [place for each, place in at.items() if isinstance(each, Row)]
    found = {
        "foreign row": any(isinstance(each, Row) and each.home != address for each in at),
        "correspondent left": any(row not in at for row in mine), "home agent left": agent not in at,
        "home agent first": agent in at and any(row in at and at[row] > at[agent] for row in mine),
        "keys left": FORGET_KEYS not in at, "keys early": FORGET_KEYS in at and any(p > at[FORGET_KEYS] for p in own),
        "not struck out": STRIKE_OUT not in at, "struck out late": STRIKE_OUT in at and any(p < at[STRIKE_OUT] for p in told),
    }  # fmt: skip
    return frozenset(name for name, is_so in found.items() if is_so)


ROWS = frozenset({"rows changed"})
"""The fault of a function that changed the rows that it was given to look at."""


def go_free(function: Callable[..., Any], state: str, event: str, student: Student) -> tuple[None, Step]:
    """One address is freed."""
    (address, primary, _), rows = FREED[state], rows_of(state, student)
    mine = Own(rows)
    steps, failed, why = outcome(function, address, primary, mine)
    given, touched = steps or [], mine.changed()
    faults = failed or faults_of(given, address, primary, rows) | (ROWS if touched else set())
    missing = [row for row in rows if row.home == address and row not in given]
    foreign = next((row for row in given if isinstance(row, Row) and row.home != address), None)
    correspondents = [row for row in rows if row.home == address and row.peer != "HA"]
    places = list(given)
    behind = [row for row in correspondents if Row(address, "HA") in places and row in places
              and places.index(row) > places.index(Row(address, "HA"))]  # fmt: skip
    is_missing = FORGET_KEYS not in given
    values = {
        "home": address, "count": len(given), "steps": _list(given), "why": why, "case": state, "raised": failed.removeprefix(RAISED),
        "missing": " and ".join(row.peer for row in sorted(missing, key=lambda row: row.peer != "HA")), "foreign": foreign,
        "left": next((row.peer for row in missing if row.peer != "HA"), ""), "behind": behind[0].peer if behind else "",
        "keys": "are never forgotten" if is_missing else "go before HA is told", "due": _list(free(address, primary, rows)), "primary": primary,
        "correspondent": correspondents[0].peer if correspondents else "HA", "changed": touched,
    }  # fmt: skip
    row: dict[str, object] = {"address": address, "primary": primary, "rows": _list(rows), "yours": _list(given) if not failed else failed.removeprefix(RAISED)}
    answer = tuple(map(str, given)) if not failed else None
    return None, Step(f"{address} is freed", answer, faults, frozenset(), values, row)


def _has(*faults: str) -> Callable[[Sequence[Step]], bool]:
    return lambda steps: isinstance(steps[-1].got, frozenset) and any(each in steps[-1].got for each in faults)


def _tells_nobody(steps: Sequence[Step]) -> bool:
    got = steps[-1].got
    return isinstance(got, frozenset) and ("nothing" in got or {"correspondent left", "home agent left"} <= got)


FREE_WRONG = (
    Wrong(
        "frees the primary",
        "Not yet. {count} steps for {home}, the primary. Nobody can call this phone now, and it has nothing left to ask from. What"
        " does page 9 say?", is_it=_has("primary"),
    ),
    Wrong(
        "tells nobody",
        "Not yet. {missing} still believe in {home}: HA defends, for an hour, an address that nobody has. A ghost again. Who"
        " must be told?", is_it=_tells_nobody,
    ),
    Wrong(
        "touches another's row",
        "Not yet. Your steps delete {foreign} too. The call stands on that row. Same peer, other address: which rows are about"
        " {home}?", is_it=_has("foreign row"),
    ),
    Wrong(
        "leaves a correspondent out",
        "Not yet. {left} keeps its row for {home} up to 420 s. Should another phone get it, {left}'s packets to that phone come"
        " to you. Is everybody told?", is_it=_has("correspondent left"),
    ),
    Wrong(
        "leaves HA out",
        "Not yet. HA's row for {home} lives up to an hour, and nobody at home can have the address. Who still speaks up for it?",
        is_it=_has("home agent left"),
    ),
    Wrong(
        "HA first",
        "Nearly. HA goes before {behind}. But {behind}'s proof comes through HA, who has let go of {home}: in the node {behind} is"
        " not even told, and believes for up to 420 s. Who can be told without whom?", is_it=_has("home agent first"),
    ),
    Wrong(
        "keys early or never",
        "Nearly. Your keys {keys}. Early, and a second pair is made only to say goodbye; never, and both ends keep them for"
        " nothing. Which step needs them last?", is_it=_has("keys left", "keys early"),
    ),
    Wrong(
        "struck out late or never",
        "Nearly. While {correspondent} was being told, a flow began and got {home}: it was still in the list. 40 ms are enough."
        " What must nobody find any more?", is_it=_has("not struck out", "struck out late"),
    ),
    Wrong(
        "changes rows",
        "Nearly. Your steps for {home} are right. But your function changed rows: {changed}. The node keeps its rows, and takes one"
        " out once its peer was told. Which of your lines touches rows, other than to look?", is_it=_has(*ROWS),
    ),
)  # fmt: skip


def _without(*faults: str) -> Callable[[Step], bool | None]:
    """Steps for another address than the primary, with none of these faults, and which tell somebody."""

    def holds(step: Step) -> bool | None:
        if step.values["home"] == step.values["primary"]:
            return None
        return isinstance(step.got, frozenset) and not step.got & {"nothing", *faults}

    return holds


FREE = Stories(
    name="free", parameters="address, primary, rows", check=wrong_list, tell=lambda student: [(case, ("F",)) for case in FREED],
    begin=lambda start, student: start, go=go_free, points=5, wrong=FREE_WRONG,
    criteria=(
        Criterion("the primary stays", 1, lambda step: step.got in (frozenset(), ROWS) if step.values["home"] == step.values["primary"] else None),
        Criterion("struck out first", 1, _without("not struck out", "struck out late")),
        Criterion("its rows, no others", 1, _without("foreign row", "correspondent left", "home agent left")),
        Criterion("correspondents before HA", 1, _without("home agent first", "correspondent left", "home agent left")),
        Criterion("keys last", 1, _without("keys left", "keys early")),
    ),
    passed=lambda function, student: "Five of five: first the list, then those that lean on HA, then HA, then the keys.",
    unknown="Not yet. The shortest case that goes wrong: {home} is freed. You gave {steps}. Step through it below.",
)  # fmt: skip


# --- Break it ---------------------------------------------------------------------------------------------------------

KEEPER = '''class Keeper:
    """Keeps the home addresses of a phone; 0x11 stands for ...::11. It is asked, hears the answer, and frees."""

    def __init__(self):
        self.homes = [0x10]  # what we have; the primary stays
        self.refused = []  # what came back with 134
        self.before = 0  # duplicates that this flow has met
        self.asked = None  # what we are asking for

    def ask(self):
        """The address to ask for."""
        if self.asked is None:
            # A number that nobody has yet.
            self.asked = max(self.homes + self.refused) + 1
        return self.asked

    def answered(self, status):
        """What to do with the home agent's answer."""
        if status < 128:
            self.homes.append(self.asked)
            self.asked, self.before = None, 0
            return "use"
        if status != 134:
            # No room: the address is good, so ask for it again.
            return "later"
        self.refused.append(self.asked)
        self.asked, self.before = None, self.before + 1
        if self.before < 3:
            return "another"
        self.before = 0
        return "give up"

    def free(self, address):
        """Nobody needs it any more."""
        self.homes.remove(address)
'''
LATER = '            # No room: the address is good, so ask for it again.\n            return "later"\n'
LAST = '        if self.before < 3:\n            return "another"\n        self.before = 0\n        return "give up"\n'
DEALT: dict[str, tuple[str, str, str]] = {
    "never gives up": (LAST, '        # Somewhere there must be a free one.\n        return "another"\n',
        "how long does it go on, if everybody says no?"),
    "counts all flows": ("            self.asked, self.before = None, 0\n", "            self.asked = None\n",
        "whose duplicates does it count?"),
    "counts the list": ("            # A number that nobody has yet.\n            self.asked = max(self.homes + self.refused) + 1\n",
        "            # As many as we know lie behind ::10.\n            self.asked = 0x10 + len(self.homes) + len(self.refused)\n",
        "is anything freed there?"),
    "forgets when freeing": ("        self.homes.remove(address)\n",
        "        self.homes.remove(address)\n        # A good moment to tidy up.\n        self.refused.clear()\n",
        "nothing was freed after a no there, or nothing was asked for after that. What could it forget, and when?"),
    "forgets when giving up": (LAST, LAST.replace("        self.before = 0\n", "        # The next flow begins afresh.\n"
        "        self.before = 0\n        self.refused.clear()\n"), "does a flow give up there, and what comes after it?"),
    "no room counts": (LATER, "            # No room: ask for the same again, but not for ever.\n            self.before += 1\n"
        '            if self.before < 3:\n                return "later"\n            self.asked, self.before = None, 0\n'
        '            return "give up"\n', "how often is there no room?"),
    "no room forgives": (LATER, "            # No room: ask for the same again.\n            self.before = 0\n"
        '            return "later"\n', "do different answers come to one flow?"),
}  # fmt: skip
"""A program to be broken: what differs from a right one, and what to ask of a story in which it holds."""
EVENT = re.compile(r"[ADB]|-[1-9]\d?")
MOST_LETTERS = 20


@cache
def keeper(name: str = "") -> Any:
    """The class of a keeper, made of the text that learners read; without a name the right one."""
    made: dict[str, Any] = {}
    exec(text_of(name), made)  # our own text
    return made["Keeper"]


def text_of(name: str) -> str:
    """The text of a keeper."""
    old, new, _ = DEALT.get(name, ("", "", ""))
    assert old in KEEPER
    return KEEPER.replace(old, new) if name else KEEPER


def dealt_to(student: Student) -> str:
    """The wrong keeper for a student."""
    return student.dealt("06 break", DEALT)


class Played(NamedTuple):
    """How a story goes with a keeper: what it asked for, and where it goes wrong; "" for a story that cannot be."""

    asked: tuple[str, ...]
    wrong: str | None = None
    letters: int = 0


def play_keeper(name: str, story: Sequence[str]) -> Played:
    """Play a story with a keeper and beside it with the right one."""
    node, right, got, asked = keeper(name)(), keeper()(), list[Any](), list[str]()
    for number, letter in enumerate(story, start=1):
        if letter.startswith("-"):
            place = int(letter[1:]) - 1
            if place >= len(got) or got[place] is None:
                return Played(tuple(asked), "", number)
            node.free(got[place])
            right.free(got[place])
            got[place] = None
            continue
        address = node.ask()
        asked.append(f"::{address:x}")
        if address in node.homes or address in right.refused:
            which = "it has" if address in node.homes else "came back with 134"
            return Played(tuple(asked), f"it asks for ::{address:x}, which {which}", number)
        right.asked = address
        word, due = node.answered(STATUS[letter]), right.answered(STATUS[letter])
        if word != due:
            return Played(tuple(asked), f'it says "{word}", where "{due}" is due', number)
        if word == "use":
            got.append(address)
    return Played(tuple(asked))


def keeper_stories(longest: int) -> Iterator[tuple[str, ...]]:
    """All stories, in order of length."""
    for length in range(1, longest + 1):
        yield from product(("A", "D", "B", "-1", "-2"), repeat=length)


@cache
def shortest_of(name: str) -> int:
    """How many letters the shortest story has in which a keeper goes wrong."""
    return next(len(story) for story in keeper_stories(5) if play_keeper(name, story).wrong)


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the keeper goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "A D A -1".')
    letters = answer.upper().replace(",", " ").split()
    strange = next((each for each in letters if not EVENT.fullmatch(each)), "")
    if strange or not 0 < len(letters) <= MOST_LETTERS:
        given = strange[:10] or len(letters)
        return error(f"{given} in your story; expected A, D or B for what HA answers, -2 to free the second address it got.")
    name = dealt_to(student)
    played = play_keeper(name, letters)
    if played.wrong == "":
        return error(f"{letters[played.letters - 1]} frees an address that it has not; number those that were accepted, from 1.")
    if played.wrong is None:
        hint = DEALT[name][2]
        asks = f"In “{answer.strip()[:40]}” it asks for {_list(played.asked)}, as it should."
        return wrong(f"{asks} {hint[0].upper()}{hint[1:]}")
    if len(letters) > shortest_of(name):
        return wrong(f"It breaks: {played.wrong}. Three points. Can you tell it in fewer letters?", 3)
    return passed(5, f"It breaks, and no story is shorter: {played.wrong}.")


# --- The runs ---------------------------------------------------------------------------------------------------------

BEGUN_S, ASKED_S = 2.5, 4.5
"""When the call begins, and the video that needs an address of its own, in seconds."""


def world_of(mechanism: str = "stateless", collision: bool = False, **more: Any) -> World:
    """A call at the primary home address, and a video that has just begun."""
    world = mf.figure2(allocate=cast(Any, MECHANISMS[mechanism]), collision=collision, security=True, **more).run(BEGUN_S)
    world.mn.open(world.cn1, CALL)
    world.run(ASKED_S - BEGUN_S)
    world.mn.open(world.cn1, VIDEO)
    return world


def ready_s(world: World) -> float | None:
    """How long the video waited for its address, in seconds."""
    flow = world.flows()[-1]
    return None if flow.entry.ready_ns is None else flow.entry.ready_ns / 1e9 - ASKED_S


def tested_s(world: World) -> float | None:
    """When the home agent begins to test the video's first address, in seconds."""
    tests = (each.t_ns / 1e9 for each in world.trace.decisions() if each.what == "uniqueness test")
    return next((t_s for t_s in tests if t_s > ASKED_S), None)


def _python(mechanism: str, collision: bool | None = None) -> str:
    more = f", collision={collision}" if collision is not None else ""
    return (
        f'import mipflow as mf\n\nworld = mf.figure2(allocate="{MECHANISMS[mechanism]}"{more}, security=True).run({BEGUN_S})\n'
        f"world.mn.open(world.cn1, mf.apps.Voice())\nworld.run({ASKED_S - BEGUN_S:g})\n"
        "world.mn.open(world.cn1, mf.apps.Video())\nworld.run(2)\n"
        f"world.animate({ASKED_S - 0.1:g}, {ASKED_S + 1.5:g})"
    )


def chosen(mechanism: str) -> World:
    """The same until the address has been chosen, and not a moment longer."""
    world = world_of(mechanism)
    while len(world.mn.home_addresses) < 2:
        world.run(0.002)
    world.title = f"{mechanism}: who chooses the address?"
    return world


def play(student: Student) -> Panel:
    """One control: the mechanism. The film stops when the address has been chosen."""
    return Panel(
        [choice("mechanism", "Home addresses by", {name: name for name in MECHANISMS})], chosen,
        lambda world: ("It stops when MN has the address. Press Play (▶): which node names all of it first?",
                       world.animate(ASKED_S - 0.05, world.now, slow=[(ASKED_S, world.now)])),
        lambda mechanism: _python(mechanism),
    )  # fmt: skip


def predicted() -> World:
    """The world of the prediction: stateless, and nobody else has that address."""
    world = world_of().run(2)
    world.title = "Stateless: until the video may use its address"
    return world


def tested(mechanism: str, collision: bool) -> World:
    """The whole way to an address."""
    world = world_of(mechanism, collision).run(2)
    world.title = f"{mechanism}{', and somebody at home has the first address' * collision}"
    return world


def both(student: Student) -> Panel:
    """Two controls: the mechanism, and whether somebody at home has the first address. Waits for the prediction."""
    panel = Panel(
        [choice("mechanism", "Home addresses by", {name: name for name in MECHANISMS}), flag("collision", "collision")], tested,
        lambda world: (f"The video waited {ready_s(world) or 0:.3f} s for its address. Press Play (▶), and watch HA's rows.",
                       world.animate(ASKED_S - 0.05, ASKED_S + 1.5)),
        _python, locked="Locked: store your prediction first.",
    )  # fmt: skip
    prediction("06").when_stored(panel.unlock)
    return panel


@cache
def run_of(student: Student) -> World:
    """The run that the student reads from: home link and owner of their own, no ESP, or nobody could read it."""
    random = student.random("06 links")
    links = {"home": mf.Link(delay_ms=1, rate_bps=1_000_000_000)}
    owner = FIRST
    if student.ids:
        links = {
            "home": mf.Link(delay_ms=random.randrange(2, 40) / 4, rate_bps=1_000_000_000),
            "Internet-HA": mf.Link(delay_ms=random.randrange(10, 80) / 2, rate_bps=1_000_000_000),
        }
        owner = random.randrange(0x20, 0xFF)
    world = mf.figure2(seed=random.randrange(1000), allocate="stateless", links=links)
    somebody_at_home(world.network, [HOME.address(FIRST)], owner)
    world.run(BEGUN_S)
    world.mn.open(world.cn1, CALL)
    world.run(ASKED_S - BEGUN_S)
    world.mn.open(world.cn1, VIDEO)
    world.run(2)
    world.title = "Your run: somebody at home has the first address"
    return world


class Seen(NamedTuple):
    """A packet at the home agent: its number, when it left or came, and what it is."""

    number: int
    t_ms: float
    packet: Any


def seen_of(world: World, node: str = "HA") -> list[Seen]:
    """Bindings and neighbor discovery at the home agent, from the video's beginning on."""
    trace, found = world.trace, list[Seen]()
    kinds = NeighborSolicitation, NeighborAdvertisement, BindingUpdate, BindingAcknowledgement
    for number, outer in enumerate(trace.packets):
        channel, packet = trace.channels[trace.channel[number]], outer.innermost()
        if node not in (channel.sender, channel.receiver) or not isinstance(packet.payload, kinds):
            continue
        t_ms = (trace.sent if channel.sender == node else trace.arrived)[number] / 1e6
        is_passed = isinstance(packet.payload, BindingUpdate) and not packet.payload.home_registration
        is_passed |= isinstance(packet.payload, BindingAcknowledgement) and packet.source != world.ha.home_agent_address
        if t_ms >= ASKED_S * 1000 and not is_passed:
            found.append(Seen(number, t_ms, packet))
    return sorted(found, key=lambda each: each.t_ms)


class Read(NamedTuple):
    """The values that are to be read off a run."""

    refused_ms: float
    silent_ms: float
    owner: str


def read_of(student: Student) -> Read:
    """The two times and the owner, from the packets at the home agent."""
    seen = seen_of(run_of(student))
    asked = {int(each.packet.payload.target): each.t_ms for each in seen if isinstance(each.packet.payload, NeighborSolicitation)}
    said = [each for each in seen if isinstance(each.packet.payload, BindingAcknowledgement)]
    first, second = sorted(asked)[:2]
    owner: Any = run_of(student).network.segments["home"].neighbors[mf.Address(first)]
    times = said[0].t_ms - asked[first], said[1].t_ms - asked[second]
    return Read(*times, ":".join(f"{octet:02x}" for octet in owner.link_layer_address))


def messages(student: Student) -> Words:
    """The packets at the home agent among which those are that the student looks for."""
    world = run_of(student)
    names = world.names()
    rows: list[dict[str, object]] = []
    for each in seen_of(world):
        payload = each.packet.payload
        what = {
            NeighborSolicitation: "Neighbor Solicitation", NeighborAdvertisement: "Neighbor Advertisement",
            BindingUpdate: "Binding Update", BindingAcknowledgement: "Binding Acknowledgement",
        }[type(payload)]  # fmt: skip
        target = getattr(payload, "target", None)
        source, destination = (names.get(a, str(a)) for a in (each.packet.source, each.packet.destination))
        about = f" for {target}" if target is not None else ""
        rows.append({
            "packet": each.number, "at HA, ms": f"{each.t_ms:.3f}", "from": source, "to": destination, "message": what + about,
        })  # fmt: skip
    title = "HA's packets, from the video's beginning on"
    return words_of(rows=rows, caption=title)


REFUSED_MS, SILENT_MS = 0.2, 1.0
"""How far off what is read may be, in milliseconds."""
EMPTY = (None, ..., "", "...")


def judge_read(answer: Any, student: Student) -> Verdict:
    """Two times and an owner; the second time counts beside the first, for it is the same in every run."""
    if not isinstance(answer, dict) or any(name not in answer for name in Read._fields):
        return error('seen is no dictionary with "refused_ms", "silent_ms" and "owner"; take the cell as it was.')
    times = {name: answer[name] for name in ("refused_ms", "silent_ms")}
    for name, value in times.items():
        if value not in EMPTY and (isinstance(value, bool) or not isinstance(value, int | float)):
            return error(f"{name} is no number; expected milliseconds, such as 12.345.")
    read = read_of(student)

    def near(name: str, due: float, by: float) -> bool:
        return times[name] not in EMPTY and abs(times[name] - due) <= by

    is_refused = near("refused_ms", read.refused_ms, REFUSED_MS)
    is_silent = is_refused and near("silent_ms", read.silent_ms, SILENT_MS)
    owner = re.sub("[^0-9a-f]", "", str(answer["owner"]).casefold())
    is_owner = owner == read.owner.replace(":", "")
    points = 3 * is_refused + 2 * is_silent + 2 * is_owner
    if points == 7:
        return passed(7, f"Read well: {read.refused_ms:.3f} ms where somebody spoke, {read.silent_ms:.0f} ms where nobody did.")
    return wrong(_misread(times, answer["owner"], read, (is_refused, is_silent, is_owner)), points)


def _misread(times: dict[str, Any], owner: Any, read: Read, good: tuple[bool, bool, bool]) -> str:
    """Return the sentence about the first value that is not read yet."""
    refused, silent = times["refused_ms"], times["silent_ms"]
    if not good[0]:
        if refused in EMPTY:
            return "refused_ms is still to be read: from the Neighbor Solicitation for …::11 to the next Binding Acknowledgement."
        if abs(refused * 1000 - read.refused_ms) <= REFUSED_MS:
            return f"Nearly. {refused:g} is in seconds, and the exercise asks for milliseconds."
        if abs(refused - read.silent_ms) <= SILENT_MS:
            return f"Not yet. {refused:g} ms is how long HA waits where nobody answers. Which of the two was refused?"
        return (
            f"Not yet. You read {refused:g} ms. Take the times at HA: of the question for …::11 on the home link, and of the"
            " Binding Acknowledgement that follows it. Times at MN have the way there in them."
        )
    if not good[1]:
        if silent in EMPTY:
            return "silent_ms is still to be read: the same two packets, for the address that was accepted."
        return f"Not yet. You read {silent:g} ms for the address that was accepted. Which question is it, and which answer ends it?"
    if str(owner).strip() in EMPTY:
        return "owner is still to be read: open the Neighbor Advertisement for …::11. Which link-layer address stands in it?"
    return (
        f"Not yet. You read {str(owner)[:24]}. Open the Neighbor Advertisement for …::11, the one before status 134, and look for"
        " its target link-layer address, which scapy calls Destination Link-Layer Address."
    )


# --- What the notebook shows ------------------------------------------------------------------------------------------

WRITE = "Write {} first: then it runs in the node."


def _adapted(mine: Callable[..., Any]) -> Callable[..., mf.Address]:
    """A learner's `form` as the node calls it: a number will do for an address."""
    guarded = Guarded("form", mine, "advert, taken", lambda *_: "")

    def formed(advert: Advert, taken: list[mf.Address]) -> Any:
        given = guarded(advert, taken)
        is_number = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 128
        if not is_number:
            raise FunctionFailed(f"your form() gave {str(given)[:40]!r}; expected an address of 128 bits", given)
        return mf.Address(given)

    return formed


def _formed(world: World) -> list[str]:
    """The further home addresses that were tried, in order."""
    changes = (each.change for each in world.trace.records if isinstance(each, TableChanged) and each.node == "MN")
    tried = dict.fromkeys(each.key for each in changes if each.table == "home address table" and each.after)
    return [_short(mf.Address(each)) for each in tried][1:]


def _failed(world: World) -> str:
    """The latest failure of the learner's function, in words."""
    said = [each.why for each in world.trace.decisions() if each.what in ("function failed", "no home address")]
    return f"; {said[-1]}" if said else ""


def film_form(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's `form` in the node, where somebody at home has ::11."""
    if mine is None:
        return words_of(WRITE.format("form"))
    world = world_of(collision=True, form=_adapted(mine)).run(2)
    world.title = f"Your function formed {_list(_formed(world))}{_failed(world)}"
    return world.animate(ASKED_S - 0.05, ASKED_S + 1.5)


def film_answered(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's `answered` in the node, in the story of the last check, or where somebody has the first address."""
    if mine is None:
        return words_of(WRITE.format("answered"))
    told = [(step.values["letter"], step.values["flow"], step.values["number"]) for step in steps if "letter" in step.values]
    told = told or [("D", 1, FIRST), ("A", 1, FIRST + 1)]
    world = mf.figure2(allocate="stateless", form=_adapted(form), answered=mine, security=True)
    taken = [HOME.address(number) for number in dict.fromkeys(number for letter, _, number in told if letter == "D")]
    if taken:
        somebody_at_home(world.network, taken)
    calls = mf.apps.Voice(interval_ms=500)
    world.run(BEGUN_S)
    world.mn.open(world.cn1, calls)
    world.run(ASKED_S - BEGUN_S)
    for number in dict.fromkeys(flow for _, flow, _ in told):
        letters = [letter for letter, flow, _ in told if flow == number]
        most, is_full = world.ha.bindings.max_bindings, letters[0] in "BSR"
        if is_full:
            world.ha.bindings.max_bindings = world.ha.bindings.size
        # Short of an hour, HA asks MN to look at the prefixes again.
        world.ha.announce(world.ha.home_link, HOME, DAYS_S, SOON_S if "P" in letters else DAYS_S)
        world.mn.open(world.cn1, calls)
        world.run(2)
        world.ha.bindings.max_bindings = most
        waits = [each for each in world.flows() if not each.entry.ready and each.entry.home_address is not None]
        world.run(34 if waits else 0.1)
    begun = sum(flow.entry.ready and flow.home_address in world.ha.bindings for flow in world.flows()[1:])
    tried = _formed(world)
    more = f", and {len(tried) - 4} more" if len(tried) > 5 else ""
    shown = _list(tried[:4] if more else tried) + more
    world.title = f"Your function asked for {shown}; {begun} of {len(world.flows()) - 1} flows can send"
    world.title += _failed(world)
    return world.animate(ASKED_S - 0.05, min(world.now, ASKED_S + 40))


class InNode:
    """A learner's `free` as the node calls it: with names in the place of addresses."""

    def __init__(self, mine: Callable[..., Any]) -> None:
        self._mine = Guarded("free", mine, "address, primary, rows", wrong_list)
        self.world: World | None = None
        self.given: list[Any] = []

    def __call__(self, address: mf.Address, primary: mf.Address, rows: list[Held]) -> list[Held | str]:
        assert self.world is not None
        names = self.world.names()
        known = {Row(names.get(row.home, str(row.home)), names.get(row.peer, str(row.peer))): row for row in rows}
        self.given = list(self._mine(names[address], names[primary], list(known)))
        return [known.get(step, step) for step in self.given]


def film_free(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's `free` in the node: a call at H@1, and two at H@2, which end."""
    if mine is None:
        return words_of(WRITE.format("free"))
    guarded = InNode(mine)
    world = guarded.world = mf.figure2(allocate="stateless", security=True, free=guarded).run(BEGUN_S)
    flows = []
    brief = mf.apps.Voice(interval_ms=100, duration_s=1)  # silent when they end, so that nothing is under way
    for cn, app in ((world.cn1, CALL), (world.cn1, brief), (world.cn2, brief)):
        flows.append(world.mn.open(cn, app))
        world.run(2.5)
    for flow in flows[1:]:
        world.mn.close(flow)
    ended = world.now
    world.run(2)
    ghosts = [node.name for node in (world.cn1, world.cn2, world.ha) if HOME.address(FIRST) in node.bindings]
    world.title = f"Your steps: {_list(guarded.given)}"
    world.title += f"; {' and '.join(ghosts)} still know H@2" if ghosts else ""
    return world.animate(ended - 0.1, ended + 0.5)


def dealt(student: Student) -> Words:
    """The keeper to be broken, as text."""
    text = text_of(dealt_to(student))
    return words_of(code=text)


def _asked(student: Student, attempts: Attempts) -> str:
    read = read_of(student)
    words = (
        f"In your run HA refused …::11 after {read.refused_ms:.1f} ms and accepted …::12 after {read.silent_ms:.0f} ms. A friend"
        " says: “So HA is slow with good addresses; buy a faster one.” Answer in two or three sentences: who spoke, who did not?"
    )
    return words + then(attempts, "6.3", "which line of your program needs the answer 134, and why?", "where")


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    read = read_of(student)
    return [
        (
            _asked(student, attempts),
            f"{read.owner} answered for …::11, at once. Nobody answers for a free address: silence has to be waited out.",
        ),
        (
            "Who says “…::12 is at ...” in your run, just before status 0, and what for?",
            "The home agent: from now on it takes at home what comes for …::12, and defends it.",
        ),
        (
            f"In your run, what if {read.owner} had been switched off for that second?",
            "Then the test finds nobody, and both have …::11 when it comes back: the test asks who is there, not who has a right.",
        ),
    ]  # fmt: skip


QUESTIONS = {
    question.name: question
    for question in (
        Question("06", "Until the video may use its address, and nobody else has that address: which way is quickest?", {
            "a": Answer(
                "Stateless: MN makes the address itself and waits for nobody.",
                "Made in no time, yes. But at {at} HA asks the home link whether somebody has …::11, and listens. Ready after"
                " 1.080 s; 1.000 of it is the test.", "M31", tested_s),
            "b": Answer(
                "DHCPv6: a server keeps the list, so what it gives out is known to be free.",
                "The server knows what it gave out, not the printer whose address was typed in by hand. So HA tests all the"
                " same, as at {at} here, and two questions make DHCPv6 the last: 1.124 s.", "M32a", tested_s),
            "c": Answer(
                "Own protocol: HA decides, and need not test its own decision.",
                "HA decides after 0.020 s, and tests after 0.060 s, as at {at} here: its book says to whom it lent an address, not"
                " who else uses it. Ready after 1.080 s, like stateless.", "M32b", tested_s),
            "d": Answer(
                "All take about the same time: something that all of them do takes much longer than asking.",
                "So it is: 1.080, 1.124 and 1.080 s, and 1.000 s of each is the same test, which begins at {at} here.", None,
                tested_s),
        }),
        Question(
            "06-exit", "A call to CN1 uses H@1. Your pool holds one tested address. Three more calls to CN1 begin in one instant."
            " How many seconds, about, does each wait?", {
                "a": Answer("0, 0, 0", "The pool has one address, and these three go to one CN. Two tests are to come.", "M33"),
                "b": Answer(
                    "0, 1, 2", "The second test need not wait for the first: HA listens for two silences at once.", "M34"),
                "c": Answer("0, 1, 1", "Yes: one second was paid in advance, two are paid side by side."),
                "d": Answer("1, 1, 1", "Addresses are tested, not flows. One was tested before anybody asked.", "M35"),
            }, is_last=True),
    )
}  # fmt: skip

BLOCKS: dict[str, Any] = {}

PARTS = {
    "halves": lambda student: (front, back, glue), "play": play, "predicted": lambda student: predicted(), "both": both, "run": run_of, "messages": messages, "dealt": dealt,
    "explain": explains("6.3", _asked, "6.R"),
}  # fmt: skip
"""The pieces that a notebook shows by `part("06", name)`."""

EXERCISES = [
    Exercise(
        number="6.1", answer="chooser", points=0, judge=judge_chooser,
        is_empty=lambda chooser: chooser is None or (isinstance(chooser, dict) and not any(chooser.values())),
    ),
    Exercise(
        number="6.2", answer="form", points=4, judge=FORM, film=film_form,
        hints=(
            "Which half comes from HA, which from you?",
            "You need a number that no entry of taken has, and they stand in no order.",
            "Which function finds the largest back? What is surely larger?",
        ),
    ),
    Exercise(
        number="6.3", answer="answered", points=5, judge=ANSWERS, film=film_answered,
        hints=(
            "Sort the statuses into three heaps. Which one says something bad about the address?",
            "Yes first, 134 last. What is in between?",
            "On 134 two things happen: one goes into a list, the other is a word.",
        ),
    ),
    Exercise(
        number="6.R", answer="seen", points=7, judge=judge_read,
        is_empty=lambda seen: seen is None or seen is ... or (isinstance(seen, dict) and all(v in EMPTY for v in seen.values())),
    ),
    Exercise(
        number="6.5", answer="free", points=5, judge=FREE, film=film_free,
        hints=(
            "For each step: what must still stand for it to work?",
            "Three heaps of rows: other addresses', this one's at correspondents, this one's at HA.",
            "Begin with what nothing else leans on.",
        ),
    ),
    Exercise(
        number="6.6", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
