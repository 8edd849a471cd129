"""Lab 00, the tour: who mixes up names reads so, numbers read other values, and each moment named is told by the film."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.course import predictions, progress
from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.exercises.in_node import InNode
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.predictions import prediction
from mipflow.course.source import exercises_of
from mipflow.lab.world import World
from tests.labs.learner import students, tried, verdict

LAB = exercises_of("00")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 13))]


def right(student: Student) -> list[str]:
    return list(LAB.clues(student))


def swapped(student: Student, *pairs: tuple[str, str]) -> list[str]:
    """The right names but for pairs that are swapped."""
    to = {name: other for a, b in pairs for name, other in ((a, b), (b, a))}
    return [to.get(name, name) for name in right(student)]


# --- 0.1 -------------------------------------------------------------------------------------------------------------

MIXED_UP = {
    "home address and care-of address swapped": ("H@", "CoA"),
    "home agent and correspondent swapped": ("HA", "CN1"),
    "home agent and router swapped": ("HA", "router"),
    "the two ends swapped": ("MN", "CN1"),
    "the router for the address": ("router", "CoA"),
    "the home agent for the home address": ("HA", "H@"),
    "a node for its address": ("MN", "CoA"),
}


def test_every_wrong_answer_that_is_known_has_a_test() -> None:
    assert {wrong.name for wrong in LAB.WRONG_NAMES} == set(MIXED_UP) and len(MIXED_UP) >= 3


@pytest.mark.parametrize("student", NUMBERS, ids=str)
def test_the_right_names_pass_in_whatever_words(student: Student) -> None:
    assert verdict("0.1", right(student), student).points == 6
    words = [LAB.ROLES[name][-1].upper() for name in right(student)]
    assert verdict("0.1", words, student).points == 6


@pytest.mark.parametrize("name", MIXED_UP)
@pytest.mark.parametrize("student", students(6, quick=1), ids=str)
def test_who_mixes_up_two_names_reads_so(name: str, student: Student) -> None:
    found = verdict("0.1", swapped(student, MIXED_UP[name]), student)
    known = next(each for each in LAB.WRONG_NAMES if each.name == name)
    assert (found.status, found.matched, found.misconception) == ("wrong", name, known.misconception)
    assert found.points in (2, 4) and "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert LAB.clues(student)[known.of] in found.feedback, "it quotes the sentence"
    own = dict(zip(right(student), swapped(student, MIXED_UP[name]), strict=True))
    assert f"You took {own[known.of]} for" in found.feedback, "and what the learner wrote there"


def test_each_known_wrong_answer_has_words_of_its_own() -> None:
    assert len({wrong.feedback for wrong in LAB.WRONG_NAMES}) == len(LAB.WRONG_NAMES)


@pytest.mark.parametrize("student", NUMBERS[:4], ids=str)
def test_other_mix_ups_quote_the_first_sentence_that_is_off(student: Student) -> None:
    names = right(student)
    rolled = [*names[1:], names[0]]
    found = verdict("0.1", rolled, student)
    assert found.points == 0 and f"“{LAB.clues(student)[names[0]]}” You gave {rolled[0]}." in found.feedback
    twice = [names[0], *names[:1], *names[2:]]
    assert f"You gave {names[0]} 2 times" in verdict("0.1", twice, student).feedback


def test_a_name_for_all_earns_nothing_and_a_fixed_list_next_to_nothing() -> None:
    for role in LAB.ROLES:
        assert [verdict("0.1", [role] * 6, student).points for student in NUMBERS] == [0] * len(NUMBERS)
    fixed = [verdict("0.1", list(LAB.ROLES), student).points for student in NUMBERS]
    assert sum(fixed) <= len(fixed)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (5, "no list of 6"), (["MN"], "no list of 6"), ("MN CN1", "no list of 6"), (["MN", 5, "HA", "HA", "HA", "HA"], "'5'"),
        (["MN", "the cloud", "HA", "HA", "HA", "HA"], "'the cloud' is none of the six"),
        (["MN", "", "", "", "", ""], "Sentence 2 has no name yet"),
    ],
)  # fmt: skip
def test_names_of_another_shape_are_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("0.1", bad)
    assert (found.status, found.points) == ("error", 0) and words in found.feedback


def test_no_feedback_and_no_hint_names_the_answer() -> None:
    """None says of a sentence whose it is."""
    for told in [*(wrong.feedback for wrong in LAB.WRONG_NAMES), *LAB.NAME_HINTS]:
        assert not re.search(r"(sentence|it) is (MN|CN1|HA|H@|CoA|the router)", told)


def test_the_sentences_are_true() -> None:
    """Told again from the trace of each student's own network, as the first film shows it."""
    for student in NUMBERS[:4]:
        world = quiet(student)
        names = {name: address for address, name in world.names().items()}
        assert (str(names["H@1"]), str(names["WLAN address"])) == (LAB.HOME, LAB.CARE_OF)
        rows = world.trace.tables(world.network.clock.now)["CN1"]["binding cache"]
        assert len(rows) == 2 and {str(row["care_of_address"]) for row in rows.values()} == {LAB.CARE_OF}
        assert len(world.trace.tables(world.network.clock.now)["HA"]["binding cache"]) == 2
        passes = {"HA": 0, "AR2": 0, "AR3": 0}
        flying = 0
        for number, packet in enumerate(world.trace.packets):
            if packet.innermost().flow > 0 and world.trace.sent[number] >= 3.2e9:
                channel = world.trace.channels[world.trace.channel[number]]
                flying += channel.sender == "MN"
                for node in passes:
                    passes[node] += channel.sender == node
        assert passes["HA"] == passes["AR3"] == 0 and passes["AR2"] > flying > 0


