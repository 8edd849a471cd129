"""Handing in: one file of notebook and progress, `ID-lab07.zip`, and the way back from it.

A server that is culled takes the notebook along; the file, kept by the learner, brings it back. The teacher's side is
`course.classroom.submissions`.
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
from typing import Any

import ipywidgets

from mipflow.course.identity import student
from mipflow.course.notebook import gives, in_words, shell
from mipflow.course.progress import forget, progress
from mipflow.course.source import called, exercises_of, lab_of
from mipflow.errors import DatasetError, MipflowError, shown
from mipflow.files import open_ordinary
from mipflow.lab.panels.panel import button, frame, show_in

MOST_OCTETS = 50_000_000
"""The most octets that are taken from a zip, unpacked."""
NOBODYS = (
    'It is called so because no number was given, and nobody will know that it is yours: write me("1234567") with your'
    " number, run all, save, and press again."
)
HEADING = re.compile(r"^## ([^(\n]*[^(\s])", re.MULTILINE)
"""A heading of a notebook, without the minutes."""
EMPTY = "*Double-click here, and write in place of these words.*"
"""The end of a text cell in which a learner is to write; labs/build.py puts it there."""
SAVE = "Choose File > Save Notebook in the menu"


def pack(lab: str, folder: Path | None = None) -> Path:
    """Write notebook and progress of a lab into ID-labNN.zip beside them, and return its path.

    Raises DatasetError where it cannot be written, and where the notebook is not saved as it ran.
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
    """Return the text and metadata of each cell of a notebook; none where it is damaged."""
    try:
        cells = json.loads(book.read_bytes())["cells"]
        return [("".join(each["source"]).strip(), each["metadata"]) for each in cells]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def _unsaved(lab: str, cells: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the exercises, and `me()`, whose cell as it last ran stands nowhere in the saved notebook.

    A kernel knows what ran, and not what stands in the page; the times of files may be another computer's.
    """
    running, last = shell(), dict[str, str]()
    for source in running.history_manager.input_hist_raw if running else ():
        names = gives(running.transform_cell(source))
        marks = [each.number for each in exercises_of(lab).EXERCISES if {each.answer, *each.also} & names]
        last |= dict.fromkeys(marks + ["me()"] * bool(re.search(r"^me\(", source, re.MULTILINE)), source.strip())
    there = {text for text, _ in cells}
    return sorted(mark for mark, source in last.items() if source not in there) if there else []


def _saved(lab: str, folder: Path) -> str:
    """Say how old the saved notebook is, and where nothing is written in it."""
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
    """Put notebook and progress of such a zip beside this notebook, and return the files written.

    Files that are there are kept under another name. Anything but such a zip is answered in words.
    """
    return unpack(octets(path))


def unpack(content: bytes, folder: Path | None = None) -> list[Path]:
    """Put the files of such a zip into a folder, and return them. Raises DatasetError for anything but such a zip."""
    files = members(content, lambda name: name.endswith((".ipynb", ".json")))
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


def octets(path: str | os.PathLike[str]) -> bytes:
    """Return the octets of a file that was handed in. Raises DatasetError for one that is no ordinary file."""
    with open_ordinary(path, "expected the zip of a lab, such as 1234567-lab07.zip") as file:
        return file.read(MOST_OCTETS)


def members(content: bytes, is_wanted: Callable[[str], object]) -> dict[str, bytes]:
    """Return the wanted files of a zip, by their names without folders. Raises DatasetError for anything but a zip."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            named = [(PurePosixPath(each.filename.replace("\\", "/")).name, each) for each in packed.infolist()]
            wanted = [(name, each) for name, each in named if is_wanted(name)]
            if sum(each.file_size for _, each in wanted) > MOST_OCTETS:
                raise ValueError(f"it holds more than {MOST_OCTETS} octets")
            return {name: packed.read(each) for name, each in wanted}
    except Exception as error:  # of zipfile's and its unpackers' many kinds
        raise DatasetError(f"this is no zip of a lab ({shown(error, str)})", None) from error


@in_words
def hand_in(lab: str) -> ipywidgets.VBox:
    """Show a button that makes the zip and offers it for download, and one that takes it back."""
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
