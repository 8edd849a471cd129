"""Files: nothing without an end is read, nothing half is written, and no planted link is followed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mipflow.errors import DatasetError
from mipflow.files import check_writable, open_ordinary, read_text, written_whole

EXPECTED = "expected such as a.json"


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def write(path: Any, octets: bytes = b"new") -> None:
    with written_whole(path) as stream:
        stream.write(octets)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(caught: pytest.ExceptionInfo[DatasetError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- reading ----------------------------------------------------------------------------------------------------------


def no_files(folder: Path) -> dict[Any, str]:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    return {
        "/dev/zero": "no ordinary file", folder / "pipe": "no ordinary file", folder: "no ordinary file",
        "/dev/stdin": "", folder / "loop": "symbolic link", folder / "none": "No such file", "a\0b": r"a\x00b",
        None: "NoneType", 0: "int", folder / "two\nlines": "No such file", "": "No such file",
    }  # fmt: skip


def test_only_an_ordinary_file_is_read_and_the_rest_is_refused_at_once(tmp_path: Path) -> None:
    for path, why in no_files(tmp_path).items():
        for reading in (open_ordinary, lambda path, expected: read_text(path, 10, expected)):
            if path == "/dev/stdin" and stat.S_ISREG(os.stat(path).st_mode):
                continue
            with pytest.raises(DatasetError) as caught:
                reading(path, EXPECTED)
            assert why in refusal(caught) and refusal(caught).endswith(f"; {EXPECTED}") and caught.value.value == path


def test_a_text_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbf" + "ä".encode() * 5)
    assert read_text(path, 13, EXPECTED) == "ä" * 5
    with pytest.raises(DatasetError, match=f"text: it has more than 12 octets; {EXPECTED}"):
        read_text(path, 12, EXPECTED)
    path.write_bytes(b"\xff")
    with pytest.raises(DatasetError, match="utf-8"):
        read_text(path, 12, EXPECTED)
    with path.open("wb") as hole:
        hole.truncate(1 << 36)
    with pytest.raises(DatasetError, match="more than 12 octets"):
        read_text(path, 12, EXPECTED)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with written_whole(path) as stream:
        stream.write(b"new")
        stream.flush()
        (part,) = tmp_path.iterdir()
        assert part != path and permissions(part) == 0o640
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]
    for error in (ZeroDivisionError, KeyboardInterrupt, DatasetError, TypeError):
        with pytest.raises(error), written_whole(path) as stream:
            stream.write(b"half")
            raise error("on the way")
    with pytest.raises(DatasetError, match="out cannot be written: No space left"), written_whole(path) as stream:
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_users_permissions_and_one_that_was_there_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path)
    assert permissions(path) == 0o640
    for mode in (0o600, 0o664, 0o4755):
        path.chmod(mode)
        with written_whole(path) as stream:
            stream.write(b"again")
            (part,) = set(tmp_path.iterdir()) - {path}
            assert permissions(part) | mode == mode, "nobody reads meanwhile what only its owner may read"
        assert permissions(path) == mode & 0o777
    assert path.read_bytes() == b"again"


def test_a_protected_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    write(path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may change everything
    with pytest.raises(DatasetError, match="out cannot be written: it is protected"):
        write(path, b"other")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_a_link_at_the_temporary_name_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even under a name that was foreseen: the file must be new."""
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    monkeypatch.setattr(os, "urandom", bytes)
    for foreseen in (".out.part", f".out.{os.getpid()}.part", f".{bytes(8).hex()}.part"):
        (tmp_path / foreseen).symlink_to(target)
    with pytest.raises(DatasetError, match="File exists"):
        write(tmp_path / "out")
    assert len([path for path in tmp_path.iterdir() if path.is_symlink()]) == 3
    monkeypatch.undo()
    write(tmp_path / "out")
    assert target.read_bytes() == b"precious" and (tmp_path / "out").read_bytes() == b"new"


def test_a_link_that_is_named_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("other")
    (tmp_path / "other").symlink_to("far/real")
    for octets in (b"one", b"two"):
        write(tmp_path / "link", octets)
        assert (tmp_path / "far" / "real").read_bytes() == octets and (tmp_path / "link").is_symlink()
    assert len(list((tmp_path / "far").iterdir())) == 1


@pytest.mark.parametrize("writing", [write, check_writable])
def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path, writing: Any) -> None:
    long = tmp_path / ("n" * 300)
    wrong = no_files(tmp_path) | {tmp_path / "none" / "x": "No such file", long: "too long", "/dev/null": "ordinary"}
    del wrong[tmp_path / "none"], wrong[tmp_path / "two\nlines"]
    before = sorted(tmp_path.iterdir())
    for path, why in wrong.items():
        with pytest.raises(DatasetError) as caught:
            writing(path)
        assert why in refusal(caught) or "no ordinary file" in refusal(caught)
        assert " cannot be written: " in refusal(caught) and "; give the name of a file" in refusal(caught)
    assert sorted(tmp_path.iterdir()) == before


def test_a_check_leaves_nothing_behind_and_changes_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "old")
    check_writable(tmp_path / "old")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_a_pipe_that_is_standard_input_is_refused_too() -> None:
    code = "from mipflow.files import open_ordinary as o; o('/dev/stdin', 'expected')"
    ran = subprocess.run([sys.executable, "-c", code], input=b"x", capture_output=True, timeout=600, check=False)
    assert b"/dev/stdin: it is no ordinary file; expected" in ran.stderr
