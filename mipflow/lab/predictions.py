"""Questions that come before a run: the answer is stored, and only then the run unlocks.

Who has predicted sees what happens; who only watches sees what they expected. Takes questions as values; gives the
answer, what to say about it after the run, and a small form for a notebook. Each wrong answer names the misconception
behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import ipywidgets

from mipflow.errors import ProtocolMisuse
from mipflow.lab.panel import button, frame

FILE = "my_predictions.jsonl"
"""Where predictions are kept, one a line: in the folder of the notebook."""


@dataclass(slots=True, frozen=True)
class Answer:
    """One answer to choose; `misconception` is the id of the belief that it shows, None for the right one.

    `feedback` is said after the run: what happened, why one could think otherwise, where to look.
    """

    text: str
    feedback: str
    misconception: str | None = None


@dataclass(slots=True, frozen=True)
class Question:
    """A question with its answers by letter. `name` is unique over all labs, such as "00-call"."""

    name: str
    text: str
    answers: dict[str, Answer]


class Prediction:
    """One learner's answer to one question; None until `store()`. `path`: the file that keeps it."""

    def __init__(self, question: Question, path: Path | None = None) -> None:
        self.question = question
        self.path = path or Path(FILE)
        self.chosen: str | None = None
        """The letter of the stored answer."""
        self._when_stored: list[Callable[[], None]] = []

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as there is an answer, at once where there is."""
        self._when_stored.append(callback)
        if self.chosen is not None:
            callback()

    def store(self, letter: str) -> str:
        """Take an answer, unlock what waits for it, and append it to the file; gives a sentence about that.

        Where the file cannot be written, the answer holds all the same, until the kernel stops. Raises ProtocolMisuse
        for an unknown letter.
        """
        name, answers = self.question.name, self.question.answers
        if letter not in answers:
            raise ProtocolMisuse(f"there is no answer {letter!r}; expected one of {', '.join(answers)}", letter)
        self.chosen = letter
        for callback in self._when_stored:
            callback()
        record = {"question": name, "answer": letter, "misconception": answers[letter].misconception}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**record, "at": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n")
        except OSError as error:
            why = f"cannot add to {self.path.name} ({error.strerror}); your answer is kept until the kernel stops"
            return f"Taken: {letter}. The run below is unlocked. Note: {why}."
        return f"Stored: {letter}. The run below is unlocked."

    def feedback(self) -> str:
        """What to say about the answer after the run; empty where there is none."""
        if self.chosen is None:
            return ""
        answer = self.question.answers[self.chosen]
        return f"You predicted {self.chosen}: “{answer.text}” {answer.feedback}"

    def form(self) -> ipywidgets.VBox:
        """The question as a form for a notebook: choose, then store."""
        options = [(f"{letter}.  {answer.text}", letter) for letter, answer in self.question.answers.items()]
        choice = ipywidgets.RadioButtons(options=options, value=self.chosen, layout={"width": "auto"})
        how = {"disabled": True, "button_style": "primary"}
        store = button("Store my prediction", "Keeps your answer and unlocks the run", **how)
        said = ipywidgets.HTML("Choose one answer.")

        def pressed(_: object) -> None:
            said.value = escape(self.store(choice.value))

        choice.observe(lambda _: setattr(store, "disabled", choice.value is None), "value")
        store.on_click(pressed)
        text = ipywidgets.HTML(f"<b>{escape(self.question.text)}</b>")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        return frame(text, choice, ipywidgets.HBox([store, said], layout=row))
