"""Two minutes of loss, duplication and reordering on every link: tables and flows hold while they last and after."""

from __future__ import annotations

import pytest

from tests.mip6.faults import Story

SEEDS = 200


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_after_faults_all_bindings_agree_and_tcp_has_delivered_every_octet(first: int) -> None:
    found = {}
    for seed in range(first, first + 10):
        story = Story(seed, restless=seed % 2 == 1, advertisements=(1.0, 3.0))
        wrong = story.wrong() + story.unhealed()
        if wrong := wrong + story.undelivered():
            found[seed] = wrong
    assert not found


def test_the_check_sees_a_binding_that_nobody_asked_for() -> None:
    story = Story(0)
    assert not story.wrong()
    cn, mn = story.world.cn1, story.world.mn
    held = next(iter(cn.bindings))
    stranger = mn.home_agent
    cn.bind(type(held)(held.home_address, stranger, held.sequence, held.expires_ns))
    assert any("held" in line and str(stranger) in line for line in story.wrong())


def test_the_same_seed_gives_the_same_story_with_faults_advertisements_and_security() -> None:
    digests = {Story(5, advertisements=(1.0, 3.0), security=True).world.trace.digest() for _ in range(2)}
    assert len(digests) == 1
