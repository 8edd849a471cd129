"""Nobody's number, progress and answers, in an empty folder, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.course.conftest import fresh


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In an empty folder, with nobody's number and answers."""
    yield from fresh(tmp_path, monkeypatch)
