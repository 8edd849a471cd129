"""TCP: two connections in memory, joined by a pipe that delays, loses, doubles and reorders (RFC 9293)."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.node.tcp.congestion import GRANULARITY_NS, NewReno, RetransmissionTimer, initial_window
from mipflow.node.tcp.connection import TRANSITIONS, Connection, Event, State, reset_for
from mipflow.node.tcp.receive import Receiver
from mipflow.wire.packet import TCP

MS = 1_000_000
SECOND = 1000 * MS
NUMBERS = 1 << 32
SEGMENT = 1400
Drop = Callable[[int, TCP, int], bool]


class Traced(Connection):
    """A connection that remembers its steps. `options` may name attributes, too, and the minimum timeout."""

    def __init__(self, *arguments: int, minimum_timeout_ns: int = SECOND, **options: int) -> None:
        attributes = {name: options.pop(name) for name in list(options) if name in vars(Connection)}
        super().__init__(*arguments, **options)
        self.sender.retransmission_timer.minimum_ns = minimum_timeout_ns
        for name, value in attributes.items():
            setattr(self, name, value)
        self.steps: list[tuple[State, Event]] = []

    def _step(self, event: Event, now: int) -> None:
        self.steps.append((self.state, event))
        super()._step(event, now)


class Pair:
    """Two ends and the pipe between them; end 0 opens to end 1. `sent` is all that entered the pipe."""

    def __init__(
        self, *, delay: int = 50 * MS, loss: float = 0, double: float = 0, jitter: int = 0, seed: int = 0,
        drop: Drop | None = None, isn: tuple[int, int] = (1000, 900_000),
        options: dict[str, int] | None = None, options_1: dict[str, int] | None = None,
    ) -> None:  # fmt: skip
        mine = options or {}
        theirs = mine if options_1 is None else options_1
        self.ends = (
            Traced(5000, 80, initial_sequence=isn[0], **mine),
            Traced(80, 5000, initial_sequence=isn[1], **theirs),
        )
        self.delay, self.loss, self.double, self.jitter = delay, loss, double, jitter
        self.random = random.Random(seed)
        self.drop = drop or (lambda side, segment, now: False)
        self.now = 0
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.received = (bytearray(), bytearray())
        self.reading = [True, True]
        self.sent: list[tuple[int, int, TCP]] = []
        self.lost_in_a_row = [0, 0]

    def at(self, when: int, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.heap, (when, self.count, what))

    def call(self, side: int, method: str, *arguments: object) -> None:
        """Do something at one end now, then carry away what it sends and watch its timer."""
        end = self.ends[side]
        before = end.timer_ns
        getattr(end, method)(*arguments, self.now)
        self.after(side)
        if end.timer_ns is not None and end.timer_ns != before:
            self.at(end.timer_ns, lambda: self.call(side, "timeout"))

    def after(self, side: int) -> None:
        if self.reading[side]:
            self.received[side].extend(self.ends[side].read())
        sender = self.ends[side].sender
        assert sender.send_unacknowledged <= sender.send_next <= sender.send_highest
        for segment in self.ends[side].take_segments():
            assert 0 <= segment.sequence < NUMBERS and 0 <= segment.acknowledgement < NUMBERS
            self.sent.append((self.now, side, segment))
            self.carry(side, segment)

    def carry(self, side: int, segment: TCP) -> None:
        # Loss is never more than three in a row, so that no example gives up by bad luck alone.
        lost = self.random.random() < self.loss and self.lost_in_a_row[side] < 3
        self.lost_in_a_row[side] = self.lost_in_a_row[side] + 1 if lost else 0
        if lost or self.drop(side, segment, self.now):
            return
        for _ in range(2 if self.random.random() < self.double else 1):
            arrival = self.now + self.delay + (self.random.randrange(self.jitter) if self.jitter else 0)
            self.at(arrival, lambda: self.arrive(1 - side, segment))

    def arrive(self, side: int, segment: TCP) -> None:
        end = self.ends[side]
        unused = end.state is State.CLOSED and end.sender.send_highest == end.sender.initial_sequence
        if segment.syn and not segment.ack and unused:
            self.call(side, "accept", segment)
        else:
            self.call(side, "receive", segment)

    def run(self, until: int = 10**18, stop: Callable[[], bool] = lambda: False) -> None:
        while self.heap and self.heap[0][0] <= until and not stop():
            self.now, _, what = heapq.heappop(self.heap)
            what()
        if until < 10**18 and not stop():
            self.now = until

    def open(self) -> None:
        self.call(0, "connect")
        self.run(self.now + 10 * self.delay, lambda: self.ends[1].state is State.ESTABLISHED)
        assert self.states() == (State.ESTABLISHED, State.ESTABLISHED)

    def states(self) -> tuple[State, State]:
        return self.ends[0].state, self.ends[1].state

    def text_sent(self, side: int = 0) -> list[tuple[int, int, int]]:
        """(time, number of the first octet, octets) of each segment with text, octets numbered from 0."""
        first = self.ends[side].sender.initial_sequence + 1
        return [
            (when, (segment.sequence - first) % NUMBERS, len(segment.payload))
            for when, sender, segment in self.sent
            if sender == side and segment.payload
        ]


def text_of(octets: int) -> bytes:
    return random.Random(octets).randbytes(octets)


def lose_once(*firsts: int) -> Drop:
    """Lose the first copy of the text segments of end 0 that begin at these octets (the SYN is 1000)."""
    left = set(firsts)

    def drop(side: int, segment: TCP, now: int) -> bool:
        if side or not segment.payload or segment.sequence - 1001 not in left:
            return False
        left.remove(segment.sequence - 1001)
        return True

    return drop


# --- the handshake ------------------------------------------------------------------------------------------


def test_handshake_segment_by_segment() -> None:
    pair = Pair(options_1={"maximum_segment_size": 1000, "receive_window": 50_000})
    pair.open()
    syn, syn_ack, ack = (segment for _, _, segment in pair.sent)
    assert syn == TCP(
        5000, 80, 1000, syn=True, window=65535, maximum_segment_size=1400, window_scale=3
    )  # 262144 >> 3 is the first that fits into 16 bits
    assert syn_ack == TCP(
        80, 5000, 900_000, 1001, syn=True, ack=True, window=50_000, maximum_segment_size=1000, window_scale=0
    )
    assert ack == TCP(5000, 80, 1001, 900_001, ack=True, window=262_144 >> 3)
    assert [end.sender.segment_size for end in pair.ends] == [1000, 1000]
    assert [when for when, _, _ in pair.sent] == [0, 50 * MS, 100 * MS]
    pair.call(1, "write", b"hello")
    assert pair.ends[0].sender.send_window == 50_000
    assert pair.ends[1].sender.send_window == 262_144


@pytest.mark.parametrize(("size", "expected"), [(None, 1220), (0, 1220), (9000, 1400), (536, 536)])
def test_segment_size_of_the_peer(size: int | None, expected: int) -> None:
    end = Connection(80, 5000, initial_sequence=1)
    end.accept(TCP(5000, 80, 7, syn=True, maximum_segment_size=size), 0)
    assert end.sender.segment_size == expected
    assert end.take_segments()[0].maximum_segment_size == 1400


def test_no_window_scale_unless_both_offer_it() -> None:
    end = Connection(80, 5000, initial_sequence=1)
    end.accept(TCP(5000, 80, 7, syn=True, window=3000), 0)
    (answer,) = end.take_segments()
    assert (answer.window_scale, answer.window) == (None, 65535)
    end.receive(TCP(5000, 80, 8, 2, ack=True, window=4000), 1)
    assert end.sender.send_window == 4000
    end.receive(TCP(5000, 80, 8, 2, ack=True, window=4000, payload=b"x"), 2)
    assert end.take_segments()[0].window == 65535


def test_simultaneous_open() -> None:
    pair = Pair()
    pair.call(0, "connect")
    pair.call(1, "connect")
    pair.call(0, "write", b"from 0")
    pair.call(1, "write", b"from 1")
    pair.run(SECOND)
    assert pair.states() == (State.ESTABLISHED, State.ESTABLISHED)
    assert tuple(map(bytes, pair.received)) == (b"from 1", b"from 0")
    assert (State.SYN_SENT, Event.SYN) in pair.ends[0].steps


def test_syn_is_sent_again_after_1_2_4_seconds_and_given_up_after_303() -> None:
    pair = Pair(drop=lambda side, segment, now: True)
    pair.call(0, "connect")
    pair.run()
    waits = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert [when for when, _, _ in pair.sent] == [0, *(s * SECOND for s in accumulate(waits[:-1]))]
    assert all(segment.syn for _, _, segment in pair.sent)
    assert pair.now == sum(waits) * SECOND == 303 * SECOND
    assert pair.ends[0].state is State.CLOSED
    assert pair.ends[0].error == "no answer after 9 retransmissions"


@pytest.mark.parametrize("loser", [0, 1])
def test_lost_handshake_starts_with_three_seconds_and_one_segment(loser: int) -> None:
    lost: list[TCP] = []

    def drop(side: int, segment: TCP, now: int) -> bool:
        if side == loser and segment.syn and not lost:
            lost.append(segment)
            return True
        return False

    pair = Pair(drop=drop)
    pair.call(0, "connect")
    pair.run(5 * SECOND)
    end = pair.ends[loser]
    assert end.counters.timeouts == 1
    assert end.sender.retransmission_timer.timeout_ns == 3 * SECOND
    assert end.sender.retransmission_timer.smoothed_round_trip_ns is None  # Karn
    assert end.sender.congestion.window == SEGMENT
    pair.call(0, "write", text_of(4 * SEGMENT))
    pair.run(pair.now + SECOND)
    assert pair.received[1] == text_of(4 * SEGMENT)


def test_a_reset_refuses_a_connection() -> None:
    end = Connection(5000, 80, initial_sequence=10)
    end.connect(0)
    (syn,) = end.take_segments()
    (reset,) = reset_for(syn)
    assert reset == TCP(80, 5000, 0, 11, rst=True, ack=True, window=0)
    end.receive(replace(reset, acknowledgement=12), 1)  # not ours
    assert end.state is State.SYN_SENT
    end.receive(reset, 2)
    assert (end.state, end.error, end.timer_ns) == (State.CLOSED, "refused by the peer", None)
    end.write(b"too late", 3)
    assert end.take_segments() == []


# --- states -------------------------------------------------------------------------------------------------


def close_in_turn(pair: Pair) -> None:
    pair.open()
    pair.call(0, "close")
    pair.run(pair.now + SECOND)
    assert pair.states() == (State.FIN_WAIT_2, State.CLOSE_WAIT)
    assert pair.ends[1].at_end
    pair.call(1, "write", b"half-closed")
    pair.call(1, "close")
    pair.run(pair.now + SECOND)
    assert pair.states() == (State.TIME_WAIT, State.CLOSED)
    assert pair.received[0] == b"half-closed"


def close_at_once(pair: Pair) -> None:
    pair.open()
    pair.call(0, "close")
    pair.call(1, "close")
    pair.run(pair.now + 60 * MS)
    assert pair.states() == (State.CLOSING, State.CLOSING)
    pair.run(pair.now + SECOND)
    assert pair.states() == (State.TIME_WAIT, State.TIME_WAIT)


def close_before_the_answer(pair: Pair) -> None:
    pair.call(0, "connect")
    pair.call(0, "close")
    assert pair.states()[0] is State.CLOSED


def close_before_the_third_segment(pair: Pair) -> None:
    pair.call(0, "connect")
    pair.run(60 * MS)
    assert pair.states() == (State.SYN_SENT, State.SYN_RECEIVED)
    pair.call(1, "close")
    assert pair.states()[1] is State.FIN_WAIT_1
    pair.run(SECOND)
    assert pair.states() == (State.CLOSE_WAIT, State.FIN_WAIT_2)


def open_at_once(pair: Pair) -> None:
    pair.call(0, "connect")
    pair.call(1, "connect")
    pair.run(SECOND)


SCENES = [close_in_turn, close_at_once, close_before_the_answer, close_before_the_third_segment, open_at_once]


@pytest.mark.parametrize("scene", SCENES)
def test_scene(scene: Callable[[Pair], None]) -> None:
    scene(Pair())


def test_every_arrow_of_the_diagram_is_walked() -> None:
    walked: set[tuple[State, Event]] = set()
    for scene in SCENES:
        pair = Pair()
        scene(pair)
        pair.run()
        walked.update(*(end.steps for end in pair.ends))
    # Nobody closes a listener here: an instance is in LISTEN only while it takes a SYN.
    assert walked == set(TRANSITIONS)
    assert {state for state, _ in TRANSITIONS} == set(State)


def test_time_wait_lasts_two_lifetimes_and_a_fin_again_restarts_it() -> None:
    last_acknowledgements: list[int] = []

    def drop(side: int, segment: TCP, now: int) -> bool:
        if side == 0 and pair.ends[0].state is State.TIME_WAIT:
            last_acknowledgements.append(now)
            return len(last_acknowledgements) == 1
        return False

    pair = Pair(drop=drop, options={"maximum_segment_lifetime_ns": 7 * SECOND})
    pair.open()
    pair.call(0, "close")
    pair.run(pair.now + 200 * MS)
    pair.call(1, "close")
    pair.run()
    first, second = last_acknowledgements
    assert second - first == SECOND  # the peer's FIN, sent again by its timer
    assert pair.now == second + 14 * SECOND
    assert pair.states() == (State.CLOSED, State.CLOSED)
    assert [end.error for end in pair.ends] == [None, None]


def test_text_written_before_the_handshake_arrives_even_if_closed_at_once() -> None:
    pair = Pair()
    pair.call(1, "write", b"greeting")
    pair.call(1, "close")
    pair.call(0, "connect")
    pair.call(0, "write", b"request")
    pair.call(0, "close")
    pair.run()
    assert tuple(map(bytes, pair.received)) == (b"greeting", b"request")
    assert pair.states() == (State.CLOSED, State.CLOSED)
    assert [end.error for end in pair.ends] == [None, None]


def test_wrong_calls() -> None:
    pair = Pair()
    pair.open()
    with pytest.raises(ProtocolMisuse, match="port 5000"):
        pair.ends[0].connect(0)
    with pytest.raises(ProtocolMisuse):
        pair.ends[0].accept(TCP(1, 2, 3, syn=True), 0)
    pair.call(0, "close")
    pair.call(0, "close")  # says nothing new
    with pytest.raises(ProtocolMisuse, match="3 bytes after close") as caught:
        pair.ends[0].write(b"abc", 0)
    assert caught.value.value == 3


# --- reset and nonsense -------------------------------------------------------------------------------------


def established(**options: int) -> Connection:
    """End 80, numbers 500 here and 2000 there, just opened."""
    end = Traced(80, 5000, initial_sequence=499, **options)
    end.accept(TCP(5000, 80, 1999, syn=True, maximum_segment_size=SEGMENT, window_scale=0), 0)
    end.take_segments()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=60_000), 0)
    assert end.state is State.ESTABLISHED
    assert end.take_segments() == []
    return end


def test_reset_only_at_the_exact_number() -> None:
    end = established()
    for outside in (1999, 2000 + 262_145):
        end.receive(TCP(5000, 80, outside, rst=True), 1)
        assert (end.state, end.take_segments()) == (State.ESTABLISHED, [])
    end.receive(TCP(5000, 80, 2001, rst=True), 2)
    assert end.state is State.ESTABLISHED
    assert [(s.sequence, s.acknowledgement, s.rst) for s in end.take_segments()] == [(500, 2000, False)]
    end.receive(TCP(5000, 80, 2000, rst=True), 3)
    assert (end.state, end.error) == (State.CLOSED, "reset by the peer")


def test_a_syn_in_the_window_is_answered_with_an_acknowledgement() -> None:
    end = established()
    end.receive(TCP(5000, 80, 2005, syn=True), 1)
    assert end.state is State.ESTABLISHED
    assert [(s.sequence, s.acknowledgement) for s in end.take_segments()] == [(500, 2000)]


@pytest.mark.parametrize(
    ("segment", "answer"),
    [
        (TCP(5000, 80, 7, 300, ack=True, payload=b"abc"), [TCP(80, 5000, 300, rst=True, window=0)]),
        (TCP(5000, 80, 7, fin=True, payload=b"ab"), [TCP(80, 5000, 0, 10, rst=True, ack=True, window=0)]),
        (TCP(5000, 80, NUMBERS - 1, syn=True), [TCP(80, 5000, 0, 0, rst=True, ack=True, window=0)]),
        (TCP(5000, 80, 7, rst=True), []),
    ],
)
def test_reset_for_a_segment_of_no_connection(segment: TCP, answer: list[TCP]) -> None:
    assert reset_for(segment) == answer
    closed = Connection(80, 5000, initial_sequence=1)
    closed.receive(segment, 0)
    assert closed.take_segments() == answer
    if not segment.syn:
        closed.accept(segment, 0)
        assert (closed.take_segments(), closed.state) == (answer, State.CLOSED)


def test_a_wrong_acknowledgement_of_the_syn_is_reset_and_the_handshake_goes_on() -> None:
    end = Connection(80, 5000, initial_sequence=499)
    end.accept(TCP(5000, 80, 1999, syn=True, window=1000), 0)
    end.take_segments()
    end.receive(TCP(5000, 80, 2000, 499, ack=True, fin=True, payload=b"x"), 1)
    assert end.take_segments() == [TCP(80, 5000, 499, rst=True, window=0)]
    assert (end.state, end.read()) == (State.SYN_RECEIVED, b"")
    end.receive(TCP(5000, 80, 2000, 500, ack=True, payload=b"x"), 2)
    assert (end.state, end.read()) == (State.ESTABLISHED, b"x")


@pytest.mark.parametrize(("text", "error"), [(b"", None), (b"unheard", "reset by the peer")])
def test_a_reset_at_the_very_end_is_an_error_only_if_text_is_lost(text: bytes, error: str | None) -> None:
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, fin=True, window=60_000), 1)
    end.write(text, 1)
    end.close(1)
    assert end.state is State.LAST_ACK
    end.receive(TCP(5000, 80, 2001, rst=True), 2)
    assert (end.state, end.error) == (State.CLOSED, error)


def test_abort_resets_the_peer() -> None:
    pair = Pair()
    pair.open()
    pair.call(0, "write", b"last words")
    pair.call(0, "abort")
    assert (pair.ends[0].state, pair.ends[0].error) == (State.CLOSED, "aborted by this end")
    pair.run()
    assert (pair.ends[1].state, pair.ends[1].error) == (State.CLOSED, "reset by the peer")
    assert pair.received[1] == b"last words"


def test_an_aborted_end_resets_a_peer_that_did_not_hear_it() -> None:
    pair = Pair(drop=lambda side, segment, now: segment.rst and now < 200 * MS)
    pair.open()
    pair.call(0, "abort")
    pair.run(pair.now + 5 * SECOND)
    assert pair.ends[1].state is State.ESTABLISHED
    pair.call(1, "write", b"anybody there?")
    pair.run()
    assert pair.ends[1].error == "reset by the peer"


def test_acknowledgement_of_what_was_never_sent_is_answered_and_dropped() -> None:
    end = established()
    end.write(b"abc", 1)
    end.take_segments()
    end.receive(TCP(5000, 80, 2000, 504, ack=True, payload=b"not taken"), 2)
    assert [(s.sequence, s.acknowledgement) for s in end.take_segments()] == [(503, 2000)]
    assert end.read() == b""
    assert end.sender.send_unacknowledged == 500
    end.receive(TCP(5000, 80, 2000, 503, ack=True, payload=b"taken"), 3)
    assert end.read() == b"taken"
    assert end.sender.send_unacknowledged == 503


def test_old_numbers_are_acknowledged_again_and_old_text_is_not_read_twice() -> None:
    end = established()
    for text, first in ((b"abcd", 2000), (b"abcd", 2000), (b"cdef", 2002)):
        end.receive(TCP(5000, 80, first, 500, ack=True, payload=text), 1)
    assert end.read() == b"abcdef"
    assert end.take_segments()[0].acknowledgement == 2006


numbers_near = st.one_of(
    st.integers(0, NUMBERS - 1), st.integers(400, 600), st.integers(1990, 2100), st.integers(0, 3)
)
segments = st.builds(
    TCP, st.just(5000), st.just(80), numbers_near, numbers_near, st.booleans(), st.booleans(), st.booleans(),
    st.integers(0, 9).map(lambda n: n == 0), st.booleans(), st.integers(0, 65535),
    st.none() | st.integers(0, 65535), st.none() | st.integers(0, 255), st.binary(max_size=40),
)  # fmt: skip
actions = st.one_of(segments, st.sampled_from(["write", "close", "abort", "timeout", "read"]))


@settings(max_examples=300)
@given(st.booleans(), st.lists(actions, max_size=25))
def test_nonsense_never_raises(active: bool, script: list[TCP | str]) -> None:
    end = Connection(80, 5000, initial_sequence=499)
    if active:
        end.connect(0)
    else:
        end.accept(TCP(5000, 80, 1999, syn=True, window=1000, window_scale=1), 0)
    now = 0
    for action in script:
        now += 10 * MS
        if isinstance(action, TCP):
            end.receive(action, now)
        elif action == "timeout" and end.timer_ns is not None:
            now = max(now, end.timer_ns)
            end.timeout(now)
        elif action == "write" and not end.sender.closing:
            end.write(b"some words", now)
        elif action in ("close", "abort"):
            getattr(end, action)(now)
        elif action == "read":
            end.read()
        for segment in end.take_segments():
            assert 0 <= segment.sequence < NUMBERS and 0 <= segment.acknowledgement < NUMBERS
            assert 0 <= segment.window < 65536
        sender = end.sender
        assert sender.send_unacknowledged <= sender.send_next <= sender.send_highest
        if end.state is State.CLOSED:
            assert end.timer_ns is None
        elif not sender.all_acknowledged:
            assert end.timer_ns is not None


# --- every byte, in order -----------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    loss=st.sampled_from([0, 0.02, 0.1, 0.3]),
    double=st.sampled_from([0, 0.1, 0.5]),
    jitter=st.sampled_from([0, 5 * MS, 300 * MS]),
    seed=st.integers(0, 10_000),
    isn=st.tuples(*[st.sampled_from([0, NUMBERS - 1, NUMBERS - 2, NUMBERS - 5000, NUMBERS // 2 - 1])] * 2),
    writes=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 30_000), st.integers(0, 800 * MS)), max_size=12
    ),
    window=st.sampled_from([700, 9000, 262_144]),
)
def test_every_byte_arrives_once_and_in_order(
    loss: float, double: float, jitter: int, seed: int, isn: tuple[int, int],
    writes: list[tuple[int, int, int]], window: int,
) -> None:  # fmt: skip
    # TIME-WAIT has to outlast bad luck with backed-off timeouts here.
    options = {"receive_window": window, "maximum_segment_lifetime_ns": 1000 * SECOND}
    pair = Pair(loss=loss, double=double, jitter=jitter, seed=seed, isn=isn, options=options)
    source = random.Random(seed)
    written = (bytearray(), bytearray())
    pair.call(0, "connect")
    when = 0
    for side, octets, pause in [(0, 1, 0), (1, 1, 0), *writes]:  # a close ends an empty SYN-SENT
        when += pause
        data = source.randbytes(octets)
        written[side].extend(data)
        pair.at(when, lambda side=side, data=data: pair.call(side, "write", data))  # type: ignore[misc]
    for side in (0, 1):
        pair.at(when + side * 100 * MS, lambda side=side: pair.call(side, "close"))  # type: ignore[misc]
    pair.run()
    assert pair.received == (written[1], written[0])
    assert [end.error for end in pair.ends] == [None, None]
    assert pair.states() == (State.CLOSED, State.CLOSED)
    assert all(end.at_end for end in pair.ends)
    assert [end.counters.bytes_acknowledged for end in pair.ends] == [len(w) for w in written]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 25)), min_size=1, max_size=30),
)
def test_text_in_any_order_and_overlapping_is_put_in_order(parts: list[tuple[int, int]]) -> None:
    stream = bytes(range(100))
    receiver = Receiver(100, 1)
    assert receiver.announce(0) == 100
    present: set[int] = set()
    for start, length in parts:
        if receiver.acceptable(start, length):
            receiver.take(start, stream[start : start + length], False)
        present.update(range(start, start + length))
        assert receiver.receive_next == next(n for n in range(101) if n not in present)
        ahead = {n for first, text in receiver.ahead.items() for n in range(first, first + len(text))}
        assert ahead == {n for n in present if n > receiver.receive_next}
    assert receiver.read() == stream[: receiver.receive_next]


def test_push_and_fin_ride_on_the_last_segment() -> None:
    pair = Pair()
    pair.open()
    pair.call(0, "write", text_of(2 * SEGMENT + 10))
    pair.call(0, "write", text_of(5))
    pair.run(pair.now + SECOND)
    flags = [(len(s.payload), s.psh, s.fin) for _, side, s in pair.sent if side == 0 and s.payload]
    assert flags == [(SEGMENT, False, False), (SEGMENT, False, False), (10, True, False), (5, True, False)]
    end = established()
    end.close(1)
    assert [(len(s.payload), s.fin) for s in end.take_segments()] == [(0, True)]
    pair = Pair()
    pair.call(0, "connect")
    pair.call(0, "write", text_of(SEGMENT + 1))
    pair.call(0, "close")
    pair.run(SECOND)
    flags = [(len(s.payload), s.psh, s.fin) for _, side, s in pair.sent if side == 0 and (s.payload or s.fin)]
    assert flags == [(SEGMENT, False, False), (1, True, True)]


# --- the retransmission timer (RFC 6298) --------------------------------------------------------------------


def test_timeout_by_hand() -> None:
    timer = RetransmissionTimer(minimum_ns=0)
    assert timer.timeout_ns == SECOND  # (2.1)
    timer.measured(100 * MS)  # (2.2): SRTT 100, RTTVAR 50, RTO 100 + 4 * 50
    assert (timer.smoothed_round_trip_ns, timer.round_trip_variation_ns) == (100 * MS, 50 * MS)
    assert timer.timeout_ns == 300 * MS
    timer.measured(200 * MS)  # (2.3): RTTVAR 3/4 * 50 + 1/4 * 100 = 62.5; SRTT 7/8 * 100 + 1/8 * 200 = 112.5
    assert timer.round_trip_variation_ns == 62_500_000
    assert timer.smoothed_round_trip_ns == 112_500_000
    assert timer.timeout_ns == 362_500_000
    for _ in range(200):
        timer.measured(80 * MS)
    assert 80 * MS <= timer.timeout_ns - GRANULARITY_NS < 80 * MS + 100  # G instead of 4 * 0
    slow = RetransmissionTimer()
    slow.measured(100 * MS)
    assert slow.timeout_ns == SECOND  # (2.4)
    slow.back_off()
    slow.back_off()
    assert slow.timeout_ns == 4 * SECOND  # (5.5)
    for _ in range(10):
        slow.back_off()
    assert slow.timeout_ns == 60 * SECOND  # (2.5)
    slow.measured(100 * MS)
    assert slow.timeout_ns == SECOND
    far = RetransmissionTimer()
    far.measured(2 * SECOND)
    assert far.timeout_ns == 6 * SECOND


def test_the_handshake_is_the_first_measurement_and_a_repeated_segment_is_none() -> None:
    pair = Pair(drop=lose_once(0))
    pair.open()
    assert pair.ends[0].sender.retransmission_timer.smoothed_round_trip_ns == 100 * MS
    started = pair.now
    pair.call(0, "write", b"x")
    pair.run(started + 2 * SECOND)
    assert [when - started for when, _, _ in pair.text_sent()] == [0, SECOND]
    assert pair.ends[0].sender.retransmission_timer.smoothed_round_trip_ns == 100 * MS
    assert pair.ends[0].sender.retransmission_timer.timeout_ns == 2 * SECOND  # until something new is measured
    pair.call(0, "write", b"y")
    pair.run(pair.now + SECOND)
    assert pair.ends[0].sender.retransmission_timer.timeout_ns == SECOND


def test_the_minimum_is_a_parameter() -> None:
    pair = Pair(drop=lose_once(0), options={"minimum_timeout_ns": 200 * MS})
    pair.open()
    started = pair.now
    pair.call(0, "write", b"x")
    pair.run(started + 2 * SECOND)
    # SRTT 100 ms, RTTVAR 50 ms: 300 ms
    assert [when - started for when, _, _ in pair.text_sent()] == [0, 300 * MS]


def test_a_peer_that_vanishes() -> None:
    pair = Pair(drop=lambda side, segment, now: now > SECOND, options={"maximum_retransmissions": 5})
    pair.open()
    pair.run(2 * SECOND)
    pair.call(0, "write", text_of(10_000))
    pair.run()
    sent = [when for when, _, _ in pair.text_sent()]
    assert sent == [2 * SECOND] * 3 + [(2 + s) * SECOND for s in accumulate([1, 2, 4, 8, 16])]
    assert pair.now == (2 + 1 + 2 + 4 + 8 + 16 + 32) * SECOND
    assert pair.ends[0].state is State.CLOSED
    assert pair.ends[0].error == "no answer after 5 retransmissions"
    assert pair.ends[0].counters.timeouts == 5
    pair.ends[0].write(b"nowhere", pair.now)  # not an error: the network is to blame
    pair.ends[0].close(pair.now)
    assert pair.ends[0].take_segments() == []


def test_an_outage_of_ten_seconds() -> None:
    """The last acknowledgement comes at 3.05 s; all that it lets out is lost, and the timer tries alone."""
    pair = Pair(drop=lambda side, segment, now: 3020 * MS <= now < 13_020 * MS)
    pair.open()
    assert pair.now == 150 * MS  # so end 0 sends at 50 ms past each tenth of a second
    data = text_of(30_000_000)
    pair.call(0, "write", data)
    pair.run(13 * SECOND)
    got = len(pair.received[1])
    assert 0 < got < len(data)
    assert [when // MS for when, _, _ in pair.text_sent() if when > 3050 * MS] == [4050, 6050, 10_050]
    for milliseconds, segments in ((18_099, 0), (18_100, 1), (18_200, 3), (18_300, 7), (18_400, 15)):
        pair.run(milliseconds * MS)  # slow start again, from the first segment that was lost
        assert len(pair.received[1]) == got + segments * SEGMENT
    pair.run(60 * SECOND)
    assert pair.received[1] == data
    assert pair.ends[0].counters.timeouts == 4
    assert pair.ends[0].sender.retransmission_timer.timeout_ns == SECOND


def test_an_outage_in_which_only_acknowledgements_are_lost() -> None:
    """The text of the last round arrives, and is not sent again when the retransmission is acknowledged."""
    pair = Pair(drop=lambda side, segment, now: 2980 * MS <= now < 3020 * MS)
    pair.open()
    pair.call(0, "write", text_of(20_000_000))
    pair.run(20 * SECOND)
    assert len(pair.received[1]) == 20_000_000
    assert pair.ends[0].counters.timeouts == 1
    assert pair.ends[0].counters.retransmissions == 1


def test_an_answer_starts_the_count_of_retransmissions_again() -> None:
    end = established(maximum_retransmissions=3)
    end.write(text_of(20), 0)
    for n in range(20):
        for _ in range(3):
            assert end.timer_ns is not None
            end.timeout(end.timer_ns)
        threshold = end.sender.congestion.slow_start_threshold
        assert threshold == 2 * SEGMENT
        assert end.timer_ns is not None
        end.receive(TCP(5000, 80, 2000, 501 + n, ack=True, window=60_000), end.timer_ns - 1)
    assert end.error is None
    assert end.counters.timeouts == 60


def test_the_threshold_is_halved_once_for_one_loss() -> None:
    end = established()
    end.sender.congestion.window = 20 * SEGMENT
    end.write(text_of(20 * SEGMENT), 0)
    for _ in range(3):
        assert end.timer_ns is not None
        end.timeout(end.timer_ns)
    assert end.sender.congestion.slow_start_threshold == 10 * SEGMENT


# --- congestion (RFC 5681, RFC 6582) ------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "segments"), [(2191, 2), (2190, 3), (1096, 3), (1095, 4), (536, 4)])
def test_initial_window(size: int, segments: int) -> None:
    assert initial_window(size) == segments * size


def rounds(pair: Pair, start: int) -> list[int]:
    """Text segments that end 0 sent in each round trip from `start` on."""
    trip = 2 * pair.delay
    counts: dict[int, int] = {}
    for when, _, _ in pair.text_sent():
        counts[(when - start) // trip] = counts.get((when - start) // trip, 0) + 1
    return [counts.get(n, 0) for n in range(max(counts) + 1)]


def test_slow_start_doubles_until_the_receive_window() -> None:
    pair = Pair()
    pair.open()
    start = pair.ends[0].sender._last_sent_ns + 2 * pair.delay  # the SYN's round trip
    pair.now = start
    pair.call(0, "write", text_of(1000 * SEGMENT))
    pair.run(start + 20 * SECOND)
    full = 262_144 // SEGMENT
    assert rounds(pair, start)[:7] == [3, 6, 12, 24, 48, 96, full]
    assert pair.ends[0].sender.congestion.slow_start_threshold == 1 << 30
    assert pair.ends[0].counters.retransmissions == 0


def test_congestion_avoidance_adds_a_segment_per_round() -> None:
    reno = NewReno(1000, 0)
    reno.window = reno.slow_start_threshold = 10_000
    acknowledgement = 0
    for expected in (11_000, 12_000, 13_000):
        for _ in range(reno.window // 1000):
            acknowledgement += 1000
            assert not reno.acknowledged(1000, acknowledgement, 9000)
        assert reno.window == expected
    reno = NewReno(1000, 0)
    for _ in range(10):
        reno.acknowledged(100, 0, 0)  # small acknowledgements widen it by what they cover
    assert reno.window == initial_window(1000) + 1000


def test_one_loss_is_repaired_without_the_timer() -> None:
    lost = 12 * SEGMENT
    pair = Pair(drop=lose_once(lost))
    pair.open()
    pair.call(0, "write", text_of(200 * SEGMENT))
    pair.run(pair.now + 10 * SECOND)
    copies = [when for when, first, _ in pair.text_sent() if first == lost]
    assert len(copies) == 2
    assert copies[1] - copies[0] == 2 * pair.delay
    counters = pair.ends[0].counters
    assert (counters.fast_retransmits, counters.retransmissions, counters.timeouts) == (1, 1, 0)
    assert pair.received[1] == text_of(200 * SEGMENT)


def test_even_the_first_segment_is_repaired_without_the_timer() -> None:
    pair = Pair(drop=lose_once(0))
    pair.open()
    pair.call(0, "write", text_of(6 * SEGMENT))  # limited transmit lets out the fourth and fifth
    pair.run(pair.now + SECOND)
    assert pair.received[1] == text_of(6 * SEGMENT)
    assert (pair.ends[0].counters.fast_retransmits, pair.ends[0].counters.timeouts) == (1, 0)


@pytest.mark.parametrize(("duplicates", "again"), [(2, 0), (3, 1), (9, 1)])
def test_three_duplicates_and_not_two(duplicates: int, again: int) -> None:
    end = established()
    end.sender.congestion.window = 10 * SEGMENT
    end.write(text_of(10 * SEGMENT), 1)
    assert len(end.take_segments()) == 10
    for n in range(duplicates):
        end.receive(TCP(5000, 80, 2000, 500, ack=True, window=60_000), 2 + n)
    assert [(s.sequence, len(s.payload)) for s in end.take_segments()] == [(500, SEGMENT)] * again
    if again:
        assert end.sender.congestion.slow_start_threshold == 5 * SEGMENT
        assert end.sender.congestion.window == (5 + duplicates) * SEGMENT


@pytest.mark.parametrize(
    "not_duplicate",
    [
        {"window": 60_001},
        {"payload": b"x"},
        {"fin": True, "sequence": 2001},
        {"acknowledgement": 499},
    ],
)
def test_an_acknowledgement_that_is_no_duplicate(not_duplicate: dict[str, Any]) -> None:
    end = established()
    end.write(text_of(3 * SEGMENT), 1)
    for n in range(5):
        segment = replace(TCP(5000, 80, 2000, 500, ack=True, window=60_000), **not_duplicate)
        segment.window += n if "window" in not_duplicate else 0  # a window that changes each time
        end.receive(segment, 2)
    assert end.counters.fast_retransmits == 0


def test_limited_transmit_sends_two_new_segments_and_keeps_the_window() -> None:
    end = established()
    end.write(text_of(10 * SEGMENT), 1)
    assert len(end.take_segments()) == 3
    for n in range(2):
        end.receive(TCP(5000, 80, 2000, 500, ack=True, window=60_000), 2 + n)
        assert [s.sequence for s in end.take_segments()] == [500 + (3 + n) * SEGMENT]
        assert end.sender.congestion.window == 3 * SEGMENT
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=60_000), 4)
    assert end.sender.congestion.slow_start_threshold == 2 * SEGMENT  # half of three, but never below two


def test_partial_acknowledgements_repair_one_loss_per_round() -> None:
    losses = [21 * SEGMENT, 25 * SEGMENT, 30 * SEGMENT]
    pair = Pair(drop=lose_once(*losses))
    pair.open()
    pair.call(0, "write", text_of(200 * SEGMENT))
    pair.run(pair.now + 10 * SECOND)
    again = [[when for when, first, _ in pair.text_sent() if first == lost][1:] for lost in losses]
    assert [len(copies) for copies in again] == [1, 1, 1]
    assert [two[0] - one[0] for one, two in pairwise(again)] == [2 * pair.delay] * 2
    counters = pair.ends[0].counters
    assert (counters.fast_retransmits, counters.retransmissions, counters.timeouts) == (1, 3, 0)
    assert pair.received[1] == text_of(200 * SEGMENT)


def test_the_timer_in_recovery() -> None:
    """It starts anew with the retransmission and the first partial acknowledgement, not with the next."""
    end = established()
    end.sender.congestion.window = 20 * SEGMENT
    end.write(text_of(20 * SEGMENT), 0)
    assert end.timer_ns == SECOND
    arrivals = {5: 500, 6: 500, 7: 500, 8: 500 + SEGMENT, 9: 500 + 2 * SEGMENT}
    timers = []
    for now, acknowledgement in arrivals.items():
        end.receive(TCP(5000, 80, 2000, acknowledgement, ack=True, window=60_000), now)
        assert end.timer_ns is not None
        timers.append(end.timer_ns - SECOND)
    assert timers == [0, 0, 7, 8, 8]
    assert (end.counters.fast_retransmits, end.counters.retransmissions) == (1, 3)


def test_recovery_by_hand() -> None:
    reno = NewReno(1000, 0)
    reno.window = 20_000
    for _ in range(2):
        assert not reno.duplicate(5001, 20_000, 25_001)
    assert reno.duplicate(5001, 22_000, 27_001)
    assert (reno.slow_start_threshold, reno.window) == (10_000, 13_000)
    reno.duplicate(5001, 22_000, 27_001)
    assert reno.window == 14_000
    assert reno.acknowledged(4000, 9001, 18_000)  # partial: minus 4000, plus one segment
    assert reno.window == 11_000
    assert reno.acknowledged(500, 9501, 17_500)
    assert reno.window == 10_500
    assert not reno.acknowledged(17_500, 27_001, 3000)  # full: min(10000, 3000 + 1000)
    assert (reno.window, reno.recovering) == (4000, False)
    # Duplicates that do not cover more than `recover` are no new loss (RFC 6582 section 3.2 step 2).
    assert not any(reno.duplicate(27_001, 3000, 30_001) for _ in range(5))
    assert reno.acknowledged(1, 27_002, 3000) is False
    assert [reno.duplicate(27_002, 3000, 30_001) for _ in range(3)] == [False, False, True]


def test_after_a_timeout_one_segment_and_half_the_flight() -> None:
    reno = NewReno(1000, 0)
    reno.window = 20_000
    reno.timed_out(20_000, 20_001, again=False)
    assert (reno.window, reno.slow_start_threshold) == (1000, 10_000)
    reno.timed_out(1000, 20_001, again=True)
    assert (reno.window, reno.slow_start_threshold) == (1000, 10_000)
    assert not any(reno.duplicate(500, 1000, 20_001) for _ in range(9))  # echoes of what is sent again
    for n in range(1, 10):
        reno.acknowledged(1000, 1000 * n, 1000)
    assert reno.window == 10_000
    reno.acknowledged(1000, 10_000, 1000)
    assert reno.window == 10_000  # avoidance from here


def test_after_idleness_the_window_is_small_again() -> None:
    pair = Pair()
    pair.open()
    pair.call(0, "write", text_of(100 * SEGMENT))
    pair.run(pair.now + 3 * SECOND)
    assert pair.ends[0].sender.congestion.window > 50 * SEGMENT
    before = len(pair.text_sent())
    pair.call(0, "write", text_of(100 * SEGMENT))
    assert len(pair.text_sent()) - before == 3


# --- windows ------------------------------------------------------------------------------------------------


def test_an_opening_window_restarts_the_timer() -> None:
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=0), 0)
    end.write(b"abc", 0)
    assert (end.take_segments(), end.timer_ns) == ([], SECOND)
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=1000), SECOND - 5)
    assert len(end.take_segments()) == 1
    assert end.timer_ns == 2 * SECOND - 5


def test_an_old_segment_does_not_tell_the_window() -> None:
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True), 1)
    end.take_segments()
    end.receive(TCP(5000, 80, 2003, 500, ack=True, window=5000, payload=b"def"), 1)
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=777, payload=b"abc"), 2)  # sent before, came after
    assert (end.read(), end.sender.send_window) == (b"abcdef", 5000)
    end.write(b"x", 3)
    end.receive(TCP(5000, 80, 2006, 501, ack=True, window=888), 4)
    end.receive(TCP(5000, 80, 2006, 500, ack=True, window=999), 5)
    assert end.sender.send_window == 888


def test_a_fin_keeps_to_the_window() -> None:
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=0), 1)
    end.write(text_of(10), 1)
    end.close(1)
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=10), 1)
    assert [(len(s.payload), s.psh, s.fin) for s in end.take_segments()] == [(10, True, False)]
    end.receive(TCP(5000, 80, 2000, 510, ack=True, window=0), 2)
    assert (end.take_segments(), end.timer_ns) == ([], 2 + SECOND)
    end.receive(TCP(5000, 80, 2000, 510, ack=True, window=1), 3)
    assert [(len(s.payload), s.psh, s.fin) for s in end.take_segments()] == [(0, False, True)]


def test_a_peer_that_has_filled_the_window_is_heard() -> None:
    end = established(receive_window=2 * SEGMENT)
    end.receive(TCP(5000, 80, 1999, 500, ack=True), 1)  # an old number: the answer announces the window
    assert end.take_segments()[0].window == 2 * SEGMENT
    end.write(b"abc", 1)
    end.receive(TCP(5000, 80, 2000 + SEGMENT, 500, ack=True, window=9, payload=bytes(SEGMENT)), 2)
    end.receive(TCP(5000, 80, 2000 + 2 * SEGMENT, 503, ack=True, window=9), 3)
    assert end.sender.send_unacknowledged == 503



def test_a_closed_window_is_probed_for_ever_and_opened_by_reading() -> None:
    window = 20_000
    pair = Pair(options={"receive_window": window})
    pair.open()
    pair.reading[1] = False
    data = text_of(3 * window)
    pair.call(0, "write", data)
    pair.call(0, "close")
    pair.run(pair.now + 3600 * SECOND)
    sender = pair.ends[0].sender
    assert pair.states() == (State.FIN_WAIT_1, State.ESTABLISHED)
    assert sender.send_unacknowledged == 1001 + window
    probes = [when for when, side, s in pair.sent if side == 0 and s.sequence == (1001 + window - 1)]
    assert {two - one for one, two in pairwise(probes[-20:])} == {60 * SECOND}
    assert [(two - one) // SECOND for one, two in pairwise(probes[:6])] == [2, 4, 8, 16, 32]
    before = len(pair.sent)
    pair.reading[1] = True
    pair.after(1)
    pair.after(1)
    assert [s.window for _, _, s in pair.sent[before:]] == [window]  # one update, and no more
    pair.run(pair.now + 10 * SECOND)
    assert pair.received[1] == data
    assert pair.states() == (State.FIN_WAIT_2, State.CLOSE_WAIT)


def test_a_lost_window_update_is_found_by_a_probe() -> None:
    pair = Pair(options={"receive_window": 20_000})
    pair.open()
    pair.reading[1] = False
    pair.call(0, "write", text_of(50_000))
    pair.run(pair.now + 10 * SECOND)
    pair.reading[1] = True
    pair.drop = lambda side, segment, now: side == 1 and now == opened
    opened = pair.now
    pair.after(1)
    pair.run(opened + 30 * SECOND)
    assert pair.received[1] == text_of(50_000)


def test_a_peer_that_vanishes_behind_a_closed_window() -> None:
    pair = Pair(options={"receive_window": 20_000, "maximum_retransmissions": 4})
    pair.open()
    pair.reading[1] = False
    pair.call(0, "write", text_of(50_000))
    pair.run(100 * SECOND)
    assert pair.ends[0].error is None
    pair.drop = lambda side, segment, now: True
    pair.run()
    assert pair.ends[0].error == "no answer after 4 retransmissions"


def test_the_window_never_shrinks_and_grows_in_segments() -> None:
    end = established(receive_window=10_000)
    edges = []
    for n in range(20):
        first = 2000 + 300 * n
        end.receive(TCP(5000, 80, first, 500, ack=True, window=60_000, payload=bytes(300)), n)
        if n % 3 == 2:
            end.read()
        (answer,) = end.take_segments()
        edges.append(answer.acknowledgement + answer.window)
    steps = [two - one for one, two in pairwise(edges)]
    assert all(step == 0 or step >= SEGMENT for step in steps)
    assert max(edges) > 2000 + 10_000


def test_no_silly_segments() -> None:
    """A segment waits while others are on their way if the window ends inside it."""
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=2 * SEGMENT + 700), 1)
    end.write(text_of(4 * SEGMENT), 1)
    assert [len(s.payload) for s in end.take_segments()] == [SEGMENT, SEGMENT]
    end.receive(TCP(5000, 80, 2000, 500 + 2 * SEGMENT, ack=True, window=700), 2)
    assert [len(s.payload) for s in end.take_segments()] == [700]


def test_a_timeout_sends_no_more_than_was_sent_before() -> None:
    """Else text goes beyond the window, and both ends answer each other's acknowledgements for ever."""
    end = established()
    end.receive(TCP(5000, 80, 2000, 500, ack=True, window=10), 1)
    end.write(text_of(100), 1)
    assert [len(s.payload) for s in end.take_segments()] == [10]
    end.timeout(SECOND + 1)
    assert [(s.sequence, len(s.payload)) for s in end.take_segments()] == [(500, 10)]


