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
from pathlib import Path
from typing import TYPE_CHECKING

from mipflow.errors import DatasetError, ProtocolMisuse

if TYPE_CHECKING:
    import ipywidgets

FILE = "my_predictions.json"
"""Where predictions are kept: in the folder of the notebook."""


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
        self.path = path if path is not None else Path(FILE)
        self.chosen: str | None = None
        """The letter of the stored answer."""
        self._when_stored: list[Callable[[], None]] = []

    @property
    def answer(self) -> Answer | None:
        """The stored answer."""
        return None if self.chosen is None else self.question.answers[self.chosen]

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as there is an answer, at once where there is."""
        self._when_stored.append(callback)
        if self.chosen is not None:
            callback()

    def store(self, letter: str) -> None:
        """Take an answer, unlock what waits for it, and append it to the file.

        Raises ProtocolMisuse for an unknown letter; DatasetError where the file cannot be written: the answer holds all
        the same, until the kernel stops.
        """
        if letter not in self.question.answers:
            known = ", ".join(self.question.answers)
            raise ProtocolMisuse(f"there is no answer {letter!r} to this question; expected one of {known}", letter)
        self.chosen = letter
        for callback in self._when_stored:
            callback()
        self._append()

    def _append(self) -> None:
        assert self.answer is not None
        record = {
            "question": self.question.name,
            "answer": self.chosen,
            "misconception": self.answer.misconception,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            earlier = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else []
            if not isinstance(earlier, list):
                raise ValueError("no list")
            self.path.write_text(json.dumps([*earlier, record], indent=1) + "\n", encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it holds something else"
            raise DatasetError(
                f"cannot add to {self.path.name} ({reason}); your answer is kept until the kernel stops", self.path
            ) from error

    def feedback(self) -> str:
        """What to say about the answer after the run; empty where there is none."""
        if self.answer is None:
            return ""
        return f"You predicted {self.chosen}: “{self.answer.text}” {self.answer.feedback}"

    def form(self) -> ipywidgets.VBox:
        """The question as a form for a notebook: choose, then store."""
        import ipywidgets

        text = ipywidgets.HTML(f"<b>{self.question.text}</b>")
        options = [(f"{letter}.  {answer.text}", letter) for letter, answer in self.question.answers.items()]
        choice = ipywidgets.RadioButtons(options=options, value=self.chosen, layout={"width": "max-content"})
        button = ipywidgets.Button(
            description="Store my prediction", button_style="primary", disabled=True, layout={"width": "auto"},
            tooltip="Keeps your answer and unlocks the run",
        )  # fmt: skip
        said = ipywidgets.HTML("Choose one answer.")

        def chosen(_: object) -> None:
            button.disabled = choice.value is None

        def pressed(_: object) -> None:
            try:
                self.store(choice.value)
                said.value = f"Stored: {self.chosen}. The run below is unlocked."
            except DatasetError as error:
                said.value = f"Taken: {self.chosen}. The run below is unlocked. Note: {error}."

        choice.observe(chosen, "value")
        button.on_click(pressed)
        return ipywidgets.VBox([text, choice, ipywidgets.HBox([button, said])])
