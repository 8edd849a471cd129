"""The student at work: a number, which chooses the stories, delays and programs of their labs.

`me` sets it for as long as the kernel runs; without a number everybody practises on the same variant.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from mipflow.course.notebook import in_words
from mipflow.errors import ProtocolMisuse, shown

PRACTICE = "practice"
ROSTER = "MIPFLOW_STUDENT"
"""The environment variable in which a marker puts the number of the roster; it goes before `me`."""
MOST_LETTERS = 64
T = TypeVar("T")


def word(number: str) -> str:
    """Return a student number as it may stand in the name of a file."""
    return "".join(c if c.isalnum() else "_" for c in number)


@dataclass(slots=True, frozen=True)
class Student:
    """One learner, or a pair, by their ids; without ids somebody who practises."""

    ids: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{' and '.join(self.ids)}: your own stories" if self.ids else "practice: the stories of everybody"

    @property
    def name(self) -> str:
        """The ids as a word that may stand in the name of a file."""
        return "-".join(map(word, self.ids)) or PRACTICE

    def random(self, what: str) -> Random:
        """Return the random stream of one thing, such as "07 links".

        It is the same for equal ids, in any order, on any machine, and for the form that the ids have in a file's name.
        """
        who = "/".join(sorted(word(each).casefold() for each in self.ids)) or "0"
        return Random(f"{who}/{what}")

    def dealt(self, what: str, among: Iterable[T]) -> T:
        """Draw one of several for one thing, such as "07 break"."""
        return self.random(what).choice([*among])


_me = Student()


@in_words
def me(*ids: str | int) -> Student:
    """Say who you are, by your student number: `me("1234567")`, and `me("first", "second")` for a pair.

    Your number chooses your stories, so your neighbor's answers differ. A wrong number is answered in words.
    """
    global _me
    words = []
    for each in ids:
        is_number = isinstance(each, int) and not isinstance(each, bool) and abs(each) < 10**MOST_LETTERS
        word = str(each).strip() if is_number or isinstance(each, str) else ""
        if not word or len(word) > MOST_LETTERS or not word.isprintable():
            why = f"me({shown(each)}); expected your student number, such as me('1234567'), or two of them for a pair"
            raise ProtocolMisuse(why, each)
        words.append(word)
    _me = Student(tuple(words))
    return student()


def student() -> Student:
    """Return the student at work: the number of the roster while somebody marks, else the one given to `me`."""
    roster = os.environ.get(ROSTER, "").strip()
    return Student(tuple(roster.split("+"))) if roster else _me
