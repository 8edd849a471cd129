"""Questions before a run: the world is computed, but its picture waits for an answer.

A learner who has predicted sees what happens; one who only watches sees what they expected. Questions are values in a
lab's file of exercises; answers are kept in the lab's progress. Each wrong answer names the misconception behind it,
and one may answer once more after talking to a neighbor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import ipywidgets

from mipflow.arguments import WORD, check, one_of, optional
from mipflow.course import notebook
from mipflow.course.identity import student
from mipflow.course.progress import Progress, progress
from mipflow.course.source import exercises_of, lab_of
from mipflow.errors import ProtocolMisuse
from mipflow.lab.panels.panel import button, frame, show_in
from mipflow.view.drawing.picture import Picture

CONFIDENCE = "guessing", "fairly sure", "certain"
WATCHED = "I have watched it: what of my answer?"
DECIDE = (
    "Your answer is stored. Talk to your neighbor first: the picture would decide between you. Then answer once more"
    " above, or stay with it."
)
STAYS = "I stay with my answer: show me"
GAP = ""
"""The misconception of "I do not know yet", which is no misconception and no right answer."""


@dataclass(slots=True, frozen=True)
class Answer:
    """One answer to choose; `misconception` is the id of the belief that it shows, None for the right one, or `GAP`.

    `feedback` is shown after the run: what happened, why one could think otherwise, where to look. `{at}` in it is the
    moment that shows it, in seconds, which `moment(world)` gives.
    """

    text: str
    feedback: str
    misconception: str | None = None
    moment: Callable[[Any], float | None] | None = None

    def at_s(self, world: Any) -> float | None:
        """Return the moment that shows it, in seconds, or None."""
        return None if self.moment is None or world is None else self.moment(world)

    def said(self, world: Any = None) -> str:
        """Return the feedback with its moment filled in."""
        at_s = self.at_s(world)
        return self.feedback.replace("{at}", "that moment" if at_s is None else f"{at_s:.3f} s")


class _Words(NamedTuple):
    """The words of a form: at first, after each answer that one may give, and on its button before each and at last."""

    begin: str
    after: tuple[str, ...]
    buttons: tuple[str, ...]


_OF_A_PREDICTION = _Words(
    "Choose one answer.", ("Talk to your neighbor; you may answer once more.", "Both are kept."),
    ("Store my prediction", "Store my second answer", "Both answers are stored"),
)  # fmt: skip
_AT_THE_END = _Words("Choose one answer.", ("", "Both are kept."), ("Store my answer", *_OF_A_PREDICTION.buttons[1:]))
_OF_A_TEST = _Words("Choose one answer, and how sure you are. Stored, it stays.", ("",), ("Store my answer", "Stored"))


@dataclass(slots=True, frozen=True)
class Question:
    """A question with its answers by letter. `name` begins with its lab and is unique, such as "07" or "07-exit".

    is_last: no run follows, and the feedback is shown at once. is_test: no run follows, one answers once, without
    feedback, and each learner has an order of answers of their own. like: the name of the question of which this one is
    another form; the letters of both show the same beliefs.
    """

    name: str
    text: str
    answers: dict[str, Answer]
    is_last: bool = False
    is_test: bool = False
    like: str = ""

    @property
    def words(self) -> _Words:
        """The words of its form."""
        return _OF_A_TEST if self.is_test else _AT_THE_END if self.is_last else _OF_A_PREDICTION

    @property
    def most_votes(self) -> int:
        """The number of answers that one may give: the first, and the one after talking to a neighbor."""
        return len(self.words.after)


class Prediction:
    """One learner's answers to one question, none before `store()`; `kept` is the progress that keeps them."""

    def __init__(self, question: Question, kept: Progress | None = None) -> None:
        self.question = question
        self._kept = progress(lab_of(question.name)) if kept is None else kept
        earlier = self._kept.predictions(question.name)
        self.votes = [each["answer"] for each in earlier if each["answer"] in question.answers][: question.most_votes]
        """The letters of the stored answers."""
        self.is_decided = False
        """True once the learner stays with an answer that they could still change."""
        self._when_stored: list[Callable[[], None]] = []

    @property
    def chosen(self) -> str | None:
        """The letter of the last answer, which counts; None before the first."""
        return self.votes[-1] if self.votes else None

    @property
    def last(self) -> tuple[object, ...] | None:
        """Letter, confidence and reason of the last answer, or None."""
        kept = self._kept.predictions(self.question.name)
        return tuple(kept[-1].get(name) for name in ("answer", "confidence", "why")) if kept else None

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Call `callback` at each answer, and at once where there is one already."""
        self._when_stored.append(callback)
        if self.votes:
            callback()

    def store(self, letter: str, confidence: str | None = None, why: str = "") -> str:
        """Keep an answer, call those who wait for it, and return a sentence about it.

        Where the file cannot be written, the answer holds all the same, until the kernel stops. Raises ProtocolMisuse
        for an unknown letter, a confidence that is not in `CONFIDENCE`, and an answer too many.
        """
        answers = self.question.answers
        if isinstance(letter, str) and letter not in answers and letter.swapcase() in answers:
            letter = letter.swapcase()
        check(one_of(*answers), answer=letter)
        check(optional(one_of(*CONFIDENCE)), confidence=confidence)
        check(WORD, why=why)
        if len(self.votes) >= self.question.most_votes:
            told = " and then ".join(self.votes)
            raise ProtocolMisuse(f"you answered {told}; that is kept, and there is no further answer", letter)
        self.votes.append(letter)
        self._kept.predict(
            student(), self.question.name, answer=letter, misconception=answers[letter].misconception,
            confidence=confidence, why=why[:400],
        )  # fmt: skip
        for callback in self._when_stored:
            callback()
        again = self.question.words.after[len(self.votes) - 1]
        return " ".join(filter(None, (self._stored(letter), again, self._kept.note)))

    def _stored(self, *letters: str) -> str:
        """Return a sentence about the answers kept; a test shows its answers without letters."""
        return "It is kept." if self.question.is_test else f"Stored: {' and then '.join(letters)}."

    def feedback(self, world: Any = None) -> str:
        """Comment on the answer, and say which is right after a second wrong one; empty without an answer."""
        if self.chosen is None:
            return ""
        answer = self.question.answers[self.chosen]
        verb = "answered" if self.question.is_last else "predicted"
        told = f"You {verb} {self.chosen}, “{answer.text}”:\n{answer.said(world)}"
        if answer.misconception is None or len(self.votes) < self.question.most_votes:
            return told
        letter, right = next(each for each in self.question.answers.items() if each[1].misconception is None)
        return f"{told}\nRight is {letter}, “{right.text}”:\n{right.said(world)}"

    def told(self, world: Any, film: Any = None) -> str:
        """Return the feedback as HTML, with a button that leads to its moment in the film (view/drawing/player.js).

        The film's text twin gets a sentence about the moment too.
        """
        if self.chosen is None:
            return ""
        answer = self.question.answers[self.chosen]
        words, at_s, note = notebook.broken(self.feedback(world)), answer.at_s(world), ""
        if at_s is not None:
            ns = round(at_s * 1e9)
            words += f" <button type='button' class='mipflow-way' data-ns='{ns}'>Go to {at_s:.3f} s</button>"
            does = "shows" if answer.misconception is None else "parts from"
            note = f"{at_s:.3f} s: here the run {does} your answer {self.chosen}: {answer.text}"
        if isinstance(film, Picture):
            film.note = note
        return f"<p class='mipflow-feedback'>{words}</p>"

    def form(self) -> ipywidgets.VBox:
        """Show the question as a form: choose, say how sure you are and why, store."""
        is_test, words = self.question.is_test, self.question.words
        choice = ipywidgets.RadioButtons(options=self._options(), value=self.chosen, layout={"width": "auto"})
        whole = {"description_width": "initial"}
        sureness = [("choose", None), *((word, word) for word in CONFIDENCE)]
        sure = ipywidgets.Dropdown(options=sureness, index=0, description="How sure are you?", style=whole)
        why = ipywidgets.Text(description="In one line, why?", style=whole)
        how = {"disabled": True, "button_style": "primary"}
        store = button(words.buttons[0], "Keeps your answer" + " and unlocks the picture" * (not is_test), **how)
        said = ipywidgets.HTML(notebook.broken(self._told(self._stored(*self.votes))) if self.votes else words.begin)

        def ready(*_: object) -> None:
            waits = choice.value is None or (is_test and sure.value is None and not self._is_gap(choice.value))
            store.disabled = waits or len(self.votes) >= self.question.most_votes
            store.description = words.buttons[len(self.votes)]

        def pressed(_: object) -> None:
            said.value = notebook.broken(self._told(self.store(choice.value, sure.value, why.value)))

        choice.observe(ready, "value")
        sure.observe(ready, "value")
        store.on_click(pressed)
        self.when_stored(ready)
        ready()
        text = ipywidgets.HTML(f"<b>{escape(self.question.text)}</b>")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        more = ipywidgets.HBox([sure] if is_test else [sure, why], layout=row)
        return frame(text, choice, more, ipywidgets.HBox([store, said], layout=row))

    def _options(self) -> list[tuple[str, str]]:
        """Return the answers to choose from; a test shuffles them for each learner, with the gap at the end."""
        answers = self.question.answers.items()
        if not self.question.is_test:
            return [(f"{letter}.  {each.text}", letter) for letter, each in answers]
        options = [(each.text, letter) for letter, each in answers]
        student().random(self.question.name).shuffle(options)
        return sorted(options, key=lambda each: self._is_gap(each[1]))

    def _is_gap(self, letter: str) -> bool:
        return self.question.answers[letter].misconception == GAP

    def _told(self, stored: str) -> str:
        """Return the words after an answer, which begin with the feedback where no run follows."""
        return f"{self.feedback()} {stored}" if self.question.is_last else stored


_asked: dict[str, Prediction] = {}


def prediction(name: str) -> Prediction:
    """Return the learner's answers to a question of a lab. Raises ProtocolMisuse for an unknown name, DatasetError."""
    known: dict[str, Question] = exercises_of(lab_of(name)).QUESTIONS
    check(one_of(*known), question=name)
    kept = progress(lab_of(name))
    before = _asked.get(name)
    if before is None or before._kept is not kept or before.question is not known[name]:
        _asked[name] = Prediction(known[name], kept)
    return _asked[name]


