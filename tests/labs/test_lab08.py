"""Lab 08: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
import gzip
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest

import mipflow as mf
from mipflow.course import notebook
from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.exercises.own_node import OwnNode, Row
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercise, exercises_of
from mipflow.lab.comparison import Comparison
from mipflow.lab.world import World
from mipflow.wire.captures import capture
from mipflow.wire.decode import decode
from mipflow.wire.mobility import BindingUpdate, CareOfTest, CareOfTestInit, HomeTest
from tests.labs.learner import students, tried, verdict, written

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICE = REPOSITORY / "datasets" / "captures" / "office.pcap"
LAB = exercises_of("08")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 5))]
PARAMETERS = {
    "outgoing": "packet, mn", "incoming": "packet, mn", "handover": "flow, care_of, flows", "two_calls": "world",
    "assign": "flow, homes, flows, allocate",
}  # fmt: skip


def made(source: str, name: str) -> Callable[..., Any]:
    return written(f"{name}({PARAMETERS[name]})", source, mf=mf, Row=Row)


DOWN = """
number = mn.separate(packet)
if number not in mn.flows:
    mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
return mn.flows[number].home, mn.flows[number].care_of
"""
UP = """
number = mn.separate(packet)
if number not in mn.flows:
    mn.flows[number] = Row(cn=packet.source, home=packet.destination, care_of=mn.choose())
mn.up(packet)
"""
MOVE = """
for other in flows:
    if other.cn == flow.cn and other.home == flow.home:
        other.care_of = care_of
