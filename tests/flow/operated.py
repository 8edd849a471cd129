"""A small world for protocols of our own: a mobile node that has nothing but a way to hear and send, its adapted home
agent, and a policy server behind the Internet.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.flow.protocols.address_protocol import AddressBook, AddressGranter
from mipflow.flow.protocols.policy_server import PolicyServer
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.security.key_exchange import KeyExchange
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import UDP, Packet

S = 1_000_000_000
MS = 1_000_000
HOME, WLAN, OFFICE = (Prefix.parse(f"2001:db8:{net}::/64") for net in ("100", "200", "f"))
PRIMARY = HOME.address(0x10)
KEY = b"of mobile node and home agent..."
OPERATOR_KEY = b"of mobile node and operator....."
ONE_WAY_MS = 20
"""Between mobile node and home agent, and between home agent and policy server."""


class HearingNode(Host):
    """A mobile node with what the flow-moving one offers to protocols of our own."""

    def __init__(self, network: Network, home_agent: Address) -> None:
        super().__init__(network, "MN")
        self.mobility: MobileNode = MobileNode(self, home_agent=home_agent, home_address=PRIMARY)
        self.own_home_addresses = self.mobility.own_home_addresses
        self.visit, self.care_of_address = self.mobility.visit, self.mobility.care_of_address
        self.primary_home_address = PRIMARY

    def hear_control(self, port: int, heard: Callable[[Arrival], None]) -> None:
        self.hear_port(port, heard)

    def send_control(self, payload: UDP, destination: Address, source: Address | None = None) -> bool:
        primary = self.primary_home_address
        road = None if primary in self.addresses else self.mobility.tunnel_road(primary)
        if road is None and primary not in self.addresses:
            return False
        self.send_direct(Packet(source or primary, destination, payload), road)
        return True


class Operated:
    """`book` None makes a home agent that is not adapted; the mobile node is on its way to be registered."""

    def __init__(self, book: AddressBook | None = None, adapted: bool = True, security: bool = False) -> None:
        self.network = network = Network(7, "all", wire=True)
        self.trace = network.trace
        internet = Router(network, "Internet", 4.0, 0.0)
        self.ha = HomeAgent(network, "HA", 4.0, 2.0)
        self.book = AddressBook(HOME) if book is None else book
        if adapted:
            self.granter = AddressGranter(self.ha, self.book)
            self.granter.share_key(PRIMARY, KEY)
        half, none = (Link(delay_ms=delay_ms, rate_bps=None) for delay_ms in (ONE_WAY_MS / 2, 0))
        self.home = network.add_segment("home", none, HOME)
        join_routers(network, internet, self.ha, half)
        self.ha.serve_home(self.home, 7)
        access = AccessRouter(network, "AR", 2.0, 0.0)
        self.wlan = network.add_segment("wlan0", none, WLAN)
        join_routers(network, access, internet, half)
        access.serve(self.wlan)
        office = network.add_segment("office", half, OFFICE)
        internet.serve(office)
        self.server = PolicyServer(network, "Operator", 6.0, 0.0)
        self.server.settle(office, 0x99)
        self.server.share_key(PRIMARY, OPERATOR_KEY)
        self.mn = HearingNode(network, self.ha.home_agent_address)
        if security:
            KeyExchange(self.mn.mobility, self.ha)
        self.mn.visit("wlan0", self.wlan)

    def run(self, duration_s: float) -> None:
        """Let virtual time pass."""
        self.network.run_until(self.network.clock.now + round(duration_s * S))

    def datagrams(self, sender: str, port: int) -> list[tuple[int, Packet]]:
        """Return the datagrams that a node sent first to a port: when, and the packet on the wire."""
        return [
            (hop.sent_ns, hop.packet)
            for hop in self.trace
            if hop.channel.sender == sender and self._port(hop.packet) == port and hop.hop_limit == 64
        ]

    def _port(self, packet: Packet) -> int | None:
        inner = packet.innermost().payload
        return inner.destination_port if isinstance(inner, UDP) else None

    def reasons(self, node: str) -> list[str]:
        """Return the reasons for which a node dropped packets."""
        return [drop.reason for drop in self.trace.drops() if drop.node == node]

    def decisions(self, what: str) -> list[str]:
        """Return the reasons of a kind of decision."""
        return [decision.why for decision in self.trace.decisions() if decision.what == what]

    def lose(self, wanted: Callable[[Packet], bool]) -> None:
        """Lose, from now on, what is wanted on the access network."""
        self.wlan.tap(lambda packet, now: "taken by the test" if wanted(packet.innermost()) else None)
