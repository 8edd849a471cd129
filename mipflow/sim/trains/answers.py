"""The answers of nodes that are asked what they would do with the packets of a flow.

Trains ask each node on the way with a packet that is like all others of the flow. An answer has no effects, and two
answers are equal while nothing has changed. How nodes answer stands in `flow.plans`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from mipflow.sim.link import Channel, Port
from mipflow.wire.packet import Packet


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


class Nodes(Protocol):
    """The nodes of a network, as they are asked."""

    def departure(self, sending: Any) -> Departure | None:
        """Say how packets leave that somebody sends; None where that is not said."""

    def plan(self, port: Port, packet: Packet) -> Plan:
        """Say what a port would do with a packet that arrives there."""
