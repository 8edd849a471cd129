"""An interface of a node on a segment, with its addresses and default router there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.arguments import FLAG, check
from mipflow.errors import TopologyError
from mipflow.sim.clock import Unique
from mipflow.sim.link import Channel, Port, Segment
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import Packet

LINK_LOCAL = Prefix.parse("fe80::/64")


class Holder(Protocol):
    """The node of an interface, as the interface sees it."""

    name: str
    network: Network
    addresses: dict[Address, Interface]
    interface_changed: Callable[[Interface], None]

    def receiver(self, interface: Interface) -> Callable[[Packet], None]:
        """Return the function that a link calls with each packet that arrives at an interface."""

    def too_big(self, packet: Packet, mtu: int) -> None:
        """Drop a packet that is larger than the next link's `mtu` octets."""


class Interface(Unique):
    """One interface of a node; `interface_identifier` makes its addresses (RFC 4291 section 2.5.1)."""

    def __init__(self, node: Holder, name: str, interface_identifier: int) -> None:
        self.node = node
        self.network, self.owner = node.network, node.name
        self.name = name
        self.interface_identifier = interface_identifier
        self.link_local = LINK_LOCAL.address(interface_identifier)
        self.link_layer_address = b"\2" + (interface_identifier & 0xFF_FFFF_FFFF).to_bytes(5, "big")
        """Six octets, administered locally, that neighbor discovery tells. Nothing is delivered by them."""
        self.segment: Segment | None = None
        self.up = True
        self.addresses: list[Address] = []
        """Global addresses that are assigned here; the last one is the one in use."""
        self.router: Port | None = None
        """The default router's port on this segment (RFC 4861 section 5.1)."""
        self.listens = False
        """True while it is up and on a segment: a packet that arrives at any other time is lost."""
        self.is_arriving = False
        """True until a router says which link it is on: its link-local address is tentative (RFC 4862 section 5.4). It
        may be our own home agent that asks for it on the home link, since our last update has the L bit.
        """
        self.receive = node.receiver(self)
        self.too_big = node.too_big

    @property
    def address(self) -> Address | None:
        """The global address in use here, or None."""
        return self.addresses[-1] if self.addresses else None

    @property
    def is_usable(self) -> bool:
        """True while it is up, on a segment that is up, and has an address."""
        return self.up and self.segment is not None and self.segment.up and bool(self.addresses)

    # --- joining and leaving -----------------------------------------------------------------------------------------

    def join(self, segment: Segment) -> None:
        """Go on a segment. Raises TopologyError where it is on one already."""
        if self.segment is not None:
            raise TopologyError(f"{self.owner}.{self.name} is on {self.segment.name}; leave it first", self.name)
        self.network.attach(self, segment)
        self.segment = segment
        self.listens = self.up
        self._claim(self.link_local)

    def leave(self, is_noticed: bool = True) -> None:
        """Leave the segment; addresses and default router go with it, unless the link layer does not notice."""
        if self.segment is None:
            raise TopologyError(f"{self.owner}.{self.name} is on no segment", self.name)
        if is_noticed:
            for address in list(self.addresses):
                self.remove_address(address)
            self.router = None
        self.network.detach(self, self.segment)
        self.segment = None
        self.listens = False

    def set_up(self, up: bool) -> None:
        """Take the interface up or down; addresses stay."""
        check(FLAG, up=up)
        was_up, self.up = self.up, up
        self.listens = up and self.segment is not None
        if self.segment is not None:
            self.segment.refresh()
        self.network.changed()
        if up != was_up:
            self.node.interface_changed(self)

    # --- addresses ---------------------------------------------------------------------------------------------------

    def add_address(self, address: Address, shared: bool = False) -> None:
        """Assign a global address. Raises TopologyError where another node answers for it. With `shared` this one waits
        until the other answers no longer.
        """
        if self.segment is None:
            raise TopologyError(f"{self.owner}.{self.name} is on no segment and can have no address", self.name)
        if not shared and self.segment.neighbors.get(address, self) is not self:
            raise TopologyError(f"{address} is in use on {self.segment.name} already", address)
        self.addresses.append(address)
        self.node.addresses[address] = self
        self._claim(address)
        self.network.changed()

    def _claim(self, address: Address) -> None:
        """Answer for an address, or wait until the port that does so ceases."""
        assert self.segment is not None
        if self.segment.neighbors.setdefault(address, self) is not self:
            self.segment.claims[address] = self

    def prefer(self, address: Address) -> None:
        """Let one of the addresses be the one in use."""
        self.addresses.remove(address)
        self.addresses.append(address)

    def remove_address(self, address: Address) -> None:
        """Take a global address away."""
        self.addresses.remove(address)
        if self.node.addresses.get(address) is self:
            del self.node.addresses[address]
        if self.segment is not None:
            for answering in (self.segment.neighbors, self.segment.claims):
                if answering.get(address) is self:
                    del answering[address]
        self.network.changed()

    def answers_for(self, address: Address) -> bool:
        """True for an address that it has or stands in for, unless it is tentative."""
        if address == self.link_local:
            return not self.is_arriving
        return address in self.addresses or (self.segment is not None and self.segment.neighbors.get(address) is self)

    # --- sending and receiving ---------------------------------------------------------------------------------------

    def channel_to(self, destination: Address) -> Channel | None:
        """Return the channel towards `destination`: to a neighbor itself, else to the default router, or None.
        """
        segment = self.segment
        if segment is None:
            return None
        neighbor = segment.neighbors.get(destination) or segment.claims.get(destination)
        if neighbor is None:
            prefixes = self.network.prefixes_of(segment)
            on_link = destination.is_link_local or any(destination in prefix for prefix in prefixes)
            neighbor = self.router if not on_link and self.router in segment.ports else None
        neighbor = neighbor or segment.elsewhere
        return None if neighbor is None or neighbor is self else segment.channel(self, neighbor)

    def multicast(self, packet: Packet) -> None:
        """Send a copy to every other port of the segment."""
        if self.segment is not None:
            self.segment.multicast(self, packet)

    def __repr__(self) -> str:
        return f"<Interface {self.owner}.{self.name}>"
