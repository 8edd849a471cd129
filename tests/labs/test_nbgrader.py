"""A class with nbgrader, for lab 05: what is released, what it earns, and what comes back.

`python -m tests.labs.nbgrader_round` does the same with all labs; tests/docs/test_teaching.py goes through an
assignment of lab 07 as the page for teachers prints it.
"""

from __future__ import annotations

import re
import sys

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed; pip install 'mipflow[classroom]'")

from tests.labs.nbgrader_round import REPOSITORY, Round, cells_of, graded_labs, played

pytestmark = [pytest.mark.slow, pytest.mark.notebook]

LABS = ("05",)
SOLUTIONS = {
    "05": ("(2, 6, 10, 20)", "packet.protocol, near, cn", "0x3C0F", "flow.fins == 2", "0 retells", "80 CN1 cell0"),
}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Round]:
    """Lab 05, released, handed in and marked."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(REPOSITORY)
        return {made.lab: made for made in played(LABS, tmp_path_factory.mktemp("class"))}


@pytest.mark.parametrize("lab", LABS)
def test_what_is_released_holds_no_solution_and_no_output(lab: str, rounds: dict[str, Round]) -> None:
    made = rounds[lab]
    text, solved = ("\n".join(cell.source for cell in made.notebook(step).cells) for step in ("release", "source"))
    assert [word for word in SOLUTIONS[lab] if word not in solved] == []
    assert [word for word in (*SOLUTIONS[lab], "SOLUTION") if word in text] == []
    released = made.notebook()
    marks = [cell.metadata.nbgrader.points for cell in released.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert sum(marks) == sum(made.full.values()) + 3, "and the essay"
    assert not any(cell.get("outputs") for cell in released.cells)
    assert set(cells_of(released, "answer")) == set(made.full)


@pytest.mark.parametrize("lab", LABS)
@pytest.mark.parametrize("who", ["right", "partly", "wrong", "blank", "loops"])
def test_everybody_earns_what_is_due(who: str, lab: str, rounds: dict[str, Round]) -> None:
    """Wrong ones take the name of `check`, the blank one's file of progress says that all was passed, and the right one
    says it is somebody else.
    """
    if who == "loops" and sys.platform != "linux":
        pytest.skip("no process is copied here")
    assert rounds[lab].given[who] == rounds[lab].due[who]


@pytest.mark.parametrize("lab", LABS)
def test_the_feedback_says_what_was_earned_and_why_not_more(lab: str, rounds: dict[str, Round]) -> None:
    made = rounds[lab]
    for who, marks in made.given.items():
        page = made.feedback(who)
        for number, points in marks.items():
            earned = re.escape(f"{points:g} of {made.full[number]} points")
            assert re.search(rf"{re.escape(number)} · [A-Z][a-z ]+ · {earned}", page), (who, number)
    assert "does not come back from one call" in made.feedback("loops")


def test_every_lab_with_checks_has_a_round() -> None:
    known = {path.name[3:5] for path in (REPOSITORY / "labs" / "exercises").glob("lab*.py")}
    assert {*LABS} <= {*graded_labs()} <= known
