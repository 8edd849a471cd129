"""The sending half of a TCP connection: what was written, how far it got, when it is sent again (RFC 9293).

Stands between `node.tcp` and `node.congestion`. Takes octets to send, acknowledgements and the time; gives
pieces of the sequence space to send and the time of its timer. Sequence numbers count on past 2**32 in
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mipflow.node.congestion import NewReno, RetransmissionTimer


class Piece(NamedTuple):
    """A part of the sequence space to send: text, with the SYN or the FIN that has its place there."""

    sequence: int
    text: bytes = b""
    syn: bool = False
    fin: bool = False
    push: bool = False
    reset: bool = False


@dataclass(slots=True)
class Counters:
    """Segments sent again, how many of them fast, timers that ran out, octets of text acknowledged."""

    retransmissions: int = 0
    fast_retransmits: int = 0
    timeouts: int = 0
    bytes_acknowledged: int = 0


class Sender:
    """The send sequence space (RFC 9293 section 3.3.1).

    `send_unacknowledged` is SND.UNA, `send_next` SND.NXT, `send_window` SND.WND. At a timeout `send_next`
    falls back to `send_unacknowledged`, while `send_highest` stays behind the highest number ever sent.
    `timer_ns` is when `expired()` wants to be called: to retransmit while something is on its way, else to
    probe a closed window.
    """

    def __init__(self, initial_sequence: int, segment_size: int, minimum_timeout_ns: int) -> None:
        self.initial_sequence = initial_sequence
        self.segment_size = segment_size
        self.send_unacknowledged = self.send_next = self.send_highest = initial_sequence
        self.send_window = 0
        self.end_of_data = initial_sequence + 1  # where the FIN goes, if nothing more is written
        self.closing = False
        self.timer_ns: int | None = None
        self.attempts = 0  # times that the timer ran out since the peer was last heard
        self.retransmission_timer = RetransmissionTimer(minimum_timeout_ns)
        self.congestion = NewReno(segment_size, initial_sequence)
        self.counters = Counters()
        self._text = bytearray()  # written and not yet acknowledged
        self._window_from = (0, 0)  # SND.WL1 and SND.WL2: the segment that told the window
        self._timed: tuple[int, int] | None = None  # the acknowledgement that ends a measurement, its start
        self._last_sent_ns = 0
        self._pieces: list[Piece] = []

    @property
    def in_handshake(self) -> bool:
        """Whether the SYN of this end is not acknowledged yet."""
        return self.send_unacknowledged == self.initial_sequence

    @property
    def unused(self) -> bool:
        """Whether nothing was ever sent."""
        return self.send_highest == self.initial_sequence

    @property
    def all_acknowledged(self) -> bool:
        """Whether nothing is on its way."""
        return self.send_unacknowledged == self.send_highest

    @property
    def unacknowledged_octets(self) -> int:
        """Octets written and not acknowledged."""
        return len(self._text)

    @property
    def fin_acknowledged(self) -> bool:
        """Whether the peer has all, the FIN included."""
        return self.send_unacknowledged > self.end_of_data

    def begin(self, peer_takes: int, window: int, window_from: tuple[int, int]) -> None:
        """The peer's SYN came: it takes segments of `peer_takes` octets, and `window` octets at first."""
        self.segment_size = min(self.segment_size, peer_takes)
        self.congestion = NewReno(self.segment_size, self.initial_sequence)
        self.send_window = window
        self._window_from = window_from

    def write(self, data: bytes) -> None:
        """Add `data` to what is to be sent."""
        self._text += data
        self.end_of_data += len(data)

    def take(self) -> list[Piece]:
        """The pieces to send now, in order."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def stop(self, *, reset: bool) -> None:
        """Nothing more is sent, a `reset` aside."""
        if reset:
            self._pieces.append(Piece(self.send_highest, reset=True))
        self.timer_ns = None
        self._text.clear()

    # --- what is sent ---------------------------------------------------------------------------------------

    def send(self, now: int) -> None:
        """Send what the windows allow, or watch a closed one (RFC 9293 section 3.8.6, RFC 5681 section 3)."""
        wait = self.retransmission_timer.timeout_ns
        if self.all_acknowledged and now - self._last_sent_ns > wait:
            self.congestion.idle()
        while (length := self._sendable()) is not None:
            self._transmit(self.send_next, length, now)
        pending = self.send_next < self.end_of_data + self.closing
        if pending and self.all_acknowledged and self.timer_ns is None:
            self.timer_ns = now + wait

    def _sendable(self) -> int | None:
        """Octets of text of the next segment, 0 for a FIN alone, None if nothing may go now.

        A segment goes whole or, while another is on its way, not at all: no silly windows (section
        3.8.6.2.1).
        """
        left = self.end_of_data - self.send_next
        flight = self.send_next - self.send_unacknowledged
        room = self.send_window - flight
        if left <= 0:
            return 0 if left == 0 and self.closing and room > 0 else None
        room = min(room, self.congestion.allowance - flight)
        length = min(left, self.segment_size)
        if length <= room:
            return length
        return room if room > 0 and not flight else None

    def send_first(self, now: int) -> None:
        """Send the first segment that is not acknowledged: the SYN at first, later a retransmission."""
        # No more than was sent before: beyond it the window may end.
        sent = min(self.end_of_data, self.send_highest) - self.send_unacknowledged
        length = 0 if self.in_handshake else min(sent, self.segment_size)
        self._transmit(self.send_unacknowledged, length, now)

    def _transmit(self, sequence: int, length: int, now: int) -> None:
        end = sequence + length
        syn = sequence == self.initial_sequence
        last = end == self.end_of_data
        sent_before = sequence < self.send_highest
        window_edge = self.send_unacknowledged + self.send_window
        fin = last and self.closing and (end < window_edge or end < self.send_highest)
        if self.timer_ns is None or self.all_acknowledged:
            self._start_timer(now)  # RFC 6298 (5.1)
        after = end + syn + fin
        if sent_before:
            self.counters.retransmissions += 1
            self._timed = None  # Karn: nobody could tell which copy was acknowledged
        elif self._timed is None:
            self._timed = (after, now)
        offset = sequence - self.end_of_data + len(self._text)
        text = bytes(self._text[offset : offset + length]) if length else b""
        self.send_next = max(self.send_next, after)
        self.send_highest = max(self.send_highest, after)
        self._last_sent_ns = now
        self._pieces.append(Piece(sequence, text, syn, fin, push=last and length > 0))

    # --- what comes back ------------------------------------------------------------------------------------

    def acknowledged(self, acknowledgement: int, now: int) -> None:
        """The peer has all before `acknowledgement`, and had not before."""
        octets = acknowledgement - self.send_unacknowledged - self.in_handshake  # a SYN widens no window
        timed_out = self.in_handshake and self.counters.timeouts > 0
        text = min(acknowledgement, self.end_of_data) - self.end_of_data + len(self._text)
        del self._text[:text]  # from the front of a bytearray: no copy
        self.counters.bytes_acknowledged += text
        self.send_unacknowledged = acknowledgement
        self.send_next = max(self.send_next, acknowledgement)
        self.attempts = 0
        if self._timed is not None and acknowledgement >= self._timed[0]:
            self.retransmission_timer.measured(now - self._timed[1])
            self._timed = None
        if timed_out:
            self.retransmission_timer.handshake_timed_out()
            self.congestion.handshake_timed_out()
        flight = self.send_next - acknowledgement
        partial = octets > 0 and self.congestion.acknowledged(octets, acknowledgement, flight)
        if self.all_acknowledged:
            self.timer_ns = None  # RFC 6298 (5.2)
        elif not partial or self.congestion.partial_acknowledgements == 1:
            self._start_timer(now)  # (5.3); in recovery only the first time (RFC 6582 section 3.2)
        if partial:
            self.send_first(now)

    def repeated(self, now: int) -> None:
        """An acknowledgement came again, a duplicate in the sense of RFC 5681 section 2."""
        flight = self.send_next - self.send_unacknowledged
        if self.congestion.duplicate(self.send_unacknowledged, flight, self.send_highest):
            self.counters.fast_retransmits += 1
            self.send_first(now)
            self._start_timer(now)  # no segment goes twice within one timeout (RFC 6298 section 5)

    def hear_window(self, window: int, window_from: tuple[int, int]) -> None:
        """Take the announced window, unless a newer segment told it before (section 3.10.7.4)."""
        if self._window_from <= window_from:
            self.send_window = window
            self._window_from = window_from
        if self.send_window == 0:
            self.attempts = 0  # a peer that answers probes may keep its window closed for ever

    def expired(self, now: int) -> None:
        """The time `timer_ns` has come: back off, then send the first segment again, or a probe."""
        self.attempts += 1
        self.retransmission_timer.back_off()
        self._start_timer(now)
        if self.all_acknowledged:
            # A number acknowledged long ago: the peer answers with its window (section 3.8.6.1).
            self._pieces.append(Piece(self.send_unacknowledged - 1))
            return
        self.counters.timeouts += 1
        if not self.in_handshake:
            flight = self.send_next - self.send_unacknowledged
            self.congestion.timed_out(flight, self.send_highest, again=self.attempts > 1)
        self.send_next = self.send_unacknowledged  # all behind it follows as slow start allows
        self.send_first(now)

    def _start_timer(self, now: int) -> None:
        self.timer_ns = now + self.retransmission_timer.timeout_ns
