"""Lab 07: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS, Result
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercises_of
from mipflow.view.drawing.picture import Picture
from tests.labs.learner import students, tried, verdict, written
from tests.labs.others_of_73 import A_THIRD_TEN, TEN_MORE
from tests.labs.others_of_73 import RIGHT as RIGHT_OF_OTHERS
from tests.labs.others_of_73 import VERSIONS as VERSIONS_OF_OTHERS

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = exercises_of("07")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 9))]


def made(source: str, name: str = "assign") -> Callable[..., Any]:
    return written(f"{name}(flow, homes, flows{', allocate' * (name == 'assign')})", source)


RIGHT = """
for home in reversed(homes):
    if not any(other.home == home and other.cn == flow.cn for other in flows):
        return home
homes.append(allocate())
return homes[-1]
"""
RELEASE = """
if flow.home != homes[0] and all(other.home != flow.home for other in flows):
    homes.remove(flow.home)
"""
VERSIONS = [(wrong, program) for wrong in LAB.WRONG for program in wrong.programs]
RELEASES = [(wrong, program) for wrong in LAB.RELEASE.wrong for program in wrong.programs]


@pytest.mark.parametrize(("known", "program"), VERSIONS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("student", students(2, quick=1), ids=str)
def test_each_wrong_version_reads_what_was_written_for_it(known: Any, program: Any, student: Student) -> None:
    found = verdict("7.3", program, student)
    assert (found.status, found.matched) == ("wrong", known.name) and 0 <= found.points < 10
    assert found.misconception == known.misconception
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right
    # It quotes what the learner's program did.
    assert str(found.steps[-1].answer) in found.feedback or known.name == "writes it in front"


@pytest.mark.parametrize(("known", "program"), RELEASES, ids=lambda each: getattr(each, "name", ""))
def test_each_wrong_release_reads_what_was_written_for_it(known: Any, program: Any) -> None:
    source = {"_never_frees": "x = 1"}.get(program.__name__)
    found = verdict("7.4", program if source is None else made(source, "release"))
    assert (found.status, found.matched) == ("wrong", known.name) and found.points < 5
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize(
    ("line", "told"),
    [("flows.clear()", "went"), ("flows.append(flow)", "came in"), ("flows.reverse()", "it has another order"), ("flows.extend(flows)", "stands there twice")],
)
def test_a_release_that_changes_flows_reads_so_and_loses_little(line: str, told: str) -> None:
    found = verdict("7.4", made(f"{RELEASE}\n{line}", "release"))
    assert (found.status, found.matched, found.points) == ("wrong", "changes flows", 4), found.feedback
    assert f"changed flows: {'' if told != 'went' else 'flow '}" in found.feedback and told in found.feedback
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    first = verdict("7.4", made(f"{line}\nx = 1", "release"))
    assert first.matched == "never frees" or first.points <= 3, "what it does to homes comes first"


STUMBLING = [
    "for home in reversed(homes):\n    if [f for f in flows if f.home == home][0].cn != flow.cn:\n        return home\nreturn allocate()",
    "for home in reversed(homes):\n    if next(f for f in flows if f.home == home).cn != flow.cn:\n        return home\nreturn allocate()",
    "for home in reversed(homes):\n    for f in flows:\n        if f.home == home:\n            ok = f.cn != flow.cn\n    if ok:\n        return home\nreturn allocate()",
    "for home in reversed(homes):\n    first = next((f for f in flows if f.home == home), None)\n    if first.cn != flow.cn:\n        return home\nreturn allocate()",
]  # fmt: skip


@pytest.mark.parametrize("source", STUMBLING)
def test_who_stumbles_over_an_address_without_flows_reads_so(source: str) -> None:
    found = verdict("7.3", made(source))
    assert (
        found.matched == "stumbles over an address without flows" and "the figure forgets this case" in found.feedback
    )


OTHERS = {
    "takes the first flow's word, and does not write down": (
        "for home in reversed(homes):\n    there = [f for f in flows if f.home == home]\n"
        "    if not there or there[0].cn != flow.cn:\n        return home\nnew = allocate()\nreturn new",
        {"lets the first flow decide", "does not write it down"},
    ),
    "returns inside the inner loop": (
        "for home in reversed(homes):\n    for other in flows:\n        if other.home == home and other.cn != flow.cn:\n"
        "            return home\n    if not any(o.home == home for o in flows):\n        return home\n"
        "homes.append(allocate())\nreturn homes[-1]",
        {"enough that some flow differs"},
    ),
    "forgets which address": (
        "for home in reversed(homes):\n    if all(o.cn != flow.cn for o in flows):\n        return home\n"
        "homes.append(allocate())\nreturn homes[-1]",
        {"a flow to this CN anywhere: new"},
    ),
    "forgets reversed and tests well": (
        "for home in homes:\n    if flow.cn not in [o.cn for o in flows if o.home == home]:\n        return home\n"
        "homes.append(allocate())\nreturn homes[-1]",
        {"primary first"},
    ),
    "inserts at the front by concatenation": (
        "for home in homes[::-1]:\n    if flow.cn not in [o.cn for o in flows if o.home == home]:\n        return home\n"
        "new = allocate()\nhomes[:] = [new] + homes\nreturn new",
        {"writes it in front"},
    ),
    "rebinds the name": (
        "for home in homes[::-1]:\n    if flow.cn not in [o.cn for o in flows if o.home == home]:\n        return home\n"
        "new = allocate()\nhomes = homes + [new]\nreturn new",
        {"does not write it down"},
    ),
    "allocates for each flow but the first": (
        "if not flows:\n    return homes[0]\nhomes.append(allocate())\nreturn homes[-1]",
        {"a new one for every flow"},
    ),
    "else in the wrong place": (
        "for home in reversed(homes):\n    if not any(o.home == home and o.cn == flow.cn for o in flows):\n"
        "        return home\n    else:\n        homes.append(allocate())\n        return homes[-1]",
        {"gives up after the last address"},
    ),
    "the last one only, always": ("return homes[-1]", {"always the primary"}),
    "ports too": (
        "for home in reversed(homes):\n    if (home, flow.cn, flow.port) not in [(o.home, o.cn, o.port) for o in flows]:\n"
        "        return home\nhomes.append(allocate())\nreturn homes[-1]",
        {"compares ports as well"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    source, causes = OTHERS[name]
    found = verdict("7.3", made(source))
    assert found.status == "wrong" and found.matched in causes, found


CAUSES = {
    "minus_zero": "rule: you looked at the primary first, and then from the last up", "all_instead_of_any": "enough that some flow differs",
    "skips_itself": "does not see the latest flow", "allocates_first": "asks first, looks later",
    "own_ledger": "remembers", "reverses_the_table": "changes the list while it looks",
    "climbs_from_its_correspondent": "climbs from where the correspondent is",
    "empty_is_not_free": "never takes an idle address", "primary_is_reserved": "the primary only while it is alone",
    "local_list": "does not write it down",
}  # fmt: skip


def program(source: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    function: Callable[..., Any] = names["assign"]
    return function


@pytest.mark.parametrize("version", VERSIONS_OF_OTHERS, ids=lambda version: version["name"])
@pytest.mark.parametrize("student", students(2, quick=1), ids=str)
def test_wrong_versions_of_somebody_else_read_their_cause(version: dict[str, str], student: Student) -> None:
    found = verdict("7.3", program(version["source"]), student)
    assert (found.status, found.matched) == ("wrong", CAUSES[version["name"]]), found.feedback
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


THEIRS = {
    "only-the-last": "gives up after the last address", "flag-never-reset": "gives up after the last address",
    "flag-overwritten": "lets the last flow decide", "counts-flows": "counts flows",
    "reverse-in-place": "changes the list while it looks", "allocates-twice": "asks twice",
    "range-stops-short": "never the primary", "allocates-up-front": "asks first, looks later",
    "returns-append": "gives nothing", "enters-the-flow": "writes into a flow",
}  # fmt: skip


@pytest.mark.parametrize("version", TEN_MORE, ids=lambda version: version["name"])
def test_ten_more_wrong_versions_read_their_cause(version: dict[str, str]) -> None:
    found = verdict("7.3", program(version["source"]), Student(("4242",)))
    assert (found.status, found.matched) == ("wrong", THEIRS[version["name"]]), found.feedback
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.misconception is None, "none of them takes the primary for the default"


THIRD = {
    "shadowed_flow": ("any flow makes it taken", 3), "reverse_in_place": ("changes the list while it looks", 9),
    "dict_overwrites": ("lets the last flow decide", 7), "returns_loop_variable": ("asks, and gives another", 8),
    "allocate_indented": ("gives up after the last address", 8), "eager_allocate": ("asks first, looks later", 8),
    "compares_flow_objects": ("always the primary", 4), "counts_flows": ("counts flows", 3),
    "writes_flow_table": ("writes into a flow", 0), "skips_empty_address": ("never takes an idle address", 6),
}  # fmt: skip
"""The cause that each reads, and its points: a mistake costs its own part, and no other."""


@pytest.mark.parametrize("version", A_THIRD_TEN, ids=lambda version: version["name"])
def test_a_third_ten_read_their_cause_and_lose_what_it_deserves(version: dict[str, str]) -> None:
    found = verdict("7.3", program(version["source"]), Student(("777123",)))
    assert (found.matched, found.points) == THIRD[version["name"]], (found.feedback, found.shares)
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


def test_a_loop_that_takes_the_name_of_the_new_flow_is_told_of_both_causes() -> None:
    sources = [each["source"] for each in A_THIRD_TEN if each["name"] == "shadowed_flow"]
    short = RIGHT.replace("other", "flow")
    for found in (verdict("7.3", program(sources[0])), verdict("7.3", made(short))):
        assert found.matched == "any flow makes it taken"
        assert "one flow at an address is enough for you" in found.feedback and "a loop of yours take the name flow" in found.feedback


def test_each_step_costs_one_part_at_most_and_a_right_one_none() -> None:
    """The parts themselves: what one earns, another has not lost."""
    for known, program in VERSIONS:
        for story in LAB.stories()[:200]:
            for step in LAB.ASSIGN.play(program, story, Student()):
                lost = [each.words for each in LAB.CRITERIA if each.holds(step) is False]
                is_right = step.is_right or (step.got[:3] == step.due[:3] if isinstance(step.got, tuple) else False)
                assert len(lost) == (not is_right), (known.name, step.told, lost)


APPENDS = RIGHT.replace("        return home", "        flows.append(flow)\n        return home")
RULES = {
    "changes flows, and is right": (APPENDS, "changed flows: flow 1 to CN1 came in", 9),
    "gives None when all are taken": (RIGHT.replace("\nreturn homes[-1]", ""), "whenever all are taken, and only then", 8),
    "gives None always": ("print(homes)", "in every flow", 0),
    "or for and": (RIGHT.replace(" and ", " or "), "when any flow is there, or one to the same CN runs anywhere", 3),
    "two at once": (RIGHT.replace(" and ", " or ").replace("reversed(homes)", "homes"), "and you looked from the first to the last", 3),
    "counts from the first": (
        "n = sum(o.cn == flow.cn for o in flows)\nif n < len(homes):\n    return homes[n]\n"
        "homes.append(allocate())\nreturn homes[-1]", "counted the flows to the CN and went so many places down", 3,
    ),
    "never a third": (
        RIGHT.replace("homes.append", "if len(homes) > 1:\n    return homes[-1]\nhomes.append"),
        "asked while there was one address, and later gave the last", 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_version_that_nobody_knows_reads_the_rule_of_its_answers(name: str) -> None:
    source, words, points = RULES[name]
    found = verdict("7.3", made(source))
    assert words in found.feedback and found.points == points, (found.feedback, found.points)
    assert len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("number", range(len(RIGHT_OF_OTHERS)))
def test_right_versions_of_somebody_else_pass(number: int) -> None:
    assert verdict("7.3", program(RIGHT_OF_OTHERS[number])).points == 10


MORE = {
    "takes them out": (
        "while homes:\n    home = homes.pop()\n    if not any(o.home == home and o.cn == flow.cn for o in flows):\n"
        "        return home\nhomes.append(allocate())\nreturn homes[-1]",
        "changes the list while it looks",
    ),
    "writes the old one too": (
        RIGHT.replace("        return home", "        homes.append(home)\n        return home"), "writes it down twice",
    ),
    "asks again": (RIGHT.replace("return homes[-1]", "return allocate()"), "asks twice"),
    "draws lots": (
        "import random\nfree = [h for h in homes if not any(o.home == h and o.cn == flow.cn for o in flows)]\n"
        "if free:\n    return random.choice(free)\nhomes.append(allocate())\nreturn homes[-1]",
        "remembers",
    ),
    "puts no mark back": (
        "taken = False\nfor home in reversed(homes):\n    for o in flows:\n"
        "        if o.home == home and o.cn == flow.cn:\n            taken = True\n    if not taken:\n        return home\n"
        "homes.append(allocate())\nreturn homes[-1]",
        "gives up after the last address",
    ),
    "lets the last flow decide": (
        "for home in reversed(homes):\n    taken = False\n    for o in flows:\n"
        "        taken = o.home == home and o.cn == flow.cn\n    if not taken:\n        return home\n"
        "homes.append(allocate())\nreturn homes[-1]",
        "lets the last flow decide",
    ),
    "asks for a number that no two have": (
        RIGHT.replace("other.cn == flow.cn", "other.number == flow.number"), "always the primary",
    ),
    "stops before the primary": (
        "for i in range(len(homes) - 1, 0, -1):\n"
        "    if not any(o.home == homes[i] and o.cn == flow.cn for o in flows):\n        return homes[i]\n"
        "homes.append(allocate())\nreturn homes[-1]",
        "never the primary",
    ),
    "begins one too far up": (
        "for i in range(len(homes) - 2, -1, -1):\n"
        "    if not any(o.home == homes[i] and o.cn == flow.cn for o in flows):\n        return homes[i]\n"
        "homes.append(allocate())\nreturn homes[-1]",
        "leaves out the last",
    ),
    "squeezes it in": (RIGHT.replace("homes.append(allocate())\nreturn homes[-1]", "new = allocate()\nhomes.insert(1, new)\nreturn new"), "writes it in between"),
    "gives the wrong one": (RIGHT.replace("return homes[-1]", "return homes[0]"), "asks, and gives another"),
    "turns the test round": (RIGHT.replace("not any", "any"), "one address per correspondent"),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_more_programs_read_what_they_do(name: str) -> None:
    source, cause = MORE[name]
    found = verdict("7.3", made(source))
    assert found.matched == cause, found.feedback
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("homes.append(allocate)\nreturn homes[-1]", "expected one of `homes`"),
        ("homes.append(5)\nreturn homes[0]", "left ['H@1', 5] in homes; expected home addresses"),
        ("flows.clear()\nhomes.append([])\nreturn homes[0]", "expected home addresses"),
    ],
)
def test_what_is_no_list_of_addresses_is_answered_in_words(source: str, words: str) -> None:
    found = verdict("7.3", made(source))
    assert (found.status, found.points) == ("error", 0) and words in found.feedback


def test_a_version_that_nobody_knows_reads_its_shortest_story() -> None:
    odd = "return homes[-1] if len(flows) < 3 else homes[0]"
    found = verdict("7.3", made(odd))
    assert found.status == "wrong" and len(found.steps) == 2 and found.steps[-1].told == "flow 2 to CN1 begins"


def test_the_shortest_story_is_the_shortest() -> None:
    """Told again by another way: all histories, without the engine's order."""
    program = LAB.some_differs
    lengths = [
        len(story[1])
        for story in LAB.stories()
        if not all(s.is_right for s in LAB.ASSIGN.play(program, story, Student()))
    ]
    assert len(verdict("7.3", program).steps) == min(lengths) == 3


