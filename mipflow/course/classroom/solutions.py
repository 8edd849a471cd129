"""The labs' notebooks with their solutions, in the folders that nbgrader calls source/labNN.

The builder beside the labs makes them (labs/build.py); here it is found and called, and its notebooks are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mipflow.course.exercises.stories import Stories
from mipflow.course.source import exercises_of, file_of, lab_of, load_module
from mipflow.errors import DatasetError, shown
from mipflow.lab.folders import find_folder


def solutions(folder: Path, labs: Sequence[str] = ()) -> Iterator[str]:
    """Write FOLDER/labNN/NN_name.ipynb with solutions, and give a line about each; all labs that have some by default.

    Raises DatasetError, before anything is written, for a lab without solutions and a place where something else is.
    """
    ours = find_folder("labs")
    if folder.resolve().is_relative_to(ours.resolve()):
        why = f"{shown(str(folder))} is inside {ours}, which learners open; choose a folder elsewhere, such as source"
        raise DatasetError(why, folder)
    texts = _built(ours)
    names = [_name(lab_of(lab), texts) for lab in labs] or sorted(texts)
    files = {folder / f"lab{name[:2]}" / name: texts[name] for name in names}
    try:
        for path, text in files.items():
            if path.exists() and (not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text):
                raise DatasetError(f"{path} is there and is not what is built; move it, or choose another folder", path)
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{shown(str(folder))} cannot be written ({error.strerror})", folder) from error
    for path in files:
        lab = path.name[:2]
        known = [f"{each.number}: {len(each.judge.wrong)}" for each in _functions(lab)]
        told = f"; wrong versions it knows ({', '.join(known)}): look for Wrong( in {file_of(lab)}" * bool(known)
        yield f"wrote {path}{told}"


def _name(lab: str, texts: dict[str, str]) -> str:
    """Return the name of a lab's notebook. Raises DatasetError for a lab without solutions."""
    for name in texts:
        if name.startswith(lab):
            return name
    there = ", ".join(sorted(each[:2] for each in texts)) or "none"
    raise DatasetError(f"lab {lab} has no solutions here; labs that have: {there}", lab)


def _functions(lab: str) -> Iterator[Any]:
    """Give the exercises of a lab that are judged by stories."""
    return (each for each in exercises_of(lab).EXERCISES if isinstance(each.judge, Stories))


def _built(labs: Path) -> dict[str, str]:
    """Return the notebooks that have solutions, as text, by their names."""
    build = _builder(labs)
    marked = {each.stem for each in (labs / "source").glob("*.py") if build.BEGIN in each.read_text(encoding="utf-8")}
    try:
        made: dict[Path, str] = build.built(labs, labs, solutions=True)
    except build.SourceError as error:
        raise DatasetError(str(error), labs) from error
    except ImportError as error:
        raise DatasetError(f"{error}: try pip install 'mipflow[classroom]'", labs) from error
    return {path.name: text for path, text in made.items() if path.stem in marked}


def _builder(labs: Path) -> ModuleType:
    """Return the builder of the notebooks as a module. Raises DatasetError where it is missing."""
    path = labs / "build.py"
    if not path.exists():
        raise DatasetError(f"{path} is missing, which builds the notebooks: go into a checkout of mipflow", labs)
    return load_module("mipflow_labs_build", path)
