"""In a notebook: names that a cell took away come back, and results are shown once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mipflow.course import notebook


@pytest.fixture
def shell() -> Iterator[Any]:
    made = InteractiveShell.instance()  # type: ignore[no-untyped-call]
    yield made
    InteractiveShell.clear_instance()  # type: ignore[no-untyped-call]


def test_a_name_of_ours_is_ours_again_in_the_next_cell(shell: Any) -> None:
    shell.run_cell("from mipflow.course import *")
    shell.run_cell("from mipflow.course.notebook import keep\nkeep({'check': check})")
    shell.run_cell("check = 3")
    with capture_output() as said:  # type: ignore[no-untyped-call]
        shell.run_cell("x = check")
    assert callable(shell.user_ns["x"])
    assert "`check` is a name of the lab" in str(said.outputs[0].data)


@pytest.mark.parametrize(
    ("cell", "is_ours"),
    [
        ("check = 3\ncheck('99.2').points", True), ("def check(x):\n    return x\n\ncheck('99.2').points", True),
        ("check = 3\nlen(check)", False), ("check = 3\n'x' + 1", False), ("check(1, 2, 3)", False),
    ],
)  # fmt: skip
def test_a_name_of_ours_that_a_cell_takes_and_uses_is_explained(shell: Any, cell: str, is_ours: bool) -> None:
    shell.run_cell("from mipflow.course import *\nfrom mipflow.course.notebook import keep\nkeep({'check': check})")
    with capture_output() as said:  # type: ignore[no-untyped-call]
        result = shell.run_cell(cell)
        again = shell.run_cell("callable(check)").result
    words = [output for output in said.outputs if "`check` is a name of the lab" in str(output.data)]
    assert (result.success, "Traceback" not in said.stdout) == (is_ours, is_ours)
    assert len(words) == ("check =" in cell or "def" in cell) and again


def test_an_answer_is_taken_from_the_cells(shell: Any) -> None:
    shell.run_cell("number = -1")
    assert notebook.names()["number"] == -1
    with capture_output() as said:  # type: ignore[no-untyped-call]
        shell.run_cell("from mipflow.course import check\npoints = check('99.2').points")
    assert shell.user_ns["points"] == 0 and "-1 is not it." in str(said.outputs[0].data["text/html"])


def test_outside_a_notebook_its_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.show("<b>x \ud800</b>", "x \ud800")
    assert capsys.readouterr().out == "x \\ud800\n"


def given_to_break(flow):  # type: ignore[no-untyped-def]
    """A program of a lab's."""
    return flow


def test_a_program_is_shown_under_the_name_that_the_learner_writes() -> None:
    shown = notebook.program(given_to_break, "assign")
    text = 'def assign(flow):\n    """A program of a lab\'s."""\n    return flow\n'
    assert repr(shown) == text and "<pre>def assign(flow):" in shown._repr_html_()


def test_a_sentence_a_table_and_a_piece_of_python_have_their_text() -> None:
    made = notebook.words_of("a < b", [{"a": 1, "b": 2}], "Table", "a = 1")
    assert repr(made) == "a < b\na = 1\na 1, b 2"
    assert all(part in made._repr_html_() for part in ("<p>a &lt; b</p>", "<pre>a = 1</pre>", "Table</caption>"))
    assert repr(notebook.words_of(rows=[{"a": 1}], caption="Table")) == "Table\na 1"
