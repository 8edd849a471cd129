"""Lab 99: its battery, wrong versions with what is said of each, questions, and the run to read from.

TODO: change all of it, one thing at a time; docs/writing-labs.md says in which order, and what to run after each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, last_failed
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, program, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.flow.learner.guard import wrong_truth
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate

# --- 99.1: a function, judged by a battery ----------------------------------------------------------------------------


@ours
def stands(field: int, age_s: int) -> bool:
    """The right answer. A learner's function that calls it is told to write its own."""
    return age_s < 4 * field


@cache
def battery(student: Student) -> list[tuple[str, tuple[str, ...]]]:
    """The questions, each a story of one event, the simplest first: what goes wrong first is shown."""
    own = student.random("99 battery").randrange(20, 200)
    asked = [(15, 10), (15, 30), (15, 59), (15, 60), (15, 61), (0, 0), (1, 3), (1, 4), (own, own), (own, 4 * own)]
    return [("", (f"{field} {age_s}",)) for field, age_s in asked]


def go(function: Callable[..., Any], state: Any, event: str, student: Student) -> tuple[Any, Step]:
    """One question put to the learner's function, and beside it what is due."""
    field, age_s = map(int, event.split())
    due = stands(field, age_s)
    answer, failed, why = outcome(function, field, age_s)
    got = failed.removeprefix(RAISED) or answer
    # What the sentences below may quote: "why" is needed, the rest is yours.
    values = {"why": why, "field": field, "age": age_s, "got": got, "due": due, "seconds": 4 * field}
    row: dict[str, object] = {"field": field, "age_s": age_s, "yours": got}
    return (None if failed else ()), Step(f"field {field}, after {age_s} s", answer, failed or answer, due, values, row)


LIVES = Stories(
    name="lives", parameters="field, age_s", check=wrong_truth, tell=battery, begin=lambda start, student: (), go=go,
    points=4,
    # A wrong version: its name, what is said of it (at most 60 words), programs that do it, the belief behind it
    # (datasets/misconceptions.csv; leave it out where there is none).
    wrong=(
        Wrong(
            "in seconds",
            "Not yet. With {field} in the field, after {age} s, you gave {got}. A lifetime looks like seconds, but the field has"
            " 16 bits only, and bindings may last for days. In which unit does it count?",
            (lambda field, age_s: age_s < field,), "M12b",
        ),
        Wrong(
            "for ever",
            "Not yet. After {age} s you say that the binding of {field} units still stands. Nobody deleted it, true. But"
            " what if MN's battery is empty, and it never says a word again?",
            (lambda field, age_s: field > 0, lambda field, age_s: True), "M12a",
        ),
        Wrong(
            "a moment too long",
            "Nearly. At {age} s the {seconds} s of the binding are over, and you gave {got}. Is a lifetime that has passed"
            " completely still one?",
            (lambda field, age_s: age_s <= 4 * field,),
        ),
    ),
    # Points: each part is earned where every step that it is about is right. None: the step is about something else.
    criteria=(
        Criterion("units", 2, lambda step: step.is_right if _tells_units(step) else None),
        Criterion("comes to an end", 1, lambda step: step.is_right if _is_over(step) else None),
        Criterion("at the very moment", 1, lambda step: step.is_right if step.values["age"] == step.values["seconds"] else None),
    ),
    unknown="Not yet. With {field} in the field, after {age} s, you gave {got}. Draw a line of time: where does it end?",
    passed=lambda function, student: "Passed: it stands for four times the number, and not a moment longer.",
)  # fmt: skip


def _tells_units(step: Step) -> bool:
    """Whether seconds and units of four seconds differ in a question."""
    return bool(step.values["field"] <= step.values["age"] < step.values["seconds"])


def _is_over(step: Step) -> bool:
    return bool(step.values["age"] > step.values["seconds"])


# --- 99.R: a number read off the learner's own run --------------------------------------------------------------------

TOLERANCE_MS = 1.0


@cache
def run_of(student: Student) -> Any:
    """The learner's world: their number chooses a delay, so that a neighbor's number is another, and none is practice's."""
    delay_ms = 25 + 3 * student.random("99 links").randrange(30) if student.ids else 20
    world = mf.plain_mobile_ipv6(links={"wlan0": mf.Link(delay_ms=delay_ms)}).run(4)
    world.title = "MN registers at its home agent"
    return world


def seen(student: Student) -> list[tuple[int, float, float, Any]]:
    """Number, sent and arrived in milliseconds, and message, of the updates and answers between MN and home agent."""
    trace, found = run_of(student).trace, []
    for number, packet in enumerate(trace.packets):
        channel, message = trace.channels[trace.channel[number]], packet.innermost().payload
        if isinstance(message, BindingUpdate | BindingAcknowledgement) and "MN" in (channel.sender, channel.receiver):
            found.append((number, trace.sent[number] / 1e6, trace.arrived[number] / 1e6, message))
    return found