def test_all_histories_of_six_events_are_told() -> None:
    told = [story[1] for story in LAB.stories() if story[0] == ("H@1",)]
    assert len(told) == len(set(told)) == 1763 and max(map(len, told)) == 6
    assert [len(each[1]) for each in LAB.stories()] == sorted(len(each[1]) for each in LAB.stories())


@pytest.mark.parametrize("student", students(9), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    assert verdict("7.3", made(RIGHT), student).points == 10
    assert verdict("7.4", made(RELEASE, "release"), student).points == 5
    trace = [step.answer for step in LAB.told(LAB.figure6, LAB.trace_of(student), student)]
    assert verdict("7.2", trace, student).points == 5 and len(set(trace)) >= 2
    program = LAB.dealt_to(student)
    story = next(s[1] for s in LAB.stories() if s[0] == ("H@1",) and LAB._first_wrong(program, s[1], student))
    assert verdict("7.5", " ".join(story), student).points == 5
    longer = ("A", *(f"-{int(e[1:]) + 1}" if e[0] == "-" else e for e in story))
    found = verdict("7.5", " ".join(longer), student)
    assert found.points in (0, 3)


def test_the_blocks_pass_too() -> None:
    assert verdict("7.3", blocks("7.3", "A C D E K G H I J")).points == 10
    assert verdict("7.3", blocks("7.3", "B C D E K G H I J")).matched == "primary first"


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("7.2", ["H@1"] * 6), ("7.2", ["H@2"] * 6), ("7.3", made("return 'H@1'")), ("7.3", made("return homes[0]")),
        ("7.4", made("x = 0", "release")), ("7.4", made("homes[:] = []", "release")), ("7.5", "A"), ("7.R", 0),
        ("7.R", 1000),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    assert [verdict(number, constant, student).points for student in NUMBERS[:4]] == [0] * 4


def test_who_begins_with_the_first_loses_the_points_for_order_alone() -> None:
    found = verdict("7.3", made(RIGHT.replace("reversed(homes)", "homes")))
    assert [(share.words, share.of) for share in found.shares if not share.earned] == [("last first", 2)]
    assert found.points == 8


def test_a_slip_costs_one_point() -> None:
    student = Student()
    right = [step.answer for step in LAB.told(LAB.figure6, LAB.trace_of(student), student)]
    assert right == ["H@1", "H@2", "H@2", "H@1", "H@3", "H@3"]
    slipped = ["H@1", "H@2", "H@1", "H@2", "H@3", "H@3"]  # the third ought to be at H@2; from there on it is right
    found = verdict("7.2", slipped, student)
    assert found.points == 4 and "Flow 3 goes to CN2; you gave it H@1." in found.feedback
    assert "The finger begins at H@2" in found.feedback
    for typed in ("h@2", " H@2", "H2", "h 2", "2"):
        assert verdict("7.2", ["H@1", typed, *right[2:]], student).points == 5, typed


def test_few_neighbors_have_the_same_trace() -> None:
    """The first slot is given, and so it earns nothing; whoever copies the rest has what is alike by accident."""
    class_of = [Student((str(number),)) for number in range(2210101, 2210146)]
    right = [[step.answer for step in LAB.told(LAB.figure6, LAB.trace_of(each), each)] for each in class_of]
    assert len({*map(tuple, right)}) >= 12
    assert max(right.count(each) for each in right) <= 8
    assert verdict("7.2", ["H@1"] + [""] * 5, class_of[0]).points == 0


@pytest.mark.parametrize("word", ["H@", "H@@2", "two", "H@0", "CN1", "CoA 1"])
def test_what_is_no_home_address_is_named_and_not_judged(word: str) -> None:
    found = verdict("7.2", ["H@1", word, "H@2", "H@1", "H@3", "H@3"])
    assert found.status == "error" and f"'{word}' for flow 2 is no home address" in found.feedback


@pytest.mark.parametrize("student", NUMBERS[:6], ids=str)
def test_what_is_said_of_a_slip_is_so(student: Student) -> None:
    """Each address for each slot: who is where is so, and the address that is due is no part of what stands as given."""
    events = LAB.trace_of(student)
    steps = LAB.told(LAB.figure6, events, student)
    right = [step.answer for step in steps]
    for place, step in enumerate(steps):
        for home in ("H@1", "H@2", "H@3", "H@4", "H@9"):
            found = verdict("7.2", [*right[:place], home, *right[place + 1 :]], student)
            if home == step.answer:
                assert found.points == 5
                continue
            said = found.feedback
            assert f"goes to {step.values['cn']}; you gave it {home}" in said and len(said.split()) <= MOST_WORDS
            for number, cn, at in re.findall(r"[Ff]low (\d) to (CN\d) is at (H@\d)", said):
                row = next(each for each in step.values["flows"] if each.number == int(number))
                assert (row.cn, row.home) == (cn, at) and cn == step.values["cn"]
            asked = re.search(r"(?:begins at|And) (H@\d), whose flows go to ([^.:]*)[.:] [Dd]oes one", said)
            if asked is not None:
                whose = {each.cn for each in step.values["flows"] if each.home == asked[1]}
                assert set(re.findall(r"CN\d", asked[2])) == whose
                assert step.values["cn"] not in whose or not step.values["free"] or asked[1] != step.answer


@pytest.mark.parametrize("bad", [5, "H@1", ["H@1", "H@2"], [1, 2, 3, 4, 5, 6], {"a": 1}, ["H@1"] * 5, [["H@1"]] * 6])
def test_a_trace_of_another_shape_is_answered_in_words(bad: Any) -> None:
    found = verdict("7.2", bad)
    assert found.status == "error" and "expected" in found.feedback


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("A X", "X in your story"),
        ("A -2", "does not run"),
        ("A -1 -1", "does not run"),
        (5, "no text"),
        ("A " * 30, "30"),
    ],
)
def test_a_story_that_is_none_is_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("7.5", bad)
    assert found.status == "error" and words in found.feedback


