"""Lab 01: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
import ipaddress
import itertools
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercise, exercises_of
from mipflow.view.drawing.picture import Picture
from tests.labs.learner import students, tried, verdict, written

LAB = exercises_of("01")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 9))]


def made(source: str, parameters: str = "table, segment") -> Callable[..., Any]:
    return written(f"answer({parameters})", source, **vars(ipaddress), known=[])


def link(source: str) -> Callable[..., Any]:
    return made(source, "a, b, plen")


LINK = "return int(IPv6Address(a)) >> (128 - plen) == int(IPv6Address(b)) >> (128 - plen)"
LOOKUP = """
for row in table:
    if (row.remote, row.remote_port, row.local, row.local_port) == (
        segment.source, segment.source_port, segment.destination, segment.destination_port):
        return row
return None
"""
VERSIONS = [
    (number, wrong, program)
    for number, known in (("1.1", LAB.LINK_WRONG), ("1.3", LAB.LOOKUP_WRONG))
    for wrong in known
    for program in wrong.programs
]
NEVER = next(wrong for wrong in LAB.LOOKUP_WRONG if wrong.name.startswith("sides")).programs[1]


@pytest.mark.parametrize(("number", "known", "program"), VERSIONS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("student", [*students(2, quick=1), pytest.param(Student(("31", "32")), marks=pytest.mark.slow)], ids=str)
def test_each_wrong_version_reads_what_was_written_for_it(
    number: str, known: Any, program: Any, student: Student
) -> None:
    answer = made("x = 1\nreturn None") if program is NEVER else program  # nothing but None would be a stub
    found = verdict(number, answer, student)
    assert (found.status, found.matched) == ("wrong", known.name), found.feedback
    assert 0 <= found.points < exercise(number).points
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right
    assert str(found.steps[-1].answer) in found.feedback, "it quotes what the learner's program said"


def test_each_version_behaves_unlike_every_other() -> None:
    """By another way than the engine's: the answers in all stories, written down."""
    student, seen = Student(), dict[Any, str]()
    for number, known, program in VERSIONS:
        stories = exercise(number).judge
        signature = tuple(
            tuple(step.got for step in stories.play(program, story, student)) for story in stories.tell(student)
        )
        assert seen.setdefault((number, signature), known.name) == known.name


@pytest.mark.parametrize("student", students(9, quick=1), ids=str)
def test_who_compares_the_visitor_alone_reads_of_a_case_of_their_own(student: Student) -> None:
    """Of a row that differs in CN's address and in the port: who leaves out one of them would not have given it."""
    found = verdict("1.3", LAB.visitor_only, student)
    row, segment = found.steps[-1].values["row"], found.steps[-1].values["segment"]
    assert row.local != segment.destination and row.local_port != segment.destination_port
    said = verdict("1.3", LAB.service_ignored, student)
    assert f"port {said.steps[-1].values['port']}, to port" in said.feedback


def test_one_number_of_four_is_nearly_right_whichever_it_is() -> None:
    missing = LAB.source_ignored, LAB.source_port_ignored, LAB.service_ignored, LAB.own_address_ignored
    assert {verdict("1.3", each).feedback.split()[0] for each in missing} == {"Nearly."}


