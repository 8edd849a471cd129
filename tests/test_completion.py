"""Tab completion offers the names that README, labs and docs use, and no others, with jedi and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import mipflow as mf
from mipflow.lab.world import World

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *REPOSITORY.glob("labs/source/*.py")]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
LAB_08 = {"assign", "choose", "separate", "up"}
"""Of the mobile node that lab 08 gives a learner's functions: `course.own_node.OwnNodeView`."""
MAKERS: list[Callable[..., World]] = [mf.figure1, mf.figure2, mf.plain_mobile_ipv6]
# The table of a learner's names in the design.
DESIGN = {
    "world": "mn ha cn1 cn2 network trace now hops run animate ladder timeline tables inspect pcap save".split(),
    "world.mn": "open close handover home_addresses flows binding_updates".split(),
    "world.ha": ["bindings"], "world.cn1": ["bindings"],
}  # fmt: skip


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    shell = InteractiveShell()
    mf.load_ipython_extension(shell)
    shell.user_ns["world"] = mf.figure2(seed=7)
    return shell


def offered(shell: InteractiveShell, typed: str, jedi: bool) -> list[str]:
    """The names that are offered, at the third press of Tab at the latest.

    Among thousands of other tests jedi was seen to offer nothing, now and then and without a word; alone never.
    """
    shell.Completer.use_jedi = jedi
    names: list[str] = []
    with provisionalcompleter():
        for _ in range(3):
            names = names or [one.text.removeprefix(".") for one in shell.Completer.completions(typed, len(typed))]
    return names


@pytest.mark.parametrize("jedi", [False, True])
@pytest.mark.parametrize("typed", DESIGN)
def test_what_a_learner_needs_comes_first_and_nothing_private(
    shell: InteractiveShell, typed: str, jedi: bool
) -> None:
    names = offered(shell, f"{typed}.", jedi)
    assert names == sorted(names) and set(DESIGN[typed]) <= set(names)
    assert len(names) <= (26 if typed == "world" else 16)
    assert offered(shell, f"{typed}._", jedi) == []


@pytest.mark.parametrize("jedi", [False, True])
@pytest.mark.parametrize("typed", ["world.cn1", "world.trace", "world.cn2.bindings", "world.mn.home_addresses"])
def test_it_looks_behind_each_of_them(shell: InteractiveShell, typed: str, jedi: bool) -> None:
    assert offered(shell, f"{typed}.", jedi) != []


@pytest.mark.parametrize("jedi", [False, True])
def test_a_few_letters_are_enough(shell: InteractiveShell, jedi: bool) -> None:
    assert offered(shell, "world.mn.ha", jedi) == ["handover", "handover_all"]


@pytest.mark.parametrize("make", MAKERS)
def test_what_readme_and_labs_use_is_offered_and_all_that_is_offered_is_there(make: Callable[..., World]) -> None:
    world = make(seed=7)
    for name, thing in (("world", world), ("mn", world.mn), ("ha", world.ha), ("cn1", world.cn1)):
        used = set(re.findall(rf"\b{name}\.([a-z]\w*)", TEXT)) - {"py"}
        if name == "mn":
            used -= LAB_08
        assert used <= set(dir(thing)), "enter it in offered_names, or use another"
        for one in dir(thing):
            getattr(thing, one)
        assert not [one for one in dir(thing) if one.startswith("_")]
    assert set(dir(world.internet)) == {"address", "addresses", "interfaces", "name"}


def test_a_learners_own_node_is_completed_too(shell: InteractiveShell) -> None:
    class Mine(mf.World):
        pass

    assert dir(Mine) != [] and mf.World.offered_names == Mine.offered_names


def test_others_are_completed_as_before(shell: InteractiveShell) -> None:
    shell.user_ns["plain"] = type("Plain", (), {"offered_names": ["mine"], "other": 1})()
    assert {"offered_names", "other"} <= set(offered(shell, "plain.", False))
