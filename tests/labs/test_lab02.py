"""Lab 02: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet6 import HAO, MIP6MH_BU, IPv6, IPv6ExtHdrDestOpt, MIP6OptAltCoA

from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercises_of
from mipflow.lab.interception import Packet
from mipflow.view.drawing.picture import Picture
from tests.labs.learner import students, verdict, written

LAB = exercises_of("02")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 7))]


def made(source: str) -> Callable[..., Any]:
    return written("answer(packet, cache, now)", source, Packet=Packet, HA=LAB.HA, known={})


RIGHT = """
entry = cache.get(packet.destination)
if entry is None or now >= entry.expires_at_s:
    return packet
return Packet(HA, entry.care_of_address, packet)
"""

# --- 2.1 ---------------------------------------------------------------------------------------------------------------


def update(student: Student, **changes: Any) -> Any:
    """The right packet but for changes: source, home (None: no option), to, options, and fields of the update."""
    own = LAB.own(student)
    given = {"source": own.care_of, "home": own.home, "to": LAB.HA} | changes
    fields = {"seq": own.sequence, "flags": "HA", "mhtime": own.lifetime_s // 4}
    fields |= {name: value for name, value in given.items() if name not in ("source", "home", "to")}
    start = IPv6(src=given["source"], dst=given["to"])
    if given["home"] is not None:
        start /= IPv6ExtHdrDestOpt(options=[HAO(hoa=given["home"])])
    return start / MIP6MH_BU(**{name: value for name, value in fields.items() if value is not None})


UPDATES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "scapy's lifetime of 3 units": lambda own: {"mhtime": None},
    "seconds in the field": lambda own: {"mhtime": own.lifetime_s},
    "no H": lambda own: {"flags": "A"},
    "no A": lambda own: {"flags": "H"},
    "flags that you do not mean": lambda own: {"flags": None},
    "no Home Address option": lambda own: {"home": None},
    "home address as source": lambda own: {"source": own.home, "home": None},
    "two addresses exchanged": lambda own: {"source": own.home, "home": own.care_of},
    "another home address": lambda own: {"home": own.home.replace(":100:", ":200:")},
    "to the correspondent": lambda own: {"to": LAB.CN},
    "elsewhere": lambda own: {"to": LAB.ROUTER},
    "lifetime 0": lambda own: {"mhtime": 0},
    "another lifetime": lambda own: {"mhtime": own.lifetime_s // 4 + 1},
    "another sequence number": lambda own: {"seq": 1},
    "alternate care-of address": lambda own: {"options": [MIP6OptAltCoA(acoa="2001:db8:200::1234")]},
}


@pytest.mark.parametrize("student", students(3, quick=1), ids=str)
@pytest.mark.parametrize("name", UPDATES)
def test_each_wrong_update_reads_what_was_written_for_it(name: str, student: Student) -> None:
    found = verdict("2.1", update(student, **UPDATES[name](LAB.own(student))), student)
    assert (found.status, found.matched) == ("wrong", name), found
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS and found.points < 5


def test_layers_that_are_missing() -> None:
    for answer in (MIP6MH_BU(seq=3), IPv6(dst=LAB.HA), IPv6ExtHdrDestOpt()):
        found = verdict("2.1", answer)
        assert found.matched == "no IPv6 header, or no update" and found.points == 0, found


@pytest.mark.parametrize("student", students(3, quick=1), ids=str)
def test_layers_that_do_not_lead_to_a_row(student: Student) -> None:
    """The fields are right, and still the home agent in the running world does not take it: so it is not right."""
    own, rest = LAB.own(student), update(student)[MIP6MH_BU]
    start, home = IPv6(src=own.care_of, dst=LAB.HA), HAO(hoa=own.home)
    option = IPv6ExtHdrDestOpt(options=[home])
    near = IPv6(src=own.care_of, dst=LAB.HA, hlim=1)
    for layers in (start / option / IPv6ExtHdrDestOpt() / rest, near / option / rest):
        found = verdict("2.1", layers, student)
        assert (found.status, found.matched, found.points) == ("wrong", "further layers", 4), found
    alone = verdict("2.1", start / home / rest, student)
    assert (alone.matched, alone.points) == ("an option without a header", 0) and "HA" in alone.feedback
    known = {*UPDATES, "no IPv6 header, or no update", "an option without a header", "further layers"}
    assert set(LAB.UPDATE_WRONG) == known


def test_who_names_nobody_hears_whom_scapy_named() -> None:
    found = verdict("2.1", IPv6() / MIP6MH_BU())
    assert "goes to ::1, scapy's choice where you name none" in found.feedback
    assert "your own packet came back" in found.feedback


@pytest.mark.parametrize("field", ["seq", "mhtime"])
def test_a_quotient_is_no_whole_number(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = verdict("2.1", update(Student(), **{field: 60 / 4}))
    assert found.status == "error" and f"{field} is 15.0; expected a whole number" in found.feedback
    LAB.Sender(Student())(update(Student(), **{field: 60 / 4}))
    assert f"{field} is 15.0" in capsys.readouterr().out


@pytest.mark.parametrize("student", students(7, quick=2), ids=str)
def test_a_right_update_passes_and_the_same_one_with_its_further_option(student: Student) -> None:
    own = LAB.own(student)
    assert verdict("2.1", update(student), student).points == 5
    assert verdict("2.1", update(student, options=[MIP6OptAltCoA(acoa=own.care_of)]), student).points == 5
    assert verdict("2.1", update(student, home=own.home.upper()), student).points == 5, "spelling is not asked for"
    became = LAB.sent(update(student), student)
    assert became.until_s == pytest.approx(3.02 + own.lifetime_s, abs=0.01)
    assert became.answers[0].name.startswith("binding acknowledgement, status 0")
    assert "in a tunnel to" in repr(became.world.port("cell0", "else").answers) or not became.drops


def test_what_feedback_says_of_the_world_is_so() -> None:
    student = Student()
    found = verdict("2.1", update(student, mhtime=None), student)
    assert "after 12 s" in found.feedback and "at 16.02 s" in found.feedback, found.feedback
    assert any("HA: no route" in why for _, why in LAB.sent(update(student, mhtime=None), student).drops)
    assert "132" in verdict("2.1", update(student, home="2001:db8:200::2a"), student).feedback
    assert "133" in verdict("2.1", update(student, mhtime=0), student).feedback
    (answer,) = LAB.sent(update(student, to=LAB.CN), student).answers
    assert "status 131" in answer.name
    assert LAB.sent(update(student, flags="A"), student).answers == []


@pytest.mark.parametrize("bad", [5, "x", [], MIP6MH_BU, {"a": 1}, IPv6(dst=LAB.HA) / MIP6MH_BU(seq=10**9), IPv6(hlim="x")])
def test_what_is_no_packet_is_answered_in_words(bad: Any) -> None:
    found = verdict("2.1", bad)
    assert found.points == 0 and found.status in ("error", "wrong") and "Traceback" not in found.feedback
    LAB.Sender(Student())(bad)


def test_an_update_that_nobody_wrote_is_not_attempted(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict("2.1", ...).status == verdict("2.1", None).status == "not attempted"
    LAB.Sender(Student())(...)
    assert "Write update first" in capsys.readouterr().out


def test_what_was_sent_and_came_back_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = LAB.Sender(Student())(update(Student()))
    said = capsys.readouterr().out
    assert "Sent at 2 s: 80 octets." in said and "after 1.040 s: binding acknowledgement, status 0" in said
    assert isinstance(shown, Picture) and "You tell the home agent that your H@ is now at your CoA" in shown.describe()


@pytest.mark.parametrize("name", UPDATES)
def test_whatever_is_sent_what_became_of_it_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = LAB.own(Student())
    shown = LAB.Sender(Student())(update(Student(), **UPDATES[name](own)))
    said = capsys.readouterr().out
    assert isinstance(shown, Picture) and ("HA has no row" in said) is (" until " not in said), said


def test_tshark_reads_the_same_update(tshark: str, tmp_path: Path) -> None:
    from scapy.utils import wrpcap

    own = LAB.own(NUMBERS[2])
    read = LAB.read_by_tshark(bytes(update(NUMBERS[2])))
    for value in (own.care_of, own.home, str(own.sequence), f"lifetime field {own.lifetime_s // 4}", "H 1, A 1"):
        assert value in read
    wrpcap(str(tmp_path / "u.pcap"), IPv6(bytes(update(NUMBERS[2]))))
    told = subprocess.run([tshark, "-r", str(tmp_path / "u.pcap"), "-T", "json"], capture_output=True, check=True).stdout
    assert b"Binding Update" in told and b"Malformed" not in told


# --- 2.2 ---------------------------------------------------------------------------------------------------------------

VERSIONS = [(wrong, program) for wrong in LAB.INTERCEPT_WRONG for program in wrong.programs]


@pytest.mark.parametrize(("known", "program"), VERSIONS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("student", students(3, quick=1), ids=str)
def test_each_wrong_version_reads_what_was_written_for_it(known: Any, program: Any, student: Student) -> None:
    never = known.name == "never tunnels"  # nothing but its argument would be a stub
    found = verdict("2.2", made("seen = now\nreturn packet") if never else program, student)
    assert (found.status, found.matched) == ("wrong", known.name), found.feedback
    assert 0 <= found.points < 8 and "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right


def test_each_version_behaves_unlike_every_other() -> None:
    """By another way than the engine's: the answers in all stories, written down."""
    seen = dict[Any, str]()
    for known, program in VERSIONS:
        told = LAB.INTERCEPT.plays(program, LAB.stories(), Student())
        signature = tuple(tuple(step.got for step in steps) for steps in told)
        assert seen.setdefault(signature, known.name) == known.name


