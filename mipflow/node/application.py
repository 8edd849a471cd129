"""What an application is made of: the two ends of its flow, and what `start` gives.

Stands under the applications (`node.apps`, `node.recorded`); whoever opens a flow makes the `Ends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mipflow.node.host import Host
    from mipflow.node.sockets import UdpSocket
    from mipflow.sim.clock import Clock


@dataclass(slots=True)
class Ends:
    """The two hosts and ports of one flow."""

    near: Host
    far: Host
    near_port: int
    far_port: int
    flow: int

    @property
    def clock(self) -> Clock:
        """The clock of both."""
        return self.near.clock

    def udp(self) -> tuple[UdpSocket, UdpSocket]:
        """A UDP socket at each end; the far one answers whoever speaks to it."""
        near = self.near.udp(self.near_port, (self.far.address, self.far_port), self.flow)
        return near, self.far.udp(self.far_port, flow=self.flow, upward=False)


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
        """ "UDP", "TCP" or "ICMPv6"."""

    @property
    def port(self) -> int:
        """The correspondent node's port where no other is asked for."""

    @property
    def name(self) -> str:
        """What pictures call its flow."""

    def start(self, ends: Ends) -> Running:
        """Set it going."""
