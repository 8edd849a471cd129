"""TCP: one end of a connection, told what happened and when (RFC 9293).

Stands under the host, which finds the connection of an arriving segment and calls `timeout()` at
`timer_ns`. After every call that has `now` it should `read()`, then put what `take_segments()` gives into
packets, in this order: what is read makes room in the window that the segments announce. Takes segments,
bytes to send and the time; gives segments, bytes that arrived in order, and the time of the next call. It
reads no clock and sends nothing. All times are integer nanoseconds.

The connection itself is the handshake, the states and the checks of what arrives; its two halves are `sender`
(`node.tcp_send`) and `receiver` (`node.tcp_receive`). Names are those of RFC 9293 in full: SND.UNA is
`send_unacknowledged`. Sequence numbers count on past 2**32 and are cut to 32 bits in a segment only, so that
"before" is `<`.

Not a usual host's way: every segment with text is acknowledged at once, where RFC 5681 section 4.2 advises
every second one. Left out: selective acknowledgement, timestamps, urgent data, keep-alive, Nagle's algorithm,
text on a SYN (the peer sends it again).
"""

from __future__ import annotations

from enum import Enum

from mipflow.errors import ProtocolMisuse
from mipflow.node.congestion import SECOND, NewReno, RetransmissionTimer
from mipflow.node.tcp_receive import Receiver
from mipflow.node.tcp_send import Counters, Piece, Sender
from mipflow.wire.packet import TCP

DEFAULT_SEGMENT_SIZE = 1220
"""Octets that a peer over IPv6 takes if its SYN does not say (RFC 9293 section 3.7.1)."""

SYN_RETRANSMISSIONS = 7
"""Gives a SYN up 183 s after it was first sent; RFC 9293 section 3.8.3 asks for at least three minutes."""

DATA_RETRANSMISSIONS = 15
"""Gives data and FIN up after more than ten minutes, as Linux does; the same section asks for 100 s."""

MAXIMUM_SEGMENT_LIFETIME_NS = 120 * SECOND
"""The two minutes of RFC 9293 section 3.4.2. No simulated packet lives as long, yet TIME-WAIT, twice this,
must outlast a backed-off timeout too: a peer that repeats its FIN into a closed connection is reset."""

_MASK = (1 << 32) - 1
_HALF = 1 << 31
_LAST_SCALE = 14  # RFC 7323 section 2.3


class State(Enum):
    """Where a connection is (RFC 9293 section 3.3.2)."""

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
    """What moves a connection on: the labels of RFC 9293 figure 5."""

    PASSIVE_OPEN = "passive open"
    ACTIVE_OPEN = "active open"
    SYN = "receive SYN"
    SYN_AND_ACK = "receive SYN and acknowledgement of SYN"
    ACK_OF_SYN = "receive acknowledgement of SYN"
    CLOSE = "close"
    FIN = "receive FIN"
    ACK_OF_FIN = "receive acknowledgement of FIN"
    TIME_WAIT_OVER = "two maximum segment lifetimes later"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.CLOSED, Event.PASSIVE_OPEN): State.LISTEN,
    (State.CLOSED, Event.ACTIVE_OPEN): State.SYN_SENT,
    (State.LISTEN, Event.SYN): State.SYN_RECEIVED,
    (State.SYN_SENT, Event.SYN): State.SYN_RECEIVED,
    (State.SYN_SENT, Event.SYN_AND_ACK): State.ESTABLISHED,
    (State.SYN_SENT, Event.CLOSE): State.CLOSED,
    (State.SYN_RECEIVED, Event.ACK_OF_SYN): State.ESTABLISHED,
    (State.SYN_RECEIVED, Event.CLOSE): State.FIN_WAIT_1,
    (State.ESTABLISHED, Event.CLOSE): State.FIN_WAIT_1,
    (State.ESTABLISHED, Event.FIN): State.CLOSE_WAIT,
    (State.FIN_WAIT_1, Event.ACK_OF_FIN): State.FIN_WAIT_2,
    (State.FIN_WAIT_1, Event.FIN): State.CLOSING,
    (State.FIN_WAIT_2, Event.FIN): State.TIME_WAIT,
    (State.CLOSE_WAIT, Event.CLOSE): State.LAST_ACK,
    (State.CLOSING, Event.ACK_OF_FIN): State.TIME_WAIT,
    (State.LAST_ACK, Event.ACK_OF_FIN): State.CLOSED,
    (State.TIME_WAIT, Event.TIME_WAIT_OVER): State.CLOSED,
}
"""RFC 9293 figure 5. Resets, aborts and giving up lead to CLOSED from everywhere and are not drawn there."""