@notebook.in_words
def ask(name: str) -> ipywidgets.VBox:
    """Show the form of a question."""
    return prediction(name).form()


@notebook.in_words
def predict(name: str, answer: str, confidence: str | None = None, why: str = "") -> None:
    """Answer a question without the mouse, as in `predict("07", "b", confidence="certain", why="...")`."""
    check(WORD, answer=answer, why=why)
    check(optional(one_of(*CONFIDENCE)), confidence=confidence)
    asked = prediction(name)
    is_again = asked.last == (answer, confidence, why)  # the cell is run once more
    notebook.show_words(asked._told(asked._stored(answer) if is_again else asked.store(answer, confidence, why)))


@notebook.in_words
def reveal(name: str, world: Any, *shown: Any) -> ipywidgets.VBox:
    """Show `shown`, which the question `name` is about, with its text twin and feedback, once the learner has decided.

    One decides by a second answer, or by the button that stays with the first.
    """
    asked, output = prediction(name), ipywidgets.Output()
    stay = button(STAYS, "Shows the picture; you may still answer once more", button_style="primary")
    stay.layout.display, stay.layout.align_self = "none", "flex-start"
    show_in(output, "Waits for your answer to the question above.")

    def unlock(pressed: object = None) -> None:
        asked.is_decided |= pressed is not None or len(asked.votes) == asked.question.most_votes
        stay.layout.display = "none" if asked.is_decided else ""
        if not asked.is_decided:
            return show_in(output, f"<p>{DECIDE}</p>")
        told = asked.told(world, *shown[:1])
        return show_in(output, *shown, notebook.fold(WATCHED, told))

    stay.on_click(unlock)
    asked.when_stored(unlock)
    return ipywidgets.VBox([output, frame(stay)])
