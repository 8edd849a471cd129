"""Two pages name functions in files; they are there, and messages leave when one says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mipflow as mf
from tests.mip6.worlds import S, messages

ROOT = Path(__file__).parents[2]
LIFE = (ROOT / "docs" / "life_of_a_handover.md").read_text("utf-8")
PACKET = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## One packet")[2].partition("## Where")[0]
NAMES_OR_FILES = re.compile(r"\]\(\.\./([a-z0-9_/]+\.py)\)|`(_?[a-z_]+)`")


def named(text: str) -> list[tuple[str, str]]:
    """Return each function that a text names, with the file that was named last before it."""
    found, file = [], ""
    for path, name in NAMES_OR_FILES.findall(text):
        file = path or file
        if name:
            found.append((file, name))
    return found


def misfiled(text: str) -> list[tuple[str, str]]:
    return [(file, name) for file, name in named(text) if f"def {name}(" not in (ROOT / file).read_text()]


@pytest.mark.parametrize(("text", "at_least"), [(LIFE, 20), (PACKET, 12)], ids=["handover", "packet"])
def test_every_function_that_a_page_names_is_in_the_file_named_before_it(text: str, at_least: int) -> None:
    assert len(named(text)) > at_least
    assert misfiled(text) == []


def test_a_function_under_another_file_is_found() -> None:
    one, other = (f"mipflow/mip6/registrations/{name}.py" for name in ("registrar", "exchange"))
    text = f"[a](../{one}) `tell`, then [b](../{other}) `_pursue`, `tell`"
    assert misfiled(text) == [(other, "tell")]


@pytest.mark.parametrize(
    ("reuse_tokens", "seen_before", "leaves"),
    [(True, False, ["CoTI"]), (True, True, ["BU"]), (False, False, ["CoTI", "HoTI"])],
)
def test_inside_the_call_the_messages_leave_that_steps_1_to_3_name(
    reuse_tokens: bool, seen_before: bool, leaves: list[str]
) -> None:
    world = mf.figure2(seed=7, reuse_tokens=reuse_tokens)
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(6)
    if seen_before:  # then the tokens of both care-of addresses are young
        world.mn.handover(video, "cell0")
        world.run(6)
    begin = world.mn.clock.now
    world.mn.handover(video, "wlan0" if seen_before else "cell0")
    assert world.mn.clock.now == begin
    assert sorted(m.name for m in messages(world, "MN", begin / S) if m.t_ns == begin) == leaves