def test_out_of_order_text_is_bounded_by_the_window() -> None:
    end = established(receive_window=5000)
    end.receive(TCP(5000, 80, 2000, 500, ack=True, payload=b""), 1)
    end._acknowledgement_due = True
    end.take_segments()  # announces the window
    for first in (2100, 6900, 7000, 50_000, 2000 + 4999):
        end.receive(TCP(5000, 80, first, 500, ack=True, payload=bytes(1400)), 2)
    kept = end.receiver.ahead.items()
    assert [(first, len(text)) for first, text in kept] == [(2100, 1400), (6900, 100), (6999, 1)]


# --- time and speed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [1, 3 * SEGMENT, 3 * SEGMENT + 1, 100_000, 262_144 * 4])
@pytest.mark.parametrize("isn", [1000, NUMBERS - 50_000])
def test_transfer_time_over_a_clean_pipe(octets: int, isn: int) -> None:
    """Handshake, then a round trip each for 3, 6, 12, ... segments, at most the 187 of the receive window."""
    delay = 35 * MS
    pair = Pair(delay=delay, isn=(isn, 5))
    pair.call(0, "connect")
    pair.call(0, "write", text_of(octets))
    pair.run(stop=lambda: len(pair.received[1]) == octets)
    segments_left, size, trips = -(-octets // SEGMENT), 3, 0
    while segments_left > 0:
        segments_left -= min(size, 262_144 // SEGMENT)
        size *= 2
        trips += 1
    assert pair.now == 2 * delay + (trips - 1) * 2 * delay + delay
    assert pair.received[1] == text_of(octets)


class Counted(bytearray):
    """Counts the octets that are taken out of it, as copies."""

    copied = 0

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        self.copied += len(part) if isinstance(at, slice) else 1
        return part


def test_a_big_write_is_not_copied_again_and_again() -> None:
    """Each octet once into its segment, and no more for the last megabyte than for the first."""
    pair = Pair(delay=MS)
    pair.open()
    text = pair.ends[0].sender.text = Counted()
    pair.call(0, "write", bytes(5_000_000))
    pair.run(stop=lambda: len(pair.received[1]) == 5_000_000)
    assert pair.ends[0].sender.text is text, "nor put into another"
    assert 5_000_000 == text.copied == sum(octets for _, _, octets in pair.text_sent())


def test_a_new_connection() -> None:
    end = Connection(1, 2, initial_sequence=3)
    assert (end.is_open, end.at_end, end.read(), end.take_segments()) == (False, False, b"", [])
