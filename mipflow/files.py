"""Safe files: only ordinary ones are read, and one that is written appears whole or not at all.

Takes paths; gives open files, or one line about what is wrong. Every loader and writer of the package comes here: what
a device or a pipe gives may have no end, and a file of a name that can be guessed may be somebody's link to another.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

from mipflow.errors import DatasetError, shown

AnyPath = str | os.PathLike[str]
NO_FILE = "it is no ordinary file"


def open_ordinary(path: AnyPath, expected: str) -> BufferedReader:
    """Open an ordinary file to read its octets. Raises DatasetError for anything else, with what is `expected`."""
    try:
        if not stat.S_ISREG(os.stat(os.fspath(path)).st_mode):
            raise OSError(0, NO_FILE)
        return Path(path).open("rb")
    except Exception as error:  # a path may be anything, and do anything when it is asked for its name
        raise _refused(path, error, expected) from error


def read_text(path: AnyPath, most: int, expected: str) -> str:
    """Return the UTF-8 text of an ordinary file of at most `most` octets. Raises DatasetError as `open_ordinary` does.
    """
    with open_ordinary(path, expected) as stream:
        try:
            octets = stream.read(most + 1)
            if len(octets) > most:
                raise ValueError(f"it has more than {most} octets")
            return octets.decode("utf-8-sig")
        except (OSError, ValueError) as error:
            raise _refused(path, error, expected) from error


@contextmanager
def written_whole(path: AnyPath) -> Iterator[IO[bytes]]:
    """Give a stream whose octets become the file `path` once all are written; if something fails, nothing changes.

    Until then they are in a new file in the same folder, of a name that nobody can have foreseen. A file that is
    replaced leaves its permissions; a link is written through. Raises DatasetError where this cannot be done.
    """
    try:
        target, mode = _target(path)
        part = target.with_name(f".{os.urandom(8).hex()}.part")
        most = 0o666 if mode is None else mode  # of which the user's mask takes away
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, most)) as stream:  # new: follows no link
            try:
                yield stream
                if mode is not None:
                    part.chmod(mode)
                stream.close()
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)  # is there only when something failed
    except OSError as error:
        advice = "give the name of a file in a folder that exists and can be written"
        raise _refused(path, error, advice, "cannot be written: ") from error


def _target(path: AnyPath) -> tuple[Path, int | None]:
    """Return the file that is to be written, behind all links, and the permissions that it has, None where it is new.
    """
    try:
        target = Path(os.path.realpath(path))
    except Exception as error:  # as above
        raise OSError(0, shown(error, str)) from error
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(mode):  # a link that is still there leads to itself
        raise OSError(0, NO_FILE)
    if not os.access(target, os.W_OK):
        raise OSError(0, "it is protected from being changed")
    return target, stat.S_IMODE(mode) & 0o777


class _Enough(Exception):
    """The end of a writing that shall leave nothing."""


def check_writable(path: AnyPath) -> None:
    """Raise DatasetError where `written_whole` would when it begins; nothing is left behind."""
    with suppress(_Enough), written_whole(path):
        raise _Enough


def _refused(path: object, error: Exception, expected: str, what: str = "") -> DatasetError:
    name = shown(path, str)
    name = name if name.isprintable() and name.strip() else repr(name)
    why = getattr(error, "strerror", None) or shown(error, str)
    return DatasetError(f"{name}{' ' if what else ': '}{what}{why}; {expected}", path)
