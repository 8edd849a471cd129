"""Recorded traffic: one flow of a capture, replayed between two hosts in both directions.

Takes a script of plain values, such as `lab.replay.recording` reads from a capture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Literal, cast, get_args

from mipflow.arguments import FLAG, PORT, SECONDS, TEXT, YEAR_S, Checked, instance, one_of, optional, whole
from mipflow.errors import ProtocolMisuse, shown
from mipflow.node.applications.application import Ends, Running
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.sim.clock import seconds
from mipflow.wire.address import Address

End = Literal["", "close", "reset"]
MOST_DATAGRAM = 65_535 - 8
"""Octets of payload of the largest UDP datagram; segmentation offload makes larger ones."""
SPAN_NS = whole(0, YEAR_S * 10**9, "nanoseconds")
OCTETS = whole(0, 2**40, "octets")


@dataclass(slots=True, frozen=True)
class Datagram(Checked):
    """A UDP datagram or an echo request with `octets` of payload, `at_ns` after the script's time zero.

    `upward`: from the near end to the far one. `sequence` is the number of an echo request.
    """

    at_ns: Annotated[int, SPAN_NS]
    upward: Annotated[bool, FLAG]
    octets: Annotated[int, whole(0, MOST_DATAGRAM, "octets")]
    sequence: Annotated[int, whole(0, 65535)] = 0


@dataclass(slots=True, frozen=True)
class Write(Checked):
    """One act of an end of a TCP connection: it writes, or it ends.

    It waits until `heard` octets of the other end have arrived, its FIN counting as one, and `pause_ns` longer. `end`
    "close" sends a FIN. "reset" sends a RST, and waits until all else is done, because it destroys octets under way.
    """

    upward: Annotated[bool, FLAG]
    heard: Annotated[int, OCTETS]
    pause_ns: Annotated[int, SPAN_NS]
    data: Annotated[bytes, instance(bytes, "octets")] = b""
    end: Annotated[End, one_of(*get_args(End))] = ""


@dataclass(slots=True, frozen=True)
class Recorded(Checked):
    """One flow of a capture, both ways.

    script: `Datagram`s in the order of their times, or the `Write`s of a TCP connection, those of each end in order;
    opens_ns: when a TCP connection opens, after the script's time zero; ends_ns: until when its flow lasts, however
    silent it is; start_s: the script's time zero, in seconds after the home address was bound; None waits for
    `RecordedRunning.begin`; zeros: how many octets of the `Write`s are zeros because the capture lacks them. The near
    end opens the connection. The node that an echo request reaches answers it.
    """

    protocol: Annotated[Literal["UDP", "TCP", "ICMPv6"], one_of("UDP", "TCP", "ICMPv6")]
    script: Annotated[Sequence[Datagram] | Sequence[Write], instance((list, tuple), "a list of steps")]
    port: Annotated[int, PORT] = 9
    name: Annotated[str, TEXT] = "recorded"
    opens_ns: Annotated[int, SPAN_NS] = 0
    ends_ns: Annotated[int, SPAN_NS] = 0
    start_s: Annotated[float | None, optional(SECONDS)] = 0.0
    zeros: Annotated[int, OCTETS] = 0

    def start(self, ends: Ends) -> RecordedRunning:
        """Set it going. Raises ProtocolMisuse for a script of another protocol."""
        kind = Write if self.protocol == "TCP" else Datagram
        for step in self.script:
            if not isinstance(step, kind):
                given = f"{shown(step)} in a script of {self.protocol}"
                raise ProtocolMisuse(f"{given}; expected {kind.__name__} values", step)
        running = _Connection(ends, self) if self.protocol == "TCP" else _Datagrams(ends, self)
        start_s = self.start_s
        if start_s is not None:
            ends.near.flow_seam.when_ready(ends.flow, lambda: running.begin(ends.clock.now + seconds(start_s)))
        return running


class RecordedRunning(Running):
    """A recorded flow under way. It is complete once all was sent and, over TCP, has arrived as it was written."""

    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends)
        self.recorded = recorded
        self.near: tuple[Address, int] | None = None
        """Address and port of the near end as the far end sees them; None until it has begun."""
        self.due_ns = 0
        """When the last of the steps that wait for their time only is due, or was, in nanoseconds."""

    def at(self, t_ns: int, act: Callable[[], None]) -> None:
        """Do `act` at `t_ns` nanoseconds, unless the application was stopped before."""
        self.due_ns = max(self.due_ns, t_ns)
        super().at(t_ns, act)

    def begin(self, zero_ns: int) -> None:
        """Let the script's time zero be `zero_ns` nanoseconds.

        Raises ProtocolMisuse for a past time, or for a second call.
        """
        ends = self.ends
        if self.near is not None or zero_ns < ends.clock.now:
            why = f"flow {ends.flow} cannot begin twice or in the past; call begin() once, for now or later"
            raise ProtocolMisuse(why, zero_ns)
        self.near = ends.near.flow_seam.address_of_flow(ends.flow), ends.near_port
        last = [step.at_ns for step in self.recorded.script[-1:] if isinstance(step, Datagram)]
        lasts_ns = max([self.recorded.ends_ns, *last])
        for host in (ends.near, ends.far):
            host.flow_seam.flow_lasts(ends.flow, zero_ns + lasts_ns)
        self._begin(zero_ns, self.near)

    def _begin(self, zero_ns: int, near: tuple[Address, int]) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Stop sending and close the sockets of this flow; other flows may use the same ports."""
        self.is_stopped = True
        ends = self.ends
        ends.near.close_port(ends.near_port, ends.remote)
        if self.near is not None:
            ends.far.close_port(ends.far_port, self.near)


