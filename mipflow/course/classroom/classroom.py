"""The counts of a class in a folder of submissions: its predictions, beliefs and gain, and nothing about one person.

Takes the zips that learners handed in, or nbgrader's folder `submitted`; gives counts as sections, which a terminal or
a page shows, and as rows. Other files in the folder are named and left out.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from io import StringIO
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from mipflow.course.classroom.submissions import PROGRESS, HandedIn, handed_in
from mipflow.course.predictions import CONFIDENCE, GAP, Answer, Question
from mipflow.course.source import exercises_of
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.files import AnyPath, written_whole
from mipflow.lab.folders import find_folder
from mipflow.view.drawing.page import whole
from mipflow.view.drawing.picture import html_table
from mipflow.view.story.words import count

NOT_SAID = "not said"
FEWEST = 2
"""The fewest learners about whom something is said together."""
MOST_BELIEFS = 12
WIDTH = 110
LAB_IN_A_NAME = re.compile(r"-?(lab\d\d|pre|post)\b")
CERTAIN = CONFIDENCE[-1]
RULE = (
    "Rule: first comes the belief of which most learners are certain, then by how many hold it. A learner holds a"
    " belief if their last answer to a question that offers it shows it: after talking to the neighbor, in the exit"
    " question, in the post-test. Who is certain and wrong has an idea to be met; who guesses was only not told yet."
)
GAIN = (
    "Gain = (post - pre) / ({most} - pre), where pre and post are the mean numbers of right answers of those who wrote"
    " both: the share of what could still be learned that was learned. It is the class's; {most} questions are too few"
    " to say it of a person. A question left out counts as one that is not known."
)
COUNTED = f"Counts are of learners: all ({', '.join(CONFIDENCE)}). Who did not say how sure they are is in all only."

Row = dict[str, object]


class Vote(NamedTuple):
    """One answer of one learner; `question` is the name of its first form."""

    question: str
    letter: str
    answer: Answer
    confidence: str
    at: str


class Submission(NamedTuple):
    """The answers of a learner or a pair in one lab, to each question in order of time; `form` is that of a test."""

    learner: str
    lab: str
    votes: dict[str, list[Vote]]
    form: str
    at: str
    strange: int

    @property
    def right(self) -> int:
        """The number of questions whose last answer is right."""
        return sum(votes[-1].answer.misconception is None for votes in self.votes.values())


class Section(NamedTuple):
    """A part of the report: heading, sentences, and rows of a table."""

    heading: str
    words: Sequence[str]
    rows: Sequence[Row] = ()


class Classroom:
    """All submissions in a folder, the latest of each learner and lab. Raises DatasetError where there is none."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            what = "expected the folder into which zips such as 1234567-lab07.zip were put"
            raise DatasetError(f"{shown(str(folder))} is no folder; {what}", folder)
        self.skipped: list[str] = []
        self.repeated = 0
        found: dict[tuple[str, str], Submission] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or not (path.suffix.casefold() == ".zip" or PROGRESS.fullmatch(path.name)):
                continue
            try:
                for each in [_submission(given, path.relative_to(folder)) for given in handed_in(path)]:
                    before = found.get((each.learner, each.lab))
                    self.repeated += before not in (None, each)
                    if before is None or before.at <= each.at:
                        found[each.learner, each.lab] = each
            except MipflowError as error:
                told = str(error)
                self.skipped.append(told if shown(str(path)) in told else f"{shown(str(path))}: {told}")
        self.submissions = sorted(found.values(), key=lambda each: (_order(each.lab), each.learner))
        if not found:
            why = f": {'; '.join(self.skipped)}" if self.skipped else ", such as 1234567-lab07.zip"
            raise DatasetError(f"{shown(str(folder))} holds nothing that was handed in{why}", folder)

    def sections(self) -> Iterator[Section]:
        """Give all sections of the report."""
        yield self._summary()
        yield self._reteach()
        if any(each.lab in ("pre", "post") for each in self.submissions):
            yield self._gain()
        yield Section("By question", [COUNTED])
        for question, votes in self._by_question():
            yield _told_of(question, votes)

    def counts(self) -> Iterator[Row]:
        """Count learners by question, answer, time and confidence, one count a row."""
        for question, votes in self._by_question():
            for when, place in (("before", 0), ("after", -1)):
                counted = Counter((each[place].letter, each[place].confidence) for each in votes)
                for letter, answer in question.answers.items():
                    for confidence in (*CONFIDENCE, NOT_SAID):
                        yield {
                            "question": question.name, "when": when, "answer": letter, "shows": _shows(answer),
                            "confidence": confidence, "learners": counted[letter, confidence], "text": answer.text,
                        }  # fmt: skip

    def _of(self, lab: str) -> list[Submission]:
        return [each for each in self.submissions if each.lab == lab]

    def _by_question(self) -> Iterator[tuple[Question, list[list[Vote]]]]:
        """Give each question that was answered, in its first form, with the answers of each learner."""
        for lab in dict.fromkeys(each.lab for each in self.submissions):
            known: dict[str, Question] = exercises_of(lab).QUESTIONS
            for name, question in known.items():
                if votes := [each.votes[name] for each in self._of(lab) if name in each.votes]:
                    yield question, votes

    def _summary(self) -> Section:
        labs = Counter(each.lab for each in self.submissions)
        learners = len({each.learner for each in self.submissions})
        words = [
            f"{count(len(self.submissions), 'submission')} of {count(learners, 'learner')}; a pair counts as one."
            f" By lab: {', '.join(f'{lab} {number}' for lab, number in labs.items())}."
        ]
        if self.repeated:
            words.append(f"Handed in more than once, of which the latest counts: {self.repeated}.")
        if strange := sum(each.strange for each in self.submissions):
            words.append(f"Answers to what the labs here do not ask, left out: {strange}.")
        words += [f"Skipped: {told}." for told in self.skipped]
        return Section("The class", words)

    def _reteach(self) -> Section:
        last: dict[tuple[str, str], Vote] = {}
        for each in self.submissions:
            known: dict[str, Question] = exercises_of(each.lab).QUESTIONS
            for vote in (votes[-1] for votes in each.votes.values()):
                for belief in {answer.misconception for answer in known[vote.question].answers.values()} - {None, GAP}:
                    key = str(belief), each.learner
                    if key not in last or last[key].at <= vote.at:
                        last[key] = vote
        asked = Counter(belief for belief, _ in last)
        held = [(belief, vote) for (belief, _), vote in last.items() if vote.answer.misconception == belief]
        holding = Counter(belief for belief, _ in held)
        certain = Counter(belief for belief, vote in held if vote.confidence == CERTAIN)
        beliefs = _catalogue()
        rows: list[Row] = [
            {
                "belief": belief, "certain": certain[belief], "hold it": holding[belief], "were asked": asked[belief],
                "labs": beliefs.get(belief, {}).get("labs", ""), "in words": beliefs.get(belief, {}).get("belief", ""),
            }
            for belief in sorted(holding, key=lambda each: (-certain[each], -holding[each], each))
        ]  # fmt: skip
        words = [RULE]
        if not rows or not rows[0]["certain"]:
            words.insert(0, "Nobody is certain and wrong.")
        if len(rows) > MOST_BELIEFS:
            words.append(f"These are the first {MOST_BELIEFS} of {len(rows)} beliefs that somebody holds.")
        return Section("Reteach this first", words, rows[:MOST_BELIEFS])

    def _gain(self) -> Section:
        most = sum(not each.like for each in exercises_of("pre").QUESTIONS.values())
        after = {each.learner: each for each in self._of("post")}
        both = [(each, after[each.learner]) for each in self._of("pre") if each.learner in after]
        words = [GAIN.format(most=most)]
        if alone := len(self._of("pre")) + len(after) - 2 * len(both):
            words.append(f"Left out, since they wrote one of the two only: {alone}.")
        if len(both) < FEWEST:
            words.insert(0, f"No gain is told: {count(len(both), 'learner')} wrote both, and that is no class.")
            return Section("From the pre-test to the post-test", words)
        rows: list[Row] = []
        groups = {"all": both}
        for form in sorted({before.form for before, _ in both}):
            groups[f"form {form} first"] = [pair for pair in both if pair[0].form == form]
        for name, group in groups.items():
            if len(group) >= FEWEST:
                pre, post = (sum(pair[k].right for pair in group) / len(group) for k in (0, 1))
                gain = f"{(post - pre) / (most - pre):.2f}" if pre < most else "nothing was left to learn"
                means = {"pre": f"{pre:.1f}", "post": f"{post:.1f}"}
                rows.append({"who": name, "learners": len(group), **means, "gain": gain})
        return Section("From the pre-test to the post-test", words, rows)