return [(flow.cn, flow.home, care_of)]
"""
JUDGES = {"8.1": LAB.OUTGOING, "8.2": LAB.INCOMING, "8.3": LAB.MOVES}
VERSIONS = [
    pytest.param(number, wrong, program, id=f"{number} {wrong.name} {place}")
    for number, stories in JUDGES.items() for wrong in stories.wrong for place, program in enumerate(wrong.programs)
]  # fmt: skip


@pytest.mark.parametrize(("number", "known", "program"), VERSIONS)
@pytest.mark.parametrize("student", students(2, quick=1), ids=str)
def test_each_wrong_version_reads_what_was_written_for_it(
    number: str, known: Any, program: Any, student: Student
) -> None:
    found = exercise(number).judge(program, student)
    assert (found.status, found.matched) == ("wrong", known.name) and 0 <= found.points < exercise(number).points
    assert found.misconception == known.misconception
    assert "{" not in found.feedback and "None " not in found.feedback.replace("is None.", "")
    assert len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right and found.points == sum(share.earned for share in found.shares)


OTHERS = {
    "forgets to look before it makes a row": (
        "8.1", "n = mn.separate(packet)\nh = mn.assign(packet.destination)\nmn.flows[n] = Row(packet.destination, h, mn.choose())\nreturn h, mn.flows[n].care_of",
        {"a new address for each packet"}),
    "returns inside the if": (
        "8.1", "n = mn.separate(packet)\nif n not in mn.flows:\n    mn.flows[n] = Row(packet.destination, mn.assign(packet.destination), mn.choose())\n    return mn.flows[n].home, mn.flows[n].care_of",
        {"a packet stays behind"}),
    "asks with the wrong word": (
        "8.1", "n = mn.separate(packet)\nif n not in mn.flows:\n    mn.flows[n] = Row(packet.source, mn.assign(packet.source), mn.choose())\nreturn mn.flows[n].home, mn.flows[n].care_of",
        {"wrong correspondent", "glued"}),
    "the table by correspondent": (
        "8.1", "cn = packet.destination\nfor row in mn.flows.values():\n    if row.cn == cn:\n        return row.home, row.care_of\nn = mn.separate(packet)\nmn.flows[n] = Row(cn, mn.assign(cn), mn.choose())\nreturn mn.flows[n].home, mn.flows[n].care_of",
        {"glued"}),
    "hands up inside the if": (
        "8.2", "n = mn.separate(packet)\nif n not in mn.flows:\n    mn.flows[n] = Row(packet.source, packet.destination, mn.choose())\n    mn.up(packet)",
        {"a packet stays behind"}),
    "the road by which it came": (
        "8.2", "n = mn.separate(packet)\nmn.flows[n] = Row(packet.source, packet.destination, packet.came_by)\nmn.up(packet)",
        {"a late packet pulls back"}),
    "assigns by the figure of before": (
        "8.2", "n = mn.separate(packet)\nif n not in mn.flows:\n    mn.flows[n] = Row(packet.source, mn.assign(packet.source), packet.came_by)\nmn.up(packet)",
        {"Figure 6 for a caller"}),
    "tells both, all rows of the name": (
        "8.3", "for f in flows:\n    if f.home == flow.home:\n        f.care_of = care_of\nreturn [('HA', flow.home, care_of), (flow.cn, flow.home, care_of)]",
        {"the table moves more than the update"}),
    "sends in the loop": (
        "8.3", "out = []\nfor f in flows:\n    if f.cn == flow.cn and f.home == flow.home:\n        f.care_of = care_of\n        out.append((f.cn, f.home, care_of))\nreturn out",
        {"the same update twice"}),
    "forgets return": ("8.3", "for f in flows:\n    if f.cn == flow.cn and f.home == flow.home:\n        f.care_of = care_of", {"tells nobody"}),
    "HA and everybody": (
        "8.3", "for f in flows:\n    if f.cn == flow.cn and f.home == flow.home:\n        f.care_of = care_of\nreturn [(to, flow.home, care_of) for to in {'HA', *(f.cn for f in flows)}]",
        {"tells every correspondent"}),
    "reads the row first": (
        "8.3", "news = [(flow.cn, flow.home, flow.care_of)]\nfor f in flows:\n    if f.cn == flow.cn and f.home == flow.home:\n        f.care_of = care_of\nreturn news",
        {"sends the old care-of address"}),
}  # fmt: skip
"""Programs of another hand: exercise, program, and the causes that fit."""


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    number, source, causes = OTHERS[name]
    found = exercise(number).judge(made(source, exercise(number).answer), Student())
    assert found.status == "wrong" and found.matched in causes, found


RIGHT = {"8.1": ("outgoing", DOWN), "8.2": ("incoming", UP), "8.3": ("handover", MOVE)}


@pytest.mark.parametrize("student", students(5), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    for number, (name, source) in RIGHT.items():
        assert verdict(number, made(source, name), student).points == exercise(number).points
    run = LAB.run_of(student)
    assert verdict("8.R", (LAB.asked_of(run), LAB.last_token(run)), student).points == 5
    assert verdict("8.4", [LAB.along(story) for story in LAB.stories_to(student)], student).points == 4
    program = LAB.dealt_to(student)
    story = LAB.shortest_of(program)
    assert verdict("8.5", " ".join(story), student).points == 5 and 3 <= len(story) <= 4
    assert verdict("8.5", " ".join(["B", *(f">{int(e[1:]) + 1}" if e[0] == ">" else e for e in story)]), student).points in (0, 3)
    assert verdict("8.0", LAB.most_lost(student), student).status == "passed"


def test_the_home_agent_too_has_full_marks_and_a_remark() -> None:
    told = made(MOVE.replace("return [", "return [('HA', flow.home, care_of), "), "handover")
    found = verdict("8.3", told)
    assert found.points == 8
    assert "One more than this move needs; needed when wlan0 goes down or CN" in found.feedback
    assert verdict("8.3", made(MOVE, "handover")).feedback == "Eight of eight. One message, one row, one stream."


def test_the_blocks_have_the_same_check() -> None:
    assert verdict("8.3", blocks("8.3", "F A B C G J")).points == 8
    for letters, name in {
        "F A D C G J": "the table moves more than the update", "F A B C H J": "tells the home agent alone",
        "F A B C I J": "tells every correspondent", "F G J": "the table keeps the old address",
        "K F A B C G J": "gives the flow a new name", "F A B C J": "tells nobody",
    }.items():  # fmt: skip
        assert verdict("8.3", blocks("8.3", letters)).matched == name
    assert verdict("8.3", blocks("8.3", "F H A B C G J")).points == 8


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("8.1", made("return 'H@1', 'CoA wlan0'", "outgoing")), ("8.2", made("x = 0", "incoming")),
        ("8.3", made("return [('CN1', 'H@1', 'CoA cell0')]", "handover")), ("8.3", made("return []", "handover")),
        ("8.4", [[1]] * 4), ("8.4", [[1, 2]] * 4), ("8.4", [[1, 2, 3]] * 4), ("8.5", "A"), ("8.5", "A B"),
        ("8.R", (0, "HoT")), ("8.R", (150, "CoT")), ("8.R", (True, "CoT")),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    assert [verdict(number, constant, student).points for student in NUMBERS[:4]] == [0] * 4


@pytest.mark.parametrize(
    ("number", "bad"),
    [
        ("8.0", "two"), ("8.0", True), ("8.1", 5), ("8.1", made("return 5", "outgoing")), ("8.1", made("mn.flows = 7", "outgoing")),
        ("8.1", made("mn.flows[1] = 'x'\nreturn 'H@1', 'CoA wlan0'", "outgoing")), ("8.1", made("return 1 / 0", "outgoing")),
        ("8.1", made("while True: pass", "outgoing")), ("8.2", made("mn.flows['one'] = Row('CN1', 'H@1', 'CoA wlan0')\nmn.up(packet)", "incoming")),
        ("8.3", made("return 5", "handover")), ("8.3", made("return [('CN1', 'H@1')]", "handover")),
        ("8.3", made("return [(flow, 'H@1', care_of)]", "handover")), ("8.3", lambda flow: []),
        ("8.4", 5), ("8.4", [[1]]), ("8.4", "1 2"), ("8.4b", 5), ("8.4b", made("return 5", "two_calls")),
        ("8.4b", made("first = world.mn.accept(world.cn1, mf.apps.Voice())\nreturn first, first", "two_calls")),
        ("8.4b", made("return 1 / 0", "two_calls")), ("8.5", 5), ("8.5", "A X"), ("8.5", ">1 A"), ("8.5", "A >2"),
        ("8.5", "A " * 30), ("8.R", ("fast", "HoT")), ("8.R", (5, 5)), ("8.R", ([], {})),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_answered_in_words(number: str, bad: Any) -> None:
    found = verdict(number, bad)
    assert found.status == "error" and found.points == 0 and found.feedback.endswith(".") and "Traceback" not in found.feedback


@pytest.mark.parametrize("number", ["8.0", "8.1", "8.3", "8.R", "8.4", "8.4b", "8.5"])
def test_what_nobody_wrote_is_not_attempted(number: str) -> None:
    given = (..., ...) if number == "8.R" else [[], [], [], []] if number == "8.4" else "..." if number == "8.5" else ...
    assert verdict(number, given).status == "not attempted"


# --- the runs ---------------------------------------------------------------------------------------------------------


def test_numbers_read_different_values_off_their_packets() -> None:
    runs = [LAB.run_of(student) for student in NUMBERS]
    asked = [LAB.asked_of(run) for run in runs]
    assert len({round(each / (2 * LAB.TOLERANCE_MS)) for each in asked}) >= 5
    assert {LAB.last_token(run) for run in runs} == {"HoT", "CoT"}
    for student, run, due in zip(NUMBERS, runs, asked, strict=True):
        token = LAB.last_token(run)
        other = {"HoT": "CoT", "CoT": "HoT"}[token]
        assert verdict("8.R", (due + 1.5, token.lower()), student).points == 5
        assert verdict("8.R", (due - 1.5, other), student).points == 4
        assert verdict("8.R", (due - 3, token), student).points == 0
        assert "seconds" in verdict("8.R", (due / 1000, token), student).feedback
        assert LAB.late_of(run) >= 1, "the explain-back speaks of late packets"


@pytest.mark.parametrize("student", NUMBERS[:4], ids=str)
def test_the_time_is_that_of_a_capture_as_wireshark_reads_it(student: Student, tmp_path: Path) -> None:
    """By another way: from the file that the learner opens."""
    run = LAB.run_of(student)
    run.pcap(tmp_path / "run.pcap", "MN")
    times: dict[type, int] = {}
    for record in capture.read(tmp_path / "run.pcap"):
        packet = decode(record.data)
        payload = packet.innermost().payload
        if isinstance(payload, CareOfTestInit | BindingUpdate | HomeTest | CareOfTest):
            times[type(payload)] = record.time_ns
    assert (times[BindingUpdate] - times[CareOfTestInit]) / 1e6 == pytest.approx(LAB.asked_of(run), abs=0.01)
    last = "HoT" if times[HomeTest] > times[CareOfTest] else "CoT"
    assert last == LAB.last_token(run)


def test_the_numbers_of_the_text_hold_without_a_number() -> None:
    """The text and its notes name Figure 2's own delays."""
    run = LAB.run_of(Student())
    assert LAB.asked_of(run) == pytest.approx(110.2, abs=0.1) and LAB.last_token(run) == "CoT"
    assert LAB.changed_s(run) - run.handovers_s()[0] == pytest.approx(0.1653, abs=1e-4)
    assert LAB.changed_s(run, "HA") is None and LAB.changed_s(run, "CN2") is None
    assert [sum(by == "cell0" for _, by in LAB.arrivals(run, flow)) > 0 for flow in (1, 2, 3)] == [False, True, False]
    world = LAB.troubled(Student(), "none")
    call = world.flows()[0]
    assert [LAB.moved(world, call, to)[0][0] for to in ("cell0", "wlan0")] == [0, 2] and LAB.most_lost(Student()) == 2


