"""Lab 03: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercise, exercises_of
from mipflow.lab.studies.attackers import Liar
from tests.labs.learner import students, verdict, written

LAB = exercises_of("03")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 7))]
PARAMETERS = {"3.3": "d", "3.5": "cn, home, care_of, halves, now"}


def made(number: str, source: str) -> Callable[..., Any]:
    return written(f"answer({PARAMETERS[number]})", source, known=[])


FORMULA = """
home = 2 * (d["wlan"] + d["ar2"] + 2 * d["ha"] + d["cn1"])
new = d["cell"] + d["ar3"] + d["cn1"]
return max(home, 2 * new) + 2 * new
"""
TESTS = """
pair = [("home", cn, home), ("care-of", cn, care_of)]
return [test for test in pair if test not in halves or now - halves[test] >= 210]
"""

# --- 3.2: the grids ---------------------------------------------------------------------------------------------------

Grids = tuple[dict[str, str], dict[str, str], tuple[str, str]]


def grids(student: Student) -> Grids:
    steal, flood, changed = LAB.grid(LAB.victim_of(student))
    return dict(steal), dict(flood), changed


def filled(student: Student, steal: dict[str, str] | str = "", flood: dict[str, str] | str = "", changed: Any = ()) -> Grids:
    """The right grids but for some cells, or with one word in all of them."""
    due = grids(student)
    for grid, other in zip(due, (steal, flood), strict=False):
        grid.update(dict.fromkeys(LAB.PLACES, other) if isinstance(other, str) and other else other or {})  # type: ignore[union-attr]
    return due[0], due[1], changed or due[2]


OFF, ACCESS, PATH, CN = LAB.PLACES
SWAP = {"care-of": "home", "home": "care-of", "both": "both"}


def swapped(student: Student) -> Grids:
    steal, flood, changed = grids(student)
    return {p: SWAP[said] for p, said in steal.items()}, {p: SWAP[said] for p, said in flood.items()}, changed


def nothing_free(student: Student) -> Grids:
    flood = {place: "both" if said == "both" else "none" for place, said in grids(student)[1].items()}
    return filled(student, {OFF: "none", ACCESS: "none"}, flood)


def near_forgotten(student: Student) -> Grids:
    return filled(student, {}, {OFF: "home", ACCESS: "home", PATH: "home", CN: "both"})


GRIDS: dict[str, Callable[[Student], Grids]] = {
    "nobody": lambda who: filled(who, "care-of", "home"),
    "everybody": lambda who: filled(who, "both", "both"),
    "nothing is free": nothing_free,
    "free halves swapped": swapped,
    "the tunnel hides nothing": lambda who: filled(who, {ACCESS: "both"}, {}, ("steal", OFF)),
    "path: home only": lambda who: filled(who, {PATH: "home"}),
    "CN's access: home only": lambda who: filled(who, {CN: "home"}),
    "no flood at all": lambda who: filled(who, {}, "home"),
    "victim's own link forgotten": near_forgotten,
    "flood from the WLAN": lambda who: filled(who, {}, {ACCESS: "both"}),
    "flood on the phone's roads": lambda who: filled(who, {}, {PATH: "both"}),
    "another cell for ESP": lambda who: filled(who, {}, {}, ("flood", ACCESS)),
    "another cell": lambda who: filled(who, {PATH: "none"}),
    "words": lambda who: filled(who, "fails", "fails"),
    "empty": lambda who: filled(who, {}, {OFF: ""}),
}
OF_VICTIM = {victim: next(who for who in NUMBERS if LAB.victim_of(who) == victim) for victim in LAB.VICTIMS}
RIGHT_FOR = {"victim's own link forgotten": "CN2", "flood from the WLAN": "Laptop", "flood on the phone's roads": "Printer"}


@pytest.mark.parametrize("victim", LAB.VICTIMS)
@pytest.mark.parametrize("name", GRIDS)
def test_each_wrong_grid_reads_what_was_written_for_it(name: str, victim: str) -> None:
    student = OF_VICTIM[victim]
    found = verdict("3.2", GRIDS[name](student), student)
    if RIGHT_FOR.get(name) == victim:
        assert found.status == "passed"
        return
    assert (found.status, found.matched) == ("wrong", name), found
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS and found.points < 10


@pytest.mark.parametrize("student", NUMBERS, ids=str)
def test_right_grids_pass(student: Student) -> None:
    found = verdict("3.2", grids(student), student)
    assert (found.status, found.points) == ("passed", 10) and "6.067 s" in found.feedback


@pytest.mark.parametrize("victim", ["Laptop", pytest.param("CN2", marks=pytest.mark.slow), pytest.param("Printer", marks=pytest.mark.slow)])
def test_the_grids_are_what_the_attacks_come_to(victim: str) -> None:
    """All cells run, with ESP and without: what is held by who is there, and who is believed."""
    held = {
        (lie, place, esp): LAB.played(lie, place, esp, victim)
        for lie in LAB.LIES for place in LAB.PLACES for esp in (True, False)
    }  # fmt: skip
    said = {
        cell: "both" if len(each.held) == 2 else next(iter(each.held), "none") for cell, each in held.items()
    }  # fmt: skip
    assert all(each.succeeds is (said[cell] == "both") for cell, each in held.items())
    steal, flood, changed = LAB.grid(victim)
    assert {place: said["steal", place, True] for place in LAB.PLACES} == steal
    assert {place: said["flood", place, True] for place in LAB.PLACES} == flood
    cells = [(lie, place) for lie in LAB.LIES for place in LAB.PLACES]
    assert [cell for cell in cells if said[*cell, True] != said[*cell, False]] == [changed]


@pytest.mark.parametrize("word", ["none", "home", "care-of", "both"])
def test_one_word_everywhere_earns_nothing(word: str) -> None:
    assert verdict("3.2", filled(Student(), word, word)).points == 0


def test_a_point_for_each_cell_and_two_for_the_one_that_changes() -> None:
    assert verdict("3.2", filled(Student(), {OFF: "none"})).points == 9
    assert verdict("3.2", filled(Student(), {}, {}, ("flood", OFF))).points == 8
    assert verdict("3.2", filled(Student(), {ACCESS: "Both"}, {}, ("flood", OFF))).points == 7
    assert verdict("3.2", filled(Student(), {OFF: "Care-of", ACCESS: "care of "})).points == 10


BLANK = dict.fromkeys(LAB.PLACES, "")
BAD_GRIDS = [
    ({"off the path": "home"}, BLANK, ("", "")), ("home", BLANK, ("", "")), ({**BLANK, OFF: "home"}, 3, ("", "")),
    ({**BLANK, OFF: None, ACCESS: "home"}, BLANK, ("", "")), ({**BLANK, OFF: "home"}, BLANK, "flood"),
    ({**BLANK, OFF: "home"}, BLANK, ("flood", None)), ({**BLANK, OFF: "home"}, BLANK, None),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_GRIDS, ids=str)
def test_grids_of_another_shape_are_answered_in_words(bad: Any) -> None:
    found = verdict("3.2", bad)
    assert found.status == "error" and "expected" in found.feedback


def test_grids_that_nobody_filled_in_are_not_attempted() -> None:
    assert verdict("3.2", (BLANK, BLANK, ("", ""))).status == "not attempted"
    assert verdict("3.2", (None, None, None)).status == "not attempted"


# --- 3.3 and 3.5: programs --------------------------------------------------------------------------------------------

VERSIONS = [
    (number, wrong, program)
    for number, known in (("3.3", LAB.FORMULA_WRONG), ("3.5", LAB.TESTS_WRONG)) for wrong in known for program in wrong.programs
]  # fmt: skip


@pytest.mark.parametrize("student", students(4, quick=1), ids=str)
@pytest.mark.parametrize(("number", "known", "program"), VERSIONS, ids=lambda each: getattr(each, "name", ""))
def test_each_wrong_version_reads_what_was_written_for_it(number: str, known: Any, program: Any, student: Student) -> None:
    found = verdict(number, program, student)
    assert (found.status, found.matched) == ("wrong", known.name), found.feedback
    assert 0 <= found.points < exercise(number).points
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right


def test_each_version_behaves_unlike_every_other() -> None:
    """By another way than the engine's: the answers in all stories, written down."""
    student, seen = Student(), dict[Any, str]()
    for number, known, program in VERSIONS:
        judge = exercise(number).judge
        signature = tuple(tuple(step.got for step in judge.play(program, story, student)) for story in judge.tell(student))
        assert seen.setdefault((number, signature), known.name) == known.name


