"""Ask a learner's `key` about every packet at a mobile node's interfaces: packets with one key belong together.

It sees a packet as its header says, either way. The separator, in contrast, knows a conversation by its first packet
and sees no care-of address. Nothing of this stands in a world without such a function.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache, partial
from typing import NamedTuple

from mipflow.errors import FunctionFailed
from mipflow.node.node import Arrival, Handler, Node
from mipflow.sim.link import Segment
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP, UDP, Packet


class Seen(NamedTuple):
    """A UDP datagram or TCP segment as it passes an interface of the mobile node; a tunnel around it is taken off.

    outgoing: whether the mobile node sends it; source, destination: one is the care-of address of that interface, the
    other the correspondent; protocol: "UDP" or "TCP"; label: the flow label, 0 for none (RFC 6437).
    """

    outgoing: bool
    source: str
    destination: str
    protocol: str
    source_port: int
    destination_port: int
    label: int = 0


class Sorted(NamedTuple):
    """A packet that was asked about: when it passed, in nanoseconds; its flow; its header; its key."""

    t_ns: int
    flow: int
    packet: Seen
    key: Hashable


def wrong_key(result: object, packet: object) -> str:
    """Say what is wrong with a key; empty where nothing is."""
    try:
        hash(result)
    except TypeError:
        return "expected a number, a word or a tuple, which cannot change later"
    return "expected a number, a word or a tuple" if result is None else ""


class PacketKeys:
    """The answers of a learner's key(packet) for every packet of a flow that passes the interfaces of `node`.

    After the first failure it is asked no more.
    """

    def __init__(self, node: Node, key: Callable[[Seen], Hashable], failed: Callable[[FunctionFailed], None]) -> None:
        self._node, self._key, self._tell = node, key, failed
        self._watched = set[Segment]()
        self.packets: list[Sorted] = []
        """The packets, in the order in which they passed."""
        self.failed = ""
        """How the function failed, in words; empty where it did not."""
        for kind in (UDP, TCP):
            node.handlers[kind] = partial(self._arrives, node.handlers[kind])
        node.network.on_change(self._watch)

    def _watch(self) -> None:
        """Look at each network where an interface is."""
        for interface in self._node.interfaces.values():
            if interface.segment is not None and interface.segment not in self._watched:
                self._watched.add(interface.segment)
                interface.segment.tap(self._leaves)

    def _leaves(self, packet: Packet, now: int) -> None:
        if packet.label > 0:  # of a flow, and sent by the mobile node
            inner = packet.innermost()
            self._ask(inner, True, packet.source, inner.destination)

    def _arrives(self, upper: Handler, arrival: Arrival) -> None:
        if arrival.packet.label:
            self._ask(arrival.packet, False, arrival.source, (arrival.tunnel or arrival.packet).destination)
        upper(arrival)

    def _ask(self, packet: Packet, outgoing: bool, source: Address, destination: Address) -> None:
        payload = packet.payload
        if self.failed or not isinstance(payload, UDP | TCP):
            return
        ends = _text(source), _text(destination), type(payload).__name__
        seen = Seen(outgoing, *ends, payload.source_port, payload.destination_port, packet.flow_label)
        try:
            key = self._key(seen)
        except FunctionFailed as error:
            self.failed = str(error)
            self._tell(error)
        else:
            self.packets.append(Sorted(self._node.clock.now, packet.flow, seen, key))


@cache
def _text(address: Address) -> str:
    return str(address)
