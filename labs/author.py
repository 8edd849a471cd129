"""`python labs/build.py --new 12_name`: begins a lab, a small true one to be changed as docs/writing-labs.md says."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from cards import Card, card

NAME = re.compile(r"([0-9]{2})_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)")
OF_TEMPLATE = "99"
ROW = re.compile(r"^\| \[\d\d_\w+\]\(labs/.*\n", re.MULTILINE)
NEXT = """\
Lab {lab} is there, and all of it works. Next (docs/writing-labs.md takes an hour):
1. open labs/{name}.ipynb (mipflow lab), choose Run > Run All Cells, and answer once wrongly
2. change a TODO in labs/source/{name}.py or labs/exercises/lab{lab}.py, then: python labs/build.py
3. python -m pytest -q tests/labs/test_every_lab.py -k lab{lab}
4. README.md has a row of your lab; say there what one does in it"""


def new(name: str, labs: Path) -> str:
    """Write source, exercises and the README's row of a new lab from labs/template; gives what to do next. Raises
    ValueError, in a line, for a name that cannot be and a number that is taken.
    """
    found = NAME.fullmatch(name)
    taken = _taken(labs)
    free = next(number for number in map("{:02}".format, range(12, 100)) if number not in taken)
    if found is None:
        raise ValueError(
            f"{name!r} is no name of a lab; expected two digits, then words in small letters, such as {free}_my_lab"
        )
    lab, words = found[1], found[2].replace("_", " ")
    if lab in taken:
        raise ValueError(
            f"lab {lab} is there, or is to come: {taken[lab]}; choose another number, such as {free}_{found[2]}"
        )
    templates = labs / "template"
    source, exercises = ((templates / each).read_text(encoding="utf-8") for each in ("source.py", "exercises.py"))
    begun = labs / "source" / f"{name}.py"
    begun.write_text(_numbered(source, lab).replace("TITLE", words[0].upper() + words[1:]), encoding="utf-8")
    (labs / "exercises" / f"lab{lab}.py").write_text(_numbered(exercises, lab), encoding="utf-8")
    _enter(card(begun), labs.parent / "README.md")
    return NEXT.format(lab=lab, name=name)


def _taken(labs: Path) -> dict[str, str]:
    """Return the numbers that a lab has, each with what it is."""
    with (labs / "plan.csv").open(encoding="utf-8", newline="") as file:
        taken = {row["lab"]: row["title"] for row in csv.DictReader(file)}
    taken |= {each.stem[3:]: each.name for each in (labs / "exercises").glob("lab[0-9][0-9].py")}
    return taken | {each.name[:2]: each.name for each in (labs / "source").glob("[0-9][0-9]_*.py")}


def _numbered(text: str, lab: str) -> str:
    return text.replace(f"{OF_TEMPLATE}.", f"{int(lab)}.").replace(OF_TEMPLATE, lab)


def _enter(begun: Card, readme: Path) -> None:
    """A row in the README's table of labs, in its order."""
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    rows = [found for found in ROW.finditer(text) if found[0] < f"| [{begun.file}]"]
    if rows:
        told = f"{begun.minutes} minutes, {begun.core} of them core | TODO: what one does in it"
        row = f"| [{begun.file}](labs/{begun.file}.ipynb), {told} |\n"
        readme.write_text(text[: rows[-1].end()] + row + text[rows[-1].end() :], encoding="utf-8")
