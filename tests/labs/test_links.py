"""Links between the labs, their start page and their glossary: none leads nowhere, and no word is there for nobody."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from mipflow import course

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
        for each in told.split("\n- "):  # of the patent's pages in turn
            assert re.fullmatch(r"## [A-Z].*", heading) and 4 <= len(each.split()) <= MOST_WORDS, heading
        assert told.rstrip()[-1] in '."*', heading


def pages(text: str) -> set[int]:
    """The pages that are meant by "page 8", "pages 3, 4, 6 and 7" and "pages 13 to 15"."""
    found: set[int] = set()
    for listed in re.findall(r"\bpages? (\d+(?:(?:,| and| to) \d+)*)", text):
        numbers = [int(each) for each in re.findall(r"\d+", listed)]
        spans = [(int(first), int(last)) for first, last in re.findall(r"(\d+) to (\d+)", listed)]
        found |= {*numbers, *(page for first, last in spans for page in range(first, last + 1))}
    return found


def cited_alone(book: nbformat.NotebookNode) -> bool:
    """Whether the first text of a notebook that cites a page of the patent leads to none."""
    first = next((text for text in texts_of(book, "markdown") if pages(text)), "glossary.ipynb#cell-id=the-patent")
    return "glossary.ipynb#cell-id=the-patent" not in first


def test_each_page_of_the_patent_that_a_lab_cites_can_be_looked_up_in_one_place() -> None:
    told = next(word.source for word in BOOKS["glossary.ipynb"].cells if word.id == "the-patent")
    known = {int(page) for each in re.findall(r"\*(\d+(?:, \d+)*)", told) for page in each.split(", ")}
    assert pages("pages 3, 4, 6 and 7; page 9; pages 13 to 15") == {3, 4, 6, 7, 9, 13, 14, 15}
    for name, book in BOOKS.items():
        exercises = LABS / "exercises" / f"lab{name[:2]}.py"
        texts = texts_of(book, "markdown")
        if not name[:2].isdigit() or not pages("\n".join(texts)):
            continue
        assert pages("\n".join([*texts, exercises.read_text(encoding="utf-8")])) <= known, name
        assert not cited_alone(book), f"{name} cites a page, and leads to none"


def names_of_the_kit(book: nbformat.NotebookNode) -> tuple[set[str], set[str]]:
    """Return the names of `mipflow.course` in the text of a notebook, and those that its cells import."""
    lines = re.findall(r"^from mipflow\.course import ([\w, ]+)", "\n".join(texts_of(book, "code")), re.M)
    named = set(re.findall(r"`(\w+)\(", "\n".join(texts_of(book, "markdown")))) & set(course.__all__)
    return named, {word for names in lines for word in names.split(", ")}


def texts_of(book: nbformat.NotebookNode, kind: str) -> list[str]:
    return [cell.source for cell in book.cells if cell.cell_type == kind]


@pytest.mark.parametrize("name", [name for name in BOOKS if name[:2].isdigit()])
def test_what_a_lab_names_of_the_kit_is_there(name: str) -> None:
    """A learner types `predict(...)` into a new cell because the text says so."""
    named, imported = names_of_the_kit(BOOKS[name])
    assert named <= imported and "predict" in named
