"""Tab completion offers the names that README, labs and docs use, and no others, with jedi and without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
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
"""Of the mobile node that lab 08 gives a learner's functions: `course.exercises.own_node.OwnNodeView`."""
MAKERS: list[Callable[..., World]] = [mf.figure1, mf.figure2, mf.plain_mobile_ipv6]
# The table of a learner's names in the design.
DESIGN = {
    "world": "mn ha cn1 cn2 network trace now hops run animate ladder timeline tables inspect pcap save".split(),
    "world.mn": "open close handover home_addresses flows binding_updates".split(),
    "world.ha": ["bindings"], "world.cn1": ["bindings"],
}  # fmt: skip


BEHIND = "world.cn1", "world.trace", "world.cn2.bindings", "world.mn.home_addresses"
LETTERS = "world.mn.ha"
TYPED = [*(f"{name}{end}" for name in DESIGN for end in (".", "._")), *(f"{name}." for name in BEHIND), LETTERS]
# In a kernel of its own, as a learner has it.
KERNEL = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
import mipflow as mf
shell = InteractiveShell()
mf.load_ipython_extension(shell)
shell.user_ns["world"] = mf.figure2(seed=7)
with provisionalcompleter():
    for shell.Completer.use_jedi in (False, True):
        for typed in sys.argv[1:]:
            found = [one.text.removeprefix(".") for one in shell.Completer.completions(typed, len(typed))]
            print(json.dumps([typed, shell.Completer.use_jedi, found]))
"""
Offered = Callable[[str, bool], list[str]]


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Offered:
    """Return the names that are offered for one of `TYPED`, with jedi or without.

    jedi keeps parsed files in the user's folder for caches, and offers nothing where it reads one that another process
    is just writing. Workers of one test run are such processes: each has a folder of its own.
    """
    done = subprocess.run(
        [sys.executable, "-c", KERNEL, *TYPED], capture_output=True, text=True, check=True,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("jedi"))},
    )  # fmt: skip
    found = {(typed, jedi): names for typed, jedi, names in map(json.loads, done.stdout.splitlines())}
    return lambda typed, jedi: found[typed, jedi]


@pytest.mark.parametrize("jedi", [False, True])
@pytest.mark.parametrize("typed", DESIGN)
def test_what_a_learner_needs_comes_first_and_nothing_private(offered: Offered, typed: str, jedi: bool) -> None:
    names = offered(f"{typed}.", jedi)
    assert names == sorted(names) and set(DESIGN[typed]) <= set(names)
    assert len(names) <= (27 if typed == "world" else 16)
    assert offered(f"{typed}._", jedi) == []


@pytest.mark.parametrize("jedi", [False, True])
@pytest.mark.parametrize("typed", BEHIND)
def test_it_looks_behind_each_of_them(offered: Offered, typed: str, jedi: bool) -> None:
    assert offered(f"{typed}.", jedi) != []


@pytest.mark.parametrize("jedi", [False, True])
def test_a_few_letters_are_enough(offered: Offered, jedi: bool) -> None:
    assert offered(LETTERS, jedi) == ["handover", "handover_all"]


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


def test_a_learners_own_node_is_completed_too() -> None:
    class Mine(mf.World):
        pass

    assert dir(Mine) != [] and mf.World.offered_names == Mine.offered_names


def test_others_are_completed_as_before() -> None:
    shell = InteractiveShell()
    mf.load_ipython_extension(shell)
    shell.user_ns["plain"] = type("Plain", (), {"offered_names": ["mine"], "other": 1})()
    shell.Completer.use_jedi = False
    with provisionalcompleter():
        found = {one.text.removeprefix(".") for one in shell.Completer.completions("plain.", len("plain."))}
    assert {"offered_names", "other"} <= found