def quiet(student: Student) -> World:
    """The network of the first film."""
    mine = LAB.network(student)
    world = mf.figure2(seed=7, links=mine.links, reuse_tokens=False)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3), local_port=mine.call_port)
    world.mn.open(world.cn1, mf.apps.Video(start_s=3), local_port=mine.video_port)
    return world.run(4)


# --- the network of a number -----------------------------------------------------------------------------------------


def test_a_number_chooses_delays_ports_order_and_moment() -> None:
    mine = [LAB.network(student) for student in NUMBERS[1:]]
    for of in (lambda it: str(it.links), lambda it: (it.call_port, it.video_port), lambda it: it.moment):
        assert len(set(map(of, mine))) > len(mine) / 2
    assert {each.flow for each in mine} == {"call", "video"}
    assert len({tuple(LAB.clues(student)) for student in NUMBERS}) > len(NUMBERS) / 2
    assert len({LAB.dealt_to(student).__name__ for student in NUMBERS}) >= 3


def test_practice_is_the_network_of_the_patent_s_figure() -> None:
    """A class before a projector sees the film that the text tells of."""
    world = mf.figure2(seed=7, reuse_tokens=False)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    assert world.run(4).trace.digest() == quiet(Student()).trace.digest()


@pytest.mark.parametrize("student", NUMBERS[1:7], ids=str)
def test_with_each_number_both_stories_go_as_the_text_tells(student: Student) -> None:
    for figure, moved in ((mf.figure2, ["video"]), (mf.figure1, ["call", "video"])):
        mine = LAB.network(student)
        world = figure(seed=7, links=mine.links, reuse_tokens=False)
        world.mn.open(world.cn1, mf.apps.Voice(start_s=3), local_port=mine.call_port)
        video = world.mn.open(world.cn1, mf.apps.Video(start_s=3), local_port=mine.video_port)
        world.run(3.2)
        assert len(world.trace.tables(world.network.clock.now)["CN1"]["binding cache"]) == len(
            {flow.home_address for flow in world.flows()}
        )
        world.mn.handover(video, "cell0")
        world.run(0.7)
        names = world.flow_names()
        care_of = {names[flow.id]: str(flow.care_of_address) for flow in world.flows()}
        assert [name for name, address in care_of.items() if address == "2001:db8:300::10"] == moved
        assert LAB.row_changes(world) is not None and LAB.is_confirmed(world) < world.now, "the film shows all of it"
        assert not any(stats.lost for flow in world.flows() for stats in flow.stats)


