"""Attackers of RFC 4225 and RFC 6275 section 15: nodes that claim what is not theirs, or say again what others said.

They stand on a link of their own with an address of their own, forge any source address (nobody filters), and may have
ears on one other link of the network. What a peer then believes is the peer's affair.
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
"""How long a liar hopes to overhear an answer before it makes one up."""
LIFETIME_UNITS = MAX_RR_BINDING_LIFETIME_S // mobility.LIFETIME_UNIT_S

How = Literal["received", "overheard", "guessed"]


@dataclass(slots=True)
class HeldToken(Entry):
    """A keygen token in a liar's hands: for which address, how it came by it, and since when (seconds)."""

    columns = "kind address how since_s".split()
    kind: RoutabilityTest
    address: Address
    how: How
    since_s: float


class HeldTokens(Table[RoutabilityTest, HeldToken]):
    """The two tokens for what a liar claims, as far as it has them."""

    name = "keygen tokens"

    def hold(self, held: HeldToken) -> list[Change]:
        """Take a token; one that is true already stays as it is."""
        return [] if held.kind.value in self.true() else self._put(held.kind, held)

    def true(self) -> dict[str, float]:
        """The kinds of those that are no guesses: "home", "care-of" -> since when, in seconds."""
        return {each.kind.value: each.since_s for each in self if each.how != "guessed"}

    def _text(self, key: RoutabilityTest) -> str:
        return key.value


class StraightOnly(MobileNode):
    """The mobile node in a liar: what it sends itself goes straight; its binding is for what others send."""

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Straight."""
        return self.node.direct_road(source, destination)

    def tunnel_road(self, home_address: Address, care_of: Address | None = None) -> Road | None:
        """There is no tunnel."""
        return None


class Liar(Host):
    """A mobile node that registers an address that is not its own: another's home address, or a false care-of address.

    No home agent knows of it: home tests leave with a forged source address. An answer that it cannot receive it
    overhears, where it has ears on its way, and otherwise it guesses.
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
        """Have ears on a link: tests that pass there are answers to this node too, inside tunnels that are open."""

        def overhear(packet: Packet, now: int) -> None:
            inner = packet
            while isinstance(inner.payload, Packet):  # what is in ESP stays closed to it
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
        entry = updates.get(self.mobility.home_agent, home_address)
        assert entry is not None
        updates.step(entry, EntryEvent.UPDATE)
        # Its own home agent, it grants itself an hour.
        updates.step(entry, EntryEvent.ACCEPT, registered=self.address, expires_ns=self.clock.now + 3600 * NS_PER_S)
        self.mobility.registrar.register_correspondent(correspondent, home_address, care_of_address)

    def lie(self, correspondent: Address, home_address: Address, care_of_address: Address) -> None:
        """Say the same at once, without any test: for a correspondent that asks for no proof."""
        where = mobility.AlternateCareOfAddress(care_of_address)
        update = mobility.BindingUpdate(1, lifetime_units=LIFETIME_UNITS, options=(where,))
        option = DestinationOptions((HomeAddressOption(home_address),))
        forge(self, Packet(self.address, correspondent, update, extensions=(option,)))

    def _send_and_guess(self, packet: Packet, road: Road) -> None:
        """Send signalling; if nobody answers, take a guess for the answer."""
        road.send(packet)
        message, guess = packet.payload, self._guess
        if isinstance(message, mobility.HomeTestInit | mobility.CareOfTestInit):
            kind = mobility.HomeTest if isinstance(message, mobility.HomeTestInit) else mobility.CareOfTest
            answer = kind(guess.randrange(8), message.cookie, guess.randbytes(8))
            made_up = Packet(packet.destination, packet.source, answer)
            self.clock.after(PATIENCE_NS, lambda _: self._take(made_up, "guessed"))

    def _received(self, arrival: Arrival) -> None:
        """An answer came to this node itself."""
        self._hold(arrival.packet, "received")
        self._judge(arrival)

    def _take(self, packet: Packet, how: How) -> None:
        """Take an answer for one of ours, wherever it was heard; its cookie tells which it is."""
        if self._hold(packet, how):
            self._judge(Arrival(packet, next(iter(self.interfaces.values())), tunnel=packet))

    def _hold(self, packet: Packet, how: How) -> bool:
        """Note a token; False where no test of ours waits for it."""
        answer = packet.payload
        assert isinstance(answer, mobility.HomeTest | mobility.CareOfTest)
        kind = RoutabilityTest.HOME if isinstance(answer, mobility.HomeTest) else RoutabilityTest.CARE_OF
        tests = self.mobility.registrar.tests
        is_ours = tests.is_expected((kind, packet.source, packet.destination), answer.cookie)
        if is_ours:
            self.record(self.tokens.hold(HeldToken(kind, packet.destination, how, self.clock.now / NS_PER_S)))
        return is_ours

    def direct_road(self, source: Address, destination: Address) -> Road | None:
        """From any source address that is wanted."""
        return super().direct_road(self.address, destination)


def forge(node: Host, packet: Packet) -> None:
    """Send a packet as it is, with any source address."""
    road = node.direct_road(node.address, packet.destination)
    if road is not None:
        road.send(packet)


class Forger(Host):
    """Sends packets with any source address."""

    role: Role = "attacker"
    forge = forge


class Hoarder(Host):
    """Binds as many home addresses as it likes at a correspondent: all its own, and nothing about them is false."""

    role: Role = "attacker"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self._care_of_test: mobility.CareOfTest | None = None
        self.handlers[mobility.CareOfTest] = self._tested_care_of
        self.handlers[mobility.HomeTest] = self._tested_home

    def hoard(self, correspondent: Address, home_address: Address) -> None:
        """Test one more home address of its link, and bind it when the answer comes."""
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
            option = DestinationOptions((HomeAddressOption(home_address),))
            message = proved(update, key, self.address, correspondent)
            forge(self, Packet(self.address, correspondent, message, extensions=(option,)))


class Replayer(Host):
    """Records the binding updates that pass on a link, and sends them again as they were."""

    role: Role = "attacker"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self.recorded: list[Packet] = []

    def listen(self, segment: Segment) -> None:
        """Have ears on a link."""

        def overhear(packet: Packet, now: int) -> None:
            if isinstance(packet.payload, mobility.BindingUpdate):
                self.recorded.append(packet.copy())

        self.network.check_segment(segment)
        segment.tap(overhear)

    def replay(self, correspondent: Address) -> int:
        """Send again all that was recorded on its way to a correspondent; gives how many."""
        again = [packet.copy() for packet in self.recorded if packet.destination == correspondent]
        for packet in again:
            forge(self, packet)
        return len(again)
