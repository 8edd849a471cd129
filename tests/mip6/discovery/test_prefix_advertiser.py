"""The home agent's part of mobile prefix discovery, asked and watched by hand (RFC 6275 sections 6.8, 10.6)."""

from __future__ import annotations

import struct
from itertools import pairwise

from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.discovery.home_prefixes import HomePrefix
from mipflow.wire import codec
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation, PrefixInformation
from mipflow.wire.mobility import BindingAcknowledgement
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet
from tests.mip6.worlds import S, world

NEW = Prefix.parse("2001:db8:101::/64")
AGENT, NEW_AGENT = HOME.address(7), NEW.address(7)


class Watched:
    """A mobile node that is registered and says nothing about prefixes by itself."""

    def __init__(self, least_s: int = 10, most_s: int = 50) -> None:
        self.world: World = world()
        deliveries = self.world.ha.prefixes.deliveries
        deliveries.min_interval_s, deliveries.max_interval_s = least_s, most_s
        self.ha, self.mn = self.world.ha, self.world.mn
        self.mn.handlers[MobilePrefixAdvertisement] = lambda arrival: None
        self.world.run(4)
        self.home = self.mn.primary_home_address

    def solicit(self, identifier: int, home: Address | None = None, source: str = "wlan0") -> None:
        care_of = self.mn.care_of_address(source)
        extensions = () if home is None else (DestinationOptions((HomeAddressOption(home),)),)
        message = MobilePrefixSolicitation(identifier)
        self.mn.send_direct(Packet(care_of, AGENT, message, extensions=extensions))

    def advertised(self, since_s: float = 0) -> list[tuple[float, Packet]]:
        """What left the home agent, with the time in s."""
        found = [hop for hop in self.world.trace if isinstance(hop.packet.payload, MobilePrefixAdvertisement)]
        return [(h.sent_ns / S, h.packet) for h in found if h.channel.sender == "HA" and h.sent_ns >= since_s * S]

    @property
    def reasons(self) -> list[str]:
        return [drop.reason for drop in self.world.trace.drops()]


def test_a_solicitation_is_answered_at_once_to_its_source_with_its_identifier() -> None:
    """Sections 6.8 and 10.6.3, octet by octet: type 2 routing header, identifier, the R bit with the whole address."""
    watched = Watched()
    watched.solicit(0xBEEF, watched.home)
    watched.world.run(1)
    ((when, packet),) = watched.advertised()
    assert when == 4.020, "5 ms, 5 ms and 10 ms away: at once"
    octets = codec.encode(packet)
    assert octets[8:24] == AGENT.packed and octets[24:40] == watched.mn.care_of_address("wlan0").packed
    assert octets[6] == 43 and octets[40:44] == b"\x3a\2\2\1" and octets[48:64] == watched.home.packed
    assert octets[64:66] == b"\x93\0" and struct.unpack_from("!HH", octets, 68) == (0xBEEF, 0), "M and O cleared"
    option = octets[72:]
    assert option[:4] == bytes([3, 4, 64, 0b1110_0000]) and option[16:] == AGENT.packed
    assert struct.unpack_from("!II", option, 4) == (2_592_000, 604_800)


def test_who_has_no_binding_is_not_answered() -> None:
    """Sections 9.3.1 and 10.6.3: neither without a Home Address option, nor with one that is not bound."""
    watched = Watched()
    watched.solicit(1)
    watched.solicit(2, HOME.address(0x99))
    watched.solicit(3, watched.home, "cell0")
    watched.world.run(1)
    assert watched.advertised() == []
    assert watched.reasons.count("Home Address option without a matching binding") == 2
    assert "mobile prefix solicitation that is not from a mobile node with a binding" in watched.reasons


