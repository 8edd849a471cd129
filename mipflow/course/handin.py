"""Handing in: one file of notebook and progress, `ID-lab07.zip`; the way back from it; three questions about it.

A server that is culled takes the notebook along; the file, kept by the learner, brings it back.
"""

from __future__ import annotations

import json
import os
import re
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import ipywidgets

from mipflow.course.identity import PRACTICE, ROSTER, Student, student
from mipflow.course.notebook import gives, in_words, shell
from mipflow.course.progress import FORM, forget, parsed, progress
from mipflow.course.source import called, exercises_of, lab_of
from mipflow.errors import DatasetError, MipflowError, ProtocolMisuse, shown
from mipflow.files import open_ordinary
from mipflow.lab.panels.panel import button, frame, show_in

MOST_OCTETS = 50_000_000
"""Of what is taken from a zip, unpacked."""
PROGRESS = re.compile(r"progress-(lab\d\d|pre|post)\.json")
NAMED = re.compile(r"(?P<all>(?:.*[_ ](?=[^_ -]*\d))?(?P<who>[^/\\]+?))-(?:lab\d\d|pre|post)(?!\w)")
"""The name of a zip: the number, after what a course server may have put before it; what follows is a browser's."""
NOBODYS = (
    'It is called so because no number was given, and nobody will know that it is yours: write me("1234567") with your'
    " number, run all, save, and press again."
)
HEADING = re.compile(r"^## ([^(\n]*[^(\s])", re.MULTILINE)
"""A heading of a notebook, without the minutes."""
EMPTY = "*Double-click here, and write in place of these words.*"
"""A cell of text that waits for a learner's; labs/build.py puts it there."""
SAVE = "Choose File > Save Notebook in the menu"


def pack(lab: str, folder: Path | None = None) -> Path:
    """Write notebook and progress of a lab into ID-labNN.zip beside them; gives its path. Raises DatasetError, also
    where the notebook is not saved as it ran.
    """
    here, lab = folder or Path.cwd(), lab_of(lab)
    book, kept = _notebook(lab, here), here / progress(lab).path.name
    if others := _unsaved(lab, _cells(book)):
        told = f"{', '.join(others)}: the saved notebook does not hold what you ran"
        raise DatasetError(f"{told}. {SAVE}, then press again; what you have changed since, run first", book)
    path = here / f"{student().name}-{called(lab)}.zip"
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(book, book.name)
            if kept.exists():
                packed.write(kept, kept.name)
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be written ({error.strerror})", path) from error
    return path


def _notebook(lab: str, folder: Path) -> Path:
    running = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    found = sorted(folder.glob(f"{lab}_*.ipynb"), key=lambda each: (each.name != running, -each.stat().st_mtime))
    if not found:
        raise DatasetError(f"no notebook of lab {lab} in {folder}; expected a name such as {lab}_name.ipynb", lab)
    return found[0]


