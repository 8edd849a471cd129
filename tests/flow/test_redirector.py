"""Figure 6 against a literal walk through the figure, on thousands of random histories; and its rules."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.flow.redirector import AssignmentRules, DataFlowRedirector
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.wire.address import Address
from tests.flow.entries import flow

PRIMARY = Address("2001:db8:100::10")
CNS = [Address(f"2001:db8:a::{n}") for n in range(1, 6)]


def figure_6(cn: Address, addresses: list[Address], flows: list[tuple[Address, Address]]) -> Address | None:
    """Walk steps 33 to 44 one by one: return the home address, or None at step 43. A flow is (home address, CN)."""
    ha = len(addresses) - 1  # 35: the last home address
    while True:
        of_ha = [flow for flow in flows if flow[0] == addresses[ha]]
        f = 0  # 36: the first flow of it
        while True:
            if f >= len(of_ha):  # an address without flows, which the figure does not draw: nothing speaks against it
                return addresses[ha]
            if of_ha[f][1] == cn:  # 37
                if ha == 0:  # 41: no further home address
                    return None  # 43
                ha -= 1  # 42
                break
            if f == len(of_ha) - 1:  # 38: no more flows
                return addresses[ha]  # 39
            f += 1  # 44


class History:
    """Tables with a redirector, and a plain model beside them."""

    def __init__(self, rules: AssignmentRules | None = None, optimising: Iterable[Address] = CNS) -> None:
        self.homes, self.flows = HomeAddressTable(PRIMARY), FlowMappingTable()
        for cn in optimising:
            self.flows.mark(cn, True)
        self.redirector = DataFlowRedirector(self.homes, self.flows, rules)
        self.next_id, self.next_address = 1, int(PRIMARY)

    def entry(self, cn: Address, local_port: int | None = None) -> FlowMappingEntry:
        entry = flow(self.next_id, cn, local_port)
        together = self.redirector.rules.together
        entry.group = None if together is None else together(entry)
        self.next_id += 1
        self.flows.add(entry)
        return entry

    def open(self, cn: Address) -> FlowMappingEntry:
        entry = self.entry(cn)
        self.redirector.give(entry)
        if entry.home_address is None:
            self.next_address += 1
            address = Address(self.next_address)
            self.homes.add(address)
            self.flows.change(entry, home_address=address)
        return entry

    def close(self, entry: FlowMappingEntry) -> None:
        self.flows.remove(entry.flow_id)
        home = entry.home_address
        assert home is not None
        if home != self.homes.primary and home not in self.flows.used:
            self.homes.remove(home)

    @property
    def plain(self) -> tuple[list[Address], list[tuple[Address, Address]]]:
        return [e.home_address for e in self.homes], [(f.home_address, f.cn) for f in self.flows if f.home_address]


@pytest.mark.parametrize("seed", range(100))
def test_the_redirector_walks_the_figure(seed: int) -> None:
    """A hundred histories per seed, ten thousand in all."""
    random = Random(seed)
    for _ in range(100):
        history, opened = History(), []
        for _ in range(random.randrange(5, 40)):
            if opened and random.random() < 0.4:
                history.close(opened.pop(random.randrange(len(opened))))
                continue
            cn = random.choice(CNS[: random.randrange(1, len(CNS) + 1)])
            addresses, flows = history.plain
            expected = figure_6(cn, addresses, flows)
            entry = history.open(cn)
            assert entry.home_address == (expected if expected is not None else Address(history.next_address))
            opened.append(entry)
        addresses, flows = history.plain
        assert len(flows) == len(set(flows)), "no two flows to one correspondent share an address"
        assert addresses[0] == PRIMARY


@pytest.mark.parametrize("seed", range(20))
def test_what_was_found_in_the_way_is_forgotten_when_it_no_longer_is(seed: int) -> None:
    """A redirector that has seen the whole history assigns as one that has not."""
    random = Random(seed)
    for _ in range(20):
        history, opened = History(optimising=()), []
        for _ in range(random.randrange(5, 60)):
            step, cn = random.random(), random.choice(CNS)
            if step < 0.25 and opened:
                history.close(opened.pop(random.randrange(len(opened))))
            elif step < 0.35:
                history.flows.mark(cn, random.choice([True, False, None]))
            elif step < 0.4:
                history.flows.mark_pair(random.choice([*history.homes]).home_address, cn, random.random() < 0.5)
            elif step < 0.45 and len(history.homes) < 5:
                history.next_address += 1
                history.homes.lead(Address(history.next_address), None)
            else:
                fresh = DataFlowRedirector(history.homes, history.flows)
                expected = fresh.assign(history.entry(cn), history.homes, history.flows)
                opened.append(history.open(cn))
                assert opened[-1].home_address == (expected or Address(history.next_address))


@pytest.mark.parametrize("seed", range(100))
def test_the_number_of_home_addresses(seed: int) -> None:
    """There are never fewer home addresses than distinct ones with one correspondent; over a history the peaks are
    equal.
    """
    random, history, opened = Random(seed), History(), []
    peak_addresses = peak_flows = 1
    for _ in range(120):
        if opened and random.random() < 0.45:
            history.close(opened.pop(random.randrange(len(opened))))
        else:
            opened.append(history.open(random.choice(CNS[:3])))
        most = max((sum(f.cn == cn for f in opened) for cn in CNS), default=0)
        assert len(history.homes) >= max(most, 1)
        peak_addresses, peak_flows = max(peak_addresses, len(history.homes)), max(peak_flows, most)
    assert peak_addresses == peak_flows


def test_the_primary_is_last_and_may_be_barred() -> None:
    history = History()
    history.homes.add(Address(PRIMARY + 1))
    history.next_address += 1
    assert [history.open(CNS[0]).home_address for _ in range(3)] == [PRIMARY + 1, PRIMARY, PRIMARY + 2]
    barred = History(AssignmentRules(never_primary=True))
    assert {barred.open(cn).home_address for cn in (CNS[0], CNS[1], CNS[0])} == {PRIMARY + 1, PRIMARY + 2}


def test_one_address_is_figure_1() -> None:
    for method in ("care-of address per flow", "one care-of address"):
        history = History(AssignmentRules(method=method))  # type: ignore[arg-type]
        assert {history.open(cn).home_address for cn in CNS * 3} == {PRIMARY}
        assert history.flows.as_one == (method == "one care-of address")


def test_a_home_address_for_each_flow() -> None:
    """The second embodiment of page 12: never two flows with one, whoever their correspondents are."""
    history = History(AssignmentRules(method="home address per flow"))
    opened = [history.open(cn) for cn in CNS * 3]
    assert len({entry.home_address for entry in opened}) == len(opened) == len(history.homes)
    freed = opened[4].home_address
    history.flows.remove(opened[4].flow_id)
    assert history.open(CNS[0]).home_address == freed, "one without a flow is used again"


def test_the_first_to_the_last_where_the_primary_is_not_avoided() -> None:
    history = History(AssignmentRules(avoid_primary=False))
    history.homes.add(Address(PRIMARY + 1))
    history.next_address += 1
    assert [history.open(CNS[0]).home_address for _ in range(3)] == [PRIMARY, PRIMARY + 1, PRIMARY + 2]


def test_an_unknown_method() -> None:
    with pytest.raises(ProtocolMisuse, match=r"method='all'\); expected one of 'combined'") as caught:
        AssignmentRules(method="all")  # type: ignore[arg-type]
    assert caught.value.value == "all"


def test_an_address_that_is_kept_is_for_those_flows_alone() -> None:
    """Page 10: a home address for an application, or for a correspondent."""
    history = History()
    history.redirector.keeping["calls"] = lambda entry: entry.flow_information.traits.local_port > 100
    history.homes.add(Address(PRIMARY + 1), kept_for="calls")
    history.next_address += 1
    assert history.open(CNS[0]).home_address == PRIMARY
    assert history.open(CNS[0]).home_address == PRIMARY + 2, "a kept one is not for it"
    call = history.entry(CNS[0], 101)
    history.redirector.give(call)
    assert call.home_address == PRIMARY + 1
    second = history.entry(CNS[0], 102)
    history.redirector.give(second)
    assert second.home_address is None, "a call has no other one than those that are kept for calls"


def test_for_whom_an_address_is_kept_is_asked_once_however_many_there_are() -> None:
    history, asked = History(), []
    for _ in range(9):
        history.open(CNS[0])
    history.redirector.keeping["calls"] = lambda entry: bool(asked.append(entry.flow_id))
    assert history.open(CNS[0]).home_address not in (None, PRIMARY) and len(asked) == 1


@given(st.lists(st.sampled_from(CNS), max_size=12), st.sets(st.sampled_from(CNS)))
def test_without_the_rule_for_tunnels_correspondents_count_one_by_one(
    script: list[Address], optimising: set[Address]
) -> None:
    """`tunnel_as_one=False` is page 12 to the letter: only the same correspondent is in the way."""
    free, figure = History(AssignmentRules(tunnel_as_one=False), optimising), History()
    assert [free.open(cn).home_address for cn in script] == [figure.open(cn).home_address for cn in script]


def test_named_groups_share() -> None:
    rules = AssignmentRules(together=lambda flow: "web" if flow.flow_information.traits.local_port > 100 else None)
    history = History(rules)
    alone, one, two = history.entry(CNS[0]), history.entry(CNS[0], 101), history.entry(CNS[0], 102)
    for entry in (alone, one, two):
        history.redirector.give(entry)
        if entry.home_address is None:
            history.homes.add(Address(PRIMARY + entry.flow_id))
            history.flows.change(entry, home_address=Address(PRIMARY + entry.flow_id))
    assert one.home_address == two.home_address != alone.home_address


def test_a_learners_own_rule() -> None:
    chosen = Address("2001:db8:100::abc")
    homes, flows = HomeAddressTable(PRIMARY), FlowMappingTable()
    homes.add(chosen)
    redirector = DataFlowRedirector(homes, flows, assign=lambda flow, homes, flows: chosen)
    entry = flow(1, CNS[0])
    flows.add(entry)
    redirector.give(entry)
    assert entry.home_address == chosen


@given(st.lists(st.sampled_from(CNS), max_size=12), st.sets(st.sampled_from(CNS)))
def test_without_route_optimisation_all_count_as_one_correspondent(
    script: list[Address], optimising: set[Address]
) -> None:
    history = History(optimising=optimising)
    for cn in script:
        history.open(cn)
    for home in {f.home_address for f in history.flows}:
        tunnelled = [f for f in history.flows if f.home_address == home and f.cn not in optimising]
        assert len(tunnelled) <= 1


def test_incoming_keeps_the_address_that_was_used() -> None:
    history = History()
    entry = history.entry(CNS[0])
    history.redirector.keep(entry, PRIMARY)
    assert entry.home_address == PRIMARY
