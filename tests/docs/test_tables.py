"""The pages that are made by running what they tell of."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tables", DOCS / "tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attacks.md", "baselines.md", "handover.md"])
def test_a_page_says_what_a_run_gives_today(tables: ModuleType, name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == tables.PAGES[name](), "make it anew: python docs/tables.py"
