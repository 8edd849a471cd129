"""The standing of trains: equal to an earlier one only if nothing differs but the time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mipflow.sim.boarding import NEVER
from mipflow.sim.trains.standing import Standing


class Thing:
    """A lane, as standings see it."""

    busy_ns: int
    waiting: list[Any]


STOP, LANES = object(), [Thing(), Thing()]


def standing(
    t_ns: int, busy_ns: tuple[int, int], following_ns: int, delivered_ns: int, items: list[tuple[int, int]]
) -> Standing:
    """Two lanes, a train, and items before its end: each by when it arrives and when it was sent."""
    for lane, until_ns in zip(LANES, busy_ns, strict=True):
        lane.busy_ns, lane.waiting = until_ns, []
    waiting = [(arrives, (sent + 1, (sent, 1.0), STOP), STOP) for arrives, sent in items]
    train: Any = SimpleNamespace(
        following_ns=following_ns, delivered_ns=delivered_ns, stops=[SimpleNamespace(waiting=waiting)]
    )
    return Standing(t_ns, LANES, [train])  # type: ignore[arg-type]


BEFORE = (1000, (1010, 700), 1005, 950, [(1020, 980), (1040, 990)])
AGAIN = (1100, (1110, 700), 1105, 1050, [(1120, 1080), (1140, 1090)])


def test_it_comes_again_where_all_has_moved_on_by_the_time_that_has_passed() -> None:
    before, after = standing(*BEFORE), standing(*AGAIN)
    assert before.comes_again(after)
    assert [before.is_used(lane, after) for lane in LANES] == [True, False]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (1, (1111, 700)), (1, (1110, 701)), (2, 1106), (2, NEVER), (3, 1060), (4, AGAIN[4][:1]),
        (4, [(1120, 1080), (1141, 1090)]), (4, [(1120, 1080), (1140, 1091)]),
    ],
)  # fmt: skip
def test_it_does_not_where_anything_differs(place: int, other: Any) -> None:
    again = [*AGAIN]
    again[place] = other
    assert not standing(*BEFORE).comes_again(standing(*again))


def test_a_lane_that_is_still_busy_has_not_moved_on_if_it_is_no_longer() -> None:
    before = (BEFORE[0], (1010, 1090), *BEFORE[2:])
    assert not standing(*before).comes_again(standing(1100, (1110, 1090), *AGAIN[2:]))


def test_a_train_that_has_ended_stays_where_it_is() -> None:
    before, after = (1000, (900, 700), NEVER, 950, []), (1100, (900, 700), NEVER, 950, [])
    assert standing(*before).comes_again(standing(*after))
    assert not standing(*before).comes_again(standing(1100, (900, 700), NEVER, 960, []))