def test_a_story_in_which_it_holds_says_so() -> None:
    found = verdict("7.5", "A B")
    assert found.status == "wrong" and found.feedback.startswith("In “A B” both give H@1, H@1: it holds.")


def test_numbers_read_different_values_off_their_packets() -> None:
    waits = [LAB.waits_ms(LAB.run_of(student))["H@2"] for student in NUMBERS[:5]]
    assert all(1000 < wait < 1500 for wait in waits), "no update is sent again meanwhile"
    for student, wait in zip(NUMBERS, waits, strict=False):
        assert verdict("7.R", wait + LAB.TOLERANCE_MS - 0.1, student).points == 5
        assert verdict("7.R", wait - LAB.TOLERANCE_MS - 0.1, student).points == 0
        assert sum(verdict("7.R", other, student).points > 0 for other in waits) == 1, "a neighbor's number earns nothing"
        assert "seconds" in verdict("7.R", wait / 1000, student).feedback
        assert "round trip" in verdict("7.R", 116.6, student).feedback


@pytest.mark.parametrize("student", [*NUMBERS, Student(("4711020",))], ids=str)
def test_the_wait_of_another_address_or_read_another_way_says_so(student: Student) -> None:
    """By the hops themselves: the pair of each home address, and each way to take the times of a pair."""
    run = LAB.run_of(student)
    pairs = LAB.registrations(run)
    waits = {home: reply.arrived_ms - asked.sent_ms for home, (asked, reply) in pairs.items()}
    assert set(waits) >= {"H@1", "H@2"} and max(waits.values()) < 1500
    for home, wait in waits.items():
        assert home == "H@2" or abs(wait - waits["H@2"]) > 2 * LAB.TOLERANCE_MS
        found = verdict("7.R", round(wait, 1), student)
        assert (found.points == 5) is (home == "H@2") and (found.points or f"the wait of {home}" in found.feedback)
    asked, reply = pairs["H@2"]
    found = verdict("7.R", reply.sent_ms - asked.sent_ms, student)
    assert found.points == 0 and ("when each was sent" in found.feedback or "the wait of" in found.feedback)
    assert len(found.feedback.split()) <= MOST_WORDS


