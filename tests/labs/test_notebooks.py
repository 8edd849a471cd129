"""Every lab runs from top to bottom in a fresh kernel, as learners get it and with its solutions."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbclient import NotebookClient

from mipflow import cli

REPOSITORY = Path(__file__).resolve().parents[2]
LABS = REPOSITORY / "labs"
NOTEBOOKS = sorted(LABS.glob("*.ipynb"))
SOLVED = [path for path in NOTEBOOKS if "### BEGIN SOLUTION" in (LABS / "source" / f"{path.stem}.py").read_text()]
MOST_SECONDS = dict.fromkeys(
    (
        "00_tour",
        "01_why_moving_breaks",
        "02_home_agent",
        "03_return_routability",
        "04_one_home_address",
        "05_separating_flows",
        "06_home_addresses",
        "07_figure_six",
        "08_one_flow_moves",
    ),
    10,
)
OTHERWISE_SECONDS = 30

pytestmark = [pytest.mark.slow, pytest.mark.notebook]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel finds this checkout, and nothing of who runs the test."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))


def execute(path: Path, folder: Path) -> tuple[nbformat.NotebookNode, float]:
    """The executed notebook and the processor time that a fresh kernel took for it, in seconds."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    client.execute()  # its end is the kernel's
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return notebook, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Return output that no learner should see: errors, warnings, anything on stderr."""
    return [
        f"{cell.id}: {output.get('text') or output.get('evalue')}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lab_runs_as_learners_get_it(path: Path, tmp_path: Path) -> None:
    notebook, took = execute(path, tmp_path)
    assert complaints(notebook) == []
    assert took < MOST_SECONDS.get(path.stem, OTHERWISE_SECONDS)
    assert not list(tmp_path.glob("*.json")), "a run that nobody has touched leaves nothing behind"
    if path.stem == "00_tour":
        kinds = [set(output.data) for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
        films = [kind for kind in kinds if "application/vnd.plotly.v1+json" in kind]
        forms = [kind for kind in kinds if "application/vnd.jupyter.widget-view+json" in kind]
        assert (len(films), len(forms)) == (1, 6), "three questions, two panels, and the file to hand in"


def test_the_labs_run_with_their_solutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert cli.main(["solutions", str(tmp_path / "source")]) == 0
    for path in SOLVED:
        notebook, took = execute(tmp_path / "source" / f"lab{path.name[:2]}" / path.name, tmp_path)
        assert complaints(notebook) == [], path.name
        assert took < OTHERWISE_SECONDS, path.name
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
                assert cell.outputs[-1].data["text/plain"] == str(cell.metadata.nbgrader.points), cell.source


def changed(name: str, cells: Mapping[str, str | None]) -> nbformat.NotebookNode:
    """A lab's notebook with other cells, found by how they begin; None takes one away."""
    notebook = nbformat.read(LABS / name, as_version=4)
    for begins, source in cells.items():
        cell = next(cell for cell in notebook.cells if cell.source.startswith(begins))
        if source is None:
            notebook.cells.remove(cell)
        else:
            cell.source = source
    return notebook


def ran(notebook: nbformat.NotebookNode, path: Path) -> str:
    """All that is said in a notebook by Run All, in time and without complaints."""
    nbformat.write(notebook, path)
    done, took = execute(path, path.parent)
    assert complaints(done) == [] and took < OTHERWISE_SECONDS
    return "\n".join(str(output.get("data", output)) for cell in done.cells for output in cell.get("outputs", []))


class Hostile(NamedTuple):
    """Damage that learners do to lab 07: to its file of progress, and to cells, by how they begin; None removes one."""

    progress: Callable[[Path], object]
    cells: dict[str, str | None]
    said: tuple[str, ...]


def test_a_tour_without_some_of_its_cells_runs_to_the_end(tmp_path: Path) -> None:
    cells = {"names = ": "names = 5", "home_ms = ": "home_ms = 'long'", "example = ": "world = example = print"}
    notebook = changed("00_tour.ipynb", cells)
    gone = ("building(", "me()", "def begin(", "def story(")
    notebook.cells = [
        cell for cell in notebook.cells if not any(each in cell.source for each in gone if cell.cell_type == "code")
    ]
    notebook.cells[-1].source = "the end"
    notebook.cells.append(nbformat.v4.new_code_cell("print('the end')"))
    said = ran(notebook, tmp_path / "00_tour.ipynb")
    for words in ("names is no list of 6", "home_ms is no number", "application/vnd.plotly.v1+json", "the end"):
        assert words in said, words


