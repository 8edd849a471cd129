"""Mechanisms that make home addresses at once: every address of the home prefix is made once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.bindings.stateless import Granted, Immediate, Refused, StatelessAllocation
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from tests.mip6.worlds import S, messages, world

HOME = Prefix.parse("2001:db8:100::/64")
QUIET = mf.apps.Voice(interval_ms=200)


@given(st.integers(1, 1 << 40), st.integers(1, 50))
def test_each_address_once_and_never_the_primary(identifier: int, count: int) -> None:
    primary = HOME.address(identifier)
    allocation = StatelessAllocation(HOME, primary)
    made = [allocation.make() for _ in range(count)]
    assert len({*made, primary}) == count + 1 and all(address in HOME for address in made)


def test_prefix_discovery_comes_before_the_first_address() -> None:
    """The patent, page 8: solicitation, advertisement, an address of the prefix, and the home agent asks whether it is
    unique; the second address needs no question any more.
    """
    made = world(allocate="stateless")
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(3)]
    made.run(8)
    kinds = (MobilePrefixSolicitation, MobilePrefixAdvertisement)
    times = {
        kind: [hop.sent_ns for hop in made.trace if isinstance(hop.packet.payload, kind)][:1] for kind in kinds
    }  # fmt: skip
    updates = {each.home: each.t_ns for each in reversed(messages(made, "MN")) if each.name == "BU"}
    second, third = (updates[flow.home_address.packed] for flow in flows[1:] if flow.home_address is not None)
    assert times[kinds[0]][0] < times[kinds[1]][0] < second == third
    assert [flow.home_address for flow in flows] == [HOME.address(0x10 + number) for number in range(3)]
    bound = [c.t_ns for c in made.trace.changes() if c.node == "HA" and c.change.key == str(flows[1].home_address)]
    assert bound[-1] - second > S, "duplicate address detection"


def test_a_function_that_makes_addresses_is_told_what_is_taken() -> None:
    seen: list[list[Address]] = []

    def allocate(prefix: Prefix, taken: list[Address]) -> Address:
        seen.append(list(taken))
        return prefix.address(0x77 + len(seen))

    made = world(allocate=allocate)
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(3)]
    made.run(5)
    assert [flow.home_address for flow in flows] == [HOME.address(0x10), HOME.address(0x78), HOME.address(0x79)]
    assert seen == [[HOME.address(0x10)], [HOME.address(0x10), HOME.address(0x78)]]


@pytest.mark.parametrize("identifier", [(1 << 64) - 3, 0xFDFF_FFFF_FFFF_FF7D])
def test_no_anycast_address_is_made(identifier: int) -> None:
    """RFC 4291 section 2.6.1, RFC 2526: subnet-router and reserved anycast addresses are passed over."""
    allocation = StatelessAllocation(HOME, HOME.address(identifier))
    made = [allocation.make() for _ in range(9)]
    assert len(set(made)) == 9 and not any(HOME.is_anycast(address) for address in made)


class Given(Immediate):
    """A learner's mechanism, which gives the addresses that it is told, and then right ones."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def make(self) -> Any:
        answer = self.answers.pop(0) if self.answers else HOME.address(0x500)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Twice(Given):
    """A mechanism that answers each request once more, in the other way."""

    def allocate(self, granted: Granted, refused: Refused) -> None:
        granted(self.make())
        granted(HOME.address(0x600))
        refused("changed its mind")