# --- 0.R -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", NUMBERS, ids=str)
def test_the_trip_is_what_the_delays_add_up_to(student: Student) -> None:
    """By another way: the delays of the links, there and back, without the time that octets take."""
    links = {name: link.delay_ms for name, link in (mf.lab.scenarios.LINKS | LAB.network(student).links).items()}
    home = 2 * (links["wlan0"] + links["AR2-Internet"] + 2 * links["Internet-HA"] + links["cn1"])
    care_of = 2 * (links["cell0"] + links["AR3-Internet"] + links["cn1"])
    trips = LAB.trips_ms(student)
    assert trips["Home Test Init"] == pytest.approx(home, abs=1.5)
    assert trips["Care Of Test Init"] == pytest.approx(care_of, abs=1.5)
    assert abs(home - care_of) >= LAB.APART_MS
    assert verdict("0.R", home, student).points == 3
    assert "the other question" in verdict("0.R", care_of, student).feedback
    assert "seconds" in verdict("0.R", home / 1000, student).feedback
    assert "one way" in verdict("0.R", home / 2, student).feedback
    for value in (
        care_of,
        home / 1000,
        home / 2,
        12345.0,
        trips["Home Test Init"] + 2.5,
        trips["Home Test Init"] - 2.5,
    ):
        found = verdict("0.R", value, student)
        assert (found.status, found.points) == ("wrong", 0) and f"{value:g}" in found.feedback
        assert len(found.feedback.split()) <= MOST_WORDS


def test_no_number_passes_for_all() -> None:
    trips = [LAB.trips_ms(student)["Home Test Init"] for student in NUMBERS]
    assert len({round(trip / (2 * LAB.TOLERANCE_MS)) for trip in trips}) > len(trips) / 2


@pytest.mark.parametrize("bad", ["80", True, [80], None.__class__])
def test_a_trip_that_is_no_number_is_answered_in_words(bad: Any) -> None:
    assert verdict("0.R", bad).status == "error"


def test_wireshark_has_the_same_packets_times_and_cookies(tshark: str, tmp_path: Path) -> None:
    student = NUMBERS[3]
    world, mine = LAB.run_of(student), LAB.network(student)
    world.pcap(tmp_path / "run.pcap", node="MN")
    fields = ["frame.time_epoch", "mip6.mhtype", "mip6.hoti.cookie", "mip6.hot.cookie"]
    done = subprocess.run(
        [tshark, "-r", tmp_path / "run.pcap", "-Y", "mipv6", "-T", "fields", *(word for field in fields for word in ("-e", field))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    rows = [row for row in rows if float(row[0]) >= mine.moment]
    asked = next(row for row in rows if row[1] == "1")
    answered = next(row for row in rows if row[1] == "3" and row[3] == asked[2])
    assert (float(answered[0]) - float(asked[0])) * 1000 == pytest.approx(
        LAB.trips_ms(student)["Home Test Init"], abs=0.01
    )
    told = repr(LAB.packets(student))
    for row, word in ((asked, "Home Test Init"), (answered, "Home Test")):
        assert f"time, ms {float(row[0]) * 1000:.1f}" in next(line for line in told.split("\n") if line.endswith(word))


def test_the_packets_can_be_opened_and_have_the_same_cookie() -> None:
    student = NUMBERS[2]
    world = LAB.run_of(student)
    cookies = [
        re.search(r"cookie ((?:[0-9a-f]{2} ?){8})", world.inspect(each.number).describe())
        for each in LAB.seen_at_mn(world, LAB.network(student).moment) if each.name in ("Home Test Init", "Home Test")
    ]  # fmt: skip
    assert len(cookies) == 2 and cookies[0] is not None and cookies[1] is not None
    assert cookies[0][1] == cookies[1][1]


# --- 0.2 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("homes", [(1,), (1, 1), (1, 2), (1, 2, 1), (1, 2, 2), (1, 1, 1)])
def test_what_moves_is_what_moves_in_the_network(homes: tuple[int, ...]) -> None:
    """By running it: flows that have these home addresses, and one that is told to move."""

    def assign(flow: Any, table: Any, flows: Any, allocate: Any) -> Any:
        number = next(given)
        while len(table) < number:
            table.append(allocate())
        return table[number - 1]

    for told in range(1, len(homes) + 1):
        given = iter(homes)
        world = placed(assign, len(homes))
        assert [world.names()[flow.home_address] for flow in world.flows()] == [f"H@{each}" for each in homes]
        world.mn.handover(world.flows()[told - 1], "cell0")
        world.run(1)
        moved = [
            number for number, flow in enumerate(world.flows(), 1) if str(flow.care_of_address) == "2001:db8:300::10"
        ]
        assert moved == LAB.moves([f"H@{each}" for each in homes], told)


def placed(assign: Any, count: int) -> World:
    world = mf.figure2(seed=7, assign=InNode(assign)).run(2.5)
    for _ in range(count):
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms=100))
        world.run(2)
    return world


