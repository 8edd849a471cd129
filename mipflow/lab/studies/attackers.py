"""Attackers of RFC 4225 and RFC 6275 section 15: nodes that claim the addresses of others, or repeat their messages.

They stand on a link of their own with an address of their own, forge any source address (nobody filters), and may
listen on one other link of the network. Whether a peer believes them is decided at the peer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mipflow.mip6.bindings.binding_update_list import EntryEvent
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest, binding_management_key, proved
from mipflow.mip6.bindings.table import Entry, Table
from mipflow.mip6.constants import MAX_RR_BINDING_LIFETIME_S
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.road import Road
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Segment
from mipflow.sim.network import Network, Role
from mipflow.sim.trace import Change
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

PATIENCE_NS = NS_PER_S // 2
"""The time that a liar waits to overhear an answer before it makes one up."""
LIFETIME_UNITS = MAX_RR_BINDING_LIFETIME_S // mobility.LIFETIME_UNIT_S

How = Literal["received", "overheard", "guessed"]


@dataclass(slots=True)
class HeldToken(Entry):
    """A keygen token that a liar holds: the address it is for, how the liar got it, and since when (seconds)."""

    columns = "kind address how since_s".split()
    kind: RoutabilityTest
    address: Address
    how: How
    since_s: float


class HeldTokens(Table[RoutabilityTest, HeldToken]):
    """The two tokens that a liar needs for its claim, as far as it has them."""

    name = "keygen tokens"

    def hold(self, held: HeldToken) -> list[Change]:
        """Take a token, unless a true one of its kind is there already."""
        return [] if held.kind.value in self.true() else self._put(held.kind, held)

    def true(self) -> dict[str, float]:
        """Return the tokens that are no guesses: "home", "care-of" -> since when, in seconds."""
        return {each.kind.value: each.since_s for each in self if each.how != "guessed"}

    def _text(self, key: RoutabilityTest) -> str:
        return key.value


class StraightOnly(MobileNode):
    """The mobile node in a liar: its own packets go straight, its binding is for packets that others send."""

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Return the direct road."""
        return self.node.direct_road(source, destination)

    def tunnel_road(self, home_address: Address, care_of: Address | None = None) -> Road | None:
        """Return None: there is no tunnel."""
        return None


class Liar(Host):
    """A mobile node that registers an address that is not its own: another's home address, or a false care-of address.

    It has no home agent: home tests leave with a forged source address. An answer that does not come to it is overheard
    where it listens on the way, and guessed elsewhere.
    """

    role: Role = "attacker"

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, address: Address, **settings: Any
    ) -> None:
        super().__init__(network, name, x, y)
        self.mobility: MobileNode = StraightOnly(self, home_agent=address, home_address=address, **settings)
        self.send_by = self._send_and_guess
        self.tokens = HeldTokens()
        self._guess = network.random(f"{name}/guesses")
        self._judge = self.handlers[mobility.HomeTest]
        self.handlers[mobility.HomeTest] = self.handlers[mobility.CareOfTest] = self._received

    def listen(self, segment: Segment) -> None:
        """Listen on a link: tests that pass there are answers to this node too, also inside tunnels that are not
        encrypted.
        """

        def overhear(packet: Packet, now: int) -> None:
            inner = packet
            while isinstance(inner.payload, Packet):  # it cannot read what is in ESP
                inner = inner.payload
            if isinstance(inner.payload, mobility.HomeTest | mobility.CareOfTest):
                self.clock.at(now, lambda _: self._take(inner.copy(), "overheard"))

        self.network.check_segment(segment)
        segment.tap(overhear)
        self.decided("ears", segment.name)

    def claim(self, correspondent: Address, home_address: Address, care_of_address: Address) -> None:
        """Try to have a correspondent send what is for `home_address` to `care_of_address`."""
        self.mobility.own_home_addresses.add(home_address)
        updates = self.mobility.binding_updates
        updates.want(self.mobility.home_agent, home_address, self.address, home_registration=True)
        entry = updates.get((self.mobility.home_agent, home_address))
        assert entry is not None
        updates.step(entry, EntryEvent.UPDATE)
        # It is its own home agent, and grants itself an hour.
        updates.step(entry, EntryEvent.ACCEPT, registered=self.address, expires_ns=self.clock.now + 3600 * NS_PER_S)
        self.mobility.registrar.register_correspondent(correspondent, home_address, care_of_address)

    def lie(self, correspondent: Address, home_address: Address, care_of_address: Address) -> None:
        """Send the same claim at once, without any test: for a correspondent that asks for no proof."""
        where = mobility.AlternateCareOfAddress(care_of_address)
        update = mobility.BindingUpdate(1, lifetime_units=LIFETIME_UNITS, options=(where,))
        forge(self, update_packet(home_address, self.address, correspondent, update))

    def _send_and_guess(self, packet: Packet, road: Road) -> None:
        """Send signalling; take a guess for the answer if none comes."""
        road.send(packet)
        message, guess = packet.payload, self._guess
        if isinstance(message, mobility.HomeTestInit | mobility.CareOfTestInit):
            kind = mobility.HomeTest if isinstance(message, mobility.HomeTestInit) else mobility.CareOfTest
            answer = kind(guess.randrange(8), message.cookie, guess.randbytes(8))
            made_up = Packet(packet.destination, packet.source, answer)
            self.clock.after(PATIENCE_NS, lambda _: self._take(made_up, "guessed"))

    def _received(self, arrival: Arrival) -> None:
        """Take an answer that came to this node itself."""
        self._hold(arrival.packet, "received")
        self._judge(arrival)

    def _take(self, packet: Packet, how: How) -> None:
        """Take an answer wherever it was heard, if its cookie belongs to a test of ours."""
        if self._hold(packet, how):
            interface = next(iter(self.interfaces.values()))
            self._judge(Arrival(packet, interface, packet, packet.source, packet.destination))

    def _hold(self, packet: Packet, how: How) -> bool:
        """Note a token; return False where no test of ours waits for it."""
        answer = packet.payload
        assert isinstance(answer, mobility.HomeTest | mobility.CareOfTest)
        kind = RoutabilityTest.HOME if isinstance(answer, mobility.HomeTest) else RoutabilityTest.CARE_OF
        tests = self.mobility.registrar.tests
        is_ours = tests.is_expected((kind, packet.source, packet.destination), answer.cookie)
        if is_ours:
            self.record(self.tokens.hold(HeldToken(kind, packet.destination, how, self.clock.now / NS_PER_S)))
        return is_ours

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """Return a road from any source address that is wanted."""
        return super().direct_road(self.address, destination)


