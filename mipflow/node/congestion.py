"""How long a TCP sender waits for an acknowledgement, and how much it may have on its way.

Stands under `node.tcp_send`, which owns one of each. Both classes are told what happened (a round trip
measured, octets acknowledged, an acknowledgement repeated, a timer run out) and keep numbers; neither knows
a segment or a clock.
"""

from __future__ import annotations

SECOND = 1_000_000_000
"""One second in nanoseconds."""

DUPLICATE_THRESHOLD = 3
"""Duplicate acknowledgements that mean a lost segment (RFC 5681 section 3.2)."""


class RetransmissionTimer:
    """The retransmission timeout (RFC 6298). All times are integer nanoseconds.

    `timeout_ns` is the RTO, `smoothed_round_trip_ns` SRTT (None before the first measurement),
    `round_trip_variation_ns` RTTVAR. The granularity G is one millisecond; section 4 is content with 100.
    """

    def __init__(self, minimum_ns: int = SECOND, maximum_ns: int = 60 * SECOND) -> None:
        self.minimum_ns = minimum_ns
        self.maximum_ns = maximum_ns
        self.granularity_ns = SECOND // 1000
        self.smoothed_round_trip_ns: int | None = None
        self.round_trip_variation_ns = 0
        self.timeout_ns = SECOND  # (2.1)

    def measured(self, round_trip_ns: int) -> None:
        """Take a round trip of a segment that was sent once: rules (2.2) to (2.5)."""
        if self.smoothed_round_trip_ns is None:
            self.smoothed_round_trip_ns = round_trip_ns
            self.round_trip_variation_ns = round_trip_ns // 2
        else:
            error = abs(self.smoothed_round_trip_ns - round_trip_ns)
            self.round_trip_variation_ns = (3 * self.round_trip_variation_ns + error) // 4
            self.smoothed_round_trip_ns = (7 * self.smoothed_round_trip_ns + round_trip_ns) // 8
        wait = self.smoothed_round_trip_ns + max(self.granularity_ns, 4 * self.round_trip_variation_ns)
        self.timeout_ns = min(max(wait, self.minimum_ns), self.maximum_ns)

    def back_off(self) -> None:
        """The timer ran out: wait twice as long (5.5), until the next measurement."""
        self.timeout_ns = min(2 * self.timeout_ns, self.maximum_ns)

    def handshake_timed_out(self) -> None:
        """A SYN had to be sent again: data starts with three seconds (5.7)."""
        self.timeout_ns = 3 * SECOND


def initial_window(maximum_segment_size: int) -> int:
    """The congestion window of a new connection, octets (RFC 5681 section 3.1).

    The ten segments of RFC 6928 are an experiment; this is the standard.
    """
    if maximum_segment_size > 2190:
        return 2 * maximum_segment_size
    return (3 if maximum_segment_size > 1095 else 4) * maximum_segment_size


class NewReno:
    """Slow start, congestion avoidance, fast retransmit and fast recovery (RFC 5681, RFC 6582).

    `window` is cwnd and `slow_start_threshold` ssthresh, in octets. `recover` is the sequence number behind
    the highest one sent when recovery last began: one more than RFC 6582's. At the start it is the initial
    sequence number, so that even the first data segment can be retransmitted fast.
    """

    def __init__(self, maximum_segment_size: int, initial_sequence: int) -> None:
        self.maximum_segment_size = maximum_segment_size
        self.window = initial_window(maximum_segment_size)
        self.slow_start_threshold = 1 << 30  # as large as any window that can be announced (RFC 7323)
        self.recover = initial_sequence
        self.recovering = False
        self.duplicates = 0
        self.partial_acknowledgements = 0
        self._grown = 0  # octets acknowledged since congestion avoidance last widened the window
        self._flight = 0  # octets on their way when the first duplicate came
        self._limited_transmit = 0  # octets that the first two duplicates let out

    @property
    def allowance(self) -> int:
        """Octets that may be on their way: `window`, and after a duplicate limited transmit (RFC 3042)."""
        return self.window + self._limited_transmit

    def acknowledged(self, octets: int, acknowledgement: int, flight: int) -> bool:
        """New octets were acknowledged, up to the sequence number `acknowledgement`; `flight` are still out.

        True if the first segment that is not acknowledged is lost too: a partial acknowledgement (RFC 6582).
        """
        self._first_again()
        if self.recovering:
            return self._acknowledged_while_recovering(octets, acknowledgement, flight)
        if self.window < self.slow_start_threshold:
            self.window += min(octets, self.maximum_segment_size)
        else:
            self._grown += octets
            if self._grown >= self.window:
                self._grown -= self.window
                self.window += self.maximum_segment_size
        return False

    def _acknowledged_while_recovering(self, octets: int, acknowledgement: int, flight: int) -> bool:
        segment = self.maximum_segment_size
        if acknowledgement >= self.recover:
            # The first of the RFC's two choices: no burst when little is on its way.
            self.window = min(self.slow_start_threshold, max(flight, segment) + segment)
            self.recovering = False
            return False
        self.partial_acknowledgements += 1
        self.window = max(self.window - octets, 0) + (segment if octets >= segment else 0)
        self.window = max(self.window, segment)
        return True

    def duplicate(self, acknowledgement: int, flight: int, highest: int) -> bool:
        """An acknowledgement came again; `flight` octets are out, up to the sequence number `highest`.

        True if the segment at `acknowledgement` is to be retransmitted now (RFC 5681 section 3.2).
        """
        self.duplicates += 1
        if self.recovering:
            self.window += self.maximum_segment_size  # one more segment has left the network
            return False
        if acknowledgement <= self.recover:
            return False  # an echo of segments that were retransmitted without need
        if self.duplicates < DUPLICATE_THRESHOLD:
            if self.duplicates == 1:
                self._flight = flight  # what limited transmit adds does not count
            self._limited_transmit = self.duplicates * self.maximum_segment_size
            return False
        self._halve(self._flight)
        self.window = self.slow_start_threshold + DUPLICATE_THRESHOLD * self.maximum_segment_size
        self.recover = highest
        self.recovering = True
        self._limited_transmit = 0
        self.partial_acknowledgements = 0
        return True

    def timed_out(self, flight: int, highest: int, again: bool) -> None:
        """The retransmission timer ran out; `again`: for a segment that it had run out for before."""
        if not again:
            self._halve(flight)
        self.window = self.maximum_segment_size
        self.recover = highest
        self.recovering = False
        self._first_again()

    def handshake_timed_out(self) -> None:
        """A SYN had to be sent again: start with one segment (RFC 5681 section 3.1)."""
        self.window = self.maximum_segment_size

    def idle(self) -> None:
        """Nothing was sent for longer than the timeout: the path is unknown again (RFC 5681 section 4.1)."""
        self.window = min(self.window, initial_window(self.maximum_segment_size))

    def _first_again(self) -> None:
        self.duplicates = 0
        self._limited_transmit = 0

    def _halve(self, flight: int) -> None:
        self.slow_start_threshold = max(flight // 2, 2 * self.maximum_segment_size)
        self._grown = 0
