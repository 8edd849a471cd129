"""The page names functions in files; they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "life_of_a_handover.md"


def test_every_file_that_the_page_names_has_the_functions_that_follow() -> None:
    where, found = None, 0
    for path, name in re.findall(r"\]\(\.\./([a-z0-9_/]+\.py)\)|`(_?[a-z_]+)`", PAGE.read_text()):
        if path:
            where = ROOT / path
            assert where.is_file(), path
        elif where is not None and name not in ("wlan0", "cell0"):
            found += 1
            texts = [where.read_text(), (ROOT / "mipflow/mip6/registrar.py").read_text()]
            texts.append((ROOT / "mipflow/flow/binder.py").read_text())
            texts.append((ROOT / "mipflow/mip6/exchange.py").read_text())
            assert any(f"def {name}(" in text for text in texts), f"{name} of {where}"
    assert found > 12
