"""One clock for a capture: sections, clocks that are set, packets without a stamp, silences; against plain sums."""

from __future__ import annotations

from itertools import pairwise, product
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mipflow.lab.replay.capture_clock import OneClock, SetBack, Silences

Stamp = tuple[int, int, int | None]
"""Section, interface, and time stamp in nanoseconds."""
S = 1_000_000_000
YEAR = 365 * 86_400 * S


class Placed(NamedTuple):
    """A packet's time on the one clock, in ns, and by how much that is later than its own stamp."""

    time_ns: int
    shift_ns: int


def one_clock(stamps: list[Stamp]) -> tuple[list[Placed], list[SetBack]]:
    """Place all packets, and return where the clock was set back; the second clock knows what the first one saw."""
    first = OneClock()
    guessed = [first.place(*stamp) for stamp in stamps]
    second = OneClock(first.heads)
    placed = [Placed(*second.place(*stamp)) for stamp in stamps]
    assert first.steps == second.steps and first.heads == second.heads and not second.is_unsure
    assert first.is_unsure or guessed == placed
    return placed, second.steps


def cut_silences(placed: list[Placed], longest_ns: int) -> tuple[list[int], Silences]:
    """Cut all; return the times that are left, and what was cut."""
    silences = Silences(longest_ns)
    return [silences.cut(*each) for each in placed], silences


def times(stamps: list[Stamp]) -> list[float]:
    return [time_ns / S for time_ns, _ in one_clock(stamps)[0]]


def section(*stamps_s: float | None, number: int = 0, interface: int = 0) -> list[Stamp]:
    return [(number, interface, None if each is None else round(each * S)) for each in stamps_s]


def test_stamps_that_go_on_are_left_alone() -> None:
    stamps = section(5, 5, 6, 7e8, 7e8)
    assert one_clock(stamps) == ([Placed(stamp_ns or 0, 0) for *_, stamp_ns in stamps], [])
    assert one_clock([]) == ([], [])


def test_a_clock_that_is_set_back_shifts_all_that_follows() -> None:
    placed, steps = one_clock(section(100, 101, 91, 92, 93.5, 50, 51))
    assert [each.time_ns / S for each in placed] == [100, 101, 101, 102, 103.5, 103.5, 104.5]
    assert [each.shift_ns / S for each in placed] == [0, 0, 10, 10, 10, 53.5, 53.5]
    assert steps == [SetBack(101 * S, 10 * S), SetBack(round(93.5 * S), round(43.5 * S))]


def test_a_step_of_up_to_a_second_is_none() -> None:
    assert times(section(10, 11, 10, 10.5, 9.999)) == [10, 11, 10, 10.5, 11]


def test_small_steps_do_not_add_up_unseen() -> None:
    """Each is within a second of the one before, not of the latest."""
    assert times(section(10, 9.4, 8.8, 8.9)) == [10, 9.4, 10, 10.1]


def test_a_stray_packet_a_year_later_is_where_all_goes_on() -> None:
    assert times(section(0, 1, 1 + YEAR / S, 2, 3)) == [0, 1, 1 + YEAR / S, 1 + YEAR / S, 2 + YEAR / S]


def test_sections_overlay_by_their_stamps_and_each_has_its_own_shift() -> None:
    stamps = [*section(10, 11, 5, 6), *section(5, 6, 7, number=1)]
    assert times(stamps) == [10, 11, 11, 12, 5, 6, 7]


def test_interfaces_of_a_section_overlay_too_and_a_difference_of_clocks_stays_what_it_is() -> None:
    apart = [stamp for k in range(20) for number in (0, 1) for stamp in section(k / 8 - 5 * number, interface=number)]
    assert one_clock(apart) == ([Placed(stamp_ns or 0, 0) for *_, stamp_ns in apart], [])
    behind = [*section(10, 20, 30), *section(11, 21, 31, interface=1)]
    assert times(behind) == [10, 20, 30, 11, 21, 31], "no clock was set back"
    assert times([*section(10, 5), *section(8, 1, interface=1), *section(6)]) == [10, 10, 8, 8, 11]
    assert times([*section(10, 20), *section(30, None, interface=1), *section(None, number=1)]) == [10, 20, 30, 30, 30]


def test_packets_without_a_stamp_take_a_neighbor_of_their_section_first() -> None:
    assert times(section(None, None, 7, None, 9, None)) == [7, 7, 7, 7, 9, 9]
    assert times([*section(1, 2), *section(None, 50, number=1)]) == [1, 2, 50, 50]
    assert times([*section(1, 2), *section(None, None, number=1), *section(8, number=2)]) == [1, 2, 2, 2, 8]
    assert times([*section(None, None), *section(8, number=1)]) == [8, 8, 8]
    assert times(section(None, None)) == [0, 0]
    assert times(section(9, 2, None, 3)) == [9, 9, 9, 10], "with the shift of that one"


QUARTERS = st.integers(0, 40).map(lambda each: each * S // 4)
STAMPS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.none() | QUARTERS), max_size=30)