def waited(student: Student) -> float:
    """The right number, in milliseconds."""
    update = next(each for each in seen(student) if isinstance(each[3], BindingUpdate))
    answer = next(each for each in seen(student) if isinstance(each[3], BindingAcknowledgement))
    return answer[2] - update[1]


def packets(student: Student) -> Words:
    """The table from which it is read."""
    rows: list[dict[str, object]] = [
        {"packet": number, "sent, ms": f"{sent:.1f}", "arrived, ms": f"{arrived:.1f}", "message": type(message).__name__}
        for number, sent, arrived, message in seen(student)
    ]
    return words_of("Your run, at MN:", rows, "Binding updates and acknowledgements")


def judge_waited(answer: Any, student: Student) -> Verdict:
    """Three points within the tolerance; a slip that is known has its own words."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return error("waited_ms is no number; expected milliseconds, such as 123.4.")
    due = waited(student)
    if abs(answer - due) <= TOLERANCE_MS:
        return passed(3, f"Read well: {due:.1f} ms, a second of it for asking whether anybody else has the address.")
    if abs(answer * 1000 - due) <= TOLERANCE_MS:
        return wrong(f"Nearly. {answer:g} is in seconds, and the exercise asks for milliseconds.", matched="seconds")
    return wrong(f"Not yet. You read {answer:g} ms. From which line to which? One message leaves MN, the other arrives there.")


# --- 99.2: a wrong program to break -----------------------------------------------------------------------------------


def dealt_generous(field, age_s):  # type: ignore[no-untyped-def]
    """True as long as the home agent keeps the binding."""
    return age_s <= 4 * field


def dealt_early(field, age_s):  # type: ignore[no-untyped-def]
    """True as long as the home agent keeps the binding."""
    return age_s // 4 < field - 1


def dealt_to(student: Student) -> Callable[..., Any]:
    """The wrong program for a student."""
    return dealt_generous if not student.ids else student.random("99 break").choice([dealt_generous, dealt_early])


def judge_example(answer: Any, student: Student) -> Verdict:
    """Two points for a field and an age for which the dealt program is wrong."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and all(type(each) is int and 0 <= each < 2**20 for each in answer)):
        return error("example is no pair of numbers; expected a field and an age, such as (15, 30).")
    field, age_s = answer
    gives, due = dealt_to(student)(field, age_s), age_s < 4 * field
    if gives is due:
        return wrong(f"With field {field}, after {age_s} s, it gives {gives}, and that is right. When is such a program most in danger?")
    return passed(2, f"It breaks: field {field}, after {age_s} s, gives {gives}.")


# --- What the notebook shows ------------------------------------------------------------------------------------------


def _asked(student: Student, attempts: Attempts) -> str:
    """The explain-back: a question about the learner's own attempt, or their own run."""
    failed = last_failed(attempts, "99.1")
    own = f"attempt {failed[0]} of 99.1 gave {failed[1].get('gave')}; what did you change, and why" if failed else "why four times"
    return f"In two or three sentences: {own}? Then: MN has sent 15 and is gone. What becomes of packets to it after 50 s, after 70 s?"


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    return [
        (_asked(student, attempts), "Units of 4 s: until 60 s they are tunnelled to where MN was, and lost there; then not at all."),
        ("How long did MN wait for its answer in your run, and for what?", f"{waited(student):.1f} ms: a second to look for duplicates, and the way."),
        ("Why does MN send another update before the time is over?", "So that the binding never ends while it is needed."),
    ]  # fmt: skip


QUESTIONS = {
    "99": Question("99", "The field for the lifetime in the update holds 15. For how long does the home agent keep the binding?", {
        "a": Answer("15 seconds.", "So it would be if the field counted seconds. Open the update: what does Wireshark write behind the number?", "M12b"),
        "b": Answer("60 seconds.", "So it is: it counts units of 4 seconds."),
        "c": Answer("Until MN says otherwise.", "MN may be gone for good, and nobody would ever know. A binding ends by itself.", "M12a"),
    }),
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "run": run_of, "packets": packets, "dealt": lambda student: program(dealt_to(student), "lives"),
    "explain": explains("99.1", _asked),
}  # fmt: skip
"""The pieces that a notebook shows by `part("99", name)`."""

BLOCKS: dict[str, Any] = {}
"""Programs in blocks, as in lab 07; none here."""

EXERCISES = [
    Exercise(
        number="99.1", answer="lives", points=4, judge=LIVES,
        hints=("How many seconds are 15 units?", "Compare the age with that many seconds. And when both are equal?"),
    ),
    Exercise(number="99.R", answer="waited_ms", points=3, judge=judge_waited),
    Exercise(number="99.2", answer="example", points=2, judge=judge_example),
]  # fmt: skip