def _submission(given: HandedIn, path: Path) -> Submission:
    """Return the answers in a submission. Raises DatasetError where the lab is not here."""
    known: dict[str, Question] = exercises_of(given.lab).QUESTIONS
    votes: dict[str, list[Vote]] = {}
    strange, form = 0, ""
    for name, entries in given.kept["predictions"].items():
        question = known.get(name)
        answers = question.answers if question else {}
        found = [each for each in entries if each["answer"] in answers]
        strange += len(entries) - len(found)
        if question is None or not found:
            continue
        first = question.like or name
        form = name.removeprefix(f"{given.lab}-")[:1] if question.is_test else ""
        votes.setdefault(first, []).extend(
            Vote(first, each["answer"], answers[each["answer"]], _confidence(each), each.get("at") or "")
            for each in found[: question.most_votes]
        )
    for several in votes.values():
        several.sort(key=lambda vote: vote.at)
    at = max((vote.at for several in votes.values() for vote in several), default="")
    ids = "/".join(sorted(each.casefold() for each in given.who.ids))
    # Without a number: by the place of the file, but for the lab in it, so that two tests of one learner may meet.
    place = ids or f"at {LAB_IN_A_NAME.sub('', str(path.with_suffix('')))}"
    return Submission(place, given.lab, votes, form, at, strange)