def test_the_prediction_names_its_flows_as_the_question_does() -> None:
    world = LAB.predicted()
    assert list(world.flow_names().values()) == ["call", "video", "page", "file"]
    told = " ".join(re.sub(r"<[^>]+>", " ", LAB.climbed()).split())
    assert told.index("H@2") < told.index("H@1")
    assert "page goes to CN2 as well: climb" in told and "nothing goes to CN2: take it" in told


def test_the_film_of_a_right_function_draws_the_last_flow() -> None:
    me("4711020")
    check("7.3", {"assign": made(RIGHT)})
    shown = film("7.3", {"assign": made(RIGHT)})
    assert shown.title.startswith("Your function served 5 flows with H@1, H@2 and H@3")
    legend = re.search(r"mipflow-legend.*?</ul>", str(shown.bundles()), re.DOTALL)
    assert legend is not None and all(f"call {number}" in legend[0] for number in (4, 5))


def test_the_run_that_is_asked_about_stands_beside_the_question() -> None:
    me("4711020")
    tried("7.3")
    told = repr(LAB.PARTS["explain"](Student(("4711020",)))).split("\n")
    flows = [f"flow {step.values['n']}, goes to {step.values['cn']}, home address {step.answer}"
             for step in LAB.told(LAB.figure6, LAB.run_story(Student(("4711020",))), Student(("4711020",)))]  # fmt: skip
    assert told[1:] == flows and "numbers of the flows" in told[0]


