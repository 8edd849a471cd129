"""For who teaches: each lab's notebook with its solutions, in the folders that nbgrader calls source/labNN.

The builder beside the labs makes them (labs/build.py); here it is found, called, and its answer put into words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from mipflow.course.exercises.stories import Stories
from mipflow.course.source import exercises_of, file_of, lab_of
from mipflow.errors import DatasetError, shown
from mipflow.lab.folders import find_folder


def solutions(folder: Path, labs: Sequence[str] = ()) -> Iterator[str]:
    """Write FOLDER/labNN/NN_name.ipynb with solutions, of all labs that have some or of those named; a line on each.

    Raises DatasetError, before anything is written, for a lab that has none and a place where something else stands.
    """
    ours = find_folder("labs")
    if folder.resolve().is_relative_to(ours.resolve()):
        why = f"{shown(str(folder))} is inside {ours}, which learners open; choose a folder elsewhere, such as source"
        raise DatasetError(why, folder)
    texts = _built(ours)
    wanted = [lab_of(lab) for lab in labs] or sorted(name[:2] for name in texts)
    files: dict[Path, str] = {}
    for lab in wanted:
        name = next((name for name in texts if name.startswith(lab)), "")
        if not name:
            there = ", ".join(sorted(each[:2] for each in texts)) or "none"
            raise DatasetError(f"lab {lab} has no solutions here; labs that have: {there}", lab)
        files[folder / f"lab{lab}" / name] = texts[name]
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


def _functions(lab: str) -> Iterator[Any]:
    """The exercises of a lab that are judged by stories."""
    return (each for each in exercises_of(lab).EXERCISES if isinstance(each.judge, Stories))


def _built(labs: Path) -> dict[str, str]:
    """The notebooks that have solutions, as text, by their names."""
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
    path = labs / "build.py"
    if not path.exists():
        raise DatasetError(f"{path} is missing, which builds the notebooks: go into a checkout of mipflow", labs)
    spec = spec_from_file_location("mipflow_labs_build", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
