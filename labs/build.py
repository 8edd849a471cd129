"""Builds what learners open, labs/NN_name.ipynb, from labs/source/NN_name.py (jupytext, py:percent).

    python labs/build.py                write all notebooks and pictures
    python labs/build.py --check        write nothing; exit status 1 and the names where one is not as built
    python labs/build.py --new 12_name  begin a lab with a small example that works, and build it

What a source may say beyond plain cells:

- `### BEGIN SOLUTION` to `### END SOLUTION`: taken out of the learner's notebook. In the solutions (`mipflow
  solutions FOLDER`) these marks stay, because `nbgrader generate_assignment` takes them out itself and would empty an
  answer cell that has none.
- cell tags: `hide` (code that only draws: its source is folded away), `answer:7.3` (code the learner writes),
  `check:7.3:2` (a check of two points, locked), `essay:7.5:3` (graded by a person), `given:7.1` (locked, not graded)
- a code cell that calls something of `mipflow.course`, such as `check`, gets the import of it; the source needs none
- `[care-of address](word:care-of-address)` in a text cell: a link to that word of glossary.py, each of whose cells is a
  word under its heading; `[Figure 6](lab:07)`: a link to that lab, and "(to come)" where it is not there yet
- `[map](map:labs)` in a text cell: a table of all labs; what it says of one is read from that lab's first cell, and of
  one to come from plan.csv
- `![what it shows](picture:before)` in a text cell: the picture `before` of labs/pictures.py or a chart of
  labs/flowcharts.py, as an image that needs no kernel and no file

The pictures that the README beside `labs` shows are written to labs/pictures; the pre-test and post-test, as a page to
print, to docs/pretest.html; the tables of docs/teaching.md into that page.

jupytext is needed here only; learners and teachers do without.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

LABS = Path(__file__).resolve().parent
# What is built is what this checkout draws, whichever mipflow is installed.
sys.path[:0] = [str(LABS), str(LABS.parent)]

Cell = dict[str, Any]

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
MOST_VISIBLE_CELLS, MOST_LINES = 12, 15
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
IMPORT = "from mipflow.course import"
NAME = re.compile(r"(\d\d|pre|post)_[a-z][a-z0-9_]*\.py|(index|glossary)\.py")
PICTURE = re.compile(r"!\[([^\]]*)\]\(picture:(\w+)\)")
WORD = re.compile(r"\]\(word:([^)\s]*)\)")
LAB = re.compile(r"\[([^\]]+)\]\(lab:(\d\d|pre|post)\)")
MAP = "[map](map:labs)"
GLOSSARY = "glossary"
SHOWN = re.compile(r"\(labs/pictures/(\w+)\.svg\)")
GRADED = {  # tag: what nbgrader does with such a cell
    "answer": {"grade": False, "solution": True, "locked": False},
    "check": {"grade": True, "solution": False, "locked": True},
    "essay": {"grade": True, "solution": True, "locked": False},
    "given": {"grade": False, "solution": False, "locked": True},
}


class SourceError(Exception):
    """A source that cannot be built: file, cell and what to do, in one line."""


def main(arguments: list[str] | None = None) -> int:
    """Build or check; returns the exit status: 0 done, 1 something is not as built, 2 a source is wrong."""
    parser = argparse.ArgumentParser(description="Builds labs/*.ipynb from labs/source/*.py.")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is not as built")
    parser.add_argument("--new", metavar="NN_NAME", help="begin a lab, such as 12_multicast, and build it")
    parser.add_argument("--labs", metavar="DIR", type=Path, default=LABS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    try:
        begun = _begun(chosen.new, chosen.labs) if chosen.new is not None else ""
        files = built(chosen.labs, chosen.labs)
    except SourceError as error:
        print(f"labs/build.py: {error}", file=sys.stderr)
        return 2
    if not chosen.check:
        _write(files)
        print(begun, end="\n" * bool(begun))
        return 0
    wrong = differences(files, chosen.labs)
    for line in wrong:
        print(f"{line}; run python labs/build.py", file=sys.stderr)
    return 1 if wrong else 0


def _begun(name: str, labs: Path) -> str:
    from author import new

    try:
        return new(name, labs)
    except (ValueError, OSError) as error:
        raise SourceError(str(error)) from error


def built(labs: Path, target: Path, solutions: bool = False) -> dict[Path, str]:
    """Return every file that is built from `labs`/source, by its path in `target`."""
    sources = sorted((labs / "source").glob("*.py"))
    if not sources:
        raise SourceError(f"no lab: {labs / 'source'} holds no NN_name.py")
    files: dict[Path, str] = {}
    drawn: dict[str, str] = {}
    for source in sources:
        files[target / f"{source.stem}.ipynb"] = notebook(source, drawn, solutions)
    readme = labs.parent / "README.md"
    if not solutions and readme.exists():
        for name in SHOWN.findall(readme.read_text(encoding="utf-8")):
            files[target / "pictures" / f"{name}.svg"] = _drawn(name, drawn)
    if not solutions and (labs / "exercises" / "pre.py").exists():
        from paper import page

        files[labs.parent / "docs" / "pretest.html"] = page()
    teaching = labs.parent / "docs" / "teaching.md"
    if not solutions and teaching.exists():
        from cards import taught

        files[teaching] = taught(teaching.read_text(encoding="utf-8"), labs)
    return files


def differences(files: dict[Path, str], labs: Path) -> list[str]:
    """Return one line for each file in `labs` that is missing, is not as built, or has no source."""
    found = []
    for path, text in files.items():
        if not path.exists():
            found.append(f"{path.name} is missing")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{path.name} is not what its source gives")
    strays = {*labs.glob("*.ipynb"), *(labs / "pictures").glob("*.svg")} - set(files)
    return found + [f"{path.name} has no source" for path in sorted(strays)]


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def notebook(source: Path, drawn: dict[str, str] | None = None, solutions: bool = False) -> str:
    """Return the notebook of one source as text; the pictures that it shows are added to `drawn`."""
    import jupytext

    match = NAME.fullmatch(source.name)
    if match is None:
        raise SourceError(f"{source.name}: expected a name such as 07_figure_six.py, or index.py or glossary.py")
    read = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    pictures = {} if drawn is None else drawn
    cells: list[Cell] = []
    for number, cell in enumerate(read.cells, start=1):
        try:
            cells.append(_cell(cell, _identifier(match, number, cell), source.parent, pictures, solutions))
        except SourceError as error:
            raise SourceError(f"{source.name}, cell {number}: {error}") from None
    if not solutions:
        for complaint in complaints(cells):
            raise SourceError(f"{source.name}{complaint}")
    made = {
        "cells": cells,
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _identifier(name: re.Match[str], number: int, read: Any) -> str:
    """Return a cell's id. Those of the glossary are its words: a link finds them before the page is drawn."""
    word = re.match(r"## (.+)", read.source) if name[2] == GLOSSARY else None
    return _anchor(word[1]) if word else f"{name[2] or 'lab' + name[1]}-{number:02}"


