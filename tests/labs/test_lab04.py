"""Lab 04: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.predictions import predict, reveal
from mipflow.course.source import exercise, exercises_of
from mipflow.view.drawing.picture import Picture
from tests.labs.learner import students, tried, verdict, written

LAB = exercises_of("04")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 9))]


def made(source: str, parameters: str = "bindings, update, flows") -> Callable[..., Any]:
    return written(f"answer({parameters})", source, known=[])


def count(source: str) -> Callable[..., Any]:
    return made(source, "cns, keepers, interfaces")


MOVED = """
names = set()
for flow in flows:
    row = "HA"
    if flow.cn in bindings:
        row = flow.cn
    if row == update.to and bindings[row] != update.care_of:
        names.add(flow.name)
return names
"""
COUNT = "return interfaces ** len({cn if cn in keepers else 'HA' for cn in cns})"
NOTHING = next(wrong for wrong in LAB.MOVED_WRONG if wrong.name == "nothing ever moves").programs[0]
VERSIONS = [
    (number, wrong, program)
    for number, known in (("4.1", LAB.MOVED_WRONG), ("4.2b", LAB.COUNT_WRONG))
    for wrong in known
    for program in wrong.programs
]


@pytest.mark.parametrize(("number", "known", "program"), VERSIONS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize(
    "student", [NUMBERS[1], pytest.param(Student(("31", "32")), marks=pytest.mark.slow)], ids=str
)
def test_each_wrong_version_reads_what_was_written_for_it(
    number: str, known: Any, program: Any, student: Student
) -> None:
    found = verdict(number, program, student)
    assert (found.status, found.matched) == ("wrong", known.name), found.feedback
    assert 0 <= found.points < exercise(number).points
    assert "{" not in found.feedback.replace("{'", "") and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right
    assert str(found.steps[-1].answer) in found.feedback, "it quotes what the learner's program said"


@pytest.mark.slow
def test_each_version_behaves_unlike_those_with_other_words() -> None:
    """By another way than the engine's: the answers in all stories, written down."""
    student, seen = NUMBERS[1], dict[Any, str]()
    for number, known, program in VERSIONS:
        stories = exercise(number).judge
        told = stories.plays(program, stories.tell(student), student)
        signature = tuple(tuple(step.got for step in steps) for steps in told)
        assert seen.setdefault((number, signature), known.name) == known.name


