"""Home Address options, routing headers and the ends of bindings, alike at home agent and correspondent node."""

from __future__ import annotations

from typing import Any

import pytest

from mipflow.lab.scenarios import HOME as HOME_PREFIX
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.mobility import (
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingError,
    BindingUpdate,
    HomeTestInit,
    NonceIndices,
    UnknownMobilityMessage,
)
from mipflow.wire.packet import (
    UDP,
    DestinationOptions,
    ExtensionHeader,
    Header,
    HomeAddressOption,
    Marks,
    Opaque,
    Packet,
    RoutingHeaderType2,
    Sized,
    UnknownOption,
    packet_of,
)
from tests.mip6.worlds import S, world
from tests.node.nodes import inject, listen

HOME, CARE_OF = HOME_PREFIX.address(0x77), Address("2001:db8:200::77")
OPTION = DestinationOptions((HomeAddressOption(HOME),))
HARMLESS = DestinationOptions((UnknownOption(0x1E, b"\0\0"),))
ROLES = pytest.mark.parametrize("role", ["HA", "CN1"])


class Desk:
    """A home agent or correspondent node to which packets come as if from a link; CARE_OF is nobody's address."""

    def __init__(self, role: str) -> None:
        self.world: World = world()
        self.world.run(3)
        self.node: HomeAgent | CorrespondentNode = self.world.ha if role == "HA" else self.world.cn1
        self.since = len(self.world.trace)

    def send(self, payload: object, *extensions: ExtensionHeader, source: Address = CARE_OF) -> None:
        own = self.node.address
        interface = self.node.addresses[own].name
        inject(self.node, Packet(source, own, payload, extensions=extensions), interface)  # type: ignore[arg-type]
        self.world.run(0.1)

    def bind(self, lifetime_s: int = 100) -> None:
        now = self.world.network.clock.now
        self.node.bind(Binding(HOME, CARE_OF, 1, now + lifetime_s * S, isinstance(self.node, type(self.world.ha))))

    @property
    def said(self) -> list[object]:
        name = self.node.name
        hops = [hop for hop in list(self.world.trace)[self.since :] if hop.channel.sender == name]
        return [hop.packet.payload for hop in hops if hop.packet.source in self.node.addresses]

    @property
    def drops(self) -> list[str]:
        return [drop.reason for drop in self.world.trace.drops() if drop.node == self.node.name]


@ROLES
def test_a_type_2_routing_header_is_discarded_without_a_word(role: str) -> None:
    """Section 8.2: "MUST ignore type 2 routing headers and silently discard all packets ... with such headers"."""
    for segments_left in (1, 0):
        desk = Desk(role)
        desk.send(UDP(5, 9, b"x"), RoutingHeaderType2(desk.node.address, segments_left))
        assert desk.said == [] and desk.drops == ["a type 2 routing header at a node that is no mobile node"]


@ROLES
def test_a_second_home_address_option_ends_the_packet(role: str) -> None:
    """Section 6.3: for each IPv6 header it "MUST NOT appear more than once"."""
    for headers in ((OPTION, OPTION), (DestinationOptions((*OPTION.options, *OPTION.options)),)):
        desk = Desk(role)
        desk.bind()
        desk.send(UDP(5, 9, b"x"), *headers)
        assert desk.drops == ["a second Home Address option"] and desk.said == []


@ROLES
def test_without_a_binding_the_next_header_must_be_esp_ah_or_mobility(role: str) -> None:
    """Section 9.3.1 speaks of the next header of the destination options themselves."""
    esp, update = Opaque(50, bytes(16)), BindingUpdate(1)
    for payload, behind, passes in (
        (esp, (), True), (Opaque(51, bytes(16)), (), True), (update, (), True),
        (UDP(5, 9, b"x"), (), False), (update, (HARMLESS,), False), (esp, (HARMLESS,), False),
    ):  # fmt: skip
        desk = Desk(role)
        desk.send(payload, OPTION, *behind)
        errors = [one for one in desk.said if isinstance(one, BindingError)]
        assert [(e.status, e.home_address) for e in errors] == ([] if passes else [(1, HOME)])
        assert ("Home Address option without a matching binding" in desk.drops) is not passes


@ROLES
def test_data_with_one_header_passes_while_its_home_address_is_bound_and_no_longer(role: str) -> None:
    """The answer for a flow's header is remembered; a change of the cache makes it void."""
    desk = Desk(role)
    heard, wrong = listen(desk.node, UDP), "Home Address option without a matching binding"
    header = Header(CARE_OF, desk.node.address, Marks(extensions=(OPTION,)), label=1)
    interface = desk.node.addresses[desk.node.address].name

    def arrives(payload: Sized, passes: bool) -> None:
        before = desk.drops.count(wrong)
        inject(desk.node, packet_of(header, payload, 0), interface)
        assert desk.drops.count(wrong) == before + (not passes)

    arrives(Opaque(50, bytes(16)), passes=True)
    arrives(UDP(5, 9), passes=False)  # though ESP with the same headers passed
    desk.bind()
    for _ in range(3):
        arrives(UDP(5, 9), passes=True)
    assert [(arrival.source, arrival.destination) for arrival in heard] == [(HOME, desk.node.address)] * 3
    desk.node.unbind(HOME)
    arrives(UDP(5, 9), passes=False)


