"""Questions that come before a run: the world is always computed, its picture waits for an answer.

Who has predicted sees what happens; who only watches sees what they expected. Takes questions as values, from the
file of exercises of a lab; keeps the answers in the lab's progress. Each wrong answer names the misconception
behind it, with the reason inside the answer; once more may be answered, after talking to a neighbor.
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
"""The misconception of "I do not know yet": there is none, and nor is it the right answer."""


@dataclass(slots=True, frozen=True)
class Answer:
    """One answer to choose; `misconception` is the id of the belief that it shows, None for the right one, or `GAP`.

    `feedback` is said after the run: what happened, why one could think otherwise, where to look. `{at}` in it is the
    moment that shows it, in seconds, which `moment(world)` gives.
    """

    text: str
    feedback: str
    misconception: str | None = None
    moment: Callable[[Any], float | None] | None = None

    def at_s(self, world: Any) -> float | None:
        """The moment that shows it, in seconds; None where there is none."""
        return None if self.moment is None or world is None else self.moment(world)

    def said(self, world: Any = None) -> str:
        """The feedback, with its moment."""
        at_s = self.at_s(world)
        return self.feedback.replace("{at}", "that moment" if at_s is None else f"{at_s:.3f} s")


class _Words(NamedTuple):
    """Words of a form: first of all; after each answer that one may give; on its button, before each and at the end."""

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

    is_last: there is no run to wait for; what is to be said of an answer is said at once. is_test: there is no run and
    no neighbor, one answer, and nothing is said of it; each learner has an order of answers of their own. like: the
    name of the question of which this one is another form; the letters of both show the same beliefs.
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
        """How often one may answer: the first answer, and the one after talking to a neighbor."""
        return len(self.words.after)


class Prediction:
    """One learner's answers to one question; None until `store()`. `kept`: the progress that has them."""

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
        """The letter of the answer that counts, the last one."""
        return self.votes[-1] if self.votes else None

    @property
    def last(self) -> tuple[object, ...] | None:
        """Letter, confidence and reason of the last answer."""
        kept = self._kept.predictions(self.question.name)
        return tuple(kept[-1].get(name) for name in ("answer", "confidence", "why")) if kept else None

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as there is an answer, at once where there is, and again at another answer."""
        self._when_stored.append(callback)
        if self.votes:
            callback()

    def store(self, letter: str, confidence: str | None = None, why: str = "") -> str:
        """Take an answer, keep it, unlock what waits for it; gives a sentence about that.

        Where the file cannot be written, the answer holds all the same, until the kernel stops. Raises ProtocolMisuse
        for an unknown letter, another confidence than those of `CONFIDENCE`, and an answer too many.
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
        """A sentence about what is kept; a test shows its answers without letters."""
        return "It is kept." if self.question.is_test else f"Stored: {' and then '.join(letters)}."

    def feedback(self, world: Any = None) -> str:
        """Comment on the answer after the run, and say which is right after a second wrong one; "" without any.
        """
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
        """The feedback as HTML, with a button that leads to its moment in the film (view/drawing/player.js); that one's
        text twin says the moment too.
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
        """The question as a form for a notebook: choose, say how sure you are and why, store."""
        is_test, answers, words = self.question.is_test, self.question.answers, self.question.words
        options = [(each.text if is_test else f"{letter}.  {each.text}", letter) for letter, each in answers.items()]

        def is_gap(letter: str) -> bool:
            return answers[letter].misconception == GAP

        if is_test:
            student().random(self.question.name).shuffle(options)
            options.sort(key=lambda each: is_gap(each[1]))
        choice = ipywidgets.RadioButtons(options=options, value=self.chosen, layout={"width": "auto"})
        sure = ipywidgets.Dropdown(
            options=[("choose", None), *((word, word) for word in CONFIDENCE)], index=0,
            description="How sure are you?", style={"description_width": "initial"},
        )  # fmt: skip
        why = ipywidgets.Text(description="In one line, why?", style={"description_width": "initial"})
        how = {"disabled": True, "button_style": "primary"}
        store = button(words.buttons[0], "Keeps your answer" + " and unlocks the picture" * (not is_test), **how)
        said = ipywidgets.HTML(words.begin)

        def ready(*_: object) -> None:
            is_open = choice.value is None or (is_test and sure.value is None and not is_gap(choice.value))
            store.disabled = is_open or len(self.votes) >= self.question.most_votes
            store.description = words.buttons[len(self.votes)]

        def say(told: str) -> None:
            said.value = notebook.broken(f"{self.feedback()} {told}" if self.question.is_last else told)

        def pressed(_: object) -> None:
            say(self.store(choice.value, sure.value, why.value))

        if self.votes:  # stored before this kernel began
            say(self._stored(*self.votes))

        choice.observe(ready, "value")
        sure.observe(ready, "value")
        store.on_click(pressed)
        self.when_stored(ready)
        ready()
        text = ipywidgets.HTML(f"<b>{escape(self.question.text)}</b>")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        more = ipywidgets.HBox([sure] if is_test else [sure, why], layout=row)
        return frame(text, choice, more, ipywidgets.HBox([store, said], layout=row))


_asked: dict[str, Prediction] = {}


def prediction(name: str) -> Prediction:
    """The answers to a question of a lab, by its name. Raises ProtocolMisuse for an unknown one, DatasetError."""
    known: dict[str, Question] = exercises_of(lab_of(name)).QUESTIONS
    check(one_of(*known), question=name)
    kept = progress(lab_of(name))
    before = _asked.get(name)
    if before is None or before._kept is not kept or before.question is not known[name]:
        _asked[name] = Prediction(known[name], kept)
    return _asked[name]


@notebook.in_words
def ask(name: str) -> ipywidgets.VBox:
    """The form of a question."""
    return prediction(name).form()


@notebook.in_words
def predict(name: str, answer: str, confidence: str | None = None, why: str = "") -> None:
    """Answer a question without the mouse, as in `predict("07", "b", confidence="certain", why="...")`."""
    check(WORD, answer=answer, why=why)
    check(optional(one_of(*CONFIDENCE)), confidence=confidence)
    asked = prediction(name)
    is_again = asked.last == (answer, confidence, why)  # the cell is run once more
    told = asked._stored(answer) if is_again else asked.store(answer, confidence, why)
    notebook.show_words(f"{asked.feedback()} {told}" if asked.question.is_last else told)


@notebook.in_words
def reveal(name: str, world: Any, *shown: Any) -> ipywidgets.VBox:
    """Show `shown`, which the question `name` is about, with its text twin and feedback, once the learner has decided:
    has answered a second time, or stays with the first answer, which a button says.
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