OTHERS = {
    "a comprehension that forgets the others": (
        "4.1", "return {f.name for f in flows if f.cn == update.to and bindings.get(f.cn) not in (None, update.care_of)}",
        {"only flows whose correspondent is told"}),
    "before and after, with the row made": (
        "4.1", "after = dict(bindings)\nafter[update.to] = update.care_of\nplace = lambda f, b: b.get(f.cn, b['HA'])\n"
        "return {f.name for f in flows if place(f, bindings) != place(f, after)}", {"an update makes a row"}),
    "a return that is too far in": (
        "4.1", MOVED.replace("return names", "    return names"),
        {"one flow alone"}),
    "nothing given back": ("4.1", MOVED.replace("return names", "pass"), {"no set of names"}),
    "a name in place of a set": ("4.1", MOVED.replace("names.add(flow.name)", "return flow.name"), {"no set of names"}),
    "names of nobody": ("4.1", MOVED.replace("return names", "return {'nobody'}"), {"no set of names"}),
    "a list as well": ("4.1", MOVED.replace("return names", "return sorted(names)"), {"passed"}),
    "updates the table first": (
        "4.1", "bindings[update.to] = update.care_of\n" + MOVED, {"nothing ever moves"}),
    "writes at the end": ("4.1", MOVED.replace("return names", "bindings['HA'] = update.care_of\nreturn names"), {"writes into the table"}),
    "every flow that is elsewhere": (
        "4.1", "return {f.name for f in flows if bindings.get(f.cn, bindings['HA']) != update.care_of}", {"everything"}),
    "no look at what the row says": (
        "4.1", MOVED.replace(" and bindings[row] != update.care_of", ""), {"old news moves flows"}),
    "the block of the wish": (
        "4.1", MOVED.replace("if row == update.to and bindings[row] != update.care_of", "if flow.name == update.wish"), {"one flow alone"}),
    "KeyError of another kind": ("4.1", "return {}[5]", {"error"}),
    "a value that was never given": (
        "4.1", "names = set()\nfor flow in flows:\n    if flow.cn in bindings:\n        row = bindings[flow.cn]\n"
        "    if row != update.care_of:\n        names.add(flow.name)\nreturn names", {"stumbles over a row that is not there"}),
    "the row that is told, or home": (
        "4.1", "return {f.name for f in flows if bindings.get(f.cn, bindings['HA']) != update.care_of and f.cn == update.to}",
        {"only flows whose correspondent is told"}),
    "home agent for all in the second branch": (
        "4.1", "names = set()\nfor f in flows:\n    if f.cn == update.to and f.cn in bindings:\n"
        "        if bindings[f.cn] != update.care_of:\n            names.add(f.name)\n"
        "    elif update.to == 'HA' and bindings['HA'] != update.care_of:\n        names.add(f.name)\nreturn names",
        {"the home agent moves all"}),
    "all, where anything changes": (
        "4.1", "return {f.name for f in flows} if bindings.get(update.to) not in (None, update.care_of) else set()", {"everything"}),
    "an alias in place of a copy": (
        "4.1", "after = bindings\nif update.to in after:\n    after[update.to] = update.care_of\n"
        "place = lambda f, b: b.get(f.cn, b['HA'])\nreturn {f.name for f in flows if place(f, bindings) != place(f, after)}",
        {"nothing ever moves"}),
    "a generator": ("4.1", "return (f.name for f in flows)", {"no set of names"}),
    "no row, no compare": ("4.1", MOVED.replace("bindings[row] != update", "row != update"), {"old news moves flows"}),
    "each homeless flow by itself": (
        "4.2b", "return interfaces ** (len(set(cns) & keepers) + len([cn for cn in cns if cn not in keepers]))", {"every flow by itself"}),
    "a power of all that is named": ("4.2b", "return interfaces ** len(set(cns) | {'HA'})", {
        "the home agent's row always counts", "every correspondent has a row", ""}),
    "a product": ("4.2b", "return interfaces * len({cn if cn in keepers else 'HA' for cn in cns})", {"times, or the other way round"}),
    "two to the power": ("4.2b", COUNT.replace("interfaces **", "2 **"), {"always two interfaces"}),
    "text": ("4.2b", "return '4'", {"error"}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    number, source, causes = OTHERS[name]
    found = verdict(number, count(source) if number == "4.2b" else made(source))
    assert (found.matched or found.status) in causes or found.matched in causes, found
    assert len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("number", ["4.1", "4.2b"])
def test_a_wrong_version_that_nobody_knows_reads_the_smallest_case(number: str) -> None:
    known = made("return {f.name for f in flows if bindings.get(f.cn, bindings['HA']) == bindings['HA'] == 'cell0'}")
    found = verdict(number, known if number == "4.1" else count("return len(cns) + interfaces"))
    assert found.matched == "" and "The smallest case that goes wrong" in found.feedback and "{" not in found.feedback


@pytest.mark.parametrize("letters", ["D I J H C F E A", "d,i,j,h,c,f,e,a"])
def test_the_blocks_make_the_right_program(letters: str) -> None:
    assert verdict("4.1", blocks("4.1", letters)).points == 10


@pytest.mark.parametrize(
    ("letters", "cause"),
    [
        ("D I J H C G E A", "one flow alone"), ("D I B C F E A", "stumbles over a row that is not there"),
        ("D I J F E A", "correspondents have no say"), ("D I K F E A", "stumbles over a row that is not there"),
    ],
)  # fmt: skip
def test_blocks_that_lead_astray_have_their_cause(letters: str, cause: str) -> None:
    assert verdict("4.1", blocks("4.1", letters)).matched == cause


@pytest.mark.parametrize("student", students(9), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    assert verdict("4.1", made(MOVED), student).points == 10
    assert verdict("4.2a", sorted(LAB.reachable(LAB.deal_of(student))), student).points == 4
    assert verdict("4.R", LAB.came_along(student), student).points == 5
    shortest = LAB.shortest_of(LAB.dealt_name(student), LAB.setting_of(student))
    assert verdict("4.3", " ".join(shortest), student).points == 5
    found = verdict("4.3", " ".join((shortest[0], *shortest)), student)
    assert found.points == 3 and "in fewer" in found.feedback


def test_a_case_of_the_number_is_told_in_words_with_all_that_counts() -> None:
    found = verdict("4.2b", lambda cns, keepers, interfaces: interfaces ** (len(set(cns) & keepers) + 1))
    assert "For one flow to CN1, where CN1 keeps a row, and two interfaces you gave 4." in found.feedback
    case = LAB.Counted(("CN2", "CN1", "CN2"), ("CN1", "CN3"), 3)
    step = LAB.go_count(lambda *given: 1, case, "N", Student())[1]
    assert step.values["case"] == "two flows to CN2 and one to CN1, where CN1 and CN3 keep rows, and three interfaces"


def test_the_right_number_passes() -> None:
    assert verdict("4.2b", count(COUNT)).points == 4
    for keepers, due in (({"CN1", "CN2"}, 4), ({"CN1"}, 4), (set(), 2)):
        assert LAB.placements_of(["CN1", "CN1", "CN2"], keepers, 2) == due


CONSTANTS: list[tuple[str, Any]] = [
    ("4.1", made("seen = set()\nreturn seen")), ("4.1", made("return {flow.name for flow in flows}")),
    ("4.1", made("return [flow.name for flow in flows]")), ("4.1", made("return {'call'}")), ("4.1", made("return {update.wish}")),
    ("4.2a", ["www", "ccc"]), ("4.2a", ["www"]), ("4.2a", sorted(LAB.ALL)),
    ("4.2b", count("return 4 if cns else 4")), ("4.2b", count("x = 2\nreturn x")), ("4.2b", count("return interfaces")),
    ("4.R", 0), ("4.R", 1000.0), ("4.R", 222.8), ("4.3", ""), ("4.3", "1c 2c"), ("4.3", "Hc"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "constant"), CONSTANTS, ids=[str(n) for n in range(len(CONSTANTS))])
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    own = NUMBERS[1:2] if number == "4.1" else NUMBERS[1:4]
    assert max(verdict(number, constant, student).points for student in own) == 0


def test_what_the_practice_answers_are_is_nobodys() -> None:
    assert verdict("4.R", 7222.8 - 7110.2).points == 5, "the lesson's own numbers"
    assert not any(verdict("4.R", 7222.8 - 7110.2, student).points for student in NUMBERS[1:4])
    everybody = [Student((str(number),)) for number in range(200)]
    assert 55 not in {sum(LAB.plan(student)[1:4]) for student in everybody}, "all else is equal in the two runs"
    broken = [student for student in everybody if LAB.goes_wrong(LAB.dealt_name(student), ("Hc", "Hw"), LAB.setting_of(student))]
    assert len(broken) < 60


def test_a_students_number_changes_what_is_read_off() -> None:
    read = {round(LAB.came_along(student)) for student in NUMBERS[:6]}
    assert len(read) > 3
    assert len({LAB.deal_of(Student((str(n),))) for n in range(40)}) == len(LAB.DEALS) == 9
    assert len({(LAB.dealt_name(Student((str(n),))), LAB.setting_of(Student((str(n),)))) for n in range(200)}) == 20
    assert len({tuple(LAB.cases(Student((str(n),)))[0].flows) for n in range(40)}) == 6


# --- 4.1 and the network ----------------------------------------------------------------------------------------------


def sample(every: int, first: int = 0) -> list[Any]:
    return LAB.cases(Student())[first::every]


@pytest.mark.parametrize("case", [*sample(180, 7), *(pytest.param(each, marks=pytest.mark.slow) for each in sample(17))])
def test_the_rule_is_what_the_network_does(case: Any) -> None:
    """By another way: real nodes, one real update, and which links carry the packets afterwards."""
    _, moved = LAB.in_world(case)
    assert set(moved) == LAB.flows_that_move(dict(case.rows), case.update, case.flows)


def test_the_film_shows_what_moves_beside_what_the_learner_says() -> None:
    alone = made("return {update.wish} if update.to != 'HA' else set()")
    check("4.1", {"moved": alone})
    shown = film("4.1", {"moved": alone})
    assert isinstance(shown, Picture) and "Yours says" in shown.title and "in the network moved" in shown.title
    check("4.1", {"moved": made(MOVED)})
    shown = film("4.1", {"moved": made(MOVED)})
    assert shown.title == "Yours says call, file; in the network moved call, file" and "call: wished" in shown.describe()
    assert "Write moved first" in repr(film("4.1", {}))
    raises = made("return 1 // 0")
    check("4.1", {"moved": raises})
    assert "Yours says ZeroDivisionError" in film("4.1", {"moved": raises}).title


@pytest.mark.parametrize("deal", LAB.DEALS, ids=lambda deal: "-".join([*deal.cns, "kept by", *sorted(deal.keepers)]))
def test_placements_are_those_that_updates_reach(deal: Any) -> None:
    """By another way: from www, all stories of four updates, each applied to the rows."""
    found = set()
    updates = list(product(("HA", "CN1", "CN2"), "wc"))
    for story in product(updates, repeat=3):
        rows = {"HA": "w", **dict.fromkeys(deal.keepers, "w")}
        for to, place in story:
            if to in rows:
                rows[to] = place
        found.add("".join(rows.get(cn, rows["HA"]) for cn in deal.cns))
    assert found == LAB.reachable(deal)


SAID = {
    "all eight": (sorted(LAB.ALL), "What would the row that they follow have to say", 0),
    "two, all together": (["www", "ccc"], "Must all rows say the same here", 0),
    "the wrong pair": (["www", "wcc", "cww", "ccc"], "You keep file and video together", 0),
    "those that cannot be": (["wwc", "wcc", "cww", "ccw"], "the gap in Figure 1", 0),
    "one too many": (["www", "wcw", "cwc", "ccc", "cww"], "“cww” puts call on cellular and video on WLAN", 3),
    "one too few": (["www", "wcw", "cwc"], "there are more. From www, send each of the six", 3),
    "capitals": (["WWW", " wcw", "cwc", "CCC"], "Call and video always go together", 4),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_each_list_reads_its_words(name: str) -> None:
    answer, words, points = SAID[name]
    found = verdict("4.2a", answer)  # call and video come from CN1
    assert words in found.feedback and found.points == points and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("bad", [4, "wwc", ["ww"], [1, 2], {"a": 1}, ["wwx"]])
def test_a_list_that_is_none_is_answered_in_words(bad: Any) -> None:
    found = verdict("4.2a", bad)
    assert found.status == "error" and ("three letters" in found.feedback or "expected placements" in found.feedback)


def test_what_nobody_filled_in_is_not_attempted() -> None:
    for number, empty in (("4.2a", []), ("4.2a", None), ("4.R", ...), ("4.3", "..."), ("4.3", None), ("4.1", made("..."))):
        assert verdict(number, empty).status == "not attempted"


# --- 4.R --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", students(5), ids=str)
def test_slips_in_reading_are_told(student: Student) -> None:
    known, due = LAB.landmarks(student), LAB.came_along(student)
    update, file = known["Binding Update"], known["file by cell0"]
    said = {
        "You took seconds": due / 1000, "left the router for MN": file.sent_ms - update.sent_ms,
        "reached the router": file.arrived_ms - update.arrived_ms,
        "from MN's wish": file.arrived_ms - LAB.plan(student).move_s * 1000,
        "moment at which it came": file.arrived_ms, "more than zero": -due, "Find the Binding Update": 5,
        "until the answer": known["Binding Acknowledgement"].arrived_ms - update.sent_ms,
    }  # fmt: skip
    for words, answer in said.items():
        found = verdict("4.R", answer, student)
        assert words in found.feedback and found.points == 0, (words, found)
    assert verdict("4.R", due + 0.9, student).points == 5


@pytest.mark.parametrize("bad", ["x", True, None, [1], {}])
def test_what_is_no_number_is_answered_in_words(bad: Any) -> None:
    found = verdict("4.R", bad)
    assert found.status in ("error", "not attempted") and "Traceback" not in found.feedback


def test_the_number_is_that_of_the_capture(tmp_path: Path) -> None:
    """By another way: the file that Wireshark reads, at MN's own times."""
    from mipflow.wire.captures import capture
    from mipflow.wire.decode import decode
    from mipflow.wire.mobility import BindingUpdate
    from mipflow.wire.packet import TCP

    student = NUMBERS[2]
    run, start = LAB.run_of(student), LAB.plan(student).move_s * 1e9
    run.pcap(tmp_path / "mn.pcap", node="MN")
    run.pcap(tmp_path / "cell0.pcap", node="MN", interface="cell0")
    cn1 = run.cn1.address
    told = next(
        each.time_ns for each in capture.read(tmp_path / "mn.pcap")
        if each.time_ns >= start and isinstance(decode(each.data).payload, BindingUpdate)
    )  # fmt: skip
    came = next(
        each.time_ns for each in capture.read(tmp_path / "cell0.pcap")
        if each.time_ns >= start and (packet := decode(each.data)).source == cn1 and isinstance(packet.payload, TCP)
    )
    assert (came - told) / 1e6 == pytest.approx(LAB.came_along(student), abs=0.01)


# --- 4.3 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAB.DEALT)
@pytest.mark.parametrize("own", [LAB.Setting("1", "w"), LAB.Setting("2", "c")], ids=str)
def test_dealt_programs_pass_what_somebody_tries_and_break_in_two_or_three_updates(name: str, own: Any) -> None:
    away = "c" if own.start == "w" else "w"
    for told in ((), (f"{own.keeper}{away}",), (f"H{away}",), (f"{own.other}{away}",)):
        assert not LAB.goes_wrong(name, told, own)
    shortest = LAB.shortest_of(name, own)
    assert len(shortest) == (3 if name == "drops on return" else 2)
    source = LAB.source_of(name, own)
    assert "KEEPER" not in source and "START" not in source and len(source.splitlines()) <= 16


def test_a_story_that_holds_is_asked_about() -> None:
    found = verdict("4.3", "1c")
    assert found.feedback.startswith("In “1c” both say call c, file c, video w: it holds.") and found.points == 0


@pytest.mark.parametrize(("bad", "words"), [("1c X", "X in your story"), (5, "no text"), ("1c " * 30, "30 in your"), ("3w", "3w in")])
def test_a_story_that_is_none_is_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("4.3", bad)
    assert found.status == "error" and words in found.feedback


# --- films, play, questions -------------------------------------------------------------------------------------------


def test_the_film_of_the_prediction_shows_what_refutes_it() -> None:
    world = LAB.run_of(Student())
    said = {letter: answer.said(world) for letter, answer in LAB.QUESTIONS["04"].answers.items()}
    assert "7.223 s" in said["a"] and all("7.165 s" in said[letter] for letter in "bcd")
    told = LAB.film_of_it(Student()).describe()
    assert "file: wished over the WLAN; it goes there from 6.900 s to 7.165 s." in told
    assert "call: over the WLAN, from 7.165 s over the cellular network" in told and "video: over the WLAN throughout" in told
    assert "took 96 ms to MN; now they take 320 ms" in LAB.worth(Student())
    output = reveal("04", world, LAB.film_of_it(Student()), LAB.worth(Student()))
    assert output is not None
    predict("04", "a")
    output.children[1].children[0].click()  # "I stay with my answer"
    told = str(output.children[0].outputs)
    assert "now they take 320 ms" in told and "The file came along. Watch 7.223 s" in told and "mipflow-figure" in told


def test_plain_mobile_ipv6_tells_three_peers_and_moves_all() -> None:
    world = LAB.plain(Student())
    assert LAB.updates_of(world) == ["HA", "CN1", "CN2"] and sorted(LAB.moved_in(world)) == [1, 2, 3]
    told = LAB.plain_film(Student()).describe()
    assert told.count("wished over the WLAN") == 2


def test_cn1_calls_and_eleven_packets_come_by_wlan(capsys: pytest.CaptureFixture[str]) -> None:
    shown = LAB.PARTS["calls"](Student())
    assert "Of this call 11 packets came by WLAN" in capsys.readouterr().out and "CN1" in shown.describe()


def test_play_moves_call_and_file_together_and_the_video_alone() -> None:
    play = LAB.Play(Student())
    play.send("CN1", "cell0")
    assert "by WLAN: video; by cellular: call, file" in play._said.value and "still go together" in play._said.value
    play.send("CN1", "wlan0")
    play.send("CN2", "cell0")
    assert "updates so far: 3" in play._said.value and "The video moved alone." in play._said.value
    assert len(play._output.outputs) >= 2
    play._keeps.widget.value = False
    assert not play._output.outputs and "all three by WLAN" in play._said.value
    play.send("CN2", "cell0")
    assert "CN2 keeps no row, and gets no update (updates so far: 0)" in play._said.value
    play.send("HA", "cell0")
    assert "by WLAN: call, file; by cellular: video" in play._said.value


def test_what_we_say_never_holds_the_line_to_write() -> None:
    body = f"def f():\n{MOVED.replace(chr(10), chr(10) + '    ')}\n    {COUNT}"
    lines = {ast.unparse(node) for node in ast.walk(ast.parse(body)) if isinstance(node, ast.expr) and len(ast.unparse(node)) > 15}
    for wrong in (*LAB.MOVED_WRONG, *LAB.COUNT_WRONG):
        assert not any(line in wrong.feedback for line in lines)


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "04_one_home_address.ipynb").write_text("{}")
    check("4.1", {"moved": made("return {f.name for f in flows if f.cn == update.to}")})
    asked = viva(pack("04"))
    student = Student(("31",))
    assert len(asked) == 3 and f"the file arrived {LAB.came_along(student):.0f} ms after" in asked[0][0]
    assert "attempt 1 of 4.1 gave nothing for rows" in asked[0][0]
    cannot = asked[1][0].split(" ")[2]
    assert cannot in LAB.ALL - LAB.reachable(LAB.deal_of(student))
    tried("4.R")
    assert "In your run" in repr(LAB.PARTS["explain"](student))


def test_a_check_is_quick() -> None:
    from time import process_time

    begun = process_time()
    assert check("4.1", {"moved": made(MOVED)}).points == 10
    assert check("4.2b", {"placements": count(COUNT)}).points == 4 and process_time() - begun < 2