def update_packet(home_address: Address, care_of: Address, peer: Address, update: mobility.BindingUpdate) -> Packet:
    """Build the packet of a binding update that is sent from a care-of address."""
    return Packet(care_of, peer, update, extensions=(DestinationOptions((HomeAddressOption(home_address),)),))


def forge(node: Host, packet: Packet) -> None:
    """Send a packet unchanged, with any source address."""
    road = node.direct_road(node.address, packet.destination)
    if road is not None:
        road.send(packet)


class Forger(Host):
    """A node that sends packets with any source address."""

    role: Role = "attacker"
    forge = forge


class Hoarder(Host):
    """A node that binds as many home addresses of its own as it likes at a correspondent; none of them is false."""

    role: Role = "attacker"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self._care_of_test: mobility.CareOfTest | None = None
        self.handlers[mobility.CareOfTest] = self._tested_care_of
        self.handlers[mobility.HomeTest] = self._tested_home

    def hoard(self, correspondent: Address, home_address: Address) -> None:
        """Test one more home address of its link; bind it when the answer comes."""
        next(iter(self.interfaces.values())).add_address(home_address)
        if self._care_of_test is None:
            forge(self, Packet(self.address, correspondent, mobility.CareOfTestInit(bytes(8))))
        forge(self, Packet(home_address, correspondent, mobility.HomeTestInit(bytes(8))))

    def _tested_care_of(self, arrival: Arrival) -> None:
        self._care_of_test = arrival.payload

    def _tested_home(self, arrival: Arrival) -> None:
        home_test: mobility.HomeTest = arrival.payload
        home_address, correspondent, care_of_test = arrival.destination, arrival.source, self._care_of_test
        if care_of_test is not None:
            key = binding_management_key(home_test.keygen_token, care_of_test.keygen_token)
            indices = mobility.NonceIndices(home_test.nonce_index, care_of_test.nonce_index)
            update = mobility.BindingUpdate(1, lifetime_units=LIFETIME_UNITS, options=(indices,))
            message = proved(update, key, self.address, correspondent)
            forge(self, update_packet(home_address, self.address, correspondent, message))


class Replayer(Host):
    """A node that records the binding updates that pass on a link, and sends them again unchanged."""

    role: Role = "attacker"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self.recorded: list[Packet] = []

    def listen(self, segment: Segment) -> None:
        """Listen on a link."""

        def overhear(packet: Packet, now: int) -> None:
            if isinstance(packet.payload, mobility.BindingUpdate):
                self.recorded.append(packet.copy())

        self.network.check_segment(segment)
        segment.tap(overhear)

    def replay(self, correspondent: Address) -> int:
        """Send again all updates recorded on their way to a correspondent; return how many."""
        again = [packet.copy() for packet in self.recorded if packet.destination == correspondent]
        for packet in again:
            forge(self, packet)
        return len(again)
