"""One end of a TCP connection, as a value that is told of events and their times (RFC 9293).

Stands under `node.tcp.sockets`, which finds the connection of an arriving segment and calls `timeout()` at `timer_ns`.
After every call that has `now`, `read()`, then put the segments of `take_segments()` into packets, in this order: the
octets that are read make room in the window that the segments announce. It takes segments, bytes to send and the time;
it gives segments, bytes that arrived in order, and the time of the next call. It reads no clock and sends nothing. All
times are integer nanoseconds.

The connection itself is the handshake, the states and the checks of arriving segments; its two halves are `sender`
(`node.tcp.send`) and `receiver` (`node.tcp.receive`). Names are those of RFC 9293 in full: SND.UNA is
`send_unacknowledged`. Sequence numbers count on past 2**32 and are cut to 32 bits in a segment only, so that "before"
is `<`.

Not a usual host's way: every segment with text is acknowledged at once, where RFC 5681 section 4.2 advises
every second one. Left out: selective acknowledgement, timestamps, urgent data, keep-alive, Nagle's algorithm,
text on a SYN (the peer sends it again).
"""

from __future__ import annotations

from enum import Enum

from mipflow.errors import ProtocolMisuse
from mipflow.node.resets import reset_for
from mipflow.node.tcp.congestion import SECOND
from mipflow.node.tcp.receive import Receiver
from mipflow.node.tcp.send import SEQUENCE_MASK, Sender
from mipflow.wire.packet import TCP

DEFAULT_SEGMENT_SIZE = 1220
"""Octets that a peer over IPv6 takes if its SYN does not say (RFC 9293 section 3.7.1)."""

SYN_RETRANSMISSIONS = 9
"""Gives a SYN up 303 s after it was first sent; RFC 9293 section 3.8.3 asks for at least three minutes, in which a
home agent that is slow to learn of a movement may drop the last ones."""

_LAST_SCALE = 14  # RFC 7323 section 2.3
_HALF = 1 << 31


