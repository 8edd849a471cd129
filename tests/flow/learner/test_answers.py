"""A learner's `answered`: each word is done in the node, and addresses that must not come again are in their list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.features.home import somebody_at_home
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.constants import HOME_RETRY_NS
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address

FIRST = 0x11


def right(status: int, address: Address, refused: list[Address], before: int) -> str:
    if status < 128:
        return "use"
    if status != 134:
        return "later"
    refused.append(address)
    return "give up" if before == 2 else "another"


def form(advert: Any, taken: Sequence[Address]) -> Address:
    return Address(advert.prefix >> 64 << 64 | max(each.interface_identifier for each in taken) + 1)


def told(
    answered: Callable[..., str], owners: int = 1, room: int | None = None, run_s: float = 2
) -> tuple[World, Flow]:
    """Return a world with a call at the primary, and one that needs an address of its own, the first `owners` of which
    are taken.
    """
    world = mf.figure2(allocate="stateless", form=form, answered=answered)
    if owners:
        somebody_at_home(world.network, [HOME.address(FIRST + number) for number in range(owners)])
    world.run(2.5)
    world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
    world.run(2)
    if room is not None:
        world.ha.bindings.max_bindings = room
    flow = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
    world.run(run_s)
    return world, flow


def refused(world: World) -> list[int]:
    answers = world.mn.binder.answers
    assert answers is not None
    return [each.interface_identifier for each in answers.refused]


def test_a_duplicate_leads_to_another_address_and_stands_in_the_learners_list() -> None:
    world, flow = told(right)
    assert flow.home_address == HOME.address(FIRST + 1) and flow.entry.ready and refused(world) == [FIRST]


def test_the_third_duplicate_ends_it() -> None:
    heard: list[tuple[int, int]] = []

    def answered(status: int, address: Address, refused: list[Address], before: int) -> str:
        heard.append((status, before))
        return right(status, address, refused, before)

    world, flow = told(answered, owners=3)
    assert heard == [(134, 0), (134, 1), (134, 2)] and refused(world) == [FIRST, FIRST + 1, FIRST + 2]
    assert flow.home_address is None and "gave up" in flow.refused


def test_an_address_that_was_not_written_down_is_formed_again_and_not_taken() -> None:
    world, flow = told(lambda status, *_: "use" if status < 128 else "another")
    assert refused(world) == [] and flow.home_address is None and "it is in use" in flow.refused


def test_an_address_that_was_refused_and_is_used_leads_nowhere() -> None:
    world, flow = told(lambda *_: "use")
    assert flow.home_address == HOME.address(FIRST) and flow.home_address not in world.ha.bindings
    assert any(drop.reason.startswith("no way") and drop.packet.flow == flow.id for drop in world.trace.drops())


def test_later_asks_for_the_same_again() -> None:
    heard: list[float] = []

    def answered(status: int, *_: object) -> str:
        heard.append(world.now)
        return "use" if status < 128 else "later"

    world = mf.figure2(allocate="stateless", form=form, answered=answered, collision=True).run(2.5)
    world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
    world.run(2)
    world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
    world.run(70)
    assert len(heard) == 3
    waits = [b - a for a, b in pairwise(heard)]
    assert waits == pytest.approx([HOME_RETRY_NS / NS_PER_S + 0.042] * 2, abs=0.01)


def test_where_there_is_no_room_the_same_comes_again() -> None:
    world, flow = told(right, owners=0, room=1)
    assert flow.home_address == HOME.address(FIRST) and not flow.entry.ready and refused(world) == []
    world.ha.bindings.max_bindings = 10
    world.run(34)
    assert flow.entry.ready and flow.home_address in world.ha.bindings


@pytest.mark.parametrize("word", ["another", "give up"])
def test_an_accepted_address_that_is_not_wanted_is_given_back(word: str) -> None:
    def answered(status: int, address: Address, refused: list[Address], before: int) -> str:
        refused.append(address)
        return word if address == HOME.address(FIRST) else "use"

    world, flow = told(answered, owners=0, run_s=4)
    assert HOME.address(FIRST) not in world.ha.bindings
    assert flow.home_address == (HOME.address(FIRST + 1) if word == "another" else None)


def test_an_accepted_address_that_is_not_used_has_its_flow_wait() -> None:
    world, flow = told(lambda *_: "later", owners=0, run_s=4)
    assert flow.home_address in world.ha.bindings and not flow.entry.ready


def test_a_word_that_is_none_is_said_and_the_node_goes_on_as_the_standard_says() -> None:
    world, flow = told(lambda *_: "yes")
    assert flow.entry.ready and flow.home_address == HOME.address(FIRST + 1)
    said = [decision.why for decision in world.trace.decisions() if decision.what == "function failed"]
    assert "expected one of 'use', 'later', 'another', 'give up'" in said[0]
