"""Cells: each thing that a learner holds is a small table with the words of its world."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import mipflow as mf
from mipflow.lab.panels.cells import shown
from mipflow.lab.views import WORLDS
from mipflow.lab.world import World
from mipflow.sim.trace import Trace
from tests.view.drawing.test_small import HOSTILE, Reader

REPOSITORY = Path(__file__).resolve().parents[3]
STORY = """
import mipflow as mf
world = mf.figure2(seed=7, pool=1)
voice = world.mn.open(world.cn1, mf.apps.Voice())
video = world.mn.open(world.cn1, mf.apps.Video())
world.run(10)
world.mn.handover(video, "cell0")
world.run(2)
"""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Hide the worlds that other tests keep: words that worlds disagree about are left out."""
    gc.collect()
    others = list(WORLDS)
    for other in others:
        WORLDS.discard(other)
    yield
    WORLDS.update(others)


@pytest.fixture
def world() -> World:
    made: dict[str, Any] = {}
    exec(STORY, made)
    world: World = made["world"]
    return world


THINGS: dict[str, tuple[str, list[str]]] = {
    "world.ha": ("HA, home agent, holds 3 bindings", ["home", "HA (2001:db8:100::7)"]),
    "world.cn1": ("CN1, correspondent node, holds 2 bindings", ["eth0", "CN1 (2001:db8:a::5)"]),
    "world.mn": ("MN, mobile node, has 3 home addresses for 2 flows", ["wlan0", "cellular address"]),
    "world.internet": ("Internet, router", ["AR2-Internet"]),
    "world.ha.bindings": ("HA: binding cache at 12.000 s", ["H@1 (2001:db8:100::10)", "WLAN address"]),
    "world.cn2.bindings": ("CN2: binding cache at 12.000 s", ["empty"]),
    "world.mn.flows": ("MN: flow mapping table at 12.000 s", ["1 (call)", "2 (video)", "cell0", "H@2"]),
    "world.mn.home_addresses": ("MN: home address table at 12.000 s", ["H@3 (2001:db8:100::12)"]),
    "world.mn.binding_updates": ("MN: binding update list at 12.000 s", ["CN1", "cellular address", "bound"]),
    "world.mn.pool": ("MN: home addresses allocated ahead", ["allocated ahead", "1"]),
    "world.trace": ("trace of world", ["packet-hops", "decisions", "12.000 s"]),
    "world.trace[17]": ("packet-hop 17: binding acknowledgement", ["AR2 (wlan0)", "MN (wlan0)", "accepted"]),
    "world.trace[17].packet": ("binding acknowledgement, 80 octets", ["routing header type2", "HA (2001:db8:100::7)"]),
    "list(world.trace.decisions())[-1]": ("decision of MN", ["the video is to move to the cellular network"]),
    "list(world.trace.drops())[0]": ("packet dropped at MN", ["64 packets wait"]),
    "list(world.trace.changes())[-1]": ("MN: flow mapping table, 2", ["known at CN", "cellular address"]),
    "list(world.mn.flows)[1]": ("a row: FlowMappingEntry", ["cell0"]),
    "video": ("flow 2, video with CN1: H@2 over cell0", ["up", "down", "received"]),
    "video.stats": ("packets of a flow", ["up", "down"]),
    "video.stats.up": ("packets of a flow, one way", ["mean delay (ms)"]),
}  # fmt: skip
"""Text that a learner types -> the beginning of its caption, and words that are in it."""


