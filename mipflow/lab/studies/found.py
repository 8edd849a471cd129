"""Results of running many worlds, kept for the next time.

They stand in the platform's folder for caches, under the digest of this package's source and of what was asked, so a
change of any line runs the worlds again. A file that cannot be kept or read is no error: its results are found anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from mipflow.errors import MipflowError, Stopped
from mipflow.files import read_text, written_whole
from mipflow.view.drawing.bar import Bar

MOST_OCTETS = 1 << 20
MOST_KEPT = 8
"""The number of results of one function, for other arguments and other versions."""


def found(name: str, given: object, total: int, results: Iterable[object]) -> list[Any]:
    """Return all `total` results, one for each run, made of values that JSON knows; nothing runs where they are kept.

    name: that of the function that a learner called; given: all that the results depend on beside the source, with a
    `repr` that says it. Shows a bar meanwhile. Raises Stopped for an interrupt.
    """
    key = hashlib.sha256(f"{name} {given!r} {sys.version} {_source()}".encode()).hexdigest()
    path = cache_folder() / f"{name}-{key[:32]}.json"
    kept = _read(path)
    if kept is not None and len(kept) == total:
        return kept
    made = []
    with Bar(name, total) as bar:
        try:
            for result in results:
                made.append(result)
                bar.step()
        except KeyboardInterrupt:
            why = f"{name} was stopped after {bar.done} of {total} runs; called again, it begins anew"
            raise Stopped(why) from None
    _keep(path, json.dumps(made))
    return made


def cache_folder() -> Path:
    """Return the folder in which this platform's programs keep files that can be made anew."""
    places = {"win32": ("LOCALAPPDATA", "AppData/Local"), "darwin": ("", "Library/Caches")}
    variable, otherwise = places.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    return Path(os.environ.get(variable) or os.path.join(os.path.expanduser("~"), otherwise)) / "mipflow"


@cache
def _source() -> str:
    """Return the digest of all modules of this package."""
    total, top = hashlib.sha256(), Path(__file__).parents[2]
    for path in sorted(top.rglob("*.py")):
        total.update(f"{path.relative_to(top).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return total.hexdigest()


def _read(path: Path) -> list[Any] | None:
    """Read the results in a file; return None where it is not there, or not as it was written."""
    with suppress(MipflowError, ValueError):
        digest, _, text = read_text(path, MOST_OCTETS, "").partition("\n")
        if digest == hashlib.sha256(text.encode()).hexdigest():
            kept: list[Any] = json.loads(text)
            return kept
    return None


def _keep(path: Path, text: str) -> None:
    """Keep results, and drop the oldest of the same function."""
    if not path.is_absolute():  # nobody's home
        return
    with suppress(OSError, MipflowError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as stream:
            stream.write(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode())
        others = sorted(path.parent.glob(f"{path.name.partition('-')[0]}-*.json"), key=lambda one: one.stat().st_mtime)
        for old in others[:-MOST_KEPT]:
            old.unlink()
