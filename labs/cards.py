"""Reads off the sources of the labs what stands on their first cells, and what their cells are marked with.

The start page's map is made of it, and the tables of docs/teaching.md: they follow by themselves.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

KINDS = ("code", "own run", "by hand", "break it", "explained")
"""Of marks: written in Python; read off the learner's own run; worked out or chosen; a wrong program broken; words that
a person reads.
"""
CORE = re.compile(r"\*\*Core \([^)]*\) (\d+) minutes; all of it (\d+)")
MINUTES = re.compile(r"(\d+) minutes")
NEEDS = re.compile(r"You need ((?:[^.]|\.(?!\s))*)")
PATENT = re.compile(r"\[The patent\]\(word:the-patent\) \(WO 2004/057826\), (pages? [^;.]*)")
RFCS = re.compile(r"; (RFC (?:[^.]|\.(?!\s))*)")
TAG = re.compile(r'"(answer|check|essay):([\w.]+)(?::(\d+))?"')
BLOCKS = re.compile(r'\bblocks\("([\w.]+)"')
CODE = re.compile(r"^(def|import|from) ", re.MULTILINE)
REGION = re.compile(r"(<!-- made by labs/build\.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Mark(NamedTuple):
    """Points of one cell; `kind` is one of KINDS."""

    exercise: str
    kind: str
    points: int


class Card(NamedTuple):
    """A lab: its number and first cell, and its marks. `file`: its name without ending, "" for one to come; minutes as
    words, `core` those for a class; `able`: what one can after it; patent, rfcs: where it comes from; `blocks`:
    the exercises that need no Python.
    """

    lab: str
    title: str
    file: str = ""
    core: str = ""
    minutes: str = ""
    needs: tuple[str, ...] = ()
    able: tuple[str, ...] = ()
    patent: str = ""
    rfcs: str = ""
    marks: tuple[Mark, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        """Its title, which leads to its notebook if that is there."""
        return f"[{self.title}]({self.file}.ipynb)" if self.file else f"{self.title} (to come)"


def card(source: Path) -> Card:
    """Return the card that a lab's source gives of it."""
    first, *cells = source.read_text(encoding="utf-8").split("\n# %%")
    title, *told = (line.removeprefix("#").strip() for line in first.split("\n")[1:])
    text = " ".join(told)
    core, alone, needs = CORE.search(text), MINUTES.search(text), NEEDS.search(text)
    patent, rfcs = PATENT.search(text), RFCS.search(text)
    return Card(
        source.name[:2], title.removeprefix("# "), source.stem, core[1] if core else "",
        core[2] if core else alone[1] if alone else "", tuple(re.findall(r"lab (\d\d)", needs[1])) if needs else (),
        tuple(_able(told)), patent[1] if patent else "", rfcs[1] if rfcs else "", tuple(_marks(cells)),
        tuple(sorted({found for cell in cells for found in BLOCKS.findall(cell)})),
    )  # fmt: skip


def _able(told: Sequence[str]) -> list[str]:
    """Return the points of the list under "you can"."""
    points: list[str] = []
    begun = False
    for line in told:
        begun = begun or line.endswith("you can")
        if begun and line.startswith("- "):
            points.append(line[2:])
        elif begun and points and line:
            points[-1] += f" {line}"
        elif points:
            break
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", point).rstrip(";.") for point in points]


def _marks(cells: Sequence[str]) -> list[Mark]:
    marks, heading, is_code = [], "", {}
    for cell in cells:
        tag = TAG.search(cell.split("\n")[0])
        heading = (re.findall(r"^# ## (.+)$", cell, re.MULTILINE) or [heading])[-1]
        if tag and tag[1] == "answer":
            is_code[tag[2]] = CODE.search(cell) is not None
        elif tag:
            kind = "by hand"
            if tag[1] == "essay":
                kind = "explained"
            elif is_code.get(tag[2]):
                kind = "code"
            elif tag[2].endswith(".R"):
                kind = "own run"
            elif "Break it" in heading:
                kind = "break it"
            marks.append(Mark(tag[2], kind, int(tag[3])))
    return marks


def cards(labs: Path) -> list[Card]:
    """Return all labs in order: those that are there, and those of plan.csv that are to come."""
    known: dict[str, Card] = {}
    with (labs / "plan.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            needs = tuple(row["needs"].split())
            known[row["lab"]] = Card(row["lab"], row["title"], "", row["core"], row["minutes"], needs)
    known |= {source.name[:2]: card(source) for source in (labs / "source").glob("[0-9][0-9]_*.py")}
    return [known[lab] for lab in sorted(known)]


def lab_map(labs: Path) -> str:
    """Return the start page's table, with the test before all labs and the one after them."""
    before, after = ([card(each) for each in (labs / "source").glob(f"{when}_test.py")] for when in ("pre", "post"))
    known = [each._replace(lab="") for each in before], cards(labs), [each._replace(lab="") for each in after]
    rows = [[each.lab, each.link, each.minutes, each.core, ", ".join(each.needs)] for part in known for each in part]
    return _table(["lab", "title", "minutes", "of them core", "after"], rows)


def taught(page: str, labs: Path) -> str:
    """docs/teaching.md with its tables made anew."""
    known = cards(labs)
    with (labs.parent / "docs" / "teaching.csv").open(encoding="utf-8", newline="") as file:
        more = {row["lab"]: row for row in csv.DictReader(file)}
    made = {"objectives": _objectives(known, more), "sources": _sources(known, more), "marks": _marked(known)}
    return REGION.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


def _objectives(known: Sequence[Card], more: dict[str, dict[str, str]]) -> str:
    rows = []
    for each in known:
        name = f"[{each.title}](../labs/{each.file}.ipynb)" if each.file else each.link
        able = "; ".join(each.able) or more.get(each.lab, {}).get("able", "")
        minutes = f"{each.minutes} ({each.core})" if each.core else each.minutes
        rows.append([each.lab, name, minutes, ", ".join(each.needs), able])
    return _table(["lab", "title", "minutes (core)", "after", "one can then"], rows)


def _sources(known: Sequence[Card], more: dict[str, dict[str, str]]) -> str:
    rows = []
    for each in known:
        own = more.get(each.lab, {})
        said = each.patent or own.get("patent", ""), own.get("rfc", "") or each.rfcs, own.get("textbook", "")
        rows.append([each.lab, *said])
    return _table(["lab", "patent", "RFCs", "Kurose and Ross"], rows)


def _marked(known: Sequence[Card]) -> str:
    rows = []
    for each in known:
        points = [sum(mark.points for mark in each.marks if mark.kind == kind) for kind in KINDS]
        if any(points):
            share = f"{100 * points[0] / sum(points):.0f} %"
            rows.append([each.lab, *map(str, points), str(sum(points)), share, ", ".join(each.blocks)])
    return _table(["lab", *KINDS, "all", "code is", "blocks for"], rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *lines = ("| " + " | ".join(row) + " |" for row in (names, *rows))
    return "\n".join([first, "|" + "---|" * len(names), *lines])