class State(Enum):
    """The states of a connection (RFC 9293 section 3.3.2)."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


class Event(Enum):
    """The events of a connection: the labels of RFC 9293 figure 5."""

    PASSIVE_OPEN = "passive open"
    ACTIVE_OPEN = "active open"
    SYN = "receive SYN"
    SYN_AND_ACK = "receive SYN and acknowledgement of SYN"
    ACK_OF_SYN = "receive acknowledgement of SYN"
    CLOSE = "close"
    FIN = "receive FIN"
    ACK_OF_FIN = "receive acknowledgement of FIN"
    TIME_WAIT_OVER = "two maximum segment lifetimes later"


_CLOSED, _SYN_SENT = State.CLOSED, State.SYN_SENT
"""Asked for by every segment: in Python 3.11 a member of an Enum is found in 0.1 us."""

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.CLOSED, Event.PASSIVE_OPEN): State.LISTEN, (State.CLOSED, Event.ACTIVE_OPEN): State.SYN_SENT,
    (State.LISTEN, Event.SYN): State.SYN_RECEIVED,
    (State.SYN_SENT, Event.SYN): State.SYN_RECEIVED, (State.SYN_SENT, Event.SYN_AND_ACK): State.ESTABLISHED,
    (State.SYN_SENT, Event.CLOSE): State.CLOSED,
    (State.SYN_RECEIVED, Event.ACK_OF_SYN): State.ESTABLISHED, (State.SYN_RECEIVED, Event.CLOSE): State.FIN_WAIT_1,
    (State.ESTABLISHED, Event.CLOSE): State.FIN_WAIT_1, (State.ESTABLISHED, Event.FIN): State.CLOSE_WAIT,
    (State.FIN_WAIT_1, Event.ACK_OF_FIN): State.FIN_WAIT_2, (State.FIN_WAIT_1, Event.FIN): State.CLOSING,
    (State.FIN_WAIT_2, Event.FIN): State.TIME_WAIT, (State.CLOSE_WAIT, Event.CLOSE): State.LAST_ACK,
    (State.CLOSING, Event.ACK_OF_FIN): State.TIME_WAIT, (State.LAST_ACK, Event.ACK_OF_FIN): State.CLOSED,
    (State.TIME_WAIT, Event.TIME_WAIT_OVER): State.CLOSED,
}
"""RFC 9293 figure 5. Resets, aborts and giving up lead to CLOSED from everywhere and are not drawn there."""


class Connection:
    """One end of a TCP connection (RFC 9293).

    `state` moves by TRANSITIONS. `error` says why the connection broke, or is None. `at_end`: all octets of the peer
    have arrived, its FIN included. `counters` has the retransmissions, timeouts and octets acknowledged so far.
    """

    maximum_retransmissions = 15
    """Gives data and FIN up after more than ten minutes, as Linux does; RFC 9293 section 3.8.3 asks for 100 s."""

    maximum_segment_lifetime_ns = 120 * SECOND
    """The two minutes of RFC 9293 section 3.4.2. No simulated packet lives as long, yet TIME-WAIT, twice this,
    must outlast a backed-off timeout too: a peer that repeats its FIN into a closed connection is reset."""

    def __init__(
        self, local_port: int, remote_port: int, *, initial_sequence: int,
        maximum_segment_size: int = 1400, receive_window: int = 262_144,
    ) -> None:  # fmt: skip
        """A closed connection. `maximum_segment_size` and `receive_window` are in octets."""
        self.maximum_segment_size = maximum_segment_size
        self.state = State.CLOSED
        self.error: str | None = None
        self.at_end = False
        self.sender = Sender((local_port, remote_port), initial_sequence, maximum_segment_size)
        self.receiver = Receiver(receive_window, min(maximum_segment_size, receive_window // 2))
        self.counters = self.sender.counters
        self._send_scale = 0
        self._receive_scale: int | None = min(max(receive_window.bit_length() - 16, 0), _LAST_SCALE)
        self._acknowledgement_due = False

    @property
    def timer_ns(self) -> int | None:
        """The time of the next `timeout()`, or None."""
        return self.sender.timer_ns

    @property
    def is_open(self) -> bool:
        """True once the handshake is over, until the connection is; bytes may still arrive after `close()`."""
        return self.state is not _CLOSED and not self.sender.in_handshake

    # --- calls of the application (RFC 9293 section 3.10) ---------------------------------------------------

    def connect(self, now: int) -> None:
        """Open actively: send a SYN. Raises ProtocolMisuse if the connection was opened before."""
        self._open(Event.ACTIVE_OPEN, now)
        self.sender.send_first(now)

    def accept(self, syn: TCP, now: int) -> None:
        """Open passively with the SYN that arrived, as a listener does (RFC 9293 section 3.10.7.2).

        Another segment is answered with a reset, a reset not at all; the connection then stays closed. Raises
        ProtocolMisuse if the connection was opened before.
        """
        if syn.rst or syn.ack or not syn.syn:
            self.receive(syn, now)
            return
        self._open(Event.PASSIVE_OPEN, now)
        self._learn(syn)
        self._step(Event.SYN, now)
        self.sender.send_first(now)

    def write(self, data: bytes, now: int) -> None:
        """Queue `data` to be sent. Before the connection is open it waits; after an `error` it goes nowhere.

        Raises ProtocolMisuse after `close()`.
        """
        if self.error is not None:
            return
        if self.sender.closing:
            raise ProtocolMisuse(f"write of {len(data)} bytes after close(): write, then close", len(data))
        self.sender.write(data, now)

    def close(self, now: int) -> None:
        """Write no more: a FIN follows the text. Text of the peer still arrives (section 3.6).

        Where bytes wait for the handshake the close waits with them.
        """
        if self.sender.closing or self.error is not None:
            return
        self.sender.closing = True
        if self.state is not State.CLOSED and not (self.state is State.SYN_SENT and self.sender.text):
            self._step(Event.CLOSE, now)
            self.sender.send(now)

    def abort(self, now: int) -> None:
        """Reset the connection: nothing more is sent or received (section 3.10.5)."""
        if self.state is State.CLOSED:
            return
        if self.state not in (State.SYN_SENT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT):
            number = self.sender.send_highest & SEQUENCE_MASK
            self.sender.segments.append(TCP(*self.sender.ports, number, rst=True, window=0))
        self._break("aborted by this end")

    def read(self) -> bytes:
        """Return the bytes that arrived in order since the last `read()`."""
        receiver = self.receiver
        if not receiver.unread:
            return b""
        room = receiver.receive_edge - receiver.receive_next
        if room < receiver.step and self.state is not _CLOSED and not self.at_end:
            self._acknowledgement_due = True  # the peer may be waiting for the window to open
        return receiver.read()

    def take_segments(self) -> list[TCP]:
        """Return the segments to send now, in order. Each but a reset also acknowledges the octets that arrived."""
        sender, receiver = self.sender, self.receiver
        if self._acknowledgement_due and not sender.segments:
            sender.emit(sender.send_highest)
        self._acknowledgement_due = False
        segments, sender.segments = sender.segments, []
        for segment in segments:
            if not segment.rst:
                segment.ack = receiver.receive_next > 0  # the peer's SYN has come
                segment.acknowledgement = receiver.receive_next & SEQUENCE_MASK
                segment.window = receiver.announce(0 if segment.syn else self._receive_scale or 0)
            if segment.syn:
                segment.maximum_segment_size = self.maximum_segment_size
                segment.window_scale = self._receive_scale
        return segments

    # --- segments and time ----------------------------------------------------------------------------------

    def receive(self, segment: TCP, now: int) -> None:
        """Take a segment that arrived (section 3.10.7). Nonsense is ignored or answered, never an error."""
        sender = self.sender
        acknowledgement = _unfold(segment.acknowledgement, sender.send_unacknowledged)
        acknowledges = sender.send_unacknowledged < acknowledgement <= sender.send_highest
        if self.state is _CLOSED or (segment.ack and sender.in_handshake and not acknowledges):
            sender.segments += reset_for(segment)  # it belongs to no connection, or to an older one
        elif self.state is _SYN_SENT:
            self._receive_in_syn_sent(segment, acknowledgement, now)
        else:
            self._receive_in_window(segment, acknowledgement, now)
        if self.state is not _CLOSED:
            sender.send(now)

    def refused(self, sequence: int, now: int) -> None:
        """Take the word of an ICMPv6 error that nobody is on the peer's port for a reset, where it is about our SYN.

        It is a hard error (RFC 9293 section 3.9.2.2), but may be forged: an open connection does not heed it.
        """
        if self.state is State.SYN_SENT and sequence == self.sender.initial_sequence & SEQUENCE_MASK:
            self._break("refused by the peer")

    def timeout(self, now: int) -> None:
        """Do the work of `timer_ns`. A call before that time does nothing."""
        if self.timer_ns is None or now < self.timer_ns:
            return
        limit = SYN_RETRANSMISSIONS if self.sender.in_handshake else self.maximum_retransmissions
        if self.state is State.TIME_WAIT:
            self._step(Event.TIME_WAIT_OVER, now)
        elif self.sender.attempts >= limit:
            self._break(f"no answer after {limit} retransmissions")
        else:
            self.sender.expired(now)

    def _receive_in_syn_sent(self, segment: TCP, acknowledgement: int, now: int) -> None:
        """Take a segment in SYN-SENT (section 3.10.7.3), where an acknowledgement is known to be one of the SYN."""
        if segment.rst and segment.ack:
            self._break("refused by the peer")
        elif segment.syn and not segment.rst:
            self._learn(segment)
            self._step(Event.SYN_AND_ACK if segment.ack else Event.SYN, now)
            if segment.ack:
                self._acknowledgement_due = True
                self._receive_acknowledgement(segment, segment.sequence, acknowledgement, now)
            else:  # both ends opened at once (section 3.5, figure 7)
                self.sender.send_first(now)

    def _learn(self, syn: TCP) -> None:
        """Take over the peer's properties from its SYN (section 3.7.1, RFC 7323 section 2)."""
        self.receiver.receive_next = self.receiver.receive_edge = syn.sequence + 1
        self.sender.begin(syn.maximum_segment_size or DEFAULT_SEGMENT_SIZE, syn.window, syn.sequence)
        self._send_scale = min(syn.window_scale or 0, _LAST_SCALE)
        if syn.window_scale is None:
            self._receive_scale = None

    def _receive_in_window(self, segment: TCP, acknowledgement: int, now: int) -> None:
        """Take the steps of section 3.10.7.4: window, reset, SYN, acknowledgement, text and FIN."""
        receiver = self.receiver
        first = _unfold(segment.sequence, receiver.receive_next)
        acceptable = receiver.acceptable(first, len(segment.payload) + segment.syn + segment.fin)
        if segment.rst and first == receiver.receive_next:
            # After all was said and heard it is no error.
            self._break(None if self.at_end and self.sender.closing and not self.sender.text else "reset by the peer")
        elif segment.rst:
            self._acknowledgement_due |= acceptable  # a reset that may be forged: RFC 5961 section 3
        elif not acceptable or segment.syn or (segment.ack and acknowledgement > self.sender.send_highest):
            self._acknowledgement_due = True
            if self.state is State.TIME_WAIT and segment.fin:
                self.sender.timer_ns = now + 2 * self.maximum_segment_lifetime_ns
        elif segment.ack:
            self._receive_acknowledgement(segment, first, acknowledgement, now)
            if (segment.payload or segment.fin) and self.state is not _CLOSED and not self.at_end:
                self._acknowledgement_due = True
                self.at_end = receiver.take(first, segment.payload, segment.fin)
                if self.at_end:
                    self._step(Event.FIN, now)

    def _receive_acknowledgement(self, segment: TCP, first: int, acknowledgement: int, now: int) -> None:
        """Take the fifth step. News may be that the peer has the SYN or the FIN."""
        sender, opens = self.sender, self.sender.in_handshake
        window = segment.window << (0 if segment.syn else self._send_scale)
        sender.hear(acknowledgement, window, first, not (segment.payload or segment.fin), now)
        if opens and self.state is State.SYN_RECEIVED:
            self._step(Event.ACK_OF_SYN, now)
        if opens and self.state is State.ESTABLISHED and sender.closing:
            self._step(Event.CLOSE, now)
        if acknowledgement > sender.end_of_data and (self.state, Event.ACK_OF_FIN) in TRANSITIONS:
            self._step(Event.ACK_OF_FIN, now)

    # --- small steps ----------------------------------------------------------------------------------------

    def _open(self, event: Event, now: int) -> None:
        if self.sender.send_highest != self.sender.initial_sequence:
            raise ProtocolMisuse(f"port {self.sender.ports[0]}: opened before; make a new connection", self.state.value)
        self._step(event, now)

    def _step(self, event: Event, now: int) -> None:
        self.state = TRANSITIONS[self.state, event]
        if self.state is State.TIME_WAIT:
            self.sender.timer_ns = now + 2 * self.maximum_segment_lifetime_ns
        elif self.state is State.CLOSED:
            self._break(None)

    def _break(self, error: str | None) -> None:
        """Forget the connection; octets that were not read yet stay."""
        self.state, self.error = State.CLOSED, error
        self.sender.timer_ns = None
        self.sender.text.clear()
        self._acknowledgement_due = False


def _unfold(sequence: int, near: int) -> int:
    """Return the number nearest to `near` whose last 32 bits are those of `sequence` (section 3.4)."""
    return near + ((sequence - near + _HALF) & SEQUENCE_MASK) - _HALF