def test_the_wait_is_that_of_the_packets_as_a_capture_has_them(tmp_path: Path) -> None:
    """By another way: the times of the packets at the mobile node's interface, read back from a file."""
    from mipflow.wire.captures import capture
    from mipflow.wire.decode import decode
    from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate

    world = LAB.run_of(Student())
    world.pcap(tmp_path / "run.pcap", node="MN")
    home = next(address for address, name in world.names().items() if name == "H@2")
    sent = waited = 0.0
    for record in capture.read(tmp_path / "run.pcap"):
        packet = decode(record.data)
        message = packet.payload
        if not sent and isinstance(message, BindingUpdate) and message.home_registration and str(home) in repr(packet):
            sent, sequence = record.time_ns / 1e6, message.sequence
        elif sent and isinstance(message, BindingAcknowledgement) and message.sequence == sequence and not waited:
            waited = record.time_ns / 1e6 - sent
    assert waited == pytest.approx(LAB.waits_ms(world)["H@2"], abs=0.01)


def test_a_wrong_function_has_its_film_too() -> None:
    check("7.3", {"assign": made("return homes[0]")})
    shown = film("7.3", {"assign": made("return homes[0]")})
    assert isinstance(shown, Picture) and shown.title == "Your function served 2 flows with H@1"
    broken = film("7.3", {"assign": made("return 1 / 0")})
    assert "ZeroDivisionError" in broken.title


