from __future__ import annotations

import pytest

from tests.recorded.record import FILE, lines
from tests.recorded.scenarios import SCENARIOS, SEEDS


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_does_what_it_did(name: str, seed: int) -> None:
    known = [line for line in FILE.read_text().splitlines() if line.startswith(f"{name} | {seed} |")]
    for was, line in zip(known, lines(name, seed), strict=True):
        before, now = (text.split(" | ")[3].split() for text in (was, line))
        changed = [second for second, (one, other) in enumerate(zip(before, now, strict=False)) if one != other]
        assert not changed and len(before) == len(now), f"{line.split(' | ')[2]} differ from second {changed[:1]} on"


def test_every_scenario_is_recorded_and_no_other() -> None:
    known = {tuple(line.split(" | ")[:2]) for line in FILE.read_text().splitlines()}
    assert known == {(name, str(seed)) for name in SCENARIOS for seed in SEEDS}
