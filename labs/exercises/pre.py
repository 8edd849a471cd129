"""The pre-test, before lab 00: ten questions in two forms, and the beliefs that their answers show.

A teacher may change all of it. The post-test, after lab 08, asks the other form (labs/exercises/post.py); labs/paper.py
prints both. The letters of both forms stand for the same beliefs (datasets/misconceptions.csv); nothing is marked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import ipywidgets

from mipflow.course.identity import Student
from mipflow.course.predictions import GAP, Answer, Question, prediction
from mipflow.lab.panels.panel import frame

FORMS = "A", "B"
GAP_LETTER, GAP_WORDS = "x", "I do not know yet."
WHO = (
    "MN is a phone, CN somebody it talks to. MN has a home network, in which it has its home address; HA, the home agent,"
    " is a router there. A binding is a note that somebody keeps: where a home address is now."
)
"""All that a question takes for known."""


class Item(NamedTuple):
    """One question in both forms: each its text, and the answers a to d. `beliefs`: the misconception behind each
    answer, None for the right one; `why`: a sentence about the right one, for after the post-test.
    """

    beliefs: tuple[str | None, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    why: str


ITEMS = (
    Item(
        ("M02", None, "M01", "M04"),
        (
            "Your laptop downloads a file over TCP. You carry it into another network; it gets a new address there. The"
            " download stops. Why?",
            "The radio was gone for too long.",
            "The connection is known by both addresses, and one of them has changed.",
            "Without wires, TCP needs Mobile IP anyway.",
            "The server keeps only one connection per laptop.",
        ),
        (
            "You are logged in to a server by ssh. You pull the cable, and the laptop goes on over Wi-Fi, with another"
            " address. The ssh window hangs. Why?",
            "There was no link for a moment, and TCP does not outlive that.",
            "The connection is known by both addresses, and one of them has changed.",
            "Over Wi-Fi, ssh needs Mobile IP anyway.",
            "The server has the laptop in its list already, and lets it in only once.",
        ),
        "TCP knows a connection by four numbers: address and port at both ends. With another address it is another"
        " connection (lab 01).",
    ),
    Item(
        ("M03b", "M03a", None, "M03c"),
        (
            "The same move, but the laptop's name in DNS gets the new address at once. What becomes of the download that is"
            " running?",
            "It goes on: the server looks the name up again.",
            "It goes on: the routers learn where the laptop is now.",
            "It stops; only new connections find the laptop.",
            "It goes on if the new network gives the laptop the last part of its old address again.",
        ),
        (
            "In a video call you walk from Wi-Fi into the cellular network. A dynamic-DNS service has the phone's new address"
            " at once. What becomes of the running call?",
            "It goes on: the other side asks for the name again.",
            "It goes on: the Internet's routers follow the phone.",
            "It breaks off; only new calls find the phone.",
            "It goes on if the cellular network hands out the last part of the old address again.",
        ),
        "A name is looked up once, before a connection begins. What runs has addresses, and nobody tells it of others"
        " (lab 01).",
    ),
    Item(
        ("M05", None, "M06a", "M06b"),
        (
            "HA passes a packet from CN on to MN, which is in another network. What travels between HA and MN?",
            "CN's packet, with another destination written over the old one.",
            "CN's whole packet inside another one.",
            "CN's data under HA's own addresses and ports.",
            "CN's packet as it was, and no longer than before.",
        ),
        (
            "A packet from CN reaches MN in another network by way of HA. Which addresses does a box between HA and MN read,"
            " and which does MN's TCP see?",
            "Both read: from CN, to MN's address in that network.",
            "The box reads: from HA, to MN's address in that network. TCP sees: from CN, to the home address.",
            "Both read: from HA, to MN's address in that network.",
            "Both read: from CN, to the home address; nothing is added for the way.",
        ),
        "HA puts the whole packet into another one, 40 octets longer; MN takes it out as CN had sent it (lab 02).",
    ),
    Item(
        ("M08a", None, "M07b", "M07a"),
        (
            "CN sends ten packets to MN's home address. MN, in another network, answers each straight to CN. How many"
            " packets pass HA?",
            "None: HA only brings the two together.",
            "The ten from CN, not the answers.",
            "All, in both directions.",
            "The ten from CN; a second copy of each goes straight to MN.",
        ),
        (
            "MN is in another network. CN sends five packets to MN's home address, and MN sends three straight to CN. How"
            " many of them pass HA?",
            "None: HA only brings the two together.",
            "Five.",
            "Eight.",
            "Five, and a second copy of each goes straight to MN.",
        ),
        "What is sent to the home address goes home first, and from there on to MN; what MN sends straight does not"
        " (lab 02).",
    ),
    Item(
        ("M12a", "M08b", None, "M08c"),
        (
            "MN registers with HA for 60 s, and its battery dies at once. What does HA do with a packet for MN that comes at"
            " 30 s, and with one at 120 s?",
            "It passes both on, until it is told otherwise.",
            "It passes neither on: it notices at once that MN has gone.",
            "It passes on the one at 30 s, not the one at 120 s.",
            "It passes neither on: MN has to ask for each packet.",
        ),
        (
            "MN registers with HA for 100 s. At 20 s it goes to a new network without a word. What does HA do with a packet"
            " for MN that comes at 50 s, and with one at 150 s?",
            "It sends both to the old network, until it is told otherwise.",
            "It sends both to the new network: it notices where MN is.",
            "It sends the one at 50 s to the old network, and does not pass on the one at 150 s.",
            "It passes neither on: MN has to ask for each packet.",
        ),
        "A binding holds for its lifetime, whatever happens to MN meanwhile, and no longer (lab 02).",
    ),
    Item(
        ("M10", "M09", None, "M06c"),
        (
            "Before CN believes that MN has moved, it sends one token to MN's home address (HA passes it on in an encrypted"
            " tunnel) and another straight to MN's new address; MN must show both. Who can still steal MN's packets?",
            "Nobody.",
            "Nobody; and it would have been enough that MN signs its message.",
            "Somebody who reads what passes between CN and HA.",
            "Anybody in the network that MN visits, since both tokens end there.",
        ),
        (
            "An attacker says to CN: “This home address is at my address now”; it is a stranger's. CN sends one token to the"
            " home address (HA passes it on to the stranger in an encrypted tunnel) and another to the attacker's address,"
            " and believes who shows both. The attacker sits beside CN, then beside the stranger. Where does it succeed?",
            "At neither place.",
            "At neither place; and it would have been enough to ask for a signature.",
            "Beside CN only.",
            "At both places: who is beside the stranger reads the token as well.",
        ),
        "Between CN and HA the first token is in the clear, and who holds both is believed; beside MN the tunnel hides it."
        " A signature would say who speaks, and not where (lab 03).",
    ),
    Item(
        ("M16", None, "M15", "M18b"),
        (
            "MN has one home address. A call and a download come from CN1, a web page from CN2, all by Wi-Fi; both have a"
            " binding. MN tells CN1 alone: “My home address is now at my cellular address.” What comes by cellular now?",
            "The call only, if that is what MN meant.",
            "The call and the download.",
            "All three.",
            "Nothing, until HA agrees.",
        ),
        (
            "MN has one home address. A film, a chat and a backup come from CN2, a game from CN1, all by Wi-Fi; both have a"
            " binding. MN tells CN2 alone: “My home address is now at my cellular address.” What comes by cellular now?",
            "The film only, if that is what MN meant.",
            "The film, the chat and the backup.",
            "All four.",
            "Nothing, until HA agrees.",
        ),
        "A binding has a home address and no flow in it, and the one who keeps it is the only one who has been told"
        " (lab 04).",
    ),
    Item(
        ("M17", "M18a", None, "M26a"),
        (
            "MN's Wi-Fi and cellular are both on. Nothing else is set up. By which of them does CN1's data arrive?",
            "By both, each packet by the faster one.",
            "By the one that CN1 prefers.",
            "By the one whose address CN1 has been told.",
            "By the one with the stronger signal.",
        ),
        (
            "A laptop is on Ethernet and on Wi-Fi at once. Nothing else is set up. By which of them does a server's data"
            " arrive?",
            "By both, each packet by the faster one.",
            "By the one that the server prefers.",
            "By the one whose address the server has been told.",
            "By the one with the better signal, so by Ethernet.",
        ),
        "A packet goes to the address that is written on it, and its sender knows no other (labs 00 and 04).",
    ),
    Item(
        ("M19a", "M19b", "M20", None),
        (
            "MN wants to know whether two packets from CN, one before and one after MN has moved, belong to the same call."
            " What should it compare?",
            "The destination port.",
            "Which application has the port open: that is enough.",
            "MN's address in the visited network, and the ports.",
            "The protocol, both ports, and CN's address.",
        ),
        (
            "MN has asked CN something, moves, and a packet comes from CN. Is it the answer, of the same flow as the"
            " question? What should MN compare?",
            "The port to which it came.",
            "Which application gets it: that is enough.",
            "MN's address in the visited network, and the ports.",
            "The protocol, both ports, and CN's address.",
        ),
        "A port or an application may have several flows, and the address in the visited network changes with each move"
        " (lab 05).",
    ),
    Item(
        ("M23a", "M22", "M23b", None),
        (
            "Home addresses are used to keep flows apart, so that each can move alone. MN has three interfaces, four flows"
            " to CN1 and two to CN2. How many home addresses does it need at least?",
            "6, one for each flow.",
            "3, one for each interface.",
            "2, one for each CN.",
            "4, one for each flow to CN1.",
        ),
        (
            "Home addresses are used to keep flows apart, so that each can move alone. MN has four interfaces, and two flows"
            " each to CN1, CN2 and CN3. How many home addresses does it need at least?",
            "6, one for each flow.",
            "4, one for each interface.",
            "3, one for each CN.",
            "2, one for each flow to CN1.",
        ),
        "Two flows to one CN need two home addresses; flows to different CNs may share one, for each CN keeps a binding of"
        " its own (lab 07).",
    ),
)


def form_of(student: Student, test: str) -> str:
    """The form that a student gets: who has an odd number begins with form A, an even one with form B, on paper too; at
    the end each gets the other one. An id without a digit falls by lot, always in the same way.
    """
    digits = [int(each) for each in "".join(sorted(student.ids)) if each.isdecimal()]
    odd = digits[-1] % 2 if digits else not student.ids or student.random("pre-test form").getrandbits(1)
    return FORMS[bool(odd) == (test == "post")]


def questions_of(test: str) -> dict[str, Question]:
    """All questions of a test, "pre" or "post", by names such as "pre-B3"; those of form B are like those of form A."""
    found = {}
    for number, item in enumerate(ITEMS, start=1):
        for form, (text, *options) in zip(FORMS, (item.a, item.b), strict=True):
            answers = {
                letter: Answer(words, "" if belief else item.why, belief)
                for letter, words, belief in zip("abcd", options, item.beliefs, strict=True)
            }
            answers[GAP_LETTER] = Answer(GAP_WORDS, "", GAP)
            like = f"{test}-{FORMS[0]}{number}" if form != FORMS[0] else ""
            question = Question(f"{test}-{form}{number}", text, answers, is_test=True, like=like)
            found[question.name] = question
    return found


def asked_of(student: Student, test: str) -> list[Any]:
    """The ten questions of a student's form, with what was answered."""
    return [prediction(f"{test}-{form_of(student, test)}{number}") for number in range(1, len(ITEMS) + 1)]


def sheet(student: Student, test: str) -> ipywidgets.VBox:
    """The questions of a student's form below each other."""
    asked = asked_of(student, test)
    said = ipywidgets.HTML()

    def count() -> None:
        stored = sum(each.chosen is not None for each in asked)
        ready = " That is all: save the notebook, and hand it in below." if stored == len(asked) else ""
        said.value = f"<p role='status'>{stored} of {len(asked)} answers are stored.{ready}</p>"

    count()
    for each in asked:
        each.when_stored(count)
    forms = [frame(ipywidgets.HTML(f"<p>{number} of {len(asked)}</p>"), each.form()) for number, each in enumerate(asked, 1)]
    return frame(ipywidgets.HTML(f"<p>{WHO}</p>"), *forms, said)


QUESTIONS = questions_of("pre")
EXERCISES: list[Any] = []
PARTS = {"questions": lambda student: sheet(student, "pre")}
"""The pieces that a notebook shows by `part("pre", name)`."""
