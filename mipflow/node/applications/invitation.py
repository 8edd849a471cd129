"""An invitation to a call, and its redirection, as SIP does it with a 302 (RFC 3261 sections 8.1.3.4 and 21.3.3).

The near end knows one address of the far one, and invites it there. The far end answers with the address at which it
wants the call itself, and the near end calls there. Both ends repeat what is not answered. Text in UDP datagrams:

    INVITE <port of the near end>        302 <address> <port>        ACK
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.errors import ProtocolMisuse
from mipflow.node.host import Host
from mipflow.sim.clock import NS_PER_MS, Timer
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP

PORT = 5060
"""The port of SIP."""
T1_NS, ATTEMPTS = 500 * NS_PER_MS, 7
"""First time-out, which doubles, and how often an invitation is sent (RFC 3261 section 17.1.1.2: 64 T1 in all)."""


class Invitation:
    """The near end: invites from a port of `host`, and calls `redirected(address, port)` once it is told where to."""

    def __init__(
        self, host: Host, port: int, remote: Address, media_port: int, redirected: Callable[[Address, int], None]
    ) -> None:
        self._host = host
        self._socket = host.udp(port, (remote, PORT))
        self._socket.on_datagram = self._heard
        self.port = port
        """The local port that it is sent from."""
        self._text = f"INVITE {media_port}".encode()
        self._redirected = redirected
        self._attempts = 0
        self._is_answered = False
        self._timer = Timer(host.clock, self._send)
        self._send()

    def _send(self) -> None:
        if self._attempts < ATTEMPTS:
            self._attempts += 1
            self._timer.set(self._host.clock.now + (T1_NS << self._attempts - 1))
            self._socket.send(self._text)

    def _heard(self, data: bytes) -> None:
        words = data.decode(errors="replace").split()
        try:
            address, port = Address(words[1]), int(words[2])
        except (ProtocolMisuse, ValueError, IndexError):
            return
        if words[0] != "302" or not address.is_unicast_routable or not 0 <= port < 1 << 16:  # an echo has port 0
            return
        self._timer.stop()
        self._socket.send(b"ACK")
        if not self._is_answered:
            self._is_answered = True
            self._redirected(address, port)

    def stop(self) -> None:
        """Invite no more."""
        self._timer.stop()
        self._host.close_port(self._socket.port)


class Doorman:
    """The far end: it hears invitations on `host`.

    `place(caller, caller_port, tell)` finds where the call is wanted and calls `tell(address, port)`, at once or later;
    `over(caller, caller_port)` is called when the caller confirms that it has been told.
    """

    def __init__(
        self, host: Host, place: Callable[[Address, int, Callable[[Address, int], None]], None],
        over: Callable[[Address, int], None],
    ) -> None:  # fmt: skip
        self._host = host
        self._socket = host.udp(PORT)
        self._socket.on_datagram = self._heard
        self._place, self._over = place, over
        self._answers: dict[tuple[Address, int], bytes] = {}
        """Caller and port that it invites from -> the answer, empty while it is looked for."""

    def _heard(self, data: bytes) -> None:
        address, port = caller = self._socket.remote
        words = data.decode(errors="replace").split()
        if address is None or not words:
            return
        if words[0] == "ACK":
            self._over(address, port)
        elif words[0] == "INVITE" and len(words) == 2 and words[1].isdecimal() and len(words[1]) < 6:
            if caller not in self._answers:
                self._answers[address, port] = b""
                self._place(address, int(words[1]), lambda where, at: self._tell(address, port, where, at))
            elif self._answers[address, port]:
                self._socket.send(self._answers[address, port])

    def _tell(self, caller: Address, port: int, address: Address, at: int) -> None:
        answer = self._answers[caller, port] = f"302 {address} {at}".encode()
        self._host.transmit(UDP(PORT, port, answer), None, caller)
