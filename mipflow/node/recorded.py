"""Recorded traffic: one flow of a capture, replayed between two hosts in both directions.

Stands beside the other applications. Takes a script of plain values, such as `lab.recording` reads from a capture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from mipflow.errors import ProtocolMisuse
from mipflow.node.application import Ends, Running
from mipflow.sim.clock import seconds
from mipflow.wire.icmpv6 import EchoRequest

if TYPE_CHECKING:
    from mipflow.node.host import Remote
    from mipflow.node.sockets import TcpSocket


@dataclass(slots=True, frozen=True)
class Datagram:
    """A UDP datagram or an echo request with `octets` of payload, `at_ns` after the script's time zero.

    `upward`: from the near end to the far one. `sequence` is the number of an echo request.
    """

    at_ns: int
    upward: bool
    octets: int
    sequence: int = 0


@dataclass(slots=True, frozen=True)
class Write:
    """What one end of a TCP connection does at one go: it writes, or it ends.

    It waits until `heard` octets of the other end have arrived, its FIN counting as one, and `pause_ns` longer.
    `data` is the start of what is written; zeros follow, up to `octets`. `end` "close" sends a FIN. "reset" sends a
    RST, which waits until all that both ends write has arrived: a reset would destroy what is under way.
    """

    upward: bool
    heard: int
    pause_ns: int
    octets: int = 0
    data: bytes = b""
    end: Literal["", "close", "reset"] = ""

    def __post_init__(self) -> None:
        if len(self.data) > self.octets:
            raise ProtocolMisuse(f"{len(self.data)} octets of data in a write of {self.octets}; expected no more", self)

    @property
    def content(self) -> bytes:
        """All octets that are written."""
        return self.data + bytes(self.octets - len(self.data))


@dataclass(slots=True, frozen=True)
class Recorded:
    """One flow of a capture, both ways.

    script: `Datagram`s in the order of their times, or the `Write`s of a TCP connection, those of each end in order;
    opens_ns: when a TCP connection opens, after the script's time zero; refused: the far end refuses it;
    start_s: the script's time zero, in seconds after the home address was bound; None waits for `begin()` of what
    `start` gives. The near end opens the connection. An echo request is answered by the node that it reaches.
    """

    protocol: Literal["UDP", "TCP", "ICMPv6"]
    script: Sequence[Datagram] | Sequence[Write]
    port: int = 9
    name: str = "recorded"
    opens_ns: int = 0
    refused: bool = False
    start_s: float | None = 0.0

    def start(self, ends: Ends) -> RecordedRunning:
        """Set it going. Raises ProtocolMisuse for a script of another protocol."""
        kind = Write if self.protocol == "TCP" else Datagram
        for step in self.script:
            if not isinstance(step, kind):
                raise ProtocolMisuse(f"{step} in a script of {self.protocol}; expected {kind.__name__} values", step)
        running = _Connection(ends, self) if self.protocol == "TCP" else _Datagrams(ends, self)
        start_s = self.start_s
        if start_s is not None:
            ends.near.when_ready(ends.flow, lambda: running.begin(ends.clock.now + seconds(start_s)))
        return running


class RecordedRunning(Running):
    """A recorded flow under way. It is complete once all was sent and, over TCP, has arrived as it was written."""

    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends)
        self.recorded = recorded
        self._far_port = ends.far_port
        self._heard_from: Remote | None = None

    @property
    def near(self) -> Remote:
        """Address and port of the near end as the far end sees them."""
        return self.ends.near.address_of_flow(self.ends.flow), self.ends.near_port

    def begin(self, zero_ns: int) -> None:
        """Let the script's time zero be `zero_ns` nanoseconds.

        Raises ProtocolMisuse for a past time, or for a second call.
        """
        if self._heard_from is not None or zero_ns < self.ends.clock.now:
            why = "cannot begin in the past" if self._heard_from is None else "has begun already"
            raise ProtocolMisuse(f"flow {self.ends.flow} {why}; call begin() once, for now or later", zero_ns)
        self._heard_from = self.near
        self._begin(zero_ns)

    def _begin(self, zero_ns: int) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Stop sending and close the sockets of this flow; other flows may use the same ports."""
        self.is_stopped = True
        ends = self.ends
        ends.near.close_port(ends.near_port, (ends.far.address, ends.far_port))
        if self._heard_from is not None:
            ends.far.close_port(self._far_port, self._heard_from)


# --- UDP and echo: each packet at its time ---------------------------------------------------------------------------

_zeros: dict[int, bytes] = {}
"""Payloads by their size: a socket that is given the same value again sends the same datagram value again."""


def _payload(octets: int) -> bytes:
    zeros = _zeros.get(octets)
    if zeros is None:
        zeros = _zeros[octets] = bytes(octets)
    return zeros