def _anchor(heading: str) -> str:
    return re.sub(r"\W+", "-", heading.strip().lower())


def words(sources: Path) -> set[str]:
    """Return the anchors of the glossary."""
    path = sources / f"{GLOSSARY}.py"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {_anchor(heading) for heading in re.findall(r"^# ## (.+)$", text, re.MULTILINE)}


def _linked(text: str, sources: Path) -> str:
    """Return a text with its links to words and labs."""

    def to_word(found: re.Match[str]) -> str:
        if found[1] not in words(sources):
            raise SourceError(f"word:{found[1]} is not in {GLOSSARY}.py; give it a cell there, or choose one that is")
        return f"]({GLOSSARY}.ipynb#cell-id={found[1]})"

    def to_lab(found: re.Match[str]) -> str:
        there = sorted(sources.glob(f"{found[2]}_*.py"))
        return f"[{found[1]}]({there[0].stem}.ipynb)" if there else f"{found[1]} (to come)"

    if MAP in text:
        from cards import lab_map

        text = text.replace(MAP, lab_map(sources.parent))
    return LAB.sub(to_lab, WORD.sub(to_word, text))


def _cell(read: Any, identifier: str, sources: Path, drawn: dict[str, str], solutions: bool) -> Cell:
    is_code = read.cell_type == "code"
    stubbed = without_solution(read.source, is_code)  # also where it stays: what is marked wrongly is released
    text = read.source if solutions else stubbed
    if is_code:
        text = with_imports(text, "; " if "hide" in read.metadata.get("tags", []) else "\n")
    metadata = _metadata(read.metadata.get("tags", []), read.cell_type, BEGIN in read.source)
    if not is_code:
        text = _linked(PICTURE.sub(lambda found: _image(found[1], found[2], drawn), text), sources)
    cell: Cell = {
        "cell_type": read.cell_type,
        "id": identifier,
        "metadata": metadata,
        "source": text.splitlines(keepends=True),
    }
    return {**cell, "execution_count": None, "outputs": []} if is_code else cell


def with_imports(text: str, between: str = "\n") -> str:
    """Return a code cell that stands alone: whatever was deleted or not yet run, it has the names of the course that it
    calls, and has them as they are, whatever another cell made of them. `between`: a folded cell shows its first line,
    where what it does is to be seen.
    """
    from mipflow import course

    called = [name for name in sorted(course.__all__) if re.search(rf"(?<![\w.]){name}\(", text)]
    if not called or IMPORT in text:
        return text
    return f"{IMPORT} {', '.join(called)}{between}{text}"