@pytest.mark.parametrize("rule", LAB.DEALT, ids=lambda rule: rule.__name__)
def test_each_rule_is_broken_by_a_fewest_example_and_by_no_shorter_one(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAB, "dealt_to", lambda student: rule)
    examples = [
        (count, " ".join(f"H@{code // count**place % count + 1}" for place in range(count)) + f", move {told}")
        for count in (1, 2, 3) for code in range(count**count) for told in range(1, count + 1)
    ]  # fmt: skip
    points = {count: {verdict("0.2", example).points for more, example in examples if more == count} for count in (1, 2, 3)}
    assert points.get(LAB.fewest(rule) + 1, {0, 2}) == {0, 2} and points.get(LAB.fewest(rule) + 2, {0}) == {0}
    passing = [count for count, example in examples if verdict("0.2", example).points == 3]
    assert set(passing) == {LAB.fewest(rule)}
    longer = next(example for count, example in examples if count == LAB.fewest(rule)).split(", ")
    found = verdict("0.2", f"{longer[0]} H@1 H@1 H@2, {longer[1]}")
    assert found.points == 0 and found.feedback.startswith(("It breaks: the rule says", "In “"))


def test_an_example_in_which_a_rule_holds_says_so() -> None:
    student = next(each for each in NUMBERS if LAB.dealt_to(each) is LAB.all_of_them)
    found = verdict("0.2", "H@1 H@1, move 2", student)
    assert found.feedback.startswith("In “H@1 H@1, move 2” the rule says flows 1 and 2 move, and so it is: it holds.")
    found = verdict("0.2", "H@1 H@2 H@1, move 2", student)
    assert (
        found.points == 2 and "the rule says flows 1, 2 and 3 move; in truth flow 2 moves." in found.feedback
    )


def test_no_example_passes_for_all() -> None:
    for example in ("H@1 H@1, move 1", "H@1 H@2, move 1", "H@1, move 1", "H@1 H@1 H@1 H@2, move 1"):
        assert 0 in {verdict("0.2", example, student).points for student in NUMBERS}


@pytest.mark.parametrize(
    "bad", [5, "H@1", "move 1", "H@1 H@2 move 3", "H@1 H@2 move 0", "H@1 " * 9 + "move 1", "x" * 500]
)
def test_an_example_that_is_none_is_answered_in_words(bad: Any) -> None:
    found = verdict("0.2", bad)
    assert found.status == "error" and "expected" in found.feedback