class Connection:
    """One end of a TCP connection (RFC 9293).

    `state` moves by TRANSITIONS. `error` says why the connection broke, or is None.
    """

    def __init__(
        self,
        local_port: int,
        remote_port: int,
        *,
        initial_sequence: int,
        maximum_segment_size: int = 1400,
        receive_window: int = 262_144,
        minimum_timeout_ns: int = SECOND,
        maximum_segment_lifetime_ns: int = MAXIMUM_SEGMENT_LIFETIME_NS,
        maximum_retransmissions: int = DATA_RETRANSMISSIONS,
    ) -> None:
        """A closed connection. `maximum_segment_size` and `receive_window` are in octets.

        `minimum_timeout_ns` is the least retransmission timeout (RFC 6298 (2.4): one second). After
        `maximum_retransmissions` without an answer the connection is given up.
        """
        self.local_port = local_port
        self.remote_port = remote_port
        self.maximum_segment_size = maximum_segment_size
        self.maximum_segment_lifetime_ns = maximum_segment_lifetime_ns
        self.maximum_retransmissions = maximum_retransmissions
        self.state = State.CLOSED
        self.error: str | None = None
        self.sender = Sender(initial_sequence, maximum_segment_size, minimum_timeout_ns)
        self.receiver = Receiver(receive_window, maximum_segment_size)
        self._send_scale = 0
        self._receive_scale: int | None = min(max(receive_window.bit_length() - 16, 0), _LAST_SCALE)
        self._time_wait_ns: int | None = None
        self._acknowledgement_due = False
        self._resets: list[TCP] = []

    @property
    def timer_ns(self) -> int | None:
        """When `timeout()` wants to be called, or None. The sender's timer never runs in TIME-WAIT."""
        return self.sender.timer_ns if self._time_wait_ns is None else self._time_wait_ns

    @property
    def is_open(self) -> bool:
        """Whether the handshake is over and the connection is not; bytes may still arrive after `close()`."""
        return self.state is not State.CLOSED and not self.sender.in_handshake

    @property
    def at_end(self) -> bool:
        """Whether all that the peer wrote has arrived, its FIN included."""
        return self.receiver.at_end

    @property
    def counters(self) -> Counters:
        """Retransmissions, timeouts and octets acknowledged so far."""
        return self.sender.counters

    @property
    def congestion(self) -> NewReno:
        """The congestion window, to be looked at."""
        return self.sender.congestion

    @property
    def retransmission_timer(self) -> RetransmissionTimer:
        """The round-trip time and the timeout, to be looked at."""
        return self.sender.retransmission_timer

    # --- what the application asks for (RFC 9293 section 3.10) ----------------------------------------------

    def connect(self, now: int) -> None:
        """Open actively: send a SYN. Raises ProtocolMisuse if the connection was opened before."""
        self._check_unused()
        self._step(Event.ACTIVE_OPEN, now)
        self.sender.send_first(now)

    def accept(self, syn: TCP, now: int) -> None:
        """Open passively with the SYN that arrived, as a listener does (RFC 9293 section 3.10.7.2).

        Another segment is answered with a reset, a reset not at all; the connection then stays closed. Raises
        ProtocolMisuse if the connection was opened before.
        """
        self._check_unused()
        if syn.rst or syn.ack or not syn.syn:
            self._resets += reset_for(syn)
            return
        self._step(Event.PASSIVE_OPEN, now)
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
        self.sender.write(data)
        self._send(now)

    def close(self, now: int) -> None:
        """Write no more: a FIN follows what was written. What the peer sends still arrives (section 3.6).

        Where bytes wait for the handshake the close waits with them.
        """
        if self.sender.closing or self.error is not None:
            return
        self.sender.closing = True
        waits = self.state is State.SYN_SENT and self.sender.unacknowledged_octets
        if self.state is not State.CLOSED and not waits:
            self._step(Event.CLOSE, now)
            self._send(now)

    def abort(self, now: int) -> None:
        """Reset the connection: nothing more is sent or received (section 3.10.5)."""
        quiet = (State.SYN_SENT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT)
        if self.state is not State.CLOSED:
            self._break("aborted by this end", reset=self.state not in quiet)

    def read(self) -> bytes:
        """The bytes that arrived in order since the last `read()`."""
        data = self.receiver.read()
        if data and self.receiver.nearly_closed and self.state is not State.CLOSED and not self.at_end:
            self._acknowledgement_due = True  # the peer may be waiting for the window to open
        return data

    def take_segments(self) -> list[TCP]:
        """The segments to send now, in order."""
        pieces = self.sender.take()
        if self._acknowledgement_due and not pieces:
            pieces.append(Piece(self.sender.send_highest))
        self._acknowledgement_due = False
        resets, self._resets = self._resets, []
        return resets + [self._segment(piece) for piece in pieces]

    # --- what the network and the clock bring ---------------------------------------------------------------

    def receive(self, segment: TCP, now: int) -> None:
        """Take a segment that arrived (section 3.10.7). Nonsense is ignored or answered, never an error."""
        if self.state is State.CLOSED:
            self._resets += reset_for(segment)
        elif self.state is State.SYN_SENT:
            self._receive_in_syn_sent(segment, now)
        else:
            first = _unfold(segment.sequence, self.receiver.receive_next)
            if self._passes(segment, first, now) and self._receive_acknowledgement(segment, first, now):
                self._receive_text(segment, first, now)
        self._send(now)

    def timeout(self, now: int) -> None:
        """The time `timer_ns` has come. A call before it does nothing."""
        if self.timer_ns is None or now < self.timer_ns:
            return
        limit = self.maximum_retransmissions
        if self.sender.in_handshake:
            limit = min(limit, SYN_RETRANSMISSIONS)
        if self.state is State.TIME_WAIT:
            self._step(Event.TIME_WAIT_OVER, now)
        elif self.sender.attempts >= limit:
            self._break(f"no answer after {limit} retransmissions")
        else:
            self.sender.expired(now)

    def _receive_in_syn_sent(self, segment: TCP, now: int) -> None:
        """RFC 9293 section 3.10.7.3."""
        acknowledgement = _unfold(segment.acknowledgement, self.sender.send_unacknowledged)
        acknowledged = self.sender.send_unacknowledged < acknowledgement <= self.sender.send_highest
        if segment.ack and not acknowledged:
            self._resets += reset_for(segment)
        elif segment.rst:
            if segment.ack:
                self._break("refused by the peer")
        elif segment.syn:
            self._learn(segment)
            if segment.ack:
                self._step(Event.SYN_AND_ACK, now)
                self._acknowledgement_due = True
                self._advance(acknowledgement, now)
            else:  # both ends opened at once (section 3.5, figure 7)
                self._step(Event.SYN, now)
                self.sender.send_first(now)

    def _learn(self, syn: TCP) -> None:
        """Take over what a SYN says about the peer (section 3.7.1, RFC 7323 section 2)."""
        self.receiver.begin(syn.sequence)
        peer_takes = syn.maximum_segment_size or DEFAULT_SEGMENT_SIZE
        self.sender.begin(peer_takes, syn.window, (syn.sequence, self.sender.send_unacknowledged))
        if syn.window_scale is None:
            self._receive_scale = None
        else:
            self._send_scale = min(syn.window_scale, _LAST_SCALE)

    def _passes(self, segment: TCP, first: int, now: int) -> bool:
        """The first steps of section 3.10.7.4: in the window, no reset, no SYN, with an acknowledgement."""
        length = len(segment.payload) + segment.syn + segment.fin
        acceptable = self.receiver.acceptable(first, length)
        if segment.rst and acceptable and first == self.receiver.receive_next:
            finished = self.state in (State.CLOSING, State.LAST_ACK, State.TIME_WAIT)
            self._break(None if finished and not self.sender.unacknowledged_octets else "reset by the peer")
        elif segment.rst:
            self._acknowledgement_due |= acceptable  # a reset that may be forged: RFC 5961 section 3
        elif not acceptable or segment.syn:
            self._acknowledgement_due = True
            if self.state is State.TIME_WAIT and segment.fin:
                self._time_wait_ns = now + 2 * self.maximum_segment_lifetime_ns
        else:
            return segment.ack
        return False

    def _receive_acknowledgement(self, segment: TCP, first: int, now: int) -> bool:
        """The fifth step of section 3.10.7.4; False if the rest of the segment is to be ignored."""
        sender = self.sender
        acknowledgement = _unfold(segment.acknowledgement, sender.send_unacknowledged)
        if acknowledgement > sender.send_highest:
            self._acknowledgement_due = True  # of something never sent
            return False
        if sender.in_handshake and acknowledgement <= sender.send_unacknowledged:
            self._resets += reset_for(segment)
            return False
        if acknowledgement < sender.send_unacknowledged:
            return True
        window = segment.window << self._send_scale
        bare = not segment.payload and not segment.fin
        if acknowledgement > sender.send_unacknowledged:
            self._advance(acknowledgement, now)
        elif bare and window == sender.send_window and not sender.all_acknowledged:
            sender.repeated(now)
        sender.hear_window(window, (first, acknowledgement))
        return self.state is not State.CLOSED

    def _advance(self, acknowledgement: int, now: int) -> None:
        """The peer acknowledged something new, which may be the SYN or the FIN."""
        opened = self.sender.in_handshake
        self.sender.acknowledged(acknowledgement, now)
        if opened and self.state is State.SYN_RECEIVED:
            self._step(Event.ACK_OF_SYN, now)
        if opened and self.state is State.ESTABLISHED and self.sender.closing:
            self._step(Event.CLOSE, now)
        if self.sender.fin_acknowledged:
            self._step(Event.ACK_OF_FIN, now)

    def _receive_text(self, segment: TCP, first: int, now: int) -> None:
        """The seventh and eighth step of section 3.10.7.4: text and FIN, each acknowledged at once."""
        if self.at_end or not (segment.payload or segment.fin):
            return
        self._acknowledgement_due = True
        if self.receiver.take(first, segment.payload, segment.fin):
            self._step(Event.FIN, now)

    # --- small steps ----------------------------------------------------------------------------------------

    def _send(self, now: int) -> None:
        if self.state is not State.CLOSED and not self.sender.in_handshake:
            self.sender.send(now)

    def _segment(self, piece: Piece) -> TCP:
        """A segment with `piece` in it, which also acknowledges what arrived."""
        ack = self.receiver.synchronised
        window = self.receiver.announce() >> (0 if piece.syn else self._receive_scale or 0)
        return TCP(
            self.local_port,
            self.remote_port,
            piece.sequence & _MASK,
            self.receiver.receive_next & _MASK if ack else 0,
            piece.syn,
            ack,
            piece.fin,
            piece.reset,
            piece.push,
            min(window, 65535),
            self.maximum_segment_size if piece.syn else None,
            self._receive_scale if piece.syn else None,
            piece.text,
        )

    def _step(self, event: Event, now: int) -> None:
        self.state = TRANSITIONS[self.state, event]
        if self.state is State.TIME_WAIT:
            self._time_wait_ns = now + 2 * self.maximum_segment_lifetime_ns
        elif self.state is State.CLOSED:
            self._break(None)

    def _break(self, error: str | None, *, reset: bool = False) -> None:
        """Forget the connection; what was not read yet stays."""
        self.state = State.CLOSED
        self.error = error
        self.sender.stop(reset=reset)
        self.receiver.reassembly.pieces.clear()
        self._time_wait_ns = None
        self._acknowledgement_due = False

    def _check_unused(self) -> None:
        if self.state is not State.CLOSED or not self.sender.unused or self.error is not None:
            message = f"port {self.local_port}: this connection was opened before; make a new one"
            raise ProtocolMisuse(message, self.state.value)


def reset_for(segment: TCP) -> list[TCP]:
    """What answers a segment of no connection: a reset, or nothing to a reset (section 3.10.7.1)."""
    if segment.rst:
        return []
    ports = segment.destination_port, segment.source_port
    if segment.ack:
        return [TCP(*ports, segment.acknowledgement, rst=True, window=0)]
    end = segment.sequence + len(segment.payload) + segment.syn + segment.fin
    return [TCP(*ports, 0, end & _MASK, rst=True, ack=True, window=0)]


def _unfold(sequence: int, near: int) -> int:
    """The number nearest to `near` whose last 32 bits are those of `sequence` (section 3.4)."""
    return near + ((sequence - near + _HALF) & _MASK) - _HALF