class _Datagrams(RecordedRunning):
    def _begin(self, zero_ns: int) -> None:
        up, down = self._echo() if self.recorded.protocol == "ICMPv6" else self._udp()
        steps: Iterator[Datagram] = iter(cast("Sequence[Datagram]", self.recorded.script))

        def follow() -> None:
            step = next(steps, None)
            if step is None:
                self.is_complete = True
            else:
                self.at(max(zero_ns + step.at_ns, self.ends.clock.now), partial(act, step))

        def act(step: Datagram) -> None:
            (up if step.upward else down)(step)
            follow()

        follow()

    def _udp(self) -> tuple[Callable[[Datagram], None], Callable[[Datagram], None]]:
        ends = self.ends
        near = ends.near.udp(ends.near_port, (ends.far.address, ends.far_port), ends.flow)
        far = ends.far.udp(ends.far_port, self.near, ends.flow, upward=False)
        near.on_datagram = far.on_datagram = self._received
        return (lambda step: near.send(_payload(step.octets))), (lambda step: far.send(_payload(step.octets)))

    def _echo(self) -> tuple[Callable[[Datagram], None], Callable[[Datagram], None]]:
        ends = self.ends
        identifier = self._far_port = ends.near_port & 0xFFFF
        address, _ = self.near
        assert address is not None
        near = ends.near.echo(identifier, ends.far.address, ends.flow)
        far = ends.far.echo(identifier, address, ends.flow)
        near.on_reply = far.on_reply = lambda sequence, data: self._received(data)

        def ask(step: Datagram) -> None:
            request = EchoRequest(identifier, step.sequence & 0xFFFF, _payload(step.octets))
            ends.far.transmit(request, None, address, -ends.flow)

        return (lambda step: near.send(step.sequence, _payload(step.octets))), ask

    def _received(self, data: bytes) -> None:
        self.received_bytes += len(data)


# --- TCP: what each end wrote, once it had heard what it had heard then ----------------------------------------------


class _Connection(RecordedRunning):
    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends, recorded)
        script = cast("Sequence[Write]", recorded.script)
        self._up = _Side(self, [step for step in script if step.upward])
        self._down = _Side(self, [step for step in script if not step.upward])

    def _begin(self, zero_ns: int) -> None:
        ends = self.ends
        if not self.recorded.refused:
            ends.far.tcp_listen(ends.far_port, self._down.take, self.near)

        def connect() -> None:
            self._up.take(ends.near.tcp_connect(ends.near_port, (ends.far.address, ends.far_port), ends.flow))
            self.is_complete = self.recorded.refused

        self.at(zero_ns + self.recorded.opens_ns, connect)

    def arrived(self, side: _Side, piece: bytes) -> None:
        """`piece` has arrived at one end."""
        other = self._down if side is self._up else self._up
        self.is_correct &= other.wrote(piece)
        self.received_bytes += len(piece)
        side.received += len(piece)
        side.proceed()
        other.proceed()  # its reset may have waited for this
        self.look_for_the_end()

    def all_arrived(self) -> bool:
        """Whether each end has received all that the other writes."""
        return self._up.received == self._down.octets and self._down.received == self._up.octets

    def look_for_the_end(self) -> None:
        """Something has happened: was it the last thing?"""
        self.is_complete = self.is_correct and self.all_arrived() and self._up.is_done and self._down.is_done


class _Side:
    """One end of the connection: takes its steps one by one, each as soon as it may."""

    def __init__(self, connection: _Connection, steps: Sequence[Write]) -> None:
        self.octets = sum(step.octets for step in steps)
        self.received = 0
        self._has_heard_the_end = False
        self._connection = connection
        self._steps = steps
        self._taken = 0
        self._is_pausing = False
        self._socket: TcpSocket | None = None
        self._is_open = False
        self._unchecked = (step.content for step in steps if step.octets)
        self._piece, self._offset = b"", 0

    @property
    def is_done(self) -> bool:
        """Whether all steps are taken."""
        return self._taken == len(self._steps)

    def take(self, socket: TcpSocket) -> None:
        """Use this socket, which is not open yet."""
        self._socket = socket
        socket.on_open = self._opened
        socket.on_data = partial(self._connection.arrived, self)
        socket.on_end = self._ended

    def _opened(self) -> None:
        self._is_open = True
        self.proceed()
        self._connection.look_for_the_end()

    def _ended(self) -> None:
        self._has_heard_the_end = True
        self.proceed()

    def proceed(self) -> None:
        """Begin the pause before the next step, if what it waits for has happened."""
        if self._is_pausing or self.is_done or not self._is_open:
            return
        step = self._steps[self._taken]
        if self.received + self._has_heard_the_end < step.heard:
            return
        if step.end == "reset" and not self._connection.all_arrived():
            return
        self._is_pausing = True
        self._connection.at(self._connection.ends.clock.now + step.pause_ns, self._act)

    def _act(self) -> None:
        socket, step = self._socket, self._steps[self._taken]
        assert socket is not None
        self._taken += 1
        self._is_pausing = False
        if step.octets:
            socket.write(step.content)
        if step.end == "close":
            socket.close()
        elif step.end == "reset":
            socket.abort()
        self.proceed()
        self._connection.look_for_the_end()

    def wrote(self, piece: bytes) -> bool:
        """Whether `piece`, which arrived at the other end, is what comes next of what this end writes."""
        start = 0
        while start < len(piece):
            if self._offset == len(self._piece):
                self._piece, self._offset = next(self._unchecked, b""), 0
                if not self._piece:
                    return False
            count = min(len(piece) - start, len(self._piece) - self._offset)
            if piece[start : start + count] != self._piece[self._offset : self._offset + count]:
                return False
            start += count
            self._offset += count
        return True
