"""Segments that are one connection: hand-made orders, and any order of connections that follow on the same ports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.lab.replay.connections import Connection, connection_of
from mipflow.lab.replay.headers import ACK, FIN, RST, SYN, Heard, Way

A, B = ("2001:db8::a", 40000), ("2001:db8::b", 80)
UP, DOWN = Way(0, "TCP", (A, B)), Way(1, "TCP", (B, A))
MASK = (1 << 32) - 1


class Talk:
    """Segments of one connection that A opens; `up` is from A. Positions count octets from the first."""

    def __init__(self, isn: tuple[int, int] = (1000, 5000)) -> None:
        self.isn = isn

    def segment(self, up: bool, at: int, octets: int = 0, ack: int | None = 0, flags: int = 0) -> Heard:
        own, other = self.isn if up else self.isn[::-1]
        acknowledged = 0 if ack is None else (other + 1 + ack) & MASK
        flags |= 0 if ack is None else ACK
        number = (own + 1 + at) & MASK
        return Heard(0, UP if up else DOWN, octets, flags, number, acknowledged)

    def syn(self, octets: int = 0) -> Heard:
        return self.segment(True, -1, octets, None, SYN)

    def accept(self) -> Heard:
        return self.segment(False, -1, flags=SYN)

    def whole(self) -> list[Heard]:
        """Build a whole connection: open, a request, an answer, and both close."""
        return [
            self.syn(), self.accept(), self.segment(True, 0),
            self.segment(True, 0, 100), self.segment(False, 0, 200, 100),
            self.segment(True, 100, ack=200, flags=FIN), self.segment(False, 200, ack=101, flags=FIN),
            self.segment(True, 101, ack=201),
        ]  # fmt: skip

    def reset(self, up: bool, at: int, ack: int | None = None) -> Heard:
        return self.segment(up, at, ack=ack, flags=RST)


def grouped(packets: list[Heard], known: list[Connection] | None = None) -> list[int]:
    """Return for each segment the number of its connection, from 0 on; -1 for one that begins none. Puts those into
    `known`.
    """
    known = [] if known is None else known
    found = []
    for packet in packets:
        connection = connection_of(packet, known)
        if connection is None:
            if packet.flags & RST:
                found.append(-1)
                continue
            connection = Connection(packet)
            known.append(connection)
        connection.take(packet)
        found.append(known.index(connection))
    assert [one.packets for one in known] == [found.count(number) for number in range(len(known))]
    return found


ONE, OTHER = Talk(), Talk((70_000_000, 90_000_000))
SIMULTANEOUS = [
    ONE.syn(), ONE.segment(False, -1, ack=None, flags=SYN), ONE.segment(True, -1, ack=0, flags=SYN),
    ONE.segment(False, -1, ack=0, flags=SYN), ONE.segment(True, 0, 9), ONE.segment(False, 0, 9, 9),
]  # fmt: skip
TOGETHER: dict[str, Callable[[], list[Heard]]] = {
    "as it should be": ONE.whole,
    "SYN behind what accepts it": lambda: [ONE.accept(), ONE.syn(), *ONE.whole()[2:]],
    "SYN with data behind what accepts it": lambda: [
        ONE.segment(False, -1, ack=100, flags=SYN), ONE.syn(100), ONE.segment(True, 100, ack=0)
    ],
    "SYN behind the first data": lambda: [*ONE.whole()[3:5], ONE.syn(), ONE.accept(), *ONE.whole()[5:]],
    "both open at once": lambda: SIMULTANEOUS,
    "SYN lost": lambda: ONE.whole()[1:],
    "SYN and what accepts it lost": lambda: ONE.whole()[3:],
    "what accepts it lost": lambda: [ONE.syn(), *ONE.whole()[2:]],
    "SYN again": lambda: [ONE.syn(), ONE.syn(), ONE.accept(), ONE.syn(), ONE.accept(), *ONE.whole()[2:]],
    "SYN again with another number": lambda: [Talk((9, 9)).syn(), Talk((1 << 31, 9)).syn(), *ONE.whole()],
    "accepted again with another number": lambda: [ONE.syn(), Talk((1000, 1 << 31)).accept(), *ONE.whole()],
    "SYN again when all is over": lambda: [*ONE.whole(), ONE.syn()],
    "refused, and asked again": lambda: [ONE.syn(), ONE.reset(False, -1, 0), *ONE.whole()],
    "data on the SYN": lambda: [ONE.syn(100), ONE.segment(False, -1, ack=100, flags=SYN), *ONE.whole()[4:]],
    "late segments behind the FINs": lambda: [*ONE.whole(), *ONE.whole()[2:]],
    "resets behind the FINs": lambda: [*ONE.whole(), ONE.reset(True, 101), ONE.reset(False, 201)],
    "data behind a reset": lambda: [*ONE.whole()[:5], ONE.reset(False, 200), *ONE.whole()[3:]],
    "keep-alive": lambda: [*ONE.whole()[:5], ONE.segment(True, 99, 1, 200), ONE.segment(False, 200, ack=100)],
    "nonsense": lambda: [*ONE.whole(), ONE.segment(True, 1 << 30, 9, 201), ONE.segment(True, 101, ack=1 << 30)],
    "numbers that wrap around": Talk((MASK, MASK - 50)).whole,
    "one direction": lambda: [packet for packet in ONE.whole() if packet.way.ends[0] == A],
    "the other direction": lambda: [packet for packet in ONE.whole() if packet.way.ends[0] == B],
}


@pytest.mark.parametrize("name", TOGETHER)
def test_it_is_one_connection(name: str) -> None:
    packets = TOGETHER[name]()
    assert grouped(packets) == [0] * len(packets)


def test_a_syn_that_is_chosen_anew_has_had_its_number_from_the_beginning() -> None:
    packets = [Talk((9, 9)).syn(), *ONE.whole()]
    known: list[Connection] = []
    grouped(packets, known)
    assert [known[0].sequence(packet) for packet in packets[:2]] == [1000, 1000]


APART: dict[str, Callable[[], list[list[Heard]]]] = {
    "ports again": lambda: [ONE.whole(), OTHER.whole()],
    "ports again after a reset": lambda: [[*ONE.whole()[:4], ONE.reset(False, 0)], OTHER.whole()],
    "ports again after a refusal": lambda: [[ONE.syn(), ONE.reset(False, -1, 0)], OTHER.whole()],
    "ports again without an end": lambda: [ONE.whole()[:5], OTHER.whole()],
    "ports again, the first without its SYN": lambda: [ONE.whole()[4:], OTHER.whole()],
    "ports again, SYN lost": lambda: [ONE.whole(), OTHER.whole()[1:]],
    "ports again, SYN and what accepts it lost": lambda: [ONE.whole(), OTHER.whole()[2:]],
    "ports again, what accepts it first": lambda: [ONE.whole(), [OTHER.accept(), OTHER.syn(), *OTHER.whole()[2:]]],
    "one direction, ports again": lambda: [
        [one for one in talk.whole() if one.way.ends[0] == A] for talk in (ONE, OTHER)
    ],
    "the other direction, ports again": lambda: [
        [one for one in talk.whole() if one.way.ends[0] == B] for talk in (ONE, OTHER)
    ],
    "near numbers": lambda: [ONE.whole(), Talk((1500, 6000)).whole()],
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_they_are_several(name: str) -> None:
    parts = APART[name]()
    assert grouped([packet for part in parts for packet in part]) == [k for k, part in enumerate(parts) for _ in part]


def test_opened_by_the_other_end_on_the_same_ports() -> None:
    back = [OTHER.segment(False, -1, ack=None, flags=SYN), OTHER.segment(True, -1, flags=SYN), OTHER.segment(False, 0)]
    assert grouped([*ONE.whole(), *back]) == [0] * 8 + [1] * 3


def test_late_segments_belong_to_the_connection_before() -> None:
    """An end has begun anew; the other has the old connection, says so, and gets a reset (RFC 9293 section 3.5.1)."""
    old, new = ONE.whole()[:5], OTHER.whole()
    challenged = [new[0], ONE.segment(False, 200, ack=100), ONE.reset(True, 100), new[0], *new[1:]]
    assert grouped([*old, *challenged]) == [0] * 5 + [1, 0, 0, 1, *[1] * 7]
    late = [*ONE.whole(), *new[:3], *ONE.whole()[3:], ONE.reset(True, 101), *new[3:]]
    assert grouped(late) == [0] * 8 + [1] * 3 + [0] * 6 + [1] * 5


def test_a_reset_of_nothing_begins_nothing() -> None:
    assert grouped([ONE.reset(False, 0), ONE.syn()]) == [-1, 0]


@given(
    st.lists(st.tuples(st.integers(0, MASK), st.integers(0, MASK)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["lose", "again", "swap"])), max_size=3),
)
def test_connections_that_follow_on_the_same_ports_are_told_apart(
    isns: list[tuple[int, int]], faults: list[tuple[int, str]]
) -> None:
    """Each loses, repeats and swaps some of its segments; numbers of different ones are far apart."""
    talks = [Talk((isn[0] & 0xFFFFFFF | k << 29, isn[1] & 0xFFFFFFF | k << 29)) for k, isn in enumerate(isns)]
    parts = []
    for talk in talks:
        part = talk.whole()
        for at, fault in faults:
            if fault == "lose" and len(part) > 4:
                del part[at % len(part)]
            elif fault == "again":
                part.insert(at % len(part), part[at % len(part)])
            elif fault == "swap" and at + 1 < len(part):
                part[at], part[at + 1] = part[at + 1], part[at]
        # A connection whose end is not in the capture is told from the next by the SYN of that only.
        parts.append(part)
    ends = all(sum(bool(packet.flags & FIN) for packet in part) >= 2 for part in parts)
    begins = all(any(packet.flags & SYN for packet in part[:1]) for part in parts)
    if ends or begins:
        found = grouped([packet for part in parts for packet in part])
        assert found == [k for k, part in enumerate(parts) for _ in part]


def test_numbers_go_around_twice() -> None:
    """Ten gigabytes, after which the numbers of the first segments mean others."""
    step = 1 << 20
    bulk = [ONE.segment(True, k * step, step) for k in range(10_000)]
    new = [OTHER.syn(), OTHER.accept(), OTHER.segment(True, 0, 5), ONE.segment(True, 10_000 * step, 5)]
    assert grouped([ONE.syn(), ONE.accept(), *bulk, *new]) == [0] * 10_002 + [1, 1, 1, 0]
