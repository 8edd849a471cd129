"""The answers of nodes that are asked what they would do with the packets of a flow, and the place of what asks.

A network sends every packet as events of its own. `sim.train` takes flows of a constant rate over, if it is put in: it
asks each node on the way with a packet that is like all others of the flow. An answer has no effects, and two answers
are equal while nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mipflow.sim.link import Channel
from mipflow.wire.address import Address
from mipflow.wire.packet import Packet

NEVER = 1 << 62
"""A time that does not come."""


class Take(NamedTuple):
    """A count of datagrams that pass. add: called with how many, the octets of payload of each, and when the last one
    did (nanoseconds); thing, names: the attributes that it changes, which are brought up to date before they are read.
    """

    add: Callable[[int, int, int], None]
    thing: object
    names: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Departure:
    """The packets of a socket that sends one datagram again and again.

    channel: the first link; make: builds the packet that enters it, for the time at which it is sent; label: of the
    meter that counts them; octets: of payload.
    """

    channel: Channel
    make: Callable[[int], Packet]
    label: int
    octets: int
    takes: tuple[Take, ...] = ()


@dataclass(slots=True, frozen=True)
class Forward:
    """A packet that goes on by `channel`, its hop limit one less. change: does that and more (None for nothing more),
    and gives the packet that enters the channel.
    """

    channel: Channel
    change: Callable[[Packet], Packet] | None = None


def passed_on(packet: Packet, change: Callable[[Packet], Packet] | None) -> Packet:
    """Return the packet that goes on in the place of one that came, as `Forward` says."""
    if change is not None:
        return change(packet)
    packet.hop_limit -= 1
    return packet


@dataclass(slots=True, frozen=True)
class Sink:
    """A packet that ends here, where it is only counted; label: of the meter that counts it, 0 for none."""

    label: int
    takes: tuple[Take, ...] = ()


Plan = Forward | Sink | None
"""The answer; None for anything but forwarding and counting."""


class Planner(Protocol):
    """A port as it is asked."""

    def plan(self, packet: Packet) -> Plan:
        """Say what the port's `receive` would do with a packet, without doing it."""


class Boarding:
    """The place of the trains of a network, without any: no flow is taken over."""

    def board(
        self, asked: Callable[[], Departure | None], tick: Callable[[object], None], interval_ns: int, end_ns: int
    ) -> int:
        """Take over what `tick` sends every `interval_ns` after now and before `end_ns`, and return 0; or return before
        which time there is no use in asking again, in nanoseconds.
        """
        return NEVER

    def changed(self, node: str = "", about: Address | None = None) -> None:
        """Take note that the node of a name may answer otherwise from now on, or only about packets with this address;
        any node where none is named.
        """

    def recall(self, channel: Channel | None = None) -> None:
        """Turn what is under way on a channel, or everywhere, into events: the link is about to change."""