UNROUTABLE = pytest.mark.parametrize("text", ["ff02::1", "ff0e::1", "fe80::1", "::", "::1", "::ffff:192.0.2.1"])


@ROLES
@UNROUTABLE
def test_a_home_address_that_cannot_be_routed_is_dropped_and_told_by_a_binding_error(role: str, text: str) -> None:
    """Sections 9.5.1 and 9.3.1: nothing is bound, nothing acknowledged, and nobody above hears of it."""
    for payload in (BindingUpdate(1, home_registration=role == "HA", lifetime_units=10), UDP(5, 9, b"x")):
        desk = Desk(role)
        heard = listen(desk.node, type(payload))
        desk.send(payload, DestinationOptions((HomeAddressOption(Address(text)),)))
        assert len(desk.drops) == 1 and heard == []
        assert [(type(one), one.home_address) for one in desk.said] == [(BindingError, Address(text))]  # type: ignore[attr-defined]
        assert desk.node.bindings.entry(Address(text)) is None


@ROLES
def test_a_home_address_option_needs_the_binding_of_that_address_to_that_source(role: str) -> None:
    """Section 9.3.1: the home address takes the source's place, and upper layers do not see the option."""
    other_home, other_source = HOME_PREFIX.address(0x78), Address("2001:db8:300::77")
    for is_bound, home, source, passes in (
        (False, HOME, CARE_OF, False), (True, HOME, CARE_OF, True), (True, other_home, CARE_OF, False),
        (True, HOME, other_source, False),
    ):  # fmt: skip
        desk = Desk(role)
        heard = listen(desk.node, UDP)
        if is_bound:
            desk.bind()
        desk.send(UDP(5, 9, b"x"), DestinationOptions((HomeAddressOption(home),)), source=source)
        assert [(arrival.source, arrival.packet.payload) for arrival in heard] == [(HOME, UDP(5, 9, b"x"))] * passes
        errors = [one for one in desk.said if isinstance(one, BindingError)]
        assert [(e.status, e.home_address) for e in errors] == ([] if passes else [(1, home)])


@ROLES
def test_a_home_address_option_changes_nothing_that_lasts(role: str) -> None:
    """Sections 6.3 and 9.1: with data, ESP or a test init behind it, tables and roads are as they were."""
    desk = Desk(role)

    def state() -> tuple[int, int, object]:
        road = desk.node.mobility.find_road(desk.node.address, HOME)
        return len(desk.node.bindings), sum(c.node == role for c in desk.world.trace.changes()), road and road.kind

    before = state()
    for payload in (UDP(5, 9, b"x"), Opaque(50, bytes(32)), HomeTestInit(bytes(8))):
        desk.send(payload, OPTION)
    assert state() == before and before[2] == ("direct" if role == "CN1" else None)


@ROLES
def test_binding_errors_go_to_unicast_addresses_alone_and_not_in_a_flood(role: str) -> None:
    """Section 9.3.3."""
    desk = Desk(role)
    for text in ("ff02::1", "ff0e::1", "::"):
        desk.send(UDP(5, 9, b"x"), OPTION, source=Address(text))
        desk.send(UnknownMobilityMessage(99, bytes(2)), source=Address(text))
    assert desk.said == []
    own = desk.node.address
    for _ in range(50):
        packet = Packet(CARE_OF, own, UDP(5, 9, b"x"), extensions=(OPTION,))
        inject(desk.node, packet, desk.node.addresses[own].name)
    desk.world.run(0.1)
    assert 1 <= len(desk.said) <= 10


