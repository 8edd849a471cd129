"""Recorded traffic: one flow of a capture, replayed between two hosts in both directions.

Takes a script of plain values, such as `lab.replay.recording` reads from a capture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Annotated, Any, Literal, get_args

from mipflow.arguments import FLAG, PORT, SECONDS, TEXT, YEAR_S, Checked, instance, one_of, optional, whole
from mipflow.errors import ProtocolMisuse, shown
from mipflow.node.applications.application import Ends, Running
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.sim.clock import seconds
from mipflow.wire.address import Address
from mipflow.wire.captures.spool import Rows, Spool

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


Step = Datagram | Write


@dataclass(slots=True)
class Side:
    """The part of a script that one end of a TCP connection plays; of datagrams, all of it."""

    rows: Rows
    """Its steps: the fields of `Datagram`, or of `Write` with the octets at the end."""
    steps: int = 0
    octets: int = 0
    closes: int = 0
    """The number of steps, of octets that it writes, and of its FINs."""


class Script(Sequence[Step]):
    """The steps of one flow, kept on disk where they are many: a `Spool` may be shared by many scripts."""

    def __init__(self, kind: type[Step], spool: Spool | None = None) -> None:
        self.kind = kind
        spool = spool or Spool()
        self.sides = Side(Rows(spool)), Side(Rows(spool))
        """The steps of the near end and those of the far one; datagrams are all in the first."""
        self.last_ns = 0
        """The time of the latest datagram, in nanoseconds."""

    @classmethod
    def of(cls, protocol: str, steps: Iterable[Step]) -> Script:
        """Make a script of steps. Raises ProtocolMisuse for a step of another protocol."""
        kind: type[Step] = Write if protocol == "TCP" else Datagram
        script = cls(kind)
        for step in steps:
            if not isinstance(step, kind):
                given = f"{shown(step)} in a script of {protocol}"
                raise ProtocolMisuse(f"{given}; expected {kind.__name__} values", step)
            if isinstance(step, Datagram):
                script.add_datagram(step.at_ns, step.upward, step.octets, step.sequence)
            else:
                script.add_write(step.upward, step.heard, step.pause_ns, step.end, step.data)
        return script

    def add_datagram(self, at_ns: int, upward: bool, octets: int, sequence: int) -> None:
        """Add a `Datagram`."""
        side = self.sides[0]
        side.steps += 1
        self.last_ns = max(self.last_ns, at_ns)
        side.rows.add((at_ns, upward, octets, sequence, b""))

    def add_write(self, upward: bool, heard: int, pause_ns: int, end: End, data: bytes) -> None:
        """Add a `Write`."""
        side = self.sides[not upward]
        side.steps, side.octets, side.closes = side.steps + 1, side.octets + len(data), side.closes + (end == "close")
        side.rows.add((upward, heard, pause_ns, end, data))

    def flush(self) -> None:
        """Hold no step in memory."""
        for side in self.sides:
            side.rows.flush()

    def __len__(self) -> int:
        return sum(side.steps for side in self.sides)

    def __iter__(self) -> Iterator[Step]:
        for a, b, c, d, data in chain(*(side.rows for side in self.sides)):
            yield Write(a, b, c, data, d) if self.kind is Write else Datagram(a, b, c, d)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Script of {len(self)} steps>"


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
    script: Annotated[Sequence[Datagram] | Sequence[Write] | Script, instance((list, tuple, Script), "a list of steps")]
    port: Annotated[int, PORT] = 9
    name: Annotated[str, TEXT] = "recorded"
    opens_ns: Annotated[int, SPAN_NS] = 0
    ends_ns: Annotated[int, SPAN_NS] = 0
    start_s: Annotated[float | None, optional(SECONDS)] = 0.0
    zeros: Annotated[int, OCTETS] = 0

    def start(self, ends: Ends) -> RecordedRunning:
        """Set it going. Raises ProtocolMisuse for a script of another protocol."""
        kind: type[Step] = Write if self.protocol == "TCP" else Datagram
        given = self.script
        script = given if isinstance(given, Script) and given.kind is kind else Script.of(self.protocol, given)
        running = _Connection(ends, self, script) if kind is Write else _Datagrams(ends, self, script)
        start_s = self.start_s
        if start_s is not None:
            ends.near.flow_seam.when_ready(ends.flow, lambda: running.begin(ends.clock.now + seconds(start_s)))
        return running


class RecordedRunning(Running):
    """A recorded flow under way. It is complete once all was sent and, over TCP, has arrived as it was written."""

    def __init__(self, ends: Ends, recorded: Recorded, script: Script) -> None:
        super().__init__(ends)
        self.recorded = recorded
        self.script = script
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
        for host in (ends.near, ends.far):
            host.flow_seam.flow_lasts(ends.flow, zero_ns + max(self.recorded.ends_ns, self.script.last_ns))
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


@lru_cache(1024)
def _payload(octets: int) -> bytes:
    """Return so many zeros, the same value each time: a socket then sends the same datagram value again."""
    return bytes(octets)


_Ways = tuple[Callable[[bytes, int], None], Callable[[bytes, int], None]]
"""Functions that send a payload with a number: down and up."""


class _Datagrams(RecordedRunning):
    def _begin(self, zero_ns: int, near: tuple[Address, int]) -> None:
        self._zero_ns, self._clock = zero_ns, self.ends.clock
        self._send = self._udp(near) if self.recorded.protocol == "UDP" else self._echo(near)
        self._steps = iter(self.script.sides[0].rows)
        self._wait()

    def _wait(self) -> None:
        """Wait until the next datagram is due."""
        step, clock = next(self._steps, None), self._clock
        self._step, self.is_complete = step, step is None
        if step is not None:
            due_ns, now = self._zero_ns + step[0], clock.now
            self.due_ns = due_ns if due_ns > now else now
            clock.at(self.due_ns, self._follow)

    def _follow(self, _: object) -> None:
        step = self._step
        if step is not None and not self.is_stopped:
            self._send[step[1]](_payload(step[2]), step[3])
            self._wait()

    def _udp(self, near: tuple[Address, int]) -> _Ways:
        ends = self.ends
        up = ends.near.udp(ends.near_port, ends.remote, ends.flow)
        down = ends.far.udp(ends.far_port, near, ends.flow, upward=False)
        up.on_datagram = down.on_datagram = self.count
        return lambda data, _: down.send(data), lambda data, _: up.send(data)

    def _echo(self, near: tuple[Address, int]) -> _Ways:
        ends = self.ends
        ends.far_port = ends.near_port  # both ends have the identifier
        up = ends.near.echo(ends.near_port, ends.remote[0], ends.flow)
        down = ends.far.echo(ends.near_port, near[0], -ends.flow)
        up.on_reply = down.on_reply = lambda _, data: self.count(data)
        return lambda data, sequence: down.send(sequence, data), lambda data, sequence: up.send(sequence, data)


# --- TCP: what each end wrote, once it had heard what it had heard then ----------------------------------------------


class _Connection(RecordedRunning):
    def __init__(self, ends: Ends, recorded: Recorded, script: Script) -> None:
        super().__init__(ends, recorded, script)
        up, down = script.sides
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

    def __init__(self, running: _Connection, own: Side, other: Side) -> None:
        self._running = running
        self._steps = iter(own.rows)
        self._step = next(self._steps, None)
        self._left = own.steps
        self._to_hear = other.octets + other.closes
        self._heard = 0
        """Octets that have arrived; a FIN counts as one."""
        self._expected = bytearray()
        """Octets that the other end has written and that have not arrived."""
        self._may_act = False
        """True while the connection is open and no pause is under way."""

    def is_done(self, left: int = 0) -> bool:
        """True where `left` steps are left to take, and all octets of the other end have arrived, its FIN included."""
        return self._left == left and self._heard >= self._to_hear

    def take(self, socket: TcpSocket) -> None:
        """Use this socket, which is not open yet."""
        self._socket = socket
        socket.on_open, socket.on_data, socket.on_end = self._ready, self._received, self._ended

    def _ready(self) -> None:
        self._may_act = True
        self._running.proceed()

    def _received(self, piece: bytes) -> None:
        running, octets = self._running, len(piece)
        running.is_correct &= self._expected.startswith(piece)
        del self._expected[:octets]
        running.received_bytes += octets
        self._heard += octets
        running.proceed()

    def _ended(self) -> None:
        self._heard += 1
        self._running.proceed()

    def proceed(self, other: _Side) -> None:
        """Begin the pause before the next step, if the octets that it waits for have arrived."""
        step = self._step
        if not self._may_act or step is None or self._heard < step[1]:
            return
        _, _, pause_ns, end, data = step
        if end != "reset" or (self.is_done(left=1) and other.is_done()):
            self._may_act, running = False, self._running
            running.at(running.ends.clock.now + pause_ns, partial(self._act, other, end, data))

    def _act(self, other: _Side, end: End, data: bytes) -> None:
        self._step, self._left = next(self._steps, None), self._left - 1
        if data:
            other._expected += data
            self._socket.write(data)
        if end == "close":
            self._socket.close()
        elif end == "reset":
            self._socket.abort()
        self._ready()
