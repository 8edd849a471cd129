"""What an application is made of: the two ends of its flow, and what `start` gives.

Stands under the applications (`node.apps`, `node.recorded`); whoever opens a flow makes the `Ends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mipflow.node.host import Host
    from mipflow.node.sockets import EspSocket, UdpSocket
    from mipflow.sim.clock import Clock
    from mipflow.wire.address import Address


@dataclass(slots=True)
class Ends:
    """The two hosts and ports of one flow: `near` opens it.

    upward: whether the near end is the mobile node; far_address: under which address the near end reaches the far one,
    None for `Host.reached_at`.
    """

    near: Host
    far: Host
    near_port: int
    far_port: int
    flow: int
    upward: bool = True
    far_address: Address | None = None

    @property
    def clock(self) -> Clock:
        """The clock of both."""
        return self.near.clock

    @property
    def remote(self) -> tuple[Address, int]:
        """Address and port of the far end."""
        return self.far_address or self.far.reached_at, self.far_port

    @property
    def label(self) -> int:
        """What marks packets of the near end (see `Packet`)."""
        return self.flow if self.upward else -self.flow

    def esp(self) -> tuple[EspSocket, EspSocket]:
        """A socket for ESP at each end; the far one answers whoever speaks to it."""
        near = self.near.esp(self.near_port, self.far_port, self.remote[0], self.label)
        return near, self.far.esp(self.far_port, self.near_port, None, -self.label)

    def udp(self) -> tuple[UdpSocket, UdpSocket]:
        """A UDP socket at each end; the far one answers whoever speaks to it."""
        near = self.near.udp(self.near_port, self.remote, self.flow, self.upward)
        return near, self.far.udp(self.far_port, flow=self.flow, upward=not self.upward)


class Running:
    """An application under way.

    `received_bytes` counts what arrived at its receiver; `is_complete` where there is an end.
    """

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.received_bytes = 0
        self.is_complete = False
        self.is_correct = True
        """False once an octet arrived that was not sent so."""
        self.is_stopped = False

    def at(self, t_ns: int, act: Callable[[], None]) -> None:
        """Do `act` at `t_ns` nanoseconds, unless the application was stopped before."""
        self.ends.clock.at(t_ns, lambda _: None if self.is_stopped else act())

    def stop(self) -> None:
        """Stop sending and close the ports at both ends."""
        self.is_stopped = True
        self.ends.near.close_port(self.ends.near_port)
        self.ends.far.close_port(self.ends.far_port)


class Application(Protocol):
    """What `mn.open(cn, application)` takes."""

    @property
    def protocol(self) -> str:
        """ "UDP", "TCP", "ICMPv6" or "ESP"."""

    @property
    def port(self) -> int:
        """The correspondent node's port where no other is asked for."""

    @property
    def name(self) -> str:
        """What pictures call its flow."""

    def start(self, ends: Ends) -> Running:
        """Set it going."""