def _confidence(entry: dict[str, object]) -> str:
    said = entry.get("confidence")
    return said if isinstance(said, str) and said in CONFIDENCE else NOT_SAID


def _order(lab: str) -> tuple[bool, bool, str]:
    return lab == "post", lab != "pre", lab


def _shows(answer: Answer) -> str:
    return "right" if answer.misconception is None else answer.misconception or "gap"


def _catalogue() -> dict[str, dict[str, str]]:
    """Return the rows of misconceptions.csv by id; none where the file is missing."""
    try:
        path = find_folder("datasets") / "misconceptions.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}
    except (MipflowError, OSError, KeyError, ValueError, csv.Error):  # a teacher may change it
        return {}


def _told_of(question: Question, votes: list[list[Vote]]) -> Section:
    """Count the answers to one question by confidence, as a section."""
    again = sum(len(each) > 1 for each in votes)
    words = [question.text, f"{len(votes)} answered" + (f", {again} of them once more." if again else ".")]
    if question.is_test:
        words.append("Both forms of it are counted together; these are the words of the first.")
    times = {"answered": -1} if question.is_test else {"before": 0, "after": -1}
    rows: list[Row] = []
    for letter, answer in question.answers.items():
        row: Row = {"answer": letter, "shows": _shows(answer)}
        for when, place in times.items():
            said = Counter(each[place].confidence for each in votes if each[place].letter == letter)
            row[when] = f"{said.total()} ({', '.join(str(said[each]) for each in CONFIDENCE)})"
        rows.append({**row, "in words": answer.text})
    return Section(question.name, words, rows)


def as_text(sections: Iterable[Section]) -> str:
    """Return sections as text for a terminal."""
    parts = []
    for section in sections:
        parts += [f"{section.heading}\n{'-' * len(section.heading)}", *(fill(words, WIDTH) for words in section.words)]
        if section.rows:
            lines = [list(section.rows[0]), *([str(cell) for cell in row.values()] for row in section.rows)]
            wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
            parts += ["  ".join(map(str.ljust, line, wide)).rstrip() for line in lines]
        parts.append("")
    return "\n".join(parts)


def save_page(path: AnyPath, sections: Iterable[Section], title: str) -> None:
    """Write sections as a page. Raises DatasetError where it cannot be written."""
    body = "".join(
        f"<section><h2>{escape(section.heading)}</h2>{''.join(f'<p>{escape(words)}</p>' for words in section.words)}"
        f"<div>{html_table(section.rows)}</div></section>"
        for section in sections
    )
    with written_whole(path) as stream:
        stream.write(whole(f"<h1>{escape(title)}</h1>{body}", title).encode(errors="replace"))


def save_rows(path: AnyPath, rows: Iterable[Row]) -> None:
    """Write rows as CSV. Raises DatasetError where it cannot be written."""
    lines, text = list(rows), StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]) if lines else [])
    writer.writeheader()
    writer.writerows(lines)
    with written_whole(path) as stream:
        stream.write(text.getvalue().encode(errors="replace"))
