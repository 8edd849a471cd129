"""The post-test, after lab 08: the other form of the ten questions of labs/exercises/pre.py, and what is so.

Only here something is said of the answers, question by question, once all are stored; nothing is counted for anybody
(`mipflow class` does it for a class).
"""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from mipflow.course.identity import Student
from mipflow.course.predictions import GAP, Answer
from mipflow.course.progress import progress
from mipflow.course.source import exercises_of
from mipflow.lab.panels.panel import show_in

_pre = exercises_of("pre")


def _before(name: str) -> str:
    """A question of the pre-test, with the answer in this folder; empty where there is none."""
    kept, asked = progress("pre").predictions(name), _pre.QUESTIONS[name]
    answer = asked.answers.get(kept[-1]["answer"]) if kept else None
    return "" if answer is None else f"Before the labs: {asked.text} You said then: {_told(answer, kept[-1].get('confidence'))}"


def _told(answer: Answer, confidence: Any) -> str:
    """An answer, and what it was: one who does not know yet is not wrong."""
    mark = ": right." if answer.misconception is None else "." if answer.misconception == GAP else ": not so."
    return f"“{answer.text}”" + f" ({confidence})" * bool(confidence) + mark


def answers(student: Student) -> ipywidgets.Output:
    """Say what is so, beside both answers, once all ten are stored."""
    asked, output = _pre.asked_of(student, "post"), ipywidgets.Output()

    def show() -> None:
        missing = sum(each.chosen is None for each in asked)
        if missing:
            show_in(output, f"Waits for your answers to the questions above: {missing} to go.")
            return
        form = _pre.form_of(student, "pre")
        parts = []
        for number, each in enumerate(asked, start=1):
            right = next(answer for answer in each.question.answers.values() if answer.misconception is None)
            _, sure, _ = each.last
            lines = [
                f"<b>{number}. {escape(each.question.text)}</b>",
                f"So it is: “{escape(right.text)}” {escape(right.feedback)}",
                escape(f"You said: {_told(each.question.answers[each.chosen], sure)}"),
            ]
            if before := _before(f"pre-{form}{number}"):
                lines.append(escape(before))
            parts.append(f"<p>{'<br>'.join(lines)}</p>")
        show_in(output, "".join(parts))

    show()
    for each in asked:
        each.when_stored(show)
    return output


QUESTIONS = _pre.questions_of("post")
EXERCISES: list[Any] = []
PARTS = {"questions": lambda student: _pre.sheet(student, "post"), "answers": answers}
"""The pieces that a notebook shows by `part("post", name)`."""
