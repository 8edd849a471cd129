"""The calls around an exercise: `check("7.3")` judges the answer in the notebook, `hint` and `film` help to find it.

Nothing goes to stderr, and whatever the answer is, there is no traceback: nbgrader would give no marks.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from types import CodeType
from typing import Any

from mipflow import arguments
from mipflow.course import notebook
from mipflow.course.exercises import apart
from mipflow.course.exercises.blocks import NoProgram
from mipflow.course.exercises.exercise import Exercise, Result, Share, Step, Verdict, failed
from mipflow.course.exercises.exercise import error as no_answer
from mipflow.course.exercises.trial import silence
from mipflow.course.identity import Student, student
from mipflow.course.notebook import Words, lines, words_of
from mipflow.course.progress import Progress, progress
from mipflow.course.source import exercise, exercises_of, lab_of
from mipflow.errors import MipflowError, shown
from mipflow.view.drawing.picture import html_table
from mipflow.view.story.words import count, series

WHOLE = 100_000
"""The most letters of an answer that tell it from another one: two packets begin alike for long."""
TRIES = 2
"""The first attempt whose steps show what is due; before it, one may find it out."""
PRINTED = "(What your function prints is not shown here. Call it in a cell of your own, and it is.)"
HEADINGS = {"passed": "Passed", "not attempted": "Not attempted", "wrong": "Not yet", "error": "Not yet"}

DOES_NOTHING = {"RESUME", "NOP", "CACHE", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
"""Instructions of a function that holds no more than a docstring, `...`, `pass` or `return`."""

ANSWERS = arguments.instance(Mapping, "answers by their names, as in {'assign': assign}")

_steps: dict[str, tuple[Step, ...]] = {}
"""Exercise -> the steps that its last check showed."""
_tried: dict[str, Any] = {}
"""Exercise -> the answer that was judged last."""
_endless: list[Any] = []
"""Functions that did not come back from a check, which are never called again."""


def check(number: str | float, answers: Mapping[str, Any] | None = None) -> Result:
    """Judge an exercise, by its number such as "7.3", show the result and return it; `.points` are the marks.

    The answer is taken by its name from the notebook, or from `answers`. There is always a result.
    """
    number = str(number) if isinstance(number, float) else number  # check(7.3) is easily written
    try:
        task, names = exercise(number), notebook.names() if answers is None else answers
        arguments.check(ANSWERS, answers=names)
    except MipflowError as error:
        return _shown(Result(shown(number, str)[:20], "error", 0, 0, f"{error}."), "")
    if answers is None and (words := _unmade(task)):
        return _shown(Result(number, "error", 0, task.points, words), "")
    given = task.taken(names)
    who, kept = student(), progress(lab_of(number))
    verdict, printed = judged(task, given, who)
    tries = _enter(task, given, verdict, who, kept)
    opened = kept.hints(number)
    has_more = opened < len(task.hints) and verdict.status in ("wrong", "error")
    more = f'hint("{number}") opens a hint.' if has_more else ""
    result = Result(
        number, verdict.status, verdict.points, task.points, verdict.feedback, verdict.misconception,
        evidence(verdict.steps, tries), verdict.shares, more,
    )  # fmt: skip
    notes = [PRINTED] * bool(printed) + [kept.note] * bool(kept.note)
    return _shown(result, " ".join(notes), _lost(verdict, tries))


def _unmade(task: Exercise) -> str:
    """Return words for an answer whose cell stopped with an error, for an older one is not judged; empty for others."""
    names = notebook.unmade((task.answer, *task.also))
    told = " and ".join(f"`{name}`" for name in names)
    return f"Your cell for {told} stopped with an error. Mend it and run it, then run this one." * bool(told)


def judged(task: Exercise, given: Any, who: Student) -> tuple[Verdict, bool]:
    """Return the verdict on an answer, whatever it is, and whether something was printed meanwhile."""
    with silence() as heard:
        try:
            empty = bool(task.is_empty(given)) or is_stub(given)
            verdict = Verdict("not attempted", 0, "") if empty else _judged(task, given, who)
        except MipflowError as error:
            verdict = failed(error)
        except KeyboardInterrupt:
            verdict = no_answer(notebook.STOPPED)
        except Exception as error:
            why = f"{type(error).__name__}: {shown(error, str)}"
            verdict = no_answer(f"This answer cannot be judged ({why}). Is {task.answer} what the exercise asks for?")
    if verdict.status == "not attempted":
        said = f"Write {task.answer} in the cell above, run that cell, then this one."
        if is_stub(given) and not is_untouched(given):
            said = f"Your {task.answer} changes nothing and gives nothing back. Mend it, run its cell, then this one."
        verdict = Verdict("not attempted", 0, said)
    _steps[task.number], _tried[task.number] = tuple(verdict.steps), given
    return verdict, heard.heard


def _judged(task: Exercise, given: Any, who: Student) -> Verdict:
    """Return the verdict of the exercise; a function is tried apart first."""
    if isinstance(given, NoProgram):
        return no_answer(given.why)
    if callable(given):
        why = apart.why_not(lambda: task.judge(given, who), task.answer, given)
        if why:
            _endless.append(given)
            return failed(why)
    return task.judge(given, who)


def steps_of(number: str) -> tuple[Step, ...]:
    """Return the steps of the story that went wrong in the last check of an exercise; none where none did."""
    return _steps.get(number, ())


def is_stub(given: Any) -> bool:
    """Return True for a function as the notebook has it before an answer: it only says "your turn", or nothing."""
    code = getattr(given, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    if is_untouched(given):
        return True
    says_nothing = all(any(each is one for one in (None, ..., given.__doc__)) for each in code.co_consts)
    return says_nothing and {each.opname for each in dis.get_instructions(code)} <= DOES_NOTHING


def is_untouched(given: Any) -> bool:
    """Return True for a function that only says "your turn"."""
    return getattr(getattr(given, "__code__", None), "co_names", None) == ("NotImplementedError",)


def evidence(steps: Sequence[Step], tries: int) -> list[dict[str, object]]:
    """Return the steps of a story as rows; from the second attempt on the last row says what is due."""
    rows = [dict(step.row) for step in steps]
    if rows and tries >= TRIES:
        rows[-1]["due"] = steps[-1].values.get("due", "")
    return rows


def _lost(verdict: Verdict, tries: int) -> Iterator[Words]:
    """Show the shortest story for each lost part of the points, folded; parts of one story stand together."""
    lost: dict[int, list[Share]] = {}
    for share in (each for each in verdict.shares if not each.earned and verdict.steps):
        lost.setdefault(id(share.steps[-1]) if share.steps else 0, []).append(share)
    for shares in lost.values():
        steps, what = shares[0].steps, series([f"“{each.words}” ({each.of})" for each in shares])
        if not steps:
            yield words_of(f"Nothing is earned for {what}: no story comes to it, or all answers are alike.")
        elif steps[-1] is not verdict.steps[-1]:
            told = f"Lost, {what}: the shortest story, in {count(len(steps), 'step')}"
            rows = evidence(steps, tries)
            html = f"<details><summary>{escape(told)}</summary>{html_table(rows)}</details>"
            yield Words(html, "\n".join([f"{told}:", *lines(rows)]))


@notebook.in_words
def hint(number: str) -> None:
    """Open the next hint of an exercise; each waits for a new attempt."""
    task, kept = exercise(number), progress(lab_of(number))
    opened, tries = kept.hints(number), len(kept.attempts(number))
    if not task.hints:
        return notebook.show_words(f"{number} has no hints.")
    if opened < len(task.hints) and tries > opened:
        kept.open_hint(student(), number)
        opened += 1
    elif opened < len(task.hints):
        what = "the first hint waits for your first attempt" if not opened else "the next one waits for a new attempt"
        notebook.show_words(f"Try first, then ask: {what}. A wrong attempt costs nothing.")
    for place, words in enumerate(task.hints[:opened], start=1):
        notebook.show_words(f"Hint {place} of {len(task.hints)}: {words}")
    return None


@notebook.in_words
def film(number: str, answers: Mapping[str, Any] | None = None) -> Any:
    """Show the learner's function at work inside the simulated node, right or wrong.

    It plays the story that the last check found to go wrong, or one of the student's.
    """
    task, who = exercise(number), student()
    if task.film is None:
        return notebook.show_words(f"{number} has no film.")
    if answers is None and (words := _unmade(task)):
        return notebook.show_words(words)
    names = notebook.names() if answers is None else answers
    arguments.check(ANSWERS, answers=names)
    given = names.get(task.answer)
    if isinstance(given, NoProgram):
        return notebook.show_words(given.why)
    mine = given if callable(given) and not is_stub(given) else None
    if mine is not None and _tried.get(number) is not mine:
        judged(task, mine, who)
    if any(function is each for each in _endless for function in names.values()):
        return notebook.show_words("A function of yours did not come to an end in its check: mend that, then it runs.")
    with silence():
        return task.film(mine, who, steps_of(number))


def _enter(task: Exercise, given: Any, verdict: Verdict, who: Student, kept: Progress) -> int:
    if verdict.status == "not attempted":
        return len(kept.attempts(task.number))
    told = [step.told for step in verdict.steps]
    # Where another cell was mended, the same answer is another attempt.
    answer = shown(verdict.steps[-1].answer, str) if verdict.steps else shown(given)
    mark = f"{_text(given)}\n{verdict.status} {verdict.points}"
    return kept.add(
        who, task.number, mark, status=verdict.status, points=verdict.points, said=verdict.feedback,
        matched=verdict.matched, misconception=verdict.misconception, story=told, gave=answer,
    )  # fmt: skip


def _text(given: Any) -> str:
    """Return an answer as a text that tells it from others."""
    if callable(given):
        try:
            return inspect.getsource(given)
        except (OSError, TypeError):
            code = getattr(given, "__code__", given)
            return f"{getattr(code, 'co_code', '')!r} {shown(getattr(code, 'co_consts', given), longest=WHOLE)}"
    return shown(given, longest=WHOLE)


def _shown(result: Result, note: str, lost: Iterable[Words] = ()) -> Result:
    heading = f"{result.number} · {HEADINGS[result.status]}"
    heading += f" · {result.points} of {result.of} points" if result.of else ""
    parts = [Words(f"<p><b>{escape(heading)}</b></p>", heading), words_of(result.feedback)]
    if result.shares and result.status != "passed":
        rows: list[dict[str, object]] = [
            {"for": each.words, "points": f"{each.earned} of {each.of}"} for each in result.shares
        ]
        parts.append(Words(html_table(rows, "Points"), "; ".join(f"{row['for']}: {row['points']}" for row in rows)))
    if result.evidence:
        steps = len(result.evidence)
        story = "The shortest story that goes wrong" + (f", in {count(steps, 'step')}" if steps > 1 else "")
        html = f"<details open><summary>{escape(story)}</summary>{html_table(result.evidence)}</details>"
        parts.append(Words(html, "\n".join([f"{story}:", *lines(result.evidence)])))
    parts += [*lost, *(words_of(words) for words in (result.next_hint, note) if words)]
    html = "".join(each.html for each in parts)
    notebook.show(f"<div class='mipflow-check' role='status'>{html}</div>", "\n".join(each.text for each in parts))
    return result


@notebook.in_words
def part(lab: str, name: str) -> Any:
    """Return a part of a lab by its name, made for the student at work, such as their own run."""
    known: dict[str, Callable[[Student], Any]] = exercises_of(lab_of(lab)).PARTS
    arguments.check(arguments.one_of(*known), name=name)
    return known[name](student())
