"""Lab 05: each wrong version reads the feedback that was written for it, and a right one passes for every number."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.course import predictions
from mipflow.course.classroom.submissions import viva
from mipflow.course.exercises.checks import check, film
from mipflow.course.exercises.exercise import MOST_WORDS
from mipflow.course.handin import pack
from mipflow.course.identity import Student, me
from mipflow.course.source import exercises_of
from mipflow.view.drawing.picture import Picture
from mipflow.view.lanes import is_clean, sort
from mipflow.wire.packet import TCP, UDP
from tests.labs.learner import students, tried, verdict, written

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = exercises_of("05")
NUMBERS = [Student(), *(Student((str(number),)) for number in range(1, 12))]


def made(source: str, head: str = "flow_key(packet)") -> Callable[..., Any]:
    return written(head, source, SILENCE={"UDP": 300, "TCP": 7440}, TIME_WAIT=240)


RIGHT = """
if packet.outgoing:
    cn, near, far = packet.destination, packet.source_port, packet.destination_port
else:
    cn, near, far = packet.source, packet.destination_port, packet.source_port
return packet.protocol, near, cn, far
"""
OVER = """
if flow.closed:
    return True
quiet = now - max(flow.sent, flow.heard)
return quiet >= (TIME_WAIT if flow.fins == 2 else SILENCE[flow.protocol])
"""
IS_OVER = "is_over(flow, now)"
KEYS = [(wrong, program) for wrong in LAB.WRONG for program in wrong.programs]
ENDS = [(wrong, program) for wrong in LAB.OVER.wrong for program in wrong.programs]


# --- 5.1 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "program"), KEYS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("student", students(2, quick=1), ids=str)
def test_each_wrong_key_reads_what_was_written_for_it(known: Any, program: Any, student: Student) -> None:
    found = verdict("5.1", program, student)
    assert (found.status, found.matched) == ("wrong", known.name) and 0 <= found.points < 10
    assert found.misconception == known.misconception
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    assert found.steps and not found.steps[-1].is_right


OTHERS = {
    "only when it sends": ("if packet.outgoing:\n    return packet.protocol, packet.source_port", "no key"),
    "a list": ("return [packet.protocol, packet.source_port]", "no key"),
    "a dictionary": ("return {1: packet.protocol}", "no key"),
    "a counter": ("n.append(1)\nreturn len(n)", "a lane for each packet"),
    "a new object": ("return object()", "a lane for each packet"),
    "a word": ("return 'flow'", "one lane for all"),
    "both addresses sorted": (
        "return packet.protocol, frozenset([(packet.source, packet.source_port), (packet.destination, packet.destination_port)])",
        "care-of address in the key",
    ),
    "by the phone's address": (
        "us = packet.source if packet.outgoing else packet.destination\n" + RIGHT.replace("return ", "return us, "),
        "care-of address in the key",
    ),
    "as it leaves": ("return packet.protocol, packet.source_port, packet.destination, packet.destination_port", "the destination is always CN"),
    "turned the wrong way": (RIGHT.replace("if packet.outgoing", "if not packet.outgoing"), None),
    "forgets the protocol": (RIGHT.replace("packet.protocol, ", ""), "forgets the protocol"),
    "only the smaller port": (
        "cn = packet.destination if packet.outgoing else packet.source\n"
        "return packet.protocol, cn, min(packet.source_port, packet.destination_port)",
        "forgets the phone's port",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_keys_of_another_hand_read_the_right_cause(name: str) -> None:
    source, cause = OTHERS[name]
    program = made(source)
    program.__globals__["n"] = []
    found = verdict("5.1", program)
    assert found.status == "wrong" and found.points < 10, found
    assert cause is None or found.matched == cause, found


def test_a_key_that_raises_reads_its_line() -> None:
    found = verdict("5.1", made("return packet.port"))
    assert found.status == "error" and "AttributeError" in found.feedback


def test_what_is_no_key_is_not_shown_as_one() -> None:
    found = verdict("5.1", made("packet.source"))
    assert found.steps[-1].row["your keys"] == "None (no key) and None (no key)"
    found = verdict("5.1", made("return packet.protocol if packet.outgoing else None"))
    assert found.steps[-1].row["your keys"] == "UDP and None (no key)"


@pytest.mark.parametrize("name", ["protocol", "correspondent's port", "correspondent", "phone's port"])
def test_without_one_of_the_four_it_is_not_enough_and_the_pair_shows_it(name: str) -> None:
    program = LAB.TICKS
    found = verdict("5.1", lambda p: tuple(tick(p) for field, tick in program.items() if field in LAB.FIELDS[:4] and field != name))
    assert found.steps[-1].values["event"] == name and found.points in (7, 8, 9)


def test_stories_come_in_the_order_of_their_differences() -> None:
    counts = [len(LAB.differing(*pair)) + (pair[0].label != pair[1].label) for pair in LAB.pairs(Student()).values()]
    assert counts == sorted(counts) and counts[0] == 0


# --- 5.4 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "program"), ENDS, ids=lambda each: getattr(each, "name", ""))
def test_each_wrong_end_reads_what_was_written_for_it(known: Any, program: Any) -> None:
    found = verdict("5.4", program)
    assert (found.status, found.matched) == ("wrong", known.name) and found.points < 5
    assert "{" not in found.feedback and len(found.feedback.split()) <= MOST_WORDS


@pytest.mark.parametrize("time", ["flow.sent", "flow.heard", "flow.began", "min(flow.sent, flow.heard)"])
@pytest.mark.parametrize("where", ["UDP", "TCP", "TCP and fins == 0", "TCP and fins == 1", "TCP and fins == 2"])
def test_who_counts_from_another_moment_in_one_kind_of_flow_alone_does_not_pass(time: str, where: str) -> None:
    protocol, _, fins = where.partition(" and ")
    odd = f"flow.protocol == '{protocol}'" + (fins and f" and flow.{fins}")
    found = verdict("5.4", made(OVER.replace("max(flow.sent, flow.heard)", f"({time} if {odd} else max(flow.sent, flow.heard))"), IS_OVER))
    assert found.status == "wrong" and found.points < 5, found


@pytest.mark.parametrize("odd", ["flow.fins == 0", "flow.fins == 1", "flow.fins == 2", "flow.protocol == 'UDP'"])
def test_who_never_ends_one_kind_of_flow_does_not_pass(odd: str) -> None:
    assert verdict("5.4", made(f"if {odd} and not flow.closed:\n    return False\n" + OVER, IS_OVER)).points < 5


@pytest.mark.parametrize("source", ["return False", "return True", "flow.closed", "return now - flow.sent", "return 1"])
def test_what_is_no_yes_or_no_reads_so(source: str) -> None:
    found = verdict("5.4", made("x = 1\n" + source, IS_OVER))
    assert (found.matched, found.points) == ("no yes or no", 0)


def test_an_end_that_nobody_knows_reads_its_first_case() -> None:
    found = verdict("5.4", made(OVER.replace("return True", "return False").replace(">=", "<"), IS_OVER))
    assert (found.matched, found.points) == ("", 0) and "The first case that goes wrong: talks. You said True" in found.feedback


@pytest.mark.parametrize(
    ("event", "asks"),
    [
        ("a call of 20 minutes", "How long has it been silent"), ("hung up", "What has the application said?"),
        ("both FINs, a late segment 100 s ago", "How many ends"), ("a shell, idle for 8,000 s", "How long may TCP"),
    ],
)  # fmt: skip
def test_an_end_that_nobody_knows_is_asked_about_its_case(event: str, asks: str) -> None:
    """Right but for this one case; a table tells yours and what is due in the same words."""
    odd = LAB.CASES[event][:2]
    found = verdict("5.4", lambda flow, now: LAB._over(flow, now) != ((flow, now) == odd))
    assert asks in found.feedback and len(found.feedback.split()) <= MOST_WORDS
    row = found.steps[-1].row
    assert {type(row["yours"]), type(found.steps[-1].values["due"])} == {bool} and row["yours"] != found.steps[-1].values["due"]


def test_one_packet_may_be_tried_in_a_cell_and_shown_twice_it_is_said_so() -> None:
    assert LAB.key_of(LAB.PARTS["packet"](Student()))
    assert verdict("5.1", lambda packet: [packet]).steps[-1].row["another"] == "the same once more"
    said = verdict("5.1", lambda packet: packet.dest_port).feedback
    assert "it has outgoing, source, destination, protocol, source_port, destination_port, label" in said


def test_a_call_that_was_cut_reads_what_became_of_it_in_its_run() -> None:
    impatient = made("return flow.closed or now - max(flow.sent, flow.heard) >= 1", IS_OVER)
    patient = made("return flow.closed or now - max(flow.sent, flow.heard) >= 60", IS_OVER)
    run = LAB.paused(impatient, Student())
    assert (run.flows, run.homes) == (run.sentences, run.sentences - 1) and run.lost > 100
    text = f"In your run {run.sentences} sentences became {run.flows} flows with {run.homes} new home addresses; {run.lost:,} of CN1's"
    assert text in verdict("5.4", impatient).feedback
    assert "In your run" not in verdict("5.4", patient).feedback
    whole = LAB.paused(made(OVER, IS_OVER), Student())
    assert (whole.flows, whole.homes, whole.lost) == (1, 0, 0)


def test_the_kits_own_limits_are_those_of_the_lab() -> None:
    from mipflow.flow.endings import IDLE_NS, TIME_WAIT_NS

    assert {name: limit * 10**9 for name, limit in LAB.SILENCE.items()} == {name: IDLE_NS[name] for name in LAB.SILENCE}
    assert LAB.TIME_WAIT * 10**9 == TIME_WAIT_NS


# --- Right answers, and constant ones --------------------------------------------------------------------------------


@pytest.mark.parametrize("student", students(12), ids=str)
def test_right_answers_pass_for_every_number(student: Student) -> None:
    assert verdict("5.1", made(RIGHT), student).points == 10
    assert verdict("5.4", made(OVER, IS_OVER), student).points == 5
    assert verdict("5.T", dict(LAB.counts(student)), student).points == 4
    read = {**LAB.spis(LAB.call_of(student, True)), "who": "c"}
    assert verdict("5.R", read, student).points == 5
    one, other = LAB.fewest(LAB.dealt_to(student))[1]
    story = f"{one.protocol} {one.near}{'>' if one.outgoing else '<'}{one.far} {one.cn} {one.network}"
    story += f" | {other.protocol.lower()} {other.near} {'>' if other.outgoing else '<'} {other.far} {other.cn} {other.network}"
    assert verdict("5.5", story, student).points == 5


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        ("5.T", dict.fromkeys(LAB.COUNTS, 2)), ("5.T", dict.fromkeys(LAB.COUNTS, 6)), ("5.1", made("x = 1\nreturn 1")),
        ("5.1", lambda packet: object()), ("5.4", lambda flow, now: True), ("5.4", lambda flow, now: False),
        ("5.R", {"to CN1": 5004, "from CN1": 5004, "who": ""}),
        ("5.5", "UDP 40000>80 CN1 wlan0 | UDP 40000<80 CN1 wlan0"), ("5.5", "UDP 1>1 CN1 wlan0 | UDP 1>1 CN1 wlan0"),
    ],
)  # fmt: skip
def test_a_constant_answer_earns_nothing(number: str, constant: Any) -> None:
    assert [verdict(number, constant, student).points for student in NUMBERS[:6]] == [0] * 6


def test_numbers_read_different_values_off_their_packets() -> None:
    read = [tuple(LAB.spis(LAB.call_of(student, True)).values()) for student in NUMBERS]
    assert len(set(read)) == len(NUMBERS) and all(to != back for to, back in read)
    assert len({tuple(LAB.counts(student).values()) for student in NUMBERS}) >= 3
    assert len({LAB.dealt_to(student) for student in NUMBERS}) >= 4


# --- The run of one's own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", NUMBERS[:5], ids=str)
def test_the_numbers_of_lanes_are_those_of_a_count_by_hand(student: Student) -> None:
    """By another way: from the conversations alone, without a packet."""
    fields = LAB.conversations(student).values()
    moved = sum(each.cn == "CN1" for each in fields)
    assert LAB.counts(student) == {
        "CN's port": len({each.far for each in fields}), "protocol, both ports, CN": len(fields),
        "these and the care-of address": len(fields) + moved, "all as it stands": 2 * (len(fields) + moved),
    }  # fmt: skip


def test_what_the_key_saw_is_what_the_trace_has() -> None:
    student = NUMBERS[3]
    world = LAB.in_world(lambda packet: packet, student)
    told = {flow: name for name, flow in zip(LAB.conversations(student), (each.id for each in world.flows()), strict=True)}
    on_links: dict[str, int] = dict.fromkeys(told.values(), 0)
    for hop in world.trace:
        payload, arrived = hop.packet.innermost().payload, hop.channel.receiver == "MN"
        if isinstance(payload, UDP | TCP) and hop.packet.flow and "MN" in (hop.channel.sender, hop.channel.receiver):
            on_links[told[hop.packet.flow]] += not arrived or hop.arrived_ns <= world.network.clock.now
    keys = world.mn.packet_keys
    assert keys is not None and on_links == {
        name: sum(each.flow == flow for each in keys.packets) for flow, name in told.items()
    }  # fmt: skip


def test_four_ticks_are_the_fewest_for_clean_lanes() -> None:
    from itertools import combinations

    clean = [
        names for count in range(5) for names in combinations(LAB.TICKS, count)
        if is_clean(sort(LAB.sorted_by(lambda p, names=names: tuple(LAB.TICKS[n](p) for n in names), NUMBERS[1])))
    ]  # fmt: skip
    assert clean == [("protocol", "phone's port", "correspondent's port", "correspondent")]


def test_ticks_sort_the_packets_anew() -> None:
    form = LAB.play(Student())
    boxes, said = form.children[1].children, form.children[2]
    assert "1 tick, 2 lanes." in said.value
    for box in boxes:
        box.value = box.description in LAB.FIELDS
    assert "4 ticks, 6 lanes. One lane for each shape" in said.value and "None of these ticks can be left out" in said.value
    boxes[5].value = True
    assert "Can you do it with fewer" in said.value and "0 in every packet" in said.value
    boxes[5].value = False
    boxes[4].value = True
    assert "5 ticks, 10 lanes." in said.value and "One lane" not in said.value


def test_a_wrong_key_has_its_lanes_too() -> None:
    shown = film("5.1", {"flow_key": made("return packet.destination")})
    assert isinstance(shown, Picture) and f"sorted {len(LAB.packets_of(Student())):,} packets of 6 conversations into 4 lanes" in shown.title
    assert "shapes: " in shown.describe()
    assert "your flow_key() raised ZeroDivisionError" in repr(film("5.1", {"flow_key": made("return 1 / 0")}))
    late = film("5.1", {"flow_key": made("n.append(1)\nreturn 1 / (len(n) < 50)")})
    assert "NameError" in repr(late)
    assert "Write flow_key first" in repr(film("5.1", {}))


def test_an_impatient_end_has_its_film_too() -> None:
    shown = film("5.4", {"is_over": made("return flow.closed or now - max(flow.sent, flow.heard) >= 1", IS_OVER)})
    assert "The pausing call: 10 sentences became 10 flows" in shown.title
    told = shown.describe()
    assert re.search(r"The pausing call has ended: your is_over\(\) says so \(silent for 1\.\d s\)", told)
    (errors,) = re.findall(r"ICMPv6 error to CN1 \(destination unreachable, code 3\), (\d+) times up to", told)
    assert int(errors) > 15 and sum("ICMPv6 error" in each["text"] for each in shown.events) == 1
    assert "Write is_over first" in repr(film("5.4", {}))
    assert "ZeroDivisionError" in film("5.4", {"is_over": made("return 1 / 0", IS_OVER)}).title


# --- The prediction --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "hung_up"), [(OVER, "has ended"), ("return now - flow.heard >= 300", "goes on")])
def test_a_patient_end_has_a_story_too(source: str, hung_up: str) -> None:
    """One call pauses and one is hung up meanwhile: the film says what became of each, and why."""
    shown = film("5.4", {"is_over": made(source, IS_OVER)})
    told = [each["text"] for each in shown.events]
    assert "The pausing call: 10 sentences became 1 flow; 0 of" in shown.title
    kept, ended = (next(n for n, each in enumerate(told) if each.startswith(f"The {name} ")) for name in ("pausing call", "short call"))
    assert kept < ended and told[kept] == "The pausing call goes on: your is_over() says so (silent for 1.2 s)"
    assert told[ended] == f"The short call {hung_up}: your is_over() says so (closed by its application; silent for 0.1 s)"
    assert told[-1] == "The pausing call goes on: packets again, after 3 s of silence, still from H@2"
    assert ("CN2 forgets where H@1 is" in told) == (hung_up == "has ended")


def test_the_prediction_says_what_its_world_does() -> None:
    pushed, silent = LAB.rule_rows(True), LAB.rule_rows(False)
    assert [(row["flow"], row["home address"]) for row in pushed] == [(1, "H@1"), (1, "H@1"), (2, "H@2")]
    assert [(row["flow"], row["home address"]) for row in silent] == [(1, "H@1")] * 3
    assert [row["network at 14 s"] for row in pushed] == ["cell0", "cell0", "wlan0"], "the sound went with the video"
    assert pushed[2]["waited for it"] == "1040 ms"
    world, *flows = LAB.ruled()
    assert sum(way.lost for flow in flows for way in (flow.stats.up, flow.stats.down)) == 0
    answers = LAB.QUESTIONS["05"].answers
    for letter, at in (("a", "8.040 s"), ("b", "13.000 s"), ("c", "8.040 s"), ("d", "10.000 s")):
        assert at in answers[letter].said(world)


def test_a_segment_from_another_home_address_is_reset_as_the_feedback_says() -> None:
    """A running connection that is renamed would end so."""
    world = mf.figure2(seed=1).run(2.5)
    file = world.mn.open(world.cn1, mf.apps.FileTransfer(size=40_000_000, start_s=0.5))
    voice = world.mn.open(world.cn1, mf.apps.Voice(start_s=0.5))
    world.run(3)
    ports, at_ns = file.conversation, world.network.clock.now
    segment = TCP(ports.local_port, ports.remote_port, 1000, 5, ack=True, payload=b"x")
    world.mn.transmit(segment, None, world.cn1.address, voice.id)
    world.run(0.3)
    (reset,) = (
        hop for hop in world.trace
        if hop.sent_ns >= at_ns and hop.channel.receiver == "MN" and getattr(hop.packet.innermost().payload, "rst", False)
    )  # fmt: skip
    said = LAB.QUESTIONS["05"].answers["a"].feedback
    assert f"and broke it off after {(reset.arrived_ns - at_ns) / 1e6:.0f} ms" in said


def test_the_buttons_wait_for_a_prediction() -> None:
    panel = LAB.rule_panel()
    push, nothing = panel.children[0].children
    assert push.disabled and nothing.disabled and "Waits for your answer" in panel.children[1].value
    predictions.predict("05", "d")
    output = panel.children[2]
    assert not nothing.disabled and "Watch the film" in panel.children[1].value and not output.outputs, "that would answer"
    nothing.click()
    assert "Nothing was sent" in panel.children[1].value and output.outputs
    predictions.predict("05", "c")
    assert "Nothing was sent" in panel.children[1].value, "a second answer takes nothing away"


def test_its_film_names_the_policy_server_and_tells_decisions_in_plain_words() -> None:
    shown = LAB.ruled().world.animate(7.7, 14)
    told = shown.describe()
    assert "The policy server sends a policy message to the mobile node" in told
    assert "The mobile node has new rules (message 1) and sorts by them what begins from now on" in told
    assert "The policy server knows that its rules (message 1) are in force" in told
    assert "chooses the WLAN for the call: no rule decides, so it takes the first that is up, the WLAN" in told
    assert not re.search(r"2001:db8:400|rules applied|network choice|\bPS\b", told)
    assert "<b>PS</b> policy server" in shown.board()


def test_its_legend_and_its_events_count_lost_packets_alike() -> None:
    shown = film("5.4", {"is_over": made("return flow.closed or now - max(flow.sent, flow.heard) >= 2", IS_OVER)})
    told = shown.describe()
    lost = [int(number) for number in re.findall(r"drops (\d+) packets of the pausing call up to ", told)]
    counted = int(re.search(r"pausing call: .*; (\d+).lost", told)[1])
    assert lost and counted == sum(lost) and "no road any more" in told, told


# --- 5.T, 5.R and 5.5: other answers ---------------------------------------------------------------------------------


def test_a_slip_costs_one_point_and_is_quoted() -> None:
    due = LAB.counts(Student())
    found = verdict("5.T", {**due, "these and the care-of address": 6})
    assert found.points == 3 and "you counted 6, your run has more." in found.feedback
    assert "10" not in found.feedback, "never the answer"


@pytest.mark.parametrize("bad", [5, [2, 5, 9, 18], {"CN's port": 2}, dict.fromkeys(LAB.COUNTS, "two"), {1: 2}])
def test_counts_of_another_shape_are_answered_in_words(bad: Any) -> None:
    found = verdict("5.T", bad)
    assert found.status == "error" and "expected" in found.feedback


@pytest.mark.parametrize(
    ("change", "points", "words"),
    [
        ({"to CN1": 0x86EA, "from CN1": 0x3C0F}, 2, "the other way round"), ({"who": ""}, 3, "Who can still read the ports?"),
        ({"who": "a"}, 3, "where is port 5056?"), ({"to CN1": 7, "who": "d"}, 1, "your letter: The network's rules may speak"), ({"who": "B "}, 3, "does not pass home"), ({"to CN1": 47300}, 3, "a port of the plain call"),
        ({"from CN1": 7}, 3, "from CN1: you read 0x7"),
    ],
)  # fmt: skip
def test_what_was_misread_is_quoted(change: dict[str, Any], points: int, words: str) -> None:
    right = {"to CN1": 0x3C0F, "from CN1": 0x86EA, "who": "c"}
    assert verdict("5.R", right).points == 5
    found = verdict("5.R", right | change)
    assert found.points == points and words in found.feedback


@pytest.mark.parametrize("bad", [5, {"who": "c"}, {"to CN1": "0x3c0f", "from CN1": 1, "who": "c"}, {"to CN1": 1, "from CN1": 1, "who": "e"}])
def test_what_is_no_reading_is_answered_in_words(bad: Any) -> None:
    assert verdict("5.R", bad).status == "error"


def test_the_ports_of_the_call_in_esp_are_in_no_packet_on_the_road() -> None:
    """The right answer to the question, from the octets of a capture."""
    from mipflow.wire.decode import decode

    v, world = LAB.variant(Student()), LAB.call_of(Student(), True)
    ports = {v.port, v.far}
    assert not any(
        isinstance(packet.innermost().payload, UDP) and ports & {packet.innermost().payload.source_port} for packet in world.trace.packets
    )  # fmt: skip
    assert decode is not None and set(LAB.spis(world).values()) == {v.spi_to_cn, v.spi_to_mn}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("UDP 1>2 CN1 wlan0", "1 packet in your story"), ("UDP 1>2 CN1 | UDP 1>2 CN1 wlan0", "is no packet"),
        ("SCTP 1>2 CN1 wlan0 | UDP 1>2 CN1 wlan0", "is no packet"), ("UDP 0>2 CN1 wlan0 | UDP 1>2 CN1 wlan0", "1 to 65535"),
        ("UDP 99999>2 CN1 wlan0 | UDP 1>2 CN1 wlan0", "1 to 65535"), (5, "no text"), ("A B -1", "1 packet"),
    ],
)  # fmt: skip
def test_a_story_that_is_none_is_answered_in_words(bad: Any, words: str) -> None:
    found = verdict("5.5", bad)
    assert found.status == "error" and words in found.feedback


def test_a_longer_story_gets_three_points_and_one_in_which_it_holds_says_so() -> None:
    student = next(each for each in NUMBERS if LAB.dealt_to(each) is LAB.dealt_ends)
    found = verdict("5.5", "UDP 40000>80 CN1 wlan0 | UDP 40000<80 CN1 cell0", student)
    assert found.points == 3 and "differ in direction and network, are one conversation and got two keys" in found.feedback
    found = verdict("5.5", "UDP 40000>80 CN1 wlan0 | UDP 40000<80 CN1 wlan0", student)
    assert found.points == 0 and "differ in direction, are one conversation and got one key: it holds." in found.feedback


@pytest.mark.parametrize("program", LAB.DEALT, ids=lambda program: program.__name__)
def test_no_story_of_a_dealt_program_is_shorter(program: Any) -> None:
    """By another way: pairs drawn at random from all ports differ in as many fields at least."""
    from random import Random

    random, least = Random(5), LAB.fewest(program)[0]
    fields = LAB.Fields
    for _ in range(4000):
        one = fields(random.choice(["UDP", "TCP"]), random.randrange(1, 65536), random.randrange(1, 65536), random.choice(["CN1", "CN2"]), random.random() < 0.5, random.choice(["wlan0", "cell0"]))
        other = [random.choice([a, b]) for a, b in zip(one, fields("TCP", random.randrange(1, 65536), one.near, "CN2", not one.outgoing, "cell0"), strict=True)]
        other = fields(*other)
        if LAB.breaks(program, one, other):
            assert len(LAB.differing(one, other)) >= least
    assert LAB.breaks(program, *LAB.fewest(program)[1])


# --- Words, and handing in -------------------------------------------------------------------------------------------


def test_three_oral_questions_quote_the_run_and_an_attempt(nobody: Path) -> None:
    me("31")
    (nobody / "05_separating_flows.ipynb").write_text("{}")
    check("5.1", {"flow_key": made("return packet.protocol, packet.destination_port")})
    asked = viva(pack("05"))
    assert len(asked) == 3 and "In your attempt 1 at 5.1" in asked[0][0] and "were in two lanes" in asked[0][0]
    me("32")
    check("5.1", {"flow_key": made("return packet.destination_port")})
    assert viva(pack("05")) != asked


def test_who_was_right_at_once_explains_the_program_that_they_broke() -> None:
    tried("5.1")
    assert "Take the program that you broke" in repr(LAB.PARTS["explain"](Student()))


def test_a_check_is_quick() -> None:
    from time import process_time

    for number, name, function in (("5.1", "flow_key", made(RIGHT)), ("5.4", "is_over", made(OVER, IS_OVER))):
        begun = process_time()
        assert check(number, {name: function}).status == "passed" and process_time() - begun < 2
