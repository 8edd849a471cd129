"""How much of its points a neighbor's right answer earns, by lab and exercise, where all is changed but the number.

    python -m tests.labs.copied           all labs; exit status 1 where docs/teaching.md says less
    python -m tests.labs.copied 07        some

Right answers are those of a round with nbgrader (tests/labs/nbgrader_round.py), for numbers that follow each other.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from itertools import permutations
from unittest.mock import patch

from mipflow.course.exercises.checks import judged
from mipflow.course.identity import Student
from mipflow.course.source import exercises_of
from tests.labs import nbgrader_round
from tests.labs.nbgrader_round import ANSWERS, REPOSITORY, TEACHING

FIRST, MANY = 2210101, 12
HEAD = "<!-- made by tests/labs/copied.py -->"


def copied(lab: str, many: int = MANY) -> dict[str, float]:
    """The mean share of its points, in percent, that another number's right answer earns, by exercise."""
    exercises, own = exercises_of(lab), dict[Student, dict[str, object]]()
    for number in range(FIRST, FIRST + many):
        student = Student((str(number),))
        with patch.object(nbgrader_round, "STUDENT", student):
            given = ANSWERS[lab](exercises).own
        own[student] = {}
        for each in exercises.EXERCISES:
            if each.number in given:
                names: dict[str, object] = {}
                exec(f"from scapy.layers.inet6 import *\n{given[each.number]}", names)
                own[student][each.number] = each.taken(names)
    pairs = [*permutations(own, 2)]
    return {
        each.number: 100 * sum(judged(each, own[other][each.number], mine)[0].points for mine, other in pairs)
        / (each.points * len(pairs))
        for each in exercises.EXERCISES if each.number in next(iter(own.values()))
    }  # fmt: skip


def told() -> dict[str, float]:
    """The same as docs/teaching.md has it."""
    table = TEACHING.read_text(encoding="utf-8").partition(HEAD)[2].partition("<!-- end -->")[0]
    return {number: float(share) for number, share in re.findall(r"(\d\.\w+) (\d+) %", table)}


def main(labs: Sequence[str]) -> int:
    """Measure and print the rows of the page's table; 1 where a share is higher than the page says."""
    page, more = told(), 0
    for lab in labs or sorted(ANSWERS):
        found = copied(lab)
        print(f"| {lab} | {', '.join(f'{number} {share:.0f} %' for number, share in found.items())} |", flush=True)
        more += sum(share > page.get(number, -1) + 0.5 for number, share in found.items())
    return bool(more)


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    sys.exit(main(sys.argv[1:]))
