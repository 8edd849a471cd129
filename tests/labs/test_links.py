"""Links between the labs, their start page and their glossary: none leads nowhere, and no word is there for nobody."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

LABS = Path(__file__).resolve().parents[2] / "labs"
BOOKS = {path.name: nbformat.read(path, as_version=4) for path in sorted(LABS.glob("*.ipynb"))}
LINK = re.compile(r"\]\(([^)\s]+\.ipynb)(?:#cell-id=([^)\s]+))?\)")
MOST_WORDS = 60
"""Of what is said of a word: one or two plain sentences, and one more for what the films show of it."""


def links(name: str) -> list[tuple[str, str]]:
    """The notebooks that a notebook leads to, each with its anchor."""
    cells = (cell.source for cell in BOOKS[name].cells if cell.cell_type == "markdown")
    return [(found[1], found[2] or "") for source in cells for found in LINK.finditer(source)]


def test_every_link_hits_a_notebook_and_its_anchor() -> None:
    for name in BOOKS:
        for target, anchor in links(name):
            assert target in BOOKS, f"{name} leads to {target}"
            assert not anchor or anchor in [cell.id for cell in BOOKS[target].cells], f"{name} leads to {anchor}"


def test_every_word_of_the_glossary_is_used_by_a_lab() -> None:
    title, *words = BOOKS["glossary.ipynb"].cells
    used = {
        anchor for name in BOOKS if name[:2].isdigit() for target, anchor in links(name) if target == "glossary.ipynb"
    }
    assert {word.id for word in words} - used == set()
    assert title.source.startswith("# ") and [word.id for word in words] == sorted(word.id for word in words)


def test_a_word_is_explained_in_a_few_plain_words() -> None:
    for word in BOOKS["glossary.ipynb"].cells[1:]:
        heading, _, told = word.source.partition("\n\n")
        assert re.fullmatch(r"## [A-Z].*", heading) and 4 <= len(told.split()) <= MOST_WORDS, heading
        assert told.rstrip()[-1] in '."*', heading