def _cells(book: Path) -> list[tuple[str, dict[str, Any]]]:
    """The text and metadata of each cell of a notebook; none where it is damaged."""
    try:
        cells = json.loads(book.read_bytes())["cells"]
        return [("".join(each["source"]).strip(), each["metadata"]) for each in cells]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def _unsaved(lab: str, cells: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Numbers of the exercises, and `me()`, whose cell last ran as it stands nowhere in the notebook. A kernel knows
    what ran, and not what stands in the page; no clock is asked, since that of a file may be another computer's.
    """
    running, last = shell(), dict[str, str]()
    for source in running.history_manager.input_hist_raw if running else ():
        names = gives(running.transform_cell(source))
        marks = [each.number for each in exercises_of(lab).EXERCISES if {each.answer, *each.also} & names]
        last |= dict.fromkeys(marks + ["me()"] * bool(re.search(r"^me\(", source, re.MULTILINE)), source.strip())
    there = {text for text, _ in cells}
    return sorted(mark for mark, source in last.items() if source not in there) if there else []


def _saved(lab: str, folder: Path) -> str:
    """How old the notebook in the file is, and what nobody has written in it."""
    book = _notebook(lab, folder)
    minutes = max(0, round((time.time() - book.stat().st_mtime) / 60))
    said = f"It holds the notebook as saved {f'{minutes} min ago' if minutes else 'just now'}."
    heading, waits = "", list[str]()
    for text, marks in _cells(book):
        heading = next((found[1] for found in HEADING.finditer(text)), heading)
        if text.endswith(EMPTY) and marks.get("nbgrader", {}).get("grade_id", "").startswith("essay-"):
            waits.append(f"“{heading}”")
    told = f" At {', '.join(waits)} nothing is written: if you did write, save, and press again."
    return said + told * bool(waits)


@in_words
def restore(path: str | os.PathLike[str]) -> list[Path]:
    """Put notebook and progress of such a zip beside this notebook; what is there is kept under another name. Gives the
    files written; what is no such zip is answered in words.
    """
    return unpack(_octets(path))


def unpack(content: bytes, folder: Path | None = None) -> list[Path]:
    """Put what such a zip holds into a folder, and give the files written. Raises DatasetError for what is none."""
    files = _members(content, lambda name: name.endswith((".ipynb", ".json")))
    if not files:
        raise DatasetError("there is no notebook in this zip; expected one such as 1234567-lab07.zip", None)
    written = []
    for name, text in files.items():
        target = (folder or Path.cwd()) / name
        try:
            if target.is_symlink() or (target.exists() and not (target.is_file() and target.read_bytes() == text)):
                target.replace(target.with_name(f"{target.stem}.before-{datetime.now():%H%M%S%f}{target.suffix}"))
            target.write_bytes(text)
        except OSError as error:
            raise DatasetError(f"{name} of this zip cannot be written ({error.strerror})", None) from error
        written.append(target)
    forget()
    return written


def _octets(path: str | os.PathLike[str]) -> bytes:
    with open_ordinary(path, "expected the zip of a lab, such as 1234567-lab07.zip") as file:
        return file.read(MOST_OCTETS)


def _members(content: bytes, is_wanted: Callable[[str], object]) -> dict[str, bytes]:
    """The files of a zip that are wanted, by their names without folders."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            named = [(PurePosixPath(each.filename.replace("\\", "/")).name, each) for each in packed.infolist()]
            wanted = [(name, each) for name, each in named if is_wanted(name)]
            if sum(each.file_size for _, each in wanted) > MOST_OCTETS:
                raise ValueError(f"it holds more than {MOST_OCTETS} octets")
            return {name: packed.read(each) for name, each in wanted}
    except Exception as error:  # of zipfile's and its unpackers' many kinds
        raise DatasetError(f"this is no zip of a lab ({shown(error, str)})", None) from error


class HandedIn(NamedTuple):
    """A submission: by whom, of which lab, and the progress (mipflow/course/progress.py)."""

    who: Student
    lab: str
    kept: dict[str, Any]


def handed_in(path: str | os.PathLike[str]) -> list[HandedIn]:
    """The progress in a zip that was handed in, or in such a file itself. Raises DatasetError for what is none."""
    content, name = _octets(path), shown(str(path))
    try:
        is_itself = PROGRESS.fullmatch(Path(path).name)
        texts = [content] if is_itself else _members(content, PROGRESS.fullmatch).values()
        found = [_whose(parsed(text)) for text in texts]
    except DatasetError as error:
        raise DatasetError(f"{name} cannot be read: {error}", path) from error
    if not found:
        raise DatasetError(f"{name} holds no progress: nothing was checked or predicted in it", path)
    return found


def _whose(kept: dict[str, Any]) -> HandedIn:
    if kept["form"] > FORM:
        raise DatasetError(f"it is of a newer kit ({shown(kept.get('kit'))}): update mipflow", None)
    try:
        who = Student(tuple(map(str, kept["who"])))
        return HandedIn(Student() if who.ids == (PRACTICE,) else who, lab_of(kept["lab"]), kept)
    except (TypeError, KeyError, ProtocolMisuse) as error:
        raise DatasetError(f"it does not say whose it is, and of which lab ({shown(error, str)})", None) from error


@in_words
def hand_in(lab: str) -> ipywidgets.VBox:
    """One button that makes the zip and offers it for download, and one that takes it back."""
    exercises_of(lab_of(lab))
    make = button("Make the file to hand in", f"Notebook and progress as one zip. {SAVE} first")
    back = ipywidgets.FileUpload(accept=".zip", description="Restore from a zip", layout={"width": "auto"})
    said = ipywidgets.Output()  # a form of HTML would take the link for dangerous
    show_in(said, f"{SAVE}, then make the file, and keep it.")

    def made(_: object) -> None:
        try:
            path = pack(lab)
            data = b64encode(path.read_bytes()).decode()
            link = f"<a download='{path.name}' href='data:application/zip;base64,{data}'>Download {path.name}</a>"
            whose = "" if student().ids else f" {NOBODYS}"
            show_in(said, f"{link} {escape(_saved(lab_of(lab), path.parent) + whose)} It is in the list of files, too.")
        except MipflowError as error:
            show_in(said, escape(f"{error}."))

    def uploaded(_: object) -> None:
        try:
            names = [each.name for upload in back.value for each in unpack(bytes(upload["content"]))]
            show_in(
                said, escape(f"Back again: {', '.join(names)}. Close this notebook without saving, and open it again.")
            )
        except MipflowError as error:
            show_in(said, escape(f"{error}."))

    make.on_click(made)
    back.observe(uploaded, "value")
    return frame(ipywidgets.HBox([make, back], layout={"flex_flow": "row wrap"}), said)


def named(path: Path) -> tuple[str, str]:
    """The number in the name of a zip, or in nbgrader's `submitted/ID/labNN`, and all that stands in its place there,
    which may begin with a course server's words; both empty for none.
    """
    found = NAMED.match(f"{path.parent.parent.name}-{path.parent.name}" if PROGRESS.fullmatch(path.name) else path.name)
    return (found["who"], found["all"]) if found else ("", "")


def is_called(name: str, who: Student) -> bool:
    """True where a name ends with somebody's number, or a pair's two in any order."""
    forms = {who.name, Student(who.ids[::-1]).name}
    return any(name == form or name.endswith((f"_{form}", f" {form}")) for form in forms)


def whose(path: str | os.PathLike[str], inside: Student) -> tuple[Student, str]:
    """By whose stories a submission is marked: of the number of the roster, else of the one in its name, else of the
    one that is inside; and a sentence where that is another.
    """
    number, name = named(Path(path).absolute())
    who, says = Student(tuple(number.split("-"))), f"The zip is named after {number}, and its"
    if os.environ.get(ROSTER, "").strip():
        who, name = student(), student().name
        says = f"{ROSTER} says {name}, and the"
    if not name or is_called(name, inside):
        return inside, ""
    return who, f"{says} notebook ran as {inside.name}: these are {who.name}'s questions."


def viva(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers. Raises DatasetError for no such zip."""
    inside, lab, kept = handed_in(path)[0]
    who, _ = whose(path, inside)
    exercises = exercises_of(lab)
    if not hasattr(exercises, "viva"):
        raise DatasetError(f"lab {lab} has no oral questions", lab)
    try:
        asked: list[tuple[str, str]] = exercises.viva(who, kept["attempts"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # a learner may have edited them
        why = f"the attempts in {shown(str(path))} cannot be read ({type(error).__name__}: {shown(error, str)})"
        raise DatasetError(why, path) from error
    return asked
