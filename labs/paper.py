"""The pre-test and post-test as a page to print: both forms, each on one sheet of A4, and the teacher's key on its own.

labs/build.py writes it to docs/pretest.html; the words are those of labs/exercises/pre.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from html import escape
from pathlib import Path

from exercises.pre import FORMS, GAP_LETTER, GAP_WORDS, ITEMS, WHO, questions_of

from mipflow.course.predictions import CONFIDENCE, Question

CATALOGUE = Path(__file__).resolve().parent.parent / "datasets" / "misconceptions.csv"
STYLE = """
@page { size: A4; margin: 12mm 15mm }
body { font: 9.5pt/1.34 Arial, "Liberation Sans", Helvetica, sans-serif; color: #000; background: #fff;
  max-width: 180mm; margin: 0 auto }
h1 { font-size: 15pt; margin: 0 0 2mm } h2 { font-size: 12pt; margin: 4mm 0 1mm }
p { margin: 0 0 2mm }
section { break-before: page } section:first-of-type { break-before: auto }
.who { margin: 0 0 3mm }
.line { display: inline-block; width: 38mm; border-bottom: 0.3mm solid #000; margin-right: 5mm }
.given { border: 0.3mm solid #555; padding: 1.5mm 2.5mm }
.item { break-inside: avoid; margin: 0 0 4mm } .item p { font-weight: bold; margin: 0 0 1mm }
.half { break-before: page }
ul { list-style: none; margin: 0; padding: 0 0 0 2mm } li { padding-left: 11mm; text-indent: -11mm; margin: 0.4mm 0 }
.box { display: inline-block; width: 3mm; height: 3mm; border: 0.3mm solid #000; vertical-align: -0.3mm;
  margin-right: 1.6mm }
.sure { margin: 1mm 0 0 2mm } .sure span + span { margin-left: 5mm }
table { border-collapse: collapse; width: 100%; font-size: 7.4pt; line-height: 1.25; margin: 0 0 3mm }
td:last-child { width: 30% }
th, td { border: 0.2mm solid #555; padding: 0.6mm 1.4mm; text-align: left; vertical-align: top }
thead th { background: #eee } td.right { font-weight: bold }
tr { break-inside: avoid }
"""
BOX = "<span class='box'></span>"
HALF = 5
"""Questions on the front of a sheet."""


def page() -> str:
    """Return the whole page as HTML; it needs no network."""
    asked = list(questions_of("pre").values())
    sheets = "".join(_sheet(form, [each for each in asked if each.name.startswith(f"pre-{form}")]) for form in FORMS)
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>Pre-test and post-test</title>"
        f"<style>{STYLE}</style></head>\n<body><main>\n{sheets}{_key()}</main></body></html>\n"
    )


def _sheet(form: str, asked: list[Question]) -> str:
    intro = (
        "Ten questions, ten minutes, no marks. For each: one answer, and how sure you are."
        f" “{GAP_WORDS}” is always a good answer. Alone, please, and without a helper."
    )
    when = f"{BOX}before the labs &nbsp; &nbsp; {BOX}after the labs"
    items = "\n".join(_item(number, each) for number, each in enumerate(asked, start=1))
    return (
        f"<section><h1>Ten questions about moving networks: form {form}</h1>"
        f"<div class='who'>Number <span class='line'></span>Date <span class='line'></span>{when}</div>"
        f"<p>{intro}</p><p class='given'>{escape(WHO)}</p>\n{items}</section>\n"
    )


def _item(number: int, question: Question) -> str:
    options = "".join(
        f"<li>{BOX}<b>{letter}</b>&nbsp; {escape(each.text)}</li>" for letter, each in question.answers.items()
    )
    sure = "".join(f"<span>{BOX}{word}</span>" for word in CONFIDENCE)
    kind = "item half" if number == HALF + 1 else "item"
    return (
        f"<div class='{kind}'><p>{number}. {escape(question.text)}</p><ul>{options}</ul>"
        f"<div class='sure'>How sure are you? &nbsp; {sure}</div></div>"
    )


def _key() -> str:
    """Return the teacher's page."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        beliefs = {row["id"]: row["belief"] for row in csv.DictReader(file)}
    rows = []
    for number, item in enumerate(ITEMS, start=1):
        cells = [
            "<td class='right'>right</td>" if each is None else f"<td>{each} {escape(beliefs[each])}</td>"
            for each in item.beliefs
        ]  # fmt: skip
        rows.append(f"<tr><th scope='row'>{number}</th>{''.join(cells)}<td>{escape(item.why)}</td></tr>")
    head = "".join(f"<th scope='col'>{each}</th>" for each in ("no.", "a", "b", "c", "d", "why"))
    return (
        "<section><h1>Key, for the teacher</h1>"
        "<p>The letters of both forms stand for the same beliefs, by their numbers in datasets/misconceptions.csv."
        f" {GAP_LETTER}, “{GAP_WORDS}”, is a gap and no belief.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        + "".join(f"<p>{each}</p>" for each in _use())
        + "</section>\n"
    )


def _use() -> Iterator[str]:
    yield (
        "<b>How to use it.</b> Before lab 00, form A for odd student numbers and form B for even ones; after lab 08"
        " each gets the other form, at the same place, for the same ten minutes. So a harder form cannot pass for"
        " learning, or hide it. The notebooks pre_test and post_test choose the form in the same way, and put the"
        " answers in another order for each student."
    )
    yield (
        "<b>Nothing is marked.</b> A <i>certain</i> wrong answer is a belief to teach against, a <i>guessed</i> one"
        " only a gap. Count by question: right, and of the wrong ones those that are certain; begin with the question"
        " that has most of them."
    )
    yield (
        "<b>Gain of the class</b> = (post - pre) / (10 - pre), where <i>pre</i> and <i>post</i> are the mean numbers of"
        " right answers of those who wrote both: the share of what could still be learned that was learned. For a"
        " class, not for a person: ten questions are too few to mark anybody. <code>mipflow class</code> counts this"
        " where the tests were written in the notebooks."
    )