OTHERS = {
    "three and a half trips": ("3.3", "return max(2 * (d['wlan'] + d['ar2'] + d['ha'] * 1.5 + d['cn1']), 2 * (d['cell'] + d['ar3'] +"
                               " d['cn1'])) + 2 * (d['cell'] + d['ar3'] + d['cn1'])", {"", "no detour, or half of it"}),
    "a constant": ("3.3", "return 394.2", {""}),
    "ten more": ("3.3", FORMULA.replace("+ 2 * new\n", "+ 2 * new + 10\n"), {""}),
    "the sum of all links": ("3.3", "return sum(d.values())", {""}),
    "min in place of max": ("3.3", FORMULA.replace("max", "min"), {"leaves without the home half"}),
    "sorted, and the wrong one": ("3.3", FORMULA.replace("max(home, 2 * new)", "sorted([home, 2 * new])[0]"), {"leaves without the home half"}),
    "seconds": ("3.3", FORMULA.replace("return max(home, 2 * new) + 2 * new", "return (max(home, 2 * new) + 2 * new) / 1000"),
                {"in seconds"}),
    "a loop with an or": ("3.5", "out = []\nfor k, a in (('home', home), ('care-of', care_of)):\n    if (k, cn, a) not in halves or"
                          " halves[k, cn, a] + 210 < now:\n        out.append((k, cn, a))\nreturn out", {"210 counts as young"}),
    "always": ("3.5", "return [('home', cn, home), ('care-of', cn, care_of)]", {"fetches a fresh half again"}),
    "never": ("3.5", "known.append(1)\nreturn [] if known else None", {"turned round", ""}),
    "only the new one": ("3.5", "return [('care-of', cn, care_of)] if ('care-of', cn, care_of) not in halves else []", {"one kind only"}),
    "keeps a list of its own": ("3.5", "if (cn, home, care_of) in known:\n    return []\nknown.append((cn, home, care_of))\n"
                                + TESTS.strip(), {"remembers"}),
    "mistakes the age": ("3.5", TESTS.replace(">= 210", "<= 210"), {"turned round", "", "fetches a fresh half again"}),
    "minutes": ("3.5", TESTS.replace(">= 210", ">= 3.5"), {"", "fetches a fresh half again", "one missing or old: both"}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    number, source, causes = OTHERS[name]
    found = verdict(number, made(number, source))
    assert found.status == "wrong" and found.matched in causes, found
    assert len(found.feedback.split()) <= MOST_WORDS and "{" not in found.feedback


@pytest.mark.parametrize("student", students(6, quick=2), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    for number, source in (("3.3", FORMULA), ("3.5", TESTS)):
        found = verdict(number, made(number, source), student)
        assert (found.status, found.points) == ("passed", 5), found
    assert verdict("3.R", LAB.waited(student), student).points == 5
    assert verdict("3.5", made("3.5", TESTS.replace("return [", "return {").replace("]\n", "}\n", 2).replace("pair = {", "pair = [")
                               .replace('care_of)}', 'care_of)]')), student).status == "passed"  # fmt: skip


@pytest.mark.parametrize(("number", "constant"), [
    ("3.3", "return 394"), ("3.3", "return 0"), ("3.5", "return []"), ("3.5", TESTS.replace(" if test not in halves or now - halves[test] >= 210", "")),
    ("3.5", "return [('home', cn, home)]"),
])  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: str) -> None:
    assert verdict(number, made(number, constant)).points == 0


BAD = {
    "a word": ("3.3", "return 'fast'"), "nothing": ("3.3", "d['wlan']"), "too much": ("3.3", "return float('inf')"),
    "true": ("3.3", "return d['wlan'] > 0"), "no list": ("3.5", "return 'home'"), "pairs": ("3.5", "return [('home', cn)]"),
    "another kind": ("3.5", "return [('homes', cn, home)]"), "numbers": ("3.5", "return [('home', cn, 1)]"),
    "a key that is not there": ("3.3", "return d['lan']"), "raises": ("3.5", "return halves['home']"),
    "endless": ("3.5", "while True:\n    pass"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_answers_of_another_kind_are_errors_in_words(name: str) -> None:
    number, source = BAD[name]
    found = verdict(number, made(number, source))
    assert found.status == "error" and found.points == 0 and "Traceback" not in found.feedback
    assert len(found.feedback.split()) <= MOST_WORDS


def test_the_formula_is_what_runs_come_to() -> None:
    """A voice packet every 20 ms, and the time to send bits, lie between."""
    for student in NUMBERS[:3]:
        due = LAB.first_packet_ms(LAB.delays(student))
        assert 0 < LAB.first_by_cellular_ms(student) - due < 22


@pytest.mark.slow
@pytest.mark.parametrize("number", range(7, 27))
def test_the_formula_is_what_twenty_more_runs_come_to(number: int) -> None:
    student = Student((str(number),))
    assert 0 < LAB.first_by_cellular_ms(student) - LAB.first_packet_ms(LAB.delays(student)) < 22
    home, care_of = LAB.halves_ms(LAB.delays(student))
    assert LAB.waited(student) == pytest.approx(abs(home - care_of), abs=0.1)


def test_a_phone_runs_the_tests_that_the_rule_asks_for() -> None:
    assert LAB.phone() == (1, 0)


# --- What is read off -------------------------------------------------------------------------------------------------


def test_numbers_read_different_waits_off_their_messages() -> None:
    waits = {round(LAB.waited(student)) for student in NUMBERS[:4]}
    assert len(waits) >= 3 and all(each >= 9 for each in waits)
    assert len({LAB.arrivals(student)[0].arrived_s for student in NUMBERS[:4]}) == 4


SLIPS: dict[str, tuple[Callable[[Any, Any, float], float], str]] = {
    "seconds": (lambda home, care_of, due: due / 1000, "is in seconds"),
    "negative": (lambda home, care_of, due: -due, "the later from the earlier"),
    "left": (lambda home, care_of, due: abs(home.left_s - care_of.left_s) * 1000, "When did each arrive?"),
    "since the decision": (lambda home, care_of, due: (home.arrived_s - 4) * 1000, "the home half arrives"),
    "the moment": (lambda home, care_of, due: care_of.arrived_s, "at which the care-of half arrives"),
    "no version": (lambda home, care_of, due: 1234.5, "one is locked up"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_of_reading_reads_its_own_words(name: str) -> None:
    slip, words = SLIPS[name]
    found = verdict("3.R", slip(*LAB.arrivals(Student()), LAB.waited(Student())))
    assert found.status == "wrong" and words in found.feedback and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("bad", ["62", [62], True, float("nan")], ids=str)
def test_a_wait_of_another_kind_is_answered_in_words(bad: Any) -> None:
    found = verdict("3.R", bad)
    assert found.status == "error" and "such as 12.5" in found.feedback


def test_the_wait_is_that_of_the_capture_of_the_phone(tmp_path: Path, tshark: str) -> None:
    """By Wireshark's program: no Home Test to be seen, and two Care-of Tests, the last of them as it arrived."""
    LAB.run_of(Student()).pcap(tmp_path / "mine.pcap", node="MN")

    def times(shown: str) -> list[float]:
        done = subprocess.run(
            [tshark, "-r", str(tmp_path / "mine.pcap"), "-Y", shown, "-T", "fields", "-e", "frame.time_epoch"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [float(line) for line in done.stdout.split()]

    home, care_of = LAB.arrivals(Student())
    assert times("mip6.mhtype == 3") == [] and len(times("mip6.mhtype == 4")) == 2
    assert times("mip6.mhtype == 4")[-1] % 60 == pytest.approx(care_of.arrived_s, abs=1e-5)
    (arrived,) = [each for each in times("esp") if each % 60 == pytest.approx(home.arrived_s, abs=1e-5)]
    assert (arrived - times("mip6.mhtype == 4")[-1]) * 1000 == pytest.approx(LAB.waited(Student()), abs=0.01)


def test_an_esp_packet_of_the_table_opens_to_the_home_test() -> None:
    home, _ = LAB.arrivals(Student())
    assert home.seen == "ESP" and home.sender == "WLAN router"
    assert "home test" in LAB.run_of(Student()).inspect(home.packet).describe()


# --- Break it ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", LAB.DEALT, ids=lambda program: program.__name__)
def test_dealt_programs_break_in_two_to_four_words(program: Callable[..., Any]) -> None:
    assert 2 <= LAB.shortest_of(program) <= 4
    known = verdict("3.5", program)
    assert known.status == "wrong" and known.matched, "it is one of those that are known"
    assert not any(word in ast.unparse(ast.parse(repr(LAB.program(program, "tests")))) for word in ("wrong", "bug", "mistake"))


def test_everybody_is_dealt_one_of_them_and_not_all_the_same() -> None:
    dealt = {LAB.dealt_to(Student((str(number),))).__name__ for number in range(40)}
    assert len(dealt) >= 6


@pytest.mark.parametrize("student", NUMBERS[:4], ids=str)
def test_a_story_earns_three_and_a_shortest_one_five(student: Student) -> None:
    program = LAB.dealt_to(student)
    shortest = next(words for words in LAB.in_order() if LAB.first_wrong(program, words, student))
    assert verdict("3.6", " ".join(shortest), student).points == 5
    assert verdict("3.6", " ".join(("1wA", *shortest)), student).points == 3
    held = verdict("3.6", "1wA", student)
    assert held.points == 0 and "it holds" in held.feedback and held.feedback.endswith("?")


@pytest.mark.parametrize("bad", ["3wA", "1wA 60", "wA1", "1wA +", "1wA " * 21, "1wA +99999", "A1 A! A1"])
def test_a_story_that_is_none_is_answered_in_words(bad: str) -> None:
    found = verdict("3.6", bad)
    assert found.status == "error" and "expected updates such as 1wA" in found.feedback
    assert verdict("3.6", 7).status == "error" and verdict("3.6", "...").status == "not attempted"


# --- What the notebook shows ------------------------------------------------------------------------------------------


def test_play_lies_at_once_from_everywhere_and_the_phone_takes_its_row_back() -> None:
    play = LAB.Play(Student(), is_asked=False)
    for place in LAB.PLACES:
        play.run("steal", place)
        assert "CN1 believes the attacker at 6.015 s, and at 6.060 s the phone again." in play._said.value
    assert play._output.outputs


def test_a_cell_waits_for_the_first_attempt(nobody: Path) -> None:
    cells = LAB.Play(Student(), cells=True)
    cells.run("steal", OFF)
    assert "First fill in both grids" in cells._said.value and not cells._output.outputs
    check("3.2", dict(zip(("steal", "flood", "changed"), filled(Student(), {OFF: "home"}), strict=True)))
    cells.run("flood", ACCESS)
    assert "care-of (since 4.0" in cells._said.value and "CN1 believes it" in cells._said.value and cells._output.outputs


def test_the_film_of_the_prediction_shows_what_refutes_it() -> None:
    world = LAB.predicted(Student())
    said = {letter: answer.said(world) for letter, answer in LAB.QUESTIONS["03"].answers.items()}
    assert all("6.052 s" in words for words in said.values())
    told = LAB.film_of_it(Student()).describe()
    assert "Attacker does not hear the home token of H@1, and guesses it" in told and "CN1 refuses the binding" in told
    attacker = LAB.played("steal", ACCESS).attacker
    assert isinstance(attacker, Liar) and LAB.played("steal", ACCESS).held.keys() == {"care-of"}
    assert LAB.believed_s(LAB.played("steal", ACCESS)) is None
    assert LAB.believed_s(LAB.played("steal", ACCESS, False)) == pytest.approx(6.067, abs=1e-3)


def test_what_we_say_never_holds_the_line_to_write() -> None:
    body = "def f():\n" + (FORMULA + TESTS).replace("\n", "\n    ")
    lines = {
        ast.unparse(node) for node in ast.walk(ast.parse(body)) if isinstance(node, ast.expr) and len(ast.unparse(node)) > 15
    }  # fmt: skip
    for wrong in (*LAB.FORMULA_WRONG, *LAB.TESTS_WRONG):
        assert not any(line in wrong.feedback for line in lines)


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "03_return_routability.ipynb").write_text("{}")
    answers = dict(zip(("steal", "flood", "changed"), filled(Student(("31",)), {ACCESS: "both"}), strict=True))
    check("3.2", answers)
    asked = viva(pack("03"))
    home, care_of = LAB.arrivals(Student(("31",)))
    assert len(asked) == 3 and "of attempt 1 at 3.2 you were told: “steal, MN's access”: you wrote “both”" in asked[0][0]
    assert f"arrived at {min(home.arrived_s, care_of.arrived_s):.4f} s" in asked[2][0]
    assert "you wrote “both”" in repr(LAB.PARTS["explain"](Student()))


def test_a_check_is_quick() -> None:
    from time import process_time

    begun = process_time()
    assert check("3.3", {"first_packet_ms": made("3.3", FORMULA)}).points == 5
    assert check("3.5", {"tests": made("3.5", TESTS)}).points == 5 and process_time() - begun < 4
