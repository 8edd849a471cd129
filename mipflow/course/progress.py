"""The file of progress beside a notebook: attempts, predictions and hints of one lab.

It earns nothing, for a learner can edit it: marks come from the cells. A lab goes on, whatever is wrong with the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from mipflow.course.identity import Student
from mipflow.course.source import called
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.files import read_text, written_whole

KIT = next((each.version for each in distributions(name="mipflow")), "not installed")
FORM = 1
"""The number of the file's form; a file with a higher one is of a newer kit and is left alone."""
WORDS = "at", "status", "said", "gave", "matched", "misconception", "confidence", "why"
"""Fields of an entry that hold text; none of them has to be there."""
MOST_OCTETS = 10_000_000
MOST_ATTEMPTS = 200
"""The most attempts at one exercise that are kept; the oldest that did not pass gives way."""


class Progress:
    """The progress in one lab. `note`: a sentence about the file where something is wrong with it, else empty."""

    def __init__(self, lab: str, folder: Path | None = None) -> None:
        self.lab = lab
        self.path = (folder or Path()) / f"progress-{called(lab)}.json"
        self.note = ""
        self._is_ours = True
        self._kept = self._read()

    def _read(self) -> dict[str, Any]:
        fresh: dict[str, Any] = {"form": FORM, "lab": self.lab, "attempts": {}, "predictions": {}, "hints": {}}
        try:
            if not os.path.lexists(self.path):
                return fresh
            kept = parsed(read_text(self.path, MOST_OCTETS, "expected the progress of a lab"))
        except MipflowError as error:
            aside = self.path.with_suffix(".damaged.json")
            try:
                self.path.replace(aside)
                where = f"it is {aside.name} now, and a new one begins"
            except OSError:
                self._is_ours, where = False, "it is left as it is"
            self.note = f"{self.path.name} is damaged ({shown(error, str)}): {where}. Your marks do not depend on it."
            return fresh
        if kept["form"] > FORM:
            self._is_ours = False
            kit = shown(kept.get("kit"))
            self.note = f"{self.path.name} is of a newer kit ({kit}): it is left as it is, and nothing is added."
            return fresh
        return {**fresh, **kept}

    def attempts(self, number: str) -> list[dict[str, Any]]:
        """Return the attempts at an exercise, each different one once, the oldest first."""
        found: list[dict[str, Any]] = self._kept["attempts"].get(number, [])
        return found

    def add(self, student: Student, number: str, answer: str, **said: object) -> int:
        """Enter an attempt, if its text `answer` is new, and return the number of attempts so far."""
        mark = hashlib.sha256(answer.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        kept = self._kept["attempts"].setdefault(number, [])
        if all(each["answer"] != mark for each in kept):
            if len(kept) >= MOST_ATTEMPTS:
                kept.remove(next((each for each in kept if each.get("status") != "passed"), kept[0]))
            kept.append({"at": _now(), "answer": mark, **said})
            self._write(student)
        return len(kept)

    def hints(self, number: str) -> int:
        """Return the number of hints that are open."""
        return int(self._kept["hints"].get(number, 0))

    def open_hint(self, student: Student, number: str) -> None:
        """Enter that one more hint is open."""
        self._kept["hints"][number] = self.hints(number) + 1
        self._write(student)

    def predictions(self, question: str) -> list[dict[str, Any]]:
        """Return the answers to a question: the first, and the one after talking to a neighbor."""
        found: list[dict[str, Any]] = self._kept["predictions"].get(question, [])
        return found

    def predict(self, student: Student, question: str, **answer: object) -> None:
        """Enter an answer to a question."""
        self._kept["predictions"].setdefault(question, []).append({"at": _now(), **answer})
        self._write(student)

    def _write(self, student: Student) -> None:
        if not self._is_ours:
            return
        self._kept |= {"kit": KIT, "who": list(student.ids) or ["practice"]}
        text = json.dumps(self._kept, indent=1, ensure_ascii=True) + "\n"
        try:
            with written_whole(self.path) as file:
                file.write(text.encode())
        except MipflowError:
            self.note = f"{self.path.name} cannot be written here: what you do is kept until the kernel stops."


def parsed(text: str | bytes) -> dict[str, Any]:
    """Return the content of a file of progress, that of a newer kit unchecked. Raises DatasetError for any other."""
    try:
        kept: dict[str, Any] = json.loads(text)
        if not (isinstance(kept, dict) and isinstance(kept.get("form"), int) and kept["form"] > FORM):
            _check(kept)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DatasetError(shown(error, str), None) from error
    return kept


def _check(kept: Any) -> None:
    """Raise ValueError, TypeError, KeyError or AttributeError for content that is no progress."""
    if not isinstance(kept, dict) or not isinstance(kept["form"], int):
        raise ValueError("it holds no progress")
    for name in ("attempts", "predictions"):
        for each in (one for entries in kept[name].values() for one in entries):
            told = each.get("story", [])
            words = each["answer"], *told, *(each[field] for field in WORDS if each.get(field) is not None)
            if not isinstance(told, list) or not all(isinstance(word, str) for word in words):
                raise ValueError(f"its {name} cannot be read")
    if any(type(count) is not int for count in kept["hints"].values()):
        raise ValueError("its hints cannot be read")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


_known: dict[tuple[str, str], Progress] = {}


def progress(lab: str) -> Progress:
    """Return the progress in a lab, from the notebook's folder; the file is read once, and again after `forget`."""
    key = str(Path.cwd()), lab
    if key not in _known:
        _known[key] = Progress(lab, Path.cwd())
    return _known[key]


def forget() -> None:
    """Read the files again when progress is next asked for."""
    _known.clear()