def test_the_table_of_troubles_is_what_runs_gave() -> None:
    lines = repr(LAB.troubles(Student())).split("\n")[1:]
    assert lines == [
        "trouble none, CN1 alone CN1's row after 165 ms, HA, then CN1 CN1's row after 316 ms",
        "trouble wlan0 falls silent, CN1 alone never, HA, then CN1 CN1's row after 316 ms",
        "trouble CN1 keeps no bindings, CN1 alone no row to change, HA, then CN1 HA's row after 55 ms",
    ]


@pytest.mark.parametrize("story", ["a a", "a A", "A a", "a b", "A A a", "a A a", "a b A", "A a b", "a a b", "a A A"])
def test_who_goes_along_in_the_lab_goes_along_in_the_node(story: str) -> None:
    world = mf.figure2(seed=7, reuse_tokens=False).run(3)
    opened = []
    for event in story.split():
        cn = world.cn1 if event in "Aa" else world.cn2
        opened.append((world.mn.accept if event.islower() else world.mn.open)(cn, mf.apps.Voice()))
        world.run(2)
    assert world.mn.handover(opened[0], "cell0") == LAB.along(story)


KEPT = 'world.mn.keep_home_address("voice", lambda flow: flow.flow_information.traits.application == "call")\n'
KNOWN = 'return world.mn.accept(world.cn1, mf.apps.Voice(), to="voice"), world.mn.accept(world.cn1, mf.apps.Video())'
CALLS = {
    "redirect": ("return world.mn.accept(world.cn1, mf.apps.Voice()), world.mn.accept(world.cn1, mf.apps.Video(), redirect=True)", 2, "redirected the second caller"),
    "redirect the first": ("return world.mn.accept(world.cn1, mf.apps.Voice(), redirect=True), world.mn.accept(world.cn1, mf.apps.Video())", 2, "redirected the first caller"),
    "kept, and known": (KEPT + KNOWN, 2, "kept an address, and CN1 knew it"),
    "kept, and told": (KEPT + "return world.mn.accept(world.cn1, mf.apps.Voice(), redirect=True), world.mn.accept(world.cn1, mf.apps.Video())", 2, "kept an address, and its caller was redirected"),
    "kept for the other": (KEPT.replace('"call"', '"video"') + KNOWN, 1, "the first flow (call) came to “voice”, and your is_for"),
    "kept for nobody": (KEPT.replace('"call"', '"voice"') + KNOWN, 1, "the first flow (call) came to “voice”, and your is_for"),
    "redirect both": ("return [world.mn.accept(world.cn1, app, redirect=True) for app in (mf.apps.Voice(), mf.apps.Video())]", 2, "redirected both"),
    "plain": ("return world.mn.accept(world.cn1, mf.apps.Voice()), world.mn.accept(world.cn1, mf.apps.Video())", 0, "handover answered [1, 2]"),
    "kept, not told": (KEPT + "return world.mn.accept(world.cn1, mf.apps.Voice()), world.mn.accept(world.cn1, mf.apps.Video())", 0, "nobody told CN1"),
    "we begin": ("return world.mn.accept(world.cn1, mf.apps.Voice()), world.mn.open(world.cn1, mf.apps.Video())", 0, "you began flow 2"),
    "another CN": ("return world.mn.accept(world.cn1, mf.apps.Voice()), world.mn.accept(world.cn2, mf.apps.Video())", 0, "or CN2 did"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("student", students(2, quick=1), ids=str)
def test_two_callers_are_parted_or_not(name: str, student: Student) -> None:
    source, points, words = CALLS[name]
    found = verdict("8.4b", made(source, "two_calls"), student)
    assert found.points == points and words in found.feedback and len(found.feedback.split()) <= MOST_WORDS


def test_a_kept_address_spares_the_caller_a_second() -> None:
    for student in NUMBERS[:3]:
        redirected, kept = LAB.waits_of(student)
        assert redirected > 1000 > 300 > kept


def test_a_slip_in_one_story_costs_one_point() -> None:
    assert verdict("8.4", [[1], [1], [1, 2], [1, 3]]).points == 3
    assert "which knows no calls" in verdict("8.4", [[1], [1], [1, 2], [1, 3]]).feedback
    assert "stricter rule" in verdict("8.4", [[1, 2], [1], [1], [1, 3]]).feedback
    student = next(each for each in NUMBERS if "a b" in LAB.stories_to(each))
    right = [LAB.along(story) for story in LAB.stories_to(student)]
    right[LAB.stories_to(student).index("a b")] = [1, 2]
    assert "CN2 heard nothing" in verdict("8.4", right, student).feedback


@pytest.mark.parametrize("strange", ["1", 1.0, 3, 0, True])
def test_a_number_that_is_no_flow_of_a_story_is_named(strange: Any) -> None:
    found = verdict("8.4", [[1, strange], [1], [1, 2], [1, 3]])
    assert found.status == "error" and "for “a a”" in found.feedback and "1 to 2" in found.feedback


def test_a_token_may_be_written_out() -> None:
    due, token = LAB.asked_of(LAB.run_of(Student())), LAB.last_token(LAB.run_of(Student()))
    long = {"CoT": "Care-of Test", "HoT": "Home Test"}[token]
    for last, points in ((token, 5), (token.lower(), 5), (long, 5), ("token", 4), ("HoTI", 4), (None, 4)):
        found = verdict("8.R", (due, last))
        assert found.points == points and ("expected" in found.feedback) == (last in ("token", "HoTI")), last


def test_a_dealt_program_holds_in_most_stories_and_each_has_a_shortest() -> None:
    for program in LAB.DEALT:
        stories = [s for length in (2, 3, 4) for s in LAB.move_histories(length)]
        broken = [s for s in stories if LAB.first_wrong(program, s)]
        assert 0 < len(broken) < len(stories) * 0.6
        assert len(LAB.shortest_of(program)) == min(map(len, broken))
    assert {LAB.dealt_to(Student((str(n),))).__name__ for n in range(40)} == {each.__name__ for each in LAB.DEALT}


@pytest.mark.parametrize("program", LAB.DEALT, ids=lambda program: program.__name__)
def test_a_fault_counts_although_a_later_move_puts_it_right(program: Any) -> None:
    """A program that breaks does so with whatever is told afterwards; one that is said to hold told just those
    whom ours told, at each move.
    """
    student = next(each for each in map(Student, ((str(n),) for n in range(99))) if LAB.dealt_to(each) is program)
    for story in (each for length in (2, 3, 4) for each in LAB.move_histories(length)):
        is_broken = any(LAB.played(program, story[:n]) != LAB.played(LAB.move, story[:n]) for n in range(1, len(story) + 1))
        assert bool(LAB.first_wrong(program, story)) == is_broken, story
        if not is_broken:
            assert LAB.played(program, story).updates == LAB.played(LAB.move, story).updates, story
    for story in ("A B >1 >1", "A B >1 >2") if program is LAB.dealt_friends else ():
        found = verdict("8.5", story, student)
        assert found.points == 3 and "after >1, CN2's row of H@1 says CoA cell0" in found.feedback


@pytest.mark.parametrize(
    ("source", "wanting"),
    [
        ("n = mn.separate(packet)\nrow = mn.flows.get(n) or Row(packet.destination, mn.assign(packet.destination), mn.choose())\nreturn row.home, row.care_of",
         ", with the row 1: H@1 → CN1 at CoA wlan0"),
        ("h = mn.assign(packet.destination)\n" + DOWN.strip().replace("mn.assign(packet.destination)", "h"), "; home addresses H@1"),
    ],
)  # fmt: skip
def test_what_is_due_is_never_what_the_learner_gave(source: str, wanting: str) -> None:
    """If the addresses are right and the table is not, the table says so: what is due differs from what is theirs."""
    last = verdict("8.1", made(source, "outgoing")).steps[-1]
    assert wanting in last.values["due"] and last.values["due"] != last.row["yours"]
    for number, stories in JUDGES.items():
        for known in stories.wrong:
            for program in known.programs:
                last = exercise(number).judge(program, Student()).steps[-1]
                assert last.values["due"] != (last.row["yours"], last.row.get("table afterwards")), known.name


def test_one_answer_to_four_stories_earns_nothing_and_hears_why() -> None:
    found = verdict("8.4", [[1], [1], [1], [1]])
    assert found.points == 0 and "One and the same answer for all four earns no points." in found.feedback
    assert len(found.feedback.split()) <= MOST_WORDS
    assert "earns no points" not in verdict("8.4", [[1], [1], [1, 2], [1, 3]]).feedback


def test_a_field_without_a_path_says_what_to_do() -> None:
    mine = LAB.Capture()
    for empty in ("", "  "):
        mine.read(empty)
        assert mine.said.value.startswith("Nothing is chosen yet: upload a capture, or write the path of one")


def test_a_slip_of_python_is_told_in_plain_words() -> None:
    found = verdict("8.1", made("return mn.flows[mn.separate(packet)].home, 'CoA wlan0'", "outgoing"))
    assert "raised KeyError" in found.feedback and "(nothing is stored under this key)" in found.feedback


def test_a_silence_is_not_told_as_if_all_were_lost_at_once() -> None:
    play = LAB.Play(Student())
    play.trouble.value = "silent"
    play.move()
    told = play.world.animate(8.9, 9.6).describe()
    assert re.search(r"8\.900 s: \d+ packets of the call are lost on the WLAN up to 9\.\d+ s\.", told)


# --- in the node ------------------------------------------------------------------------------------------------------


def filmed(monkeypatch: pytest.MonkeyPatch, **functions: Callable[..., Any]) -> Comparison:
    """The film of a notebook in which these were written."""
    monkeypatch.setattr(notebook, "names", lambda: functions)
    shown = film("8.3", {"handover": LAB.move, **functions})
    shown = getattr(shown, "picture", shown)
    assert isinstance(shown, Comparison)
    return shown


def test_right_functions_do_packet_by_packet_what_ours_do(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {name: made(source, name) for name, source in RIGHT.values()}
    assert filmed(monkeypatch, **functions).lead()[0].startswith("No difference: both did the same, packet by packet.")


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("handover", MOVE.replace("flow.cn, flow.home", "'HA', flow.home"), "moves the video in A, no flow in B"),
        ("handover", MOVE.replace("return [", "return [('CN2', flow.home, care_of), "), "moves the video in A, the video and the page in B"),
        ("outgoing", "for row in mn.flows.values():\n    if row.cn == packet.destination:\n        return row.home, row.care_of\n" + DOWN, "the call and the video in B"),
        ("assign", "return homes[0]", "moves the video in A, the call and the video in B"),
        ("incoming", UP.replace("mn.up(packet)", "pass"), "Of the call none in A"),
    ],
)  # fmt: skip
def test_a_wrong_one_shows_beside_ours(name: str, source: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told in " ".join(filmed(monkeypatch, **{name: made(source, name)}).lead())


def test_a_film_waits_for_a_function_and_says_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Write handover first" in repr(film("8.3", {}))
    broken = made("return 1 / 0", "handover")
    monkeypatch.setattr(notebook, "names", lambda: {"handover": broken})
    assert "In your phone something failed: your handover() raised ZeroDivisionError" in repr(film("8.3", {"handover": broken}))


def test_a_caller_who_is_answered_from_another_address_gets_nothing_through() -> None:
    """Claimed by the feedback to Figure 6 for a caller: TCP resets, 0 bytes get through."""
    sizes = []
    for incoming in (LAB.figure5, LAB.by_figure6):
        own = OwnNode(outgoing=LAB.figure4, incoming=incoming, handover=LAB.move, assign=LAB.assign)
        world = mf.figure2(seed=7, assign=own.assign, handover=own.handover)
        own.join(world)
        world.run(2.5)
        world.mn.open(world.cn2, mf.apps.Voice())
        world.mn.open(world.cn1, mf.apps.Voice())
        world.run(2)
        flow = world.mn.accept(world.cn1, mf.apps.FileTransfer(20_000))
        world.run(3)
        sizes.append(flow.running.received_bytes)
    assert sizes[0] == 20_000 and sizes[1] == 0


def test_play_moves_one_flow_and_says_what_it_cost() -> None:
    play = LAB.Play(Student())
    play.move()
    assert "The call goes to cell0. Packets lost in this move: the call 0, the video 0, the page 0." in play.said.value
    play.move()
    assert "The call goes to wlan0. Packets lost in this move: the call 2" in play.said.value
    play.trouble.value = "silent"
    assert "A new world" in play.said.value
    play.flow.value = 2
    play.move()
    assert "The video goes to cell0" in play.said.value and "the video 0" not in play.said.value


# --- explain, viva, questions -----------------------------------------------------------------------------------------


def test_what_we_say_never_holds_the_line_to_write() -> None:
    lines = {
        ast.unparse(node)
        for source in (DOWN, UP, MOVE)
        for node in ast.walk(ast.parse("def f():\n" + "\n".join("    " + line for line in source.strip().split("\n"))))
        if isinstance(node, ast.expr) and len(ast.unparse(node)) > 14
    }
    for stories in JUDGES.values():
        for wrong in stories.wrong:
            assert not any(line in wrong.feedback for line in lines)


def test_what_refutes_a_prediction_is_a_moment_of_the_run() -> None:
    run: World = LAB.run_of(Student())
    answers = LAB.QUESTIONS["08"].answers
    began, changed = run.handovers_s()[0], LAB.changed_s(run)
    assert answers["d"].at_s(run) == answers["c"].at_s(run) == changed > began
    assert began < answers["b"].at_s(run) < changed < answers["a"].at_s(run) < run.now


def test_the_explain_back_quotes_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    tried("8.3", "8.R")
    assert "which line of your handover" in repr(LAB.PARTS["explain"](Student(("31",))))
    (nobody / "08_one_flow_moves.ipynb").write_text("{}")
    check("8.3", {"handover": made(MOVE.replace("flow.cn, flow.home", "'HA', flow.home"), "handover")})
    asked = viva(pack("08"))
    assert len(asked) == 3 and "attempt 2 of 8.3 gave (('HA', 'H@1', 'CoA cell0'),) where flow 1 moves to cell0" in asked[0][0]
    assert f"{LAB.late_of(LAB.run_of(Student(('31',))))} packets of the video came by wlan0" in asked[0][0]
    assert LAB.viva(Student(("32",)), {}) != LAB.viva(Student(("33",)), {})


# --- a capture of one's own -------------------------------------------------------------------------------------------


def test_a_capture_of_ones_own_shows_its_flows_and_moves_one() -> None:
    mine = LAB.Capture()
    mine.read(str(OFFICE))
    assert "16 flows" in mine.said.value and len(mine.flow.options) == 16 and not mine.go.disabled
    mine.flow.value = 6
    mine.move()
    assert "the move took flow 6 alone" in mine.said.value


def test_a_capture_may_be_uploaded_or_named_from_where_the_labs_are() -> None:
    mine = LAB.Capture()
    mine.upload.value = ({"name": "../my <own>.pcap", "type": "", "size": 1, "content": memoryview(OFFICE.read_bytes()), "last_modified": datetime(2026, 1, 1, tzinfo=UTC)},)  # fmt: skip
    assert "16 flows" in mine.said.value
    mine.read("datasets/captures/office.pcap")
    assert "16 flows" in mine.said.value


def hostile() -> Iterator[tuple[str, bytes]]:
    office, dice = OFFICE.read_bytes(), random.Random(8)
    yield from (("empty", b""), ("text", b"hello"), ("page", b"<script>alert(1)</script>" * 99), ("zeros", bytes(5000)))
    yield from (("cut off", office[:5003]), ("header alone", office[:24]), ("bomb", gzip.compress(bytes(60_000_000))))
    for number in range(12):
        octets = bytearray(office[: dice.randrange(2000, 20_000)])
        for _ in range(40):
            octets[dice.randrange(24, len(octets))] = dice.randrange(256)
        yield f"damaged {number}", bytes(octets)


@pytest.mark.parametrize(("name", "octets"), list(hostile()), ids=lambda each: each if isinstance(each, str) else "")
def test_hostile_and_damaged_captures_are_answered_in_a_sentence(name: str, octets: bytes, tmp_path: Path) -> None:
    path, mine = tmp_path / "<b>x.pcap", LAB.Capture()
    path.write_bytes(octets)
    mine.read(str(path))
    assert mine.said.value.endswith(".") and "<b>" not in mine.said.value and "Traceback" not in mine.said.value
    if not mine.go.disabled:
        mine.move()
        assert mine.said.value.endswith(".")


@pytest.mark.parametrize("path", ["", "nowhere.pcap", "/", "~", "\0", "x" * 5000, "/dev/zero"])
def test_a_path_that_leads_to_no_capture_is_answered_in_a_sentence(path: str) -> None:
    mine = LAB.Capture()
    mine.read(path)
    assert mine.said.value.endswith(".") and mine.go.disabled


@pytest.mark.parametrize("number", list(RIGHT))
def test_a_check_is_quick(number: str) -> None:
    name, source = RIGHT[number]
    begun = process_time()
    assert check(number, {name: made(source, name)}).status == "passed" and process_time() - begun < 2


def test_what_shares_an_address_though_it_begins_at_mn_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows 7, 11, 12 and 14 of the capture have two packets each, and one home address (the patent, page 14)."""
    mine = LAB.Capture()
    mine.read(str(OFFICE))
    mine.flow.value = 6
    mine.move()
    shown = " ".join(each["data"].get("text/html", "") for each in mine.shown.outputs)
    assert "Flow 7, 11, 12 and 14: fewer than 3 packets." in shown


@pytest.mark.parametrize("student", NUMBERS[:3], ids=str)
def test_all_worlds_of_a_student_move_at_one_moment(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "names", dict)
    at_s = LAB.run_of(student).handovers_s()[0]
    shown = LAB.film(made(MOVE, "handover"), student, ())
    assert [side.world.handovers_s()[0] for side in shown._sides] == [at_s, at_s]
    play = LAB.Play(student)
    play.move()
    assert play.world.handovers_s() == [at_s]


def test_play_says_whom_the_node_told() -> None:
    play, told = LAB.Play(Student()), []
    for trouble in LAB.TROUBLES.values():
        play.trouble.value = trouble
        play.again()
        play.move()
        told.append(play.said.value.rpartition(". ")[2] or play.said.value)
    assert [("to CN1." in each, "no Home Test ever came" in each) for each in told[:2]] == [(True, False), (False, True)], told