def test_no_more_than_one_advertisement_a_second_goes_to_a_mobile_node() -> None:
    """Section 6.8."""
    watched = Watched()
    for number in range(1, 8):
        watched.solicit(number, watched.home)
        watched.world.run(0.3)
    watched.world.run(3)
    times = [when for when, _ in watched.advertised()]
    assert len(times) >= 3 and all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_a_change_is_told_to_all_who_are_registered_until_they_ask() -> None:
    """Section 10.6.2: scheduled at random, repeated after 3, 6 and 12 s; the care-of address is where it goes (6.8)."""
    watched = Watched()
    watched.solicit(1, watched.home)  # told once: nothing is scheduled for the longest interval
    watched.world.run(1)
    changed_s = watched.world.now
    watched.ha.announce(watched.ha.home_link, NEW, 1000, 500)
    watched.world.run(75)
    told = watched.advertised(changed_s)[:4]
    first = told[0][0]
    assert changed_s + 10 <= first < changed_s + 50
    assert [round(when - first, 6) for when, _ in told] == [0, 3, 9, 21]
    for when, packet in told:
        assert packet.destination == watched.mn.care_of_address("wlan0")
        assert packet.payload.identifier == 0  # type: ignore[attr-defined]
        left_s = 1000 - (round(when * S) - round(changed_s * S)) // S
        new = PrefixInformation(NEW_AGENT, 64, True, True, True, min(left_s, 1000), min(left_s, 1000) - 500)
        assert new in packet.payload.options  # type: ignore[attr-defined]


def test_a_solicitation_stops_the_repetitions() -> None:
    watched = Watched(most_s=1000)
    watched.ha.announce(watched.ha.home_link, NEW, 1000, 500)
    while not watched.advertised():
        watched.world.run(1)
    watched.solicit(7, watched.home)
    watched.world.run(200)
    assert [packet.payload.identifier for _, packet in watched.advertised()] == [0, 7]  # type: ignore[attr-defined]


def test_who_deregisters_is_told_nothing_more() -> None:
    """Section 10.6.2: a home registration that ends cancels what is scheduled."""
    watched = Watched()
    watched.mn.registrar.deregister(AGENT, watched.home)
    watched.world.run(1)
    watched.ha.announce(watched.ha.home_link, NEW, 1000, 500)
    watched.world.run(100)
    assert watched.advertised() == []


def test_it_can_be_switched_off() -> None:
    """Section 8.4."""
    watched = Watched()
    watched.ha.prefixes.enabled = False
    watched.ha.announce(watched.ha.home_link, NEW, 1000, 500)
    watched.solicit(7, watched.home)
    watched.world.run(100)
    assert watched.advertised() == []


def test_bindings_end_with_the_prefix_of_their_home_address_and_the_home_agents_address_with_it() -> None:
    """Sections 10.3.1 and 10.6.4."""
    watched = Watched()
    watched.ha.announce(watched.ha.home_link, NEW, 1000, 500)
    watched.ha.announce(watched.ha.home_link, HOME, 20, 0)
    assert watched.ha.bindings.get(watched.home).expires_at_s == 24  # type: ignore[union-attr]
    watched.world.run(20.5)
    assert watched.home not in watched.ha.bindings
    assert AGENT not in watched.ha.addresses and watched.ha.home_agent_address == NEW_AGENT
    assert [entry.prefix for entry in watched.ha.home.prefixes] == [NEW]
    assert watched.world.network.segment_of(watched.home) is None


def test_a_binding_under_a_deprecated_prefix_is_accepted_with_status_1() -> None:
    """Section 10.3.1."""
    watched = Watched()
    watched.ha.announce(watched.ha.home_link, HOME, 1000, 0)
    watched.mn.registrar.register_home(watched.home, watched.mn.care_of_address("cell0"))
    watched.world.run(1)
    payloads = [hop.packet.payload for hop in watched.world.trace]
    assert [p for p in payloads if isinstance(p, BindingAcknowledgement)][-1].status == 1


def test_prefixes_of_other_home_agents_are_told_too_without_their_addresses() -> None:
    """Section 10.6.1: the list of all home agents on the link."""
    made = world(home_agents=2).run(3)
    first, second = made.home_agents
    second.announce(second.home_link, NEW, 1000, 500)
    made.run(2)
    heard = first.home.prefixes.get(NEW)
    assert isinstance(heard, HomePrefix) and heard.home_agent is None
    assert 990 <= heard.valid_s(made.network.clock.now) <= 1000
    assert second.home.prefixes.get(HOME).home_agent == HOME.address(0x17), "one's own word counts"  # type: ignore[union-attr]
    said = first.advertisement(first.home_link)
    assert said is not None and NEW.network not in [o.prefix for o in said.options if isinstance(o, PrefixInformation)]