# --- UDP and echo: each packet at its time ---------------------------------------------------------------------------


@cache
def _payload(octets: int) -> bytes:
    """Return so many zeros, the same value each time: a socket then sends the same datagram value again."""
    return bytes(octets)


class _Datagrams(RecordedRunning):
    def _begin(self, zero_ns: int, near: tuple[Address, int]) -> None:
        send = self._udp(near) if self.recorded.protocol == "UDP" else self._echo(near)
        steps = iter(cast("Sequence[Datagram]", self.recorded.script))

        def follow(due: Datagram | None = None) -> None:
            if due is not None:
                send(due)
            step = next(steps, None)
            self.is_complete = step is None
            if step is not None:
                self.at(max(zero_ns + step.at_ns, self.ends.clock.now), partial(follow, step))

        follow()

    def _udp(self, near: tuple[Address, int]) -> Callable[[Datagram], None]:
        ends = self.ends
        up = ends.near.udp(ends.near_port, ends.remote, ends.flow)
        down = ends.far.udp(ends.far_port, near, ends.flow, upward=False)
        up.on_datagram = down.on_datagram = self.count
        return lambda step: (up if step.upward else down).send(_payload(step.octets))

    def _echo(self, near: tuple[Address, int]) -> Callable[[Datagram], None]:
        ends = self.ends
        ends.far_port = ends.near_port  # both ends have the identifier
        up = ends.near.echo(ends.near_port, ends.remote[0], ends.flow)
        down = ends.far.echo(ends.near_port, near[0], -ends.flow)
        up.on_reply = down.on_reply = lambda _, data: self.count(data)
        return lambda step: (up if step.upward else down).send(step.sequence, _payload(step.octets))


# --- TCP: what each end wrote, once it had heard what it had heard then ----------------------------------------------


class _Connection(RecordedRunning):
    def __init__(self, ends: Ends, recorded: Recorded) -> None:
        super().__init__(ends, recorded)
        script = cast("Sequence[Write]", recorded.script)
        up, down = ([step for step in script if step.upward is upward] for upward in (True, False))
        self.sides = _Side(self, up, down), _Side(self, down, up)

    def _begin(self, zero_ns: int, near: tuple[Address, int]) -> None:
        ends, (up, down) = self.ends, self.sides
        Tcp.of(ends.far).listen(ends.far_port, down.take, near)

        def connect() -> None:
            up.take(Tcp.of(ends.near).connect(ends.near_port, ends.remote, ends.flow))

        self.at(zero_ns + self.recorded.opens_ns, connect)

    def proceed(self) -> None:
        """Let both sides go on as far as they may, and note whether both are done."""
        up, down = self.sides
        up.proceed(down)
        down.proceed(up)
        self.is_complete = self.is_correct and up.is_done() and down.is_done()


class _Side:
    """One end of the connection: it takes its steps one by one, each as soon as it may, and checks what arrives."""

    _socket: TcpSocket

    def __init__(self, running: _Connection, steps: Sequence[Write], others: Sequence[Write]) -> None:
        self._running = running
        self._steps = deque(steps)
        self._expected = b"".join(step.data for step in others)
        self._to_hear = len(self._expected) + sum(step.end == "close" for step in others)
        self._heard = 0
        """Octets that have arrived; a FIN counts as one."""
        self._may_act = False
        """True while the connection is open and no pause is under way."""

    def is_done(self, left: int = 0) -> bool:
        """True where `left` steps are left to take, and all octets of the other end have arrived, its FIN included."""
        return len(self._steps) == left and self._heard >= self._to_hear

    def take(self, socket: TcpSocket) -> None:
        """Use this socket, which is not open yet."""
        self._socket = socket
        socket.on_open, socket.on_data, socket.on_end = self._ready, self._received, self._ended

    def _ready(self) -> None:
        self._may_act = True
        self._running.proceed()

    def _received(self, piece: bytes) -> None:
        self._running.is_correct &= self._expected.startswith(piece, self._heard)
        self._running.count(piece)
        self._heard += len(piece)
        self._running.proceed()

    def _ended(self) -> None:
        self._heard += 1
        self._running.proceed()

    def proceed(self, other: _Side) -> None:
        """Begin the pause before the next step, if the octets that it waits for have arrived."""
        if not self._may_act or not self._steps or self._heard < self._steps[0].heard:
            return
        if self._steps[0].end != "reset" or (self.is_done(left=1) and other.is_done()):
            self._may_act = False
            self._running.at(self._running.ends.clock.now + self._steps[0].pause_ns, self._act)

    def _act(self) -> None:
        step = self._steps.popleft()
        if step.data:
            self._socket.write(step.data)
        if step.end == "close":
            self._socket.close()
        elif step.end == "reset":
            self._socket.abort()
        self._ready()
