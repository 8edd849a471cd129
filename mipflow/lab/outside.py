"""A place on a link for somebody outside, who sends packets that they wrote themselves.

Takes packets of scapy's, or octets; gives answers with their names. The world's clock runs while they wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mipflow.arguments import SECONDS, check
from mipflow.errors import MipflowError, WireError, shown
from mipflow.sim.clock import NS_PER_S, seconds
from mipflow.sim.link import Segment
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.view.story.words import long
from mipflow.wire import codec, mobility
from mipflow.wire.packet import NO_NEXT_HEADER, Opaque, Packet

if TYPE_CHECKING:
    from scapy.layers.inet6 import IPv6

OCTETS = "expected a packet of scapy's that begins with IPv6(), or its octets"


class Answer:
    """A packet that came back. `t_s`: its time of arrival, in seconds of virtual time; `after_s`: seconds since the
    question; `octets`: the whole packet; `name`: its name, such as "binding acknowledgement, status 0 (accepted)".
    """

    def __init__(self, t_ns: int, asked_ns: int, octets: bytes) -> None:
        self.t_s, self.after_s = t_ns / NS_PER_S, (t_ns - asked_ns) / NS_PER_S
        self.octets = octets
        self.value = codec.decode_leniently(octets)
        self.name = _named(self.value)

    @property
    def packet(self) -> IPv6:
        """The packet as scapy reads it."""
        from scapy.layers.inet6 import IPv6

        return IPv6(self.octets)

    def __repr__(self) -> str:
        return f"after {self.after_s:.3f} s: {self.name}, from {self.value.source}"


class Outside:
    """A place on `segment` for somebody outside, at (x, y) of the pictures, who has every address that nobody there
    has.
    """

    def __init__(self, network: Network, segment: Segment, name: str, x: float, y: float) -> None:
        self._network = network
        self._port = BytePort(network, segment, name, x, y)
        self.answers: list[Answer] = []
        """All packets that came, oldest first, without those to everybody on the link."""

    def send(self, packet: Any, wait_s: float = 3.0) -> list[Answer]:
        """Send a packet of scapy's, or octets, and let `wait_s` seconds pass; return what came back, oldest first.

        Octets that are no packet are a traced drop. Raises WireError for what has no octets, or none of IPv6.
        """
        check(SECONDS, wait_s=wait_s)
        octets = _octets(packet)
        began_ns, before = self._network.clock.now, len(self.answers)
        self._hear(self._port.receive_octets(octets, began_ns), began_ns)
        end_ns = began_ns + seconds(wait_s)
        while (due_ns := self._port.next_ns()) is not None and due_ns <= end_ns:
            self._hear(self._port.poll(due_ns), began_ns)
        self._network.run_until(end_ns)
        return self.answers[before:]

    def _hear(self, arrived: list[bytes], asked_ns: int) -> None:
        came = [Answer(self._network.clock.now, asked_ns, octets) for octets in arrived]
        self.answers += [answer for answer in came if not answer.value.destination.is_multicast]

    def __repr__(self) -> str:
        return f"<{self._port.owner} on {self._port.segment.name}, {len(self.answers)} answers>"


def _octets(packet: Any) -> bytes:
    from scapy.packet import Packet as ScapyPacket

    if not isinstance(packet, bytes | ScapyPacket):
        raise WireError(f"{shown(packet)} is no packet; {OCTETS}", packet)
    try:
        octets = bytes(packet)
    except MipflowError:
        raise
    except Exception as error:  # scapy refuses a field only when it writes it
        raise WireError(f"{shown(packet)} cannot be written ({shown(error, str)}); {OCTETS}", packet) from None
    if len(octets) < Packet.fixed or octets[0] >> 4 != 6:
        raise WireError(f"{shown(packet)} begins with no IPv6 header; {OCTETS}", packet)
    return octets


def _named(packet: Packet) -> str:
    """Name a packet in words; of one in a tunnel, say both."""
    inside = packet.payload
    if isinstance(inside, Packet):
        return f"a {_named(inside)} from {inside.source} to {inside.destination}, in a tunnel to {packet.destination}"
    if isinstance(inside, mobility.BindingAcknowledgement):
        known = {int(each): each.name.lower().replace("_", " ") for each in mobility.Status}
        told = known.get(inside.status, "unknown")
        lasts = f", for {inside.lifetime_units * mobility.LIFETIME_UNIT_S} s" if inside.lifetime_units else ""
        return f"binding acknowledgement, status {inside.status} ({told}){lasts}"
    if isinstance(inside, Opaque) and inside.next_header == NO_NEXT_HEADER:
        return "packet without contents"
    return long(packet)
