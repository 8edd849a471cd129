"""Handing in: one file of notebook and progress, `ID-lab07.zip`; the way back from it; three questions about it.

A server that is culled takes the notebook along; the file, kept by the learner, brings it back.
"""

from __future__ import annotations

import json
import os
import zipfile
from base64 import b64encode
from datetime import datetime
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import ipywidgets

from mipflow.course.identity import Student, student
from mipflow.course.notebook import in_words
from mipflow.course.progress import forget, progress
from mipflow.course.source import called, exercises_of, lab_of
from mipflow.errors import DatasetError, MipflowError, ProtocolMisuse, shown
from mipflow.lab.panel import button, frame, show_in
from mipflow.wire.files import open_ordinary

MOST_OCTETS = 50_000_000
"""Of one file in a zip, unpacked."""


def pack(lab: str, folder: Path | None = None) -> Path:
    """Write notebook and progress of a lab into ID-labNN.zip beside them; gives its path. Raises DatasetError."""
    here, lab = folder or Path.cwd(), lab_of(lab)
    book, kept = _notebook(lab, here), here / progress(lab).path.name
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


@in_words
def restore(path: str | os.PathLike[str]) -> list[Path]:
    """Put notebook and progress of such a zip beside this notebook; what is there is kept under another name. Gives the
    files written; what is no such zip is answered in words.
    """
    return unpack(_octets(path))


def unpack(content: bytes, folder: Path | None = None) -> list[Path]:
    """Put what such a zip holds into a folder, and give the files written. Raises DatasetError for what is none."""
    files = {name: text for name, text in _members(content).items() if name.endswith((".ipynb", ".json"))}
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


def _members(content: bytes) -> dict[str, bytes]:
    """The files of a zip, by their names without folders."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            if any(each.file_size > MOST_OCTETS for each in packed.infolist()):
                raise DatasetError(f"this zip holds a file of more than {MOST_OCTETS} octets", None)
            return {PurePosixPath(name.replace("\\", "/")).name: packed.read(name) for name in packed.namelist()}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise DatasetError(f"this is no zip of a lab ({shown(error, str)})", None) from error


@in_words
def hand_in(lab: str) -> ipywidgets.VBox:
    """One button that makes the zip and offers it for download, and one that takes it back."""
    exercises_of(lab_of(lab))
    make = button("Make the file to hand in", "Notebook and progress as one zip; save the notebook first (Ctrl+S)")
    back = ipywidgets.FileUpload(accept=".zip", description="Restore from a zip", layout={"width": "auto"})
    said = ipywidgets.Output()  # a form of HTML would take the link for dangerous
    show_in(said, "Save the notebook first (Ctrl+S), then make the file, and keep it.")

    def made(_: object) -> None:
        try:
            path = pack(lab)
            data = b64encode(path.read_bytes()).decode()
            link = f"<a download='{path.name}' href='data:application/zip;base64,{data}'>Download {path.name}</a>"
            show_in(said, f"{link} It is in the list of files, too, beside the notebook.")
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


def viva(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers. Raises DatasetError for no such zip."""
    files = _members(_octets(path))
    kept: Any = None
    for name, text in files.items():
        if name.startswith("progress-lab"):
            try:
                kept = json.loads(text)
                who, lab, attempts = Student(tuple(map(str, kept["who"]))), lab_of(kept["lab"]), dict(kept["attempts"])
            except (ValueError, TypeError, KeyError, RecursionError, ProtocolMisuse) as error:
                raise DatasetError(
                    f"{name} in {shown(str(path))} cannot be read ({shown(error, str)})", path
                ) from error
    if kept is None:
        raise DatasetError(f"{shown(str(path))} holds no progress: nothing was checked or predicted in it", path)
    who = Student() if who.ids == ("practice",) else who
    asked: list[tuple[str, str]] = exercises_of(lab).viva(who, attempts)
    return asked
