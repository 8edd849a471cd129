"""The film: slow where it matters, and time enough to read each caption."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mipflow.view.stage.film import HOLD_MS, QUICK_PLAY_MS, Film, around
from tests.view.told import MS, S

TIMES = st.integers(0, 60_000).map(lambda t_ms: t_ms * MS)
CAPTIONS = st.lists(st.tuples(TIMES, st.booleans()), max_size=12).map(lambda each: sorted(each, key=lambda one: one[0]))
SPANS = st.lists(st.tuples(TIMES, TIMES).map(lambda two: (min(two), max(two))), max_size=4)


def test_slow_spans_get_most_of_the_playing_time() -> None:
    film = Film(0, 60 * S, [(30 * S, 30 * S + 400 * MS)])
    assert film.spans == [(30 * S, 30 * S + 400 * MS)]
    assert film.ms(30 * S) <= QUICK_PLAY_MS
    assert film.ms(30 * S + 400 * MS) - film.ms(30 * S) > 18_000
    assert film.length_ms - film.ms(30 * S + 400 * MS) <= QUICK_PLAY_MS
    assert film.in_words() == "in slow motion from 30.000 s to 30.400 s"


@given(SPANS, CAPTIONS)
def test_time_goes_on_and_each_caption_can_be_read(slow: list[tuple[int, int]], told: list[tuple[int, bool]]) -> None:
    film = Film(0, 60 * S, slow, told)
    assert film.corners[0] == (0, 0) and film.corners[-1] == (film.length_ms, 60 * S)
    for (a, s), (b, t) in pairwise(film.corners):
        assert a <= b and s <= t
    assert len(film.told_ms) == len(told)
    for (t_ns, stands), (at, after) in zip(told, pairwise([*film.told_ms, film.length_ms]), strict=True):
        assert after - at >= 1500 - 1
        assert abs(film.time(at) - t_ns) <= (film.time(at + 1) - film.time(at - 1))
        if stands:
            assert film.time(at + 1) == film.time(at + HOLD_MS - 1) == t_ns


@given(SPANS, CAPTIONS, st.integers(0, 60_000))
def test_a_moment_is_seen_when_its_time_comes(
    slow: list[tuple[int, int]], told: list[tuple[int, bool]], t_ms: int
) -> None:
    film = Film(0, 60 * S, slow, told)
    at = film.ms(t_ms * MS)
    step = film.time(at + 1) - film.time(max(0, at - 1))
    assert abs(film.time(at) - t_ms * MS) <= step + 1


def test_captions_at_one_time_are_read_one_after_the_other() -> None:
    film = Film(0, S, [(0, S)], [(S // 2, True), (S // 2, False)])
    assert film.told_ms[1] - film.told_ms[0] == HOLD_MS
    assert film.time(film.told_ms[0] + 10) == film.time(film.told_ms[1]) == S // 2


def test_a_caption_at_the_very_end_is_still_to_be_read() -> None:
    film = Film(0, S, [], [(S, False)])
    assert film.length_ms - film.told_ms[0] == 1500


def test_near_moments_are_one_span() -> None:
    assert around([S, S + 100 * MS, 5 * S]) == [
        (S - 60 * MS, S + 300 * MS), (5 * S - 60 * MS, 5 * S + 200 * MS),
    ]  # fmt: skip


def test_overlapping_windows_outside_and_inside() -> None:
    film = Film(S, 3 * S, [(0, S // 2), (2 * S, 5 * S), (2 * S + 1, 4 * S)])
    assert film.spans == [(2 * S, 3 * S)]
