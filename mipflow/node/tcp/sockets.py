"""TCP sockets: the thin shells between applications and `node.tcp.connection`, which get a clock and a road here.

Stands on the stack (`node.host`), which knows nothing of it: `Tcp.of(host)` puts TCP into a host.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mipflow.arguments import PORT, check
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.seam import EVERYBODY, Remote
from mipflow.node.tcp.connection import Connection
from mipflow.sim.clock import Timer
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import IPV6_HEADER, NO_MARKS, TCP, TUNNEL_OVERHEAD

CONNECTION = "TCP connection at"
"""The word for a connection among the claims of a host; that for a listener is "TCP"."""


def maximum_segment_size(host: Host) -> int:
    """Return the octets of TCP payload that pass every road of a host; a tunnel is the costliest of them."""
    links = [each.segment.link.mtu for each in host.interfaces.values() if each.segment is not None]
    return min(links, default=1500) - TUNNEL_OVERHEAD - IPV6_HEADER - TCP.fixed


class TcpSocket:
    """One TCP connection of a host."""

    def __init__(self, host: Host, port: int, remote: Remote, label: int, local: Address | None = None) -> None:
        self.host, self.port, self.remote, self.label, self.local = host, port, remote, label, local
        self.marks = NO_MARKS
        self.on_data: Callable[[bytes], None] = lambda data: None
        """Called with bytes that arrived in order."""
        self.on_open: Callable[[], None] = lambda: None
        """Called once when the connection is established."""
        self.on_end: Callable[[], None] = lambda: None
        """Called once when the other end has sent all."""
        self._opened = self._ended = False
        self.is_forgotten = False
        """True once its port was closed."""
        stream = host.network.random(f"{host.name}/tcp/{port}/{remote[1]}/{abs(label)}")
        first, most = stream.getrandbits(32), maximum_segment_size(host)
        self.connection = Connection(port, remote[1], initial_sequence=first, maximum_segment_size=most)
        self._timer = Timer(host.clock, lambda: self._do(self.connection.timeout))

    def connect(self) -> None:
        """Send the SYN, from the address that the connection keeps."""
        remote = self.remote[0]
        if self.local is None and remote is not None:
            self.local = self.host.flow_seam.address_towards(remote)
        self._do(self.connection.connect)

    def accept(self, syn: TCP) -> None:
        """Answer the SYN that a listener heard."""
        self._do(self.connection.accept, syn)

    def write(self, data: bytes) -> None:
        """Send bytes, in order and surely."""
        self._do(self.connection.write, data)

    def close(self) -> None:
        """Write no more."""
        self._do(self.connection.close)

    def abort(self) -> None:
        """Reset the connection."""
        self._do(self.connection.abort)

    def forget(self) -> None:
        """Send nothing more, not even again: its port was closed."""
        self.is_forgotten = True
        self._timer.stop()

    def receive(self, segment: TCP) -> None:
        """Take a segment that has arrived."""
        self._do(self.connection.receive, segment)

    def refused(self, sequence: int) -> None:
        """Take an ICMPv6 error: nobody is on the port to which a segment with this number went."""
        self._do(self.connection.refused, sequence)

    def _do(self, act: Callable[..., object], *given: object) -> None:
        """Let the connection act, send its segments, set its timer, tell the application what is new."""
        connection, host, timer = self.connection, self.host, self._timer
        act(*given, host.clock.now)
        remote = self.remote[0]
        assert remote is not None
        data = connection.read()  # first: the acknowledgement announces the window that this opens
        for segment in connection.take_segments():
            host.transmit(segment, self.local, remote, self.label, self.marks)
        timer_ns = connection.sender.timer_ns
        if timer_ns is None and timer.due_ns is not None:
            timer.stop()
        elif timer_ns is not None and timer_ns != timer.due_ns:
            timer.set(timer_ns)
        if not self._opened and connection.is_open:
            self._opened = True
            self.on_open()
        if data:
            self.on_data(data)
        if connection.at_end and not self._ended:
            self._ended = True
            self.on_end()


class Tcp:
    """The TCP of a host: its connections and listeners."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.sockets: dict[tuple[int, Remote], TcpSocket] = {}
        """Connections by local port and other end, in the order in which they began."""
        self._listeners: dict[tuple[int, Remote], Callable[[TcpSocket], None]] = {}
        host.parts[Tcp], host.take_segment, host.on_error[6] = self, self._arrived, self._error

    @classmethod
    def of(cls, host: Host) -> Tcp:
        """Return the TCP of a host; put it in where there is none yet."""
        found: Tcp | None = host.parts.get(Tcp)
        return found or cls(host)

    def connect(self, port: int, remote: Remote, flow: int = 0) -> TcpSocket:
        """Open a connection to `remote`; its SYN waits until the flow can be sent. Raises ProtocolMisuse where there is
        one between these ends.
        """
        check(PORT, port=port, remote_port=remote[1])
        self._host.check_unheard(CONNECTION, port, remote)
        socket = self._new_socket(port, remote, flow)
        self._host.flow_seam.flow_named(flow, "TCP", port, remote)
        self._host.flow_seam.when_ready(flow, socket.connect)
        return socket

    def listen(self, port: int, accept: Callable[[TcpSocket], None], remote: Remote = EVERYBODY) -> None:
        """Call `accept(socket)` for each connection that arrives on a local port, or only for those from `remote`.
        Raises ProtocolMisuse where somebody listens there.
        """
        check(PORT, port=port)
        self._host.check_unheard("TCP", port, remote)
        self._host.take_port("TCP", port, remote, partial(self._listeners.pop, (port, remote)))
        self._listeners[port, remote] = accept

    def _new_socket(self, port: int, remote: Remote, label: int, local: Address | None = None) -> TcpSocket:
        self._host.take_port(CONNECTION, port, remote, lambda: self.sockets.pop((port, remote)).forget())
        socket = self.sockets[port, remote] = TcpSocket(self._host, port, remote, label, local)
        return socket

    def _arrived(self, arrival: Arrival) -> None:
        segment: TCP = arrival.payload
        socket = self.sockets.get((segment.destination_port, (arrival.source, segment.source_port)))
        if socket is None:
            self.unconnected(arrival)
        else:
            socket.receive(segment)

    def unconnected(self, arrival: Arrival) -> None:
        """Handle a segment of no connection: one begins with it, or it is nobody's."""
        segment: TCP = arrival.payload
        port, remote = segment.destination_port, (arrival.source, segment.source_port)
        accept = self._listeners.get((port, remote)) or self._listeners.get((port, EVERYBODY))
        if accept is None or not segment.syn or segment.ack or arrival.destination.is_multicast:
            self._host.no_listener(arrival)
            return
        socket = self._new_socket(port, remote, -arrival.packet.label, arrival.destination)
        accept(socket)
        socket.accept(segment)

    def _error(self, port: int, remote: Remote, error: IcmpError, beginning: bytes) -> None:
        socket = self.sockets.get((port, remote))
        if socket is not None and error.is_port_unreachable:
            socket.refused(int.from_bytes(beginning[4:8], "big"))
