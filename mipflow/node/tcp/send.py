"""The sending half of a TCP connection: it sends text until it is acknowledged (RFC 9293).

Stands between `node.tcp.connection` and `node.tcp.congestion`. It takes octets to send, acknowledgements and the time;
it gives segments, which `node.tcp.connection` completes, and the time of its timer. Sequence numbers count on past
2**32 in here and are cut in the segments.
"""

from __future__ import annotations

from mipflow.node.tcp.congestion import SECOND, NewReno, RetransmissionTimer, initial_window
from mipflow.wire.packet import TCP

SEQUENCE_MASK = (1 << 32) - 1
"""The bits of a sequence number that stand in a segment."""


class Counters:
    """The numbers of segments sent again, of fast ones among them, of timeouts, and of octets acknowledged."""

    def __init__(self) -> None:
        self.retransmissions = self.fast_retransmits = self.timeouts = self.bytes_acknowledged = 0


class Sender:
    """The send sequence space (RFC 9293 section 3.3.1).

    `send_unacknowledged` is SND.UNA, `send_next` SND.NXT, `send_window` SND.WND. At a timeout `send_next`
    falls back to `send_unacknowledged`, while `send_highest` stays behind the highest number ever sent.
    `timer_ns` is the time for `expired()`: to retransmit while something is on its way, else to probe a closed window.
    `segments` are to be sent now, in order.
    """

    def __init__(self, ports: tuple[int, int], initial_sequence: int, segment_size: int) -> None:
        self.ports = ports
        self.initial_sequence = initial_sequence
        self.segment_size = segment_size
        self.send_unacknowledged = self.send_next = self.send_highest = initial_sequence
        self.in_handshake = True  # until the SYN of this end is acknowledged
        self.send_window = 0
        self.end_of_data = initial_sequence + 1  # where the FIN goes, if nothing more is written
        self.text = bytearray()  # written and not yet acknowledged
        self.closing = False
        self.segments: list[TCP] = []
        self.timer_ns: int | None = None
        self.attempts = 0  # times that the timer ran out since the peer was last heard
        self.retransmission_timer = RetransmissionTimer()
        self.congestion = NewReno(segment_size, initial_sequence)
        self.counters = Counters()
        self._window_from = (0, 0)  # SND.WL1 and SND.WL2: the segment that told the window
        self._timed: tuple[int, int] | None = None  # the acknowledgement that ends a measurement, its start
        self._last_sent_ns = 0

    @property
    def all_acknowledged(self) -> bool:
        """True while nothing is on its way."""
        return self.send_unacknowledged == self.send_highest

    @property
    def flight(self) -> int:
        """The octets on their way, without those that a timeout declared lost."""
        return self.send_next - self.send_unacknowledged

    def begin(self, peer_takes: int, window: int, first: int) -> None:
        """Take the peer's SYN, number `first`: it takes segments of `peer_takes` octets, and `window` octets in all."""
        self.segment_size = min(self.segment_size, peer_takes)
        self.congestion = NewReno(self.segment_size, self.initial_sequence)
        self.send_window, self._window_from = window, (first, self.send_unacknowledged)

    # --- sending --------------------------------------------------------------------------------------------

    def write(self, data: bytes, now: int) -> None:
        """Add `data` to the text, and send as much as may go now."""
        self.text += data
        self.end_of_data += len(data)
        self.send(now)

    def send(self, now: int) -> None:
        """Send as much as the windows allow, or watch a closed one (RFC 9293 section 3.8.6, RFC 5681 section 3)."""
        if self.in_handshake or (self.send_next >= self.end_of_data and not self.closing):
            return
        if self.all_acknowledged and now - self._last_sent_ns > self.retransmission_timer.timeout_ns:
            # Idle for so long that the path is unknown again (RFC 5681 section 4.1).
            self.congestion.window = min(self.congestion.window, initial_window(self.segment_size))
        while (length := self._sendable()) is not None:
            self._transmit(self.send_next, length, now)
        if self.timer_ns is None and self.all_acknowledged and self.send_next < self.end_of_data + self.closing:
            self._start_timer(now)

    def _sendable(self) -> int | None:
        """Return the octets of text of the next segment, 0 for a FIN alone, None if nothing may go now.

        A segment goes whole or, while another is on its way, not at all: no silly windows (section
        3.8.6.2.1).
        """
        left, flight = self.end_of_data - self.send_next, self.send_next - self.send_unacknowledged
        if left <= 0:
            return 0 if left == 0 and self.closing and self.send_window > flight else None
        window, allowance = self.send_window, self.congestion.allowance
        room = (window if window < allowance else allowance) - flight
        length = left if left < self.segment_size else self.segment_size
        if length <= room:
            return length
        return room if room > 0 and not flight else None

    def send_first(self, now: int) -> None:
        """Send the first segment that is not acknowledged: the SYN at first, later a retransmission."""
        # No more than was sent before: beyond it the window may end.
        sent = min(self.end_of_data, self.send_highest) - self.send_unacknowledged
        self._transmit(self.send_unacknowledged, 0 if self.in_handshake else min(sent, self.segment_size), now)

    def _transmit(self, sequence: int, length: int, now: int) -> None:
        end = sequence + length
        syn = sequence == self.initial_sequence
        last = end == self.end_of_data
        fin = last and self.closing and end < max(self.send_unacknowledged + self.send_window, self.send_highest)
        after = end + syn + fin
        if self.timer_ns is None or self.send_unacknowledged == self.send_highest:
            self._start_timer(now)  # RFC 6298 (5.1)
        if sequence < self.send_highest:
            self.counters.retransmissions += 1
            self._timed = None  # Karn: nobody could tell which copy was acknowledged
        elif self._timed is None:
            self._timed = (after, now)
        self.send_next = after if after > self.send_next else self.send_next
        self.send_highest = after if after > self.send_highest else self.send_highest
        self._last_sent_ns = now
        offset = sequence - self.end_of_data + len(self.text)
        self.emit(sequence, bytes(self.text[offset : offset + length]), syn, fin, push=last and length > 0)

    def emit(self, sequence: int, text: bytes = b"", syn: bool = False, fin: bool = False, push: bool = False) -> None:
        """Send a segment as it is; with nothing but a sequence number it acknowledges, or probes a window."""
        near, far = self.ports
        segment = TCP(near, far, sequence & SEQUENCE_MASK, 0, syn, False, fin, False, push, 65535, None, None, text)
        self.segments.append(segment)

    # --- hearing --------------------------------------------------------------------------------------------

    def hear(self, acknowledgement: int, window: int, first: int, bare: bool, now: int) -> None:
        """Take the word of a segment: all octets before `acknowledgement` arrived, `window` octets may follow.

        `first` is its sequence number; `bare`: it has no text and no FIN.
        """
        if acknowledgement > self.send_unacknowledged:
            self._acknowledged(acknowledgement, now)
        elif acknowledgement == self.send_unacknowledged < self.send_highest and bare and window == self.send_window:
            self._repeated(now)
        if self._window_from <= (first, acknowledgement):  # else a newer segment told it before (section 3.10.7.4)
            self.send_window, self._window_from = window, (first, acknowledgement)
        if self.send_window == 0:
            self.attempts = 0  # a peer that answers probes may keep its window closed for ever

    def _acknowledged(self, acknowledgement: int, now: int) -> None:
        opened, self.in_handshake = self.in_handshake, False
        octets = acknowledgement - self.send_unacknowledged - opened  # a SYN widens no window
        text = len(self.text) - max(self.end_of_data - acknowledgement, 0)
        del self.text[:text]  # from the front of a bytearray: no copy
        self.counters.bytes_acknowledged += text
        self.send_unacknowledged = acknowledgement
        self.send_next = acknowledgement if acknowledgement > self.send_next else self.send_next
        self.attempts = 0
        if self._timed is not None and acknowledgement >= self._timed[0]:
            self.retransmission_timer.measured(now - self._timed[1])
            self._timed = None
        if opened and self.counters.timeouts:  # the SYN had to be sent again: start with care
            self.retransmission_timer.timeout_ns = 3 * SECOND  # RFC 6298 (5.7)
            self.congestion.window = self.segment_size  # RFC 5681 section 3.1
        partial = octets > 0 and self.congestion.acknowledged(octets, acknowledgement, self.flight)
        if acknowledgement == self.send_highest:
            self.timer_ns = None  # RFC 6298 (5.2)
        elif not partial or self.congestion.partial_acknowledgements == 1:
            self._start_timer(now)  # (5.3); in recovery only the first time (RFC 6582 section 3.2)
        if partial:
            self.send_first(now)

    def _repeated(self, now: int) -> None:
        """Take an acknowledgement that came again, a duplicate in the sense of RFC 5681 section 2."""
        if self.congestion.duplicate(self.send_unacknowledged, self.flight, self.send_highest):
            self.counters.fast_retransmits += 1
            self.send_first(now)
            self._start_timer(now)  # no segment goes twice within one timeout (RFC 6298 section 5)

    def expired(self, now: int) -> None:
        """Back off, then send the first segment again, or a probe: the time `timer_ns` has come."""
        self.attempts += 1
        self.retransmission_timer.back_off()
        self._start_timer(now)
        if self.all_acknowledged:
            # A number acknowledged long ago: the peer answers with its window (section 3.8.6.1).
            self.emit(self.send_unacknowledged - 1)
            return
        self.counters.timeouts += 1
        if not self.in_handshake:
            self.congestion.timed_out(self.flight, self.send_highest, again=self.attempts > 1)
        self.send_next = self.send_unacknowledged  # all behind it follows as slow start allows
        self.send_first(now)

    def _start_timer(self, now: int) -> None:
        self.timer_ns = now + self.retransmission_timer.timeout_ns