def test_an_address_that_was_asked_for_and_lost_is_spent_in_the_film() -> None:
    asks_first = made("fresh = allocate()\n" + RIGHT.strip().replace("allocate()", "fresh"))
    check("7.3", {"assign": asks_first})
    assert film("7.3", {"assign": asks_first}).title.endswith("; 1 more was asked for, and no flow has it")
    world, node = LAB.in_world(asks_first, ("A", "B"), Student())
    homes = {str(entry.home_address) for entry in world.mn.home_addresses}
    assert node.lost == 2 and len(homes) == 3, "each has had its second of checking, and is bound"
    assert LAB.in_world(made(RIGHT), ("A", "B"), Student())[1].lost == 0


def test_an_end_takes_no_address_away_before_7_4() -> None:
    world, node = LAB.in_world(made(RIGHT), ("A", "A", "-2", "A"), Student())
    assert node.failed == "" and [world.names()[flow.home_address] for flow in world.flows()] == ["H@1", "H@2", "H@2"]


def test_a_finger_goes_through_the_story_that_goes_wrong() -> None:
    assert "once a check of 7.3 has found" in repr(LAB.finger(Student()))
    check("7.3", {"assign": made("return homes[0]")})
    told = LAB.finger(Student()).describe().split("\n")
    assert told[:2] == [
        "Flow 1 to CN1: nothing at H@1 goes there. Take it (39).", "Flow 1 to CN1 has H@1: yours and the figure's.",
    ]  # fmt: skip
    assert told[2:] == [
        "Flow 2 to CN1 begins. Finger on H@1: which flows are there, and where do they go?",
        "Yours gave H@1. Here it goes wrong.",
    ], "no answer at the first try"  # fmt: skip
    check("7.3", {"assign": made("x = 0\nreturn homes[0]")})
    assert "Flow 2 to CN1: nothing left to climb to. A new address (43)." in LAB.finger(Student()).describe()
    check("7.3", {"assign": made("return 1 / 0")})
    assert "Yours gave no address. Here it goes wrong." in LAB.finger(Student()).describe()
    check("7.3", {"assign": made(RIGHT)})
    assert "once a check" in repr(LAB.finger(Student()))


