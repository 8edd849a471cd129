"""The contract of an application: it gets the two `Ends` of its flow, and its `start` gives a `Running`.

Stands under the applications (`node.applications.apps`, `node.applications.recorded`); whoever opens a flow makes the
`Ends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from mipflow.arguments import FLAG, PORT, TEXT, Checked, Expected, check, fits, function, one_of, optional, whole
from mipflow.node.host import HOST, SPI, Host
from mipflow.node.sockets import EspSocket, UdpSocket
from mipflow.sim.clock import Clock, Unique
from mipflow.sim.trains.answers import Take
from mipflow.wire.address import ADDRESS, Address

SOCKET = whole(1, 65535, "a port, of which 0 stands for none,")
ANY_PORT = whole(0, 2**32 - 1, "a port, an echo identifier or an SPI")


@dataclass(slots=True)
class Ends(Checked):
    """The two hosts and ports of one flow: `near` opens it.

    upward: whether the near end is the mobile node; far_address: the address at which the near end reaches the far one,
    None for `Mobility.reached_at`.
    """

    near: Annotated[Host, HOST]
    far: Annotated[Host, HOST]
    near_port: Annotated[int, ANY_PORT]
    far_port: Annotated[int, ANY_PORT]
    flow: Annotated[int, whole(0, 2**31)]
    upward: Annotated[bool, FLAG] = True
    far_address: Annotated[Address | None, optional(ADDRESS)] = None

    begun: list[Running] = field(default_factory=list, init=False, repr=False, compare=False)
    """Applications that were set going between them."""

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        self.near.network.check_own(self.far, self.far.network)

    @property
    def clock(self) -> Clock:
        """The clock of both."""
        return self.near.clock

    @property
    def remote(self) -> tuple[Address, int]:
        """Address and port of the far end."""
        return self.far_address or self.far.mobility.reached_at, self.far_port

    @property
    def ports(self) -> tuple[tuple[Host, int], tuple[Host, int]]:
        """Each host with its port."""
        return (self.near, self.near_port), (self.far, self.far_port)

    @property
    def label(self) -> int:
        """The mark on packets of the near end (see `Packet`)."""
        return self.flow if self.upward else -self.flow

    def esp(self) -> tuple[EspSocket, EspSocket]:
        """A socket for ESP at each end; the far one answers whoever speaks to it."""
        near = self.near.esp(self.near_port, self.far_port, self.remote[0], self.label)
        return near, self.far.esp(self.far_port, self.near_port, None, -self.label)

    def udp(self) -> tuple[UdpSocket, UdpSocket]:
        """A UDP socket at each end; the far one answers whoever speaks to it."""
        near = self.near.udp(self.near_port, self.remote, self.flow, self.upward)
        return near, self.far.udp(self.far_port, flow=self.flow, upward=not self.upward)


ENDS = Expected("both ends of a flow, as open() makes them", lambda it: isinstance(it, Ends))


class Running(Unique):
    """An application under way.

    `received_bytes` counts the octets that arrived at its receiver; `is_complete` is for applications with an end.
    """

    def __init__(self, ends: Ends) -> None:
        check(ENDS, ends=ends)
        self.ends = ends
        ends.begun.append(self)
        self.received_bytes = 0
        self.is_complete = False
        self.is_correct = True
        """False once an octet arrived that was not sent so."""
        self.is_stopped = False

    def count(self, data: bytes) -> None:
        """Add `len(data)` to `received_bytes`."""
        self.received_bytes += len(data)

    @property
    def counts(self) -> tuple[Take, ...]:
        """Do what `count` does, for many datagrams at once (`sim.trains`)."""
        return (Take(self._count_many, self, ("received_bytes",)),)

    def _count_many(self, count: int, octets: int, last_ns: int) -> None:
        self.received_bytes += count * octets

    def at(self, t_ns: int, act: Callable[[], None]) -> None:
        """Do `act` at `t_ns` nanoseconds, unless the application was stopped before."""
        self.ends.clock.at(t_ns, lambda _: None if self.is_stopped else act())

    def stop(self) -> None:
        """Stop sending and close the ports at both ends."""
        self.is_stopped = True
        self.ends.near.close_port(self.ends.near_port)
        self.ends.far.close_port(self.ends.far_port)


class Application(Protocol):
    """An application as `mn.open(cn, application)` takes it."""

    @property
    def protocol(self) -> str:
        """ "UDP", "TCP", "ICMPv6" or "ESP"."""

    @property
    def port(self) -> int:
        """The correspondent node's port where no other is asked for."""

    @property
    def name(self) -> str:
        """Its flow's name in pictures."""

    def start(self, ends: Ends) -> Running:
        """Set it going."""


def _is_application(app: Any) -> bool:
    is_named = fits(app.protocol, PROTOCOL) and fits(app.port, ANY_PORT) and fits(app.name, TEXT)
    return is_named and fits(app.start, function("ends")) and not isinstance(app, type)


PROTOCOL = one_of("UDP", "TCP", "ICMPv6", "ESP")
APPLICATION = Expected("an application, such as mf.apps.Voice()", _is_application)


def wrong_running(result: object, ends: Ends) -> str:
    """Say why the result of an application's `start` is wrong; empty where it is right."""
    return "" if isinstance(result, Running) else "expected a Running"


def port_of(app: Application) -> Expected:
    """Return the ports that an application may have; those of echo are identifiers, of which 0 is one."""
    return SPI if app.protocol == "ESP" else PORT if app.protocol == "ICMPv6" else SOCKET
