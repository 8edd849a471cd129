"""Small networks: two hosts and a link, or two hosts with routers between them, in three lines."""

from __future__ import annotations

from mipflow.node.host import Host
from mipflow.node.node import Arrival, Node
from mipflow.node.router import Router, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import Packet

LEFT, RIGHT = Prefix.parse("2001:db8:1::/64"), Prefix.parse("2001:db8:2::/64")


class Pair:
    """Two hosts `a` and `b` on one link."""

    def __init__(self, link: Link | None = None, seed: int = 1) -> None:
        self.network = Network(seed, wire=True)
        self.segment = self.network.add_segment("link", link or Link(), LEFT)
        self.a, self.b = Host(self.network, "A"), Host(self.network, "B")
        self.a.settle(self.segment, 0xA)
        self.b.settle(self.segment, 0xB)

    def run(self, seconds: float = 100.0) -> Pair:
        self.network.run_until(self.network.clock.now + round(seconds * 1e9))
        return self

    @property
    def drops(self) -> list[tuple[str, str]]:
        return [(drop.node, drop.reason) for drop in self.network.trace.drops()]


class Path(Pair):
    """Hosts `a` and `b` with routers R1 ... Rn between them; `links` are those between the routers."""

    def __init__(self, *links: Link, seed: int = 1, near: Link | None = None, far: Link | None = None) -> None:
        self.network = Network(seed, wire=True)
        self.routers = [Router(self.network, f"R{number}") for number in range(1, len(links) + 2)]
        for one, other, link in zip(self.routers, self.routers[1:], links, strict=False):
            join_routers(self.network, one, other, link)
        self.a, self.b = (
            self.live(name, prefix, router, link or Link())
            for name, prefix, router, link in (("A", LEFT, self.routers[0], near), ("B", RIGHT, self.routers[-1], far))
        )

    def live(self, name: str, prefix: Prefix, router: Router, link: Link) -> Host:
        segment = self.network.add_segment(f"{name}'s", link, prefix)
        router.serve(segment)
        host = Host(self.network, name)
        host.settle(segment, ord(name))
        return host


def listen(node: Node, kind: type) -> list[Arrival]:
    """Note every arrival of a kind of payload, and let it be handled as before."""
    seen: list[Arrival] = []
    before = node.handlers.get(kind)

    def noting(arrival: Arrival) -> None:
        seen.append(arrival)
        if before is not None:
            before(arrival)

    node.handlers[kind] = noting
    return seen


def inject(node: Node, packet: Packet, interface: str = "eth0") -> None:
    """Let a packet arrive at a node as if from its link."""
    node.receive(packet, node.interfaces[interface])


def address(text: str) -> Address:
    return Address(text)
