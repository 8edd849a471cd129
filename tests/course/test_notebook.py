"""Cells of a notebook: names that a cell took away come back, and results are shown once."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.utils.capture import capture_output

from mipflow.course import notebook


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


@pytest.mark.parametrize(
    "cell",
    [
        "number = nothing", "number = 31dd", "other, number = 1, 31dd", "number: int = 08", "def number(:\n    pass",
        "1 / 0\nnumber = 5", "other = number = [1, nothing]", "%matplotlib nowhere\nnumber = 1 / 0", "number = (1,",
        "number = await nothing", "if True:\n    number = nothing", "raise KeyboardInterrupt\nnumber = 1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", ["number = -1", "pass"])
def test_a_cell_that_failed_is_not_judged_by_what_was_there_before(shell: Any, cell: str, first: str) -> None:
    def checked() -> Any:
        with capture_output() as said:  # type: ignore[no-untyped-call]
            shell.run_cell("result = check('99.2')")
        return shell.user_ns["result"], str(said.outputs[-1].data["text/html"])

    shell.run_cell(f"from mipflow.course import *\nfrom mipflow.course.notebook import keep\nkeep({{}})\n{first}")
    with capture_output():  # type: ignore[no-untyped-call]
        shell.run_cell(cell)
    result, words = checked()
    assert result.status == "error" and "Your cell for `number` stopped with an error" in words
    with capture_output():  # type: ignore[no-untyped-call]
        shell.run_cell("1 / 0")
        shell.run_cell("print(number == 2")
    assert checked()[0].status == "error", "other cells change nothing"
    shell.run_cell("number = -1")
    assert checked()[0].status == "wrong" and "-1 is not it." in checked()[1]


@pytest.mark.parametrize(
    "cell",
    [
        "number = -2\n1 / 0", "def f():\n    number = 1\nf(1)", "print(number=-1, x=nothing)", "number == 08",
        "  number -",
    ],
)  # fmt: skip
def test_a_cell_that_fails_elsewhere_does_not_take_an_answer(shell: Any, cell: str) -> None:
    shell.run_cell("from mipflow.course import *\nfrom mipflow.course.notebook import keep\nkeep({})\nnumber = -1")
    with capture_output():  # type: ignore[no-untyped-call]
        shell.run_cell(cell)
        shell.run_cell("result = check('99.2')")
    assert shell.user_ns["result"].status == "wrong"


def test_a_name_that_a_cell_makes_after_an_error_is_taken(shell: Any) -> None:
    shell.run_cell("from mipflow.course import *\nfrom mipflow.course.notebook import keep\nkeep({})\nnumber = -1")
    with capture_output():  # type: ignore[no-untyped-call]
        shell.run_cell("number = nothing")
        shell.run_cell("result = check('99.2', {'number': -3})")
        assert shell.user_ns["result"].status == "wrong", "answers that are given are taken"
        shell.run_cell("globals()['number'] = -4\nresult = check('99.2')")
    assert "-4 is not it." in shell.user_ns["result"].feedback


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