BESIDE = {
    "unwritten": (RIGHT.replace("homes.append(allocate())\nreturn homes[-1]", "return allocate()"), "Yours gave H@2, and that is right. But the list reads H@1 now: here it goes wrong."),
    "asked too often": (RIGHT.replace("homes.append(", "allocate()\nhomes.append("), "Yours gave H@3. Here it goes wrong."),
    "asked in vain": ("allocate()\n" + RIGHT.strip().replace("homes.append(allocate())", "homes.append('H@9')"), "Yours gave H@1, and that is right. But allocate() was called 1 time: here it goes wrong."),
    "changes flows": (RIGHT.replace("    return home", "    flows.clear()\n        return home", 1), "Yours gave H@1, and that is right. But flows was changed (flow"),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_the_finger_says_what_goes_wrong_beside_a_right_address(name: str) -> None:
    source, words = BESIDE[name]
    check("7.3", {"assign": made(source)})
    assert words in LAB.finger(Student()).describe().split("\n")[-1]


def test_the_film_begins_with_the_list_of_the_story() -> None:
    """A search from the first to the last goes wrong if the second address is idle: so it is in the film."""
    first_to_last = made(RIGHT.replace("reversed(homes)", "homes"))
    check("7.3", {"assign": first_to_last})
    shown = film("7.3", {"assign": first_to_last})
    assert shown.title == "Your function served 1 flow with H@1; H@1 and H@2 were there before"
    for assign, home in ((first_to_last, "H@1"), (made(RIGHT), "H@2")):
        world, node = LAB.in_world(assign, ("A",), Student(), homes=("H@1", "H@2"))
        assert [world.names()[flow.home_address] for flow in world.flows()] == [home]
        assert node.failed == "" and node.lost == 0 and node.homes == ["H@1", "H@2"]
    world, node = LAB.in_world(made(RIGHT), ("A", "A", "A"), Student(), homes=("H@1", "H@2"))
    assert [world.names()[flow.home_address] for flow in world.flows()] == ["H@2", "H@1", "H@3"] == ["H@2", *node.homes[::2]]


def test_the_film_says_what_the_list_reads() -> None:
    forgets = made(BESIDE["unwritten"][0])
    check("7.3", {"assign": forgets})
    assert film("7.3", {"assign": forgets}).title.endswith("with H@1 and H@2; your list reads H@1")


def test_a_film_waits_for_a_function() -> None:
    assert "Write assign first" in repr(film("7.3", {}))


def test_a_right_function_serves_five_flows_in_the_node() -> None:
    me("5")
    check("7.3", {"assign": made(RIGHT)})
    assert "Your function served 5 flows with" in film("7.3", {"assign": made(RIGHT)}).title


def test_what_we_say_never_holds_the_line_to_write() -> None:
    lines = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(f"def f():\n{RIGHT.replace(chr(10), chr(10) + '    ')}"))
        if isinstance(node, ast.expr) and len(ast.unparse(node)) > 12
    }
    for wrong in LAB.WRONG:
        assert not any(line in wrong.feedback for line in lines)


