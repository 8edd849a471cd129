"""Mobile prefix discovery at a home agent, asked and watched by hand (RFC 6275 sections 6.8 and 10.6)."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.discovery.prefix_advertiser import PrefixDeliveries, next_moment_ns
from mipflow.mip6.home_prefixes import HomePrefix, HomePrefixes
from mipflow.node.lifetimes import INFINITE_S
from mipflow.wire import codec
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation, PrefixInformation
from mipflow.wire.mobility import BindingAcknowledgement
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet
from tests.mip6.worlds import S, world

NEW = Prefix.parse("2001:db8:101::/64")
AGENT, NEW_AGENT = HOME.address(7), NEW.address(7)
MOBILE, CARE_OF = HOME.address(0x10), Address("2001:db8:200::10")
WEEK_S = 604_800


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
        """Return the advertisements that left the home agent, with the time in s."""
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


def test_bindings_and_the_home_agents_address_end_with_their_prefix() -> None:
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


def test_a_timer_waits_for_what_ends_next() -> None:
    """Deprecation, most of the valid lifetime over, and its end, of each prefix."""
    table, first = HomePrefixes(), HomePrefix(HOME, AGENT, 100, 40, since_ns=0)
    table.put(first)
    table.put(replace(first, prefix=NEW, valid_lifetime_s=60))
    assert [next_moment_ns(table, t * S) for t in (0, 40, 48, 60, 80, 100)] == [
        40 * S, 48 * S, 60 * S, 80 * S, 100 * S, None,
    ]  # fmt: skip
    table.remove(NEW)
    table.put(HomePrefix(HOME, AGENT, INFINITE_S, INFINITE_S, since_ns=0))
    assert next_moment_ns(table, 0) is None and next_moment_ns(HomePrefixes(), 0) is None
    table.put(HomePrefix(HOME, AGENT, 100, 40))
    assert next_moment_ns(table, 0) is None, "lifetimes that stand still"


# --- when they leave (section 10.6.2) ---------------------------------------------------------------------------------


def deliveries(least_s: int = 10, most_s: int = 50) -> PrefixDeliveries:
    made = PrefixDeliveries(Random(1))
    made.min_interval_s, made.max_interval_s = least_s, most_s
    return made


def sent(made: PrefixDeliveries, due_ns: int | None, until_s: int) -> list[tuple[float, int, Address | None]]:
    """Take all that is due up to a time. Return (when in s, identifier, destination) of each."""
    found: list[tuple[float, int, Address | None]] = []
    while due_ns is not None and due_ns <= until_s * S:
        assert made.is_due(MOBILE, due_ns)
        answer, following = made.take(MOBILE, WEEK_S, due_ns)
        if answer is not None:
            found.append((due_ns / S, *answer))
        due_ns = following
    return found


@given(st.integers(0, 700), st.integers(1, 100_000), st.integers(0, WEEK_S))
def test_the_delay_is_random_from_the_least_to_the_least_plus_the_difference(
    least_s: int, most_s: int, preferred_s: int
) -> None:
    """RAND_ADV_DELAY is MinMobPfxAdvInterval + rand % abs(MaxScheduleDelay - MinMobPfxAdvInterval)."""
    due_ns = deliveries(least_s, most_s).changed(MOBILE, preferred_s, 7 * S)
    assert due_ns is not None
    assert least_s <= due_ns / S - 7 <= least_s + max(abs(min(most_s, preferred_s) - least_s) - 1, 0)


def test_delays_differ() -> None:
    made = deliveries(600, 86_400)
    assert len({made.changed(Address(number), WEEK_S, 0) for number in range(50)}) > 45, "no burst"


def test_an_unsolicited_advertisement_is_repeated_three_times_with_doubled_waits() -> None:
    """PREFIX_ADV_TIMEOUT 3 s before the first, PREFIX_ADV_RETRIES 3 in all; then silence until MaxMobPfxAdvInterval."""
    made = deliveries()
    due_ns = made.registered(MOBILE, WEEK_S, 0)
    assert due_ns is not None
    first = due_ns / S
    waits = [when - first for when, *_ in sent(made, due_ns, int(first) + 70)]
    assert waits == [0, 3, 9, 21]


def test_a_binding_update_lets_it_begin_again() -> None:
    made = deliveries()
    due_ns = made.registered(MOBILE, WEEK_S, 0)
    assert due_ns is not None
    before = sent(made, due_ns, due_ns // S + 30)
    assert len(before) == 4
    now = due_ns + 35 * S
    assert made.registered(MOBILE, WEEK_S, now) == now
    assert made.registered(MOBILE, WEEK_S, now) is None, "one that is under way is not disturbed"
    assert [when - now / S for when, *_ in sent(made, now, now // S + 30)] == [0, 3, 9, 21]


def test_a_solicitation_ends_the_repetitions_and_is_answered_right_away() -> None:
    """Section 10.6.2: answer right away; to the source of the solicitation, with its identifier (6.8, 10.6.3)."""
    made = deliveries(most_s=10_000)
    due_ns = made.registered(MOBILE, WEEK_S, 0)
    assert due_ns is not None
    (first,) = sent(made, due_ns, due_ns // S + 1)
    assert first[1:] == (0, None)
    now = due_ns + 2 * S
    assert made.asked(MOBILE, 77, CARE_OF, now) == now
    assert not made.is_due(MOBILE, due_ns + 3 * S), "the repetition is off"
    assert sent(made, now, now // S + 9000) == [(now / S, 77, CARE_OF)]


def test_no_more_than_one_a_second_to_a_mobile_node() -> None:
    """Section 6.8."""
    made = deliveries()
    first = made.asked(MOBILE, 1, CARE_OF, 0)
    sent(made, first, 0)
    assert made.asked(MOBILE, 2, CARE_OF, S // 10) == S
    assert made.asked(MOBILE, 3, CARE_OF, S // 5) == S
    assert sent(made, S, 1) == [(1.0, 3, CARE_OF)], "the newest is answered"


def test_one_that_is_scheduled_already_leaves_at_its_time_and_tells_what_is_true_then() -> None:
    made = deliveries()
    assert made.changed(MOBILE, WEEK_S, 0) is not None
    assert made.changed(MOBILE, WEEK_S, S) is None


def test_after_the_longest_interval_the_next_is_scheduled() -> None:
    made = deliveries(least_s=10, most_s=50)
    (one, two, *_) = sent(made, made.asked(MOBILE, 1, CARE_OF, 0), 200)
    assert one[0] == 0 and 50 + 10 <= two[0] < 50 + 50
