"""Lab 06: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import pytest

import mipflow as mf
from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.predictions import prediction
from mipflow.course.source import exercise, exercises_of
from mipflow.view.drawing.picture import Picture
from mipflow.wire.captures import capture
from mipflow.wire.decode import decode
from mipflow.wire.icmpv6 import NeighborSolicitation
from mipflow.wire.mobility import BindingAcknowledgement
from tests.labs.learner import students, verdict, written

LAB = exercises_of("06")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 9))]
PARAMETERS = {"form": "advert, taken", "answered": "status, address, refused, before", "free": "address, primary, rows"}
NUMBER_OF = {"form": "6.2", "answered": "6.3", "free": "6.5"}


def made(name: str, source: str) -> Callable[..., Any]:
    """With the three tools of 6.2."""
    tools = {"front": LAB.front, "back": LAB.back, "glue": LAB.glue, "Address": mf.Address}
    return written(f"{name}({PARAMETERS[name]})", source, **tools)


RIGHT = {
    "form": "return glue(front(advert.prefix), max(back(each) for each in taken) + 1)",
    "answered": "if status < 128:\n    return 'use'\nif status != 134:\n    return 'later'\nrefused.append(address)\n"
    "return 'give up' if before == 2 else 'another'",
    "free": "if address == primary:\n    return []\nmine = [r for r in rows if r.home == address]\n"
    "return ['strike out', *[r for r in mine if r.peer != 'HA'], *[r for r in mine if r.peer == 'HA'], 'forget keys']",
}
VERSIONS = [
    (number, wrong, program) for number, stories in (("6.2", LAB.FORM), ("6.3", LAB.ANSWERS)) for wrong in stories.wrong
    for program in wrong.programs
]  # fmt: skip


@pytest.mark.parametrize(("number", "known", "program"), VERSIONS, ids=lambda each: str(getattr(each, "name", "")))
@pytest.mark.parametrize("student", students(3, quick=1), ids=str)
def test_each_wrong_version_reads_what_was_written_for_it(number: str, known: Any, program: Any, student: Student) -> None:
    found = verdict(number, program, student)
    assert (found.status, found.matched) == ("wrong", known.name) and 0 <= found.points < exercise(number).points
    assert found.misconception == known.misconception
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right


WRITES = {
    "before it looks": ("refused.append(address)\n" + RIGHT["answered"].replace("refused.append(address)\n", ""), "Status 0 is a yes"),
    "every refusal": (
        RIGHT["answered"].replace("if status != 134", "refused.append(address)\nif status != 134")
        .replace("later'\nrefused.append(address)", "later'"), "Status 130 is a refusal"),
    "never": (RIGHT["answered"].replace("refused.append(address)\n", ""), 'word "another" fits, but …::11 is not'),
    "all but the last": (
        RIGHT["answered"].replace("refused.append(address)", "if before != 2: refused.append(address)"),
        'word "give up" fits. But …::13, the third duplicate'),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_down_is_told_by_what_the_function_does(name: str) -> None:
    source, words = WRITES[name]
    found = verdict("6.3", made("answered", source))
    assert words in found.feedback and found.steps[-1].values["address"] in found.feedback


MINE = "mine = [r for r in rows if r.home == address]\ncns = [r for r in mine if r.peer != 'HA']\nha = [r for r in mine if r.peer == 'HA']\n"
NOT_PRIMARY = "if address == primary:\n    return []\n" + MINE
FREES = {
    "frees the primary": [MINE + "return ['strike out', *cns, *ha, 'forget keys']"],
    "tells nobody": ["return []", NOT_PRIMARY + "return ['strike out']", NOT_PRIMARY + "return ['strike out', 'forget keys']"],
    "touches another's row": [
        NOT_PRIMARY + "return ['strike out', *[r for r in rows if r.peer != 'HA'], *[r for r in rows if r.peer == 'HA'], 'forget keys']",
        NOT_PRIMARY + "peers = {r.peer for r in cns}\nreturn ['strike out', *[r for r in rows if r.peer in peers], *ha, 'forget keys']",
    ],
    "leaves a correspondent out": [
        NOT_PRIMARY + "return ['strike out', *ha, 'forget keys']",
        NOT_PRIMARY + "return ['strike out', *cns[:1], *ha, 'forget keys']",
    ],
    "leaves HA out": [NOT_PRIMARY + "return ['strike out', *cns, 'forget keys']"],
    "HA first": [
        NOT_PRIMARY + "return ['strike out', *ha, *cns, 'forget keys']",
        NOT_PRIMARY + "return ['strike out', *mine, 'forget keys']",
        NOT_PRIMARY + "return ['strike out', *reversed(mine), 'forget keys']",
    ],
    "keys early or never": [
        NOT_PRIMARY + "return ['strike out', 'forget keys', *cns, *ha]",
        NOT_PRIMARY + "return ['strike out', *cns, 'forget keys', *ha]",
        NOT_PRIMARY + "return ['strike out', *cns, *ha]",
    ],
    "struck out late or never": [
        NOT_PRIMARY + "return [*cns, *ha, 'forget keys', 'strike out']",
        NOT_PRIMARY + "return [*cns, *ha, 'forget keys']",
    ],
}


@pytest.mark.parametrize(("name", "source"), [(name, each) for name, all_of in FREES.items() for each in all_of])
def test_each_wrong_way_to_free_reads_what_was_written_for_it(name: str, source: str) -> None:
    found = verdict("6.5", made("free", source))
    assert (found.status, found.matched) == ("wrong", name) and 0 <= found.points < 5
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert set(FREES) | {"changes rows"} == {wrong.name for wrong in LAB.FREE.wrong}


BY_HEART = {
    "the primary": ("free", RIGHT["free"].replace("== primary", "== 'H@1'"), "tells nobody"),
    "the address": ("free", RIGHT["free"].replace("== address]", "== 'H@2']"), "tells nobody"),
    "all but the primary": ("free", RIGHT["free"].replace("r.home == address", "r.home != primary"), "touches another's row"),
    "the refusals of the table": (
        "answered", RIGHT["answered"].replace("status < 128", "status not in (130, 134, 135)"), "other refusals are a yes"),
    "128 as a yes": ("answered", RIGHT["answered"].replace("< 128", "<= 128"), "other refusals are a yes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HEART)
def test_who_has_a_name_or_number_by_heart_does_not_pass(name: str) -> None:
    function, source, cause = BY_HEART[name]
    found = verdict(NUMBER_OF[function], made(function, source))
    assert (found.status, found.matched) == ("wrong", cause) and found.points < 5


OTHERS = {
    "takes the visited network in letters": (
        "form", "return Address(str(advert.destination).split('::')[0] + '::' + format(back(taken[-1]) + 1, 'x'))",
        "another network"),
    "adds one to the option": ("form", "return Address(advert.prefix + 0)", "not yours to have"),
    "the first gap, but from the primary's network": (
        "form", "n = back(taken[0])\nwhile glue(front(taken[0]), n) in taken:\n    n += 1\nreturn glue(front(taken[0]), n)",
        "network by heart"),
    "an octet of text": ("form", "return str(glue(front(advert.prefix), max(map(back, taken)) + 1))", "no address"),
    "nothing": ("form", "x = glue(front(advert.prefix), max(map(back, taken)) + 1)", "no address"),
    "the number of entries behind the primary": (
        "form", "return glue(front(advert.prefix), back(taken[0]) + len(set(taken)))", "counts the list"),
    "the smaller ones are yes": (
        "answered", "if status <= 0:\n    return 'use'\nif status == 134:\n    refused.append(address)\n"
        "    return 'another' if before < 2 else 'give up'\nreturn 'later'", "only 0 is a yes"),
    "a no is a no": (
        "answered", "if status < 128:\n    return 'use'\nrefused.append(address)\nif before >= 2:\n    return 'give up'\n"
        "return 'another'", "every refusal is a collision"),
    "tries three more": (
        "answered", "if status < 128:\n    return 'use'\nif status != 134:\n    return 'later'\nrefused.append(address)\n"
        "return 'another' if before <= 3 else 'give up'", "does not give up in time"),
    "once more, please": (
        "answered", "if status < 128:\n    return 'use'\nreturn 'later'", "asks for the same again"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    function, source, cause = OTHERS[name]
    found = verdict(NUMBER_OF[function], made(function, source))
    assert found.status == "wrong" and found.matched == cause, found


CHANGES = {
    "appends": ("form", RIGHT["form"].replace("return", "new =") + "\ntaken.append(new)\nreturn new", "changes taken", 3, "came in"),
    "sorts": ("form", "taken.sort()\n" + RIGHT["form"], "changes taken", 3, "another order"),
    "strikes out": ("free", RIGHT["free"].replace("mine = ", "old = rows[:]\nrows.clear()\nrows.extend(r for r in old if r.home != address)\nmine = ").replace("r for r in rows if r.home == address", "r for r in old if r.home == address"), "changes rows", 4, "went"),
    "takes all": ("free", RIGHT["free"].replace("return ['strike", "rows.clear()\nreturn ['strike"), "changes rows", 4, "went"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_who_changes_what_they_were_given_reads_so_and_loses_little(name: str) -> None:
    function, source, cause, points, told = CHANGES[name]
    found = verdict(NUMBER_OF[function], made(function, source))
    assert (found.status, found.matched, found.points) == ("wrong", cause, points), found.feedback
    assert told in found.feedback and "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


ALSO_RIGHT = [
    "import random\nreturn glue(front(advert.prefix), random.Random(repr(taken)).getrandbits(62) | 1 << 61)",
    "n = 0x10\nwhile glue(front(advert.prefix), n) in taken:\n    n += 1\nreturn glue(front(advert.prefix), n)",
    "return int(glue(front(advert.prefix), max(map(back, taken)) + 1))",
]


@pytest.mark.parametrize("student", students(9), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    for name, source in RIGHT.items():
        found = verdict(NUMBER_OF[name], made(name, source), student)
        assert (found.status, found.points) == ("passed", exercise(NUMBER_OF[name]).points)
    assert all(verdict("6.2", made("form", source), student).points == 4 for source in ALSO_RIGHT)
    name = LAB.dealt_to(student)
    story = next(each for each in LAB.keeper_stories(5) if LAB.play_keeper(name, each).wrong)
    assert verdict("6.6", " ".join(story), student).points == 5
    assert verdict("6.6", " ".join(("A", *(each for each in story if each[0] != "-"), "D", "D", "D", "D")), student).points in (0, 3)
    read = LAB.read_of(student)
    assert verdict("6.R", read._asdict(), student).points == 7


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("6.2", made("form", "return 'x'")), ("6.2", made("form", "return glue(0x20010db801000000, 0x11)")),
        *(("6.3", made("answered", f"return {word!r}")) for word in ("use", "later", "another", "give up")),
        ("6.5", made("free", "return []")), ("6.5", made("free", "return ['strike out', 'forget keys']")), ("6.6", "A"), ("6.6", "A A A"),
        ("6.R", {"refused_ms": 0, "silent_ms": 1000.0, "owner": "..."}), ("6.R", {"refused_ms": 1000, "silent_ms": 1000, "owner": ""}),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    assert [verdict(number, constant, student).points for student in NUMBERS[:4]] == [0] * 4


def test_numbers_read_different_values_off_their_packets() -> None:
    reads = [LAB.read_of(student) for student in NUMBERS]
    assert len({round(read.refused_ms, 1) for read in reads}) >= 6 and len({read.owner for read in reads}) >= 6
    for student, other in pairwise(NUMBERS):
        mine, theirs = LAB.read_of(student), LAB.read_of(other)
        if abs(mine.refused_ms - theirs.refused_ms) > LAB.REFUSED_MS:
            assert verdict("6.R", theirs._asdict(), student).points <= 2 * (mine.owner == theirs.owner)


def test_what_is_to_be_read_is_what_a_capture_has(tmp_path: Path) -> None:
    """By another way: the times of the packets at the home agent, read back from a file."""
    world = LAB.run_of(NUMBERS[3])
    world.pcap(tmp_path / "home.pcap", node="HA")
    asked, waits = dict[int, float](), []
    for record in capture.read(tmp_path / "home.pcap"):
        payload = decode(record.data).payload
        if isinstance(payload, NeighborSolicitation):
            asked[int(payload.target) & LAB.LOW] = last = record.time_ns / 1e6
        elif isinstance(payload, BindingAcknowledgement) and {0x11, 0x12} & set(asked):
            waits.append((payload.status, record.time_ns / 1e6 - last))
    read = LAB.read_of(NUMBERS[3])
    first, second = (each for each in waits if each[0] in (0, 134) and each[1] > 0)
    assert first == (134, pytest.approx(read.refused_ms, abs=0.001)) and second == (0, pytest.approx(read.silent_ms, abs=0.001))


@pytest.mark.slow
def test_the_owner_is_what_tshark_says_is_at(tmp_path: Path, tshark: str) -> None:
    LAB.run_of(NUMBERS[2]).pcap(tmp_path / "home.pcap", node="HA")
    command = [tshark, "-r", tmp_path / "home.pcap", "-Y", "icmpv6.type == 136"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    owner = re.findall(r"::11 .*is at ([0-9a-f:]{17})", said)
    assert owner == [LAB.read_of(NUMBERS[2]).owner]


def test_misread_values_are_answered_in_words() -> None:
    student = NUMBERS[1]
    read = LAB.read_of(student)
    good = read._asdict()
    said = {
        "in seconds": good | {"refused_ms": read.refused_ms / 1000}, "nobody answers": good | {"refused_ms": 1000.0},
        "Take the times at HA": good | {"refused_ms": 42.1}, "silent_ms is still to be read": good | {"silent_ms": ...},
        "refused_ms is still to be read": good | {"refused_ms": ...}, "target link-layer address": good | {"owner": "02:00:00:00:00:07"},
        "owner is still to be read": good | {"owner": "..."}, "no number": good | {"refused_ms": "5"}, "no dictionary": 5,
    }  # fmt: skip
    for words, answer in said.items():
        found = verdict("6.R", answer, student)
        assert words in found.feedback and found.points < 7, (words, found)
    assert verdict("6.R", good | {"refused_ms": float("nan"), "owner": "x" * 10**6}, student).points == 0
    assert verdict("6.R", dict.fromkeys(good, ...), student).status == "not attempted"


@pytest.mark.parametrize("bad", [5, "A X", "", "A -2", "A -1 -1", "A " * 30, "-1"])
def test_a_story_that_is_none_is_answered_in_words(bad: Any) -> None:
    found = verdict("6.6", bad)
    assert found.points == 0 and (found.status == "error" or bad == "") and found.feedback


def test_each_keeper_is_wrong_and_the_right_one_holds_in_all_short_stories() -> None:
    assert not any(LAB.play_keeper("", story).wrong for story in LAB.keeper_stories(5))
    assert {name: LAB.shortest_of(name) for name in LAB.DEALT} == {
        "never gives up": 3, "counts all flows": 4, "counts the list": 4, "forgets when freeing": 4, "forgets when giving up": 4,
        "no room counts": 3, "no room forgives": 4,
    }  # fmt: skip
    assert len({LAB.dealt_to(Student((str(number),))) for number in range(60)}) == len(LAB.DEALT)


def test_a_story_in_which_it_holds_says_so() -> None:
    found = verdict("6.6", "A B")
    assert found.status == "wrong" and found.feedback.startswith("In “A B” it asks for ::11, ::12, as it should.")


def test_who_chooses_is_a_warm_up() -> None:
    assert verdict("6.1", LAB.CHOOSERS).status == "passed"
    found = verdict("6.1", {**LAB.CHOOSERS, "stateless": "HA"})
    assert found.misconception == "M24" and "one half only" in found.feedback
    for bad in (5, {}, {"stateless": None}, {**LAB.CHOOSERS, "DHCPv6": "me"}):
        assert verdict("6.1", bad).status in ("wrong", "error", "not attempted")


def test_the_film_of_the_prediction_shows_what_refutes_it() -> None:
    world = LAB.predicted()
    question = LAB.QUESTIONS["06"]
    assert LAB.ready_s(world) == pytest.approx(1.080, abs=1e-3)
    assert all("4.560 s" in answer.said(world) for answer in question.answers.values())
    waits = [LAB.ready_s(LAB.tested(name, collision)) for collision in (False, True) for name in LAB.MECHANISMS]
    assert waits == pytest.approx([1.080, 1.124, 1.080, 1.122, 1.251, 1.162], abs=1e-3)
    for said in ("1.080 s", "1.124 s"):
        assert any(said in answer.feedback for answer in question.answers.values())


def test_the_second_panel_waits_for_the_prediction() -> None:
    panel = LAB.both(Student())
    assert panel.button.disabled
    prediction("06").store("b")
    assert not panel.button.disabled
    panel.controls["collision"].value = True
    panel.button.click()
    assert "1.122 s" in panel.said.value and panel.result is not None


@pytest.mark.parametrize("name", LAB.MECHANISMS)
def test_the_first_film_stops_when_the_address_is_chosen(name: str) -> None:
    world = LAB.chosen(name)
    assert len(world.mn.home_addresses) == 2 and LAB.tested_s(world) is None
    assert all(flow.entry.ready is (flow is world.flows()[0]) for flow in world.flows())
    names: dict[str, Any] = {}
    exec(LAB._python(name), names)
    assert names["world"].now == pytest.approx(6.5)


FILMS = [
    ("form", RIGHT["form"], "formed …::11, …::12"), ("form", "return advert.source", "home agent's"), ("form", "return 1 / 0", "ZeroDivisionError"),
    ("answered", RIGHT["answered"], "asked for …::11, …::12; 1 of 1 flows can send"), ("answered", "return 'use'", "0 of 1 flows can send"),
    ("answered", "return 'use' if status < 128 else 'another'", "is in use"),
    ("free", RIGHT["free"], "strike out, H@2 at CN1, H@2 at CN2, H@2 at HA, forget keys"), ("free", "return []", "still know H@2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "title"), FILMS)
def test_a_function_has_its_film_right_or_wrong(name: str, source: str, title: str) -> None:
    mine = {name: made(name, source)}
    check(NUMBER_OF[name], mine)
    shown = film(NUMBER_OF[name], mine)
    assert isinstance(shown, Picture) and title in shown.title
    assert f"Write {name} first" in repr(film(NUMBER_OF[name], {}))


def test_in_the_node_no_room_is_over_after_32_seconds() -> None:
    """The feedback says so of status 130, and a right function shows it."""
    steps = verdict("6.3", made("answered", RIGHT["answered"].replace("'later'", "'give up'"))).steps
    assert [step.values["letter"] for step in steps] == ["B"]
    shown = LAB.film_answered(made("answered", RIGHT["answered"]), Student(), steps)
    assert "1 of 1 flows can send" in shown.title and "36.6" in shown.describe()


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "06_home_addresses.ipynb").write_text("{}")
    check("6.3", {"answered": made("answered", "return 'later'")})
    asked = viva(pack("06"))
    assert len(asked) == 3 and "attempt 1 of 6.3 gave later where HA answers 0" in asked[0][0]
    assert LAB.read_of(Student(("31",))).owner in asked[0][1]


def test_what_is_said_never_holds_the_line_to_write() -> None:
    for wrong in (*LAB.FORM.wrong, *LAB.ANSWERS.wrong, *LAB.FREE.wrong):
        assert not re.search(r"max\(|advert\.prefix\)|status < 128|before == 2|refused\.append", wrong.feedback)


def test_checks_are_quick() -> None:
    for name, source in RIGHT.items():
        begun = process_time()
        assert check(NUMBER_OF[name], {name: made(name, source)}).status == "passed" and process_time() - begun < 2