def test_the_film_of_the_prediction_shows_what_refutes_it() -> None:
    world = LAB.predicted()
    assert [world.names()[flow.home_address] for flow in world.flows()] == ["H@1", "H@2", "H@2", "H@1"]
    for letter in "abc":
        assert "8.500 s" in LAB.QUESTIONS["07"].answers[letter].said(world)


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "07_figure_six.ipynb").write_text("{}")
    check("7.3", {"assign": made("return homes[0]")})
    asked = viva(pack("07"))
    assert len(asked) == 3 and "attempt 1 of 7.3 gave H@1 where flow 2" in asked[0][0]
    assert asked != viva_of("32", nobody)


def viva_of(number: str, folder: Path) -> list[tuple[str, str]]:
    me(number)
    check("7.3", {"assign": made("return homes[-1]")})
    return viva(pack("07", folder))


def test_a_finger_climbs_the_list() -> None:
    form = LAB.play(Student())
    (first, second, end, again, clicks), shown = form.children[0].children, form.children[1].children[1]
    for pressed in (end, first, first, first):
        pressed.click()
    assert clicks.value.startswith("3 clicks") and clicks.value.endswith("Fewer are not possible.")
    told = LAB.slides("AAA", Student())
    assert [slide.told for slide in told][-2:] == [
        "Flow 3 to CN1: nothing left to climb to. A new address.", "Flow 3 to CN1 has H@3.",
    ]  # fmt: skip
    second.click()
    end.click()
    assert clicks.value.startswith("5 clicks") and clicks.value.endswith("Start again.") and "Flow 4 ends." in shown.value
    again.click()
    assert clicks.value == "0 clicks" and "The list holds the primary alone." in shown.value
    for pressed in (first, first, end):
        pressed.click()
    assert clicks.value == "3 clicks", "two addresses at most: nothing is reached"


def test_a_check_is_quick() -> None:
    from time import process_time

    begun = process_time()
    result: Result = check("7.3", {"assign": made(RIGHT)})
    assert result.points == 10 and process_time() - begun < 2