WRONG: dict[str, tuple[Any, str]] = {
    "a visited network's": (Address("2001:db8:200::77"), "it has no home prefix"),
    "the care-of address": (Address("2001:db8:200::10"), "it has no home prefix"),
    "another prefix": (Address("2001:db8:101::77"), "it has no home prefix"),
    "identifier 0": (HOME.address(0), "it is an anycast address"),
    "reserved anycast": (HOME.address(0xFDFF_FFFF_FFFF_FFFE), "it is an anycast address"),
    "the primary": (HOME.address(0x10), "it is in use"),
    "one in the table": (HOME.address(0x400), "it is in use"),
    "the home agent's": (HOME.address(0x7), "it is the home agent's"),
    "multicast": (Address("ff02::1"), "it has no home prefix"),
    "unspecified": (Address("::"), "it has no home prefix"),
    "link-local": (Address("fe80::1"), "it has no home prefix"),
    "a number": (5, "it is no Address"),
    "text": ("2001:db8:100::77", "it is no Address"),
    "nothing": (None, "it is no Address"),
    "what raises": (ZeroDivisionError("division"), "your allocate() raised ZeroDivisionError"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("by", ["allocation", "allocate", "twice"])
def test_an_address_that_can_be_no_home_address_is_refused_and_nothing_has_changed(what: str, by: str) -> None:
    """A wrong address is in no table, the mobile node is not at home for it, and the next flow gets another."""
    answer, why = WRONG[what]
    mechanism = (Twice if by == "twice" else Given)(HOME.address(0x400), answer)
    put_in: dict[str, Any] = {"allocation": lambda node: mechanism}
    if by == "allocate":
        put_in = {"allocate": lambda prefix, taken: mechanism.make()}
    w = world(**put_in).run(5)
    first = [w.mn.open(w.cn1, QUIET) for _ in range(2)]
    w.run(4)
    assert first[1].home_address == HOME.address(0x400) and first[1].stats.up.lost == 0
    own, before = set(w.mn.own_home_addresses), w.trace.tables(w.network.clock.now)
    refused = w.mn.open(w.cn1, QUIET)
    w.run(4)
    after = w.trace.tables(w.network.clock.now)
    del after["MN"]["flow mapping table"][str(refused.id)]
    assert after == before and set(w.mn.own_home_addresses) == own and refused.home_address is None
    assert why in refused.refused or (by == "allocate" and refused.refused.startswith("your allocate() "))
    assert "\n" not in refused.refused and refused.stats.up.lost == refused.stats.up.sent > 0
    assert not any(place.is_home for place in w.mn.mobility.attachments.values())
    assert not [d for d in w.trace.decisions() if d.what in ("at home", "returning home")]
    again = w.mn.open(w.cn1, QUIET)
    w.mn.handover(first[1], "cell0")
    w.run(4)
    assert again.home_address == HOME.address(0x500) in w.ha.bindings and again.stats.up.lost == 0
    assert first[1].interface == "cell0" and first[1].registered_at_cn == w.mn.care_of_address("cell0")


def test_of_two_answers_the_first_counts() -> None:
    w = world(allocation=lambda node: Twice()).run(5)
    flows = [w.mn.open(w.cn1, QUIET) for _ in range(2)]
    w.run(4)
    assert flows[1].home_address == HOME.address(0x500) in w.ha.bindings and not flows[1].refused
    assert HOME.address(0x600) not in w.mn.own_home_addresses


def test_a_learner_forms_addresses_of_what_the_home_agent_advertised() -> None:
    seen: list[tuple[Any, list[Address]]] = []

    def form(advert: Any, taken: list[Address]) -> Address:
        seen.append((advert, taken))
        return Address(advert.prefix >> 64 << 64 | 0xBEE0 + len(taken))

    made = world(allocate="stateless", form=form, collision=True).run(3)
    for _ in range(3):
        made.mn.open(made.cn1, QUIET)
        made.run(2)
    advert, taken = seen[0]
    primary = made.mn.primary_home_address
    assert (advert.source, advert.prefix, advert.length) == (made.ha.home_agent_address, made.ha.home_agent_address, 64)
    assert advert.destination == made.mn.care_of_address("wlan0") and taken == [primary]
    assert [len(taken) for _, taken in seen] == [1, 2]
    assert [each.home_address.interface_identifier for each in made.mn.home_addresses] == [0x10, 0xBEE1, 0xBEE2]


def test_a_formed_address_that_somebody_has_counts_as_taken() -> None:
    seen: list[list[Address]] = []

    def form(advert: Any, taken: list[Address]) -> Address:
        seen.append(taken)
        return HOME.address(max(each.interface_identifier for each in taken) + 1)

    made = world(allocate="stateless", form=form, collision=True).run(3)
    made.mn.open(made.cn1, QUIET)
    made.run(1)
    made.mn.open(made.cn1, QUIET)
    made.run(3)
    primary = made.mn.primary_home_address
    assert seen == [[primary], [primary, HOME.address(0x11)]]


@pytest.mark.parametrize(
    ("bad", "words"), [("2001:db8:100::11", "expected an Address"), (HOME.address(7), "it is the home agent's"),
                       (Address("2001:db8:200::99"), "it has no home prefix"), (HOME.address(0x10), "it is in use")],
)  # fmt: skip
def test_what_is_no_address_to_have_is_said(bad: Any, words: str) -> None:
    made = world(allocate="stateless", form=lambda advert, taken: bad).run(3)
    made.mn.open(made.cn1, QUIET)
    second = made.mn.open(made.cn1, QUIET)
    made.run(2)
    assert words in second.refused


@pytest.mark.parametrize("allocate", [None, "dhcpv6", "request", lambda prefix, taken: None])
def test_forming_goes_with_stateless_allocation_alone(allocate: Any) -> None:
    with pytest.raises(ProtocolMisuse, match="expected allocate='stateless'"):
        world(allocate=allocate, form=lambda advert, taken: None)