@given(STAMPS)
def test_one_clock_keeps_its_word(stamps: list[Stamp]) -> None:
    placed, steps = one_clock(stamps)
    assert len(placed) == len(stamps)
    for number in product(range(2), repeat=2):
        both = zip(stamps, placed, strict=True)
        own = [(stamp[2], place) for stamp, place in both if stamp[:2] == number and stamp[2] is not None]
        # By hand: the shift is what it takes never to be more than a second behind the latest.
        shift_ns, latest_ns = 0, -(1 << 62)
        for stamp_ns, (time_ns, its_shift_ns) in own:
            if stamp_ns + shift_ns < latest_ns - S:
                shift_ns = latest_ns - stamp_ns
            latest_ns = max(latest_ns, stamp_ns + shift_ns)
            assert (time_ns, its_shift_ns) == (stamp_ns + shift_ns, shift_ns)
        alone = [(0, 0, stamp_ns) for stamp_ns, _ in own]
        assert one_clock(alone)[0] == [each for _, each in own], "no interface minds the others"
        for (before_ns, one), (after_ns, other) in pairwise(own):
            assert other.shift_ns >= one.shift_ns >= 0 and other.time_ns >= one.time_ns - S
            assert other.shift_ns > one.shift_ns or other.time_ns - one.time_ns == after_ns - before_ns
    stamped = {each for each, (*_, stamp_ns) in zip(placed, stamps, strict=True) if stamp_ns is not None}
    assert not stamped or set(placed) == stamped
    assert bool(steps) == any(each.shift_ns for each in placed)


@given(STAMPS)
def test_a_packet_without_a_stamp_has_the_place_that_a_search_in_the_whole_file_finds(stamps: list[Stamp]) -> None:
    placed, _ = one_clock(stamps)
    known = [place if stamp[2] is not None else None for place, stamp in zip(placed, stamps, strict=True)]
    for rooms in ([stamp[0] for stamp in stamps], [0] * len(stamps)):
        for order in (range(len(stamps)), range(len(stamps))[::-1]):
            last: dict[int, Placed] = {}
            for number in order:
                here = known[number] = known[number] or last.get(rooms[number])
                if here is not None:
                    last[rooms[number]] = here
    assert placed == [each or Placed(0, 0) for each in known]


def test_a_clock_is_unsure_only_where_a_packet_behind_might_tell() -> None:
    for stamps, is_unsure in (
        (section(1, None, 2), False), (section(None, 2), True), (section(None), True),
        ([*section(1), *section(None, 2, number=1)], True), ([*section(1), *section(3, None, number=1)], False),
    ):  # fmt: skip
        clock = OneClock()
        for stamp in stamps:
            clock.place(*stamp)
        assert clock.is_unsure is is_unsure


# --- silences


def test_a_silence_is_cut_and_one_before_the_first_packet_falls_away() -> None:
    times_ns, cut = cut_silences([Placed(each * S, 0) for each in (0, 10, 5000, 5001, 9000)], 3600 * S)
    assert [each / S for each in times_ns] == [0, 10, 3610, 3611, 7211]
    assert cut.cuts == [(10 * S, 1390 * S), (3611 * S, 399 * S)] and cut.ahead_ns == 0
    assert cut.offsets == [(0, 0), (3610 * S, 1390 * S), (7211 * S, 1789 * S)]
    late_ns, late = cut_silences([Placed(YEAR, 0), Placed(YEAR + S, 0)], 3600 * S)
    assert late_ns == [0, S] and late.ahead_ns == YEAR and late.offsets == [(0, YEAR)]
    assert cut_silences([Placed(7 * S, 0), Placed(8 * S, 2 * S)], 3600 * S)[1].offsets == [(7 * S, 0), (8 * S, -2 * S)]
    assert cut_silences([], S)[0] == []


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, 0, 0, 7])), max_size=20), st.integers(1, 12))
def test_every_gap_is_itself_or_the_longest(gaps: list[tuple[int, int]], longest: int) -> None:
    placed, now = [], 0
    for gap, shift in gaps:
        now += gap
        placed.append(Placed(now, shift))
    times_ns, cut = cut_silences(placed, longest)
    left = [b - a for a, b in pairwise(times_ns)]
    assert left == [min(b.time_ns - a.time_ns, longest) for a, b in pairwise(placed)]
    assert [cut.left(each.time_ns) for each in placed] == times_ns, "asked again when all are cut"
    assert all(each.time_ns in (0, cut.ahead_ns + times_ns[0]) or cut.ahead_ns == 0 for each in placed[:1])
    for each, time_ns in zip(placed, times_ns, strict=True):
        # The last packet at a time says what the capture's clock shows there.
        same = [other for other, at_ns in zip(placed, times_ns, strict=True) if at_ns == time_ns]
        offset = [ahead_ns for from_ns, ahead_ns in cut.offsets if from_ns <= time_ns][-1]
        assert time_ns + offset == same[-1].time_ns - same[-1].shift_ns and each in same
