"""Recorded traffic: one flow of a capture, replayed between two hosts in both directions.

Stands beside the other applications. Takes a script of plain values, which `lab.recording` reads from a capture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mipflow.errors import ProtocolMisuse
from mipflow.node.application import Ends, Running
from mipflow.sim.clock import seconds
from mipflow.wire.icmpv6 import EchoRequest

if TYPE_CHECKING:
    from mipflow.node.sockets import TcpSocket

End = Literal["", "close", "reset"]


@dataclass(slots=True, frozen=True)
class Datagram:
    """A UDP datagram or an echo request: `at_ns` after the script's time zero, `octets` of payload.

    `upward`: from the near end to the far one. `sequence` is an echo request's own.
    """

    at_ns: int
    upward: bool
    octets: int
    sequence: int = 0


@dataclass(slots=True, frozen=True)
class Write:
    """What one end of a TCP connection does at one go: it writes, or ends.

    It waits until `heard` octets of the other end have arrived, and `pause_ns` longer. `data` is the start of what it
    writes; zeros follow, up to `octets`. `end` is "close" for a FIN and "reset" for a RST, which write nothing.
    """

    upward: bool
    heard: int
    pause_ns: int
    octets: int = 0
    data: bytes = b""
    end: End = ""

    @property
    def content(self) -> bytes:
        """All octets of it."""
        return self.data + bytes(self.octets - len(self.data))


@dataclass(slots=True, frozen=True)
class Recorded:
    """One flow of a capture, both ways.

    script: its `Datagram`s in the order of their times, or the `Write`s of a TCP connection, those of each end in order;
    opens_ns: when a TCP connection opens, after the script's time zero; refused: the far end refuses it;
    start_s: the script's time zero, in seconds after its home address was bound; None waits for `begin()` of what
    `start` gives. The near end opens every connection. An echo request is answered by the node that it reaches.
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
    """A recorded flow under way. It is complete once all was sent and, over TCP, all has arrived as it was written."""

    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends)
        self.recorded = recorded
        self._has_begun = False

    def begin(self, zero_ns: int) -> None:
        """Let the script's time zero be `zero_ns` nanoseconds. Raises ProtocolMisuse where it has begun or that is past."""
        if self._has_begun or zero_ns < self.ends.clock.now:
            why = "has begun already" if self._has_begun else "cannot begin in the past"
            raise ProtocolMisuse(f"flow {self.ends.flow} {why}; begin() once, now or later", zero_ns)
        self._has_begun = True
        self._begin(zero_ns)

    def _begin(self, zero_ns: int) -> None:
        raise NotImplementedError

    def _near(self) -> tuple[Address, int]:
        """Address and port that the far end sees."""
        return self.ends.near.address_of_flow(self.ends.flow), self.ends.near_port

    def stop(self) -> None:
        """Stop sending and close this flow's own sockets; others on the same ports go on."""
        self.is_stopped = True
        ends = self.ends
        ends.near.close_port(ends.near_port, (ends.far.address, ends.far_port))
        if self._has_begun:
            ends.far.close_port(ends.far_port, self._near())


class _Datagrams(RecordedRunning):
    """UDP and echo: each packet at its time."""

    def _begin(self, zero_ns: int) -> None:
        ends, script = self.ends, self.recorded.script
        up, down = self._echo() if self.recorded.protocol == "ICMPv6" else self._udp()
        steps: Iterator[Datagram] = iter(script)  # type: ignore[arg-type]  # start() has looked

        def follow() -> None:
            """Wait for the next one."""
            step = next(steps, None)
            if step is None:
                self.is_complete = True
                return
            self.at(max(zero_ns + step.at_ns, ends.clock.now), lambda: act(step))

        def act(step: Datagram) -> None:
            (up if step.upward else down)(step)
            follow()

        follow()

    def _udp(self) -> tuple[Callable[[Datagram], None], Callable[[Datagram], None]]:
        ends = self.ends
        near = ends.near.udp(ends.near_port, (ends.far.address, ends.far_port), ends.flow)
        far = ends.far.udp(ends.far_port, self._near(), ends.flow, upward=False)
        near.on_datagram = far.on_datagram = self._received
        return (lambda step: near.send(self._zeros(step.octets))), (lambda step: far.send(self._zeros(step.octets)))

    def _echo(self) -> tuple[Callable[[Datagram], None], Callable[[Datagram], None]]:
        ends, identifier = self.ends, self.ends.near_port & 0xFFFF
        near_address = self._near()[0]
        near = ends.near.echo(identifier, ends.far.address, ends.flow)
        far = ends.far.echo(identifier, near_address, ends.flow)
        near.on_reply = far.on_reply = lambda sequence, data: self._received(data)

        def ask_downward(step: Datagram) -> None:
            request = EchoRequest(identifier, step.sequence & 0xFFFF, self._zeros(step.octets))
            ends.far.transmit(request, None, near_address, ends.flow, upward=False)

        return (lambda step: near.send(step.sequence, self._zeros(step.octets))), ask_downward

    def _received(self, data: bytes) -> None:
        self.received_bytes += len(data)

    @staticmethod
    def _zeros(octets: int) -> bytes:
        # A payload that is the same value again lets a socket send one datagram value again.
        zeros = _ZEROS.get(octets)
        if zeros is None:
            zeros = _ZEROS[octets] = bytes(octets)
        return zeros


_ZEROS: dict[int, bytes] = {}


class _Connection(RecordedRunning):
    """TCP: what each end wrote, when it had heard what it had heard then."""

    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends, recorded)
        script: Sequence[Write] = recorded.script  # type: ignore[assignment]  # start() has looked
        self._sides = {
            upward: _Side(self, [step for step in script if step.upward is upward]) for upward in (True, False)
        }

    def _begin(self, zero_ns: int) -> None:
        ends = self.ends
        if not self.recorded.refused:
            ends.far.tcp_listen(ends.far_port, self._sides[False].take, self._near())

        def connect() -> None:
            self._sides[True].take(ends.near.tcp_connect(ends.near_port, (ends.far.address, ends.far_port), ends.flow))

        self.at(zero_ns + self.recorded.opens_ns, connect)

    def arrived(self, side: _Side, piece: bytes) -> None:
        """`piece` has arrived at a side of the connection."""
        other = self._sides[not side.upward]
        self.is_correct &= other.expected.takes(piece)
        self.received_bytes += len(piece)
        side.received += len(piece)
        side.proceed()
        other.proceed()  # its reset may have waited for this

    def all_arrived(self) -> bool:
        """Whether each side has received all that the other writes."""
        return all(side.received >= self._sides[not side.upward].octets for side in self._sides.values())

    def done(self) -> None:
        """A side has done something or heard something: is this the end?"""
        finished = all(side.is_finished for side in self._sides.values())
        self.is_complete = finished and self.is_correct and self.all_arrived()


class _Expected:
    """Compares what arrives with what is written, in order, without a second copy of it."""

    def __init__(self, steps: Sequence[Write]) -> None:
        self._pieces = (step.content for step in steps if step.octets)
        self._rest = b""

    def takes(self, piece: bytes) -> bool:
        """Whether `piece` is what comes next."""
        while len(self._rest) < len(piece):
            following = next(self._pieces, None)
            if following is None:
                return False
            self._rest += following
        same = self._rest.startswith(piece)
        self._rest = self._rest[len(piece) :]
        return same