OTHERS = {
    "the home address writes the envelope": (RIGHT.replace("Packet(HA,", "Packet(packet.destination,"), {"another envelope"}),
    "writes into the letter": (RIGHT.replace("entry.care_of_address, packet)", "packet.destination, Packet(packet.source, entry.care_of_address, packet.inside))"), {"another letter"}),
    "the row of nobody in square brackets": ("return Packet(HA, cache[packet.destination].care_of_address, packet)", {"stumbles over who is not in the cache"}),
    "with in, and no clock": ("if packet.destination in cache:\n    return Packet(HA, cache[packet.destination].care_of_address, packet)\nreturn packet", {"never expires"}),
    "nothing at the end": ("if packet.destination in cache and now < cache[packet.destination].expires_at_s:\n    return Packet(HA, cache[packet.destination].care_of_address, packet)", {"swallows what it does not tunnel"}),
    "too long by an instant": (RIGHT.replace(">=", ">"), {"", "passed"}),
    "writes the source too": ("e = cache.get(packet.destination)\nif e and now < e.expires_at_s:\n    packet.source = HA\n    packet.destination = e.care_of_address\nreturn packet", {"a new header instead of the old"}),
    "keeps a list": (RIGHT.replace("return Packet(HA, entry.care_of_address, packet)", "known.setdefault(packet.destination, entry.care_of_address)\nreturn Packet(HA, known[packet.destination], packet)"), {"remembers an old row"}),
    "keeps rows": ("known.update(cache)\nentry = known.get(packet.destination)\nreturn Packet(HA, entry.care_of_address, packet) if entry and now < entry.expires_at_s else packet", {"remembers who is home", "remembers"}),
    "every second time": ("known[len(known)] = 1\nif len(known) % 2:\n    return packet" + RIGHT, {"remembers", "never tunnels"}),
    "pops it": (RIGHT.replace("cache.get(packet.destination)", "cache.pop(packet.destination, None)"), {"touches the cache"}),
    "a tunnel for all": ("return Packet(HA, '2001:db8:200::20', packet)", {"anybody's entry", ""}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_another_hand_read_the_right_cause(name: str) -> None:
    source, causes = OTHERS[name]
    found = verdict("2.2", made(source))
    assert (found.matched or found.status) in causes or found.matched in causes, found
    assert len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("student", students(7, quick=2), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    assert verdict("2.2", made(RIGHT), student).points == 8
    copied = "return Packet(packet.source, packet.destination, packet.inside)"
    assert verdict("2.2", made(RIGHT.replace("return packet", copied)), student).points == 8
    assert verdict("2.R", LAB.ride(student), student).points == 4
    up, down = LAB.delays(student)
    assert verdict("2.3", LAB.cost(up, down, LAB.plan(student).voice), student).points == 5
    name = LAB.dealt_name(student)
    story = next(events for _, events in LAB.stories() if LAB.first_wrong(name, events, student))
    assert len(story) == 4 and verdict("2.5", " ".join(story), student).points == 5
    found = verdict("2.5", " ".join(("D", *story)), student)
    assert found.points == 3 and "fewer events" in found.feedback


@pytest.mark.parametrize("name", LAB.DEALT)
def test_dealt_programs_break_in_four_events_and_in_two_ways(name: str) -> None:
    every = [events for _, events in LAB.stories() if len(events) <= 4 and LAB.first_wrong(name, events, Student())]
    assert {len(events) for events in every} == {4} and len(every) == 2
    hold = verdict("2.5", "A C D")
    assert hold.feedback.startswith("In “A C D” both give 2001:db8:100::7 → 2001:db8:200::20") and hold.points == 0


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("2.2", made("seen = now\nreturn packet")), ("2.2", made("seen = now\nreturn None")),
        ("2.2", made("return Packet(HA, '2001:db8:200::20', packet)")), ("2.2", made("return Packet(HA, packet.destination, packet)")),
        ("2.1", update(Student())), ("2.1", update(Student(), seq=1)), ("2.R", (0, 0, 0)), ("2.3", (1, 1, 0)),
        ("2.3", (2, 1.5, 50)), ("2.5", "A C"), ("2.5", "C"), ("2.5", ""),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    assert max(verdict(number, constant, student).points for student in NUMBERS[1:4]) == 0


def test_the_example_for_practice_is_nobodys() -> None:
    points = [verdict("2.R", (220, 260, 20.1), student).points for student in NUMBERS[1:6]]
    assert sum(points) <= 4, points
    assert len({LAB.own(student) for student in NUMBERS}) == len(NUMBERS)


@pytest.mark.parametrize(
    ("bad", "words"), [("A X", "X in your story"), (5, "no text"), ("A " * 30, "30 in your"), ("a b H c!", "C! in")]
)
def test_a_story_that_is_none_is_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("2.5", bad)
    assert found.status == "error" and words in found.feedback


# --- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", students(7, quick=2), ids=str)
def test_slips_in_reading_are_told(student: Student) -> None:
    inner, outer, ride_ms = LAB.ride(student)
    assert outer - inner == 40 and inner == LAB.plan(student).voice + 60
    way = LAB.legs(student)[0]
    from_ha = next(leg for leg in way if leg.sender == "HA")
    said = {
        "Which of the two is inside": (outer, inner, ride_ms), "payload length": (inner - 40, outer, ride_ms),
        "voice alone": (LAB.plan(student).voice, outer, ride_ms), "seconds, and": (inner, outer, ride_ms / 1000),
        "Where does the tunnel begin": (inner, outer, (way[-1].arrived_s - way[0].left_s) * 1000),
        "One link is still to go": (inner, outer, (way[-2].arrived_s - from_ha.left_s) * 1000),
        "Where does the tunnel end": (inner, outer, (from_ha.arrived_s - from_ha.left_s) * 1000),
        "when does it leave HA": (inner, outer, 999),
    }  # fmt: skip
    for words, answer in said.items():
        found = verdict("2.R", answer, student)
        assert words in found.feedback and found.points < 4, (words, found)


def test_no_two_slips_in_the_price_give_one_number_and_none_passes() -> None:
    for student in (*NUMBERS, *(Student((str(number),)) for number in range(40, 60))):
        wlan, access, _, cn, voice = LAB.plan(student)
        up = wlan + access + cn + 0.1
        down = up + 2 * LAB.plan(student).home + 0.02
        due, given = LAB.cost(up, down, voice), dict[tuple[int, int], str]()
        for name, (place, formula, _, _) in LAB.COST_WRONG.items():
            value = formula(up, down, voice)
            assert abs(value - due[place]) > LAB.TOLERANCES[place], (name, student)
            assert given.setdefault((place, round(value * 100)), name) == name, (name, student)


@pytest.mark.parametrize("name", LAB.COST_WRONG)
def test_a_slip_reads_its_words(name: str) -> None:
    student = NUMBERS[1]
    up, down = LAB.delays(student)
    due, (place, formula, said, belief) = list(LAB.cost(up, down, LAB.plan(student).voice)), LAB.COST_WRONG[name]
    due[place] = round(formula(up, down, LAB.plan(student).voice), 3)
    found = verdict("2.3", tuple(due), student)
    assert (found.matched, found.misconception, found.points) == (name, belief, 4 if place == 2 else 3)
    assert said.partition("{given}")[2][:20] in found.feedback and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("bad", [(1, 2, "x"), (True, 1, 1), (None, 1, 2), ([1], 1, 2)])
def test_numbers_that_are_none_are_answered_in_words(bad: Any) -> None:
    for number in ("2.R", "2.3"):
        found = verdict(number, bad)
        assert found.status == "error" and "expected" in found.feedback


def test_numbers_that_nobody_filled_in_are_not_attempted() -> None:
    for number in ("2.R", "2.3"):
        assert verdict(number, (..., ..., ...)).status == verdict(number, (None, None, None)).status == "not attempted"


def test_the_lengths_are_those_of_the_capture(tmp_path: Path, tshark: str) -> None:
    """By another way: tshark's, from the file that Wireshark reads."""
    inner, outer, _ = LAB.ride(NUMBERS[1])
    LAB.run_of(NUMBERS[1]).pcap(tmp_path / "run.pcap", node="HA")
    fields = ["-Y", "udp && ipv6.nxt == 41", "-T", "fields", "-e", "ipv6.plen"]
    told = subprocess.run([tshark, "-r", str(tmp_path / "run.pcap"), *fields], capture_output=True, text=True, check=True)
    assert f"{outer - 40},{inner - 40}" in told.stdout.split()


# --- the function in the world, films, play ----------------------------------------------------------------------------

FILMS = {
    "right": (RIGHT, "MN at place one answers once, MN at place two answers once, the desktop answers once; after the row's end it ends at HA: no route"),
    "rewritten": (RIGHT.replace("(HA, entry.care_of_address, packet)", "(packet.source, entry.care_of_address, packet.inside)"),
                  "MN at place one answers not at all, MN at place two answers not at all, the desktop answers once"),
    "no clock": (RIGHT.replace(" or now >= entry.expires_at_s", ""), "it ends at the cellular link: link down"),
    "swallows": ("return None if packet.destination == '2001:db8:100::55' else packet", "the desktop answers not at all"),
    "raises": ("return cache[5]", "raised KeyError"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_a_function_serves_ha_right_or_wrong(name: str) -> None:
    source, told = FILMS[name]
    check("2.2", {"intercept": made(source)})
    shown = film("2.2", {"intercept": made(source)})
    assert isinstance(shown, Picture) and told in shown.title, shown.title


@pytest.mark.parametrize("place", [0, -1])
def test_a_row_of_anybody_else_is_not_enough(place: int) -> None:
    body = RIGHT.replace("cache.get(packet.destination)", f"[*cache.values()][{place}] if packet.destination in cache else None")
    result = check("2.2", {"intercept": made(body)})
    assert result.status == "wrong" and "you took another phone's" in result.feedback and len(result.evidence[-1]) > 3


@pytest.mark.parametrize("early_s", [10, -10])
def test_a_row_holds_until_its_own_end(early_s: int) -> None:
    body = RIGHT.replace("now >= entry.expires_at_s", f"now >= entry.expires_at_s - {early_s}")
    assert check("2.2", {"intercept": made(body)}).status == "wrong"


@pytest.mark.parametrize("version", LAB.INTERCEPT_WRONG, ids=lambda version: version.name)
def test_the_film_does_not_contradict_the_check(version: Any) -> None:
    """Only what goes wrong after the film's three questions, or by a row that MN itself ended, looks right in it."""
    unseen = {"never expires", "swallows after the end", "touches the cache", "remembers who is home", "a row, but whose"}
    for program in version.programs:
        try:
            _, told = LAB.in_world(program, Student())
        except KeyError:
            continue
        assert (told.count("answers once") == 3) is (version.name in unseen), told


def test_who_remembers_a_place_loses_who_moves() -> None:
    _, told = LAB.in_world(LAB.dealt_program("remembers an old place"), Student())
    assert "MN at place one answers once, MN at place two answers not at all" in told


def test_a_film_waits_for_a_function() -> None:
    assert "Write intercept first" in repr(film("2.2", {}))


@pytest.mark.parametrize("student", students(3, quick=2), ids=str)
def test_the_film_of_the_prediction_shows_what_refutes_it(student: Student) -> None:
    world, told = LAB.run_of(student), LAB.film_of_it(student).describe()
    begin, end = (float(each) for each in re.findall(r"From (\S+) s to (\S+) s", told)[0])
    for answer in LAB.QUESTIONS["02"].answers.values():
        assert begin < float(re.findall(r"Watch (\S+) s", answer.said(world))[0]) < end, "the moment is in the film"
    assert "tunnel" in told


def test_play_calls_and_a_filter_stops_the_triangle() -> None:
    play = LAB.Play(Student())
    play.call("tunnel", True)
    assert "router" not in play._said.value
    *_, table = (each["data"].get("text/html", "") for each in play._output.outputs)
    assert table.count("<table") == 1 and "2001:db8:100::10" in table and "2001:db8:200::" in table, "HA's row, and no more"
    play.call("triangular", True)
    assert "MN to CN: 10 sent, <b>0 came" in play._said.value and "Dropped at the WLAN router (ingress filtering" in play._said.value
    assert not re.search(r"\bAR\d|wlan0|cell0", play._said.value + repr(LAB.hops(Student())))
    other = LAB.Play(Student(), asks_caller=True)
    other.call("triangular", "CN")
    assert "CN to MN: 10 sent, <b>10 came" in other._said.value and "MN to CN: 10 sent, <b>0 came</b>" in other._said.value
    assert "2" in repr(LAB.measured(Student())) and "20.11" in repr(LAB.measured(Student()))


def test_what_we_say_never_holds_the_line_to_write() -> None:
    body = f"def f():\n{RIGHT.replace(chr(10), chr(10) + '    ')}"
    lines = {ast.unparse(node) for node in ast.walk(ast.parse(body)) if isinstance(node, ast.expr) and len(ast.unparse(node)) > 15}
    said = [wrong.feedback for wrong in LAB.INTERCEPT_WRONG] + list(LAB.UPDATE_WRONG.values())
    assert not any(line in words for line in lines for words in said)


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "02_home_agent.ipynb").write_text("{}")
    check("2.2", {"intercept": made("seen = now\nreturn packet")})
    asked = viva(pack("02"))
    assert len(asked) == 3 and "attempt 1 of 2.2 gave" in asked[0][0]
    assert f"You read {LAB.ride(Student(('31',)))[0]} and" in asked[2][0]
    assert "In your run" in repr(LAB.PARTS["explain"](Student(("31",))))


def test_a_check_is_quick() -> None:
    from time import process_time

    begun = process_time()
    assert check("2.2", {"intercept": made(RIGHT)}).points == 8
    assert check("2.1", {"update": update(Student())}).points == 5 and process_time() - begun < 2
