"""The comparison of submissions with the roster, before anything is marked: learners missing, files without an owner.

Takes a folder of zips and the list of student numbers; gives a section with numbers in it, for the teacher alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from mipflow.course.classroom.classroom import Row, Section
from mipflow.course.classroom.submissions import NAMED, handed_in, is_called, named
from mipflow.course.identity import PRACTICE, Student, word
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.files import read_text
from mipflow.view.story.words import count, series

HEADS = ("id", "student_id", "student id", "student number", "number", "matriculation number", "matrikelnummer")
MOST_OCTETS = 5_000_000


def read_roster(path: Path) -> list[str]:
    """Return the numbers of a roster, one a line or in a column of a CSV.

    The column is the one called "id" or the like, else the first. Raises DatasetError where there is no number.
    """
    text = read_text(path, MOST_OCTETS, "expected a list of student numbers, one a line").removeprefix("\ufeff")
    mark = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=mark) if any(row)]
    except csv.Error as error:
        raise DatasetError(f"{shown(str(path))} is no list of student numbers ({error})", path) from error
    head = [cell.casefold() for cell in rows[0]] if rows else []
    at = next((head.index(name) for name in HEADS if name in head), None)
    found = [row[at or 0] for row in rows[at is not None :] if len(row) > (at or 0) and row[at or 0]]
    if not found:
        raise DatasetError(f"{shown(str(path))} holds no student number; expected one a line, or a column “id”", path)
    return list(dict.fromkeys(found))


def roster(folder: Path, numbers: Iterable[str]) -> Section:
    """Compare the names of the zips in a folder with the numbers of a roster."""
    forms = {word(number).casefold(): number for number in numbers}
    here: dict[str, dict[str, list[str]]] = {}
    odd: list[Row] = []
    for path in sorted(each for each in folder.rglob("*") if each.suffix.casefold() == ".zip"):
        name = str(path.relative_to(folder))
        owner, wrong = _read(path, forms)
        odd += [{"file": name, "what": what} for what in wrong]
        if owner is not None:
            here.setdefault(owner[0], {}).setdefault(owner[1], []).append(name)
    words = []
    for lab, given in sorted(here.items()):
        members = {each for pair in given for each in pair.split("-")}
        gone = [number for form, number in forms.items() if form not in members]
        words.append(f"{lab}: {len(members)} of {len(forms)} are here; missing: {series(gone) if gone else 'nobody'}.")
        odd += [
            {"file": name, "what": f"one of {count(len(names), 'file')} of {forms.get(who, who)}; keep one"}
            for who, names in given.items() if len(names) > 1 for name in names
        ]  # fmt: skip
    if not here:
        words.append(f"No zip is named after anybody of this roster; {count(len(forms), 'number')} stand in it.")
    words.append("To be looked at before you collect:" if odd else "Every file has its owner.")
    return Section("The roster", words, odd)


def _read(path: Path, forms: dict[str, str]) -> tuple[tuple[str, str] | None, list[str]]:
    """Return lab and owner by the name of a zip, None where it is nobody's of the roster, and what is wrong with it."""
    found, inside, wrong = NAMED.match(path.name), None, list[str]()
    try:
        inside = handed_in(path)[0].who
    except MipflowError as error:
        wrong.append(str(error).replace(shown(str(path)), "it"))
    who = _whose(found["all"], forms) if found else ()
    if not found or not who:
        return None, [*wrong, "no number was given" if named(path)[0] == PRACTICE else "not of this roster"]
    if inside is not None and not is_called(found["all"].casefold(), _folded(inside)):
        wrong.append(f"its notebook ran as {inside.name}")
    return (path.name[found.end("all") + 1 :][:5], "-".join(sorted(who))), wrong


def _whose(name: str, forms: dict[str, str]) -> tuple[str, ...]:
    """Return the numbers, of one learner or a pair, at the end of a name; none where one of them is unknown."""
    rest, found = name.casefold(), list[str]()
    while rest:
        last = max((form for form in forms if re.search(rf"(?:^|[-_ ]){re.escape(form)}$", rest)), key=len, default="")
        if not last:
            return ()
        found.append(last)
        rest = rest[: -len(last)]
        if not rest.endswith("-"):
            break
        rest = rest[:-1]
    return tuple(found)


def _folded(who: Student) -> Student:
    return Student(tuple(each.casefold() for each in who.ids))
