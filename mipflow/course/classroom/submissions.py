"""The reading of what was handed in: by whom, of which lab, with which progress, and oral questions about it.

Takes zips that `course.handin` makes, nbgrader's folders `submitted/ID/labNN`, or files of progress alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from mipflow.course.handin import members, octets
from mipflow.course.identity import PRACTICE, ROSTER, Student, student
from mipflow.course.progress import FORM, parsed
from mipflow.course.source import exercises_of, lab_of
from mipflow.errors import DatasetError, ProtocolMisuse, shown

PROGRESS = re.compile(r"progress-(lab\d\d|pre|post)\.json")
NAMED = re.compile(r"(?P<all>(?:.*[_ ](?=[^_ -]*\d))?(?P<who>[^/\\]+?))-(?:lab\d\d|pre|post)(?!\w)")
"""The name of a zip: the student number, with words of a course server before it and of a browser behind it."""


class HandedIn(NamedTuple):
    """A submission: the student, the lab, and the content of the file of progress (`course.progress`)."""

    who: Student
    lab: str
    kept: dict[str, Any]


def handed_in(path: str | os.PathLike[str]) -> list[HandedIn]:
    """Return what a zip holds that was handed in, or a file of progress itself. Raises DatasetError for any other."""
    content, name = octets(path), shown(str(path))
    try:
        is_itself = PROGRESS.fullmatch(Path(path).name)
        texts = [content] if is_itself else members(content, PROGRESS.fullmatch).values()
        found = [_whose(parsed(text)) for text in texts]
    except DatasetError as error:
        raise DatasetError(f"{name} cannot be read: {error}", path) from error
    if not found:
        raise DatasetError(f"{name} holds no progress: nothing was checked or predicted in it", path)
    return found


def _whose(kept: dict[str, Any]) -> HandedIn:
    if kept["form"] > FORM:
        raise DatasetError(f"it is of a newer kit ({shown(kept.get('kit'))}): update mipflow", None)
    try:
        who = Student(tuple(map(str, kept["who"])))
        return HandedIn(Student() if who.ids == (PRACTICE,) else who, lab_of(kept["lab"]), kept)
    except (TypeError, KeyError, ProtocolMisuse) as error:
        raise DatasetError(f"it does not say whose it is, and of which lab ({shown(error, str)})", None) from error


def named(path: Path) -> tuple[str, str]:
    """Return the number in the name of a zip, or in nbgrader's `submitted/ID/labNN`, and all that stands in its place.

    The latter may begin with a course server's words. Both are empty where there is no number.
    """
    found = NAMED.match(f"{path.parent.parent.name}-{path.parent.name}" if PROGRESS.fullmatch(path.name) else path.name)
    return (found["who"], found["all"]) if found else ("", "")


def is_called(name: str, who: Student) -> bool:
    """Return True where a name ends with a student's number, or with a pair's two in any order."""
    forms = {who.name, Student(who.ids[::-1]).name}
    return any(name == form or name.endswith((f"_{form}", f" {form}")) for form in forms)


def whose(path: str | os.PathLike[str], inside: Student) -> tuple[Student, str]:
    """Return the student by whose stories a submission is marked, and a sentence where the notebook ran as another.

    That is the number of the roster, else the one in the file's name, else the one inside.
    """
    number, name = named(Path(path).absolute())
    who, says = Student(tuple(number.split("-"))), f"The zip is named after {number}, and its"
    if os.environ.get(ROSTER, "").strip():
        who, name = student(), student().name
        says = f"{ROSTER} says {name}, and the"
    if not name or is_called(name, inside):
        return inside, ""
    return who, f"{says} notebook ran as {inside.name}: these are {who.name}'s questions."


def viva(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Return three oral questions about a submission, with their answers. Raises DatasetError for anything else."""
    inside, lab, kept = handed_in(path)[0]
    who, _ = whose(path, inside)
    exercises = exercises_of(lab)
    if not hasattr(exercises, "viva"):
        raise DatasetError(f"lab {lab} has no oral questions", lab)
    try:
        asked: list[tuple[str, str]] = exercises.viva(who, kept["attempts"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # a learner may have edited them
        why = f"the attempts in {shown(str(path))} cannot be read ({type(error).__name__}: {shown(error, str)})"
        raise DatasetError(why, path) from error
    return asked