# --- predictions -----------------------------------------------------------------------------------------------------


def moved(figure: Any = mf.figure2) -> World:
    world = figure(seed=7, reuse_tokens=False)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    world.run(4)
    world.mn.handover(video, "cell0")
    return world.run(2)


@pytest.mark.parametrize(("name", "figure"), [("00-call", mf.figure2), ("00-shared", mf.figure1)])
def test_each_moment_that_is_named_is_one_that_the_film_tells_and_its_twin_says_so(name: str, figure: Any) -> None:
    world = moved(figure)
    for letter, answer in LAB.QUESTIONS[name].answers.items():
        predictions._asked.clear()
        progress.forget()
        for kept in Path.cwd().glob("progress*"):
            kept.unlink()
        film = world.animate(3.7, 4.7)
        asked = prediction(name)
        asked.store(letter)
        at_s = answer.at_s(world)
        assert at_s is not None and re.search(rf"^{at_s:.3f} s: ", film.describe(), re.MULTILINE), letter
        html = asked.told(world, film)
        assert f"data-ns='{round(at_s * 1e9)}'" in html and f"Go to {at_s:.3f} s" in html
        does = "shows" if answer.misconception is None else "parts from"
        assert f"{at_s:.3f} s: here the run {does} your answer {letter}: {answer.text}" in film.describe()
        assert f"{at_s:.3f}" in film.twin().split("here the run")[0].rsplit("data-ns", 1)[1], (
            "with a button that leads there"
        )


def test_the_exit_question_asks_the_first_one_in_another_guise() -> None:
    first, last = LAB.QUESTIONS["00-call"], LAB.QUESTIONS["00-exit"]
    assert {each.misconception for each in first.answers.values()} == {
        each.misconception for each in last.answers.values()
    }
    assert last.is_last and not any(word in last.text for word in ("MN", "CN1", "call", "video", "cellular"))


# --- handing in ------------------------------------------------------------------------------------------------------


def test_the_explain_back_quotes_the_run_and_an_attempt_and_so_do_the_oral_questions(nobody: Path) -> None:
    student = me("31")
    (nobody / "00_tour.ipynb").write_text("{}")
    mine = LAB.network(student)
    tried("0.1")
    told = repr(LAB.PARTS["explain"](student))
    assert f"{LAB.row_changes(LAB.run_of(student)):.3f} s" in told and f"the {mine.flow}'s port" in told
    check("0.1", {"names": swapped(student, ("H@", "CoA"))})
    assert "Then: your attempt 2 at 0.1 was [" in repr(LAB.PARTS["explain"](student))
    asked = viva(pack("00"))
    assert len(asked) == 3 and "your attempt 2 at 0.1 was [" in asked[0][0]
    assert all(question.endswith("?") and answer for question, answer in asked)
    me("32")
    check("0.1", {"names": ["MN"] * 6})
    assert viva(pack("00")) != asked


def test_a_check_is_quick() -> None:
    from time import process_time

    student = Student(("77",))
    begun = process_time()
    for number, answer in (("0.1", right(student)), ("0.R", 100), ("0.2", "H@1 H@1, move 1")):
        verdict(number, answer, student)
        assert process_time() - begun < 2


def test_it_is_read_in_less_than_twenty_minutes() -> None:
    """By somebody who reads 90 words a minute: texts, questions with their answers, and the six sentences."""
    import nbformat

    book = nbformat.read(Path(__file__).resolve().parents[2] / "labs" / "00_tour.ipynb", as_version=4)
    texts = [re.sub(r"<img[^>]*>|\]\([^)]*\)", "", cell.source) for cell in book.cells if cell.cell_type == "markdown"]
    asked = [f"{each.text} {answer.text}" for each in LAB.QUESTIONS.values() for answer in each.answers.values()]
    count = sum(len(text.split()) for text in (*texts, *asked, *LAB.clues(Student()).values()))
    assert count / 90 < 20
