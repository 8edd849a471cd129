"""The way from the number of a lab to its file of exercises and questions, labs/exercises/labNN.py."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from mipflow.course.exercises.exercise import Exercise
from mipflow.errors import DatasetError, ProtocolMisuse, shown
from mipflow.lab.folders import find_folder

NUMBER = re.compile(r"((?:pre|post)\b|\d{1,2})(\.\w{1,4})?")


def lab_of(number: object) -> str:
    """Return the lab of an exercise or a question as two digits: "07" of "7.3" and of "07".

    The tests before and after all labs are "pre" and "post". Raises ProtocolMisuse for any other number.
    """
    found = NUMBER.match(number) if isinstance(number, str) else None
    if found is None:
        raise ProtocolMisuse(f"{shown(number)} is no exercise; expected its number as a word, such as '7.3'", number)
    return found[1].zfill(2)


def called(lab: str) -> str:
    """Return a lab as it stands in the name of a file: "lab07" for "07", "pre" for "pre"."""
    return f"lab{lab}" if lab.isdecimal() else lab


def file_of(lab: str) -> Path:
    """Return the path of a lab's file of exercises. Raises DatasetError where there is none."""
    folder = find_folder("labs") / "exercises"
    path = folder / f"{called(lab)}.py"
    if not path.exists():
        there = ", ".join(each.stem[3:] for each in sorted(folder.glob("lab??.py"))) or "none"
        raise DatasetError(f"lab {lab} has no exercises here; labs that have: {there}", lab)
    return path


def exercises_of(lab: str) -> ModuleType:
    """Return a lab's file of exercises as a module, read again when it has changed. Raises DatasetError."""
    path = file_of(lab)
    # Under a name of ours: a learner's function may call it, and the guard looks into strangers' code alone.
    name = f"mipflow.exercises.lab{lab}"
    written = path.stat().st_mtime_ns
    known = sys.modules.get(name)
    if known is not None and vars(known).get("WRITTEN") == (str(path), written):
        return known
    try:
        return load_module(name, path, WRITTEN=(str(path), written))
    except Exception as error:
        sys.modules.pop(name, None)
        raise DatasetError(f"{path.name} cannot be read ({type(error).__name__}: {shown(error, str)})", path) from error


def load_module(name: str, path: Path, **known: object) -> ModuleType:
    """Load a file as the module of a name, in which `known` values are there already."""
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    vars(module).update(known)
    spec.loader.exec_module(module)
    return module


def exercise(number: object) -> Exercise:
    """Return the exercise of a number. Raises ProtocolMisuse for an unknown one, DatasetError for a missing lab."""
    lab = lab_of(number)
    known: dict[str, Exercise] = {each.number: each for each in exercises_of(lab).EXERCISES}
    if number not in known:
        raise ProtocolMisuse(f"there is no exercise {shown(number)}; lab {lab} has {', '.join(known)}", number)
    return known[str(number)]
