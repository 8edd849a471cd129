"""Documents call the patent WO 2004/057826 "the patent", name its number at once, and call no random seed like it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    HOUSE / "README.md", HOUSE / "CONTRIBUTING.md", *sorted((HOUSE / "docs").glob("*.md")),
    *sorted((HOUSE / "labs" / "source").glob("[0-9][0-9]_*.py")),
]  # fmt: skip
NUMBER, NEAR = "WO 2004/057826", 120
"""The number of the patent, and within how many letters of the word's first use it stands."""
SEEDS = {"random", "same"}
"""Words before "seed": the seed of random numbers, which is never the patent."""


def prose(text: str) -> str:
    """Return a document's sentences: without code, and of links the words alone."""
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    without = re.sub(r"```.*?```|`[^`]*`", "", "\n".join(lines), flags=re.DOTALL)
    return " ".join(re.sub(r"\]\([^)]*\)", "]", without).split())


def complaints(text: str) -> list[str]:
    """Return one line for each word of a document that a reader could take for another thing."""
    said = prose(text)
    first = re.search(r"\bpatent\b", said, re.IGNORECASE)
    found = []
    if first is not None and NUMBER not in said[max(0, first.start() - NEAR) : first.end() + NEAR]:
        found.append(f"{NUMBER} does not stand beside the first: {said[first.start() :][:60]}")
    seeds = re.findall(r"(\w+) (seed\b.{0,12})", said, re.IGNORECASE)
    return found + [f"which seed is it? {before} {rest}" for before, rest in seeds if before.lower() not in SEEDS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_document_names_the_patent_and_no_random_seed_like_it(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".py":
        text = "\n".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    assert complaints(text) == []


def test_a_word_for_two_things_is_seen() -> None:
    assert complaints(f"The patent {NUMBER}. Later the patent, and `seed=7` with a random seed: [a](seed.md)") == []
    assert len(complaints(f"The patent. {'So it goes. ' * 20}{NUMBER}")) == 1
    assert len(complaints("The seed's Figure 2 with seed 7")) == 2