def execute(*sources: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, Any]]]:
    """Run cells in a fresh kernel; return their outputs."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.slow
def test_in_a_kernel_each_thing_is_a_table_in_html_and_in_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = execute(STORY, *THINGS, "[*world.ha.bindings][:1]", "world", folder=tmp_path, monkeypatch=monkeypatch)
    assert all(output.output_type == "execute_result" for outputs in cells for output in outputs), cells
    for (typed, (caption, words)), (output,) in zip(THINGS.items(), cells[1:], strict=False):
        html, text = output.data["text/html"], output.data["text/plain"]
        assert f"<caption>{caption}" in html and html.count("<table class='mipflow-table'>") == 1, typed
        assert text.startswith(caption) and len(text.split("\n")) >= 2, typed
        for word in words:
            assert word in html and word in text, (typed, word)
    run, listed, shown_world = cells[0], cells[-2], cells[-1]
    assert listed[0].data["text/plain"].startswith("[Binding("), "in a list a thing is its repr"
    assert run[0].data == shown_world[0].data, "a run shows where the world stands"
    assert len(run[0].data["text/plain"].split("\n")) == 2
    assert run[0].data["text/html"].count("<tr>") == 3


def test_where_a_world_stands_is_two_lines(world: World) -> None:
    assert str(world.run(0)).split("\n") == [
        f"{world.network.name} at 12.000 s; call over wlan0 by H@1, video over cell0 by H@2",
        "bindings: HA: H@1 at WLAN address, H@2 at WLAN address, H@3 at WLAN address; "
        "CN1: H@1 at WLAN address, H@2 at cellular address; CN2: none",
    ]
    world.mn.close(world.flows()[0])
    assert "call" not in repr(world).split("\n")[0]
    html = shown(world).html()
    assert "<caption>world " in html and "CN2: none" in html


def test_a_world_in_which_nothing_has_run_says_so() -> None:
    world = mf.figure2(seed=7)
    assert repr(world).split("\n")[0].endswith("at 0.000 s; no flow was opened")
    for _ in range(2):
        world.mn.open(world.cn1, mf.apps.Voice())
    assert "call 2 waits for a home address" in repr(world)
    assert "nothing has run yet: world.run(10) first" in shown(Trace()).text()


def test_of_many_flows_it_tells_a_few() -> None:
    world = mf.figure2(seed=7)
    for _ in range(60):
        world.mn.open(world.cn1, mf.apps.Voice(start_s=100))
    world.run(4)
    lines = repr(world).split("\n")
    assert len(lines) == 2 and max(map(len, lines)) <= 420 and "56 more" in lines[0]
    assert "and 40 more" in shown(world.mn.flows).text()


@pytest.mark.parametrize("typed", THINGS)
def test_each_thing_has_its_table(typed: str, world: World) -> None:
    caption, words = THINGS[typed]
    thing = eval(typed, {"world": world, "video": world.flows()[1]})
    text = shown(thing).text()
    assert text.startswith(caption) and all(word in text for word in words)


def test_looking_changes_nothing(world: World) -> None:
    before = world.trace.digest()
    for typed in THINGS:
        thing = eval(typed, {"world": world, "video": world.flows()[1]})
        assert shown(thing).html() and shown(thing).text()
    assert world.trace.digest() == before
    twin = mf.figure2(seed=7)
    twin.run(1)
    assert repr(twin) and twin.run(5).trace.digest() == mf.figure2(seed=7).run(6).trace.digest()


def test_what_worlds_disagree_about_has_no_word(world: World) -> None:
    packet, data = world.trace[17].packet, next(each for each in world.trace.packets if each.flow == 1).copy()
    assert "H@2" in shown(packet).text() and "call, 220 octets" in shown(data).text()
    other = mf.figure2(seed=7, cns=3)
    other.names = lambda: {packet.source: "somebody else"}  # type: ignore[method-assign]
    other.flow_names = lambda: {1: "something else"}  # type: ignore[method-assign]
    assert "flow 1, 220 octets" in shown(data).text()
    assert "HA (" not in shown(packet).text() and "somebody" not in shown(packet).text()


def test_a_world_that_nobody_holds_is_not_kept() -> None:
    gc.collect()
    before = len(WORLDS)
    world = mf.figure2(seed=7)
    assert len(WORLDS) == before + 1
    del world
    gc.collect()
    assert len(WORLDS) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_letters_and_bounded(name: str) -> None:
    class Named:
        protocol, port = "UDP", 5004

        def __init__(self) -> None:
            self.name = name

        def start(self, ends: Any) -> Any:
            return mf.apps.Voice().start(ends)

    world = mf.figure2(seed=7, policy=lambda flow, networks: ("wlan0", name))
    world.title = name
    flow = world.mn.open(world.cn1, Named())
    world.run(3)
    things: list[object] = [world, flow, world.mn, world.mn.flows, world.trace, *list(world.trace.decisions())[-4:]]
    for thing in things:
        table = shown(thing)
        tags = {"style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
        assert Reader(table.html()).tags <= tags
        for line in table.text().split("\n"):
            assert all(letter.isprintable() for letter in line) and len(line) < 1000
    assert len(repr(world).split("\n")) == 2 and all(map(str.isprintable, repr(world).split("\n")))


def test_without_ipython_nothing_is_imported_and_with_it_nothing_heavy() -> None:
    code = (
        "import sys{}; import mipflow;"
        "heavy = 'IPython', 'scapy', 'plotly', 'networkx', 'mipflow.lab.panels.cells';"
        " print([module for module in heavy if module in sys.modules])"
    )
    for before, expected in (("", "[]"), (", IPython", "['IPython']")):
        line = [sys.executable, "-c", code.format(before)]
        said = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == expected


def test_one_that_came_later_is_told_by_load_ext(world: World) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    mf.load_ipython_extension(shell)
    data, _ = shell.display_formatter.format(world.ha.bindings)
    assert "<caption>HA: binding cache" in data["text/html"] and "H@1" in data["text/plain"]
    for thing in (world, world.mn):
        data, _ = shell.display_formatter.format(thing)
        assert "<caption>" in data["text/html"]
