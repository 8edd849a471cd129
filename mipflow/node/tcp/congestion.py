"""The two limits of a TCP sender: its retransmission timeout, and its congestion window.

Stands under `node.tcp.send`, which owns one of each. Both classes are told of events (a round trip measured, octets
acknowledged, an acknowledgement repeated, a timer run out) and keep numbers; neither knows a segment or a clock.
"""

from __future__ import annotations

SECOND = 1_000_000_000
"""One second in nanoseconds."""
MAXIMUM_TIMEOUT_NS = 60 * SECOND
"""The least upper bound that RFC 6298 (2.5) allows."""
GRANULARITY_NS = SECOND // 1000
"""G of RFC 6298; section 4 is content with 100 ms."""
DUPLICATE_THRESHOLD = 3
"""Duplicate acknowledgements that mean a lost segment (RFC 5681 section 3.2)."""


class RetransmissionTimer:
    """The retransmission timeout (RFC 6298). All times are integer nanoseconds.

    `timeout_ns` is the RTO, `smoothed_round_trip_ns` SRTT (None before the first measurement),
    `round_trip_variation_ns` RTTVAR.
    """

    def __init__(self, minimum_ns: int = SECOND) -> None:
        self.minimum_ns = minimum_ns
        self.timeout_ns = SECOND  # (2.1)
        self.smoothed_round_trip_ns: int | None = None
        self.round_trip_variation_ns = 0

    def measured(self, round_trip_ns: int) -> None:
        """Take a round trip of a segment that was sent once: rules (2.2) to (2.5)."""
        if self.smoothed_round_trip_ns is None:
            self.smoothed_round_trip_ns = round_trip_ns
            self.round_trip_variation_ns = round_trip_ns // 2
        else:
            error = abs(self.smoothed_round_trip_ns - round_trip_ns)
            self.round_trip_variation_ns = (3 * self.round_trip_variation_ns + error) // 4
            self.smoothed_round_trip_ns = (7 * self.smoothed_round_trip_ns + round_trip_ns) // 8
        wait = self.smoothed_round_trip_ns + max(GRANULARITY_NS, 4 * self.round_trip_variation_ns)
        self.timeout_ns = min(max(wait, self.minimum_ns), MAXIMUM_TIMEOUT_NS)

    def back_off(self) -> None:
        """Wait twice as long until the next measurement, because the timer ran out (5.5)."""
        self.timeout_ns = min(2 * self.timeout_ns, MAXIMUM_TIMEOUT_NS)


def initial_window(maximum_segment_size: int) -> int:
    """Return the congestion window of a new connection, in octets (RFC 5681 section 3.1).

    The ten segments of RFC 6928 are an experiment; this is the standard.
    """
    return (2 if maximum_segment_size > 2190 else 3 if maximum_segment_size > 1095 else 4) * maximum_segment_size


class NewReno:
    """Slow start, congestion avoidance, fast retransmit and fast recovery (RFC 5681, RFC 6582).

    `window` is cwnd and `slow_start_threshold` ssthresh, in octets; the threshold starts as large as any window that
    can be announced (RFC 7323). `recover` is the sequence number behind the highest one sent when recovery last
    began: one more than RFC 6582's. At the start it is the initial sequence number, so that even the first data
    segment can be retransmitted fast. `duplicates` counts those that point to a new loss.
    """

    def __init__(self, maximum_segment_size: int, initial_sequence: int) -> None:
        self.maximum_segment_size = maximum_segment_size
        self.window = initial_window(maximum_segment_size)
        self.slow_start_threshold = 1 << 30
        self.recover = initial_sequence
        self.recovering = False
        self.duplicates = self.partial_acknowledgements = 0
        self._grown = 0  # octets acknowledged since congestion avoidance last widened the window

    @property
    def allowance(self) -> int:
        """The octets that may be on their way: `window`, and a segment for each duplicate (RFC 3042)."""
        return self.window + self.duplicates * self.maximum_segment_size

    def acknowledged(self, octets: int, acknowledgement: int, flight: int) -> bool:
        """Take an acknowledgement of new octets, up to the number `acknowledgement`; `flight` are still out.

        True if the first segment that is not acknowledged is lost too: a partial acknowledgement (RFC 6582).
        """
        segment = self.maximum_segment_size
        self.duplicates = 0
        if self.recovering and acknowledgement < self.recover:
            self.partial_acknowledgements += 1
            self.window = max(self.window - octets + (segment if octets >= segment else 0), segment)
            return True
        if self.recovering:  # The first of the RFC's two choices: no burst when little is on its way.
            self.window = min(self.slow_start_threshold, max(flight, segment) + segment)
            self.recovering = False
        elif self.window < self.slow_start_threshold:
            self.window += min(octets, segment)
        else:
            self._grown += octets
            if self._grown >= self.window:
                self._grown -= self.window
                self.window += segment
        return False

    def duplicate(self, acknowledgement: int, flight: int, highest: int) -> bool:
        """Take an acknowledgement that came again; `flight` octets are out, up to the sequence number `highest`.

        True if the segment at `acknowledgement` is to be retransmitted now (RFC 5681 section 3.2).
        """
        if self.recovering:
            self.window += self.maximum_segment_size  # one more segment has left the network
        elif acknowledgement > self.recover:  # else an echo of segments that were retransmitted without need
            self.duplicates += 1
            if self.duplicates == DUPLICATE_THRESHOLD:
                # Half of what was on its way, without what limited transmit added to it.
                self._lost(min(flight, self.window), highest, recovering=True)
                self.window = self.slow_start_threshold + DUPLICATE_THRESHOLD * self.maximum_segment_size
                return True
        return False

    def timed_out(self, flight: int, highest: int, again: bool) -> None:
        """Begin slow start anew: the retransmission timer ran out; `again`: not for the first time for this segment."""
        self._lost(flight, highest, recovering=False, again=again)
        self.window = self.maximum_segment_size

    def _lost(self, flight: int, highest: int, *, recovering: bool, again: bool = False) -> None:
        if not again:  # one loss halves once
            self.slow_start_threshold = max(flight // 2, 2 * self.maximum_segment_size)
        self.recover = highest
        self.recovering = recovering
        self.duplicates = self.partial_acknowledgements = self._grown = 0