def without_solution(text: str, is_code: bool) -> str:
    """Return a cell as the learner gets it: a stub for every marked solution."""
    kept: list[str] = []
    inside = False
    for line in text.split("\n"):
        if line.strip() in (BEGIN, END):
            if inside is (line.strip() == BEGIN):
                raise SourceError(f"{line.strip()!r} where {END if inside else BEGIN!r} is due")
            inside = not inside
            if inside:
                kept.append(_stub(line[: len(line) - len(line.lstrip())], is_code))
        elif not inside:
            kept.append(line)
    if inside:
        raise SourceError(f"{BEGIN!r} has no {END!r}")
    return "\n".join(kept)


def _stub(indent: str, is_code: bool) -> str:
    if not is_code:
        from mipflow.course.handin import EMPTY

        return f"{indent}{EMPTY}"
    # At the left edge an exception would end "Run All"; inside a function it waits for the check that calls it. Nor may
    # it be a value: the cell would show that.
    return f'{indent}raise NotImplementedError("your turn")' if indent else "# your turn"


def _metadata(tags: list[str], cell_type: str, has_solution: bool) -> Cell:
    metadata: Cell = {}
    for tag in tags:
        kind, _, rest = tag.partition(":")
        if tag == "hide" and cell_type == "code":
            metadata["jupyter"] = {"source_hidden": True}
        elif kind in GRADED and rest and "nbgrader" not in metadata:
            metadata["nbgrader"] = _nbgrader(tag, cell_type)
            if kind == "answer":
                metadata["tags"] = ["raises-exception"]  # Jupyter's word: Run All goes on where this cell fails
        else:
            raise SourceError(f"tag {tag!r}; expected one of hide (code), {', '.join(f'{kind}:ID' for kind in GRADED)}")
    if has_solution and not metadata.get("nbgrader", {}).get("solution"):
        raise SourceError("a solution in a cell without the tag answer:ID or essay:ID:POINTS")
    return metadata


def _nbgrader(tag: str, cell_type: str) -> Cell:
    """nbgrader's metadata, schema 3."""
    kind, identifier, *points = tag.split(":")
    marks = {**GRADED[kind], "cell_type": cell_type, "schema_version": 3, "task": False}
    marks["grade_id"] = f"{kind}-{identifier.replace('.', '-')}"
    if kind in ("answer", "check") and cell_type != "code":
        raise SourceError(f"tag {tag!r} belongs to a code cell")
    if marks["grade"]:
        if len(points) != 1 or not points[0].isdecimal():
            raise SourceError(f"tag {tag!r}; expected its points, such as {kind}:{identifier}:2")
        marks["points"] = int(points[0])
    elif points:
        raise SourceError(f"tag {tag!r}; only check and essay have points")
    return marks


def _drawn(name: str, drawn: dict[str, str]) -> str:
    """Return a picture by its name, drawn once."""
    if name not in drawn:
        from flowcharts import CHARTS
        from pictures import PICTURES

        known = {**PICTURES, **CHARTS}
        if name not in known:
            raise SourceError(f"there is no picture {name!r}; expected {' or '.join(known)}")
        drawn[name] = known[name]()
    return drawn[name]


def _image(shows: str, name: str, drawn: dict[str, str]) -> str:
    data = base64.b64encode(_drawn(name, drawn).encode()).decode()
    words = escape(" ".join(shows.split()))
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{words}" width="100%">'


def complaints(cells: list[Cell]) -> Iterator[str]:
    """Yield each stumbling block with its cell: text too long, headings out of order, a picture without words."""
    visible, level, identifiers = 0, 0, set[str]()
    for number, cell in enumerate(cells, start=1):
        text, place = "".join(cell["source"]), f", cell {number}: "
        for each in filter(None, (cell["id"], cell["metadata"].get("nbgrader", {}).get("grade_id"))):
            if each in identifiers:
                yield f"{place}{each!r} is there twice"
            identifiers.add(each)
        if cell["cell_type"] == "code":
            if "jupyter" in cell["metadata"]:
                continue
            visible += not cell["metadata"].get("nbgrader", {}).get("grade")  # a check is one line that nobody writes
            if len(cell["source"]) > MOST_LINES:
                yield f"{place}{len(cell['source'])} lines; at most {MOST_LINES}, logic belongs into the package"
        else:
            for heading in re.findall(r"^(#+) ", text, re.MULTILINE):
                if len(heading) > level + 1 or (level == 0) != (len(heading) == 1):
                    yield f"{place}heading {heading!r}; expected one '#', at the very top, then no level left out"
                level = len(heading)
            if re.search(r'!\[\s*\]\(|alt="\s*"', text):
                yield f"{place}an image without words for those who cannot see it"
    if not cells or not re.match(r"# ", "".join(cells[0]["source"])) or cells[0]["cell_type"] != "markdown":
        yield ", cell 1: expected text that begins with the title, '# ...'"
    if visible > MOST_VISIBLE_CELLS:
        yield f": {visible} visible code cells; at most {MOST_VISIBLE_CELLS}"


if __name__ == "__main__":
    sys.exit(main())
