"""The seam to the world outside: an interface whose other end is bytes, and whose clock is driven from there.

It takes octets of IPv6 packets (without a link layer, as a TUN device has them) and the time; it gives the octets to
send and the time of the next call. Any node may stand behind it, in virtual or real time. It opens no socket and reads
no clock.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.errors import WireError
from mipflow.sim.clock import Unique
from mipflow.sim.link import Link, Port, Segment
from mipflow.sim.network import Network
from mipflow.wire import codec
from mipflow.wire.address import UNSPECIFIED, Prefix
from mipflow.wire.captures.template import Encoder
from mipflow.wire.packet import NO_NEXT_HEADER, Opaque, Packet

EVERYWHERE = Prefix(UNSPECIFIED, 0)
BEYOND = "beyond"
"""The segment of all addresses that no other has: all byte ports are on it, so shortest paths lead to the nearest."""


class BytePort(Unique):
    """The outside as a router named `owner` on `segment`, at (x, y) of the pictures.

    It answers for all addresses that no node on the segment has, so it is the default router there, and the way to all
    addresses outside the network. Several ports of a network share its clock: packets that one sends while another is
    called wait for its `poll`.
    """

    up = True

    def __init__(self, network: Network, segment: Segment, owner: str = "outside", x: float = 0.0, y: float = 0.0):
        self.network = network
        self.segment = segment
        self.owner = owner
        self.name = segment.name
        self._departed: list[bytes] = []
        self._encode = Encoder().encode
        self.receive: Callable[[Packet], None] = self._leaves
        """Called by a link with each packet that leaves the network here (`sim.link.Port`)."""
        network.add_node(owner, x, y, "router", forwards=True)
        network.attach(self, segment)
        network.attach(self, network.segments.get(BEYOND) or network.add_segment(BEYOND, Link(), EVERYWHERE))
        segment.elsewhere = self

    # --- the outside's end -------------------------------------------------------------------------------------------

    def receive_octets(self, octets: bytes, now_ns: int) -> list[bytes]:
        """Take the octets of one packet at `now_ns` nanoseconds; gives the octets that leave, as `poll` does.

        Octets that are no packet are a traced drop. Raises ProtocolMisuse for a time before that of an earlier call.
        """
        self.network.run_until(now_ns)
        self._arrived(octets)
        return self.poll(now_ns)

    def poll(self, now_ns: int) -> list[bytes]:
        """Let time pass up to `now_ns` nanoseconds; gives the octets of all packets that left, oldest first."""
        self.network.run_until(now_ns)
        departed, self._departed = self._departed, []
        return departed

    def next_ns(self) -> int | None:
        """Return when to call `poll` again at the latest, in nanoseconds; None while nothing is due."""
        heap = self.network.clock.heap
        return heap[0][0] if heap else None

    def _arrived(self, octets: bytes) -> None:
        try:
            packet = codec.decode_leniently(octets)
        except WireError as error:
            self._drop(Packet(UNSPECIFIED, UNSPECIFIED, Opaque(NO_NEXT_HEADER, octets[:65535])), str(error))
            return
        for receiver in self._receivers(packet):
            self.segment.channel(self, receiver).send(packet.copy())

    def _receivers(self, packet: Packet) -> list[Port]:
        """Return the ports on the segment that get a packet: all a multicast, a neighbor its own, a router the rest."""
        others = [port for port in self.segment.ports if port is not self]
        if packet.destination.is_multicast:
            return others
        neighbor = self.segment.neighbors.get(packet.destination)
        routers = [port for port in self.network.routers_on(self.segment) if port is not self]
        found = [port for port in others if port is neighbor] or routers[:1]
        if not found:
            self._drop(packet, f"nobody on {self.name} has {packet.destination}")
        return found

    # --- the network's end ------------------------------------------------------------------------------------------

    def _leaves(self, packet: Packet) -> None:
        self._departed.append(self._encode(packet))

    def too_big(self, packet: Packet, mtu: int) -> None:
        """Drop a packet from outside that does not fit the segment."""
        self._drop(packet, f"{packet.size} octets do not fit the link's {mtu}")

    def _drop(self, packet: Packet, reason: str) -> None:
        self.network.drop(packet, reason, self.owner)