OTHERS = {
    "networks of 64": ("1.1", "return IPv6Network((a, 64), strict=False) == IPv6Network((b, 64), strict=False)", {"always 64"}),
    "the text, group by group": ("1.1", "n = plen // 16\nreturn a.split(':')[:n] == b.split(':')[:n]", {
        "whole groups, too few bits", "text before the colons", "equal addresses only", ""}),
    "a mask that is upside down": (
        "1.1", "m = 2 ** (128 - plen) - 1\nreturn int(IPv6Address(a)) & m == int(IPv6Address(b)) & m", {"the wrong half"}),
    "hexadecimal digits": (
        "1.1", "h = lambda x: format(int(IPv6Address(x)), '032x')[:plen // 4]\nreturn h(a) == h(b)", {"whole digits"}),
    "characters of the long text": (
        "1.1", "n = plen // 4\nreturn IPv6Address(a).exploded[:n] == IPv6Address(b).exploded[:n]", {"colons counted as digits"}),
    "compares the strings": ("1.1", "return a == b", {"equal addresses only"}),
    "only who it is from": (
        "1.3", "for r in table:\n    if (r.remote, r.remote_port) == (segment.source, segment.source_port):\n        return r",
        {"who, and not to whom"}),
    "an else that ends the loop": (
        "1.3", "for r in table:\n    if (r.remote, r.remote_port, r.local, r.local_port) == (segment.source, segment.source_port,"
        " segment.destination, segment.destination_port):\n        return r\n    else:\n        return None", {"oldest row only"}),
    "sets of ends": (
        "1.3", "for r in table:\n    if {r.remote, r.local} == {segment.source, segment.destination} and"
        " sorted([r.remote_port, r.local_port]) == sorted([segment.source_port, segment.destination_port]):\n        return r",
        {"whose port is whose"}),
    "or in place of and": (
        "1.3", "for r in table:\n    if r.remote == segment.source or r.remote_port == segment.source_port:\n        return r",
        {"a row in any case", "port only", "ports, no address", "addresses only", ""}),
    "the ends crossed": (
        "1.3", "for r in table:\n    if (r.local, r.local_port, r.remote, r.remote_port) == (segment.source, segment.source_port,"
        " segment.destination, segment.destination_port):\n        return r", {"sides swapped, or never finds"}),
    "a loop without a break": (
        "1.3", "found = None\nfor r in table:\n    found = r if (r.remote, r.remote_port, r.local, r.local_port) == (segment.source,"
        " segment.source_port, segment.destination, segment.destination_port) else None\nreturn found", {"newest row only"}),
    "every second time": ("1.3", "known.append(1)\nreturn table[0] if table and len(known) % 2 else None", {"remembers"}),
    "takes the row away": (
        "1.3", "for r in table:\n    if (r.remote, r.remote_port, r.local, r.local_port) == (segment.source, segment.source_port,"
        " segment.destination, segment.destination_port):\n        table.remove(r)\n        return r", {"touches the table"}),
    "gives a copy": (
        "1.3", "from copy import copy\nfor r in table:\n    if (r.remote, r.remote_port, r.local, r.local_port) == (segment.source,"
        " segment.source_port, segment.destination, segment.destination_port):\n        return copy(r)", {""}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    number, source, causes = OTHERS[name]
    found = verdict(number, link(source) if number == "1.1" else made(source))
    assert found.status == "wrong" and found.matched in causes, found
    assert len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("student", students(9), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    assert verdict("1.1", link(LINK), student).points == 3
    by_networks = link("return IPv6Address(b) in IPv6Network((a, plen), strict=False)")
    assert verdict("1.1", by_networks, student).points == 3
    assert verdict("1.3", made(LOOKUP), student).points == 6
    assert verdict("1.4", [tale.due for tale in LAB.hand_of(student)], student).points == 3
    program = LAB.dealt_to(student)
    story = next(events for _, events in LAB.stories() if LAB._first_wrong(program, events, student))
    assert len(story) == 3 and verdict("1.5", " ".join(story), student).points == 5
    found = verdict("1.5", " ".join(("C9", *story)), student)
    assert found.points == 3 and "fewer events" in found.feedback
    own = LAB.deaths(student)
    assert verdict("1.R", [own[0].sent_s, own[3].sent_s], student).points == 6


def test_pairs_are_what_pythons_own_networks_say() -> None:
    for student in NUMBERS:
        for pair in LAB.pairs(student):
            due = IPv6Address(pair.b) in IPv6Network((pair.a, pair.plen), strict=False)
            assert LAB.same_prefix(pair.a, pair.b, pair.plen) is due
    assert len({LAB.pairs(student)[0].a for student in NUMBERS}) == len(NUMBERS)


def test_stories_are_told_in_order_of_length_and_none_twice() -> None:
    told = [events for _, events in LAB.stories()]
    assert [len(each) for each in told] == sorted(len(each) for each in told) and len(set(told)) == len(told)
    every = {events for n in range(1, 5) for events in itertools.product(LAB.TOKENS, repeat=n)}
    assert set(told) == {
        e for e in every
        if e[0] != "A!" and e[-1] != "A!" and e.count("A!") < 2 and (len(e) < 4 or e[0] == "A1")
    } | {("A1m", "A1")}  # fmt: skip


@pytest.mark.parametrize(("program", "shortest"), list(zip(LAB.DEALT, (20, 20, 4, 4), strict=True)))
def test_dealt_programs_break_in_three_events(program: Any, shortest: int) -> None:
    broken = [events for _, events in LAB.stories() if LAB._first_wrong(program, events, Student())]
    assert min(map(len, broken)) == 3 and sum(len(each) == 3 for each in broken) == shortest


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("1.1", lambda a, b, plen: True), ("1.1", lambda a, b, plen: False), ("1.3", made("x = 1\nreturn None")),
        ("1.3", lambda table, segment: True), ("1.3", lambda table, segment: table[0] if table else None),
        ("1.R", [0, 0]), ("1.R", [3.92, 10.92]), ("1.4", ["S"] * 6), ("1.4", ["N"] * 6), ("1.4", ["M"] * 6),
        ("1.5", "A1"), ("1.5", "A1 A1"),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    students = NUMBERS[1:6]  # who practises, without a number, may read the example's times
    points = [verdict(number, constant, student).points for student in students]
    most = 1 if number == "1.3" and callable(constant) and constant(["row"], None) == "row" else 0
    assert max(points) <= most, "the first row is right where there is one"


def test_the_beliefs_of_each_wrong_letter() -> None:
    student = NUMBERS[1]
    hand = LAB.hand_of(student)
    due = [tale.due for tale in hand]
    seen = set()
    for place, tale in enumerate(hand):
        for letter in set("SNM") - {tale.due}:
            found = verdict("1.4", [*due[:place], letter, *due[place + 1 :]], student)
            assert (found.status, found.points) == ("wrong", 2) and tale.said in found.feedback
            assert f"you said {letter}" in found.feedback and len(found.feedback.split()) <= MOST_WORDS
            assert found.misconception == tale.beliefs.get(letter)
            seen.add(found.misconception)
    every = {belief for tale in LAB.TALES for belief in tale.beliefs.values()}
    assert every == {"M01", "M02", "M03b", "M03c"} and seen & every


def test_each_hand_shows_each_belief() -> None:
    assert len(LAB.hands()) == 9
    for student in NUMBERS:
        for belief in LAB.BELIEFS:
            answers = [belief[LAB.TALES.index(tale)] for tale in LAB.hand_of(student)]
            assert verdict("1.4", answers, student).status == "wrong"


@pytest.mark.parametrize(
    ("bad", "words"),
    [(5, "six letters"), (["S"] * 5, "six letters"), (["X"] * 6, "'X' is none"), ([1] * 6, "six letters"), ("SNMSNM", "six")],
)  # fmt: skip
def test_letters_that_are_none_are_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("1.4", bad)
    assert found.status == "error" and words in found.feedback


def test_half_filled_letters_are_no_error() -> None:
    found = verdict("1.4", ["S", "", "", "", "", ""])
    assert found.status == "wrong" and "you have said nothing yet" in found.feedback


@pytest.mark.parametrize(
    ("bad", "words"),
    [("A1 X", "X in your story"), ("A0", "A0 in"), (5, "no text"), ("A1 " * 30, "30"), ("D1", "D1 in")],
)
def test_a_story_that_is_none_is_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("1.5", bad)
    assert found.status == "error" and words in found.feedback


def test_a_story_in_which_it_holds_says_so() -> None:
    found = verdict("1.5", "a1, b1")
    assert found.feedback.startswith("In “a1, b1” both give None, None: it holds. Does anybody")


def test_numbers_read_different_times_off_their_packets() -> None:
    own = {student: LAB.deaths(student) for student in NUMBERS}
    assert len({round(each[0].sent_s / (2 * LAB.TOLERANCE_S)) for each in own.values()}) >= len(NUMBERS) - 1
    for student, sent in own.items():
        assert [round(b.sent_s - a.sent_s, 3) for a, b in itertools.pairwise(sent)][:3] == [1.0, 2.0, 4.0]
        assert sent[0].sent_s > LAB.plan(student).move_s > 2
        first, fourth = sent[0].sent_s, sent[3].sent_s
        assert verdict("1.R", [first + 0.009, fourth - 0.009], student).points == 6
        assert verdict("1.R", (first + 0.02, fourth), student).points == 3
        assert "When did it leave CN?" in verdict("1.R", [sent[0].ended_s, fourth], student).feedback
        assert "time number 3" in verdict("1.R", [first, sent[2].sent_s], student).feedback
        assert "milliseconds" in verdict("1.R", [first * 1000, fourth * 1000], student).feedback
        before = next(each for each in LAB.sent_of(LAB.run_of(student)) if each.at == "MN")
        assert "arrives at MN" in verdict("1.R", [before.sent_s, fourth], student).feedback
        assert "Find the first row" in verdict("1.R", [99, fourth], student).feedback
    assert verdict("1.R", [3.92, 10.92]).points == 6, "the lesson's own numbers"


@pytest.mark.parametrize("bad", [5, [1], ["a", "b"], [True, 2], {"a": 1}, [1, 2, 3]])
def test_times_of_another_shape_are_answered_in_words(bad: Any) -> None:
    found = verdict("1.R", bad)
    assert found.status == "error" and "expected" in found.feedback


def test_times_that_nobody_filled_in_are_not_attempted() -> None:
    assert verdict("1.R", [..., ...]).status == verdict("1.R", None).status == "not attempted"


def test_the_times_are_those_of_the_capture(tmp_path: Path) -> None:
    """By another way: the file that Wireshark reads, sequence numbers and all."""
    from mipflow.wire.captures import capture
    from mipflow.wire.decode import decode
    from mipflow.wire.packet import TCP

    LAB.run_of(NUMBERS[3]).pcap(tmp_path / "run.pcap", node="CN")
    found = dict[int, list[float]]()
    for record in capture.read(tmp_path / "run.pcap"):
        segment = decode(record.data).payload
        if isinstance(segment, TCP) and segment.payload and segment.source_port == 80:
            found.setdefault(segment.sequence, []).append(record.time_ns / 1e9)
    again = next(times for times in found.values() if len(times) > 3)
    assert again == pytest.approx([each.sent_s for each in LAB.deaths(NUMBERS[3])], abs=1e-6)


FILMS = {
    "right": (LOOKUP, "A1 1 of 2, A2 1 of 1, B1 1 of 1"),
    "three": (LOOKUP.replace("(row.remote, ", "(").replace("segment.source, ", ""), "A1 1 of 1, B1 0 of 1"),
    "raises": ("return table[5]", "raised IndexError"),
}


@pytest.mark.parametrize("name", FILMS)
def test_a_function_serves_cn_right_or_wrong(name: str) -> None:
    source, answers = FILMS[name]
    check("1.3", {"tcp_lookup": made(source)})
    shown = film("1.3", {"tcp_lookup": made(source)})
    assert isinstance(shown, Picture) and answers in shown.title, shown.title


def test_who_follows_the_move_lets_it_survive_in_the_film() -> None:
    world, answers = LAB.in_world(LAB.follows_the_move, ("A1", "A!", "A1"), Student())
    assert answers.endswith("A1 2 of 2") and not world.tables_of["CN"].failed
    world, answers = LAB.in_world(made(LOOKUP), ("A1", "A!", "A1"), Student())
    assert answers.endswith("A1 1 of 2")


def test_all_stories_of_three_can_be_played_in_the_world() -> None:
    for events in ("A1 A1b A1b", "B1 C1 B1", "A1s A! A1s", "B1 B! B1", "A1b A1 A1b"):
        world, answers = LAB.in_world(made(LOOKUP), events.split(), Student())
        assert not world.tables_of["CN"].failed and "answers that came" in answers
    assert LAB.in_world(made(LOOKUP), "A1 A1b A1 A1b".split(), Student())[1].endswith("A1 2 of 2, A1b 2 of 2")


def test_a_film_waits_for_a_function() -> None:
    assert "Write tcp_lookup first" in repr(film("1.3", {}))


def test_the_film_of_the_prediction_shows_what_refutes_it() -> None:
    world = LAB.predicted(Student())
    said = {letter: answer.said(world) for letter, answer in LAB.QUESTIONS["01"].answers.items()}
    assert all("3.9" in words for words in said.values())
    told = LAB.film_of_it(Student()).describe()
    assert "drops a packet of the pieces" in told and told.count("sent again") == 3


def test_play_moves_mn_and_only_the_old_link_brings_pieces() -> None:
    play = LAB.Play(Student())
    for interface, keep, arrived in (("cell0", True, "0"), ("cell0", False, "0"), ("wlan0", False, "")):
        play.move(interface, keep)
        assert (f"<b>{arrived} arrived</b>" in play._said.value) is bool(arrived), play._said.value
    assert "8 arrived" not in play._said.value and len(play._output.outputs) >= 3
    play.begin()
    assert "3 pieces have arrived" in play._said.value and play.world.now == 3.0 and not play._output.outputs
    play.move("cell0", False)
    assert "2001:db8:300::10" in play._said.value


def test_what_we_say_never_holds_the_line_to_write() -> None:
    body = f"def f():\n{LOOKUP.replace(chr(10), chr(10) + '    ')}\n    {LINK}"
    lines = {
        ast.unparse(node) for node in ast.walk(ast.parse(body)) if isinstance(node, ast.expr) and len(ast.unparse(node)) > 15
    }  # fmt: skip
    for wrong in (*LAB.LINK_WRONG, *LAB.LOOKUP_WRONG):
        assert not any(line in wrong.feedback for line in lines)


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "01_why_moving_breaks.ipynb").write_text("{}")
    check("1.3", {"tcp_lookup": made("return table[0] if table else None")})
    asked = viva(pack("01"))
    again = LAB.deaths(Student(("31",)))
    assert len(asked) == 3 and f"At {again[2].sent_s:.2f} s in your run" in asked[0][0]
    assert "attempt 1 of 1.3 gave the row of" in asked[0][0] and f"At {again[4].sent_s:.2f} s" in asked[1][1]
    tried("1.R")
    assert "in your run" in repr(LAB.PARTS["explain"](Student()))


def test_a_check_is_quick() -> None:
    from time import process_time

    begun = process_time()
    assert check("1.3", {"tcp_lookup": made(LOOKUP)}).points == 6
    assert check("1.1", {"same_link": link(LINK)}).points == 3 and process_time() - begun < 2
