"""The applications that make packets. Each is a value; `start(ends)` sets it going between two hosts.

`near` is the host that opens the flow (the mobile node), `far` the one that answers. Times are in milliseconds and
seconds as the names say, sizes in octets of UDP or TCP payload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal, get_args

from mipflow.arguments import FLAG, SECONDS, YEAR_S, Checked, number, one_of, optional, whole
from mipflow.node.applications.application import Application as Application
from mipflow.node.applications.application import Ends as Ends
from mipflow.node.applications.application import Running as Running
from mipflow.node.applications.recorded import Recorded as Recorded
from mipflow.node.sockets import Sending, UdpSocket
from mipflow.node.tcp.sockets import Tcp, TcpSocket
from mipflow.sim.boarding import NEVER
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Unique, seconds

__all__ = [
    "Application", "Echo", "Ends", "FileTransfer", "Protected", "Recorded", "Running", "Trickle", "Video", "Voice",
]  # fmt: skip

Direction = Literal["up", "down"]
Act = Callable[[], None]
RTP_HEADER = 12

INTERVAL_MS = number(0.001, 1000 * YEAR_S, "a positive interval, in milliseconds,")
"""A microsecond at the least: the clock stands still where nothing passes between two packets."""
OCTETS = whole(0, 60_000, "octets")
"""With all headers they fit one IPv6 packet, which its node sends in fragments."""


class Periodic(Unique):
    """Does `act` once it goes, and then every `interval_ns` until `end_ns` or `stop()`.

    sends: says what `act` sends, where that is always the same (`sim.trains`). Slots lie together in memory,
    where the values of a closure are apart: of a thousand flows they are most of what the processor waits for.
    """

    __slots__ = "_act", "_asks_ns", "_clock", "_end_ns", "_interval_ns", "_is_going", "_running", "_sends", "_tick"

    def __init__(
        self, running: Running, interval_ns: int, act: Act, end_ns: int | None = None,
        sends: Callable[[], Sending | None] | None = None,
    ) -> None:  # fmt: skip
        self._running, self._interval_ns, self._act, self._sends = running, interval_ns, act, sends
        self._clock, self._end_ns = running.ends.clock, NEVER if end_ns is None else end_ns
        self._is_going, self._asks_ns, self._tick = False, 0 if sends else NEVER, self.tick

    def go(self) -> None:
        """Begin; further calls do nothing."""
        if not self._is_going:
            self._is_going = True
            self.tick(None)

    def tick(self, argument: object) -> None:
        """Do it, and set when it is next done."""
        if self._running.is_stopped:
            return
        self._act()
        clock = self._clock
        following = clock.now + self._interval_ns
        if following < self._end_ns and (clock.now < self._asks_ns or not self._boards()):
            clock.at(following, self._tick)

    def _boards(self) -> bool:
        """Return whether trains take over what follows."""
        assert self._sends is not None
        trains = self._running.ends.near.network.trains
        self._asks_ns = trains.board(self._sends, self._tick, self._interval_ns, self._end_ns)
        return not self._asks_ns


class _Steady(Unique):
    """A payload that a socket sends again and again, until the application is stopped."""

    __slots__ = ("_payload", "_running", "_socket")

    def __init__(self, running: Running, socket: UdpSocket, payload: bytes) -> None:
        self._running, self._socket, self._payload = running, socket, payload

    def send(self) -> None:
        self._socket.send(self._payload)

    def sends(self) -> Sending | None:
        return None if self._running.is_stopped else (self._socket, self._payload)


def with_pauses(ends: Ends, begin_ns: int, talk_s: float, pause_s: float, act: Act) -> Act:
    """Return a function that does `act`, but not for `pause_s` seconds after each `talk_s`."""
    talk_ns, turn_ns = seconds(talk_s), seconds(talk_s + pause_s)

    def act_unless_silent() -> None:
        if (ends.clock.now - begin_ns) % turn_ns < talk_ns:
            act()

    return act_unless_silent


def begin_and_end(ends: Ends, start_s: float, duration_s: float | None) -> tuple[int, int | None]:
    """Return when an application begins and when it ends, in nanoseconds; None for one without an end."""
    begin = ends.clock.now + seconds(start_s)
    return begin, None if duration_s is None else begin + seconds(duration_s)


@dataclass(slots=True, frozen=True)
class Voice(Checked):
    """A call at a constant rate: G.711 in RTP, 172 octets every 20 ms. The far end answers the first packet.

    With `pause_s` both ends are silent for so long after each `talk_s` of talk, in seconds.
    """

    interval_ms: Annotated[float, INTERVAL_MS] = 20.0
    payload_bytes: Annotated[int, OCTETS] = 160 + RTP_HEADER
    both_ways: Annotated[bool, FLAG] = True
    start_s: Annotated[float, SECONDS] = 0.0
    duration_s: Annotated[float | None, optional(SECONDS)] = None
    talk_s: Annotated[float, number(0.001, YEAR_S, "a positive number of seconds")] = 2.0
    pause_s: Annotated[float, SECONDS] = 0.0
    protocol: ClassVar[str] = "UDP"
    port: ClassVar[int] = 5004
    name: ClassVar[str] = "call"

    def start(self, ends: Ends) -> Running:
        """Set it going."""
        running = Running(ends)
        near, far = ends.udp()
        payload, interval = bytes(self.payload_bytes), round(self.interval_ms * NS_PER_MS)
        begin, end = begin_and_end(ends, self.start_s, self.duration_s)
        up, down = (_Steady(running, socket, payload) for socket in (near, far))
        if self.pause_s:
            acts = (with_pauses(ends, begin, self.talk_s, self.pause_s, each.send) for each in (up, down))
            ask, answer = (Periodic(running, interval, act, end) for act in acts)
        else:
            ask, answer = (Periodic(running, interval, each.send, end, each.sends) for each in (up, down))

        def heard(data: bytes) -> None:
            running.received_bytes += len(data)
            answer.go()
            far.on_datagram = running.count

        far.on_datagram, far.counts = heard, (running.count, running.counts)
        if not self.both_ways:
            far.on_datagram = running.count
        near.counts = near.on_datagram, ()
        running.at(begin, ask.go)
        return running


@dataclass(slots=True, frozen=True)
class Video(Checked):
    """A film from the far end: frames in bursts, every `group` frames a large one. The near end asks, then reports."""

    rate_bps: Annotated[float, number(1, 10**10, "bits per second")] = 1_000_000
    frames_per_s: Annotated[float, number(0.001, 10_000, "frames per second")] = 25.0
    packet_bytes: Annotated[int, whole(1, 60_000, "octets")] = 1200
    group: Annotated[int, whole(1, 10**6, "frames")] = 25
    key_frame_factor: Annotated[float, number(0.001, 1000)] = 4.0
    start_s: Annotated[float, SECONDS] = 0.0
    duration_s: Annotated[float | None, optional(SECONDS)] = None
    protocol: ClassVar[str] = "UDP"
    port: ClassVar[int] = 5010
    name: ClassVar[str] = "video"
    report_bytes: ClassVar[int] = 64

    def start(self, ends: Ends) -> Running:
        """Set it going."""
        running = Running(ends)
        near, far = ends.udp()
        begin, end = begin_and_end(ends, self.start_s, self.duration_s)
        random = ends.near.network.random(f"video/{ends.flow}")
        mean = self.rate_bps / 8 / self.frames_per_s * self.group / (self.group - 1 + self.key_frame_factor)
        whole = bytes(self.packet_bytes)
        number = 0

        def frame() -> None:
            nonlocal number
            size = round(mean * (self.key_frame_factor if number % self.group == 0 else 1) * random.uniform(0.8, 1.2))
            number += 1
            packets, rest = divmod(size, self.packet_bytes)
            for _ in range(packets):
                far.send(whole)
            if rest:
                far.send(bytes(rest))

        show = Periodic(running, round(NS_PER_S / self.frames_per_s), frame, end)
        far.on_datagram, near.on_datagram = lambda data: show.go(), running.count
        report = bytes(self.report_bytes)
        running.at(begin, Periodic(running, NS_PER_S, partial(near.send, report), end).go)
        return running


@dataclass(slots=True, frozen=True)
class FileTransfer(Checked):
    """`size` octets over TCP, "down" to the near end or "up" to the far one; each is compared with what was sent."""

    size: Annotated[int, whole(0, 10**8, "octets")] = 1_000_000
    direction: Annotated[Direction, one_of(*get_args(Direction))] = "down"
    start_s: Annotated[float, SECONDS] = 0.0
    protocol: ClassVar[str] = "TCP"
    port: ClassVar[int] = 5001
    name: ClassVar[str] = "file"

    def start(self, ends: Ends) -> Running:
        """Set it going."""
        running = _Transfer(ends, hashlib.shake_256(f"file {ends.flow}".encode()).digest(self.size))
        is_down = self.direction == "down"
        Tcp.of(ends.far).listen(ends.far_port, running.send if is_down else running.receive)

        def begin() -> None:
            socket = Tcp.of(ends.near).connect(ends.near_port, ends.remote, ends.label)
            if is_down:
                running.receive(socket)
            else:
                socket.on_open = partial(running.send, socket)

        running.at(ends.clock.now + seconds(self.start_s), begin)
        return running


class _Transfer(Running):
    def __init__(self, ends: Ends, content: bytes) -> None:
        super().__init__(ends)
        self._content = content

    def send(self, socket: TcpSocket) -> None:
        socket.write(self._content)
        socket.close()

    def receive(self, socket: TcpSocket) -> None:
        socket.on_data, socket.on_end = self._take, partial(self._end, socket)

    def _take(self, piece: bytes) -> None:
        self.is_correct &= self._content.startswith(piece, self.received_bytes)
        self.count(piece)

    def _end(self, socket: TcpSocket) -> None:
        self.is_complete = self.is_correct and self.received_bytes == len(self._content)
        socket.close()


@dataclass(slots=True, frozen=True)
class Trickle(Checked):
    """A piece over TCP at an interval, from the far end. Pieces that were held up arrive one after the other, at once.
    """

    interval_ms: Annotated[float, INTERVAL_MS] = 1300.0
    piece_bytes: Annotated[int, OCTETS] = 500
    start_s: Annotated[float, SECONDS] = 0.0
    duration_s: Annotated[float | None, optional(SECONDS)] = None
    protocol: ClassVar[str] = "TCP"
    port: ClassVar[int] = 80
    name: ClassVar[str] = "pieces"

    def start(self, ends: Ends) -> Running:
        """Set it going."""
        running = Running(ends)
        begin, end = begin_and_end(ends, self.start_s, self.duration_s)
        piece, interval = bytes(self.piece_bytes), round(self.interval_ms * NS_PER_MS)

        def accept(socket: TcpSocket) -> None:
            Periodic(running, interval, partial(socket.write, piece), end).go()

        def connect() -> None:
            Tcp.of(ends.near).connect(ends.near_port, ends.remote, ends.label).on_data = running.count

        Tcp.of(ends.far).listen(ends.far_port, accept)
        running.at(begin, connect)
        return running


@dataclass(slots=True, frozen=True)
class Echo(Checked):
    """Echo requests at an interval, as ping sends them; `count` None goes on until closed."""

    interval_ms: Annotated[float, INTERVAL_MS] = 1000.0
    payload_bytes: Annotated[int, OCTETS] = 56
    count: Annotated[int | None, optional(whole(0, 10**9, "requests"))] = None
    start_s: Annotated[float, SECONDS] = 0.0
    protocol: ClassVar[str] = "ICMPv6"
    port: ClassVar[int] = 0
    name: ClassVar[str] = "ping"

    def start(self, ends: Ends) -> Running:
        """Set it going."""
        running = Running(ends)
        socket = ends.near.echo(ends.near_port & 0xFFFF, ends.remote[0], ends.label)
        data, interval, begin = bytes(self.payload_bytes), round(self.interval_ms * NS_PER_MS), seconds(self.start_s)
        end = None if self.count is None else ends.clock.now + begin + self.count * interval
        sequence = 0

        def ask() -> None:
            nonlocal sequence
            sequence += 1
            socket.send(sequence, data)

        socket.on_reply = lambda number, data: running.count(data)
        running.at(ends.clock.now + begin, Periodic(running, interval, ask, end).go)
        return running


@dataclass(slots=True, frozen=True)
class Protected(Checked):
    """Datagrams at a constant rate in ESP that ends beyond these nodes, both ways. An analyser sees no port, but an
    SPI, another one for each direction. The octets are random: nobody here has the keys.
    """

    interval_ms: Annotated[float, INTERVAL_MS] = 20.0
    payload_bytes: Annotated[int, OCTETS] = 200
    start_s: Annotated[float, SECONDS] = 0.0
    duration_s: Annotated[float | None, optional(SECONDS)] = None
    protocol: ClassVar[str] = "ESP"
    port: ClassVar[int] = 4096
    name: ClassVar[str] = "protected"

    def start(self, ends: Ends) -> Running:
        """Set it going; the port of each end is the SPI under which it receives (RFC 4303 section 2.1)."""
        running = Running(ends)
        near, far = ends.esp()
        random, interval = ends.near.network.random(f"esp/{ends.flow}"), round(self.interval_ms * NS_PER_MS)
        begin, end = begin_and_end(ends, self.start_s, self.duration_s)
        answer = Periodic(running, interval, lambda: far.send(random.randbytes(self.payload_bytes)), end)

        def heard(data: bytes) -> None:
            running.count(data)
            answer.go()

        far.on_octets = heard
        ask = Periodic(running, interval, lambda: near.send(random.randbytes(self.payload_bytes)), end)
        running.at(begin, ask.go)
        return running
