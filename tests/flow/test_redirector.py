"""Figure 6 against a literal walk through the figure, on thousands of random histories; and its rules."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.flow.redirector import AssignmentRules, DataFlowRedirector
from mipflow.flow.tables import FlowInformation, FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.wire.address import Address

PRIMARY = Address("2001:db8:100::10")
CNS = [Address(f"2001:db8:a::{n}") for n in range(1, 6)]


def figure_6(cn: Address, addresses: list[Address], flows: list[tuple[Address, Address]]) -> Address | None:
    """Steps 33 to 44 one by one: the home address, or None at step 43. A flow is (home address, CN)."""
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

    def __init__(self, rules: AssignmentRules | None = None, optimises: object = None) -> None:
        self.homes, self.flows = HomeAddressTable(PRIMARY), FlowMappingTable()
        self.redirector = DataFlowRedirector(self.homes, self.flows, optimises or (lambda cn: True), rules)  # type: ignore[arg-type]
        self.next_id, self.next_address = 1, int(PRIMARY)

    def entry(self, cn: Address, local_port: int | None = None) -> FlowMappingEntry:
        entry = FlowMappingEntry(self.next_id, cn, FlowInformation("UDP", local_port or self.next_id, cn, 9), "wlan0")
        self.next_id += 1
        self.flows.add(entry)
        return entry

    def open(self, cn: Address) -> FlowMappingEntry:
        entry = self.entry(cn)
        self.redirector.outgoing(entry)
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
        if home != PRIMARY and self.redirector.is_unused(home):
            self.homes.remove(home)

    @property
    def plain(self) -> tuple[list[Address], list[tuple[Address, Address]]]:
        return [e.home_address for e in self.homes], [(f.home_address, f.cn) for f in self.flows if f.home_address]


@pytest.mark.parametrize("seed", range(200))
def test_the_redirector_walks_the_figure(seed: int) -> None:
    """Twenty histories per seed, four thousand in all."""
    random = Random(seed)
    for _ in range(20):
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


@pytest.mark.parametrize("seed", range(100))
def test_the_number_of_home_addresses(seed: int) -> None:
    """At every instant at least the most with one correspondent; over a history the peaks are equal, at least 1."""
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
    history = History(AssignmentRules(one_address=True))
    assert {history.open(cn).home_address for cn in CNS * 3} == {PRIMARY}


def test_named_groups_share() -> None:
    rules = AssignmentRules(together=lambda flow: "web" if flow.flow_information.local_port > 100 else None)
    history = History(rules)
    alone, one, two = history.entry(CNS[0]), history.entry(CNS[0], 101), history.entry(CNS[0], 102)
    for entry in (alone, one, two):
        history.redirector.outgoing(entry)
        if entry.home_address is None:
            history.homes.add(Address(PRIMARY + entry.flow_id))
            history.flows.change(entry, home_address=Address(PRIMARY + entry.flow_id))
    assert one.home_address == two.home_address != alone.home_address


def test_a_learners_own_rule() -> None:
    chosen = Address("2001:db8:100::abc")
    homes, flows = HomeAddressTable(PRIMARY), FlowMappingTable()
    redirector = DataFlowRedirector(homes, flows, lambda cn: True, assign=lambda flow, homes, flows: chosen)
    entry = FlowMappingEntry(1, CNS[0], FlowInformation("UDP", 1, CNS[0], 9), "wlan0")
    flows.add(entry)
    redirector.outgoing(entry)
    assert entry.home_address == chosen


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(CNS), st.integers(0, 2)), max_size=15), st.sets(st.sampled_from(CNS)))
def test_what_moves_together(script: list[tuple[Address, int]], optimising: set[Address]) -> None:
    """Optimised: one (home address, CN); in the tunnel: the home address, among those that are in the tunnel."""
    history = History(optimises=lambda cn: cn in optimising)
    for cn, home in script:
        history.flows.change(history.entry(cn), home_address=Address(PRIMARY + home))
    for flow in history.flows:
        expected = {
            other.flow_id for other in history.flows
            if other.home_address == flow.home_address
            and (other.cn == flow.cn if flow.cn in optimising else other.cn not in optimising)
        }  # fmt: skip
        assert {other.flow_id for other in history.redirector.sharing(flow)} == expected


@given(st.lists(st.sampled_from(CNS), max_size=12), st.sets(st.sampled_from(CNS)))
def test_without_route_optimisation_all_count_as_one_correspondent(
    script: list[Address], optimising: set[Address]
) -> None:
    history = History(optimises=lambda cn: cn in optimising)
    for cn in script:
        history.open(cn)
    for home in {f.home_address for f in history.flows}:
        tunnelled = [f for f in history.flows if f.home_address == home and f.cn not in optimising]
        assert len(tunnelled) <= 1


def test_incoming_keeps_the_address_that_was_used() -> None:
    history = History()
    entry = history.entry(CNS[0])
    history.redirector.incoming(entry, PRIMARY)
    assert entry.home_address == PRIMARY
