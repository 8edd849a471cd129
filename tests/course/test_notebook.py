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


def test_an_answer_is_taken_from_the_cells(shell: Any) -> None:
    shell.run_cell("number = -1")
    assert notebook.names()["number"] == -1
    with capture_output() as said:  # type: ignore[no-untyped-call]
        shell.run_cell("from mipflow.course import check\npoints = check('99.2').points")
    assert shell.user_ns["points"] == 0 and "-1 is not it." in str(said.outputs[0].data["text/html"])


def test_outside_a_notebook_its_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.show("<b>x \ud800</b>", "x \ud800")
    assert capsys.readouterr().out == "x \\ud800\n"
