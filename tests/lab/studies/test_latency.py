"""The time of a handover, part by part, against closed forms and published figures."""

from __future__ import annotations

from statistics import fmean

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.lab.studies.latency import PUBLISHED, SHORT, Intervals, Parts, handovers, latency_table

MOVES = 40
HOPS_S = SHORT.delay_ms / 1000
"""One link; serialisation of signalling on it takes at most 0.00001 s."""
SLACK_S = 0.0002


@pytest.fixture(scope="module")
def measured() -> dict[Intervals, list[Parts]]:
    """Measure the first registration, then the handovers, for each interval of advertisements."""
    return {intervals: list(handovers(intervals, MOVES)) for intervals in PUBLISHED}


@pytest.mark.slow
@pytest.mark.parametrize("intervals", PUBLISHED)
def test_the_parts_after_detection_are_round_trips(
    measured: dict[Intervals, list[Parts]], intervals: Intervals
) -> None:
    first, *later = measured[intervals]
    # MN - AR - Internet - HA; the correspondent is one link beyond the Internet too. Duplicate address detection of the
    # first registration takes RetransTimer, 1 s (RFC 4862 section 5.4).
    assert first.home_registration == pytest.approx(1 + 2 * 3 * HOPS_S, abs=SLACK_S)
    for parts in later:
        assert parts.home_registration == pytest.approx(2 * 3 * HOPS_S, abs=SLACK_S)
        # The home test goes by the home agent: MN - HA - CN and back.
        assert parts.return_routability == pytest.approx(2 * (3 + 2) * HOPS_S, abs=SLACK_S)
        assert parts.correspondent_registration == pytest.approx(2 * 3 * HOPS_S, abs=SLACK_S)
        assert parts.movement_detection > 1  # duplicate address detection of the care-of address


@pytest.mark.slow
def test_movement_detection_gets_shorter_with_more_advertisements_as_published(
    measured: dict[Intervals, list[Parts]],
) -> None:
    ours = [fmean(parts.movement_detection for parts in later) for _, *later in measured.values()]
    assert ours == sorted(ours, reverse=True)
    # Uniform from a to b: the next advertisement is E[X^2] / 2E[X] away. With frequent ones nothing else counts.
    low, high = 0.03, 0.07
    wait = (low * low + low * high + high * high) / 3 / (low + high)
    assert ours[-1] == pytest.approx(1 + wait, abs=0.01)


@pytest.mark.slow
def test_the_table_has_ours_beside_the_published_figures() -> None:
    rows = latency_table(moves=4).rows()
    assert [row["who"] for row in rows if row["advertisements every"] == "1 to 3 s"] == [
        "mipflow, first registration", "mipflow, mean of 4 moves", "testbed", "OMNeT++", "ns-3",
    ]  # fmt: skip
    testbed = next(row for row in rows if row["who"] == "testbed")
    assert testbed["total"] == 4.336 and testbed["home registration"] == 1.04


def test_no_move_is_refused() -> None:
    with pytest.raises(ProtocolMisuse, match="moves=0; expected moves from 1 to 10000"):
        latency_table(moves=0)