@UNROUTABLE
def test_a_home_agent_drops_a_care_of_address_that_cannot_be_routed_without_a_word(text: str) -> None:
    """Section 6.1.7; what a correspondent does stands in its own tests, for it takes a right signature."""
    desk = Desk("HA")
    alternate = (AlternateCareOfAddress(Address(text)),)
    for lifetime_units in (10, 0):
        update = BindingUpdate(1, home_registration=True, lifetime_units=lifetime_units, options=alternate)
        desk.send(update, OPTION)
    desk.world.run(2)
    assert desk.said == [] and len(desk.drops) == 2 and desk.node.bindings.entry(HOME) is None


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({"sequence": 1}, [135]), ({"sequence": 0xFFFF}, [135]), ({"sequence": 2, "home_registration": False}, [139]),
        ({"sequence": 2, "options": (NonceIndices(1, 1),)}, []), ({"sequence": 2}, [0]),
    ],
)  # fmt: skip
def test_a_home_agent_looks_at_a_de_registration_as_at_any_update(fields: dict[str, Any], statuses: list[int]) -> None:
    """Section 10.3.2: the checks of section 9.5.1 come first, and what fails them leaves the binding."""
    desk = Desk("HA")
    desk.bind()
    desk.send(BindingUpdate(**{"home_registration": True, "lifetime_units": 0, **fields}), OPTION)
    assert [one.status for one in desk.said if isinstance(one, BindingAcknowledgement)] == statuses
    assert (HOME in desk.node.bindings) is (statuses != [0])


@ROLES
def test_a_home_address_option_may_stand_before_or_behind_other_headers_where_it_is_bound(role: str) -> None:
    """Section 6.3 tells senders where to put it; RFC 8200 section 4.1 tells receivers to take any order."""
    both = DestinationOptions((*HARMLESS.options, *OPTION.options))
    for headers in ((OPTION, HARMLESS), (HARMLESS, OPTION), (both,)):
        desk = Desk(role)
        desk.bind()
        desk.send(UDP(5, 9, b"x"), *headers)
        assert not any("Home Address" in reason for reason in desk.drops)


@ROLES
def test_the_home_address_in_a_binding_error_is_that_of_the_option_or_none(role: str) -> None:
    """Section 9.3.3, by octets: the field stands 8 octets into the Mobility Header."""
    for headers, expected in (((OPTION,), HOME.packed), ((), bytes(16))):
        desk = Desk(role)
        desk.send(Opaque(135, b""), *headers)  # not readable, so nothing is said about it
        assert desk.said == []
        message = bytes([59, 1, 77, 0, 0, 0]) + bytes(10)
        whole = codec.encode(Packet(CARE_OF, desk.node.address, Opaque(135, message), extensions=headers))
        packet = codec.decode(with_checksum(whole, headers))
        desk.send(packet.payload, *headers)
        (error,) = desk.said
        octets = codec.encode_mobility(error)  # type: ignore[arg-type]
        assert octets[2] == 7 and octets[6] == 2 and octets[8:24] == expected


def with_checksum(packet: bytes, headers: tuple[ExtensionHeader, ...]) -> bytes:
    """Set the checksum of the Mobility Header at the end of a packet, over the home address if there is one (6.1.1)."""
    source = HOME.packed if headers else packet[8:24]
    message = packet[-16:]
    pseudo = source + packet[24:40] + (16).to_bytes(4, "big") + bytes([0, 0, 0, 135]) + message
    total = sum(int.from_bytes(pseudo[at : at + 2], "big") for at in range(0, len(pseudo), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:-16] + message[:4] + (0xFFFF - total).to_bytes(2, "big") + message[6:]


@ROLES
def test_a_home_registration_with_nonce_indices_is_dropped_without_a_word(role: str) -> None:
    """Section 9.5.1: with H set "the Nonce Indices mobility option MUST NOT be present"."""
    desk = Desk(role)
    update = BindingUpdate(1, home_registration=True, lifetime_units=10, options=(NonceIndices(1, 1),))
    desk.send(update, OPTION)
    assert desk.said == [] and len(desk.drops) == 1 and HOME not in desk.node.bindings


@ROLES
def test_many_bindings_end_each_at_its_time(role: str) -> None:
    desk = Desk(role)
    now = desk.world.network.clock.now
    homes = [HOME_PREFIX.address(0x1000 + number) for number in range(50)]
    for number, home in enumerate(homes):
        desk.node.bind(Binding(home, CARE_OF, 1, now + (1 + number * 7 % 50) * S, role == "HA"))
    before = desk.world.network.clock.scheduled
    desk.world.run(60)
    ended = {
        change.change.key: (change.t_ns - now) / S for change in desk.world.trace.changes()
        if change.node == desk.node.name and change.change.after is None
    }  # fmt: skip
    assert {str(home): float(1 + number * 7 % 50) for number, home in enumerate(homes)}.items() <= ended.items()
    assert desk.world.network.clock.scheduled - before < 300, "a few events each"


@ROLES
def test_a_binding_that_is_renewed_or_shortened_ends_once_at_its_last_time(role: str) -> None:
    desk = Desk(role)
    now = desk.world.network.clock.now
    for lifetime_s in (10, 40, 10, 25, 30):
        desk.bind(lifetime_s)
    desk.world.run(60)
    ended = [
        each.t_ns for each in desk.world.trace.changes()
        if (each.node, each.change.key, each.change.after) == (desk.node.name, str(HOME), None)
    ]  # fmt: skip
    assert ended == [now + 30 * S]