HOSTILE = {
    "loops": Hostile(
        lambda path: path.write_text("{"), {
            "from mipflow.course import ask, blocks": None,
            "trace = ": "trace = 5",
            "def assign(": "def assign(flow, homes, flows, allocate):\n    print(flow)\n    while True:\n        pass",
            "from mipflow.course import blocks": 'check = film = "mine"\nimport mipflow as mf\nother = mf.figure2()',
            "waited_ms = ": None,
            "def release(": "def release(flow, homes, flows):\n    other.run(1)",
            "story = ": "story = assign",
        }, (
            "trace is no list of words", "took more than 1 s and was stopped", "`check` is a name of the lab",
            "Write waited_ms in the cell above", "somebody waits for the answer of your release()", "story is no text",
            "is damaged",
        )),
    "never comes back": Hostile(
        lambda path: path.mkdir(), {
            "from mipflow.course import ask, blocks": "from mipflow.course import check, me\nme('')",
            "trace = ": "trace = ['H@1'] * 5\ncheck = 3\ncheck('7.2').points",
            "def assign(": "def assign(flow, homes, flows, allocate):\n    return sum(range(10**12))",
            "waited_ms = ": "waited_ms = '1' * 10**7",
            "def release(": "def release(flow, homes, flows):\n    print('x' * 10**7)\n    homes.remove(input())",
            "story = ": "story = 'A ' * 10**6",
        }, (
            "expected your student number", "`check` is a name of the lab", "not come back from one call in line 2",
            "did not come to an end in its check", "waited_ms is no number", "nobody answers here", "is damaged",
        )),
    "ends Python": Hostile(
        lambda path: path.write_text('{"form": 99, "kit": "9.9"}'), {
            "trace = ": "trace = [[]] * 5",
            "def assign(": "import os\n\ndef assign(flow, homes, flows, allocate):\n    os._exit(0)",
            "waited_ms = ": "waited_ms = float('nan')",
            "def release(": "def release(flow, homes, flows):\n    exit()",
            "story = ": "story = 'A B ' + chr(0xd800)",
        }, ("of a newer kit", "ended Python itself", "this would end the notebook", "in your story")),
    "takes all memory": Hostile(
        lambda path: path.symlink_to("/dev/zero"), {
            "def assign(": "def assign(flow, homes, flows, allocate):\n    return homes * 10**10",
            "def release(": "def release(flow, homes, flows):\n    return release(flow, homes, flows)",
        }, ("raised MemoryError", "raised RecursionError", "no ordinary file")),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_learners_write_run_all_reaches_the_end(name: str, tmp_path: Path) -> None:
    hostile = HOSTILE[name]
    hostile.progress(tmp_path / "progress-lab07.json")
    notebook = changed("07_figure_six.ipynb", hostile.cells)
    early = nbformat.v4.new_code_cell("from mipflow.course import check\ncheck('7.4').points")
    notebook.cells.insert(1, early)
    said = ran(notebook, tmp_path / "07_figure_six.ipynb")
    for words in (*hostile.said, "Write release in the cell above"):
        assert words in said, words


OF_08 = {
    "lost = ": "lost = 'two'",
    "from mipflow.course.exercises.own_node import Row": (
        "def outgoing(packet, mn):\n    mn.flows = mn.went_up = None\n    while True:\n        pass"
    ),
    "def incoming(": "Row = 5\ndef incoming(packet, mn):\n    print(packet)\n    mn.flows[1] = Row\n    mn.up(packet)",
    "def handover(": "def handover(flow, care_of, flows):\n    flows.clear()\n    flow.cn = care_of\n    return flows",
    "asked_ms = ": None,
    "moves = ": "moves = 'one'",
    "import mipflow as mf": "def two_calls(world):\n    return sum(range(10**12))",
    "story = ": "story = 'A ' * 10**6",
}
"""Cells that learners break in lab 08: how they begin, and the new text."""


def test_whatever_learners_write_in_lab_08_run_all_reaches_the_end(tmp_path: Path) -> None:
    said = ran(changed("08_one_flow_moves.ipynb", OF_08), tmp_path / "08_one_flow_moves.ipynb")
    for words in (
        "lost is no whole number", "took more than 1 s and was stopped", "mn.flows[1] is 5",
        "you sent no update", "Write asked_ms in the cell above", "moves is no list of 4",
        "does not come back from one call in line 2", "in your story",
    ):  # fmt: skip
        assert words in said, words


def test_an_answer_that_python_cannot_read_stops_nothing(tmp_path: Path) -> None:
    notebook = changed("07_figure_six.ipynb", {"trace = ": "trace = [H@1", "waited_ms = ": "waited_ms = 1 / 0"})
    path = tmp_path / "07_figure_six.ipynb"
    nbformat.write(notebook, path)
    done, _ = execute(path, tmp_path)
    assert len(complaints(done)) == 2, "Python's own words at the two cells"
    assert done.cells[-2].outputs, "the last cell has run"
